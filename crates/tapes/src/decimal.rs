//! Decimal numbers of a tape as exact integers: no float stands between a price and the chain.

use anyhow::{bail, Result};

const FRACTION_DIGITS: usize = 8;
/// What a volume is multiplied by, as a power of ten.
const VOLUME_EXPONENT: i64 = 8;
/// Digits of the largest `u64`.
const U64_DIGITS: usize = 20;

/// Reads `12.345` as 1_234_500_000: a positive decimal number in units of 10^-8. A ninth decimal
/// place, a sign, an exponent or a zero price is an error.
pub fn parse_price_e8(text: &str) -> Result<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
        bail!("{text:?} is not a decimal number");
    }
    if fraction.len() > FRACTION_DIGITS {
        bail!("{text:?} has more than {FRACTION_DIGITS} decimal places");
    }
    let digits = format!("{whole}{fraction:0<FRACTION_DIGITS$}");
    match digits.parse::<i64>() {
        Ok(0) => bail!("{text:?} is not a price: it must be above zero"),
        Ok(price_e8) => Ok(price_e8),
        Err(_) => bail!("{text:?} is too large for a price"),
    }
}

/// Reads `12.345` or `6.267e-05` as units of 10^-8: a decimal number that is not negative, with or
/// without an exponent, as summed volumes are often written. What lies beyond the eighth decimal
/// place is dropped.
pub fn parse_volume_e8(text: &str) -> Result<u64> {
    let Some((digits, exponent)) = scientific(text) else {
        bail!("{text:?} is not a volume");
    };
    let digits = digits.trim_start_matches('0');
    let shift = exponent.saturating_add(VOLUME_EXPONENT);
    if digits.is_empty() {
        return Ok(0);
    }
    // More zeros than the largest number has digits are not even written down.
    let kept = match usize::try_from(shift) {
        Ok(zeros) if zeros <= U64_DIGITS => format!("{digits}{:0<zeros$}", ""),
        Ok(_) => bail!("{text:?} is too large for a volume"),
        Err(_) => {
            let dropped = usize::try_from(shift.unsigned_abs()).unwrap_or(usize::MAX);
            digits[..digits.len().saturating_sub(dropped)].to_owned()
        }
    };
    if kept.is_empty() {
        return Ok(0);
    }
    match kept.parse() {
        Ok(volume_e8) => Ok(volume_e8),
        Err(_) => bail!("{text:?} is too large for a volume"),
    }
}

/// The digits of a number and the power of ten of the last one; `None` where it is no number.
fn scientific(text: &str) -> Option<(String, i64)> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, i64::from(exponent.parse::<i32>().ok()?)),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let places = i64::try_from(fraction.len()).ok()?;
    Some((format!("{whole}{fraction}"), exponent.checked_sub(places)?))
}

fn all_digits(part: &str) -> bool {
    part.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
#[path = "decimal_tests.rs"]
mod tests;
