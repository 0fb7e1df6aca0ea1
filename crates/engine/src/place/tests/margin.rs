//! Margin of an order: to the atom, with resting orders, below initial margin and on credit.

use super::*;
use crate::seats::tests::{params, LOT_VALUE, MARK};
use crate::state::MarketParams;

/// Initial margin of ten lots at the mark, quote atoms: 5% of 5,000,000.
const MARGIN_OF_TEN: u64 = 250_000;

#[test]
fn a_resting_order_needs_initial_margin_to_the_atom() {
    for (deposit, accepted) in [(MARGIN_OF_TEN - 1, false), (MARGIN_OF_TEN, true)] {
        let mut desk = Desk::new(1);
        let a = desk.join(1, deposit);
        let placed = desk.place(a, 0, &bid(MARK, 10));
        let expected = if accepted {
            Ok(10)
        } else {
            Err(EngineError::BelowInitialMargin)
        };
        assert_eq!(placed.map(|p| p.resting_lots), expected);
    }
}

#[test]
fn a_fill_needs_initial_margin_after_its_fee_and_its_loss() {
    // Ten lots bought at 504: 40,000 lost at the mark and a fee of 2,520.
    let needed = MARGIN_OF_TEN + 40_000 + 2_520;
    for (deposit, accepted) in [(needed - 1, false), (needed, true)] {
        let mut desk = Desk::new(1);
        let (maker, taker) = (desk.join(1, RICH), desk.join(2, deposit));
        desk.place(maker, 0, &ask(504, 10)).unwrap();
        let placed = desk.place(taker, 0, &bid(504, 10));
        let expected = if accepted {
            Ok(10)
        } else {
            Err(EngineError::BelowInitialMargin)
        };
        assert_eq!(placed.map(|p| p.filled_lots), expected);
        assert_eq!(LOT_VALUE, 500_000);
    }
}

#[test]
fn an_order_is_margined_at_the_open_interest_that_it_leaves() {
    let tiers = MarketParams {
        open_interest_low: 1_000_000,
        open_interest_high: 21_000_000,
        open_interest_max: 20_000_000,
        ..params()
    };
    let mut desk = Desk::with(&[tiers], 600);
    // 50,000 + 950,000 × 19 / 20 ppm of ten million, the fee of 5,000 and nothing more.
    let needed = 9_525_000 + 5_000;
    let maker = desk.join(1, RICH);
    desk.place(maker, 0, &ask(500, 20)).unwrap();
    let (short, enough) = (desk.join(2, needed - 1), desk.join(3, needed));
    let whole = desk.place(short, 0, &bid(500, 20));
    assert_eq!(whole, Err(EngineError::BelowInitialMargin));
    assert_eq!(
        desk.place(enough, 0, &bid(500, 20)).unwrap().filled_lots,
        20
    );
    assert!(desk.risk(enough).meets_initial());
}

#[test]
fn a_losing_order_is_not_netted_with_a_deep_one() {
    let mut desk = Desk::new(1);
    let a = desk.join(1, 1_000_000);
    // One lot 100 ticks over the mark loses 100,000, in Q.32 a trace more; a deep order then widens
    // what is exposed to it.
    desk.place(a, 0, &bid(600, 1)).unwrap();
    assert_eq!(desk.leg(a, 0).initial_margin, 25_000 + 100_001);
    desk.place(a, 0, &bid(100, 1)).unwrap();
    assert_eq!(desk.leg(a, 0).initial_margin, 50_000 + 200_001);
    // Cancelling the losing one does not narrow it until that side is empty.
    let (seat, owner) = (desk.seat_index(a, 0), address_of(a));
    let losing = desk.place(a, 0, &bid(550, 1)).unwrap();
    cancel(
        &mut desk.markets[0].get(),
        seat,
        &owner,
        losing.order,
        losing.sequence,
    )
    .unwrap();
    assert_eq!(desk.leg(a, 0).initial_margin, 50_000 + 200_001);
    cancel_all(&mut desk.markets[0].get(), seat, &owner, Which::All, 9).unwrap();
    assert_eq!(desk.leg(a, 0).initial_margin, 0);
    desk.place(a, 0, &bid(400, 1)).unwrap();
    assert_eq!(desk.leg(a, 0).initial_margin, 25_000);
}

/// Long ten lots from the mark with little cash; the mark then falls to 480 ticks.
fn distressed() -> (Desk, usize, usize) {
    let mut desk = Desk::new(1);
    let (maker, taker) = (desk.join(1, RICH), desk.join(2, 300_000));
    desk.trade(taker, maker, 0, 500, 10);
    desk.mark(0, 480);
    assert!(!desk.risk(taker).meets_initial());
    (desk, maker, taker)
}

#[test]
fn below_initial_margin_a_trade_must_cut_margin_and_not_worsen_q_over_it() {
    let (mut desk, maker, taker) = distressed();
    let ioc = |request| with(TimeInForce::ImmediateOrCancel, request);
    let risk = desk.risk(taker);
    assert_eq!((risk.equity, risk.maintenance_margin), (97_499, 120_000));
    // Half the position may lose half of Q: at 470 ticks it loses 50,000 and the fee, at 475 half of that.
    desk.place(maker, 0, &bid(470, 5)).unwrap();
    let worse = desk.place(taker, 0, &ioc(ask(470, 5)));
    assert_eq!(worse, Err(EngineError::TradeWorsensRisk));
    let resting_bid = desk.place(taker, 0, &bid(400, 1));
    assert_eq!(resting_bid, Err(EngineError::BelowInitialMargin));
    desk.place(maker, 0, &bid(475, 5)).unwrap();
    assert_eq!(
        desk.place(taker, 0, &ioc(ask(475, 5))).unwrap().filled_lots,
        5
    );
}

#[test]
fn below_initial_margin_only_a_reduce_only_remainder_rests() {
    let (mut desk, _, taker) = distressed();
    let plain = desk.place(taker, 0, &ask(490, 5));
    assert_eq!(plain, Err(EngineError::TradeWorsensRisk));
    let placed = desk.place(taker, 0, &reduce_only(ask(490, 5))).unwrap();
    assert_eq!(placed.resting_lots, 5);
}

#[test]
fn a_reduce_only_remainder_is_tested_as_if_filled_at_its_limit() {
    let (mut desk, _, taker) = distressed();
    let far = desk.place(taker, 0, &reduce_only(ask(470, 5)));
    assert_eq!(far, Err(EngineError::TradeWorsensRisk));
    desk.place(taker, 0, &reduce_only(ask(475, 5))).unwrap();
}

#[test]
fn a_remainder_is_not_counted_both_as_filled_and_as_resting() {
    let (mut desk, _, taker) = distressed();
    let placed = desk.place(taker, 0, &reduce_only(ask(475, 10)));
    assert_eq!(placed.unwrap().resting_lots, 10);
}

#[test]
fn a_reducing_trade_may_not_widen_what_older_orders_could_open() {
    let mut desk = Desk::new(1);
    let (maker, taker) = (desk.join(1, RICH), desk.join(2, 600_000));
    desk.trade(taker, maker, 0, 500, 10);
    desk.place(taker, 0, &ask(520, 20)).unwrap();
    desk.mark(0, 460);
    assert!(!desk.risk(taker).meets_initial());
    // Ten of the twenty asks would flip it; after a sale of five, fifteen would.
    desk.place(maker, 0, &bid(460, 5)).unwrap();
    let request = with(TimeInForce::ImmediateOrCancel, ask(460, 5));
    let widened = desk.place(taker, 0, &request);
    assert_eq!(widened, Err(EngineError::BelowInitialMargin));
}

#[test]
fn on_credit_every_trade_follows_the_reducing_rule() {
    // Equity is ample without the credit; the rule holds because D is drawn.
    let mut desk = Desk::new(1);
    let (maker, taker) = (desk.join(1, RICH), desk.join(2, RICH));
    desk.trade(taker, maker, 0, 500, 10);
    desk.accounts[taker].credit_principal = 1;
    assert!(desk.risk(taker).meets_initial());
    let adding = desk.place(taker, 0, &bid(500, 1));
    assert_eq!(adding, Err(EngineError::BelowInitialMargin));
    let resting = desk.place(taker, 0, &ask(510, 1));
    assert_eq!(resting, Err(EngineError::TradeWorsensRisk));
    desk.place(maker, 0, &bid(500, 3)).unwrap();
    assert_eq!(desk.place(taker, 0, &ask(500, 3)).unwrap().filled_lots, 3);
}

#[test]
fn margin_counts_the_legs_in_other_markets() {
    let mut desk = Desk::new(2);
    let (maker, taker) = (desk.join(1, RICH), desk.join(2, 499_999 + 2_500));
    desk.trade(taker, maker, 1, 500, 10);
    let placed = desk.place(taker, 0, &bid(500, 10));
    assert_eq!(placed, Err(EngineError::BelowInitialMargin));
    crate::cash::deposit(&mut desk.accounts[taker], 1).unwrap();
    assert!(desk.place(taker, 0, &bid(500, 10)).is_ok());
}
