//! Taking orders off the book, by their owner and, once expired, by anyone.

use plimsoll_engine::state::{HaltPhase, OrderSide};
use plimsoll_testkit::events::{OrderCancelled, OrderPlaced, OrdersCancelled};
use plimsoll_testkit::{ask, bid, Actor, EngineError, OrderExt, World};

const AVAX: &str = "AVAX";

fn world() -> World {
    let mut world = World::trading(&[AVAX]);
    for name in ["ann", "bob"] {
        world.trader(name, 1_000_000_000, &[AVAX]);
    }
    world
}

fn place(world: &mut World, who: &str, order: plimsoll_testkit::OrderArgs) -> OrderPlaced {
    world.place(who, AVAX, order).unwrap().event()
}

#[test]
fn cancel_takes_the_named_order_off_the_book_and_frees_its_slot() {
    let mut world = world();
    let first = place(&mut world, "ann", bid(19_000, 7).client_id(70));
    let second = place(&mut world, "ann", bid(19_100, 9).client_id(90));
    let cancelled = world
        .cancel("ann", AVAX, first.order, first.sequence)
        .unwrap()
        .event::<OrderCancelled>();
    assert_eq!(
        cancelled,
        OrderCancelled {
            version: 1,
            market: world.market_address(AVAX),
            order: first.order,
            sequence: first.sequence,
            client_id: 70,
            side: 0,
            price: 19_000,
            lots: 7,
            expired: false,
        }
    );
    let seat = world.seat("ann", AVAX);
    assert_eq!(
        (seat.orders, seat.bid_lots, seat.first_order),
        (1, 9, second.order)
    );
    // The extreme stays until the side is empty.
    assert_eq!(seat.bid_high, 19_100);
    world
        .cancel("ann", AVAX, second.order, second.sequence)
        .unwrap();
    assert_eq!(world.seat("ann", AVAX).bid_high, 0);
    world.assert_sound();
}

#[test]
fn cancel_names_the_lots_that_were_still_open() {
    let mut world = world();
    let placed = place(&mut world, "ann", ask(20_000, 10));
    world.place("bob", AVAX, bid(20_000, 4)).unwrap();
    let cancelled = world
        .cancel("ann", AVAX, placed.order, placed.sequence)
        .unwrap()
        .event::<OrderCancelled>();
    assert_eq!((cancelled.lots, cancelled.side), (6, 1));
}

#[test]
fn cancel_of_an_order_that_is_not_there_is_rejected() {
    let mut world = world();
    let placed = place(&mut world, "ann", bid(19_000, 7));
    let seat = world.seat_index("ann", AVAX);
    let wrong = [
        (placed.order, placed.sequence + 1),
        (placed.order + 1, placed.sequence),
        (seat, placed.sequence),
        (0, 0),
        (u32::MAX, placed.sequence),
    ];
    for (order, sequence) in wrong {
        world.assert_rejected(EngineError::WrongOrder, |world| {
            world.cancel("ann", AVAX, order, sequence)
        });
    }
    world
        .cancel("ann", AVAX, placed.order, placed.sequence)
        .unwrap();
    world.assert_rejected(EngineError::WrongOrder, |world| {
        world.cancel("ann", AVAX, placed.order, placed.sequence)
    });
}

#[test]
fn cancel_of_somebody_elses_order_is_rejected() {
    let mut world = world();
    let placed = place(&mut world, "ann", bid(19_000, 7));
    world.assert_rejected(EngineError::WrongOrder, |world| {
        world.cancel("bob", AVAX, placed.order, placed.sequence)
    });
    let seat = world.seat_index("ann", AVAX);
    let instruction =
        world
            .trade_accounts("bob", AVAX)
            .cancel_order(seat, placed.order, placed.sequence);
    world.assert_rejected(EngineError::WrongSeat, |world| {
        world.send(&[instruction], &["bob".into()])
    });
}

#[test]
fn cancel_by_a_stranger_is_rejected_and_by_the_delegate_is_not() {
    let mut world = world();
    let placed = place(&mut world, "ann", bid(19_000, 7));
    let mut instruction = world.cancel_ix("ann", AVAX, placed.order, placed.sequence);
    instruction.accounts[0].pubkey = Actor::from("dee").key();
    let stolen = instruction.clone();
    world.assert_rejected(EngineError::NotAuthorized, |world| {
        world.send(&[stolen], &["dee".into()])
    });
    world.set_delegate("ann", "dee").unwrap();
    world.send(&[instruction], &["dee".into()]).unwrap();
    assert_eq!(world.seat("ann", AVAX).orders, 0);
}

#[test]
fn cancel_works_on_a_stale_index_in_a_halt_and_in_a_reduce_only_market() {
    let mut world = world();
    let placed = place(&mut world, "ann", bid(19_000, 7));
    world.advance(100_000);
    world.force_phase(AVAX, HaltPhase::Call);
    world.change_header(AVAX, |header| header.status = 2);
    world
        .cancel("ann", AVAX, placed.order, placed.sequence)
        .unwrap();
}

#[test]
fn cancel_with_accounts_of_another_kind_is_rejected() {
    let mut world = world();
    let placed = place(&mut world, "ann", bid(19_000, 7));
    for position in [1, 2] {
        let mut instruction = world.cancel_ix("ann", AVAX, placed.order, placed.sequence);
        instruction.accounts[position].pubkey = world.addresses.default_fund;
        world.assert_rejected(EngineError::WrongAccount, |world| {
            world.send(&[instruction], &["ann".into()])
        });
    }
}

#[test]
fn cancel_by_client_id_takes_the_newest_order_of_that_id() {
    let mut world = world();
    let old = place(&mut world, "ann", bid(19_000, 7).client_id(5));
    let new = place(&mut world, "ann", ask(21_000, 8).client_id(5));
    place(&mut world, "ann", ask(21_000, 9).client_id(6));
    let sequences: Vec<u64> = (0..2)
        .map(|_| world.cancel_by_client_id("ann", AVAX, 5).unwrap())
        .map(|sent| sent.event::<OrderCancelled>().sequence)
        .collect();
    assert_eq!(sequences, [new.sequence, old.sequence]);
    world.assert_rejected(EngineError::UnknownClientId, |world| {
        world.cancel_by_client_id("ann", AVAX, 5)
    });
    world.assert_rejected(EngineError::UnknownClientId, |world| {
        world.cancel_by_client_id("bob", AVAX, 6)
    });
    world.assert_sound();
}

#[test]
fn cancel_all_takes_at_most_the_limit_newest_first_and_goes_on_where_it_stopped() {
    let mut world = world();
    for lots in 1..=5 {
        place(&mut world, "ann", bid(19_000, lots));
    }
    place(&mut world, "bob", bid(19_000, 50));
    let taken = |world: &mut World, limit| {
        let sent = world.cancel_all("ann", AVAX, limit).unwrap();
        let event = sent.event::<OrdersCancelled>();
        assert_eq!(event.margin_account, world.margin_address("ann"));
        (event.count, event.lots)
    };
    assert_eq!(taken(&mut world, 0), (0, 0));
    assert_eq!(taken(&mut world, 2), (2, 9));
    assert_eq!(taken(&mut world, 64), (3, 6));
    assert_eq!(taken(&mut world, 64), (0, 0), "none left is no error");
    assert_eq!(world.market(AVAX).orders(OrderSide::Bid).len(), 1);
    world.assert_sound();
}

#[test]
fn cancel_all_of_the_most_orders_fits_one_transaction() {
    let mut world = world();
    world.create_margin_account("cat").unwrap();
    world.deposit("cat", 1_000_000_000).unwrap();
    world.claim_seat("cat", AVAX, 64).unwrap();
    for batch in 0..4 {
        let orders = [bid(19_000 + batch, 1); 16];
        world.place_many("cat", AVAX, &orders).unwrap();
    }
    let sent = world.cancel_all("cat", AVAX, u8::MAX).unwrap();
    assert_eq!(sent.event::<OrdersCancelled>().count, 64);
}

#[test]
fn cancel_all_of_another_seat_is_rejected() {
    let mut world = world();
    let seat = world.seat_index("ann", AVAX);
    let instruction = world.trade_accounts("bob", AVAX).cancel_all_orders(seat, 9);
    world.assert_rejected(EngineError::WrongSeat, |world| {
        world.send(&[instruction], &["bob".into()])
    });
}

#[test]
fn anyone_removes_an_expired_order() {
    let mut world = world();
    let expires_at = world.now() + 5;
    let placed = place(&mut world, "ann", ask(20_000, 3).expires_at(expires_at));
    world.advance(4);
    world.assert_rejected(EngineError::OrderNotExpired, |world| {
        world.remove_expired(AVAX, placed.order, placed.sequence)
    });
    world.advance(1);
    world.assert_rejected(EngineError::WrongOrder, |world| {
        world.remove_expired(AVAX, placed.order, placed.sequence + 1)
    });
    let seat = world.seat_index("ann", AVAX);
    world.assert_rejected(EngineError::WrongOrder, |world| {
        world.remove_expired(AVAX, seat, placed.sequence)
    });
    let removed = world
        .remove_expired(AVAX, placed.order, placed.sequence)
        .unwrap()
        .event::<OrderCancelled>();
    assert!(removed.expired);
    assert_eq!((removed.lots, removed.sequence), (3, placed.sequence));
    assert_eq!(world.seat("ann", AVAX).orders, 0);
    world.assert_sound();
}

#[test]
fn order_without_an_expiry_is_never_removed_by_others() {
    let mut world = world();
    let placed = place(&mut world, "ann", ask(20_000, 3));
    world.advance(1_000_000_000);
    world.assert_rejected(EngineError::OrderNotExpired, |world| {
        world.remove_expired(AVAX, placed.order, placed.sequence)
    });
}
