//! The night of the farmer. It has sold next week's harvest of AVAX forward at a fixed price and holds
//! the coins it will deliver as a long here: a fall costs it cash tonight, and what it gains on the
//! forward sale is paid in the morning, at delivery. A short hedge would be called in a rise alike.

use plimsoll_engine::credit::line::LineTerms;
use plimsoll_engine::risk::AccountRisk;
use plimsoll_testkit::events::{CreditDrawn, Liquidated};
use plimsoll_testkit::{ask, bid, MarketSpec, OrderExt, World};

pub const AVAX: &str = "AVAX";
pub const FARMER: &str = "farmer";

/// Quote atoms: junior and ordinary cash of the vault, the farmer's deposit and its line's limit.
pub const JUNIOR: u64 = 20_000_000;
pub const ORDINARY: u64 = 80_000_000;
pub const DEPOSIT: u64 = 27_000_000;
pub const LIMIT: u64 = 8_500_000;

/// Lots of the hedge, bought at 20,000 ticks for 200,000,000 quote atoms.
pub const HEDGE: u64 = 1_000;
/// Most lots that one call of a liquidation closes.
pub const SLICE: u64 = 100;
/// Ticks: 12% and 17% under the start, and where own equity alone does not meet maintenance any more.
pub const DEEP: u64 = 17_600;
pub const DEEPER: u64 = 16_600;
pub const CALLED: u64 = 18_280;

const STEP_TICKS: u64 = 40;
const STEP_SECONDS: i64 = 10;
const RICH: u64 = 100_000_000_000;

/// The farmer, hedged, on its own cash alone; "bob" is short, "cat" makes the market.
pub fn hedged() -> World {
    let mut world = World::new();
    let spec = MarketSpec::preset(AVAX).with(|params| params.slice_lots_max = SLICE);
    world.open_market(&spec);
    world.trader(FARMER, DEPOSIT, &[AVAX]);
    world.trader("bob", RICH, &[AVAX]);
    world.trader("cat", RICH, &[AVAX]);
    world.keeper();
    world.place(FARMER, AVAX, bid(20_000, HEDGE)).unwrap();
    world.place("bob", AVAX, ask(20_000, HEDGE)).unwrap();
    world
}

/// The same with a line from "uma", whose vault also holds "provider"'s cash: committed, at 10% a year on
/// what is drawn and 1% on what is not; changed.
pub fn hedged_with_line(change: impl FnOnce(&mut LineTerms)) -> World {
    let mut world = hedged();
    let mut terms = world.terms(LIMIT, &[AVAX]);
    terms.drawn_rate_ppm = 100_000;
    terms.undrawn_rate_ppm = 10_000;
    change(&mut terms);
    world.lend("uma", FARMER, (JUNIOR, ORDINARY), terms);
    world
}

/// The index moves by a small step, the maker follows it.
pub fn step_to(world: &mut World, ticks: u64) {
    world.advance(STEP_SECONDS);
    world.publish(AVAX, ticks);
    world.refresh(AVAX).unwrap();
    world.cancel_all("cat", AVAX, 16).unwrap();
    let bid = bid(ticks - 10, 2 * HEDGE).post_only();
    world.place("cat", AVAX, bid).unwrap();
}

/// What the keeper's calls of one night did, in order.
#[derive(Default)]
pub struct Night {
    pub calls: Vec<Liquidated>,
}

impl Night {
    pub fn draws(&self) -> usize {
        self.calls.iter().filter(|call| call.drawn != 0).count()
    }

    pub fn drawn(&self) -> u64 {
        self.calls.iter().map(|call| call.drawn).sum()
    }

    pub fn closed_lots(&self) -> u64 {
        self.calls.iter().map(|call| call.filled_lots).sum()
    }
}

/// The price falls to `ticks` in small steps with a fresh mark at each; at every one the keeper looks once,
/// and calls `liquidate` if the account is below maintenance.
pub fn night(world: &mut World, ticks: u64) -> Night {
    let mut night = Night::default();
    while world.handle(AVAX).price_ticks > ticks {
        let next = world.handle(AVAX).price_ticks.saturating_sub(STEP_TICKS);
        step_to(world, next.max(ticks));
        if risk(world).meets_maintenance().unwrap() {
            continue;
        }
        let sent = world.liquidate(FARMER, AVAX).unwrap();
        let told = sent.events_of::<CreditDrawn>();
        let drawn: u64 = told.iter().map(|draw| draw.amount).sum();
        let calls = sent.events_of::<Liquidated>();
        assert_eq!(drawn, calls.iter().map(|call| call.drawn).sum::<u64>());
        night.calls.extend(calls);
        world.assert_sound();
    }
    night
}

/// The keeper calls until nothing is left to do; returns the lots that each call closed.
pub fn keep_calling(world: &mut World) -> Vec<u64> {
    let mut closed = Vec::new();
    while closed.len() < 30 {
        let Ok(sent) = world.liquidate(FARMER, AVAX) else {
            break;
        };
        closed.extend(
            sent.events_of::<Liquidated>()
                .iter()
                .map(|one| one.filled_lots),
        );
        let here = world.handle(AVAX).price_ticks;
        step_to(world, here);
    }
    closed
}

/// Risk of the farmer's account.
pub fn risk(world: &World) -> AccountRisk {
    world.view(FARMER).risk(world.now()).unwrap()
}

/// Lots that the farmer holds.
pub fn held(world: &World) -> u64 {
    let base = world.holding(FARMER, AVAX).base;
    u64::try_from(base).unwrap() / world.handle(AVAX).params.base_atoms_per_lot
}

/// Custody, markets and vault at once.
#[track_caller]
pub fn assert_sound(world: &World) {
    world.assert_sound();
    world.assert_vault_exact("uma");
}
