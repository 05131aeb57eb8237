//! Fuzz targets. As tests they play the stored corpus (`__fuzz__/<target>/corpus`, and `crashes` found before) and then random
//! inputs for half a second; `BOLERO_RANDOM_TEST_TIME_MS` lets them go on longer. With `cargo bolero` the same targets run
//! under a coverage-guided engine, which needs a nightly compiler and is no part of CI.
//!
//! A target asserts no result, only that there is one: no panic, nothing beyond the limits, and that what was accepted is
//! accepted again.

mod files;
mod vendors;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

const TIME: Duration = Duration::from_millis(500);

/// A corpus is found by the target's name, so that one which was renamed would go unused without a word.
#[test]
fn every_target_has_a_corpus_and_every_corpus_a_target() {
    let sources = [include_str!("files.rs"), include_str!("vendors.rs")].concat();
    let targets: BTreeSet<&str> = sources
        .split("check!(name = \"")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once('"')?.0))
        .collect();
    assert!(targets.len() >= 10, "{targets:?}");
    assert_eq!(sources.matches("check!(").count(), targets.len(), "every target has a name of its own");

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
