//! Stores what SES and SendGrid say happened to messages, and suppresses addresses that must not be written to again.

use std::collections::{BTreeMap, BTreeSet};

use domain::delivery::{Channel, DeliveryEvent, EventKind};
use domain::suppression::{SuppressionReason, SuppressionSource, is_sender_caused};
use messaging::ses_events::{EventChunk, EventError, ParsedEvent};
use messaging::{sendgrid_events, ses_events};
use runtime::{App, Message, Metrics, RecordError, RecordFailure, Var, Worker};
use store::ChunkRef;
use store::suppressions::{self, SoftBounce, Suppression};

/// The worker.
pub static WORKER: Worker = Worker {
    name: "workers-delivery-events",
    needs: &[Var::TableName],
    handler: |app, messages| Box::pin(handle(app, messages)),
};

type ByChunk = BTreeMap<ChunkRef, Vec<DeliveryEvent>>;

async fn handle(app: &App, messages: Vec<Message>) -> Vec<RecordFailure> {
    let mut failures = Vec::new();
    let mut understood = Vec::new();
    for message in messages {
        match read(app, &message.body).await {
            Ok(events) => understood.push((message.id, events)),
            Err(error) => failures.push(RecordFailure { id: message.id, error }),
        }
    }
    let mut by_chunk = ByChunk::new();
    for event in understood.iter().flat_map(|(_, events)| events) {
        by_chunk.entry(chunk_of(event.chunk)).or_default().push(event.event.clone());
    }
    let counts = count(&by_chunk);
    if let Err(error) = record(app, by_chunk).await {
        // Storing again what was stored changes nothing, so the whole batch may come again.
        let reason = error.to_string();
        failures.extend(understood.into_iter().map(|(id, _)| RecordFailure {
            id,
            error: reason.clone().into(),
        }));
        return failures;
    }
    Metrics {
        stage: &app.config().stage,
        properties: &[],
        counts: &counts,
    }
    .emit(app.now());
    // After the events are stored: an address is judged by its deliveries too, and one of them may be in this batch.
    let mut judged = BTreeSet::new();
    for (id, events) in understood {
        if let Err(error) = judge(app, &events, &mut judged).await {
            failures.push(RecordFailure { id, error });
        }
    }
    failures
}

/// Reads a message of either provider, and suppresses the addresses it says must not be written to: before anything is stored,
/// because that is what keeps the promise.
async fn read(app: &App, body: &str) -> Result<Vec<ParsedEvent>, RecordError> {
    let events = parse(body)?;
    for parsed in &events {
        if let (Some(address), Some(reason)) = (&parsed.address, parsed.suppress) {
            suppress(app, address, reason, parsed).await?;
        }
    }
    Ok(events)
}

fn parse(body: &str) -> Result<Vec<ParsedEvent>, EventError> {
    if sendgrid_events::is_envelope(body) {
        sendgrid_events::parse(body)
    } else {
        ses_events::parse(body)
    }
}

async fn suppress(app: &App, address: &str, reason: &str, parsed: &ParsedEvent) -> Result<(), RecordError> {
    let reason = SuppressionReason::parse(reason).ok_or("the event suppresses for no known reason")?;
    let event = &parsed.event;
    let suppression = Suppression::new(reason, event.at, SuppressionSource::Event).because_of(parsed.chunk.campaign, Some(event.provider_id.clone()));
    suppressions::add(app.store()?, Channel::Email, address, &suppression).await?;
    Ok(())
}

/// Takes note of the soft bounces among a message's events, each once in a batch.
async fn judge(app: &App, events: &[ParsedEvent], judged: &mut BTreeSet<String>) -> Result<(), RecordError> {
    for parsed in events {
        let ParsedEvent {
            chunk,
            event,
            address: Some(address),
            suppress: None,
        } = parsed
        else {
            continue;
        };
        let is_ours = event.reason.as_deref().is_some_and(is_sender_caused);
        if event.kind != EventKind::SoftBounced || is_ours || judged.contains(&event.provider_id) {
            continue;
        }
        let bounce = SoftBounce {
            address,
            chunk: chunk_of(*chunk),
            recipient: event.recipient,
            message_id: message_of(&event.provider_id),
            at: event.at,
        };
        suppressions::record_soft_bounce(app.store()?, &bounce).await?;
        judged.insert(event.provider_id.clone());
    }
    Ok(())
}

/// The message an event is about. Events that can repeat have an id of their own behind that of the message, and where the
/// provider named no message, only that.
fn message_of(provider_id: &str) -> &str {
    match provider_id.split_once('/') {
        Some((message, _)) if !message.is_empty() => message,
        _ => provider_id,
    }
}

fn chunk_of(chunk: EventChunk) -> ChunkRef {
    let EventChunk { campaign, number } = chunk;
    ChunkRef {
        campaign,
        channel: Channel::Email,
        number,
    }
}

async fn record(app: &App, by_chunk: ByChunk) -> Result<(), RecordError> {
    Ok(store::chunks::record_events(app.store()?, by_chunk).await?)
}

fn count(by_chunk: &ByChunk) -> [(&'static str, u32); 4] {
    let of = |kinds: &[EventKind]| u32::try_from(by_chunk.values().flatten().filter(|event| kinds.contains(&event.kind)).count()).unwrap_or(u32::MAX);
    [
        ("EmailsDelivered", of(&[EventKind::Delivered])),
        ("EmailsBounced", of(&[EventKind::HardBounced, EventKind::SoftBounced])),
        ("EmailsComplained", of(&[EventKind::Complained])),
        ("EmailsRejected", of(&[EventKind::Rejected])),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_named_alike_by_all_its_events() {
        for (provider_id, message) in [("m1", "m1"), ("m1/f1", "m1"), ("m1/f1/x", "m1"), ("/e1", "/e1")] {
            assert_eq!(message_of(provider_id), message);
        }
    }
}
