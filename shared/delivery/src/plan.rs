//! Writing a campaign's audience into chunks and enqueuing them.
//!
//! The table remembers how far the plan is: each chunk holds the place in the audience it was planned through. So a plan
//! message carries nothing but the campaign, may be delivered any number of times, and a planner that runs out of time
//! sends itself another.

use domain::campaign::{Campaign, CampaignState};
use domain::delivery::{Channel, Recipient};
use domain::work::{CampaignMessage, Task};
use store::chunks::{ChunkState, ChunkSummary, PLAN_BATCH, Planned, PlannedChunk};
use store::{ChunkRef, StoreError};

use crate::advance::advance;
use crate::ports::{Error, Ports, find_with_chunks};

/// Takes a plan as far as time allows.
///
/// # Errors
/// When the table or the queue cannot be reached. Repeating it is harmless.
pub async fn plan(ports: &impl Ports, message: &CampaignMessage) -> Result<(), Error> {
    let Some((campaign, summaries)) = find_with_chunks(ports, message.campaign_id).await? else {
        return Ok(());
    };
    if campaign.planned_at.is_some() {
        // The planner before us may have died between the last writes of a complete plan: each of them may be repeated.
        if matches!(campaign.state, CampaignState::Planning | CampaignState::Sending) {
            finish(ports, &campaign).await?;
        }
        return Ok(());
    }
    if campaign.state != CampaignState::Planning {
        return Ok(());
    }
    for channel in campaign.content.first_channels() {
        let from = match &message.task {
            Task::PlanFrom {
                channel: planned,
                read_through,
            } if *planned == channel => Some(read_through.clone()),
            _ => None,
        };
        let of_channel = summaries.iter().rev().filter(|chunk| chunk.channel == channel);
        let last = of_channel.take(PLAN_BATCH).cloned().collect();
        if let Some(read_through) = plan_channel(ports, &campaign, channel, from, last).await? {
            // Out of time, or no longer to be planned: then the next run sees that and stops.
            let task = Task::PlanFrom { channel, read_through };
            ports.enqueue_campaign(&CampaignMessage::new(campaign.id, task)).await?;
            return Ok(());
        }
    }
    finish(ports, &campaign).await
}

/// Plans one channel, of which `last` were planned last when this run began; gives how far it has read where time runs out.
async fn plan_channel(
    ports: &impl Ports,
    campaign: &Campaign,
    channel: Channel,
    mut from: Option<String>,
    mut last: Vec<ChunkSummary>,
) -> Result<Option<String>, Error> {
    let batch = channel.chunk_size() * PLAN_BATCH;
    let channels = campaign.content.channels();
    'restart: loop {
        // The planner before us may have died between writing its last chunks and enqueuing them. Enqueuing one twice is
        // harmless: it is claimed once.
        let stranded: Vec<u32> = last
            .iter()
            .rev()
            .filter(|chunk| chunk.state == ChunkState::Pending && chunk.attempt == 0)
            .map(|chunk| chunk.number)
            .collect();
        ports.enqueue_chunks(campaign.id, channel, &stranded, 0).await?;

        let mut number = last.first().map_or(0, |chunk| chunk.number);
        let mut place = from.take().or_else(|| last.first().map(|chunk| chunk.planned_through.clone()));
        let mut waiting: Vec<(Recipient, String)> = Vec::new();
        loop {
            let stretch = ports.walk(&campaign.content.audience, &channels, place.as_deref()).await?;
            waiting.extend(stretch.recipients);
            let done = stretch.next.is_none();
            let late = !ports.has_time();
            while waiting.len() >= batch || ((done || late) && !waiting.is_empty()) {
                let planned = pack(campaign, channel, number, waiting.drain(..waiting.len().min(batch)).collect());
                number += u32::try_from(planned.len())?;
                if ports.plan_chunks(&planned).await? == Planned::Raced {
                    // Another planner is at work on this campaign: look where it stands.
                    last = ports.last_planned(campaign.id, channel).await?;
                    continue 'restart;
                }
                let numbers: Vec<u32> = planned.iter().map(|planned| planned.chunk.number).collect();
                ports.enqueue_chunks(campaign.id, channel, &numbers, 0).await?;
            }
            match stretch.next {
                Some(read_through) if late => return Ok(Some(read_through)),
                Some(next) => place = Some(next),
                None => return Ok(None),
            }
        }
    }
}

async fn finish(ports: &impl Ports, campaign: &Campaign) -> Result<(), Error> {
    let summaries = ports.summaries(campaign.id).await?;
    let targeted = summaries.iter().filter(|chunk| !chunk.follow_up).map(|chunk| chunk.counts.targeted).sum();
    let chunks = u32::try_from(summaries.len())?;
    if targeted == 0 {
        // Vendors were deleted between *execute*'s check and the plan, or all have answered before a reminder.
        let halted = ports.transition(campaign.id, CampaignState::Planning, CampaignState::Halted, Some("no_recipients"));
        return match halted.await {
            Ok(_) | Err(StoreError::Conflict(_)) => Ok(()),
            Err(error) => Err(error.into()),
        };
    }
    ports.finish_plan(campaign.id, chunks, targeted).await?;
    // The last chunk may have been closed before the plan was complete: nobody else would look again. Of one that was open then, the
    // stream tells the aggregator after we have written, or, should we have stood still for so long, the reconciler looks.
    if summaries.iter().all(|chunk| chunk.state == ChunkState::Closed) {
        advance(ports, campaign.id).await?;
    }
    Ok(())
}

/// Cuts a batch into chunks numbered after `after`.
fn pack(campaign: &Campaign, channel: Channel, after: u32, batch: Vec<(Recipient, String)>) -> Vec<PlannedChunk> {
    batch
        .chunks(channel.chunk_size())
        .zip(after + 1..)
        .map(|(part, number)| PlannedChunk {
            chunk: ChunkRef {
                campaign: campaign.id,
                channel,
                number,
            },
            planned_through: part.last().map(|(_, place)| place.clone()).unwrap_or_default(),
            recipients: part.iter().map(|(recipient, _)| recipient.clone()).collect(),
            root: campaign.root(),
            may_be_answered: campaign.may_be_answered_already(),
            follow_up: false,
        })
        .collect()
}
