//! Scenes that the tests of halts and auctions share: markets that halt, and ways through a halt's course.

use plimsoll_engine::halt;
use plimsoll_engine::params::MarketParams;
use plimsoll_engine::state::{HaltPhase, HaltState};
use plimsoll_testkit::{events, MarketSpec, Sent, World};

pub use super::losses_scenes::{
    equity, leave_with, liquidated, standing, torn_up, trade, wealth, AVAX, RICH, TWIN, USDC,
};

/// Lots from which on a print may trip the markets of these scenes.
pub const VOLUME: u64 = 1_000;
/// Seconds of a whole course in which nobody calls: call, auction, resolve.
pub const COURSE: i64 = 5 + 10 + 2;
/// Every phase of a halt, in order.
pub const PHASES: [HaltPhase; 4] = [
    HaltPhase::Call,
    HaltPhase::Freeze,
    HaltPhase::Uncross,
    HaltPhase::Resolve,
];

/// A market that halts, with a small smallest volume.
pub fn halting(symbol: &str) -> MarketSpec {
    MarketSpec::preset(symbol)
        .halting()
        .with(|params| params.trip_volume_lots_min = VOLUME)
}

/// A world with one market of these parameters: "ann", "bob", "cat" and "dora" are rich and flat.
pub fn world_with(change: impl FnOnce(&mut MarketParams)) -> World {
    let mut world = World::new();
    world.open_market(&halting(AVAX).with(change));
    for name in ["ann", "bob", "cat", "dora"] {
        world.trader(name, RICH, &[AVAX]);
    }
    world.keeper();
    world
}

/// The same with the parameters that markets have by default.
pub fn halting_world() -> World {
    world_with(|_| ())
}

/// The state of a market's halt.
pub fn state(world: &World, symbol: &str) -> HaltState {
    world.market(symbol).header.halt
}

/// The phase that the clock has reached.
pub fn phase(world: &World, symbol: &str) -> HaltPhase {
    halt::phase(&world.market(symbol).header, world.now())
}

/// The index moves to `ticks` one second later, which trips the market.
pub fn trip_index(world: &mut World, symbol: &str, ticks: u64) -> events::HaltStarted {
    world.advance(1);
    world.publish(symbol, ticks);
    let sent = world.refresh(symbol).unwrap();
    let [started] = &sent.events_of::<events::HaltStarted>()[..] else {
        panic!("it did not trip: {:?}", sent.events);
    };
    assert!(started.halted, "its budget was spent");
    started.clone()
}

/// Time passes until a phase has begun. The auction is over by its time, RESOLVE entered with nobody calling.
pub fn wait_for(world: &mut World, symbol: &str, wanted: HaltPhase) {
    for _ in 0..60 {
        if phase(world, symbol) == wanted {
            return;
        }
        world.advance(1);
    }
    panic!("{symbol} did not come to {wanted:?}");
}

/// Calls `advance_halt` until nothing is left to do in this second.
pub fn uncross(world: &mut World, symbol: &str, steps: u16) -> Vec<Sent> {
    let mut calls = Vec::new();
    while phase(world, symbol) == HaltPhase::Uncross {
        assert!(calls.len() < 2_000, "the auction of {symbol} does not end");
        calls.push(world.advance_halt(symbol, steps).unwrap());
        world.assert_sound();
    }
    calls
}

/// Waits for the auction and runs it.
pub fn auction(world: &mut World, symbol: &str) -> Vec<Sent> {
    wait_for(world, symbol, HaltPhase::Uncross);
    uncross(world, symbol, 128)
}

/// The price that an auction's calls fixed, and the lots that trade at it.
pub fn fixed(calls: &[Sent]) -> Option<(u64, u64)> {
    let all: Vec<events::AuctionPriceFixed> = calls.iter().flat_map(Sent::events_of).collect();
    assert!(all.len() < 2, "a price is fixed once: {all:?}");
    all.first().map(|fixed| (fixed.price, fixed.lots))
}

/// All fills of an auction's calls.
pub fn fills(calls: &[Sent]) -> Vec<events::AuctionFillRecord> {
    let filled = calls.iter().flat_map(Sent::events_of);
    filled
        .flat_map(|event: events::AuctionFilled| event.fills)
        .collect()
}

/// Lets the halt run out and trades on, the index fresh at what it was.
pub fn reopen(world: &mut World, symbol: &str) {
    wait_for(world, symbol, HaltPhase::Continuous);
    world.keep_fresh();
    assert_eq!(state(world, symbol).phase, HaltPhase::Continuous.byte());
}

/// The world in every phase of a halt: AVAX at 21,200 and fresh, an auction in which nothing crosses.
pub fn in_every_phase(world: &World) -> Vec<(HaltPhase, World)> {
    PHASES
        .iter()
        .map(|wanted| {
            let mut world = world.clone();
            trip_index(&mut world, AVAX, 21_200);
            if *wanted == HaltPhase::Resolve {
                auction(&mut world, AVAX);
            }
            wait_for(&mut world, AVAX, *wanted);
            (*wanted, world)
        })
        .collect()
}
