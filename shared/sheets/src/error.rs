//! Why a file cannot be read, and what its owner can do about it.

/// Why a file as a whole cannot be read. Each sentence ends with what to do.
#[derive(Debug, thiserror::Error)]
pub enum SheetError {
    /// No bytes, or no cell with anything in it.
    #[error("the file is empty: upload a file with a header row and one row for each record")]
    Empty,
    /// More bytes than allowed.
    #[error("the file has more than {limit_mb} MB: divide it into several files")]
    TooLarge {
        /// The limit.
        limit_mb: u64,
    },
    /// Neither text in an encoding we know nor a workbook.
    #[error("the file is neither a workbook (.xlsx) nor text: save it as XLSX or as CSV (UTF-8) and upload that")]
    NotText,
    /// A page for a browser under the name of a workbook, as many programs "export to Excel".
    #[error("the file is a web page or XML under another name, not a workbook: open it and save it as Excel workbook (.xlsx)")]
    Markup,
    /// No row has the number that was said to be the header's.
    #[error("row {row} cannot be the header: choose one of the first {most} rows that have something in them")]
    NoSuchHeader {
        /// What was asked for.
        row: u32,
        /// How many rows are looked at.
        most: usize,
    },
    /// More text than a file of the allowed size holds, all rows together.
    #[error("the rows of the file hold more than {limit_mb} MB of text: remove the columns that are not needed, or divide it into several files")]
    TooMuchText {
        /// The limit.
        limit_mb: u64,
    },
    /// The text says UTF-8 or UTF-16 and is not.
    #[error("the file is not valid {encoding}: save it as CSV (UTF-8) or XLSX and upload that")]
    Encoding {
        /// What it begins as.
        encoding: &'static str,
    },
    /// A character 0, which no text has.
    #[error("the file contains NUL bytes, which no text has: export it again, as CSV (UTF-8) or XLSX")]
    Nul,
    /// A workbook of Excel 97 to 2003.
    #[error("this is a workbook of the old kind (.xls): open it and save it as Excel workbook (.xlsx)")]
    OldWorkbook,
    /// A workbook under a password.
    #[error("the workbook is protected by a password: open it, remove the password (File, Info, Protect Workbook) and save it again")]
    Password,
    /// A ZIP archive that is no XLSX workbook.
    #[error("the file is {found}, not an Excel workbook: save it as Excel workbook (.xlsx) or CSV (UTF-8)")]
    NotWorkbook {
        /// What it seems to be.
        found: &'static str,
    },
    /// The workbook breaks the rules of its format.
    #[error("the workbook is damaged ({part}: {reason}): open it in a spreadsheet program, save it as a new XLSX file and upload that")]
    Damaged {
        /// The part of the package.
        part: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A part of the workbook unpacks to far more than a sheet of the allowed size.
    #[error("the workbook unpacks to more than {limit_mb} MB ({part}): copy the rows into a new workbook and upload that")]
    Unpacks {
        /// The part of the package.
        part: String,
        /// The limit.
        limit_mb: u64,
    },
    /// More parts or sheets than any workbook needs.
    #[error("the workbook has more than {limit} {what}: copy the rows into a new workbook and upload that")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// A document type declaration, the vehicle of entity bombs. Spreadsheet programs write none.
    #[error("the workbook contains a document type declaration ({part}), which no spreadsheet program writes: copy the rows into a new workbook")]
    Doctype {
        /// The part of the package.
        part: String,
    },
    /// A filled cell far from the others.
    #[error("cell {cell} is filled, far outside the table: delete it (Ctrl+End finds it) and save the workbook")]
    FarCell {
        /// Its address.
        cell: String,
    },
    /// A row with more cells than allowed.
    #[error("row {row} has more than {limit} cells: check the delimiter, or remove the columns that are not needed")]
    TooManyColumns {
        /// The row.
        row: u32,
        /// The limit.
        limit: usize,
    },
    /// More rows than allowed.
    #[error("the file has more than {limit} rows: divide it into several files")]
    TooManyRows {
        /// The limit.
        limit: u32,
    },
    /// A cell with more text than a spreadsheet can hold.
    #[error("cell {cell} of row {row} has more than {limit} characters: shorten it, or look for an unclosed quotation mark before it")]
    CellTooLong {
        /// The row.
        row: u32,
        /// The cell, counted from 1.
        cell: usize,
        /// The limit.
        limit: usize,
    },
    /// A row with more text than allowed.
    #[error("row {row} has more than {limit_kb} KB of text: look for an unclosed quotation mark in it or before it")]
    RowTooLong {
        /// The row.
        row: u32,
        /// The limit.
        limit_kb: usize,
    },
    /// The workbook has no sheet of that name.
    #[error("the workbook has no sheet {name:?}: choose one of {sheets}")]
    NoSuchSheet {
        /// What was asked for.
        name: String,
        /// What there is.
        sheets: String,
    },
    /// The machine, not the file.
    #[error("the file could not be read: {0}")]
    Io(#[from] std::io::Error),
}

impl SheetError {
    /// A stable word for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "file_empty",
            Self::TooLarge { .. } => "file_too_large",
            Self::NotText => "file_not_text",
            Self::Markup => "file_markup",
            Self::NoSuchHeader { .. } => "no_such_header",
            Self::TooMuchText { .. } => "too_much_text",
            Self::Encoding { .. } => "file_encoding",
            Self::Nul => "file_nul",
            Self::OldWorkbook => "workbook_old",
            Self::Password => "workbook_password",
            Self::NotWorkbook { .. } => "workbook_other_kind",
            Self::Damaged { .. } => "workbook_damaged",
            Self::Unpacks { .. } => "workbook_unpacks",
            Self::TooMany { .. } => "workbook_too_many_parts",
            Self::Doctype { .. } => "workbook_doctype",
            Self::FarCell { .. } => "far_cell",
            Self::TooManyColumns { .. } => "too_many_columns",
            Self::TooManyRows { .. } => "too_many_rows",
            Self::CellTooLong { .. } => "cell_too_long",
            Self::RowTooLong { .. } => "row_too_long",
            Self::NoSuchSheet { .. } => "no_such_sheet",
            Self::Io(_) => "io",
        }
    }

    /// Whether the file is to blame, so that reading it again would end the same way.
    pub fn is_permanent(&self) -> bool {
        !matches!(self, Self::Io(_))
    }

    pub(crate) fn damaged(part: &str, reason: impl ToString) -> Self {
        // Reasons of libraries may quote the file.
        let reason: String = reason.to_string().chars().filter(|c| !c.is_control()).take(120).collect();
        Self::Damaged {
            part: part.chars().take(80).collect(),
            reason,
        }
    }
}
