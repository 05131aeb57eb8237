//! `GET /api/v1/imports`.

use domain::user::Permission;
use http::Method;
use runtime::paging::{self, List};
use runtime::{Access, ApiError, App, Request, Response, Route, respond};

use crate::wire::ImportSummary;

/// The route.
pub static ROUTE: Route = Route::new(
    "imports-list",
    Method::GET,
    "/api/v1/imports",
    Access::Requires(Permission::ImportsRead),
    |app, request| Box::pin(handle(app, request)),
);

/// Lists imports, newest first, without their reports.
#[utoipa::path(get, path = "/api/v1/imports", operation_id = "imports-list", tag = "imports",
    params(("limit" = Option<u32>, Query, description = "1 to 200, default 50"), ("cursor" = Option<String>, Query, description = "next_cursor of the page before")),
    responses((status = 200, description = "A page", body = List<ImportSummary>)),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let page = paging::page(app, &request).await?;
    let imports = store::imports::list(app.store()?, &page).await?;
    let next_cursor = paging::cursor(app, &request, imports.next).await?;
    respond::ok(&List {
        items: imports.items.into_iter().map(ImportSummary::from).collect(),
        next_cursor,
        total: None,
    })
}
