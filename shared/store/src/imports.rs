//! Vendor import jobs.

use aws_sdk_dynamodb::types::ReturnValue;
use domain::{ImportId, UserId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::client::{item, key_item, s};
use crate::{Store, StoreError, keys};

/// How many row errors the job itself shows; the rejects file has all of them.
pub const SHOWN_ERRORS: usize = 100;

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportState {
    /// Uploaded, waiting for a worker.
    Queued,
    /// Rows are being checked and stored.
    Running,
    /// Every row is stored or rejected.
    Completed,
    /// The file as a whole cannot be imported; see `failure`.
    Failed,
}

/// What is wrong with one cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowError {
    /// Row, counted from 2 for the first below the header.
    pub row: u32,
    /// Column by its canonical name.
    pub column: String,
    /// What the cell holds.
    pub value: String,
    /// Machine-readable.
    pub code: String,
    /// What is wrong and how to mend it.
    pub reason: String,
}

/// Counts of a job.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportCounts {
    /// Data rows in the file; 0 until counted.
    pub rows: u32,
    /// Rows dealt with.
    pub processed: u32,
    /// Rows stored as vendors.
    pub imported: u32,
    /// Rows handed back.
    pub rejected: u32,
    /// Rows stored with something worth a look.
    pub with_warnings: u32,
}

/// A job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Import {
    /// Identity.
    pub id: ImportId,
    /// Name of the uploaded file.
    pub file_name: String,
    /// Where the file lies in the bucket.
    pub source_key: String,
    /// Where the rejected rows lie in the bucket, once completed with any.
    pub rejects_key: Option<String>,
    /// Where the job stands.
    pub state: ImportState,
    /// Why the file as a whole failed.
    pub failure: Option<String>,
    /// Progress.
    pub counts: ImportCounts,
    /// The first [`SHOWN_ERRORS`] row errors.
    pub errors: Vec<RowError>,
    /// Who uploaded it.
    pub created_by: UserId,
    /// When.
    pub created_at: Timestamp,
    /// When the worker finished.
    pub completed_at: Option<Timestamp>,
}

/// Stores a new job.
///
/// # Errors
/// When the table cannot be written.
pub async fn create(store: &Store, import: &Import) -> Result<(), StoreError> {
    let mut stored = item(keys::import(import.id), "import", import)?;
    stored.insert("gsi1pk".into(), s(keys::IMPORTS));
    stored.insert("gsi1sk".into(), s(keys::by_time(import.created_at, import.id)));
    store.put_fresh(stored).await
}

/// Reads a job.
///
/// # Errors
/// [`StoreError::NotFound`], or when the table cannot be read.
pub async fn get(store: &Store, id: ImportId) -> Result<Import, StoreError> {
    store.get(keys::import(id)).await?.ok_or(StoreError::NotFound)
}

/// Reports progress.
///
/// # Errors
/// [`StoreError::Conflict`] when the job is over.
pub async fn progress(store: &Store, id: ImportId, counts: &ImportCounts) -> Result<(), StoreError> {
    store
        .client
        .update_item()
        .table_name(&store.table)
        .set_key(Some(key_item(keys::import(id))))
        .update_expression("SET #state = :running, #counts = :counts")
        // Race: a redelivered message while the first worker finishes; a finished job does not go back to running.
        .condition_expression("#state IN (:queued, :running)")
        .expression_attribute_names("#state", "state")
        .expression_attribute_names("#counts", "counts")
        .expression_attribute_values(":queued", s("queued"))
        .expression_attribute_values(":running", s("running"))
        .expression_attribute_values(":counts", serde_dynamo::to_attribute_value(counts).map_err(StoreError::encoding)?)
        .send()
        .await?;
    Ok(())
}

/// Ends a job: `Completed`, or `Failed` with a reason.
///
/// # Errors
/// [`StoreError::Conflict`] when the job is over already.
pub async fn finish(store: &Store, import: &Import) -> Result<(), StoreError> {
    let value = |part: &dyn Fn() -> Result<aws_sdk_dynamodb::types::AttributeValue, serde_dynamo::Error>| part().map_err(StoreError::encoding);
    store
        .client
        .update_item()
        .table_name(&store.table)
        .set_key(Some(key_item(keys::import(import.id))))
        .update_expression(
            "SET #state = :state, #counts = :counts, #errors = :errors, failure = :failure, rejects_key = :rejects, completed_at = :completed",
        )
        // Race: two workers on one message; the first result stands, and both are the same.
        .condition_expression("#state IN (:queued, :running)")
        .expression_attribute_names("#state", "state")
        .expression_attribute_names("#counts", "counts")
        .expression_attribute_names("#errors", "errors")
        .expression_attribute_values(":queued", s("queued"))
        .expression_attribute_values(":running", s("running"))
        .expression_attribute_values(":state", value(&|| serde_dynamo::to_attribute_value(import.state))?)
        .expression_attribute_values(":counts", value(&|| serde_dynamo::to_attribute_value(import.counts))?)
        .expression_attribute_values(":errors", value(&|| serde_dynamo::to_attribute_value(&import.errors))?)
        .expression_attribute_values(":failure", value(&|| serde_dynamo::to_attribute_value(&import.failure))?)
        .expression_attribute_values(":rejects", value(&|| serde_dynamo::to_attribute_value(&import.rejects_key))?)
        .expression_attribute_values(":completed", value(&|| serde_dynamo::to_attribute_value(import.completed_at))?)
        .return_values(ReturnValue::None)
        .send()
        .await?;
    Ok(())
}

/// How old an import may get before its file is deleted by the bucket's lifecycle, in days. Shown to users.
pub const FILE_DAYS: i64 = 90;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_shown_errors_fit_an_item() {
        let error = RowError {
            row: 1,
            column: "registered_address".into(),
            value: "x".repeat(200),
            code: "x".repeat(40),
            reason: "x".repeat(200),
        };
        let item: crate::client::Item = serde_dynamo::to_item(serde_json::json!({ "errors": vec![error; SHOWN_ERRORS] })).unwrap();
        assert!(format!("{item:?}").len() < 400_000, "an item holds 400 KB");
    }
}
