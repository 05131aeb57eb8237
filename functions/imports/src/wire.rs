//! Imports on the wire.

use std::collections::BTreeSet;

use domain::import::{Accepted, AppliedCounts, ImportCounts, ImportMode, ImportReport, ReadAs};
use domain::repairs::RepairCode;
use jiff::Timestamp;
use runtime::ApiError;
use runtime::problem::invalid;
use serde::{Deserialize, Serialize};
use store::imports::{Checkpoint, Failure, Import, ImportState, Settings};
use utoipa::ToSchema;

/// Which of the doubtful repairs are made: all or none of them, or those with these codes.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum AcceptRepairs {
    /// All, or none.
    All(bool),
    /// Those with these codes.
    #[schema(value_type = Vec<String>)]
    Codes(BTreeSet<RepairCode>),
}

impl From<AcceptRepairs> for Accepted {
    fn from(given: AcceptRepairs) -> Self {
        match given {
            AcceptRepairs::All(all) => Self { all, codes: BTreeSet::new() },
            AcceptRepairs::Codes(codes) => Self { all: false, codes },
        }
    }
}

/// The name of a sheet.
pub(crate) fn sheet_name(given: String) -> Result<String, ApiError> {
    // Excel allows 31 characters, other programs more.
    if (1..=100).contains(&given.chars().count()) {
        Ok(given)
    } else {
        Err(invalid("sheet", "", "sheet_name", "a sheet's name has 1 to 100 characters"))
    }
}

/// An import job, as lists show it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportSummary {
    /// Identity, `imp_…`.
    id: String,
    /// Name of the uploaded file.
    file_name: String,
    /// `awaiting_upload`, `queued`, `analysing`, `ready`, `importing`, `completed`, `cancelled` or `failed`.
    #[schema(value_type = String, example = "ready")]
    state: ImportState,
    /// Which vendors may be written.
    mode: ImportMode,
    /// What the rows come to, as far as the dry run has read them.
    counts: ImportCounts,
    /// What was stored so far. What is stored stays, also where the import is cancelled.
    applied: AppliedCounts,
    /// Why the file as a whole could not be imported; only when `failed`.
    failure: Option<ImportFailureResponse>,
    /// Where the rejected rows can be downloaded, with the reasons.
    #[schema(example = "/api/v1/imports/imp_01JZ0000000000000000000000/rejects")]
    rejects_url: Option<String>,
    /// Who began it, `usr_…`.
    created_by: String,
    /// When.
    created_at: Timestamp,
    /// Who confirmed it, `usr_…`.
    confirmed_by: Option<String>,
    /// When.
    confirmed_at: Option<Timestamp>,
    /// When it came to an end.
    completed_at: Option<Timestamp>,
}

/// Why the file as a whole could not be imported.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportFailureResponse {
    /// A stable word for machines.
    #[schema(example = "workbook_password")]
    code: String,
    /// What is wrong and what to do.
    message: String,
}

/// An import job with the report of its dry run.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportResponse {
    /// The job.
    #[serde(flatten)]
    summary: ImportSummary,
    /// The sheet of a workbook, where one was chosen.
    sheet: Option<String>,
    /// How the file is read, where that was chosen.
    #[serde(skip_serializing_if = "ReadAs::is_open")]
    read_as: ReadAs,
    /// Which doubtful repairs are made.
    accepted_repairs: Accepted,
    /// What the dry run found, once it is done.
    report: Option<ImportReport>,
}

impl From<Import> for ImportSummary {
    fn from(import: Import) -> Self {
        let Import {
            id,
            file_name,
            source_key: _,
            state,
            version: _,
            settings: Settings { mode, .. },
            skips_deleted: _,
            run: _,
            attempt: _,
            source_etag: _,
            is_staged: _,
            counts,
            rejects_key,
            checkpoint: Checkpoint { applied, .. },
            intent: _,
            is_settled: _,
            failure,
            created_by,
            created_at,
            progress_at: _,
            confirmed_by,
            confirmed_at,
            completed_at,
        } = import;
        Self {
            id: id.to_string(),
            file_name,
            state,
            mode,
            counts,
            applied,
            failure: failure.map(|Failure { code, message }| ImportFailureResponse { code, message }),
            rejects_url: rejects_key.map(|_| format!("/api/v1/imports/{id}/rejects")),
            created_by: created_by.to_string(),
            created_at,
            confirmed_by: confirmed_by.map(|user| user.to_string()),
            confirmed_at,
            completed_at,
        }
    }
}

impl ImportResponse {
    pub(crate) fn new(import: Import, report: Option<ImportReport>) -> Self {
        Self {
            sheet: import.settings.sheet.clone(),
            read_as: import.settings.read_as,
            accepted_repairs: import.settings.accepted.clone(),
            report,
            summary: import.into(),
        }
    }
}
