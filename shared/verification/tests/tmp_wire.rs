//! Temporary.
#![allow(unreachable_pub, missing_docs)]
extern crate self as tests;
#[path = "../../../tests/src/cashfree_simulator/mod.rs"]
pub mod cashfree_simulator;
#[path = "../../../tests/tests/verification_wire.rs"]
mod wire;
