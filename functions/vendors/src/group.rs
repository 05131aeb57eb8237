//! `GET /api/v1/vendors/{id}/group`.

use domain::declaration::indian_date;
use domain::identifiers::Pan;
use domain::pan_group::{self, GroupMember, KeptAlone, MemberAnswer, PanGroup};
use domain::status;
use domain::user::Permission;
use domain::vendor_record::Vendor;
use futures::future::try_join;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use http::Method;
use jiff::civil::Date;
use runtime::{Access, ApiError, App, Request, Response, Route, respond};
use store::responses::NewestAnswer;
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

/// Members looked up at once.
const AT_ONCE: usize = 16;

/// Every vendor code of one PAN, with what contradicts: two Udyams, two classes, an answer about another PAN, names that do not look
/// alike.
#[utoipa::path(get, path = "/api/v1/vendors/{id}/group", operation_id = "vendors-group", tag = "vendors",
    params(("id" = String, Path, description = "vnd_…")),
    responses((status = 200, description = "The group; of one where the vendor has one code", body = PanGroup),
        (status = 404, description = "No such vendor, or it has no PAN on record")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let store = app.store()?;
    let vendor = store::vendors::get(store, request.id("id")?).await?;
    let pan = vendor.profile.pan_number.ok_or(NO_PAN)?;
    let mut vendors = store::vendors::list_by_pan(store, pan.as_str()).await?;
    vendors.sort_by_cached_key(|vendor| (vendor.profile.vendor_code.as_str().to_owned(), vendor.id));
    let more = vendors.len().saturating_sub(PanGroup::MAX_MEMBERS);
    vendors.truncate(PanGroup::MAX_MEMBERS);
    let today = indian_date(app.now());
    let members: Vec<GroupMember> = stream::iter(vendors)
        .map(|vendor| member(store, vendor, &pan, today))
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    respond::ok(&PanGroup::new(&pan, members).and_more(more))
}

async fn member(store: &Store, vendor: Vendor, pan: &Pan, today: Date) -> Result<GroupMember, StoreError> {
    let (history, newest) = try_join(
        store::vendors::status_history(store, vendor.id),
        store::responses::newest_answer(store, vendor.id),
    )
    .await?;
    let known = status::on(&history, today);
    Ok(GroupMember {
        vendor_id: vendor.id,
        vendor_code: vendor.profile.vendor_code.as_str().to_owned(),
        company_name: vendor.profile.company_name,
        udyam: vendor.profile.udyam_number,
        registered_on: vendor.profile.udyam_registration_date,
        status: known.status,
        rank: known.rank,
        state: vendor.profile.state,
        answer: newest.map(|newest| answer(newest, pan)),
    })
}

fn answer(newest: NewestAnswer, pan: &Pan) -> MemberAnswer {
    let NewestAnswer { declaration, kept_alone } = newest;
    MemberAnswer {
        class: Some((
            declaration.classification_year.clone().unwrap_or_else(|| declaration.fiscal_year.clone()),
            declaration.status,
        )),
        names_another_pan: pan_group::names_another_pan(&declaration, pan),
        pan_changed: kept_alone == Some(KeptAlone::PanChanged),
        udyam: declaration.udyam,
        registered_on: declaration.registration_date,
    }
}
