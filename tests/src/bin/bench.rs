//! `make bench`: runs the benchmark suites, prints their tables, and writes every figure to `target/bench.json`.
#![expect(clippy::print_stdout, reason = "the tables are this program's output")]

use std::process::ExitCode;

use clap::Parser;
use tests::bench::{self, Error, Options, Report, SUITES, Suite, ground};

/// Measures the functions against the project's bars.
#[derive(Debug, Parser)]
struct Arguments {
    /// Suites to run, by name or its beginning; all when none is named.
    #[arg(value_parser = suite)]
    suites: Vec<&'static str>,
    /// Measure only functions whose name contains this text.
    #[arg(long, default_value = "")]
    only: String,
    /// How often each timing is repeated before its median is taken.
    #[arg(long, default_value = "20", value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// How many recipients the campaigns of calls_per_recipient have.
    #[arg(long, value_delimiter = ',', default_values_t = bench::calls::SIZES, value_parser = clap::value_parser!(u32).range(1..))]
    sizes: Vec<u32>,
}

/// The suite that is meant.
fn suite(text: &str) -> Result<&'static str, String> {
    let found = SUITES.iter().map(|suite| suite.name).find(|name| name.starts_with(text));
    found.ok_or_else(|| format!("there are {}", SUITES.iter().map(|suite| suite.name).collect::<Vec<_>>().join(", ")))
}

fn main() -> ExitCode {
    if let Ok(work) = std::env::var(ground::CHILD) {
        return child(&work);
    }
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Works for another process of this program, which measures.
fn child(work: &str) -> ExitCode {
    let worked = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::from)
        .and_then(|runtime| runtime.block_on(ground::work(work)));
    match worked {
        Ok(used) => {
            println!("{used}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A missed bar is a finding, not a failure: only a measurement that could not be made ends with an error.
fn run(arguments: &Arguments) -> Result<(), Error> {
    let options = Options {
        only: arguments.only.clone(),
        runs: usize::from(arguments.runs),
        sizes: arguments.sizes.clone(),
    };
    let is_wanted = |suite: &&Suite| arguments.suites.is_empty() || arguments.suites.contains(&suite.name);
    let mut reports = Vec::new();
    let done = SUITES
        .iter()
        .filter(is_wanted)
        .try_for_each(|suite| measure(suite, &options, &mut reports));
    // Not before: the workers write their metrics to standard output as they do in Lambda, a line a chunk.
    for report in &reports {
        println!("\n{report}");
    }
    done
}

fn measure(suite: &Suite, options: &Options, reports: &mut Vec<Report>) -> Result<(), Error> {
    let report = (suite.run)(options)?;
    // After each: a run that is interrupted keeps what it has.
    let path = bench::write_json(suite, options, &report)?;
    eprintln!("  {}: {}", suite.name, path.display());
    reports.push(report);
    Ok(())
}
