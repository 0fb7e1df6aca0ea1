//! Attacks on halts and their auctions (rows 8 to 11, 13, 23, 45, 46, 48).

use plimsoll_engine::halt::Cause;
use plimsoll_engine::state::{HaltPhase, OrderSide};
use plimsoll_testkit::{ask, bid, events, EngineError, MarketSpec, OrderExt, Sent, World};

use super::halts_scenes::*;

/// Lots from which on a print may trip a market by default: 50,000 USDC at 20,000 ticks.
const DEFAULT_VOLUME: u64 = 250_000;

fn placed(sent: &Sent) -> events::OrderPlaced {
    let [placed] = &sent.events_of::<events::OrderPlaced>()[..] else {
        panic!("{:?}", sent.events);
    };
    placed.clone()
}

/// Holders neither leave nor add risk while everything stands still; deposits always go, cancels but for seconds.
#[test]
fn attack_08_a_halted_market_pays_nobody_out_and_takes_no_risk() {
    let mut world = halting_world();
    trade(&mut world, AVAX, "bob", "ann", 20_000, 1_000);
    let resting = placed(&world.place("ann", AVAX, bid(19_000, 5)).unwrap());
    world.advance_fresh(130);
    world.clone().withdraw("ann", 7).unwrap();
    for (phase, mut world) in in_every_phase(&world) {
        for name in ["ann", "bob"] {
            world.assert_rejected(EngineError::MarketHalted, |world| world.withdraw(name, 7));
        }
        for order in [bid(30_000, 5).ioc(), bid(30_000, 5).fok(), ask(1, 5).ioc()] {
            world.assert_rejected(EngineError::MarketHalted, |world| {
                world.place("cat", AVAX, order)
            });
        }
        if phase != HaltPhase::Call {
            for order in [
                bid(21_000, 5),
                ask(21_000, 5).post_only(),
                bid(21_000, 5).slide(),
            ] {
                world.assert_rejected(EngineError::MarketHalted, |world| {
                    world.place("cat", AVAX, order)
                });
            }
        }
        world.deposit("ann", 7).unwrap();
        let cancelled = world.cancel("ann", AVAX, resting.order, resting.sequence);
        let stands = matches!(phase, HaltPhase::Freeze | HaltPhase::Uncross);
        assert_eq!(cancelled.is_err(), stands, "{phase:?}: {cancelled:?}");
        world.assert_sound();
    }
}

/// What mallory and an accomplice did to keep a market halted.
#[derive(Debug, Default)]
struct Siege {
    trips: usize,
    refused: usize,
    halted: u64,
    /// Halted seconds of the worst ten minutes.
    worst: u64,
    /// Quote atoms lost to the book and paid in fees.
    cost: u64,
}

/// For `seconds` the two try every few seconds to trip the market by a trade of their own through the band, taking
/// both orders back in the call. Every halt counts, whatever tripped it. `depth` asks of 5,000 USDC each stand between the index and the band.
fn besiege(seconds: i64, depth: u64) -> Siege {
    let mut world = World::new();
    world.open_market(&MarketSpec::preset(AVAX).halting());
    for name in ["mallory", "crony", "bob"] {
        world.trader(name, 10 * RICH, &[AVAX]);
    }
    let crony = world.seat_index("crony", AVAX);
    let mut siege = Siege::default();
    let (end, mut spans) = (world.now() + seconds, Vec::new());
    while world.now() < end {
        if phase(&world, AVAX) != HaltPhase::Continuous {
            let halt = state(&world, AVAX);
            let span = (halt.tripped_at, halt.call_ends_at + 12);
            if spans.last() != Some(&span) {
                spans.push(span);
            }
            world.advance(1);
            continue;
        }
        world.advance_fresh(5);
        if phase(&world, AVAX) != HaltPhase::Continuous {
            // A refresh that found their print far from the index.
            siege.trips += 1;
            continue;
        }
        for level in 0..depth {
            world
                .place("bob", AVAX, ask(20_050 + level * 100, 25_000))
                .unwrap();
        }
        world
            .place("crony", AVAX, ask(21_100, DEFAULT_VOLUME))
            .unwrap();
        let reach = DEFAULT_VOLUME + depth * 25_000;
        let sent = world.place("mallory", AVAX, bid(21_200, reach)).unwrap();
        let order = placed(&sent);
        siege.cost += order.taker_fee;
        for fill in &order.fills {
            let paid = fill.lots * fill.price * 10;
            // What it pays an accomplice is not lost, but the maker's fee is.
            siege.cost += if fill.maker_seat == crony {
                paid.div_ceil(10_000)
            } else {
                paid - fill.lots * 200_000
            };
        }
        match sent.events_of::<events::HaltStarted>().first() {
            Some(started) if started.halted => {
                assert_eq!(started.cause, Cause::Trade.byte());
                siege.trips += 1;
            }
            _ => siege.refused += 1,
        }
        for name in ["crony", "mallory", "bob"] {
            world.cancel_all(name, AVAX, 64).unwrap();
        }
        world.assert_sound();
    }
    world.advance(COURSE + 30);
    let _ = world.advance_halt(AVAX, 1);
    siege.halted = state(&world, AVAX).halted_seconds_total;
    // Every ten minutes, not only those that begin with a trip.
    let first = end - seconds;
    for from in first..end - 600 {
        let within = |(start, stop): &(i64, i64)| (*stop).min(from + 600) - (*start).max(from);
        let halted: i64 = spans.iter().map(|span| within(span).max(0)).sum();
        siege.worst = siege.worst.max(halted.unsigned_abs());
    }
    siege
}

/// Of ten minutes the whole budget is 150 s and the part of halts that trades trip 60 s: whoever holds both sides of a
/// print gets no more, in an empty book for nothing but the margin of 50,000 USDC a side, and in a book of depth for
/// what it costs to take all of it up to the band, each time.
#[test]
fn attack_09_a_siege_by_trades_is_bounded_by_the_budget_and_costs_the_book_each_time() {
    let empty = besiege(1_800, 0);
    println!("empty book: {empty:?}");
    assert!(empty.trips >= 2 && empty.refused > empty.trips, "{empty:?}");
    assert!(empty.worst <= 60 && empty.halted <= 60 * 4, "{empty:?}");
    let deep = besiege(700, 10);
    println!("50,000 USDC of asks up to the band: {deep:?}");
    assert!(deep.worst <= 60, "{deep:?}");
    // Over two per cent of 50,000 USDC for each halt.
    let each = deep.cost / u64::try_from(deep.trips).unwrap();
    assert!(each > 1_000 * USDC, "{deep:?}");
}

#[test]
fn attack_09_a_takers_order_halts_nothing() {
    let mut world = halting_world();
    for _ in 0..20 {
        world.place("bob", AVAX, ask(25_000, 5_000)).unwrap();
        let sent = world.place("ann", AVAX, bid(25_000, 5_000).ioc()).unwrap();
        assert_eq!(placed(&sent).filled_lots, 0);
        assert!(sent.events_of::<events::HaltStarted>().is_empty());
        let killed = world.place("ann", AVAX, bid(25_000, 5_000).fok());
        assert!(killed.is_err());
        assert_eq!(phase(&world, AVAX), HaltPhase::Continuous);
        world.cancel_all("bob", AVAX, 9).unwrap();
        world.advance_fresh(1);
    }
    assert_eq!(state(&world, AVAX).sequence, 0);
    world.assert_sound();
}

/// In a market without open interest a share of it would be anything: the smallest volume counts.
#[test]
fn attack_09_dust_halts_nothing() {
    let mut world = World::new();
    world.open_market(&MarketSpec::preset(AVAX).halting());
    for name in ["ann", "bob"] {
        world.trader(name, RICH, &[AVAX]);
    }
    let mut left = DEFAULT_VOLUME - 1;
    for lots in [1, 1_000, 100_000, u64::MAX] {
        let lots = lots.min(left);
        left -= lots;
        world.place("bob", AVAX, ask(23_000, lots)).unwrap();
        let sent = world.place("ann", AVAX, bid(23_000, lots)).unwrap();
        assert_eq!(placed(&sent).filled_lots, lots, "it prints");
    }
    assert_eq!(left, 0);
    assert_eq!(phase(&world, AVAX), HaltPhase::Continuous);
    world.place("bob", AVAX, ask(23_000, 1)).unwrap();
    let sent = world.place("ann", AVAX, bid(23_000, 1)).unwrap();
    assert_eq!(sent.events_of::<events::HaltStarted>().len(), 1);
    world.assert_sound();
}

/// The call doubles with each trip in a row, up to its longest, and the budget ends the row.
#[test]
fn attack_09_escalation_ends_at_the_longest_call_and_with_the_budget() {
    let mut world = halting_world();
    let (mut price, mut calls) = (20_000, Vec::new());
    loop {
        price += price * 6 / 100;
        world.advance(1);
        world.publish(AVAX, price);
        let sent = world.refresh(AVAX).unwrap();
        let started: Vec<events::HaltStarted> = sent.events_of();
        if !started[0].halted {
            break;
        }
        calls.push(started[0].call_ends_at - world.now());
        reopen(&mut world, AVAX);
    }
    assert_eq!(calls, [5, 10, 20, 30]);
    assert!(state(&world, AVAX).halted_seconds_total <= 150);
    world.assert_sound();
}

/// Two steps of four per cent within thirty seconds are one of eight, wherever the buckets' borders lie.
#[test]
fn attack_10_a_move_split_over_two_windows_trips() {
    let world = halting_world();
    for offset in 0..6 {
        for gap in [1, 6, 13, 22, 29, 30] {
            let mut world = world.clone();
            world.advance_fresh(40 + offset);
            world.move_index(AVAX, 20_800);
            let moved = world.now();
            while world.now() + 10 < moved + gap {
                world.advance_fresh(10);
            }
            world.advance(moved + gap - world.now());
            world.publish(AVAX, 21_640);
            let sent = world.refresh(AVAX).unwrap();
            let started: Vec<events::HaltStarted> = sent.events_of();
            assert_eq!(started.len(), 1, "offset {offset}, {gap} s apart");
        }
    }
}

/// Under one per cent a minute never leaves the short band; after ten it has left the long one.
#[test]
fn attack_10_a_slow_move_trips_the_long_window() {
    let mut world = halting_world();
    let mut price = 20_000;
    for minute in 1.. {
        price += 190;
        world.advance(60);
        world.publish(AVAX, price);
        let sent = world.refresh(AVAX).unwrap();
        let started: Vec<events::HaltStarted> = sent.events_of();
        if !started.is_empty() {
            assert_eq!((minute, started[0].cause), (11, Cause::Index.byte()));
            break;
        }
        assert!(minute < 11, "it does not trip");
    }
}

/// After a silence the price in force is still the one that a new price is compared with.
#[test]
fn attack_10_a_gap_after_a_silence_trips() {
    let mut world = halting_world();
    world.advance(100_000);
    world.publish(AVAX, 21_200);
    let sent = world.refresh(AVAX).unwrap();
    assert_eq!(sent.events_of::<events::HaltStarted>().len(), 1);
}

/// The book of the attacks on the auction: it clears at 21,200 with supply left there.
fn fair() -> World {
    let mut world = halting_world();
    for name in ["mallory", "crony"] {
        world.trader(name, RICH, &[AVAX]);
    }
    trade(&mut world, AVAX, "bob", "mallory", 20_000, 3_000);
    world.advance_fresh(41);
    trip_index(&mut world, AVAX, 21_200);
    for (name, order) in [
        ("ann", bid(21_300, 1_000)),
        ("dora", bid(21_250, 500)),
        ("bob", ask(21_100, 600)),
        ("cat", ask(21_200, 1_000)),
    ] {
        world.place(name, AVAX, order).unwrap();
    }
    world
}

const CLEARS: Option<(u64, u64)> = Some((21_200, 1_500));

/// Nobody leaves or comes once the book stands still, and a change in the call's last moment puts the auction off
/// until it has stood still for two whole slots, however quick the clock.
#[test]
fn attack_11_nobody_leaves_the_book_before_the_price_is_fixed() {
    let mut world = fair();
    let order = placed(&world.place("mallory", AVAX, bid(22_000, 900)).unwrap());
    let indicated = world.clone();
    wait_for(&mut world, AVAX, HaltPhase::Freeze);
    for wanted in [HaltPhase::Freeze, HaltPhase::Uncross] {
        wait_for(&mut world, AVAX, wanted);
        world.assert_rejected(EngineError::MarketHalted, |world| {
            world.cancel("mallory", AVAX, order.order, order.sequence)
        });
        world.assert_rejected(EngineError::MarketHalted, |world| {
            world.cancel_all("mallory", AVAX, 9)
        });
        world.assert_rejected(EngineError::MarketHalted, |world| {
            world.place("crony", AVAX, ask(20_000, 5_000))
        });
    }
    let calls = uncross(&mut world, AVAX, 128);
    assert_eq!(fixed(&calls).map(|(price, _)| price), Some(21_300));
    // The clock jumps from the call past its end within one slot.
    let mut world = indicated;
    world
        .cancel("mallory", AVAX, order.order, order.sequence)
        .unwrap();
    let (slot, ends) = (world.slot(), state(&world, AVAX).call_ends_at);
    for later in 0..3 {
        world.set_clock(ends, slot + later);
        assert!(world.advance_halt(AVAX, 128).unwrap().events.is_empty());
    }
    world.set_clock(ends, slot + 3);
    assert_eq!(fixed(&[world.advance_halt(AVAX, 128).unwrap()]), CLEARS);
    world.assert_sound();
}

/// An account that traded with itself in the auction would print what it likes for free.
#[test]
fn attack_11_own_orders_on_both_sides_are_refused() {
    let mut world = fair();
    world.place("mallory", AVAX, bid(21_150, 50)).unwrap();
    for order in [ask(21_150, 50), ask(21_000, 50), ask(1, 50)] {
        world.assert_rejected(EngineError::OwnOrdersWouldCross, |world| {
            world.place("mallory", AVAX, order)
        });
        world.assert_rejected(EngineError::OwnOrdersWouldCross, |world| {
            world.place("mallory", AVAX, order.reduce_only())
        });
    }
    // Nor in two steps, with an order from before the halt.
    world.place("mallory", AVAX, ask(21_151, 50)).unwrap();
    world.assert_rejected(EngineError::OwnOrdersWouldCross, |world| {
        world.place("mallory", AVAX, bid(21_151, 50))
    });
    assert_eq!(fixed(&auction(&mut world, AVAX)), CLEARS);
}

/// A lot at every price about the one that clears, on both sides, moves it nowhere.
#[test]
fn attack_11_dust_about_the_price_moves_nothing() {
    let mut world = fair();
    for step in 0..8 {
        world
            .place("mallory", AVAX, ask(21_193 + 2 * step, 1))
            .unwrap();
        world
            .place("crony", AVAX, bid(21_206 - 2 * step, 1))
            .unwrap();
    }
    let (price, _) = fixed(&auction(&mut world, AVAX)).unwrap();
    assert_eq!(price, 21_200);
    world.assert_sound();
}

/// Sixteen reduce-only orders of one position count once, in the price and in the fills.
#[test]
fn attack_11_reduce_only_orders_beyond_the_position_move_no_price() {
    let mut world = fair();
    let mut once = world.clone();
    once.place("mallory", AVAX, ask(21_150, 3_000).reduce_only())
        .unwrap();
    for _ in 0..16 {
        world
            .place("mallory", AVAX, ask(21_150, 3_000).reduce_only())
            .unwrap();
    }
    // With another bid, which a flood of asks would fill at their price.
    for world in [&mut once, &mut world] {
        world.place("crony", AVAX, bid(21_220, 4_000)).unwrap();
    }
    let expected = fixed(&auction(&mut once, AVAX));
    let calls = auction(&mut world, AVAX);
    assert_eq!(fixed(&calls), expected);
    assert_eq!(expected.map(|(price, _)| price), Some(21_220));
    assert_eq!(world.holding("mallory", AVAX).base, 0);
    world.assert_sound();
}

/// The winner sees the gap as soon as everybody does: it can neither close, nor take its gain out, before the loser is
/// torn up against it.
#[test]
fn attack_13_a_gap_stops_matching_before_the_winner_can_leave() {
    let mut world = halting_world();
    trade(&mut world, AVAX, "bob", "ann", 20_000, 10_000);
    leave_with(&mut world, "ann", 180_000_000, "dora");
    // A bid that would take the winner out at the old price.
    world.place("cat", AVAX, bid(19_900, 20_000)).unwrap();
    world.place("cat", AVAX, ask(20_000, 20_000)).unwrap();
    trip_index(&mut world, AVAX, 17_000);
    let close = bid(20_000, 10_000).reduce_only();
    for wanted in [HaltPhase::Call, HaltPhase::Freeze, HaltPhase::Uncross] {
        wait_for(&mut world, AVAX, wanted);
        world.assert_rejected(EngineError::MarketHalted, |world| {
            world.place("bob", AVAX, close.ioc())
        });
        world.assert_rejected(EngineError::MarketHalted, |world| world.withdraw("bob", 7));
        world.assert_refused(|world| world.tear_up("ann", AVAX));
        world.settle("bob", &[AVAX]).unwrap();
    }
    uncross(&mut world, AVAX, 128);
    // RESOLVE: no matching yet, but the loss is passed on.
    for order in [close, close.ioc()] {
        world.assert_rejected(EngineError::MarketHalted, |world| {
            world.place("bob", AVAX, order)
        });
    }
    let before = wealth(&world, &["ann", "bob"]);
    let receipt = torn_up(&mut world, "ann", AVAX);
    assert_eq!(
        receipt.charged, receipt.deficit,
        "in the fund there is nothing"
    );
    assert!(receipt.charged > 100 * USDC, "{receipt:?}");
    assert_eq!(world.holding("bob", AVAX).base, 0);
    let after = wealth(&world, &["ann", "bob"]);
    assert!(after <= before && before - after < 5, "{before} {after}");
    world.assert_sound();
}

/// Until RESOLVE nothing of an account is closed outside the auction.
#[test]
fn attack_13_nothing_is_closed_while_the_market_is_halted() {
    let mut world = halting_world();
    trade(&mut world, AVAX, "bob", "ann", 20_000, 10_000);
    leave_with(&mut world, "ann", 195_000_000, "dora");
    world.move_index(AVAX, 19_010);
    let opened = liquidated(&world.liquidate("ann", AVAX).unwrap());
    assert_eq!(opened.takeover_started_at, world.now());
    trip_index(&mut world, AVAX, 18_400);
    let mut broke = world.clone();
    broke.move_index(AVAX, 17_900);
    for wanted in [HaltPhase::Call, HaltPhase::Freeze, HaltPhase::Uncross] {
        wait_for(&mut world, AVAX, wanted);
        world.assert_rejected(EngineError::IndexStale, |world| {
            world.liquidate("ann", AVAX)
        });
        world.assert_rejected(EngineError::IndexStale, |world| {
            world.take_over("dora", "ann", AVAX, 10)
        });
        wait_for(&mut broke, AVAX, wanted);
        broke.assert_rejected(EngineError::IndexStale, |world| world.tear_up("ann", AVAX));
    }
    uncross(&mut world, AVAX, 128);
    let done = liquidated(&world.liquidate("ann", AVAX).unwrap());
    assert_eq!(done.filled_lots, 0);
    world.assert_sound();
}

/// Ann is long 30,000 lots and below maintenance at 18,900 in the call.
fn below_maintenance() -> World {
    let mut world = halting_world();
    world.trader("mallory", RICH, &[AVAX]);
    trade(&mut world, AVAX, "bob", "ann", 20_000, 30_000);
    leave_with(&mut world, "ann", 580_000_000, "dora");
    trip_index(&mut world, AVAX, 18_900);
    world
}

fn joined(world: &mut World) -> events::AuctionJoined {
    world.join_auction("ann", AVAX).unwrap().event()
}

/// Who sees the liquidation coming can bid low or take the bids away; it sells at its zero price or better, and any
/// other bid shares its price.
#[test]
fn attack_23_a_liquidation_in_the_auction_sells_at_its_zero_price_or_better() {
    let world = below_maintenance();
    // Bids only under the zero price: nothing is sold.
    let mut cleared = world.clone();
    let interest = joined(&mut cleared);
    cleared
        .place("mallory", AVAX, bid(interest.price - 1, 60_000))
        .unwrap();
    assert_eq!(fixed(&auction(&mut cleared, AVAX)), None);
    assert_eq!(cleared.holding("ann", AVAX).base, 30_000_000_000);
    // At the zero price: what is left of it stands no worse than before.
    let mut zero = world.clone();
    let interest = joined(&mut zero);
    let (q, margin) = standing(&zero, "ann");
    zero.place("mallory", AVAX, bid(interest.price, 60_000))
        .unwrap();
    assert_eq!(
        fixed(&auction(&mut zero, AVAX)),
        Some((interest.price, interest.lots))
    );
    let (after, margin_after) = standing(&zero, "ann");
    assert!(
        i128::from(after + 2) * i128::from(margin) >= i128::from(q) * i128::from(margin_after),
        "{q}/{margin} became {after}/{margin_after}"
    );
    // Anyone's better bid is the price for all, the sandwich's bids too.
    let mut open = world.clone();
    let interest = joined(&mut open);
    open.place("mallory", AVAX, bid(interest.price, 60_000))
        .unwrap();
    open.place("cat", AVAX, bid(18_850, 60_000)).unwrap();
    assert_eq!(
        fixed(&auction(&mut open, AVAX)),
        Some((18_850, interest.lots))
    );
    assert_eq!(open.holding("mallory", AVAX).base, 0);
    open.assert_sound();
}

/// Its owner would rather wait: it cannot take the interest away, shrink it, or stand in its way.
#[test]
fn attack_23_the_owner_of_a_liquidation_cannot_take_it_out_of_the_auction() {
    let mut world = below_maintenance();
    let interest = joined(&mut world);
    let sequence = world.market(AVAX).orders(OrderSide::Ask)[0].1.sequence;
    world.assert_rejected(EngineError::LiquidationInterest, |world| {
        world.cancel("ann", AVAX, interest.order, sequence)
    });
    world.assert_rejected(EngineError::UnknownClientId, |world| {
        world.cancel_by_client_id("ann", AVAX, 0)
    });
    let none: events::OrdersCancelled = world.cancel_all("ann", AVAX, 9).unwrap().event();
    assert_eq!(none.count, 0);
    for order in [
        ask(18_000, 30_000).reduce_only(),
        ask(18_950, 10).reduce_only(),
    ] {
        if let Ok(sent) = world.place("ann", AVAX, order) {
            // Its own selling comes on top at most: anybody takes that off again.
            assert!(placed(&sent).resting_lots > 0);
            let again = joined(&mut world);
            assert_eq!((again.cancelled, again.lots), (1, interest.lots));
        }
    }
    world.place("cat", AVAX, bid(18_900, 60_000)).unwrap();
    assert_eq!(
        fixed(&auction(&mut world, AVAX)),
        Some((18_900, interest.lots))
    );
    world.assert_sound();
}

/// A lender's money is there, or its line is called or recalled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Credit {
    None,
    Called,
    Recalled,
}

/// Ann is long 10,000 lots; the arena of the market is full if asked for.
fn in_debt(full: bool, credit: Credit) -> World {
    let mut world = World::new();
    let mut spec = halting(AVAX);
    if full {
        spec = spec.blocks(13 + 4 * 17);
    }
    world.open_market(&spec);
    world.trader("ann", 400 * USDC, &[AVAX]);
    for name in ["bob", "cat", "dora"] {
        world.trader(name, RICH, &[AVAX]);
    }
    for name in ["uma", "provider"] {
        world.fund_wallet(name);
    }
    world.keeper();
    if full {
        world.trader("late", 0, &[]);
        world.assert_rejected(EngineError::ArenaFull, |world| {
            world.claim_seat("late", AVAX, 1)
        });
    }
    if credit != Credit::None {
        let terms = world.terms(500 * USDC, &[AVAX]);
        world.lend("uma", "ann", (1_000 * USDC, 4_000 * USDC), terms);
    }
    world.keep_fresh();
    trade(&mut world, AVAX, "bob", "ann", 20_000, 10_000);
    if credit != Credit::None {
        leave_with(&mut world, "ann", 180_000_000, "dora");
        world.move_index(AVAX, 19_200);
        world.draw("uma", "ann").unwrap();
        world.move_index(AVAX, 20_000);
    }
    if credit == Credit::Recalled {
        world.recall_line("uma", "ann").unwrap();
    }
    world
}

/// The world in every state of a halt, open and in the midst of an auction too.
fn every_state(world: &World) -> Vec<(String, World)> {
    let mut states = vec![("open".to_owned(), world.clone())];
    for wanted in PHASES {
        let mut world = world.clone();
        trip_index(&mut world, AVAX, 18_900);
        world.place("cat", AVAX, bid(18_950, 40)).unwrap();
        world.place("bob", AVAX, ask(18_940, 15)).unwrap();
        world.place("dora", AVAX, ask(18_945, 15)).unwrap();
        if wanted == HaltPhase::Resolve {
            auction(&mut world, AVAX);
        }
        wait_for(&mut world, AVAX, wanted);
        if wanted == HaltPhase::Uncross {
            let mut amid = world.clone();
            for calls in 0.. {
                assert!(calls < 9, "the auction ended");
                amid.advance_halt(AVAX, 2).unwrap();
                let walk = state(&amid, AVAX).walk;
                if walk.lots != 0 && state(&amid, AVAX).auction_price != 0 {
                    break;
                }
            }
            states.push(("amid the auction".to_owned(), amid));
        }
        states.push((format!("{wanted:?}"), world));
    }
    let mut over = world.clone();
    trip_index(&mut over, AVAX, 18_900);
    over.advance(COURSE);
    states.push(("over and not written down".to_owned(), over));
    states
}

/// Halt states × stale index × guardian × full market × the account's need × its credit (INV-8).
#[test]
fn attack_45_a_deposit_works_in_every_reachable_state_of_a_halt() {
    let mut tried = 0;
    for full in [false, true] {
        for credit in [Credit::None, Credit::Called, Credit::Recalled] {
            for (phase, world) in every_state(&in_debt(full, credit)) {
                for (need, cash) in [("well off", 900), ("below", 160), ("broke", 0)] {
                    for (stale, guarded) in
                        [(false, false), (true, false), (false, true), (true, true)]
                    {
                        let what = format!(
                            "{phase}, {need}, {credit:?}, full {full}, stale {stale}, guarded {guarded}"
                        );
                        let mut world = world.clone();
                        leave_with(&mut world, "ann", cash * 1_000_000, "dora");
                        if need != "well off" {
                            // A keeper has seen it: flagged, joined, or refused, whatever the phase says.
                            let _ = world.liquidate("ann", AVAX);
                            let _ = world.join_auction("ann", AVAX);
                        }
                        let now = world.now();
                        world.change_header(AVAX, |header| {
                            if stale {
                                header.prices.index_time = now - 100_000;
                            }
                            if guarded {
                                header.guardian_until = now + 1_000;
                            }
                        });
                        let before = world.collateral("ann");
                        let sent = world.deposit("ann", 7);
                        assert!(sent.is_ok(), "{what}: {sent:?}");
                        let sent = world.deposit_through("ann", 1, 5);
                        assert!(sent.is_ok(), "{what}: {sent:?}");
                        assert_eq!(world.collateral("ann"), before + 12, "{what}");
                        world.assert_custody_exact();
                        tried += 1;
                    }
                }
            }
        }
    }
    assert_eq!(tried, 2 * 3 * 7 * 3 * 4);
}

/// Mallory waits with a low bid for the first moment of the reopening: what was to be closed has been sold in the
/// auction before.
#[test]
fn attack_46_nobody_is_liquidated_at_the_first_tick_of_a_reopening() {
    let mut world = below_maintenance();
    world.place("mallory", AVAX, bid(18_200, 60_000)).unwrap();
    world.place("cat", AVAX, bid(18_880, 60_000)).unwrap();
    let interest = joined(&mut world);
    // The auction takes its part, and not mallory's bid.
    assert_eq!(
        fixed(&auction(&mut world, AVAX)),
        Some((18_880, interest.lots))
    );
    assert_eq!(world.holding("mallory", AVAX).base, 0);
    world.cancel_all("cat", AVAX, 9).unwrap();
    // In RESOLVE there is no book; at the first tick there is nobody to liquidate.
    world.assert_rejected(EngineError::MarketHalted, |world| {
        world.place("mallory", AVAX, bid(18_200, 5).ioc())
    });
    let (q, margin) = standing(&world, "ann");
    assert!(q >= i64::try_from(margin).unwrap(), "{q} {margin}");
    wait_for(&mut world, AVAX, HaltPhase::Continuous);
    world.assert_rejected(EngineError::NotLiquidatable, |world| {
        world.liquidate("ann", AVAX)
    });
    assert_eq!(world.holding("mallory", AVAX).base, 0);
    world.assert_sound();
}

/// Continuous trading does not come back before the auction had its time, whoever calls.
#[test]
fn attack_46_no_call_reopens_a_market_before_its_auction() {
    let mut world = below_maintenance();
    world.place("mallory", AVAX, bid(18_200, 60_000)).unwrap();
    let trip = state(&world, AVAX);
    for _ in 0..5 {
        for _ in 0..3 {
            world.advance_halt(AVAX, u16::MAX).unwrap();
        }
        assert_ne!(phase(&world, AVAX), HaltPhase::Continuous);
        world.assert_refused(|world| world.liquidate("ann", AVAX));
        world.advance(1);
    }
    assert_eq!(world.now(), trip.call_ends_at);
    // Who calls first does everybody's work, and RESOLVE still takes its two seconds.
    world.advance_halt(AVAX, 128).unwrap();
    for _ in 0..2 {
        assert_eq!(phase(&world, AVAX), HaltPhase::Resolve);
        let done = liquidated(&world.liquidate("ann", AVAX).unwrap());
        assert_eq!(done.filled_lots, 0);
        world.advance(1);
    }
    assert_eq!(phase(&world, AVAX), HaltPhase::Continuous);
    world.assert_sound();
}

/// In a halt too the mark is where the index is, in the instruction that brings it, and accounts are judged by it.
#[test]
fn attack_48_a_halt_does_not_hold_the_mark_back() {
    let mut world = halting_world();
    trade(&mut world, AVAX, "bob", "ann", 20_000, 30_000);
    leave_with(&mut world, "ann", 1_250_000_000, "dora");
    // Forty seconds of trades above the index have lifted the basis.
    world.place("cat", AVAX, ask(20_060, 1)).unwrap();
    world.place("bob", AVAX, bid(20_060, 1)).unwrap();
    world.advance_fresh(14);
    trip_index(&mut world, AVAX, 16_500);
    let prices = world.market(AVAX).header.prices;
    assert_eq!(prices.mark, prices.index);
    let interest = joined(&mut world);
    assert!(interest.lots > 0);
    // The gap goes on in the call: the interest follows it at once.
    world.move_index(AVAX, 16_200);
    let prices = world.market(AVAX).header.prices;
    assert_eq!(prices.mark, prices.index);
    let more = joined(&mut world);
    assert!(more.lots > interest.lots || more.price < interest.price);
    let mut broke = world.clone();
    broke.move_index(AVAX, 12_000);
    assert!(equity(&broke, "ann") < 0);
    auction(&mut broke, AVAX);
    torn_up(&mut broke, "ann", AVAX);
    broke.assert_sound();
    world.assert_sound();
}
