//! `place_order`: states of a market that admit no order, and accounts that are not the trader's.

use plimsoll_engine::state::HaltPhase;
use plimsoll_testkit::{ask, bid, Actor, EngineError, MarketSpec, OrderExt, World};

use super::place_order_rejections::{rejected, world, AVAX, CASH};

#[test]
fn order_in_a_halted_market_is_rejected() {
    let mut world = world();
    for phase in [HaltPhase::Freeze, HaltPhase::Uncross, HaltPhase::Resolve] {
        world.force_phase(AVAX, phase);
        rejected(&mut world, "cat", bid(20_000, 1), EngineError::MarketHalted);
        let reducing = ask(20_000, 1).reduce_only();
        rejected(&mut world, "bob", reducing, EngineError::MarketHalted);
    }
}

#[test]
fn order_that_does_not_reduce_in_a_reduce_only_market_is_rejected() {
    let mut world = world();
    world.change_header(AVAX, |header| header.status = 2);
    rejected(
        &mut world,
        "cat",
        bid(20_000, 1),
        EngineError::MarketReduceOnly,
    );
    world
        .place("bob", AVAX, ask(20_000, 1).reduce_only())
        .unwrap();
    let until = world.now() + 1;
    world.change_header(AVAX, |header| {
        header.status = 1;
        header.guardian_until = until;
    });
    rejected(
        &mut world,
        "cat",
        bid(20_000, 1),
        EngineError::MarketReduceOnly,
    );
    world.advance(1);
    world.place("cat", AVAX, bid(19_500, 1)).unwrap();
}

#[test]
fn order_in_a_market_without_a_first_index_is_rejected() {
    let mut world = World::new();
    world.create_market(&MarketSpec::preset(AVAX)).unwrap();
    world.trader("cat", CASH, &[AVAX]);
    rejected(
        &mut world,
        "cat",
        bid(20_000, 1),
        EngineError::MarketNotActive,
    );
}

#[test]
fn new_risk_on_a_stale_index_is_rejected() {
    let mut world = world();
    world.advance(15);
    world.place("cat", AVAX, bid(19_500, 1)).unwrap();
    world.advance(1);
    rejected(&mut world, "cat", bid(20_000, 1), EngineError::IndexStale);
    world
        .place("bob", AVAX, ask(20_000, 1).reduce_only())
        .unwrap();
}

#[test]
fn stranger_is_not_authorized_to_trade() {
    let mut world = world();
    let mut instruction = world.place_ix("ann", AVAX, bid(19_000, 1));
    instruction.accounts[0].pubkey = Actor::from("cat").key();
    world.assert_rejected(EngineError::NotAuthorized, |world| {
        world.send(&[instruction], &["cat".into()])
    });
}

#[test]
fn seat_that_is_not_the_margin_accounts_is_rejected() {
    let mut world = world();
    let others = world.seat_index("ann", AVAX);
    let [(order, _)] = world.market(AVAX).orders_of_seat(others)[..] else {
        panic!("one order");
    };
    for seat in [others, order, 400, u32::MAX] {
        rejected(
            &mut world,
            "cat",
            bid(20_000, 1).seat(seat),
            EngineError::WrongSeat,
        );
    }
}

#[test]
fn seat_epochs_behind_cannot_trade() {
    let mut world = world();
    world.change_header(AVAX, |header| header.sides[0].epoch += 1);
    rejected(&mut world, "bob", ask(20_000, 1), EngineError::EpochBehind);
}

#[test]
fn missing_surplus_or_swapped_legs_are_rejected() {
    let mut world = World::trading(&[AVAX, "BTC", "ETH"]);
    world.trader("cat", CASH, &[AVAX, "BTC", "ETH"]);
    let sound = world.place_ix("cat", AVAX, bid(20_000, 1));
    let mut missing = sound.clone();
    missing.accounts.pop();
    let mut swapped = sound.clone();
    swapped.accounts.swap(3, 4);
    let mut surplus = sound.clone();
    surplus.accounts.push(surplus.accounts[4].clone());
    let mut itself = sound.clone();
    itself.accounts[3].pubkey = world.market_address(AVAX);
    for instruction in [missing, swapped, surplus, itself] {
        world.assert_rejected(EngineError::WrongMarketAccounts, |world| {
            world.send(&[instruction], &["cat".into()])
        });
    }
    world.send(&[sound], &["cat".into()]).unwrap();
}

#[test]
fn accounts_of_another_kind_or_not_writable_are_rejected() {
    let mut world = world();
    let sound = world.place_ix("cat", AVAX, bid(20_000, 1));
    let mut no_margin = sound.clone();
    no_margin.accounts[1].pubkey = world.addresses.exchange;
    world.assert_rejected(EngineError::WrongAccount, |world| {
        world.send(&[no_margin], &["cat".into()])
    });
    // An account that is none of the entries leaves a leg that was not passed.
    let mut no_market = sound.clone();
    no_market.accounts[2].pubkey = world.addresses.exchange;
    world.assert_rejected(EngineError::WrongMarketAccounts, |world| {
        world.send(&[no_market], &["cat".into()])
    });
    let mut read_only = sound;
    read_only.accounts[2].is_writable = false;
    let refused = world.assert_refused(|world| world.send(&[read_only], &["cat".into()]));
    // Anchor's own constraint, 2000: the account must be writable.
    assert_eq!(refused.code(), Some(2_000));
}
