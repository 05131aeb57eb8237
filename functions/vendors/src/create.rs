//! `POST /api/v1/vendors`.

use domain::VendorId;
use domain::user::Permission;
use domain::vendor::{MsmeStatus, RawVendor, VendorProfile};
use domain::vendor_record::Vendor;
use http::Method;
use runtime::{Access, ApiError, App, Request, Response, Route, extract, respond};

use crate::wire::VendorResponse;

/// The route.
pub static ROUTE: Route = Route::new(
    "vendors-create",
    Method::POST,
    "/api/v1/vendors",
    Access::Requires(Permission::VendorsWrite),
    |app, request| Box::pin(handle(app, request)),
)
.idempotent();

/// Creates a vendor.
#[utoipa::path(post, path = "/api/v1/vendors", operation_id = "vendors-create", tag = "vendors", request_body = RawVendor,
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeats within 24 h get the first answer")),
    responses((status = 201, description = "Created", body = VendorResponse), (status = 409, description = "The code is taken")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let raw: RawVendor = extract::json(&request)?;
    let (profile, warnings) = VendorProfile::parse(raw)?;
    let now = app.now();
    let vendor = Vendor {
        id: VendorId::from_ulid(app.new_ulid()),
        profile,
        msme_status: MsmeStatus::Unknown,
        origin: None,
        created_at: now,
        updated_at: now,
        version: 1,
    };
    store::vendors::create(app.store()?, &vendor).await?;
    let (location, version) = (format!("/api/v1/vendors/{}", vendor.id), vendor.version);
    respond::created(&VendorResponse::new(vendor, warnings), &location, version)
}
