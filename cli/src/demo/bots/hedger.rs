//! A hedger owns coins elsewhere and sells the same amount here, slice by slice, whatever the price:
//! its gain in a fall is what it lost on its coins. It tops its margin up every minute.

use plimsoll_client::engine::place::TimeInForce;
use plimsoll_client::engine::state::OrderSide;

use super::{Move, Own, Wanted};
use crate::demo::sight::{moved, Sight};

/// How far under the mark it sells a slice, ppm.
const SLIPPAGE_PPM: i64 = 5_000;

/// One hedger in one market.
#[derive(Clone, Debug)]
pub struct Hedger {
    /// Coins that it owns elsewhere, base atoms.
    inventory_base: u64,
    /// Base atoms sold at once.
    slice_base: u64,
    pause_seconds: i64,
    next_at: i64,
}

impl Hedger {
    pub fn new(inventory_base: u64, slice_base: u64, pause_seconds: i64) -> Self {
        Self {
            inventory_base,
            slice_base,
            pause_seconds,
            next_at: i64::MIN,
        }
    }

    pub fn decide(&mut self, sight: &Sight, own: &Own) -> Option<Move> {
        if !sight.fresh || !sight.is_open() || sight.now < self.next_at {
            return None;
        }
        let sold = if own.base < 0 {
            own.base.unsigned_abs()
        } else {
            0
        };
        let missing = self
            .inventory_base
            .saturating_sub(sold)
            .min(self.slice_base);
        let lots = missing / sight.base_atoms_per_lot.max(1);
        if lots == 0 {
            return None;
        }
        self.next_at = sight.now.saturating_add(self.pause_seconds);
        Some(Move::Take(Wanted {
            side: OrderSide::Ask,
            time_in_force: TimeInForce::ImmediateOrCancel,
            price: moved(sight.mark, -SLIPPAGE_PPM),
            lots,
            reduce_only: false,
            expires_at: 0,
        }))
    }
}
