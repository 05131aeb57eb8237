//! The delivery core in a simulated world that a seed determines: its clock, queues, store, providers and operators, with
//! whatever may go wrong with each, and a crash at any await.
//!
//! [`run`] plays one seed to its end and says which invariants of `design/testing.md` did not hold. The same seed is the same
//! run, on any machine. A [`Fault`] breaks one thing on purpose, to show that the invariants notice.

mod engine;
mod port;
mod provider;
mod random;
mod scenario;
mod table;
mod verdict;
mod worker;
mod world;

use std::fmt;

use domain::delivery::Channel;
use random::Rng;
use world::World;

pub use world::Totals;

/// What must hold in every run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Invariant {
    /// At most one message is accepted per campaign, channel and recipient, unless somebody chose to send again.
    OneAcceptance,
    /// Nothing is sent after an opt-out, a pause, a cancellation, the deadline, or in quiet hours, but what was under way.
    StopsAreHeeded,
    /// A recipient's status moves forward, unless somebody chose to send again.
    NeverBackwards,
    /// A chunk's counts are those of its items.
    CountsAreTheFold,
    /// Every recipient is in one class that is true, of one chunk, and a campaign completes only then.
    LedgerBalances,
    /// Every campaign that was not stopped ends, and none of its recipients is pending then.
    EveryoneEnds,
    /// A message nobody could handle is seen, and its campaign ends all the same.
    DeadLettersAreSeen,
    /// No provider is handed more than its rate, and a burst.
    PaceIsKept,
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Invariant::OneAcceptance => "at most one acceptance",
            Invariant::StopsAreHeeded => "stops are heeded",
            Invariant::NeverBackwards => "status never goes backwards",
            Invariant::CountsAreTheFold => "counters equal the fold",
            Invariant::LedgerBalances => "the ledger balances",
            Invariant::EveryoneEnds => "every recipient ends",
            Invariant::DeadLettersAreSeen => "dead letters are seen",
            Invariant::PaceIsKept => "the pace is kept",
        })
    }
}

/// What is broken on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// A claim is granted although another sender holds one.
    ClaimAlwaysWon,
    /// An attempt is recorded whoever holds the claim.
    TokenIgnored,
    /// An answer that was lost counts as a refusal.
    UnknownIsRetried,
    /// Nobody looks for opt-outs.
    SuppressionsForgotten,
    /// Nobody looks whether the campaign was stopped.
    StateNotChecked,
    /// Nobody looks at the deadline.
    DeadlineNotChecked,
    /// New events take the place of earlier ones.
    EventsForgotten,
    /// A fold does not see all items.
    FoldDropsItem,
    /// A fold that saw less replaces one that saw more.
    OlderFoldWins,
    /// Counts are added up instead of folded.
    CountsAdded,
    /// A campaign takes its chunks for done.
    BalanceIgnored,
    /// A planner that lost a race goes on as if it had won.
    RaceIgnored,
    /// Dead letters vanish.
    DeadLettersDropped,
    /// Nobody looks after campaigns.
    NoReconciler,
    /// Every slot is now.
    PaceIgnored,
}

/// An invariant that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which one.
    pub invariant: Invariant,
    /// How.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.what)
    }
}

/// What came of a run.
#[derive(Debug, Clone)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// What did not hold.
    pub violations: Vec<Violation>,
    /// What was counted.
    pub totals: Totals,
    /// Everything that happened, line by line, where it was asked for.
    pub trace: Option<String>,
}

/// Plays a seed.
pub fn run(seed: u64) -> Report {
    play(seed, Fault::None, false)
}

/// Plays a seed and writes down what happens.
pub fn run_traced(seed: u64) -> Report {
    play(seed, Fault::None, true)
}

/// Plays a seed in a world in which something is broken.
pub fn run_broken(seed: u64, fault: Fault) -> Report {
    play(seed, fault, false)
}

/// Plays a campaign of a channel in a world where nothing goes wrong and every recipient can be written to: what the core itself
/// takes, for benchmarks.
pub fn run_undisturbed(channel: Channel, recipients: u32) -> Report {
    let mut world = World::new(scenario::undisturbed(channel), Rng::new(1), Fault::None, false);
    scenario::populate_undisturbed(&mut world, channel, recipients);
    end(1, world)
}

fn play(seed: u64, fault: Fault, traced: bool) -> Report {
    let mut rng = Rng::new(seed);
    let mut plan = scenario::plan(&mut rng);
    if fault == Fault::TokenIgnored {
        // Only who is late finds another token in the place of its own.
        plan.zombies = 300_000;
    }
    if fault == Fault::OlderFoldWins {
        // Only where calls overtake each other is there an older one.
        plan.sluggish = 300_000;
    }
    let mut world = World::new(plan, rng, fault, traced);
    scenario::populate(&mut world);
    end(seed, world)
}

fn end(seed: u64, world: World) -> Report {
    let mut world = engine::run(world);
    world.judge();
    let World {
        violations, totals, trace, ..
    } = world;
    Report {
        seed,
        violations,
        totals,
        trace,
    }
}
