//! Attaching an order to the book and to its seat, and detaching it again.

use crate::book::arena::{self, MarketMut};
use crate::book::tree;
use crate::error::{EngineError, Result};
use crate::math;
use crate::state::{BlockKind, MarketHeader, Order, OrderSide, Seat, Tree, NIL};

/// What an order is when it comes to rest.
#[derive(Clone, Copy, Debug)]
pub struct NewOrder {
    pub seat: u32,
    pub side: OrderSide,
    pub price: u64,
    pub lots: u64,
    pub client_id: u64,
    pub expires_at: i64,
    pub reduce_only: bool,
    pub placed_at: i64,
    pub placed_slot: u64,
}

/// The tree of a side.
#[inline(always)]
pub fn tree_of(header: &MarketHeader, side: OrderSide) -> &Tree {
    match side {
        OrderSide::Bid => &header.bids,
        OrderSide::Ask => &header.asks,
    }
}

#[inline(always)]
fn tree_of_mut(header: &mut MarketHeader, side: OrderSide) -> &mut Tree {
    match side {
        OrderSide::Bid => &mut header.bids,
        OrderSide::Ask => &mut header.asks,
    }
}

/// Puts an order to rest: block, tree, the seat's list and totals. Returns its block. The caller has
/// checked the seat's slots, so the arena has a block for it (ADR 0001).
#[inline(never)]
pub fn attach(market: &mut MarketMut<'_>, new: &NewOrder) -> Result<u32> {
    let header = &mut *market.header;
    let blocks = &mut *market.blocks;
    let sequence = header
        .sequence
        .checked_add(1)
        .ok_or(EngineError::Overflow)?;
    let index = arena::allocate(&mut header.arena, blocks)?;
    let seat = arena::seat_mut(blocks, new.seat)?;
    let first = seat.first_order;
    seat.first_order = index;
    seat.orders = seat.orders.saturating_add(1);
    add_resting(seat, new.side, new.price, new.lots)?;
    if first != NIL {
        arena::order_mut(blocks, first)?.seat_prev = index;
    }
    let position = usize::try_from(index).map_err(|_| EngineError::Overflow)?;
    let block = blocks.get_mut(position).ok_or(EngineError::Overflow)?;
    block.kind = BlockKind::Order.byte();
    let order: &mut Order = block.view_mut().ok_or(EngineError::WrongOrder)?;
    order.side = new.side.byte();
    order.reduce_only = u8::from(new.reduce_only);
    order.seat = new.seat;
    order.seat_next = first;
    order.price = new.price;
    order.sequence = sequence;
    order.lots = new.lots;
    order.lots_placed = new.lots;
    order.client_id = new.client_id;
    order.expires_at = new.expires_at;
    order.placed_at = new.placed_at;
    order.placed_slot = new.placed_slot;
    header.sequence = sequence;
    header.arena.orders = header.arena.orders.saturating_add(1);
    tree::insert(blocks, tree_of_mut(header, new.side), index);
    Ok(index)
}

/// Takes an order off the book, its seat's list and totals, and frees its block.
#[inline(never)]
pub fn detach(market: &mut MarketMut<'_>, index: u32) -> Result<()> {
    let header = &mut *market.header;
    let blocks = &mut *market.blocks;
    let order = *arena::order(blocks, index)?;
    let side = OrderSide::from_byte(order.side)?;
    let seat = arena::seat_mut(blocks, order.seat)?;
    remove_resting(seat, side, order.lots)?;
    seat.orders = seat.orders.saturating_sub(1);
    if order.seat_prev == NIL {
        seat.first_order = order.seat_next;
    } else {
        arena::order_mut(blocks, order.seat_prev)?.seat_next = order.seat_next;
    }
    if order.seat_next != NIL {
        arena::order_mut(blocks, order.seat_next)?.seat_prev = order.seat_prev;
    }
    tree::remove(blocks, tree_of_mut(header, side), index);
    header.arena.orders = header.arena.orders.saturating_sub(1);
    arena::free(&mut header.arena, blocks, index)
}

/// Reduces a resting order that stays on the book.
pub fn shrink(market: &mut MarketMut<'_>, index: u32, lots: u64) -> Result<()> {
    let order = arena::order_mut(market.blocks, index)?;
    order.lots = math::sub(order.lots, lots)?;
    let (seat, side) = (order.seat, OrderSide::from_byte(order.side)?);
    remove_resting(arena::seat_mut(market.blocks, seat)?, side, lots)
}

/// Adds to the seat's resting totals. The extremes only widen until that side is empty (spec §5).
#[inline(always)]
pub fn add_resting(seat: &mut Seat, side: OrderSide, price: u64, lots: u64) -> Result<()> {
    match side {
        OrderSide::Bid => {
            seat.bid_lots = math::add(seat.bid_lots, lots)?;
            seat.bid_high = seat.bid_high.max(price);
        }
        OrderSide::Ask => {
            seat.ask_low = if seat.ask_lots == 0 {
                price
            } else {
                seat.ask_low.min(price)
            };
            seat.ask_lots = math::add(seat.ask_lots, lots)?;
        }
    }
    Ok(())
}

/// Takes from the seat's resting totals; an empty side forgets its extreme.
#[inline(always)]
pub fn remove_resting(seat: &mut Seat, side: OrderSide, lots: u64) -> Result<()> {
    match side {
        OrderSide::Bid => {
            seat.bid_lots = math::sub(seat.bid_lots, lots)?;
            if seat.bid_lots == 0 {
                seat.bid_high = 0;
            }
        }
        OrderSide::Ask => {
            seat.ask_lots = math::sub(seat.ask_lots, lots)?;
            if seat.ask_lots == 0 {
                seat.ask_low = 0;
            }
        }
    }
    Ok(())
}
