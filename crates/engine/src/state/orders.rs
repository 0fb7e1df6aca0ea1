//! What a block of a market's arena can be: an order, a seat or the end of an epoch.

use bytemuck::{NoUninit, Pod, Zeroable};

use super::Pubkey;
use crate::error::{EngineError, Result};

/// Bytes of one arena block.
pub const BLOCK_SIZE: usize = 128;

/// Index that means "none". Block 0 is a sentinel that is never allocated.
pub const NIL: u32 = 0;

/// One unit of a market's arena, not yet told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[cfg_attr(feature = "idl-build", derive(anchor_lang::AnchorSerialize))]
#[repr(C)]
pub struct Block {
    /// See [`BlockKind`].
    pub kind: u8,
    pub reserved: [u8; 3],
    /// Next free block, while this one is free.
    pub next_free: u32,
    pub payload: [u64; 15],
}

/// The first byte of every block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NoUninit)]
#[repr(u8)]
pub enum BlockKind {
    Free = 0,
    Order = 1,
    Seat = 2,
    EpochEnd = 3,
}

impl BlockKind {
    /// The byte as stored.
    pub const fn byte(self) -> u8 {
        bytemuck::must_cast(self)
    }
}

/// Side of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NoUninit)]
#[repr(u8)]
pub enum OrderSide {
    Bid = 0,
    Ask = 1,
}

impl OrderSide {
    /// The byte as stored.
    pub const fn byte(self) -> u8 {
        bytemuck::must_cast(self)
    }

    /// From a byte of an instruction or an account.
    pub fn from_byte(byte: u8) -> Result<Self> {
        match byte {
            0 => Ok(Self::Bid),
            1 => Ok(Self::Ask),
            _ => Err(EngineError::ParameterOutOfBounds),
        }
    }

    /// The other side.
    pub const fn opposite(self) -> Self {
        match self {
            Self::Bid => Self::Ask,
            Self::Ask => Self::Bid,
        }
    }
}

/// A resting order: a node of its side's red-black tree, threaded to its neighbours in priority, and a
/// link in its seat's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[cfg_attr(feature = "idl-build", derive(anchor_lang::AnchorSerialize))]
#[repr(C)]
pub struct Order {
    /// [`BlockKind::Order`].
    pub kind: u8,
    /// [`OrderSide`].
    pub side: u8,
    /// 1 when the node is red.
    pub red: u8,
    /// 1 when the order may only reduce its seat's position.
    pub reduce_only: u8,
    /// Block of the seat that owns it.
    pub seat: u32,
    pub left: u32,
    pub right: u32,
    pub parent: u32,
    /// Neighbour of better priority.
    pub prev: u32,
    /// Neighbour of worse priority.
    pub next: u32,
    /// Neighbours in the seat's list of orders.
    pub seat_prev: u32,
    pub seat_next: u32,
    /// What a liquidation's interest in an auction is charged: 0 it is a trader's order, 1 by rate, 2 per
    /// base atom.
    pub liquidation: u32,
    /// Limit price, ticks.
    pub price: u64,
    /// Unique in the market and rising: with the block index it names the order.
    pub sequence: u64,
    /// Lots still open.
    pub lots: u64,
    /// Lots when it came to rest.
    pub lots_placed: u64,
    /// The owner's own number.
    pub client_id: u64,
    /// Unix seconds from which it no longer matches; zero: never.
    pub expires_at: i64,
    /// Unix seconds at which it came to rest.
    pub placed_at: i64,
    /// Slot in which it came to rest.
    pub placed_slot: u64,
    /// Charge of a liquidation's interest, Q.32 quote atoms per base atom.
    pub charge_per_atom: u64,
    pub reserved: [u64; 2],
}

impl Order {
    /// Whether the order no longer matches at `now`.
    #[inline(always)]
    pub const fn expired(&self, now: i64) -> bool {
        self.expires_at != 0 && self.expires_at <= now
    }
}

/// A trader's place in one market (spec §2, §9). The position is held as shares of its side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[cfg_attr(feature = "idl-build", derive(anchor_lang::AnchorSerialize))]
#[repr(C)]
pub struct Seat {
    /// [`BlockKind::Seat`].
    pub kind: u8,
    /// [`super::SIDE_LONG`] or [`super::SIDE_SHORT`]; of a flat seat the side it last held (ADR 0008).
    pub side: u8,
    /// Blocks reserved for this seat's orders: its own order cap.
    pub order_slots: u8,
    /// Resting orders.
    pub orders: u8,
    /// Distinguishes this claim of the block from earlier ones.
    pub generation: u32,
    /// The margin account.
    pub owner: Pubkey,
    /// Shares of the side's current or, until touched, of an earlier epoch.
    pub shares: u64,
    /// The side's cash index when last touched, Q.64 (low, high).
    pub cash_index: [u64; 2],
    /// Claim, quote atoms: not cash until settled.
    pub quote: i64,
    /// The side's epoch when last touched.
    pub epoch: u32,
    /// Newest resting order.
    pub first_order: u32,
    /// Lots of resting bids.
    pub bid_lots: u64,
    /// Lots of resting asks.
    pub ask_lots: u64,
    /// Highest bid since the side of the seat was last empty, ticks (spec §5: monotone).
    pub bid_high: u64,
    /// Lowest ask since the side of the seat was last empty, ticks.
    pub ask_low: u64,
    /// Size-weighted time at which the position was opened, unix seconds.
    pub opened_at: u32,
    pub reserved: u32,
    /// First eight bytes of the owner's key: sub-accounts of one owner do not trade with each other.
    pub owner_tag: u64,
}

/// How an epoch of a side ended; kept while a seat of that epoch or an earlier one is unsettled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[cfg_attr(feature = "idl-build", derive(anchor_lang::AnchorSerialize))]
#[repr(C)]
pub struct EpochEnd {
    /// [`BlockKind::EpochEnd`].
    pub kind: u8,
    pub side: u8,
    pub reserved_0: [u8; 2],
    pub epoch: u32,
    /// Block of the epoch before, and of the one after.
    pub older: u32,
    pub newer: u32,
    /// Seats whose position still lies in this epoch.
    pub seats: u32,
    pub reserved_1: u32,
    /// Scale at the end, Q2.62.
    pub scale: u64,
    /// Cash index at the end, Q.64 (low, high).
    pub cash_index: [u64; 2],
    /// Price of the event that ended it, Q.32.
    pub price: u64,
    pub ended_at: i64,
    pub reserved: [u64; 8],
}

/// What a typed view of a block must prove: its kind byte.
pub trait BlockView: Pod {
    const KIND: BlockKind;
}
impl BlockView for Order {
    const KIND: BlockKind = BlockKind::Order;
}
impl BlockView for Seat {
    const KIND: BlockKind = BlockKind::Seat;
}
impl BlockView for EpochEnd {
    const KIND: BlockKind = BlockKind::EpochEnd;
}

impl Block {
    /// The block as a `T`, if it is one.
    #[inline(always)]
    pub fn view<T: BlockView>(&self) -> Option<&T> {
        (self.kind == T::KIND.byte()).then(|| bytemuck::cast_ref(self))
    }

    /// The same, mutable.
    #[inline(always)]
    pub fn view_mut<T: BlockView>(&mut self) -> Option<&mut T> {
        (self.kind == T::KIND.byte()).then(|| bytemuck::cast_mut(self))
    }
}
