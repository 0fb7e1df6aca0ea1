//! `take_over` (spec §8, step 4): what it refuses, by name, with nothing moved.

use plimsoll_testkit::{ask, bid, Actor, EngineError, MarketSpec, OrderExt, Outcome, World};
use solana_instruction::AccountMeta;
use solana_pubkey::Pubkey;

use super::losses_scenes::{equity, leave_with, long_with, trade, AVAX, RICH, TWIN, USDC};

/// Ann below maintenance, a takeover open since this second; `cat` and `dora` could take over.
fn open() -> World {
    let mut world = long_with(222 * USDC, 10_000);
    world.keeper();
    world.move_index(AVAX, 18_400);
    world.liquidate("ann", AVAX).unwrap();
    world
}

fn take(world: &mut World, lots: u64) -> Outcome {
    world.take_over("cat", "ann", AVAX, lots)
}

#[test]
fn the_scene_is_sound() {
    let mut world = open();
    take(&mut world, 100).unwrap();
    assert_eq!(world.holding("cat", AVAX).base, 100_000_000);
    world.assert_sound();
}

#[test]
fn a_healthy_account_is_not_taken_over() {
    let mut world = open();
    world.deposit("ann", 100 * USDC).unwrap();
    world.assert_rejected(EngineError::NotLiquidatable, |world| take(world, 100));
}

#[test]
fn it_is_not_open_before_the_book_was_tried_nor_a_minute_after() {
    let mut world = long_with(222 * USDC, 10_000);
    world.move_index(AVAX, 18_400);
    world.assert_rejected(EngineError::TakeoverNotOpen, |world| take(world, 100));
    let mut world = open();
    world.advance_fresh(60);
    take(&mut world.clone(), 100).unwrap();
    world.advance_fresh(1);
    world.assert_rejected(EngineError::TakeoverNotOpen, |world| take(world, 100));
    // The next flag begins anew, and with it the walk: at the mark.
    world.keeper();
    world.liquidate("ann", AVAX).unwrap();
    assert_eq!(world.account("ann").takeover_started_at, world.now());
    assert_eq!(world.account("ann").flagged_at, world.now());
}

/// Else the walk goes on through the recovery, and the next fall begins at its far end.
#[test]
fn a_recovery_that_a_call_sees_ends_the_walk_and_an_unseen_one_does_not() {
    let mut world = open();
    let opened = world.now();
    world.advance_fresh(5);
    world.move_index(AVAX, 20_000);
    let mut unseen = world.clone();
    world.liquidate("ann", AVAX).unwrap();
    let flag = |world: &World| {
        let account = world.account("ann");
        (account.flagged_at, account.takeover_started_at)
    };
    assert_eq!(flag(&world), (0, 0));
    // Nothing is left to end: as with any healthy account.
    world.assert_rejected(EngineError::NotLiquidatable, |world| {
        world.liquidate("ann", AVAX)
    });
    for world in [&mut world, &mut unseen] {
        world.advance_fresh(5);
        world.move_index(AVAX, 18_400);
        world.liquidate("ann", AVAX).unwrap();
    }
    assert_eq!(flag(&unseen), (opened, opened));
    assert_eq!(flag(&world), (world.now(), world.now()));
    world.assert_sound();
}

#[test]
fn nobody_takes_over_from_itself() {
    let mut world = open();
    world.assert_rejected(EngineError::DuplicateAccount, |world| {
        world.take_over("ann", "ann", AVAX, 100)
    });
    // Nor with the same account named as taker by somebody else.
    let mut call = world.take_over_ix("cat", "ann", AVAX, 100);
    call.accounts[2].pubkey = world.margin_address("ann");
    world.assert_rejected(EngineError::DuplicateAccount, |world| {
        world.send(&[call], &["cat".into()])
    });
}

/// Taking over with another account of one's own moves what the price says from one pocket to the other.
#[test]
fn a_second_account_of_the_same_owner_gains_what_the_first_loses() {
    let mut world = open();
    let second = Actor::from("ann").sub(1);
    world.trader(second, RICH, &[AVAX]);
    let sum = |world: &World| {
        let risk = world.view(second).risk(world.now()).unwrap();
        equity(world, "ann") + risk.equity
    };
    let before = sum(&world);
    world.advance_fresh(20);
    world.take_over(second, "ann", AVAX, 10_000).unwrap();
    assert!(sum(&world) <= before);
    assert!(equity(&world, "ann") >= -2);
    world.assert_sound();
}

#[test]
fn less_than_the_smallest_order_is_refused() {
    let mut world = open();
    world.assert_rejected(EngineError::SizeOutOfRange, |world| take(world, 0));
    let mut world = World::new();
    world.open_market(&MarketSpec::preset(AVAX).with(|params| params.lots_min = 10));
    for name in ["ann", "bob", "cat"] {
        world.trader(name, RICH, &[AVAX]);
    }
    trade(&mut world, AVAX, "bob", "ann", 20_000, 105);
    leave_with(&mut world, "ann", 1_000_000, "bob");
    world.keeper();
    world.liquidate("ann", AVAX).unwrap();
    world.advance_fresh(20);
    world.assert_rejected(EngineError::SizeOutOfRange, |world| take(world, 9));
    // Not a lot more than asked for, though less than a smallest order would be left.
    take(&mut world, 100).unwrap();
    let taken = world.holding("cat", AVAX).base;
    let left = world.holding("ann", AVAX).base;
    assert!(taken > 0 && taken <= 100_000_000, "{taken}");
    assert!(left == 5_000_000 || left >= 10_000_000, "{left}");
    world.assert_sound();
}

#[test]
fn the_taker_meets_initial_margin_afterwards() {
    let mut world = open();
    world.trader("poor", 20 * USDC, &[AVAX]);
    world.assert_rejected(EngineError::BelowInitialMargin, |world| {
        world.take_over("poor", "ann", AVAX, 5_000)
    });
    world.take_over("poor", "ann", AVAX, 500).unwrap();
    // Its resting orders count.
    world.trader("busy", 100 * USDC, &[AVAX]);
    world.place("busy", AVAX, bid(18_300, 4_500)).unwrap();
    world.assert_rejected(EngineError::BelowInitialMargin, |world| {
        world.take_over("busy", "ann", AVAX, 500)
    });
    world.assert_sound();
}

#[test]
fn a_taker_on_credit_is_refused() {
    let mut world = open();
    // Drawn credit, written behind the program's back: the draw itself is another file's.
    world.change_margin("cat", |account| {
        account.collateral -= 5_000_000;
        account.credit_principal += 5_000_000;
    });
    world.assert_rejected(EngineError::CreditDrawn, |world| take(world, 100));
}

#[test]
fn no_order_of_the_account_may_rest_anywhere() {
    let mut world = open();
    let order = ask(19_000, 10).reduce_only();
    world.place("ann", AVAX, order).unwrap();
    world.assert_rejected(EngineError::OrdersResting, |world| take(world, 100));
    let cancels = world.liquidate_ix("ann", AVAX);
    let takes = world.take_over_ix("cat", "ann", AVAX, 100);
    world.send(&[cancels, takes], &["cat".into()]).unwrap();
}

#[test]
fn a_stale_index_takes_nothing_over() {
    let mut world = open();
    world.advance(15);
    take(&mut world.clone(), 1).unwrap();
    // From here on the old price favours ann; broke beyond that favour she is still not taken over at it.
    world.advance(1);
    world.assert_rejected(EngineError::NotLiquidatable, |world| take(world, 1));
    let mut world = open();
    world.move_index(AVAX, 11_000);
    world.liquidate("ann", AVAX).unwrap();
    world.advance(16);
    world.assert_rejected(EngineError::IndexStale, |world| take(world, 1));
}

#[test]
fn markets_are_all_there_in_order_and_once() {
    let mut world = World::trading(&[AVAX, TWIN, "AVAX-C"]);
    for name in ["ann", "bob"] {
        world.trader(name, RICH, &[TWIN, AVAX, "AVAX-C"]);
    }
    world.trader("cat", RICH, &["AVAX-C", AVAX]);
    trade(&mut world, AVAX, "bob", "ann", 20_000, 10_000);
    trade(&mut world, TWIN, "bob", "ann", 20_000, 100);
    leave_with(&mut world, "ann", 60_000_000, "bob");
    world.keeper();
    world.liquidate("ann", AVAX).unwrap();
    let sound = world.take_over_ix("cat", "ann", AVAX, 100);
    world
        .clone()
        .send(std::slice::from_ref(&sound), &["cat".into()])
        .unwrap();
    let first = sound.accounts.len() - 3;
    let mut wrong = Vec::new();
    for drop in first..sound.accounts.len() {
        let mut call = sound.clone();
        call.accounts.remove(drop);
        wrong.push(call);
    }
    let mut swapped = sound.clone();
    swapped.accounts.swap(first, first + 1);
    let mut twice = sound.clone();
    twice.accounts[first + 1] = twice.accounts[first].clone();
    let mut more = sound.clone();
    more.accounts
        .push(AccountMeta::new_readonly(world.market_address(TWIN), false));
    let mut written = sound.clone();
    written.accounts[first].pubkey = world.market_address(AVAX);
    // The leg that comes next is AVAX, and nobody chooses another.
    let chosen = world.take_over_ix("bob", "ann", TWIN, 100);
    wrong.extend([swapped, twice, more, written]);
    for call in wrong {
        world.assert_rejected(EngineError::WrongMarketAccounts, |world| {
            world.send(&[call], &["cat".into()])
        });
    }
    world.assert_rejected(EngineError::WrongMarketAccounts, |world| {
        world.send(&[chosen], &["bob".into()])
    });
}

#[test]
fn a_taker_without_a_seat_and_a_line_that_is_left_out_are_refused() {
    let mut world = open();
    world.open_market(&MarketSpec::preset(TWIN));
    world.trader("out", RICH, &[TWIN]);
    world.assert_rejected(EngineError::WrongSeat, |world| {
        world.take_over("out", "ann", AVAX, 100)
    });
    // A credit line, written behind the program's back; nothing of it is passed.
    let mut call = world.take_over_ix("cat", "ann", AVAX, 100);
    let line = Pubkey::new_from_array([5; 32]);
    world.change_margin("ann", |account| account.credit_line = line.to_bytes());
    let without = call.clone();
    world.assert_rejected(EngineError::CreditLineMissing, |world| {
        world.send(&[without], &["cat".into()])
    });
    for place in [4, 5] {
        call.accounts[place].pubkey = world.margin_address("bob");
    }
    world.assert_rejected(EngineError::WrongAccount, |world| {
        world.send(&[call], &["cat".into()])
    });
}
