//! `GET /api/v1/vendors`.

use domain::user::Permission;
use http::Method;
use runtime::paging::{self, List};
use runtime::problem::invalid;
use runtime::{Access, ApiError, App, Request, Response, Route, respond};
use store::{PageKey, PageRequest};

use crate::filter::{self, Meant};
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
        ("supplier_type" = Option<String>, Query, description = "One or several, with commas; given several times, each as it is, commas included"), ("tag" = Option<String>, Query, description = "Every one of these, with commas"),
        ("has_email" = Option<bool>, Query, description = "Whether there is an e-mail address"), ("has_whatsapp" = Option<bool>, Query, description = "Whether there is a mobile number"),
        ("suppressed" = Option<bool>, Query, description = "Whether an address that campaigns write to is suppressed: the first e-mail address, or the first mobile number, or both"),
        ("suppressed_email" = Option<bool>, Query, description = "Whether the first e-mail address is suppressed; without one it is not"),
        ("suppressed_whatsapp" = Option<bool>, Query, description = "Whether the first mobile number is suppressed; without one it is not"),
        ("responded" = Option<String>, Query, description = "cmp_…: answered this campaign or a reminder of it"),
        ("not_responded" = Option<String>, Query, description = "cmp_…: did not"), ("segment" = Option<String>, Query, description = "seg_…: a saved filter; with no other filter beside it"),
        ("deleted" = Option<bool>, Query, description = "`true`: the deleted vendors, the last one deleted first; with no other filter beside it"),
        ("sort" = Option<String>, Query, description = "`code` (default), `name`, `created` or `updated`, the newest first"),
        ("limit" = Option<u32>, Query, description = "1 to 200, default 50"), ("cursor" = Option<String>, Query, description = "next_cursor of the page before")),
    responses((status = 200, description = "A page", body = List<VendorResponse>), (status = 422, description = "A parameter is wrong or unknown, or the segment changed since the page before")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let mut page = paging::page(app, &request).await?;
    if filter::is_of_deleted(&request)? {
        return deleted(app, &request, &page).await;
    }
    let (meant, order) = (filter::filter(app, &request).await?, filter::order(&request)?);
    take_version(&mut page, &meant)?;
    let found = store::directory::find(app.store()?, &meant.filter, order, &page).await?;
    let next = found.vendors.next.map(|next| with_version(next, &meant));
    let next_cursor = paging::cursor(app, &request, next).await?;
    respond::ok(&List {
        items: found.vendors.items.into_iter().map(VendorResponse::from).collect(),
        next_cursor,
        total: Some(found.total),
    })
}

/// The vendors that were deleted and can be restored.
async fn deleted(app: &App, request: &Request, page: &PageRequest) -> Result<Response, ApiError> {
    let store = app.store()?;
    let (vendors, counts) = futures::future::try_join(store::vendors::list_deleted(store, page), store.vendor_counts()).await?;
    respond::ok(&List {
        items: vendors.items.into_iter().map(VendorResponse::from).collect(),
        next_cursor: paging::cursor(app, request, vendors.next).await?,
        total: Some(counts.deleted),
    })
}

/// What of a cursor says which version of the segment its list is of.
const SEGMENT_VERSION: &str = "segment_version";

/// A page of another version would leave vendors out or show them twice.
fn take_version(page: &mut PageRequest, meant: &Meant) -> Result<(), ApiError> {
    let Some(after) = &mut page.after else { return Ok(()) };
    let seen = after.remove(SEGMENT_VERSION);
    if seen == meant.segment_version.map(|version| version.to_string()) {
        return Ok(());
    }
    let message = "the segment changed since the page before: start the list again";
    Err(invalid("cursor", "", "segment_changed", message))
}

fn with_version(mut next: PageKey, meant: &Meant) -> PageKey {
    let version = meant.segment_version.map(|version| (SEGMENT_VERSION.to_owned(), version.to_string()));
    next.extend(version);
    next
}
