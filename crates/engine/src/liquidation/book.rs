//! Steps 1 and 3 of a liquidation: its orders leave the book, and its position is reduced there, no further
//! than the zero price (spec §8).

use super::price::{lots_for, size_at, Reduction};
use super::{zero_price, Leg, Standing, ZeroPrice};
use crate::book::arena::{self, MarketMut};
use crate::error::Result;
use crate::halt::{self, Cause, Trip};
use crate::math;
use crate::place::{
    self, Execution, FeesTo, MatchPlan, OrderRequest, SelfTrade, StopReason, Taking, TimeInForce,
    Which, MATCH_STEPS_MAX,
};
use crate::position::{Holding, SeatFill};
use crate::risk;
use crate::state::{MarketParams, OrderSide, Pubkey};
use crate::units::{BaseLots, PriceQ32, Ticks};
use crate::Env;

/// Orders of the account that one call takes off the books.
pub const CANCELS_MAX: u8 = 64;

/// Takes up to `limit` of the account's orders in a market off the book; returns how many. A book that stands
/// still for an auction keeps them until it is over.
pub fn cancel_orders(
    market: &mut MarketMut<'_>,
    leg: &Leg,
    address: &Pubkey,
    which: Which,
    limit: u8,
    env: &Env,
) -> Result<u8> {
    if halt::admit_book_change(market.header, env).is_err() {
        return Ok(0);
    }
    Ok(place::cancel_all(market, leg.seat, address, which, limit)?.0)
}

/// What reducing in the book did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BookStep {
    pub filled_lots: u64,
    /// Cash flow of the fills, quote atoms.
    pub filled_quote: u64,
    /// Charged to the account: fee and contribution, and the contribution in it.
    pub charge: u64,
    pub contribution: u64,
    /// Worst price, ticks; zero: nothing was tried.
    pub limit: u64,
    /// The book did not take all that the step asked for: a takeover may open. Nothing is known of a book
    /// that goes on behind the last step (`StopReason::StepsExhausted`).
    pub book_ended: bool,
    /// All that the step asked for was closed, the last step of matching not being used up.
    pub satisfied: bool,
    /// The next fill would have printed outside the band: the market halts, and the account joins its auction.
    pub trip: Option<Trip>,
}

/// An IOC at the zero price or better, sized anew at every price it meets, so that it closes no more than
/// brings the account to 1.15 × MM there; a slice at most (spec §8 step 3, §13). Orders of the owner's
/// other accounts are met like anyone's: nobody can stand in the way of its own liquidation.
///
/// `leg` and `standing` are those of the account now, without resting orders in this market.
pub fn reduce_in_book(
    market: &mut MarketMut<'_>,
    leg: &Leg,
    standing: &Standing,
    env: &Env,
    plan: &mut MatchPlan,
) -> Result<BookStep> {
    let params = &market.header.params;
    let nothing = BookStep {
        book_ended: true,
        ..BookStep::default()
    };
    let whole = params.lot_sizes().lots_floor(leg.size()).0;
    if standing.with_credit <= 0 || !leg.matching || whole == 0 {
        return Ok(nothing);
    }
    let Some(zero) = zero_price(params, leg, standing)? else {
        return Ok(nothing);
    };
    let request = OrderRequest {
        side: if leg.is_long() {
            OrderSide::Ask
        } else {
            OrderSide::Bid
        },
        price: zero.limit,
        lots: BaseLots(whole),
        client_id: 0,
        expires_at: 0,
        time_in_force: TimeInForce::ImmediateOrCancel,
        self_trade: SelfTrade::CancelTaker,
        reduce_only: true,
        steps_max: u8::try_from(MATCH_STEPS_MAX).unwrap_or(u8::MAX),
    };
    let params = *params;
    let mut sizing = Sizing {
        params: &params,
        leg,
        standing,
        zero: &zero,
        side: request.side,
    };
    let seat = *arena::seat(market.blocks, leg.seat)?;
    place::plan(
        &market.as_ref(),
        &seat,
        &request,
        whole,
        &mut sizing,
        env,
        plan,
    )?;
    let filled = plan.filled_lots;
    let mut step = BookStep {
        limit: zero.limit.0,
        // Neither a book that goes on behind the last step nor one that filled the order has ended.
        book_ended: plan.stop == StopReason::NoCross && sizing.missing_after(plan)?,
        satisfied: plan.stop == StopReason::Filled && plan.filled_lots != 0,
        ..BookStep::default()
    };
    if plan.stop == StopReason::Band {
        step.trip = Some(halt::trip(market.header, Cause::Trade, env));
    }
    if plan.steps().is_empty() {
        return Ok(step);
    }
    let base = params.lot_sizes().base_atoms(BaseLots(filled))?;
    let (charge, contribution) = zero.charge.of(plan.filled_quote, base)?;
    let execution = Execution {
        fill: SeatFill {
            side: request.side,
            base,
            cash: plan.filled_quote,
            fee: charge,
        },
        resting_lots: 0,
        fees_to: FeesTo::Liquidation { contribution },
    };
    place::apply(market, leg.seat, &request, plan, &execution, env)?;
    step.filled_lots = filled;
    step.filled_quote = plan.filled_quote;
    step.charge = charge;
    step.contribution = contribution;
    Ok(step)
}

/// Sizes the order at each price that it meets.
struct Sizing<'a> {
    params: &'a MarketParams,
    leg: &'a Leg,
    standing: &'a Standing,
    zero: &'a ZeroPrice,
    side: OrderSide,
}

impl Sizing<'_> {
    /// The account after the fills planned so far.
    fn after(&self, plan: &MatchPlan) -> Result<(Reduction, Holding)> {
        let sizes = self.params.lot_sizes();
        let base = sizes.base_atoms(BaseLots(plan.filled_lots))?;
        let (fee, _) = self.zero.charge.of(plan.filled_quote, base)?;
        let fill = SeatFill {
            side: self.side,
            base,
            cash: plan.filled_quote,
            fee,
        };
        let held = fill.applied_to(self.leg.held)?;
        let value = |held: Holding| -> Result<i64> {
            math::add_signed(held.quote, self.leg.mark.position_value(held.base)?)
        };
        let moved = math::sub_signed(value(held)?, value(self.leg.held)?)?;
        let size = held.base.unsigned_abs();
        let leg_margin = risk::maintenance_margin(self.params, size, self.leg.mark)?;
        let others = self
            .standing
            .maintenance_margin
            .saturating_sub(self.leg.risk.maintenance_margin);
        let state = Reduction {
            size,
            leg_margin,
            margin: math::add(others, leg_margin)?,
            amount: math::add_signed(self.standing.sized_by(), moved)?,
        };
        Ok((state, held))
    }

    fn wanted(&self, plan: &MatchPlan, price: PriceQ32) -> Result<u64> {
        let (state, _) = self.after(plan)?;
        let params = self.params;
        let size = size_at(self.leg, &state, price, &self.zero.charge)?;
        let slice = params.slice_lots_max.saturating_sub(plan.filled_lots);
        Ok(plan
            .filled_lots
            .saturating_add(lots_for(params, size, state.size, slice)))
    }

    /// Whether more would have to be closed, and a slice allows it, than the book gave.
    fn missing_after(&self, plan: &MatchPlan) -> Result<bool> {
        let sizes = self.params.lot_sizes();
        let price = sizes.price_floor(self.zero.limit)?;
        Ok(self.wanted(plan, price)? > plan.filled_lots)
    }
}

impl Taking for Sizing<'_> {
    const PREVENTS_SELF_TRADE: bool = false;
    const SIZES_BY_PRICE: bool = true;

    fn lots_at(&mut self, plan: &MatchPlan, price: u64) -> Result<u64> {
        let sizes = self.params.lot_sizes();
        // Against the account: a sale is taken to bring less, a purchase to cost more.
        let price = match self.side {
            OrderSide::Ask => sizes.price_floor(Ticks(price))?,
            OrderSide::Bid => sizes.price_ceil(Ticks(price))?,
        };
        self.wanted(plan, price)
    }
}
