//! Events that Amazon SES publishes about a message: delivered, bounced, marked as spam.
//!
//! They arrive at least once and in any order, through SNS and SQS. Messages that others in the account send are left alone.
//! <https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html>

use std::collections::HashMap;

use domain::delivery::{DeliveryEvent, EventKind};
use domain::{CampaignId, VendorId};
use jiff::Timestamp;
use serde::Deserialize;

use crate::ses::{CAMPAIGN_TAG, CHUNK_TAG, RECIPIENT_TAG};

/// SES writes this, in plain text, to a topic that becomes an event destination.
const TOPIC_TEST: &str = "Successfully validated SNS topic";

/// The chunk an event belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventChunk {
    /// The campaign.
    pub campaign: CampaignId,
    /// The chunk's number within it.
    pub number: u32,
}

/// An event about one of our messages.
#[derive(Clone, PartialEq, Eq)]
pub struct ParsedEvent {
    /// Where it is recorded.
    pub chunk: EventChunk,
    /// What happened. Recipient, kind and `provider_id` are its natural key.
    pub event: DeliveryEvent,
    /// The address the message went to.
    pub address: Option<String>,
    /// Set where the address must not be written to again: `hard_bounce` or `complaint`.
    pub suppress: Option<&'static str>,
}

impl std::fmt::Debug for ParsedEvent {
    /// Without the address, which is personal.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            chunk,
            event,
            address: _,
            suppress,
        } = self;
        f.debug_struct("ParsedEvent")
            .field("chunk", chunk)
            .field("event", event)
            .field("suppress", suppress)
            .finish_non_exhaustive()
    }
}

/// Why a queue message is no event. Says what is missing, never what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// The body is no JSON object of the documented shape.
    #[error("the {0} is not JSON of the documented shape")]
    NotJson(&'static str),
    /// A field is absent.
    #[error("the event has no {0}")]
    Missing(&'static str),
    /// A field does not hold what it should.
    #[error("the event's {0} cannot be read")]
    Invalid(&'static str),
}

/// Reads the body of an SQS message: an SNS notification, or what SES wrote where SNS delivers it raw.
///
/// Empty for what is nobody's outcome: opens, clicks, subscription changes, SNS's own messages, and mail of other senders.
///
/// # Errors
/// [`EventError`] where an event of ours is malformed.
pub fn parse(sqs_body: &str) -> Result<Vec<ParsedEvent>, EventError> {
    if sqs_body.starts_with(TOPIC_TEST) {
        return Ok(Vec::new());
    }
    let envelope: Envelope = serde_json::from_str(sqs_body).map_err(|_| EventError::NotJson("message"))?;
    let event = match envelope {
        Envelope {
            kind: Some(kind), message, ..
        } if kind == "Notification" => {
            let message = message.ok_or(EventError::Missing("Message"))?;
            if message.starts_with(TOPIC_TEST) {
                return Ok(Vec::new());
            }
            serde_json::from_str(&message).map_err(|_| EventError::NotJson("SES event"))?
        }
        // Confirmations of subscribing and unsubscribing.
        Envelope { kind: Some(_), .. } => return Ok(Vec::new()),
        Envelope { kind: None, .. } => serde_json::from_str(sqs_body).map_err(|_| EventError::NotJson("SES event"))?,
    };
    Ok(read(event)?.into_iter().collect())
}

fn read(event: SesEvent) -> Result<Option<ParsedEvent>, EventError> {
    let SesEvent {
        event_type,
        notification_type,
        mail,
        bounce,
        complaint,
        delivery,
        delay,
    } = event;
    let Some(event_type) = event_type else {
        // Feedback notifications of an identity carry no tags: they are not about our messages, or repeat an event.
        return if notification_type.is_some() {
            Ok(None)
        } else {
            Err(EventError::Missing("eventType"))
        };
    };
    let mail = mail.ok_or(EventError::Missing("mail"))?;
    let Some((chunk, recipient)) = ours(&mail.tags)? else { return Ok(None) };
    let message_id = mail.message_id.filter(|id| !id.is_empty()).ok_or(EventError::Missing("mail.messageId"))?;
    let sent_at = || instant(mail.timestamp.as_deref(), "mail.timestamp");

    let mut provider_id = message_id;
    let mut suppress = None;
    let (kind, at, reason) = match event_type.as_str() {
        "Send" => (EventKind::Sent, sent_at()?, None),
        "Delivery" => {
            let delivery = delivery.ok_or(EventError::Missing("delivery"))?;
            (EventKind::Delivered, instant(delivery.timestamp.as_deref(), "delivery.timestamp")?, None)
        }
        "Bounce" => {
            let bounce = bounce.ok_or(EventError::Missing("bounce"))?;
            let bounce_type = bounce.bounce_type.ok_or(EventError::Missing("bounce.bounceType"))?;
            let sub_type = bounce.bounce_sub_type.as_deref().unwrap_or("undetermined");
            let is_hard = bounce_type == "Permanent" || sub_type == "OnAccountSuppressionList";
            suppress = is_hard.then_some("hard_bounce");
            append(&mut provider_id, bounce.feedback_id.as_deref());
            let kind = if is_hard { EventKind::HardBounced } else { EventKind::SoftBounced };
            let at = instant(bounce.timestamp.as_deref(), "bounce.timestamp")?;
            (kind, at, Some(reason(&[&bounce_type, sub_type])))
        }
        "Complaint" => {
            let complaint = complaint.ok_or(EventError::Missing("complaint"))?;
            let feedback_type = complaint.feedback_type.as_deref();
            if feedback_type == Some("not-spam") {
                // The recipient took the message *out* of the spam folder.
                return Ok(None);
            }
            suppress = Some("complaint");
            append(&mut provider_id, complaint.feedback_id.as_deref());
            let at = instant(complaint.timestamp.as_deref(), "complaint.timestamp")?;
            match complaint.sub_type.as_deref() {
                // SES did not send the message, because of an earlier complaint.
                Some(sub_type @ "OnAccountSuppressionList") => (EventKind::HardBounced, at, Some(reason(&["complaint", sub_type]))),
                _ => (EventKind::Complained, at, feedback_type.map(|feedback_type| reason(&[feedback_type]))),
            }
        }
        "Reject" => (EventKind::Rejected, sent_at()?, Some("rejected".to_owned())),
        "Rendering Failure" => (EventKind::Rejected, sent_at()?, Some("rendering_failure".to_owned())),
        "DeliveryDelay" => {
            let delay = delay.ok_or(EventError::Missing("deliveryDelay"))?;
            let at = instant(delay.timestamp.as_deref(), "deliveryDelay.timestamp")?;
            (
                EventKind::Delayed,
                at,
                delay.delay_type.as_deref().map(|delay_type| reason(&["delayed", delay_type])),
            )
        }
        // Subscription, Open, Click, and whatever SES may add.
        _ => return Ok(None),
    };

    // A message of ours has one recipient. The address we wrote to is the one to suppress, although a bounce may name the one
    // it was forwarded to.
    let address = mail.destination.into_iter().next();
    let event = DeliveryEvent {
        recipient,
        kind,
        provider_id,
        at,
        reason,
    };
    Ok(Some(ParsedEvent {
        chunk,
        event,
        address,
        suppress,
    }))
}

/// Reads our tags; none if the message is not ours.
fn ours(tags: &HashMap<String, Vec<String>>) -> Result<Option<(EventChunk, VendorId)>, EventError> {
    let tag = |name: &str| tags.get(name).and_then(|values| values.first()).map(String::as_str);
    // Another sender may well have a tag of this name, but not with an id of ours.
    let Some(campaign) = tag(CAMPAIGN_TAG).and_then(|id| id.parse::<CampaignId>().ok()) else {
        return Ok(None);
    };
    let number = tag(CHUNK_TAG)
        .ok_or(EventError::Missing("mail.tags.chunk"))?
        .parse()
        .map_err(|_| EventError::Invalid("mail.tags.chunk"))?;
    let recipient = tag(RECIPIENT_TAG)
        .ok_or(EventError::Missing("mail.tags.recipient"))?
        .parse()
        .map_err(|_| EventError::Invalid("mail.tags.recipient"))?;
    Ok(Some((EventChunk { campaign, number }, recipient)))
}

fn instant(text: Option<&str>, field: &'static str) -> Result<Timestamp, EventError> {
    text.ok_or(EventError::Missing(field))?.parse().map_err(|_| EventError::Invalid(field))
}

/// Joins words of SES to a reason: `permanent:general`.
fn reason(words: &[&str]) -> String {
    words.join(":").to_ascii_lowercase()
}

fn append(provider_id: &mut String, feedback_id: Option<&str>) {
    if let Some(feedback_id) = feedback_id {
        provider_id.push('/');
        provider_id.push_str(feedback_id);
    }
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "Type")]
    kind: Option<String>,
    #[serde(rename = "Message")]
    message: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SesEvent {
    event_type: Option<String>,
    notification_type: Option<String>,
    mail: Option<Mail>,
    bounce: Option<Bounce>,
    complaint: Option<Complaint>,
    delivery: Option<Delivery>,
    #[serde(rename = "deliveryDelay")]
    delay: Option<Delay>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mail {
    timestamp: Option<String>,
    message_id: Option<String>,
    #[serde(default)]
    destination: Vec<String>,
    #[serde(default)]
    tags: HashMap<String, Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bounce {
    feedback_id: Option<String>,
    bounce_type: Option<String>,
    bounce_sub_type: Option<String>,
    timestamp: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Complaint {
    feedback_id: Option<String>,
    #[serde(rename = "complaintFeedbackType")]
    feedback_type: Option<String>,
    #[serde(rename = "complaintSubType")]
    sub_type: Option<String>,
    timestamp: Option<String>,
}

#[derive(Deserialize)]
struct Delivery {
    timestamp: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delay {
    delay_type: Option<String>,
    timestamp: Option<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const CAMPAIGN: &str = "cmp_01ARZ3NDEKTSV4RRFFQ69G5FAV";
    const VENDOR: &str = "vnd_01ARZ3NDEKTSV4RRFFQ69G5FAW";

    fn event(event_type: &str, name: &str, details: Value) -> Value {
        json!({
            "eventType": event_type,
            "mail": {
                "timestamp": "2026-11-22T10:00:00.000Z",
                "messageId": "0109-m",
                "destination": ["asha@example.in"],
                "tags": {"campaign": [CAMPAIGN], "chunk": ["7"], "recipient": [VENDOR], "ses:operation": ["SendBulkEmail"]},
            },
            name: details,
        })
    }

    fn bounce(bounce_type: &str, sub_type: &str) -> Value {
        let details = json!({
            "feedbackId": "f1", "bounceType": bounce_type, "bounceSubType": sub_type, "timestamp": "2026-11-22T10:00:05.000Z",
            "bouncedRecipients": [{"emailAddress": "forwarded@elsewhere.example"}],
        });
        event("Bounce", "bounce", details)
    }

    fn complaint(feedback_type: Option<&str>, sub_type: Option<&str>) -> Value {
        let details = json!({
            "feedbackId": "f2", "complaintFeedbackType": feedback_type, "complaintSubType": sub_type,
            "timestamp": "2026-11-22T10:00:09.000Z",
        });
        event("Complaint", "complaint", details)
    }

    #[track_caller]
    fn check(event: &Value, kind: EventKind, provider_id: &str, reason: Option<&str>, suppress: Option<&str>) {
        let raw = parse(&event.to_string()).unwrap();
        let [parsed] = raw.as_slice() else { panic!("{raw:?}") };
        assert_eq!(
            parsed.chunk,
            EventChunk {
                campaign: CAMPAIGN.parse().unwrap(),
                number: 7
            }
        );
        assert_eq!(parsed.event.recipient.to_string(), VENDOR);
        assert_eq!((parsed.event.kind, parsed.event.provider_id.as_str()), (kind, provider_id));
        assert_eq!((parsed.event.reason.as_deref(), parsed.suppress), (reason, suppress));
        assert_eq!(parsed.address.as_deref(), Some("asha@example.in"));
        let wrapped = json!({"Type": "Notification", "MessageId": "n", "Message": event.to_string()});
        assert_eq!(parse(&wrapped.to_string()).unwrap(), raw);
    }

    #[track_caller]
    fn ignored(body: &str) {
        assert_eq!(parse(body), Ok(Vec::new()), "{body}");
    }

    #[test]
    fn every_kind_of_event_is_read() {
        let timestamp = json!({"timestamp": "2026-11-22T10:00:03.000Z"});
        check(&event("Send", "send", json!({})), EventKind::Sent, "0109-m", None, None);
        check(&event("Delivery", "delivery", timestamp), EventKind::Delivered, "0109-m", None, None);
        check(
            &event("Reject", "reject", json!({"reason": "Bad content"})),
            EventKind::Rejected,
            "0109-m",
            Some("rejected"),
            None,
        );
        let failure = event("Rendering Failure", "failure", json!({"errorMessage": "x"}));
        check(&failure, EventKind::Rejected, "0109-m", Some("rendering_failure"), None);
        let delay = json!({"delayType": "MailboxFull", "timestamp": "2026-11-22T10:00:03.000Z"});
        check(
            &event("DeliveryDelay", "deliveryDelay", delay),
            EventKind::Delayed,
            "0109-m",
            Some("delayed:mailboxfull"),
            None,
        );
    }

    #[test]
    fn bounces_are_hard_or_soft_and_hard_ones_suppress() {
        let hard = |sub_type: &str, reason: &str| {
            check(
                &bounce("Permanent", sub_type),
                EventKind::HardBounced,
                "0109-m/f1",
                Some(reason),
                Some("hard_bounce"),
            );
        };
        hard("General", "permanent:general");
        hard("NoEmail", "permanent:noemail");
        hard("Suppressed", "permanent:suppressed");
        hard("OnAccountSuppressionList", "permanent:onaccountsuppressionlist");
        let soft = |kind: &str, sub_type: &str, reason: &str| {
            check(&bounce(kind, sub_type), EventKind::SoftBounced, "0109-m/f1", Some(reason), None);
        };
        soft("Transient", "MailboxFull", "transient:mailboxfull");
        soft("Transient", "ContentRejected", "transient:contentrejected");
        soft("Undetermined", "Undetermined", "undetermined:undetermined");
    }

    #[test]
    fn complaints_suppress_unless_they_say_the_opposite() {
        check(
            &complaint(Some("abuse"), None),
            EventKind::Complained,
            "0109-m/f2",
            Some("abuse"),
            Some("complaint"),
        );
        check(&complaint(None, None), EventKind::Complained, "0109-m/f2", None, Some("complaint"));
        check(
            &complaint(None, Some("OnAccountSuppressionList")),
            EventKind::HardBounced,
            "0109-m/f2",
            Some("complaint:onaccountsuppressionlist"),
            Some("complaint"),
        );
        ignored(&complaint(Some("not-spam"), None).to_string());
    }

    #[test]
    fn what_is_nobodys_outcome_or_not_ours_is_left_alone() {
        ignored(&event("Subscription", "subscription", json!({})).to_string());
        ignored(&event("Open", "open", json!({})).to_string());
        ignored("Successfully validated SNS topic for Amazon SES event publishing.");
        let message = "Successfully validated SNS topic for Amazon SES event publishing.";
        ignored(&json!({"Type": "Notification", "Message": message}).to_string());
        ignored(&json!({"Type": "SubscriptionConfirmation", "Token": "t"}).to_string());
        ignored(r#"{"notificationType":"AmazonSnsSubscriptionSucceeded","message":"…"}"#);
        let mut other = event("Send", "send", json!({}));
        other["mail"]["tags"] = json!({"campaign": ["spring-sale"]});
        ignored(&other.to_string());
        other["mail"].as_object_mut().unwrap().remove("tags");
        ignored(&other.to_string());
    }

    #[test]
    fn a_malformed_event_says_what_is_missing() {
        #[track_caller]
        fn check(remove: &str, from: &str, error: EventError) {
            let mut event = bounce("Permanent", "General");
            event.pointer_mut(from).unwrap().as_object_mut().unwrap().remove(remove);
            assert_eq!(parse(&event.to_string()), Err(error));
        }
        check("eventType", "", EventError::Missing("eventType"));
        check("mail", "", EventError::Missing("mail"));
        check("bounce", "", EventError::Missing("bounce"));
        check("messageId", "/mail", EventError::Missing("mail.messageId"));
        check("chunk", "/mail/tags", EventError::Missing("mail.tags.chunk"));
        check("recipient", "/mail/tags", EventError::Missing("mail.tags.recipient"));
        check("bounceType", "/bounce", EventError::Missing("bounce.bounceType"));
        check("timestamp", "/bounce", EventError::Missing("bounce.timestamp"));
        assert_eq!(parse("asha@example.in"), Err(EventError::NotJson("message")));
        assert_eq!(parse(r#"{"Type":"Notification"}"#), Err(EventError::Missing("Message")));
        assert_eq!(
            parse(r#"{"Type":"Notification","Message":"asha"}"#),
            Err(EventError::NotJson("SES event"))
        );
    }
}
