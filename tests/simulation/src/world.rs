//! Everything outside the core, in one place: time, the table, the queues, the providers, and what really happened.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::fmt::Write as _;
use std::ops::AddAssign;

use delivery::{CLAIM, MAX_WAIT};
use domain::delivery::{Channel, DeliveryEvent, Recipient, RecipientClass};
use domain::work::{CampaignMessage, Scope};
use domain::{CampaignId, VendorId};
use jiff::Timestamp;
use store::{ChunkRef, StoreError, Touched};

use super::random::Rng;
use super::scenario::{Plan, ProviderPlan};
use super::table::Table;
use super::{Fault, Invariant, Violation};

/// A second of simulated time.
pub(crate) const SECOND: i64 = 1_000_000;
/// A minute.
pub(crate) const MINUTE: i64 = 60 * SECOND;
/// An hour.
pub(crate) const HOUR: i64 = 60 * MINUTE;

/// How long a worker may run.
pub(crate) const WORKER_LIFE: i64 = MINUTE;
/// How often a message is received before it is a dead letter.
const MAX_RECEIVES: u32 = 5;

/// With so many messages about none is delivered twice any more.
const CROWD: usize = 50;

/// Where messages wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum QueueName {
    Campaigns,
    Email,
    Whatsapp,
    Events,
    /// The table's stream: never a dead letter, and always comes again.
    Stream,
}

/// What a message says.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    Campaign(CampaignMessage),
    Chunk(ChunkRef),
    Events(Vec<Told>),
    Touched(Vec<Touched>),
}

/// An event on its way from a provider.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) chunk: ChunkRef,
    pub(crate) event: DeliveryEvent,
    pub(crate) address: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Where {
    Waiting,
    Received,
    Gone,
    Dead,
}

#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) queue: QueueName,
    pub(crate) body: Body,
    pub(crate) receives: u32,
    pub(crate) place: Where,
}

/// What an operator or a recipient does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Deed {
    Execute(usize),
    Pause(usize),
    Resume(usize, Scope),
    Cancel(usize),
    /// Decides by hand what became of recipients that are unknown.
    Resolve(usize),
    OptOut(usize, Channel),
    Answer(usize),
}

/// What happens at a time.
#[derive(Debug, Clone)]
pub(crate) enum Happening {
    /// A worker goes on.
    Wake(usize),
    /// A worker's time is up.
    Kill(usize),
    /// A message is handed out.
    Deliver(usize),
    /// A message that was handed out and not deleted comes back: which, and the how many-th receipt it was.
    Visible(usize, u32),
    /// What the stream gathered is handed out.
    Stream,
    /// Provider events reach our queue.
    Tell(Told),
    /// What gathered of them is handed out.
    Gathered,
    /// The reconciler's schedule.
    Tick,
    Deed(Deed),
}

/// A worker under way.
#[derive(Debug, Default)]
pub(crate) struct Run {
    pub(crate) started: i64,
    pub(crate) message: Option<usize>,
    /// Lives on although its time is up, as a machine that was frozen would.
    pub(crate) zombie: bool,
    /// When it read what must be known before sending, and how many things had happened by then.
    pub(crate) checked: Option<(i64, u64)>,
    pub(crate) deed: Option<(Deed, u32)>,
}

/// What a provider really did for a recipient.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    pub(crate) messages: Vec<Accepted>,
    /// Times somebody chose to send again what was unknown, or what the provider had given up.
    pub(crate) resends: usize,
}

#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) id: String,
    /// The provider gave it up later, or it came back.
    pub(crate) lost: bool,
}

/// When something began to hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Since {
    pub(crate) at: i64,
    pub(crate) step: u64,
}

/// A status a fold saw, as far as it may only move forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) class: RecipientClass,
    /// The provider gave a message up.
    pub(crate) given_up: bool,
    pub(crate) messages: u32,
    /// How many messages anything is known of.
    pub(crate) known: usize,
    pub(crate) reopened: usize,
    pub(crate) responded: bool,
    pub(crate) complained: bool,
}

/// A vendor of the organisation.
#[derive(Debug, Clone)]
pub(crate) struct Vendor {
    pub(crate) recipient: Recipient,
    /// Where the walk meets it: before and after its code changes.
    pub(crate) positions: (u64, u64),
    pub(crate) moves_at: i64,
    pub(crate) joins_at: i64,
}

/// What is counted, for the curious.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Port calls.
    pub calls: u64,
    /// Workers that were dropped at an await.
    pub crashes: u64,
    /// Calls to the store that failed or lost their answer.
    pub store_faults: u64,
    /// Messages a provider accepted.
    pub accepted: u64,
    /// Of those, answers that were lost.
    pub answers_lost: u64,
    /// Messages that ended in a dead-letter queue.
    pub dead_letters: u64,
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        let Self {
            calls,
            crashes,
            store_faults,
            accepted,
            answers_lost,
            dead_letters,
        } = other;
        self.calls += calls;
        self.crashes += crashes;
        self.store_faults += store_faults;
        self.accepted += accepted;
        self.answers_lost += answers_lost;
        self.dead_letters += dead_letters;
    }
}

/// The world.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) now: i64,
    pub(crate) rng: Rng,
    pub(crate) plan: Plan,
    pub(crate) fault: Fault,
    /// Nobody waits for anybody: for tests of the table alone.
    pub(crate) instant: bool,
    /// Counts what happened to the table, so that before and after are told apart within one microsecond.
    pub(crate) step: u64,
    agenda: BinaryHeap<Reverse<(i64, u64, u64)>>,
    happenings: HashMap<u64, Happening>,
    next: u64,
    pub(crate) table: Table,
    pub(crate) runs: Vec<Run>,
    pub(crate) messages: Vec<Message>,
    pub(crate) in_flight: BTreeMap<QueueName, usize>,
    /// Messages that are neither handled nor dead.
    live: usize,
    /// What an operator sees in the dead-letter queues.
    pub(crate) dead_letters: Vec<usize>,
    pub(crate) gathering: Vec<Told>,
    stream_due: bool,
    events_due: bool,
    pub(crate) vendors: Vec<Vendor>,
    pub(crate) campaigns: Vec<CampaignId>,
    pub(crate) truth: HashMap<(CampaignId, Channel, VendorId), Truth>,
    pub(crate) opted_out: HashMap<(Channel, String), Since>,
    /// When a campaign last stopped, while it is stopped.
    pub(crate) stopped: HashMap<CampaignId, Since>,
    pub(crate) seen: HashMap<ChunkRef, (u32, Vec<Seen>)>,
    /// When which provider was handed how many messages.
    pub(crate) handed: Vec<(&'static str, i64, u32)>,
    pub(crate) next_message_id: u64,
    pub(crate) violations: Vec<Violation>,
    pub(crate) totals: Totals,
    pub(crate) trace: Option<String>,
}

impl World {
    pub(crate) fn new(plan: Plan, rng: Rng, fault: Fault, traced: bool) -> Self {
        Self {
            now: plan.start,
            rng,
            fault,
            instant: false,
            step: 0,
            agenda: BinaryHeap::new(),
            happenings: HashMap::new(),
            next: 0,
            table: Table { fault, ..Table::default() },
            runs: Vec::new(),
            messages: Vec::new(),
            in_flight: BTreeMap::new(),
            live: 0,
            dead_letters: Vec::new(),
            gathering: Vec::new(),
            stream_due: false,
            events_due: false,
            vendors: Vec::new(),
            campaigns: Vec::new(),
            truth: HashMap::new(),
            opted_out: HashMap::new(),
            stopped: HashMap::new(),
            seen: HashMap::new(),
            handed: Vec::new(),
            next_message_id: 0,
            violations: Vec::new(),
            totals: Totals::default(),
            trace: traced.then(String::new),
            plan,
        }
    }

    pub(crate) fn timestamp(&self) -> Timestamp {
        Timestamp::from_microsecond(self.now).unwrap_or(Timestamp::MAX)
    }

    pub(crate) fn say(&mut self, text: impl FnOnce() -> String) {
        let at = self.now - self.plan.start;
        if let Some(trace) = &mut self.trace {
            let _ = writeln!(trace, "{:>12.6} {}", at as f64 / SECOND as f64, text());
        }
    }

    pub(crate) fn violate(&mut self, invariant: Invariant, what: impl Into<String>) {
        let what = what.into();
        self.say(|| format!("VIOLATION {invariant}: {what}"));
        // One of a kind says it all; thousands would only say it slowly.
        if self.violations.iter().filter(|known| known.invariant == invariant).count() < 5 {
            self.violations.push(Violation { invariant, what });
        }
    }

    /// Whether the weather is still bad: from some time on nothing fails any more, so that a run can come to an end.
    pub(crate) const fn is_calm(&self) -> bool {
        self.now >= self.plan.calm_from
    }

    pub(crate) fn at(&mut self, time: i64, what: Happening) {
        let order = self.rng.next();
        self.next += 1;
        self.happenings.insert(self.next, what);
        self.agenda.push(Reverse((time.max(self.now), order, self.next)));
    }

    /// Moves to what happens next.
    pub(crate) fn advance(&mut self) -> Option<Happening> {
        let Reverse((time, _, id)) = self.agenda.pop()?;
        self.now = time;
        self.happenings.remove(&id)
    }

    /// How long a call takes: milliseconds, now and then seconds.
    pub(crate) fn latency(&mut self, zombie: bool) -> i64 {
        if zombie && self.rng.chance(60_000) {
            return self.rng.between(5 * SECOND, 200 * SECOND);
        }
        let slow = if self.is_calm() { 0 } else { self.plan.slow };
        let sluggish = if self.is_calm() { 0 } else { self.plan.sluggish };
        if self.rng.chance(slow) {
            self.rng.between(SECOND / 2, 15 * SECOND)
        } else if self.rng.chance(sluggish) {
            self.rng.between(20_000, 2 * SECOND)
        } else {
            self.rng.between(200, 12_000)
        }
    }

    // Queues.

    /// Puts a message into a queue, perhaps twice.
    pub(crate) fn enqueue(&mut self, queue: QueueName, body: &Body, delay_secs: i64) {
        // Senders that find a chunk claimed put its message back. Were each of these doubled, too, they would soon be all there is.
        let crowded = self.live > CROWD;
        let twice = queue != QueueName::Stream && self.rng.chance(self.plan.duplicates) && !crowded;
        for _ in 0..=u8::from(twice) {
            let id = self.messages.len();
            self.messages.push(Message {
                queue,
                body: body.clone(),
                receives: 0,
                place: Where::Waiting,
            });
            self.live += 1;
            let late = if self.rng.chance(20_000) {
                self.rng.between(0, 5 * MINUTE)
            } else {
                self.rng.between(1_000, SECOND)
            };
            self.at(self.now + delay_secs * SECOND + late, Happening::Deliver(id));
        }
        self.say(|| format!("enqueue {queue:?} {body:?} in {delay_secs} s{}", if twice { ", twice" } else { "" }));
    }

    /// Hands a message out, unless nobody is free; says whether a worker is to be started.
    pub(crate) fn receive(&mut self, id: usize) -> bool {
        let (queue, place) = (self.messages[id].queue, self.messages[id].place);
        if place != Where::Waiting {
            return false;
        }
        let busy = self.in_flight.get(&queue).copied().unwrap_or(0);
        if busy >= self.plan.workers {
            let wait = self.rng.between(100_000, 3 * SECOND);
            self.at(self.now + wait, Happening::Deliver(id));
            return false;
        }
        let message = &mut self.messages[id];
        message.receives += 1;
        let receives = message.receives;
        if receives > MAX_RECEIVES && queue != QueueName::Stream {
            message.place = Where::Dead;
            self.live -= 1;
            self.totals.dead_letters += 1;
            self.say(|| format!("dead letter {id}"));
            if self.fault != Fault::DeadLettersDropped {
                self.dead_letters.push(id);
            }
            return false;
        }
        message.place = Where::Received;
        *self.in_flight.entry(queue).or_default() += 1;
        let again = if queue == QueueName::Stream {
            self.rng.between(WORKER_LIFE, WORKER_LIFE + 10 * SECOND)
        } else {
            self.plan.visibility
        };
        self.at(self.now + again, Happening::Visible(id, receives));
        true
    }

    /// A worker is gone. What it had received is deleted if it said so.
    pub(crate) fn finish(&mut self, run: usize, acknowledged: bool) {
        let Some(id) = self.runs[run].message else { return };
        let queue = self.messages[id].queue;
        if let Some(busy) = self.in_flight.get_mut(&queue) {
            *busy = busy.saturating_sub(1);
        }
        // The deletion may be lost, too.
        let there = matches!(self.messages[id].place, Where::Waiting | Where::Received);
        let crowded = self.live > CROWD;
        if acknowledged && there && (crowded || queue == QueueName::Stream || !self.unlucky(self.plan.duplicates)) {
            self.messages[id].place = Where::Gone;
            self.live -= 1;
        }
    }

    pub(crate) fn visible(&mut self, id: usize, receives: u32) {
        let message = &mut self.messages[id];
        if message.place == Where::Received && message.receives == receives {
            message.place = Where::Waiting;
            self.at(self.now, Happening::Deliver(id));
        }
    }

    pub(crate) fn unlucky(&mut self, parts: u32) -> bool {
        !self.is_calm() && self.rng.chance(parts)
    }

    /// Takes what the table's stream has: a batch is handed out a little later.
    pub(crate) fn watch_stream(&mut self) {
        if !self.table.stream.is_empty() && !self.stream_due {
            self.stream_due = true;
            let wait = self.rng.between(20_000, self.plan.gathering);
            self.at(self.now + wait, Happening::Stream);
        }
    }

    pub(crate) fn hand_out_stream(&mut self) {
        self.stream_due = false;
        let mut batch = std::mem::take(&mut self.table.stream);
        while !batch.is_empty() {
            let rest = batch.split_off(batch.len().min(100));
            self.enqueue(QueueName::Stream, &Body::Touched(batch), 0);
            batch = rest;
        }
    }

    pub(crate) fn gather(&mut self, told: Told) {
        self.gathering.push(told);
        if !self.events_due {
            self.events_due = true;
            let wait = self.rng.between(20_000, self.plan.gathering / 2);
            self.at(self.now + wait, Happening::Gathered);
        }
    }

    pub(crate) fn hand_out_events(&mut self) {
        self.events_due = false;
        let mut batch = std::mem::take(&mut self.gathering);
        while !batch.is_empty() {
            let rest = batch.split_off(batch.len().min(100));
            self.enqueue(QueueName::Events, &Body::Events(batch), 0);
            batch = rest;
        }
    }

    // Store.

    /// What becomes of a call to the store.
    pub(crate) fn fate(&mut self) -> Fate {
        self.totals.calls += 1;
        self.step += 1;
        if self.is_calm() {
            return Fate::Fine;
        }
        let out = self.plan.outages.iter().any(|(from, to)| (*from..*to).contains(&self.now));
        if !out && !self.rng.chance(self.plan.store_faults) {
            return Fate::Fine;
        }
        self.totals.store_faults += 1;
        self.rng.one_of(&[Fate::Refused, Fate::Unreachable, Fate::AnswerLost, Fate::Repeated])
    }

    // Sending.

    /// Looks at a message at the moment it goes to a provider: may it?
    pub(crate) fn may_send(&mut self, run: usize, chunk: ChunkRef, vendor: VendorId, address: &str) {
        let (now, zombie) = (self.now, self.runs[run].zombie);
        let Some((checked_at, checked)) = self.runs[run].checked else {
            self.violate(Invariant::StopsAreHeeded, format!("{vendor} was sent to without a check"));
            return;
        };
        // A chunk under way ends within its worker's life.
        let bound = MAX_WAIT.as_secs().max(0) * SECOND + WORKER_LIFE;
        let late = |since: Since, bound: i64| checked > since.step || (!zombie && now - since.at > bound);
        if let Some(since) = self.opted_out.get(&(chunk.channel, address.to_owned())).copied()
            && late(since, bound)
        {
            self.violate(
                Invariant::StopsAreHeeded,
                format!("{vendor} was sent to {} s after it had opted out", (now - since.at) / SECOND),
            );
        }
        if let Some(since) = self.stopped.get(&chunk.campaign).copied()
            && late(since, CLAIM.as_secs() * SECOND)
        {
            let state = self.table.campaign(chunk.campaign).map(|campaign| campaign.state);
            self.violate(
                Invariant::StopsAreHeeded,
                format!(
                    "{vendor} was sent to {} s after the campaign stopped ({state:?})",
                    (now - since.at) / SECOND
                ),
            );
        }
        let Ok(campaign) = self.table.campaign(chunk.campaign) else { return };
        let deadline = campaign.content.deadline.as_microsecond();
        if checked_at >= deadline || (!zombie && now - deadline > bound) {
            self.violate(
                Invariant::StopsAreHeeded,
                format!("{vendor} was sent to {} s after the deadline", (now - deadline) / SECOND),
            );
        }
        let quiet = |at: i64| Timestamp::from_microsecond(at).is_ok_and(|at| campaign.content.quiet_hours.is_quiet(at));
        if chunk.channel == Channel::Whatsapp && quiet(checked_at) {
            self.violate(Invariant::StopsAreHeeded, format!("{vendor} was sent to in quiet hours"));
        }
    }

    /// A provider takes responsibility for a message; gives its id.
    pub(crate) fn accept(&mut self, provider: &ProviderPlan, chunk: ChunkRef, vendor: VendorId, address: &str) -> String {
        self.next_message_id += 1;
        self.totals.accepted += 1;
        let id = format!("{}-{}", provider.name, self.next_message_id);
        let truth = self.truth.entry((chunk.campaign, chunk.channel, vendor)).or_default();
        truth.messages.push(Accepted { id: id.clone(), lost: false });
        let (accepted, resends) = (truth.messages.len(), truth.resends);
        if accepted > 1 + resends {
            self.violate(
                Invariant::OneAcceptance,
                format!("{vendor} got {accepted} messages of {chunk:?} after {resends} resends"),
            );
        }
        self.say(|| format!("{} accepted {id} for {vendor} of {chunk:?}", provider.name));
        self.promise_events(provider, chunk, vendor, address, &id);
        id
    }

    /// Counts messages handed to a provider.
    pub(crate) fn hand(&mut self, provider: &'static str, messages: usize) {
        self.handed.push((provider, self.now, u32::try_from(messages).unwrap_or(u32::MAX)));
    }
}

/// What becomes of a call to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Fine,
    /// Throttled: nothing happened.
    Refused,
    /// Nothing happened, and nobody knows.
    Unreachable,
    /// It happened, and nobody knows.
    AnswerLost,
    /// The SDK repeated a call that had happened.
    Repeated,
}

impl Fate {
    /// What the caller is told where there is no answer.
    pub(crate) fn error(self) -> Option<StoreError> {
        match self {
            Fate::Fine | Fate::Repeated => None,
            Fate::Refused => Some(StoreError::Throttled),
            Fate::Unreachable | Fate::AnswerLost => Some(StoreError::Unavailable("the simulation says so".into())),
        }
    }
}
