//! Reduce-only orders and seats of earlier epochs in an auction.

use super::*;
use crate::epochs;
use crate::state::{SIDE_LONG, SIDE_SHORT};
use crate::units::PriceQ32;

fn reduce(request: OrderRequest) -> OrderRequest {
    OrderRequest {
        reduce_only: true,
        ..request
    }
}

/// Four accounts of which the first is long ten lots against the fourth, in a call.
fn long_ten() -> Desk {
    let mut desk = pit_with(&halting(), 4);
    desk.trade(0, 3, 0, MARK, 10);
    trip(&mut desk);
    desk
}

#[test]
fn several_reduce_only_orders_of_a_seat_sell_its_position_once() {
    let mut desk = long_ten();
    let orders: Vec<Placed> = [(500, 6), (499, 3), (500, 6), (500, 6)]
        .iter()
        .map(|(ticks, lots)| desk.place(0, 0, &reduce(ask(*ticks, *lots))).unwrap())
        .collect();
    desk.place(1, 0, &bid(500, 100)).unwrap();
    // 3 of the better one, 6 of the oldest, 1 of the next, none of the last.
    assert_eq!(indicative_of(&desk), Some((500, 10)));
    let auction = uncross(&mut desk);
    let lots: Vec<u64> = orders.iter().map(|p| auction.lots_of(p)).collect();
    assert_eq!(lots, vec![6, 3, 1, 0]);
    assert_eq!(desk.lots(0, 0), 0);
}

#[test]
fn a_reduce_only_order_gets_what_the_seats_better_orders_leave() {
    let mut desk = long_ten();
    let plain = desk.place(0, 0, &ask(499, 7)).unwrap();
    let reducing = desk.place(0, 0, &reduce(ask(500, 10))).unwrap();
    desk.place(1, 0, &bid(500, 100)).unwrap();
    assert_eq!(indicative_of(&desk), Some((500, 10)));
    let auction = uncross(&mut desk);
    assert_eq!(
        (auction.lots_of(&plain), auction.lots_of(&reducing)),
        (7, 3)
    );
    assert_eq!(desk.lots(0, 0), 0);
    assert_eq!(desk.seat(0, 0).orders, 0, "the clipped rest is gone");
}

#[test]
fn an_expired_better_order_leaves_the_position_to_the_next() {
    let mut desk = long_ten();
    let soon = OrderRequest {
        expires_at: desk.env.now + 3,
        ..ask(499, 7)
    };
    desk.place(0, 0, &soon).unwrap();
    let reducing = desk.place(0, 0, &reduce(ask(500, 10))).unwrap();
    desk.place(1, 0, &bid(500, 100)).unwrap();
    assert_eq!(uncross(&mut desk).lots_of(&reducing), 10);
}

#[test]
fn a_reduce_only_order_without_a_position_moves_no_price_and_leaves_the_book() {
    let mut desk = pit_with(&halting(), 4);
    desk.trade(0, 3, 0, MARK, 10);
    // It rests far away, and the position is closed before the halt.
    let dead = desk.place(0, 0, &reduce(ask(505, 10))).unwrap();
    desk.trade(3, 0, 0, MARK, 10);
    trip(&mut desk);
    desk.place(1, 0, &bid(510, 4)).unwrap();
    assert_eq!(indicative_of(&desk), None);
    desk.place(2, 0, &ask(508, 4)).unwrap();
    assert_eq!(indicative_of(&desk), Some((508, 4)));
    let auction = uncross(&mut desk);
    assert_eq!((auction.lots_of(&dead), auction.filled_lots), (0, 4));
    assert_eq!((desk.lots(0, 0), desk.seat(0, 0).orders), (0, 0));
}

#[test]
fn a_reduce_only_order_on_the_side_of_its_position_takes_no_part() {
    let mut desk = pit_with(&halting(), 4);
    desk.trade(0, 3, 0, MARK, 10);
    desk.place(0, 0, &reduce(ask(505, 10))).unwrap();
    desk.trade(3, 0, 0, MARK, 15);
    assert_eq!(desk.lots(0, 0), -5);
    trip(&mut desk);
    desk.place(1, 0, &bid(510, 4)).unwrap();
    assert_eq!(indicative_of(&desk), None);
    uncross(&mut desk);
    assert_eq!(desk.lots(0, 0), -5);
}

#[test]
fn a_short_buys_back_no_more_than_it_owes() {
    let mut desk = long_ten();
    let orders: Vec<Placed> = [(500, 10), (501, 10)]
        .iter()
        .map(|(ticks, lots)| desk.place(3, 0, &reduce(bid(*ticks, *lots))).unwrap())
        .collect();
    desk.place(1, 0, &ask(500, 100)).unwrap();
    let auction = uncross(&mut desk);
    let lots: Vec<u64> = orders.iter().map(|p| auction.lots_of(p)).collect();
    assert_eq!((lots, desk.lots(3, 0)), (vec![0, 10], 0));
}

#[test]
fn a_reduce_only_order_filled_in_part_reduces_by_the_rest_in_the_next_call() {
    let mut desk = long_ten();
    let reducing = desk.place(0, 0, &reduce(ask(500, 10))).unwrap();
    for ticks in 500..508 {
        desk.place(1, 0, &bid(ticks, 1)).unwrap();
    }
    desk.place(2, 0, &bid(500, 90)).unwrap();
    end_call(&mut desk);
    let auction = run(&mut desk, 2);
    assert_eq!(auction.lots_of(&reducing), 10);
    assert_eq!(desk.lots(0, 0), 0);
}

fn end_epochs(desk: &mut Desk, side: u8, times: usize) {
    let env = desk.env;
    let mark = PriceQ32(desk.markets[0].header.prices.mark);
    for _ in 0..times {
        epochs::end(&mut desk.markets[0].get(), side, mark, &env).unwrap();
    }
}

#[test]
fn seats_a_few_epochs_behind_trade_and_catch_up() {
    let mut desk = long_ten();
    let reducing = desk.place(0, 0, &reduce(ask(500, 10))).unwrap();
    let plain = desk.place(3, 0, &bid(500, 4)).unwrap();
    desk.place(1, 0, &bid(500, 100)).unwrap();
    end_epochs(&mut desk, SIDE_LONG, 5);
    end_epochs(&mut desk, SIDE_SHORT, 5);
    assert_eq!(indicative_of(&desk), Some((500, 10)));
    let auction = uncross(&mut desk);
    assert_eq!(
        (auction.lots_of(&reducing), auction.lots_of(&plain)),
        (10, 4)
    );
    assert_eq!((desk.lots(0, 0), desk.lots(3, 0)), (0, -6));
    audit(&desk);
}

#[test]
fn a_seat_too_many_epochs_behind_takes_no_part_and_blocks_nobody() {
    for reduce_only in [false, true] {
        let mut desk = long_ten();
        let request = OrderRequest {
            reduce_only,
            ..ask(490, 10)
        };
        let behind = desk.place(0, 0, &request).unwrap();
        desk.place(1, 0, &bid(510, 4)).unwrap();
        desk.place(2, 0, &ask(500, 4)).unwrap();
        end_epochs(&mut desk, SIDE_LONG, 6);
        assert_eq!(indicative_of(&desk), Some((500, 4)));
        let auction = uncross(&mut desk);
        assert_eq!((auction.lots_of(&behind), auction.filled_lots), (0, 4));
        assert_eq!(desk.seat(0, 0).orders, 0);
        audit(&desk);
    }
}
