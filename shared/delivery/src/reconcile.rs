//! Looking after campaigns: every five minutes, for each that has begun.
//!
//! Whatever else fails (a message lost or in a dead-letter queue, a gate that closed, an answer that never came), a campaign
//! moves on within minutes of this, or says why not.

use domain::campaign::{Campaign, CampaignState, UnknownPolicy};
use domain::delivery::{Channel, Recipient, RecipientClass, RecipientStatus, UNKNOWN_GRACE, escalates};
use domain::work::{CampaignMessage, Task};
use domain::{CampaignId, VendorId};
use jiff::SignedDuration;
use messaging::classify::is_due_next_day;
use store::ChunkRef;
use store::chunks::{ChunkState, ChunkSummary, Planned, PlannedChunk};

use crate::advance::advance;
use crate::ports::{Error, Ports, find_with_chunks};
use crate::resume::{enqueue, reopen};

/// A campaign none of whose chunks was touched for so long has lost its messages: longer than a queue can delay one.
const STALE: SignedDuration = SignedDuration::from_mins(20);

/// How often a message the provider gave up for the day is sent again.
const MAX_MESSAGES: u32 = 3;

/// Looks after a campaign: takes up what got stuck, resolves by policy what stayed unknown, sends again what was to wait for a
/// day, moves on whom the first channel did not reach, asks another code of a PAN where one cannot be reached, and finishes what is
/// due.
///
/// # Errors
/// When the table or the queue cannot be reached. Repeating it is harmless.
pub async fn reconcile(ports: &impl Ports, id: CampaignId) -> Result<(), Error> {
    let Some((campaign, summaries)) = find_with_chunks(ports, id).await? else {
        return Ok(());
    };
    if !campaign.state.allows_sending() {
        return Ok(());
    }
    if ports.now() < campaign.content.deadline {
        resolve(ports, &campaign, &summaries).await?;
        escalate(ports, &campaign, &summaries).await?;
        hand_over(ports, &campaign, &summaries).await?;
    }
    take_up(ports, &campaign, &summaries).await?;
    advance(ports, id).await
}

/// Enqueues what waits without a message.
async fn take_up(ports: &impl Ports, campaign: &Campaign, summaries: &[ChunkSummary]) -> Result<(), Error> {
    let now = ports.now();
    if campaign.planned_at.is_none() && campaign.state == CampaignState::Planning {
        let since = campaign.updated_at.as_second();
        let newest = summaries.iter().map(|chunk| chunk.touched_at).max().unwrap_or(since).max(since);
        if now.as_second() - newest >= STALE.as_secs() {
            ports.enqueue_campaign(&CampaignMessage::new(campaign.id, Task::Plan)).await?;
        }
        return Ok(());
    }
    for channel in Channel::ALL {
        let of_channel = || summaries.iter().filter(move |chunk| chunk.channel == channel);
        let open: Vec<&ChunkSummary> = of_channel().filter(|chunk| chunk.state != ChunkState::Closed).collect();
        if open.is_empty() || (channel == Channel::Whatsapp && campaign.content.quiet_hours.is_quiet(now)) {
            continue;
        }
        let newest = of_channel().map(|chunk| chunk.touched_at.max(chunk.claim_until)).max().unwrap_or(0);
        let Some(room) = room(ports, channel).await? else { continue };
        // While one chunk moves, the others stand in line behind it. After a closed gate nothing moves until somebody starts it.
        let parked = of_channel().any(|chunk| chunk.parked) && newest < now.as_second();
        if parked || now.as_second() - newest >= STALE.as_secs() {
            let most = usize::try_from(room).unwrap_or(usize::MAX).div_ceil(channel.chunk_size());
            enqueue(ports, campaign.id, &open[..open.len().min(most)]).await?;
        }
    }
    Ok(())
}

/// How many recipients a channel's providers would take now; `None` if all are closed.
async fn room(ports: &impl Ports, channel: Channel) -> Result<Option<u32>, Error> {
    let now = ports.now();
    for provider in ports.providers(channel) {
        let state = ports.provider(provider.name).await?;
        if state.closed(now).is_none() {
            match state.remaining(now) {
                Some(0) => {}
                Some(room) => return Ok(Some(room)),
                None => return Ok(Some(u32::MAX)),
            }
        }
    }
    Ok(None)
}

/// Applies the campaign's policy to what stayed unknown, and sends again what the provider wanted to wait for a day.
async fn resolve(ports: &impl Ports, campaign: &Campaign, summaries: &[ChunkSummary]) -> Result<(), Error> {
    let now = ports.now();
    let resend = campaign.content.unknown_policy == UnknownPolicy::Resend;
    let unresolved =
        |status: &RecipientStatus| status.class == RecipientClass::Unknown && status.updated_at.is_none_or(|since| now - UNKNOWN_GRACE >= since);
    let due = |status: &RecipientStatus| {
        status.class == RecipientClass::Failed
            && status.messages < MAX_MESSAGES
            && status.reason.as_deref().is_some_and(is_due_next_day)
            && status.updated_at.is_some_and(|since| now - SignedDuration::from_hours(24) >= since)
    };
    for summary in summaries {
        let delayed = summary
            .counts
            .reasons
            .keys()
            .any(|key| key.strip_prefix("failed:").is_some_and(is_due_next_day));
        let reopened = if resend && summary.counts.unknown > 0 {
            reopen(ports, campaign, summary, "policy", "reconciled", unresolved).await?
        } else if delayed {
            reopen(ports, campaign, summary, "policy", "next_day", due).await?
        } else {
            0
        };
        if reopened > 0 {
            enqueue(ports, campaign.id, &[summary]).await?;
        }
    }
    Ok(())
}

/// Plans chunks of the other channel for recipients the first one did not reach.
async fn escalate(ports: &impl Ports, campaign: &Campaign, summaries: &[ChunkSummary]) -> Result<(), Error> {
    let Some(other) = campaign.content.escalates_to() else { return Ok(()) };
    if campaign.planned_at.is_none() {
        return Ok(());
    }
    let mut moving: Vec<Recipient> = Vec::new();
    let mut sources = Vec::new();
    for summary in summaries {
        let closed = summary.state == ChunkState::Closed;
        if summary.channel == other || !closed || summary.counts.escalating() <= summary.escalated {
            continue;
        }
        let chunk = summary.chunk(campaign.id);
        let (log, _) = ports.log(chunk).await?;
        let unreached: Vec<(&Recipient, RecipientStatus)> = log
            .with_statuses()
            .filter(|(_, status)| escalates(status.class, status.reason.as_deref()))
            .collect();
        sources.push((chunk, u32::try_from(unreached.len())?));
        moving.extend(
            unreached
                .into_iter()
                .filter(|(_, status)| !status.responded && !status.unsubscribed)
                .map(|(recipient, _)| recipient.clone()),
        );
    }
    plan_follow_up(ports, campaign, other, &moving).await?;
    for (chunk, count) in sources {
        ports.set_escalated(chunk, count).await?;
    }
    Ok(())
}

/// Whether a chunk has recipients that nothing else reaches, in whose place another code of their PAN is to be asked. A reminder hands
/// nobody over: whom it asks was reached before.
pub(crate) fn hands_over(campaign: &Campaign, summary: &ChunkSummary) -> bool {
    let audience = &campaign.content.audience;
    // Of two channels in turn the second is the last; where both are used at once, either may be.
    let is_last = campaign.content.escalates_to().is_none_or(|other| summary.channel == other);
    audience.once_per_pan
        && audience.not_answered.is_none()
        && is_last
        && summary.state == ChunkState::Closed
        && summary.counts.escalating() > summary.escalated
}

/// Asks the next code of a PAN where the one that was to speak for all cannot be reached.
async fn hand_over(ports: &impl Ports, campaign: &Campaign, summaries: &[ChunkSummary]) -> Result<(), Error> {
    if campaign.planned_at.is_none() {
        return Ok(());
    }
    for summary in summaries.iter().filter(|summary| hands_over(campaign, summary)) {
        // What is left comes with the next look, in minutes.
        if !ports.has_time() {
            return Ok(());
        }
        let chunk = summary.chunk(campaign.id);
        let (log, _) = ports.log(chunk).await?;
        let unreached: Vec<_> = log
            .with_statuses()
            .filter(|(_, status)| escalates(status.class, status.reason.as_deref()))
            .collect();
        let silent = unreached.iter().filter(|(_, status)| !status.responded && !status.unsubscribed);
        let ids: Vec<VendorId> = silent.map(|(recipient, _)| recipient.id).collect();
        let instead = ports.instead_of(campaign, &ids).await?;
        let first_channels = campaign.content.first_channels();
        for channel in &first_channels {
            // Of one channel each is recorded, with or without an address: from there it goes on to the other.
            let of_channel = |recipient: &&Recipient| first_channels.len() == 1 || recipient.address(*channel).is_some();
            let recipients: Vec<Recipient> = instead.iter().filter(of_channel).cloned().collect();
            plan_follow_up(ports, campaign, *channel, &recipients).await?;
        }
        ports.set_escalated(chunk, u32::try_from(unreached.len())?).await?;
    }
    Ok(())
}

/// Stores and enqueues chunks after those of the plan. Whoever was moved before is left out by the table.
async fn plan_follow_up(ports: &impl Ports, campaign: &Campaign, channel: Channel, recipients: &[Recipient]) -> Result<(), Error> {
    let mut parts = recipients.chunks(channel.chunk_size());
    let mut part = parts.next();
    while let Some(recipients) = part {
        let after = ports.last_planned(campaign.id, channel).await?.first().map_or(0, |chunk| chunk.number);
        let planned = PlannedChunk {
            chunk: ChunkRef {
                campaign: campaign.id,
                channel,
                number: after + 1,
            },
            recipients: recipients.to_vec(),
            planned_through: String::new(),
            root: campaign.root(),
            may_be_answered: true,
            follow_up: true,
        };
        // Raced: another reconciler took the number; the same recipients try the next one.
        if ports.plan_chunks(std::slice::from_ref(&planned)).await? == Planned::Stored {
            ports.enqueue_chunks(campaign.id, channel, &[planned.chunk.number], 0).await?;
            part = parts.next();
        }
    }
    Ok(())
}
