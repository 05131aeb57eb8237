//! `POST /api/v1/sync-sources/{id}/run`.

use domain::SyncRunId;
use domain::sync::{RunError, RunState, SyncMessage, SyncRun, SyncSource, Trigger};
use domain::user::Permission;
use http::Method;
use runtime::{Access, ApiError, App, Outgoing, Request, Response, Route, Var, respond};

use crate::wire::SyncRunResponse;

/// The route.
pub static ROUTE: Route = Route::new(
    "sync-run",
    Method::POST,
    "/api/v1/sync-sources/{id}/run",
    Access::Requires(Permission::SyncManage),
    |app, request| Box::pin(handle(app, request)),
)
.needing(&[Var::SyncQueueUrl])
.idempotent();

/// Reads a source now, whether it is enabled or not, in the background. A folder is looked through: each file that lies there, and was
/// not taken when it came, gets a run of its own.
#[utoipa::path(post, path = "/api/v1/sync-sources/{id}/run", operation_id = "sync-run", tag = "sync",
    params(("id" = String, Path, description = "syn_…"), ("Idempotency-Key" = Option<String>, Header, description = "Repeats within 24 h get the first answer")),
    responses((status = 202, description = "The run has begun; `Location` tells what becomes of it", body = SyncRunResponse),
        (status = 404, description = "No such source")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let store = app.store()?;
    let source = store::sync_sources::get(store, request.id("id")?).await?;
    let run = begin(app, &request, &source).await?;
    respond::accepted(&SyncRunResponse::new(run, None), &format!("/api/v1/sync-sources/{}/runs", source.id))
}

/// Has a source read, in the name of whoever calls.
pub(crate) async fn begin(app: &App, request: &Request, source: &SyncSource) -> Result<SyncRun, ApiError> {
    let store = app.store()?;
    let trigger = Trigger::Person {
        user: request.caller()?.id(),
    };
    let run = SyncRun::begun(SyncRunId::from_ulid(app.new_ulid()), source, trigger, app.now());
    // The run, then its message: whoever gets the message finds the run.
    let run = store::sync_sources::begin(store, run.clone()).await?.unwrap_or(run);
    let message = Outgoing {
        body: SyncMessage::Run {
            source_id: source.id,
            run_id: run.id,
        },
        delay_secs: 0,
    };
    if let Err(error) = runtime::send(app, Var::SyncQueueUrl, &request.correlation_id, &[message]).await {
        // Nobody would ever work on it. If the message was taken after all, the worker finds the run over.
        let failure = RunError::new("not_queued", "the run could not be queued: ask for it again");
        store::sync_sources::advance(store, &run.failed(failure, app.now()), RunState::Pulling).await?;
        return Err(ApiError::Internal(error));
    }
    Ok(run)
}
