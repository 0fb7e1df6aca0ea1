//! `place_order`: every way in which it says no, and that saying no moves nothing.

use plimsoll_client::OrderArgs;
use plimsoll_engine::state::HaltPhase;
use plimsoll_testkit::{ask, bid, Actor, EngineError, MarketSpec, OrderExt, World};

const CASH: u64 = 1_000_000_000;
const AVAX: &str = "AVAX";

/// "ann" short and "bob" long ten lots at 20,000, a bid of "ann" at 19,000 and an ask of "bob" at 21,000.
fn world() -> World {
    let mut world = World::trading(&[AVAX]);
    for name in ["ann", "bob", "cat"] {
        world.trader(name, CASH, &[AVAX]);
    }
    world.place("ann", AVAX, ask(20_000, 10)).unwrap();
    world.place("bob", AVAX, bid(20_000, 10)).unwrap();
    world.place("ann", AVAX, bid(19_000, 3)).unwrap();
    world.place("bob", AVAX, ask(21_000, 3)).unwrap();
    world
}

#[track_caller]
fn rejected(world: &mut World, who: &str, order: OrderArgs, error: EngineError) {
    world.assert_rejected(error, |world| world.place(who, AVAX, order));
}

#[test]
fn price_outside_of_all_ticks_is_rejected() {
    let mut world = world();
    for price in [0, 1 << 40, u64::MAX] {
        rejected(
            &mut world,
            "cat",
            bid(price, 1),
            EngineError::PriceOutOfRange,
        );
        rejected(
            &mut world,
            "cat",
            ask(price, 1),
            EngineError::PriceOutOfRange,
        );
    }
}

#[test]
fn price_that_no_mark_could_follow_is_rejected() {
    let mut world = world();
    // A tick is 10 quote atoms on 1,000,000 base atoms: 409,600,000 ticks are 4,096 quote atoms a base atom.
    rejected(
        &mut world,
        "cat",
        ask(409_600_001, 1),
        EngineError::PriceOutOfRange,
    );
    world.place("cat", AVAX, ask(409_600_000, 1)).unwrap();
}

#[test]
fn slide_with_no_tick_left_is_rejected() {
    let mut world = World::trading(&[AVAX]);
    for name in ["ann", "cat"] {
        world.trader(name, CASH, &[AVAX]);
    }
    world.place("ann", AVAX, ask(1, 1)).unwrap();
    rejected(
        &mut world,
        "cat",
        bid(5, 1).slide(),
        EngineError::PriceOutOfRange,
    );
}

#[test]
fn size_of_zero_or_beyond_the_largest_order_is_rejected() {
    let mut world = world();
    for lots in [0, 1 << 32, u64::MAX] {
        rejected(
            &mut world,
            "cat",
            bid(20_000, lots),
            EngineError::SizeOutOfRange,
        );
    }
}

#[test]
fn size_under_the_markets_minimum_is_rejected_unless_it_closes_or_only_reduces() {
    let mut world = World::new();
    world.open_market(&MarketSpec::preset(AVAX).with(|params| params.lots_min = 5));
    for name in ["ann", "bob"] {
        world.trader(name, CASH, &[AVAX]);
    }
    rejected(
        &mut world,
        "ann",
        ask(20_000, 4),
        EngineError::SizeOutOfRange,
    );
    world.place("ann", AVAX, ask(20_000, 7)).unwrap();
    world.place("bob", AVAX, bid(20_000, 7).ioc()).unwrap();
    world.place("ann", AVAX, bid(20_000, 20)).unwrap();
    rejected(
        &mut world,
        "bob",
        ask(20_000, 4),
        EngineError::SizeOutOfRange,
    );
    world
        .place("bob", AVAX, ask(20_000, 4).reduce_only())
        .unwrap();
    rejected(
        &mut world,
        "bob",
        ask(20_000, 2),
        EngineError::SizeOutOfRange,
    );
    world.place("bob", AVAX, ask(20_000, 3)).unwrap();
    assert_eq!(world.holding("bob", AVAX).base, 0);
}

#[test]
fn order_beyond_the_seats_slots_is_rejected() {
    let mut world = World::trading(&[AVAX]);
    world.create_margin_account("cat").unwrap();
    world.deposit("cat", CASH).unwrap();
    world.claim_seat("cat", AVAX, 2).unwrap();
    world.place("cat", AVAX, bid(19_000, 1)).unwrap();
    world.place("cat", AVAX, ask(21_000, 1)).unwrap();
    rejected(
        &mut world,
        "cat",
        bid(19_001, 1),
        EngineError::OrderSlotsFull,
    );
    // What does not rest needs no slot.
    world.place("cat", AVAX, bid(19_001, 1).ioc()).unwrap();
}

#[test]
fn post_only_order_that_would_cross_is_rejected() {
    let mut world = world();
    rejected(
        &mut world,
        "cat",
        bid(21_000, 1).post_only(),
        EngineError::PostOnlyWouldCross,
    );
    rejected(
        &mut world,
        "cat",
        ask(19_000, 1).post_only(),
        EngineError::PostOnlyWouldCross,
    );
    world
        .place("cat", AVAX, bid(20_999, 1).post_only())
        .unwrap();
}

#[test]
fn fill_or_kill_that_would_not_fill_whole_is_rejected() {
    let mut world = world();
    rejected(
        &mut world,
        "cat",
        bid(21_000, 4).fok(),
        EngineError::FillOrKillUnfilled,
    );
    rejected(
        &mut world,
        "cat",
        bid(20_999, 1).fok(),
        EngineError::FillOrKillUnfilled,
    );
    let short_of_steps = bid(21_000, 3).fok().steps(0);
    rejected(
        &mut world,
        "cat",
        short_of_steps,
        EngineError::FillOrKillUnfilled,
    );
    world.place("cat", AVAX, bid(21_000, 3).fok()).unwrap();
}

#[test]
fn reduce_only_order_without_a_position_to_reduce_is_rejected() {
    let mut world = world();
    let error = EngineError::ReduceOnlyWouldNotReduce;
    rejected(&mut world, "cat", bid(20_000, 1).reduce_only(), error);
    rejected(&mut world, "cat", ask(20_000, 1).reduce_only(), error);
    rejected(&mut world, "bob", bid(20_000, 1).reduce_only(), error);
    rejected(&mut world, "ann", ask(20_000, 1).reduce_only(), error);
}

#[test]
fn expiry_that_has_come_is_rejected() {
    let mut world = world();
    let now = world.now();
    for past in [now, now - 1, 1, -1, i64::MIN] {
        let order = bid(20_000, 1).expires_at(past);
        rejected(&mut world, "cat", order, EngineError::ExpiryInThePast);
    }
    world
        .place("cat", AVAX, bid(20_000, 1).expires_at(now + 1))
        .unwrap();
}

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

#[test]
fn order_in_a_halted_market_is_rejected() {
    let mut world = world();
    for phase in [
        HaltPhase::Call,
        HaltPhase::Freeze,
        HaltPhase::Uncross,
        HaltPhase::Resolve,
    ] {
        world.change_header(AVAX, |header| header.halt.phase = phase.byte());
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
fn bytes_that_name_no_side_kind_or_mode_are_rejected() {
    let mut world = world();
    let error = EngineError::ParameterOutOfBounds;
    rejected(
        &mut world,
        "cat",
        bid(20_000, 1).with(|order| order.side = 2),
        error,
    );
    rejected(
        &mut world,
        "cat",
        bid(20_000, 1).with(|order| order.time_in_force = 5),
        error,
    );
    rejected(
        &mut world,
        "cat",
        bid(20_000, 1).with(|order| order.self_trade = 3),
        error,
    );
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
