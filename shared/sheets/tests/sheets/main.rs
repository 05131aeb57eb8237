//! Everything `sheets` promises, by way of its public functions.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic where it happened")]

mod fuzz;
mod reading;
mod support;
mod writing;
