//! Meta's Cloud API: sending from one number, and what can be asked about that number and its templates.

use std::fmt;

use domain::delivery::WAVE_SIZE;
use futures::future::join_all;
use outbound::https::{Answer, Https, NoAnswer};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::approved::ApprovedTemplate;
use super::classify;
use super::payload::OutgoingWhatsapp;
use crate::classify::{EntryResult, Wait};

/// What Meta grants a number that has not been upgraded, in messages a second.
/// <https://developers.facebook.com/docs/whatsapp/cloud-api/overview#throughput>
pub const STANDARD_THROUGHPUT: u32 = 80;

/// What Meta grants an upgraded number, in messages a second.
pub const HIGH_THROUGHPUT: u32 = 1_000;

/// More templates of one name than there are languages.
const MAX_TEMPLATES: usize = 100;

/// Sends from one number of a WhatsApp Business Account.
#[derive(Clone)]
pub struct WhatsApp {
    http: Https,
    api_url: String,
    phone_number_id: String,
    access_token: String,
}

impl fmt::Debug for WhatsApp {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WhatsApp")
            .field("api_url", &self.api_url)
            .field("phone_number_id", &self.phone_number_id)
            .finish_non_exhaustive()
    }
}

/// Why Meta did not tell, or take, what was asked. Never about a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// No answer that can be read.
    #[error("Meta did not answer: {0}")]
    NoAnswer(String),
    /// An error answer.
    #[error("Meta refused: HTTP {status}, code {code:?}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Meta's code, where the answer has one.
        code: Option<u32>,
    },
}

impl ApiError {
    /// The reason, for instance `whatsapp:190`.
    pub fn reason(&self) -> String {
        match self {
            ApiError::NoAnswer(reason) => reason.clone(),
            ApiError::Refused { status, code } => classify::reason(*code, *status),
        }
    }
}

/// How a number stands with Meta.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberHealth {
    /// `CONNECTED`, `FLAGGED`, `RESTRICTED` …; anything but the first needs attention.
    pub status: Option<String>,
    /// `GREEN`, `YELLOW`, `RED` or `UNKNOWN`: what recipients think of its messages.
    pub quality: Option<String>,
    /// Messages a second.
    pub messages_per_second: u32,
    /// `TIER_2K` …: how many recipients the whole portfolio may begin conversations with in 24 hours.
    pub limit_tier: Option<String>,
}

impl NumberHealth {
    /// Recipients in 24 hours; none where the tier has no limit, or is not known.
    pub fn recipients_per_day(&self) -> Option<u32> {
        let size = self.limit_tier.as_deref()?.strip_prefix("TIER_")?;
        match size.strip_suffix('K') {
            Some(thousands) => thousands.parse::<u32>().ok()?.checked_mul(1_000),
            None => size.parse().ok(),
        }
    }
}

impl WhatsApp {
    /// Sends from the number `phone_number_id` with an access token that may use it. `api_url` holds the version, as in
    /// `https://graph.facebook.com/v23.0`.
    pub fn new(http: Https, api_url: impl Into<String>, phone_number_id: impl Into<String>, access_token: impl Into<String>) -> Self {
        let api_url: String = api_url.into();
        Self {
            http,
            api_url: api_url.trim_end_matches('/').to_owned(),
            phone_number_id: phone_number_id.into(),
            access_token: access_token.into(),
        }
    }

    /// Sends one message, once.
    pub async fn send(&self, message: &OutgoingWhatsapp) -> EntryResult {
        let url = format!("{}/{}/messages", self.api_url, self.phone_number_id);
        match self.http.post_json(&url, &self.access_token, message.body()).await {
            Ok(answer) => classify_answer(&answer),
            Err(no_answer) => classify_silence(no_answer),
        }
    }

    /// Sends each message once, at most ten at a time; the results are in their order.
    pub async fn send_wave(&self, messages: &[OutgoingWhatsapp]) -> Vec<EntryResult> {
        let mut results = Vec::with_capacity(messages.len());
        for wave in messages.chunks(WAVE_SIZE) {
            results.extend(join_all(wave.iter().map(|message| self.send(message))).await);
        }
        results
    }

    /// Asks how the number stands.
    ///
    /// # Errors
    /// When Meta does not answer or refuses.
    pub async fn number_health(&self) -> Result<NumberHealth, ApiError> {
        // The limit has moved from the number to the portfolio; which of the two names is known depends on the API's version, and
        // an unknown one is refused with code 100.
        let health = match self.number_fields("whatsapp_business_manager_messaging_limit").await {
            Err(ApiError::Refused { code: Some(100), .. }) => self.number_fields("messaging_limit_tier").await?,
            other => other?,
        };
        let NumberFields {
            status,
            quality_rating,
            throughput,
            portfolio_limit,
            number_limit,
        } = health;
        let level = throughput.and_then(|throughput| throughput.level);
        Ok(NumberHealth {
            status,
            quality: quality_rating,
            messages_per_second: if level.as_deref() == Some("HIGH") {
                HIGH_THROUGHPUT
            } else {
                STANDARD_THROUGHPUT
            },
            limit_tier: portfolio_limit.or(number_limit),
        })
    }

    async fn number_fields(&self, limit: &str) -> Result<NumberFields, ApiError> {
        self.read(&format!("{}?fields=status,quality_rating,throughput,{limit}", self.phone_number_id))
            .await
    }

    /// Asks for every language version of a template, whatever its state.
    ///
    /// # Errors
    /// When Meta does not answer or refuses.
    pub async fn templates(&self, business_account_id: &str, name: &str) -> Result<Vec<ApprovedTemplate>, ApiError> {
        #[derive(Deserialize)]
        struct Listing {
            #[serde(default)]
            data: Vec<ApprovedTemplate>,
        }
        let fields = "name,language,status,category,components";
        let path = format!("{business_account_id}/message_templates?fields={fields}&name={name}&limit={MAX_TEMPLATES}");
        let Listing { mut data } = self.read(&path).await?;
        // Meta takes the name as a part of one.
        data.retain(|template| template.name == name);
        Ok(data)
    }

    /// Uploads a picture or a file; the id may be used for 30 days.
    ///
    /// # Errors
    /// When Meta does not answer or refuses.
    pub async fn upload(&self, bytes: &[u8], mime_type: &str, filename: &str) -> Result<String, ApiError> {
        #[derive(Deserialize)]
        struct Uploaded {
            id: String,
        }
        let boundary = boundary_for(bytes);
        let url = format!("{}/{}/media", self.api_url, self.phone_number_id);
        let content_type = format!("multipart/form-data; boundary={boundary}");
        let body = multipart(&boundary, bytes, mime_type, filename);
        let answer = self.http.post(&url, &self.access_token, &content_type, body).await.map_err(no_answer)?;
        read_answer::<Uploaded>(&answer).map(|uploaded| uploaded.id)
    }

    async fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T, ApiError> {
        let url = format!("{}/{path}", self.api_url);
        let answer = self.http.get(&url, &self.access_token).await.map_err(no_answer)?;
        read_answer(&answer)
    }
}

/// Meta's message ids are base64 text, in which a slash may occur; in our events a slash ends the message's id.
pub(super) fn message_id(id: &str) -> String {
    id.replace('/', "_")
}

#[derive(Deserialize)]
struct Accepted {
    #[serde(default)]
    messages: Vec<AcceptedMessage>,
}

#[derive(Deserialize)]
struct AcceptedMessage {
    id: String,
}

#[derive(Deserialize)]
struct ErrorBody {
    error: GraphError,
}

#[derive(Deserialize)]
struct GraphError {
    code: Option<u32>,
}

#[derive(Deserialize)]
struct NumberFields {
    status: Option<String>,
    quality_rating: Option<String>,
    throughput: Option<Throughput>,
    #[serde(rename = "whatsapp_business_manager_messaging_limit")]
    portfolio_limit: Option<String>,
    #[serde(rename = "messaging_limit_tier")]
    number_limit: Option<String>,
}

#[derive(Deserialize)]
struct Throughput {
    level: Option<String>,
}

fn classify_answer(answer: &Answer) -> EntryResult {
    let code = error_code(answer);
    if !(200..300).contains(&answer.status) || code.is_some() {
        return classify::request_error(answer.status, code);
    }
    let accepted = serde_json::from_slice::<Accepted>(&answer.body).ok();
    match accepted.and_then(|accepted| accepted.messages.into_iter().next()) {
        Some(AcceptedMessage { id }) if !id.is_empty() => EntryResult::Accepted { message_id: message_id(&id) },
        // The status arrived, the body did not: Meta has the message, and its id comes with its first status.
        _ => EntryResult::Unknown {
            reason: "whatsapp:success_without_message_id".to_owned(),
        },
    }
}

fn classify_silence(no_answer: NoAnswer) -> EntryResult {
    let reason = silence(no_answer);
    match no_answer {
        NoAnswer::NotBuilt => EntryResult::Stop { reason },
        NoAnswer::NotConnected => EntryResult::Retry {
            reason,
            wait: Some(Wait::Unreachable),
        },
        NoAnswer::TimedOut | NoAnswer::Lost => EntryResult::Unknown { reason },
    }
}

fn silence(no_answer: NoAnswer) -> String {
    let word = match no_answer {
        NoAnswer::NotBuilt => "request_not_built",
        NoAnswer::NotConnected => "unreachable",
        NoAnswer::TimedOut => "timeout",
        NoAnswer::Lost => "connection_lost",
    };
    format!("whatsapp:{word}")
}

fn no_answer(reason: NoAnswer) -> ApiError {
    ApiError::NoAnswer(silence(reason))
}

fn error_code(answer: &Answer) -> Option<u32> {
    let body: ErrorBody = serde_json::from_slice(&answer.body).ok()?;
    body.error.code
}

fn read_answer<T: DeserializeOwned>(answer: &Answer) -> Result<T, ApiError> {
    let code = error_code(answer);
    if !(200..300).contains(&answer.status) || code.is_some() {
        return Err(ApiError::Refused { status: answer.status, code });
    }
    serde_json::from_slice(&answer.body).map_err(|_| ApiError::NoAnswer("whatsapp:unreadable_answer".to_owned()))
}

/// A line that does not occur in the file.
fn boundary_for(bytes: &[u8]) -> String {
    let mut boundary = "msme-campaign-central".to_owned();
    while bytes.windows(boundary.len()).any(|window| window == boundary.as_bytes()) {
        boundary.push('x');
    }
    boundary
}

fn multipart(boundary: &str, bytes: &[u8], mime_type: &str, filename: &str) -> Vec<u8> {
    // Neither may end the header line it stands in.
    let plain = |text: &str| text.chars().filter(|c| !c.is_control() && *c != '"').collect::<String>();
    let (mime_type, filename) = (plain(mime_type), plain(filename));
    let mut body = Vec::with_capacity(bytes.len() + 512);
    for (name, value) in [("messaging_product", "whatsapp"), ("type", mime_type.as_str())] {
        body.extend(format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").into_bytes());
    }
    let file = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{filename}\"\r\nContent-Type: {mime_type}\r\n\r\n");
    body.extend(file.into_bytes());
    body.extend(bytes);
    body.extend(format!("\r\n--{boundary}--\r\n").into_bytes());
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> EntryResult {
        classify_answer(&Answer {
            status,
            headers: outbound::https::HeaderMap::new(),
            body: body.as_bytes().to_vec(),
        })
    }

    #[test]
    fn every_answer_is_classified() {
        let accepted = r#"{"messaging_product":"whatsapp","contacts":[{"input":"+9198","wa_id":"9198"}],
            "messages":[{"id":"wamid.HBgM/+AA==","message_status":"accepted"}]}"#;
        let message_id = "wamid.HBgM_+AA==".to_owned();
        assert_eq!(answer(200, accepted), EntryResult::Accepted { message_id });
        let unknown = |reason: &str| EntryResult::Unknown { reason: reason.to_owned() };
        for lost in ["", "{", "{}", r#"{"messages":[]}"#, r#"{"messages":[{"id":""}]}"#, "<html>"] {
            assert_eq!(answer(200, lost), unknown("whatsapp:success_without_message_id"), "{lost}");
        }
        let error =
            |code: u32| format!(r#"{{"error":{{"message":"(#{code}) x","type":"OAuthException","code":{code},"error_data":{{"details":"d"}}}}}}"#);
        let failed = |reason: &str| EntryResult::Failed { reason: reason.to_owned() };
        assert_eq!(answer(400, &error(131_026)), failed("whatsapp:131026"));
        assert_eq!(answer(200, &error(131_026)), failed("whatsapp:131026"));
        assert_eq!(answer(400, &error(424_242)), failed("whatsapp:424242"));
        assert_eq!(answer(500, &error(424_242)), unknown("whatsapp:424242"));
        assert_eq!(answer(502, "<html>Bad gateway"), unknown("whatsapp:http_502"));
        assert_eq!(answer(302, ""), unknown("whatsapp:http_302"));
        assert_eq!(answer(400, r#"{"error":"odd"}"#), failed("whatsapp:http_400"));
    }

    #[test]
    fn only_a_connection_that_never_was_proves_that_nothing_was_taken() {
        let reason = |word: &str| format!("whatsapp:{word}");
        let retry = EntryResult::Retry {
            reason: reason("unreachable"),
            wait: Some(Wait::Unreachable),
        };
        assert_eq!(classify_silence(NoAnswer::NotConnected), retry);
        assert_eq!(classify_silence(NoAnswer::TimedOut), EntryResult::Unknown { reason: reason("timeout") });
        let lost = EntryResult::Unknown {
            reason: reason("connection_lost"),
        };
        assert_eq!(classify_silence(NoAnswer::Lost), lost);
        let stop = EntryResult::Stop {
            reason: reason("request_not_built"),
        };
        assert_eq!(classify_silence(NoAnswer::NotBuilt), stop);
    }

    #[test]
    fn a_tier_is_a_number_of_recipients_a_day() {
        let of = |tier: Option<&str>| {
            let health = NumberHealth {
                status: None,
                quality: None,
                messages_per_second: 80,
                limit_tier: tier.map(str::to_owned),
            };
            health.recipients_per_day()
        };
        assert_eq!(of(Some("TIER_250")), Some(250));
        assert_eq!(of(Some("TIER_2K")), Some(2_000));
        assert_eq!(of(Some("TIER_100K")), Some(100_000));
        assert_eq!(of(Some("TIER_UNLIMITED")), None);
        assert_eq!(of(None), None);
    }

    #[test]
    fn an_upload_survives_what_is_in_the_file_and_its_name() {
        let bytes = b"%PDF msme-campaign-central x";
        let boundary = boundary_for(bytes);
        assert_eq!(boundary, "msme-campaign-centralx");
        let body = String::from_utf8(multipart(&boundary, bytes, "application/pdf", "a\"\r\nb.pdf")).unwrap();
        assert!(
            body.contains("filename=\"ab.pdf\"\r\nContent-Type: application/pdf\r\n\r\n%PDF"),
            "{body}"
        );
        assert!(body.ends_with("\r\n--msme-campaign-centralx--\r\n"));
    }
}
