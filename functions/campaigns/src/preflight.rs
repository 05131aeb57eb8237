//! `POST /api/v1/campaigns/{id}/preflight`.

use std::time::Duration;

use domain::preflight::{Circumstances, Preflight};
use domain::user::Permission;
use http::Method;
use runtime::{Access, ApiError, App, Request, Response, Route, respond};
use store::campaigns;

use crate::checks::{self, Checks};
use crate::survey::{Until, survey};

/// The route.
pub static ROUTE: Route = Route::new(
    "campaigns-preflight",
    Method::POST,
    "/api/v1/campaigns/{id}/preflight",
    Access::Requires(Permission::CampaignsWrite),
    |app, request| Box::pin(handle(app, request)),
)
.needing(&checks::NEEDS);

/// API Gateway waits for 30 s.
const BUDGET: Duration = Duration::from_secs(20);

/// Tells what would come of executing the campaign now: whom it reaches and whom not and why, how long it takes under today's limits,
/// what it costs by the list prices of a date, and what speaks against it. Sends nothing and changes nothing.
#[utoipa::path(post, path = "/api/v1/campaigns/{id}/preflight", operation_id = "campaigns-preflight", tag = "campaigns",
    params(("id" = String, Path, description = "cmp_…")),
    responses((status = 200, description = "The report", body = Preflight), (status = 404, description = "No such campaign")),
    security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let campaign = campaigns::get(app.store()?, request.id("id")?).await?;
    let checks = Checks::of(app, &campaign).await?;
    let (survey, complete) = survey(app, &campaign, &checks, Until::End, BUDGET).await?;
    let circumstances = Circumstances {
        accounts: checks.accounts,
        whatsapp_category: checks.category,
        findings: checks.findings,
        complete,
    };
    respond::ok(&survey.report(&campaign.content, circumstances, app.now()))
}
