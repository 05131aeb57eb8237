//! Taking a stopped campaign up again.

use domain::CampaignId;
use domain::campaign::{Campaign, CampaignState};
use domain::delivery::{AttemptResult, Outcome, OutcomePack, RecipientClass, RecipientStatus};
use domain::work::{CampaignMessage, Scope, Task};
use jiff::SignedDuration;
use store::chunks::{ChunkState, ChunkSummary};

use crate::ports::{Error, Ports, find_with_chunks};

/// Nobody is reopened so shortly before the deadline: twice as long as any worker runs.
const LAST_CALL: SignedDuration = SignedDuration::from_mins(2);

/// The state a stopped campaign goes on in: `planning` where the plan is unfinished, `sending` where chunks are open, else
/// `collecting`.
pub fn pending_or_closed(campaign: &Campaign, summaries: &[ChunkSummary]) -> CampaignState {
    if campaign.planned_at.is_none() {
        CampaignState::Planning
    } else if summaries.iter().any(|chunk| chunk.state != ChunkState::Closed) {
        CampaignState::Sending
    } else {
        CampaignState::Collecting
    }
}

/// Reopens the recipients of `scope` and enqueues every chunk that has something to send. The campaign has been set in motion by
/// whoever sent the message; one that was stopped again meanwhile is left alone.
///
/// # Errors
/// When the table or the queue cannot be reached. Repeating it reopens nobody twice.
pub async fn resume(ports: &impl Ports, id: CampaignId, scope: Scope, by: &str) -> Result<(), Error> {
    let Some((campaign, summaries)) = find_with_chunks(ports, id).await? else {
        return Ok(());
    };
    if !campaign.state.allows_sending() {
        return Ok(());
    }
    let class = match scope {
        Scope::Pending => None,
        Scope::Failed => Some(RecipientClass::Failed),
        Scope::Unknown => Some(RecipientClass::Unknown),
    };
    let mut open: Vec<&ChunkSummary> = Vec::new();
    for summary in &summaries {
        let mut is_open = summary.state != ChunkState::Closed;
        if let Some(class) = class
            && summary.counts.of(class) > 0
        {
            // Refused by the provider before it was accepted; one it gave up afterwards would be given up again.
            let wanted = |status: &RecipientStatus| status.class == class && (class == RecipientClass::Unknown || status.messages == 0);
            is_open |= reopen(ports, &campaign, summary, by, "resumed", wanted).await? > 0;
        }
        if is_open {
            open.push(summary);
        }
    }
    if campaign.planned_at.is_none() && campaign.state == CampaignState::Planning {
        ports.enqueue_campaign(&CampaignMessage::new(id, Task::Plan)).await?;
    }
    enqueue(ports, id, &open).await
}

/// Reopens the recipients of a closed chunk that are `wanted`; gives how many.
pub(crate) async fn reopen(
    ports: &impl Ports,
    campaign: &Campaign,
    summary: &ChunkSummary,
    by: &str,
    reason: &str,
    wanted: impl Fn(&RecipientStatus) -> bool,
) -> Result<usize, Error> {
    // After the deadline nothing is sent, and what is reopened would only lose its reason; shortly before, an aggregator that has
    // read the chunk as closed may be completing the campaign.
    if summary.state != ChunkState::Closed || ports.now() + LAST_CALL >= campaign.content.deadline {
        return Ok(0);
    }
    let chunk = summary.chunk(campaign.id);
    let (log, _) = ports.log(chunk).await?;
    let outcomes: Vec<Outcome> = log
        .with_statuses()
        .filter(|(_, status)| wanted(status) && !status.responded && !status.unsubscribed)
        .map(|(recipient, _)| Outcome::without_message(recipient.id, AttemptResult::Reopened, reason))
        .collect();
    if outcomes.is_empty() {
        return Ok(0);
    }
    let reopened = outcomes.len();
    let pack = OutcomePack {
        attempt: summary.attempt + 1,
        at: ports.now(),
        wave: 0,
        late: false,
        by: Some(by.to_owned()),
        outcomes,
    };
    // Where the chunk changed meanwhile, somebody else reopened it.
    let done = ports.amend(chunk, summary, ports.new_token(), &pack, ChunkState::Pending).await?;
    Ok(if done { reopened } else { 0 })
}

/// Enqueues chunks, channel by channel.
pub(crate) async fn enqueue(ports: &impl Ports, id: CampaignId, chunks: &[&ChunkSummary]) -> Result<(), Error> {
    for channel in domain::delivery::Channel::ALL {
        let numbers: Vec<u32> = chunks.iter().filter(|chunk| chunk.channel == channel).map(|chunk| chunk.number).collect();
        if !numbers.is_empty() {
            ports.enqueue_chunks(id, channel, &numbers, 0).await?;
        }
    }
    Ok(())
}
