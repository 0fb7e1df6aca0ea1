//! Every bound of the parameter table at both ends, and the listing rule.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::seats::tests::params;

type Set = fn(&mut MarketParams, u64);

/// Wide open: a change of one field violates only that field's bound.
fn open() -> MarketParams {
    MarketParams {
        initial_margin_ppm: 1_000_000,
        velocity_short_ppm: 1_000,
        velocity_long_ppm: 900_000,
        velocity_long_seconds: 86_400,
        ..params()
    }
}

macro_rules! bound {
    ($field:ident, $low:expr, $high:expr) => {
        (
            stringify!($field),
            (|p, v| p.$field = v.try_into().unwrap()) as Set,
            $low,
            $high,
        )
    };
}

/// With a low cap of zero, only its own bound keeps the open interest of a market above zero.
#[test]
fn a_market_may_have_some_open_interest() {
    let params = |open_interest_max| MarketParams {
        open_interest_low: 0,
        open_interest_max,
        ..open()
    };
    assert_eq!(params(1).validate(), Ok(()));
    assert_eq!(params(0).validate(), Err(EngineError::ParameterOutOfBounds));
}

#[test]
fn every_parameter_is_accepted_at_its_bounds_and_rejected_beyond() {
    let base = open();
    let table = [
        bound!(base_atoms_per_lot, 1, 1 << 40),
        bound!(quote_atoms_per_lot_tick, 1, 1 << 32),
        bound!(lots_min, 1, base.trip_volume_lots_min),
        bound!(size_free, 1, 1 << 48),
        bound!(size_unit, 1, 1 << 48),
        bound!(open_interest_low, 0, base.open_interest_max),
        bound!(open_interest_high, base.open_interest_low + 1, 1 << 57),
        bound!(open_interest_max, base.open_interest_low, 1 << 56),
        bound!(slice_lots_max, base.lots_min, 1 << 32),
        bound!(reimbursement_cap, 0, 10_000_000),
        bound!(size_slope_ppm, 0, 1_000_000),
        bound!(taker_fee_ppm, 0, 10_000),
        bound!(maker_fee_ppm, 0, 10_000),
        bound!(liquidation_contribution_ppm, 0, 10_000),
        bound!(base_decimals, 0, 18),
        bound!(order_slots_max, 1, 64),
        bound!(index_age_seconds_max, 1, 300),
        bound!(confidence_ppm_max, 1, 100_000),
        bound!(feed_spread_ppm_max, 1, 100_000),
        bound!(last_trade_age_seconds_max, 1, 3_600),
        bound!(basis_clip_ppm, 1, 100_000),
        bound!(basis_ema_seconds, 1, 3_600),
        bound!(premium_ema_seconds, 60, 86_400),
        bound!(funding_cap_ppm, 0, 100_000),
        bound!(funding_period_seconds, 3_600, 86_400),
        bound!(accrual_seconds_max, 1, 3_600),
        bound!(velocity_short_ppm, 1_000, 490_000),
        bound!(velocity_short_seconds, 1, 600),
        bound!(velocity_long_ppm, 1_000, 900_000),
        bound!(velocity_long_seconds, 10, 86_400),
        bound!(trip_volume_moved_ppm, 0, base.trip_volume_alone_ppm.into()),
        bound!(
            trip_volume_alone_ppm,
            base.trip_volume_moved_ppm.into(),
            1_000_000
        ),
        bound!(call_seconds, 2, 30),
        bound!(call_seconds_max, base.call_seconds.into(), 30),
        bound!(freeze_seconds, 1, 4),
        bound!(resolve_seconds, 1, 10),
        bound!(retrip_seconds, 0, 600),
        bound!(halt_budget_ppm, 0, 250_000),
        bound!(halt_budget_trade_ppm, 0, 1_000_000),
        bound!(halt_budget_seconds, 60, 3_600),
        bound!(takeover_seconds, 1, 600),
        bound!(takeover_credit_seconds, 1, 600),
        bound!(reimbursement_growth_seconds, 1, 600),
        bound!(default_fund_budget_ppm, 0, 200_000),
        bound!(index_dead_seconds, 86_400, 2_592_000),
        bound!(trip_volume_lots_min, base.lots_min, 1 << 32),
    ];
    for (name, set, low, high) in table {
        let with = |value| {
            let mut params = open();
            set(&mut params, value);
            params.validate()
        };
        assert_eq!(with(low), Ok(()), "{name} at {low}");
        assert_eq!(with(high), Ok(()), "{name} at {high}");
        let mut outside = std::vec![];
        outside.extend(low.checked_sub(1));
        // The listing rule ends the short threshold before its own bound does.
        let listing = name == "velocity_short_ppm";
        outside.push(if listing { 500_001 } else { high + 1 });
        for value in outside {
            let rejected = with(value);
            assert_eq!(
                rejected,
                Err(EngineError::ParameterOutOfBounds),
                "{name} {value}"
            );
        }
    }
}

#[test]
fn initial_margin_lies_between_one_and_a_hundred_percent() {
    for (initial_margin_ppm, error) in [
        (9_999, EngineError::ParameterOutOfBounds),
        (10_000, EngineError::ListingRuleViolated),
        (1_000_001, EngineError::ParameterOutOfBounds),
    ] {
        let params = MarketParams {
            initial_margin_ppm,
            ..params()
        };
        assert_eq!(params.validate(), Err(error));
    }
}

#[test]
fn feeds_are_named_once_and_a_majority_must_agree() {
    let ids = crate::index::tests::params().feed_ids;
    let with = |feeds_len, feeds_required, feed_ids| {
        let params = MarketParams {
            feeds_len,
            feeds_required,
            feed_ids,
            ..params()
        };
        params.validate().is_ok()
    };
    let cases = [
        (0, 0, false),
        (0, 1, false),
        (1, 0, false),
        (1, 1, true),
        (1, 2, false),
        (2, 1, false),
        (2, 2, true),
        (3, 1, false),
        (3, 2, true),
        (3, 3, true),
        (3, 4, false),
        (4, 3, false),
        (255, 255, false),
    ];
    for (len, required, accepted) in cases {
        let mut used = ids;
        used.iter_mut()
            .skip(usize::from(len))
            .for_each(|id| *id = [0; 32]);
        assert_eq!(with(len, required, used), accepted, "{len} {required}");
    }
    let [a, b, c] = ids;
    assert!(!with(2, 2, [a, a, c]) && !with(3, 2, [a, b, a]) && !with(3, 2, [a, b, [0; 32]]));
    assert!(!with(1, 1, [[0; 32], b, c]));
    // What is not used is zero, so that a field that gets a meaning later starts with a known value.
    assert!(!with(2, 2, [a, b, c]) && with(1, 1, [a, [0; 32], [0; 32]]));
}

#[test]
fn a_field_without_a_meaning_is_zero() {
    let set: [fn(&mut MarketParams); 2] = [|p| p.reserved[6] = 1, |p| p.reserved_0[3] = 1];
    for set in set {
        let mut params = params();
        set(&mut params);
        assert_eq!(params.validate(), Err(EngineError::ParameterOutOfBounds));
    }
}

/// θ 2%, fees 0.05% + 0.25%, funding ⌈0.5% · (60 + 10) / 28,800⌉ = 13 ppm: 2 × (20,000 + ⌈1.02 × 3,013⌉).
#[test]
fn the_listing_rule_is_met_at_equality() {
    let with = |initial_margin_ppm| {
        let params = MarketParams {
            initial_margin_ppm,
            ..params()
        };
        params.validate()
    };
    assert_eq!(with(46_148), Ok(()));
    assert_eq!(with(46_147), Err(EngineError::ListingRuleViolated));
}

#[test]
fn every_cost_enters_the_listing_rule() {
    let costs: [fn(&mut MarketParams); 6] = [
        |p| p.velocity_short_ppm += 1,
        |p| p.taker_fee_ppm += 1,
        |p| p.liquidation_contribution_ppm += 1,
        |p| p.funding_cap_ppm += 1_000,
        |p| p.accrual_seconds_max += 10,
        |p| p.velocity_short_seconds += 10,
    ];
    for raise in costs {
        let mut params = MarketParams {
            initial_margin_ppm: 46_148,
            ..params()
        };
        raise(&mut params);
        assert_eq!(params.validate(), Err(EngineError::ListingRuleViolated));
    }
}

/// The case of ADR 0004: θ 5%, fee 0.05%, contribution 0.5%. Charging fees at the old price would accept
/// 111,000 ppm, at which a short at maintenance ends at −0.0275% of its notional.
#[test]
fn listing_rule_holds_for_a_short_at_the_moved_price() {
    let with = |initial_margin_ppm| {
        let params = MarketParams {
            initial_margin_ppm,
            velocity_short_ppm: 50_000,
            liquidation_contribution_ppm: 5_000,
            funding_cap_ppm: 0,
            ..params()
        };
        params.validate()
    };
    assert_eq!(with(111_000), Err(EngineError::ListingRuleViolated));
    assert_eq!(with(111_549), Err(EngineError::ListingRuleViolated));
    assert_eq!(with(111_550), Ok(()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Notional one, exact integers in 10^-18: start at MMF, move by θ against the side, pay fees,
    /// contribution and funding at the worse of the two prices.
    #[test]
    fn listing_rule_keeps_an_account_at_maintenance_solvent_through_one_threshold(
        theta in 1_000_u32..=450_000,
        fee in 0_u32..=10_000,
        contribution in 0_u32..=10_000,
        cap in 0_u32..=100_000,
        accrual in 1_u32..=3_600,
        window in 1_u32..=600,
        period in 3_600_u32..=86_400,
    ) {
        let mut params = MarketParams {
            velocity_short_ppm: theta,
            velocity_long_ppm: 900_000,
            velocity_short_seconds: window,
            taker_fee_ppm: fee,
            liquidation_contribution_ppm: contribution,
            funding_cap_ppm: cap,
            accrual_seconds_max: accrual,
            funding_period_seconds: period,
            initial_margin_ppm: 0,
            ..params()
        };
        // The least margin that the rule accepts.
        let (mut low, mut high) = (9_999_u32, 1_000_001_u32);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            params.initial_margin_ppm = middle;
            if params.validate().is_ok() { high = middle } else { low = middle }
        }
        prop_assume!(high <= 1_000_000);
        let million = 1_000_000_u128;
        let margin = u128::from(high) * million * million / 2;
        let moved = u128::from(theta) * million * million;
        let rate = u128::from(fee + contribution) * million;
        let seconds = u128::from(accrual + window);
        let funding = (u128::from(cap) * seconds * million).div_ceil(period.into());
        let costs = (million + u128::from(theta)) * (rate + funding);
        prop_assert!(margin >= moved + costs);
        // And no more than the roundings ask for: 2 ppm for each of two ceilings.
        if high > 10_000 {
            prop_assert!(margin <= moved + costs + 4 * million * million);
        }
    }
}
