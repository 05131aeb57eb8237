//! Addresses that must not be written to, by channel. Keyed by hash: the list itself holds no address.
//!
//! An address's partition holds the suppression in force, if there is one, and an entry for everything that was ever said about
//! it: suppressed, suppressed again for another reason, lifted. Entries are written once and never changed or deleted.
//!
//! Only [`remove`] lifts a suppression. Vendors, their imports and edits have no way here.

use std::collections::{BTreeSet, HashMap, HashSet};

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use domain::delivery::{Channel, EventKind};
use domain::suppression::{self, AddressHistory, DeliveryResult, SuppressionId, SuppressionReason, SuppressionSource};
use domain::{CampaignId, UserId, VendorId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use ulid::Ulid;

use crate::client::{Item, Listing, Transaction, item, key_item, n, place, read, s};
use crate::users::put_new;
use crate::vendors::delete;
use crate::{ChunkRef, Page, PageRequest, Store, StoreError, keys};

/// That an address is suppressed, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppression {
    /// Why.
    pub reason: SuppressionReason,
    /// Since when.
    pub since: Timestamp,
    /// How we learnt of it; unknown for what was stored before sources were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SuppressionSource>,
    /// The message that is the evidence.
    #[serde(default, skip_serializing_if = "Evidence::is_none")]
    pub evidence: Evidence,
    /// Who decided it, if a user did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<UserId>,
    /// What that user had to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// When it ends by itself, seconds since the epoch. DynamoDB removes it then or up to two days later, never before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
}

impl Suppression {
    /// One for good, without evidence yet.
    pub fn new(reason: SuppressionReason, since: Timestamp, source: SuppressionSource) -> Self {
        Self {
            reason,
            since,
            source: Some(source),
            evidence: Evidence::default(),
            by: None,
            note: None,
            expires_at: None,
        }
    }

    /// The same, on the evidence of a campaign's message.
    #[must_use]
    pub fn because_of(self, campaign: CampaignId, message_id: Option<String>) -> Self {
        Self {
            evidence: Evidence {
                campaign: Some(campaign),
                message_id,
            },
            ..self
        }
    }
}

/// Which message showed that an address must be suppressed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The campaign.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub campaign: Option<CampaignId>,
    /// The provider's id of the message or event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
}

impl Evidence {
    fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// An address that is suppressed, as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuppressedAddress {
    /// Names channel and address.
    pub id: SuppressionId,
    /// The address, masked; unknown for what was stored before it was kept.
    pub masked: Option<String>,
    /// Why.
    pub suppression: Suppression,
}

/// What an entry of an address's history says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// There was a reason to suppress it.
    Added,
    /// The suppression was lifted.
    Removed,
}

/// An entry of an address's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What happened.
    pub kind: ChangeKind,
    /// When; of an event, by the provider's clock.
    pub at: Timestamp,
    /// The reason that was added, or that was in force when it was lifted.
    pub reason: SuppressionReason,
    /// How we learnt of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SuppressionSource>,
    /// The message that is the evidence.
    #[serde(default, skip_serializing_if = "Evidence::is_none")]
    pub evidence: Evidence,
    /// Who did it, if a user did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<UserId>,
    /// What that user had to say: for a removal, why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// All that is known about an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressRecord {
    /// The suppression in force.
    pub current: Option<SuppressedAddress>,
    /// What happened, oldest first.
    pub history: Vec<Change>,
}

#[derive(Serialize, Deserialize)]
struct SuppressionItem {
    #[serde(flatten)]
    suppression: Suppression,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    masked: Option<String>,
}

/// Suppresses an address. One suppressed before keeps its first reason and evidence, and the new ones go to its history; only a
/// suppression that would end by itself gives way to one for good. Says whether the address was free.
///
/// Telling the same again (a redelivered event) changes nothing, even after the suppression was lifted meanwhile.
///
/// # Errors
/// When the table cannot be reached.
pub async fn add(store: &Store, channel: Channel, address: &str, suppression: &Suppression) -> Result<bool, StoreError> {
    let id = SuppressionId::of(channel, address);
    let current = current_item(&id, &suppression::masked(channel, address), suppression)?;
    let entry = added(&id, suppression)?;
    // Race: a bounce and an opt-out at once; the first one is the evidence.
    let writes = vec![put_new(store, current.clone())?, put_new(store, entry.clone())?];
    let Transaction::Refused(reasons) = store.transact(writes).await? else {
        return Ok(true);
    };
    if Transaction::failed_at(&reasons, 1) {
        // Redelivered. What has happened to the address since stands.
        return Ok(false);
    }
    let standing: Option<Suppression> = reasons.first().and_then(|reason| reason.item.clone()).map(read).transpose()?;
    let Some(standing) = standing else {
        return Err(StoreError::Conflict("the suppression changed meanwhile"));
    };
    if standing.expires_at.is_some() && suppression.expires_at.is_none() {
        return outlast(store, current, entry).await.map(|()| false);
    }
    let is_news = standing.reason != suppression.reason || standing.evidence != suppression.evidence;
    if is_news {
        store.put_fresh(entry).await?;
    }
    Ok(false)
}

/// Puts a suppression for good in the place of one that would end by itself.
async fn outlast(store: &Store, current: Item, entry: Item) -> Result<(), StoreError> {
    let put = Put::builder()
        .table_name(&store.table)
        .set_item(Some(current))
        // Race: two reasons for good at once; the first one stays.
        .condition_expression("attribute_not_exists(pk) OR attribute_exists(expires_at)")
        .build()
        .map_err(|error| StoreError::Unavailable(Box::new(error)))?;
    let writes = vec![TransactWriteItem::builder().put(put).build(), put_new(store, entry.clone())?];
    match store.transact(writes).await? {
        Transaction::Committed => Ok(()),
        Transaction::Refused(_) => store.put_fresh(entry).await,
    }
}

fn current_item(id: &SuppressionId, masked: &str, suppression: &Suppression) -> Result<Item, StoreError> {
    let body = SuppressionItem {
        suppression: suppression.clone(),
        masked: Some(masked.to_owned()),
    };
    let mut current = item(keys::suppression(id), "suppression", &body)?;
    current.insert("gsi1pk".into(), s(keys::SUPPRESSIONS));
    current.insert("gsi1sk".into(), s(keys::by_time(suppression.since, id)));
    Ok(current)
}

fn added(id: &SuppressionId, suppression: &Suppression) -> Result<Item, StoreError> {
    let Suppression {
        reason,
        since,
        source,
        evidence,
        by,
        note,
        expires_at: _,
    } = suppression.clone();
    // The natural key of a provider's event: its time, and what it says of which message. A person's decision has its own time.
    let said = format!("{reason}/{:?}/{:?}", evidence.campaign, evidence.message_id);
    let entry = domain::hash::sha256_hex(said.as_bytes());
    let body = Change {
        kind: ChangeKind::Added,
        at: since,
        reason,
        source,
        evidence,
        by,
        note,
    };
    item(keys::suppression_entry(id, since, &entry[..16]), "suppression_entry", &body)
}

/// The decision to write to an address again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// Names the entry.
    pub entry: Ulid,
    /// Who decided.
    pub by: UserId,
    /// Why.
    pub why: String,
    /// When.
    pub at: Timestamp,
}

/// Lifts a suppression, and says in the address's history who did it and why: both or neither. Its soft bounces are forgotten
/// with it, or the next one would suppress it again.
///
/// # Errors
/// [`StoreError::NotFound`] where nothing is in force, [`StoreError::Conflict`] when it changed meanwhile.
pub async fn remove(store: &Store, id: &SuppressionId, removal: Removal) -> Result<(), StoreError> {
    let Removal { entry, by, why, at } = removal;
    let standing: Suppression = store.get(keys::suppression(id)).await?.ok_or(StoreError::NotFound)?;
    let lift = Delete::builder()
        .table_name(&store.table)
        .set_key(Some(key_item(keys::suppression(id))))
        // Race: somebody else lifts it, and a new complaint suppresses it again; who lifts must have seen what is lifted.
        .condition_expression("#reason = :reason AND since = :since")
        .expression_attribute_names("#reason", "reason")
        .expression_attribute_values(":reason", s(standing.reason.as_str()))
        .expression_attribute_values(":since", s(standing.since.to_string()))
        .build()
        .map_err(|error| StoreError::Unavailable(Box::new(error)))?;
    let body = Change {
        kind: ChangeKind::Removed,
        at,
        reason: standing.reason,
        source: Some(SuppressionSource::Admin),
        evidence: standing.evidence,
        by: Some(by),
        note: Some(why),
    };
    let writes = vec![
        TransactWriteItem::builder().delete(lift).build(),
        put_new(
            store,
            item(keys::suppression_entry(id, at, &entry.to_string()), "suppression_entry", &body)?,
        )?,
        delete(store, keys::bounces(id))?,
    ];
    store.transact(writes).await?.committed_or("the suppression changed meanwhile")
}

/// The first `chars` characters of the digests of all suppressed addresses.
///
/// # Errors
/// When the table cannot be read.
pub(crate) async fn digests(store: &Store, chars: usize) -> Result<HashSet<String>, StoreError> {
    let items = store.list_all_items(Listing::gsi1(keys::SUPPRESSIONS).keys_only()).await?;
    let hashes = items.iter().filter_map(|item| item.get("pk")?.as_s().ok()?.rsplit_once('#'));
    Ok(hashes.map(|(_, hash)| hash.chars().take(chars).collect()).collect())
}

/// The suppression of an address, if one is in force.
///
/// # Errors
/// When the table cannot be read.
pub async fn find(store: &Store, id: &SuppressionId) -> Result<Option<SuppressedAddress>, StoreError> {
    let found: Option<SuppressionItem> = store.get(keys::suppression(id)).await?;
    Ok(found.map(|found| found.named(id.clone())))
}

impl SuppressionItem {
    fn named(self, id: SuppressionId) -> SuppressedAddress {
        let Self { suppression, masked } = self;
        SuppressedAddress { id, masked, suppression }
    }
}

/// What is in force for an address and what ever was.
///
/// # Errors
/// [`StoreError::NotFound`] for an address that never was suppressed.
pub async fn record(store: &Store, id: &SuppressionId) -> Result<AddressRecord, StoreError> {
    let partition = keys::suppression(id).pk;
    let mut record = AddressRecord {
        current: None,
        history: Vec::new(),
    };
    for found in store.list_all_items(Listing::partition(&partition).consistent()).await? {
        if text(&found, "sk") == keys::SUPPRESSION {
            record.current = Some(read::<SuppressionItem>(found)?.named(id.clone()));
        } else {
            record.history.push(read(found)?);
        }
    }
    if record.current.is_none() && record.history.is_empty() {
        return Err(StoreError::NotFound);
    }
    Ok(record)
}

/// Which suppressions to list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this channel.
    pub channel: Option<Channel>,
    /// For this reason.
    pub reason: Option<SuppressionReason>,
}

/// The most pages read for one page of a filtered list; what is left comes with the next.
const PAGES_READ: usize = 10;

/// Lists what is in force, newest first. With a filter a page may be short although others follow.
///
/// # Errors
/// When the table cannot be read.
pub async fn list(store: &Store, filter: Filter, page: &PageRequest) -> Result<Page<SuppressedAddress>, StoreError> {
    let wanted = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let mut request = page.clone();
    let mut items = Vec::new();
    for _ in 0..PAGES_READ {
        let (found, next) = store.list_items(Listing::gsi1(keys::SUPPRESSIONS).newest_first(), &request).await?;
        for item in found {
            let place = place(&item);
            let Some(id) = id_of_pk(&text(&item, "pk")) else { continue };
            let suppressed = read::<SuppressionItem>(item)?.named(id);
            let fits = filter.channel.is_none_or(|channel| channel == suppressed.id.channel())
                && filter.reason.is_none_or(|reason| reason == suppressed.suppression.reason);
            if fits {
                items.push(suppressed);
                if items.len() == wanted {
                    // Perhaps in the middle of what was read: the next page goes on after this one.
                    return Ok(Page { items, next: Some(place) });
                }
            }
        }
        match next {
            Some(next) => request.after = Some(next),
            None => return Ok(Page { items, next: None }),
        }
    }
    Ok(Page { items, next: request.after })
}

fn id_of_pk(pk: &str) -> Option<SuppressionId> {
    let (channel, hash) = pk.strip_prefix("SUPPRESS#")?.split_once('#')?;
    format!("{channel}-{hash}").parse().ok()
}

fn text(item: &Item, name: &str) -> String {
    item.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default()
}

/// Which of these addresses are suppressed, and why; a call for every hundred of them.
///
/// # Errors
/// When the table cannot be read.
pub async fn among(store: &Store, channel: Channel, addresses: &[String]) -> Result<HashMap<String, Suppression>, StoreError> {
    Ok(read_with(store, channel, addresses, Vec::new()).await?.0)
}

/// Reads which addresses are suppressed, together with the raw items at `extra`, a hundred keys a call. Addresses that are spelled
/// alike in all but case share an answer; no key may occur twice in `extra`.
pub(crate) async fn read_with(
    store: &Store,
    channel: Channel,
    addresses: &[String],
    extra: Vec<keys::Key>,
) -> Result<(HashMap<String, Suppression>, Vec<Item>), StoreError> {
    let mut sharing: HashMap<String, Vec<String>> = HashMap::new();
    let mut wanted: Vec<Item> = extra.into_iter().map(key_item).collect();
    for address in addresses {
        let key = keys::suppression(&SuppressionId::of(channel, address));
        let spellings = sharing.entry(key.pk.clone()).or_default();
        if spellings.is_empty() {
            // BatchGetItem refuses a key that is asked for twice.
            wanted.push(key_item(key));
        }
        spellings.push(address.clone());
    }

    let (mut suppressed, mut others) = (HashMap::new(), Vec::new());
    for found in store.get_all(wanted).await? {
        let Some(spellings) = sharing.get(&text(&found, "pk")) else {
            others.push(found);
            continue;
        };
        let suppression: Suppression = read(found)?;
        for address in spellings {
            suppressed.insert(address.clone(), suppression.clone());
        }
    }
    Ok((suppressed, others))
}

/// A message that came back although the address may be good.
#[derive(Debug, Clone, Copy)]
pub struct SoftBounce<'a> {
    /// The address.
    pub address: &'a str,
    /// The chunk the message was of.
    pub chunk: ChunkRef,
    /// The vendor it was for.
    pub recipient: VendorId,
    /// The provider's id of the message, which counts once however many events tell of it.
    pub message_id: &'a str,
    /// When.
    pub at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct StoredBounce {
    recipient: VendorId,
    campaign: CampaignId,
    message_id: String,
    at: Timestamp,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Bounces {
    #[serde(default)]
    bounces: Vec<StoredBounce>,
}

/// How long soft bounces are remembered after the last one.
const REMEMBERED_SECS: i64 = 400 * 24 * 3_600;
/// How many of the messages a vendor was sent last are looked through for deliveries.
const CAMPAIGNS_READ: usize = 10;
/// How many of what a vendor was asked are looked at for the newest [`CAMPAIGNS_READ`].
const ASKED_READ: u32 = 100;

/// Takes note of a soft bounce, and suppresses the address if it turns out to be unreachable; says whether it did.
///
/// Costs one call, and nothing at all for an address that never bounced: deliveries are not noted here. Only an address with
/// three bounces on record has its campaigns' chunks looked through for the deliveries in between, which are stored there
/// anyway. Store the events of the batch before calling this.
///
/// # Errors
/// When the table cannot be reached. Telling the same bounce again counts it once.
pub async fn record_soft_bounce(store: &Store, bounce: &SoftBounce<'_>) -> Result<bool, StoreError> {
    let channel = bounce.chunk.channel;
    let id = SuppressionId::of(channel, bounce.address);
    let known = note(store, &id, bounce).await?;
    if known.len() < suppression::SOFT_BOUNCES_OF_LAST {
        return Ok(false);
    }
    let Some(newest) = known.last() else { return Ok(false) };
    if !is_unreachable(store, &id, &known).await? {
        return Ok(false);
    }
    // The newest bounce is the evidence, whichever of them was told again: so the entry in the history is the same.
    let suppression = Suppression::new(SuppressionReason::SoftBounces, newest.at, SuppressionSource::Event)
        .because_of(newest.campaign, Some(newest.message_id.clone()));
    add(store, channel, bounce.address, &suppression).await
}

/// Adds a bounce to those of its address; gives all of them.
async fn note(store: &Store, id: &SuppressionId, bounce: &SoftBounce<'_>) -> Result<Vec<StoredBounce>, StoreError> {
    let stored = StoredBounce {
        recipient: bounce.recipient,
        campaign: bounce.chunk.campaign,
        message_id: bounce.message_id.to_owned(),
        at: bounce.at,
    };
    let stored = serde_dynamo::to_attribute_value(stored).map_err(StoreError::encoding)?;
    let update = store
        .client
        .update_item()
        .table_name(&store.table)
        .set_key(Some(key_item(keys::bounces(id))))
        .update_expression(
            "SET bounces = list_append(if_not_exists(bounces, :none), :new), #entity = :entity, v = :v, expires_at = :until ADD message_ids :ids",
        )
        // Race: an event delivered twice, perhaps to two workers at once; a message counts once.
        .condition_expression("attribute_not_exists(message_ids) OR NOT contains(message_ids, :id)")
        .expression_attribute_names("#entity", "entity")
        .expression_attribute_values(":none", AttributeValue::L(Vec::new()))
        .expression_attribute_values(":new", AttributeValue::L(vec![stored]))
        .expression_attribute_values(":entity", s("bounces"))
        .expression_attribute_values(":v", n(1))
        .expression_attribute_values(":until", n(bounce.at.as_second() + REMEMBERED_SECS))
        .expression_attribute_values(":ids", AttributeValue::Ss(vec![bounce.message_id.to_owned()]))
        .expression_attribute_values(":id", s(bounce.message_id))
        .return_values(ReturnValue::AllNew)
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    let found = match update.send().await {
        Ok(output) => output.attributes,
        Err(error) => match error.as_service_error() {
            // Told before. Whoever counted it may have died before judging, so it is judged again.
            Some(UpdateItemError::ConditionalCheckFailedException(failed)) => failed.item.clone(),
            _ => return Err(error.into()),
        },
    };
    let Bounces { mut bounces } = found.map(read).transpose()?.unwrap_or_default();
    bounces.sort_by(|a, b| (a.at, &a.message_id).cmp(&(b.at, &b.message_id)));
    if bounces.len() > suppression::HISTORY {
        let seen = bounces.len();
        bounces.drain(..seen - suppression::HISTORY);
        keep(store, id, seen, &bounces).await?;
    }
    Ok(bounces)
}

/// Keeps the newest bounces only. One that falls out here and is told again is the oldest again, and falls out again.
async fn keep(store: &Store, id: &SuppressionId, seen: usize, bounces: &[StoredBounce]) -> Result<(), StoreError> {
    let ids = bounces.iter().map(|bounce| bounce.message_id.clone()).collect();
    let result = store
        .client
        .update_item()
        .table_name(&store.table)
        .set_key(Some(key_item(keys::bounces(id))))
        .update_expression("SET bounces = :bounces, message_ids = :ids")
        // Race: another bounce was noted since; it must not be forgotten, and whoever noted it trims.
        .condition_expression("size(bounces) = :seen")
        .expression_attribute_values(":bounces", serde_dynamo::to_attribute_value(bounces).map_err(StoreError::encoding)?)
        .expression_attribute_values(":ids", AttributeValue::Ss(ids))
        .expression_attribute_values(":seen", n(seen))
        .send()
        .await;
    match result.map_err(StoreError::from) {
        Ok(_) | Err(StoreError::Conflict(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

#[derive(Deserialize)]
struct AskedThrough {
    campaign_id: CampaignId,
    channel: Channel,
    chunk: u32,
    asked_at: Timestamp,
}

/// Judges an address by its bounces and by the deliveries its vendors' campaigns recorded.
async fn is_unreachable(store: &Store, id: &SuppressionId, bounces: &[StoredBounce]) -> Result<bool, StoreError> {
    let mut history = AddressHistory::default();
    let vendors: BTreeSet<VendorId> = bounces.iter().map(|bounce| bounce.recipient).collect();
    for vendor in vendors {
        let partition = keys::vendor(vendor).pk;
        let page = PageRequest {
            limit: ASKED_READ,
            after: None,
        };
        let listing = Listing::partition(&partition)
            .beginning_with(keys::ASKED_PREFIX)
            .newest_first()
            .consistent();
        let mut asked: Vec<AskedThrough> = store.list(listing, &page).await?.items;
        asked.retain(|asked| asked.channel == id.channel());
        asked.sort_by_key(|asked| std::cmp::Reverse(asked.asked_at));
        for asked in asked.into_iter().take(CAMPAIGNS_READ) {
            let chunk = ChunkRef {
                campaign: asked.campaign_id,
                channel: asked.channel,
                number: asked.chunk,
            };
            let (log, _) = crate::chunks::log(store, chunk).await?;
            // The vendor may have had another address then.
            let went_here = |address: &str| SuppressionId::of(id.channel(), address) == *id;
            let recipient = log.recipients.iter().find(|recipient| recipient.id == vendor);
            if !recipient.and_then(|recipient| recipient.address(id.channel())).is_some_and(went_here) {
                continue;
            }
            for event in log.events {
                if event.recipient == vendor && event.kind == EventKind::Delivered {
                    history.record(&event.provider_id, event.at, DeliveryResult::Delivered);
                }
            }
        }
    }
    for bounce in bounces {
        history.record(&bounce.message_id, bounce.at, DeliveryResult::SoftBounced);
    }
    Ok(history.is_unreachable())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_stored_with_reason_and_date_alone_still_suppresses() {
        let mut item = key_item(keys::suppression(&SuppressionId::of(Channel::Email, "asha@example.in")));
        for (name, value) in [("reason", "unsubscribe"), ("since", "2026-11-22T10:00:00Z"), ("entity", "suppression")] {
            item.insert(name.to_owned(), s(value));
        }
        item.insert("v".to_owned(), n(1));
        let id = id_of_pk(&text(&item, "pk")).unwrap();
        assert_eq!(id, SuppressionId::of(Channel::Email, "asha@example.in"));
        let found = read::<SuppressionItem>(item).unwrap().named(id);
        assert_eq!(found.suppression.reason, SuppressionReason::Unsubscribe);
        assert_eq!((found.suppression.source, found.suppression.expires_at, found.masked), (None, None, None));
        assert!(found.suppression.evidence.is_none());
    }
}
