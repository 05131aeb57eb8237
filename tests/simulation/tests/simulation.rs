//! The simulation itself: that the core holds its promises, and that the simulation would notice if it did not.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use simulation::{Fault, Invariant, run, run_broken};

/// Seeds of every `make test`; `make simulate` plays as many as one likes.
const SEEDS: u64 = 500;

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
        let (one, other) = (simulation::run_traced(seed), simulation::run_traced(seed));
        assert!(one.trace.is_some_and(|trace| !trace.is_empty()));
        assert_eq!(one.totals, other.totals);
        assert_eq!(simulation::run_traced(seed).trace, other.trace);
    }
}

/// Plays broken worlds until one violates the invariant.
#[track_caller]
fn check_caught(fault: Fault, invariant: Invariant, seeds: u64) {
    let caught = |seed: &u64| run_broken(*seed, fault).violations.iter().any(|violation| violation.invariant == invariant);
    let seed = (1..=seeds).find(caught);
    assert!(seed.is_some(), "{fault:?} went unnoticed by \"{invariant}\" for {seeds} seeds");
}
