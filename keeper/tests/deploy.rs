//! The files that an operator deploys speak of what the keeper has: every figure that board and rules ask for
//! is one of `/metrics`, the service's commands are the keeper's own.

use std::collections::BTreeSet;
use std::time::Duration;

use plimsoll_keeper::decide::{Key, Kind};
use plimsoll_keeper::execute::{Executed, Outcome};
use plimsoll_keeper::metrics::{MarketFigures, Metrics};
use plimsoll_keeper::plan::{HeldBack, Report};
use serde_json::Value;

const BOARD: &str = include_str!("../../deploy/keeper/grafana.json");
const RULES: &str = include_str!("../../deploy/keeper/alerts.yml");
const UNIT: &str = include_str!("../../deploy/keeper/plimsoll-keeper.service");
const CONTAINER: &str = include_str!("../../deploy/keeper/Containerfile");
const RUNBOOK: &str = include_str!("../../docs/runbook.md");

/// Every figure, each with something to show.
fn metrics() -> Metrics {
    let metrics = Metrics::new().expect("figures");
    let operations = &metrics.operations;
    operations.balance(1);
    operations.role("marks", true);
    operations.shard(0, 1);
    operations.alert("ended", "sent");
    let market = MarketFigures {
        phase: 0,
        mark_age_seconds: 1,
    };
    operations.market("address", "AVAX", market);
    metrics.event("update");
    metrics.mirrored("market", 1);
    metrics.decided(1, &HeldBack::default(), Duration::ZERO);
    let executed = Executed {
        report: Report {
            key: Key {
                subject: Default::default(),
                kind: Kind::Settle,
            },
            state: 0,
            outcome: Outcome::Landed,
            lamports: 5_000,
            slot: 1,
            read: 0,
        },
        signature: None,
        written: Vec::new(),
        compute_limit: 1,
        unit_price: 0,
        danger: 0,
        elapsed: Duration::ZERO,
    };
    metrics.executed(&executed, true);
    metrics
}

/// Names as `/metrics` has them, a histogram's parts included.
fn names() -> BTreeSet<String> {
    let text = metrics().text().expect("text");
    let figures = text.lines().filter(|line| !line.starts_with('#'));
    figures
        .map(|line| line.split(['{', ' ']).next().expect("a name").to_owned())
        .collect()
}

/// The keeper's figures that a text asks for.
fn asked(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'));
    words
        .filter(|word| word.starts_with("plimsoll_keeper_"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_figure_of_board_and_rules_is_one_that_the_keeper_has() {
    let names = names();
    for (file, text, least) in [("grafana.json", BOARD, 20), ("alerts.yml", RULES, 10)] {
        let asked = asked(text);
        assert!(asked.len() >= least, "{file}: {asked:?}");
        let unknown: Vec<_> = asked.difference(&names).collect();
        assert!(unknown.is_empty(), "{file}: {unknown:?} of {names:?}");
    }
}

#[test]
fn every_figure_that_the_keeper_has_is_on_the_board() {
    let asked = asked(BOARD);
    let on_board = |name: &&String| {
        let whole = name.trim_end_matches("_sum").trim_end_matches("_count");
        asked.contains(*name) || asked.contains(&format!("{whole}_bucket"))
    };
    let names = names();
    let missing: Vec<_> = names.iter().filter(|name| !on_board(name)).collect();
    // The line that the balance is compared with is in the rules.
    assert_eq!(missing, ["plimsoll_keeper_low_balance_lamports"]);
}

#[test]
fn the_board_is_one_that_grafana_reads() {
    let board: Value = serde_json::from_str(BOARD).expect("JSON");
    let panels = board["panels"].as_array().expect("panels");
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64()).collect();
    assert_eq!(ids.len(), panels.len());
    for panel in panels {
        let targets = panel["targets"].as_array().expect("targets");
        let refs: BTreeSet<_> = targets.iter().map(|it| it["refId"].as_str()).collect();
        assert!(
            !targets.is_empty() && refs.len() == targets.len(),
            "{panel}"
        );
        let place = &panel["gridPos"];
        let right = place["x"].as_u64().expect("x") + place["w"].as_u64().expect("w");
        assert!(right <= 24, "{panel}");
    }
}

#[test]
fn the_runbook_says_what_to_do_about_every_rule_and_every_alert() {
    let rules = RULES
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "));
    let rules: Vec<&str> = rules.collect();
    assert!(rules.len() >= 10, "{rules:?}");
    for rule in rules {
        assert!(RUNBOOK.contains(&format!("`{rule}`")), "{rule}");
    }
    for kind in plimsoll_keeper::alerts::AlertKind::ALL {
        assert!(RUNBOOK.contains(&format!("`{}`", kind.name())), "{kind:?}");
    }
}

#[test]
fn unit_and_container_call_commands_that_there_are() {
    use clap::{Parser as _, Subcommand};
    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        _options: plimsoll_keeper::command::Options,
        #[command(subcommand)]
        _command: plimsoll_keeper::command::Command,
    }
    let calls = UNIT.lines().filter_map(|line| {
        let (key, call) = line.split_once('=')?;
        key.starts_with("Exec").then_some(call)
    });
    let calls: Vec<&str> = calls.collect();
    assert_eq!(calls.len(), 2);
    for call in calls {
        assert!(
            Cli::try_parse_from(call.split_whitespace()).is_ok(),
            "{call}"
        );
    }
    assert!(CONTAINER.contains("CMD [\"run\"]"));
    assert!(plimsoll_keeper::command::Command::has_subcommand("run"));
    // Nobody's right but its own.
    assert!(CONTAINER.contains("USER 65532:65532"));
    let last = CONTAINER.rfind("USER ").expect("a user");
    assert!(last < CONTAINER.find("ENTRYPOINT").expect("an entry"));
}
