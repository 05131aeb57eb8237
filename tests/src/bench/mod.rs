//! Benchmarks: what `make bench` measures, and the bars it holds the figures against.
//!
//! A suite is a function from [`Options`] to a [`Report`]. To add one, write it in a module of its own and list it in
//! [`SUITES`]; printing, comparing with bars and writing `target/bench.json` are done here for all of them.

pub mod calls;
mod campaign;
pub mod cold_start;
pub mod cost;
pub mod engine;
pub mod intake;
mod report;

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs};

pub use self::report::{Figure, Report, Table};

/// Why a measurement could not be made.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// A named group of measurements.
#[derive(Clone, Copy, Debug)]
pub struct Suite {
    /// The first part of every key of its figures, and what selects it on the command line.
    pub name: &'static str,
    /// Measures.
    pub run: fn(&Options) -> Result<Report, Error>,
}

/// Every suite, in the order in which they run.
pub const SUITES: &[Suite] = &[
    Suite {
        name: "calls_per_recipient",
        run: calls::run,
    },
    Suite {
        name: "cost",
        run: cost::run,
    },
    Suite {
        name: "engine",
        run: engine::run,
    },
    Suite {
        name: "webhook_intake",
        run: intake::run,
    },
    Suite {
        name: "cold_start",
        run: cold_start::run,
    },
];

/// What the person at the terminal asked for.
#[derive(Clone, Debug)]
pub struct Options {
    /// Measure only functions whose name contains this text; empty for all.
    pub only: String,
    /// How often a timing is repeated before its median is taken.
    pub runs: usize,
    /// The recipients of the campaigns that are counted.
    pub sizes: Vec<u32>,
}

/// Said beside throughput that was measured without the release profile's optimisation.
pub(crate) const UNOPTIMISED: Option<&str> = if cfg!(debug_assertions) {
    Some("this build is not optimised: the release profile (`cargo run --release -p tests --bin bench`) is several times faster")
} else {
    None
};

/// The processor time this process has used, all its threads together.
///
/// # Errors
/// Where the kernel does not report it: Linux does.
pub(crate) fn cpu_time() -> Result<Duration, Error> {
    let mut nanos = 0;
    for task in fs::read_dir("/proc/self/task")? {
        // A thread that has ended since is not there any more.
        let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else {
            continue;
        };
        nanos += text
            .split_whitespace()
            .next()
            .ok_or("the kernel does not report processor time")?
            .parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanos))
}

/// Counts of calls are far below 2^32.
pub(crate) fn as_f64(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// The top of the work tree.
pub(crate) fn workspace_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// Where cargo puts what it builds.
pub(crate) fn target_directory() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace_root().join("target"), |directory| workspace_root().join(directory))
}

/// Writes the figures of all reports to `bench.json` in the target directory, as one flat object, and returns its path.
///
/// # Errors
/// When the file cannot be written.
pub fn write_json(reports: &[Report]) -> Result<PathBuf, Error> {
    let figures: serde_json::Map<String, serde_json::Value> = reports
        .iter()
        .flat_map(|report| &report.figures)
        // Six digits after the point are more than any clock here resolves, and keep the file readable.
        .map(|figure| (figure.key.clone(), ((figure.value * 1e6).round() / 1e6).into()))
        .collect();
    let path = target_directory().join("bench.json");
    std::fs::write(&path, serde_json::to_string_pretty(&figures)? + "\n")?;
    Ok(path)
}
