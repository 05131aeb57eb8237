//! Benchmarks: what `make bench` measures, and the bars it holds the figures against.
//!
//! A suite is a function from [`Options`] to a [`Report`]. To add one, write it in a module of its own and list it in
//! [`SUITES`]; printing, comparing with bars and writing `target/bench.json` are done here for all of them.

pub mod calls;
mod campaign;
pub mod cold_start;
pub mod cost;
pub mod engine;
pub mod ground;
pub mod intake;
mod report;
pub mod vendors;

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
    /// What the code it measures was compiled with.
    pub build_profile: &'static str,
    /// Measures.
    pub run: fn(&Options) -> Result<Report, Error>,
}

/// Every suite, in the order in which they run.
pub const SUITES: &[Suite] = &[
    Suite {
        name: "calls_per_recipient",
        build_profile: BUILD_PROFILE,
        run: calls::run,
    },
    Suite {
        name: "cost",
        build_profile: BUILD_PROFILE,
        run: cost::run,
    },
    Suite {
        name: "engine",
        build_profile: BUILD_PROFILE,
        run: engine::run,
    },
    Suite {
        name: "webhook_intake",
        build_profile: BUILD_PROFILE,
        run: intake::run,
    },
    Suite {
        name: "vendors",
        build_profile: BUILD_PROFILE,
        run: vendors::run,
    },
    Suite {
        name: "cold_start",
        // The functions as they are deployed, in processes of their own.
        build_profile: "release",
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

/// What this program, and with it all that it measures in its own process, was compiled with.
pub const BUILD_PROFILE: &str = env!("BUILD_PROFILE");

impl Options {
    /// Whether a suite is to measure all it can.
    fn is_all(&self) -> bool {
        self.only.is_empty() && self.sizes == calls::SIZES
    }
}

/// Said beside throughput that was measured without optimisation of our own code.
pub(crate) fn unoptimised() -> Option<String> {
    BUILD_PROFILE
        .ends_with("opt-level 0")
        .then(|| format!("measured without optimisation ({BUILD_PROFILE}): `make bench` builds with it"))
}

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

/// Puts a suite's figures into `bench.json` in the target directory, a flat object, and returns its path. What other suites measured
/// stays, and so does what a run of a part of this one left out.
///
/// # Errors
/// When the file cannot be written.
pub fn write_json(suite: &Suite, options: &Options, report: &Report) -> Result<PathBuf, Error> {
    let path = target_directory().join("bench.json");
    // A file that cannot be read as such an object is an interrupted run's.
    let before = fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let figures = merged(before.unwrap_or_default(), suite, options, report);
    fs::write(&path, serde_json::to_string_pretty(&figures)? + "\n")?;
    Ok(path)
}

fn merged(mut figures: Figures, suite: &Suite, options: &Options, report: &Report) -> Figures {
    if options.is_all() {
        // So that a figure that is no longer measured does not stay for ever.
        figures.retain(|key, _| key.split('.').next() != Some(suite.name));
    }
    for figure in &report.figures {
        // Six digits after the point are more than any clock here resolves, and keep the file readable.
        figures.insert(figure.key.clone(), ((figure.value * 1e6).round() / 1e6).into());
    }
    figures.insert(format!("{}.build_profile", suite.name), suite.build_profile.into());
    figures
}

type Figures = serde_json::Map<String, serde_json::Value>;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_run_of_a_part_leaves_the_rest_of_the_figures() {
        let suite = Suite {
            name: "engine",
            build_profile: "debug, opt-level 2",
            run: engine::run,
        };
        let report = Report {
            title: String::new(),
            table: Table::default(),
            figures: vec![Figure::new("engine.email.recipients_per_s", 2.000_000_4)],
            notes: Vec::new(),
        };
        let before = json!({
            "cost.email.total.usd": 1.0,
            "engine.email.recipients_per_s": 1.0,
            "engine.whatsapp.recipients_per_s": 1.0,
        });
        let after = |sizes: &[u32]| {
            let options = Options {
                only: String::new(),
                runs: 1,
                sizes: sizes.to_vec(),
            };
            serde_json::Value::from(merged(before.as_object().cloned().unwrap_or_default(), &suite, &options, &report))
        };
        let mut expected = json!({
            "cost.email.total.usd": 1.0,
            "engine.build_profile": "debug, opt-level 2",
            "engine.email.recipients_per_s": 2.0,
            "engine.whatsapp.recipients_per_s": 1.0,
        });
        assert_eq!(after(&[1_000]), expected);
        if let Some(figures) = expected.as_object_mut() {
            figures.remove("engine.whatsapp.recipients_per_s");
        }
        assert_eq!(after(&calls::SIZES), expected);
    }
}
