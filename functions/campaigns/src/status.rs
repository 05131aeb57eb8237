//! `GET /api/v1/campaigns/{id}/status`.

use domain::campaign::CampaignState;
use domain::delivery::Counts;
use domain::user::Permission;
use http::Method;
use jiff::Timestamp;
use runtime::{Access, ApiError, App, Request, Response, Route, respond};
use serde::Serialize;
use store::campaigns;
use utoipa::ToSchema;

use crate::wire::Progress;

/// The route.
pub static ROUTE: Route = Route::new(
    "campaigns-status",
    Method::GET,
    "/api/v1/campaigns/{id}/status",
    Access::Requires(Permission::CampaignsRead),
    |app, request| Box::pin(handle(app, request)),
);

/// How far a campaign is.
#[derive(Debug, Serialize, ToSchema)]
struct Status {
    /// The campaign, `cmp_…`.
    id: String,
    state: CampaignState,
    /// Why it halted, machine-readable.
    halt_reason: Option<String>,
    /// Whether the whole audience is planned; until then the counts grow.
    planned: bool,
    /// Chunks of at most 50 recipients.
    chunks: u32,
    /// Chunks with nothing left to send.
    chunks_closed: u32,
    /// Share of planned recipients that are no longer pending, in percent.
    sent_percent: u32,
    /// Share of planned recipients that have answered, in percent.
    responded_percent: u32,
    counts: Counts,
    deadline: Timestamp,
    executed_at: Option<Timestamp>,
    completed_at: Option<Timestamp>,
}

/// Shows a campaign's progress.
#[utoipa::path(get, path = "/api/v1/campaigns/{id}/status", operation_id = "campaigns-status", tag = "campaigns", params(("id" = String, Path, description = "cmp_…")),
    responses((status = 200, description = "Progress", body = Status), (status = 404, description = "No such campaign")), security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let campaign = campaigns::get(app.store()?, request.id("id")?).await?;
    let progress = Progress::of(app, &campaign).await?;
    let percent = |part: u32| {
        (u64::from(part) * 100)
            .checked_div(u64::from(progress.counts.targeted))
            .and_then(|p| u32::try_from(p).ok())
            .unwrap_or(0)
    };
    respond::ok(&Status {
        id: campaign.id.to_string(),
        state: campaign.state,
        halt_reason: campaign.halt_reason,
        planned: campaign.planned_at.is_some(),
        chunks: progress.chunks,
        chunks_closed: progress.chunks_closed,
        sent_percent: percent(progress.counts.targeted - progress.counts.pending),
        responded_percent: percent(progress.counts.responded),
        deadline: campaign.content.deadline,
        executed_at: campaign.executed_at,
        completed_at: campaign.completed_at,
        counts: progress.counts,
    })
}
