//! The taker's seat and the market's open interest as a plan would leave them: what is checked before
//! anything is written.

use super::MatchPlan;
use crate::book::{arena, orders};
use crate::error::{EngineError, Result};
use crate::math;
use crate::position::{self, Holding, SeatFill};
use crate::risk::{self, Resting};
use crate::state::{MarketHeader, OrderSide, Seat};
use crate::units::{BaseLots, Ticks, BASE_ATOMS_BOUND};

/// The taker's seat as the plan would leave it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Becoming {
    pub(super) fill: SeatFill,
    /// After the fills.
    pub(super) held: Holding,
    /// After the fills, own removals and the remainder's coming to rest.
    pub(super) resting: Resting,
    /// As if the remainder had filled at its limit: the older orders then rest alone.
    pub(super) held_if_filled: Holding,
    pub(super) resting_if_filled: Resting,
    pub(super) resting_lots: u64,
}

impl Becoming {
    pub(super) fn of(
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
    pub(super) fn check_size(&self, header: &MarketHeader) -> Result<()> {
        let worst = risk::worst_base(&header.params, self.held.base, &self.resting)?;
        if worst >= BASE_ATOMS_BOUND {
            return Err(EngineError::PositionTooLarge);
        }
        Ok(())
    }
}

/// Open interest that the fills leave, which may not rise above the market's cap and which margin grows
/// with. It is exact where an upper bound of it would not do.
pub(super) fn open_interest_after(
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
        let base = position::held(market, maker)?.base;
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
pub(crate) fn longs_rise(side: OrderSide, base: i64, size: u64) -> Result<i64> {
    let size = math::signed(size)?;
    let after = match side {
        OrderSide::Bid => math::add_signed(base, size)?,
        OrderSide::Ask => math::sub_signed(base, size)?,
    };
    math::sub_signed(after.max(0), base.max(0))
}
