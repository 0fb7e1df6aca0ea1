//! `withdraw`: aged cash, to the owner, as far as initial margin leaves it.

use plimsoll_engine::state::HaltPhase;
use plimsoll_testkit::events::Withdrawn;
use plimsoll_testkit::{ask, bid, Actor, EngineError, World, WALLET_USDC};

const CASH: u64 = 1_000_000_000;

/// "ann" long, "bob" short 1,000 lots of AVAX at 20,000: a notional of 200,000,000 and an initial margin
/// of 22,000,000 quote atoms each.
fn world() -> World {
    let mut world = World::trading(&["AVAX", "BTC"]);
    for name in ["ann", "bob"] {
        world.trader(name, CASH, &["AVAX"]);
    }
    world.place("ann", "AVAX", bid(20_000, 1_000)).unwrap();
    world.place("bob", "AVAX", ask(20_000, 1_000)).unwrap();
    world
}

#[test]
fn withdrawal_pays_the_owner_out_of_the_named_shard() {
    let mut world = world();
    let sent = world.withdraw("ann", 123_457).unwrap();
    assert_eq!(
        sent.event::<Withdrawn>(),
        Withdrawn {
            version: 1,
            margin_account: world.margin_address("ann"),
            amount: 123_457,
            collateral: 999_876_543,
        }
    );
    assert_eq!(world.usdc("ann"), WALLET_USDC - CASH + 123_457);
    assert_eq!(world.account("ann").withdrawn_total, 123_457);
    assert_eq!(world.shard_tokens(0), 2 * CASH - 123_457);
    world.assert_sound();
}

#[test]
fn withdrawal_goes_to_any_token_account_of_the_mint_that_the_owner_names() {
    let mut world = world();
    world.fund_wallet("friend");
    let mut instruction = world.withdraw_ix("ann", 0, 555);
    instruction.accounts[5].pubkey = Actor::from("friend").token_account();
    world.send(&[instruction], &["ann".into()]).unwrap();
    assert_eq!(world.usdc("friend"), WALLET_USDC + 555);
}

#[test]
fn withdrawal_takes_all_that_initial_margin_leaves_and_not_an_atom_more() {
    let mut world = world();
    let preview = world.view("ann").preview(world.now()).unwrap();
    // The fee is the maker's, 100 ppm of 200,000,000. A base atom at 0.2 is not a whole number of Q.32: the
    // long's value floors to an atom less.
    assert_eq!(preview.withdrawable, CASH - 22_000_000 - 20_000 - 1);
    world.assert_rejected(EngineError::BelowInitialMargin, |world| {
        world.withdraw("ann", preview.withdrawable + 1)
    });
    world.withdraw("ann", preview.withdrawable).unwrap();
    world.assert_sound();
}

#[test]
fn withdrawal_of_zero_is_rejected() {
    world().assert_rejected(EngineError::ZeroAmount, |world| world.withdraw("ann", 0));
}

#[test]
fn withdrawal_of_more_than_the_cash_is_rejected() {
    world().assert_rejected(EngineError::InsufficientCash, |world| {
        world.withdraw("ann", CASH + 1)
    });
}

#[test]
fn withdrawal_beyond_all_integers_is_rejected() {
    for amount in [u64::MAX, 1 << 63] {
        world().assert_rejected(EngineError::Overflow, |world| world.withdraw("ann", amount));
    }
}

#[test]
fn withdrawal_of_an_unaged_gain_waits_until_it_has_aged() {
    let mut world = world();
    world.trader("cat", 0, &[]);
    world.deposit("cat", 100).unwrap();
    let now = world.now();
    world.change_margin("cat", |account| {
        account.gain_newest = 60;
        account.gain_interval = now.div_euclid(60);
    });
    world.assert_rejected(EngineError::InsufficientCash, |world| {
        world.withdraw("cat", 41)
    });
    world.withdraw("cat", 40).unwrap();
    // A gain of interval k matures at (k + 2) × 60; this world began at a multiple of 60.
    world.set_time(now + 119);
    world.assert_rejected(EngineError::InsufficientCash, |world| {
        world.withdraw("cat", 1)
    });
    world.set_time(now + 120);
    world.withdraw("cat", 60).unwrap();
    assert_eq!(world.collateral("cat"), 0);
}

#[test]
fn withdrawal_is_the_owners_alone() {
    let mut world = world();
    world.set_delegate("ann", "dee").unwrap();
    for thief in ["bob", "dee"] {
        let mut instruction = world.withdraw_ix("ann", 0, 5);
        instruction.accounts[0].pubkey = Actor::from(thief).key();
        world.assert_rejected(EngineError::NotAuthorized, |world| {
            world.send(&[instruction], &[thief.into()])
        });
    }
}

#[test]
fn withdrawal_in_a_halt_is_refused_to_holders_there_and_to_nobody_else() {
    let mut world = world();
    world.trader("cat", CASH, &["AVAX"]);
    world.trader("dan", CASH, &["AVAX"]);
    world.place("dan", "AVAX", bid(19_000, 1)).unwrap();
    world.force_phase("AVAX", HaltPhase::Call);
    for holder in ["ann", "bob", "dan"] {
        world.assert_rejected(EngineError::MarketHalted, |world| world.withdraw(holder, 5));
    }
    world.withdraw("cat", 5).unwrap();
}

#[test]
fn withdrawal_on_credit_is_rejected() {
    let mut world = world();
    world.change_margin("ann", |account| account.credit_principal = 1);
    world.assert_rejected(EngineError::CreditDrawn, |world| world.withdraw("ann", 5));
    world.change_margin("ann", |account| {
        account.credit_principal = 0;
        account.credit_interest = 1;
    });
    world.assert_rejected(EngineError::CreditDrawn, |world| world.withdraw("ann", 5));
}

#[test]
fn withdrawal_under_a_lien_is_rejected() {
    let mut world = world();
    world.change_margin("ann", |account| account.lien = 1);
    world.assert_rejected(EngineError::LienUnpaid, |world| world.withdraw("ann", 5));
}

#[test]
fn withdrawal_with_a_seat_epochs_behind_is_rejected() {
    let mut world = world();
    world.change_header("AVAX", |header| header.sides[0].epoch += 1);
    world.assert_rejected(EngineError::EpochBehind, |world| world.withdraw("ann", 5));
}

#[test]
fn withdrawal_without_a_leg_or_with_one_too_many_is_rejected() {
    let mut world = world();
    let sound = world.withdraw_ix("ann", 0, 5);
    let mut hidden = sound.clone();
    hidden.accounts.pop();
    let mut surplus = sound.clone();
    surplus.accounts.push(surplus.accounts[7].clone());
    let mut another = sound.clone();
    another.accounts[7].pubkey = world.market_address("BTC");
    for instruction in [hidden, surplus, another] {
        world.assert_rejected(EngineError::WrongMarketAccounts, |world| {
            world.send(&[instruction], &["ann".into()])
        });
    }
    world.send(&[sound], &["ann".into()]).unwrap();
}

#[test]
fn withdrawal_through_a_wrong_shard_is_rejected() {
    let mut world = world();
    let mut other = world.withdraw_ix("ann", 0, 5);
    other.accounts[3].pubkey = world.addresses.custody_shard(1);
    let missing = world.withdraw_ix("ann", 2, 5);
    for instruction in [other, missing] {
        world.assert_rejected(EngineError::WrongCustodyShard, |world| {
            world.send(&[instruction], &["ann".into()])
        });
    }
}

#[test]
fn withdrawal_with_a_wrong_exchange_authority_or_token_program_is_rejected() {
    let mut world = world();
    let sound = world.withdraw_ix("ann", 0, 5);
    for position in [1, 2, 4, 6] {
        let mut instruction = sound.clone();
        instruction.accounts[position].pubkey = world.addresses.default_fund;
        world.assert_rejected(EngineError::WrongAccount, |world| {
            world.send(&[instruction], &["ann".into()])
        });
    }
}

#[test]
fn withdrawal_from_a_shard_to_itself_is_rejected() {
    let mut world = world();
    let mut instruction = world.withdraw_ix("ann", 0, 5);
    instruction.accounts[5].pubkey = world.addresses.custody_shard(0);
    world.assert_rejected(EngineError::DuplicateAccount, |world| {
        world.send(&[instruction], &["ann".into()])
    });
}

#[test]
fn withdrawal_of_more_than_the_shard_holds_is_refused_by_the_token_program() {
    let mut world = world();
    let instruction = world.withdraw_ix("ann", 1, 5);
    let refused = world.assert_refused(|world| world.send(&[instruction], &["ann".into()]));
    assert_eq!((refused.engine, refused.code()), (None, Some(1)));
}

#[test]
fn stale_leg_counts_against_its_holder_but_does_not_stop_a_withdrawal() {
    let mut world = world();
    let fresh = world.view("ann").preview(world.now()).unwrap().withdrawable;
    world.advance(16);
    let stale = world.view("ann").preview(world.now()).unwrap().withdrawable;
    // The leg is worth nothing at the mark and loses its initial margin fraction: another 22,000,000.
    assert_eq!(stale, fresh - 22_000_000);
    world.assert_rejected(EngineError::BelowInitialMargin, |world| {
        world.withdraw("ann", stale + 1)
    });
    world.withdraw("ann", stale).unwrap();
}
