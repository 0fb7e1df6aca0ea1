//! Scenes of halts and auctions.

use plimsoll_testkit::events::{AuctionFilled, AuctionJoined, HaltStarted, OrderPlaced};
use plimsoll_testkit::{ask, bid, MarketSpec, OrderExt, World};

use super::scenes::CASH;
use super::Report;

const MARKET: &str = "AVAX";
/// Seats on each side of the auction, and orders of each.
const SEATS: usize = 4;
const ORDERS: u64 = 64;
/// Steps of one call.
const STEPS: u16 = 128;

pub(super) fn measure(report: &mut Report) {
    let mut world = World::new();
    world.open_market(&MarketSpec::preset(MARKET).halting().blocks(8_192));
    world.trader("one", CASH, &[MARKET]);
    world.trader("other", CASH, &[MARKET]);
    trip_by_place(&mut world.clone(), report);
    world.deep_book(MARKET, 1_000, 500, 5);
    poor(&mut world);
    let price = world.handle(MARKET).price_ticks;
    world.advance(1);
    let fallen = price * 935 / 1_000;
    world.publish(MARKET, fallen);
    let tripped = world.refresh(MARKET).unwrap();
    assert_eq!(tripped.events_of::<HaltStarted>().len(), 1);
    report.add("trip", &[tripped.units]);
    let samples: Vec<u64> = (1..=16)
        .map(|number| {
            let order = bid(fallen - 700 - number * 37 % 500, 5);
            world.place("one", MARKET, order).unwrap().units
        })
        .collect();
    report.add("place_in_call", &samples);
    let joined = world.join_auction("poor", MARKET).unwrap();
    assert_ne!(joined.event::<AuctionJoined>().lots, 0);
    report.add("join_auction", &[joined.units]);
    auction(&mut world, fallen, report);
}

/// A bid that would print through the band on a volume that counts.
fn trip_by_place(world: &mut World, report: &mut Report) {
    let price = world.handle(MARKET).price_ticks * 106 / 100;
    world.place("other", MARKET, ask(price, 300_000)).unwrap();
    let sent = world.place("one", MARKET, bid(price, 300_000)).unwrap();
    assert_eq!(sent.events_of::<HaltStarted>().len(), 1);
    report.add("trip_by_place", &[sent.units]);
}

/// Somebody whose long is below maintenance after a fall by six and a half per cent.
fn poor(world: &mut World) {
    let price = world.handle(MARKET).price_ticks;
    world.trader("poor", price * 1_130, &[MARKET]);
    world.place("other", MARKET, ask(price, 1_000)).unwrap();
    let sent = world.place("poor", MARKET, bid(price, 1_000)).unwrap();
    assert_eq!(sent.event::<OrderPlaced>().filled_lots, 1_000);
}

/// 512 orders that all trade, one for one, in calls of the largest size.
fn auction(world: &mut World, middle: u64, report: &mut Report) {
    for side in 0..2 {
        for seat in 0..SEATS {
            let name = format!("cross-{side}-{seat}");
            world.create_margin_account(&name).unwrap();
            world.deposit(&name, CASH).unwrap();
            world.claim_seat(&name, MARKET, 64).unwrap();
            for batch in 0..ORDERS / 16 {
                let orders: Vec<_> = (0..16)
                    .map(|number| {
                        let away = 1 + (batch * 16 + number) * 7 % 64;
                        if side == 0 {
                            bid(middle + 2_000 - away, 5)
                        } else {
                            ask(middle - 2_000 + away, 5)
                        }
                    })
                    .map(|order| order.client_id(1))
                    .collect();
                world.place_many(&name, MARKET, &orders).unwrap();
            }
        }
    }
    world.advance(5);
    let (mut calls, mut orders) = (Vec::new(), 0);
    loop {
        let sent = world.advance_halt(MARKET, STEPS).unwrap();
        let filled = sent.events_of::<AuctionFilled>();
        orders += filled.iter().map(|event| event.fills.len()).sum::<usize>();
        calls.push(sent.units);
        if world.market(MARKET).header.halt.resolve_ends_at != 0 {
            break;
        }
    }
    let all: u64 = calls.iter().sum();
    let orders = u64::try_from(orders).unwrap();
    assert!(orders >= 512, "{orders} orders traded");
    report.add("advance_halt_128", &calls[..calls.len() - 1]);
    report.add("uncross_per_order", &[all / orders]);
}
