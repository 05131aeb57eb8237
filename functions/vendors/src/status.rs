//! `GET /api/v1/vendors/{id}/status`.

use domain::declaration::indian_date;
use domain::status::{self, StatusEntry, StatusOn};
use domain::user::Permission;
use http::Method;
use jiff::Timestamp;
use runtime::problem::invalid;
use runtime::{Access, ApiError, App, Request, Response, Route, respond};
use serde::Serialize;
use utoipa::ToSchema;

use crate::wire::date;

/// The route.
pub static ROUTE: Route = Route::new(
    "vendors-status",
    Method::GET,
    "/api/v1/vendors/{id}/status",
    Access::Requires(Permission::VendorsRead),
    |app, request| Box::pin(handle(app, request)),
);

/// What a vendor was on a date, and all that is known of its status.
#[derive(Debug, Serialize, ToSchema)]
pub struct StatusResponse {
    #[serde(flatten)]
    on: StatusOn,
    /// Every entry, in the order they take effect. Entries are never changed or removed.
    history: Vec<StatusEntry>,
}

/// What a vendor was on a date, on what evidence, verified by whom.
#[utoipa::path(get, path = "/api/v1/vendors/{id}/status", operation_id = "vendors-status", tag = "vendors",
    params(("id" = String, Path, description = "vnd_…"),
        ("on" = Option<String>, Query, description = "The date, `2025-03-31`; today in India where left out"),
        ("known_at" = Option<String>, Query, description = "Only what was known at that time, RFC 3339: what could we know then?")),
    responses((status = 200, description = "The answer, with its reasons", body = StatusResponse), (status = 404, description = "No such vendor")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let on = date(&request, "on")?.unwrap_or_else(|| indian_date(app.now()));
    let known_at = request.query("known_at").map(|text| {
        text.parse::<Timestamp>()
            .map_err(|_| invalid("known_at", text, "time_invalid", "this is no time: write it as 2025-04-01T00:00:00Z"))
    });
    let known_at = known_at.transpose()?;
    let store = app.store()?;
    let vendor = store::vendors::get_any(store, request.id("id")?).await?;
    let history = store::vendors::status_history(store, vendor.id).await?;
    let on = match known_at {
        None => status::on(&history, on),
        Some(known_at) => status::on_as_known(&history, on, known_at),
    };
    respond::ok(&StatusResponse { on, history })
}
