//! The events of a message, as SES publishes them.
//! <https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html>

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::SesSimulatorOptions;
use super::message::{EventState, Message, MessageEvent, Outcome, bare_address, new_message_id};

/// SES gives at most 10 KB of headers, and says so in `headersTruncated`.
const MAX_HEADER_BYTES: usize = 10 * 1024;
const REPORTING_MTA: &str = "a8-50.smtp-out.amazonses.com";
const SUPPRESSED: &str = "Amazon SES has suppressed sending to this address because it has a recent history of bouncing as \
    an invalid address. For more information about how to remove an address from the suppression list, see the Amazon SES \
    Developer Guide: http://docs.aws.amazon.com/ses/latest/DeveloperGuide/remove-from-suppressionlist.html";

/// The account and region a message is sent from.
#[derive(Debug, Clone)]
pub(super) struct Sender {
    pub(super) account_id: String,
    pub(super) region: String,
}

/// An event to publish.
#[derive(Debug)]
pub(super) struct Scheduled {
    /// Its position in [`Message::events`].
    pub(super) index: usize,
    pub(super) event_type: &'static str,
    /// After acceptance.
    pub(super) delay: Duration,
    pub(super) body: String,
    /// How often it arrives.
    pub(super) copies: usize,
}

/// Decides what becomes of a message and lists its events. Without a configuration set there is an outcome and no event.
pub(super) fn schedule(message: &mut Message, forced: Option<Outcome>, sender: &Sender, options: &SesSimulatorOptions) -> Vec<Scheduled> {
    let planned = plan(message, forced, sender, options);
    if message.configuration_set.is_none() {
        return Vec::new();
    }
    let mut scheduled = Vec::with_capacity(planned.len());
    for Planned {
        event_type,
        delay,
        at,
        details,
    } in planned
    {
        let body = event_body(message, sender, event_type, details);
        let index = message.events.len();
        message.events.push(MessageEvent {
            event_type: event_type.to_owned(),
            at,
            state: EventState::Waiting,
        });
        scheduled.push(Scheduled {
            index,
            event_type,
            delay,
            body: body.to_string(),
            copies: 1,
        });
    }
    scheduled
}

struct Planned {
    event_type: &'static str,
    delay: Duration,
    at: Timestamp,
    /// The name and content of the object beside `mail`.
    details: (&'static str, Value),
}

fn plan(message: &mut Message, forced: Option<Outcome>, sender: &Sender, options: &SesSimulatorOptions) -> Vec<Planned> {
    let accepted_at = message.accepted_at;
    let event = |event_type, delay: Duration, details| Planned {
        event_type,
        delay,
        at: accepted_at + delay,
        details,
    };
    if let Some(reason) = &message.rendering_failure {
        message.outcome = Outcome::RenderingFailed;
        let mut failure = json!({"errorMessage": reason});
        if let Some(name) = &message.template_name {
            failure["templateName"] = json!(name);
        }
        return vec![event("Rendering Failure", options.send_event_delay, ("failure", failure))];
    }

    let recipients: Vec<(String, Outcome)> = message
        .recipients()
        .into_iter()
        .map(|address| {
            let outcome = forced.unwrap_or_else(|| Outcome::of_address(&address));
            (address, outcome)
        })
        .collect();
    message.outcome = recipients.iter().map(|(_, outcome)| *outcome).max().unwrap_or(Outcome::Delivered);
    let ending_as = |wanted: &[Outcome]| -> Vec<&str> {
        recipients
            .iter()
            .filter(|(_, outcome)| wanted.contains(outcome))
            .map(|(address, _)| address.as_str())
            .collect()
    };

    let later = options.delivery_event_delay;
    let mut events = vec![event("Send", options.send_event_delay, ("send", json!({})))];
    let delivered = ending_as(&[Outcome::Delivered, Outcome::Complained]);
    if !delivered.is_empty() {
        let delivery = delivery(&delivered, accepted_at + later, later);
        events.push(event("Delivery", later, ("delivery", delivery)));
    }
    for outcome in [Outcome::Bounced, Outcome::SoftBounced, Outcome::Suppressed] {
        let bounced = ending_as(&[outcome]);
        if !bounced.is_empty() {
            let bounce = bounce(outcome, &bounced, accepted_at + later, &sender.region);
            events.push(event("Bounce", later, ("bounce", bounce)));
        }
    }
    let complained = ending_as(&[Outcome::Complained]);
    if !complained.is_empty() {
        let complaint = complaint(&complained, accepted_at + later * 2, &sender.region);
        events.push(event("Complaint", later * 2, ("complaint", complaint)));
    }
    events
}

fn delivery(recipients: &[&str], at: Timestamp, after: Duration) -> Value {
    json!({
        "timestamp": timestamp(at),
        "processingTimeMillis": after.as_millis() as u64,
        "recipients": recipients.iter().map(|address| bare_address(address)).collect::<Vec<_>>(),
        "smtpResponse": "250 2.6.0 Message received",
        "remoteMtaIp": "127.0.2.0",
        "reportingMTA": REPORTING_MTA,
    })
}

fn bounce(outcome: Outcome, recipients: &[&str], at: Timestamp, region: &str) -> Value {
    let (bounce_type, sub_type, status, code) = match outcome {
        Outcome::SoftBounced => ("Transient", "MailboxFull", "4.2.2", "smtp; 452 4.2.2 mailbox full"),
        Outcome::Suppressed => ("Permanent", "Suppressed", "5.1.1", SUPPRESSED),
        _ => ("Permanent", "General", "5.1.1", "smtp; 550 5.1.1 user unknown"),
    };
    // SES itself reports what it did not try to send.
    let reporting_mta = if outcome == Outcome::Suppressed {
        "dns; amazonses.com".to_owned()
    } else {
        format!("dns; {REPORTING_MTA}")
    };
    let recipients: Vec<Value> = recipients
        .iter()
        .map(|address| json!({"emailAddress": bare_address(address), "action": "failed", "status": status, "diagnosticCode": code}))
        .collect();
    json!({
        "feedbackId": new_message_id(region, at),
        "bounceType": bounce_type,
        "bounceSubType": sub_type,
        "bouncedRecipients": recipients,
        "timestamp": timestamp(at),
        "reportingMTA": reporting_mta,
    })
}

fn complaint(recipients: &[&str], at: Timestamp, region: &str) -> Value {
    let recipients: Vec<Value> = recipients.iter().map(|address| json!({"emailAddress": bare_address(address)})).collect();
    json!({
        "feedbackId": new_message_id(region, at),
        "complaintSubType": null,
        "complainedRecipients": recipients,
        "timestamp": timestamp(at),
        "userAgent": "Amazon SES Mailbox Simulator",
        "complaintFeedbackType": "abuse",
        "arrivalDate": timestamp(at),
    })
}

fn event_body(message: &Message, sender: &Sender, event_type: &str, (name, details): (&str, Value)) -> Value {
    let mut body = json!({"eventType": event_type, "mail": mail(message, sender, event_type)});
    body[name] = details;
    body
}

fn mail(message: &Message, sender: &Sender, event_type: &str) -> Value {
    let from = bare_address(&message.from);
    let domain = from.rsplit_once('@').map_or("", |(_, domain)| domain);
    let mut mail = json!({
        "timestamp": timestamp(message.accepted_at),
        "source": message.from,
        "sourceArn": format!("arn:aws:ses:{}:{}:identity/{domain}", sender.region, sender.account_id),
        "sendingAccountId": sender.account_id,
        "messageId": message.id,
        "destination": message.recipients(),
        "headersTruncated": false,
        "tags": tags(message, domain, event_type),
    });
    if event_type == "Rendering Failure" {
        return mail;
    }
    // A templated message is rendered after acceptance, so its Send event has no subject yet.
    let subject = (event_type != "Send" || !message.templated).then_some(message.subject.as_str());
    let (headers, is_truncated) = headers(message, subject);
    mail["headers"] = headers;
    mail["headersTruncated"] = json!(is_truncated);
    mail["commonHeaders"] = common_headers(message, subject);
    mail
}

fn headers(message: &Message, subject: Option<&str>) -> (Value, bool) {
    let mut all: Vec<(&str, String)> = vec![("From", message.from.clone())];
    for (name, addresses) in [("Reply-To", &message.reply_to), ("To", &message.to), ("Cc", &message.cc)] {
        if !addresses.is_empty() {
            all.push((name, addresses.join(", ")));
        }
    }
    if let Some(subject) = subject {
        all.push(("Subject", subject.to_owned()));
    }
    all.push(("MIME-Version", "1.0".to_owned()));
    let content_type = match (&message.html, &message.text) {
        (Some(_), Some(_)) => "multipart/alternative; boundary=\"----=_Part_0_716996660.1476421336341\"",
        (Some(_), None) => "text/html; charset=UTF-8",
        _ => "text/plain; charset=UTF-8",
    };
    all.push(("Content-Type", content_type.to_owned()));
    all.extend(message.headers.iter().map(|header| (header.name.as_str(), header.value.clone())));

    let mut bytes = 0;
    let total = all.len();
    let kept: Vec<Value> = all
        .into_iter()
        .take_while(|(name, value)| {
            bytes += name.len() + value.len();
            bytes <= MAX_HEADER_BYTES
        })
        .map(|(name, value)| json!({"name": name, "value": value}))
        .collect();
    let is_truncated = kept.len() < total;
    (Value::Array(kept), is_truncated)
}

fn common_headers(message: &Message, subject: Option<&str>) -> Value {
    let mut common = Map::new();
    common.insert("from".to_owned(), json!([message.from]));
    for (name, addresses) in [("replyTo", &message.reply_to), ("to", &message.to), ("cc", &message.cc)] {
        if !addresses.is_empty() {
            common.insert(name.to_owned(), json!(addresses));
        }
    }
    common.insert("messageId".to_owned(), json!(message.id));
    if let Some(subject) = subject {
        common.insert("subject".to_owned(), json!(subject));
    }
    Value::Object(common)
}

fn tags(message: &Message, from_domain: &str, event_type: &str) -> Value {
    let mut tags = Map::new();
    tags.insert("ses:source-tls-version".to_owned(), json!(["TLSv1.3"]));
    tags.insert("ses:operation".to_owned(), json!([message.operation]));
    if let Some(set) = &message.configuration_set {
        tags.insert("ses:configuration-set".to_owned(), json!([set]));
    }
    tags.insert("ses:source-ip".to_owned(), json!(["192.0.2.0"]));
    tags.insert("ses:from-domain".to_owned(), json!([from_domain]));
    tags.insert("ses:caller-identity".to_owned(), json!(["ses_user"]));
    if event_type == "Delivery" {
        tags.insert("ses:outgoing-ip".to_owned(), json!(["192.0.2.1"]));
    }
    for tag in &message.tags {
        tags.insert(tag.name.clone(), json!([tag.value]));
    }
    Value::Object(tags)
}

/// ISO 8601 with milliseconds, the form of every time in an event.
fn timestamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}
