//! What becomes of an import whose dry run is over.

use domain::sync::{Diff, Origin, RunError, RunState, SyncMessage, SyncRun, SyncSource, Verdict};
use domain::{SyncRunId, SyncSourceId};
use imports::{ImportMessage, Task};
use runtime::{App, Message, RecordError};
use store::imports::{self as import_jobs, Import, ImportState};
use store::{PageRequest, StoreError, sync_sources};

/// How often an import is looked at before it is given up: about a day.
const MAX_LOOKS: u32 = 300;

/// Runs that may stand in each other's way; more are never under way together.
const NEIGHBOURS: u32 = 20;

/// Has the run looked at again, soon at first and then less often. EventBridge and S3 know nothing of imports, and a message that
/// an import worker sent when it is done would be lost with that worker; this one is in the queue until there is another.
pub(super) async fn look_again(app: &App, message: &Message, run: &SyncRun, looks: u32) -> Result<(), RecordError> {
    let delay_secs = 5_i32 << looks.min(6);
    let body = SyncMessage::Settle {
        source_id: run.source,
        run_id: run.id,
        looks: looks + 1,
    };
    super::send(app, message, body, delay_secs.min(300)).await
}

/// Decides upon a run whose dry run is over; looks again later if it is not.
pub(super) async fn settle(app: &App, message: &Message, source: SyncSourceId, run: SyncRunId, looks: u32) -> Result<(), RecordError> {
    let store = app.store()?;
    let run = match sync_sources::get_run(store, source, run).await {
        Ok(run) => run,
        // Its time is over.
        Err(StoreError::NotFound) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let import = match (run.state, run.import) {
        (RunState::Checking, Some(import)) => import_jobs::get(store, import).await?,
        // The worker that pulls is about to say so.
        (RunState::Pulling, _) if looks < MAX_LOOKS => return look_again(app, message, &run, looks).await,
        _ => return Ok(()),
    };
    let now = app.now();
    let ended = match import.state {
        ImportState::AwaitingUpload | ImportState::Queued | ImportState::Analysing => {
            if looks < MAX_LOOKS {
                return look_again(app, message, &run, looks).await;
            }
            run.failed(
                RunError::new(
                    "not_checked",
                    "the dry run has not come to an end for a day: cancel the import and run the source again",
                ),
                now,
            )
        }
        ImportState::Failed => {
            let error = import.failure.as_ref().map_or_else(
                || RunError::new("import_failed", "the file cannot be imported: see the import"),
                |failure| RunError::new(&failure.code, &*failure.message),
            );
            run.failed(error, now)
        }
        ImportState::Cancelled => run.ended(RunState::Cancelled, now),
        // A person was quicker, or a worker before us died after it had confirmed.
        ImportState::Importing => {
            apply(app, message, &import).await?;
            applied(run, &import, now)
        }
        ImportState::Completed => applied(run, &import, now),
        ImportState::Ready => match sync_sources::get(store, source).await {
            Ok(source) => match decide(app, message, &source, &run, &import, looks).await? {
                Some(ended) => ended,
                None => return look_again(app, message, &run, looks).await,
            },
            Err(StoreError::NotFound) => waiting(run, &import, "the source was deleted meanwhile".to_owned(), now),
            Err(error) => return Err(error.into()),
        },
    };
    tracing::info!(
        correlation_id = message.correlation_id,
        source_id = %ended.source,
        run_id = %ended.id,
        import_id = %import.id,
        state = ended.state.as_str(),
        "source settled"
    );
    sync_sources::advance(store, &ended, RunState::Checking).await?;
    Ok(())
}

fn applied(run: SyncRun, import: &Import, now: jiff::Timestamp) -> SyncRun {
    SyncRun {
        diff: Some(Diff::from(&import.counts)),
        ..run.ended(RunState::Applied, now)
    }
}

fn waiting(run: SyncRun, import: &Import, reason: String, now: jiff::Timestamp) -> SyncRun {
    SyncRun {
        diff: Some(Diff::from(&import.counts)),
        reason: Some(reason),
        ..run.ended(RunState::Waiting, now)
    }
}

/// What becomes of a dry run that is over; none where that cannot be told yet.
async fn decide(
    app: &App,
    message: &Message,
    source: &SyncSource,
    run: &SyncRun,
    import: &Import,
    looks: u32,
) -> Result<Option<SyncRun>, RecordError> {
    let (store, now) = (app.store()?, app.now());
    let report = import_jobs::report(store, import).await?.unwrap_or_default();
    if let Some(problem) = report.mapping_errors.first() {
        let header = if problem.header.is_empty() {
            String::new()
        } else {
            format!("{}: ", problem.header)
        };
        let reason = format!("the mapping does not fit the file: {header}{}", problem.message);
        return Ok(Some(waiting(run.clone(), import, reason, now)));
    }
    if import.counts.good() == 0 {
        let reason = "no row of the file can be imported: see the report and the rejected rows".to_owned();
        return Ok(Some(waiting(run.clone(), import, reason, now)));
    }
    match order(app, source, run).await? {
        Order::Free => {}
        Order::Wait if looks < MAX_LOOKS => return Ok(None),
        Order::Wait => {
            let reason = "an earlier import of this source has not come to an end for a day".to_owned();
            return Ok(Some(waiting(run.clone(), import, reason, now)));
        }
        Order::Superseded => {
            cancel(app, import).await?;
            let reason = Some("a later run has read the source again".to_owned());
            return Ok(Some(SyncRun {
                reason,
                diff: Some(Diff::from(&import.counts)),
                ..run.clone().ended(RunState::Superseded, now)
            }));
        }
    }
    match source.settings.policy.judge(&Diff::from(&import.counts)) {
        Verdict::Leave(reason) => Ok(Some(waiting(run.clone(), import, reason, now))),
        Verdict::Apply => {
            let confirmed = import_jobs::confirm(store, import, &import.settings.accepted, import.run, source.created_by, now).await;
            match confirmed {
                Ok(confirmed) => {
                    apply(app, message, &confirmed).await?;
                    Ok(Some(applied(run.clone(), &confirmed, now)))
                }
                // Somebody confirmed, corrected or cancelled it at this moment: the next look shows which.
                Err(StoreError::Conflict(_)) => Ok(None),
                Err(error) => Err(error.into()),
            }
        }
    }
}

/// Has the rows of a confirmed import stored. Two workers at one import do no harm.
async fn apply(app: &App, message: &Message, import: &Import) -> Result<(), RecordError> {
    let apply = ImportMessage {
        import_id: import.id,
        task: Task::Apply,
    };
    apply.send(app, &message.correlation_id).await
}

/// How a run stands to the others of its source.
enum Order {
    /// Nothing is in its way.
    Free,
    /// An earlier one is being stored: rows of the past must not come after those of today.
    Wait,
    /// A later one has read the same again.
    Superseded,
}

/// Looks whether other runs stand in the way. A web address always tells everything, so that a later reading makes earlier ones
/// needless: those not stored yet are cancelled. The files of a folder may each tell something else; they only wait for each other.
async fn order(app: &App, source: &SyncSource, run: &SyncRun) -> Result<Order, RecordError> {
    let store = app.store()?;
    let newest = PageRequest {
        limit: NEIGHBOURS,
        after: None,
    };
    let tells_everything = matches!(source.settings.origin, Origin::Https { .. });
    let mut order = Order::Free;
    for other in sync_sources::list_runs(store, source.id, &newest).await?.items {
        let is_alive = matches!(other.state, RunState::Checking | RunState::Waiting | RunState::Applied);
        let (true, Some(id)) = (is_alive && other.id != run.id, other.import) else {
            continue;
        };
        let import = match import_jobs::get(store, id).await {
            Ok(import) => import,
            Err(StoreError::NotFound) => continue,
            Err(error) => return Err(error.into()),
        };
        let is_later = other.id > run.id;
        match import.state {
            ImportState::Importing | ImportState::Completed if is_later && tells_everything => return Ok(Order::Superseded),
            ImportState::Ready if is_later && tells_everything && is_usable(app, &import).await? => return Ok(Order::Superseded),
            _ if is_later => {}
            ImportState::Importing => order = Order::Wait,
            ImportState::Queued | ImportState::Analysing if !tells_everything => order = Order::Wait,
            ImportState::Queued | ImportState::Analysing | ImportState::Ready if tells_everything => {
                cancel(app, &import).await?;
                let seen = other.state;
                let superseded = SyncRun {
                    reason: Some("a later run has read the source again".to_owned()),
                    ..other.ended(RunState::Superseded, app.now())
                };
                sync_sources::advance(store, &superseded, seen).await?;
            }
            _ => {}
        }
    }
    Ok(order)
}

async fn is_usable(app: &App, import: &Import) -> Result<bool, RecordError> {
    let report = import_jobs::report(app.store()?, import).await?.unwrap_or_default();
    Ok(report.mapping_errors.is_empty() && import.counts.good() > 0)
}

/// Cancels an import that nobody has confirmed.
async fn cancel(app: &App, import: &Import) -> Result<(), RecordError> {
    match import_jobs::cancel(app.store()?, import.id, app.now()).await {
        // It is over already.
        Ok(_) | Err(StoreError::Conflict(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
