//! Vendors' answers, and the dated status they prove.

use domain::declaration::{Declaration, Response};
use domain::delivery::{Channel, DeliveryEvent, EventKind};
use domain::identifiers::Pan;
use domain::pan_group::{self, KeptAlone};
use domain::status::{self, Evidence, StatusEntry};
use domain::{CampaignId, ResponseId, VendorId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use ulid::Ulid;

use crate::client::{Listing, Transaction, item, key_item, read, s};
use crate::users::put_new;
use crate::vendors::By;
use crate::{ChunkRef, Store, StoreError, keys, vendors};

#[derive(Serialize, Deserialize)]
struct ResponseItem {
    id: ResponseId,
    campaign_id: CampaignId,
    vendor_id: VendorId,
    declaration: Declaration,
    submitted_at: Timestamp,
    source_hash: String,
}

/// What was asked of a vendor by a campaign and its reminders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Every chunk that holds the vendor.
    pub chunks: Vec<ChunkRef>,
    /// The answer, once given.
    pub answer: Option<Answered>,
}

/// That a vendor answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// The answer.
    pub response_id: ResponseId,
    /// When it was given.
    pub responded_at: Timestamp,
}

#[derive(Deserialize)]
struct AskedItem {
    campaign_id: CampaignId,
    channel: Channel,
    chunk: u32,
    #[serde(default)]
    pan_digest: Option<String>,
}

/// Reads what was asked by `root` and its reminders; `None` when they never asked this vendor.
///
/// # Errors
/// When the table cannot be read.
pub async fn asked(store: &Store, vendor: VendorId, root: CampaignId) -> Result<Option<Asked>, StoreError> {
    let prefix = keys::recipient_of_root(vendor, root);
    let listing = Listing::partition(&prefix.pk).beginning_with(&prefix.sk).consistent();
    let items = store.list_all_items(listing).await?;
    if items.is_empty() {
        return Ok(None);
    }
    let mut chunks = Vec::with_capacity(items.len());
    for found in items {
        let AskedItem {
            campaign_id, channel, chunk, ..
        } = read(found)?;
        chunks.push(ChunkRef {
            campaign: campaign_id,
            channel,
            number: chunk,
        });
    }
    let answer = store.get(keys::answer(vendor, root)).await?;
    Ok(Some(Asked { chunks, answer }))
}

/// How far an answer was applied to the codes of its PAN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// Nothing is left to do.
    Done,
    /// The time was up after this vendor.
    Through(VendorId),
}

/// Applies a vendor's answer to the other codes of its PAN (those after `after`, by id), one after the other while there is time:
/// an entry in each names the answer, and each counts as having answered `root`. From which day the status counts is told by each
/// code's own history, as for the code that answered; it is known from `now` on. Repeating it is harmless.
///
/// An answer is about the person that was asked. Where it names another PAN, or the vendor has another one since, it stays with the
/// code that gave it, and its item says why.
///
/// # Errors
/// When the table cannot be reached, or a vendor keeps changing.
pub async fn apply_to_pan(
    store: &Store,
    vendor: VendorId,
    root: CampaignId,
    after: Option<VendorId>,
    now: Timestamp,
    has_time: impl Fn() -> bool,
) -> Result<Applied, StoreError> {
    let source = match vendors::get(store, vendor).await {
        Ok(source) => source,
        // Deleted meanwhile: its answer stays its own.
        Err(StoreError::NotFound) => return Ok(Applied::Done),
        Err(error) => return Err(error),
    };
    let (Some(pan), Some(answered)) = (&source.profile.pan_number, store.get::<Answered>(keys::answer(vendor, root)).await?) else {
        return Ok(Applied::Done);
    };
    let response: ResponseItem = store.get(keys::response(answered.response_id)).await?.ok_or(StoreError::NotFound)?;
    if let Some(reason) = kept_alone(store, &response, root, pan).await? {
        mark_kept_alone(store, vendor, root, reason).await?;
        return Ok(Applied::Done);
    }
    let evidence = Evidence::SamePan {
        vendor_id: vendor,
        response_id: Some(response.id),
        campaign_id: Some(response.campaign_id),
    };
    let who = response.id.to_string();
    let by = By {
        who: &who,
        at: now,
        // The answer names the entry: applied again, it is recognised.
        entry: response.id.ulid(),
    };
    // Looked for by the answer, not by the day: with what came since, the same answer would count from another one.
    let is_it = |entry: &StatusEntry| matches!(&entry.evidence, Evidence::SamePan { response_id: Some(id), .. } if *id == response.id);
    let members = vendors::list_by_pan(store, pan.as_str()).await?;
    let others = members
        .into_iter()
        .filter(|member| member.id != vendor && after.is_none_or(|after| member.id > after));
    let mut through = None;
    for member in others {
        if let Some(through) = through.filter(|_| !has_time()) {
            return Ok(Applied::Through(through));
        }
        let id = member.id;
        vendors::share_with(store, member, by, |history| {
            (!history.iter().any(is_it)).then(|| StatusEntry {
                // The history of a code tells when each thing became known of it: not before it was written.
                recorded_at: now,
                ..entry_of(&response.declaration, response.submitted_at, history, evidence.clone())
            })
        })
        .await?;
        // Race: the code answers for itself at this moment; its own answer stays.
        store.put_fresh(item(keys::answered(root, id), "campaign_answer", &answered)?).await?;
        through = Some(id);
    }
    Ok(Applied::Done)
}

/// Whether an answer is about another person than the vendor's record is now, as far as anybody can tell.
async fn kept_alone(store: &Store, response: &ResponseItem, root: CampaignId, pan: &Pan) -> Result<Option<KeptAlone>, StoreError> {
    if pan_group::names_another_pan(&response.declaration, pan) {
        return Ok(Some(KeptAlone::NamesAnotherPan));
    }
    let prefix = keys::recipient_of_root(response.vendor_id, root);
    let listing = Listing::partition(&prefix.pk).beginning_with(&prefix.sk).consistent();
    let asked: Vec<AskedItem> = store.list_all_items(listing).await?.into_iter().map(read).collect::<Result<_, _>>()?;
    // What counts is the message that was answered: a reminder may have gone out after the PAN was corrected.
    let digest = pan_group::pan_digest(pan);
    let changed = asked
        .iter()
        .any(|asked| asked.campaign_id == response.campaign_id && asked.pan_digest.as_ref() != Some(&digest));
    Ok(changed.then_some(KeptAlone::PanChanged))
}

/// Notes beside an answer why it counts for one code only.
async fn mark_kept_alone(store: &Store, vendor: VendorId, root: CampaignId, reason: KeptAlone) -> Result<(), StoreError> {
    store
        .client
        .update_item()
        .table_name(&store.table)
        .set_key(Some(key_item(keys::answer(vendor, root))))
        .update_expression("SET kept_alone = :reason")
        .condition_expression("attribute_exists(pk)")
        .expression_attribute_values(":reason", serde_dynamo::to_attribute_value(reason).map_err(StoreError::encoding)?)
        .send()
        .await?;
    Ok(())
}

/// What a declaration adds to a history.
fn entry_of(declaration: &Declaration, submitted_at: Timestamp, history: &[StatusEntry], evidence: Evidence) -> StatusEntry {
    let from = status::declared_from(declaration, submitted_at, history);
    StatusEntry::new(declaration.status, from, submitted_at, evidence)
}

/// What a vendor declared last.
#[derive(Debug, Clone, PartialEq)]
pub struct NewestAnswer {
    /// The declaration.
    pub declaration: Declaration,
    /// Why it was not applied to the other codes of the PAN, where it was to be and could not.
    pub kept_alone: Option<KeptAlone>,
}

/// What a vendor declared last, in any campaign.
///
/// # Errors
/// When the table cannot be read.
pub async fn newest(store: &Store, vendor: VendorId) -> Result<Option<Declaration>, StoreError> {
    Ok(newest_answer(store, vendor).await?.map(|newest| newest.declaration))
}

/// What a vendor declared last, in any campaign, and whether the other codes of its PAN have it.
///
/// # Errors
/// When the table cannot be read.
pub async fn newest_answer(store: &Store, vendor: VendorId) -> Result<Option<NewestAnswer>, StoreError> {
    #[derive(Deserialize)]
    struct Found {
        #[serde(flatten)]
        answered: Answered,
        #[serde(default)]
        kept_alone: Option<KeptAlone>,
    }
    let prefix = keys::answers_of(vendor);
    let items = store.list_all_items(Listing::partition(&prefix.pk).beginning_with(&prefix.sk)).await?;
    let answers: Vec<Found> = items.into_iter().map(read).collect::<Result<_, _>>()?;
    let Some(Found { answered, kept_alone }) = answers.into_iter().max_by_key(|found| found.answered.responded_at) else {
        return Ok(None);
    };
    let response: Option<ResponseItem> = store.get(keys::response(answered.response_id)).await?;
    Ok(response.map(|response| NewestAnswer {
        declaration: response.declaration,
        kept_alone,
    }))
}

/// What became of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Submitted {
    /// Stored; the vendor has a new dated status.
    Accepted,
    /// This link was answered before; nothing changed.
    AlreadyAnswered,
}

/// Stores an answer to `root` or a reminder of it: the response, the vendor's dated status, the totals, and an event in each of
/// the `chunks` that asked, all or nothing.
///
/// # Errors
/// [`StoreError::NotFound`] when the vendor is gone or was never asked; [`StoreError::Throttled`] when the vendor keeps
/// changing under us.
pub async fn submit(store: &Store, response: &Response, root: CampaignId, chunks: &[ChunkRef], entry: Ulid) -> Result<Submitted, StoreError> {
    let Response {
        id,
        campaign_id,
        vendor_id,
        declaration,
        submitted_at,
        source_hash,
    } = response.clone();
    let evidence = Evidence::Declaration {
        response_id: id,
        campaign_id,
        certificate_sha256: None,
    };
    let event = DeliveryEvent {
        recipient: vendor_id,
        kind: EventKind::Responded,
        provider_id: id.to_string(),
        at: submitted_at,
        reason: None,
    };
    let answered = Answered {
        response_id: id,
        responded_at: submitted_at,
    };
    let body = ResponseItem {
        id,
        campaign_id,
        vendor_id,
        declaration: declaration.clone(),
        submitted_at,
        source_hash,
    };
    let mut stored = item(keys::response(id), "response", &body)?;
    stored.insert("gsi1pk".into(), s(keys::RESPONSES));
    stored.insert("gsi1sk".into(), s(keys::by_time(submitted_at, id)));

    let who = id.to_string();
    let by = By {
        who: &who,
        at: submitted_at,
        entry,
    };
    for _ in 0..5 {
        let vendor = vendors::get(store, vendor_id).await?;
        let history = vendors::status_history(store, vendor_id).await?;
        let status = entry_of(&declaration, submitted_at, &history, evidence.clone());
        let mut writes = vec![
            // Race: two clicks on *submit*, two people with one link, or a reminder's link and the first one's; the first answer is
            // the answer.
            put_new(store, item(keys::answer(vendor_id, root), "answer", &answered)?)?,
            put_new(store, stored.clone())?,
            // Another code's answer may have been applied to this one before: its own takes that one's place.
            vendors::put(store, item(keys::answered(root, vendor_id), "campaign_answer", &answered)?)?,
        ];
        for chunk in chunks {
            writes.push(crate::chunks::put_event(store, *chunk, event.clone())?);
        }
        writes.extend(vendors::set_status(store, &vendor, &status, by).await?);
        match store.transact(writes).await? {
            Transaction::Committed => return Ok(Submitted::Accepted),
            Transaction::Refused(reasons) if Transaction::failed_at(&reasons, 0) => {
                // Ours, where the SDK repeated a transaction that had succeeded.
                let standing: Option<Answered> = store.get(keys::answer(vendor_id, root)).await?;
                return Ok(match standing {
                    Some(standing) if standing.response_id == id => Submitted::Accepted,
                    _ => Submitted::AlreadyAnswered,
                });
            }
            // The vendor changed between the read and the write; read again.
            Transaction::Refused(_) => {}
        }
    }
    Err(StoreError::Throttled)
}
