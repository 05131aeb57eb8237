//! `POST /api/v1/campaigns/{id}/cancel`.

use domain::campaign::CampaignState;
use domain::user::Permission;
use http::Method;
use runtime::{Access, ApiError, App, Request, Response, Route, Var, respond};

use crate::pause::move_to;
use crate::unschedule::withdraw_all;
use crate::wire::CampaignResponse;

/// The route.
pub static ROUTE: Route = Route::new(
    "campaigns-cancel",
    Method::POST,
    "/api/v1/campaigns/{id}/cancel",
    Access::Requires(Permission::CampaignsExecute),
    |app, request| Box::pin(handle(app, request)),
)
.needing(&[Var::ScheduleGroupName]);

/// Stops a campaign for good: nothing more is sent, its form links stop working, its schedules are taken back. What was sent
/// and answered stays on record. Repeating it is harmless.
#[utoipa::path(post, path = "/api/v1/campaigns/{id}/cancel", operation_id = "campaigns-cancel", tag = "campaigns", params(("id" = String, Path, description = "cmp_…")),
    responses((status = 200, description = "It is cancelled", body = CampaignResponse), (status = 404, description = "No such campaign"),
        (status = 409, description = "It is completed")), security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let campaign = move_to(app, request.id("id")?, CampaignState::Cancelled, |state| {
        format!("the campaign is {state}: there is nothing left to cancel")
    })
    .await?;
    // The campaign first: a schedule that fires meanwhile finds it cancelled. Also where it was cancelled before, for then some
    // schedules may be left over.
    withdraw_all(app, campaign.id).await?;
    let version = campaign.version;
    respond::versioned(&CampaignResponse::from(campaign), version)
}
