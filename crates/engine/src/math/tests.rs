//! Every product against big integers.
#![allow(clippy::unwrap_used)]

use num_bigint::{BigInt, BigUint};
use proptest::prelude::*;

use super::*;

fn big(a: u64) -> BigUint {
    BigUint::from(a)
}

fn fitted(exact: BigUint) -> Result<u64> {
    u64::try_from(exact).map_err(|_| EngineError::Overflow)
}

fn floor(a: u64, b: u64, d: u64) -> Result<u64> {
    fitted(big(a) * b / d)
}

fn ceil(a: u64, b: u64, d: u64) -> Result<u64> {
    fitted((big(a) * b + d - 1_u8) / d)
}

/// Numbers of every length, and those around powers of two, where the fast paths end.
fn any_u64() -> impl Strategy<Value = u64> {
    prop_oneof![
        (any::<u64>(), 0_u32..64).prop_map(|(value, shift)| value >> shift),
        (0_u32..64, -2_i64..=2).prop_map(|(bit, off)| (1_u64 << bit).wrapping_add_signed(off)),
        Just(u64::MAX),
        Just(0),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn values_at_a_price_are_exact_floors_and_ceilings(a in any_u64(), b in any_u64()) {
        prop_assert_eq!(mul_q32_floor(a, b), floor(a, b, 1 << 32));
        prop_assert_eq!(mul_q32_ceil(a, b), ceil(a, b, 1 << 32));
    }

    #[test]
    fn shares_in_ppm_are_exact_floors_and_ceilings(a in any_u64(), ppm in any_u64()) {
        prop_assert_eq!(mul_ppm_floor(a, ppm), floor(a, ppm, PPM));
        prop_assert_eq!(mul_ppm_ceil(a, ppm), ceil(a, ppm, PPM));
    }

    #[test]
    fn quotients_of_products_are_exact(a in any_u64(), b in any_u64(), d in any_u64()) {
        if d == 0 {
            prop_assert_eq!(mul_div_floor(a, b, d), Err(EngineError::Overflow));
            prop_assert_eq!(mul_div_ceil(a, b, d), Err(EngineError::Overflow));
        } else {
            prop_assert_eq!(mul_div_floor(a, b, d), floor(a, b, d));
            prop_assert_eq!(mul_div_ceil(a, b, d), ceil(a, b, d));
        }
        prop_assert_eq!(BigUint::from(wide(a, b)), big(a) * b);
    }

    #[test]
    fn sums_are_exact_or_an_error(a in any::<u64>(), b in any::<u64>()) {
        prop_assert_eq!(add(a, b), fitted(big(a) + b));
        prop_assert_eq!(mul(a, b), fitted(big(a) * b));
        prop_assert_eq!(sub(a, b).is_ok(), a >= b);
        let (x, y) = (a as i64, b as i64);
        let fit = |exact: BigInt| i64::try_from(exact).map_err(|_| EngineError::Overflow);
        prop_assert_eq!(add_signed(x, y), fit(BigInt::from(x) + y));
        prop_assert_eq!(sub_signed(x, y), fit(BigInt::from(x) - y));
    }

    #[test]
    fn wide_values_survive_being_split(value in any::<u128>()) {
        prop_assert_eq!(join_unsigned(split_unsigned(value)), value);
        let signed = value as i128;
        prop_assert_eq!(join_signed(split_signed(signed)), signed);
        prop_assert_eq!(split_unsigned(value)[0], value as u64);
    }
}

#[test]
fn the_fast_paths_end_where_their_products_would_not_fit() {
    let (a, ppm) = ((1 << 43) - 1, (1 << 21) - 1);
    assert_eq!(mul_ppm_ceil(a, ppm), ceil(a, ppm, PPM));
    assert_eq!(mul_ppm_ceil(a + 1, ppm), ceil(a + 1, ppm, PPM));
    assert_eq!(mul_ppm_ceil(a, ppm + 1), ceil(a, ppm + 1, PPM));
    assert_eq!(
        mul_q32_ceil(u64::MAX, LOW_32),
        ceil(u64::MAX, LOW_32, 1 << 32)
    );
    assert_eq!(mul_q32_ceil(u64::MAX, 1 << 32), Ok(u64::MAX));
    assert_eq!(
        mul_q32_ceil(u64::MAX, (1 << 32) + 1),
        Err(EngineError::Overflow)
    );
}

#[test]
fn time_that_went_back_is_no_time() {
    assert_eq!(seconds_since(10, 7), 3);
    assert_eq!(seconds_since(7, 10), 0);
    assert_eq!(seconds_since(i64::MIN, i64::MAX), 0);
    assert_eq!(seconds_since(i64::MAX, i64::MIN), i64::MAX as u64);
}

#[test]
fn amounts_that_fit_no_signed_number_are_an_error() {
    assert_eq!(signed(i64::MAX as u64), Ok(i64::MAX));
    assert_eq!(signed(1 << 63), Err(EngineError::Overflow));
    assert_eq!(narrow(u128::from(u64::MAX)), Ok(u64::MAX));
    assert_eq!(narrow(1 << 64), Err(EngineError::Overflow));
}
