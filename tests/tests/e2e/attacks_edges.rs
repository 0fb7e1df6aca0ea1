//! Liquidation at the edges of every range: an overflow there would wedge an account for ever (rows 37, 44; INV-12).

use plimsoll_engine::params::MarketParams;
use plimsoll_testkit::{ask, bid, Actor, EngineError, MarketSpec, Outcome, World};

use super::attacks_stage::assert_no_panic;
use super::losses_scenes::{equity, leave_with, standing, AVAX};

/// Cash of everybody: four of them are less than a shard can hold.
const CASH: u64 = 1 << 60;
/// The highest price: 4,096 quote atoms a base atom.
const TOP: u64 = 20_000 * 20_480;

fn market(change: impl FnOnce(&mut MarketParams)) -> World {
    let mut world = World::new();
    let spec = MarketSpec::preset(AVAX).with(|params| {
        params.open_interest_max = 1 << 56;
        params.open_interest_high = 1 << 57;
        params.open_interest_low = 1 << 55;
        change(params);
    });
    world.open_market(&spec);
    for name in ["ann", "bob", "cat", "dora"] {
        world.trader(name, 0, &[AVAX]);
        let wallet = Actor::from(name).token_account();
        world.change_tokens(&wallet, |tokens| tokens.amount = CASH);
        world.deposit(name, CASH).unwrap();
    }
    world.keeper();
    world
}

/// A step may be refused for a reason, never for want of bits.
#[track_caller]
fn named(what: &str, outcome: &Outcome) {
    if let Err(rejected) = outcome {
        assert_no_panic(what, &rejected.logs);
        let reason = rejected.engine;
        assert!(
            reason.is_some() && reason != Some(EngineError::Overflow),
            "{what}: {rejected:?}"
        );
    }
}

/// Ann's Q becomes what it is asked to be, as far as her cash goes; dora pays or takes the difference.
fn with_equity(world: &mut World, q: i64) {
    let cash = world.collateral("ann") - equity(world, "ann") + q;
    leave_with(world, "ann", cash.max(0), "dora");
}

/// Every step of a liquidation, from every height of equity, and to the end.
fn liquidate_from_everywhere(world: &World, what: &str) {
    let mut world = world.clone();
    for _ in 0..2 {
        for name in ["ann", "bob"] {
            let _ = world.settle(name, &[AVAX]);
        }
    }
    let (_, margin) = standing(&world, "ann");
    let margin = i64::try_from(margin).unwrap();
    let long = world.holding("ann", AVAX).base > 0;
    for q in [margin - 1, margin / 2, 1, 0, -margin] {
        let mut world = world.clone();
        with_equity(&mut world, q);
        let price = world.handle(AVAX).price_ticks;
        for with_book in [false, true] {
            let mut world = world.clone();
            if with_book {
                let lots = (1 << 32) - 1;
                let _ = if long {
                    world.place("cat", AVAX, bid(price.max(2) - 1, lots))
                } else {
                    world.place("cat", AVAX, ask(price + 1, lots))
                };
                let order = if long {
                    bid(1, 100)
                } else {
                    ask(price * 2, 100)
                };
                let _ = world.place("cat", AVAX, order);
            }
            for seconds in [0, 20] {
                world.advance_fresh(seconds);
                let outcome = world.liquidate("ann", AVAX);
                named(&format!("{what}, Q {q}: liquidate"), &outcome);
                for lots in [u64::MAX, 1] {
                    let outcome = world.clone().take_over("dora", "ann", AVAX, lots);
                    named(&format!("{what}, Q {q}: take_over"), &outcome);
                }
                let outcome = world.clone().tear_up("ann", AVAX);
                named(&format!("{what}, Q {q}: tear_up"), &outcome);
                world.assert_custody_exact();
            }
            if equity(&world, "ann") <= 0 && world.holding("ann", AVAX).base != 0 {
                world.tear_up("ann", AVAX).unwrap();
                assert_eq!(world.holding("ann", AVAX).base, 0, "{what}, Q {q}");
                world.assert_custody_exact();
            }
        }
    }
}

fn trade(world: &mut World, long: bool, price: u64, lots: u64) {
    let (seller, buyer) = if long { ("bob", "ann") } else { ("ann", "bob") };
    world.place(seller, AVAX, ask(price, lots)).unwrap();
    world.place(buyer, AVAX, bid(price, lots)).unwrap();
}

#[test]
fn attack_37_the_largest_position_is_liquidated_at_every_price() {
    for long in [true, false] {
        let mut world = market(|_| {});
        trade(&mut world, long, 20_000, (1 << 46) / 1_000_000);
        for ticks in [20_000, 20, 1] {
            world.move_index(AVAX, ticks);
            liquidate_from_everywhere(&world, &format!("long {long} at {ticks}"));
        }
    }
}

#[test]
fn attack_37_the_highest_price_is_liquidated_like_any() {
    for long in [true, false] {
        let mut world = market(|_| {});
        trade(&mut world, long, 20_000, (1 << 46) / 1_000_000);
        world.move_index(AVAX, TOP);
        liquidate_from_everywhere(&world, &format!("long {long} at the top"));
    }
}

#[test]
fn attack_37_extreme_parameters_are_liquidated_like_any() {
    type Change = fn(&mut MarketParams);
    let all: [(&str, Change, u64); 5] = [
        (
            "highest fees",
            |params| {
                params.initial_margin_ppm = 1_000_000;
                params.taker_fee_ppm = 10_000;
                params.maker_fee_ppm = 10_000;
                params.liquidation_contribution_ppm = 10_000;
            },
            1_000_000,
        ),
        (
            "slices of one lot",
            |params| params.slice_lots_max = 1,
            1_000_000,
        ),
        (
            "steepest growth",
            |params| {
                params.size_free = 1;
                params.size_unit = 1;
                params.size_slope_ppm = 1_000_000;
            },
            1_000_000,
        ),
        (
            "longest walks",
            |params| {
                params.takeover_seconds = 600;
                params.takeover_credit_seconds = 600;
                params.reimbursement_growth_seconds = 1;
                params.reimbursement_cap = 10_000_000;
            },
            1_000_000,
        ),
        ("one lot", |params| params.lots_min = 1, 1),
    ];
    for (what, change, lots) in all {
        for long in [true, false] {
            let mut world = market(change);
            trade(&mut world, long, 20_000, lots);
            for ticks in [21_000, 19_000] {
                world.move_index(AVAX, ticks);
                liquidate_from_everywhere(&world, &format!("{what}, long {long} at {ticks}"));
            }
        }
    }
}

/// A position of a single base atom, and of one atom less than a lot, on either side.
#[test]
fn attack_44_a_single_atom_of_a_position_is_closed() {
    for (long, atoms) in [(true, 1), (false, 1), (true, 999_999), (false, 999_999)] {
        let mut world = market(|_| {});
        trade(&mut world, long, 20_000, 1);
        // What loss events leave, written behind the program's back: both sides lose the same.
        for name in ["ann", "bob"] {
            world.change_seat(name, AVAX, |seat| seat.shares = atoms);
        }
        world.change_header(AVAX, |header| {
            for side in &mut header.sides {
                side.shares = [atoms, 0];
            }
        });
        liquidate_from_everywhere(&world, &format!("{atoms} atoms, long {long}"));
        for name in ["ann", "bob"] {
            if world.holding(name, AVAX).base != 0 {
                world.close_remainder(name, AVAX).unwrap();
            }
            assert_eq!(world.holding(name, AVAX).base, 0);
        }
    }
}
