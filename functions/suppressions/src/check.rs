//! `GET /api/v1/suppressions/check`.

use domain::delivery::Channel;
use domain::suppression::SuppressionId;
use domain::user::Permission;
use http::Method;
use runtime::problem::invalid;
use runtime::{Access, ApiError, App, Request, Response, Route, respond};
use serde::Serialize;
use utoipa::ToSchema;

use crate::wire::{self, SuppressionResponse};

/// The route.
pub static ROUTE: Route = Route::new(
    "suppressions-check",
    Method::GET,
    "/api/v1/suppressions/check",
    Access::Requires(Permission::SuppressionsRead),
    |app, request| Box::pin(handle(app, request)),
);

/// Whether an address may be written to.
#[derive(Debug, Serialize, ToSchema)]
struct Checked {
    /// Names channel and address, suppressed or not.
    id: String,
    suppressed: bool,
    /// Why not; absent if it may be written to.
    suppression: Option<SuppressionResponse>,
}

/// Says whether an address may be written to. In a query `+` means a space, so write a number as `%2B91…` or without it.
#[utoipa::path(get, path = "/api/v1/suppressions/check", operation_id = "suppressions-check", tag = "suppressions",
    params(("channel" = Channel, Query, description = "The channel"), ("address" = String, Query, description = "An e-mail address or a mobile number")),
    responses((status = 200, description = "The answer", body = Checked)),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let missing = |field| invalid(field, "", "required", "give both channel and address");
    let channel = wire::channel(&request)?.ok_or_else(|| missing("channel"))?;
    let address = wire::address(channel, request.query("address").ok_or_else(|| missing("address"))?)?;
    let id = SuppressionId::of(channel, &address);
    let suppression = store::suppressions::find(app.store()?, &id).await?.map(SuppressionResponse::from);
    respond::ok(&Checked {
        id: id.to_string(),
        suppressed: suppression.is_some(),
        suppression,
    })
}
