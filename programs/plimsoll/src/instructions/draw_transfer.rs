//! Moving a draw: from the vault's cash account into custody.

use anchor_lang::prelude::*;
use plimsoll_engine::state::CreditVault;

use crate::error::PlimsollError;
use crate::loaders::same_key;
use crate::token::{self, Transfer};

/// Seed of a vault: its PDA owns the vault's cash account.
pub const VAULT_SEED: &[u8] = b"vault";

/// What a draw moves between. The custody shard and the token program are checked by the caller.
pub(crate) struct DrawAccounts<'a, 'info> {
    pub(crate) vault: &'a AccountInfo<'info>,
    pub(crate) vault_cash: &'a AccountInfo<'info>,
    pub(crate) custody_shard: &'a AccountInfo<'info>,
    pub(crate) token_program: &'a AccountInfo<'info>,
}

/// Moves exactly `amount`, signed by the vault.
///
/// # Errors
/// `WrongAccount` for another cash account; `TransferMismatch` when another amount arrived.
pub(crate) fn move_draw(
    accounts: &DrawAccounts<'_, '_>,
    vault: &CreditVault,
    amount: u64,
) -> Result<()> {
    if !same_key(accounts.vault_cash.key, &vault.cash_account) {
        return err!(PlimsollError::WrongAccount);
    }
    let id = vault.id.to_le_bytes();
    let bump = [vault.bump];
    let seeds: &[&[u8]] = &[VAULT_SEED, &vault.underwriter, &id, &bump];
    let transfer = Transfer {
        token_program: accounts.token_program,
        from: accounts.vault_cash,
        to: accounts.custody_shard,
        authority: accounts.vault,
    };
    if token::transfer(&transfer, amount, &[seeds])? != amount {
        return err!(PlimsollError::TransferMismatch);
    }
    Ok(())
}
