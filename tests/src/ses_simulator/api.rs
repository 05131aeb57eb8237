//! The SES v2 operations, in their REST-JSON form.
//! <https://docs.aws.amazon.com/ses/latest/APIReference-V2/Welcome.html>

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::fault::FaultKind;
use super::message::{Draft, Header, Tag};
use super::{Shared, mime, template, validate};

const SEND_EMAIL: &str = "SendEmail";
const SEND_BULK_EMAIL: &str = "SendBulkEmail";

/// "Each input JSON file can be up to 1 MB in size" for inline templates.
/// <https://docs.aws.amazon.com/ses/latest/dg/send-personalized-email-api.html>
const MAX_INLINE_TEMPLATE_REQUEST: usize = 1024 * 1024;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/v2/email/outbound-emails", post(send_email))
        .route("/v2/email/outbound-bulk-emails", post(send_bulk_email))
        .route("/v2/email/account", get(get_account))
}

/// An SES error: HTTP status, exception name and message.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ServiceError {
    status: StatusCode,
    code: String,
    message: String,
}

impl ServiceError {
    fn new(status: u16, code: &str, message: &str) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self {
            status,
            code: code.to_owned(),
            message: message.to_owned(),
        }
    }

    fn server_error(status: u16) -> Self {
        let code = if status == 503 {
            "ServiceUnavailable"
        } else {
            "InternalServiceErrorException"
        };
        Self::new(status, code, "The service could not complete the request.")
    }
}

fn bad_request(message: impl AsRef<str>) -> ServiceError {
    ServiceError::new(400, "BadRequestException", message.as_ref())
}

impl IntoResponse for ServiceError {
    fn into_response(self) -> Response {
        let body = json!({"__type": self.code, "message": self.message});
        let mut response = answer(self.status, &body);
        if let Ok(code) = self.code.parse() {
            response.headers_mut().insert(HeaderName::from_static("x-amzn-errortype"), code);
        }
        response
    }
}

fn answer(status: StatusCode, body: &Value) -> Response {
    let request_id: u128 = rand::random();
    let headers = [
        (CONTENT_TYPE, "application/json".to_owned()),
        (HeaderName::from_static("x-amzn-requestid"), format!("{request_id:032x}")),
    ];
    (status, headers, body.to_string()).into_response()
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ServiceError> {
    serde_json::from_slice(body).map_err(|error| ServiceError::new(400, "SerializationException", &format!("Could not parse the request: {error}")))
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Destination {
    to_addresses: Vec<String>,
    cc_addresses: Vec<String>,
    bcc_addresses: Vec<String>,
}

impl Destination {
    fn all(&self) -> Vec<String> {
        self.to_addresses
            .iter()
            .chain(&self.cc_addresses)
            .chain(&self.bcc_addresses)
            .cloned()
            .collect()
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NameValue {
    name: String,
    value: String,
}

fn to_tags(pairs: Vec<NameValue>) -> Vec<Tag> {
    pairs.into_iter().map(|NameValue { name, value }| Tag { name, value }).collect()
}

fn to_headers(pairs: Vec<NameValue>) -> Vec<Header> {
    pairs.into_iter().map(|NameValue { name, value }| Header { name, value }).collect()
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Text {
    data: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Body {
    text: Option<Text>,
    html: Option<Text>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attachment {
    file_name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SimpleMessage {
    subject: Text,
    body: Body,
    #[serde(default)]
    headers: Vec<NameValue>,
    #[serde(default)]
    attachments: Vec<Attachment>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawMessage {
    data: String,
}

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct TemplateContent {
    subject: Option<String>,
    text: Option<String>,
    html: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Template {
    template_name: Option<String>,
    template_arn: Option<String>,
    template_content: Option<TemplateContent>,
    template_data: Option<String>,
    headers: Vec<NameValue>,
    attachments: Vec<Attachment>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct EmailContent {
    simple: Option<SimpleMessage>,
    raw: Option<RawMessage>,
    template: Option<Template>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct SendEmailRequest {
    from_email_address: Option<String>,
    destination: Destination,
    reply_to_addresses: Vec<String>,
    content: Option<EmailContent>,
    email_tags: Vec<NameValue>,
    configuration_set_name: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct BulkEmailContent {
    template: Option<Template>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ReplacementTemplate {
    replacement_template_data: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ReplacementEmailContent {
    replacement_template: Option<ReplacementTemplate>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct BulkEmailEntry {
    destination: Destination,
    replacement_tags: Vec<NameValue>,
    replacement_headers: Vec<NameValue>,
    replacement_email_content: Option<ReplacementEmailContent>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct SendBulkEmailRequest {
    from_email_address: Option<String>,
    reply_to_addresses: Vec<String>,
    default_content: Option<BulkEmailContent>,
    default_email_tags: Vec<NameValue>,
    bulk_email_entries: Vec<BulkEmailEntry>,
    configuration_set_name: Option<String>,
}

async fn send_email(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    shared.count(SEND_EMAIL);
    let request: SendEmailRequest = match parse(&body) {
        Ok(request) => request,
        Err(error) => return error.into_response(),
    };
    let recipients = vec![request.destination.all()];
    serve(&shared, &recipients, || {
        let draft = draft_of(request, body.len())?;
        let id = shared.accept(draft, 0);
        Ok(json!({"MessageId": id}))
    })
    .await
}

async fn send_bulk_email(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    shared.count(SEND_BULK_EMAIL);
    let request: SendBulkEmailRequest = match parse(&body) {
        Ok(request) => request,
        Err(error) => return error.into_response(),
    };
    let recipients: Vec<Vec<String>> = request.bulk_email_entries.iter().map(|entry| entry.destination.all()).collect();
    serve(&shared, &recipients, || {
        let bulk = Bulk::new(&request, body.len())?;
        let results: Vec<Value> = request
            .bulk_email_entries
            .into_iter()
            .enumerate()
            .map(|(index, entry)| accept_entry(&shared, &bulk, index, entry))
            .collect();
        Ok(json!({"BulkEmailEntryResults": results}))
    })
    .await
}

async fn get_account(State(shared): State<Arc<Shared>>) -> Response {
    shared.count("GetAccount");
    let day_ago = jiff::Timestamp::now() - Duration::from_secs(24 * 60 * 60);
    let sent_last_24_hours: usize = shared
        .state()
        .messages
        .iter()
        .rev()
        .take_while(|message| message.accepted_at > day_ago)
        .filter(|message| message.was_sent())
        .map(|message| message.recipients().len())
        .sum();
    let account = json!({
        "DedicatedIpAutoWarmupEnabled": false,
        "EnforcementStatus": shared.options.enforcement_status,
        "ProductionAccessEnabled": shared.options.production_access_enabled,
        "SendQuota": {
            "Max24HourSend": shared.options.max_24_hour_send,
            "MaxSendRate": shared.options.max_send_rate,
            "SentLast24Hours": sent_last_24_hours as f64,
        },
        "SendingEnabled": shared.options.sending_enabled,
        "SuppressionAttributes": {"SuppressedReasons": ["BOUNCE", "COMPLAINT"]},
    });
    answer(StatusCode::OK, &account)
}

pub(super) async fn unknown_operation(State(shared): State<Arc<Shared>>) -> Response {
    shared.count("Unknown");
    ServiceError::new(404, "UnknownOperationException", "The SES simulator does not have this operation.").into_response()
}

/// Answers a send, or lets the oldest fault that strikes it happen. `accept` keeps the messages at once: a client that stops
/// waiting for the answer does not undo it.
async fn serve(shared: &Shared, recipients: &[Vec<String>], accept: impl FnOnce() -> Result<Value, ServiceError>) -> Response {
    let accept = || accept().map_or_else(IntoResponse::into_response, |body| answer(StatusCode::OK, &body));
    let fault = shared.state().faults.take_request(recipients);
    match fault {
        Some(FaultKind::Throttle) => ServiceError::new(429, "TooManyRequestsException", "Maximum sending rate exceeded.").into_response(),
        Some(FaultKind::DailyQuota) => ServiceError::new(400, "LimitExceededException", "Daily message quota exceeded.").into_response(),
        Some(FaultKind::SendingPaused) => {
            let message = "Email sending is disabled for your account.";
            ServiceError::new(400, "SendingPausedException", message).into_response()
        }
        Some(FaultKind::Error { status, code, message }) => ServiceError::new(status, &code, &message).into_response(),
        Some(FaultKind::ServerErrorBefore { status }) => ServiceError::server_error(status).into_response(),
        Some(FaultKind::ServerErrorAfter { status }) => {
            accept();
            ServiceError::server_error(status).into_response()
        }
        Some(FaultKind::TimeoutBefore { answer_after_ms }) => {
            hold(shared, answer_after_ms).await;
            ServiceError::server_error(503).into_response()
        }
        Some(FaultKind::TimeoutAfter { answer_after_ms }) => {
            let answer = accept();
            hold(shared, answer_after_ms).await;
            answer
        }
        // Faults of entries, events and outcomes are taken where those are decided.
        Some(FaultKind::EntryStatus { .. } | FaultKind::EventLoss { .. } | FaultKind::EventDuplication { .. } | FaultKind::EndAs { .. }) | None => {
            accept()
        }
    }
}

/// Waits for the given time, or until the simulator closes.
async fn hold(shared: &Shared, answer_after_ms: Option<u64>) {
    let mut closing = shared.closing.subscribe();
    let delay = async {
        match answer_after_ms {
            Some(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = delay => {}
        _ = closing.wait_for(|closed| *closed) => {}
    }
}

fn draft_of(request: SendEmailRequest, request_bytes: usize) -> Result<Draft, ServiceError> {
    let SendEmailRequest {
        from_email_address,
        destination,
        reply_to_addresses,
        content,
        email_tags,
        configuration_set_name,
    } = request;
    let content = content.ok_or_else(|| bad_request("Content is required."))?;
    let mut draft = Draft {
        operation: SEND_EMAIL,
        from: from_email_address.unwrap_or_default(),
        to: destination.to_addresses,
        cc: destination.cc_addresses,
        bcc: destination.bcc_addresses,
        reply_to: reply_to_addresses,
        tags: to_tags(email_tags),
        configuration_set: configuration_set_name,
        ..Draft::default()
    };
    match content {
        EmailContent {
            simple: Some(simple),
            raw: None,
            template: None,
        } => {
            draft.subject = simple.subject.data;
            draft.html = simple.body.html.map(|part| part.data);
            draft.text = simple.body.text.map(|part| part.data);
            draft.headers = to_headers(simple.headers);
            draft.attachments = simple.attachments.into_iter().map(|attachment| attachment.file_name).collect();
        }
        EmailContent {
            simple: None,
            raw: Some(raw),
            template: None,
        } => {
            let data = STANDARD
                .decode(raw.data)
                .map_err(|_| bad_request("Raw message data is not valid base64."))?;
            mime::read_into(&data, &mut draft);
        }
        EmailContent {
            simple: None,
            raw: None,
            template: Some(template),
        } => {
            let data = template_data(template.template_data.as_deref())?;
            let content = inline_content(&template, request_bytes)?;
            draft.headers = to_headers(template.headers);
            draft.attachments = template.attachments.into_iter().map(|attachment| attachment.file_name).collect();
            render_into(&content, &data, &mut draft);
        }
        _ => return Err(bad_request("Content must be exactly one of Simple, Raw and Template.")),
    }
    check_from(&draft.from)?;
    let recipients: Vec<String> = draft.to.iter().chain(&draft.cc).chain(&draft.bcc).cloned().collect();
    validate::recipients(&recipients).map_err(bad_request)?;
    validate::tags(&draft.tags).map_err(bad_request)?;
    validate::headers(&draft.headers).map_err(bad_request)?;
    check_reply_to(&draft.reply_to)?;
    if !draft.templated && draft.html.is_none() && draft.text.is_none() {
        return Err(bad_request("Body must have an Html or a Text part."));
    }
    Ok(draft)
}

fn check_from(from: &str) -> Result<(), ServiceError> {
    if from.trim().is_empty() {
        return Err(bad_request("Missing required header 'From'."));
    }
    validate::address(from).map_err(bad_request)
}

fn check_reply_to(addresses: &[String]) -> Result<(), ServiceError> {
    addresses.iter().try_for_each(|address| validate::address(address)).map_err(bad_request)
}

fn template_data(data: Option<&str>) -> Result<Value, ServiceError> {
    let Some(data) = data else { return Ok(json!({})) };
    match serde_json::from_str(data) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) | Err(_) => Err(bad_request("Template data is not a valid JSON object.")),
    }
}

fn inline_content(template: &Template, request_bytes: usize) -> Result<TemplateContent, ServiceError> {
    if let Some(name) = template.template_name.as_ref().or(template.template_arn.as_ref()) {
        return Err(ServiceError::new(404, "NotFoundException", &format!("Template {name} does not exist")));
    }
    let content = template
        .template_content
        .clone()
        .ok_or_else(|| bad_request("Template content is required."))?;
    if content.subject.as_deref().unwrap_or_default().is_empty() {
        return Err(bad_request("Template subject is required."));
    }
    if content.html.is_none() && content.text.is_none() {
        return Err(bad_request("Template must have an Html or a Text part."));
    }
    if request_bytes > MAX_INLINE_TEMPLATE_REQUEST {
        return Err(bad_request("A request with an inline template can be up to 1 MB in size."));
    }
    Ok(content)
}

/// SES accepts a message it cannot render and says so in an event, so a failure is kept in the draft.
fn render_into(content: &TemplateContent, data: &Value, draft: &mut Draft) {
    draft.templated = true;
    let render = |part: &Option<String>| part.as_deref().map(|part| template::render(part, data)).transpose();
    let rendered = render(&content.subject).and_then(|subject| Ok((subject, render(&content.html)?, render(&content.text)?)));
    match rendered {
        Ok((subject, html, text)) => {
            draft.subject = subject.unwrap_or_default();
            draft.html = html;
            draft.text = text;
        }
        Err(reason) => draft.rendering_failure = Some(reason),
    }
}

/// What the entries of a bulk call have in common.
struct Bulk {
    from: String,
    reply_to: Vec<String>,
    configuration_set: Option<String>,
    content: TemplateContent,
    data: Value,
    tags: Vec<Tag>,
    headers: Vec<Header>,
    attachments: Vec<String>,
}

impl Bulk {
    fn new(request: &SendBulkEmailRequest, request_bytes: usize) -> Result<Self, ServiceError> {
        let from = request.from_email_address.clone().unwrap_or_default();
        check_from(&from)?;
        check_reply_to(&request.reply_to_addresses)?;
        match request.bulk_email_entries.len() {
            0 => return Err(bad_request("BulkEmailEntries must have at least one entry.")),
            1..=validate::MAX_DESTINATIONS => {}
            _ => return Err(bad_request(format!("Destination count exceeds {}.", validate::MAX_DESTINATIONS))),
        }
        let template = request.default_content.as_ref().and_then(|content| content.template.as_ref());
        let template = template.ok_or_else(|| bad_request("DefaultContent must have a Template."))?;
        let content = inline_content(template, request_bytes)?;
        let tags = to_tags(request.default_email_tags.clone());
        validate::tags(&tags).map_err(bad_request)?;
        let headers = to_headers(template.headers.clone());
        validate::headers(&headers).map_err(bad_request)?;
        Ok(Self {
            from,
            reply_to: request.reply_to_addresses.clone(),
            configuration_set: request.configuration_set_name.clone(),
            content,
            data: template_data(template.template_data.as_deref())?,
            tags,
            headers,
            attachments: template.attachments.iter().map(|attachment| attachment.file_name.clone()).collect(),
        })
    }

    fn draft(&self, entry: BulkEmailEntry) -> Result<Draft, String> {
        let BulkEmailEntry {
            destination,
            replacement_tags,
            replacement_headers,
            replacement_email_content,
        } = entry;
        validate::recipients(&destination.all())?;

        let mut tags = self.tags.clone();
        for tag in to_tags(replacement_tags) {
            tags.retain(|default| default.name != tag.name);
            tags.push(tag);
        }
        validate::tags(&tags)?;

        let mut headers = to_headers(replacement_headers);
        let is_replaced = |name: &str| headers.iter().any(|header| header.name.eq_ignore_ascii_case(name));
        let defaults: Vec<Header> = self.headers.iter().filter(|header| !is_replaced(&header.name)).cloned().collect();
        headers.splice(0..0, defaults);
        validate::headers(&headers)?;

        let replacement = replacement_email_content.and_then(|content| content.replacement_template?.replacement_template_data);
        let replacement = template_data(replacement.as_deref()).map_err(|error| error.message)?;
        let mut draft = Draft {
            operation: SEND_BULK_EMAIL,
            from: self.from.clone(),
            to: destination.to_addresses,
            cc: destination.cc_addresses,
            bcc: destination.bcc_addresses,
            reply_to: self.reply_to.clone(),
            headers,
            tags,
            configuration_set: self.configuration_set.clone(),
            attachments: self.attachments.clone(),
            ..Draft::default()
        };
        render_into(&self.content, &template::merge(&self.data, &replacement), &mut draft);
        Ok(draft)
    }
}

/// One `BulkEmailEntryResult`.
fn accept_entry(shared: &Shared, bulk: &Bulk, index: usize, entry: BulkEmailEntry) -> Value {
    let fault = shared.state().faults.take_entry(index, &entry.destination.all());
    let draft = bulk.draft(entry);
    if let Some(FaultKind::EntryStatus { status, error, accepted }) = fault {
        if accepted && let Ok(draft) = draft {
            shared.accept(draft, index);
        }
        let error = error.unwrap_or_else(|| default_entry_error(&status).to_owned());
        return json!({"Status": status, "Error": error});
    }
    match draft {
        Ok(draft) => json!({"Status": "SUCCESS", "MessageId": shared.accept(draft, index)}),
        Err(reason) => json!({"Status": "INVALID_PARAMETER", "Error": reason}),
    }
}

fn default_entry_error(status: &str) -> &'static str {
    match status {
        "ACCOUNT_THROTTLED" => "Maximum sending rate exceeded.",
        "ACCOUNT_DAILY_QUOTA_EXCEEDED" => "Daily message quota exceeded.",
        "ACCOUNT_SENDING_PAUSED" => "Email sending is disabled for your account.",
        "MESSAGE_REJECTED" => "Message rejected: it contains a virus.",
        "TRANSIENT_FAILURE" => "Service unavailable, try again.",
        _ => "The message could not be processed.",
    }
}
