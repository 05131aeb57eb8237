//! Delimited text, record by record.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use crate::text::Text;
use crate::{Doubt, Flaw, Limits, Row, SheetError, formula};

/// The commoner ones first.
pub(crate) const DELIMITERS: [u8; 7] = [b',', b';', b'\t', b'|', b'^', b'~', b':'];

/// What MS-DOS puts at the end of a text.
const END_OF_TEXT: u8 = 0x1a;

/// The records of a text, numbered as a spreadsheet numbers rows.
///
/// On top of `csv_core` rather than `csv`: that one grows its buffers for as long as a record goes on, and says nothing of
/// the empty lines it skips.
pub(crate) struct Records<T> {
    text: T,
    delimiter: u8,
    core: Reader,
    limits: Limits,
    out: Vec<u8>,
    ends: Vec<usize>,
    number: u32,
    /// What was read last is the first half of a line end, perhaps.
    after_return: bool,
}

impl<T: Text> Records<T> {
    pub(crate) fn new(text: T, delimiter: u8, limits: Limits) -> Self {
        Self {
            text,
            delimiter,
            core: ReaderBuilder::new().delimiter(delimiter).build(),
            limits,
            out: vec![0; 4096],
            ends: vec![0; 64],
            number: 0,
            after_return: false,
        }
    }

    /// The same records, in which a quotation mark is a character like any other, or not.
    pub(crate) fn with_quotes(mut self, are_quotes: bool) -> Self {
        self.core = ReaderBuilder::new().delimiter(self.delimiter).quoting(are_quotes).build();
        self
    }

    /// The next record with anything in it.
    pub(crate) fn next(&mut self) -> Result<Option<Row>, SheetError> {
        loop {
            self.skip_empty_lines()?;
            let Some((len, cells, is_open)) = self.record()? else {
                return Ok(None);
            };
            if self.out[..len].iter().any(|byte| !byte.is_ascii_whitespace() && *byte != END_OF_TEXT) {
                let mut row = self.row(cells)?;
                if is_open {
                    // The line break that showed it.
                    let _ = row.cells.last_mut().and_then(String::pop);
                    let lines = self.out[..len].trim_ascii_end().iter().filter(|byte| **byte == b'\n').count() + 1;
                    row.doubt = Some(Doubt::OpenQuote {
                        lines: u32::try_from(lines).unwrap_or(u32::MAX),
                    });
                }
                return Ok(Some(row));
            }
        }
    }

    fn skip_empty_lines(&mut self) -> Result<(), SheetError> {
        loop {
            match self.text.fill()?.first() {
                Some(b'\n') if self.after_return => self.after_return = false,
                Some(b'\n') => self.number = self.number.saturating_add(1),
                Some(b'\r') => {
                    self.number = self.number.saturating_add(1);
                    self.after_return = true;
                }
                _ => return Ok(()),
            }
            self.text.consume(1);
        }
    }

    /// Reads one record into the buffers; the bytes and the cells it has, and whether it ends within quotation marks.
    fn record(&mut self) -> Result<Option<(usize, usize, bool)>, SheetError> {
        let (mut len, mut cells) = (0, 0);
        let (mut is_begun, mut is_open) = (false, false);
        let row = self.number.saturating_add(1);
        loop {
            let input = self.text.fill()?;
            // At the end of the text a line break ends the record, unless a quoted cell is open: then it is a part of that.
            let is_over = input.is_empty();
            let is_probe = is_over && is_begun && !is_open;
            let input = if is_probe { b"\n" } else { input };
            is_begun = true;
            let (result, read, written, ended) = self.core.read_record(input, &mut self.out[len..], &mut self.ends[cells..]);
            is_open |= is_probe && read > 0 && matches!(result, ReadRecordResult::InputEmpty);
            if !is_over {
                self.after_return = read > 0 && input[read - 1] == b'\r';
                self.text.consume(read);
            }
            len += written;
            cells += ended;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull if len >= self.limits.row_bytes => {
                    return Err(SheetError::RowTooLong {
                        row,
                        limit_kb: self.limits.row_bytes / 1024,
                    });
                }
                ReadRecordResult::OutputFull => self.out.resize((2 * self.out.len()).min(self.limits.row_bytes.max(len + 1)), 0),
                ReadRecordResult::OutputEndsFull if cells > self.limits.columns => {
                    return Err(SheetError::TooManyColumns {
                        row,
                        limit: self.limits.columns,
                    });
                }
                ReadRecordResult::OutputEndsFull => self.ends.resize((2 * self.ends.len()).min(self.limits.columns + 1).max(cells + 1), 0),
                ReadRecordResult::Record => {
                    self.number = row;
                    if cells > self.limits.columns {
                        return Err(SheetError::TooManyColumns {
                            row,
                            limit: self.limits.columns,
                        });
                    }
                    return Ok(Some((len, cells, is_open)));
                }
                ReadRecordResult::End => return Ok(None),
            }
        }
    }

    fn row(&self, count: usize) -> Result<Row, SheetError> {
        let mut row = Row::new(self.number);
        row.cells.reserve(count);
        let mut start = 0;
        for (index, &end) in self.ends[..count].iter().enumerate() {
            // Delimiters are ASCII, so that no character is cut.
            let text = std::str::from_utf8(&self.out[start..end]).map_err(|_| SheetError::NotText)?;
            start = end;
            let text = text.strip_suffix(char::from(END_OF_TEXT)).filter(|_| index + 1 == count).unwrap_or(text);
            if text.len() > self.limits.cell_chars && text.chars().count() > self.limits.cell_chars {
                return Err(SheetError::CellTooLong {
                    row: row.number,
                    cell: index + 1,
                    limit: self.limits.cell_chars,
                });
            }
            let text = match (formula::restored(text), formula::literal(text)) {
                (Some(restored), _) => restored,
                (None, Some(literal)) => literal,
                (None, None) => {
                    if formula::is_formula(text) {
                        row.flaw(index, Flaw::Formula);
                    } else if crate::is_error_value(text) {
                        row.flaw(index, Flaw::ErrorValue);
                    } else if text.contains(char::REPLACEMENT_CHARACTER) {
                        row.flaw(index, Flaw::Undecodable);
                    }
                    text
                }
            };
            row.cells.push(text.to_owned());
        }
        Ok(row)
    }
}

/// Whether quotation marks enclose cells. Where tabs or bars stand between cells nobody needs them, and what is written there is an
/// inch sign as often: they do not where that leaves a cell open, or makes one of rows.
pub(crate) fn is_quoted<T: Text>(delimiter: u8, records: &mut Records<T>) -> bool {
    if !matches!(delimiter, b'\t' | b'|' | b'^' | b'~') {
        return true;
    }
    let mut widest = 0;
    loop {
        match records.next() {
            Ok(Some(row)) => {
                widest = widest.max(row.cells.len());
                let swallows = |(at, cell): (usize, &String)| swallows_rows(cell, at, char::from(delimiter), widest);
                if row.doubt.is_some() || row.cells.iter().enumerate().any(swallows) {
                    return false;
                }
            }
            Err(SheetError::RowTooLong { .. } | SheetError::CellTooLong { .. }) => return false,
            Ok(None) | Err(_) => return true,
        }
    }
}

/// Whether a cell over several lines looks like rows that two stray quotation marks made one cell of: a line in it has as many
/// delimiters as the header, or its first and last lines have those that rows have behind and before this cell.
pub(crate) fn swallows_rows(cell: &str, at: usize, delimiter: char, width: usize) -> bool {
    // In a narrow table an address has as many commas by itself.
    if width < 4 || !cell.contains('\n') {
        return false;
    }
    let counts: Vec<usize> = cell.lines().map(|line| line.matches(delimiter).count()).collect();
    match counts.as_slice() {
        [first, inner @ .., last] => inner.iter().any(|count| *count == width - 1) || (*first + at == width - 1 && *last == at),
        _ => false,
    }
}

/// The delimiter that makes most sense of the first lines: the one whose records hold the most known headers, if two of them at least;
/// of equals, the one that gives the most rows of one width, and the widest.
pub(crate) fn delimiter(sample: &[u8], limits: Limits, knows: &dyn Fn(&str) -> bool) -> u8 {
    let score = |delimiter: u8| {
        let mut records = Records::new(sample, delimiter, limits);
        let mut known = 0;
        let mut widths = Vec::new();
        // A sample may end within a record, or be an error that is reported where the file is read.
        while let Ok(Some(row)) = records.next() {
            known = known.max(row.cells.iter().filter(|cell| knows(cell)).count());
            widths.push(row.cells.len());
            if widths.len() == crate::SAMPLE_ROWS {
                break;
            }
        }
        let alike = |width: usize| widths.iter().filter(|&&other| other == width).count();
        // A width of one row alone says little: a text that is no cell's end may hold any of the delimiters.
        let regularity = |width: usize| (width > 1 && alike(width) > 1, alike(width) * (width - 1), width);
        let regular = widths.iter().map(|&width| regularity(width)).max().unwrap_or_default();
        // One known header may be a word of a text.
        (if known > 1 { known } else { 0 }, regular, known)
    };
    let mut best = (score(DELIMITERS[0]), DELIMITERS[0]);
    for delimiter in &DELIMITERS[1..] {
        let score = score(*delimiter);
        // Times of day and addresses of the web have colons: only known headers tell that they separate cells.
        let may_separate = *delimiter != b':' || score.0 > 0;
        if may_separate && score > best.0 {
            best = (score, *delimiter);
        }
    }
    best.1
}
