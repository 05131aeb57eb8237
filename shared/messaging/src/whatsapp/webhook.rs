//! What Meta's webhook says: statuses of our messages, messages of vendors, changes of templates.
//!
//! Webhooks arrive at least once and in any order. Every status is an event with a natural key, so that neither matters.
//! <https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages/status>

use std::fmt;

use domain::delivery::{DeliveryEvent, EventKind};
use domain::identifiers::MobileNumber;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use sha2::Sha256;

use super::classify::{self, Class};
use super::client;
use super::payload::Callback;
use crate::ses_events::EventChunk;

/// The header that holds the signature.
pub const SIGNATURE_HEADER: &str = "x-hub-signature-256";

/// Whether `header` is the signature of exactly these bytes under the app's secret. Takes as long for a wrong signature as for a
/// right one.
///
/// The bytes must be those of the request: Meta signs its own spelling of the JSON, with `\u` escapes.
pub fn verify_signature(body: &[u8], header: Option<&str>, app_secret: &str) -> bool {
    let Some(signature) = header.and_then(|header| header.trim().strip_prefix("sha256=")).and_then(hex) else {
        return false;
    };
    // Without a secret anybody could sign.
    if app_secret.is_empty() {
        return false;
    }
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(app_secret.as_bytes()) else {
        return false;
    };
    mac.update(body);
    mac.verify_slice(&signature).is_ok()
}

fn hex(text: &str) -> Option<Vec<u8>> {
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok())
        .collect()
}

/// One thing a webhook says.
#[derive(Debug, Clone, PartialEq)]
pub enum WebhookEvent {
    /// A message of ours got further, or failed.
    Status(StatusEvent),
    /// A vendor wrote to us.
    Inbound(Inbound),
    /// Meta changed the standing of a template.
    TemplateStatus(TemplateStatusChange),
    /// A status that names no message of a campaign: of a test send, or one whose callback data Meta left out.
    Unmatched {
        /// Meta's id of the message.
        message_id: String,
        /// `sent`, `delivered` …
        status: String,
    },
    /// Something else, or something that cannot be read; nothing to be done but to say so.
    Other {
        /// What it was: `account_update`, `messages.errors:130429`, `status.timestamp` …
        what: String,
    },
}

/// A status of a message of ours.
#[derive(Clone, PartialEq)]
pub struct StatusEvent {
    /// The chunk it is recorded in.
    pub chunk: EventChunk,
    /// What happened. Recipient, kind and `provider_id` are its natural key.
    pub event: DeliveryEvent,
    /// The number the message went to, E.164.
    pub phone: Option<String>,
    /// What the error means, where the message failed.
    pub class: Option<Class>,
}

/// A message of a vendor.
#[derive(Clone, PartialEq)]
pub struct Inbound {
    /// The vendor's number, E.164.
    pub from: String,
    /// Meta's id of the message.
    pub message_id: String,
    /// When it was sent.
    pub at: Timestamp,
    /// What it says; the label of a tapped button. Empty for pictures without a caption, voice messages and the like.
    pub text: String,
    /// What we had put behind the button that was tapped.
    pub payload: Option<String>,
    /// The message of ours it answers.
    pub answers: Option<String>,
}

/// A template that was approved, paused, disabled …
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateStatusChange {
    /// Its name.
    pub name: String,
    /// Its language, as in `en_US`.
    pub language: String,
    /// `APPROVED`, `PAUSED`, `DISABLED`, `REJECTED`, `FLAGGED` …
    pub status: String,
    /// Why, in Meta's words; never personal.
    pub reason: Option<String>,
}

impl TemplateStatusChange {
    /// Whether messages of it are refused from now on.
    pub fn stops_sending(&self) -> bool {
        matches!(
            self.status.as_str(),
            "PAUSED" | "DISABLED" | "REJECTED" | "DELETED" | "PENDING_DELETION" | "ARCHIVED"
        )
    }
}

impl StatusEvent {
    /// Whether the recipient has opted out with Meta.
    pub fn is_opt_out(&self) -> bool {
        self.class.is_some_and(Class::is_opt_out)
    }

    /// Whether the campaign has to stop.
    pub fn halts(&self) -> bool {
        self.class.is_some_and(Class::halts)
    }
}

impl fmt::Debug for StatusEvent {
    /// Without the number, which is personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            chunk,
            event,
            phone: _,
            class,
        } = self;
        f.debug_struct("StatusEvent")
            .field("chunk", chunk)
            .field("event", event)
            .field("class", class)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Inbound {
    /// Without number and text, which are personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbound")
            .field("message_id", &self.message_id)
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

/// A body that is no webhook of WhatsApp. Says what is missing, never what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// No JSON.
    #[error("the webhook is not JSON of the documented shape")]
    NotJson,
    /// Of another product of Meta.
    #[error("the webhook is not of a WhatsApp Business Account")]
    NotWhatsapp,
}

/// Reads a webhook whose signature was verified. One part that cannot be read takes nothing from the others.
///
/// # Errors
/// [`WebhookError`] where the whole body is something else.
pub fn parse(body: &[u8]) -> Result<Vec<WebhookEvent>, WebhookError> {
    let webhook: Webhook = serde_json::from_slice(body).map_err(|_| WebhookError::NotJson)?;
    if webhook.object.as_deref() != Some("whatsapp_business_account") {
        return Err(WebhookError::NotWhatsapp);
    }
    let mut events = Vec::new();
    for change in webhook.entry.into_iter().flat_map(|entry| entry.changes) {
        match change.field.as_str() {
            "messages" => messages(change.value, &mut events),
            "message_template_status_update" => events.push(template_status(change.value)),
            field => events.push(other(field)),
        }
    }
    Ok(events)
}

fn messages(value: Value, events: &mut Vec<WebhookEvent>) {
    let Ok(Messages { statuses, messages, errors }) = serde_json::from_value(value) else {
        events.push(other("messages"));
        return;
    };
    events.extend(statuses.into_iter().map(status));
    events.extend(messages.into_iter().map(inbound));
    events.extend(errors.iter().map(|error| {
        let code = error["code"].as_u64().unwrap_or_default();
        other(&format!("messages.errors:{code}"))
    }));
}

fn status(value: Value) -> WebhookEvent {
    let Ok(Status {
        id,
        status,
        timestamp,
        recipient_id,
        callback,
        errors,
    }) = serde_json::from_value(value)
    else {
        return other("status");
    };
    let message_id = client::message_id(&id);
    let Some(Callback { campaign, chunk, recipient }) = callback.and_then(|data| data.parse().ok()) else {
        return WebhookEvent::Unmatched { message_id, status };
    };
    let Some(at) = seconds(&timestamp) else {
        return other("status.timestamp");
    };
    let (kind, class, reason) = match status.as_str() {
        "sent" => (EventKind::Sent, None, None),
        "delivered" => (EventKind::Delivered, None, None),
        // A voice message that was heard; template messages are only read.
        "read" | "played" => (EventKind::Read, None, None),
        "failed" => {
            let code = errors.iter().find_map(|error| error.code);
            let reason = code.map_or_else(|| "whatsapp:failed".to_owned(), |code| classify::reason(Some(code), 0));
            let class = code.map_or(Class::Permanent, classify::failed_status);
            (EventKind::Rejected, Some(class), Some(reason))
        }
        status => return other(&format!("status:{status}")),
    };
    WebhookEvent::Status(StatusEvent {
        chunk: EventChunk { campaign, number: chunk },
        event: DeliveryEvent {
            recipient,
            kind,
            provider_id: message_id,
            at,
            reason,
        },
        phone: recipient_id.as_deref().and_then(phone),
        class,
    })
}

fn inbound(value: Value) -> WebhookEvent {
    let kind = value["type"].as_str().unwrap_or_default().to_owned();
    let Ok(Message {
        from,
        id,
        timestamp,
        text,
        button,
        interactive,
        image,
        document,
        video,
        context,
    }) = serde_json::from_value(value)
    else {
        return other("message");
    };
    // Meta's own notices, for instance that a vendor changed its number, and messages it could not read.
    if matches!(kind.as_str(), "system" | "unsupported" | "reaction" | "errors") {
        return other(&format!("message:{kind}"));
    }
    let Some(from) = phone(&from) else { return other("message.from") };
    let Some(at) = seconds(&timestamp) else {
        return other("message.timestamp");
    };
    let reply = interactive.and_then(|interactive| interactive.button_reply.or(interactive.list_reply));
    let (label, payload) = match (button, reply) {
        (Some(button), _) => (button.text, button.payload),
        (None, Some(reply)) => (reply.title, reply.id),
        (None, None) => (None, None),
    };
    let caption = [image, document, video].into_iter().flatten().find_map(|media| media.caption);
    WebhookEvent::Inbound(Inbound {
        from,
        message_id: client::message_id(&id),
        at,
        text: text.and_then(|text| text.body).or(label).or(caption).unwrap_or_default(),
        payload,
        answers: context.and_then(|context| context.id).map(|id| client::message_id(&id)),
    })
}

fn template_status(value: Value) -> WebhookEvent {
    let Ok(TemplateUpdate {
        event,
        name,
        language,
        reason,
        other_info,
        rejection_info,
    }) = serde_json::from_value(value)
    else {
        return other("message_template_status_update");
    };
    // `NONE` stands for a pause, whose reason is beside it.
    let reason = reason
        .filter(|reason| !reason.is_empty() && reason != "NONE")
        .or(other_info.and_then(|info| info.title))
        .or(rejection_info.and_then(|info| info.reason));
    WebhookEvent::TemplateStatus(TemplateStatusChange {
        name,
        // Documented with a hyphen, sent with an underscore.
        language: language.replace('-', "_"),
        status: event.to_ascii_uppercase(),
        reason,
    })
}

fn other(what: &str) -> WebhookEvent {
    WebhookEvent::Other { what: what.to_owned() }
}

/// Meta leaves out the `+`.
fn phone(digits: &str) -> Option<String> {
    let digits = digits.strip_prefix('+').unwrap_or(digits);
    if digits.is_empty() || digits.len() > 15 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = format!("+{digits}");
    // In the spelling of our records where it is an Indian mobile number, as Meta has it elsewhere.
    Some(MobileNumber::parse(&number).map_or(number, |parsed| parsed.into_value().as_str().to_owned()))
}

fn seconds(timestamp: &Value) -> Option<Timestamp> {
    let seconds = match timestamp {
        Value::String(text) => text.parse().ok()?,
        other => other.as_i64()?,
    };
    Timestamp::from_second(seconds).ok()
}

#[derive(Deserialize)]
struct Webhook {
    object: Option<String>,
    #[serde(default)]
    entry: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    changes: Vec<Change>,
}

#[derive(Deserialize)]
struct Change {
    #[serde(default)]
    field: String,
    #[serde(default)]
    value: Value,
}

#[derive(Deserialize)]
struct Messages {
    #[serde(default)]
    statuses: Vec<Value>,
    #[serde(default)]
    messages: Vec<Value>,
    #[serde(default)]
    errors: Vec<Value>,
}

#[derive(Deserialize)]
struct Status {
    id: String,
    status: String,
    #[serde(default)]
    timestamp: Value,
    recipient_id: Option<String>,
    #[serde(rename = "biz_opaque_callback_data")]
    callback: Option<String>,
    #[serde(default)]
    errors: Vec<StatusError>,
}

#[derive(Deserialize)]
struct StatusError {
    code: Option<u32>,
}

#[derive(Deserialize)]
struct Message {
    from: String,
    id: String,
    #[serde(default)]
    timestamp: Value,
    text: Option<Text>,
    button: Option<ButtonReply>,
    interactive: Option<Interactive>,
    image: Option<Captioned>,
    document: Option<Captioned>,
    video: Option<Captioned>,
    context: Option<Context>,
}

#[derive(Deserialize)]
struct Text {
    body: Option<String>,
}

#[derive(Deserialize)]
struct ButtonReply {
    text: Option<String>,
    payload: Option<String>,
}

#[derive(Deserialize)]
struct Interactive {
    button_reply: Option<Reply>,
    list_reply: Option<Reply>,
}

#[derive(Deserialize)]
struct Reply {
    id: Option<String>,
    title: Option<String>,
}

#[derive(Deserialize)]
struct Captioned {
    caption: Option<String>,
}

#[derive(Deserialize)]
struct Context {
    id: Option<String>,
}

#[derive(Deserialize)]
struct TemplateUpdate {
    event: String,
    #[serde(rename = "message_template_name")]
    name: String,
    #[serde(rename = "message_template_language", default)]
    language: String,
    reason: Option<String>,
    other_info: Option<OtherInfo>,
    rejection_info: Option<RejectionInfo>,
}

#[derive(Deserialize)]
struct OtherInfo {
    title: Option<String>,
}

#[derive(Deserialize)]
struct RejectionInfo {
    reason: Option<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const CALLBACK: &str = "v1:cmp_01ARZ3NDEKTSV4RRFFQ69G5FAV:7:vnd_01ARZ3NDEKTSV4RRFFQ69G5FAW";

    fn webhook(field: &str, value: Value) -> Vec<u8> {
        json!({ "object": "whatsapp_business_account", "entry": [{ "id": "1", "changes": [{ "field": field, "value": value }] }] })
            .to_string()
            .into_bytes()
    }

    fn one(field: &str, value: Value) -> WebhookEvent {
        let mut events = parse(&webhook(field, value)).unwrap();
        assert_eq!(events.len(), 1, "{events:?}");
        events.remove(0)
    }

    fn a_status(status: &str, errors: Value) -> Value {
        json!({
            "messaging_product": "whatsapp", "metadata": { "phone_number_id": "2" },
            "statuses": [{
                "id": "wamid.HBg/M==", "status": status, "timestamp": "1750857384", "recipient_id": "919876500001",
                "biz_opaque_callback_data": CALLBACK, "errors": errors, "pricing": { "billable": true },
            }],
        })
    }

    #[test]
    fn only_the_signature_of_these_bytes_is_genuine() {
        // RFC 4231, test case 2.
        let header = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let body = b"what do ya want for nothing?";
        assert!(verify_signature(body, Some(header), "Jefe"));
        assert!(verify_signature(body, Some(&header.to_uppercase().replace("SHA256", "sha256")), "Jefe"));
        assert!(!verify_signature(b"what do ya want for nothing!", Some(header), "Jefe"));
        assert!(!verify_signature(body, Some(header), "Jef"));
        assert!(!verify_signature(body, None, "Jefe"));
        for wrong in [
            "",
            "sha256=",
            "sha1=5bdc",
            &header[..70],
            &header.replace("sha256=", ""),
            &format!("{header}00"),
            "sha256=ééé",
        ] {
            assert!(!verify_signature(body, Some(wrong), "Jefe"), "{wrong}");
        }
        let empty = "sha256=b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad";
        assert!(!verify_signature(b"", Some(empty), ""));
    }

    #[test]
    fn every_status_is_an_event_of_its_chunk() {
        for (word, kind) in [("sent", EventKind::Sent), ("delivered", EventKind::Delivered), ("read", EventKind::Read)] {
            let WebhookEvent::Status(status) = one("messages", a_status(word, json!([]))) else {
                panic!("{word}")
            };
            assert_eq!(status.chunk.campaign.to_string(), "cmp_01ARZ3NDEKTSV4RRFFQ69G5FAV");
            assert_eq!((status.chunk.number, status.event.kind), (7, kind));
            assert_eq!(status.event.recipient.to_string(), "vnd_01ARZ3NDEKTSV4RRFFQ69G5FAW");
            // The client spells the id the same way, and the events' part of the key is empty.
            assert_eq!(status.event.provider_id, "wamid.HBg_M==");
            assert_eq!(status.event.message_id(), status.event.provider_id);
            assert_eq!(status.event.at.as_second(), 1_750_857_384);
            assert_eq!(status.phone.as_deref(), Some("+919876500001"));
            assert_eq!((status.event.reason, status.class), (None, None));
        }
    }

    #[test]
    fn a_failure_says_what_it_means() {
        #[track_caller]
        fn check(errors: Value, reason: &str, class: Class) {
            let WebhookEvent::Status(status) = one("messages", a_status("failed", errors)) else {
                panic!("no status")
            };
            assert_eq!(status.event.kind, EventKind::Rejected);
            assert_eq!((status.event.reason.as_deref(), status.class), (Some(reason), Some(class)));
            assert_eq!((status.is_opt_out(), status.halts()), (class.is_opt_out(), class.halts()));
        }
        let error = |code: u32| json!([{ "code": code, "title": "t", "message": "m", "error_data": { "details": "d" } }]);
        check(error(131_026), "whatsapp:131026", Class::Permanent);
        check(error(131_050), "whatsapp:131050", Class::PermanentOptOut);
        check(error(131_049), "whatsapp:131049", Class::RetryAfter24h);
        check(error(131_048), "whatsapp:131048", Class::Halt);
        check(error(131_053), "whatsapp:131053", Class::PayloadBug);
        check(error(424_242), "whatsapp:424242", Class::Permanent);
        check(json!([]), "whatsapp:failed", Class::Permanent);
    }

    #[test]
    fn what_names_no_campaign_is_unmatched_and_what_is_odd_is_other() {
        let mut status = a_status("sent", json!([]));
        for data in [json!("spring-sale"), Value::Null, json!("test:usr_1")] {
            status["statuses"][0]["biz_opaque_callback_data"] = data;
            let unmatched = WebhookEvent::Unmatched {
                message_id: "wamid.HBg_M==".to_owned(),
                status: "sent".to_owned(),
            };
            assert_eq!(one("messages", status.clone()), unmatched);
        }
        assert_eq!(one("account_update", json!({})), other("account_update"));
        assert_eq!(one("messages", json!([1])), other("messages"));
        assert_eq!(one("messages", json!({ "statuses": [{}] })), other("status"));
        assert_eq!(
            one("messages", json!({ "errors": [{ "code": 130429 }] })),
            other("messages.errors:130429")
        );
        assert_eq!(one("messages", a_status("warned", json!([]))), other("status:warned"));
        let mut untimed = a_status("sent", json!([]));
        untimed["statuses"][0]["timestamp"] = json!("yesterday");
        assert_eq!(one("messages", untimed), other("status.timestamp"));
        assert_eq!(parse(b"{"), Err(WebhookError::NotJson));
        assert_eq!(parse(b"[]"), Err(WebhookError::NotJson));
        assert_eq!(parse(br#"{"object":"page","entry":[]}"#), Err(WebhookError::NotWhatsapp));
        assert_eq!(parse(br#"{"object":"whatsapp_business_account"}"#), Ok(Vec::new()));
    }

    #[test]
    fn a_bad_part_takes_nothing_from_the_others() {
        let mut value = a_status("sent", json!([]));
        let good = value["statuses"][0].clone();
        value["statuses"] = json!([good, { "id": 5 }, good]);
        value["messages"] = json!([{ "from": "919876500001", "id": "wamid.A", "timestamp": "1", "type": "text", "text": { "body": "Hi" } }]);
        let events = parse(&webhook("messages", value)).unwrap();
        assert!(matches!(
            events.as_slice(),
            [
                WebhookEvent::Status(_),
                WebhookEvent::Other { .. },
                WebhookEvent::Status(_),
                WebhookEvent::Inbound(_)
            ]
        ));
        let debug = format!("{events:?}");
        assert!(!debug.contains("9876500001") && !debug.contains("Hi\""), "{debug}");
    }

    #[test]
    fn a_vendors_message_is_read_whatever_its_kind() {
        #[track_caller]
        fn check(message: Value, text: &str, payload: Option<&str>) {
            let mut whole = json!({ "from": "919876500001", "id": "wamid.A/B", "timestamp": "1750857384", "context": { "id": "wamid.C/D" } });
            whole.as_object_mut().unwrap().extend(message.as_object().unwrap().clone());
            let WebhookEvent::Inbound(inbound) = one("messages", json!({ "contacts": [], "messages": [whole] })) else {
                panic!("{text}")
            };
            assert_eq!((inbound.text.as_str(), inbound.payload.as_deref()), (text, payload));
            assert_eq!((inbound.from.as_str(), inbound.message_id.as_str()), ("+919876500001", "wamid.A_B"));
            assert_eq!(inbound.answers.as_deref(), Some("wamid.C_D"));
        }
        check(json!({ "type": "text", "text": { "body": "बंद" } }), "बंद", None);
        check(
            json!({ "type": "button", "button": { "text": "Not an MSME", "payload": "not_msme" } }),
            "Not an MSME",
            Some("not_msme"),
        );
        check(
            json!({ "type": "interactive", "interactive": { "type": "button_reply", "button_reply": { "id": "x", "title": "Yes" } } }),
            "Yes",
            Some("x"),
        );
        check(
            json!({ "type": "image", "image": { "id": "1", "caption": "UDYAM-MH-26-0012345" } }),
            "UDYAM-MH-26-0012345",
            None,
        );
        check(json!({ "type": "audio", "audio": { "id": "1" } }), "", None);
        let system = json!({ "from": "919876500001", "id": "x", "timestamp": "1", "type": "system", "system": { "body": "changed" } });
        assert_eq!(one("messages", json!({ "messages": [system] })), other("message:system"));
        let nobody = json!({ "from": "abc", "id": "x", "timestamp": "1", "type": "text", "text": { "body": "Hi" } });
        assert_eq!(one("messages", json!({ "messages": [nobody] })), other("message.from"));
    }

    #[test]
    fn a_template_that_is_paused_stops_sending() {
        let update = |event: &str, reason: Value| {
            let value = json!({
                "event": event, "message_template_id": 1, "message_template_name": "msme_declaration_request",
                "message_template_language": "en-US", "reason": reason, "other_info": { "title": "FIRST_PAUSE", "description": "…" },
            });
            match one("message_template_status_update", value) {
                WebhookEvent::TemplateStatus(change) => change,
                other => panic!("{other:?}"),
            }
        };
        let paused = update("PAUSED", json!("NONE"));
        assert_eq!((paused.name.as_str(), paused.language.as_str()), ("msme_declaration_request", "en_US"));
        assert_eq!((paused.status.as_str(), paused.reason.as_deref()), ("PAUSED", Some("FIRST_PAUSE")));
        assert!(paused.stops_sending());
        let rejected = update("REJECTED", json!("INVALID_FORMAT"));
        assert_eq!((rejected.reason.as_deref(), rejected.stops_sending()), (Some("INVALID_FORMAT"), true));
        assert!(update("DISABLED", Value::Null).stops_sending());
        assert!(!update("APPROVED", Value::Null).stops_sending() && !update("FLAGGED", Value::Null).stops_sending());
        assert_eq!(
            one("message_template_status_update", json!({ "event": "PAUSED" })),
            other("message_template_status_update")
        );
    }
}
