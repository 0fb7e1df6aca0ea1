//! Steps 1 and 2 of a liquidation in a halted market, and the account's interest in its auction.

use anchor_lang::prelude::*;
use plimsoll_engine::auction::{self, Joined};
use plimsoll_engine::credit::line;
use plimsoll_engine::error::EngineError;
use plimsoll_engine::fund;
use plimsoll_engine::liquidation::{Leg, Standing};
use plimsoll_engine::place::Which;
use plimsoll_engine::state::MarginAccount;

use super::liquidate::{cancel, check_exchange, Liquidate};
use super::reading::{read_legs, risk_of, standing};
use crate::error::{IntoAnchor, PlimsollError};
use crate::events::{AuctionJoined, EVENT_VERSION};
use crate::instructions::{environment, halts};
use crate::loaders::{load_mut, same_key, LoadedMarketMut};

/// Accounts as of `liquidate`; `market` is the halted one. Done again it does the same: interest is put
/// anew, by what the account is now, and withdrawn when nothing is left to liquidate.
pub(crate) fn join_auction<'info>(ctx: Context<'info, Liquidate<'info>>, shard: u8) -> Result<()> {
    let env = environment()?;
    let accounts = &ctx.accounts;
    let mut account = load_mut::<MarginAccount>(&accounts.margin_account)?;
    check_exchange(accounts, &account)?;
    let mut credit = accounts.load_credit(&account)?;
    if let Some((line, vault)) = &mut credit {
        line::accrue(&mut account, line, vault, env.now).anchor()?;
    }
    let others = ctx.remaining_accounts;
    let address = accounts.margin_account.key.to_bytes();
    let mut loaded = LoadedMarketMut::load(&accounts.market)?;
    halts::catch_up(loaded.get().header, accounts.market.key, &env);
    let mut rest = others.iter();
    let legs = read_legs(
        &account,
        &address,
        (accounts.market.key, &loaded.get().as_ref()),
        &mut rest,
        accounts.lender(credit.as_ref())?,
        env.now,
    )?;
    if rest.next().is_some() {
        return err!(PlimsollError::WrongMarketAccounts);
    }
    let leg = named(&legs, accounts.market.key)?;
    let risk = risk_of(&account, &legs, env.now)?;
    let lapsed = credit.as_ref().is_some_and(|(line, _)| {
        line::lapsed(line, account.credit_principal, legs.reopened_at, env.now)
    });
    let (mut cancelled, mut drawn, mut joined) = (0, 0, Joined::default());
    if Standing::of(&risk, lapsed, 0) == Err(EngineError::NotLiquidatable) {
        // What had joined is healthy again.
        if auction::withdraw_interest(&mut loaded.get(), leg.seat, &env).anchor()? == 0 {
            return err!(PlimsollError::NotLiquidatable);
        }
    } else {
        cancelled = cancel(
            accounts,
            &mut loaded,
            &legs,
            &address,
            others,
            Which::All,
            &env,
        )?;
        drawn = accounts.draw(&mut account, credit.as_mut(), &legs, shard, &env)?;
        if drawn != 0 {
            auction::withdraw_interest(&mut loaded.get(), leg.seat, &env).anchor()?;
            fund::clear_flag(&mut account);
        } else {
            let lent = credit.as_ref().map(|(line, vault)| (&**line, &**vault));
            let standing = standing(&account, &legs, &risk, lent, &env)?;
            fund::flag(&mut account, env.now);
            let orders: u32 = legs.iter().map(|leg| u32::from(leg.orders)).sum();
            if orders <= u32::from(cancelled) {
                let found = auction::join(&mut loaded.get(), leg, &standing, &env).anchor()?;
                joined = found.unwrap_or_default();
            }
        }
    }
    emit!(AuctionJoined {
        version: EVENT_VERSION,
        margin_account: *accounts.margin_account.key,
        market: *accounts.market.key,
        order: joined.order,
        side: joined.side,
        price: joined.price,
        lots: joined.lots,
        cancelled,
        drawn,
    });
    Ok(())
}

/// The account's leg in the market, which must take interest in an auction.
fn named<'a>(legs: &'a plimsoll_engine::liquidation::Legs, market: &Pubkey) -> Result<&'a Leg> {
    let leg = legs
        .iter()
        .find(|leg| same_key(market, &leg.market))
        .ok_or(PlimsollError::WrongMarketAccounts)?;
    if !leg.calling {
        return err!(PlimsollError::NotInCall);
    }
    Ok(leg)
}
