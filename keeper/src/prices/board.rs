//! Where observations wait for the loop: one place a feed, so that the whole is bounded by the feeds.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use anyhow::Result;
use prometheus::{IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry};
use tokio::sync::Notify;

use super::{FeedId, Observation};

/// How far a publish time may lie ahead of this machine's clock, seconds. One from far ahead would hide every
/// later price of its feed.
const AHEAD_SECONDS_MAX: i64 = 60;

/// What became of an observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    Taken,
    /// It took the place of an older one that nobody had read yet.
    Coalesced,
    /// Not newer than what the feed has said already.
    Older,
    /// Published in the future.
    Ahead,
    /// Of a feed that nobody asked for.
    Foreign,
}

impl Pushed {
    const fn name(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Coalesced => "coalesced",
            Self::Older => "older",
            Self::Ahead => "ahead",
            Self::Foreign => "foreign",
        }
    }
}

/// Figures of the prices.
#[derive(Clone, Debug)]
pub struct PriceFigures {
    observations: IntCounterVec,
    refused: IntCounter,
    reconnects: IntCounter,
    age: IntGaugeVec,
}

impl PriceFigures {
    /// # Errors
    /// When two figures have one name.
    pub fn register(registry: &Registry) -> Result<Self> {
        let figures = Self {
            observations: IntCounterVec::new(
                Opts::new(
                    "price_observations_total",
                    "Prices of the source, by what became of them",
                ),
                &["result"],
            )?,
            refused: IntCounter::new(
                "price_updates_refused_total",
                "Updates of the source that could not be read",
            )?,
            reconnects: IntCounter::new(
                "price_reconnects_total",
                "Times that the source's connection was lost",
            )?,
            age: IntGaugeVec::new(
                Opts::new("price_age_seconds", "Age of the newest price, by feed"),
                &["feed"],
            )?,
        };
        registry.register(Box::new(figures.observations.clone()))?;
        registry.register(Box::new(figures.refused.clone()))?;
        registry.register(Box::new(figures.reconnects.clone()))?;
        registry.register(Box::new(figures.age.clone()))?;
        Ok(figures)
    }
}

#[derive(Debug, Default)]
struct Place {
    waiting: Option<Observation>,
    /// Publish time of the newest that was ever here.
    newest: Option<i64>,
}

#[derive(Debug)]
struct Shared {
    places: Mutex<BTreeMap<FeedId, Place>>,
    news: Notify,
    figures: PriceFigures,
}

/// Both ends of the board; clones are the same board.
#[derive(Clone, Debug)]
pub struct Board(Arc<Shared>);

impl Board {
    /// A board of these feeds; observations of others are not taken.
    pub fn new(feeds: impl IntoIterator<Item = FeedId>, figures: PriceFigures) -> Self {
        let places = feeds.into_iter().map(|feed| (feed, Place::default()));
        Self(Arc::new(Shared {
            places: Mutex::new(places.collect()),
            news: Notify::new(),
            figures,
        }))
    }

    fn places(&self) -> MutexGuard<'_, BTreeMap<FeedId, Place>> {
        let locked = self.0.places.lock();
        locked.unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The feeds that are asked for.
    pub fn feeds(&self) -> Vec<FeedId> {
        self.places().keys().copied().collect()
    }

    /// Brings an observation in. Only one with a later publish time than all before it of its feed is taken: the
    /// program refuses another price of the same second.
    pub fn push(&self, observation: Observation) -> Pushed {
        let pushed = self.place(observation);
        let figure = self
            .0
            .figures
            .observations
            .with_label_values(&[pushed.name()]);
        figure.inc();
        if matches!(pushed, Pushed::Taken | Pushed::Coalesced) {
            self.0.news.notify_one();
        }
        pushed
    }

    fn place(&self, observation: Observation) -> Pushed {
        let time = observation.publish_time;
        let mut places = self.places();
        let Some(place) = places.get_mut(&observation.feed_id) else {
            return Pushed::Foreign;
        };
        if place.newest.is_some_and(|newest| time <= newest) {
            return Pushed::Older;
        }
        if time > observation.received_at.saturating_add(AHEAD_SECONDS_MAX) {
            return Pushed::Ahead;
        }
        place.newest = Some(time);
        match place.waiting.replace(observation) {
            Some(_) => Pushed::Coalesced,
            None => Pushed::Taken,
        }
    }

    /// An update could not be read.
    pub fn refused(&self) {
        self.0.figures.refused.inc();
    }

    /// The source lost its connection.
    pub fn reconnected(&self) {
        self.0.figures.reconnects.inc();
    }

    /// Everything that waits, by feed.
    pub fn take(&self) -> Vec<Observation> {
        let mut places = self.places();
        let waiting = places.values_mut().map(|place| place.waiting.take());
        waiting.flatten().collect()
    }

    /// Returns when something came in since the last call.
    pub async fn changed(&self) {
        self.0.news.notified().await;
    }

    /// Sets the ages as of `now`, Unix seconds.
    pub fn measure(&self, now: i64) {
        for (feed, place) in self.places().iter() {
            if let Some(newest) = place.newest {
                let figure = self.0.figures.age.with_label_values(&[&hex(feed)]);
                figure.set(now.saturating_sub(newest));
            }
        }
    }
}

/// Lower-case hexadecimal, as Pyth writes feed ids.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board(registry: &Registry) -> Board {
        Board::new(
            [[1; 32], [2; 32]],
            PriceFigures::register(registry).expect("figures"),
        )
    }

    fn observed(feed: u8, publish_time: i64, price: i64) -> Observation {
        Observation {
            feed_id: [feed; 32],
            price,
            exponent: -8,
            confidence: 1,
            publish_time,
            received_at: 1_000,
            signed: None,
        }
    }

    fn prices(board: &Board) -> Vec<(u8, i64)> {
        let taken = board.take();
        taken
            .iter()
            .map(|seen| (seen.feed_id[0], seen.price))
            .collect()
    }

    #[test]
    fn a_burst_leaves_the_newest_of_each_feed() {
        let registry = Registry::new();
        let board = board(&registry);
        assert_eq!(board.push(observed(1, 900, 5)), Pushed::Taken);
        for second in 901..950 {
            assert_eq!(board.push(observed(1, second, second)), Pushed::Coalesced);
        }
        assert_eq!(board.push(observed(2, 901, 7)), Pushed::Taken);
        assert_eq!(prices(&board), [(1, 949), (2, 7)]);
        assert_eq!(prices(&board), []);
        board.measure(1_000);
        let text = prometheus::TextEncoder::new()
            .encode_to_string(&registry.gather())
            .expect("text");
        assert!(text.contains("result=\"coalesced\"} 49"), "{text}");
        let feed = "01".repeat(32);
        assert!(
            text.contains(&format!("price_age_seconds{{feed=\"{feed}\"}} 51")),
            "{text}"
        );
    }

    #[test]
    fn publish_times_never_go_back_whether_read_or_not() {
        let board = board(&Registry::new());
        board.push(observed(1, 900, 5));
        assert_eq!(board.push(observed(1, 899, 6)), Pushed::Older);
        assert_eq!(prices(&board), [(1, 5)]);
        assert_eq!(board.push(observed(1, 899, 6)), Pushed::Older);
        // Another price of the same second would be refused by the program.
        assert_eq!(board.push(observed(1, 900, 6)), Pushed::Older);
        assert_eq!(prices(&board), []);
    }

    #[test]
    fn a_price_from_far_ahead_does_not_hide_the_next() {
        let board = board(&Registry::new());
        assert_eq!(board.push(observed(1, 1_061, 6)), Pushed::Ahead);
        assert_eq!(board.push(observed(1, i64::MAX, 6)), Pushed::Ahead);
        assert_eq!(board.push(observed(1, 1_060, 5)), Pushed::Taken);
        assert_eq!(prices(&board), [(1, 5)]);
    }

    #[test]
    fn what_nobody_asked_for_is_not_kept() {
        let board = board(&Registry::new());
        assert_eq!(board.push(observed(3, 900, 5)), Pushed::Foreign);
        assert_eq!(prices(&board), []);
    }

    #[tokio::test]
    async fn news_before_the_wait_are_not_slept_through() {
        let board = board(&Registry::new());
        board.push(observed(1, 900, 5));
        board.changed().await;
        assert_eq!(prices(&board), [(1, 5)]);
    }
}
