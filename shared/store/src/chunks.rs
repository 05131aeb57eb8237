//! Chunks: planned once, claimed by one sender at a time, recorded once per attempt, folded into counts.
//!
//! Outcomes and events are packed: one item holds what one attempt or one batch of events said about a chunk. Packs are
//! immutable and named by what they hold, so writing one twice changes nothing, and the fold drops what is said twice.

use std::collections::{BTreeMap, HashMap, HashSet};

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, Put, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update};
use domain::campaign::Campaign;
use domain::delivery::{Channel, ChunkLog, Counts, DeliveryEvent, OutcomePack, Recipient};
use domain::links::TEST_CHUNK;
use domain::{CampaignId, VendorId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use ulid::Ulid;

use crate::client::{Item, Listing, PageRequest, Transaction, item, key_item, n, read, s};
use crate::keys::OutcomeKind;
use crate::providers::ProviderState;
use crate::suppressions::{self, Suppression};
use crate::users::put_new;
use crate::{ChunkRef, Page, Store, StoreError, keys};

/// The most events of one item; keeps an item near 50 KB.
const EVENTS_PER_ITEM: usize = 200;

/// Where a chunk stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChunkState {
    /// Waiting for a sender.
    Pending,
    /// A sender is at work until its deadline.
    Claimed,
    /// Every recipient has an outcome that is not "try again".
    Closed,
}

/// The summary of a chunk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChunkSummary {
    /// The channel.
    #[serde(default = "email")]
    pub channel: Channel,
    /// Number within campaign and channel.
    pub number: u32,
    /// Where it stands.
    pub state: ChunkState,
    /// Attempts begun.
    pub attempt: u32,
    /// Who claimed it last.
    #[serde(default)]
    pub attempt_token: Option<Ulid>,
    /// When the claim runs out, seconds since the epoch.
    #[serde(default)]
    pub claim_until: i64,
    /// Where the planner's walk goes on after this chunk.
    pub planned_through: String,
    /// Planned after the walk, for recipients the other channel did not reach: not part of what the campaign targeted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub follow_up: bool,
    /// The campaign whose answers make a message of this chunk needless, where there may be some before it is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<CampaignId>,
    /// Put aside without a message, until its provider takes more.
    #[serde(default)]
    pub parked: bool,
    /// How many of its recipients have been moved on to the other channel.
    #[serde(default)]
    pub escalated: u32,
    /// When it was last planned, claimed, released or recorded, seconds since the epoch.
    #[serde(default)]
    pub touched_at: i64,
    /// The newest fold.
    pub counts: Counts,
    /// How many items the newest fold saw; a fold never replaces one that saw more.
    #[serde(default)]
    pub folded_items: u32,
}

impl ChunkSummary {
    /// The chunk of `campaign` this is the summary of.
    pub const fn chunk(&self, campaign: CampaignId) -> ChunkRef {
        ChunkRef {
            campaign,
            channel: self.channel,
            number: self.number,
        }
    }
}

const fn email() -> Channel {
    Channel::Email
}

/// A chunk about to be planned.
#[derive(Debug, Clone)]
pub struct PlannedChunk {
    /// Its name.
    pub chunk: ChunkRef,
    /// Whom it holds.
    pub recipients: Vec<Recipient>,
    /// Where the planner's walk goes on after it.
    pub planned_through: String,
    /// The campaign vendors were first asked by.
    pub root: CampaignId,
    /// Whether a recipient may answer before it is written to: then that is looked up before sending.
    pub may_be_answered: bool,
    /// Planned after the walk, for recipients the other channel did not reach.
    pub follow_up: bool,
}

#[derive(Serialize, Deserialize)]
struct Manifest {
    recipients: Vec<Recipient>,
}

#[derive(Serialize, Deserialize)]
struct EventPack {
    events: Vec<DeliveryEvent>,
}

#[derive(Serialize, Deserialize)]
struct AskedVendor {
    campaign_id: CampaignId,
    channel: Channel,
    chunk: u32,
    asked_at: Timestamp,
    /// What its PAN was recognised by then: an answer counts for the codes of that PAN alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pan_digest: Option<String>,
}

/// What became of planned chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planned {
    /// All are stored.
    Stored,
    /// Another planner stored one of them first; read [`last_planned`] again.
    Raced,
}

/// Stores chunks in their order and, per vendor, that it was asked.
///
/// # Errors
/// When the table cannot be written.
pub async fn plan(store: &Store, chunks: &[PlannedChunk], now: Timestamp) -> Result<Planned, StoreError> {
    // One after the other: a hole in the numbers would be taken for planned by whoever goes on after it.
    for chunk in chunks {
        if plan_one(store, chunk, now).await? == Planned::Raced {
            return Ok(Planned::Raced);
        }
    }
    Ok(Planned::Stored)
}

/// Stores a chunk, all or nothing: a vendor in a manifest without its *asked* could not answer. A vendor that another chunk
/// of the campaign asks is left out.
async fn plan_one(store: &Store, planned: &PlannedChunk, now: Timestamp) -> Result<Planned, StoreError> {
    let PlannedChunk {
        chunk,
        recipients,
        planned_through,
        root,
        may_be_answered,
        follow_up,
    } = planned;
    let mut recipients = recipients.clone();
    let mut seen = HashSet::new();
    recipients.retain(|recipient| seen.insert(recipient.id));
    loop {
        if recipients.is_empty() && *follow_up {
            // Everyone has been asked: by a run before this one, which died before it could say so.
            return Ok(Planned::Stored);
        }
        let targeted = u32::try_from(recipients.len()).unwrap_or(u32::MAX);
        let summary = ChunkSummary {
            channel: chunk.channel,
            number: chunk.number,
            state: ChunkState::Pending,
            attempt: 0,
            attempt_token: None,
            claim_until: 0,
            planned_through: planned_through.clone(),
            follow_up: *follow_up,
            answers: may_be_answered.then_some(*root),
            parked: false,
            escalated: 0,
            touched_at: now.as_second(),
            counts: Counts::all_pending(targeted),
            folded_items: 0,
        };
        let manifest = Manifest {
            recipients: recipients.clone(),
        };
        // Race: two planners on one campaign (a redelivered plan message). The first to write a number owns it: its
        // manifest is what is sent, and the other starts again after it.
        let mut writes = vec![
            put_new(store, item(chunk.summary(), "chunk", &summary)?)?,
            put_new(store, item(chunk.manifest(), "manifest", &manifest)?)?,
        ];
        let before = writes.len();
        for recipient in &recipients {
            let body = AskedVendor {
                campaign_id: chunk.campaign,
                channel: chunk.channel,
                chunk: chunk.number,
                asked_at: now,
                pan_digest: recipient.pan_digest.clone(),
            };
            // Race: a vendor's code changes during the walk, which is by code, and the walk meets the vendor again.
            writes.push(put_new(
                store,
                item(
                    keys::recipient_of(recipient.id, *root, chunk.channel, chunk.campaign),
                    "asked_vendor",
                    &body,
                )?,
            )?);
        }
        let Transaction::Refused(reasons) = store.transact(writes).await? else {
            return Ok(Planned::Stored);
        };
        if (0..before).any(|write| Transaction::failed_at(&reasons, write)) {
            return Ok(Planned::Raced);
        }
        let mut write = before..;
        recipients.retain(|_| !write.next().is_some_and(|write| Transaction::failed_at(&reasons, write)));
    }
}

/// The most chunks a planner stores before it enqueues them: what SQS takes in a call.
pub const PLAN_BATCH: usize = 10;

/// The [`PLAN_BATCH`] chunks of a channel planned last, newest first: where a planner goes on, and what it may not have enqueued.
///
/// # Errors
/// When the table cannot be read.
pub async fn last_planned(store: &Store, campaign: CampaignId, channel: Channel) -> Result<Vec<ChunkSummary>, StoreError> {
    let (partition, prefix) = (keys::campaign(campaign).pk, ChunkRef::channel_prefix(channel));
    let listing = Listing::partition(&partition).beginning_with(&prefix).newest_first().consistent();
    let page: Page<ChunkSummary> = store.list(listing, &PageRequest { limit: 10, after: None }).await?;
    Ok(page.items)
}

/// Every chunk summary of a campaign, channel by channel in planning order: the campaign's progress is their sum.
///
/// # Errors
/// When the table cannot be read.
pub async fn summaries(store: &Store, campaign: CampaignId) -> Result<Vec<ChunkSummary>, StoreError> {
    let partition = keys::campaign(campaign).pk;
    let items = store
        .list_all_items(Listing::partition(&partition).beginning_with(keys::CHUNK_PREFIX).consistent())
        .await?;
    items.into_iter().map(read).collect()
}

/// A campaign and its chunk summaries, in the order of [`summaries`], in one query: they lie side by side.
///
/// # Errors
/// [`StoreError::NotFound`], or when the table cannot be read.
pub async fn progress(store: &Store, id: CampaignId) -> Result<(Campaign, Vec<ChunkSummary>), StoreError> {
    let partition = keys::campaign(id).pk;
    // Backwards, so that the campaign comes before its chunks however many pages they fill: where it says that it is planned, none
    // of the plan's chunks is missing.
    let listing = Listing::partition(&partition)
        .between(keys::CHUNK_PREFIX, keys::CAMPAIGN)
        .newest_first()
        .consistent();
    let (mut campaign, mut summaries) = (None, Vec::new());
    for found in store.list_all_items(listing).await? {
        match found.get("sk").and_then(|sk| sk.as_s().ok()).map(String::as_str) {
            Some(keys::CAMPAIGN) => campaign = Some(crate::campaigns::from_item(found)?),
            Some(sk) if sk.starts_with(keys::CHUNK_PREFIX) => summaries.push(read(found)?),
            // The message and what schedules did, which lie in between.
            _ => {}
        }
    }
    summaries.reverse();
    Ok((campaign.ok_or(StoreError::NotFound)?, summaries))
}

/// The answer to a claim.
#[derive(Debug, Clone, PartialEq)]
pub enum Claim {
    /// The chunk is ours until the deadline; this is the summary with our claim in it.
    Won(ChunkSummary),
    /// The claim before ours ran out: its sender died. It is ours now, to record what is unknown.
    Expired(ChunkSummary),
    /// Another sender is at work until then (seconds since the epoch).
    Busy(i64),
    /// Nothing is left to do.
    Closed,
}

/// Claims a chunk for one attempt.
///
/// # Errors
/// [`StoreError::NotFound`] for a chunk that was never planned.
pub async fn claim(store: &Store, chunk: ChunkRef, token: Ulid, until: Timestamp, now: Timestamp) -> Result<Claim, StoreError> {
    // Race: two senders with copies of one message. pending → claimed happens once; the loser sees who won.
    let standing = match try_claim(store, chunk, token, until, now, None).await? {
        Ok(summary) => return Ok(Claim::Won(summary)),
        Err(standing) => standing,
    };
    match standing.state {
        // The SDK retried an update that had succeeded: the token is ours.
        ChunkState::Claimed if standing.attempt_token == Some(token) => Ok(Claim::Won(standing)),
        ChunkState::Claimed if standing.claim_until <= now.as_second() => {
            // Race: two senders find the same dead claim; only one may declare its recipients unknown.
            match try_claim(store, chunk, token, until, now, standing.attempt_token).await? {
                Ok(summary) => Ok(Claim::Expired(summary)),
                Err(other) => Ok(Claim::Busy(other.claim_until)),
            }
        }
        ChunkState::Claimed => Ok(Claim::Busy(standing.claim_until)),
        ChunkState::Closed => Ok(Claim::Closed),
        // Released between the two reads; worth an immediate second look.
        ChunkState::Pending => Ok(Claim::Busy(now.as_second() + 1)),
    }
}

async fn try_claim(
    store: &Store,
    chunk: ChunkRef,
    token: Ulid,
    until: Timestamp,
    now: Timestamp,
    dead: Option<Ulid>,
) -> Result<Result<ChunkSummary, ChunkSummary>, StoreError> {
    let mut update = store
        .client
        .update_item()
        .table_name(&store.table)
        .set_key(Some(key_item(chunk.summary())))
        .update_expression("SET #state = :claimed, attempt_token = :token, claim_until = :until, touched_at = :now, parked = :no ADD attempt :one")
        .expression_attribute_names("#state", "state")
        .expression_attribute_values(":now", n(now.as_second()))
        .expression_attribute_values(":no", AttributeValue::Bool(false))
        .expression_attribute_values(":from", s(if dead.is_some() { "claimed" } else { "pending" }))
        .expression_attribute_values(":claimed", s("claimed"))
        .expression_attribute_values(":token", s(token.to_string()))
        .expression_attribute_values(":until", n(until.as_second()))
        .expression_attribute_values(":one", n(i32::from(dead.is_none())))
        .return_values(ReturnValue::AllNew)
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    update = match dead {
        Some(dead) => update
            .condition_expression("#state = :from AND attempt_token = :dead")
            .expression_attribute_values(":dead", s(dead.to_string())),
        None => update.condition_expression("#state = :from"),
    };
    match update.send().await {
        Ok(output) => Ok(Ok(read(output.attributes.unwrap_or_default())?)),
        Err(error) => match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(failed)) => match failed.item.clone() {
                Some(standing) => Ok(Err(read(standing)?)),
                None => Err(StoreError::NotFound),
            },
            _ => Err(error.into()),
        },
    }
}

/// Gives a claim back without an attempt: paced out, or the campaign may not send now. `parked` if no message brings it again.
///
/// # Errors
/// When the table cannot be written. A claim that is not ours any more is fine: released by a retried call, or taken over.
pub async fn release(store: &Store, chunk: ChunkRef, token: Ulid, parked: bool, now: Timestamp) -> Result<(), StoreError> {
    let result = store
        .client
        .update_item()
        .table_name(&store.table)
        .set_key(Some(key_item(chunk.summary())))
        .update_expression("SET #state = :pending, touched_at = :now, parked = :parked ADD attempt :minus")
        // Race: our claim ran out and was taken over; what the other does stands.
        .condition_expression("#state = :claimed AND attempt_token = :token")
        .expression_attribute_names("#state", "state")
        .expression_attribute_values(":pending", s("pending"))
        .expression_attribute_values(":claimed", s("claimed"))
        .expression_attribute_values(":token", s(token.to_string()))
        .expression_attribute_values(":now", n(now.as_second()))
        .expression_attribute_values(":parked", AttributeValue::Bool(parked))
        .expression_attribute_values(":minus", n(-1))
        .send()
        .await;
    match result.map_err(StoreError::from) {
        Ok(_) | Err(StoreError::Conflict(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Everything known of a chunk, and how many items said it.
///
/// # Errors
/// When the table cannot be read or an item is corrupt.
pub async fn log(store: &Store, chunk: ChunkRef) -> Result<(ChunkLog, u32), StoreError> {
    let items = store.list_all_items(Listing::partition(&chunk.partition()).consistent()).await?;
    let count = u32::try_from(items.len()).unwrap_or(u32::MAX);
    let mut log = ChunkLog::default();
    for found in items {
        let sk = found.get("sk").and_then(|sk| sk.as_s().ok()).cloned().unwrap_or_default();
        if sk == keys::MANIFEST {
            log.recipients = read::<Manifest>(found)?.recipients;
        } else if sk.starts_with(keys::OUTCOME_PREFIX) {
            log.attempts.push(read::<OutcomePack>(found)?);
        } else if sk.starts_with(keys::EVENT_PREFIX) {
            log.events.extend(read::<EventPack>(found)?.events);
        }
    }
    log.deduplicate_events();
    Ok((log, count))
}

/// What must be known at the moment of sending: the campaign as it is now, who opted out or bounced, who answered meanwhile, and
/// how the providers fare.
#[derive(Debug)]
pub struct SendCheck {
    /// The campaign.
    pub campaign: Campaign,
    /// Suppressed addresses among those asked for.
    pub suppressed: HashMap<String, Suppression>,
    /// Vendors among those asked for that have answered.
    pub answered: HashSet<VendorId>,
    /// What is known of the providers asked for.
    pub providers: HashMap<String, ProviderState>,
}

/// What [`check_before_send`] looks up besides the campaign.
#[derive(Debug, Clone, Copy)]
pub struct SendQuestion<'a> {
    /// Addresses of the chunk's channel.
    pub addresses: &'a [String],
    /// The campaign they were first asked by, and the vendors that may have answered it.
    pub answers: Option<(CampaignId, &'a [VendorId])>,
    /// Names of provider accounts.
    pub providers: &'a [&'a str],
}

/// Reads what must be known at the moment of sending, a hundred items a call.
///
/// # Errors
/// [`StoreError::NotFound`] when the campaign is gone.
pub async fn check_before_send(store: &Store, chunk: ChunkRef, question: SendQuestion<'_>) -> Result<SendCheck, StoreError> {
    let SendQuestion {
        addresses,
        answers,
        providers,
    } = question;
    let campaign_key = keys::campaign(chunk.campaign);
    let mut extra = vec![campaign_key.clone()];
    extra.extend(providers.iter().map(|name| keys::provider(name)));
    let provider_of: HashMap<String, &str> = providers.iter().map(|name| (keys::provider(name).pk, *name)).collect();
    let mut vendor_of = HashMap::new();
    if let Some((root, vendors)) = answers {
        for vendor in vendors {
            let key = keys::answer(*vendor, root);
            vendor_of.insert(key.pk.clone(), *vendor);
            extra.push(key);
        }
    }
    let (suppressed, found) = suppressions::read_with(store, chunk.channel, addresses, extra).await?;
    let (mut campaign, mut answered, mut states) = (None, HashSet::new(), HashMap::new());
    for item in found {
        let pk = item.get("pk").and_then(|pk| pk.as_s().ok()).cloned().unwrap_or_default();
        if pk == campaign_key.pk {
            campaign = Some(crate::campaigns::from_item(item)?);
        } else if let Some(name) = provider_of.get(&pk) {
            states.insert((*name).to_owned(), read(item)?);
        } else if let Some(vendor) = vendor_of.get(&pk) {
            answered.insert(*vendor);
        }
    }
    Ok(SendCheck {
        campaign: campaign.ok_or(StoreError::NotFound)?,
        suppressed,
        answered,
        providers: states,
    })
}

/// How an attempt ends.
#[derive(Debug, Clone, Copy)]
pub struct Ending<'a> {
    /// The chunk's next state.
    pub next: ChunkState,
    /// Whether no message brings a pending chunk again.
    pub parked: bool,
    /// The chunk's counts with this record, and how many items they were folded from.
    pub counts: &'a Counts,
    /// How many items of the chunk there are with this record.
    pub items: u32,
}

/// Records an attempt, gives the chunk its next state and its counts, all or nothing.
///
/// # Errors
/// [`StoreError::Conflict`] when the claim is not ours any more: then nothing is recorded, and whoever took the claim
/// over has recorded as unknown what may have been sent.
pub async fn record(store: &Store, chunk: ChunkRef, token: Ulid, pack: &OutcomePack, ending: Ending<'_>) -> Result<(), StoreError> {
    // claim ── send ──────────── record (ours)
    //            └─ deadline ── claim by another ── record unknown
    // Only the holder of the token records, so a recipient never gets two stories from one attempt.
    const OURS: &str = "attempt_token = :token AND #state IN (:claimed, :next)";
    let Ending { next, parked, counts, items } = ending;
    let update = || {
        Ok::<_, StoreError>(
            Update::builder()
                .table_name(&store.table)
                .set_key(Some(key_item(chunk.summary())))
                .expression_attribute_names("#state", "state")
                .expression_attribute_values(":claimed", s("claimed"))
                .expression_attribute_values(":next", serde_dynamo::to_attribute_value(next).map_err(StoreError::encoding)?)
                .expression_attribute_values(":token", s(token.to_string()))
                .expression_attribute_values(":parked", AttributeValue::Bool(parked))
                .expression_attribute_values(":now", n(pack.at.as_second())),
        )
    };
    let counted = update()?
        .update_expression("SET #state = :next, touched_at = :now, parked = :parked, #counts = :counts, folded_items = :items")
        // Race: events were stored and folded while we sent; those counts know more than ours.
        .condition_expression(format!("{OURS} AND folded_items < :items"))
        .expression_attribute_names("#counts", "counts")
        .expression_attribute_values(":counts", serde_dynamo::to_attribute_value(counts).map_err(StoreError::encoding)?)
        .expression_attribute_values(":items", n(items))
        .build()
        .map_err(|error| StoreError::Unavailable(Box::new(error)))?;
    let writes = vec![
        put_pack(store, chunk, token, OutcomeKind::Counted, pack)?,
        TransactWriteItem::builder().update(counted).build(),
    ];
    if let Transaction::Committed = store.transact(writes).await? {
        return Ok(());
    }
    let uncounted = update()?
        .update_expression("SET #state = :next, touched_at = :now, parked = :parked")
        .condition_expression(OURS)
        .build()
        .map_err(|error| StoreError::Unavailable(Box::new(error)))?;
    let writes = vec![
        put_pack(store, chunk, token, OutcomeKind::Uncounted, pack)?,
        TransactWriteItem::builder().update(uncounted).build(),
    ];
    store.transact(writes).await?.committed_or(CLAIM_LOST)
}

/// Records what became of a wave and what is to be sent next, and holds the claim until then.
///
/// # Errors
/// [`StoreError::Conflict`] when the claim is not ours any more: nothing more may be sent under it.
pub async fn record_wave(store: &Store, chunk: ChunkRef, token: Ulid, pack: &OutcomePack, until: Timestamp) -> Result<(), StoreError> {
    let hold = Update::builder()
        .table_name(&store.table)
        .set_key(Some(key_item(chunk.summary())))
        .update_expression("SET claim_until = :until, touched_at = :now")
        // Race: we were slow, and another sender declared what we had announced unknown and may now send the rest.
        .condition_expression("attempt_token = :token AND #state = :claimed")
        .expression_attribute_names("#state", "state")
        .expression_attribute_values(":claimed", s("claimed"))
        .expression_attribute_values(":token", s(token.to_string()))
        .expression_attribute_values(":until", n(until.as_second()))
        .expression_attribute_values(":now", n(pack.at.as_second()))
        .build()
        .map_err(|error| StoreError::Unavailable(Box::new(error)))?;
    let writes = vec![
        put_pack(store, chunk, token, OutcomeKind::Wave(pack.wave), pack)?,
        TransactWriteItem::builder().update(hold).build(),
    ];
    store.transact(writes).await?.committed_or(CLAIM_LOST)
}

/// Records what a sender learned after its claim was taken over.
///
/// # Errors
/// When the table cannot be written.
pub async fn record_late(store: &Store, chunk: ChunkRef, token: Ulid, pack: &OutcomePack) -> Result<(), StoreError> {
    store
        .put_all(vec![item(chunk.outcome(token, OutcomeKind::Uncounted), "outcomes", pack)?])
        .await
}

/// Records a decision about recipients of a closed chunk, which is sent again where `next` says so; `pack.attempt` is one more than
/// the chunk's. False if the chunk is not
/// closed, or changed since `seen`.
///
/// # Errors
/// When the table cannot be written.
pub async fn amend(
    store: &Store,
    chunk: ChunkRef,
    seen: &ChunkSummary,
    token: Ulid,
    pack: &OutcomePack,
    next: ChunkState,
) -> Result<bool, StoreError> {
    let update = Update::builder()
        .table_name(&store.table)
        .set_key(Some(key_item(chunk.summary())))
        .update_expression("SET #state = :next, attempt_token = :token, touched_at = :now, attempt = :attempt")
        // Race: two operators, or an operator and the reconciler, decide at once; one decision is taken, the other sees it.
        // With our token it is our own write, which the SDK repeated.
        .condition_expression("(#state = :closed AND attempt = :seen) OR (#state = :next AND attempt_token = :token)")
        .expression_attribute_names("#state", "state")
        .expression_attribute_values(":closed", s("closed"))
        .expression_attribute_values(":next", serde_dynamo::to_attribute_value(next).map_err(StoreError::encoding)?)
        .expression_attribute_values(":token", s(token.to_string()))
        .expression_attribute_values(":seen", n(seen.attempt))
        .expression_attribute_values(":now", n(pack.at.as_second()))
        .expression_attribute_values(":attempt", n(pack.attempt))
        .build()
        .map_err(|error| StoreError::Unavailable(Box::new(error)))?;
    let writes = vec![
        put_pack(store, chunk, token, OutcomeKind::Uncounted, pack)?,
        TransactWriteItem::builder().update(update).build(),
    ];
    Ok(matches!(store.transact(writes).await?, Transaction::Committed))
}

/// Remembers how many recipients of a chunk were moved on to the other channel.
///
/// # Errors
/// When the table cannot be written.
pub async fn set_escalated(store: &Store, chunk: ChunkRef, escalated: u32) -> Result<(), StoreError> {
    let result = store
        .client
        .update_item()
        .table_name(&store.table)
        .set_key(Some(key_item(chunk.summary())))
        .update_expression("SET escalated = :count")
        // Race: two reconcilers; the one that saw more recipients go is right.
        .condition_expression("attribute_exists(pk) AND (attribute_not_exists(escalated) OR escalated < :count)")
        .expression_attribute_values(":count", n(escalated))
        .send()
        .await;
    match result.map_err(StoreError::from) {
        Ok(_) | Err(StoreError::Conflict(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

const CLAIM_LOST: &str = "the claim was taken over";

fn put_pack(store: &Store, chunk: ChunkRef, token: Ulid, kind: OutcomeKind, pack: &OutcomePack) -> Result<TransactWriteItem, StoreError> {
    let put = Put::builder()
        .table_name(&store.table)
        .set_item(Some(item(chunk.outcome(token, kind), "outcomes", pack)?))
        .build()
        .map_err(|error| StoreError::Unavailable(Box::new(error)))?;
    Ok(TransactWriteItem::builder().put(put).build())
}

/// Stores events, packed by chunk, 25 packs a call. Storing the same events again changes nothing.
///
/// # Errors
/// When the table cannot be written.
pub async fn record_events(store: &Store, events: BTreeMap<ChunkRef, Vec<DeliveryEvent>>) -> Result<(), StoreError> {
    store.put_all(event_items(events)?).await
}

/// The items that store events: those of a chunk together. What became of a test message is nobody's standing.
pub(crate) fn event_items(events: BTreeMap<ChunkRef, Vec<DeliveryEvent>>) -> Result<Vec<Item>, StoreError> {
    let mut items = Vec::with_capacity(events.len());
    for (chunk, mut events) in events {
        if chunk.number == TEST_CHUNK {
            continue;
        }
        events.sort_by(|a, b| natural_key(a).cmp(&natural_key(b)));
        events.dedup_by(|a, b| natural_key(a) == natural_key(b));
        for pack in events.chunks(EVENTS_PER_ITEM) {
            items.push(item(chunk.events(&digest(pack)), "events", &EventPack { events: pack.to_vec() })?);
        }
    }
    Ok(items)
}

/// A write that stores one event; for use in another repository's transaction.
pub(crate) fn put_event(store: &Store, chunk: ChunkRef, event: DeliveryEvent) -> Result<TransactWriteItem, StoreError> {
    let events = vec![event];
    let put = Put::builder()
        .table_name(&store.table)
        .set_item(Some(item(chunk.events(&digest(&events)), "events", &EventPack { events })?))
        .build()
        .map_err(|error| StoreError::Unavailable(Box::new(error)))?;
    Ok(TransactWriteItem::builder().put(put).build())
}

fn natural_key(event: &DeliveryEvent) -> (VendorId, String, &str) {
    (event.recipient, format!("{:?}", event.kind), &event.provider_id)
}

fn digest(events: &[DeliveryEvent]) -> String {
    let mut text = String::new();
    for event in events {
        let (recipient, kind, provider_id) = natural_key(event);
        text.push_str(&format!("{recipient}/{kind}/{provider_id}\n"));
    }
    // 128 bits: packs of one chunk number in the hundreds.
    domain::hash::sha256_hex(text.as_bytes())[..32].to_owned()
}

/// Folds a chunk and stores the counts, unless a fold that saw more is stored already.
///
/// # Errors
/// When the table cannot be read or written.
pub async fn fold(store: &Store, chunk: ChunkRef) -> Result<Counts, StoreError> {
    let fold = read_fold(store, chunk).await?;
    store_folds(store, std::slice::from_ref(&fold)).await?;
    Ok(fold.counts)
}

/// What a chunk's items came to when they were read.
#[derive(Debug, Clone)]
pub struct Fold {
    chunk: ChunkRef,
    counts: Counts,
    items: u32,
}

/// Folds a chunk.
///
/// # Errors
/// When the table cannot be read.
pub async fn read_fold(store: &Store, chunk: ChunkRef) -> Result<Fold, StoreError> {
    let (log, items) = log(store, chunk).await?;
    Ok(Fold {
        chunk,
        counts: log.counts(),
        items,
    })
}

/// The most folds to store in a call. More are possible, and more likely to meet a sender at one of their chunks.
pub const FOLDS_PER_CALL: usize = 25;

/// Stores folds of different chunks in one call, but those of which one that saw more is stored already.
///
/// # Errors
/// When the table cannot be written.
pub async fn store_folds(store: &Store, folds: &[Fold]) -> Result<(), StoreError> {
    let mut folds = folds.to_vec();
    while !folds.is_empty() {
        let writes = folds.iter().map(|fold| put_fold(store, fold)).collect::<Result<_, _>>()?;
        let Transaction::Refused(reasons) = store.transact(writes).await? else {
            break;
        };
        let (mut refused, mut others) = (Vec::new(), Vec::new());
        for (write, fold) in folds.into_iter().enumerate() {
            if Transaction::failed_at(&reasons, write) {
                refused.push(fold);
            } else {
                others.push(fold);
            }
        }
        folds = others;
        for fold in refused {
            // What was stored meanwhile may be a sender's counts, which know of its own outcomes and not of an event that came while
            // it was sending: both have seen as many items, and neither all.
            let newer = read_fold(store, fold.chunk).await?;
            if newer.items > fold.items {
                folds.push(newer);
            }
        }
    }
    Ok(())
}

fn put_fold(store: &Store, fold: &Fold) -> Result<TransactWriteItem, StoreError> {
    let update = Update::builder()
        .table_name(&store.table)
        .set_key(Some(key_item(fold.chunk.summary())))
        .update_expression("SET #counts = :counts, folded_items = :items")
        // Race: two folds of one chunk finish in the wrong order. Items are never removed, so the fold that saw more is newer. Of as
        // many items there may be other counts: a sender's.
        .condition_expression("attribute_exists(pk) AND folded_items < :items")
        .expression_attribute_names("#counts", "counts")
        .expression_attribute_values(":counts", serde_dynamo::to_attribute_value(&fold.counts).map_err(StoreError::encoding)?)
        .expression_attribute_values(":items", n(fold.items))
        .build()
        .map_err(|error| StoreError::Unavailable(Box::new(error)))?;
    Ok(TransactWriteItem::builder().update(update).build())
}
