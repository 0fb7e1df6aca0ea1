//! Accounts below maintenance in the auction of a halt (spec §7, `join_auction`).

use plimsoll_engine::state::{HaltPhase, OrderSide};
use plimsoll_testkit::{ask, bid, events, EngineError, World};

use super::halts_scenes::*;

/// Where ann is under maintenance, ticks.
const BELOW: u64 = 18_900;

/// Ann is long 30,000 lots at 20,000 on 580 USDC.
fn poor_long() -> World {
    let mut world = halting_world();
    trade(&mut world, AVAX, "bob", "ann", 20_000, 30_000);
    leave_with(&mut world, "ann", 580_000_000, "dora");
    world
}

/// The same in the call of a halt.
fn called() -> World {
    let mut world = poor_long();
    trip_index(&mut world, AVAX, BELOW);
    let (q, margin) = standing(&world, "ann");
    assert!(q > 0 && q < i64::try_from(margin).unwrap());
    world
}

fn join(world: &mut World) -> events::AuctionJoined {
    let sent = world.join_auction("ann", AVAX).unwrap();
    world.assert_sound();
    // A draw says itself what it drew.
    let [joined] = &sent.events_of::<events::AuctionJoined>()[..] else {
        panic!("{:?}", sent.events);
    };
    joined.clone()
}

/// Treasury, default fund and keeper pool will be paid out of these.
fn accrued(world: &World) -> [u64; 3] {
    let cash = world.market(AVAX).header.cash;
    [
        cash.fees_accrued,
        cash.liquidation_fees_accrued,
        cash.contributions_accrued,
    ]
}

#[test]
fn an_account_below_maintenance_sells_what_cures_it_at_the_auctions_price() {
    let mut world = called();
    world.place("cat", AVAX, bid(BELOW, 60_000)).unwrap();
    let joined = join(&mut world);
    assert_eq!(joined.side, OrderSide::Ask.byte());
    // The zero price: the mark less what a lot still has of equity, and its charge.
    let (q, _) = standing(&world, "ann");
    let zero = (BELOW * 300_000 - q.unsigned_abs()) * 1_000;
    assert_eq!(joined.price, zero.div_ceil(300_000 * 997));
    assert!(
        joined.lots > 5_000 && joined.lots < 15_000,
        "{}",
        joined.lots
    );
    let before = accrued(&world);
    let calls = auction(&mut world, AVAX);
    assert_eq!(fixed(&calls), Some((BELOW, joined.lots)));
    let (q, margin) = standing(&world, "ann");
    assert!(q * 100 >= i64::try_from(margin * 115).unwrap() - 200);
    // The liquidation's charge, and nothing of either side's fee for the treasury (INV-9).
    let [sold] = &fills(&calls)
        .into_iter()
        .filter(|fill| fill.liquidation)
        .collect::<Vec<_>>()[..]
    else {
        panic!();
    };
    let cash = joined.lots * BELOW * 10;
    let (fee, contribution) = (
        (cash * 500).div_ceil(1_000_000),
        (cash * 2_500).div_ceil(1_000_000),
    );
    assert!(sold.fee.abs_diff(fee + contribution) <= 1, "{}", sold.fee);
    let after = accrued(&world);
    assert_eq!(after[0], before[0], "the exchange's fees");
    let makers = (cash * 100).div_ceil(1_000_000);
    let all = after[1] - before[1] + after[2] - before[2];
    assert_eq!(all, sold.fee + makers);
    assert!(after[2] - before[2] >= contribution - 1);
    reopen(&mut world, AVAX);
    world.assert_rejected(EngineError::NotLiquidatable, |world| {
        world.liquidate("ann", AVAX)
    });
}

/// Of an auction in which nothing but a liquidation trades the treasury gets nothing at all.
#[test]
fn the_treasury_gets_nothing_of_a_liquidation_in_an_auction() {
    let mut world = called();
    world.place("cat", AVAX, bid(BELOW, 60_000)).unwrap();
    join(&mut world);
    let (treasury, before) = (world.default_fund().treasury, accrued(&world));
    auction(&mut world, AVAX);
    assert_eq!(accrued(&world)[0], before[0]);
    for _ in 0..2 {
        for name in ["ann", "bob", "cat"] {
            let _ = world.settle(name, &[AVAX]);
        }
    }
    world.advance_fresh(3_700);
    world.sweep_fees(AVAX).unwrap();
    assert_eq!(accrued(&world), [0; 3]);
    // Its part of the opening trade's fees alone.
    let received = world.default_fund().treasury - treasury;
    assert_eq!(received, before[0] * 4 / 10);
    world.assert_sound();
}

#[test]
fn a_short_joins_with_a_bid() {
    let mut world = halting_world();
    trade(&mut world, AVAX, "ann", "bob", 20_000, 30_000);
    leave_with(&mut world, "ann", 580_000_000, "dora");
    trip_index(&mut world, AVAX, 21_100);
    world.place("cat", AVAX, ask(21_100, 60_000)).unwrap();
    let joined = join(&mut world);
    assert_eq!(joined.side, OrderSide::Bid.byte());
    assert!(joined.price > 21_100);
    assert_eq!(
        fixed(&auction(&mut world, AVAX)),
        Some((21_100, joined.lots))
    );
    assert!(world.holding("ann", AVAX).base > -30_000_000_000);
}

/// Its other orders go first; in FREEZE they cannot, and then it cannot join.
#[test]
fn orders_leave_the_book_before_their_account_joins() {
    let mut world = halting_world();
    trade(&mut world, AVAX, "bob", "ann", 20_000, 30_000);
    for price in [25_000, 26_000] {
        world.place("ann", AVAX, ask(price, 100)).unwrap();
    }
    leave_with(&mut world, "ann", 580_000_000, "dora");
    trip_index(&mut world, AVAX, BELOW);
    let mut late = world.clone();
    let joined = join(&mut world);
    assert_eq!(joined.cancelled, 2);
    assert!(joined.lots > 0);
    assert_eq!(world.seat("ann", AVAX).orders, 1);
    wait_for(&mut late, AVAX, HaltPhase::Freeze);
    let sent = late.join_auction("ann", AVAX).unwrap();
    let nothing: events::AuctionJoined = sent.event();
    assert_eq!((nothing.cancelled, nothing.lots), (0, 0));
    late.assert_sound();
}

#[test]
fn interest_may_still_come_when_the_book_stands_still() {
    let mut world = called();
    world.place("cat", AVAX, bid(BELOW, 60_000)).unwrap();
    wait_for(&mut world, AVAX, HaltPhase::Freeze);
    let joined = join(&mut world);
    assert!(joined.lots > 0);
    assert_eq!(
        fixed(&auction(&mut world, AVAX)),
        Some((BELOW, joined.lots))
    );
    // Not in the auction, not after it.
    for phase in [HaltPhase::Resolve, HaltPhase::Continuous] {
        wait_for(&mut world, AVAX, phase);
        world.assert_rejected(EngineError::NotInCall, |world| {
            world.join_auction("ann", AVAX)
        });
    }
}

#[test]
fn an_auction_that_runs_admits_nobody() {
    let mut world = called();
    wait_for(&mut world, AVAX, HaltPhase::Uncross);
    world.assert_rejected(EngineError::NotInCall, |world| {
        world.join_auction("ann", AVAX)
    });
}

#[test]
fn interest_is_put_anew_when_the_account_or_the_price_has_moved() {
    let mut world = called();
    let first = join(&mut world);
    let again = join(&mut world);
    assert_eq!((first.lots, first.price), (again.lots, again.price));
    assert_eq!(world.seat("ann", AVAX).orders, 1);
    world.move_index(AVAX, 18_600);
    let worse = join(&mut world);
    assert!(worse.lots > first.lots, "{} {}", worse.lots, first.lots);
    world.deposit("ann", 60 * USDC).unwrap();
    let better = join(&mut world);
    assert!(better.lots < worse.lots);
    assert_eq!(world.seat("ann", AVAX).orders, 1);
}

#[test]
fn a_deposit_takes_an_account_out_of_the_auction() {
    let mut world = called();
    join(&mut world);
    world.deposit("ann", 200 * USDC).unwrap();
    let left = join(&mut world);
    assert_eq!((left.lots, left.order), (0, 0));
    assert_eq!(world.seat("ann", AVAX).orders, 0);
    world.assert_rejected(EngineError::NotLiquidatable, |world| {
        world.join_auction("ann", AVAX)
    });
    world.place("cat", AVAX, bid(BELOW, 60_000)).unwrap();
    assert_eq!(fixed(&auction(&mut world, AVAX)), None);
    assert_eq!(world.holding("ann", AVAX).base, 30_000_000_000);
}

#[test]
fn interest_is_not_its_owners_to_cancel() {
    let mut world = called();
    let joined = join(&mut world);
    let sequence = world.market(AVAX).orders(OrderSide::Ask)[0].1.sequence;
    for phase in [HaltPhase::Call, HaltPhase::Freeze] {
        wait_for(&mut world, AVAX, phase);
        let mut world = world.clone();
        if phase == HaltPhase::Call {
            world.assert_rejected(EngineError::LiquidationInterest, |world| {
                world.cancel("ann", AVAX, joined.order, sequence)
            });
            world.assert_rejected(EngineError::UnknownClientId, |world| {
                world.cancel_by_client_id("ann", AVAX, 0)
            });
            world.assert_rejected(EngineError::OrderNotExpired, |world| {
                world.remove_expired(AVAX, joined.order, sequence)
            });
            let none: events::OrdersCancelled = world.cancel_all("ann", AVAX, 64).unwrap().event();
            assert_eq!(none.count, 0);
        }
        world.assert_refused(|world| world.cancel("ann", AVAX, joined.order, sequence));
        assert_eq!(world.seat("ann", AVAX).orders, 1);
    }
}

/// What the auction leaves of it has expired: it trades with nobody and stands in nobody's way.
#[test]
fn interest_dies_with_the_auction() {
    let mut world = called();
    let joined = join(&mut world);
    world.place("cat", AVAX, bid(BELOW, 1_000)).unwrap();
    let calls = auction(&mut world, AVAX);
    assert_eq!(fixed(&calls), Some((joined.price, 1_000)), "supply is left");
    let left = world.market(AVAX).orders(OrderSide::Ask);
    assert_eq!(left[0].1.lots, joined.lots - 1_000);
    let mut next = world.clone();
    reopen(&mut world, AVAX);
    assert_eq!(
        world.seat("ann", AVAX).orders,
        0,
        "a refresh clears the front"
    );
    // Or whoever meets it.
    wait_for(&mut next, AVAX, HaltPhase::Continuous);
    let sent = next.place("cat", AVAX, bid(BELOW, 10)).unwrap();
    let placed = sent.events_of::<events::OrderPlaced>();
    assert_eq!((placed[0].filled_lots, placed[0].removals.len()), (0, 1));
    // It does not stand in the way of its own liquidation either.
    let done = liquidated(&next.liquidate("ann", AVAX).unwrap());
    assert!(done.filled_lots <= 10);
    next.assert_sound();
    world.assert_sound();
}

/// Nothing is sold of an account whose line cures it, and it is not in the auction afterwards.
#[test]
fn a_line_that_cures_comes_before_the_auction() {
    for (limit, cures) in [(600 * USDC, true), (USDC, false)] {
        let mut world = halting_world();
        trade(&mut world, AVAX, "bob", "ann", 20_000, 30_000);
        for name in ["uma", "provider"] {
            world.fund_wallet(name);
        }
        let terms = world.terms(limit, &[AVAX]);
        world.lend("uma", "ann", (1_000 * USDC, 4_000 * USDC), terms);
        leave_with(&mut world, "ann", 580_000_000, "dora");
        world.advance_fresh(41);
        trip_index(&mut world, AVAX, BELOW);
        let joined = join(&mut world);
        assert_eq!((joined.drawn != 0, joined.lots == 0), (cures, cures));
        world.assert_vault_exact("uma");
        world.place("cat", AVAX, bid(BELOW, 60_000)).unwrap();
        let calls = auction(&mut world, AVAX);
        assert_eq!(fixed(&calls).is_none(), cures);
        world.assert_vault_exact("uma");
        world.assert_sound();
        if cures {
            world.assert_rejected(EngineError::NotLiquidatable, |world| {
                world.liquidate("ann", AVAX)
            });
        }
    }
}

/// A broke account has no zero price: it waits for RESOLVE, where its loss is passed on.
#[test]
fn a_broke_account_joins_nothing() {
    let mut world = poor_long();
    trip_index(&mut world, AVAX, 17_900);
    assert!(equity(&world, "ann") < 0);
    let none = join(&mut world);
    assert_eq!((none.lots, none.order), (0, 0));
    world.place("cat", AVAX, bid(17_900, 60_000)).unwrap();
    assert_eq!(fixed(&auction(&mut world, AVAX)), None);
    torn_up(&mut world, "ann", AVAX);
    world.assert_sound();
}

/// Twenty small accounts and one price.
#[test]
fn everybody_below_maintenance_gets_the_same_price() {
    let mut world = halting_world();
    let names: Vec<String> = (0..20).map(|number| format!("poor-{number}")).collect();
    for name in &names {
        world.trader(name, RICH, &[AVAX]);
        trade(&mut world, AVAX, "bob", name, 20_000, 300);
        leave_with(&mut world, name, 5_800_000, "dora");
    }
    trip_index(&mut world, AVAX, BELOW);
    world.place("cat", AVAX, bid(18_800, 60_000)).unwrap();
    let mut lots = 0;
    for name in &names {
        let joined: events::AuctionJoined = world.join_auction(name, AVAX).unwrap().event();
        lots += joined.lots;
    }
    let calls = auction(&mut world, AVAX);
    assert_eq!(fixed(&calls), Some((18_800, lots)));
    let held: Vec<_> = names.iter().map(|name| world.holding(name, AVAX)).collect();
    assert!(held.windows(2).all(|pair| pair[0] == pair[1]), "{held:?}");
    world.assert_sound();
}

/// What the auction left of an account's interest does not hold its tear-up up, whether anybody ran the auction or not.
#[test]
fn interest_that_is_left_over_does_not_delay_a_tear_up() {
    for cranked in [true, false] {
        let mut world = called();
        join(&mut world);
        world.move_index(AVAX, 17_900);
        assert!(equity(&world, "ann") < 0);
        wait_for(&mut world, AVAX, HaltPhase::Uncross);
        if cranked {
            uncross(&mut world, AVAX, 128);
        }
        wait_for(&mut world, AVAX, HaltPhase::Resolve);
        assert_eq!(world.seat("ann", AVAX).orders, 1);
        let receipt = torn_up(&mut world, "ann", AVAX);
        assert!(receipt.charged != 0);
        assert_eq!(world.holding("ann", AVAX).base, 0);
        world.assert_sound();
        // The order goes with the next refresh, and the seat is free again.
        reopen(&mut world, AVAX);
        assert_eq!(world.seat("ann", AVAX).orders, 0);
        world.assert_sound();
    }
}
