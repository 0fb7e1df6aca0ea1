//! What a trigger is compared with: the effective price of a side.
//!
//! A share of a side is worth w = A·P + C quote atoms (A its scale, P the mark, C its cash index), and a leg
//! of n shares s·n·w and a constant. An ADL event at the mark moves A and C and leaves w where it is;
//! funding and an ADL's charge move C, and w with it. So w, not P, is what a trigger stands on.
//!
//! Maintenance margin follows the notional x = A·P = w − C alone. With φ = κ·f/2 (κ the threshold's multiple
//! of MM, at most 1.05, f the leg's margin fraction, at most 1) a leg contributes to Q − κ·MM
//!
//! ```text
//! long   n·(1 − φ)·Δw + n·φ·ΔC        short   −n·(1 + φ)·Δw + n·φ·ΔC
//! ```
//!
//! exactly, but for roundings. The first term is a price's. The second is bounded by all that C has ever
//! fallen (F) and risen (R) since the side's keys were laid: φ / (1 − φ) ≤ 0.525 / 0.475 < 1.25 for a long
//! and φ / (1 + φ) < 3/8 for a short. What is left of those factors, and a sixteenth of the other sum for a
//! short, covers that cash is paid on whole shares and notional on whole base atoms, for positions of at
//! least [`BASE_MIN`] atoms while A is within a 64th of what it was; smaller ones are attended to (see
//! [`crate::TriggerIndex`]), and when A has fallen further, or an epoch ends, the side is laid anew. The keys
//!
//! ```text
//! harm       long −w + 1.25·F        short  w + 0.375·F + R / 16
//! recovery   long  w + 1.25·R        short −w + 0.375·R + F / 16
//! ```
//!
//! only have to be compared with a leg's trigger: Q − κ·MM has changed against (for recovery, in favour of)
//! the holder by no more than the leg's slope times what the key has risen, whatever price, funding and ADL
//! did in between.

use plimsoll_engine::math;
use plimsoll_engine::state::{Side, SIDE_SHORT};
use plimsoll_engine::units::PRICE_Q32_MAX;

use crate::error::{IndexError, Result};

/// Bits of Q.64 that a key drops: one unit is 2^-44 quote atoms per share.
const KEY_SHIFT: u32 = 20;

/// Keys per Q.64 unit, for shares of slack.
pub(crate) const KEY_UNIT: f64 = 1.0 / 1_048_576.0;

/// 2^64.
const Q64: f64 = 18_446_744_073_709_551_616.0;

/// |C| that a key has room for, Q.64. An epoch ends long before, at A × 2^15 ≤ 2^77 (spec §13).
const CASH_INDEX_MAX: u128 = 1 << 79;

/// F or R from which a side is laid anew, Q.64, so that no key overflows.
const DRIFT_MAX: i128 = 1 << 79;

/// Fall of A after which a side is laid anew, as a shift.
const SCALE_FALL: u32 = 6;

/// Base atoms under which a position's roundings are not covered by its key.
pub(crate) const BASE_MIN: u64 = 1 << 10;

/// A side of a market as its triggers see it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SideKey {
    pub(crate) epoch: u32,
    pub(crate) scale: u64,
    /// A when the side was last laid.
    scale_laid: u64,
    /// C, Q.64.
    cash: i128,
    /// x = A·P, Q.64 quote atoms per share.
    pub(crate) worth: i128,
    /// The same, for shares of slack.
    pub(crate) worth_float: f64,
    /// Sums of the falls and of the rises of C since the side was laid, Q.64.
    fallen: i128,
    risen: i128,
    /// Keys, rounded down.
    pub(crate) harm: i64,
    pub(crate) recovery: i64,
}

/// What a move of a side asks for beyond comparing triggers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SideMove {
    /// A has changed: the recovery of accounts in trouble is no longer bounded.
    pub(crate) scaled: bool,
    /// The keys start anew: every leg of the side needs a new trigger.
    pub(crate) laid: bool,
}

impl SideKey {
    /// The side at a mark, laid now.
    pub(crate) fn lay(side: &Side, number: u8, mark: u64) -> Result<Self> {
        let blank = Self {
            epoch: side.epoch,
            scale: side.scale,
            scale_laid: side.scale,
            cash: math::join_signed(side.cash_index),
            ..Self::default()
        };
        blank.keyed(number, mark)
    }

    /// The side after a move. Constant time.
    pub(crate) fn moved(&self, side: &Side, number: u8, mark: u64) -> Result<(Self, SideMove)> {
        let cash = math::join_signed(side.cash_index);
        let mut next = *self;
        let delta = cash.checked_sub(self.cash).ok_or(IndexError::OutOfBounds)?;
        next.fallen = self.fallen.saturating_add((-delta).max(0));
        next.risen = self.risen.saturating_add(delta.max(0));
        next.cash = cash;
        next.scale = side.scale;
        let fell_far = side.scale < self.scale_laid >> SCALE_FALL || side.scale > self.scale_laid;
        let laid = side.epoch != self.epoch
            || fell_far
            || next.fallen > DRIFT_MAX
            || next.risen > DRIFT_MAX;
        let change = SideMove {
            scaled: laid || side.scale != self.scale,
            laid,
        };
        if laid {
            return Ok((Self::lay(side, number, mark)?, change));
        }
        Ok((next.keyed(number, mark)?, change))
    }

    /// The side at another mark. Constant time.
    #[inline(always)]
    pub(crate) fn keyed(mut self, number: u8, mark: u64) -> Result<Self> {
        if mark > PRICE_Q32_MAX
            || self.scale > plimsoll_engine::state::SCALE_ONE
            || self.cash.unsigned_abs() > CASH_INDEX_MAX
        {
            return Err(IndexError::OutOfBounds);
        }
        // Q2.62 × Q.32 / 2^30 is Q.64; at most 2^76.
        self.worth = (math::wide(self.scale, mark) >> 30) as i128;
        // In two halves: converting 128 bits at once is a call.
        let [low, high] = math::split_unsigned(self.worth.unsigned_abs());
        self.worth_float = high as f64 * Q64 + low as f64;
        let price = self.worth + self.cash;
        let (harm, recovery) = if number == SIDE_SHORT {
            (
                price + (self.fallen >> 2) + (self.fallen >> 3) + (self.risen >> 4) + 3,
                -price + (self.risen >> 2) + (self.risen >> 3) + (self.fallen >> 4) + 3,
            )
        } else {
            (
                -price + self.fallen + (self.fallen >> 2) + 1,
                price + self.risen + (self.risen >> 2) + 1,
            )
        };
        self.harm = key(harm)?;
        self.recovery = key(recovery)?;
        Ok(self)
    }
}

fn key(value: i128) -> Result<i64> {
    i64::try_from(value >> KEY_SHIFT).map_err(|_| IndexError::OutOfBounds)
}

/// Where a set has been reached by a key: the key itself lies within one unit above its floor.
#[inline(always)]
pub(crate) const fn reached(key: i64) -> i64 {
    key.saturating_add(1)
}
