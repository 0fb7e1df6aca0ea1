//! Settling claims into cash; sweeping fees.

use anchor_lang::prelude::*;
use plimsoll_engine::book::arena::MarketMut;
use plimsoll_engine::cash::{self, SETTLE_LEGS_MAX};
use plimsoll_engine::state::{DefaultFund, Exchange, MarginAccount};

use super::environment;
use super::legs::{add_leg, Legs};
use crate::error::{IntoAnchor, PlimsollError};
use crate::events::{FeesSwept, Settled, SettledLegRecord, EVENT_VERSION};
use crate::loaders::{load, load_mut, same_key, LoadedMarketMut};

/// All markets of the account follow in the order of its entries; those passed writable are settled.
#[derive(Accounts)]
pub struct Settle<'info> {
    /// CHECK: typed loader.
    #[account(mut)]
    pub margin_account: UncheckedAccount<'info>,
}

pub(crate) fn settle<'info>(ctx: Context<'info, Settle<'info>>) -> Result<()> {
    let env = environment()?;
    let mut account = load_mut::<MarginAccount>(&ctx.accounts.margin_account)?;
    let address = ctx.accounts.margin_account.key.to_bytes();
    let markets = ctx.remaining_accounts;
    if markets.len() != account.entries().len() {
        return err!(PlimsollError::WrongMarketAccounts);
    }
    let mut others = Legs::default();
    let mut loaded = Vec::with_capacity(SETTLE_LEGS_MAX);
    let mut entries = Vec::with_capacity(SETTLE_LEGS_MAX);
    for (position, info) in markets.iter().enumerate() {
        let entry = account
            .entries()
            .get(position)
            .ok_or(PlimsollError::WrongMarketAccounts)?;
        if !same_key(info.key, &entry.market) {
            return err!(PlimsollError::WrongMarketAccounts);
        }
        if info.is_writable {
            loaded.push(LoadedMarketMut::load(info)?);
            entries.push(position);
        } else {
            add_leg(&mut others, &account, &address, position, info, env.now)?;
        }
    }
    if loaded.is_empty() || loaded.len() > SETTLE_LEGS_MAX {
        return err!(PlimsollError::WrongMarketAccounts);
    }
    let mut legs: Vec<MarketMut<'_>> = loaded.iter_mut().map(LoadedMarketMut::get).collect();
    let settled = cash::settle(
        &mut account,
        &address,
        &mut legs,
        &entries,
        &others.risk,
        &env,
    )
    .anchor()?;
    let records = entries
        .iter()
        .zip(&settled)
        .map(|(entry, leg)| SettledLegRecord {
            entry: u8::try_from(*entry).unwrap_or(u8::MAX),
            gain_paid: leg.gain_paid,
            loss_paid: leg.loss_paid,
            gain_unpaid: leg.gain_unpaid,
            loss_unpaid: leg.loss_unpaid,
        });
    emit!(Settled {
        version: EVENT_VERSION,
        margin_account: *ctx.accounts.margin_account.key,
        collateral: account.collateral,
        legs: records.collect(),
    });
    Ok(())
}

#[derive(Accounts)]
pub struct SweepFees<'info> {
    /// CHECK: typed loader; address checked against the market.
    pub exchange: UncheckedAccount<'info>,
    /// CHECK: typed loader; address checked against the exchange.
    #[account(mut)]
    pub default_fund: UncheckedAccount<'info>,
    /// CHECK: typed loader.
    #[account(mut)]
    pub market: UncheckedAccount<'info>,
}

pub(crate) fn sweep_fees(ctx: Context<SweepFees>) -> Result<()> {
    let env = environment()?;
    let exchange = load::<Exchange>(&ctx.accounts.exchange)?;
    let mut fund = load_mut::<DefaultFund>(&ctx.accounts.default_fund)?;
    let mut loaded = LoadedMarketMut::load(&ctx.accounts.market)?;
    let market = loaded.get();
    let of_exchange = same_key(ctx.accounts.exchange.key, &market.header.exchange);
    if !of_exchange || !same_key(ctx.accounts.default_fund.key, &exchange.default_fund) {
        return err!(PlimsollError::WrongAccount);
    }
    let swept = cash::sweep_fees(market.header, &exchange, &mut fund, &env).anchor()?;
    emit!(FeesSwept {
        version: EVENT_VERSION,
        market: *ctx.accounts.market.key,
        to_default_fund: swept.to_default_fund,
        to_keeper_pool: swept.to_keeper_pool,
        to_treasury: swept.to_treasury,
        deficit_paid: swept.deficit_paid,
        deficit_paid_by_fund: swept.deficit_paid_by_fund,
    });
    Ok(())
}
