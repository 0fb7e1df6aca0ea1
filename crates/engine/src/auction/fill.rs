//! Filling the cross at the fixed price: the best bid against the best ask, lot by lot, each order settled
//! once for all that it got in a call.

use super::walk::taking_part;
use super::Steps;
use crate::book::arena::{self, MarketMut};
use crate::book::orders;
use crate::epochs;
use crate::error::Result;
use crate::liquidation::Charge;
use crate::math;
use crate::place::{book_fees, longs_rise, FeesTo};
use crate::position::{self, SeatFill};
use crate::state::{MarketHeader, MarketParams, OrderSide, NIL};
use crate::units::{BaseLots, PriceQ32, Ticks};
use crate::Env;

/// What one order got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuctionFill {
    pub order: u32,
    pub sequence: u64,
    pub seat: u32,
    pub side: OrderSide,
    pub lots: u64,
    /// Cash flow, quote atoms.
    pub quote: u64,
    /// Fee, or of a liquidation its whole charge, quote atoms.
    pub fee: u64,
    pub liquidation: bool,
}

/// An order at the front of its side.
#[derive(Clone, Copy, Debug)]
struct Front {
    /// [`NIL`]: none is at hand.
    order: u32,
    seat: u32,
    /// As in [`crate::state::Order`].
    liquidation: u32,
    sequence: u64,
    charge_per_atom: u64,
    /// Lots with which it still takes part.
    left: u64,
    taken: u64,
    /// Of the taken lots, those that met a liquidation.
    against_liquidation: u64,
}

impl Front {
    const NONE: Self = Self {
        order: NIL,
        seat: NIL,
        liquidation: 0,
        sequence: 0,
        charge_per_atom: 0,
        left: 0,
        taken: 0,
        against_liquidation: 0,
    };

    #[inline(always)]
    fn take(&mut self, lots: u64, against_liquidation: bool) {
        self.left = self.left.saturating_sub(lots);
        self.taken = self.taken.saturating_add(lots);
        if against_liquidation {
            self.against_liquidation = self.against_liquidation.saturating_add(lots);
        }
    }
}

/// Outcome of a look at the front of a side.
#[derive(PartialEq, Eq)]
enum Next {
    Front,
    OutOfSteps,
    Exhausted,
}

/// Base atoms, far more than rounding adds to open interest in a call: two an order that is settled.
const ROUNDING_MAX: u64 = 1 << 20;

/// One call's work: what does not change while it fills, and what is written once at its end.
struct Filling<'m, 'a, F> {
    market: &'m mut MarketMut<'a>,
    filled: &'m mut F,
    /// Ticks.
    price: u64,
    /// Quote atoms of a lot at the price.
    cash_per_lot: u64,
    mark: PriceQ32,
    now: i64,
    /// Lots still to be filled on each side.
    lots: u64,
    /// No pair of this call can come near the cap: what a fill adds to a side it takes off what is left, but for
    /// [`ROUNDING_MAX`].
    far_from_cap: bool,
    fees: Fees,
    fills: u64,
}

/// Fills until the matched lots are used up; (lots, whether the auction is over).
pub(super) fn run(
    market: &mut MarketMut<'_>,
    steps: &mut Steps,
    env: &Env,
    filled: &mut impl FnMut(&AuctionFill),
) -> Result<(u64, bool)> {
    let price = market.header.halt.auction_price;
    let before = market.header.halt.walk.lots;
    let sizes = market.header.params.lot_sizes();
    let mut filling = Filling {
        price,
        cash_per_lot: sizes.fill_cash(BaseLots(1), Ticks(price))?.0,
        mark: PriceQ32(market.header.prices.mark),
        now: env.now,
        lots: before,
        far_from_cap: !near_cap(market.header, before, ROUNDING_MAX),
        fees: Fees::default(),
        fills: 0,
        market,
        filled,
    };
    let over = filling.pairs(steps)?;
    let Filling {
        lots,
        fees,
        fills,
        cash_per_lot,
        ..
    } = filling;
    let done = before.saturating_sub(lots);
    let header = &mut *market.header;
    header.halt.walk.lots = lots;
    fees.book(header)?;
    // Each lot was bought once.
    let volume = math::join_unsigned(header.cash.volume);
    let volume = volume.saturating_add(math::wide(done, cash_per_lot));
    header.cash.volume = math::split_unsigned(volume);
    header.cash.fills_total = header.cash.fills_total.saturating_add(fills);
    record(header, price, done, env)?;
    Ok((done, over))
}

impl<F: FnMut(&AuctionFill)> Filling<'_, '_, F> {
    /// Pair by pair; false when steps are used up.
    fn pairs(&mut self, steps: &mut Steps) -> Result<bool> {
        let (mut bid, mut ask) = (Front::NONE, Front::NONE);
        let mut over = true;
        while self.lots != 0 {
            if bid.order == NIL || ask.order == NIL {
                let next = if bid.order == NIL {
                    self.front(OrderSide::Bid, &mut bid, steps)?
                } else {
                    self.front(OrderSide::Ask, &mut ask, steps)?
                };
                if next == Next::Front {
                    continue;
                }
                over = next == Next::Exhausted;
                break;
            }
            let lots = bid.left.min(ask.left).min(self.lots);
            let capped = !self.far_from_cap && near_cap(self.market.header, self.lots, 0);
            if capped {
                if let Some(dropped) = over_cap(self.market, &bid, &ask, lots)? {
                    // Nothing of it is pending: under the cap's shadow every pair is settled at once.
                    orders::detach(self.market, dropped)?;
                    let gone = if bid.order == dropped {
                        &mut bid
                    } else {
                        &mut ask
                    };
                    gone.order = NIL;
                    continue;
                }
            }
            bid.take(lots, ask.liquidation != 0);
            ask.take(lots, bid.liquidation != 0);
            self.lots = math::sub(self.lots, lots)?;
            // A front stays at hand while it has lots left and nothing forces it to be settled.
            if bid.left == 0 || capped {
                self.settle_bid(&mut bid)?;
            }
            if ask.left == 0 || capped {
                self.settle_ask(&mut ask)?;
            }
        }
        if bid.order != NIL && bid.taken != 0 {
            self.settle_bid(&mut bid)?;
        }
        if ask.order != NIL && ask.taken != 0 {
            self.settle_ask(&mut ask)?;
        }
        Ok(over)
    }

    /// The next order of a side that trades at the price; those that take no part leave the book.
    #[inline(never)]
    fn front(&mut self, side: OrderSide, front: &mut Front, steps: &mut Steps) -> Result<Next> {
        loop {
            let best = orders::tree_of(self.market.header, side).best;
            if best == NIL {
                return Ok(Next::Exhausted);
            }
            let order = arena::order(self.market.blocks, best)?;
            let trades = match side {
                OrderSide::Bid => order.price >= self.price,
                OrderSide::Ask => order.price <= self.price,
            };
            if !trades {
                return Ok(Next::Exhausted);
            }
            if !steps.take() {
                return Ok(Next::OutOfSteps);
            }
            let left = taking_part(&self.market.as_ref(), order)?;
            if left != 0 {
                *front = Front {
                    order: best,
                    seat: order.seat,
                    liquidation: order.liquidation,
                    sequence: order.sequence,
                    charge_per_atom: order.charge_per_atom,
                    left,
                    taken: 0,
                    against_liquidation: 0,
                };
                return Ok(Next::Front);
            }
            orders::detach(self.market, best)?;
        }
    }

    #[inline(never)]
    fn settle_bid(&mut self, front: &mut Front) -> Result<()> {
        self.settle(OrderSide::Bid, front)
    }

    #[inline(never)]
    fn settle_ask(&mut self, front: &mut Front) -> Result<()> {
        self.settle(OrderSide::Ask, front)
    }

    /// Settles what a front has taken: its seat, its order, its fee. One without lots left is no front any more.
    /// Each side has its own code: what is bought and what is sold differ in most of it.
    #[inline(always)]
    fn settle(&mut self, side: OrderSide, front: &mut Front) -> Result<()> {
        let market = &mut *self.market;
        let params = &market.header.params;
        let cash = math::mul(front.taken, self.cash_per_lot)?;
        let base = math::mul(front.taken, params.base_atoms_per_lot)?;
        let fees = Fees::of(params, front, cash, base)?;
        let fill = SeatFill {
            side,
            base,
            cash,
            fee: fees.all,
        };
        epochs::catch_up(market, front.seat)?;
        let seat = arena::seat_mut(market.blocks, front.seat)?;
        position::fill_inlined(seat, &mut market.header.sides, &fill, self.mark, self.now)?;
        self.fees.add(&fees)?;
        // Cannot wrap: an order a step, of which a call has few.
        self.fills = self.fills.wrapping_add(1);
        (self.filled)(&AuctionFill {
            order: front.order,
            sequence: front.sequence,
            seat: front.seat,
            side,
            lots: front.taken,
            quote: cash,
            fee: fees.all,
            liquidation: front.liquidation != 0,
        });
        if front.left != 0 {
            orders::shrink(market, front.order, front.taken)?;
            front.taken = 0;
            front.against_liquidation = 0;
            return Ok(());
        }
        let order = front.order;
        front.order = NIL;
        orders::detach(market, order)
    }
}

/// What an order is charged, and whose it is. Traders pay the maker's fee, a liquidation what it would pay in
/// the book. Of a liquidation's lots nothing goes to the treasury, of the other side's fee neither (INV-9).
#[derive(Clone, Copy, Debug, Default)]
struct Fees {
    all: u64,
    /// Of them, those of liquidated lots, and the contribution in those.
    liquidation: u64,
    contribution: u64,
}

impl Fees {
    #[inline(always)]
    fn of(params: &MarketParams, front: &Front, cash: u64, base: u64) -> Result<Self> {
        if front.liquidation != 0 {
            return Self::of_liquidation(params, front, cash, base);
        }
        let all = math::mul_ppm_ceil(cash, u64::from(params.maker_fee_ppm))?;
        let liquidation = if front.against_liquidation == 0 {
            0
        } else {
            math::mul_div_ceil(all, front.against_liquidation, front.taken)?
        };
        Ok(Self {
            all,
            liquidation,
            contribution: 0,
        })
    }

    #[cold]
    #[inline(never)]
    fn of_liquidation(params: &MarketParams, front: &Front, cash: u64, base: u64) -> Result<Self> {
        let charge = if front.liquidation == super::interest::PER_ATOM {
            Charge::PerAtom(front.charge_per_atom)
        } else {
            Charge::rate(params)
        };
        let (all, contribution) = charge.of(cash, base)?;
        Ok(Self {
            all,
            liquidation: all,
            contribution,
        })
    }

    #[inline(always)]
    fn add(&mut self, other: &Self) -> Result<()> {
        self.all = math::add(self.all, other.all)?;
        if other.liquidation != 0 {
            self.liquidation = math::add(self.liquidation, other.liquidation)?;
            self.contribution = math::add(self.contribution, other.contribution)?;
        }
        Ok(())
    }

    fn book(&self, header: &mut MarketHeader) -> Result<()> {
        let cash = &mut header.cash;
        let contribution = self.contribution;
        book_fees(cash, self.liquidation, FeesTo::Liquidation { contribution })?;
        let ordinary = math::sub(self.all, self.liquidation)?;
        book_fees(cash, ordinary, FeesTo::Exchange)?;
        cash.fees_total = cash.fees_total.saturating_add(self.all);
        Ok(())
    }
}

/// Whether filling `lots` and `more` base atoms could bring open interest over the market's cap.
fn near_cap(header: &MarketHeader, lots: u64, more: u64) -> bool {
    // What is pending of both fronts has not reached the sides yet: all that is left counts.
    let size = header.params.lot_sizes().base_atoms(BaseLots(lots));
    let most = size
        .and_then(|size| math::add(size, more))
        .and_then(|size| math::add(header.open_interest(), size));
    most.map_or(true, |most| most > header.params.open_interest_max)
}

/// The order that leaves the book because the pair would bring open interest over its cap: the younger one.
#[inline(never)]
fn over_cap(
    market: &MarketMut<'_>,
    buyer: &Front,
    seller: &Front,
    lots: u64,
) -> Result<Option<u32>> {
    let view = market.as_ref();
    let header = market.header.params.open_interest_max;
    let size = market
        .header
        .params
        .lot_sizes()
        .base_atoms(BaseLots(lots))?;
    let rise = |side: OrderSide, front: &Front| -> Result<i64> {
        let seat = arena::seat(view.blocks, front.seat)?;
        longs_rise(side, position::held(&view, seat)?.base, size)
    };
    let (bought, sold) = (rise(OrderSide::Bid, buyer)?, rise(OrderSide::Ask, seller)?);
    let rise = math::add_signed(bought, sold)?;
    let after = market.header.open_interest().saturating_add_signed(rise);
    if rise <= 0 || after <= header {
        return Ok(None);
    }
    let younger_bid = buyer.sequence > seller.sequence;
    Ok(Some(if younger_bid {
        buyer.order
    } else {
        seller.order
    }))
}

/// The print.
fn record(header: &mut MarketHeader, price: u64, lots: u64, env: &Env) -> Result<()> {
    if lots == 0 {
        return Ok(());
    }
    header.prices.last_trade = header.params.lot_sizes().price_floor(Ticks(price))?.0;
    header.prices.last_trade_ticks = price;
    header.prices.last_trade_time = env.now;
    Ok(())
}
