//! Chunks, outcomes, provider events, and the fold that turns them into a ledger.
//!
//! A recipient's status is never stored: it is computed from the manifest and the immutable outcomes and events of
//! its chunk, so redelivery, duplication and reordering cannot make it go backwards or count twice.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::VendorId;
use crate::identifiers::Pan;
use crate::pan_group::pan_digest;
use crate::vendor::VendorProfile;
use crate::vendor_record::Vendor;

/// The most recipients in a chunk: what SES v2 `SendBulkEmail` takes in one call.
pub const CHUNK_SIZE: usize = 50;

/// The most recipients in a WhatsApp chunk: with its manifest and summary the hundred items of a transaction, and with campaign
/// and provider the hundred keys of a batch read.
pub const WHATSAPP_CHUNK_SIZE: usize = 98;

/// WhatsApp messages under way at once, between the record that they are meant to go and the record of what became of them.
pub const WAVE_SIZE: usize = 10;

/// How often a recipient is tried before a transient failure counts as `failed`.
pub const MAX_ATTEMPTS: u32 = 5;

/// How long an `unknown` may be resolved by the provider's events before the campaign's policy decides.
pub const UNKNOWN_GRACE: SignedDuration = SignedDuration::from_mins(15);

/// The channel a recipient is asked through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// E-mail.
    Email,
    /// WhatsApp, through the Cloud API.
    Whatsapp,
}

impl Channel {
    /// Every channel, for tables and tests.
    pub const ALL: [Channel; 2] = [Channel::Email, Channel::Whatsapp];

    /// The name in keys, tags and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Channel::Email => "email",
            Channel::Whatsapp => "whatsapp",
        }
    }

    /// The channel of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Channel::ALL.into_iter().find(|channel| channel.as_str() == name)
    }

    /// The other one: where an escalation goes.
    pub const fn other(self) -> Self {
        match self {
            Channel::Email => Channel::Whatsapp,
            Channel::Whatsapp => Channel::Email,
        }
    }

    /// The most recipients of one chunk.
    pub const fn chunk_size(self) -> usize {
        match self {
            Channel::Email => CHUNK_SIZE,
            Channel::Whatsapp => WHATSAPP_CHUNK_SIZE,
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
    /// Where an e-mail goes; `None` is recorded as `skipped(no_email)`, never dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Where a WhatsApp message goes, E.164; `None` is recorded as `skipped(no_phone)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
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
    /// What its PAN is recognised by when an answer comes ([`crate::pan_group::pan_digest`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pan_digest: Option<String>,
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
            deleted_at: _,
            created_at: _,
            updated_at: _,
            version: _,
        } = vendor;
        let (email, phone, gstin) = (
            profile.address(Channel::Email).map(str::to_owned),
            profile.address(Channel::Whatsapp).map(str::to_owned),
            profile.gst_number().map(|gstin| gstin.as_str().to_owned()),
        );
        // The rest of the profile is no template's business.
        let VendorProfile {
            vendor_code,
            company_name,
            contact_person_name,
            city,
            state,
            pan_number,
            udyam_number,
            ..
        } = profile;
        Self {
            id,
            code: vendor_code.as_str().to_owned(),
            name: company_name,
            contact: contact_person_name,
            email,
            phone,
            city,
            state: state.map(|state| state.as_str().to_owned()),
            gstin,
            pan: pan_number.as_ref().map(Pan::masked),
            pan_digest: pan_number.as_ref().map(pan_digest),
            udyam: udyam_number.map(|udyam| udyam.as_str().to_owned()),
        }
    }
}

impl Recipient {
    /// Where a message of this channel goes.
    pub fn address(&self, channel: Channel) -> Option<&str> {
        match channel {
            Channel::Email => self.email.as_deref(),
            Channel::Whatsapp => self.phone.as_deref(),
        }
    }
}

/// The reason of a recipient that has no address of this channel.
pub const fn no_address(channel: Channel) -> &'static str {
    match channel {
        Channel::Email => "no_email",
        Channel::Whatsapp => "no_phone",
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

impl Outcome {
    /// An outcome without a message.
    pub fn without_message(recipient: VendorId, result: AttemptResult, reason: impl Into<String>) -> Self {
        Self {
            recipient,
            result,
            message_id: None,
            reason: Some(reason.into()),
        }
    }
}

/// The possible results of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptResult {
    /// About to be sent: whether it was is not known before the next record. Written before a wave of single sends.
    Intended,
    /// The provider took responsibility.
    Accepted,
    /// The address is on the suppression list; nothing was sent.
    Suppressed,
    /// Nothing could be sent or had to be: no address, a variable without a value, answered already.
    Skipped,
    /// The provider refused for good.
    Failed,
    /// The provider proved it did not accept; another attempt follows, and this one counts.
    Retry,
    /// Proven unsent because it was not its turn (throttled, out of quota); another attempt follows, and this one does not count.
    Deferred,
    /// The answer was lost. Never sent again blindly.
    Unknown,
    /// Someone decided to send again: an operator, or the campaign's policy. The attempts start over.
    Reopened,
}

/// The outcomes one attempt at a chunk produced, written once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutcomePack {
    /// 1 for the first attempt.
    pub attempt: u32,
    /// When it was recorded.
    pub at: Timestamp,
    /// Orders the packs of one attempt: waves of a chunk that is sent message by message.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub wave: u32,
    /// Recorded by a sender whose claim had been taken over. It can settle what is unknown, nothing else.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
    /// Who decided, where someone did: an operator's id, or `policy`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// At most one per recipient.
    pub outcomes: Vec<Outcome>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
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
    /// The recipient opened it, where the channel tells (WhatsApp).
    Read,
    /// Delivery is being retried by the provider.
    Delayed,
    /// The recipient's server refused it for good.
    HardBounced,
    /// Not delivered now; the address may still be good.
    SoftBounced,
    /// The recipient marked it as spam.
    Complained,
    /// The provider accepted the message and then gave it up: content refused, number not reachable.
    Rejected,
    /// The recipient answered the form.
    Responded,
    /// The recipient opted out.
    Unsubscribed,
}

impl DeliveryEvent {
    /// The provider's id of the message the event is about; what follows a slash tells two events of one message apart.
    pub fn message_id(&self) -> &str {
        self.provider_id.split('/').next().unwrap_or_default()
    }
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
    /// How many attempts count: begun since it was planned or last reopened, not those that only waited.
    pub attempts: u32,
    /// How many messages the provider accepted.
    #[serde(default)]
    pub messages: u32,
    /// An attempt was announced and nothing is recorded of how it ended.
    #[serde(default)]
    pub in_flight: bool,
    /// The recipient opened the message.
    #[serde(default)]
    pub read: bool,
    /// It came back for good, not just for now.
    #[serde(default)]
    pub hard_bounced: bool,
    /// The provider accepted more than one message for it: an unknown that was sent again had arrived.
    #[serde(default)]
    pub duplicated: bool,
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
        messages: 0,
        in_flight: false,
        read: false,
        hard_bounced: false,
        duplicated: false,
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
    /// Opened the message; counted beside the classes.
    #[serde(default)]
    pub read: u32,
    /// Of the bounced, those that came back for good.
    #[serde(default)]
    pub hard_bounced: u32,
    /// Got more than one message, because an unknown was sent again; counted beside the classes.
    #[serde(default)]
    pub duplicated: u32,
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
        self.read += u32::from(status.read);
        self.hard_bounced += u32::from(status.hard_bounced);
        self.duplicated += u32::from(status.duplicated);
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
            read,
            hard_bounced,
            duplicated,
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
        self.read += read;
        self.hard_bounced += hard_bounced;
        self.duplicated += duplicated;
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
    /// provider accepted it, so it also resolves `unknown`. Events about a message that a later one has replaced (the
    /// provider gave it up, and it was sent again) say nothing about where the recipient stands now.
    pub fn statuses(&self) -> Vec<RecipientStatus> {
        let index: HashMap<VendorId, usize> = self.recipients.iter().enumerate().map(|(i, r)| (r.id, i)).collect();
        let mut folds = vec![RecipientFold::NEW; self.recipients.len()];
        for event in &self.events {
            if let Some(i) = index.get(&event.recipient) {
                folds[*i].note_loss(event);
            }
        }
        let mut attempts: Vec<&OutcomePack> = self.attempts.iter().collect();
        attempts.sort_by_key(|pack| (pack.attempt, pack.late, pack.wave, pack.at));
        for pack in attempts {
            for outcome in &pack.outcomes {
                if let Some(i) = index.get(&outcome.recipient) {
                    folds[*i].attempt(pack, outcome);
                }
            }
        }
        for event in &self.events {
            if let Some(i) = index.get(&event.recipient) {
                folds[*i].event(event);
            }
        }
        folds.into_iter().map(RecipientFold::finish).collect()
    }

    /// The chunk's share of the ledger.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for status in self.statuses() {
            counts.add(&status);
        }
        counts
    }

    /// The recipients a next attempt must take up, with where they stand: never attempted, or proven not accepted.
    pub fn unsent(&self) -> Vec<(&Recipient, RecipientStatus)> {
        self.with_statuses()
            .filter(|(_, status)| status.class == RecipientClass::Pending && !status.in_flight)
            .collect()
    }

    /// The recipients of whom only the announcement of a send is recorded.
    pub fn in_flight(&self) -> Vec<&Recipient> {
        self.with_statuses()
            .filter_map(|(recipient, status)| status.in_flight.then_some(recipient))
            .collect()
    }

    /// Every recipient with where it stands.
    pub fn with_statuses(&self) -> impl Iterator<Item = (&Recipient, RecipientStatus)> {
        self.recipients.iter().zip(self.statuses())
    }

    /// Drops events that were stored twice. The fold does not need it; listings do.
    pub fn deduplicate_events(&mut self) {
        let mut seen = HashSet::new();
        self.events
            .retain(|event| seen.insert((event.recipient, event.kind, event.provider_id.clone())));
    }
}

/// One recipient while its chunk is folded.
#[derive(Clone)]
struct RecipientFold<'a> {
    status: RecipientStatus,
    /// The rank of the event that decided the class; none yet at 0.
    rank: u8,
    /// The provider's ids of accepted messages, in the order of the attempts.
    messages: Vec<&'a str>,
    /// Ids only events told of: messages whose answer was lost.
    stray: Vec<&'a str>,
    /// Messages the provider gave up or returned.
    lost: Vec<&'a str>,
    /// How many of `messages` were known when somebody last decided to send again.
    before_reopened: usize,
}

impl<'a> RecipientFold<'a> {
    const NEW: RecipientFold<'static> = RecipientFold {
        status: RecipientStatus::PENDING,
        rank: 0,
        messages: Vec::new(),
        stray: Vec::new(),
        lost: Vec::new(),
        before_reopened: 0,
    };

    /// Known first, because it decides what reopening a recipient means.
    fn note_loss(&mut self, event: &'a DeliveryEvent) {
        let lost = matches!(event.kind, EventKind::Rejected | EventKind::SoftBounced | EventKind::HardBounced);
        if lost && !self.lost.contains(&event.message_id()) {
            self.lost.push(event.message_id());
        }
    }

    /// Whether the provider accepted the latest message and has not given it up.
    fn is_under_way(&self) -> bool {
        self.status.class == RecipientClass::Accepted && self.messages.last().is_some_and(|message| !self.lost.contains(message))
    }

    fn attempt(&mut self, pack: &OutcomePack, outcome: &'a Outcome) {
        let under_way = self.is_under_way();
        let status = &mut self.status;
        if let Some(id) = outcome.message_id.as_deref()
            && !self.messages.contains(&id)
        {
            self.messages.push(id);
        }
        status.updated_at = status.updated_at.max(Some(pack.at));
        if pack.late && status.class != RecipientClass::Unknown {
            // Reopened, resolved or sent again meanwhile: the message id above is all that is worth keeping.
            return;
        }
        status.in_flight = outcome.result == AttemptResult::Intended;
        match outcome.result {
            // Decided before a late answer proved that the message had gone: there is nothing to send again.
            AttemptResult::Reopened if under_way => {}
            // One that had been announced is tried by then; whether another attempt follows is for the record after it.
            AttemptResult::Intended => {}
            AttemptResult::Reopened => {
                self.before_reopened = self.messages.len();
                status.attempts = 0;
                status.class = RecipientClass::Pending;
                status.reason.clone_from(&outcome.reason);
            }
            AttemptResult::Retry | AttemptResult::Deferred if pack.late => {
                // Proven unsent, but too late to be part of the attempt that is over: for an operator to resume.
                status.class = RecipientClass::Failed;
                status.reason.clone_from(&outcome.reason);
            }
            result => {
                status.attempts += u32::from(result != AttemptResult::Deferred);
                status.class = class_of(result);
                status.reason.clone_from(&outcome.reason);
            }
        }
    }

    fn event(&mut self, event: &'a DeliveryEvent) {
        let status = &mut self.status;
        status.updated_at = status.updated_at.max(Some(event.at));
        let (rank, class) = match event.kind {
            EventKind::Sent | EventKind::Delayed => (1, RecipientClass::Accepted),
            EventKind::Delivered => (2, RecipientClass::Delivered),
            EventKind::Read => {
                status.read = true;
                (2, RecipientClass::Delivered)
            }
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
                return;
            }
            EventKind::Unsubscribed => {
                status.unsubscribed = true;
                return;
            }
        };
        let message = event.message_id();
        if !message.is_empty() && !self.messages.contains(&message) && !self.stray.contains(&message) {
            self.stray.push(message);
        }
        let replaced = self.messages.contains(&message) && self.messages.last() != Some(&message);
        // A message that was given up and was to be sent again is replaced by what came of that, even if nobody knows what.
        let reopened = self.messages[..self.before_reopened].contains(&message) && self.lost.contains(&message);
        if rank > self.rank && !replaced && !reopened {
            self.rank = rank;
            status.class = class;
            status.in_flight = false;
            status.hard_bounced = event.kind == EventKind::HardBounced;
            status.reason = event
                .reason
                .clone()
                .filter(|_| !matches!(class, RecipientClass::Accepted | RecipientClass::Delivered));
        }
    }

    fn finish(self) -> RecipientStatus {
        let Self {
            mut status,
            rank: _,
            messages,
            stray,
            lost,
            before_reopened: _,
        } = self;
        status.message_id = messages.last().or(stray.first()).map(|id| (*id).to_owned());
        status.messages = u32::try_from(messages.len()).unwrap_or(u32::MAX);
        status.duplicated = messages.iter().chain(&stray).filter(|id| !lost.contains(id)).count() > 1;
        status
    }
}

/// Whether a recipient in this class, for this reason, is asked through the other channel: the message did not reach it, and
/// not because it wanted none.
pub fn escalates(class: RecipientClass, reason: Option<&str>) -> bool {
    let reason = reason.unwrap_or_default();
    match class {
        RecipientClass::Bounced | RecipientClass::Failed => true,
        RecipientClass::Skipped => reason == no_address(Channel::Email) || reason == no_address(Channel::Whatsapp),
        RecipientClass::Suppressed => matches!(reason, "hard_bounce" | "soft_bounces"),
        _ => false,
    }
}

impl Counts {
    /// How many recipients [escalate](escalates), told from the reasons.
    pub fn escalating(&self) -> u32 {
        let of = |class: RecipientClass| {
            let prefix = format!("{}:", class.as_str());
            self.reasons
                .iter()
                .filter(|(key, _)| key.strip_prefix(&prefix).is_some_and(|reason| escalates(class, Some(reason))))
                .map(|(_, count)| count)
                .sum::<u32>()
        };
        self.bounced + self.failed + of(RecipientClass::Skipped) + of(RecipientClass::Suppressed)
    }
}

const fn class_of(result: AttemptResult) -> RecipientClass {
    match result {
        AttemptResult::Accepted => RecipientClass::Accepted,
        AttemptResult::Suppressed => RecipientClass::Suppressed,
        AttemptResult::Skipped => RecipientClass::Skipped,
        AttemptResult::Failed => RecipientClass::Failed,
        AttemptResult::Intended | AttemptResult::Retry | AttemptResult::Deferred | AttemptResult::Reopened => RecipientClass::Pending,
        AttemptResult::Unknown => RecipientClass::Unknown,
    }
}
