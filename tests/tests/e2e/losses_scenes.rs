//! Scenes that the attacks on liquidation and losses share.

use plimsoll_testkit::{ask, bid, events, World};

pub use super::attacks_stage_losses::leave_with;

pub const AVAX: &str = "AVAX";
/// A second market like the first.
pub const TWIN: &str = "AVAX-B";
/// One USDC, quote atoms.
pub const USDC: u64 = 1_000_000;
/// Cash of everybody who is rich.
pub const RICH: u64 = 1_000_000 * USDC;

/// `lots` change hands at `price`.
pub fn trade(world: &mut World, symbol: &str, seller: &str, buyer: &str, price: u64, lots: u64) {
    world.place(seller, symbol, ask(price, lots)).unwrap();
    let placed = world.place(buyer, symbol, bid(price, lots)).unwrap();
    let filled = placed.event::<events::OrderPlaced>().filled_lots;
    assert_eq!(filled, lots, "{buyer} buys from {seller} and nobody else");
}

/// Q and M of an account.
pub fn standing(world: &World, actor: &str) -> (i64, u64) {
    let risk = world.view(actor).risk(world.now()).unwrap();
    (risk.equity_with_credit().unwrap(), risk.maintenance_margin)
}

/// Q of an account.
pub fn equity(world: &World, actor: &str) -> i64 {
    standing(world, actor).0
}

/// Sum of several accounts' Q.
pub fn wealth(world: &World, actors: &[&str]) -> i64 {
    actors.iter().map(|actor| equity(world, actor)).sum()
}

/// Gives the default fund cash, through a shard that holds it: custody stays whole.
pub fn endow_fund(world: &mut World, balance: u64, keeper_pool: u64) {
    let shard = world.addresses.custody_shard(0);
    world.change_tokens(&shard, |tokens| tokens.amount += balance + keeper_pool);
    world.change_default_fund(|fund| {
        fund.balance += balance;
        fund.keeper_pool += keeper_pool;
    });
}

/// The `Liquidated` of a call that may have traded.
pub fn liquidated(sent: &plimsoll_testkit::Sent) -> events::Liquidated {
    let [done] = &sent.events_of::<events::Liquidated>()[..] else {
        panic!("{:?}", sent.events);
    };
    done.clone()
}

/// Ann is long `lots` at 20,000 ticks on `cash`; bob is short them, cat and dora are rich and flat.
pub fn long_with(cash: u64, lots: u64) -> World {
    let mut world = World::trading(&[AVAX]);
    for name in ["bob", "cat", "dora"] {
        world.trader(name, RICH, &[AVAX]);
    }
    world.trader("ann", cash, &[AVAX]);
    trade(&mut world, AVAX, "bob", "ann", 20_000, lots);
    world
}

/// `tear_up`, and its receipt.
pub fn torn_up(world: &mut World, actor: &str, symbol: &str) -> events::DeleveragingExecuted {
    let sent = world.tear_up(actor, symbol).unwrap();
    let [receipt] = &sent.events_of::<events::DeleveragingExecuted>()[..] else {
        panic!("{:?}", sent.events);
    };
    receipt.clone()
}
