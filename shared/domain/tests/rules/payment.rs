use domain::UserId;
use domain::declaration::Activity;
use domain::payment::{
    Applies, BankRate, BankRates, BankRatesError, DeductionEffect, DueDates, FiscalYear, Msme1Period, PaymentFacts, Terms, TraderPolicy,
    compound_interest, interest, verdict,
};
use domain::status::{Evidence, StatusEntry, Verified, Verifier};
use domain::vendor::MsmeStatus;
use proptest::prelude::*;
use ulid::Ulid;

use super::{day, noon};

#[test]
fn the_clocks_of_section_15_and_msme_1() {
    #[track_caller]
    fn check(accepted: &str, terms: Terms, last: &str, appointed: &str, day_45: &str, is_capped: bool) {
        let due = DueDates::new(day(accepted), terms);
        assert_eq!((due.last_day, due.appointed_day, due.day_45), (day(last), day(appointed), day(day_45)));
        assert_eq!(due.is_capped, is_capped, "{}", due.explanation);
    }
    let agreed = |text| Terms::Agreed(day(text));
    check("2026-07-01", Terms::NoAgreement, "2026-07-16", "2026-07-17", "2026-08-15", false);
    check("2024-02-01", Terms::NoAgreement, "2024-02-16", "2024-02-17", "2024-03-17", false);
    check("2026-07-01", agreed("2026-08-15"), "2026-08-15", "2026-08-16", "2026-08-15", false);
    check("2026-07-01", agreed("2026-08-16"), "2026-08-15", "2026-08-16", "2026-08-15", true);
    check("2026-07-01", agreed("2026-07-05"), "2026-07-05", "2026-07-06", "2026-08-15", false);
    check("2026-07-01", agreed("2026-06-01"), "2026-07-01", "2026-07-02", "2026-08-15", false);

    // Late under section 15, in time for MSME-1.
    let due = DueDates::new(day("2026-07-01"), Terms::NoAgreement);
    assert_eq!((due.days_late(day("2026-07-16")), due.days_late(day("2026-07-17"))), (0, 1));
    assert_eq!((due.days_late(day("2026-08-15")), due.days_beyond_45(day("2026-08-15"))), (30, 0));
    assert_eq!(due.days_beyond_45(day("2026-08-16")), 1);
}

#[test]
fn interest_compounds_by_the_month_to_the_paisa() {
    for (months, expected) in [(0, 0), (1, 137_500), (3, 418_198), (12, 1_780_681)] {
        assert_eq!(compound_interest(10_000_000, 1_650, months), expected, "{months} months");
    }
    // The same by dates, at three times 5.50 %.
    let due = DueDates::new(day("2026-07-01"), Terms::NoAgreement);
    for (paid_on, months, expected) in [("2026-08-16", 1, 137_500), ("2026-10-16", 3, 418_198), ("2027-07-16", 12, 1_780_681)] {
        let found = interest(10_000_000, &due, day(paid_on), &BankRates::published()).unwrap();
        assert_eq!((found.interest_paise, found.months.len()), (expected, months));
        assert_eq!(found.months.iter().map(|month| month.interest_paise).sum::<u64>(), expected);
        assert!(found.months.iter().all(|month| month.basis_points == 1_650));
        assert_eq!(found.months.last().unwrap().to, day(paid_on));
    }
    let in_time = interest(10_000_000, &due, day("2026-07-16"), &BankRates::published()).unwrap();
    assert_eq!((in_time.interest_paise, in_time.days, in_time.months.len()), (0, 0, 0));
    let one_day = interest(10_000_000, &due, day("2026-07-17"), &BankRates::published()).unwrap();
    // 1,375.00 of July's month of 31 days.
    assert_eq!((one_day.interest_paise, one_day.days), (4_435, 1));
}

#[test]
fn a_rate_that_changes_within_a_month_counts_by_days() {
    // 17 days at 18.75 % and 14 at 17.25 %, then 10 of 30 days at 17.25 % (worked out with fractions elsewhere).
    let due = DueDates::new(day("2025-05-04"), Terms::NoAgreement);
    assert_eq!(due.appointed_day, day("2025-05-20"));
    let month = interest(10_000_000, &due, day("2025-06-19"), &BankRates::published()).unwrap();
    assert_eq!((month.interest_paise, month.months.len()), (150_605, 1));
    let more = interest(10_000_000, &due, day("2025-06-29"), &BankRates::published()).unwrap();
    assert_eq!((more.interest_paise, more.days, more.months.len()), (199_243, 41, 2));
}

#[test]
fn rate_tables_are_checked_and_days_before_them_refused() {
    let rates = BankRates::published();
    assert_eq!((rates.on(day("2026-06-05")), rates.on(day("2025-12-04"))), (Ok(550), Ok(575)));
    assert_eq!(rates.on(day("2020-05-21")).unwrap_err().begins, day("2020-05-22"));
    let due = DueDates::new(day("2020-04-01"), Terms::NoAgreement);
    assert!(interest(1, &due, day("2020-06-01"), &rates).is_err());

    let row = |from, basis_points| BankRate {
        from: day(from),
        basis_points,
    };
    assert_eq!(BankRates::new(Vec::new()), Err(BankRatesError::Empty));
    let from = day("2025-01-01");
    assert_eq!(
        BankRates::new(vec![row("2025-01-01", 600), row("2025-01-01", 500)]),
        Err(BankRatesError::Order { from })
    );
    let basis_points = 55_000;
    assert_eq!(
        BankRates::new(vec![row("2025-01-01", basis_points)]),
        Err(BankRatesError::Rate { from, basis_points })
    );
    let json = serde_json::to_string(&rates).unwrap();
    assert_eq!(serde_json::from_str::<BankRates>(&json).unwrap(), rates);
    assert!(serde_json::from_str::<BankRates>("[]").is_err());
}

#[test]
fn years_turn_in_india() {
    let year = |at: &str| FiscalYear::of(at.parse().unwrap());
    assert_eq!(year("2027-03-31T18:29:59Z").to_string(), "2026-27");
    assert_eq!(year("2027-03-31T18:30:00Z").to_string(), "2027-28");
    assert_eq!(
        (year("2027-03-31T18:29:59Z").first_day(), year("2027-03-31T18:29:59Z").last_day()),
        (day("2026-04-01"), day("2027-03-31"))
    );
    assert_eq!(FiscalYear::containing(day("2099-06-01")).to_string(), "2099-00");
    assert_eq!(FiscalYear::parse("2026-27"), Some(FiscalYear::containing(day("2026-04-01"))));
    for wrong in ["", "2026", "2026-28", "26-27", "२०२६-27", "2026-27 "] {
        assert_eq!(FiscalYear::parse(wrong), None, "{wrong}");
    }
    for (date, from, to, due) in [
        ("2026-04-01", "2026-04-01", "2026-09-30", "2026-10-31"),
        ("2026-09-30", "2026-04-01", "2026-09-30", "2026-10-31"),
        ("2026-10-01", "2026-10-01", "2027-03-31", "2027-04-30"),
        ("2027-03-31", "2026-10-01", "2027-03-31", "2027-04-30"),
    ] {
        let period = Msme1Period::containing(day(date));
        assert_eq!((period.from, period.to, period.due), (day(from), day(to), day(due)), "{date}");
    }
}

fn history(status: MsmeStatus) -> Vec<StatusEntry> {
    vec![StatusEntry {
        status,
        effective_from: day("2021-07-15"),
        effective_to: None,
        class_rule: None,
        recorded_at: noon("2021-08-01"),
        evidence: Evidence::Entered {
            by: UserId::from_ulid(Ulid::from_parts(1, 1)),
            note: None,
            certificate_sha256: None,
        },
        verified_by: None,
    }]
}

/// A delivery accepted on 1 June 2025, and not paid yet.
fn facts<'a>(history: &'a [StatusEntry], due: &'a DueDates) -> PaymentFacts<'a> {
    PaymentFacts {
        history,
        contracted_on: Some(day("2025-05-01")),
        supplied_on: day("2025-06-01"),
        registered_on: Some(day("2021-07-15")),
        activity: Some(Activity::Manufacturing),
        traders: TraderPolicy::AskProfessional,
        due,
        paid_on: None,
    }
}

#[track_caller]
fn judge(status: MsmeStatus, change: impl FnOnce(&mut PaymentFacts<'_>), applies: Applies, first_code: &str) {
    judge_history(&history(status), change, applies, first_code);
}

#[track_caller]
fn judge_history(history: &[StatusEntry], change: impl FnOnce(&mut PaymentFacts<'_>), applies: Applies, first_code: &str) {
    let due = DueDates::new(day("2025-06-01"), Terms::NoAgreement);
    let mut facts = facts(history, &due);
    change(&mut facts);
    let found = verdict(&facts);
    assert_eq!((found.applies, found.reasons[0].code), (applies, first_code), "{:#?}", found.reasons);
    assert!(
        found
            .reasons
            .iter()
            .all(|reason| !reason.sentence.is_empty() && !reason.source.is_empty())
    );
    assert_eq!(
        found.deduction.rule.is_some(),
        applies != Applies::No && facts.supplied_on >= day("2023-04-01")
    );
}

#[test]
fn whether_a_payment_is_covered() {
    use Applies::{NeedsEvidence, NeedsProfessional, No, Yes};
    use MsmeStatus::{Medium, Micro, NotRegistered, RegisteredTrader, Small, Unknown};

    judge(Micro, |_| (), Yes, "class_covered");
    judge(Small, |facts| facts.activity = Some(Activity::Services), Yes, "class_covered");
    judge(Micro, |facts| facts.activity = None, Yes, "class_covered");
    judge(Medium, |facts| facts.supplied_on = day("2025-03-31"), No, "medium_enterprise");
    judge(NotRegistered, |facts| facts.registered_on = None, No, "not_registered");
    judge(NotRegistered, |_| (), NeedsEvidence, "registration_contradicts_status");

    // Silence is never a no.
    judge(Unknown, |_| (), NeedsEvidence, "status_unknown");
    judge(
        Micro,
        |facts| (facts.supplied_on, facts.registered_on) = (day("2021-07-14"), None),
        NeedsEvidence,
        "status_unknown",
    );
    // A registration after the supply is no silence, whatever is known of the class.
    judge(Micro, |facts| facts.supplied_on = day("2021-07-14"), No, "registered_after_supply");
    judge(Micro, |facts| facts.registered_on = None, NeedsEvidence, "registration_date_unknown");

    judge(
        Micro,
        |facts| facts.registered_on = Some(day("2025-06-02")),
        No,
        "registered_after_supply",
    );
    judge(
        Micro,
        |facts| facts.registered_on = Some(day("2025-06-01")),
        NeedsProfessional,
        "registered_after_contract",
    );
    judge(Micro, |facts| facts.registered_on = Some(day("2025-05-01")), Yes, "class_covered");
    judge(Micro, |facts| facts.contracted_on = None, Yes, "class_covered");

    judge(RegisteredTrader, |_| (), NeedsProfessional, "trader_contested");
    judge(
        Micro,
        |facts| facts.activity = Some(Activity::Trading),
        NeedsProfessional,
        "trader_contested",
    );
    judge(
        RegisteredTrader,
        |facts| facts.traders = TraderPolicy::Covered,
        NeedsEvidence,
        "trader_size_unknown",
    );
    let mut verified = history(RegisteredTrader);
    verified[0].verified_by = Some(Verified {
        by: Verifier::Provider {
            provider: "cashfree".to_owned(),
            reference: "r-1".to_owned(),
        },
        at: noon("2021-08-01"),
    });
    judge_history(&verified, |facts| facts.traders = TraderPolicy::Covered, Yes, "class_covered");
    judge(
        RegisteredTrader,
        |facts| facts.traders = TraderPolicy::NotCovered,
        No,
        "trader_excluded_by_setting",
    );
    // Evidence comes before the professional, and a no before both.
    judge(
        RegisteredTrader,
        |facts| facts.registered_on = None,
        NeedsEvidence,
        "registration_date_unknown",
    );
    judge(
        RegisteredTrader,
        |facts| facts.registered_on = Some(day("2025-06-02")),
        No,
        "registered_after_supply",
    );
}

#[test]
fn a_class_given_by_other_limits_needs_evidence_where_they_can_matter() {
    use Applies::{NeedsEvidence, No, Yes};
    let told = |status, on: &str| {
        let mut history = history(status);
        history[0].recorded_at = noon(on);
        history
    };
    // Told in 2026 of a supply of 2024: small by the higher limits may have been medium; micro was micro or small, and covered.
    let before = |facts: &mut PaymentFacts<'_>| (facts.supplied_on, facts.contracted_on) = (day("2024-06-01"), None);
    judge_history(&told(MsmeStatus::Small, "2026-08-01"), before, NeedsEvidence, "class_of_other_table");
    judge_history(&told(MsmeStatus::Micro, "2026-08-01"), before, Yes, "class_covered");
    judge_history(&told(MsmeStatus::Medium, "2026-08-01"), before, No, "medium_enterprise");
    // Told in 2021 of a supply of 2025: medium may be small by now; small stays small or micro.
    judge_history(&told(MsmeStatus::Medium, "2021-08-01"), |_| (), NeedsEvidence, "class_of_other_table");
    judge_history(&told(MsmeStatus::Small, "2021-08-01"), |_| (), Yes, "class_covered");
    // A register's answer is about all days up to the one it was asked, and no later ones.
    let mut asked = told(MsmeStatus::Medium, "2026-08-01");
    asked[0].verified_by = Some(Verified {
        by: Verifier::Provider {
            provider: "cashfree".to_owned(),
            reference: "r-1".to_owned(),
        },
        at: noon("2026-08-01"),
    });
    judge_history(&asked, |_| (), No, "medium_enterprise");
    asked[0].verified_by = asked[0].verified_by.take().map(|by| Verified {
        at: noon("2024-08-01"),
        ..by
    });
    judge_history(&asked, |_| (), NeedsEvidence, "class_of_other_table");
    // An entry with an end was made for its days.
    let mut ended = told(MsmeStatus::Small, "2026-08-01");
    ended[0].effective_to = Some(day("2025-03-31"));
    judge_history(&ended, before, Yes, "class_covered");
}

#[test]
fn the_year_of_deduction_follows_from_the_day_of_payment() {
    use DeductionEffect::{InYearOfExpense, InYearOfPayment, NotAffected, OpenUntilPaid};
    #[track_caller]
    fn check(status: MsmeStatus, accepted: &str, paid: Option<&str>, effect: DeductionEffect, year: Option<&str>, pay_by: Option<&str>) {
        let history = history(status);
        let due = DueDates::new(day(accepted), Terms::NoAgreement);
        let found = verdict(&PaymentFacts {
            supplied_on: day(accepted),
            contracted_on: None,
            paid_on: paid.map(day),
            ..facts(&history, &due)
        });
        let found = found.deduction;
        assert_eq!(
            (found.effect, found.deducted_in.map(|year| year.to_string()).as_deref(), found.pay_by),
            (effect, year, pay_by.map(day)),
            "{}",
            found.explanation
        );
    }
    let micro = MsmeStatus::Micro;
    check(micro, "2025-06-01", Some("2025-06-16"), InYearOfExpense, Some("2025-26"), None);
    check(micro, "2025-06-01", Some("2025-06-17"), InYearOfExpense, Some("2025-26"), None);
    check(micro, "2025-06-01", Some("2026-03-31"), InYearOfExpense, Some("2025-26"), None);
    check(micro, "2025-06-01", Some("2026-04-01"), InYearOfPayment, Some("2026-27"), None);
    // In time, though after the year has ended.
    check(micro, "2026-03-25", Some("2026-04-09"), InYearOfExpense, Some("2025-26"), None);
    check(micro, "2026-03-25", Some("2026-04-10"), InYearOfPayment, Some("2026-27"), None);
    check(micro, "2025-06-01", None, OpenUntilPaid, None, Some("2026-03-31"));
    check(micro, "2026-03-25", None, OpenUntilPaid, None, Some("2026-04-09"));
    check(micro, "2023-03-31", Some("2024-05-01"), NotAffected, Some("2022-23"), None);
    check(MsmeStatus::Medium, "2024-06-01", Some("2025-05-01"), NotAffected, Some("2024-25"), None);
}

#[test]
fn a_deployment_adds_bank_rates() {
    let rates = BankRates::published().with("2026-08-05=525, 2025-12-05=560").unwrap();
    assert_eq!((rates.on(day("2026-08-04")), rates.on(day("2026-08-05"))), (Ok(560), Ok(525)));
    assert_eq!(rates.known_since(), day("2026-08-05"));
    assert_eq!(BankRates::published().with(""), Ok(BankRates::published()));
    assert!(BankRates::published().with("2026-08-05:525").unwrap_err().contains("2026-08-05=525"));
    assert!(BankRates::published().with("2026-08-05=52500").unwrap_err().contains("above 100 %"));
}

#[test]
fn the_income_tax_rule_is_that_of_its_day() {
    let history = history(MsmeStatus::Micro);
    let rule = |supplied: &str| {
        let due = DueDates::new(day(supplied), Terms::NoAgreement);
        let facts = PaymentFacts {
            contracted_on: None,
            supplied_on: day(supplied),
            ..facts(&history, &due)
        };
        verdict(&facts).deduction.rule
    };
    assert_eq!(rule("2023-03-31"), None);
    assert_eq!(rule("2023-04-01"), Some("Income-tax Act 1961, s. 43B(h)"));
    assert_eq!(rule("2026-03-31"), Some("Income-tax Act 1961, s. 43B(h)"));
    assert_eq!(rule("2026-04-01"), Some("Income-tax Act 2025, s. 37(2)(g) (check)"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn interest_grows_with_time_and_its_months_add_up(principal in 1u64..1_000_000_000_000_000, start in 0i64..1500, days in 0i64..900) {
        let due = DueDates::new(day("2021-01-31").saturating_add(jiff::Span::new().days(start)), Terms::NoAgreement);
        let paid = |days| due.last_day.saturating_add(jiff::Span::new().days(days));
        let rates = BankRates::published();
        let found = interest(principal, &due, paid(days), &rates).unwrap();
        prop_assert_eq!(i64::from(found.days), days);
        prop_assert_eq!(found.months.iter().map(|month| month.interest_paise).sum::<u64>(), found.interest_paise);
        prop_assert!(interest(principal, &due, paid(days + 1), &rates).unwrap().interest_paise >= found.interest_paise);
        // No gap and no overlap between months.
        let mut next = due.appointed_day;
        for month in &found.months {
            prop_assert_eq!(month.from, next);
            next = month.to.tomorrow().unwrap();
        }
        if days > 0 {
            prop_assert_eq!(next, paid(days).tomorrow().unwrap());
        }
    }

    #[test]
    fn no_date_or_sum_makes_it_panic(principal in any::<u64>(), accepted in -4_000_000i32..4_000_000, agreed in -4_000_000i32..4_000_000, paid in 0i32..8000) {
        let at = |days: i32| day("0000-01-01").saturating_add(jiff::Span::new().days(days));
        let due = DueDates::new(at(accepted), Terms::Agreed(at(agreed)));
        let rates = BankRates::new(vec![BankRate { from: jiff::civil::Date::MIN, basis_points: 10_000 }]).unwrap();
        let _ = interest(principal, &due, due.last_day.saturating_add(jiff::Span::new().days(paid)), &rates);
        let _ = (FiscalYear::containing(at(accepted)).first_day(), FiscalYear::containing(at(accepted)).last_day().to_string());
        let _ = (Msme1Period::containing(at(accepted)), compound_interest(principal, 60_000, 240));
    }
}
