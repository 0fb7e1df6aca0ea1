//! `place_order`: how long an order lives, what it may do on arrival, and whom it does not trade with.

use plimsoll_testkit::events::OrderPlaced;
use plimsoll_testkit::{ask, bid, OrderExt};

use super::place_order::{world, AVAX};

#[test]
fn immediate_or_cancel_cancels_the_remainder() {
    let mut world = world(&["ann", "bob"]);
    world.place("ann", AVAX, ask(20_000, 4)).unwrap();
    let placed = world
        .place("bob", AVAX, bid(20_000, 9).ioc())
        .unwrap()
        .event::<OrderPlaced>();
    assert_eq!(
        (placed.filled_lots, placed.cancelled_lots, placed.order),
        (4, 5, 0)
    );
    assert_eq!(world.seat("bob", AVAX).orders, 0);
}

#[test]
fn fill_or_kill_fills_whole_across_several_makers() {
    let mut world = world(&["ann", "bob", "cat"]);
    world.place("ann", AVAX, bid(20_000, 4)).unwrap();
    world.place("bob", AVAX, bid(19_990, 5)).unwrap();
    let placed = world
        .place("cat", AVAX, ask(19_990, 9).fok())
        .unwrap()
        .event::<OrderPlaced>();
    assert_eq!(placed.filled_lots, 9);
    assert_eq!(world.holding("cat", AVAX).base, -9_000_000);
}

#[test]
fn post_only_slide_rests_one_tick_behind_the_best_opposite_order() {
    let mut world = world(&["ann", "bob"]);
    world.place("ann", AVAX, ask(20_000, 4)).unwrap();
    let slid = world
        .place("bob", AVAX, bid(20_500, 3).slide())
        .unwrap()
        .event::<OrderPlaced>();
    assert_eq!(
        (slid.price, slid.resting_lots, slid.filled_lots),
        (19_999, 3, 0)
    );
    let free = world
        .place("bob", AVAX, bid(19_000, 3).slide())
        .unwrap()
        .event::<OrderPlaced>();
    assert_eq!(
        free.price, 19_000,
        "one that crosses nothing stays where it was asked for"
    );
}

#[test]
fn expired_order_is_no_counterparty_and_leaves_the_book_when_met() {
    let mut world = world(&["ann", "bob"]);
    let soon = world.now() + 5;
    world
        .place("ann", AVAX, ask(20_000, 4).expires_at(soon))
        .unwrap();
    world.place("ann", AVAX, ask(20_005, 6)).unwrap();
    world.advance_fresh(5);
    let placed = world
        .place("bob", AVAX, bid(20_010, 5).ioc())
        .unwrap()
        .event::<OrderPlaced>();
    assert_eq!(placed.fills.len(), 1);
    assert_eq!((placed.fills[0].price, placed.fills[0].lots), (20_005, 5));
    assert_eq!(
        world.seat("ann", AVAX).ask_lots,
        1,
        "the expired four are gone"
    );
    world.assert_sound();
}

#[test]
fn order_fills_until_the_second_in_which_it_expires() {
    let mut world = world(&["ann", "bob"]);
    let soon = world.now() + 5;
    world
        .place("ann", AVAX, ask(20_000, 4).expires_at(soon))
        .unwrap();
    world.advance_fresh(4);
    let placed = world.place("bob", AVAX, bid(20_000, 1).ioc()).unwrap();
    assert_eq!(placed.event::<OrderPlaced>().filled_lots, 1);
}

#[test]
fn reduce_only_order_is_clipped_to_the_position() {
    let mut world = world(&["ann", "bob"]);
    world.place("ann", AVAX, ask(20_000, 10)).unwrap();
    world.place("bob", AVAX, bid(20_000, 10)).unwrap();
    world.place("ann", AVAX, bid(19_990, 30)).unwrap();
    let placed = world
        .place("bob", AVAX, ask(19_990, 25).reduce_only())
        .unwrap()
        .event::<OrderPlaced>();
    assert_eq!((placed.filled_lots, placed.resting_lots), (10, 0));
    assert_eq!(world.holding("bob", AVAX).base, 0);
    assert_eq!(world.holding("ann", AVAX).base, 0);
    assert_eq!(world.market(AVAX).header.open_interest(), 0);
}

#[test]
fn resting_reduce_only_order_is_clipped_at_the_fill_and_removed_with_nothing_to_reduce() {
    let mut world = world(&["ann", "bob", "cat"]);
    world.place("ann", AVAX, ask(20_000, 10)).unwrap();
    world.place("bob", AVAX, bid(20_000, 10)).unwrap();
    // Two orders that could sell the ten lots twice over.
    world
        .place("bob", AVAX, ask(20_050, 8).reduce_only())
        .unwrap();
    world
        .place("bob", AVAX, ask(20_060, 8).reduce_only())
        .unwrap();
    let placed = world
        .place("cat", AVAX, bid(20_100, 30).ioc())
        .unwrap()
        .event::<OrderPlaced>();
    let fills: Vec<_> = placed
        .fills
        .iter()
        .map(|fill| (fill.price, fill.lots))
        .collect();
    assert_eq!(fills, [(20_050, 8), (20_060, 2)]);
    assert_eq!(world.holding("bob", AVAX).base, 0);
    assert_eq!(world.seat("bob", AVAX).orders, 0);
    world.assert_sound();
}

#[test]
fn self_trade_cancels_the_taker_by_default() {
    let mut world = world(&["ann"]);
    world.place("ann", AVAX, ask(20_000, 10)).unwrap();
    let placed = world
        .place("ann", AVAX, bid(20_000, 4))
        .unwrap()
        .event::<OrderPlaced>();
    assert_eq!(
        (
            placed.filled_lots,
            placed.cancelled_lots,
            placed.resting_lots
        ),
        (0, 4, 0)
    );
    assert_eq!(world.seat("ann", AVAX).ask_lots, 10);
}

#[test]
fn self_trade_may_cancel_the_maker() {
    let mut world = world(&["ann", "bob"]);
    world.place("ann", AVAX, ask(20_000, 10)).unwrap();
    world.place("bob", AVAX, ask(20_005, 3)).unwrap();
    let placed = world
        .place("ann", AVAX, bid(20_010, 4).cancel_maker())
        .unwrap()
        .event::<OrderPlaced>();
    assert_eq!((placed.filled_lots, placed.resting_lots), (3, 1));
    let seat = world.seat("ann", AVAX);
    assert_eq!((seat.ask_lots, seat.bid_lots, seat.orders), (0, 1, 1));
    world.assert_sound();
}

#[test]
fn self_trade_may_decrement_both_without_a_print_or_a_fee() {
    let mut world = world(&["ann"]);
    world.place("ann", AVAX, ask(20_000, 10)).unwrap();
    let placed = world
        .place("ann", AVAX, bid(20_000, 4).decrement())
        .unwrap()
        .event::<OrderPlaced>();
    assert_eq!(
        (placed.filled_lots, placed.taker_fee, placed.resting_lots),
        (0, 0, 0)
    );
    assert!(placed.fills.is_empty());
    let header = world.market(AVAX).header;
    assert_eq!((header.prices.last_trade, header.cash.fees_total), (0, 0));
    assert_eq!(world.seat("ann", AVAX).ask_lots, 6);
    world.assert_sound();
}
