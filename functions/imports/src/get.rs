//! `GET /api/v1/imports/{id}`.

use domain::user::Permission;
use http::Method;
use runtime::{Access, ApiError, App, Request, Response, Route, respond};

use crate::wire::ImportResponse;

/// The route.
pub static ROUTE: Route = Route::new(
    "imports-get",
    Method::GET,
    "/api/v1/imports/{id}",
    Access::Requires(Permission::ImportsRead),
    |app, request| Box::pin(handle(app, request)),
);

/// Progress and row errors of an import.
#[utoipa::path(get, path = "/api/v1/imports/{id}", operation_id = "imports-get", tag = "imports",
    params(("id" = String, Path, description = "imp_…")),
    responses((status = 200, description = "The import as far as it is", body = ImportResponse), (status = 404, description = "No such import")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let import = store::imports::get(app.store()?, request.id("id")?).await?;
    respond::ok(&ImportResponse::from(import))
}
