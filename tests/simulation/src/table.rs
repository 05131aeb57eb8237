//! The table in memory: what each call of `store` to DynamoDB does, with the same conditions, as one indivisible step.
//!
//! A function of `store` that makes several calls is several functions here; [`Port`](super::port::Port) puts them together, and lets the
//! world go on in between. The conditions are those
//! written in `store`, kept in step by reading.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use domain::campaign::{Campaign, CampaignState};
use domain::delivery::{Channel, ChunkLog, Counts, DeliveryEvent, OutcomePack, Recipient};
use domain::{CampaignId, VendorId};
use jiff::Timestamp;
use store::chunks::{ChunkState, ChunkSummary, Ending, PlannedChunk, SendCheck, SendQuestion};
use store::gcra::{Rate, Reservation};
use store::providers::ProviderState;
use store::suppressions::Suppression;
use store::{ChunkRef, StoreError, Touched};
use ulid::Ulid;

use super::Fault;

/// How `store` names an item of outcomes; the order is that of its sort keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Counted,
    Uncounted,
    Wave(u32),
}

/// A chunk: its summary, and the items of its partition.
#[derive(Debug, Clone)]
pub(crate) struct Chunk {
    pub(crate) summary: ChunkSummary,
    pub(crate) recipients: Vec<Recipient>,
    pub(crate) packs: BTreeMap<(Ulid, Kind), OutcomePack>,
    /// The items of events, by what they hold.
    pub(crate) event_items: BTreeSet<u64>,
    /// Their events, each once, in no order: `store` reads them in that of their hashes.
    pub(crate) events: Vec<DeliveryEvent>,
}

impl Chunk {
    pub(crate) fn items(&self) -> u32 {
        u32::try_from(1 + self.packs.len() + self.event_items.len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn log(&self) -> ChunkLog {
        ChunkLog {
            recipients: self.recipients.clone(),
            attempts: self.packs.values().cloned().collect(),
            events: self.events.clone(),
        }
    }
}

/// The table.
#[derive(Debug, Default)]
pub(crate) struct Table {
    pub(crate) campaigns: BTreeMap<CampaignId, Campaign>,
    pub(crate) chunks: BTreeMap<ChunkRef, Chunk>,
    pub(crate) asked: HashSet<(VendorId, CampaignId, Channel, CampaignId)>,
    pub(crate) arrivals: HashMap<String, i64>,
    pub(crate) providers: HashMap<String, ProviderState>,
    pub(crate) suppressed: HashMap<(Channel, String), Suppression>,
    pub(crate) answers: HashSet<(VendorId, CampaignId)>,
    /// What the table's stream has yet to hand out.
    pub(crate) stream: Vec<Touched>,
    /// What is broken on purpose.
    pub(crate) fault: Fault,
}

const REFUSED: StoreError = StoreError::Conflict("a condition did not hold");

impl Table {
    fn chunk(&mut self, chunk: ChunkRef) -> Result<&mut Chunk, StoreError> {
        self.chunks.get_mut(&chunk).ok_or(StoreError::NotFound)
    }

    pub(crate) fn campaign(&self, id: CampaignId) -> Result<Campaign, StoreError> {
        self.campaigns.get(&id).cloned().ok_or(StoreError::NotFound)
    }

    /// The write behind `transition` and `resume`.
    pub(crate) fn move_to(
        &mut self,
        id: CampaignId,
        from: CampaignState,
        next: CampaignState,
        reason: Option<&str>,
        waived: Option<&[String]>,
        now: Timestamp,
    ) -> Result<Campaign, StoreError> {
        let campaign = self.campaigns.get_mut(&id).ok_or(REFUSED)?;
        if campaign.state != from {
            return Err(REFUSED);
        }
        campaign.state = next;
        campaign.halt_reason = reason.map(str::to_owned);
        campaign.updated_at = now;
        campaign.version += 1;
        if let Some(waived) = waived {
            campaign.waived = waived.to_vec();
        } else if next == CampaignState::Collecting {
            campaign.sent_at = Some(now);
        } else if next == CampaignState::Completed {
            campaign.completed_at = Some(now);
        }
        Ok(campaign.clone())
    }

    /// A write of `finish_plan`: of a campaign that is being planned and goes on to send, or of any.
    pub(crate) fn set_planned(&mut self, id: CampaignId, chunks: u32, targeted: u32, now: Timestamp, sending: bool) -> Result<(), StoreError> {
        let campaign = self.campaigns.get_mut(&id).ok_or(REFUSED)?;
        if campaign.planned_at.is_some() || (sending && campaign.state != CampaignState::Planning) {
            return Err(REFUSED);
        }
        if sending {
            campaign.state = CampaignState::Sending;
            campaign.halt_reason = None;
        }
        campaign.chunks = chunks;
        campaign.targeted = targeted;
        campaign.planned_at = Some(now);
        campaign.updated_at = now;
        campaign.version += 1;
        Ok(())
    }

    /// The transaction of `plan_one`.
    pub(crate) fn put_chunk(&mut self, planned: &PlannedChunk, recipients: &[Recipient], now: Timestamp) -> PutChunk {
        let PlannedChunk {
            chunk,
            recipients: _,
            planned_through,
            root,
            may_be_answered,
            follow_up,
        } = planned;
        if self.chunks.contains_key(chunk) {
            return PutChunk::Taken;
        }
        let key = |recipient: &Recipient| (recipient.id, *root, chunk.channel, chunk.campaign);
        let asked: Vec<VendorId> = recipients
            .iter()
            .filter(|recipient| self.asked.contains(&key(recipient)))
            .map(|recipient| recipient.id)
            .collect();
        if !asked.is_empty() {
            return PutChunk::Asked(asked);
        }
        self.asked.extend(recipients.iter().map(key));
        let summary = ChunkSummary {
            channel: chunk.channel,
            number: chunk.number,
            state: ChunkState::Pending,
            attempt: 0,
            attempt_token: None,
            claim_until: 0,
            planned_through: planned_through.clone(),
            follow_up: *follow_up,
            answers: may_be_answered.then_some(*root),
            parked: false,
            escalated: 0,
            touched_at: now.as_second(),
            counts: Counts::all_pending(u32::try_from(recipients.len()).unwrap_or(u32::MAX)),
            folded_items: 0,
        };
        self.chunks.insert(
            *chunk,
            Chunk {
                summary,
                recipients: recipients.to_vec(),
                packs: BTreeMap::new(),
                event_items: BTreeSet::new(),
                events: Vec::new(),
            },
        );
        PutChunk::Stored
    }

    pub(crate) fn last_planned(&self, campaign: CampaignId, channel: Channel) -> Vec<ChunkSummary> {
        self.of_channel(campaign, channel).rev().take(10).cloned().collect()
    }

    fn of_channel(&self, campaign: CampaignId, channel: Channel) -> impl DoubleEndedIterator<Item = &ChunkSummary> {
        let chunk = |number| ChunkRef { campaign, channel, number };
        self.chunks.range(chunk(0)..=chunk(u32::MAX)).map(|(_, chunk)| &chunk.summary)
    }

    pub(crate) fn summaries(&self, campaign: CampaignId) -> Vec<ChunkSummary> {
        Channel::ALL
            .into_iter()
            .flat_map(|channel| self.of_channel(campaign, channel))
            .cloned()
            .collect()
    }

    /// The write of `claim`: of a pending chunk, or, with `dead`, of one whose claim of that token ran out.
    pub(crate) fn try_claim(
        &mut self,
        chunk: ChunkRef,
        token: Ulid,
        until: Timestamp,
        now: Timestamp,
        dead: Option<Ulid>,
    ) -> Result<Result<ChunkSummary, ChunkSummary>, StoreError> {
        let fault = self.fault;
        let summary = &mut self.chunk(chunk)?.summary;
        let free = match dead {
            Some(dead) => summary.state == ChunkState::Claimed && summary.attempt_token == Some(dead),
            None => summary.state == ChunkState::Pending || (fault == Fault::ClaimAlwaysWon && summary.state == ChunkState::Claimed),
        };
        if !free {
            return Ok(Err(summary.clone()));
        }
        summary.state = ChunkState::Claimed;
        summary.attempt_token = Some(token);
        summary.claim_until = until.as_second();
        summary.touched_at = now.as_second();
        summary.parked = false;
        summary.attempt += u32::from(dead.is_none());
        Ok(Ok(summary.clone()))
    }

    pub(crate) fn release(&mut self, chunk: ChunkRef, token: Ulid, parked: bool, now: Timestamp) -> Result<(), StoreError> {
        let summary = &mut self.chunk(chunk).map_err(|_| REFUSED)?.summary;
        if summary.state != ChunkState::Claimed || summary.attempt_token != Some(token) {
            return Err(REFUSED);
        }
        summary.state = ChunkState::Pending;
        summary.touched_at = now.as_second();
        summary.parked = parked;
        summary.attempt -= 1;
        Ok(())
    }

    pub(crate) fn log(&self, chunk: ChunkRef) -> (ChunkLog, u32) {
        match self.chunks.get(&chunk) {
            Some(chunk) => (chunk.log(), chunk.items()),
            None => (ChunkLog::default(), 0),
        }
    }

    pub(crate) fn check(&self, chunk: ChunkRef, question: SendQuestion<'_>) -> Result<SendCheck, StoreError> {
        let SendQuestion {
            addresses,
            answers,
            providers,
        } = question;
        let mut campaign = self.campaign(chunk.campaign)?;
        if self.fault == Fault::StateNotChecked && !campaign.state.allows_sending() {
            campaign.state = CampaignState::Sending;
        }
        if self.fault == Fault::DeadlineNotChecked {
            campaign.content.deadline = Timestamp::MAX;
        }
        let known =
            |address: &&String| self.fault != Fault::SuppressionsForgotten && self.suppressed.contains_key(&(chunk.channel, (*address).clone()));
        let suppressed = addresses
            .iter()
            .filter(known)
            .filter_map(|address| Some((address.clone(), self.suppressed.get(&(chunk.channel, address.clone()))?.clone())))
            .collect();
        let answered = answers.map_or_else(HashSet::new, |(root, vendors)| {
            vendors.iter().copied().filter(|vendor| self.answers.contains(&(*vendor, root))).collect()
        });
        let providers = providers
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), self.providers.get(*name)?.clone())))
            .collect();
        Ok(SendCheck {
            campaign,
            suppressed,
            answered,
            providers,
        })
    }

    fn put_pack(&mut self, chunk: ChunkRef, token: Ulid, kind: Kind, pack: &OutcomePack) {
        let Some(found) = self.chunks.get_mut(&chunk) else { return };
        let before = found.packs.insert((token, kind), pack.clone());
        if before.as_ref() != Some(pack) {
            self.stream.push(match kind {
                Kind::Uncounted => Touched::Uncounted(chunk),
                Kind::Counted | Kind::Wave(_) => Touched::Counted(chunk),
            });
        }
    }

    /// A transaction of `record`; `counted` is the first one it tries.
    pub(crate) fn record(&mut self, chunk: ChunkRef, token: Ulid, pack: &OutcomePack, ending: Ending<'_>, counted: bool) -> Result<(), StoreError> {
        let Ending { next, parked, counts, items } = ending;
        let fault = self.fault;
        let summary = &mut self.chunk(chunk).map_err(|_| REFUSED)?.summary;
        let ours = summary.attempt_token == Some(token) && (summary.state == ChunkState::Claimed || summary.state == next);
        if !ours && fault != Fault::TokenIgnored {
            return Err(REFUSED);
        }
        if counted && summary.folded_items >= items {
            return Err(REFUSED);
        }
        summary.state = next;
        summary.parked = parked;
        summary.touched_at = pack.at.as_second();
        if counted {
            if fault == Fault::CountsAdded {
                // As a counter would: what this attempt did is added to what was there.
                let pending = summary.counts.pending;
                summary.counts.merge(counts);
                summary.counts.targeted -= counts.targeted.min(pending);
                summary.counts.pending = counts.pending;
            } else {
                summary.counts = counts.clone();
            }
            summary.folded_items = items;
        }
        self.put_pack(chunk, token, if counted { Kind::Counted } else { Kind::Uncounted }, pack);
        Ok(())
    }

    pub(crate) fn record_wave(&mut self, chunk: ChunkRef, token: Ulid, pack: &OutcomePack, until: Timestamp) -> Result<(), StoreError> {
        let fault = self.fault;
        let summary = &mut self.chunk(chunk).map_err(|_| REFUSED)?.summary;
        if (summary.attempt_token != Some(token) || summary.state != ChunkState::Claimed) && fault != Fault::TokenIgnored {
            return Err(REFUSED);
        }
        summary.claim_until = until.as_second();
        summary.touched_at = pack.at.as_second();
        self.put_pack(chunk, token, Kind::Wave(pack.wave), pack);
        Ok(())
    }

    pub(crate) fn record_late(&mut self, chunk: ChunkRef, token: Ulid, pack: &OutcomePack) {
        self.put_pack(chunk, token, Kind::Uncounted, pack);
    }

    pub(crate) fn amend(&mut self, chunk: ChunkRef, seen: u32, token: Ulid, pack: &OutcomePack, next: ChunkState) -> bool {
        let Ok(found) = self.chunk(chunk) else { return false };
        let summary = &mut found.summary;
        let unchanged = summary.state == ChunkState::Closed && summary.attempt == seen;
        let repeated = summary.state == next && summary.attempt_token == Some(token);
        if !unchanged && !repeated {
            return false;
        }
        summary.state = next;
        summary.attempt_token = Some(token);
        summary.touched_at = pack.at.as_second();
        summary.attempt = pack.attempt;
        self.put_pack(chunk, token, Kind::Uncounted, pack);
        true
    }

    pub(crate) fn set_escalated(&mut self, chunk: ChunkRef, escalated: u32) -> Result<(), StoreError> {
        let summary = &mut self.chunk(chunk).map_err(|_| REFUSED)?.summary;
        if summary.escalated >= escalated && summary.escalated > 0 {
            return Err(REFUSED);
        }
        summary.escalated = escalated;
        Ok(())
    }

    /// The write of `fold`.
    pub(crate) fn put_counts(&mut self, chunk: ChunkRef, counts: &Counts, items: u32) -> Result<(), StoreError> {
        let fault = self.fault;
        let summary = &mut self.chunk(chunk).map_err(|_| REFUSED)?.summary;
        if summary.folded_items >= items && fault != Fault::OlderFoldWins {
            return Err(REFUSED);
        }
        summary.counts = counts.clone();
        summary.folded_items = items;
        Ok(())
    }

    pub(crate) fn put_events(&mut self, chunk: ChunkRef, mut events: Vec<DeliveryEvent>) {
        let key = |event: &DeliveryEvent| (event.recipient, format!("{:?}", event.kind), event.provider_id.clone());
        events.sort_by_cached_key(key);
        events.dedup_by_key(|event| key(event));
        let forgets = self.fault == Fault::EventsForgotten;
        // An event about a chunk that is not there is stored all the same; nobody ever looks at it.
        let Some(found) = self.chunks.get_mut(&chunk) else { return };
        if forgets {
            found.events.clear();
        }
        let mut changed = false;
        for pack in events.chunks(200) {
            let digest = digest(pack);
            if !found.event_items.insert(digest) {
                continue;
            }
            changed = true;
            for event in pack {
                let same =
                    |known: &DeliveryEvent| known.recipient == event.recipient && known.kind == event.kind && known.provider_id == event.provider_id;
                if !found.events.iter().any(same) {
                    let places = found.events.len() as u64 + 1;
                    let place = usize::try_from(digest % places).unwrap_or(0);
                    found.events.insert(place, event.clone());
                }
            }
        }
        if changed {
            self.stream.push(Touched::Uncounted(chunk));
        }
    }

    pub(crate) fn reserve(&mut self, rate: Rate<'_>, units: u32, now: Timestamp) -> Reservation {
        let now = now.as_microsecond();
        let cost = rate.unit_micros.saturating_mul(i64::from(units));
        let arrival = self.arrivals.entry(rate.name.to_owned()).or_insert(i64::MIN);
        if *arrival < now {
            *arrival = now + cost;
            return Reservation::After(0);
        }
        if *arrival > now + rate.horizon_micros {
            return Reservation::Refused(*arrival - now - rate.horizon_micros);
        }
        let start = *arrival - now;
        *arrival += cost;
        Reservation::After(start)
    }

    pub(crate) fn provider(&self, name: &str) -> ProviderState {
        self.providers.get(name).cloned().unwrap_or_default()
    }

    /// A write of `take`: the grant, or the state that came in between.
    pub(crate) fn try_take(&mut self, name: &str, seen: &ProviderState, granted: u32, now: Timestamp) -> Result<(), Box<ProviderState>> {
        let hour = now.as_second().div_euclid(3_600);
        let standing = self.providers.entry(name.to_owned()).or_default();
        // An account nobody has counted for has no version yet.
        if standing.hours_version != 0 && standing.hours_version != seen.hours_version {
            return Err(Box::new(standing.clone()));
        }
        let mut hours = seen.hours.clone();
        hours.retain(|at, _| at.parse::<i64>().is_ok_and(|at| at >= hour - 24));
        *hours.entry(hour.to_string()).or_default() += granted;
        standing.hours = hours;
        standing.hours_version = seen.hours_version + 1;
        Ok(())
    }

    pub(crate) fn close_provider(&mut self, name: &str, until: Timestamp, reason: &str) {
        let state = self.providers.entry(name.to_owned()).or_default();
        if state.closed_until < until.as_second() {
            state.closed_until = until.as_second();
            state.closed_reason = Some(reason.to_owned());
        }
    }

    pub(crate) fn provider_failed(&mut self, name: &str) -> u32 {
        let state = self.providers.entry(name.to_owned()).or_default();
        state.failures += 1;
        state.failures
    }

    pub(crate) fn provider_recovered(&mut self, name: &str) {
        let state = self.providers.entry(name.to_owned()).or_default();
        state.failures = 0;
        state.closed_until = 0;
    }
}

/// The answer to the transaction of `plan_one`.
pub(crate) enum PutChunk {
    Stored,
    /// The number is another chunk's.
    Taken,
    /// These are asked by another chunk of the campaign.
    Asked(Vec<VendorId>),
}

/// Names a pack by what it holds.
fn digest(events: &[DeliveryEvent]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut mix = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    };
    for event in events {
        mix(&event.recipient.ulid().to_bytes());
        mix(&[event.kind as u8]);
        mix(event.provider_id.as_bytes());
    }
    hash
}
