//! `GET /api/v1/sync-sources/{id}/runs`.

use domain::SyncSourceId;
use domain::user::Permission;
use futures::future::try_join_all;
use http::Method;
use runtime::paging::{self, List};
use runtime::{Access, ApiError, App, Request, Response, Route, respond};

use crate::wire::{SyncRunResponse, with_import};

/// The route.
pub static ROUTE: Route = Route::new(
    "sync-list-runs",
    Method::GET,
    "/api/v1/sync-sources/{id}/runs",
    Access::Requires(Permission::SyncManage),
    |app, request| Box::pin(handle(app, request)),
);

/// Lists what became of each reading of a source, newest first: the difference it found, its import, its error. Kept for 180 days,
/// also after the source was deleted.
#[utoipa::path(get, path = "/api/v1/sync-sources/{id}/runs", operation_id = "sync-list-runs", tag = "sync",
    params(("id" = String, Path, description = "syn_…"), ("limit" = Option<u32>, Query, description = "1 to 200, default 50"),
        ("cursor" = Option<String>, Query, description = "next_cursor of the page before")),
    responses((status = 200, description = "A page", body = List<SyncRunResponse>), (status = 404, description = "No such source, and no run of one")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let source: SyncSourceId = request.id("id")?;
    let page = paging::page(app, &request).await?;
    let store = app.store()?;
    let runs = store::sync_sources::list_runs(store, source, &page).await?;
    if runs.items.is_empty() {
        // What became of its readings outlives a source: somebody who wonders where vendors came from finds it.
        store::sync_sources::get(store, source).await?;
    }
    let next_cursor = paging::cursor(app, &request, runs.next).await?;
    let items = try_join_all(runs.items.into_iter().map(|run| with_import(app, run))).await?;
    respond::ok(&List {
        items,
        next_cursor,
        total: None,
    })
}
