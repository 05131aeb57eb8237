//! The AWS the workers reach: one endpoint that counts every call, passes DynamoDB and SES on, and is SQS and SNS itself.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use super::{Timing, now_ms};

/// The sort keys that the template's filter of the stream lets through.
const STREAMED: [&str; 2] = ["OUT#", "EVT#"];

/// The topic of SES's events.
pub(super) const TOPIC: &str = "arn:aws:sns:ap-south-1:000000000000:delivery-events";

/// A queue of the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Queue {
    /// Plan messages.
    Plan,
    /// Chunk messages.
    Email,
    /// Chunk messages of WhatsApp.
    Whatsapp,
    /// Delivery events, in the envelope of SNS.
    DeliveryEvents,
    /// What WhatsApp's webhook told.
    WhatsappEvents,
}

impl Queue {
    pub(super) const ALL: [Queue; 5] = [Queue::Plan, Queue::Email, Queue::Whatsapp, Queue::DeliveryEvents, Queue::WhatsappEvents];

    pub(super) const fn url(self) -> &'static str {
        match self {
            Queue::Plan => "http://sqs.example/000000000000/plan",
            Queue::Email => "http://sqs.example/000000000000/email",
            Queue::Whatsapp => "http://sqs.example/000000000000/whatsapp",
            Queue::WhatsappEvents => "http://sqs.example/000000000000/whatsapp-events",
            Queue::DeliveryEvents => "http://sqs.example/000000000000/delivery-events",
        }
    }
}

/// A message of a queue.
#[derive(Debug, Clone)]
pub struct QueueMessage {
    /// Message id.
    pub id: String,
    /// Body.
    pub body: String,
    /// `correlation_id`, if it has one.
    pub correlation_id: Option<String>,
    /// How often it was received.
    pub receive_count: u32,
    /// Not visible before, in milliseconds of the harness's clock.
    pub ready_ms: i64,
}

/// A record of the table's stream that passes the template's filter.
#[derive(Debug, Clone)]
pub(super) struct StreamItem {
    /// The record, as Lambda hands it over.
    pub(super) record: Value,
    /// When the item was written.
    pub(super) at_ms: i64,
}

/// What the endpoint keeps.
#[derive(Debug)]
pub(super) struct Aws {
    http: reqwest::Client,
    dynamodb: String,
    ses: String,
    timing: Timing,
    state: Mutex<Kept>,
    /// Told of every call, once it is counted.
    called: Notify,
}

#[derive(Debug)]
struct Kept {
    calls: BTreeMap<String, u64>,
    /// Units of capacity DynamoDB's answers named, by operation.
    units: BTreeMap<String, f64>,
    queues: BTreeMap<Queue, Vec<QueueMessage>>,
    messages: u64,
    /// Operations whose next answer is lost on the way, although they were carried out.
    cut: Vec<String>,
    random: StdRng,
    /// Records of the stream so far.
    records: u64,
    /// Those not taken yet.
    stream: Vec<StreamItem>,
    /// The digest of what was last put under each key that passes the stream's filter.
    streamed: HashMap<(String, String), u64>,
}

impl Aws {
    /// Serves an endpoint and gives its address.
    pub(super) async fn serve(dynamodb: String, ses: String, timing: Timing, seed: u64) -> std::io::Result<(Arc<Self>, String)> {
        // Everything is on this machine: a proxy from the environment would only lose the call.
        let http = crate::http().build().map_err(std::io::Error::other)?;
        let kept = Kept {
            calls: BTreeMap::new(),
            units: BTreeMap::new(),
            queues: BTreeMap::new(),
            messages: 0,
            cut: Vec::new(),
            random: StdRng::seed_from_u64(seed),
            records: 0,
            stream: Vec::new(),
            streamed: HashMap::new(),
        };
        let aws = Arc::new(Self {
            http,
            dynamodb,
            ses,
            timing,
            state: Mutex::new(kept),
            called: Notify::new(),
        });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = format!("http://{}", listener.local_addr()?);
        let router = Router::new()
            .fallback(answer)
            .layer(axum::extract::DefaultBodyLimit::disable())
            .with_state(Arc::clone(&aws));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok((aws, address))
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // A panic elsewhere while the lock was held left nothing half-written.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn calls(&self) -> BTreeMap<String, u64> {
        self.kept().calls.clone()
    }

    pub(super) fn units(&self) -> BTreeMap<String, f64> {
        self.kept().units.clone()
    }

    pub(super) fn reset_calls(&self) {
        let mut kept = self.kept();
        kept.calls.clear();
        kept.units.clear();
    }

    /// Waits until `operation` has been called `times` times.
    pub(super) async fn called(&self, operation: &str, times: u64) {
        self.until(|calls| calls.get(operation).copied().unwrap_or(0) >= times).await;
    }

    /// Waits until `times` calls have been made in all.
    pub(super) async fn called_in_all(&self, times: u64) {
        self.until(|calls| calls.values().sum::<u64>() >= times).await;
    }

    async fn until(&self, reached: impl Fn(&BTreeMap<String, u64>) -> bool) {
        loop {
            let told = self.called.notified();
            tokio::pin!(told);
            // From here on a call is not missed.
            told.as_mut().enable();
            if reached(&self.kept().calls) {
                return;
            }
            told.await;
        }
    }

    /// Loses the answer of the next call of `operation`, after carrying it out.
    pub(super) fn cut(&self, operation: &str) {
        self.kept().cut.push(operation.to_owned());
    }

    pub(super) fn push(&self, queue: Queue, body: String, correlation_id: Option<String>, ready_ms: i64) -> String {
        let mut kept = self.kept();
        kept.messages += 1;
        let id = format!("m{:08}", kept.messages);
        kept.queues.entry(queue).or_default().push(QueueMessage {
            id: id.clone(),
            body,
            correlation_id,
            receive_count: 0,
            ready_ms,
        });
        id
    }

    pub(super) fn put_back(&self, queue: Queue, message: QueueMessage) {
        self.kept().queues.entry(queue).or_default().push(message);
    }

    /// The messages of a queue, in order of visibility.
    pub(super) fn messages(&self, queue: Queue) -> Vec<QueueMessage> {
        let mut messages = self.kept().queues.get(&queue).cloned().unwrap_or_default();
        messages.sort_by(|a, b| (a.ready_ms, &a.id).cmp(&(b.ready_ms, &b.id)));
        messages
    }

    /// When each message of a queue becomes visible, soonest first.
    pub(super) fn ready_times(&self, queue: Queue) -> Vec<i64> {
        let mut times: Vec<i64> = self
            .kept()
            .queues
            .get(&queue)
            .into_iter()
            .flatten()
            .map(|message| message.ready_ms)
            .collect();
        times.sort_unstable();
        times
    }

    /// Takes up to `most` visible messages: the oldest, or any if `shuffled`, as SQS promises no order.
    pub(super) fn take(&self, queue: Queue, most: usize, shuffled: bool) -> Vec<QueueMessage> {
        let now = now_ms();
        let mut kept = self.kept();
        let Kept { queues, random, .. } = &mut *kept;
        let messages = queues.entry(queue).or_default();
        let (mut ready, waiting): (Vec<_>, Vec<_>) = std::mem::take(messages).into_iter().partition(|message| message.ready_ms <= now);
        if shuffled {
            for i in (1..ready.len()).rev() {
                ready.swap(i, random.random_range(0..=i));
            }
        } else {
            ready.sort_by(|a, b| (a.ready_ms, &a.id).cmp(&(b.ready_ms, &b.id)));
        }
        let rest = ready.split_off(ready.len().min(most));
        *messages = rest;
        messages.extend(waiting);
        for message in &mut ready {
            message.receive_count += 1;
        }
        ready
    }

    /// Takes every message of a queue, visible or not.
    pub(super) fn take_all(&self, queue: Queue) -> Vec<QueueMessage> {
        let messages = self.messages(queue);
        self.kept().queues.remove(&queue);
        messages
    }

    /// A number from `least` to `most`.
    pub(super) fn random(&self, least: i64, most: i64) -> i64 {
        self.kept().random.random_range(least..=most)
    }

    /// Takes what the stream holds.
    pub(super) fn take_stream(&self) -> Vec<StreamItem> {
        std::mem::take(&mut self.kept().stream)
    }

    /// Writes the stream's records of a call that was carried out. dynoxide has a stream, and reads all of it at every write: this
    /// one holds what passes the template's filter, and an item put again as it is makes no record in either.
    fn note_puts(&self, request: &Value) {
        let mut puts: Vec<&Value> = Vec::new();
        puts.extend(request.get("Item"));
        puts.extend(
            request["TransactItems"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|write| write.pointer("/Put/Item")),
        );
        let batches = request["RequestItems"].as_object().into_iter().flat_map(|tables| tables.values());
        let writes = batches.filter_map(Value::as_array).flatten();
        puts.extend(writes.filter_map(|write| write.pointer("/PutRequest/Item")));
        let mut kept = self.kept();
        for item in puts {
            let text = |name: &str| item[name]["S"].as_str().unwrap_or_default().to_owned();
            let (pk, sk) = (text("pk"), text("sk"));
            if !STREAMED.iter().any(|prefix| sk.starts_with(prefix)) {
                continue;
            }
            let mut digest = DefaultHasher::new();
            item.to_string().hash(&mut digest);
            let digest = digest.finish();
            let before = kept.streamed.insert((pk.clone(), sk.clone()), digest);
            if before == Some(digest) {
                continue;
            }
            kept.records += 1;
            let record = json!({
                "eventID": format!("{:032x}", kept.records),
                "eventName": if before.is_none() { "INSERT" } else { "MODIFY" },
                "eventVersion": "1.1",
                "eventSource": "aws:dynamodb",
                "awsRegion": "ap-south-1",
                "dynamodb": {
                    "Keys": {"pk": {"S": pk}, "sk": {"S": sk}},
                    "SequenceNumber": format!("{:030}", kept.records),
                    "SizeBytes": 100,
                    "StreamViewType": "KEYS_ONLY",
                    "ApproximateCreationDateTime": now_ms() / 1_000,
                },
            });
            kept.stream.push(StreamItem { record, at_ms: now_ms() });
        }
    }

    fn count(&self, operation: &str) -> bool {
        let mut kept = self.kept();
        *kept.calls.entry(operation.to_owned()).or_default() += 1;
        let cut = kept.cut.iter().position(|wanted| wanted == operation);
        if let Some(cut) = cut {
            kept.cut.remove(cut);
        }
        drop(kept);
        self.called.notify_waiters();
        cut.is_some()
    }

    async fn forward(&self, base: &str, method: Method, uri: &Uri, mut headers: HeaderMap, body: Bytes) -> (StatusCode, HeaderMap, Bytes) {
        headers.remove("host");
        // Of the body as it came: the one that goes on may ask for more.
        headers.remove("content-length");
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let answer = self
            .http
            .request(method, format!("{}{path}", base.trim_end_matches('/')))
            .headers(headers)
            .body(body)
            .send()
            .await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return (StatusCode::BAD_GATEWAY, HeaderMap::new(), error.to_string().into()),
        };
        let (status, headers) = (answer.status(), answer.headers().clone());
        match answer.bytes().await {
            Ok(body) => (status, headers, body),
            Err(error) => (StatusCode::BAD_GATEWAY, HeaderMap::new(), error.to_string().into()),
        }
    }

    /// Passes a call on to DynamoDB, notes what it costs, and what of it the stream tells.
    async fn dynamodb(&self, operation: &str, uri: &Uri, headers: HeaderMap, body: Bytes) -> Response {
        let mut request: Value = serde_json::from_slice(&body).unwrap_or_default();
        request["ReturnConsumedCapacity"] = "TOTAL".into();
        let body = Bytes::from(request.to_string());
        let answer = self.forward(&self.dynamodb, Method::POST, uri, headers, body).await;
        if answer.0.is_success() {
            if matches!(operation, "PutItem" | "BatchWriteItem" | "TransactWriteItems") {
                self.note_puts(&request);
            }
            let told: Value = serde_json::from_slice(&answer.2).unwrap_or_default();
            let consumed = &told["ConsumedCapacity"];
            let units = |consumed: &Value| consumed["CapacityUnits"].as_f64().unwrap_or(0.0);
            let units = consumed.as_array().map_or_else(|| units(consumed), |all| all.iter().map(units).sum());
            *self.kept().units.entry(operation.to_owned()).or_default() += units;
        }
        answer.into_response()
    }

    fn sqs(&self, operation: &str, request: &Value) -> Response {
        let url = request["QueueUrl"].as_str().unwrap_or_default();
        let Some(queue) = Queue::ALL.into_iter().find(|queue| queue.url() == url) else {
            return (
                StatusCode::BAD_REQUEST,
                json!({"__type": "com.amazonaws.sqs#QueueDoesNotExist"}).to_string(),
            )
                .into_response();
        };
        if operation != "SendMessageBatch" {
            return (StatusCode::NOT_IMPLEMENTED, operation.to_owned()).into_response();
        }
        let mut sent = Vec::new();
        for entry in request["Entries"].as_array().into_iter().flatten() {
            let correlation_id = entry["MessageAttributes"]["correlation_id"]["StringValue"].as_str().map(str::to_owned);
            let ready_ms = now_ms() + entry["DelaySeconds"].as_i64().unwrap_or(0) * 1000;
            let id = self.push(
                queue,
                entry["MessageBody"].as_str().unwrap_or_default().to_owned(),
                correlation_id,
                ready_ms,
            );
            sent.push(json!({"Id": entry["Id"], "MessageId": id, "MD5OfMessageBody": "00000000000000000000000000000000"}));
        }
        (
            [("content-type", "application/x-amz-json-1.0")],
            json!({"Successful": sent, "Failed": []}).to_string(),
        )
            .into_response()
    }

    /// `PublishBatch`, which only the simulator calls: each event becomes a message when it would have arrived.
    fn sns(&self, body: &[u8]) -> Response {
        let form: BTreeMap<String, String> = url_decoded(body);
        for member in 1..=10 {
            let Some(event) = form.get(&format!("PublishBatchRequestEntries.member.{member}.Message")) else {
                continue;
            };
            let event_type = serde_json::from_str::<Value>(event)
                .ok()
                .and_then(|event| event["eventType"].as_str().map(str::to_owned));
            let (least, most) = match event_type.as_deref() {
                Some("Send") => self.timing.send_event_ms,
                Some("Complaint") => self.timing.complaint_event_ms,
                _ => self.timing.delivery_event_ms,
            };
            let after = self.kept().random.random_range(least..=most);
            let envelope = json!({
                "Type": "Notification",
                "MessageId": format!("sns-{member}"),
                "TopicArn": TOPIC,
                "Subject": "Amazon SES Email Event Notification",
                "Message": event,
                "Timestamp": "2026-11-02T04:30:00.000Z",
            });
            self.push(Queue::DeliveryEvents, envelope.to_string(), None, now_ms() + after);
        }
        "<PublishBatchResponse><PublishBatchResult><Failed/></PublishBatchResult></PublishBatchResponse>".into_response()
    }
}

fn url_decoded(body: &[u8]) -> BTreeMap<String, String> {
    let uri = format!("http://localhost/?{}", String::from_utf8_lossy(body));
    reqwest::Url::parse(&uri)
        .map(|url| url.query_pairs().into_owned().collect())
        .unwrap_or_default()
}

async fn answer(State(aws): State<Arc<Aws>>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers
        .get("x-amz-target")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    match target.split_once('.') {
        Some(("DynamoDB_20120810", operation)) => {
            let cut = aws.count(operation);
            let answer = aws.dynamodb(operation, &uri, headers, body).await;
            lost_if(cut, answer)
        }
        Some(("AmazonSQS", operation)) => {
            let cut = aws.count(operation);
            lost_if(cut, aws.sqs(operation, &serde_json::from_slice(&body).unwrap_or_default()))
        }
        None if uri.path().starts_with("/v2/email/") => {
            let operation = if uri.path().ends_with("outbound-bulk-emails") {
                "SendBulkEmail"
            } else {
                "SES"
            };
            let cut = aws.count(operation);
            lost_if(cut, aws.forward(&aws.ses, method, &uri, headers, body).await.into_response())
        }
        // The simulator publishing events is Amazon's own traffic, not a call of ours.
        None if method == Method::POST && uri.path() == "/" => aws.sns(&body),
        _ => (
            StatusCode::NOT_IMPLEMENTED,
            format!("{method} {uri} {target} is not part of the harness's AWS"),
        )
            .into_response(),
    }
}

/// The answer, or a connection that breaks after the status line.
fn lost_if(cut: bool, answer: Response) -> Response {
    if !cut {
        return answer;
    }
    let broken = futures::stream::once(async { Err::<Bytes, std::io::Error>(std::io::ErrorKind::ConnectionReset.into()) });
    (answer.status(), Body::from_stream(broken)).into_response()
}
