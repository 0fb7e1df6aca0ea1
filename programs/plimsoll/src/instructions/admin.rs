//! Setting an exchange up: exchange, custody shards, markets.

use anchor_lang::prelude::*;
use plimsoll_engine::governance;
use plimsoll_engine::params::MarketParams;
use plimsoll_engine::seats::{self, MarketIdentity};
use plimsoll_engine::state::{
    DefaultFund, Exchange, MarkAccount, MarketHeader, CUSTODY_SHARDS_MAX, MARKET_HEADER_SIZE,
};
use solana_instructions_sysvar::{load_instruction_at_checked, ID as INSTRUCTIONS_SYSVAR};

use super::cash::CUSTODY_AUTHORITY_SEED;
use super::create::{create_at, NewAccount};
use super::environment;
use crate::error::{IntoAnchor, PlimsollError};
use crate::events::{CustodyShardCreated, ExchangeInitialized, MarketCreated, EVENT_VERSION};
use crate::loaders::{initialize, load_mut, same_key, AccountKind};
use crate::token;

/// Seeds of the exchange and of what belongs to it.
pub const EXCHANGE_SEED: &[u8] = b"exchange";
pub const DEFAULT_FUND_SEED: &[u8] = b"default_fund";
pub const CUSTODY_SEED: &[u8] = b"custody";
pub const MARK_SEED: &[u8] = b"mark";

/// A quote atom is a millionth of a dollar in every formula.
const COLLATERAL_DECIMALS: u8 = 6;

/// The system program's `AdvanceNonceAccount`, as its data begins.
const ADVANCE_NONCE_ACCOUNT: [u8; 4] = 4_u32.to_le_bytes();

/// How an exchange is set up; all of it changes only through the timelock afterwards.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExchangeArgs {
    /// May set a market reduce-only for a day.
    pub guardian: Pubkey,
    /// Seconds.
    pub timelock_seconds: u32,
    pub timelock_tightening_seconds: u32,
    /// Split of trading fees, ppm; together one million.
    pub fee_default_fund_ppm: u32,
    pub fee_keeper_pool_ppm: u32,
    pub fee_treasury_ppm: u32,
}

impl ExchangeArgs {
    fn validate(&self) -> Result<()> {
        let shares = [
            self.fee_default_fund_ppm,
            self.fee_keeper_pool_ppm,
            self.fee_treasury_ppm,
        ];
        governance::check_fee_split(shares).anchor()?;
        governance::check_timelocks(self.timelock_seconds, self.timelock_tightening_seconds)
            .anchor()
    }
}

#[derive(Accounts)]
pub struct InitializeExchange<'info> {
    #[account(mut)]
    pub payer: Signer<'info>,
    /// Part of the exchange's address, so that nobody can take it first.
    pub authority: Signer<'info>,
    /// CHECK: must be a plain mint.
    pub collateral_mint: UncheckedAccount<'info>,
    /// CHECK: created at its address.
    #[account(mut)]
    pub exchange: UncheckedAccount<'info>,
    /// CHECK: created at its address.
    #[account(mut)]
    pub default_fund: UncheckedAccount<'info>,
    /// CHECK: a token account of the mint.
    pub treasury: UncheckedAccount<'info>,
    /// CHECK: SPL Token or Token-2022, and the mint's owner.
    pub token_program: UncheckedAccount<'info>,
    pub system_program: Program<'info, System>,
    /// CHECK: the instructions sysvar, by its address.
    pub instructions: UncheckedAccount<'info>,
}

pub(crate) fn initialize_exchange(
    ctx: Context<InitializeExchange>,
    args: ExchangeArgs,
) -> Result<()> {
    let accounts = &ctx.accounts;
    refuse_durable_nonce(&accounts.instructions)?;
    args.validate()?;
    let mint = accounts.collateral_mint.key;
    let decimals =
        token::plain_mint_decimals(&accounts.collateral_mint, accounts.token_program.key)?;
    if decimals != COLLATERAL_DECIMALS {
        return err!(PlimsollError::MintNotPlain);
    }
    token::check_account(
        &accounts.treasury,
        accounts.token_program.key.as_array(),
        mint.as_array(),
    )?;
    let seeds: &[&[u8]] = &[
        EXCHANGE_SEED,
        mint.as_array(),
        accounts.authority.key.as_array(),
    ];
    let new = NewAccount {
        size: Exchange::SIZE,
        owner: &crate::ID,
        seeds,
    };
    let bump = create_at(&accounts.payer, &accounts.exchange, &new)?;
    let address = accounts.exchange.key.as_array();
    let seeds: &[&[u8]] = &[DEFAULT_FUND_SEED, address];
    let new = NewAccount {
        size: DefaultFund::SIZE,
        owner: &crate::ID,
        seeds,
    };
    let fund_bump = create_at(&accounts.payer, &accounts.default_fund, &new)?;
    let (custody_authority, custody_bump) =
        Pubkey::find_program_address(&[CUSTODY_AUTHORITY_SEED, address], &crate::ID);
    let env = environment()?;

    let mut fund = initialize::<DefaultFund>(&accounts.default_fund)?;
    fund.version = 1;
    fund.bump = fund_bump;
    fund.exchange = *address;
    let mut exchange = initialize::<Exchange>(&accounts.exchange)?;
    exchange.version = 1;
    exchange.bump = bump;
    exchange.custody_authority_bump = custody_bump;
    exchange.collateral_decimals = decimals;
    exchange.collateral_mint = mint.to_bytes();
    exchange.token_program = accounts.token_program.key.to_bytes();
    exchange.authority = accounts.authority.key.to_bytes();
    exchange.guardian = args.guardian.to_bytes();
    exchange.treasury = accounts.treasury.key.to_bytes();
    exchange.default_fund = accounts.default_fund.key.to_bytes();
    exchange.custody_authority = custody_authority.to_bytes();
    exchange.timelock_seconds = args.timelock_seconds;
    exchange.timelock_tightening_seconds = args.timelock_tightening_seconds;
    exchange.fee_default_fund_ppm = args.fee_default_fund_ppm;
    exchange.fee_keeper_pool_ppm = args.fee_keeper_pool_ppm;
    exchange.fee_treasury_ppm = args.fee_treasury_ppm;
    exchange.created_at = env.now;
    emit!(ExchangeInitialized {
        version: EVENT_VERSION,
        exchange: *accounts.exchange.key,
        collateral_mint: *mint,
        authority: *accounts.authority.key,
        treasury: *accounts.treasury.key,
    });
    Ok(())
}

/// Refuses a transaction that begins with a durable-nonce advance: one signed long ago and kept must not
/// act now (spec §11, attack 39). The sysvar is proven by its address (attack 35).
pub(super) fn refuse_durable_nonce(instructions: &AccountInfo<'_>) -> Result<()> {
    if *instructions.key != INSTRUCTIONS_SYSVAR {
        return err!(PlimsollError::WrongAccount);
    }
    let first = load_instruction_at_checked(0, instructions)?;
    let advances = first.data.get(..4) == Some(&ADVANCE_NONCE_ACCOUNT[..]);
    if first.program_id == anchor_lang::system_program::ID && advances {
        return err!(PlimsollError::DurableNonceRefused);
    }
    Ok(())
}

pub(super) fn check_authority(exchange: &Exchange, signer: &Pubkey) -> Result<()> {
    if !same_key(signer, &exchange.authority) {
        return err!(PlimsollError::NotAuthorized);
    }
    Ok(())
}

#[derive(Accounts)]
pub struct CreateCustodyShard<'info> {
    #[account(mut)]
    pub payer: Signer<'info>,
    pub authority: Signer<'info>,
    /// CHECK: typed loader.
    #[account(mut)]
    pub exchange: UncheckedAccount<'info>,
    /// CHECK: address checked against the exchange.
    pub collateral_mint: UncheckedAccount<'info>,
    /// CHECK: created at its address.
    #[account(mut)]
    pub custody_shard: UncheckedAccount<'info>,
    /// CHECK: address checked against the exchange.
    pub token_program: UncheckedAccount<'info>,
    pub system_program: Program<'info, System>,
    /// CHECK: the instructions sysvar, by its address.
    pub instructions: UncheckedAccount<'info>,
}

pub(crate) fn create_custody_shard(ctx: Context<CreateCustodyShard>, shard: u8) -> Result<()> {
    let accounts = &ctx.accounts;
    refuse_durable_nonce(&accounts.instructions)?;
    let mut exchange = load_mut::<Exchange>(&accounts.exchange)?;
    check_authority(&exchange, accounts.authority.key)?;
    let mint = same_key(accounts.collateral_mint.key, &exchange.collateral_mint);
    if !mint || !same_key(accounts.token_program.key, &exchange.token_program) {
        return err!(PlimsollError::WrongAccount);
    }
    if shard != exchange.custody_shards_len || usize::from(shard) >= CUSTODY_SHARDS_MAX {
        return err!(PlimsollError::WrongCustodyShard);
    }
    let seeds: &[&[u8]] = &[CUSTODY_SEED, accounts.exchange.key.as_array(), &[shard]];
    let new = NewAccount {
        size: token::account_size(),
        owner: accounts.token_program.key,
        seeds,
    };
    create_at(&accounts.payer, &accounts.custody_shard, &new)?;
    token::initialize_account(
        &accounts.token_program,
        &accounts.custody_shard,
        &accounts.collateral_mint,
        &exchange.custody_authority.into(),
    )?;
    if let Some(address) = exchange.custody_shards.get_mut(usize::from(shard)) {
        *address = accounts.custody_shard.key.to_bytes();
    }
    exchange.custody_shards_len = shard.saturating_add(1);
    emit!(CustodyShardCreated {
        version: EVENT_VERSION,
        exchange: *accounts.exchange.key,
        shard,
        address: *accounts.custody_shard.key,
    });
    Ok(())
}

/// The market account was created by its own key, owned by this program, earlier in the transaction.
#[derive(Accounts)]
pub struct CreateMarket<'info> {
    #[account(mut)]
    pub payer: Signer<'info>,
    pub authority: Signer<'info>,
    /// CHECK: typed loader.
    #[account(mut)]
    pub exchange: UncheckedAccount<'info>,
    /// The market signs: an account left by someone else cannot become one.
    #[account(mut)]
    pub market: Signer<'info>,
    /// CHECK: created at its address.
    #[account(mut)]
    pub mark: UncheckedAccount<'info>,
    pub system_program: Program<'info, System>,
    /// CHECK: the instructions sysvar, by its address.
    pub instructions: UncheckedAccount<'info>,
}

pub(crate) fn create_market(
    ctx: Context<CreateMarket>,
    symbol: [u8; 16],
    params: &MarketParams,
) -> Result<()> {
    let accounts = &ctx.accounts;
    refuse_durable_nonce(&accounts.instructions)?;
    let env = environment()?;
    let mut exchange = load_mut::<Exchange>(&accounts.exchange)?;
    check_authority(&exchange, accounts.authority.key)?;
    if symbol == [0; 16] || accounts.market.data_len() < MARKET_HEADER_SIZE {
        return err!(PlimsollError::ParameterOutOfBounds);
    }
    let seeds: &[&[u8]] = &[MARK_SEED, accounts.market.key.as_array()];
    let new = NewAccount {
        size: MarkAccount::SIZE,
        owner: &crate::ID,
        seeds,
    };
    let mark_bump = create_at(&accounts.payer, &accounts.mark, &new)?;
    let identity = MarketIdentity {
        number: exchange.markets,
        symbol,
        exchange: accounts.exchange.key.to_bytes(),
        mark_account: accounts.mark.key.to_bytes(),
        mark_bump,
        capacity: seats::capacity_of(accounts.market.data_len()).anchor()?,
        timelock_seconds: exchange.timelock_seconds,
    };
    let mut header = initialize::<MarketHeader>(&accounts.market)?;
    seats::create_market(&mut header, &identity, params, &env).anchor()?;
    let mut mark = initialize::<MarkAccount>(&accounts.mark)?;
    mark.version = 1;
    mark.bump = mark_bump;
    mark.market = accounts.market.key.to_bytes();
    mark.copy_from(&header, env.slot);
    exchange.markets = exchange.markets.saturating_add(1);
    emit!(MarketCreated {
        version: EVENT_VERSION,
        exchange: *accounts.exchange.key,
        market: *accounts.market.key,
        number: identity.number,
        symbol,
    });
    Ok(())
}
