//! EventBridge's six-field cron expressions: checked as EventBridge checks them, and evaluated for display.
//!
//! Rules: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cron-expressions.html>.

use std::fmt;

use jiff::civil::{Date, DateTime, Weekday};

const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const FIRST_YEAR: u16 = 1970;
const LAST_YEAR: u16 = 2199;
/// How far an occurrence is looked for: 29 February on a given weekday comes back after 40 years at most.
const HORIZON_DAYS: u32 = 41 * 366;

/// A cron expression EventBridge takes, without the surrounding `cron(…)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    text: String,
    minutes: Vec<u16>,
    hours: Vec<u16>,
    months: Vec<u16>,
    years: Vec<u16>,
    days: Days,
}

/// Which days of a month: EventBridge takes either days of the month or weekdays, never both.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Days {
    OfMonth(Vec<DayOfMonth>),
    OfWeek(Vec<DayOfWeek>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DayOfMonth {
    /// `15`.
    Number(u16),
    /// `L`.
    Last,
    /// `15W`: the working day nearest to it, in the same month.
    NearestWeekday(u16),
    /// `LW`: the last working day.
    LastWeekday,
}

/// Weekdays count from 1 for Sunday.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DayOfWeek {
    /// `2`, `MON`.
    Number(u16),
    /// `6L`: the last Friday of the month.
    Last(u16),
    /// `3#2`: the second Tuesday of the month.
    Nth(u16, u16),
}

/// The field of a cron expression that EventBridge would refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCron {
    /// Not six fields.
    #[error("a cron expression has six fields: minutes, hours, day of month, month, day of week, year")]
    Fields,
    /// Both days of the month and weekdays, or neither.
    #[error("exactly one of day of month and day of week must be a question mark")]
    Days,
    /// A field holds something else than its values and wildcards.
    #[error("the field {0} of the cron expression holds something it cannot")]
    Field(&'static str),
}

impl Cron {
    /// Checks the six fields, as in `0 10 ? * MON-FRI *`.
    ///
    /// # Errors
    /// The first thing EventBridge would refuse.
    pub fn parse(text: &str) -> Result<Self, InvalidCron> {
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let &[minutes, hours, day, month, weekday, year] = fields.as_slice() else {
            return Err(InvalidCron::Fields);
        };
        let days = match (day, weekday) {
            ("?", "?") => return Err(InvalidCron::Days),
            (day, "?") => Days::OfMonth(days_of_month(day).ok_or(InvalidCron::Field("day of month"))?),
            ("?", weekday) => Days::OfWeek(days_of_week(weekday).ok_or(InvalidCron::Field("day of week"))?),
            _ => return Err(InvalidCron::Days),
        };
        let field = |name, text, range| numbers(text, range, &[]).ok_or(InvalidCron::Field(name));
        Ok(Self {
            text: fields.join(" "),
            minutes: field("minutes", minutes, (0, 59))?,
            hours: field("hours", hours, (0, 23))?,
            months: numbers(month, (1, 12), &MONTHS).ok_or(InvalidCron::Field("month"))?,
            years: field("year", year, (FIRST_YEAR, LAST_YEAR))?,
            days,
        })
    }

    /// The first time after `after` at which it fires, on the wall clock of its zone.
    pub fn next(&self, after: DateTime) -> Option<DateTime> {
        let mut date = after.date();
        for _ in 0..HORIZON_DAYS {
            if self.is_on(date) {
                let fires = self.times(date).find(|at| *at > after);
                if fires.is_some() {
                    return fires;
                }
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    /// The last time up to and including `until` at which it fired, on the wall clock of its zone.
    pub fn previous(&self, until: DateTime) -> Option<DateTime> {
        let mut date = until.date();
        for _ in 0..HORIZON_DAYS {
            if self.is_on(date) {
                let fired = self.times(date).filter(|at| *at <= until).last();
                if fired.is_some() {
                    return fired;
                }
            }
            date = date.yesterday().ok()?;
        }
        None
    }

    /// Every minute of a day at which it fires, in order.
    fn times(&self, date: Date) -> impl Iterator<Item = DateTime> {
        let at = move |hour: u16, minute: u16| date.at(i8::try_from(hour).unwrap_or(0), i8::try_from(minute).unwrap_or(0), 0, 0);
        self.hours
            .iter()
            .flat_map(move |hour| self.minutes.iter().map(move |minute| at(*hour, *minute)))
    }

    fn is_on(&self, date: Date) -> bool {
        let (Ok(year), Ok(month), Ok(day)) = (u16::try_from(date.year()), u16::try_from(date.month()), u16::try_from(date.day())) else {
            return false;
        };
        if !self.years.contains(&year) || !self.months.contains(&month) {
            return false;
        }
        let last = u16::try_from(date.days_in_month()).unwrap_or(31);
        match &self.days {
            Days::OfMonth(days) => days.iter().any(|wanted| match *wanted {
                DayOfMonth::Number(number) => day == number,
                DayOfMonth::Last => day == last,
                DayOfMonth::NearestWeekday(number) => number <= last && day == nearest_weekday(date, number),
                DayOfMonth::LastWeekday => day == last_weekday(date),
            }),
            Days::OfWeek(days) => {
                let weekday = number_of(date.weekday());
                days.iter().any(|wanted| match *wanted {
                    DayOfWeek::Number(number) => weekday == number,
                    DayOfWeek::Last(number) => weekday == number && day + 7 > last,
                    DayOfWeek::Nth(number, nth) => weekday == number && (day - 1) / 7 + 1 == nth,
                })
            }
        }
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn number_of(weekday: Weekday) -> u16 {
    u16::try_from(weekday.to_sunday_one_offset()).unwrap_or(1)
}

/// The working day nearest to a day of `date`'s month, without leaving the month.
fn nearest_weekday(date: Date, number: u16) -> u16 {
    let last = u16::try_from(date.days_in_month()).unwrap_or(31);
    let Ok(wanted) = Date::new(date.year(), date.month(), i8::try_from(number).unwrap_or(1)) else {
        return number;
    };
    match wanted.weekday() {
        Weekday::Saturday if number == 1 => 3,
        Weekday::Saturday => number - 1,
        Weekday::Sunday if number == last => number - 2,
        Weekday::Sunday => number + 1,
        _ => number,
    }
}

fn last_weekday(date: Date) -> u16 {
    let last = u16::try_from(date.days_in_month()).unwrap_or(31);
    match date.last_of_month().weekday() {
        Weekday::Saturday => last - 1,
        Weekday::Sunday => last - 2,
        _ => last,
    }
}

fn days_of_month(field: &str) -> Option<Vec<DayOfMonth>> {
    let mut days = Vec::new();
    for part in field.split(',') {
        match part {
            "L" => days.push(DayOfMonth::Last),
            "LW" => days.push(DayOfMonth::LastWeekday),
            part => match part.strip_suffix('W') {
                Some(day) => days.push(DayOfMonth::NearestWeekday(number(day, (1, 31), &[])?)),
                None => days.extend(part_of(part, (1, 31), &[])?.into_iter().map(DayOfMonth::Number)),
            },
        }
    }
    Some(days)
}

fn days_of_week(field: &str) -> Option<Vec<DayOfWeek>> {
    if let Some((day, nth)) = field.split_once('#') {
        // One such expression to a field: "3#1,6#3" is invalid.
        return Some(vec![DayOfWeek::Nth(number(day, (1, 7), &WEEKDAYS)?, number(nth, (1, 5), &[])?)]);
    }
    let mut days = Vec::new();
    for part in field.split(',') {
        match part.strip_suffix('L') {
            // The last day of the week.
            Some("") => days.push(DayOfWeek::Number(7)),
            Some(day) => days.push(DayOfWeek::Last(number(day, (1, 7), &WEEKDAYS)?)),
            // EventBridge knows no steps among weekdays.
            None if part.contains('/') => return None,
            None => days.extend(part_of(part, (1, 7), &WEEKDAYS)?.into_iter().map(DayOfWeek::Number)),
        }
    }
    Some(days)
}

/// The values of a field, sorted: lists, ranges, steps and `*`.
fn numbers(field: &str, range: (u16, u16), names: &[&str]) -> Option<Vec<u16>> {
    let mut all = Vec::new();
    for part in field.split(',') {
        all.extend(part_of(part, range, names)?);
    }
    all.sort_unstable();
    all.dedup();
    Some(all)
}

/// `5`, `MON`, `1-5`, `*`, `*/15`, `5/15`, `1-30/5`.
fn part_of(part: &str, range: (u16, u16), names: &[&str]) -> Option<Vec<u16>> {
    let (span, step) = match part.split_once('/') {
        Some((span, step)) => (span, Some(number(step, (1, range.1), &[])?)),
        None => (part, None),
    };
    let (first, last) = match span.split_once('-') {
        Some((first, last)) => (number(first, range, names)?, number(last, range, names)?),
        None if span == "*" => range,
        None => {
            let first = number(span, range, names)?;
            (first, if step.is_some() { range.1 } else { first })
        }
    };
    (first <= last).then(|| (first..=last).step_by(usize::from(step.unwrap_or(1))).collect())
}

fn number(text: &str, (least, most): (u16, u16), names: &[&str]) -> Option<u16> {
    let named = names.iter().zip(least..).find(|(name, _)| name.eq_ignore_ascii_case(text));
    let value = match named {
        Some((_, value)) => value,
        // Digits alone: `parse` would also take a plus sign.
        None if !text.is_empty() && text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok()?,
        None => return None,
    };
    (least..=most).contains(&value).then_some(value)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn what_eventbridge_takes_is_taken_and_printed_as_it_came() {
        for text in [
            "0 10 * * ? *",
            "15 12 * * ? *",
            "0 18 ? * MON-FRI *",
            "0 8 1 * ? *",
            "0/10 * ? * MON-FRI *",
            "0/5 8-17 ? * MON-FRI *",
            "0 9 ? * 2#1 *",
            "0 9 ? * TUE#2 2026-2030",
            "30 9 L JAN,APR,JUL,OCT ? *",
            "0 9 LW * ? *",
            "0 9 15W 3-6 ? 2027",
            "0 9 ? * 6L *",
            "0 9 ? * L *",
            "*/15 0,12 1-31/2 * ? 2199",
        ] {
            assert_eq!(Cron::parse(text).map(|cron| cron.to_string()), Ok(text.to_owned()));
        }
        assert_eq!(Cron::parse("  0  10 * *  ? * ").unwrap().to_string(), "0 10 * * ? *");
    }

    #[test]
    fn what_eventbridge_refuses_is_refused_with_the_field() {
        for (text, expected) in [
            ("", InvalidCron::Fields),
            ("0 10 * * ?", InvalidCron::Fields),
            ("0 0 10 * * ? *", InvalidCron::Fields),
            ("0 10 * * * *", InvalidCron::Days),
            ("0 10 ? * ? *", InvalidCron::Days),
            ("0 10 1 * MON *", InvalidCron::Days),
            ("60 10 * * ? *", InvalidCron::Field("minutes")),
            ("+5 10 * * ? *", InvalidCron::Field("minutes")),
            ("0/0 10 * * ? *", InvalidCron::Field("minutes")),
            ("? 10 * * ? *", InvalidCron::Field("minutes")),
            ("0 24 * * ? *", InvalidCron::Field("hours")),
            ("0 17-9 * * ? *", InvalidCron::Field("hours")),
            ("0 10 32 * ? *", InvalidCron::Field("day of month")),
            ("0 10 0 * ? *", InvalidCron::Field("day of month")),
            ("0 10 W * ? *", InvalidCron::Field("day of month")),
            ("0 10 1 13 ? *", InvalidCron::Field("month")),
            ("0 10 1 MAI ? *", InvalidCron::Field("month")),
            ("0 10 ? * 8 *", InvalidCron::Field("day of week")),
            ("0 10 ? * 3#6 *", InvalidCron::Field("day of week")),
            ("0 10 ? * 3#1,6#3 *", InvalidCron::Field("day of week")),
            ("0 10 ? * MON/2 *", InvalidCron::Field("day of week")),
            ("0 10 1 * ? 1969", InvalidCron::Field("year")),
            ("0 10 1 * ? 2200", InvalidCron::Field("year")),
            ("0 10 1,, * ? *", InvalidCron::Field("day of month")),
        ] {
            assert_eq!(Cron::parse(text), Err(expected), "{text}");
        }
    }

    #[test]
    fn the_next_occurrences_are_those_of_the_calendar() {
        // 2 November 2026 is a Monday.
        let after = date(2026, 11, 2).at(10, 0, 0, 0);
        for (text, expected) in [
            ("0 10 * * ? *", "2026-11-03T10:00:00"),
            ("1 10 * * ? *", "2026-11-02T10:01:00"),
            ("0/20 * * * ? *", "2026-11-02T10:20:00"),
            ("0 9 ? * MON-FRI *", "2026-11-03T09:00:00"),
            ("0 9 ? * SUN *", "2026-11-08T09:00:00"),
            ("0 9 ? * 2#1 *", "2026-12-07T09:00:00"),
            ("0 9 ? * 6L *", "2026-11-27T09:00:00"),
            ("0 9 L * ? *", "2026-11-30T09:00:00"),
            // 15 November 2026 is a Sunday, 1 November too.
            ("0 9 15W * ? *", "2026-11-16T09:00:00"),
            // 31 January 2027 is a Sunday: the nearest working day in the month is the Friday before.
            ("0 9 LW JAN ? *", "2027-01-29T09:00:00"),
            ("0 9 31W JAN ? *", "2027-01-29T09:00:00"),
            // 1 May 2027 is a Saturday: the nearest working day in the month is the Monday after.
            ("0 9 1W MAY ? *", "2027-05-03T09:00:00"),
            ("0 0 29 2 ? *", "2028-02-29T00:00:00"),
            ("0 9 1 1 ? 2031", "2031-01-01T09:00:00"),
        ] {
            let next = Cron::parse(text).unwrap().next(after);
            assert_eq!(next.map(|at| at.to_string()).as_deref(), Some(expected), "{text}");
        }
        assert_eq!(Cron::parse("0 9 31 2 ? *").unwrap().next(after), None, "a day that never comes");
        assert_eq!(Cron::parse("0 9 1 1 ? 2026").unwrap().next(after), None, "a year that is over");
    }

    #[test]
    fn the_previous_occurrence_includes_now() {
        let cron = Cron::parse("30 9 ? * MON *").unwrap();
        let monday = date(2026, 11, 2).at(9, 30, 0, 0);
        assert_eq!(cron.previous(monday), Some(monday));
        assert_eq!(cron.previous(date(2026, 11, 8).at(23, 59, 0, 0)), Some(monday));
        assert_eq!(cron.next(date(2026, 10, 31).at(0, 0, 0, 0)), Some(monday));
    }
}
