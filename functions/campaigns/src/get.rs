//! `GET /api/v1/campaigns/{id}`.

use domain::user::Permission;
use http::Method;
use runtime::{Access, ApiError, App, Request, Response, Route, respond};
use store::campaigns;

use crate::wire::CampaignResponse;

/// The route.
pub static ROUTE: Route = Route::new(
    "campaigns-get",
    Method::GET,
    "/api/v1/campaigns/{id}",
    Access::Requires(Permission::CampaignsRead),
    |app, request| Box::pin(handle(app, request)),
);

/// Reads a campaign.
#[utoipa::path(get, path = "/api/v1/campaigns/{id}", operation_id = "campaigns-get", tag = "campaigns", params(("id" = String, Path, description = "cmp_…")),
    responses((status = 200, description = "The campaign", body = CampaignResponse), (status = 404, description = "No such campaign")), security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let campaign = campaigns::get(app.store()?, request.id("id")?).await?;
    let version = campaign.version;
    respond::versioned(&CampaignResponse::from(campaign), version)
}
