//! Suppressions on the wire, and what is read from requests.

use domain::delivery::Channel;
use domain::identifiers::{EmailAddress, MobileNumber};
use domain::suppression::{SuppressionId, SuppressionReason, SuppressionSource};
use jiff::Timestamp;
use runtime::problem::invalid;
use runtime::{ApiError, Request};
use serde::Serialize;
use store::suppressions::{AddressRecord, Change, ChangeKind, Evidence, SuppressedAddress, Suppression};
use utoipa::ToSchema;

/// An address that is not written to.
#[derive(Debug, Serialize, ToSchema)]
pub struct SuppressionResponse {
    /// Names channel and address: `email-<sha256>`.
    id: String,
    channel: Channel,
    /// The address, masked: `a***@example.in`, `+91XXXXXX3210`. Absent for what was stored before it was kept.
    address: Option<String>,
    reason: SuppressionReason,
    /// Since when.
    since: Timestamp,
    /// How it became known.
    source: Option<SuppressionSource>,
    /// The campaign whose message is the evidence, `cmp_…`.
    campaign_id: Option<String>,
    /// The provider's id of that message or event.
    message_id: Option<String>,
    /// When it ends by itself; absent for one that does not.
    until: Option<Timestamp>,
}

impl From<SuppressedAddress> for SuppressionResponse {
    fn from(suppressed: SuppressedAddress) -> Self {
        let SuppressedAddress { id, masked, suppression } = suppressed;
        let Suppression {
            reason,
            since,
            source,
            evidence: Evidence { campaign, message_id },
            // Who decided, and why, is in the history.
            by: _,
            note: _,
            expires_at,
        } = suppression;
        Self {
            id: id.to_string(),
            channel: id.channel(),
            address: masked,
            reason,
            since,
            source,
            campaign_id: campaign.map(|id| id.to_string()),
            message_id,
            until: expires_at.and_then(|seconds| Timestamp::from_second(seconds).ok()),
        }
    }
}

/// All that is known about an address.
#[derive(Debug, Serialize, ToSchema)]
pub struct SuppressionDetail {
    /// Names channel and address.
    id: String,
    channel: Channel,
    /// What is in force; absent if the address may be written to again.
    current: Option<SuppressionResponse>,
    /// What happened, oldest first.
    history: Vec<ChangeResponse>,
}

impl SuppressionDetail {
    pub(crate) fn new(id: &SuppressionId, record: AddressRecord) -> Self {
        let AddressRecord { current, history } = record;
        Self {
            id: id.to_string(),
            channel: id.channel(),
            current: current.map(SuppressionResponse::from),
            history: history.into_iter().map(ChangeResponse::from).collect(),
        }
    }
}

/// An entry of an address's history. It is never changed.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangeResponse {
    /// `added` or `removed`.
    #[schema(value_type = String, example = "added")]
    kind: ChangeKind,
    /// When.
    at: Timestamp,
    /// The reason that was added, or that was in force when it was lifted.
    reason: SuppressionReason,
    /// How it became known.
    source: Option<SuppressionSource>,
    /// The campaign whose message is the evidence.
    campaign_id: Option<String>,
    /// The provider's id of that message or event.
    message_id: Option<String>,
    /// The user who did it, `usr_…`.
    by: Option<String>,
    /// What that user had to say.
    note: Option<String>,
}

impl From<Change> for ChangeResponse {
    fn from(change: Change) -> Self {
        let Change {
            kind,
            at,
            reason,
            source,
            evidence: Evidence { campaign, message_id },
            by,
            note,
        } = change;
        Self {
            kind,
            at,
            reason,
            source,
            campaign_id: campaign.map(|id| id.to_string()),
            message_id,
            by: by.map(|id| id.to_string()),
            note,
        }
    }
}

/// Reads an address of a channel: the one spelling messages go to.
pub(crate) fn address(channel: Channel, text: &str) -> Result<String, ApiError> {
    match channel {
        Channel::Email => EmailAddress::parse(text)
            .map(|address| address.as_str().to_owned())
            .map_err(|error| invalid("address", "", error.code(), &error.to_string())),
        Channel::Whatsapp => MobileNumber::parse(text)
            .map(|number| number.value.as_str().to_owned())
            .map_err(|error| invalid("address", "", error.code(), &error.to_string())),
    }
}

/// The query parameter `channel`.
pub(crate) fn channel(request: &Request) -> Result<Option<Channel>, ApiError> {
    let Some(text) = request.query("channel") else { return Ok(None) };
    Channel::parse(text)
        .map(Some)
        .ok_or_else(|| invalid("channel", text, "unknown", "use email or whatsapp"))
}

/// What a person writes: without space around it, and of a length that can be read later.
pub(crate) fn written(field: &'static str, text: &str, least: usize) -> Result<String, ApiError> {
    const MOST: usize = 500;
    let text = text.trim();
    match text.chars().count() {
        length if length < least => Err(invalid(field, text, "too_short", &format!("write at least {least} characters"))),
        length if length > MOST => Err(invalid(field, "", "too_long", &format!("write at most {MOST} characters"))),
        _ => Ok(text.to_owned()),
    }
}
