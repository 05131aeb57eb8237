//! Chunks, outcomes, provider events, and the fold that turns them into a ledger.
//!
//! A recipient's status is never stored: it is computed from the manifest and the immutable outcomes and events of
//! its chunk, so redelivery, duplication and reordering cannot make it go backwards or count twice.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::VendorId;
use crate::vendor::VendorProfile;
use crate::vendor_record::Vendor;

/// The most recipients in a chunk: what SES v2 `SendBulkEmail` takes in one call.
pub const CHUNK_SIZE: usize = 50;

/// How often a recipient is tried before a transient failure counts as `failed`.
pub const MAX_ATTEMPTS: u32 = 5;

/// The channel a recipient is asked through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// E-mail.
    Email,
}

impl Channel {
    /// The name in keys, tags and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Channel::Email => "email",
        }
    }
}

/// A vendor as it was when the campaign was planned: later edits do not change who is asked, nor with which words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recipient {
    /// The vendor.
    pub id: VendorId,
    /// Its code in the organisation's books.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Whom to greet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// Where the message goes; `None` is recorded as `skipped(no_email)`, never dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// City, for templates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// State, for templates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// GSTIN, for templates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gstin: Option<String>,
    /// PAN, masked, for templates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pan: Option<String>,
    /// Udyam number on record, for templates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub udyam: Option<String>,
}

impl From<Vendor> for Recipient {
    fn from(vendor: Vendor) -> Self {
        let Vendor {
            id,
            profile,
            msme_status: _,
            origin: _,
            created_at: _,
            updated_at: _,
            version: _,
        } = vendor;
        // Destructured in full, so that a new field of a vendor is either taken along or left out on purpose.
        let VendorProfile {
            vendor_code,
            company_name,
            contact_person_name,
            email,
            phone_number: _,
            registered_address: _,
            city,
            state,
            pin_code: _,
            gst_number,
            pan_number,
            udyam_number,
            supplier_type: _,
        } = profile;
        Self {
            id,
            code: vendor_code.as_str().to_owned(),
            name: company_name,
            contact: contact_person_name,
            email: email.map(|email| email.as_str().to_owned()),
            city,
            state: state.map(|state| state.as_str().to_owned()),
            gstin: gst_number.map(|gstin| gstin.as_str().to_owned()),
            pan: pan_number.map(|pan| pan.masked()),
            udyam: udyam_number.map(|udyam| udyam.as_str().to_owned()),
        }
    }
}

/// What one attempt did for one recipient.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The recipient.
    #[serde(rename = "r")]
    pub recipient: VendorId,
    /// What happened.
    #[serde(rename = "o")]
    pub result: AttemptResult,
    /// The provider's message id, once accepted.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// Why, machine-readable: `no_email`, `missing_variable:contact_name`, `claim_expired` …
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The possible results of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptResult {
    /// The provider took responsibility.
    Accepted,
    /// The address is on the suppression list; nothing was sent.
    Suppressed,
    /// Nothing could be sent: no address, or a variable without a value.
    Skipped,
    /// The provider refused for good.
    Failed,
    /// The provider proved it did not accept; another attempt follows.
    Retry,
    /// The answer was lost. Never sent again blindly.
    Unknown,
}

/// The outcomes one attempt at a chunk produced, written once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutcomePack {
    /// 1 for the first attempt.
    pub attempt: u32,
    /// When it was recorded.
    pub at: Timestamp,
    /// One per recipient of the attempt.
    pub outcomes: Vec<Outcome>,
}

/// Something that happened to a recipient after sending.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DeliveryEvent {
    /// The recipient.
    #[serde(rename = "r")]
    pub recipient: VendorId,
    /// What happened.
    #[serde(rename = "k")]
    pub kind: EventKind,
    /// The provider's id for it: with recipient and kind the natural key.
    #[serde(rename = "p")]
    pub provider_id: String,
    /// When, by the provider's clock.
    #[serde(rename = "t")]
    pub at: Timestamp,
    /// Detail: `permanent:general`, `abuse` …
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The kinds of event, provider-neutral.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// The provider confirms it took the message.
    Sent,
    /// The recipient's server took it.
    Delivered,
    /// Delivery is being retried by the provider.
    Delayed,
    /// The recipient's server refused it for good.
    HardBounced,
    /// Not delivered now; the address may still be good.
    SoftBounced,
    /// The recipient marked it as spam.
    Complained,
    /// The provider refused the content after accepting.
    Rejected,
    /// The recipient answered the form.
    Responded,
    /// The recipient opted out.
    Unsubscribed,
}

/// The classes of the ledger. Every recipient is in exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecipientClass {
    /// Not attempted yet, or waiting for another attempt.
    Pending,
    /// The provider took it; nothing more is known.
    Accepted,
    /// The recipient's server took it.
    Delivered,
    /// It came back.
    Bounced,
    /// Not sent: the address is on the suppression list.
    Suppressed,
    /// Not sent: no address, or a missing variable.
    Skipped,
    /// Refused for good, or attempts used up.
    Failed,
    /// The provider's answer was lost and nothing has resolved it.
    Unknown,
}

impl RecipientClass {
    /// Every class, in the ledger's order.
    pub const ALL: [RecipientClass; 8] = [
        RecipientClass::Pending,
        RecipientClass::Accepted,
        RecipientClass::Delivered,
        RecipientClass::Bounced,
        RecipientClass::Suppressed,
        RecipientClass::Skipped,
        RecipientClass::Failed,
        RecipientClass::Unknown,
    ];

    /// The name on the wire and in storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            RecipientClass::Pending => "pending",
            RecipientClass::Accepted => "accepted",
            RecipientClass::Delivered => "delivered",
            RecipientClass::Bounced => "bounced",
            RecipientClass::Suppressed => "suppressed",
            RecipientClass::Skipped => "skipped",
            RecipientClass::Failed => "failed",
            RecipientClass::Unknown => "unknown",
        }
    }

    /// Whether no answer can come any more because the message never reaches the vendor.
    pub const fn is_unreachable(self) -> bool {
        matches!(
            self,
            RecipientClass::Bounced | RecipientClass::Suppressed | RecipientClass::Skipped | RecipientClass::Failed
        )
    }
}

/// Where one recipient stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecipientStatus {
    /// The ledger class.
    pub class: RecipientClass,
    /// Why, for every class that is not a success.
    pub reason: Option<String>,
    /// The provider's message id.
    pub message_id: Option<String>,
    /// How many attempts were recorded.
    pub attempts: u32,
    /// The form was answered.
    pub responded: bool,
    /// The message was marked as spam.
    pub complained: bool,
    /// The recipient opted out.
    pub unsubscribed: bool,
    /// When the last thing happened.
    pub updated_at: Option<Timestamp>,
}

impl RecipientStatus {
    const PENDING: RecipientStatus = RecipientStatus {
        class: RecipientClass::Pending,
        reason: None,
        message_id: None,
        attempts: 0,
        responded: false,
        complained: false,
        unsubscribed: false,
        updated_at: None,
    };

    /// Whether nothing more is expected of this recipient: answered, or out of reach.
    pub const fn is_settled(&self) -> bool {
        self.responded || self.class.is_unreachable()
    }
}

/// The ledger's counts: of a chunk, or summed over chunks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Counts {
    /// Everyone the plan holds.
    pub targeted: u32,
    /// Not attempted yet, or waiting for another attempt.
    pub pending: u32,
    /// Taken by the provider, nothing more known.
    pub accepted: u32,
    /// Taken by the recipient's server.
    pub delivered: u32,
    /// Came back.
    pub bounced: u32,
    /// Not sent: suppressed.
    pub suppressed: u32,
    /// Not sent: no address or missing variable.
    pub skipped: u32,
    /// Refused for good.
    pub failed: u32,
    /// Answer lost.
    pub unknown: u32,
    /// Answered the form; counted beside the classes.
    pub responded: u32,
    /// Marked as spam; counted beside the classes.
    pub complained: u32,
    /// Opted out; counted beside the classes.
    pub unsubscribed: u32,
    /// Answered, or out of reach: nothing more is expected.
    pub settled: u32,
    /// `class:reason` → how many, for every recipient with a reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reasons: BTreeMap<String, u32>,
}

impl Counts {
    /// A chunk nobody has touched.
    pub fn all_pending(targeted: u32) -> Self {
        Self {
            targeted,
            pending: targeted,
            ..Self::default()
        }
    }

    /// The count of one class.
    pub const fn of(&self, class: RecipientClass) -> u32 {
        match class {
            RecipientClass::Pending => self.pending,
            RecipientClass::Accepted => self.accepted,
            RecipientClass::Delivered => self.delivered,
            RecipientClass::Bounced => self.bounced,
            RecipientClass::Suppressed => self.suppressed,
            RecipientClass::Skipped => self.skipped,
            RecipientClass::Failed => self.failed,
            RecipientClass::Unknown => self.unknown,
        }
    }

    /// Whether every targeted recipient is in exactly one class.
    pub fn is_balanced(&self) -> bool {
        RecipientClass::ALL.iter().map(|class| self.of(*class)).sum::<u32>() == self.targeted
    }

    /// Whether nothing more is expected of anyone.
    pub const fn is_settled(&self) -> bool {
        self.settled == self.targeted
    }

    /// Adds one recipient.
    pub fn add(&mut self, status: &RecipientStatus) {
        self.targeted += 1;
        *match status.class {
            RecipientClass::Pending => &mut self.pending,
            RecipientClass::Accepted => &mut self.accepted,
            RecipientClass::Delivered => &mut self.delivered,
            RecipientClass::Bounced => &mut self.bounced,
            RecipientClass::Suppressed => &mut self.suppressed,
            RecipientClass::Skipped => &mut self.skipped,
            RecipientClass::Failed => &mut self.failed,
            RecipientClass::Unknown => &mut self.unknown,
        } += 1;
        self.responded += u32::from(status.responded);
        self.complained += u32::from(status.complained);
        self.unsubscribed += u32::from(status.unsubscribed);
        self.settled += u32::from(status.is_settled());
        if let Some(reason) = &status.reason {
            *self.reasons.entry(format!("{}:{reason}", status.class.as_str())).or_default() += 1;
        }
    }

    /// Adds another chunk's counts.
    pub fn merge(&mut self, other: &Counts) {
        let Counts {
            targeted,
            pending,
            accepted,
            delivered,
            bounced,
            suppressed,
            skipped,
            failed,
            unknown,
            responded,
            complained,
            unsubscribed,
            settled,
            reasons,
        } = other;
        self.targeted += targeted;
        self.pending += pending;
        self.accepted += accepted;
        self.delivered += delivered;
        self.bounced += bounced;
        self.suppressed += suppressed;
        self.skipped += skipped;
        self.failed += failed;
        self.unknown += unknown;
        self.responded += responded;
        self.complained += complained;
        self.unsubscribed += unsubscribed;
        self.settled += settled;
        for (reason, count) in reasons {
            *self.reasons.entry(reason.clone()).or_default() += count;
        }
    }
}

/// Everything known of a chunk, ready to fold.
#[derive(Debug, Clone, Default)]
pub struct ChunkLog {
    /// The manifest.
    pub recipients: Vec<Recipient>,
    /// Every attempt.
    pub attempts: Vec<OutcomePack>,
    /// Every event, duplicates included.
    pub events: Vec<DeliveryEvent>,
}

impl ChunkLog {
    /// The status of every recipient, in manifest order.
    ///
    /// Rank, lowest first: outcome of the latest attempt, `sent`, `delivered`, `rejected`, bounce. A bounce wins over
    /// a delivery because SES documents that a delivery can be followed by one. An event about a message proves the
    /// provider accepted it, so it also resolves `unknown`.
    pub fn statuses(&self) -> Vec<RecipientStatus> {
        let index: HashMap<VendorId, usize> = self.recipients.iter().enumerate().map(|(i, r)| (r.id, i)).collect();
        let mut statuses = vec![RecipientStatus::PENDING; self.recipients.len()];

        let mut attempts: Vec<&OutcomePack> = self.attempts.iter().collect();
        attempts.sort_by_key(|pack| pack.attempt);
        for pack in attempts {
            for outcome in &pack.outcomes {
                let Some(status) = index.get(&outcome.recipient).map(|i| &mut statuses[*i]) else {
                    continue;
                };
                status.class = class_of(outcome.result);
                status.reason = outcome.reason.clone();
                status.message_id = outcome.message_id.clone().or(status.message_id.take());
                status.attempts += 1;
                status.updated_at = status.updated_at.max(Some(pack.at));
            }
        }

        let mut ranks = vec![0_u8; self.recipients.len()];
        for event in &self.events {
            let Some(i) = index.get(&event.recipient).copied() else { continue };
            let status = &mut statuses[i];
            status.updated_at = status.updated_at.max(Some(event.at));
            let (rank, class) = match event.kind {
                EventKind::Sent | EventKind::Delayed => (1, RecipientClass::Accepted),
                EventKind::Delivered => (2, RecipientClass::Delivered),
                EventKind::Rejected => (3, RecipientClass::Failed),
                EventKind::SoftBounced => (4, RecipientClass::Bounced),
                EventKind::HardBounced => (5, RecipientClass::Bounced),
                EventKind::Complained => {
                    // Only a message that arrived can be complained about.
                    status.complained = true;
                    (2, RecipientClass::Delivered)
                }
                EventKind::Responded => {
                    status.responded = true;
                    continue;
                }
                EventKind::Unsubscribed => {
                    status.unsubscribed = true;
                    continue;
                }
            };
            if rank > ranks[i] {
                ranks[i] = rank;
                status.class = class;
                status.reason = event
                    .reason
                    .clone()
                    .filter(|_| !matches!(class, RecipientClass::Accepted | RecipientClass::Delivered));
            }
            if status.message_id.is_none() && !event.provider_id.is_empty() {
                status.message_id = Some(event.provider_id.clone());
            }
        }
        statuses
    }

    /// The chunk's share of the ledger.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for status in self.statuses() {
            counts.add(&status);
        }
        counts
    }

    /// The recipients a next attempt must take up: never attempted, or proven not accepted.
    pub fn unsent(&self) -> Vec<&Recipient> {
        self.recipients
            .iter()
            .zip(self.statuses())
            .filter_map(|(recipient, status)| (status.class == RecipientClass::Pending).then_some(recipient))
            .collect()
    }

    /// Drops events that were stored twice. The fold does not need it; listings do.
    pub fn deduplicate_events(&mut self) {
        let mut seen = HashSet::new();
        self.events
            .retain(|event| seen.insert((event.recipient, event.kind, event.provider_id.clone())));
    }
}

const fn class_of(result: AttemptResult) -> RecipientClass {
    match result {
        AttemptResult::Accepted => RecipientClass::Accepted,
        AttemptResult::Suppressed => RecipientClass::Suppressed,
        AttemptResult::Skipped => RecipientClass::Skipped,
        AttemptResult::Failed => RecipientClass::Failed,
        AttemptResult::Retry => RecipientClass::Pending,
        AttemptResult::Unknown => RecipientClass::Unknown,
    }
}
