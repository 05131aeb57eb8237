//! What runs in the functions around the core, and what people do: each a future the engine may drop at any await.

use delivery::{Clock as _, Error, Queue as _, Step, Table as _};
use domain::campaign::CampaignState;
use domain::delivery::{AttemptResult, Channel, DeliveryEvent, EventKind, Outcome, OutcomePack, RecipientClass};
use domain::suppression::SuppressionReason;
use domain::work::{CampaignMessage, Scope, Task};
use domain::{CampaignId, VendorId};
use store::chunks::ChunkState;
use store::{ChunkRef, StoreError, Touched};

use super::port::Port;
use super::world::{Body, Deed, Told, World};

/// Handles a message; says whether it may be deleted.
pub(crate) async fn handle(port: Port, body: Body) -> bool {
    let run = port.run;
    let done = match body {
        Body::Campaign(message) => handle_campaign(&port, &message).await,
        Body::Chunk(chunk) => send(&port, chunk).await,
        Body::Events(events) => record(&port, events).await,
        Body::Touched(touched) => aggregate(&port, touched).await,
    };
    if let Err(error) = &done {
        port.world().say(|| format!("[{run}] fails: {error}"));
    }
    done.is_ok()
}

async fn handle_campaign(port: &Port, message: &CampaignMessage) -> Result<(), Error> {
    match &message.task {
        Task::Plan | Task::PlanFrom { .. } => delivery::plan(port, message).await,
        Task::Resume { scope, by } => delivery::resume(port, message.campaign_id, *scope, by).await,
        Task::Reconcile => delivery::reconcile(port, message.campaign_id).await,
        // Vendors of the simulation have no PAN.
        Task::ShareAnswer { .. } => Ok(()),
    }
}

async fn send(port: &Port, chunk: ChunkRef) -> Result<(), Error> {
    match delivery::send_chunk(port, chunk).await? {
        Step::Done | Step::Parked => Ok(()),
        Step::Again(secs) => port.enqueue_chunks(chunk.campaign, chunk.channel, &[chunk.number], secs).await,
    }
}

/// The event recorder: suppressions first, because they are what keeps a promise.
async fn record(port: &Port, events: Vec<Told>) -> Result<(), Error> {
    for told in &events {
        let reason = match told.event.kind {
            EventKind::HardBounced => SuppressionReason::HardBounce,
            EventKind::Complained => SuppressionReason::Complaint,
            _ => continue,
        };
        port.suppress(told.chunk.channel, &told.address, reason).await?;
    }
    let mut by_chunk = std::collections::BTreeMap::<ChunkRef, Vec<DeliveryEvent>>::new();
    for told in events {
        by_chunk.entry(told.chunk).or_default().push(told.event);
    }
    for (chunk, events) in by_chunk {
        put_events(port, chunk, events).await?;
    }
    Ok(())
}

async fn put_events(port: &Port, chunk: ChunkRef, events: Vec<DeliveryEvent>) -> Result<(), StoreError> {
    let run = port.run;
    port.call(|world| {
        world.say(|| {
            let told: Vec<String> = events
                .iter()
                .map(|event| format!("{}={:?}({})", &event.recipient.to_string()[27..], event.kind, event.provider_id))
                .collect();
            format!("[{run}] events of {chunk:?}: {}", told.join(" "))
        });
        world.table.put_events(chunk, events.clone());
        Ok(())
    })
    .await
}

async fn aggregate(port: &Port, touched: Vec<Touched>) -> Result<(), Error> {
    let mut folds = std::collections::BTreeSet::new();
    let mut campaigns = std::collections::BTreeSet::new();
    for touched in touched {
        match touched {
            Touched::Counted(chunk) => campaigns.insert(chunk.campaign),
            Touched::Uncounted(chunk) => {
                folds.insert(chunk);
                campaigns.insert(chunk.campaign)
            }
        };
    }
    // Read one after the other, stored in one call: there is time for a lot in between.
    let mut read = Vec::with_capacity(folds.len());
    for chunk in folds {
        read.push(port.read_fold(chunk).await?);
    }
    port.store_folds(read).await?;
    for campaign in campaigns {
        delivery::advance(port, campaign).await?;
    }
    Ok(())
}

/// Does what a person does; says whether it worked.
pub(crate) async fn act(port: Port, deed: Deed) -> bool {
    let done = match deed {
        Deed::Execute(campaign) => execute(&port, port.id(campaign)).await,
        Deed::Pause(campaign) => stop(&port, port.id(campaign), CampaignState::Paused).await,
        Deed::Cancel(campaign) => stop(&port, port.id(campaign), CampaignState::Cancelled).await,
        Deed::Resume(campaign, scope) => resume(&port, port.id(campaign), scope).await,
        Deed::Resolve(campaign) => resolve(&port, port.id(campaign)).await,
        Deed::OptOut(vendor, channel) => opt_out(&port, vendor, channel).await,
        Deed::Answer(vendor) => answer(&port, vendor).await,
    };
    done.is_ok()
}

impl Port {
    fn id(&self, campaign: usize) -> CampaignId {
        self.world().campaigns[campaign]
    }
}

async fn execute(port: &Port, id: CampaignId) -> Result<(), Error> {
    match port.transition(id, CampaignState::Draft, CampaignState::Planning, None).await {
        Ok(_) => {}
        // It has begun: whoever clicked before us died, or lost the answer, before it enqueued the plan.
        Err(StoreError::Conflict(_)) => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    port.enqueue_campaign(&CampaignMessage::new(id, Task::Plan)).await
}

async fn stop(port: &Port, id: CampaignId, next: CampaignState) -> Result<(), Error> {
    let campaign = port.campaign(id).await?;
    if campaign.state == CampaignState::Draft || !campaign.state.may_become(next) {
        return Ok(());
    }
    match port.transition(id, campaign.state, next, None).await {
        Ok(_) | Err(StoreError::Conflict(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn resume(port: &Port, id: CampaignId, scope: Scope) -> Result<(), Error> {
    let campaign = port.campaign(id).await?;
    match campaign.state {
        CampaignState::Paused | CampaignState::Halted => {
            let summaries = port.summaries(id).await?;
            let next = delivery::pending_or_closed(&campaign, &summaries);
            match port.resume_campaign(&campaign, next).await {
                Ok(_) => {}
                Err(StoreError::Conflict(_)) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        CampaignState::Sending | CampaignState::Collecting if scope != Scope::Pending => {}
        _ => return Ok(()),
    }
    let by = "usr_operator".to_owned();
    port.enqueue_campaign(&CampaignMessage::new(id, Task::Resume { scope, by })).await
}

/// Decides by hand, the way an operator who asked the vendors would.
async fn resolve(port: &Port, id: CampaignId) -> Result<(), Error> {
    for summary in port.summaries(id).await? {
        if summary.state != ChunkState::Closed || summary.counts.unknown == 0 {
            continue;
        }
        let chunk = summary.chunk(id);
        let (log, _) = port.log(chunk).await?;
        let outcomes: Vec<Outcome> = log
            .with_statuses()
            .filter(|(_, status)| status.class == RecipientClass::Unknown)
            .map(|(recipient, _)| {
                let result = if port.random_below(2) == 0 {
                    AttemptResult::Accepted
                } else {
                    AttemptResult::Failed
                };
                Outcome::without_message(recipient.id, result, "resolved")
            })
            .collect();
        if outcomes.is_empty() {
            continue;
        }
        let pack = OutcomePack {
            attempt: summary.attempt + 1,
            at: port.now(),
            wave: 0,
            late: false,
            by: Some("usr_operator".to_owned()),
            outcomes,
        };
        port.amend(chunk, &summary, port.new_token(), &pack, ChunkState::Closed).await?;
    }
    Ok(())
}

impl World {
    fn chunks_with(&self, vendor: VendorId, wanted: impl Fn(ChunkRef) -> bool) -> Vec<ChunkRef> {
        self.table
            .chunks
            .iter()
            .filter(|(chunk, stored)| wanted(**chunk) && stored.recipients.iter().any(|recipient| recipient.id == vendor))
            .map(|(chunk, _)| *chunk)
            .collect()
    }
}

fn said(vendor: VendorId, kind: EventKind, at: jiff::Timestamp) -> DeliveryEvent {
    DeliveryEvent {
        recipient: vendor,
        kind,
        provider_id: "link".to_owned(),
        at,
        reason: None,
    }
}

async fn opt_out(port: &Port, vendor: usize, channel: Channel) -> Result<(), Error> {
    let recipient = port.world().vendors[vendor].recipient.clone();
    let Some(address) = recipient.address(channel).map(str::to_owned) else {
        return Ok(());
    };
    port.suppress(channel, &address, SuppressionReason::Unsubscribe).await?;
    let chunks = port.world().chunks_with(recipient.id, |chunk| chunk.channel == channel);
    let now = port.now();
    for chunk in chunks {
        put_events(port, chunk, vec![said(recipient.id, EventKind::Unsubscribed, now)]).await?;
    }
    Ok(())
}

async fn answer(port: &Port, vendor: usize) -> Result<(), Error> {
    let vendor = port.world().vendors[vendor].recipient.id;
    let now = port.now();
    port.call(|world| {
        let asked: Vec<CampaignId> = world
            .campaigns
            .iter()
            .copied()
            .filter(|campaign| {
                let got = |channel| {
                    world
                        .truth
                        .get(&(*campaign, channel, vendor))
                        .is_some_and(|truth| !truth.messages.is_empty())
                };
                Channel::ALL.into_iter().any(got)
            })
            .collect();
        // The answer and its events are one transaction.
        for campaign in asked {
            if world.table.answers.insert((vendor, campaign)) {
                world.say(|| format!("{vendor} answers {campaign}"));
                for chunk in world.chunks_with(vendor, |chunk| chunk.campaign == campaign) {
                    world.table.put_events(chunk, vec![said(vendor, EventKind::Responded, now)]);
                }
            }
        }
        Ok(())
    })
    .await?;
    Ok(())
}
