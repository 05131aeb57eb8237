//! `GET /api/v1/vendors`.

use domain::user::Permission;
use http::Method;
use runtime::paging::{self, List};
use runtime::{Access, ApiError, App, Request, Response, Route, respond};

use crate::filter;
use crate::wire::VendorResponse;

/// The route.
pub static ROUTE: Route = Route::new(
    "vendors-list",
    Method::GET,
    "/api/v1/vendors",
    Access::Requires(Permission::VendorsRead),
    |app, request| Box::pin(handle(app, request)),
);

/// Lists and finds vendors, with the exact number of all that are meant.
#[utoipa::path(get, path = "/api/v1/vendors", operation_id = "vendors-list", tag = "vendors",
    params(("q" = Option<String>, Query, description = "Words each of which a word of the name, the code, a GSTIN, the PAN, the Udyam number, a telephone number or an e-mail address begins with"),
        ("msme_status" = Option<String>, Query, description = "One or several, with commas"), ("state" = Option<String>, Query, description = "Name, letters or GST code; several with commas"),
        ("supplier_type" = Option<String>, Query, description = "One or several, with commas"), ("tag" = Option<String>, Query, description = "Every one of these, with commas"),
        ("has_email" = Option<bool>, Query, description = "Whether there is an e-mail address"), ("has_whatsapp" = Option<bool>, Query, description = "Whether there is a mobile number"),
        ("suppressed" = Option<bool>, Query, description = "Whether an address that campaigns write to is suppressed"),
        ("responded" = Option<String>, Query, description = "cmp_…: answered this campaign or a reminder of it"),
        ("not_responded" = Option<String>, Query, description = "cmp_…: did not"), ("segment" = Option<String>, Query, description = "seg_…: a saved filter, in place of all others"),
        ("sort" = Option<String>, Query, description = "`code` (default), `name`, `created` or `updated`, the newest first"),
        ("limit" = Option<u32>, Query, description = "1 to 200, default 50"), ("cursor" = Option<String>, Query, description = "next_cursor of the page before")),
    responses((status = 200, description = "A page", body = List<VendorResponse>), (status = 422, description = "A parameter is wrong")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let page = paging::page(app, &request).await?;
    let (filter, order) = (filter::filter(app, &request).await?, filter::order(&request)?);
    let found = store::directory::find(app.store()?, &filter, order, &page).await?;
    let next_cursor = paging::cursor(app, &request, found.vendors.next).await?;
    respond::ok(&List {
        items: found.vendors.items.into_iter().map(VendorResponse::from).collect(),
        next_cursor,
        total: Some(found.total),
    })
}
