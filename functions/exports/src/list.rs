//! `GET /api/v1/exports`.

use domain::user::Permission;
use http::Method;
use runtime::paging::{self, List};
use runtime::{Access, ApiError, App, Request, Response, Route, respond};

use crate::wire::ExportResponse;

/// The route.
pub static ROUTE: Route = Route::new(
    "exports-list",
    Method::GET,
    "/api/v1/exports",
    Access::Requires(Permission::VendorsRead),
    |app, request| Box::pin(handle(app, request)),
);

/// Lists exports, newest first, without their links.
#[utoipa::path(get, path = "/api/v1/exports", operation_id = "exports-list", tag = "exports",
    params(("limit" = Option<u32>, Query, description = "1 to 200, default 50"), ("cursor" = Option<String>, Query, description = "next_cursor of the page before")),
    responses((status = 200, description = "A page", body = List<ExportResponse>)),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let page = paging::page(app, &request).await?;
    let exports = store::exports::list(app.store()?, &page, app.now()).await?;
    let next_cursor = paging::cursor(app, &request, exports.next).await?;
    respond::ok(&List {
        items: exports.items.into_iter().map(|export| ExportResponse::new(export, None)).collect(),
        next_cursor,
        total: None,
    })
}
