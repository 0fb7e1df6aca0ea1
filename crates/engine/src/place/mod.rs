//! Placing an order: plan, check, apply (ADR 0002).
//!
//! The plan walks the book without writing; the margin check runs on the seat as it would become; only
//! then is anything written. An error leaves the market byte-identical.

mod apply;
mod becoming;
mod cancel;
mod plan;
mod request;

#[cfg(test)]
mod tests;

pub use cancel::{
    cancel, cancel_all, cancel_by_client_id, drop_expired, remove_expired, Cancelled, Which,
};
pub use plan::{MatchPlan, PlanStep, StepKind, StopReason, MATCH_STEPS_MAX};
pub use request::{OrderRequest, Placed, SelfTrade, TimeInForce, Trader};

pub(crate) use apply::{apply, book_fees, Execution, FeesTo};
pub(crate) use plan::{plan, Taking};

pub(crate) use becoming::longs_rise;
use becoming::{open_interest_after, Becoming};

use crate::book::arena::{self, MarketMut};
use crate::book::orders::{self, NewOrder};
use crate::error::{EngineError, Result};
use crate::gate::{self, Action};
use crate::halt::{self, Cause};
use crate::math;
use crate::position::{self, Holding};
use crate::risk::{self, AccountRisk, Resting};
use crate::state::{HaltPhase, MarketHeader, MarketStatus, OrderSide, Seat};
use crate::units::{PriceQ32, Ticks, LOTS_MAX, PRICE_Q32_MAX, TICKS_MAX};
use crate::{mark, Env};

/// Places an order for the seat at `seat_index`. `plan` is scratch space and holds the fills after.
///
/// Errors name the violated condition (spec §5, "order types"); the market is then unchanged.
pub fn place(
    market: &mut MarketMut<'_>,
    seat_index: u32,
    trader: &Trader,
    request: &OrderRequest,
    env: &Env,
    plan: &mut MatchPlan,
) -> Result<Placed> {
    let calling = check_request(market.header, request, env)?;
    let seat = *arena::seat_of(market.blocks, seat_index, &trader.account)?;
    let held = position::held(&market.as_ref(), &seat)?;
    let lots = lots_to_place(market.header, request, held)?;
    if calling && !request.time_in_force.post_only() {
        plan.rest_whole(lots, request.price.0);
    } else {
        plan::plan(
            &market.as_ref(),
            &seat,
            request,
            lots,
            &mut plan::Ordinary,
            env,
            plan,
        )?;
    }
    let mut resting_lots = if request.time_in_force.rests() {
        plan.remaining()
    } else {
        0
    };
    // Only here may the book come to cross: but nobody with itself.
    if (calling || plan.stop == StopReason::Band)
        && resting_lots != 0
        && crosses_own(&market.as_ref(), &seat, request.side, plan.rest_price)?
    {
        if calling {
            return Err(EngineError::OwnOrdersWouldCross);
        }
        resting_lots = 0;
    }
    let slots = usize::from(seat.order_slots).saturating_add(plan.own_removed(seat_index));
    if resting_lots != 0 && usize::from(seat.orders) >= slots {
        return Err(EngineError::OrderSlotsFull);
    }
    let becomes = Becoming::of(market.header, &seat, held, request.side, plan, resting_lots)?;
    becomes.check_size(market.header)?;
    let leaves = open_interest_after(&market.as_ref(), request.side, held, plan)?;
    let margin = check_margin(market.header, trader, held, &seat, &becomes, leaves, env)?;
    if margin == Margin::Reducing && resting_lots != 0 && !request.reduce_only {
        return Err(EngineError::TradeWorsensRisk);
    }
    let execution = Execution {
        fill: becomes.fill,
        resting_lots: becomes.resting_lots,
        fees_to: FeesTo::Exchange,
    };
    let mut placed = apply(market, seat_index, request, plan, &execution, env)?;
    if calling {
        halt::admit_book_change(market.header, env)?;
    } else if plan.stop == StopReason::Band && resting_lots != 0 {
        placed.trip = Some(halt::trip(market.header, Cause::Trade, env));
    }
    Ok(placed)
}

/// Whether an order of the seat's own rests at `price` or beyond on the other side. The extremes rule it out
/// for most; they only ever widen, so the orders decide.
#[inline(never)]
fn crosses_own(
    market: &arena::MarketRef<'_>,
    seat: &Seat,
    side: OrderSide,
    price: u64,
) -> Result<bool> {
    let meets = |other: u64| match side {
        OrderSide::Bid => other <= price,
        OrderSide::Ask => other >= price,
    };
    let (opposite_lots, extreme) = match side {
        OrderSide::Bid => (seat.ask_lots, seat.ask_low),
        OrderSide::Ask => (seat.bid_lots, seat.bid_high),
    };
    if opposite_lots == 0 || !meets(extreme) {
        return Ok(false);
    }
    let mut cursor = seat.first_order;
    while cursor != crate::state::NIL {
        let order = arena::order(market.blocks, cursor)?;
        if order.side == side.opposite().byte() && meets(order.price) {
            return Ok(true);
        }
        cursor = order.seat_next;
    }
    Ok(false)
}

/// Prices, sizes and what the market's state admits. True in a call: what rests then rests without matching.
fn check_request(header: &MarketHeader, request: &OrderRequest, env: &Env) -> Result<bool> {
    if request.price.0 == 0 || request.price.0 > TICKS_MAX {
        return Err(EngineError::PriceOutOfRange);
    }
    // A price that the mark could not follow would leave the best quote unreadable.
    let representable = header.params.lot_sizes().price_ceil(request.price);
    if !representable.is_ok_and(|price| price.0 <= PRICE_Q32_MAX) {
        return Err(EngineError::PriceOutOfRange);
    }
    if request.lots.0 == 0 || request.lots.0 > LOTS_MAX {
        return Err(EngineError::SizeOutOfRange);
    }
    if request.expires_at != 0 && request.expires_at <= env.now {
        return Err(EngineError::ExpiryInThePast);
    }
    if header.status == MarketStatus::WoundUp.byte() {
        return Err(EngineError::MarketWoundUp);
    }
    if header.status == MarketStatus::Pending.byte() {
        return Err(EngineError::MarketNotActive);
    }
    let calling = header.halt.phase != HaltPhase::Continuous.byte()
        && rests_in_call(header, request, env.now)?;
    if request.reduce_only {
        return Ok(calling);
    }
    if header.status == MarketStatus::ReduceOnly.byte() || header.guardian_until > env.now {
        return Err(EngineError::MarketReduceOnly);
    }
    if !risk::index_is_fresh(header, env.now) {
        return Err(EngineError::IndexStale);
    }
    Ok(calling)
}

/// What a halt makes of an order: false when it is over, true in a call.
#[cold]
#[inline(never)]
fn rests_in_call(header: &MarketHeader, request: &OrderRequest, now: i64) -> Result<bool> {
    let phase = halt::phase(header, now);
    let action = if request.time_in_force.rests() {
        Action::Rest
    } else {
        Action::Take
    };
    if !gate::in_phase(phase, action) {
        return Err(EngineError::MarketHalted);
    }
    Ok(phase != HaltPhase::Continuous)
}

/// A reduce-only order is clipped to the whole lots of the position it reduces. It and a full close may
/// be smaller than the market's smallest order.
fn lots_to_place(header: &MarketHeader, request: &OrderRequest, held: Holding) -> Result<u64> {
    let small = request.lots.0 < header.params.lots_min;
    if !request.reduce_only && !small {
        return Ok(request.lots.0);
    }
    let reduces = match request.side {
        OrderSide::Bid => held.base < 0,
        OrderSide::Ask => held.base > 0,
    };
    let open = header
        .params
        .lot_sizes()
        .lots_floor(held.base.unsigned_abs())
        .0;
    if !request.reduce_only {
        return if reduces && open == request.lots.0 {
            Ok(open)
        } else {
            Err(EngineError::SizeOutOfRange)
        };
    }
    if !reduces || open == 0 {
        return Err(EngineError::ReduceOnlyWouldNotReduce);
    }
    Ok(open.min(request.lots.0))
}

/// Which rule of spec §5 let an order pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Margin {
    Initial,
    /// Below initial margin or on credit: only a reduce-only remainder may then rest.
    Reducing,
}

/// Initial margin after the order, at the open interest that it leaves; below it, or on credit, the reducing rule of spec §5.
fn check_margin(
    header: &MarketHeader,
    trader: &Trader,
    held: Holding,
    seat: &Seat,
    becomes: &Becoming,
    leaves: u64,
    env: &Env,
) -> Result<Margin> {
    // Before and after at the same open interest, so that only the order makes the difference.
    let account = |held: Holding, resting: &Resting| -> Result<AccountRisk> {
        let mut legs = risk::leg_at(header, held, resting, leaves, env.now)?;
        legs.add(&trader.other_legs)?;
        AccountRisk::of(&trader.cash, &legs)
    };
    let after = account(becomes.held, &becomes.resting)?;
    if after.credit == 0 && after.meets_initial() {
        return Ok(Margin::Initial);
    }
    if becomes.fill.base == 0 && becomes.resting_lots == 0 {
        return Ok(Margin::Initial);
    }
    let before = account(held, &Resting::from(seat))?;
    let cost = |becomes: Holding| closing_cost(header, held, becomes);
    if becomes.fill.base != 0 {
        risk::check_reducing(&before, &after, cost(becomes.held)?, true)?;
    }
    if becomes.resting_lots != 0 {
        let filled = account(becomes.held_if_filled, &becomes.resting_if_filled)?;
        risk::check_reducing(&before, &filled, cost(becomes.held_if_filled)?, false)?;
    }
    Ok(Margin::Reducing)
}

/// What liquidating the part of a position that is closed would charge at the mark: fee and contribution.
fn closing_cost(header: &MarketHeader, held: Holding, becomes: Holding) -> Result<u64> {
    let closed = held
        .base
        .unsigned_abs()
        .saturating_sub(becomes.base.unsigned_abs());
    let params = &header.params;
    let rate = u64::from(params.taker_fee_ppm)
        .saturating_add(u64::from(params.liquidation_contribution_ppm));
    math::mul_ppm_ceil(PriceQ32(header.prices.mark).value_ceil(closed)?, rate)
}

/// Price of the best resting order of each side, Q.32: what the mark reads.
pub fn book_top(market: &arena::MarketRef<'_>, now: i64) -> Result<mark::BookTop> {
    let best = |side: OrderSide| -> Result<Option<u64>> {
        let mut cursor = orders::tree_of(market.header, side).best;
        // Expired orders are no quotes; a bounded number of them is skipped.
        for _ in 0..plan::MATCH_STEPS_MAX {
            if cursor == crate::state::NIL {
                return Ok(None);
            }
            let order = arena::order(market.blocks, cursor)?;
            if !order.expired(now) {
                let price = market
                    .header
                    .params
                    .lot_sizes()
                    .price_floor(Ticks(order.price))?;
                return Ok(Some(price.0));
            }
            cursor = order.next;
        }
        Ok(None)
    };
    Ok(mark::BookTop {
        best_bid: best(OrderSide::Bid)?,
        best_ask: best(OrderSide::Ask)?,
    })
}

/// A [`NewOrder`] for the remainder of `request`.
fn remainder(
    seat: u32,
    request: &OrderRequest,
    plan: &MatchPlan,
    lots: u64,
    env: &Env,
) -> NewOrder {
    NewOrder {
        seat,
        side: request.side,
        price: plan.rest_price,
        lots,
        client_id: request.client_id,
        expires_at: request.expires_at,
        reduce_only: request.reduce_only,
        placed_at: env.now,
        placed_slot: env.slot,
    }
}
