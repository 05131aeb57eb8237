//! Micro, small or medium: the dated tables of section 7 of the MSMED Act, 2006, and what a change of class means.
//!
//! Sources: notification S.O. 2119(E) of 26 June 2020 (in force from 1 July 2020), amended on the years of benefits by
//! S.O. 4926(E) of 18 October 2022 and on the limits by S.O. 1364(E) of 21 March 2025 (in force from 1 April 2025); Ministry of
//! MSME. Taken from public summaries, not from the gazettes (check). Investment is in plant and machinery or equipment after
//! depreciation, turnover is without exports, and both are of the whole PAN: every GSTIN under it adds up.

use std::fmt;

use jiff::civil::{Date, date};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Paise in a crore (ten million) of rupees.
pub const PAISE_PER_CRORE: u64 = 10_000_000 * 100;

/// A dated table of limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
pub enum ClassRule {
    /// 1 July 2020 to 31 March 2025.
    #[serde(rename = "2020")]
    Of2020,
    /// From 1 April 2025.
    #[serde(rename = "2025")]
    Of2025,
}

/// The size of an enterprise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EnterpriseClass {
    /// Micro enterprise.
    Micro,
    /// Small enterprise.
    Small,
    /// Medium enterprise.
    Medium,
    /// Above the limits of a medium enterprise, so outside the Act.
    Large,
}

/// The most a class allows; a figure that equals it is within.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Limits {
    /// Investment in plant and machinery or equipment, in paise.
    pub investment_paise: u64,
    /// Turnover, in paise.
    pub turnover_paise: u64,
}

/// The class that figures come to on a day.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Classification {
    /// The class; none where no table is known here.
    pub class: Option<EnterpriseClass>,
    /// The table it follows from; none before 1 July 2020.
    pub rule: Option<ClassRule>,
    /// Why, in a sentence.
    pub explanation: String,
}

/// An enterprise's figures, and the day they are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// Investment in plant and machinery or equipment, in paise.
    pub investment_paise: u64,
    /// Turnover, in paise.
    pub turnover_paise: u64,
    /// The day, usually the last of a fiscal year.
    pub on: Date,
}

/// What became of a class between two days.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Reclassification {
    /// The class before.
    pub before: Classification,
    /// The class after.
    pub after: Classification,
    /// Which way it moved last: a new table and other figures may each move it.
    pub movement: Movement,
    /// The day the new class counts from; none where nothing moved.
    pub effective_from: Option<Date>,
    /// After a move up caused by figures: the last day of the non-tax benefits of the class before (check).
    pub benefits_until: Option<Date>,
    /// Why, one sentence for each thing to know.
    pub explanation: Vec<String>,
}

/// A move from one class to another on a day, as a history shows it: without the figures behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ClassMove {
    /// The class before.
    pub from: EnterpriseClass,
    /// The class after.
    pub to: EnterpriseClass,
    /// Which way it moved.
    pub movement: Movement,
    /// The first day of the new class.
    pub effective_from: Date,
    /// After a move up: the last day of the non-tax benefits of the class before (check).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub benefits_until: Option<Date>,
    /// Why, one sentence for each thing to know.
    pub explanation: Vec<String>,
}

/// Which way a class moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Movement {
    /// It is the same class.
    None,
    /// To a larger class.
    Up,
    /// To a smaller class.
    Down,
    /// One of the days has no table known here.
    Undetermined,
}

impl Movement {
    fn between(before: EnterpriseClass, after: EnterpriseClass) -> Self {
        match after.cmp(&before) {
            std::cmp::Ordering::Equal => Self::None,
            std::cmp::Ordering::Greater => Self::Up,
            std::cmp::Ordering::Less => Self::Down,
        }
    }
}

impl ClassMove {
    /// The move from one class to another on a day, and what follows from it.
    pub fn new(from: EnterpriseClass, to: EnterpriseClass, effective_from: Date) -> Self {
        let movement = Movement::between(from, to);
        let mut explanation = vec![format!("The class was {from} before {effective_from}, and is {to} from that day on.")];
        let begins = ClassRule::ALL.into_iter().find(|rule| rule.first_day() == effective_from);
        if let (Movement::Down, Some(rule)) = (movement, begins) {
            explanation.push(format!(
                "Higher limits came into force that day ({}): they alone can explain a smaller class.",
                rule.source()
            ));
        }
        let benefits_until = (movement == Movement::Up).then(|| benefits_until(effective_from));
        explanation.extend(benefits_until.map(|until| benefits(from, until)));
        Self {
            from,
            to,
            movement,
            effective_from,
            benefits_until,
            explanation,
        }
    }
}

impl ClassRule {
    /// Every table, oldest first.
    pub const ALL: [Self; 2] = [Self::Of2020, Self::Of2025];

    /// The table in force on a day; none before 1 July 2020, when the classes rested on investment alone.
    pub fn in_force_on(day: Date) -> Option<Self> {
        Self::ALL.into_iter().rev().find(|rule| rule.first_day() <= day)
    }

    /// The first day it counts.
    pub const fn first_day(self) -> Date {
        match self {
            Self::Of2020 => date(2020, 7, 1),
            Self::Of2025 => date(2025, 4, 1),
        }
    }

    /// The last day it counts; none while it is in force.
    pub const fn last_day(self) -> Option<Date> {
        match self {
            Self::Of2020 => Some(date(2025, 3, 31)),
            Self::Of2025 => None,
        }
    }

    /// The notification.
    pub const fn source(self) -> &'static str {
        match self {
            Self::Of2020 => "S.O. 2119(E), 26 June 2020 (check)",
            Self::Of2025 => "S.O. 1364(E), 21 March 2025 (check)",
        }
    }

    /// The limits of a class; none for [`EnterpriseClass::Large`], which has none.
    pub const fn limits(self, class: EnterpriseClass) -> Option<Limits> {
        // Tenths of a crore, for the one limit that is no whole number of crores.
        let (investment, turnover) = match (self, class) {
            (Self::Of2020, EnterpriseClass::Micro) => (10, 50),
            (Self::Of2020, EnterpriseClass::Small) => (100, 500),
            (Self::Of2020, EnterpriseClass::Medium) => (500, 2_500),
            (Self::Of2025, EnterpriseClass::Micro) => (25, 100),
            (Self::Of2025, EnterpriseClass::Small) => (250, 1_000),
            (Self::Of2025, EnterpriseClass::Medium) => (1_250, 5_000),
            (_, EnterpriseClass::Large) => return None,
        };
        Some(Limits {
            investment_paise: investment * (PAISE_PER_CRORE / 10),
            turnover_paise: turnover * (PAISE_PER_CRORE / 10),
        })
    }

    fn class_of(self, investment_paise: u64, turnover_paise: u64) -> EnterpriseClass {
        EnterpriseClass::LIMITED
            .into_iter()
            .find(|&class| {
                self.limits(class)
                    .is_some_and(|limits| investment_paise <= limits.investment_paise && turnover_paise <= limits.turnover_paise)
            })
            .unwrap_or(EnterpriseClass::Large)
    }
}

impl EnterpriseClass {
    /// The classes that have limits, smallest first.
    const LIMITED: [Self; 3] = [Self::Micro, Self::Small, Self::Medium];

    /// The word in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Micro => "micro",
            Self::Small => "small",
            Self::Medium => "medium",
            Self::Large => "large",
        }
    }
}

impl fmt::Display for EnterpriseClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The class of an enterprise with these figures on a day: the smallest whose two limits both hold, each inclusive.
pub fn classify(investment_paise: u64, turnover_paise: u64, on: Date) -> Classification {
    let Some(rule) = ClassRule::in_force_on(on) else {
        return Classification {
            class: None,
            rule: None,
            explanation: format!(
                "No rule is known here for {on}: before 1 July 2020 investment alone decided, by other limits for manufacturing and services."
            ),
        };
    };
    let class = rule.class_of(investment_paise, turnover_paise);
    let figures = format!("investment of {} and turnover of {}", crores(investment_paise), crores(turnover_paise));
    let explanation = match rule.limits(class) {
        Some(limits) => format!(
            "{class}: {figures} are both within {} and {}, the limits on {on} ({}).",
            crores(limits.investment_paise),
            crores(limits.turnover_paise),
            rule.source(),
        ),
        None => format!("Above the limits of a medium enterprise on {on}: {figures} ({}).", rule.source()),
    };
    Classification {
        class: Some(class),
        rule: Some(rule),
        explanation,
    }
}

/// What became of an enterprise's class between two days, and why: other figures, another table, or both.
///
/// A change of figures counts from the 1 April after the day they are looked at; one of the table from the table's first day.
/// After a move up, the non-tax benefits of the class before go on for three years (S.O. 4926(E), 18 October 2022; check).
pub fn reclassify(before: Figures, after: Figures) -> Reclassification {
    let was = classify(before.investment_paise, before.turnover_paise, before.on);
    let is = classify(after.investment_paise, after.turnover_paise, after.on);
    let (Some(old_class), Some(new_class), Some(old_rule), Some(new_rule)) = (was.class, is.class, was.rule, is.rule) else {
        return Reclassification {
            before: was,
            after: is,
            movement: Movement::Undetermined,
            effective_from: None,
            benefits_until: None,
            explanation: vec!["One of the two days is before 1 July 2020, for which no rule is known here.".to_owned()],
        };
    };

    let mut explanation = Vec::new();
    if old_rule != new_rule {
        explanation.push(format!(
            "The limits changed between {} and {} ({}).",
            before.on,
            after.on,
            new_rule.source()
        ));
    }
    // The figures of before under the table of after tell what the table alone did.
    let by_table = new_rule.class_of(before.investment_paise, before.turnover_paise);
    let mut movement = Movement::between(old_class, by_table);
    let mut effective_from = None;
    if movement != Movement::None {
        let first_day = new_rule.first_day();
        explanation.push(format!(
            "Under the higher limits {old_class} becomes {by_table} from {first_day}, by the same figures."
        ));
        effective_from = Some(first_day);
    }
    let mut until = None;
    match Movement::between(by_table, new_class) {
        Movement::Up => {
            let from = next_first_of_april(after.on);
            explanation.extend(passed_limits(new_rule, by_table, after));
            explanation.push(format!(
                "One limit passed is enough to move up: {by_table} becomes {new_class} from {from} (check)."
            ));
            let last = benefits_until(from);
            explanation.push(benefits(by_table, last));
            (movement, effective_from, until) = (Movement::Up, Some(from), Some(last));
        }
        Movement::Down => {
            let from = next_first_of_april(after.on);
            explanation.push(format!(
                "Both figures are now within the limits of {new_class}: {by_table} becomes {new_class} from {from} (check)."
            ));
            (movement, effective_from) = (Movement::Down, Some(from));
        }
        Movement::None | Movement::Undetermined if movement == Movement::None => {
            explanation.push(format!("The enterprise stays {new_class}."));
        }
        Movement::None | Movement::Undetermined => {}
    }
    Reclassification {
        before: was,
        after: is,
        movement,
        effective_from,
        benefits_until: until,
        explanation,
    }
}

/// The last day of the benefits that go on after a move up.
fn benefits_until(effective_from: Date) -> Date {
    effective_from
        .saturating_add(jiff::Span::new().years(3))
        .saturating_sub(jiff::Span::new().days(1))
}

fn benefits(class: EnterpriseClass, until: Date) -> String {
    format!("Non-tax benefits of a {class} enterprise go on for three years, to {until} (S.O. 4926(E), 18 October 2022; check).")
}

fn passed_limits(rule: ClassRule, class: EnterpriseClass, figures: Figures) -> Vec<String> {
    let Some(limits) = rule.limits(class) else {
        return Vec::new();
    };
    [
        ("Investment", figures.investment_paise, limits.investment_paise),
        ("Turnover", figures.turnover_paise, limits.turnover_paise),
    ]
    .into_iter()
    .filter(|(_, figure, limit)| figure > limit)
    .map(|(name, figure, limit)| format!("{name} of {} is above {}, the limit of {class}.", crores(figure), crores(limit)))
    .collect()
}

/// The 1 April after a day.
fn next_first_of_april(day: Date) -> Date {
    let this_year = date(day.year(), 4, 1);
    if day < this_year {
        this_year
    } else {
        // Beyond the calendar's last year there is nothing to be right about.
        this_year.saturating_add(jiff::Span::new().years(1))
    }
}

/// `₹2.5 crore`: as many decimals as it takes to the paisa, and no more.
fn crores(paise: u64) -> String {
    let fraction = format!("{:09}", paise % PAISE_PER_CRORE);
    let fraction = fraction.trim_end_matches('0');
    let whole = paise / PAISE_PER_CRORE;
    if fraction.is_empty() {
        format!("₹{whole} crore")
    } else {
        format!("₹{whole}.{fraction} crore")
    }
}
