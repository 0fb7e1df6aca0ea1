//! Sweeping a market's fees (spec §4, §9): the carried deficit first, then the split.

use crate::epochs;
use crate::error::{EngineError, Result};
use crate::fund;
use crate::math;
use crate::state::{DefaultFund, Exchange, MarketHeader};
use crate::units::PriceQ32;
use crate::Env;

/// How long a claim left unpaid keeps fees in the pool, seconds.
pub const FEE_JUNIOR_SECONDS: u64 = 3_600;

/// What a sweep moved out of a market's pool, quote atoms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    pub to_default_fund: u64,
    pub to_keeper_pool: u64,
    pub to_treasury: u64,
    /// Fees given up against the market's carried deficit.
    pub deficit_paid: u64,
    /// Paid into the pool by the default fund against the rest of it.
    pub deficit_paid_by_fund: u64,
}

/// Pays the carried deficit down, out of accrued fees and then out of the default fund, as far as a loss
/// event could draw on it now (ADR 0021). Then moves accrued fees out of the pool, as far as it holds cash,
/// by the exchange's split; what the split's floors leave goes to the default fund. With no seat left nobody
/// has a claim: no fund pays a deficit, and the pool's rounding dust goes to the default fund as well.
///
/// Within an hour after a settle left a claim unpaid nothing leaves the pool; a deficit, for which claims
/// wait, is paid down all the same.
///
/// # Errors
/// `ClaimsUnpaid` within that hour, when there is no deficit or nothing to pay it with.
pub fn sweep_fees(
    header: &mut MarketHeader,
    exchange: &Exchange,
    fund: &mut DefaultFund,
    env: &Env,
) -> Result<Swept> {
    let cash = &header.cash;
    let unpaid_for = math::seconds_since(env.now, cash.claim_unpaid_at);
    let fees_wait = cash.claim_unpaid_at != 0 && unpaid_for < FEE_JUNIOR_SECONDS;
    let mut parts = [
        Part::of(cash.fees_accrued),
        Part::of(cash.liquidation_fees_accrued),
        Part::of(cash.contributions_accrued),
    ];
    let owed = parts
        .iter_mut()
        .fold(cash.deficit, |owed, part| part.give_up(owed));
    let deficit_paid = cash.deficit.saturating_sub(owed);
    let deficit_paid_by_fund = paid_by_fund(header, fund, owed, env)?;
    let owed = owed.saturating_sub(deficit_paid_by_fund);
    if fees_wait && owed == cash.deficit {
        return Err(EngineError::ClaimsUnpaid);
    }
    let reserve = if fees_wait {
        u64::MAX
    } else {
        drift_reserve(header)?
    };
    parts.iter_mut().fold(reserve, |hold, part| part.keep(hold));
    let mut pool = parts
        .iter_mut()
        .fold(cash.pool, |pool, part| part.sweep(pool));
    let dust = if header.arena.seats == 0 && owed == 0 && !fees_wait {
        pool
    } else {
        0
    };
    pool = math::add(pool.saturating_sub(dust), deficit_paid_by_fund)?;
    let [fees, liquidation, contributions] = parts;
    let split = split(&parts, exchange)?;
    let to_default_fund = math::add(split.to_default_fund, dust)?;
    let left = math::sub(fund.balance, deficit_paid_by_fund)?;
    let balance = math::add(left, to_default_fund)?;
    let keeper_pool = math::add(fund.keeper_pool, split.to_keeper_pool)?;
    let treasury = math::add(fund.treasury, split.to_treasury)?;

    if deficit_paid_by_fund != 0 {
        fund::pay(fund, &mut header.losses, deficit_paid_by_fund, env.now)?;
    }
    header.cash.deficit = owed;
    header.cash.fees_accrued = fees.left;
    header.cash.liquidation_fees_accrued = liquidation.left;
    header.cash.contributions_accrued = contributions.left;
    header.cash.pool = pool;
    fund.balance = balance;
    fund.keeper_pool = keeper_pool;
    fund.treasury = treasury;
    fund.contributed_total = fund.contributed_total.saturating_add(to_default_fund);
    fund.treasury_total = fund.treasury_total.saturating_add(split.to_treasury);
    Ok(Swept {
        to_default_fund,
        deficit_paid,
        deficit_paid_by_fund,
        ..split
    })
}

/// Who gets the fees swept: trading fees by the exchange's split, those of liquidations without the
/// treasury, contributions the default fund. What the floors leave is the default fund's (R27).
fn split([fees, liquidation, contributions]: &[Part; 3], exchange: &Exchange) -> Result<Swept> {
    let keeper_ppm = u64::from(exchange.fee_keeper_pool_ppm);
    let to_treasury = math::mul_ppm_floor(fees.swept, u64::from(exchange.fee_treasury_ppm))?;
    // Of a liquidation's fees the treasury's part is the other two's, in their proportion (INV-9).
    let untaxed = math::add(keeper_ppm, u64::from(exchange.fee_default_fund_ppm))?;
    let of_liquidations = if untaxed == 0 {
        0
    } else {
        math::mul_div_floor(liquidation.swept, keeper_ppm, untaxed)?
    };
    let to_keeper_pool = math::add(
        math::mul_ppm_floor(fees.swept, keeper_ppm)?,
        of_liquidations,
    )?;
    let swept = math::add(
        fees.swept,
        math::add(liquidation.swept, contributions.swept)?,
    )?;
    let given = math::add(to_keeper_pool, to_treasury)?;
    Ok(Swept {
        to_default_fund: math::sub(swept, given)?,
        to_keeper_pool,
        to_treasury,
        ..Swept::default()
    })
}

/// What the default fund pays of a deficit that fees have not covered: its part of a loss that is still open,
/// within the same budget. Nothing in a market without a seat, where nobody waits for it.
fn paid_by_fund(header: &MarketHeader, fund: &DefaultFund, owed: u64, env: &Env) -> Result<u64> {
    if owed == 0 || header.arena.seats == 0 {
        return Ok(0);
    }
    let allowance = fund::allowance(fund, &header.losses, &header.params, env.now)?;
    Ok(owed.min(allowance))
}

/// One accrued claim on the pool on its way through a sweep.
#[derive(Clone, Copy, Debug)]
struct Part {
    /// Still to be swept, then what stays accrued.
    open: u64,
    left: u64,
    swept: u64,
}

impl Part {
    const fn of(accrued: u64) -> Self {
        Self {
            open: accrued,
            left: 0,
            swept: 0,
        }
    }

    /// Gives up what the deficit takes; returns what is still owed.
    fn give_up(&mut self, deficit: u64) -> u64 {
        let paid = deficit.min(self.open);
        self.open = self.open.saturating_sub(paid);
        deficit.saturating_sub(paid)
    }

    /// Stays accrued as far as it is to be held back; returns what others must hold.
    fn keep(&mut self, hold: u64) -> u64 {
        let kept = hold.min(self.open);
        self.open = self.open.saturating_sub(kept);
        self.left = kept;
        hold.saturating_sub(kept)
    }

    /// Takes cash off the pool; returns what is left in it.
    fn sweep(&mut self, pool: u64) -> u64 {
        self.swept = self.open.min(pool);
        self.left = self
            .left
            .saturating_add(self.open.saturating_sub(self.swept));
        pool.saturating_sub(self.swept)
    }
}

/// What a sweep leaves in the pool for the base atoms by which the two sides may differ after loss events
/// (ADR 0007); nothing once no seat is left.
fn drift_reserve(header: &MarketHeader) -> Result<u64> {
    if header.arena.seats == 0 {
        return Ok(0);
    }
    let atom = PriceQ32(header.prices.mark).value_ceil(1)?;
    Ok(epochs::drift(header).saturating_mul(atom))
}
