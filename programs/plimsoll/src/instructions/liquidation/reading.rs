//! What liquidation, takeover and tear-up read of an account: its legs, and what its credit line would lend.

use std::cell::Ref;

use anchor_lang::prelude::*;
use plimsoll_engine::book::arena::MarketRef;
use plimsoll_engine::cash::account_cash;
use plimsoll_engine::credit::draw::{self, DrawInput};
use plimsoll_engine::credit::line;
use plimsoll_engine::gate::{self, Action};
use plimsoll_engine::halt;
use plimsoll_engine::liquidation::{Leg, Legs, Standing};
use plimsoll_engine::risk::{self, AccountRisk};
use plimsoll_engine::state::{CreditLine, CreditVault, MarginAccount, MarketHeader};
use plimsoll_engine::Env;

use crate::error::{IntoAnchor, PlimsollError};
use crate::instructions::vault_cash::while_cash_moves;
use crate::loaders::{load, same_key, LoadedMarket};

/// Reads every leg: the one in `written` from its loaded market, the others from `others`, which are the
/// account's other markets in the order of its entries. A leg can neither be left out nor passed twice. `line`
/// is the account's credit line, if its vault's cash can leave: without it no leg is mandated.
#[inline(never)]
pub(super) fn read_legs<'info>(
    account: &MarginAccount,
    address: &[u8; 32],
    written: (&Pubkey, &MarketRef<'_>),
    others: &mut std::slice::Iter<'info, AccountInfo<'info>>,
    line: Option<&CreditLine>,
    now: i64,
) -> Result<Box<Legs>> {
    let mut legs = Box::<Legs>::default();
    let mut met = false;
    for (position, entry) in account.entries().iter().enumerate() {
        if same_key(written.0, &entry.market) {
            met = true;
            push_leg(&mut legs, account, address, position, written.1, line, now)?;
            continue;
        }
        let info = others.next().ok_or(PlimsollError::WrongMarketAccounts)?;
        if !same_key(info.key, &entry.market) {
            return err!(PlimsollError::WrongMarketAccounts);
        }
        let loaded = LoadedMarket::load(info)?;
        push_leg(
            &mut legs,
            account,
            address,
            position,
            &loaded.get(),
            line,
            now,
        )?;
    }
    if !met {
        return err!(PlimsollError::WrongMarketAccounts);
    }
    Ok(legs)
}

#[inline(never)]
fn push_leg(
    legs: &mut Legs,
    account: &MarginAccount,
    address: &[u8; 32],
    position: usize,
    market: &MarketRef<'_>,
    line: Option<&CreditLine>,
    now: i64,
) -> Result<()> {
    let (leg, seat) = Leg::read(market, account, address, position, now).anchor()?;
    let mandated = match line {
        Some(line) if lends(market.header, now) => draw::mandated_margin(
            line,
            &leg.market,
            seat,
            leg.held,
            leg.mark,
            leg.risk.maintenance_margin,
            now,
        )
        .anchor()?,
        _ => 0,
    };
    let reopened_at = halt::reopened_at(market.header, now);
    legs.push(&leg, mandated, reopened_at).anchor()
}

/// Whether a leg's market is one to lend on now: an old price is none, and an uncross fixes another.
fn lends(header: &MarketHeader, now: i64) -> bool {
    risk::index_is_fresh(header, now) && gate::in_phase(halt::phase(header, now), Action::Draw)
}

/// The account's risk over the legs read.
pub(super) fn risk_of(account: &MarginAccount, legs: &Legs, now: i64) -> Result<AccountRisk> {
    AccountRisk::of(&account_cash(account, now), &legs.total).anchor()
}

pub(super) type ReadCredit<'a> = (Ref<'a, CreditLine>, Ref<'a, CreditVault>);

/// The account's line and vault, to read: none if it has none, and none of anyone else's.
///
/// # Errors
/// `CreditLineMissing` when the account has a line and it was not passed; `WrongAccount`.
pub(super) fn load_credit<'a>(
    account: &MarginAccount,
    line: Option<&'a AccountInfo<'_>>,
    vault: Option<&'a AccountInfo<'_>>,
) -> Result<Option<ReadCredit<'a>>> {
    if account.credit_line == [0; 32] {
        return Ok(None);
    }
    let (Some(line), Some(vault)) = (line, vault) else {
        return err!(PlimsollError::CreditLineMissing);
    };
    if !same_key(line.key, &account.credit_line) {
        return err!(PlimsollError::WrongAccount);
    }
    let line = load::<CreditLine>(line)?;
    if !same_key(vault.key, &line.vault) {
        return err!(PlimsollError::WrongAccount);
    }
    Ok(Some((line, load::<CreditVault>(vault)?)))
}

/// The line of [`load_credit`], if its vault's cash can leave.
pub(super) fn lender<'a>(
    credit: Option<&'a ReadCredit<'_>>,
    vault_cash: Option<&AccountInfo<'_>>,
) -> Result<Option<&'a CreditLine>> {
    match credit {
        Some((line, vault)) => while_cash_moves(line, vault, vault_cash),
        None => Ok(None),
    }
}

/// Whether and why the account may be liquidated; not while a line would still cure it (INV-7).
pub(super) fn standing(
    account: &MarginAccount,
    legs: &Legs,
    risk: &AccountRisk,
    credit: Option<(&CreditLine, &CreditVault)>,
    env: &Env,
) -> Result<Standing> {
    let (mut lapsed, mut usable) = (false, 0);
    if let Some((line, vault)) = credit {
        let input = DrawInput {
            account,
            risk,
            mandated_margin: legs.mandated_margin,
            reopened_at: legs.reopened_at,
            env,
        };
        lapsed = line::lapsed(line, account.credit_principal, legs.reopened_at, env.now);
        usable = draw::lift(line, vault, &input).anchor()?;
    }
    Standing::of(risk, lapsed, usable).anchor()
}
