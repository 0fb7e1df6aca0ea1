//! The world before the fall: markets at the tape's prices, and everybody with positions, cash and lines.

use plimsoll_localnet::prices::{CsvTape, PriceSource as _};
use plimsoll_testkit::{ask, bid, Actor, MarketSpec, World};

use crate::chain::BEFORE;
use crate::scenario::{Holders, Scenario};

/// A whole dollar in quote atoms.
pub const USD: u64 = 1_000_000;
/// The other side of every position at the start.
const HOUSE: &str = "house";
pub const SAVER: &str = "saver";
const UNDERWRITER: &str = "underwriter";

pub fn maker(number: u32) -> String {
    format!("maker-{number}")
}

/// A price of 10^-8 dollars in ticks of a market.
pub fn ticks(world: &World, symbol: &str, price_e8: i64) -> u64 {
    let params = &world.handle(symbol).params;
    let whole = 10_u64.pow(u32::from(params.base_decimals));
    let tick_e8 = params.quote_atoms_per_lot_tick * (whole / params.base_atoms_per_lot) * 100;
    price_e8.unsigned_abs() / tick_e8
}

/// Lots that are worth so many quote atoms at a price.
pub fn lots(world: &World, symbol: &str, atoms: u64, price: u64) -> u64 {
    let per_tick = world.handle(symbol).params.quote_atoms_per_lot_tick;
    (atoms / (per_tick * price)).max(1)
}

/// Recorded prices.
pub fn tape(name: &str) -> CsvTape {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../data");
    CsvTape::open(format!("{folder}/{name}")).expect("a tape")
}

/// The world as of `now`, chain time.
pub fn world(scenario: &Scenario, now: i64) -> World {
    let mut world = World::new();
    world.set_time(now - BEFORE);
    let mut symbols = Vec::new();
    for market in &scenario.markets {
        let mut tape = tape(&market.tape);
        let point = tape.next_until(scenario.tape_start()).pop();
        let price_e8 = point.expect("a price before the stretch").price_e8;
        let spec = MarketSpec::preset(&market.symbol).halting();
        world.create_market(&spec).expect("a market");
        let price = ticks(&world, &market.symbol, price_e8);
        world.publish(&market.symbol, price);
        world.refresh(&market.symbol).expect("a first index");
        symbols.push(market.symbol.as_str());
    }
    world.keeper();
    world.trader(SAVER, USD, &[]);
    world.trader(HOUSE, 20_000_000 * USD, &symbols);
    for number in 0..scenario.makers.count {
        let name = maker(number);
        world.trader(&name, scenario.makers.cash * USD, &symbols);
    }
    for group in &scenario.holders {
        for number in 0..group.count {
            enter(&mut world, group, number);
        }
    }
    lend(&mut world, scenario);
    for group in &scenario.holders {
        for number in 0..group.count {
            open(&mut world, group, number);
        }
    }
    world
}

/// Account, cash and seat.
fn enter(world: &mut World, group: &Holders, number: u32) {
    let name = group.name_of(number);
    let margin = group.notional * USD * 10 / group.leverage_of(number);
    world.trader(&name, margin, &[]);
    let seat = world.claim_seat(&name, &group.market, 1);
    seat.expect("a seat");
}

/// One vault, and a line for everybody whose group has one.
fn lend(world: &mut World, scenario: &Scenario) {
    let with_line = || scenario.holders.iter().filter(|group| group.line != 0);
    let total: u64 = with_line()
        .map(|group| group.line * u64::from(group.count))
        .sum();
    if total == 0 {
        return;
    }
    world.open_vault(UNDERWRITER).expect("a vault");
    let junior = world.buy_junior(UNDERWRITER, total * USD);
    junior.expect("a junior share");
    let ordinary = world.buy_shares(UNDERWRITER, "provider", 4 * total * USD);
    ordinary.expect("a share");
    let all = || with_line().flat_map(|group| (0..group.count).map(move |at| (group, at)));
    for (group, at) in all() {
        let (name, terms) = (
            group.name_of(at),
            world.terms(group.line * USD, &[&group.market]),
        );
        let offered = world.offer_line(UNDERWRITER, &name, terms);
        offered.expect("an offer");
        let accepted = world.accept_line(UNDERWRITER, &name, terms);
        accepted.expect("accepted");
    }
    world.advance_fresh(i64::from(plimsoll_testkit::REDEMPTION_NOTICE));
    for (group, at) in all() {
        let active = world.activate_line(UNDERWRITER, &group.name_of(at));
        active.expect("active");
    }
}

/// The position, against the house.
fn open(world: &mut World, group: &Holders, number: u32) {
    let symbol = group.market.as_str();
    let price = world.handle(symbol).price_ticks;
    let lots = lots(world, symbol, group.notional * USD, price);
    let (offered, taken) = if group.short {
        (bid(price, lots), ask(price, lots))
    } else {
        (ask(price, lots), bid(price, lots))
    };
    world.place(HOUSE, symbol, offered).expect("an offer");
    let name = group.name_of(number);
    world
        .place(Actor::from(&name), symbol, taken)
        .expect("a position");
}
