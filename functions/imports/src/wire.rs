//! Imports on the wire.

use jiff::Timestamp;
use serde::Serialize;
use store::imports::{Import, ImportCounts, ImportState, RowError};
use utoipa::ToSchema;

/// An import job.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportResponse {
    /// Identity, `imp_…`.
    id: String,
    /// Name of the uploaded file.
    file_name: String,
    /// `queued`, `running`, `completed` or `failed`.
    #[schema(value_type = String, example = "completed")]
    state: ImportState,
    /// Why the file as a whole could not be imported; only when `failed`.
    failure: Option<String>,
    /// Progress.
    counts: CountsResponse,
    /// The first 100 errors; the rejects file has all of them.
    errors: Vec<RowErrorResponse>,
    /// Where the rejected rows can be downloaded, with the reasons; only when `completed` with any.
    #[schema(example = "/api/v1/imports/imp_01JZ0000000000000000000000/rejects")]
    rejects_url: Option<String>,
    /// Who uploaded it, `usr_…`.
    created_by: String,
    /// When.
    created_at: Timestamp,
    /// When the last row was dealt with.
    completed_at: Option<Timestamp>,
}

/// How far a job is. At the end `imported` and `rejected` add up to `rows`.
#[derive(Debug, Serialize, ToSchema)]
pub struct CountsResponse {
    /// Rows with something in them; 0 until counted.
    rows: u32,
    /// Rows dealt with.
    processed: u32,
    /// Rows stored as vendors.
    imported: u32,
    /// Rows handed back.
    rejected: u32,
    /// Rows stored with something worth a second look.
    with_warnings: u32,
}

/// What is wrong with one cell.
#[derive(Debug, Serialize, ToSchema)]
pub struct RowErrorResponse {
    /// Row, counted from 2 for the first below the header.
    row: u32,
    /// Column; empty where the row as a whole is wrong.
    column: String,
    /// What the cell holds.
    value: String,
    /// Machine-readable.
    #[schema(example = "gstin_check_character")]
    code: String,
    /// What is wrong and how to mend it.
    reason: String,
}

impl From<Import> for ImportResponse {
    fn from(import: Import) -> Self {
        let Import {
            id,
            file_name,
            source_key: _,
            rejects_key,
            state,
            failure,
            counts,
            errors,
            created_by,
            created_at,
            completed_at,
        } = import;
        let ImportCounts {
            rows,
            processed,
            imported,
            rejected,
            with_warnings,
        } = counts;
        Self {
            id: id.to_string(),
            file_name,
            state,
            failure,
            counts: CountsResponse {
                rows,
                processed,
                imported,
                rejected,
                with_warnings,
            },
            errors: errors.into_iter().map(RowErrorResponse::from).collect(),
            rejects_url: rejects_key.map(|_| format!("/api/v1/imports/{id}/rejects")),
            created_by: created_by.to_string(),
            created_at,
            completed_at,
        }
    }
}

impl From<RowError> for RowErrorResponse {
    fn from(
        RowError {
            row,
            column,
            value,
            code,
            reason,
        }: RowError,
    ) -> Self {
        Self {
            row,
            column,
            value,
            code,
            reason,
        }
    }
}
