//! Schedules of campaigns, and the markers that let each firing take effect once.

use aws_sdk_dynamodb::types::{ConditionCheck, Put, TransactWriteItem, Update};
use domain::campaign::{Campaign, CampaignState};
use domain::schedule::{Expression, LatePolicy, LateQuestion, Lateness, Schedule, ScheduleKind, SchedulePlan, ScheduleState, TimeZone};
use domain::{CampaignId, ScheduleId, UserId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::client::{Item, Listing, Transaction, item, key_item, n, read, s};
use crate::{Store, StoreError, keys};

/// How long a marker outlives its firing: longer than a message can wait in a queue and then in its dead-letter queue.
const MARKER_SECS: i64 = 60 * 86_400;

#[derive(Serialize, Deserialize)]
struct ScheduleItem {
    id: ScheduleId,
    campaign: CampaignId,
    kind: ScheduleKind,
    expression: String,
    timezone: TimeZone,
    #[serde(default)]
    until: Option<Timestamp>,
    late_policy: LatePolicy,
    late_after_minutes: u32,
    answer_days: u32,
    state: ScheduleState,
    created_by: UserId,
    created_at: Timestamp,
    #[serde(default)]
    last_fired: Option<Timestamp>,
    #[serde(default)]
    last_result: Option<String>,
    #[serde(default)]
    question: Option<LateQuestion>,
    occurrences: u32,
    version: u64,
}

impl From<Schedule> for ScheduleItem {
    fn from(schedule: Schedule) -> Self {
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
            id,
            campaign,
            kind,
            expression: expression.text(&zone),
            timezone: zone,
            until,
            late_policy: policy,
            late_after_minutes: after_minutes,
            answer_days,
            state,
            created_by,
            created_at,
            last_fired,
            last_result,
            question,
            occurrences,
            version,
        }
    }
}

impl TryFrom<ScheduleItem> for Schedule {
    type Error = StoreError;

    fn try_from(stored: ScheduleItem) -> Result<Self, StoreError> {
        let ScheduleItem {
            id,
            campaign,
            kind,
            expression,
            timezone,
            until,
            late_policy,
            late_after_minutes,
            answer_days,
            state,
            created_by,
            created_at,
            last_fired,
            last_result,
            question,
            occurrences,
            version,
        } = stored;
        let expression = Expression::parse(&expression, &timezone).map_err(|error| {
            let key = keys::schedule(campaign, id);
            StoreError::Corrupt {
                pk: key.pk,
                sk: key.sk,
                reason: error.to_string(),
            }
        })?;
        Ok(Schedule {
            id,
            campaign,
            plan: SchedulePlan {
                kind,
                expression,
                zone: timezone,
                until,
                lateness: Lateness {
                    policy: late_policy,
                    after_minutes: late_after_minutes,
                },
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
        })
    }
}

fn schedule_of(item: Item) -> Result<Schedule, StoreError> {
    read::<ScheduleItem>(item)?.try_into()
}

fn unavailable(error: aws_sdk_dynamodb::error::BuildError) -> StoreError {
    StoreError::Unavailable(Box::new(error))
}

/// Stores a new schedule of the campaign as `seen`. One that the campaign waits for makes it `scheduled`.
///
/// # Errors
/// [`StoreError::Conflict`] when the campaign is not as `seen` any more.
pub async fn create(store: &Store, seen: &Campaign, schedule: &Schedule, now: Timestamp) -> Result<(), StoreError> {
    let put = Put::builder()
        .table_name(&store.table)
        .set_item(Some(item(
            keys::schedule(schedule.campaign, schedule.id),
            "schedule",
            &ScheduleItem::from(schedule.clone()),
        )?))
        .condition_expression("attribute_not_exists(pk)")
        .build()
        .map_err(unavailable)?;
    let campaign_key = key_item(keys::campaign(seen.id));
    // Race: an edit, an *execute* or another schedule at the same time; what was checked is what is scheduled.
    let unchanged = "#state = :seen AND version = :version";
    let campaign = if schedule.plan.kind.holds_campaign() {
        let update = Update::builder()
            .table_name(&store.table)
            .set_key(Some(campaign_key))
            .update_expression("SET #state = :scheduled, gsi2pk = :index, updated_at = :now, version = :next")
            .condition_expression(unchanged)
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":scheduled", s(CampaignState::Scheduled.as_str()))
            .expression_attribute_values(":index", s(keys::campaign_state_index(CampaignState::Scheduled.as_str())))
            .expression_attribute_values(":now", s(now.to_string()))
            .expression_attribute_values(":seen", s(seen.state.as_str()))
            .expression_attribute_values(":version", n(seen.version))
            .expression_attribute_values(":next", n(seen.version + 1))
            .build()
            .map_err(unavailable)?;
        TransactWriteItem::builder().update(update).build()
    } else {
        let check = ConditionCheck::builder()
            .table_name(&store.table)
            .set_key(Some(campaign_key))
            .condition_expression(unchanged)
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":seen", s(seen.state.as_str()))
            .expression_attribute_values(":version", n(seen.version))
            .build()
            .map_err(unavailable)?;
        TransactWriteItem::builder().condition_check(check).build()
    };
    store
        .transact(vec![campaign, TransactWriteItem::builder().put(put).build()])
        .await?
        .committed_or("the campaign changed meanwhile")
}

/// The schedules of a campaign, oldest first.
///
/// # Errors
/// When the table cannot be read.
pub async fn list(store: &Store, campaign: CampaignId) -> Result<Vec<Schedule>, StoreError> {
    let partition = keys::campaign(campaign).pk;
    let listing = Listing::partition(&partition).beginning_with(keys::SCHEDULE_PREFIX).consistent();
    store.list_all_items(listing).await?.into_iter().map(schedule_of).collect()
}

/// Reads a schedule.
///
/// # Errors
/// [`StoreError::NotFound`], or when the table cannot be read.
pub async fn get(store: &Store, campaign: CampaignId, id: ScheduleId) -> Result<Schedule, StoreError> {
    let stored: Option<ScheduleItem> = store.get(keys::schedule(campaign, id)).await?;
    stored.ok_or(StoreError::NotFound)?.try_into()
}

/// Takes a schedule back, if it is still as `seen`. A question it left open is answered by that.
///
/// # Errors
/// [`StoreError::Conflict`] when it fired or was taken back meanwhile.
pub async fn cancel(store: &Store, seen: &Schedule) -> Result<(), StoreError> {
    store
        .client
        .update_item()
        .table_name(&store.table)
        .set_key(Some(key_item(keys::schedule(seen.campaign, seen.id))))
        .update_expression("SET #state = :cancelled, version = :next REMOVE question")
        // Race: it fires while somebody takes it back; whoever is first is believed.
        .condition_expression("version = :version")
        .expression_attribute_names("#state", "state")
        .expression_attribute_values(":cancelled", s(ScheduleState::Cancelled.as_str()))
        .expression_attribute_values(":version", n(seen.version))
        .expression_attribute_values(":next", n(seen.version + 1))
        .send()
        .await?;
    Ok(())
}

/// Removes a schedule of a campaign that is no more.
///
/// # Errors
/// When the table cannot be written.
pub async fn remove(store: &Store, campaign: CampaignId, id: ScheduleId) -> Result<(), StoreError> {
    store
        .client
        .delete_item()
        .table_name(&store.table)
        .set_key(Some(key_item(keys::schedule(campaign, id))))
        .send()
        .await?;
    Ok(())
}

/// Where a firing stands when a message of it arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Firing {
    /// It is to take effect, perhaps once more: whoever saw it first may have died. Lateness is judged by that first time.
    Due {
        /// When it was first seen.
        first_seen: Timestamp,
    },
    /// It has taken effect.
    Finished,
}

#[derive(Serialize, Deserialize)]
struct Marker {
    first_seen: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    result: Option<String>,
    expires_at: i64,
}

/// Notes that the schedule's firing of `scheduled_for` arrived. The key is the scheduled time: EventBridge delivers at least
/// once, and its execution id differs from attempt to attempt.
///
/// # Errors
/// When the table cannot be written.
pub async fn begin(store: &Store, schedule: &Schedule, scheduled_for: Timestamp, now: Timestamp) -> Result<Firing, StoreError> {
    let marker = Marker {
        first_seen: now,
        result: None,
        expires_at: now.as_second() + MARKER_SECS,
    };
    let key = || keys::fired(schedule.campaign, schedule.id, scheduled_for);
    let put = store
        .client
        .put_item()
        .table_name(&store.table)
        .set_item(Some(item(key(), "firing", &marker)?))
        // Race: the same firing delivered twice; both learn when it was first seen.
        .condition_expression("attribute_not_exists(pk)")
        .send()
        .await;
    match put.map_err(StoreError::from) {
        Ok(_) => return Ok(Firing::Due { first_seen: now }),
        Err(StoreError::Conflict(_)) => {}
        Err(error) => return Err(error),
    }
    Ok(match store.get::<Marker>(key()).await? {
        Some(Marker { result: Some(_), .. }) => Firing::Finished,
        Some(Marker { first_seen, .. }) => Firing::Due { first_seen },
        // Expired between the two calls: two months after the firing.
        None => Firing::Finished,
    })
}

/// What a firing came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effect<'a> {
    /// Machine-readable.
    pub result: &'a str,
    /// What a person is asked to decide.
    pub question: Option<LateQuestion>,
    /// Whether the schedule will never fire again.
    pub is_last: bool,
}

/// Records that a firing has taken effect, on its marker and on the schedule, once.
///
/// # Errors
/// When the table cannot be written.
pub async fn finish(store: &Store, schedule: &Schedule, scheduled_for: Timestamp, effect: Effect<'_>) -> Result<(), StoreError> {
    let marker = Update::builder()
        .table_name(&store.table)
        .set_key(Some(key_item(keys::fired(schedule.campaign, schedule.id, scheduled_for))))
        .update_expression("SET #result = :result")
        // Race: the same firing handled twice at once; both did the same, and it counts once.
        .condition_expression("attribute_exists(pk) AND attribute_not_exists(#result)")
        .expression_attribute_names("#result", "result")
        .expression_attribute_values(":result", s(effect.result))
        .build()
        .map_err(unavailable)?;
    let is_over = if effect.is_last { ", #state = :done" } else { "" };
    let mut update = Update::builder()
        .table_name(&store.table)
        .set_key(Some(key_item(keys::schedule(schedule.campaign, schedule.id))))
        .update_expression(format!(
            "SET last_fired = :scheduled_for, last_result = :result, question = :question{is_over} ADD occurrences :one, version :one"
        ))
        // Race: the campaign is deleted meanwhile; nothing of it may come back.
        .condition_expression("attribute_exists(pk)")
        .expression_attribute_values(":scheduled_for", s(scheduled_for.to_string()))
        .expression_attribute_values(":result", s(effect.result))
        .expression_attribute_values(
            ":question",
            serde_dynamo::to_attribute_value(effect.question).map_err(StoreError::encoding)?,
        )
        .expression_attribute_values(":one", n(1));
    if effect.is_last {
        update = update
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":done", s(ScheduleState::Done.as_str()));
    }
    let writes = vec![
        TransactWriteItem::builder().update(marker).build(),
        TransactWriteItem::builder().update(update.build().map_err(unavailable)?).build(),
    ];
    match store.transact(writes).await? {
        Transaction::Committed | Transaction::Refused(_) => Ok(()),
    }
}

/// Shows on a campaign that still waits for its start why it did not come.
///
/// # Errors
/// When the table cannot be written.
pub async fn explain_wait(store: &Store, campaign: CampaignId, reason: &str, now: Timestamp) -> Result<(), StoreError> {
    let update = store
        .client
        .update_item()
        .table_name(&store.table)
        .set_key(Some(key_item(keys::campaign(campaign))))
        .update_expression("SET halt_reason = :reason, updated_at = :now ADD version :one")
        // Race: somebody executes it at the same time, or withdraws the schedule: then it waits for nothing.
        .condition_expression("#state = :scheduled")
        .expression_attribute_names("#state", "state")
        .expression_attribute_values(":scheduled", s(CampaignState::Scheduled.as_str()))
        .expression_attribute_values(":reason", s(reason))
        .expression_attribute_values(":now", s(now.to_string()))
        .expression_attribute_values(":one", n(1))
        .send()
        .await;
    match update.map_err(StoreError::from) {
        Ok(_) | Err(StoreError::Conflict(_)) => Ok(()),
        Err(error) => Err(error),
    }
}
