//! `GET /api/v1/campaigns/{id}/schedules`.

use domain::schedule::{LatePolicy, LateQuestion, Lateness, Schedule, ScheduleKind, SchedulePlan, ScheduleState};
use domain::user::Permission;
use http::Method;
use jiff::Timestamp;
use runtime::paging::List;
use runtime::{Access, ApiError, App, Request, Response, Route, respond};
use serde::Serialize;
use store::{campaigns, schedules};
use utoipa::ToSchema;

/// The route.
pub static ROUTE: Route = Route::new(
    "campaigns-list-schedules",
    Method::GET,
    "/api/v1/campaigns/{id}/schedules",
    Access::Requires(Permission::CampaignsRead),
    |app, request| Box::pin(handle(app, request)),
);

/// How many coming times are shown.
const SHOWN_TIMES: usize = 5;

/// A schedule.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ScheduleResponse {
    /// Identity, `sch_…`.
    id: String,
    /// The campaign, `cmp_…`.
    campaign_id: String,
    kind: ScheduleKind,
    /// As EventBridge Scheduler writes it; a single time on the wall clock of `timezone`.
    expression: String,
    timezone: String,
    until: Option<Timestamp>,
    late_policy: LatePolicy,
    late_after_minutes: u32,
    /// How many days each occurrence takes answers; of recurring ones only.
    answer_days: Option<u32>,
    state: ScheduleState,
    /// The next times it fires, at most five. Empty also where only the scheduler knows the zone's clock.
    next: Vec<Timestamp>,
    /// The time it last fired for.
    last_fired: Option<Timestamp>,
    /// What came of that, machine-readable: `started`, `created:cmp_…`, `late:skipped`, `refused:nobody_reachable` …
    last_result: Option<String>,
    /// It fired late, and somebody has to decide: execute the campaign that waits, or take the schedule back.
    question: Option<LateQuestion>,
    /// How often it fired.
    occurrences: u32,
    /// The user who made it, `usr_…`.
    created_by: String,
    created_at: Timestamp,
    /// Counts the changes: the `If-Match` of a deletion.
    version: u64,
}

impl ScheduleResponse {
    pub(crate) fn new(schedule: Schedule, now: Timestamp) -> Self {
        let next = schedule.next_occurrences(SHOWN_TIMES, now);
        let Schedule {
            id,
            campaign,
            plan:
                SchedulePlan {
                    kind,
                    expression,
                    zone,
                    until,
                    lateness: Lateness { policy, after_minutes },
                    answer_days,
                },
            state,
            created_by,
            created_at,
            last_fired,
            last_result,
            question,
            occurrences,
            version,
        } = schedule;
        Self {
            id: id.to_string(),
            campaign_id: campaign.to_string(),
            kind,
            expression: expression.text(&zone),
            timezone: zone.to_string(),
            until,
            late_policy: policy,
            late_after_minutes: after_minutes,
            answer_days: (kind == ScheduleKind::Recurring).then_some(answer_days),
            state,
            next,
            last_fired,
            last_result,
            question,
            occurrences,
            created_by: created_by.to_string(),
            created_at,
            version,
        }
    }
}

/// Lists a campaign's schedules, oldest first, with what became of them.
#[utoipa::path(get, path = "/api/v1/campaigns/{id}/schedules", operation_id = "campaigns-list-schedules", tag = "campaigns", params(("id" = String, Path, description = "cmp_…")),
    responses((status = 200, description = "All of them: there are never many", body = List<ScheduleResponse>), (status = 404, description = "No such campaign")), security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let (store, now) = (app.store()?, app.now());
    let campaign = campaigns::get(store, request.id("id")?).await?;
    let schedules = schedules::list(store, campaign.id).await?;
    respond::ok(&List {
        total: Some(u64::try_from(schedules.len()).unwrap_or(u64::MAX)),
        items: schedules.into_iter().map(|schedule| ScheduleResponse::new(schedule, now)).collect(),
        next_cursor: None,
    })
}
