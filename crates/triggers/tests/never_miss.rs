//! The index against brute force: after every event every account stands where a full rescan through the
//! engine says.
#![allow(clippy::unwrap_used)]

mod world;

use proptest::prelude::*;
use world::World;

fn run(seed: u64, markets: usize, accounts: usize, steps: usize) -> World {
    let mut world = World::new(seed, markets, accounts);
    world.check("the start");
    for _ in 0..steps {
        let event = world.step();
        world.check(event);
    }
    world
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    #[test]
    fn no_crossing_is_missed_by_any_event(seed in any::<u64>(), markets in 1_usize..12) {
        let world = run(seed, markets, 40, 250);
        prop_assert!(world.crossed > 0);
    }

    #[test]
    fn no_crossing_is_missed_by_the_atoms_of_rounding(seed in any::<u64>(), markets in 1_usize..4) {
        let mut world = World::new(seed, markets, 60);
        for _ in 0..12 {
            world.fund_to_atoms();
            for _ in 0..6 {
                let market = world.random.index(markets);
                world.hair(market);
                world.check("hair");
            }
        }
    }
}
