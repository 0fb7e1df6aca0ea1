//! A maker quotes three levels a side around the index, leans against its inventory, and shows less
//! and further away the more the index moves. On a stale index it withdraws and only offers to reduce; in
//! a call it quotes around the index that it sees then.

use plimsoll_client::engine::place::TimeInForce;
use plimsoll_client::engine::state::{HaltPhase, OrderSide};

use super::{closing_side, Move, Own, Wanted};
use crate::demo::sight::{moved, Sight};

/// Mean move a second at which a maker still shows its full size, ppm.
const CALM_PPM: u64 = 60;
/// Half the spread of the innermost level in a calm market, ppm.
const HALF_SPREAD_PPM: u64 = 250;
/// Furthest that the innermost level goes, ppm: a maker that never trades is no maker.
const HALF_SPREAD_PPM_MAX: u64 = 8_000;
/// Distance of each level in half spreads, and its share of the size, percent.
const LEVELS: [(i64, u64); 3] = [(1, 30), (2, 60), (4, 100)];
/// A move of the index after which quotes are replaced at once, ppm.
const REQUOTE_MOVE_PPM: u64 = 400;
/// Where a maker with a position offers to reduce it while the index is stale, ppm off the mark.
const STALE_OFFER_PPM: i64 = 3_000;

/// One maker in one market.
#[derive(Clone, Debug)]
pub struct Maker {
    /// Value of the outermost level in a calm market, quote atoms.
    level_value: u64,
    /// Inventory at which quotes lean by a whole half spread, quote atoms.
    inventory_value: u64,
    /// Seconds after which quotes are replaced even if nothing moved.
    refresh_seconds: i64,
    quoted_at: i64,
    quoted_index: u64,
    quoted_fresh: bool,
    quoted_phase: HaltPhase,
}

impl Maker {
    pub fn new(level_value: u64, inventory_value: u64, refresh_seconds: i64) -> Self {
        Self {
            level_value,
            inventory_value: inventory_value.max(1),
            refresh_seconds,
            quoted_at: i64::MIN,
            quoted_index: 0,
            quoted_fresh: false,
            quoted_phase: HaltPhase::Continuous,
        }
    }

    pub fn decide(&mut self, sight: &Sight, own: &Own) -> Option<Move> {
        let places = sight.is_open() || sight.is_calling();
        if sight.index == 0 || !places || !self.is_due(sight) {
            return None;
        }
        let was_fresh = self.quoted_fresh;
        self.quoted_at = sight.now;
        self.quoted_index = sight.index;
        self.quoted_fresh = sight.fresh;
        self.quoted_phase = sight.phase;
        if sight.fresh && sight.is_calling() {
            let mut quotes = self.quotes(sight, own);
            for quote in &mut quotes {
                // Whatever it meets there trades at one price.
                quote.time_in_force = TimeInForce::Limit;
            }
            return Some(Move::Call(quotes));
        }
        if sight.fresh {
            return Some(Move::Requote(self.quotes(sight, own)));
        }
        // Withdrawing once is enough: while the index stays stale nothing else may be quoted.
        (was_fresh || own.orders == 0 && own.base != 0)
            .then(|| Move::Requote(Self::stale_offer(sight, own)))
    }

    fn is_due(&self, sight: &Sight) -> bool {
        let moved_ppm = u128::from(sight.index.abs_diff(self.quoted_index)) * 1_000_000
            / u128::from(self.quoted_index.max(1));
        sight.now.saturating_sub(self.quoted_at) >= self.refresh_seconds
            || moved_ppm >= u128::from(REQUOTE_MOVE_PPM)
            || sight.fresh != self.quoted_fresh
            || sight.phase != self.quoted_phase
    }

    /// Half the innermost spread, ppm: it follows the index's own movement.
    fn half_spread_ppm(sight: &Sight) -> i64 {
        let wide = HALF_SPREAD_PPM.saturating_add(sight.volatility_ppm.saturating_mul(2));
        i64::try_from(wide.min(HALF_SPREAD_PPM_MAX)).unwrap_or(i64::MAX)
    }

    /// Value of the outermost level, quote atoms: inverse to volatility.
    fn size_value(&self, sight: &Sight) -> u64 {
        let scaled = u128::from(self.level_value) * u128::from(CALM_PPM)
            / u128::from(sight.volatility_ppm.max(CALM_PPM));
        u64::try_from(scaled).unwrap_or(self.level_value)
    }

    fn quotes(&self, sight: &Sight, own: &Own) -> Vec<Wanted> {
        let half = Self::half_spread_ppm(sight);
        let inventory = i128::from(sight.value_of(own.base));
        let lean = -inventory * i128::from(half) / i128::from(self.inventory_value);
        let lean = i64::try_from(lean.clamp(i128::from(-3 * half), i128::from(3 * half)));
        let centre = moved(sight.index, lean.unwrap_or(0));
        let size = self.size_value(sight);
        let mut quotes = Vec::with_capacity(LEVELS.len() * 2);
        for (distance, percent) in LEVELS {
            for side in [OrderSide::Bid, OrderSide::Ask] {
                let off = half.saturating_mul(distance);
                let price = match side {
                    OrderSide::Bid => moved(centre, -off),
                    OrderSide::Ask => moved(centre, off).saturating_add(1),
                };
                quotes.push(Wanted {
                    side,
                    time_in_force: TimeInForce::PostOnlySlide,
                    price,
                    lots: sight.lots_for(size / 100 * percent, price),
                    reduce_only: false,
                    expires_at: 0,
                });
            }
        }
        // Past three times its inventory a maker quotes one side only.
        let full = inventory.unsigned_abs() > 3 * u128::from(self.inventory_value);
        if full {
            quotes.retain(|quote| quote.side == closing_side(own.base));
        }
        quotes
    }

    fn stale_offer(sight: &Sight, own: &Own) -> Vec<Wanted> {
        let lots = sight.lots_of(own.base);
        if lots == 0 {
            return Vec::new();
        }
        let side = closing_side(own.base);
        let off = match side {
            OrderSide::Bid => -STALE_OFFER_PPM,
            OrderSide::Ask => STALE_OFFER_PPM,
        };
        vec![Wanted {
            side,
            time_in_force: TimeInForce::PostOnlySlide,
            price: moved(sight.mark, off),
            lots,
            reduce_only: true,
            expires_at: 0,
        }]
    }
}

#[cfg(test)]
#[path = "maker_tests.rs"]
mod tests;
