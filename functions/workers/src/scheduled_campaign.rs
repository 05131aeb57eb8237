//! What happens when a schedule fires.
//!
//! EventBridge delivers at least once and sometimes late. So every firing has a marker, keyed by the schedule and the time it
//! was to fire; every effect may be had twice with the result of once; and the marker is closed last. A worker that dies in
//! between leaves the firing to whoever gets the message next.

mod copy;
mod start;
mod tick;

use domain::campaign::{Campaign, CampaignState};
use domain::schedule::{LatePolicy, LateQuestion, Schedule, ScheduleKind, ScheduleMessage, ScheduleState, Timeliness};
use domain::work::{CampaignMessage, Task};
use domain::{CampaignId, ScheduleId};
use jiff::{SignedDuration, Timestamp};
use runtime::{ApiError, App, Message, Outgoing, RecordError, Var, Worker, scheduler};
use store::schedules::{Effect, Firing};
use store::{StoreError, campaigns, schedules};

use crate::each::each;

/// The worker.
pub static WORKER: Worker = Worker {
    name: "workers-scheduled-campaign",
    needs: &[
        Var::TableName,
        Var::PlanQueueUrl,
        Var::ScheduleGroupName,
        Var::EmailProviders,
        Var::SesMaxSendRate,
        Var::WhatsappSecretArn,
    ],
    handler: |app, messages| Box::pin(each(messages, move |message| handle(app, message))),
};

/// A schedule exists at EventBridge a moment before it is stored: this long, one that is not there may still come.
const SETTLING: SignedDuration = SignedDuration::from_mins(15);

async fn handle(app: &App, message: Message) -> Result<(), RecordError> {
    match message.json()? {
        ScheduleMessage::Tick => tick::tick(app, &message.correlation_id).await,
        ScheduleMessage::Fire {
            schedule,
            campaign,
            scheduled_for,
            kind: _,
        } => handle_firing(app, campaign, schedule, scheduled_for, &message.correlation_id).await,
    }
}

async fn handle_firing(
    app: &App,
    campaign: CampaignId,
    id: ScheduleId,
    scheduled_for: Option<Timestamp>,
    correlation_id: &str,
) -> Result<(), RecordError> {
    let (store, now) = (app.store()?, app.now());
    let schedule = match schedules::get(store, campaign, id).await {
        Ok(schedule) => schedule,
        Err(StoreError::NotFound) => return forget(app, id).await,
        Err(error) => return Err(error.into()),
    };
    if schedule.state == ScheduleState::Cancelled {
        return Ok(());
    }
    let campaign = match campaigns::get(store, campaign).await {
        Ok(campaign) => campaign,
        Err(StoreError::NotFound) => return forget(app, id).await,
        Err(error) => return Err(error.into()),
    };
    let plan = &schedule.plan;
    let scheduled_for = scheduled_for
        .or_else(|| plan.expression.previous(now, schedule.created_at, &plan.zone))
        .ok_or("the scheduler did not say for which time the schedule fires")?;
    let Firing::Due { first_seen } = schedules::begin(store, &schedule, scheduled_for, now).await? else {
        return Ok(());
    };
    let fired = Fired {
        timeliness: plan.lateness.decide(scheduled_for, first_seen),
        first_seen,
        scheduled_for,
        campaign,
        schedule,
        correlation_id: correlation_id.to_owned(),
    };
    let outcome = fire(app, &fired).await?;
    let Fired { schedule, campaign, .. } = &fired;
    let next = schedule.plan.expression.next(scheduled_for, schedule.created_at, &schedule.plan.zone);
    // In a zone whose clock only EventBridge knows, there may always be more.
    let is_known = schedule.plan.expression.is_one_off() || schedule.plan.zone.offset().is_some();
    let is_last = is_known && next.is_none_or(|next| schedule.plan.until.is_some_and(|until| next > until));
    let effect = Effect {
        result: &outcome.result,
        question: outcome.question,
        is_last,
    };
    if is_last && schedule.plan.kind == ScheduleKind::Recurring {
        release(app, campaign.id, None).await?;
    }
    schedules::finish(store, schedule, scheduled_for, effect).await?;
    tracing::info!(
        correlation_id,
        schedule_id = %schedule.id,
        campaign_id = %campaign.id,
        %scheduled_for,
        late = matches!(fired.timeliness, Timeliness::Late(_)),
        result = outcome.result,
        "schedule fired"
    );
    Ok(())
}

/// A schedule nobody knows: its campaign was deleted, or it was never stored.
async fn forget(app: &App, id: ScheduleId) -> Result<(), RecordError> {
    let made_at = Timestamp::from_millisecond(i64::try_from(id.ulid().timestamp_ms())?)?;
    if app.now().duration_since(made_at) < SETTLING {
        return Err("the schedule is not stored (yet)".into());
    }
    scheduler::delete(app, id).await.map_err(failure)
}

/// A firing that is to take effect.
#[derive(Debug, Clone)]
pub struct Fired {
    /// The schedule.
    pub schedule: Schedule,
    /// Its campaign.
    pub campaign: Campaign,
    /// When it was to fire.
    pub scheduled_for: Timestamp,
    /// When a message of it first arrived.
    pub first_seen: Timestamp,
    /// Whether that was in time.
    pub timeliness: Timeliness,
    /// Follows the firing through the queues.
    pub correlation_id: String,
}

impl Fired {
    /// The question a late firing leaves to a person.
    fn question(&self) -> LateQuestion {
        LateQuestion {
            scheduled_for: self.scheduled_for,
            noticed_at: self.first_seen,
        }
    }
}

/// What a firing came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Machine-readable.
    pub result: String,
    /// What a person is asked to decide.
    pub question: Option<LateQuestion>,
}

impl Outcome {
    fn of(result: impl Into<String>) -> Self {
        Self {
            result: result.into(),
            question: None,
        }
    }
}

/// Does what the schedule is for. May be repeated for the same firing.
///
/// # Errors
/// When it could not be done and is to be tried again.
pub async fn fire(app: &App, fired: &Fired) -> Result<Outcome, RecordError> {
    let kind = fired.schedule.plan.kind;
    // Closing a campaign late is better than not closing it.
    if kind == ScheduleKind::Expiry {
        return close(app, fired).await;
    }
    match fired.timeliness {
        Timeliness::Late(LatePolicy::Skip) if kind == ScheduleKind::Start => {
            release(app, fired.campaign.id, Some("schedule_late")).await?;
            Ok(Outcome::of("late:skipped"))
        }
        Timeliness::Late(LatePolicy::Skip) => Ok(Outcome::of("late:skipped")),
        Timeliness::Late(LatePolicy::Ask) => match kind {
            ScheduleKind::Start => start::ask(app, fired).await,
            ScheduleKind::Recurring => copy::occurrence(app, fired, copy::Then::Ask).await,
            ScheduleKind::Reminder | ScheduleKind::Expiry => copy::reminder(app, fired, copy::Then::Ask).await,
        },
        Timeliness::OnTime | Timeliness::Late(LatePolicy::Send) => match kind {
            ScheduleKind::Start => start::start(app, fired).await,
            ScheduleKind::Recurring => copy::occurrence(app, fired, copy::Then::Send).await,
            ScheduleKind::Reminder | ScheduleKind::Expiry => copy::reminder(app, fired, copy::Then::Send).await,
        },
    }
}

/// Has the campaign looked after now: what is due at its deadline is finished.
async fn close(app: &App, fired: &Fired) -> Result<Outcome, RecordError> {
    if !CampaignState::ACTIVE.contains(&fired.campaign.state) {
        return Ok(Outcome::of(format!("skipped:{}", fired.campaign.state)));
    }
    let message = Outgoing {
        body: CampaignMessage::new(fired.campaign.id, Task::Reconcile),
        delay_secs: 0,
    };
    runtime::send(app, Var::PlanQueueUrl, &fired.correlation_id, &[message]).await?;
    Ok(Outcome::of("closing"))
}

/// Makes a campaign that waited for a schedule a draft again.
async fn release(app: &App, campaign: CampaignId, reason: Option<&str>) -> Result<(), RecordError> {
    match campaigns::transition(app.store()?, campaign, CampaignState::Scheduled, CampaignState::Draft, reason, app.now()).await {
        // Somebody executed it, or we did this before.
        Ok(_) | Err(StoreError::Conflict(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// What keeps a campaign from being sent for good, machine-readable; or an error for what may pass.
fn refusal(error: ApiError) -> Result<String, RecordError> {
    match error {
        ApiError::Invalid(fields) => Ok(fields.first().map_or("invalid", |field| field.code).to_owned()),
        error => Err(failure(error)),
    }
}

fn failure(error: ApiError) -> RecordError {
    match error {
        ApiError::Internal(source) => source,
        ApiError::Conflict(detail) => detail.into(),
        error => format!("answered {}", error.status()).into(),
    }
}
