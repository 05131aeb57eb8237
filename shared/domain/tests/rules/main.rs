//! Dated rules against published vectors, tables and generated values.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod classification;
mod ladder;
mod pan_group;
mod payment;
mod status;

use domain::VendorId;
use jiff::Timestamp;
use jiff::civil::Date;
use ulid::Ulid;

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

/// Noon in India.
fn noon(text: &str) -> Timestamp {
    format!("{text}T06:30:00Z").parse().unwrap()
}

fn vendor(number: u128) -> VendorId {
    VendorId::from_ulid(Ulid::from_parts(1_700_000_000_000, number))
}
