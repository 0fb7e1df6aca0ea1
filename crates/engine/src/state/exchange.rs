//! The exchange and the default fund.

use bytemuck::{Pod, Zeroable};

use super::Pubkey;

/// Custody shards that an exchange may have.
pub const CUSTODY_SHARDS_MAX: usize = 16;

/// Configuration. Never writable in a trader's instruction (spec §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[cfg_attr(feature = "idl-build", derive(anchor_lang::AnchorSerialize))]
#[repr(C)]
pub struct Exchange {
    /// Layout version: 1.
    pub version: u8,
    pub bump: u8,
    pub custody_authority_bump: u8,
    /// Decimals of the collateral mint.
    pub collateral_decimals: u8,
    /// Custody shards created so far.
    pub custody_shards_len: u8,
    pub reserved_0: [u8; 3],
    pub collateral_mint: Pubkey,
    pub token_program: Pubkey,
    /// May queue and apply changes; nothing else.
    pub authority: Pubkey,
    /// Next authority, until it accepts.
    pub pending_authority: Pubkey,
    /// May set a market reduce-only for a day; nothing else.
    pub guardian: Pubkey,
    /// Token account that trading fees of the treasury are paid to.
    pub treasury: Pubkey,
    pub default_fund: Pubkey,
    /// Owner of the custody shards.
    pub custody_authority: Pubkey,
    /// Delay before a queued change may be applied, seconds; and of changes that only tighten new risk.
    pub timelock_seconds: u32,
    pub timelock_tightening_seconds: u32,
    /// Split of swept trading fees, ppm; the three add up to one million.
    pub fee_default_fund_ppm: u32,
    pub fee_keeper_pool_ppm: u32,
    pub fee_treasury_ppm: u32,
    /// Markets created so far.
    pub markets: u32,
    /// Changes queued so far.
    pub pending_changes: u64,
    pub created_at: i64,
    pub reserved: [u64; 25],
    /// Addresses of the custody shards.
    pub custody_shards: [Pubkey; CUSTODY_SHARDS_MAX],
}

/// Quote atoms paid in intervals of eight hours. Four of them cover any 24 hours (spec §9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[cfg_attr(feature = "idl-build", derive(anchor_lang::AnchorSerialize))]
#[repr(C)]
pub struct Spending {
    /// Number of the newest interval: ⌊unix seconds / 28,800⌋.
    pub interval: i64,
    /// Paid in the newest interval and in the three before it.
    pub paid: [u64; 4],
}

/// Cash that belongs to nobody's margin account. Written by losses, sweeps and reimbursements only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[cfg_attr(feature = "idl-build", derive(anchor_lang::AnchorSerialize))]
#[repr(C)]
pub struct DefaultFund {
    /// Layout version: 1.
    pub version: u8,
    pub bump: u8,
    pub reserved_0: [u8; 6],
    pub exchange: Pubkey,
    /// Quote atoms. There is no instruction that withdraws it (spec §11).
    pub balance: u64,
    /// Quote atoms from which keepers are reimbursed.
    pub keeper_pool: u64,
    /// Trading fees swept for the treasury and not yet collected, quote atoms.
    pub treasury: u64,
    /// What it paid for all markets together.
    pub spending: Spending,
    /// Totals for history, quote atoms.
    pub contributed_total: u64,
    pub paid_total: u64,
    pub treasury_total: u64,
    pub reserved: [u64; 15],
}
