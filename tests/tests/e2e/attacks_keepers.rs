//! Attacks by the caller of a liquidation: for the reimbursement, on oneself, by small steps (rows 20, 21, 47).

use plimsoll_testkit::{bid, Actor, EngineError, World};

use super::losses_scenes::{endow_fund, liquidated, long_with, standing, trade, AVAX, RICH, USDC};

/// Ann holds 2,000 USDC long at 20,000 ticks; below 18,830 she is under maintenance, at 17,800 broke.
fn ann_long() -> World {
    long_with(222 * USDC, 10_000)
}

/// The same owner calls, is reimbursed on a second account, stands in the book with a third and holds the other
/// side with a fourth. Together they are never richer by it, however large the keeper pool.
#[test]
fn attack_20_liquidating_oneself_gains_nothing() {
    for (price, takes) in [(18_700, 18_690), (18_400, 18_390), (18_000, 17_990)] {
        for lots in [100, 10_000] {
            let mut world = World::trading(&[AVAX]);
            endow_fund(&mut world, 0, 1_000 * USDC);
            let me = Actor::from("ann");
            let all = [me, me.sub(1), me.sub(2), me.sub(3)];
            for account in &all[1..] {
                world.trader(*account, RICH, &[AVAX]);
            }
            world.trader("bob", RICH, &[AVAX]);
            let cash = 222 * USDC * lots / 10_000;
            world.trader(me, cash, &[AVAX]);
            trade(&mut world, AVAX, "bob", "ann", 20_000, lots);
            world.move_index(AVAX, price);
            world.place(all[2], AVAX, bid(takes, lots)).unwrap();
            let sum = |world: &World| -> i64 {
                let risk = |account| world.view(account).risk(world.now()).unwrap().equity;
                all.iter().map(|account| risk(*account)).sum()
            };
            let before = sum(&world);
            for _ in 0..20 {
                world.advance_fresh(1);
                let mut call = world.liquidate_ix(me, AVAX);
                call.accounts[3].pubkey = world.margin_address(all[1]);
                if world.send(&[call], &["ann".into()]).is_err() {
                    break;
                }
            }
            assert!(sum(&world) <= before, "{} richer", sum(&world) - before);
            world.assert_sound();
        }
    }
}

#[test]
fn attack_20_nobody_is_reimbursed_for_its_own_account() {
    let mut world = ann_long();
    endow_fund(&mut world, 0, 1_000 * USDC);
    world.move_index(AVAX, 18_400);
    world.place("cat", AVAX, bid(18_390, 10_000)).unwrap();
    let ann = world.margin_address("ann");
    world.keeper();
    let mut call = world.liquidate_ix("ann", AVAX);
    call.accounts[3].pubkey = ann;
    world.assert_rejected(EngineError::DuplicateAccount, |world| {
        world.send(&[call], &["keeper".into()])
    });
    world.move_index(AVAX, 17_000);
    let mut call = world.tear_up_ix("ann", AVAX);
    call.accounts[3].pubkey = ann;
    world.assert_rejected(EngineError::DuplicateAccount, |world| {
        world.send(&[call], &["keeper".into()])
    });
}

/// One lot at a time in the book: each step earns at most what it was charged, once a second, and none once
/// the account is healthy.
#[test]
fn attack_21_small_steps_earn_no_more_than_they_cost() {
    let mut world = ann_long();
    endow_fund(&mut world, 0, 1_000 * USDC);
    world.keeper();
    world.move_index(AVAX, 18_400);
    let (mut charged, mut earned, mut steps) = (0, 0, 0);
    loop {
        world.advance_fresh(1);
        world.place("cat", AVAX, bid(18_390, 700)).unwrap();
        let Ok(sent) = world.liquidate("ann", AVAX) else {
            break;
        };
        let done = liquidated(&sent);
        assert!(
            done.reimbursed <= done.charge,
            "{done:?} earned more than its charge"
        );
        // The same second pays nobody twice.
        world.place("cat", AVAX, bid(18_390, 1)).unwrap();
        if let Ok(again) = world.liquidate("ann", AVAX) {
            assert_eq!(liquidated(&again).reimbursed, 0);
        }
        charged += done.charge;
        earned += done.reimbursed;
        steps += 1;
        assert!(steps < 40, "it never ends");
    }
    let (q, margin) = standing(&world, "ann");
    assert!(q >= i64::try_from(margin).unwrap(), "stopped once healthy");
    assert!(earned <= charged && steps > 1);
    assert_eq!(
        i64::try_from(earned).unwrap(),
        world.collateral("keeper"),
        "credited as paid"
    );
    world.assert_sound();
}

/// A large step is paid by the clock alone, never by notional, and at most eight caps of what the pool holds.
#[test]
fn attack_21_reimbursement_is_bounded_and_comes_out_of_the_keeper_pool() {
    for (waited, pool, expected) in [
        (0, USDC, 50_000),
        (10, USDC, 100_000),
        (50, USDC, 300_000),
        (100, USDC, 400_000),
        (100, 7, 7),
        (10, 0, 0),
    ] {
        let mut world = long_with(22_200 * USDC, 1_000_000);
        endow_fund(&mut world, 0, pool);
        world.move_index(AVAX, 18_400);
        let mut left = waited;
        while left > 0 {
            // Seen at least once a minute: the flag's clock goes on.
            world.liquidate("ann", AVAX).unwrap();
            let seconds = left.min(50);
            world.advance_fresh(seconds);
            left -= seconds;
        }
        world.place("cat", AVAX, bid(18_390, 200_000)).unwrap();
        let done = liquidated(&world.liquidate("ann", AVAX).unwrap());
        assert_eq!(done.filled_lots, 200_000);
        assert_eq!(done.reimbursed, expected, "after {waited} s, pool {pool}");
        assert_eq!(world.default_fund().keeper_pool, pool - expected);
        assert_eq!(world.collateral("keeper"), i64::try_from(expected).unwrap());
        world.assert_sound();
    }
}

/// Many small broke accounts are no living: a tear-up of less than a slice is reimbursed nothing.
#[test]
fn attack_21_tearing_up_dust_is_not_reimbursed() {
    let mut world = World::trading(&[AVAX]);
    world.trader("bob", RICH, &[AVAX]);
    endow_fund(&mut world, 0, 1_000 * USDC);
    for number in 0..5 {
        let name = format!("dust-{number}");
        world.trader(&name, 222 * USDC / 1_000, &[AVAX]);
        trade(&mut world, AVAX, "bob", &name, 20_000, 10);
    }
    world.move_index(AVAX, 15_000);
    for number in 0..5 {
        world
            .tear_up(format!("dust-{number}").as_str(), AVAX)
            .unwrap();
        world.advance_fresh(1);
    }
    assert_eq!(world.default_fund().keeper_pool, 1_000 * USDC);
    assert_eq!(world.collateral("keeper"), 0);
    world.assert_sound();
}

#[test]
fn attack_21_two_steps_in_one_second_are_reimbursed_once() {
    let mut world = long_with(22_200 * USDC, 1_000_000);
    endow_fund(&mut world, 0, 1_000 * USDC);
    world.move_index(AVAX, 18_400);
    for expected in [50_000, 0, 0] {
        world.place("cat", AVAX, bid(18_390, 40_000)).unwrap();
        let done = liquidated(&world.liquidate("ann", AVAX).unwrap());
        assert_eq!((done.filled_lots, done.reimbursed), (40_000, expected));
    }
    // Nor does the tear-up of the same second pay again.
    world.publish(AVAX, 12_000);
    world.advance(1);
    world.publish(AVAX, 12_000);
    world.refresh(AVAX).unwrap();
    let pool = world.default_fund().keeper_pool;
    let twice = [world.tear_up_ix("ann", AVAX)];
    world.send(&twice, &["keeper".into()]).unwrap();
    let paid = pool - world.default_fund().keeper_pool;
    assert_eq!(paid, 50_000 + 5_000, "the cap and a second's growth");
    world.assert_sound();
}

/// Contribution and fees are booked as they were charged, and the keeper is credited as the pool was debited.
#[test]
fn attack_47_a_liquidation_books_what_it_charges() {
    let mut world = ann_long();
    endow_fund(&mut world, 0, 1_000 * USDC);
    world.move_index(AVAX, 18_400);
    world.place("cat", AVAX, bid(18_390, 20_000)).unwrap();
    let held = world.holding("ann", AVAX);
    let treasury = world.default_fund().treasury;
    let fees = world.market(AVAX).header.cash.fees_accrued;
    let done = liquidated(&world.liquidate("ann", AVAX).unwrap());
    let after = world.holding("ann", AVAX);
    let cash = i64::try_from(done.filled_quote - done.charge).unwrap();
    assert_eq!(after.quote - held.quote, cash);
    let accrued = world.market(AVAX).header.cash;
    let maker = (done.filled_quote * 100).div_ceil(1_000_000);
    assert_eq!(accrued.contributions_accrued, done.contribution);
    assert_eq!(
        accrued.liquidation_fees_accrued,
        done.charge - done.contribution + maker
    );
    assert_eq!(
        accrued.fees_accrued, fees,
        "the treasury has a share of these"
    );
    assert!(done.reimbursed != 0);
    assert_eq!(
        world.default_fund().keeper_pool,
        1_000 * USDC - done.reimbursed
    );
    // Nothing of it ever reaches the treasury (INV-9): what it gets is of the two opening fees.
    world.settle("ann", &[AVAX]).unwrap();
    world.sweep_fees(AVAX).unwrap();
    let taken = world.default_fund().treasury - treasury;
    assert_eq!(taken, fees * 400_000 / 1_000_000);
    world.assert_sound();
}
