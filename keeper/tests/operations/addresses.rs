//! Addresses of endpoints hold keys, which nothing that the keeper says may repeat.

use std::sync::atomic::Ordering;

use crate::node::{self, Keeper, Node};

/// In every part of an address that may hold one.
fn with_keys(scheme: &str, host: &str) -> String {
    format!(
        "{scheme}://user-SECRET:word-SECRET@{host}/v2/path-SECRET?api-key=query-SECRET&b=SECRET"
    )
}

fn assert_hidden(what: &str, text: &str) {
    let line = text.lines().find(|line| line.contains("SECRET"));
    assert_eq!(line, None, "{what}");
}

/// Everything that the ledger says in words.
fn details(node: &Node) -> Vec<String> {
    let ledger = rusqlite::Connection::open(node.path("keeper.sqlite")).expect("the ledger");
    let mut rows = ledger.prepare("SELECT detail FROM actions").expect("rows");
    let rows = rows.query_map([], |row| row.get(0)).expect("rows");
    rows.map(|row| row.expect("a row")).collect()
}

#[test]
fn keys_of_addresses_reach_neither_log_nor_ledger() {
    let node = Node::start();
    node.told.failing.store(true, Ordering::Relaxed);
    let host = node.url().replace("http://", "");
    let closed = "127.0.0.1:1";
    let more = format!(
        "[[sender]]\nrpc = '{}'\n[[endpoint]]\nrpc = '{}'\nws = '{}'\n",
        with_keys("http", closed),
        with_keys("http", &host),
        with_keys("ws", closed)
    );
    node.configure_at(&with_keys("http", &host), &more);
    let log = std::fs::File::create(node.path("log")).expect("a log");
    let mut command = node.command();
    command
        .env("RUST_LOG", "trace")
        .args(["run", "--log", "json"]);
    let mut keeper = Keeper(command.stderr(log).spawn().expect("a keeper"));
    // A simulation that failed, a list that was refused, a stream that was not opened.
    for said in [
        "\"not done\"",
        "accounts are not listed",
        "the stream failed",
    ] {
        node.until(said, |node| node.log().contains(said));
    }
    keeper.terminate();
    assert_eq!(keeper.end().code(), Some(0));
    assert_hidden("the log", &node.log());
    let details = details(&node);
    let failed = details.iter().find(|detail| detail.contains(&host));
    assert!(
        failed.is_some_and(|text| text.contains("500")),
        "{details:?}"
    );
    assert_hidden("the ledger", &details.join("\n"));
}

#[test]
fn keys_of_addresses_reach_neither_the_last_words_nor_the_last_alert() {
    let node = Node::start();
    node.configure_at(&with_keys("http", "127.0.0.1:1"), "");
    let (url, heard) = node::webhook("hush");
    let mut command = node.command();
    command.env("PLIMSOLL_KEEPER_WEBHOOK", &url).arg("run");
    let ended = command.output().expect("a keeper");
    assert_eq!(ended.status.code(), Some(1));
    let log = String::from_utf8_lossy(&ended.stderr);
    assert!(log.contains("http://127.0.0.1:1/"), "{log}");
    assert_hidden("the log", &log);
    let last = node::alert(&heard, "ended").to_string();
    assert!(last.contains("http://127.0.0.1:1/"), "{last}");
    assert_hidden("the alert", &last);
}

#[test]
fn a_file_that_cannot_be_read_is_not_repeated() {
    let node = Node::start();
    for address in ["node.example/SECRET", "http://node.example/SECRET'x"] {
        node.configure_at(address, "");
        let ended = node.command().arg("check-config").output();
        let ended = ended.expect("a keeper");
        assert_eq!(ended.status.code(), Some(1));
        let log = String::from_utf8_lossy(&ended.stderr);
        assert!(
            log.contains("endpoint[0].rpc") || log.contains("line 4"),
            "{log}"
        );
        assert_hidden("the log", &log);
    }
}
