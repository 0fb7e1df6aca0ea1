//! Cash that leaves a vault: a draw into custody, a redemption to a provider.

use anchor_lang::prelude::*;
use plimsoll_engine::state::{CreditLine, CreditVault};

use crate::error::PlimsollError;
use crate::loaders::same_key;
use crate::token::{self, Transfer};

/// Seed of a vault: its PDA owns the vault's cash account.
pub const VAULT_SEED: &[u8] = b"vault";

/// The line, if the cash of its vault can leave. While the mint's issuer has frozen the cash account nothing
/// of the line is usable, and a liquidation goes on without it: a freeze protects no borrower (spec §10). The
/// same if the account held less than the vault says, which no instruction can bring about.
///
/// # Errors
/// `CreditLineMissing` when the cash account was not passed; `WrongAccount`.
pub(crate) fn while_cash_moves<'a>(
    line: &'a CreditLine,
    vault: &CreditVault,
    vault_cash: Option<&AccountInfo<'_>>,
) -> Result<Option<&'a CreditLine>> {
    let Some(vault_cash) = vault_cash else {
        return err!(PlimsollError::CreditLineMissing);
    };
    if !same_key(vault_cash.key, &vault.cash_account) {
        return err!(PlimsollError::WrongAccount);
    }
    let moves = !token::is_frozen(vault_cash)? && token::amount(vault_cash)? >= vault.cash;
    Ok(moves.then_some(line))
}

/// A vault's cash account and what moves it. The token program is checked by the caller.
pub(crate) struct VaultCash<'a, 'info> {
    pub(crate) vault: &'a AccountInfo<'info>,
    pub(crate) vault_cash: &'a AccountInfo<'info>,
    pub(crate) token_program: &'a AccountInfo<'info>,
}

impl<'info> VaultCash<'_, 'info> {
    /// Moves exactly `amount` to `to`, which the caller has checked, signed by the vault.
    ///
    /// # Errors
    /// `WrongAccount` for another cash account; `TransferMismatch` when another amount arrived.
    pub(crate) fn pay(
        &self,
        vault: &CreditVault,
        to: &AccountInfo<'info>,
        amount: u64,
    ) -> Result<()> {
        if !same_key(self.vault_cash.key, &vault.cash_account) {
            return err!(PlimsollError::WrongAccount);
        }
        let id = vault.id.to_le_bytes();
        let bump = [vault.bump];
        let seeds: &[&[u8]] = &[VAULT_SEED, &vault.underwriter, &id, &bump];
        let transfer = Transfer {
            token_program: self.token_program,
            from: self.vault_cash,
            to,
            authority: self.vault,
        };
        if token::transfer(&transfer, amount, &[seeds])? != amount {
            return err!(PlimsollError::TransferMismatch);
        }
        Ok(())
    }
}
