//! `guard_market` and `lift_guard`.

use plimsoll_testkit::events::MarketGuarded;
use plimsoll_testkit::{ask, bid, Actor, EngineError, OrderExt, World};

const AVAX: &str = "AVAX";
const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;
const MILLION: u64 = 1_000_000_000_000;

/// `ann` and `bob` have a position of 500 lots against each other.
fn scene() -> World {
    let mut world = World::trading(&[AVAX]);
    for name in ["ann", "bob", "cat"] {
        world.trader(name, MILLION, &[AVAX]);
    }
    world.place("ann", AVAX, ask(20_000, 500)).unwrap();
    world.place("bob", AVAX, bid(20_000, 500)).unwrap();
    world
}

#[test]
fn a_guarded_market_takes_only_what_reduces_and_opens_by_itself() {
    let mut world = scene();
    let guarded = world
        .guard_market(AVAX, 600)
        .unwrap()
        .event::<MarketGuarded>();
    assert_eq!(guarded.until, world.now() + 600);
    world.assert_rejected(EngineError::MarketReduceOnly, |world| {
        world.place("cat", AVAX, bid(19_000, 10))
    });
    world
        .place("ann", AVAX, bid(20_000, 100).reduce_only())
        .unwrap();
    world
        .place("bob", AVAX, ask(20_000, 100).reduce_only())
        .unwrap();
    world.deposit("cat", 5).unwrap();
    world.withdraw("cat", 7).unwrap();
    world.advance_fresh(600);
    world.place("cat", AVAX, bid(19_000, 10)).unwrap();
    world.assert_sound();
}

#[test]
fn a_guardian_has_a_day_in_a_row_and_then_pauses_as_long() {
    let mut world = scene();
    world.assert_rejected(EngineError::ParameterOutOfBounds, |world| {
        world.guard_market(AVAX, 86_401)
    });
    world.assert_rejected(EngineError::ParameterOutOfBounds, |world| {
        world.guard_market(AVAX, 0)
    });
    world.guard_market(AVAX, 3_600).unwrap();
    world.advance_fresh(HOUR / 2);
    world.assert_rejected(EngineError::ParameterOutOfBounds, |world| {
        world.guard_market(AVAX, 84_601)
    });
    world.guard_market(AVAX, 84_600).unwrap();
    world.advance_fresh(84_600);
    world.place("cat", AVAX, bid(19_000, 10)).unwrap();
    world.assert_rejected(EngineError::GuardianPausing, |world| {
        world.guard_market(AVAX, 1)
    });
    world.advance_fresh(DAY - 1);
    world.assert_rejected(EngineError::GuardianPausing, |world| {
        world.guard_market(AVAX, 1)
    });
    world.advance_fresh(1);
    world.guard_market(AVAX, 1).unwrap();
}

#[test]
fn guardian_and_authority_lift_and_nobody_else() {
    let mut world = scene();
    for who in ["guardian", "authority"] {
        world.assert_rejected(EngineError::NothingToChange, |world| {
            world.lift_guard(who, AVAX)
        });
        world.guard_market(AVAX, 60).unwrap();
        for stranger in ["ann", "mallory"] {
            world.fund_wallet(stranger);
            world.assert_rejected(EngineError::NotAuthorized, |world| {
                world.lift_guard(stranger, AVAX)
            });
        }
        let lifted = world
            .lift_guard(who, AVAX)
            .unwrap()
            .event::<MarketGuarded>();
        assert_eq!(lifted.until, world.now());
        assert_eq!(lifted.by, Actor::from(who).key());
        world.place("cat", AVAX, bid(19_000, 10)).unwrap();
        world.advance_fresh(HOUR);
    }
}

#[test]
fn the_authority_cannot_guard() {
    let mut world = scene();
    for who in ["authority", "mallory"] {
        let who = Actor::from(who);
        world.fund_wallet(who);
        let mut instruction = world.guard_market_ix(AVAX, 60);
        instruction.accounts[0].pubkey = who.key();
        world.assert_rejected(EngineError::NotAuthorized, |world| {
            world.send(&[instruction], &[who])
        });
    }
}
