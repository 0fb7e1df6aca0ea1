//! Conversions between units against big integers, and where they end.
#![allow(clippy::unwrap_used)]

use num_bigint::{BigInt, BigUint};
use proptest::prelude::*;

use super::*;

fn sizes(base_atoms_per_lot: u64, quote_atoms_per_lot_tick: u64) -> LotSizes {
    LotSizes {
        base_atoms_per_lot,
        quote_atoms_per_lot_tick,
    }
}

fn fitted(exact: BigUint) -> Result<u64> {
    u64::try_from(exact).map_err(|_| EngineError::Overflow)
}

#[test]
fn cash_and_base_of_a_fill_are_exact_products_or_an_error() {
    let sizes = sizes(1 << 40, 1 << 32);
    let cash = |lots, ticks| sizes.fill_cash(BaseLots(lots), Ticks(ticks));
    assert_eq!(cash(3, 5), Ok(QuoteAtoms(15 << 32)));
    assert_eq!(
        cash(1, (1 << 32) - 1),
        Ok(QuoteAtoms(((1 << 32) - 1) << 32))
    );
    assert_eq!(cash(1, 1 << 32), Err(EngineError::Overflow));
    assert_eq!(cash(LOTS_MAX, TICKS_MAX), Err(EngineError::Overflow));
    assert_eq!(sizes.base_atoms(BaseLots(7)), Ok(7 << 40));
    assert_eq!(
        sizes.base_atoms(BaseLots(1 << 24)),
        Err(EngineError::Overflow)
    );
}

#[test]
fn a_remainder_below_a_lot_is_not_tradable() {
    let sizes = sizes(7, 1);
    for (base, lots) in [
        (0, 0),
        (6, 0),
        (7, 1),
        (13, 1),
        (14, 2),
        (u64::MAX, u64::MAX / 7),
    ] {
        assert_eq!(sizes.lots_floor(base), BaseLots(lots));
    }
}

#[test]
fn a_lot_of_no_atoms_is_an_error_and_no_division_by_zero() {
    let none = sizes(0, 1);
    assert_eq!(none.price_floor(Ticks(1)), Err(EngineError::Overflow));
    assert_eq!(none.price_ceil(Ticks(1)), Err(EngineError::Overflow));
    assert_eq!(none.lots_floor(5), BaseLots(0));
}

#[test]
fn the_most_negative_position_has_a_value_or_an_error() {
    assert_eq!(
        PriceQ32(1 << 32).position_value(i64::MIN),
        Err(EngineError::Overflow)
    );
    assert_eq!(PriceQ32(1).position_value(i64::MIN), Ok(-(1 << 31)));
    assert_eq!(
        PriceQ32(PRICE_Q32_MAX).position_value(-(1 << 48) + 1),
        Ok(-((1 << 60) - 4_096))
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_tick_as_q32_is_the_exact_quotient_down_and_up(
        ticks in 1_u64..1 << 40,
        tick_shift in 0_u32..40,
        lot in 1_u64..=1 << 40,
        lot_shift in 0_u32..40,
        quote in 1_u64..=1 << 32,
        quote_shift in 0_u32..32,
    ) {
        let ticks = (ticks >> tick_shift).max(1);
        let (lot, quote) = ((lot >> lot_shift).max(1), (quote >> quote_shift).max(1));
        let sizes = sizes(lot, quote);
        let per_lot = BigUint::from(ticks) * quote;
        let floor = fitted(per_lot.clone()).and_then(|_| fitted((per_lot.clone() << 32) / lot));
        let ceil = fitted(per_lot.clone()).and_then(|_| fitted(((per_lot << 32) + (lot - 1)) / lot));
        prop_assert_eq!(sizes.price_floor(Ticks(ticks)), floor.map(PriceQ32));
        prop_assert_eq!(sizes.price_ceil(Ticks(ticks)), ceil.map(PriceQ32));
    }

    #[test]
    fn a_positions_value_is_the_floor_of_its_signed_value(
        base in -(1_i64 << 48)..(1 << 48),
        price in 0_u64..=PRICE_Q32_MAX,
    ) {
        // The shift of a negative big integer is a floor.
        let exact = (BigInt::from(base) * price) >> 32;
        prop_assert_eq!(BigInt::from(PriceQ32(price).position_value(base).unwrap()), exact);
    }
}
