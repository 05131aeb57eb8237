//! What the tests and benchmarks stand on: the local stack and the simulators of the providers.

pub mod aws_in_process;
pub mod bench;
pub mod cashfree_simulator;
pub mod catalogue;
pub mod crash_matrix;
pub mod demo;
pub mod harness;
pub mod local;
pub mod meta_simulator;
pub mod sendgrid_simulator;
pub mod ses_simulator;
pub mod smtp_server;

/// The beginning of a client for servers on this machine: no proxy, and the TLS the product uses, without which `reqwest` has none.
///
/// # Panics
/// When the cryptography library offers no version of TLS.
pub fn http() -> reqwest::ClientBuilder {
    let tls = outbound::https::tls().unwrap_or_else(|error| panic!("no TLS: {error}"));
    reqwest::Client::builder().no_proxy().tls_backend_preconfigured(tls)
}
