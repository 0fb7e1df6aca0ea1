//! What an order would do to the book, found without writing (ADR 0002).

use super::{OrderRequest, SelfTrade, TimeInForce};
use crate::book::arena::{self, MarketRef};
use crate::book::orders;
use crate::epochs;
use crate::error::{EngineError, Result};
use crate::math;
use crate::position;
use crate::state::{Order, OrderSide, Seat, NIL};
use crate::units::{BaseLots, Ticks};
use crate::velocity::{self, Band, Reach};
use crate::Env;

/// Most resting orders that one order may touch.
pub const MATCH_STEPS_MAX: usize = 32;

/// What happens to one resting order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// Trades, and leaves the book if `removes`.
    Fill,
    /// Had expired: leaves the book.
    Expired,
    /// Reduce-only with nothing to reduce: leaves the book.
    NothingToReduce,
    /// Its seat is more epochs behind than a touch may walk: leaves the book, so that no seat blocks a side.
    SeatBehind,
    /// Of the same owner: shrinks by `lots`, and leaves the book if `removes`.
    SelfTrade,
}

/// One resting order that the plan touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanStep {
    pub kind: StepKind,
    pub removes: bool,
    /// The maker's seat must first catch up with its side's epoch.
    pub behind: bool,
    /// Block of the order and of its seat.
    pub order: u32,
    pub seat: u32,
    /// Lots traded or decremented.
    pub lots: u64,
    /// Ticks.
    pub price: u64,
    pub sequence: u64,
    /// Cash flow of the fill, quote atoms.
    pub quote: u64,
    /// Maker's fee, quote atoms.
    pub maker_fee: u64,
}

/// Why matching stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StopReason {
    /// Nothing left to fill.
    #[default]
    Filled,
    /// The best opposite order does not cross.
    NoCross,
    /// The bound of steps was reached while the book still crosses: a remainder may not rest.
    StepsExhausted,
    /// Met an order of the same owner under `CancelTaker`.
    SelfTrade,
    /// The next fill would print outside the short band on a volume that trips (spec §7).
    Band,
}

/// Steps in order of priority, and their sums.
#[derive(Clone, Debug)]
pub struct MatchPlan {
    steps: [PlanStep; MATCH_STEPS_MAX],
    len: usize,
    /// Lots asked for, after reduce-only clipping.
    pub lots: u64,
    pub filled_lots: u64,
    /// Quote atoms, exact.
    pub filled_quote: u64,
    /// Lots given up by decrement against the owner's own orders.
    pub decremented_lots: u64,
    /// Lots of the owner's own resting orders that leave the book.
    pub own_lots_removed: u64,
    /// Price at which a remainder rests, ticks.
    pub rest_price: u64,
    pub stop: StopReason,
}

impl Default for MatchPlan {
    fn default() -> Self {
        let step = PlanStep {
            kind: StepKind::Fill,
            removes: false,
            behind: false,
            order: NIL,
            seat: NIL,
            lots: 0,
            price: 0,
            sequence: 0,
            quote: 0,
            maker_fee: 0,
        };
        Self {
            steps: [step; MATCH_STEPS_MAX],
            len: 0,
            lots: 0,
            filled_lots: 0,
            filled_quote: 0,
            decremented_lots: 0,
            own_lots_removed: 0,
            rest_price: 0,
            stop: StopReason::Filled,
        }
    }
}

impl MatchPlan {
    /// All steps.
    pub fn steps(&self) -> &[PlanStep] {
        self.steps.get(..self.len).unwrap_or(&[])
    }

    /// The steps that trade.
    pub fn fills(&self) -> impl Iterator<Item = &PlanStep> {
        self.steps()
            .iter()
            .filter(|step| step.kind == StepKind::Fill)
    }

    /// Lots not filled, decremented or forbidden to rest.
    pub fn remaining(&self) -> u64 {
        match self.stop {
            StopReason::StepsExhausted | StopReason::SelfTrade => 0,
            StopReason::Filled | StopReason::NoCross | StopReason::Band => self.open(),
        }
    }

    /// Lots neither filled nor decremented.
    pub fn open(&self) -> u64 {
        self.lots
            .saturating_sub(self.filled_lots)
            .saturating_sub(self.decremented_lots)
    }

    /// Whether the order comes to rest whole, without matching: in a call.
    pub(super) fn rest_whole(&mut self, lots: u64, price: u64) {
        self.reset(lots, price);
        self.stop = StopReason::NoCross;
    }

    /// Orders of the taker's own seat that leave the book: expired ones too.
    pub(super) fn own_removed(&self, seat: u32) -> usize {
        let own = |step: &&PlanStep| step.seat == seat && step.removes;
        self.steps().iter().filter(own).count()
    }

    fn reset(&mut self, lots: u64, price: u64) {
        self.len = 0;
        self.lots = lots;
        self.filled_lots = 0;
        self.filled_quote = 0;
        self.decremented_lots = 0;
        self.own_lots_removed = 0;
        self.rest_price = price;
        self.stop = StopReason::Filled;
    }

    fn push(&mut self, step: PlanStep) -> Result<()> {
        *self.steps.get_mut(self.len).ok_or(EngineError::Overflow)? = step;
        self.len = self.len.saturating_add(1);
        Ok(())
    }
}

#[inline(always)]
fn crosses(side: OrderSide, limit: u64, resting: u64) -> bool {
    match side {
        OrderSide::Bid => resting <= limit,
        OrderSide::Ask => resting >= limit,
    }
}

/// How much is taken at a price, and from whom.
pub(crate) trait Taking {
    /// Whether orders of the same owner are kept apart.
    const PREVENTS_SELF_TRADE: bool;

    /// Whether the size depends on the price.
    const SIZES_BY_PRICE: bool;

    /// Lots that the whole order may come to, when the next fill would be at `price` ticks.
    fn lots_at(&mut self, plan: &MatchPlan, price: u64) -> Result<u64>;
}

/// A trader's order: as many lots as it asks for.
pub(super) struct Ordinary;

impl Taking for Ordinary {
    const PREVENTS_SELF_TRADE: bool = true;
    const SIZES_BY_PRICE: bool = false;

    #[inline(always)]
    fn lots_at(&mut self, plan: &MatchPlan, _price: u64) -> Result<u64> {
        Ok(plan.lots)
    }
}

/// Fills `plan` with what `request`, clipped to `lots`, would do.
#[inline(always)]
pub(crate) fn plan<T: Taking>(
    market: &MarketRef<'_>,
    taker: &Seat,
    request: &OrderRequest,
    lots: u64,
    taking: &mut T,
    env: &Env,
    plan: &mut MatchPlan,
) -> Result<()> {
    plan.reset(lots, request.price.0);
    let mut band = None;
    let steps_max = usize::from(request.steps_max).min(MATCH_STEPS_MAX);
    let mut cursor = orders::tree_of(market.header, request.side.opposite()).best;
    while plan.open() != 0 {
        if cursor == NIL {
            plan.stop = StopReason::NoCross;
            break;
        }
        let resting = arena::order(market.blocks, cursor)?;
        if !crosses(request.side, request.price.0, resting.price) {
            plan.stop = StopReason::NoCross;
            break;
        }
        if plan.len >= steps_max {
            plan.stop = StopReason::StepsExhausted;
            break;
        }
        if resting.expired(env.now) {
            plan.push(removal(StepKind::Expired, cursor, resting))?;
        } else if request.time_in_force.post_only() {
            post_only(request, resting, plan)?;
            break;
        } else {
            let maker = arena::seat(market.blocks, resting.seat)?;
            if T::PREVENTS_SELF_TRADE && maker.owner_tag == taker.owner_tag {
                if !self_trade(request.self_trade, taker, cursor, resting, maker, plan)? {
                    break;
                }
            } else {
                if T::SIZES_BY_PRICE {
                    plan.lots = taking.lots_at(plan, resting.price)?;
                    if plan.open() == 0 {
                        break;
                    }
                }
                let met = Met {
                    order: cursor,
                    resting,
                    maker,
                    limit: request.price.0,
                };
                if !fill(market, request.side, &met, &mut band, env, plan)? {
                    break;
                }
            }
        }
        cursor = resting.next;
    }
    if request.time_in_force == TimeInForce::FillOrKill && plan.filled_lots != plan.lots {
        return Err(EngineError::FillOrKillUnfilled);
    }
    Ok(())
}

fn removal(kind: StepKind, cursor: u32, resting: &Order) -> PlanStep {
    PlanStep {
        kind,
        removes: true,
        behind: false,
        order: cursor,
        seat: resting.seat,
        lots: resting.lots,
        price: resting.price,
        sequence: resting.sequence,
        quote: 0,
        maker_fee: 0,
    }
}

/// A post-only order that would cross is rejected, or slides one tick behind the order it met.
fn post_only(request: &OrderRequest, resting: &Order, plan: &mut MatchPlan) -> Result<()> {
    if request.time_in_force == TimeInForce::PostOnly {
        return Err(EngineError::PostOnlyWouldCross);
    }
    let price = match request.side {
        OrderSide::Bid => resting.price.saturating_sub(1),
        OrderSide::Ask => resting.price.saturating_add(1),
    };
    if price == 0 || price > crate::units::TICKS_MAX {
        return Err(EngineError::PriceOutOfRange);
    }
    plan.rest_price = price;
    plan.stop = StopReason::NoCross;
    Ok(())
}

/// False when the taker is to stop.
fn self_trade(
    mode: SelfTrade,
    taker: &Seat,
    cursor: u32,
    resting: &Order,
    maker: &Seat,
    plan: &mut MatchPlan,
) -> Result<bool> {
    let mut step = removal(StepKind::SelfTrade, cursor, resting);
    // A tag is eight bytes and could be ground: only the very same margin account may lose an order to
    // its own taker; another account under the same tag merely stops the taker (ADR 0009).
    let own = maker.owner == taker.owner;
    match mode {
        SelfTrade::CancelMaker if own => step.lots = resting.lots,
        SelfTrade::Decrement if own => {
            step.lots = plan.open().min(resting.lots);
            step.removes = step.lots == resting.lots;
            plan.decremented_lots = math::add(plan.decremented_lots, step.lots)?;
        }
        SelfTrade::CancelTaker | SelfTrade::CancelMaker | SelfTrade::Decrement => {
            plan.stop = StopReason::SelfTrade;
            return Ok(false);
        }
    }
    plan.own_lots_removed = math::add(plan.own_lots_removed, step.lots)?;
    plan.push(step)?;
    Ok(true)
}

/// A resting order that the taker meets, and its seat.
struct Met<'a> {
    order: u32,
    resting: &'a Order,
    maker: &'a Seat,
    /// The taker's limit, ticks.
    limit: u64,
}

/// False when the taker is to stop.
#[inline(always)]
fn fill(
    market: &MarketRef<'_>,
    side: OrderSide,
    met: &Met<'_>,
    band: &mut Option<Band>,
    env: &Env,
    plan: &mut MatchPlan,
) -> Result<bool> {
    let header = market.header;
    let (cursor, resting, maker) = (met.order, met.resting, met.maker);
    let mut lots = plan.open().min(resting.lots);
    let mut removes = lots == resting.lots;
    let behind = epochs::is_behind(header, maker);
    if behind && position::held(market, maker).is_err() {
        plan.push(removal(StepKind::SeatBehind, cursor, resting))?;
        return Ok(true);
    }
    if resting.reduce_only != 0 {
        let room = reducible_lots(market, side, resting.seat, maker, plan)?;
        if room == 0 {
            plan.push(removal(StepKind::NothingToReduce, cursor, resting))?;
            return Ok(true);
        }
        if room <= lots {
            lots = room;
            removes = true;
        }
    }
    let band = match band {
        Some(band) => band,
        None => band.insert(Band::for_order(header, env.now, resting.price, met.limit)?),
    };
    if !band.holds(resting.price) {
        let volume = plan.filled_lots.saturating_add(lots);
        match velocity::reach(header, volume, env.now) {
            Reach::Stops => {
                plan.stop = StopReason::Band;
                return Ok(false);
            }
            Reach::Prints => {}
            // No more looks for the rest of the order.
            Reach::Anywhere => *band = Band::ALL,
        }
    }
    let cash = header
        .params
        .lot_sizes()
        .fill_cash(BaseLots(lots), Ticks(resting.price))?
        .0;
    plan.filled_lots = math::add(plan.filled_lots, lots)?;
    plan.filled_quote = math::add(plan.filled_quote, cash)?;
    plan.push(PlanStep {
        kind: StepKind::Fill,
        removes,
        behind,
        order: cursor,
        seat: resting.seat,
        lots,
        price: resting.price,
        sequence: resting.sequence,
        quote: cash,
        maker_fee: math::mul_ppm_ceil(cash, u64::from(header.params.maker_fee_ppm))?,
    })?;
    Ok(true)
}

/// Whole lots that a reduce-only maker may still give up after the fills planned so far.
fn reducible_lots(
    market: &MarketRef<'_>,
    taker_side: OrderSide,
    seat: u32,
    maker: &Seat,
    plan: &MatchPlan,
) -> Result<u64> {
    let sizes = market.header.params.lot_sizes();
    let base = position::held(market, maker)?.base;
    let reduces = match taker_side {
        OrderSide::Bid => base > 0,
        OrderSide::Ask => base < 0,
    };
    if !reduces {
        return Ok(0);
    }
    let planned: u64 = plan
        .fills()
        .filter(|step| step.seat == seat)
        .map(|step| step.lots)
        .sum();
    Ok(sizes
        .lots_floor(base.unsigned_abs())
        .0
        .saturating_sub(planned))
}
