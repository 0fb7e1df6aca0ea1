//! Between what people write and what the chain stores: dollars, percent and sizes of an asset on one
//! side; atoms, lots, ticks and ppm on the other.
//!
//! Every conversion is exact or an error that says what would have been exact. Only figures that are
//! shown, never sent, are rounded. No float is involved.

use std::fmt;

use anyhow::{bail, ensure, Context, Result};
use plimsoll_client::engine::math;
use plimsoll_client::engine::params::MarketParams;
use plimsoll_client::engine::units::{LotSizes, LOTS_MAX, TICKS_MAX};

/// Decimals of the collateral: an atom is 10^-6 USDC.
pub(crate) const QUOTE_DECIMALS: u32 = 6;
/// Most decimals that a price or size is shown with.
const SHOWN_DECIMALS_MAX: u32 = 12;

/// A decimal number as it was written: `digits` / 10^`scale`, without trailing zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decimal {
    digits: u128,
    scale: u32,
}

impl Decimal {
    /// Reads `1234.5`; underscores may group digits. No sign, no exponent.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let plain: String = text.trim().chars().filter(|sign| *sign != '_').collect();
        let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let some = !whole.is_empty() || !fraction.is_empty();
        ensure!(
            some && all_digits(whole) && all_digits(fraction),
            "{text:?} is not a number such as 28.5"
        );
        let fraction = fraction.trim_end_matches('0');
        ensure!(fraction.len() <= 18, "{text:?} has too many decimal places");
        let digits = format!("{whole}{fraction}");
        let digits = if digits.is_empty() { "0" } else { &digits };
        ensure!(digits.len() <= 30, "{text:?} is too large");
        Ok(Self {
            digits: digits.parse().context("not a number")?,
            scale: u32::try_from(fraction.len())?,
        })
    }

    /// In units of 10^-`decimals`, exactly.
    pub(crate) fn to_scaled(self, decimals: u32) -> Result<u64> {
        ensure!(
            self.scale <= decimals,
            "{self} has more than {decimals} decimal places"
        );
        let factor = power_of_ten(decimals - self.scale)?;
        let scaled = self.digits.checked_mul(factor);
        scaled
            .and_then(|value| u64::try_from(value).ok())
            .with_context(|| format!("{self} is too large"))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&scaled_text(self.digits, self.scale, 0))
    }
}

fn power_of_ten(exponent: u32) -> Result<u128> {
    10_u128
        .checked_pow(exponent)
        .context("a number has too many decimal places")
}

/// `value` / 10^`decimals` with at least `places_min` decimal places and no further trailing zeros.
fn scaled_text(value: u128, decimals: u32, places_min: usize) -> String {
    let width = usize::try_from(decimals).unwrap_or(0);
    let digits = format!("{value:0>width$}", width = width + 1);
    let (whole, fraction) = digits.split_at(digits.len() - width);
    let mut fraction = fraction.trim_end_matches('0').to_owned();
    while fraction.len() < places_min.min(width) {
        fraction.push('0');
    }
    if fraction.is_empty() {
        whole.to_owned()
    } else {
        format!("{whole}.{fraction}")
    }
}

/// Quote atoms of an amount in dollars.
pub(crate) fn parse_usd(text: &str) -> Result<u64> {
    let text = text.trim().trim_start_matches('$');
    Decimal::parse(text)?
        .to_scaled(QUOTE_DECIMALS)
        .context("an amount of USDC has at most six decimal places")
}

/// An amount of quote atoms in dollars: `-12.50`.
pub(crate) fn usd(atoms: i64) -> String {
    let sign = if atoms < 0 { "-" } else { "" };
    format!("{sign}{}", usd_unsigned(atoms.unsigned_abs()))
}

/// An unsigned amount of quote atoms in dollars.
pub(crate) fn usd_unsigned(atoms: u64) -> String {
    scaled_text(u128::from(atoms), QUOTE_DECIMALS, 2)
}

/// Ppm of a percentage: `0.05%` is 500.
pub(crate) fn parse_percent(text: &str) -> Result<u32> {
    let Some(number) = text.trim().strip_suffix('%') else {
        bail!("{text:?} is not a percentage such as 0.5%");
    };
    let ppm = Decimal::parse(number)?
        .to_scaled(4)
        .context("a percentage has at most four decimal places")?;
    u32::try_from(ppm).with_context(|| format!("{text:?} is too large"))
}

/// A ratio in ppm as a percentage.
pub(crate) fn percent(ppm: u64) -> String {
    format!("{}%", scaled_text(u128::from(ppm), 4, 0))
}

/// Lamports as SOL.
pub(crate) fn sol(lamports: u64) -> String {
    scaled_text(u128::from(lamports), 9, 2)
}

/// Lamports of an amount in SOL.
pub(crate) fn parse_sol(text: &str) -> Result<u64> {
    Decimal::parse(text)?
        .to_scaled(9)
        .context("an amount of SOL has at most nine decimal places")
}

/// Which tick a price between two ticks becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Round {
    Down,
    Up,
}

/// The units of one market: how its lots and ticks read in the asset and in dollars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MarketUnits {
    pub(crate) sizes: LotSizes,
    pub(crate) base_decimals: u32,
    /// Decimal places in which every size of whole lots is exact.
    pub(crate) size_places: u32,
    /// Decimal places in which every tick is exact (or twelve, if there are none).
    pub(crate) price_places: u32,
}

impl MarketUnits {
    /// The units of a market with these parameters.
    pub(crate) fn of(params: &MarketParams) -> Self {
        Self::new(params.lot_sizes(), u32::from(params.base_decimals))
    }

    /// Units from the two sizes and the decimals of a base atom (at most 18).
    pub(crate) fn new(sizes: LotSizes, base_decimals: u32) -> Self {
        let lot = u128::from(sizes.base_atoms_per_lot);
        let size_places = (0..base_decimals)
            .find(|places| {
                let step = 10_u128.pow(base_decimals - places);
                lot.is_multiple_of(step)
            })
            .unwrap_or(base_decimals);
        let (numerator, denominator) = tick_usd(sizes, base_decimals);
        let price_places = (0..SHOWN_DECIMALS_MAX)
            .find(|places| {
                numerator
                    .checked_mul(10_u128.pow(*places))
                    .is_some_and(|scaled| scaled.is_multiple_of(denominator))
            })
            .unwrap_or(SHOWN_DECIMALS_MAX);
        Self {
            sizes,
            base_decimals,
            size_places,
            price_places,
        }
    }

    /// Lots of a size in the asset; an error if it is not a whole number of them.
    pub(crate) fn lots(&self, size: &str) -> Result<u64> {
        let lots = self.lots_of_atoms(self.base_atoms(size)?, size)?;
        ensure!(lots <= LOTS_MAX, "size {size} is above the largest order");
        Ok(lots)
    }

    /// Base atoms of a size in the asset, exactly.
    pub(crate) fn base_atoms(&self, size: &str) -> Result<u64> {
        Decimal::parse(size)?
            .to_scaled(self.base_decimals)
            .with_context(|| format!("size {size}"))
    }

    fn lots_of_atoms(&self, atoms: u64, size: &str) -> Result<u64> {
        ensure!(
            atoms.is_multiple_of(self.sizes.base_atoms_per_lot),
            "size {size} is not a multiple of the lot, {}",
            self.lot_size()
        );
        Ok(atoms / self.sizes.base_atoms_per_lot)
    }

    /// Ticks of a price in dollars; an error if it lies between two.
    pub(crate) fn ticks(&self, price: &str) -> Result<u64> {
        let decimal = Decimal::parse(price.trim().trim_start_matches('$'))?;
        let (tick, tick_denominator) = tick_usd(self.sizes, self.base_decimals);
        let numerator = decimal.digits.checked_mul(tick_denominator);
        let denominator = power_of_ten(decimal.scale)?.checked_mul(tick);
        let (Some(numerator), Some(denominator)) = (numerator, denominator) else {
            bail!("price {price} is too large or too fine");
        };
        ensure!(
            numerator.is_multiple_of(denominator),
            "price {price} is not a multiple of the tick, {}",
            self.tick_size()
        );
        let ticks = u64::try_from(numerator / denominator).unwrap_or(u64::MAX);
        ensure!(
            (1..=TICKS_MAX).contains(&ticks),
            "price {price} is out of range"
        );
        Ok(ticks)
    }

    /// The tick at or next to a Q.32 price.
    pub(crate) fn ticks_of_q32(&self, price: u64, round: Round) -> Result<u64> {
        let (lot, tick) = (
            self.sizes.base_atoms_per_lot,
            u128::from(self.sizes.quote_atoms_per_lot_tick),
        );
        let numerator = math::wide(price, lot);
        let denominator = tick << 32;
        let ticks = match round {
            Round::Down => numerator / denominator,
            Round::Up => numerator.div_ceil(denominator),
        };
        Ok(u64::try_from(ticks)?.clamp(1, TICKS_MAX))
    }

    /// Price of a tick in dollars.
    pub(crate) fn price(&self, ticks: u64) -> String {
        let (numerator, denominator) = tick_usd(self.sizes, self.base_decimals);
        let scaled = 10_u128
            .checked_pow(self.price_places)
            .and_then(|power| power.checked_mul(numerator))
            .and_then(|scaled| scaled.checked_mul(u128::from(ticks)));
        match scaled {
            Some(scaled) => self.price_text(scaled / denominator),
            None => format!("{ticks} ticks"),
        }
    }

    /// A Q.32 price in dollars, rounded to the nearest decimal place that a tick shows.
    pub(crate) fn price_q32(&self, price: u64) -> String {
        let power = 10_u128.checked_pow(self.price_places + self.base_decimals);
        let scaled = power.and_then(|power| power.checked_mul(u128::from(price)));
        let denominator = 10_u128.pow(QUOTE_DECIMALS) << 32;
        match scaled {
            Some(scaled) => self.price_text((scaled + denominator / 2) / denominator),
            None => format!("{price} / 2^32"),
        }
    }

    fn price_text(&self, scaled: u128) -> String {
        let places = usize::try_from(self.price_places).unwrap_or(0);
        scaled_text(scaled, self.price_places, places)
    }

    /// A number of lots in the asset.
    pub(crate) fn size(&self, lots: u64) -> String {
        self.atoms_text(u128::from(lots) * u128::from(self.sizes.base_atoms_per_lot))
    }

    /// A position of base atoms in the asset, signed.
    pub(crate) fn position(&self, base: i64) -> String {
        let sign = if base < 0 { "-" } else { "" };
        format!("{sign}{}", self.atoms_text(u128::from(base.unsigned_abs())))
    }

    fn atoms_text(&self, atoms: u128) -> String {
        scaled_text(atoms, self.base_decimals, 0)
    }

    /// One lot in the asset.
    pub(crate) fn lot_size(&self) -> String {
        self.size(1)
    }

    /// One tick in dollars.
    pub(crate) fn tick_size(&self) -> String {
        let text = self.price(1);
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text
        }
    }
}

/// A tick in dollars per unit of the asset, as a fraction: quote atoms per lot-tick over atoms per lot.
fn tick_usd(sizes: LotSizes, base_decimals: u32) -> (u128, u128) {
    let base = 10_u128.pow(base_decimals.min(18));
    let quote = 10_u128.pow(QUOTE_DECIMALS);
    let numerator = u128::from(sizes.quote_atoms_per_lot_tick) * base;
    let denominator = u128::from(sizes.base_atoms_per_lot) * quote;
    let common = greatest_common_divisor(numerator, denominator).max(1);
    (numerator / common, (denominator / common).max(1))
}

const fn greatest_common_divisor(mut left: u128, mut right: u128) -> u128 {
    while right != 0 {
        (left, right) = (right, left % right);
    }
    left
}

#[cfg(test)]
#[path = "units_tests.rs"]
mod tests;
