//! `GET /api/v1/verifications`.

use domain::user::Permission;
use http::Method;
use runtime::paging::{self, List};
use runtime::{Access, ApiError, App, Request, Response, Route, respond};

use crate::wire::RunResponse;

/// The route.
pub static ROUTE: Route = Route::new(
    "verifications-list",
    Method::GET,
    "/api/v1/verifications",
    Access::Requires(Permission::VendorsRead),
    |app, request| Box::pin(handle(app, request)),
);

/// Lists verifications, newest first.
#[utoipa::path(get, path = "/api/v1/verifications", operation_id = "verifications-list", tag = "verifications",
    params(("limit" = Option<u32>, Query, description = "1 to 200, default 50"), ("cursor" = Option<String>, Query, description = "next_cursor of the page before")),
    responses((status = 200, description = "A page", body = List<RunResponse>)),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let page = paging::page(app, &request).await?;
    let runs = store::verifications::list(app.store()?, &page).await?;
    let next_cursor = paging::cursor(app, &request, runs.next).await?;
    respond::ok(&List {
        items: runs.items.into_iter().map(RunResponse::from).collect(),
        next_cursor,
        total: None,
    })
}
