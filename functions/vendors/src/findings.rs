//! `GET /api/v1/vendors/{id}/findings`.

use domain::declaration::indian_date;
use domain::identifiers::{Pan, Uam};
use domain::ladder::{self, Finding, LadderFacts, Particulars, UdyamClaim};
use domain::user::Permission;
use domain::vendor::VendorProfile;
use domain::vendor_record::Vendor;
use domain::verification::{self, Kind, RegisterFinding, VerificationResult};
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
    let others = others
        .iter()
        .filter(|other| other.id != vendor.id && other.profile.udyam_number == profile.udyam_number);
    // A PAN that only a GSTIN tells is one too.
    let others: Vec<(&Vendor, Option<Pan>)> = others.map(|other| (other, verification::pan_of(&other.profile))).collect();
    let claims: Vec<UdyamClaim<'_>> = others
        .iter()
        .map(|(other, pan)| UdyamClaim {
            vendor_id: other.id,
            vendor_code: other.profile.vendor_code.as_str(),
            pan: pan.as_ref(),
        })
        .collect();
    let identifiers = verification::identifiers_of(profile, &Kind::ALL);
    let latest = store::verifications::latest(store, vendor.id, &identifiers).await?;
    let answer = store::responses::newest(store, vendor.id).await?;
    let answer_gstins: Vec<&str> = answer
        .iter()
        .flat_map(|answer| answer.gstins.iter().map(|gstin| gstin.as_str()))
        .collect();
    let gstins: Vec<&str> = profile.gst_numbers.iter().map(|gstin| gstin.as_str()).collect();
    let findings = ladder::findings(&LadderFacts {
        company_name: Some(&profile.company_name),
        organisation_type: profile.attributes.get("organisation_type").map(String::as_str),
        pan: profile.pan_number.as_ref().map(|pan| pan.as_str()),
        gstins: &gstins,
        udyam: profile.udyam_number.as_ref().map(|udyam| udyam.as_str()).or_else(|| old_number(profile)),
        registered_on: profile.udyam_registration_date,
        state: profile.state,
        pin_code: profile.pin_code.as_ref().map(|pin| pin.as_str()),
        answer: answer.as_ref().map(|declaration| Particulars {
            pan: declaration.pan.as_ref().map(|pan| pan.as_str()),
            gstins: &answer_gstins,
            udyam: declaration.udyam.as_ref().map(|udyam| udyam.as_str()),
            name: None,
            registered_on: declaration.registration_date,
            status: Some(declaration.status),
        }),
        // No certificates are kept yet; what the register said stands in for them.
        certificate: None,
        register: latest.iter().find_map(registered),
        other_claims: &claims,
        today: Some(indian_date(app.now())),
    });
    let verifications = latest.iter().flat_map(verification::findings).collect();
    respond::ok(&FindingsResponse { findings, verifications })
}

/// An old Udyog Aadhaar number among the buyer's own fields: it is what the vendor claims, though it has lapsed.
fn old_number(profile: &VendorProfile) -> Option<&str> {
    profile.attributes.values().map(String::as_str).find(|value| Uam::parse(value).is_ok())
}

/// What the Udyam register said of the number the vendor has now.
fn registered(result: &VerificationResult) -> Option<Particulars<'_>> {
    let facts = result.facts.as_ref().filter(|_| result.asked.kind() == Kind::Udyam)?;
    Some(Particulars {
        udyam: Some(result.asked.as_str()),
        name: facts.legal_name.as_deref(),
        registered_on: facts.registered_on,
        status: facts.enterprise_type.map(|class| verification::status_of(class, facts.major_activity)),
        ..Particulars::default()
    })
}
