//! Writing a checked plan.

use super::{remainder, MatchPlan, OrderRequest, Placed, PlanStep, StepKind};
use crate::book::arena::{self, MarketMut};
use crate::book::orders;
use crate::epochs;
use crate::error::Result;
use crate::math;
use crate::position::{self, SeatFill};
use crate::state::MarketCash;
use crate::units::{BaseLots, PriceQ32, Ticks};
use crate::velocity;
use crate::window::Widths;
use crate::Env;

/// Whose the fees of an order's fills are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FeesTo {
    /// Shared by the exchange's split.
    Exchange,
    /// A liquidation's: of the taker's fee `contribution` is the default fund's, and the treasury has no
    /// share of the rest, the makers' included (INV-9).
    Liquidation { contribution: u64 },
}

/// What an order leaves: its own fill, and lots that come to rest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Execution {
    pub(crate) fill: SeatFill,
    pub(crate) resting_lots: u64,
    pub(crate) fees_to: FeesTo,
}

/// Fills makers, settles the taker, rests the remainder and records the prints.
pub(crate) fn apply(
    market: &mut MarketMut<'_>,
    seat_index: u32,
    request: &OrderRequest,
    plan: &MatchPlan,
    becomes: &Execution,
    env: &Env,
) -> Result<Placed> {
    let mark = PriceQ32(market.header.prices.mark);
    let mut fees = becomes.fill.fee;
    for step in plan.steps() {
        apply_step(market, request, step, mark, env)?;
        fees = math::add(fees, step.maker_fee)?;
    }
    if plan.filled_lots != 0 {
        epochs::catch_up(market, seat_index)?;
        let seat = arena::seat_mut(market.blocks, seat_index)?;
        position::fill(seat, &mut market.header.sides, &becomes.fill, mark, env.now)?;
        record_trades(market, plan, fees, becomes.fees_to, env)?;
    }
    let mut placed = Placed {
        filled_lots: plan.filled_lots,
        filled_quote: plan.filled_quote,
        taker_fee: becomes.fill.fee,
        cancelled_lots: plan.open().saturating_sub(becomes.resting_lots),
        ..Placed::default()
    };
    if becomes.resting_lots != 0 {
        let new = remainder(seat_index, request, plan, becomes.resting_lots, env);
        placed.order = orders::attach(market, &new)?;
        placed.sequence = market.header.sequence;
        placed.price = plan.rest_price;
        placed.resting_lots = becomes.resting_lots;
    }
    Ok(placed)
}

fn apply_step(
    market: &mut MarketMut<'_>,
    request: &OrderRequest,
    step: &PlanStep,
    mark: PriceQ32,
    env: &Env,
) -> Result<()> {
    if step.kind == StepKind::Fill {
        let sizes = market.header.params.lot_sizes();
        let fill = SeatFill {
            side: request.side.opposite(),
            base: sizes.base_atoms(BaseLots(step.lots))?,
            cash: step.quote,
            fee: step.maker_fee,
        };
        if step.behind {
            epochs::catch_up(market, step.seat)?;
        }
        let maker = arena::seat_mut(market.blocks, step.seat)?;
        position::fill(maker, &mut market.header.sides, &fill, mark, env.now)?;
    }
    if step.removes {
        orders::detach(market, step.order)
    } else {
        orders::shrink(market, step.order, step.lots)
    }
}

/// Books fees where they will be swept to.
pub(crate) fn book_fees(cash: &mut MarketCash, fees: u64, fees_to: FeesTo) -> Result<()> {
    match fees_to {
        FeesTo::Exchange => cash.fees_accrued = math::add(cash.fees_accrued, fees)?,
        FeesTo::Liquidation { contribution } => {
            let rest = math::sub(fees, contribution)?;
            cash.liquidation_fees_accrued = math::add(cash.liquidation_fees_accrued, rest)?;
            cash.contributions_accrued = math::add(cash.contributions_accrued, contribution)?;
        }
    }
    Ok(())
}

/// Last trade, volume, fees and the rolling windows. A print at the last price stands for the order:
/// every price between the first and the last fill lies inside them.
fn record_trades(
    market: &mut MarketMut<'_>,
    plan: &MatchPlan,
    fees: u64,
    fees_to: FeesTo,
    env: &Env,
) -> Result<()> {
    let header = &mut *market.header;
    let sizes = header.params.lot_sizes();
    let Some(last) = plan.fills().last() else {
        return Ok(());
    };
    let price = sizes.price_floor(Ticks(last.price))?;
    header.prices.last_trade = price.0;
    header.prices.last_trade_ticks = last.price;
    header.prices.last_trade_time = env.now;
    book_fees(&mut header.cash, fees, fees_to)?;
    header.cash.fees_total = header.cash.fees_total.saturating_add(fees);
    let volume =
        math::join_unsigned(header.cash.volume).saturating_add(u128::from(plan.filled_quote));
    header.cash.volume = math::split_unsigned(volume);
    let widths = Widths::of(&header.params);
    header
        .windows
        .record_volume(widths, plan.filled_lots, env.now);
    // Dust across a wide spread must not enter the windows (spec §7).
    let volume = header.windows.volume(widths, env.now);
    if velocity::qualifies(header, volume, header.params.trip_volume_moved_ppm) {
        header.windows.observe_trade(widths, price.0, env.now);
    }
    let fills = u64::try_from(plan.fills().count()).unwrap_or(0);
    header.cash.fills_total = header.cash.fills_total.saturating_add(fills);
    Ok(())
}
