//! `place_order`: what rests, what fills, what is paid.

use plimsoll_engine::state::OrderSide;
use plimsoll_testkit::events::{FillRecord, OrderPlaced};
use plimsoll_testkit::{ask, bid, OrderExt, World};

pub const CASH: u64 = 1_000_000_000;
pub const AVAX: &str = "AVAX";
/// Quote atoms of a lot at 20,000 ticks.
const LOT: i64 = 200_000;

pub fn world(names: &[&str]) -> World {
    let mut world = World::trading(&[AVAX]);
    for name in names {
        world.trader(*name, CASH, &[AVAX]);
    }
    world
}

#[test]
fn limit_order_that_meets_nothing_rests_at_its_price() {
    let mut world = world(&["ann"]);
    let before = world.collateral("ann");
    let expires_at = world.now() + 60;
    let order = bid(19_990, 7).client_id(42).expires_at(expires_at);
    let placed = world
        .place("ann", AVAX, order)
        .unwrap()
        .event::<OrderPlaced>();
    let seat = world.seat_index("ann", AVAX);
    assert_eq!(
        placed,
        OrderPlaced {
            version: 1,
            market: world.market_address(AVAX),
            margin_account: world.margin_address("ann"),
            seat,
            side: 0,
            client_id: 42,
            order: placed.order,
            sequence: placed.sequence,
            price: 19_990,
            resting_lots: 7,
            cancelled_lots: 0,
            filled_lots: 0,
            filled_quote: 0,
            taker_fee: 0,
            fills: vec![],
            removals: vec![],
        }
    );
    let [(index, order)] = world.market(AVAX).orders(OrderSide::Bid)[..] else {
        panic!("one bid");
    };
    assert_eq!((index, order.sequence), (placed.order, placed.sequence));
    assert_eq!((order.price, order.lots, order.seat), (19_990, 7, seat));
    assert_eq!((order.client_id, order.expires_at), (42, expires_at));
    let held = world.seat("ann", AVAX);
    assert_eq!((held.orders, held.bid_lots, held.bid_high), (1, 7, 19_990));
    assert_eq!(world.collateral("ann"), before, "placing moves no cash");
    world.assert_sound();
}

#[test]
fn taker_fills_at_the_makers_price_and_both_pay_their_fee_out_of_their_claims() {
    let mut world = world(&["ann", "bob"]);
    let resting = world
        .place("ann", AVAX, ask(20_000, 30).client_id(1))
        .unwrap()
        .event::<OrderPlaced>();
    let placed = world
        .place("bob", AVAX, bid(20_100, 11).client_id(9))
        .unwrap()
        .event::<OrderPlaced>();
    let cash = 11 * LOT;
    assert_eq!(placed.filled_lots, 11);
    assert_eq!(placed.filled_quote, cash.unsigned_abs());
    // 500 and 100 ppm of 2,200,000.
    assert_eq!(placed.taker_fee, 1_100);
    assert_eq!(
        placed.fills,
        [FillRecord {
            maker_seat: world.seat_index("ann", AVAX),
            maker_sequence: resting.sequence,
            price: 20_000,
            lots: 11,
            maker_fee: 220,
        }]
    );
    assert_eq!((placed.resting_lots, placed.cancelled_lots), (0, 0));
    let (ann, bob) = (world.holding("ann", AVAX), world.holding("bob", AVAX));
    assert_eq!((ann.base, ann.quote), (-11_000_000, cash - 220));
    assert_eq!((bob.base, bob.quote), (11_000_000, -cash - 1_100));
    let header = world.market(AVAX).header;
    assert_eq!(header.cash.fees_accrued, 1_320);
    assert_eq!(
        header.cash.pool, 0,
        "fees are claims until they are settled"
    );
    assert_eq!(header.prices.last_trade_ticks, 20_000);
    assert_eq!(header.open_interest(), 11_000_000);
    assert_eq!(
        world.seat("ann", AVAX).ask_lots,
        19,
        "the rest goes on resting"
    );
    world.assert_sound();
}

#[test]
fn limit_order_fills_what_crosses_in_priority_and_rests_the_remainder() {
    let mut world = world(&["ann", "bob", "cat"]);
    world.place("ann", AVAX, ask(20_020, 5)).unwrap();
    world.place("bob", AVAX, ask(20_010, 3)).unwrap();
    world.place("ann", AVAX, ask(20_010, 2)).unwrap();
    world.place("bob", AVAX, ask(20_040, 4)).unwrap();
    let placed = world
        .place("cat", AVAX, bid(20_030, 15))
        .unwrap()
        .event::<OrderPlaced>();
    let fills: Vec<_> = placed
        .fills
        .iter()
        .map(|fill| (fill.maker_seat, fill.price, fill.lots))
        .collect();
    let (ann, bob) = (world.seat_index("ann", AVAX), world.seat_index("bob", AVAX));
    assert_eq!(
        fills,
        [(bob, 20_010, 3), (ann, 20_010, 2), (ann, 20_020, 5)],
        "by price, then by time"
    );
    assert_eq!(
        (placed.filled_lots, placed.resting_lots, placed.price),
        (10, 5, 20_030)
    );
    world.assert_sound();
}

#[test]
fn remainder_of_an_order_that_ran_out_of_steps_is_cancelled() {
    let mut world = world(&["ann", "bob"]);
    for lots in [2, 3, 4] {
        world.place("ann", AVAX, ask(20_000, lots)).unwrap();
    }
    let placed = world
        .place("bob", AVAX, bid(20_000, 9).steps(2))
        .unwrap()
        .event::<OrderPlaced>();
    assert_eq!(
        (
            placed.filled_lots,
            placed.cancelled_lots,
            placed.resting_lots
        ),
        (5, 4, 0)
    );
}

#[test]
fn order_touches_at_most_thirty_two_others() {
    let mut world = world(&["bob"]);
    for number in 0..3 {
        let name = format!("maker {number}");
        world.trader(&name, CASH, &[AVAX]);
        let orders = [ask(20_000, 1); 11];
        world.place_many(&name, AVAX, &orders).unwrap();
    }
    let placed = world
        .place("bob", AVAX, bid(20_000, 40).steps(u8::MAX))
        .unwrap()
        .event::<OrderPlaced>();
    assert_eq!((placed.fills.len(), placed.cancelled_lots), (32, 8));
    world.assert_sound();
}

#[test]
fn delegate_places_orders_for_the_owner() {
    let mut world = world(&["ann"]);
    world.set_delegate("ann", "dee").unwrap();
    let mut instruction = world.place_ix("ann", AVAX, bid(19_000, 2));
    instruction.accounts[0].pubkey = plimsoll_testkit::Actor::from("dee").key();
    world.send(&[instruction], &["dee".into()]).unwrap();
    assert_eq!(world.seat("ann", AVAX).bid_lots, 2);
}

#[test]
fn position_turns_from_long_to_short_in_one_order() {
    let mut world = world(&["ann", "bob"]);
    world.place("ann", AVAX, ask(20_000, 6)).unwrap();
    world.place("bob", AVAX, bid(20_000, 6)).unwrap();
    world.place("ann", AVAX, bid(20_000, 10)).unwrap();
    world.place("bob", AVAX, ask(20_000, 10)).unwrap();
    assert_eq!(world.holding("bob", AVAX).base, -4_000_000);
    assert_eq!(world.holding("ann", AVAX).base, 4_000_000);
    world.assert_sound();
}
