//! Events of liquidations and losses.

use anchor_lang::prelude::*;

/// One call of `liquidate`. The fills themselves are in the [`super::OrderPlaced`] before it.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Liquidated {
    pub version: u8,
    pub margin_account: Pubkey,
    pub market: Pubkey,
    pub beneficiary: Pubkey,
    /// Orders of the account that left the books.
    pub cancelled: u8,
    /// Quote atoms drawn from the credit line; the account is then cured.
    pub drawn: u64,
    pub filled_lots: u64,
    pub filled_quote: u64,
    /// Zero price, ticks; zero when the book was not tried.
    pub limit: u64,
    /// Quote atoms charged, and the contribution in them.
    pub charge: u64,
    pub contribution: u64,
    /// Quote atoms from the keeper pool to the beneficiary.
    pub reimbursed: u64,
    /// Unix seconds; zero: no takeover is open.
    pub takeover_started_at: i64,
}

/// A position that another margin account took over. `base` in base atoms, `price` Q.32.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenOver {
    pub version: u8,
    /// Of the position: 0 a long, 1 a short.
    pub side: u8,
    pub margin_account: Pubkey,
    pub taker: Pubkey,
    pub market: Pubkey,
    pub base: u64,
    pub price: u64,
    pub cash: u64,
    pub contribution: u64,
}

/// The receipt of a loss event: field by field the engine's `Receipt`, whose bytes go into the market's
/// hash chain. Prices and A are fixed point as in the side, C and N two words, low first.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleveragingExecuted {
    pub version: u8,
    pub side: u8,
    pub epoch_ended: u8,
    pub reserved: [u8; 5],
    pub market: Pubkey,
    pub margin_account: Pubkey,
    pub number: u64,
    pub slot: u64,
    pub time: i64,
    pub quantity: u64,
    pub price: u64,
    pub deficit: u64,
    pub from_default_fund: u64,
    pub charged: u64,
    pub carried: u64,
    pub open_interest_before: u64,
    pub open_interest_after: u64,
    /// Of the loser's own side, after the close.
    pub own_open_interest: u64,
    pub scale_before: u64,
    pub scale_after: u64,
    pub cash_index_before: [u64; 2],
    pub cash_index_after: [u64; 2],
    pub shares_before: [u64; 2],
    pub shares_after: [u64; 2],
    pub epoch_before: u32,
    pub epoch_after: u32,
}

/// A seat that was walked through epoch ends.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatSynced {
    pub version: u8,
    pub market: Pubkey,
    pub margin_account: Pubkey,
    pub seat: u32,
    pub epoch: u32,
}
