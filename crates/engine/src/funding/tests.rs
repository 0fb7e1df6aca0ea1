//! Funding against exact integers: what is paid, what is received, and who bears the roundings.
#![allow(clippy::unwrap_used)]

use std::vec::Vec;

use bytemuck::{bytes_of, Zeroable};
use num_bigint::BigInt;
use proptest::prelude::*;

use super::*;
use crate::index::tests::{params, NOW};
use crate::math::{join_signed, join_unsigned, split_signed, split_unsigned};
use crate::units::PRICE_Q32_MAX;

/// One quote atom a base atom.
const PRICE: u64 = 1 << 32;
/// 0.1% of it.
const PREMIUM: i64 = 4_294_967;

fn side(shares: u128, scale: u64) -> Side {
    Side {
        shares: split_unsigned(shares),
        scale,
        ..Side::empty()
    }
}

fn equal_sides() -> [Side; 2] {
    [side(7_000_000, SCALE_ONE), side(7_000_000, SCALE_ONE)]
}

/// A market whose index was fresh over the last minute and whose funding is charged up to then.
fn prices(premium_ema: i64, seconds: i64) -> PriceState {
    PriceState {
        index: PRICE,
        index_time: NOW,
        premium_ema,
        funding_time: NOW - seconds,
        ..PriceState::zeroed()
    }
}

fn open() -> HaltState {
    HaltState::zeroed()
}

fn charge(sides: &mut [Side; 2], prices: &mut PriceState) -> FundingOutcome {
    accrue(sides, prices, &params(), &open(), NOW).unwrap()
}

fn index_of(side: &Side) -> i128 {
    join_signed(side.cash_index)
}

#[test]
fn longs_pay_shorts_when_the_premium_is_positive() {
    let (mut sides, mut prices) = (equal_sides(), prices(PREMIUM, 40));
    let outcome = charge(&mut sides, &mut prices);
    let rate = (i128::from(PREMIUM) << 32) * 40 / 28_800;
    let expected = FundingOutcome {
        seconds: 40,
        long_pays: rate,
        short_receives: rate,
        epoch_due: false,
    };
    assert_eq!(outcome, expected);
    assert_eq!((index_of(&sides[0]), index_of(&sides[1])), (-rate, -rate));
    assert_eq!(join_signed(prices.funding_index), rate);
    assert_eq!(prices.funding_time, NOW);
}

#[test]
fn shorts_pay_longs_when_the_premium_is_negative() {
    let (mut sides, mut prices) = (equal_sides(), prices(-PREMIUM, 40));
    let outcome = charge(&mut sides, &mut prices);
    let rate = (i128::from(PREMIUM) << 32) * 40 / 28_800;
    assert_eq!((outcome.long_pays, outcome.short_receives), (-rate, -rate));
    assert_eq!((index_of(&sides[0]), index_of(&sides[1])), (rate, rate));
    assert_eq!(join_signed(prices.funding_index), -rate);
}

#[test]
fn a_second_accrual_at_the_same_time_charges_nothing() {
    let (mut sides, mut prices) = (equal_sides(), prices(PREMIUM, 40));
    charge(&mut sides, &mut prices);
    let before = (sides, prices);
    assert_eq!(charge(&mut sides, &mut prices), FundingOutcome::default());
    assert_eq!((sides, prices), before);
}

#[test]
fn a_clock_that_goes_back_charges_nothing_and_does_not_charge_twice() {
    let (mut sides, mut prices) = (equal_sides(), prices(PREMIUM, 40));
    let early = accrue(&mut sides, &mut prices, &params(), &open(), NOW - 70).unwrap();
    assert_eq!((early.seconds, prices.funding_time), (0, NOW - 40));
    assert_eq!(charge(&mut sides, &mut prices).seconds, 40);
}

#[test]
fn the_rate_is_capped() {
    let (mut sides, mut prices) = (equal_sides(), prices(PREMIUM * 40, 40));
    let cap = i128::from(PRICE * 5_000 / 1_000_000);
    assert_eq!(
        charge(&mut sides, &mut prices).long_pays,
        (cap << 32) * 40 / 28_800
    );
}

#[test]
fn attack_25_accrual_interval_is_capped() {
    let (mut sides, mut state) = (equal_sides(), prices(PREMIUM, 61));
    let capped = charge(&mut sides, &mut state);
    assert_eq!(capped.seconds, 60);
    let (mut sides, mut whole) = (equal_sides(), prices(PREMIUM, 60));
    assert_eq!(charge(&mut sides, &mut whole), capped);
    // The rest of the interval is not charged later either.
    assert_eq!(charge(&mut sides, &mut state).seconds, 0);
}

#[test]
fn stale_time_is_not_charged() {
    let (mut sides, mut prices) = (equal_sides(), prices(PREMIUM, 40));
    // Fresh for 15 seconds from 20 seconds ago on: charged from 40 to 5 seconds ago.
    prices.index_time = NOW - 20;
    assert_eq!(charge(&mut sides, &mut prices).seconds, 35);
    assert_eq!(prices.funding_time, NOW);
    prices.funding_time = NOW - 4;
    assert_eq!(
        charge(&mut sides, &mut prices).seconds,
        0,
        "stale throughout"
    );
}

#[test]
fn halted_time_is_not_charged() {
    let halt = |phase: HaltPhase, tripped: i64, reopened: i64| HaltState {
        phase: phase.byte(),
        tripped_at: NOW - tripped,
        reopened_at: NOW - reopened,
        ..HaltState::zeroed()
    };
    let cases = [
        ("halted since", halt(HaltPhase::Call, 30, 100), 10),
        (
            "halted before it began",
            halt(HaltPhase::Resolve, 50, 100),
            0,
        ),
        ("halted in between", halt(HaltPhase::Continuous, 30, 22), 32),
        (
            "reopened in between",
            halt(HaltPhase::Continuous, 50, 22),
            22,
        ),
        ("halted long ago", halt(HaltPhase::Continuous, 70, 60), 40),
    ];
    for (name, halt, seconds) in cases {
        let (mut sides, mut prices) = (equal_sides(), prices(PREMIUM, 40));
        let outcome = accrue(&mut sides, &mut prices, &params(), &halt, NOW).unwrap();
        assert_eq!(outcome.seconds, seconds, "{name}");
        assert_eq!(prices.funding_time, NOW, "{name}");
    }
}

#[test]
fn a_market_without_an_index_charges_nothing() {
    let (mut sides, mut prices) = (equal_sides(), prices(PREMIUM, 40));
    prices.index = 0;
    assert_eq!(charge(&mut sides, &mut prices), FundingOutcome::default());
    assert_eq!(prices.funding_time, NOW);
}

#[test]
fn a_side_alone_neither_pays_nor_is_owed() {
    for (long, short) in [(0, 5_000), (5_000, 0), (0, 0)] {
        for premium in [PREMIUM, -PREMIUM] {
            let mut sides = [side(long, SCALE_ONE), side(short, SCALE_ONE)];
            let (before, mut prices) = (sides, prices(premium, 40));
            let outcome = charge(&mut sides, &mut prices);
            assert_eq!((outcome.long_pays, outcome.short_receives), (0, 0));
            assert_eq!(sides, before);
            assert_eq!(prices.funding_time, NOW);
        }
    }
}

#[test]
fn funding_to_a_larger_side_creates_no_claim_without_a_payer() {
    let mut sides = [side(1_000, SCALE_ONE), side(3_000, SCALE_ONE)];
    let outcome = charge(&mut sides, &mut prices(PREMIUM, 40));
    assert!(outcome.short_receives * 3 <= outcome.long_pays);
    assert!(outcome.short_receives * 3 >= outcome.long_pays - outcome.long_pays / 1_000_000);
    // Fewer receivers get their full rate; the rest stays in the pool.
    let mut sides = [side(3_000, SCALE_ONE), side(1_000, SCALE_ONE)];
    let outcome = charge(&mut sides, &mut prices(PREMIUM, 40));
    assert_eq!(outcome.short_receives, outcome.long_pays);
}

#[test]
fn funding_never_overflows_at_the_highest_price_and_widest_parameters() {
    // Wider than the parameter table allows: ten percent of the largest price in one accrual.
    let wide = MarketParams {
        funding_cap_ppm: 100_000,
        funding_period_seconds: 3_600,
        accrual_seconds_max: 3_600,
        ..params()
    };
    for scale in [SCALE_ONE, SCALE_ONE - 1, 1 << 48] {
        for premium in [i64::MAX, i64::MIN] {
            let mut prices = PriceState {
                index: PRICE_Q32_MAX,
                ..prices(premium, 3_600)
            };
            let mut sides = [side(1 << 61, scale), side(1 << 61, scale)];
            let outcome = accrue(&mut sides, &mut prices, &wide, &open(), NOW).unwrap();
            assert_eq!(outcome.seconds, 3_600);
            let payers = if premium > 0 {
                outcome.long_pays
            } else {
                -outcome.short_receives
            };
            assert_eq!(payers, i128::from(PRICE_Q32_MAX / 10) << 32);
            // A · 2^11 at most, of the A · 2^15 that an epoch lasts.
            assert!(!outcome.epoch_due);
        }
    }
}

#[test]
fn an_index_that_would_overflow_is_an_error_that_writes_nothing() {
    for full in [0, 1] {
        let mut sides = equal_sides();
        sides[full].cash_index = split_signed(i128::MIN + 5);
        let mut prices = prices(PREMIUM, 40);
        let before = (sides, prices);
        let result = accrue(&mut sides, &mut prices, &params(), &open(), NOW);
        assert_eq!(result, Err(EngineError::Overflow));
        assert_eq!(bytes_of(&sides), bytes_of(&before.0));
        assert_eq!(bytes_of(&prices), bytes_of(&before.1));
    }
}

#[test]
fn the_epoch_is_due_when_an_index_reaches_its_bound() {
    let rate = (i128::from(PREMIUM) << 32) * 40 / 28_800;
    for scale in [SCALE_ONE, SCALE_ONE / 4, 1 << 48] {
        // The receiver's step, rounded down.
        let step = (rate * i128::from(scale)) >> 62;
        let bound = -(i128::from(scale) << 15);
        for (start, due) in [(bound + step, true), (bound + step + 1, false)] {
            let mut sides = equal_sides();
            sides[1].scale = scale;
            sides[1].cash_index = split_signed(start);
            assert_eq!(charge(&mut sides, &mut prices(PREMIUM, 40)).epoch_due, due);
        }
    }
}

/// Quote atoms that a seat of `shares` is paid for a move of its side's index (spec §13, Touch).
fn touch(sign: i32, shares: u64, step: i128) -> BigInt {
    let exact = BigInt::from(sign) * shares * step;
    // Arithmetic shift: the floor.
    exact >> 64
}

#[test]
fn attack_26_long_and_short_pair_never_gains_from_funding() {
    for premium in [PREMIUM, -PREMIUM, 1, -1, 12_345] {
        for base in [1_u64, 3, 999_999, 7_000_000] {
            let (mut sides, mut net) = (equal_sides(), BigInt::ZERO);
            for minute in 0..50_i64 {
                let now = NOW + minute * 37;
                let mut prices = PriceState {
                    index_time: now,
                    funding_time: now - 37,
                    ..prices(premium, 0)
                };
                let before = [index_of(&sides[0]), index_of(&sides[1])];
                accrue(&mut sides, &mut prices, &params(), &open(), now).unwrap();
                net += touch(1, base, index_of(&sides[0]) - before[0]);
                net += touch(-1, base, index_of(&sides[1]) - before[1]);
            }
            assert!(
                net <= BigInt::ZERO,
                "premium {premium} base {base} net {net}"
            );
        }
    }
}

fn any_side() -> impl Strategy<Value = Side> {
    let scale = prop_oneof![Just(SCALE_ONE), (1_u64 << 48)..SCALE_ONE, Just(1 << 48)];
    ((1_u128..1 << 62, 0_u32..62), scale)
        .prop_map(|((shares, shift), scale)| side((shares >> shift).max(1), scale))
}

/// N·A in Q2.62 base atoms: what the side holds at most.
fn exact_base(side: &Side) -> BigInt {
    BigInt::from(join_unsigned(side.shares)) * side.scale
}

proptest! {
    #[test]
    fn no_accrual_credits_more_than_it_charges(
        long in any_side(),
        short in any_side(),
        premium in -100_000_000_i64..100_000_000,
        seconds in 0_i64..100,
    ) {
        let mut sides = [long, short];
        let mut prices = prices(premium, seconds);
        let outcome = charge(&mut sides, &mut prices);
        let step = [0, 1].map(|i| index_of(&sides[i]) - index_of(&[long, short][i]));
        let longs = BigInt::from(join_unsigned(long.shares)) * step[0];
        let shorts = -BigInt::from(join_unsigned(short.shares)) * step[1];
        prop_assert!(&longs + &shorts <= BigInt::ZERO, "a claim without its payer");
        // Nobody pays the wrong way round.
        let paying = if premium > 0 { longs } else { shorts };
        prop_assert!(paying <= BigInt::ZERO);
        // The payer's step is the exact product rounded up, the receiver's the exact one rounded down.
        let rates = [outcome.long_pays, outcome.short_receives];
        for (i, side) in [long, short].iter().enumerate() {
            let exact = BigInt::from(-rates[i]) * side.scale;
            let floor: BigInt = &exact >> 62;
            let floor_of_negated: BigInt = -exact >> 62;
            let ceil = -floor_of_negated;
            prop_assert_eq!(BigInt::from(step[i]), if i == 0 { floor } else { ceil });
        }
    }

    #[test]
    fn the_rate_equals_exact_arithmetic(
        premium in any::<i64>(),
        index in 1..PRICE_Q32_MAX,
        seconds in 0_i64..3_700,
        cap in 0_u32..=100_000,
        period in 3_600_u32..=86_400,
    ) {
        let wide = MarketParams {
            funding_cap_ppm: cap,
            funding_period_seconds: period,
            accrual_seconds_max: 3_600,
            ..params()
        };
        let mut prices = PriceState { index, ..prices(premium, seconds) };
        let outcome = accrue(&mut equal_sides(), &mut prices, &wide, &open(), NOW).unwrap();
        let bound = BigInt::from(index) * cap / 1_000_000;
        let clamped = BigInt::from(premium).clamp(-&bound, bound);
        // Division of BigInt truncates toward zero, as the rate does.
        let exact: BigInt = (clamped << 32) * seconds.min(3_600) / period;
        prop_assert_eq!(BigInt::from(outcome.long_pays), exact);
        prop_assert_eq!(outcome.long_pays, outcome.short_receives);
    }

    #[test]
    fn all_seats_together_never_gain(
        longs in prop::collection::vec(1_u64..1_000_000_000, 1..8),
        splits in prop::collection::vec(1_u64..1_000_000_000, 0..8),
        premium in -50_000_000_i64..50_000_000,
        scale in prop_oneof![Just(SCALE_ONE), (1_u64 << 50)..SCALE_ONE],
    ) {
        // Any split of the same total on the other side.
        let total: u64 = longs.iter().sum();
        let mut rest = total;
        let mut shorts: Vec<u64> = splits.iter().map(|s| { let part = (*s).min(rest); rest -= part; part }).collect();
        shorts.push(rest);
        let mut sides = [side(u128::from(total), scale), side(u128::from(total), scale)];
        charge(&mut sides, &mut prices(premium, 45));
        let (c_long, c_short) = (index_of(&sides[0]), index_of(&sides[1]));
        let paid: BigInt = longs.iter().map(|n| touch(1, *n, c_long)).sum();
        let received: BigInt = shorts.iter().map(|n| touch(-1, *n, c_short)).sum();
        let net = &paid + &received;
        prop_assert!(net <= BigInt::ZERO);
        // And the pool keeps no more than an atom a seat, plus the receivers' lost fraction of a base atom.
        prop_assert!(-net <= BigInt::from(longs.len() + shorts.len() + 2));
    }

    #[test]
    fn receivers_lose_no_more_than_a_base_atoms_share(
        long in any_side(),
        short in any_side(),
        premium in 1_i64..20_000_000,
    ) {
        let outcome = charge(&mut [long, short], &mut prices(premium, 60));
        if exact_base(&long) >= exact_base(&short) + (BigInt::from(2) << 62) {
            prop_assert_eq!(outcome.short_receives, outcome.long_pays);
        }
        prop_assert!(outcome.short_receives <= outcome.long_pays);
    }
}
