//! The velocity halt's state (spec §7). Written by `halt` and `auction` only.

use bytemuck::{NoUninit, Pod, Zeroable};

/// Phase of a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NoUninit)]
#[repr(u8)]
pub enum HaltPhase {
    Continuous = 0,
    Call = 1,
    /// Never stored: the last seconds of a call, told by the clock.
    Freeze = 2,
    Uncross = 3,
    Resolve = 4,
}

impl HaltPhase {
    /// The byte as stored.
    pub const fn byte(self) -> u8 {
        bytemuck::must_cast(self)
    }

    /// From a byte of an account; what is unknown counts as a call, in which nothing trades.
    pub const fn from_byte(byte: u8) -> Self {
        match byte {
            0 => Self::Continuous,
            2 => Self::Freeze,
            3 => Self::Uncross,
            4 => Self::Resolve,
            _ => Self::Call,
        }
    }
}

/// How far the auction of a halt has come, while the market is in UNCROSS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NoUninit)]
#[repr(u8)]
pub enum AuctionStep {
    /// Matching both sides to find the last bid and ask that trade.
    Matching = 0,
    /// Summing the two levels around the change of sign.
    Levels = 1,
    /// Filling at the price that is fixed.
    Filling = 2,
}

impl AuctionStep {
    /// The byte as stored.
    pub const fn byte(self) -> u8 {
        bytemuck::must_cast(self)
    }
}

/// Buckets of the halted time of the last `halt_budget_seconds`.
pub const BUDGET_BUCKETS: usize = 8;

/// Halted seconds by the time at which the halt ended, in buckets of ⌈budget seconds / 7⌉.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[cfg_attr(feature = "idl-build", derive(anchor_lang::AnchorSerialize))]
#[repr(C)]
pub struct HaltBudget {
    /// Number of the newest bucket: ⌊unix seconds / width⌋.
    pub running: i64,
    pub seconds: [u16; BUDGET_BUCKETS],
    /// Those of halts that a trade tripped.
    pub trade_seconds: [u16; BUDGET_BUCKETS],
}

/// A walk of the auction over both sides of the book, resumed from call to call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[cfg_attr(feature = "idl-build", derive(anchor_lang::AnchorSerialize))]
#[repr(C)]
pub struct AuctionWalk {
    /// Orders that come next; the end of a side is block 0.
    pub bid: u32,
    pub ask: u32,
    /// Lots of them that are not matched; of [`AuctionStep::Levels`] the sum of the level.
    pub bid_left: u64,
    pub ask_left: u64,
    /// Prices of the last orders that were matched, ticks.
    pub last_bid: u64,
    pub last_ask: u64,
    /// Lots matched; once the price is fixed, those still to be filled.
    pub lots: u64,
}

/// Where a market stands between a trip and its reopening.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[cfg_attr(feature = "idl-build", derive(anchor_lang::AnchorSerialize))]
#[repr(C)]
pub struct HaltState {
    /// [`HaltPhase`] as last written; `halt::phase` tells the one that the clock has reached.
    pub phase: u8,
    /// [`AuctionStep`].
    pub step: u8,
    /// Trips in a row, each doubling the call.
    pub escalation: u8,
    /// What tripped it: 1 index, 2 mark, 3 trade.
    pub cause: u8,
    pub reserved_0: u32,
    /// Halts so far.
    pub sequence: u64,
    pub tripped_at: i64,
    pub call_ends_at: i64,
    /// First slot in which the auction's price may be fixed: the book has then stood still for two slots.
    pub uncross_slot: u64,
    /// End of RESOLVE, once the auction is over.
    pub resolve_ends_at: i64,
    pub reopened_at: i64,
    /// Index when the auction's price was fixed, Q.32.
    pub reference: u64,
    /// Price of the last auction, ticks; zero: nothing crossed.
    pub auction_price: u64,
    /// Halted seconds since the market was created.
    pub halted_seconds_total: u64,
    pub walk: AuctionWalk,
    pub budget: HaltBudget,
}
