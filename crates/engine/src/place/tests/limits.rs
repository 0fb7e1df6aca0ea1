//! What an order may not do: sizes, slots, the market's state, open interest, position.

use super::*;
use crate::risk::{AccountCash, LegRisk};
use crate::seats::tests::params;
use crate::state::{MarketParams, BLOCK_DEPOSIT_LAMPORTS};
use crate::units::TICKS_MAX;

fn desk_with(params: MarketParams) -> (Desk, usize, usize) {
    let mut desk = Desk::with(&[params], 600);
    let (maker, taker) = (desk.join(1, RICH), desk.join(2, RICH));
    (desk, maker, taker)
}

#[test]
fn prices_and_sizes_out_of_range_are_rejected_by_name() {
    let minimum = MarketParams {
        lots_min: 3,
        ..params()
    };
    let (mut desk, maker, _) = desk_with(minimum);
    let cases = [
        (bid(0, 3), EngineError::PriceOutOfRange),
        (bid(TICKS_MAX + 1, 3), EngineError::PriceOutOfRange),
        (bid(u64::MAX, 3), EngineError::PriceOutOfRange),
        (bid(500, 0), EngineError::SizeOutOfRange),
        (bid(500, 2), EngineError::SizeOutOfRange),
        (bid(500, LOTS_MAX + 1), EngineError::SizeOutOfRange),
        (bid(500, u64::MAX), EngineError::SizeOutOfRange),
    ];
    for (request, error) in cases {
        assert_eq!(desk.place(maker, 0, &request), Err(error), "{request:?}");
    }
    assert!(desk.place(maker, 0, &bid(500, 3)).is_ok());
}

#[test]
fn the_largest_price_and_size_are_an_error_and_no_panic() {
    let (mut desk, maker, _) = two();
    for request in [
        bid(TICKS_MAX, LOTS_MAX),
        ask(TICKS_MAX, LOTS_MAX),
        bid(1, LOTS_MAX),
    ] {
        assert!(desk.place(maker, 0, &request).is_err());
    }
}

#[test]
fn a_full_close_and_a_reduce_only_order_may_be_under_the_minimum() {
    let minimum = MarketParams {
        lots_min: 3,
        ..params()
    };
    let (mut desk, maker, taker) = desk_with(minimum);
    desk.trade(taker, maker, 0, 500, 5);
    desk.place(maker, 0, &bid(490, 20)).unwrap();
    let ioc = |request| with(TimeInForce::ImmediateOrCancel, request);
    desk.place(taker, 0, &ioc(ask(490, 3))).unwrap();
    // Two lots are left: one of them is no close, one more than them neither, two of them are.
    let partial = desk.place(taker, 0, &ioc(ask(490, 1)));
    assert_eq!(partial, Err(EngineError::SizeOutOfRange));
    let adding = desk.place(taker, 0, &ioc(bid(490, 2)));
    assert_eq!(adding, Err(EngineError::SizeOutOfRange));
    let reducing = desk.place(taker, 0, &reduce_only(ioc(ask(490, 1))));
    assert_eq!(reducing.unwrap().filled_lots, 1);
    let closing = desk.place(taker, 0, &ioc(ask(490, 1)));
    assert_eq!(closing.unwrap().filled_lots, 1);
    assert_eq!(desk.lots(taker, 0), 0);
}

#[test]
fn resting_orders_are_capped_by_the_seats_slots() {
    let (mut desk, maker, taker) = two();
    for price in 0..8 {
        desk.place(maker, 0, &bid(400 + price, 1)).unwrap();
    }
    let ninth = desk.place(maker, 0, &bid(450, 1));
    assert_eq!(ninth, Err(EngineError::OrderSlotsFull));
    // An order that does not rest needs no slot.
    desk.place(taker, 0, &ask(500, 1)).unwrap();
    assert_eq!(desk.place(maker, 0, &bid(500, 1)).unwrap().filled_lots, 1);
    // A removal of an own order frees its slot in the same step.
    desk.place(taker, 0, &bid(450, 1)).unwrap();
    let request = OrderRequest {
        self_trade: SelfTrade::CancelMaker,
        ..ask(407, 5)
    };
    let placed = desk.place(maker, 0, &request).unwrap();
    assert_eq!((placed.filled_lots, placed.resting_lots), (1, 4));
    assert_eq!(desk.seat(maker, 0).orders, 8);
    assert_eq!(BLOCK_DEPOSIT_LAMPORTS, 890_880);
}

#[test]
fn an_own_expired_order_that_is_met_frees_its_slot() {
    let (mut desk, maker, _) = two();
    for price in 0..8 {
        let request = OrderRequest {
            expires_at: if price == 0 { NOW + 5 } else { 0 },
            ..ask(520 + price, 1)
        };
        desk.place(maker, 0, &request).unwrap();
    }
    let full = desk.place(maker, 0, &bid(520, 1)).unwrap();
    assert_eq!(full.cancelled_lots, 1, "it met its own order");
    desk.env.now = NOW + 5;
    let placed = desk.place(maker, 0, &bid(520, 1)).unwrap();
    assert_eq!(placed.resting_lots, 1);
    assert_eq!(desk.seat(maker, 0).orders, 8);
}

#[test]
fn an_order_that_would_raise_open_interest_over_the_cap_is_rejected() {
    let capped = MarketParams {
        open_interest_low: 8_000_000,
        open_interest_max: 10_000_000,
        ..params()
    };
    let (mut desk, a, b) = desk_with(capped);
    let c = desk.join(3, RICH);
    desk.trade(a, b, 0, 500, 8);
    desk.place(b, 0, &ask(500, 3)).unwrap();
    let raised = desk.place(a, 0, &bid(500, 3));
    assert_eq!(raised, Err(EngineError::OpenInterestCapExceeded));
    assert_eq!(desk.place(a, 0, &bid(500, 2)).unwrap().filled_lots, 2);
    let raised = desk.place(c, 0, &bid(501, 1));
    assert_eq!(raised, Err(EngineError::OpenInterestCapExceeded));
}

#[test]
fn each_fill_of_one_maker_is_judged_by_the_position_after_the_fill_before() {
    let capped = MarketParams {
        open_interest_low: 8_000_000,
        open_interest_max: 10_000_000,
        ..params()
    };
    let (mut desk, short, maker) = desk_with(capped);
    let (other, taker) = (desk.join(3, RICH), desk.join(4, RICH));
    desk.trade(maker, short, 0, 500, 5);
    desk.trade(other, short, 0, 500, 5);
    // The maker sells its five and goes two short: two lots of new open interest.
    desk.place(maker, 0, &ask(500, 4)).unwrap();
    desk.place(maker, 0, &ask(501, 3)).unwrap();
    let raised = desk.place(taker, 0, &bid(501, 7));
    assert_eq!(raised, Err(EngineError::OpenInterestCapExceeded));
    assert_eq!(desk.place(taker, 0, &bid(501, 5)).unwrap().filled_lots, 5);
}

#[test]
fn at_the_cap_a_position_may_change_hands_shrink_and_flip() {
    let capped = MarketParams {
        open_interest_low: 8_000_000,
        open_interest_max: 10_000_000,
        ..params()
    };
    let (mut desk, a, b) = desk_with(capped);
    let c = desk.join(3, RICH);
    desk.trade(a, b, 0, 500, 10);
    desk.trade(c, a, 0, 500, 4);
    assert_eq!(desk.markets[0].header.open_interest(), 10_000_000);
    desk.place(b, 0, &bid(500, 10)).unwrap();
    let request = with(TimeInForce::ImmediateOrCancel, ask(500, 10));
    assert_eq!(desk.place(a, 0, &request).unwrap().filled_lots, 10);
    assert_eq!(
        (desk.lots(a, 0), desk.lots(b, 0), desk.lots(c, 0)),
        (-4, 0, 4)
    );
    assert_eq!(desk.markets[0].header.open_interest(), 4_000_000);
    desk.place(b, 0, &ask(500, 4)).unwrap();
    desk.place(b, 0, &ask(501, 3)).unwrap();
    let placed = desk.place(a, 0, &bid(501, 11));
    assert_eq!(placed.unwrap().filled_lots, 7);
    assert_eq!(desk.markets[0].header.open_interest(), 7_000_000);
}

#[test]
fn a_position_with_its_orders_stays_under_the_largest() {
    let wide = MarketParams {
        base_atoms_per_lot: 1 << 40,
        quote_atoms_per_lot_tick: 1,
        open_interest_low: 1 << 55,
        open_interest_high: 1 << 57,
        open_interest_max: 1 << 56,
        size_free: 1 << 48,
        ..params()
    };
    let mut desk = Desk::with(&[wide], 600);
    desk.mark(0, 1 << 36);
    let (a, b) = (desk.join(1, 1 << 60), desk.join(2, 1 << 60));
    // 2^48 base atoms are 256 lots.
    let whole = desk.place(a, 0, &bid(1 << 36, 256));
    assert_eq!(whole, Err(EngineError::PositionTooLarge));
    desk.place(a, 0, &bid(1 << 36, 200)).unwrap();
    let rest = desk.place(a, 0, &bid(1 << 35, 56));
    assert_eq!(rest, Err(EngineError::PositionTooLarge));
    desk.place(b, 0, &ask(1 << 36, 200)).unwrap();
    let rest = desk.place(a, 0, &bid(1 << 35, 56));
    assert_eq!(rest, Err(EngineError::PositionTooLarge));
    desk.place(a, 0, &bid(1 << 35, 55)).unwrap();
    desk.place(b, 0, &ask(1 << 35, 55)).unwrap();
    assert_eq!(desk.held(a, 0).base, 255 << 40);
}

#[test]
fn a_market_that_does_not_trade_says_why() {
    let (mut desk, maker, taker) = two();
    desk.trade(taker, maker, 0, 500, 5);
    desk.place(maker, 0, &bid(499, 5)).unwrap();
    let plain = bid(490, 1);
    let reducing = reduce_only(ask(499, 1));
    let market = desk.markets[0].clone();
    let reset = |desk: &mut Desk| desk.markets[0].header = market.header;

    desk.markets[0].header.status = MarketStatus::ReduceOnly.byte();
    assert_eq!(
        desk.place(taker, 0, &plain),
        Err(EngineError::MarketReduceOnly)
    );
    assert!(desk.clone().place(taker, 0, &reducing).is_ok());

    reset(&mut desk);
    desk.markets[0].header.guardian_until = NOW + 1;
    assert_eq!(
        desk.place(taker, 0, &plain),
        Err(EngineError::MarketReduceOnly)
    );
    assert!(desk.clone().place(taker, 0, &reducing).is_ok());
    desk.markets[0].header.guardian_until = NOW;
    assert!(desk.clone().place(taker, 0, &plain).is_ok());

    reset(&mut desk);
    desk.env.now = NOW + 15;
    assert!(desk.clone().place(taker, 0, &plain).is_ok());
    desk.env.now = NOW + 16;
    assert_eq!(desk.place(taker, 0, &plain), Err(EngineError::IndexStale));
    assert!(desk.clone().place(taker, 0, &reducing).is_ok());
    desk.env.now = NOW;

    for phase in [HaltPhase::Freeze, HaltPhase::Uncross, HaltPhase::Resolve] {
        reset(&mut desk);
        desk.halt(0, phase);
        assert_eq!(desk.place(taker, 0, &plain), Err(EngineError::MarketHalted));
        assert_eq!(
            desk.place(taker, 0, &reducing),
            Err(EngineError::MarketHalted)
        );
    }
}

#[test]
fn a_seat_of_another_account_is_not_traded_for() {
    let (mut desk, maker, taker) = two();
    let trader = Trader {
        account: address_of(taker),
        cash: AccountCash::default(),
        other_legs: LegRisk::default(),
    };
    let (seat, env) = (desk.seat_index(maker, 0), desk.env);
    let mut plan = MatchPlan::default();
    for index in [seat, 0, 599, u32::MAX] {
        let mut market = desk.markets[0].get();
        let placed = place(&mut market, index, &trader, &bid(500, 1), &env, &mut plan);
        assert_eq!(placed, Err(EngineError::WrongSeat));
    }
}

#[test]
fn a_volume_beyond_64_bits_of_base_atoms_stops_no_trade() {
    let (mut desk, maker, taker) = two();
    desk.trade(taker, maker, 0, 500, 1);
    let slot = desk.markets[0].header.windows.short.running & 7;
    desk.markets[0].header.windows.short_volume[slot as usize] = u64::MAX;
    desk.trade(taker, maker, 0, 510, 1);
    let header = &desk.markets[0].header;
    assert_eq!(header.prices.last_trade_ticks, 510);
    let widths = crate::window::Widths::of(&header.params);
    let range = header.windows.short.range(widths.short, NOW).unwrap();
    assert_eq!(u128::from(range.high), (510 << 32) / 1_000);
}

#[test]
fn bytes_of_an_instruction_name_kinds_and_nothing_else() {
    for byte in 0..=4 {
        assert_eq!(
            TimeInForce::from_byte(byte).map(|kind| kind as u8),
            Ok(byte)
        );
    }
    for byte in 0..=2 {
        assert_eq!(SelfTrade::from_byte(byte).map(|mode| mode as u8), Ok(byte));
    }
    for byte in 5..=255 {
        assert!(TimeInForce::from_byte(byte).is_err() && SelfTrade::from_byte(byte).is_err());
    }
}
