use std::time::Duration;

use super::{text, Figures, View};
use crate::ledger::Summary;
use crate::metrics::{MarketFigures, Metrics};

fn row(kind: &str, outcome: &str, actions: u64, lamports: u64) -> Summary {
    Summary {
        kind: kind.to_owned(),
        outcome: outcome.to_owned(),
        actions,
        lamports,
        elapsed_ms: 400,
    }
}

/// Figures as the keeper itself writes them.
fn figures(balance: u64) -> Figures {
    let metrics = Metrics::new().expect("figures");
    let operations = &metrics.operations;
    operations.low_balance.set(100_000_000);
    operations.spending_cap.set(1_000_000_000);
    operations.balance(balance);
    operations.role("marks", true);
    operations.role("janitor", false);
    operations.shard(1, 3);
    operations.accounts_not_safe.set(7);
    operations.not_safe_seconds.set(12);
    operations.alert("low_balance", "sent");
    for (symbol, phase, mark_age_seconds) in [("AVAX", 1, 3), ("BTC", 0, 2)] {
        let figures = MarketFigures {
            phase,
            mark_age_seconds,
        };
        operations.market(&format!("address of {symbol}"), symbol, figures);
    }
    let held = crate::plan::HeldBack {
        in_flight: 1,
        backed_off: 2,
        queued: 30,
        over_budget: 4,
    };
    metrics.decided(38, &held, Duration::from_millis(1));
    metrics.plan(9, 250_000_000);
    Figures::parse(&metrics.text().expect("text"))
}

fn view() -> View {
    View {
        address: "127.0.0.1:9184".to_owned(),
        not_ready: None,
        figures: figures(2_500_000_000),
        hour: Some(vec![
            row("liquidate", "landed", 5, 25_000),
            row("liquidate", "lost_race", 2, 10_000),
            row("liquidate", "stale", 1, 5_000),
            row("liquidate", "simulated", 7, 0),
            row("refresh_mark", "landed", 720, 3_600_000),
        ]),
    }
}

#[test]
fn the_picture_shows_what_an_operator_asks_first() {
    let picture = text(&view(), 100, 24).expect("a picture");
    for shown in [
        "127.0.0.1:9184  READY",
        "marks  shard 1 of 3",
        "-janitor",
        "due / in flight       38 / 9",
        "queued / backed off   30 / 2",
        "over budget           4",
        "accounts not safe     7 of 0, 12 s",
        "balance, SOL          2.500000000",
        "this hour, SOL        0.250000000 of 1 ",
        "25%",
        "alerts                1 sent, 0 dropped",
    ] {
        assert!(picture.contains(shown), "{shown}\n{picture}");
    }
    let line = |name: &str| -> Vec<&str> {
        let found = picture.lines().find(|line| line.contains(name));
        let words = found.expect(name).split(['│', ' ']);
        words.filter(|word| !word.is_empty()).collect()
    };
    assert_eq!(line("│liquidate")[1..5], ["5", "2", "1", "0.000040000"]);
    assert_eq!(
        line("│refresh_mark")[1..5],
        ["720", "0", "0", "0.003600000"]
    );
    let avax = picture
        .lines()
        .find(|line| line.contains("AVAX"))
        .expect("AVAX");
    assert!(avax.contains("call") && avax.contains("3 s"), "{avax}");
}

#[test]
fn what_is_wrong_stands_out() {
    let wrong = View {
        not_ready: Some("the mirror is 200 slots behind".to_owned()),
        figures: figures(1_000),
        hour: None,
        ..view()
    };
    let picture = text(&wrong, 100, 24).expect("a picture");
    for shown in [
        "NOT READY: the mirror is 200 slots behind",
        "0.000001000 LOW",
        "no ledger here",
    ] {
        assert!(picture.contains(shown), "{shown}\n{picture}");
    }
    let silent = View {
        not_ready: Some("it does not answer".to_owned()),
        ..View::default()
    };
    let picture = text(&silent, 80, 24).expect("a picture");
    assert!(
        picture.contains("balance, SOL          unknown"),
        "{picture}"
    );
}

#[test]
fn a_small_terminal_is_no_reason_to_fail() {
    for (width, height) in [(1, 1), (20, 5), (46, 12)] {
        assert!(text(&view(), width, height).is_ok());
    }
}

#[test]
fn figures_are_read_with_their_labels() {
    let figures = Figures::parse(
        "# HELP plimsoll_keeper_slot Newest\nplimsoll_keeper_slot 41\n\
         plimsoll_keeper_actions_total{kind=\"draw\",outcome=\"landed\"} 3\nother_slot 9\n",
    );
    assert_eq!(figures.value("slot"), Some(41));
    assert_eq!(figures.labelled("actions_total", "kind", "draw"), 3);
    let (labels, _) = figures.named("actions_total").next().expect("a figure");
    assert_eq!(labels["outcome"], "landed");
    assert_eq!(figures.value("absent"), None);
}
