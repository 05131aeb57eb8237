//! A stand-in for SendGrid's v3 API over HTTP: it takes what `POST /v3/mail/send` takes, refuses what it refuses, keeps every message,
//! and makes the signed batches its Event Webhook would post.
//!
//! Left out on purpose: everything but sending, and what happens by itself after it. Events are made when a test asks for them, so
//! that a test decides what becomes of a message, and when.

use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{DerSignature, SigningKey};
use p256::pkcs8::EncodePublicKey as _;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The API key the simulator takes.
pub const API_KEY: &str = "SG.simulator";

/// What happens to a request instead of the ordinary. Each strikes once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendGridFault {
    /// An error answer; nothing is accepted. `field` and `message` make up its one error.
    Refuse {
        /// The HTTP status.
        status: u16,
        /// The field of the error, as `from` or `personalizations.0.to.0.email`.
        field: Option<&'static str>,
        /// Its message.
        message: &'static str,
    },
    /// A 5xx answer although the message was accepted.
    AcceptThenFail {
        /// The HTTP status.
        status: u16,
    },
    /// No answer; nothing is accepted.
    Silence,
    /// No answer, although the message was accepted.
    AcceptThenSilence,
    /// 202 without `X-Message-Id`.
    AcceptWithoutId,
}

impl SendGridFault {
    /// An error answer that names no field.
    pub const fn status(status: u16) -> Self {
        SendGridFault::Refuse {
            status,
            field: None,
            message: "the test asked for it",
        }
    }
}

/// An accepted message.
#[derive(Debug, Clone)]
pub struct SendGridMessage {
    /// `X-Message-Id`.
    pub id: String,
    /// The address it goes to.
    pub to: String,
    /// The request.
    pub body: Value,
}

impl SendGridMessage {
    /// Something of the body, by JSON pointer; `null` where there is nothing.
    pub fn at(&self, pointer: &str) -> Value {
        self.body.pointer(pointer).cloned().unwrap_or_default()
    }

    /// An event about the message as the Event Webhook words it, with fields of its own over the usual ones.
    pub fn event(&self, name: &str, at: i64, details: &Value) -> Value {
        let mut event = json!({
            "email": self.to,
            "timestamp": at,
            "event": name,
            "smtp-id": format!("<{}@geopod-ismtpd-1>", self.id),
            "sg_event_id": STANDARD.encode(format!("{name}-{}-{at}", self.id)),
            "sg_message_id": format!("{}.recvd-5645d9c87f-78xlx-1-65A.0", self.id),
        });
        let arguments = self.at("/custom_args");
        for fields in [&arguments, details] {
            for (name, value) in fields.as_object().into_iter().flatten() {
                event[name] = value.clone();
            }
        }
        event
    }
}

/// A batch as the Event Webhook posts it.
#[derive(Debug, Clone)]
pub struct SignedBatch {
    /// `X-Twilio-Email-Event-Webhook-Signature`.
    pub signature: String,
    /// `X-Twilio-Email-Event-Webhook-Timestamp`.
    pub timestamp: String,
    /// The body, byte by byte as it was signed.
    pub body: String,
}

/// The key pair of an Event Webhook.
#[derive(Debug)]
pub struct WebhookKey(SigningKey);

impl WebhookKey {
    /// A key of the tests.
    ///
    /// # Panics
    /// Never: any small number is a private key.
    pub fn new(seed: u8) -> Self {
        Self(SigningKey::from_slice(&[seed.max(1); 32]).expect("a private key"))
    }

    /// The public key as SendGrid's console shows it: base64 of DER.
    ///
    /// # Panics
    /// Never: a public key has a DER encoding.
    pub fn public(&self) -> String {
        STANDARD.encode(self.0.verifying_key().to_public_key_der().expect("DER of a key").as_bytes())
    }

    /// Signs a batch at a time in Unix seconds.
    pub fn sign(&self, events: &[Value], at: i64) -> SignedBatch {
        let body = Value::from(events).to_string();
        let timestamp = at.to_string();
        let signature: DerSignature = self.0.sign(format!("{timestamp}{body}").as_bytes());
        SignedBatch {
            signature: STANDARD.encode(signature.as_bytes()),
            timestamp,
            body,
        }
    }
}

#[derive(Debug, Default)]
struct Shared {
    messages: Vec<SendGridMessage>,
    requests: usize,
    at_once: usize,
    most_at_once: usize,
    faults: VecDeque<SendGridFault>,
    by_address: BTreeMap<String, SendGridFault>,
}

/// A running simulator. Dropping it stops the server.
#[derive(Debug)]
pub struct SendGridSimulator {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    server: JoinHandle<()>,
}

impl SendGridSimulator {
    /// Binds a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When there is none.
    pub async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared: Arc<Mutex<Shared>> = Arc::default();
        let router = Router::new().route("/v3/mail/send", post(send)).with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, shared, server })
    }

    /// The base URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every accepted message, oldest first.
    pub fn messages(&self) -> Vec<SendGridMessage> {
        lock(&self.shared).messages.clone()
    }

    /// HTTP requests received, faulty ones included.
    pub fn requests(&self) -> usize {
        lock(&self.shared).requests
    }

    /// The most requests that were under way at the same time.
    pub fn most_at_once(&self) -> usize {
        lock(&self.shared).most_at_once
    }

    /// Lets this happen to the next request that no other fault is meant for.
    pub fn inject(&self, fault: SendGridFault) {
        lock(&self.shared).faults.push_back(fault);
    }

    /// Lets this happen to the next message to an address.
    pub fn inject_for(&self, address: &str, fault: SendGridFault) {
        lock(&self.shared).by_address.insert(address.to_owned(), fault);
    }
}

impl Drop for SendGridSimulator {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A panic elsewhere while the lock was held leaves nothing half-written that a test could not still read.
fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts a request as under way until it is answered, or the client has left.
struct UnderWay(Arc<Mutex<Shared>>);

impl UnderWay {
    fn begin(shared: &Arc<Mutex<Shared>>) -> Self {
        let mut state = lock(shared);
        state.requests += 1;
        state.at_once += 1;
        state.most_at_once = state.most_at_once.max(state.at_once);
        Self(Arc::clone(shared))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        lock(&self.0).at_once -= 1;
    }
}

async fn send(State(shared): State<Arc<Mutex<Shared>>>, headers: HeaderMap, body: Bytes) -> Response {
    let _under_way = UnderWay::begin(&shared);
    // An answer takes a moment, in which others may come: what is sent together is seen together.
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if header("authorization") != format!("Bearer {API_KEY}") {
        return refuse(401, None, "The provided authorization grant is invalid, expired, or revoked");
    }
    if !header("content-type").starts_with("application/json") {
        return refuse(415, None, "Content-Type should be application/json.");
    }
    let Ok(body) = serde_json::from_slice::<Value>(&body) else {
        return refuse(400, None, "Bad Request");
    };
    if let Err((field, message)) = validate(&body) {
        return refuse(400, Some(field), message);
    }
    let to = body
        .pointer("/personalizations/0/to/0/email")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let fault = {
        let mut state = lock(&shared);
        state.by_address.remove(&to).or_else(|| state.faults.pop_front())
    };
    let accept = || {
        let mut state = lock(&shared);
        let id = format!("msg-{:04}.dfd.64b469", state.messages.len());
        state.messages.push(SendGridMessage { id: id.clone(), to, body });
        id
    };
    match fault {
        None => (StatusCode::ACCEPTED, [("x-message-id", accept())]).into_response(),
        Some(SendGridFault::AcceptWithoutId) => {
            accept();
            StatusCode::ACCEPTED.into_response()
        }
        Some(SendGridFault::Refuse { status, field, message }) => refuse(status, field, message),
        Some(SendGridFault::AcceptThenFail { status }) => {
            accept();
            refuse(status, None, "Internal Server Error")
        }
        Some(SendGridFault::Silence) => std::future::pending().await,
        Some(SendGridFault::AcceptThenSilence) => {
            accept();
            std::future::pending().await
        }
    }
}

fn refuse(status: u16, field: Option<&str>, message: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let errors = json!({ "errors": [{ "message": message, "field": field, "help": null }] });
    (status, Json(errors)).into_response()
}

/// What a request of ours has to be: one recipient, both parts in order, no tracking, arguments of text.
fn validate(body: &Value) -> Result<(), (&'static str, &'static str)> {
    let is_address = |value: &Value| {
        value
            .as_str()
            .is_some_and(|text| text.split_once('@').is_some_and(|(a, b)| !a.is_empty() && b.contains('.')))
    };
    let texts = |value: &Value| {
        value
            .as_object()
            .is_some_and(|map: &Map<String, Value>| map.values().all(Value::is_string))
    };
    let is_filled = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    if body["personalizations"].as_array().map(Vec::len) != Some(1) || body["personalizations"][0]["to"].as_array().map(Vec::len) != Some(1) {
        return Err((
            "personalizations",
            "The personalizations field is required and must have at least one personalization.",
        ));
    }
    if !is_address(&body["personalizations"][0]["to"][0]["email"]) {
        return Err(("personalizations.0.to.0.email", "Does not contain a valid address."));
    }
    if !is_address(&body["from"]["email"]) {
        return Err(("from.email", "The from email does not contain a valid address."));
    }
    if !is_filled(&body["subject"]) {
        return Err(("subject", "The subject is required."));
    }
    let types: Vec<&str> = body["content"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|part| part["type"].as_str())
        .collect();
    if types != ["text/plain", "text/html"] {
        return Err(("content", "If present, text/plain must be first, followed by text/html."));
    }
    if !is_filled(&body["content"][0]["value"]) || !is_filled(&body["content"][1]["value"]) {
        return Err(("content.value", "The content value must be a string at least one character in length."));
    }
    if !texts(&body["custom_args"]) {
        return Err(("custom_args", "The custom_args values must be strings."));
    }
    if !texts(&body["headers"]) {
        return Err(("headers", "The headers values must be strings."));
    }
    let tracking = body["tracking_settings"].as_object().into_iter().flatten();
    if tracking.filter(|(_, setting)| setting["enable"] == false).count() < 4 {
        return Err(("tracking_settings", "this project's messages are not tracked"));
    }
    Ok(())
}
