//! The rows that go back: their cells as they were, unless they would pass uncorrected, and behind them what is wrong, in a file that
//! can be imported once corrected.

use std::fs::File;
use std::path::Path;

use domain::columns::{self, Mapping, REPORT_COLUMNS, Target, clean_header, header_names};
use domain::import::RowError;
use sheets::{Flaw, Format, Kind, Limits, Options, Row, Sheet, SheetWriter, WriteError};

use super::Stopped;
use super::reading::CODE_FORMAT;

/// Writes rejected rows to a file on the disk: of the kind they came in, so that a workbook's codes stay text.
pub(super) struct Rejects {
    writer: SheetWriter,
    /// Cells of the header that are the file's own.
    width: usize,
    /// With the report of an earlier import.
    whole_width: usize,
}

impl Rejects {
    pub(super) fn new(kind: Kind, header: &[String], mapping: &Mapping) -> Result<Self, WriteError> {
        let width = header.len() - report_width(header);
        let mut names = names(header, mapping);
        names.truncate(width);
        names.extend(REPORT_COLUMNS.map(str::to_owned));
        Ok(Self {
            writer: SheetWriter::new(kind, &names)?,
            width,
            whole_width: header.len(),
        })
    }

    /// Takes over the rows of an earlier file of the same import.
    pub(super) fn add_all(&mut self, earlier: &Path) -> Result<(), Stopped> {
        let options = Options {
            limits: Limits {
                rows: u32::MAX,
                file_bytes: u64::MAX,
                // The report stands behind the most cells a row may have.
                columns: Limits::default().columns + REPORT_COLUMNS.len(),
                row_bytes: 2 * Limits::default().row_bytes,
                ..Limits::default()
            },
            delimiter: Some(','),
            encoding: Some("utf-8"),
            header_row: Some(1),
            ..Options::default()
        };
        let mut sheet = sheets::open_with(earlier, &options).map_err(Stopped::of_sheet)?;
        while let Some(row) = sheet.next_row().map_err(Stopped::of_sheet)? {
            self.writer.write(&row.cells)?;
        }
        Ok(())
    }

    pub(super) fn add(&mut self, row: &Row, errors: &[RowError]) -> Result<(), WriteError> {
        let mut cells = row.cells.clone();
        if cells.len() <= self.whole_width {
            // The old report goes; cells that are missing are empty, so that the new one stands below its header.
            cells.resize(self.width, String::new());
        }
        for cell in untrusted(row, errors) {
            if let Some(text) = cells.get_mut(cell) {
                TO_BE_ENTERED.clone_into(text);
            }
        }
        let join = |text: &dyn Fn(&RowError) -> &str| errors.iter().map(text).collect::<Vec<_>>().join("; ");
        let suggestions = if errors.iter().any(|error| error.suggestion.is_some()) {
            join(&|error| error.suggestion.as_deref().unwrap_or_default())
        } else {
            String::new()
        };
        cells.extend([
            row.number.to_string(),
            join(&|error| &error.column),
            join(&|error| &error.value),
            join(&|error| &error.reason),
            suggestions,
        ]);
        self.writer.write(&cells)
    }

    /// The whole file, from its beginning; it is gone once closed.
    pub(super) fn finish(self) -> Result<File, WriteError> {
        self.writer.finish()
    }
}

/// Stands in a cell whose text cannot be trusted for what the cell was, and not for how it reads: written as text it would pass. What it
/// read is in the report beside it. A file is refused with it.
const TO_BE_ENTERED: &str = "#VALUE!";

/// The cells of a row that were refused for what they are: formulas, numbers that lost digits, codes behind number formats.
fn untrusted(row: &Row, errors: &[RowError]) -> Vec<usize> {
    let is_refused = |cell: usize, code: &str| {
        let text = row.cells.get(cell).map(String::as_str).unwrap_or_default();
        errors.iter().any(|error| error.code == code && error.is_about(text))
    };
    let flaws = row.flaws.iter().filter(|(_, flaw)| matches!(flaw, Flaw::Formula | Flaw::LostDigits));
    let flawed = flaws.filter(|(cell, flaw)| is_refused(*cell, flaw.code())).map(|(cell, _)| *cell);
    let shown = row.shown.iter().filter(|(cell, _)| is_refused(*cell, CODE_FORMAT)).map(|(cell, _)| *cell);
    flawed.chain(shown).collect()
}

/// The kind of file the rejects of a table come back in.
pub(super) fn kind(sheet: &Sheet) -> Kind {
    match sheet.format() {
        Format::Workbook => Kind::Xlsx,
        Format::Delimited { .. } => Kind::Csv,
    }
}

/// How many columns at the end of the header are the report of an earlier import.
fn report_width(header: &[String]) -> usize {
    let is_report = |name: &&String| REPORT_COLUMNS.contains(&clean_header(name).as_str());
    header.iter().rev().take_while(is_report).count()
}

/// The headers. One that a person mapped is called as what it was mapped to, so that the corrected file needs no mapping.
fn names(header: &[String], mapping: &Mapping) -> Vec<String> {
    let proposal = columns::recognise(header).mapping;
    let name = |(position, (header, name)): (usize, (&String, String))| match (mapping.target(position, &name), proposal.target(position, &name)) {
        (Some(meant), proposed) if Some(meant) != proposed => match meant {
            Target::Columns(columns) if columns.len() == 1 => columns[0].to_owned(),
            Target::Attribute(_) => meant.to_string(),
            Target::Columns(_) => header.clone(),
            Target::Ignore => format!("not imported: {name}"),
        },
        _ => header.clone(),
    };
    header.iter().zip(header_names(header)).enumerate().map(name).collect()
}
