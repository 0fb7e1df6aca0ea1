//! Many losses in any order (rows 14, 16, 44): whatever is done, custody and claims stay exact, and everybody
//! reaches flat by steps that anyone may send.

use plimsoll_testkit::{ask, bid, EngineError, OrderExt, World};

use super::attacks_stage::assert_no_panic;
use super::losses_scenes::{endow_fund, equity, standing, AVAX, RICH, TWIN, USDC};

const ACTORS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];
const MARKETS: [&str; 2] = [AVAX, TWIN];

/// A generator that any run repeats.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(u64::try_from(from.len()).unwrap())).unwrap()]
    }
}

fn storm(seed: u64, steps: u32) -> [u32; 4] {
    let mut dice = Dice(seed);
    let mut world = World::trading(&MARKETS);
    endow_fund(&mut world, 200 * USDC, 20 * USDC);
    for (number, name) in ACTORS.iter().enumerate() {
        let cash = if number < 3 { RICH } else { 400 * USDC };
        world.trader(*name, cash, &MARKETS);
    }
    world.keeper();
    let mut seen = [0_u32; 4];
    for _ in 0..steps {
        let (name, other) = (dice.pick(&ACTORS), dice.pick(&ACTORS[..3]));
        let symbol = dice.pick(&MARKETS);
        let price = world.handle(symbol).price_ticks;
        let lots = 1 + dice.below(9_000);
        let what = dice.below(12);
        // A keeper goes where something is to be done.
        let needy = |actor: &&str| {
            let (q, margin) = standing(&world, actor);
            q < i64::try_from(margin).unwrap()
        };
        let name = match ACTORS.into_iter().find(|actor| needy(actor)) {
            Some(found) if (6..=9).contains(&what) => found,
            _ => name,
        };
        let tried = match what {
            0..=2 if name != other => {
                let near = price - 20 + dice.below(40);
                let buys = dice.below(2) == 0;
                let (rests, takes) = if buys {
                    (ask(near, lots), bid(near, lots).ioc())
                } else {
                    (bid(near, lots), ask(near, lots).ioc())
                };
                world
                    .place(other, symbol, rests)
                    .and_then(|_| world.place(name, symbol, takes))
            }
            3..=5 => {
                let moved = price * (88 + dice.below(26)) / 100;
                world.advance(1);
                for each in MARKETS {
                    let ticks = world.handle(each).price_ticks;
                    let ticks = if each == symbol { moved } else { ticks };
                    world.publish(each, ticks.clamp(4_000, 90_000));
                    world.refresh(each).unwrap();
                }
                continue;
            }
            6 | 7 => world.liquidate(name, symbol),
            8 => world.take_over(other, name, symbol, lots),
            9 => world.tear_up(name, symbol),
            10 => world.settle(name, &MARKETS),
            _ => world.close_remainder(name, symbol),
        };
        match tried {
            Ok(sent) => {
                seen[0] += u32::from(sent.logs.iter().any(|line| line.contains("Liquidate")));
                seen[1] += u32::from(sent.logs.iter().any(|line| line.contains("TakeOver")));
                seen[2] += u32::from(sent.logs.iter().any(|line| line.contains("TearUp")));
                seen[3] += u32::from(sent.logs.iter().any(|line| line.contains("CloseRemainder")));
            }
            Err(rejected) => {
                assert_no_panic("storm", &rejected.logs);
                assert_ne!(rejected.engine, Some(EngineError::Overflow), "{rejected:?}");
            }
        }
        world.assert_sound();
    }
    to_the_exit(&mut world);
    seen
}

/// A keeper tears up who is broke; the others leave by trades with a market maker that comes in, and by anyone's
/// closing of what is less than a lot.
fn to_the_exit(world: &mut World) {
    world.keep_fresh();
    for _ in 0..4 {
        for name in ACTORS {
            for symbol in MARKETS {
                if equity(world, name) <= 0 {
                    let mut call = world.liquidate_ix(name, symbol);
                    let last = call.accounts.len() - 1;
                    call.accounts[last].is_writable = true;
                    let _ = world.send(&[call], &["keeper".into()]);
                    let _ = world.tear_up(name, symbol);
                }
            }
        }
    }
    world.trader("maker", RICH, &MARKETS);
    for symbol in MARKETS {
        for name in ACTORS {
            world.cancel_all(name, symbol, 64).unwrap();
        }
        let price = world.handle(symbol).price_ticks;
        for name in ACTORS {
            let base = world.holding(name, symbol).base;
            let lots = base.unsigned_abs() / 1_000_000;
            if lots != 0 {
                let (rests, takes) = if base > 0 {
                    (bid(price, lots), ask(price, lots).reduce_only().ioc())
                } else {
                    (ask(price, lots), bid(price, lots).reduce_only().ioc())
                };
                world.place("maker", symbol, rests).unwrap();
                let _ = world.place(name, symbol, takes);
                world.cancel_all("maker", symbol, 64).unwrap();
            }
            world.assert_sound();
        }
        for name in ACTORS.into_iter().chain(["maker"]) {
            let base = world.holding(name, symbol).base;
            if base != 0 && base.unsigned_abs() < 1_000_000 {
                world.close_remainder(name, symbol).unwrap();
                world.assert_sound();
            }
        }
    }
    for name in ACTORS {
        let _ = world.settle(name, &MARKETS);
        for symbol in MARKETS {
            let base = world.holding(name, symbol).base;
            assert!(
                base == 0 || equity(world, name) > 0,
                "{name} is stuck at {base}"
            );
        }
    }
    world.assert_sound();
}

#[test]
fn attack_16_storms_of_losses_leave_every_total_exact() {
    let mut all = [0; 4];
    for seed in 1..=5_u64 {
        let seen = storm(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15), 400);
        all.iter_mut().zip(seen).for_each(|(sum, one)| *sum += one);
    }
    // Liquidations, takeovers and tear-ups all came about; remainders are closed on the way out.
    assert!(all[..3].iter().all(|count| *count > 0), "{all:?}");
}
