//! Events that SendGrid posts about a message: delivered, bounced, marked as spam.
//!
//! They come in batches, signed, at least once and in any order. Messages that others in the account send are left alone.
//! <https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::delivery::{DeliveryEvent, EventKind};
use domain::{CampaignId, VendorId};
use jiff::Timestamp;
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{DerSignature, VerifyingKey};
use p256::pkcs8::DecodePublicKey as _;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::ses_events::{EventChunk, EventError, ParsedEvent};

/// The header that holds the signature: base64 of a DER-encoded ECDSA signature.
pub const SIGNATURE_HEADER: &str = "x-twilio-email-event-webhook-signature";
/// The header that holds the time of signing, in Unix seconds; it is signed with the body.
pub const TIMESTAMP_HEADER: &str = "x-twilio-email-event-webhook-timestamp";

/// A signature older, or further ahead, is refused: whoever recorded a request cannot play it again for long.
const MAX_SKEW_SECS: i64 = 600;

/// The name of the provider in an [`Envelope`].
const SOURCE: &str = "sendgrid";

/// Why a request is not taken for SendGrid's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The configured key is not a P-256 public key as SendGrid shows it: our own mistake.
    #[error("the webhook's public key cannot be read")]
    Key,
    /// A header is missing or not of its form.
    #[error("the signature or its time cannot be read")]
    Malformed,
    /// Signed too long ago, or in the future.
    #[error("the signature is more than ten minutes old or ahead")]
    Stale,
    /// Signed by another key, or over other bytes.
    #[error("the signature does not fit")]
    Mismatch,
}

/// Verifies that `body` was signed by the owner of `public_key` (base64 of DER, with or without PEM's lines around it) at
/// `timestamp`, within ten minutes of `now`. `timestamp` and `signature` are the two headers.
///
/// # Errors
/// [`SignatureError`].
pub fn verify(public_key: &str, timestamp: &str, signature: &str, body: &[u8], now: Timestamp) -> Result<(), SignatureError> {
    let key: String = public_key.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
    let key = STANDARD.decode(key).map_err(|_| SignatureError::Key)?;
    let key = VerifyingKey::from_public_key_der(&key).map_err(|_| SignatureError::Key)?;
    let signed_at: i64 = timestamp.parse().map_err(|_| SignatureError::Malformed)?;
    if now.as_second().abs_diff(signed_at) > MAX_SKEW_SECS.unsigned_abs() {
        return Err(SignatureError::Stale);
    }
    let signature = STANDARD.decode(signature.trim()).map_err(|_| SignatureError::Malformed)?;
    let signature = DerSignature::try_from(signature.as_slice()).map_err(|_| SignatureError::Malformed)?;
    let signed = [timestamp.as_bytes(), body].concat();
    key.verify(&signed, &signature).map_err(|_| SignatureError::Mismatch)
}

/// Events on their way through the queue: `{"source":"sendgrid","events":[…]}`, each event as SendGrid wrote it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Envelope {
    source: String,
    events: Vec<Box<RawValue>>,
}

/// Whether the body of a queue message is an [`Envelope`] of SendGrid's.
pub fn is_envelope(queue_body: &str) -> bool {
    #[derive(Deserialize)]
    struct Source {
        source: String,
    }
    serde_json::from_str::<Source>(queue_body).is_ok_and(|envelope| envelope.source == SOURCE)
}

/// Puts a posted batch into envelopes of about `most_bytes` each; none for an empty batch.
///
/// An event of ours that cannot be read gets an envelope of its own, so that it does not keep the others from being stored.
///
/// # Errors
/// When the body is not an array of JSON objects.
pub fn envelopes(body: &[u8], most_bytes: usize) -> Result<Vec<Envelope>, EventError> {
    let events: Vec<Box<RawValue>> = serde_json::from_slice(body).map_err(|_| EventError::NotJson("batch"))?;
    if events.iter().any(|event| !event.get().starts_with('{')) {
        return Err(EventError::NotJson("batch"));
    }
    let envelope = |events| Envelope {
        source: SOURCE.to_owned(),
        events,
    };
    let (mut full, mut open, mut bytes) = (Vec::new(), Vec::new(), 0);
    for event in events {
        if read_text(event.get()).is_err() {
            full.push(envelope(vec![event]));
            continue;
        }
        let size = event.get().len() + 1;
        if !open.is_empty() && bytes + size > most_bytes {
            full.push(envelope(std::mem::take(&mut open)));
            bytes = 0;
        }
        bytes += size;
        open.push(event);
    }
    if !open.is_empty() {
        full.push(envelope(open));
    }
    Ok(full)
}

/// Reads the body of a queue message, an [`Envelope`], or a batch as SendGrid posts it.
///
/// Left out is what is nobody's outcome: opens, clicks, subscription changes that lift something, account changes, tests from
/// SendGrid's console, and mail of other senders.
///
/// # Errors
/// [`EventError`] where an event of ours is malformed.
pub fn parse(body: &str) -> Result<Vec<ParsedEvent>, EventError> {
    let events: Vec<Box<RawValue>> = match serde_json::from_str::<Envelope>(body) {
        Ok(envelope) => envelope.events,
        Err(_) => serde_json::from_str(body).map_err(|_| EventError::NotJson("message"))?,
    };
    let read = events.iter().map(|event| read_text(event.get()));
    read.filter_map(Result::transpose).collect()
}

fn read_text(event: &str) -> Result<Option<ParsedEvent>, EventError> {
    // Another sender's events may be of any shape: whose it is comes first.
    let tags: Tags = serde_json::from_str(event).map_err(|_| EventError::NotJson("SendGrid event"))?;
    let Some((chunk, recipient)) = ours(&tags)? else { return Ok(None) };
    read(
        chunk,
        recipient,
        serde_json::from_str(event).map_err(|_| EventError::NotJson("SendGrid event"))?,
    )
}

fn read(chunk: EventChunk, recipient: VendorId, event: SendGridEvent) -> Result<Option<ParsedEvent>, EventError> {
    let SendGridEvent {
        event: name,
        email,
        timestamp,
        event_id,
        message_id,
        kind: bounce_type,
        bounce_classification,
        reason: drop_reason,
    } = event;
    let name = name.ok_or(EventError::Missing("event"))?;
    let (mut suppress, mut reason, mut is_repeatable) = (None, None, true);
    let kind = match name.as_str() {
        "processed" => {
            is_repeatable = false;
            EventKind::Sent
        }
        "delivered" => {
            is_repeatable = false;
            EventKind::Delivered
        }
        "deferred" => {
            is_repeatable = false;
            reason = Some("deferred".to_owned());
            EventKind::Delayed
        }
        "bounce" | "blocked" => {
            let bounce_type = if name == "blocked" {
                "blocked"
            } else {
                bounce_type.as_deref().unwrap_or("bounce")
            };
            reason = Some(words(&[bounce_type, bounce_classification.as_deref().unwrap_or("unclassified")]));
            // `blocked` says nothing of the address: a full mailbox, our reputation, the content.
            if bounce_type == "blocked" {
                EventKind::SoftBounced
            } else {
                suppress = Some("hard_bounce");
                EventKind::HardBounced
            }
        }
        "dropped" => {
            let drop_reason = drop_reason.as_deref().unwrap_or("unspecified");
            reason = Some(words(&["dropped", drop_reason]));
            // SendGrid's own suppression list knows the address from other mail of the account.
            suppress = match drop_reason {
                "Bounced Address" => Some("hard_bounce"),
                "Spam Reporting Address" => Some("complaint"),
                "Unsubscribed Address" => Some("unsubscribe"),
                _ => None,
            };
            EventKind::Rejected
        }
        "spamreport" => {
            suppress = Some("complaint");
            EventKind::Complained
        }
        "unsubscribe" | "group_unsubscribe" => {
            suppress = Some("unsubscribe");
            EventKind::Unsubscribed
        }
        // open, click, group_resubscribe, and whatever SendGrid may add.
        _ => return Ok(None),
    };
    let event_id = event_id.filter(|id| !id.is_empty());
    let message_id = message_id.filter(|id| !id.is_empty());
    let provider_id = match (message_id.as_deref().map(as_accepted), event_id) {
        // A message is processed and delivered once, and may bounce after that.
        (Some(message_id), _) if !is_repeatable => message_id.to_owned(),
        (Some(message_id), Some(event_id)) => format!("{message_id}/{event_id}"),
        (Some(message_id), None) => message_id.to_owned(),
        // A bounce that comes much later names no message; the slash keeps its own id from being taken for one.
        (None, Some(event_id)) => format!("/{event_id}"),
        (None, None) => return Err(EventError::Missing("sg_event_id")),
    };
    let at = timestamp.ok_or(EventError::Missing("timestamp"))?;
    let at = at
        .as_i64()
        .and_then(|secs| Timestamp::from_second(secs).ok())
        .ok_or(EventError::Invalid("timestamp"))?;
    Ok(Some(ParsedEvent {
        chunk,
        event: DeliveryEvent {
            recipient,
            kind,
            provider_id,
            at,
            reason,
        },
        address: email,
        suppress,
    }))
}

/// The id as `X-Message-Id` gave it: SendGrid appends the machine that handled the message.
fn as_accepted(message_id: &str) -> &str {
    let ends = [".filter", ".recvd"].into_iter().filter_map(|machine| message_id.find(machine));
    ends.min().map_or(message_id, |end| &message_id[..end])
}

/// Reads our custom arguments; none if the message is not ours.
fn ours(tags: &Tags) -> Result<Option<(EventChunk, VendorId)>, EventError> {
    // Another sender may well have an argument of this name, but not with an id of ours.
    let campaign = tags.campaign.as_ref().and_then(|id| id.as_str()?.parse::<CampaignId>().ok());
    let Some(campaign) = campaign else { return Ok(None) };
    let text = |value: &Option<serde_json::Value>, missing| {
        let value = value.as_ref().ok_or(EventError::Missing(missing))?;
        Ok(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    };
    let number = text(&tags.chunk, "chunk")?.parse().map_err(|_| EventError::Invalid("chunk"))?;
    let recipient = text(&tags.recipient, "recipient")?
        .parse()
        .map_err(|_| EventError::Invalid("recipient"))?;
    Ok(Some((EventChunk { campaign, number }, recipient)))
}

/// Joins words of SendGrid to a reason: `bounce:invalid_address`. Bounded and plain, whatever a server in between may have said.
fn words(words: &[&str]) -> String {
    let plain = |word: &&str| {
        let parts = word.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
        parts.take(8).collect::<Vec<_>>().join("_").to_ascii_lowercase()
    };
    words.iter().map(plain).collect::<Vec<_>>().join(":")
}

#[derive(Deserialize)]
struct Tags {
    campaign: Option<serde_json::Value>,
    chunk: Option<serde_json::Value>,
    recipient: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct SendGridEvent {
    event: Option<String>,
    email: Option<String>,
    timestamp: Option<serde_json::Value>,
    #[serde(rename = "sg_event_id")]
    event_id: Option<String>,
    #[serde(rename = "sg_message_id")]
    message_id: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    bounce_classification: Option<String>,
    reason: Option<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const CAMPAIGN: &str = "cmp_01ARZ3NDEKTSV4RRFFQ69G5FAV";
    const VENDOR: &str = "vnd_01ARZ3NDEKTSV4RRFFQ69G5FAW";

    fn event(name: &str, details: Value) -> Value {
        let mut event = json!({
            "email": "asha@example.in", "timestamp": 1_795_341_600, "smtp-id": "<14c5d75ce93.dfd.64b469@ismtpd-555>", "event": name,
            "sg_event_id": "e1", "sg_message_id": "14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0",
            "campaign": CAMPAIGN, "chunk": "7", "recipient": VENDOR,
        });
        for (name, value) in details.as_object().into_iter().flatten() {
            event[name] = value.clone();
        }
        event
    }

    #[track_caller]
    fn check(event: &Value, kind: EventKind, provider_id: &str, reason: Option<&str>, suppress: Option<&str>) {
        let batch = json!([event]).to_string();
        let parsed = parse(&batch).unwrap();
        let [parsed] = parsed.as_slice() else { panic!("{parsed:?}") };
        let chunk = EventChunk {
            campaign: CAMPAIGN.parse().unwrap(),
            number: 7,
        };
        assert_eq!((parsed.chunk, parsed.event.recipient.to_string().as_str()), (chunk, VENDOR));
        assert_eq!((parsed.event.kind, parsed.event.provider_id.as_str()), (kind, provider_id));
        assert_eq!((parsed.event.reason.as_deref(), parsed.suppress), (reason, suppress));
        assert_eq!(parsed.event.at.to_string(), "2026-11-22T10:00:00Z");
        assert_eq!(parsed.address.as_deref(), Some("asha@example.in"));
        let through_the_queue = envelopes(batch.as_bytes(), 1_000).unwrap();
        let body = serde_json::to_string(&through_the_queue[0]).unwrap();
        assert!(is_envelope(&body));
        assert_eq!(parse(&body).unwrap().as_slice(), std::slice::from_ref(parsed));
    }

    #[test]
    fn every_kind_of_event_is_read() {
        const ID: &str = "14c5d75ce93.dfd.64b469";
        const OWN: &str = "14c5d75ce93.dfd.64b469/e1";
        check(&event("processed", json!({})), EventKind::Sent, ID, None, None);
        check(&event("delivered", json!({"response": "250 OK"})), EventKind::Delivered, ID, None, None);
        let deferred = json!({"response": "400 try again later", "attempt": "5"});
        check(&event("deferred", deferred), EventKind::Delayed, ID, Some("deferred"), None);
        let bounce = |kind: &str, class: &str| event("bounce", json!({"type": kind, "bounce_classification": class, "status": "5.0.0"}));
        check(
            &bounce("bounce", "Invalid Address"),
            EventKind::HardBounced,
            OWN,
            Some("bounce:invalid_address"),
            Some("hard_bounce"),
        );
        check(
            &event("bounce", json!({})),
            EventKind::HardBounced,
            OWN,
            Some("bounce:unclassified"),
            Some("hard_bounce"),
        );
        check(
            &bounce("blocked", "Frequency/Volume"),
            EventKind::SoftBounced,
            OWN,
            Some("blocked:frequency_volume"),
            None,
        );
        let blocked = event("blocked", json!({"bounce_classification": "Content"}));
        check(&blocked, EventKind::SoftBounced, OWN, Some("blocked:content"), None);
        check(&event("spamreport", json!({})), EventKind::Complained, OWN, None, Some("complaint"));
        for name in ["unsubscribe", "group_unsubscribe"] {
            check(&event(name, json!({})), EventKind::Unsubscribed, OWN, None, Some("unsubscribe"));
        }
        for (drop_reason, reason, suppress) in [
            ("Bounced Address", "dropped:bounced_address", Some("hard_bounce")),
            ("Spam Reporting Address", "dropped:spam_reporting_address", Some("complaint")),
            ("Unsubscribed Address", "dropped:unsubscribed_address", Some("unsubscribe")),
            (
                "Spam Content (if Spam Checker app enabled)",
                "dropped:spam_content_if_spam_checker_app_enabled",
                None,
            ),
            ("Invalid SMTPAPI header", "dropped:invalid_smtpapi_header", None),
        ] {
            let dropped = event("dropped", json!({"reason": drop_reason}));
            check(&dropped, EventKind::Rejected, OWN, Some(reason), suppress);
        }
    }

    #[test]
    fn ids_are_those_of_the_answer_and_a_late_bounce_has_its_own() {
        for (given, id) in [
            ("5s-U1OMGQfqpsNyfSBR4hQ.recvd-5645d9c87f-78xlx-1-65A.0", "5s-U1OMGQfqpsNyfSBR4hQ"),
            ("5s-U1OMGQfqpsNyfSBR4hQ.filterdrecv-p3mdw1.0", "5s-U1OMGQfqpsNyfSBR4hQ"),
            ("14c5d75ce93.dfd.64b469", "14c5d75ce93.dfd.64b469"),
        ] {
            assert_eq!(as_accepted(given), id);
        }
        let mut late = event("bounce", json!({"type": "bounce"}));
        late.as_object_mut().unwrap().remove("sg_message_id");
        check(&late, EventKind::HardBounced, "/e1", Some("bounce:unclassified"), Some("hard_bounce"));
    }

    #[test]
    fn what_is_nobodys_outcome_or_not_ours_is_left_alone() {
        let mut other = event("delivered", json!({}));
        other["campaign"] = json!("spring-sale");
        let batch = json!([
            event("open", json!({})),
            event("click", json!({})),
            event("group_resubscribe", json!({})),
            {"event": "account_status_change", "type": "compliance_suspend"},
            {"event": 7, "campaign": [1], "email": null},
            other,
        ]);
        assert_eq!(parse(&batch.to_string()), Ok(Vec::new()));
        assert!(!is_envelope(&batch.to_string()));
        assert!(!is_envelope(r#"{"Type":"Notification","Message":"{\"source\":\"sendgrid\"}"}"#));
    }

    #[test]
    fn a_malformed_event_says_what_is_missing() {
        #[track_caller]
        fn check(remove: &[&str], error: EventError) {
            let mut event = event("spamreport", json!({}));
            for name in remove {
                event.as_object_mut().unwrap().remove(*name);
            }
            assert_eq!(parse(&json!([event]).to_string()), Err(error), "{remove:?}");
        }
        check(&["event"], EventError::Missing("event"));
        check(&["chunk"], EventError::Missing("chunk"));
        check(&["recipient"], EventError::Missing("recipient"));
        check(&["timestamp"], EventError::Missing("timestamp"));
        check(&["sg_message_id", "sg_event_id"], EventError::Missing("sg_event_id"));
        assert_eq!(parse("asha@example.in"), Err(EventError::NotJson("message")));
        let later = event("processed", json!({"timestamp": "soon"}));
        assert_eq!(parse(&json!([later]).to_string()), Err(EventError::Invalid("timestamp")));
    }

    #[test]
    fn envelopes_are_small_and_a_malformed_event_has_its_own() {
        let good = event("delivered", json!({}));
        let bad = event("delivered", json!({"chunk": "seven"}));
        let size = good.to_string().len();
        let batch = json!([good, good, bad, good, good, good]).to_string();
        let envelopes = envelopes(batch.as_bytes(), 2 * size + 10).unwrap();
        let counts: Vec<usize> = envelopes.iter().map(|envelope| envelope.events.len()).collect();
        assert_eq!(counts, [1, 2, 2, 1]);
        let bodies: Vec<String> = envelopes.iter().map(|envelope| serde_json::to_string(envelope).unwrap()).collect();
        assert_eq!(parse(&bodies[0]), Err(EventError::Invalid("chunk")));
        assert!(bodies[1..].iter().all(|body| parse(body).is_ok_and(|events| !events.is_empty())));
        assert!(super::envelopes(b"[]", 10).unwrap().is_empty());
        for body in ["{}", "[7]", "asha"] {
            assert_eq!(
                super::envelopes(body.as_bytes(), 10).map(drop),
                Err(EventError::NotJson("batch")),
                "{body}"
            );
        }
    }

    /// The vector of SendGrid's own client libraries.
    #[test]
    fn a_signature_of_sendgrid_is_verified() {
        const KEY: &str =
            "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEDr2LjtURuePQzplybdC+u4CwrqDqBaWjcMMsTbhdbcwHBcepxo7yAQGhHPTnlvFYPAZFceEu/1FwCM/QmGUhA==";
        const SIGNATURE: &str = "MEUCIQCtIHJeH93Y+qpYeWrySphQgpNGNr/U+UyUlBkU6n7RAwIgJTz2C+8a8xonZGi6BpSzoQsbVRamr2nlxFDWYNH2j/0=";
        const TIMESTAMP: &str = "1588788367";
        const BODY: &[u8] = br#"{"category":"example_payload","event":"test_event","message_id":"message_id"}"#;
        let at = |secs: i64| Timestamp::from_second(1_588_788_367 + secs).unwrap();
        assert_eq!(verify(KEY, TIMESTAMP, SIGNATURE, BODY, at(0)), Ok(()));
        assert_eq!(verify(KEY, TIMESTAMP, SIGNATURE, BODY, at(600)), Ok(()));
        assert_eq!(verify(KEY, TIMESTAMP, SIGNATURE, BODY, at(601)), Err(SignatureError::Stale));
        assert_eq!(verify(KEY, TIMESTAMP, SIGNATURE, BODY, at(-601)), Err(SignatureError::Stale));
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n{}\n-----END PUBLIC KEY-----\n", &KEY[..64], &KEY[64..]);
        assert_eq!(verify(&pem, TIMESTAMP, SIGNATURE, BODY, at(0)), Ok(()));
        assert_eq!(verify(KEY, TIMESTAMP, SIGNATURE, b"{}", at(0)), Err(SignatureError::Mismatch));
        assert_eq!(verify(KEY, "1588788368", SIGNATURE, BODY, at(0)), Err(SignatureError::Mismatch));
        assert_eq!(verify(KEY, "", SIGNATURE, BODY, at(0)), Err(SignatureError::Malformed));
        assert_eq!(verify(KEY, TIMESTAMP, "AAAA", BODY, at(0)), Err(SignatureError::Malformed));
        assert_eq!(verify(KEY, TIMESTAMP, "no base64", BODY, at(0)), Err(SignatureError::Malformed));
        assert_eq!(verify("AAAA", TIMESTAMP, SIGNATURE, BODY, at(0)), Err(SignatureError::Key));
    }
}
