use domain::identifiers::{IndianState, Pan};
use domain::ladder::{Check, Finding, LadderFacts, Outcome, Particulars, Severity, UdyamClaim, findings};
use domain::vendor::MsmeStatus;
use proptest::prelude::*;

use super::{day, vendor};

const ALL: [Check; 12] = [
    Check::PanShape,
    Check::GstinCheckCharacter,
    Check::GstinPan,
    Check::PanHolder,
    Check::PanInitial,
    Check::UdyamShape,
    Check::GstinUdyamState,
    Check::UdyamClaimedOnce,
    Check::RegistrationDate,
    Check::CertificateAnswer,
    Check::AnswerRecord,
    Check::PinState,
];

fn good() -> LadderFacts<'static> {
    LadderFacts {
        company_name: Some("M/s Uttam Castings LLP"),
        organisation_type: Some("Limited Liability Partnership"),
        pan: Some("AAPFU0939F"),
        gstins: &["27AAPFU0939F1ZV"],
        udyam: Some("UDYAM-MH-26-0012345"),
        registered_on: Some(day("2021-07-15")),
        state: Some(IndianState::parse("Maharashtra").unwrap()),
        pin_code: Some("411001"),
        answer: Some(PARTICULARS),
        certificate: Some(PARTICULARS),
        register: None,
        other_claims: &[],
        today: Some(day("2026-11-23")),
    }
}

const PARTICULARS: Particulars<'static> = Particulars {
    pan: Some("AAPFU0939F"),
    gstins: &["27AAPFU0939F1ZV"],
    udyam: Some("UDYAM-MH-26-0012345"),
    name: Some("Uttam Castings"),
    registered_on: None,
    status: Some(MsmeStatus::Micro),
};

#[track_caller]
fn of(facts: &LadderFacts<'_>, check: Check) -> Vec<Finding> {
    let found = findings(facts);
    for finding in &found {
        assert!(finding.severity == Severity::Info || finding.outcome == Outcome::Failed, "{finding:?}");
        assert!(finding.sentence.ends_with('.'), "{finding:?}");
        for secret in ["0939F1ZV", "AAPFU0939F", "0012345"] {
            let shown = format!("{finding:?}");
            assert!(!shown.contains(secret), "{shown}");
        }
    }
    found.into_iter().filter(|finding| finding.check == check).collect()
}

#[track_caller]
fn check(change: impl FnOnce(&mut LadderFacts<'_>), check: Check, expected: &[(Outcome, Severity, &str)]) {
    let mut facts = good();
    change(&mut facts);
    let found = of(&facts, check);
    let seen: Vec<_> = found.iter().map(|finding| (finding.outcome, finding.severity, finding.code)).collect();
    assert_eq!(seen, expected, "{found:#?}");
}

use Outcome::{Failed, NotApplicable, Passed};
use Severity::{Contradiction, Info, Warning};

const PASSED: [(Outcome, Severity, &str); 1] = [(Passed, Info, "passed")];
const NOT_APPLICABLE: [(Outcome, Severity, &str); 1] = [(NotApplicable, Info, "not_applicable")];

#[test]
fn every_check_is_named_whether_it_passed_or_could_not_be_made() {
    let found = findings(&good());
    assert_eq!(found.iter().map(|finding| finding.check).collect::<Vec<_>>(), ALL);
    assert!(found.iter().all(|finding| finding.outcome == Passed), "{found:#?}");
    assert!(found.iter().all(|finding| !finding.fields.is_empty()));

    let nothing = findings(&LadderFacts::default());
    assert_eq!(nothing.iter().map(|finding| finding.check).collect::<Vec<_>>(), ALL);
    assert!(nothing.iter().all(|finding| finding.outcome == NotApplicable), "{nothing:#?}");
}

#[test]
fn identifiers_are_checked_one_by_one() {
    check(
        |facts| facts.pan = Some("AAPXU0939F"),
        Check::PanShape,
        &[(Failed, Contradiction, "pan_holder")],
    );
    check(
        |facts| facts.pan = Some("AAPKU0939F"),
        Check::PanShape,
        &[(Failed, Warning, "pan_holder_legacy")],
    );
    check(
        |facts| facts.gstins = &["27AAPFU0939F1ZV", "27AAPFU0939F1ZO", " "],
        Check::GstinCheckCharacter,
        &[(Passed, Info, "passed"), (Failed, Contradiction, "gstin_check_character")],
    );
    check(
        |facts| facts.udyam = Some("UDYAM-MH-26-12345"),
        Check::UdyamShape,
        &[(Failed, Contradiction, "udyam_shape")],
    );
    check(
        |facts| facts.udyam = Some("MH26A0012345"),
        Check::UdyamShape,
        &[(Failed, Warning, "expired_uam")],
    );
    check(
        |facts| facts.udyam = Some("UDYAM-XX-00-0000001"),
        Check::UdyamShape,
        &[(Failed, Warning, "udyam_state_unknown"), (Failed, Warning, "udyam_district_zero")],
    );
    check(|facts| facts.udyam = Some(" "), Check::UdyamShape, &NOT_APPLICABLE);
}

#[test]
fn gstins_and_pan_belong_together() {
    let mismatch = [(Failed, Contradiction, "gstin_pan_mismatch")];
    check(|facts| facts.pan = Some("AAKFD7113K"), Check::GstinPan, &mismatch);
    check(|facts| facts.pan = None, Check::GstinPan, &NOT_APPLICABLE);
    check(|facts| facts.gstins = &["0717USA00157UNC"], Check::GstinPan, &NOT_APPLICABLE);
    check(
        |facts| {
            facts.pan = None;
            facts.gstins = &["27AAPFU0939F1ZV", "29AAGCB7383J1Z4"];
        },
        Check::GstinPan,
        &[(Failed, Contradiction, "gstins_of_two_pans")],
    );
}

#[test]
fn a_pan_is_held_by_whom_the_name_suggests() {
    let mismatch = [(Failed, Warning, "pan_holder_mismatch")];
    #[track_caller]
    fn named(name: &'static str, kind: Option<&'static str>, pan: &'static str, expected: &[(Outcome, Severity, &str)]) {
        check(
            |facts| {
                facts.company_name = Some(name);
                facts.organisation_type = kind;
                facts.pan = Some(pan);
                facts.gstins = &[];
            },
            Check::PanHolder,
            expected,
        );
    }
    named("Uttam Castings Pvt. Ltd.", None, "AAPFU0939F", &mismatch);
    named("Uttam Castings Pvt. Ltd.", None, "AAPCU0939F", &PASSED);
    named("Uttam Castings (OPC) Private Limited", None, "AAPPU0939F", &mismatch);
    named("Uttam Castings LLP", None, "AAPCU0939F", &mismatch);
    named("Uttam Limited Liability Partnership", None, "AAPFU0939F", &PASSED);
    named("Ram Lal HUF", None, "AAPHL0939F", &PASSED);
    named("Uttam Co-operative Society Ltd", None, "AAPAU0939F", &PASSED);
    named("Uttam Education Trust", None, "AAPTU0939F", &PASSED);
    named("Uttam Traders", Some("Proprietary"), "AAPFU0939F", &mismatch);
    named("Uttam Traders", Some("Proprietary"), "AAPPK0939F", &PASSED);
    named("Uttam Traders", Some("Partnership"), "AAPFU0939F", &PASSED);
    named("Uttam Traders", None, "AAPFU0939F", &NOT_APPLICABLE);
    // Without a PAN of its own the one in the GSTIN is looked at.
    check(
        |facts| {
            facts.pan = None;
            facts.organisation_type = Some("Private Limited Company");
        },
        Check::PanHolder,
        &mismatch,
    );

    check(
        |facts| facts.company_name = Some("The Zorvani Castings LLP"),
        Check::PanInitial,
        &[(Failed, Info, "pan_initial_differs")],
    );
    check(|facts| facts.company_name = Some("The Uttam Castings"), Check::PanInitial, &PASSED);
    check(|facts| facts.company_name = Some("3M"), Check::PanInitial, &NOT_APPLICABLE);
    check(|facts| facts.pan = Some("AAPPU0939F"), Check::PanInitial, &NOT_APPLICABLE);
}

#[test]
fn places_and_dates_agree() {
    check(
        |facts| facts.udyam = Some("UDYAM-KR-03-0000001"),
        Check::GstinUdyamState,
        &[(Failed, Warning, "gstin_udyam_state_mismatch")],
    );
    check(
        |facts| {
            facts.udyam = Some("UDYAM-KR-03-0000001");
            facts.gstins = &["27AAPFU0939F1ZV", "29AAGCB7383J1Z4"];
        },
        Check::GstinUdyamState,
        &PASSED,
    );
    check(|facts| facts.gstins = &[], Check::GstinUdyamState, &NOT_APPLICABLE);
    check(
        |facts| facts.pin_code = Some("560001"),
        Check::PinState,
        &[(Failed, Warning, "pin_state_mismatch")],
    );
    check(
        |facts| facts.pin_code = Some("01100"),
        Check::PinState,
        &[(Failed, Warning, "pin_length")],
    );
    check(|facts| facts.state = None, Check::PinState, &NOT_APPLICABLE);
    let day_check = Check::RegistrationDate;
    check(
        |facts| facts.registered_on = Some(day("2020-06-30")),
        day_check,
        &[(Failed, Contradiction, "registered_before_udyam")],
    );
    check(|facts| facts.registered_on = Some(day("2020-07-01")), day_check, &PASSED);
    check(
        |facts| facts.registered_on = Some(day("2026-11-24")),
        day_check,
        &[(Failed, Contradiction, "registered_in_the_future")],
    );
}

#[test]
fn one_udyam_number_belongs_to_one_pan() {
    let (same, other) = (Pan::parse("AAPFU0939F").unwrap().value, Pan::parse("AAKFD7113K").unwrap().value);
    let claim = |number, pan| UdyamClaim {
        vendor_id: vendor(number),
        vendor_code: "V-2",
        pan,
    };
    let mut facts = good();
    let claims = [claim(2, Some(&same))];
    facts.other_claims = &claims;
    assert_eq!(of(&facts, Check::UdyamClaimedOnce)[0].outcome, Passed);

    let claims = [claim(2, Some(&same)), claim(3, Some(&other)), claim(4, None)];
    facts.other_claims = &claims;
    let found = of(&facts, Check::UdyamClaimedOnce);
    let seen: Vec<_> = found.iter().map(|finding| (finding.severity, finding.code)).collect();
    assert_eq!(seen, [(Contradiction, "udyam_of_two_pans"), (Warning, "udyam_shared_pan_unknown")]);
    assert!(found[0].fields.iter().any(|seen| seen.value == "AAKFDXXXXK"), "{found:#?}");
}

#[test]
fn a_certificate_says_what_was_typed() {
    let with = |certificate: Particulars<'static>| move |facts: &mut LadderFacts<'_>| facts.certificate = Some(certificate);
    let differs = |code| [(Failed, Contradiction, code)];
    let base = PARTICULARS;
    check(
        with(Particulars {
            udyam: Some("udyam mh 26 0012345"),
            ..base
        }),
        Check::CertificateAnswer,
        &PASSED,
    );
    check(
        with(Particulars {
            udyam: Some("UDYAM-MH-26-0012346"),
            ..base
        }),
        Check::CertificateAnswer,
        &differs("certificate_udyam_differs"),
    );
    check(
        with(Particulars {
            status: Some(MsmeStatus::Small),
            ..base
        }),
        Check::CertificateAnswer,
        &differs("certificate_class_differs"),
    );
    check(
        with(Particulars {
            name: Some("Zorvani"),
            ..base
        }),
        Check::CertificateAnswer,
        &[(Failed, Warning, "certificate_name_differs")],
    );
    check(
        |facts| {
            facts.answer = Some(Particulars {
                registered_on: Some(day("2021-07-15")),
                ..base
            });
            facts.certificate = Some(Particulars {
                registered_on: Some(day("2021-07-16")),
                ..base
            });
        },
        Check::CertificateAnswer,
        &differs("certificate_date_differs"),
    );
    check(with(Particulars::default()), Check::CertificateAnswer, &NOT_APPLICABLE);
    check(|facts| facts.certificate = None, Check::CertificateAnswer, &NOT_APPLICABLE);
}

#[test]
fn where_there_is_no_certificate_the_register_is_held_against_the_answer() {
    let register = |facts: &mut LadderFacts<'_>, status| {
        facts.certificate = None;
        facts.register = Some(Particulars {
            status: Some(status),
            ..PARTICULARS
        });
    };
    check(|facts| register(facts, MsmeStatus::Micro), Check::CertificateAnswer, &PASSED);
    check(
        |facts| register(facts, MsmeStatus::Small),
        Check::CertificateAnswer,
        &[(Failed, Contradiction, "register_class_differs")],
    );
}

#[test]
fn an_answer_names_what_is_on_file() {
    let typed = |answer: Particulars<'static>| move |facts: &mut LadderFacts<'_>| facts.answer = Some(answer);
    let base = PARTICULARS;
    check(typed(base), Check::AnswerRecord, &PASSED);
    check(typed(Particulars::default()), Check::AnswerRecord, &NOT_APPLICABLE);
    check(
        typed(Particulars {
            pan: Some("AAKFD7113K"),
            udyam: Some("UDYAM-MH-26-0012346"),
            ..base
        }),
        Check::AnswerRecord,
        &[
            (Failed, Contradiction, "answer_pan_mismatch"),
            (Failed, Contradiction, "answer_udyam_mismatch"),
        ],
    );
    check(
        |facts| {
            facts.pan = Some("AAKFD7113K");
            facts.gstins = &[];
            facts.answer = Some(Particulars { pan: None, ..base });
        },
        Check::AnswerRecord,
        &[(Failed, Contradiction, "answer_gstin_pan_mismatch")],
    );
    check(
        |facts| {
            facts.gstins = &["29AAPFU0939F1ZR"];
            facts.answer = Some(base);
        },
        Check::AnswerRecord,
        &[(Failed, Warning, "answer_gstin_not_on_file")],
    );
}

proptest! {
    #[test]
    fn no_text_makes_the_ladder_panic_or_skip_a_check(texts in prop::collection::vec(any::<String>(), 6)) {
        let gstins = [texts[0].as_str()];
        let facts = LadderFacts {
            company_name: Some(&texts[1]),
            organisation_type: Some(&texts[2]),
            pan: Some(&texts[3]),
            gstins: &gstins,
            udyam: Some(&texts[4]),
            pin_code: Some(&texts[5]),
            answer: Some(Particulars { udyam: Some(&texts[0]), name: Some(&texts[1]), ..Particulars::default() }),
            certificate: Some(Particulars { udyam: Some(&texts[2]), name: Some(&texts[3]), ..Particulars::default() }),
            ..good()
        };
        let mut seen: Vec<_> = findings(&facts).into_iter().map(|finding| finding.check).collect();
        seen.dedup();
        prop_assert_eq!(seen, ALL);
    }
}
