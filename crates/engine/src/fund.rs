//! The default fund and the keeper pool (spec §8, §9): what a loss may draw from the one, and what a
//! liquidation's caller is reimbursed out of the other.

use crate::error::Result;
use crate::math;
use crate::state::{DefaultFund, Losses, MarginAccount, MarketParams, Spending};

#[cfg(test)]
mod tests;

/// Length of an interval of [`Spending`], seconds: four of them cover any 24 hours.
pub const SPENDING_INTERVAL_SECONDS: i64 = 28_800;

/// Share of the fund that all markets together may use in 24 hours, ppm.
pub const BUDGET_ALL_MARKETS_PPM: u64 = 350_000;

/// Longest silence after which a flag counts as a new one, seconds.
pub const FLAG_GAP_SECONDS: u64 = 60;

/// A reimbursement is at most this many times the market's cap.
const REIMBURSEMENT_CAP_TIMES: u64 = 8;

impl Spending {
    /// Paid in the intervals that cover the last 24 hours of `now`; at most eight hours more.
    pub fn recent(&self, now: i64) -> u64 {
        self.paid_in(self.paid.len(), now)
    }

    /// Paid in the intervals that lie wholly within the last 24 hours of `now`; at most eight hours less.
    fn surely_recent(&self, now: i64) -> u64 {
        self.paid_in(self.paid.len().saturating_sub(1), now)
    }

    /// Paid in the newest `intervals` that end with the one of `now`.
    fn paid_in(&self, intervals: usize, now: i64) -> u64 {
        let age = interval(now).saturating_sub(self.interval);
        let old = usize::try_from(age.max(0)).unwrap_or(usize::MAX);
        self.paid
            .iter()
            .take(intervals.saturating_sub(old))
            .fold(0, |sum, paid| sum.saturating_add(*paid))
    }

    /// Books a payment into the newest interval. A clock that went back books into the newest as well.
    fn record(&mut self, amount: u64, now: i64) {
        let newest = interval(now);
        let age = newest.saturating_sub(self.interval);
        if age > 0 {
            let shift = usize::try_from(age)
                .unwrap_or(usize::MAX)
                .min(self.paid.len());
            self.paid.rotate_right(shift);
            self.paid.iter_mut().take(shift).for_each(|paid| *paid = 0);
            self.interval = newest;
        }
        let [first, ..] = &mut self.paid;
        *first = first.saturating_add(amount);
    }
}

fn interval(now: i64) -> i64 {
    now.div_euclid(SPENDING_INTERVAL_SECONDS)
}

/// What the default fund may pay for a market at `now`: its share, and that of all markets together, of
/// (balance + paid in the last 24 hours), so that the order of payments does not matter (ADR 0014). What
/// may be older is used budget, but no part of what the shares are of: in no 24 hours is more paid.
/// Rounded down, against the market. Nothing before the market is as old as the timelock was when it was
/// created: else a stolen authority could list a market of its own against the fund at once (ADR 0022).
pub fn allowance(
    fund: &DefaultFund,
    losses: &Losses,
    params: &MarketParams,
    now: i64,
) -> Result<u64> {
    if now < losses.fund_from {
        return Ok(0);
    }
    let paid = fund.spending.recent(now);
    let base = math::add(fund.balance, fund.spending.surely_recent(now))?;
    let all = math::mul_ppm_floor(base, BUDGET_ALL_MARKETS_PPM)?.saturating_sub(paid);
    let market = math::mul_ppm_floor(base, u64::from(params.default_fund_budget_ppm))?
        .saturating_sub(losses.spending.recent(now));
    Ok(all.min(market).min(fund.balance))
}

/// Takes a payment for a market's loss off the fund.
pub fn pay(fund: &mut DefaultFund, losses: &mut Losses, amount: u64, now: i64) -> Result<()> {
    fund.balance = math::sub(fund.balance, amount)?;
    fund.paid_total = fund.paid_total.saturating_add(amount);
    fund.spending.record(amount, now);
    losses.spending.record(amount, now);
    Ok(())
}

/// Notes that the account was seen below maintenance. A flag that nobody has seen for
/// [`FLAG_GAP_SECONDS`] starts anew, and with it the takeover's clock: a recovery in between cannot make a
/// later liquidation dearer.
pub fn flag(account: &mut MarginAccount, now: i64) {
    if account.flagged_at == 0 || !flag_is_recent(account, now) {
        account.flagged_at = now;
        account.takeover_started_at = 0;
    }
    account.flag_seen_at = now.max(account.flag_seen_at);
}

/// Whether the account was seen below maintenance within the last [`FLAG_GAP_SECONDS`].
pub fn flag_is_recent(account: &MarginAccount, now: i64) -> bool {
    math::seconds_since(now, account.flag_seen_at) <= FLAG_GAP_SECONDS
}

/// Forgets flag and takeover of an account that is not below maintenance.
pub fn clear_flag(account: &mut MarginAccount) {
    account.flagged_at = 0;
    account.flag_seen_at = 0;
    account.takeover_started_at = 0;
}

/// Reimburses the caller of a step on `account`: cap × (1 + t / τ), t since it was flagged, at most eight
/// caps and what the keeper pool holds, once per account and second. Rounded down, for the pool. Nothing
/// of it depends on notional. Credited to the caller's margin account as aged cash, and returned.
///
/// `most` bounds it for a small step, to what the step was charged: nobody lives on liquidating dust of
/// its own (attacks 20, 21; ADR 0017).
pub fn reimburse(
    account: &mut MarginAccount,
    fund: &mut DefaultFund,
    beneficiary: &mut MarginAccount,
    params: &MarketParams,
    most: u64,
    now: i64,
) -> Result<u64> {
    // A second that comes again, when the clock went back, was paid for.
    if now <= account.reimbursed_at {
        return Ok(0);
    }
    let cap = params.reimbursement_cap;
    let most = cap.saturating_mul(REIMBURSEMENT_CAP_TIMES).min(most);
    let waited = math::seconds_since(now, account.flagged_at);
    let growth = cap
        .saturating_mul(waited)
        .checked_div(u64::from(params.reimbursement_growth_seconds))
        .unwrap_or(0);
    let amount = cap.saturating_add(growth).min(most).min(fund.keeper_pool);
    if amount == 0 {
        // The second is left to who did more.
        return Ok(0);
    }
    let collateral = math::add_signed(beneficiary.collateral, math::signed(amount)?)?;
    fund.keeper_pool = math::sub(fund.keeper_pool, amount)?;
    beneficiary.collateral = collateral;
    account.reimbursed_at = now;
    Ok(amount)
}
