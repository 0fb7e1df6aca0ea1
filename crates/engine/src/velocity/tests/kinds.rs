//! What becomes of an order or a liquidation that would print outside the band.

use super::*;

#[test]
fn an_immediate_order_loses_its_remainder_and_halts_nothing() {
    let mut desk = pit();
    desk.place(3, 0, &ask(505, 40)).unwrap();
    desk.place(3, 0, &ask(511, 500)).unwrap();
    let request = as_kind(TimeInForce::ImmediateOrCancel, bid(515, 200));
    let placed = desk.place(2, 0, &request).unwrap();
    assert_eq!(told(&placed), (40, 0, 160, false));
    assert_eq!((placed.trip, phase(&desk)), (None, HaltPhase::Continuous));
    assert_eq!(desk.seat(2, 0).orders, 0);
}

#[test]
fn a_fill_or_kill_order_that_would_stop_at_the_band_is_refused() {
    let mut desk = pit();
    desk.place(3, 0, &ask(511, 500)).unwrap();
    let request = as_kind(TimeInForce::FillOrKill, bid(511, 100));
    let refused = Err(EngineError::FillOrKillUnfilled);
    assert_eq!(desk.place(2, 0, &request), refused);
    assert_eq!(phase(&desk), HaltPhase::Continuous);
    let request = as_kind(TimeInForce::FillOrKill, bid(511, 99));
    assert_eq!(desk.place(2, 0, &request).unwrap().filled_lots, 99);
}

#[test]
fn what_never_takes_never_halts() {
    let mut desk = pit();
    desk.place(3, 0, &ask(511, 500)).unwrap();
    let request = as_kind(TimeInForce::PostOnly, bid(515, 200));
    let refused = Err(EngineError::PostOnlyWouldCross);
    assert_eq!(desk.place(2, 0, &request), refused);
    let request = as_kind(TimeInForce::PostOnlySlide, bid(515, 200));
    let placed = desk.place(2, 0, &request).unwrap();
    assert_eq!((placed.price, told(&placed)), (510, (0, 200, 0, false)));
    assert_eq!(phase(&desk), HaltPhase::Continuous);
}

#[test]
fn without_a_budget_everything_prints() {
    let mut none = halting();
    none.halt_budget_ppm = 0;
    let mut no_share = halting();
    no_share.halt_budget_trade_ppm = 0;
    for params in [none, no_share] {
        let mut desk = pit_with(&params);
        let placed = buy_outside(&mut desk, 1_000);
        assert_eq!(told(&placed), (1_000, 0, 0, false));
        assert_eq!(phase(&desk), HaltPhase::Continuous);
    }
}

#[test]
fn a_remainder_that_would_cross_its_owners_order_is_cancelled_and_halts_nothing() {
    for (own, expected) in [(515, (0, 0, 200, false)), (516, (0, 200, 0, true))] {
        let mut desk = pit();
        desk.place(3, 0, &ask(511, 500)).unwrap();
        desk.place(2, 0, &ask(own, 10)).unwrap();
        let placed = desk.place(2, 0, &bid(515, 200)).unwrap();
        assert_eq!(told(&placed), expected, "own ask at {own}");
    }
    for (own, expected) in [(485, (0, 0, 200, false)), (484, (0, 200, 0, true))] {
        let mut desk = pit();
        desk.place(3, 0, &bid(489, 500)).unwrap();
        desk.place(2, 0, &bid(own, 10)).unwrap();
        let placed = desk.place(2, 0, &ask(485, 200)).unwrap();
        assert_eq!(told(&placed), expected, "own bid at {own}");
    }
}

#[test]
fn a_widened_extreme_of_a_cancelled_order_is_no_order() {
    let mut desk = pit();
    desk.place(3, 0, &ask(511, 500)).unwrap();
    let near = desk.place(2, 0, &ask(512, 10)).unwrap();
    desk.place(2, 0, &ask(600, 10)).unwrap();
    let seat = desk.seat_index(2, 0);
    let mut market = desk.markets[0].get();
    let (order, sequence) = (near.order, near.sequence);
    crate::place::cancel(&mut market, seat, &address_of(2), order, sequence).unwrap();
    assert_eq!(desk.seat(2, 0).ask_low, 512);
    let placed = desk.place(2, 0, &bid(515, 200)).unwrap();
    assert_eq!(told(&placed), (0, 200, 0, true));
}

#[test]
fn an_order_without_a_slot_for_its_remainder_is_refused_and_halts_nothing() {
    let mut desk = pit();
    desk.place(3, 0, &ask(511, 500)).unwrap();
    for ticks in 400..408 {
        desk.place(2, 0, &bid(ticks, 1)).unwrap();
    }
    let refused = Err(EngineError::OrderSlotsFull);
    assert_eq!(desk.place(2, 0, &bid(515, 200)), refused);
    assert_eq!(phase(&desk), HaltPhase::Continuous);
}

/// An account long 400 lots whose cash is four fifths of its maintenance margin, in a market with a
/// band of 1%: its zero price lies under it.
fn underwater() -> (Desk, usize) {
    let params = MarketParams {
        velocity_short_ppm: 10_000,
        ..halting()
    };
    let mut desk = pit_with(&params);
    // 5% of 400 lots and the fee; then its cash shrinks.
    let account = desk.join(9, 10_200_000);
    desk.trade(account, 3, 0, MARK, 400);
    desk.accounts[account].collateral = 4_000_000 + 100_000;
    wait(&mut desk, 20);
    (desk, account)
}

fn liquidate(desk: &mut Desk, account: usize) -> BookStep {
    let risk = desk.risk(account);
    let standing = Standing::of(&risk, false, 0).unwrap();
    let state = &desk.markets[0];
    let view = MarketRef {
        header: &state.header,
        blocks: &state.blocks,
    };
    let now = desk.env.now;
    let address = address_of(account);
    let entry = desk.accounts[account].entry_of(&state.address).unwrap();
    let (leg, _) = Leg::read(&view, &desk.accounts[account], &address, entry, now).unwrap();
    let (env, mut plan) = (desk.env, desk.plan.clone());
    let mut state = desk.markets[0].get();
    reduce_in_book(&mut state, &leg, &standing, &env, &mut plan).unwrap()
}

#[test]
fn a_liquidation_that_would_print_outside_the_band_halts_the_market() {
    let (mut desk, account) = underwater();
    desk.place(2, 0, &bid(494, 5_000)).unwrap();
    let step = liquidate(&mut desk, account);
    assert_eq!(step.filled_lots, 0);
    assert!(
        step.limit < 494,
        "its zero price, {}, allows it",
        step.limit
    );
    let trip = step.trip.unwrap();
    assert_eq!((trip.cause, trip.halted), (Cause::Trade, true));
    assert_eq!(phase(&desk), HaltPhase::Call);
    assert!(!step.book_ended, "no takeover opens on a book that halts");
    assert_eq!(desk.lots(account, 0), 400);
}

#[test]
fn a_liquidation_fills_inside_the_band_before_it_halts_the_market() {
    let (mut desk, account) = underwater();
    desk.place(2, 0, &bid(496, 5)).unwrap();
    desk.place(2, 0, &bid(494, 5_000)).unwrap();
    let step = liquidate(&mut desk, account);
    assert_eq!((step.filled_lots, step.satisfied), (5, false));
    assert!(step.trip.is_some());
    assert_eq!(desk.lots(account, 0), 395);
}

#[test]
fn a_liquidation_prints_when_no_halt_may_start() {
    let (mut desk, account) = underwater();
    desk.markets[0].header.params.halt_budget_ppm = 0;
    desk.place(2, 0, &bid(494, 5_000)).unwrap();
    let step = liquidate(&mut desk, account);
    assert!(step.filled_lots > 50 && step.trip.is_none());
    assert_eq!(phase(&desk), HaltPhase::Continuous);
}
