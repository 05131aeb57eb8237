//! `GET /api/v1/sync-sources/{id}`.

use domain::user::Permission;
use http::Method;
use runtime::{Access, ApiError, App, Request, Response, Route, respond};

use crate::wire::{SyncSourceResponse, last_run_in_full};

/// The route.
pub static ROUTE: Route = Route::new(
    "sync-get",
    Method::GET,
    "/api/v1/sync-sources/{id}",
    Access::Requires(Permission::SyncManage),
    |app, request| Box::pin(handle(app, request)),
);

/// Reads a source, with its last run.
#[utoipa::path(get, path = "/api/v1/sync-sources/{id}", operation_id = "sync-get", tag = "sync",
    params(("id" = String, Path, description = "syn_…")),
    responses((status = 200, description = "The source", body = SyncSourceResponse), (status = 404, description = "No such source")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let source = store::sync_sources::get(app.store()?, request.id("id")?).await?;
    let last = last_run_in_full(app, source.id).await?;
    let version = source.version;
    respond::versioned(&SyncSourceResponse::new(source, last, app.now()), version)
}
