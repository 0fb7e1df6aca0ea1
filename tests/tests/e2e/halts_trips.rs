//! What trips a market (spec §7, "Trips"), what a trip says, and what it may cost in time.

use plimsoll_engine::halt::Cause;
use plimsoll_engine::state::HaltPhase;
use plimsoll_testkit::{ask, bid, events, EngineError, OrderExt, Sent, World};

use super::halts_scenes::*;

fn started(sent: &Sent) -> Option<events::HaltStarted> {
    sent.events_of().first().cloned()
}

#[test]
fn an_index_outside_the_band_halts_the_market_in_the_refresh_that_brings_it() {
    let mut world = halting_world();
    // Up to the threshold it is inside: maintenance margin covers that.
    world.advance(1);
    world.publish(AVAX, 20_999);
    assert_eq!(started(&world.refresh(AVAX).unwrap()), None);
    let mut down = world.clone();
    let trip = trip_index(&mut world, AVAX, 21_001);
    let now = world.now();
    assert_eq!(
        (trip.cause, trip.sequence, trip.escalation),
        (Cause::Index.byte(), 1, 0)
    );
    assert_eq!(
        (trip.call_ends_at, trip.reopens_by),
        (now + 5, now + COURSE)
    );
    let header = world.market(AVAX).header;
    assert_eq!(
        (trip.index, trip.mark),
        (header.prices.index, header.prices.mark)
    );
    assert_eq!(header.halt.tripped_at, now);
    assert_eq!(phase(&world, AVAX), HaltPhase::Call);
    // The copy that others read says so too.
    assert_eq!(world.mark(AVAX).halt_phase, HaltPhase::Call.byte());
    // From 20,999 the band reaches down to 19,949.05.
    down.move_index(AVAX, 19_950);
    assert_eq!(phase(&down, AVAX), HaltPhase::Continuous);
    trip_index(&mut down, AVAX, 19_949);
    down.assert_sound();
}

/// The mark is off the index by the basis: it leaves the band while the index is inside.
#[test]
fn a_mark_outside_the_band_halts_the_market() {
    let mut world = world_with(|params| params.basis_ema_seconds = 1);
    world.place("bob", AVAX, ask(20_100, 10)).unwrap();
    world.place("cat", AVAX, bid(20_090, 10)).unwrap();
    world.advance_fresh(30);
    world.advance_fresh(30);
    assert!(world.market(AVAX).header.prices.mark > world.market(AVAX).header.prices.index);
    world.cancel_all("bob", AVAX, 8).unwrap();
    world.place("bob", AVAX, ask(21_100, 10)).unwrap();
    world.place("cat", AVAX, bid(21_090, 10)).unwrap();
    world.advance(1);
    world.publish(AVAX, 20_980);
    let trip = started(&world.refresh(AVAX).unwrap()).unwrap();
    assert_eq!((trip.cause, trip.halted), (Cause::Mark.byte(), true));
    assert!(trip.mark > trip.index);
    world.assert_sound();
}

#[test]
fn an_order_that_would_rest_through_the_band_trades_up_to_it_and_halts_the_market() {
    let mut world = halting_world();
    world.place("bob", AVAX, ask(20_500, 400)).unwrap();
    world.place("bob", AVAX, ask(20_999, 700)).unwrap();
    world.place("bob", AVAX, ask(21_001, 5_000)).unwrap();
    let sent = world.place("ann", AVAX, bid(21_500, 3_000)).unwrap();
    let [placed] = &sent.events_of::<events::OrderPlaced>()[..] else {
        panic!("{:?}", sent.events);
    };
    // What lies inside the band trades; the rest waits for the auction at its own limit.
    assert_eq!((placed.filled_lots, placed.resting_lots), (1_100, 1_900));
    assert_eq!(placed.price, 21_500);
    let trip = started(&sent).unwrap();
    assert_eq!((trip.cause, trip.halted), (Cause::Trade.byte(), true));
    assert_eq!(phase(&world, AVAX), HaltPhase::Call);
    world.assert_sound();
    let (price, lots) = fixed(&auction(&mut world, AVAX)).unwrap();
    assert_eq!(
        (price, lots),
        (21_001, 1_900),
        "asks are left at their price"
    );
    assert_eq!(world.holding("ann", AVAX).base, 3_000_000_000);
    world.assert_sound();
}

/// Under the volume that counts a print goes through the band: there is no price limit.
#[test]
fn dust_prints_through_the_band() {
    let mut world = halting_world();
    world.place("bob", AVAX, ask(22_000, 5_000)).unwrap();
    let sent = world.place("ann", AVAX, bid(22_000, VOLUME - 1)).unwrap();
    assert_eq!(sent.event::<events::OrderPlaced>().filled_lots, VOLUME - 1);
    // The volume of the window counts, not the order's alone.
    let sent = world.place("ann", AVAX, bid(22_000, 1)).unwrap();
    assert!(started(&sent).unwrap().halted);
    world.assert_sound();
}

/// With the index on its way a tenth of the volume is enough.
#[test]
fn half_a_threshold_of_the_index_lowers_the_volume_that_trips() {
    let mut world = world_with(|params| {
        params.trip_volume_lots_min = 10;
        params.trip_volume_alone_ppm = 500_000;
    });
    trade(&mut world, AVAX, "cat", "dora", 20_000, 10_000);
    world.advance_fresh(41);
    let mut moved = world.clone();
    world.move_index(AVAX, 20_499);
    moved.move_index(AVAX, 20_501);
    for (world, trips) in [(&mut world, false), (&mut moved, true)] {
        world.place("bob", AVAX, ask(22_000, 100)).unwrap();
        let sent = world.place("ann", AVAX, bid(22_000, 100)).unwrap();
        assert_eq!(started(&sent).is_some(), trips);
        world.assert_sound();
    }
}

#[test]
fn a_takers_remainder_is_cancelled_at_the_band_and_trips_nothing() {
    let mut world = halting_world();
    world.place("bob", AVAX, ask(20_900, 2_000)).unwrap();
    world.place("bob", AVAX, ask(21_100, 5_000)).unwrap();
    let mut kill = world.clone();
    let sent = world.place("ann", AVAX, bid(22_000, 6_000).ioc()).unwrap();
    let placed = sent.event::<events::OrderPlaced>();
    assert_eq!((placed.filled_lots, placed.cancelled_lots), (2_000, 4_000));
    assert_eq!(placed.resting_lots, 0);
    assert_eq!(phase(&world, AVAX), HaltPhase::Continuous);
    kill.assert_rejected(EngineError::FillOrKillUnfilled, |world| {
        world.place("ann", AVAX, bid(22_000, 6_000).fok())
    });
    assert_eq!(phase(&kill, AVAX), HaltPhase::Continuous);
    world.assert_sound();
}

/// Ann's zero price lies outside the band and so does the only bid.
fn liquidation_at_the_band() -> World {
    let mut world = halting_world();
    trade(&mut world, AVAX, "bob", "ann", 20_000, 30_000);
    leave_with(&mut world, "ann", 540_000_000, "dora");
    world.place("cat", AVAX, bid(19_100, 100)).unwrap();
    world.place("cat", AVAX, bid(18_500, 90_000)).unwrap();
    world.move_index(AVAX, 19_200);
    assert_eq!(phase(&world, AVAX), HaltPhase::Continuous);
    let (q, margin) = standing(&world, "ann");
    assert!(q > 0 && q < i64::try_from(margin).unwrap(), "{q} {margin}");
    world
}

#[test]
fn a_liquidation_that_reaches_the_band_halts_the_market_and_its_account_joins() {
    let mut world = liquidation_at_the_band();
    let sent = world.liquidate("ann", AVAX).unwrap();
    let done = liquidated(&sent);
    assert_eq!(done.filled_lots, 100, "the bid inside the band");
    let trip = started(&sent).unwrap();
    assert_eq!((trip.cause, trip.halted), (Cause::Trade.byte(), true));
    assert_eq!(done.takeover_started_at, 0, "the book has not ended");
    assert_eq!(phase(&world, AVAX), HaltPhase::Call);
    world.assert_sound();
    let joined: events::AuctionJoined = world.join_auction("ann", AVAX).unwrap().event();
    assert!(joined.lots > VOLUME);
    let (q, margin) = standing(&world, "ann");
    let calls = auction(&mut world, AVAX);
    assert_eq!(fixed(&calls).map(|(_, lots)| lots), Some(joined.lots));
    // At its zero price or better: what is left of it stands no worse than before.
    let (after, margin_after) = standing(&world, "ann");
    assert!(
        i128::from(after) * i128::from(margin) >= i128::from(q) * i128::from(margin_after),
        "{q} over {margin} became {after} over {margin_after}"
    );
}

/// Each trip within a minute of the last reopening doubles the call, up to the longest.
#[test]
fn a_trip_soon_after_a_reopening_doubles_the_call() {
    let mut world = halting_world();
    let mut price = 20_000;
    for (number, call) in [5_i64, 10, 20, 30].into_iter().enumerate() {
        price += price * 6 / 100;
        let trip = trip_index(&mut world, AVAX, price);
        assert_eq!(usize::from(trip.escalation), number);
        assert_eq!(trip.call_ends_at, world.now() + call);
        reopen(&mut world, AVAX);
        world.assert_sound();
    }
    // After the minute it begins again; the budget is another matter.
    let mut world = halting_world();
    trip_index(&mut world, AVAX, 21_200);
    reopen(&mut world, AVAX);
    for _ in 0..6 {
        world.advance_fresh(10);
    }
    world.advance(1);
    let trip = trip_index(&mut world, AVAX, 22_500);
    assert_eq!((trip.escalation, trip.call_ends_at), (0, world.now() + 5));
}

/// 17, 22, 32 and 42 seconds of 150: the next course could be longer than what is left.
#[test]
fn with_the_budget_spent_the_market_stays_open_and_the_event_says_so() {
    let mut world = halting_world();
    let mut price = 20_000;
    for _ in 0..4 {
        price += price * 6 / 100;
        trip_index(&mut world, AVAX, price);
        reopen(&mut world, AVAX);
    }
    let halted = state(&world, AVAX).halted_seconds_total;
    assert_eq!(halted, 17 + 22 + 32 + 42);
    price += price * 6 / 100;
    world.advance(1);
    world.publish(AVAX, price);
    let said = started(&world.refresh(AVAX).unwrap()).unwrap();
    assert_eq!((said.halted, said.cause), (false, Cause::Index.byte()));
    assert_eq!((said.call_ends_at, said.reopens_by), (0, 0));
    assert_eq!(said.sequence, 4, "no halt of its own");
    assert_eq!(phase(&world, AVAX), HaltPhase::Continuous);
    // Told once: the next index stands where this one did.
    world.advance(1);
    world.publish(AVAX, price);
    assert!(started(&world.refresh(AVAX).unwrap()).is_none());
    // Prints go on, through the band as well.
    world
        .place("bob", AVAX, ask(price * 11 / 10, 9_000))
        .unwrap();
    let sent = world
        .place("ann", AVAX, bid(price * 11 / 10, 9_000))
        .unwrap();
    assert_eq!(sent.event::<events::OrderPlaced>().filled_lots, 9_000);
    // Ten minutes later there is a budget again.
    world.advance(700);
    world.publish(AVAX, price);
    let _ = world.refresh(AVAX).unwrap();
    trip_index(&mut world, AVAX, price + price * 6 / 100);
    world.assert_sound();
}
