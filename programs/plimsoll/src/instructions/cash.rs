//! Deposits, withdrawals, the treasury and the custody shards.

use anchor_lang::prelude::*;
use plimsoll_engine::cash;
use plimsoll_engine::state::{DefaultFund, Exchange, MarginAccount};

use super::legs::other_legs;
use super::{check_owner, environment};
use crate::error::{IntoAnchor, PlimsollError};
use crate::events::{CustodyRebalanced, Deposited, TreasuryCollected, Withdrawn, EVENT_VERSION};
use crate::loaders::{load, load_mut, same_key};
use crate::token::{self, Transfer};

/// Seed of the PDA that owns the custody shards.
pub const CUSTODY_AUTHORITY_SEED: &[u8] = b"custody_authority";

/// Checks that `info` is custody shard `shard` of the exchange.
pub(crate) fn check_shard(exchange: &Exchange, shard: u8, info: &AccountInfo<'_>) -> Result<()> {
    let created = shard < exchange.custody_shards_len;
    match exchange.custody_shards.get(usize::from(shard)) {
        Some(address) if created && same_key(info.key, address) => Ok(()),
        _ => err!(PlimsollError::WrongCustodyShard),
    }
}

pub(crate) fn check_token_program(exchange: &Exchange, info: &AccountInfo<'_>) -> Result<()> {
    if !same_key(info.key, &exchange.token_program) {
        return err!(PlimsollError::WrongAccount);
    }
    Ok(())
}

/// Writes a margin account and one shard: nothing that anyone else's trading locks.
#[derive(Accounts)]
pub struct Deposit<'info> {
    /// Owner of the source: anyone may deposit for anyone.
    pub depositor: Signer<'info>,
    /// CHECK: typed loader; address checked against the margin account.
    pub exchange: UncheckedAccount<'info>,
    /// CHECK: typed loader.
    #[account(mut)]
    pub margin_account: UncheckedAccount<'info>,
    /// CHECK: the token program checks it.
    #[account(mut)]
    pub source: UncheckedAccount<'info>,
    /// CHECK: address checked against the exchange's list.
    #[account(mut)]
    pub custody_shard: UncheckedAccount<'info>,
    /// CHECK: address checked against the exchange.
    pub token_program: UncheckedAccount<'info>,
}

pub(crate) fn deposit(ctx: Context<Deposit>, shard: u8, amount: u64) -> Result<()> {
    let accounts = &ctx.accounts;
    if amount == 0 {
        return err!(PlimsollError::ZeroAmount);
    }
    {
        let exchange = load::<Exchange>(&accounts.exchange)?;
        check_shard(&exchange, shard, &accounts.custody_shard)?;
        check_token_program(&exchange, &accounts.token_program)?;
    }
    let mut account = load_mut::<MarginAccount>(&accounts.margin_account)?;
    if !same_key(accounts.exchange.key, &account.exchange) {
        return err!(PlimsollError::WrongAccount);
    }
    let transfer = Transfer {
        token_program: &accounts.token_program,
        from: &accounts.source,
        to: &accounts.custody_shard,
        authority: &accounts.depositor,
    };
    let measured = token::transfer(&transfer, amount, &[])?;
    cash::deposit(&mut account, measured).anchor()?;
    emit!(Deposited {
        version: EVENT_VERSION,
        margin_account: *accounts.margin_account.key,
        amount: measured,
        collateral: account.collateral,
    });
    Ok(())
}

/// All markets of the account follow, read-only, in the order of its entries.
#[derive(Accounts)]
pub struct Withdraw<'info> {
    pub owner: Signer<'info>,
    /// CHECK: typed loader; address checked against the margin account.
    pub exchange: UncheckedAccount<'info>,
    /// CHECK: typed loader.
    #[account(mut)]
    pub margin_account: UncheckedAccount<'info>,
    /// CHECK: address checked against the exchange's list.
    #[account(mut)]
    pub custody_shard: UncheckedAccount<'info>,
    /// CHECK: address checked against the exchange.
    pub custody_authority: UncheckedAccount<'info>,
    /// CHECK: the token program checks it.
    #[account(mut)]
    pub destination: UncheckedAccount<'info>,
    /// CHECK: address checked against the exchange.
    pub token_program: UncheckedAccount<'info>,
}

pub(crate) fn withdraw<'info>(
    ctx: Context<'info, Withdraw<'info>>,
    shard: u8,
    amount: u64,
) -> Result<()> {
    let accounts = &ctx.accounts;
    let env = environment()?;
    let mut account = load_mut::<MarginAccount>(&accounts.margin_account)?;
    check_owner(&account, accounts.owner.key)?;
    if !same_key(accounts.exchange.key, &account.exchange) {
        return err!(PlimsollError::WrongAccount);
    }
    let address = accounts.margin_account.key.to_bytes();
    let legs = other_legs(&account, &address, None, ctx.remaining_accounts, env.now)?;
    cash::withdraw(&mut account, &legs.risk, legs.halted, amount, &env).anchor()?;
    let exchange = load::<Exchange>(&accounts.exchange)?;
    check_shard(&exchange, shard, &accounts.custody_shard)?;
    // Cash withdrawn into custody itself would belong to nobody.
    if exchange
        .custody_shards
        .iter()
        .any(|address| same_key(accounts.destination.key, address))
    {
        return err!(PlimsollError::DuplicateAccount);
    }
    let custody = Custody {
        exchange: &exchange,
        address: accounts.exchange.key,
        authority: &accounts.custody_authority,
        token_program: &accounts.token_program,
    };
    custody.pay(&accounts.custody_shard, &accounts.destination, amount)?;
    emit!(Withdrawn {
        version: EVENT_VERSION,
        margin_account: *accounts.margin_account.key,
        amount,
        collateral: account.collateral,
    });
    Ok(())
}

/// Custody's signature.
pub(crate) struct Custody<'a, 'info> {
    pub(crate) exchange: &'a Exchange,
    pub(crate) address: &'a Pubkey,
    pub(crate) authority: &'a AccountInfo<'info>,
    pub(crate) token_program: &'a AccountInfo<'info>,
}

impl<'info> Custody<'_, 'info> {
    /// Pays out of a shard. The recipient's own fee or hook cannot make custody lose another amount.
    pub(crate) fn pay(
        &self,
        from: &AccountInfo<'info>,
        to: &AccountInfo<'info>,
        amount: u64,
    ) -> Result<u64> {
        if !same_key(self.authority.key, &self.exchange.custody_authority) {
            return err!(PlimsollError::WrongAccount);
        }
        check_token_program(self.exchange, self.token_program)?;
        if from.key == to.key {
            return err!(PlimsollError::DuplicateAccount);
        }
        let bump = [self.exchange.custody_authority_bump];
        let seeds: &[&[u8]] = &[CUSTODY_AUTHORITY_SEED, self.address.as_array(), &bump];
        let transfer = Transfer {
            token_program: self.token_program,
            from,
            to,
            authority: self.authority,
        };
        token::transfer(&transfer, amount, &[seeds])
    }
}

#[derive(Accounts)]
pub struct CollectTreasury<'info> {
    /// CHECK: typed loader.
    pub exchange: UncheckedAccount<'info>,
    /// CHECK: typed loader; address checked against the exchange.
    #[account(mut)]
    pub default_fund: UncheckedAccount<'info>,
    /// CHECK: address checked against the exchange's list.
    #[account(mut)]
    pub custody_shard: UncheckedAccount<'info>,
    /// CHECK: address checked against the exchange.
    pub custody_authority: UncheckedAccount<'info>,
    /// CHECK: address checked against the exchange.
    #[account(mut)]
    pub treasury: UncheckedAccount<'info>,
    /// CHECK: address checked against the exchange.
    pub token_program: UncheckedAccount<'info>,
}

pub(crate) fn collect_treasury(ctx: Context<CollectTreasury>, shard: u8) -> Result<()> {
    let accounts = &ctx.accounts;
    let exchange = load::<Exchange>(&accounts.exchange)?;
    let mut fund = load_mut::<DefaultFund>(&accounts.default_fund)?;
    let treasury = same_key(accounts.treasury.key, &exchange.treasury);
    if !treasury || !same_key(accounts.default_fund.key, &exchange.default_fund) {
        return err!(PlimsollError::WrongAccount);
    }
    check_shard(&exchange, shard, &accounts.custody_shard)?;
    // As much as the shard holds: another call brings the rest through another shard.
    let amount = fund.treasury.min(token::amount(&accounts.custody_shard)?);
    if amount == 0 {
        return Ok(());
    }
    let custody = Custody {
        exchange: &exchange,
        address: accounts.exchange.key,
        authority: &accounts.custody_authority,
        token_program: &accounts.token_program,
    };
    custody.pay(&accounts.custody_shard, &accounts.treasury, amount)?;
    fund.treasury = fund
        .treasury
        .checked_sub(amount)
        .ok_or(PlimsollError::Overflow)?;
    emit!(TreasuryCollected {
        version: EVENT_VERSION,
        exchange: *accounts.exchange.key,
        amount
    });
    Ok(())
}

#[derive(Accounts)]
pub struct RebalanceCustody<'info> {
    /// CHECK: typed loader.
    pub exchange: UncheckedAccount<'info>,
    /// CHECK: address checked against the exchange's list.
    #[account(mut)]
    pub from_shard: UncheckedAccount<'info>,
    /// CHECK: address checked against the exchange's list.
    #[account(mut)]
    pub to_shard: UncheckedAccount<'info>,
    /// CHECK: address checked against the exchange.
    pub custody_authority: UncheckedAccount<'info>,
    /// CHECK: address checked against the exchange.
    pub token_program: UncheckedAccount<'info>,
}

pub(crate) fn rebalance_custody(
    ctx: Context<RebalanceCustody>,
    from: u8,
    to: u8,
    amount: u64,
) -> Result<()> {
    let accounts = &ctx.accounts;
    if amount == 0 {
        return err!(PlimsollError::ZeroAmount);
    }
    let exchange = load::<Exchange>(&accounts.exchange)?;
    check_shard(&exchange, from, &accounts.from_shard)?;
    check_shard(&exchange, to, &accounts.to_shard)?;
    let custody = Custody {
        exchange: &exchange,
        address: accounts.exchange.key,
        authority: &accounts.custody_authority,
        token_program: &accounts.token_program,
    };
    let arrived = custody.pay(&accounts.from_shard, &accounts.to_shard, amount)?;
    if arrived != amount {
        return err!(PlimsollError::TransferMismatch);
    }
    // Only what evens out: nobody may gather custody in one shard, where one freeze would hold it all.
    if token::amount(&accounts.from_shard)? < token::amount(&accounts.to_shard)? {
        return err!(PlimsollError::CustodyLessEven);
    }
    emit!(CustodyRebalanced {
        version: EVENT_VERSION,
        exchange: *accounts.exchange.key,
        from,
        to,
        amount
    });
    Ok(())
}
