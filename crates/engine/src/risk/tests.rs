//! Margin by hand: tiers, resting orders, haircut, stale legs, the reducing rule.
#![allow(clippy::unwrap_used)]

use bytemuck::Zeroable;
use num_bigint::BigInt;
use proptest::prelude::*;

use super::*;
use crate::math::split_unsigned;
use crate::seats::tests::{params, NOW};
use crate::state::{Side, SCALE_ONE};

/// Half a quote atom a base atom, as 500 ticks.
const HALF: u64 = 1 << 31;

fn header(params: MarketParams, mark: u64, open_interest: u64) -> MarketHeader {
    let mut header = MarketHeader::zeroed();
    header.params = params;
    header.prices.mark = mark;
    header.prices.index = mark;
    header.prices.index_time = NOW;
    let side = Side {
        shares: split_unsigned(open_interest.into()),
        scale: SCALE_ONE,
        ..Side::empty()
    };
    header.sides = [side, side];
    header
}

fn held(base: i64, quote: i64) -> Holding {
    Holding { base, quote }
}

fn fresh_leg(params: MarketParams, open_interest: u64, base: i64) -> LegRisk {
    let header = header(params, HALF, open_interest);
    leg(&header, held(base, 0), &Resting::default(), NOW).unwrap()
}

#[test]
fn margin_grows_with_size_above_the_free_size() {
    let params = MarketParams {
        size_free: 3_000_000,
        size_unit: 1_000_000,
        size_slope_ppm: 10_000,
        ..params()
    };
    // (base, fraction ppm): one unit more costs one percent more; a part of one counts in ppm, up.
    let cases = [
        (3_000_000, 50_000),
        (3_000_001, 50_001),
        (3_000_100, 50_001),
        (3_000_101, 50_002),
        (4_000_000, 60_000),
        (10_000_000, 120_000),
        (97_999_999, 1_000_000),
        (98_000_000, 1_000_000),
        (1 << 47, 1_000_000),
    ];
    for (base, fraction) in cases {
        let notional = (base as u64).div_ceil(2);
        let initial = (u128::from(notional) * fraction).div_ceil(1_000_000) as u64;
        for base in [base, -base] {
            let leg = fresh_leg(params, 0, base);
            assert_eq!(leg.initial_margin, initial, "{base}");
            assert_eq!(leg.maintenance_margin, initial.div_ceil(2), "{base}");
        }
    }
}

#[test]
fn open_interest_raises_initial_and_never_maintenance_margin() {
    let params = MarketParams {
        open_interest_low: 1_000_000,
        open_interest_high: 3_000_000,
        ..params()
    };
    let cases = [
        (0, 50_000),
        (1_000_000, 50_000),
        (1_000_001, 50_001),
        (1_500_000, 287_500),
        (2_000_000, 525_000),
        (2_999_999, 1_000_000),
        (3_000_000, 1_000_000),
        (1 << 56, 1_000_000),
    ];
    for (open_interest, fraction) in cases {
        let leg = fresh_leg(params, open_interest, 2_000_000);
        assert_eq!(leg.initial_margin, fraction, "{open_interest}");
        assert_eq!(leg.maintenance_margin, 25_000);
    }
}

#[test]
fn the_larger_of_the_two_fractions_counts() {
    let params = MarketParams {
        size_free: 1_000_000,
        open_interest_low: 1_000_000,
        open_interest_high: 3_000_000,
        ..params()
    };
    assert_eq!(
        fresh_leg(params, 1_000_000, 8_000_000).initial_margin,
        480_000
    );
    assert_eq!(
        fresh_leg(params, 1_500_000, 8_000_000).initial_margin,
        1_150_000
    );
}

#[test]
fn open_interest_is_that_of_the_larger_side() {
    let mut header = header(params(), HALF, 7);
    header.sides[1].shares = split_unsigned(11);
    assert_eq!(header.open_interest(), 11);
    header.sides[0].shares = split_unsigned(13);
    assert_eq!(header.open_interest(), 13);
}

#[test]
fn resting_orders_count_as_if_the_worse_side_filled() {
    let header = header(params(), HALF, 0);
    // (base, bid lots, ask lots, worst base); a lot is 10^6.
    let cases = [
        (0, 3, 0, 3),
        (0, 0, 4, 4),
        (0, 3, 4, 4),
        (5, 3, 4, 8),
        (5, 3, 20, 15),
        (-5, 3, 4, 9),
        (-5, 20, 4, 15),
        (-5, 4, 0, 5),
        (5, 0, 9, 5),
        (5, 0, 10, 5),
        (5, 0, 11, 6),
    ];
    for (base, bid_lots, ask_lots, worst) in cases {
        let resting = Resting {
            bid_lots,
            ask_lots,
            bid_high: 400,
            ask_low: 600,
        };
        let base = base * 1_000_000;
        let found = worst_base(&header.params, base, &resting).unwrap();
        assert_eq!(found, worst * 1_000_000, "{base} {resting:?}");
        let leg = leg(&header, held(base, 0), &resting, NOW).unwrap();
        assert_eq!(leg.initial_margin, worst * 25_000);
        let maintained = base.unsigned_abs() / 40;
        assert_eq!(leg.maintenance_margin, maintained.div_ceil(2));
    }
}

#[test]
fn resting_orders_add_what_they_would_lose_at_the_mark() {
    let header = header(params(), HALF, 0);
    // (bid lots, highest bid, ask lots, lowest ask, loss): 1,000 atoms a tick and lot. Prices of ticks
    // that Q.32 does not hold lie a trace further off.
    let cases = [
        (3, 500, 0, 0, 0),
        (3, 499, 2, 501, 0),
        (3, 625, 0, 0, 375_000),
        (0, 0, 2, 375, 250_000),
        (3, 625, 2, 375, 625_000),
        (3, 501, 0, 0, 3_001),
        (0, 0, 2, 499, 2_001),
    ];
    for (bid_lots, bid_high, ask_lots, ask_low, loss) in cases {
        let resting = Resting {
            bid_lots,
            ask_lots,
            bid_high,
            ask_low,
        };
        let leg = leg(&header, held(0, 0), &resting, NOW).unwrap();
        let size = bid_lots.max(ask_lots) * 25_000;
        assert_eq!(leg.initial_margin, size + loss, "{resting:?}");
        assert_eq!(leg.maintenance_margin, 0);
    }
}

#[test]
fn a_value_is_rounded_against_its_holder() {
    // A third of a quote atom a base atom, rounded down to Q.32.
    let header = header(params(), (1 << 32) / 3, 0);
    let long = leg(&header, held(10, 0), &Resting::default(), NOW).unwrap();
    assert_eq!((long.equity, long.loss), (3, 0));
    let short = leg(&header, held(-10, 0), &Resting::default(), NOW).unwrap();
    assert_eq!((short.equity, short.loss), (-4, 4));
    // Notional 4, 5% of it 0.2 and half of that: each up to the next atom.
    assert_eq!((short.initial_margin, short.maintenance_margin), (1, 1));
}

#[test]
fn a_gain_counts_four_fifths_and_a_loss_whole() {
    let header = header(params(), HALF, 0);
    // (claim, at initial margin)
    let cases = [
        (0, 0),
        (1, 0),
        (4, 3),
        (5, 4),
        (6, 4),
        (1_000_003, 800_002),
        (-1, -1),
        (-1_000_003, -1_000_003),
    ];
    for (claim, initial) in cases {
        let flat = leg(&header, held(0, claim), &Resting::default(), NOW).unwrap();
        assert_eq!((flat.equity, flat.equity_initial), (claim, initial));
        let long = leg(&header, held(2, claim - 1), &Resting::default(), NOW).unwrap();
        assert_eq!((long.equity, long.equity_initial), (claim, initial));
        assert_eq!(flat.loss, u64::try_from(-claim).unwrap_or(0));
    }
}

#[test]
fn gains_are_cut_leg_by_leg_and_never_netted_first() {
    let header = header(params(), HALF, 0);
    let flat = |quote| leg(&header, held(0, quote), &Resting::default(), NOW).unwrap();
    let mut legs = flat(1_000);
    legs.add(&flat(-1_000)).unwrap();
    let account = AccountRisk::of(&AccountCash::default(), &legs).unwrap();
    assert_eq!(
        (account.equity, account.equity_initial, account.loss),
        (0, -200, 1_000)
    );
    assert!(account.meets_maintenance().unwrap() && !account.meets_initial());
    assert_eq!(account.free_collateral(), -200);
}

#[test]
fn unaged_gains_count_four_fifths_rounded_down() {
    for (unaged_gain, counted) in [(0, 1_000), (1, 999), (5, 999), (6, 998), (1_000, 800)] {
        let cash = AccountCash {
            collateral: 1_000,
            unaged_gain,
            ..AccountCash::default()
        };
        let account = AccountRisk::of(&cash, &LegRisk::default()).unwrap();
        assert_eq!((account.equity, account.equity_initial), (1_000, counted));
    }
}

#[test]
fn initial_margin_ignores_credit() {
    let legs = LegRisk {
        initial_margin: 100,
        maintenance_margin: 50,
        ..LegRisk::default()
    };
    for credit in [0, 1, 70, 1_000_000] {
        let cash = AccountCash {
            collateral: 99,
            credit,
            ..AccountCash::default()
        };
        let account = AccountRisk::of(&cash, &legs).unwrap();
        assert!(!account.meets_initial());
        assert_eq!(account.equity_initial, 99);
        assert_eq!(account.equity_with_credit(), Ok(99 + credit as i64));
    }
    // Maintenance counts it, and owed interest counts against both.
    let cash = AccountCash {
        collateral: -30,
        interest: 11,
        credit: 91,
        unaged_gain: 0,
    };
    let account = AccountRisk::of(&cash, &legs).unwrap();
    assert_eq!((account.equity, account.equity_initial), (-41, -41));
    assert!(account.meets_maintenance().unwrap());
    let cash = AccountCash { credit: 90, ..cash };
    assert!(!AccountRisk::of(&cash, &legs)
        .unwrap()
        .meets_maintenance()
        .unwrap());
}

#[test]
fn margins_are_met_at_equality_and_never_by_negative_equity() {
    for (equity, met) in [(100, true), (99, false), (-100, false), (i64::MIN, false)] {
        let risk = AccountRisk {
            equity,
            equity_initial: equity,
            credit: 0,
            initial_margin: 100,
            maintenance_margin: 100,
            loss: 0,
            interest: 0,
            favour: 0,
        };
        assert_eq!(risk.meets_initial(), met);
        assert_eq!(risk.meets_maintenance(), Ok(met));
    }
}

#[test]
fn a_stale_leg_counts_for_maintenance_and_against_initial_margin() {
    let header = header(params(), HALF, 0);
    // Notional 1,000,000, moved by 5%.
    for base in [2_000_000, -2_000_000] {
        let claim = if base > 0 { 1_000_000 } else { -1_000_000 };
        let at = |now| leg(&header, held(base, 0), &Resting::default(), now).unwrap();
        let fresh = at(NOW + 15);
        assert_eq!(fresh.equity, claim);
        let stale = at(NOW + 16);
        assert_eq!(stale.equity, claim + 50_000);
        let against = if base > 0 {
            950_000 * 4 / 5
        } else {
            -1_050_000
        };
        assert_eq!(stale.equity_initial, against);
        assert_eq!(
            (stale.loss, fresh.loss),
            (fresh.loss, u64::try_from(-claim).unwrap_or(0))
        );
        assert_eq!(stale.initial_margin, fresh.initial_margin);
        assert_eq!(stale.maintenance_margin, fresh.maintenance_margin);
    }
}

/// A favour that grew with orders would delay a liquidation for whoever places them in time, and fall with
/// the cancels that a liquidation begins with: what was lent on it would not cure.
#[test]
fn resting_orders_give_a_stale_leg_no_favour() {
    let params = MarketParams {
        size_free: 2_000_000,
        size_unit: 1_000_000,
        size_slope_ppm: 10_000,
        open_interest_low: 2_000_000,
        open_interest_high: 1_000_000_000,
        ..params()
    };
    // (base, bid lots, ask lots, open interest, favour, against the holder); notional 1,000,000 or 2,000,000.
    let cases = [
        (2_000_000, 0, 0, 0, 50_000, 50_000),
        (2_000_000, 6, 0, 0, 50_000, 110_000),
        (-2_000_000, 0, 6, 0, 50_000, 110_000),
        (2_000_000, 90, 0, 0, 50_000, 950_000),
        (4_000_000, 6, 0, 0, 140_000, 260_000),
        (4_000_000, 6, 0, 1 << 56, 2_000_000, 2_000_000),
    ];
    for (base, bid_lots, ask_lots, open_interest, favour, against) in cases {
        let header = header(params, HALF, open_interest);
        let resting = Resting {
            bid_lots,
            ask_lots,
            bid_high: 500,
            ask_low: 500,
        };
        let gain = 1_200_000_i64;
        let held = held(base, gain - base / 2);
        let with = leg(&header, held, &resting, NOW + 16).unwrap();
        let without = leg(&header, held, &Resting::default(), NOW + 16).unwrap();
        assert_eq!(with.favour, favour, "{base} {resting:?}");
        assert_eq!(without.favour, favour);
        assert_eq!(with.equity, gain + favour as i64);
        assert_eq!(without.equity, with.equity);
        assert_eq!(with.maintenance_margin, without.maintenance_margin);
        assert_eq!(
            with.equity_initial,
            haircut(gain - against),
            "{base} {resting:?}"
        );
    }
}

#[test]
fn a_stale_gain_that_the_move_eats_covers_nothing() {
    let header = header(params(), HALF, 0);
    let stale = leg(
        &header,
        held(2_000_000, -960_000),
        &Resting::default(),
        NOW + 16,
    )
    .unwrap();
    assert_eq!(
        (stale.equity, stale.equity_initial, stale.loss),
        (90_000, -10_000, 0)
    );
}

#[test]
fn a_stale_move_is_rounded_against_the_holder_both_ways() {
    let header = header(params(), HALF, 0);
    // Notional 11, 5% of it 0.55.
    let stale = leg(&header, held(-22, 0), &Resting::default(), NOW + 16).unwrap();
    assert_eq!((stale.equity, stale.equity_initial), (-11, -12));
}

#[test]
fn a_flat_leg_is_as_good_stale_as_fresh() {
    let mut header = header(params(), HALF, 0);
    header.prices.index_time = 0;
    let flat = leg(&header, held(0, 500), &Resting::default(), NOW).unwrap();
    assert_eq!(
        (flat.equity, flat.equity_initial, flat.initial_margin),
        (500, 400, 0)
    );
}

#[test]
fn an_index_is_fresh_up_to_its_age_and_never_without_a_mark() {
    let mut header = header(params(), HALF, 0);
    assert!(index_is_fresh(&header, NOW + 15) && !index_is_fresh(&header, NOW + 16));
    assert!(index_is_fresh(&header, NOW - 5));
    header.prices.mark = 0;
    assert!(!index_is_fresh(&header, NOW));
}

#[test]
fn a_reducing_trade_cuts_margin_and_keeps_q_over_it() {
    let risk = |equity, credit, maintenance_margin| AccountRisk {
        equity,
        equity_initial: equity,
        credit,
        initial_margin: 2 * maintenance_margin,
        maintenance_margin,
        loss: 0,
        interest: 0,
        favour: 0,
    };
    const WORSE: Result<()> = Err(EngineError::TradeWorsensRisk);
    const MORE: Result<()> = Err(EngineError::BelowInitialMargin);
    // (before, after, verdict)
    let cases = [
        (risk(60, 0, 100), risk(30, 0, 50), Ok(())),
        (risk(60, 0, 100), risk(29, 0, 50), WORSE),
        (risk(60, 0, 100), risk(60, 0, 100), MORE),
        (risk(60, 0, 100), risk(600, 0, 101), MORE),
        (risk(60, 0, 100), risk(0, 0, 0), Ok(())),
        (risk(60, 0, 100), risk(-1, 0, 0), WORSE),
        (risk(0, 0, 100), risk(50, 0, 50), WORSE),
        (risk(-5, 0, 100), risk(50, 0, 50), WORSE),
        (risk(1, 0, 3), risk(0, 0, 1), WORSE),
    ];
    for (before, after, verdict) in cases {
        assert_eq!(
            check_reducing(&before, &after, 0, true),
            verdict,
            "{before:?} {after:?}"
        );
    }
}

#[test]
fn on_credit_a_trade_costs_the_borrower_and_not_the_lender() {
    let risk = |equity, maintenance_margin| AccountRisk {
        equity,
        equity_initial: equity,
        credit: 1_000,
        initial_margin: 2 * maintenance_margin,
        maintenance_margin,
        loss: 0,
        interest: 0,
        favour: 0,
    };
    const WORSE: Result<()> = Err(EngineError::TradeWorsensRisk);
    // (before, after, what a liquidation would charge, verdict); Q over margin alone allows each.
    let cases = [
        // The own share of what is closed, and not an atom more.
        (risk(60, 100), risk(30, 50), 0, Ok(())),
        (risk(60, 100), risk(29, 50), 0, WORSE),
        (risk(61, 100), risk(31, 50), 0, Ok(())),
        (risk(61, 100), risk(30, 50), 0, WORSE),
        // All of it: the own equity goes, the lender's cash does not.
        (risk(60, 100), risk(0, 0), 0, Ok(())),
        (risk(60, 100), risk(-1, 0), 0, WORSE),
        // Without own equity, what a liquidation would cost.
        (risk(-40, 100), risk(-43, 50), 3, Ok(())),
        (risk(-40, 100), risk(-44, 50), 3, WORSE),
        (risk(0, 100), risk(-3, 50), 3, Ok(())),
        (risk(4, 100), risk(1, 50), 3, Ok(())),
        (risk(4, 100), risk(0, 50), 3, WORSE),
        // A gain is no harm.
        (risk(-40, 100), risk(-30, 50), 0, Ok(())),
    ];
    for (before, after, cost, verdict) in cases {
        assert_eq!(
            check_reducing(&before, &after, cost, true),
            verdict,
            "{before:?} {after:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_leg_equals_the_formulas_in_big_integers(
        base in -(1_i64 << 48) + 1..(1 << 48),
        quote in -(1_i64 << 50)..(1 << 50),
        mark in 1_u64..=1 << 40,
        open_interest in 0_u64..1 << 53,
        slope in 0_u32..=1_000_000,
        unit in 1_u64..1 << 48,
    ) {
        let params = MarketParams { size_slope_ppm: slope, size_unit: unit, ..params() };
        let header = header(params, mark, open_interest);
        let found = leg(&header, held(base, quote), &Resting::default(), NOW).unwrap();
        let ceil = |a: BigInt, b: u64| (a + (b - 1)) / b;
        let million = BigInt::from(1_000_000);
        let size = BigInt::from(base.unsigned_abs());
        let notional = ceil(&size * mark, 1 << 32);
        let over = (&size - params.size_free).max(BigInt::from(0));
        let f_size = (BigInt::from(50_000) + ceil(over * slope, unit)).min(million.clone());
        let (low, high) = (params.open_interest_low, params.open_interest_high);
        let in_range = open_interest.clamp(low, high) - low;
        let f_oi = BigInt::from(50_000) + ceil(BigInt::from(950_000) * in_range, high - low);
        let initial = ceil(&notional * (&f_size).max(&f_oi), 1_000_000);
        let maintenance = ceil(&notional * &f_size, 2_000_000);
        prop_assert_eq!(BigInt::from(found.initial_margin), initial);
        prop_assert_eq!(BigInt::from(found.maintenance_margin), maintenance);
        let value = if base < 0 { -notional } else { (size * mark) >> 32 };
        prop_assert_eq!(BigInt::from(found.equity), value + quote);
    }
}
