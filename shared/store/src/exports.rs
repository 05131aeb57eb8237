//! Files of vendors made for download: what was asked for, and how far it is.

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use domain::segment::VendorFilter;
use domain::{ExportId, SegmentId, UserId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::client::{Listing, item, key_item, n, s};
use crate::{Page, PageRequest, Store, StoreError, keys};

/// How long a job and its file are kept, in days. The bucket's lifecycle says the same of `exports/`.
pub const KEPT_DAYS: i64 = 7;

/// How long a job may take, with everything its queue tries again: five deliveries of twelve minutes, and as much waiting for a worker.
/// After that no worker comes back to it.
const MAX_SECS: i64 = 2 * 3_600;

/// Kinds of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportFormat {
    /// Comma-separated UTF-8 with a byte order mark, which Excel reads.
    Csv,
    /// An Excel workbook.
    Xlsx,
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportState {
    /// Waiting for a worker.
    Queued,
    /// Rows are being written.
    Running,
    /// The file can be downloaded.
    Completed,
    /// There is no file; see `failure`.
    Failed,
}

/// Why there is no file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportFailure {
    /// What went wrong and what to do.
    pub reason: String,
    /// Whether the same export may succeed another time.
    pub retriable: bool,
}

/// A file in the bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportFile {
    /// Where it lies.
    pub key: String,
    /// The name to save it by.
    pub name: String,
    /// How long it is.
    pub bytes: u64,
    /// SHA-256, in hexadecimal.
    pub sha256: String,
}

/// A job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Export {
    /// Identity.
    pub id: ExportId,
    /// What kind of file is made.
    pub format: ExportFormat,
    /// Whom it holds; that of the segment as it was when the export was asked for.
    pub filter: VendorFilter,
    /// The segment it was asked for by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment_id: Option<SegmentId>,
    /// The columns in their order; none for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// Whether identifiers and addresses are shown in full. Who asked was allowed to when asking.
    pub reveals_identifiers: bool,
    /// Where the job stands.
    pub state: ExportState,
    /// Rows written so far.
    pub rows: u32,
    /// Vendors found, once counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u32>,
    /// Why it failed, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<ExportFailure>,
    /// The file, once completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<ExportFile>,
    /// Who asked.
    pub created_by: UserId,
    /// When.
    pub created_at: Timestamp,
    /// When the worker came to an end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Timestamp>,
    /// When job and file are deleted, in seconds since 1970.
    pub expires_at: i64,
}

impl Export {
    /// The job as it stands at `now`: one that no worker can be at any more has failed, though none could say so.
    #[must_use]
    fn at(self, now: Timestamp) -> Self {
        let is_under_way = matches!(self.state, ExportState::Queued | ExportState::Running);
        let deadline = self.created_at.as_second() + MAX_SECS;
        if !is_under_way || now.as_second() < deadline {
            return self;
        }
        Self {
            state: ExportState::Failed,
            failure: Some(ExportFailure {
                reason: "the file was not finished in time, for a reason on our side: ask for the export again".to_owned(),
                retriable: true,
            }),
            completed_at: Timestamp::from_second(deadline).ok(),
            ..self
        }
    }

    /// Whether there is anything left for a worker to do. What failed for a passing reason may be tried again.
    pub fn is_open(&self) -> bool {
        match self.state {
            ExportState::Queued | ExportState::Running => true,
            ExportState::Completed => false,
            ExportState::Failed => self.failure.as_ref().is_some_and(|failure| failure.retriable),
        }
    }
}

/// Stores a new job.
///
/// # Errors
/// When the table cannot be written.
pub async fn create(store: &Store, export: &Export) -> Result<(), StoreError> {
    let mut stored = item(keys::export(export.id), "export", export)?;
    stored.insert("gsi1pk".into(), s(keys::EXPORTS));
    stored.insert("gsi1sk".into(), s(keys::by_time(export.created_at, export.id)));
    store.put_fresh(stored).await
}

/// Reads a job.
///
/// # Errors
/// [`StoreError::NotFound`], also once its time is over, or when the table cannot be read.
pub async fn get(store: &Store, id: ExportId, now: Timestamp) -> Result<Export, StoreError> {
    let export: Option<Export> = store.get(keys::export(id)).await?;
    // DynamoDB deletes what expired within days, not at once.
    let export = export.filter(|export| export.expires_at > now.as_second()).ok_or(StoreError::NotFound)?;
    Ok(export.at(now))
}

/// Lists jobs, newest first. A page may be short where the time of some is over.
///
/// # Errors
/// When the table cannot be read.
pub async fn list(store: &Store, page: &PageRequest, now: Timestamp) -> Result<Page<Export>, StoreError> {
    let mut page = store.list::<Export>(Listing::gsi1(keys::EXPORTS).newest_first(), page).await?;
    page.items.retain(|export| export.expires_at > now.as_second());
    page.items = page.items.into_iter().map(|export| export.at(now)).collect();
    Ok(page)
}

/// Reports progress.
///
/// # Errors
/// [`StoreError::Conflict`] when the job is completed, or gone.
pub async fn progress(store: &Store, id: ExportId, rows: u32, total: u32) -> Result<(), StoreError> {
    unless_completed(store, id)
        .update_expression("SET #state = :state, #rows = :rows, #total = :total REMOVE failure, completed_at")
        .expression_attribute_names("#rows", "rows")
        .expression_attribute_names("#total", "total")
        .expression_attribute_values(":state", s("running"))
        .expression_attribute_values(":rows", n(rows))
        .expression_attribute_values(":total", n(total))
        .send()
        .await?;
    Ok(())
}

/// Ends a job with its file of `rows` vendors.
///
/// # Errors
/// [`StoreError::Conflict`] when the job is completed, or gone.
pub async fn complete(store: &Store, id: ExportId, file: &ExportFile, rows: u32, now: Timestamp) -> Result<(), StoreError> {
    unless_completed(store, id)
        .update_expression("SET #state = :state, #file = :file, #rows = :rows, #total = :rows, completed_at = :now REMOVE failure")
        .expression_attribute_names("#file", "file")
        .expression_attribute_names("#rows", "rows")
        .expression_attribute_names("#total", "total")
        .expression_attribute_values(":state", s("completed"))
        .expression_attribute_values(":rows", n(rows))
        .expression_attribute_values(":file", serde_dynamo::to_attribute_value(file).map_err(StoreError::encoding)?)
        .expression_attribute_values(":now", s(now.to_string()))
        .send()
        .await?;
    Ok(())
}

/// Ends a job without a file.
///
/// # Errors
/// [`StoreError::Conflict`] when the job is completed, or gone.
pub async fn fail(store: &Store, id: ExportId, failure: &ExportFailure, now: Timestamp) -> Result<(), StoreError> {
    unless_completed(store, id)
        .update_expression("SET #state = :state, failure = :failure, completed_at = :now")
        .expression_attribute_values(":state", s("failed"))
        .expression_attribute_values(":failure", serde_dynamo::to_attribute_value(failure).map_err(StoreError::encoding)?)
        .expression_attribute_values(":now", s(now.to_string()))
        .send()
        .await?;
    Ok(())
}

fn unless_completed(store: &Store, id: ExportId) -> UpdateItemFluentBuilder {
    store
        .client
        .update_item()
        .table_name(&store.table)
        .set_key(Some(key_item(keys::export(id))))
        // Race: a message delivered again while the first worker finishes; the first file stands. A job that expired meanwhile does
        // not come back as a fragment.
        .condition_expression("attribute_exists(pk) AND #state <> :completed")
        .expression_attribute_names("#state", "state")
        .expression_attribute_values(":completed", s("completed"))
}
