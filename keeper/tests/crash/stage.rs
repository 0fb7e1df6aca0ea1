//! The chain with the real program on it, the tape in its price accounts, and the traders' transactions.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use plimsoll_client::rpc::{Connection, SendOptions};
use plimsoll_client::{MarketView, OrderArgs};
use plimsoll_engine::Env;
use plimsoll_localnet::oracle::PriceFeed;
use plimsoll_localnet::{Localnet, TapeFeed, TapePlayer};
use plimsoll_testkit::{ask, bid, Actor, OrderExt as _, World};
use solana_instruction::Instruction;
use solana_pubkey::Pubkey;
use solana_signer::Signer;
use tokio::task::JoinSet;

use crate::chain::{carry_over, validator, PAGE};
use crate::deployment::deploy_program;
use crate::keeper::{ledger_path, payer};
use crate::observer::Seen;
use crate::population::{lots, maker, tape, ticks, world, SAVER, USD};
use crate::scenario::Scenario;

/// Milliseconds of a slot: a quarter of the network's.
const SLOT_MS: u64 = 100;
/// Who pays for the deployment.
const DEPLOYER: &str = "deployer";
/// Keys of the keepers.
pub const FIRST: &str = "first";
pub const SECOND: &str = "second";
/// Compute units that a trader's transaction asks for.
const UNITS: u32 = 1_000_000;
const PPM: u64 = 1_000_000;
/// Orders that a maker takes off the book at once: as many as it has slots.
const SLOTS: u8 = 16;

/// How many were sent, and how many the program took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sent {
    pub sent: u64,
    pub taken: u64,
}

pub struct Stage {
    pub localnet: Localnet,
    pub world: World,
    /// Of configurations, logs and ledgers; it stays.
    pub folder: PathBuf,
    pub connection: Arc<Connection>,
    player: TapePlayer,
    /// Last prices of the tape, ticks.
    prices: BTreeMap<String, u64>,
    /// Every account of the program.
    watched: Vec<Pubkey>,
    pub deposits: Sent,
    pub quotes: Sent,
}

impl Stage {
    pub async fn start(name: &str, scenario: &Scenario) -> Self {
        let payers = [FIRST, SECOND, DEPLOYER].map(|name| payer(name).pubkey());
        let makers = (0..scenario.makers.count).map(maker);
        let traders = makers.chain([SAVER.to_owned()]);
        let traders = traders.map(|name| Actor::from(&name).key());
        let localnet = validator(SLOT_MS, payers.into_iter().chain(traders)).await;
        deploy_program(&localnet, &payer(DEPLOYER)).await;
        let world = world(scenario, localnet.clock().now());
        carry_over(&world, &localnet);
        let feeds = scenario.markets.iter().map(|market| {
            let feed_id = world.handle(&market.symbol).params.feed_ids[0];
            TapeFeed {
                feed: PriceFeed::new(world.feed(&market.symbol, 0), feed_id),
                source: Box::new(tape(&market.tape)),
            }
        });
        let player = TapePlayer::new(&localnet, scenario.tape_start(), feeds.collect());
        let accounts = world.svm.get_program_accounts(&world.addresses.program);
        let markets = world.symbols().into_iter();
        let prices = markets.map(|symbol| (symbol.clone(), world.handle(&symbol).price_ticks));
        Self {
            connection: Arc::new(Connection::new(localnet.rpc_url())),
            player: player.expect("a tape"),
            prices: prices.collect(),
            watched: accounts.into_iter().map(|(address, _)| address).collect(),
            folder: fresh_folder(name),
            deposits: Sent::default(),
            quotes: Sent::default(),
            localnet,
            world,
        }
    }

    /// Moves clock and prices to a second of the tape; returns the chain's slot.
    pub fn advance_to(&mut self, tape_seconds: i64) -> u64 {
        for played in self.player.advance_to(tape_seconds).expect("prices") {
            for (symbol, price) in &mut self.prices {
                if self.world.feed(symbol, 0) == played.address {
                    *price = ticks(&self.world, symbol, played.point.price_e8);
                }
            }
        }
        self.localnet.health().slot
    }

    /// The chain's clock and slot.
    pub fn env(&self) -> Env {
        let health = self.localnet.health();
        Env {
            now: health.unix_timestamp,
            slot: health.slot,
        }
    }

    /// All makers take their quotes off and put new ones around the last price.
    pub async fn quote(&mut self, scenario: &Scenario) {
        let mut sending = JoinSet::new();
        for name in (0..scenario.makers.count).map(maker) {
            for (symbol, price) in &self.prices {
                let accounts = self.world.trade_accounts(&name, symbol);
                let seat = self.world.seat_index(&name, symbol);
                let orders = self.levels(scenario, symbol, seat, *price);
                let cancel = accounts.cancel_all_orders(seat, SLOTS);
                let built = vec![cancel, accounts.place_orders(orders)];
                self.quotes.sent += 1;
                self.send(&mut sending, &name, built);
            }
        }
        self.quotes.taken += taken(sending).await;
    }

    fn levels(&self, scenario: &Scenario, symbol: &str, seat: u32, price: u64) -> Vec<OrderArgs> {
        let levels = scenario.makers.levels.iter();
        let pairs = levels.flat_map(|[distance, value]| {
            let away = (price * distance / PPM).max(1);
            let lots = lots(&self.world, symbol, value * USD, price);
            [bid(price - away, lots), ask(price + away, lots)]
        });
        pairs.map(|order| order.slide().seat(seat)).collect()
    }

    /// Somebody pays in.
    pub async fn deposit(&mut self) {
        let mut sending = JoinSet::new();
        let built = vec![self.world.deposit_ix(SAVER, 0, USD)];
        self.send(&mut sending, SAVER, built);
        self.deposits.sent += 1;
        self.deposits.taken += taken(sending).await;
    }

    fn send(&self, sending: &mut JoinSet<bool>, name: &str, built: Vec<Instruction>) {
        let (connection, key) = (self.connection.clone(), Actor::from(name).keypair());
        sending.spawn(async move {
            let options = SendOptions {
                compute_units: Some(UNITS),
                ..SendOptions::default()
            };
            connection.send(&built, &[&key], options).await.is_ok()
        });
    }

    /// All accounts of the program as they are now.
    pub async fn read(&self) -> Seen {
        let mut seen = Seen::new();
        for page in self.watched.chunks(PAGE) {
            let found = self.connection.rpc().get_multiple_accounts(page).await;
            for (address, account) in page.iter().zip(found.expect("accounts")) {
                if let Some(account) = account {
                    seen.insert(*address, account.data);
                }
            }
        }
        seen
    }

    /// All markets as they are now, by symbol.
    pub async fn markets(&self) -> BTreeMap<String, MarketView> {
        let mut markets = BTreeMap::new();
        for symbol in self.world.symbols() {
            let address = self.world.market_address(&symbol);
            let market = self.connection.market(&address).await.expect("a market");
            markets.insert(symbol, market);
        }
        markets
    }

    /// Writes the configuration of a keeper: the usual values, but for times of the wall, which are a quarter as the
    /// slot is.
    pub fn configure(&self, scenario: &Scenario, name: &str, key: &str) {
        let path = |file: String| self.folder.join(file);
        let bytes = payer(key).to_bytes().to_vec();
        let secret = serde_json::to_string(&bytes).expect("a key");
        std::fs::write(path(format!("{key}.json")), secret).expect("written");
        let mut text = format!(
            "keypair = '{key}'\nledger = '{ledger}'\nbeneficiary = '{beneficiary}'\n\
             [[endpoint]]\nrpc = '{rpc}'\nws = '{ws}'\n[http]\nlisten = '127.0.0.1:0'\n\
             [sources]\npulse_ms = 100\nresync_ms = 3750\n\
             [plan]\ndecide_ms = 50\nbackoff_min_ms = 250\nbackoff_max_ms = 5000\n",
            key = path(format!("{key}.json")).display(),
            ledger = ledger_path(&self.folder, name).display(),
            beneficiary = self.world.margin_address("keeper"),
            rpc = self.localnet.rpc_url(),
            ws = self.localnet.ws_url(),
        );
        for market in &scenario.markets {
            let (address, feed) = (
                self.world.market_address(&market.symbol),
                self.world.feed(&market.symbol, 0),
            );
            text.push_str(&format!(
                "[[market]]\naddress = '{address}'\nfeeds = ['{feed}']\n"
            ));
        }
        std::fs::write(path(format!("{name}.toml")), text).expect("written");
    }
}

/// An empty folder for a scenario's files, beside the build.
fn fresh_folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("crash-{name}"));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// How many of those that were sent went through.
async fn taken(sending: JoinSet<bool>) -> u64 {
    let taken = sending.join_all().await.into_iter().filter(|taken| *taken);
    u64::try_from(taken.count()).unwrap_or(u64::MAX)
}
