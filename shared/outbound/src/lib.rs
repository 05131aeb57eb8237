//! HTTPS to the outside world: to providers whose addresses we know, and to addresses that somebody typed.
//!
//! The two are kept apart. [`https::Https`] talks to a provider at an address of the code or of a secret, and keeps its connections.
//! [`Fetcher`] reads from an address a user chose, and trusts neither it nor what answers there: see [`fetch`].
//!
//! Nothing here reads a clock or the environment, logs anything, or tries anything twice.

pub mod address;
pub mod fetch;
pub mod https;
mod resolve;
mod spool;

pub use address::AddressClass;
pub use fetch::{FetchError, FetchRequest, Fetched, Fetcher, Policy, is_host};
pub use resolve::{Resolver, SystemResolver};
