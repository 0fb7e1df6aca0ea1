//! One side of a market: the two numbers by which every position on it is scaled (spec §9, §13).

use bytemuck::{Pod, Zeroable};

/// Index of the long side in a market.
pub const SIDE_LONG: u8 = 0;
/// Index of the short side in a market.
pub const SIDE_SHORT: u8 = 1;

/// Long or short: base = shares × scale, cash = shares × Δ cash index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[cfg_attr(feature = "idl-build", derive(anchor_lang::AnchorSerialize))]
#[repr(C)]
pub struct Side {
    /// A: base atoms per share, Q2.62; starts at 1 = 2^62.
    pub scale: u64,
    /// C: quote atoms per share, Q.64 (low, high), signed.
    pub cash_index: [u64; 2],
    /// N: shares, at least the sum over the seats of this epoch (low, high).
    pub shares: [u64; 2],
    /// Rises when the scale gets small.
    pub epoch: u32,
    /// Seats with a position, of this and of earlier epochs.
    pub seats: u32,
    /// Newest and oldest kept epoch end.
    pub newest_end: u32,
    pub oldest_end: u32,
    /// Kept epoch ends.
    pub ends: u32,
    /// Of `seats` those whose position lies in an earlier epoch: the sum over the kept ends.
    pub seats_behind: u32,
    /// Bound of the base atoms by which N of earlier epochs may exceed what their seats hold (ADR 0007).
    pub carried: u64,
    pub reserved: [u64; 1],
}

/// A = 1.
pub const SCALE_ONE: u64 = 1 << 62;

impl Side {
    /// A side without positions.
    pub fn empty() -> Self {
        Self {
            scale: SCALE_ONE,
            ..Self::zeroed()
        }
    }

    /// OI = (N·A) >> 62, base atoms; an upper bound of what its seats hold.
    #[inline(always)]
    pub fn open_interest(&self) -> u64 {
        let [low, high] = self.shares;
        if self.scale == SCALE_ONE && high == 0 {
            return low;
        }
        // N < 2^78 and A ≤ 2^62 keep the product under 2^128 only after the split by halves.
        let (n, a) = (
            crate::math::join_unsigned(self.shares),
            u128::from(self.scale),
        );
        let (n_high, n_low) = (n >> 62, n & ((1 << 62) - 1));
        let value = n_high
            .saturating_mul(a)
            .saturating_add(n_low.saturating_mul(a) >> 62);
        u64::try_from(value).unwrap_or(u64::MAX)
    }
}
