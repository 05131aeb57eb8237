//! Imports of vendors: what may be done with a file, and the report of its dry run.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::VendorId;
use crate::columns::{Dialect, HeaderFinding, MappingError};
use crate::repairs::{Repair, RepairCode};
use crate::vendor::{FieldError, MsmeStatus, VendorProfile};
use crate::vendor_change::{self, FieldChange};
use crate::vendor_record::Vendor;

/// The most rows of a file. What is known of every row while a file is checked is a handful of 64-bit hashes; this bounds them.
pub const MAX_ROWS: u32 = 100_000;
/// The most bytes of a file.
pub const MAX_FILE_BYTES: u64 = 50 * 1024 * 1024;

/// Which vendors an import may write.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImportMode {
    /// New ones; rows with a known code are handed back.
    #[default]
    CreateOnly,
    /// Known ones, by their code; rows with another code are handed back.
    UpdateExisting,
    /// Both.
    CreateAndUpdate,
}

impl ImportMode {
    /// Whether new vendors are created.
    pub const fn creates(self) -> bool {
        matches!(self, Self::CreateOnly | Self::CreateAndUpdate)
    }

    /// Whether known vendors are changed.
    pub const fn updates(self) -> bool {
        matches!(self, Self::UpdateExisting | Self::CreateAndUpdate)
    }

    /// The columns a file cannot be without: whoever only updates need not repeat the names.
    pub const fn required(self) -> &'static [&'static str] {
        match self {
            Self::UpdateExisting => &["vendor_code"],
            Self::CreateOnly | Self::CreateAndUpdate => &crate::columns::REQUIRED,
        }
    }
}

/// Which of the repairs that could mean something else are made. Certain ones always are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Accepted {
    /// Every one.
    pub all: bool,
    /// Those with these codes.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub codes: BTreeSet<RepairCode>,
}

impl Accepted {
    /// Whether this repair is made.
    pub fn admits(&self, repair: &Repair) -> bool {
        repair.certain || self.all || self.codes.contains(&repair.code)
    }
}

/// How a file is read where somebody chose it; the rest is found out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ReadAs {
    /// What stands between the cells of a text: one printable ASCII character that is no letter, no digit and no quotation mark, or a tab.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = ";")]
    pub delimiter: Option<char>,
    /// The encoding of a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<TextEncoding>,
    /// The row of the header, by the number a spreadsheet program shows beside it; among the first 50 rows with something in them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 4)]
    pub header_row: Option<u32>,
}

impl ReadAs {
    /// Whether nothing was chosen.
    pub fn is_open(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a character may stand between cells.
    pub fn is_delimiter(c: char) -> bool {
        c == '\t' || (c.is_ascii_punctuation() && !matches!(c, '"' | '\''))
    }
}

/// The encodings of texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum TextEncoding {
    /// UTF-8.
    #[serde(rename = "utf-8")]
    Utf8,
    /// UTF-16, the lower byte first, as Windows writes it.
    #[serde(rename = "utf-16le")]
    Utf16Le,
    /// UTF-16, the higher byte first.
    #[serde(rename = "utf-16be")]
    Utf16Be,
    /// What Excel writes for "CSV" in India and Western Europe.
    #[serde(rename = "windows-1252")]
    Windows1252,
}

impl TextEncoding {
    /// Its name in the WHATWG standard.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Utf16Le => "utf-16le",
            Self::Utf16Be => "utf-16be",
            Self::Windows1252 => "windows-1252",
        }
    }
}

/// What is wrong with one cell.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RowError {
    /// The row, by the number a spreadsheet program shows beside it.
    #[schema(example = 17)]
    pub row: u32,
    /// The column by its name here; empty where the row as a whole is wrong.
    #[schema(example = "gst_number")]
    pub column: String,
    /// What the cell holds.
    pub value: String,
    /// A stable word for machines.
    #[schema(example = "gstin_check_character")]
    pub code: String,
    /// What is wrong and how to mend it.
    pub reason: String,
    /// What may be meant, if something can be told; it was not taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
}

// Without the value, which may be personal.
impl std::fmt::Debug for RowError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RowError(row {}, {}: {})", self.row, self.column, self.code)
    }
}

/// How much of a value an error shows.
const VALUE_CHARS: usize = 200;

impl RowError {
    /// An error, short enough that many of them fit a report.
    pub fn new(row: u32, column: &str, value: &str, code: &str, reason: &str) -> Self {
        Self {
            row,
            column: column.to_owned(),
            value: shorten(value, VALUE_CHARS),
            code: code.to_owned(),
            reason: shorten(reason, 300),
            suggestion: None,
        }
    }

    /// Whether it is about a cell that reads so.
    pub fn is_about(&self, text: &str) -> bool {
        self.value == shorten(text, VALUE_CHARS)
    }

    /// What parsing a vendor found.
    pub fn of_field(row: u32, error: &FieldError) -> Self {
        Self::new(row, error.field, &error.value, error.code, &error.message)
    }
}

/// At most `most` characters, with a sign that there were more.
pub fn shorten(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// What the rows of a file come to. All but `rows`, `with_warnings` and `repaired` add up to `rows`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportCounts {
    /// Rows with something in them, as far as read.
    pub rows: u32,
    /// New vendors.
    pub creates: u32,
    /// Known vendors that change.
    pub updates: u32,
    /// Known vendors that are as the row says already.
    pub unchanged: u32,
    /// Rows that are handed back.
    pub rejected: u32,
    /// Rows with nothing in any mapped column.
    pub blank: u32,
    /// Rows of a Tally file that are no sundry creditors.
    pub not_a_supplier: u32,
    /// Good rows with something worth a second look.
    pub with_warnings: u32,
    /// Good rows in which a cell was repaired.
    pub repaired: u32,
}

impl ImportCounts {
    /// The rows that are to be written.
    pub const fn good(&self) -> u32 {
        self.creates + self.updates + self.unchanged
    }
}

/// What was written so far. At the end this adds up to what the dry run found good.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AppliedCounts {
    /// Good rows dealt with.
    pub processed: u32,
    /// Vendors created.
    pub created: u32,
    /// Vendors changed.
    pub updated: u32,
    /// Vendors that were as the row says already.
    pub unchanged: u32,
    /// Rows that were good at the dry run and are not any more: somebody else took the code, or deleted the vendor.
    pub rejected: u32,
}

/// What the dry run found. Every list has a limit, whatever the file holds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ImportReport {
    /// `csv` or `xlsx`.
    pub format: String,
    /// What stands between the cells of a CSV file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<String>,
    /// The encoding of a CSV file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// The sheet of a workbook that was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sheet: Option<String>,
    /// The sheets of the workbook, at most 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sheets: Vec<String>,
    /// The row of the header.
    pub header_row: u32,
    /// The system the file seems to come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dialect: Option<Dialect>,
    /// Header by header: where its cells go and why. At most 200.
    pub headers: Vec<HeaderFinding>,
    /// Headers that are not listed.
    #[serde(default)]
    pub more_headers: u32,
    /// What keeps the mapping from being used; without a correction the import cannot be confirmed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mapping_errors: Vec<MappingProblem>,
    /// Column by column.
    pub columns: Vec<ColumnFinding>,
    /// What is or could be repaired, by kind.
    pub repairs: Vec<RepairFinding>,
    /// What rows have in common with each other and with vendors.
    pub duplicates: Vec<DuplicateFinding>,
    /// The first hundred errors; the rejects file has all of them.
    pub errors: Vec<RowError>,
    /// The first hundred changes to vendors that are there, field by field. Identifiers are masked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<RowChange>,
}

/// What a row changes about a vendor.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RowChange {
    /// The row.
    pub row: u32,
    /// The vendor's code.
    pub vendor_code: String,
    /// The field.
    #[schema(example = "emails")]
    pub field: String,
    /// What it is, identifiers masked; absent where there is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What it would be, identifiers masked; absent where there would be nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

// Without the values, which may be personal.
impl std::fmt::Debug for RowChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RowChange(row {}, {})", self.row, self.field)
    }
}

impl RowChange {
    /// What is different about a vendor after a row, which may also claim a status for it.
    pub fn between(row: u32, vendor: &Vendor, after: &VendorProfile, claim: Option<MsmeStatus>) -> Vec<Self> {
        let masked = |profile: &VendorProfile, field: &str| match field {
            "pan_number" => profile.pan_number.as_ref().map(|pan| pan.masked().into()),
            "udyam_number" => profile.udyam_number.as_ref().map(|udyam| udyam.masked().into()),
            "gst_numbers" => Some(profile.gst_numbers.iter().map(|gstin| Value::from(gstin.masked())).collect()),
            "emails" => Some(profile.emails.iter().map(|email| Value::from(email.masked())).collect()),
            "phone_numbers" => Some(profile.phone_numbers.iter().map(|phone| Value::from(phone.masked())).collect()),
            _ => None,
        };
        let shown = |profile: &VendorProfile, field: &str, value: Option<Value>| -> Option<String> {
            value.and_then(|value| shown(&masked(profile, field).unwrap_or(value)))
        };
        let change = |field: String, from, to| Self {
            row,
            vendor_code: shorten(vendor.profile.vendor_code.as_str(), 60),
            field,
            from,
            to,
        };
        let fields = vendor_change::between(Some(&vendor.profile), after)
            .into_iter()
            .map(|FieldChange { field, from, to }| {
                let (from, to) = (shown(&vendor.profile, &field, from), shown(after, &field, to));
                change(field, from, to)
            });
        let status = claim.map(|status| {
            let from = Some(vendor.msme_status.as_str().to_owned());
            change("msme_status".to_owned(), from, Some(status.as_str().to_owned()))
        });
        fields.chain(status).collect()
    }
}

/// A value as a person reads it, not longer than a report bears.
fn shown(value: &Value) -> Option<String> {
    let text = match value {
        Value::Null => return None,
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => return None,
        Value::Array(items) if items.iter().all(Value::is_string) => {
            let texts: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            texts.join("; ")
        }
        other => other.to_string(),
    };
    Some(shorten(&text, 120))
}

/// What is wrong with a mapping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MappingProblem {
    /// The header; empty where one is missing.
    pub header: String,
    /// A stable word for machines.
    #[schema(example = "column_missing")]
    pub code: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl From<MappingError> for MappingProblem {
    fn from(MappingError { header, code, message }: MappingError) -> Self {
        Self {
            header,
            code: code.to_owned(),
            message,
        }
    }
}

/// What a column holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ColumnFinding {
    /// The column, or `attributes.<name>`.
    pub column: String,
    /// Rows that say something in it.
    pub filled: u32,
    /// What is wrong or odd in it, by kind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
}

/// A kind of error or warning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// A stable word for machines.
    #[schema(example = "gstin_check_character")]
    pub code: String,
    /// Whether it keeps a row from being imported.
    pub is_error: bool,
    /// How often.
    pub count: u32,
    /// Of the first of them: what is wrong and what to do.
    pub message: String,
    /// At most five.
    pub examples: Vec<Example>,
}

/// A cell.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Example {
    /// Its row.
    pub row: u32,
    /// What it holds; empty where several cells are meant.
    pub value: String,
}

impl std::fmt::Debug for Example {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Example(row {})", self.row)
    }
}

/// A kind of repair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RepairFinding {
    /// A stable word for machines; pass it in `accept_repairs` to have such cells repaired.
    #[schema(value_type = String, example = "phone_subtraction")]
    pub code: RepairCode,
    /// Whether the cells can mean nothing else. Such repairs are always made.
    pub is_certain: bool,
    /// Whether they are made in this import.
    pub is_applied: bool,
    /// How many cells.
    pub count: u32,
    /// What happened to the first of them.
    pub message: String,
    /// At most five.
    pub examples: Vec<RepairExample>,
}

/// A cell, as it is and as it would be.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RepairExample {
    /// Its row.
    pub row: u32,
    /// Its column.
    pub column: String,
    /// What it holds.
    pub from: String,
    /// What it would hold.
    pub to: String,
}

impl std::fmt::Debug for RepairExample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RepairExample(row {}, {})", self.row, self.column)
    }
}

/// What rows have in common in one column. Only the code must differ; two vendors may well share the rest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DuplicateFinding {
    /// `vendor_code`, `pan_number`, `gst_number` or `email`.
    pub column: String,
    /// Rows that repeat a value of an earlier row.
    pub in_file: u32,
    /// At most twenty.
    pub in_file_examples: Vec<Repeated>,
    /// Rows with a value that a vendor has; where the row updates that vendor, another vendor.
    pub existing: u32,
    /// At most twenty.
    pub existing_examples: Vec<Held>,
}

/// A row that repeats a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Repeated {
    /// The row.
    pub row: u32,
    /// The first row with the value.
    pub first_row: u32,
    /// The value; masked unless it is a code.
    pub value: String,
}

/// A row with a value that a vendor has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Held {
    /// The row.
    pub row: u32,
    /// The vendor.
    #[schema(value_type = String, example = "ven_01JZ0000000000000000000000")]
    pub vendor_id: VendorId,
    /// The value; masked unless it is a code.
    pub value: String,
}
