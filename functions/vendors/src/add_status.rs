//! `POST /api/v1/vendors/{id}/status`.

use domain::classification::ClassRule;
use domain::declaration::indian_date;
use domain::status::{ComparedWith, Evidence, StatusEntry, Verified, Verifier};
use domain::user::Permission;
use domain::vendor::MsmeStatus;
use domain::{FieldError, UserId};
use http::Method;
use jiff::Timestamp;
use jiff::civil::Date;
use runtime::{Access, ApiError, App, Request, Response, Route, extract, respond};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::wire::{VendorResponse, by};

/// The route.
pub static ROUTE: Route = Route::new(
    "vendors-add-status",
    Method::POST,
    "/api/v1/vendors/{id}/status",
    Access::Requires(Permission::VendorsWrite),
    |app, request| Box::pin(handle(app, request)),
)
.idempotent();

/// A status somebody knows of.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddStatusRequest {
    /// The class: `micro`, `small`, `medium`, `registered_trader`, `not_registered`, or `unknown` to take back what was recorded for
    /// these days. `Non MSME` and `non_msme`, the words of older schemes, are taken too.
    status: String,
    /// The first day it counts.
    #[schema(value_type = String, format = Date)]
    effective_from: Date,
    /// The last day it counts, where that is known.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Date)]
    effective_to: Option<Date>,
    /// What it rests on, in the caller's words: `certificate seen`, `letter of 3 May` … 3 to 500 characters.
    note: String,
    /// What the caller compared it with, where that was done: then it weighs more than a declaration without a certificate.
    #[serde(default)]
    compared_with: Option<ComparedWith>,
    /// SHA-256 of the certificate's file, in hexadecimal, where one is kept.
    #[serde(default)]
    certificate_sha256: Option<String>,
}

/// Nothing is dated before the MSMED Act of 2006.
const FIRST_DAY: Date = jiff::civil::date(2006, 10, 2);

/// Adds to a vendor's dated statuses. Nothing is replaced: what the vendor is today, or was on any day, follows from all entries, by
/// their dates and by how well each is proven. Whether the new one counts today, `GET …/status` tells with the reasons.
#[utoipa::path(post, path = "/api/v1/vendors/{id}/status", operation_id = "vendors-add-status", tag = "vendors", request_body = AddStatusRequest,
    params(("id" = String, Path, description = "vnd_…"), ("Idempotency-Key" = Option<String>, Header, description = "Repeats within 24 h get the first answer")),
    responses((status = 201, description = "The vendor as it is now", body = VendorResponse), (status = 404, description = "No such vendor"),
        (status = 409, description = "The vendor changed meanwhile: try again"), (status = 422, description = "A field is wrong")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let caller = request.caller()?.id();
    let entry = entry(extract::json(&request)?, caller, app.now())?;
    let store = app.store()?;
    let seen = store::vendors::get(store, request.id("id")?).await?;
    let vendor = store::vendors::add_status(store, &seen, &entry, by(app, &caller.to_string())).await?;
    let location = format!("/api/v1/vendors/{}/status", vendor.id);
    let version = vendor.version;
    respond::created(&VendorResponse::from(vendor), &location, version)
}

fn entry(given: AddStatusRequest, caller: UserId, now: Timestamp) -> Result<StatusEntry, ApiError> {
    let AddStatusRequest {
        status,
        effective_from,
        effective_to,
        note,
        compared_with,
        certificate_sha256,
    } = given;
    let mut errors = Vec::new();
    let mut wrong = |field, value: &str, code, message: &str| errors.push(FieldError::new(field, value, code, message));
    let class = MsmeStatus::parse(&status);
    if let Err(error) = &class {
        wrong("status", &status, "msme_status_unrecognised", &error.to_string());
    }
    let note = note.trim().to_owned();
    if !(3..=500).contains(&note.chars().count()) {
        wrong("note", &note, "length", "say in 3 to 500 characters what this rests on");
    }
    let last = indian_date(now).saturating_add(jiff::Span::new().years(2));
    for (field, day) in [("effective_from", Some(effective_from)), ("effective_to", effective_to)] {
        if let Some(day) = day.filter(|day| !(FIRST_DAY..=last).contains(day)) {
            let message = format!("a status counts between {FIRST_DAY} and {last}: correct the year");
            wrong(field, &day.to_string(), "date_out_of_range", &message);
        }
    }
    if effective_to.is_some_and(|to| to < effective_from) {
        wrong("effective_to", "", "before_effective_from", "the last day is before the first");
    }
    let certificate_sha256 = certificate_sha256.map(|hash| hash.trim().to_ascii_lowercase());
    if let Some(hash) = certificate_sha256.as_deref()
        && (hash.len() != 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
    {
        wrong(
            "certificate_sha256",
            hash,
            "digest_invalid",
            "this is no SHA-256: give its 64 hexadecimal digits",
        );
    }
    let Ok(status) = class else { return Err(errors.into()) };
    if !errors.is_empty() {
        return Err(errors.into());
    }
    let verified_by = compared_with.map(|with| Verified {
        by: Verifier::User {
            user_id: caller,
            with: Some(with),
        },
        at: now,
    });
    Ok(StatusEntry {
        effective_to,
        class_rule: status.class().and_then(|_| ClassRule::in_force_on(effective_from)),
        verified_by,
        ..StatusEntry::new(
            status,
            effective_from,
            now,
            Evidence::Entered {
                by: caller,
                note: Some(note),
                certificate_sha256,
            },
        )
    })
}
