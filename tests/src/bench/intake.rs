//! How many webhook events a core takes in: Meta's through its function (signature, queue) and worker (parse, store), SES's through
//! its worker. The events are those the simulators made of real campaigns.
//!
//! Time is the processor's, that of the queue and the table in this process included.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, Method};
use domain::delivery::Channel;
use runtime::Request;

use super::campaign::{self, Case, SES_RAISED, WHATSAPP};
use super::{Error, Figure, Options, Report, Table, cpu_time, unoptimised};
use crate::harness::{EVENT_BATCH, Harness, Queue, QueueMessage, Turn, invoke};
use crate::meta_simulator::sign;

const NAME: &str = "webhook_intake";
const EVENTS: usize = 10_000;

/// Runs the suite.
///
/// # Errors
/// When an event is refused.
pub fn run(_: &Options) -> Result<Report, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    eprintln!("  webhooks: {EVENTS} events of each provider");
    let [receive, store] = runtime.block_on(whatsapp())?;
    let ses = runtime.block_on(ses())?;
    let rows = [
        ("whatsapp_receive", "Meta: verify and enqueue, one event a request", receive),
        ("whatsapp_store", "Meta: parse and store, 500 a batch", store),
        ("whatsapp", "Meta: both", receive + store),
        ("ses", "SES: parse and store, 500 a batch", ses),
    ];
    let rate = |cpu: Duration| f64::from(u32::try_from(EVENTS).unwrap_or(u32::MAX)) / cpu.as_secs_f64();
    Ok(Report {
        title: format!("Webhook intake, {EVENTS} events each, one core"),
        table: Table {
            header: ["step", "CPU s", "events/s"].map(str::to_owned).into(),
            rows: rows
                .iter()
                .map(|(_, step, cpu)| vec![(*step).to_owned(), format!("{:.2}", cpu.as_secs_f64()), format!("{:.0}", rate(*cpu))])
                .collect(),
        },
        figures: rows
            .iter()
            .map(|(name, _, cpu)| Figure::new(format!("{NAME}.{name}.events_per_s"), rate(*cpu)))
            .collect(),
        notes: unoptimised().into_iter().collect(),
    })
}

/// What receiving and storing took.
async fn whatsapp() -> Result<[Duration; 2], Error> {
    // At least two events a message.
    let (mut harness, _) = campaign::executed(Case {
        channel: Channel::Whatsapp,
        recipients: u32::try_from(EVENTS / 2)?,
        per_second: WHATSAPP,
    })
    .await?;
    harness.drain_only(&[Turn::Plan, Turn::SendWhatsapp]).await?;
    let told = taken(&harness, Queue::WhatsappEvents)?;
    let secret = harness.meta.options().app_secret.clone();
    let requests = told
        .into_iter()
        .map(|message| request(&secret, message.body))
        .collect::<Result<Vec<_>, _>>()?;

    let before = cpu_time()?;
    for request in requests {
        let response = runtime::dispatch(harness.app(), &webhooks::receive_whatsapp::ROUTE, request).await;
        if !response.status().is_success() {
            return Err(format!("a webhook was answered with {}", response.status()).into());
        }
    }
    let received = cpu_time()?.saturating_sub(before);
    let messages = taken(&harness, Queue::WhatsappEvents)?;
    let stored = store(&harness, &workers::whatsapp_events::WORKER, messages).await?;
    Ok([received, stored])
}

/// What storing took; SES's events come to the queue through SNS.
async fn ses() -> Result<Duration, Error> {
    // Two events a message.
    let (mut harness, _) = campaign::executed(Case {
        channel: Channel::Email,
        recipients: u32::try_from(EVENTS / 2)?,
        per_second: SES_RAISED,
    })
    .await?;
    harness.drain_only(&[Turn::Plan, Turn::Send]).await?;
    let messages = taken(&harness, Queue::DeliveryEvents)?;
    store(&harness, &workers::delivery_events::WORKER, messages).await
}

/// The first events of a queue.
fn taken(harness: &Harness, queue: Queue) -> Result<Vec<QueueMessage>, Error> {
    let mut messages = harness.take_messages(queue);
    if messages.len() < EVENTS {
        return Err(format!("{queue:?} holds {} events instead of {EVENTS}", messages.len()).into());
    }
    messages.truncate(EVENTS);
    Ok(messages)
}

async fn store(harness: &Harness, worker: &'static runtime::Worker, messages: Vec<QueueMessage>) -> Result<Duration, Error> {
    let before = cpu_time()?;
    for batch in messages.chunks(EVENT_BATCH) {
        let failed = invoke(harness.app(), worker, batch.to_vec()).await;
        if !failed.is_empty() {
            return Err(format!("{} refused {} events", worker.name, failed.len()).into());
        }
    }
    Ok(cpu_time()?.saturating_sub(before))
}

/// A request as Meta makes it.
fn request(secret: &str, body: String) -> Result<Request, Error> {
    let body = body.into_bytes();
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    headers.insert("x-hub-signature-256", HeaderValue::from_str(&sign(secret, &body))?);
    Ok(Request {
        method: Method::POST,
        path: webhooks::receive_whatsapp::ROUTE.path.to_owned(),
        headers,
        query: Vec::new(),
        path_parameters: Vec::new(),
        body,
        source_ip: "198.51.100.7".to_owned(),
        request_id: "bench".to_owned(),
        correlation_id: "bench".to_owned(),
        caller: None,
    })
}
