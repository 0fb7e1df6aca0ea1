//! `sweep_fees` and `collect_treasury`: what becomes of fees once everybody senior is paid.

use plimsoll_testkit::events::{FeesSwept, TreasuryCollected};
use plimsoll_testkit::{ask, bid, Actor, EngineError, World};

use super::losses_scenes::{endow_fund, leave_with, long_with, torn_up, trade, AVAX, USDC};

/// A round trip of 1,000 lots at 20,000 with its losses settled: fees of 240,000 quote atoms in the pool.
fn world() -> World {
    let mut world = World::trading(&[AVAX, "BTC"]);
    for name in ["ann", "bob"] {
        world.trader(name, 1_000_000_000, &[AVAX]);
    }
    for (first, second) in [("ann", "bob"), ("bob", "ann")] {
        world.place(first, AVAX, ask(20_000, 1_000)).unwrap();
        world.place(second, AVAX, bid(20_000, 1_000)).unwrap();
    }
    world
}

fn settled() -> World {
    let mut world = world();
    for name in ["ann", "bob"] {
        world.settle(name, &[AVAX]).unwrap();
    }
    world
}

#[test]
fn sweep_splits_the_fees_that_the_pool_holds() {
    let mut world = settled();
    let header = world.market(AVAX).header;
    assert_eq!(
        (header.cash.pool, header.cash.fees_accrued),
        (240_000, 240_000)
    );
    let swept = world.sweep_fees(AVAX).unwrap().event::<FeesSwept>();
    assert_eq!(
        swept,
        FeesSwept {
            version: 1,
            market: world.market_address(AVAX),
            to_default_fund: 96_000,
            to_keeper_pool: 48_000,
            to_treasury: 96_000,
            deficit_paid: 0,
            deficit_paid_by_fund: 0,
        }
    );
    let fund = world.default_fund();
    assert_eq!(
        (fund.balance, fund.keeper_pool, fund.treasury),
        (96_000, 48_000, 96_000)
    );
    let header = world.market(AVAX).header;
    assert_eq!((header.cash.pool, header.cash.fees_accrued), (0, 0));
    assert_eq!(header.cash.fees_total, 240_000, "history stays");
    world.assert_sound();
}

#[test]
fn floors_of_the_split_leave_the_rest_to_the_default_fund() {
    let mut world = settled();
    world.change_header(AVAX, |header| {
        header.cash.fees_accrued = 9;
    });
    let swept = world.sweep_fees(AVAX).unwrap().event::<FeesSwept>();
    assert_eq!(
        (
            swept.to_keeper_pool,
            swept.to_treasury,
            swept.to_default_fund
        ),
        (1, 3, 5)
    );
}

#[test]
fn sweep_with_nothing_to_move_succeeds_and_changes_nothing() {
    let mut world = settled();
    world.sweep_fees(AVAX).unwrap();
    let before = world.snapshot();
    let swept = world.sweep_fees(AVAX).unwrap().event::<FeesSwept>();
    assert_eq!(
        (
            swept.to_default_fund,
            swept.to_keeper_pool,
            swept.to_treasury
        ),
        (0, 0, 0)
    );
    world.assert_unchanged(&before);
    world.sweep_fees("BTC").unwrap();
    world.assert_unchanged(&before);
}

#[test]
fn fees_stay_claims_until_losers_have_paid_them_in() {
    let mut world = world();
    let swept = world.sweep_fees(AVAX).unwrap().event::<FeesSwept>();
    assert_eq!(swept.to_default_fund, 0);
    assert_eq!(world.market(AVAX).header.cash.fees_accrued, 240_000);
    world.settle("ann", &[AVAX]).unwrap();
    let swept = world.sweep_fees(AVAX).unwrap().event::<FeesSwept>();
    assert_eq!(
        swept.to_default_fund + swept.to_keeper_pool + swept.to_treasury,
        120_000
    );
    world.assert_sound();
}

#[test]
fn carried_deficit_is_paid_before_the_split() {
    let mut world = settled();
    world.change_header(AVAX, |header| header.cash.deficit = 150_000);
    let swept = world.sweep_fees(AVAX).unwrap().event::<FeesSwept>();
    assert_eq!(swept.deficit_paid, 150_000);
    assert_eq!(
        (
            swept.to_default_fund,
            swept.to_keeper_pool,
            swept.to_treasury
        ),
        (36_000, 18_000, 36_000)
    );
    assert_eq!(world.market(AVAX).header.cash.deficit, 0);
}

/// What neither the other side nor fees have borne, the default fund pays as its 24-hour share comes back, and
/// the winner need not wait for fees: 20% of (balance + paid in 24 hours).
#[test]
fn the_default_fund_pays_a_carried_deficit_within_its_budget() {
    // ann's loss falls on a market with nobody opposite.
    let mut world = long_with(1_000 * USDC, 10_000);
    world.move_index(AVAX, 19_000);
    trade(&mut world, AVAX, "ann", "bob", 19_000, 10_000);
    leave_with(&mut world, "ann", 0, "dora");
    let carried = torn_up(&mut world, "ann", AVAX).carried;
    endow_fund(&mut world, 1_000_000, 0);
    let cash = world.market(AVAX).header.cash;
    let fees = cash.fees_accrued + cash.liquidation_fees_accrued + cash.contributions_accrued;
    assert!(carried > fees + 1_000_000, "{carried} {fees}");
    world.settle("bob", &[AVAX]).unwrap();
    let waiting = world.holding("bob", AVAX).quote;
    // An hour of an unpaid claim keeps fees back, and no deficit.
    let swept = world.sweep_fees(AVAX).unwrap().event::<FeesSwept>();
    assert_eq!(
        (swept.deficit_paid, swept.deficit_paid_by_fund),
        (fees, 200_000)
    );
    assert_eq!((swept.to_default_fund, swept.to_treasury), (0, 0));
    let cash = world.market(AVAX).header.cash;
    assert_eq!(
        (cash.deficit, cash.pool),
        (carried - fees - 200_000, 200_000)
    );
    assert_eq!(world.default_fund().balance, 800_000);
    world.assert_sound();
    world.settle("bob", &[AVAX]).unwrap();
    assert_eq!(world.holding("bob", AVAX).quote, waiting - 200_000);
    // The budget is used up, and fees are none: as without a deficit.
    world.assert_rejected(EngineError::ClaimsUnpaid, |world| world.sweep_fees(AVAX));
    world.advance_fresh(8 * 3_600);
    let before = world.market(AVAX).header;
    world.sweep_fees(AVAX).unwrap();
    assert_eq!(before, world.market(AVAX).header, "still within 24 hours");
    world.advance_fresh(24 * 3_600);
    let swept = world.sweep_fees(AVAX).unwrap().event::<FeesSwept>();
    assert_eq!(swept.deficit_paid_by_fund, 160_000);
    assert_eq!(
        world
            .market(AVAX)
            .header
            .losses
            .spending
            .recent(world.now()),
        160_000
    );
    world.assert_sound();
}

/// A market that everybody has left owes nobody.
#[test]
fn the_default_fund_pays_no_deficit_of_an_empty_market() {
    let mut world = World::trading(&[AVAX]);
    world.change_header(AVAX, |header| header.cash.deficit = 150_000);
    endow_fund(&mut world, 1_000_000, 0);
    let swept = world.sweep_fees(AVAX).unwrap().event::<FeesSwept>();
    assert_eq!(swept.deficit_paid_by_fund, 0);
    assert_eq!(world.default_fund().balance, 1_000_000);
}

#[test]
fn sweep_within_an_hour_of_an_unpaid_claim_is_rejected() {
    let mut world = settled();
    let now = world.now();
    world.change_header(AVAX, |header| header.cash.claim_unpaid_at = now);
    world.advance(3_599);
    world.assert_rejected(EngineError::ClaimsUnpaid, |world| world.sweep_fees(AVAX));
    world.advance(1);
    world.sweep_fees(AVAX).unwrap();
}

#[test]
fn residue_of_the_last_seat_goes_to_the_default_fund() {
    let mut world = settled();
    // An odd price leaves atoms of rounding in the pool.
    world.move_index(AVAX, 20_007);
    world.place("ann", AVAX, ask(20_007, 3)).unwrap();
    world.place("bob", AVAX, bid(20_007, 3)).unwrap();
    for ticks in [20_011, 20_003, 20_017] {
        world.move_index(AVAX, ticks);
        for name in ["ann", "bob", "ann"] {
            world.settle(name, &[AVAX]).unwrap();
        }
    }
    world.place("bob", AVAX, ask(20_017, 3)).unwrap();
    world.place("ann", AVAX, bid(20_017, 3)).unwrap();
    for name in ["ann", "bob", "ann", "bob"] {
        world.settle(name, &[AVAX]).unwrap();
    }
    let residue = world.assert_claims_sum_to_zero(AVAX);
    for name in ["ann", "bob"] {
        assert_eq!(world.seat(name, AVAX).quote, 0, "{name}");
        world.release_seat(name, AVAX).unwrap();
    }
    world.advance(3_600);
    world.sweep_fees(AVAX).unwrap();
    let header = world.market(AVAX).header;
    assert_eq!((header.cash.pool, header.cash.fees_accrued), (0, 0));
    let fund = world.default_fund();
    let total = i128::from(fund.balance + fund.keeper_pool + fund.treasury);
    assert_eq!(total, i128::from(header.cash.fees_total) + residue);
    world.assert_sound();
}

#[test]
fn sweep_with_a_foreign_exchange_fund_or_market_is_rejected() {
    let mut world = settled();
    let sound = world.sweep_fees_ix(AVAX);
    for (position, address) in [
        (0, world.market_address("BTC")),
        (1, world.market_address("BTC")),
        (2, world.margin_address("ann")),
    ] {
        let mut instruction = sound.clone();
        instruction.accounts[position].pubkey = address;
        world.assert_rejected(EngineError::WrongAccount, |world| {
            world.send(&[instruction], &["keeper".into()])
        });
    }
}

#[test]
fn treasury_is_paid_out_to_its_token_account_by_anyone() {
    let mut world = settled();
    world.sweep_fees(AVAX).unwrap();
    let collected = world
        .collect_treasury(0)
        .unwrap()
        .event::<TreasuryCollected>();
    assert_eq!(
        collected,
        TreasuryCollected {
            version: 1,
            exchange: world.addresses.exchange,
            amount: 96_000,
        }
    );
    assert_eq!(world.tokens(&world.treasury()), 96_000);
    assert_eq!(world.default_fund().treasury, 0);
    world.assert_sound();
}

#[test]
fn collecting_nothing_is_no_error() {
    let mut world = settled();
    let before = world.snapshot();
    world.collect_treasury(0).unwrap();
    world.assert_unchanged(&before);
}

#[test]
fn collecting_from_a_wrong_shard_or_to_a_wrong_account_is_rejected() {
    let mut world = settled();
    world.sweep_fees(AVAX).unwrap();
    world.fund_wallet("ann");
    world.assert_rejected(EngineError::WrongCustodyShard, |world| {
        world.collect_treasury(2)
    });
    for (position, address) in [
        (0, world.market_address(AVAX)),
        (1, world.market_address(AVAX)),
        (3, world.market_address(AVAX)),
        (4, Actor::from("ann").token_account()),
        (5, world.addresses.program),
    ] {
        let mut instruction = world.collect_treasury_ix(0);
        instruction.accounts[position].pubkey = address;
        world.assert_rejected(EngineError::WrongAccount, |world| {
            world.send(&[instruction], &["keeper".into()])
        });
    }
}

#[test]
fn a_treasury_that_no_shard_holds_alone_is_collected_in_pieces() {
    let mut world = settled();
    world.sweep_fees(AVAX).unwrap();
    world.deposit_through("ann", 1, 36_000).unwrap();
    for (shard, paid) in [(1, 36_000), (0, 60_000)] {
        let collected = world.collect_treasury(shard).unwrap();
        assert_eq!(collected.event::<TreasuryCollected>().amount, paid);
        world.assert_sound();
    }
    assert_eq!(world.tokens(&world.treasury()), 96_000);
    assert_eq!(world.default_fund().treasury, 0);
}
