//! A taker follows the index's momentum and, where a perpetual was recorded elsewhere, pushes towards
//! that venue's price. While an index is stale it goes on trying: new risk is refused, reducing is not.
//! In a call it leaves its order for the auction.

use plimsoll_client::engine::place::TimeInForce;
use plimsoll_client::engine::state::OrderSide;

use super::{closing_side, Move, Own, Wanted};
use crate::demo::random::Random;
use crate::demo::sight::{moved, Sight};

/// How far from the mark a taker pays in a calm market, ppm.
const SLIPPAGE_PPM: i64 = 4_000;
/// The most it pays when it chases another venue's price, ppm.
const CHASE_PPM_MAX: i64 = 60_000;
/// A gap to the other venue that makes a taker act on it, ppm.
const GAP_PPM_MIN: i64 = 1_000;
/// Value of an order, quote atoms.
const ORDER_VALUE: (u64, u64) = (150_000_000, 1_500_000_000);

/// Where the perpetual of another venue traded, against the index of this market.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pressure {
    /// Ppm of the index; negative: the other venue is cheaper.
    pub gap_ppm: i64,
}

/// One taker; it trades in one market at a time, of its own choice.
#[derive(Clone, Debug)]
pub struct Taker {
    random: Random,
    /// Position above which it only reduces, quote atoms.
    position_value_max: u64,
    /// Seconds from one order to the next, about.
    pause_seconds: u64,
    next_at: i64,
}

impl Taker {
    pub fn new(random: Random, position_value_max: u64, pause_seconds: u64) -> Self {
        Self {
            random,
            position_value_max,
            pause_seconds,
            next_at: i64::MIN,
        }
    }

    /// The market it will trade in now, if it is its time: an index below `markets`.
    pub fn wake(&mut self, now: i64, markets: usize) -> Option<usize> {
        if now < self.next_at || markets == 0 {
            return None;
        }
        let pause = self.random.between(1, self.pause_seconds.saturating_mul(2));
        self.next_at = now.saturating_add(i64::try_from(pause).unwrap_or(i64::MAX));
        // The first market is the one that the story is about: half of the orders go there.
        if self.random.chance(40) {
            return Some(0);
        }
        let choice = self
            .random
            .between(0, u64::try_from(markets).unwrap_or(1) - 1);
        usize::try_from(choice).ok()
    }

    pub fn decide(&mut self, sight: &Sight, own: &Own, pressure: Pressure) -> Option<Move> {
        if sight.mark == 0 || !(sight.is_open() || sight.is_calling()) {
            return None;
        }
        let value = sight.value_of(own.base);
        let full = value.unsigned_abs() > self.position_value_max;
        // On a stale index every second attempt only reduces; the others show what the program says.
        if own.base != 0 && (full || (!sight.fresh && self.random.chance(50))) {
            let order = self.reduce(sight, own);
            return Some(into_call(sight, order));
        }
        let side = self.side(sight, pressure);
        let (low, high) = ORDER_VALUE;
        let worth = self.random.between(low, high);
        let worth = if chases(pressure) {
            worth.saturating_mul(2)
        } else {
            worth
        };
        let order = Wanted {
            side,
            time_in_force: TimeInForce::ImmediateOrCancel,
            price: worst_price(sight.mark, side, pressure),
            lots: sight.lots_for(worth, sight.mark),
            reduce_only: false,
            expires_at: 0,
        };
        Some(into_call(sight, order))
    }

    fn side(&mut self, sight: &Sight, pressure: Pressure) -> OrderSide {
        let follows = self.random.chance(75);
        let signal = if chases(pressure) {
            pressure.gap_ppm
        } else {
            sight.momentum_ppm
        };
        let buys = match signal {
            0 => self.random.chance(50),
            signal => (signal > 0) == follows,
        };
        if buys {
            OrderSide::Bid
        } else {
            OrderSide::Ask
        }
    }

    fn reduce(&mut self, sight: &Sight, own: &Own) -> Wanted {
        let side = closing_side(own.base);
        let share = self.random.between(20, 60);
        let lots = (sight.lots_of(own.base).saturating_mul(share) / 100).max(1);
        Wanted {
            side,
            time_in_force: TimeInForce::ImmediateOrCancel,
            price: worst_price(sight.mark, side, Pressure::default()),
            lots,
            reduce_only: true,
            expires_at: 0,
        }
    }
}

/// In a call the order rests for the auction and dies with it; it takes the place of the one before.
fn into_call(sight: &Sight, order: Wanted) -> Move {
    if !sight.is_calling() {
        return Move::Take(order);
    }
    Move::Call(vec![Wanted {
        time_in_force: TimeInForce::Limit,
        expires_at: sight.call_ends_at.saturating_add(1),
        ..order
    }])
}

fn chases(pressure: Pressure) -> bool {
    pressure.gap_ppm.abs() >= GAP_PPM_MIN
}

/// A worst price on the paying side of the mark; a chased gap widens it in its own direction.
fn worst_price(mark: u64, side: OrderSide, pressure: Pressure) -> u64 {
    let (buys, gap) = (side == OrderSide::Bid, pressure.gap_ppm);
    let chased = if (gap > 0) == buys { gap.abs() } else { 0 };
    let room = chased.clamp(SLIPPAGE_PPM, CHASE_PPM_MAX);
    moved(mark, if buys { room } else { -room })
}

#[cfg(test)]
mod tests {
    use plimsoll_client::engine::state::{HaltPhase, OrderSide};

    use super::{worst_price, Pressure, Random, Taker};
    use crate::demo::bots::{Move, Own};
    use crate::demo::sight::Sight;

    fn sight(fresh: bool) -> Sight {
        Sight {
            now: 1_000,
            index: 20_000,
            mark: 20_000,
            best_bid: None,
            best_ask: None,
            depth: 0,
            fresh,
            index_age: 0,
            phase: HaltPhase::Continuous,
            call_ends_at: 0,
            volatility_ppm: 0,
            momentum_ppm: 0,
            quote_atoms_per_lot_tick: 100,
            base_atoms_per_lot: 10_000_000,
        }
    }

    fn taker() -> Taker {
        Taker::new(Random::of(1, 2), 10_000_000_000, 5)
    }

    #[test]
    fn a_cheaper_venue_makes_most_takers_sell_and_pay_for_it() {
        let pressure = Pressure { gap_ppm: -30_000 };
        let mut taker = taker();
        let sells = (0..200).filter(|_| {
            matches!(taker.decide(&sight(true), &Own::default(), pressure),
                Some(Move::Take(order)) if order.side == OrderSide::Ask)
        });
        assert!(sells.count() > 120);
        assert_eq!(worst_price(20_000, OrderSide::Ask, pressure), 19_400);
        assert_eq!(worst_price(20_000, OrderSide::Bid, pressure), 20_080);
    }

    #[test]
    fn a_full_position_is_only_reduced() {
        let own = Own {
            base: 60_000_000_000,
            orders: 0,
        };
        let mut taker = taker();
        for _ in 0..50 {
            let Some(Move::Take(order)) = taker.decide(&sight(true), &own, Pressure::default())
            else {
                panic!("idle");
            };
            assert!(order.reduce_only && order.side == OrderSide::Ask);
            assert!(order.lots <= 6_000 * 60 / 100);
        }
    }

    #[test]
    fn a_stale_index_is_probed_and_positions_are_reduced() {
        let own = Own {
            base: 100_000_000,
            orders: 0,
        };
        let mut taker = taker();
        let reducing = (0..200).filter(|_| {
            matches!(taker.decide(&sight(false), &own, Pressure::default()),
                Some(Move::Take(order)) if order.reduce_only)
        });
        assert!((60..140).contains(&reducing.count()));
    }

    #[test]
    fn a_taker_sleeps_between_orders() {
        let mut taker = taker();
        assert!(taker.wake(100, 4).is_some());
        assert!(taker.wake(100, 4).is_none());
        assert!(taker.wake(111, 4).is_some());
    }
}
