//! Compute limits by the shape of a transaction: learned from a simulation, raised when one was too low.

use std::collections::HashMap;

use crate::decide::{Action, Kind};

/// The most that a transaction may ask for.
pub const COMPUTE_MAX: u32 = 1_400_000;
/// Units beyond what a simulation used: a quarter, and as many again as a fill or a leg more would take.
const HEADROOM: u32 = 20_000;
/// Shapes that are remembered; a market more or less is another shape, so there are few.
const SHAPES_MAX: usize = 4_096;

/// What a transaction's cost depends on, near enough to share a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    pub kind: Kind,
    pub instructions: usize,
    /// Accounts of all its instructions, and how many of them are written.
    pub accounts: usize,
    pub writable: usize,
}

impl Shape {
    pub fn of(action: &Action) -> Self {
        let metas = || action.instructions.iter().flat_map(|built| &built.accounts);
        Self {
            kind: action.key.kind,
            instructions: action.instructions.len(),
            accounts: metas().count(),
            writable: metas().filter(|meta| meta.is_writable).count(),
        }
    }
}

/// The limits learned so far.
#[derive(Debug, Default)]
pub struct ComputeLimits(HashMap<Shape, u32>);

impl ComputeLimits {
    pub fn get(&self, shape: &Shape) -> Option<u32> {
        self.0.get(shape).copied()
    }

    /// Remembers what a simulation used and returns the limit to send with; never lower than one learned before.
    pub fn learn(&mut self, shape: Shape, units: u32) -> u32 {
        let limit = units.saturating_add(units / 4).saturating_add(HEADROOM);
        self.at_least(shape, limit)
    }

    /// Doubles a limit that was too low; returns the new one.
    pub fn raise(&mut self, shape: Shape, too_low: u32) -> u32 {
        self.at_least(shape, too_low.saturating_mul(2).max(2 * HEADROOM))
    }

    fn at_least(&mut self, shape: Shape, limit: u32) -> u32 {
        if self.0.len() >= SHAPES_MAX && !self.0.contains_key(&shape) {
            self.0.clear();
        }
        let held = self.0.entry(shape).or_insert(0);
        *held = limit.max(*held).min(COMPUTE_MAX);
        *held
    }
}

#[cfg(test)]
mod tests {
    use super::{ComputeLimits, Shape, COMPUTE_MAX};
    use crate::decide::Kind;

    const SHAPE: Shape = Shape {
        kind: Kind::Liquidate,
        instructions: 1,
        accounts: 9,
        writable: 5,
    };

    #[test]
    fn a_limit_that_was_too_low_is_raised_and_not_repeated() {
        let mut limits = ComputeLimits::default();
        let first = limits.learn(SHAPE, 16_000);
        assert_eq!(first, 40_000);
        let raised = limits.raise(SHAPE, first);
        assert_eq!(raised, 80_000);
        // A cheaper simulation afterwards does not bring the old limit back.
        assert_eq!(limits.learn(SHAPE, 16_000), 80_000);
        assert_eq!(limits.get(&SHAPE), Some(80_000));
    }

    #[test]
    fn no_limit_is_above_the_most_that_a_transaction_may_ask_for() {
        let mut limits = ComputeLimits::default();
        let mut limit = limits.learn(SHAPE, 1_300_000);
        for _ in 0..5 {
            limit = limits.raise(SHAPE, limit);
        }
        assert_eq!(limit, COMPUTE_MAX);
    }
}
