//! `settle`: claims become cash, as far as the pool and the account hold any.

use plimsoll_testkit::events::{Settled, SettledLegRecord};
use plimsoll_testkit::{ask, bid, EngineError, World};

const CASH: u64 = 1_000_000_000;
const AVAX: &str = "AVAX";
const BTC: &str = "BTC";

/// "ann" short and "bob" long 1,000 lots of AVAX at 20,000. A tick moves each by 10,000 quote atoms.
fn world() -> World {
    let mut world = World::trading(&[AVAX, BTC]);
    for name in ["ann", "bob"] {
        world.trader(name, CASH, &[AVAX, BTC]);
    }
    world.place("ann", AVAX, ask(20_000, 1_000)).unwrap();
    world.place("bob", AVAX, bid(20_000, 1_000)).unwrap();
    world
}

fn leg(gain_paid: u64, loss_paid: u64, gain_unpaid: u64, loss_unpaid: u64) -> SettledLegRecord {
    SettledLegRecord {
        entry: 0,
        gain_paid,
        loss_paid,
        gain_unpaid,
        loss_unpaid,
    }
}

fn settle(world: &mut World, who: &str) -> SettledLegRecord {
    let settled = world.settle(who, &[AVAX]).unwrap().event::<Settled>();
    assert_eq!(settled.margin_account, world.margin_address(who));
    assert_eq!(settled.collateral, world.collateral(who));
    let [leg] = settled.legs[..] else {
        panic!("one leg: {:?}", settled.legs);
    };
    leg
}

#[test]
fn loss_goes_from_the_account_to_the_pool_and_a_gain_from_the_pool_to_the_account() {
    let mut world = world();
    world.move_index(AVAX, 20_100);
    // "ann" loses 100 ticks × 10,000 and the maker's fee of 20,000, and an atom by rounding.
    assert_eq!(settle(&mut world, "ann"), leg(0, 1_020_000, 0, 0));
    assert_eq!(world.market(AVAX).header.cash.pool, 1_020_000);
    assert_eq!(world.collateral("ann"), 998_980_000);
    // "bob" gains as much less the taker's fee of 100,000; the mark in Q.32 floors.
    assert_eq!(settle(&mut world, "bob"), leg(899_999, 0, 0, 0));
    assert_eq!(world.collateral("bob"), 1_000_899_999);
    assert_eq!(world.market(AVAX).header.cash.pool, 120_001);
    let bob = world.account("bob");
    assert_eq!(bob.gain_newest, 899_999, "a gain ages before it leaves");
    assert_eq!(bob.gain_interval, world.now().div_euclid(60));
    world.assert_sound();
}

#[test]
fn settling_again_at_the_same_mark_moves_nothing() {
    let mut world = world();
    world.move_index(AVAX, 20_100);
    settle(&mut world, "ann");
    settle(&mut world, "bob");
    let (ann, bob) = (world.collateral("ann"), world.collateral("bob"));
    assert_eq!(settle(&mut world, "ann"), leg(0, 0, 0, 0));
    assert_eq!(settle(&mut world, "bob"), leg(0, 0, 0, 0));
    assert_eq!(
        (world.collateral("ann"), world.collateral("bob")),
        (ann, bob)
    );
}

#[test]
fn gain_that_the_pool_cannot_pay_stays_a_claim_and_keeps_fees_back() {
    let mut world = world();
    world.move_index(AVAX, 20_100);
    assert_eq!(settle(&mut world, "bob"), leg(0, 0, 899_999, 0));
    assert_eq!(world.market(AVAX).header.cash.claim_unpaid_at, world.now());
    assert_eq!(world.collateral("bob"), 1_000_000_000);
    world.assert_rejected(EngineError::ClaimsUnpaid, |world| world.sweep_fees(AVAX));
    settle(&mut world, "ann");
    assert_eq!(
        settle(&mut world, "bob"),
        leg(899_999, 0, 0, 0),
        "later it is paid"
    );
    world.assert_sound();
}

#[test]
fn gain_in_one_market_pays_a_loss_in_another_in_the_same_call() {
    let mut world = world();
    // A lot of BTC is worth 1,000,000 quote atoms at 100,000 ticks, as much as five of AVAX.
    world.place("ann", BTC, bid(100_000, 200)).unwrap();
    world.place("bob", BTC, ask(100_000, 200)).unwrap();
    world.move_index(AVAX, 20_100);
    world.move_index(BTC, 101_000);
    world.settle("bob", &[BTC]).unwrap();
    world.change_margin("ann", |account| account.collateral = 0);
    let settled = world
        .settle("ann", &[AVAX, BTC])
        .unwrap()
        .event::<Settled>();
    // In AVAX 1,020,000 are owed; BTC gains 200 × 10 × 1,000 less the fee of 20,000.
    assert_eq!(settled.legs[0].loss_paid, 1_020_000);
    assert!(settled.legs[1].gain_paid > 1_020_000);
    assert_eq!(settled.legs[1].entry, 1);
    for symbol in [AVAX, BTC] {
        world.assert_claims_sum_to_zero(symbol);
    }
}

#[test]
fn losing_leg_takes_no_more_than_the_account_has() {
    let mut world = world();
    world.change_margin("ann", |account| account.collateral = 500);
    world.move_index(AVAX, 20_100);
    let settled = settle(&mut world, "ann");
    assert_eq!((settled.loss_paid, settled.loss_unpaid), (500, 1_019_500));
    assert_eq!(world.collateral("ann"), 0);
}

#[test]
fn a_shortfall_settle_without_every_losing_leg_is_rejected() {
    let mut world = world();
    world.place("ann", BTC, ask(100_000, 200)).unwrap();
    world.place("bob", BTC, bid(100_000, 200)).unwrap();
    world.move_index(AVAX, 20_100);
    world.move_index(BTC, 100_400);
    world.change_margin("ann", |account| account.collateral = 600_000);
    for alone in [AVAX, BTC] {
        world.assert_rejected(EngineError::WrongMarketAccounts, |world| {
            world.settle("ann", &[alone])
        });
    }
    let settled = world
        .settle("ann", &[AVAX, BTC])
        .unwrap()
        .event::<Settled>();
    // Losses of 1,020,000 and 820,000 share 600,000, each rounded down.
    let paid: Vec<u64> = settled.legs.iter().map(|leg| leg.loss_paid).collect();
    assert_eq!(paid, [332_608, 267_391]);
    assert_eq!(world.collateral("ann"), 1, "the remainder stays");
}

#[test]
fn a_shortfall_settle_with_a_stale_losing_leg_is_rejected() {
    let mut world = world();
    world.place("ann", BTC, ask(100_000, 200)).unwrap();
    world.place("bob", BTC, bid(100_000, 200)).unwrap();
    world.move_index(BTC, 100_400);
    world.change_margin("ann", |account| account.collateral = 600_000);
    world.advance(16);
    world.move_index(AVAX, 20_100);
    world.assert_rejected(EngineError::IndexStale, |world| {
        world.settle("ann", &[AVAX, BTC])
    });
}

#[test]
fn stale_leg_with_a_position_is_left_alone() {
    let mut world = world();
    world.place("ann", BTC, ask(100_000, 200)).unwrap();
    world.place("bob", BTC, bid(100_000, 200)).unwrap();
    world.move_index(BTC, 100_400);
    world.advance(16);
    world.move_index(AVAX, 20_100);
    let before = world.seat("ann", BTC);
    let settled = world
        .settle("ann", &[AVAX, BTC])
        .unwrap()
        .event::<Settled>();
    assert_eq!(settled.legs[0].loss_paid, 1_020_000);
    assert_eq!(
        settled.legs[1],
        SettledLegRecord {
            entry: 1,
            ..leg(0, 0, 0, 0)
        }
    );
    assert_eq!(world.seat("ann", BTC), before);
}

#[test]
fn settle_with_every_leg_stale_has_nothing_to_do() {
    let mut world = world();
    world.advance(16);
    world.assert_rejected(EngineError::NothingToSettle, |world| {
        world.settle("ann", &[AVAX])
    });
}

#[test]
fn flat_leg_settles_whatever_its_index() {
    let mut world = world();
    world.move_index(AVAX, 20_100);
    world.place("bob", AVAX, ask(20_100, 1_000)).unwrap();
    world.place("ann", AVAX, bid(20_100, 1_000)).unwrap();
    world.advance(100_000);
    // 1,000,000 of price and the fees of both trades: 20,000 as maker, 100,500 as taker.
    assert_eq!(settle(&mut world, "ann"), leg(0, 1_120_500, 0, 0));
    // 1,000,000 less 100,000 as taker and 20,100 as maker.
    assert_eq!(settle(&mut world, "bob"), leg(879_900, 0, 0, 0));
    assert_eq!(world.seat("ann", AVAX).quote, 0);
    let header = world.market(AVAX).header;
    assert_eq!(
        header.cash.pool, header.cash.fees_accrued,
        "only the fees are left"
    );
    world.assert_sound();
}

#[test]
fn settle_without_all_of_the_accounts_markets_in_order_is_rejected() {
    let mut world = world();
    let sound = world.settle_ix("ann", &[AVAX]);
    let mut missing = sound.clone();
    missing.accounts.pop();
    let mut swapped = sound.clone();
    swapped.accounts.swap(1, 2);
    let mut surplus = sound.clone();
    surplus.accounts.push(surplus.accounts[2].clone());
    let mut twice = sound.clone();
    twice.accounts[2] = twice.accounts[1].clone();
    let none_writable = world.settle_ix("ann", &[]);
    for instruction in [missing, swapped, surplus, twice, none_writable] {
        world.assert_rejected(EngineError::WrongMarketAccounts, |world| {
            world.send(&[instruction], &["keeper".into()])
        });
    }
}

#[test]
fn settle_of_an_account_of_another_kind_is_rejected() {
    let mut world = world();
    let mut instruction = world.settle_ix("ann", &[AVAX]);
    instruction.accounts[0].pubkey = world.addresses.default_fund;
    world.assert_rejected(EngineError::WrongAccount, |world| {
        world.send(&[instruction], &["keeper".into()])
    });
}

#[test]
fn settle_of_a_seat_epochs_behind_is_rejected() {
    let mut world = world();
    world.change_header(AVAX, |header| header.sides[1].epoch += 1);
    world.assert_rejected(EngineError::EpochBehind, |world| {
        world.settle("ann", &[AVAX])
    });
}

#[test]
fn all_eight_markets_of_an_account_settle_in_one_transaction() {
    let symbols = [
        "AVAX", "BTC", "ETH", "SOL", "AVAX-2", "BTC-2", "ETH-2", "SOL-2",
    ];
    let mut world = World::trading(&symbols);
    world.trader("ann", CASH, &symbols);
    let sent = world.settle("ann", &symbols).unwrap();
    assert_eq!(sent.event::<Settled>().legs.len(), 8);
}
