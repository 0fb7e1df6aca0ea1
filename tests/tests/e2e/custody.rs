//! Custody: the shards, and that they hold exactly what is owed (INV-1, INV-12).

use plimsoll_testkit::events::{CustodyRebalanced, CustodyShardCreated};
use plimsoll_testkit::{ask, bid, Actor, EngineError, MarketSpec, OrderExt, World};
use solana_pubkey::Pubkey;

const AVAX: &str = "AVAX";

#[test]
fn custody_equals_the_sum_of_claims_on_the_real_bytecode() {
    let mut world = World::trading(&[AVAX, "BTC"]);
    for (name, shard) in [("ann", 0), ("bob", 1)] {
        world.trader(name, 0, &[AVAX, "BTC"]);
        world.deposit_through(name, shard, 1_000_000_007).unwrap();
        world.assert_custody_exact();
    }
    for (symbol, price) in [(AVAX, 20_000), ("BTC", 100_000)] {
        world.place("ann", symbol, ask(price, 333)).unwrap();
        world.place("bob", symbol, bid(price, 333)).unwrap();
        world.assert_sound();
        world.move_index(symbol, price + 13);
        for name in ["bob", "ann", "bob"] {
            world.settle(name, &[symbol]).unwrap();
            world.assert_sound();
        }
    }
    world.advance_fresh(3_600);
    for symbol in [AVAX, "BTC"] {
        world.sweep_fees(symbol).unwrap();
        world.assert_sound();
    }
    world.collect_treasury(1).unwrap();
    world.withdraw("ann", 500_000_001).unwrap();
    world.rebalance_custody(1, 0, 77).unwrap();
    world.assert_sound();
}

#[test]
fn a_donation_to_a_shard_is_credited_to_nobody() {
    let mut world = World::trading(&[AVAX]);
    world.trader("ann", 1_000, &[]);
    world.donate("bob", 0, 5_555);
    assert_eq!(world.shard_tokens(0), 6_555);
    world.assert_sound();
    // Neither the next deposit nor anybody's withdrawal comes by it.
    world.deposit("ann", 1).unwrap();
    assert_eq!(world.collateral("ann"), 1_001);
    world.assert_rejected(EngineError::InsufficientCash, |world| {
        world.withdraw("ann", 1_002)
    });
    world.withdraw("ann", 1_001).unwrap();
    assert_eq!(world.shard_tokens(0), 5_555);
    world.assert_sound();
}

#[test]
fn shard_is_created_by_the_authority_in_the_order_of_numbers() {
    let mut world = World::bare();
    world.initialize_exchange().unwrap();
    world.assert_rejected(EngineError::WrongCustodyShard, |world| {
        world.create_custody_shard(1)
    });
    for shard in 0..16 {
        let created = world
            .create_custody_shard(shard)
            .unwrap()
            .event::<CustodyShardCreated>();
        assert_eq!((created.version, created.shard), (1, shard));
        assert_eq!(created.address, world.addresses.custody_shard(shard));
        let exchange = world.exchange();
        assert_eq!(exchange.custody_shards_len, shard + 1);
        assert_eq!(
            Pubkey::from(exchange.custody_shards[usize::from(shard)]),
            created.address
        );
    }
    for shard in [16, 15, 0] {
        let refused = world.assert_refused(|world| world.create_custody_shard(shard));
        assert_eq!(
            refused.engine,
            Some(EngineError::WrongCustodyShard),
            "{shard}"
        );
    }
}

#[test]
fn shards_created_by_anyone_else_or_of_another_mint_are_rejected() {
    let mut world = World::bare();
    world.initialize_exchange().unwrap();
    let sound = world.create_custody_shard_ix(0);
    let mut stranger = sound.clone();
    for position in [0, 1] {
        stranger.accounts[position].pubkey = Actor::from("bob").key();
    }
    world.assert_rejected(EngineError::NotAuthorized, |world| {
        world.send(&[stranger], &["bob".into()])
    });
    for position in [2, 3, 4, 5] {
        let mut instruction = sound.clone();
        instruction.accounts[position].pubkey = world.addresses.default_fund;
        world.assert_rejected(EngineError::WrongAccount, |world| {
            world.send(&[instruction], &["authority".into()])
        });
    }
}

#[test]
fn rebalancing_evens_two_shards_out_and_owes_nobody_less() {
    let mut world = World::trading(&[AVAX]);
    world.trader("ann", 1_001, &[]);
    let moved = world
        .rebalance_custody(0, 1, 500)
        .unwrap()
        .event::<CustodyRebalanced>();
    assert_eq!(
        moved,
        CustodyRebalanced {
            version: 1,
            exchange: world.addresses.exchange,
            from: 0,
            to: 1,
            amount: 500,
        }
    );
    assert_eq!((world.shard_tokens(0), world.shard_tokens(1)), (501, 500));
    world.assert_custody_exact();
}

#[test]
fn rebalancing_that_makes_shards_less_even_is_rejected() {
    let mut world = World::trading(&[AVAX]);
    world.trader("ann", 1_001, &[]);
    world.assert_rejected(EngineError::CustodyLessEven, |world| {
        world.rebalance_custody(0, 1, 501)
    });
    world.rebalance_custody(0, 1, 500).unwrap();
    world.assert_rejected(EngineError::CustodyLessEven, |world| {
        world.rebalance_custody(1, 0, 1)
    });
}

#[test]
fn rebalancing_nothing_or_between_wrong_shards_is_rejected() {
    let mut world = World::trading(&[AVAX]);
    world.trader("ann", 1_000, &[]);
    let cases = [
        ((0, 1, 0), EngineError::ZeroAmount),
        ((0, 0, 5), EngineError::DuplicateAccount),
        ((0, 2, 5), EngineError::WrongCustodyShard),
        ((2, 0, 5), EngineError::WrongCustodyShard),
    ];
    for ((from, to, amount), error) in cases {
        world.assert_rejected(error, |world| world.rebalance_custody(from, to, amount));
    }
    let sound = world.rebalance_custody_ix(0, 1, 5);
    for position in [0, 3, 4] {
        let mut instruction = sound.clone();
        instruction.accounts[position].pubkey = world.addresses.default_fund;
        world.assert_rejected(EngineError::WrongAccount, |world| {
            world.send(&[instruction], &["keeper".into()])
        });
    }
}

/// Everybody with a seat in a market whose arena has no block left gets flat, is paid and leaves.
#[test]
fn every_account_exits_a_full_market() {
    let mut world = World::new();
    // The sentinel, twelve blocks for epoch ends, and three seats with two slots each.
    world.open_market(&MarketSpec::preset(AVAX).blocks(22));
    for name in ["ann", "bob", "cat"] {
        world.create_margin_account(name).unwrap();
        world.deposit(name, 1_000_000_000).unwrap();
        world.claim_seat(name, AVAX, 2).unwrap();
    }
    world.trader("dan", 1_000_000_000, &[]);
    world.assert_rejected(EngineError::ArenaFull, |world| {
        world.claim_seat("dan", AVAX, 1)
    });
    world.place("ann", AVAX, ask(20_000, 50)).unwrap();
    world.place("bob", AVAX, bid(20_000, 30)).unwrap();
    world.place("cat", AVAX, bid(20_000, 20)).unwrap();
    for name in ["ann", "bob", "cat"] {
        world.place(name, AVAX, ask(21_000, 7)).unwrap();
        world.place(name, AVAX, bid(19_000, 7)).unwrap();
        world.assert_rejected(EngineError::OrderSlotsFull, |world| {
            world.place(name, AVAX, bid(18_000, 1))
        });
    }
    world.move_index(AVAX, 20_400);
    for name in ["ann", "bob", "cat"] {
        world.cancel_all(name, AVAX, 64).unwrap();
    }
    world
        .place("ann", AVAX, bid(20_400, 50).reduce_only())
        .unwrap();
    for (name, lots) in [("bob", 30), ("cat", 20)] {
        world
            .place(name, AVAX, ask(20_400, lots).reduce_only())
            .unwrap();
    }
    for name in ["ann", "bob", "cat"] {
        world.settle(name, &[AVAX]).unwrap();
        world.release_seat(name, AVAX).unwrap();
        world.assert_sound();
    }
    // A gain of this minute is aged after two more.
    world.advance(120);
    for name in ["ann", "bob", "cat"] {
        let all = world.collateral(name).unsigned_abs();
        world.withdraw(name, all).unwrap();
        world.close_margin_account(name).unwrap();
    }
    world.sweep_fees(AVAX).unwrap();
    world.assert_sound();
    assert_eq!(world.market(AVAX).header.cash.pool, 0);
}
