//! `POST /api/v1/suppressions`.

use domain::delivery::Channel;
use domain::suppression::{SuppressionId, SuppressionReason, SuppressionSource};
use domain::user::Permission;
use http::Method;
use jiff::Timestamp;
use runtime::problem::{conflict, invalid};
use runtime::{Access, ApiError, App, Request, Response, Route, extract, respond};
use serde::Deserialize;
use store::suppressions::Suppression;
use utoipa::ToSchema;

use crate::wire::{self, SuppressionResponse};

/// The route.
pub static ROUTE: Route = Route::new(
    "suppressions-create",
    Method::POST,
    "/api/v1/suppressions",
    Access::Requires(Permission::SuppressionsWrite),
    |app, request| Box::pin(handle(app, request)),
)
.idempotent();

/// An address that must not be written to.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateSuppressionRequest {
    channel: Channel,
    /// An e-mail address or an Indian mobile number.
    #[schema(example = "accounts@kaveri.example")]
    address: String,
    /// `unsubscribe` or `complaint` where the recipient asked for it by other means, `hard_bounce` where the address is known to be
    /// dead, otherwise `admin`, the default.
    #[serde(default = "by_decision")]
    reason: SuppressionReason,
    /// Why, for whoever reads the history. Name no person here.
    #[schema(min_length = 3, max_length = 500, example = "Asked by telephone not to be written to")]
    note: String,
    /// When it ends by itself; without it, never.
    until: Option<Timestamp>,
}

const fn by_decision() -> SuppressionReason {
    SuppressionReason::Admin
}

/// Suppresses an address. One that is suppressed already keeps its first reason; this one goes to its history.
#[utoipa::path(post, path = "/api/v1/suppressions", operation_id = "suppressions-create", tag = "suppressions", request_body = CreateSuppressionRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeats within 24 h get the first answer")),
    responses((status = 201, description = "What is in force now", body = SuppressionResponse)),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let CreateSuppressionRequest {
        channel,
        address,
        reason,
        note,
        until,
    } = extract::json(&request)?;
    let (by, now) = (request.caller()?.id(), app.now());
    let address = wire::address(channel, &address)?;
    let note = wire::written("note", &note, 3)?;
    if !matches!(
        reason,
        SuppressionReason::Admin | SuppressionReason::Unsubscribe | SuppressionReason::Complaint | SuppressionReason::HardBounce
    ) {
        return Err(invalid(
            "reason",
            reason.as_str(),
            "not_yours",
            "only events can show that; use admin, unsubscribe, complaint or hard_bounce",
        ));
    }
    if let Some(until) = until
        && until <= now
    {
        return Err(invalid("until", &until.to_string(), "past", "give a time to come, or none"));
    }
    let suppression = Suppression {
        by: Some(by),
        note: Some(note),
        expires_at: until.map(Timestamp::as_second),
        ..Suppression::new(reason, now, SuppressionSource::Admin)
    };
    let store = app.store()?;
    let id = SuppressionId::of(channel, &address);
    store::suppressions::add(store, channel, &address, &suppression).await?;
    // Lifted by somebody else in this very moment: the caller should see that nothing is in force.
    let standing = store::suppressions::find(store, &id)
        .await?
        .ok_or_else(|| conflict("the suppression was lifted meanwhile"))?;
    tracing::info!(suppression = %id, %by, %reason, "address suppressed");
    respond::created(&SuppressionResponse::from(standing), &format!("/api/v1/suppressions/{id}"), 1)
}
