//! What a bot sees of a market: the account as decoded, in the units in which orders are written, and
//! how much the index moved lately. Bots decide from this alone.

use std::collections::VecDeque;

use plimsoll_client::engine::halt;
use plimsoll_client::engine::position::{holding, Holding};
use plimsoll_client::engine::risk::index_is_fresh;
use plimsoll_client::engine::state::{HaltPhase, OrderSide};
use plimsoll_client::MarketView;

/// Seconds of index history over which volatility and momentum are measured.
const HISTORY_SECONDS: i64 = 60;
/// Levels a side that count as depth: more than all makers together quote.
const DEPTH_LEVELS: usize = 64;
const PPM: u128 = 1_000_000;

/// A market as of one read.
#[derive(Clone, Debug)]
pub struct Sight {
    /// The chain's clock, unix seconds.
    pub now: i64,
    /// Ticks.
    pub index: u64,
    /// Ticks.
    pub mark: u64,
    /// Ticks.
    pub best_bid: Option<u64>,
    /// Ticks.
    pub best_ask: Option<u64>,
    /// Value of all resting orders, quote atoms.
    pub depth: u128,
    /// Whether the program takes new risk on this index.
    pub fresh: bool,
    /// Seconds since the index's publish time.
    pub index_age: i64,
    /// Where the clock has the market's halt, if there is one.
    pub phase: HaltPhase,
    /// End of the call that runs, chain seconds.
    pub call_ends_at: i64,
    /// Mean absolute move of the index, ppm a second, over the last minute.
    pub volatility_ppm: u64,
    /// Move of the index over the last twenty seconds, ppm.
    pub momentum_ppm: i64,
    /// Quote atoms that one tick is worth on one lot.
    pub quote_atoms_per_lot_tick: u64,
    pub base_atoms_per_lot: u64,
}

impl Sight {
    /// Whether orders match as they arrive.
    pub fn is_open(&self) -> bool {
        self.phase == HaltPhase::Continuous
    }

    /// Whether orders are collected for an auction.
    pub fn is_calling(&self) -> bool {
        self.phase == HaltPhase::Call
    }

    /// Whether a position's claim is settled now.
    pub fn settles(&self) -> bool {
        self.fresh && self.phase != HaltPhase::Uncross
    }

    /// Whole lots worth at most `quote_atoms` at `price` ticks, at least one.
    pub fn lots_for(&self, quote_atoms: u64, price: u64) -> u64 {
        let per_lot = price.saturating_mul(self.quote_atoms_per_lot_tick).max(1);
        (quote_atoms / per_lot).max(1)
    }

    /// Whole lots of a position, its sign left to the caller.
    pub fn lots_of(&self, base: i64) -> u64 {
        base.unsigned_abs() / self.base_atoms_per_lot.max(1)
    }

    /// Value of a position at the mark, quote atoms, signed.
    pub fn value_of(&self, base: i64) -> i64 {
        let lots = i128::from(base) / i128::from(self.base_atoms_per_lot.max(1));
        let value = lots * i128::from(self.mark) * i128::from(self.quote_atoms_per_lot_tick);
        i64::try_from(value).unwrap_or(if base < 0 { i64::MIN } else { i64::MAX })
    }
}

/// `price` moved by `ppm` of itself, at least one tick.
pub fn moved(price: u64, ppm: i64) -> u64 {
    let change = i128::from(price) * i128::from(ppm) / 1_000_000;
    u64::try_from((i128::from(price) + change).max(1)).unwrap_or(u64::MAX)
}

/// A Q.32 price in the market's ticks, rounded to the nearest.
pub fn ticks_of(view: &MarketView, price_q32: u64) -> u64 {
    let params = &view.header.params;
    let per_lot = u128::from(price_q32) * u128::from(params.base_atoms_per_lot);
    let tick = u128::from(params.quote_atoms_per_lot_tick.max(1)) << 32;
    u64::try_from((per_lot + tick / 2) / tick).unwrap_or(u64::MAX)
}

/// The position and claim of a seat; flat when the block holds no seat.
pub fn held(view: &MarketView, seat: u32) -> Holding {
    view.seat(seat)
        .and_then(|seat| holding(seat, &view.header.sides).ok())
        .unwrap_or_default()
}

/// Value of what rests on both sides, quote atoms.
fn depth(view: &MarketView, now: i64) -> u128 {
    let tick = u128::from(view.header.params.quote_atoms_per_lot_tick);
    let sides = [OrderSide::Bid, OrderSide::Ask].into_iter();
    sides
        .flat_map(|side| view.levels(side, DEPTH_LEVELS, now))
        .map(|level| u128::from(level.lots) * u128::from(level.price) * tick)
        .sum()
}

/// Index prices of the last minute, in ticks.
#[derive(Clone, Debug, Default)]
pub struct IndexHistory(VecDeque<(i64, u64)>);

impl IndexHistory {
    /// Adds what the chain says now and describes the market.
    pub fn look(&mut self, view: &MarketView, now: i64) -> Sight {
        let prices = &view.header.prices;
        let index = ticks_of(view, prices.index);
        self.push(prices.index_time, index);
        let best = |side| view.levels(side, 1, now).first().map(|level| level.price);
        Sight {
            now,
            index,
            mark: ticks_of(view, prices.mark),
            best_bid: best(OrderSide::Bid),
            best_ask: best(OrderSide::Ask),
            depth: depth(view, now),
            fresh: index_is_fresh(&view.header, now),
            index_age: now.saturating_sub(prices.index_time).max(0),
            phase: halt::phase(&view.header, now),
            call_ends_at: view.header.halt.call_ends_at,
            volatility_ppm: self.volatility_ppm(),
            momentum_ppm: self.momentum_ppm(20),
            quote_atoms_per_lot_tick: view.header.params.quote_atoms_per_lot_tick,
            base_atoms_per_lot: view.header.params.base_atoms_per_lot,
        }
    }

    fn push(&mut self, time: i64, index: u64) {
        if index == 0 || self.0.back().is_some_and(|(last, _)| *last >= time) {
            return;
        }
        self.0.push_back((time, index));
        while self
            .0
            .front()
            .is_some_and(|(first, _)| time.saturating_sub(*first) > HISTORY_SECONDS)
        {
            self.0.pop_front();
        }
    }

    fn volatility_ppm(&self) -> u64 {
        let (Some((first, _)), Some((last, _))) = (self.0.front(), self.0.back()) else {
            return 0;
        };
        let moves = self.0.iter().zip(self.0.iter().skip(1));
        let path: u128 = moves
            .map(|((_, before), (_, after))| {
                u128::from(before.abs_diff(*after)) * PPM / u128::from((*before).max(1))
            })
            .sum();
        let seconds = u128::from(last.abs_diff(*first).max(1));
        u64::try_from(path / seconds).unwrap_or(u64::MAX)
    }

    fn momentum_ppm(&self, seconds: i64) -> i64 {
        let Some((last, now)) = self.0.back() else {
            return 0;
        };
        let before = self
            .0
            .iter()
            .find(|(time, _)| last.saturating_sub(*time) <= seconds)
            .map_or(*now, |(_, index)| *index)
            .max(1);
        let change = i128::from(*now) - i128::from(before);
        i64::try_from(change * 1_000_000 / i128::from(before)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::{moved, IndexHistory};

    #[test]
    fn volatility_is_the_mean_absolute_move_a_second() {
        let mut history = IndexHistory::default();
        for (time, index) in [
            (0, 1_000_000),
            (1, 1_001_000),
            (2, 1_000_000),
            (4, 1_000_000),
        ] {
            history.push(time, index);
        }
        // Up 1,000 ppm, down 999 ppm, then two flat seconds.
        assert_eq!(history.volatility_ppm(), (1_000 + 999) / 4);
    }

    #[test]
    fn history_forgets_after_a_minute_and_ignores_what_is_not_newer() {
        let mut history = IndexHistory::default();
        history.push(0, 100);
        history.push(0, 500);
        assert_eq!(history.0.len(), 1);
        history.push(61, 90);
        assert_eq!(history.0.len(), 1);
        assert_eq!(history.momentum_ppm(20), 0);
        history.push(70, 81);
        assert_eq!(history.momentum_ppm(20), -100_000);
    }

    #[test]
    fn a_moved_price_is_never_below_one_tick() {
        assert_eq!(moved(1_000, -20_000), 980);
        assert_eq!(moved(3, -1_000_000), 1);
    }
}
