//! A line's life: offered, accepted, active, recalled, closed; its interest, its margin call and its
//! conservative value.

use crate::credit::vault::{self, JuniorStake};
use crate::credit::SECONDS_PER_YEAR;
use crate::error::{EngineError, Result};
use crate::math::{self, PPM};
use crate::risk::AccountRisk;
use crate::state::{CreditLine, CreditVault, LineSlot, LineState, MarginAccount, Pubkey};
use crate::Env;

pub use crate::credit::terms::{
    LineTerms, CALL_SECONDS_BOUNDS, POSITION_AGE_SECONDS_MAX, RATE_PPM_MAX,
    RECALL_NOTICE_SECONDS_BOUNDS,
};

/// A call does not lapse before this long after a held market reopened, seconds.
const REOPENING_GRACE_SECONDS: i64 = 60;

/// The accounts that a line ties together.
#[derive(Clone, Copy, Debug)]
pub struct LineParties {
    pub bump: u8,
    pub vault: Pubkey,
    pub margin_account: Pubkey,
    pub trader: Pubkey,
}

/// Writes an offer: over nothing, over an offer that nobody accepted, or over a closed line that its
/// account has let go (`attached` says that it has not). `ParameterOutOfBounds`, `WrongLineState`.
pub fn offer(
    line: &mut CreditLine,
    parties: &LineParties,
    terms: &LineTerms,
    attached: bool,
    env: &Env,
) -> Result<()> {
    terms.validate()?;
    if is_open(line) || attached {
        return Err(EngineError::WrongLineState);
    }
    *line = bytemuck::Zeroable::zeroed();
    line.version = 1;
    line.bump = parties.bump;
    line.state = LineState::Offered.byte();
    line.vault = parties.vault;
    line.margin_account = parties.margin_account;
    line.trader = parties.trader;
    line.limit = terms.limit;
    line.equity_floor = terms.equity_floor;
    line.minute_cap = terms.minute_cap;
    line.drawn_rate_ppm = terms.drawn_rate_ppm;
    line.undrawn_rate_ppm = terms.undrawn_rate_ppm;
    line.call_seconds = terms.call_seconds;
    line.recall_notice_seconds = terms.recall_notice_seconds;
    line.position_age_seconds_min = terms.position_age_seconds_min;
    line.committed = u8::from(terms.committed);
    line.sides = terms.sides;
    line.markets_len = terms.markets_len;
    line.mandate_notional = terms.mandate_notional;
    line.mandate_markets = terms.mandate_markets;
    line.offered_at = env.now;
    Ok(())
}

/// `LineTooLarge` if the limit is more than a fifth of the vault's face value, rounded down.
fn check_share(line: &CreditLine, vault: &CreditVault) -> Result<()> {
    if line.limit > math::mul_ppm_floor(vault::face(vault)?, vault::LINE_PPM_MAX)? {
        return Err(EngineError::LineTooLarge);
    }
    Ok(())
}

/// The trader's signature under `terms`, which must be those offered. The account has one line at most,
/// and the line becomes active no earlier than after the vault's redemption notice: whoever wants to
/// leave because of it comes first. `WrongLineState` (also for other terms), `AccountHasLine`,
/// `LinesFull`, `LineTooLarge`, `JuniorStakeTooSmall`, `ValuationStale`.
pub fn accept(
    account: &mut MarginAccount,
    line: &mut CreditLine,
    vault: &mut CreditVault,
    address: &Pubkey,
    terms: &LineTerms,
    env: &Env,
) -> Result<()> {
    if line.state != LineState::Offered.byte() || LineTerms::of(line) != *terms {
        return Err(EngineError::WrongLineState);
    }
    let owed = account.credit_principal | account.credit_interest | account.lien;
    if account.credit_line != [0; 32] || owed != 0 {
        return Err(EngineError::AccountHasLine);
    }
    check_share(line, vault)?;
    let limits = math::add(vault.limits, line.limit)?;
    let junior = JuniorStake {
        shares: vault.junior_shares,
        limits,
        beside: 0,
    };
    vault::check_junior(vault, &junior, env.now)?;
    let free = vault.slots.iter().position(|slot| slot.limit == 0);
    let position = free.ok_or(EngineError::LinesFull)?;
    let number = u16::try_from(position).map_err(|_| EngineError::LinesFull)?;
    let slot = vault
        .slots
        .get_mut(position)
        .ok_or(EngineError::LinesFull)?;
    *slot = LineSlot {
        limit: line.limit,
        drawn_rate_ppm: line.drawn_rate_ppm,
        undrawn_rate_ppm: line.undrawn_rate_ppm,
        ..LineSlot::default()
    };
    vault.limits = limits;
    vault.lines = vault.lines.saturating_add(1);
    line.slot = number;
    line.state = LineState::Accepted.byte();
    line.active_from = env
        .now
        .saturating_add(i64::from(vault.redemption_notice_seconds));
    account.credit_line = *address;
    Ok(())
}

/// Starts an accepted line; anyone may, after the notice. A committed line reserves its limit out of
/// cash that no line and no queued redemption has a claim on. `WrongLineState`, `LineNotActive` (too
/// early, or recalled), `LineTooLarge`, `VaultCashReserved`.
pub fn activate(line: &mut CreditLine, vault: &mut CreditVault, env: &Env) -> Result<()> {
    if line.state != LineState::Accepted.byte() {
        return Err(EngineError::WrongLineState);
    }
    if env.now < line.active_from || recalled(line, env.now) {
        return Err(EngineError::LineNotActive);
    }
    check_share(line, vault)?;
    let committed = if line.committed != 0 { line.limit } else { 0 };
    if committed > vault::free_cash(vault)? {
        return Err(EngineError::VaultCashReserved);
    }
    let reserved = math::add(vault.reserved_cash, committed)?;
    vault::slot_mut(vault, line.slot)?.accrued_at = env.now;
    vault.reserved_cash = reserved;
    line.reserved_cash = committed;
    line.accrued_at = env.now;
    line.state = LineState::Active.byte();
    Ok(())
}

/// Signed by both and not ended.
fn is_open(line: &CreditLine) -> bool {
    [LineState::Accepted.byte(), LineState::Active.byte()].contains(&line.state)
}

/// Whether the notice of a recall has passed.
fn recalled(line: &CreditLine, now: i64) -> bool {
    line.recall_at != 0 && now >= line.recall_at
}

/// Whether the line lends at all: active and not recalled.
pub(crate) fn lends(line: &CreditLine, now: i64) -> bool {
    line.state == LineState::Active.byte() && !recalled(line, now)
}

/// The underwriter's consent to draws of a discretionary line, in place of an earlier one: quote atoms,
/// and until when. `WrongLineState` for a committed line or one that is not open, `ExpiryInThePast`,
/// `LineTooLarge` above the limit.
pub fn consent(line: &mut CreditLine, amount: u64, expires_at: i64, env: &Env) -> Result<()> {
    if line.committed != 0 || !is_open(line) {
        return Err(EngineError::WrongLineState);
    }
    if amount > line.limit {
        return Err(EngineError::LineTooLarge);
    }
    if amount != 0 && expires_at <= env.now {
        return Err(EngineError::ExpiryInThePast);
    }
    line.consent = amount;
    line.consent_expires_at = expires_at;
    Ok(())
}

/// ⌈(drawn × rate × seconds + undrawn × rate × seconds) / (10^6 × a year)⌉, quote atoms; up for the
/// lender (R29).
fn interest(slot: &LineSlot, drawn_seconds: u64, undrawn_seconds: u64) -> Result<u64> {
    let undrawn = slot.limit.saturating_sub(slot.drawn);
    let part = |amount: u64, rate: u32, seconds: u64| {
        math::wide(amount, u64::from(rate)).checked_mul(u128::from(seconds))
    };
    let sum = part(slot.drawn, slot.drawn_rate_ppm, drawn_seconds)
        .zip(part(undrawn, slot.undrawn_rate_ppm, undrawn_seconds))
        .and_then(|(drawn, undrawn)| drawn.checked_add(undrawn))
        .ok_or(EngineError::Overflow)?;
    math::narrow(sum.div_ceil(math::wide(PPM, SECONDS_PER_YEAR)))
}

/// Interest of a slot's line that has run and is not booked, quote atoms, rounded up. After a recall it
/// is too high by what the undrawn part no longer pays, until the line is next touched.
pub(crate) fn running_interest(slot: &LineSlot, now: i64) -> Result<u64> {
    if slot.accrued_at == 0 {
        return Ok(0);
    }
    let seconds = math::seconds_since(now, slot.accrued_at);
    interest(slot, seconds, seconds)
}

/// Books the interest of an active line since it was last booked, on what is drawn and what is not, from
/// the activation on; returns it, quote atoms, rounded up for the lender. The undrawn part pays up to a
/// recall, with which the reservation ends as well. Nothing happens to a line that is not active, or
/// twice in a second.
pub fn accrue(
    account: &mut MarginAccount,
    line: &mut CreditLine,
    vault: &mut CreditVault,
    now: i64,
) -> Result<u64> {
    if line.state != LineState::Active.byte() || now <= line.accrued_at {
        return Ok(0);
    }
    let ended = recalled(line, now);
    let undrawn_until = if ended { line.recall_at } else { now };
    let slot = *vault::slot_mut(vault, line.slot)?;
    let accrued = interest(
        &slot,
        math::seconds_since(now, line.accrued_at),
        math::seconds_since(undrawn_until, line.accrued_at),
    )?;
    let owed = math::add(account.credit_interest, accrued)?;
    let receivable = math::add(vault.interest_receivable, accrued)?;
    let released = if ended { line.reserved_cash } else { 0 };
    let reserved = math::sub(vault.reserved_cash, released)?;
    let slot = vault::slot_mut(vault, line.slot)?;
    slot.accrued_at = now;
    if ended {
        slot.undrawn_rate_ppm = 0;
    }
    line.accrued_at = now;
    line.reserved_cash = line.reserved_cash.saturating_sub(released);
    vault.reserved_cash = reserved;
    vault.interest_receivable = receivable;
    vault.interest_total = vault.interest_total.saturating_add(accrued);
    account.credit_interest = owed;
    account.credit_interest_time = now;
    Ok(accrued)
}

/// max(0, min(D, D + e − stress)), quote atoms: what of D would be left to the lender after a stress of
/// the size of initial margin, gains at the haircut and stale legs against the holder (spec §10).
pub(crate) fn conservative_value(principal: u64, risk: &AccountRisk) -> u64 {
    let free = risk.free_collateral();
    if free >= 0 {
        return principal;
    }
    principal.saturating_sub(free.unsigned_abs())
}

/// Takes the conservative value of an active line and returns it, quote atoms; `risk` with interest
/// accrued. `WrongLineState`.
pub fn revalue(
    line: &CreditLine,
    vault: &mut CreditVault,
    risk: &AccountRisk,
    now: i64,
) -> Result<u64> {
    if line.state != LineState::Active.byte() {
        return Err(EngineError::WrongLineState);
    }
    let value = conservative_value(line.drawn, risk);
    let slot = vault::slot_mut(vault, line.slot)?;
    slot.value = value;
    slot.valued_at = now;
    Ok(value)
}

/// Whether a margin call has lapsed: something is drawn, the deadline is over, and every held market has
/// been open again for a minute. From then on the account is tested on e alone (spec §10). A recall
/// neither starts nor shortens a call.
pub fn lapsed(line: &CreditLine, credit_principal: u64, reopened_at: i64, now: i64) -> bool {
    let reopened = if reopened_at == 0 {
        0
    } else {
        reopened_at.saturating_add(REOPENING_GRACE_SECONDS)
    };
    credit_principal != 0 && now >= line.call_deadline.max(reopened)
}

/// Moves the deadline of a running call, later only and at most the longest call window from now; also
/// after it lapsed. `WrongLineState` without a call, `ParameterOutOfBounds`.
pub fn extend_call(line: &mut CreditLine, deadline: i64, env: &Env) -> Result<()> {
    if line.call_opened_at == 0 {
        return Err(EngineError::WrongLineState);
    }
    let (_, longest) = CALL_SECONDS_BOUNDS;
    let latest = env.now.saturating_add(i64::from(longest));
    if deadline <= line.call_deadline || deadline > latest {
        return Err(EngineError::ParameterOutOfBounds);
    }
    line.call_deadline = deadline;
    Ok(())
}

/// The underwriter's recall: after the notice nothing more is drawn. `WrongLineState` if the line is not
/// open or recalled already.
pub fn recall(line: &mut CreditLine, env: &Env) -> Result<()> {
    if !is_open(line) || line.recall_at != 0 {
        return Err(EngineError::WrongLineState);
    }
    line.recall_at = env
        .now
        .saturating_add(i64::from(line.recall_notice_seconds));
    Ok(())
}

/// Gives the slot, the limit and the reservation of an accepted or active line back to its vault.
pub(crate) fn leave_vault(line: &mut CreditLine, vault: &mut CreditVault) -> Result<()> {
    let limits = math::sub(vault.limits, line.limit)?;
    let reserved = math::sub(vault.reserved_cash, line.reserved_cash)?;
    *vault::slot_mut(vault, line.slot)? = LineSlot::default();
    vault.lines = vault.lines.saturating_sub(1);
    vault.limits = limits;
    vault.reserved_cash = reserved;
    line.reserved_cash = 0;
    line.state = LineState::Closed.byte();
    Ok(())
}

/// Ends a line that is owed nothing: by the trader at any time, by the underwriter after a recall's
/// notice, an offer by either. The account may take another line then. `LineInUse` while principal,
/// interest or a lien is owed; `WrongLineState`.
pub fn close(
    account: &mut MarginAccount,
    line: &mut CreditLine,
    vault: &mut CreditVault,
    address: &Pubkey,
    by_underwriter: bool,
    env: &Env,
) -> Result<()> {
    if line.state == LineState::Offered.byte() {
        line.state = LineState::Closed.byte();
        return Ok(());
    }
    if account.credit_line != *address {
        return Err(EngineError::WrongLineState);
    }
    if account.credit_principal | account.credit_interest | account.lien != 0 {
        return Err(EngineError::LineInUse);
    }
    if line.state != LineState::Closed.byte() {
        if by_underwriter && !recalled(line, env.now) {
            return Err(EngineError::WrongLineState);
        }
        leave_vault(line, vault)?;
    }
    account.credit_line = [0; 32];
    Ok(())
}
