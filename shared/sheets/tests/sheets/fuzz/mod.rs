//! Fuzz targets. As tests they play the stored corpus (`__fuzz__/<target>/corpus`, and `crashes` found before) and then inputs of
//! fixed seeds, the same on every machine: a gate must not fail by chance. `make fuzz` goes on with random ones. With `cargo bolero`
//! the same targets run under a coverage-guided engine, which needs a nightly compiler and is no part of CI.
//!
//! A target asserts no result, only that there is one: no panic, nothing beyond the limits, and that what was accepted is
//! accepted again.

use std::collections::BTreeSet;
use std::path::Path;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// How many inputs are made of seeds.
const SEEDS: u64 = 300;

/// The longest of them, where a target does not say otherwise.
const MAX_LEN: usize = 1024;

/// Plays a target: a name, how long its inputs get, and what is done with one.
macro_rules! play {
    ($name:literal, $target:expr) => {
        play!($name, crate::fuzz::MAX_LEN, $target)
    };
    ($name:literal, $max_len:expr, $target:expr) => {{
        let target = $target;
        // `make fuzz` says how many, and for how long.
        bolero::check!(name = $name).with_iterations(0).with_max_len($max_len).for_each(&target);
        for seed in 0..crate::fuzz::SEEDS {
            let _shown = crate::fuzz::Shown(seed);
            target(&crate::fuzz::input(seed, $max_len));
        }
    }};
}

/// The input of a seed.
fn input(seed: u64, max_len: usize) -> Vec<u8> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut bytes = vec![0; rng.random_range(0..=max_len)];
    rng.fill(&mut bytes[..]);
    bytes
}

/// Names the seed of an input that a target did not survive.
struct Shown(u64);

impl Drop for Shown {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("with the input of seed {}", self.0);
        }
    }
}

mod files;
mod vendors;

/// A corpus is found by the target's name, so that one which was renamed would go unused without a word.
#[test]
fn every_target_has_a_corpus_and_every_corpus_a_target() {
    let sources = [include_str!("files.rs"), include_str!("vendors.rs")].concat();
    let targets: BTreeSet<&str> = sources
        .split("play!(\"")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once('"')?.0))
        .collect();
    assert!(targets.len() >= 10, "{targets:?}");
    assert_eq!(sources.matches("play!(").count(), targets.len(), "every target has a name of its own");

    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sheets/fuzz/__fuzz__");
    let directories: BTreeSet<String> = std::fs::read_dir(&corpora)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(directories.iter().map(String::as_str).collect::<BTreeSet<_>>(), targets);
    for target in targets {
        let seeds = std::fs::read_dir(corpora.join(target).join("corpus")).unwrap();
        assert!(seeds.count() > 0, "{target} has no seeds");
    }
}
