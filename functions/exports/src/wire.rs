//! Exports on the wire.

use domain::FieldError;
use domain::segment::VendorFilter;
use jiff::Timestamp;
use runtime::ApiError;
use serde::{Deserialize, Serialize};
use store::exports::{Export, ExportFailure, ExportFile, ExportFormat, ExportState};
use utoipa::ToSchema;

use crate::columns::{Column, MAX_COLUMNS};

/// An export, as a user asks for it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateExportRequest {
    /// What kind of file.
    pub(crate) format: Format,
    /// Which vendors; all where neither this nor a segment is given.
    #[serde(default)]
    pub(crate) filter: Option<VendorFilter>,
    /// The vendors of a saved segment, `seg_…`, in place of a filter.
    #[serde(default)]
    pub(crate) segment_id: Option<String>,
    /// Which columns, in this order; all where left out. `attributes` stands for a column for each free field, `attributes.<name>`
    /// for one.
    #[serde(default)]
    #[schema(example = json!(["vendor_code", "company_name", "msme_status"]))]
    pub(crate) columns: Vec<String>,
    /// Whether PAN, GSTINs, Udyam number, telephone numbers and e-mail addresses are in full, for roles that may have them. Otherwise
    /// they are masked, and an import refuses them; so is what looks like one of them in free fields, and a code that is a GSTIN or PAN.
    #[serde(default)]
    pub(crate) reveal_identifiers: bool,
}

impl CreateExportRequest {
    /// Checks what can be checked without looking anything up.
    pub(crate) fn check(&self) -> Result<(), ApiError> {
        let mut errors = Vec::new();
        if let Some(filter) = &self.filter {
            errors.extend(filter.check().err().unwrap_or_default());
            if self.segment_id.is_some() {
                let message = "give a segment or a filter, not both: the segment's own filter counts";
                errors.push(FieldError::new("filter", "", "segment_given", message));
            }
        }
        if self.columns.len() > MAX_COLUMNS {
            errors.push(FieldError::new("columns", "", "too_many", "give at most 250 columns"));
        }
        for (i, name) in self.columns.iter().enumerate().take(MAX_COLUMNS) {
            if Column::parse(name).is_none() {
                let message = "there is no such column: take the names of the import's columns, created_at_ist, updated_at_ist, attributes, or \
                               attributes.<name>";
                errors.push(FieldError::new("columns", name, "unknown", message));
            } else if self.columns[..i].contains(name) {
                errors.push(FieldError::new("columns", name, "twice", "this column is named twice: once is enough"));
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(errors.into()) }
    }
}

/// Kinds of file.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    /// Comma-separated UTF-8 with a byte order mark, which Excel reads.
    Csv,
    /// An Excel workbook.
    Xlsx,
}

impl From<Format> for ExportFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Csv => Self::Csv,
            Format::Xlsx => Self::Xlsx,
        }
    }
}

impl From<ExportFormat> for Format {
    fn from(format: ExportFormat) -> Self {
        match format {
            ExportFormat::Csv => Self::Csv,
            ExportFormat::Xlsx => Self::Xlsx,
        }
    }
}

/// Where an export stands.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// Waiting for a worker.
    Queued,
    /// Rows are being written.
    Running,
    /// The file can be downloaded.
    Completed,
    /// There is no file; `failure` says why.
    Failed,
}

impl From<ExportState> for State {
    fn from(state: ExportState) -> Self {
        match state {
            ExportState::Queued => Self::Queued,
            ExportState::Running => Self::Running,
            ExportState::Completed => Self::Completed,
            ExportState::Failed => Self::Failed,
        }
    }
}

/// An export.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExportResponse {
    /// Identity, `exp_…`.
    id: String,
    format: Format,
    state: State,
    /// Rows written so far.
    rows: u32,
    /// Vendors that were found; absent until they are counted. A vendor deleted meanwhile is left out of the file.
    total: Option<u32>,
    /// Whom it holds. A segment's filter is as it was when the export was asked for.
    filter: VendorFilter,
    /// The segment it was asked for by, `seg_…`.
    segment_id: Option<String>,
    /// The columns that were asked for; none for all.
    columns: Vec<String>,
    /// Whether identifiers and addresses are in full.
    reveals_identifiers: bool,
    /// Why there is no file.
    failure: Option<ExportFailureResponse>,
    /// The file, where one export is shown and it is completed.
    download: Option<DownloadResponse>,
    /// Who asked for it, `usr_…`.
    created_by: String,
    /// When.
    created_at: Timestamp,
    /// When it was over.
    completed_at: Option<Timestamp>,
    /// When the export and its file are deleted.
    expires_at: Option<Timestamp>,
}

/// Why there is no file.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExportFailureResponse {
    /// What went wrong and what to do.
    reason: String,
    /// Whether the same export may succeed another time.
    retriable: bool,
}

/// A file, and where it can be had for a while without signing in.
#[derive(Debug, Serialize, ToSchema)]
pub struct DownloadResponse {
    /// The link. It is made anew each time the export is read.
    url: String,
    /// When the link stops working.
    url_expires_at: Timestamp,
    /// The name the file is saved by.
    file_name: String,
    /// How long it is.
    bytes: u64,
    /// SHA-256 of it, in hexadecimal.
    sha256: String,
}

impl DownloadResponse {
    pub(crate) fn new(file: ExportFile, url: String, url_expires_at: Timestamp) -> Self {
        let ExportFile { key: _, name, bytes, sha256 } = file;
        Self {
            url,
            url_expires_at,
            file_name: name,
            bytes,
            sha256,
        }
    }
}

impl ExportResponse {
    pub(crate) fn new(export: Export, download: Option<DownloadResponse>) -> Self {
        let Export {
            id,
            format,
            filter,
            segment_id,
            columns,
            reveals_identifiers,
            state,
            rows,
            total,
            failure,
            file: _,
            created_by,
            created_at,
            completed_at,
            expires_at,
        } = export;
        Self {
            id: id.to_string(),
            format: format.into(),
            state: state.into(),
            rows,
            total,
            filter,
            segment_id: segment_id.map(|id| id.to_string()),
            columns,
            reveals_identifiers,
            failure: failure.map(|ExportFailure { reason, retriable }| ExportFailureResponse { reason, retriable }),
            download,
            created_by: created_by.to_string(),
            created_at,
            completed_at,
            expires_at: Timestamp::from_second(expires_at).ok(),
        }
    }
}
