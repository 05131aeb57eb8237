//! DynamoDB: keys, items and repositories. One table; the only crate that writes expressions.
//!
//! Each repository is a module of functions over [`Store`], in the words of its access patterns. What a condition
//! protects is said above it.

mod client;
mod counters;
mod error;
mod keys;

pub mod audience;
pub mod campaigns;
pub mod chunks;
pub mod directory;
pub mod exports;
pub mod gcra;
pub mod idempotency;
pub mod imports;
pub mod inbound;
pub mod lockout;
pub mod proposals;
pub mod providers;
pub mod responses;
pub mod schedules;
pub mod segments;
pub mod suppressions;
pub mod sync_sources;
pub mod templates;
pub mod users;
pub mod vendors;
pub mod verifications;

pub use client::{Page, PageKey, PageRequest, Store};
pub use counters::VendorCounts;
pub use error::StoreError;
pub use keys::{ChunkRef, Touched, touched_by_stream_key};
