//! `refresh_mark`: what becomes of prices, marks and funding, and which feeds are refused.

use plimsoll_engine::state::{HaltPhase, MarketStatus};
use plimsoll_testkit::events::MarkRefreshed;
use plimsoll_testkit::{ask, bid, EngineError, MarketSpec, World, START_TIME};
use solana_pubkey::Pubkey;

pub const AVAX: &str = "AVAX";
/// 20,000 ticks of ten quote atoms on 1,000,000 base atoms, Q.32, rounded down: 0.2 × 2^32.
const AT_20_000: u64 = 858_993_459;

pub fn world() -> World {
    World::trading(&[AVAX])
}

/// A market with three feeds of which two must agree.
pub fn world_of_three_feeds() -> World {
    let mut world = World::new();
    world.open_market(&MarketSpec::preset(AVAX).with(|params| {
        params.feeds_len = 3;
        params.feeds_required = 2;
        params.feed_ids = [[11; 32], [22; 32], [33; 32]];
    }));
    world
}

#[test]
fn first_index_makes_a_market_active() {
    let mut world = World::new();
    world.create_market(&MarketSpec::preset(AVAX)).unwrap();
    assert_eq!(
        world.market(AVAX).header.status,
        MarketStatus::Pending.byte()
    );
    world.publish(AVAX, 20_000);
    let refreshed = world.refresh(AVAX).unwrap().event::<MarkRefreshed>();
    assert_eq!(
        refreshed,
        MarkRefreshed {
            version: 1,
            market: world.market_address(AVAX),
            index: AT_20_000,
            index_time: START_TIME,
            mark: AT_20_000,
            premium: 0,
            funding: 0,
            funding_seconds: refreshed.funding_seconds,
            expired_orders: vec![],
        }
    );
    let header = world.market(AVAX).header;
    assert_eq!(header.status, MarketStatus::Active.byte());
    assert_eq!(header.prices.index_slot, world.slot());
    world.assert_sound();
}

#[test]
fn the_mark_account_is_a_copy_of_the_header() {
    let mut world = world();
    world.move_index(AVAX, 20_300);
    let (mark, header) = (world.mark(AVAX), world.market(AVAX).header);
    assert_eq!(Pubkey::from(mark.market), world.market_address(AVAX));
    assert_eq!(
        (mark.mark, mark.index),
        (header.prices.mark, header.prices.index)
    );
    assert_eq!(
        (mark.mark_time, mark.index_time),
        (world.now(), world.now())
    );
    assert_eq!((mark.sides, mark.slot), (header.sides, world.slot()));
    assert_eq!(mark.initial_margin_ppm, 110_000);
}

#[test]
fn mark_follows_the_index_at_once_and_is_not_clamped() {
    let mut world = world();
    world.move_index(AVAX, 30_000);
    // 30,000 ticks are 0.3 quote atoms a base atom.
    assert_eq!(world.market(AVAX).header.prices.mark, 1_288_490_188);
}

#[test]
fn premium_of_the_book_is_charged_as_funding_in_the_next_interval() {
    let mut world = world();
    for name in ["ann", "bob"] {
        world.trader(name, 1_000_000_000, &[AVAX]);
    }
    world.place("ann", AVAX, ask(20_000, 1_000)).unwrap();
    world.place("bob", AVAX, bid(20_000, 1_000)).unwrap();
    world.place("bob", AVAX, bid(20_080, 1)).unwrap();
    world.place("ann", AVAX, ask(20_100, 1)).unwrap();
    world.advance(60);
    world.publish(AVAX, 20_000);
    let first = world.refresh(AVAX).unwrap().event::<MarkRefreshed>();
    assert_eq!(
        first.funding, 0,
        "the premium was not known when the interval began"
    );
    assert!(first.premium > 0, "bids stand above the index");
    let (ann, bob) = (
        world.holding("ann", AVAX).quote,
        world.holding("bob", AVAX).quote,
    );
    world.advance(10);
    world.publish(AVAX, 20_000);
    let second = world.refresh(AVAX).unwrap().event::<MarkRefreshed>();
    // premium × 10 / 28,800 a base atom, Q.32 to Q.64.
    let rate = (i128::from(first.premium) << 32) * 10 / 28_800;
    assert_eq!(second.funding, rate);
    assert_eq!(second.funding_seconds, 10);
    let paid = rate * 1_000_000_000 / (1 << 64);
    let moved = i128::from(world.holding("ann", AVAX).quote - ann);
    assert_eq!(moved, paid, "the short receives, rounded down");
    let charged = i128::from(bob - world.holding("bob", AVAX).quote);
    assert!(
        (paid..=paid + 1).contains(&charged),
        "the long pays, rounded up"
    );
    world.assert_sound();
}

#[test]
fn same_update_again_is_accepted_while_it_is_fresh_and_changes_no_index() {
    let mut world = world();
    world.advance(15);
    let before = world.market(AVAX).header.prices;
    world.refresh(AVAX).unwrap();
    let after = world.market(AVAX).header.prices;
    assert_eq!(
        (after.index, after.index_time),
        (before.index, before.index_time)
    );
    assert_eq!(after.index_updated_at, before.index_updated_at);
    assert_eq!(after.mark_time, world.now());
}

#[test]
fn one_of_two_newer_feeds_leaves_the_index_and_a_majority_moves_it() {
    let mut world = world_of_three_feeds();
    world.advance(2);
    let message = world.message(AVAX, 0, 20_050);
    world.write_feed(AVAX, 0, &message);
    world.refresh(AVAX).unwrap();
    assert_eq!(world.market(AVAX).header.prices.index, AT_20_000);
    let message = world.message(AVAX, 2, 20_060);
    world.write_feed(AVAX, 2, &message);
    world.refresh(AVAX).unwrap();
    let prices = world.market(AVAX).header.prices;
    // The middle of 20,050, 20,000 and 20,060; its time is the oldest that went into it.
    assert_eq!(prices.index, 861_140_942);
    assert_eq!(prices.index_time, START_TIME);
}

#[test]
fn index_goes_on_in_a_halt_and_the_mark_is_the_index() {
    let mut world = world();
    world.force_phase(AVAX, HaltPhase::Call);
    world.move_index(AVAX, 20_500);
    let prices = world.market(AVAX).header.prices;
    assert_eq!(prices.mark, prices.index);
}

#[test]
fn stale_index_that_nothing_newer_replaces_is_rejected() {
    let mut world = world_of_three_feeds();
    world.advance(10);
    for feed in [1, 2] {
        let message = world.message(AVAX, feed, 20_000);
        world.write_feed(AVAX, feed, &message);
    }
    world.refresh(AVAX).unwrap();
    // The oldest update that went into the index is ten seconds older than the two others.
    assert_eq!(world.market(AVAX).header.prices.index_time, START_TIME);
    world.advance(6);
    let mut instruction = world.refresh_ix(AVAX);
    instruction.accounts.remove(2);
    world.assert_rejected(EngineError::IndexStale, |world| {
        world.send(&[instruction], &["keeper".into()])
    });
}

#[test]
fn mark_of_another_market_is_rejected() {
    let mut world = World::trading(&[AVAX, "BTC"]);
    world.advance(1);
    world.publish(AVAX, 20_000);
    let mut instruction = world.refresh_ix(AVAX);
    instruction.accounts[1].pubkey = world.addresses.mark(&world.market_address("BTC"));
    world.assert_rejected(EngineError::WrongAccount, |world| {
        world.send(&[instruction], &["keeper".into()])
    });
}

#[test]
fn first_index_at_which_a_base_atom_is_worth_too_much_or_too_little_is_rejected() {
    // A base atom of 1/10^8 AVAX is worth one quote atom at $100 and a sixteenth of one at $6.25.
    for (ticks, error) in [
        (100_001, EngineError::BaseAtomTooCoarse),
        (6_249, EngineError::ParameterOutOfBounds),
    ] {
        let mut world = World::new();
        world.create_market(&MarketSpec::preset(AVAX)).unwrap();
        world.publish(AVAX, ticks);
        world.assert_rejected(error, |world| world.refresh(AVAX));
    }
    for ticks in [100_000, 6_250] {
        let mut world = World::new();
        world.create_market(&MarketSpec::preset(AVAX)).unwrap();
        world.publish(AVAX, ticks);
        world.refresh(AVAX).unwrap();
    }
}
