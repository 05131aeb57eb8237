//! `PUT /api/v1/campaigns/{id}`.

use domain::user::Permission;
use http::Method;
use runtime::{Access, ApiError, App, Request, Response, Route, extract, respond};
use store::campaigns;

use crate::wire::{CampaignRequest, CampaignResponse, not_a_draft};

/// The route.
pub static ROUTE: Route = Route::new(
    "campaigns-update",
    Method::PUT,
    "/api/v1/campaigns/{id}",
    Access::Requires(Permission::CampaignsWrite),
    |app, request| Box::pin(handle(app, request)),
);

/// Replaces a draft's content.
#[utoipa::path(put, path = "/api/v1/campaigns/{id}", operation_id = "campaigns-update", tag = "campaigns", request_body = CampaignRequest,
    params(("id" = String, Path, description = "cmp_…"), ("If-Match" = Option<String>, Header, description = "ETag of the version you read")),
    responses((status = 200, description = "The draft as it is now", body = CampaignResponse), (status = 409, description = "Not a draft any more"),
        (status = 412, description = "It changed since you read it")), security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let body: CampaignRequest = extract::json(&request)?;
    let store = app.store()?;
    let seen = campaigns::get(store, request.id("id")?).await?;
    request.if_match(seen.version)?;
    if !seen.state.is_editable() {
        return Err(not_a_draft(seen.state));
    }
    let content = body.checked(app).await?;
    let campaign = campaigns::replace_draft(store, &seen, content, app.now()).await?;
    let version = campaign.version;
    respond::versioned(&CampaignResponse::from(campaign), version)
}
