//! `place_order`: margin, the reducing rule, and the caps.

use plimsoll_testkit::{ask, bid, EngineError, OrderExt, World};

use super::place_order_rejections::{rejected, world, AVAX, CASH};

#[test]
fn position_beyond_the_largest_is_rejected() {
    let mut world = world();
    world.change_header(AVAX, |header| header.params.open_interest_max = 1 << 56);
    world.change_margin("cat", |account| account.collateral = 1 << 61);
    // 2^48 base atoms are 281,474,976.7 lots.
    rejected(
        &mut world,
        "cat",
        bid(18_000, 281_474_977),
        EngineError::PositionTooLarge,
    );
    rejected(
        &mut world,
        "cat",
        ask(22_000, 281_474_977),
        EngineError::PositionTooLarge,
    );
}

#[test]
fn order_that_initial_margin_does_not_carry_is_rejected() {
    let mut world = world();
    // 11% of 200,000 quote atoms a lot: 45,454 lots for 1,000,000,000.
    world.place("cat", AVAX, bid(20_000, 45_454)).unwrap();
    rejected(
        &mut world,
        "cat",
        bid(20_000, 1),
        EngineError::BelowInitialMargin,
    );
    rejected(
        &mut world,
        "cat",
        ask(20_900, 45_460),
        EngineError::BelowInitialMargin,
    );
}

#[test]
fn taker_that_initial_margin_does_not_carry_after_the_fill_is_rejected() {
    let mut world = world();
    world.trader("dan", 10_000_000_000, &[AVAX]);
    world.place("dan", AVAX, ask(20_000, 50_000)).unwrap();
    rejected(
        &mut world,
        "cat",
        bid(20_000, 45_454).ioc(),
        EngineError::BelowInitialMargin,
    );
    // The taker's fee is 100 quote atoms a lot.
    world.place("cat", AVAX, bid(20_000, 45_248).ioc()).unwrap();
    world.assert_sound();
}

/// "bob" long ten lots with cash that covers neither more risk nor a worse price.
fn strained() -> World {
    let mut world = world();
    world.change_margin("bob", |account| account.collateral = 150_000);
    world
}

#[test]
fn trade_below_initial_margin_at_a_price_that_worsens_risk_is_rejected() {
    let mut world = strained();
    world.cancel_all("ann", AVAX, 8).unwrap();
    world.cancel_all("bob", AVAX, 8).unwrap();
    rejected(
        &mut world,
        "bob",
        bid(20_000, 1),
        EngineError::BelowInitialMargin,
    );
    // Q is 149,000 and M 110,000: a lot may lose 11,000 × 149 / 110 = 14,900 quote atoms, fee included.
    world.place("cat", AVAX, bid(18_518, 20)).unwrap();
    rejected(
        &mut world,
        "bob",
        ask(18_518, 2).ioc(),
        EngineError::TradeWorsensRisk,
    );
    world.cancel_all("cat", AVAX, 8).unwrap();
    world.place("cat", AVAX, bid(18_520, 20)).unwrap();
    world.place("bob", AVAX, ask(18_520, 2).ioc()).unwrap();
    world.cancel_all("cat", AVAX, 8).unwrap();
    world.place("cat", AVAX, bid(20_000, 20)).unwrap();
    world.place("bob", AVAX, ask(20_000, 4).ioc()).unwrap();
    world.assert_open_interest_balanced(AVAX);
}

#[test]
fn remainder_below_initial_margin_rests_only_if_it_is_reduce_only() {
    let mut world = strained();
    world.cancel_all("bob", AVAX, 8).unwrap();
    rejected(
        &mut world,
        "bob",
        ask(20_500, 4),
        EngineError::TradeWorsensRisk,
    );
    world
        .place("bob", AVAX, ask(20_500, 4).reduce_only())
        .unwrap();
}

#[test]
fn trade_on_credit_follows_the_reducing_rule_however_rich_the_account() {
    let mut world = world();
    world.change_margin("bob", |account| account.credit_principal = 1);
    rejected(
        &mut world,
        "bob",
        bid(20_000, 1),
        EngineError::BelowInitialMargin,
    );
}

#[test]
fn order_that_would_raise_open_interest_over_the_cap_is_rejected() {
    let mut world = world();
    world.trader("dan", CASH, &[AVAX]);
    world.change_header(AVAX, |header| header.params.open_interest_max = 11_000_000);
    world.place("dan", AVAX, ask(20_000, 2)).unwrap();
    rejected(
        &mut world,
        "cat",
        bid(20_000, 2),
        EngineError::OpenInterestCapExceeded,
    );
    world.place("cat", AVAX, bid(20_000, 1).ioc()).unwrap();
    rejected(
        &mut world,
        "cat",
        bid(20_000, 1),
        EngineError::OpenInterestCapExceeded,
    );
    // "bob" is long already: who buys from him takes his place, and open interest stays.
    world.cancel_all("dan", AVAX, 8).unwrap();
    world.place("cat", AVAX, bid(21_000, 3)).unwrap();
    assert_eq!(world.market(AVAX).header.open_interest(), 11_000_000);
}
