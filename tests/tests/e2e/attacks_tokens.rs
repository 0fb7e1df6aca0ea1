//! Attacks by the token's issuer, who may freeze accounts, and by whoever sees a freeze coming (row 36).

use plimsoll_testkit::{ask, bid, Actor, EngineError, Outcome, World};
use solana_pubkey::Pubkey;
use spl_token_interface::state::AccountState;

use super::attacks_stage::reason;

const AVAX: &str = "AVAX";
const MILLION: u64 = 1_000_000_000_000;

/// `ann` and `bob` have traded; both shards hold cash.
fn with_two_shards() -> World {
    let mut world = World::trading(&[AVAX]);
    for name in ["ann", "bob"] {
        world.trader(name, MILLION, &[AVAX]);
        world.deposit_through(name, 1, MILLION).unwrap();
    }
    world.place("ann", AVAX, ask(20_000, 100)).unwrap();
    world.place("bob", AVAX, bid(20_000, 100)).unwrap();
    world
}

fn freeze(world: &mut World, account: Pubkey) {
    world.change_tokens(&account, |tokens| tokens.state = AccountState::Frozen);
}

#[track_caller]
fn assert_frozen(world: &mut World, attempt: impl FnOnce(&mut World) -> Outcome) {
    let rejected = world.assert_refused(attempt);
    assert_eq!(reason(&rejected), "token: AccountFrozen");
}

#[test]
fn attack_36_frozen_shard_does_not_block_others() {
    let mut world = with_two_shards();
    let (frozen, shard) = (0_u8, world.addresses.custody_shard(0));
    freeze(&mut world, shard);
    // What needs that shard is refused as a whole.
    assert_frozen(&mut world, |world| world.deposit_through("ann", frozen, 5));
    assert_frozen(&mut world, |world| world.withdraw("ann", 5));
    assert_frozen(&mut world, |world| world.rebalance_custody(0, 1, 5));
    assert_frozen(&mut world, |world| world.rebalance_custody(1, 0, 5));
    // Everything else goes on, through the other shard, for accounts of either.
    for name in ["ann", "bob"] {
        world.deposit_through(name, 1, 7).unwrap();
        world.settle(name, &[AVAX]).unwrap();
        let out = world.withdraw_ix(name, 1, MILLION / 4);
        world.send(&[out], &[name.into()]).unwrap();
    }
    world.place("ann", AVAX, bid(20_000, 50)).unwrap();
    world.place("bob", AVAX, ask(20_000, 50)).unwrap();
    for name in ["ann", "bob"] {
        world.settle(name, &[AVAX]).unwrap();
    }
    world.sweep_fees(AVAX).unwrap();
    assert_frozen(&mut world, |world| world.collect_treasury(frozen));
    world.collect_treasury(1).unwrap();
    world.trader("cid", 0, &[AVAX]);
    world.deposit_through("cid", 1, 9).unwrap();
    world.create_custody_shard(2).unwrap();
    world.deposit_through("cid", 2, 9).unwrap();
    world.assert_sound();
}

#[test]
fn attack_36_nobody_gathers_custody_in_one_shard() {
    let mut world = with_two_shards();
    world.deposit_through("ann", 1, 1_000).unwrap();
    let (poor, rich) = (world.shard_tokens(0), world.shard_tokens(1));
    assert_eq!(rich - poor, 1_000);
    for amount in [1, poor / 2, poor] {
        world.assert_rejected(EngineError::CustodyLessEven, |world| {
            world.rebalance_custody(0, 1, amount)
        });
    }
    for amount in [501, 1_000, rich] {
        world.assert_rejected(EngineError::CustodyLessEven, |world| {
            world.rebalance_custody(1, 0, amount)
        });
    }
    world.rebalance_custody(1, 0, 500).unwrap();
    assert_eq!(world.shard_tokens(0), world.shard_tokens(1));
    world.assert_sound();
}

/// A frozen wallet is its owner's trouble, and nothing of the account's cash is lost by trying.
#[test]
fn attack_36_frozen_wallet_loses_no_cash() {
    let mut world = with_two_shards();
    freeze(&mut world, Actor::from("ann").token_account());
    assert_frozen(&mut world, |world| world.withdraw("ann", 5));
    assert_frozen(&mut world, |world| world.deposit("ann", 5));
    world.withdraw("bob", 5).unwrap();
    world.assert_sound();
}
