//! The velocity halt's state (spec §7). Written by the halt's own transitions only.

use bytemuck::{Pod, Zeroable};

/// Phase of a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum HaltPhase {
    Continuous = 0,
    Call = 1,
    Freeze = 2,
    Uncross = 3,
    Resolve = 4,
}

impl HaltPhase {
    /// The byte as stored.
    #[allow(clippy::as_conversions)]
    pub const fn byte(self) -> u8 {
        self as u8
    }
}

/// Where a market stands between a trip and its reopening.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[cfg_attr(feature = "idl-build", derive(anchor_lang::AnchorSerialize))]
#[repr(C)]
pub struct HaltState {
    /// [`HaltPhase`].
    pub phase: u8,
    /// 1 while reopened with a stale index: only reducing orders.
    pub reopened_reduce_only: u8,
    /// Trips in a row, each doubling the call.
    pub escalation: u8,
    /// What tripped it: 1 index, 2 mark, 3 trade.
    pub cause: u8,
    pub reserved_0: u32,
    /// Halts so far.
    pub sequence: u64,
    pub tripped_at: i64,
    pub phase_ends_at: i64,
    /// First slot in which the freeze may end.
    pub phase_ends_slot: u64,
    pub reopened_at: i64,
    /// Price of the auction, Q.32 and ticks, once fixed.
    pub auction_price: u64,
    pub auction_ticks: u64,
    /// Lots still to be filled on each side at the auction price.
    pub auction_bid_lots: u64,
    pub auction_ask_lots: u64,
    /// Reference of the reopened market, Q.32.
    pub reference_price: u64,
    /// Start of the running budget period and the halted seconds in it: all, and those tripped by trades.
    pub budget_started_at: i64,
    pub budget_seconds: u64,
    pub budget_trade_seconds: u64,
    /// The period before, for the rolling bound.
    pub budget_previous_seconds: u64,
    pub budget_previous_trade_seconds: u64,
    /// Halted seconds since the market was created.
    pub halted_seconds_total: u64,
    pub reserved: [u64; 4],
}
