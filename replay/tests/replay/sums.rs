//! `events.csv`, the timeline and `summary.json` tell the same story.

use std::collections::BTreeSet;

use plimsoll_client::events::{
    CreditDrawn, CreditWrittenOff, Event, LienCollected, Liquidated, VaultBalances,
};
use plimsoll_replay::ledger::{Entry, Ledger, Roster};
use plimsoll_replay::venue::Units;
use solana_pubkey::Pubkey;

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
fn a_draw_counts_once_and_a_lien_that_is_paid_is_no_loss() {
    let margin = Pubkey::new_from_array([7; 32]);
    let entry = Entry {
        cohort: "hedger".to_owned(),
        number: 1,
        margin,
        seat: 9,
        hedger: true,
    };
    let units = Units::of(2_000_000_000).unwrap();
    let mut ledger = Ledger::new(Roster::new(vec![entry]), units, "plimsoll", 0);
    let balances = VaultBalances {
        cash: 0,
        reserved_cash: 0,
        drawn: 5,
        interest_receivable: 0,
        liens: 0,
        shares: 0,
        junior_shares: 0,
        queued_shares: 0,
    };
    // As `liquidate` emits them, one after the other.
    ledger.observe(&[
        Event::CreditDrawn(Box::new(CreditDrawn {
            version: 1,
            line: margin,
            margin_account: margin,
            amount: 5,
            credit_principal: 5,
            call_deadline: 1,
            balances,
        })),
        Event::Liquidated(Box::new(Liquidated {
            version: 1,
            margin_account: margin,
            market: margin,
            beneficiary: margin,
            cancelled: 0,
            drawn: 5,
            filled_lots: 0,
            filled_quote: 0,
            limit: 0,
            charge: 0,
            contribution: 0,
            reimbursed: 0,
            takeover_started_at: 0,
        })),
    ]);
    assert_eq!(ledger.measures.credit_drawn, 5);
    assert_eq!(ledger.events.len(), 1);
    // Credit that cures closes nothing.
    assert!(ledger.liquidated.is_empty());
    // What is written off and comes back is not lost.
    ledger.observe(&[
        Event::CreditWrittenOff(Box::new(CreditWrittenOff {
            version: 1,
            line: margin,
            margin_account: margin,
            principal: 5,
            interest: 0,
            junior_shares_burned: 0,
            lien: 5,
            balances,
        })),
        Event::LienCollected(Box::new(LienCollected {
            version: 1,
            line: margin,
            margin_account: margin,
            amount: 3,
            lien: 2,
            collateral: 0,
            balances,
        })),
    ]);
    assert_eq!(ledger.written_off, 2);
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
