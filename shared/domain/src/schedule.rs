//! Schedules of a campaign: when something is to happen, what, and what if it comes late.
//!
//! EventBridge Scheduler keeps the time; here is what it is told, and what its calls mean.

mod cron;
mod quiet;
mod zone;

use std::fmt;

use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use ulid::Ulid;
use utoipa::ToSchema;

pub use cron::{Cron, InvalidCron};
pub use quiet::QuietHours;
pub use zone::{InvalidTimeZone, TimeZone};

use crate::{CampaignId, FieldError, ScheduleId, UserId};

/// What happens when a schedule fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleKind {
    /// The campaign is sent.
    Start,
    /// A copy of the campaign is sent, each time with a ledger of its own.
    Recurring,
    /// The campaign is closed at its deadline.
    Expiry,
    /// Those who were reached and have not answered are asked again.
    Reminder,
}

impl ScheduleKind {
    /// Every kind, for tables and tests.
    pub const ALL: [ScheduleKind; 4] = [ScheduleKind::Start, ScheduleKind::Recurring, ScheduleKind::Expiry, ScheduleKind::Reminder];

    /// The name on the wire and in storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            ScheduleKind::Start => "start",
            ScheduleKind::Recurring => "recurring",
            ScheduleKind::Expiry => "expiry",
            ScheduleKind::Reminder => "reminder",
        }
    }

    /// Whether the campaign waits for this schedule: it is `scheduled`, and may not be edited meanwhile.
    pub const fn holds_campaign(self) -> bool {
        matches!(self, ScheduleKind::Start | ScheduleKind::Recurring)
    }
}

impl fmt::Display for ScheduleKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The unit of a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateUnit {
    /// 60 seconds.
    Minutes,
    /// 60 minutes.
    Hours,
    /// 24 hours.
    Days,
}

impl RateUnit {
    const fn secs(self) -> i64 {
        match self {
            RateUnit::Minutes => 60,
            RateUnit::Hours => 3_600,
            RateUnit::Days => 86_400,
        }
    }

    const fn names(self) -> (&'static str, &'static str) {
        match self {
            RateUnit::Minutes => ("minute", "minutes"),
            RateUnit::Hours => ("hour", "hours"),
            RateUnit::Days => ("day", "days"),
        }
    }
}

/// When a schedule fires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expression {
    /// Once.
    At(Timestamp),
    /// Whenever the wall clock of its time zone says so.
    Cron(Cron),
    /// Again and again after a fixed time, counted from when the schedule was made.
    Rate {
        /// How many units.
        value: u32,
        /// Of what.
        unit: RateUnit,
    },
}

/// An expression EventBridge would refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidExpression {
    /// None of the three forms.
    #[error("give at(yyyy-mm-ddThh:mm:ss), cron(minutes hours day-of-month month day-of-week year) or rate(value unit)")]
    Form,
    /// Not a time.
    #[error("give the time of at() as in at(2026-12-01T10:00:00), or with its offset as in at(2026-12-01T10:00:00+05:30)")]
    Time,
    /// A wall clock whose offset is not known here.
    #[error("in this time zone give the time of at() with its offset, as in at(2026-12-01T10:00:00+01:00)")]
    Offset,
    /// Not a rate.
    #[error("give a rate of 1 to 9999 minutes, hours or days, as in rate(5 days) or rate(1 hour)")]
    Rate,
    /// Not a cron expression.
    #[error(transparent)]
    Cron(#[from] InvalidCron),
}

impl Expression {
    /// Reads `at(…)`, `cron(…)` or `rate(…)`. A time without an offset is on the wall clock of `zone`.
    ///
    /// # Errors
    /// What EventBridge would refuse, and a wall clock nobody here can read.
    pub fn parse(text: &str, zone: &TimeZone) -> Result<Self, InvalidExpression> {
        let (form, inner) = text
            .trim()
            .strip_suffix(')')
            .and_then(|text| text.split_once('('))
            .ok_or(InvalidExpression::Form)?;
        match form {
            "at" => at(inner.trim(), zone).map(Expression::At),
            "cron" => Ok(Expression::Cron(Cron::parse(inner)?)),
            "rate" => rate(inner),
            _ => Err(InvalidExpression::Form),
        }
    }

    /// As a person wrote it: times on the wall clock of `zone` where its offset is known, in UTC where not.
    pub fn text(&self, zone: &TimeZone) -> String {
        match self {
            Expression::At(at) => match zone.offset() {
                Some(offset) => format!("at({})", offset.to_datetime(*at)),
                None => format!("at({at})"),
            },
            Expression::Cron(cron) => format!("cron({cron})"),
            Expression::Rate { value, unit } => {
                let (one, many) = unit.names();
                format!("rate({value} {})", if *value == 1 { one } else { many })
            }
        }
    }

    /// What EventBridge Scheduler is told: its expression, and the time zone to read it in. A single time is told in UTC,
    /// where nothing is left to interpret.
    pub fn for_eventbridge<'a>(&self, zone: &'a TimeZone) -> (String, &'a str) {
        match self {
            Expression::At(at) => (format!("at({})", jiff::tz::Offset::UTC.to_datetime(*at)), "UTC"),
            Expression::Cron(_) | Expression::Rate { .. } => (self.text(zone), zone.as_str()),
        }
    }

    /// Whether it fires once and never again.
    pub const fn is_one_off(&self) -> bool {
        matches!(self, Expression::At(_))
    }

    /// The first time after `after`. Rates count from `made_at`. None where it never fires again, or where only
    /// EventBridge knows the zone's clock.
    pub fn next(&self, after: Timestamp, made_at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Expression::At(at) => (*at > after).then_some(*at),
            Expression::Cron(cron) => {
                let offset = zone.offset()?;
                offset.to_timestamp(cron.next(offset.to_datetime(after))?).ok()
            }
            Expression::Rate { .. } => self.beat(self.beats(after, made_at) + 1, made_at),
        }
    }

    /// The last time up to and including `until`.
    pub fn previous(&self, until: Timestamp, made_at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Expression::At(at) => (*at <= until).then_some(*at),
            Expression::Cron(cron) => {
                let offset = zone.offset()?;
                offset.to_timestamp(cron.previous(offset.to_datetime(until))?).ok()
            }
            Expression::Rate { .. } => match self.beats(until, made_at) {
                0 => None,
                beats => self.beat(beats, made_at),
            },
        }
    }

    /// The next `count` times after `after`, for display.
    pub fn next_occurrences(&self, count: usize, after: Timestamp, made_at: Timestamp, zone: &TimeZone) -> Vec<Timestamp> {
        std::iter::successors(self.next(after, made_at, zone), |last| self.next(*last, made_at, zone))
            .take(count)
            .collect()
    }

    fn period_secs(&self) -> i64 {
        match self {
            Expression::Rate { value, unit } => i64::from(*value) * unit.secs(),
            Expression::At(_) | Expression::Cron(_) => 0,
        }
    }

    /// How often a rate has fired up to and including `until`.
    fn beats(&self, until: Timestamp, made_at: Timestamp) -> i64 {
        let elapsed_secs = until.duration_since(made_at).as_secs().max(0);
        elapsed_secs.checked_div(self.period_secs()).unwrap_or(0)
    }

    fn beat(&self, number: i64, made_at: Timestamp) -> Option<Timestamp> {
        let after = SignedDuration::from_secs(self.period_secs().checked_mul(number)?);
        made_at.checked_add(after).ok()
    }
}

fn at(text: &str, zone: &TimeZone) -> Result<Timestamp, InvalidExpression> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return whole_second(at);
    }
    let local: DateTime = text.parse().map_err(|_| InvalidExpression::Time)?;
    let offset = zone.offset().ok_or(InvalidExpression::Offset)?;
    whole_second(offset.to_timestamp(local).map_err(|_| InvalidExpression::Time)?)
}

/// EventBridge knows no parts of a second.
fn whole_second(at: Timestamp) -> Result<Timestamp, InvalidExpression> {
    if at.subsec_nanosecond() == 0 {
        Ok(at)
    } else {
        Err(InvalidExpression::Time)
    }
}

fn rate(text: &str) -> Result<Expression, InvalidExpression> {
    let mut words = text.split_ascii_whitespace();
    let (Some(value), Some(unit), None) = (words.next(), words.next(), words.next()) else {
        return Err(InvalidExpression::Rate);
    };
    let value: u32 = value.parse().map_err(|_| InvalidExpression::Rate)?;
    if !(1..=9_999).contains(&value) {
        return Err(InvalidExpression::Rate);
    }
    // EventBridge takes the singular for one and the plural for more, and nothing else.
    [RateUnit::Minutes, RateUnit::Hours, RateUnit::Days]
        .into_iter()
        .find(|known| unit == if value == 1 { known.names().0 } else { known.names().1 })
        .map(|unit| Expression::Rate { value, unit })
        .ok_or(InvalidExpression::Rate)
}

/// What to do when a schedule fires too late to be sure that it is still wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LatePolicy {
    /// Do it all the same.
    Send,
    /// Leave it out.
    Skip,
    /// Leave it to a person, visibly.
    #[default]
    Ask,
}

/// When a schedule counts as late, and what then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lateness {
    /// What to do.
    pub policy: LatePolicy,
    /// Later than this many minutes.
    pub after_minutes: u32,
}

impl Default for Lateness {
    /// Ask after an hour.
    fn default() -> Self {
        Self {
            policy: LatePolicy::default(),
            after_minutes: 60,
        }
    }
}

/// Whether a schedule fired when it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timeliness {
    /// It did.
    OnTime,
    /// It did not, and this is the policy for it.
    Late(LatePolicy),
}

impl Lateness {
    /// Judges a schedule that was to fire at `scheduled_for` and is seen `now`.
    pub fn decide(self, scheduled_for: Timestamp, now: Timestamp) -> Timeliness {
        if now.duration_since(scheduled_for) > SignedDuration::from_mins(i64::from(self.after_minutes)) {
            Timeliness::Late(self.policy)
        } else {
            Timeliness::OnTime
        }
    }
}

/// Where a schedule stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleState {
    /// It will fire.
    Active,
    /// It has fired for the last time.
    Done,
    /// Someone took it back.
    Cancelled,
}

impl ScheduleState {
    /// The name on the wire and in storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            ScheduleState::Active => "active",
            ScheduleState::Done => "done",
            ScheduleState::Cancelled => "cancelled",
        }
    }
}

/// A schedule as a user asks for it, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchedulePlan {
    /// What happens.
    pub kind: ScheduleKind,
    /// When.
    pub expression: Expression,
    /// On which clock.
    pub zone: TimeZone,
    /// No more of it after this time.
    pub until: Option<Timestamp>,
    /// What if it fires late.
    pub lateness: Lateness,
    /// How long each occurrence of a recurring campaign takes answers.
    pub answer_days: u32,
}

impl SchedulePlan {
    /// How long an occurrence takes answers unless said otherwise.
    pub const ANSWER_DAYS: u32 = 30;

    /// Checks that the parts fit each other and lie ahead: EventBridge fires on the minute, so not before the next.
    ///
    /// # Errors
    /// Every field that is wrong, with its fix.
    pub fn checked(self, now: Timestamp) -> Result<Self, Vec<FieldError>> {
        let mut errors = Vec::new();
        let mut refuse = |field, value: &str, code, message| errors.push(FieldError::new(field, value, code, message));
        let text = self.expression.text(&self.zone);
        match (self.kind, &self.expression) {
            (ScheduleKind::Recurring, Expression::At(_)) => refuse(
                "expression",
                &text,
                "not_recurring",
                "a recurring campaign needs cron(…) or rate(…); to send once, choose the kind start",
            ),
            (ScheduleKind::Start | ScheduleKind::Expiry, Expression::Cron(_) | Expression::Rate { .. }) => refuse(
                "expression",
                &text,
                "not_one_off",
                "this happens once: give at(…); to send again and again, choose the kind recurring",
            ),
            _ => {}
        }
        let next = self.expression.next(now, now, &self.zone);
        let is_soon = matches!(&self.expression, Expression::At(at) if *at < now + SignedDuration::from_mins(1));
        let is_over = next.is_none() && self.zone.offset().is_some();
        if is_soon || is_over {
            refuse("expression", &text, "past", "nothing would happen: give a time at least a minute ahead");
        }
        let latest = now + SignedDuration::from_hours(24 * 366);
        if matches!(&self.expression, Expression::At(at) if *at > latest) {
            refuse("expression", &text, "out_of_range", "give a time at most a year ahead");
        }
        if let Some(until) = self.until {
            if self.expression.is_one_off() {
                refuse("until", &until.to_string(), "not_recurring", "a single time has no end: leave until out");
            } else if next.is_some_and(|next| until < next) || until <= now {
                refuse(
                    "until",
                    &until.to_string(),
                    "out_of_range",
                    "nothing would happen: give an end after the first occurrence",
                );
            }
        }
        if !(1..=7 * 24 * 60).contains(&self.lateness.after_minutes) {
            refuse(
                "late_after_minutes",
                &self.lateness.after_minutes.to_string(),
                "out_of_range",
                "give 1 to 10080 minutes",
            );
        }
        if !(1..=366).contains(&self.answer_days) {
            refuse("answer_days", &self.answer_days.to_string(), "out_of_range", "give 1 to 366 days");
        }
        if errors.is_empty() { Ok(self) } else { Err(errors) }
    }
}

/// A firing somebody has to decide about, because it came late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LateQuestion {
    /// When it should have fired.
    pub scheduled_for: Timestamp,
    /// When it was seen.
    pub noticed_at: Timestamp,
}

/// A schedule as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Identity, and its name at EventBridge.
    pub id: ScheduleId,
    /// The campaign.
    pub campaign: CampaignId,
    /// What, when and how.
    pub plan: SchedulePlan,
    /// Where it stands.
    pub state: ScheduleState,
    /// Who made it.
    pub created_by: UserId,
    /// When.
    pub created_at: Timestamp,
    /// The last time it was to fire and did.
    pub last_fired: Option<Timestamp>,
    /// What came of that, machine-readable: `started`, `late:skipped`, `refused:nobody_reachable`…
    pub last_result: Option<String>,
    /// What a person is asked to decide.
    pub question: Option<LateQuestion>,
    /// How often it fired.
    pub occurrences: u32,
    /// Counts the changes, for `ETag`.
    pub version: u64,
}

impl Schedule {
    /// The campaign that is this schedule's occurrence of `scheduled_for`: always the same one, so that a firing that is
    /// delivered twice makes one campaign. Its id sorts by the scheduled time.
    pub fn occurrence(id: ScheduleId, scheduled_for: Timestamp) -> CampaignId {
        let digest = Sha256::digest(format!("occurrence:{id}:{scheduled_for}").as_bytes());
        let random = digest.iter().take(10).fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
        CampaignId::from_ulid(Ulid::from_parts(u64::try_from(scheduled_for.as_millisecond()).unwrap_or(0), random))
    }

    /// The next `count` times it fires.
    pub fn next_occurrences(&self, count: usize, now: Timestamp) -> Vec<Timestamp> {
        if self.state != ScheduleState::Active {
            return Vec::new();
        }
        let mut times = self.plan.expression.next_occurrences(count, now, self.created_at, &self.plan.zone);
        times.retain(|at| self.plan.until.is_none_or(|until| *at <= until));
        times
    }
}

/// What EventBridge puts into the queue when a schedule fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawMessage")]
#[serde(into = "RawMessage")]
pub enum ScheduleMessage {
    /// A campaign's schedule fires.
    Fire {
        /// The schedule.
        schedule: ScheduleId,
        /// Its campaign.
        campaign: CampaignId,
        /// What is to happen.
        kind: ScheduleKind,
        /// When it was to fire. None where the scheduler did not put the time in: emulators do not.
        scheduled_for: Option<Timestamp>,
    },
    /// The stack's own clock, every five minutes.
    Tick,
}

/// What EventBridge replaces by the scheduled time.
/// <https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html>
pub const SCHEDULED_TIME: &str = "<aws.scheduler.scheduled-time>";

#[derive(Serialize, Deserialize)]
struct RawMessage {
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    schedule_id: Option<ScheduleId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    campaign_id: Option<CampaignId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scheduled_for: Option<String>,
}

/// A message no schedule of ours sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a message of a schedule: {0}")]
struct InvalidMessage(&'static str);

impl TryFrom<RawMessage> for ScheduleMessage {
    type Error = InvalidMessage;

    fn try_from(raw: RawMessage) -> Result<Self, InvalidMessage> {
        if raw.kind == "tick" {
            return Ok(ScheduleMessage::Tick);
        }
        let kind = ScheduleKind::ALL.into_iter().find(|kind| kind.as_str() == raw.kind);
        let scheduled_for = match raw.scheduled_for.as_deref() {
            None | Some(SCHEDULED_TIME) => None,
            Some(time) => Some(time.parse().map_err(|_| InvalidMessage("scheduled_for is not a time"))?),
        };
        Ok(ScheduleMessage::Fire {
            schedule: raw.schedule_id.ok_or(InvalidMessage("no schedule_id"))?,
            campaign: raw.campaign_id.ok_or(InvalidMessage("no campaign_id"))?,
            kind: kind.ok_or(InvalidMessage("an unknown kind"))?,
            scheduled_for,
        })
    }
}

impl From<ScheduleMessage> for RawMessage {
    /// With the placeholder where there is no time: what EventBridge is given.
    fn from(message: ScheduleMessage) -> Self {
        match message {
            ScheduleMessage::Tick => Self {
                kind: "tick".to_owned(),
                schedule_id: None,
                campaign_id: None,
                scheduled_for: None,
            },
            ScheduleMessage::Fire {
                schedule,
                campaign,
                kind,
                scheduled_for,
            } => Self {
                kind: kind.as_str().to_owned(),
                schedule_id: Some(schedule),
                campaign_id: Some(campaign),
                scheduled_for: Some(scheduled_for.map_or_else(|| SCHEDULED_TIME.to_owned(), |at| at.to_string())),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::parse(name).unwrap()
    }

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn expressions_are_read_and_told_to_eventbridge() {
        for (text, name, shown, told) in [
            (
                "at(2026-12-01T10:00:00)",
                "Asia/Kolkata",
                "at(2026-12-01T10:00:00)",
                ("at(2026-12-01T04:30:00)", "UTC"),
            ),
            (
                "at(2026-12-01T10:00:00+01:00)",
                "Asia/Kolkata",
                "at(2026-12-01T14:30:00)",
                ("at(2026-12-01T09:00:00)", "UTC"),
            ),
            (
                "at(2026-12-01T10:00:00+01:00)",
                "Europe/Berlin",
                "at(2026-12-01T09:00:00Z)",
                ("at(2026-12-01T09:00:00)", "UTC"),
            ),
            (
                " cron(0  10 ? * MON *) ",
                "Europe/Berlin",
                "cron(0 10 ? * MON *)",
                ("cron(0 10 ? * MON *)", "Europe/Berlin"),
            ),
            ("rate(5 days)", "Asia/Kolkata", "rate(5 days)", ("rate(5 days)", "Asia/Kolkata")),
            ("rate(1 hour)", "UTC", "rate(1 hour)", ("rate(1 hour)", "UTC")),
        ] {
            let zone = zone(name);
            let expression = Expression::parse(text, &zone).unwrap();
            assert_eq!(expression.text(&zone), shown, "{text}");
            assert_eq!(expression.for_eventbridge(&zone), (told.0.to_owned(), told.1), "{text}");
            assert_eq!(Expression::parse(shown, &zone), Ok(expression), "{text} is stored as {shown}");
        }
    }

    #[test]
    fn what_eventbridge_would_refuse_is_refused() {
        let india = TimeZone::default();
        for (text, expected) in [
            ("", InvalidExpression::Form),
            ("2026-12-01T10:00:00", InvalidExpression::Form),
            ("every(5 days)", InvalidExpression::Form),
            ("at(tomorrow)", InvalidExpression::Time),
            ("at(2026-12-01T10:00:00.5)", InvalidExpression::Time),
            ("at(2026-02-30T10:00:00)", InvalidExpression::Time),
            ("rate(0 days)", InvalidExpression::Rate),
            ("rate(1 days)", InvalidExpression::Rate),
            ("rate(2 day)", InvalidExpression::Rate),
            ("rate(5 weeks)", InvalidExpression::Rate),
            ("rate(5)", InvalidExpression::Rate),
            ("rate(-5 days)", InvalidExpression::Rate),
            ("cron(0 10 * * * *)", InvalidExpression::Cron(InvalidCron::Days)),
        ] {
            assert_eq!(Expression::parse(text, &india), Err(expected), "{text}");
        }
        assert_eq!(
            Expression::parse("at(2026-12-01T10:00:00)", &zone("Europe/Berlin")),
            Err(InvalidExpression::Offset)
        );
    }

    #[test]
    fn occurrences_are_on_the_wall_clock_of_india() {
        let (india, now) = (TimeZone::default(), time("2026-11-02T04:30:00Z"));
        for (text, expected) in [
            ("at(2026-12-01T10:00:00)", &["2026-12-01T04:30:00Z"][..]),
            ("at(2026-11-02T10:00:00)", &[]),
            (
                "cron(0 10 ? * MON *)",
                &["2026-11-09T04:30:00Z", "2026-11-16T04:30:00Z", "2026-11-23T04:30:00Z"],
            ),
            ("cron(0 3 1 12 ? 2026)", &["2026-11-30T21:30:00Z"]),
            (
                "rate(12 hours)",
                &["2026-11-02T16:30:00Z", "2026-11-03T04:30:00Z", "2026-11-03T16:30:00Z"],
            ),
        ] {
            let expression = Expression::parse(text, &india).unwrap();
            let expected: Vec<_> = expected.iter().copied().map(time).collect();
            assert_eq!(expression.next_occurrences(3, now, now, &india), expected, "{text}");
        }
        let abroad = Expression::parse("cron(0 10 ? * MON *)", &india).unwrap();
        assert_eq!(abroad.next_occurrences(3, now, now, &zone("Europe/Berlin")), []);
    }

    #[test]
    fn late_is_later_than_allowed() {
        let lateness = Lateness {
            policy: LatePolicy::Skip,
            after_minutes: 60,
        };
        let due = time("2026-11-02T04:30:00Z");
        for (now, expected) in [
            ("2026-11-02T04:29:00Z", Timeliness::OnTime),
            ("2026-11-02T04:30:00Z", Timeliness::OnTime),
            ("2026-11-02T05:30:00Z", Timeliness::OnTime),
            ("2026-11-02T05:30:01Z", Timeliness::Late(LatePolicy::Skip)),
            ("2026-11-09T05:30:01Z", Timeliness::Late(LatePolicy::Skip)),
        ] {
            assert_eq!(lateness.decide(due, time(now)), expected, "{now}");
        }
        assert_eq!(
            Lateness::default().decide(due, time("2026-11-02T06:30:00Z")),
            Timeliness::Late(LatePolicy::Ask)
        );
    }

    fn plan(kind: ScheduleKind, expression: &str) -> SchedulePlan {
        let zone = TimeZone::default();
        SchedulePlan {
            kind,
            expression: Expression::parse(expression, &zone).unwrap(),
            zone,
            until: None,
            lateness: Lateness::default(),
            answer_days: SchedulePlan::ANSWER_DAYS,
        }
    }

    #[test]
    fn the_parts_of_a_plan_must_fit() {
        use ScheduleKind::{Recurring, Reminder, Start};
        let now = time("2026-11-02T04:30:00Z");
        let at = |day: &str| format!("at({day}T10:00:00)");
        let check = |plan: SchedulePlan| match plan.checked(now) {
            Ok(_) => Vec::new(),
            Err(errors) => errors.into_iter().map(|error| (error.field, error.code)).collect(),
        };
        assert_eq!(check(plan(Start, &at("2026-11-03"))), []);
        assert_eq!(check(plan(Recurring, "cron(0 10 1 * ? *)")), []);
        assert_eq!(check(plan(Reminder, "rate(5 days)")), []);
        assert_eq!(check(plan(Reminder, &at("2026-11-10"))), []);
        assert_eq!(check(plan(Start, "rate(5 days)")), [("expression", "not_one_off")]);
        assert_eq!(check(plan(Recurring, &at("2026-11-03"))), [("expression", "not_recurring")]);
        assert_eq!(check(plan(Start, &at("2026-11-02"))), [("expression", "past")]);
        assert_eq!(check(plan(Start, "at(2026-11-02T10:00:59)")), [("expression", "past")]);
        assert_eq!(check(plan(Start, &at("2028-11-02"))), [("expression", "out_of_range")]);
        assert_eq!(check(plan(Recurring, "cron(0 10 1 1 ? 2026)")), [("expression", "past")]);

        let until = |plan: SchedulePlan, until: &str| SchedulePlan {
            until: Some(time(until)),
            ..plan
        };
        assert_eq!(check(until(plan(Recurring, "rate(5 days)"), "2026-12-31T00:00:00Z")), []);
        assert_eq!(
            check(until(plan(Recurring, "rate(5 days)"), "2026-11-05T00:00:00Z")),
            [("until", "out_of_range")]
        );
        assert_eq!(
            check(until(plan(Start, &at("2026-11-03")), "2026-12-31T00:00:00Z")),
            [("until", "not_recurring")]
        );
    }

    #[test]
    fn an_occurrence_has_one_id_that_sorts_by_its_time() {
        let (one, other) = (
            ScheduleId::from_ulid(Ulid::from_parts(1, 1)),
            ScheduleId::from_ulid(Ulid::from_parts(1, 2)),
        );
        let (first, second) = (time("2026-11-02T04:30:00Z"), time("2026-11-09T04:30:00Z"));
        assert_eq!(Schedule::occurrence(one, first), Schedule::occurrence(one, first));
        assert_ne!(Schedule::occurrence(one, first), Schedule::occurrence(other, first));
        assert!(Schedule::occurrence(one, first) < Schedule::occurrence(other, second));
        assert_eq!(
            Schedule::occurrence(one, first).ulid().timestamp_ms(),
            u64::try_from(first.as_millisecond()).unwrap()
        );
    }

    #[test]
    fn messages_read_back_with_and_without_the_time() {
        let fire = |scheduled_for| ScheduleMessage::Fire {
            schedule: ScheduleId::from_ulid(Ulid::from_parts(1, 1)),
            campaign: CampaignId::from_ulid(Ulid::from_parts(1, 2)),
            kind: ScheduleKind::Reminder,
            scheduled_for,
        };
        for message in [ScheduleMessage::Tick, fire(None), fire(Some(time("2026-11-02T04:30:00Z")))] {
            let text = serde_json::to_string(&message).unwrap();
            assert_eq!(serde_json::from_str::<ScheduleMessage>(&text).unwrap(), message, "{text}");
        }
        assert_eq!(
            serde_json::to_value(fire(None)).unwrap(),
            serde_json::json!({
                "kind": "reminder",
                "schedule_id": "sch_00000000010000000000000001",
                "campaign_id": "cmp_00000000010000000000000002",
                "scheduled_for": "<aws.scheduler.scheduled-time>",
            })
        );
        for wrong in [
            r#"{"kind":"dance"}"#,
            r#"{"kind":"start"}"#,
            r#"{"kind":"start","schedule_id":"cmp_00000000010000000000000001"}"#,
        ] {
            assert!(serde_json::from_str::<ScheduleMessage>(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        /// The last occurrence before the next one is the last one up to now: no occurrence lies between.
        #[test]
        fn previous_and_next_meet(secs in 0..40_000_000_i64, which in 0..4_usize) {
            let india = TimeZone::default();
            let text = ["cron(0/20 8-18 ? * MON-FRI *)", "cron(0 9 L * ? *)", "rate(7 hours)", "cron(30 6 15W 1/3 ? *)"][which];
            let expression = Expression::parse(text, &india).unwrap();
            let made = time("2026-11-02T04:30:00Z");
            let now = made + SignedDuration::from_secs(secs);
            let next = expression.next(now, made, &india).unwrap();
            prop_assert!(next > now);
            let just_before = next - SignedDuration::from_secs(1);
            prop_assert_eq!(expression.previous(just_before, made, &india), expression.previous(now, made, &india));
            prop_assert_eq!(expression.previous(next, made, &india), Some(next));
        }
    }
}
