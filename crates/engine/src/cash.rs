//! Cash and claims (spec §4): deposits, withdrawals, settling claims at the mark, sweeping fees.
//!
//! Custody = Σ (collateral + D) + Σ market pools + default fund + treasury + keeper pool, to the atom.
//! Every function here moves amounts between those terms and creates none (INV-1).

use crate::book::arena::{self, MarketMut};
use crate::epochs;
use crate::error::{EngineError, Result};
use crate::math;
use crate::position;
use crate::risk::{self, AccountCash, AccountRisk, LegRisk, Resting};
use crate::state::{MarginAccount, MarketHeader, Pubkey};
use crate::units::PriceQ32;
use crate::Env;

mod sweep;
#[cfg(test)]
mod tests;

pub use sweep::{sweep_fees, Swept, FEE_JUNIOR_SECONDS};

/// Length of a gain's interval; a gain ages one to two of them, seconds.
pub const GAIN_INTERVAL_SECONDS: i64 = 60;

/// Seats that one settle may pass through: all that an account can have.
pub const SETTLE_LEGS_MAX: usize = 8;

fn gain_interval(now: i64) -> i64 {
    now.div_euclid(GAIN_INTERVAL_SECONDS)
}

/// Gains paid out less than two intervals ago: they carry the haircut and cannot be withdrawn.
pub fn unaged_gain(account: &MarginAccount, now: i64) -> u64 {
    match gain_interval(now).saturating_sub(account.gain_interval) {
        ..=0 => account.gain_newest.saturating_add(account.gain_previous),
        1 => account.gain_newest,
        _ => 0,
    }
}

/// Books a gain into the newest interval. Earlier ones only ever age: nobody's settle re-locks them.
fn add_gain(account: &mut MarginAccount, amount: u64, now: i64) {
    let interval = gain_interval(now);
    match interval.saturating_sub(account.gain_interval) {
        ..=0 => {}
        1 => {
            account.gain_previous = account.gain_newest;
            account.gain_newest = 0;
            account.gain_interval = interval;
        }
        _ => {
            account.gain_previous = 0;
            account.gain_newest = 0;
            account.gain_interval = interval;
        }
    }
    account.gain_newest = account.gain_newest.saturating_add(amount);
}

/// Cash that has left cannot still be ageing: buckets hold at most the collateral, the older cut first
/// (ADR 0014: aged cash is used first).
pub(crate) fn trim_gains(account: &mut MarginAccount) {
    let cash = u64::try_from(account.collateral).unwrap_or(0);
    account.gain_newest = account.gain_newest.min(cash);
    account.gain_previous = account
        .gain_previous
        .min(cash.saturating_sub(account.gain_newest));
}

/// The account's cash, as risk sees it.
pub fn account_cash(account: &MarginAccount, now: i64) -> AccountCash {
    AccountCash {
        collateral: account.collateral,
        interest: account.credit_interest,
        credit: account.credit_principal,
        unaged_gain: unaged_gain(account, now),
    }
}

/// Credits a deposit: the measured increase of the custody shard, never what was asked for. No state of
/// account, market, oracle or exchange can refuse it (INV-8).
pub fn deposit(account: &mut MarginAccount, measured: u64) -> Result<()> {
    let collateral = math::add_signed(account.collateral, math::signed(measured)?)?;
    account.collateral = collateral;
    account.deposited_total = account.deposited_total.saturating_add(measured);
    Ok(())
}

/// Debits a withdrawal of aged cash, if what remains meets initial margin. `halted` says that the
/// account has a position or orders in a halted market.
pub fn withdraw(
    account: &mut MarginAccount,
    legs: &LegRisk,
    halted: bool,
    amount: u64,
    env: &Env,
) -> Result<()> {
    if amount == 0 {
        return Err(EngineError::ZeroAmount);
    }
    if account.credit_principal != 0 || account.credit_interest != 0 {
        return Err(EngineError::CreditDrawn);
    }
    if account.lien != 0 {
        return Err(EngineError::LienUnpaid);
    }
    if halted {
        return Err(EngineError::MarketHalted);
    }
    let mut cash = account_cash(account, env.now);
    let aged = math::sub_signed(account.collateral, math::signed(cash.unaged_gain)?)?;
    cash.collateral = math::sub_signed(account.collateral, math::signed(amount)?)?;
    if aged < math::signed(amount)? {
        return Err(EngineError::InsufficientCash);
    }
    if !AccountRisk::of(&cash, legs)?.meets_initial() {
        return Err(EngineError::BelowInitialMargin);
    }
    account.collateral = cash.collateral;
    trim_gains(account);
    account.withdrawn_total = account.withdrawn_total.saturating_add(amount);
    Ok(())
}

/// An account that holds nothing may be closed.
pub fn check_closable(account: &MarginAccount) -> Result<()> {
    let owed = account.credit_principal | account.credit_interest | account.lien;
    if account.collateral != 0 || owed != 0 || account.entries_len != 0 {
        return Err(EngineError::MarginAccountNotEmpty);
    }
    Ok(())
}

/// What settling one leg moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SettledLeg {
    /// Cash out of the pool into the account, quote atoms.
    pub gain_paid: u64,
    /// Cash out of the account into the pool.
    pub loss_paid: u64,
    /// Claim that the pool could not pay.
    pub gain_unpaid: u64,
    /// Loss that the account could not or, below initial margin, may not yet pay.
    pub loss_unpaid: u64,
    /// The leg was left alone: it has a position and its index is stale.
    pub stale: bool,
}

/// Turns the claims of an account's seats into cash at the mark; anyone may ask for it.
///
/// Gains first, so that they pay losses in another market; then losses: all of them where the cash
/// suffices or the account meets initial margin, else each its share (collateral + D) × loss / total loss,
/// rounded down. A share is only a share if every losing leg takes its own in the same call, else asking
/// again would give one market everything (ADR 0003): then all losing legs must be passed
/// (`WrongMarketAccounts`) and none may be stale (`IndexStale`). `other_legs` is the risk of the legs not
/// passed.
pub fn settle(
    account: &mut MarginAccount,
    address: &Pubkey,
    markets: &mut [MarketMut<'_>],
    entries: &[usize],
    other_legs: &LegRisk,
    env: &Env,
) -> Result<[SettledLeg; SETTLE_LEGS_MAX]> {
    let mut outcome = [SettledLeg::default(); SETTLE_LEGS_MAX];
    let mut claims = [0_i64; SETTLE_LEGS_MAX];
    let mut seats = [0_u32; SETTLE_LEGS_MAX];
    let mut legs = *other_legs;
    let mut stale_loss = false;
    if markets.len() > SETTLE_LEGS_MAX || markets.len() != entries.len() {
        return Err(EngineError::WrongMarketAccounts);
    }
    let slots = outcome
        .iter_mut()
        .zip(claims.iter_mut())
        .zip(seats.iter_mut());
    for ((market, entry), ((leg, claim), seat_index)) in markets.iter().zip(entries).zip(slots) {
        *seat_index = account
            .entries()
            .get(*entry)
            .ok_or(EngineError::WrongSeat)?
            .seat;
        let seat = crate::seats::entry_seat(account, *entry, market.blocks, address)?;
        let held = position::held(&market.as_ref(), seat)?;
        legs.add(&risk::leg(
            market.header,
            held,
            &Resting::from(seat),
            env.now,
        )?)?;
        leg.stale = held.base != 0 && !risk::index_is_fresh(market.header, env.now);
        let value = PriceQ32(market.header.prices.mark).position_value(held.base)?;
        let at_mark = math::add_signed(held.quote, value)?;
        if leg.stale {
            stale_loss |= at_mark < 0;
        } else {
            *claim = at_mark;
        }
    }
    if outcome.iter().take(markets.len()).all(|leg| leg.stale) {
        return Err(EngineError::NothingToSettle);
    }
    let other_losses = other_legs.loss != 0;
    let mut cash = Cash::of(account)?;
    for ((market, claim), leg) in markets.iter().zip(claims).zip(outcome.iter_mut()) {
        pay_gain(market.header, claim, &mut cash, leg)?;
    }
    let before = AccountRisk::of(&account_cash(account, env.now), &legs)?;
    let shared = !before.meets_initial() && cash.payable()? < before.loss;
    let losing = claims.iter().any(|claim| *claim < 0);
    if shared && losing && other_losses {
        return Err(EngineError::WrongMarketAccounts);
    }
    if shared && losing && stale_loss {
        return Err(EngineError::IndexStale);
    }
    pay_losses(
        &claims,
        shared.then_some(before.loss),
        &mut cash,
        &mut outcome,
    )?;

    for (((market, leg), seat_index), _) in markets.iter_mut().zip(&outcome).zip(seats).zip(entries)
    {
        write_leg(market, seat_index, leg, env)?;
    }
    let gained = outcome
        .iter()
        .fold(0_u64, |sum, leg| sum.saturating_add(leg.gain_paid));
    account.collateral = cash.collateral;
    if gained != 0 {
        add_gain(account, gained, env.now);
    }
    trim_gains(account);
    Ok(outcome)
}

/// Collateral on its way through a settle; collateral + D never goes below zero.
#[derive(Clone, Copy, Debug)]
struct Cash {
    collateral: i64,
    credit: i64,
}

impl Cash {
    fn of(account: &MarginAccount) -> Result<Self> {
        Ok(Self {
            collateral: account.collateral,
            credit: math::signed(account.credit_principal)?,
        })
    }

    /// collateral + D.
    fn payable(&self) -> Result<u64> {
        Ok(u64::try_from(math::add_signed(self.collateral, self.credit)?).unwrap_or(0))
    }
}

fn pay_gain(
    header: &MarketHeader,
    claim: i64,
    cash: &mut Cash,
    leg: &mut SettledLeg,
) -> Result<()> {
    let Ok(gain) = u64::try_from(claim) else {
        return Ok(());
    };
    leg.gain_paid = gain.min(header.cash.pool);
    leg.gain_unpaid = gain.saturating_sub(leg.gain_paid);
    cash.collateral = math::add_signed(cash.collateral, math::signed(leg.gain_paid)?)?;
    Ok(())
}

fn pay_losses(
    claims: &[i64; SETTLE_LEGS_MAX],
    shared: Option<u64>,
    cash: &mut Cash,
    outcome: &mut [SettledLeg; SETTLE_LEGS_MAX],
) -> Result<()> {
    let at_start = cash.payable()?;
    for (claim, leg) in claims.iter().zip(outcome.iter_mut()) {
        if *claim >= 0 {
            continue;
        }
        let loss = claim.unsigned_abs();
        let most = match shared {
            Some(total) if total != 0 => math::mul_div_floor(at_start, loss, total)?,
            _ => loss,
        };
        leg.loss_paid = loss.min(most).min(cash.payable()?);
        leg.loss_unpaid = loss.saturating_sub(leg.loss_paid);
        cash.collateral = math::sub_signed(cash.collateral, math::signed(leg.loss_paid)?)?;
    }
    Ok(())
}

fn write_leg(
    market: &mut MarketMut<'_>,
    seat_index: u32,
    leg: &SettledLeg,
    env: &Env,
) -> Result<()> {
    if leg.stale {
        return Ok(());
    }
    epochs::catch_up(market, seat_index)?;
    let header = &mut *market.header;
    let seat = arena::seat_mut(market.blocks, seat_index)?;
    position::touch(seat, &header.sides)?;
    let moved = math::sub_signed(math::signed(leg.loss_paid)?, math::signed(leg.gain_paid)?)?;
    seat.quote = math::add_signed(seat.quote, moved)?;
    let pool = math::add(header.cash.pool, leg.loss_paid)?;
    header.cash.pool = math::sub(pool, leg.gain_paid)?;
    if leg.gain_unpaid != 0 {
        header.cash.claim_unpaid_at = env.now;
    }
    Ok(())
}

/// Pays a flat seat's loss out of the account's cash, as far as that goes: what a tear-up leaves of it.
pub(crate) fn pay_loss(
    market: &mut MarketMut<'_>,
    account: &mut MarginAccount,
    seat_index: u32,
) -> Result<()> {
    let mut cash = Cash::of(account)?;
    let seat = arena::seat_mut(market.blocks, seat_index)?;
    let loss = u64::try_from(seat.quote.saturating_neg()).unwrap_or(0);
    let paid = loss.min(cash.payable()?);
    let amount = math::signed(paid)?;
    let quote = math::add_signed(seat.quote, amount)?;
    let pool = math::add(market.header.cash.pool, paid)?;
    cash.collateral = math::sub_signed(cash.collateral, amount)?;
    seat.quote = quote;
    market.header.cash.pool = pool;
    account.collateral = cash.collateral;
    trim_gains(account);
    Ok(())
}
