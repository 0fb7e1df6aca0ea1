//! `liquidate` (spec §8): what it refuses, by name, with nothing moved.

use plimsoll_testkit::{bid, EngineError, MarketSpec, World};
use solana_instruction::AccountMeta;
use solana_pubkey::Pubkey;

use super::losses_scenes::{leave_with, liquidated, long_with, trade, AVAX, RICH, TWIN, USDC};

/// Ann below maintenance, with bids in the book.
fn below() -> World {
    let mut world = long_with(222 * USDC, 10_000);
    world.keeper();
    world.move_index(AVAX, 18_400);
    world.place("cat", AVAX, bid(18_390, 10_000)).unwrap();
    world
}

#[test]
fn an_old_price_liquidates_nobody() {
    let mut world = below();
    let mut edge = world.clone();
    edge.advance(15);
    edge.liquidate("ann", AVAX).unwrap();
    world.advance(16);
    world.assert_rejected(EngineError::NotLiquidatable, |world| {
        world.liquidate("ann", AVAX)
    });
    // Even of who would be broke beyond all favour.
    let mut broke = below();
    broke.move_index(AVAX, 11_000);
    broke.advance(16);
    broke.assert_rejected(EngineError::IndexStale, |world| {
        world.liquidate("ann", AVAX)
    });
}

#[test]
fn who_is_flat_or_at_maintenance_is_left_alone() {
    let mut world = below();
    for name in ["cat", "bob", "dora"] {
        world.assert_rejected(EngineError::NotLiquidatable, |world| {
            world.liquidate(name, AVAX)
        });
    }
    world.liquidate("ann", AVAX).unwrap();
    world.assert_rejected(EngineError::NotLiquidatable, |world| {
        world.liquidate("ann", AVAX)
    });
}

#[test]
fn markets_are_all_there_in_order_and_the_leg_is_not_chosen() {
    let mut world = World::trading(&[AVAX, TWIN, "AVAX-C"]);
    for name in ["ann", "bob", "cat"] {
        world.trader(name, RICH, &[TWIN, AVAX, "AVAX-C"]);
    }
    trade(&mut world, AVAX, "bob", "ann", 20_000, 10_000);
    trade(&mut world, TWIN, "bob", "ann", 20_000, 100);
    leave_with(&mut world, "ann", 60_000_000, "bob");
    world.place("cat", AVAX, bid(19_990, 10_000)).unwrap();
    world.keeper();
    let sound = world.liquidate_ix("ann", AVAX);
    let sent = world
        .clone()
        .send(std::slice::from_ref(&sound), &["keeper".into()])
        .unwrap();
    assert!(liquidated(&sent).filled_lots > 0);
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
    let smaller = world.liquidate_ix("ann", TWIN);
    let flat = world.liquidate_ix("ann", "AVAX-C");
    for call in [swapped, twice, short, none, more, written, smaller, flat] {
        world.assert_rejected(EngineError::WrongMarketAccounts, |world| {
            world.send(&[call], &["keeper".into()])
        });
    }
}

#[test]
fn foreign_accounts_are_refused() {
    let mut world = below();
    world.open_market(&MarketSpec::preset(TWIN));
    let sound = world.liquidate_ix("ann", AVAX);
    let mark = world.addresses.mark(&world.market_address(TWIN));
    let margin = world.margin_address("bob");
    let (fund, exchange) = (world.addresses.default_fund, world.addresses.exchange);
    for (place, account) in [
        (0, fund),
        (0, margin),
        (1, exchange),
        (1, margin),
        (2, fund),
        (3, mark),
        (3, fund),
        (4, mark),
        (4, margin),
    ] {
        let mut call = sound.clone();
        call.accounts[place].pubkey = account;
        world.assert_rejected(EngineError::WrongAccount, |world| {
            world.send(&[call], &["keeper".into()])
        });
    }
    let mut twin = sound.clone();
    twin.accounts[4].pubkey = world.market_address(TWIN);
    world.assert_rejected(EngineError::WrongMarketAccounts, |world| {
        world.send(&[twin], &["keeper".into()])
    });
    let mut victim = sound.clone();
    victim.accounts[3].pubkey = world.margin_address("ann");
    world.assert_rejected(EngineError::DuplicateAccount, |world| {
        world.send(&[victim], &["keeper".into()])
    });
}

/// For an account without a line nothing that is passed as one counts; with a line, nothing but its own.
#[test]
fn a_line_is_looked_at_only_where_there_is_one() {
    let mut world = below();
    let sound = world.liquidate_ix("ann", AVAX);
    let mut plain = world.clone();
    plain
        .send(std::slice::from_ref(&sound), &["keeper".into()])
        .unwrap();
    let mut garbage = sound.clone();
    for place in 5..=9 {
        garbage.accounts[place] = AccountMeta::new(world.margin_address("bob"), false);
    }
    let mut with_garbage = world.clone();
    with_garbage
        .send(std::slice::from_ref(&garbage), &["keeper".into()])
        .unwrap();
    with_garbage.assert_unchanged(&plain.snapshot());
    // A line, written behind the program's back: the credit instructions are another file's.
    let line = Pubkey::new_from_array([5; 32]);
    world.change_margin("ann", |account| account.credit_line = line.to_bytes());
    world.assert_rejected(EngineError::CreditLineMissing, |world| {
        world.send(&[sound], &["keeper".into()])
    });
    world.assert_rejected(EngineError::WrongAccount, |world| {
        world.send(&[garbage], &["keeper".into()])
    });
}
