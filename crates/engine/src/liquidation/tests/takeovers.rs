//! Takeovers: the walk of the price, what is charged, how much goes, who may take, and the clock.

use super::*;
use crate::fund;
use crate::state::MarginAccount;

/// Flagged, and open since `NOW`.
fn open_account() -> MarginAccount {
    let mut account = MarginAccount::zeroed();
    fund::flag(&mut account, NOW);
    account.takeover_started_at = NOW;
    account
}

fn terms_at(leg: &Leg, standing: &Standing, seconds: i64) -> TakeoverTerms {
    let mut account = open_account();
    fund::flag(&mut account, NOW + seconds.min(60));
    takeover_terms(&account, &params(), leg, standing, NOW + seconds).unwrap()
}

/// e 50,000 and Q 100,000 of M 125,000, ten lots.
fn lent(base: i64) -> (Leg, Standing) {
    let leg = leg_of(&params(), 1 << 31, base);
    let standing = standing_of(&leg, 0, 50_000, 100_000);
    (leg, standing)
}

#[test]
fn the_price_walks_from_the_mark_over_e_to_q_and_stays_there() {
    for base in [10_000_000_i64, -10_000_000] {
        let (leg, standing) = lent(base);
        // Quote atoms for the whole leg beside 5,000,000 at the mark.
        for (seconds, discount) in [
            (0, 0),
            (10, 25_000),
            (20, 50_000),
            (30, 75_000),
            (40, 100_000),
            (90, 100_000),
        ] {
            let terms = terms_at(&leg, &standing, seconds);
            let value = terms.price.value_floor(10_000_000).unwrap() as i64;
            let off = if base > 0 {
                5_000_000 - value
            } else {
                value - 5_000_000
            };
            assert!((off - discount).abs() <= 1, "{base} {seconds}: {off}");
        }
    }
}

#[test]
fn the_contribution_is_what_the_walk_leaves_room_for() {
    let (leg, standing) = lent(10_000_000);
    // 2,500 ppm of the notional are 12,500.
    for (seconds, charged) in [
        (0, 12_500),
        (15, 12_500),
        (16, 10_000),
        (18, 5_000),
        (20, 12_500),
        (36, 10_000),
        (40, 0),
    ] {
        let terms = terms_at(&leg, &standing, seconds);
        let whole = PriceQ32(terms.contribution).value_ceil(10_000_000).unwrap();
        assert!(whole.abs_diff(charged) <= 1, "{seconds}: {whole}");
    }
}

#[test]
fn a_takeover_needs_a_book_that_was_tried_within_a_minute() {
    let (leg, standing) = lent(10_000_000);
    let mut account = open_account();
    let terms =
        |account: &MarginAccount, now| takeover_terms(account, &params(), &leg, &standing, now);
    assert!(terms(&account, NOW + 60).is_ok());
    let closed = Err(EngineError::TakeoverNotOpen);
    assert_eq!(terms(&account, NOW + 61), closed);
    account.takeover_started_at = 0;
    assert_eq!(terms(&account, NOW), closed);
    // A clock that goes back stands at the mark.
    account.takeover_started_at = NOW;
    assert_eq!(terms(&account, NOW - 1_000).unwrap().price, leg.mark);
}

#[test]
fn a_work_out_is_taken_over_for_no_more_than_its_margin() {
    // A million lent behind ten lots, and a lapsed call (ADR 0018).
    let leg = leg_of(&params(), 1 << 31, 10_000_000);
    let standing = standing_of(&leg, 0, -5, 1_000_000);
    assert_eq!(standing.cause, Cause::LapsedCall);
    for (seconds, discount) in [(0, 0), (20, 0), (30, 62_500), (40, 125_000), (60, 125_000)] {
        let terms = terms_at(&leg, &standing, seconds);
        let value = terms.price.value_floor(10_000_000).unwrap();
        assert!(
            (5_000_000 - value).abs_diff(discount) <= 1,
            "{seconds}: {value}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// The price never turns back; price and contribution together never cost the leg more than its share of e,
    /// then of Q; and the size that they ask for reaches the target.
    #[test]
    fn the_walk_is_monotone_and_costs_no_more_than_the_leg_has(
        params in any_params(),
        (mark, base, others) in any_position(),
        pick in any::<u64>(),
        owned in any::<u64>(),
        negative in any::<bool>(),
        first in 1_u32..=600,
        second in 1_u32..=600,
    ) {
        let params = MarketParams { takeover_seconds: first, takeover_credit_seconds: second, ..params };
        let leg = leg_of(&params, mark, base);
        let margin = leg.risk.maintenance_margin + others;
        let amount = amount_within(margin - 1, pick) as i64;
        let equity = if negative { -(amount_within(1 << 50, owned) as i64) } else { amount_within(amount as u64, owned) as i64 };
        let standing = standing_of(&leg, others, equity, amount);
        let mut before: Option<TakeoverTerms> = None;
        let mut walked = [0, 1, first / 2, first - 1, first, first + 1, first + second / 2, first + second, 1 << 20];
        walked.sort_unstable();
        for elapsed in walked {
            let mut account = open_account();
            fund::flag(&mut account, NOW);
            account.flag_seen_at = NOW + i64::from(elapsed);
            account.takeover_started_at = NOW;
            let terms = takeover_terms(&account, &params, &leg, &standing, NOW + i64::from(elapsed)).unwrap();
            let off = if leg.is_long() { mark - terms.price.0 } else { terms.price.0 - mark };
            if let Some(before) = before {
                let further = if leg.is_long() { terms.price <= before.price } else { terms.price >= before.price };
                prop_assert!(further);
            }
            let limit = if elapsed < first { equity.max(0) } else { amount };
            let cost = (big(off) + terms.contribution) * leg.size() * margin;
            prop_assert!(cost <= (big(leg.risk.maintenance_margin) * limit) << 32, "{elapsed}");
            prop_assert!(big(terms.contribution) * 1_000_000 <= big(mark) * params.liquidation_contribution_ppm);
            prop_assert!(terms.size_max >= 1 && terms.size_max <= leg.size());
            if terms.size_max < leg.size() {
                // As take_over computes: the atom of the cash is the account's, that of the contribution is not.
                let size = terms.size_max;
                let cash = if leg.is_long() { terms.price.value_ceil(size) } else { terms.price.value_floor(size) }.unwrap();
                let charge = PriceQ32(terms.contribution).value_ceil(size).unwrap();
                let (moved, leg_margin) = effect(&params, &leg, size, cash, charge);
                let reached = (big(amount) + moved + 2) * 100 >= big(others + leg_margin) * 115 - 200;
                prop_assert!(reached);
            }
            before = Some(terms);
        }
        // The ends of both walks.
        let at = |elapsed: u32| {
            let mut account = open_account();
            account.flag_seen_at = NOW + i64::from(elapsed);
            let terms = takeover_terms(&account, &params, &leg, &standing, NOW + i64::from(elapsed)).unwrap();
            if leg.is_long() { mark - terms.price.0 } else { terms.price.0 - mark }
        };
        let most = |amount: i64| allowed_per_atom(&leg, amount, margin).unwrap();
        prop_assert_eq!(at(0), 0);
        // A price is one at least.
        prop_assert_eq!(at(first), most(equity).min(if leg.is_long() { mark - 1 } else { u64::MAX }));
        prop_assert_eq!(at(first + second), most(amount).min(if leg.is_long() { mark - 1 } else { u64::MAX }));
    }
}

/// Ten lots long at 500 with `cash`, flagged and open; a stranger who may take.
fn desk_with(params: MarketParams, cash: i64) -> (Desk, usize, usize) {
    let mut desk = Desk::with(&[params], 600);
    let (holder, stranger) = (desk.join(1, RICH), desk.join(2, RICH));
    let seller = desk.join(3, RICH);
    desk.trade(holder, seller, 0, 500, 10);
    desk.seat_mut(holder, 0).quote = -5_000_000;
    desk.accounts[holder].collateral = cash;
    fund::flag(&mut desk.accounts[holder], NOW);
    desk.accounts[holder].takeover_started_at = NOW;
    (desk, holder, stranger)
}

fn take(desk: &mut Desk, holder: usize, taker: usize, lots_max: u64) -> Result<TakenOver> {
    let cause = Standing::of(
        &desk.risk(holder),
        desk.accounts[holder].credit_principal != 0,
        0,
    )?;
    let leg = nth_leg(desk, holder, 0);
    let taker = Taker {
        account: address_of(taker),
        seat: desk.seat_index(taker, 0),
        cash: account_cash(&desk.accounts[taker], desk.env.now),
        other_legs: LegRisk::default(),
    };
    let env = desk.env;
    let mut account = desk.accounts[holder];
    let mut market = desk.markets[0].clone();
    let taken = take_over(
        &mut market.get(),
        &mut account,
        &leg,
        &cause,
        &taker,
        lots_max,
        &env,
    )?;
    desk.accounts[holder] = account;
    desk.markets[0] = market;
    Ok(taken)
}

#[test]
fn a_takeover_moves_what_is_needed_and_nothing_is_lost() {
    for seconds in [0, 7, 20, 33] {
        let (mut desk, holder, taker) = desk_with(params(), 100_000);
        desk.env.now += seconds;
        desk.mark(0, 500);
        let fund = DefaultFund::zeroed();
        let before = (
            wealth(&desk, &fund),
            unbacked(&desk, 0),
            desk.risk(taker).equity,
        );
        let taken = take(&mut desk, holder, taker, u64::MAX).unwrap();
        let lots = (taken.base / 1_000_000) as i64;
        assert_eq!(
            (desk.lots(taker, 0), desk.lots(holder, 0)),
            (lots, 10 - lots)
        );
        assert_eq!(wealth(&desk, &fund), before.0);
        assert!((unbacked(&desk, 0) - before.1).abs() <= 2);
        let cash = desk.markets[0].header.cash;
        assert_eq!(cash.contributions_accrued, taken.contribution);
        assert_eq!(cash.liquidation_fees_accrued, 0, "a taker pays nothing");
        assert!(desk.risk(taker).equity >= before.2 - 1);
        let risk = desk.risk(holder);
        assert!(risk.equity * 100 >= risk.maintenance_margin as i64 * 115);
        assert_eq!(
            desk.accounts[holder].takeover_started_at, 0,
            "the next walk is a new one"
        );
    }
}

#[test]
fn a_taker_gets_no_more_than_it_asks_for() {
    let coarse = MarketParams {
        lots_min: 4,
        ..params()
    };
    // All ten are to go: six would leave four, seven too few.
    for (lots_max, taken) in [
        (10, Ok(10)),
        (9, Ok(6)),
        (7, Ok(6)),
        (6, Ok(6)),
        (5, Ok(5)),
        (4, Ok(4)),
        (3, Err(EngineError::SizeOutOfRange)),
        (0, Err(EngineError::SizeOutOfRange)),
    ] {
        let (mut desk, holder, taker) = desk_with(coarse, 0);
        let outcome = take(&mut desk, holder, taker, lots_max).map(|t| t.base / 1_000_000);
        assert_eq!(outcome, taken, "{lots_max}");
        let started = desk.accounts[holder].takeover_started_at;
        let expected = if taken == Ok(10) { 0 } else { NOW };
        assert_eq!(started, expected, "a part of what is to go keeps the clock");
    }
}

#[test]
fn less_than_the_smallest_order_is_taken_as_one() {
    let coarse = MarketParams {
        lots_min: 4,
        ..params()
    };
    // An atom short: two lots would do, which nobody could take.
    let (mut desk, holder, taker) = desk_with(coarse, 124_999);
    assert_eq!(
        take(&mut desk, holder, taker, 3),
        Err(EngineError::SizeOutOfRange)
    );
    assert_eq!(take(&mut desk, holder, taker, 9).unwrap().base, 4_000_000);
    assert_eq!(standing(&desk, holder), Err(EngineError::NotLiquidatable));
}

#[test]
fn a_remainder_below_a_lot_goes_along_and_alone() {
    let (mut desk, holder, taker) = desk_with(params(), 0);
    let index = desk.seat_index(holder, 0);
    for (sold, left) in [(999_999, 9_000_001), (8_000_001, 1_000_000), (999_999, 1)] {
        let fill = SeatFill {
            side: OrderSide::Ask,
            base: sold,
            cash: sold / 2,
            fee: 0,
        };
        let state = desk.markets[0].get();
        let seat = arena::seat_mut(state.blocks, index).unwrap();
        crate::position::fill(seat, &mut state.header.sides, &fill, PriceQ32(1 << 31), NOW)
            .unwrap();
        let mut copy = desk.clone();
        let lots = left / 1_000_000;
        assert_eq!(take(&mut copy, holder, taker, lots).unwrap().base, left);
        assert_eq!(copy.held(holder, 0).base, 0);
    }
}

#[test]
fn a_taker_needs_initial_margin_for_what_it_takes() {
    // At the mark: 250,000 for ten lots.
    for (cash, accepted) in [(249_999, false), (250_000, true)] {
        let (mut desk, holder, taker) = desk_with(params(), 0);
        desk.accounts[taker].collateral = cash;
        let taken = take(&mut desk, holder, taker, 10).map(|t| t.base);
        let expected = if accepted {
            Ok(10_000_000)
        } else {
            Err(EngineError::BelowInitialMargin)
        };
        assert_eq!(taken, expected);
    }
    let (mut desk, holder, taker) = desk_with(params(), 0);
    desk.accounts[taker].credit_principal = 1;
    assert_eq!(
        take(&mut desk, holder, taker, 10),
        Err(EngineError::CreditDrawn)
    );
    assert_eq!(
        take(&mut desk, holder, holder, 10),
        Err(EngineError::DuplicateAccount)
    );
    // What rests counts as if it filled: its bids lie on the same side.
    desk.accounts[taker].credit_principal = 0;
    desk.accounts[taker].collateral = 499_999;
    desk.place(taker, 0, &bid(500, 10)).unwrap();
    assert_eq!(
        take(&mut desk, holder, taker, 10),
        Err(EngineError::BelowInitialMargin)
    );
    desk.accounts[taker].collateral = 500_000;
    assert!(take(&mut desk, holder, taker, 10).is_ok());
}

#[test]
fn a_taker_that_is_on_the_other_side_is_reduced() {
    let (mut desk, holder, _) = desk_with(params(), 0);
    let short = 2;
    assert_eq!(desk.lots(short, 0), -10);
    take(&mut desk, holder, short, 10).unwrap();
    assert_eq!((desk.lots(short, 0), desk.lots(holder, 0)), (0, 0));
    assert_eq!(desk.markets[0].header.open_interest(), 0);
}

#[test]
fn an_insolvent_account_is_taken_over_at_the_mark_and_whole() {
    let (mut desk, holder, taker) = desk_with(params(), 0);
    desk.seat_mut(holder, 0).quote -= 77_777;
    desk.env.now += 40;
    desk.mark(0, 500);
    let taken = take(&mut desk, holder, taker, 10).unwrap();
    assert_eq!(
        (taken.base, taken.price, taken.contribution),
        (10_000_000, 1 << 31, 0)
    );
    assert_eq!(desk.risk(holder).equity, -77_777);
}

#[test]
fn a_work_out_takes_by_e_and_leaves_the_lender_what_it_may() {
    let (mut desk, holder, taker) = desk_with(params(), -400_000);
    desk.accounts[holder].credit_principal = 1_000_000;
    desk.env.now += 45;
    desk.mark(0, 500);
    let taken = take(&mut desk, holder, taker, 10).unwrap();
    assert_eq!(taken.base, 10_000_000);
    // Half a million less the maintenance margin of ten lots, to the atom and the taker's benefit.
    let lost = 600_000 - desk.risk(holder).equity_with_credit().unwrap();
    assert!((124_999..=125_001).contains(&lost), "{lost}");
    assert_eq!(desk.accounts[holder].takeover_started_at, 0);
}
