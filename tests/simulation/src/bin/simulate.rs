//! Plays seeds of the simulation and reports those that violate an invariant.

#![expect(clippy::print_stdout, reason = "the report is what the command is for")]

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use clap::Parser;
use simulation::{Report, Totals};

/// Plays seeds of the simulated delivery core.
#[derive(Parser)]
struct Arguments {
    /// How many seeds to play.
    #[arg(long, default_value_t = 2_000)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// Prints all that happens; for a single seed.
    #[arg(short, long)]
    verbose: bool,
}

fn main() -> ExitCode {
    let Arguments { seeds, first, verbose } = Arguments::parse();
    let mut totals = Totals::default();
    let violations = if seeds == 1 {
        let report = simulation::run_traced(first);
        if let Some(trace) = &report.trace
            && (verbose || !report.violations.is_empty())
        {
            print!("{trace}");
        }
        tell(&report);
        totals = report.totals;
        report.violations.len()
    } else {
        play(first, seeds, &mut totals)
    };
    if verbose {
        println!("{totals:?}");
    }
    println!("simulate: seeds={seeds} violations={violations}");
    if violations == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Plays seeds on every core; gives how many violations there were.
fn play(first: u64, seeds: u64, totals: &mut Totals) -> usize {
    let next = AtomicU64::new(first);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let work = || {
        let (mut violations, mut totals) = (0, Totals::default());
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first.saturating_add(seeds) {
                return (violations, totals);
            }
            let report = simulation::run(seed);
            tell(&report);
            violations += report.violations.len();
            totals += report.totals;
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        let mut violations = 0;
        for worker in workers {
            if let Ok((found, counted)) = worker.join() {
                violations += found;
                *totals += counted;
            } else {
                // A panic is worse than any violation.
                violations += 1;
            }
        }
        violations
    })
}

fn tell(report: &Report) {
    for violation in &report.violations {
        println!("seed={}: {violation}", report.seed);
    }
}
