//! What the import queue carries.

use domain::ImportId;
use runtime::{App, Outgoing, RecordError, Var};
use serde::{Deserialize, Serialize};
use ulid::Ulid;

/// A message of the import queue. Where the job stands is in the job, so that a message may be delivered again at any time.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct ImportMessage {
    /// The job.
    pub import_id: ImportId,
    /// What is to be done.
    #[serde(flatten)]
    pub task: Task,
}

/// What is to be done with an import.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case")]
pub enum Task {
    /// The dry run of this name, unless it was replaced by another.
    Analyse {
        /// The run.
        run: Ulid,
    },
    /// Store the rows from the checkpoint on.
    Apply,
}

impl ImportMessage {
    /// A message to be worked on at once.
    pub const fn new(import_id: ImportId, task: Task) -> Self {
        Self { import_id, task }
    }

    /// Puts the message into the queue.
    ///
    /// # Errors
    /// When the queue cannot be reached.
    pub async fn send(self, app: &App, correlation_id: &str) -> Result<(), RecordError> {
        let message = Outgoing { body: self, delay_secs: 0 };
        runtime::send(app, Var::ImportQueueUrl, correlation_id, &[message]).await
    }
}
