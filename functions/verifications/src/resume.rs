//! `POST /api/v1/verifications/{id}/resume`.

use domain::user::Permission;
use http::Method;
use runtime::problem::conflict;
use runtime::{Access, ApiError, App, Request, Response, Route, Var, respond};
use store::verifications::{self, Begun, RunState};

use crate::account;
use crate::queue::enqueue;
use crate::start::{another_runs, is_full};
use crate::wire::RunResponse;

/// The route.
pub static ROUTE: Route = Route::new(
    "verifications-resume",
    Method::POST,
    "/api/v1/verifications/{id}/resume",
    Access::Requires(Permission::VendorsVerify),
    |app, request| Box::pin(handle(app, request)),
)
.needing(&[Var::VerificationSecretArn, Var::VerificationQueueUrl])
.idempotent();

/// Lets a halted verification go on where it was halted, once its `reason` has been seen to. What was asked is not asked again, and what
/// the provider turned away is asked as if for the first time. Repeating it is harmless.
#[utoipa::path(post, path = "/api/v1/verifications/{id}/resume", operation_id = "verifications-resume", tag = "verifications",
    params(("id" = String, Path, description = "ver_…"), ("Idempotency-Key" = Option<String>, Header, description = "Repeats within 24 h get the first answer")),
    responses((status = 202, description = "The verification, running", body = RunResponse), (status = 404, description = "No such verification"),
        (status = 409, description = "It is over, another one asks about the same vendors, or verification is not set up")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let (store, id) = (app.store()?, request.id("id")?);
    let run = verifications::get(store, id).await?;
    if run.state == RunState::Halted && is_full(&run) {
        return Err(conflict(
            "the verification has asked about as many identifiers as it may: start another one, which asks only about what this one did not come to",
        ));
    }
    if matches!(run.state, RunState::Halted | RunState::Running) {
        account::ready(app).await?;
    }
    if run.state == RunState::Halted
        && let Begun::Busy(other) = verifications::resume(store, &run, app.now()).await?
    {
        return Err(another_runs(other));
    }
    let run = verifications::get(store, id).await?;
    if run.state != RunState::Running {
        return Err(conflict(format!("the verification is {} and cannot be resumed", run.state.as_str())));
    }
    // Also where it runs already: the message of whoever resumed it may never have left, and one more finds nothing to do.
    let run = enqueue(app, &request.correlation_id, run).await?;
    tracing::info!(correlation_id = request.correlation_id, run_id = %id, "verification resumed");
    respond::accepted(&RunResponse::from(run), &format!("/api/v1/verifications/{id}"))
}
