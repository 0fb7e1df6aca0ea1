//! A chain with the real program for one test: a world of the testkit carried over into the embedded validator,
//! and prices that are published until they are frozen.

use std::sync::atomic::Ordering;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use plimsoll_client::addresses::LOCALNET_PROGRAM_ID;
use plimsoll_client::rpc::{Connection, SendOptions};
use plimsoll_keeper::mirror::{AccountUpdate, Mirror, RawAccount, Sync};
use plimsoll_keeper::sources::ProgramReader;
use plimsoll_localnet::Localnet;
use plimsoll_testkit::{ask, bid, program_bytes, Actor, MarketSpec, World};
use serde_json::{json, Value};
use solana_client::nonblocking::rpc_client::RpcClient;
use solana_client::rpc_request::RpcRequest;
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer;
use tracing_subscriber::EnvFilter;

use crate::chain::{carry_over, validator, BEFORE};
use crate::one_market::{Oracle, MARKET};
use crate::proxy::{Past, Proxy};

/// Nothing is waited for longer; a loaded machine is slow, a broken keeper never arrives.
pub const WAIT_MAX: Duration = Duration::from_secs(100);
/// Accounts that a fall to [`FALLEN`] makes liquidatable, and that a bid is there for.
pub const WEAK: [&str; 4] = ["weak-1", "weak-2", "weak-3", "weak-4"];
/// Has a line that a fall makes the keeper draw.
pub const FARMER: &str = "farmer";
/// Ticks of a tenth of a cent: the price at the start, and 7% under it.
pub const START: u64 = 20_000;
pub const FALLEN: u64 = 18_600;

pub struct Stage {
    /// Ends before the chain does.
    pub oracle: Oracle,
    pub localnet: Localnet,
    pub connection: Connection,
    pub world: World,
    pub folder: tempfile::TempDir,
}

/// Key of a keeper.
pub fn payer(name: &str) -> Keypair {
    let mut seed = [7; 32];
    seed[..name.len()].copy_from_slice(name.as_bytes());
    Keypair::new_from_array(seed)
}

/// [`WEAK`] and `farmer` hold AVAX against `short`; `maker` bids far below.
fn world(now: i64) -> World {
    let mut world = World::new();
    world.set_time(now - BEFORE);
    world.open_market(&MarketSpec::preset(MARKET));
    world.keeper();
    world.trader("short", 400_000_000_000, &[MARKET]);
    world.trader("maker", 100_000_000_000, &[MARKET]);
    world.trader(FARMER, 12_000_000_000, &[MARKET]);
    for name in WEAK {
        world.trader(name, 2_400_000_000, &[MARKET]);
    }
    let terms = world.terms(5_000_000_000, &[MARKET]);
    let amounts = (2_000_000_000, 50_000_000_000);
    world.lend("underwriter", FARMER, amounts, terms);
    let weak = WEAK.iter().map(|name| (*name, 100_000));
    for (name, lots) in weak.chain([(FARMER, 500_000)]) {
        let offered = world.place("short", MARKET, ask(START, lots));
        offered.expect("an ask");
        let taken = world.place(name, MARKET, bid(START, lots));
        taken.expect("a bid");
    }
    let bid = world.place("maker", MARKET, bid(18_500, 400_000));
    bid.expect("a bid");
    world
}

/// The world is made once for all tests of this process: no test changes it.
fn carried(now: i64) -> World {
    static MADE: OnceLock<World> = OnceLock::new();
    MADE.get_or_init(|| world(now)).clone()
}

/// Puts the bytecode where it runs, without the loader's many transactions: how it is deployed is not what these
/// tests are about.
async fn write_program(rpc: &RpcClient) {
    use std::fmt::Write as _;
    let mut hex = String::new();
    for byte in program_bytes() {
        let _ = write!(hex, "{byte:02x}");
    }
    let params = json!([LOCALNET_PROGRAM_ID.to_string(), hex, 0]);
    let method = "surfnet_writeProgram";
    let written = rpc
        .send::<Value>(RpcRequest::Custom { method }, params)
        .await;
    written.expect("the program");
}

impl Stage {
    pub async fn start() -> Self {
        Self::with_slots_of(100).await
    }

    /// A chain with a block every so many milliseconds.
    pub async fn with_slots_of(slot_ms: u64) -> Self {
        Self::with(slot_ms, |_| {}).await
    }

    /// The same with another world than the usual one.
    pub async fn with(slot_ms: u64, change: impl FnOnce(&mut World)) -> Self {
        // RUST_LOG shows what the keeper says.
        let logs = tracing_subscriber::fmt().with_test_writer();
        let _ = logs
            .with_env_filter(EnvFilter::from_default_env())
            .try_init();
        let payers = ["first", "second"].map(|name| payer(name).pubkey());
        let funded = payers.into_iter().chain([Actor::from("short").key()]);
        let localnet = validator(slot_ms, funded).await;
        let connection = Connection::new(localnet.rpc_url());
        write_program(connection.rpc()).await;
        let mut world = carried(localnet.clock().now());
        change(&mut world);
        carry_over(&world, &localnet);
        Self {
            oracle: Oracle::start(&world, &localnet, START),
            connection,
            localnet,
            world,
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    /// The oracle says nothing any more, or speaks again.
    pub fn freeze(&self, frozen: bool) {
        self.oracle.frozen.store(frozen, Ordering::Relaxed);
    }

    pub fn feed(&self) -> Pubkey {
        self.world.feed(MARKET, 0)
    }

    /// An endpoint in front of this chain.
    pub async fn proxy(&self, seed: u64) -> Proxy {
        Proxy::start(self.localnet.rpc_url(), self.localnet.ws_url(), seed).await
    }

    pub fn rpc(&self) -> &RpcClient {
        self.connection.rpc()
    }

    /// Everything as it is now, to be gone back to.
    pub async fn past(&self) -> Past {
        let program = self.world.addresses.program;
        Past::record(self.rpc(), &program, &[self.feed()]).await
    }

    /// Whether all weak accounts were reduced to where they are safe and the farmer's line was drawn.
    pub async fn is_worked_off(&self) -> bool {
        for name in WEAK {
            if self.base(name).await >= 100_000_000_000 || !self.healthy(name).await {
                return false;
            }
        }
        self.account(FARMER).await.credit_principal != 0
    }

    /// Somebody else's transaction: a deposit by `short`.
    pub async fn deposit(&self, amount: u64) {
        let short = Actor::from("short");
        let instruction = self.world.deposit_ix(short, 0, amount);
        let (key, options) = (short.keypair(), SendOptions::default());
        let sent = self.connection.send(&[instruction], &[&key], options).await;
        sent.expect("a deposit");
    }

    /// The chain's accounts as a mirror that reads them without a proxy.
    pub async fn mirror(&self) -> Mirror {
        let reader = ProgramReader {
            addresses: self.world.addresses,
            markets: Vec::new(),
            own: Vec::new(),
            slot_lag_max: u64::MAX,
        };
        let mut mirror = Mirror::new(self.world.addresses, [self.feed()]);
        let snapshot = reader.snapshot(self.rpc()).await.expect("a snapshot");
        mirror.sync(&snapshot, Sync::Forward);
        let (slot, found) = reader
            .read(self.rpc(), &[self.feed()])
            .await
            .expect("the feed");
        for (address, account) in found {
            let account: Option<RawAccount> = Some(account);
            mirror.apply(&AccountUpdate {
                address,
                slot,
                account,
            });
        }
        mirror
    }

    /// Waits for something that the keeper brings about.
    pub async fn until(&self, what: &str, reached: impl AsyncFn(&Self) -> bool) {
        let begun = Instant::now();
        while !reached(self).await {
            if begun.elapsed() > WAIT_MAX {
                for name in WEAK {
                    let (base, healthy) = (self.base(name).await, self.healthy(name).await);
                    println!("{name}: {base} atoms, healthy: {healthy}");
                }
                println!("prices: {:?}", self.market().await.header.prices);
                panic!("{what} did not come about");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits for a newer index than the present one.
    pub async fn until_refreshed(&self) {
        let before = self.market().await.header.prices.index_time;
        self.until("a refresh", async |stage| {
            stage.market().await.header.prices.index_time > before
        })
        .await;
    }
}
