use domain::classification::{ClassRule, EnterpriseClass, Figures, Movement, PAISE_PER_CRORE, classify, reclassify};
use proptest::prelude::*;

use super::day;

/// Tenths of a crore.
fn tenths(tenths: u64) -> u64 {
    tenths * (PAISE_PER_CRORE / 10)
}

use EnterpriseClass::{Large, Medium, Micro, Small};

#[test]
fn both_limits_hold_inclusively_on_their_days() {
    #[track_caller]
    fn check(investment: u64, turnover: u64, on: &str, class: EnterpriseClass) {
        assert_eq!(
            classify(investment, turnover, day(on)).class,
            Some(class),
            "{}",
            classify(investment, turnover, day(on)).explanation
        );
    }
    let tables = [
        (["2020-07-01", "2025-03-31"], [(10, 50), (100, 500), (500, 2_500)]),
        (["2025-04-01", "2099-12-31"], [(25, 100), (250, 1_000), (1_250, 5_000)]),
    ];
    for (days, limits) in tables {
        for on in days {
            for ((investment, turnover), (class, next)) in limits.into_iter().zip([(Micro, Small), (Small, Medium), (Medium, Large)]) {
                let (investment, turnover) = (tenths(investment), tenths(turnover));
                check(investment, turnover, on, class);
                check(investment + 1, turnover, on, next);
                check(investment, turnover + 1, on, next);
                check(0, turnover, on, class);
            }
            check(0, 0, on, Micro);
            check(u64::MAX, u64::MAX, on, Large);
        }
    }
}

#[test]
fn before_the_first_table_no_rule_is_known() {
    let found = classify(0, 0, day("2020-06-30"));
    assert_eq!((found.class, found.rule), (None, None));
    assert!(found.explanation.starts_with("No rule is known here for 2020-06-30"));
    assert_eq!(ClassRule::in_force_on(day("2020-07-01")), Some(ClassRule::Of2020));
    assert_eq!(ClassRule::Of2020.last_day().unwrap().tomorrow().unwrap(), ClassRule::Of2025.first_day());
    assert_eq!(serde_json::to_value(ClassRule::Of2025).unwrap(), "2025");
}

#[test]
fn a_class_is_explained_in_crores() {
    assert_eq!(
        classify(tenths(20), 70_000_001_234, day("2025-06-01")).explanation,
        "micro: investment of ₹2 crore and turnover of ₹70.000001234 crore are both within ₹2.5 crore and ₹100 crore, the limits on 2025-06-01 \
         (S.O. 1364(E), 21 March 2025 (check))."
            .replace("micro", "small")
            .replace("₹2.5 crore and ₹100", "₹25 crore and ₹100")
    );
}

fn figures(investment: u64, turnover: u64, on: &str) -> Figures {
    Figures {
        investment_paise: tenths(investment),
        turnover_paise: tenths(turnover),
        on: day(on),
    }
}

#[test]
fn passing_one_limit_moves_up_from_the_next_april() {
    let moved = reclassify(figures(20, 90, "2025-09-30"), figures(20, 101, "2026-03-31"));
    assert_eq!((moved.movement, moved.after.class), (Movement::Up, Some(Small)));
    assert_eq!(moved.effective_from, Some(day("2026-04-01")));
    assert_eq!(moved.benefits_until, Some(day("2029-03-31")));
    assert_eq!(
        moved.explanation,
        [
            "Turnover of ₹10.1 crore is above ₹10 crore, the limit of micro.",
            "One limit passed is enough to move up: micro becomes small from 2026-04-01 (check).",
            "Non-tax benefits of a micro enterprise go on for three years, to 2029-03-31 (S.O. 4926(E), 18 October 2022; check).",
        ]
    );
    // A day that is itself 1 April counts from the next one.
    assert_eq!(
        reclassify(figures(20, 90, "2025-09-30"), figures(26, 101, "2026-04-01")).effective_from,
        Some(day("2027-04-01"))
    );
    assert_eq!(
        reclassify(figures(20, 90, "2025-09-30"), figures(26, 101, "2026-04-01"))
            .explanation
            .len(),
        4
    );
}

#[test]
fn a_new_table_moves_down_at_once_and_figures_the_next_april() {
    let by_table = reclassify(figures(20, 90, "2025-03-31"), figures(20, 90, "2025-04-01"));
    assert_eq!(
        (by_table.movement, by_table.before.class, by_table.after.class),
        (Movement::Down, Some(Small), Some(Micro))
    );
    assert_eq!((by_table.effective_from, by_table.benefits_until), (Some(day("2025-04-01")), None));
    assert!(by_table.explanation[0].contains("S.O. 1364(E)"));

    let by_figures = reclassify(figures(300, 90, "2025-09-30"), figures(20, 90, "2026-03-31"));
    assert_eq!(
        (by_figures.movement, by_figures.effective_from),
        (Movement::Down, Some(day("2026-04-01")))
    );

    let by_both = reclassify(figures(300, 900, "2025-03-31"), figures(20, 90, "2025-09-30"));
    assert_eq!((by_both.movement, by_both.effective_from), (Movement::Down, Some(day("2026-04-01"))));

    // Small by the limits of 2020, micro by those of 2025, and small again by its figures: the step between has benefits of its own.
    let between = reclassify(figures(20, 90, "2025-03-31"), figures(20, 500, "2026-03-31"));
    assert_eq!(
        (between.movement, between.effective_from, between.benefits_until),
        (Movement::Up, Some(day("2026-04-01")), Some(day("2029-03-31")))
    );
    assert!(between.explanation[1].starts_with("Under the higher limits small becomes micro from 2025-04-01"));

    let same = reclassify(figures(5, 5, "2025-03-31"), figures(5, 6, "2025-04-01"));
    assert_eq!((same.movement, same.effective_from), (Movement::None, None));
    let unknown = reclassify(figures(5, 5, "2020-06-30"), figures(5, 6, "2025-04-01"));
    assert_eq!((unknown.movement, unknown.after.class), (Movement::Undetermined, Some(Micro)));
    assert_eq!(
        reclassify(figures(5, 5, "9999-04-01"), figures(500, 6, "9999-12-31")).movement,
        Movement::Up
    );
}

proptest! {
    #[test]
    fn more_never_makes_smaller(investment in 0u64..2_000_000_000_000, turnover in 0u64..6_000_000_000_000, more in 0u64..1_000_000_000_000, on in 0i64..4000) {
        let on = day("2020-07-01").saturating_add(jiff::Span::new().days(on));
        let class = classify(investment, turnover, on).class;
        prop_assert!(classify(investment + more, turnover, on).class >= class);
        prop_assert!(classify(investment, turnover + more, on).class >= class);
    }
}
