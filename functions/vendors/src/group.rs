//! `GET /api/v1/vendors/{id}/group`.

use domain::declaration::indian_date;
use domain::pan_group::{GroupMember, PanGroup};
use domain::status;
use domain::user::Permission;
use domain::vendor_record::Vendor;
use futures::future::try_join_all;
use http::Method;
use runtime::{Access, ApiError, App, Request, Response, Route, respond};
use store::{Store, StoreError};

/// The route.
pub static ROUTE: Route = Route::new(
    "vendors-group",
    Method::GET,
    "/api/v1/vendors/{id}/group",
    Access::Requires(Permission::VendorsRead),
    |app, request| Box::pin(handle(app, request)),
);

pub(crate) const NO_PAN: ApiError = ApiError::NotFound("this vendor has no PAN on record, so nobody can tell which other codes it has");

/// Every vendor code of one PAN, with what contradicts: two Udyam numbers, two classes, names that do not look alike.
#[utoipa::path(get, path = "/api/v1/vendors/{id}/group", operation_id = "vendors-group", tag = "vendors",
    params(("id" = String, Path, description = "vnd_…")),
    responses((status = 200, description = "The group; of one where the vendor has one code", body = PanGroup),
        (status = 404, description = "No such vendor, or it has no PAN on record")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let store = app.store()?;
    let vendor = store::vendors::get(store, request.id("id")?).await?;
    let pan = vendor.profile.pan_number.ok_or(NO_PAN)?;
    let members = store::vendors::list_by_pan(store, pan.as_str()).await?;
    let today = indian_date(app.now());
    let members = try_join_all(members.into_iter().map(|vendor| member(store, vendor, today))).await?;
    respond::ok(&PanGroup::new(&pan, members))
}

async fn member(store: &Store, vendor: Vendor, today: jiff::civil::Date) -> Result<GroupMember, StoreError> {
    let history = store::vendors::status_history(store, vendor.id).await?;
    Ok(GroupMember {
        vendor_id: vendor.id,
        rank: status::on(&history, today).rank,
        vendor_code: vendor.profile.vendor_code.as_str().to_owned(),
        company_name: vendor.profile.company_name,
        udyam: vendor.profile.udyam_number,
        registered_on: vendor.profile.udyam_registration_date,
        status: vendor.msme_status,
        state: vendor.profile.state,
    })
}
