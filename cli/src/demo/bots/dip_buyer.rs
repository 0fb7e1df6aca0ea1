//! A dip buyer waits for the moment in which everybody sells at once: it bids in calls only, under the
//! index, and holds what it gets.

use plimsoll_client::engine::place::TimeInForce;
use plimsoll_client::engine::state::OrderSide;

use super::{Move, Own, Wanted};
use crate::demo::sight::{moved, Sight};

/// Where it bids, ppm off the index, and with which part of its value for one auction, percent.
const BIDS: [(i64, u64); 2] = [(-4_000, 40), (-12_000, 60)];

/// One dip buyer in one market.
#[derive(Clone, Debug)]
pub struct DipBuyer {
    /// Value of its bids in one auction, quote atoms.
    value: u64,
    /// Position above which it buys no more, quote atoms.
    position_value_max: u64,
    /// Index of its last bids, ticks.
    bid_index: u64,
}

impl DipBuyer {
    pub fn new(value: u64, position_value_max: u64) -> Self {
        Self {
            value,
            position_value_max,
            bid_index: 0,
        }
    }

    pub fn decide(&mut self, sight: &Sight, own: &Own) -> Option<Move> {
        if !sight.is_calling() {
            self.bid_index = 0;
            return None;
        }
        let held = sight.value_of(own.base).max(0).unsigned_abs();
        let room = self.position_value_max.saturating_sub(held).min(self.value);
        if !sight.fresh || sight.index == self.bid_index || room == 0 {
            return None;
        }
        self.bid_index = sight.index;
        let bids = BIDS.into_iter().map(|(off, percent)| {
            let price = moved(sight.index, off);
            Wanted {
                side: OrderSide::Bid,
                time_in_force: TimeInForce::Limit,
                price,
                lots: sight.lots_for(room / 100 * percent, price),
                reduce_only: false,
                expires_at: sight.call_ends_at.saturating_add(1),
            }
        });
        Some(Move::Call(bids.collect()))
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_client::engine::state::HaltPhase;

    use super::{DipBuyer, Move, Own, Sight};

    fn sight(phase: HaltPhase, index: u64) -> Sight {
        Sight {
            now: 0,
            index,
            mark: 20_000,
            best_bid: None,
            best_ask: None,
            depth: 0,
            fresh: true,
            index_age: 0,
            phase,
            call_ends_at: 5,
            volatility_ppm: 0,
            momentum_ppm: 0,
            quote_atoms_per_lot_tick: 100,
            base_atoms_per_lot: 1_000_000,
        }
    }

    #[test]
    fn it_bids_under_the_index_in_a_call_and_only_there() {
        let mut buyer = DipBuyer::new(1_000_000_000, 2_000_000_000);
        let flat = Own::default();
        for phase in [HaltPhase::Continuous, HaltPhase::Freeze, HaltPhase::Resolve] {
            assert_eq!(buyer.decide(&sight(phase, 20_000), &flat), None);
        }
        let Some(Move::Call(bids)) = buyer.decide(&sight(HaltPhase::Call, 20_000), &flat) else {
            panic!("no bids");
        };
        assert!(bids
            .iter()
            .all(|bid| bid.price < 20_000 && bid.expires_at == 6));
        // The same index says nothing new; another one does.
        assert_eq!(buyer.decide(&sight(HaltPhase::Call, 20_000), &flat), None);
        assert!(buyer
            .decide(&sight(HaltPhase::Call, 19_000), &flat)
            .is_some());
        let full = Own {
            base: 1_000_000_000,
            orders: 0,
        };
        assert_eq!(buyer.decide(&sight(HaltPhase::Call, 18_000), &full), None);
    }
}
