//! `GET /api/v1/vendors/{id}/verifications`.

use domain::user::Permission;
use http::Method;
use runtime::paging::{self, List};
use runtime::{Access, ApiError, App, Request, Response, Route, respond};

use crate::wire::ResultResponse;

/// The route.
pub static ROUTE: Route = Route::new(
    "verifications-of-vendor",
    Method::GET,
    "/api/v1/vendors/{id}/verifications",
    Access::Requires(Permission::VendorsRead),
    |app, request| Box::pin(handle(app, request)),
);

/// Lists what came of verifying a vendor, newest first; nothing of it is ever overwritten. A deleted vendor's, too.
#[utoipa::path(get, path = "/api/v1/vendors/{id}/verifications", operation_id = "verifications-of-vendor", tag = "verifications",
    params(("id" = String, Path, description = "vnd_…"), ("limit" = Option<u32>, Query, description = "1 to 200, default 50"),
        ("cursor" = Option<String>, Query, description = "next_cursor of the page before")),
    responses((status = 200, description = "A page", body = List<ResultResponse>), (status = 404, description = "No such vendor")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let page = paging::page(app, &request).await?;
    let store = app.store()?;
    let vendor = store::vendors::get_any(store, request.id("id")?).await?;
    let results = store::verifications::results(store, vendor.id, &page).await?;
    let next_cursor = paging::cursor(app, &request, results.next).await?;
    respond::ok(&List {
        items: results.items.into_iter().map(ResultResponse::from).collect(),
        next_cursor,
        total: None,
    })
}
