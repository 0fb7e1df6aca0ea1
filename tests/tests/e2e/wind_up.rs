//! `wind_up_market`: the feed of a market dies, and everybody gets out (spec §11, ADR 0011, INV-12).

use plimsoll_engine::state::MarketStatus;
use plimsoll_testkit::events::MarketWoundUp;
use plimsoll_testkit::{ask, bid, EngineError, World};

const AVAX: &str = "AVAX";
const SOL: &str = "SOL";
const MILLION: u64 = 1_000_000_000_000;
/// `index_dead_seconds` and `index_age_seconds_max` of the presets.
const DEAD: i64 = 604_800 + 15;

/// `ann` is short and `bob` long; the mark has moved in `bob`'s favour when the feed dies.
fn scene() -> World {
    let mut world = World::trading(&[AVAX]);
    for name in ["ann", "bob", "cat"] {
        world.trader(name, MILLION, &[AVAX]);
    }
    world.place("ann", AVAX, ask(20_000, 5_000)).unwrap();
    world.place("bob", AVAX, bid(20_000, 5_000)).unwrap();
    world.place("cat", AVAX, bid(15_000, 10)).unwrap();
    for ticks in [20_100, 20_200] {
        world.advance(30);
        world.move_index(AVAX, ticks);
    }
    world
}

/// Settled and released by anybody, then withdrawn whole by its owner.
fn leave(world: &mut World, name: &str) {
    world.settle(name, &[AVAX]).unwrap();
    world.release_seat(name, AVAX).unwrap();
    world.advance(180);
    let cash = world.collateral(name).unsigned_abs();
    world.withdraw(name, cash).unwrap();
    assert_eq!(world.collateral(name), 0);
}

#[test]
fn a_market_whose_feed_died_is_wound_up_and_both_sides_leave_with_their_cash() {
    let mut world = scene();
    let price = world.market(AVAX).header.prices.mark;
    // The last fresh seconds cost nobody anything.
    world.change_header(AVAX, |header| header.prices.premium_ema = 0);
    let equity = |world: &World, name: &str| {
        let view = world.view(name);
        view.risk(world.now()).unwrap().equity
    };
    let before = ["ann", "bob", "cat"].map(|name| equity(&world, name));
    world.advance(DEAD);
    world.assert_rejected(EngineError::IndexNotDead, |world| world.wind_up(AVAX));
    // Nobody gets out before: neither side can settle.
    world.assert_rejected(EngineError::NothingToSettle, |world| {
        world.settle("bob", &[AVAX])
    });
    world.advance(1);
    let end = world.wind_up(AVAX).unwrap().event::<MarketWoundUp>();
    assert_eq!((end.price, end.market), (price, world.market_address(AVAX)));
    assert_eq!(end.open_interest[0], end.open_interest[1]);
    let header = world.market(AVAX).header;
    assert_eq!(header.status, MarketStatus::WoundUp.byte());
    assert_eq!(header.open_interest(), 0);
    let copy = world.mark(AVAX);
    assert_eq!((copy.status, copy.open_interest), (header.status, 0));
    world.assert_sound();
    for name in ["ann", "bob", "cat"] {
        assert_eq!(world.holding(name, AVAX).base, 0, "{name}");
    }
    // The order that still rests is taken off by whoever comes by.
    let (block, order) = world
        .market(AVAX)
        .orders_of_seat(world.seat_index("cat", AVAX))[0];
    world.remove_expired(AVAX, block, order.sequence).unwrap();
    let wallets = ["ann", "bob", "cat"].map(|name| world.usdc(name));
    for name in ["ann", "bob", "cat"] {
        leave(&mut world, name);
    }
    world.assert_sound();
    for ((name, wallet), before) in ["ann", "bob", "cat"].iter().zip(wallets).zip(before) {
        let paid = i128::from(world.usdc(*name) - wallet);
        // The floors of funding and of the value have become one.
        let off = i128::from(before) - paid;
        assert!(
            (-1..=2).contains(&off),
            "{name} was worth {before}, was paid {paid}"
        );
    }
    // With nobody left, what the pool still holds is swept: fees, and atoms for the default fund.
    world.advance(3_600);
    world.sweep_fees(AVAX).unwrap();
    assert_eq!(world.market(AVAX).header.cash.pool, 0);
    world.assert_sound();
}

#[test]
fn a_market_that_is_wound_up_takes_neither_orders_nor_prices_nor_seats() {
    let mut world = scene();
    world.trader("dan", MILLION, &[]);
    world
        .queue_params(AVAX, |params| params.taker_fee_ppm -= 1)
        .unwrap();
    world.advance(DEAD + 1);
    world.wind_up(AVAX).unwrap();
    world.publish(AVAX, 20_200);
    world.assert_rejected(EngineError::MarketWoundUp, |world| world.wind_up(AVAX));
    world.assert_rejected(EngineError::MarketWoundUp, |world| world.refresh(AVAX));
    world.assert_rejected(EngineError::MarketWoundUp, |world| {
        world.place("cat", AVAX, bid(15_000, 10))
    });
    world.assert_rejected(EngineError::MarketWoundUp, |world| {
        world.claim_seat("dan", AVAX, 4)
    });
    world.assert_rejected(EngineError::MarketWoundUp, |world| world.apply_change(0));
    world.assert_rejected(EngineError::MarketWoundUp, |world| {
        world.queue_params(AVAX, |params| params.taker_fee_ppm -= 1)
    });
    world.assert_rejected(EngineError::MarketWoundUp, |world| {
        world.guard_market(AVAX, 60)
    });
    // Its owner still cancels.
    let (block, order) = world
        .market(AVAX)
        .orders_of_seat(world.seat_index("cat", AVAX))[0];
    world.cancel("cat", AVAX, block, order.sequence).unwrap();
    world.assert_sound();
}

#[test]
fn one_fresh_index_begins_the_time_anew() {
    let mut world = scene();
    world.advance(DEAD);
    world.keep_fresh();
    world.advance(DEAD);
    world.assert_rejected(EngineError::IndexNotDead, |world| world.wind_up(AVAX));
    world.advance(1);
    world.wind_up(AVAX).unwrap();
}

#[test]
fn a_market_without_a_first_index_is_not_wound_up() {
    let mut world = World::new();
    world
        .create_market(&plimsoll_testkit::MarketSpec::preset(AVAX))
        .unwrap();
    world.advance(10 * DEAD);
    world.assert_rejected(EngineError::MarketNotActive, |world| world.wind_up(AVAX));
}

/// A loser who cannot pay is torn up as everywhere: with nothing left to close, the fund pays what it may and
/// the rest is carried (ADR 0008).
#[test]
fn an_account_that_cannot_pay_its_loss_is_torn_up_flat() {
    let mut world = scene();
    world.keeper();
    // `ann`'s loss is 200 ticks on 5,000 lots: more than what she has left.
    let cash = world.collateral("ann");
    let left = 1_000_000;
    world.change_margin("ann", |account| account.collateral = left);
    world.change_margin("cat", |account| account.collateral += cash - left);
    world.advance(DEAD + 1);
    world.wind_up(AVAX).unwrap();
    assert!(world.holding("ann", AVAX).quote < -left);
    world.tear_up("ann", AVAX).unwrap();
    world.assert_sound();
    assert_eq!(world.collateral("ann"), 0);
    world.release_seat("ann", AVAX).unwrap();
    let carried = world.market(AVAX).header.cash.deficit;
    let owed = world.holding("bob", AVAX).quote.unsigned_abs();
    let pool = world.market(AVAX).header.cash.pool;
    assert!(carried != 0 && owed <= pool + carried);
    // What is there is paid; the rest waits for what pays the carried deficit (INV-12).
    world.settle("bob", &[AVAX]).unwrap();
    world.assert_sound();
}

/// Another market goes on, and an account with seats in both is not held up.
#[test]
fn a_dead_market_holds_up_no_other() {
    let mut world = World::trading(&[AVAX, SOL]);
    for name in ["ann", "bob"] {
        world.trader(name, MILLION, &[AVAX, SOL]);
    }
    for symbol in [AVAX, SOL] {
        let ticks = world.handle(symbol).price_ticks;
        world.place("ann", symbol, ask(ticks, 500)).unwrap();
        world.place("bob", symbol, bid(ticks, 500)).unwrap();
    }
    world.advance(DEAD + 1);
    let ticks = world.handle(SOL).price_ticks;
    world.publish(SOL, ticks);
    world.refresh(SOL).unwrap();
    world.wind_up(AVAX).unwrap();
    for name in ["ann", "bob"] {
        world.settle(name, &[AVAX, SOL]).unwrap();
        world.release_seat(name, AVAX).unwrap();
    }
    world.place("ann", SOL, bid(ticks, 500)).unwrap();
    world.place("bob", SOL, ask(ticks, 500)).unwrap();
    world.assert_sound();
}
