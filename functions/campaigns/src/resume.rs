//! `POST /api/v1/campaigns/{id}/resume`.

use delivery::pending_or_closed;
use domain::CampaignId;
use domain::campaign::{Campaign, CampaignState};
use domain::user::Permission;
use domain::work::{CampaignMessage, Scope, Task};
use http::Method;
use runtime::problem::conflict;
use runtime::{Access, ApiError, App, Outgoing, Request, Response, Route, Var, respond};
use serde::{Deserialize, Serialize};
use store::{StoreError, campaigns, chunks};
use utoipa::ToSchema;

use crate::body::json_or_default;

/// The route.
pub static ROUTE: Route = Route::new(
    "campaigns-resume",
    Method::POST,
    "/api/v1/campaigns/{id}/resume",
    Access::Requires(Permission::CampaignsExecute),
    |app, request| Box::pin(handle(app, request)),
)
.idempotent()
.needing(&[Var::PlanQueueUrl]);

/// How often a campaign may move under us before the client is asked to repeat.
const TRIES: u32 = 5;

/// What to take up.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResumeRequest {
    /// `pending`: those not sent yet. `failed`: also those the provider refused. `unknown`: also those whose provider's answer was
    /// lost; such a vendor may get the message twice.
    #[serde(default)]
    scope: Scope,
}

/// A campaign that goes on.
#[derive(Debug, Serialize, ToSchema)]
struct Resumed {
    /// The campaign, `cmp_…`.
    id: String,
    state: CampaignState,
    scope: Scope,
    /// Where to watch it.
    status_url: String,
}

/// Lets a paused or halted campaign go on, or has failed or unknown recipients of a running one sent again. What it halted for
/// does not halt it again. Repeating it is harmless.
#[utoipa::path(post, path = "/api/v1/campaigns/{id}/resume", operation_id = "campaigns-resume", tag = "campaigns", request_body = Option<ResumeRequest>,
    params(("id" = String, Path, description = "cmp_…"), ("Idempotency-Key" = Option<String>, Header, description = "Repeats within 24 h get the first answer")),
    responses((status = 202, description = "It goes on", body = Resumed), (status = 404, description = "No such campaign"),
        (status = 409, description = "Not in a state that can be resumed, or its deadline has passed")), security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let ResumeRequest { scope } = json_or_default(&request)?;
    let campaign = set_in_motion(app, request.id("id")?).await?;
    // Last, and again where the state was right before: the campaign may move while its message was lost.
    let by = request.caller()?.id().to_string();
    let message = Outgoing {
        body: CampaignMessage::new(campaign.id, Task::Resume { scope, by }),
        delay_secs: 0,
    };
    runtime::send(app, Var::PlanQueueUrl, &request.correlation_id, &[message])
        .await
        .map_err(ApiError::Internal)?;
    let status_url = format!("/api/v1/campaigns/{}/status", campaign.id);
    respond::accepted(
        &Resumed {
            id: campaign.id.to_string(),
            state: campaign.state,
            scope,
            status_url: status_url.clone(),
        },
        &status_url,
    )
}

/// The campaign in a state in which messages leave.
async fn set_in_motion(app: &App, id: CampaignId) -> Result<Campaign, ApiError> {
    let store = app.store()?;
    for _ in 0..TRIES {
        let seen = campaigns::get(store, id).await?;
        let may_go_on = seen.state.allows_sending() || matches!(seen.state, CampaignState::Paused | CampaignState::Halted);
        if !may_go_on {
            return Err(conflict(format!(
                "the campaign is {}: only one that is paused or halted can be resumed",
                seen.state
            )));
        }
        if seen.content.deadline <= app.now() {
            return Err(conflict(format!(
                "the campaign is {} and its deadline, {}, has passed: a message would ask for an answer that is not taken any more; clone it with a later deadline instead",
                seen.state, seen.content.deadline
            )));
        }
        if seen.state.allows_sending() {
            return Ok(seen);
        }
        let summaries = chunks::summaries(store, id).await?;
        match campaigns::resume(store, &seen, pending_or_closed(&seen, &summaries), app.now()).await {
            // Somebody resumed or cancelled it between the two calls.
            Err(StoreError::Conflict(_)) => {}
            resumed => return Ok(resumed?),
        }
    }
    Err(ApiError::Busy)
}
