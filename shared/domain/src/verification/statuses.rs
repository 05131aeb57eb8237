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
use crate::status::{self, Evidence, EvidenceRank, StatusEntry};
use crate::vendor::{MsmeStatus, VendorProfile};

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

/// The entries a Udyam answer adds to a vendor's dated statuses, oldest first: those that would change what the history says. Once they
/// are in it, there are none.
///
/// There are none either where the name, the PAN or its holder differs: the number may be somebody else's. That the class or the activity
/// differs from our record does not matter: the register settles those.
///
/// A classification counts from the first day of its fiscal year, or from the registration if that is later, until the next one begins:
/// a registration lasts until it is cancelled, and its class until another is given. Of the time before the first nothing is said.
pub fn status_entries(result: &VerificationResult, history: &[StatusEntry]) -> Vec<StatusEntry> {
    let Some(facts) = told_of_the_vendor(result) else { return Vec::new() };
    match facts.standing {
        Standing::Active => confirmed(result, facts, history),
        Standing::Cancelled => ended(result, facts, history),
        _ => Vec::new(),
    }
}

/// What a Udyam answer says, where it is the vendor's own registration beyond doubt.
fn told_of_the_vendor(result: &VerificationResult) -> Option<&Facts> {
    let is_udyam = result.asked.kind() == Kind::Udyam;
    let is_answer = matches!(result.outcome, Outcome::Verified | Outcome::Mismatch);
    let is_own = is_udyam && is_answer && !result.mismatches.iter().any(puts_in_doubt_whose_it_is);
    result.facts.as_ref().filter(|_| is_own)
}

/// The vendor's record with the day of registration as the register has it, and the activity where none is on file: whether a payment is
/// covered rests on both.
pub fn record_after(result: &VerificationResult, profile: &VendorProfile) -> VendorProfile {
    let told = told_of_the_vendor(result).filter(|facts| facts.standing == Standing::Active);
    VendorProfile {
        udyam_registration_date: told.and_then(|facts| facts.registered_on).or(profile.udyam_registration_date),
        activity: profile.activity.or(told.and_then(|facts| facts.major_activity)),
        ..profile.clone()
    }
}

/// The classes of a registration in force.
fn confirmed(result: &VerificationResult, facts: &Facts, history: &[StatusEntry]) -> Vec<StatusEntry> {
    let checked_on = indian_date(result.checked_at);
    let classes = classes(facts, checked_on, history);
    let ends = classes.iter().skip(1).map(|(next, _)| next.checked_sub(1.day()).ok());
    let ends = ends.chain(std::iter::repeat(None));
    let entries = classes.iter().zip(ends).map(|((from, class), to)| StatusEntry {
        effective_to: to,
        class_rule: ClassRule::in_force_on(*from),
        ..StatusEntry::new(status_of(*class, facts.major_activity), *from, result.checked_at, evidence(result))
    });
    entries.filter(|entry| status::changes_anything(entry, checked_on, history)).collect()
}

fn evidence(result: &VerificationResult) -> Evidence {
    Evidence::Verification {
        provider: result.provider.clone(),
        reference: result.reference.clone().unwrap_or_default(),
        checked_at: result.checked_at,
    }
}

/// What a cancelled registration comes to: from then on the vendor is not registered. That a registration was cancelled is a statement of
/// the register, not silence.
fn ended(result: &VerificationResult, facts: &Facts, history: &[StatusEntry]) -> Vec<StatusEntry> {
    let checked_on = indian_date(result.checked_at);
    // The day of the cancellation, if the register gives it; else it is over by now, and since when is not known.
    let over_on = facts.cancelled_on.filter(|day| *day <= checked_on).unwrap_or(checked_on);
    let over = StatusEntry::new(MsmeStatus::NotRegistered, over_on, result.checked_at, evidence(result));
    let is_news = is_registered(history, checked_on) && status::changes_anything(&over, checked_on, history);
    is_news.then_some(over).into_iter().collect()
}

/// Whether a vendor is a registered enterprise on a day.
fn is_registered(history: &[StatusEntry], day: Date) -> bool {
    match status::on(history, day).status {
        MsmeStatus::Micro | MsmeStatus::Small | MsmeStatus::Medium | MsmeStatus::RegisteredTrader => true,
        MsmeStatus::NotRegistered | MsmeStatus::Unknown => false,
    }
}

fn puts_in_doubt_whose_it_is(mismatch: &Mismatch) -> bool {
    matches!(mismatch.field, Field::Name | Field::Pan | Field::PanHolder | Field::HeldByAnother)
}

/// Each class with the day it counts from, oldest first, no day twice.
fn classes(facts: &Facts, checked_on: Date, history: &[StatusEntry]) -> Vec<(Date, EnterpriseType)> {
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
        let seen = || first_seen(status_of(class, facts.major_activity), checked_on, history);
        let from = match (classes.last(), facts.registered_on) {
            // By the limits of today it has this class. What it had by those before nobody says.
            (None, Some(registered)) => registered.max(ClassRule::in_force_on(checked_on).map_or(Date::MIN, ClassRule::first_day)),
            (None, None) => seen().unwrap_or(checked_on),
            (Some((last, _)), _) => seen().filter(|seen| seen > last).unwrap_or(checked_on),
        };
        classes.retain(|(begins, _)| *begins < from);
        classes.push((from, class));
    }
    classes
}

/// Since when a register has said what it says today: asking it again does not make the class any younger.
fn first_seen(status: MsmeStatus, checked_on: Date, history: &[StatusEntry]) -> Option<Date> {
    let standing = status::on(history, checked_on).entry?;
    (standing.status == status && standing.rank() == EvidenceRank::Verified).then_some(standing.effective_from)
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
        let entries = status_entries(&result(facts), &[]);
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
        // Without years, the class of today as long as its limits.
        let without = Facts {
            enterprise_type: Some(Small),
            ..facts(&[])
        };
        check(without, &[(MsmeStatus::Small, date(2025, 4, 1), None, new)]);
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
            status_entries(
                &VerificationResult {
                    outcome: Outcome::Mismatch,
                    mismatches: vec![mismatch],
                    ..verified
                },
                &[],
            )
            .len()
        };
        assert_eq!((with(Field::Name), with(Field::Pan), with(Field::EnterpriseType)), (0, 0, 1));
    }

    /// What the register says on a day: a class since 2022, and none by years.
    fn answer(class: EnterpriseType, at: &str) -> VerificationResult {
        let facts = Facts {
            enterprise_type: Some(class),
            ..facts(&[("2024-25", EnterpriseType::Micro)])
        };
        VerificationResult {
            checked_at: at.parse().unwrap(),
            ..result(facts)
        }
    }

    fn add(history: &mut Vec<StatusEntry>, result: &VerificationResult) -> usize {
        let entries = status_entries(result, history);
        let count = entries.len();
        history.extend(entries);
        assert_eq!(status_entries(result, history), [], "once they are there, there are none");
        count
    }

    #[test]
    fn what_the_register_went_back_to_is_added_again() {
        use EnterpriseType::{Micro, Small};
        let mut history = Vec::new();
        let class_on = |history: &[StatusEntry], day: Date| status::on(history, day).status;
        assert_eq!(add(&mut history, &answer(Micro, "2026-06-01T06:00:00Z")), 1);
        assert_eq!(add(&mut history, &answer(Small, "2026-07-01T06:00:00Z")), 1);
        assert_eq!(class_on(&history, date(2026, 7, 1)), MsmeStatus::Small);
        assert_eq!(add(&mut history, &answer(Micro, "2026-08-01T06:00:00Z")), 1);
        assert_eq!(class_on(&history, date(2026, 8, 1)), MsmeStatus::Micro);
        // A word that is older than what stands is not brought in again, however late it is worked on.
        assert_eq!(add(&mut history, &answer(Small, "2026-07-02T06:00:00Z")), 0);
    }

    #[test]
    fn asking_again_does_not_make_a_class_younger() {
        use EnterpriseType::Small;
        let mut history = Vec::new();
        assert_eq!(add(&mut history, &answer(Small, "2026-06-01T06:00:00Z")), 2);
        for day in ["2026-07-01T06:00:00Z", "2026-09-01T06:00:00Z"] {
            assert_eq!(add(&mut history, &answer(Small, day)), 0, "{day}");
        }
        assert_eq!(status::on(&history, date(2026, 6, 1)).status, MsmeStatus::Small);
        assert_eq!(status::on(&history, date(2026, 5, 31)).status, MsmeStatus::Micro);
    }

    #[test]
    fn a_cancellation_ends_what_rested_on_the_register_and_outweighs_a_declaration() {
        let cancelled = |on: Option<Date>| {
            let facts = Facts {
                standing: Standing::Cancelled,
                cancelled_on: on,
                ..facts(&[])
            };
            VerificationResult {
                outcome: Outcome::Mismatch,
                checked_at: "2026-11-02T04:30:00Z".parse().unwrap(),
                ..result(facts)
            }
        };
        let on = |history: &[StatusEntry], day: Date| status::on(history, day).status;
        let mut verified = Vec::new();
        add(&mut verified, &answer(EnterpriseType::Micro, "2026-06-01T06:00:00Z"));
        let declared = StatusEntry::new(
            MsmeStatus::Small,
            date(2022, 1, 2),
            "2026-05-01T06:00:00Z".parse().unwrap(),
            Evidence::SamePan {
                vendor_id: "vnd_01KAQ2N5K3Q7Z1D6F9G2H4J8M5".parse().unwrap(),
                response_id: None,
                campaign_id: None,
                rank: None,
                known_until: None,
            },
        );

        // Known to be over by the day of the check, or since the day the register gives.
        for (day, last) in [(None, date(2026, 11, 1)), (Some(date(2026, 8, 15)), date(2026, 8, 14))] {
            let mut history = verified.clone();
            assert_eq!(add(&mut history, &cancelled(day)), 1);
            assert_eq!(on(&history, last), MsmeStatus::Micro);
            assert_eq!(on(&history, last.tomorrow().unwrap()), MsmeStatus::NotRegistered);
            // What was declared before does not stand up again in its place.
            let mut history = verified.clone();
            history.insert(0, declared.clone());
            assert_eq!(add(&mut history, &cancelled(day)), 1);
            assert_eq!(on(&history, last.tomorrow().unwrap()), MsmeStatus::NotRegistered);
        }
        let mut history = vec![declared];
        assert_eq!(add(&mut history, &cancelled(None)), 1);
        assert_eq!(on(&history, date(2026, 11, 1)), MsmeStatus::Small);
        assert_eq!(on(&history, date(2026, 11, 2)), MsmeStatus::NotRegistered);
        assert_eq!(add(&mut Vec::new(), &cancelled(None)), 0, "nothing stood, so nothing ends");
    }
}
