//! Margin accounts, and seats in markets.

use anchor_lang::prelude::*;
use plimsoll_engine::cash::check_closable;
use plimsoll_engine::seats::{self, SeatAddresses};
use plimsoll_engine::state::{
    Exchange, MarginAccount, BLOCK_DEPOSIT_LAMPORTS, GROWTH_SIZE_MAX, MARKET_SIZE_MAX,
};

use super::check_owner;
use super::create::{create_at, NewAccount};
use crate::error::{IntoAnchor, PlimsollError};
use crate::events::{
    DelegateSet, MarginAccountClosed, MarginAccountCreated, MarketGrown, SeatClaimed, SeatReleased,
    EVENT_VERSION,
};
use crate::loaders::{initialize, load, load_mut, same_key, AccountKind, LoadedMarketMut};

/// Seed of a margin account.
pub const MARGIN_SEED: &[u8] = b"margin";

#[derive(Accounts)]
pub struct CreateMarginAccount<'info> {
    #[account(mut)]
    pub owner: Signer<'info>,
    /// CHECK: typed loader.
    pub exchange: UncheckedAccount<'info>,
    /// CHECK: created at its address.
    #[account(mut)]
    pub margin_account: UncheckedAccount<'info>,
    pub system_program: Program<'info, System>,
}

pub(crate) fn create_margin_account(
    ctx: Context<CreateMarginAccount>,
    sub_account: u16,
) -> Result<()> {
    let accounts = &ctx.accounts;
    let shards = load::<Exchange>(&accounts.exchange)?.custody_shards_len;
    let seeds: &[&[u8]] = &[
        MARGIN_SEED,
        accounts.exchange.key.as_array(),
        accounts.owner.key.as_array(),
        &sub_account.to_le_bytes(),
    ];
    let new = NewAccount {
        size: MarginAccount::SIZE,
        owner: &crate::ID,
        seeds,
    };
    let bump = create_at(&accounts.owner, &accounts.margin_account, &new)?;
    let mut account = initialize::<MarginAccount>(&accounts.margin_account)?;
    account.version = 1;
    account.bump = bump;
    // Spreads accounts over the shards; any shard serves any account.
    account.custody_shard = accounts.owner.key.as_array()[0]
        .checked_rem(shards)
        .unwrap_or(0);
    account.sub_account = sub_account;
    account.exchange = accounts.exchange.key.to_bytes();
    account.owner = accounts.owner.key.to_bytes();
    emit!(MarginAccountCreated {
        version: EVENT_VERSION,
        margin_account: *accounts.margin_account.key,
        owner: *accounts.owner.key,
        sub_account,
    });
    Ok(())
}

#[derive(Accounts)]
pub struct SetDelegate<'info> {
    pub owner: Signer<'info>,
    /// CHECK: typed loader.
    #[account(mut)]
    pub margin_account: UncheckedAccount<'info>,
}

pub(crate) fn set_delegate(ctx: Context<SetDelegate>, delegate: Pubkey) -> Result<()> {
    let mut account = load_mut::<MarginAccount>(&ctx.accounts.margin_account)?;
    check_owner(&account, ctx.accounts.owner.key)?;
    account.delegate = delegate.to_bytes();
    emit!(DelegateSet {
        version: EVENT_VERSION,
        margin_account: *ctx.accounts.margin_account.key,
        delegate,
    });
    Ok(())
}

#[derive(Accounts)]
pub struct CloseMarginAccount<'info> {
    #[account(mut)]
    pub owner: Signer<'info>,
    /// CHECK: typed loader.
    #[account(mut)]
    pub margin_account: UncheckedAccount<'info>,
}

pub(crate) fn close_margin_account(ctx: Context<CloseMarginAccount>) -> Result<()> {
    let accounts = &ctx.accounts;
    {
        let account = load_mut::<MarginAccount>(&accounts.margin_account)?;
        check_owner(&account, accounts.owner.key)?;
        check_closable(&account).anchor()?;
    }
    let lamports = accounts.margin_account.lamports();
    move_lamports(&accounts.margin_account, &accounts.owner, lamports)?;
    accounts
        .margin_account
        .assign(&anchor_lang::system_program::ID);
    accounts.margin_account.resize(0)?;
    emit!(MarginAccountClosed {
        version: EVENT_VERSION,
        margin_account: *accounts.margin_account.key
    });
    Ok(())
}

/// Moves lamports out of an account of this program.
pub(super) fn move_lamports(
    from: &AccountInfo<'_>,
    to: &AccountInfo<'_>,
    lamports: u64,
) -> Result<()> {
    if from.key == to.key {
        return err!(PlimsollError::DuplicateAccount);
    }
    let left = from
        .lamports()
        .checked_sub(lamports)
        .ok_or(PlimsollError::Overflow)?;
    let held = to
        .lamports()
        .checked_add(lamports)
        .ok_or(PlimsollError::Overflow)?;
    **from.try_borrow_mut_lamports()? = left;
    **to.try_borrow_mut_lamports()? = held;
    Ok(())
}

/// A market's lamports cover its rent and every seat's deposit: nobody's refund can be spent on rent.
fn check_lamports(market: &AccountInfo<'_>, size: usize, reserved_blocks: u32) -> Result<()> {
    let rent = Rent::get()?.minimum_balance(size);
    let deposits = u64::from(reserved_blocks).saturating_mul(BLOCK_DEPOSIT_LAMPORTS);
    if market.lamports() < rent.saturating_add(deposits) {
        return err!(PlimsollError::SeatDepositMissing);
    }
    Ok(())
}

/// The deposit is a plain transfer into the market account, earlier in the same transaction: a CPI that
/// carries a market of megabytes would cost more than all the rest.
#[derive(Accounts)]
pub struct ClaimSeat<'info> {
    pub owner: Signer<'info>,
    /// CHECK: typed loader.
    #[account(mut)]
    pub margin_account: UncheckedAccount<'info>,
    /// CHECK: typed loader.
    #[account(mut)]
    pub market: UncheckedAccount<'info>,
}

impl ClaimSeat<'_> {
    fn addresses(&self) -> SeatAddresses {
        SeatAddresses {
            market: self.market.key.to_bytes(),
            margin_account: self.margin_account.key.to_bytes(),
        }
    }
}

pub(crate) fn claim_seat(ctx: Context<ClaimSeat>, order_slots: u8) -> Result<()> {
    let accounts = &ctx.accounts;
    let mut account = load_mut::<MarginAccount>(&accounts.margin_account)?;
    check_owner(&account, accounts.owner.key)?;
    let size = accounts.market.data_len();
    let mut loaded = LoadedMarketMut::load(&accounts.market)?;
    let mut market = loaded.get();
    if market.header.exchange != account.exchange {
        return err!(PlimsollError::WrongAccount);
    }
    let claimed = seats::claim(
        &mut market,
        &mut account,
        &accounts.addresses(),
        order_slots,
    )
    .anchor()?;
    check_lamports(&accounts.market, size, market.header.arena.reserved_blocks)?;
    emit!(SeatClaimed {
        version: EVENT_VERSION,
        market: *accounts.market.key,
        margin_account: *accounts.margin_account.key,
        seat: claimed.seat,
        order_slots,
        deposit_lamports: claimed.deposit_lamports,
    });
    Ok(())
}

/// Anyone may free an empty seat; the deposit always goes to the margin account's owner.
#[derive(Accounts)]
pub struct ReleaseSeat<'info> {
    /// CHECK: address checked against the margin account.
    #[account(mut)]
    pub owner: UncheckedAccount<'info>,
    /// CHECK: typed loader.
    #[account(mut)]
    pub margin_account: UncheckedAccount<'info>,
    /// CHECK: typed loader.
    #[account(mut)]
    pub market: UncheckedAccount<'info>,
}

pub(crate) fn release_seat(ctx: Context<ReleaseSeat>) -> Result<()> {
    let accounts = &ctx.accounts;
    let addresses = SeatAddresses {
        market: accounts.market.key.to_bytes(),
        margin_account: accounts.margin_account.key.to_bytes(),
    };
    let (seat, refund) = {
        let mut account = load_mut::<MarginAccount>(&accounts.margin_account)?;
        if !same_key(accounts.owner.key, &account.owner) {
            return err!(PlimsollError::WrongAccount);
        }
        let mut loaded = LoadedMarketMut::load(&accounts.market)?;
        let entry = account
            .entry_of(&addresses.market)
            .and_then(|at| account.entries().get(at));
        let seat = entry.map_or(0, |entry| entry.seat);
        (
            seat,
            seats::release(&mut loaded.get(), &mut account, &addresses).anchor()?,
        )
    };
    move_lamports(&accounts.market, &accounts.owner, refund)?;
    emit!(SeatReleased {
        version: EVENT_VERSION,
        market: addresses.market.into(),
        margin_account: addresses.margin_account.into(),
        seat,
        refund_lamports: refund,
    });
    Ok(())
}

/// The rent of the new bytes is a plain transfer into the market account before.
#[derive(Accounts)]
pub struct GrowMarket<'info> {
    /// CHECK: typed loader.
    #[account(mut)]
    pub market: UncheckedAccount<'info>,
}

pub(crate) fn grow_market(ctx: Context<GrowMarket>) -> Result<()> {
    let info = &ctx.accounts.market;
    LoadedMarketMut::load(info)?;
    let size = info.data_len();
    if size >= MARKET_SIZE_MAX {
        return err!(PlimsollError::MarketAtMaxSize);
    }
    let grown = size.saturating_add(GROWTH_SIZE_MAX).min(MARKET_SIZE_MAX);
    info.resize(grown)?;
    let mut loaded = LoadedMarketMut::load(info)?;
    let market = loaded.get();
    let capacity = seats::capacity_of(grown).anchor()?;
    seats::grow(market.header, capacity).anchor()?;
    check_lamports(info, grown, market.header.arena.reserved_blocks)?;
    emit!(MarketGrown {
        version: EVENT_VERSION,
        market: *info.key,
        capacity
    });
    Ok(())
}
