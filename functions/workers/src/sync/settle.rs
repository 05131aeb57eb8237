//! What becomes of an import whose dry run is over, and how it ends.

use domain::sync::{Diff, Origin, RunError, RunState, SyncMessage, SyncRun, SyncSource, Trigger, Verdict};
use domain::{SyncRunId, SyncSourceId};
use imports::{ImportMessage, Task};
use jiff::{SignedDuration, Timestamp};
use runtime::{App, Message, RecordError};
use store::imports::{self as import_jobs, Import, ImportState};
use store::{PageRequest, StoreError, sync_sources};

/// How often an import is looked at before it is given up: about a day.
const MAX_LOOKS: u32 = 300;

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

/// Decides upon a run whose dry run is over, and follows its import to the end; looks again later while there is nothing to decide.
pub(super) async fn settle(app: &App, message: &Message, source: SyncSourceId, run: SyncRunId, looks: u32) -> Result<(), RecordError> {
    let store = app.store()?;
    let run = match sync_sources::get_run(store, source, run).await {
        Ok(run) => run,
        // Its time is over.
        Err(StoreError::NotFound) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let import = match (run.state, run.import) {
        (RunState::Checking | RunState::Applying, Some(import)) => import_jobs::get(store, import).await?,
        // The worker that pulls is about to say so.
        (RunState::Pulling, _) if looks < MAX_LOOKS => return look_again(app, message, &run, looks).await,
        _ => return Ok(()),
    };
    let seen = run.state;
    let settled = match ended(run.clone(), &import, app.now()) {
        Some(ended) => ended,
        None if import.state == ImportState::Importing && seen == RunState::Checking => {
            // A person was quicker, or a worker before us died after it had confirmed.
            apply(app, message, &import).await?;
            applying(run, &import)
        }
        None if import.state == ImportState::Ready && seen == RunState::Checking => match sync_sources::get(store, source).await {
            Ok(source) => match decide(app, message, &source, &run, &import, looks).await? {
                Some(settled) => settled,
                None => return look_again(app, message, &run, looks).await,
            },
            Err(StoreError::NotFound) => waiting(run, &import, "the source was deleted meanwhile".to_owned(), app.now()),
            Err(error) => return Err(error.into()),
        },
        None if looks < MAX_LOOKS => return look_again(app, message, &run, looks).await,
        None => given_up(run, app.now()),
    };
    tracing::info!(
        correlation_id = message.correlation_id,
        source_id = %settled.source,
        run_id = %settled.id,
        import_id = %import.id,
        state = settled.state.as_str(),
        "source settled"
    );
    if settled.state == RunState::Applying {
        // Before the word, so that nobody who dies in between leaves it without a successor.
        look_again(app, message, &settled, 0).await?;
    }
    if sync_sources::advance(store, &settled, seen).await? && settled.state == RunState::Failed {
        super::count_failure(app, &settled);
    }
    Ok(())
}

/// The run as its import has ended, if that has.
fn ended(run: SyncRun, import: &Import, now: Timestamp) -> Option<SyncRun> {
    // Nothing is known of what a file would do that could not be read to its end.
    let with_diff = |run: SyncRun| SyncRun {
        diff: import.confirmed_at.map(|_| Diff::from(&import.counts)),
        reason: None,
        ..run
    };
    match import.state {
        ImportState::Completed => Some(with_diff(run).ended(RunState::Applied, now)),
        ImportState::Cancelled => Some(with_diff(run).ended(RunState::Cancelled, now)),
        ImportState::Failed => {
            let error = import.failure.as_ref().map_or_else(
                || RunError::new("import_failed", "the file cannot be imported: see the import"),
                |failure| RunError::new(&failure.code, &*failure.message),
            );
            Some(with_diff(run).failed(error, now))
        }
        _ => None,
    }
}

/// A run whose import nobody brings to an end.
fn given_up(run: SyncRun, now: Timestamp) -> SyncRun {
    let error = match run.state {
        RunState::Applying => RunError::new(
            "not_applied",
            "the rows have not been stored for a day: see the import, and cancel it before the source is run again",
        ),
        _ => RunError::new(
            "not_checked",
            "the dry run has not come to an end for a day: cancel the import and run the source again",
        ),
    };
    run.failed(error, now)
}

fn applying(run: SyncRun, import: &Import) -> SyncRun {
    SyncRun {
        state: RunState::Applying,
        diff: Some(Diff::from(&import.counts)),
        reason: None,
        ..run
    }
}

fn waiting(run: SyncRun, import: &Import, reason: String, now: Timestamp) -> SyncRun {
    SyncRun {
        diff: Some(Diff::from(&import.counts)),
        reason: Some(reason),
        ..run.ended(RunState::Waiting, now)
    }
}

fn superseded(run: SyncRun, import: &Import, reason: &str, now: Timestamp) -> SyncRun {
    SyncRun {
        diff: Some(Diff::from(&import.counts)),
        reason: Some(reason.to_owned()),
        ..run.ended(RunState::Superseded, now)
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
    let leave = |reason: String| Ok(Some(waiting(run.clone(), import, reason, now)));
    if let Some(reason) = unusable(app, import).await? {
        return leave(reason);
    }
    let verdict = verdict(source, run, import);
    let order = match (&source.settings.origin, &verdict) {
        (Origin::Https { .. }, _) => order(app, source, run).await?,
        (Origin::Folder { .. }, Verdict::Apply) => order_in_folder(app, source, run).await?,
        // Who confirms it sees what else waits.
        (Origin::Folder { .. }, Verdict::Leave(_)) => Order::Free,
    };
    match order {
        Order::Free => {}
        Order::Wait if looks < MAX_LOOKS => return Ok(None),
        Order::Wait => return leave("an earlier import of this source has not come to an end for a day".to_owned()),
        Order::Behind if looks < MAX_LOOKS => {
            let told = SyncRun {
                reason: Some(BEHIND.to_owned()),
                ..run.clone()
            };
            if told != *run {
                sync_sources::advance(store, &told, run.state).await?;
            }
            return Ok(None);
        }
        Order::Behind => return leave(BEHIND.to_owned()),
        Order::Superseded(reason) => {
            cancel(app, import).await?;
            return Ok(Some(superseded(run.clone(), import, reason, now)));
        }
    }
    if let Verdict::Leave(reason) = verdict {
        return leave(reason);
    }
    let confirmed = import_jobs::confirm(store, import, &import.settings.accepted, import.run, source.created_by, now).await;
    match confirmed {
        Ok(confirmed) => {
            apply(app, message, &confirmed).await?;
            Ok(Some(applying(run.clone(), &confirmed)))
        }
        // Somebody confirmed, corrected or cancelled it at this moment: the next look shows which.
        Err(StoreError::Conflict(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Why nothing of a file can be imported, if so.
async fn unusable(app: &App, import: &Import) -> Result<Option<String>, RecordError> {
    let report = import_jobs::report(app.store()?, import).await?.unwrap_or_default();
    if let Some(problem) = report.mapping_errors.first() {
        let header = if problem.header.is_empty() {
            String::new()
        } else {
            format!("{}: ", problem.header)
        };
        return Ok(Some(format!("the mapping does not fit the file: {header}{}", problem.message)));
    }
    let nothing = "no row of the file can be imported: see the report and the rejected rows";
    Ok((import.counts.good() == 0).then(|| nothing.to_owned()))
}

/// What the source's makers want of a file, as they want it now.
fn verdict(source: &SyncSource, run: &SyncRun, import: &Import) -> Verdict {
    if source.version != run.source_version {
        return Verdict::Leave(
            "the settings of the source changed after it was read: run it again, or confirm what was read by the old ones".to_owned(),
        );
    }
    // Who asks for a source by hand knows that it is disabled.
    if !source.settings.enabled && !matches!(run.trigger, Trigger::Person { .. }) {
        return Verdict::Leave("the source is disabled".to_owned());
    }
    source.settings.policy.judge(&Diff::from(&import.counts))
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
    /// An earlier one is being checked or stored: rows of the past must not come after those of today.
    Wait,
    /// An earlier one waits for a person.
    Behind,
    /// Nobody needs it, for this reason.
    Superseded(&'static str),
}

const READ_AGAIN: &str = "a later run has read the source again";
const BEHIND: &str = "an earlier file of this folder waits for a person: decide upon that one first";
const REPLACED: &str = "a later file of the same name has come";

/// Looks whether other readings of a web address stand in the way. It always tells everything, so that a later reading makes earlier
/// ones needless: those not stored yet are cancelled. So whatever came before one that was stored stands in nobody's way; up to there
/// may lie any number that failed or had nothing new to say.
async fn order(app: &App, source: &SyncSource, run: &SyncRun) -> Result<Order, RecordError> {
    let store = app.store()?;
    let (mut order, mut after) = (Order::Free, None);
    loop {
        let page = sync_sources::list_runs(store, source.id, &PageRequest { limit: PAGE, after }).await?;
        for other in page.items {
            match beside(app, run, other).await? {
                Beside::Superseding => return Ok(Order::Superseded(READ_AGAIN)),
                Beside::Stored => return Ok(order),
                Beside::UnderWay => order = Order::Wait,
                Beside::Nothing => {}
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(order);
        }
    }
}

/// What another reading of a web address is to a run.
enum Beside {
    /// It is later and makes the run needless.
    Superseding,
    /// It is earlier and stored.
    Stored,
    /// It is earlier and being stored.
    UnderWay,
    /// Nothing, or nothing any more.
    Nothing,
}

async fn beside(app: &App, run: &SyncRun, other: SyncRun) -> Result<Beside, RecordError> {
    let is_alive = other.state.is_alive() || other.state == RunState::Applied;
    if !is_alive || other.id == run.id {
        return Ok(Beside::Nothing);
    }
    let Some(import) = import_of(app, &other).await? else {
        return Ok(Beside::Nothing);
    };
    let is_later = other.id > run.id;
    Ok(match import.state {
        ImportState::Importing | ImportState::Completed if is_later => Beside::Superseding,
        ImportState::Ready if is_later && unusable(app, &import).await?.is_none() => Beside::Superseding,
        _ if is_later => Beside::Nothing,
        ImportState::Importing => Beside::UnderWay,
        ImportState::Completed => Beside::Stored,
        ImportState::Queued | ImportState::Analysing | ImportState::Ready => {
            supersede(app, other, &import, READ_AGAIN).await?;
            Beside::Nothing
        }
        _ => Beside::Nothing,
    })
}

/// Cancels what an earlier run would have stored.
async fn supersede(app: &App, run: SyncRun, import: &Import, reason: &str) -> Result<(), RecordError> {
    cancel(app, import).await?;
    let seen = run.state;
    sync_sources::advance(app.store()?, &superseded(run, import, reason, app.now()), seen).await?;
    Ok(())
}

/// Runs of a source read at once.
const PAGE: u32 = 50;

/// A run that has not moved for so long has lost its messages: it stands in nobody's way.
const LOST: SignedDuration = SignedDuration::from_hours(48);

/// Looks whether other files of a folder stand in the way. Each may tell something else, so that none makes another needless but an
/// earlier one of the same name. They are stored in the order in which they were put there: whatever is older and not finished comes
/// first, however long ago it came.
async fn order_in_folder(app: &App, source: &SyncSource, run: &SyncRun) -> Result<Order, RecordError> {
    let store = app.store()?;
    let place = run.place();
    let (mut order, mut after) = (Order::Free, None);
    loop {
        let page = sync_sources::list_runs(store, source.id, &PageRequest { limit: PAGE, after }).await?;
        let has_alive = page.items.iter().any(|other| other.state.is_alive());
        for other in page.items.into_iter().filter(|other| other.id != run.id) {
            if other.place() > place {
                if is_same_file(&other, run) && matches!(other.state, RunState::Applying | RunState::Applied) {
                    return Ok(Order::Superseded("a later file of the same name was stored already"));
                }
                continue;
            }
            if is_same_file(&other, run)
                && other.state == RunState::Waiting
                && let Some(import) = import_of(app, &other).await?
                && import.state == ImportState::Ready
            {
                supersede(app, other, &import, REPLACED).await?;
                continue;
            }
            match stands(app, &other).await? {
                Order::Free => {}
                found @ Order::Wait => order = found,
                found if matches!(order, Order::Free) => order = found,
                _ => {}
            }
        }
        after = page.next;
        if after.is_none() || !has_alive {
            return Ok(order);
        }
    }
}

fn is_same_file(one: &SyncRun, other: &SyncRun) -> bool {
    matches!((&one.trigger, &other.trigger), (Trigger::File { key: one, .. }, Trigger::File { key: other, .. }) if one == other)
}

/// How an older file of a folder stands in the way of a younger one.
async fn stands(app: &App, older: &SyncRun) -> Result<Order, RecordError> {
    let is_lost = app.now().duration_since(older.started_at) > LOST;
    match older.state {
        RunState::Pulling | RunState::Checking | RunState::Applying if is_lost => return Ok(Order::Free),
        RunState::Pulling => return Ok(Order::Wait),
        state if !state.is_alive() => return Ok(Order::Free),
        _ => {}
    }
    let Some(import) = import_of(app, older).await? else {
        return Ok(Order::Free);
    };
    Ok(match import.state {
        ImportState::Completed | ImportState::Cancelled | ImportState::Failed => Order::Free,
        // What cannot be confirmed as it is keeps nobody waiting.
        ImportState::Ready if older.state == RunState::Waiting => match unusable(app, &import).await? {
            Some(_) => Order::Free,
            None => Order::Behind,
        },
        _ => Order::Wait,
    })
}

async fn import_of(app: &App, run: &SyncRun) -> Result<Option<Import>, RecordError> {
    let Some(id) = run.import else { return Ok(None) };
    match import_jobs::get(app.store()?, id).await {
        Ok(import) => Ok(Some(import)),
        Err(StoreError::NotFound) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Cancels an import that nobody has confirmed.
async fn cancel(app: &App, import: &Import) -> Result<(), RecordError> {
    match import_jobs::cancel(app.store()?, import.id, app.now()).await {
        // It is over already.
        Ok(_) | Err(StoreError::Conflict(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
