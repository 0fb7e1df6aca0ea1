//! The world of the credit tests: an underwriter "uma" with a vault, a provider, and "ann", whose long can
//! be brought into need.

use plimsoll_engine::credit::line::LineTerms;
use plimsoll_engine::risk::AccountRisk;
use plimsoll_testkit::events::RedemptionPaid;
use plimsoll_testkit::{ask, bid, OrderExt, World, REDEMPTION_NOTICE};

pub const AVAX: &str = "AVAX";
pub const BTC: &str = "BTC";

/// Quote atoms: junior and ordinary cash of the vault, the line's limit, ann's and bob's deposits.
pub const JUNIOR: u64 = 20_000_000;
pub const ORDINARY: u64 = 80_000_000;
pub const LIMIT: u64 = 15_000_000;
pub const ANNS: u64 = 40_000_000;
pub const BOBS: u64 = 1_000_000_000;

/// A price, ticks, at which ann is under the trigger of a draw and over maintenance margin, and one at which
/// she is under maintenance margin.
pub const TRIGGERED: u64 = 16_950;
pub const BELOW: u64 = 16_900;

/// Traders and markets, without a vault.
pub fn traders() -> World {
    let mut world = World::trading(&[AVAX, BTC]);
    world.trader("ann", ANNS, &[AVAX]);
    world.trader("bob", BOBS, &[AVAX]);
    for name in ["uma", "provider", "keeper", "mallory"] {
        world.fund_wallet(name);
    }
    world
}

/// The same with uma's vault: 20 of junior and 80 of ordinary cash.
pub fn vault() -> World {
    let mut world = traders();
    world.open_vault("uma").unwrap();
    world.buy_junior("uma", JUNIOR).unwrap();
    world.buy_shares("uma", "provider", ORDINARY).unwrap();
    world
}

/// The same with an active line of ann's under the standard terms, changed, and her position: long 1,000
/// lots of AVAX at 20,000, a notional of 200,000,000.
pub fn lending(change: impl FnOnce(&mut LineTerms)) -> World {
    let mut world = traders();
    let mut terms = world.terms(LIMIT, &[AVAX]);
    change(&mut terms);
    world.lend("uma", "ann", (JUNIOR, ORDINARY), terms);
    world.place("ann", AVAX, bid(20_000, 1_000)).unwrap();
    world.place("bob", AVAX, ask(20_000, 1_000)).unwrap();
    world
}

/// The same, drawn at [`TRIGGERED`].
pub fn drawn(change: impl FnOnce(&mut LineTerms)) -> World {
    let mut world = lending(change);
    world.move_index(AVAX, TRIGGERED);
    world.draw("uma", "ann").unwrap();
    world
}

/// Drawn, and closed at the mark after a further fall: a position no more, and a claim of less than zero.
pub fn closed(change: impl FnOnce(&mut LineTerms)) -> World {
    let mut world = drawn(change);
    world.move_index(AVAX, 15_900);
    world.place("bob", AVAX, bid(15_900, 1_000)).unwrap();
    let close = ask(15_900, 1_000).reduce_only().ioc();
    world.place("ann", AVAX, close).unwrap();
    assert_eq!(world.holding("ann", AVAX).base, 0);
    world
}

/// The same, settled: ann has less cash than she owes.
pub fn lost(change: impl FnOnce(&mut LineTerms)) -> World {
    let mut world = closed(change);
    world.settle("ann", &[AVAX]).unwrap();
    world
}

/// Risk of an actor's account.
pub fn risk(world: &World, name: &str) -> AccountRisk {
    world.view(name).risk(world.now()).unwrap()
}

/// ⌈1.15 M⌉.
pub fn target(risk: &AccountRisk) -> i64 {
    i64::try_from((risk.maintenance_margin * 115).div_ceil(100)).unwrap()
}

/// Custody, markets and vault at once.
#[track_caller]
pub fn assert_sound(world: &World) {
    world.assert_sound();
    world.assert_vault_exact("uma");
}

/// Everything `name` holds leaves through the queue; returns the quote atoms paid.
pub fn leave(world: &mut World, name: &str) -> u64 {
    let shares = world.stake("uma", name).shares;
    world.request_redemption("uma", name, shares).unwrap();
    world.advance_fresh(i64::from(REDEMPTION_NOTICE));
    let paid = world.pay_redemption("uma", name).unwrap();
    paid.event::<RedemptionPaid>().amount
}
