//! Accounts below maintenance join an auction with reduce-only interest at their zero price (spec §7): a
//! resting order that is not theirs to cancel, dies with the auction, and is charged as a liquidation is.

use crate::book::arena::{self, MarketMut};
use crate::book::orders::{self, NewOrder};
use crate::error::{EngineError, Result};
use crate::gate::{self, Action};
use crate::halt;
use crate::liquidation::{auction_size, zero_price, Charge, Leg, Standing};
use crate::state::{HaltPhase, OrderSide, NIL};
use crate::Env;

/// [`crate::state::Order::liquidation`]: charged by rate.
pub(crate) const BY_RATE: u32 = 1;
/// The same: charged per base atom.
pub(crate) const PER_ATOM: u32 = 2;

/// Interest that came to rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Joined {
    pub order: u32,
    pub side: u8,
    /// Zero price, ticks.
    pub price: u64,
    pub lots: u64,
}

/// Takes a seat's liquidation interest off the book, if it has any; returns its lots.
///
/// # Errors
/// `MarketHalted` once the auction runs.
pub fn withdraw_interest(market: &mut MarketMut<'_>, seat: u32, env: &Env) -> Result<u64> {
    let mut cursor = arena::seat(market.blocks, seat)?.first_order;
    while cursor != NIL {
        let order = arena::order(market.blocks, cursor)?;
        if order.liquidation != 0 {
            let lots = order.lots;
            let phase = halt::phase(market.header, env.now);
            if phase == HaltPhase::Uncross {
                return Err(EngineError::MarketHalted);
            }
            orders::detach(market, cursor)?;
            return Ok(lots);
        }
        cursor = order.seat_next;
    }
    Ok(0)
}

/// Whether orders of the seat rest that are no liquidation's interest.
fn has_ordinary_orders(market: &MarketMut<'_>, seat: u32) -> Result<bool> {
    let mut cursor = arena::seat(market.blocks, seat)?.first_order;
    while cursor != NIL {
        let order = arena::order(market.blocks, cursor)?;
        if order.liquidation == 0 {
            return Ok(true);
        }
        cursor = order.seat_next;
    }
    Ok(false)
}

/// Puts an account's interest into the coming auction, in place of what it had there: as much of the leg as
/// brings it to 1.15 × MM at the mark, at its zero price. `None` when it has none: insolvent, or no tick is
/// as good. Not in slices: an auction is where all interest meets.
///
/// # Errors
/// `MarketHalted` outside CALL and FREEZE, `OrdersResting` beside other orders of the seat.
pub fn join(
    market: &mut MarketMut<'_>,
    leg: &Leg,
    standing: &Standing,
    env: &Env,
) -> Result<Option<Joined>> {
    let phase = halt::phase(market.header, env.now);
    if !gate::in_phase(phase, Action::Join) {
        return Err(EngineError::MarketHalted);
    }
    // All that can fail comes before the first write.
    if has_ordinary_orders(market, leg.seat)? {
        return Err(EngineError::OrdersResting);
    }
    let params = market.header.params;
    let lots = auction_size(&params, leg, standing)?;
    let zero = if lots == 0 || standing.with_credit <= 0 {
        None
    } else {
        zero_price(&params, leg, standing)?
    };
    withdraw_interest(market, leg.seat, env)?;
    let Some(zero) = zero else {
        return Ok(None);
    };
    let side = if leg.is_long() {
        OrderSide::Ask
    } else {
        OrderSide::Bid
    };
    let new = NewOrder {
        seat: leg.seat,
        side,
        price: zero.limit.0,
        lots,
        client_id: 0,
        // It counts in the auction, which takes orders that live to the end of the call, and no longer.
        expires_at: market.header.halt.call_ends_at.saturating_add(1),
        reduce_only: true,
        placed_at: env.now,
        placed_slot: env.slot,
    };
    let index = orders::attach(market, &new)?;
    let order = arena::order_mut(market.blocks, index)?;
    match zero.charge {
        Charge::Rate { .. } => order.liquidation = BY_RATE,
        Charge::PerAtom(per_atom) => {
            order.liquidation = PER_ATOM;
            order.charge_per_atom = per_atom;
        }
    }
    if phase == HaltPhase::Call {
        halt::admit_book_change(market.header, env)?;
    }
    Ok(Some(Joined {
        order: index,
        side: side.byte(),
        price: zero.limit.0,
        lots,
    }))
}
