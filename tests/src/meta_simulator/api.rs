//! The Graph API paths of the Cloud API.
//! <https://developers.facebook.com/documentation/business-messaging/whatsapp/reference>

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use futures::stream;
use multer::Multipart;
use serde_json::{Map, Value, json};

use super::connection::Scissors;
use super::error::{GraphError, bad_parameter, invalid_token, no_such_object, unknown_path};
use super::fault::{FaultKind, Operation, of_number};
use super::message::Answer;
use super::{Medium, Shared, validate};

const MEDIA_TYPES: [&str; 9] = [
    "application/pdf",
    "application/msword",
    "application/vnd.ms-excel",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "image/jpeg",
    "image/png",
    "text/plain",
    "video/mp4",
];
/// "image: 5MB, document: 100MB, video: 16MB".
/// <https://developers.facebook.com/documentation/business-messaging/whatsapp/business-phone-numbers/media>
const MAX_IMAGE_BYTES: usize = 5 * 1024 * 1024;
const MAX_VIDEO_BYTES: usize = 16 * 1024 * 1024;

type Fields = HashMap<String, String>;

/// A request, taken apart.
struct Call {
    operation: Operation,
    method: Method,
    path: String,
    /// The id in the path, of whatever it may be.
    id: String,
}

impl Call {
    fn parse(method: Method, path: &str) -> Self {
        let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        let is_version = |segment: &str| segment.strip_prefix('v').is_some_and(|number| number.parse::<f32>().is_ok());
        let (operation, id) = match (&method, segments.as_slice()) {
            (&Method::POST, [version, id, "messages"]) if is_version(version) => (Operation::SendMessage, *id),
            (&Method::POST, [version, id, "media"]) if is_version(version) => (Operation::UploadMedia, *id),
            (&Method::GET, [version, id, "message_templates"]) if is_version(version) => (Operation::ListTemplates, *id),
            (&Method::GET, [version, id]) if is_version(version) => (Operation::GetObject, *id),
            _ => (Operation::Unknown, ""),
        };
        Self {
            operation,
            id: id.to_owned(),
            path: path.to_owned(),
            method,
        }
    }
}

/// How a request ends.
enum Ending {
    Answer(Response, Option<u32>),
    /// The connection is cut.
    Cut,
}

impl From<GraphError> for Ending {
    fn from(error: GraphError) -> Self {
        let code = error.code;
        Self::Answer(error.into_response(), Some(code))
    }
}

/// Every request that is not the simulator's own.
pub(super) async fn handle(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(scissors): ConnectInfo<Scissors>,
    Query(query): Query<Fields>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let call = Call::parse(method, uri.path());
    let payload: Option<Value> = match call.operation {
        Operation::UploadMedia => Some(Value::Null),
        _ if body.is_empty() => Some(Value::Null),
        _ => serde_json::from_slice(&body).ok(),
    };
    let target = format!("{} {}", call.method, call.path);
    let sequence = shared.begin(call.operation, target, payload.clone().unwrap_or_default());
    let _in_flight = InFlight(&shared);
    let ending = match run(&shared, &call, &query, &headers, payload, body).await {
        Ok(ending) => ending,
        Err(error) => error.into(),
    };
    match ending {
        Ending::Answer(response, code) => {
            let status = response.status().as_u16();
            shared.answered(sequence, Answer::Status { status, code });
            response
        }
        Ending::Cut => {
            shared.answered(sequence, Answer::Dropped);
            scissors.cut();
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

/// Counts a request out, also when its client goes away.
struct InFlight<'a>(&'a Shared);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.in_flight = state.in_flight.saturating_sub(1);
    }
}

async fn run(shared: &Shared, call: &Call, query: &Fields, headers: &HeaderMap, payload: Option<Value>, body: Bytes) -> Result<Ending, GraphError> {
    if !shared.options.answer_delay.is_zero() {
        tokio::time::sleep(shared.options.answer_delay).await;
    }
    check_token(shared, headers)?;
    let number = payload.as_ref().map(validate::recipient).unwrap_or_default();
    let injected = shared.state().faults.take_request(call.operation, &number);
    let fault = match call.operation {
        Operation::SendMessage => injected.or_else(|| of_number(&number).0),
        _ => injected,
    };
    match &fault {
        Some(FaultKind::Error { accepted: false, .. }) => return Err(injected_error(&fault)),
        Some(FaultKind::ServerErrorBefore { status }) => return Ok(Ending::Answer(edge_error(*status), None)),
        Some(FaultKind::TimeoutBefore { answer_after_ms }) => {
            hold(shared, *answer_after_ms).await;
            return Ok(Ending::Answer(edge_error(503), None));
        }
        Some(FaultKind::DropBefore) => return Ok(Ending::Cut),
        _ => {}
    }
    let result = match call.operation {
        Operation::SendMessage => send_message(shared, &call.id, payload)?,
        Operation::UploadMedia => upload_media(shared, &call.id, headers, body).await?,
        Operation::GetObject => get_object(shared, &call.id, query)?,
        Operation::ListTemplates => list_templates(shared, &call.id, query)?,
        Operation::Unknown => return Err(unknown_path(&call.path)),
    };
    let answer = json_response(&result.to_string());
    Ok(match &fault {
        Some(FaultKind::Error { .. }) => injected_error(&fault).into(),
        Some(FaultKind::ServerErrorAfter { status }) => Ending::Answer(edge_error(*status), None),
        Some(FaultKind::TimeoutAfter { answer_after_ms }) => {
            hold(shared, *answer_after_ms).await;
            Ending::Answer(answer, None)
        }
        Some(FaultKind::DropAfter) => Ending::Cut,
        Some(FaultKind::GarbledAfter) => {
            let whole = result.to_string();
            Ending::Answer(json_response(&whole[..whole.len() / 2]), None)
        }
        _ => Ending::Answer(answer, None),
    })
}

fn check_token(shared: &Shared, headers: &HeaderMap) -> Result<(), GraphError> {
    let token = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    match token.and_then(|value| value.strip_prefix("Bearer ")) {
        Some(token) if token == shared.options.access_token => Ok(()),
        _ => Err(invalid_token()),
    }
}

fn injected_error(fault: &Option<FaultKind>) -> GraphError {
    let Some(FaultKind::Error { code, status, details, .. }) = fault else {
        return GraphError::new(1);
    };
    let mut error = GraphError::new(*code);
    if let Some(status) = status {
        error = error.status(*status);
    }
    if let Some(details) = details {
        error = error.details(details.as_str());
    }
    error
}

/// What the edge answers where the API itself does not: a page, not JSON.
fn edge_error(status: u16) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let page = "<!DOCTYPE html><html><head><title>Error</title></head><body><h1>Sorry, something went wrong.</h1></body></html>";
    (status, [(CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response()
}

fn json_response(body: &str) -> Response {
    ([(CONTENT_TYPE, "application/json; charset=UTF-8")], body.to_owned()).into_response()
}

/// Waits, for ever if no time is given; either way no longer than the simulator runs.
async fn hold(shared: &Shared, answer_after_ms: Option<u64>) {
    let mut closing = shared.closing.subscribe();
    let closed = closing.wait_for(|closed| *closed);
    match answer_after_ms {
        Some(millis) => {
            let _ = tokio::time::timeout(Duration::from_millis(millis), closed).await;
        }
        None => {
            let _ = closed.await;
        }
    }
}

fn send_message(shared: &Shared, id: &str, payload: Option<Value>) -> Result<Value, GraphError> {
    if id != shared.options.phone_number_id {
        return Err(no_such_object("post", id));
    }
    let payload = payload.ok_or_else(|| bad_parameter("The request body is not valid JSON."))?;
    let draft = {
        let state = shared.state();
        let number = shared.options.display_digits();
        let has_media = |id: &str| state.media.contains_key(id);
        let account = validate::Account {
            number: &number,
            templates: &state.templates,
            has_media: &has_media,
        };
        validate::message(&payload, &account)?
    };
    let input = draft.input.clone();
    let message = shared.accept(draft, payload)?;
    Ok(json!({
        "messaging_product": "whatsapp",
        "contacts": [{"input": input, "wa_id": message.to}],
        "messages": [{"id": message.id, "message_status": "accepted"}],
    }))
}

async fn upload_media(shared: &Shared, id: &str, headers: &HeaderMap, body: Bytes) -> Result<Value, GraphError> {
    if id != shared.options.phone_number_id {
        return Err(no_such_object("post", id));
    }
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let boundary = multer::parse_boundary(content_type).map_err(|_| bad_parameter("The parameter file is required."))?;
    let unreadable = |error: multer::Error| bad_parameter(format!("The multipart body cannot be read: {error}"));
    let mut form = Multipart::new(stream::iter([Ok::<_, Infallible>(body)]), boundary);
    let mut is_whatsapp = false;
    let mut file = None;
    while let Some(field) = form.next_field().await.map_err(unreadable)? {
        match field.name() {
            Some("messaging_product") => is_whatsapp = field.text().await.map_err(unreadable)? == "whatsapp",
            Some("file") => {
                let mime_type = field.content_type().map(ToString::to_string).unwrap_or_default();
                file = Some((mime_type, field.bytes().await.map_err(unreadable)?));
            }
            _ => {}
        }
    }
    if !is_whatsapp {
        return Err(bad_parameter("The parameter messaging_product is required."));
    }
    let (mime_type, bytes) = file.ok_or_else(|| bad_parameter("The parameter file is required."))?;
    if !MEDIA_TYPES.contains(&mime_type.as_str()) {
        let allowed = MEDIA_TYPES.join(", ");
        return Err(bad_parameter(format!(
            "Param file must be a file with one of the following types: {allowed}. Received file of type '{mime_type}'."
        )));
    }
    let most = match mime_type.split_once('/') {
        Some(("image", _)) => MAX_IMAGE_BYTES,
        Some(("video", _)) => MAX_VIDEO_BYTES,
        _ => super::MAX_BODY_BYTES,
    };
    if bytes.len() > most {
        return Err(GraphError::new(131_053).details(format!("The file has more than {most} bytes")));
    }
    let mut state = shared.state();
    let media_id = (1_000_000_000_000_000 + state.media.len() as u64 + 1).to_string();
    state.media.insert(media_id.clone(), Medium { mime_type, bytes });
    Ok(json!({"id": media_id}))
}

fn get_object(shared: &Shared, id: &str, query: &Fields) -> Result<Value, GraphError> {
    let options = &shared.options;
    if id == options.phone_number_id {
        return phone_number(shared, query);
    }
    if id == options.waba_id {
        let account = json!({"id": id, "name": options.verified_name, "timezone_id": "71", "currency": "INR"});
        return select(account, query, "WhatsAppBusinessAccount");
    }
    let state = shared.state();
    let medium = state.media.get(id).ok_or_else(|| no_such_object("get", id))?;
    Ok(json!({
        "id": id,
        "messaging_product": "whatsapp",
        "mime_type": medium.mime_type,
        "file_size": medium.bytes.len(),
        "url": format!("/media/{id}"),
    }))
}

fn phone_number(shared: &Shared, query: &Fields) -> Result<Value, GraphError> {
    let options = &shared.options;
    let health = shared.state().health.clone();
    let number = json!({
        "id": options.phone_number_id,
        "display_phone_number": options.display_phone_number,
        "verified_name": options.verified_name,
        "code_verification_status": "VERIFIED",
        "name_status": "APPROVED",
        "platform_type": "CLOUD_API",
        "account_mode": "LIVE",
        "status": health.status,
        "quality_rating": health.quality_rating,
        "throughput": {"level": health.throughput_level},
        "messaging_limit_tier": health.messaging_limit,
        "whatsapp_business_manager_messaging_limit": health.messaging_limit,
    });
    let default = "verified_name,code_verification_status,display_phone_number,quality_rating,platform_type,throughput";
    let mut query = query.clone();
    query.entry("fields".to_owned()).or_insert_with(|| default.to_owned());
    select(number, &query, "WhatsAppBusinessPhoneNumber")
}

/// Keeps the fields that were asked for, and the id.
fn select(object: Value, query: &Fields, node: &str) -> Result<Value, GraphError> {
    let Some(fields) = query.get("fields") else { return Ok(object) };
    let mut selected = Map::new();
    for field in fields.split(',').map(str::trim).filter(|field| !field.is_empty()).chain(["id"]) {
        let value = object
            .get(field)
            .ok_or_else(|| bad_parameter(format!("Tried accessing nonexisting field ({field}) on node type ({node})")))?;
        selected.insert(field.to_owned(), value.clone());
    }
    Ok(Value::Object(selected))
}

fn list_templates(shared: &Shared, id: &str, query: &Fields) -> Result<Value, GraphError> {
    if id != shared.options.waba_id {
        return Err(no_such_object("get", id));
    }
    let wanted = |key: &str, value: &str| query.get(key).is_none_or(|wanted| wanted.eq_ignore_ascii_case(value));
    let found: Vec<Value> = shared
        .state()
        .templates
        .iter()
        .filter(|template| wanted("name", &template.name) && wanted("language", &template.language))
        .filter(|template| wanted("status", template.status.as_str()) && wanted("category", &template.category))
        .map(super::Template::listing)
        .collect();
    let limit: usize = query.get("limit").and_then(|limit| limit.parse().ok()).unwrap_or(25).max(1);
    // A cursor is the position of the last template it stands for.
    let first: usize = query.get("after").and_then(|cursor| cursor.parse().ok()).unwrap_or(0);
    let last = (first + limit).min(found.len());
    let mut page = Vec::new();
    for template in found.iter().skip(first).take(limit) {
        page.push(select(template.clone(), query, "WhatsAppMessageTemplate")?);
    }
    let mut paging = json!({"cursors": {"before": first.to_string(), "after": last.to_string()}});
    if last < found.len() {
        paging["next"] = json!(format!("/v23.0/{id}/message_templates?limit={limit}&after={last}"));
    }
    Ok(json!({"data": page, "paging": paging}))
}
