//! A stage with one market: its price, which is published until the stage is gone, and what its accounts hold.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;

use plimsoll_client::MarketView;
use plimsoll_engine::state::MarginAccount;
use plimsoll_localnet::oracle::PriceFeed;
use plimsoll_localnet::prices::PricePoint;
use plimsoll_localnet::Localnet;
use plimsoll_testkit::World;

use crate::stage::Stage;

pub const MARKET: &str = "AVAX";
/// Between two messages of the oracle.
const PAUSE: Duration = Duration::from_millis(200);

/// The price of the moment, published until this is dropped.
pub struct Oracle {
    ticks: Arc<AtomicU64>,
    /// Whether it says nothing.
    pub frozen: Arc<AtomicBool>,
    stopped: Arc<AtomicBool>,
}

impl Oracle {
    /// Publishes at once, and then a few times a second.
    pub fn start(world: &World, localnet: &Localnet, ticks: u64) -> Self {
        let started = Self {
            ticks: Arc::new(AtomicU64::new(ticks)),
            frozen: Arc::default(),
            stopped: Arc::default(),
        };
        let (oracle, clock) = (localnet.oracle(), localnet.clock());
        let (ticks, frozen) = (started.ticks.clone(), started.frozen.clone());
        let stopped = started.stopped.clone();
        let feed_id = world.handle(MARKET).params.feed_ids[0];
        let mut feed = PriceFeed::new(world.feed(MARKET, 0), feed_id);
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
            while !stopped.load(Ordering::Relaxed) {
                if !frozen.load(Ordering::Relaxed) && post().is_err() {
                    return;
                }
                std::thread::sleep(PAUSE);
            }
        });
        started
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
    }
}

impl Stage {
    /// Sets the price, ticks of a tenth of a cent.
    pub fn price(&self, ticks: u64) {
        self.oracle.ticks.store(ticks, Ordering::Relaxed);
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
        let view = self.connection.account_view(&address).await;
        let risk = view.expect("a view").risk(self.localnet.clock().now());
        risk.expect("risk").meets_maintenance().expect("risk")
    }
}
