//! The course of a halt: what each phase lets through, and how it ends with anybody's help or nobody's.

use plimsoll_engine::halt::Cause;
use plimsoll_engine::state::HaltPhase;
use plimsoll_testkit::{ask, bid, events, EngineError, OrderExt, World};

use super::halts_scenes::*;

/// Bob is short and ann long 1,000 lots; nobody else holds anything.
fn held() -> World {
    let mut world = halting_world();
    trade(&mut world, AVAX, "bob", "ann", 20_000, 1_000);
    world.advance_fresh(41);
    world
}

#[test]
fn the_full_course_takes_its_seconds_and_says_each_step() {
    let mut world = held();
    let trip = trip_index(&mut world, AVAX, 21_200);
    let tripped = world.now();
    world.place("cat", AVAX, bid(21_250, 100)).unwrap();
    world.place("dora", AVAX, ask(21_150, 60)).unwrap();
    // Too early, nothing moves: not in CALL, not in FREEZE.
    for _ in 0..5 {
        assert!(world.advance_halt(AVAX, 128).unwrap().events.is_empty());
        assert_eq!(world.mark(AVAX).halt_phase, HaltPhase::Call.byte());
        world.advance(1);
    }
    assert_eq!(world.now(), trip.call_ends_at);
    let calls = uncross(&mut world, AVAX, 128);
    let [sent] = &calls[..] else { panic!() };
    assert_eq!(fixed(&calls), Some((21_250, 60)));
    let ended: Vec<events::AuctionEnded> = sent.events_of();
    assert_eq!(ended[0].reopens_at, tripped + 7);
    assert_eq!(world.mark(AVAX).halt_phase, HaltPhase::Resolve.byte());
    world.advance(2);
    // The next who changes the market writes the reopening down.
    assert_eq!(state(&world, AVAX).phase, HaltPhase::Resolve.byte());
    let sent = world.place("cat", AVAX, bid(21_000, 1)).unwrap();
    let [reopened] = &sent.events_of::<events::HaltEnded>()[..] else {
        panic!("{:?}", sent.events);
    };
    assert_eq!(
        (reopened.reopened_at, reopened.halted_seconds),
        (tripped + 7, 7)
    );
    assert!(!reopened.reduce_only);
    let halt = state(&world, AVAX);
    assert_eq!((halt.phase, halt.cause), (0, Cause::Index.byte()));
    assert_eq!(
        (halt.reopened_at, halt.halted_seconds_total),
        (tripped + 7, 7)
    );
    // Both windows began again: the move that halted it trips nothing after it.
    world.move_index(AVAX, 21_900);
    assert_eq!(phase(&world, AVAX), HaltPhase::Continuous);
    world.assert_sound();
}

/// Nobody cranks: the clock alone ends it, and the first order after it trades as if nothing had been.
#[test]
fn with_nobody_calling_an_order_long_after_finds_the_market_open() {
    let mut world = held();
    trip_index(&mut world, AVAX, 21_200);
    let tripped = world.now();
    world.advance(COURSE - 1);
    assert_eq!(phase(&world, AVAX), HaltPhase::Resolve);
    world.advance(1);
    assert_eq!(phase(&world, AVAX), HaltPhase::Continuous);
    let mut soon = world.clone();
    world.advance(100_000);
    let order = ask(21_000, 10).reduce_only();
    for world in [&mut soon, &mut world] {
        let sent = world.place("ann", AVAX, order).unwrap();
        let [reopened] = &sent.events_of::<events::HaltEnded>()[..] else {
            panic!("{:?}", sent.events);
        };
        // As of when it came about, whoever writes it down and whenever.
        assert_eq!(reopened.reopened_at, tripped + COURSE);
        assert_eq!(reopened.halted_seconds, 17);
        let halt = state(world, AVAX);
        assert_eq!((halt.phase, halt.halted_seconds_total), (0, 17));
        world.assert_sound();
    }
}

#[test]
fn advance_halt_writes_a_reopening_down_once() {
    let mut world = held();
    trip_index(&mut world, AVAX, 21_200);
    world.advance(1_000);
    let ended: events::HaltEnded = world.advance_halt(AVAX, 1).unwrap().event();
    assert!(ended.reduce_only, "its index is stale");
    assert_eq!(world.mark(AVAX).halt_phase, 0);
    assert!(world.advance_halt(AVAX, 1).unwrap().events.is_empty());
    world.assert_sound();
}

#[test]
fn a_market_that_reopens_on_a_stale_index_takes_only_what_reduces() {
    let mut world = held();
    trip_index(&mut world, AVAX, 21_200);
    world.advance(COURSE);
    let sent = world.place("ann", AVAX, ask(21_100, 50).reduce_only());
    let ended = sent.unwrap().events_of::<events::HaltEnded>();
    assert!(ended[0].reduce_only);
    world.assert_rejected(EngineError::IndexStale, |world| {
        world.place("cat", AVAX, bid(21_200, 10))
    });
    // Who is short may close against it.
    world
        .place("bob", AVAX, bid(21_200, 50).reduce_only())
        .unwrap();
    assert_eq!(world.holding("ann", AVAX).base, 950_000_000);
    world.keep_fresh();
    world.place("cat", AVAX, bid(21_200, 10)).unwrap();
    world.assert_sound();
}

#[test]
fn orders_and_cancels_go_by_the_table() {
    let mut world = held();
    world
        .place("cat", AVAX, bid(19_000, 7).client_id(5))
        .unwrap();
    world.place("cat", AVAX, bid(18_000, 7)).unwrap();
    let expires_at = world.now() + 2;
    let old = world
        .place("dora", AVAX, bid(17_000, 7).expires_at(expires_at))
        .unwrap()
        .event::<events::OrderPlaced>();
    for (phase, world) in in_every_phase(&world) {
        let call = phase == HaltPhase::Call;
        let stands = matches!(phase, HaltPhase::Freeze | HaltPhase::Uncross);
        let tried =
            |what: &str, admitted: bool, call: &dyn Fn(&mut World) -> plimsoll_testkit::Outcome| {
                let mut world = world.clone();
                if admitted {
                    let sent = call(&mut world);
                    assert!(sent.is_ok(), "{what} in {phase:?}: {sent:?}");
                    world.assert_sound();
                } else {
                    world.assert_rejected(EngineError::MarketHalted, call);
                }
            };
        tried("a limit order", call, &|world| {
            world.place("dora", AVAX, bid(21_000, 5))
        });
        tried("a reducing order", call, &|world| {
            world.place("ann", AVAX, ask(21_000, 5).reduce_only())
        });
        tried("a post-only order", call, &|world| {
            world.place("dora", AVAX, ask(25_000, 5).post_only())
        });
        tried("an order that takes", false, &|world| {
            world.place("dora", AVAX, bid(30_000, 5).ioc())
        });
        tried("a cancel", !stands, &|world| {
            world.cancel_by_client_id("cat", AVAX, 5)
        });
        tried("a cancel of all", !stands, &|world| {
            world.cancel_all("cat", AVAX, 9)
        });
        if world.now() >= expires_at {
            tried("an expired order's end", !stands, &|world| {
                world.remove_expired(AVAX, old.order, old.sequence)
            });
        }
        tried("a refresh", true, &|world| {
            world.advance(1);
            world.publish(AVAX, 21_300);
            world.refresh(AVAX)
        });
        tried("a seat", true, &|world| {
            world.create_margin_account("eve")?;
            world.claim_seat("eve", AVAX, 4)?;
            world.release_seat("eve", AVAX)
        });
    }
}

/// Holders of a position or an order in the halted market wait; everybody else is paid.
#[test]
fn a_withdrawal_waits_for_holders_in_the_halted_market_alone() {
    let mut world = World::new();
    world.open_market(&halting(AVAX));
    world.open_market(&halting(TWIN));
    for name in ["ann", "bob", "cat", "dora", "eve"] {
        world.trader(name, RICH, &[AVAX, TWIN]);
    }
    world.trader("fay", RICH, &[TWIN]);
    trade(&mut world, AVAX, "bob", "ann", 20_000, 100);
    trade(&mut world, TWIN, "fay", "eve", 20_000, 100);
    world.place("cat", AVAX, bid(19_000, 1)).unwrap();
    world.advance_fresh(130);
    for (phase, world) in in_every_phase(&world) {
        for (name, waits) in [
            ("ann", true),
            ("bob", true),
            ("cat", true),
            ("dora", false),
            ("eve", false),
            ("fay", false),
        ] {
            let mut world = world.clone();
            if waits {
                world.assert_rejected(EngineError::MarketHalted, |world| world.withdraw(name, 7));
            } else {
                let paid = world.withdraw(name, 7);
                assert!(paid.is_ok(), "{name} in {phase:?}: {paid:?}");
            }
            world.assert_sound();
        }
    }
    // Over is over.
    trip_index(&mut world, AVAX, 21_200);
    reopen(&mut world, AVAX);
    world.publish(TWIN, 20_000);
    let _ = world.refresh(TWIN);
    for name in ["ann", "bob", "cat"] {
        world.withdraw(name, 7).unwrap();
    }
}

#[test]
fn deposits_and_settles_go_on_in_every_phase() {
    for (phase, mut world) in in_every_phase(&held()) {
        world.deposit("ann", 7).unwrap();
        world.assert_sound();
        // The loser pays in, and the winner is paid what there is.
        let (bob, ann) = (world.collateral("bob"), world.collateral("ann"));
        world.settle("bob", &[AVAX]).unwrap();
        world.settle("ann", &[AVAX]).unwrap();
        world.assert_sound();
        let lost = bob - world.collateral("bob");
        assert!(lost > 0, "{phase:?}");
        let gained = world.collateral("ann") - ann;
        assert!(
            gained > 0 && gained <= lost,
            "{phase:?}: {gained} of {lost}"
        );
        // It does not leave: not in the halt, and not before it has aged.
        world.assert_rejected(EngineError::MarketHalted, |world| world.withdraw("ann", 7));
    }
}

/// Ann lives on credit in a market that may halt.
fn lent() -> World {
    let mut world = World::new();
    world.open_market(&halting(AVAX));
    world.trader("ann", 240 * USDC, &[AVAX]);
    world.trader("bob", RICH, &[AVAX]);
    for name in ["uma", "provider", "mallory"] {
        world.fund_wallet(name);
    }
    world.keeper();
    let terms = world.terms(500 * USDC, &[AVAX]);
    world.lend("uma", "ann", (1_000 * USDC, 4_000 * USDC), terms);
    trade(&mut world, AVAX, "bob", "ann", 20_000, 10_000);
    world.advance_fresh(41);
    world
}

#[test]
fn a_line_is_drawn_in_every_phase_but_the_auction_and_repaid_in_all() {
    let world = lent();
    for wanted in PHASES {
        let mut world = world.clone();
        trip_index(&mut world, AVAX, 18_500);
        if wanted == HaltPhase::Resolve {
            auction(&mut world, AVAX);
        }
        wait_for(&mut world, AVAX, wanted);
        let (q, margin) = standing(&world, "ann");
        assert!(q < i64::try_from(margin).unwrap());
        if wanted == HaltPhase::Uncross {
            world.assert_rejected(EngineError::DrawDoesNotCure, |world| {
                world.draw("uma", "ann")
            });
        } else {
            world.draw("uma", "ann").unwrap();
            world.assert_vault_exact("uma");
            world.repay("uma", "ann", "friend", 5 * USDC).unwrap();
            world.assert_rejected(EngineError::MarketHalted, |world| {
                world.repay_from_cash("uma", "ann", "ann", 5)
            });
        }
        world.assert_vault_exact("uma");
        world.assert_sound();
    }
    // What was drawn before is repaid in the auction too.
    let mut world = world.clone();
    trip_index(&mut world, AVAX, 18_500);
    world.draw("uma", "ann").unwrap();
    wait_for(&mut world, AVAX, HaltPhase::Uncross);
    world.repay("uma", "ann", "friend", 5 * USDC).unwrap();
    world.assert_vault_exact("uma");
    world.assert_sound();
}

/// Losers are closed between the auction and the reopening, when nobody else may trade.
#[test]
fn takeover_and_tear_up_happen_in_resolve() {
    let mut world = halting_world();
    trade(&mut world, AVAX, "bob", "ann", 20_000, 10_000);
    leave_with(&mut world, "ann", 180_000_000, "dora");
    let poor = world.clone();
    // Under maintenance: flagged in RESOLVE, where no book trades, and taken over there.
    trip_index(&mut world, AVAX, 18_900);
    for phase in [HaltPhase::Call, HaltPhase::Freeze, HaltPhase::Uncross] {
        wait_for(&mut world, AVAX, phase);
        world.assert_rejected(EngineError::IndexStale, |world| {
            world.liquidate("ann", AVAX)
        });
        world.assert_refused(|world| world.take_over("cat", "ann", AVAX, 100));
        world.assert_refused(|world| world.tear_up("ann", AVAX));
    }
    uncross(&mut world, AVAX, 128);
    assert_eq!(phase(&world, AVAX), HaltPhase::Resolve);
    let done = liquidated(&world.liquidate("ann", AVAX).unwrap());
    assert_eq!(
        (done.filled_lots, done.takeover_started_at),
        (0, world.now())
    );
    world.take_over("cat", "ann", AVAX, 1_000).unwrap();
    world.assert_sound();
    // Broke: torn up there, before a winner can leave.
    let mut world = poor;
    trip_index(&mut world, AVAX, 17_900);
    for phase in [HaltPhase::Call, HaltPhase::Freeze, HaltPhase::Uncross] {
        wait_for(&mut world, AVAX, phase);
        world.assert_rejected(EngineError::IndexStale, |world| world.tear_up("ann", AVAX));
    }
    uncross(&mut world, AVAX, 128);
    world.assert_rejected(EngineError::MarketHalted, |world| world.withdraw("bob", 7));
    let receipt = torn_up(&mut world, "ann", AVAX);
    assert!(receipt.charged > 0);
    world.assert_sound();
}
