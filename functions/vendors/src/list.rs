//! `GET /api/v1/vendors`.

use domain::user::Permission;
use http::Method;
use runtime::paging::{self, List};
use runtime::{Access, ApiError, App, Request, Response, Route, respond};

use crate::wire::VendorResponse;

/// The route.
pub static ROUTE: Route = Route::new(
    "vendors-list",
    Method::GET,
    "/api/v1/vendors",
    Access::Requires(Permission::VendorsRead),
    |app, request| Box::pin(handle(app, request)),
);

/// Lists vendors by code.
#[utoipa::path(get, path = "/api/v1/vendors", operation_id = "vendors-list", tag = "vendors",
    params(("limit" = Option<u32>, Query, description = "1 to 200, default 50"), ("cursor" = Option<String>, Query, description = "next_cursor of the page before")),
    responses((status = 200, description = "A page", body = List<VendorResponse>)),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let page = paging::page(app, &request).await?;
    let store = app.store()?;
    let vendors = store::vendors::list_by_code(store, &page).await?;
    let total = store.vendor_counts().await?.total;
    let next_cursor = paging::cursor(app, &request, vendors.next).await?;
    respond::ok(&List {
        items: vendors.items.into_iter().map(VendorResponse::from).collect(),
        next_cursor,
        total: Some(total),
    })
}
