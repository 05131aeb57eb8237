//! Vendors' answers, and the dated status they prove.

use aws_sdk_dynamodb::types::{ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update};
use domain::declaration::{Declaration, Response};
use domain::delivery::{Channel, DeliveryEvent, EventKind};
use domain::status::{Evidence, StatusEntry};
use domain::{CampaignId, ResponseId, VendorId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use ulid::Ulid;

use crate::client::{Transaction, item, key_item, s};
use crate::users::put_new;
use crate::{ChunkRef, Store, StoreError, chunks, keys, vendors};

#[derive(Serialize, Deserialize)]
struct ResponseItem {
    id: ResponseId,
    campaign_id: CampaignId,
    vendor_id: VendorId,
    declaration: Declaration,
    submitted_at: Timestamp,
    source_hash: String,
}

/// What was asked of a vendor by a campaign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The chunk that holds the vendor.
    pub chunk: u32,
    /// The answer, once given.
    #[serde(default)]
    pub response_id: Option<ResponseId>,
    /// When it was given.
    #[serde(default)]
    pub responded_at: Option<Timestamp>,
}

/// Reads what was asked; `None` when the campaign never asked this vendor.
///
/// # Errors
/// When the table cannot be read.
pub async fn asked(store: &Store, vendor: VendorId, campaign: CampaignId) -> Result<Option<Asked>, StoreError> {
    store.get(keys::recipient_of(vendor, campaign)).await
}

/// What became of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Submitted {
    /// Stored; the vendor has a new dated status.
    Accepted,
    /// This link was answered before; nothing changed.
    AlreadyAnswered,
}

/// Stores an answer: the response, the vendor's dated status, the totals and the campaign's event, all or nothing.
///
/// # Errors
/// [`StoreError::NotFound`] when the vendor is gone or was never asked; [`StoreError::Throttled`] when the vendor keeps
/// changing under us.
pub async fn submit(store: &Store, response: &Response, chunk: u32, entry: Ulid) -> Result<Submitted, StoreError> {
    let Response {
        id,
        campaign_id,
        vendor_id,
        declaration,
        submitted_at,
        source_hash,
    } = response.clone();
    let status = declaration.status;
    let effective_from = declaration
        .registration_date
        .unwrap_or_else(|| domain::declaration::indian_date(submitted_at));
    let history = StatusEntry {
        status,
        effective_from,
        recorded_at: submitted_at,
        evidence: Evidence::Declaration {
            response_id: id,
            campaign_id,
        },
    };
    let chunk = ChunkRef {
        campaign: campaign_id,
        channel: Channel::Email,
        number: chunk,
    };
    let event = DeliveryEvent {
        recipient: vendor_id,
        kind: EventKind::Responded,
        provider_id: id.to_string(),
        at: submitted_at,
        reason: None,
    };
    let body = ResponseItem {
        id,
        campaign_id,
        vendor_id,
        declaration,
        submitted_at,
        source_hash,
    };
    let mut stored = item(keys::response(id), "response", &body)?;
    stored.insert("gsi1pk".into(), s(keys::RESPONSES));
    stored.insert("gsi1sk".into(), s(keys::by_time(submitted_at, id)));

    for _ in 0..5 {
        let vendor = vendors::get(store, vendor_id).await?;
        let once = Update::builder()
            .table_name(&store.table)
            .set_key(Some(key_item(keys::recipient_of(vendor_id, campaign_id))))
            .update_expression("SET response_id = :response, responded_at = :at")
            // Race: two clicks on *submit*, or two people with one link; the first answer is the answer.
            .condition_expression("attribute_exists(pk) AND attribute_not_exists(response_id)")
            .expression_attribute_values(":response", s(id.to_string()))
            .expression_attribute_values(":at", s(submitted_at.to_string()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(|error| StoreError::Unavailable(Box::new(error)))?;
        let mut writes = vec![
            TransactWriteItem::builder().update(once).build(),
            put_new(store, stored.clone())?,
            put_new(
                store,
                item(keys::vendor_status(vendor_id, effective_from, entry), "vendor_status", &history)?,
            )?,
            chunks::put_event(store, chunk, event.clone())?,
        ];
        writes.extend(vendors::set_status(store, &vendor, status, submitted_at)?);
        match store.transact(writes).await? {
            Transaction::Committed => return Ok(Submitted::Accepted),
            Transaction::Refused(reasons) if Transaction::failed_at(&reasons, 0) => {
                return match asked(store, vendor_id, campaign_id).await? {
                    Some(asked) if asked.response_id == Some(id) => Ok(Submitted::Accepted),
                    Some(_) => Ok(Submitted::AlreadyAnswered),
                    None => Err(StoreError::NotFound),
                };
            }
            // The vendor changed between the read and the write; read again.
            Transaction::Refused(_) => {}
        }
    }
    Err(StoreError::Throttled)
}
