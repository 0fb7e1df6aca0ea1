//! Prices from outside the mirror: a source streams observations until it fails and never returns otherwise;
//! another one joins by implementing [`PriceSource`].
//!
//! Observations wait on a [`Board`], one a feed: the newest wins, so a burst costs nothing and a slow reader sees
//! the newest price, never a queue of old ones.

pub mod accumulator;
mod board;
mod chain;
pub mod due;
mod hermes;
mod intake;
pub mod post;
pub mod setup;
pub mod sse;
mod tape;

pub use board::{Board, PriceFigures, Pushed};
pub use chain::{observation_of, Chain};
pub use hermes::{needs_key, ApiKey, Hermes, HermesConfig, API_KEY};
pub use intake::Prices;
pub use tape::{Tape, TapeFeed};

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::sources::Ended;

/// Pyth's name of a product.
pub type FeedId = [u8; 32];

/// What a source saw of a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    pub feed_id: FeedId,
    /// USD per whole base asset, times 10^−exponent.
    pub price: i64,
    pub exponent: i32,
    /// Half-width of the confidence interval, in the unit of the price.
    pub confidence: u64,
    /// Unix seconds.
    pub publish_time: i64,
    /// Unix seconds of this machine.
    pub received_at: i64,
    /// What proves it to a chain, where the source has that.
    pub signed: Option<Signed>,
}

/// A price message with all that its verification takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The guardians' statement about the root, shared by all messages of an update.
    pub vaa: Arc<[u8]>,
    pub message: Vec<u8>,
    /// The message's way up to the root.
    pub proof: Vec<accumulator::Hash>,
}

/// A stream of prices.
pub trait PriceSource: Send + std::fmt::Debug {
    /// Name for logs and metrics.
    fn name(&self) -> &'static str;

    /// Runs for ever; ends with the reason for which it cannot go on.
    fn run(self: Box<Self>, board: Board) -> Ended;
}

/// Unix seconds of this machine.
pub(crate) fn unix_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}
