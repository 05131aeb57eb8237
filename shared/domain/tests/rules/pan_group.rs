use domain::identifiers::{Pan, Udyam};
use domain::ladder::Severity;
use domain::pan_group::{ContradictionCode, GroupMember, MemberAnswer, PanGroup, is_same_name};
use domain::status::EvidenceRank;
use domain::vendor::MsmeStatus;

use super::{day, vendor};

fn member(number: u128, status: MsmeStatus) -> GroupMember {
    GroupMember {
        vendor_id: vendor(number),
        vendor_code: format!("V-{number}"),
        company_name: "Kaveri Castings Pvt Ltd".to_owned(),
        udyam: None,
        registered_on: None,
        status,
        rank: (status != MsmeStatus::Unknown).then_some(EvidenceRank::Declared),
        state: None,
        answer: None,
    }
}

fn group(members: Vec<GroupMember>) -> PanGroup {
    let mut reversed = members.clone();
    reversed.reverse();
    let pan = Pan::parse("AAPCK0939F").unwrap().value;
    let group = PanGroup::new(&pan, members);
    assert_eq!(PanGroup::new(&pan, reversed), group, "the order of members does not matter");
    group
}

#[track_caller]
fn codes(members: Vec<GroupMember>) -> Vec<(ContradictionCode, Vec<domain::VendorId>)> {
    group(members)
        .contradictions
        .into_iter()
        .map(|found| (found.code, found.members))
        .collect()
}

fn udyam(text: &str) -> Option<Udyam> {
    Some(Udyam::parse(text).unwrap().value)
}

use MsmeStatus::{Micro, NotRegistered, Small, Unknown};

#[test]
fn members_of_one_mind_have_no_contradictions() {
    let found = group(vec![member(2, Micro), member(1, Unknown), member(3, Micro)]);
    assert_eq!(found.pan, "AAPCKXXXXF");
    assert_eq!(
        (found.contradictions, found.agreed_status, found.strongest),
        (Vec::new(), Some(Micro), Some(vendor(2)))
    );
    assert_eq!(found.members[0].vendor_code, "V-1");

    let nothing = group(vec![member(1, Unknown), member(2, Unknown)]);
    assert_eq!((nothing.agreed_status, nothing.strongest), (None, None));
    assert_eq!(group(Vec::new()).members, []);
}

#[test]
fn two_udyams_and_two_classes_are_named_with_their_members() {
    let mut members = vec![member(1, Micro), member(2, Small), member(3, Unknown)];
    members[0].udyam = udyam("UDYAM-MH-26-0012345");
    members[2].udyam = udyam("UDYAM-KR-03-0000001");
    members[1].rank = Some(EvidenceRank::Verified);
    let found = group(members);
    let seen: Vec<_> = found
        .contradictions
        .iter()
        .map(|found| (found.code, found.severity, found.members.clone()))
        .collect();
    assert_eq!(
        seen,
        [
            (ContradictionCode::TwoUdyams, Severity::Contradiction, vec![vendor(1), vendor(3)]),
            (ContradictionCode::TwoClasses, Severity::Contradiction, vec![vendor(1), vendor(2)]),
        ]
    );
    assert_eq!((found.agreed_status, found.strongest), (None, Some(vendor(2))));
    let shown = serde_json::to_string(&found).unwrap();
    assert!(
        !shown.contains("0012345") && shown.contains("UDYAM-MH-26-XXXX345 (V-1)") && shown.contains(r#""code":"two_udyams""#),
        "{shown}"
    );
}

#[test]
fn further_contradictions() {
    let mut members = vec![member(1, NotRegistered), member(2, Unknown)];
    members[1].udyam = udyam("UDYAM-MH-26-0012345");
    assert_eq!(codes(members), [(ContradictionCode::UnregisteredWithUdyam, vec![vendor(1), vendor(2)])]);

    let mut members = vec![member(1, Micro), member(2, Micro)];
    members[0].registered_on = Some(day("2021-07-15"));
    members[1].registered_on = Some(day("2021-07-16"));
    assert_eq!(codes(members), [(ContradictionCode::TwoRegistrationDates, vec![vendor(1), vendor(2)])]);

    let mut members = vec![member(1, Micro), member(2, Micro), member(3, Micro)];
    members[1].company_name = "Zorvani Steels".to_owned();
    assert_eq!(codes(members), [(ContradictionCode::TwoNames, vec![vendor(1), vendor(2)])]);
}

#[test]
fn what_was_answered_contradicts_too() {
    let answer = |text: &str| {
        Some(MemberAnswer {
            udyam: udyam(text),
            ..MemberAnswer::default()
        })
    };
    // A member may contradict itself; it is named once.
    let mut members = vec![member(1, Micro), member(2, Micro)];
    members[0].udyam = udyam("UDYAM-MH-26-0012345");
    members[0].answer = answer("UDYAM-KR-03-0000001");
    assert_eq!(codes(members.clone()), [(ContradictionCode::TwoUdyams, vec![vendor(1)])]);
    assert_eq!(group(members.clone()).members[0].answered_udyam.as_deref(), Some("UDYAM-KR-03-XXXX001"));
    members[0].answer = answer("UDYAM-MH-26-0012345");
    assert_eq!(codes(members.clone()), []);
    assert_eq!(group(members).members[0].answered_udyam, None);

    // Both have the later class by now; that they said otherwise is still to be seen.
    let of = |year: &str, class| {
        Some(MemberAnswer {
            class: Some((year.to_owned(), class)),
            ..MemberAnswer::default()
        })
    };
    let mut members = vec![member(1, Small), member(2, Small)];
    members[0].answer = of("2026-27", Micro);
    members[1].answer = of("2026-27", Small);
    assert_eq!(codes(members.clone()), [(ContradictionCode::TwoAnswers, vec![vendor(1), vendor(2)])]);
    members[0].answer = of("2025-26", Micro);
    assert_eq!(codes(members), [], "another year, another class");

    let mut members = vec![member(1, Micro), member(2, Micro)];
    members[1].answer = Some(MemberAnswer {
        names_another_pan: true,
        pan_changed: true,
        ..MemberAnswer::default()
    });
    let expected = [ContradictionCode::AnswerNamesAnotherPan, ContradictionCode::PanChangedAfterAsking];
    assert_eq!(codes(members), expected.map(|code| (code, vec![vendor(2)])));
}

#[test]
fn a_large_group_shows_its_first_members_and_how_many_more_there_are() {
    let members: Vec<_> = (1..=250).map(|number| member(number, Micro)).collect();
    let found = group(members.clone()).and_more(1_000);
    assert_eq!((found.members.len(), found.more, found.is_summary), (200, 1_050, false));
    let pan = Pan::parse("AAPCK0939F").unwrap().value;
    let summary = PanGroup::summary(&pan, members);
    assert_eq!((summary.is_summary, summary.strongest), (true, None));
}

#[test]
fn names_are_compared_without_their_form() {
    for (left, right) in [
        ("Kaveri Castings Pvt. Ltd.", "M/s. KAVERI CASTINGS PRIVATE LIMITED"),
        ("Kaveri Castings LLP", "Kaveri Castings - Unit 2 (Pune)"),
        ("The Kaveri Castings", "Kaveri  Castings"),
        ("Kaveri & Co", "Kaveri and Company"),
        ("KaveriCastings", "Kaveri Castings"),
        ("Pvt Ltd", "PVT LTD"),
    ] {
        assert!(is_same_name(left, right) && is_same_name(right, left), "{left} / {right}");
    }
    for (left, right) in [
        ("Kaveri Castings", "Zorvani Castings"),
        ("Kaveri Steel", "Kaveri Castings"),
        ("Pvt Ltd", "Kaveri"),
    ] {
        assert!(!is_same_name(left, right), "{left} / {right}");
    }
}
