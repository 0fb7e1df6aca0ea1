//! The account's legs in other markets: an instruction passes them, read-only, in the order of the
//! account's entries, without the ones that it writes.

use anchor_lang::prelude::*;
use plimsoll_engine::gate::{self, Action};
use plimsoll_engine::halt;
use plimsoll_engine::position;
use plimsoll_engine::risk::{self, LegRisk, Resting};
use plimsoll_engine::seats::entry_seat;
use plimsoll_engine::state::{HaltPhase, MarginAccount};

use crate::error::{IntoAnchor, PlimsollError};
use crate::loaders::{same_key, LoadedMarket};

/// Sums of the legs, and what withdrawal asks about them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Legs {
    pub(crate) risk: LegRisk,
    /// A leg with a position or orders lies in a halted market.
    pub(crate) halted: bool,
}

/// Reads every leg but the one in `written`. Missing, surplus or reordered accounts are an error: the
/// trader cannot hide a leg.
pub(crate) fn other_legs<'info>(
    account: &MarginAccount,
    address: &[u8; 32],
    written: Option<&Pubkey>,
    markets: &'info [AccountInfo<'info>],
    now: i64,
) -> Result<Legs> {
    let mut legs = Legs::default();
    let mut markets = markets.iter();
    for (position, entry) in account.entries().iter().enumerate() {
        if written.is_some_and(|market| same_key(market, &entry.market)) {
            continue;
        }
        let info = markets.next().ok_or(PlimsollError::WrongMarketAccounts)?;
        if !same_key(info.key, &entry.market) {
            return err!(PlimsollError::WrongMarketAccounts);
        }
        add_leg(&mut legs, account, address, position, info, now)?;
    }
    if markets.next().is_some() {
        return err!(PlimsollError::WrongMarketAccounts);
    }
    Ok(legs)
}

/// Adds the leg of the entry at `position`, whose market is `info`.
#[inline(always)]
pub(crate) fn add_leg(
    legs: &mut Legs,
    account: &MarginAccount,
    address: &[u8; 32],
    position: usize,
    info: &AccountInfo<'_>,
    now: i64,
) -> Result<()> {
    let loaded = LoadedMarket::load(info)?;
    let market = loaded.get();
    let seat = entry_seat(account, position, market.blocks, address).anchor()?;
    let held = position::held(&market, seat).anchor()?;
    let leg = risk::leg(market.header, held, &Resting::from(seat), now).anchor()?;
    legs.risk.add(&leg).anchor()?;
    let active = held.base != 0 || seat.orders != 0;
    if active && market.header.halt.phase != HaltPhase::Continuous.byte() {
        legs.halted |= !gate::in_phase(halt::phase(market.header, now), Action::Withdraw);
    }
    Ok(())
}
