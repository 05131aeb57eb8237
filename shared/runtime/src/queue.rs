//! Queue and stream functions: parse each record on its own, never fail a batch for one of them.

use std::pin::Pin;
use std::sync::Arc;

use aws_lambda_events::event::dynamodb::Event as StreamEvent;
use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use aws_lambda_events::event::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use aws_sdk_sqs::types::{MessageAttributeValue, SendMessageBatchRequestEntry};
use lambda_runtime::LambdaEvent;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::config::{Config, Var};
use crate::http::{StartError, chain};
use crate::telemetry;

/// Why a record could not be handled; it is delivered again, and after the last time goes to the dead-letter queue.
pub type RecordError = Box<dyn std::error::Error + Send + Sync>;

/// A worker's future, boxed like a handler's.
pub type WorkerFuture<'a> = Pin<Box<dyn Future<Output = Vec<RecordFailure>> + Send + 'a>>;

/// A record to be delivered again.
#[derive(Debug)]
pub struct RecordFailure {
    /// The record's id: message id, or sequence number in a stream.
    pub id: String,
    /// Why.
    pub error: RecordError,
}

/// A message.
#[derive(Debug, Clone)]
pub struct Message {
    /// Message id.
    pub id: String,
    /// Body.
    pub body: String,
    /// Follows the request that caused it.
    pub correlation_id: String,
    /// How often it was delivered, this time included.
    pub receive_count: u32,
}

impl Message {
    /// Reads the body as JSON.
    ///
    /// # Errors
    /// What does not fit, by place.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, RecordError> {
        serde_json::from_str(&self.body).map_err(|error| format!("the message is not the expected JSON: {error}").into())
    }
}

/// A function fed by a queue.
#[derive(Debug, Clone, Copy)]
pub struct Worker {
    /// The function's name.
    pub name: &'static str,
    /// Its settings.
    pub needs: &'static [Var],
    /// Handles a batch; answers with the records to deliver again.
    pub handler: for<'a> fn(&'a App, Vec<Message>) -> WorkerFuture<'a>,
}

/// A record of the table's stream.
#[derive(Debug, Clone)]
pub struct StreamRecord {
    /// Sequence number.
    pub id: String,
    /// Partition key.
    pub pk: String,
    /// Sort key.
    pub sk: String,
}

/// A function fed by the table's stream.
#[derive(Debug, Clone, Copy)]
pub struct StreamWorker {
    /// The function's name.
    pub name: &'static str,
    /// Its settings.
    pub needs: &'static [Var],
    /// Handles a batch; answers with the records to deliver again.
    pub handler: for<'a> fn(&'a App, Vec<StreamRecord>) -> WorkerFuture<'a>,
}

/// Runs a queue worker until the environment is shut down.
///
/// # Errors
/// A missing setting, by name.
pub fn serve_queue(worker: &'static Worker) -> Result<(), StartError> {
    let app = start(worker.name, worker.needs)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(lambda_runtime::run(lambda_runtime::service_fn(move |event: LambdaEvent<SqsEvent>| {
        let app = Arc::clone(&app);
        async move { Ok::<SqsBatchResponse, std::convert::Infallible>(work(&app, worker, event.payload).await) }
    })))
}

/// Runs a stream worker until the environment is shut down.
///
/// # Errors
/// A missing setting, by name.
pub fn serve_stream(worker: &'static StreamWorker) -> Result<(), StartError> {
    let app = start(worker.name, worker.needs)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(lambda_runtime::run(lambda_runtime::service_fn(move |event: LambdaEvent<StreamEvent>| {
        let app = Arc::clone(&app);
        async move { Ok::<DynamoDbEventResponse, std::convert::Infallible>(follow(&app, worker, event.payload).await) }
    })))
}

fn start(name: &'static str, needs: &[Var]) -> Result<Arc<App>, StartError> {
    telemetry::init();
    let config = Config::from_env(needs).inspect_err(|error| tracing::error!(function = name, %error, "cannot start"))?;
    Ok(Arc::new(App::new(config)))
}

/// Handles one queue event.
pub async fn work(app: &App, worker: &Worker, event: SqsEvent) -> SqsBatchResponse {
    let started = std::time::Instant::now();
    let messages: Vec<Message> = event
        .records
        .into_iter()
        .map(|record| Message {
            id: record.message_id.unwrap_or_default(),
            body: record.body.unwrap_or_default(),
            correlation_id: record
                .message_attributes
                .get(CORRELATION)
                .and_then(|attribute| attribute.string_value.clone())
                .unwrap_or_default(),
            receive_count: record
                .attributes
                .get("ApproximateReceiveCount")
                .and_then(|count| count.parse().ok())
                .unwrap_or(1),
        })
        .collect();
    let correlation_ids: std::collections::BTreeSet<String> = messages
        .iter()
        .map(|message| message.correlation_id.clone())
        .filter(|id| !id.is_empty())
        .take(10)
        .collect();
    let records = messages.len();
    let failures = (worker.handler)(app, messages).await;
    log_batch(worker.name, records, &failures, &correlation_ids, started);
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = failures
        .into_iter()
        .map(|failure| {
            let mut item = BatchItemFailure::default();
            item.item_identifier = failure.id;
            item
        })
        .collect();
    response
}

/// Handles one stream event.
pub async fn follow(app: &App, worker: &StreamWorker, event: StreamEvent) -> DynamoDbEventResponse {
    let started = std::time::Instant::now();
    let records: Vec<StreamRecord> = event
        .records
        .into_iter()
        .filter_map(|record| {
            let keys = record.change.keys.into_inner();
            let text = |name: &str| match keys.get(name) {
                Some(serde_dynamo::AttributeValue::S(text)) => Some(text.clone()),
                _ => None,
            };
            Some(StreamRecord {
                id: record.change.sequence_number.unwrap_or_default(),
                pk: text("pk")?,
                sk: text("sk")?,
            })
        })
        .collect();
    let count = records.len();
    let failures = (worker.handler)(app, records).await;
    log_batch(worker.name, count, &failures, &std::collections::BTreeSet::new(), started);
    let mut response = DynamoDbEventResponse::default();
    response.batch_item_failures = failures
        .into_iter()
        .map(|failure| {
            let mut item = DynamoDbBatchItemFailure::default();
            item.item_identifier = Some(failure.id);
            item
        })
        .collect();
    response
}

fn log_batch(
    function: &str,
    records: usize,
    failures: &[RecordFailure],
    correlation_ids: &std::collections::BTreeSet<String>,
    started: std::time::Instant,
) {
    for failure in failures {
        tracing::error!(function, record_id = failure.id, error = %chain(failure.error.as_ref()), "record failed");
    }
    let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let correlation_ids: Vec<_> = correlation_ids.iter().map(String::as_str).collect();
    tracing::info!(
        function,
        records,
        failed = failures.len(),
        correlation_ids = correlation_ids.join(","),
        ms,
        "batch"
    );
}

const CORRELATION: &str = "correlation_id";

/// A message to send.
#[derive(Debug)]
pub struct Outgoing<T> {
    /// Body, sent as JSON.
    pub body: T,
    /// Not before this many seconds; at most 900.
    pub delay_secs: i32,
}

/// Sends messages to the queue named by `queue`, ten a call.
///
/// # Errors
/// When a message could not be sent; those before it were.
pub async fn send<T: Serialize>(app: &App, queue: Var, correlation_id: &str, messages: &[Outgoing<T>]) -> Result<(), RecordError> {
    send_as(app, queue, correlation_id, None, messages).await
}

/// Like [`send`], in the name of a tenant of the queue: SQS hands out messages of a standard queue so that no tenant's backlog
/// keeps those of another waiting. <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html>
///
/// # Errors
/// As [`send`].
pub async fn send_as<T: Serialize>(
    app: &App,
    queue: Var,
    correlation_id: &str,
    tenant: Option<&str>,
    messages: &[Outgoing<T>],
) -> Result<(), RecordError> {
    let url = app.config().get(queue)?;
    for batch in messages.chunks(10) {
        let mut entries = Vec::with_capacity(batch.len());
        for (i, message) in batch.iter().enumerate() {
            let mut entry = SendMessageBatchRequestEntry::builder()
                .id(i.to_string())
                .message_body(serde_json::to_string(&message.body)?)
                .set_message_group_id(tenant.map(str::to_owned))
                .set_delay_seconds((message.delay_secs > 0).then_some(message.delay_secs.min(900)));
            if !correlation_id.is_empty() {
                let value = MessageAttributeValue::builder()
                    .data_type("String")
                    .string_value(correlation_id)
                    .build()?;
                entry = entry.message_attributes(CORRELATION, value);
            }
            entries.push(entry.build()?);
        }
        let output = app.sqs().send_message_batch().queue_url(url).set_entries(Some(entries)).send().await?;
        if let Some(failed) = output.failed.first() {
            return Err(format!("{} of {} messages were not taken: {}", output.failed.len(), batch.len(), failed.code).into());
        }
    }
    Ok(())
}
