//! `POST /api/v1/vendors/{id}/group/share-status`.

use domain::declaration::indian_date;
use domain::status;
use domain::user::Permission;
use http::Method;
use runtime::problem::conflict;
use runtime::{Access, ApiError, App, Request, Response, Route, respond};
use serde::Serialize;
use store::vendors::By;
use utoipa::ToSchema;

use crate::group::NO_PAN;

/// The route.
pub static ROUTE: Route = Route::new(
    "vendors-share-status",
    Method::POST,
    "/api/v1/vendors/{id}/group/share-status",
    Access::Requires(Permission::VendorsWrite),
    |app, request| Box::pin(handle(app, request)),
);

/// Who got the status.
#[derive(Debug, Serialize, ToSchema)]
pub struct SharedResponse {
    /// The vendors that have a new entry; those that had it before, on evidence no weaker, are left out.
    vendor_ids: Vec<String>,
}

/// Gives every other code of this vendor's PAN the status the vendor has today, each with an entry that names where it comes from and
/// weighs as much as the evidence there.
/// Repeating it changes nothing.
#[utoipa::path(post, path = "/api/v1/vendors/{id}/group/share-status", operation_id = "vendors-share-status", tag = "vendors",
    params(("id" = String, Path, description = "vnd_…, the vendor whose status counts")),
    responses((status = 200, description = "Who has a new entry", body = SharedResponse), (status = 404, description = "No such vendor, or no PAN on record"),
        (status = 409, description = "Nothing is known of this vendor's status")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let store = app.store()?;
    let vendor = store::vendors::get(store, request.id("id")?).await?;
    if vendor.profile.pan_number.is_none() {
        return Err(NO_PAN);
    }
    let now = app.now();
    let history = store::vendors::status_history(store, vendor.id).await?;
    let Some(known) = status::on(&history, indian_date(now)).entry else {
        return Err(conflict(
            "nothing is known of this vendor's status: record it first, or share that of another code",
        ));
    };
    let entry = known.for_same_pan(vendor.id, now);
    let caller = request.caller()?.id().to_string();
    let by = By {
        who: &caller,
        at: now,
        entry: app.new_ulid(),
    };
    let shared = store::vendors::share_status(store, &vendor, &entry, by).await?;
    respond::ok(&SharedResponse {
        vendor_ids: shared.iter().map(ToString::to_string).collect(),
    })
}
