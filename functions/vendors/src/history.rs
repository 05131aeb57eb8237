//! `GET /api/v1/vendors/{id}/history`.

use domain::user::Permission;
use domain::vendor_change::Change;
use http::Method;
use runtime::paging::{self, List};
use runtime::{Access, ApiError, App, Request, Response, Route, respond};

/// The route.
pub static ROUTE: Route = Route::new(
    "vendors-history",
    Method::GET,
    "/api/v1/vendors/{id}/history",
    Access::Requires(Permission::VendorsRead),
    |app, request| Box::pin(handle(app, request)),
);

/// Everything that happened to a vendor, newest first: who, when, and each field before and after. A deleted vendor's, too.
#[utoipa::path(get, path = "/api/v1/vendors/{id}/history", operation_id = "vendors-history", tag = "vendors",
    params(("id" = String, Path, description = "vnd_…"), ("limit" = Option<u32>, Query, description = "1 to 200, default 50"),
        ("cursor" = Option<String>, Query, description = "next_cursor of the page before")),
    responses((status = 200, description = "A page", body = List<Change>), (status = 404, description = "No such vendor")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let page = paging::page(app, &request).await?;
    let store = app.store()?;
    let vendor = store::vendors::get_any(store, request.id("id")?).await?;
    let changes = store::vendors::history(store, vendor.id, &page).await?;
    let next_cursor = paging::cursor(app, &request, changes.next).await?;
    respond::ok(&List {
        items: changes.items,
        next_cursor,
        total: None,
    })
}
