//! Repayments, with a payer's tokens or out of the account's own cash, and the collection of liens.

use anchor_lang::prelude::*;
use plimsoll_engine::credit::{line, repay};
use plimsoll_engine::state::{CreditVault, MarginAccount};

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
pub struct RepayFromCash<'info> {
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

/// What leaves a custody shard for a vault's cash account.
struct Outflow<'a, 'info> {
    exchange: &'a AccountInfo<'info>,
    shard: (u8, &'a AccountInfo<'info>),
    authority: &'a AccountInfo<'info>,
    vault_cash: &'a AccountInfo<'info>,
    token_program: &'a AccountInfo<'info>,
}

impl Outflow<'_, '_> {
    /// Moves exactly `amount`; exchange and cash account are those that account and vault name.
    fn pay(&self, account: &MarginAccount, vault: &CreditVault, amount: u64) -> Result<()> {
        check_vault_cash(vault, self.vault_cash)?;
        let exchange = load_exchange(self.exchange, &account.exchange)?;
        let (number, shard) = self.shard;
        check_shard(&exchange, number, shard)?;
        let custody = Custody {
            exchange: &exchange,
            address: self.exchange.key,
            authority: self.authority,
            token_program: self.token_program,
        };
        if custody.pay(shard, self.vault_cash, amount)? != amount {
            return err!(PlimsollError::TransferMismatch);
        }
        Ok(())
    }
}

pub(crate) fn repay_from_cash<'info>(
    ctx: Context<'info, RepayFromCash<'info>>,
    shard: u8,
    amount: u64,
) -> Result<()> {
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
    let outflow = Outflow {
        exchange: &accounts.exchange,
        shard: (shard, &accounts.custody_shard),
        authority: &accounts.custody_authority,
        vault_cash: &accounts.vault_cash,
        token_program: &accounts.token_program,
    };
    outflow.pay(account, vault, paid.total().anchor()?)?;
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

/// Anyone may. All markets of the account follow in the order of its entries.
#[derive(Accounts)]
pub struct CollectLien<'info> {
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

pub(crate) fn collect_lien<'info>(
    ctx: Context<'info, CollectLien<'info>>,
    shard: u8,
) -> Result<()> {
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
    let address = accounts.margin_account.key;
    let legs = LoanLegs::read(account, address, line, ctx.remaining_accounts, env.now)?;
    let amount = repay::collect_lien(account, vault, &legs.risk, legs.halted, &env).anchor()?;
    let outflow = Outflow {
        exchange: &accounts.exchange,
        shard: (shard, &accounts.custody_shard),
        authority: &accounts.custody_authority,
        vault_cash: &accounts.vault_cash,
        token_program: &accounts.token_program,
    };
    outflow.pay(account, vault, amount)?;
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
