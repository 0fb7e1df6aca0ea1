//! The draw (spec §13): how much of a line may be lent to an account, and lending it.

use crate::credit::{line, margin_target, vault};
use crate::error::{EngineError, Result};
use crate::fund;
use crate::math;
use crate::position::Holding;
use crate::risk::AccountRisk;
use crate::state::{CreditLine, CreditVault, MarginAccount, Pubkey, Seat, SIDE_LONG, SIDE_SHORT};
use crate::units::PriceQ32;
use crate::Env;

/// Q over maintenance margin from which nothing is drawn: 105%.
pub const TRIGGER_PERCENT: i128 = 105;

/// Length of the time that [`CreditLine::minute_cap`] is meant for, seconds.
const MINUTE_SECONDS: u64 = 60;

/// What a draw depends on besides line and vault.
#[derive(Clone, Copy, Debug)]
pub struct DrawInput<'a> {
    pub account: &'a MarginAccount,
    /// Risk of the whole account, with interest accrued up to now.
    pub risk: &'a AccountRisk,
    /// Sum over the legs of [`mandated_margin`], quote atoms.
    pub mandated_margin: u64,
    /// Latest reopening of a market that the account holds a position in; zero: none.
    pub reopened_at: i64,
    pub env: &'a Env,
}

/// Part of a leg's maintenance margin that the underwriter agreed to lend on, quote atoms, rounded down
/// for the lender: M × min(1, mandated notional / notional). Zero for a market or a side outside the
/// mandate, and for a position younger (size-weighted) than the line's minimum age. The caller leaves
/// out legs whose index is stale and legs of a market that is uncrossing (spec §7).
pub fn mandated_margin(
    line: &CreditLine,
    market: &Pubkey,
    seat: &Seat,
    held: Holding,
    mark: PriceQ32,
    maintenance_margin: u64,
    now: i64,
) -> Result<u64> {
    let side = match held.base {
        0 => return Ok(0),
        1.. => SIDE_LONG,
        _ => SIDE_SHORT,
    };
    let named = line
        .mandate_markets
        .iter()
        .zip(&line.mandate_notional)
        .take(usize::from(line.markets_len))
        .find(|(named, _)| *named == market);
    let Some((_, notional_max)) = named else {
        return Ok(0);
    };
    let age = math::seconds_since(now, i64::from(seat.opened_at));
    if line.sides >> side & 1 == 0 || age < u64::from(line.position_age_seconds_min) {
        return Ok(0);
    }
    let notional = mark.value_ceil(held.base.unsigned_abs())?;
    if notional <= *notional_max {
        return Ok(maintenance_margin);
    }
    math::mul_div_floor(maintenance_margin, *notional_max, notional)
}

/// U of spec §13, quote atoms: what the line would lend now, before the test Q + d ≥ M. The least of
/// limit − D, the cash behind the line, the minute's rest, what Q lacks to ⌈1.15 M⌉ and ⌈1.15 M⌉ of the
/// mandated legs; the two targets are rounded up for the account (R22). Zero while the line is not
/// active or is recalled, below the own-equity floor (without what stale indices give), and when a call has lapsed. Without that zero a
/// liquidation of the account would break INV-7.
pub fn usable(line: &CreditLine, vault: &CreditVault, input: &DrawInput<'_>) -> Result<u64> {
    let now = input.env.now;
    let principal = input.account.credit_principal;
    // What a stale index gives the holder is nobody's stake in the game.
    let own = math::sub_signed(input.risk.equity, math::signed(input.risk.favour)?)?;
    let forbidden = !line::lends(line, now)
        || own < math::signed(line.equity_floor)?
        || line::lapsed(line, principal, input.reopened_at, now);
    if forbidden {
        return Ok(0);
    }
    let lacking = math::sub_signed(
        math::signed(margin_target(input.risk.maintenance_margin)?)?,
        input.risk.equity_with_credit()?,
    )?;
    let most = line
        .limit
        .saturating_sub(principal)
        .min(cash_behind(line, vault, now)?)
        .min(line.minute_cap.saturating_sub(minute_drawn(line, now)))
        .min(margin_target(input.mandated_margin)?);
    Ok(most.min(u64::try_from(lacking).unwrap_or(0)))
}

/// How far a draw would lift Q above what `input` says, quote atoms, where the interest that has run is not
/// booked yet: U as it is once it is booked, less that interest. Who tests a line without touching it gets
/// the answer of a draw, which books it first.
pub fn lift(line: &CreditLine, vault: &CreditVault, input: &DrawInput<'_>) -> Result<u64> {
    let slot = vault.slots.get(usize::from(line.slot));
    let running = slot.map_or(Ok(0), |slot| line::running_interest(slot, input.env.now))?;
    let risk = AccountRisk {
        equity: math::sub_signed(input.risk.equity, math::signed(running)?)?,
        ..*input.risk
    };
    let booked = DrawInput {
        risk: &risk,
        ..*input
    };
    Ok(usable(line, vault, &booked)?.saturating_sub(running))
}

/// Cash that a draw may take: of a committed line its reservation; of another the consent, as far as
/// cash lies there that neither a line nor a queued redemption has a claim on.
fn cash_behind(line: &CreditLine, vault: &CreditVault, now: i64) -> Result<u64> {
    if line.committed != 0 {
        return Ok(line.reserved_cash);
    }
    if now >= line.consent_expires_at {
        return Ok(0);
    }
    Ok(line.consent.min(vault::free_cash(vault)?))
}

/// What counts against the minute's cap: all draws since the last pause of a minute. No minute, however
/// it is laid, has more than the cap in it.
fn minute_drawn(line: &CreditLine, now: i64) -> u64 {
    if math::seconds_since(now, line.last_draw_at) >= MINUTE_SECONDS {
        return 0;
    }
    line.minute_drawn
}

/// A draw that was made; its amount is to be moved from the vault's cash account into custody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drawn {
    /// d, quote atoms, above zero.
    pub amount: u64,
    /// D after it.
    pub credit_principal: u64,
    /// End of the margin call that the first draw opened.
    pub call_deadline: i64,
}

/// Draws U, if Q is under 1.05 M and Q + U reaches M: the vault's cash and the account's D move by the
/// same amount, and the account's collateral does not (INV-1). The first draw opens a margin call, and each
/// ends a liquidation's flag. The line leaves with a fresh conservative value. `LineNotActive`; `DrawNotNeeded`; `DrawDoesNotCure`, also
/// when nothing is usable.
pub fn draw(
    account: &mut MarginAccount,
    line: &mut CreditLine,
    vault: &mut CreditVault,
    risk: &AccountRisk,
    mandated_margin: u64,
    reopened_at: i64,
    env: &Env,
) -> Result<Drawn> {
    if !line::lends(line, env.now) {
        return Err(EngineError::LineNotActive);
    }
    let with_credit = i128::from(risk.equity_with_credit()?);
    let margin = i128::from(risk.maintenance_margin);
    if with_credit.saturating_mul(100) >= margin.saturating_mul(TRIGGER_PERCENT) {
        return Err(EngineError::DrawNotNeeded);
    }
    let input = DrawInput {
        account,
        risk,
        mandated_margin,
        reopened_at,
        env,
    };
    let amount = usable(line, vault, &input)?;
    if amount == 0 || with_credit.saturating_add(i128::from(amount)) < margin {
        return Err(EngineError::DrawDoesNotCure);
    }
    let call = (account.credit_principal == 0)
        .then(|| env.now.saturating_add(i64::from(line.call_seconds)));
    let principal = math::add(account.credit_principal, amount)?;
    let value = line::conservative_value(principal, risk);
    lend(line, vault, amount, value, env.now)?;
    account.credit_principal = principal;
    fund::clear_flag(account);
    if let Some(deadline) = call {
        line.call_opened_at = env.now;
        line.call_deadline = deadline;
    }
    Ok(Drawn {
        amount,
        credit_principal: principal,
        call_deadline: line.call_deadline,
    })
}

/// Books the draw in line and vault.
fn lend(
    line: &mut CreditLine,
    vault: &mut CreditVault,
    amount: u64,
    value: u64,
    now: i64,
) -> Result<()> {
    let committed = line.committed != 0;
    let of_reserve = if committed { amount } else { 0 };
    let consent = if committed {
        line.consent
    } else {
        math::sub(line.consent, amount)?
    };
    let drawn = math::add(line.drawn, amount)?;
    let vault_drawn = math::add(vault.drawn, amount)?;
    let cash = math::sub(vault.cash, amount)?;
    let reserved = math::sub(vault.reserved_cash, of_reserve)?;
    let line_reserved = math::sub(line.reserved_cash, of_reserve)?;
    let minute = math::add(minute_drawn(line, now), amount)?;
    let slot = vault::slot_mut(vault, line.slot)?;
    slot.drawn = drawn;
    slot.value = value;
    slot.valued_at = now;
    vault.drawn = vault_drawn;
    vault.cash = cash;
    vault.reserved_cash = reserved;
    line.reserved_cash = line_reserved;
    line.drawn = drawn;
    line.consent = consent;
    line.minute_drawn = minute;
    line.last_draw_at = now;
    Ok(())
}
