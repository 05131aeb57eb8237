//! Vendors' answers, and the dated status they prove.

use domain::declaration::{Declaration, Response};
use domain::delivery::{Channel, DeliveryEvent, EventKind};
use domain::status::{self, Evidence, StatusEntry};
use domain::{CampaignId, ResponseId, VendorId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use ulid::Ulid;

use crate::client::{Listing, Transaction, item, read, s};
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
        let AskedItem { campaign_id, channel, chunk } = read(found)?;
        chunks.push(ChunkRef {
            campaign: campaign_id,
            channel,
            number: chunk,
        });
    }
    let answer = store.get(keys::answer(vendor, root)).await?;
    Ok(Some(Asked { chunks, answer }))
}

/// Applies a vendor's answer to the other codes of its PAN, with an entry in each that names the answer. From which day it counts is
/// told by each code's own history, as for the code that answered. Repeating it is harmless.
///
/// # Errors
/// When the table cannot be reached, or a vendor keeps changing.
pub async fn apply_to_pan(store: &Store, vendor: VendorId, root: CampaignId) -> Result<(), StoreError> {
    let source = match vendors::get(store, vendor).await {
        Ok(source) => source,
        // Deleted meanwhile: its answer stays its own.
        Err(StoreError::NotFound) => return Ok(()),
        Err(error) => return Err(error),
    };
    let Some(answered) = store.get::<Answered>(keys::answer(vendor, root)).await? else {
        return Ok(());
    };
    let response: ResponseItem = store.get(keys::response(answered.response_id)).await?.ok_or(StoreError::NotFound)?;
    let evidence = Evidence::SamePan {
        vendor_id: vendor,
        response_id: Some(response.id),
        campaign_id: Some(response.campaign_id),
        rank: None,
        known_until: None,
    };
    let who = response.id.to_string();
    let by = By {
        who: &who,
        at: response.submitted_at,
        // The answer names the entry: applied again, it is recognised.
        entry: response.id.ulid(),
    };
    vendors::share_with_pan(store, &source, by, |history| {
        // Looked for by the answer, not by the day: with what came since, the same answer would count from another one.
        let is_applied = history.iter().any(|entry| entry.evidence == evidence);
        (!is_applied).then(|| entry_of(&response.declaration, response.submitted_at, history, evidence.clone()))
    })
    .await?;
    Ok(())
}

/// What a declaration adds to a history.
fn entry_of(declaration: &Declaration, submitted_at: Timestamp, history: &[StatusEntry], evidence: Evidence) -> StatusEntry {
    let from = status::declared_from(declaration, submitted_at, history);
    StatusEntry {
        class_rule: declaration.class_rule(submitted_at),
        ..StatusEntry::new(declaration.status, from, submitted_at, evidence)
    }
}

/// What a vendor declared last, in any campaign.
///
/// # Errors
/// When the table cannot be read.
pub async fn newest(store: &Store, vendor: VendorId) -> Result<Option<Declaration>, StoreError> {
    let prefix = keys::answers_of(vendor);
    let items = store.list_all_items(Listing::partition(&prefix.pk).beginning_with(&prefix.sk)).await?;
    let answers: Vec<Answered> = items.into_iter().map(read).collect::<Result<_, _>>()?;
    let Some(newest) = answers.into_iter().max_by_key(|answer| answer.responded_at) else {
        return Ok(None);
    };
    let response: Option<ResponseItem> = store.get(keys::response(newest.response_id)).await?;
    Ok(response.map(|response| response.declaration))
}

/// What became of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Submitted {
    /// Stored; the vendor has a new dated status.
    Accepted,
    /// This link was answered before; nothing changed.
    AlreadyAnswered,
}

/// Stores an answer to `root` or a reminder of it: the response, the vendor's dated status and what it declared of itself, the
/// totals, and an event in each of the `chunks` that asked, all or nothing.
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
            put_new(store, item(keys::answered(root, vendor_id), "campaign_answer", &answered)?)?,
        ];
        for chunk in chunks {
            writes.push(crate::chunks::put_event(store, *chunk, event.clone())?);
        }
        let profile = declaration.applied_to(&vendor.profile);
        writes.extend(vendors::set_status(store, &vendor, profile, &status, by).await?);
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
