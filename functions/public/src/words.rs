//! Dates and terms as a reader in India expects them.

use domain::declaration::Activity;
use domain::vendor::MsmeStatus;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

// India has kept UTC+05:30 without change since 1945, so no time-zone database is needed.
const INDIA_AHEAD_OF_UTC: SignedDuration = SignedDuration::from_mins(330);

/// As in `31 January 2027, 11:59 pm Indian time`.
pub(crate) fn moment(at: Timestamp) -> String {
    (at + INDIA_AHEAD_OF_UTC)
        .to_zoned(TimeZone::UTC)
        .strftime("%-d %B %Y, %-I:%M %P Indian time")
        .to_string()
}

/// As in `15 July 2021`.
pub(crate) fn day(day: Date) -> String {
    day.strftime("%-d %B %Y").to_string()
}

/// A status as a person says it.
pub(crate) const fn status(status: MsmeStatus) -> &'static str {
    match status {
        MsmeStatus::Unknown => "Not known yet",
        MsmeStatus::Micro => "Micro enterprise",
        MsmeStatus::Small => "Small enterprise",
        MsmeStatus::Medium => "Medium enterprise",
        MsmeStatus::RegisteredTrader => "Trader registered on Udyam",
        MsmeStatus::NotRegistered => "Not registered on Udyam",
    }
}

/// An activity as a person says it.
pub(crate) const fn activity(activity: Activity) -> &'static str {
    match activity {
        Activity::Manufacturing => "Manufacturing",
        Activity::Services => "Services",
        Activity::Trading => "Trading",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_told_in_indian_time() {
        assert_eq!(moment("2027-01-31T18:29:59Z".parse().unwrap()), "31 January 2027, 11:59 pm Indian time");
        assert_eq!(moment("2027-01-31T18:30:00Z".parse().unwrap()), "1 February 2027, 12:00 am Indian time");
    }
}
