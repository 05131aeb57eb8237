//! `POST /api/v1/vendors`.

use domain::VendorId;
use domain::declaration::indian_date;
use domain::status::{Evidence, StatusEntry};
use domain::user::Permission;
use domain::vendor::{MsmeStatus, ParsedVendor, RawVendor, Strictness};
use domain::vendor_record::Vendor;
use http::Method;
use runtime::{Access, ApiError, App, Request, Response, Route, extract, respond};
use store::vendors::NewVendor;

use crate::wire::{VendorResponse, by};

/// The route.
pub static ROUTE: Route = Route::new(
    "vendors-create",
    Method::POST,
    "/api/v1/vendors",
    Access::Requires(Permission::VendorsWrite),
    |app, request| Box::pin(handle(app, request)),
)
.idempotent();

/// Creates a vendor. A status it is said to have becomes the first entry of its dated statuses, entered by the caller.
#[utoipa::path(post, path = "/api/v1/vendors", operation_id = "vendors-create", tag = "vendors", request_body = RawVendor,
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeats within 24 h get the first answer")),
    responses((status = 201, description = "Created", body = VendorResponse), (status = 409, description = "The code is taken")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let raw: RawVendor = extract::json(&request)?;
    let ParsedVendor { profile, claim, warnings } = ParsedVendor::parse_with(raw, Strictness::Strict)?;
    let (caller, now) = (request.caller()?.id(), app.now());
    let status = claim.filter(|claim| *claim != MsmeStatus::Unknown);
    let vendor = Vendor {
        id: VendorId::from_ulid(app.new_ulid()),
        profile,
        msme_status: status.unwrap_or_default(),
        origin: None,
        deleted_at: None,
        created_at: now,
        updated_at: now,
        version: 1,
    };
    let status = status.map(|status| {
        let evidence = Evidence::Entered {
            by: caller,
            note: None,
            certificate_sha256: None,
        };
        StatusEntry::new(status, indian_date(now), now, evidence)
    });
    let new = NewVendor { vendor, status };
    store::vendors::create(app.store()?, &new, by(app, &caller.to_string())).await?;
    let (location, version) = (format!("/api/v1/vendors/{}", new.vendor.id), new.vendor.version);
    respond::created(&VendorResponse::new(new.vendor, warnings), &location, version)
}
