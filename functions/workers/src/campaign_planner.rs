//! Writes a campaign's audience into chunks and enqueues them.
//!
//! The table remembers how far the plan is: each chunk holds the place in the audience it was planned through. So a plan
//! message carries nothing but the campaign, may be delivered any number of times, and a planner that runs out of time
//! sends itself another.

use std::time::{Duration, Instant};

use domain::campaign::{Campaign, CampaignState};
use domain::delivery::{CHUNK_SIZE, Channel, Recipient};
use domain::work::{ChunkMessage, PlanMessage};
use runtime::{App, Message, Outgoing, RecordError, Var, Worker};
use store::chunks::{self, ChunkState, PlannedChunk};
use store::{ChunkRef, Store, StoreError, audience, campaigns};

use crate::each::each;
use crate::progress_aggregator::advance;

/// The worker.
pub static WORKER: Worker = Worker {
    name: "workers-campaign-planner",
    needs: &[Var::TableName, Var::PlanQueueUrl, Var::EmailQueueUrl],
    handler: |app, messages| Box::pin(each(messages, move |message| handle(app, message))),
};

// The function may run for 60 s; the rest is for finishing the batch at hand.
const BUDGET: Duration = Duration::from_secs(40);

async fn handle(app: &App, message: Message) -> Result<(), RecordError> {
    let plan: PlanMessage = message.json()?;
    let campaign = match campaigns::get(app.store()?, plan.campaign_id).await {
        Ok(campaign) => campaign,
        // A draft deleted after an *execute* that lost the race: nothing to plan.
        Err(StoreError::NotFound) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    if campaign.planned_at.is_some() {
        // The planner before us may have died between the last writes of a complete plan: each of them may be repeated.
        return match campaign.state {
            CampaignState::Planning | CampaignState::Sending => finish(app, app.store()?, &campaign).await,
            _ => Ok(()),
        };
    }
    if campaign.state != CampaignState::Planning {
        return Ok(());
    }
    match plan_until(app, &campaign, plan.read_through, &message.correlation_id, Instant::now() + BUDGET).await? {
        Progress::Complete => Ok(()),
        Progress::OutOfTime { read_through } => {
            let body = PlanMessage {
                read_through: Some(read_through),
                ..plan
            };
            runtime::send(app, Var::PlanQueueUrl, &message.correlation_id, &[Outgoing { body, delay_secs: 0 }]).await
        }
    }
}

enum Progress {
    Complete,
    OutOfTime { read_through: String },
}

async fn plan_until(
    app: &App,
    campaign: &Campaign,
    mut read_through: Option<String>,
    correlation_id: &str,
    deadline: Instant,
) -> Result<Progress, RecordError> {
    let store = app.store()?;
    'restart: loop {
        let last = chunks::last_planned(store, campaign.id).await?;
        // The planner before us may have died between writing its last chunks and enqueuing them. Enqueuing one twice is
        // harmless: it is claimed once.
        let stranded = last
            .iter()
            .rev()
            .filter(|chunk| chunk.state == ChunkState::Pending && chunk.attempt == 0)
            .map(|chunk| chunk.number);
        enqueue(app, campaign, stranded, correlation_id).await?;

        let mut number = last.first().map_or(0, |chunk| chunk.number);
        let mut place = read_through.take().or_else(|| last.first().map(|chunk| chunk.planned_through.clone()));
        let mut waiting: Vec<(Recipient, String)> = Vec::new();
        loop {
            let stretch = audience::walk(store, &campaign.content.audience, place.as_deref()).await?;
            waiting.extend(stretch.vendors.into_iter().map(|(vendor, place)| (Recipient::from(vendor), place)));
            let done = stretch.next.is_none();
            let late = Instant::now() > deadline;
            while waiting.len() >= CHUNK_SIZE * chunks::PLAN_BATCH || ((done || late) && !waiting.is_empty()) {
                let batch: Vec<_> = waiting.drain(..waiting.len().min(CHUNK_SIZE * chunks::PLAN_BATCH)).collect();
                let planned = pack(campaign, number, batch);
                number += u32::try_from(planned.len())?;
                if chunks::plan(store, &planned, app.now()).await? == chunks::Planned::Raced {
                    // Another planner is at work on this campaign: look where it stands.
                    continue 'restart;
                }
                enqueue(app, campaign, planned.iter().map(|planned| planned.chunk.number), correlation_id).await?;
            }
            match stretch.next {
                Some(read_through) if late => return Ok(Progress::OutOfTime { read_through }),
                Some(next) => place = Some(next),
                None => break,
            }
        }
        finish(app, store, campaign).await?;
        return Ok(Progress::Complete);
    }
}

async fn finish(app: &App, store: &Store, campaign: &Campaign) -> Result<(), RecordError> {
    let summaries = chunks::summaries(store, campaign.id).await?;
    let targeted = summaries.iter().map(|chunk| chunk.counts.targeted).sum();
    let chunks = u32::try_from(summaries.len())?;
    if targeted == 0 {
        // Vendors were deleted between *execute*'s check and the plan.
        let halted = campaigns::transition(
            store,
            campaign.id,
            CampaignState::Planning,
            CampaignState::Halted,
            Some("no_recipients"),
            app.now(),
        );
        return match halted.await {
            Ok(_) | Err(StoreError::Conflict(_)) => Ok(()),
            Err(error) => Err(error.into()),
        };
    }
    campaigns::finish_plan(store, campaign.id, chunks, targeted, app.now()).await?;
    // The last chunk may have been closed before the plan was complete: nobody else would look again.
    advance(app, campaign.id).await
}

fn pack(campaign: &Campaign, after: u32, batch: Vec<(Recipient, String)>) -> Vec<PlannedChunk> {
    batch
        .chunks(CHUNK_SIZE)
        .zip(after + 1..)
        .map(|(part, number)| PlannedChunk {
            chunk: ChunkRef {
                campaign: campaign.id,
                channel: Channel::Email,
                number,
            },
            planned_through: part.last().map(|(_, place)| place.clone()).unwrap_or_default(),
            recipients: part.iter().map(|(recipient, _)| recipient.clone()).collect(),
        })
        .collect()
}

async fn enqueue(app: &App, campaign: &Campaign, numbers: impl Iterator<Item = u32>, correlation_id: &str) -> Result<(), RecordError> {
    let messages: Vec<_> = numbers
        .map(|chunk| Outgoing {
            body: ChunkMessage {
                campaign_id: campaign.id,
                chunk,
            },
            delay_secs: 0,
        })
        .collect();
    runtime::send(app, Var::EmailQueueUrl, correlation_id, &messages).await
}
