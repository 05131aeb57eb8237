//! `/_simulator/…`: the simulator's own API, for tests in another process and for the demo.
//!
//! | route | does |
//! |---|---|
//! | `GET /_simulator/messages?to=&after=&limit=` | accepted messages, oldest first; `after` is a sequence number |
//! | `GET /_simulator/messages/{id}` | one message |
//! | `GET /_simulator/duplicates` | groups of messages accepted more than once |
//! | `GET /_simulator/requests` | Graph API requests in the order of arrival |
//! | `GET`, `POST /_simulator/replies` | what vendors wrote; `{"from", "text", "payload"?, "answers"?, "name"?}` writes |
//! | `GET`, `POST`, `DELETE /_simulator/faults` | lists, adds (one or an array), removes faults and standing rules |
//! | `GET`, `POST /_simulator/templates` | lists, adds or replaces (one or an array), in Meta's own shape |
//! | `POST /_simulator/template-status` | `{"name", "language", "status", "reason"?}`: changes it, with a webhook |
//! | `GET`, `PUT /_simulator/health` | what the phone number reports |
//! | `GET`, `PUT /_simulator/limits` | what is enforced |
//! | `GET /_simulator/webhooks` | events waiting, published and lost |
//! | `POST /_simulator/webhooks/take` | takes the waiting webhooks: `[{"headers", "body"}]` |
//! | `GET`, `PUT /_simulator/webhook-target` | `"capture"` or `{"url": "…"}` |
//! | `GET`, `PUT /_simulator/webhook-rules` | `{"batch", "copies", "reversed"}` |
//! | `POST /_simulator/webhook-verification` | the `hub.challenge` handshake with the callback URL |
//! | `POST /_simulator/reset` | forgets everything but templates, media and settings |

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::message::{Inbound, InboundContent, Message};
use super::publisher::{WebhookRules, WebhookStatus, WebhookTarget};
use super::{Fault, Limits, NumberHealth, Shared, Template, TemplateStatus};

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/_simulator/messages", get(list_messages))
        .route("/_simulator/messages/{id}", get(get_message))
        .route("/_simulator/duplicates", get(list_duplicates))
        .route("/_simulator/requests", get(list_requests))
        .route("/_simulator/replies", get(list_replies).post(add_reply))
        .route("/_simulator/faults", get(list_faults).post(add_faults).delete(clear_faults))
        .route("/_simulator/templates", get(list_templates).post(add_templates))
        .route("/_simulator/template-status", post(set_template_status))
        .route("/_simulator/health", get(get_health).put(put_health))
        .route("/_simulator/limits", get(get_limits).put(put_limits))
        .route("/_simulator/webhooks", get(get_webhooks))
        .route("/_simulator/webhooks/take", post(take_webhooks))
        .route("/_simulator/webhook-target", get(get_target).put(put_target))
        .route("/_simulator/webhook-rules", get(get_rules).put(put_rules))
        .route("/_simulator/webhook-verification", post(verify_callback))
        .route("/_simulator/reset", post(reset))
}

type Shares = State<Arc<Shared>>;

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    Many(Vec<T>),
    One(T),
}

impl<T> OneOrMany<T> {
    fn into_vec(self) -> Vec<T> {
        match self {
            Self::Many(many) => many,
            Self::One(one) => vec![one],
        }
    }
}

#[derive(Debug, Deserialize)]
struct MessageFilter {
    to: Option<String>,
    after: Option<usize>,
    limit: Option<usize>,
}

#[derive(Debug, Serialize)]
struct MessageList {
    messages: Vec<Message>,
    /// How many the filter finds, whatever the limit.
    total: usize,
}

async fn list_messages(State(shared): Shares, Query(filter): Query<MessageFilter>) -> Json<MessageList> {
    let to = filter.to.as_deref().map(super::fault::digits);
    let state = shared.state();
    let found: Vec<&Message> = state
        .messages
        .iter()
        .filter(|message| to.as_ref().is_none_or(|number| message.to == *number))
        .filter(|message| filter.after.is_none_or(|sequence| message.sequence > sequence))
        .collect();
    let total = found.len();
    let messages = found.into_iter().take(filter.limit.unwrap_or(usize::MAX)).cloned().collect();
    Json(MessageList { messages, total })
}

async fn get_message(State(shared): Shares, Path(id): Path<String>) -> Response {
    match shared.message(&id) {
        Some(message) => Json(message).into_response(),
        None => not_found("no such message"),
    }
}

fn not_found(message: &str) -> Response {
    (StatusCode::NOT_FOUND, Json(json!({"message": message}))).into_response()
}

async fn list_duplicates(State(shared): Shares) -> Json<Vec<Vec<Message>>> {
    Json(shared.duplicates())
}

async fn list_requests(State(shared): Shares) -> Response {
    Json(&shared.state().requests).into_response()
}

async fn list_replies(State(shared): Shares) -> Json<Vec<Inbound>> {
    Json(shared.state().replies.clone())
}

/// What a vendor writes, or which button the vendor taps.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reply {
    pub(super) from: String,
    pub(super) text: String,
    /// Of a quick-reply button.
    pub(super) payload: Option<String>,
    /// The id of the message it answers.
    pub(super) answers: Option<String>,
    pub(super) name: Option<String>,
}

impl Reply {
    pub(super) fn receive(self, shared: &Shared) -> String {
        let Self {
            from,
            text,
            payload,
            answers,
            name,
        } = self;
        let content = match payload {
            Some(payload) => InboundContent::Button { text, payload },
            None => InboundContent::Text { body: text },
        };
        shared.receive(&from, name, answers, content)
    }
}

async fn add_reply(State(shared): Shares, Json(reply): Json<Reply>) -> Response {
    let id = reply.receive(&shared);
    (StatusCode::CREATED, Json(json!({"id": id}))).into_response()
}

async fn list_faults(State(shared): Shares) -> Json<Vec<Fault>> {
    Json(shared.state().faults.list())
}

async fn add_faults(State(shared): Shares, Json(faults): Json<OneOrMany<Fault>>) -> Response {
    let mut state = shared.state();
    for fault in faults.into_vec() {
        state.faults.push(fault);
    }
    (StatusCode::CREATED, Json(state.faults.list())).into_response()
}

async fn clear_faults(State(shared): Shares) -> StatusCode {
    shared.state().faults.clear();
    StatusCode::NO_CONTENT
}

async fn list_templates(State(shared): Shares) -> Json<Vec<Template>> {
    Json(shared.state().templates.clone())
}

async fn add_templates(State(shared): Shares, Json(templates): Json<OneOrMany<Template>>) -> StatusCode {
    for template in templates.into_vec() {
        shared.put_template(template);
    }
    StatusCode::CREATED
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StatusChange {
    name: String,
    language: String,
    status: TemplateStatus,
    reason: Option<String>,
}

async fn set_template_status(State(shared): Shares, Json(change): Json<StatusChange>) -> Response {
    let reason = change.reason.as_deref().unwrap_or("NONE");
    if shared.set_template_status(&change.name, &change.language, change.status, reason) {
        StatusCode::NO_CONTENT.into_response()
    } else {
        not_found("no such template")
    }
}

async fn get_health(State(shared): Shares) -> Json<NumberHealth> {
    Json(shared.state().health.clone())
}

async fn put_health(State(shared): Shares, Json(health): Json<NumberHealth>) -> StatusCode {
    shared.state().health = health;
    StatusCode::NO_CONTENT
}

async fn get_limits(State(shared): Shares) -> Json<Limits> {
    Json(shared.state().limits)
}

async fn put_limits(State(shared): Shares, Json(limits): Json<Limits>) -> StatusCode {
    shared.state().limits = limits;
    StatusCode::NO_CONTENT
}

async fn get_webhooks(State(shared): Shares) -> Json<WebhookStatus> {
    Json(shared.publisher.status())
}

async fn take_webhooks(State(shared): Shares) -> Json<Vec<Value>> {
    let taken = shared.take_webhooks();
    let webhooks = taken.into_iter().map(|webhook| {
        let headers: BTreeMap<String, String> = webhook.headers.into_iter().collect();
        json!({"headers": headers, "body": String::from_utf8_lossy(&webhook.body)})
    });
    Json(webhooks.collect())
}

async fn get_target(State(shared): Shares) -> Json<WebhookTarget> {
    Json(shared.publisher.target())
}

async fn put_target(State(shared): Shares, Json(target): Json<WebhookTarget>) -> StatusCode {
    shared.publisher.set_target(target);
    StatusCode::NO_CONTENT
}

async fn get_rules(State(shared): Shares) -> Json<WebhookRules> {
    Json(shared.publisher.rules())
}

async fn put_rules(State(shared): Shares, Json(rules): Json<WebhookRules>) -> StatusCode {
    shared.publisher.set_rules(rules);
    StatusCode::NO_CONTENT
}

async fn verify_callback(State(shared): Shares) -> Response {
    match shared.verify_callback().await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(reason) => (StatusCode::BAD_GATEWAY, Json(json!({"message": reason}))).into_response(),
    }
}

async fn reset(State(shared): Shares) -> StatusCode {
    shared.clear();
    StatusCode::NO_CONTENT
}
