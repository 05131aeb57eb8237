//! Moving a campaign on when its chunks allow it, or stopping it when its counts demand it.

use domain::CampaignId;
use domain::campaign::{Campaign, CampaignState, must_halt};
use domain::delivery::Counts;
use messaging::classify::is_due_next_day;
use store::StoreError;
use store::chunks::{ChunkState, ChunkSummary};

use crate::halt::halt;
use crate::ports::{Error, Ports, find_with_chunks};
use crate::reconcile::hands_over;

/// Moves a campaign to `collecting` when everything is sent, to `completed` when nothing more can come or its deadline has passed
/// and the ledger balances, and halts it when too much bounces or annoys.
///
/// # Errors
/// When the table cannot be reached.
pub async fn advance(ports: &impl Ports, id: CampaignId) -> Result<(), Error> {
    let Some((campaign, summaries)) = find_with_chunks(ports, id).await? else {
        return Ok(());
    };
    if !campaign.state.allows_sending() {
        return Ok(());
    }
    let counts = sum(&summaries);
    let is_sending = matches!(campaign.state, CampaignState::Planning | CampaignState::Sending);
    if let Some(reason) = must_halt(&counts).filter(|reason| is_sending && !campaign.waived.iter().any(|waived| waived == reason)) {
        return halt(ports, id, reason).await;
    }
    if campaign.planned_at.is_none() {
        return Ok(());
    }
    let mut steps = Vec::new();
    if campaign.state == CampaignState::Planning {
        // The planner died between the two writes that end a plan, or is about to make the second.
        steps.push((CampaignState::Planning, CampaignState::Sending));
    }
    let all_closed = summaries.iter().all(|chunk| chunk.state == ChunkState::Closed);
    if is_sending && all_closed {
        steps.push((CampaignState::Sending, CampaignState::Collecting));
    }
    if all_closed && is_over(&campaign, &summaries, &counts, ports.now()) {
        steps.push((CampaignState::Collecting, CampaignState::Completed));
    }
    for (from, next) in steps {
        match ports.transition(id, from, next, None).await {
            Ok(_) => {}
            // An operator or another aggregator was first.
            Err(StoreError::Conflict(_)) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// The sum over chunks.
pub(crate) fn sum(summaries: &[ChunkSummary]) -> Counts {
    let mut counts = Counts::default();
    for chunk in summaries {
        counts.merge(&chunk.counts);
    }
    counts
}

fn is_over(campaign: &Campaign, summaries: &[ChunkSummary], counts: &Counts, now: jiff::Timestamp) -> bool {
    // What was planned is what is counted; recipients moved to the other channel come on top.
    let planned: u32 = summaries.iter().filter(|chunk| !chunk.follow_up).map(|chunk| chunk.counts.targeted).sum();
    // More than that are planned where a vendor was created during the walk, and a second planner met it after the first was done.
    let balances = counts.pending == 0 && counts.is_balanced() && planned >= campaign.targeted;
    let moves_on = match campaign.content.escalates_to() {
        Some(other) => summaries
            .iter()
            .any(|chunk| chunk.channel != other && chunk.counts.escalating() > chunk.escalated),
        None => false,
    };
    let hands_over = summaries.iter().any(|chunk| hands_over(campaign, chunk));
    // A message the provider gave up for the day goes again tomorrow.
    let goes_again = counts.reasons.keys().any(|key| key.strip_prefix("failed:").is_some_and(is_due_next_day));
    balances && (campaign.content.deadline <= now || (counts.is_settled() && !moves_on && !hands_over && !goes_again))
}
