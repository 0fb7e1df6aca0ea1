//! Events of velocity halts (spec §7).

use anchor_lang::prelude::*;

/// A trip. `halted` false: the budget is spent, the market stays open, and what rests on halts (listing rule,
/// INV-11) does not hold until it comes back.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HaltStarted {
    pub version: u8,
    pub market: Pubkey,
    /// Number of the halt in its market.
    pub sequence: u64,
    /// 1 index, 2 mark, 3 trade.
    pub cause: u8,
    pub halted: bool,
    /// Trips in a row before this one, each doubling the call.
    pub escalation: u8,
    /// Index and mark, Q.32.
    pub index: u64,
    pub mark: u64,
    /// Unix seconds: end of the call, and the latest at which trading goes on; zero when not halted.
    pub call_ends_at: i64,
    pub reopens_by: i64,
}

/// A liquidation's interest in an auction, put in place of what the account had there; `lots` zero: it has left.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuctionJoined {
    pub version: u8,
    pub margin_account: Pubkey,
    pub market: Pubkey,
    pub order: u32,
    pub side: u8,
    /// Zero price, ticks.
    pub price: u64,
    pub lots: u64,
    /// Orders of the account that left the books.
    pub cancelled: u8,
    /// Quote atoms drawn from the credit line; the account is then cured.
    pub drawn: u64,
}

/// The auction's one price.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuctionPriceFixed {
    pub version: u8,
    pub market: Pubkey,
    pub sequence: u64,
    /// Ticks.
    pub price: u64,
    pub lots: u64,
    /// Index at that moment, Q.32.
    pub reference: u64,
}

/// What an order got in an auction. `fee` in quote atoms: of a liquidation its whole charge.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuctionFillRecord {
    pub seat: u32,
    pub sequence: u64,
    pub side: u8,
    pub liquidation: bool,
    pub lots: u64,
    pub fee: u64,
}

/// Fills of one call, all at the fixed price.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuctionFilled {
    pub version: u8,
    pub market: Pubkey,
    pub sequence: u64,
    /// Ticks.
    pub price: u64,
    /// Lots still to be filled on each side.
    pub lots_left: u64,
    pub fills: Vec<AuctionFillRecord>,
}

/// RESOLVE began; trading goes on at `reopens_at`.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuctionEnded {
    pub version: u8,
    pub market: Pubkey,
    pub sequence: u64,
    pub reopens_at: i64,
}

/// A reopening, written down by the first who changed the market after it.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HaltEnded {
    pub version: u8,
    pub market: Pubkey,
    pub sequence: u64,
    /// Unix seconds.
    pub reopened_at: i64,
    pub halted_seconds: u64,
    /// The index was stale: only reducing orders until it is refreshed.
    pub reduce_only: bool,
}
