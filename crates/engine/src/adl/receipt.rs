//! Reading a receipt: the event recomputed from what was before it, and what it did to a position.

use bytemuck::Zeroable;

use super::{chargeable, scaled, side_mut, Receipt};
use crate::epochs;
use crate::error::{EngineError, Result};
use crate::math;
use crate::position::{self, Holding};
use crate::state::{Seat, Side, SIDE_LONG, SIDE_SHORT};
use crate::units::PriceQ32;

#[cfg(test)]
mod tests;

/// What an event did to a position of the charged side. Amounts are what a touch right before and one
/// right after it differ by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShareEffect {
    /// Base atoms, signed.
    pub base_before: i64,
    pub base_after: i64,
    /// Quote atoms for the part that was closed, at the event's price: a long receives, a short pays.
    pub paid: i64,
    /// Quote atoms of the loss that were charged.
    pub charged: u64,
}

impl Receipt {
    /// The charged side before the event, as far as the event depends on it.
    fn side_before(&self) -> Side {
        Side {
            scale: self.scale_before,
            cash_index: self.cash_index_before,
            shares: self.shares_before,
            epoch: self.epoch_before,
            ..Side::empty()
        }
    }

    const fn is_long(&self) -> bool {
        self.side != SIDE_SHORT
    }

    /// T of spec §13: base atoms that the event left open.
    const fn left(&self, open: u64) -> u64 {
        if self.quantity == 0 || self.own_open_interest > open {
            open
        } else {
            self.own_open_interest
        }
    }

    /// Base atoms of the charged side that were closed.
    ///
    /// # Errors
    /// `Overflow` of a receipt that no event writes.
    pub fn closed(&self) -> Result<u64> {
        let open = self.side_before().open_interest();
        math::sub(open, self.left(open))
    }

    /// The receipt as the event writes it from the fields before it: S′ and what is carried, A′, C′, N,
    /// open interest and epoch by the event's own formulas. What is taken over as it stands are the names,
    /// times and amounts that the event was given. It equals a sound receipt.
    ///
    /// # Errors
    /// `Overflow` of a receipt that no event writes.
    pub fn recomputed(&self) -> Result<Self> {
        let before = self.side_before();
        let open = before.open_interest();
        let price = PriceQ32(self.price);
        let uncovered = math::sub(self.deficit, self.from_default_fund)?;
        let charged = chargeable(uncovered, price, open)?;
        let left = self.left(open);
        let after = scaled(&before, self.is_long(), charged, left, price)?;
        let ended = open != 0 && epochs::due(&after);
        let mut now = after;
        if ended {
            epochs::begin_next(&mut now)?;
        }
        Ok(Self {
            version: 1,
            side: if self.is_long() {
                SIDE_LONG
            } else {
                SIDE_SHORT
            },
            epoch_ended: u8::from(ended),
            reserved_0: [0; 5],
            charged,
            carried: uncovered.saturating_sub(charged),
            open_interest_before: open,
            open_interest_after: now.open_interest(),
            scale_after: after.scale,
            cash_index_after: after.cash_index,
            shares_after: now.shares,
            epoch_after: now.epoch,
            ..*self
        })
    }

    /// What the event did to a seat that held `shares` of the charged side, in the epoch before it.
    ///
    /// # Errors
    /// `Overflow` of a receipt that no event writes, or of shares that no seat holds.
    pub fn effect_on(&self, shares: u64) -> Result<ShareEffect> {
        let before = self.side_before();
        let price = PriceQ32(self.price);
        let open = before.open_interest();
        let charged_only = scaled(&before, self.is_long(), self.charged, open, price)?;
        let after = Side {
            scale: self.scale_after,
            cash_index: self.cash_index_after,
            ..before
        };
        let seat = Seat {
            side: self.side,
            shares,
            cash_index: before.cash_index,
            epoch: before.epoch,
            ..Seat::zeroed()
        };
        let then = self.holding_at(&seat, before)?;
        let now = self.holding_at(&seat, after)?;
        let loss = self.holding_at(&seat, charged_only)?.quote;
        Ok(ShareEffect {
            base_before: then.base,
            base_after: now.base,
            paid: math::sub_signed(now.quote, loss)?,
            charged: u64::try_from(loss.saturating_neg()).map_err(|_| EngineError::Overflow)?,
        })
    }

    fn holding_at(&self, seat: &Seat, side: Side) -> Result<Holding> {
        let mut sides = [Side::empty(); 2];
        *side_mut(&mut sides, self.side) = side;
        position::holding(seat, &sides)
    }
}
