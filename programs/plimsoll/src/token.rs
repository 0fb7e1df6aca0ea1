//! Token accounts and transfers, by hand: Anchor's typed token accounts cost four times the compute of
//! the few bytes that are read here, and every amount is measured, not believed (attacks 36, 47).

use anchor_lang::prelude::*;
use solana_program::instruction::{AccountMeta, Instruction};
use solana_program::program::{invoke_signed, invoke_signed_unchecked};

use crate::error::PlimsollError;
use crate::loaders::same_key;

/// The SPL Token program.
pub const TOKEN_PROGRAM: Pubkey =
    Pubkey::from_str_const("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA");
/// The Token-2022 program.
pub const TOKEN_2022_PROGRAM: Pubkey =
    Pubkey::from_str_const("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb");

const MINT_SIZE: usize = 82;
const MULTISIG_SIZE: usize = 355;
const TOKEN_ACCOUNT_SIZE: usize = 165;
const ACCOUNT_STATE_AT: usize = 108;
const ACCOUNT_STATE_FROZEN: u8 = 2;
const MINT_DECIMALS_AT: usize = 44;
const MINT_INITIALIZED_AT: usize = 45;
const ACCOUNT_TYPE_AT: usize = 165;
const ACCOUNT_TYPE_MINT: u8 = 1;
/// Extensions that change nothing about a transfer: a pointer to metadata, and metadata.
const EXTENSIONS_ALLOWED: [u16; 2] = [18, 19];
const INSTRUCTION_TRANSFER: u8 = 3;
const INSTRUCTION_INITIALIZE_ACCOUNT_3: u8 = 18;

/// Decimals of a plain mint: SPL Token, or Token-2022 with no extension but metadata.
pub fn plain_mint_decimals(mint: &AccountInfo<'_>, token_program: &Pubkey) -> Result<u8> {
    let known = *token_program == TOKEN_PROGRAM || *token_program == TOKEN_2022_PROGRAM;
    if !known || mint.owner != token_program {
        return err!(PlimsollError::MintNotPlain);
    }
    let data = mint.try_borrow_data()?;
    let initialized = data.get(MINT_INITIALIZED_AT) == Some(&1);
    // A multisig of Token-2022 is told from a mint by its length alone.
    let extended = *token_program == TOKEN_2022_PROGRAM && data.len() != MULTISIG_SIZE;
    let plain = data.len() == MINT_SIZE || (extended && extensions_are_plain(&data));
    if !initialized || !plain {
        return err!(PlimsollError::MintNotPlain);
    }
    data.get(MINT_DECIMALS_AT)
        .copied()
        .ok_or_else(|| error!(PlimsollError::MintNotPlain))
}

/// Walks the type-length-value entries behind a Token-2022 mint.
fn extensions_are_plain(data: &[u8]) -> bool {
    if data.get(ACCOUNT_TYPE_AT) != Some(&ACCOUNT_TYPE_MINT) {
        return false;
    }
    let mut rest = data.get(ACCOUNT_TYPE_AT.saturating_add(1)..).unwrap_or(&[]);
    while let [kind_low, kind_high, len_low, len_high, tail @ ..] = rest {
        let kind = u16::from_le_bytes([*kind_low, *kind_high]);
        if kind == 0 {
            break;
        }
        let len = usize::from(u16::from_le_bytes([*len_low, *len_high]));
        if !EXTENSIONS_ALLOWED.contains(&kind) {
            return false;
        }
        match tail.get(len..) {
            Some(next) => rest = next,
            None => return false,
        }
    }
    true
}

/// Balance of a token account.
#[inline(always)]
pub fn amount(account: &AccountInfo<'_>) -> Result<u64> {
    let data = account.try_borrow_data()?;
    match data.get(64..72) {
        Some(bytes) if data.len() >= TOKEN_ACCOUNT_SIZE => Ok(bytemuck::pod_read_unaligned(bytes)),
        _ => err!(PlimsollError::WrongAccount),
    }
}

/// Whether the mint's issuer has frozen a token account: nothing leaves or enters it.
#[inline(always)]
pub fn is_frozen(account: &AccountInfo<'_>) -> Result<bool> {
    match account.try_borrow_data()?.get(ACCOUNT_STATE_AT) {
        Some(state) => Ok(*state == ACCOUNT_STATE_FROZEN),
        None => err!(PlimsollError::WrongAccount),
    }
}

/// A transfer of custody's cash: its accounts and the PDA that signs, if it is one.
#[derive(Clone, Copy, Debug)]
pub struct Transfer<'a, 'info> {
    pub token_program: &'a AccountInfo<'info>,
    pub from: &'a AccountInfo<'info>,
    pub to: &'a AccountInfo<'info>,
    pub authority: &'a AccountInfo<'info>,
}

/// Transfers `amount` and returns what arrived. `from` loses exactly `amount`, or the call fails.
pub fn transfer(accounts: &Transfer<'_, '_>, amount_out: u64, seeds: &[&[&[u8]]]) -> Result<u64> {
    let (from_before, to_before) = (amount(accounts.from)?, amount(accounts.to)?);
    let mut data = [0_u8; 9];
    data[0] = INSTRUCTION_TRANSFER;
    data[1..].copy_from_slice(&amount_out.to_le_bytes());
    let instruction = Instruction {
        program_id: *accounts.token_program.key,
        accounts: vec![
            AccountMeta::new(*accounts.from.key, false),
            AccountMeta::new(*accounts.to.key, false),
            AccountMeta::new_readonly(*accounts.authority.key, true),
        ],
        data: data.to_vec(),
    };
    let infos = [
        accounts.from.clone(),
        accounts.to.clone(),
        accounts.authority.clone(),
    ];
    // Unchecked: no borrow of these accounts is held here, and the check walks them once more.
    invoke_signed_unchecked(&instruction, &infos, seeds)?;
    let left = from_before.checked_sub(amount(accounts.from)?);
    let arrived = amount(accounts.to)?.checked_sub(to_before);
    match (left, arrived) {
        (Some(left), Some(arrived)) if left == amount_out => Ok(arrived),
        _ => err!(PlimsollError::TransferMismatch),
    }
}

/// Initialises a token account of `mint` owned by `owner` on freshly allocated space.
pub fn initialize_account<'info>(
    token_program: &AccountInfo<'info>,
    account: &AccountInfo<'info>,
    mint: &AccountInfo<'info>,
    owner: &Pubkey,
) -> Result<()> {
    let mut data = vec![INSTRUCTION_INITIALIZE_ACCOUNT_3];
    data.extend_from_slice(owner.as_array());
    let instruction = Instruction {
        program_id: *token_program.key,
        accounts: vec![
            AccountMeta::new(*account.key, false),
            AccountMeta::new_readonly(*mint.key, false),
        ],
        data,
    };
    invoke_signed(&instruction, &[account.clone(), mint.clone()], &[])?;
    Ok(())
}

/// Bytes of a token account without extensions.
pub const fn account_size() -> usize {
    TOKEN_ACCOUNT_SIZE
}

/// Checks that `holder` owns the token account.
pub fn check_holder(account: &AccountInfo<'_>, holder: &[u8; 32]) -> Result<()> {
    if account.try_borrow_data()?.get(32..64) != Some(&holder[..]) {
        return err!(PlimsollError::WrongAccount);
    }
    Ok(())
}

/// Checks that `account` is a token account of `mint` under `token_program`.
pub fn check_account(
    account: &AccountInfo<'_>,
    token_program: &[u8; 32],
    mint: &[u8; 32],
) -> Result<()> {
    let data = account.try_borrow_data()?;
    let of_mint = data.len() >= TOKEN_ACCOUNT_SIZE && data.get(..32) == Some(&mint[..]);
    if !same_key(account.owner, token_program) || !of_mint {
        return err!(PlimsollError::WrongAccount);
    }
    Ok(())
}
