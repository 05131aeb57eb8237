//! `POST /api/v1/suppressions/{id}/remove`.

use domain::suppression::SuppressionId;
use domain::user::Permission;
use http::Method;
use runtime::{Access, ApiError, App, Request, Response, Route, extract, respond};
use serde::Deserialize;
use store::suppressions::Removal;
use utoipa::ToSchema;

use crate::wire::{self, SuppressionDetail};

/// The route.
pub static ROUTE: Route = Route::new(
    "suppressions-remove",
    Method::POST,
    "/api/v1/suppressions/{id}/remove",
    Access::Requires(Permission::SuppressionsRemove),
    |app, request| Box::pin(handle(app, request)),
);

/// Why an address may be written to again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RemoveSuppressionRequest {
    /// Kept in the address's history, with your name and the time. At least ten characters.
    #[schema(
        min_length = 10,
        max_length = 500,
        example = "The vendor confirmed in writing that the mailbox works again"
    )]
    reason: String,
}

/// Lifts a suppression. It is the only way one is lifted, and it stays on record: who, when, why, and what was in force. A later
/// opt-out, complaint or bounce suppresses the address again.
#[utoipa::path(post, path = "/api/v1/suppressions/{id}/remove", operation_id = "suppressions-remove", tag = "suppressions",
    request_body = RemoveSuppressionRequest, params(("id" = String, Path, description = "email-… or whatsapp-…")),
    responses((status = 200, description = "The address's record, in which nothing is in force", body = SuppressionDetail),
        (status = 404, description = "Nothing is in force for this address"), (status = 409, description = "It changed meanwhile: read it again")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let RemoveSuppressionRequest { reason } = extract::json(&request)?;
    let id: SuppressionId = request.id("id")?;
    let by = request.caller()?.id();
    let removal = Removal {
        entry: app.new_ulid(),
        by,
        why: wire::written("reason", &reason, 10)?,
        at: app.now(),
    };
    let store = app.store()?;
    let entry = removal.entry;
    store::suppressions::remove(store, &id, removal).await?;
    // Ids only: the reason may name somebody, and is in the table.
    tracing::info!(suppression = %id, %by, %entry, "suppression lifted");
    respond::ok(&SuppressionDetail::new(&id, store::suppressions::record(store, &id).await?))
}
