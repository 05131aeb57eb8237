//! Quiet hours: when a message that rings a telephone may go.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::{Date, Time, time};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::zone::india;

/// The hours of the Indian day, and whole days, in which no WhatsApp message or SMS goes. They delay, they never drop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuietHours {
    /// When they begin. Equal to `to`: no hours are quiet, only holidays.
    #[schema(value_type = String, example = "20:00:00")]
    pub from: Time,
    /// When they end; before `from` where they last past midnight.
    #[schema(value_type = String, example = "08:00:00")]
    pub to: Time,
    /// Days without messages at all.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[schema(value_type = Vec<String>, example = json!(["2026-11-08"]))]
    pub holidays: BTreeSet<Date>,
}

impl Default for QuietHours {
    /// 20:00 to 08:00, no holidays.
    fn default() -> Self {
        Self {
            from: time(20, 0, 0, 0),
            to: time(8, 0, 0, 0),
            holidays: BTreeSet::new(),
        }
    }
}

impl QuietHours {
    /// Whether a message may not go at this time.
    pub fn is_quiet(&self, at: Timestamp) -> bool {
        let local = india().to_datetime(at);
        self.holidays.contains(&local.date()) || self.is_quiet_hour(local.time())
    }

    fn is_quiet_hour(&self, at: Time) -> bool {
        if self.from <= self.to {
            self.from <= at && at < self.to
        } else {
            at >= self.from || at < self.to
        }
    }

    /// When a message may go next, or `None` when it may go now.
    pub fn opens_at(&self, now: Timestamp) -> Option<Timestamp> {
        let mut local = india().to_datetime(now);
        let mut waits = false;
        loop {
            let (date, at) = (local.date(), local.time());
            let is_holiday = self.holidays.contains(&date);
            if !is_holiday && !self.is_quiet_hour(at) {
                return waits.then(|| india().to_timestamp(local).ok()).flatten();
            }
            waits = true;
            // The hours of this day that are left are quiet to the end where a holiday or the evening of hours past midnight.
            let lasts_to_midnight = is_holiday || (self.from > self.to && at >= self.from);
            local = if lasts_to_midnight {
                // The calendar ends in the year 9999: then there is nothing to wait for.
                date.tomorrow().ok()?.to_datetime(Time::midnight())
            } else {
                date.to_datetime(self.to)
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    fn opens(quiet: &QuietHours, at: &str) -> Option<String> {
        let at: Timestamp = at.parse().unwrap();
        quiet.opens_at(at).map(|opens| india().to_datetime(opens).to_string())
    }

    #[test]
    fn the_night_delays_to_the_morning() {
        let quiet = QuietHours::default();
        for (at, expected) in [
            ("2026-11-02T10:00:00+05:30", None),
            ("2026-11-02T08:00:00+05:30", None),
            ("2026-11-02T19:59:59+05:30", None),
            ("2026-11-02T20:00:00+05:30", Some("2026-11-03T08:00:00")),
            ("2026-11-02T23:59:59+05:30", Some("2026-11-03T08:00:00")),
            ("2026-11-03T00:00:00+05:30", Some("2026-11-03T08:00:00")),
            ("2026-11-03T07:59:59+05:30", Some("2026-11-03T08:00:00")),
            // UTC is five and a half hours behind.
            ("2026-11-02T15:00:00Z", Some("2026-11-03T08:00:00")),
        ] {
            assert_eq!(opens(&quiet, at).as_deref(), expected, "{at}");
        }
    }

    #[test]
    fn holidays_in_a_row_delay_to_the_morning_after_the_last() {
        // Diwali 2026 and the day after.
        let quiet = QuietHours {
            holidays: BTreeSet::from([date(2026, 11, 8), date(2026, 11, 9)]),
            ..QuietHours::default()
        };
        for (at, expected) in [
            ("2026-11-07T19:00:00+05:30", None),
            ("2026-11-07T21:00:00+05:30", Some("2026-11-10T08:00:00")),
            ("2026-11-08T12:00:00+05:30", Some("2026-11-10T08:00:00")),
            ("2026-11-10T09:00:00+05:30", None),
        ] {
            assert_eq!(opens(&quiet, at).as_deref(), expected, "{at}");
        }
    }

    #[test]
    fn hours_within_a_day_and_no_hours_at_all() {
        let lunch = QuietHours {
            from: time(13, 0, 0, 0),
            to: time(14, 0, 0, 0),
            holidays: BTreeSet::new(),
        };
        assert_eq!(opens(&lunch, "2026-11-02T13:30:00+05:30").as_deref(), Some("2026-11-02T14:00:00"));
        assert_eq!(opens(&lunch, "2026-11-02T23:30:00+05:30"), None);
        let never = QuietHours {
            from: Time::midnight(),
            to: Time::midnight(),
            holidays: BTreeSet::from([date(2026, 11, 2)]),
        };
        assert_eq!(opens(&never, "2026-11-02T13:30:00+05:30").as_deref(), Some("2026-11-03T00:00:00"));
        assert_eq!(opens(&never, "2026-11-03T03:30:00+05:30"), None);
    }

    proptest! {
        /// Whatever the hours and holidays: the answer is never quiet, never in the past, and nothing open lies before it.
        #[test]
        fn what_opens_is_open_and_is_the_first_to_be(
            (from, to) in (0..96_i8, 0..96_i8),
            holidays in prop::collection::btree_set(0..30_i64, 0..12),
            now in 1_793_500_000..1_796_000_000_i64,
            probe in 0.0..1.0_f64,
        ) {
            let quarter = |n: i8| time(n / 4, n % 4 * 15, 0, 0);
            let first = date(2026, 11, 1);
            let quiet = QuietHours {
                from: quarter(from),
                to: quarter(to),
                holidays: holidays.iter().map(|day| first.checked_add(jiff::SignedDuration::from_hours(24 * day)).unwrap()).collect(),
            };
            let now = Timestamp::from_second(now).unwrap();
            match quiet.opens_at(now) {
                None => prop_assert!(!quiet.is_quiet(now)),
                Some(opens) => {
                    prop_assert!(opens > now);
                    prop_assert!(!quiet.is_quiet(opens));
                    let between = now.as_second() + ((opens.as_second() - now.as_second() - 1) as f64 * probe) as i64;
                    prop_assert!(quiet.is_quiet(Timestamp::from_second(between).unwrap()));
                }
            }
        }
    }
}
