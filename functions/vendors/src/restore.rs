//! `POST /api/v1/vendors/{id}/restore`.

use domain::user::Permission;
use http::Method;
use runtime::problem::conflict;
use runtime::{Access, ApiError, App, Request, Response, Route, respond};

use crate::wire::{VendorResponse, by};

/// The route.
pub static ROUTE: Route = Route::new(
    "vendors-restore",
    Method::POST,
    "/api/v1/vendors/{id}/restore",
    Access::Requires(Permission::VendorsDelete),
    |app, request| Box::pin(handle(app, request)),
);

/// Brings a deleted vendor back, as it was. Bringing back one that is there changes nothing.
#[utoipa::path(post, path = "/api/v1/vendors/{id}/restore", operation_id = "vendors-restore", tag = "vendors",
    params(("id" = String, Path, description = "vnd_…")),
    responses((status = 200, description = "The vendor as it is now", body = VendorResponse), (status = 404, description = "No such vendor"),
        (status = 409, description = "Its code was given to another vendor meanwhile")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let store = app.store()?;
    let mut vendor = store::vendors::get_any(store, request.id("id")?).await?;
    if vendor.deleted_at.is_some() {
        let code = vendor.profile.vendor_code.clone();
        if store::vendors::find_by_codes(store, &[code.key()]).await?.contains_key(&code.key()) {
            return Err(conflict(format!(
                "code {code} belongs to another vendor by now: give that one another code, then restore this one"
            )));
        }
        let caller = request.caller()?.id().to_string();
        vendor = store::vendors::restore(store, &vendor, by(app, &caller)).await?;
    }
    let version = vendor.version;
    respond::versioned(&VendorResponse::from(vendor), version)
}
