//! `GET /api/v1/vendors/{id}/findings`.

use domain::declaration::indian_date;
use domain::ladder::{self, Finding, LadderFacts, Particulars, UdyamClaim};
use domain::user::Permission;
use domain::verification::{self, Kind, RegisterFinding};
use http::Method;
use runtime::{Access, ApiError, App, Request, Response, Route, respond};
use serde::Serialize;
use utoipa::ToSchema;

/// The route.
pub static ROUTE: Route = Route::new(
    "vendors-findings",
    Method::GET,
    "/api/v1/vendors/{id}/findings",
    Access::Requires(Permission::VendorsRead),
    |app, request| Box::pin(handle(app, request)),
);

/// What checking a vendor against itself and against the others has brought up.
#[derive(Debug, Serialize, ToSchema)]
pub struct FindingsResponse {
    /// Every check, the failed ones first; passed ones are named, too, so that an auditor sees what was looked at.
    findings: Vec<Finding>,
    /// What the registers said when a provider last asked them about the identifiers the vendor has now; nothing where nobody asked.
    verifications: Vec<RegisterFinding>,
}

/// Checks a vendor's identifiers without asking anybody: shapes and check characters, against each other, and against what other vendors
/// claim. Beside that, what the registers said when they were last asked: see `POST /api/v1/verifications`.
#[utoipa::path(get, path = "/api/v1/vendors/{id}/findings", operation_id = "vendors-findings", tag = "vendors",
    params(("id" = String, Path, description = "vnd_…")),
    responses((status = 200, description = "Every check with its outcome", body = FindingsResponse), (status = 404, description = "No such vendor")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let store = app.store()?;
    let vendor = store::vendors::get(store, request.id("id")?).await?;
    let profile = &vendor.profile;
    let others = match &profile.udyam_number {
        Some(udyam) => store::directory::holders(store, udyam.as_str()).await?,
        None => Vec::new(),
    };
    let claims: Vec<UdyamClaim<'_>> = others
        .iter()
        .filter(|other| other.id != vendor.id && other.profile.udyam_number == profile.udyam_number)
        .map(|other| UdyamClaim {
            vendor_id: other.id,
            vendor_code: other.profile.vendor_code.as_str(),
            pan: other.profile.pan_number.as_ref(),
        })
        .collect();
    let answer = store::responses::newest(store, vendor.id).await?;
    let gstins: Vec<&str> = profile.gst_numbers.iter().map(|gstin| gstin.as_str()).collect();
    let findings = ladder::findings(&LadderFacts {
        company_name: Some(&profile.company_name),
        organisation_type: profile.attributes.get("organisation_type").map(String::as_str),
        pan: profile.pan_number.as_ref().map(|pan| pan.as_str()),
        gstins: &gstins,
        udyam: profile.udyam_number.as_ref().map(|udyam| udyam.as_str()),
        registered_on: profile.udyam_registration_date,
        state: profile.state,
        pin_code: profile.pin_code.as_ref().map(|pin| pin.as_str()),
        answer: answer.as_ref().map(|declaration| Particulars {
            udyam: declaration.udyam.as_ref().map(|udyam| udyam.as_str()),
            name: None,
            registered_on: declaration.registration_date,
            status: Some(declaration.status),
        }),
        certificate: None,
        other_claims: &claims,
        today: Some(indian_date(app.now())),
    });
    let identifiers = verification::identifiers_of(profile, &Kind::ALL);
    let latest = store::verifications::latest(store, vendor.id, &identifiers).await?;
    let verifications = latest.iter().flat_map(verification::findings).collect();
    respond::ok(&FindingsResponse { findings, verifications })
}
