//! Delayed payment: when a micro or small vendor must be paid, what lateness costs, and whether the law covers a payment.
//!
//! Sources: sections 2(b), 2(n), 15 and 16 of the Micro, Small and Medium Enterprises Development Act, 2006; section 43B(h) of the
//! Income-tax Act, 1961, which is section 37(2)(g) of the Income-tax Act, 2025 from 1 April 2026 (check); form MSME-1 under the
//! Specified Companies Order, 2019. Taken from public summaries; what is marked (check) is to be confirmed before relying on it.

use std::fmt;

use jiff::civil::{Date, date};
use jiff::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::classification::ClassRule;
use crate::declaration::{Activity, indian_date};
use crate::status::{self, EvidenceRank, StatusEntry, StatusOn};
use crate::vendor::MsmeStatus;

/// Days after acceptance to pay within where nothing is agreed in writing (section 2(b)).
pub const DAYS_WITHOUT_AGREEMENT: i32 = 15;
/// The most days after acceptance an agreement can allow (section 15), and what MSME-1 always counts.
pub const DAYS_AT_MOST: i32 = 45;

/// What buyer and vendor agreed on the day of payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Terms {
    /// Nothing in writing.
    NoAgreement,
    /// A day agreed in writing.
    Agreed(Date),
}

/// The days that matter for one accepted delivery: the clock of section 15 and that of MSME-1, which differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DueDates {
    /// The day of acceptance or deemed acceptance of the goods or services.
    pub accepted_on: Date,
    /// Section 15: the last day to pay on.
    pub last_day: Date,
    /// The day after, from which interest runs; without an agreement the "appointed day" of section 2(b).
    pub appointed_day: Date,
    /// 45 days after acceptance: the limit of any agreement, and the last day MSME-1 counts as in time.
    pub day_45: Date,
    /// Whether the agreed day lay beyond the 45 days and gave way to them.
    pub is_capped: bool,
    /// Why the last day is what it is.
    pub explanation: String,
}

impl DueDates {
    /// The days for a delivery accepted on `accepted_on`.
    ///
    /// An agreed day before acceptance counts as the day of acceptance: nothing is due for what was not taken.
    pub fn new(accepted_on: Date, terms: Terms) -> Self {
        let after = |days: i32| accepted_on.saturating_add(Span::new().days(days));
        let day_45 = after(DAYS_AT_MOST);
        let (last_day, is_capped, explanation) = match terms {
            Terms::NoAgreement => {
                let last = after(DAYS_WITHOUT_AGREEMENT);
                (
                    last,
                    false,
                    format!("Without a written agreement payment is due within 15 days of acceptance, by {last}."),
                )
            }
            Terms::Agreed(agreed) if agreed > day_45 => (
                day_45,
                true,
                format!("The agreed day, {agreed}, is more than 45 days after acceptance: payment is due by {day_45}."),
            ),
            Terms::Agreed(agreed) if agreed < accepted_on => (
                accepted_on,
                false,
                format!("The agreed day, {agreed}, is before acceptance: payment is due on acceptance, {accepted_on}."),
            ),
            Terms::Agreed(agreed) => (agreed, false, format!("Payment is due by the day agreed in writing, {agreed}.")),
        };
        Self {
            accepted_on,
            last_day,
            appointed_day: last_day.saturating_add(Span::new().days(1)),
            day_45,
            is_capped,
            explanation,
        }
    }

    /// How many days late a payment is under section 15; 0 if in time.
    pub fn days_late(&self, paid_on: Date) -> u32 {
        days_between(self.last_day, paid_on)
    }

    /// How many days beyond MSME-1's 45 a payment is; 0 if within them. Not the same as [`DueDates::days_late`].
    pub fn days_beyond_45(&self, paid_on: Date) -> u32 {
        days_between(self.day_45, paid_on)
    }
}

/// Days from one day to a later one; 0 if it is no later.
fn days_between(from: Date, to: Date) -> u32 {
    u32::try_from((to - from).get_days()).unwrap_or(0)
}

/// The bank rate of the Reserve Bank of India from a day on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BankRate {
    /// The first day it holds.
    pub from: Date,
    /// The rate in hundredths of a percent: 550 is 5.50 %.
    pub basis_points: u32,
}

/// A dated table of bank rates, in order and without doubles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Vec<BankRate>", try_from = "Vec<BankRate>")]
pub struct BankRates(Vec<BankRate>);

/// Why a table of bank rates is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BankRatesError {
    /// There is no row.
    #[error("the table of bank rates is empty: give at least one row")]
    Empty,
    /// A row's day is not after that of the row before.
    #[error("the row of {from} is out of order: each row begins after the one before")]
    Order {
        /// The day of that row.
        from: Date,
    },
    /// A rate above 100 % is a slip of the unit.
    #[error("{basis_points} basis points from {from} are above 100 %: 5.50 % is 550")]
    Rate {
        /// The day of that row.
        from: Date,
        /// Its rate.
        basis_points: u32,
    },
}

/// The bank rate of a day before the table begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no bank rate is known for {day}, the table begins on {begins}: add the earlier rates")]
pub struct BankRateUnknown {
    /// The day.
    pub day: Date,
    /// The first day of the table.
    pub begins: Date,
}

impl BankRates {
    /// A table of one's own.
    ///
    /// # Errors
    /// When it is empty, out of order, or has a rate above 100 %.
    pub fn new(rates: Vec<BankRate>) -> Result<Self, BankRatesError> {
        if rates.is_empty() {
            return Err(BankRatesError::Empty);
        }
        if let Some(pair) = rates.windows(2).find(|pair| pair[0].from >= pair[1].from) {
            return Err(BankRatesError::Order { from: pair[1].from });
        }
        if let Some(&BankRate { from, basis_points }) = rates.iter().find(|rate| rate.basis_points > 10_000) {
            return Err(BankRatesError::Rate { from, basis_points });
        }
        Ok(Self(rates))
    }

    /// The rates since Udyam registration began, not compared with the Reserve Bank's own statements (check). The last row was in
    /// force on 5 June 2026; a deployment adds later ones.
    pub fn published() -> Self {
        let rows = [
            (date(2020, 5, 22), 425),
            (date(2022, 5, 4), 465),
            (date(2022, 6, 8), 515),
            (date(2022, 8, 5), 565),
            (date(2022, 9, 30), 615),
            (date(2022, 12, 7), 650),
            (date(2023, 2, 8), 675),
            (date(2025, 2, 7), 650),
            (date(2025, 4, 9), 625),
            (date(2025, 6, 6), 575),
            (date(2025, 12, 5), 550),
        ];
        Self(rows.map(|(from, basis_points)| BankRate { from, basis_points }).to_vec())
    }

    /// The rate on a day, in basis points.
    ///
    /// # Errors
    /// When the table begins later.
    pub fn on(&self, day: Date) -> Result<u32, BankRateUnknown> {
        match self.0.iter().rev().find(|rate| rate.from <= day) {
            Some(rate) => Ok(rate.basis_points),
            None => Err(BankRateUnknown {
                day,
                begins: self.0.first().map_or(day, |rate| rate.from),
            }),
        }
    }

    /// This table with rows that replace or follow its own, written `2026-08-05=525, 2026-10-01=500`: day and basis points.
    ///
    /// # Errors
    /// A sentence that names the row that cannot be read, or is no rate.
    pub fn with(mut self, rows: &str) -> Result<Self, String> {
        for row in rows.split(',').map(str::trim).filter(|row| !row.is_empty()) {
            let read = row.split_once('=').and_then(|(from, rate)| {
                Some(BankRate {
                    from: from.trim().parse().ok()?,
                    basis_points: rate.trim().parse().ok()?,
                })
            });
            let new = read.ok_or_else(|| format!("`{row}` is no bank rate: write day and basis points, as in 2026-08-05=525"))?;
            self.0.retain(|known| known.from != new.from);
            self.0.push(new);
        }
        self.0.sort_by_key(|rate| rate.from);
        Self::new(self.0).map_err(|error| error.to_string())
    }

    /// The day of the table's last row: of later changes it knows nothing.
    pub fn known_since(&self) -> Date {
        self.0.last().map_or(Date::MIN, |rate| rate.from)
    }

    /// The first change of rate after a day.
    fn next_change(&self, day: Date) -> Option<Date> {
        self.0.iter().map(|rate| rate.from).find(|from| *from > day)
    }
}

impl TryFrom<Vec<BankRate>> for BankRates {
    type Error = BankRatesError;

    fn try_from(rates: Vec<BankRate>) -> Result<Self, BankRatesError> {
        Self::new(rates)
    }
}

impl From<BankRates> for Vec<BankRate> {
    fn from(rates: BankRates) -> Self {
        rates.0
    }
}

/// Section 16: interest on a late payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Interest {
    /// What was owed, in paise.
    pub principal_paise: u64,
    /// The interest, in paise.
    pub interest_paise: u64,
    /// Days of delay: from the appointed day to the day of payment, both counted.
    pub days: u32,
    /// Month by month; their interest adds up to the whole.
    pub months: Vec<InterestMonth>,
}

/// One month of interest, after which it is added to the sum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct InterestMonth {
    /// Its first day.
    pub from: Date,
    /// Its last day; the last month may be broken.
    pub to: Date,
    /// Three times the bank rate of its first day, in basis points a year.
    pub basis_points: u32,
    /// Its interest, in paise.
    pub interest_paise: u64,
}

/// Billionths of a paisa: what sums are kept in until they are rounded once, at the end.
const PARTS_PER_PAISA: u128 = 1_000_000_000;

/// The multiple of the bank rate that section 16 sets.
const TIMES_BANK_RATE: u32 = 3;

/// Section 16: compound interest with monthly rests at three times the bank rate, on a sum due on `due.last_day` and paid on
/// `paid_on`.
///
/// Months are counted from the appointed day. Where the bank rate changes within a month, each part of it counts at its own rate,
/// and a broken month counts by its days; the Act is silent on both (check). Rounded to the nearest paisa at the end only.
///
/// # Errors
/// When the table of rates begins after the delay does.
pub fn interest(principal_paise: u64, due: &DueDates, paid_on: Date, rates: &BankRates) -> Result<Interest, BankRateUnknown> {
    let one_day = Span::new().days(1);
    let end = paid_on.saturating_add(one_day);
    let mut balance = u128::from(principal_paise) * PARTS_PER_PAISA;
    let mut months = Vec::new();
    let mut from = due.appointed_day;
    while from < end {
        // Counted from the appointed day each time: a month after 31 January ends in February, the next one on 30 March.
        let count = i32::try_from(months.len() + 1).unwrap_or(i32::MAX);
        let next = due.appointed_day.saturating_add(Span::new().months(count.min(119_976)));
        let length = u128::from(days_between(from, next).max(1));
        let stop = next.min(end);
        if stop <= from {
            break;
        }

        let mut earned = 0u128;
        let mut day = from;
        while day < stop {
            let until = rates.next_change(day).map_or(stop, |change| change.min(stop));
            let yearly = rates.on(day)? * TIMES_BANK_RATE;
            let days = u128::from(days_between(day, until));
            earned += balance.saturating_mul(u128::from(yearly) * days) / (10_000 * 12 * length);
            day = until;
        }
        let before = to_paise(balance);
        balance = balance.saturating_add(earned);
        months.push(InterestMonth {
            from,
            to: stop.saturating_sub(one_day),
            basis_points: rates.on(from)? * TIMES_BANK_RATE,
            interest_paise: to_paise(balance) - before,
        });
        from = stop;
    }
    Ok(Interest {
        principal_paise,
        interest_paise: to_paise(balance) - principal_paise,
        days: due.days_late(paid_on),
        months,
    })
}

/// Compound interest with monthly rests for whole months at one yearly rate, in paise, rounded to the nearest at the end.
pub fn compound_interest(principal_paise: u64, yearly_basis_points: u32, months: u32) -> u64 {
    let mut balance = u128::from(principal_paise) * PARTS_PER_PAISA;
    for _ in 0..months {
        balance = balance.saturating_add(balance.saturating_mul(u128::from(yearly_basis_points)) / 120_000);
    }
    to_paise(balance) - principal_paise
}

fn to_paise(parts: u128) -> u64 {
    u64::try_from(parts.saturating_add(PARTS_PER_PAISA / 2) / PARTS_PER_PAISA).unwrap_or(u64::MAX)
}

/// An Indian fiscal year, 1 April to 31 March, written as `2026-27`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[serde(into = "String")]
#[schema(value_type = String, example = "2026-27")]
pub struct FiscalYear(i16);

impl FiscalYear {
    /// The year an instant falls in, by the clocks of India.
    pub fn of(at: Timestamp) -> Self {
        Self::containing(indian_date(at))
    }

    /// The year a day falls in.
    pub fn containing(day: Date) -> Self {
        Self(if day.month() >= 4 { day.year() } else { day.year() - 1 })
    }

    /// Parses a year as it is written, `2026-27`; none if the second part does not follow from the first.
    pub fn parse(text: &str) -> Option<Self> {
        let year = Self(text.get(..4)?.parse().ok()?);
        (year.to_string() == text).then_some(year)
    }

    /// 1 April.
    pub fn first_day(self) -> Date {
        Date::new(self.0, 4, 1).unwrap_or(Date::MIN)
    }

    /// 31 March.
    pub fn last_day(self) -> Date {
        Date::new(self.0.saturating_add(1), 3, 31).unwrap_or(Date::MAX)
    }
}

impl fmt::Display for FiscalYear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:02}", self.0, (i32::from(self.0) + 1).rem_euclid(100))
    }
}

impl From<FiscalYear> for String {
    fn from(year: FiscalYear) -> Self {
        year.to_string()
    }
}

/// A half-year that form MSME-1 reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Msme1Period {
    /// 1 April or 1 October.
    pub from: Date,
    /// 30 September or 31 March.
    pub to: Date,
    /// The last day to file: 31 October or 30 April.
    pub due: Date,
}

impl Msme1Period {
    /// The half-year a day falls in.
    pub fn containing(day: Date) -> Self {
        let FiscalYear(year) = FiscalYear::containing(day);
        let next = year.saturating_add(1);
        let at = |year, month, day| Date::new(year, month, day).unwrap_or(Date::MAX);
        if (4..=9).contains(&day.month()) {
            Self {
                from: at(year, 4, 1),
                to: at(year, 9, 30),
                due: at(year, 10, 31),
            }
        } else {
            Self {
                from: at(year, 10, 1),
                to: at(next, 3, 31),
                due: at(next, 4, 30),
            }
        }
    }
}

/// What the organisation holds of traders (NIC 45, 46, 47), which is contested.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TraderPolicy {
    /// A professional is to judge.
    #[default]
    AskProfessional,
    /// Traders are paid as any micro or small enterprise: the cautious choice.
    Covered,
    /// Registration of traders serves priority lending only.
    NotCovered,
}

impl std::str::FromStr for TraderPolicy {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "ask_professional" => Ok(Self::AskProfessional),
            "covered" => Ok(Self::Covered),
            "not_covered" => Ok(Self::NotCovered),
            _ => Err("choose ask_professional, covered or not_covered"),
        }
    }
}

/// What is known about a payment and the vendor that gets it.
#[derive(Debug, Clone, Copy)]
pub struct PaymentFacts<'a> {
    /// The vendor's status history.
    pub history: &'a [StatusEntry],
    /// The day of the contract or order, if known.
    pub contracted_on: Option<Date>,
    /// The day of supply, which the status is looked up for.
    pub supplied_on: Date,
    /// The day of Udyam registration, if known.
    pub registered_on: Option<Date>,
    /// What the vendor does, if known.
    pub activity: Option<Activity>,
    /// What the organisation holds of traders.
    pub traders: TraderPolicy,
    /// When the payment is due.
    pub due: &'a DueDates,
    /// The day of payment, if paid.
    pub paid_on: Option<Date>,
}

/// Whether a payment is covered by section 15 of the MSMED Act, and why.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Verdict {
    /// The answer.
    pub applies: Applies,
    /// Every point that was looked at, those that decide first.
    pub reasons: Vec<Reason>,
    /// What section 43B(h) makes of the deduction; as sure as `applies` is.
    pub deduction: Deduction,
    /// The vendor's status on the day of supply.
    pub status: StatusOn,
}

/// In which year a payment is deducted from income.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Deduction {
    /// The rule that makes a late payment to a micro or small enterprise wait; none where it does not reach.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<&'static str>,
    /// The answer.
    pub effect: DeductionEffect,
    /// The fiscal year of the expense: that of the supply.
    pub expense_year: FiscalYear,
    /// The fiscal year of the deduction; none while the payment is open and decides it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deducted_in: Option<FiscalYear>,
    /// Unpaid: the last day on which payment keeps the deduction in the year of the expense.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pay_by: Option<Date>,
    /// Why, in a sentence.
    pub explanation: String,
}

/// What section 43B(h) does to a deduction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeductionEffect {
    /// The rule does not reach this payment.
    NotAffected,
    /// Paid in time, or late but within the year: deducted in the year of the expense.
    InYearOfExpense,
    /// Paid late and in a later year: deducted in the year of payment.
    InYearOfPayment,
    /// Not paid yet.
    OpenUntilPaid,
}

/// Whether a rule applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Applies {
    /// It does.
    Yes,
    /// The law is not settled, or the facts need judgement: a legal question.
    NeedsProfessional,
    /// A fact is missing or contradicts another: a question to the vendor.
    NeedsEvidence,
    /// It does not.
    No,
}

/// A point that speaks for a verdict.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Reason {
    /// A stable word for machines, as in `registered_after_supply`.
    pub code: &'static str,
    /// The verdict this point alone would give.
    pub points_to: Applies,
    /// The point, with what to do where something is missing.
    pub sentence: String,
    /// The statute, decision or setting it rests on.
    pub source: &'static str,
}

const SUPPLIER: &str = "MSMED Act 2006, s. 2(n): a supplier is a micro or small enterprise that has filed its memorandum";
const REGISTRATION: &str = "Silpi Industries v. Kerala SRTC (SC 2021) and Mahakali Foods (SC 2022); doubted and referred to a larger bench \
in NBCC v. State of West Bengal, 2025 INSC 54 (check)";
const TRADERS: &str = "Ministry of MSME, O.M. 5/2(2)/2021-E/P&G/Policy, 2 July 2021: traders register for priority lending only (check)";
const TABLES: &str = "S.O. 2119(E) of 26 June 2020 and S.O. 1364(E) of 21 March 2025: the limits of 2020 and 2025 (check)";
const SILENCE: &str = "Silence is no answer: what is not known is asked for";
const SECTION_43B_H: &str = "Income-tax Act 1961, s. 43B(h)";
const SECTION_37_2_G: &str = "Income-tax Act 2025, s. 37(2)(g) (check)";

/// Whether a payment is covered by section 15 of the MSMED Act, and what section 43B(h) of the Income-tax Act makes of its deduction.
///
/// A point that says no decides; then one that lacks evidence; then one that needs a professional. Only where every point says
/// yes does the rule apply. An unknown status never leads to a no; a registration after the supply does.
pub fn verdict(facts: &PaymentFacts<'_>) -> Verdict {
    let status = status::on(facts.history, facts.supplied_on);
    let mut reasons = vec![class_reason(&status, facts)];
    match status.status {
        MsmeStatus::Micro | MsmeStatus::Small | MsmeStatus::RegisteredTrader => {
            reasons.push(registration_reason(facts));
            reasons.push(activity_reason(&status, facts));
        }
        MsmeStatus::Unknown if facts.registered_on.is_some_and(|registered| registered > facts.supplied_on) => {
            reasons.push(registration_reason(facts));
        }
        MsmeStatus::Unknown | MsmeStatus::Medium | MsmeStatus::NotRegistered => {}
    }
    // Stable: among equals the order above stays.
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.points_to));
    let applies = reasons.first().map_or(Applies::NeedsEvidence, |reason| reason.points_to);
    Verdict {
        applies,
        reasons,
        deduction: deduction(applies, facts),
        status,
    }
}

/// Section 43B(h): a sum due to a micro or small enterprise beyond the time of section 15 is deducted in the year it is paid. The
/// leave the section gives other sums, to pay before the return is due, is not for these.
fn deduction(applies: Applies, facts: &PaymentFacts<'_>) -> Deduction {
    let expense_year = FiscalYear::containing(facts.supplied_on);
    let rule = match facts.supplied_on {
        day if day < date(2023, 4, 1) => None,
        day if day < date(2026, 4, 1) => Some(SECTION_43B_H),
        _ => Some(SECTION_37_2_G),
    };
    let answer = |effect, deducted_in, pay_by, explanation| Deduction {
        rule: rule.filter(|_| effect != DeductionEffect::NotAffected),
        effect,
        expense_year,
        deducted_in,
        pay_by,
        explanation,
    };
    let of_expense = Some(expense_year);
    let last_day = facts.due.last_day;
    if applies == Applies::No {
        let text = format!("Section 15 does not cover the payment, so section 43B(h) does not either: deducted in {expense_year}.");
        return answer(DeductionEffect::NotAffected, of_expense, None, text);
    }
    let Some(rule) = rule else {
        let text = "Supplies before 1 April 2023 are older than section 43B(h): the deduction does not depend on timely payment.".to_owned();
        return answer(DeductionEffect::NotAffected, of_expense, None, text);
    };
    let if_covered = if applies == Applies::Yes { "" } else { "If covered: " };
    let Some(paid_on) = facts.paid_on else {
        let pay_by = last_day.max(expense_year.last_day());
        let text = format!("{if_covered}deducted in {expense_year} if paid by {pay_by}, otherwise in the year of payment ({rule}).");
        return answer(DeductionEffect::OpenUntilPaid, None, Some(pay_by), text);
    };
    let payment_year = FiscalYear::containing(paid_on);
    if paid_on <= last_day {
        let text = format!("{if_covered}paid by {last_day} and so in time: deducted in {expense_year}.");
        answer(DeductionEffect::InYearOfExpense, of_expense, None, text)
    } else if payment_year <= expense_year {
        let text = format!("{if_covered}paid after {last_day}, but within {expense_year}: deducted in that year all the same.");
        answer(DeductionEffect::InYearOfExpense, of_expense, None, text)
    } else {
        let text = format!("{if_covered}paid after {last_day} and after {expense_year} had ended: deducted in {payment_year}, not before ({rule}).");
        answer(DeductionEffect::InYearOfPayment, Some(payment_year), None, text)
    }
}

fn class_reason(status: &StatusOn, facts: &PaymentFacts<'_>) -> Reason {
    let day = facts.supplied_on;
    match status.status {
        MsmeStatus::Unknown => Reason {
            code: "status_unknown",
            points_to: Applies::NeedsEvidence,
            sentence: format!("What the vendor was on {day} is not known. {}", status.explanation),
            source: SILENCE,
        },
        // A register that says so has seen the registration end.
        MsmeStatus::NotRegistered
            if status.rank < Some(EvidenceRank::Verified) && facts.registered_on.is_some_and(|registered| registered <= day) =>
        {
            Reason {
                code: "registration_contradicts_status",
                points_to: Applies::NeedsEvidence,
                sentence: format!(
                    "The history says not registered on {day}, but a registration date before that is on file: ask for the certificate."
                ),
                source: SUPPLIER,
            }
        }
        MsmeStatus::NotRegistered => Reason {
            code: "not_registered",
            points_to: Applies::No,
            sentence: format!("The vendor was not registered on {day}. {}", status.explanation),
            source: SUPPLIER,
        },
        // The limits of 2025 are higher: what was small by them may have been medium before, and what was medium before may be small now.
        class @ (MsmeStatus::Small | MsmeStatus::Medium) if is_of_other_table(status, class, day) => Reason {
            code: "class_of_other_table",
            points_to: Applies::NeedsEvidence,
            sentence: format!(
                "The vendor's class, {class}, was given by other limits than those of {day}, and the same figures may come to another class \
                 by these: ask for the certificate, which lists the class of each year. {}",
                status.explanation
            ),
            source: TABLES,
        },
        MsmeStatus::Medium => Reason {
            code: "medium_enterprise",
            points_to: Applies::No,
            sentence: format!(
                "A medium enterprise, as the vendor was on {day}, is no supplier in the sense of the Act. {}",
                status.explanation
            ),
            source: SUPPLIER,
        },
        class @ (MsmeStatus::Micro | MsmeStatus::Small | MsmeStatus::RegisteredTrader) => Reason {
            code: "class_covered",
            points_to: Applies::Yes,
            sentence: format!("The vendor's status on {day} was {class}. {}", status.explanation),
            source: SUPPLIER,
        },
    }
}

/// Whether a class was given by the other table of limits, and that can make a difference to who is covered.
fn is_of_other_table(status: &StatusOn, class: MsmeStatus, day: Date) -> bool {
    let told = status.entry.as_ref().and_then(|entry| entry.told_under_other_table(day));
    match class {
        MsmeStatus::Small => told > ClassRule::in_force_on(day),
        MsmeStatus::Medium => told.is_some() && told < ClassRule::in_force_on(day),
        _ => false,
    }
}

fn registration_reason(facts: &PaymentFacts<'_>) -> Reason {
    let supplied = facts.supplied_on;
    let reason = |code, points_to, sentence| Reason {
        code,
        points_to,
        sentence,
        source: REGISTRATION,
    };
    let Some(registered) = facts.registered_on else {
        return reason(
            "registration_date_unknown",
            Applies::NeedsEvidence,
            "The date of Udyam registration is not on file: ask the vendor for its certificate.".to_owned(),
        );
    };
    if registered > supplied {
        return reason(
            "registered_after_supply",
            Applies::No,
            format!("The vendor registered on {registered}, after the supply of {supplied}: later registration does not reach back."),
        );
    }
    match facts.contracted_on {
        Some(contracted) if registered > contracted => reason(
            "registered_after_contract",
            Applies::NeedsProfessional,
            format!(
                "The vendor registered on {registered}, after the contract of {contracted} and by the supply of {supplied}: courts differ on which day counts."
            ),
        ),
        Some(contracted) => reason(
            "registered_before_contract",
            Applies::Yes,
            format!("The vendor registered on {registered}, by the contract of {contracted}."),
        ),
        None => reason(
            "registered_before_supply",
            Applies::Yes,
            format!("The vendor registered on {registered}, by the supply of {supplied}; the day of the contract is not on file."),
        ),
    }
}

fn activity_reason(status: &StatusOn, facts: &PaymentFacts<'_>) -> Reason {
    let is_registered_trader = status.status == MsmeStatus::RegisteredTrader;
    let is_trader = is_registered_trader || facts.activity == Some(Activity::Trading);
    if !is_trader {
        let (code, sentence) = match facts.activity {
            Some(_) => ("activity_covered", "Manufacturers and service providers are covered.".to_owned()),
            None => (
                "activity_not_stated",
                "The vendor's activity is not on file; it is not recorded as a trader, so it is taken as covered.".to_owned(),
            ),
        };
        return Reason {
            code,
            points_to: Applies::Yes,
            sentence,
            source: SUPPLIER,
        };
    }
    let (code, points_to, sentence) = match facts.traders {
        TraderPolicy::AskProfessional => (
            "trader_contested",
            Applies::NeedsProfessional,
            "The vendor is a trader (NIC 45, 46 or 47); whether traders are covered is contested.",
        ),
        // The form asks a trader for no size; the register, which knows it, calls no medium enterprise a registered trader.
        TraderPolicy::Covered if is_registered_trader && status.rank < Some(EvidenceRank::Verified) => (
            "trader_size_unknown",
            Applies::NeedsEvidence,
            "The vendor is a trader, whom your organisation's setting treats as covered if micro or small, and its size is not on file: verify it.",
        ),
        TraderPolicy::Covered => (
            "trader_covered_by_setting",
            Applies::Yes,
            "The vendor is a trader; your organisation's setting treats traders as covered.",
        ),
        TraderPolicy::NotCovered => (
            "trader_excluded_by_setting",
            Applies::No,
            "The vendor is a trader; your organisation's setting treats traders as not covered.",
        ),
    };
    Reason {
        code,
        points_to,
        sentence: sentence.to_owned(),
        source: TRADERS,
    }
}
