//! That the core keeps its promises whatever the simulation does to it, and that the simulation would notice if it did not.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use simulation::{Fault, Invariant, run, run_broken, run_traced};

/// Seeds of every `make test`; `make simulate` plays as many as one likes.
const SEEDS: u64 = 500;
/// Broken worlds played at most until one must have been noticed.
const BROKEN: u64 = 3_000;

#[test]
fn the_core_keeps_every_promise_for_five_hundred_seeds() {
    let next = AtomicU64::new(1);
    let work = || {
        let mut violations = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed > SEEDS {
                return violations;
            }
            let report = run(seed);
            violations.extend(report.violations.iter().map(|violation| format!("seed={seed}: {violation}")));
        }
    };
    let violations: Vec<String> = thread::scope(|scope| {
        let workers = [scope.spawn(work), scope.spawn(work)];
        workers.into_iter().flat_map(|worker| worker.join().expect("no seed panics")).collect()
    });
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in [3, 7, 11] {
        let (one, other) = (run_traced(seed), run_traced(seed));
        assert!(one.trace.as_ref().is_some_and(|trace| !trace.is_empty()));
        assert_eq!((one.trace, one.totals), (other.trace, other.totals));
        assert_eq!(run(seed).totals, other.totals);
    }
}

/// Plays broken worlds until one violates the invariant.
#[track_caller]
fn check_caught(fault: Fault, invariant: Invariant) {
    let caught = |seed: &u64| {
        run_broken(*seed, fault)
            .violations
            .iter()
            .any(|violation| violation.invariant == invariant)
    };
    let seed = (1..=BROKEN).find(caught);
    assert!(seed.is_some(), "{fault:?} went unnoticed by \"{invariant}\" for {BROKEN} seeds");
}

#[test]
fn a_claim_that_always_wins_is_caught_sending_twice() {
    check_caught(Fault::ClaimAlwaysWon, Invariant::OneAcceptance);
}

#[test]
fn a_lost_answer_taken_for_a_refusal_is_caught_sending_twice() {
    check_caught(Fault::UnknownIsRetried, Invariant::OneAcceptance);
}

#[test]
fn a_record_without_the_claim_is_caught() {
    check_caught(Fault::TokenIgnored, Invariant::OneAcceptance);
}

#[test]
fn a_sender_that_forgets_opt_outs_is_caught() {
    check_caught(Fault::SuppressionsForgotten, Invariant::StopsAreHeeded);
}

#[test]
fn a_sender_that_does_not_see_a_pause_or_a_cancellation_is_caught() {
    check_caught(Fault::StateNotChecked, Invariant::StopsAreHeeded);
}

#[test]
fn a_sender_that_does_not_see_the_deadline_is_caught() {
    check_caught(Fault::DeadlineNotChecked, Invariant::StopsAreHeeded);
}

#[test]
fn events_that_replace_earlier_ones_are_caught_turning_a_status_back() {
    check_caught(Fault::EventsForgotten, Invariant::NeverBackwards);
}

#[test]
fn a_fold_that_misses_an_item_is_caught() {
    check_caught(Fault::FoldDropsItem, Invariant::CountsAreTheFold);
}

#[test]
fn an_older_fold_in_the_place_of_a_newer_one_is_caught() {
    check_caught(Fault::OlderFoldWins, Invariant::CountsAreTheFold);
}

#[test]
fn counts_that_are_added_instead_of_folded_are_caught() {
    check_caught(Fault::CountsAdded, Invariant::CountsAreTheFold);
}

#[test]
fn a_campaign_that_completes_before_its_ledger_balances_is_caught() {
    check_caught(Fault::BalanceIgnored, Invariant::LedgerBalances);
}

#[test]
fn a_planner_that_goes_on_after_a_lost_race_is_caught_leaving_recipients_out() {
    check_caught(Fault::RaceIgnored, Invariant::LedgerBalances);
}

#[test]
fn a_world_without_a_reconciler_is_caught_leaving_campaigns_behind() {
    check_caught(Fault::NoReconciler, Invariant::EveryoneEnds);
}

#[test]
fn dead_letters_that_vanish_are_caught() {
    check_caught(Fault::DeadLettersDropped, Invariant::DeadLettersAreSeen);
}

#[test]
fn dead_letters_nobody_makes_up_for_are_caught() {
    check_caught(Fault::NoReconciler, Invariant::DeadLettersAreSeen);
}

#[test]
fn a_pace_that_is_ignored_is_caught() {
    check_caught(Fault::PaceIgnored, Invariant::PaceIsKept);
}
