//! A world of the testkit, carried over into the embedded validator, prices that are published all the time,
//! and keepers as processes.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use plimsoll_client::rpc::Connection;
use plimsoll_engine::state::CreditLine;
use plimsoll_localnet::Localnet;
use plimsoll_testkit::{ask, bid, Actor, MarketSpec, World};
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::chain::{carry_over, validator, BEFORE};
use crate::deployment::deploy_program;
use crate::one_market::{Oracle, MARKET};

/// Nothing is waited for longer; a loaded machine is slow, a broken keeper never arrives.
const WAIT_MAX: Duration = Duration::from_secs(120);
/// Keys of the keepers, and who pays for the deployment.
const PAYERS: [&str; 6] = ["first", "second", "third", "desk", "dry", "deployer"];

pub struct Stage {
    /// Ends before the chain does.
    pub oracle: Oracle,
    pub localnet: Localnet,
    pub connection: Connection,
    pub world: World,
    folder: tempfile::TempDir,
}

/// A keeper's process; killed when dropped.
pub struct Keeper(Child);

impl Keeper {
    /// As the machine's end would.
    pub fn kill(mut self) {
        self.0.kill().expect("killed");
        self.0.wait().expect("ended");
    }

    /// SIGTERM, and the end that follows.
    pub fn stop(mut self) {
        let id = self.0.id().to_string();
        let sent = Command::new("kill").arg(&id).status().expect("a signal");
        assert!(sent.success());
        let ended = self.0.wait().expect("ended");
        assert!(ended.success(), "{ended}");
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn payer(name: &str) -> Keypair {
    let mut seed = [3; 32];
    seed[..name.len()].copy_from_slice(name.as_bytes());
    Keypair::new_from_array(seed)
}

/// `long` and `farmer`, who has a line, hold AVAX against `short`; `maker` bids far below.
fn world(now: i64) -> World {
    let mut world = World::new();
    world.set_time(now - BEFORE);
    let spec = MarketSpec::preset(MARKET).halting().with(|params| {
        (params.call_seconds, params.resolve_seconds) = (3, 1);
    });
    world.open_market(&spec);
    world.keeper();
    for (name, deposit) in [
        ("long", 24_000_000_000),
        ("farmer", 12_000_000_000),
        ("short", 400_000_000_000),
        ("maker", 100_000_000_000),
    ] {
        world.trader(name, deposit, &[MARKET]);
    }
    let terms = world.terms(5_000_000_000, &[MARKET]);
    world.lend(
        "underwriter",
        "farmer",
        (2_000_000_000, 50_000_000_000),
        terms,
    );
    for (name, lots) in [("long", 1_000_000), ("farmer", 500_000)] {
        world
            .place("short", MARKET, ask(20_000, lots))
            .expect("an ask");
        world.place(name, MARKET, bid(20_000, lots)).expect("a bid");
    }
    world
        .place("maker", MARKET, bid(18_500, 400_000))
        .expect("a bid");
    world
}

impl Stage {
    pub async fn start() -> Self {
        let funded = PAYERS.map(|name| payer(name).pubkey());
        let localnet = validator(100, funded).await;
        deploy_program(&localnet, &payer("deployer")).await;
        let world = world(localnet.clock().now());
        carry_over(&world, &localnet);
        Self {
            oracle: Oracle::start(&world, &localnet, 20_000),
            connection: Connection::new(localnet.rpc_url()),
            localnet,
            world,
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts a keeper with a key and a ledger of its own.
    pub fn keeper(&self, name: &str) -> Keeper {
        self.configure(name);
        let log = std::fs::File::create(self.path(&format!("{name}.log"))).expect("a log");
        let child = self.command(name).stderr(log).spawn();
        Keeper(child.expect("a keeper"))
    }

    /// Starts a keeper with the desk of the farmer's underwriter.
    pub fn desk(&self, name: &str, policy: &str) -> Keeper {
        self.configure(name);
        self.configure_desk(name, policy);
        let log = std::fs::File::create(self.path(&format!("{name}.log"))).expect("a log");
        let child = self.command(name).stderr(log).spawn();
        Keeper(child.expect("a keeper"))
    }

    /// One look of a desk that sends nothing.
    pub fn dry_run_of_desk(&self, name: &str, policy: &str) {
        self.configure(name);
        self.configure_desk(name, policy);
        let command = &mut self.command(name);
        let ended = command.args(["run", "--dry-run", "--once"]).output();
        let ended = ended.expect("a keeper");
        assert!(ended.status.success(), "{ended:?}");
    }

    fn configure_desk(&self, name: &str, policy: &str) {
        let bytes = Actor::from("underwriter").keypair().to_bytes().to_vec();
        let key = serde_json::to_string(&bytes).expect("a key");
        let (key_file, policy_file) = (
            self.path(&format!("{name}-underwriter.json")),
            self.path(&format!("{name}-policy.toml")),
        );
        std::fs::write(&key_file, key).expect("written");
        std::fs::write(&policy_file, policy).expect("written");
        let config = self.path(&format!("{name}.toml"));
        let mut text = std::fs::read_to_string(&config).expect("a configuration");
        text.push_str(&format!(
            "[underwriter]\nkeypair = '{}'\npolicy = '{}'\n",
            key_file.display(),
            policy_file.display()
        ));
        std::fs::write(config, text).expect("written");
    }

    /// Rule and outcome of every decision in a desk's ledger.
    pub fn decided(&self, name: &str) -> Vec<(String, String)> {
        let ledger = self.path(&format!("{name}.sqlite"));
        let ledger = rusqlite::Connection::open(ledger).expect("a ledger");
        let mut query = ledger
            .prepare("SELECT rule, outcome FROM desk ORDER BY id")
            .expect("a table");
        let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        rows.expect("rows").map(|row| row.expect("a row")).collect()
    }

    /// The line that the underwriter gave somebody.
    pub async fn line(&self, name: &str) -> CreditLine {
        let address = self.world.line_keys("underwriter", name).line;
        let data = self.connection.rpc().get_account_data(&address).await;
        plimsoll_client::accounts::credit_line(&data.expect("the line")).expect("a line")
    }

    /// One decision of a keeper that sends nothing.
    pub fn dry_run_once(&self, name: &str) {
        self.configure(name);
        let ended = self
            .command(name)
            .args(["run", "--dry-run", "--once"])
            .output();
        let ended = ended.expect("a keeper");
        assert!(ended.status.success(), "{ended:?}");
    }

    /// The answer of a running keeper's own server, whose address is in its log.
    pub fn get(&self, name: &str, path: &str) -> String {
        let log = std::fs::read_to_string(self.path(&format!("{name}.log"))).expect("a log");
        let address = log.split("127.0.0.1:").nth(1).expect("an address");
        let port = address.split(|c: char| !c.is_ascii_digit()).next();
        let port: u16 = port.expect("a port").parse().expect("a port");
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("a server");
        let request = format!("GET {path} HTTP/1.1\r\nHost: keeper\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("asked");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        answer
    }

    fn configure(&self, name: &str) {
        let bytes = payer(name).to_bytes().to_vec();
        let key = serde_json::to_string(&bytes).expect("a key");
        std::fs::write(self.path(&format!("{name}.json")), key).expect("written");
        let config = format!(
            "keypair = '{key}'\nledger = '{ledger}'\nbeneficiary = '{beneficiary}'\n\
             [[endpoint]]\nrpc = '{rpc}'\nws = '{ws}'\n[[market]]\naddress = '{market}'\nfeeds = ['{feed}']\n\
             [sources]\npulse_ms = 100\nresync_ms = 2000\n[plan]\ndecide_ms = 100\n[http]\nlisten = '127.0.0.1:0'\n",
            key = self.path(&format!("{name}.json")).display(),
            ledger = self.path(&format!("{name}.sqlite")).display(),
            beneficiary = self.world.margin_address("keeper"),
            rpc = self.localnet.rpc_url(),
            ws = self.localnet.ws_url(),
            market = self.world.market_address(MARKET),
            feed = self.world.feed(MARKET, 0),
        );
        std::fs::write(self.path(&format!("{name}.toml")), config).expect("written");
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll-keeper"));
        let config = self.path(&format!("{name}.toml"));
        command.arg("--config").arg(config).env("NO_COLOR", "1");
        command
    }

    /// What `report` says of a keeper's ledger.
    pub fn report(&self, name: &str) -> String {
        let output = self.command(name).arg("report").output().expect("a report");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// Waits for something that the keepers bring about.
    pub async fn until(&self, what: &str, reached: impl AsyncFn(&Self) -> bool) {
        let begun = Instant::now();
        while !reached(self).await {
            if begun.elapsed() > WAIT_MAX {
                self.show_logs();
                panic!(
                    "{what} did not come about: {:?}",
                    self.market().await.header.halt
                );
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    fn show_logs(&self) {
        for name in PAYERS {
            if let Ok(log) = std::fs::read_to_string(self.path(&format!("{name}.log"))) {
                let lines: Vec<&str> = log.lines().collect();
                let last = &lines[lines.len().saturating_sub(60)..];
                let _ = writeln!(std::io::stderr(), "--- {name}\n{}", last.join("\n"));
            }
        }
    }
}
