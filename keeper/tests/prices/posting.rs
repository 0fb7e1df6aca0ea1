//! A keeper's process that posts what Hermes says: which transactions it sends, in which order, and what it tells.
//! Pyth's and Wormhole's programs are not here; the node takes their instructions as read.

use std::process::{Child, Command};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::node::{payer, Node};
use crate::server::{update_signed_by, Server};

/// Nothing is waited for longer; a loaded machine is slow, a broken keeper never arrives.
const WAIT_MAX: Duration = Duration::from_secs(120);

/// A keeper's process; killed when dropped.
struct Keeper(Child);

impl Drop for Keeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Stage {
    node: Node,
    _hermes: Server,
    folder: tempfile::TempDir,
}

impl Stage {
    fn start(refuses: bool) -> (Self, Keeper) {
        let node = Node::start();
        node.told.refuses.store(refuses, Ordering::Relaxed);
        let news = update_signed_by(13, &[(node.feed_id, 21, node.now)]);
        let hermes = Server::start(move |_, _, wire| {
            wire.open();
            // A price is told again and again, as Hermes does; only the first is news.
            for _ in 0..10_000 {
                wire.event(&news);
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        let key = serde_json::to_string(&payer().to_bytes().to_vec()).expect("a key");
        std::fs::write(path("keeper.json"), key).expect("written");
        let config = format!(
            "keypair = '{key}'\nledger = '{ledger}'\n[[endpoint]]\nrpc = '{rpc}'\n\
             [[market]]\naddress = '{market}'\nfeeds = ['{feed}']\n\
             [sources]\npulse_ms = 50\nresync_ms = 1000\n[plan]\ndecide_ms = 50\nbackoff_min_ms = 100\n\
             [http]\nlisten = ''\n[prices]\nsource = 'hermes'\npost = true\nendpoint = '{hermes}'\n",
            key = path("keeper.json").display(),
            ledger = path("keeper.sqlite").display(),
            rpc = node.rpc,
            market = node.market,
            feed = node.feed,
            hermes = hermes.endpoint,
        );
        std::fs::write(path("keeper.toml"), config).expect("written");
        let log = std::fs::File::create(path("log")).expect("a log");
        let stage = Self {
            node,
            _hermes: hermes,
            folder,
        };
        let child = stage.command().stderr(log).spawn();
        (stage, Keeper(child.expect("a keeper")))
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll-keeper"));
        let config = self.folder.path().join("keeper.toml");
        command.arg("--config").arg(config).env("NO_COLOR", "1");
        command.env_remove("PYTH_API_KEY");
        command
    }

    fn until(&self, what: &str, reached: impl Fn(&Node) -> bool) {
        let begun = Instant::now();
        while !reached(&self.node) {
            let log = std::fs::read_to_string(self.folder.path().join("log"));
            assert!(begun.elapsed() < WAIT_MAX, "{what} did not come: {log:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Outcome, count and lamports of what was posted.
    fn posted(&self) -> Vec<(String, u64, u64)> {
        let report = self
            .command()
            .args(["report", "--json"])
            .output()
            .expect("a report");
        let report: serde_json::Value = serde_json::from_slice(&report.stdout).expect("JSON");
        let rows = report.as_array().expect("rows").iter();
        let posts = rows.filter(|row| row["kind"] == "post_price");
        let told = posts.map(|row| {
            let number = |name: &str| row[name].as_u64().expect("a number");
            let outcome = row["outcome"].as_str().expect("an outcome").to_owned();
            (outcome, number("actions"), number("lamports"))
        });
        told.collect()
    }
}

#[test]
fn a_price_is_posted_in_two_transactions_the_second_after_the_first_has_landed() {
    let (stage, keeper) = Stage::start(false);
    stage.until("a post", |node| node.sent().len() >= 2);
    let posted = |stage: &Stage| {
        stage
            .posted()
            .iter()
            .any(|(outcome, ..)| outcome == "landed")
    };
    let begun = Instant::now();
    while !posted(&stage) {
        assert!(begun.elapsed() < WAIT_MAX, "{:?}", stage.posted());
        std::thread::sleep(Duration::from_millis(50));
    }
    drop(keeper);
    let sent = stage.node.sent();
    let (first, second) = (&sent[0], &sent[1]);
    assert!(first.has("init_encoded_vaa") && first.has("write_encoded_vaa"));
    assert!(!first.has("update_price_feed") && !first.has("close_encoded_vaa"));
    assert!(second.has("verify_encoded_vaa_v1") && second.has("update_price_feed"));
    assert!(sent.iter().any(|sent| sent.has("close_encoded_vaa")));
    assert!(
        first.in_turn && second.in_turn,
        "sent before the one before had landed"
    );
    assert!(sent.iter().all(|sent| sent.bytes.len() <= 1_232));
    // Every transaction of a post is paid for and told of.
    let (_, posts, lamports) = &stage.posted()[0];
    assert!(
        *posts >= 1 && *lamports >= posts * 10_000,
        "{:?}",
        stage.posted()
    );
}

#[test]
fn a_post_that_fails_half_way_is_cleaned_up_by_the_next() {
    let (stage, keeper) = Stage::start(true);
    stage.until("a second try", |node| {
        node.sent()
            .iter()
            .filter(|sent| sent.has("init_encoded_vaa"))
            .count()
            >= 2
    });
    drop(keeper);
    let sent = stage.node.sent();
    let tries = sent.iter().filter(|sent| sent.has("init_encoded_vaa"));
    let closing: Vec<bool> = tries
        .map(|sent| sent.has("close_encoded_vaa"))
        .take(2)
        .collect();
    assert_eq!(closing, [false, true]);
    // Another program's error is told as that program's.
    let log = std::fs::read_to_string(stage.folder.path().join("log")).expect("a log");
    assert!(log.contains("refuses with error 6000"), "{log}");
    assert!(
        stage
            .posted()
            .iter()
            .any(|(outcome, ..)| outcome == "permanent"),
        "{:?}",
        stage.posted()
    );
}

#[test]
fn the_check_of_a_configuration_says_what_its_prices_lack() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let key = serde_json::to_string(&payer().to_bytes().to_vec()).expect("a key");
    std::fs::write(path("keeper.json"), key).expect("written");
    let told = |prices: &str, key: Option<&str>| {
        let market = "11111111111111111111111111111112";
        let config = format!(
            "keypair = '{}'\n[[endpoint]]\nrpc = 'http://127.0.0.1:1'\n\
             [[market]]\naddress = '{market}'\nfeeds = ['{market}']\n[prices]\n{prices}\n",
            path("keeper.json").display()
        );
        std::fs::write(path("keeper.toml"), config).expect("written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll-keeper"));
        command
            .arg("--config")
            .arg(path("keeper.toml"))
            .arg("check-config");
        command.env_remove("PYTH_API_KEY").env("NO_COLOR", "1");
        command.envs(key.map(|key| ("PYTH_API_KEY", key)));
        let output = command.output().expect("an answer");
        let all = [output.stdout, output.stderr].concat();
        (
            output.status.success(),
            String::from_utf8(all).expect("text"),
        )
    };
    assert!(told("source = 'hermes'", Some("secret")).0);
    let (fine, text) = told("source = 'hermes'", None);
    assert!(!fine && text.contains("set PYTH_API_KEY"), "{text}");
    let feed = "ab".repeat(32);
    let tape = format!("source = 'tape'\n[[prices.tape]]\nfeed = '{feed}'\nfile = 'nowhere.csv'");
    let (fine, text) = told(&tape, None);
    assert!(
        !fine && text.contains("nowhere.csv cannot be opened"),
        "{text}"
    );
}
