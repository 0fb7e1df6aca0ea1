//! The published waves of auto-deleveraging, once more under the uniform rule: what had to be covered, what fraction
//! that is of what winners could give, and beside it what the queue took. The file's own columns of this are checked.

pub mod fixed;
mod read;
mod table;
mod uniform;

use anyhow::{Context, Result};
use serde::Serialize;

use fixed::{Fixed, Written};
pub use read::{read, Row};
pub use table::{notes, table, Table};
pub use uniform::{Uniform, WINNERS};

/// A double carries nearly 16 digits. What is published was summed in doubles: one part in this is theirs.
const DOUBLE_PARTS: i128 = 100_000_000_000_000;

/// What is said of a wave. Amounts in US dollars, shares as fractions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Wave {
    pub wave: u64,
    pub start: String,
    pub end: String,
    pub needed: Fixed,
    pub total: Fixed,
    /// Budget under a uniform rule, the loss or all that there is, and its part of `total`: exact, the fraction
    /// rounded down in its last place.
    pub budget: Fixed,
    pub fraction: Fixed,
    /// The same by the engine, on winners that come to `total`.
    pub uniform: Uniform,
    /// What the queue took, beyond the need (negative: it took too little), and from the account it hit worst.
    pub queue: Fixed,
    pub overshoot: Fixed,
    pub queue_worst: Fixed,
    /// The published columns against what was computed.
    pub checks: [Check; 3],
}

/// A published number against the computed one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    pub column: &'static str,
    pub published: Fixed,
    pub computed: Fixed,
    /// Published less computed.
    pub difference: Fixed,
    /// What the file's rounding explains of it.
    pub rounding: Fixed,
    pub agrees: bool,
}

/// All waves of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    pub needed: Fixed,
    pub queue: Fixed,
    /// Too much, summed over the waves in which it was; too little, likewise; and how many waves those were.
    pub too_much: Fixed,
    pub too_little: Fixed,
    pub waves_too_much: usize,
    pub waves_too_little: usize,
    /// Charged and taken by the engine.
    pub charged: Fixed,
    pub taken: Fixed,
    /// Largest of the waves.
    pub queue_worst: Fixed,
    pub fraction: Fixed,
    pub deviation_atoms: u64,
    /// Published numbers that differ from the computed ones by more than rounding.
    pub disagreements: usize,
}

/// Computes every wave of a file.
///
/// # Errors
/// Names the wave that the engine refuses; none that [`read`] lets through is known to be.
pub fn compute(rows: &[Row]) -> Result<Vec<Wave>> {
    let steps = Steps::of(rows);
    rows.iter()
        .map(|row| wave(row, &steps).with_context(|| format!("wave {}", row.wave)))
        .collect()
}

fn wave(row: &Row, steps: &Steps) -> Result<Wave> {
    let (needed, total, queue) = (row.needed.value, row.total.value, row.queue.value);
    let budget = needed.min(total);
    let fraction = Fixed::ratio(budget, total);
    let overshoot = Fixed(queue.0 - needed.0);
    Ok(Wave {
        wave: row.wave,
        start: row.start.clone(),
        end: row.end.clone(),
        needed,
        total,
        budget,
        fraction,
        uniform: uniform::charge(needed, total)?,
        queue,
        overshoot,
        queue_worst: row.queue_worst.value,
        checks: [
            Check::new(
                "budget_pr",
                row.published_uniform,
                budget,
                steps.uniform + steps.needed.max(steps.total) + doubles(needed),
            ),
            Check::new(
                "max_pct_pr",
                row.published_fraction,
                fraction,
                steps.fraction + steps.of_fraction(budget, total, fraction) + doubles(fraction),
            ),
            Check::new(
                "overshoot_prod",
                row.published_overshoot,
                overshoot,
                steps.overshoot + steps.queue + steps.needed + doubles(queue.max(needed)),
            ),
        ],
    })
}

/// Of all waves together.
pub fn totals(waves: &[Wave]) -> Totals {
    let sum = |of: fn(&Wave) -> Fixed| Fixed(waves.iter().map(|wave| of(wave).0).sum());
    let largest = |of: fn(&Wave) -> Fixed| waves.iter().map(of).max().unwrap_or_default();
    let count = |is: fn(&Wave) -> bool| waves.iter().filter(|wave| is(wave)).count();
    let deviations = waves.iter().map(|wave| wave.uniform.deviation_atoms);
    Totals {
        needed: sum(|wave| wave.needed),
        queue: sum(|wave| wave.queue),
        too_much: sum(|wave| wave.overshoot.max(Fixed::ZERO)),
        too_little: sum(|wave| Fixed(-wave.overshoot.0).max(Fixed::ZERO)),
        waves_too_much: count(|wave| wave.overshoot > Fixed::ZERO),
        waves_too_little: count(|wave| wave.overshoot < Fixed::ZERO),
        charged: sum(|wave| wave.uniform.charged),
        taken: sum(|wave| wave.uniform.taken),
        queue_worst: largest(|wave| wave.queue_worst),
        fraction: largest(|wave| wave.fraction),
        deviation_atoms: deviations.max().unwrap_or(0),
        disagreements: disagreements(waves).count(),
    }
}

/// Published numbers that rounding does not explain, with their waves.
pub fn disagreements(waves: &[Wave]) -> impl Iterator<Item = (&Wave, &Check)> {
    waves
        .iter()
        .flat_map(|wave| wave.checks.iter().map(move |check| (wave, check)))
        .filter(|(_, check)| !check.agrees)
}

impl Check {
    fn new(column: &'static str, published: Written, computed: Fixed, rounding: i128) -> Self {
        let difference = Fixed(published.value.0 - computed.0);
        Self {
            column,
            published: published.value,
            computed,
            difference,
            rounding: Fixed(rounding),
            agrees: difference.0.abs() <= rounding,
        }
    }
}

/// What doubles of this size may be off.
fn doubles(size: Fixed) -> i128 {
    size.0 / DOUBLE_PARTS
}

/// Half a step of each column, 10^-24: what its numbers may be off because they are written so finely and no finer.
/// A number may end early by chance, so the finest of the column tells.
#[derive(Debug)]
struct Steps {
    needed: i128,
    queue: i128,
    total: i128,
    uniform: i128,
    fraction: i128,
    overshoot: i128,
}

impl Steps {
    fn of(rows: &[Row]) -> Self {
        let half = |of: fn(&Row) -> Written| {
            let places = rows.iter().map(|row| of(row).places).max().unwrap_or(0);
            Fixed::step(places).0 / 2
        };
        Self {
            needed: half(|row| row.needed),
            queue: half(|row| row.queue),
            total: half(|row| row.total),
            uniform: half(|row| row.published_uniform),
            fraction: half(|row| row.published_fraction),
            overshoot: half(|row| row.published_overshoot),
        }
    }

    /// How far the fraction may be off when loss and total are.
    fn of_fraction(&self, budget: Fixed, total: Fixed, fraction: Fixed) -> i128 {
        let least = Fixed((budget.0 - self.needed).max(0));
        let most = Fixed(budget.0 + self.needed);
        // The total is at least a whole step.
        let low = Fixed::ratio(least, Fixed(total.0 + self.total));
        let high = Fixed::ratio(most, Fixed(total.0 - self.total));
        (high.0 - fraction.0).max(fraction.0 - low.0)
    }
}

#[cfg(test)]
#[path = "waves/tests.rs"]
mod tests;
