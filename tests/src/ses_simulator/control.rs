//! `/_simulator/…`: the simulator's own API, for tests in another process.
//!
//! | route | does |
//! |---|---|
//! | `GET /_simulator/messages?to=&after=&limit=` | messages, oldest first; `after` is a sequence number |
//! | `GET /_simulator/messages/{id}` | one message |
//! | `GET /_simulator/requests` | requests received by operation |
//! | `GET`, `POST`, `DELETE /_simulator/faults` | lists, adds (one or an array), removes faults |
//! | `GET /_simulator/events` | events waiting, published and lost |
//! | `GET`, `PUT /_simulator/event-topic` | `{"endpoint", "arn", "access_key"?}` |
//! | `POST /_simulator/reset` | forgets everything but the topic |

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Shared;
use super::fault::Fault;
use super::message::Message;
use super::publisher::EventTopic;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/_simulator/messages", get(list_messages))
        .route("/_simulator/messages/{id}", get(get_message))
        .route("/_simulator/requests", get(list_requests))
        .route("/_simulator/faults", get(list_faults).post(add_faults).delete(clear_faults))
        .route("/_simulator/events", get(get_events))
        .route("/_simulator/event-topic", get(get_topic).put(put_topic))
        .route("/_simulator/reset", post(reset))
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

async fn list_messages(State(shared): State<Arc<Shared>>, Query(filter): Query<MessageFilter>) -> Json<MessageList> {
    let state = shared.state();
    let found: Vec<&Message> = state
        .messages
        .iter()
        .filter(|message| filter.to.as_deref().is_none_or(|address| message.is_to(address)))
        .filter(|message| filter.after.is_none_or(|sequence| message.sequence > sequence))
        .collect();
    let total = found.len();
    let messages = found.into_iter().take(filter.limit.unwrap_or(usize::MAX)).cloned().collect();
    Json(MessageList { messages, total })
}

async fn get_message(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    match shared.message(&id) {
        Some(message) => Json(message).into_response(),
        None => (StatusCode::NOT_FOUND, Json(json!({"message": "no such message"}))).into_response(),
    }
}

async fn list_requests(State(shared): State<Arc<Shared>>) -> Response {
    Json(&shared.state().requests).into_response()
}

async fn list_faults(State(shared): State<Arc<Shared>>) -> Json<Vec<Fault>> {
    Json(shared.state().faults.list())
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    Many(Vec<Fault>),
    One(Fault),
}

async fn add_faults(State(shared): State<Arc<Shared>>, Json(faults): Json<OneOrMany>) -> Response {
    let faults = match faults {
        OneOrMany::Many(faults) => faults,
        OneOrMany::One(fault) => vec![fault],
    };
    let mut state = shared.state();
    for fault in faults {
        state.faults.push(fault);
    }
    (StatusCode::CREATED, Json(state.faults.list())).into_response()
}

async fn clear_faults(State(shared): State<Arc<Shared>>) -> StatusCode {
    shared.state().faults.clear();
    StatusCode::NO_CONTENT
}

async fn get_events(State(shared): State<Arc<Shared>>) -> Response {
    Json(shared.publisher.status()).into_response()
}

async fn get_topic(State(shared): State<Arc<Shared>>) -> Json<Option<EventTopic>> {
    Json(shared.publisher.topic())
}

async fn put_topic(State(shared): State<Arc<Shared>>, Json(topic): Json<EventTopic>) -> StatusCode {
    shared.publisher.set_topic(topic);
    StatusCode::NO_CONTENT
}

async fn reset(State(shared): State<Arc<Shared>>) -> StatusCode {
    shared.clear();
    StatusCode::NO_CONTENT
}
