//! What a loss event did to every winner, measured on the seats before and after it: nothing is taken from receipts.

use std::collections::BTreeMap;

use anyhow::{anyhow, Result};
use plimsoll_client::MarketView;
use plimsoll_engine::units::PriceQ32;

use crate::ledger::{Ledger, Roster};
use crate::outcome::Haircut;

const PPM: u128 = 1_000_000;

/// A seat's position and what it is worth at a price.
#[derive(Clone, Copy, Debug, Default)]
struct Worth {
    base: i64,
    /// Quote atoms × 2^32: not rounded, so that what is compared is what moved.
    value: i128,
}

/// All seats of a market at one moment, valued at its mark.
#[derive(Debug)]
pub struct Picture {
    seats: BTreeMap<u32, Worth>,
    mark: PriceQ32,
    /// Base atoms of a lot: a position under it is dust, whose shares say nothing.
    lot: u64,
}

impl Picture {
    /// Reads every seat; `mark` is the price of the loss event, before and after it.
    ///
    /// # Errors
    /// When a seat cannot be read.
    pub fn of(view: &MarketView, mark: PriceQ32) -> Result<Self> {
        let mut seats = BTreeMap::new();
        for (index, seat) in view.seats() {
            let held = view
                .holding(seat)
                .map_err(|error| anyhow!("seat {index}: {error}"))?;
            let open = i128::from(held.base) * i128::from(mark.0);
            let worth = Worth {
                base: held.base,
                value: (i128::from(held.quote) << 32) + open,
            };
            seats.insert(index, worth);
        }
        Ok(Self {
            seats,
            mark,
            lot: view.header.params.base_atoms_per_lot,
        })
    }
}

/// What ADL did to one account over the day.
#[derive(Clone, Copy, Debug, Default)]
struct Toll {
    /// Part of the position that is left after all closes, ppm of ppm.
    left: Option<u128>,
    charged: u64,
    held: u64,
}

/// The sum of all loss events.
#[derive(Clone, Debug, Default)]
pub struct Tolls {
    tolls: BTreeMap<usize, Toll>,
    /// Σ over events of charge × Gini (ppm), and Σ charge.
    gini: u128,
    charged: u128,
}

/// What one event took from winners.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    pub charged: u64,
    pub closed_value: u64,
    pub deviation: u64,
}

impl Tolls {
    /// Compares two pictures around one loss event of the account whose seat, and whether it is a long's, is `loser`;
    /// winners had to bear `needed`. Where they had to bear nothing, what rounding moves is no haircut.
    pub fn measure(
        &mut self,
        before: &Picture,
        after: &Picture,
        (loser, long): (u32, bool),
        needed: u64,
        roster: &Roster,
    ) -> Taken {
        let mut rows = Vec::new();
        for (seat, was) in &before.seats {
            let opposite = if long { was.base < 0 } else { was.base > 0 };
            if *seat == loser || !opposite {
                continue;
            }
            let is = after.seats.get(seat).copied().unwrap_or_default();
            let charge = was.value.saturating_sub(is.value);
            let held = was.base.unsigned_abs();
            let closed = held.saturating_sub(is.base.unsigned_abs());
            rows.push((*seat, held, charge, closed));
        }
        let total: i128 = rows.iter().map(|(_, _, charge, _)| *charge).sum();
        let open: i128 = rows.iter().map(|(_, held, _, _)| i128::from(*held)).sum();
        let charged = atoms(total);
        let mut taken = Taken {
            charged,
            ..Taken::default()
        };
        let mut rates = Vec::with_capacity(rows.len());
        for (seat, held, charge, closed) in rows {
            // What was needed, in equal parts per contract; a loss is under 2^63 atoms, a position under 2^48.
            let (due, open) = (i128::from(needed) * i128::from(held), open.max(1));
            let equal = ((due / open) << 32) + ((due % open) << 32) / open;
            taken.deviation = taken.deviation.max(atoms((charge - equal).abs()));
            let charge = atoms(charge);
            let value = |base: u64| value_of(before.mark, base);
            taken.closed_value = taken.closed_value.saturating_add(value(closed));
            if held < before.lot {
                continue;
            }
            rates.push(u128::from(charge) * PPM * PPM / u128::from(held).max(1));
            let Some(place) = roster.of_seat(seat) else {
                continue;
            };
            let toll = self.tolls.entry(place).or_default();
            toll.charged = toll.charged.saturating_add(charge);
            toll.held = toll.held.saturating_add(value(held));
            let left = toll.left.unwrap_or(PPM * PPM);
            toll.left = Some(left * u128::from(held - closed.min(held)) / u128::from(held).max(1));
        }
        if needed != 0 {
            self.gini += u128::from(charged) * gini_ppm(&mut rates);
            self.charged += u128::from(charged);
        }
        taken
    }

    /// Adds one event to the measures.
    pub fn book(ledger: &mut Ledger, taken: Taken, needed: u64) {
        let measures = &mut ledger.measures;
        measures.adl_notional = measures.adl_notional.saturating_add(taken.closed_value);
        measures.adl_deviation_atoms = measures.adl_deviation_atoms.max(taken.deviation);
        let difference = i128::from(taken.charged) - i128::from(needed);
        let difference = i64::try_from(difference).unwrap_or(i64::MAX);
        measures.adl_overshoot = measures.adl_overshoot.saturating_add(difference);
        ledger.waterfall.winners = ledger.waterfall.winners.saturating_add(taken.charged);
    }

    /// The measures of the whole day: the worst share and the Gini coefficient, both ppm.
    pub fn summary(&self) -> (u64, u64) {
        let closed = self.tolls.values().map(closed_ppm);
        let gini = self.gini / self.charged.max(1);
        (
            closed.max().unwrap_or(0),
            u64::try_from(gini).unwrap_or(u64::MAX),
        )
    }

    /// One row for each account that stood opposite to a loss.
    pub fn haircuts(&self, roster: &Roster) -> Vec<Haircut> {
        let rows = self.tolls.iter().filter_map(|(place, toll)| {
            Some(Haircut {
                cohort: roster.entries.get(*place)?.cohort.clone(),
                closed_ppm: closed_ppm(toll),
                charged: toll.charged,
                held: toll.held,
            })
        });
        rows.collect()
    }
}

/// Whole quote atoms of an amount × 2^32; zero of a negative one.
fn atoms(scaled: i128) -> u64 {
    u64::try_from(scaled.max(0) >> 32).unwrap_or(u64::MAX)
}

fn value_of(mark: PriceQ32, base: u64) -> u64 {
    mark.value_floor(base).unwrap_or(0)
}

fn closed_ppm(toll: &Toll) -> u64 {
    let left = toll.left.unwrap_or(PPM * PPM);
    u64::try_from((PPM * PPM).saturating_sub(left) / PPM).unwrap_or(0)
}

/// Gini coefficient of non-negative numbers, ppm: 0 when all are equal, near 1 when one has everything.
fn gini_ppm(values: &mut [u128]) -> u128 {
    values.sort_unstable();
    let total: u128 = values.iter().sum();
    let count = u128::try_from(values.len()).unwrap_or(0);
    if total == 0 || count == 0 {
        return 0;
    }
    // Σ (2i − n − 1) x_i / (n Σ x), i from one; the weighted sum of a sorted list is not negative.
    let mut weighted = 0_i128;
    for (place, value) in (1_i128..).zip(values.iter()) {
        let weight = 2 * place - i128::try_from(count).unwrap_or(0) - 1;
        // Values are scaled down first: only their proportions matter.
        let part = i128::try_from(value * PPM * PPM / total).unwrap_or(0);
        weighted += weight * part;
    }
    u128::try_from(weighted.max(0)).unwrap_or(0) / count / PPM
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gini_is_zero_for_equals_and_nearly_one_when_one_pays_all() {
        assert_eq!(gini_ppm(&mut [7; 100]), 0);
        let mut one = [0_u128; 100];
        one[50] = 1_000_000;
        assert_eq!(gini_ppm(&mut one), 990_000);
        // 1 and 3: half of the mean difference over the mean, 0.25.
        assert_eq!(gini_ppm(&mut [3, 1]), 250_000);
        assert_eq!(gini_ppm(&mut []), 0);
    }
}
