//! Attacks on uniform deleveraging: by splitting, by leaving early, by dust, by the order of touches (rows 12 to
//! 16, 27).

use plimsoll_engine::book::arena;
use plimsoll_testkit::{ask, bid, EngineError, OrderExt, World};

use super::losses_scenes::{equity, leave_with, standing, torn_up, trade, AVAX, RICH, USDC};

/// Ann long 10,000 lots on 222 USDC and len long 7,777; against them shorts of these sizes.
fn against(shorts: &[u64]) -> World {
    let mut world = World::trading(&[AVAX]);
    world.trader("ann", 222 * USDC, &[AVAX]);
    world.trader("len", RICH, &[AVAX]);
    let mut left = [("ann", 10_000), ("len", 7_777)];
    for (number, size) in shorts.iter().enumerate() {
        let name = format!("short-{number}");
        world.trader(&name, RICH, &[AVAX]);
        let mut open = *size;
        for (long, wanted) in &mut left {
            let lots = open.min(*wanted);
            if lots != 0 {
                trade(&mut world, AVAX, &name, long, 20_000, lots);
                open -= lots;
                *wanted -= lots;
            }
        }
        assert_eq!(open, 0);
    }
    world.keeper();
    world
}

fn names(shorts: &[u64]) -> Vec<String> {
    (0..shorts.len()).map(|n| format!("short-{n}")).collect()
}

fn sum(world: &World, names: &[String]) -> i64 {
    names.iter().map(|name| equity(world, name)).sum()
}

#[test]
fn attack_12_a_split_winner_pays_what_the_whole_pays() {
    let whole = {
        let mut world = against(&[10_000, 7_777]);
        world.move_index(AVAX, 15_000);
        let before = equity(&world, "short-0");
        torn_up(&mut world, "ann", AVAX);
        before - equity(&world, "short-0")
    };
    assert!(whole > 0);
    for parts in [
        vec![5_000, 5_000],
        vec![3_333, 3_333, 3_333, 1],
        vec![1_250; 8],
    ] {
        let all = [parts.clone(), vec![7_777]].concat();
        let mut world = against(&all);
        world.move_index(AVAX, 15_000);
        let own = names(&parts);
        let before = sum(&world, &own);
        torn_up(&mut world, "ann", AVAX);
        let paid = before - sum(&world, &own);
        let atoms = 2 * i64::try_from(parts.len()).unwrap();
        assert!(
            paid >= whole - 2 && paid <= whole + atoms,
            "{parts:?} pay {paid}, the whole {whole}"
        );
        world.assert_sound();
    }
}

#[test]
fn attack_12_a_split_loser_leaves_the_same_to_others() {
    let left_by = |parts: u64| -> u64 {
        let mut world = World::trading(&[AVAX]);
        world.trader("bob", RICH, &[AVAX]);
        let all: Vec<String> = (0..parts).map(|n| format!("loser-{n}")).collect();
        for name in &all {
            world.trader(name, 222 * USDC / parts, &[AVAX]);
            trade(&mut world, AVAX, "bob", name, 20_000, 10_000 / parts);
        }
        world.move_index(AVAX, 15_000);
        let left = all
            .iter()
            .map(|name| torn_up(&mut world, name, AVAX).deficit);
        left.sum()
    };
    let whole = left_by(1);
    for parts in [2, 5, 10] {
        let split = left_by(parts);
        assert!(
            split >= whole && split <= whole + 2 * parts,
            "{split} {whole}"
        );
    }
}

/// Taking the gain as cash first, and even all of it that may leave, changes nothing of the charge.
#[test]
fn attack_13_settling_and_withdrawing_first_escapes_nothing() {
    let mut world = against(&[10_000, 7_777]);
    world.move_index(AVAX, 15_000);
    // Ann's cash is in the pool, so that gains can be paid out of it.
    world.settle("ann", &[AVAX]).unwrap();
    let stays = {
        let mut world = world.clone();
        torn_up(&mut world, "ann", AVAX);
        equity(&world, "short-0")
    };
    world.settle("short-0", &[AVAX]).unwrap();
    let cash = u64::try_from(world.collateral("short-0")).unwrap();
    let mut taken = 0;
    for amount in [cash, cash - 50 * USDC, cash - 222 * USDC, cash - 300 * USDC] {
        if world.withdraw("short-0", amount).is_ok() {
            taken = amount;
            break;
        }
    }
    assert!(taken != 0 && taken <= RICH, "no gain has aged yet");
    torn_up(&mut world, "ann", AVAX);
    let has = equity(&world, "short-0") + i64::try_from(taken).unwrap();
    assert!((has - stays).abs() <= 1, "{has} and {stays}");
    world.assert_sound();
}

/// Refresh and tear-up in one transaction: between the gap and the loss nobody trades. (That nobody trades between
/// two transactions takes the velocity halt, which is not yet in the program.)
#[test]
fn attack_13_the_loss_comes_in_the_transaction_of_the_gap() {
    let mut world = against(&[10_000, 7_777]);
    world.advance(1);
    world.publish(AVAX, 15_000);
    let both = [world.refresh_ix(AVAX), world.tear_up_ix("ann", AVAX)];
    world.send(&both, &["keeper".into()]).unwrap();
    let charged = world.holding("short-0", AVAX);
    // Who leaves now has been charged already, and who comes now is not.
    world.trader("new", RICH, &[AVAX]);
    let lots = charged.base.unsigned_abs() / 1_000_000;
    trade(&mut world, AVAX, "new", "short-0", 15_000, lots);
    assert!((equity(&world, "new") - i64::try_from(RICH).unwrap()).abs() < 2 * 1_000_000);
    world.assert_sound();
}

/// Block of the end of an epoch of the short side.
fn end_of(world: &World, epoch: u32) -> u32 {
    let market = world.market(AVAX);
    let mut at = market.header.sides[1].oldest_end;
    loop {
        let end = arena::epoch_end(&market.blocks, at).unwrap();
        if end.epoch == epoch {
            return at;
        }
        at = end.newer;
    }
}

/// Walks `old` to its side's epoch, by a keeper; returns in how many steps.
fn wake(world: &mut World) -> u32 {
    let mut steps = 0;
    loop {
        let seat = world.seat("old", AVAX);
        if seat.shares == 0 || seat.epoch == world.market(AVAX).header.sides[1].epoch {
            return steps;
        }
        let end = end_of(world, seat.epoch);
        world.sync_seat("old", AVAX, end).unwrap();
        steps += 1;
    }
}

/// Thirteen epochs end while one seat sleeps. Nobody waits for it, and it wakes up by steps that anyone sends.
#[test]
fn attack_14_epochs_roll_over_and_nobody_waits_for_dust() {
    let mut world = World::trading(&[AVAX]);
    for name in ["old", "bob", "len"] {
        world.trader(name, RICH, &[AVAX]);
    }
    trade(&mut world, AVAX, "old", "len", 20_000, 1);
    for round in 0..13 {
        let name = format!("ann-{round}");
        world.create_margin_account(&name).unwrap();
        world.deposit(&name, RICH).unwrap();
        world.claim_seat(&name, AVAX, 1).unwrap();
        trade(&mut world, AVAX, "bob", &name, 20_000, 40_000);
        leave_with(&mut world, &name, 0, "len");
        let receipt = torn_up(&mut world, &name, AVAX);
        assert_eq!((receipt.epoch_ended, receipt.epoch_after), (1, round + 1));
        let mut awake = world.clone();
        wake(&mut awake);
        awake.assert_sound();
        if round == 5 {
            // Five ends behind is not too far, six are.
            world.assert_rejected(EngineError::EpochBehind, |world| {
                world.settle("old", &[AVAX])
            });
        }
    }
    let steps = wake(&mut world);
    assert!(steps <= 3, "{steps} steps for 13 ends");
    world.settle("old", &[AVAX]).unwrap();
    assert_eq!(world.holding("old", AVAX).base, 0, "dust of dust");
    world.release_seat("old", AVAX).unwrap();
    // Trading went on all the time, and goes on.
    trade(&mut world, AVAX, "bob", "len", 20_000, 100);
    world.assert_sound();
}

/// After events of odd sizes everybody leaves; no total falls under zero and none is left over.
#[test]
fn attack_15_what_is_stored_never_underflows() {
    let shorts = [3_331, 7_777, 1, 2_668, 4_000];
    let mut world = against(&shorts);
    for (round, size) in [1_111, 357, 2_999].into_iter().enumerate() {
        let name = format!("loser-{round}");
        world.trader(&name, RICH, &[AVAX]);
        trade(&mut world, AVAX, "short-4", &name, 20_000, size);
        leave_with(&mut world, &name, 0, "len");
        torn_up(&mut world, &name, AVAX);
        world.assert_sound();
    }
    // Whole lots first, by trade with len and ann; remainders then, by anyone.
    world.trader("eve", RICH, &[AVAX]);
    let mut all = names(&shorts);
    all.extend(["ann".into(), "len".into()]);
    for name in &all {
        let base = world.holding(name, AVAX).base;
        let lots = base.unsigned_abs() / 1_000_000;
        if lots != 0 && base < 0 {
            trade(&mut world, AVAX, "eve", name, 20_000, lots);
        } else if lots != 0 {
            trade(&mut world, AVAX, name, "eve", 20_000, lots);
        }
    }
    all.push("eve".into());
    for name in &all {
        let base = world.holding(name, AVAX).base;
        if base != 0 {
            assert!(base.unsigned_abs() < 1_000_000, "{name} holds {base}");
            world.close_remainder(name, AVAX).unwrap();
        }
        world.assert_sound();
    }
    for _ in 0..2 {
        for name in &all {
            let _ = world.settle(name, &[AVAX]);
        }
    }
    let market = world.market(AVAX);
    for side in &market.header.sides {
        assert_eq!((side.seats, side.shares, side.carried), (0, [0; 2], 0));
    }
    for name in &all {
        assert_eq!(world.holding(name, AVAX).base, 0);
        assert!(world.holding(name, AVAX).quote <= 0 || world.market(AVAX).header.cash.pool == 0);
    }
    world.assert_sound();
}

/// Every order in which four seats are touched gives everybody the same, to the atom.
#[test]
fn attack_16_the_order_of_touches_changes_nothing() {
    let shorts = [3_331, 7_777, 1, 6_668];
    let mut world = against(&shorts);
    world.move_index(AVAX, 15_000);
    torn_up(&mut world, "ann", AVAX);
    world.settle("ann", &[AVAX]).unwrap();
    world.settle("len", &[AVAX]).unwrap();
    let all = names(&shorts);
    let mut outcomes = Vec::new();
    for order in permutations() {
        let mut world = world.clone();
        for at in order {
            world.settle(&all[at], &[AVAX]).unwrap();
        }
        world.assert_sound();
        let each: Vec<(i64, i64)> = all
            .iter()
            .map(|name| (equity(&world, name), world.holding(name, AVAX).base))
            .collect();
        outcomes.push(each);
    }
    assert_eq!(outcomes.len(), 24);
    assert!(outcomes.windows(2).all(|pair| pair[0] == pair[1]));
}

/// The order in which two losers of one market are torn up moves atoms between winners, and the sum by no more.
#[test]
fn attack_16_the_order_of_losers_changes_only_atoms() {
    let shorts = [10_000, 7_777, 5_000];
    let outcome = |first: &str, second: &str| -> Vec<i64> {
        let mut world = against(&shorts[..2]);
        world.trader("amy", 111 * USDC, &[AVAX]);
        world.trader("short-2", RICH, &[AVAX]);
        trade(&mut world, AVAX, "short-2", "amy", 20_000, 5_000);
        world.move_index(AVAX, 15_000);
        torn_up(&mut world, first, AVAX);
        torn_up(&mut world, second, AVAX);
        world.assert_sound();
        names(&shorts)
            .iter()
            .map(|name| equity(&world, name))
            .collect()
    };
    let (one, other) = (outcome("ann", "amy"), outcome("amy", "ann"));
    for (a, b) in one.iter().zip(&other) {
        assert!((a - b).abs() <= 4, "{one:?} and {other:?}");
    }
}

fn permutations() -> Vec<[usize; 4]> {
    let mut all = Vec::new();
    for code in 0..256_usize {
        let order = [code & 3, code >> 2 & 3, code >> 4 & 3, code >> 6 & 3];
        if (0..4).all(|at| order.contains(&at)) {
            all.push(order);
        }
    }
    all
}

/// A position of less than a lot is closed at the mark, and neither its holder nor anybody else gains by it.
#[test]
fn attack_27_closing_remainders_gains_nothing() {
    let shorts = [3_331, 7_777, 1, 6_668];
    let mut world = against(&shorts);
    world.move_index(AVAX, 15_000);
    torn_up(&mut world, "ann", AVAX);
    let (holder, base) = ("short-2", world.holding("short-2", AVAX).base);
    assert!(base < 0 && base > -1_000_000, "{base}");
    let mut everyone = names(&shorts);
    everyone.push("len".into());
    let before: Vec<i64> = everyone.iter().map(|name| equity(&world, name)).collect();
    world.close_remainder(holder, AVAX).unwrap();
    for (name, was) in everyone.iter().zip(before) {
        assert!(equity(&world, name) <= was, "{name} gains");
    }
    world.assert_rejected(EngineError::PositionNotARemainder, |world| {
        world.close_remainder(holder, AVAX)
    });
    world.assert_sound();
}

/// Lot by lot or at once: the taker pays no less, and the account gains nothing either.
#[test]
fn attack_27_takeovers_in_small_parts_gain_no_atom() {
    let mut world = against(&[10_000, 7_777]);
    world.trader("cat", RICH, &[AVAX]);
    world.move_index(AVAX, 18_391);
    world.liquidate("ann", AVAX).unwrap();
    world.advance_fresh(7);
    let mut at_once = world.clone();
    at_once.take_over("cat", "ann", AVAX, 40).unwrap();
    for _ in 0..40 {
        world.take_over("cat", "ann", AVAX, 1).unwrap();
    }
    for name in ["ann", "cat"] {
        let parts = equity(&world, name);
        // The price is worked out anew from what is left: a few atoms, and together never a gain.
        assert!((parts - equity(&at_once, name)).abs() <= 200, "{name}");
    }
    let both = |world: &World| equity(world, "ann") + equity(world, "cat");
    assert!(both(&world) <= both(&at_once));
    assert!(standing(&world, "ann").0 >= 0);
    world.assert_sound();
}

/// Bids and asks of the torn account's friends around the event: what was there is not worth more by it.
#[test]
fn attack_27_resting_orders_of_deleveraged_makers_still_reduce_at_most_their_position() {
    let mut world = against(&[10_000, 7_777]);
    world.move_index(AVAX, 15_000);
    let order = bid(14_000, 10_000).reduce_only();
    world.place("short-0", AVAX, order).unwrap();
    torn_up(&mut world, "ann", AVAX);
    let left = world.holding("short-0", AVAX).base.unsigned_abs() / 1_000_000;
    assert!(left < 10_000);
    world.trader("cat", RICH, &[AVAX]);
    world.place("cat", AVAX, ask(14_000, 10_000).ioc()).unwrap();
    let base = world.holding("short-0", AVAX).base;
    assert!(base <= 0 && base > -1_000_000, "{base}");
    world.assert_sound();
}
