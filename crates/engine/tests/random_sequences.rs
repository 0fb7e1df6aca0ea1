//! Random sequences of every transition, in three markets, against a model in exact integers that shares no
//! arithmetic with the engine. Every check runs after every step; the tests differ in what they are named
//! after, in their mix of steps and in their seed.
//!
//! The foundation has seven accounts and no loss events. With losses there are twelve and a keeper among
//! them, prices gap, and everything of spec §8 and §9 happens; what must have happened is asserted.
//!
//! `PLIMSOLL_STEPS` lengthens the sequences, `PLIMSOLL_SEED` begins others.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod model;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Mutex;

use model::halts::Deed;
use model::{Shape, World};
use plimsoll_engine::state::HaltPhase;
use plimsoll_engine::EngineError;

fn from_environment(name: &str, default: u64) -> u64 {
    let set = std::env::var(name)
        .ok()
        .and_then(|value| value.parse().ok());
    set.unwrap_or(default)
}

/// Chances of each step, in hundredths; the rest are orders.
#[derive(Clone, Copy, Debug)]
struct Mix {
    cancel: u64,
    cash: u64,
    settle: u64,
    prices: u64,
    funding: u64,
    sweep: u64,
    seats: u64,
    /// Gaps of a price, and what a keeper does after them.
    gaps: u64,
    losses: u64,
    ends: u64,
    /// Steps of borrowers, of lines and of providers.
    credit: u64,
    /// Jumps of the index, auctions, and accounts that join them.
    halts: u64,
    /// Accounts that trade; zero: all.
    accounts: u64,
    /// One step in so many is followed by each of the trials on a copy.
    samples: u64,
}

const EVEN: Mix = Mix {
    cancel: 4,
    cash: 6,
    settle: 7,
    prices: 15,
    funding: 4,
    sweep: 1,
    seats: 2,
    gaps: 0,
    losses: 0,
    ends: 0,
    credit: 0,
    halts: 0,
    accounts: 0,
    samples: 2_000,
};

const STORM: Mix = Mix {
    cancel: 3,
    cash: 8,
    settle: 7,
    prices: 8,
    funding: 3,
    sweep: 2,
    seats: 2,
    gaps: 2,
    losses: 16,
    ends: 0,
    credit: 0,
    halts: 0,
    accounts: 0,
    samples: 2_000,
};

fn step(world: &mut World, mix: &Mix) -> (&'static str, Result<(), EngineError>) {
    let all = world.accounts.len() as u64;
    let account = world.random.below(match mix.accounts {
        0 => all,
        some => some,
    }) as usize;
    let mut market = world.random.below(world.markets.len() as u64) as usize;
    // Where there is a halt, most steps go.
    if mix.halts != 0 && !world.random.one_in(3) {
        let halted = |number: &usize| !world.markets[*number].allows(Deed::Trade, world.env.now);
        market = (0..world.markets.len()).find(halted).unwrap_or(market);
    }
    let kinds: [(&str, u64); 24] = [
        ("cancel", mix.cancel),
        ("deposit", mix.cash.div_ceil(3)),
        ("withdraw", mix.cash - mix.cash.div_ceil(3)),
        ("settle", mix.settle),
        ("mark", mix.prices / 2),
        ("refresh", mix.prices - mix.prices / 2),
        ("accrue", mix.funding),
        ("sweep", mix.sweep),
        ("seat", mix.seats),
        ("gap", mix.gaps),
        ("squeeze", mix.gaps.div_ceil(2)),
        ("end epoch", mix.ends),
        ("lend", mix.credit / 2),
        ("line", mix.credit / 4),
        ("provide", mix.credit / 4),
        ("liquidate", mix.losses / 3),
        ("take over", mix.losses / 4),
        ("tear up", mix.losses / 4),
        ("jump", mix.halts / 6),
        ("advance", mix.halts / 3),
        ("join", mix.halts / 2),
        ("close remainder", mix.losses / 12),
        ("sync", mix.losses / 12),
        ("place", 100),
    ];
    let mut dice = world.random.below(100);
    let mut chosen = "place";
    for (kind, weight) in kinds {
        if dice < weight {
            chosen = kind;
            break;
        }
        dice -= weight;
    }
    // Most orders wait for a fresh index.
    if chosen == "place" && world.markets[market].stale(world.env.now) && !world.random.one_in(4) {
        chosen = "mark";
    }
    // Who waits for an auction places orders.
    let (state, now) = (&world.markets[market], world.env.now);
    let idle = match chosen {
        "join" => !state.allows(Deed::Join, now),
        "advance" => state.phase(now) != HaltPhase::Uncross,
        _ => false,
    };
    if idle && !world.random.one_in(6) {
        chosen = "place";
    }
    let outcome = match chosen {
        "cancel" => world.cancel(account, market),
        "deposit" => world.deposit(account),
        "withdraw" => world.withdraw(account),
        "settle" => world.settle(account),
        "mark" => world.move_mark(market),
        "refresh" => world.refresh(market),
        "accrue" => world.accrue(market),
        "sweep" => world.sweep(market),
        "seat" => world.claim_or_release(account, market),
        "gap" => world.gap(market),
        "squeeze" => {
            let squeezed = world.squeeze(account);
            let next = if world.shape.credit {
                world.random.below(3)
            } else {
                2
            };
            let _ = match next {
                0 => world.draw(account),
                1 => loss(world, account, "liquidate"),
                _ => Ok(()),
            };
            squeezed
        }
        "end epoch" => world.end_epoch(market),
        "lend" => lend(world, account),
        "line" => {
            let line = world.random.below(world.lines.len() as u64) as usize;
            world.live(line)
        }
        "provide" => {
            let vault = world.random.below(world.vaults.len() as u64) as usize;
            world.provide(vault)
        }
        "liquidate" | "take over" | "tear up" => loss(world, account, chosen),
        "jump" => world.jump(market),
        "advance" => world.advance(market),
        "join" => join(world, account, market),
        "close remainder" => world.close_remainder(account, market),
        "sync" => world.sync(account, market),
        _ => world.place(account, market),
    };
    (chosen, outcome)
}

/// A keeper's step, mostly on an account that it concerns.
fn loss(world: &mut World, first: usize, what: &str) -> Result<(), EngineError> {
    let count = world.accounts.len();
    let concerned = |world: &World, account: usize| match what {
        "tear up" => world.insolvent(account),
        _ => world.liquidatable(account),
    };
    let mut account = first;
    if !world.random.one_in(5) {
        let found = (0..count).map(|step| (first + step) % count);
        account = found
            .into_iter()
            .find(|account| concerned(world, *account))
            .unwrap_or(first);
    }
    let keeper = if account == count - 1 { 0 } else { count - 1 };
    match what {
        "liquidate" => world.liquidate(account, keeper),
        "tear up" => world.tear_up(account, keeper),
        _ => {
            let taker = world.random.below(count as u64) as usize;
            let lots = world.random.between(1, 3_000);
            world.take_over(account, taker, lots)
        }
    }
}

/// Interest of an account that may be liquidated, mostly; where there is none, of one that a move of the price
/// brings there.
fn join(world: &mut World, first: usize, market: usize) -> Result<(), EngineError> {
    let count = world.accounts.len();
    let held = |world: &World, account: &usize| {
        let seat = world.markets[market].seats.get(account);
        seat.is_some_and(|seat| seat.base != 0)
    };
    let all = || (0..count).map(|step| (first + step) % count);
    let found = all().find(|account| held(world, account) && world.liquidatable(*account));
    let account = match (found, world.random.below(4)) {
        (_, 0) => first,
        (Some(account), _) => account,
        (None, dice) => {
            let account = all().find(|account| held(world, account)).unwrap_or(first);
            if dice == 1 {
                world.squeeze(account)?;
                let _ = world.join_auction(account, market);
                return Ok(());
            }
            account
        }
    };
    world.join_auction(account, market)
}

/// A step on a loan, mostly on one that runs or is needed.
fn lend(world: &mut World, first: usize) -> Result<(), EngineError> {
    let count = world.accounts.len();
    let all = || (0..count).map(|step| (first + step) % count);
    let owes = |account: &usize| {
        let state = &world.accounts[*account];
        state.credit_principal | state.credit_interest | state.lien != 0
    };
    let starving = all().find(|account| world.starves(*account));
    let owing = all().find(owes);
    match (starving, owing, world.random.below(4)) {
        (Some(account), _, 0..=2) => world.draw(account),
        (_, Some(account), 0 | 1) => world.lend(account),
        _ => world.lend(first),
    }
}

fn run(seed: u64, mix: Mix) -> World {
    run_in(seed, mix, model::FOUNDATION)
}

/// Steps of one sequence; those with losses are longer.
fn steps_of(shape: Shape) -> u64 {
    let all = from_environment("PLIMSOLL_STEPS", 48_000);
    if shape.losses {
        all / 3
    } else {
        all / 6
    }
}

fn run_in(seed: u64, mix: Mix, shape: Shape) -> World {
    let seed = seed + 1_000 * from_environment("PLIMSOLL_SEED", 0);
    let steps = steps_of(shape);
    println!("seed {seed}, {steps} steps");
    let world = sequence(seed, mix, shape, steps);
    for (what, count) in &world.counts {
        println!("{count:>8} {what}");
    }
    let fills = fills(&world);
    println!("{fills:>8} fills");
    let least = if shape.losses {
        steps / 200
    } else {
        steps / 40
    };
    assert!(fills > least, "the sequence traded {fills} times");
    world
}

/// INV-12 on a copy.
fn everyone_leaves(world: &mut World) {
    world.count("clone:", "everyone left");
    for note in world.check_exit() {
        world.count("clone:", note);
    }
}

/// INV-11 on a copy.
fn two_collude(world: &mut World) {
    let tricks = world.check_collusion();
    *world
        .counts
        .entry("clone: tricks of two".into())
        .or_default() += tricks;
}

fn fills(world: &World) -> u64 {
    let markets = world.markets.iter();
    markets.map(|market| market.header.cash.fills_total).sum()
}

/// Says where a sequence was when a check failed.
struct Place {
    seed: u64,
    step: u64,
    mix: Mix,
    shape: Shape,
}

impl Drop for Place {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self {
                seed,
                step,
                mix,
                shape,
            } = self;
            println!("failed: seed {seed}, step {step}, {mix:?}, {shape:?}");
        }
    }
}

fn sequence(seed: u64, mix: Mix, shape: Shape, steps: u64) -> World {
    let mut place = Place {
        seed,
        step: 0,
        mix,
        shape,
    };
    let mut world = World::new(seed, shape);
    if shape.credit {
        world.open_credit();
    }
    for account in 0..world.accounts.len() {
        world.deposit(account).unwrap();
        for market in 0..world.markets.len() {
            let _ = world.claim_or_release(account, market);
        }
    }
    for number in 0..steps {
        place.step = number;
        let pause = match world.random.below(200) {
            0 if number % 5 == 0 => 4_000,
            0..=1 => 70,
            2..=4 => 16,
            5..=50 => 1,
            51..=80 if shape.losses => 3,
            81 if shape.credit => 1_200,
            _ => 0,
        };
        world.env.now += pause;
        world.env.slot += 1;
        let before = world.bytes();
        let (kind, outcome) = step(&mut world, &mix);
        match outcome {
            Ok(()) => world.count(kind, "done"),
            Err(error) => {
                assert!(
                    before == world.bytes(),
                    "step {number}: {kind} failed and wrote"
                );
                world.count(kind, &format!("{error:?}"));
            }
        }
        world.check();
        if shape.losses && world.random.one_in(mix.samples) {
            everyone_leaves(&mut world);
        }
        if shape.losses && world.random.one_in(mix.samples) {
            two_collude(&mut world);
        }
        if shape.halts && world.random.one_in(mix.samples) {
            for note in world.check_wind_up() {
                world.count("clone:", note);
            }
        }
    }
    world
}

#[test]
fn custody_equals_the_sum_of_claims_after_every_step() {
    let mix = Mix {
        cash: 12,
        settle: 15,
        ..EVEN
    };
    run(1, mix);
}

#[test]
fn cash_of_an_account_is_never_negative() {
    let mix = Mix {
        settle: 20,
        prices: 20,
        ..EVEN
    };
    let world = run(2, mix);
    assert!(world.accounts.iter().all(|account| account.collateral >= 0));
}

#[test]
fn longs_equal_shorts_after_every_step() {
    let mix = Mix {
        cancel: 8,
        funding: 1,
        ..EVEN
    };
    run(3, mix);
}

#[test]
fn claims_sum_to_zero_up_to_rounding_in_the_pools_favour() {
    let mix = Mix {
        funding: 20,
        ..EVEN
    };
    run(4, mix);
}

#[test]
fn no_sequence_of_steps_gains_an_atom_by_rounding() {
    let mix = Mix {
        funding: 12,
        settle: 12,
        seats: 5,
        ..EVEN
    };
    run(5, mix);
}

/// The same checks from an empty exchange on: a deposit of one atom is tried after every step.
#[test]
fn deposit_succeeds_in_every_reachable_state() {
    let mix = Mix {
        cash: 10,
        prices: 25,
        sweep: 3,
        ..EVEN
    };
    let world = run(6, mix);
    assert!(world.tokens > model::ledger::big(0));
}

/// What several sequences came to together.
fn counts_of(seeds: &[u64], mix: Mix, shape: Shape) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for seed in seeds {
        for (what, count) in run_in(*seed, mix, shape).counts {
            *counts.entry(what).or_insert(0) += count;
        }
    }
    counts
}

/// What sequences with losses must have come to, or they have tested nothing; in short ones of another seed
/// it may not happen.
fn assert_reached(counts: &BTreeMap<String, u64>, shape: Shape, states: &[&str]) {
    if steps_of(shape) < 16_000 || from_environment("PLIMSOLL_SEED", 0) != 0 {
        return;
    }
    for state in states {
        let count = counts.get(&format!("state: {state}"));
        assert!(count.is_some(), "no step came to: {state}");
    }
}

/// Few accounts and no default fund, so that a side is charged much, scaled down far, emptied, or not there
/// to be charged.
const DESERT: Mix = Mix {
    gaps: 12,
    losses: 24,
    accounts: 4,
    ..STORM
};

/// Borrowers, and what becomes of their loans.
const LOANS: Mix = Mix {
    credit: 24,
    losses: 12,
    gaps: 3,
    accounts: 9,
    ..STORM
};

/// Epochs end often and most seats sleep.
const SLEEP: Mix = Mix {
    settle: 3,
    ends: 4,
    losses: 24,
    ..STORM
};

#[test]
fn longs_and_shorts_differ_by_at_most_the_drift_after_loss_events() {
    let world = run_in(7, STORM, model::LOSSES);
    let states = [
        "torn up",
        "side charged",
        "reduced in the book",
        "taken over",
        "fund paid",
        "fund budget exhausted",
        "caller reimbursed",
        "orders cancelled for initial margin",
    ];
    assert_reached(&world.counts, world.shape, &states);
}

#[test]
fn every_seat_of_a_side_is_scaled_by_the_same_fraction() {
    let counts = counts_of(&[8, 108, 208], DESERT, model::BARE);
    let states = [
        "side charged",
        "deficit carried",
        "deficit paid by fees",
        "epoch ended by scale",
        "remainder closed",
    ];
    assert_reached(&counts, model::BARE, &states);
}

#[test]
fn a_seat_many_epochs_behind_blocks_nobody() {
    let world = run_in(9, SLEEP, model::LOSSES);
    let states = ["seat synced", "more than five epochs behind"];
    assert_reached(&world.counts, world.shape, &states);
}

#[test]
fn treasury_earns_nothing_from_a_liquidation() {
    let mix = Mix {
        sweep: 6,
        losses: 30,
        ..STORM
    };
    let world = run_in(10, mix, model::LOSSES);
    let states = ["reduced in the book", "taken over", "torn up"];
    assert_reached(&world.counts, world.shape, &states);
    assert!(world.fund.treasury_total > 0);
}

#[test]
fn liquidation_waits_for_a_committed_line_that_could_cure() {
    let counts = counts_of(&[13, 113, 213, 313], LOANS, model::CREDIT);
    let states = [
        "drawn, committed",
        "drawn, discretionary",
        "drawn in a liquidation",
        "repaid with tokens",
        "repaid from cash",
        "redemption paid",
    ];
    assert_reached(&counts, model::CREDIT, &states);
}

/// Prices jump, and markets that may halt do.
const HALTING: Mix = Mix {
    halts: 30,
    losses: 8,
    gaps: 1,
    samples: 1_000,
    ..STORM
};

#[test]
fn inv_10_markets_halt_auction_and_reopen_in_every_sequence() {
    let counts = counts_of(&[14, 114], HALTING, model::HALTS);
    let states = [
        "tripped by the index",
        "tripped by the mark",
        "tripped by a trade",
        "tripped by a liquidation",
        "trip beyond the budget",
        "auction price fixed",
        "auction filled",
        "joined an auction",
        "liquidated in an auction",
        "reopened after an auction",
        "reopened by the clock alone",
        "order without a part left an auction",
        "reduce-only rest left an auction",
    ];
    assert_reached(&counts, model::HALTS, &states);
    assert!(counts.contains_key("clone: everyone left a market that was wound up"));
}

/// Borrowers in markets that halt: a call may draw, an auction may not, and a margin call waits for a reopening.
const HALTING_LOANS: Mix = Mix {
    halts: 24,
    losses: 8,
    gaps: 3,
    accounts: 9,
    credit: 16,
    cash: 6,
    settle: 4,
    ..STORM
};

#[test]
fn halted_markets_lend_and_liquidate_as_the_table_says() {
    let counts = counts_of(&[15], HALTING_LOANS, model::HALTS_CREDIT);
    let states = [
        "auction filled",
        "joined an auction",
        "liquidated in an auction",
        "drawn, committed",
        "reopened after an auction",
    ];
    assert_reached(&counts, model::HALTS_CREDIT, &states);
}

#[test]
fn colluding_accounts_do_not_profit_from_the_default_fund() {
    let mut world = sequence(11, STORM, model::LOSSES, steps_of(model::LOSSES) / 8);
    for _ in 0..40 {
        two_collude(&mut world);
        world.random.next();
    }
    assert!(world.counts["clone: tricks of two"] > 400);
}

#[test]
fn every_account_gets_out_of_sampled_states() {
    let mix = Mix {
        samples: 150,
        ..STORM
    };
    let world = sequence(12, mix, model::LOSSES, steps_of(model::LOSSES) / 4);
    assert!(world.counts["clone: everyone left"] > 10);
}

const SOAK_LENGTH: u64 = 50_000;

/// One sequence of the soak; its kind follows from its seed.
fn soak_sequence(seed: u64) -> World {
    let kinds = [
        (STORM, model::LOSSES),
        (DESERT, model::BARE),
        (SLEEP, model::LOSSES),
        (STORM, model::BARE),
        (LOANS, model::CREDIT),
        (EVEN, model::FOUNDATION),
        (HALTING, model::HALTS),
        (HALTING_LOANS, model::HALTS_CREDIT),
    ];
    let (mix, shape) = kinds[(seed % 1_000_000) as usize % kinds.len()];
    sequence(seed, mix, shape, SOAK_LENGTH)
}

/// Repeats a sequence in which the soak found something: `PLIMSOLL_SEQUENCE=12000004`.
#[test]
#[ignore = "only on request: repeats a sequence of the soak"]
fn one_sequence_again() {
    let Ok(seeds) = std::env::var("PLIMSOLL_SEQUENCE") else {
        return;
    };
    for seed in seeds.split(',') {
        let world = soak_sequence(seed.parse().unwrap());
        for (what, count) in &world.counts {
            println!("{count:>8} {what}");
        }
    }
}

/// LONG: ten million steps, or `PLIMSOLL_STEPS`, in sequences of 50,000 of all kinds, on two threads.
#[test]
#[ignore = "long: ten million steps"]
fn soak_of_random_sequences() {
    let steps = from_environment("PLIMSOLL_STEPS", 10_000_000);
    let first = 1_000_000 * (1 + from_environment("PLIMSOLL_SEED", 0));
    let next = AtomicU64::new(0);
    let counts = Mutex::new(BTreeMap::<String, u64>::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number * SOAK_LENGTH >= steps {
                    break;
                }
                let world = soak_sequence(first + number);
                let mut counts = counts.lock().unwrap();
                for (what, count) in world.counts {
                    *counts.entry(what).or_default() += count;
                }
                if number % 10 == 9 {
                    println!("{} steps ran clean", (number + 1) * SOAK_LENGTH);
                }
            });
        }
    });
    let counts = counts.into_inner().unwrap();
    for (what, count) in &counts {
        println!("{count:>8} {what}");
    }
    let rare = [
        "charge capped",
        "deficit carried",
        "no room for an epoch end",
        "drawn into an auction",
        "auction over many calls",
        "order over the cap left an auction",
        "interest withdrawn",
    ];
    if steps >= 5_000_000 {
        assert_reached(&counts, model::LOSSES, &rare);
    }
}
