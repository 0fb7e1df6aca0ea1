//! The uniform-price auction of a halt (spec §7, §13 "Uncross"): its price, its fills, and how it is cranked.

use plimsoll_engine::state::{HaltPhase, OrderSide};
use plimsoll_testkit::{ask, bid, events, EngineError, OrderArgs, OrderExt, Sent, World};

use super::halts_scenes::*;

/// (trader, order) that come in the call, in their order.
type Book = Vec<(&'static str, OrderArgs)>;

/// A halted market with these orders in its call and the index at `index`.
fn called(index: u64, book: &Book) -> World {
    let mut world = halting_world();
    trip_index(&mut world, AVAX, index);
    for (who, order) in book {
        let sent = world.place(*who, AVAX, *order).unwrap();
        assert_eq!(sent.event::<events::OrderPlaced>().filled_lots, 0, "a call");
    }
    world.assert_sound();
    world
}

/// The price that spec §13 asks for, by trying every tick: most lots, least left over.
fn expected(index: u64, book: &Book) -> Option<(u64, u64)> {
    let of = |side: u8| move |(_, order): &&(&str, OrderArgs)| order.side == side;
    let demand = |price: u64| -> i128 {
        let orders = book.iter().filter(of(0));
        orders
            .filter(|(_, order)| order.price >= price)
            .map(|(_, order)| i128::from(order.lots))
            .sum()
    };
    let supply = |price: u64| -> i128 {
        let orders = book.iter().filter(of(1));
        orders
            .filter(|(_, order)| order.price <= price)
            .map(|(_, order)| i128::from(order.lots))
            .sum()
    };
    let prices = book.iter().map(|(_, order)| order.price);
    let range = prices.clone().min()?..=prices.max()?;
    let volume = |price: u64| demand(price).min(supply(price));
    let most = range.clone().map(volume).max()?;
    if most == 0 {
        return None;
    }
    let best: Vec<u64> = range.filter(|price| volume(*price) == most).collect();
    let over = |price: u64| demand(price) - supply(price);
    let least = best.iter().map(|price| over(*price).abs()).min()?;
    let least: Vec<u64> = best
        .into_iter()
        .filter(|price| over(*price).abs() == least)
        .collect();
    // Too much demand: its highest price. Too much supply: its lowest. Both or neither: next to the reference.
    let (low, high) = (*least.first()?, *least.last()?);
    let price = match (over(low).signum(), over(high).signum()) {
        (1, 1) => high,
        (-1, -1) => low,
        (1, -1) => {
            let falls = least.iter().rfind(|price| over(**price) > 0)?;
            index.clamp(*falls, falls + 1)
        }
        _ => index.clamp(low, high),
    };
    Some((price, u64::try_from(most).ok()?))
}

/// Traders' base atoms.
fn bases(world: &World) -> Vec<i64> {
    let names = ["ann", "bob", "cat", "dora"];
    names
        .iter()
        .map(|who| world.holding(*who, AVAX).base)
        .collect()
}

/// Runs the auction of a book and checks it against the rule; returns its price and lots.
#[track_caller]
fn check(index: u64, book: &Book) -> Option<(u64, u64)> {
    let mut world = called(index, book);
    let price = expected(index, book);
    let calls = auction(&mut world, AVAX);
    assert_eq!(fixed(&calls), price);
    let (price, lots) = price?;
    let header = world.market(AVAX).header;
    assert_eq!(header.halt.auction_price, price);
    assert_eq!(header.prices.last_trade_ticks, price);
    let all = fills(&calls);
    for side in [OrderSide::Bid, OrderSide::Ask] {
        let got = all.iter().filter(|fill| fill.side == side.byte());
        assert_eq!(got.map(|fill| fill.lots).sum::<u64>(), lots, "both sides");
    }
    for fill in &all {
        // Everybody pays the maker's fee, at the one price.
        assert_eq!(fill.fee, (fill.lots * price * 10).div_ceil(10_000));
    }
    Some((price, lots))
}

#[test]
fn the_price_trades_the_most_and_leaves_the_least() {
    let index = 21_200;
    // Asks are left over at the last price of theirs; bids at theirs.
    let asks: Book = vec![
        ("ann", bid(21_300, 100)),
        ("dora", bid(21_250, 50)),
        ("bob", ask(21_100, 60)),
        ("cat", ask(21_200, 100)),
    ];
    assert_eq!(check(index, &asks), Some((21_200, 150)));
    let bids: Book = vec![
        ("ann", bid(21_300, 100)),
        ("dora", bid(21_250, 90)),
        ("bob", ask(21_100, 60)),
        ("cat", ask(21_200, 100)),
    ];
    assert_eq!(check(index, &bids), Some((21_250, 160)));
    // Nothing is left over between two prices: the index, or the one that is nearer to it.
    for (index, price) in [(21_230, 21_230), (21_290, 21_250), (21_190, 21_200)] {
        let even: Book = vec![
            ("ann", bid(21_300, 100)),
            ("dora", bid(21_250, 60)),
            ("bob", ask(21_100, 60)),
            ("cat", ask(21_200, 100)),
        ];
        assert_eq!(check(index, &even), Some((price, 160)));
    }
    // One tick apart, demand left on the lower and supply on the higher.
    for (left, price) in [((9, 5), 21_201), ((5, 9), 21_200), ((7, 7), 21_200)] {
        let sign: Book = vec![
            ("ann", bid(21_300, 100)),
            ("dora", bid(21_200, left.0)),
            ("bob", ask(21_100, 100)),
            ("cat", ask(21_201, left.1)),
        ];
        assert_eq!(check(21_150, &sign), Some((price, 100)));
    }
    let apart: Book = vec![("ann", bid(21_199, 9)), ("bob", ask(21_200, 9))];
    assert_eq!(check(index, &apart), None);
}

/// Thirty books of six orders a side within a dozen ticks.
#[test]
fn the_price_is_the_one_of_the_rule_whatever_the_book() {
    let mut seed = 7_u64;
    let mut draw = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) % below
    };
    for _ in 0..30 {
        let mut book: Book = Vec::new();
        for (number, who) in ["ann", "bob"].into_iter().cycle().take(12).enumerate() {
            let (price, lots) = (21_200 + draw(12), 1 + draw(20));
            let order = if number % 2 == 0 {
                bid(price, lots)
            } else {
                ask(price, lots)
            };
            book.push((who, order));
        }
        let index = 21_200 + draw(12);
        check(index, &book);
    }
}

fn deep() -> Book {
    let mut book: Book = Vec::new();
    for number in 0..8 {
        book.push(("ann", bid(21_210 - number, 10 + number)));
        book.push(("bob", ask(21_195 + number, 7 + 2 * number)));
        book.push(("dora", bid(21_207 - number, 5)));
        book.push(("cat", ask(21_198 + number, 9)));
    }
    book
}

/// However many calls it takes, the price, the lots and the positions are the same; fees differ by an atom a call.
#[test]
fn calls_of_any_size_end_in_the_same_auction() {
    let world = called(21_200, &deep());
    let run = |steps: u16| {
        let mut world = world.clone();
        wait_for(&mut world, AVAX, HaltPhase::Uncross);
        let calls = uncross(&mut world, AVAX, steps);
        let quotes: Vec<i64> = ["ann", "bob", "cat", "dora"]
            .iter()
            .map(|who| world.holding(*who, AVAX).quote)
            .collect();
        (fixed(&calls), bases(&world), quotes, calls.len())
    };
    let whole = run(128);
    assert_eq!(whole.3, 1, "128 orders in one call");
    assert_eq!(whole.0, expected(21_200, &deep()));
    for steps in [0, 1, 2, 3, 7, u16::MAX] {
        let parts = run(steps);
        assert_eq!(
            (parts.0, &parts.1),
            (whole.0, &whole.1),
            "{steps} at a time"
        );
        let calls = i64::try_from(parts.3).unwrap();
        for (part, whole) in parts.2.iter().zip(&whole.2) {
            assert!((0..=calls).contains(&(whole - part)), "{part} {whole}");
        }
    }
}

/// Price before time: who came later at the marginal price gets nothing.
#[test]
fn fills_go_by_price_and_time() {
    let mut world = called(
        21_200,
        &vec![
            ("ann", bid(21_250, 10)),
            ("cat", bid(21_200, 30)),
            ("dora", bid(21_200, 30)),
            ("bob", ask(21_150, 35)),
        ],
    );
    let calls = auction(&mut world, AVAX);
    assert_eq!(fixed(&calls), Some((21_200, 35)));
    let lots = |who: &str| world.holding(who, AVAX).base / 1_000_000;
    assert_eq!(
        (lots("ann"), lots("cat"), lots("dora"), lots("bob")),
        (10, 25, 0, -35)
    );
    // Who is in the book with the rest stays there, and continuous trading goes on from it.
    let rests: Vec<u64> = world.market(AVAX).orders(OrderSide::Bid)[..]
        .iter()
        .map(|(_, order)| order.lots)
        .collect();
    assert_eq!(rests, [5, 30]);
    reopen(&mut world, AVAX);
    world.place("bob", AVAX, ask(21_200, 35).ioc()).unwrap();
    assert_eq!(world.holding("dora", AVAX).base, 30_000_000);
    world.assert_sound();
}

#[test]
fn an_auction_in_which_nothing_crosses_prints_nothing_and_ends_at_once() {
    let mut world = called(
        21_200,
        &vec![("ann", bid(21_000, 10)), ("bob", ask(21_300, 10))],
    );
    let before = world.market(AVAX).header;
    let calls = auction(&mut world, AVAX);
    assert_eq!(calls.len(), 1);
    let ended: events::AuctionEnded = calls[0].event();
    assert_eq!(ended.reopens_at, world.now() + 2);
    let after = world.market(AVAX).header;
    assert_eq!(after.halt.auction_price, 0);
    assert_eq!(after.prices.last_trade, before.prices.last_trade);
    assert_eq!(phase(&world, AVAX), HaltPhase::Resolve);
}

/// The events of an auction tell all of it: the price once, every fill, how much is left, the end.
#[test]
fn the_events_of_an_auction_tell_all_of_it() {
    let mut world = called(21_200, &deep());
    wait_for(&mut world, AVAX, HaltPhase::Uncross);
    let calls = uncross(&mut world, AVAX, 9);
    let (price, lots) = fixed(&calls).unwrap();
    let filled: Vec<events::AuctionFilled> = calls.iter().flat_map(Sent::events_of).collect();
    let mut left = lots;
    for event in &filled {
        let bought = event.fills.iter().filter(|fill| fill.side == 0);
        left -= bought.map(|fill| fill.lots).sum::<u64>();
        assert_eq!(
            (event.price, event.lots_left, event.sequence),
            (price, left, 1)
        );
    }
    assert_eq!(left, 0);
    let ended: Vec<events::AuctionEnded> = calls.iter().flat_map(Sent::events_of).collect();
    assert_eq!(ended.len(), 1);
    let reference: Vec<events::AuctionPriceFixed> =
        calls.iter().flat_map(Sent::events_of).collect();
    assert_eq!(
        reference[0].reference,
        world.market(AVAX).header.prices.index
    );
}

/// What ten seconds of calls did not fill stays on the book at its limits, crossed, and the market goes on.
#[test]
fn an_auction_that_runs_out_of_time_leaves_the_rest_at_its_limits() {
    let mut world = called(21_200, &deep());
    wait_for(&mut world, AVAX, HaltPhase::Uncross);
    while fills(&[world.advance_halt(AVAX, 20).unwrap()]).is_empty() {}
    world.assert_sound();
    let left = state(&world, AVAX).walk.lots;
    assert!(left != 0);
    wait_for(&mut world, AVAX, HaltPhase::Resolve);
    assert!(world.advance_halt(AVAX, 128).unwrap().events.is_empty());
    reopen(&mut world, AVAX);
    assert_eq!(state(&world, AVAX).walk.lots, 0);
    world.assert_sound();
    // A crossed book trades with whoever comes: at the resting price, and nobody pays more than its limit.
    let sold = world.place("bob", AVAX, ask(21_200, 1).ioc()).unwrap();
    assert_eq!(sold.event::<events::OrderPlaced>().filled_lots, 1);
    world.assert_sound();
}

#[test]
fn an_order_that_expires_before_the_end_of_the_call_takes_no_part() {
    let mut world = halting_world();
    trip_index(&mut world, AVAX, 21_200);
    let ends = state(&world, AVAX).call_ends_at;
    world
        .place("ann", AVAX, bid(21_300, 10).expires_at(ends))
        .unwrap();
    world
        .place("cat", AVAX, bid(21_250, 10).expires_at(ends + 1))
        .unwrap();
    world.place("bob", AVAX, ask(21_200, 20)).unwrap();
    assert_eq!(fixed(&auction(&mut world, AVAX)), Some((21_200, 10)));
    assert_eq!(world.holding("ann", AVAX).base, 0);
    assert_eq!(world.holding("cat", AVAX).base, 10_000_000);
}

/// The younger of two orders goes when the pair would bring open interest over the cap.
#[test]
fn an_auction_does_not_bring_open_interest_over_its_cap() {
    let mut world = world_with(|params| {
        params.open_interest_max = 100_000_000;
        params.open_interest_low = 50_000_000;
        params.open_interest_high = 200_000_000;
    });
    trade(&mut world, AVAX, "bob", "ann", 20_000, 80);
    trip_index(&mut world, AVAX, 21_200);
    // Ann sells what she has to Dora: that adds nothing. Cat and Bob would add thirty.
    world.place("ann", AVAX, ask(21_200, 40)).unwrap();
    world.place("dora", AVAX, bid(21_200, 40)).unwrap();
    world.place("cat", AVAX, bid(21_200, 30)).unwrap();
    world.place("bob", AVAX, ask(21_200, 30)).unwrap();
    auction(&mut world, AVAX);
    let open = world.market(AVAX).header.open_interest();
    assert!(open <= 100_000_000, "{open}");
    assert_eq!(world.holding("dora", AVAX).base, 40_000_000);
    assert_eq!(world.holding("cat", AVAX).base, 0);
    world.assert_sound();
}

/// In a call the orders of one seat may not cross, whichever comes first, and what takes is refused.
#[test]
fn a_call_admits_what_rests_and_crosses_nobody_with_itself() {
    let mut world = called(21_200, &vec![("ann", bid(21_300, 10))]);
    for order in [ask(21_300, 5), ask(21_200, 5), ask(21_250, 5)] {
        world.assert_rejected(EngineError::OwnOrdersWouldCross, |world| {
            world.place("ann", AVAX, order)
        });
    }
    world.place("ann", AVAX, ask(21_301, 5)).unwrap();
    world.assert_rejected(EngineError::OwnOrdersWouldCross, |world| {
        world.place("ann", AVAX, bid(21_301, 5))
    });
    for order in [bid(21_400, 5).ioc(), bid(21_400, 5).fok()] {
        world.assert_rejected(EngineError::MarketHalted, |world| {
            world.place("bob", AVAX, order)
        });
    }
    // Post-only orders keep what they promise.
    world.assert_rejected(EngineError::PostOnlyWouldCross, |world| {
        world.place("bob", AVAX, ask(21_300, 5).post_only())
    });
    let slid = world.place("bob", AVAX, ask(21_300, 5).slide()).unwrap();
    assert_eq!(slid.event::<events::OrderPlaced>().price, 21_301);
    world.assert_sound();
}
