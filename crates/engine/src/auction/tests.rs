//! The auction against brute force over every tick, its fills against a plain list, and what must hold of a
//! market whatever an auction did to it.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::book::arena;
use crate::book::orders;
use crate::error::EngineError;
use crate::halt::Cause;
use crate::params::MarketParams;
use crate::place::{OrderRequest, Placed, TimeInForce};
use crate::seats::tests::{ask, bid, params, Desk, MARK};
use crate::state::{Block, BlockKind, Order, OrderSide, Seat, NIL};
use crate::units::LOTS_MAX;

mod attacks;
mod brute;
mod examples;
mod fills;
mod interest;
mod limits;
mod reducing;

const RICH: u64 = 1 << 40;

fn halting() -> MarketParams {
    MarketParams {
        halt_budget_ppm: 250_000,
        ..params()
    }
}

/// A market and so many rich accounts with seats of eight slots.
fn pit_with(params: &MarketParams, accounts: u8) -> Desk {
    let mut desk = Desk::with(&[*params], 240);
    for owner in 1..=accounts {
        desk.join(owner, RICH);
    }
    desk
}

/// The same, in the call of its first halt.
fn calling(accounts: u8) -> Desk {
    let mut desk = pit_with(&halting(), accounts);
    trip(&mut desk);
    desk
}

fn trip(desk: &mut Desk) {
    let env = desk.env;
    let trip = halt::trip(&mut desk.markets[0].header, Cause::Index, &env);
    assert!(trip.halted);
}

/// The call is over and the book has stood still.
fn end_call(desk: &mut Desk) {
    desk.env.now = desk.markets[0].header.halt.call_ends_at;
    desk.env.slot += 10;
}

fn phase(desk: &Desk) -> HaltPhase {
    halt::phase(&desk.markets[0].header, desk.env.now)
}

fn view(desk: &Desk) -> MarketRef<'_> {
    MarketRef {
        header: &desk.markets[0].header,
        blocks: &desk.markets[0].blocks,
    }
}

fn indicative_of(desk: &Desk) -> Option<(u64, u64)> {
    indicative(&view(desk)).unwrap()
}

/// What an auction did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Auction {
    fixed: Option<Fixed>,
    fills: Vec<AuctionFill>,
    filled_lots: u64,
    calls: usize,
}

impl Auction {
    /// Lots of each order, by sequence.
    fn by_order(&self) -> BTreeMap<u64, u64> {
        let mut lots = BTreeMap::new();
        for fill in &self.fills {
            *lots.entry(fill.sequence).or_default() += fill.lots;
        }
        lots
    }

    fn lots_of(&self, placed: &Placed) -> u64 {
        let found = self.by_order().get(&placed.sequence).copied();
        found.unwrap_or(0)
    }
}

fn step(desk: &mut Desk, steps_max: u16, auction: &mut Auction) -> Advanced {
    let env = desk.env;
    let mut note = |fill: &AuctionFill| auction.fills.push(*fill);
    let done = advance(&mut desk.markets[0].get(), steps_max, &env, &mut note).unwrap();
    auction.calls += 1;
    auction.filled_lots += done.filled_lots;
    auction.fixed = auction.fixed.or(done.fixed);
    done
}

/// Calls until the auction is over.
fn run(desk: &mut Desk, steps_max: u16) -> Auction {
    let mut auction = Auction::default();
    while !step(desk, steps_max, &mut auction).resolved {
        assert!(auction.calls < 2_000, "the auction does not end");
    }
    auction
}

/// The call ends and the auction runs in one go.
fn uncross(desk: &mut Desk) -> Auction {
    end_call(desk);
    run(desk, AUCTION_STEPS_MAX)
}

/// Time passes until the market trades again.
fn reopen(desk: &mut Desk) {
    desk.env.now += i64::from(halt::UNCROSS_SECONDS_MAX) + 20;
    let env = desk.env;
    halt::catch_up(&mut desk.markets[0].header, &env).unwrap();
    desk.mark(0, MARK);
}

/// An order that a test would like to rest.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    account: usize,
    bid: bool,
    ticks: u64,
    lots: u64,
    reduce_only: bool,
    /// Seconds that it lives; zero: for ever.
    lives: i64,
}

/// An order that rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rests {
    account: usize,
    sequence: u64,
    bid: bool,
    ticks: u64,
    lots: u64,
    reduce_only: bool,
    expires_at: i64,
}

fn request_of(wanted: &Wanted, now: i64) -> OrderRequest {
    let request = if wanted.bid {
        bid(wanted.ticks, wanted.lots)
    } else {
        ask(wanted.ticks, wanted.lots)
    };
    OrderRequest {
        reduce_only: wanted.reduce_only,
        expires_at: if wanted.lives == 0 {
            0
        } else {
            now + wanted.lives
        },
        ..request
    }
}

/// Places what the call admits of `wanted`.
fn rest_all(desk: &mut Desk, wanted: &[Wanted]) -> Vec<Rests> {
    let mut rests = Vec::new();
    for wanted in wanted {
        let request = request_of(wanted, desk.env.now);
        let placed = match desk.place(wanted.account, 0, &request) {
            Ok(placed) => placed,
            Err(
                EngineError::OwnOrdersWouldCross
                | EngineError::OrderSlotsFull
                | EngineError::ReduceOnlyWouldNotReduce,
            ) => continue,
            Err(error) => panic!("{wanted:?}: {error}"),
        };
        assert_eq!(placed.filled_lots, 0, "nothing matches in a call");
        rests.push(Rests {
            account: wanted.account,
            sequence: placed.sequence,
            bid: wanted.bid,
            ticks: placed.price,
            lots: placed.resting_lots,
            reduce_only: wanted.reduce_only,
            expires_at: request.expires_at,
        });
    }
    rests
}

/// A side of the book in priority, each order with the lots that take part: none once it has expired by the
/// end of the call, of a reduce-only one what the account's better orders leave of its position.
fn taking_part(rests: &[Rests], bid: bool, positions: &[i64], ends_at: i64) -> Vec<(Rests, u64)> {
    let mut side: Vec<Rests> = rests.iter().filter(|r| r.bid == bid).copied().collect();
    side.sort_by_key(|r| (if bid { u64::MAX - r.ticks } else { r.ticks }, r.sequence));
    let held = |position: &i64| if bid { -position } else { *position }.max(0) as u64;
    let mut left: Vec<u64> = positions.iter().map(held).collect();
    let mut parts = Vec::new();
    for order in side {
        let left = &mut left[order.account];
        let expired = order.expires_at != 0 && order.expires_at <= ends_at;
        let lots = match (expired, order.reduce_only) {
            (true, _) => 0,
            (false, true) => order.lots.min(*left),
            (false, false) => order.lots,
        };
        *left = left.saturating_sub(lots);
        parts.push((order, lots));
    }
    parts
}

/// Price and lots by brute force over every tick: the most that can trade, of those prices the least that is
/// left over, then the side of it, then the reference.
fn brute_force(bids: &[(Rests, u64)], asks: &[(Rests, u64)], reference: u64) -> Option<(u64, u64)> {
    let prices = || bids.iter().chain(asks).map(|(order, _)| order.ticks);
    let (lowest, highest) = (prices().min()?, prices().max()?);
    let demand = |p: u64| sum(bids, |order| order.ticks >= p);
    let supply = |p: u64| sum(asks, |order| order.ticks <= p);
    let curve: Vec<(u64, i128, i128)> = (lowest.saturating_sub(1).max(1)..=highest + 1)
        .map(|p| (p, demand(p).min(supply(p)), demand(p) - supply(p)))
        .collect();
    let most = curve.iter().map(|(_, lots, _)| *lots).max()?;
    if most == 0 {
        return None;
    }
    let trading = || curve.iter().filter(|(_, lots, _)| *lots == most);
    let least = trading().map(|(_, _, left)| left.abs()).min()?;
    let best = || trading().filter(|(_, _, left)| left.abs() == least);
    let buyers = best().filter(|(_, _, left)| *left > 0).map(|(p, _, _)| *p);
    let sellers = best().filter(|(_, _, left)| *left < 0).map(|(p, _, _)| *p);
    let candidates: Vec<u64> = if least == 0 {
        best().map(|(p, _, _)| *p).collect()
    } else {
        buyers.max().into_iter().chain(sellers.min()).collect()
    };
    let price = candidates
        .into_iter()
        .min_by_key(|p| p.abs_diff(reference))?;
    Some((price, most as u64))
}

fn sum(side: &[(Rests, u64)], trades: impl Fn(&Rests) -> bool) -> i128 {
    let lots = side.iter().filter(|(order, _)| trades(order));
    lots.map(|(_, lots)| i128::from(*lots)).sum()
}

/// Both sides as they take part, by the model.
fn sides(desk: &Desk, rests: &[Rests], positions: &[i64]) -> [Vec<(Rests, u64)>; 2] {
    let ends_at = desk.markets[0].header.halt.call_ends_at;
    [true, false].map(|bid| taking_part(rests, bid, positions, ends_at))
}

/// Every order in its place: both trees threaded in priority, the seats' lists and totals, the arena's count.
fn audit(desk: &Desk) {
    let market = view(desk);
    let mut seen = BTreeSet::new();
    let mut totals: BTreeMap<u32, (u64, u64, u8)> = BTreeMap::new();
    for side in [OrderSide::Bid, OrderSide::Ask] {
        let tree = orders::tree_of(market.header, side);
        let (mut cursor, mut before, mut count) = (tree.best, NIL, 0);
        let mut rank = (0, 0);
        while cursor != NIL {
            let order = arena::order(market.blocks, cursor).unwrap();
            let key = match side {
                OrderSide::Bid => u64::MAX - order.price,
                OrderSide::Ask => order.price,
            };
            assert_eq!((order.side, order.prev), (side.byte(), before));
            assert!(
                (key, order.sequence) > rank && order.lots != 0,
                "priority and size of block {cursor}"
            );
            rank = (key, order.sequence);
            let entry = totals.entry(order.seat).or_default();
            match side {
                OrderSide::Bid => entry.0 += order.lots,
                OrderSide::Ask => entry.1 += order.lots,
            }
            entry.2 += 1;
            assert!(seen.insert(cursor));
            count += 1;
            (before, cursor) = (cursor, order.next);
        }
        assert_eq!(tree.orders, count);
    }
    assert_eq!(market.header.arena.orders as usize, seen.len());
    let (mut seats, mut orders) = (0, 0);
    for index in 1..market.header.arena.fresh {
        let block = &market.blocks[index as usize];
        orders += u32::from(block.kind == BlockKind::Order.byte());
        if block.kind != BlockKind::Seat.byte() {
            continue;
        }
        seats += 1;
        let seat = arena::seat(market.blocks, index).unwrap();
        let expected = totals.remove(&index).unwrap_or_default();
        assert_eq!((seat.bid_lots, seat.ask_lots, seat.orders), expected);
        let (mut cursor, mut listed) = (seat.first_order, 0);
        while cursor != NIL {
            assert!(seen.contains(&cursor));
            listed += 1;
            cursor = arena::order(market.blocks, cursor).unwrap().seat_next;
        }
        assert_eq!(listed, seat.orders);
    }
    assert!(totals.is_empty(), "orders of no seat");
    assert_eq!(market.header.arena.seats, seats);
    assert_eq!(market.header.arena.orders, orders);
}

/// Σ claims + all fees accrued − pool: zero as long as bases are whole and no loss was shared (INV-3).
fn unbacked(desk: &Desk) -> i128 {
    let cash = &desk.markets[0].header.cash;
    let fees = [
        cash.fees_accrued,
        cash.liquidation_fees_accrued,
        cash.contributions_accrued,
    ];
    let claims: i128 = (0..desk.accounts.len())
        .map(|account| i128::from(desk.held(account, 0).quote))
        .sum();
    let fees: i128 = fees.iter().map(|part| i128::from(*part)).sum();
    claims + fees - i128::from(cash.pool)
}

fn resting(desk: &Desk) -> Vec<Order> {
    let market = &desk.markets[0];
    let orders = market.blocks.iter();
    orders.filter_map(|block| block.view().copied()).collect()
}

/// All bytes but the count of fills and the time at which positions were opened, which is rounded with each.
fn bytes(desk: &Desk) -> Vec<u8> {
    let market = view(desk);
    let mut header = *market.header;
    header.cash.fills_total = 0;
    let mut blocks = market.blocks.to_vec();
    for seat in blocks.iter_mut().filter_map(Block::view_mut::<Seat>) {
        seat.opened_at = 0;
    }
    let mut bytes = bytemuck::bytes_of(&header).to_vec();
    bytes.extend_from_slice(bytemuck::cast_slice(&blocks));
    bytes
}

/// A book of a call, before it: positions in lots of the eight accounts, traded with a ninth, and the orders.
#[derive(Clone, Debug)]
struct Book {
    positions: Vec<i64>,
    wanted: Vec<Wanted>,
    reference: u64,
}

const ACCOUNTS: usize = 8;

fn wanted(
    ticks: impl Strategy<Value = u64>,
    lots: impl Strategy<Value = u64>,
) -> impl Strategy<Value = Wanted> {
    let lives = prop_oneof![4 => Just(0_i64), 1 => 1_i64..9];
    let kind = prop_oneof![3 => Just(false), 1 => Just(true)];
    (0..ACCOUNTS, any::<bool>(), ticks, lots, kind, lives).prop_map(
        |(account, bid, ticks, lots, reduce_only, lives)| Wanted {
            account,
            bid,
            ticks,
            lots,
            reduce_only,
            lives,
        },
    )
}

fn book_of(
    ticks: impl Strategy<Value = u64>,
    lots: impl Strategy<Value = u64>,
) -> impl Strategy<Value = Book> {
    (
        prop::collection::vec(-30_i64..=30, ACCOUNTS),
        prop::collection::vec(wanted(ticks, lots), 0..36),
        490_u64..=510,
    )
        .prop_map(|(positions, wanted, reference)| Book {
            positions,
            wanted,
            reference,
        })
}

/// Ties and single ticks, plateaus, large sizes far apart.
fn book() -> impl Strategy<Value = Book> {
    prop_oneof![
        book_of(498_u64..=502, 1_u64..4),
        book_of(490_u64..=510, 1_u64..6),
        book_of(470_u64..=530, 1_u64..60),
        book_of(300_u64..=900, prop_oneof![1_u64..9, 5_000_u64..60_000]),
        book_of(prop::sample::select(vec![495_u64, 500, 505]), 1_u64..5),
    ]
}

/// The market in its call, with the book in it; the ninth account is the other side of every position.
fn called(book: &Book, params: &MarketParams) -> (Desk, Vec<Rests>) {
    let mut desk = pit_with(params, ACCOUNTS as u8 + 1);
    for (account, position) in book.positions.iter().enumerate() {
        let lots = position.unsigned_abs();
        match position.signum() {
            1 => desk.trade(account, ACCOUNTS, 0, MARK, lots),
            -1 => desk.trade(ACCOUNTS, account, 0, MARK, lots),
            _ => {}
        }
    }
    trip(&mut desk);
    let rests = rest_all(&mut desk, &book.wanted);
    desk.mark(0, book.reference);
    (desk, rests)
}
