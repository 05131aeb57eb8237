//! A stand-in for Amazon SES v2 over HTTP: it accepts what SES accepts, refuses what SES refuses, keeps every message, and
//! publishes the events of a configuration set to an SNS topic.
//!
//! A client reaches it through `AWS_ENDPOINT_URL_SESV2`. `GET /` is an inbox for people; `/_simulator/…` lets another process
//! read messages and inject faults. The mailbox-simulator addresses of SES (`bounce@simulator.amazonses.com` and its siblings,
//! with or without `+label`) decide what becomes of a message; every other address is delivered to.
//!
//! Left out on purpose: stored templates (naming one is "not found", as in an empty account), verified identities, and the
//! enforcement of rate and quota, which are faults to inject instead, so that a test decides when they happen.

mod api;
mod control;
mod events;
mod fault;
mod inbox;
mod message;
mod mime;
mod publisher;
mod template;
#[cfg(test)]
mod tests;
mod validate;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use fault::{Fault, FaultKind};
pub use message::{EventState, Header, Message, MessageEvent, Outcome, Tag};
pub use publisher::{EventTopic, QueueStatus};

use fault::Faults;
use message::Draft;
use publisher::Publisher;

/// A simulator error: the port is taken, or the runtime refused a socket.
pub type Result<T> = std::io::Result<T>;

/// The largest message SES takes is 40 MB; base64 and JSON make the request about a third larger.
const MAX_BODY_BYTES: usize = 56 * 1024 * 1024;

/// How a simulator starts. `Default` binds a free port, has no event topic yet, and answers with SES's ordinary quotas.
#[derive(Debug, Clone)]
pub struct SesSimulatorOptions {
    /// The port on 127.0.0.1; 0 picks a free one.
    pub port: u16,
    /// Where events go. Without one they wait in memory until [`SesSimulator::set_event_topic`].
    pub event_topic: Option<EventTopic>,
    /// The AWS account that sends, 12 digits; by default the topic's.
    pub account_id: Option<String>,
    /// The AWS region; by default the topic's, else `ap-south-1`.
    pub region: Option<String>,
    /// From acceptance to the `Send` (or `Rendering Failure`) event.
    pub send_event_delay: Duration,
    /// From acceptance to the `Delivery` or `Bounce` event; a complaint follows after the same time again.
    pub delivery_event_delay: Duration,
    /// `MaxSendRate` in `GetAccount`, in recipients a second. Reported, not enforced.
    pub max_send_rate: f64,
    /// `Max24HourSend` in `GetAccount`, in recipients. Reported, not enforced.
    pub max_24_hour_send: f64,
    /// `SendingEnabled` in `GetAccount`. Reported, not enforced.
    pub sending_enabled: bool,
    /// `ProductionAccessEnabled` in `GetAccount`: without it the account is in the sandbox. Reported, not enforced.
    pub production_access_enabled: bool,
    /// `EnforcementStatus` in `GetAccount`: `HEALTHY`, `PROBATION` or `SHUTDOWN`. Reported, not enforced.
    pub enforcement_status: String,
}

impl Default for SesSimulatorOptions {
    fn default() -> Self {
        Self {
            port: 0,
            event_topic: None,
            account_id: None,
            region: None,
            send_event_delay: Duration::from_millis(50),
            delivery_event_delay: Duration::from_millis(200),
            max_send_rate: 14.0,
            max_24_hour_send: 50_000.0,
            sending_enabled: true,
            production_access_enabled: true,
            enforcement_status: "HEALTHY".to_owned(),
        }
    }
}

/// A running simulator. Dropping it stops the server and forgets the events not yet published.
#[derive(Debug)]
pub struct SesSimulator {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: Option<JoinHandle<()>>,
    publisher: JoinHandle<()>,
}

impl SesSimulator {
    /// Binds 127.0.0.1 and serves until [`shutdown`](Self::shutdown) or drop.
    pub async fn start(options: SesSimulatorOptions) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(options));
        let router = Router::new()
            .merge(api::routes())
            .merge(control::routes())
            .merge(inbox::routes())
            .fallback(api::unknown_operation)
            .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
            .with_state(Arc::clone(&shared));

        let mut closing = shared.closing.subscribe();
        let server = tokio::spawn(async move {
            let closed = async move {
                // An error means that the sender is gone, which is a reason to stop as well.
                let _ = closing.wait_for(|closed| *closed).await;
            };
            let _ = axum::serve(listener, router).with_graceful_shutdown(closed).await;
        });
        let publisher = tokio::spawn(publisher::run(Arc::clone(&shared)));
        Ok(Self {
            address,
            shared,
            server: Some(server),
            publisher,
        })
    }

    /// The base URL, `http://127.0.0.1:<port>`: the SES endpoint and the inbox page.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every message SES answered for with a message id, oldest first; those whose template could not be rendered included.
    pub fn messages(&self) -> Vec<Message> {
        self.shared.state().messages.clone()
    }

    /// The messages with `address` among their recipients, oldest first. Case and display names don't matter.
    pub fn messages_to(&self, address: &str) -> Vec<Message> {
        self.shared
            .state()
            .messages
            .iter()
            .filter(|message| message.is_to(address))
            .cloned()
            .collect()
    }

    /// HTTP requests received by SES operation (`SendEmail`, `SendBulkEmail`, `GetAccount`, `Unknown`), faulty ones included.
    pub fn requests(&self) -> BTreeMap<String, u64> {
        self.shared.state().requests.clone()
    }

    /// Adds a fault after those already waiting; the oldest that matches a request happens.
    pub fn inject(&self, fault: Fault) {
        self.shared.state().faults.push(fault);
    }

    /// The faults that have not been used up.
    pub fn faults(&self) -> Vec<Fault> {
        self.shared.state().faults.list()
    }

    /// Removes every fault; messages and counts stay.
    pub fn clear_faults(&self) {
        self.shared.state().faults.clear();
    }

    /// Forgets messages, request counts, faults and waiting events. The event topic stays.
    pub fn clear(&self) {
        self.shared.clear();
    }

    /// Sends events, those already waiting included, to this topic from now on.
    pub fn set_event_topic(&self, topic: EventTopic) {
        self.shared.publisher.set_topic(topic);
    }

    /// How many events wait, have been published, and were lost by a fault.
    pub fn events(&self) -> QueueStatus {
        self.shared.publisher.status()
    }

    /// Stops answering, releases requests held by a timeout fault, and frees the port.
    pub async fn shutdown(mut self) {
        self.shared.close();
        if let Some(mut server) = self.server.take()
            && tokio::time::timeout(Duration::from_secs(2), &mut server).await.is_err()
        {
            server.abort();
        }
    }
}

impl Drop for SesSimulator {
    fn drop(&mut self) {
        self.shared.close();
        self.publisher.abort();
    }
}

/// What the routes and the publisher share.
#[derive(Debug)]
struct Shared {
    options: SesSimulatorOptions,
    state: Mutex<State>,
    publisher: Publisher,
    closing: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct State {
    messages: Vec<Message>,
    /// Position in `messages` by id: a search per event would make a large campaign quadratic.
    positions: BTreeMap<String, usize>,
    requests: BTreeMap<String, u64>,
    faults: Faults,
}

impl Shared {
    fn new(options: SesSimulatorOptions) -> Self {
        let publisher = Publisher::new(options.event_topic.clone());
        Self {
            options,
            state: Mutex::default(),
            publisher,
            closing: watch::channel(false).0,
        }
    }

    /// A panic elsewhere while the lock was held leaves nothing half-written that a test could not still read.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.closing.send_replace(true);
    }

    fn clear(&self) {
        *self.state() = State::default();
        self.publisher.clear();
    }

    fn account_id(&self) -> String {
        let from_topic = || self.publisher.topic().and_then(|topic| topic.account_id().map(str::to_owned));
        self.options
            .account_id
            .clone()
            .or_else(from_topic)
            .unwrap_or_else(|| "000000000000".to_owned())
    }

    fn region(&self) -> String {
        let from_topic = || self.publisher.topic().and_then(|topic| topic.region().map(str::to_owned));
        self.options.region.clone().or_else(from_topic).unwrap_or_else(|| "ap-south-1".to_owned())
    }

    fn count(&self, operation: &str) {
        *self.state().requests.entry(operation.to_owned()).or_default() += 1;
    }

    /// Accepts a message as SES does: gives it an id, keeps it, and schedules its events.
    fn accept(&self, draft: Draft, entry: usize) -> String {
        let sender = events::Sender {
            account_id: self.account_id(),
            region: self.region(),
        };
        let mut state = self.state();
        let mut message = draft.into_message(&sender.region, state.messages.len());
        let forced = state.faults.take_outcome(entry, &message.recipients());
        let mut scheduled = events::schedule(&mut message, forced, &sender, &self.options);
        let recipients = message.recipients();
        for event in &mut scheduled {
            event.copies = state.faults.take_event_copies(entry, &recipients, event.event_type);
            if event.copies == 0 {
                message.events[event.index].state = EventState::Lost;
            }
        }
        let id = message.id.clone();
        let position = state.messages.len();
        state.positions.insert(id.clone(), position);
        state.messages.push(message);
        drop(state);
        self.publisher.enqueue(&id, scheduled);
        id
    }

    fn message(&self, id: &str) -> Option<Message> {
        let state = self.state();
        state.positions.get(id).and_then(|&position| state.messages.get(position)).cloned()
    }

    fn mark_published(&self, message_id: &str, index: usize) {
        let mut state = self.state();
        let Some(&position) = state.positions.get(message_id) else { return };
        if let Some(event) = state.messages.get_mut(position).and_then(|message| message.events.get_mut(index)) {
            event.state = EventState::Published;
        }
    }
}
