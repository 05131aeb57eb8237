//! `POST /api/v1/campaigns`.

use domain::CampaignId;
use domain::campaign::{Campaign, CampaignState};
use domain::user::Permission;
use http::Method;
use runtime::{Access, ApiError, App, Request, Response, Route, extract, respond};
use store::campaigns;

use crate::wire::{CampaignRequest, CampaignResponse};

/// The route.
pub static ROUTE: Route = Route::new(
    "campaigns-create",
    Method::POST,
    "/api/v1/campaigns",
    Access::Requires(Permission::CampaignsWrite),
    |app, request| Box::pin(handle(app, request)),
)
.idempotent();

/// Creates a draft campaign.
#[utoipa::path(post, path = "/api/v1/campaigns", operation_id = "campaigns-create", tag = "campaigns", request_body = CampaignRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeats within 24 h get the first answer")),
    responses((status = 201, description = "A draft", body = CampaignResponse), (status = 422, description = "A field is wrong")), security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let body: CampaignRequest = extract::json(&request)?;
    let content = body.checked(app).await?;
    let now = app.now();
    let campaign = Campaign {
        id: CampaignId::from_ulid(app.new_ulid()),
        content,
        state: CampaignState::Draft,
        halt_reason: None,
        waived: Vec::new(),
        origin: None,
        chunks: 0,
        targeted: 0,
        created_by: request.caller()?.id(),
        created_at: now,
        updated_at: now,
        executed_at: None,
        planned_at: None,
        sent_at: None,
        completed_at: None,
        version: 1,
    };
    campaigns::create(app.store()?, &campaign).await?;
    let (location, version) = (format!("/api/v1/campaigns/{}", campaign.id), campaign.version);
    respond::created(&CampaignResponse::from(campaign), &location, version)
}
