//! Attacks on identity: repeated creation, stale identifiers, and closing what is not empty (rows 32, 38).

use plimsoll_engine::state::MarginAccount;
use plimsoll_testkit::{ask, bid, Actor, EngineError, OrderExt, World};

use super::attacks_stage::{Stage, AVAX};

const THOUSAND: u64 = 1_000_000_000;

/// Writes a field of a margin account behind the program's back.
fn forge(world: &mut World, actor: &str, change: impl FnOnce(&mut MarginAccount)) {
    let address = world.margin_address(actor);
    world.change_account(&address, |account| {
        let mut state: MarginAccount = bytemuck::pod_read_unaligned(&account.data[8..]);
        change(&mut state);
        account.data[8..].copy_from_slice(bytemuck::bytes_of(&state));
    });
}

#[test]
fn attack_32_second_initialisation_is_refused() {
    let stage = Stage::set();
    for (name, expected) in [
        ("create_margin_account", "AlreadyInitialized"),
        ("initialize_exchange", "AlreadyInitialized"),
        ("create_market", "AlreadyInitialized"),
        // The next shard has another number.
        ("create_custody_shard", "WrongCustodyShard"),
    ] {
        let mut world = stage.world.clone();
        let sound = &stage.call(name).instruction;
        stage.attempt(&mut world, sound).unwrap();
        stage.refused(&mut world, name, sound, expected);
        world.advance(86_400);
        stage.refused(&mut world, name, sound, expected);
    }
    // A market's account that anything was written to is no new one.
    for at in [0, 8, 2_047] {
        let mut world = stage.world.clone();
        world.change_account(&stage.blank_markets[0], |account| account.data[at] = 1);
        let sound = &stage.call("create_market").instruction;
        stage.refused(&mut world, "create_market", sound, "AlreadyInitialized");
    }
}

#[test]
fn attack_32_stale_seat_generation_is_refused() {
    let mut world = World::trading(&[AVAX]);
    world.trader("ann", THOUSAND, &[AVAX]);
    world.trader("bob", THOUSAND, &[]);
    let stale = world.account("ann").entries()[0];
    world.release_seat("ann", AVAX).unwrap();
    let hint = bid(1, 1).seat(stale.seat);
    world.claim_seat("bob", AVAX, 16).unwrap();
    assert_eq!(world.seat_index("bob", AVAX), stale.seat, "the block again");
    // The block is somebody else's seat now, for an order as for a claim to cash.
    world.assert_rejected(EngineError::WrongSeat, |world| {
        world.place("ann", AVAX, hint)
    });
    let restore = |account: &mut MarginAccount| {
        account.entries[0] = stale;
        account.entries_len = 1;
    };
    let mut forged = world.clone();
    forge(&mut forged, "ann", restore);
    forged.assert_rejected(EngineError::WrongSeat, |world| world.withdraw("ann", 1));
    forged.assert_rejected(EngineError::WrongSeat, |world| world.settle("ann", &[AVAX]));
    forged.assert_rejected(EngineError::WrongSeat, |world| {
        world.release_seat("ann", AVAX)
    });
    // Nor does an entry of an earlier claim open the same owner's later seat.
    world.release_seat("bob", AVAX).unwrap();
    world.claim_seat("ann", AVAX, 16).unwrap();
    let entry = world.account("ann").entries()[0];
    assert_eq!(entry.seat, stale.seat);
    assert_ne!(entry.generation, stale.generation);
    forge(&mut world, "ann", restore);
    world.assert_rejected(EngineError::WrongSeat, |world| world.withdraw("ann", 1));
    world.assert_rejected(EngineError::WrongSeat, |world| world.settle("ann", &[AVAX]));
}

#[test]
fn attack_32_stale_order_sequence_is_refused() {
    let mut world = World::trading(&[AVAX]);
    world.trader("ann", THOUSAND, &[AVAX]);
    world.trader("bob", THOUSAND, &[AVAX]);
    world.place("ann", AVAX, bid(19_000, 1)).unwrap();
    let (block, order) = world
        .market(AVAX)
        .orders_of_seat(world.seat_index("ann", AVAX))[0];
    let refused = |world: &mut World, actor: &str, block: u32, sequence: u64| {
        world.assert_rejected(EngineError::WrongOrder, |world| {
            world.cancel(actor, AVAX, block, sequence)
        });
        world.assert_rejected(EngineError::WrongOrder, |world| {
            world.remove_expired(AVAX, block, sequence + u64::from(actor == "bob"))
        });
    };
    refused(&mut world, "bob", block, order.sequence);
    world.cancel("ann", AVAX, block, order.sequence).unwrap();
    refused(&mut world, "ann", block, order.sequence);
    // The block holds another order, of the same owner, then of another.
    world.place("ann", AVAX, bid(18_000, 1)).unwrap();
    refused(&mut world, "ann", block, order.sequence);
    world.cancel_all("ann", AVAX, 1).unwrap();
    world.place("bob", AVAX, bid(18_000, 1)).unwrap();
    let bobs = world
        .market(AVAX)
        .orders_of_seat(world.seat_index("bob", AVAX))[0];
    assert_eq!(bobs.0, block, "the block again");
    refused(&mut world, "ann", block, order.sequence);
    world.assert_rejected(EngineError::WrongOrder, |world| {
        world.cancel("ann", AVAX, block, bobs.1.sequence)
    });
}

#[test]
fn attack_32_recreated_margin_account_starts_empty() {
    let mut world = World::trading(&[AVAX]);
    world.trader("ann", THOUSAND, &[]);
    world.set_delegate("ann", "dan").unwrap();
    world.withdraw("ann", THOUSAND).unwrap();
    let fresh = {
        let mut world = World::trading(&[AVAX]);
        world.trader("ann", 0, &[]);
        world.account("ann")
    };
    assert_ne!(world.account("ann"), fresh);
    let close = world.close_margin_account_ix("ann");
    let create = world.create_margin_account_ix("ann");
    // In one transaction, and with lamports left in it between the two.
    let mut at_once = world.clone();
    at_once.send(&[close, create], &["ann".into()]).unwrap();
    assert_eq!(at_once.account("ann"), fresh);
    world.close_margin_account("ann").unwrap();
    let address = world.margin_address("ann");
    assert_eq!(world.lamports(&address), 0);
    world.svm.airdrop(&address, 5_000_000).unwrap();
    world.create_margin_account("ann").unwrap();
    assert_eq!(world.account("ann"), fresh);
}

#[test]
fn attack_38_margin_account_with_anything_left_is_not_closed() {
    let mut world = World::trading(&[AVAX]);
    world.trader("ann", 1, &[]);
    world.trader("bob", 0, &[AVAX]);
    world.trader("cid", 0, &[]);
    for name in ["ann", "bob"] {
        world.assert_rejected(EngineError::MarginAccountNotEmpty, |world| {
            world.close_margin_account(name)
        });
    }
    let leftovers: [fn(&mut MarginAccount); 5] = [
        |account| account.collateral = -1,
        |account| account.credit_principal = 1,
        |account| account.credit_interest = 1,
        |account| account.lien = 1,
        |account| account.entries_len = 1,
    ];
    for leftover in leftovers {
        let mut world = world.clone();
        forge(&mut world, "cid", leftover);
        world.assert_rejected(EngineError::MarginAccountNotEmpty, |world| {
            world.close_margin_account("cid")
        });
    }
    // Nothing stays closed when what follows in the transaction fails.
    let (close, fails) = (
        world.close_margin_account_ix("cid"),
        world.withdraw_ix("ann", 0, 2),
    );
    world.assert_rejected(EngineError::InsufficientCash, |world| {
        world.send(&[close, fails], &["cid".into(), "ann".into()])
    });
    let owner = Actor::from("cid").key();
    let address = world.margin_address("cid");
    let sum = world.lamports(&owner) + world.lamports(&address);
    world.close_margin_account("cid").unwrap();
    assert_eq!(world.lamports(&address), 0);
    assert_eq!(
        world.lamports(&owner),
        sum - 5_000,
        "all but the fee of one signature"
    );
}

#[test]
fn attack_38_seat_with_anything_left_is_not_released() {
    let mut world = World::trading(&[AVAX]);
    for name in ["ann", "bob"] {
        world.trader(name, THOUSAND, &[AVAX]);
    }
    let refused = |world: &mut World| {
        for name in ["ann", "bob"] {
            world.assert_rejected(EngineError::SeatNotEmpty, |world| {
                world.release_seat(name, AVAX)
            });
        }
    };
    // Orders, then positions, then claims, each alone.
    world.place("ann", AVAX, ask(20_001, 5)).unwrap();
    world.place("bob", AVAX, bid(19_999, 5)).unwrap();
    refused(&mut world);
    world.cancel_all("ann", AVAX, 1).unwrap();
    world.place("ann", AVAX, ask(19_999, 5)).unwrap();
    refused(&mut world);
    world.settle("ann", &[AVAX]).unwrap();
    world.settle("bob", &[AVAX]).unwrap();
    refused(&mut world);
    world.place("bob", AVAX, ask(20_001, 5)).unwrap();
    world.place("ann", AVAX, bid(20_001, 5)).unwrap();
    assert_eq!(world.holding("ann", AVAX).base, 0);
    refused(&mut world);
    for name in ["ann", "bob"] {
        world.settle(name, &[AVAX]).unwrap();
        world.release_seat(name, AVAX).unwrap();
        assert!(world.account(name).entries().is_empty());
    }
    world.assert_sound();
}
