//! Exchanges, custody shards and markets.

use plimsoll::instructions::ExchangeArgs;
use plimsoll::{accounts, instruction, MarketParams};
use solana_instruction::Instruction;
use solana_pubkey::Pubkey;
use solana_sdk_ids::sysvar::instructions::ID as INSTRUCTIONS_SYSVAR;
use solana_system_interface::instruction as system;
use solana_system_interface::program::ID as SYSTEM_PROGRAM;

use super::build;
use crate::addresses::ExchangeAddresses;

/// The rent of the new bytes and `grow_market`.
pub fn grow_market(
    program: &Pubkey,
    payer: Pubkey,
    market: Pubkey,
    rent_lamports: u64,
) -> [Instruction; 2] {
    [
        system::transfer(&payer, &market, rent_lamports),
        build(
            program,
            &accounts::GrowMarket { market },
            &instruction::GrowMarket {},
        ),
    ]
}

/// `initialize_exchange`.
pub fn initialize_exchange(
    addresses: &ExchangeAddresses,
    payer: Pubkey,
    authority: Pubkey,
    treasury: Pubkey,
    args: ExchangeArgs,
) -> Instruction {
    let accounts = accounts::InitializeExchange {
        payer,
        authority,
        collateral_mint: addresses.collateral_mint,
        exchange: addresses.exchange,
        default_fund: addresses.default_fund,
        treasury,
        token_program: addresses.token_program,
        system_program: SYSTEM_PROGRAM,
        instructions: INSTRUCTIONS_SYSVAR,
    };
    build(
        &addresses.program,
        &accounts,
        &instruction::InitializeExchange { args },
    )
}

/// `create_custody_shard`.
pub fn create_custody_shard(
    addresses: &ExchangeAddresses,
    payer: Pubkey,
    authority: Pubkey,
    shard: u8,
) -> Instruction {
    let accounts = accounts::CreateCustodyShard {
        payer,
        authority,
        exchange: addresses.exchange,
        collateral_mint: addresses.collateral_mint,
        custody_shard: addresses.custody_shard(shard),
        token_program: addresses.token_program,
        system_program: SYSTEM_PROGRAM,
        instructions: INSTRUCTIONS_SYSVAR,
    };
    build(
        &addresses.program,
        &accounts,
        &instruction::CreateCustodyShard { shard },
    )
}

/// A market that is to be created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewMarket {
    pub payer: Pubkey,
    pub authority: Pubkey,
    /// Signs its own creation.
    pub market: Pubkey,
    pub symbol: [u8; 16],
    /// Size of the account, bytes.
    pub size: u64,
    /// Rent of that size, lamports.
    pub rent_lamports: u64,
    pub params: MarketParams,
}

/// Creates the market account and opens the market, in one transaction.
pub fn create_market(addresses: &ExchangeAddresses, new: &NewMarket) -> [Instruction; 2] {
    let accounts = accounts::CreateMarket {
        payer: new.payer,
        authority: new.authority,
        exchange: addresses.exchange,
        market: new.market,
        mark: addresses.mark(&new.market),
        system_program: SYSTEM_PROGRAM,
        instructions: INSTRUCTIONS_SYSVAR,
    };
    let data = instruction::CreateMarket {
        symbol: new.symbol,
        params: new.params,
    };
    [
        system::create_account(
            &new.payer,
            &new.market,
            new.rent_lamports,
            new.size,
            &addresses.program,
        ),
        build(&addresses.program, &accounts, &data),
    ]
}

/// A market's name as its account stores it; `None` when empty or longer than sixteen bytes.
pub fn symbol(name: &str) -> Option<[u8; 16]> {
    let mut symbol = [0; 16];
    if name.is_empty() {
        return None;
    }
    symbol
        .get_mut(..name.len())?
        .copy_from_slice(name.as_bytes());
    Some(symbol)
}
