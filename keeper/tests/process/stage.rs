//! A world of the testkit, carried over into the embedded validator, prices that are published all the time,
//! and keepers as processes.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use plimsoll_client::rpc::Connection;
use plimsoll_client::MarketView;
use plimsoll_engine::state::{CreditLine, MarginAccount};
use plimsoll_localnet::deploy::{deploy, DeployRequest};
use plimsoll_localnet::oracle::PriceFeed;
use plimsoll_localnet::prices::PricePoint;
use plimsoll_localnet::{Localnet, LocalnetConfig};
use plimsoll_testkit::{ask, bid, program_bytes, Actor, MarketSpec, World};
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer;

const MARKET: &str = "AVAX";
/// Nothing is waited for longer; a loaded machine is slow, a broken keeper never arrives.
const WAIT_MAX: Duration = Duration::from_secs(120);
/// Seconds that pass in the world before it is carried over: the line's notice and a little.
const BEFORE: i64 = 3_700;
/// Keys of the keepers, and who pays for the deployment.
const PAYERS: [&str; 6] = ["first", "second", "third", "desk", "dry", "deployer"];

pub struct Stage {
    localnet: Localnet,
    connection: Connection,
    world: World,
    ticks: Arc<AtomicU64>,
    stopped: Arc<AtomicBool>,
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
        let mut config = LocalnetConfig::on_free_ports().with_slot_ms(100);
        for name in PAYERS {
            config = config.funding(payer(name).pubkey());
        }
        let localnet = tokio::task::spawn_blocking(|| Localnet::start(config))
            .await
            .expect("a thread")
            .expect("a chain");
        let program = include_str!("../../../migrations/keys/localnet-program.json");
        let program: Vec<u8> = serde_json::from_str(program).expect("a key");
        let deployer = payer("deployer");
        let request = DeployRequest {
            rpc_url: &localnet.rpc_url(),
            payer: &deployer,
            program: &Keypair::try_from(program.as_slice()).expect("a key"),
            upgrade_authority: &deployer,
            program_bytes: program_bytes(),
        };
        deploy(&request, |_| {}).await.expect("deployed");
        let world = world(localnet.clock().now());
        for (address, account) in world.snapshot().accounts() {
            let (owner, data) = (account.owner, account.data.clone());
            let written = localnet.oracle().write_bytes(address, owner, data);
            written.expect("carried over");
        }
        let stage = Self {
            connection: Connection::new(localnet.rpc_url()),
            localnet,
            world,
            ticks: Arc::new(AtomicU64::new(20_000)),
            stopped: Arc::default(),
            folder: tempfile::tempdir().expect("a folder"),
        };
        stage.publish();
        stage
    }

    /// Publishes the price of the moment a few times a second.
    fn publish(&self) {
        let (oracle, clock) = (self.localnet.oracle(), self.localnet.clock());
        let (ticks, stopped) = (self.ticks.clone(), self.stopped.clone());
        let feed_id = self.world.handle(MARKET).params.feed_ids[0];
        let mut feed = PriceFeed::new(self.world.feed(MARKET, 0), feed_id);
        let mut post = move || {
            let (now, ticks) = (clock.now(), ticks.load(Ordering::Relaxed));
            let point = PricePoint {
                unix_seconds: now,
                price_e8: i64::try_from(ticks * 100_000).expect("a price"),
                conf_e8: ticks * 50,
            };
            let update = feed.publish(&point, now);
            oracle.post(&feed.address(), &update)
        };
        post().expect("a price");
        std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) && post().is_ok() {
                std::thread::sleep(Duration::from_millis(250));
            }
        });
    }

    /// Sets the price, ticks of a tenth of a cent.
    pub fn price(&self, ticks: u64) {
        self.ticks.store(ticks, Ordering::Relaxed);
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

    pub async fn market(&self) -> MarketView {
        let address = self.world.market_address(MARKET);
        self.connection.market(&address).await.expect("the market")
    }

    pub async fn account(&self, name: &str) -> MarginAccount {
        let address = self.world.margin_address(name);
        let account = self.connection.margin_account(&address).await;
        account.expect("the account")
    }

    /// Position of an account, base atoms.
    pub async fn base(&self, name: &str) -> i64 {
        let (market, account) = (self.market().await, self.account(name).await);
        let seat = market.seat(account.entries()[0].seat).expect("a seat");
        market.holding(seat).expect("a position").base
    }

    /// Whether an account meets maintenance margin.
    pub async fn healthy(&self, name: &str) -> bool {
        let address = self.world.margin_address(name);
        let view = self
            .connection
            .account_view(&address)
            .await
            .expect("a view");
        let risk = view.risk(self.localnet.clock().now()).expect("risk");
        risk.meets_maintenance().expect("risk")
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

    /// Every invariant that the testkit checks, on the accounts as they are now.
    pub async fn assert_sound(&self) {
        let mut world = self.world.clone();
        let snapshot = world.snapshot();
        let addresses: Vec<Pubkey> = snapshot.accounts().map(|(key, _)| *key).collect();
        for page in addresses.chunks(100) {
            let found = self.connection.rpc().get_multiple_accounts(page).await;
            for (address, account) in page.iter().zip(found.expect("accounts")) {
                let mut account = account.expect("nothing was closed");
                // What was carried over came without the seats' deposits.
                account.lamports = account.lamports.max(world.lamports(address));
                world.svm.set_account(*address, account).expect("set");
            }
        }
        world.set_time(self.localnet.clock().now());
        world.assert_sound();
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
    }
}
