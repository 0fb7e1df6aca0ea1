//! Attack 11: bending the auction by late cancels, own orders on both sides, and dust at the price.

use super::*;
use crate::place;
use crate::seats::tests::address_of;

#[test]
fn a_last_second_cancel_finds_the_book_frozen() {
    let mut desk = calling(2);
    desk.place(0, 0, &bid(510, 50)).unwrap();
    desk.place(1, 0, &ask(490, 5)).unwrap();
    for (second, admitted) in [(3, true), (4, false), (5, false), (14, false)] {
        let mut desk = desk.clone();
        desk.env.now += second;
        desk.env.slot += 20;
        let env = desk.env;
        let outcome = halt::admit_book_change(&mut desk.markets[0].header, &env);
        assert_eq!(outcome.is_ok(), admitted, "second {second}");
    }
}

#[test]
fn a_change_in_the_last_second_of_the_call_puts_the_auction_off() {
    let mut desk = calling(2);
    desk.place(1, 0, &ask(490, 5)).unwrap();
    desk.env.now += 3;
    desk.env.slot += 7;
    let last = desk.env.slot;
    desk.place(0, 0, &bid(510, 50)).unwrap();
    // A leader that holds the clock back a second gains nothing: slots pass as well.
    desk.env.now += 2;
    desk.env.slot = last + 2;
    let mut auction = Auction::default();
    assert_eq!(step(&mut desk, 128, &mut auction), Advanced::default());
    desk.env.slot = last + 3;
    assert!(step(&mut desk, 128, &mut auction).fixed.is_some());
}

#[test]
fn nobody_rests_on_both_sides_of_a_price() {
    for (first, second) in [
        (bid(500, 5), ask(500, 5)),
        (bid(505, 5), ask(500, 5)),
        (ask(500, 5), bid(500, 5)),
        (ask(495, 5), bid(500, 5)),
    ] {
        let mut desk = calling(1);
        desk.place(0, 0, &first).unwrap();
        let refused = Err(EngineError::OwnOrdersWouldCross);
        assert_eq!(desk.place(0, 0, &second), refused);
    }
    let mut desk = calling(1);
    desk.place(0, 0, &bid(500, 5)).unwrap();
    assert!(desk.place(0, 0, &ask(501, 5)).is_ok());
}

#[test]
fn an_own_order_behind_the_others_is_found_too() {
    let mut desk = calling(2);
    desk.place(1, 0, &ask(480, 5)).unwrap();
    for ticks in [520, 499, 510] {
        desk.place(0, 0, &ask(ticks, 5)).unwrap();
    }
    let refused = Err(EngineError::OwnOrdersWouldCross);
    assert_eq!(desk.place(0, 0, &bid(499, 5)), refused);
    assert!(desk.place(0, 0, &bid(498, 5)).is_ok());
}

#[test]
fn an_order_that_was_cancelled_no_longer_counts_as_own() {
    let mut desk = calling(1);
    let near = desk.place(0, 0, &ask(499, 5)).unwrap();
    desk.place(0, 0, &ask(520, 5)).unwrap();
    let seat = desk.seat_index(0, 0);
    let mut market = desk.markets[0].get();
    place::cancel(&mut market, seat, &address_of(0), near.order, near.sequence).unwrap();
    assert!(desk.place(0, 0, &bid(500, 5)).is_ok());
}

#[test]
fn a_lot_of_dust_moves_the_price_no_further_than_the_rule() {
    // Balanced from 495 to 505. A lot tips the balance, and the price moves within [495, 505] only.
    let mut desk = calling(3);
    desk.place(0, 0, &bid(505, 1_000)).unwrap();
    desk.place(1, 0, &ask(495, 1_000)).unwrap();
    assert_eq!(indicative_of(&desk), Some((500, 1_000)));
    let mut high = desk.clone();
    high.place(2, 0, &bid(900, 1)).unwrap();
    assert_eq!(indicative_of(&high), Some((505, 1_000)));
    let mut low = desk.clone();
    low.place(2, 0, &ask(1, 1)).unwrap();
    assert_eq!(indicative_of(&low), Some((495, 1_000)));
    // Dust at the very price changes nothing of it.
    desk.place(2, 0, &bid(500, 1)).unwrap();
    assert_eq!(indicative_of(&desk), Some((501, 1_000)));
}

#[test]
fn the_order_in_which_orders_arrive_does_not_move_the_price() {
    let orders = [
        (0, bid(505, 3)),
        (1, bid(501, 4)),
        (2, ask(498, 5)),
        (3, ask(502, 2)),
        (4, bid(499, 9)),
    ];
    let price_of = |order: &[usize]| {
        let mut desk = calling(5);
        for at in order {
            let (account, request) = orders[*at];
            desk.place(account, 0, &request).unwrap();
        }
        uncross(&mut desk).fixed.map(|f| (f.price, f.lots))
    };
    let price = price_of(&[0, 1, 2, 3, 4]);
    assert!(price.is_some());
    for order in [[4, 3, 2, 1, 0], [2, 0, 4, 1, 3], [1, 4, 0, 3, 2]] {
        assert_eq!(price_of(&order), price);
    }
}
