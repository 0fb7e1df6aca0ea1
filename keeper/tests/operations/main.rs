//! What an operator relies on, tried on the process: its exit code, its reasons, its logs, its end.

mod addresses;
mod node;

use std::sync::atomic::Ordering;

use node::Node;
use serde_json::Value;

/// Each line of a log, which must be a JSON object.
fn lines(log: &str) -> Vec<Value> {
    let parsed = log.lines().map(|line| {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        assert!(value.is_object(), "{line}");
        value
    });
    parsed.collect()
}

#[test]
fn sigterm_waits_for_what_is_under_way_and_ends_well() {
    let node = Node::start();
    node.configure("");
    let mut keeper = node.keeper(&["run"]);
    node.until("a transaction", |node| {
        node.told.sent.load(Ordering::Relaxed) != 0
    });
    keeper.terminate();
    node.until("the drain", |node| node.log().contains("stopping"));
    // Nothing has landed yet, so a keeper that waits is still there.
    assert_eq!(keeper.0.try_wait().expect("asked"), None);
    node.told.landed.store(true, Ordering::Relaxed);
    let ended = keeper.end();
    assert_eq!(ended.code(), Some(0), "{}", node.log());
    assert_eq!(node.outcomes(), ["landed"]);
    assert!(!node.log().contains("left unwatched"), "{}", node.log());
}

#[test]
fn a_part_that_ends_ends_the_process_with_its_reason() {
    let node = Node::start();
    node.configure("");
    node.told.landed.store(true, Ordering::Relaxed);
    let mut keeper = node.keeper(&["run", "--log", "json"]);
    node.until("an entry", |node| node.log().contains("landed"));
    // The ledger is taken away under the keeper: its writer cannot go on.
    let ledger = rusqlite::Connection::open(node.path("keeper.sqlite")).expect("the ledger");
    let taken = ledger.execute_batch("PRAGMA busy_timeout = 5000; DROP TABLE actions");
    taken.expect("taken away");
    let ended = keeper.end();
    assert_eq!(ended.code(), Some(1), "{}", node.log());
    let log = lines(&node.log());
    let last = log.last().expect("a last line");
    assert_eq!(last["level"], "ERROR", "{last}");
    let reason = last["fields"]["reason"].as_str().expect("a reason");
    assert!(
        reason.contains("ledger") && reason.contains("actions"),
        "{reason}"
    );
}

#[test]
fn every_line_of_a_json_log_parses_and_text_is_none() {
    let node = Node::start();
    node.configure("");
    node.told.landed.store(true, Ordering::Relaxed);
    let logged = |form: &str| {
        let output = node
            .command()
            .args(["run", "--once", "--log", form])
            .env("RUST_LOG", "trace")
            .output()
            .expect("a keeper");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).expect("text")
    };
    let log = lines(&logged("json"));
    let said = |message: &str| log.iter().any(|line| line["fields"]["message"] == message);
    assert!(said("started") && said("landed") && said("stopped"));
    let text = logged("text");
    let first = text.lines().next().expect("a line");
    assert!(serde_json::from_str::<Value>(first).is_err(), "{first}");
}

#[test]
fn a_configuration_with_mistakes_ends_at_once_with_all_of_them() {
    let node = Node::start();
    node.configure("[fees]\ncap = 'much'\n[role]\n");
    for command in ["run", "check-config"] {
        let output = node.command().args([command, "--log", "json"]).output();
        let output = output.expect("a keeper");
        assert_eq!(output.status.code(), Some(1));
        let log = lines(&String::from_utf8(output.stderr).expect("text"));
        let reason = log[0]["fields"]["reason"].as_str().expect("a reason");
        for mistake in [
            "2 mistakes",
            "fees.cap: invalid type",
            "role: no such field",
        ] {
            assert!(reason.contains(mistake), "{reason}");
        }
    }
    node.configure("");
    let output = node.command().arg("check-config").output().expect("run");
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("no mistakes"));
}

#[test]
fn alerts_reach_a_webhook_whose_address_stands_nowhere() {
    let node = Node::start();
    node.configure("[alerts.intervals]\nlow_balance = 1\n");
    node.told.landed.store(true, Ordering::Relaxed);
    node.told.lamports.store(1_000, Ordering::Relaxed);
    let (url, heard) = node::webhook("hush");
    let log = std::fs::File::create(node.path("log")).expect("a log");
    let mut command = node.command();
    command.env("PLIMSOLL_KEEPER_WEBHOOK", &url);
    command
        .env("RUST_LOG", "debug")
        .args(["run", "--log", "json"]);
    let mut keeper = node::Keeper(command.stderr(log).spawn().expect("a keeper"));
    let kind = |wanted: &str| node::alert(&heard, wanted);
    let low = kind("low_balance");
    assert_eq!(
        low["text"],
        "the paying key holds 1000 lamports, under 100000000"
    );
    // The last words of a keeper that ends are sent before it does.
    node.until("an entry", |node| node.log().contains("\"landed\""));
    let ledger = rusqlite::Connection::open(node.path("keeper.sqlite")).expect("the ledger");
    let taken = ledger.execute_batch("PRAGMA busy_timeout = 5000; DROP TABLE actions");
    taken.expect("taken away");
    let ended = keeper.end();
    assert_eq!(ended.code(), Some(1));
    let last = kind("ended");
    assert_eq!(last["severity"], "critical");
    assert!(
        last["text"].as_str().expect("text").contains("ledger"),
        "{last}"
    );
    assert!(!node.log().contains("hush"), "{}", node.log());
}

#[test]
fn transactions_go_to_the_second_sender_too_and_one_that_is_dead_harms_nothing() {
    let node = Node::start();
    let relay = Node::start();
    node.told.landed.store(true, Ordering::Relaxed);
    node.configure(&format!(
        "[[sender]]\nrpc = '{}'\n[[sender]]\nrpc = 'http://127.0.0.1:1'\n",
        relay.url()
    ));
    let once = node.command().args(["run", "--once"]).output();
    let once = once.expect("a keeper");
    assert!(once.status.success(), "{once:?}");
    assert_eq!(node.outcomes(), ["landed"]);
    assert_eq!(node.told.sent.load(Ordering::Relaxed), 1);
    assert_eq!(relay.told.sent.load(Ordering::Relaxed), 1);
    // It is sent to and not read from.
    assert_eq!(relay.told.asked.load(Ordering::Relaxed), 1);
}
