//! Orders that leave the book without trading: each is named in the event of what took it off.

use plimsoll_testkit::events::{MarkRefreshed, OrderPlaced, RemovalRecord};
use plimsoll_testkit::{ask, bid, OrderExt, World};

const AVAX: &str = "AVAX";

fn world() -> World {
    let mut world = World::trading(&[AVAX]);
    world.trader("ann", 1_000_000_000, &[AVAX]);
    world.trader("bob", 1_000_000_000, &[AVAX]);
    world
}

#[test]
fn an_order_that_expired_is_named_by_the_order_that_met_it() {
    let mut world = world();
    let expires_at = world.now() + 1;
    let old = world
        .place("ann", AVAX, ask(20_010, 3).expires_at(expires_at))
        .unwrap();
    let live = world
        .place("ann", AVAX, ask(20_011, 5))
        .unwrap()
        .event::<OrderPlaced>();
    world.advance(2);
    let placed = world
        .place("bob", AVAX, bid(20_011, 4))
        .unwrap()
        .event::<OrderPlaced>();
    let sequence = old.event::<OrderPlaced>().sequence;
    assert_eq!(
        placed.removals,
        vec![RemovalRecord {
            sequence,
            lots: 3,
            reason: 1
        }]
    );
    assert_eq!(placed.fills.len(), 1);
    assert_eq!(
        (placed.fills[0].maker_sequence, placed.fills[0].lots),
        (live.sequence, 4)
    );
}

#[test]
fn a_refresh_takes_expired_orders_off_the_front_and_names_them() {
    let mut world = world();
    let expires_at = world.now() + 1;
    let old = world
        .place("ann", AVAX, bid(19_990, 3).expires_at(expires_at))
        .unwrap();
    let behind = world
        .place("ann", AVAX, bid(19_980, 5))
        .unwrap()
        .event::<OrderPlaced>();
    world.advance(2);
    world.publish(AVAX, 20_000);
    let refreshed = world.refresh(AVAX).unwrap().event::<MarkRefreshed>();
    assert_eq!(
        refreshed.expired_orders,
        vec![old.event::<OrderPlaced>().sequence]
    );
    let best = world.market(AVAX).header.bids.best;
    assert_eq!(best, behind.order, "the live quote behind it shows");
}
