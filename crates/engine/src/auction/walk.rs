//! Finding the price: both sides are matched from their best, as if they traded, down to the last bid b and
//! the last ask a that do. Every price in [a, b] trades the most. What is left unmatched decides among them.
//!
//! Unmatched bids lie at b or under it, unmatched asks at a or over it, and the best of the ones lies under
//! the best of the others, or the two would have been matched. So X(p) = demand − supply is what is left of
//! bids at p and over, up to the best of them, then zero, then what is left of asks: of the whole curve only
//! its zero and the two levels beside it are looked at.

use super::{reference_ticks, Steps};
use crate::book::arena::{self, MarketRef};
use crate::book::orders;
use crate::epochs;
use crate::error::Result;
use crate::math;
use crate::position;
use crate::state::{AuctionStep, AuctionWalk, MarketHeader, Order, OrderSide, Seat, NIL};

/// The best orders of both sides come first.
pub(super) fn start(header: &MarketHeader) -> AuctionWalk {
    AuctionWalk {
        bid: orders::tree_of(header, OrderSide::Bid).best,
        ask: orders::tree_of(header, OrderSide::Ask).best,
        bid_left: 0,
        ask_left: 0,
        last_bid: 0,
        last_ask: 0,
        lots: 0,
    }
}

/// Lots with which an order takes part: none if it has expired by the end of the call or its seat is too many
/// epochs behind; of a reduce-only one what is left of the position after the seat's better orders, so that
/// what cannot trade moves no price.
#[inline(always)]
pub(super) fn taking_part(market: &MarketRef<'_>, order: &Order) -> Result<u64> {
    if order.expired(market.header.halt.call_ends_at) {
        return Ok(0);
    }
    let seat = arena::seat(market.blocks, order.seat)?;
    if order.reduce_only == 0 && !epochs::is_behind(market.header, seat) {
        return Ok(order.lots);
    }
    part_of_position(market, order, seat)
}

/// The same for a reduce-only order and for one whose seat is epochs behind.
#[inline(never)]
fn part_of_position(market: &MarketRef<'_>, order: &Order, seat: &Seat) -> Result<u64> {
    let Ok(held) = position::held(market, seat) else {
        return Ok(0);
    };
    if order.reduce_only == 0 {
        return Ok(order.lots);
    }
    let reduces = if order.side == OrderSide::Bid.byte() {
        held.base < 0
    } else {
        held.base > 0
    };
    if !reduces {
        return Ok(0);
    }
    let sizes = market.header.params.lot_sizes();
    let open = sizes.lots_floor(held.base.unsigned_abs()).0;
    let before = better_of_seat(market, seat, order)?;
    Ok(order.lots.min(open.saturating_sub(before)))
}

/// Lots of the seat's own orders that come before `order` on its side.
fn better_of_seat(market: &MarketRef<'_>, seat: &Seat, order: &Order) -> Result<u64> {
    let bid = order.side == OrderSide::Bid.byte();
    let (mut lots, mut cursor) = (0_u64, seat.first_order);
    while cursor != NIL {
        let other = arena::order(market.blocks, cursor)?;
        let better = if bid {
            other.price > order.price
        } else {
            other.price < order.price
        };
        let earlier = other.price == order.price && other.sequence < order.sequence;
        let trades = !other.expired(market.header.halt.call_ends_at);
        if other.side == order.side && (better || earlier) && trades {
            lots = lots.saturating_add(other.lots);
        }
        cursor = other.seat_next;
    }
    Ok(lots)
}

/// What a walk found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Steps were used up.
    Unfinished,
    NothingCrosses,
    /// Ticks.
    Price(u64),
}

/// The walk, resumable between steps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Finding {
    pub(super) walk: AuctionWalk,
    pub(super) step: AuctionStep,
    /// Ticks.
    pub(super) reference: u64,
}

impl Finding {
    pub(super) fn resume(header: &MarketHeader) -> Self {
        let step = if header.halt.step == AuctionStep::Levels.byte() {
            AuctionStep::Levels
        } else {
            AuctionStep::Matching
        };
        Self {
            walk: header.halt.walk,
            step,
            reference: reference_ticks(header, header.halt.reference).unwrap_or(1),
        }
    }

    pub(super) fn run(&mut self, market: &MarketRef<'_>, steps: &mut Steps) -> Result<Found> {
        if self.step == AuctionStep::Matching {
            if !self.matching(market, steps)? {
                return Ok(Found::Unfinished);
            }
            if self.walk.lots == 0 {
                return Ok(Found::NothingCrosses);
            }
            if let Some(price) = self.price_from_edges(market)? {
                return Ok(Found::Price(price));
            }
        }
        if !self.levels(market, steps)? {
            return Ok(Found::Unfinished);
        }
        Ok(Found::Price(self.price_from_levels()))
    }

    /// Matches both sides; false when steps are used up.
    fn matching(&mut self, market: &MarketRef<'_>, steps: &mut Steps) -> Result<bool> {
        // Copies, so that the loop runs in registers.
        let (mut walk, mut left) = (self.walk, *steps);
        let finished = loop {
            let bid = match ready(market, &mut walk.bid, &mut walk.bid_left, &mut left)? {
                Ready::Order(bid) => Some(bid),
                Ready::End => None,
                Ready::OutOfSteps => break false,
            };
            let ask = match ready(market, &mut walk.ask, &mut walk.ask_left, &mut left)? {
                Ready::Order(ask) => Some(ask),
                Ready::End => None,
                Ready::OutOfSteps => break false,
            };
            let (Some(bid), Some(ask)) = (bid, ask) else {
                break true;
            };
            if bid.price < ask.price {
                break true;
            }
            let lots = walk.bid_left.min(walk.ask_left);
            walk.lots = math::add(walk.lots, lots)?;
            (walk.last_bid, walk.last_ask) = (bid.price, ask.price);
            walk.bid_left = math::sub(walk.bid_left, lots)?;
            walk.ask_left = math::sub(walk.ask_left, lots)?;
            if walk.bid_left == 0 {
                walk.bid = bid.next;
            }
            if walk.ask_left == 0 {
                walk.ask = ask.next;
            }
        };
        (self.walk, *steps) = (walk, left);
        Ok(finished)
    }

    /// The price where the last matched orders or the plateau of X = 0 decide it. `None`: X changes sign
    /// between two neighbouring ticks, and their levels decide.
    fn price_from_edges(&mut self, market: &MarketRef<'_>) -> Result<Option<u64>> {
        let walk = &mut self.walk;
        let price_of = |index: u32| -> Result<Option<u64>> {
            if index == NIL {
                return Ok(None);
            }
            Ok(Some(arena::order(market.blocks, index)?.price))
        };
        let (next_bid, next_ask) = (price_of(walk.bid)?, price_of(walk.ask)?);
        // X(b) > 0, X(a) < 0.
        if next_bid == Some(walk.last_bid) {
            return Ok(Some(walk.last_bid));
        }
        if next_ask == Some(walk.last_ask) {
            return Ok(Some(walk.last_ask));
        }
        let above = next_bid.map_or(0, |bid| bid.saturating_add(1));
        let below = next_ask.map_or(u64::MAX, |ask| ask.saturating_sub(1));
        let (low, high) = (walk.last_ask.max(above), walk.last_bid.min(below));
        if low <= high {
            return Ok(Some(self.reference.clamp(low, high)));
        }
        let (bid, ask) = (walk.bid, walk.ask);
        (walk.last_bid, walk.last_ask) = (next_bid.unwrap_or(0), next_ask.unwrap_or(0));
        walk.bid = arena::order(market.blocks, bid)?.next;
        walk.ask = arena::order(market.blocks, ask)?.next;
        self.step = AuctionStep::Levels;
        Ok(None)
    }

    /// Sums what is left at the two prices; false when steps are used up.
    fn levels(&mut self, market: &MarketRef<'_>, steps: &mut Steps) -> Result<bool> {
        let walk = &mut self.walk;
        let bids = (&mut walk.bid, &mut walk.bid_left, walk.last_bid);
        let asks = (&mut walk.ask, &mut walk.ask_left, walk.last_ask);
        for (cursor, sum, price) in [bids, asks] {
            while *cursor != NIL {
                let order = arena::order(market.blocks, *cursor)?;
                if order.price != price {
                    *cursor = NIL;
                    break;
                }
                if !steps.take() {
                    return Ok(false);
                }
                *sum = sum.saturating_add(taking_part(market, order)?);
                *cursor = order.next;
            }
        }
        Ok(true)
    }

    fn price_from_levels(&self) -> u64 {
        let walk = &self.walk;
        match walk.bid_left.cmp(&walk.ask_left) {
            core::cmp::Ordering::Less => walk.last_bid,
            core::cmp::Ordering::Greater => walk.last_ask,
            core::cmp::Ordering::Equal => self.reference.clamp(walk.last_bid, walk.last_ask),
        }
    }
}

/// What comes next on a side.
enum Ready<'a> {
    Order(&'a Order),
    End,
    OutOfSteps,
}

/// Moves on to the next order that takes part, unless one is at hand.
#[inline(always)]
fn ready<'a>(
    market: &MarketRef<'a>,
    cursor: &mut u32,
    left: &mut u64,
    steps: &mut Steps,
) -> Result<Ready<'a>> {
    while *cursor != NIL {
        let order = arena::order(market.blocks, *cursor)?;
        if *left != 0 {
            return Ok(Ready::Order(order));
        }
        if !steps.take() {
            return Ok(Ready::OutOfSteps);
        }
        *left = taking_part(market, order)?;
        if *left != 0 {
            return Ok(Ready::Order(order));
        }
        *cursor = order.next;
    }
    Ok(Ready::End)
}
