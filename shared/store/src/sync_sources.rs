//! Sources of vendors, their runs, and the markers that let each trigger make one run.

use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem};
use domain::sync::{RunState, SyncRun, SyncSource};
use domain::{SyncRunId, SyncSourceId};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::client::{Item, Listing, Transaction, item, key_item, n, s};
use crate::{Page, PageRequest, Store, StoreError, keys};

/// How long runs are kept.
const RUN_SECS: i64 = 180 * 86_400;

/// How long a marker outlives its trigger: longer than a message can wait in a queue and then in its dead-letter queue.
const MARKER_SECS: i64 = 60 * 86_400;

fn unavailable(error: aws_sdk_dynamodb::error::BuildError) -> StoreError {
    StoreError::Unavailable(Box::new(error))
}

fn stored(source: &SyncSource) -> Result<Item, StoreError> {
    let mut stored = item(keys::sync_source(source.id), "sync_source", source)?;
    stored.insert("gsi1pk".into(), s(keys::SYNC_SOURCES));
    stored.insert("gsi1sk".into(), s(keys::by_time(source.created_at, source.id)));
    Ok(stored)
}

/// That a folder belongs to a source.
#[derive(Serialize, Deserialize)]
struct Folder {
    source: SyncSourceId,
}

/// The writes that give the folder of `source` to it and take the one of `before` back.
fn folder_writes(store: &Store, before: Option<&SyncSource>, source: Option<&SyncSource>) -> Result<Vec<TransactWriteItem>, StoreError> {
    let folder = |source: Option<&SyncSource>| source.and_then(|source| source.settings.origin.folder().map(str::to_owned));
    let (old, new) = (folder(before), folder(source));
    let mut writes = Vec::new();
    if old == new {
        return Ok(writes);
    }
    if let (Some(prefix), Some(source)) = (new, source) {
        let put = Put::builder()
            .table_name(&store.table)
            .set_item(Some(item(keys::sync_folder(&prefix), "sync_folder", &Folder { source: source.id })?))
            // Race: two sources made for one folder; the first has it.
            .condition_expression("attribute_not_exists(pk)")
            .build()
            .map_err(unavailable)?;
        writes.push(TransactWriteItem::builder().put(put).build());
    }
    if let Some(prefix) = old {
        let delete = Delete::builder()
            .table_name(&store.table)
            .set_key(Some(key_item(keys::sync_folder(&prefix))))
            .build()
            .map_err(unavailable)?;
        writes.push(TransactWriteItem::builder().delete(delete).build());
    }
    Ok(writes)
}

/// What became of writing a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It is written.
    Done,
    /// Another source has this folder.
    FolderTaken,
    /// It changed meanwhile.
    Stale,
}

/// Stores a new source.
///
/// # Errors
/// When the table cannot be written.
pub async fn create(store: &Store, source: &SyncSource) -> Result<Written, StoreError> {
    let put = Put::builder()
        .table_name(&store.table)
        .set_item(Some(stored(source)?))
        .condition_expression("attribute_not_exists(pk)")
        .build()
        .map_err(unavailable)?;
    write(store, put, None, source).await
}

/// Replaces a source, if it is still at the version of `before`.
///
/// # Errors
/// When the table cannot be written.
pub async fn replace(store: &Store, before: &SyncSource, source: &SyncSource) -> Result<Written, StoreError> {
    let put = Put::builder()
        .table_name(&store.table)
        .set_item(Some(stored(source)?))
        // Race: two edits of one source; the later one must see the earlier.
        .condition_expression("version = :seen")
        .expression_attribute_values(":seen", n(before.version))
        .build()
        .map_err(unavailable)?;
    write(store, put, Some(before), source).await
}

async fn write(store: &Store, put: Put, before: Option<&SyncSource>, source: &SyncSource) -> Result<Written, StoreError> {
    let mut writes = vec![TransactWriteItem::builder().put(put).build()];
    writes.extend(folder_writes(store, before, Some(source))?);
    Ok(match store.transact(writes).await? {
        Transaction::Committed => Written::Done,
        Transaction::Refused(reasons) if Transaction::failed_at(&reasons, 0) => Written::Stale,
        Transaction::Refused(_) => Written::FolderTaken,
    })
}

/// Deletes a source, if it is still as `seen`. Its runs stay until their time is over, and so do the imports they made.
///
/// # Errors
/// [`StoreError::Conflict`] when it changed meanwhile.
pub async fn delete(store: &Store, seen: &SyncSource) -> Result<(), StoreError> {
    let delete = Delete::builder()
        .table_name(&store.table)
        .set_key(Some(key_item(keys::sync_source(seen.id))))
        // Race: an edit and a deletion; who deletes must have seen the edit.
        .condition_expression("version = :version")
        .expression_attribute_values(":version", n(seen.version))
        .build()
        .map_err(unavailable)?;
    let mut writes = vec![TransactWriteItem::builder().delete(delete).build()];
    writes.extend(folder_writes(store, Some(seen), None)?);
    store.transact(writes).await?.committed_or("the source changed meanwhile")
}

/// Reads a source.
///
/// # Errors
/// [`StoreError::NotFound`], or when the table cannot be read.
pub async fn get(store: &Store, id: SyncSourceId) -> Result<SyncSource, StoreError> {
    store.get(keys::sync_source(id)).await?.ok_or(StoreError::NotFound)
}

/// Lists sources, newest first.
///
/// # Errors
/// When the table cannot be read.
pub async fn list(store: &Store, page: &PageRequest) -> Result<Page<SyncSource>, StoreError> {
    store.list(Listing::gsi1(keys::SYNC_SOURCES).newest_first(), page).await
}

/// The source a folder belongs to.
///
/// # Errors
/// When the table cannot be read.
pub async fn of_folder(store: &Store, prefix: &str) -> Result<Option<SyncSource>, StoreError> {
    match store.get::<Folder>(keys::sync_folder(prefix)).await? {
        Some(Folder { source }) => store.get(keys::sync_source(source)).await,
        None => Ok(None),
    }
}

#[derive(Serialize, Deserialize)]
struct Marker {
    run: SyncRunId,
    expires_at: i64,
}

#[derive(Serialize)]
struct RunItem<'a> {
    #[serde(flatten)]
    run: &'a SyncRun,
    expires_at: i64,
}

fn stored_run(run: &SyncRun) -> Result<Item, StoreError> {
    let expires_at = run.started_at.as_second() + RUN_SECS;
    item(keys::sync_run(run.source, run.id), "sync_run", &RunItem { run, expires_at })
}

/// Begins a run, unless its trigger has had one: then that one is the answer. None where that one is no more.
///
/// # Errors
/// When the table cannot be written.
pub async fn begin(store: &Store, run: SyncRun) -> Result<Option<SyncRun>, StoreError> {
    let trigger = keys::sync_trigger(run.source, &run.trigger.name(run.id));
    let marker = Marker {
        run: run.id,
        expires_at: run.started_at.as_second() + MARKER_SECS,
    };
    let put = |item: Item| {
        Put::builder()
            .table_name(&store.table)
            .set_item(Some(item))
            // Race: one trigger delivered twice; both go on with the run of the first.
            .condition_expression("attribute_not_exists(pk)")
            .build()
            .map_err(unavailable)
    };
    let writes = vec![
        TransactWriteItem::builder()
            .put(put(item(trigger.clone(), "sync_trigger", &marker)?)?)
            .build(),
        TransactWriteItem::builder().put(put(stored_run(&run)?)?).build(),
    ];
    match store.transact(writes).await? {
        Transaction::Committed => Ok(Some(run)),
        Transaction::Refused(_) => match store.get::<Marker>(trigger).await? {
            Some(Marker { run: first, .. }) => store.get(keys::sync_run(run.source, first)).await,
            None => Ok(None),
        },
    }
}

/// Reads a run.
///
/// # Errors
/// [`StoreError::NotFound`], or when the table cannot be read.
pub async fn get_run(store: &Store, source: SyncSourceId, id: SyncRunId) -> Result<SyncRun, StoreError> {
    store.get(keys::sync_run(source, id)).await?.ok_or(StoreError::NotFound)
}

/// Lists the runs of a source, newest first.
///
/// # Errors
/// When the table cannot be read.
pub async fn list_runs(store: &Store, source: SyncSourceId, page: &PageRequest) -> Result<Page<SyncRun>, StoreError> {
    let partition = keys::sync_source(source).pk;
    let listing = Listing::partition(&partition)
        .beginning_with(keys::SYNC_RUN_PREFIX)
        .newest_first()
        .consistent();
    store.list(listing, page).await
}

/// Takes the pulling of a run upon oneself, until a time. False where somebody else has.
///
/// # Errors
/// When the table cannot be written.
pub async fn claim(store: &Store, run: &SyncRun, now: Timestamp, good_for: SignedDuration) -> Result<bool, StoreError> {
    let claimed = store
        .client
        .update_item()
        .table_name(&store.table)
        .set_key(Some(key_item(keys::sync_run(run.source, run.id))))
        .update_expression("SET claimed_until = :until")
        // Race: one message delivered to two workers. Both would pull, and the second put its file in place of the one that is
        // being checked.
        .condition_expression("#state = :pulling AND (attribute_not_exists(claimed_until) OR claimed_until < :now)")
        .expression_attribute_names("#state", "state")
        .expression_attribute_values(":pulling", s(RunState::Pulling.as_str()))
        .expression_attribute_values(":now", n(now.as_second()))
        .expression_attribute_values(":until", n((now + good_for).as_second()))
        .send()
        .await;
    match claimed.map_err(StoreError::from) {
        Ok(_) => Ok(true),
        Err(StoreError::Conflict(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Writes what became of a run that was in the state `seen`. False where it is not any more: somebody else was first.
///
/// # Errors
/// When the table cannot be written.
pub async fn advance(store: &Store, run: &SyncRun, seen: RunState) -> Result<bool, StoreError> {
    let put = store
        .client
        .put_item()
        .table_name(&store.table)
        .set_item(Some(stored_run(run)?))
        // Race: two workers at one run; the first one's word stands.
        .condition_expression("#state = :seen")
        .expression_attribute_names("#state", "state")
        .expression_attribute_values(":seen", s(seen.as_str()))
        .send()
        .await;
    match put.map_err(StoreError::from) {
        Ok(_) => Ok(true),
        Err(StoreError::Conflict(_)) => Ok(false),
        Err(error) => Err(error),
    }
}
