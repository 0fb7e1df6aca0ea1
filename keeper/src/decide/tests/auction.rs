//! When interest in an auction is put anew: what it is, is the program's.

use plimsoll_engine::state::OrderSide;
use plimsoll_testkit::{MarketSpec, World};

use super::stage::{decided, two_sides_of};
use crate::decide::sentinel::is_put_anew;
use crate::decide::Kind;

/// `long` has joined the auction of a market that has just tripped.
fn joined() -> World {
    let spec = MarketSpec::preset("AVAX").halting();
    let mut world = two_sides_of(spec.with(|params| params.call_seconds = 20));
    world.move_index("AVAX", 18_600);
    assert!(join(&mut world), "it joins first");
    world
}

/// Sends a join if one is decided.
fn join(world: &mut World) -> bool {
    let due = decided(world);
    let join = due
        .iter()
        .find(|action| action.key.kind == Kind::JoinAuction);
    if let Some(join) = join {
        let sent = world.send(&join.instructions, &["keeper".into()]);
        sent.expect("a join");
    }
    join.is_some()
}

/// Price and lots of the only interest in the book.
fn interest(world: &World) -> (u64, u64) {
    let market = world.market("AVAX");
    let orders = market.orders(OrderSide::Ask);
    let interest = orders.iter().filter(|(_, order)| order.liquidation != 0);
    let found: Vec<(u64, u64)> = interest
        .map(|(_, order)| (order.price, order.lots))
        .collect();
    assert_eq!(found.len(), 1);
    found[0]
}

#[test]
fn a_price_off_by_a_500th_or_lots_off_by_a_fifth_are_left_as_they_are() {
    let wanted = Some((10_000, 100));
    for (there, put_anew) in [
        ((10_000, 100), false),
        ((9_980, 100), false),
        ((10_020, 120), false),
        ((9_979, 100), true),
        ((10_021, 100), true),
        ((10_000, 80), false),
        ((10_000, 79), true),
        ((10_000, 121), true),
    ] {
        assert_eq!(
            is_put_anew(wanted, Some(there), false),
            put_anew,
            "{there:?}"
        );
        let differs = Some(there) != wanted;
        assert_eq!(is_put_anew(wanted, Some(there), true), differs, "{there:?}");
    }
    for exactly in [false, true] {
        assert!(is_put_anew(wanted, None, exactly) && is_put_anew(None, wanted, exactly));
        assert!(!is_put_anew(None, None, exactly));
    }
}

/// Seconds until the call ends.
fn left(world: &World) -> i64 {
    world.market("AVAX").header.halt.call_ends_at - world.now()
}

#[test]
fn interest_does_not_follow_every_price_of_a_call() {
    let mut world = joined();
    let before = interest(&world);
    for (ticks, put_anew) in [(18_595, false), (18_605, false), (18_450, true)] {
        world.move_index("AVAX", ticks);
        assert!(left(&world) > 2);
        assert_eq!(join(&mut world), put_anew, "at {ticks}");
        assert_eq!(interest(&world) != before, put_anew, "at {ticks}");
    }
}

#[test]
fn interest_is_put_exactly_once_from_the_last_second_before_freeze_on() {
    let mut world = joined();
    while left(&world) > 4 {
        world.advance(1);
    }
    // Three, two and one second before the call ends; the last of them is FREEZE.
    for (ticks, put_anew) in [(18_595, false), (18_590, true), (18_585, false)] {
        let before = interest(&world);
        world.move_index("AVAX", ticks);
        let due = join(&mut world);
        assert_eq!(due, put_anew, "{} s before the end", left(&world));
        assert_eq!(interest(&world) != before, put_anew);
    }
}

#[test]
fn interest_that_missed_the_last_second_is_put_exactly_in_freeze() {
    let mut world = joined();
    while left(&world) > 2 {
        world.advance(1);
    }
    world.move_index("AVAX", 18_595);
    assert_eq!(left(&world), 1);
    assert!(join(&mut world), "it is off by a little");
    assert!(!join(&mut world), "it is what it should be");
}
