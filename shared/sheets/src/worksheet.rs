//! The rows of a worksheet, one at a time.

use quick_xml::events::{BytesStart, Event};

use crate::package::PartReader;
use crate::strings::Strings;
use crate::workbook::Formats;
use crate::xml::{Xml, append_text, attribute, is};
use crate::{Flaw, Limits, Row, SheetError, Shown, formula, numbers};

/// The last row a spreadsheet has.
const LAST_ROW: u32 = 1_048_576;

/// A worksheet being read.
pub(crate) struct Worksheet {
    xml: Xml<PartReader>,
    limits: Limits,
    row: u32,
    is_begun: bool,
    is_over: bool,
}

/// What is needed to understand a cell.
pub(crate) struct Shared {
    pub(crate) strings: Strings,
    pub(crate) formats: Formats,
}

/// A cell as it is written.
#[derive(Default)]
struct RawCell {
    kind: String,
    style: Option<usize>,
    value: String,
    is_formula: bool,
}

/// A cell as it is understood.
struct Value {
    text: String,
    flaw: Option<Flaw>,
    shown: Option<Shown>,
}

impl Worksheet {
    pub(crate) fn new(xml: Xml<PartReader>, limits: Limits) -> Self {
        Self {
            xml,
            limits,
            row: 0,
            is_begun: false,
            is_over: false,
        }
    }

    /// The next row with anything in it.
    pub(crate) fn next(&mut self, shared: &mut Shared) -> Result<Option<Row>, SheetError> {
        while !self.is_over {
            match self.xml.next()? {
                Event::Eof => return Err(self.xml.damaged("it ends too early")),
                Event::Start(tag) if is(&tag, "sheetData") => self.is_begun = true,
                Event::End(tag) if tag.local_name().as_ref() == "sheetData" => self.is_over = true,
                Event::Start(tag) if self.is_begun && is(&tag, "row") => {
                    let number = match attribute(&tag, "r") {
                        Some(number) => number.parse().ok(),
                        None => Some(self.row + 1),
                    };
                    let number = number.filter(|number| (self.row + 1..=LAST_ROW).contains(number));
                    self.row = number.ok_or_else(|| self.xml.damaged("its rows are not in order"))?;
                    let row = self.row(shared)?;
                    if row.cells.iter().any(|cell| !cell.trim().is_empty()) {
                        return Ok(Some(row));
                    }
                }
                _ => {}
            }
        }
        Ok(None)
    }

    /// Reads the row that has just begun.
    fn row(&mut self, shared: &mut Shared) -> Result<Row, SheetError> {
        let depth = self.xml.depth();
        let mut row = Row::new(self.row);
        let (mut column, mut bytes) = (0, 0);
        loop {
            let begun = match self.xml.next()? {
                Event::Eof => return Err(self.xml.damaged("it ends too early")),
                Event::Start(tag) if is(&tag, "c") => Some((place(&tag), cell(&tag))),
                _ => None,
            };
            let Some((place, cell)) = begun else {
                if self.xml.depth() < depth {
                    return Ok(row);
                }
                continue;
            };
            column = match place {
                Place::Next => column + 1,
                Place::At(column) => column,
                Place::Wrong => return Err(self.xml.damaged("a cell has no valid address")),
            };
            let Value { text, flaw, shown } = self.value(cell, shared)?;
            // A cell may be there for its colour only.
            if text.is_empty() && flaw.is_none() {
                continue;
            }
            if column > self.limits.columns {
                return Err(SheetError::FarCell {
                    cell: numbers::address(column, self.row),
                });
            }
            if text.len() > self.limits.cell_chars && text.chars().count() > self.limits.cell_chars {
                return Err(SheetError::CellTooLong {
                    row: self.row,
                    cell: column,
                    limit: self.limits.cell_chars,
                });
            }
            bytes += text.len();
            if bytes > self.limits.row_bytes {
                return Err(SheetError::RowTooLong {
                    row: self.row,
                    limit_kb: self.limits.row_bytes / 1024,
                });
            }
            if row.cells.len() < column {
                row.cells.resize(column, String::new());
            }
            row.cells[column - 1] = text;
            if let Some(flaw) = flaw {
                row.flaw(column - 1, flaw);
            }
            row.shown.extend(shown.map(|shown| (column - 1, shown)));
        }
    }

    /// Reads the cell that has just begun.
    fn value(&mut self, mut cell: RawCell, shared: &mut Shared) -> Result<Value, SheetError> {
        let depth = self.xml.depth();
        let (mut takes, mut in_phonetic) = (false, false);
        loop {
            let event = self.xml.next()?;
            match &event {
                Event::Eof => return Err(self.xml.damaged("it ends too early")),
                Event::Start(tag) => match tag.local_name().as_ref() {
                    "f" => cell.is_formula = true,
                    "v" => takes = true,
                    "t" => takes = !in_phonetic,
                    "rPh" => in_phonetic = true,
                    _ => {}
                },
                Event::End(tag) => match tag.local_name().as_ref() {
                    "v" | "t" => takes = false,
                    "rPh" => in_phonetic = false,
                    _ => {}
                },
                other if takes => {
                    if let Err(reason) = append_text(other, &mut cell.value) {
                        return Err(self.xml.damaged(reason));
                    }
                    if cell.value.len() > 8 * self.limits.cell_chars {
                        return Err(self.xml.damaged("a cell holds too much text"));
                    }
                }
                _ => {}
            }
            if self.xml.depth() < depth {
                return self.understood(cell, shared);
            }
        }
    }

    fn understood(&self, cell: RawCell, shared: &mut Shared) -> Result<Value, SheetError> {
        let RawCell {
            kind,
            style,
            value,
            is_formula,
        } = cell;
        let (mut flaw, mut shown) = (None, None);
        let text = match kind.as_str() {
            _ if value.is_empty() => value,
            "s" => {
                let index = value.trim().parse().ok();
                let text = index.map(|index| shared.strings.get(index)).transpose()?.flatten();
                typed(&text.ok_or_else(|| self.xml.damaged("a cell refers to a text that is not there"))?)
            }
            "str" | "inlineStr" => typed(&value),
            "b" => if value.trim() == "1" { "TRUE" } else { "FALSE" }.to_owned(),
            "e" => {
                flaw = Some(Flaw::ErrorValue);
                value
            }
            "d" => value.strip_suffix("T00:00:00").map(str::to_owned).unwrap_or(value),
            _ => {
                let look = shared.formats.look(style);
                let (text, is_exact) = numbers::text(value.trim(), look, shared.formats.since_1904);
                shown = numbers::shown(value.trim(), look);
                if !is_exact {
                    flaw = Some(Flaw::LostDigits);
                }
                text
            }
        };
        // Also where it is a text by now: a sheet that was copied, or rejected rows that nobody has corrected.
        let flaw = flaw.or_else(|| crate::is_error_value(&text).then_some(Flaw::ErrorValue));
        let flaw = if is_formula { Some(Flaw::Formula) } else { flaw };
        Ok(Value { text, flaw, shown })
    }
}

/// A text as it was typed: control characters are written as `_x000D_`.
fn typed(text: &str) -> String {
    let text = numbers::without_escapes(text);
    formula::restored(&text).map(str::to_owned).unwrap_or(text)
}

enum Place {
    At(usize),
    Next,
    Wrong,
}

fn place(tag: &BytesStart<'_>) -> Place {
    match attribute(tag, "r") {
        None => Place::Next,
        Some(address) => numbers::column(&address).map_or(Place::Wrong, Place::At),
    }
}

fn cell(tag: &BytesStart<'_>) -> RawCell {
    RawCell {
        kind: attribute(tag, "t").unwrap_or_default(),
        style: attribute(tag, "s").and_then(|style| style.parse().ok()),
        value: String::new(),
        is_formula: false,
    }
}
