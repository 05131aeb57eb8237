//! `POST /api/v1/campaigns/{id}/execute`.

use domain::campaign::CampaignState;
use domain::user::Permission;
use domain::work::PlanMessage;
use http::Method;
use messaging::EmailTemplate;
use runtime::problem::{conflict, invalid};
use runtime::{Access, ApiError, App, Outgoing, Request, Response, Route, Var, respond};
use serde::Serialize;
use store::campaigns::MessageSnapshot;
use store::{StoreError, audience, campaigns, templates};
use utoipa::ToSchema;

/// The route.
pub static ROUTE: Route = Route::new(
    "campaigns-execute",
    Method::POST,
    "/api/v1/campaigns/{id}/execute",
    Access::Requires(Permission::CampaignsExecute),
    |app, request| Box::pin(handle(app, request)),
)
.idempotent()
.needing(&[Var::PlanQueueUrl]);

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
        (status = 422, description = "It cannot be sent as it is")), security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let store = app.store()?;
    let campaign = campaigns::get(store, request.id("id")?).await?;
    match campaign.state {
        CampaignState::Draft | CampaignState::Scheduled => {
            if campaign.content.deadline <= app.now() {
                return Err(invalid(
                    "deadline",
                    &campaign.content.deadline.to_string(),
                    "past",
                    "the deadline has passed: move it before executing",
                ));
            }
            let template = match templates::get(store, campaign.content.template_id).await {
                Ok(template) => template,
                Err(StoreError::NotFound) => return Err(invalid("template_id", "", "not_found", "the template was deleted: choose another")),
                Err(error) => return Err(error.into()),
            };
            EmailTemplate::compile(&template.content)?;
            if !audience::has_reachable(store, &campaign.content.audience).await? {
                return Err(invalid(
                    "audience",
                    "",
                    "nobody_reachable",
                    "no vendor of the audience has an e-mail address",
                ));
            }
            let message = MessageSnapshot {
                template_id: template.id,
                template_version: template.version,
                content: template.content,
                campaign_name: campaign.content.name.clone(),
                deadline: campaign.content.deadline,
            };
            campaigns::start(store, &campaign, &message, app.now()).await?;
        }
        // Executed before, but its plan message may have been lost: another one is harmless.
        CampaignState::Planning => {}
        state => {
            return Err(conflict(format!(
                "the campaign is {state}: only a draft or a scheduled campaign can be executed"
            )));
        }
    }
    let message = Outgoing {
        body: PlanMessage::new(campaign.id),
        delay_secs: 0,
    };
    runtime::send(app, Var::PlanQueueUrl, &request.correlation_id, &[message])
        .await
        .map_err(ApiError::Internal)?;
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
