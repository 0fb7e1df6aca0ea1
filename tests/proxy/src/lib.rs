//! A program that calls another one and lets an address of its own sign, as a multisig's vault does. It asks
//! nobody for an approval: what the tests need of a multisig is only how its signature arrives.
//!
//! Accounts: the program to call, then the accounts of the call. Data: one byte, then the data of the call.
// rustc's own list of operating systems does not name Solana.
#![allow(unexpected_cfgs)]

use solana_program::account_info::AccountInfo;
use solana_program::entrypoint::ProgramResult;
use solana_program::instruction::{AccountMeta, Instruction};
use solana_program::program::invoke_signed;
use solana_program::program_error::ProgramError;
use solana_program::pubkey::Pubkey;

/// Seed of the address that signs.
pub const VAULT_SEED: &[u8] = b"vault";

/// First byte of the data: the vault signs, the call names it as a signer without its seeds, or neither.
pub const SIGNED: u8 = 0;
pub const CLAIMED: u8 = 1;
pub const UNSIGNED: u8 = 2;

#[cfg(not(feature = "no-entrypoint"))]
solana_program::entrypoint!(call);

/// Passes the call on.
///
/// # Errors
/// Those of the call; `NotEnoughAccountKeys`, `InvalidInstructionData` without a program or a byte.
pub fn call(program: &Pubkey, accounts: &[AccountInfo<'_>], data: &[u8]) -> ProgramResult {
    let (callee, passed) = accounts
        .split_first()
        .ok_or(ProgramError::NotEnoughAccountKeys)?;
    let (mode, data) = data
        .split_first()
        .ok_or(ProgramError::InvalidInstructionData)?;
    let (vault, bump) = Pubkey::find_program_address(&[VAULT_SEED], program);
    let metas = passed.iter().map(|account| AccountMeta {
        pubkey: *account.key,
        is_signer: account.is_signer || (*account.key == vault && *mode != UNSIGNED),
        is_writable: account.is_writable,
    });
    let instruction = Instruction {
        program_id: *callee.key,
        accounts: metas.collect(),
        data: data.to_vec(),
    };
    let bump = [bump];
    let seeds: &[&[u8]] = &[VAULT_SEED, &bump];
    let signers: &[&[&[u8]]] = if *mode == SIGNED { &[seeds] } else { &[] };
    invoke_signed(&instruction, accounts, signers)
}
