//! Stores what SES says happened to messages, and suppresses addresses that must not be written to again.

use std::collections::BTreeMap;

use domain::CampaignId;
use domain::delivery::{Channel, DeliveryEvent, EventKind};
use messaging::ses_events;
use runtime::{App, Message, Metrics, RecordError, RecordFailure, Var, Worker};
use store::suppressions::{self, Suppression};

/// The worker.
pub static WORKER: Worker = Worker {
    name: "workers-delivery-events",
    needs: &[Var::TableName],
    handler: |app, messages| Box::pin(handle(app, messages)),
};

async fn handle(app: &App, messages: Vec<Message>) -> Vec<RecordFailure> {
    let mut failures = Vec::new();
    let mut stored = Vec::new();
    let mut by_chunk: BTreeMap<(CampaignId, u32), Vec<DeliveryEvent>> = BTreeMap::new();
    for message in messages {
        let events = match ses_events::parse(&message.body) {
            Ok(events) => events,
            Err(error) => {
                failures.push(RecordFailure {
                    id: message.id,
                    error: error.into(),
                });
                continue;
            }
        };
        let mut suppressed = Ok(());
        for parsed in &events {
            if let (Some(address), Some(reason)) = (&parsed.address, parsed.suppress) {
                suppressed = suppressed.and(suppress(app, address, reason, &parsed.event).await);
            }
        }
        match suppressed {
            Ok(()) => {
                for parsed in events {
                    by_chunk
                        .entry((parsed.chunk.campaign, parsed.chunk.number))
                        .or_default()
                        .push(parsed.event);
                }
                stored.push(message.id);
            }
            Err(error) => failures.push(RecordFailure { id: message.id, error }),
        }
    }
    let counts = count(&by_chunk);
    if let Err(error) = record(app, by_chunk).await {
        // Storing again what was stored changes nothing, so the whole batch may come again.
        let reason = error.to_string();
        failures.extend(stored.into_iter().map(|id| RecordFailure {
            id,
            error: reason.clone().into(),
        }));
    } else {
        Metrics {
            stage: &app.config().stage,
            properties: &[],
            counts: &counts,
        }
        .emit(app.now());
    }
    failures
}

async fn suppress(app: &App, address: &str, reason: &str, event: &DeliveryEvent) -> Result<(), RecordError> {
    let suppression = Suppression {
        reason: reason.to_owned(),
        since: event.at,
    };
    suppressions::add(app.store()?, Channel::Email, address, &suppression).await?;
    Ok(())
}

async fn record(app: &App, by_chunk: BTreeMap<(CampaignId, u32), Vec<DeliveryEvent>>) -> Result<(), RecordError> {
    Ok(store::chunks::record_events(app.store()?, by_chunk).await?)
}

fn count(by_chunk: &BTreeMap<(CampaignId, u32), Vec<DeliveryEvent>>) -> [(&'static str, u32); 4] {
    let of = |kinds: &[EventKind]| u32::try_from(by_chunk.values().flatten().filter(|event| kinds.contains(&event.kind)).count()).unwrap_or(u32::MAX);
    [
        ("EmailsDelivered", of(&[EventKind::Delivered])),
        ("EmailsBounced", of(&[EventKind::HardBounced, EventKind::SoftBounced])),
        ("EmailsComplained", of(&[EventKind::Complained])),
        ("EmailsRejected", of(&[EventKind::Rejected])),
    ]
}
