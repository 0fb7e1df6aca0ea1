//! A leg as it is kept.

use bytemuck::Zeroable;
use plimsoll_engine::risk::Resting;
use plimsoll_engine::state::{BlockKind, Seat};

use super::NEVER;
use crate::MarketId;

/// A leg: a seat without what risk does not read, and its triggers. One line of the cache.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
pub(crate) struct Leg {
    pub(super) shares: u64,
    quote: i64,
    cash_index: [u64; 2],
    /// Key of the side at which the account is to be assessed.
    pub(crate) trigger: i64,
    /// Key of the entry that speaks for the leg, at most `trigger`.
    pub(crate) entry: i64,
    pub(crate) epoch: u32,
    pub(crate) account: u32,
    pub(crate) market: u16,
    pub(crate) side: u8,
    /// Position among the account's legs.
    pub(crate) slot: u8,
    /// Whether orders rest in it.
    rests: bool,
}

impl Leg {
    pub(super) fn new(account: u32, slot: u8, market: MarketId, seat: &Seat) -> Self {
        Self {
            shares: seat.shares,
            quote: seat.quote,
            cash_index: seat.cash_index,
            trigger: NEVER,
            entry: NEVER,
            epoch: seat.epoch,
            account,
            slot,
            market: market.0,
            side: u8::from(seat.side != 0),
            rests: seat.bid_lots | seat.ask_lots != 0,
        }
    }

    /// Its orders, as far as a standing knows them: whether there are any, since an account with orders is one
    /// that has something to close. Neither Q nor MM nor the favour of a stale index knows more (spec §5).
    #[inline(always)]
    pub(crate) fn resting(&self) -> Resting {
        Resting {
            bid_lots: u64::from(self.rests),
            ..Resting::default()
        }
    }

    /// As the engine reads it.
    #[inline(always)]
    pub(crate) fn seat(&self) -> Seat {
        Seat {
            kind: BlockKind::Seat.byte(),
            side: self.side,
            shares: self.shares,
            quote: self.quote,
            cash_index: self.cash_index,
            epoch: self.epoch,
            ..Seat::zeroed()
        }
    }

    pub(crate) const fn shares(&self) -> u64 {
        self.shares
    }

    /// Index of its side in the market.
    #[inline(always)]
    pub(crate) fn place(&self) -> usize {
        usize::from(self.side)
    }

    /// Whether it has shares of that side.
    #[inline(always)]
    pub(crate) const fn is_of(&self, market: MarketId, side: u8) -> bool {
        self.market == market.0 && self.side == side && self.shares != 0
    }
}
