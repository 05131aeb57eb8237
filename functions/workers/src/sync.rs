//! `workers-sync`: reads vendors from other systems, hands them to the import pipeline, and confirms what needs no person.
//!
//! ```text
//! route, schedule, file ─▶ run: pulling ──▶ checking ──▶ applying ──▶ applied, cancelled, failed: as the import ends
//!                                 │  import: queued…ready ─▶ importing ─▶ completed
//!                                 │              └─▶ waiting for a person, superseded
//!                                 ├─▶ unchanged: the source says what it said before
//!                                 └─▶ failed: what is wrong and what to do; the next reading is the schedule's
//! ```
//!
//! SQS delivers at least once, and a worker may die between any two steps. So a trigger has one run ([`store::sync_sources::begin`]),
//! a run has one import of an id of its own, and every message is answered only when what follows from it is in a queue: the
//! import's dry run in the import queue, and in our own a look at it ([`settle`]), which puts itself there again until there is
//! something to decide.

mod pull;
mod settle;

use domain::sync::{DROP_ROOT, Origin, RunError, RunState, SyncMessage, SyncRun, SyncSource, Trigger, dropped, written_key};
use domain::{ScheduleId, SyncRunId, SyncSourceId};
use imports::{ImportMessage, Task};
use jiff::{SignedDuration, Timestamp};
use runtime::{ApiError, App, Message, Metrics, Outgoing, RecordError, Var, Worker, objects, scheduler};
use serde::Deserialize;
use store::{StoreError, imports as import_jobs, sync_sources};

use self::pull::Pulled;
use crate::each::each;

/// The worker.
pub static WORKER: Worker = Worker {
    name: "workers-sync",
    needs: &[
        Var::TableName,
        Var::BucketName,
        Var::ImportQueueUrl,
        Var::SyncQueueUrl,
        Var::SyncSecretsArn,
        Var::OutboundPolicy,
        Var::ScheduleGroupName,
    ],
    handler: |app, messages| Box::pin(each(messages, move |message| handle(app, message))),
};

/// Longer than the worker may run: whoever pulled a file for so long is not there any more.
const CLAIM: SignedDuration = SignedDuration::from_mins(3);

/// A pull that was begun so often and never ended ends the run: something about the file kills the worker.
const MAX_RECEIVES: u32 = 3;

/// How many files of a folder are taken at once when it is looked through: each is copied, and the worker has three minutes.
const LOOKED_THROUGH: i32 = 200;

/// A schedule exists at EventBridge a moment before its source is stored: this long, one that no source names may still be named.
const SETTLING: SignedDuration = SignedDuration::from_mins(15);

/// A message of the queue.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Incoming {
    /// One of ours.
    Ours(SyncMessage),
    /// What S3 says of files in the bucket.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>
    Files {
        /// Files.
        #[serde(rename = "Records")]
        records: Vec<S3Record>,
    },
    /// S3 sends one when the notification is set up.
    Test {
        /// `s3:TestEvent`.
        #[serde(rename = "Event")]
        event: String,
    },
}

/// One file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct S3Record {
    /// When S3 had stored it.
    #[serde(default)]
    event_time: Option<Timestamp>,
    s3: S3Change,
}

#[derive(Debug, Deserialize)]
struct S3Change {
    object: S3Object,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct S3Object {
    key: String,
    /// Deletions have none.
    #[serde(default)]
    size: u64,
    #[serde(default)]
    e_tag: String,
    /// Orders the events of one key.
    #[serde(default)]
    sequencer: String,
}

async fn handle(app: &App, message: Message) -> Result<(), RecordError> {
    match message.json()? {
        Incoming::Ours(SyncMessage::Run { source_id, run_id }) => asked(app, &message, source_id, run_id).await,
        Incoming::Ours(SyncMessage::Fire {
            source_id,
            schedule_id,
            scheduled_for,
        }) => fired(app, &message, source_id, schedule_id, scheduled_for).await,
        Incoming::Ours(SyncMessage::Settle { source_id, run_id, looks }) => settle::settle(app, &message, source_id, run_id, looks).await,
        Incoming::Files { records } => {
            for S3Record {
                event_time,
                s3: S3Change { object },
            } in records
            {
                arrived(app, &message, object, event_time.unwrap_or_else(|| app.now())).await?;
            }
            Ok(())
        }
        Incoming::Test { .. } => Ok(()),
    }
}

/// Somebody asked for a run.
async fn asked(app: &App, message: &Message, source: SyncSourceId, run: SyncRunId) -> Result<(), RecordError> {
    let store = app.store()?;
    let run = sync_sources::get_run(store, source, run).await?;
    match sync_sources::get(store, source).await {
        Ok(source) => work(app, message, &source, run, message.receive_count).await,
        Err(StoreError::NotFound) => fail(app, run, RunError::new("source_deleted", "the source was deleted before it was read")).await,
        Err(error) => Err(error.into()),
    }
}

/// A schedule fires.
async fn fired(
    app: &App,
    message: &Message,
    source: SyncSourceId,
    schedule: ScheduleId,
    scheduled_for: Option<Timestamp>,
) -> Result<(), RecordError> {
    let store = app.store()?;
    let source = match sync_sources::get(store, source).await {
        Ok(source) => source,
        Err(StoreError::NotFound) => return forget(app, schedule).await,
        Err(error) => return Err(error.into()),
    };
    let timetable = match (&source.settings.timetable, source.schedule) {
        (Some(timetable), Some(current)) if current == schedule => timetable,
        // Later schedules have later ids: the settings changed since this one was made.
        (_, Some(current)) if current > schedule => return scheduler::delete(app, schedule).await.map_err(failure),
        _ => return forget(app, schedule).await,
    };
    let made_at = made_at(schedule)?;
    let scheduled_for = scheduled_for
        .or_else(|| timetable.expression.previous(app.now(), made_at, &timetable.zone))
        .ok_or("the scheduler did not say for which time the schedule fires")?;
    begin(app, message, &source, Trigger::Schedule { scheduled_for }).await.map(drop)
}

/// A schedule no source names: the source was deleted or disabled, or never stored.
async fn forget(app: &App, schedule: ScheduleId) -> Result<(), RecordError> {
    if app.now().duration_since(made_at(schedule)?) < SETTLING {
        return Err("the schedule's source is not stored (yet)".into());
    }
    scheduler::delete(app, schedule).await.map_err(failure)
}

fn made_at(schedule: ScheduleId) -> Result<Timestamp, RecordError> {
    Ok(Timestamp::from_millisecond(i64::try_from(schedule.ulid().timestamp_ms())?)?)
}

/// A file came into the bucket.
async fn arrived(app: &App, message: &Message, object: S3Object, put_at: Timestamp) -> Result<(), RecordError> {
    let S3Object { key, size, e_tag, sequencer } = object;
    let Some(key) = written_key(&key).filter(|_| size > 0 && !e_tag.is_empty()) else {
        return Ok(());
    };
    let Some((prefix, _)) = dropped(&key) else {
        return Ok(());
    };
    let source = match sync_sources::of_folder(app.store()?, prefix).await? {
        Some(source) if source.settings.enabled => source,
        // It stays where it is: whoever enables the source, or has it read, has the folder looked through.
        _ => {
            tracing::warn!(correlation_id = message.correlation_id, "a file came into a folder of no enabled source");
            return Ok(());
        }
    };
    let trigger = Trigger::File {
        key: key.clone(),
        etag: e_tag.clone(),
        sequencer,
        put_at,
    };
    take(app, message, &source, trigger, &key, &e_tag, None).await
}

/// Takes a file out of its folder into a run. One that could not be taken before is tried anew where somebody had the folder looked
/// through, by the run `again`.
async fn take(
    app: &App,
    message: &Message,
    source: &SyncSource,
    trigger: Trigger,
    key: &str,
    etag: &str,
    again: Option<SyncRunId>,
) -> Result<(), RecordError> {
    let anew = again.and_then(|run| Some((run, trigger.anew(run)?)));
    let mut taken = begin(app, message, source, trigger).await?;
    if let (Some(before), Some((again, anew))) = (&taken, anew)
        && before.state == RunState::Failed
        && before.id < again
    {
        taken = begin(app, message, source, anew).await?;
    }
    let state = taken.map(|run| run.state);
    // The import has a copy. A file that could not be taken stays where its owner finds it.
    if state.is_some_and(|state| state != RunState::Failed) {
        objects::delete_unchanged(app, key, etag).await?;
    }
    Ok(())
}

/// Takes what lies in a folder: files that came while nobody took them.
async fn look_through(app: &App, message: &Message, source: &SyncSource, run: SyncRun, prefix: &str) -> Result<(), RecordError> {
    let (mut files, has_more) = objects::list(app, &format!("{DROP_ROOT}{prefix}/"), LOOKED_THROUGH).await?;
    files.retain(|file| file.bytes > 0 && dropped(&file.key).is_some());
    files.sort_by(|a, b| (a.put_at, &a.key).cmp(&(b.put_at, &b.key)));
    let found = files.len();
    for file in files {
        let trigger = Trigger::File {
            key: file.key.clone(),
            etag: file.etag.clone(),
            // Nobody tells the sequencer of its event. The same file found again is the same run.
            sequencer: format!("found-{}", file.put_at),
            put_at: file.put_at,
        };
        take(app, message, source, trigger, &file.key, &file.etag, Some(run.id)).await?;
    }
    let reason = match (found, has_more) {
        (0, _) => "there is no file in the folder".to_owned(),
        (_, false) => format!("{found} files lay in the folder: each has a run of its own"),
        (_, true) => format!("{found} of the folder's files have runs of their own, there are more: run it again"),
    };
    let seen = run.state;
    let ended = SyncRun {
        reason: Some(reason),
        ..run.ended(RunState::LookedThrough, app.now())
    };
    sync_sources::advance(app.store()?, &ended, seen).await?;
    Ok(())
}

/// Begins a run of the trigger, or goes on with the one it has had; gives it as it stands then.
async fn begin(app: &App, message: &Message, source: &SyncSource, trigger: Trigger) -> Result<Option<SyncRun>, RecordError> {
    let store = app.store()?;
    let new = SyncRun::begun(SyncRunId::from_ulid(app.new_ulid()), source, trigger, app.now());
    let new_id = new.id;
    let Some(run) = sync_sources::begin(store, new).await? else {
        return Ok(None);
    };
    let id = run.id;
    // How often the message came says nothing of a run that begins now: a folder has many.
    let receives = if id == new_id { 1 } else { message.receive_count };
    work(app, message, source, run, receives).await?;
    Ok(Some(sync_sources::get_run(store, source.id, id).await?))
}

/// Gets a run from the pull to its dry run.
async fn work(app: &App, message: &Message, source: &SyncSource, mut run: SyncRun, receives: u32) -> Result<(), RecordError> {
    if run.state != RunState::Pulling {
        return Ok(());
    }
    if let (Origin::Folder { prefix }, Trigger::Person { .. }) = (&source.settings.origin, &run.trigger) {
        // Boxed, since every file found is such a work in turn.
        return Box::pin(look_through(app, message, source, run, prefix)).await;
    }
    let store = app.store()?;
    let import = match import_jobs::get(store, run.own_import()).await {
        // Somebody got this far and died.
        Ok(import) => import,
        Err(StoreError::NotFound) => {
            if receives > MAX_RECEIVES {
                let error = RunError::new(
                    "interrupted",
                    "reading the source was interrupted again and again: make the file smaller, or run it again",
                );
                return fail(app, run, error).await;
            }
            if !sync_sources::claim(store, &run, app.now(), CLAIM).await? {
                return Err("another worker is at this run".into());
            }
            let may_wait = receives < MAX_RECEIVES;
            match pull::pull(app, source, &run, may_wait).await? {
                Pulled::Import { import, digest } => {
                    run.digest = digest;
                    *import
                }
                Pulled::Unchanged { since, bytes } => {
                    let unchanged = SyncRun {
                        bytes: Some(bytes),
                        reason: Some(format!("the source says the same as in the run {since}")),
                        same_as: Some(since),
                        ..run.ended(RunState::Unchanged, app.now())
                    };
                    sync_sources::advance(store, &unchanged, RunState::Pulling).await?;
                    return Ok(());
                }
                Pulled::Failed(error) => return fail(app, run, error).await,
            }
        }
        Err(error) => return Err(error.into()),
    };
    let check = ImportMessage {
        import_id: import.id,
        task: Task::Analyse { run: import.run },
    };
    check.send(app, &message.correlation_id).await?;
    settle::look_again(app, message, &run, 0).await?;
    let checking = SyncRun {
        state: RunState::Checking,
        import: Some(import.id),
        bytes: objects::size(app, &import.source_key).await?,
        ..run
    };
    // Somebody else who got this far wrote the same.
    sync_sources::advance(store, &checking, RunState::Pulling).await?;
    tracing::info!(
        correlation_id = message.correlation_id,
        source_id = %checking.source,
        run_id = %checking.id,
        import_id = %import.id,
        bytes = checking.bytes,
        "source read"
    );
    Ok(())
}

/// Ends a run that has no import.
async fn fail(app: &App, run: SyncRun, error: RunError) -> Result<(), RecordError> {
    tracing::warn!(source_id = %run.source, run_id = %run.id, code = error.code, "source not read");
    count_failure(app, &run);
    let seen = run.state;
    sync_sources::advance(app.store()?, &run.failed(error, app.now()), seen).await?;
    Ok(())
}

/// Tells whoever watches the stack that a run came to nothing.
fn count_failure(app: &App, run: &SyncRun) {
    let metrics = Metrics {
        stage: &app.config().stage,
        properties: &[("source_id", run.source.to_string()), ("run_id", run.id.to_string())],
        counts: &[("SyncRunsFailed", 1)],
    };
    metrics.emit(app.now());
}

fn failure(error: ApiError) -> RecordError {
    match error {
        ApiError::Internal(source) => source,
        error => format!("answered {}", error.status()).into(),
    }
}

/// Puts a message of ours into our queue.
async fn send(app: &App, message: &Message, body: SyncMessage, delay_secs: i32) -> Result<(), RecordError> {
    runtime::send(app, Var::SyncQueueUrl, &message.correlation_id, &[Outgoing { body, delay_secs }]).await
}
