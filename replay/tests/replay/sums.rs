//! `events.csv`, the timeline and `summary.json` tell the same story.

use std::collections::BTreeSet;

use crate::world::{atoms, figures, rows, study};

const CLOSED: [&str; 5] = [
    "liquidated",
    "liquidated_in_auction",
    "taken_over",
    "torn_up",
    "closed_by_queue",
];

#[test]
fn rows_add_up_to_the_summary() {
    let (rows, figures) = (rows(study()), figures(study()));
    for (name, run) in figures["runs"].as_object().unwrap() {
        let own: Vec<_> = rows.iter().filter(|row| row["rules"] == *name).collect();
        let sum = |kinds: &[&str]| -> i128 {
            let chosen = own
                .iter()
                .filter(|row| kinds.contains(&row["event"].as_str()));
            chosen.map(|row| atoms(&row["amount"])).sum()
        };
        let number = |kinds: &[&str]| {
            let chosen = own
                .iter()
                .filter(|row| kinds.contains(&row["event"].as_str()));
            u64::try_from(chosen.count()).unwrap()
        };
        let amount = |field: &str| atoms(run[field].as_str().unwrap());
        assert_eq!(sum(&CLOSED), amount("liquidated_notional"), "{name}");
        assert_eq!(sum(&["credit_drawn"]), amount("credit_drawn"), "{name}");
        assert_eq!(run["deposits_accepted"], number(&["deposited"]), "{name}");
        let tried = number(&["deposited", "deposit_refused"]);
        assert_eq!(run["deposits_tried"], tried, "{name}");
        assert_eq!(run["halts"], number(&["halt_started"]), "{name}");
        let closed = own
            .iter()
            .filter(|row| CLOSED.contains(&row["event"].as_str()) && atoms(&row["amount"]) != 0);
        let accounts: BTreeSet<_> = closed.map(|row| row["account"].clone()).collect();
        assert!(
            !accounts.contains(""),
            "{name}: someone was closed who is nobody"
        );
        assert_eq!(run["liquidated_accounts"], accounts.len(), "{name}");
        let hedgers = ["hedgers with a line", "hedgers without a line"];
        let stopped = accounts
            .iter()
            .filter(|account| hedgers.iter().any(|cohort| account.starts_with(cohort)));
        assert_eq!(run["hedgers_stopped_out"], stopped.count(), "{name}");
        for row in &own {
            let second: i64 = row["unix_seconds"].parse().unwrap();
            let end = study().start + i64::from(study().seconds);
            assert!((study().start..end).contains(&second), "{row:?}");
        }
    }
}

#[test]
fn a_draw_is_told_once() {
    // Twenty of 150 accounts have a line of a quarter of their position; each can draw it once, besides what is repaid.
    for run in &study().runs {
        let mut drawn = std::collections::BTreeMap::new();
        for row in run.events.iter().filter(|row| row.event == "credit_drawn") {
            let key = (row.account.clone(), row.unix_seconds, row.amount.clone());
            *drawn.entry(key).or_insert(0) += 1;
        }
        assert!(
            drawn.values().all(|times| *times == 1),
            "{}: {drawn:?}",
            run.rules
        );
    }
}

#[test]
fn the_timeline_adds_up_to_the_measures() {
    for run in &study().runs {
        let found = &run.measures;
        assert_eq!(
            run.timeline.len(),
            usize::try_from(study().seconds).unwrap()
        );
        let liquidated: u64 = run.timeline.iter().map(|moment| moment.liquidated).sum();
        assert_eq!(liquidated, found.liquidated_notional, "{}", run.rules);
        let below = run
            .timeline
            .iter()
            .map(|moment| u64::from(moment.below_maintenance));
        assert_eq!(
            below.sum::<u64>(),
            found.below_maintenance_seconds,
            "{}",
            run.rules
        );
        let lows = run.timeline.iter().map(|moment| moment.low);
        assert_eq!(
            lows.filter(|low| *low != 0).min(),
            found.venue_low,
            "{}",
            run.rules
        );
    }
}

#[test]
fn the_promised_names_are_there_under_every_rule() {
    let figures = figures(study());
    for field in ["input_sha256", "seed", "accounts", "seconds"] {
        assert!(!figures[field].is_null(), "{field}");
    }
    let hash = |role: &str| figures["input_sha256"][role].as_str().map(str::len);
    for role in ["index", "perp", "scenario", "program"] {
        assert_eq!(hash(role), Some(64), "{role}");
    }
    for rules in plimsoll_replay::rules::RuleSet::ALL {
        let run = &figures["runs"][rules.name()];
        for field in [
            "custody_exact",
            "deposits_tried",
            "deposits_accepted",
            "liquidated_accounts",
            "liquidated_on_venue_only_print",
            "hedgers_stopped_out",
            "halts",
            "halted_seconds",
            "adl_worst_share",
            "adl_gini",
            "venue_low",
            "index_low",
        ] {
            assert!(!run[field].is_null(), "{rules}: {field}");
        }
        for field in [
            "liquidated_notional",
            "bad_debt",
            "default_fund_used",
            "underwriter_pnl",
            "adl_notional",
            "adl_needed",
            "adl_overshoot",
            "venue_liquidation_revenue",
        ] {
            atoms(run[field].as_str().expect(field));
        }
    }
}
