//! `GET /api/v1/verifications/{id}`.

use domain::user::Permission;
use http::Method;
use runtime::{Access, ApiError, App, Request, Response, Route, respond};

use crate::wire::RunResponse;

/// The route.
pub static ROUTE: Route = Route::new(
    "verifications-get",
    Method::GET,
    "/api/v1/verifications/{id}",
    Access::Requires(Permission::VendorsRead),
    |app, request| Box::pin(handle(app, request)),
);

/// Reads a verification and how far it is.
#[utoipa::path(get, path = "/api/v1/verifications/{id}", operation_id = "verifications-get", tag = "verifications",
    params(("id" = String, Path, description = "ver_…")),
    responses((status = 200, description = "The verification", body = RunResponse), (status = 404, description = "No such verification")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let run = store::verifications::get(app.store()?, request.id("id")?).await?;
    respond::ok(&RunResponse::from(run))
}
