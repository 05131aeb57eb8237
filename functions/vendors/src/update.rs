//! `PUT /api/v1/vendors/{id}`.

use domain::user::Permission;
use domain::vendor::{MsmeStatus, ParsedVendor, RawVendor, Strictness};
use http::Method;
use runtime::problem::invalid;
use runtime::{Access, ApiError, App, Request, Response, Route, extract, respond};

use crate::wire::{VendorResponse, by};

/// The route.
pub static ROUTE: Route = Route::new(
    "vendors-update",
    Method::PUT,
    "/api/v1/vendors/{id}",
    Access::Requires(Permission::VendorsWrite),
    |app, request| Box::pin(handle(app, request)),
);

/// What a vendor is read with and nobody changes here: it may be sent back, and is left as it is.
const READ_ONLY: [&str; 5] = ["id", "created_at", "updated_at", "deleted_at", "warnings"];

/// Replaces a vendor's particulars: what is left out is gone. The MSME status is not among them, it changes by evidence only; it may be
/// sent back as it was read, as may the id and the times.
#[utoipa::path(put, path = "/api/v1/vendors/{id}", operation_id = "vendors-update", tag = "vendors", request_body = RawVendor,
    params(("id" = String, Path, description = "vnd_…"), ("If-Match" = Option<String>, Header, description = "ETag of the version you read")),
    responses((status = 200, description = "The vendor as it is now", body = VendorResponse), (status = 409, description = "The code is taken"),
        (status = 412, description = "It changed since you read it"), (status = 422, description = "A field is wrong, or names a status")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let mut raw: RawVendor = extract::json_without(&request, &READ_ONLY)?;
    let status = raw.msme_status.take();
    let ParsedVendor { profile, warnings, .. } = ParsedVendor::parse_with(raw, Strictness::Strict)?;
    let store = app.store()?;
    let seen = store::vendors::get(store, request.id("id")?).await?;
    // First: what a stale body says may be right of what its writer saw.
    request.if_match(seen.version)?;
    if let Some(status) = status.filter(|status| MsmeStatus::parse(status) != Ok(seen.msme_status)) {
        let message = "the status changes by evidence only: add it with POST /api/v1/vendors/{id}/status, and leave this field out";
        return Err(invalid("msme_status", &status, "not_here", message));
    }
    let caller = request.caller()?.id().to_string();
    let vendor = store::vendors::replace_profile(store, &seen, profile, by(app, &caller)).await?;
    let version = vendor.version;
    respond::versioned(&VendorResponse::new(vendor, warnings), version)
}
