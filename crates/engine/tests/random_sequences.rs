//! Random sequences of every transition, in three markets and for seven accounts, against a model in exact
//! integers that shares no arithmetic with the engine. Every check runs after every step; the tests differ
//! in what they are named after, in their mix of steps and in their seed.
//!
//! `PLIMSOLL_STEPS` lengthens the sequences, `PLIMSOLL_SEED` begins others.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod model;

use model::World;
use plimsoll_engine::EngineError;

fn from_environment(name: &str, default: u64) -> u64 {
    let set = std::env::var(name)
        .ok()
        .and_then(|value| value.parse().ok());
    set.unwrap_or(default)
}

/// Chances of each step, in hundredths; the rest are orders.
#[derive(Clone, Copy)]
struct Mix {
    cancel: u64,
    cash: u64,
    settle: u64,
    prices: u64,
    funding: u64,
    sweep: u64,
    seats: u64,
}

const EVEN: Mix = Mix {
    cancel: 4,
    cash: 6,
    settle: 7,
    prices: 15,
    funding: 4,
    sweep: 1,
    seats: 2,
};

fn step(world: &mut World, mix: &Mix) -> (&'static str, Result<(), EngineError>) {
    let account = world.random.below(world.accounts.len() as u64) as usize;
    let market = world.random.below(world.markets.len() as u64) as usize;
    let kinds: [(&str, u64); 10] = [
        ("cancel", mix.cancel),
        ("deposit", mix.cash.div_ceil(3)),
        ("withdraw", mix.cash - mix.cash.div_ceil(3)),
        ("settle", mix.settle),
        ("mark", mix.prices / 2),
        ("refresh", mix.prices - mix.prices / 2),
        ("accrue", mix.funding),
        ("sweep", mix.sweep),
        ("seat", mix.seats),
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
        _ => world.place(account, market),
    };
    (chosen, outcome)
}

fn run(seed: u64, mix: Mix) -> World {
    let seed = seed + 1_000 * from_environment("PLIMSOLL_SEED", 0);
    let steps = from_environment("PLIMSOLL_STEPS", 48_000) / 6;
    println!("seed {seed}, {steps} steps");
    let mut world = World::new(seed);
    for account in 0..world.accounts.len() {
        world.deposit(account).unwrap();
        for market in 0..world.markets.len() {
            let _ = world.claim_or_release(account, market);
        }
    }
    for number in 0..steps {
        let pause = match world.random.below(200) {
            0 if number % 5 == 0 => 4_000,
            0..=1 => 70,
            2..=4 => 16,
            5..=50 => 1,
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
    }
    for (what, count) in &world.counts {
        println!("{count:>8} {what}");
    }
    let fills: u64 = world
        .markets
        .iter()
        .map(|m| m.header.cash.fills_total)
        .sum();
    println!("{fills:>8} fills");
    assert!(fills > steps / 40, "the sequence traded {fills} times");
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
