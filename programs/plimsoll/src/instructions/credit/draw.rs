//! A draw by itself: before a liquidation would make it, and by anyone.

use anchor_lang::prelude::*;
use plimsoll_engine::credit::{draw, line};

use super::{load_exchange, Loan, LoanLegs};
use crate::error::IntoAnchor;
use crate::events::{CreditDrawn, VaultBalances, EVENT_VERSION};
use crate::instructions::cash::{check_shard, check_token_program};
use crate::instructions::environment;
use crate::instructions::vault_cash::VaultCash;

/// All markets of the account follow in the order of its entries.
#[derive(Accounts)]
pub struct Draw<'info> {
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
    pub token_program: UncheckedAccount<'info>,
}

pub(crate) fn draw<'info>(ctx: Context<'info, Draw<'info>>, shard: u8) -> Result<()> {
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
    let exchange = load_exchange(&accounts.exchange, &account.exchange)?;
    check_shard(&exchange, shard, &accounts.custody_shard)?;
    check_token_program(&exchange, &accounts.token_program)?;
    line::accrue(account, line, vault, env.now).anchor()?;
    let address = accounts.margin_account.key;
    let legs = LoanLegs::read(account, address, line, ctx.remaining_accounts, env.now)?;
    let risk = legs.risk_of(account, env.now)?;
    let (mandated, reopened) = (legs.mandated_margin, legs.reopened_at);
    let drawn = draw::draw(account, line, vault, &risk, mandated, reopened, &env).anchor()?;
    let cash = VaultCash {
        vault: &accounts.vault,
        vault_cash: &accounts.vault_cash,
        token_program: &accounts.token_program,
    };
    cash.pay(vault, &accounts.custody_shard, drawn.amount)?;
    emit!(CreditDrawn {
        version: EVENT_VERSION,
        line: *accounts.line.key,
        margin_account: *address,
        amount: drawn.amount,
        credit_principal: drawn.credit_principal,
        call_deadline: drawn.call_deadline,
        balances: VaultBalances::from(&**vault),
    });
    Ok(())
}
