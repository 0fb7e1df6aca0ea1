//! `tear_up` (spec §8 step 5, §9): what it refuses, by name, with nothing moved.

use plimsoll_testkit::{ask, EngineError, MarketSpec, OrderExt, World};
use solana_instruction::AccountMeta;
use solana_pubkey::Pubkey;

use super::losses_scenes::{equity, leave_with, long_with, torn_up, trade, AVAX, RICH, TWIN, USDC};

/// Ann is broke.
fn broke() -> World {
    let mut world = long_with(222 * USDC, 10_000);
    world.keeper();
    world.move_index(AVAX, 15_000);
    assert!(equity(&world, "ann") < 0);
    world
}

#[test]
fn one_atom_of_equity_is_solvent_and_none_is_not() {
    let mut world = broke();
    let missing = equity(&world, "ann").unsigned_abs();
    let mut solvent = world.clone();
    solvent.deposit("ann", missing + 1).unwrap();
    solvent.assert_rejected(EngineError::AccountSolvent, |world| {
        world.tear_up("ann", AVAX)
    });
    world.deposit("ann", missing).unwrap();
    let receipt = torn_up(&mut world, "ann", AVAX);
    assert_eq!((receipt.deficit, receipt.charged), (0, 0));
    world.assert_sound();
}

#[test]
fn a_healthy_account_and_a_flat_one_are_not_liquidatable() {
    let mut world = broke();
    for name in ["bob", "cat"] {
        world.assert_rejected(EngineError::NotLiquidatable, |world| {
            world.tear_up(name, AVAX)
        });
    }
    torn_up(&mut world, "ann", AVAX);
    world.assert_rejected(EngineError::NotLiquidatable, |world| {
        world.tear_up("ann", AVAX)
    });
}

#[test]
fn orders_must_be_gone_first() {
    let mut world = long_with(230 * USDC, 10_000);
    world
        .place("ann", AVAX, ask(21_000, 10).reduce_only())
        .unwrap();
    world.move_index(AVAX, 15_000);
    world.keeper();
    world.assert_rejected(EngineError::OrdersResting, |world| {
        world.tear_up("ann", AVAX)
    });
    let both = [
        world.liquidate_ix("ann", AVAX),
        world.tear_up_ix("ann", AVAX),
    ];
    world.send(&both, &["keeper".into()]).unwrap();
    assert_eq!(world.holding("ann", AVAX).base, 0);
    world.assert_sound();
}

#[test]
fn a_stale_index_tears_nothing_up() {
    let mut world = broke();
    // Far below what the stale leg's favour could cover.
    world.move_index(AVAX, 11_000);
    world.advance(16);
    world.assert_rejected(EngineError::IndexStale, |world| world.tear_up("ann", AVAX));
    world.keep_fresh();
    torn_up(&mut world, "ann", AVAX);
}

#[test]
fn markets_are_all_there_in_order_and_the_leg_is_not_chosen() {
    let mut world = World::trading(&[AVAX, TWIN, "AVAX-C"]);
    for name in ["ann", "bob"] {
        world.trader(name, RICH, &[TWIN, AVAX, "AVAX-C"]);
    }
    trade(&mut world, AVAX, "bob", "ann", 20_000, 10_000);
    trade(&mut world, TWIN, "bob", "ann", 20_000, 100);
    leave_with(&mut world, "ann", 0, "bob");
    world.keeper();
    let sound = world.tear_up_ix("ann", AVAX);
    world
        .clone()
        .send(std::slice::from_ref(&sound), &["keeper".into()])
        .unwrap();
    let first = sound.accounts.len() - 2;
    let mut swapped = sound.clone();
    swapped.accounts.swap(first, first + 1);
    let mut twice = sound.clone();
    twice.accounts[first + 1] = twice.accounts[first].clone();
    let mut short = sound.clone();
    short.accounts.pop();
    let mut none = sound.clone();
    none.accounts.truncate(first);
    let mut more = sound.clone();
    more.accounts
        .push(AccountMeta::new_readonly(world.market_address(TWIN), false));
    let mut written = sound.clone();
    written.accounts[first].pubkey = world.market_address(AVAX);
    // The smaller leg, and a market in which ann holds nothing.
    let other = world.tear_up_ix("ann", TWIN);
    let flat = world.tear_up_ix("ann", "AVAX-C");
    for call in [swapped, twice, short, none, more, written, other, flat] {
        world.assert_rejected(EngineError::WrongMarketAccounts, |world| {
            world.send(&[call], &["keeper".into()])
        });
    }
}

#[test]
fn foreign_accounts_are_refused() {
    let mut world = broke();
    world.open_market(&MarketSpec::preset(TWIN));
    let sound = world.tear_up_ix("ann", AVAX);
    let twin = world.market_address(TWIN);
    let mark = world.addresses.mark(&twin);
    let margin = world.margin_address("bob");
    let fund = world.addresses.default_fund;
    let exchange = world.addresses.exchange;
    for (place, account) in [
        (0, fund),
        (0, margin),
        (1, exchange),
        (1, margin),
        (2, fund),
        (3, mark),
        (4, mark),
        (5, mark),
        (5, margin),
    ] {
        let mut call = sound.clone();
        call.accounts[place].pubkey = account;
        world.assert_rejected(EngineError::WrongAccount, |world| {
            world.send(&[call], &["keeper".into()])
        });
    }
    let mut victim = sound.clone();
    victim.accounts[3].pubkey = world.margin_address("ann");
    world.assert_rejected(EngineError::DuplicateAccount, |world| {
        world.send(&[victim], &["keeper".into()])
    });
    // A line that the account names and the call leaves out.
    let line = Pubkey::new_from_array([5; 32]);
    world.change_margin("ann", |account| account.credit_line = line.to_bytes());
    world.assert_rejected(EngineError::CreditLineMissing, |world| {
        world.send(&[sound], &["keeper".into()])
    });
}

/// Each receipt's hash goes over the one before, and the `Mark` shows the sides as they are now.
#[test]
fn receipts_are_numbered_chained_and_copied_to_the_mark() {
    let mut world = broke();
    world.trader("amy", 300 * USDC, &[AVAX]);
    trade(&mut world, AVAX, "cat", "amy", 15_000, 5_000);
    let start = world.market(AVAX).header.losses.receipt_chain;
    let first = torn_up(&mut world, "ann", AVAX);
    let middle = world.market(AVAX).header.losses.receipt_chain;
    world.move_index(AVAX, 8_000);
    let second = torn_up(&mut world, "amy", AVAX);
    let header = world.market(AVAX).header;
    assert_eq!((first.number, second.number), (1, 2));
    assert!(start != middle && middle != header.losses.receipt_chain);
    assert_eq!(world.mark(AVAX).sides, header.sides);
    world.assert_sound();
}
