//! Step 5 of a liquidation: what is insolvent at the mark is closed against the whole opposing side.

use anchor_lang::prelude::*;
use anchor_lang::Discriminator;
use plimsoll_engine::adl::{Receipt, RECEIPT_SIZE};
use plimsoll_engine::book::arena::MarketMut;
use plimsoll_engine::fund;
use plimsoll_engine::liquidation;
use plimsoll_engine::state::{DefaultFund, Exchange, MarginAccount, MarkAccount, MarketHeader};
use solana_program::log::sol_log_data;

use super::liquidate::check_beneficiary;
use super::reading::{lender, load_credit, read_legs, risk_of, standing};
use crate::error::{IntoAnchor, PlimsollError};
use crate::events::DeleveragingExecuted;
use crate::instructions::environment;
use crate::loaders::{load, load_mut, same_key, LoadedMarketMut};

/// The account's other markets follow, read-only, in the order of its entries.
#[derive(Accounts)]
pub struct TearUp<'info> {
    /// CHECK: typed loader; address checked against the margin account.
    pub exchange: UncheckedAccount<'info>,
    /// CHECK: typed loader; address checked against the exchange.
    #[account(mut)]
    pub default_fund: UncheckedAccount<'info>,
    /// CHECK: typed loader.
    #[account(mut)]
    pub margin_account: UncheckedAccount<'info>,
    /// Margin account that is reimbursed.
    /// CHECK: typed loader.
    #[account(mut)]
    pub beneficiary: UncheckedAccount<'info>,
    /// The market of the leg that comes next.
    /// CHECK: typed loader.
    #[account(mut)]
    pub market: UncheckedAccount<'info>,
    /// CHECK: typed loader; its address is the one that the market names.
    #[account(mut)]
    pub mark: UncheckedAccount<'info>,
    /// CHECK: typed loader; address checked against the margin account.
    pub line: Option<UncheckedAccount<'info>>,
    /// CHECK: typed loader; address checked against the line.
    pub vault: Option<UncheckedAccount<'info>>,
    /// CHECK: address checked against the vault.
    pub vault_cash: Option<UncheckedAccount<'info>>,
}

pub(crate) fn tear_up<'info>(ctx: Context<'info, TearUp<'info>>) -> Result<()> {
    let env = environment()?;
    let accounts = &ctx.accounts;
    let mut account = load_mut::<MarginAccount>(&accounts.margin_account)?;
    if !same_key(accounts.exchange.key, &account.exchange) {
        return err!(PlimsollError::WrongAccount);
    }
    check_beneficiary(&accounts.margin_account, &accounts.beneficiary, &account)?;
    let default_fund = load::<Exchange>(&accounts.exchange)?.default_fund;
    if !same_key(accounts.default_fund.key, &default_fund) {
        return err!(PlimsollError::WrongAccount);
    }
    let mut fund = load_mut::<DefaultFund>(&accounts.default_fund)?;
    let credit = load_credit(
        &account,
        accounts.line.as_deref(),
        accounts.vault.as_deref(),
    )?;
    let lender = lender(credit.as_ref(), accounts.vault_cash.as_deref())?;
    let address = accounts.margin_account.key.to_bytes();
    let mut loaded = LoadedMarketMut::load(&accounts.market)?;
    let mut market = loaded.get();
    let mut rest = ctx.remaining_accounts.iter();
    let legs = read_legs(
        &account,
        &address,
        (accounts.market.key, &market.as_ref()),
        &mut rest,
        lender,
        env.now,
    )?;
    if rest.next().is_some() {
        return err!(PlimsollError::WrongMarketAccounts);
    }
    let risk = risk_of(&account, &legs, env.now)?;
    let lent = credit.as_ref().map(|(line, vault)| (&**line, &**vault));
    let standing = standing(&account, &legs, &risk, lent, &env)?;
    fund::flag(&mut account, env.now);
    let receipt = liquidation::tear_up(
        &mut market,
        accounts.market.key.as_array(),
        &mut account,
        &mut fund,
        &legs,
        &standing,
        &env,
    )
    .anchor()?;
    let params = &market.header.params;
    let closed = params.lot_sizes().lots_floor(receipt.quantity).0;
    if closed >= liquidation::slice_min(params) {
        let mut beneficiary = load_mut::<MarginAccount>(&accounts.beneficiary)?;
        fund::reimburse(
            &mut account,
            &mut fund,
            &mut beneficiary,
            params,
            u64::MAX,
            env.now,
        )
        .anchor()?;
    }
    publish(&mut market, &accounts.mark, &receipt, env.slot)
}

/// Chains the receipt in the market, copies the sides to the `Mark` account and emits the receipt: the
/// bytes that are hashed are the bytes of the event.
#[inline(never)]
pub(super) fn publish(
    market: &mut MarketMut<'_>,
    mark: &AccountInfo<'_>,
    receipt: &Receipt,
    slot: u64,
) -> Result<()> {
    let header: &mut MarketHeader = market.header;
    if !same_key(mark.key, &header.mark_account) {
        return err!(PlimsollError::WrongAccount);
    }
    let bytes = bytemuck::bytes_of(receipt);
    let chain = solana_program::hash::hashv(&[&header.losses.receipt_chain, bytes]);
    header.losses.receipt_chain = chain.to_bytes();
    load_mut::<MarkAccount>(mark)?.copy_from(header, slot);
    let mut event = [0; 8 + RECEIPT_SIZE];
    event[..8].copy_from_slice(DeleveragingExecuted::DISCRIMINATOR);
    event[8..].copy_from_slice(bytes);
    sol_log_data(&[&event]);
    Ok(())
}
