//! Opening a vault, joining it, leaving it.

use std::cell::RefMut;

use anchor_lang::prelude::*;
use plimsoll_engine::credit::vault::{self, VaultIdentity};
use plimsoll_engine::state::{CreditVault, Exchange, VaultStake};

use super::{check_underwriter, check_vault_cash, load_exchange};
use crate::error::{IntoAnchor, PlimsollError};
use crate::events::{
    JuniorReleased, RedemptionCancelled, RedemptionPaid, RedemptionRequested, SharesBought,
    VaultBalances, VaultOpened, EVENT_VERSION,
};
use crate::instructions::cash::check_token_program;
use crate::instructions::create::{create_at, NewAccount};
use crate::instructions::environment;
use crate::instructions::vault_cash::{VaultCash, VAULT_SEED};
use crate::loaders::{initialize, load, load_mut, same_key, AccountKind};
use crate::token::{self, Transfer};

/// Seeds of what belongs to a vault.
pub const VAULT_CASH_SEED: &[u8] = b"vault_cash";
pub const STAKE_SEED: &[u8] = b"stake";

#[derive(Accounts)]
pub struct OpenVault<'info> {
    #[account(mut)]
    pub underwriter: Signer<'info>,
    /// CHECK: typed loader.
    pub exchange: UncheckedAccount<'info>,
    /// CHECK: address checked against the exchange.
    pub collateral_mint: UncheckedAccount<'info>,
    /// CHECK: created at its address.
    #[account(mut)]
    pub vault: UncheckedAccount<'info>,
    /// CHECK: created at its address.
    #[account(mut)]
    pub vault_cash: UncheckedAccount<'info>,
    /// CHECK: address checked against the exchange.
    pub token_program: UncheckedAccount<'info>,
    pub system_program: Program<'info, System>,
}

pub(crate) fn open_vault(
    ctx: Context<OpenVault>,
    id: u16,
    redemption_notice_seconds: u32,
) -> Result<()> {
    let accounts = &ctx.accounts;
    let env = environment()?;
    let exchange = load::<Exchange>(&accounts.exchange)?;
    check_token_program(&exchange, &accounts.token_program)?;
    if !same_key(accounts.collateral_mint.key, &exchange.collateral_mint) {
        return err!(PlimsollError::WrongAccount);
    }
    let underwriter = accounts.underwriter.key;
    let new = NewAccount {
        size: CreditVault::SIZE,
        owner: &crate::ID,
        seeds: &[VAULT_SEED, underwriter.as_array(), &id.to_le_bytes()],
    };
    let bump = create_at(&accounts.underwriter, &accounts.vault, &new)?;
    let new = NewAccount {
        size: token::account_size(),
        owner: accounts.token_program.key,
        seeds: &[VAULT_CASH_SEED, accounts.vault.key.as_array()],
    };
    let cash_bump = create_at(&accounts.underwriter, &accounts.vault_cash, &new)?;
    token::initialize_account(
        &accounts.token_program,
        &accounts.vault_cash,
        &accounts.collateral_mint,
        accounts.vault.key,
    )?;
    let identity = VaultIdentity {
        exchange: accounts.exchange.key.to_bytes(),
        underwriter: underwriter.to_bytes(),
        cash_account: accounts.vault_cash.key.to_bytes(),
        id,
        bump,
        cash_bump,
        redemption_notice_seconds,
    };
    let mut vault = initialize::<CreditVault>(&accounts.vault)?;
    vault::open(&mut vault, &identity, &env).anchor()?;
    emit!(VaultOpened {
        version: EVENT_VERSION,
        vault: *accounts.vault.key,
        exchange: *accounts.exchange.key,
        underwriter: *underwriter,
        id,
        redemption_notice_seconds,
    });
    Ok(())
}

#[derive(Accounts)]
pub struct BuyShares<'info> {
    /// Owner of the source; pays for a new stake.
    #[account(mut)]
    pub provider: Signer<'info>,
    /// CHECK: typed loader; address checked against the vault.
    pub exchange: UncheckedAccount<'info>,
    /// CHECK: typed loader.
    #[account(mut)]
    pub vault: UncheckedAccount<'info>,
    /// CHECK: created at its address, or typed loader.
    #[account(mut)]
    pub stake: UncheckedAccount<'info>,
    /// CHECK: address checked against the vault.
    #[account(mut)]
    pub vault_cash: UncheckedAccount<'info>,
    /// CHECK: the token program checks it.
    #[account(mut)]
    pub source: UncheckedAccount<'info>,
    /// CHECK: address checked against the exchange.
    pub token_program: UncheckedAccount<'info>,
    pub system_program: Program<'info, System>,
}

pub(crate) fn buy_shares(ctx: Context<BuyShares>, amount: u64, junior: bool) -> Result<()> {
    let accounts = &ctx.accounts;
    let env = environment()?;
    let mut vault = load_mut::<CreditVault>(&accounts.vault)?;
    if junior {
        check_underwriter(&vault, accounts.provider.key)?;
    }
    check_vault_cash(&vault, &accounts.vault_cash)?;
    let exchange = load_exchange(&accounts.exchange, &vault.exchange)?;
    check_token_program(&exchange, &accounts.token_program)?;
    let mut stake = stake_of(accounts)?;
    let transfer = Transfer {
        token_program: &accounts.token_program,
        from: &accounts.source,
        to: &accounts.vault_cash,
        authority: &accounts.provider,
    };
    let measured = token::transfer(&transfer, amount, &[])?;
    let stake = (!junior).then_some(&mut *stake);
    let shares = vault::buy(&mut vault, stake, measured, &env).anchor()?;
    emit!(SharesBought {
        version: EVENT_VERSION,
        vault: *accounts.vault.key,
        provider: *accounts.provider.key,
        junior,
        amount: measured,
        shares,
        balances: VaultBalances::from(&*vault),
    });
    Ok(())
}

/// The provider's stake, created at the first purchase.
fn stake_of<'a>(accounts: &'a BuyShares<'_>) -> Result<RefMut<'a, VaultStake>> {
    let (vault, provider) = (accounts.vault.key, accounts.provider.key);
    if !accounts.stake.data_is_empty() {
        return load_stake(&accounts.stake, vault, provider);
    }
    let new = NewAccount {
        size: VaultStake::SIZE,
        owner: &crate::ID,
        seeds: &[STAKE_SEED, vault.as_array(), provider.as_array()],
    };
    let bump = create_at(&accounts.provider, &accounts.stake, &new)?;
    let mut stake = initialize::<VaultStake>(&accounts.stake)?;
    stake.version = 1;
    stake.bump = bump;
    stake.vault = vault.to_bytes();
    stake.provider = provider.to_bytes();
    Ok(stake)
}

fn load_stake<'a>(
    info: &'a AccountInfo<'_>,
    vault: &Pubkey,
    provider: &Pubkey,
) -> Result<RefMut<'a, VaultStake>> {
    let stake = load_mut::<VaultStake>(info)?;
    if !same_key(vault, &stake.vault) {
        return err!(PlimsollError::WrongAccount);
    }
    if !same_key(provider, &stake.provider) {
        return err!(PlimsollError::NotAuthorized);
    }
    Ok(stake)
}

#[derive(Accounts)]
pub struct ChangeStake<'info> {
    pub provider: Signer<'info>,
    /// CHECK: typed loader.
    #[account(mut)]
    pub vault: UncheckedAccount<'info>,
    /// CHECK: typed loader; address checked by what it names.
    #[account(mut)]
    pub stake: UncheckedAccount<'info>,
}

pub(crate) fn release_junior(ctx: Context<ChangeStake>, shares: u64) -> Result<()> {
    let accounts = &ctx.accounts;
    let env = environment()?;
    let mut vault = load_mut::<CreditVault>(&accounts.vault)?;
    check_underwriter(&vault, accounts.provider.key)?;
    let mut stake = load_stake(&accounts.stake, accounts.vault.key, accounts.provider.key)?;
    vault::release_junior(&mut vault, &mut stake, shares, &env).anchor()?;
    emit!(JuniorReleased {
        version: EVENT_VERSION,
        vault: *accounts.vault.key,
        shares,
        balances: VaultBalances::from(&*vault),
    });
    Ok(())
}

pub(crate) fn request_redemption(ctx: Context<ChangeStake>, shares: u64) -> Result<()> {
    let accounts = &ctx.accounts;
    let env = environment()?;
    let mut vault = load_mut::<CreditVault>(&accounts.vault)?;
    let mut stake = load_stake(&accounts.stake, accounts.vault.key, accounts.provider.key)?;
    let value = vault::request_redemption(&mut vault, &mut stake, shares, &env).anchor()?;
    emit!(RedemptionRequested {
        version: EVENT_VERSION,
        vault: *accounts.vault.key,
        provider: *accounts.provider.key,
        ticket: stake.ticket,
        shares,
        value,
        balances: VaultBalances::from(&*vault),
    });
    Ok(())
}

pub(crate) fn cancel_redemption(ctx: Context<ChangeStake>) -> Result<()> {
    let accounts = &ctx.accounts;
    let mut vault = load_mut::<CreditVault>(&accounts.vault)?;
    let mut stake = load_stake(&accounts.stake, accounts.vault.key, accounts.provider.key)?;
    let shares = vault::cancel_redemption(&mut vault, &mut stake).anchor()?;
    emit!(RedemptionCancelled {
        version: EVENT_VERSION,
        vault: *accounts.vault.key,
        provider: *accounts.provider.key,
        ticket: stake.ticket,
        shares,
        balances: VaultBalances::from(&*vault),
    });
    Ok(())
}

/// Anyone may have the first of the queue paid.
#[derive(Accounts)]
pub struct PayRedemption<'info> {
    /// Owner of the stake. Its signature is needed for less than the request's value.
    /// CHECK: address checked against the stake.
    pub provider: UncheckedAccount<'info>,
    /// CHECK: typed loader; address checked against the vault.
    pub exchange: UncheckedAccount<'info>,
    /// CHECK: typed loader.
    #[account(mut)]
    pub vault: UncheckedAccount<'info>,
    /// CHECK: typed loader; its ticket must be the first.
    #[account(mut)]
    pub stake: UncheckedAccount<'info>,
    /// CHECK: address checked against the vault.
    #[account(mut)]
    pub vault_cash: UncheckedAccount<'info>,
    /// CHECK: a token account of the provider's.
    #[account(mut)]
    pub destination: UncheckedAccount<'info>,
    /// CHECK: address checked against the exchange.
    pub token_program: UncheckedAccount<'info>,
}

pub(crate) fn pay_redemption(ctx: Context<PayRedemption>) -> Result<()> {
    let accounts = &ctx.accounts;
    let env = environment()?;
    let mut vault = load_mut::<CreditVault>(&accounts.vault)?;
    let mut stake = load_mut::<VaultStake>(&accounts.stake)?;
    let provider = &accounts.provider;
    if !same_key(accounts.vault.key, &stake.vault) || !same_key(provider.key, &stake.provider) {
        return err!(PlimsollError::WrongAccount);
    }
    let exchange = load_exchange(&accounts.exchange, &vault.exchange)?;
    check_token_program(&exchange, &accounts.token_program)?;
    token::check_account(
        &accounts.destination,
        &exchange.token_program,
        &exchange.collateral_mint,
    )?;
    token::check_holder(&accounts.destination, &stake.provider)?;
    let ticket = stake.ticket;
    let paid = vault::pay_redemption(&mut vault, &mut stake, provider.is_signer, &env).anchor()?;
    let cash = VaultCash {
        vault: &accounts.vault,
        vault_cash: &accounts.vault_cash,
        token_program: &accounts.token_program,
    };
    cash.pay(&vault, &accounts.destination, paid.amount)?;
    emit!(RedemptionPaid {
        version: EVENT_VERSION,
        vault: *accounts.vault.key,
        provider: Pubkey::from(stake.provider),
        ticket,
        shares: paid.shares,
        amount: paid.amount,
        shares_left: paid.shares_left,
        balances: VaultBalances::from(&*vault),
    });
    Ok(())
}
