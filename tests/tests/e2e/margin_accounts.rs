//! Margin accounts: created, delegated, closed.

use plimsoll_testkit::events::{DelegateSet, MarginAccountClosed, MarginAccountCreated};
use plimsoll_testkit::{Actor, EngineError, World};
use solana_pubkey::Pubkey;

fn world() -> World {
    let mut world = World::trading(&["AVAX"]);
    world.create_margin_account("ann").unwrap();
    world
}

#[test]
fn margin_account_is_created_at_its_address_with_nothing_in_it() {
    let mut world = World::new();
    let second = Actor::from("ann").sub(513);
    let created = world
        .create_margin_account(second)
        .unwrap()
        .event::<MarginAccountCreated>();
    assert_eq!(
        created,
        MarginAccountCreated {
            version: 1,
            margin_account: world.margin_address(second),
            owner: second.key(),
            sub_account: 513,
        }
    );
    let account = world.account(second);
    assert_eq!((account.version, account.sub_account), (1, 513));
    assert_eq!(Pubkey::from(account.owner), second.key());
    assert_eq!(Pubkey::from(account.exchange), world.addresses.exchange);
    assert_eq!((account.collateral, account.entries_len), (0, 0));
    assert!(account.custody_shard < 2);
    world.assert_sound();
}

#[test]
fn lamports_sent_ahead_do_not_hinder_creation() {
    let mut world = World::new();
    let address = world.margin_address("ann");
    world.svm.airdrop(&address, 1_012_345).unwrap();
    world.create_margin_account("ann").unwrap();
    assert_eq!(world.account("ann").version, 1);
}

#[test]
fn second_creation_is_rejected() {
    let mut world = world();
    world.deposit("ann", 77).unwrap();
    world.assert_rejected(EngineError::AlreadyInitialized, |world| {
        world.create_margin_account("ann")
    });
    assert_eq!(world.collateral("ann"), 77);
}

#[test]
fn creation_at_another_address_or_of_another_exchange_is_rejected() {
    let mut world = World::new();
    let sound = world.create_margin_account_ix("ann");
    let mut elsewhere = sound.clone();
    elsewhere.accounts[2].pubkey = world.margin_address(Actor::from("ann").sub(1));
    let mut no_exchange = sound;
    no_exchange.accounts[1].pubkey = world.addresses.default_fund;
    for instruction in [elsewhere, no_exchange] {
        world.assert_rejected(EngineError::WrongAccount, |world| {
            world.send(&[instruction], &["ann".into()])
        });
    }
}

#[test]
fn owner_names_and_removes_a_delegate() {
    let mut world = world();
    let set = world
        .set_delegate("ann", "dee")
        .unwrap()
        .event::<DelegateSet>();
    assert_eq!(
        set,
        DelegateSet {
            version: 1,
            margin_account: world.margin_address("ann"),
            delegate: Actor::from("dee").key(),
        }
    );
    assert_eq!(
        Pubkey::from(world.account("ann").delegate),
        Actor::from("dee").key()
    );
    let instruction = world.set_delegate_ix("ann", &Pubkey::default());
    world.send(&[instruction], &["ann".into()]).unwrap();
    assert_eq!(world.account("ann").delegate, [0; 32]);
}

#[test]
fn delegate_and_stranger_may_not_name_a_delegate() {
    let mut world = world();
    world.set_delegate("ann", "dee").unwrap();
    for stranger in ["bob", "dee"] {
        let mut instruction = world.set_delegate_ix("ann", &Actor::from(stranger).key());
        instruction.accounts[0].pubkey = Actor::from(stranger).key();
        world.assert_rejected(EngineError::NotAuthorized, |world| {
            world.send(&[instruction], &[stranger.into()])
        });
    }
}

#[test]
fn empty_margin_account_is_closed_and_its_rent_returns_to_the_owner() {
    let mut world = world();
    let (address, owner) = (world.margin_address("ann"), Actor::from("ann").key());
    let (rent, before) = (world.lamports(&address), world.lamports(&owner));
    let closed = world
        .close_margin_account("ann")
        .unwrap()
        .event::<MarginAccountClosed>();
    assert_eq!(
        closed,
        MarginAccountClosed {
            version: 1,
            margin_account: address,
        }
    );
    // One signature's fee.
    assert_eq!(world.lamports(&owner), before + rent - 5_000);
    assert_eq!(world.lamports(&address), 0);
    world.create_margin_account("ann").unwrap();
    assert_eq!(world.account("ann").deposited_total, 0, "it begins anew");
}

#[test]
fn margin_account_with_anything_left_is_not_closed() {
    let mut world = world();
    let refused = |world: &mut World| {
        world.assert_rejected(EngineError::MarginAccountNotEmpty, |world| {
            world.close_margin_account("ann")
        });
    };
    world.deposit("ann", 1).unwrap();
    refused(&mut world);
    world.withdraw("ann", 1).unwrap();
    world.claim_seat("ann", "AVAX", 1).unwrap();
    refused(&mut world);
    world.release_seat("ann", "AVAX").unwrap();
    for owed in 0..3 {
        let set = |world: &mut World, amount| {
            world.change_margin("ann", |account| match owed {
                0 => account.credit_principal = amount,
                1 => account.credit_interest = amount,
                _ => account.lien = amount,
            });
        };
        set(&mut world, 1);
        refused(&mut world);
        set(&mut world, 0);
    }
    world.close_margin_account("ann").unwrap();
}

#[test]
fn closing_is_the_owners_alone() {
    let mut world = world();
    world.set_delegate("ann", "dee").unwrap();
    for stranger in ["bob", "dee"] {
        world.fund_wallet(stranger);
        let mut instruction = world.close_margin_account_ix("ann");
        instruction.accounts[0].pubkey = Actor::from(stranger).key();
        world.assert_rejected(EngineError::NotAuthorized, |world| {
            world.send(&[instruction], &[stranger.into()])
        });
    }
}
