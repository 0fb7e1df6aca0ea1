//! Units as types, and the one table of products that are legal between them (spec §3).
//!
//! Accounts store raw integers with the unit in the field's doc; every computation that crosses units
//! goes through a function of this file, so that an illegal product does not compile:
//!
//! ```compile_fail
//! use plimsoll_engine::units::{BaseLots, Ticks};
//! let _ = BaseLots(1) * Ticks(1);
//! ```
//! ```
//! use plimsoll_engine::units::{BaseLots, LotSizes, Ticks};
//! let sizes = LotSizes { base_atoms_per_lot: 1_000_000, quote_atoms_per_lot_tick: 10 };
//! assert_eq!(sizes.fill_cash(BaseLots(3), Ticks(2)).unwrap().0, 60);
//! ```
//!
//! | left | right | gives | function |
//! |---|---|---|---|
//! | `BaseLots` | `Ticks` | `QuoteAtoms` (exact) | [`LotSizes::fill_cash`] |
//! | `BaseLots` | – | base atoms (exact) | [`LotSizes::base_atoms`] |
//! | `Ticks` | – | `PriceQ32` (floor or ceiling) | [`LotSizes::price_floor`], [`LotSizes::price_ceil`] |
//! | base atoms | `PriceQ32` | `QuoteAtoms` (floor or ceiling) | [`PriceQ32::value_floor`], [`PriceQ32::value_ceil`] |

use crate::error::{EngineError, Result};
use crate::math;

#[cfg(test)]
mod tests;

/// Amount of the collateral token's smallest unit (1e-6 USDC), unsigned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct QuoteAtoms(pub u64);

/// Size of an order: a whole number of lots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct BaseLots(pub u64);

/// Price of an order: a whole number of ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticks(pub u64);

/// Quote atoms per base atom, times 2^32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PriceQ32(pub u64);

/// Largest price of an order, in ticks.
pub const TICKS_MAX: u64 = (1 << 40) - 1;
/// Largest size of one order, in lots.
pub const LOTS_MAX: u64 = (1 << 32) - 1;
/// Bound of a position: |base| < 2^48 base atoms.
pub const BASE_ATOMS_BOUND: u64 = 1 << 48;
/// Largest mark or index: 2^44 is 4,096 quote atoms a base atom, while a listing starts under one.
pub const PRICE_Q32_MAX: u64 = 1 << 44;

impl PriceQ32 {
    /// Value of `base_atoms`, rounded down: for what is owed to a holder.
    #[inline(always)]
    pub fn value_floor(self, base_atoms: u64) -> Result<u64> {
        math::mul_q32_floor(base_atoms, self.0)
    }

    /// Value of `base_atoms`, rounded up: for what a holder owes.
    #[inline(always)]
    pub fn value_ceil(self, base_atoms: u64) -> Result<u64> {
        math::mul_q32_ceil(base_atoms, self.0)
    }

    /// Signed value of a position: a long's asset floors, a short's debt grows to the next atom, so
    /// that no holder gains from rounding (INV-4).
    #[inline(always)]
    pub fn position_value(self, base: i64) -> Result<i64> {
        if base >= 0 {
            math::signed(self.value_floor(base.unsigned_abs())?)
        } else {
            let debt = math::signed(self.value_ceil(base.unsigned_abs())?)?;
            debt.checked_neg().ok_or(EngineError::Overflow)
        }
    }
}

/// The two sizes that tie lots and ticks to atoms. Both are at least one and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LotSizes {
    /// Base atoms in one lot.
    pub base_atoms_per_lot: u64,
    /// Quote atoms that one tick is worth on one lot.
    pub quote_atoms_per_lot_tick: u64,
}

impl LotSizes {
    /// Cash flow of a fill, exact: lots × ticks × quote atoms per lot-tick.
    #[inline(always)]
    pub fn fill_cash(self, lots: BaseLots, price: Ticks) -> Result<QuoteAtoms> {
        let per_lot = math::mul(price.0, self.quote_atoms_per_lot_tick)?;
        Ok(QuoteAtoms(math::mul(lots.0, per_lot)?))
    }

    /// Base atoms of `lots`, exact.
    #[inline(always)]
    pub fn base_atoms(self, lots: BaseLots) -> Result<u64> {
        math::mul(lots.0, self.base_atoms_per_lot)
    }

    /// Whole lots in `base_atoms`, rounded down: a remainder below one lot is not tradable.
    #[inline(always)]
    pub fn lots_floor(self, base_atoms: u64) -> BaseLots {
        BaseLots(base_atoms.checked_div(self.base_atoms_per_lot).unwrap_or(0))
    }

    /// Q.32 price of a tick, rounded down.
    #[inline(always)]
    pub fn price_floor(self, price: Ticks) -> Result<PriceQ32> {
        let per_lot = math::mul(price.0, self.quote_atoms_per_lot_tick)?;
        if per_lot >> 32 == 0 {
            let q = (per_lot << 32).checked_div(self.base_atoms_per_lot);
            return Ok(PriceQ32(q.ok_or(EngineError::Overflow)?));
        }
        Ok(PriceQ32(math::mul_div_floor(
            per_lot,
            1 << 32,
            self.base_atoms_per_lot,
        )?))
    }

    /// Smallest tick whose price is not under `price`: for a seller's worst price.
    pub fn ticks_ceil(self, price: PriceQ32) -> Result<Ticks> {
        let product = math::wide(price.0, self.base_atoms_per_lot);
        let tick = u128::from(self.quote_atoms_per_lot_tick) << 32;
        Ok(Ticks(math::narrow(product.div_ceil(tick))?))
    }

    /// Largest tick whose price is not over `price`: for a buyer's worst price.
    pub fn ticks_floor(self, price: PriceQ32) -> Result<Ticks> {
        let product = math::wide(price.0, self.base_atoms_per_lot);
        let tick = u128::from(self.quote_atoms_per_lot_tick) << 32;
        let ticks = product.checked_div(tick).ok_or(EngineError::Overflow)?;
        Ok(Ticks(math::narrow(ticks)?))
    }

    /// Q.32 price of a tick, rounded up.
    #[inline(always)]
    pub fn price_ceil(self, price: Ticks) -> Result<PriceQ32> {
        let per_lot = math::mul(price.0, self.quote_atoms_per_lot_tick)?;
        Ok(PriceQ32(math::mul_div_ceil(
            per_lot,
            1 << 32,
            self.base_atoms_per_lot,
        )?))
    }
}
