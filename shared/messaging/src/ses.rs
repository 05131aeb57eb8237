//! Sending through Amazon SES v2: a chunk is one `SendBulkEmail`, made once.

use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::error::BuildError;
use aws_sdk_sesv2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sesv2::operation::send_bulk_email::SendBulkEmailError;
use aws_sdk_sesv2::types::{
    BulkEmailContent, BulkEmailEntry, Destination, EmailTemplateContent, MessageHeader, MessageTag, ReplacementEmailContent, ReplacementTemplate,
    Template,
};
use domain::delivery::CHUNK_SIZE;
use domain::{CampaignId, VendorId};

use crate::classify::{self, EntryResult, SendError};
use crate::render::RenderedEmail;

/// The tag that names the campaign; it comes back in every event.
pub const CAMPAIGN_TAG: &str = "campaign";
/// The tag that holds the chunk's number.
pub const CHUNK_TAG: &str = "chunk";
/// The tag that names the vendor.
pub const RECIPIENT_TAG: &str = "recipient";

/// SES takes 1 MB of JSON with an inline template; what is left pays for the envelope.
/// <https://docs.aws.amazon.com/ses/latest/dg/send-personalized-email-api.html>
const MAX_REQUEST_BYTES: usize = 1_000_000;

/// Address, tags, headers and the JSON around one entry, without the links, in bytes; generous.
const ENTRY_OVERHEAD: usize = 1_000;

/// Sends through one SES account, from one address.
#[derive(Debug, Clone)]
pub struct Ses {
    client: Client,
    from: String,
    configuration_set: String,
}

/// A message to one recipient.
#[derive(Debug, Clone)]
pub struct OutgoingEmail {
    /// The vendor.
    pub recipient: VendorId,
    /// Its address.
    pub to: String,
    /// What it reads.
    pub email: RenderedEmail,
    /// Its personal opt-out link; `POST` to it opts out without another click.
    pub unsubscribe_url: String,
    /// The campaign.
    pub campaign: CampaignId,
    /// The chunk's number within the campaign.
    pub chunk: u32,
}

impl Ses {
    /// Sends from `from` (an address, with or without a display name) through the configuration set whose events come back.
    ///
    /// `client` must make a single attempt and have explicit timeouts: by default the SDK repeats timeouts and 5xx, each of
    /// which may have been accepted.
    pub fn new(client: Client, from: String, configuration_set: String) -> Self {
        Self {
            client,
            from,
            configuration_set,
        }
    }

    /// Sends the messages once; the results are in their order.
    ///
    /// Up to fifty messages are one call, unless they are so long that SES would refuse it: then they are as many calls as
    /// needed, and after the first that fails the rest is not attempted and comes back as [`EntryResult::Retry`].
    ///
    /// # Errors
    /// What became of all messages alike. [`SendError::NotAccepted`] and [`SendError::StopCampaign`] prove that none of
    /// them was accepted.
    pub async fn send_chunk(&self, messages: &[OutgoingEmail]) -> Result<Vec<EntryResult>, SendError> {
        let entries = messages
            .iter()
            .map(Entry::new)
            .collect::<Result<Vec<_>, BuildError>>()
            .map_err(not_built)?;
        let calls = into_calls(entries);
        let is_one_call = calls.len() == 1;
        let mut results = Vec::with_capacity(messages.len());
        for call in calls {
            let size = call.len();
            match self.send_call(call).await {
                Ok(answers) => results.extend(answers),
                Err(error) if is_one_call => return Err(error),
                Err(error @ SendError::Permanent { .. }) => results.extend(vec![error.for_entry(); size]),
                Err(error) => {
                    results.extend(vec![error.for_entry(); size]);
                    let rest = match error {
                        // Unlike those of the call itself, these were certainly not accepted.
                        SendError::Ambiguous { .. } => EntryResult::Retry {
                            reason: "ses:not_attempted".to_owned(),
                            wait: Some(crate::classify::Wait::Throttled),
                        },
                        other => other.for_entry(),
                    };
                    results.resize(messages.len(), rest);
                    break;
                }
            }
        }
        all_alike(&results).map_or(Ok(results), Err)
    }

    async fn send_call(&self, entries: Vec<BulkEmailEntry>) -> Result<Vec<EntryResult>, SendError> {
        let count = entries.len();
        // Everything is rendered and escaped already: triple braces put it in as it is.
        let content = EmailTemplateContent::builder()
            .subject("{{{subject}}}")
            .html("{{{html}}}")
            .text("{{{text}}}")
            .build();
        let template = Template::builder()
            .template_content(content)
            .template_data(r#"{"subject":"","html":"","text":""}"#)
            .build();
        let answer = self
            .client
            .send_bulk_email()
            .from_email_address(&self.from)
            .configuration_set_name(&self.configuration_set)
            .default_content(BulkEmailContent::builder().template(template).build())
            .set_bulk_email_entries(Some(entries))
            .send()
            .await
            .map_err(|error| send_error(&error))?;
        let answers = answer.bulk_email_entry_results();
        let unknown = |reason: &str| EntryResult::Unknown { reason: reason.to_owned() };
        if answers.len() > count {
            // Nobody can say which answer belongs to which message.
            return Ok(vec![unknown("ses:surplus_results"); count]);
        }
        let mut results: Vec<EntryResult> = answers
            .iter()
            .map(|answer| classify::entry(answer.status().map(|status| status.as_str()), answer.message_id()))
            .collect();
        results.resize(count, unknown("ses:missing_result"));
        Ok(results)
    }
}

/// An entry of the request and about how many bytes it takes there.
struct Entry {
    entry: BulkEmailEntry,
    bytes: usize,
}

impl Entry {
    fn new(message: &OutgoingEmail) -> Result<Self, BuildError> {
        let OutgoingEmail {
            recipient,
            to,
            email,
            unsubscribe_url,
            campaign,
            chunk,
        } = message;
        let tag = |name: &str, value: String| MessageTag::builder().name(name).value(value).build();
        let header = |name: &str, value: String| MessageHeader::builder().name(name).value(value).build();
        let data = email.template_data();
        let bytes = ENTRY_OVERHEAD + to.len() + unsubscribe_url.len() + quoted_len(&data);
        let replacement = ReplacementTemplate::builder().replacement_template_data(data).build();
        let entry = BulkEmailEntry::builder()
            .destination(Destination::builder().to_addresses(to).build())
            .replacement_email_content(ReplacementEmailContent::builder().replacement_template(replacement).build())
            .replacement_tags(tag(CAMPAIGN_TAG, campaign.to_string())?)
            .replacement_tags(tag(CHUNK_TAG, chunk.to_string())?)
            .replacement_tags(tag(RECIPIENT_TAG, recipient.to_string())?)
            // RFC 8058: mail programs that see both headers offer to unsubscribe with one click.
            .replacement_headers(header("List-Unsubscribe", format!("<{unsubscribe_url}>"))?)
            .replacement_headers(header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned())?)
            .build();
        Ok(Self { entry, bytes })
    }
}

/// The length of `json` as a JSON string: it is quoted a second time on the wire.
fn quoted_len(json: &str) -> usize {
    2 + json.len() + json.bytes().filter(|byte| matches!(byte, b'"' | b'\\')).count()
}

fn into_calls(entries: Vec<Entry>) -> Vec<Vec<BulkEmailEntry>> {
    let mut calls: Vec<Vec<BulkEmailEntry>> = Vec::new();
    let mut room = 0;
    for Entry { entry, bytes } in entries {
        match calls.last_mut() {
            Some(call) if call.len() < CHUNK_SIZE && bytes <= room => {
                call.push(entry);
                room -= bytes;
            }
            _ => {
                calls.push(vec![entry]);
                room = MAX_REQUEST_BYTES.saturating_sub(bytes);
            }
        }
    }
    calls
}

/// Where every message was throttled, or every message stopped, the chunk as a whole was: the caller need not look closer.
fn all_alike(results: &[EntryResult]) -> Option<SendError> {
    let (first, rest) = results.split_first()?;
    match first {
        EntryResult::Retry { reason, wait: Some(wait) } if rest.iter().all(|result| result == first) => Some(SendError::NotAccepted {
            reason: reason.clone(),
            wait: *wait,
        }),
        EntryResult::Stop { reason } if rest.iter().all(|result| result == first) => Some(SendError::StopCampaign { reason: reason.clone() }),
        _ => None,
    }
}

fn not_built(_: BuildError) -> SendError {
    SendError::StopCampaign {
        reason: "ses:request_not_built".to_owned(),
    }
}

fn send_error<R: HttpStatus>(error: &SdkError<SendBulkEmailError, R>) -> SendError {
    let ambiguous = |reason: &str| SendError::Ambiguous { reason: reason.to_owned() };
    match error {
        // A required field is missing or the endpoint is no URL: nothing was sent, and waiting does not help.
        SdkError::ConstructionFailure(_) => SendError::StopCampaign {
            reason: "ses:request_not_built".to_owned(),
        },
        SdkError::DispatchFailure(failure) => match failure.as_connector_error() {
            Some(connector) if never_connected(connector) => SendError::NotAccepted {
                reason: "ses:unreachable".to_owned(),
                wait: classify::Wait::Unreachable,
            },
            _ if failure.is_timeout() => ambiguous("ses:timeout"),
            _ => ambiguous("ses:connection_lost"),
        },
        SdkError::TimeoutError(_) => ambiguous("ses:timeout"),
        SdkError::ResponseError(_) => ambiguous("ses:unreadable_answer"),
        SdkError::ServiceError(service) => classify::request_error(service.raw().http_status(), service.err().code(), service.err().message()),
        _ => ambiguous("ses:unexpected_error"),
    }
}

/// Whether the request cannot have been written because no connection came about: name lookup, connect (refused or timed
/// out), TLS handshake.
fn never_connected(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source())
        .filter_map(|error| error.downcast_ref::<hyper_util::client::legacy::Error>())
        .any(hyper_util::client::legacy::Error::is_connect)
}

/// The status of a raw answer; a trait so that this crate need not name the SDK's HTTP types.
trait HttpStatus {
    fn http_status(&self) -> u16;
}

impl HttpStatus for aws_sdk_sesv2::config::http::HttpResponse {
    fn http_status(&self) -> u16 {
        self.status().as_u16()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(html: &str) -> OutgoingEmail {
        OutgoingEmail {
            recipient: "vnd_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            to: "asha@example.in".to_owned(),
            email: RenderedEmail {
                subject: "s".to_owned(),
                html: html.to_owned(),
                text: "t".to_owned(),
            },
            unsubscribe_url: "https://msme.example/unsubscribe/t".to_owned(),
            campaign: "cmp_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            chunk: 1,
        }
    }

    #[track_caller]
    fn check(html: &str, count: usize, expected: &[usize]) {
        let entries = vec![message(html); count].iter().map(|message| Entry::new(message).unwrap()).collect();
        let sizes: Vec<usize> = into_calls(entries).iter().map(Vec::len).collect();
        assert_eq!(sizes, expected);
    }

    #[test]
    fn a_chunk_is_one_call_unless_it_is_too_long() {
        check("short", 0, &[]);
        check("short", 50, &[50]);
        check("short", 51, &[50, 1]);
        check(&"x".repeat(15_000), 50, &[50]);
        check(&"x".repeat(30_000), 50, &[32, 18]);
        // Quotes take four bytes each on the wire.
        check(&"\"".repeat(30_000), 50, &[8, 8, 8, 8, 8, 8, 2]);
    }

    #[test]
    fn the_length_on_the_wire_is_counted_right() {
        let data = message("<a href=\"x\">\n\u{1}ठीक</a>").email.template_data();
        assert_eq!(quoted_len(&data), serde_json::to_string(&data).unwrap().len());
    }

    #[test]
    fn a_chunk_throttled_as_a_whole_is_not_accepted() {
        let throttled = || classify::entry(Some("ACCOUNT_THROTTLED"), None);
        let accepted = classify::entry(Some("SUCCESS"), Some("m"));
        assert!(matches!(all_alike(&[throttled(), throttled()]), Some(SendError::NotAccepted { .. })));
        assert!(all_alike(&[throttled(), accepted]).is_none());
        assert!(all_alike(&[classify::entry(Some("TRANSIENT_FAILURE"), None)]).is_none());
        assert!(all_alike(&[]).is_none());
    }
}
