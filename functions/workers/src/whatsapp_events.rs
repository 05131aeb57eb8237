//! Acts on what WhatsApp's webhook tells: statuses of messages, messages of vendors, changes of templates.
//!
//! Meta tells everything at least once and in any order, so whatever is done here may be done again: events and contacts have
//! natural keys, a vendor's message is acted on as it was understood the first time, and a campaign is halted for a reason once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::campaign::CampaignState;
use domain::delivery::{Channel, DeliveryEvent, EventKind};
use domain::hash::sha256_hex;
use domain::suppression::{SuppressionReason, SuppressionSource};
use domain::{CampaignId, ProposalId};
use engine::Live;
use jiff::Timestamp;
use messaging::whatsapp::{Inbound, StatusEvent, TemplateStatusChange, WebhookEvent, stop_words, webhook};
use runtime::{App, Message, Metrics, RecordError, RecordFailure, Var, Worker};
use store::inbound::{Contact, InboundMessage};
use store::proposals::{Proposal, ProposalState};
use store::suppressions::{self, Evidence, Suppression};
use store::{ChunkRef, StoreError, campaigns};
use ulid::Ulid;

/// The worker.
pub static WORKER: Worker = Worker {
    name: "workers-whatsapp-events",
    needs: &[Var::TableName],
    handler: |app, messages| Box::pin(handle(app, messages)),
};

// Halting is one write a campaign; the function may run for 30 s.
const BUDGET: Duration = Duration::from_secs(20);

/// WhatsApp takes texts of 4,096 characters.
const MAX_TEXT_CHARS: usize = 4_096;

type ByChunk = BTreeMap<ChunkRef, Vec<DeliveryEvent>>;

async fn handle(app: &App, messages: Vec<Message>) -> Vec<RecordFailure> {
    let mut failures = Vec::new();
    let mut understood = Vec::new();
    for message in messages {
        match read(app, &message.body).await {
            Ok(events) => understood.push((message, events)),
            Err(error) => failures.push(RecordFailure { id: message.id, error }),
        }
    }
    let (by_chunk, contacts) = of_statuses(understood.iter().flat_map(|(_, events)| events));
    let counts = count(&by_chunk, understood.iter().flat_map(|(_, events)| events));
    if let Err(error) = record(app, by_chunk, contacts).await {
        // Storing again what was stored changes nothing, so the whole batch may come again.
        let reason = error.to_string();
        failures.extend(understood.into_iter().map(|(message, _)| RecordFailure {
            id: message.id,
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
    // After the statuses are stored: who writes is found by the contacts, some of which may be in this batch.
    let mut halted = BTreeSet::new();
    for (message, events) in understood {
        if let Err(error) = act(app, &message, events, &mut halted).await {
            failures.push(RecordFailure { id: message.id, error });
        }
    }
    failures
}

/// Reads a webhook, and suppresses the numbers of those who opted out with Meta: before anything is stored, because that is
/// what keeps the promise.
async fn read(app: &App, body: &str) -> Result<Vec<WebhookEvent>, RecordError> {
    let events = webhook::parse(body.as_bytes())?;
    for event in &events {
        match event {
            WebhookEvent::Status(status) if status.is_opt_out() => opted_out_with_meta(app, status).await?,
            _ => {}
        }
    }
    Ok(events)
}

async fn opted_out_with_meta(app: &App, status: &StatusEvent) -> Result<(), RecordError> {
    let (store, event) = (app.store()?, &status.event);
    let phone = match &status.phone {
        Some(phone) => Some(phone.clone()),
        // Someone who shows a user name instead of a number. The number is the one we wrote to.
        None => {
            let (log, _) = store::chunks::log(store, chunk_of(status)).await?;
            let recipient = log.recipients.into_iter().find(|recipient| recipient.id == event.recipient);
            recipient.and_then(|recipient| recipient.phone)
        }
    };
    let Some(phone) = phone else {
        tracing::warn!(message_id = event.provider_id, "an opt-out names no number");
        return Ok(());
    };
    let suppression = Suppression::new(SuppressionReason::ProviderOptOut, event.at, SuppressionSource::Event)
        .because_of(status.chunk.campaign, Some(event.provider_id.clone()));
    suppressions::add(store, Channel::Whatsapp, &phone, &suppression).await?;
    Ok(())
}

fn chunk_of(status: &StatusEvent) -> ChunkRef {
    ChunkRef {
        campaign: status.chunk.campaign,
        channel: Channel::Whatsapp,
        number: status.chunk.number,
    }
}

/// What statuses say, by chunk, and the numbers they show to have been written to.
fn of_statuses<'a>(events: impl Iterator<Item = &'a WebhookEvent>) -> (ByChunk, Vec<Contact>) {
    let (mut by_chunk, mut contacts) = (ByChunk::new(), Vec::new());
    for event in events {
        let WebhookEvent::Status(status) = event else { continue };
        let chunk = chunk_of(status);
        by_chunk.entry(chunk).or_default().push(status.event.clone());
        // Every message that goes out has this status, and has it once: one small item a recipient.
        if let (EventKind::Sent, Some(phone)) = (status.event.kind, &status.phone) {
            contacts.push(Contact {
                phone: phone.clone(),
                chunk,
                vendor: status.event.recipient,
                message_id: status.event.provider_id.clone(),
                at: status.event.at,
            });
        }
    }
    (by_chunk, contacts)
}

async fn record(app: &App, by_chunk: ByChunk, contacts: Vec<Contact>) -> Result<(), RecordError> {
    Ok(store::inbound::record(app.store()?, by_chunk, contacts).await?)
}

fn count<'a>(by_chunk: &ByChunk, events: impl Iterator<Item = &'a WebhookEvent>) -> [(&'static str, u32); 4] {
    let of = |kind: EventKind| number(by_chunk.values().flatten().filter(|event| event.kind == kind).count());
    let inbound = number(events.filter(|event| matches!(event, WebhookEvent::Inbound(_))).count());
    [
        ("WhatsappDelivered", of(EventKind::Delivered)),
        ("WhatsappRead", of(EventKind::Read)),
        ("WhatsappRejected", of(EventKind::Rejected)),
        ("WhatsappReceived", inbound),
    ]
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Does what a webhook's events ask for beyond being stored.
async fn act(app: &App, message: &Message, events: Vec<WebhookEvent>, halted: &mut BTreeSet<(CampaignId, String)>) -> Result<(), RecordError> {
    for event in events {
        match event {
            WebhookEvent::Status(status) => {
                if let (true, Some(reason)) = (status.halts(), status.event.reason) {
                    halt(app, message, status.chunk.campaign, &reason, halted).await?;
                }
            }
            WebhookEvent::Inbound(inbound) => receive(app, &inbound).await?,
            WebhookEvent::TemplateStatus(change) => template_changed(app, message, &change, halted).await?,
            WebhookEvent::Unmatched { message_id, status } => tracing::info!(message_id, status, "a status of no campaign's message"),
            WebhookEvent::Other { what } => tracing::info!(what, "a webhook nothing is done about"),
        }
    }
    Ok(())
}

/// Halts a campaign that may still send, unless it was halted for the same before and an operator let it go on.
async fn halt(
    app: &App,
    message: &Message,
    campaign: CampaignId,
    reason: &str,
    halted: &mut BTreeSet<(CampaignId, String)>,
) -> Result<(), RecordError> {
    let what = (campaign, reason.to_owned());
    if halted.contains(&what) {
        return Ok(());
    }
    match campaigns::get(app.store()?, campaign).await {
        Ok(found) if found.state.allows_sending() && !found.waived.iter().any(|waived| waived == reason) => {
            let live = Live::new(app, &message.correlation_id, BUDGET)?;
            delivery::halt(&live, campaign, reason).await?;
        }
        Ok(_) | Err(StoreError::NotFound) => {}
        Err(error) => return Err(error.into()),
    }
    halted.insert(what);
    Ok(())
}

/// Halts the campaigns under way that send a template Meta takes no messages of any more.
async fn template_changed(
    app: &App,
    message: &Message,
    change: &TemplateStatusChange,
    halted: &mut BTreeSet<(CampaignId, String)>,
) -> Result<(), RecordError> {
    let TemplateStatusChange {
        name,
        language,
        status,
        reason,
    } = change;
    tracing::info!(template = name, language, status, reason, "a template's status changed");
    if !change.stops_sending() {
        return Ok(());
    }
    // `template_paused:msme_declaration_request`
    let halt_reason = format!("template_{}:{name}", status.to_ascii_lowercase());
    let store = app.store()?;
    for state in CampaignState::ALL.into_iter().filter(|state| state.allows_sending()) {
        for campaign in campaigns::list_in_state(store, state).await? {
            let snapshot = match campaigns::message(store, campaign).await {
                Ok(snapshot) => snapshot,
                Err(StoreError::NotFound) => continue,
                Err(error) => return Err(error.into()),
            };
            let is_of_campaign = snapshot
                .whatsapp
                .is_some_and(|template| template.content.template_name == *name && template.content.language.replace('-', "_") == *language);
            if is_of_campaign {
                halt(app, message, campaign, &halt_reason, halted).await?;
            }
        }
    }
    Ok(())
}

/// Stores what a vendor wrote, and does what it asks for.
async fn receive(app: &App, inbound: &Inbound) -> Result<(), RecordError> {
    let store = app.store()?;
    let Inbound {
        from,
        message_id,
        at,
        text,
        payload,
        answers,
    } = inbound;
    let (from_hash, from_masked) = InboundMessage::sender(from);
    let text: String = text.chars().take(MAX_TEXT_CHARS).collect();
    let understood = InboundMessage {
        message_id: message_id.clone(),
        at: *at,
        from_masked,
        from_hash,
        addressees: store::inbound::addressees(store, from, answers.as_deref()).await?,
        opts_out: stop_words::is_opt_out(&text) || payload.as_deref().is_some_and(stop_words::is_opt_out),
        udyam: stop_words::find_udyam(&text),
        text,
        payload: payload.clone(),
        answers: answers.clone(),
    };
    // As it was understood when it first came: a repeat must not suppress on behalf of a newer campaign, after an administrator
    // lifted what the message had caused.
    let received = store::inbound::receive(store, &understood).await?;
    if received.opts_out {
        opt_out(app, from, &received).await?;
    }
    if let Some(proposal) = proposal(&received) {
        store::proposals::propose(store, &proposal).await?;
    }
    tracing::info!(
        message_id,
        addressees = received.addressees.len(),
        opts_out = received.opts_out,
        udyam = received.udyam.is_some(),
        "a vendor wrote"
    );
    Ok(())
}

/// Stops messages to the number, and says so in the chunk of everyone it belongs to.
async fn opt_out(app: &App, from: &str, received: &InboundMessage) -> Result<(), RecordError> {
    let store = app.store()?;
    let suppression = Suppression {
        evidence: Evidence {
            campaign: received.addressees.first().map(|addressee| addressee.campaign),
            message_id: Some(received.message_id.clone()),
        },
        ..Suppression::new(SuppressionReason::WhatsappStop, received.at, SuppressionSource::Whatsapp)
    };
    suppressions::add(store, Channel::Whatsapp, from, &suppression).await?;
    let mut events = ByChunk::new();
    for addressee in &received.addressees {
        events.entry(addressee.chunk()).or_default().push(DeliveryEvent {
            recipient: addressee.vendor,
            kind: EventKind::Unsubscribed,
            provider_id: received.message_id.clone(),
            at: received.at,
            reason: None,
        });
    }
    Ok(store::chunks::record_events(store, events).await?)
}

/// The proposal a message makes, if it has a Udyam number in it.
fn proposal(received: &InboundMessage) -> Option<Proposal> {
    let udyam = received.udyam.clone()?;
    // Several vendors behind one number: which of them is meant, a person has to find out.
    let vendor = match received.addressees.as_slice() {
        [only] => Some(only.vendor),
        _ => None,
    };
    Some(Proposal {
        id: proposal_id(&received.message_id, received.at),
        vendor_id: vendor,
        campaign_id: received.addressees.first().map(|addressee| addressee.campaign),
        udyam,
        message_id: received.message_id.clone(),
        from_masked: received.from_masked.clone(),
        text: received.text.clone(),
        received_at: received.at,
        state: ProposalState::Proposed,
        reviewed_by: None,
        reviewed_at: None,
        note: None,
    })
}

/// The id of a message's proposal: the same whenever the message is told of.
fn proposal_id(message_id: &str, at: Timestamp) -> ProposalId {
    // The 80 bits of a ULID that are not time.
    let digits = sha256_hex(message_id.as_bytes());
    let unique = u128::from_str_radix(&digits[..20], 16).unwrap_or_default();
    ProposalId::from_ulid(Ulid::from_parts(u64::try_from(at.as_millisecond()).unwrap_or_default(), unique))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_proposal() {
        let at = Timestamp::from_second(1_793_593_800).unwrap();
        let id = proposal_id("wamid.A", at);
        assert_eq!(proposal_id("wamid.A", at), id);
        assert_ne!(proposal_id("wamid.B", at), id);
        assert_eq!(id.ulid().timestamp_ms(), 1_793_593_800_000);
    }
}
