//! One packed event an instruction, in the past tense. `version` comes first and rises when fields are
//! appended; nothing is ever reordered. Amounts are quote atoms, sizes lots, prices ticks, unless said.

use anchor_lang::prelude::*;

mod auction_filled;
mod credit;
mod governance;
mod halts;
mod losses;
mod order_placed;
mod records;

pub(crate) use auction_filled::{AuctionFills, AUCTION_FILLED_SIZE_MAX};
pub use credit::*;
pub use governance::*;
pub use halts::*;
pub use losses::*;
pub use order_placed::{emit_order_placed, ORDER_PLACED_SIZE_MAX};

/// Version of every event below.
pub const EVENT_VERSION: u8 = 1;

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExchangeInitialized {
    pub version: u8,
    pub exchange: Pubkey,
    pub collateral_mint: Pubkey,
    pub authority: Pubkey,
    pub treasury: Pubkey,
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustodyShardCreated {
    pub version: u8,
    pub exchange: Pubkey,
    pub shard: u8,
    pub address: Pubkey,
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketCreated {
    pub version: u8,
    pub exchange: Pubkey,
    pub market: Pubkey,
    pub number: u32,
    pub symbol: [u8; 16],
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketGrown {
    pub version: u8,
    pub market: Pubkey,
    /// Blocks of the arena.
    pub capacity: u32,
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarginAccountCreated {
    pub version: u8,
    pub margin_account: Pubkey,
    pub owner: Pubkey,
    pub sub_account: u16,
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarginAccountClosed {
    pub version: u8,
    pub margin_account: Pubkey,
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DelegateSet {
    pub version: u8,
    pub margin_account: Pubkey,
    pub delegate: Pubkey,
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatClaimed {
    pub version: u8,
    pub market: Pubkey,
    pub margin_account: Pubkey,
    pub seat: u32,
    pub order_slots: u8,
    pub deposit_lamports: u64,
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatReleased {
    pub version: u8,
    pub market: Pubkey,
    pub margin_account: Pubkey,
    pub seat: u32,
    pub refund_lamports: u64,
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deposited {
    pub version: u8,
    pub margin_account: Pubkey,
    pub amount: u64,
    pub collateral: i64,
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdrawn {
    pub version: u8,
    pub margin_account: Pubkey,
    pub amount: u64,
    pub collateral: i64,
}

/// One leg of a [`Settled`].
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettledLegRecord {
    /// Position of the market among the account's entries.
    pub entry: u8,
    pub gain_paid: u64,
    pub loss_paid: u64,
    pub gain_unpaid: u64,
    pub loss_unpaid: u64,
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    pub version: u8,
    pub margin_account: Pubkey,
    pub collateral: i64,
    pub legs: Vec<SettledLegRecord>,
}

/// One fill of an [`OrderPlaced`].
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct FillRecord {
    pub maker_seat: u32,
    pub maker_sequence: u64,
    pub price: u64,
    pub lots: u64,
    pub maker_fee: u64,
}

/// A resting order that an arriving one met and did not trade with.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemovalRecord {
    pub sequence: u64,
    /// Lots that left the book; fewer than rested there where a self-trade only shrank the order.
    pub lots: u64,
    /// 1 expired, 2 reduce-only with nothing to reduce, 3 self-trade.
    pub reason: u8,
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderPlaced {
    pub version: u8,
    pub market: Pubkey,
    pub margin_account: Pubkey,
    pub seat: u32,
    pub side: u8,
    pub client_id: u64,
    /// Block, sequence and price of the resting remainder; zero: none rests.
    pub order: u32,
    pub sequence: u64,
    pub price: u64,
    pub resting_lots: u64,
    pub cancelled_lots: u64,
    pub filled_lots: u64,
    pub filled_quote: u64,
    pub taker_fee: u64,
    pub fills: Vec<FillRecord>,
    pub removals: Vec<RemovalRecord>,
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderCancelled {
    pub version: u8,
    pub market: Pubkey,
    pub order: u32,
    pub sequence: u64,
    pub client_id: u64,
    pub side: u8,
    pub price: u64,
    pub lots: u64,
    pub expired: bool,
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrdersCancelled {
    pub version: u8,
    pub market: Pubkey,
    pub margin_account: Pubkey,
    pub count: u8,
    pub lots: u64,
}

/// Prices are Q.32.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkRefreshed {
    pub version: u8,
    pub market: Pubkey,
    pub index: u64,
    pub index_time: i64,
    pub mark: u64,
    pub premium: i64,
    /// Funding charged to a long of one base atom, Q.64.
    pub funding: i128,
    pub funding_seconds: u32,
    /// Sequences of expired orders that left the front of the book.
    pub expired_orders: Vec<u64>,
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeesSwept {
    pub version: u8,
    pub market: Pubkey,
    pub to_default_fund: u64,
    pub to_keeper_pool: u64,
    pub to_treasury: u64,
    /// Fees given up against the carried deficit.
    pub deficit_paid: u64,
    /// Paid into the pool by the default fund against it.
    pub deficit_paid_by_fund: u64,
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreasuryCollected {
    pub version: u8,
    pub exchange: Pubkey,
    pub amount: u64,
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustodyRebalanced {
    pub version: u8,
    pub exchange: Pubkey,
    pub from: u8,
    pub to: u8,
    pub amount: u64,
}
