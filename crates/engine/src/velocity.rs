//! What a potential trade is checked against before it prints (spec §7, trip (b)).
//!
//! Matching looks at the short band once an order, at its first fill: most orders lie inside it whole. For the
//! others the band is computed in ticks, and a further fill costs two comparisons. Volumes are looked at only
//! for a price outside the band.

use crate::error::{EngineError, Result};
use crate::halt::{self, Cause};
use crate::mark;
use crate::math::{self, PPM};
use crate::state::MarketHeader;
use crate::units::{BaseLots, PriceQ32, Ticks};
use crate::window::{outside_band, Range, Widths};

#[cfg(test)]
mod tests;

/// The short band in ticks, both ends inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Band {
    pub lowest: u64,
    pub highest: u64,
}

impl Band {
    /// Every tick: a market that has seen no price has no band.
    pub(crate) const ALL: Self = Self {
        lowest: 0,
        highest: u64::MAX,
    };

    /// The market's at `now`: not more than the threshold above the window's low nor below its high.
    pub fn of(header: &MarketHeader, now: i64) -> Result<Self> {
        match mark::trading_band(header, now) {
            Some(range) => Self::around(header, range),
            None => Ok(Self::ALL),
        }
    }

    /// The same for an order whose first fill would be at `first` and none beyond `limit`, ticks: every tick
    /// where both lie well inside, so that most orders need no quotient and no further look.
    #[inline(never)]
    pub(crate) fn for_order(
        header: &MarketHeader,
        now: i64,
        first: u64,
        limit: u64,
    ) -> Result<Self> {
        let Some(range) = mark::trading_band(header, now) else {
            return Ok(Self::ALL);
        };
        let inside = |ticks: u64| {
            // The price lies between its floor and the next unit: both inside, and so is it.
            let threshold = header.params.velocity_short_ppm;
            let floor = header.params.lot_sizes().price_floor(Ticks(ticks));
            floor.is_ok_and(|PriceQ32(floor)| {
                !outside_band(range, floor, threshold)
                    && !outside_band(range, floor.saturating_add(1), threshold)
            })
        };
        if inside(first) && (limit == first || inside(limit)) {
            return Ok(Self::ALL);
        }
        Self::around(header, range)
    }

    #[inline(never)]
    fn around(header: &MarketHeader, Range { high, low }: Range) -> Result<Self> {
        let threshold = u64::from(header.params.velocity_short_ppm);
        let sizes = header.params.lot_sizes();
        // One quotient each, so that a move of exactly the threshold stays inside: 2^44 · 2^21 · 2^40.
        let scaled = |price: u64, ppm: u64| {
            math::wide(price, ppm)
                .checked_mul(u128::from(sizes.base_atoms_per_lot))
                .ok_or(EngineError::Overflow)
        };
        let tick = math::wide(sizes.quote_atoms_per_lot_tick, PPM) << 32;
        let lowest = scaled(high, PPM.saturating_sub(threshold))?.div_ceil(tick.max(1));
        let highest = scaled(low, PPM.saturating_add(threshold))?
            .checked_div(tick)
            .ok_or(EngineError::Overflow)?;
        Ok(Self {
            lowest: math::narrow(lowest)?,
            highest: math::narrow(highest)?,
        })
    }

    /// Whether a price, in ticks, lies inside.
    #[inline(always)]
    pub const fn holds(&self, ticks: u64) -> bool {
        self.lowest <= ticks && ticks <= self.highest
    }
}

/// What an order does that reaches a price outside the band.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It stops before that print: its volume in the window qualifies, and a halt may start.
    Stops,
    /// It prints: its volume, its earlier fills included, does not qualify yet.
    Prints,
    /// Whatever its volume, no halt may start now: it may go to any price.
    Anywhere,
}

/// Which of these, for a trade of `lots`, the order's earlier fills included. There is no price limit.
#[cold]
#[inline(never)]
pub fn reach(header: &MarketHeader, lots: u64, now: i64) -> Reach {
    if !halt::may_trip(header, Cause::Trade, now) {
        Reach::Anywhere
    } else if stops(header, lots, now) {
        Reach::Stops
    } else {
        Reach::Prints
    }
}

fn stops(header: &MarketHeader, lots: u64, now: i64) -> bool {
    let widths = Widths::of(&header.params);
    let volume = header.windows.volume(widths, now).saturating_add(lots);
    let share = if index_moved(header, widths, now) {
        header.params.trip_volume_moved_ppm
    } else {
        header.params.trip_volume_alone_ppm
    };
    qualifies(header, volume, share)
}

/// Whether a volume, lots of the short window, is at least `share_ppm` of open interest and the market's
/// smallest that counts; by cross-products, exact (R28).
pub fn qualifies(header: &MarketHeader, lots: u64, share_ppm: u32) -> bool {
    let sizes = header.params.lot_sizes();
    let base = sizes.base_atoms(BaseLots(lots)).unwrap_or(u64::MAX);
    let needed = math::wide(header.open_interest(), u64::from(share_ppm));
    lots >= header.params.trip_volume_lots_min && math::wide(base, PPM) >= needed
}

/// Whether the index has moved half the threshold within the short window.
fn index_moved(header: &MarketHeader, widths: Widths, now: i64) -> bool {
    let standing = Range::of(header.prices.index);
    let Range { high, low } = match header.windows.short_index.range(widths.short, now) {
        Some(range) if header.prices.index != 0 => range.join(standing),
        Some(range) => range,
        None => standing,
    };
    // high ≥ low·(1 + θ/2)
    let half = PPM
        .saturating_mul(2)
        .saturating_add(u64::from(header.params.velocity_short_ppm));
    math::wide(high, PPM.saturating_mul(2)) >= math::wide(low, half)
}
