//! Repayments, with a payer's tokens or out of the account's own cash, and the collection of liens.

use anchor_lang::prelude::*;
use plimsoll_engine::credit::{line, repay};

use super::{check_vault_cash, load_exchange, Loan, LoanLegs};
use crate::error::{IntoAnchor, PlimsollError};
use crate::events::{CreditRepaid, LienCollected, VaultBalances, EVENT_VERSION};
use crate::instructions::cash::{check_shard, check_token_program, Custody};
use crate::instructions::environment;
use crate::loaders::same_key;
use crate::token::{self, Transfer};

/// Anyone may repay for anyone, in any state of any market.
#[derive(Accounts)]
pub struct Repay<'info> {
    /// Owner of the source.
    pub payer: Signer<'info>,
    /// CHECK: typed loader; address checked against the margin account.
    pub exchange: UncheckedAccount<'info>,
    /// CHECK: typed loader; address checked against the line.
    #[account(mut)]
    pub margin_account: UncheckedAccount<'info>,
    /// CHECK: typed loader; address checked against the margin account.
    #[account(mut)]
    pub line: UncheckedAccount<'info>,
    /// CHECK: typed loader; address checked against the line.
    #[account(mut)]
    pub vault: UncheckedAccount<'info>,
    /// CHECK: address checked against the vault.
    #[account(mut)]
    pub vault_cash: UncheckedAccount<'info>,
    /// CHECK: the token program checks it.
    #[account(mut)]
    pub source: UncheckedAccount<'info>,
    /// CHECK: address checked against the exchange.
    pub token_program: UncheckedAccount<'info>,
}

pub(crate) fn repay(ctx: Context<Repay>, amount: u64) -> Result<()> {
    let accounts = &ctx.accounts;
    let env = environment()?;
    let mut loan = Loan::load(
        &accounts.margin_account,
        &accounts.line,
        &accounts.vault,
        true,
    )?;
    let Loan {
        account,
        line,
        vault,
    } = &mut loan;
    check_vault_cash(vault, &accounts.vault_cash)?;
    let exchange = load_exchange(&accounts.exchange, &account.exchange)?;
    check_token_program(&exchange, &accounts.token_program)?;
    line::accrue(account, line, vault, env.now).anchor()?;
    let paid = repay::due(account, amount).anchor()?;
    let transfer = Transfer {
        token_program: &accounts.token_program,
        from: &accounts.source,
        to: &accounts.vault_cash,
        authority: &accounts.payer,
    };
    let total = paid.total().anchor()?;
    if token::transfer(&transfer, total, &[])? != total {
        return err!(PlimsollError::TransferMismatch);
    }
    repay::repay(account, line, vault, &paid, &env).anchor()?;
    emit!(CreditRepaid {
        version: EVENT_VERSION,
        line: *accounts.line.key,
        margin_account: *accounts.margin_account.key,
        from_cash: false,
        interest: paid.interest,
        principal: paid.principal,
        lien: paid.lien,
        credit_principal: account.credit_principal,
        collateral: account.collateral,
        balances: VaultBalances::from(&**vault),
    });
    Ok(())
}

/// All markets of the account follow in the order of its entries.
#[derive(Accounts)]
pub struct PayFromCustody<'info> {
    /// Anyone; the owner of the margin account may do more.
    pub signer: Signer<'info>,
    /// CHECK: typed loader; address checked against the margin account.
    pub exchange: UncheckedAccount<'info>,
    /// CHECK: typed loader; address checked against the line.
    #[account(mut)]
    pub margin_account: UncheckedAccount<'info>,
    /// CHECK: typed loader; address checked against the margin account.
    #[account(mut)]
    pub line: UncheckedAccount<'info>,
    /// CHECK: typed loader; address checked against the line.
    #[account(mut)]
    pub vault: UncheckedAccount<'info>,
    /// CHECK: address checked against the vault.
    #[account(mut)]
    pub vault_cash: UncheckedAccount<'info>,
    /// CHECK: address checked against the exchange's list.
    #[account(mut)]
    pub custody_shard: UncheckedAccount<'info>,
    /// CHECK: address checked against the exchange.
    pub custody_authority: UncheckedAccount<'info>,
    /// CHECK: address checked against the exchange.
    pub token_program: UncheckedAccount<'info>,
}

impl PayFromCustody<'_> {
    fn load(&self) -> Result<Loan<'_>> {
        let loan = Loan::load(&self.margin_account, &self.line, &self.vault, true)?;
        check_vault_cash(&loan.vault, &self.vault_cash)?;
        Ok(loan)
    }

    /// Moves `amount` out of the shard into the vault's cash account.
    fn pay(&self, shard: u8, amount: u64) -> Result<()> {
        let exchange = load_exchange(&self.exchange, self.exchange.key.as_array())?;
        check_shard(&exchange, shard, &self.custody_shard)?;
        let custody = Custody {
            exchange: &exchange,
            address: self.exchange.key,
            authority: &self.custody_authority,
            token_program: &self.token_program,
        };
        if custody.pay(&self.custody_shard, &self.vault_cash, amount)? != amount {
            return err!(PlimsollError::TransferMismatch);
        }
        Ok(())
    }
}

pub(crate) fn repay_from_cash<'info>(
    ctx: Context<'info, PayFromCustody<'info>>,
    shard: u8,
    amount: u64,
) -> Result<()> {
    let accounts = &ctx.accounts;
    let env = environment()?;
    let mut loan = accounts.load()?;
    let Loan {
        account,
        line,
        vault,
    } = &mut loan;
    if !same_key(accounts.exchange.key, &account.exchange) {
        return err!(PlimsollError::WrongAccount);
    }
    line::accrue(account, line, vault, env.now).anchor()?;
    let address = accounts.margin_account.key;
    let legs = LoanLegs::read(account, address, line, ctx.remaining_accounts, env.now)?;
    let risk = legs.risk_of(account, env.now)?;
    let request = repay::CashRepayment {
        amount,
        by_owner: same_key(accounts.signer.key, &account.owner),
        idle: !legs.positions && !legs.orders,
        stale: legs.stale,
        halted: legs.halted,
        risk: &risk,
    };
    let paid = repay::repay_from_cash(account, line, vault, &request, &env).anchor()?;
    accounts.pay(shard, paid.total().anchor()?)?;
    emit!(CreditRepaid {
        version: EVENT_VERSION,
        line: *accounts.line.key,
        margin_account: *address,
        from_cash: true,
        interest: paid.interest,
        principal: paid.principal,
        lien: 0,
        credit_principal: account.credit_principal,
        collateral: account.collateral,
        balances: VaultBalances::from(&**vault),
    });
    Ok(())
}

pub(crate) fn collect_lien<'info>(
    ctx: Context<'info, PayFromCustody<'info>>,
    shard: u8,
) -> Result<()> {
    let accounts = &ctx.accounts;
    let env = environment()?;
    let mut loan = accounts.load()?;
    let Loan {
        account,
        line,
        vault,
    } = &mut loan;
    if !same_key(accounts.exchange.key, &account.exchange) {
        return err!(PlimsollError::WrongAccount);
    }
    let address = accounts.margin_account.key;
    let legs = LoanLegs::read(account, address, line, ctx.remaining_accounts, env.now)?;
    let amount = repay::collect_lien(account, vault, &legs.risk, legs.halted, &env).anchor()?;
    accounts.pay(shard, amount)?;
    emit!(LienCollected {
        version: EVENT_VERSION,
        line: *accounts.line.key,
        margin_account: *address,
        amount,
        lien: account.lien,
        collateral: account.collateral,
        balances: VaultBalances::from(&**vault),
    });
    Ok(())
}
