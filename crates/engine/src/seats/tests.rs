//! Claiming and releasing seats.
#![allow(clippy::unwrap_used)]

use std::vec::Vec;

use super::*;
use crate::state::{Block, BLOCK_SIZE, MARKET_HEADER_SIZE, MARKET_SIZE_MAX};

mod desk;

pub(crate) use desk::{address_of, ask, bid, params, Desk, LOT_VALUE, MARK, NOW};

#[test]
fn a_claim_reserves_a_block_for_the_seat_and_for_each_slot() {
    let mut desk = Desk::new(1);
    let a = desk.stranger(1, 0);
    let claimed = desk.claim(a, 0, 5).unwrap();
    assert_eq!(claimed.deposit_lamports, 6 * 890_880);
    let arena = desk.markets[0].header.arena;
    assert_eq!(
        (arena.reserved_blocks, arena.seats, arena.orders),
        (6, 1, 0)
    );
    let seat = desk.seat(a, 0);
    assert_eq!((seat.order_slots, seat.owner), (5, address_of(a)));
    assert_eq!(seat.owner_tag, u64::from_le_bytes([1; 8]));
    let entry = desk.accounts[a].entries[0];
    assert_eq!(
        (entry.market, entry.seat, entry.generation),
        ([0xF0; 32], claimed.seat, claimed.generation)
    );
}

#[test]
fn a_claim_with_no_slots_or_more_than_the_market_allows_is_rejected() {
    let mut desk = Desk::with(
        &[MarketParams {
            order_slots_max: 7,
            ..params()
        }],
        100,
    );
    let a = desk.stranger(1, 0);
    for slots in [0, 8, 64, 255] {
        assert_eq!(desk.claim(a, 0, slots), Err(EngineError::SizeOutOfRange));
    }
    assert!(desk.claim(a, 0, 7).is_ok());
}

#[test]
fn a_second_seat_in_the_same_market_is_rejected() {
    let mut desk = Desk::new(1);
    let a = desk.join(1, 0);
    assert_eq!(desk.claim(a, 0, 1), Err(EngineError::SeatAlreadyClaimed));
}

#[test]
fn a_ninth_market_is_rejected_and_one_released_makes_room() {
    let mut desk = Desk::with(&[params(); 9], 100);
    let a = desk.stranger(1, 0);
    for market in 0..8 {
        desk.claim(a, market, 1).unwrap();
    }
    assert_eq!(desk.claim(a, 8, 1), Err(EngineError::MarginEntriesFull));
    assert_eq!(desk.release(a, 3).unwrap(), 2 * 890_880);
    desk.claim(a, 8, 1).unwrap();
    assert_eq!(desk.accounts[a].entries_len, 8);
    for market in [0, 1, 2, 4, 5, 6, 7, 8] {
        assert_eq!(desk.seat(a, market).owner, address_of(a));
    }
}

#[test]
fn a_release_clears_the_entry_and_returns_every_reserved_block() {
    let mut desk = Desk::new(3);
    let a = desk.join(1, 0);
    assert_eq!(desk.release(a, 0).unwrap(), 9 * 890_880);
    let account = &desk.accounts[a];
    assert_eq!(account.entries_len, 2);
    assert_eq!(account.entries[0].market, [0xF2; 32]);
    assert_eq!(account.entries[1].market, [0xF1; 32]);
    assert_eq!(account.entries[2], MarginEntry::zeroed());
    let arena = desk.markets[0].header.arena;
    assert_eq!((arena.reserved_blocks, arena.seats), (0, 0));
    assert_eq!(desk.release(a, 0), Err(EngineError::WrongSeat));
}

#[test]
fn a_seat_with_a_position_an_order_or_a_claim_is_not_released() {
    let mut desk = Desk::new(1);
    let (a, b) = (desk.join(1, 10_000_000), desk.join(2, 10_000_000));
    desk.place(a, 0, &bid(400, 1)).unwrap();
    assert_eq!(desk.release(a, 0), Err(EngineError::SeatNotEmpty));
    desk.trade(b, a, 0, 500, 2);
    assert_eq!(desk.release(b, 0), Err(EngineError::SeatNotEmpty));
    desk.place(a, 0, &bid(500, 2)).unwrap();
    desk.place(b, 0, &ask(500, 2)).unwrap();
    // Flat, and owing the fees.
    assert_eq!(desk.held(b, 0).base, 0);
    assert!(desk.held(b, 0).quote < 0);
    assert_eq!(desk.release(b, 0), Err(EngineError::SeatNotEmpty));
    desk.settle(b, &[0]).unwrap();
    assert_eq!(desk.release(b, 0).unwrap(), 9 * 890_880);
}

#[test]
fn a_block_claimed_again_has_another_generation() {
    let mut desk = Desk::new(1);
    let a = desk.stranger(1, 0);
    let first = desk.claim(a, 0, 2).unwrap();
    let stale = desk.accounts[a];
    desk.release(a, 0).unwrap();
    let second = desk.claim(a, 0, 2).unwrap();
    assert_eq!(first.seat, second.seat);
    assert_ne!(first.generation, second.generation);
    let blocks = &desk.markets[0].blocks;
    let found = entry_seat(&stale, 0, blocks, &address_of(a));
    assert_eq!(found, Err(EngineError::WrongSeat));
    let foreign = entry_seat(&desk.accounts[a], 0, blocks, &address_of(a + 1));
    assert_eq!(foreign, Err(EngineError::WrongSeat));
    assert!(entry_seat(&desk.accounts[a], 0, blocks, &address_of(a)).is_ok());
}

#[test]
fn a_full_market_keeps_newcomers_out_and_wedges_no_member() {
    // 40 blocks: the sentinel, twelve for epoch ends and 27 = 3 × 9 to claim.
    let mut desk = Desk::with(&[params()], 40);
    let members: Vec<usize> = (1..=3).map(|owner| desk.join(owner, 1 << 40)).collect();
    let late = desk.stranger(9, 0);
    assert_eq!(desk.claim(late, 0, 1), Err(EngineError::ArenaFull));
    for member in &members {
        for slot in 0..8 {
            desk.place(*member, 0, &bid(100 + slot, 1)).unwrap();
        }
        let ninth = desk.place(*member, 0, &bid(99, 1));
        assert_eq!(ninth, Err(EngineError::OrderSlotsFull));
    }
    assert_eq!(desk.markets[0].header.arena.orders, 24);
    // Twelve blocks are left for the ends of epochs.
    assert_eq!(desk.markets[0].header.arena.fresh, 28);
    // Growing by ten blocks lets one in with nine slots, and not one more.
    desk.markets[0].blocks.resize(50, Block::zeroed());
    grow(&mut desk.markets[0].header, 50).unwrap();
    desk.claim(late, 0, 9).unwrap();
    let later = desk.stranger(8, 0);
    assert_eq!(desk.claim(later, 0, 1), Err(EngineError::ArenaFull));
}

#[test]
fn an_arena_neither_shrinks_nor_outgrows_the_largest_account() {
    let mut desk = Desk::new(1);
    let header = &mut desk.markets[0].header;
    assert_eq!(grow(header, 599), Err(EngineError::WrongAccount));
    assert_eq!(header.arena.capacity, 600);
    assert_eq!(capacity_of(MARKET_HEADER_SIZE + 3 * BLOCK_SIZE), Ok(3));
    assert_eq!(capacity_of(MARKET_HEADER_SIZE + 4 * BLOCK_SIZE - 1), Ok(3));
    assert_eq!(capacity_of(MARKET_SIZE_MAX), Ok(57_328));
    let above = capacity_of(MARKET_SIZE_MAX + 1);
    assert_eq!(above, Err(EngineError::MarketAtMaxSize));
    let below = capacity_of(MARKET_HEADER_SIZE - 1);
    assert_eq!(below, Err(EngineError::WrongAccount));
}

#[test]
fn a_new_market_is_pending_and_takes_seats_but_no_orders() {
    let mut desk = Desk::new(1);
    desk.markets[0].header.status = MarketStatus::Pending.byte();
    let a = desk.join(1, 10_000_000);
    let placed = desk.place(a, 0, &bid(500, 1));
    assert_eq!(placed, Err(EngineError::MarketNotActive));
    assert_eq!(desk.release(a, 0).unwrap(), 9 * 890_880);
}

#[test]
fn parameters_out_of_bounds_create_no_market() {
    let mut header = MarketHeader::zeroed();
    let identity = MarketIdentity {
        number: 0,
        symbol: [0; 16],
        exchange: [1; 32],
        mark_account: [2; 32],
        mark_bump: 1,
        capacity: 10,
        timelock_seconds: 0,
    };
    let params = MarketParams {
        initial_margin_ppm: 46_000,
        ..params()
    };
    let env = Env { now: NOW, slot: 1 };
    let created = create_market(&mut header, &identity, &params, &env);
    assert_eq!(created, Err(EngineError::ListingRuleViolated));
    assert_eq!(header, MarketHeader::zeroed());
}
