//! Creating accounts at program addresses.

use anchor_lang::prelude::*;
use anchor_lang::system_program::{self as system, Allocate, Assign, Transfer};

use crate::error::PlimsollError;

/// What a new account is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewAccount<'a> {
    pub(crate) size: usize,
    pub(crate) owner: &'a Pubkey,
    /// Seeds without the bump.
    pub(crate) seeds: &'a [&'a [u8]],
}

/// Creates the account at the address of its seeds and returns the bump. Lamports sent there before do
/// not hinder it; an account that exists is refused (attack 32).
pub(crate) fn create_at<'info>(
    payer: &AccountInfo<'info>,
    account: &AccountInfo<'info>,
    new: &NewAccount<'_>,
) -> Result<u8> {
    let (address, bump) = Pubkey::find_program_address(new.seeds, &crate::ID);
    if address != *account.key {
        return err!(PlimsollError::WrongAccount);
    }
    if *account.owner != system::ID || !account.data_is_empty() {
        return err!(PlimsollError::AlreadyInitialized);
    }
    let rent = Rent::get()?.minimum_balance(new.size);
    let missing = rent.saturating_sub(account.lamports());
    if missing != 0 {
        let accounts = Transfer {
            from: payer.clone(),
            to: account.clone(),
        };
        system::transfer(CpiContext::new(system::ID, accounts), missing)?;
    }
    let bump_seed = [bump];
    let mut seeds = new.seeds.to_vec();
    seeds.push(&bump_seed);
    let signer: &[&[&[u8]]] = &[&seeds];
    let size = u64::try_from(new.size).map_err(|_| PlimsollError::Overflow)?;
    let allocate = Allocate {
        account_to_allocate: account.clone(),
    };
    system::allocate(
        CpiContext::new_with_signer(system::ID, allocate, signer),
        size,
    )?;
    let assign = Assign {
        account_to_assign: account.clone(),
    };
    system::assign(
        CpiContext::new_with_signer(system::ID, assign, signer),
        new.owner,
    )?;
    Ok(bump)
}
