//! What is owed goes back: interest, then principal, then a lien; and what cannot be paid back.
//!
//! Every function here wants interest accrued before ([`super::line::accrue`]).

use crate::cash;
use crate::credit::{line, margin_target, vault};
use crate::error::{EngineError, Result};
use crate::math;
use crate::risk::{AccountRisk, LegRisk};
use crate::state::{CreditLine, CreditVault, MarginAccount};
use crate::Env;

/// What a repayment paid, quote atoms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repaid {
    pub interest: u64,
    pub principal: u64,
    pub lien: u64,
}

impl Repaid {
    /// Splits `amount` in the order of payment, each part at most what is owed.
    fn of(account: &MarginAccount, amount: u64) -> Self {
        let interest = amount.min(account.credit_interest);
        let left = amount.saturating_sub(interest);
        let principal = left.min(account.credit_principal);
        let lien = left.saturating_sub(principal).min(account.lien);
        Self {
            interest,
            principal,
            lien,
        }
    }

    /// Quote atoms that arrive in the vault's cash account.
    pub fn total(&self) -> Result<u64> {
        math::add(math::add(self.interest, self.principal)?, self.lien)
    }
}

/// Books a repayment in line and vault. A committed line that still lends has its cash reserved again.
/// `value_lost` is by how much the repayment lowers the conservative value of the line, quote atoms.
fn receive(
    line: &mut CreditLine,
    vault: &mut CreditVault,
    paid: &Repaid,
    value_lost: u64,
    now: i64,
) -> Result<()> {
    if paid.lien != 0 {
        // A lien is left by a write-off, which leaves nothing else, and ends the line.
        return vault::recover(vault, paid.lien, now);
    }
    let cash = math::add(vault.cash, math::add(paid.interest, paid.principal)?)?;
    let receivable = math::sub(vault.interest_receivable, paid.interest)?;
    let vault_drawn = math::sub(vault.drawn, paid.principal)?;
    let drawn = math::sub(line.drawn, paid.principal)?;
    let again = if line.committed != 0 && line::lends(line, now) {
        paid.principal
    } else {
        0
    };
    let reserved = math::add(vault.reserved_cash, again)?;
    let line_reserved = math::add(line.reserved_cash, again)?;
    if paid.principal != 0 {
        let slot = vault::slot_mut(vault, line.slot)?;
        slot.drawn = drawn;
        slot.value = slot.value.saturating_sub(value_lost).min(drawn);
    }
    vault.cash = cash;
    vault.interest_receivable = receivable;
    vault.drawn = vault_drawn;
    vault.reserved_cash = reserved;
    line.reserved_cash = line_reserved;
    line.drawn = drawn;
    Ok(())
}

/// A call ends when nothing is owed any more.
fn end_call(account: &MarginAccount, line: &mut CreditLine) {
    if account.credit_principal | account.credit_interest == 0 {
        line.call_opened_at = 0;
        line.call_deadline = 0;
    }
}

/// What a payer with `amount` tokens would pay: at most all that is owed. `ZeroAmount`, `NothingToRepay`.
pub fn due(account: &MarginAccount, amount: u64) -> Result<Repaid> {
    if amount == 0 {
        return Err(EngineError::ZeroAmount);
    }
    let paid = Repaid::of(account, amount);
    if paid.total()? == 0 {
        return Err(EngineError::NothingToRepay);
    }
    Ok(paid)
}

/// Books a repayment with the payer's own tokens; anyone may, in any state of any market. Principal
/// repaid becomes the account's own cash: D −= x, collateral += x, so that custody holds what it held.
/// `paid` is what [`due`] gave and what arrived in the vault's cash account.
pub fn repay(
    account: &mut MarginAccount,
    line: &mut CreditLine,
    vault: &mut CreditVault,
    paid: &Repaid,
    env: &Env,
) -> Result<()> {
    let collateral = math::add_signed(account.collateral, math::signed(paid.principal)?)?;
    let interest = math::sub(account.credit_interest, paid.interest)?;
    let principal = math::sub(account.credit_principal, paid.principal)?;
    let lien = math::sub(account.lien, paid.lien)?;
    receive(line, vault, paid, 0, env.now)?;
    account.collateral = collateral;
    account.credit_interest = interest;
    account.credit_principal = principal;
    account.lien = lien;
    end_call(account, line);
    Ok(())
}

/// The account of a repayment out of its own cash, as its legs are.
#[derive(Clone, Copy, Debug)]
pub struct CashRepayment<'a> {
    /// Most that is to be paid, quote atoms.
    pub amount: u64,
    pub by_owner: bool,
    /// Neither a position nor an order.
    pub idle: bool,
    /// A leg with a position has a stale index.
    pub stale: bool,
    /// A position or orders lie in a halted market.
    pub halted: bool,
    pub risk: &'a AccountRisk,
}

/// Repays interest and principal out of the account's own aged cash; returns what is to be moved from
/// custody to the vault's cash account. D falls and collateral does not, so e stays and Q falls.
///
/// The lender is not paid before those whom the account may come to owe: an account with positions keeps
/// Q ≥ ⌈1.15 M⌉ after the owner's own repayment, or has e ≥ ⌈1.15 M⌉ when anyone asks; one that is idle
/// has no loss unsettled. A stale index proves none of this, and in a halt cash stays. `ZeroAmount`,
/// `NothingToRepay`, `MarketHalted`, `IndexStale`, `InsufficientCash` (no aged cash), `RepaymentTooLarge`.
pub fn repay_from_cash(
    account: &mut MarginAccount,
    line: &mut CreditLine,
    vault: &mut CreditVault,
    request: &CashRepayment<'_>,
    env: &Env,
) -> Result<Repaid> {
    let owed = math::add(account.credit_interest, account.credit_principal)?;
    if request.amount == 0 {
        return Err(EngineError::ZeroAmount);
    }
    if owed == 0 {
        return Err(EngineError::NothingToRepay);
    }
    if request.halted {
        return Err(EngineError::MarketHalted);
    }
    if request.stale {
        return Err(EngineError::IndexStale);
    }
    let unaged = cash::unaged_gain(account, env.now);
    let held = math::add_signed(account.collateral, math::signed(account.credit_principal)?)?;
    let aged = u64::try_from(math::sub_signed(held, math::signed(unaged)?)?).unwrap_or(0);
    let paid = Repaid::of(account, request.amount.min(aged).min(owed));
    if paid.total()? == 0 {
        return Err(EngineError::InsufficientCash);
    }
    check_leaves_enough(request, paid.principal)?;
    let collateral = math::sub_signed(account.collateral, math::signed(paid.interest)?)?;
    let interest = math::sub(account.credit_interest, paid.interest)?;
    let principal = math::sub(account.credit_principal, paid.principal)?;
    // D falls and own equity does not: the lender's cover falls with D.
    receive(line, vault, &paid, paid.principal, env.now)?;
    account.collateral = collateral;
    account.credit_interest = interest;
    account.credit_principal = principal;
    cash::trim_gains(account);
    end_call(account, line);
    Ok(paid)
}

fn check_leaves_enough(request: &CashRepayment<'_>, principal: u64) -> Result<()> {
    let risk = request.risk;
    let target = math::signed(margin_target(risk.maintenance_margin)?)?;
    let left = math::sub_signed(risk.equity_with_credit()?, math::signed(principal)?)?;
    let allowed = (request.idle && risk.loss == 0)
        || risk.equity >= target
        || (request.by_owner && left >= target);
    if !allowed {
        return Err(EngineError::RepaymentTooLarge);
    }
    Ok(())
}

/// A loss recorded against the vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrittenOff {
    pub principal: u64,
    pub interest: u64,
    pub junior_shares_burned: u64,
}

/// Records that nothing more comes back, of an account that is `flat` (no position and no claim) and
/// without cash; anyone may. Principal and interest become a lien on the account (D −= w, collateral +=
/// w: custody holds what it held), junior shares are burned for the loss, and the line ends.
/// `NothingToRepay` (also for interest alone while the line lends), `AccountNotFlat`.
pub fn write_off(
    account: &mut MarginAccount,
    line: &mut CreditLine,
    vault: &mut CreditVault,
    flat: bool,
    now: i64,
) -> Result<WrittenOff> {
    let (principal, interest) = (account.credit_principal, account.credit_interest);
    let loss = math::add(principal, interest)?;
    // Interest alone ends no line that still lends: an account may be empty before it is used.
    if loss == 0 || (principal == 0 && line::lends(line, now)) {
        return Err(EngineError::NothingToRepay);
    }
    let added = math::signed(principal)?;
    let held = math::add_signed(account.collateral, added)?;
    if !flat || held != 0 {
        return Err(EngineError::AccountNotFlat);
    }
    let junior_loss = vault::junior_loss(vault, loss)?;
    let lien = math::add(account.lien, loss)?;
    let liens = math::add(vault.liens, loss)?;
    let drawn = math::sub(vault.drawn, principal)?;
    let receivable = math::sub(vault.interest_receivable, interest)?;
    let liens_junior = math::add(vault.liens_junior, junior_loss.covered)?;
    let shares = math::sub(vault.shares, junior_loss.shares)?;
    let junior = math::sub(vault.junior_shares, junior_loss.shares)?;
    line::leave_vault(line, vault)?;
    vault.liens = liens;
    vault.liens_junior = liens_junior;
    vault.drawn = drawn;
    vault.interest_receivable = receivable;
    vault.shares = shares;
    vault.junior_shares = junior;
    vault.written_off_total = vault.written_off_total.saturating_add(loss);
    line.drawn = 0;
    line.written_off = line.written_off.saturating_add(loss);
    account.collateral = held;
    account.credit_principal = 0;
    account.credit_interest = 0;
    account.lien = lien;
    end_call(account, line);
    Ok(WrittenOff {
        principal,
        interest,
        junior_shares_burned: junior_loss.shares,
    })
}

/// Collects what it can of a lien out of the account's cash; anyone may, under the conditions of a
/// withdrawal: aged cash, and what remains meets initial margin. Returns the quote atoms to be moved
/// from custody to the vault's cash account. `NothingToRepay` without a lien, `MarketHalted`,
/// `InsufficientCash` if nothing may leave.
pub fn collect_lien(
    account: &mut MarginAccount,
    vault: &mut CreditVault,
    legs: &LegRisk,
    halted: bool,
    env: &Env,
) -> Result<u64> {
    if account.lien == 0 {
        return Err(EngineError::NothingToRepay);
    }
    if halted {
        return Err(EngineError::MarketHalted);
    }
    let cash = cash::account_cash(account, env.now);
    let aged = math::sub_signed(account.collateral, math::signed(cash.unaged_gain)?)?;
    let free = AccountRisk::of(&cash, legs)?.free_collateral();
    let amount = u64::try_from(aged.min(free)).unwrap_or(0).min(account.lien);
    if amount == 0 {
        return Err(EngineError::InsufficientCash);
    }
    let collateral = math::sub_signed(account.collateral, math::signed(amount)?)?;
    vault::recover(vault, amount, env.now)?;
    account.collateral = collateral;
    account.lien = account.lien.saturating_sub(amount);
    cash::trim_gains(account);
    Ok(amount)
}
