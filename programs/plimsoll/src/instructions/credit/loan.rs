//! What a running loan is worth, what it costs, and what is lost of it.

use anchor_lang::prelude::*;
use plimsoll_engine::credit::{line, repay};

use super::{Loan, LoanLegs};
use crate::error::IntoAnchor;
use crate::events::{CreditWrittenOff, InterestAccrued, LineValued, VaultBalances, EVENT_VERSION};
use crate::instructions::environment;

/// Anyone may. Where the account's legs matter, all of its markets follow in the order of its entries.
#[derive(Accounts)]
pub struct TouchLine<'info> {
    /// CHECK: typed loader; address checked against the line.
    #[account(mut)]
    pub margin_account: UncheckedAccount<'info>,
    /// CHECK: typed loader; address checked against the margin account.
    #[account(mut)]
    pub line: UncheckedAccount<'info>,
    /// CHECK: typed loader; address checked against the line.
    #[account(mut)]
    pub vault: UncheckedAccount<'info>,
}

impl TouchLine<'_> {
    fn load(&self) -> Result<Loan<'_>> {
        Loan::load(&self.margin_account, &self.line, &self.vault, true)
    }
}

pub(crate) fn accrue_interest(ctx: Context<TouchLine>) -> Result<()> {
    let env = environment()?;
    let mut loan = ctx.accounts.load()?;
    let Loan {
        account,
        line,
        vault,
    } = &mut loan;
    let interest = line::accrue(account, line, vault, env.now).anchor()?;
    emit!(InterestAccrued {
        version: EVENT_VERSION,
        line: *ctx.accounts.line.key,
        interest,
        credit_interest: account.credit_interest,
        balances: VaultBalances::from(&**vault),
    });
    Ok(())
}

pub(crate) fn value_line<'info>(ctx: Context<'info, TouchLine<'info>>) -> Result<()> {
    let env = environment()?;
    let mut loan = ctx.accounts.load()?;
    let Loan {
        account,
        line,
        vault,
    } = &mut loan;
    let interest = line::accrue(account, line, vault, env.now).anchor()?;
    let address = ctx.accounts.margin_account.key;
    let legs = LoanLegs::read(account, address, line, ctx.remaining_accounts, env.now)?;
    let risk = legs.risk_of(account, env.now)?;
    let value = line::revalue(line, vault, &risk, env.now).anchor()?;
    emit!(LineValued {
        version: EVENT_VERSION,
        line: *ctx.accounts.line.key,
        drawn: line.drawn,
        value,
        interest,
        balances: VaultBalances::from(&**vault),
    });
    Ok(())
}

pub(crate) fn write_off<'info>(ctx: Context<'info, TouchLine<'info>>) -> Result<()> {
    let env = environment()?;
    let mut loan = ctx.accounts.load()?;
    let Loan {
        account,
        line,
        vault,
    } = &mut loan;
    line::accrue(account, line, vault, env.now).anchor()?;
    let address = ctx.accounts.margin_account.key;
    let legs = LoanLegs::read(account, address, line, ctx.remaining_accounts, env.now)?;
    let flat = !legs.positions && !legs.claims;
    let written = repay::write_off(account, line, vault, flat, env.now).anchor()?;
    emit!(CreditWrittenOff {
        version: EVENT_VERSION,
        line: *ctx.accounts.line.key,
        margin_account: *address,
        principal: written.principal,
        interest: written.interest,
        junior_shares_burned: written.junior_shares_burned,
        lien: account.lien,
        balances: VaultBalances::from(&**vault),
    });
    Ok(())
}
