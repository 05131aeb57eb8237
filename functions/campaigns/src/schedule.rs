//! `POST /api/v1/campaigns/{id}/schedule`.

use domain::ScheduleId;
use domain::campaign::{Campaign, CampaignState};
use domain::schedule::{Expression, LatePolicy, Lateness, Schedule, ScheduleKind, SchedulePlan, ScheduleState, TimeZone};
use domain::user::Permission;
use http::Method;
use jiff::{RoundMode, SignedDuration, Timestamp, TimestampRound, Unit};
use runtime::problem::{conflict, invalid};
use runtime::{Access, ApiError, App, Request, Response, Route, extract, respond, scheduler};
use serde::Deserialize;
use store::{campaigns, schedules};
use utoipa::ToSchema;

use crate::list_schedules::ScheduleResponse;

/// The route.
pub static ROUTE: Route = Route::new(
    "campaigns-schedule",
    Method::POST,
    "/api/v1/campaigns/{id}/schedule",
    Access::Requires(Permission::CampaignsExecute),
    |app, request| Box::pin(handle(app, request)),
)
.idempotent()
.needing(&scheduler::CREATE_NEEDS);

/// More schedules than a campaign can sensibly have.
const MAX_ACTIVE: usize = 20;

/// When something is to happen to a campaign.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleRequest {
    /// What happens: `start` sends the campaign, `recurring` sends a copy each time, `reminder` asks those again who were
    /// reached and have not answered, `expiry` closes the campaign at its deadline.
    kind: ScheduleKind,
    /// `at(2026-12-01T10:00:00)`, `cron(0 10 1 * ? *)` or `rate(5 days)`, as EventBridge Scheduler writes them. Left out for
    /// `expiry`, which is at the deadline.
    #[serde(default)]
    #[schema(example = "at(2026-12-01T10:00:00)")]
    expression: Option<String>,
    /// The zone of the expression's wall clock, by its IANA name; `Asia/Kolkata` where left out.
    #[serde(default)]
    #[schema(example = "Asia/Kolkata")]
    timezone: Option<String>,
    /// No more of it after this time; for cron and rate.
    #[serde(default)]
    until: Option<Timestamp>,
    /// What to do when it fires late; `ask` where left out.
    #[serde(default)]
    late_policy: LatePolicy,
    /// Late is later than this; 60 where left out.
    #[serde(default)]
    late_after_minutes: Option<u32>,
    /// How many days each occurrence of a recurring campaign takes answers; 30 where left out.
    #[serde(default)]
    answer_days: Option<u32>,
}

/// Schedules a campaign: its start, recurring runs, reminders, or its end.
#[utoipa::path(post, path = "/api/v1/campaigns/{id}/schedule", operation_id = "campaigns-schedule", tag = "campaigns", request_body = ScheduleRequest,
    params(("id" = String, Path, description = "cmp_…"), ("Idempotency-Key" = Option<String>, Header, description = "Repeats within 24 h get the first answer")),
    responses((status = 201, description = "It will fire", body = ScheduleResponse), (status = 409, description = "Not in a state that can be scheduled so"),
        (status = 422, description = "A field is wrong")), security(("bearer" = [])))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let body: ScheduleRequest = extract::json(&request)?;
    let (store, now) = (app.store()?, app.now());
    let campaign = campaigns::get(store, request.id("id")?).await?;
    let plan = plan(body, &campaign)?.checked(now)?;
    check_state(plan.kind, campaign.state)?;
    check_deadline(&plan, &campaign, now)?;
    let active = schedules::list(store, campaign.id).await?;
    if active.iter().filter(|schedule| schedule.state == ScheduleState::Active).count() >= MAX_ACTIVE {
        return Err(conflict("the campaign has 20 active schedules: take one back first"));
    }
    let schedule = Schedule {
        id: ScheduleId::from_ulid(app.new_ulid()),
        campaign: campaign.id,
        plan,
        state: ScheduleState::Active,
        created_by: request.caller()?.id(),
        created_at: now,
        last_fired: None,
        last_result: None,
        question: None,
        occurrences: 0,
        version: 1,
    };
    // The scheduler first: what is stored does fire. One that is not stored after all removes itself when it fires.
    scheduler::create(app, &schedule).await?;
    schedules::create(store, &campaign, &schedule, now).await?;
    let location = format!("/api/v1/campaigns/{}/schedules/{}", campaign.id, schedule.id);
    let version = schedule.version;
    respond::created(&ScheduleResponse::new(schedule, now), &location, version)
}

fn plan(body: ScheduleRequest, campaign: &Campaign) -> Result<SchedulePlan, ApiError> {
    let ScheduleRequest {
        kind,
        expression,
        timezone,
        until,
        late_policy,
        late_after_minutes,
        answer_days,
    } = body;
    let zone = match timezone {
        Some(name) => {
            TimeZone::parse(&name).map_err(|_| invalid("timezone", &name, "unknown", "give a time zone by its name, as in Asia/Kolkata or UTC"))?
        }
        None => TimeZone::default(),
    };
    let expression = match (kind, expression) {
        (ScheduleKind::Expiry, None) => Expression::At(whole_second(campaign.content.deadline)),
        (ScheduleKind::Expiry, Some(text)) => {
            return Err(invalid(
                "expression",
                &text,
                "not_wanted",
                "a campaign expires at its deadline: leave the expression out",
            ));
        }
        (_, None) => {
            return Err(invalid(
                "expression",
                "",
                "required",
                "say when, as in at(2026-12-01T10:00:00), cron(0 10 1 * ? *) or rate(5 days)",
            ));
        }
        (_, Some(text)) => Expression::parse(&text, &zone).map_err(|error| invalid("expression", &text, "malformed", &error.to_string()))?,
    };
    let lateness = Lateness {
        policy: late_policy,
        after_minutes: late_after_minutes.unwrap_or(Lateness::default().after_minutes),
    };
    Ok(SchedulePlan {
        kind,
        expression,
        zone,
        until,
        lateness,
        answer_days: answer_days.unwrap_or(SchedulePlan::ANSWER_DAYS),
    })
}

/// EventBridge knows no parts of a second, and before the deadline nothing expires.
fn whole_second(at: Timestamp) -> Timestamp {
    at.round(TimestampRound::new().smallest(Unit::Second).mode(RoundMode::Ceil)).unwrap_or(at)
}

fn check_state(kind: ScheduleKind, state: CampaignState) -> Result<(), ApiError> {
    let fits = match kind {
        ScheduleKind::Start | ScheduleKind::Recurring => state == CampaignState::Draft,
        ScheduleKind::Reminder => !matches!(state, CampaignState::Completed | CampaignState::Cancelled),
        // A draft's deadline may still be moved.
        ScheduleKind::Expiry => !matches!(state, CampaignState::Draft | CampaignState::Completed | CampaignState::Cancelled),
    };
    if fits {
        return Ok(());
    }
    Err(conflict(match kind {
        ScheduleKind::Start | ScheduleKind::Recurring => format!("the campaign is {state}: only a draft's start can be scheduled"),
        ScheduleKind::Reminder => format!("the campaign is {state}: nobody will be reminded of it"),
        ScheduleKind::Expiry => format!("the campaign is {state}: its end can be scheduled between its start and its end"),
    }))
}

/// A start after the deadline asks nobody, nor does a reminder.
fn check_deadline(plan: &SchedulePlan, campaign: &Campaign, now: Timestamp) -> Result<(), ApiError> {
    let deadline = campaign.content.deadline;
    let first = plan.expression.next(now, now, &plan.zone);
    let is_bound = matches!(plan.kind, ScheduleKind::Start | ScheduleKind::Reminder);
    if is_bound && first.is_some_and(|first| first > deadline - SignedDuration::from_mins(1)) {
        return Err(invalid(
            "expression",
            &plan.expression.text(&plan.zone),
            "after_deadline",
            "answers are not taken any more by then: give an earlier time, or move the campaign's deadline",
        ));
    }
    Ok(())
}
