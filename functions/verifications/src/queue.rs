//! Handing a run to the worker.

use runtime::{ApiError, App, Outgoing, Var};
use store::verifications::{self, Run, RunState};

use crate::{Task, VerificationMessage};

/// Enqueues a run, and gives it as it stands then: halted where the queue did not take it, so that nobody waits for what never comes.
pub(crate) async fn enqueue(app: &App, correlation_id: &str, run: Run) -> Result<Run, ApiError> {
    let message = Outgoing {
        body: VerificationMessage {
            run_id: run.id,
            task: Task::Plan,
        },
        delay_secs: 0,
    };
    let Err(error) = runtime::send(app, Var::VerificationQueueUrl, correlation_id, &[message]).await else {
        return Ok(run);
    };
    tracing::error!(correlation_id, run_id = %run.id, %error, "verification not queued");
    // If the message was taken after all, the worker finds the run halted.
    let reason = "not_queued: the run could not be queued, for a reason on our side: resume it";
    verifications::stop(app.store()?, run.id, RunState::Halted, Some(reason), app.now()).await?;
    Ok(verifications::get(app.store()?, run.id).await?)
}
