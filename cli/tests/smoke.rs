//! The real command against an embedded localnet on free ports, as a user would type it.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

const PLIMSOLL: &str = env!("CARGO_BIN_EXE_plimsoll");
/// Quick blocks keep the test short.
const SLOT_MS: &str = "50";

/// A localnet in a process of its own, and a home directory for the commands that use it.
struct Localnet {
    process: Child,
    url: String,
    home: tempfile::TempDir,
}

impl Localnet {
    /// A chain with the program and prices, and nothing set up.
    fn start() -> Self {
        Self::start_with(tempfile::tempdir().expect("a directory"), &["--no-setup"])
    }

    fn start_with(home: tempfile::TempDir, arguments: &[&str]) -> Self {
        let mut process = Command::new(PLIMSOLL)
            .args(["localnet", "--json", "--slot-ms", SLOT_MS])
            .args(["--rpc-port", "0", "--ws-port", "0"])
            .args(arguments)
            .current_dir(repository())
            .env("HOME", home.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("plimsoll localnet");
        let url = rpc_url(process.stdout.take().expect("its output"));
        Self { process, url, home }
    }

    fn run(&self, key: &str, arguments: &[&str]) -> Output {
        Command::new(PLIMSOLL)
            .args(["--url", &self.url, "--keypair", key])
            .args(arguments)
            .current_dir(self.home.path())
            .env("HOME", self.home.path())
            .stdin(Stdio::null())
            .output()
            .expect("plimsoll runs")
    }

    /// Runs a command that must succeed, and reads its JSON.
    fn json(&self, key: &str, arguments: &[&str]) -> Value {
        let output = self.run(key, &[arguments, &["--json", "--yes"]].concat());
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// Runs a command that must fail, and returns its error.
    fn error(&self, key: &str, arguments: &[&str]) -> String {
        let output = self.run(key, arguments);
        assert!(!output.status.success(), "{arguments:?} should fail");
        String::from_utf8(output.stderr).expect("text")
    }
}

impl Drop for Localnet {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The localnet prints one JSON object when it is ready, over several lines.
fn rpc_url(output: impl Read) -> String {
    let mut text = String::new();
    for line in BufReader::new(output).lines() {
        text.push_str(&line.expect("a line"));
        if let Ok(ready) = serde_json::from_str::<Value>(&text) {
            return ready["rpc_url"].as_str().expect("rpc_url").to_owned();
        }
    }
    panic!("the localnet ended before it was ready: {text}");
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field]
        .as_str()
        .unwrap_or_else(|| panic!("{field} in {value}"))
}

fn key(localnet: &Localnet, name: &str) -> String {
    let path = localnet.home.path().join(name).display().to_string();
    localnet.json("none", &["keygen", &path]);
    path
}

/// A market's mark once somebody has refreshed it.
fn mark(localnet: &Localnet, key: &str) -> f64 {
    for _ in 0..100 {
        let market = localnet.json(key, &["market", "show", "AVAX"]);
        if market["state"] == "open" {
            return text(&market, "mark").parse().expect("a price");
        }
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    panic!("AVAX did not open");
}

#[test]
fn a_user_sets_up_deposits_trades_and_leaves() {
    let localnet = Localnet::start();
    let (alice, bob) = (key(&localnet, "alice.json"), key(&localnet, "bob.json"));

    let refused = localnet.error(&alice, &["exchange", "show"]);
    assert!(refused.contains("`plimsoll setup` creates it"), "{refused}");
    set_up_twice(&localnet, &alice);

    for key in [&alice, &bob] {
        localnet.json(key, &["faucet", "--usdc", "5000"]);
        localnet.json(key, &["account", "create"]);
        localnet.json(key, &["account", "deposit", "2000"]);
        localnet.json(key, &["account", "claim-seat", "AVAX"]);
    }
    trade(&localnet, &alice, &bob);
    refusals_name_their_error(&localnet, &bob);
    a_change_waits_in_the_open(&localnet, &bob);
    anyone_moves_fees_and_custody(&localnet, &bob);
    leave(&localnet, &alice);

    let custody = localnet.json(&alice, &["audit", "custody"]);
    assert_eq!(custody["holds"], true, "{custody}");
}

fn set_up_twice(localnet: &Localnet, key: &str) {
    let shown = localnet.json(key, &["setup", "--dry-run"]);
    assert_eq!(shown["steps_taken"], 0);
    let first = localnet.json(key, &["setup"]);
    // Treasury, exchange, eight shards, four markets; the mint is the faucet's.
    assert_eq!(first["steps_taken"], 14, "{first}");
    let second = localnet.json(key, &["setup"]);
    assert_eq!(second["steps_taken"], 0, "{second}");
    let nothing = second["plan"]
        .as_array()
        .expect("a plan")
        .iter()
        .all(|item| item["action"] == "nothing");
    assert!(nothing, "{second}");
}

fn trade(localnet: &Localnet, alice: &str, bob: &str) {
    let price = format!("{:.2}", mark(localnet, alice) * 1.01);
    let sell = ["order", "place", "-m", "avax", "-s", "sell"];
    let order = ["--size", "10", "--price", &price, "--post-only"];
    let placed = localnet.json(alice, &[&sell[..], &order].concat());
    assert_eq!(text(&placed["outcome"], "resting"), "10");

    let book = localnet.json(bob, &["book", "AVAX"]);
    assert_eq!(text(&book["asks"][0], "size"), "10");

    let buy = ["order", "place", "-m", "AVAX", "-s", "buy", "--size", "4"];
    let market = ["--market-order", "--slippage", "5%"];
    let bought = localnet.json(bob, &[&buy[..], &market].concat());
    assert_eq!(text(&bought["preview"], "filled"), "4");
    assert_eq!(text(&bought["outcome"], "filled"), "4");
    assert_eq!(
        text(&bought["preview"], "fee"),
        text(&bought["outcome"], "fee")
    );

    let trades = localnet.json(bob, &["trades", "AVAX"]);
    assert_eq!(text(&trades[0], "size"), "4");
    let shown = localnet.json(alice, &["account", "show"]);
    assert_eq!(text(&shown["positions"][0], "position"), "-4");
    assert!(shown["positions"][0]["liquidation_price"].is_string());
    assert_eq!(text(&shown, "gap"), "20%");
    assert_eq!(shown["gap_is_published"], true);
    assert!(usdc(&shown, "gap_loss") > 0.0, "{shown}");

    let history = localnet.run(alice, &["history", "--csv"]);
    let csv = String::from_utf8(history.stdout).expect("text");
    let fill = csv.lines().find(|line| line.contains(",fill,"));
    assert!(fill.is_some_and(|line| line.contains(",maker,4,")), "{csv}");

    let orders = localnet.json(alice, &["order", "list"]);
    let number = orders[0]["order"].to_string();
    localnet.json(alice, &["order", "cancel", "AVAX", &number]);
    let orders = localnet.json(alice, &["order", "list"]);
    assert_eq!(orders.as_array().map(Vec::len), Some(0));
}

fn refusals_name_their_error(localnet: &Localnet, bob: &str) {
    let buy = [
        "--yes", "order", "place", "-m", "AVAX", "-s", "buy", "--price", "20",
    ];
    let large = localnet.error(bob, &[&buy[..], &["--size", "9000"]].concat());
    assert!(large.contains("BelowInitialMargin"), "{large}");
    let odd = localnet.error(bob, &[&buy[..], &["--size", "0.005"]].concat());
    assert!(odd.contains("not a multiple of the lot, 0.01"), "{odd}");
    let much = localnet.error(bob, &["account", "withdraw", "2500"]);
    assert!(much.contains("InsufficientCash"), "{much}");
    let unasked = localnet.error(bob, &[&buy[1..], &["--size", "1"]].concat());
    assert!(unasked.contains("say --yes"), "{unasked}");
    let parsed = localnet.error(
        bob,
        &["--json", "order", "close", "AVAX", "--size", "0.005"],
    );
    let parsed: Value = serde_json::from_str(parsed.trim()).expect("an error in JSON");
    assert!(text(&parsed, "error").contains("0.005"), "{parsed}");
    let nowhere = localnet.error(bob, &["book", "DOGE"]);
    assert!(nowhere.contains("AVAX, BTC, ETH, SOL"), "{nowhere}");
}

/// On a localnet the published key is authority and guardian.
fn a_change_waits_in_the_open(localnet: &Localnet, bob: &str) {
    let queue = ["admin", "queue", "fee-split", "50%", "20%", "30%"];
    let queued = localnet.json(bob, &queue);
    assert_eq!(queued[0]["state"], "waits", "{queued}");
    let found = localnet.json(bob, &["admin", "show"]);
    let differs = &found[0]["differences"][0];
    assert_eq!(differs["field"], "fee_default_fund", "{found}");
    assert_eq!(differs["to_be"], "50%", "{found}");
    let early = localnet.error(bob, &["admin", "apply", "0"]);
    assert!(early.contains("may be applied from"), "{early}");
    localnet.json(bob, &["admin", "cancel", "0"]);
    let none = localnet.json(bob, &["admin", "show"]);
    assert_eq!(none, serde_json::json!([]));

    let same = localnet.error(bob, &["admin", "queue", "market", "AVAX"]);
    assert!(same.contains("the same parameters"), "{same}");
    localnet.json(bob, &["admin", "guard", "AVAX", "--seconds", "600"]);
    let guarded = localnet.json(bob, &["market", "show", "AVAX"]);
    assert_eq!(text(&guarded, "state"), "reduce-only");
    assert!(guarded["reduce_only_until"].is_i64(), "{guarded}");
    localnet.json(bob, &["admin", "guard", "AVAX", "--lift"]);
    let again = localnet.error(bob, &["admin", "guard", "AVAX"]);
    assert!(again.contains("GuardianPausing"), "{again}");
    assert!(again.contains("may set it so again from"), "{again}");
    let alive = localnet.error(bob, &["admin", "wind-up", "AVAX", "--yes"]);
    assert!(alive.contains("IndexNotDead"), "{alive}");
    assert!(alive.contains("may wind AVAX up after"), "{alive}");
    let nobody = localnet.error(bob, &["admin", "accept-authority"]);
    assert!(nobody.contains("offered to nobody"), "{nobody}");
    let more = ["admin", "queue", "fee-split", "50%", "20%", "40%"];
    let more = localnet.error(bob, &more);
    assert!(more.contains("add up to 110%"), "{more}");
    an_offer_is_shown_until_it_is_withdrawn(localnet, bob);
}

fn an_offer_is_shown_until_it_is_withdrawn(localnet: &Localnet, bob: &str) {
    let next = "4uAiG2XRYfmLwnRYSG1VYRBovq2WPqF6gEixZrmcKSoc";
    localnet.json(bob, &["admin", "offer-authority", next]);
    let offered = localnet.json(bob, &["exchange", "show"]);
    assert_eq!(text(&offered, "authority_offered_to"), next);
    let other = localnet.error(bob, &["admin", "accept-authority"]);
    assert!(other.contains("NotAuthorized"), "{other}");
    assert!(other.contains(next), "{other}");
    let nobody = "11111111111111111111111111111111";
    localnet.json(bob, &["admin", "offer-authority", nobody]);
    let withdrawn = localnet.json(bob, &["exchange", "show"]);
    assert!(withdrawn["authority_offered_to"].is_null(), "{withdrawn}");
}

fn usdc(value: &Value, field: &str) -> f64 {
    text(value, field).parse().expect("an amount")
}

/// What anybody may do for the exchange, by somebody who is nobody there.
fn anyone_moves_fees_and_custody(localnet: &Localnet, bob: &str) {
    localnet.json(bob, &["account", "settle"]);
    let swept = localnet.json(bob, &["market", "sweep-fees", "AVAX"]);
    assert!(usdc(&swept, "to_treasury_usd") > 0.0, "{swept}");
    assert_eq!(text(&swept, "deficit_paid_usd"), "0.00");
    let shown = localnet.json(bob, &["exchange", "show"]);
    assert_eq!(
        text(&shown, "treasury_usd"),
        text(&swept, "to_treasury_usd")
    );

    let nowhere = localnet.error(bob, &["exchange", "collect-treasury", "--shard", "8"]);
    assert!(nowhere.contains("from 0 to 7"), "{nowhere}");
    let collected = localnet.json(bob, &["exchange", "collect-treasury"]);
    assert_eq!(text(&collected, "amount_usd"), text(&shown, "treasury_usd"));
    assert!(collected["signature"].is_string(), "{collected}");
    let again = localnet.json(bob, &["exchange", "collect-treasury"]);
    assert_eq!(text(&again, "amount_usd"), "0.00");
    assert!(again["signature"].is_null(), "{again}");

    let held = shown["custody_shards_usd"].as_array().expect("shards");
    let held: Vec<f64> = held
        .iter()
        .map(|held| {
            held.as_str()
                .and_then(|held| held.parse().ok())
                .expect("an amount")
        })
        .collect();
    let from = held
        .iter()
        .position(|held| *held > 1_900.0)
        .expect("a full shard");
    let to = held
        .iter()
        .position(|held| *held == 0.0)
        .expect("an empty shard");
    // One account's or both's: more than half of it makes the other shard the fuller one.
    let most = format!("{:.2}", held[from] * 0.6);
    let (from, to) = (from.to_string(), to.to_string());
    let rebalance = ["exchange", "rebalance", &from, &to];
    let uneven = localnet.error(bob, &[&rebalance[..], &[&most]].concat());
    assert!(uneven.contains("CustodyLessEven"), "{uneven}");
    let moved = localnet.json(bob, &[&rebalance[..], &["500.000001"]].concat());
    assert_eq!(text(&moved, "to_holds_usd"), "500.000001");
    let itself = localnet.error(bob, &["exchange", "rebalance", "1", "1", "1"]);
    assert!(itself.contains("two different"), "{itself}");
}

fn leave(localnet: &Localnet, alice: &str) {
    localnet.json(alice, &["account", "withdraw", "1500"]);
    let shown = localnet.json(alice, &["account", "show"]);
    assert_eq!(text(&shown, "collateral"), "500.00");
}

/// Second of the tape at which the price falls.
const FALL_AT: i64 = 60;

/// AVAX at 28 dollars, and at 22 from then on.
fn falling_tape(home: &Path) -> String {
    let path = home.join("falling.csv");
    let mut text = "unix_seconds,open,high,low,close,volume,trades\n".to_owned();
    for second in 0..900 {
        let price = if second < FALL_AT { 28 } else { 22 };
        let time = 1_760_130_000 + second;
        text += &format!("{time},{price},{price},{price},{price},10,3\n");
    }
    std::fs::write(&path, text).expect("a tape");
    format!("AVAX={}", path.display())
}

/// The bytecode that was built last, or the committed one.
fn program() -> String {
    let built = repository().join("target/deploy/plimsoll.so");
    let committed = repository().join("artifacts/plimsoll.so");
    let path = if built.exists() { built } else { committed };
    path.display().to_string()
}

#[test]
fn an_insolvent_account_is_torn_up_and_the_audit_agrees() {
    let home = tempfile::tempdir().expect("a directory");
    let tape = falling_tape(home.path());
    let arguments = ["--program", &program(), "--tape", &tape];
    let localnet = Localnet::start_with(home, &arguments);
    let (alice, bob) = (key(&localnet, "alice.json"), key(&localnet, "bob.json"));
    for (key, cash) in [(&alice, "31.5"), (&bob, "3000")] {
        localnet.json(key, &["faucet", "--usdc", "5000"]);
        localnet.json(key, &["account", "create"]);
        localnet.json(key, &["account", "deposit", cash]);
        localnet.json(key, &["account", "claim-seat", "AVAX"]);
    }
    mark(&localnet, &alice);
    let order = ["--size", "10", "--price", "28"];
    let sell = ["order", "place", "-m", "AVAX", "-s", "sell"];
    localnet.json(&bob, &[&sell[..], &order].concat());
    let buy = ["order", "place", "-m", "AVAX", "-s", "buy"];
    localnet.json(&alice, &[&buy[..], &order].concat());
    let accounts = localnet.json(&alice, &["account", "list"]);
    let account = text(&accounts[0], "margin_account").to_owned();

    let healthy = localnet.error(&bob, &["--yes", "liquidate", &account]);
    assert!(healthy.contains("NotLiquidatable"), "{healthy}");
    let solvent = localnet.error(&bob, &["--yes", "liquidate", "tear-up", &account]);
    assert!(solvent.contains("NotLiquidatable"), "{solvent}");
    let whole = ["--yes", "liquidate", "close-remainder", &account, "AVAX"];
    let whole = localnet.error(&bob, &whole);
    assert!(whole.contains("PositionNotARemainder"), "{whole}");
    let empty = localnet.json(&bob, &["audit", "adl", "AVAX"]);
    assert_eq!(empty["receipts"].as_array().map(Vec::len), Some(0));

    while mark(&localnet, &bob) > 25.0 {
        std::thread::sleep(std::time::Duration::from_millis(500));
    }
    let called = localnet.json(&bob, &["liquidate", &account]);
    assert!(called["takeover_since"].is_number(), "{called}");
    let shown = localnet.json(&alice, &["account", "show"]);
    assert!(
        shown["liquidation"]["takeover_since"].is_number(),
        "{shown}"
    );
    let torn = localnet.json(&bob, &["liquidate", "tear-up", &account]);
    assert_eq!(
        (text(&torn, "size"), text(&torn, "closed_fraction")),
        ("10", "100%")
    );

    let audit = localnet.json(&bob, &["audit", "adl", "AVAX"]);
    assert_eq!(audit["holds"], true, "{audit}");
    assert_eq!(audit["receipts"].as_array().map(Vec::len), Some(1));
    let only = ["audit", "adl", "AVAX", "--account", &account];
    let only = localnet.json(&bob, &only);
    assert_eq!(text(&only["accounts"][0]["effects"][0], "what"), "torn up");
    // With too few transactions read the receipt is missing, by number.
    let missing = localnet.error(&bob, &["audit", "adl", "AVAX", "--scan", "0"]);
    assert!(missing.contains("receipt 1 is missing"), "{missing}");
    let history = localnet.json(&bob, &["history"]);
    let last = history
        .as_array()
        .and_then(|rows| rows.last())
        .expect("rows");
    assert_eq!(
        (text(last, "what"), text(last, "position_after")),
        ("deleveraged", "0")
    );
    let custody = localnet.json(&bob, &["audit", "custody"]);
    assert_eq!(custody["holds"], true, "{custody}");
    // Bob's side was closed whole, which ended its epoch; after that his shares of it are gone.
    let accounts = localnet.json(&bob, &["account", "list"]);
    let other = text(&accounts[0], "margin_account").to_owned();
    let told = ["audit", "adl", "AVAX", "--account", &other];
    let before = localnet.json(&bob, &told);
    assert_eq!(before["accounts"][0]["determined_from"], 1, "{before}");
    let synced = localnet.json(&bob, &["liquidate", "sync-seat", &other, "AVAX"]);
    assert_eq!(
        (&synced["epoch"], &synced["epoch_of_side"]),
        (&1.into(), &1.into())
    );
    let after = localnet.json(&bob, &told);
    assert_eq!(after["accounts"][0]["determined_from"], 2, "{after}");
    assert_eq!(after["accounts"][0]["undetermined_receipts"], 1, "{after}");
}

#[test]
fn an_underwriter_opens_a_vault_and_offers_a_line() {
    let home = tempfile::tempdir().expect("a directory");
    let localnet = Localnet::start_with(home, &["--program", &program()]);
    let (uma, ann) = (key(&localnet, "uma.json"), key(&localnet, "ann.json"));
    for key in [&uma, &ann] {
        localnet.json(key, &["faucet", "--usdc", "5000"]);
        localnet.json(key, &["account", "create"]);
    }
    let none = localnet.error(&uma, &["credit", "vault", "show"]);
    assert!(
        none.contains("`plimsoll credit vault open` opens one"),
        "{none}"
    );
    let opened = localnet.json(&uma, &["credit", "vault", "open", "--notice", "3600"]);
    let underwriter = text(&opened, "underwriter").to_owned();
    let junior = localnet.json(&uma, &["credit", "vault", "buy", "20", "--junior"]);
    assert_eq!(text(&junior, "vault_cash"), "20.00");
    let of_umas = ["credit", "vault", "buy", "--vault", &underwriter, "180"];
    localnet.json(&ann, &of_umas);

    let accounts = localnet.json(&ann, &["account", "list"]);
    let account = text(&accounts[0], "margin_account").to_owned();
    let offer = ["credit", "line", "offer", &account, "--limit", "30"];
    let terms = [
        "--committed",
        "--mandate",
        "AVAX=1000",
        "--drawn-rate",
        "12%",
    ];
    let none = localnet.error(&ann, &["--yes", "credit", "line", "accept", &account]);
    assert!(none.contains("none is offered to it"), "{none}");
    let offered = localnet.json(&uma, &[&offer[..], &terms].concat());
    let line = text(&offered, "line").to_owned();
    let accepted = localnet.json(&ann, &["credit", "line", "accept", &account]);
    assert_eq!(text(&accepted, "line"), line);
    let early = localnet.error(&ann, &["--yes", "credit", "line", "activate", &line]);
    assert!(early.contains("LineNotActive"), "{early}");
    assert!(early.contains("may be activated from"), "{early}");
    let shown = localnet.json(&ann, &["credit", "line", "show", &account]);
    assert_eq!(
        (text(&shown, "state"), text(&shown["terms"], "drawn_rate")),
        ("accepted", "12%")
    );

    let vault = localnet.json(&uma, &["credit", "vault", "show"]);
    assert_eq!(
        (text(&vault, "nav_face"), text(&vault, "loss_in_fall")),
        ("200.00", "0.00")
    );
    assert_eq!(text(&vault["lines"][0], "limit_share"), "15%");
    let redeem = ["credit", "vault", "redeem", "--vault", &underwriter, "all"];
    let asked = localnet.json(&ann, &redeem);
    assert_eq!(text(&asked, "value"), "180.00");
    let due = ["--yes", "credit", "vault", "pay", "--vault", &underwriter];
    let due = localnet.error(&uma, &due);
    assert!(due.contains("RedemptionNotDue"), "{due}");
    assert!(due.contains("may be paid from"), "{due}");
}

#[test]
fn a_port_in_use_is_one_sentence() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("its number").port().to_string();
    let output = Command::new(PLIMSOLL)
        .args(["localnet", "--rpc-port", &port, "--ws-port", "0"])
        .current_dir(repository())
        .output()
        .expect("plimsoll runs");
    assert!(!output.status.success());
    let error = String::from_utf8(output.stderr).expect("text");
    let last = error.lines().last().unwrap_or_default();
    assert!(
        last.contains(&port) && last.contains("already in use"),
        "{error}"
    );
}

#[test]
fn nobody_answering_is_one_sentence() {
    let output = Command::new(PLIMSOLL)
        .args(["--url", "http://127.0.0.1:1", "market", "list"])
        .env_remove("PLIMSOLL_URL")
        .output()
        .expect("plimsoll runs");
    let error = String::from_utf8(output.stderr).expect("text");
    assert_eq!(error.lines().count(), 1, "{error}");
    assert!(
        error.contains("http://127.0.0.1:1 does not answer"),
        "{error}"
    );
}
