//! What must hold when everything is over, and when a campaign says it is.

use std::collections::{BTreeSet, HashMap};

use domain::campaign::{Campaign, CampaignState};
use domain::delivery::{Channel, Counts, RecipientClass, RecipientStatus};
use domain::{CampaignId, VendorId};
use store::ChunkRef;
use store::chunks::ChunkState;

use super::Invariant;
use super::world::{SECOND, Truth, Where, World};

impl World {
    /// A campaign has just become completed: its ledger must say so.
    pub(crate) fn check_completion(&mut self, id: CampaignId) {
        let Ok(campaign) = self.table.campaign(id) else { return };
        let mut planned = 0;
        for summary in self.table.summaries(id) {
            let counts = &summary.counts;
            if summary.state != ChunkState::Closed || counts.pending > 0 || !counts.is_balanced() {
                let (channel, number, state) = (summary.channel, summary.number, summary.state);
                self.violate(
                    Invariant::LedgerBalances,
                    format!("{id} completed with {channel:?} chunk {number} {state:?}, {counts:?}"),
                );
            }
            planned += if summary.follow_up { 0 } else { counts.targeted };
        }
        if planned < campaign.targeted {
            self.violate(
                Invariant::LedgerBalances,
                format!("{id} completed with {planned} of {} recipients", campaign.targeted),
            );
        }
    }

    /// Looks at everything once nothing more happens.
    pub(crate) fn judge(&mut self) {
        self.judge_messages();
        for id in self.campaigns.clone() {
            let Ok(campaign) = self.table.campaign(id) else { continue };
            self.judge_chunks(&campaign);
            self.judge_audience(&campaign);
            self.judge_end(&campaign);
        }
        self.judge_pace();
    }

    fn judge_messages(&mut self) {
        for id in 0..self.messages.len() {
            let message = &self.messages[id];
            let what = format!("message {id}: {:?} {:?}", message.queue, message.body);
            match message.place {
                Where::Gone => {}
                Where::Dead => {
                    if !self.dead_letters.contains(&id) {
                        self.violate(Invariant::DeadLettersAreSeen, format!("{what} was lost"));
                    }
                }
                Where::Waiting | Where::Received => self.violate(Invariant::DeadLettersAreSeen, format!("{what} was left behind")),
            }
        }
    }

    fn judge_chunks(&mut self, campaign: &Campaign) {
        for summary in self.table.summaries(campaign.id) {
            let chunk = summary.chunk(campaign.id);
            let (log, _) = self.table.log(chunk);
            let mut counts = Counts::default();
            for (recipient, status) in log.with_statuses() {
                counts.add(&status);
                self.judge_recipient(campaign, chunk, recipient.id, &status);
            }
            if counts != summary.counts {
                self.violate(
                    Invariant::CountsAreTheFold,
                    format!("{chunk:?} counts {:?}, its items say {counts:?}", summary.counts),
                );
            }
            if !summary.counts.is_balanced() || usize::try_from(summary.counts.targeted).ok() != Some(log.recipients.len()) {
                self.violate(
                    Invariant::LedgerBalances,
                    format!("{chunk:?} of {} recipients counts {:?}", log.recipients.len(), summary.counts),
                );
            }
        }
    }

    /// Whether what the ledger says of a recipient is what happened to it.
    fn judge_recipient(&mut self, campaign: &Campaign, chunk: ChunkRef, id: VendorId, status: &RecipientStatus) {
        let (class, state) = (status.class, campaign.state);
        if class == RecipientClass::Pending && (state == CampaignState::Completed || state.allows_sending()) {
            self.violate(Invariant::EveryoneEnds, format!("{id} of {chunk:?} is pending, its campaign {state}"));
        }
        let none = Truth::default();
        let truth = self.truth.get(&(chunk.campaign, chunk.channel, id)).unwrap_or(&none);
        if truth.resends > 0 {
            // By then an operator's word may stand against the provider's.
            return;
        }
        let fits = match (class, truth.messages.last()) {
            (RecipientClass::Accepted | RecipientClass::Delivered | RecipientClass::Bounced, sent) => sent.is_some(),
            (RecipientClass::Skipped | RecipientClass::Suppressed, sent) => sent.is_none(),
            (RecipientClass::Failed, sent) => sent.is_none_or(|sent| sent.lost),
            (RecipientClass::Pending | RecipientClass::Unknown, _) => true,
        };
        if !fits {
            let what = format!(
                "{id} of {chunk:?} is {class:?} ({:?}), but its messages are {:?}",
                status.reason, truth.messages
            );
            self.violate(Invariant::LedgerBalances, what);
        }
    }

    /// Everyone who was there is in one chunk of each channel.
    fn judge_audience(&mut self, campaign: &Campaign) {
        if campaign.planned_at.is_none() {
            return;
        }
        let mut chunks: HashMap<(Channel, VendorId), u32> = HashMap::new();
        let mut targeted = 0;
        for (chunk, stored) in self.table.chunks.iter().filter(|(chunk, _)| chunk.campaign == campaign.id) {
            targeted += if stored.summary.follow_up { 0 } else { stored.recipients.len() };
            for recipient in &stored.recipients {
                *chunks.entry((chunk.channel, recipient.id)).or_default() += 1;
            }
        }
        let mut wrong: Vec<String> = chunks
            .iter()
            .filter(|(_, count)| **count > 1)
            .map(|((channel, id), count)| format!("{id} is in {count} chunks of {channel:?}"))
            .collect();
        for channel in campaign.content.first_channels() {
            let missing = self
                .vendors
                .iter()
                // Who came or moved during the walk may have been met or not.
                .filter(|vendor| vendor.joins_at == 0 && vendor.positions.0 == vendor.positions.1)
                .filter(|vendor| !chunks.contains_key(&(channel, vendor.recipient.id)));
            wrong.extend(missing.map(|vendor| format!("{} is in no chunk of {channel:?}", vendor.recipient.id)));
        }
        // More, where a second planner met a vendor that was created after the first one's walk.
        if usize::try_from(campaign.targeted).is_ok_and(|known| known > targeted) {
            wrong.push(format!("{} of {targeted} planned recipients are targeted", campaign.targeted));
        }
        wrong.sort_unstable();
        for what in wrong {
            self.violate(Invariant::LedgerBalances, format!("{}: {what}", campaign.id));
        }
    }

    fn judge_end(&mut self, campaign: &Campaign) {
        if !campaign.state.allows_sending() {
            return;
        }
        let mine: BTreeSet<usize> = (0..self.messages.len())
            .filter(|id| self.messages[*id].place == Where::Dead)
            .filter(|id| match &self.messages[*id].body {
                super::world::Body::Campaign(message) => message.campaign_id == campaign.id,
                super::world::Body::Chunk(chunk) => chunk.campaign == campaign.id,
                _ => false,
            })
            .collect();
        let invariant = if mine.is_empty() {
            Invariant::EveryoneEnds
        } else {
            Invariant::DeadLettersAreSeen
        };
        let chunks: Vec<String> = self
            .table
            .summaries(campaign.id)
            .iter()
            .map(|chunk| format!("{:?} {} {:?} {:?}", chunk.channel, chunk.number, chunk.state, chunk.counts))
            .collect();
        self.violate(
            invariant,
            format!(
                "{} is still {} long after its deadline; targeted {}, planned {}; {chunks:?}; dead letters {mine:?}",
                campaign.id,
                campaign.state,
                campaign.targeted,
                campaign.planned_at.is_some()
            ),
        );
    }

    /// No provider was handed more than its rate and what may come in a burst: what calls in the pipeline may catch up on, and
    /// a chunk.
    fn judge_pace(&mut self) {
        if self.plan.zombies > 0 {
            // One that was frozen for minutes sends when it thaws.
            return;
        }
        // Between its slot and the provider a message may be held up by every call on the way.
        let prompt = self.plan.slow == 0 && self.plan.sluggish == 0 && self.plan.unhurried == 0;
        let lag_secs = if prompt { 2.0 } else { 40.0 };
        for provider in self.plan.providers.clone() {
            let rate = f64::from(provider.rate_per_second);
            let burst = rate * lag_secs + 98.0;
            let (mut level, mut last) = (0.0_f64, self.plan.start);
            let mut worst = 0.0_f64;
            for (_, at, messages) in self.handed.iter().filter(|(name, ..)| *name == provider.name) {
                level = (level - rate * (at - last) as f64 / SECOND as f64).max(0.0) + f64::from(*messages);
                last = *at;
                worst = worst.max(level);
            }
            if worst > burst {
                self.violate(
                    Invariant::PaceIsKept,
                    format!(
                        "{} got {worst:.0} messages more than its {rate} a second, {burst:.0} may come at once",
                        provider.name
                    ),
                );
            }
        }
    }
}
