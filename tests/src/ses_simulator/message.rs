//! What the simulator keeps of an accepted message.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A message header, as the sender gave it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// For example `List-Unsubscribe`.
    pub name: String,
    /// The value, unfolded.
    pub value: String,
}

/// A message tag: it comes back in every event of the message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    /// ASCII letters, digits, `_` and `-`.
    pub name: String,
    /// ASCII letters, digits, `_` and `-`.
    pub value: String,
}

/// What becomes of a message after acceptance. For several recipients it is the worst of theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The recipient's server took it.
    Delivered,
    /// Delivered, then reported as spam.
    Complained,
    /// A transient bounce: mailbox full.
    SoftBounced,
    /// A permanent bounce: no such user.
    Bounced,
    /// SES did not try, because the address is on its suppression list; published as a permanent bounce.
    Suppressed,
    /// The template wanted a value the data does not have; nothing was sent.
    RenderingFailed,
}

impl Outcome {
    /// Every outcome, in the order the inbox shows them.
    pub const ALL: [Self; 6] = [
        Self::Delivered,
        Self::Complained,
        Self::SoftBounced,
        Self::Bounced,
        Self::Suppressed,
        Self::RenderingFailed,
    ];

    /// The wire name, for example `soft_bounced`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Complained => "complained",
            Self::SoftBounced => "soft_bounced",
            Self::Bounced => "bounced",
            Self::Suppressed => "suppressed",
            Self::RenderingFailed => "rendering_failed",
        }
    }

    /// What SES's mailbox simulator does for this address; an address outside it is delivered to.
    /// <https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html#send-email-simulator>
    pub fn of_address(address: &str) -> Self {
        let address = bare_address(address);
        let Some(local) = address.strip_suffix("@simulator.amazonses.com") else {
            return Self::Delivered;
        };
        match local.split('+').next().unwrap_or(local) {
            "bounce" => Self::Bounced,
            "complaint" => Self::Complained,
            "suppressionlist" => Self::Suppressed,
            _ => Self::Delivered,
        }
    }
}

/// Whether an event has reached the topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventState {
    /// Not due yet, or no topic answers.
    Waiting,
    /// The topic has it.
    Published,
    /// A fault swallowed it.
    Lost,
}

/// An event of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageEvent {
    /// As SES spells it: `Send`, `Delivery`, `Bounce`, `Complaint`, `Rendering Failure`.
    pub event_type: String,
    /// The time in the event.
    pub at: Timestamp,
    /// Where it is.
    pub state: EventState,
}

/// A message that SES accepted: it was answered with [`id`](Self::id).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The SES message id, for example `0109019a…-…-000000`.
    pub id: String,
    /// Position in order of acceptance, from 0.
    pub sequence: usize,
    /// `SendEmail` or `SendBulkEmail`.
    pub operation: String,
    /// When SES accepted it.
    pub accepted_at: Timestamp,
    /// The sender, with the display name if one was given.
    pub from: String,
    /// `To` recipients.
    pub to: Vec<String>,
    /// `Cc` recipients.
    pub cc: Vec<String>,
    /// `Bcc` recipients.
    pub bcc: Vec<String>,
    /// Where answers go.
    pub reply_to: Vec<String>,
    /// The rendered subject; empty if rendering failed.
    pub subject: String,
    /// The rendered HTML part.
    pub html: Option<String>,
    /// The rendered text part.
    pub text: Option<String>,
    /// The sender's own headers. `From`, `To`, `Subject` and the like are fields of their own.
    pub headers: Vec<Header>,
    /// The sender's tags.
    pub tags: Vec<Tag>,
    /// The configuration set. Without one SES publishes no events.
    pub configuration_set: Option<String>,
    /// File names of attachments.
    pub attachments: Vec<String>,
    /// The stored template's name, if one was used.
    pub template_name: Option<String>,
    /// What becomes of it.
    pub outcome: Outcome,
    /// Why it could not be rendered.
    pub rendering_failure: Option<String>,
    /// Its events, in the order they are published.
    pub events: Vec<MessageEvent>,
    /// Whether SES rendered it from a template.
    pub templated: bool,
}

impl Message {
    /// Every recipient: to, cc and bcc.
    pub fn recipients(&self) -> Vec<String> {
        self.to.iter().chain(&self.cc).chain(&self.bcc).cloned().collect()
    }

    /// Whether `address` is among the recipients; case and display names don't matter.
    pub fn is_to(&self, address: &str) -> bool {
        let wanted = bare_address(address);
        self.to
            .iter()
            .chain(&self.cc)
            .chain(&self.bcc)
            .any(|recipient| bare_address(recipient) == wanted)
    }

    /// The value of a header, looked up without regard to case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case(name))
            .map(|header| header.value.as_str())
    }

    /// The value of a tag.
    pub fn tag(&self, name: &str) -> Option<&str> {
        self.tags.iter().find(|tag| tag.name == name).map(|tag| tag.value.as_str())
    }

    /// Whether SES sent it, that is, whether it could be rendered.
    pub fn was_sent(&self) -> bool {
        self.rendering_failure.is_none()
    }
}

/// A message that passed validation and has not been accepted yet.
#[derive(Debug, Clone, Default)]
pub(super) struct Draft {
    pub(super) operation: &'static str,
    pub(super) from: String,
    pub(super) to: Vec<String>,
    pub(super) cc: Vec<String>,
    pub(super) bcc: Vec<String>,
    pub(super) reply_to: Vec<String>,
    pub(super) subject: String,
    pub(super) html: Option<String>,
    pub(super) text: Option<String>,
    pub(super) headers: Vec<Header>,
    pub(super) tags: Vec<Tag>,
    pub(super) configuration_set: Option<String>,
    pub(super) attachments: Vec<String>,
    pub(super) template_name: Option<String>,
    pub(super) rendering_failure: Option<String>,
    pub(super) templated: bool,
}

impl Draft {
    pub(super) fn into_message(self, region: &str, sequence: usize) -> Message {
        let accepted_at = Timestamp::now();
        Message {
            id: new_message_id(region, accepted_at),
            sequence,
            operation: self.operation.to_owned(),
            accepted_at,
            from: self.from,
            to: self.to,
            cc: self.cc,
            bcc: self.bcc,
            reply_to: self.reply_to,
            subject: self.subject,
            html: self.html,
            text: self.text,
            headers: self.headers,
            tags: self.tags,
            configuration_set: self.configuration_set,
            attachments: self.attachments,
            template_name: self.template_name,
            outcome: Outcome::Delivered,
            rendering_failure: self.rendering_failure,
            events: Vec::new(),
            templated: self.templated,
        }
    }
}

/// An id of the form SES gives: a prefix of the region, the time in milliseconds, a UUID, and a fixed tail.
pub(super) fn new_message_id(region: &str, at: Timestamp) -> String {
    let prefix = match region {
        "us-east-1" => "0100",
        "us-west-2" => "0101",
        "eu-west-1" => "0102",
        _ => "0109",
    };
    let random: u128 = rand::random();
    let uuid = format!("{random:032x}");
    let (a, b, c, d, e) = (&uuid[..8], &uuid[8..12], &uuid[13..16], &uuid[17..20], &uuid[20..]);
    format!("{prefix}{:012x}-{a}-{b}-4{c}-8{d}-{e}-000000", at.as_millisecond())
}

/// `"Asha" <Asha@Example.in>` becomes `asha@example.in`.
pub(super) fn bare_address(address: &str) -> String {
    let inner = match (address.rfind('<'), address.rfind('>')) {
        (Some(open), Some(close)) if open < close => &address[open + 1..close],
        _ => address,
    };
    inner.trim().to_ascii_lowercase()
}
