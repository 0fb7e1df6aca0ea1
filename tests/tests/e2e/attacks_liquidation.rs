//! Attacks on liquidation in the book: who, how much, at what price, and in whose name (rows 1, 2, 19, 22,
//! 23, 48).

use plimsoll_testkit::{ask, bid, EngineError, OrderExt, World};

use super::losses_scenes::{
    endow_fund, equity, leave_with, liquidated, long_with, standing, trade, wealth, AVAX, RICH,
    TWIN, USDC,
};

/// Ann holds 2,000 USDC long at 20,000 ticks; below 18,830 she is under maintenance, at 17,800 broke.
fn ann_long() -> World {
    long_with(222 * USDC, 10_000)
}

/// The velocity threshold of the market is what a listing's maintenance margin must outlast (INV-11).
#[test]
fn attack_01_one_threshold_of_the_index_costs_the_fund_nothing() {
    for moved in [19_000, 21_000] {
        let mut world = World::trading(&[AVAX]);
        world.trader("bob", RICH, &[AVAX]);
        world.trader("ann", RICH, &[AVAX]);
        endow_fund(&mut world, 1_000 * USDC, 0);
        if moved < 20_000 {
            trade(&mut world, AVAX, "bob", "ann", 20_000, 10_000);
        } else {
            trade(&mut world, AVAX, "ann", "bob", 20_000, 10_000);
        }
        // Exactly at maintenance, where nobody may be liquidated yet.
        let (q, margin) = standing(&world, "ann");
        let cash = world.collateral("ann") - q + i64::try_from(margin).unwrap();
        leave_with(&mut world, "ann", cash, "bob");
        world.keeper();
        world.assert_rejected(EngineError::NotLiquidatable, |world| {
            world.liquidate("ann", AVAX)
        });
        // Five percent in one step: the whole position goes at the worst price that a liquidation may have.
        world.move_index(AVAX, moved);
        world.assert_rejected(EngineError::AccountSolvent, |world| {
            world.tear_up("ann", AVAX)
        });
        world.trader("cat", RICH, &[AVAX]);
        let limit = liquidated(&world.clone().liquidate("ann", AVAX).unwrap()).limit;
        let order = if moved < 20_000 {
            bid(limit, 20_000)
        } else {
            ask(limit, 20_000)
        };
        world.place("cat", AVAX, order).unwrap();
        liquidated(&world.liquidate("ann", AVAX).unwrap());
        assert!(equity(&world, "ann") >= -2);
        world.settle("ann", &[AVAX]).unwrap();
        assert_eq!(world.default_fund().balance, 1_000 * USDC);
        world.assert_sound();
    }
}

/// Whoever brings the price forward can liquidate in the same transaction; and whoever gains by it takes
/// nothing out before it has aged.
#[test]
fn attack_01_a_new_price_liquidates_before_it_pays() {
    let mut world = ann_long();
    world.advance(1);
    world.publish(AVAX, 18_400);
    world.place("cat", AVAX, bid(18_390, 10_000)).unwrap();
    // Before the refresh the old price stands for everything: ann's margin and bob's gain alike.
    world.keeper();
    world.assert_rejected(EngineError::NotLiquidatable, |world| {
        world.liquidate("ann", AVAX)
    });
    let before = world.collateral("bob");
    world.settle("bob", &[AVAX]).unwrap();
    assert!(world.collateral("bob") <= before);
    let both = [world.refresh_ix(AVAX), world.liquidate_ix("ann", AVAX)];
    let sent = world.send(&both, &["keeper".into()]).unwrap();
    assert!(liquidated(&sent).filled_lots > 0);
    world.settle("ann", &[AVAX]).unwrap();
    world.settle("bob", &[AVAX]).unwrap();
    let cash = u64::try_from(world.collateral("bob")).unwrap();
    assert!(cash > before.unsigned_abs(), "the gain is paid");
    let all = world.withdraw("bob", cash - 50 * USDC).unwrap_err();
    assert_eq!(all.engine, Some(EngineError::InsufficientCash));
    world.assert_sound();
}

#[test]
fn attack_48_a_gap_of_the_index_is_the_mark_and_liquidates_at_once() {
    let mut world = ann_long();
    // Forty seconds of trades above the index have lifted the basis; it does not hold the mark up.
    world.place("cat", AVAX, ask(20_060, 1)).unwrap();
    world.place("bob", AVAX, bid(20_060, 1)).unwrap();
    world.advance_fresh(14);
    world.advance(1);
    world.publish(AVAX, 15_000);
    let both = [world.refresh_ix(AVAX), world.tear_up_ix("ann", AVAX)];
    world.keeper();
    world.send(&both, &["keeper".into()]).unwrap();
    assert_eq!(world.holding("ann", AVAX).base, 0);
    world.assert_sound();
}

/// Twenty accounts under maintenance are no queue: the last one is liquidated as if it were alone.
#[test]
fn attack_02_decoys_delay_nobody() {
    let mut world = ann_long();
    for number in 0..20 {
        let name = format!("decoy-{number}");
        world.trader(&name, RICH, &[AVAX]);
        trade(&mut world, AVAX, "bob", &name, 20_000, 5);
        leave_with(&mut world, &name, 30_000, "bob");
    }
    world.move_index(AVAX, 18_400);
    world.place("cat", AVAX, bid(18_390, 10_000)).unwrap();
    let mut alone = world.clone();
    let first = alone.liquidate("ann", AVAX).unwrap();
    for number in 0..20 {
        world.advance_fresh(0);
        let _ = world.liquidate(&format!("decoy-{number}"), AVAX);
    }
    let last = world.liquidate("ann", AVAX).unwrap();
    let (first, last) = (liquidated(&first), liquidated(&last));
    assert_eq!(
        (first.limit, first.filled_lots),
        (last.limit, last.filled_lots)
    );
    world.assert_sound();
}

#[test]
fn attack_19_a_dust_deposit_changes_nothing_unless_it_cures() {
    let mut world = ann_long();
    world.move_index(AVAX, 18_400);
    world.place("cat", AVAX, bid(18_390, 10_000)).unwrap();
    let plain = liquidated(&world.clone().liquidate("ann", AVAX).unwrap());
    let mut dusted = world.clone();
    for _ in 0..5 {
        dusted.deposit("bob", 1).unwrap();
        let margin = dusted.margin_address("ann");
        let mut dust = dusted.deposit_ix("bob", 0, 1);
        let place = dust
            .accounts
            .iter()
            .position(|meta| meta.pubkey == dusted.margin_address("bob"))
            .unwrap();
        dust.accounts[place].pubkey = margin;
        dusted.send(&[dust], &["bob".into()]).unwrap();
    }
    let after = liquidated(&dusted.liquidate("ann", AVAX).unwrap());
    assert_eq!(
        (plain.filled_lots, plain.limit),
        (after.filled_lots, after.limit)
    );
    // What is missing cures to the atom, and one atom less does not.
    let (q, margin) = standing(&world, "ann");
    let missing = margin - q.unsigned_abs();
    let mut short = world.clone();
    short.deposit("ann", missing - 1).unwrap();
    assert!(short.liquidate("ann", AVAX).is_ok());
    world.deposit("ann", missing).unwrap();
    world.keeper();
    world.assert_rejected(EngineError::NotLiquidatable, |world| {
        world.liquidate("ann", AVAX)
    });
}

/// A leg of one lot, or of less, stands in the way of none.
#[test]
fn attack_19_dust_positions_are_closed_like_any() {
    let mut world = World::trading(&[AVAX, TWIN]);
    for name in ["ann", "bob", "cat"] {
        world.trader(name, RICH, &[TWIN, AVAX]);
    }
    trade(&mut world, TWIN, "bob", "ann", 20_000, 1);
    trade(&mut world, AVAX, "bob", "ann", 20_000, 10_000);
    leave_with(&mut world, "ann", 100_000_000, "bob");
    world.place("cat", AVAX, bid(19_990, 20_000)).unwrap();
    world.keeper();
    world.assert_rejected(EngineError::WrongMarketAccounts, |world| {
        world.liquidate("ann", TWIN)
    });
    world.liquidate("ann", AVAX).unwrap();
    let (q, margin) = standing(&world, "ann");
    assert!(q >= i64::try_from(margin).unwrap());
    // Dust alone, and nothing to bear it: the book takes the lot.
    let mut world = long_with(RICH, 1);
    leave_with(&mut world, "ann", 5_000, "bob");
    world.place("cat", AVAX, bid(19_990, 5)).unwrap();
    let done = liquidated(&world.liquidate("ann", AVAX).unwrap());
    assert_eq!(done.filled_lots, 1);
    assert_eq!(world.holding("ann", AVAX).base, 0);
    world.assert_sound();
}

/// The caller's only number is a custody shard for a draw: whoever calls, whatever it says, the state is the same.
#[test]
fn attack_22_whoever_calls_the_outcome_is_the_same() {
    let mut world = ann_long();
    world.move_index(AVAX, 18_400);
    for (price, lots) in [(18_390, 300), (18_380, 900), (18_300, 9_000)] {
        world.place("cat", AVAX, bid(price, lots)).unwrap();
    }
    world.keeper();
    let mut first = world.clone();
    first.liquidate("ann", AVAX).unwrap();
    for (payer, shard) in [("ann", 0), ("cat", 1), ("mallory", 7), ("bob", 255)] {
        let mut other = world.clone();
        let mut call = other.liquidate_ix("ann", AVAX);
        *call.data.last_mut().unwrap() = shard;
        other.send(&[call], &[payer.into()]).unwrap();
        other.assert_unchanged(&first.snapshot());
    }
    // More data than the argument is nothing to pick with either.
    let mut call = world.liquidate_ix("ann", AVAX);
    call.data.extend(18_000_u64.to_le_bytes());
    world.send(&[call], &["mallory".into()]).unwrap();
    world.assert_unchanged(&first.snapshot());
}

/// Whatever the book looks like when a liquidation comes, no fill is beyond the zero price, and Q over M is no
/// worse after it.
#[test]
fn attack_23_a_cleared_book_costs_the_account_no_more_than_the_zero_price() {
    for mark in [18_800, 18_600, 18_400, 18_100, 17_850] {
        let mut world = ann_long();
        world.move_index(AVAX, mark);
        let (q, margin) = standing(&world, "ann");
        assert!(q > 0 && q < i64::try_from(margin).unwrap());
        // The sandwich: all that is left is a ladder far below.
        for step in 0..14 {
            let price = mark - 90 * step - 1;
            world.place("dora", AVAX, bid(price, 1_000)).unwrap();
        }
        let done = liquidated(&world.liquidate("ann", AVAX).unwrap());
        let worst = done.filled_quote / 10 / done.filled_lots.max(1);
        assert!(done.filled_lots == 0 || worst >= done.limit);
        let (q_after, margin_after) = standing(&world, "ann");
        let held = i128::from(q_after + 2) * i128::from(margin);
        assert!(
            held >= i128::from(q) * i128::from(margin_after),
            "at {mark}: {q}/{margin} became {q_after}/{margin_after}"
        );
        assert!(q_after >= -2);
        world.assert_sound();
    }
}

/// Both ends of the sandwich together take no more than the account's own share, and nothing of others'.
#[test]
fn attack_23_the_sandwich_is_paid_by_the_account_alone() {
    let mut world = ann_long();
    endow_fund(&mut world, 1_000 * USDC, 0);
    world.place("dora", AVAX, bid(18_500, 9_000)).unwrap();
    world.move_index(AVAX, 18_400);
    let everyone = ["ann", "bob", "cat", "dora"];
    let before = wealth(&world, &everyone);
    let own = equity(&world, "ann");
    let thief = equity(&world, "cat");
    // Sells into the bid that was there, and bids at the zero price itself.
    world.place("cat", AVAX, ask(18_500, 9_000).ioc()).unwrap();
    let limit = liquidated(&world.clone().liquidate("ann", AVAX).unwrap()).limit;
    world.place("cat", AVAX, bid(limit, 10_000)).unwrap();
    liquidated(&world.liquidate("ann", AVAX).unwrap());
    let gained = equity(&world, "cat") - thief - 9_000 * 1_000;
    assert!(gained <= own, "{gained} of {own}");
    assert!(equity(&world, "ann") >= -2);
    assert!(wealth(&world, &everyone) <= before);
    assert_eq!(world.default_fund().balance, 1_000 * USDC);
    world.assert_sound();
}
