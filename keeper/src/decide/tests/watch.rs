//! The watch beside a full scan, on random worlds of the real bytecode: after every step both decide the same.

use plimsoll_client::engine::state::SCALE_ONE;
use plimsoll_testkit::{ask, bid, MarketSpec, OrderExt, World};

use super::stage::{clock, roles};
use super::*;
use crate::decide::watch::Watch;
use crate::mirror::{AccountUpdate, RawAccount, Snapshot, Sync};

const SYMBOLS: [&str; 3] = ["AVAX", "SOL", "BTC"];
const TRADERS: [&str; 6] = ["ann", "bob", "cid", "dee", "eve", "fay"];

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % bound
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len() as u64) as usize]
    }
}

/// What a keeper has that follows the world by updates.
struct Follower {
    mirror: Mirror,
    watch: Watch,
    /// What has been decided so far, by kind.
    seen: std::collections::BTreeMap<&'static str, usize>,
}

impl Follower {
    fn new(world: &World) -> Self {
        let feeds = world.symbols();
        let feeds: Vec<_> = feeds.iter().map(|symbol| world.feed(symbol, 0)).collect();
        Self {
            mirror: Mirror::new(world.addresses, feeds),
            watch: Watch::new(&roles(world)),
            seen: std::collections::BTreeMap::new(),
        }
    }

    fn raw(world: &World) -> Vec<(Pubkey, RawAccount)> {
        let accounts = world.svm.get_program_accounts(&world.addresses.program);
        let accounts = accounts.into_iter().map(|(address, account)| {
            let raw = RawAccount {
                owner: account.owner,
                data: account.data,
            };
            (address, raw)
        });
        // In one order, so that a seed is a world.
        let sorted: std::collections::BTreeMap<_, _> = accounts.collect();
        sorted.into_iter().collect()
    }

    fn resync(&mut self, world: &World, sync: Sync) {
        let snapshot = Snapshot {
            slot: world.slot(),
            accounts: Self::raw(world),
        };
        self.mirror.sync(&snapshot, sync);
        self.feeds(world);
    }

    fn feeds(&mut self, world: &World) {
        for symbol in world.symbols() {
            let address = world.feed(&symbol, 0);
            let found = world.svm.get_account(&address);
            let account = found.map(|account| RawAccount {
                owner: account.owner,
                data: account.data,
            });
            self.mirror.apply(&AccountUpdate {
                address,
                slot: world.slot(),
                account,
            });
        }
    }

    /// Brings in what `delivered` lets through, as updates.
    fn observe(&mut self, world: &World, mut delivered: impl FnMut() -> bool) {
        for (address, account) in Self::raw(world) {
            if delivered() {
                self.mirror.apply(&AccountUpdate {
                    address,
                    slot: world.slot(),
                    account: Some(account),
                });
            }
        }
        self.feeds(world);
    }

    /// Decides both ways, and compares.
    fn check(&mut self, world: &World, what: &str) -> Vec<Action> {
        let (clock, roles) = (clock(world), roles(world));
        self.watch.follow(&mut self.mirror, &clock);
        let found = decide_for(&self.mirror, &clock, &roles, &self.watch);
        let missed = self.watch.missed();
        self.watch.note(&found);
        assert_eq!(
            self.watch.missed(),
            missed,
            "only the patrol saw it: {what}"
        );
        let expected = decide(&self.mirror, &clock, &roles);
        let pressing = |actions: &[Action]| -> Vec<Action> {
            let pressing = actions.iter().filter(|action| !action.key.kind.can_wait());
            pressing.cloned().collect()
        };
        assert_eq!(pressing(&found), pressing(&expected), "{what}");
        // A line's step and an expired order are found by their clocks, at once.
        let timed = |actions: &[Action]| -> Vec<Key> {
            let keys = actions.iter().map(|action| action.key);
            let timed = keys.filter(|key| {
                let kinds = [Kind::ValueLine, Kind::AccrueInterest, Kind::ActivateLine];
                kinds.contains(&key.kind) || key.kind == Kind::RemoveExpired
            });
            timed.collect()
        };
        assert_eq!(timed(&found), timed(&expected), "{what}");
        for action in &expected {
            *self.seen.entry(action.key.kind.name()).or_default() += 1;
        }
        found
    }
}

fn build(random: &mut Random) -> World {
    let mut world = World::new();
    for symbol in SYMBOLS {
        let spec = MarketSpec::preset(symbol);
        let halts = random.below(2) == 0;
        world.open_market(&if halts { spec.halting() } else { spec });
    }
    world.keeper();
    world.trader("maker", 2_000_000_000_000, &SYMBOLS);
    for trader in TRADERS {
        world.trader(
            trader,
            20_000_000_000 + random.below(9) * 5_000_000_000,
            &SYMBOLS,
        );
    }
    for trader in ["ann", "bob"] {
        let mut terms = world.terms(4_000_000_000, &SYMBOLS);
        terms.drawn_rate_ppm = 900_000;
        terms.undrawn_rate_ppm = 20_000;
        terms.call_seconds = 3_600;
        let underwriter = if trader == "ann" { "uma" } else { "ugo" };
        world.lend(underwriter, trader, (8_000_000_000, 40_000_000_000), terms);
    }
    for symbol in SYMBOLS {
        let ticks = world.handle(symbol).price_ticks;
        for trader in TRADERS {
            let lots = 20_000 + random.below(500_000);
            let (maker, taker) = if random.below(2) == 0 {
                (ask(ticks, lots), bid(ticks, lots))
            } else {
                (bid(ticks, lots), ask(ticks, lots))
            };
            // What margin does not allow is not traded.
            if world.place("maker", symbol, maker).is_ok() {
                let _ = world.place(trader, symbol, taker.ioc());
                let _ = world.cancel_all("maker", symbol, 8);
            }
        }
    }
    world
}

/// One thing happens; most attempts may be refused, as on a chain.
fn step(world: &mut World, random: &mut Random) -> &'static str {
    let (symbol, trader) = (random.one(&SYMBOLS), random.one(&TRADERS));
    let ticks = world.handle(symbol).price_ticks;
    let near = ticks * (970 + random.below(61)) / 1_000;
    match random.below(14) {
        0..=3 => {
            world.advance(1 + random.below(3) as i64);
            world.publish(symbol, near);
            let _ = world.refresh(symbol);
            "a mark moves"
        }
        4 => {
            let crashed = ticks * (850 + random.below(301)) / 1_000;
            world.advance(1);
            world.publish(symbol, crashed);
            let _ = world.refresh(symbol);
            "a mark jumps"
        }
        5 => {
            world.advance(1 + random.below(40) as i64);
            "time passes"
        }
        6 => {
            world.advance(60 + random.below(1_200) as i64);
            for symbol in SYMBOLS {
                let ticks = world.handle(symbol).price_ticks;
                world.publish(symbol, ticks);
                let _ = world.refresh(symbol);
            }
            "minutes pass"
        }
        7 | 8 => {
            let lots = 1 + random.below(60_000);
            let expires = world.now() + random.below(90) as i64;
            let order = if random.below(2) == 0 {
                bid(near, lots)
            } else {
                ask(near, lots)
            };
            let order = if random.below(2) == 0 {
                order.expires_at(expires)
            } else {
                order
            };
            let _ = world.place(trader, symbol, order);
            "an order is placed"
        }
        9 => {
            let lots = 1 + random.below(300_000);
            let order = if random.below(2) == 0 {
                bid(near, lots)
            } else {
                ask(near, lots)
            };
            let _ = world.place("maker", symbol, order);
            "the maker quotes"
        }
        10 => {
            let _ = world.cancel_all(random.one(&[trader, "maker"]), symbol, 8);
            "orders are cancelled"
        }
        11 => {
            let amount = 1 + random.below(3_000_000_000);
            if random.below(2) == 0 {
                let _ = world.deposit(trader, amount);
                "a deposit"
            } else {
                let _ = world.withdraw(trader, amount);
                "a withdrawal"
            }
        }
        12 => {
            let _ = world.settle(trader, &SYMBOLS);
            "a settlement"
        }
        _ => {
            let (underwriter, trader) = [("uma", "ann"), ("ugo", "bob")][random.below(2) as usize];
            match random.below(3) {
                0 => {
                    let deadline = world.now() + 300 + random.below(3_000) as i64;
                    let _ = world.extend_call(underwriter, trader, deadline);
                    "a call is extended"
                }
                1 if random.below(8) == 0 => {
                    let _ = world.recall_line(underwriter, trader);
                    "a line is recalled"
                }
                _ => {
                    let _ = world.repay(underwriter, trader, trader, 1 + random.below(900_000_000));
                    "a repayment"
                }
            }
        }
    }
}

/// Sends a part of what is due; others may have been faster.
fn act(world: &mut World, random: &mut Random, actions: &[Action]) {
    for action in actions {
        if random.below(3) != 0 {
            let _ = world.send(&action.instructions, &["keeper".into()]);
        }
    }
}

fn scaled_down(world: &World) -> usize {
    let sides = SYMBOLS.map(|symbol| world.market(symbol).header.sides);
    let sides = sides.iter().flatten();
    sides
        .filter(|side| side.scale != SCALE_ONE || side.epoch != 0)
        .count()
}

/// One world; `lossy`: updates are held back, so that the mirror's accounts are of different moments.
fn run(
    seed: u64,
    steps: usize,
    lossy: bool,
) -> (std::collections::BTreeMap<&'static str, usize>, usize) {
    let mut random = Random(seed);
    let mut world = build(&mut random);
    let mut follower = Follower::new(&world);
    follower.resync(&world, Sync::Forward);
    follower.check(&world, "the first snapshot");
    let mut scaled = 0;
    for number in 0..steps {
        let mut what = step(&mut world, &mut random);
        let held_back = lossy && random.below(3) != 0;
        follower.observe(&world, || !held_back || random.below(4) != 0);
        if random.below(40) == 0 {
            let rollback = random.below(2) == 0;
            let sync = if rollback {
                Sync::Replace
            } else {
                Sync::Forward
            };
            follower.resync(&world, sync);
            what = "a resync";
        }
        let what = format!("seed {seed}, step {number}: {what}");
        let actions = follower.check(&world, &what);
        if random.below(3) == 0 {
            act(&mut world, &mut random, &actions);
        }
        scaled = scaled.max(scaled_down(&world));
    }
    (follower.seen, scaled)
}

#[test]
fn the_watch_names_everybody_that_a_full_scan_finds_something_due_of() {
    let mut seen = std::collections::BTreeMap::new();
    let mut scaled = 0;
    for seed in 1..=6 {
        let (kinds, sides) = run(seed, 250, seed % 2 == 0);
        scaled += sides;
        for (kind, count) in kinds {
            *seen.entry(kind).or_insert(0) += count;
        }
    }
    println!("{seen:?}, {scaled} sides scaled");
    // The worlds have to reach what is compared.
    for kind in [
        Kind::Liquidate,
        Kind::TearUp,
        Kind::Draw,
        Kind::JoinAuction,
        Kind::AdvanceHalt,
        Kind::RemoveExpired,
        Kind::AccrueInterest,
        Kind::ValueLine,
        Kind::Settle,
    ] {
        assert!(
            seen.contains_key(kind.name()),
            "no {}: {seen:?}",
            kind.name()
        );
    }
    assert!(scaled != 0, "no loss event has scaled a side");
}
