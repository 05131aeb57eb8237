//! The rows that go back: their cells as they were, and behind them what is wrong, in a file that can be imported once corrected.

use std::fs::File;
use std::io::{self, BufWriter, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use domain::columns::{self, Mapping, REPORT_COLUMNS, Target, clean_header};
use domain::import::RowError;
use sheets::{CsvWriter, Row, WriteError};
use tempfile::NamedTempFile;

/// Writes rejected rows to a file on the disk.
pub(super) struct Rejects {
    writer: CsvWriter<BufWriter<NamedTempFile>>,
    /// Cells of the header that are the file's own.
    width: usize,
    /// With the report of an earlier import.
    whole_width: usize,
    pub(super) count: u32,
}

impl Rejects {
    pub(super) fn new(header: &[String], mapping: &Mapping) -> Result<Self, WriteError> {
        let width = header.len() - report_width(header);
        let mut names = names(&header[..width], mapping);
        names.extend(REPORT_COLUMNS.map(str::to_owned));
        Ok(Self {
            writer: CsvWriter::new(BufWriter::new(NamedTempFile::new()?), b',', &names)?,
            width,
            whole_width: header.len(),
            count: 0,
        })
    }

    pub(super) fn add(&mut self, row: &Row, errors: &[RowError]) -> Result<(), WriteError> {
        let mut cells = row.cells.clone();
        if cells.len() <= self.whole_width {
            // The old report goes; cells that are missing are empty, so that the new one stands below its header.
            cells.resize(self.width, String::new());
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
        self.count += 1;
        self.writer.write(&cells)
    }

    pub(super) fn finish(self) -> Result<NamedTempFile, WriteError> {
        Ok(self.writer.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?)
    }

    /// Puts these rows behind those of an earlier file with the same header.
    pub(super) fn finish_behind(self, earlier: &Path, header: &[String], mapping: &Mapping) -> Result<NamedTempFile, WriteError> {
        let header = Self::new(header, mapping)?.finish()?.as_file().metadata()?.len();
        let mut rows = self.finish()?;
        let mut whole = NamedTempFile::new()?;
        io::copy(&mut File::open(earlier)?, whole.as_file_mut())?;
        rows.as_file_mut().seek(SeekFrom::Start(header))?;
        io::copy(rows.as_file_mut(), whole.as_file_mut())?;
        whole.as_file_mut().flush()?;
        Ok(whole)
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
    let name = |header: &String| {
        let clean = clean_header(header);
        match (mapping.columns.get(&clean), proposal.columns.get(&clean)) {
            (Some(meant), proposed) if Some(meant) != proposed => match meant {
                Target::Columns(columns) if columns.len() == 1 => columns[0].to_owned(),
                Target::Attribute(_) => meant.to_string(),
                Target::Columns(_) => header.clone(),
                Target::Ignore => format!("not imported: {clean}"),
            },
            _ => header.clone(),
        }
    };
    header.iter().map(name).collect()
}
