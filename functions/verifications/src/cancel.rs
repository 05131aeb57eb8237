//! `POST /api/v1/verifications/{id}/cancel`.

use domain::user::Permission;
use http::Method;
use runtime::problem::conflict;
use runtime::{Access, ApiError, App, Request, Response, Route, respond};
use store::verifications::{self, RunState};

use crate::wire::RunResponse;

/// The route.
pub static ROUTE: Route = Route::new(
    "verifications-cancel",
    Method::POST,
    "/api/v1/verifications/{id}/cancel",
    Access::Requires(Permission::VendorsVerify),
    |app, request| Box::pin(handle(app, request)),
);

/// Stops a verification: nothing more is asked. What was answered stays with the vendors. Repeating it is harmless.
#[utoipa::path(post, path = "/api/v1/verifications/{id}/cancel", operation_id = "verifications-cancel", tag = "verifications",
    params(("id" = String, Path, description = "ver_…")),
    responses((status = 200, description = "The verification as it is now", body = RunResponse), (status = 404, description = "No such verification"),
        (status = 409, description = "It is over already")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let (store, id) = (app.store()?, request.id("id")?);
    // Known to be there, so that what is refused is refused for its state.
    verifications::get(store, id).await?;
    let stopped = verifications::stop(store, id, RunState::Cancelled, None, app.now()).await?;
    let run = verifications::get(store, id).await?;
    if !stopped && run.state != RunState::Cancelled {
        return Err(conflict(format!("the verification is {} already", run.state.as_str())));
    }
    respond::ok(&RunResponse::from(run))
}
