//! Attacks that aim at the default fund: toxic positions, straddles, and deficits that nobody can be charged
//! (rows 41, 49).

use plimsoll_testkit::{events, EngineError, MarketSpec, World};

use super::losses_scenes::{
    endow_fund, equity, leave_with, long_with, torn_up, trade, wealth, AVAX, RICH, TWIN, USDC,
};

/// Cash of the fund in these tests.
const FUND: u64 = 1_000 * USDC;
const DAY: i64 = 86_400;
const THIRD: &str = "AVAX-C";

/// Losers of 2,000 USDC on 222 in three markets, each about 279 short of what it owes after the gap.
fn losers(names: &[(&str, &str)]) -> World {
    let mut world = World::trading(&[AVAX, TWIN, THIRD]);
    world.trader("bob", RICH, &[AVAX, TWIN, THIRD]);
    endow_fund(&mut world, FUND, 0);
    for (name, symbol) in names {
        world.trader(*name, 222 * USDC, &[symbol]);
        trade(&mut world, symbol, "bob", name, 20_000, 10_000);
    }
    world.advance(1);
    for symbol in [AVAX, TWIN, THIRD] {
        world.publish(symbol, 15_000);
        world.refresh(symbol).unwrap();
    }
    world
}

#[test]
fn attack_41_the_fund_pays_a_fifth_a_market_and_a_third_in_all() {
    let mut world = losers(&[
        ("ann", AVAX),
        ("amy", AVAX),
        ("art", TWIN),
        ("alf", THIRD),
        ("abe", THIRD),
    ]);
    let mut paid = 0;
    for (name, symbol, most) in [
        ("ann", AVAX, FUND / 5),
        ("amy", AVAX, 0),
        ("art", TWIN, FUND * 35 / 100 - FUND / 5),
        ("alf", THIRD, 0),
    ] {
        let receipt = torn_up(&mut world, name, symbol);
        assert_eq!(receipt.from_default_fund, most, "{name}");
        assert_eq!(receipt.charged, receipt.deficit - most);
        paid += most;
        assert_eq!(world.default_fund().balance, FUND - paid);
        world.assert_sound();
    }
    // Not before any 24 hours have passed, and then of what is left.
    let mut early = world.clone();
    early.advance_fresh(DAY - 1);
    assert_eq!(torn_up(&mut early, "abe", THIRD).from_default_fund, 0);
    world.advance_fresh(DAY + 28_800);
    let left = FUND - paid;
    assert_eq!(
        torn_up(&mut world, "abe", THIRD).from_default_fund,
        left / 5
    );
    world.assert_sound();
}

/// A stolen authority lists a market and is both its sides: the fund pays nothing for it before the timelock.
#[test]
fn attack_41_a_market_younger_than_the_timelock_takes_nothing_from_the_fund() {
    let two_days = 172_800;
    for (age, most) in [(0, 0), (two_days - 1, 0), (two_days, FUND / 5)] {
        let mut world = World::trading(&[AVAX]);
        let spec = MarketSpec::preset(TWIN);
        world.create_market_now(&spec).unwrap();
        world.publish(TWIN, spec.price_ticks);
        world.refresh(TWIN).unwrap();
        endow_fund(&mut world, FUND, 0);
        world.advance_fresh((age - 1).max(0));
        world.trader("bob", RICH, &[TWIN]);
        world.trader("ann", 222 * USDC, &[TWIN]);
        trade(&mut world, TWIN, "bob", "ann", 20_000, 10_000);
        world.advance(1);
        world.publish(TWIN, 15_000);
        world.refresh(TWIN).unwrap();
        let receipt = torn_up(&mut world, "ann", TWIN);
        assert_eq!(receipt.from_default_fund, most, "{age} s old");
        assert_eq!(receipt.charged, receipt.deficit - most);
        world.assert_sound();
    }
}

/// Whatever is paid in, in whatever order the losers come, a day costs no more than its share.
#[test]
fn attack_41_no_order_of_losers_takes_more_from_the_fund() {
    let all = [
        ("ann", AVAX),
        ("amy", AVAX),
        ("art", TWIN),
        ("alf", THIRD),
        ("abe", THIRD),
    ];
    let world = losers(&all);
    for shift in 0..all.len() {
        let mut world = world.clone();
        for at in 0..all.len() {
            let (name, symbol) = all[(at + shift) % all.len()];
            torn_up(&mut world, name, symbol);
            world.advance_fresh(DAY / 6);
        }
        let paid = FUND - world.default_fund().balance;
        assert!(paid <= FUND * 35 / 100, "{paid}");
        world.assert_sound();
    }
}

/// A position cannot be handed over: the other side of an insolvent one is closed at the mark, and nobody but
/// who held it is charged.
#[test]
fn attack_41_the_fund_never_holds_a_position() {
    let mut world = losers(&[("ann", AVAX)]);
    let bob = equity(&world, "bob");
    let receipt = torn_up(&mut world, "ann", AVAX);
    let open = world.market(AVAX).header.open_interest();
    assert_eq!(open, 0);
    let charged = i64::try_from(receipt.charged).unwrap();
    assert!((bob - equity(&world, "bob") - charged).abs() <= 2);
    world.assert_sound();
}

/// Thief: long on `ann`, as short on `bea`, both on the least that the market takes. Victims: cat long, bob short.
fn straddle() -> World {
    let mut world = World::trading(&[AVAX]);
    for name in ["bob", "cat"] {
        world.trader(name, RICH, &[AVAX]);
    }
    for name in ["ann", "bea"] {
        world.trader(name, 222 * USDC, &[AVAX]);
    }
    endow_fund(&mut world, FUND, 0);
    trade(&mut world, AVAX, "bea", "ann", 20_000, 10_000);
    trade(&mut world, AVAX, "bob", "cat", 20_000, 10_000);
    world
}

const THIEF: [&str; 2] = ["ann", "bea"];

#[test]
fn attack_49_a_straddle_across_a_gap_takes_no_more_than_the_budget() {
    for (gap, loser, side) in [
        (15_000, "ann", ["bea", "bob"]),
        (25_000, "bea", ["ann", "cat"]),
    ] {
        let mut world = straddle();
        let before = wealth(&world, &THIEF);
        world.move_index(AVAX, gap);
        let [thief, victim] = side;
        let held = [equity(&world, thief), equity(&world, victim)];
        let receipt = torn_up(&mut world, loser, AVAX);
        assert_eq!(receipt.from_default_fund, FUND / 5);
        // The winner of the straddle is charged like everybody on its side.
        let now = [equity(&world, thief), equity(&world, victim)];
        let [own, others] = [held[0] - now[0], held[1] - now[1]];
        assert!((own - others).abs() <= 2 && own > 0, "{own} and {others}");
        let profit = wealth(&world, &THIEF) - before;
        let most = i64::try_from(FUND / 5 + receipt.charged).unwrap() - own;
        assert!(profit <= most + 4, "{profit} of at most {most}");
        assert_eq!(world.default_fund().balance, FUND - FUND / 5);
        world.assert_sound();
        // The next straddle of the same day finds nothing in the fund.
        world.trader("eve", 222 * USDC, &[AVAX]);
        trade(&mut world, AVAX, "bob", "eve", gap, 8_000 * 15_000 / gap);
        world.move_index(AVAX, gap * 3 / 4);
        assert_eq!(torn_up(&mut world, "eve", AVAX).from_default_fund, 0);
        world.assert_sound();
    }
}

/// Step by step, each no larger than the threshold, with liquidations in between: the pair takes nothing out.
#[test]
fn attack_49_a_straddle_within_the_threshold_takes_nothing() {
    for down in [true, false] {
        let mut world = straddle();
        let loser = if down { "ann" } else { "bea" };
        // The thief starts at maintenance: worse than any account that trades could be.
        let (q, margin) = super::losses_scenes::standing(&world, loser);
        let cash = world.collateral(loser) - q + i64::try_from(margin).unwrap();
        leave_with(&mut world, loser, cash, "bob");
        let mut price = 20_000;
        for _ in 0..6 {
            price = if down {
                price - price / 20
            } else {
                price + price / 20
            };
            world.move_index(AVAX, price);
            for name in THIEF {
                world.keeper();
                if world.liquidate(name, AVAX).is_ok() {
                    // Nobody in the book; a stranger takes over at the end of the walk, at the thief's expense.
                    for _ in 0..2 {
                        world.advance_fresh(10);
                        let _ = world.liquidate(name, AVAX);
                    }
                    let taken = world.take_over("cat", name, AVAX, u64::MAX);
                    assert!(taken.is_ok() || world.holding(name, AVAX).base == 0);
                }
            }
            world.assert_sound();
        }
        assert_eq!(world.default_fund().balance, FUND, "the fund paid");
        // No loss event, no carried deficit: what the pair has, others paid in by their own trades.
        let header = world.market(AVAX).header;
        assert_eq!((header.losses.receipts, header.cash.deficit), (0, 0));
        for name in THIEF {
            assert!(equity(&world, name) >= -2);
        }
    }
}

/// A flat losing leg whose market has nobody left on the other side: the market carries it, fees pay it off first,
/// and the winner has its claim in the end.
#[test]
fn attack_41_a_deficit_that_nobody_can_be_charged_is_paid_by_later_fees() {
    let mut world = long_with(1_000 * USDC, 10_000);
    world.move_index(AVAX, 19_000);
    trade(&mut world, AVAX, "ann", "bob", 19_000, 10_000);
    assert_eq!(world.market(AVAX).header.open_interest(), 0);
    leave_with(&mut world, "ann", 0, "dora");
    let owed = equity(&world, "ann").unsigned_abs();
    let receipt = torn_up(&mut world, "ann", AVAX);
    assert_eq!((receipt.quantity, receipt.charged), (0, 0));
    assert_eq!((receipt.deficit, receipt.carried), (owed, owed));
    assert_eq!(world.market(AVAX).header.cash.deficit, owed);
    assert_eq!(equity(&world, "ann"), 0);
    world.assert_sound();
    // Nothing is left to tear up, and nothing to do again.
    world.assert_rejected(EngineError::NotLiquidatable, |world| {
        world.tear_up("ann", AVAX)
    });
    let claim = world.holding("bob", AVAX).quote;
    assert!(claim > 0);
    world.settle("bob", &[AVAX]).unwrap();
    assert_eq!(world.holding("bob", AVAX).quote, claim, "the pool is empty");
    // Trade goes on; its fees go to the winner, then to the deficit, and only then to anybody else.
    let mut swept = events::FeesSwept {
        deficit_paid: 0,
        ..world_sweep(&mut world)
    };
    for round in 0..40 {
        trade(&mut world, AVAX, "dora", "cat", 19_000, 40_000);
        trade(&mut world, AVAX, "cat", "dora", 19_000, 40_000);
        for name in ["cat", "dora", "bob"] {
            world.settle(name, &[AVAX]).unwrap();
        }
        world.advance_fresh(3_600);
        let carried = world.market(AVAX).header.cash.deficit;
        let Ok(sent) = world.sweep_fees(AVAX) else {
            continue;
        };
        swept = sent.event();
        if carried != 0 && carried != swept.deficit_paid {
            let others = swept.to_default_fund + swept.to_keeper_pool + swept.to_treasury;
            assert_eq!(others, 0, "round {round}: {swept:?}");
        }
        world.assert_sound();
        if world.market(AVAX).header.cash.deficit == 0 && world.holding("bob", AVAX).quote == 0 {
            return;
        }
    }
    panic!("still carried: {swept:?}");
}

fn world_sweep(world: &mut World) -> events::FeesSwept {
    let mut copy = world.clone();
    copy.advance_fresh(3_601);
    copy.sweep_fees(AVAX).unwrap().event()
}
