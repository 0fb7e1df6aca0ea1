//! Taking orders off the book: by hint, by client id, all of a seat, or once expired.
//! None of these needs a price or a margin check. A book that stands still for an auction refuses them for
//! seconds (`halt::admit_book_change`, spec §7); nothing else does.

use super::MATCH_STEPS_MAX;
use crate::book::arena::{self, MarketMut};
use crate::book::orders;
use crate::error::{EngineError, Result};
use crate::state::{HaltPhase, MarketHeader, MarketStatus, Order, OrderSide, Pubkey, NIL};
use crate::Env;

/// An order that left the book.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cancelled {
    pub order: u32,
    pub sequence: u64,
    pub client_id: u64,
    pub side: u8,
    /// Ticks.
    pub price: u64,
    /// Lots that were still open.
    pub lots: u64,
}

fn take(market: &mut MarketMut<'_>, index: u32) -> Result<Cancelled> {
    let order = arena::order(market.blocks, index)?;
    let cancelled = Cancelled {
        order: index,
        sequence: order.sequence,
        client_id: order.client_id,
        side: order.side,
        price: order.price,
        lots: order.lots,
    };
    orders::detach(market, index)?;
    Ok(cancelled)
}

/// Cancels the order at block `index`, if it is the one that `sequence` names and the seat's own.
pub fn cancel(
    market: &mut MarketMut<'_>,
    seat_index: u32,
    owner: &Pubkey,
    index: u32,
    sequence: u64,
) -> Result<Cancelled> {
    arena::seat_of(market.blocks, seat_index, owner)?;
    let order = arena::order(market.blocks, index)?;
    if order.seat != seat_index || order.sequence != sequence {
        return Err(EngineError::WrongOrder);
    }
    if lives(market.header, order) {
        return Err(EngineError::LiquidationInterest);
    }
    take(market, index)
}

/// Whether an order is a liquidation's interest in an auction that is still to come or runs: nobody's to
/// cancel (spec §7).
#[inline(always)]
fn lives(header: &MarketHeader, order: &Order) -> bool {
    order.liquidation != 0
        && (header.halt.phase == HaltPhase::Call.byte()
            || header.halt.phase == HaltPhase::Uncross.byte())
}

/// Cancels the newest order of the seat with that client id; walks at most the seat's order slots.
pub fn cancel_by_client_id(
    market: &mut MarketMut<'_>,
    seat_index: u32,
    owner: &Pubkey,
    client_id: u64,
) -> Result<Cancelled> {
    let mut cursor = arena::seat_of(market.blocks, seat_index, owner)?.first_order;
    while cursor != NIL {
        let order = arena::order(market.blocks, cursor)?;
        if order.client_id == client_id && !lives(market.header, order) {
            return take(market, cursor);
        }
        cursor = order.seat_next;
    }
    Err(EngineError::UnknownClientId)
}

/// Which orders of a seat [`cancel_all`] takes; never a liquidation's interest in an auction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    All,
    /// Those that may do more than reduce: what a liquidation cancels of an account that is below initial
    /// and not below maintenance margin (spec §8).
    NotReduceOnly,
}

/// Cancels up to `limit` orders of the seat, newest first; returns how many and their lots.
pub fn cancel_all(
    market: &mut MarketMut<'_>,
    seat_index: u32,
    owner: &Pubkey,
    which: Which,
    limit: u8,
) -> Result<(u8, u64)> {
    let mut cursor = arena::seat_of(market.blocks, seat_index, owner)?.first_order;
    let (mut count, mut lots) = (0_u8, 0_u64);
    while count < limit && cursor != NIL {
        let order = arena::order(market.blocks, cursor)?;
        let kept = which == Which::NotReduceOnly && order.reduce_only != 0;
        let (index, stays) = (cursor, kept || lives(market.header, order));
        cursor = order.seat_next;
        if !stays {
            lots = lots.saturating_add(take(market, index)?.lots);
            count = count.saturating_add(1);
        }
    }
    Ok((count, lots))
}

/// Takes expired orders off the front of both sides, at most [`MATCH_STEPS_MAX`] a side, and hands each to
/// `left`: they must not hide the quotes behind them from the mark (attack 25).
pub fn drop_expired(
    market: &mut MarketMut<'_>,
    env: &Env,
    mut left: impl FnMut(&Cancelled),
) -> Result<()> {
    for side in [OrderSide::Bid, OrderSide::Ask] {
        for _ in 0..MATCH_STEPS_MAX {
            let best = orders::tree_of(market.header, side).best;
            if best == NIL || !arena::order(market.blocks, best)?.expired(env.now) {
                break;
            }
            left(&take(market, best)?);
        }
    }
    Ok(())
}

/// Anyone may take an expired order off the book, and any order off that of a market that was wound up.
pub fn remove_expired(
    market: &mut MarketMut<'_>,
    index: u32,
    sequence: u64,
    env: &Env,
) -> Result<Cancelled> {
    let order = arena::order(market.blocks, index)?;
    if order.sequence != sequence {
        return Err(EngineError::WrongOrder);
    }
    let void = market.header.status == MarketStatus::WoundUp.byte();
    if !void && !order.expired(env.now) {
        return Err(EngineError::OrderNotExpired);
    }
    take(market, index)
}
