//! Credit (spec §10): vaults, lines, draws, and the way back of what was drawn.
//!
//! Pure transitions; the program moves the tokens that they name. The exchange takes no credit
//! decision here and no credit risk: what a draw adds to an account it takes from one vault, and what
//! is lost is lost by that vault alone (INV-6).
//!
//! Interest runs until a line is next touched. Whoever computes an account's risk for a transition of
//! this module calls [`line::accrue`] before, so that e contains all interest owed.

use crate::error::Result;
use crate::math;

pub mod draw;
pub mod line;
pub mod repay;
mod terms;
pub mod vault;

#[cfg(test)]
mod tests;

/// Seconds of the year that rates are meant for: 365 days.
pub const SECONDS_PER_YEAR: u64 = 31_536_000;

/// Maintenance margin that a draw restores, and that a repayment out of cash must leave, percent.
const TARGET_PERCENT: u64 = 115;

/// ⌈1.15 × M⌉ for M quote atoms of maintenance margin. Rounded up: the account is left no less safe
/// than the target (R22). `Overflow` where it does not fit.
pub fn margin_target(maintenance_margin: u64) -> Result<u64> {
    math::mul_div_ceil(maintenance_margin, TARGET_PERCENT, 100)
}
