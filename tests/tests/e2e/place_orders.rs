//! `place_orders`: a batch goes through whole or not at all.

use plimsoll_testkit::events::OrderPlaced;
use plimsoll_testkit::{ask, bid, EngineError, OrderArgs, OrderExt, World};

const CASH: u64 = 1_000_000_000;
const AVAX: &str = "AVAX";

fn world() -> World {
    let mut world = World::trading(&[AVAX]);
    for name in ["ann", "bob"] {
        world.trader(name, CASH, &[AVAX]);
    }
    world
}

#[test]
fn batch_rests_and_fills_its_orders_in_their_order() {
    let mut world = world();
    world.place("bob", AVAX, ask(20_000, 3)).unwrap();
    let batch = [
        bid(19_900, 5).client_id(1),
        bid(20_000, 4).client_id(2),
        ask(20_200, 6).client_id(3),
    ];
    let sent = world.place_many("ann", AVAX, &batch).unwrap();
    let placed: Vec<_> = sent
        .events_of::<OrderPlaced>()
        .iter()
        .map(|placed| (placed.client_id, placed.filled_lots, placed.resting_lots))
        .collect();
    assert_eq!(placed, [(1, 0, 5), (2, 3, 1), (3, 0, 6)]);
    let ids: Vec<u64> = world
        .market(AVAX)
        .orders_of_seat(world.seat_index("ann", AVAX))
        .iter()
        .map(|(_, order)| order.client_id)
        .collect();
    assert_eq!(ids, [3, 2, 1], "newest first");
    world.assert_sound();
}

#[test]
fn batch_with_one_order_that_is_refused_places_none() {
    let mut world = world();
    let batch = [bid(19_900, 5), ask(20_100, 2), bid(0, 1)];
    world.assert_rejected(EngineError::PriceOutOfRange, |world| {
        world.place_many("ann", AVAX, &batch)
    });
    let batch = [bid(19_900, 5), ask(19_900, 2).post_only()];
    world.place("bob", AVAX, bid(19_950, 1)).unwrap();
    world.assert_rejected(EngineError::PostOnlyWouldCross, |world| {
        world.place_many("ann", AVAX, &batch)
    });
}

#[test]
fn batch_is_tested_against_margin_order_by_order() {
    let mut world = world();
    // 45,454 lots are what 1,000,000,000 carries.
    let batch = [bid(20_000, 45_000), bid(20_000, 455)];
    world.assert_rejected(EngineError::BelowInitialMargin, |world| {
        world.place_many("ann", AVAX, &batch)
    });
    let batch = [bid(20_000, 45_000), bid(20_000, 454)];
    world.place_many("ann", AVAX, &batch).unwrap();
}

#[test]
fn empty_batch_and_one_of_seventeen_are_rejected() {
    let mut world = world();
    world.assert_rejected(EngineError::BatchSizeOutOfRange, |world| {
        world.place_many("ann", AVAX, &[])
    });
    world.assert_rejected(EngineError::BatchSizeOutOfRange, |world| {
        world.place_many("ann", AVAX, &[bid(19_000, 1).ioc(); 17])
    });
    world
        .place_many("ann", AVAX, &[bid(19_000, 1); 16])
        .unwrap();
}

#[test]
fn largest_batch_of_the_most_fills_fits_the_heap_and_the_compute_limit() {
    let mut world = World::new();
    world.open_market(&plimsoll_testkit::MarketSpec::preset(AVAX).blocks(1_024));
    world.trader("ann", CASH, &[AVAX]);
    for number in 0..8 {
        let name = format!("maker {number}");
        world.create_margin_account(&name).unwrap();
        world.deposit(&name, CASH).unwrap();
        world.claim_seat(&name, AVAX, 64).unwrap();
        for _ in 0..4 {
            world
                .place_many(&name, AVAX, &[ask(20_000, 1); 16])
                .unwrap();
        }
    }
    // 16 orders of 32 fills each take all 512 resting ones.
    let batch: Vec<OrderArgs> = vec![bid(20_000, 32).ioc(); 16];
    let sent = world.place_many("ann", AVAX, &batch).unwrap();
    let filled: usize = sent
        .events_of::<OrderPlaced>()
        .iter()
        .map(|placed| placed.fills.len())
        .sum();
    assert_eq!(filled, 512);
    assert!(sent.units < 1_400_000, "{} units", sent.units);
    world.assert_sound();
}

#[test]
fn batch_of_another_seat_is_rejected() {
    let mut world = world();
    let others = world.seat_index("bob", AVAX);
    let batch = [bid(19_900, 5), bid(19_900, 5).seat(others)];
    world.assert_rejected(EngineError::WrongSeat, |world| {
        world.place_many("ann", AVAX, &batch)
    });
}
