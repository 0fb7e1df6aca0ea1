//! Funding: what longs pay shorts, or shorts longs, for the time that has passed (spec §6, §13).
//!
//! The premium that is charged is the slow EMA as it stood when the interval began: nobody can change
//! the rate of time that has already passed. Charging is O(1): it moves the cash index of both sides,
//! and every seat pays or receives when it is next touched. This module samples nothing; `mark` does.

use crate::epochs;
use crate::error::{EngineError, Result};
use crate::math;
use crate::params::MarketParams;
use crate::state::{HaltPhase, HaltState, PriceState, Side, SCALE_ONE};

#[cfg(test)]
mod tests;

/// What one accrual charged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FundingOutcome {
    /// Seconds charged: at most `accrual_seconds_max`, without stale and halted time.
    pub seconds: u64,
    /// Quote atoms, Q.64, that a long of one base atom paid; negative: received.
    pub long_pays: i128,
    /// Quote atoms, Q.64, that a short of one base atom received; negative: paid. Its size is that of
    /// `long_pays` unless the receiving side was larger than the paying one.
    pub short_receives: i128,
    /// Whether a side's |C| has reached its bound: its epoch is to end ([`epochs::due`], ADR 0006). Funding
    /// goes on meanwhile: an overflow must block nobody.
    pub epoch_due: bool,
}

/// Charges funding from `prices.funding_time` to `now`:
/// f = clamp(premium, ± cap of the index) · seconds / period, per base atom in Q.64, rounded toward zero;
/// longs pay f > 0. On the cash indices C_long += ⌊−f·A/2^62⌋ and C_short += ⌈−f·A/2^62⌉: a payer's
/// charge is rounded up and a receiver's down, so that rounding always favours the pool (INV-3, INV-4).
///
/// Only whole seconds count in which the index was fresh and the market not halted, at most
/// `accrual_seconds_max` of them: the rest of the interval is free, for ever. Index and premium are those
/// of the interval's start, so this runs before an index or a sample is written.
///
/// Nothing is charged unless both sides have open interest: a side alone would pay for nobody or be
/// owed by nobody. And when dust of earlier ADL events leaves the receiving side larger than the paying
/// one, receivers share what the payers pay: each base atom gets f · OI_payers / OI_receivers, rounded
/// down, so that an accrual never creates a claim without its payer.
///
/// # Errors
/// `Overflow`; then nothing is written.
pub fn accrue(
    sides: &mut [Side; 2],
    prices: &mut PriceState,
    params: &MarketParams,
    halt: &HaltState,
    now: i64,
) -> Result<FundingOutcome> {
    let [long, short] = sides;
    let seconds = chargeable_seconds(prices, params, halt, now);
    let funding_time = now.max(prices.funding_time);
    let rate = per_atom(prices, params, seconds)?;
    if rate == 0 || long.open_interest() == 0 || short.open_interest() == 0 {
        prices.funding_time = funding_time;
        return Ok(FundingOutcome {
            seconds,
            ..FundingOutcome::default()
        });
    }
    let longs_pay = prices.premium_ema > 0;
    let (payer, receiver) = if longs_pay {
        (&*long, &*short)
    } else {
        (&*short, &*long)
    };
    let shared = receiver_rate(rate, payer, receiver)?;
    let paid = signed(scale_up(rate, payer.scale)?)?;
    let received = signed(scale_down(shared, receiver.scale)?)?;
    // A long's cash grows with its index and a short's shrinks: when longs pay, both fall.
    let (long_step, short_step, long_pays, short_receives) = if longs_pay {
        (
            negate(paid)?,
            negate(received)?,
            signed(rate)?,
            signed(shared)?,
        )
    } else {
        (
            received,
            paid,
            negate(signed(shared)?)?,
            negate(signed(rate)?)?,
        )
    };
    let long_index = add(math::join_signed(long.cash_index), long_step)?;
    let short_index = add(math::join_signed(short.cash_index), short_step)?;
    let funding_index = add(math::join_signed(prices.funding_index), long_pays)?;
    long.cash_index = math::split_signed(long_index);
    short.cash_index = math::split_signed(short_index);
    prices.funding_index = math::split_signed(funding_index);
    prices.funding_time = funding_time;
    Ok(FundingOutcome {
        seconds,
        long_pays,
        short_receives,
        epoch_due: epochs::due(long) || epochs::due(short),
    })
}

/// Seconds of (funding_time, now] in which the index was fresh and the market open, capped.
fn chargeable_seconds(
    prices: &PriceState,
    params: &MarketParams,
    halt: &HaltState,
    now: i64,
) -> u64 {
    if prices.index == 0 {
        return 0;
    }
    let start = prices.funding_time;
    let fresh_until = prices
        .index_time
        .saturating_add(i64::from(params.index_age_seconds_max));
    let end = now.min(fresh_until);
    let halted = halted_seconds(prices, params, halt, now);
    math::seconds_since(end, start)
        .saturating_sub(halted)
        .min(u64::from(params.accrual_seconds_max))
}

/// Seconds of (funding_time, now] in which the index was fresh and the market in its last halt.
fn halted_seconds(prices: &PriceState, params: &MarketParams, halt: &HaltState, now: i64) -> u64 {
    let fresh_until = prices
        .index_time
        .saturating_add(i64::from(params.index_age_seconds_max));
    let halt_end = if halt.phase == HaltPhase::Continuous.byte() {
        halt.reopened_at
    } else {
        i64::MAX
    };
    let end = now.min(fresh_until).min(halt_end);
    math::seconds_since(end, prices.funding_time.max(halt.tripped_at))
}

/// Passes over what of the last halt no accrual has come to: before a trip that another halt follows, which then is
/// the last.
pub(crate) fn pass_over_halt(
    prices: &mut PriceState,
    params: &MarketParams,
    halt: &HaltState,
    now: i64,
) {
    let halted = halted_seconds(prices, params, halt, now);
    prices.funding_time = i64::try_from(halted)
        .unwrap_or(i64::MAX)
        .saturating_add(prices.funding_time);
}

/// |f|: the clamped premium over `seconds`, Q.64 quote atoms per base atom, rounded down.
fn per_atom(prices: &PriceState, params: &MarketParams, seconds: u64) -> Result<u128> {
    let cap = math::mul_ppm_floor(prices.index, u64::from(params.funding_cap_ppm))?;
    let premium = prices.premium_ema.unsigned_abs().min(cap);
    let period = u64::from(params.funding_period_seconds);
    let weighted = math::mul(premium, seconds)?;
    let whole = weighted.checked_div(period).ok_or(EngineError::Overflow)?;
    // The rest is below the period's 32 bits, so its shift fits: no 128-bit division.
    let rest = weighted.checked_rem(period).ok_or(EngineError::Overflow)?;
    let fraction = (rest << 32)
        .checked_div(period)
        .ok_or(EngineError::Overflow)?;
    Ok(u128::from(whole) << 32 | u128::from(fraction))
}

/// What a base atom of the receiving side gets of `rate`, rounded down: all of it, or its share of what
/// the payers pay when the receivers are more. The payers count floored, the receivers ceiled.
fn receiver_rate(rate: u128, payer: &Side, receiver: &Side) -> Result<u128> {
    let paying = payer.open_interest();
    let dust = u64::from(receiver.scale != SCALE_ONE);
    let receiving = math::add(receiver.open_interest(), dust)?;
    if receiving <= paying {
        return Ok(rate);
    }
    let share = math::mul_div_floor(paying, 1 << 32, receiving)?;
    Ok(rate
        .checked_mul(u128::from(share))
        .ok_or(EngineError::Overflow)?
        >> 32)
}

const FRACTION: u128 = (1 << 62) - 1;

/// ⌊rate·A / 2^62⌋: per base atom to per share, for who receives.
fn scale_down(rate: u128, scale: u64) -> Result<u128> {
    if scale == SCALE_ONE {
        return Ok(rate);
    }
    let scale = u128::from(scale);
    let high = (rate >> 62)
        .checked_mul(scale)
        .ok_or(EngineError::Overflow)?;
    let low = (rate & FRACTION)
        .checked_mul(scale)
        .ok_or(EngineError::Overflow)?;
    high.checked_add(low >> 62).ok_or(EngineError::Overflow)
}

/// ⌈rate·A / 2^62⌉: the same, for who pays.
fn scale_up(rate: u128, scale: u64) -> Result<u128> {
    let low = (rate & FRACTION).wrapping_mul(u128::from(scale));
    let up = u128::from(low & FRACTION != 0);
    scale_down(rate, scale)?
        .checked_add(up)
        .ok_or(EngineError::Overflow)
}

#[inline(always)]
fn signed(value: u128) -> Result<i128> {
    i128::try_from(value).map_err(|_| EngineError::Overflow)
}

#[inline(always)]
fn negate(value: i128) -> Result<i128> {
    value.checked_neg().ok_or(EngineError::Overflow)
}

#[inline(always)]
fn add(a: i128, b: i128) -> Result<i128> {
    a.checked_add(b).ok_or(EngineError::Overflow)
}
