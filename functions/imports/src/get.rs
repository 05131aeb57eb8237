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

/// How far an import is, and the report of its dry run once that is done.
#[utoipa::path(get, path = "/api/v1/imports/{id}", operation_id = "imports-get", tag = "imports",
    params(("id" = String, Path, description = "imp_…")),
    responses((status = 200, description = "The import as far as it is", body = ImportResponse), (status = 404, description = "No such import")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let store = app.store()?;
    let import = store::imports::get(store, request.id("id")?).await?;
    let report = store::imports::report(store, &import).await?;
    let version = import.version;
    respond::versioned(&ImportResponse::new(import, report), version)
}
