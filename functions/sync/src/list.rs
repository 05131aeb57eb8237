//! `GET /api/v1/sync-sources`.

use domain::user::Permission;
use futures::future::try_join_all;
use http::Method;
use runtime::paging::{self, List};
use runtime::{Access, ApiError, App, Request, Response, Route, respond};

use crate::wire::{SyncSourceResponse, last_run};

/// The route.
pub static ROUTE: Route = Route::new(
    "sync-list",
    Method::GET,
    "/api/v1/sync-sources",
    Access::Requires(Permission::SyncManage),
    |app, request| Box::pin(handle(app, request)),
);

/// Lists sources with their last runs, newest source first.
#[utoipa::path(get, path = "/api/v1/sync-sources", operation_id = "sync-list", tag = "sync",
    params(("limit" = Option<u32>, Query, description = "1 to 200, default 50"), ("cursor" = Option<String>, Query, description = "next_cursor of the page before")),
    responses((status = 200, description = "A page", body = List<SyncSourceResponse>)),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let page = paging::page(app, &request).await?;
    let sources = store::sync_sources::list(app.store()?, &page).await?;
    let next_cursor = paging::cursor(app, &request, sources.next).await?;
    let last = try_join_all(sources.items.iter().map(|source| last_run(app, source.id))).await?;
    let now = app.now();
    let items = sources.items.into_iter().zip(last);
    respond::ok(&List {
        items: items.map(|(source, last)| SyncSourceResponse::new(source, last, now)).collect(),
        next_cursor,
        total: None,
    })
}
