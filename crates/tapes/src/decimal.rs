//! Decimal numbers of a tape as exact integers: no float stands between a price and the chain.

use anyhow::{bail, Result};

const FRACTION_DIGITS: usize = 8;

/// Reads `12.345` as 1_234_500_000: a positive decimal number in units of 10^-8. A ninth decimal
/// place, a sign, an exponent or a zero price is an error.
pub fn parse_price_e8(text: &str) -> Result<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
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

#[cfg(test)]
#[path = "decimal_tests.rs"]
mod tests;
