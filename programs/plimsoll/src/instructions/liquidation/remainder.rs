//! What loss events leave: remainders below a lot, and seats that are epochs behind.

use anchor_lang::prelude::*;
use plimsoll_engine::epochs;
use plimsoll_engine::liquidation::{self, Leg};
use plimsoll_engine::state::MarginAccount;

use super::tear_up::publish;
use crate::error::{IntoAnchor, PlimsollError};
use crate::events::{SeatSynced, EVENT_VERSION};
use crate::instructions::environment;
use crate::loaders::{load, LoadedMarketMut};

#[derive(Accounts)]
pub struct CloseRemainder<'info> {
    /// CHECK: typed loader.
    pub margin_account: UncheckedAccount<'info>,
    /// CHECK: typed loader; the seat ties it to the margin account.
    #[account(mut)]
    pub market: UncheckedAccount<'info>,
    /// CHECK: typed loader; its address is the one that the market names.
    #[account(mut)]
    pub mark: UncheckedAccount<'info>,
}

pub(crate) fn close_remainder(ctx: Context<CloseRemainder>) -> Result<()> {
    let env = environment()?;
    let accounts = &ctx.accounts;
    let account = load::<MarginAccount>(&accounts.margin_account)?;
    let address = accounts.margin_account.key.to_bytes();
    let mut loaded = LoadedMarketMut::load(&accounts.market)?;
    let mut market = loaded.get();
    let entry = account
        .entry_of(accounts.market.key.as_array())
        .ok_or(PlimsollError::WrongSeat)?;
    let (leg, _) = Leg::read(&market.as_ref(), &account, &address, entry, env.now).anchor()?;
    let key = accounts.market.key.as_array();
    let receipt = liquidation::close_remainder(&mut market, key, &leg, &env).anchor()?;
    publish(&mut market, &accounts.mark, &receipt, env.slot)
}

#[derive(Accounts)]
pub struct SyncSeat<'info> {
    /// CHECK: its seat is the one that is synced.
    pub margin_account: UncheckedAccount<'info>,
    /// CHECK: typed loader.
    #[account(mut)]
    pub market: UncheckedAccount<'info>,
}

pub(crate) fn sync_seat(ctx: Context<SyncSeat>, seat: u32, end: u32) -> Result<()> {
    let mut loaded = LoadedMarketMut::load(&ctx.accounts.market)?;
    let mut market = loaded.get();
    let owner = ctx.accounts.margin_account.key.as_array();
    epochs::sync(&mut market, seat, owner, end).anchor()?;
    let synced = plimsoll_engine::book::arena::seat(market.blocks, seat).anchor()?;
    emit!(SeatSynced {
        version: EVENT_VERSION,
        market: *ctx.accounts.market.key,
        margin_account: *ctx.accounts.margin_account.key,
        seat,
        epoch: synced.epoch,
    });
    Ok(())
}
