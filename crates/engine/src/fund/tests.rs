//! Budget, flag and reimbursement against a model that remembers every payment.
#![allow(clippy::unwrap_used)]

use std::vec::Vec;

use bytemuck::Zeroable;
use proptest::prelude::*;

use super::*;
use crate::seats::tests::{params, NOW};

const DAY: i64 = 86_400;

fn fund_of(balance: u64) -> DefaultFund {
    DefaultFund {
        balance,
        ..DefaultFund::zeroed()
    }
}

/// A payment: when, for which of two markets, how much.
type Payment = (i64, usize, u64);

/// Paid within the 24 hours up to and with `now`, of one market or of all.
fn paid_in_a_day(payments: &[Payment], market: Option<usize>, now: i64) -> u64 {
    let recent = payments.iter().filter(|(at, of, _)| {
        *at > now - DAY && *at <= now && market.is_none_or(|market| market == *of)
    });
    recent.map(|(_, _, amount)| amount).sum()
}

/// Spec §9, of the last payment: paid in the 24 hours that end with it ≤ share × (balance now + paid in them).
fn check_budget(fund: &DefaultFund, payments: &[Payment], budget: u64) {
    let Some(&(now, market, amount)) = payments.last() else {
        return;
    };
    if amount == 0 {
        return;
    }
    let all = paid_in_a_day(payments, None, now);
    let base = u128::from(fund.balance) + u128::from(all);
    assert!(
        u128::from(all) * 1_000_000 <= base * u128::from(BUDGET_ALL_MARKETS_PPM),
        "all markets: {all} of {base}"
    );
    let paid = paid_in_a_day(payments, Some(market), now);
    assert!(
        u128::from(paid) * 1_000_000 <= base * u128::from(budget),
        "market {market}: {paid} of {base}"
    );
}

/// Pays all that is allowed.
fn pay_most(fund: &mut DefaultFund, losses: &mut Losses, wanted: u64, now: i64) -> u64 {
    let amount = allowance(fund, losses, &params(), now).unwrap().min(wanted);
    pay(fund, losses, amount, now).unwrap();
    amount
}

#[test]
fn a_market_may_use_a_fifth_and_all_markets_35_percent() {
    let mut fund = fund_of(1_000_003);
    let mut losses = [Losses::zeroed(); 3];
    assert_eq!(pay_most(&mut fund, &mut losses[0], u64::MAX, NOW), 200_000);
    assert_eq!(pay_most(&mut fund, &mut losses[0], u64::MAX, NOW), 0);
    assert_eq!(pay_most(&mut fund, &mut losses[1], u64::MAX, NOW), 150_001);
    assert_eq!(pay_most(&mut fund, &mut losses[2], u64::MAX, NOW), 0);
    assert_eq!((fund.balance, fund.paid_total), (650_002, 350_001));
}

#[test]
fn the_budget_is_the_same_in_one_payment_or_in_many() {
    let mut once = fund_of(987_654_321);
    let mut many = once;
    let (mut of_once, mut of_many) = (Losses::zeroed(), Losses::zeroed());
    let single = pay_most(&mut once, &mut of_once, u64::MAX, NOW);
    let mut parts = 0;
    for step in 0..400_u64 {
        parts += pay_most(
            &mut many,
            &mut of_many,
            1 + step * step * 31,
            NOW + step as i64,
        );
    }
    assert_eq!((single, once), (parts, many));
}

#[test]
fn a_budget_of_nothing_and_an_empty_fund_pay_nothing() {
    let losses = Losses::zeroed();
    let none = MarketParams {
        default_fund_budget_ppm: 0,
        ..params()
    };
    assert_eq!(allowance(&fund_of(1 << 40), &losses, &none, NOW), Ok(0));
    assert_eq!(allowance(&fund_of(0), &losses, &params(), NOW), Ok(0));
    assert_eq!(allowance(&fund_of(4), &losses, &params(), NOW), Ok(0));
    assert_eq!(allowance(&fund_of(5), &losses, &params(), NOW), Ok(1));
    // The largest fund overflows nothing.
    assert!(allowance(&fund_of(u64::MAX), &losses, &params(), NOW).is_ok());
}

#[test]
fn a_new_market_waits_the_timelock_before_the_fund_pays_for_it() {
    let fund = fund_of(1_000_000);
    let losses = Losses {
        fund_from: NOW + 172_800,
        ..Losses::zeroed()
    };
    for (later, most) in [(-1, 0), (0, 0), (172_799, 0), (172_800, 200_000)] {
        assert_eq!(allowance(&fund, &losses, &params(), NOW + later), Ok(most));
    }
}

#[test]
fn what_is_paid_counts_until_24_hours_have_passed_whatever_the_second() {
    // Every second of an interval and a few around its ends.
    for offset in (0..SPENDING_INTERVAL_SECONDS)
        .step_by(997)
        .chain([1, 28_799])
    {
        let start = (NOW / SPENDING_INTERVAL_SECONDS) * SPENDING_INTERVAL_SECONDS + offset;
        let mut spending = Spending::zeroed();
        spending.record(7, start);
        for later in (0..DAY).step_by(1_801).chain([DAY - 1, DAY]) {
            assert_eq!(spending.recent(start + later), 7, "{offset} {later}");
        }
        let forgotten = start + DAY + SPENDING_INTERVAL_SECONDS;
        assert_eq!(spending.recent(forgotten), 0);
        // A clock that went back forgets nothing, and books into the newest interval.
        assert_eq!(spending.recent(start - 3 * DAY), 7);
        spending.record(5, start - 3 * DAY);
        assert_eq!(spending.recent(start + DAY), 12);
        spending.record(1, start + 10 * DAY);
        assert_eq!(spending.recent(start + 10 * DAY), 1);
    }
}

#[test]
fn old_payments_for_other_markets_do_not_raise_the_share() {
    // The first payment is 30 hours old: no part of the last 24, but still in the ring.
    let start = (NOW / SPENDING_INTERVAL_SECONDS) * SPENDING_INTERVAL_SECONDS;
    let mut fund = fund_of(1_000_000);
    let mut losses = [Losses::zeroed(); 2];
    let first = pay_most(&mut fund, &mut losses[0], 150_000, start);
    let now = start + 30 * 3_600;
    let second = pay_most(&mut fund, &mut losses[1], u64::MAX, now);
    let payments = [(start, 0, first), (now, 1, second)];
    check_budget(&fund, &payments, 200_000);
}

proptest! {
    #[test]
    fn no_24_hours_take_more_than_the_budget(
        balance in prop_oneof![0_u64..10_000, 0_u64..1 << 50],
        budget in 0_u32..=200_000,
        steps in prop::collection::vec(
            (0_i64..40_000, 0_usize..2, prop_oneof![Just(u64::MAX), 0_u64..1 << 40], 0_u64..1 << 30),
            1..60,
        ),
        offset in 0_i64..28_800,
    ) {
        let params = MarketParams { default_fund_budget_ppm: budget, ..params() };
        let mut fund = fund_of(balance);
        let mut losses = [Losses::zeroed(); 2];
        let mut now = NOW + offset;
        let mut payments: Vec<Payment> = Vec::new();
        for (wait, market, wanted, income) in steps {
            now += wait;
            fund.balance += income;
            let most = allowance(&fund, &losses[market], &params, now).unwrap();
            let amount = most.min(wanted);
            let before = fund.balance;
            pay(&mut fund, &mut losses[market], amount, now).unwrap();
            prop_assert_eq!(fund.balance, before - amount);
            payments.push((now, market, amount));
            check_budget(&fund, &payments, budget.into());
        }
        let total: u64 = payments.iter().map(|(_, _, amount)| amount).sum();
        prop_assert_eq!(fund.paid_total, total);
    }
}

fn flagged_at(since: i64) -> MarginAccount {
    let mut account = MarginAccount::zeroed();
    flag(&mut account, since);
    account
}

#[test]
fn a_flag_unseen_for_a_minute_starts_anew_with_the_takeovers_clock() {
    for (wait, kept) in [(0, true), (1, true), (60, true), (61, false), (DAY, false)] {
        let mut account = flagged_at(NOW);
        account.takeover_started_at = NOW + 1;
        assert_eq!(flag_is_recent(&account, NOW + wait), kept);
        flag(&mut account, NOW + wait);
        let expected = if kept {
            (NOW, NOW + 1)
        } else {
            (NOW + wait, 0)
        };
        assert_eq!((account.flagged_at, account.takeover_started_at), expected);
        assert_eq!(account.flag_seen_at, NOW + wait);
    }
}

#[test]
fn a_flag_seen_once_a_minute_never_ends() {
    let mut account = flagged_at(NOW);
    account.takeover_started_at = NOW;
    for minute in 1..=60 {
        flag(&mut account, NOW + 60 * minute);
    }
    assert_eq!(
        (account.flagged_at, account.takeover_started_at),
        (NOW, NOW)
    );
}

#[test]
fn a_clock_that_goes_back_neither_ages_nor_renews_a_flag() {
    let mut account = flagged_at(NOW);
    flag(&mut account, NOW - 500);
    assert_eq!((account.flagged_at, account.flag_seen_at), (NOW, NOW));
    assert!(flag_is_recent(&account, NOW - 500));
    let (mut fund, mut to) = (pool_of(1 << 30), MarginAccount::zeroed());
    // No time has passed: one cap.
    let paid = reimburse(
        &mut account,
        &mut fund,
        &mut to,
        &params(),
        u64::MAX,
        NOW - 500,
    );
    assert_eq!(paid, Ok(50_000));
}

#[test]
fn a_cleared_flag_is_none() {
    let mut account = flagged_at(NOW);
    account.takeover_started_at = NOW;
    clear_flag(&mut account);
    assert_eq!(account, MarginAccount::zeroed());
    assert!(!flag_is_recent(&account, NOW));
}

fn pool_of(keeper_pool: u64) -> DefaultFund {
    DefaultFund {
        keeper_pool,
        ..DefaultFund::zeroed()
    }
}

fn reimbursed(waited: i64, pool: u64, most: u64) -> u64 {
    let (mut account, mut fund) = (flagged_at(NOW), pool_of(pool));
    let mut to = MarginAccount::zeroed();
    to.collateral = -3;
    let paid = reimburse(
        &mut account,
        &mut fund,
        &mut to,
        &params(),
        most,
        NOW + waited,
    )
    .unwrap();
    assert_eq!(fund.keeper_pool, pool - paid);
    assert_eq!(to.collateral, paid as i64 - 3);
    assert_eq!(
        (to.gain_newest, to.deposited_total),
        (0, 0),
        "aged cash, and no deposit"
    );
    paid
}

#[test]
fn a_reimbursement_grows_from_one_cap_to_eight_and_no_further() {
    // Cap 50,000, tenfold seconds: 5,000 more a second.
    for (waited, paid) in [
        (0, 50_000),
        (1, 55_000),
        (10, 100_000),
        (69, 395_000),
        (70, 400_000),
    ] {
        assert_eq!(reimbursed(waited, 1 << 40, u64::MAX), paid);
    }
    assert_eq!(reimbursed(71, 1 << 40, u64::MAX), 400_000);
    assert_eq!(reimbursed(i64::MAX - NOW, 1 << 40, u64::MAX), 400_000);
}

#[test]
fn a_reimbursement_is_at_most_the_pool_and_what_a_small_step_was_charged() {
    assert_eq!(reimbursed(70, 399_999, u64::MAX), 399_999);
    assert_eq!(reimbursed(70, 0, u64::MAX), 0);
    assert_eq!(reimbursed(70, 1 << 40, 17), 17);
    assert_eq!(reimbursed(70, 1 << 40, 0), 0);
    let free = MarketParams {
        reimbursement_cap: 0,
        ..params()
    };
    let (mut account, mut fund) = (flagged_at(NOW), pool_of(9));
    let mut to = MarginAccount::zeroed();
    let paid = reimburse(&mut account, &mut fund, &mut to, &free, u64::MAX, NOW + 9);
    assert_eq!((paid, fund.keeper_pool), (Ok(0), 9));
}

#[test]
fn a_second_is_reimbursed_once_also_when_the_clock_goes_back() {
    let (mut account, mut fund) = (flagged_at(NOW), pool_of(1 << 40));
    let mut to = MarginAccount::zeroed();
    let mut at = |second: i64| {
        reimburse(
            &mut account,
            &mut fund,
            &mut to,
            &params(),
            u64::MAX,
            NOW + second,
        )
        .unwrap()
    };
    assert_eq!((at(0), at(0)), (50_000, 0));
    assert_eq!((at(1), at(1)), (55_000, 0));
    // Neither the second before nor the one that comes again.
    assert_eq!((at(0), at(1), at(2)), (0, 0, 60_000));
}

#[test]
fn a_step_that_is_paid_nothing_leaves_the_second_to_others() {
    let (mut account, mut fund) = (flagged_at(NOW), pool_of(1 << 40));
    let mut to = MarginAccount::zeroed();
    let dust = reimburse(&mut account, &mut fund, &mut to, &params(), 0, NOW);
    let work = reimburse(&mut account, &mut fund, &mut to, &params(), u64::MAX, NOW);
    assert_eq!((dust, work), (Ok(0), Ok(50_000)));
}
