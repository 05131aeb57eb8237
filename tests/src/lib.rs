//! What the tests and benchmarks stand on: the local stack and the simulators of the providers.

pub mod bench;
pub mod catalogue;
pub mod demo;
pub mod harness;
pub mod local;
pub mod meta_simulator;
pub mod sendgrid_simulator;
pub mod ses_simulator;
pub mod smtp_server;
