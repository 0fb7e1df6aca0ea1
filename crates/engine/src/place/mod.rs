//! Placing an order: plan, check, apply (ADR 0002).
//!
//! The plan walks the book without writing; the margin check runs on the seat as it would become; only
//! then is anything written. An error leaves the market byte-identical.

mod apply;
mod cancel;
mod plan;

#[cfg(test)]
mod tests;

pub use cancel::{
    cancel, cancel_all, cancel_by_client_id, drop_expired, remove_expired, Cancelled,
};
pub use plan::{MatchPlan, PlanStep, StepKind, StopReason, MATCH_STEPS_MAX};

use crate::book::arena::{self, MarketMut};
use crate::book::orders::{self, NewOrder};
use crate::error::{EngineError, Result};
use crate::math;
use crate::position::{self, Holding, SeatFill};
use crate::risk::{self, AccountCash, AccountRisk, LegRisk, Resting};
use crate::state::{HaltPhase, MarketHeader, MarketStatus, OrderSide, Pubkey, Seat};
use crate::units::{BaseLots, Ticks, BASE_ATOMS_BOUND, LOTS_MAX, PRICE_Q32_MAX, TICKS_MAX};
use crate::{mark, Env};

/// How long an order lives and what it may do on arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum TimeInForce {
    /// Fills what it can, rests the remainder.
    Limit = 0,
    /// Rests or is rejected: never takes.
    PostOnly = 1,
    /// Rests, one tick behind the best opposite order where it would have crossed.
    PostOnlySlide = 2,
    /// Fills what it can, cancels the remainder. With a worst price this is a market order.
    ImmediateOrCancel = 3,
    /// Fills whole or is rejected.
    FillOrKill = 4,
}

impl TimeInForce {
    /// From an instruction's byte.
    pub fn from_byte(byte: u8) -> Result<Self> {
        Ok(match byte {
            0 => Self::Limit,
            1 => Self::PostOnly,
            2 => Self::PostOnlySlide,
            3 => Self::ImmediateOrCancel,
            4 => Self::FillOrKill,
            _ => return Err(EngineError::ParameterOutOfBounds),
        })
    }

    const fn post_only(self) -> bool {
        matches!(self, Self::PostOnly | Self::PostOnlySlide)
    }

    const fn rests(self) -> bool {
        matches!(self, Self::Limit | Self::PostOnly | Self::PostOnlySlide)
    }
}

/// What happens when an order meets one of the same owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum SelfTrade {
    /// The arriving order's remainder is cancelled.
    CancelTaker = 0,
    /// The resting order is cancelled.
    CancelMaker = 1,
    /// Both shrink by the smaller of the two.
    Decrement = 2,
}

impl SelfTrade {
    /// From an instruction's byte.
    pub fn from_byte(byte: u8) -> Result<Self> {
        Ok(match byte {
            0 => Self::CancelTaker,
            1 => Self::CancelMaker,
            2 => Self::Decrement,
            _ => return Err(EngineError::ParameterOutOfBounds),
        })
    }
}

/// An order as its owner asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderRequest {
    pub side: OrderSide,
    /// Limit or, for IOC, worst price.
    pub price: Ticks,
    pub lots: BaseLots,
    pub client_id: u64,
    /// Unix seconds from which it no longer matches; zero: never.
    pub expires_at: i64,
    pub time_in_force: TimeInForce,
    pub self_trade: SelfTrade,
    pub reduce_only: bool,
    /// Most steps of matching; at most [`MATCH_STEPS_MAX`].
    pub steps_max: u8,
}

/// The trader behind an order.
#[derive(Clone, Copy, Debug)]
pub struct Trader {
    /// Address of the margin account.
    pub account: Pubkey,
    pub cash: AccountCash,
    /// Risk of the account's legs in all other markets.
    pub other_legs: LegRisk,
}

/// What became of an order; the fills are in the plan that was passed in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Placed {
    /// Sequence and block of the resting remainder; zero: none rests.
    pub sequence: u64,
    pub order: u32,
    /// Price at which it rests, ticks.
    pub price: u64,
    pub filled_lots: u64,
    /// Cash flow of the fills, quote atoms.
    pub filled_quote: u64,
    pub taker_fee: u64,
    pub resting_lots: u64,
    pub cancelled_lots: u64,
}

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
    check_request(market.header, request, env)?;
    let seat = *arena::seat_of(market.blocks, seat_index, &trader.account)?;
    let held = position::holding(&seat, &market.header.sides)?;
    let lots = lots_to_place(market.header, request, held)?;
    plan::plan(&market.as_ref(), &seat, request, lots, env, plan)?;
    let resting_lots = if request.time_in_force.rests() {
        plan.remaining()
    } else {
        0
    };
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
    apply::apply(market, seat_index, request, plan, &becomes, env)
}

/// Prices, sizes and what the market's state admits.
fn check_request(header: &MarketHeader, request: &OrderRequest, env: &Env) -> Result<()> {
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
    if header.status == MarketStatus::Pending.byte() {
        return Err(EngineError::MarketNotActive);
    }
    if header.halt.phase != HaltPhase::Continuous.byte() {
        return Err(EngineError::MarketHalted);
    }
    if request.reduce_only {
        return Ok(());
    }
    if header.status == MarketStatus::ReduceOnly.byte() || header.guardian_until > env.now {
        return Err(EngineError::MarketReduceOnly);
    }
    if !risk::index_is_fresh(header, env.now) || header.halt.reopened_reduce_only != 0 {
        return Err(EngineError::IndexStale);
    }
    Ok(())
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

/// The taker's seat as the plan would leave it.
#[derive(Clone, Copy, Debug)]
struct Becoming {
    fill: SeatFill,
    /// After the fills.
    held: Holding,
    /// After the fills, own removals and the remainder's coming to rest.
    resting: Resting,
    /// As if the remainder had filled at its limit: the older orders then rest alone.
    held_if_filled: Holding,
    resting_if_filled: Resting,
    resting_lots: u64,
}

impl Becoming {
    fn of(
        header: &MarketHeader,
        seat: &Seat,
        held: Holding,
        side: OrderSide,
        plan: &MatchPlan,
        resting_lots: u64,
    ) -> Result<Self> {
        let sizes = header.params.lot_sizes();
        let fill = SeatFill {
            side,
            base: sizes.base_atoms(BaseLots(plan.filled_lots))?,
            cash: plan.filled_quote,
            fee: math::mul_ppm_ceil(plan.filled_quote, u64::from(header.params.taker_fee_ppm))?,
        };
        let after = fill.applied_to(held)?;
        let mut copy = *seat;
        orders::remove_resting(&mut copy, side.opposite(), plan.own_lots_removed)?;
        let mut held_if_filled = after;
        let resting_if_filled = Resting::from(&copy);
        if resting_lots != 0 {
            orders::add_resting(&mut copy, side, plan.rest_price, resting_lots)?;
            let cash = sizes
                .fill_cash(BaseLots(resting_lots), Ticks(plan.rest_price))?
                .0;
            let fee = math::mul_ppm_ceil(cash, u64::from(header.params.maker_fee_ppm))?;
            let base = sizes.base_atoms(BaseLots(resting_lots))?;
            held_if_filled = SeatFill {
                side,
                base,
                cash,
                fee,
            }
            .applied_to(after)?;
        }
        Ok(Self {
            fill,
            held: after,
            resting: Resting::from(&copy),
            held_if_filled,
            resting_if_filled,
            resting_lots,
        })
    }

    /// A position stays under its bound however its resting orders fill: no fill can ever overflow one.
    fn check_size(&self, header: &MarketHeader) -> Result<()> {
        let worst = risk::worst_base(&header.params, self.held.base, &self.resting)?;
        if worst >= BASE_ATOMS_BOUND {
            return Err(EngineError::PositionTooLarge);
        }
        Ok(())
    }
}

/// Open interest that the fills leave, which may not rise above the market's cap and which margin grows
/// with. It is exact where an upper bound of it would not do.
fn open_interest_after(
    market: &arena::MarketRef<'_>,
    side: OrderSide,
    held: Holding,
    plan: &MatchPlan,
) -> Result<u64> {
    let header = market.header;
    let sizes = header.params.lot_sizes();
    let open_interest = header.open_interest();
    let filled = sizes.base_atoms(BaseLots(plan.filled_lots))?;
    let bound = math::add(open_interest, filled)?;
    let params = &header.params;
    if bound <= params.open_interest_low.min(params.open_interest_max) || filled == 0 {
        return Ok(bound);
    }
    let mut rise = longs_rise(side, held.base, filled)?;
    for (at, step) in plan.fills().enumerate() {
        let maker = arena::seat(market.blocks, step.seat)?;
        let earlier: u64 = plan
            .fills()
            .take(at)
            .filter(|s| s.seat == step.seat)
            .map(|s| s.lots)
            .sum();
        let moved = math::signed(sizes.base_atoms(BaseLots(earlier))?)?;
        let base = position::holding(maker, &header.sides)?.base;
        let base = match side {
            OrderSide::Bid => math::sub_signed(base, moved)?,
            OrderSide::Ask => math::add_signed(base, moved)?,
        };
        let lots = sizes.base_atoms(BaseLots(step.lots))?;
        rise = math::add_signed(rise, longs_rise(side.opposite(), base, lots)?)?;
    }
    let after = open_interest
        .checked_add_signed(rise)
        .ok_or(EngineError::Overflow)?;
    if rise > 0 && after > params.open_interest_max {
        return Err(EngineError::OpenInterestCapExceeded);
    }
    Ok(after)
}

/// Change of max(base, 0) by buying or selling `size`.
fn longs_rise(side: OrderSide, base: i64, size: u64) -> Result<i64> {
    let size = math::signed(size)?;
    let after = match side {
        OrderSide::Bid => math::add_signed(base, size)?,
        OrderSide::Ask => math::sub_signed(base, size)?,
    };
    math::sub_signed(after.max(0), base.max(0))
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
    if becomes.fill.base != 0 {
        risk::check_reducing(&before, &after)?;
    }
    if becomes.resting_lots != 0 {
        let filled = account(becomes.held_if_filled, &becomes.resting_if_filled)?;
        risk::check_reducing(&before, &filled)?;
    }
    Ok(Margin::Reducing)
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
