//! Import files: delimited text as spreadsheets and ERP systems write it, and the same with reasons as it goes back.

use std::collections::BTreeSet;

use domain::vendor::{COLUMNS, RawVendor, column_for};
use encoding_rs::{Encoding, WINDOWS_1252};
use store::imports::RowError;

/// The columns added to rejected rows. They are ignored when the corrected file comes back.
pub const REPORT_COLUMNS: [&str; 4] = ["row", "error_column", "error_value", "error_reason"];

const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
const REQUIRED: [&str; 2] = ["vendor_code", "company_name"];

/// Why a file as a whole cannot be imported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SheetError {
    /// No bytes, or only white space.
    #[error("the file is empty: upload a CSV file with a header row and one row for each vendor")]
    Empty,
    /// A workbook of a spreadsheet program.
    #[error("the file is a spreadsheet workbook: save it as CSV (UTF-8) and upload that")]
    Workbook,
    /// Neither UTF-8 nor any other text we know.
    #[error("the file is not text: save it as CSV (UTF-8) and upload that")]
    NotText,
    /// The columns no vendor is without are not in the header.
    #[error("the header has no column for {missing}; found: {found}; expected: {}, of which vendor_code and company_name are required", COLUMNS.join(", "))]
    MissingColumns {
        /// What is missing.
        missing: String,
        /// What the header has.
        found: String,
    },
    /// A header and nothing else.
    #[error("the file has a header but no rows: add one row for each vendor")]
    NoRows,
}

impl SheetError {
    /// A stable word for machines.
    pub const fn code(&self) -> &'static str {
        match self {
            SheetError::Empty => "empty",
            SheetError::Workbook => "workbook",
            SheetError::NotText => "not_text",
            SheetError::MissingColumns { .. } => "missing_columns",
            SheetError::NoRows => "no_rows",
        }
    }
}

/// A file that can be imported: text, whose header names at least the vendor's code and name, and at least one row.
#[derive(Debug)]
pub struct Sheet {
    text: String,
    delimiter: u8,
    header: Vec<String>,
    columns: Vec<Option<&'static str>>,
    /// The file is a corrected rejects file, with our own columns at the end.
    has_report: bool,
}

/// A row with something in it. No `Debug`: its cells are personal.
#[derive(Clone, PartialEq)]
pub struct Row {
    /// Counted from 2 for the first below the header, as spreadsheets do.
    pub number: u32,
    /// The cells as they were, without the report's.
    pub cells: Vec<String>,
    /// The cells by column, if there are as many as the header has.
    pub vendor: Result<RawVendor, CellCount>,
}

/// A row has another number of cells than the header, so that none of them can be trusted to be in its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the row has {found} cells where the header has {expected}: look for a missing or stray separator, quotation mark or line break")]
pub struct CellCount {
    /// Cells in the row.
    pub found: usize,
    /// Cells in the header.
    pub expected: usize,
}

impl Sheet {
    /// Reads the encoding, the delimiter and the header.
    ///
    /// # Errors
    /// What keeps the whole file from being imported.
    pub fn parse(bytes: &[u8]) -> Result<Self, SheetError> {
        let text = decode(bytes)?;
        if text.trim().is_empty() {
            return Err(SheetError::Empty);
        }
        // The right delimiter is the one that makes most sense of the header; of equals, the one that splits it most.
        let mut best: Option<((usize, usize), u8, Vec<String>)> = None;
        for delimiter in DELIMITERS {
            let header = first_record(&text, delimiter);
            let known: BTreeSet<_> = header.iter().filter_map(|cell| column_for(cell)).collect();
            let score = (known.len(), header.len());
            if best.as_ref().is_none_or(|(best, ..)| score > *best) {
                best = Some((score, delimiter, header));
            }
        }
        let (_, delimiter, mut header) = best.ok_or(SheetError::Empty)?;
        let report_at = header.len().saturating_sub(REPORT_COLUMNS.len());
        let has_report = header[report_at..].iter().map(|cell| cell.trim()).eq(REPORT_COLUMNS);
        if has_report {
            header.truncate(report_at);
        }
        let columns: Vec<_> = header.iter().map(|cell| column_for(cell)).collect();
        let missing: Vec<_> = REQUIRED.into_iter().filter(|column| !columns.contains(&Some(column))).collect();
        if !missing.is_empty() {
            return Err(SheetError::MissingColumns {
                missing: missing.join(" and "),
                found: found(&header),
            });
        }
        let sheet = Self {
            text,
            delimiter,
            header,
            columns,
            has_report,
        };
        if sheet.rows().next().is_none() {
            Err(SheetError::NoRows)
        } else {
            Ok(sheet)
        }
    }

    /// The rows that have something in them, in order.
    pub fn rows(&self) -> Rows<'_> {
        let mut reader = reader(&self.text, self.delimiter);
        let mut record = csv::StringRecord::new();
        // The header was read before, so this cannot fail or end.
        let _ = reader.read_record(&mut record);
        Rows {
            sheet: self,
            reader,
            record,
            number: 1,
        }
    }

    fn row(&self, number: u32, record: &csv::StringRecord) -> Option<Row> {
        if record.iter().all(|cell| cell.trim().is_empty()) {
            return None;
        }
        let expected = self.header.len();
        let mut cells: Vec<String> = record.iter().map(str::to_owned).collect();
        // A row may come back with its report cells or without them; with a stray cell too many they are still the last.
        if self.has_report && cells.len() >= expected + REPORT_COLUMNS.len() {
            cells.truncate(cells.len() - REPORT_COLUMNS.len());
        }
        // Delimiters at the end of a line, with nothing between them, shift no cell.
        if cells.len() > expected && cells[expected..].iter().all(|cell| cell.trim().is_empty()) {
            cells.truncate(expected);
        }
        if cells.len() != expected {
            let found = cells.len();
            return Some(Row {
                number,
                cells,
                vendor: Err(CellCount { found, expected }),
            });
        }
        let mut vendor = RawVendor::default();
        for (column, cell) in self.columns.iter().zip(&cells) {
            if let Some(column) = column {
                vendor.fill(column, cell);
            }
        }
        // What is left says nothing of a vendor: serial numbers running on below the last one.
        (!vendor.is_blank()).then_some(Row {
            number,
            cells,
            vendor: Ok(vendor),
        })
    }
}

/// Iterates over [`Sheet::rows`].
#[derive(Debug)]
pub struct Rows<'a> {
    sheet: &'a Sheet,
    reader: csv::Reader<&'a [u8]>,
    record: csv::StringRecord,
    number: u32,
}

impl Iterator for Rows<'_> {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        loop {
            // Reading valid UTF-8 from memory, rows of any length allowed, knows no error.
            if !self.reader.read_record(&mut self.record).unwrap_or(false) {
                return None;
            }
            let at = self
                .record
                .position()
                .map_or(0, |position| usize::try_from(position.byte()).unwrap_or(usize::MAX));
            self.number += 1 + empty_lines(self.sheet.text.as_bytes(), at);
            if let Some(row) = self.sheet.row(self.number, &self.record) {
                return Some(row);
            }
        }
    }
}

/// The rejected rows: as they were, with the reason behind each.
#[derive(Debug)]
pub struct Rejects {
    writer: csv::Writer<Vec<u8>>,
    width: usize,
}

impl Rejects {
    /// A file with the header of `sheet` and its delimiter, so that it opens where the original did.
    ///
    /// # Errors
    /// None but a lack of memory.
    pub fn new(sheet: &Sheet) -> Result<Self, csv::Error> {
        // With a byte order mark, or Excel takes UTF-8 for Windows-1252.
        let out = "\u{feff}".as_bytes().to_vec();
        let mut writer = csv::WriterBuilder::new()
            .delimiter(sheet.delimiter)
            .flexible(true)
            .terminator(csv::Terminator::CRLF)
            .from_writer(out);
        writer.write_record(sheet.header.iter().map(String::as_str).chain(REPORT_COLUMNS))?;
        Ok(Self {
            writer,
            width: sheet.header.len(),
        })
    }

    /// Adds a row with everything that is wrong with it.
    ///
    /// # Errors
    /// None but a lack of memory.
    pub fn add(&mut self, row: &Row, errors: &[RowError]) -> Result<(), csv::Error> {
        let joined = |part: fn(&RowError) -> &str| harmless(&errors.iter().map(part).collect::<Vec<_>>().join("; "));
        let report = [
            row.number.to_string(),
            joined(|error| &error.column),
            joined(|error| &error.value),
            joined(|error| &error.reason),
        ];
        let missing = self.width.saturating_sub(row.cells.len());
        let cells = row.cells.iter().map(String::as_str).chain(std::iter::repeat_n("", missing));
        self.writer.write_record(cells.chain(report.iter().map(String::as_str)))
    }

    /// The whole file.
    ///
    /// # Errors
    /// None but a lack of memory.
    pub fn finish(self) -> Result<Vec<u8>, std::io::Error> {
        self.writer.into_inner().map_err(csv::IntoInnerError::into_error)
    }
}

/// The text as a spreadsheet shows it, never as a formula it would compute. The vendor's own cells stay as they are, or a
/// corrected file would not import again; only what we add is ours to change.
fn harmless(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

fn reader(text: &str, delimiter: u8) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(text.as_bytes())
}

fn first_record(text: &str, delimiter: u8) -> Vec<String> {
    let mut record = csv::StringRecord::new();
    match reader(text, delimiter).read_record(&mut record) {
        Ok(true) => record.iter().map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// How many empty lines begin at `at`, just behind a record. The csv crate skips them silently, a spreadsheet counts them.
fn empty_lines(text: &[u8], mut at: usize) -> u32 {
    // The second half of the line end before.
    if at > 0 && text.get(at - 1..=at) == Some(b"\r\n") {
        at += 1;
    }
    let mut lines = 0;
    loop {
        at += match text.get(at..) {
            Some([b'\r', b'\n', ..]) => 2,
            Some([b'\r' | b'\n', ..]) => 1,
            _ => return lines,
        };
        lines += 1;
    }
}

fn decode(bytes: &[u8]) -> Result<String, SheetError> {
    const ZIP: &[u8] = b"PK\x03\x04";
    const OLE: &[u8] = &[0xd0, 0xcf, 0x11, 0xe0];
    if bytes.starts_with(ZIP) || bytes.starts_with(OLE) {
        return Err(SheetError::Workbook);
    }
    let text = match Encoding::for_bom(bytes) {
        Some((encoding, mark)) => encoding
            .decode_without_bom_handling_and_without_replacement(&bytes[mark..])
            .map(Into::into),
        None => std::str::from_utf8(bytes).map(str::to_owned).ok().or_else(|| windows_1252(bytes)),
    };
    text.filter(|text: &String| !text.contains('\0')).ok_or(SheetError::NotText)
}

/// What Excel writes for "CSV" in India and Western Europe; none if a byte has no meaning there.
fn windows_1252(bytes: &[u8]) -> Option<String> {
    let is_text = |byte: &u8| match byte {
        b'\t' | b'\r' | b'\n' => true,
        0x00..=0x1f | 0x7f | 0x81 | 0x8d | 0x8f | 0x90 | 0x9d => false,
        _ => true,
    };
    bytes
        .iter()
        .all(is_text)
        .then(|| WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned())
}

/// The header's cells for a message: short, whatever the file holds.
fn found(header: &[String]) -> String {
    let shown = header.iter().take(20).map(|cell| shorten(cell.trim(), 40)).collect::<Vec<_>>().join(", ");
    match (shown.trim().is_empty(), header.len() > 20) {
        (true, _) => "only empty cells".to_owned(),
        (false, true) => format!("{shown} …"),
        (false, false) => shown,
    }
}

/// At most `most` characters, with a sign that there were more.
pub fn shorten(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn names(bytes: &[u8]) -> Vec<(u32, String)> {
        let sheet = Sheet::parse(bytes).unwrap();
        sheet
            .rows()
            .map(|row| {
                (
                    row.number,
                    row.vendor
                        .map_or_else(|error| error.to_string(), |raw| raw.company_name.unwrap_or_default()),
                )
            })
            .collect()
    }

    #[test]
    fn the_delimiter_is_the_one_that_makes_sense_of_the_header() {
        for delimiter in [',', ';', '\t', '|'] {
            let text = format!("Vendor Code{delimiter}Name\r\nV-1{delimiter}Asha Castings\r\n");
            assert_eq!(names(text.as_bytes()), [(2, "Asha Castings".to_owned())], "{delimiter:?}");
        }
        assert_eq!(names(b"remarks, if any;vendor_code;company_name\nx, y;V-1;A"), [(2, "A".to_owned())]);
    }

    #[test]
    fn rows_are_counted_as_a_spreadsheet_counts_them() {
        for end in ["\n", "\r\n", "\r"] {
            let text = ["vendor_code,company_name", "V-1,A", "", ",", "V-2,\"B", "C\"", "", "", "V-3,D"].join(end);
            let numbers: Vec<u32> = names(text.as_bytes()).into_iter().map(|(number, _)| number).collect();
            assert_eq!(numbers, [2, 5, 8], "{end:?}");
        }
    }

    #[test]
    fn encodings_of_the_field_are_read_and_others_refused() {
        let text = "vendor_code,company_name\nV-1,Café – Rivière";
        let expected = [(2, "Café – Rivière".to_owned())];
        assert_eq!(names(text.as_bytes()), expected);
        assert_eq!(names(format!("\u{feff}{text}").as_bytes()), expected);
        assert_eq!(names(&WINDOWS_1252.encode(text).0), expected);
        let utf_16: Vec<u8> = std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        assert_eq!(names(&utf_16), expected);
        let refused = |bytes: &[u8]| Sheet::parse(bytes).unwrap_err();
        assert_eq!(refused(&utf_16[2..]), SheetError::NotText);
        assert_eq!(refused(b"vendor_code,company_name\nV-1,A\0"), SheetError::NotText);
        assert_eq!(refused(b"vendor_code,company_name\nV-1,\x81"), SheetError::NotText);
        assert_eq!(refused(b"PK\x03\x04..."), SheetError::Workbook);
        assert_eq!(refused(b" \r\n"), SheetError::Empty);
        assert_eq!(refused(b"vendor_code,company_name\n,\n"), SheetError::NoRows);
    }

    #[test]
    fn a_header_without_the_required_columns_is_told_what_was_found() {
        let error = Sheet::parse(b"Serial,Name,GSTIN\n1,A,x\n").unwrap_err();
        assert_eq!(error.code(), "missing_columns");
        assert!(
            error
                .to_string()
                .starts_with("the header has no column for vendor_code; found: Serial, Name, GSTIN; expected: vendor_code, company_name,")
        );
    }

    #[test]
    fn a_wrong_number_of_cells_is_an_error_unless_the_surplus_is_empty() {
        let sheet = Sheet::parse(b"vendor_code,company_name\nV-1,A,,\nV-2,B,C\nV-3\n").unwrap();
        let rows: Vec<_> = sheet
            .rows()
            .map(|row| row.vendor.map_err(|error| error.found).map(|raw| raw.company_name.unwrap()))
            .collect();
        assert_eq!(rows, [Ok("A".to_owned()), Err(3), Err(1)]);
    }

    #[test]
    fn rejected_rows_go_back_as_they_were_and_import_again() {
        let sheet = Sheet::parse(b"vendor_code;company_name;remark\n=1+1;A;\"x;\ny\"\nV-2;B;C;D\nV-3;C\n").unwrap();
        let mut rejects = Rejects::new(&sheet).unwrap();
        for row in sheet.rows() {
            let error = RowError {
                row: row.number,
                column: "company_name".into(),
                value: "=1+1".into(),
                code: "x".into(),
                reason: "wrong".into(),
            };
            rejects.add(&row, &[error.clone(), error]).unwrap();
        }
        let file = rejects.finish().unwrap();
        assert_eq!(
            String::from_utf8(file.clone()).unwrap(),
            "\u{feff}vendor_code;company_name;remark;row;error_column;error_value;error_reason\r\n\
             =1+1;A;\"x;\ny\";2;company_name; company_name;'=1+1; =1+1;wrong; wrong\r\n"
                .replace("company_name; company_name;", "\"company_name; company_name\";")
                .replace("'=1+1; =1+1;", "\"'=1+1; =1+1\";")
                .replace("wrong; wrong", "\"wrong; wrong\"")
                + "V-2;B;C;D;3;\"company_name; company_name\";\"'=1+1; =1+1\";\"wrong; wrong\"\r\n\
                   V-3;C;;4;\"company_name; company_name\";\"'=1+1; =1+1\";\"wrong; wrong\"\r\n"
        );
        let again = Sheet::parse(&file).unwrap();
        assert_eq!(again.header, sheet.header);
        let cells = |sheet: &Sheet| sheet.rows().map(|row| row.cells).collect::<Vec<_>>();
        assert_eq!(cells(&again)[..2], cells(&sheet)[..2]);
        // The report's cells may be left out of a corrected row.
        assert_eq!(
            names("vendor_code,company_name,row,error_column,error_value,error_reason\nV-1,A\n".as_bytes()),
            [(2, "A".to_owned())]
        );
    }
}
