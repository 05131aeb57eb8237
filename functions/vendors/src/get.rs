//! `GET /api/v1/vendors/{id}`.

use domain::user::Permission;
use http::Method;
use runtime::{Access, ApiError, App, Request, Response, Route, respond};

use crate::wire::VendorResponse;

/// The route.
pub static ROUTE: Route = Route::new(
    "vendors-get",
    Method::GET,
    "/api/v1/vendors/{id}",
    Access::Requires(Permission::VendorsRead),
    |app, request| Box::pin(handle(app, request)),
);

/// Reads a vendor.
#[utoipa::path(get, path = "/api/v1/vendors/{id}", operation_id = "vendors-get", tag = "vendors",
    params(("id" = String, Path, description = "vnd_…")),
    responses((status = 200, description = "The vendor", body = VendorResponse), (status = 404, description = "No such vendor")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let vendor = store::vendors::get(app.store()?, request.id("id")?).await?;
    let version = vendor.version;
    respond::versioned(&VendorResponse::from(vendor), version)
}
