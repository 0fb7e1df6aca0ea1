//! Zero price and size as functions, against rationals.

use super::*;

/// What roundings may cost beside exact arithmetic, quote atoms: fee, contribution, the leg's value and its
/// margin once each.
const ROUNDING_ATOMS: u64 = 4;

/// A fill of `lots` at `ticks`: (base, cash), if the venue could hold such an order.
fn possible(params: &MarketParams, leg: &Leg, lots: u64, ticks: u64) -> Option<(u64, u64)> {
    let sizes = params.lot_sizes();
    if lots == 0 || ticks == 0 || ticks > TICKS_MAX {
        return None;
    }
    let price = sizes.price_ceil(Ticks(ticks)).ok()?;
    let base = sizes.base_atoms(BaseLots(lots)).ok()?;
    if price.0 > PRICE_Q32_MAX || base > leg.size() {
        return None;
    }
    Some((base, sizes.fill_cash(BaseLots(lots), Ticks(ticks)).ok()?.0))
}

fn whole_lots(params: &MarketParams, leg: &Leg) -> u64 {
    params.lot_sizes().lots_floor(leg.size()).0
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// Spec §13: no fill at the zero price or better lowers Q over M, but for under four and a half atoms.
    #[test]
    fn no_fill_at_the_zero_price_or_better_lowers_q_over_m(
        params in any_params(),
        (mark, base, others) in any_position(),
        pick in any::<u64>(),
        part in any::<u64>(),
        better in prop_oneof![Just(0_u64), 0_u64..4, magnitude(20)],
    ) {
        let leg = leg_of(&params, mark, base);
        let margin = leg.risk.maintenance_margin + others;
        let amount = amount_within(margin - 1, pick) as i64;
        let standing = standing_of(&leg, others, amount, amount);
        let Some(zero) = zero_price(&params, &leg, &standing).unwrap() else {
            return Ok(());
        };
        prop_assert!((1..=TICKS_MAX).contains(&zero.limit.0));
        let ticks = if leg.is_long() { zero.limit.0 + better } else { zero.limit.0.saturating_sub(better) };
        let lots = amount_within(whole_lots(&params, &leg), part);
        let Some((base, cash)) = possible(&params, &leg, lots, ticks) else {
            return Ok(());
        };
        let (charge, contribution) = zero.charge.of(cash, base).unwrap();
        prop_assert!(contribution <= charge);
        let (moved, leg_margin) = effect(&params, &leg, base, cash, charge);
        let margin_after = others + leg_margin;
        // Fee, contribution and the position's value cost under an atom each, the notional's ceiling half a one at
        // most and that of M' under one, both taken Q / M < 1 times.
        let left = (2 * (big(amount) + moved) + 9) * margin;
        prop_assert!(left > 2 * big(amount) * margin_after, "Q {amount} M {margin} moved {moved} M' {margin_after}");
    }

    /// z is no better for the account than it must be: a whole rounding step further would cost it.
    #[test]
    fn the_zero_price_is_as_far_as_it_may_be(
        params in any_params(),
        (mark, base, others) in any_position(),
        pick in any::<u64>(),
    ) {
        let leg = leg_of(&params, mark, base);
        let margin = leg.risk.maintenance_margin + others;
        let amount = amount_within(margin - 1, pick) as i64;
        let Some(zero) = zero_price(&params, &leg, &standing_of(&leg, others, amount, amount)).unwrap() else {
            return Ok(());
        };
        let Charge::Rate { .. } = zero.charge else {
            return Ok(());
        };
        // Exact: (P ∓ MM_i·Q / (M·|b|)) / (1 ∓ φ); both floors of k cost at most 2^32 / |b| + 1.
        let rate = u64::from(params.taker_fee_ppm + params.liquidation_contribution_ppm);
        let size = leg.size();
        let scale = big(margin) * size;
        let share = (big(leg.risk.maintenance_margin) * amount) << 32;
        let slack = (big(1_u64) << 32) * margin + scale.clone() + scale.clone();
        let tick = big(params.quote_atoms_per_lot_tick) << 32;
        let lot = big(params.base_atoms_per_lot);
        if leg.is_long() {
            // (limit − 1) ticks are below z + slack.
            let z = (big(mark) * &scale - &share + slack) * 1_000_000;
            let worse = big(zero.limit.0 - 1) * &tick * (1_000_000 - rate) * &scale;
            prop_assert!(worse <= (z + &scale * 1_000_000) * &lot, "limit {}", zero.limit.0);
        } else {
            let z = (big(mark) * &scale + &share - slack) * 1_000_000;
            let worse = big(zero.limit.0 + 1) * &tick * (1_000_000 + rate) * &scale;
            let capped = share >= big(mark) * &scale
                || Ok(zero.limit) == params.lot_sizes().ticks_floor(PriceQ32(PRICE_Q32_MAX));
            prop_assert!(capped || worse >= (z - &scale * 1_000_000 * 2) * &lot, "limit {}", zero.limit.0);
        }
    }

    /// Where z would cross the mark the account pays min(fee, k) per atom and no contribution.
    #[test]
    fn at_the_mark_the_charge_is_at_most_what_the_leg_allows(
        params in any_params(),
        (mark, base, others) in any_position(),
        pick in any::<u64>(),
    ) {
        let leg = leg_of(&params, mark, base);
        let margin = leg.risk.maintenance_margin + others;
        let amount = amount_within(margin - 1, pick) as i64;
        let standing = standing_of(&leg, others, amount, amount);
        let Some(zero) = zero_price(&params, &leg, &standing).unwrap() else {
            return Ok(());
        };
        let k = allowed_per_atom(&leg, amount, margin).unwrap();
        prop_assert!(k <= mark);
        prop_assert!(big(k) * leg.size() * margin <= (big(leg.risk.maintenance_margin) * amount) << 32);
        let sizes = params.lot_sizes();
        match zero.charge {
            Charge::PerAtom(charge) => {
                prop_assert!(charge <= k);
                prop_assert!(big(charge) * 1_000_000 <= big(mark) * params.taker_fee_ppm);
                let at_mark = if leg.is_long() { sizes.ticks_ceil(PriceQ32(mark)) } else { sizes.ticks_floor(PriceQ32(mark)) };
                prop_assert_eq!(zero.limit.0, at_mark.unwrap().0.max(u64::from(leg.is_long())));
                prop_assert_eq!(zero.charge.of(7, leg.size()).unwrap().1, 0);
            }
            Charge::Rate { fee_ppm, contribution_ppm } => {
                prop_assert_eq!((fee_ppm, contribution_ppm), (params.taker_fee_ppm.into(), params.liquidation_contribution_ppm.into()));
            }
        }
    }

    /// A work-out gives up no more per atom than maintenance margin, whatever the lender has drawn (ADR 0018).
    #[test]
    fn a_work_out_costs_no_more_than_the_margin_of_what_it_closes(
        params in any_params(),
        (mark, base, others) in any_position(),
        more in magnitude(55),
        part in any::<u64>(),
        equity in -(1_i64 << 50)..1 << 50,
    ) {
        let leg = leg_of(&params, mark, base);
        let margin = leg.risk.maintenance_margin + others;
        let amount = (margin + more) as i64;
        let standing = standing_of(&leg, others, equity.min(margin as i64 - 1), amount);
        prop_assert_eq!(standing.cause, Cause::LapsedCall);
        let Some(zero) = zero_price(&params, &leg, &standing).unwrap() else {
            return Ok(());
        };
        let lots = amount_within(whole_lots(&params, &leg), part);
        let Some((base, cash)) = possible(&params, &leg, lots, zero.limit.0) else {
            return Ok(());
        };
        let (charge, _) = zero.charge.of(cash, base).unwrap();
        let (moved, leg_margin) = effect(&params, &leg, base, cash, charge);
        let lost = big(-moved) - ROUNDING_ATOMS;
        prop_assert!(lost * leg.size() <= big(leg.risk.maintenance_margin) * base);
        let left = (big(amount) + moved + 2 * ROUNDING_ATOMS * amount_ratio(amount, margin)) * margin;
        prop_assert!(left >= big(amount) * (others + leg_margin));
    }

    /// A fill of the size at a price brings the account to 1.15 × MM, if any part of the leg can.
    #[test]
    fn a_fill_of_the_size_reaches_the_target(
        params in any_params(),
        (mark, base, others) in any_position(),
        pick in any::<u64>(),
        better in prop_oneof![Just(0_u64), 0_u64..4, magnitude(20)],
    ) {
        let params = MarketParams { base_atoms_per_lot: 1, lots_min: 1, ..params };
        let leg = leg_of(&params, mark, base);
        let margin = leg.risk.maintenance_margin + others;
        let amount = amount_within(margin - 1, pick) as i64;
        let Some(zero) = zero_price(&params, &leg, &standing_of(&leg, others, amount, amount)).unwrap() else {
            return Ok(());
        };
        let ticks = if leg.is_long() { zero.limit.0 + better } else { zero.limit.0.saturating_sub(better) };
        let sizes = params.lot_sizes();
        let price = if leg.is_long() { sizes.price_floor(Ticks(ticks)) } else { sizes.price_ceil(Ticks(ticks)) };
        let Ok(price) = price else { return Ok(()) };
        let state = Reduction { size: leg.size(), leg_margin: leg.risk.maintenance_margin, margin, amount };
        let Ok(size) = size_at(&leg, &state, price, &zero.charge) else {
            // Only at a price that no order can have.
            prop_assert!(price.0 > PRICE_Q32_MAX);
            return Ok(());
        };
        prop_assert!(size >= 1 && size <= leg.size());
        let Some((base, cash)) = possible(&params, &leg, size, ticks) else {
            return Ok(());
        };
        let (charge, _) = zero.charge.of(cash, base).unwrap();
        let (moved, leg_margin) = effect(&params, &leg, base, cash, charge);
        let margin_after = others + leg_margin;
        let reached = (big(amount) + moved + ROUNDING_ATOMS) * 100 >= big(margin_after) * 115 - 200;
        prop_assert!(reached || size == leg.size(), "{size} of {}", leg.size());
        if size == leg.size() || size == 1 || params.size_slope_ppm != 0 {
            return Ok(());
        }
        // Minimal where margin is linear: what a few atoms' worth less would leave misses it. The charge of an
        // atom and the price of a tick are rounded to 2^-32, which counts once for each base atom.
        let worse = if leg.is_long() { big(mark) - price.0 } else { big(price.0) - mark };
        let charged = match zero.charge {
            Charge::PerAtom(per_atom) => big(per_atom) * 1_000_000,
            Charge::Rate { fee_ppm, contribution_ppm } => big(price.0) * (fee_ppm + contribution_ppm),
        };
        let loss = ((worse * 1_000_000u32 + charged) * leg.size() / 1_000_000u32) >> 32;
        let rounding = ((big(leg.size()) * 2u32) >> 32) + 16u32;
        let den = big(leg.risk.maintenance_margin) * 115u32 - (loss + &rounding) * 100u32;
        if den <= big(0) {
            return Ok(());
        }
        let step = big(leg.size()) * rounding * 100u32 / den + 1u32;
        let Ok(step) = u64::try_from(step) else { return Ok(()) };
        let Some((base, cash)) = possible(&params, &leg, size.saturating_sub(step), ticks) else {
            return Ok(());
        };
        let (charge, _) = zero.charge.of(cash, base).unwrap();
        let (moved, leg_margin) = effect(&params, &leg, base, cash, charge);
        // Both sides of the comparison are rounded to whole atoms.
        let missed = (big(amount) + moved - ROUNDING_ATOMS) * 100 < big(others + leg_margin) * 115 + 400;
        prop_assert!(missed, "{size} is more than needed by {step}");
    }

    /// Whatever real account and price: an error of arithmetic would make it impossible to liquidate (INV-12).
    #[test]
    fn nothing_overflows_at_the_extremes(
        params in any_params(),
        (mark, base, others) in any_position(),
        amount in prop_oneof![-(1_i64 << 61)..1 << 61, any::<i64>().prop_map(|x| x >> 20)],
        credit in prop_oneof![Just(0_i64), 0_i64..1 << 60],
        price in prop_oneof![Just(1_u64), Just(PRICE_Q32_MAX), magnitude(44)],
        elapsed in 0_i64..100,
    ) {
        let leg = leg_of(&params, mark, base);
        let standing = standing_of(&leg, others, amount, amount + credit);
        let zero = zero_price(&params, &leg, &standing).unwrap();
        let charge = zero.map_or(Charge::PerAtom(mark), |zero| zero.charge);
        let state = Reduction {
            size: leg.size(),
            leg_margin: leg.risk.maintenance_margin,
            margin: standing.maintenance_margin,
            amount,
        };
        let size = size_at(&leg, &state, PriceQ32(price), &charge).unwrap();
        prop_assert!(size <= leg.size());
        let mut account = crate::state::MarginAccount::zeroed();
        crate::fund::flag(&mut account, NOW);
        account.takeover_started_at = NOW;
        takeover_terms(&account, &params, &leg, &standing, NOW + elapsed.min(60)).unwrap();
    }

    #[test]
    fn lots_are_rounded_up_within_slice_and_position_and_leave_no_scrap(
        lot in 1_u64..50,
        lots_min in 1_u64..9,
        held in 0_u64..2_000,
        size in 0_u64..2_500,
        most in 0_u64..60,
    ) {
        let params = MarketParams { base_atoms_per_lot: lot, lots_min, ..params() };
        let whole = held / lot;
        let lots = lots_for(&params, size.min(held), held, most);
        let plain = size.min(held).div_ceil(lot).min(most).min(whole);
        let expected = if plain != 0 && whole - plain < lots_min { whole } else { plain };
        prop_assert_eq!(lots, expected);
        prop_assert!(lots == 0 || lots == whole || whole - lots >= lots_min);
    }
}

/// How many times M an amount is, at least one.
fn amount_ratio(amount: i64, margin: u64) -> u64 {
    (amount as u64 / margin.max(1)).saturating_add(1)
}

#[test]
fn the_numbers_of_a_long_and_a_short() {
    // Ten lots at 500 ticks: 5,000,000 of notional, MM 125,000. Q = 62,500 is half of it: k is 12,500 a
    // million base atoms, 1.25% of the notional... per lot 6,250, which is 6.25 ticks.
    let params = params();
    for (base, limit) in [(10_000_000, 496), (-10_000_000, 504)] {
        let leg = leg_of(&params, 1 << 31, base);
        assert_eq!(leg.risk.maintenance_margin, 125_000);
        let standing = standing_of(&leg, 0, 62_500, 62_500);
        let zero = zero_price(&params, &leg, &standing).unwrap().unwrap();
        // Sale: 493.75 / 0.997 = 495.24, up; purchase: 506.25 / 1.003 = 504.74, down.
        assert_eq!(zero.limit.0, limit, "{base}");
        let rate = Charge::Rate {
            fee_ppm: 500,
            contribution_ppm: 2_500,
        };
        assert_eq!(zero.charge, rate);
    }
}

/// The bound of spec §13 is four and a half for a reason: found by search, all five roundings nearly whole.
#[test]
fn the_roundings_of_one_fill_can_cost_more_than_four_atoms() {
    let params = MarketParams {
        initial_margin_ppm: 992_110,
        taker_fee_ppm: 1,
        liquidation_contribution_ppm: 1,
        base_atoms_per_lot: 1_000,
        quote_atoms_per_lot_tick: 1,
        ..params()
    };
    let leg = leg_of(&params, 12_462_495_600, -872_596);
    let (amount, margin) = (1_255_995, leg.risk.maintenance_margin);
    assert_eq!(margin, 1_255_996);
    let standing = standing_of(&leg, 0, amount, amount);
    let zero = zero_price(&params, &leg, &standing).unwrap().unwrap();
    let (base, cash) = possible(&params, &leg, 6, zero.limit.0).unwrap();
    let (charge, _) = zero.charge.of(cash, base).unwrap();
    let (moved, margin_after) = effect(&params, &leg, base, cash, charge);
    let needed = big(amount) * margin_after;
    let left = |halves: i64| (2 * (big(amount) + moved) + halves) * margin;
    assert!(left(8) < &needed * 2 && left(9) > &needed * 2);
}

#[test]
fn near_zero_the_account_is_sold_at_the_mark_and_charged_what_is_left() {
    let params = params();
    for base in [10_000_000, -10_000_000] {
        let leg = leg_of(&params, 1 << 31, base);
        // φ of the notional is 15,000: with less the zero price would cross the mark.
        let charged = |amount: i64| {
            let zero = zero_price(&params, &leg, &standing_of(&leg, 0, amount, amount));
            let zero = zero.unwrap().unwrap();
            assert_eq!(zero.limit.0, 500);
            zero.charge.of(5_000_000, 10_000_000).unwrap()
        };
        assert_eq!(charged(14_000), (2_500, 0), "the taker fee alone");
        assert_eq!(charged(2_500), (2_500, 0));
        assert_eq!(charged(2_000), (2_000, 0), "what is left of it");
        assert_eq!(charged(1), (1, 0));
    }
}

#[test]
fn where_the_cost_of_closing_eats_the_margin_that_it_frees_all_goes() {
    // A maintenance margin of 0.5%, charges of 2%.
    let params = MarketParams {
        initial_margin_ppm: 10_000,
        taker_fee_ppm: 10_000,
        liquidation_contribution_ppm: 10_000,
        ..params()
    };
    let leg = leg_of(&params, 1 << 31, 10_000_000);
    let state = Reduction {
        size: leg.size(),
        leg_margin: 25_000,
        margin: 25_000,
        amount: 24_000,
    };
    let charge = Charge::Rate {
        fee_ppm: 10_000,
        contribution_ppm: 10_000,
    };
    let size = size_at(&leg, &state, PriceQ32(1 << 31), &charge);
    assert_eq!(size, Ok(10_000_000));
    // At 1.15 × MM nothing goes, whatever the price.
    let healthy = Reduction {
        amount: 28_750,
        ..state
    };
    assert_eq!(size_at(&leg, &healthy, PriceQ32(1), &charge), Ok(0));
    let atom_less = Reduction {
        amount: 28_749,
        ..state
    };
    assert_ne!(size_at(&leg, &atom_less, PriceQ32(1 << 31), &charge), Ok(0));
}
