//! A stand-in for Meta's WhatsApp Cloud API over HTTP: it accepts what Meta accepts, refuses what Meta refuses, keeps every
//! message, and sends signed webhooks for what becomes of it.
//!
//! A client reaches it through `WHATSAPP_API_URL`, `http://127.0.0.1:<port>/v23.0`. `GET /` is a page of conversations for
//! people, who can answer as the vendor; `/_simulator/…` lets another process read messages, answer, and inject faults. Some
//! recipients' numbers decide what becomes of their messages: see [`Fault`] and the table in `fault.rs`.
//!
//! Left out on purpose: messages other than templates, groups, and the review of templates, whose status a test sets.

mod api;
mod connection;
mod control;
mod error;
mod fault;
mod inbox;
mod limits;
mod message;
mod publisher;
mod template;
mod validate;
mod webhook;

use std::collections::{BTreeMap, HashMap};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use jiff::Timestamp;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use error::known_codes;
pub use fault::{Fault, FaultKind, Operation};
pub use limits::{Limits, NumberHealth};
pub use message::{
    Answer, Button, Header, Inbound, InboundContent, MediaSource, Message, MessageStatus, Outcome, RecordedRequest, StatusName, WebhookState,
};
pub use publisher::{WebhookRules, WebhookStatus, WebhookTarget};
pub use template::{Component, HeaderFormat, Template, TemplateButton, TemplateStatus};
pub use webhook::{Webhook, sign};

use connection::{CuttableListener, Scissors};
use error::GraphError;
use fault::Faults;
use limits::Usage;
use publisher::Publisher;
use validate::Draft;

/// A simulator error: the port is taken, or the runtime refused a socket.
pub type Result<T> = std::io::Result<T>;

/// A document may have 100 MB.
const MAX_BODY_BYTES: usize = 101 * 1024 * 1024;

/// How a simulator starts. `Default` binds a free port, captures webhooks, and enforces no limit.
#[derive(Debug, Clone)]
pub struct MetaSimulatorOptions {
    /// The port on 127.0.0.1; 0 picks a free one.
    pub port: u16,
    /// The sender's id in paths and webhooks.
    pub phone_number_id: String,
    /// The sender's number as people read it.
    pub display_phone_number: String,
    /// The sender's name.
    pub verified_name: String,
    /// The WhatsApp Business Account.
    pub waba_id: String,
    /// The bearer token that requests need.
    pub access_token: String,
    /// Signs webhooks.
    pub app_secret: String,
    /// What the verification handshake presents.
    pub verify_token: String,
    /// Where webhooks go.
    pub webhook_target: WebhookTarget,
    /// How webhooks are put into requests.
    pub webhook_rules: WebhookRules,
    /// From acceptance to `sent`, or to `failed` of a message that never is.
    pub sent_delay: Duration,
    /// From acceptance to `delivered` or `failed`.
    pub delivered_delay: Duration,
    /// From acceptance to `read`.
    pub read_delay: Duration,
    /// Before every answer of the Graph API.
    pub answer_delay: Duration,
    /// What is enforced.
    pub limits: Limits,
    /// What is reported.
    pub health: NumberHealth,
    /// The templates of the account.
    pub templates: Vec<Template>,
}

impl Default for MetaSimulatorOptions {
    fn default() -> Self {
        Self {
            port: 0,
            phone_number_id: "106540352242922".to_owned(),
            display_phone_number: "+91 22 6900 0000".to_owned(),
            verified_name: "Example Industries".to_owned(),
            waba_id: "102290129340398".to_owned(),
            access_token: "simulator-access-token".to_owned(),
            app_secret: "simulator-app-secret".to_owned(),
            verify_token: "simulator-verify-token".to_owned(),
            webhook_target: WebhookTarget::default(),
            webhook_rules: WebhookRules::default(),
            sent_delay: Duration::from_millis(50),
            delivered_delay: Duration::from_millis(200),
            read_delay: Duration::from_millis(400),
            answer_delay: Duration::ZERO,
            limits: Limits::default(),
            health: NumberHealth::default(),
            templates: Vec::new(),
        }
    }
}

impl MetaSimulatorOptions {
    fn display_digits(&self) -> String {
        fault::digits(&self.display_phone_number)
    }

    fn delay_of(&self, status: StatusName, is_first: bool) -> Duration {
        match status {
            StatusName::Sent => self.sent_delay,
            StatusName::Failed if is_first => self.sent_delay,
            StatusName::Delivered | StatusName::Failed => self.delivered_delay,
            StatusName::Read => self.read_delay,
        }
    }
}

/// A running simulator. Dropping it stops the server and forgets the webhooks not yet sent.
#[derive(Debug)]
pub struct MetaSimulator {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: Option<JoinHandle<()>>,
    publisher: JoinHandle<()>,
}

impl MetaSimulator {
    /// Binds 127.0.0.1 and serves until [`shutdown`](Self::shutdown) or drop.
    pub async fn start(options: MetaSimulatorOptions) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(options));
        let router = Router::new()
            .merge(control::routes())
            .merge(inbox::routes())
            .fallback(api::handle)
            .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
            .with_state(Arc::clone(&shared));

        let mut closing = shared.closing.subscribe();
        let server = tokio::spawn(async move {
            let closed = async move {
                // An error means that the sender is gone, which is a reason to stop as well.
                let _ = closing.wait_for(|closed| *closed).await;
            };
            let service = router.into_make_service_with_connect_info::<Scissors>();
            let _ = axum::serve(CuttableListener(listener), service).with_graceful_shutdown(closed).await;
        });
        let publisher = tokio::spawn(publisher::run(Arc::clone(&shared)));
        Ok(Self {
            address,
            shared,
            server: Some(server),
            publisher,
        })
    }

    /// The base URL, `http://127.0.0.1:<port>`: the page of conversations.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The Graph API with a version, `http://127.0.0.1:<port>/v23.0`: what `WHATSAPP_API_URL` is to be.
    pub fn api_url(&self) -> String {
        format!("http://{}/v23.0", self.address)
    }

    /// Ids and secrets that a client needs.
    pub fn options(&self) -> &MetaSimulatorOptions {
        &self.shared.options
    }

    /// Every accepted message, oldest first.
    pub fn messages(&self) -> Vec<Message> {
        self.shared.state().messages.clone()
    }

    /// The accepted messages to a number, oldest first. `+` and spaces don't matter.
    pub fn messages_to(&self, number: &str) -> Vec<Message> {
        self.shared.messages_to(number)
    }

    /// Messages accepted more than once: the groups with the same recipient and `biz_opaque_callback_data`, or, where there is
    /// none, the same payload.
    pub fn duplicates(&self) -> Vec<Vec<Message>> {
        self.shared.duplicates()
    }

    /// Every request to the Graph API in the order of arrival, faulty ones included.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.shared.state().requests.clone()
    }

    /// How many requests there were, by operation.
    pub fn request_counts(&self) -> BTreeMap<Operation, u64> {
        let mut counts = BTreeMap::new();
        for request in &self.shared.state().requests {
            *counts.entry(request.operation).or_default() += 1;
        }
        counts
    }

    /// The most Graph API requests that were under way at once.
    pub fn peak_concurrency(&self) -> usize {
        self.shared.state().peak_in_flight
    }

    /// Adds a fault after those already waiting; the oldest that matches a request happens.
    pub fn inject(&self, fault: Fault) {
        self.shared.state().faults.push(fault);
    }

    /// The faults that have not been used up.
    pub fn faults(&self) -> Vec<Fault> {
        self.shared.state().faults.list()
    }

    /// Removes every fault; messages and requests stay.
    pub fn clear_faults(&self) {
        self.shared.state().faults.clear();
    }

    /// Adds a template, or replaces the one of the same name and language. No webhook.
    pub fn put_template(&self, template: Template) {
        self.shared.put_template(template);
    }

    /// The templates of the account.
    pub fn templates(&self) -> Vec<Template> {
        self.shared.state().templates.clone()
    }

    /// Changes a template's status and sends `message_template_status_update`. False if there is no such template.
    pub fn set_template_status(&self, name: &str, language: &str, status: TemplateStatus) -> bool {
        self.shared.set_template_status(name, language, status, "NONE")
    }

    /// What is enforced from now on.
    pub fn set_limits(&self, limits: Limits) {
        self.shared.state().limits = limits;
    }

    /// What is reported about the number from now on.
    pub fn set_health(&self, health: NumberHealth) {
        self.shared.state().health = health;
    }

    /// Writes as the vendor: an inbound text message, which has a webhook. Answers its id.
    pub fn reply(&self, from: &str, text: &str) -> String {
        let content = InboundContent::Text { body: text.to_owned() };
        self.shared.receive(from, None, None, content)
    }

    /// Taps a quick-reply button as the vendor, of the message with this id. Answers the id of the inbound message.
    pub fn tap(&self, message_id: &str, text: &str, payload: &str) -> Option<String> {
        let message = self.shared.message(message_id)?;
        let content = InboundContent::Button {
            text: text.to_owned(),
            payload: payload.to_owned(),
        };
        Some(self.shared.receive(&message.to, None, Some(message.id), content))
    }

    /// What vendors wrote, oldest first.
    pub fn replies(&self) -> Vec<Inbound> {
        self.shared.state().replies.clone()
    }

    /// Sends webhooks, those already waiting included, there from now on.
    pub fn set_webhook_target(&self, target: WebhookTarget) {
        self.shared.publisher.set_target(target);
    }

    /// Puts webhooks into requests this way from now on; `reversed` concerns messages accepted from now on.
    pub fn set_webhook_rules(&self, rules: WebhookRules) {
        self.shared.publisher.set_rules(rules);
    }

    /// How many webhook events wait, were sent, and were lost by a fault.
    pub fn webhooks(&self) -> WebhookStatus {
        self.shared.publisher.status()
    }

    /// How many webhook events have not been sent or taken.
    pub fn waiting(&self) -> usize {
        self.webhooks().waiting
    }

    /// Takes every waiting webhook, due or not, as the requests they would have been.
    pub fn take_webhooks(&self) -> Vec<Webhook> {
        self.shared.take_webhooks()
    }

    /// The query of the verification handshake, for a handler that is called without HTTP.
    pub fn handshake_query(&self, challenge: &str) -> Vec<(String, String)> {
        self.shared.handshake_query(challenge)
    }

    /// Verifies the callback URL as Meta does when it is configured: `GET` with `hub.challenge`, which must come back.
    ///
    /// # Errors
    /// There is no URL, it cannot be reached, or it answers anything but 200 and the challenge.
    pub async fn verify_callback(&self) -> std::result::Result<(), String> {
        self.shared.verify_callback().await
    }

    /// Forgets messages, replies, requests, faults, usage and waiting webhooks. Templates, media and settings stay.
    pub fn clear(&self) {
        self.shared.clear();
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

impl Drop for MetaSimulator {
    fn drop(&mut self) {
        self.shared.close();
        self.publisher.abort();
    }
}

/// What the routes and the publisher share.
#[derive(Debug)]
struct Shared {
    options: MetaSimulatorOptions,
    state: Mutex<State>,
    publisher: Publisher,
    closing: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct State {
    messages: Vec<Message>,
    /// Position in `messages` by id: a search per webhook would make a large campaign quadratic.
    positions: HashMap<String, usize>,
    replies: Vec<Inbound>,
    requests: Vec<RecordedRequest>,
    in_flight: usize,
    peak_in_flight: usize,
    faults: Faults,
    usage: Usage,
    limits: Limits,
    health: NumberHealth,
    templates: Vec<Template>,
    media: BTreeMap<String, Medium>,
}

/// An uploaded file.
#[derive(Debug, Clone)]
struct Medium {
    mime_type: String,
    bytes: axum::body::Bytes,
}

impl Shared {
    fn new(options: MetaSimulatorOptions) -> Self {
        let state = State {
            limits: options.limits,
            health: options.health.clone(),
            templates: options.templates.clone(),
            ..State::default()
        };
        let publisher = Publisher::new(options.webhook_target.clone(), options.webhook_rules);
        Self {
            options,
            state: Mutex::new(state),
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
        let mut state = self.state();
        let State {
            limits,
            health,
            templates,
            media,
            in_flight,
            ..
        } = std::mem::take(&mut *state);
        *state = State {
            limits,
            health,
            templates,
            media,
            in_flight,
            ..State::default()
        };
        drop(state);
        self.publisher.clear();
    }

    /// Records a request and answers its position.
    fn begin(&self, operation: Operation, target: String, body: Value) -> usize {
        let mut state = self.state();
        let sequence = state.requests.len() + 1;
        state.requests.push(RecordedRequest {
            sequence,
            at: Timestamp::now(),
            operation,
            target,
            body,
            answer: Answer::None,
        });
        state.in_flight += 1;
        state.peak_in_flight = state.peak_in_flight.max(state.in_flight);
        sequence
    }

    fn answered(&self, sequence: usize, answer: Answer) {
        if let Some(request) = self.state().requests.get_mut(sequence - 1) {
            request.answer = answer;
        }
    }

    /// Accepts a message as Meta does: gives it an id, keeps it, and schedules its webhooks.
    fn accept(&self, draft: Draft, payload: Value) -> std::result::Result<Message, GraphError> {
        let reversed = self.publisher.rules().reversed;
        let mut state = self.state();
        let limits = state.limits;
        state.usage.take(limits, &draft.to)?;
        let outcome = state.faults.take_outcome(&draft.to).unwrap_or_else(|| fault::of_number(&draft.to).1);
        let accepted_at = Timestamp::now();
        let planned = outcome.statuses();
        let delays: Vec<Duration> = planned
            .iter()
            .enumerate()
            .map(|(position, (status, _))| self.options.delay_of(*status, position == 0))
            .collect();
        let statuses = planned
            .iter()
            .zip(&delays)
            .map(|((status, code), delay)| MessageStatus {
                status: *status,
                at: accepted_at + *delay,
                code: *code,
                state: WebhookState::Waiting,
            })
            .collect();
        let mut message = Message {
            sequence: state.messages.len() + 1,
            id: message::new_message_id(&draft.to, true),
            accepted_at,
            to: draft.to,
            callback_data: draft.callback_data,
            template: draft.template,
            language: draft.language,
            category: draft.category,
            header: draft.header,
            body: draft.body,
            footer: draft.footer,
            buttons: draft.buttons,
            payload,
            outcome,
            statuses,
        };
        let mut copies = Vec::with_capacity(message.statuses.len());
        for status in &mut message.statuses {
            let count = state.faults.take_copies(&message.to, status.status.as_str());
            if count == 0 {
                status.state = WebhookState::Lost;
            }
            copies.push(count);
        }
        let position = state.messages.len();
        state.positions.insert(message.id.clone(), position);
        state.messages.push(message.clone());
        drop(state);

        let count = message.statuses.len();
        for (turn, delay) in delays.into_iter().enumerate() {
            // The webhook of the last status goes out in the place of the first.
            let index = if reversed { count - 1 - turn } else { turn };
            if copies[index] == 0 {
                self.publisher.count_lost();
            }
            for _ in 0..copies[index] {
                let event = webhook::status(&message, &message.statuses[index]);
                self.publisher.enqueue(Some((message.id.clone(), index)), event, delay);
            }
        }
        Ok(message)
    }

    /// Keeps what a vendor wrote, and sends its webhook at once.
    fn receive(&self, from: &str, name: Option<String>, answers: Option<String>, content: InboundContent) -> String {
        let from = fault::digits(from);
        let inbound = Inbound {
            id: message::new_message_id(&from, false),
            name: name.unwrap_or_else(|| format!("Vendor {}", &from[from.len().saturating_sub(4)..])),
            from,
            at: Timestamp::now(),
            answers,
            content,
        };
        let event = webhook::inbound(&inbound, &self.options.display_digits());
        let id = inbound.id.clone();
        self.state().replies.push(inbound);
        self.publisher.enqueue(None, event, Duration::ZERO);
        id
    }

    fn put_template(&self, template: Template) {
        let mut state = self.state();
        state
            .templates
            .retain(|known| known.name != template.name || known.language != template.language);
        state.templates.push(template);
    }

    fn set_template_status(&self, name: &str, language: &str, status: TemplateStatus, reason: &str) -> bool {
        let mut state = self.state();
        let found = state
            .templates
            .iter_mut()
            .find(|template| template.name == name && template.language == language);
        let Some(template) = found else { return false };
        template.status = status;
        let event = webhook::template_status(template, reason);
        drop(state);
        self.publisher.enqueue(None, event, Duration::ZERO);
        true
    }

    fn message(&self, id: &str) -> Option<Message> {
        let state = self.state();
        state.positions.get(id).and_then(|&position| state.messages.get(position)).cloned()
    }

    fn messages_to(&self, number: &str) -> Vec<Message> {
        let number = fault::digits(number);
        let state = self.state();
        state.messages.iter().filter(|message| message.to == number).cloned().collect()
    }

    fn duplicates(&self) -> Vec<Vec<Message>> {
        let mut groups: BTreeMap<(String, String), Vec<Message>> = BTreeMap::new();
        for message in &self.state().messages {
            let what = message.callback_data.clone().unwrap_or_else(|| message.payload.to_string());
            groups.entry((message.to.clone(), what)).or_default().push(message.clone());
        }
        groups.into_values().filter(|group| group.len() > 1).collect()
    }

    fn take_webhooks(&self) -> Vec<Webhook> {
        let (webhooks, keys) = self.publisher.take_all(self);
        self.mark_published(&keys);
        webhooks
    }

    fn mark_published(&self, keys: &[publisher::StatusKey]) {
        let mut state = self.state();
        for (id, index) in keys.iter().flatten() {
            let Some(&position) = state.positions.get(id) else { continue };
            let message = state.messages.get_mut(position);
            if let Some(status) = message.and_then(|message| message.statuses.get_mut(*index)) {
                status.state = WebhookState::Published;
            }
        }
    }

    fn handshake_query(&self, challenge: &str) -> Vec<(String, String)> {
        [
            ("hub.mode", "subscribe"),
            ("hub.challenge", challenge),
            ("hub.verify_token", &self.options.verify_token),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    async fn verify_callback(&self) -> std::result::Result<(), String> {
        let WebhookTarget::Url(url) = self.publisher.target() else {
            return Err("there is no callback URL".to_owned());
        };
        let challenge = rand::random::<u32>().to_string();
        let client = crate::http()
            .timeout(Duration::from_secs(10))
            .build()
            .map_err(|error| error.to_string())?;
        let request = client.get(&url).query(&self.handshake_query(&challenge));
        let response = request.send().await.map_err(|error| error.to_string())?;
        let status = response.status();
        let body = response.text().await.map_err(|error| error.to_string())?;
        if status != reqwest::StatusCode::OK {
            return Err(format!("{url} answered {status}"));
        }
        if body != challenge {
            return Err(format!("{url} answered something else than the challenge"));
        }
        Ok(())
    }
}
