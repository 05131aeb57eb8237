//! The world as the core sees it. Every call is two suspension points, one before it takes effect and one after: at either the
//! worker may be overtaken, delayed or dropped.

use std::collections::{HashMap, HashSet};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use delivery::{Audience, Clock, Error, Messages, Provider, Queue, Stretch, Table};
use domain::campaign::{Audience as Filter, Campaign, CampaignState};
use domain::delivery::{AttemptResult, Channel, ChunkLog, Counts, DeliveryEvent, EventKind, OutcomePack, Recipient, RecipientClass};
use domain::suppression::{SuppressionReason, SuppressionSource};
use domain::work::CampaignMessage;
use domain::{CampaignId, VendorId};
use jiff::{SignedDuration, Timestamp};
use messaging::EntryResult;
use store::chunks::{ChunkState, ChunkSummary, Claim, Ending, Planned, PlannedChunk, SendCheck, SendQuestion};
use store::gcra::{Rate, Reservation};
use store::providers::ProviderState;
use store::suppressions::Suppression;
use store::{ChunkRef, StoreError};
use ulid::Ulid;

use super::table::PutChunk;
use super::world::{Body, Fate, Happening, QueueName, SECOND, Seen, Since, World};
use super::{Fault, Invariant};

/// One worker's hold on the world.
#[derive(Debug, Clone)]
pub(crate) struct Port {
    pub(crate) world: Arc<Mutex<World>>,
    pub(crate) run: usize,
}

/// A message as the simulated providers take it.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) chunk: ChunkRef,
    pub(crate) vendor: VendorId,
    pub(crate) address: String,
}

/// What a chunk's items came to when they were read.
#[derive(Debug)]
pub(crate) struct Fold {
    chunk: ChunkRef,
    log: ChunkLog,
    items: u32,
    counts: Counts,
}

/// A suspension point.
struct Pause<'a> {
    port: &'a Port,
    micros: Option<i64>,
    began: bool,
}

impl Future for Pause<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.began {
            // Nobody polls before the time has come.
            return Poll::Ready(());
        }
        self.began = true;
        let (port, micros) = (self.port, self.micros);
        let mut world = port.world();
        if world.instant {
            return Poll::Ready(());
        }
        let zombie = world.runs[port.run].zombie;
        let micros = micros.unwrap_or_else(|| world.latency(zombie));
        let time = world.now + micros;
        world.at(time, Happening::Wake(port.run));
        Poll::Pending
    }
}

impl Port {
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn pause(&self) -> impl Future<Output = ()> + Send + '_ {
        Pause {
            port: self,
            micros: None,
            began: false,
        }
    }

    pub(crate) fn pause_for(&self, micros: i64) -> impl Future<Output = ()> + Send + '_ {
        Pause {
            port: self,
            micros: Some(micros),
            began: false,
        }
    }

    /// One call to the store.
    pub(crate) async fn call<T: Send>(&self, mut effect: impl FnMut(&mut World) -> Result<T, StoreError> + Send) -> Result<T, StoreError> {
        self.pause().await;
        let answer = {
            let mut world = self.world();
            let fate = world.fate();
            let happens = !matches!(fate, Fate::Refused | Fate::Unreachable);
            let mut answer = happens.then(|| effect(&mut world));
            if fate == Fate::Repeated {
                answer = Some(effect(&mut world));
            }
            world.watch_stream();
            match (fate.error(), answer) {
                (None, Some(answer)) => answer,
                (error, _) => Err(error.unwrap_or(StoreError::Throttled)),
            }
        };
        self.pause().await;
        answer
    }

    /// [`store::campaigns::get`].
    pub(crate) async fn campaign(&self, id: CampaignId) -> Result<Campaign, StoreError> {
        self.call(|world| world.table.campaign(id)).await
    }

    /// What `store` makes of a condition that may fail for good reasons.
    async fn settle(&self, effect: impl FnMut(&mut World) -> Result<(), StoreError> + Send) -> Result<(), StoreError> {
        match self.call(effect).await {
            Ok(()) | Err(StoreError::Conflict(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn move_to(
        &self,
        id: CampaignId,
        from: CampaignState,
        next: CampaignState,
        reason: Option<&str>,
        waived: Option<&[String]>,
    ) -> Result<Campaign, StoreError> {
        let now = self.now();
        let run = self.run;
        self.call(|world| {
            let moved = world.table.move_to(id, from, next, reason, waived, now)?;
            world.say(|| format!("[{run}] {id} {from} → {next} {}", reason.unwrap_or_default()));
            world.moved(id, next);
            Ok(moved)
        })
        .await
    }

    async fn put_queue(&self, effect: impl Fn(&mut World) + Send) -> Result<(), Error> {
        self.pause().await;
        let fate = {
            let mut world = self.world();
            let fate = world.fate();
            if !matches!(fate, Fate::Refused | Fate::Unreachable) {
                effect(&mut world);
            }
            if fate == Fate::Repeated {
                effect(&mut world);
            }
            fate
        };
        self.pause().await;
        fate.error().map_or(Ok(()), |error| Err(error.into()))
    }

    /// [`store::chunks::read_fold`].
    pub(crate) async fn read_fold(&self, chunk: ChunkRef) -> Result<Fold, StoreError> {
        let (mut log, items) = self.log(chunk).await?;
        if self.world().fault == Fault::FoldDropsItem && log.events.pop().is_none() {
            log.attempts.pop();
        }
        let counts = log.counts();
        Ok(Fold { chunk, log, items, counts })
    }

    /// [`store::chunks::store_folds`].
    pub(crate) async fn store_folds(&self, mut folds: Vec<Fold>) -> Result<(), StoreError> {
        let run = self.run;
        while !folds.is_empty() {
            let mut refused = Vec::new();
            self.call(|world| {
                refused.clear();
                for Fold { chunk, log, items, counts } in &folds {
                    let newest = world.seen.get(chunk).map_or(0, |(items, _)| *items);
                    if world.table.put_counts(*chunk, counts, *items).is_err() {
                        refused.push((*chunk, *items));
                        continue;
                    }
                    world.say(|| format!("[{run}] folded {chunk:?} of {items} items: {counts:?}"));
                    if *items >= newest {
                        world.observe(*chunk, log, *items);
                    }
                }
                Ok(())
            })
            .await?;
            folds.clear();
            for (chunk, items) in refused {
                let fold = self.read_fold(chunk).await?;
                if fold.items > items {
                    folds.push(fold);
                }
            }
        }
        Ok(())
    }

    /// Suppresses an address; the first reason stays.
    pub(crate) async fn suppress(&self, channel: Channel, address: &str, reason: SuppressionReason) -> Result<(), StoreError> {
        let now = self.now();
        let run = self.run;
        self.call(|world| {
            let key = (channel, address.to_owned());
            let since = Since {
                at: world.now,
                step: world.step,
            };
            world.opted_out.entry(key.clone()).or_insert(since);
            world.say(|| format!("[{run}] {address} suppressed: {reason}"));
            world
                .table
                .suppressed
                .entry(key)
                .or_insert_with(|| Suppression::new(reason, now, SuppressionSource::Event));
            Ok(())
        })
        .await
    }
}

impl World {
    /// Takes note of a campaign's move, and looks whether it may.
    fn moved(&mut self, id: CampaignId, next: CampaignState) {
        if next.allows_sending() {
            self.stopped.remove(&id);
            return;
        }
        let since = Since {
            at: self.now,
            step: self.step,
        };
        self.stopped.insert(id, since);
        if next == CampaignState::Completed {
            self.check_completion(id);
        }
    }

    /// A recipient is about to be reopened or decided on by hand: who chose that, and of what, is what justifies a second message.
    fn note_decision(&mut self, chunk: ChunkRef, pack: &OutcomePack) {
        let (log, _) = self.table.log(chunk);
        let statuses: Vec<(VendorId, RecipientClass)> = log.with_statuses().map(|(recipient, status)| (recipient.id, status.class)).collect();
        for outcome in &pack.outcomes {
            let class = statuses.iter().find(|(id, _)| *id == outcome.recipient).map(|(_, class)| *class);
            let truth = self.truth.entry((chunk.campaign, chunk.channel, outcome.recipient)).or_default();
            let given_up = truth.messages.last().is_some_and(|message| message.lost);
            let reopened = outcome.result == AttemptResult::Reopened;
            if class == Some(RecipientClass::Unknown) || (reopened && given_up) {
                truth.resends += 1;
            }
        }
    }

    /// Compares what a fold saw with what the fold before it saw.
    fn observe(&mut self, chunk: ChunkRef, log: &ChunkLog, items: u32) {
        let mut reopened = HashMap::new();
        for outcome in log.attempts.iter().flat_map(|pack| &pack.outcomes) {
            if outcome.result == AttemptResult::Reopened {
                *reopened.entry(outcome.recipient).or_insert(0) += 1;
            }
        }
        let accepted = log.attempts.iter().flat_map(|pack| &pack.outcomes);
        let accepted = accepted.filter_map(|outcome| Some((outcome.recipient, outcome.message_id.as_deref()?)));
        let mut known: HashMap<VendorId, HashSet<&str>> = HashMap::new();
        for (recipient, id) in accepted.chain(log.events.iter().map(|event| (event.recipient, event.message_id()))) {
            known.entry(recipient).or_default().insert(id);
        }
        let rejected = |event: &&DeliveryEvent| event.kind == EventKind::Rejected;
        let given_up: HashSet<VendorId> = log.events.iter().filter(rejected).map(|event| event.recipient).collect();
        let seen: Vec<Seen> = log
            .with_statuses()
            .map(|(recipient, status)| Seen {
                class: status.class,
                given_up: given_up.contains(&recipient.id),
                messages: status.messages,
                known: known.get(&recipient.id).map_or(0, HashSet::len),
                reopened: reopened.get(&recipient.id).copied().unwrap_or(0),
                responded: status.responded,
                complained: status.complained,
            })
            .collect();
        let before = self.seen.insert(chunk, (items, seen.clone()));
        let Some((_, before)) = before else { return };
        for ((before, after), recipient) in before.iter().zip(&seen).zip(&log.recipients) {
            if goes_back(*before, *after) {
                let id = recipient.id;
                self.violate(Invariant::NeverBackwards, format!("{id} of {chunk:?} went from {before:?} to {after:?}"));
            }
        }
    }
}

/// Whether a status fell behind one that was seen before. Only a decision to send again may do that.
fn goes_back(before: Seen, after: Seen) -> bool {
    // A refusal before acceptance, or an operator's word, can be overtaken by news of a message; one after it cannot.
    let rank = |seen: Seen| match seen.class {
        RecipientClass::Pending => 0,
        RecipientClass::Unknown => 1,
        RecipientClass::Skipped | RecipientClass::Suppressed => 2,
        RecipientClass::Failed if !seen.given_up => 2,
        RecipientClass::Accepted => 3,
        RecipientClass::Delivered => 4,
        RecipientClass::Failed => 5,
        RecipientClass::Bounced => 6,
    };
    let forgets = (before.responded && !after.responded) || (before.complained && !after.complained) || after.messages < before.messages;
    // Of two messages, because one was sent again, one may have got further, and may come back after all.
    let another = after.reopened > 0 && after.known > 1;
    after.reopened <= before.reopened && (forgets || (rank(after) < rank(before) && !another))
}

impl Clock for Port {
    fn now(&self) -> Timestamp {
        self.world().timestamp()
    }

    fn new_token(&self) -> Ulid {
        let mut world = self.world();
        let millis = u64::try_from(world.now / 1_000).unwrap_or(0);
        let random = u128::from(world.rng.next()) << 16;
        Ulid::from_parts(millis, random)
    }

    fn random_below(&self, bound: u32) -> u32 {
        u32::try_from(self.world().rng.below(u64::from(bound))).unwrap_or(0)
    }

    async fn sleep(&self, time: SignedDuration) {
        self.pause_for(i64::try_from(time.as_micros()).unwrap_or(0)).await;
    }
}

impl Table for Port {
    async fn transition(&self, id: CampaignId, from: CampaignState, next: CampaignState, reason: Option<&str>) -> Result<Campaign, StoreError> {
        self.move_to(id, from, next, reason, None).await
    }

    async fn resume_campaign(&self, seen: &Campaign, next: CampaignState) -> Result<Campaign, StoreError> {
        let mut waived = seen.waived.clone();
        waived.extend(seen.halt_reason.clone().filter(|reason| !waived.contains(reason)));
        self.move_to(seen.id, seen.state, next, None, Some(&waived)).await
    }

    async fn finish_plan(&self, id: CampaignId, chunks: u32, targeted: u32) -> Result<(), StoreError> {
        let now = self.now();
        let run = self.run;
        for sending in [true, false] {
            let planned = self
                .call(|world| {
                    world.table.set_planned(id, chunks, targeted, now, sending)?;
                    world.say(|| format!("[{run}] {id} planned: {targeted} in {chunks} chunks, sending: {sending}"));
                    if sending {
                        world.moved(id, CampaignState::Sending);
                    }
                    Ok(())
                })
                .await;
            match planned {
                Ok(()) if sending => return Ok(()),
                Ok(()) | Err(StoreError::Conflict(_)) => {}
                Err(error) => return Err(error),
            }
        }
        match self.move_to(id, CampaignState::Planning, CampaignState::Sending, None, None).await {
            Ok(_) | Err(StoreError::Conflict(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn plan_chunks(&self, chunks: &[PlannedChunk]) -> Result<Planned, StoreError> {
        let now = self.now();
        for planned in chunks {
            let mut recipients = planned.recipients.clone();
            let mut seen = HashSet::new();
            recipients.retain(|recipient| seen.insert(recipient.id));
            loop {
                if recipients.is_empty() && planned.follow_up {
                    break;
                }
                // One that the SDK repeats has a token of its own and happens once.
                let mut stored = false;
                let run = self.run;
                let put = self
                    .call(|world| {
                        if stored {
                            return Ok(PutChunk::Stored);
                        }
                        let put = world.table.put_chunk(planned, &recipients, now);
                        stored = matches!(put, PutChunk::Stored);
                        if stored {
                            world.say(|| format!("[{run}] planned {:?} of {}", planned.chunk, recipients.len()));
                        }
                        Ok(put)
                    })
                    .await?;
                match put {
                    PutChunk::Stored => break,
                    PutChunk::Taken if self.world().fault == Fault::RaceIgnored => break,
                    PutChunk::Taken => return Ok(Planned::Raced),
                    PutChunk::Asked(asked) => recipients.retain(|recipient| !asked.contains(&recipient.id)),
                }
            }
        }
        Ok(Planned::Stored)
    }

    async fn last_planned(&self, id: CampaignId, channel: Channel) -> Result<Vec<ChunkSummary>, StoreError> {
        self.call(|world| Ok(world.table.last_planned(id, channel))).await
    }

    async fn summaries(&self, id: CampaignId) -> Result<Vec<ChunkSummary>, StoreError> {
        self.call(|world| {
            let mut summaries = world.table.summaries(id);
            if world.fault == Fault::BalanceIgnored {
                for summary in &mut summaries {
                    summary.state = ChunkState::Closed;
                    summary.counts.accepted += std::mem::take(&mut summary.counts.pending);
                    summary.counts.settled = summary.counts.targeted;
                }
            }
            Ok(summaries)
        })
        .await
    }

    async fn progress(&self, id: CampaignId) -> Result<(Campaign, Vec<ChunkSummary>), StoreError> {
        // A query gives no picture of one moment: the campaign is on its first page, chunks may be on later ones.
        let campaign = self.campaign(id).await?;
        Ok((campaign, self.summaries(id).await?))
    }

    async fn claim(&self, chunk: ChunkRef, token: Ulid, until: Timestamp) -> Result<Claim, StoreError> {
        let (now, run) = (self.now(), self.run);
        let standing = match self.call(|world| world.table.try_claim(chunk, token, until, now, None)).await? {
            Ok(summary) => {
                self.world().say(|| format!("[{run}] claimed {chunk:?}, attempt {}", summary.attempt));
                return Ok(Claim::Won(summary));
            }
            Err(standing) => standing,
        };
        match standing.state {
            ChunkState::Claimed if standing.attempt_token == Some(token) => Ok(Claim::Won(standing)),
            ChunkState::Claimed if standing.claim_until <= now.as_second() => {
                let dead = standing.attempt_token;
                match self.call(|world| world.table.try_claim(chunk, token, until, now, dead)).await? {
                    Ok(summary) => {
                        self.world().say(|| format!("[{run}] took over {chunk:?}"));
                        Ok(Claim::Expired(summary))
                    }
                    Err(other) => Ok(Claim::Busy(other.claim_until)),
                }
            }
            ChunkState::Claimed => Ok(Claim::Busy(standing.claim_until)),
            ChunkState::Closed => Ok(Claim::Closed),
            ChunkState::Pending => Ok(Claim::Busy(now.as_second() + 1)),
        }
    }

    async fn release(&self, chunk: ChunkRef, token: Ulid, parked: bool) -> Result<(), StoreError> {
        let (now, run) = (self.now(), self.run);
        self.settle(|world| {
            world.say(|| format!("[{run}] releases {chunk:?}{}", if parked { ", parked" } else { "" }));
            world.table.release(chunk, token, parked, now)
        })
        .await
    }

    async fn log(&self, chunk: ChunkRef) -> Result<(ChunkLog, u32), StoreError> {
        self.call(|world| Ok(world.table.log(chunk))).await
    }

    async fn check(&self, chunk: ChunkRef, question: SendQuestion<'_>) -> Result<SendCheck, StoreError> {
        let run = self.run;
        self.call(|world| {
            world.runs[run].checked = Some((world.now, world.step));
            world.table.check(chunk, question)
        })
        .await
    }

    async fn record(&self, chunk: ChunkRef, token: Ulid, pack: &OutcomePack, ending: Ending<'_>) -> Result<(), StoreError> {
        let run = self.run;
        for counted in [true, false] {
            // Repeated by the SDK, a transaction happens once.
            let mut done = false;
            let recorded = self
                .call(|world| {
                    if done {
                        return Ok(());
                    }
                    world.table.record(chunk, token, pack, ending, counted)?;
                    done = true;
                    world.say(|| format!("[{run}] recorded {chunk:?} ({counted}) → {:?}: {}", ending.next, tell(pack)));
                    Ok(())
                })
                .await;
            match recorded {
                Err(StoreError::Conflict(_)) if counted => {}
                other => return other,
            }
        }
        Ok(())
    }

    async fn record_wave(&self, chunk: ChunkRef, token: Ulid, pack: &OutcomePack, until: Timestamp) -> Result<(), StoreError> {
        let run = self.run;
        self.call(|world| {
            world.table.record_wave(chunk, token, pack, until)?;
            world.say(|| format!("[{run}] wave {} of {chunk:?}: {}", pack.wave, tell(pack)));
            Ok(())
        })
        .await
    }

    async fn record_late(&self, chunk: ChunkRef, token: Ulid, pack: &OutcomePack) -> Result<(), StoreError> {
        let run = self.run;
        self.call(|world| {
            world.say(|| format!("[{run}] late record of {chunk:?}: {}", tell(pack)));
            world.table.record_late(chunk, token, pack);
            Ok(())
        })
        .await
    }

    async fn amend(&self, chunk: ChunkRef, seen: &ChunkSummary, token: Ulid, pack: &OutcomePack, next: ChunkState) -> Result<bool, StoreError> {
        let run = self.run;
        self.call(|world| {
            let standing = world.table.chunks.get(&chunk).map(|chunk| (chunk.summary.state, chunk.summary.attempt));
            if standing == Some((ChunkState::Closed, seen.attempt)) {
                world.note_decision(chunk, pack);
            }
            let amended = world.table.amend(chunk, seen.attempt, token, pack, next);
            world.say(|| format!("[{run}] amends {chunk:?} ({amended}) → {next:?}: {}", tell(pack)));
            Ok(amended)
        })
        .await
    }

    async fn set_escalated(&self, chunk: ChunkRef, escalated: u32) -> Result<(), StoreError> {
        self.settle(|world| world.table.set_escalated(chunk, escalated)).await
    }

    async fn reserve(&self, rate: Rate<'_>, _: &ProviderState, units: u32) -> Result<Reservation, StoreError> {
        let now = self.now();
        self.call(|world| {
            if world.fault == Fault::PaceIgnored {
                return Ok(Reservation::After(0));
            }
            Ok(world.table.reserve(rate, units, now))
        })
        .await
    }

    async fn provider(&self, name: &str) -> Result<ProviderState, StoreError> {
        self.call(|world| Ok(world.table.provider(name))).await
    }

    async fn take(&self, name: &str, seen: &ProviderState, wanted: u32) -> Result<u32, StoreError> {
        let now = self.now();
        let mut state = seen.clone();
        for _ in 0..8 {
            let Some(remaining) = state.remaining(now) else { return Ok(wanted) };
            let granted = wanted.min(remaining);
            if granted == 0 {
                return Ok(0);
            }
            match self.call(|world| Ok(world.table.try_take(name, &state, granted, now))).await? {
                Ok(()) => return Ok(granted),
                Err(standing) => state = *standing,
            }
        }
        Err(StoreError::Throttled)
    }

    async fn close_provider(&self, name: &str, until: Timestamp, reason: &str) -> Result<(), StoreError> {
        let run = self.run;
        self.call(|world| {
            world.say(|| format!("[{run}] closes {name}: {reason}"));
            world.table.close_provider(name, until, reason);
            Ok(())
        })
        .await
    }

    async fn provider_failed(&self, name: &str) -> Result<u32, StoreError> {
        self.call(|world| Ok(world.table.provider_failed(name))).await
    }

    async fn provider_recovered(&self, name: &str) -> Result<(), StoreError> {
        self.call(|world| {
            world.table.provider_recovered(name);
            Ok(())
        })
        .await
    }
}

/// A pack in a word per recipient.
fn tell(pack: &OutcomePack) -> String {
    let outcomes: Vec<String> = pack
        .outcomes
        .iter()
        .map(|outcome| {
            let id = outcome.recipient.to_string();
            let reason = outcome.reason.as_deref().or(outcome.message_id.as_deref()).unwrap_or_default();
            format!("{}={:?}({reason})", &id[id.len() - 3..], outcome.result)
        })
        .collect();
    format!("attempt {} wave {} {}", pack.attempt, pack.wave, outcomes.join(" "))
}

impl Audience for Port {
    async fn walk(&self, _: &Filter, _: &[Channel], place: Option<&str>) -> Result<Stretch, StoreError> {
        self.call(|world| {
            let (now, size) = (world.now, world.plan.page);
            let mut vendors: Vec<(u64, &Recipient)> = world
                .vendors
                .iter()
                .filter(|vendor| vendor.joins_at <= now)
                .map(|vendor| {
                    let (before, after) = vendor.positions;
                    (if now < vendor.moves_at { before } else { after }, &vendor.recipient)
                })
                .collect();
            vendors.sort_by_key(|(position, _)| *position);
            let after = place.and_then(|place| place.parse::<u64>().ok());
            let mut rest = vendors.into_iter().filter(|(position, _)| after.is_none_or(|after| *position > after));
            let recipients: Vec<(Recipient, String)> = rest
                .by_ref()
                .take(size)
                .map(|(position, recipient)| (recipient.clone(), position.to_string()))
                .collect();
            let more = rest.next().is_some();
            Ok(Stretch {
                next: recipients.last().filter(|_| more).map(|(_, place)| place.clone()),
                recipients,
            })
        })
        .await
    }

    /// Campaigns of the simulation ask every vendor.
    async fn instead_of(&self, _: &Campaign, _: &[VendorId]) -> Result<Vec<Recipient>, StoreError> {
        Ok(Vec::new())
    }
}

impl Queue for Port {
    async fn enqueue_chunks(&self, campaign: CampaignId, channel: Channel, numbers: &[u32], delay_secs: i32) -> Result<(), Error> {
        if numbers.is_empty() {
            return Ok(());
        }
        let queue = match channel {
            Channel::Email => QueueName::Email,
            Channel::Whatsapp => QueueName::Whatsapp,
        };
        self.put_queue(|world| {
            for number in numbers {
                let chunk = ChunkRef {
                    campaign,
                    channel,
                    number: *number,
                };
                world.enqueue(queue, &Body::Chunk(chunk), i64::from(delay_secs));
            }
        })
        .await
    }

    async fn enqueue_campaign(&self, message: &CampaignMessage) -> Result<(), Error> {
        self.put_queue(|world| world.enqueue(QueueName::Campaigns, &Body::Campaign(message.clone()), 0))
            .await
    }

    fn has_time(&self) -> bool {
        let world = self.world();
        let run = &world.runs[self.run];
        // A planner may be cut off any time; a sender has at least the time to wait for its slot.
        let least = if run.checked.is_some() { 20 * SECOND } else { 0 };
        world.instant || world.now - run.started < world.plan.budget.max(least)
    }
}

impl Messages for Port {
    type Message = Outgoing;

    fn providers(&self, channel: Channel) -> Vec<Provider> {
        self.world().plan.of_channel(channel)
    }

    async fn render(&self, chunk: ChunkRef, recipients: &[Recipient]) -> Result<Vec<Result<Outgoing, String>>, Error> {
        self.pause().await;
        // The secrets cannot be read.
        let fails = {
            let mut world = self.world();
            let chance = world.plan.store_faults;
            world.unlucky(chance)
        };
        if fails {
            return Err("the simulation says so".into());
        }
        let render = |recipient: &Recipient| {
            let address = recipient.address(chunk.channel).unwrap_or_default().to_owned();
            if recipient.id.ulid().random().is_multiple_of(41) {
                return Err("missing_variable:city".to_owned());
            }
            Ok(Outgoing {
                chunk,
                vendor: recipient.id,
                address,
            })
        };
        Ok(recipients.iter().map(render).collect())
    }

    async fn send(&self, provider: Provider, messages: &[&Outgoing]) -> Vec<EntryResult> {
        self.pause().await;
        let mut answers = Vec::with_capacity(messages.len());
        let parts = match provider.style {
            delivery::Style::Bulk => 1,
            delivery::Style::Waves => self.world().rng.between(1, 3),
        };
        let size = messages.len().div_ceil(usize::try_from(parts).unwrap_or(1)).max(1);
        for part in messages.chunks(size) {
            answers.extend(self.world().take_messages(self.run, provider, part));
            // The answer is under way.
            self.pause().await;
            let slow = {
                let mut world = self.world();
                let (slow, unhurried) = (world.plan.slow, world.plan.unhurried);
                if world.unlucky(slow) {
                    Some(world.rng.between(SECOND, 20 * SECOND))
                } else if world.unlucky(unhurried) {
                    Some(world.rng.between(100_000, 3 * SECOND))
                } else {
                    None
                }
            };
            if let Some(micros) = slow {
                self.pause_for(micros).await;
            }
        }
        if self.world().fault == Fault::UnknownIsRetried {
            for answer in &mut answers {
                if let EntryResult::Unknown { reason } = answer {
                    *answer = EntryResult::Retry {
                        reason: reason.clone(),
                        wait: None,
                    };
                }
            }
        }
        answers
    }

    fn recorded(&self, _: ChunkRef, _: &OutcomePack) {}

    async fn opted_out(&self, chunk: ChunkRef, _: VendorId, address: &str, _: &str) -> Result<(), Error> {
        Ok(self.suppress(chunk.channel, address, SuppressionReason::Unsubscribe).await?)
    }
}
