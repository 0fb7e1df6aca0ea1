//! `place_order`: every way in which it says no, and that saying no moves nothing.

use plimsoll_client::OrderArgs;
use plimsoll_testkit::{ask, bid, EngineError, MarketSpec, OrderExt, World};

pub const CASH: u64 = 1_000_000_000;
pub const AVAX: &str = "AVAX";

/// "ann" short and "bob" long ten lots at 20,000, a bid of "ann" at 19,000 and an ask of "bob" at 21,000.
pub fn world() -> World {
    let mut world = World::trading(&[AVAX]);
    for name in ["ann", "bob", "cat"] {
        world.trader(name, CASH, &[AVAX]);
    }
    world.place("ann", AVAX, ask(20_000, 10)).unwrap();
    world.place("bob", AVAX, bid(20_000, 10)).unwrap();
    world.place("ann", AVAX, bid(19_000, 3)).unwrap();
    world.place("bob", AVAX, ask(21_000, 3)).unwrap();
    world
}

#[track_caller]
pub fn rejected(world: &mut World, who: &str, order: OrderArgs, error: EngineError) {
    world.assert_rejected(error, |world| world.place(who, AVAX, order));
}

#[test]
fn price_outside_of_all_ticks_is_rejected() {
    let mut world = world();
    for price in [0, 1 << 40, u64::MAX] {
        rejected(
            &mut world,
            "cat",
            bid(price, 1),
            EngineError::PriceOutOfRange,
        );
        rejected(
            &mut world,
            "cat",
            ask(price, 1),
            EngineError::PriceOutOfRange,
        );
    }
}

#[test]
fn price_that_no_mark_could_follow_is_rejected() {
    let mut world = world();
    // A tick is 10 quote atoms on 1,000,000 base atoms: 409,600,000 ticks are 4,096 quote atoms a base atom.
    rejected(
        &mut world,
        "cat",
        ask(409_600_001, 1),
        EngineError::PriceOutOfRange,
    );
    world.place("cat", AVAX, ask(409_600_000, 1)).unwrap();
}

#[test]
fn slide_with_no_tick_left_is_rejected() {
    let mut world = World::trading(&[AVAX]);
    for name in ["ann", "cat"] {
        world.trader(name, CASH, &[AVAX]);
    }
    world.place("ann", AVAX, ask(1, 1)).unwrap();
    rejected(
        &mut world,
        "cat",
        bid(5, 1).slide(),
        EngineError::PriceOutOfRange,
    );
}

#[test]
fn size_of_zero_or_beyond_the_largest_order_is_rejected() {
    let mut world = world();
    for lots in [0, 1 << 32, u64::MAX] {
        rejected(
            &mut world,
            "cat",
            bid(20_000, lots),
            EngineError::SizeOutOfRange,
        );
    }
}

#[test]
fn size_under_the_markets_minimum_is_rejected_unless_it_closes_or_only_reduces() {
    let mut world = World::new();
    world.open_market(&MarketSpec::preset(AVAX).with(|params| params.lots_min = 5));
    for name in ["ann", "bob"] {
        world.trader(name, CASH, &[AVAX]);
    }
    rejected(
        &mut world,
        "ann",
        ask(20_000, 4),
        EngineError::SizeOutOfRange,
    );
    world.place("ann", AVAX, ask(20_000, 7)).unwrap();
    world.place("bob", AVAX, bid(20_000, 7).ioc()).unwrap();
    world.place("ann", AVAX, bid(20_000, 20)).unwrap();
    rejected(
        &mut world,
        "bob",
        ask(20_000, 4),
        EngineError::SizeOutOfRange,
    );
    world
        .place("bob", AVAX, ask(20_000, 4).reduce_only())
        .unwrap();
    rejected(
        &mut world,
        "bob",
        ask(20_000, 2),
        EngineError::SizeOutOfRange,
    );
    world.place("bob", AVAX, ask(20_000, 3)).unwrap();
    assert_eq!(world.holding("bob", AVAX).base, 0);
}

#[test]
fn order_beyond_the_seats_slots_is_rejected() {
    let mut world = World::trading(&[AVAX]);
    world.create_margin_account("cat").unwrap();
    world.deposit("cat", CASH).unwrap();
    world.claim_seat("cat", AVAX, 2).unwrap();
    world.place("cat", AVAX, bid(19_000, 1)).unwrap();
    world.place("cat", AVAX, ask(21_000, 1)).unwrap();
    rejected(
        &mut world,
        "cat",
        bid(19_001, 1),
        EngineError::OrderSlotsFull,
    );
    // What does not rest needs no slot.
    world.place("cat", AVAX, bid(19_001, 1).ioc()).unwrap();
}

#[test]
fn post_only_order_that_would_cross_is_rejected() {
    let mut world = world();
    rejected(
        &mut world,
        "cat",
        bid(21_000, 1).post_only(),
        EngineError::PostOnlyWouldCross,
    );
    rejected(
        &mut world,
        "cat",
        ask(19_000, 1).post_only(),
        EngineError::PostOnlyWouldCross,
    );
    world
        .place("cat", AVAX, bid(20_999, 1).post_only())
        .unwrap();
}

#[test]
fn fill_or_kill_that_would_not_fill_whole_is_rejected() {
    let mut world = world();
    rejected(
        &mut world,
        "cat",
        bid(21_000, 4).fok(),
        EngineError::FillOrKillUnfilled,
    );
    rejected(
        &mut world,
        "cat",
        bid(20_999, 1).fok(),
        EngineError::FillOrKillUnfilled,
    );
    let short_of_steps = bid(21_000, 3).fok().steps(0);
    rejected(
        &mut world,
        "cat",
        short_of_steps,
        EngineError::FillOrKillUnfilled,
    );
    world.place("cat", AVAX, bid(21_000, 3).fok()).unwrap();
}

#[test]
fn reduce_only_order_without_a_position_to_reduce_is_rejected() {
    let mut world = world();
    let error = EngineError::ReduceOnlyWouldNotReduce;
    rejected(&mut world, "cat", bid(20_000, 1).reduce_only(), error);
    rejected(&mut world, "cat", ask(20_000, 1).reduce_only(), error);
    rejected(&mut world, "bob", bid(20_000, 1).reduce_only(), error);
    rejected(&mut world, "ann", ask(20_000, 1).reduce_only(), error);
}

#[test]
fn expiry_that_has_come_is_rejected() {
    let mut world = world();
    let now = world.now();
    for past in [now, now - 1, 1, -1, i64::MIN] {
        let order = bid(20_000, 1).expires_at(past);
        rejected(&mut world, "cat", order, EngineError::ExpiryInThePast);
    }
    world
        .place("cat", AVAX, bid(20_000, 1).expires_at(now + 1))
        .unwrap();
}

#[test]
fn bytes_that_name_no_side_kind_or_mode_are_rejected() {
    let mut world = world();
    let error = EngineError::ParameterOutOfBounds;
    rejected(
        &mut world,
        "cat",
        bid(20_000, 1).with(|order| order.side = 2),
        error,
    );
    rejected(
        &mut world,
        "cat",
        bid(20_000, 1).with(|order| order.time_in_force = 5),
        error,
    );
    rejected(
        &mut world,
        "cat",
        bid(20_000, 1).with(|order| order.self_trade = 3),
        error,
    );
}
