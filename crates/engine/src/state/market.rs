//! A market's header: the authoritative state in front of its arena.

use bytemuck::{NoUninit, Pod, Zeroable};

use super::{HaltState, Pubkey, Side, Spending};
use crate::params::MarketParams;
use crate::window::Windows;

/// Feeds that an index may be the median of.
pub const FEEDS_MAX: usize = 3;

/// Whether a market trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NoUninit)]
#[repr(u8)]
pub enum MarketStatus {
    /// Created, without a first index yet.
    Pending = 0,
    Active = 1,
    /// Only orders that reduce a position.
    ReduceOnly = 2,
    /// Every position was closed at the last mark, for want of an index; for ever (ADR 0011).
    WoundUp = 3,
}

impl MarketStatus {
    /// The byte as stored.
    pub const fn byte(self) -> u8 {
        bytemuck::must_cast(self)
    }
}

/// Root and best of one side of the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[cfg_attr(feature = "idl-build", derive(anchor_lang::AnchorSerialize))]
#[repr(C)]
pub struct Tree {
    pub root: u32,
    /// Best price, oldest first.
    pub best: u32,
    pub orders: u32,
    pub reserved: u32,
}

/// Free list and reservations of the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[cfg_attr(feature = "idl-build", derive(anchor_lang::AnchorSerialize))]
#[repr(C)]
pub struct ArenaState {
    /// Head of the list of freed blocks.
    pub free_head: u32,
    /// First block never used yet; block 0 is the sentinel.
    pub fresh: u32,
    /// Blocks that the account has room for.
    pub capacity: u32,
    /// Blocks promised to seats and their order slots (ADR 0001).
    pub reserved_blocks: u32,
    pub seats: u32,
    pub orders: u32,
}

/// Index, mark and what they are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[cfg_attr(feature = "idl-build", derive(anchor_lang::AnchorSerialize))]
#[repr(C)]
pub struct PriceState {
    /// Index, Q.32, and the oldest publish time that went into it.
    pub index: u64,
    pub index_time: i64,
    /// When and in which slot the index was last updated.
    pub index_updated_at: i64,
    pub index_slot: u64,
    /// Mark, Q.32, and when it was last computed.
    pub mark: u64,
    pub mark_time: i64,
    /// EMA of the clipped basis (book − index), Q.32 signed: a leg of the mark.
    pub basis_ema: i64,
    /// Slower EMA of the same, Q.32 signed: the premium that funding charges.
    pub premium_ema: i64,
    /// Time up to which both EMAs have run.
    pub ema_time: i64,
    /// Last trade, Q.32, ticks and time.
    pub last_trade: u64,
    pub last_trade_ticks: u64,
    pub last_trade_time: i64,
    /// Time up to which funding has been charged.
    pub funding_time: i64,
    /// Funding paid by a long of one base atom since creation, Q.64 (low, high), signed; for history.
    pub funding_index: [u64; 2],
    /// Last publish time and price (Q.32) used of each feed.
    pub feed_times: [i64; FEEDS_MAX],
    pub feed_prices: [u64; FEEDS_MAX],
    pub reserved: [u64; 4],
}

/// The market's cash and what is owed out of it (spec §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[cfg_attr(feature = "idl-build", derive(anchor_lang::AnchorSerialize))]
#[repr(C)]
pub struct MarketCash {
    /// Cash paid in by losers and not yet out to winners, quote atoms.
    pub pool: u64,
    /// Fees charged and not yet swept: a junior claim, quote atoms.
    pub fees_accrued: u64,
    /// Contribution of liquidations charged and not yet swept: the default fund's, quote atoms.
    pub contributions_accrued: u64,
    /// Loss carried for want of an opposing side, quote atoms.
    pub deficit: u64,
    /// Last time a settle left a claim unpaid.
    pub claim_unpaid_at: i64,
    /// Totals for history: traded notional (quote atoms, low and high), fees, fills.
    pub volume: [u64; 2],
    pub fees_total: u64,
    pub fills_total: u64,
    /// Fees of liquidation fills, both sides', not yet swept: the treasury has no share of them (INV-9).
    pub liquidation_fees_accrued: u64,
    pub reserved: [u64; 1],
}

/// Losses charged to the default fund and to the sides (spec §9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[cfg_attr(feature = "idl-build", derive(anchor_lang::AnchorSerialize))]
#[repr(C)]
pub struct Losses {
    /// What the default fund paid for this market, quote atoms.
    pub spending: Spending,
    /// ADL events so far.
    pub receipts: u64,
    /// Hash chain over the receipts.
    pub receipt_chain: Pubkey,
    /// Unix seconds from which on the default fund pays for this market (ADR 0022).
    pub fund_from: i64,
}

impl MarketHeader {
    /// Open interest, base atoms: of the larger side, where events of spec §9 left them uneven.
    #[inline(always)]
    pub fn open_interest(&self) -> u64 {
        let [long, short] = &self.sides;
        long.open_interest().max(short.open_interest())
    }
}

/// 2,040 bytes after the discriminator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[cfg_attr(feature = "idl-build", derive(anchor_lang::AnchorSerialize))]
#[repr(C)]
pub struct MarketHeader {
    /// Layout version: 1.
    pub version: u8,
    /// [`MarketStatus`].
    pub status: u8,
    /// Bump of the market's `Mark` account.
    pub mark_bump: u8,
    pub reserved_0: u8,
    /// The market's number within its exchange.
    pub number: u32,
    /// Name, padded with zeros.
    pub symbol: [u8; 16],
    pub exchange: Pubkey,
    /// Pubkey of the market's `Mark` account.
    pub mark_account: Pubkey,
    pub arena: ArenaState,
    pub bids: Tree,
    pub asks: Tree,
    /// Rises with every order and every seat.
    pub sequence: u64,
    pub params: MarketParams,
    /// Longs, shorts.
    pub sides: [Side; 2],
    pub prices: PriceState,
    pub windows: Windows,
    pub halt: HaltState,
    pub cash: MarketCash,
    pub losses: Losses,
    /// Until when a guardian has set the market reduce-only.
    pub guardian_until: i64,
    pub created_at: i64,
    /// When the guardian's running or last time began.
    pub guardian_from: i64,
    pub reserved: [u64; 38],
}
