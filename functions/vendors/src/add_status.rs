//! `POST /api/v1/vendors/{id}/status`.

use domain::FieldError;
use domain::status::{Evidence, StatusEntry};
use domain::user::Permission;
use domain::vendor::MsmeStatus;
use http::{Method, StatusCode};
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
    /// The class.
    status: MsmeStatus,
    /// The first day it counts.
    #[schema(value_type = String, format = Date)]
    effective_from: Date,
    /// The last day it counts, where that is known.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Date)]
    effective_to: Option<Date>,
    /// What it rests on, in the caller's words: `certificate seen`, `letter of 3 May` … 3 to 500 characters.
    note: String,
}

/// Adds to a vendor's dated statuses. Nothing is replaced: what the vendor is today, or was on any day, follows from all entries, by
/// their dates and by how well each is proven.
#[utoipa::path(post, path = "/api/v1/vendors/{id}/status", operation_id = "vendors-add-status", tag = "vendors", request_body = AddStatusRequest,
    params(("id" = String, Path, description = "vnd_…"), ("Idempotency-Key" = Option<String>, Header, description = "Repeats within 24 h get the first answer")),
    responses((status = 201, description = "The vendor as it is now", body = VendorResponse), (status = 404, description = "No such vendor"),
        (status = 409, description = "The vendor changed meanwhile: try again"), (status = 422, description = "A field is wrong")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let AddStatusRequest {
        status,
        effective_from,
        effective_to,
        note,
    } = extract::json(&request)?;
    let note = note.trim().to_owned();
    let mut errors = Vec::new();
    if !(3..=500).contains(&note.chars().count()) {
        let message = "say in 3 to 500 characters what this rests on";
        errors.push(FieldError::new("note", &note, "length", message));
    }
    if status == MsmeStatus::Unknown {
        let message = "not knowing is no evidence: choose micro, small, medium, registered_trader or not_registered";
        errors.push(FieldError::new("status", status.as_str(), "unknown", message));
    }
    if effective_to.is_some_and(|to| to < effective_from) {
        errors.push(FieldError::new(
            "effective_to",
            "",
            "before_effective_from",
            "the last day is before the first",
        ));
    }
    if !errors.is_empty() {
        return Err(errors.into());
    }
    let store = app.store()?;
    let seen = store::vendors::get(store, request.id("id")?).await?;
    let caller = request.caller()?.id();
    let evidence = Evidence::Entered {
        by: caller,
        note: Some(note),
    };
    let entry = StatusEntry {
        effective_to,
        ..StatusEntry::new(status, effective_from, app.now(), evidence)
    };
    let vendor = store::vendors::add_status(store, &seen, &entry, by(app, &caller.to_string())).await?;
    let location = format!("/api/v1/vendors/{}/status", vendor.id);
    let version = vendor.version;
    let mut response = respond::created(&VendorResponse::from(vendor), &location, version)?;
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}
