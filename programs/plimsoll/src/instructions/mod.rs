//! The instructions: accounts, handlers, and nothing of the mechanism.

mod admin;
mod cash;
mod create;
mod credit;
mod governance;
mod halts;
mod legs;
mod liquidation;
mod marks;
mod orders;
mod seats;
mod settle;
mod vault_cash;

pub use admin::*;
pub use cash::*;
pub use credit::*;
pub use governance::*;
pub use halts::*;
pub use liquidation::*;
pub use marks::*;
pub use orders::*;
pub use seats::*;
pub use settle::*;
pub use vault_cash::VAULT_SEED;

use anchor_lang::prelude::*;
use plimsoll_engine::state::MarginAccount;
use plimsoll_engine::Env;

use crate::error::PlimsollError;
use crate::loaders::same_key;

/// The chain's clock, by syscall: no account can stand in for it (attack 35).
#[inline(always)]
pub(crate) fn environment() -> Result<Env> {
    let clock = Clock::get()?;
    Ok(Env {
        now: clock.unix_timestamp,
        slot: clock.slot,
    })
}

/// The owner, or its delegate where trading is all that is done.
#[inline(always)]
pub(crate) fn check_trader(account: &MarginAccount, signer: &Pubkey) -> Result<()> {
    let delegated = account.delegate != [0; 32] && same_key(signer, &account.delegate);
    if same_key(signer, &account.owner) || delegated {
        return Ok(());
    }
    err!(PlimsollError::NotAuthorized)
}

/// The owner alone.
#[inline(always)]
pub(crate) fn check_owner(account: &MarginAccount, signer: &Pubkey) -> Result<()> {
    if same_key(signer, &account.owner) {
        return Ok(());
    }
    err!(PlimsollError::NotAuthorized)
}
