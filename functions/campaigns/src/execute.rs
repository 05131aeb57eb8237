//! `POST /api/v1/campaigns/{id}/execute`.

use domain::campaign::CampaignState;
use domain::user::Permission;
use http::Method;
use runtime::{Access, ApiError, App, Request, Response, Route, respond};
use serde::Serialize;
use store::campaigns;
use utoipa::ToSchema;

use crate::start::{self, start};

/// The route.
pub static ROUTE: Route = Route::new(
    "campaigns-execute",
    Method::POST,
    "/api/v1/campaigns/{id}/execute",
    Access::Requires(Permission::CampaignsExecute),
    |app, request| Box::pin(handle(app, request)),
)
.idempotent()
.needing(&start::NEEDS);

/// A campaign that is being planned.
#[derive(Debug, Serialize, ToSchema)]
struct Executed {
    /// The campaign, `cmp_…`.
    id: String,
    state: CampaignState,
    /// Where to watch it.
    status_url: String,
}

/// Starts sending: snapshots the message, plans the audience, answers at once. Calling it again while the campaign is
/// being planned is harmless.
#[utoipa::path(post, path = "/api/v1/campaigns/{id}/execute", operation_id = "campaigns-execute", tag = "campaigns", params(("id" = String, Path, description = "cmp_…"), ("Idempotency-Key" = Option<String>, Header, description = "Repeats within 24 h get the first answer")),
    responses((status = 202, description = "Planning has begun", body = Executed), (status = 409, description = "Not in a state that can be executed"),
        (status = 422, description = "It cannot be sent as it is: each blocker of *preflight* is an error of the field `campaign`, with its code")), security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let campaign = campaigns::get(app.store()?, request.id("id")?).await?;
    start(app, &campaign, &request.correlation_id).await?;
    let status_url = format!("/api/v1/campaigns/{}/status", campaign.id);
    respond::accepted(
        &Executed {
            id: campaign.id.to_string(),
            state: CampaignState::Planning,
            status_url: status_url.clone(),
        },
        &status_url,
    )
}
