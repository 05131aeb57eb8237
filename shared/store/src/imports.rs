//! Vendor import jobs.
//!
//! ```text
//! awaiting_upload ─▶ queued ─▶ analysing ─▶ ready ─▶ importing ─▶ completed
//!                      ▲            │          │         │
//!                      └────────────┴──────────┘         ├─▶ failed
//!            again, with a corrected mapping             └─▶ cancelled (from any state before the end)
//! ```
//!
//! Two kinds of write: a transition raises `version` and depends on the version that was seen or on the run; progress leaves the
//! version alone and depends on the state and on the progress before it.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use domain::columns::Mapping;
use domain::import::{Accepted, AppliedCounts, ImportCounts, ImportMode, ImportReport, ReadAs};
use domain::{ImportId, UserId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use ulid::Ulid;

use crate::client::{Item, Listing, item, key_item, n, read, s};
use crate::{Page, PageRequest, Store, StoreError, keys};

/// How old an import may get before its files are deleted by the bucket's lifecycle, in days. Shown to users.
pub const FILE_DAYS: i64 = 90;

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportState {
    /// The file is not there yet.
    AwaitingUpload,
    /// Waiting for a worker to look at the file.
    Queued,
    /// A worker reads the file; nothing is stored.
    Analysing,
    /// The report of the dry run is there; a person decides.
    Ready,
    /// Confirmed: vendors are being stored.
    Importing,
    /// Every good row is stored.
    Completed,
    /// Stopped by a person; what was stored until then stays.
    Cancelled,
    /// The file as a whole cannot be imported; see `failure`.
    Failed,
}

impl ImportState {
    /// The word in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AwaitingUpload => "awaiting_upload",
            Self::Queued => "queued",
            Self::Analysing => "analysing",
            Self::Ready => "ready",
            Self::Importing => "importing",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }

    /// Whether nothing happens any more.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled | Self::Failed)
    }
}

/// Why the file as a whole cannot be imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// A stable word for machines.
    pub code: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl Failure {
    /// The code of a job that was given up after many tries; the file is not to blame.
    pub const INTERRUPTED: &'static str = "interrupted";
}

/// What a dry run is asked to do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Which vendors may be written.
    pub mode: ImportMode,
    /// The sheet of a workbook, where a person chose one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sheet: Option<String>,
    /// How the file is read, where a person chose it.
    #[serde(default, skip_serializing_if = "ReadAs::is_open")]
    pub read_as: ReadAs,
    /// What a person said of some headers; the others are recognised.
    #[serde(default)]
    pub corrections: Mapping,
    /// Which doubtful repairs are made.
    #[serde(default)]
    pub accepted: Accepted,
}

/// How far the staged rows are stored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Bytes of the staged file that are dealt with.
    pub offset: u64,
    /// What became of them.
    pub applied: AppliedCounts,
    /// Where batches began in which rows were refused; their reasons lie in the bucket.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub late: Vec<u64>,
}

/// The rows of a batch under way that change a vendor. Written before the changes: whoever does the batch again after a crash
/// finds some of them made, and still counts them as made by this import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// Where the batch begins.
    pub offset: u64,
    /// The rows.
    pub rows: Vec<u32>,
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
    /// Where the job stands.
    pub state: ImportState,
    /// Counts the transitions, for `ETag`.
    pub version: u64,
    /// What the dry run is asked to do.
    pub settings: Settings,
    /// Whether rows with the code of a vendor that a person deleted are handed back: a file that comes by itself says so every night.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skips_deleted: bool,
    /// The dry run that counts. A slower one before it finds itself replaced.
    pub run: Ulid,
    /// The attempt at a run that was the first to come to its end: the staged rows, the rejects and the report bear its name, so that a
    /// second worker at the same run writes over nothing that is in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<Ulid>,
    /// What the bucket calls the content of the file that was checked first. Whatever is read later must be the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_etag: Option<String>,
    /// Whether the files of that run are whole.
    #[serde(default)]
    pub is_staged: bool,
    /// What the rows come to, as far as read.
    #[serde(default)]
    pub counts: ImportCounts,
    /// Where the rejected rows lie in the bucket, if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejects_key: Option<String>,
    /// How far the rows are stored.
    #[serde(default)]
    pub checkpoint: Checkpoint,
    /// The batch under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<Intent>,
    /// Whether a worker has ended a cancelled import: its counts are final and its rejects complete.
    #[serde(default)]
    pub is_settled: bool,
    /// Why the file as a whole failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Who began it.
    pub created_by: UserId,
    /// When.
    pub created_at: Timestamp,
    /// When a worker last said something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress_at: Option<Timestamp>,
    /// Who confirmed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_by: Option<UserId>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_at: Option<Timestamp>,
    /// When it came to an end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Timestamp>,
}

/// What a person may begin an import with.
#[derive(Debug, Clone)]
pub struct NewImport {
    /// Identity.
    pub id: ImportId,
    /// Name of the file.
    pub file_name: String,
    /// Where the file lies, or will lie.
    pub source_key: String,
    /// `AwaitingUpload` or `Queued`.
    pub state: ImportState,
    /// What the dry run is asked to do.
    pub settings: Settings,
    /// The first dry run.
    pub run: Ulid,
    /// Who begins it.
    pub by: UserId,
    /// When.
    pub at: Timestamp,
}

impl Import {
    /// The name that the files and the report of the dry run bear.
    pub fn attempt(&self) -> Ulid {
        self.attempt.unwrap_or(self.run)
    }

    /// Whether a row may make a vendor with the code of one that was deleted at a time. A person who deletes a vendor while an import is
    /// under way means the import as well; an import that is begun later is meant to bring it, unless it came by itself.
    pub fn may_replace(&self, deleted_at: Timestamp) -> bool {
        !self.skips_deleted && deleted_at < self.created_at
    }
}

impl From<NewImport> for Import {
    fn from(new: NewImport) -> Self {
        let NewImport {
            id,
            file_name,
            source_key,
            state,
            settings,
            run,
            by,
            at,
        } = new;
        Self {
            id,
            file_name,
            source_key,
            state,
            version: 1,
            settings,
            skips_deleted: false,
            run,
            attempt: None,
            source_etag: None,
            is_staged: false,
            counts: ImportCounts::default(),
            rejects_key: None,
            checkpoint: Checkpoint::default(),
            intent: None,
            is_settled: false,
            failure: None,
            created_by: by,
            created_at: at,
            progress_at: None,
            confirmed_by: None,
            confirmed_at: None,
            completed_at: None,
        }
    }
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

/// Lists jobs, newest first.
///
/// # Errors
/// When the table cannot be read.
pub async fn list(store: &Store, page: &PageRequest) -> Result<Page<Import>, StoreError> {
    store.list(Listing::gsi1(keys::IMPORTS).newest_first(), page).await
}

#[derive(Serialize, Deserialize)]
struct ReportItem {
    report: ImportReport,
    expires_at: i64,
}

/// An item holds 400 KB, keys and names included.
const REPORT_BYTES: usize = 300_000;

/// Stores what an attempt at a dry run found. It goes when the files go.
///
/// # Errors
/// When the table cannot be written.
pub async fn put_report(store: &Store, import: &Import, attempt: Ulid, mut report: ImportReport) -> Result<(), StoreError> {
    // What a crafted file could make too large loses its examples first.
    let is_large = |report: &ImportReport| serde_json::to_vec(report).map_or(usize::MAX, |bytes| bytes.len()) > REPORT_BYTES;
    if is_large(&report) {
        for problem in report.columns.iter_mut().flat_map(|column| &mut column.problems) {
            problem.examples.clear();
        }
    }
    if is_large(&report) {
        report.errors.truncate(20);
        report.changes.truncate(20);
        report.columns.truncate(100);
        report.more_headers += u32::try_from(report.headers.len().saturating_sub(40)).unwrap_or_default();
        report.headers.truncate(40);
    }
    let body = ReportItem {
        report,
        expires_at: import.created_at.as_second() + FILE_DAYS * 86_400,
    };
    let stored = item(keys::import_report(import.id, attempt), "import_report", &body)?;
    store.client.put_item().table_name(&store.table).set_item(Some(stored)).send().await?;
    Ok(())
}

/// What the dry run that counts found, if it has got that far. While rows are staged again with other repairs, what it found before.
///
/// # Errors
/// When the table cannot be read.
pub async fn report(store: &Store, import: &Import) -> Result<Option<ImportReport>, StoreError> {
    let found: Option<ReportItem> = store.get(keys::import_report(import.id, import.attempt())).await?;
    Ok(found.map(|item| item.report))
}

/// A write to the job, with the names and values of everything it sets.
struct Change {
    sets: Vec<String>,
    removes: Vec<&'static str>,
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl Change {
    fn new() -> Self {
        Self {
            sets: Vec::new(),
            removes: Vec::new(),
            names: HashMap::new(),
            values: HashMap::new(),
        }
    }

    /// A write that raises the version.
    fn transition(to: ImportState) -> Self {
        let mut change = Self::new().value("state", s(to.as_str()));
        change.sets.push("#version = #version + :one".to_owned());
        change.names.insert("#version".to_owned(), "version".to_owned());
        change.values.insert(":one".to_owned(), n(1));
        change
    }

    fn value(mut self, name: &'static str, value: AttributeValue) -> Self {
        self.sets.push(format!("#{name} = :new_{name}"));
        self.names.insert(format!("#{name}"), name.to_owned());
        self.values.insert(format!(":new_{name}"), value);
        self
    }

    fn set(self, name: &'static str, value: &impl Serialize) -> Result<Self, StoreError> {
        let value = serde_dynamo::to_attribute_value(value).map_err(StoreError::encoding)?;
        Ok(self.value(name, value))
    }

    fn remove(mut self, name: &'static str) -> Self {
        self.removes.push(name);
        self
    }

    /// What a condition compares with.
    fn given(mut self, placeholder: &str, value: AttributeValue) -> Self {
        self.values.insert(placeholder.to_owned(), value);
        self
    }

    fn named(mut self, name: &'static str) -> Self {
        self.names.insert(format!("#{name}"), name.to_owned());
        self
    }

    fn on(self, store: &Store, id: ImportId, condition: &str) -> UpdateItemFluentBuilder {
        let mut expression = format!("SET {}", self.sets.join(", "));
        if !self.removes.is_empty() {
            expression += &format!(" REMOVE {}", self.removes.join(", "));
        }
        store
            .client
            .update_item()
            .table_name(&store.table)
            .set_key(Some(key_item(keys::import(id))))
            .update_expression(expression)
            .condition_expression(condition)
            .set_expression_attribute_names(Some(self.names))
            .set_expression_attribute_values(Some(self.values))
            .return_values(ReturnValue::AllNew)
    }

    /// Writes, and answers with the job as it is then.
    async fn apply(self, store: &Store, id: ImportId, condition: &str) -> Result<Import, StoreError> {
        let output = self.on(store, id, condition).send().await?;
        let written: Item = output.attributes.unwrap_or_default();
        read(written)
    }
}

/// Asks for a dry run: the first after an upload, or another with other settings.
///
/// # Errors
/// [`StoreError::Conflict`] when the job moved on since it was seen.
pub async fn queue(store: &Store, seen: &Import, settings: &Settings, run: Ulid) -> Result<Import, StoreError> {
    Change::transition(ImportState::Queued)
        .set("settings", settings)?
        .set("run", &run)?
        .set("counts", &ImportCounts::default())?
        .set("is_staged", &false)?
        .remove("attempt")
        .remove("rejects_key")
        .remove("failure")
        .remove("completed_at")
        .given(":seen", n(seen.version))
        // Race: a confirmation, a cancellation or another correction at the same moment. Whoever comes second must see the first.
        .apply(store, seen.id, "#version = :seen")
        .await
}

/// A worker begins a dry run, or begins it again.
///
/// # Errors
/// [`StoreError::Conflict`] when the run was replaced or cancelled, or is done.
pub async fn begin(store: &Store, id: ImportId, run: Ulid, now: Timestamp) -> Result<Import, StoreError> {
    Change::new()
        .value("state", s("analysing"))
        .set("progress_at", &now)?
        .given(":run", s(run.to_string()))
        .given(":queued", s("queued"))
        .given(":analysing", s("analysing"))
        // Race: a message delivered late, after its run was replaced, cancelled or done by another worker.
        .apply(store, id, "run = :run AND #state IN (:queued, :analysing)")
        .await
}

/// Reports how many rows a dry run has read.
///
/// # Errors
/// [`StoreError::Conflict`] when the run was replaced, cancelled or finished by another worker.
pub async fn analysed(store: &Store, seen: &Import, counts: &ImportCounts, now: Timestamp) -> Result<(), StoreError> {
    Change::new()
        .set("counts", counts)?
        .set("progress_at", &now)?
        .named("state")
        .given(":run", s(seen.run.to_string()))
        .given(":state", s(seen.state.as_str()))
        .given(":unstaged", AttributeValue::Bool(false))
        // Race: a cancellation, a correction that starts another run, or a second worker that was quicker. This one stops.
        .apply(store, seen.id, "run = :run AND #state = :state AND is_staged = :unstaged")
        .await?;
    Ok(())
}

/// What an attempt at a dry run has come to.
#[derive(Debug, Clone, Copy)]
pub struct Staged<'a> {
    /// The attempt.
    pub attempt: Ulid,
    /// What the rows come to.
    pub counts: &'a ImportCounts,
    /// Where the rejected rows lie, if there are any.
    pub rejects_key: Option<&'a str>,
    /// What the bucket calls the content of the file.
    pub source_etag: &'a str,
}

/// Ends a dry run whose report and files are stored. A job being analysed is then ready; one that was confirmed with other repairs
/// goes on importing.
///
/// # Errors
/// [`StoreError::Conflict`] when the run was replaced, cancelled or finished by another worker.
pub async fn staged(store: &Store, seen: &Import, staged: &Staged<'_>, now: Timestamp) -> Result<Import, StoreError> {
    let to = match seen.state {
        ImportState::Importing => ImportState::Importing,
        _ => ImportState::Ready,
    };
    let change = Change::transition(to)
        .set("counts", staged.counts)?
        .set("attempt", &staged.attempt)?
        .value("source_etag", s(staged.source_etag))
        .set("is_staged", &true)?
        .set("progress_at", &now)?
        .given(":run", s(seen.run.to_string()))
        .given(":state", s(seen.state.as_str()))
        .given(":unstaged", AttributeValue::Bool(false));
    let change = match staged.rejects_key {
        Some(key) => change.value("rejects_key", s(key)),
        None => change.remove("rejects_key"),
    };
    // Race: as while reading. Of two workers at one run the first to get here says whose files count.
    change
        .apply(store, seen.id, "run = :run AND #state = :state AND is_staged = :unstaged")
        .await
}

/// The file as a whole cannot be imported.
///
/// # Errors
/// [`StoreError::Conflict`] when the run was replaced, cancelled or finished by another worker.
pub async fn fail(store: &Store, seen: &Import, failure: &Failure, now: Timestamp) -> Result<Import, StoreError> {
    Change::transition(ImportState::Failed)
        .set("failure", failure)?
        .set("completed_at", &now)?
        .given(":run", s(seen.run.to_string()))
        .given(":state", s(seen.state.as_str()))
        // Race: a cancellation or a correction meanwhile, which count more than a failure of what they replaced.
        .apply(store, seen.id, "run = :run AND #state = :state")
        .await
}

/// Confirms a dry run. `run` is another where repairs were accepted that the dry run did not make: it is done again first.
///
/// # Errors
/// [`StoreError::Conflict`] when the job moved on since it was seen.
pub async fn confirm(store: &Store, seen: &Import, accepted: &Accepted, run: Ulid, by: UserId, now: Timestamp) -> Result<Import, StoreError> {
    let settings = Settings {
        accepted: accepted.clone(),
        ..seen.settings.clone()
    };
    Change::transition(ImportState::Importing)
        .set("settings", &settings)?
        .set("run", &run)?
        .set("is_staged", &(run == seen.run))?
        .set("checkpoint", &Checkpoint::default())?
        .set("confirmed_by", &by)?
        .set("confirmed_at", &now)?
        .set("progress_at", &now)?
        .given(":seen", n(seen.version))
        // Race: two people confirm, or one corrects the mapping while another confirms. What is confirmed is what was seen.
        .apply(store, seen.id, "#version = :seen")
        .await
}

/// Goes on with an import that was given up after it was confirmed, from its checkpoint.
///
/// # Errors
/// [`StoreError::Conflict`] when the job moved on since it was seen.
pub async fn resume(store: &Store, seen: &Import, now: Timestamp) -> Result<Import, StoreError> {
    Change::transition(ImportState::Importing)
        .set("progress_at", &now)?
        .remove("failure")
        .remove("completed_at")
        .given(":seen", n(seen.version))
        // Race: two people go on at once. One message is enough, and the second finds the job importing.
        .apply(store, seen.id, "#version = :seen")
        .await
}

/// Takes a confirmation back whose message could not be sent.
///
/// # Errors
/// [`StoreError::Conflict`] when the job moved on meanwhile.
pub async fn unconfirm(store: &Store, seen: &Import, before: &Import) -> Result<Import, StoreError> {
    Change::transition(ImportState::Ready)
        .set("settings", &before.settings)?
        .set("run", &before.run)?
        .set("is_staged", &true)?
        .remove("confirmed_by")
        .remove("confirmed_at")
        .named("processed")
        .given(":seen", n(seen.version))
        .given(":none", n(0))
        // Race: the message was taken after all and a worker has begun. Then there is nothing to take back.
        .apply(store, seen.id, "#version = :seen AND checkpoint.applied.#processed = :none")
        .await
}

/// Stops a job for good.
///
/// # Errors
/// [`StoreError::Conflict`] when it is over.
pub async fn cancel(store: &Store, id: ImportId, now: Timestamp) -> Result<Import, StoreError> {
    let over = ["completed", "cancelled", "failed"];
    let mut change = Change::transition(ImportState::Cancelled).set("completed_at", &now)?;
    for state in over {
        change = change.given(&format!(":{state}"), s(state));
    }
    // Race: the worker's last batch. Either the job is completed, or it is cancelled and the worker finds that out.
    change.apply(store, id, "NOT #state IN (:completed, :cancelled, :failed)").await
}

/// Says which rows of the batch at the checkpoint are about to change vendors.
///
/// # Errors
/// [`StoreError::Conflict`] when the job was cancelled, or another worker got further.
pub async fn intend(store: &Store, seen: &Import, intent: &Intent, now: Timestamp) -> Result<Import, StoreError> {
    Change::new()
        .set("intent", intent)?
        .set("progress_at", &now)?
        .named("state")
        .named("offset")
        .given(":importing", s("importing"))
        .given(":before", n(seen.checkpoint.offset))
        // Race: a cancellation, or another worker at the same batch after a redelivery. An intent already there is kept, for its
        // rows may be changed by now and would not be found changing any more.
        .apply(
            store,
            seen.id,
            "#state = :importing AND checkpoint.#offset = :before AND (attribute_not_exists(intent) OR intent.#offset <> :before)",
        )
        .await
}

/// A batch is stored.
///
/// # Errors
/// [`StoreError::Conflict`] when another worker stored it first.
pub async fn advance(store: &Store, seen: &Import, to: &Checkpoint, now: Timestamp) -> Result<Import, StoreError> {
    Change::new()
        .set("checkpoint", to)?
        .set("progress_at", &now)?
        .remove("intent")
        .named("state")
        .named("offset")
        .given(":importing", s("importing"))
        .given(":cancelled", s("cancelled"))
        .given(":before", n(seen.checkpoint.offset))
        // Race: two workers at one batch after a redelivery; what both stored is counted once. A job that was cancelled meanwhile
        // still learns what was stored.
        .apply(store, seen.id, "#state IN (:importing, :cancelled) AND checkpoint.#offset = :before")
        .await
}

/// Every good row is dealt with: completes the job, or settles one that was cancelled.
///
/// # Errors
/// [`StoreError::Conflict`] when another worker did so first.
pub async fn finish(store: &Store, seen: &Import, rejects_key: Option<&str>, now: Timestamp) -> Result<Import, StoreError> {
    let is_cancelled = seen.state == ImportState::Cancelled;
    let mut change = if is_cancelled {
        Change::new().named("state")
    } else {
        Change::transition(ImportState::Completed).set("completed_at", &now)?
    };
    change = change
        .set("is_settled", &true)?
        .given(":state", s(seen.state.as_str()))
        .given(":unsettled", AttributeValue::Bool(false));
    change = match rejects_key {
        Some(key) => change.value("rejects_key", s(key)),
        None => change,
    };
    // Race: a cancellation at the last moment, which the worker then settles instead; or another worker.
    change.apply(store, seen.id, "#state = :state AND is_settled = :unsettled").await
}
