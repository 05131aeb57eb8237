//! What a verification has brought up, as named findings beside those of the offline ladder.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::compare::{Field, Mismatch};
use super::facts::Standing;
use super::outcome::{Kind, Outcome};
use super::result::VerificationResult;
use crate::declaration::indian_date;
use crate::ladder::{self, Severity};

/// What a register said of one identifier, or how what it said differs from our record at the time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RegisterFinding {
    /// Which register.
    pub kind: Kind,
    /// The identifier, masked.
    pub identifier: String,
    /// Whether it is in order; `not_applicable` where the register could not be asked.
    pub outcome: ladder::Outcome,
    /// How much it matters; `info` unless it failed.
    pub severity: Severity,
    /// What exactly, in a stable word for machines, as in `udyam_name_differs`.
    pub code: String,
    /// What differs, where something does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mismatch: Option<Mismatch>,
    /// What was found and what to do.
    pub sentence: String,
    /// Who asked the register, as in `cashfree`.
    pub provider: String,
    /// The provider's name for the inquiry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// When.
    pub checked_at: Timestamp,
}

/// The findings of one result: one of each difference, or one in all.
pub fn findings(result: &VerificationResult) -> Vec<RegisterFinding> {
    let kind = result.asked.kind();
    let name = register(kind);
    let day = indian_date(result.checked_at);
    let one = |outcome, severity, code: &str, mismatch: Option<&Mismatch>, sentence: String| RegisterFinding {
        kind,
        identifier: result.asked.masked(),
        outcome,
        severity,
        code: format!("{kind}_{code}"),
        mismatch: mismatch.cloned(),
        sentence,
        provider: result.provider.clone(),
        reference: result.reference.clone(),
        checked_at: result.checked_at,
    };
    use ladder::Outcome::{Failed, NotApplicable, Passed};
    match result.outcome {
        Outcome::Verified => {
            let sentence = format!("{name} had it in force on {day}, and nothing that was compared differs.");
            vec![one(Passed, Severity::Info, "verified", None, sentence)]
        }
        Outcome::Mismatch => {
            let differences = result.mismatches.iter();
            differences
                .map(|mismatch| {
                    let (severity, code, sentence) = difference(mismatch, &format!("on {day} {name}"));
                    one(Failed, severity, &code, Some(mismatch), sentence)
                })
                .collect()
        }
        Outcome::NotFound => {
            let sentence = format!("On {day} {name} did not have this number: ask the vendor for its certificate, and correct the number.");
            vec![one(Failed, Severity::Contradiction, "not_found", None, sentence)]
        }
        Outcome::InvalidInput => {
            let sentence = format!(
                "{} refused the number itself ({}): compare it with the certificate.",
                result.provider, result.reason
            );
            vec![one(Failed, Severity::Warning, "refused", None, sentence)]
        }
        Outcome::Auth | Outcome::Quota | Outcome::Timeout | Outcome::ProviderError => {
            let sentence = format!(
                "On {day} {name} could not be asked ({}, {} attempts). This says nothing about the vendor: verify it again.",
                result.reason, result.attempts
            );
            vec![one(NotApplicable, Severity::Info, "not_asked", None, sentence)]
        }
    }
}

const fn register(kind: Kind) -> &'static str {
    match kind {
        Kind::Udyam => "the Udyam register",
        Kind::Gstin => "the GST register",
        Kind::Pan => "the register of PANs",
    }
}

fn difference(Mismatch { field, recorded, found, .. }: &Mismatch, when_and_where: &str) -> (Severity, String, String) {
    let says = format!("{} said {found}; our record said {recorded}", capitalised(when_and_where));
    match field {
        Field::Standing => {
            let code = Standing::NOT_IN_FORCE.into_iter().find(|standing| standing.as_str() == found);
            let sentence = format!(
                "{} said that it, or its holder, is {found}: ask the vendor what it has instead.",
                capitalised(when_and_where)
            );
            (
                Severity::Contradiction,
                code.map_or("not_in_force", Standing::as_str).to_owned(),
                sentence,
            )
        }
        Field::Name => {
            let sentence = format!("{says}. It may be somebody else's number: compare it with the certificate.");
            (Severity::Contradiction, "name_differs".to_owned(), sentence)
        }
        Field::Pan => (
            Severity::Contradiction,
            "pan_differs".to_owned(),
            format!("{says}. One of the two is wrong."),
        ),
        Field::PanHolder => {
            let sentence = format!("The PAN's {recorded} and the holder's type, {found}, contradict each other: it may be somebody else's number.");
            (Severity::Contradiction, "pan_holder_differs".to_owned(), sentence)
        }
        Field::HeldByAnother => {
            let sentence = format!(
                "The vendor has PAN {recorded}, and the same number is claimed by {found}; a number belongs to one PAN: ask both for their certificates."
            );
            (Severity::Contradiction, "of_two_pans".to_owned(), sentence)
        }
        Field::EnterpriseType => {
            let sentence = format!("{says}. The register counts; the vendor's dated statuses show both.");
            (Severity::Warning, "class_differs".to_owned(), sentence)
        }
        Field::MajorActivity => {
            let sentence = format!("{says}. It matters where one of the two is trading: correct the record.");
            (Severity::Warning, "activity_differs".to_owned(), sentence)
        }
        Field::RegisteredOn => {
            let sentence = format!("{says}. What counts is the day of registration: correct the record.");
            (Severity::Warning, "registration_date_differs".to_owned(), sentence)
        }
    }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::super::outcome::Asked;
    use super::*;

    fn result(outcome: Outcome) -> VerificationResult {
        VerificationResult {
            run_id: "ver_01KAQ2N5K3Q7Z1D6F9G2H4J8M5".parse().unwrap(),
            asked: Asked::Pan("AAPFU0939F".parse().unwrap()),
            outcome,
            reason: "cashfree:timeout".to_owned(),
            facts: None,
            mismatches: Vec::new(),
            provider: "cashfree".to_owned(),
            reference: None,
            checked_at: "2026-11-02T04:30:00Z".parse().unwrap(),
            attempts: 5,
        }
    }

    #[test]
    fn what_could_not_be_asked_is_not_what_was_not_found() {
        let (lost, absent) = (findings(&result(Outcome::Timeout)), findings(&result(Outcome::NotFound)));
        assert_eq!(
            (lost[0].outcome, lost[0].code.as_str()),
            (ladder::Outcome::NotApplicable, "pan_not_asked")
        );
        assert_eq!((absent[0].outcome, absent[0].code.as_str()), (ladder::Outcome::Failed, "pan_not_found"));
        assert!(!format!("{lost:?}").contains("0939"), "{lost:?}");
    }

    #[test]
    fn each_difference_is_a_finding_of_its_own() {
        let mismatch = |field, recorded: &str, found: &str| Mismatch {
            field,
            recorded: recorded.to_owned(),
            found: found.to_owned(),
            similarity_percent: None,
        };
        let mismatches = vec![
            mismatch(Field::Standing, "active", "deactivated"),
            mismatch(Field::Name, "Kaveri", "Zenith"),
        ];
        let found = findings(&VerificationResult {
            mismatches,
            ..result(Outcome::Mismatch)
        });
        let codes: Vec<&str> = found.iter().map(|finding| finding.code.as_str()).collect();
        assert_eq!(codes, ["pan_deactivated", "pan_name_differs"]);
        assert!(
            found[1].sentence.starts_with("On 2026-11-02 the register of PANs said Zenith;"),
            "{}",
            found[1].sentence
        );
    }
}
