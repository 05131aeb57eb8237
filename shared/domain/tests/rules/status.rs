use domain::classification::{ClassRule, Movement};
use domain::declaration::{Activity, Declaration};
use domain::status::{
    Evidence, EvidenceRank, StatusEntry, StatusOn, StatusReason, SupersededBecause, Verified, Verifier, changes_anything, declared_from, on,
    on_as_known,
};
use domain::vendor::MsmeStatus;
use domain::{CampaignId, ImportId, ResponseId, UserId};
use jiff::Timestamp;
use jiff::civil::Date;
use proptest::prelude::*;
use ulid::Ulid;

use super::{day, noon, vendor};

const ID: Ulid = Ulid::from_parts(1_700_000_000_000, 1);

fn entry(status: MsmeStatus, from: &str, recorded: &str, rank: EvidenceRank) -> StatusEntry {
    StatusEntry {
        status,
        effective_from: day(from),
        effective_to: None,
        class_rule: None,
        recorded_at: noon(recorded),
        evidence: evidence(rank, noon(recorded)),
        verified_by: None,
    }
}

fn evidence(rank: EvidenceRank, at: Timestamp) -> Evidence {
    match rank {
        EvidenceRank::Imported => Evidence::Import {
            import_id: ImportId::from_ulid(ID),
            row: 2,
        },
        EvidenceRank::Entered => Evidence::Entered {
            by: UserId::from_ulid(ID),
            note: None,
            certificate_sha256: None,
        },
        EvidenceRank::Declared | EvidenceRank::Documented => Evidence::Declaration {
            response_id: ResponseId::from_ulid(ID),
            campaign_id: CampaignId::from_ulid(ID),
            certificate_sha256: (rank == EvidenceRank::Documented).then(|| "ab".repeat(32)),
        },
        EvidenceRank::Verified => Evidence::Verification {
            provider: "cashfree".to_owned(),
            reference: "r-1".to_owned(),
            checked_at: at,
        },
    }
}

use EvidenceRank::{Declared, Documented, Entered, Imported, Verified as ByRegister};
use MsmeStatus::{Medium, Micro, NotRegistered, Small, Unknown};

#[track_caller]
fn check(history: &[StatusEntry], date: &str, status: MsmeStatus, reason: StatusReason, superseded: &[SupersededBecause]) -> StatusOn {
    let found = on(history, day(date));
    let because: Vec<_> = found.superseded.iter().map(|superseded| superseded.because).collect();
    assert_eq!(
        (found.status, found.reason, because.as_slice()),
        (status, reason, superseded),
        "{found:#?}"
    );
    let mut reversed = history.to_vec();
    reversed.reverse();
    assert_eq!(on(&reversed, day(date)), found, "the order entries come in does not matter");
    found
}

#[test]
fn what_is_not_recorded_is_unknown_and_says_why() {
    let nothing = check(&[], "2026-01-01", Unknown, StatusReason::NothingRecorded, &[]);
    assert!(nothing.explanation.contains("Silence does not mean"), "{}", nothing.explanation);

    let mut history = vec![entry(Micro, "2021-07-15", "2026-11-20", Declared)];
    check(&history, "2021-07-14", Unknown, StatusReason::BeforeTheFirst, &[]);
    check(&history, "2021-07-15", Micro, StatusReason::Undisputed, &[]);
    check(&history, "2030-01-01", Micro, StatusReason::Undisputed, &[]);

    history[0].effective_to = Some(day("2022-03-31"));
    check(&history, "2022-03-31", Micro, StatusReason::Undisputed, &[]);
    let after = check(&history, "2022-04-01", Unknown, StatusReason::AfterTheLast, &[]);
    assert!(
        after.explanation.contains("`micro` from 2021-07-15 to 2022-03-31"),
        "{}",
        after.explanation
    );
    assert_eq!((after.entry, after.rank), (None, None));
}

#[test]
fn a_later_entry_of_no_weaker_evidence_corrects() {
    let history = [
        entry(Micro, "2021-07-15", "2026-05-01", Declared),
        entry(Small, "2021-07-15", "2026-06-01", Declared),
    ];
    let found = check(&history, "2026-01-01", Small, StatusReason::Decided, &[SupersededBecause::RecordedLater]);
    assert!(found.explanation.contains("replaces `micro` from 2021-07-15"), "{}", found.explanation);
    let history = [
        entry(NotRegistered, "2024-01-01", "2024-01-01", Imported),
        entry(Micro, "2021-07-15", "2026-06-01", ByRegister),
    ];
    check(&history, "2025-03-31", Micro, StatusReason::Decided, &[SupersededBecause::RecordedLater]);
    check(&history, "2022-03-31", Micro, StatusReason::Undisputed, &[]);
}

#[test]
fn weaker_evidence_does_not_overturn_stronger_that_knew_the_day() {
    let history = [
        entry(Micro, "2021-07-15", "2026-05-01", ByRegister),
        entry(Medium, "2021-07-15", "2026-06-01", Imported),
    ];
    let found = check(
        &history,
        "2026-01-01",
        Micro,
        StatusReason::Decided,
        &[SupersededBecause::StrongerEvidence],
    );
    assert!(found.explanation.contains("stands against `medium`"), "{}", found.explanation);
    // Nor on a day after it was recorded: the import claims to know 2021.
    check(
        &history,
        "2026-12-01",
        Micro,
        StatusReason::Decided,
        &[SupersededBecause::StrongerEvidence],
    );
}

#[test]
fn weaker_evidence_can_report_a_change_since() {
    let history = [
        entry(Micro, "2021-07-15", "2024-05-01", ByRegister),
        entry(Small, "2025-04-01", "2025-06-01", Declared),
    ];
    check(&history, "2025-03-31", Micro, StatusReason::Undisputed, &[]);
    check(&history, "2025-04-01", Small, StatusReason::Decided, &[SupersededBecause::ChangedSince]);
    // What counts for a verification is the day of the check, not that of recording.
    let mut late = history.clone();
    late[0].recorded_at = noon("2025-05-01");
    check(&late, "2025-04-01", Small, StatusReason::Decided, &[SupersededBecause::ChangedSince]);
}

#[test]
fn a_declaration_of_a_later_year_takes_over_for_that_year() {
    let mut history = [
        entry(Micro, "2021-07-15", "2024-05-01", ByRegister),
        entry(Small, "2021-07-15", "2025-07-01", Declared),
    ];
    check(
        &history,
        "2025-03-31",
        Micro,
        StatusReason::Decided,
        &[SupersededBecause::StrongerEvidence],
    );
    let found = check(&history, "2025-04-01", Small, StatusReason::Decided, &[SupersededBecause::LaterYear]);
    assert!(found.explanation.contains("that evidence is of 2024-25"), "{}", found.explanation);
    // A file of a later year does not: it may repeat what it always said.
    history[1] = entry(Small, "2021-07-15", "2025-07-01", Imported);
    check(
        &history,
        "2025-04-01",
        Micro,
        StatusReason::Decided,
        &[SupersededBecause::StrongerEvidence],
    );
}

#[test]
fn a_declaration_counts_from_registration_first_and_from_its_year_later() {
    let declaration = |registered: Option<&str>, year: Option<&str>| Declaration {
        status: Micro,
        udyam: None,
        registration_date: registered.map(day),
        classification_year: year.map(str::to_owned),
        activity: Activity::Services,
        pan: None,
        gstins: Vec::new(),
        signatory_name: "A. Signatory".to_owned(),
        signatory_designation: "Proprietor".to_owned(),
        consent_version: "1".to_owned(),
        fiscal_year: "2026-27".to_owned(),
    };
    let at = noon("2026-11-23");
    let history = [entry(Micro, "2021-07-15", "2025-05-01", Declared)];
    let first = declaration(Some("2021-07-15"), Some("2025-26"));
    assert_eq!(declared_from(&first, at, &[]), day("2021-07-15"));
    assert_eq!(
        declared_from(&first, at, &[entry(Micro, "2021-07-15", "2025-05-01", Imported)]),
        day("2021-07-15")
    );
    assert_eq!(declared_from(&first, at, &history), day("2025-04-01"));
    assert_eq!(declared_from(&declaration(Some("2021-07-15"), None), at, &history), day("2026-04-01"));
    assert_eq!(declared_from(&declaration(Some("2026-08-01"), None), at, &history), day("2026-08-01"));
    assert_eq!(declared_from(&declaration(None, None), at, &history), day("2026-11-23"));
}

#[test]
fn a_cancellation_is_an_entry_that_repeats_with_an_end_or_says_not_registered() {
    let mut ended = entry(Micro, "2021-07-15", "2026-06-01", Declared);
    ended.effective_to = Some(day("2026-03-31"));
    let history = [entry(Micro, "2021-07-15", "2026-05-01", Declared), ended.clone()];
    check(
        &history,
        "2026-03-31",
        Micro,
        StatusReason::Undisputed,
        &[SupersededBecause::RecordedLater],
    );
    check(&history, "2026-04-01", Unknown, StatusReason::AfterTheLast, &[SupersededBecause::Ended]);

    // Too weak to end a verified one.
    let history = [entry(Micro, "2021-07-15", "2026-05-01", ByRegister), ended];
    check(&history, "2026-04-01", Micro, StatusReason::Undisputed, &[]);

    let history = [
        entry(Micro, "2021-07-15", "2026-01-10", Declared),
        entry(NotRegistered, "2026-04-01", "2026-04-02", Entered),
    ];
    check(&history, "2026-03-31", Micro, StatusReason::Undisputed, &[]);
    check(
        &history,
        "2026-04-01",
        NotRegistered,
        StatusReason::Decided,
        &[SupersededBecause::ChangedSince],
    );
}

#[test]
fn a_year_that_ended_uncovers_what_stood_before() {
    let mut year = entry(Small, "2024-04-01", "2026-06-01", Documented);
    year.effective_to = Some(day("2025-03-31"));
    let history = [entry(Micro, "2021-07-15", "2026-05-01", Declared), year];
    check(&history, "2024-03-31", Micro, StatusReason::Undisputed, &[]);
    check(&history, "2025-03-31", Small, StatusReason::Decided, &[SupersededBecause::RecordedLater]);
    check(&history, "2025-04-01", Micro, StatusReason::Undisputed, &[]);
}

#[test]
fn filling_in_the_past_does_not_change_what_began_since() {
    let history = [
        entry(Small, "2025-04-01", "2025-05-01", Entered),
        entry(Micro, "2021-05-01", "2025-05-02", Entered),
    ];
    check(&history, "2025-03-31", Micro, StatusReason::Undisputed, &[]);
    let found = check(&history, "2025-04-01", Small, StatusReason::Decided, &[SupersededBecause::BeginsLater]);
    assert!(found.explanation.contains("tells of the time before it"), "{}", found.explanation);

    // One that says until when it goes on was made for its days.
    let mut until = entry(Micro, "2021-05-01", "2025-05-02", Entered);
    until.effective_to = Some(day("2025-06-30"));
    let history = [history[0].clone(), until];
    check(&history, "2025-06-30", Micro, StatusReason::Decided, &[SupersededBecause::RecordedLater]);
    check(&history, "2025-07-01", Small, StatusReason::Undisputed, &[]);

    // A register's answer is about all the time up to the day it was asked.
    let history = [
        entry(Small, "2025-04-01", "2025-05-01", ByRegister),
        entry(Micro, "2021-05-01", "2025-05-02", ByRegister),
    ];
    check(&history, "2025-04-01", Micro, StatusReason::Decided, &[SupersededBecause::RecordedLater]);
}

#[test]
fn a_status_can_be_taken_back() {
    let history = [
        entry(Micro, "2021-05-01", "2025-05-01", Entered),
        entry(Unknown, "2021-05-01", "2025-05-02", Entered),
    ];
    let found = check(
        &history,
        "2025-04-01",
        Unknown,
        StatusReason::Decided,
        &[SupersededBecause::RecordedLater],
    );
    assert!(found.entry.is_some());
}

#[test]
fn a_shared_status_weighs_what_it_weighs_where_it_comes_from() {
    let now = noon("2026-11-01");
    for rank in [Imported, Entered, Declared, Documented, ByRegister] {
        let known = entry(Micro, "2021-07-15", "2025-05-01", rank);
        let shared = known.for_same_pan(vendor(7), now);
        assert_eq!(
            (shared.rank(), shared.known_until(), shared.recorded_at),
            (rank, day("2025-05-01"), now),
            "{shared:?}"
        );
        let today = day("2026-11-01");
        assert!(
            !changes_anything(&shared, today, std::slice::from_ref(&known)),
            "who has it needs it not again"
        );
        let corrected = entry(Small, "2021-07-15", "2026-10-01", rank);
        assert!(
            changes_anything(&shared, today, &[known.clone(), corrected]),
            "unless another word came after it"
        );
        // Handed on, it still names where it began.
        let again = shared.for_same_pan(vendor(8), now);
        assert_eq!(again.evidence, shared.evidence);
    }
    let weaker = entry(Micro, "2021-07-15", "2025-05-01", Imported);
    let declared = entry(Micro, "2021-07-15", "2025-05-01", Declared);
    assert!(
        changes_anything(&declared, day("2026-11-01"), &[weaker]),
        "it says the same on better evidence"
    );
}

#[test]
fn a_change_of_class_is_explained() {
    let history = [
        entry(Micro, "2021-07-15", "2022-05-01", ByRegister),
        entry(Small, "2024-04-01", "2024-05-01", ByRegister),
        entry(Micro, "2025-04-01", "2025-05-01", ByRegister),
    ];
    assert_eq!(on(&history, day("2024-03-31")).reclassified, None);
    let up = on(&history, day("2024-06-01")).reclassified.unwrap();
    assert_eq!(
        (up.movement, up.effective_from, up.benefits_until),
        (Movement::Up, day("2024-04-01"), Some(day("2027-03-31")))
    );
    let down = on(&history, day("2026-06-01")).reclassified.unwrap();
    assert_eq!((down.movement, down.benefits_until), (Movement::Down, None));
    assert!(down.explanation[1].contains("Higher limits came into force that day"), "{down:?}");
}

#[test]
fn an_auditor_sees_what_was_known_then() {
    let history = [
        entry(Micro, "2021-07-15", "2026-05-01", Declared),
        entry(Small, "2021-07-15", "2026-06-01", Declared),
    ];
    let known = |date: &str| on_as_known(&history, day("2026-01-01"), noon(date));
    assert_eq!(
        (known("2026-04-30").status, known("2026-04-30").reason),
        (Unknown, StatusReason::NothingRecorded)
    );
    assert_eq!(known("2026-05-01").status, Micro);
    assert_eq!(known("2026-05-31").status, Micro);
    assert_eq!(
        (known("2026-06-01").status, known("2026-06-01").known_at),
        (Small, Some(noon("2026-06-01")))
    );
}

#[test]
fn evidence_ranks_as_documented() {
    let rank = |rank| entry(Micro, "2021-07-15", "2026-05-01", rank).rank();
    for (expected, next) in [(Imported, Entered), (Entered, Declared), (Declared, Documented), (Documented, ByRegister)] {
        assert_eq!(rank(expected), expected);
        assert!(expected < next);
    }
    let mut same_pan = entry(Micro, "2021-07-15", "2026-05-01", Imported);
    same_pan.evidence = Evidence::SamePan {
        vendor_id: vendor(7),
        response_id: None,
        campaign_id: None,
        rank: None,
        known_until: None,
    };
    assert_eq!(same_pan.rank(), Declared);
    let checked = |by| StatusEntry {
        verified_by: Some(Verified { by, at: noon("2026-05-02") }),
        ..entry(Micro, "2021-07-15", "2026-05-01", Imported)
    };
    let user_id = UserId::from_ulid(ID);
    assert_eq!(checked(Verifier::User { user_id, with: None }).rank(), Documented);
    let provider = Verifier::Provider {
        provider: "cashfree".to_owned(),
        reference: "r-1".to_owned(),
    };
    assert_eq!(checked(provider).rank(), ByRegister);
}

#[test]
fn entries_stored_before_read_as_they_were() {
    let stored = format!(
        r#"{{"status":"micro","effective_from":"2021-07-15","recorded_at":"2026-05-01T06:30:00Z",
            "evidence":{{"kind":"declaration","response_id":"rsp_{ID}","campaign_id":"cmp_{ID}"}}}}"#
    );
    let read: StatusEntry = serde_json::from_str(&stored).unwrap();
    assert_eq!(read, entry(Micro, "2021-07-15", "2026-05-01", Declared));
    // And is written as it was: no field is added that says nothing.
    let before: serde_json::Value = serde_json::from_str(&stored).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), before);
    let entered: Evidence = serde_json::from_str(&format!(r#"{{"kind":"entered","by":"usr_{ID}"}}"#)).unwrap();
    assert_eq!(entered, evidence(Entered, noon("2026-05-01")));
}

fn any_status() -> impl Strategy<Value = MsmeStatus> {
    prop::sample::select(MsmeStatus::ALL.to_vec())
}

fn any_entry() -> impl Strategy<Value = StatusEntry> {
    let first = day("2020-07-01");
    let date = move |days: i64| first.saturating_add(jiff::Span::new().days(days));
    let rank = prop::sample::select(vec![Imported, Entered, Declared, Documented, ByRegister]);
    (any_status(), 0i64..40, prop::option::of(0i64..40), 0i64..60, rank, any::<bool>()).prop_map(
        move |(status, from, length, recorded, rank, checked)| {
            let recorded_at = noon(&date(recorded).to_string());
            StatusEntry {
                status,
                effective_from: date(from),
                effective_to: length.map(|length| date(from + length)),
                class_rule: checked.then_some(ClassRule::Of2020),
                recorded_at,
                evidence: evidence(rank, recorded_at),
                verified_by: checked.then(|| Verified {
                    by: Verifier::User {
                        user_id: UserId::from_ulid(ID),
                        with: None,
                    },
                    at: recorded_at,
                }),
            }
        },
    )
}

fn any_date() -> impl Strategy<Value = Date> {
    (-5i64..80).prop_map(|days| day("2020-07-01").saturating_add(jiff::Span::new().days(days)))
}

proptest! {
    #[test]
    fn what_counts_covers_the_day_and_does_not_depend_on_the_order(
        (entries, shuffled) in prop::collection::vec(any_entry(), 0..7).prop_flat_map(|entries| (Just(entries.clone()), Just(entries).prop_shuffle())),
        date in any_date(),
    ) {
        let found = on(&entries, date);
        let other = on(&shuffled, date);
        prop_assert_eq!((found.status, found.reason, found.rank), (other.status, other.reason, other.rank));
        match &found.entry {
            Some(entry) => prop_assert!(entry.covers(date) && entry.status == found.status),
            None => prop_assert_eq!(found.status, Unknown),
        }
        // Every entry that covers the day either counts or is accounted for.
        let covering = entries.iter().filter(|entry| entry.covers(date)).count();
        prop_assert_eq!(found.superseded.len() + usize::from(found.entry.is_some()), covering);
        prop_assert!(!found.explanation.is_empty());
    }

    #[test]
    fn what_was_known_does_not_change_when_more_is_learnt(entries in prop::collection::vec(any_entry(), 0..7), later in any_entry(), date in any_date()) {
        let moment = noon("2020-08-30") + jiff::SignedDuration::from_hours(1);
        let later = StatusEntry { recorded_at: moment + jiff::SignedDuration::from_hours(1), ..later };
        let before = on_as_known(&entries, date, moment);
        let mut more = entries;
        more.push(later);
        prop_assert_eq!(on_as_known(&more, date, moment), before);
    }

    #[test]
    fn entries_survive_json(entry in any_entry()) {
        let json = serde_json::to_string(&entry).unwrap();
        prop_assert_eq!(serde_json::from_str::<StatusEntry>(&json).unwrap(), entry);
    }
}
