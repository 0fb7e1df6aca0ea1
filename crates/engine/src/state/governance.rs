//! Queued changes (spec §11).

use bytemuck::{Pod, Zeroable};

use super::Pubkey;
use crate::params::MarketParams;

/// One queued change: what is in force and what is to be, side by side, readable by anyone until it is
/// applied or cancelled. Applied only while the former still is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[cfg_attr(feature = "idl-build", derive(anchor_lang::AnchorSerialize))]
#[repr(C)]
pub struct PendingChange {
    /// Layout version: 1.
    pub version: u8,
    pub bump: u8,
    /// `ChangeKind`: 0 market parameters, 1 fee split, 2 timelocks, 3 guardian, 4 treasury.
    pub kind: u8,
    /// `Pace`: 0 `timelock_seconds`, 1 `timelock_tightening_seconds`.
    pub pace: u8,
    pub reserved_0: u32,
    pub exchange: Pubkey,
    /// The market; of a change of the exchange the exchange; of the treasury the new token account.
    pub target: Pubkey,
    /// Number of the change in its exchange, from 0.
    pub id: u64,
    pub queued_at: i64,
    /// First second in which anyone may apply it, and the first in which it is void.
    pub applies_from: i64,
    pub expires_at: i64,
    /// Who paid the rent and gets it back.
    pub rent_payer: Pubkey,
    /// An address, for the kinds that set one.
    pub address_before: Pubkey,
    pub address_after: Pubkey,
    /// Fee split (default fund, keeper pool, treasury, ppm) or timelocks (slow, tightening, seconds; 0).
    pub values_before: [u32; 3],
    pub values_after: [u32; 3],
    /// Parameters of the market.
    pub params_before: MarketParams,
    pub params_after: MarketParams,
    pub reserved: [u64; 3],
}
