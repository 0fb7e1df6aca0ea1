//! `create_market` and `grow_market`: what a listing must be, and room for more.

use plimsoll_engine::params::MarketParams;
use plimsoll_engine::state::{GROWTH_SIZE_MAX, MARKET_SIZE_MAX};
use plimsoll_testkit::events::{MarketCreated, MarketGrown};
use plimsoll_testkit::{Actor, EngineError, MarketSpec, World, PRESETS};
use solana_signer::Signer;

const AVAX: &str = "AVAX";

#[test]
fn market_is_created_pending_with_its_mark_and_the_next_number() {
    let mut world = World::new();
    for (number, symbol) in (0..).zip(PRESETS) {
        let spec = MarketSpec::preset(symbol).blocks(100);
        let created = world
            .create_market_now(&spec)
            .unwrap()
            .event::<MarketCreated>();
        let address = world.market_address(symbol);
        assert_eq!((created.version, created.number), (1, number));
        assert_eq!(
            (created.exchange, created.market),
            (world.addresses.exchange, address)
        );
        let market = world.market(symbol);
        assert_eq!(market.symbol(), symbol);
        assert_eq!(market.header.symbol, created.symbol);
        let header = market.header;
        assert_eq!(
            (header.version, header.status, header.number),
            (1, 0, number)
        );
        assert_eq!((header.arena.capacity, header.arena.fresh), (100, 1));
        assert_eq!(header.params, spec.params);
        assert_eq!(header.exchange, world.addresses.exchange.to_bytes());
        assert_eq!(
            header.mark_account,
            world.addresses.mark(&address).to_bytes()
        );
        assert_eq!((header.created_at, header.prices.index), (world.now(), 0));
        assert_eq!(header.losses.fund_from, world.now() + 172_800);
        let mark = world.mark(symbol);
        assert_eq!((mark.market, mark.mark), (address.to_bytes(), 0));
    }
    assert_eq!(world.exchange().markets, 4);
    world.assert_sound();
}

#[track_caller]
fn refused(
    world: &mut World,
    error: EngineError,
    what: &str,
    change: impl FnOnce(&mut MarketParams),
) {
    let spec = MarketSpec::preset(AVAX).with(change);
    let rejected = world.assert_refused(|world| world.create_market_now(&spec));
    assert_eq!(rejected.engine, Some(error), "{what}: {rejected:?}");
}

macro_rules! out_of_bounds {
    ($world:ident, $($field:ident: $($value:expr),+;)*) => {
        $($(
            refused(
                &mut $world,
                EngineError::ParameterOutOfBounds,
                concat!(stringify!($field), " = ", stringify!($value)),
                |params| params.$field = $value,
            );
        )+)*
    };
}

#[test]
fn size_out_of_its_bounds_is_rejected() {
    let mut world = World::new();
    out_of_bounds! {
        world,
        base_atoms_per_lot: 0, (1 << 40) + 1;
        quote_atoms_per_lot_tick: 0, (1 << 32) + 1;
        lots_min: 0, (1 << 32) + 1;
        size_free: 0, (1 << 48) + 1;
        size_unit: 0, (1 << 48) + 1;
        open_interest_max: 0, (1 << 56) + 1;
        open_interest_low: u64::MAX;
        open_interest_high: 0, (1 << 57) + 1;
        slice_lots_max: 0, (1 << 32) + 1;
        reimbursement_cap: 10_000_001;
        initial_margin_ppm: 9_999, 1_000_001;
        size_slope_ppm: 1_000_001;
        taker_fee_ppm: 10_001;
        maker_fee_ppm: 10_001;
        liquidation_contribution_ppm: 10_001;
        base_decimals: 19;
        order_slots_max: 0, 65;
    }
}

#[test]
fn price_rule_out_of_its_bounds_is_rejected() {
    let mut world = World::new();
    out_of_bounds! {
        world,
        feeds_len: 0, 4;
        feeds_required: 0, 2;
        index_age_seconds_max: 0, 301;
        confidence_ppm_max: 0, 100_001;
        feed_spread_ppm_max: 0, 100_001;
        last_trade_age_seconds_max: 0, 3_601;
        basis_clip_ppm: 0, 100_001;
        basis_ema_seconds: 0, 3_601;
        premium_ema_seconds: 59, 86_401;
        funding_cap_ppm: 100_001;
        funding_period_seconds: 3_599, 86_401;
        accrual_seconds_max: 0, 3_601;
    }
    let error = EngineError::ParameterOutOfBounds;
    refused(&mut world, error, "no feed id", |params| {
        params.feed_ids[0] = [0; 32]
    });
    refused(&mut world, error, "the same feed twice", |params| {
        params.feeds_len = 2;
        params.feeds_required = 2;
        params.feed_ids[1] = params.feed_ids[0];
    });
    refused(&mut world, error, "no majority", |params| {
        params.feeds_len = 2;
        params.feed_ids[1] = [9; 32];
    });
}

#[test]
fn field_without_a_meaning_that_is_not_zero_is_rejected() {
    let mut world = World::new();
    let error = EngineError::ParameterOutOfBounds;
    refused(&mut world, error, "reserved", |params| {
        params.reserved[6] = 1;
    });
    refused(&mut world, error, "padding", |params| {
        params.reserved_0[3] = 1;
    });
    refused(&mut world, error, "a feed beyond their number", |params| {
        params.feed_ids[2] = [9; 32];
    });
}

/// Bounds that are another parameter's value.
#[test]
fn parameter_beyond_the_one_that_bounds_it_is_rejected() {
    let mut world = World::new();
    type Change = fn(&mut MarketParams);
    let changes: [(&str, Change); 10] = [
        ("no open interest at all", |p| {
            (p.open_interest_low, p.open_interest_max) = (0, 0);
        }),
        ("low over most", |p| {
            p.open_interest_low = p.open_interest_max + 1
        }),
        ("low at high", |p| {
            p.open_interest_high = p.open_interest_low
        }),
        ("slice under the least order", |p| {
            (p.lots_min, p.slice_lots_max) = (2, 1);
        }),
        ("trip volume under the least order", |p| {
            p.lots_min = p.trip_volume_lots_min + 1;
            p.slice_lots_max = p.lots_min;
        }),
        ("long threshold under the short one", |p| {
            p.velocity_long_ppm = p.velocity_short_ppm - 1;
        }),
        ("long window under the short one", |p| {
            p.velocity_long_seconds = p.velocity_short_seconds - 1;
        }),
        ("volume alone under volume with a move", |p| {
            p.trip_volume_moved_ppm = p.trip_volume_alone_ppm + 1;
        }),
        ("a call all frozen", |p| {
            (p.call_seconds, p.freeze_seconds) = (3, 3);
        }),
        ("longest call under the first", |p| {
            p.call_seconds_max = p.call_seconds - 1;
        }),
    ];
    for (what, change) in changes {
        refused(&mut world, EngineError::ParameterOutOfBounds, what, change);
    }
}

#[test]
fn power_out_of_its_bounds_is_rejected() {
    let mut world = World::new();
    out_of_bounds! {
        world,
        velocity_short_ppm: 999, 500_001;
        velocity_short_seconds: 0, 601;
        velocity_long_ppm: 49_999, 900_001;
        velocity_long_seconds: 29, 86_401;
        trip_volume_moved_ppm: 1_000_001;
        trip_volume_alone_ppm: 999, 1_000_001;
        freeze_seconds: 0, 6;
        call_seconds: 1, 31;
        call_seconds_max: 4, 31;
        resolve_seconds: 0, 11;
        retrip_seconds: 601;
        halt_budget_ppm: 250_001;
        halt_budget_trade_ppm: 1_000_001;
        halt_budget_seconds: 59, 3_601;
        takeover_seconds: 0, 601;
        takeover_credit_seconds: 0, 601;
        reimbursement_growth_seconds: 0, 601;
        default_fund_budget_ppm: 200_001;
        index_dead_seconds: 86_399, 2_592_001;
        trip_volume_lots_min: 0, (1 << 32) + 1;
    }
}

#[test]
fn margin_that_does_not_cover_one_threshold_and_its_costs_is_rejected() {
    // θ 50,000; costs ⌈1.05 × (500 + 2,500 + ⌈5,000 × 90 / 28,800⌉)⌉ = 3,167; doubled 106,334.
    let mut world = World::new();
    let error = EngineError::ListingRuleViolated;
    refused(&mut world, error, "one ppm short", |params| {
        params.initial_margin_ppm = 106_333;
    });
    let spec = MarketSpec::preset(AVAX).with(|params| params.initial_margin_ppm = 106_334);
    world.create_market_now(&spec).unwrap();
}

#[test]
fn market_without_a_name_or_without_room_for_a_header_is_rejected() {
    let mut world = World::new();
    world.fund_wallet("authority");
    let spec = MarketSpec::preset(AVAX);
    let keypairs = [
        Actor::from("authority").keypair(),
        World::market_keypair(AVAX),
    ];
    let signers = [&keypairs[0], &keypairs[1]];
    let mut nameless = world.create_market_ix(&spec);
    nameless[1].data[8..24].fill(0);
    let mut short = world.create_market_ix(&spec);
    // The system program's create_account: lamports at 4, bytes at 12.
    short[0].data[12..20].copy_from_slice(&2_047_u64.to_le_bytes());
    for instructions in [nameless, short] {
        world.assert_rejected(EngineError::ParameterOutOfBounds, |world| {
            world.send_signed(&instructions, &signers)
        });
    }
}

#[test]
fn market_of_anyone_but_the_authority_is_rejected() {
    let mut world = World::new();
    world.fund_wallet("bob");
    let mut instructions = world.create_market_ix(&MarketSpec::preset(AVAX));
    let bob = Actor::from("bob");
    instructions[0].accounts[0].pubkey = bob.key();
    for position in [0, 1] {
        instructions[1].accounts[position].pubkey = bob.key();
    }
    world.assert_rejected(EngineError::NotAuthorized, |world| {
        world.send_signed(
            &instructions,
            &[&bob.keypair(), &World::market_keypair(AVAX)],
        )
    });
}

#[test]
fn second_creation_of_a_market_is_rejected() {
    let mut world = World::trading(&[AVAX]);
    let [_, again] = world.create_market_ix(&MarketSpec::preset(AVAX));
    let keypairs = [
        Actor::from("authority").keypair(),
        World::market_keypair(AVAX),
    ];
    world.assert_rejected(EngineError::AlreadyInitialized, |world| {
        world.send_signed(&[again], &[&keypairs[0], &keypairs[1]])
    });
}

#[test]
fn market_account_of_another_program_is_rejected() {
    let mut world = World::new();
    let spec = MarketSpec::preset(AVAX);
    let mut instructions = world.create_market_ix(&spec);
    let token_program = world.addresses.token_program;
    instructions[0].data[20..52].copy_from_slice(token_program.as_ref());
    world.fund_wallet("authority");
    let keypairs = [
        Actor::from("authority").keypair(),
        World::market_keypair(AVAX),
    ];
    world.assert_rejected(EngineError::WrongAccount, |world| {
        world.send_signed(&instructions, &[&keypairs[0], &keypairs[1]])
    });
}

#[test]
fn mark_at_another_address_is_rejected() {
    let mut world = World::new();
    world.fund_wallet("authority");
    let mut instructions = world.create_market_ix(&MarketSpec::preset(AVAX));
    let elsewhere = world.addresses.mark(&World::market_keypair("BTC").pubkey());
    instructions[1].accounts[4].pubkey = elsewhere;
    let keypairs = [
        Actor::from("authority").keypair(),
        World::market_keypair(AVAX),
    ];
    world.assert_rejected(EngineError::WrongAccount, |world| {
        world.send_signed(&instructions, &[&keypairs[0], &keypairs[1]])
    });
}

#[test]
fn market_grows_by_the_runtimes_largest_step() {
    let mut world = World::new();
    world.open_market(&MarketSpec::preset(AVAX).blocks(16));
    let grown = world
        .grow_market("bob", AVAX)
        .unwrap()
        .event::<MarketGrown>();
    // 10,240 bytes are 80 blocks.
    assert_eq!(
        grown,
        MarketGrown {
            version: 1,
            market: world.market_address(AVAX),
            capacity: 96,
        }
    );
    assert_eq!(world.market(AVAX).header.arena.capacity, 96);
    assert_eq!(world.market(AVAX).blocks.len(), 96);
    world.assert_sound();
}

#[test]
fn growth_without_the_rent_of_the_new_bytes_is_rejected() {
    let mut world = World::new();
    world.open_market(&MarketSpec::preset(AVAX).blocks(16));
    let [_, bare] = world.grow_market_ix("bob", AVAX);
    world.assert_rejected(EngineError::SeatDepositMissing, |world| {
        world.send(&[bare], &["bob".into()])
    });
}

#[test]
fn market_stops_growing_at_its_largest_size() {
    let mut world = World::new();
    let step = u32::try_from(GROWTH_SIZE_MAX / 128).unwrap();
    let most = u32::try_from((MARKET_SIZE_MAX - 2_048) / 128).unwrap();
    world.open_market(&MarketSpec::preset(AVAX).blocks(most - step / 2));
    world.grow_market("bob", AVAX).unwrap();
    assert_eq!(
        world.data(&world.market_address(AVAX)).len(),
        MARKET_SIZE_MAX
    );
    world.assert_rejected(EngineError::MarketAtMaxSize, |world| {
        world.grow_market("bob", AVAX)
    });
}

#[test]
fn growth_of_an_account_of_another_kind_is_rejected() {
    let mut world = World::trading(&[AVAX]);
    let mut instructions = world.grow_market_ix("bob", AVAX);
    instructions[1].accounts[0].pubkey = world.addresses.default_fund;
    world.assert_rejected(EngineError::WrongAccount, |world| {
        world.send(&instructions, &["bob".into()])
    });
}
