//! `GET /api/v1/segments`.

use domain::user::Permission;
use http::Method;
use runtime::paging::{self, List};
use runtime::{Access, ApiError, App, Request, Response, Route, respond};

use crate::wire::SegmentResponse;

/// The route.
pub static ROUTE: Route = Route::new(
    "segments-list",
    Method::GET,
    "/api/v1/segments",
    Access::Requires(Permission::VendorsRead),
    |app, request| Box::pin(handle(app, request)),
);

/// Lists segments, newest first.
#[utoipa::path(get, path = "/api/v1/segments", operation_id = "segments-list", tag = "segments",
    params(("limit" = Option<u32>, Query, description = "1 to 200, default 50"), ("cursor" = Option<String>, Query, description = "next_cursor of the page before")),
    responses((status = 200, description = "A page", body = List<SegmentResponse>)),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let page = paging::page(app, &request).await?;
    let segments = store::segments::list(app.store()?, &page).await?;
    let next_cursor = paging::cursor(app, &request, segments.next).await?;
    respond::ok(&List {
        items: segments.items.into_iter().map(SegmentResponse::from).collect(),
        next_cursor,
        total: None,
    })
}
