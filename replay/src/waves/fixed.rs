//! Decimal numbers as integers of 10^-24: dollars and shares of a file, exactly as they are written there.

use std::fmt;

use anyhow::{bail, ensure, Result};
use serde::{Serialize, Serializer};

/// Decimal places that are kept. A double is written with 17 digits, which places a share down to 10^-8.
const PLACES: u32 = 24;
const ONE: i128 = 10_i128.pow(PLACES);
/// Amounts are under this power of ten of dollars, so that no sum and no product with ten runs over.
const WHOLE_DIGITS: u32 = 11;
/// Quote atoms a dollar.
const ATOM: i128 = ONE / 1_000_000;

/// A number in 10^-24.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fixed(pub(super) i128);

impl Fixed {
    pub const ZERO: Self = Self(0);
    pub const ONE: Self = Self(ONE);

    /// One in the last of so many decimal places, at most 24.
    pub fn step(places: u32) -> Self {
        Self(10_i128.pow(PLACES.saturating_sub(places)))
    }

    /// Whole quote atoms of an amount that is not negative, rounded down.
    pub fn atoms(self) -> Result<u64> {
        Ok(u64::try_from(self.0 / ATOM)?)
    }

    /// The amount of so many quote atoms.
    pub fn of_atoms(atoms: u64) -> Self {
        Self(i128::from(atoms) * ATOM)
    }

    /// ⌊numerator / denominator⌋ in 10^-24, by long division; neither is negative, the denominator not zero.
    pub fn ratio(numerator: Self, denominator: Self) -> Self {
        let (mut quotient, mut rest) = (numerator.0 / denominator.0, numerator.0 % denominator.0);
        for _ in 0..PLACES {
            rest *= 10;
            quotient = quotient * 10 + rest / denominator.0;
            rest %= denominator.0;
        }
        Self(quotient)
    }

    /// With so many decimal places, the last one rounded half away from zero.
    pub fn rounded(self, places: u32) -> String {
        let places = places.min(PLACES);
        let unit = Self::step(places).0;
        let rounded = (self.0.abs() + unit / 2) / unit;
        let decimals = usize::try_from(places).unwrap_or(0);
        let digits = format!("{rounded:0>width$}", width = decimals + 1);
        let (whole, fraction) = digits.split_at(digits.len() - decimals);
        let sign = if self.0 < 0 && rounded != 0 { "-" } else { "" };
        let point = if fraction.is_empty() { "" } else { "." };
        format!("{sign}{whole}{point}{fraction}")
    }

    /// A share in percent, rounded as above.
    pub fn percent(self, places: u32) -> String {
        format!("{}%", Self(self.0 * 100).rounded(places))
    }
}

impl fmt::Display for Fixed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.rounded(PLACES);
        f.write_str(all.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// A decimal string: no reader takes it for a double.
impl Serialize for Fixed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A number of a file, and how finely it is written there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    pub value: Fixed,
    /// Decimal places.
    pub places: u32,
}

/// Reads `-12.5` or `9.3e-05`. More than 24 decimal places, or a hundred billion, is an error.
pub fn parse(text: &str) -> Result<Written> {
    let Some((negative, digits, exponent)) = scientific(text) else {
        bail!("{text:?} is not a decimal number");
    };
    let places = u32::try_from(exponent.saturating_neg().max(0)).unwrap_or(u32::MAX);
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        let places = places.min(PLACES);
        return Ok(Written {
            value: Fixed::ZERO,
            places,
        });
    }
    ensure!(
        places <= PLACES,
        "{text:?} has more than {PLACES} decimal places"
    );
    let zeros = exponent.saturating_add(i64::from(PLACES));
    let length = i64::try_from(digits.len())?.saturating_add(zeros);
    ensure!(
        length <= i64::from(PLACES + WHOLE_DIGITS),
        "{text:?} is too large"
    );
    let units: i128 =
        format!("{digits}{:0<zeros$}", "", zeros = usize::try_from(zeros)?).parse()?;
    let value = Fixed(if negative { -units } else { units });
    Ok(Written { value, places })
}

/// Sign and digits of a number, and the power of ten of the last one; `None` where it is no number.
fn scientific(text: &str) -> Option<(bool, String, i64)> {
    let (negative, size) = match text.strip_prefix('-') {
        Some(size) => (true, size),
        None => (false, text),
    };
    let (mantissa, exponent) = match size.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, i64::from(exponent.parse::<i32>().ok()?)),
        None => (size, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let places = i64::try_from(fraction.len()).ok()?;
    let exponent = exponent.checked_sub(places)?;
    Some((negative, format!("{whole}{fraction}"), exponent))
}

#[cfg(test)]
#[path = "fixed_tests.rs"]
mod tests;
