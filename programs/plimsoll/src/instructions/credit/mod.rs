//! Credit (spec §10): vaults, lines, draws, and the way back. Anyone may do what serves everyone; what
//! only an underwriter, a provider or a trader may do asks for its signature.

mod draw;
mod line;
mod loan;
mod repay;
mod vault;

pub use draw::*;
pub use line::*;
pub use loan::*;
pub use repay::*;
pub use vault::*;

use std::cell::RefMut;

use anchor_lang::prelude::*;
use plimsoll_engine::cash::account_cash;
use plimsoll_engine::credit::draw::mandated_margin;
use plimsoll_engine::gate::{self, Action};
use plimsoll_engine::halt;
use plimsoll_engine::position;
use plimsoll_engine::risk::{self, AccountRisk, LegRisk, Resting};
use plimsoll_engine::seats::entry_seat;
use plimsoll_engine::state::{CreditLine, CreditVault, Exchange, MarginAccount};
use plimsoll_engine::units::PriceQ32;

use crate::error::{IntoAnchor, PlimsollError};
use crate::loaders::{load, load_mut, same_key, LoadedMarket};

/// A margin account, its line and the line's vault, to change: proven to belong together.
struct Loan<'a> {
    account: RefMut<'a, MarginAccount>,
    line: RefMut<'a, CreditLine>,
    vault: RefMut<'a, CreditVault>,
}

impl<'a> Loan<'a> {
    /// Loads the three. The line names account and vault; only with the acceptance does the account name
    /// the line, so `attached` says whether it must (attack 31).
    fn load(
        margin_account: &'a AccountInfo<'_>,
        line: &'a AccountInfo<'_>,
        vault: &'a AccountInfo<'_>,
        attached: bool,
    ) -> Result<Self> {
        let loan = Self {
            account: load_mut::<MarginAccount>(margin_account)?,
            line: load_mut::<CreditLine>(line)?,
            vault: load_mut::<CreditVault>(vault)?,
        };
        let named = same_key(margin_account.key, &loan.line.margin_account)
            && same_key(vault.key, &loan.line.vault)
            && loan.vault.exchange == loan.account.exchange;
        if !named || (attached && !same_key(line.key, &loan.account.credit_line)) {
            return err!(PlimsollError::WrongAccount);
        }
        Ok(loan)
    }
}

/// Loads the exchange that a vault or an account names.
fn load_exchange<'a>(
    info: &'a AccountInfo<'_>,
    named: &[u8; 32],
) -> Result<std::cell::Ref<'a, Exchange>> {
    if !same_key(info.key, named) {
        return err!(PlimsollError::WrongAccount);
    }
    load::<Exchange>(info)
}

fn check_underwriter(vault: &CreditVault, signer: &Pubkey) -> Result<()> {
    if !same_key(signer, &vault.underwriter) {
        return err!(PlimsollError::NotAuthorized);
    }
    Ok(())
}

fn check_vault_cash(vault: &CreditVault, info: &AccountInfo<'_>) -> Result<()> {
    if !same_key(info.key, &vault.cash_account) {
        return err!(PlimsollError::WrongAccount);
    }
    Ok(())
}

/// What credit asks about an account's legs.
#[derive(Clone, Copy, Debug, Default)]
struct LoanLegs {
    risk: LegRisk,
    mandated_margin: u64,
    reopened_at: i64,
    positions: bool,
    orders: bool,
    claims: bool,
    /// A position's index is stale.
    stale: bool,
    /// A position or orders lie in a halted market.
    halted: bool,
}

impl LoanLegs {
    /// Reads all markets of the account, which follow in the order of its entries.
    fn read<'info>(
        account: &MarginAccount,
        address: &Pubkey,
        line: &CreditLine,
        markets: &'info [AccountInfo<'info>],
        now: i64,
    ) -> Result<Self> {
        let mut legs = Self::default();
        if markets.len() != account.entries().len() {
            return err!(PlimsollError::WrongMarketAccounts);
        }
        for (entry, info) in markets.iter().enumerate() {
            legs.add(account, address, line, entry, info, now)?;
        }
        Ok(legs)
    }

    fn add(
        &mut self,
        account: &MarginAccount,
        address: &Pubkey,
        line: &CreditLine,
        entry: usize,
        info: &AccountInfo<'_>,
        now: i64,
    ) -> Result<()> {
        let named = account
            .entries()
            .get(entry)
            .ok_or(PlimsollError::WrongMarketAccounts)?;
        if !same_key(info.key, &named.market) {
            return err!(PlimsollError::WrongMarketAccounts);
        }
        let loaded = LoadedMarket::load(info)?;
        let market = loaded.get();
        let header = market.header;
        let seat = entry_seat(account, entry, market.blocks, address.as_array()).anchor()?;
        let held = position::held(&market, seat).anchor()?;
        let leg = risk::leg(header, held, &Resting::from(seat), now).anchor()?;
        self.risk.add(&leg).anchor()?;
        let fresh = risk::index_is_fresh(header, now);
        let phase = halt::phase(header, now);
        // An old price is nothing to lend on, and an uncross fixes another (spec §7).
        if fresh && gate::in_phase(phase, Action::Draw) {
            let (mark, margin) = (PriceQ32(header.prices.mark), leg.maintenance_margin);
            let mandated =
                mandated_margin(line, &named.market, seat, held, mark, margin, now).anchor()?;
            self.mandated_margin = self
                .mandated_margin
                .checked_add(mandated)
                .ok_or(PlimsollError::Overflow)?;
        }
        if held.base != 0 {
            self.reopened_at = self.reopened_at.max(halt::reopened_at(header, now));
        }
        self.positions |= held.base != 0;
        self.orders |= seat.orders != 0;
        self.claims |= held.quote != 0;
        self.stale |= held.base != 0 && !fresh;
        let active = held.base != 0 || seat.orders != 0;
        self.halted |= active && !gate::in_phase(phase, Action::Withdraw);
        Ok(())
    }

    /// Risk of the account over these legs.
    fn risk_of(&self, account: &MarginAccount, now: i64) -> Result<AccountRisk> {
        AccountRisk::of(&account_cash(account, now), &self.risk).anchor()
    }
}
