//! What the simulator keeps: messages, replies and requests.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fault::Operation;

/// A template message that was accepted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Counted from 1 in order of acceptance.
    pub sequence: usize,
    /// `wamid.…`, as the answer gave it.
    pub id: String,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// The recipient's digits, which are also the `wa_id`.
    pub to: String,
    /// `biz_opaque_callback_data`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callback_data: Option<String>,
    /// The template's name.
    pub template: String,
    /// The template's language code.
    pub language: String,
    /// The template's category, for example `UTILITY`.
    pub category: String,
    /// What stands above the text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<Header>,
    /// The text with its parameters filled in.
    pub body: String,
    /// The small print.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub footer: Option<String>,
    /// The buttons with their parameters filled in.
    pub buttons: Vec<Button>,
    /// The request as it came.
    pub payload: Value,
    /// What becomes of it.
    pub outcome: Outcome,
    /// Its webhooks, in the order in which they happen.
    pub statuses: Vec<MessageStatus>,
}

/// A rendered header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "format", rename_all = "snake_case")]
pub enum Header {
    /// Bold text.
    Text {
        /// With its parameter filled in.
        text: String,
    },
    /// A picture.
    Image {
        /// Where it comes from.
        media: MediaSource,
    },
    /// A film.
    Video {
        /// Where it comes from.
        media: MediaSource,
    },
    /// A file.
    Document {
        /// Where it comes from.
        media: MediaSource,
        /// The name the recipient sees.
        filename: Option<String>,
    },
}

/// Where a medium comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaSource {
    /// An uploaded medium.
    Id(String),
    /// A public URL.
    Link(String),
}

/// A rendered button.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Button {
    /// Answers with its payload when tapped.
    QuickReply {
        /// The label.
        text: String,
        /// What the webhook carries; the label unless the request said otherwise.
        payload: String,
    },
    /// Opens a page.
    Url {
        /// The label.
        text: String,
        /// With its parameter filled in.
        url: String,
    },
    /// Calls a number.
    PhoneNumber {
        /// The label.
        text: String,
        /// The number.
        phone_number: String,
    },
}

/// What becomes of an accepted message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// `sent`, `delivered`.
    Delivered,
    /// `sent`, `delivered`, `read`.
    Read,
    /// `sent`, `read`: Meta leaves `delivered` out for a recipient who is in the chat.
    ReadAtOnce,
    /// `sent`, and no more.
    Sent,
    /// Nothing at all.
    Silent,
    /// `sent`, then `failed`.
    Failed {
        /// Meta's code, for example 131026.
        code: u32,
    },
    /// `failed` without `sent`, as for 131049.
    NeverSent {
        /// Meta's code.
        code: u32,
    },
}

impl Outcome {
    /// The statuses to come, with the code of a failure.
    pub(super) fn statuses(self) -> Vec<(StatusName, Option<u32>)> {
        use StatusName::{Delivered, Failed, Read, Sent};
        match self {
            Self::Delivered => vec![(Sent, None), (Delivered, None)],
            Self::Read => vec![(Sent, None), (Delivered, None), (Read, None)],
            Self::ReadAtOnce => vec![(Sent, None), (Read, None)],
            Self::Sent => vec![(Sent, None)],
            Self::Silent => Vec::new(),
            Self::Failed { code } => vec![(Sent, None), (Failed, Some(code))],
            Self::NeverSent { code } => vec![(Failed, Some(code))],
        }
    }
}

/// Meta's message statuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusName {
    /// On its way.
    Sent,
    /// On the recipient's device.
    Delivered,
    /// Displayed.
    Read,
    /// Not sent or not delivered.
    Failed,
}

impl StatusName {
    /// As the webhook has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Failed => "failed",
        }
    }
}

/// One status webhook of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageStatus {
    /// Which.
    pub status: StatusName,
    /// When it happens.
    pub at: Timestamp,
    /// The code of a failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<u32>,
    /// Whether it got out.
    pub state: WebhookState,
}

/// Whether a webhook got out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookState {
    /// Not due, or not taken yet.
    Waiting,
    /// Taken with a 200, or by [`take_webhooks`](super::MetaSimulator::take_webhooks).
    Published,
    /// Swallowed by a fault.
    Lost,
}

/// What a vendor wrote back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inbound {
    /// `wamid.…`.
    pub id: String,
    /// The vendor's digits.
    pub from: String,
    /// The profile name.
    pub name: String,
    /// When.
    pub at: Timestamp,
    /// The message it answers, which the webhook names in `context`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answers: Option<String>,
    /// What it says.
    pub content: InboundContent,
}

/// What an inbound message says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum InboundContent {
    /// Typed.
    Text {
        /// The words.
        body: String,
    },
    /// A quick-reply button of a template, tapped.
    Button {
        /// The label.
        text: String,
        /// The payload.
        payload: String,
    },
}

/// A request to the Graph API, in the order of arrival.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedRequest {
    /// Counted from 1.
    pub sequence: usize,
    /// When it came.
    pub at: Timestamp,
    /// What it asked for.
    pub operation: Operation,
    /// Method and path, without the query.
    pub target: String,
    /// The JSON body; null where there was none.
    pub body: Value,
    /// What was answered.
    pub answer: Answer,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Not yet, or never.
    None,
    /// The connection was cut.
    Dropped,
    /// An HTTP status.
    Status {
        /// The HTTP status.
        status: u16,
        /// Meta's code, of an error.
        code: Option<u32>,
    },
}

/// An id shaped like Meta's: the number, a direction and random hexadecimal digits, in base64 with padding.
pub(super) fn new_message_id(number: &str, outbound: bool) -> String {
    let random: u64 = rand::random();
    let unique = format!("{random:016X}00");
    let mut bytes = vec![0x1c, 0x18, u8::try_from(number.len()).unwrap_or(15)];
    bytes.extend_from_slice(number.as_bytes());
    bytes.extend_from_slice(&[0x15, 0x02, 0x00, if outbound { 0x11 } else { 0x12 }, 0x18, 18]);
    bytes.extend_from_slice(unique.as_bytes());
    bytes.push(0);
    format!("wamid.{}", STANDARD.encode(bytes))
}
