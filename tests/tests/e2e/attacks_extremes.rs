//! Attacks by size: prices and sizes in every combination, the largest amounts that can exist, and parameters
//! at their bounds (row 37).

use plimsoll_engine::state::{MarketHeader, MarketParams, Seat, BLOCK_SIZE, MARKET_HEADER_SIZE};
use plimsoll_testkit::{ask, bid, EngineError, MarketSpec, OrderArgs, OrderExt, World};

use super::attacks_numbers::extremes;
use super::attacks_stage::{assert_no_panic, AVAX};

const PRICES: [u64; 9] = [
    0,
    1,
    19_999,
    20_001,
    (1 << 40) - 1,
    1 << 40,
    i64::MAX.unsigned_abs(),
    1 << 63,
    u64::MAX,
];
const LOTS: [u64; 8] = [
    0,
    1,
    1_000,
    u32::MAX as u64,
    1 << 32,
    1 << 48,
    1 << 63,
    u64::MAX,
];

fn every_order() -> Vec<OrderArgs> {
    let mut all = Vec::new();
    for price in PRICES {
        for lots in LOTS {
            for kind in 0..20_u8 {
                all.push(bid(price, lots).with(|order| {
                    order.side = kind % 2;
                    order.time_in_force = kind / 2 % 5;
                    order.reduce_only = kind / 10 == 1;
                }));
            }
        }
    }
    all
}

/// A market of these sizes, a book of one order a side, and a position of `ann`'s.
fn market_of(spec: &MarketSpec) -> World {
    let mut world = World::new();
    world.open_market(spec);
    for name in ["ann", "bob"] {
        world.trader(name, 1_000_000_000_000, &[AVAX]);
    }
    let ticks = spec.price_ticks;
    world.place("bob", AVAX, ask(ticks, 10)).unwrap();
    world.place("ann", AVAX, bid(ticks, 10)).unwrap();
    world.place("bob", AVAX, ask(ticks + 1, 5)).unwrap();
    world.place("bob", AVAX, bid(ticks - 1, 5)).unwrap();
    world
}

#[test]
fn attack_37_extreme_prices_and_sizes_are_errors_not_panics() {
    let preset = MarketSpec::preset(AVAX);
    let shapes = [
        preset.clone(),
        // Ticks so fine that their price rounds to nothing, and so coarse that few of them have one.
        preset.clone().with(|params| {
            params.base_atoms_per_lot = 1 << 40;
            params.quote_atoms_per_lot_tick = 1 << 23;
        }),
        preset.with(|params| {
            params.base_atoms_per_lot = 200_000;
            params.quote_atoms_per_lot_tick = 2;
        }),
    ];
    for spec in shapes {
        let spec = MarketSpec {
            price_ticks: 20_000,
            ..spec
        };
        let sound = market_of(&spec);
        let mut world = sound.clone();
        for order in every_order() {
            let before = world.snapshot();
            match world.place("ann", AVAX, order) {
                Ok(_) => {
                    world.assert_sound();
                    world = sound.clone();
                }
                Err(rejected) => {
                    assert_no_panic("place_order", &rejected.logs);
                    assert!(rejected.engine.is_some(), "{order:?}: {rejected:?}");
                    world.assert_unchanged(&before);
                }
            }
        }
    }
}

#[test]
fn attack_37_extreme_amounts_are_errors_not_panics() {
    let mut world = World::new();
    world.trader("ann", 0, &[]);
    let wallet = plimsoll_testkit::Actor::from("ann").token_account();
    world.change_tokens(&wallet, |tokens| tokens.amount = u64::MAX);
    let half = 1_u64 << 63;
    for amount in [half, half + 1, u64::MAX] {
        world.assert_rejected(EngineError::Overflow, |world| world.deposit("ann", amount));
    }
    world.deposit("ann", half - 1).unwrap();
    assert_eq!(world.collateral("ann"), i64::MAX);
    world.assert_rejected(EngineError::Overflow, |world| world.deposit("ann", 1));
    for amount in [half, half + 1, u64::MAX] {
        world.assert_rejected(EngineError::Overflow, |world| world.withdraw("ann", amount));
    }
    world.assert_rejected(EngineError::ZeroAmount, |world| world.withdraw("ann", 0));
    world.assert_rejected(EngineError::ZeroAmount, |world| world.deposit("ann", 0));
    world.assert_rejected(EngineError::ZeroAmount, |world| {
        world.rebalance_custody(0, 1, 0)
    });
    world.withdraw("ann", half - 1).unwrap();
    assert_eq!((world.collateral("ann"), world.usdc("ann")), (0, u64::MAX));
    world.assert_sound();
}

/// A position near 2^47 base atoms, and a price that rises to the highest there is and falls to almost nothing.
#[test]
fn attack_37_largest_position_at_the_largest_price_is_settled() {
    let mut world = World::new();
    let spec = MarketSpec::preset(AVAX).with(|params| {
        params.open_interest_max = 1 << 56;
        params.open_interest_high = 1 << 57;
        params.open_interest_low = 1 << 55;
    });
    world.open_market(&spec);
    for name in ["ann", "bob"] {
        world.trader(name, 0, &[AVAX]);
        let wallet = plimsoll_testkit::Actor::from(name).token_account();
        world.change_tokens(&wallet, |tokens| tokens.amount = 1 << 61);
        world.deposit(name, 1 << 61).unwrap();
    }
    let lots = (1 << 47) / 1_000_000;
    world.place("bob", AVAX, ask(20_000, lots)).unwrap();
    world.place("ann", AVAX, bid(20_000, lots)).unwrap();
    // As much again would pass the bound of a position.
    world.assert_rejected(EngineError::PositionTooLarge, |world| {
        world.place("ann", AVAX, bid(20_000, lots + 1_000_000))
    });
    // 4,096 quote atoms a base atom: 20,480 times the price at the start.
    for ticks in [20_000 * 20_480, 1, 20_000 * 20_480, 20_000] {
        world.move_index(AVAX, ticks);
        for name in ["bob", "ann", "bob", "ann"] {
            world.settle(name, &[AVAX]).unwrap();
            world.assert_sound();
        }
    }
    // One more tick has no price.
    world.advance(1);
    world.publish(AVAX, 20_000 * 20_480 + 1);
    world.assert_rejected(EngineError::FeedPriceInvalid, |world| world.refresh(AVAX));
}

/// A claim at the edge of its type: an error for who would move it on, and no wrap.
#[test]
fn attack_37_claims_at_the_edge_of_their_type_do_not_wrap() {
    let sound = market_of(&MarketSpec::preset(AVAX));
    for quote in [i64::MAX, i64::MAX - 1, i64::MIN, i64::MIN + 1] {
        let mut world = sound.clone();
        let market = world.market_address(AVAX);
        let seat = usize::try_from(world.seat_index("ann", AVAX)).unwrap();
        let at = MARKET_HEADER_SIZE + seat * BLOCK_SIZE + std::mem::offset_of!(Seat, quote);
        world.change_account(&market, |account| {
            account.data[at..at + 8].copy_from_slice(&quote.to_le_bytes());
        });
        for attempt in [
            |world: &mut World| world.place("ann", AVAX, bid(20_001, 1).ioc()),
            |world: &mut World| world.place("ann", AVAX, ask(19_999, 1).ioc()),
            |world: &mut World| world.settle("ann", &[AVAX]),
            |world: &mut World| world.withdraw("ann", 1),
        ] {
            let mut world = world.clone();
            let before = world.snapshot();
            match attempt(&mut world) {
                Ok(_) => {
                    let now = world.seat("ann", AVAX).quote;
                    assert!(quote.signum() * now.signum() >= 0, "{quote} became {now}");
                    world.assert_custody_exact();
                }
                Err(rejected) => {
                    assert_no_panic("claim", &rejected.logs);
                    world.assert_unchanged(&before);
                }
            }
        }
    }
}

/// A quote that the mark cannot read would stop every refresh, and with it the market.
#[test]
fn attack_37_price_beyond_the_largest_mark_is_refused() {
    // Ticks of a twentieth of the price: most of the 2^40 have no Q.32 price at all.
    let spec = MarketSpec::preset(AVAX).with(|params| {
        params.base_atoms_per_lot = 1_000;
        params.quote_atoms_per_lot_tick = 10;
    });
    let mut world = market_of(&MarketSpec {
        price_ticks: 20,
        ..spec
    });
    let highest = 4_096 * 100;
    world.cancel_all("bob", AVAX, u8::MAX).unwrap();
    world.place("ann", AVAX, ask(21, 1)).unwrap();
    for price in [highest + 1, 1 << 32, (1 << 40) - 1] {
        for order in [ask(price, 1), bid(price, 1), ask(price, 1).post_only()] {
            world.assert_rejected(EngineError::PriceOutOfRange, |world| {
                world.place("ann", AVAX, order)
            });
        }
    }
    world.place("ann", AVAX, ask(highest, 1)).unwrap();
    // The far order alone is left, and the index goes on.
    let seat = world.seat_index("ann", AVAX);
    let (block, near) = world.market(AVAX).orders_of_seat(seat)[1];
    world.cancel("ann", AVAX, block, near.sequence).unwrap();
    world.move_index(AVAX, 21);
    world.assert_sound();
}

/// The numbers that orders and seats are told apart by do not start again.
#[test]
fn attack_37_exhausted_sequence_is_an_error_not_a_wrap() {
    let mut world = market_of(&MarketSpec::preset(AVAX));
    world.trader("cid", 1_000_000_000, &[]);
    let market = world.market_address(AVAX);
    let at = 8 + std::mem::offset_of!(MarketHeader, sequence);
    let write = |world: &mut World, sequence: u64| {
        world.change_account(&market, |account| {
            account.data[at..at + 8].copy_from_slice(&sequence.to_le_bytes());
        });
    };
    write(&mut world, u64::MAX);
    world.assert_rejected(EngineError::Overflow, |world| {
        world.place("ann", AVAX, bid(19_000, 1))
    });
    world.assert_rejected(EngineError::Overflow, |world| {
        world.claim_seat("cid", AVAX, 1)
    });
    // What rests nowhere needs no number, and the last one is used.
    world.place("ann", AVAX, bid(20_001, 1).ioc()).unwrap();
    write(&mut world, u64::MAX - 1);
    world.place("ann", AVAX, bid(19_000, 1)).unwrap();
    world.assert_sound();
}

#[test]
fn attack_37_extreme_parameters_are_errors_not_panics() {
    let sound = World::new();
    let spec = MarketSpec::preset(AVAX);
    let bytes = bytemuck::bytes_of(&spec.params).len();
    let words = (std::mem::offset_of!(MarketParams, feeds_len) - 80) / 4;
    let mut places: Vec<(usize, usize)> = (0..10).map(|field| (field * 8, 8)).collect();
    places.extend((0..words).map(|field| (80 + field * 4, 4)));
    let feeds = 80 + words * 4;
    places.extend((0..8).map(|field| (feeds + field, 1)));
    assert!(feeds + 8 + 96 + 64 == bytes, "a field without a row");
    let (mut opened, mut refused) = (0, 0);
    for (at, width) in places {
        for value in extremes(width)
            .into_iter()
            .chain([1_000_000, 1 << 32, 1 << 40, 1 << 48])
        {
            if width < 8 && value >> (8 * width) != 0 {
                continue;
            }
            let mut changed = spec.clone();
            bytemuck::bytes_of_mut(&mut changed.params)[at..at + width]
                .copy_from_slice(&value.to_le_bytes()[..width]);
            let mut world = sound.clone();
            let before = world.snapshot();
            match world.create_market(&changed) {
                Ok(_) => {
                    use_market(&mut world, &changed);
                    opened += 1;
                }
                Err(rejected) => {
                    let known = [
                        Some(EngineError::ParameterOutOfBounds),
                        Some(EngineError::ListingRuleViolated),
                    ];
                    let error = rejected.engine;
                    assert!(known.contains(&error), "{at} = {value}: {rejected:?}");
                    world.assert_unchanged(&before);
                    refused += 1;
                }
            }
        }
    }
    assert!(
        opened > 50 && refused > 300,
        "{opened} opened, {refused} refused"
    );
}

/// Whatever was accepted can be used, or refuses by name.
fn use_market(world: &mut World, spec: &MarketSpec) {
    let same_price = spec.params.base_atoms_per_lot == 1_000_000
        && spec.params.quote_atoms_per_lot_tick == 10
        && spec.params.base_decimals == 8;
    if same_price {
        world.publish(AVAX, spec.price_ticks);
        match world.refresh(AVAX) {
            Ok(_) => {}
            Err(rejected) => {
                assert_no_panic("refresh_mark", &rejected.logs);
                assert!(rejected.engine.is_some(), "{rejected:?}");
            }
        }
    }
    for name in ["ann", "bob"] {
        world.trader(name, 1_000_000_000_000, &[]);
        let slots = spec.params.order_slots_max.min(4);
        world.claim_seat(name, AVAX, slots).unwrap();
    }
    let price = spec.price_ticks;
    for (name, order) in [("bob", ask(price, 100)), ("ann", bid(price, 100))] {
        if let Err(rejected) = world.place(name, AVAX, order) {
            assert_no_panic("place_order", &rejected.logs);
            assert!(rejected.engine.is_some(), "{rejected:?}");
        }
    }
    world.assert_sound();
}
