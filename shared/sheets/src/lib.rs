//! Tables in files: reads delimited text and XLSX workbooks as people and ERP systems make them, and writes both.
//!
//! Knows nothing of what the rows mean. Reading holds one row in memory, whatever the file: everything a crafted file could
//! swell (a record, a cell, the parts of a workbook, its texts) has a limit or lies in a temporary file. A file that is
//! refused says so in a sentence with the remedy: [`SheetError`].

mod delimited;
mod error;
mod formula;
mod header;
mod numbers;
mod package;
mod strings;
mod text;
mod workbook;
mod worksheet;
mod write;
mod xml;

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use delimited::Records;
use package::Package;
use strings::Strings;
use text::{Coding, Decoder, Text as _};
use workbook::Workbook;
use worksheet::{Shared, Worksheet};

pub use error::SheetError;
pub use write::{CsvWriter, Kind, SheetWriter, WriteError, XlsxWriter};

/// How many of the first rows are looked at to find delimiter and header.
const SAMPLE_ROWS: usize = 50;
const SAMPLE_BYTES: usize = 256 * 1024;

/// What a file may hold. The default is the largest import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the file.
    pub file_bytes: u64,
    /// Rows with something in them, below the header.
    pub rows: u32,
    /// Cells in a row.
    pub columns: usize,
    /// Characters in a cell; 32,767 are what Excel allows.
    pub cell_chars: usize,
    /// Bytes of text in a row.
    pub row_bytes: usize,
    /// Empty rows before a filled one in a workbook; more means a stray cell far below.
    pub empty_rows: u32,
    /// Bytes any one part of a workbook may unpack to.
    pub unpacked_bytes: u64,
}

impl Limits {
    /// Bytes of text in all rows together. A workbook can say the same text again and again.
    const fn text_bytes(&self) -> u64 {
        self.unpacked_bytes.saturating_mul(2)
    }

    /// Bytes all parts of a workbook may unpack to together.
    const fn package_bytes(&self) -> u64 {
        self.unpacked_bytes.saturating_mul(3)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 50 * 1024 * 1024,
            rows: 100_000,
            columns: 1_000,
            cell_chars: 32_767,
            row_bytes: 1024 * 1024,
            empty_rows: 10_000,
            unpacked_bytes: 400_000_000,
        }
    }
}

/// How to read a file.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// What it may hold.
    pub limits: Limits,
    /// The sheet of a workbook by its name, hidden or not; without it, the first visible one with a header that is known, or
    /// else the first visible one with anything in it.
    pub sheet: Option<&'a str>,
    /// What stands between the cells of a text, where it was chosen and is not to be found out.
    pub delimiter: Option<char>,
    /// The encoding of a text by its name, as in `windows-1252`, where it was chosen.
    pub encoding: Option<&'a str>,
    /// The number of the header's row, where it was chosen.
    pub header_row: Option<u32>,
    /// Whether a cell is a header the caller knows. It helps to find header and delimiter.
    pub knows: &'a dyn Fn(&str) -> bool,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            sheet: None,
            delimiter: None,
            encoding: None,
            header_row: None,
            knows: &|_| false,
        }
    }
}

impl fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("limits", &self.limits)
            .field("sheet", &self.sheet)
            .finish_non_exhaustive()
    }
}

/// How a table was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Text with a delimiter between cells.
    Delimited {
        /// The delimiter.
        delimiter: char,
        /// The encoding by its name in the WHATWG standard, as in `windows-1252`.
        encoding: &'static str,
    },
    /// An XLSX workbook.
    Workbook,
}

/// A sheet of a workbook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SheetInfo {
    /// The name on its tab.
    pub name: String,
    /// Whether the tab is shown.
    pub is_visible: bool,
}

/// A row with something in it. No `Debug`: its cells are personal.
#[derive(Clone, PartialEq, Eq)]
pub struct Row {
    /// The number a spreadsheet program shows beside it.
    pub number: u32,
    /// The cells. There are as many as the header has, unless the file has it otherwise: fewer only in delimited text, and there more
    /// only where the surplus is not empty.
    pub cells: Vec<String>,
    /// What keeps cells from being what their text says, by cell.
    pub flaws: Vec<(usize, Flaw)>,
    /// Numbers of a workbook that a person sees otherwise, by cell. It matters where the text is a name and not a number.
    pub shown: Vec<(usize, Shown)>,
    /// What makes the row as a whole doubtful.
    pub doubt: Option<Doubt>,
    /// How many filled cells lie right of a workbook's header. They were left out.
    pub surplus: usize,
}

impl Row {
    fn new(number: u32) -> Self {
        Self {
            number,
            cells: Vec::new(),
            flaws: Vec::new(),
            shown: Vec::new(),
            doubt: None,
            surplus: 0,
        }
    }

    fn flaw(&mut self, cell: usize, flaw: Flaw) {
        self.flaws.push((cell, flaw));
    }

    fn is_blank(&self) -> bool {
        self.cells.iter().all(|cell| cell.trim().is_empty())
    }

    /// A line drawn across: every filled cell is dashes.
    fn is_ruler(&self) -> bool {
        let is_drawn = |cell: &&String| cell.trim().len() >= 3 && cell.trim().bytes().all(|b| matches!(b, b'-' | b'=' | b'_'));
        self.cells.iter().filter(|cell| !cell.trim().is_empty()).all(|cell| is_drawn(&cell))
    }
}

/// Why a cell cannot be taken at its word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// It is a formula; the text is what the program that wrote the file made of it, if it said so.
    Formula,
    /// It shows an error, as in `#N/A`.
    ErrorValue,
    /// It is a number of more than fifteen digits, of which Excel keeps fifteen.
    LostDigits,
    /// It holds bytes that mean nothing in the encoding of the file.
    Undecodable,
}

impl Flaw {
    /// A stable word for machines.
    pub fn code(self) -> &'static str {
        match self {
            Self::Formula => "cell_formula",
            Self::ErrorValue => "cell_error_value",
            Self::LostDigits => "cell_lost_digits",
            Self::Undecodable => "cell_undecodable",
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Formula => "the cell is a formula: copy it and paste its value (Paste Special, Values)",
            Self::ErrorValue => "the cell shows an error of the spreadsheet: enter the value or leave the cell empty",
            Self::LostDigits => "the number has more digits than Excel keeps and its last ones are lost: enter it again as text",
            Self::Undecodable => "the cell holds a character that is damaged: enter it again, and save the file as CSV (UTF-8) or XLSX",
        })
    }
}

/// How a person sees a number whose cell shows it in another form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// As a day.
    Day,
    /// With letters or signs around it, as `V-1001`.
    As(String),
    /// In a form that is not understood here.
    Otherwise,
}

/// Why a row as a whole may be something else than a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// A quotation mark was opened and the file ends before it is closed.
    OpenQuote {
        /// Lines of the file in it.
        lines: u32,
    },
    /// A cell in quotation marks holds what looks like rows.
    SwallowedRows {
        /// Lines of the file in it.
        lines: u32,
    },
}

impl Doubt {
    /// A stable word for machines.
    pub fn code(self) -> &'static str {
        match self {
            Self::OpenQuote { .. } => "quote_unclosed",
            Self::SwallowedRows { .. } => "quote_swallows_rows",
        }
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OpenQuote { lines } => write!(
                f,
                "a quotation mark is opened here and never closed, so that {lines} lines of the file are taken for one cell: remove it, or close it, and import these lines again"
            ),
            Self::SwallowedRows { lines } => write!(
                f,
                "a cell in quotation marks goes over {lines} lines that look like rows: remove stray quotation marks; if it is one cell, put spaces for its line breaks"
            ),
        }
    }
}

/// Whether a text is what a spreadsheet shows in place of a value. `#N/A` is not: people write it for "nothing".
fn is_error_value(text: &str) -> bool {
    matches!(
        text.trim(),
        "#REF!" | "#NAME?" | "#VALUE!" | "#DIV/0!" | "#NUM!" | "#NULL!" | "#SPILL!" | "#CALC!"
    )
}

/// A table: its header, and its rows as an iterator. After an error there are no more rows.
pub struct Sheet {
    format: Format,
    sheets: Vec<SheetInfo>,
    name: Option<String>,
    header: Vec<String>,
    header_row: u32,
    limits: Limits,
    source: Source,
    /// Rows that were read to find the header.
    waiting: VecDeque<Row>,
    count: u32,
    last_row: u32,
    /// Bytes of text in the rows so far.
    bytes: u64,
    is_over: bool,
}

enum Source {
    Text(Box<Records<Decoder<File>>>),
    Workbook(Box<(Worksheet, Shared)>),
}

impl Source {
    fn next(&mut self) -> Result<Option<Row>, SheetError> {
        match self {
            Self::Text(records) => records.next(),
            Self::Workbook(parts) => {
                let (sheet, shared) = &mut **parts;
                sheet.next(shared)
            }
        }
    }
}

impl fmt::Debug for Sheet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sheet")
            .field("format", &self.format)
            .field("name", &self.name)
            .field("header", &self.header)
            .finish_non_exhaustive()
    }
}

/// Opens a file and reads its header.
///
/// # Errors
/// What keeps the file as a whole from being read. A workbook's rows and those of a text are only looked at as far as the
/// header; what is wrong further down comes from the iterator.
pub fn open(path: &Path, limits: &Limits) -> Result<Sheet, SheetError> {
    open_with(
        path,
        &Options {
            limits: *limits,
            ..Options::default()
        },
    )
}

/// [`open`], with a say in which sheet and which header.
///
/// # Errors
/// As [`open`], or [`SheetError::NoSuchSheet`].
pub fn open_with(path: &Path, options: &Options<'_>) -> Result<Sheet, SheetError> {
    let mut file = File::open(path)?;
    let len = file.metadata()?.len();
    if len > options.limits.file_bytes {
        return Err(SheetError::TooLarge {
            limit_mb: options.limits.file_bytes / (1024 * 1024),
        });
    }
    let mut magic = [0; 8];
    let read = file.by_ref().take(8).read(&mut magic)?;
    match &magic[..read] {
        [] => Err(SheetError::Empty),
        [b'P', b'K', 3 | 5 | 7, ..] => open_workbook(path, options),
        [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1] => Err(compound(path)?),
        [b'%', b'P', b'D', b'F', ..] => Err(SheetError::NotText),
        _ => open_text(path, options),
    }
}

fn open_text(path: &Path, options: &Options<'_>) -> Result<Sheet, SheetError> {
    let encoding = match options.encoding {
        Some(name) => text::named(path, name)?,
        None => text::detect(path)?,
    };
    let sample = sample(path, encoding)?;
    if text::is_markup(&sample) {
        return Err(SheetError::Markup);
    }
    let delimiter = match options.delimiter.and_then(|delimiter| u8::try_from(delimiter).ok()) {
        Some(delimiter) => delimiter,
        None => delimited::delimiter(&sample, options.limits, options.knows),
    };
    let text = || Ok::<_, SheetError>(Decoder::new(File::open(path)?, encoding));
    let quotes = delimited::is_quoted(delimiter, &mut Records::new(text()?, delimiter, options.limits));
    let mut records = Records::new(text()?, delimiter, options.limits).with_quotes(quotes);
    let mut rows = Vec::new();
    while rows.len() < SAMPLE_ROWS {
        match records.next() {
            Ok(Some(row)) => rows.push(row),
            Ok(None) => break,
            Err(error) => return Err(error),
        }
    }
    let format = Format::Delimited {
        delimiter: char::from(delimiter),
        encoding: encoding.encoding.name(),
    };
    Sheet::new(format, rows, Source::Text(Box::new(records)), options)
}

/// The beginning of a text.
fn sample(path: &Path, encoding: Coding) -> Result<Vec<u8>, SheetError> {
    let mut decoder = Decoder::new(File::open(path)?, encoding);
    let mut sample = Vec::new();
    while sample.len() < SAMPLE_BYTES {
        let bytes = decoder.fill()?;
        if bytes.is_empty() {
            break;
        }
        let len = bytes.len();
        sample.extend_from_slice(bytes);
        decoder.consume(len);
    }
    Ok(sample)
}

fn open_workbook(path: &Path, options: &Options<'_>) -> Result<Sheet, SheetError> {
    let package = Package::open(path, options.limits)?;
    let Workbook {
        sheets,
        parts,
        strings,
        formats,
    } = Workbook::read(&package)?;
    let strings = match strings {
        Some(part) => Strings::read(&package, &part, options.limits.cell_chars)?,
        None => Strings::none()?,
    };
    let mut shared = Shared { strings, formats };
    let chosen = |sheet: &SheetInfo| match options.sheet {
        Some(name) => sheet.name == name,
        None => sheet.is_visible,
    };
    if let Some(name) = options.sheet
        && !sheets.iter().any(chosen)
    {
        let names: Vec<_> = sheets.iter().take(20).map(|sheet| format!("{:?}", sheet.name)).collect();
        return Err(SheetError::NoSuchSheet {
            name: name.chars().take(100).collect(),
            sheets: names.join(", "),
        });
    }
    // The first of the sheets with the most known headers: instructions, or lists to choose from, often come before the table.
    let mut best: Option<(usize, usize, Worksheet, Vec<Row>)> = None;
    for (index, part) in parts.iter().enumerate().filter(|(index, _)| chosen(&sheets[*index])).take(20) {
        let mut sheet = Worksheet::new(package.xml(part)?, options.limits);
        let mut rows = Vec::new();
        while rows.len() < SAMPLE_ROWS {
            match sheet.next(&mut shared)? {
                Some(row) => rows.push(row),
                None => break,
            }
        }
        let known = header::known(&rows, options.knows);
        let is_better = match &best {
            None => !rows.is_empty(),
            Some((_, most, ..)) => known >= 2 && known > *most,
        };
        if is_better {
            best = Some((index, known, sheet, rows));
        }
    }
    let (index, _, worksheet, rows) = best.ok_or(SheetError::Empty)?;
    let name = sheets[index].name.clone();
    let mut sheet = Sheet::new(Format::Workbook, rows, Source::Workbook(Box::new((worksheet, shared))), options)?;
    sheet.sheets = sheets;
    sheet.name = Some(name);
    Ok(sheet)
}

/// What a compound file (OLE) is: an encrypted workbook is put into one, and the old formats are ones.
fn compound(path: &Path) -> Result<SheetError, SheetError> {
    let name: Vec<u8> = "EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let finder = memchr::memmem::Finder::new(&name);
    let mut file = File::open(path)?;
    let mut window = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(SheetError::OldWorkbook);
        }
        window.extend_from_slice(&buffer[..read]);
        if finder.find(&window).is_some() {
            return Ok(SheetError::Password);
        }
        let keep = window.len().saturating_sub(name.len());
        window.drain(..keep);
    }
}

impl Sheet {
    fn new(format: Format, mut rows: Vec<Row>, source: Source, options: &Options<'_>) -> Result<Self, SheetError> {
        if rows.is_empty() {
            return Err(SheetError::Empty);
        }
        let at = match options.header_row {
            Some(row) => rows
                .iter()
                .position(|found| found.number == row)
                .ok_or(SheetError::NoSuchHeader { row, most: SAMPLE_ROWS })?,
            None => header::find(&rows, options.knows),
        };
        let waiting: VecDeque<Row> = rows.split_off(at + 1).into();
        let Row {
            number: header_row,
            cells: mut header,
            ..
        } = rows.swap_remove(at);
        // Columns without a header count where something stands in them.
        let filled = |row: &Row| row.cells.iter().rposition(|cell| !cell.trim().is_empty()).map_or(0, |last| last + 1);
        let used = waiting.iter().map(filled).max().unwrap_or_default();
        while header.len() > used && header.last().is_some_and(|cell| cell.trim().is_empty()) {
            header.pop();
        }
        Ok(Self {
            format,
            sheets: Vec::new(),
            name: None,
            header,
            header_row,
            limits: options.limits,
            source,
            waiting,
            count: 0,
            last_row: header_row,
            bytes: 0,
            is_over: false,
        })
    }

    /// How the table is stored.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The sheets of the workbook.
    pub fn sheets(&self) -> &[SheetInfo] {
        &self.sheets
    }

    /// The sheet of the workbook that is read.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The header as it is in the file, without empty cells at its end below which nothing stands.
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// The number of the row the header is.
    pub fn header_row(&self) -> u32 {
        self.header_row
    }

    /// The next row with something in it; drawn lines and repetitions of the header are passed over.
    ///
    /// # Errors
    /// What keeps the rest of the file from being read.
    pub fn next_row(&mut self) -> Result<Option<Row>, SheetError> {
        loop {
            let row = match self.waiting.pop_front() {
                Some(row) => Some(row),
                None => self.source.next()?,
            };
            let Some(mut row) = row else { return Ok(None) };
            if row.is_blank() && row.flaws.is_empty() || row.is_ruler() {
                continue;
            }
            self.fit(&mut row);
            if row.cells == self.header {
                continue;
            }
            if self.format == Format::Workbook && row.number - self.last_row > self.limits.empty_rows {
                let column = row.cells.iter().position(|cell| !cell.trim().is_empty()).unwrap_or_default();
                return Err(SheetError::FarCell {
                    cell: numbers::address(column + 1, row.number),
                });
            }
            self.last_row = row.number;
            self.bytes = self.bytes.saturating_add(row.cells.iter().map(|cell| cell.len() as u64).sum());
            if self.bytes > self.limits.text_bytes() {
                let limit_mb = self.limits.text_bytes() / 1_000_000;
                return Err(SheetError::TooMuchText { limit_mb });
            }
            self.doubt(&mut row);
            if self.count == self.limits.rows {
                return Err(SheetError::TooManyRows { limit: self.limits.rows });
            }
            self.count += 1;
            return Ok(Some(row));
        }
    }

    /// Gives a row the header's width, where that changes nothing.
    fn fit(&self, row: &mut Row) {
        let width = self.header.len();
        while row.cells.len() > width && row.cells.last().is_some_and(|cell| cell.trim().is_empty()) {
            row.cells.pop();
        }
        // A workbook's cell has an address; in text, the cells behind a missing or stray delimiter are in the wrong column.
        if self.format == Format::Workbook {
            row.surplus = row.cells.iter().skip(width).filter(|cell| !cell.trim().is_empty()).count();
            row.cells.resize(width, String::new());
        }
        let len = row.cells.len();
        row.flaws.retain(|(cell, _)| *cell < len);
        row.shown.retain(|(cell, _)| *cell < len);
    }

    /// Marks a row in which two stray quotation marks made a cell out of rows.
    fn doubt(&self, row: &mut Row) {
        let Format::Delimited { delimiter, .. } = self.format else { return };
        let lines = |cell: &String| u32::try_from(cell.lines().count()).unwrap_or(u32::MAX);
        let swallowing = row
            .cells
            .iter()
            .enumerate()
            .find(|(at, cell)| delimited::swallows_rows(cell, *at, delimiter, self.header.len()));
        if let (None, Some((_, cell))) = (row.doubt, swallowing) {
            row.doubt = Some(Doubt::SwallowedRows { lines: lines(cell) });
        }
    }
}

impl Iterator for Sheet {
    type Item = Result<Row, SheetError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let row = self.next_row().transpose();
        self.is_over = !matches!(row, Some(Ok(_)));
        row
    }
}
