//! `POST /api/v1/campaigns/{id}/pause`.

use domain::CampaignId;
use domain::campaign::{Campaign, CampaignState};
use domain::user::Permission;
use http::Method;
use runtime::problem::conflict;
use runtime::{Access, ApiError, App, Request, Response, Route, respond};
use store::{StoreError, campaigns};

use crate::wire::CampaignResponse;

/// The route.
pub static ROUTE: Route = Route::new(
    "campaigns-pause",
    Method::POST,
    "/api/v1/campaigns/{id}/pause",
    Access::Requires(Permission::CampaignsExecute),
    |app, request| Box::pin(handle(app, request)),
);

/// How often a campaign may move under us before the client is asked to repeat.
const TRIES: u32 = 5;

/// Stops a campaign until it is resumed. Every sender looks at the state right before it sends, so this also stops what is
/// enqueued already; a call to a provider that is on its way is completed and recorded. Repeating it is harmless.
#[utoipa::path(post, path = "/api/v1/campaigns/{id}/pause", operation_id = "campaigns-pause", tag = "campaigns", params(("id" = String, Path, description = "cmp_…")),
    responses((status = 200, description = "It is paused", body = CampaignResponse), (status = 404, description = "No such campaign"),
        (status = 409, description = "It is not being planned, sent or collected")), security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let campaign = move_to(app, request.id("id")?, CampaignState::Paused, |state| {
        format!("the campaign is {state}: only one that is planning, sending or collecting can be paused")
    })
    .await?;
    let version = campaign.version;
    respond::versioned(&CampaignResponse::from(campaign), version)
}

/// Moves a campaign to `next` from any state that admits it; one that is there already stays as it is.
pub(crate) async fn move_to(app: &App, id: CampaignId, next: CampaignState, refusal: impl Fn(CampaignState) -> String) -> Result<Campaign, ApiError> {
    let store = app.store()?;
    for _ in 0..TRIES {
        let seen = campaigns::get(store, id).await?;
        if seen.state == next {
            return Ok(seen);
        }
        if !seen.state.may_become(next) {
            return Err(conflict(refusal(seen.state)));
        }
        match campaigns::transition(store, id, seen.state, next, None, app.now()).await {
            // A worker moved it on between the two calls.
            Err(StoreError::Conflict(_)) => {}
            moved => return Ok(moved?),
        }
    }
    Err(ApiError::Busy)
}
