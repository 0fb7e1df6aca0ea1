//! A farmer has sold next week's coins forward at a fixed price and buys as many here, slice by slice,
//! until it has them all. Then it goes to bed: whatever the price does, it holds, and it buys nothing back.

use plimsoll_client::engine::place::TimeInForce;
use plimsoll_client::engine::state::OrderSide;

use super::{Move, Own, Wanted};
use crate::demo::sight::{moved, Sight};

/// How far over the mark it buys a slice, ppm.
const SLIPPAGE_PPM: i64 = 5_000;

/// One farmer in one market.
#[derive(Clone, Debug)]
pub struct Farmer {
    /// Coins that it has sold forward, base atoms.
    promised_base: u64,
    /// Base atoms bought at once.
    slice_base: u64,
    pause_seconds: i64,
    next_at: i64,
    asleep: bool,
}

impl Farmer {
    pub fn new(promised_base: u64, slice_base: u64, pause_seconds: i64) -> Self {
        Self {
            promised_base,
            slice_base,
            pause_seconds,
            next_at: i64::MIN,
            asleep: false,
        }
    }

    pub fn decide(&mut self, sight: &Sight, own: &Own) -> Option<Move> {
        if self.asleep || !sight.fresh || !sight.is_open() || sight.now < self.next_at {
            return None;
        }
        let bought = u64::try_from(own.base).unwrap_or(0);
        let missing = self.promised_base.saturating_sub(bought);
        let lots = missing.min(self.slice_base) / sight.base_atoms_per_lot.max(1);
        if lots == 0 {
            self.asleep = true;
            return None;
        }
        self.next_at = sight.now.saturating_add(self.pause_seconds);
        Some(Move::Take(Wanted {
            side: OrderSide::Bid,
            time_in_force: TimeInForce::ImmediateOrCancel,
            price: moved(sight.mark, SLIPPAGE_PPM),
            lots,
            reduce_only: false,
            expires_at: 0,
        }))
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_client::engine::state::HaltPhase;

    use super::{Farmer, Move, Own, Sight};

    fn sight(now: i64) -> Sight {
        Sight {
            now,
            index: 20_000,
            mark: 20_000,
            best_bid: None,
            best_ask: None,
            depth: 0,
            fresh: true,
            index_age: 0,
            phase: HaltPhase::Continuous,
            call_ends_at: 0,
            volatility_ppm: 0,
            momentum_ppm: 0,
            quote_atoms_per_lot_tick: 100,
            base_atoms_per_lot: 1_000_000,
        }
    }

    #[test]
    fn it_buys_what_it_promised_and_nothing_back() {
        let mut farmer = Farmer::new(10_000_000, 4_000_000, 3);
        let own = |base| Own { base, orders: 0 };
        let lots = |wanted| match wanted {
            Some(Move::Take(order)) => order.lots,
            _ => 0,
        };
        assert_eq!(lots(farmer.decide(&sight(0), &own(0))), 4);
        assert_eq!(lots(farmer.decide(&sight(1), &own(4_000_000))), 0);
        assert_eq!(lots(farmer.decide(&sight(3), &own(8_000_000))), 2);
        assert_eq!(lots(farmer.decide(&sight(6), &own(10_000_000))), 0);
        // Liquidated in its sleep.
        assert_eq!(lots(farmer.decide(&sight(9), &own(5_000_000))), 0);
    }
}
