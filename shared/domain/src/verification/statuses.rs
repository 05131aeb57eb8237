//! What the Udyam register's word comes to in a vendor's dated statuses.

use jiff::ToSpan as _;
use jiff::civil::Date;

use super::compare::{Field, Mismatch};
use super::facts::{EnterpriseType, Facts, Standing};
use super::outcome::{Kind, Outcome};
use super::result::VerificationResult;
use crate::classification::ClassRule;
use crate::declaration::{Activity, indian_date};
use crate::payment::FiscalYear;
use crate::status::{Evidence, StatusEntry};
use crate::vendor::MsmeStatus;

/// The status of an enterprise of this class that does this.
///
/// A micro or small trader is a registered trader: whether the rules on delayed payment cover it is contested, and its class alone
/// would hide that. They do not cover any medium enterprise.
pub const fn status_of(class: EnterpriseType, activity: Option<Activity>) -> MsmeStatus {
    match (class, activity) {
        (EnterpriseType::Micro | EnterpriseType::Small, Some(Activity::Trading)) => MsmeStatus::RegisteredTrader,
        (EnterpriseType::Micro, _) => MsmeStatus::Micro,
        (EnterpriseType::Small, _) => MsmeStatus::Small,
        (EnterpriseType::Medium, _) => MsmeStatus::Medium,
    }
}

/// The entries a Udyam answer adds to a vendor's dated statuses, oldest first.
///
/// There are none unless the registration is in force and is the vendor's own: where the name or the PAN differs, it may be somebody
/// else's. That the class or the activity differs from our record does not matter: the register settles those.
///
/// A classification counts from the first day of its fiscal year, or from the registration if that is later, until the next one begins:
/// a registration lasts until it is cancelled, and its class until another is given. Of the time before the first nothing is said.
pub fn status_entries(result: &VerificationResult) -> Vec<StatusEntry> {
    let Some(facts) = &result.facts else { return Vec::new() };
    let is_udyam = result.asked.kind() == Kind::Udyam;
    let is_answer = matches!(result.outcome, Outcome::Verified | Outcome::Mismatch);
    if !is_udyam || !is_answer || facts.standing != Standing::Active || result.mismatches.iter().any(puts_in_doubt_whose_it_is) {
        return Vec::new();
    }
    let classes = classes(facts, indian_date(result.checked_at));
    let ends = classes.iter().skip(1).map(|(next, _)| next.checked_sub(1.day()).ok());
    let ends = ends.chain(std::iter::repeat(None));
    let evidence = Evidence::Verification {
        provider: result.provider.clone(),
        reference: result.reference.clone().unwrap_or_default(),
        checked_at: result.checked_at,
    };
    classes
        .iter()
        .zip(ends)
        .map(|((from, class), to)| StatusEntry {
            effective_to: to,
            class_rule: ClassRule::in_force_on(*from),
            ..StatusEntry::new(status_of(*class, facts.major_activity), *from, result.checked_at, evidence.clone())
        })
        .collect()
}

fn puts_in_doubt_whose_it_is(mismatch: &Mismatch) -> bool {
    matches!(mismatch.field, Field::Standing | Field::Name | Field::Pan | Field::PanHolder)
}

/// Each class with the day it counts from, oldest first, no day twice.
fn classes(facts: &Facts, checked_on: Date) -> Vec<(Date, EnterpriseType)> {
    let registered = facts.registered_on.unwrap_or(Date::MIN);
    let mut given: Vec<(Date, Option<Date>, EnterpriseType)> = facts
        .classification_history
        .iter()
        .filter_map(|entry| {
            let year = FiscalYear::parse(entry.year.trim()).map(FiscalYear::first_day);
            Some((year.or(entry.on)?.max(registered), entry.on, entry.enterprise_type))
        })
        .collect();
    given.sort_by_key(|(from, on, _)| (*from, *on));
    let mut classes: Vec<(Date, EnterpriseType)> = Vec::with_capacity(given.len() + 1);
    for (from, _, class) in given {
        match classes.last_mut() {
            // Corrected in the course of the year: the later word counts.
            Some((last, standing)) if *last == from => *standing = class,
            _ => classes.push((from, class)),
        }
    }
    // The class of today, where the years do not come to it.
    if let Some(class) = facts.enterprise_type
        && classes.last().is_none_or(|(_, last)| *last != class)
    {
        let from = match classes.is_empty() {
            true => facts.registered_on.unwrap_or(checked_on),
            false => checked_on,
        };
        classes.retain(|(begins, _)| *begins < from);
        classes.push((from, class));
    }
    classes
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::super::facts::Classification;
    use super::super::outcome::Asked;
    use super::*;

    fn result(facts: Facts) -> VerificationResult {
        VerificationResult {
            run_id: "ver_01KAQ2N5K3Q7Z1D6F9G2H4J8M5".parse().unwrap(),
            asked: Asked::Udyam("UDYAM-MH-26-0012345".parse().unwrap()),
            outcome: Outcome::Verified,
            reason: "cashfree:valid".to_owned(),
            facts: Some(facts),
            mismatches: Vec::new(),
            provider: "cashfree".to_owned(),
            reference: Some("17".to_owned()),
            checked_at: "2026-11-02T04:30:00Z".parse().unwrap(),
            attempts: 1,
        }
    }

    fn facts(history: &[(&str, EnterpriseType)]) -> Facts {
        let classification = |(year, enterprise_type): &(&str, EnterpriseType)| Classification {
            year: (*year).to_owned(),
            enterprise_type: *enterprise_type,
            on: None,
        };
        Facts {
            enterprise_type: history.last().map(|(_, class)| *class),
            registered_on: Some(date(2022, 1, 2)),
            classification_history: history.iter().rev().map(classification).collect(),
            ..Facts::new(Standing::Active, Some("KAVERI".to_owned()))
        }
    }

    fn check(facts: Facts, expected: &[(MsmeStatus, Date, Option<Date>, Option<ClassRule>)]) {
        let entries = status_entries(&result(facts));
        let found: Vec<_> = entries
            .iter()
            .map(|entry| (entry.status, entry.effective_from, entry.effective_to, entry.class_rule))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn each_year_is_an_entry_that_lasts_until_the_next_under_the_rule_of_its_day() {
        use EnterpriseType::{Micro, Small};
        let (old, new) = (Some(ClassRule::Of2020), Some(ClassRule::Of2025));
        check(
            facts(&[("2021-22", Micro), ("2023-24", Small), ("2025-26", Micro)]),
            &[
                (MsmeStatus::Micro, date(2022, 1, 2), Some(date(2023, 3, 31)), old),
                (MsmeStatus::Small, date(2023, 4, 1), Some(date(2025, 3, 31)), old),
                (MsmeStatus::Micro, date(2025, 4, 1), None, new),
            ],
        );
        // Without years, the class of today from the registration on.
        let without = Facts {
            enterprise_type: Some(Small),
            ..facts(&[])
        };
        check(without, &[(MsmeStatus::Small, date(2022, 1, 2), None, old)]);
        // The years do not come to the class of today.
        let later = Facts {
            enterprise_type: Some(Small),
            ..facts(&[("2024-25", Micro)])
        };
        check(
            later,
            &[
                (MsmeStatus::Micro, date(2024, 4, 1), Some(date(2026, 11, 1)), old),
                (MsmeStatus::Small, date(2026, 11, 2), None, new),
            ],
        );
        let trader = Facts {
            major_activity: Some(Activity::Trading),
            ..facts(&[("2024-25", Micro)])
        };
        check(trader, &[(MsmeStatus::RegisteredTrader, date(2024, 4, 1), None, old)]);
    }

    #[test]
    fn a_registration_that_ended_or_may_be_somebody_elses_says_nothing() {
        let ended = Facts {
            standing: Standing::Cancelled,
            ..facts(&[("2024-25", EnterpriseType::Micro)])
        };
        check(ended, &[]);
        let with = |field: Field| {
            let mismatch = Mismatch {
                field,
                recorded: "a".to_owned(),
                found: "b".to_owned(),
                similarity_percent: None,
            };
            let verified = result(facts(&[("2024-25", EnterpriseType::Micro)]));
            status_entries(&VerificationResult {
                outcome: Outcome::Mismatch,
                mismatches: vec![mismatch],
                ..verified
            })
            .len()
        };
        assert_eq!((with(Field::Name), with(Field::Pan), with(Field::EnterpriseType)), (0, 0, 1));
    }
}
