//! `claim_seat` and `release_seat`: a place in a market, its deposit, and its end.

use plimsoll_engine::state::{BlockKind, BLOCK_DEPOSIT_LAMPORTS};
use plimsoll_testkit::events::{SeatClaimed, SeatReleased};
use plimsoll_testkit::{ask, bid, Actor, EngineError, MarketSpec, World};

const AVAX: &str = "AVAX";

fn world() -> World {
    let mut world = World::trading(&[AVAX]);
    world.create_margin_account("ann").unwrap();
    world.deposit("ann", 1_000_000_000).unwrap();
    world
}

#[test]
fn seat_is_entered_in_the_margin_account_and_its_blocks_are_paid_for() {
    let mut world = world();
    let market = world.market_address(AVAX);
    let before = world.lamports(&market);
    let claimed = world
        .claim_seat("ann", AVAX, 9)
        .unwrap()
        .event::<SeatClaimed>();
    let deposit = 10 * BLOCK_DEPOSIT_LAMPORTS;
    assert_eq!(
        claimed,
        SeatClaimed {
            version: 1,
            market,
            margin_account: world.margin_address("ann"),
            seat: claimed.seat,
            order_slots: 9,
            deposit_lamports: deposit,
        }
    );
    assert_eq!(world.lamports(&market) - before, deposit);
    let account = world.account("ann");
    let [entry] = account.entries() else {
        panic!("one entry");
    };
    assert_eq!(
        (entry.market, entry.seat),
        (market.to_bytes(), claimed.seat)
    );
    let seat = world.seat("ann", AVAX);
    assert_eq!(seat.kind, BlockKind::Seat.byte());
    assert_eq!(
        (seat.owner, seat.generation),
        (claimed.margin_account.to_bytes(), entry.generation)
    );
    assert_eq!((seat.order_slots, seat.orders, seat.quote), (9, 0, 0));
    let arena = world.market(AVAX).header.arena;
    assert_eq!((arena.seats, arena.reserved_blocks), (1, 10));
    world.assert_sound();
}

#[test]
fn released_seat_returns_its_deposit_to_the_owner_whoever_asks() {
    let mut world = world();
    world.claim_seat("ann", AVAX, 9).unwrap();
    let seat = world.seat_index("ann", AVAX);
    let owner = Actor::from("ann").key();
    let (market, before) = (world.market_address(AVAX), world.lamports(&owner));
    let released = world
        .release_seat("ann", AVAX)
        .unwrap()
        .event::<SeatReleased>();
    let refund = 10 * BLOCK_DEPOSIT_LAMPORTS;
    assert_eq!(
        released,
        SeatReleased {
            version: 1,
            market,
            margin_account: world.margin_address("ann"),
            seat,
            refund_lamports: refund,
        }
    );
    assert_eq!(world.lamports(&owner) - before, refund);
    assert!(world.account("ann").entries().is_empty());
    let arena = world.market(AVAX).header.arena;
    assert_eq!((arena.seats, arena.reserved_blocks), (0, 0));
    world.assert_sound();
}

#[test]
fn released_seat_can_be_claimed_again_under_another_generation() {
    let mut world = world();
    world.claim_seat("ann", AVAX, 1).unwrap();
    let first = world.seat("ann", AVAX).generation;
    world.release_seat("ann", AVAX).unwrap();
    world.claim_seat("ann", AVAX, 2).unwrap();
    assert!(world.seat("ann", AVAX).generation > first);
    world.assert_sound();
}

#[test]
fn release_in_the_middle_keeps_the_other_entries() {
    let symbols = [AVAX, "BTC", "ETH"];
    let mut world = World::trading(&symbols);
    world.trader("ann", 1_000_000_000, &symbols);
    world.place("ann", "ETH", bid(39_000, 2)).unwrap();
    world.release_seat("ann", AVAX).unwrap();
    let account = world.account("ann");
    let markets: Vec<_> = account.entries().iter().map(|entry| entry.market).collect();
    let expected = ["ETH", "BTC"].map(|symbol| world.market_address(symbol).to_bytes());
    assert_eq!(markets, expected, "the last entry fills the gap");
    world.place("ann", "BTC", bid(99_000, 2)).unwrap();
    assert_eq!(world.seat("ann", "ETH").bid_lots, 2);
}

#[test]
fn claim_of_no_slot_or_of_more_than_the_market_allows_is_rejected() {
    let mut world = World::new();
    world.open_market(&MarketSpec::preset(AVAX).with(|params| params.order_slots_max = 7));
    world.create_margin_account("ann").unwrap();
    for slots in [0, 8, 64, u8::MAX] {
        world.assert_rejected(EngineError::SizeOutOfRange, |world| {
            world.claim_seat("ann", AVAX, slots)
        });
    }
    world.claim_seat("ann", AVAX, 7).unwrap();
}

#[test]
fn second_claim_in_a_market_is_rejected() {
    let mut world = world();
    world.claim_seat("ann", AVAX, 2).unwrap();
    world.assert_rejected(EngineError::SeatAlreadyClaimed, |world| {
        world.claim_seat("ann", AVAX, 2)
    });
}

#[test]
fn ninth_market_of_an_account_is_rejected() {
    let mut world = World::new();
    let symbols: Vec<String> = (0..9).map(|number| format!("AVAX-{number}")).collect();
    for symbol in &symbols {
        world.open_market(&MarketSpec::preset(symbol).blocks(64));
    }
    world.create_margin_account("ann").unwrap();
    for symbol in &symbols[..8] {
        world.claim_seat("ann", symbol, 1).unwrap();
    }
    world.assert_rejected(EngineError::MarginEntriesFull, |world| {
        world.claim_seat("ann", &symbols[8], 1)
    });
}

#[test]
fn claim_in_a_full_arena_is_rejected_until_the_market_has_grown() {
    let mut world = World::new();
    // The sentinel, twelve blocks of epoch ends, and room for a seat with two slots.
    world.open_market(&MarketSpec::preset(AVAX).blocks(16));
    for name in ["ann", "bob"] {
        world.create_margin_account(name).unwrap();
    }
    world.assert_rejected(EngineError::ArenaFull, |world| {
        world.claim_seat("ann", AVAX, 3)
    });
    world.claim_seat("ann", AVAX, 2).unwrap();
    world.assert_rejected(EngineError::ArenaFull, |world| {
        world.claim_seat("bob", AVAX, 1)
    });
    world.grow_market("bob", AVAX).unwrap();
    world.claim_seat("bob", AVAX, 1).unwrap();
    world.assert_sound();
}

#[test]
fn claim_without_the_deposit_is_rejected() {
    let mut world = world();
    let [transfer, claim] = world.claim_seat_ix("ann", AVAX, 4);
    let bare = claim.clone();
    world.assert_rejected(EngineError::SeatDepositMissing, |world| {
        world.send(&[bare], &["ann".into()])
    });
    // The deposit of four blocks where five are reserved.
    let [short, _] = world.claim_seat_ix("ann", AVAX, 3);
    world.assert_rejected(EngineError::SeatDepositMissing, |world| {
        world.send(&[short, claim.clone()], &["ann".into()])
    });
    world.send(&[transfer, claim], &["ann".into()]).unwrap();
}

#[test]
fn claim_for_somebody_else_is_rejected() {
    let mut world = world();
    world.set_delegate("ann", "dee").unwrap();
    for stranger in ["bob", "dee"] {
        world.fund_wallet(stranger);
        let [_, mut claim] = world.claim_seat_ix("ann", AVAX, 4);
        claim.accounts[0].pubkey = Actor::from(stranger).key();
        world.assert_rejected(EngineError::NotAuthorized, |world| {
            world.send(&[claim], &[stranger.into()])
        });
    }
}

#[test]
fn claim_with_accounts_of_another_kind_is_rejected() {
    let mut world = world();
    for position in [1, 2] {
        let mut instructions = world.claim_seat_ix("ann", AVAX, 4);
        instructions[1].accounts[position].pubkey = world.addresses.default_fund;
        world.assert_rejected(EngineError::WrongAccount, |world| {
            world.send(&instructions, &["ann".into()])
        });
    }
}

#[test]
fn seat_with_an_order_a_position_or_a_claim_is_not_released() {
    let mut world = world();
    world.trader("bob", 1_000_000_000, &[AVAX]);
    world.claim_seat("ann", AVAX, 4).unwrap();
    let refused = |world: &mut World| {
        world.assert_rejected(EngineError::SeatNotEmpty, |world| {
            world.release_seat("ann", AVAX)
        });
    };
    world.place("ann", AVAX, ask(20_000, 5)).unwrap();
    refused(&mut world);
    world.place("bob", AVAX, bid(20_000, 5)).unwrap();
    refused(&mut world);
    world.place("bob", AVAX, ask(20_000, 5)).unwrap();
    world.place("ann", AVAX, bid(20_000, 5)).unwrap();
    assert_eq!(world.seat("ann", AVAX).shares, 0);
    refused(&mut world);
    world.settle("ann", &[AVAX]).unwrap();
    world.release_seat("ann", AVAX).unwrap();
    world.assert_sound();
}

#[test]
fn release_to_somebody_else_is_rejected() {
    let mut world = world();
    world.claim_seat("ann", AVAX, 4).unwrap();
    let mut instruction = world.release_seat_ix("ann", AVAX);
    instruction.accounts[0].pubkey = Actor::from("bob").key();
    world.assert_rejected(EngineError::WrongAccount, |world| {
        world.send(&[instruction], &["bob".into()])
    });
}

#[test]
fn release_without_a_seat_is_rejected() {
    let mut world = world();
    world.assert_rejected(EngineError::WrongSeat, |world| {
        world.release_seat("ann", AVAX)
    });
    // A seat of the same account elsewhere is none here.
    world.open_market(&MarketSpec::preset("BTC"));
    world.claim_seat("ann", "BTC", 1).unwrap();
    world.assert_rejected(EngineError::WrongSeat, |world| {
        world.release_seat("ann", AVAX)
    });
}
