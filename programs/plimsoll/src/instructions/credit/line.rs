//! A line's life: offer, acceptance, activation, consent, recall, extension, close.

use anchor_lang::prelude::*;
use plimsoll_engine::credit::line::{self, LineParties, LineTerms};
use plimsoll_engine::state::{CreditLine, CreditVault, MarginAccount};

use super::{check_underwriter, Loan};
use crate::error::{IntoAnchor, PlimsollError};
use crate::events::{
    CallExtended, ConsentGiven, LineAccepted, LineActivated, LineClosed, LineOffered, LineRecalled,
    VaultBalances, EVENT_VERSION,
};
use crate::instructions::create::{create_at, NewAccount};
use crate::instructions::{check_owner, environment};
use crate::loaders::{initialize, load, load_mut, same_key, AccountKind};

/// Seed of a line.
pub const LINE_SEED: &[u8] = b"line";

#[derive(Accounts)]
pub struct OfferLine<'info> {
    /// Pays for a new line.
    #[account(mut)]
    pub underwriter: Signer<'info>,
    /// CHECK: typed loader.
    pub vault: UncheckedAccount<'info>,
    /// CHECK: typed loader.
    pub margin_account: UncheckedAccount<'info>,
    /// CHECK: created at its address, or typed loader.
    #[account(mut)]
    pub line: UncheckedAccount<'info>,
    pub system_program: Program<'info, System>,
}

pub(crate) fn offer_line(ctx: Context<OfferLine>, terms: &LineTerms) -> Result<()> {
    let accounts = &ctx.accounts;
    let env = environment()?;
    let account = load::<MarginAccount>(&accounts.margin_account)?;
    {
        let vault = load::<CreditVault>(&accounts.vault)?;
        check_underwriter(&vault, accounts.underwriter.key)?;
        if vault.exchange != account.exchange {
            return err!(PlimsollError::WrongAccount);
        }
    }
    let (vault_key, margin_key) = (accounts.vault.key, accounts.margin_account.key);
    let (mut line, bump) = if accounts.line.data_is_empty() {
        let new = NewAccount {
            size: CreditLine::SIZE,
            owner: &crate::ID,
            seeds: &[LINE_SEED, vault_key.as_array(), margin_key.as_array()],
        };
        let bump = create_at(&accounts.underwriter, &accounts.line, &new)?;
        (initialize::<CreditLine>(&accounts.line)?, bump)
    } else {
        let line = load_mut::<CreditLine>(&accounts.line)?;
        let same = same_key(vault_key, &line.vault) && same_key(margin_key, &line.margin_account);
        if !same {
            return err!(PlimsollError::WrongAccount);
        }
        let bump = line.bump;
        (line, bump)
    };
    let parties = LineParties {
        bump,
        vault: vault_key.to_bytes(),
        margin_account: margin_key.to_bytes(),
        trader: account.owner,
    };
    let attached = same_key(accounts.line.key, &account.credit_line);
    line::offer(&mut line, &parties, terms, attached, &env).anchor()?;
    emit!(LineOffered {
        version: EVENT_VERSION,
        line: *accounts.line.key,
        vault: *vault_key,
        margin_account: *margin_key,
        limit: line.limit,
        committed: terms.committed,
    });
    Ok(())
}

#[derive(Accounts)]
pub struct AcceptLine<'info> {
    /// Owner of the margin account.
    pub trader: Signer<'info>,
    /// CHECK: typed loader.
    #[account(mut)]
    pub margin_account: UncheckedAccount<'info>,
    /// CHECK: typed loader.
    #[account(mut)]
    pub line: UncheckedAccount<'info>,
    /// CHECK: typed loader; address checked against the line.
    #[account(mut)]
    pub vault: UncheckedAccount<'info>,
}

pub(crate) fn accept_line(ctx: Context<AcceptLine>, terms: &LineTerms) -> Result<()> {
    let accounts = &ctx.accounts;
    let env = environment()?;
    let mut loan = Loan::load(
        &accounts.margin_account,
        &accounts.line,
        &accounts.vault,
        false,
    )?;
    check_owner(&loan.account, accounts.trader.key)?;
    line::accept(
        &mut loan.account,
        &mut loan.line,
        &mut loan.vault,
        accounts.line.key.as_array(),
        terms,
        &env,
    )
    .anchor()?;
    emit!(LineAccepted {
        version: EVENT_VERSION,
        line: *accounts.line.key,
        vault: *accounts.vault.key,
        margin_account: *accounts.margin_account.key,
        limit: loan.line.limit,
        active_from: loan.line.active_from,
    });
    Ok(())
}

/// Anyone may, once the time has come.
#[derive(Accounts)]
pub struct ActivateLine<'info> {
    /// CHECK: typed loader.
    #[account(mut)]
    pub line: UncheckedAccount<'info>,
    /// CHECK: typed loader; address checked against the line.
    #[account(mut)]
    pub vault: UncheckedAccount<'info>,
}

pub(crate) fn activate_line(ctx: Context<ActivateLine>) -> Result<()> {
    let env = environment()?;
    let mut line = load_mut::<CreditLine>(&ctx.accounts.line)?;
    if !same_key(ctx.accounts.vault.key, &line.vault) {
        return err!(PlimsollError::WrongAccount);
    }
    let mut vault = load_mut::<CreditVault>(&ctx.accounts.vault)?;
    line::activate(&mut line, &mut vault, &env).anchor()?;
    emit!(LineActivated {
        version: EVENT_VERSION,
        line: *ctx.accounts.line.key,
        balances: VaultBalances::from(&*vault),
    });
    Ok(())
}

#[derive(Accounts)]
pub struct ChangeLine<'info> {
    pub underwriter: Signer<'info>,
    /// CHECK: typed loader; address checked against the line.
    pub vault: UncheckedAccount<'info>,
    /// CHECK: typed loader.
    #[account(mut)]
    pub line: UncheckedAccount<'info>,
}

impl ChangeLine<'_> {
    /// The line, whose vault is the signer's.
    fn load(&self) -> Result<std::cell::RefMut<'_, CreditLine>> {
        let line = load_mut::<CreditLine>(&self.line)?;
        if !same_key(self.vault.key, &line.vault) {
            return err!(PlimsollError::WrongAccount);
        }
        check_underwriter(&*load::<CreditVault>(&self.vault)?, self.underwriter.key)?;
        Ok(line)
    }
}

pub(crate) fn give_consent(ctx: Context<ChangeLine>, amount: u64, expires_at: i64) -> Result<()> {
    let env = environment()?;
    let mut line = ctx.accounts.load()?;
    line::consent(&mut line, amount, expires_at, &env).anchor()?;
    emit!(ConsentGiven {
        version: EVENT_VERSION,
        line: *ctx.accounts.line.key,
        amount,
        expires_at,
    });
    Ok(())
}

pub(crate) fn extend_call(ctx: Context<ChangeLine>, call_deadline: i64) -> Result<()> {
    let env = environment()?;
    let mut line = ctx.accounts.load()?;
    line::extend_call(&mut line, call_deadline, &env).anchor()?;
    emit!(CallExtended {
        version: EVENT_VERSION,
        line: *ctx.accounts.line.key,
        call_deadline,
    });
    Ok(())
}

pub(crate) fn recall_line(ctx: Context<ChangeLine>) -> Result<()> {
    let env = environment()?;
    let mut line = ctx.accounts.load()?;
    line::recall(&mut line, &env).anchor()?;
    emit!(LineRecalled {
        version: EVENT_VERSION,
        line: *ctx.accounts.line.key,
        recall_at: line.recall_at,
    });
    Ok(())
}

#[derive(Accounts)]
pub struct CloseLine<'info> {
    /// Owner of the margin account, or underwriter.
    pub signer: Signer<'info>,
    /// CHECK: typed loader; address checked against the line.
    #[account(mut)]
    pub margin_account: UncheckedAccount<'info>,
    /// CHECK: typed loader.
    #[account(mut)]
    pub line: UncheckedAccount<'info>,
    /// CHECK: typed loader; address checked against the line.
    #[account(mut)]
    pub vault: UncheckedAccount<'info>,
}

pub(crate) fn close_line(ctx: Context<CloseLine>) -> Result<()> {
    let accounts = &ctx.accounts;
    let env = environment()?;
    let (margin_account, line, vault) = (&accounts.margin_account, &accounts.line, &accounts.vault);
    let mut loan = Loan::load(margin_account, line, vault, false)?;
    let trader = same_key(accounts.signer.key, &loan.account.owner);
    if !trader {
        check_underwriter(&loan.vault, accounts.signer.key)?;
    }
    let Loan {
        account,
        line,
        vault,
    } = &mut loan;
    let address = accounts.line.key.as_array();
    line::accrue(account, line, vault, env.now).anchor()?;
    line::close(account, line, vault, address, !trader, &env).anchor()?;
    emit!(LineClosed {
        version: EVENT_VERSION,
        line: *accounts.line.key,
        margin_account: *accounts.margin_account.key,
        balances: VaultBalances::from(&**vault),
    });
    Ok(())
}
