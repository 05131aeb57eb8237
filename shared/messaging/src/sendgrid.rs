//! Sending through Twilio SendGrid: one `POST /v3/mail/send` per message, made once.
//! <https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send>

use std::fmt;

use outbound::https::{Https, NoAnswer};
use serde::Deserialize;
use serde_json::json;

use crate::classify::{EntryResult, Wait};
use crate::ses::{CAMPAIGN_TAG, CHUNK_TAG, OutgoingEmail, RECIPIENT_TAG};

/// SendGrid itself.
pub const SENDGRID_URL: &str = "https://api.sendgrid.com";

/// Sends through one SendGrid account, from one address.
#[derive(Clone)]
pub struct SendGrid {
    https: Https,
    url: String,
    api_key: String,
    from: String,
    from_name: String,
}

impl fmt::Debug for SendGrid {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendGrid")
            .field("url", &self.url)
            .field("from", &self.from)
            .finish_non_exhaustive()
    }
}

impl SendGrid {
    /// Sends from the bare address `from`, shown as `from_name`, through the API at `base_url` ([`SENDGRID_URL`]).
    pub fn new(https: Https, base_url: &str, api_key: String, from: String, from_name: String) -> Self {
        Self {
            https,
            url: format!("{}/v3/mail/send", base_url.trim_end_matches('/')),
            api_key,
            from,
            from_name,
        }
    }

    /// Sends a message once.
    pub async fn send(&self, message: &OutgoingEmail) -> EntryResult {
        match self.https.post_json(&self.url, &self.api_key, self.body(message)).await {
            Ok(answer) => answered(answer.status, answer.header("x-message-id"), &answer.body),
            Err(no_answer) => unanswered(no_answer),
        }
    }

    fn body(&self, message: &OutgoingEmail) -> Vec<u8> {
        let OutgoingEmail {
            recipient,
            to,
            email,
            unsubscribe_url,
            campaign,
            chunk,
        } = message;
        let off = json!({ "enable": false });
        let body = json!({
            "personalizations": [{ "to": [{ "email": to }] }],
            "from": { "email": self.from, "name": self.from_name },
            "subject": email.subject,
            // In order of preference, the best last.
            "content": [
                { "type": "text/plain", "value": email.text },
                { "type": "text/html", "value": email.html },
            ],
            // RFC 8058: mail programs that see both headers offer to unsubscribe with one click.
            "headers": {
                "List-Unsubscribe": format!("<{unsubscribe_url}>"),
                "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            },
            // They come back in every event.
            "custom_args": {
                CAMPAIGN_TAG: campaign.to_string(),
                CHUNK_TAG: chunk.to_string(),
                RECIPIENT_TAG: recipient.to_string(),
            },
            // Tracking would rewrite the personal links, and the opt-out is ours.
            "tracking_settings": {
                "click_tracking": { "enable": false, "enable_text": false },
                "open_tracking": off,
                "subscription_tracking": off,
                "ganalytics": off,
            },
        });
        body.to_string().into_bytes()
    }
}

/// Classifies an answer: HTTP status, `X-Message-Id` and the body with its `errors`.
///
/// The rule is that of [`classify`](crate::classify): only an answer that proves SendGrid did not take the message permits another
/// attempt. <https://www.twilio.com/docs/sendgrid/api-reference/how-to-use-the-sendgrid-v3-api/responses>
pub fn answered(status: u16, message_id: Option<&str>, body: &[u8]) -> EntryResult {
    let reason = format!("sendgrid:http_{status}");
    match status {
        202 => match message_id {
            Some(message_id) if !message_id.is_empty() => EntryResult::Accepted {
                message_id: message_id.to_owned(),
            },
            _ => EntryResult::Unknown {
                reason: "sendgrid:accepted_without_message_id".to_owned(),
            },
        },
        // "Your message is valid, but it is not queued to be delivered."
        200 => EntryResult::Stop {
            reason: "sendgrid:sandbox_mode".to_owned(),
        },
        400 => bad_request(&Errors::read(body), reason),
        // The message is too large; another recipient's may not be.
        413 => EntryResult::Failed { reason },
        401 | 403 => EntryResult::Stop {
            reason: Errors::read(body).account_reason().map_or(reason, str::to_owned),
        },
        429 => EntryResult::Retry {
            reason,
            wait: Some(Wait::Throttled),
        },
        // The request was written; the front end cannot know how far it got behind it.
        408 | 500..=599 => EntryResult::Unknown { reason },
        // Nothing we send, or nowhere we should send it: 404, 405, 415, a redirect, and whatever SendGrid may invent to refuse with.
        300..=499 => EntryResult::Stop { reason },
        _ => EntryResult::Unknown { reason },
    }
}

/// Classifies a request that was not answered.
pub fn unanswered(no_answer: NoAnswer) -> EntryResult {
    let reason = |word: &str| format!("sendgrid:{word}");
    match no_answer {
        NoAnswer::NotBuilt => EntryResult::Stop {
            reason: reason("request_not_built"),
        },
        NoAnswer::NotConnected => EntryResult::Retry {
            reason: reason("unreachable"),
            wait: Some(Wait::Unreachable),
        },
        NoAnswer::TimedOut => EntryResult::Unknown { reason: reason("timeout") },
        NoAnswer::Lost => EntryResult::Unknown {
            reason: reason("connection_lost"),
        },
    }
}

/// A 400 is the recipient's, unless it names a field that every message has alike.
fn bad_request(errors: &Errors, reason: String) -> EntryResult {
    if let Some(reason) = errors.account_reason() {
        return EntryResult::Stop { reason: reason.to_owned() };
    }
    let of_the_message = |field: &str| matches!(field, "personalizations" | "content" | "subject");
    match errors.fields().find(|field| !of_the_message(field)) {
        Some(_) => EntryResult::Stop { reason },
        None => EntryResult::Failed { reason },
    }
}

#[derive(Debug, Default, Deserialize)]
struct Errors {
    #[serde(default)]
    errors: Vec<ErrorEntry>,
}

#[derive(Debug, Deserialize)]
struct ErrorEntry {
    message: Option<String>,
    field: Option<String>,
}

impl Errors {
    fn read(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_default()
    }

    /// The fields named, without what is inside them: `personalizations.0.to.0.email` is `personalizations`.
    fn fields(&self) -> impl Iterator<Item = &str> {
        let fields = self.errors.iter().filter_map(|error| error.field.as_deref());
        fields
            .filter_map(|field| field.split(['.', '[']).next())
            .filter(|field| !field.is_empty())
    }

    /// What only the account's owner can mend.
    fn account_reason(&self) -> Option<&'static str> {
        let says = |words: &str| {
            let mut messages = self.errors.iter().filter_map(|error| error.message.as_deref());
            messages.any(|message| message.to_ascii_lowercase().contains(words))
        };
        if self.fields().any(|field| field == "from") || says("sender identity") {
            Some("sendgrid:sender_identity")
        } else if says("maximum credits exceeded") {
            Some("sendgrid:maximum_credits_exceeded")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stop(reason: &str) -> EntryResult {
        EntryResult::Stop { reason: reason.to_owned() }
    }

    fn failed(reason: &str) -> EntryResult {
        EntryResult::Failed { reason: reason.to_owned() }
    }

    fn unknown(reason: &str) -> EntryResult {
        EntryResult::Unknown { reason: reason.to_owned() }
    }

    #[track_caller]
    fn check(status: u16, body: &str, expected: EntryResult) {
        assert_eq!(answered(status, None, body.as_bytes()), expected, "{status} {body}");
    }

    #[test]
    fn every_status_has_its_class() {
        check(200, "", stop("sendgrid:sandbox_mode"));
        check(202, "", unknown("sendgrid:accepted_without_message_id"));
        check(204, "", unknown("sendgrid:http_204"));
        check(301, "", stop("sendgrid:http_301"));
        check(307, "", stop("sendgrid:http_307"));
        check(400, "", failed("sendgrid:http_400"));
        check(401, "", stop("sendgrid:http_401"));
        check(403, "", stop("sendgrid:http_403"));
        check(404, "", stop("sendgrid:http_404"));
        check(405, "", stop("sendgrid:http_405"));
        check(406, "", stop("sendgrid:http_406"));
        check(408, "", unknown("sendgrid:http_408"));
        check(413, "", failed("sendgrid:http_413"));
        check(415, "", stop("sendgrid:http_415"));
        let throttled = EntryResult::Retry {
            reason: "sendgrid:http_429".to_owned(),
            wait: Some(Wait::Throttled),
        };
        check(429, "", throttled);
        for status in [500, 502, 503, 504, 599] {
            check(status, "", unknown(&format!("sendgrid:http_{status}")));
        }
        let accepted = EntryResult::Accepted {
            message_id: "14c5d75ce93.dfd.64b469".to_owned(),
        };
        assert_eq!(answered(202, Some("14c5d75ce93.dfd.64b469"), b""), accepted);
        assert_eq!(answered(202, Some(""), b""), unknown("sendgrid:accepted_without_message_id"));
    }

    #[test]
    fn a_refusal_is_the_recipients_or_the_accounts_by_the_field_it_names() {
        let errors = |field: &str, message: &str| json!({ "errors": [{ "message": message, "field": field, "help": null }] }).to_string();
        let no_email = errors("personalizations.0.to.0.email", "Does not contain a valid address.");
        check(400, &no_email, failed("sendgrid:http_400"));
        check(
            400,
            &errors("content.1.value", "The content value must be a string."),
            failed("sendgrid:http_400"),
        );
        check(400, &errors("subject", "The subject is required."), failed("sendgrid:http_400"));
        check(400, r#"{"errors":[{"message":"Bad Request","field":null}]}"#, failed("sendgrid:http_400"));
        check(
            400,
            &errors("from.email", "The from email does not contain a valid address."),
            stop("sendgrid:sender_identity"),
        );
        check(400, &errors("custom_args", "must be strings"), stop("sendgrid:http_400"));
        let unverified = "The from address does not match a verified Sender Identity. Mail cannot be sent until this error is resolved.";
        check(403, &errors("from", unverified), stop("sendgrid:sender_identity"));
        check(
            401,
            r#"{"errors":[{"message":"Maximum credits exceeded","field":null}]}"#,
            stop("sendgrid:maximum_credits_exceeded"),
        );
        check(400, "<html>", failed("sendgrid:http_400"));
    }

    #[test]
    fn what_was_not_answered_is_unknown_unless_it_was_not_sent() {
        let unreachable = EntryResult::Retry {
            reason: "sendgrid:unreachable".to_owned(),
            wait: Some(Wait::Unreachable),
        };
        assert_eq!(unanswered(NoAnswer::NotConnected), unreachable);
        assert_eq!(unanswered(NoAnswer::TimedOut), unknown("sendgrid:timeout"));
        assert_eq!(unanswered(NoAnswer::Lost), unknown("sendgrid:connection_lost"));
        assert_eq!(unanswered(NoAnswer::NotBuilt), stop("sendgrid:request_not_built"));
    }
}
