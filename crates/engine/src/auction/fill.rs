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
use crate::state::{MarketHeader, MarketParams, Order, OrderSide, NIL};
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
    order: u32,
    side: OrderSide,
    /// Lots with which it still takes part.
    left: u64,
    taken: u64,
    /// Of the taken lots, those that met a liquidation.
    against_liquidation: u64,
    liquidation: bool,
}

/// Outcome of a look at the front of a side.
enum Next {
    Front(Front),
    OutOfSteps,
    Exhausted,
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
    let mut bid: Option<Front> = None;
    let mut ask: Option<Front> = None;
    let mut over = true;
    while market.header.halt.walk.lots != 0 {
        let (Some(mut buyer), Some(mut seller)) = (bid, ask) else {
            let missing = if bid.is_none() {
                OrderSide::Bid
            } else {
                OrderSide::Ask
            };
            match front(market, missing, price, steps)? {
                Next::Front(front) if bid.is_none() => bid = Some(front),
                Next::Front(front) => ask = Some(front),
                Next::OutOfSteps => {
                    over = false;
                    break;
                }
                Next::Exhausted => break,
            }
            continue;
        };
        let lots = buyer
            .left
            .min(seller.left)
            .min(market.header.halt.walk.lots);
        let capped = near_cap(market.header, lots)?;
        if capped {
            if let Some(dropped) = over_cap(market, &buyer, &seller, lots)? {
                // Nothing of it is pending: under the cap's shadow every pair is settled at once.
                orders::detach(market, dropped)?;
                bid = bid.filter(|front| front.order != dropped);
                ask = ask.filter(|front| front.order != dropped);
                continue;
            }
        }
        buyer.take(lots, seller.liquidation);
        seller.take(lots, buyer.liquidation);
        let left = math::sub(market.header.halt.walk.lots, lots)?;
        market.header.halt.walk.lots = left;
        bid = keep(market, buyer, price, capped, env, filled)?;
        ask = keep(market, seller, price, capped, env, filled)?;
    }
    for front in [bid, ask].into_iter().flatten() {
        settle(market, &front, price, env, filled)?;
    }
    let lots = before.saturating_sub(market.header.halt.walk.lots);
    record(market.header, price, lots, env)?;
    Ok((lots, over))
}

impl Front {
    fn take(&mut self, lots: u64, against_liquidation: bool) {
        self.left = self.left.saturating_sub(lots);
        self.taken = self.taken.saturating_add(lots);
        if against_liquidation {
            self.against_liquidation = self.against_liquidation.saturating_add(lots);
        }
    }
}

/// The front stays at hand while it has lots left and nothing forces it to be settled.
fn keep(
    market: &mut MarketMut<'_>,
    mut front: Front,
    price: u64,
    at_once: bool,
    env: &Env,
    filled: &mut impl FnMut(&AuctionFill),
) -> Result<Option<Front>> {
    if front.left != 0 && !at_once {
        return Ok(Some(front));
    }
    settle(market, &front, price, env, filled)?;
    front.taken = 0;
    front.against_liquidation = 0;
    Ok((front.left != 0).then_some(front))
}

/// The next order of a side that trades at the price; those that take no part leave the book.
fn front(
    market: &mut MarketMut<'_>,
    side: OrderSide,
    price: u64,
    steps: &mut Steps,
) -> Result<Next> {
    loop {
        let best = orders::tree_of(market.header, side).best;
        if best == NIL {
            return Ok(Next::Exhausted);
        }
        let order = arena::order(market.blocks, best)?;
        let trades = match side {
            OrderSide::Bid => order.price >= price,
            OrderSide::Ask => order.price <= price,
        };
        if !trades {
            return Ok(Next::Exhausted);
        }
        if !steps.take() {
            return Ok(Next::OutOfSteps);
        }
        let left = taking_part(&market.as_ref(), order)?;
        if left != 0 {
            return Ok(Next::Front(Front {
                order: best,
                side,
                left,
                taken: 0,
                against_liquidation: 0,
                liquidation: order.liquidation != 0,
            }));
        }
        orders::detach(market, best)?;
    }
}

/// Settles what a front has taken: its seat, its order, its fee.
fn settle(
    market: &mut MarketMut<'_>,
    front: &Front,
    price: u64,
    env: &Env,
    filled: &mut impl FnMut(&AuctionFill),
) -> Result<()> {
    if front.taken == 0 {
        return Ok(());
    }
    let order = *arena::order(market.blocks, front.order)?;
    let params = &market.header.params;
    let sizes = params.lot_sizes();
    let cash = sizes.fill_cash(BaseLots(front.taken), Ticks(price))?.0;
    let base = sizes.base_atoms(BaseLots(front.taken))?;
    let fees = Fees::of(params, &order, front, cash, base)?;
    let fill = SeatFill {
        side: front.side,
        base,
        cash,
        fee: fees.all,
    };
    if epochs::is_behind(market.header, arena::seat(market.blocks, order.seat)?) {
        epochs::catch_up(market, order.seat)?;
    }
    let mark = PriceQ32(market.header.prices.mark);
    let seat = arena::seat_mut(market.blocks, order.seat)?;
    position::fill(seat, &mut market.header.sides, &fill, mark, env.now)?;
    if front.left == 0 {
        orders::detach(market, front.order)?;
    } else {
        orders::shrink(market, front.order, front.taken)?;
    }
    fees.book(market.header)?;
    let header = &mut *market.header;
    if front.side == OrderSide::Bid {
        let volume = math::join_unsigned(header.cash.volume).saturating_add(u128::from(cash));
        header.cash.volume = math::split_unsigned(volume);
    }
    header.cash.fills_total = header.cash.fills_total.saturating_add(1);
    filled(&AuctionFill {
        order: front.order,
        sequence: order.sequence,
        seat: order.seat,
        side: front.side,
        lots: front.taken,
        quote: cash,
        fee: fees.all,
        liquidation: front.liquidation,
    });
    Ok(())
}

/// What an order is charged, and whose it is. Traders pay the maker's fee, a liquidation what it would pay in
/// the book. Of a liquidation's lots nothing goes to the treasury, of the other side's fee neither (INV-9).
#[derive(Clone, Copy, Debug)]
struct Fees {
    all: u64,
    /// Of them, those of liquidated lots, and the contribution in those.
    liquidation: u64,
    contribution: u64,
}

impl Fees {
    fn of(
        params: &MarketParams,
        order: &Order,
        front: &Front,
        cash: u64,
        base: u64,
    ) -> Result<Self> {
        if front.liquidation {
            let charge = if order.liquidation == super::interest::PER_ATOM {
                Charge::PerAtom(order.charge_per_atom)
            } else {
                Charge::rate(params)
            };
            let (all, contribution) = charge.of(cash, base)?;
            return Ok(Self {
                all,
                liquidation: all,
                contribution,
            });
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

/// Whether a fill of that size could bring open interest over the market's cap.
fn near_cap(header: &MarketHeader, lots: u64) -> Result<bool> {
    // What is pending of both fronts has not reached the sides yet: all that is left counts.
    let left = header.halt.walk.lots.max(lots);
    let size = header.params.lot_sizes().base_atoms(BaseLots(left));
    let most = size.and_then(|size| math::add(header.open_interest(), size));
    Ok(most.map_or(true, |most| most > header.params.open_interest_max))
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
    let rise = |front: &Front| -> Result<(i64, u64)> {
        let order = arena::order(view.blocks, front.order)?;
        let seat = arena::seat(view.blocks, order.seat)?;
        let base = position::held(&view, seat)?.base;
        Ok((longs_rise(front.side, base, size)?, order.sequence))
    };
    let ((bought, bid), (sold, ask)) = (rise(buyer)?, rise(seller)?);
    let rise = math::add_signed(bought, sold)?;
    let after = market.header.open_interest().saturating_add_signed(rise);
    if rise <= 0 || after <= header {
        return Ok(None);
    }
    Ok(Some(if bid > ask { buyer.order } else { seller.order }))
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
