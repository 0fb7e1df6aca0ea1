//! What others read of a market: a copy as of the last refresh, funding step, ADL or halt.

use bytemuck::{Pod, Zeroable};

use super::{MarketHeader, Pubkey, Side};

/// The copy. The market's header is authoritative; placing an order never writes this (spec §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[cfg_attr(feature = "idl-build", derive(anchor_lang::AnchorSerialize))]
#[repr(C)]
pub struct MarkAccount {
    /// Layout version: 1.
    pub version: u8,
    pub bump: u8,
    /// [`super::HaltPhase`].
    pub halt_phase: u8,
    /// [`super::MarketStatus`].
    pub status: u8,
    pub reserved_0: u32,
    pub market: Pubkey,
    /// Q.32.
    pub mark: u64,
    pub mark_time: i64,
    /// Q.32.
    pub index: u64,
    pub index_time: i64,
    /// Ppm and base atoms as in `MarketParams`.
    pub initial_margin_ppm: u32,
    pub size_slope_ppm: u32,
    pub size_free: u64,
    pub size_unit: u64,
    pub open_interest_low: u64,
    pub open_interest_high: u64,
    /// Base atoms.
    pub open_interest: u64,
    /// Funding paid by a long of one base atom since creation, Q.64 signed (low, high).
    pub funding_index: [u64; 2],
    pub sides: [Side; 2],
    pub halt_sequence: u64,
    pub receipts: u64,
    /// Slot of the copy.
    pub slot: u64,
    pub reserved: [u64; 23],
}

impl MarkAccount {
    /// Overwrites the copy from the header.
    pub fn copy_from(&mut self, header: &MarketHeader, slot: u64) {
        let params = &header.params;
        self.halt_phase = header.halt.phase;
        self.status = header.status;
        self.mark = header.prices.mark;
        self.mark_time = header.prices.mark_time;
        self.index = header.prices.index;
        self.index_time = header.prices.index_time;
        self.initial_margin_ppm = params.initial_margin_ppm;
        self.size_slope_ppm = params.size_slope_ppm;
        self.size_free = params.size_free;
        self.size_unit = params.size_unit;
        self.open_interest_low = params.open_interest_low;
        self.open_interest_high = params.open_interest_high;
        self.open_interest = header.open_interest();
        self.funding_index = header.prices.funding_index;
        self.sides = header.sides;
        self.halt_sequence = header.halt.sequence;
        self.receipts = header.losses.receipts;
        self.slot = slot;
    }
}
