//! The scenes in which operations are measured. Each builds what it needs by real transactions.

use plimsoll_testkit::events::{OrderPlaced, SeatClaimed};
use plimsoll_testkit::{ask, bid, Actor, MarketSpec, OrderArgs, OrderExt, World};
use solana_instruction::AccountMeta;

use super::{halts, losses, Report};

/// Orders on each side of the book.
const ORDERS: usize = 1_000;
/// Prices over which they are spread on each side.
const LEVELS: u64 = 500;
/// Lots of each.
const LOTS: u64 = 5;
/// Blocks of a market: one mebibyte.
const BLOCKS: u32 = 8_192;
/// Prices at which placing is measured, on both sides of the book together.
const PRICES: u64 = 200;
/// Order slots of a seat that has them all.
pub(super) const ORDERS_A_SEAT: u8 = 64;
/// Deposit of every trader, quote atoms.
pub(super) const CASH: u64 = 1_000_000_000_000;
/// How far the books stand above their indices, ticks.
pub(super) const PREMIUM: u64 = 4;
/// Markets of the account with eight positions; orders are placed in the first.
pub(super) const MARKETS: [&str; 8] = [
    "AVAX", "BTC", "ETH", "SOL", "AVAX-2", "BTC-2", "ETH-2", "SOL-2",
];

/// Measures everything.
pub fn measure_all() -> Report {
    let mut report = Report::default();
    let mut world = build();
    losses::measure(&world, &mut report);
    deposits(&mut world, &mut report);
    orders(
        &mut world,
        "one",
        &mut report,
        ["place", "cancel", "place_without_resting"],
    );
    report.add(
        "place_book_part",
        &[report.mean("place") - report.mean("place_without_resting")],
    );
    orders(
        &mut world,
        "eight",
        &mut report,
        [
            "place_8_positions",
            "cancel_8_positions",
            "take_nothing_8_positions",
        ],
    );
    account_entry(&mut world, &mut report);
    let legs = report.mean("place_8_positions") - report.mean("place");
    report.add(
        "margin_check_per_position",
        &[legs / 7 - report.mean("account_entry")],
    );
    fills(&mut world, &mut report);
    refreshes(&mut world, &mut report);
    cash(&mut world, &mut report);
    halts::measure(&mut report);
    report
}

/// Price about which the first market's book lies, ticks.
fn middle(world: &World) -> u64 {
    world.handle(MARKETS[0]).price_ticks + PREMIUM
}

/// Eight markets, the first with a deep book, and traders with one and with eight positions. Every book
/// stands above its index and funding runs, so that seats are behind their side's cash index, as they are
/// in a market that lives.
fn build() -> World {
    let mut world = World::new();
    for symbol in MARKETS {
        world.open_market(&MarketSpec::preset(symbol).blocks(BLOCKS));
    }
    world.trader("other", CASH, &MARKETS);
    world.trader("one", CASH, &MARKETS[..1]);
    world.trader("eight", CASH, &MARKETS);
    for symbol in MARKETS {
        world.keep_fresh();
        open_positions(&mut world, symbol);
    }
    world.keep_fresh();
    world.deep_book(MARKETS[0], ORDERS, LEVELS, LOTS);
    for symbol in MARKETS {
        let price = world.handle(symbol).price_ticks;
        world.publish(symbol, price - PREMIUM);
    }
    for _ in 0..3 {
        world.advance_fresh(10);
    }
    for who in ["one", "eight"] {
        let seat = world.seat(who, MARKETS[0]);
        let sides = world.market(MARKETS[0]).header.sides;
        assert_ne!(seat.cash_index, sides[0].cash_index, "funding runs");
    }
    world
}

/// "eight", and in the first market "one" too, buys 100 lots from "other", who then quotes about the price.
fn open_positions(world: &mut World, symbol: &str) {
    let price = world.handle(symbol).price_ticks;
    world.place("other", symbol, ask(price, 200)).unwrap();
    world.place("eight", symbol, bid(price, 100)).unwrap();
    if symbol == MARKETS[0] {
        world.place("one", symbol, bid(price, 100)).unwrap();
    } else {
        world.cancel_all("other", symbol, 1).unwrap();
    }
    world.place("other", symbol, bid(price - 1, 1)).unwrap();
    world.place("other", symbol, ask(price + 1, 1)).unwrap();
}

fn deposits(world: &mut World, report: &mut Report) {
    let samples: Vec<u64> = (1..=16)
        .map(|amount| world.deposit("one", amount * 1_000_007).unwrap().units)
        .collect();
    report.add("deposit", &samples);
}

/// Post-only orders at many prices, each cancelled by its hint, and the same orders as IOC that meet
/// nothing: the difference is what the book costs.
fn orders(world: &mut World, who: &str, report: &mut Report, names: [&'static str; 3]) {
    let middle = middle(world);
    let mut samples = [Vec::new(), Vec::new(), Vec::new()];
    for number in 0..PRICES {
        let distance = 1 + number * 37 % LEVELS;
        let order: OrderArgs = if number % 2 == 0 {
            bid(middle - distance, LOTS)
        } else {
            ask(middle + distance, LOTS)
        };
        let sent = world.place(who, MARKETS[0], order.post_only()).unwrap();
        let placed = sent.event::<OrderPlaced>();
        assert_eq!(placed.resting_lots, LOTS);
        let cancelled = world.cancel(who, MARKETS[0], placed.order, placed.sequence);
        let nothing = world.place(who, MARKETS[0], order.ioc()).unwrap();
        samples[0].push(sent.units);
        samples[1].push(cancelled.unwrap().units);
        samples[2].push(nothing.units);
    }
    for (name, samples) in names.into_iter().zip(samples) {
        report.add(name, &samples);
    }
}

/// What the runtime and Anchor charge for one more account that nothing reads.
fn account_entry(world: &mut World, report: &mut Report) {
    let mut units = [0, 0];
    for (more, units) in [0, 7].into_iter().zip(&mut units) {
        let middle = middle(world);
        let sent = world
            .place("one", MARKETS[0], bid(middle - 1, LOTS))
            .unwrap();
        let placed = sent.event::<OrderPlaced>();
        let mut cancel = world.cancel_ix("one", MARKETS[0], placed.order, placed.sequence);
        for symbol in &MARKETS[1..=more] {
            let address = world.market_address(symbol);
            cancel
                .accounts
                .push(AccountMeta::new_readonly(address, false));
        }
        *units = world.send(&[cancel], &["one".into()]).unwrap().units;
    }
    report.add("account_entry", &[(units[1] - units[0]) / 7]);
}

/// Purchases from 1, 2, ... makers of different accounts at one price; each further maker is a sample.
fn fills(world: &mut World, report: &mut Report) {
    const MAKERS: usize = 12;
    let symbol = MARKETS[0];
    let middle = middle(world);
    let makers: Vec<Actor> = (0..MAKERS)
        .map(|number| Actor::from(&format!("filled-{number}")))
        .collect();
    for maker in &makers {
        world.trader(*maker, CASH, &[symbol]);
        // A position, so that a fill changes one.
        world.place("other", symbol, bid(middle, LOTS)).unwrap();
        world.place(*maker, symbol, ask(middle, LOTS)).unwrap();
    }
    let take = |world: &mut World, count: usize, before: fn(&mut World)| -> u64 {
        for maker in &makers[..count] {
            world.place(*maker, symbol, ask(middle, LOTS)).unwrap();
        }
        before(world);
        let lots = LOTS * u64::try_from(count).unwrap();
        let sent = world.place("one", symbol, bid(middle, lots).ioc()).unwrap();
        assert_eq!(sent.event::<OrderPlaced>().fills.len(), count);
        sent.units
    };
    let each =
        |units: &[u64]| -> Vec<u64> { units.windows(2).map(|pair| pair[1] - pair[0]).collect() };
    let fresh: Vec<u64> = (1..=MAKERS)
        .map(|count| take(world, count, |_| {}))
        .collect();
    report.add("take_1", &fresh[..1]);
    report.add("take_12", &fresh[MAKERS - 1..]);
    report.add("extra_fill", &each(&fresh));
    let stale: Vec<u64> = (1..=MAKERS)
        .map(|count| take(world, count, |world| world.advance_fresh(10)))
        .collect();
    report.add("extra_fill_stale_maker", &each(&stale));
}

/// Refreshes of a market with a deep book, open interest and a premium, at a moving price.
fn refreshes(world: &mut World, report: &mut Report) {
    let symbol = MARKETS[0];
    let middle = middle(world);
    let samples: Vec<u64> = (0..32)
        .map(|number| {
            world.advance(1 + number % 3);
            world.publish(symbol, middle + number.unsigned_abs() * 7 % 40);
            world.refresh(symbol).unwrap().units
        })
        .collect();
    report.add("refresh_mark", &samples);
    world.keep_fresh();
}

/// Settling and withdrawing, of accounts with one and with eight positions.
fn cash(world: &mut World, report: &mut Report) {
    let samples = |world: &mut World, who: &str, symbols: &[&str]| -> Vec<u64> {
        (0..8)
            .map(|_| {
                world.advance_fresh(5);
                world.settle(who, symbols).unwrap().units
            })
            .collect()
    };
    let one = samples(world, "one", &MARKETS[..1]);
    report.add("settle", &one);
    let eight = samples(world, "eight", &MARKETS[..1]);
    report.add("settle_1_of_8", &eight);
    let four = samples(world, "eight", &MARKETS[..4]);
    report.add("settle_4_of_8", &four);
    for (name, who) in [("withdraw", "one"), ("withdraw_8_positions", "eight")] {
        let samples: Vec<u64> = (1..=8)
            .map(|amount| world.withdraw(who, amount * 1_000_003).unwrap().units)
            .collect();
        report.add(name, &samples);
    }
    world.trader("guest", CASH, &[]);
    let claimed = world.claim_seat("guest", MARKETS[0], 16).unwrap();
    assert_eq!(claimed.event::<SeatClaimed>().order_slots, 16);
    report.add("claim_seat", &[claimed.units]);
    report.add(
        "release_seat",
        &[world.release_seat("guest", MARKETS[0]).unwrap().units],
    );
    world.advance_fresh(3_600);
    report.add("sweep_fees", &[world.sweep_fees(MARKETS[0]).unwrap().units]);
}
