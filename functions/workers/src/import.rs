//! `workers-import`: reads an uploaded file for its dry run, and stores its good rows once somebody confirmed it.
//!
//! A dry run writes files of its own, so that it may be begun again at any time. Storing goes from checkpoint to checkpoint; a batch
//! that was stored in part before a crash is recognised row by row, so that every course of events comes to the same vendors and the
//! same counts. What fails on the way is tried again after a while, and given up with a word to the person who waits.

mod apply;
mod decide;
mod deleted;
mod findings;
mod known;
mod reading;
mod rejects;
mod scratch;
mod stage;
mod staged;
mod standing;

use std::time::{Duration, Instant};

use domain::ImportId;
use imports::{ImportMessage, Task};
use runtime::{App, Message, Outgoing, RecordError, RecordFailure, Var, Worker};
use serde::{Deserialize, Serialize};
use store::StoreError;
use store::imports::{Failure, ImportState};
use ulid::Ulid;

/// The worker.
pub static WORKER: Worker = Worker {
    name: "workers-import",
    needs: &[Var::TableName, Var::BucketName, Var::ImportQueueUrl],
    handler: |app, messages| Box::pin(handle_within(app, messages, STORING)),
};

/// The function has fifteen minutes. After these, it hands the rest to its successor.
const STORING: Duration = Duration::from_secs(600);
/// A file that is not read by then would never be: reading cannot be handed over.
const READING: Duration = Duration::from_secs(780);

/// How often a message is tried again that failed for want of a service, and after how many seconds: half an hour in all.
const DELAYS_SECS: [i32; 6] = [15, 30, 60, 240, 600, 900];
/// The queue gives a message up after as many. A message comes again by itself only where its worker was killed, and the worker that gets
/// it the last time rather says so than being killed as well.
const LAST_RECEIVE: u32 = 5;

/// By when an invocation is to be done with a part of its work.
#[derive(Clone, Copy)]
struct Deadlines {
    reading: Instant,
    storing: Instant,
}

/// A message, as the worker sends it to itself after a failure.
#[derive(Serialize, Deserialize)]
struct Again {
    #[serde(flatten)]
    message: ImportMessage,
    /// How often it was tried in vain.
    #[serde(default)]
    tries: usize,
}

/// Handles the messages one after the other, storing vendors for about so long: one import already keeps the table busy.
pub async fn handle_within(app: &App, messages: Vec<Message>, storing: Duration) -> Vec<RecordFailure> {
    handle_timed(app, messages, READING, storing).await
}

/// [`handle_within`], reading a file no longer than that.
pub async fn handle_timed(app: &App, messages: Vec<Message>, reading: Duration, storing: Duration) -> Vec<RecordFailure> {
    scratch::clean();
    let now = Instant::now();
    let deadlines = Deadlines {
        reading: now + reading,
        storing: now + storing,
    };
    let mut failures = Vec::new();
    for message in messages {
        if let Err(error) = handle_message(app, &message, deadlines).await {
            failures.push(RecordFailure { id: message.id, error });
        }
    }
    failures
}

async fn handle_message(app: &App, message: &Message, deadlines: Deadlines) -> Result<(), RecordError> {
    let Again { message: asked, tries } = message.json()?;
    if message.receive_count >= LAST_RECEIVE {
        return give_up(app, asked).await;
    }
    let ImportMessage { import_id, task } = asked;
    let done = match task {
        Task::Analyse { run } => analyse(app, import_id, run, deadlines.reading).await,
        Task::Apply => apply::run(app, import_id, deadlines, &message.correlation_id).await,
    };
    match (done, DELAYS_SECS.get(tries)) {
        (Ok(()), _) => Ok(()),
        (Err(error), None) => {
            tracing::error!(%import_id, %error, tries, "an import is given up");
            give_up(app, asked).await
        }
        (Err(error), Some(delay_secs)) => {
            // The queue itself would bring the message back only after the time that a worker may take, and more.
            tracing::warn!(%import_id, %error, tries, delay_secs, "an import is tried again");
            let again = Outgoing {
                body: Again {
                    message: asked,
                    tries: tries + 1,
                },
                delay_secs: *delay_secs,
            };
            runtime::send(app, Var::ImportQueueUrl, &message.correlation_id, &[again]).await
        }
    }
}

/// Ends a job that could not be brought to its end, with a word on how to go on.
async fn give_up(app: &App, ImportMessage { import_id, task }: ImportMessage) -> Result<(), RecordError> {
    let store = app.store()?;
    let import = store::imports::get(store, import_id).await?;
    let is_meant = match task {
        Task::Analyse { run } => import.run == run && matches!(import.state, ImportState::Queued | ImportState::Analysing),
        Task::Apply => import.state == ImportState::Importing,
    };
    if !is_meant {
        return Ok(());
    }
    let how = match task {
        Task::Analyse { .. } => "the file could not be checked after several tries: ask for the dry run again",
        Task::Apply => "the import was interrupted again and again: confirm it once more, and it goes on where it stopped; nothing is stored twice",
    };
    let failure = Failure {
        code: Failure::INTERRUPTED.to_owned(),
        message: how.to_owned(),
    };
    match store::imports::fail(store, &import, &failure, app.now()).await {
        Ok(_) | Err(StoreError::Conflict(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn analyse(app: &App, id: ImportId, run: Ulid, until: Instant) -> Result<(), RecordError> {
    let store = app.store()?;
    let import = match store::imports::begin(store, id, run, app.now()).await {
        Ok(import) => import,
        // Replaced, cancelled or done.
        Err(StoreError::Conflict(_)) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let ended = match stage::run(app, &import, until).await {
        Ok(staged) => staged.record(store, &import, app.now()).await,
        Err(Stopped::Refused(failure)) => store::imports::fail(store, &import, &failure, app.now()).await,
        Err(Stopped::Over) => return Ok(()),
        Err(Stopped::Failed(error)) => return Err(error),
    };
    match ended {
        Ok(import) => {
            tracing::info!(import_id = %id, state = import.state.as_str(), rows = import.counts.rows, rejected = import.counts.rejected, "dry run over");
            Ok(())
        }
        Err(StoreError::Conflict(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Why reading a file did not come to its end.
enum Stopped {
    /// The job was cancelled, corrected or finished elsewhere.
    Over,
    /// The file is to blame.
    Refused(Failure),
    /// To be done again.
    Failed(RecordError),
}

impl<E: Into<RecordError>> From<E> for Stopped {
    fn from(error: E) -> Self {
        Stopped::Failed(error.into())
    }
}

impl Stopped {
    fn refused(code: &str, message: &str) -> Self {
        Stopped::Refused(Failure {
            code: code.to_owned(),
            message: message.to_owned(),
        })
    }

    fn of_sheet(error: sheets::SheetError) -> Self {
        if error.is_permanent() {
            Self::refused(error.code(), &error.to_string())
        } else {
            Self::Failed(error.into())
        }
    }
}
