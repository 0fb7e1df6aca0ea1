//! Step 4 of a liquidation: anyone with the margin for it takes the rest over.

use anchor_lang::prelude::*;
use plimsoll_engine::cash::account_cash;
use plimsoll_engine::liquidation::{self, Taker};
use plimsoll_engine::state::MarginAccount;

use super::reading::{lender, load_credit, read_legs, risk_of, standing};
use crate::error::{IntoAnchor, PlimsollError};
use crate::events::{TakenOver, EVENT_VERSION};
use crate::instructions::legs::other_legs;
use crate::instructions::{check_trader, environment};
use crate::loaders::{load, load_mut, same_key, LoadedMarketMut};

/// The liquidated account's other markets follow in the order of its entries, then the taker's.
#[derive(Accounts)]
pub struct TakeOver<'info> {
    /// Owner or delegate of the taking margin account.
    pub trader: Signer<'info>,
    /// CHECK: typed loader.
    #[account(mut)]
    pub margin_account: UncheckedAccount<'info>,
    /// CHECK: typed loader. Read-only: what is taken settles in its seat.
    pub taker: UncheckedAccount<'info>,
    /// CHECK: typed loader; the seats tie it to both margin accounts.
    #[account(mut)]
    pub market: UncheckedAccount<'info>,
    /// CHECK: typed loader; address checked against the margin account.
    pub line: Option<UncheckedAccount<'info>>,
    /// CHECK: typed loader; address checked against the line.
    pub vault: Option<UncheckedAccount<'info>>,
    /// CHECK: address checked against the vault.
    pub vault_cash: Option<UncheckedAccount<'info>>,
}

pub(crate) fn take_over<'info>(ctx: Context<'info, TakeOver<'info>>, lots_max: u64) -> Result<()> {
    let env = environment()?;
    let accounts = &ctx.accounts;
    if accounts.margin_account.key == accounts.taker.key {
        return err!(PlimsollError::DuplicateAccount);
    }
    let mut account = load_mut::<MarginAccount>(&accounts.margin_account)?;
    let taker_account = load::<MarginAccount>(&accounts.taker)?;
    check_trader(&taker_account, accounts.trader.key)?;
    let credit = load_credit(
        &account,
        accounts.line.as_deref(),
        accounts.vault.as_deref(),
    )?;
    let lender = lender(credit.as_ref(), accounts.vault_cash.as_deref())?;
    let address = accounts.margin_account.key.to_bytes();
    let mut loaded = LoadedMarketMut::load(&accounts.market)?;
    let mut rest = ctx.remaining_accounts.iter();
    let legs = read_legs(
        &account,
        &address,
        (accounts.market.key, &loaded.get().as_ref()),
        &mut rest,
        lender,
        env.now,
    )?;
    let taker_address = accounts.taker.key.to_bytes();
    let others = other_legs(
        &taker_account,
        &taker_address,
        Some(accounts.market.key),
        rest.as_slice(),
        env.now,
    )?;
    let risk = risk_of(&account, &legs, env.now)?;
    let lent = credit.as_ref().map(|(line, vault)| (&**line, &**vault));
    let standing = standing(&account, &legs, &risk, lent, &env)?;
    legs.check_no_orders().anchor()?;
    let leg = legs.next().anchor()?;
    if !same_key(accounts.market.key, &leg.market) {
        return err!(PlimsollError::WrongMarketAccounts);
    }
    let entry = taker_account
        .entry_of(&leg.market)
        .and_then(|at| taker_account.entries().get(at))
        .ok_or(PlimsollError::WrongSeat)?;
    let taker = Taker {
        account: taker_address,
        seat: entry.seat,
        cash: account_cash(&taker_account, env.now),
        other_legs: others.risk,
    };
    let taken = liquidation::take_over(
        &mut loaded.get(),
        &mut account,
        leg,
        &standing,
        &taker,
        lots_max,
        &env,
    )
    .anchor()?;
    emit!(TakenOver {
        version: EVENT_VERSION,
        side: u8::from(!taken.long),
        margin_account: *accounts.margin_account.key,
        taker: *accounts.taker.key,
        market: *accounts.market.key,
        base: taken.base,
        price: taken.price,
        cash: taken.cash,
        contribution: taken.contribution,
    });
    Ok(())
}
