//! Sends webhooks in the background: in order of their time, a few events a request, until the callback URL has answered 200.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Shared;
use super::webhook::{self, Event, Webhook};

/// Requests under way at once.
const MAX_IN_FLIGHT: usize = 8;
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Where webhooks go.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookTarget {
    /// They stay in memory until they are taken, or until there is a URL.
    #[default]
    Capture,
    /// They are posted to this callback URL.
    Url(String),
}

/// How webhooks are put into requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookRules {
    /// Events in a request, at most. Meta's own is 1,000.
    pub batch: usize,
    /// How often every request is made; 2 is everything twice.
    pub copies: usize,
    /// The statuses of a message arrive last first; their timestamps stay true.
    pub reversed: bool,
}

impl Default for WebhookRules {
    fn default() -> Self {
        Self {
            batch: 10,
            copies: 1,
            reversed: false,
        }
    }
}

/// Counts of events; one request can carry several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookStatus {
    /// Not due yet, or not taken yet.
    pub waiting: usize,
    /// Answered with 200, or taken; duplicates included.
    pub published: usize,
    /// Swallowed by a fault.
    pub lost: usize,
    /// Requests that were not answered with 200, each of which is made again.
    pub refused: usize,
}

/// The queue of events. It never makes a send wait: the queue has no bound.
#[derive(Debug)]
pub(super) struct Publisher {
    queue: Mutex<Queue>,
    changed: Notify,
}

/// Which status of which message an event is.
pub(super) type StatusKey = Option<(String, usize)>;

#[derive(Debug, Default)]
struct Queue {
    target: WebhookTarget,
    rules: WebhookRules,
    /// By due time, then by arrival, so that events of the same instant keep their order.
    events: BTreeMap<(Instant, u64), (StatusKey, Event)>,
    /// Requests that were refused, or are copies: they are made again as they are.
    requests: BTreeMap<(Instant, u64), Request>,
    next: u64,
    in_flight: usize,
    published: usize,
    lost: usize,
    refused: usize,
    /// Goes up with every clear; what was in flight before it is dropped when it comes back.
    generation: u64,
}

#[derive(Debug, Clone)]
struct Request {
    webhook: Arc<Webhook>,
    keys: Arc<[StatusKey]>,
    attempts: u32,
    generation: u64,
}

impl Publisher {
    pub(super) fn new(target: WebhookTarget, rules: WebhookRules) -> Self {
        let queue = Queue {
            target,
            rules,
            ..Queue::default()
        };
        Self {
            queue: Mutex::new(queue),
            changed: Notify::new(),
        }
    }

    pub(super) fn target(&self) -> WebhookTarget {
        self.queue().target.clone()
    }

    pub(super) fn set_target(&self, target: WebhookTarget) {
        self.queue().target = target;
        self.changed.notify_one();
    }

    pub(super) fn rules(&self) -> WebhookRules {
        self.queue().rules
    }

    pub(super) fn set_rules(&self, rules: WebhookRules) {
        self.queue().rules = rules;
    }

    pub(super) fn status(&self) -> WebhookStatus {
        let queue = self.queue();
        let requests: usize = queue.requests.values().map(|request| request.keys.len()).sum();
        WebhookStatus {
            waiting: queue.events.len() + requests + queue.in_flight,
            published: queue.published,
            lost: queue.lost,
            refused: queue.refused,
        }
    }

    pub(super) fn clear(&self) {
        let mut queue = self.queue();
        *queue = Queue {
            target: std::mem::take(&mut queue.target),
            rules: queue.rules,
            generation: queue.generation + 1,
            ..Queue::default()
        };
    }

    pub(super) fn count_lost(&self) {
        self.queue().lost += 1;
    }

    pub(super) fn enqueue(&self, key: StatusKey, event: Event, delay: Duration) {
        let mut queue = self.queue();
        let position = queue.position(delay);
        queue.events.insert(position, (key, event));
        drop(queue);
        self.changed.notify_one();
    }

    /// Everything that waits, due or not, in its order.
    pub(super) fn take_all(&self, shared: &Shared) -> (Vec<Webhook>, Vec<StatusKey>) {
        let mut queue = self.queue();
        let mut taken = Vec::new();
        while let Some(request) = queue.next_request(shared, None) {
            taken.push(request);
        }
        let mut keys = Vec::new();
        let mut webhooks = Vec::with_capacity(taken.len());
        for request in taken {
            queue.published += request.keys.len();
            keys.extend(request.keys.iter().cloned());
            webhooks.push(request.webhook.as_ref().clone());
        }
        (webhooks, keys)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next request that is due, and where it goes.
    fn take_due(&self, shared: &Shared) -> Option<(String, Request)> {
        let mut queue = self.queue();
        let WebhookTarget::Url(url) = queue.target.clone() else { return None };
        let request = queue.next_request(shared, Some(Instant::now()))?;
        queue.in_flight += request.keys.len();
        Some((url, request))
    }

    fn next_due(&self) -> Option<Instant> {
        let queue = self.queue();
        if queue.target == WebhookTarget::Capture {
            return None;
        }
        let event = queue.events.keys().next().map(|(due, _)| *due);
        let request = queue.requests.keys().next().map(|(due, _)| *due);
        event.into_iter().chain(request).min()
    }

    /// Counts what was answered with 200 and puts the rest back for later.
    fn settle(&self, request: Request, taken: bool) -> Vec<StatusKey> {
        let mut queue = self.queue();
        if queue.generation != request.generation {
            return Vec::new();
        }
        queue.in_flight -= request.keys.len();
        if taken {
            queue.published += request.keys.len();
            return request.keys.to_vec();
        }
        queue.refused += 1;
        // Meta retries with decreasing frequency for days; a test has less time.
        let delay = Duration::from_millis(100 << request.attempts.min(5));
        let position = queue.position(delay);
        let attempts = request.attempts + 1;
        queue.requests.insert(position, Request { attempts, ..request });
        Vec::new()
    }
}

impl Queue {
    fn position(&mut self, delay: Duration) -> (Instant, u64) {
        self.next += 1;
        (Instant::now() + delay, self.next)
    }

    /// A request made before, or a new one from the events at the head of the queue; only what is due by `now`, if given.
    fn next_request(&mut self, shared: &Shared, now: Option<Instant>) -> Option<Request> {
        let is_due = |due: Instant| now.is_none_or(|now| due <= now);
        if let Some(entry) = self.requests.first_entry()
            && is_due(entry.key().0)
        {
            return Some(entry.remove());
        }
        let mut keys = Vec::new();
        let mut events = Vec::new();
        while let Some(entry) = self.events.first_entry() {
            if !is_due(entry.key().0) || events.len() >= self.rules.batch.max(1) {
                break;
            }
            let (key, event) = entry.remove();
            keys.push(key);
            events.push(event);
        }
        if events.is_empty() {
            return None;
        }
        let request = Request {
            webhook: Arc::new(webhook::form(&events, &shared.options)),
            keys: keys.into(),
            attempts: 0,
            generation: self.generation,
        };
        for _ in 1..self.rules.copies.max(1) {
            let position = self.position(Duration::ZERO);
            self.requests.insert(position, request.clone());
        }
        Some(request)
    }
}

/// Publishes until the simulator closes.
pub(super) async fn run(shared: Arc<Shared>) {
    // The callback URL is on this machine; a proxy from the environment would only lose the call.
    let Ok(client) = crate::http().timeout(CALL_TIMEOUT).build() else {
        return;
    };
    let publisher = &shared.publisher;
    let mut closing = shared.closing.subscribe();
    let mut calls = JoinSet::new();
    loop {
        while calls.len() < MAX_IN_FLIGHT {
            let Some((url, request)) = publisher.take_due(&shared) else { break };
            calls.spawn(publish(client.clone(), url, request));
        }
        let next_due = publisher.next_due().filter(|_| calls.len() < MAX_IN_FLIGHT);
        tokio::select! {
            _ = closing.wait_for(|closed| *closed) => break,
            Some(call) = calls.join_next(), if !calls.is_empty() => {
                if let Ok((request, taken)) = call {
                    let keys = publisher.settle(request, taken);
                    shared.mark_published(&keys);
                }
            }
            () = publisher.changed.notified() => {}
            () = async { tokio::time::sleep_until(next_due.unwrap_or_else(Instant::now)).await }, if next_due.is_some() => {}
        }
    }
}

/// One request; anything but 200 is a refusal, redirects included.
async fn publish(client: reqwest::Client, url: String, request: Request) -> (Request, bool) {
    let mut call = client.post(url).body(request.webhook.body.clone());
    for (name, value) in &request.webhook.headers {
        call = call.header(name, value);
    }
    let taken = call.send().await.is_ok_and(|response| response.status() == reqwest::StatusCode::OK);
    (request, taken)
}
