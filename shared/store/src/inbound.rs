//! What vendors write to us on WhatsApp, and which campaigns wrote to a number.
//!
//! A number is a key only as its hash. That a campaign wrote to it is stored when Meta says that the message went out, in the
//! batch that stores the status: sending costs nothing for it, and a vendor can only answer what it got.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use domain::delivery::{Channel, DeliveryEvent};
use domain::identifiers::Udyam;
use domain::suppression::SuppressionId;
use domain::{CampaignId, VendorId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::client::{Listing, item, n, read, s};
use crate::{ChunkRef, PageRequest, Store, StoreError, keys};

/// How long it is remembered that a campaign wrote to a number.
const REMEMBERED_SECS: i64 = 400 * 24 * 3_600;
/// How many of the messages to a number are looked through for the one that is answered.
const CONTACTS_READ: u32 = 100;
/// What a transaction takes.
const CONTACTS_WRITTEN: usize = 100;

/// That a campaign's message went out to a number.
#[derive(Debug, Clone)]
pub struct Contact {
    /// The number, E.164.
    pub phone: String,
    /// The chunk the message was of.
    pub chunk: ChunkRef,
    /// The vendor it was for.
    pub vendor: VendorId,
    /// Meta's id of the message.
    pub message_id: String,
    /// When.
    pub at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct ContactItem {
    campaign_id: CampaignId,
    chunk: u32,
    vendor_id: VendorId,
    message_id: String,
    expires_at: i64,
}

/// Stores events, as [`chunks::record_events`](crate::chunks::record_events) does, and contacts, 100 a call. Storing
/// either again changes nothing.
///
/// # Errors
/// When the table cannot be written.
pub async fn record(store: &Store, events: BTreeMap<ChunkRef, Vec<DeliveryEvent>>, contacts: Vec<Contact>) -> Result<(), StoreError> {
    let events = crate::chunks::event_items(events)?;
    // A transaction refuses a key that occurs twice.
    let mut by_key = HashMap::new();
    for contact in contacts {
        let Contact {
            phone,
            chunk,
            vendor,
            message_id,
            at,
        } = contact;
        let key = keys::contact(&number(&phone), chunk.campaign, vendor);
        let body = ContactItem {
            campaign_id: chunk.campaign,
            chunk: chunk.number,
            vendor_id: vendor,
            message_id,
            expires_at: at.as_second() + REMEMBERED_SECS,
        };
        by_key.insert(key.clone(), item(key, "contact", &body)?);
    }
    store.put_all(events).await?;
    let mut contacts = Vec::with_capacity(by_key.len());
    for item in by_key.into_values() {
        let put = Put::builder()
            .table_name(&store.table)
            .set_item(Some(item))
            .build()
            .map_err(|error| StoreError::Unavailable(Box::new(error)))?;
        contacts.push(TransactWriteItem::builder().put(put).build());
    }
    // Not because they belong together: a transaction takes four times as many small items as a batch does, and there is one
    // for every message that goes out.
    for contacts in contacts.chunks(CONTACTS_WRITTEN) {
        store
            .transact(contacts.to_vec())
            .await?
            .committed_or("a contact was refused, which has no condition")?;
    }
    Ok(())
}

/// Numbers are hashed as suppressions hash them.
fn number(phone: &str) -> SuppressionId {
    SuppressionId::of(Channel::Whatsapp, phone)
}

/// A vendor whom a campaign wrote to at a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addressee {
    /// The campaign.
    pub campaign: CampaignId,
    /// The vendor's chunk.
    pub chunk: u32,
    /// The vendor.
    pub vendor: VendorId,
}

impl Addressee {
    /// The chunk, which is of WhatsApp.
    pub const fn chunk(self) -> ChunkRef {
        ChunkRef {
            campaign: self.campaign,
            channel: Channel::Whatsapp,
            number: self.chunk,
        }
    }
}

/// Finds whom a message from `phone` comes from: the vendor whose message `answers` is, or else the vendors the newest campaign
/// reached at that number. There are several where vendors share a number, and none where no campaign ever wrote to it.
///
/// # Errors
/// When the table cannot be read.
pub async fn addressees(store: &Store, phone: &str, answers: Option<&str>) -> Result<Vec<Addressee>, StoreError> {
    let partition = keys::contacts(&number(phone));
    let page = PageRequest {
        limit: CONTACTS_READ,
        after: None,
    };
    let found: Vec<ContactItem> = store.list(Listing::partition(&partition).newest_first().consistent(), &page).await?.items;
    let answered = found.iter().find(|contact| answers == Some(contact.message_id.as_str()));
    let newest = found.first().map(|contact| contact.campaign_id);
    let addressee = |contact: &ContactItem| Addressee {
        campaign: contact.campaign_id,
        chunk: contact.chunk,
        vendor: contact.vendor_id,
    };
    Ok(match answered {
        Some(answered) => vec![addressee(answered)],
        None => found
            .iter()
            .filter(|contact| Some(contact.campaign_id) == newest)
            .map(addressee)
            .collect(),
    })
}

/// A message of a vendor, and what was made of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboundMessage {
    /// Meta's id of the message.
    pub message_id: String,
    /// When it was sent.
    pub at: Timestamp,
    /// The number, masked: `+91XXXXXX3210`.
    pub from_masked: String,
    /// SHA-256 of the number, as in suppressions.
    pub from_hash: String,
    /// Whom it comes from, as far as could be found when it came.
    #[serde(default)]
    pub addressees: Vec<Addressee>,
    /// What it says.
    pub text: String,
    /// What we had put behind the button that was tapped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
    /// The message of ours it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<String>,
    /// Whether it says that no more messages are wanted.
    #[serde(default)]
    pub opts_out: bool,
    /// The Udyam number in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub udyam: Option<Udyam>,
}

impl InboundMessage {
    /// Hash and masked form of a number.
    pub fn sender(phone: &str) -> (String, String) {
        (number(phone).hash().to_owned(), domain::suppression::masked(Channel::Whatsapp, phone))
    }
}

/// Stores a message and gives what is stored: this one, or the same message as it was understood when it first came. Whoever
/// acts on what this gives does the same however often Meta tells of a message.
///
/// # Errors
/// When the table cannot be written.
pub async fn receive(store: &Store, message: &InboundMessage) -> Result<InboundMessage, StoreError> {
    let mut stored = item(keys::inbound(&message.message_id), "inbound_message", message)?;
    stored.insert("gsi1pk".into(), s(keys::INBOUND));
    stored.insert("gsi1sk".into(), s(keys::by_time(message.at, &message.message_id)));
    stored.insert("expires_at".into(), n(message.at.as_second() + REMEMBERED_SECS));
    let put = store
        .client
        .put_item()
        .table_name(&store.table)
        .set_item(Some(stored))
        // Race: a webhook delivered twice, perhaps to two workers at once; the first understanding stands.
        .condition_expression("attribute_not_exists(pk)")
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    match put.send().await {
        Ok(_) => Ok(message.clone()),
        Err(error) => match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(failed)) => match failed.item.clone() {
                Some(standing) => read(standing),
                None => Err(StoreError::Conflict("the message was stored at the same moment")),
            },
            _ => Err(error.into()),
        },
    }
}
