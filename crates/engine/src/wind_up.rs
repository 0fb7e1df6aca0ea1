//! The end of a market whose index is dead (spec §11, ADR 0011): both sides close at the last mark as one
//! uniform event, whatever the number of positions.

use crate::book::arena::{self, MarketMut, EPOCH_BLOCKS};
use crate::epochs;
use crate::error::{EngineError, Result};
use crate::funding;
use crate::gate::{self, Action};
use crate::math;
use crate::state::{HaltPhase, MarketStatus, Side, SIDE_LONG, SIDE_SHORT};
use crate::units::PriceQ32;
use crate::Env;

#[cfg(test)]
mod tests;

/// What a wind-up closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WoundUp {
    /// The last mark, Q.32.
    pub price: u64,
    /// Publish time of the last index.
    pub index_time: i64,
    /// Longs, shorts as they were closed: A is zero, C has taken the price.
    pub sides: [Side; 2],
    /// Base atoms of each side before.
    pub open_interest: [u64; 2],
}

/// Closes every position of a market at the last mark, once its index has been stale for `index_dead_seconds`
/// without a break (the caller has written down what the clock has brought about): C takes A × mark, A becomes zero and both epochs end. A touch then turns what a seat held
/// into a claim; the market takes no orders and no refresh any more, and its seats settle and are released as
/// always.
///
/// # Errors
/// `MarketNotActive` before the first index; `MarketWoundUp`; `IndexNotDead`; `MarketHalted`; `ArenaFull` while
/// ends for which seats still wait have taken all blocks: sync one of them, or grow the market. But for blocks
/// of ends that nobody waits for, nothing is written then.
pub fn wind_up(market: &mut MarketMut<'_>, env: &Env) -> Result<WoundUp> {
    let header = &*market.header;
    if header.status == MarketStatus::Pending.byte() {
        return Err(EngineError::MarketNotActive);
    }
    if header.status == MarketStatus::WoundUp.byte() {
        return Err(EngineError::MarketWoundUp);
    }
    let params = &header.params;
    let dead_after = u64::from(params.index_age_seconds_max)
        .saturating_add(u64::from(params.index_dead_seconds));
    if math::seconds_since(env.now, header.prices.index_time) <= dead_after {
        return Err(EngineError::IndexNotDead);
    }
    if !gate::in_phase(HaltPhase::from_byte(header.halt.phase), Action::Change) {
        return Err(EngineError::MarketHalted);
    }
    // First of all, since it changes the sides: what is copied after it knows which ends are left.
    epochs::make_room(market)?;
    let header = &*market.header;
    let params = &header.params;
    let price = PriceQ32(header.prices.mark);
    let (mut sides, mut prices) = (header.sides, header.prices);
    // The seconds in which the index was still fresh.
    funding::accrue(&mut sides, &mut prices, params, &header.halt, env.now)?;
    let [long, short] = &sides;
    let open_interest = [long.open_interest(), short.open_interest()];
    let closed = [closed(long, true, price)?, closed(short, false, price)?];
    check_room(market)?;
    market.header.sides = closed;
    market.header.prices = prices;
    market.header.status = MarketStatus::WoundUp.byte();
    epochs::end(market, SIDE_LONG, price, env)?;
    epochs::end(market, SIDE_SHORT, price, env)?;
    Ok(WoundUp {
        price: price.0,
        index_time: prices.index_time,
        sides: closed,
        open_interest,
    })
}

/// The side with all of it closed at `price`: what a long is paid floors, what a short pays ceils (R5, R6).
fn closed(side: &Side, is_long: bool, price: PriceQ32) -> Result<Side> {
    // Q2.62 × Q.32 / 2^30 is Q.64.
    let product = math::wide(side.scale, price.0);
    let paid = if is_long {
        product >> 30
    } else {
        product.div_ceil(1 << 30)
    };
    let paid = i128::try_from(paid).map_err(|_| EngineError::Overflow)?;
    let index = math::join_signed(side.cash_index)
        .checked_add(paid)
        .ok_or(EngineError::Overflow)?;
    Ok(Side {
        scale: 0,
        cash_index: math::split_signed(index),
        ..*side
    })
}

/// A block for the end of each side that has seats.
fn check_room(market: &MarketMut<'_>) -> Result<()> {
    let [long, short] = &market.header.sides;
    let wanted = u32::from(long.seats != 0).saturating_add(u32::from(short.seats != 0));
    let kept = EPOCH_BLOCKS.saturating_sub(long.ends.saturating_add(short.ends));
    if arena::unreserved(market.header).saturating_add(kept) < wanted {
        return Err(EngineError::ArenaFull);
    }
    Ok(())
}
