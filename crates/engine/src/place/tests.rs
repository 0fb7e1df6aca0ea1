//! Order kinds, priority, expiry, cancelling.
#![allow(clippy::unwrap_used)]

use std::vec::Vec;

use super::*;
use crate::seats::tests::{address_of, ask, bid, Desk, NOW};
use crate::state::NIL;

mod limits;
mod margin;
mod reduce;

const RICH: u64 = 1 << 40;

/// Two rich strangers: the first makes, the second takes.
fn two() -> (Desk, usize, usize) {
    let mut desk = Desk::new(1);
    let (maker, taker) = (desk.join(1, RICH), desk.join(2, RICH));
    (desk, maker, taker)
}

fn with(time_in_force: TimeInForce, request: OrderRequest) -> OrderRequest {
    OrderRequest {
        time_in_force,
        ..request
    }
}

fn reduce_only(request: OrderRequest) -> OrderRequest {
    OrderRequest {
        reduce_only: true,
        ..request
    }
}

fn fills(desk: &Desk) -> Vec<(u64, u64)> {
    desk.plan.fills().map(|f| (f.price, f.lots)).collect()
}

/// (price, lots) of a side, best first.
fn book(desk: &Desk, side: OrderSide) -> Vec<(u64, u64)> {
    let market = &desk.markets[0];
    let mut found = Vec::new();
    let mut cursor = orders::tree_of(&market.header, side).best;
    while cursor != NIL {
        let order = arena::order(&market.blocks, cursor).unwrap();
        found.push((order.price, order.lots));
        cursor = order.next;
    }
    found
}

#[test]
fn a_limit_order_that_crosses_nothing_rests_whole() {
    let (mut desk, maker, _) = two();
    let request = OrderRequest {
        client_id: 77,
        expires_at: NOW + 9,
        ..bid(480, 3)
    };
    let placed = desk.place(maker, 0, &request).unwrap();
    assert_eq!((placed.resting_lots, placed.price), (3, 480));
    assert_eq!((placed.filled_lots, placed.cancelled_lots), (0, 0));
    assert_eq!(placed.sequence, desk.markets[0].header.sequence);
    let order = *arena::order(&desk.markets[0].blocks, placed.order).unwrap();
    assert_eq!(
        (order.price, order.lots, order.client_id, order.expires_at),
        (480, 3, 77, NOW + 9)
    );
    let seat = desk.seat(maker, 0);
    assert_eq!((seat.bid_lots, seat.bid_high, seat.orders), (3, 480, 1));
}

#[test]
fn fills_go_by_price_then_time_at_the_resting_orders_price() {
    let (mut desk, maker, taker) = two();
    for (price, lots) in [(503, 1), (501, 2), (502, 3), (501, 4)] {
        desk.place(maker, 0, &ask(price, lots)).unwrap();
    }
    let placed = desk.place(taker, 0, &bid(502, 8)).unwrap();
    assert_eq!(fills(&desk), [(501, 2), (501, 4), (502, 2)]);
    let cash = 1_000 * (501 * 6 + 502 * 2);
    assert_eq!((placed.filled_lots, placed.filled_quote), (8, cash));
    assert_eq!(placed.taker_fee, 2_005);
    assert_eq!(book(&desk, OrderSide::Ask), [(502, 1), (503, 1)]);
    assert_eq!((desk.lots(taker, 0), desk.lots(maker, 0)), (8, -8));
    let taker_quote = -(cash as i64) - 2_005;
    assert_eq!(desk.held(taker, 0).quote, taker_quote);
    // Maker fees by fill: 100.2, 200.4 and 100.4 atoms, each rounded up.
    let maker_quote = cash as i64 - 101 - 201 - 101;
    assert_eq!(desk.held(maker, 0).quote, maker_quote);
    assert_eq!(desk.markets[0].header.cash.fees_accrued, 2_005 + 403);
}

#[test]
fn the_remainder_of_a_partly_filled_limit_order_rests_at_its_limit() {
    let (mut desk, maker, taker) = two();
    desk.place(maker, 0, &bid(499, 2)).unwrap();
    let placed = desk.place(taker, 0, &ask(498, 5)).unwrap();
    assert_eq!(fills(&desk), [(499, 2)]);
    assert_eq!((placed.resting_lots, placed.price), (3, 498));
    assert_eq!(book(&desk, OrderSide::Ask), [(498, 3)]);
    assert!(book(&desk, OrderSide::Bid).is_empty());
}

#[test]
fn a_post_only_order_that_would_cross_is_rejected_and_one_that_touches_rests() {
    let (mut desk, maker, taker) = two();
    desk.place(maker, 0, &ask(505, 1)).unwrap();
    let crossing = desk.place(taker, 0, &with(TimeInForce::PostOnly, bid(505, 1)));
    assert_eq!(crossing, Err(EngineError::PostOnlyWouldCross));
    let resting = desk.place(taker, 0, &with(TimeInForce::PostOnly, bid(504, 1)));
    assert_eq!(resting.unwrap().resting_lots, 1);
}

#[test]
fn a_post_only_slide_rests_one_tick_behind_the_best_opposite_order() {
    let (mut desk, maker, taker) = two();
    desk.place(maker, 0, &ask(505, 1)).unwrap();
    desk.place(maker, 0, &bid(495, 1)).unwrap();
    let slid = desk.place(taker, 0, &with(TimeInForce::PostOnlySlide, bid(530, 4)));
    assert_eq!(slid.unwrap().price, 504);
    // The best bid is now that one.
    let slid = desk.place(maker, 0, &with(TimeInForce::PostOnlySlide, ask(470, 4)));
    assert_eq!(slid.unwrap().price, 505);
    assert_eq!(book(&desk, OrderSide::Bid), [(504, 4), (495, 1)]);
    assert_eq!(book(&desk, OrderSide::Ask), [(505, 1), (505, 4)]);
    assert_eq!(desk.seat(taker, 0).bid_high, 504);
}

#[test]
fn a_slide_without_a_tick_behind_is_out_of_range() {
    let (mut desk, maker, taker) = two();
    desk.place(maker, 0, &ask(1, 1)).unwrap();
    let slid = desk.place(taker, 0, &with(TimeInForce::PostOnlySlide, bid(3, 1)));
    assert_eq!(slid, Err(EngineError::PriceOutOfRange));
}

#[test]
fn an_immediate_or_cancel_order_never_rests() {
    let (mut desk, maker, taker) = two();
    desk.place(maker, 0, &ask(505, 2)).unwrap();
    let request = with(TimeInForce::ImmediateOrCancel, bid(505, 7));
    let placed = desk.place(taker, 0, &request).unwrap();
    assert_eq!((placed.filled_lots, placed.cancelled_lots), (2, 5));
    assert_eq!((placed.resting_lots, placed.sequence), (0, 0));
    assert_eq!(desk.seat(taker, 0).orders, 0);
}

#[test]
fn a_fill_or_kill_order_fills_whole_or_changes_nothing() {
    let (mut desk, maker, taker) = two();
    desk.place(maker, 0, &ask(505, 2)).unwrap();
    desk.place(maker, 0, &ask(506, 2)).unwrap();
    for (price, lots) in [(505, 3), (506, 5)] {
        let placed = desk.place(taker, 0, &with(TimeInForce::FillOrKill, bid(price, lots)));
        assert_eq!(placed, Err(EngineError::FillOrKillUnfilled));
    }
    let placed = desk.place(taker, 0, &with(TimeInForce::FillOrKill, bid(506, 4)));
    assert_eq!(placed.unwrap().filled_lots, 4);
}

#[test]
fn a_fill_or_kill_order_beyond_its_steps_is_rejected() {
    let (mut desk, maker, taker) = two();
    for _ in 0..3 {
        desk.place(maker, 0, &ask(505, 1)).unwrap();
    }
    let steps_max = 2;
    let request = with(TimeInForce::FillOrKill, bid(505, 3));
    let request = OrderRequest {
        steps_max,
        ..request
    };
    let placed = desk.place(taker, 0, &request);
    assert_eq!(placed, Err(EngineError::FillOrKillUnfilled));
}

#[test]
fn an_order_that_still_crosses_after_its_last_step_does_not_rest() {
    let (mut desk, maker, taker) = two();
    for _ in 0..3 {
        desk.place(maker, 0, &ask(505, 1)).unwrap();
    }
    let request = OrderRequest {
        steps_max: 2,
        ..bid(505, 9)
    };
    let placed = desk.place(taker, 0, &request).unwrap();
    assert_eq!(desk.plan.stop, StopReason::StepsExhausted);
    assert_eq!((placed.filled_lots, placed.cancelled_lots), (2, 7));
    assert_eq!(book(&desk, OrderSide::Ask), [(505, 1)]);
    assert!(book(&desk, OrderSide::Bid).is_empty());
    // With just the steps it needs, it rests.
    let request = OrderRequest {
        steps_max: 1,
        ..bid(505, 3)
    };
    let placed = desk.place(taker, 0, &request).unwrap();
    assert_eq!((placed.filled_lots, placed.resting_lots), (1, 2));
}

#[test]
fn no_order_takes_more_than_thirty_two_steps() {
    let mut desk = Desk::new(1);
    let makers: Vec<usize> = (1..=5).map(|owner| desk.join(owner, RICH)).collect();
    let taker = desk.join(9, RICH);
    for order in 0..40 {
        desk.place(makers[order / 8], 0, &ask(505, 1)).unwrap();
    }
    let request = OrderRequest {
        steps_max: 255,
        ..bid(505, 40)
    };
    let placed = desk.place(taker, 0, &request).unwrap();
    assert_eq!((placed.filled_lots, placed.resting_lots), (32, 0));
    assert_eq!(desk.plan.steps().len(), MATCH_STEPS_MAX);
}

#[test]
fn an_order_does_not_match_from_its_last_second_on_and_leaves_when_met() {
    let (mut desk, maker, taker) = two();
    let expiring = OrderRequest {
        expires_at: NOW + 10,
        ..ask(505, 4)
    };
    desk.place(maker, 0, &expiring).unwrap();
    desk.place(maker, 0, &ask(507, 1)).unwrap();
    desk.env.now = NOW + 9;
    desk.place(taker, 0, &bid(505, 1)).unwrap();
    assert_eq!(fills(&desk), [(505, 1)]);
    desk.env.now = NOW + 10;
    let placed = desk.place(taker, 0, &bid(506, 2)).unwrap();
    assert_eq!((placed.filled_lots, placed.resting_lots), (0, 2));
    assert_eq!(desk.plan.steps()[0].kind, StepKind::Expired);
    assert_eq!(book(&desk, OrderSide::Ask), [(507, 1)]);
    assert_eq!(
        (desk.seat(maker, 0).ask_lots, desk.seat(maker, 0).orders),
        (1, 1)
    );
}

#[test]
fn a_post_only_order_walks_over_expired_orders() {
    let (mut desk, maker, taker) = two();
    let expiring = OrderRequest {
        expires_at: NOW + 1,
        ..ask(505, 4)
    };
    desk.place(maker, 0, &expiring).unwrap();
    desk.env.now += 1;
    let placed = desk.place(taker, 0, &with(TimeInForce::PostOnly, bid(506, 2)));
    assert_eq!(placed.unwrap().resting_lots, 2);
    assert!(book(&desk, OrderSide::Ask).is_empty());
}

#[test]
fn an_expiry_that_is_not_in_the_future_is_rejected() {
    let (mut desk, maker, _) = two();
    for expires_at in [NOW, NOW - 1, 1, -1, i64::MIN] {
        let request = OrderRequest {
            expires_at,
            ..bid(480, 1)
        };
        let placed = desk.place(maker, 0, &request);
        assert_eq!(placed, Err(EngineError::ExpiryInThePast));
    }
}

#[test]
fn splitting_a_fill_into_lots_gains_nothing() {
    // 503 ticks: 251.5 and 50.3 atoms of fee a lot.
    let outcome = |orders: &[u64]| {
        let (mut desk, maker, taker) = two();
        for lots in orders {
            desk.trade(taker, maker, 0, 503, *lots);
        }
        (desk.held(taker, 0).quote, desk.held(maker, 0).quote)
    };
    let (whole_taker, whole_maker) = outcome(&[7]);
    assert_eq!(
        (whole_taker, whole_maker),
        (-3_521_000 - 1_761, 3_521_000 - 353)
    );
    for parts in [&[1, 1, 1, 1, 1, 1, 1][..], &[2, 5], &[6, 1], &[3, 3, 1]] {
        let (taker, maker) = outcome(parts);
        assert!(taker <= whole_taker && maker <= whole_maker, "{parts:?}");
    }
}

#[test]
fn a_cancel_needs_the_own_seat_and_the_right_sequence() {
    let (mut desk, maker, taker) = two();
    let placed = desk.place(maker, 0, &ask(505, 4)).unwrap();
    let (own, foreign) = (desk.seat_index(maker, 0), desk.seat_index(taker, 0));
    let owner = address_of(maker);
    let other = address_of(taker);
    let mut market = desk.markets[0].get();
    let cases = [
        (
            own,
            owner,
            placed.order,
            placed.sequence + 1,
            EngineError::WrongOrder,
        ),
        (own, owner, own, placed.sequence, EngineError::WrongOrder),
        (own, owner, 599, placed.sequence, EngineError::WrongOrder),
        (
            own,
            owner,
            u32::MAX,
            placed.sequence,
            EngineError::WrongOrder,
        ),
        (
            own,
            other,
            placed.order,
            placed.sequence,
            EngineError::WrongSeat,
        ),
        (
            foreign,
            other,
            placed.order,
            placed.sequence,
            EngineError::WrongOrder,
        ),
    ];
    for (seat, owner, order, sequence, error) in cases {
        let cancelled = cancel(&mut market, seat, &owner, order, sequence);
        assert_eq!(cancelled, Err(error));
    }
    let cancelled = cancel(&mut market, own, &owner, placed.order, placed.sequence).unwrap();
    assert_eq!((cancelled.lots, cancelled.price), (4, 505));
    assert!(book(&desk, OrderSide::Ask).is_empty());
}

#[test]
fn cancelling_by_client_id_takes_the_newest_and_all_stops_at_its_limit() {
    let (mut desk, maker, _) = two();
    for (price, client_id) in [(510, 4), (511, 5), (512, 5), (513, 6)] {
        let request = OrderRequest {
            client_id,
            ..ask(price, 2)
        };
        desk.place(maker, 0, &request).unwrap();
    }
    let (seat, owner) = (desk.seat_index(maker, 0), address_of(maker));
    let mut market = desk.markets[0].get();
    let cancelled = cancel_by_client_id(&mut market, seat, &owner, 5).unwrap();
    assert_eq!(cancelled.price, 512);
    let unknown = cancel_by_client_id(&mut market, seat, &owner, 9);
    assert_eq!(unknown, Err(EngineError::UnknownClientId));
    assert_eq!(
        cancel_all(&mut market, seat, &owner, Which::All, 2),
        Ok((2, 4))
    );
    assert_eq!(book(&desk, OrderSide::Ask), [(510, 2)]);
    let mut market = desk.markets[0].get();
    assert_eq!(
        cancel_all(&mut market, seat, &owner, Which::All, 9),
        Ok((1, 2))
    );
    assert_eq!(
        cancel_all(&mut market, seat, &owner, Which::All, 9),
        Ok((0, 0))
    );
}

#[test]
fn anyone_removes_an_order_once_expired_and_not_a_second_before() {
    let (mut desk, maker, _) = two();
    let request = OrderRequest {
        expires_at: NOW + 5,
        ..ask(505, 4)
    };
    let placed = desk.place(maker, 0, &request).unwrap();
    let at = |now| Env { now, slot: 1 };
    let mut market = desk.markets[0].get();
    let early = remove_expired(&mut market, placed.order, placed.sequence, &at(NOW + 4));
    assert_eq!(early, Err(EngineError::OrderNotExpired));
    let wrong = remove_expired(&mut market, placed.order, 0, &at(NOW + 5));
    assert_eq!(wrong, Err(EngineError::WrongOrder));
    let removed = remove_expired(&mut market, placed.order, placed.sequence, &at(NOW + 5));
    assert_eq!(removed.unwrap().lots, 4);
}

#[test]
fn the_top_of_the_book_leaves_expired_orders_out() {
    let (mut desk, maker, _) = two();
    desk.place(maker, 0, &ask(510, 1)).unwrap();
    let request = OrderRequest {
        expires_at: NOW + 5,
        ..ask(505, 4)
    };
    desk.place(maker, 0, &request).unwrap();
    let market = &mut desk.markets[0];
    let q32 = |ticks: u64| Some(((u128::from(ticks) << 32) / 1_000) as u64);
    let top = book_top(&market.get().as_ref(), NOW + 4).unwrap();
    assert_eq!((top.best_bid, top.best_ask), (None, q32(505)));
    let top = book_top(&market.get().as_ref(), NOW + 5).unwrap();
    assert_eq!(top.best_ask, q32(510));
}
