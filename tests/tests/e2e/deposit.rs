//! `deposit`: anyone, for anyone, in every state (INV-8).

use plimsoll_client::instructions;
use plimsoll_engine::state::HaltPhase;
use plimsoll_testkit::events::Deposited;
use plimsoll_testkit::{ask, bid, Actor, EngineError, World, WALLET_USDC};
use spl_token_interface::state::AccountState;

fn world() -> World {
    let mut world = World::trading(&["AVAX"]);
    world.trader("ann", 0, &["AVAX"]);
    world
}

#[test]
fn deposit_moves_the_amount_from_the_wallet_to_the_shard_and_credits_it() {
    let mut world = world();
    let sent = world.deposit("ann", 7_000_001).unwrap();
    assert_eq!(
        sent.event::<Deposited>(),
        Deposited {
            version: 1,
            margin_account: world.margin_address("ann"),
            amount: 7_000_001,
            collateral: 7_000_001,
        }
    );
    let again = world.deposit("ann", 13).unwrap();
    assert_eq!(again.event::<Deposited>().collateral, 7_000_014);
    assert_eq!(world.usdc("ann"), WALLET_USDC - 7_000_014);
    assert_eq!(world.shard_tokens(0), 7_000_014);
    let account = world.account("ann");
    assert_eq!(account.collateral, 7_000_014);
    assert_eq!(account.deposited_total, 7_000_014);
    assert_eq!(
        account.gain_newest + account.gain_previous,
        0,
        "aged at once"
    );
    world.assert_sound();
}

#[test]
fn deposit_goes_through_any_shard() {
    let mut world = world();
    world.deposit_through("ann", 1, 41).unwrap();
    world.deposit_through("ann", 0, 17).unwrap();
    assert_eq!((world.shard_tokens(0), world.shard_tokens(1)), (17, 41));
    assert_eq!(world.collateral("ann"), 58);
    world.assert_custody_exact();
}

#[test]
fn anyone_deposits_for_anyone() {
    let mut world = world();
    let benefactor = Actor::from("bob");
    world.fund_wallet(benefactor);
    let instruction = instructions::deposit(
        &world.addresses,
        benefactor.key(),
        benefactor.token_account(),
        world.margin_address("ann"),
        0,
        9_999,
    );
    world.send(&[instruction], &[benefactor]).unwrap();
    assert_eq!(world.collateral("ann"), 9_999);
    assert_eq!(world.usdc(benefactor), WALLET_USDC - 9_999);
}

#[test]
fn deposit_of_zero_is_rejected() {
    world().assert_rejected(EngineError::ZeroAmount, |world| world.deposit("ann", 0));
}

#[test]
fn deposit_through_a_shard_that_was_never_created_is_rejected() {
    for shard in [2, 15, 16, u8::MAX] {
        world().assert_rejected(EngineError::WrongCustodyShard, |world| {
            world.deposit_through("ann", shard, 5)
        });
    }
}

#[test]
fn deposit_through_another_shard_than_the_one_named_is_rejected() {
    let mut world = world();
    let mut instruction = world.deposit_ix("ann", 0, 5);
    instruction.accounts[4].pubkey = world.addresses.custody_shard(1);
    world.assert_rejected(EngineError::WrongCustodyShard, |world| {
        world.send(&[instruction], &["ann".into()])
    });
}

#[test]
fn deposit_with_another_exchange_or_account_or_token_program_is_rejected() {
    let mut world = world();
    let sound = world.deposit_ix("ann", 0, 5);
    let wrong = [
        (1, world.addresses.default_fund),
        (2, world.addresses.default_fund),
        (2, world.market_address("AVAX")),
        (5, world.addresses.program),
    ];
    for (position, address) in wrong {
        let mut instruction = sound.clone();
        instruction.accounts[position].pubkey = address;
        world.assert_rejected(EngineError::WrongAccount, |world| {
            world.send(&[instruction], &["ann".into()])
        });
    }
}

#[test]
fn deposit_of_more_than_the_wallet_holds_is_refused_by_the_token_program() {
    let refused = world().assert_refused(|world| world.deposit("ann", WALLET_USDC + 1));
    assert_eq!((refused.engine, refused.code()), (None, Some(1)));
}

#[test]
fn deposit_that_collateral_cannot_hold_is_an_overflow() {
    let mut world = world();
    world.change_margin("ann", |account| account.collateral = i64::MAX - 4);
    world.assert_rejected(EngineError::Overflow, |world| world.deposit("ann", 5));
}

#[test]
fn deposit_succeeds_while_the_index_is_stale() {
    let mut world = world();
    world.trader("bob", 1_000_000_000, &["AVAX"]);
    world.deposit("ann", 1_000_000_000).unwrap();
    world.place("ann", "AVAX", ask(20_000, 900)).unwrap();
    world.place("bob", "AVAX", bid(20_000, 900)).unwrap();
    world.advance(1_000_000);
    world.deposit("ann", 3).unwrap();
    assert_eq!(world.collateral("ann"), 1_000_000_003);
}

#[test]
fn deposit_succeeds_in_a_halt_under_a_lien_on_credit_and_in_a_reduce_only_market() {
    let mut world = world();
    world.force_phase("AVAX", HaltPhase::Freeze);
    world.change_header("AVAX", |header| {
        header.status = 2;
        header.guardian_until = i64::MAX;
    });
    world.change_margin("ann", |account| {
        account.collateral = -700;
        account.credit_principal = 900;
        account.credit_interest = 11;
        account.lien = 77;
        account.flagged_at = 1;
    });
    let sent = world.deposit("ann", 31).unwrap();
    assert_eq!(sent.event::<Deposited>().collateral, -669);
}

#[test]
fn deposit_goes_through_another_shard_when_one_is_frozen() {
    let mut world = world();
    let frozen = world.addresses.custody_shard(0);
    world.change_tokens(&frozen, |tokens| tokens.state = AccountState::Frozen);
    let refused = world.assert_refused(|world| world.deposit("ann", 5));
    assert_eq!(
        refused.engine, None,
        "the token program refuses, not this one"
    );
    world.deposit_through("ann", 1, 5).unwrap();
    world.assert_custody_exact();
}

#[test]
fn deposit_locks_nothing_that_trading_writes() {
    let mut world = world();
    world.deposit("ann", 5).unwrap();
    let writes = |instruction: &solana_instruction::Instruction| -> Vec<_> {
        let writable = instruction.accounts.iter().filter(|meta| meta.is_writable);
        writable.map(|meta| meta.pubkey).collect()
    };
    let deposit = world.deposit_ix("ann", 0, 5);
    let place = world.place_ix("ann", "AVAX", bid(19_000, 1));
    assert_eq!(writes(&place), [world.market_address("AVAX")]);
    assert_eq!(
        writes(&deposit),
        [
            world.margin_address("ann"),
            Actor::from("ann").token_account(),
            world.addresses.custody_shard(0)
        ]
    );
}
