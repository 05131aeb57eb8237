//! Tells the benchmarks what they were compiled with.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let of = |name: &str| env::var(name).unwrap_or_default();
    // Cargo tells build scripts alone; `PROFILE` is what the profile inherits from in the end.
    println!("cargo::rustc-env=BUILD_PROFILE={}, opt-level {}", of("PROFILE"), of("OPT_LEVEL"));
}
