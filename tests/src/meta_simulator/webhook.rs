//! Webhooks as Meta writes and signs them.
//! <https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages/status>

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::Sha256;

use super::MetaSimulatorOptions;
use super::error::GraphError;
use super::message::{Inbound, InboundContent, Message, MessageStatus, StatusName};
use super::template::{Template, TemplateStatus};

/// A webhook request: what a callback URL is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Lower-case names, `x-hub-signature-256` among them.
    pub headers: Vec<(String, String)>,
    /// The bytes that are signed.
    pub body: Vec<u8>,
}

impl Webhook {
    /// The value of a header, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// `sha256=` and the HMAC of the raw bytes under the app secret, in hexadecimal: the value of `X-Hub-Signature-256`.
pub fn sign(app_secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(app_secret.as_bytes()).unwrap_or_else(|_| unreachable!("HMAC accepts keys of any length"));
    mac.update(body);
    let mut signature = "sha256=".to_owned();
    for byte in mac.finalize().into_bytes() {
        let _ = write!(signature, "{byte:02x}");
    }
    signature
}

/// One thing that happened, which may share a request with others.
#[derive(Debug, Clone)]
pub(super) enum Event {
    /// A status of a message.
    Status(Value),
    /// A vendor's message, with the contact it comes from.
    Inbound { contact: Value, message: Value },
    /// A change of a template's status.
    Template(Value),
}

pub(super) fn status(message: &Message, status: &MessageStatus) -> Event {
    let mut value = json!({
        "id": message.id,
        "status": status.status,
        "timestamp": seconds(status.at),
        "recipient_id": message.to,
    });
    if let Some(data) = &message.callback_data {
        value["biz_opaque_callback_data"] = json!(data);
    }
    let category = message.category.to_ascii_lowercase();
    match status.status {
        StatusName::Failed => {
            let error = GraphError::new(status.code.unwrap_or(131_000));
            value["errors"] = json!([error.in_status()]);
        }
        StatusName::Sent | StatusName::Delivered => {
            let conversation = format!("{:032x}", u128::from(message.sequence as u64) ^ 0x5d1f_0b62_9c84_47e3_a1c0_33d8_7f2e_6b19);
            value["conversation"] = json!({"id": conversation, "origin": {"type": category}});
            if status.status == StatusName::Sent {
                let expires = message.accepted_at.as_second() + 24 * 60 * 60;
                value["conversation"]["expiration_timestamp"] = json!(expires.to_string());
            }
            value["pricing"] = json!({"billable": true, "pricing_model": "PMP", "category": category, "type": "regular"});
        }
        StatusName::Read => {}
    }
    Event::Status(value)
}

pub(super) fn inbound(inbound: &Inbound, business_number: &str) -> Event {
    let mut message = json!({"from": inbound.from, "id": inbound.id, "timestamp": seconds(inbound.at)});
    match &inbound.content {
        InboundContent::Text { body } => {
            message["type"] = json!("text");
            message["text"] = json!({"body": body});
        }
        InboundContent::Button { text, payload } => {
            message["type"] = json!("button");
            message["button"] = json!({"text": text, "payload": payload});
        }
    }
    if let Some(answered) = &inbound.answers {
        message["context"] = json!({"from": business_number, "id": answered});
    }
    Event::Inbound {
        contact: json!({"profile": {"name": inbound.name}, "wa_id": inbound.from}),
        message,
    }
}

pub(super) fn template_status(template: &Template, reason: &str) -> Event {
    let mut value = json!({
        "event": template.status,
        "message_template_id": template.id(),
        "message_template_name": template.name,
        "message_template_language": template.language,
        "message_template_category": template.category,
        "reason": reason,
    });
    match template.status {
        TemplateStatus::Paused => {
            value["other_info"] = json!({
                "title": "FIRST_PAUSE",
                "description": "Your WhatsApp message template has been paused for 3 hours because it had issues with its quality.",
            });
        }
        TemplateStatus::Disabled => {
            let today = Timestamp::now().strftime("%B %d, %Y").to_string();
            value["disable_info"] = json!({"disable_date": today});
        }
        TemplateStatus::Approved | TemplateStatus::Pending | TemplateStatus::Rejected => {}
    }
    Event::Template(value)
}

/// One request for several events: one entry, with a change for every run of events of a kind.
pub(super) fn form(events: &[Event], options: &MetaSimulatorOptions) -> Webhook {
    let mut changes: Vec<Value> = Vec::new();
    for event in events {
        match event {
            Event::Template(value) => changes.push(json!({"field": "message_template_status_update", "value": value})),
            Event::Status(status) => append(&mut changes, options, "statuses", status, None),
            Event::Inbound { contact, message } => append(&mut changes, options, "messages", message, Some(contact)),
        }
    }
    let mut entry = json!({"id": options.waba_id, "changes": changes});
    if events.iter().any(|event| matches!(event, Event::Template(_))) {
        entry["time"] = json!(Timestamp::now().as_second());
    }
    let body = escape(&json!({"object": "whatsapp_business_account", "entry": [entry]}).to_string()).into_bytes();
    let headers = vec![
        ("content-type".to_owned(), "application/json".to_owned()),
        ("user-agent".to_owned(), "facebookexternalua".to_owned()),
        ("x-hub-signature-256".to_owned(), sign(&options.app_secret, &body)),
    ];
    Webhook { headers, body }
}

fn append(changes: &mut Vec<Value>, options: &MetaSimulatorOptions, list: &str, item: &Value, contact: Option<&Value>) {
    let continues = changes.last().is_some_and(|change| change["value"].get(list).is_some());
    if !continues {
        let metadata = json!({
            "display_phone_number": options.display_digits(),
            "phone_number_id": options.phone_number_id,
        });
        changes.push(json!({"field": "messages", "value": {"messaging_product": "whatsapp", "metadata": metadata}}));
    }
    let Some(change) = changes.last_mut() else { return };
    push(&mut change["value"][list], item);
    if let Some(contact) = contact {
        push(&mut change["value"]["contacts"], contact);
    }
}

fn push(list: &mut Value, item: &Value) {
    match list {
        Value::Array(items) => items.push(item.clone()),
        other => *other = json!([item]),
    }
}

/// Meta sends and signs ASCII: `\u` escapes in lower case, and `\/`. Whoever signs a re-serialised body gets another signature.
fn escape(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            // A slash occurs only inside JSON strings, where the escape is allowed.
            '/' => escaped.push_str("\\/"),
            c if c.is_ascii() => escaped.push(c),
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(escaped, "\\u{unit:04x}");
                }
            }
        }
    }
    escaped
}

fn seconds(at: Timestamp) -> String {
    at.as_second().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_ascii_and_still_the_same_json() {
        let value = json!({"body": "नमस्ते 🙏 a/b \\ \"q\""});
        let escaped = escape(&value.to_string());
        assert!(
            escaped.is_ascii() && escaped.contains("\\ud83d\\ude4f") && escaped.contains("a\\/b"),
            "{escaped}"
        );
        assert_eq!(serde_json::from_str::<Value>(&escaped).expect("JSON"), value);
    }

    #[test]
    fn the_signature_is_the_hmac_of_the_bytes() {
        // RFC 4231, test case 2.
        let expected = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(sign("Jefe", b"what do ya want for nothing?"), expected);
    }
}
