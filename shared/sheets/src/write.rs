//! Tables into files, row by row.

use std::fs::File;
use std::io::{self, BufWriter, Seek as _, Write};

use rust_xlsxwriter::{Format as CellFormat, Workbook, XlsxError};

use crate::formula;

/// Excel reads UTF-8 only where a file begins with this.
const BYTE_ORDER_MARK: &str = "\u{feff}";
/// What Excel allows in a cell.
const CELL_CHARS: usize = 32_767;
/// What Excel allows in a sheet, and rounder.
const SHEET_ROWS: u32 = 1_000_000;

/// Why a table could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The disk, or whatever the bytes go to.
    #[error("the file could not be written: {0}")]
    Io(#[from] io::Error),
    /// The workbook's library refused.
    #[error("the workbook could not be written: {0}")]
    Workbook(#[from] XlsxError),
}

impl From<csv::Error> for WriteError {
    fn from(error: csv::Error) -> Self {
        Self::Io(error.into())
    }
}

/// The kinds of file that are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Comma-separated UTF-8 with a byte order mark.
    Csv,
    /// An XLSX workbook.
    Xlsx,
}

impl Kind {
    /// The end of a file's name.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Xlsx => "xlsx",
        }
    }

    /// The media type.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        }
    }
}

/// Writes a table of either kind to a temporary file.
#[derive(Debug)]
pub enum SheetWriter {
    /// To CSV.
    Csv(Box<CsvWriter<BufWriter<File>>>),
    /// To XLSX.
    Xlsx(Box<XlsxWriter>),
}

impl SheetWriter {
    /// Begins a table with its header.
    ///
    /// # Errors
    /// When there is no room for temporary files.
    pub fn new(kind: Kind, header: &[impl AsRef<str>]) -> Result<Self, WriteError> {
        Ok(match kind {
            Kind::Csv => Self::Csv(Box::new(CsvWriter::new(BufWriter::new(tempfile::tempfile()?), b',', header)?)),
            Kind::Xlsx => Self::Xlsx(Box::new(XlsxWriter::new(header)?)),
        })
    }

    /// Adds a row.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn write(&mut self, cells: &[impl AsRef<str>]) -> Result<(), WriteError> {
        match self {
            Self::Csv(writer) => writer.write(cells),
            Self::Xlsx(writer) => writer.write(cells),
        }
    }

    /// The whole file, to be read from its beginning; it is gone once closed.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn finish(self) -> Result<File, WriteError> {
        let mut file = match self {
            Self::Csv(writer) => writer.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?,
            Self::Xlsx(writer) => {
                let mut file = tempfile::tempfile()?;
                writer.finish(&mut file)?;
                file
            }
        };
        file.rewind()?;
        Ok(file)
    }
}

/// Writes CSV. No cell begins like a formula: such text gets an apostrophe, which reading takes off again.
#[derive(Debug)]
pub struct CsvWriter<W: Write> {
    inner: csv::Writer<W>,
}

impl<W: Write> CsvWriter<W> {
    /// Begins a table with its header.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn new(mut out: W, delimiter: u8, header: &[impl AsRef<str>]) -> Result<Self, WriteError> {
        out.write_all(BYTE_ORDER_MARK.as_bytes())?;
        let inner = csv::WriterBuilder::new()
            .delimiter(delimiter)
            .flexible(true)
            .terminator(csv::Terminator::CRLF)
            .from_writer(out);
        let mut writer = Self { inner };
        writer.write(header)?;
        Ok(writer)
    }

    /// Adds a row.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&mut self, cells: &[impl AsRef<str>]) -> Result<(), WriteError> {
        for cell in cells {
            self.inner.write_field(formula::neutralised(cell.as_ref()).as_bytes())?;
        }
        self.inner.write_record(None::<&[u8]>)?;
        Ok(())
    }

    /// Ends the table.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn finish(self) -> Result<W, WriteError> {
        Ok(self.inner.into_inner().map_err(csv::IntoInnerError::into_error)?)
    }
}

/// Writes an XLSX workbook. Every cell is a string by its type, which no program computes.
///
/// Holds one row; the others lie in a temporary file until the end.
pub struct XlsxWriter {
    workbook: Workbook,
    width: usize,
    row: u32,
}

impl std::fmt::Debug for XlsxWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("XlsxWriter").field("row", &self.row).finish_non_exhaustive()
    }
}

impl XlsxWriter {
    /// Begins a table with its header, which stays in view.
    ///
    /// # Errors
    /// When there is no room for temporary files.
    pub fn new(header: &[impl AsRef<str>]) -> Result<Self, WriteError> {
        let mut workbook = Workbook::new();
        let sheet = workbook.add_worksheet_with_constant_memory()?;
        sheet.set_freeze_panes(1, 0)?;
        let bold = CellFormat::new().set_bold();
        for (column, cell) in (0..).zip(header) {
            sheet.set_column_width(column, 18)?;
            sheet.write_string_with_format(0, column, text(cell.as_ref()), &bold)?;
        }
        Ok(Self {
            workbook,
            width: header.len(),
            row: 1,
        })
    }

    /// Adds a row.
    ///
    /// # Errors
    /// When the disk is full, or the sheet.
    pub fn write(&mut self, cells: &[impl AsRef<str>]) -> Result<(), WriteError> {
        if self.row == SHEET_ROWS {
            return Err(io::Error::other("a sheet holds a million rows").into());
        }
        let sheet = self.workbook.worksheet_from_index(0)?;
        for (column, cell) in (0..).zip(cells) {
            // A string that is there and empty would be longer to write, and the same.
            if !cell.as_ref().is_empty() {
                sheet.write_string(self.row, column, text(cell.as_ref()))?;
            }
        }
        self.width = self.width.max(cells.len());
        self.row += 1;
        Ok(())
    }

    /// Ends the table and writes the workbook.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn finish(mut self, out: impl Write + Send) -> Result<(), WriteError> {
        let sheet = self.workbook.worksheet_from_index(0)?;
        if let Some(last) = u16::try_from(self.width).ok().and_then(|width| width.checked_sub(1)) {
            // Codes and phone numbers are text on purpose: no green triangles.
            sheet.ignore_error_range(0, 0, self.row, last, rust_xlsxwriter::IgnoreError::NumberStoredAsText)?;
        }
        self.workbook.save_to_writer(out)?;
        Ok(())
    }
}

/// The text as a cell can hold it: Excel counts UTF-16 units, and repairs a file with a longer cell by emptying it.
fn text(text: &str) -> String {
    let text = formula::guarded(text);
    let mut units = 0;
    let kept = text.chars().take_while(|c| {
        units += c.len_utf16();
        units <= CELL_CHARS
    });
    kept.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_cut_where_excel_counts() {
        let long = "\u{1f600}".repeat(CELL_CHARS);
        assert_eq!(text(&long).encode_utf16().count(), CELL_CHARS - 1, "no character is cut in half");
        assert_eq!(text(&"x".repeat(CELL_CHARS + 1)).len(), CELL_CHARS);
        assert_eq!(text("short"), "short");
    }
}
