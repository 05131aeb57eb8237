//! `workers-import`: reads an uploaded file for its dry run, and stores its good rows once somebody confirmed it.
//!
//! A dry run writes files of its own, so that it may be begun again at any time. Storing goes from checkpoint to checkpoint; a batch
//! that was stored in part before a crash is recognised row by row, so that every course of events comes to the same vendors and the
//! same counts.

mod apply;
mod decide;
mod findings;
mod known;
mod reading;
mod rejects;
mod stage;
mod staged;

use std::time::{Duration, Instant};

use domain::ImportId;
use imports::{ImportMessage, Task};
use runtime::{App, Message, RecordError, RecordFailure, Var, Worker};
use store::StoreError;
use store::imports::Failure;
use ulid::Ulid;

/// The worker.
pub static WORKER: Worker = Worker {
    name: "workers-import",
    needs: &[Var::TableName, Var::BucketName, Var::ImportQueueUrl],
    handler: |app, messages| Box::pin(handle_within(app, messages, TIME_BUDGET)),
};

/// The function has fifteen minutes. After these, it hands the rest to its successor.
const TIME_BUDGET: Duration = Duration::from_secs(600);

/// Handles the messages one after the other, for about so long: one import already keeps the table busy.
pub async fn handle_within(app: &App, messages: Vec<Message>, budget: Duration) -> Vec<RecordFailure> {
    let deadline = Instant::now() + budget;
    let mut failures = Vec::new();
    for message in messages {
        if let Err(error) = handle_message(app, &message, deadline).await {
            failures.push(RecordFailure { id: message.id, error });
        }
    }
    failures
}

async fn handle_message(app: &App, message: &Message, deadline: Instant) -> Result<(), RecordError> {
    let ImportMessage { import_id, task } = message.json()?;
    match task {
        Task::Analyse { run } => analyse(app, import_id, run).await,
        Task::Apply => apply::run(app, import_id, deadline, &message.correlation_id).await,
    }
}

async fn analyse(app: &App, id: ImportId, run: Ulid) -> Result<(), RecordError> {
    let store = app.store()?;
    let import = match store::imports::begin(store, id, run, app.now()).await {
        Ok(import) => import,
        // Replaced, cancelled or done.
        Err(StoreError::Conflict(_)) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let ended = match stage::run(app, &import).await {
        Ok(staged) => store::imports::staged(store, &import, &staged.counts, staged.rejects_key.as_deref(), app.now()).await,
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
