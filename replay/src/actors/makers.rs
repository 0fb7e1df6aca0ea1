//! Market makers: quotes on both sides around the price that they believe in, smaller and further away the wilder it
//! gets, leaned against what they hold.

use plimsoll_engine::state::HaltPhase;
use plimsoll_engine::EngineError;

use super::{order, shifted, ASK, BID, LIMIT, SLIDE};
use crate::hands::Stagehands;
use crate::scenario::{part, Scenario};

const PPM: u64 = 1_000_000;
/// Seconds of the moving average of volatility.
const MEMORY: u64 = 20;
/// Quotes are put anew at least this often, seconds.
const REQUOTE_SECONDS: u32 = 60;

/// What a maker remembers.
#[derive(Clone, Copy, Debug)]
pub struct Maker {
    /// Price that its quotes stand around, ticks; position at that time; second.
    quoted: Option<(u64, i64, u32)>,
    /// Part of its sizes that its margin bears, ppm.
    bears_ppm: u64,
}

/// All makers and the volatility that they see.
#[derive(Clone, Debug)]
pub struct Makers {
    makers: Vec<Maker>,
    /// Mean absolute change of a second, ppm.
    volatility_ppm: u64,
    last: u64,
}

impl Makers {
    pub fn new(count: usize) -> Self {
        let maker = Maker {
            quoted: None,
            bears_ppm: PPM,
        };
        Self {
            makers: vec![maker; count],
            volatility_ppm: 0,
            last: 0,
        }
    }

    /// A second passes at which makers believe in `price`, ticks.
    fn see(&mut self, price: u64) {
        if self.last != 0 {
            let moved = u128::from(self.last.abs_diff(price)) * u128::from(PPM);
            let moved = u64::try_from(moved / u128::from(self.last)).unwrap_or(PPM);
            // Rises at once, falls slowly.
            let slow = (self.volatility_ppm * (MEMORY - 1) + moved) / MEMORY;
            self.volatility_ppm = slow.max(moved / 4);
        }
        self.last = price;
    }

    /// Every maker whose quotes are out of place puts them anew.
    pub fn act(&mut self, hands: &mut Stagehands<'_>, scenario: &Scenario, price: u64) {
        self.see(price);
        let header = hands.header();
        let phase = super::phase(&header, hands.now());
        if !matches!(phase, HaltPhase::Continuous | HaltPhase::Call) {
            return;
        }
        let time_in_force = if phase == HaltPhase::Call {
            LIMIT
        } else {
            SLIDE
        };
        let calm = scenario.makers.calm_ppm;
        let wildness = self.volatility_ppm.max(calm) * PPM / calm;
        for number in 0..self.makers.len() {
            self.quote(hands, scenario, number, price, wildness, time_in_force);
        }
    }

    fn quote(
        &mut self,
        hands: &mut Stagehands<'_>,
        scenario: &Scenario,
        number: usize,
        price: u64,
        wildness: u64,
        time_in_force: u8,
    ) {
        let rules = &scenario.makers;
        let (Some(maker), Some(member)) = (
            self.makers.get_mut(number),
            hands.stage.makers.get(number).copied(),
        ) else {
            return;
        };
        let (base, second) = (hands.base_of(member.seat), hands.ledger.second);
        if let Some((at, held, when)) = maker.quoted {
            let moved = at.abs_diff(price) * PPM / at.max(1);
            // Each maker has its own patience, so that they do not all move at once.
            let patience = rules.requote_ppm * (4 + u64::try_from(number % 4).unwrap_or(0)) / 4;
            let old = second.saturating_sub(when) >= REQUOTE_SECONDS;
            if moved < patience && held == base && !old {
                return;
            }
        }
        maker.quoted = Some((price, base, second));
        let notional = hands.stage.population.notional;
        let units = hands.stage.venue.units;
        let count = u64::from(rules.count.max(1));
        let most = part(
            part(notional, rules.cash_ppm) / count,
            rules.inventory_max_ppm,
        );
        let lots = base.unsigned_abs() / units.base_atoms_per_lot.max(1);
        let held = units.value(lots, price);
        let fullness = held.saturating_mul(PPM) / most.max(1);
        let lean = i64::try_from(part(rules.lean_ppm, fullness.min(PPM))).unwrap_or(0);
        let middle = shifted(price, if base > 0 { -lean } else { lean });
        let size_ppm = (PPM * PPM / wildness.max(1))
            .max(rules.size_min_ppm)
            .min(PPM);
        // Staggered, so that the book has more prices than levels.
        let stagger = PPM + PPM / 4 * u64::try_from(number).unwrap_or(0) / count;
        let mut orders = Vec::new();
        for [distance, size] in &rules.levels {
            let away = part(part(*distance, wildness.min(10 * PPM)), stagger).min(900_000);
            let away = i64::try_from(away).unwrap_or(0);
            let value = part(
                part(part(notional, *size) / count, size_ppm),
                maker.bears_ppm,
            );
            for (side, shift, full) in [(BID, -away, base > 0), (ASK, away, base < 0)] {
                if full && fullness >= PPM {
                    continue;
                }
                let at = shifted(middle, shift);
                let lots = units.lots(value, at);
                if lots != 0 {
                    orders.push(order(member.seat, side, time_in_force, at, lots));
                }
            }
        }
        let trade = hands.stage.trade(&member);
        let cancel = trade.cancel_all_orders(member.seat, 64);
        let mut both = vec![cancel.clone()];
        if !orders.is_empty() {
            both.push(trade.place_orders(orders));
        }
        match hands.send(&member.owner, &both) {
            Ok(()) => maker.bears_ppm = (maker.bears_ppm + maker.bears_ppm / 8).min(PPM),
            Err(refused) => {
                maker.quoted = None;
                if refused.engine == Some(EngineError::BelowInitialMargin) {
                    maker.bears_ppm = (maker.bears_ppm / 2).max(1_000);
                    let _ = hands.send(&member.owner, &[cancel]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volatility_rises_at_once_and_fades() {
        let mut makers = Makers::new(1);
        makers.see(10_000);
        assert_eq!(makers.volatility_ppm, 0);
        makers.see(9_000);
        assert_eq!(makers.volatility_ppm, 25_000);
        for _ in 0..200 {
            makers.see(9_000);
        }
        assert!(makers.volatility_ppm < 100, "{}", makers.volatility_ppm);
    }
}
