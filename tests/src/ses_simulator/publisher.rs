//! Publishes events to an SNS topic in the background: in order of their time, ten a call, until the topic has answered.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Shared;
use super::events::Scheduled;

/// SNS takes at most ten messages, and 256 KB in all, in a call.
const MAX_BATCH: usize = 10;
const MAX_BATCH_BYTES: usize = 250_000;
/// Calls under way at once: enough to keep a topic on the same machine busy.
const MAX_IN_FLIGHT: usize = 4;
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// The SNS topic that the configuration set's event destination names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventTopic {
    /// The SNS endpoint, for example `http://localhost:4566`.
    pub endpoint: String,
    /// The topic's ARN; account and region are read from it.
    pub arn: String,
    /// The access key the call is made with, by default the topic's account, which is how MiniStack tells accounts apart.
    #[serde(default)]
    pub access_key: Option<String>,
}

impl EventTopic {
    /// A topic reached with its own account as the access key.
    pub fn new(endpoint: impl Into<String>, arn: impl Into<String>) -> Self {
        Self {
            endpoint: endpoint.into(),
            arn: arn.into(),
            access_key: None,
        }
    }

    /// The region in the ARN.
    pub fn region(&self) -> Option<&str> {
        self.arn_part(3)
    }

    /// The account in the ARN.
    pub fn account_id(&self) -> Option<&str> {
        self.arn_part(4)
    }

    fn arn_part(&self, index: usize) -> Option<&str> {
        self.arn.split(':').nth(index).filter(|part| !part.is_empty())
    }

    /// Shaped like SigV4, for whoever reads account and region from the credential scope; the signature is not one.
    fn authorization(&self) -> String {
        let access_key = self.access_key.as_deref().or(self.account_id()).unwrap_or("000000000000");
        let region = self.region().unwrap_or("ap-south-1");
        format!(
            "AWS4-HMAC-SHA256 Credential={access_key}/20260101/{region}/sns/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature={:064x}",
            0
        )
    }
}

/// Counts of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueStatus {
    /// Not due yet, or not taken by the topic yet.
    pub waiting: usize,
    /// Taken by the topic, duplicates included.
    pub published: usize,
    /// Swallowed by a fault.
    pub lost: usize,
}

/// The queue of events. It never makes a send wait: the queue has no bound.
#[derive(Debug)]
pub(super) struct Publisher {
    queue: Mutex<Queue>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    topic: Option<EventTopic>,
    /// By due time, then by arrival, so that events of the same instant keep their order.
    events: BTreeMap<(Instant, u64), Queued>,
    next: u64,
    in_flight: usize,
    published: usize,
    lost: usize,
    /// Goes up with every clear; what was in flight before it is dropped when it comes back.
    generation: u64,
}

#[derive(Debug, Clone)]
struct Queued {
    message_id: String,
    index: usize,
    body: Arc<str>,
    attempts: u32,
}

struct Batch {
    topic: EventTopic,
    events: Vec<Queued>,
    generation: u64,
}

impl Publisher {
    pub(super) fn new(topic: Option<EventTopic>) -> Self {
        Self {
            queue: Mutex::new(Queue { topic, ..Queue::default() }),
            changed: Notify::new(),
        }
    }

    pub(super) fn topic(&self) -> Option<EventTopic> {
        self.queue().topic.clone()
    }

    pub(super) fn set_topic(&self, topic: EventTopic) {
        self.queue().topic = Some(topic);
        self.changed.notify_one();
    }

    pub(super) fn status(&self) -> QueueStatus {
        let queue = self.queue();
        QueueStatus {
            waiting: queue.events.len() + queue.in_flight,
            published: queue.published,
            lost: queue.lost,
        }
    }

    pub(super) fn clear(&self) {
        let mut queue = self.queue();
        *queue = Queue {
            topic: queue.topic.take(),
            generation: queue.generation + 1,
            ..Queue::default()
        };
    }

    pub(super) fn enqueue(&self, message_id: &str, scheduled: Vec<Scheduled>) {
        let now = Instant::now();
        let mut queue = self.queue();
        for event in scheduled {
            if event.copies == 0 {
                queue.lost += 1;
            }
            let body: Arc<str> = event.body.into();
            for _ in 0..event.copies {
                let queued = Queued {
                    message_id: message_id.to_owned(),
                    index: event.index,
                    body: Arc::clone(&body),
                    attempts: 0,
                };
                queue.insert(now + event.delay, queued);
            }
        }
        drop(queue);
        self.changed.notify_one();
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The due events, as many as a call takes.
    fn take_batch(&self) -> Option<Batch> {
        let mut queue = self.queue();
        let topic = queue.topic.clone()?;
        let now = Instant::now();
        let mut events = Vec::new();
        let mut bytes = 0;
        while let Some(entry) = queue.events.first_entry() {
            bytes += entry.get().body.len();
            let is_due = entry.key().0 <= now;
            if !is_due || events.len() == MAX_BATCH || (bytes > MAX_BATCH_BYTES && !events.is_empty()) {
                break;
            }
            events.push(entry.remove());
        }
        queue.in_flight += events.len();
        (!events.is_empty()).then_some(Batch {
            topic,
            events,
            generation: queue.generation,
        })
    }

    fn next_due(&self) -> Option<Instant> {
        let queue = self.queue();
        queue.topic.as_ref()?;
        queue.events.keys().next().map(|(due, _)| *due)
    }

    /// Counts what the topic took and puts the rest back for later.
    fn settle(&self, batch: Batch, failed: &HashSet<usize>) -> Vec<Queued> {
        let mut queue = self.queue();
        if queue.generation != batch.generation {
            return Vec::new();
        }
        queue.in_flight -= batch.events.len();
        let mut published = Vec::new();
        for (position, mut event) in batch.events.into_iter().enumerate() {
            if failed.contains(&position) {
                let delay = Duration::from_millis(100 << event.attempts.min(4));
                event.attempts += 1;
                queue.insert(Instant::now() + delay, event);
            } else {
                queue.published += 1;
                published.push(event);
            }
        }
        published
    }
}

impl Queue {
    fn insert(&mut self, due: Instant, event: Queued) {
        self.events.insert((due, self.next), event);
        self.next += 1;
    }
}

/// Publishes until the simulator closes.
pub(super) async fn run(shared: Arc<Shared>) {
    // The topic is on this machine; a proxy from the environment would only lose the call.
    let Ok(client) = crate::http().timeout(CALL_TIMEOUT).build() else {
        return;
    };
    let publisher = &shared.publisher;
    let mut closing = shared.closing.subscribe();
    let mut calls = JoinSet::new();
    loop {
        while calls.len() < MAX_IN_FLIGHT {
            let Some(batch) = publisher.take_batch() else { break };
            calls.spawn(publish(client.clone(), batch));
        }
        let next_due = publisher.next_due().filter(|_| calls.len() < MAX_IN_FLIGHT);
        tokio::select! {
            _ = closing.wait_for(|closed| *closed) => break,
            Some(call) = calls.join_next(), if !calls.is_empty() => {
                if let Ok((batch, failed)) = call {
                    for event in publisher.settle(batch, &failed) {
                        shared.mark_published(&event.message_id, event.index);
                    }
                }
            }
            () = publisher.changed.notified() => {}
            () = async { tokio::time::sleep_until(next_due.unwrap_or_else(Instant::now)).await }, if next_due.is_some() => {}
        }
    }
}

/// One `PublishBatch` call; answers which positions the topic did not take.
async fn publish(client: reqwest::Client, batch: Batch) -> (Batch, HashSet<usize>) {
    let mut form = vec![
        ("Action".to_owned(), "PublishBatch".to_owned()),
        ("Version".to_owned(), "2010-03-31".to_owned()),
        ("TopicArn".to_owned(), batch.topic.arn.clone()),
    ];
    for (position, event) in batch.events.iter().enumerate() {
        let member = format!("PublishBatchRequestEntries.member.{}", position + 1);
        form.push((format!("{member}.Id"), format!("e{position}")));
        form.push((format!("{member}.Subject"), "Amazon SES Email Event Notification".to_owned()));
        form.push((format!("{member}.Message"), event.body.to_string()));
    }
    let everything = || (0..batch.events.len()).collect();
    let request = client
        .post(&batch.topic.endpoint)
        .header("authorization", batch.topic.authorization())
        .header("x-amz-date", "20260101T000000Z")
        .form(&form);
    let failed = match request.send().await {
        Ok(response) if response.status().is_success() => response.text().await.map_or_else(|_| everything(), |body| failed_positions(&body)),
        Ok(_) | Err(_) => everything(),
    };
    (batch, failed)
}

/// Reads the `<Failed>` members of a `PublishBatchResponse`. Ids are our own, so no XML parser is needed to find them.
fn failed_positions(body: &str) -> HashSet<usize> {
    let failed = body
        .split_once("<Failed>")
        .and_then(|(_, rest)| rest.split_once("</Failed>"))
        .map_or("", |(ids, _)| ids);
    failed
        .split("<Id>e")
        .skip(1)
        .filter_map(|rest| rest.split_once('<')?.0.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_publisher_finds_the_entries_that_a_topic_refused() {
        let body = "<PublishBatchResult><Successful><member><Id>e0</Id></member></Successful>\
                    <Failed><member><Id>e1</Id><Code>X</Code></member><member><Id>e7</Id></member></Failed></PublishBatchResult>";
        assert_eq!(failed_positions(body), HashSet::from([1, 7]));
        assert!(failed_positions("<Failed/>").is_empty());
    }

    #[test]
    fn a_topic_reads_account_and_region_from_its_arn() {
        let topic = EventTopic::new("http://localhost:4566", "arn:aws:sns:ap-south-1:123456789012:events");
        assert_eq!((topic.region(), topic.account_id()), (Some("ap-south-1"), Some("123456789012")));
        assert!(
            topic
                .authorization()
                .contains("Credential=123456789012/20260101/ap-south-1/sns/aws4_request")
        );
    }
}
