//! Amounts for people to read. What is checked to the atom is shown to the atom elsewhere.

use crate::units::usd_unsigned;

/// A test dollar in quote atoms.
pub const USD: u64 = 1_000_000;
const CENT: u128 = 10_000;

/// `$1,234.56`, rounded down to a cent; under a dollar as exact as it is.
pub fn dollars(atoms: u128) -> String {
    if atoms < u128::from(USD) {
        return format!("${}", usd_unsigned(u64::try_from(atoms).unwrap_or(0)));
    }
    let whole = atoms / u128::from(USD);
    format!("${}.{:02}", grouped(whole), atoms / CENT % 100)
}

/// `$1,234`, rounded down to a dollar.
pub fn dollars_whole(atoms: u128) -> String {
    format!("${}", grouped(atoms / u128::from(USD)))
}

/// `-$1,234`, to a dollar toward zero.
pub fn dollars_signed(atoms: i64) -> String {
    let sign = if atoms < 0 { "-" } else { "" };
    format!("{sign}{}", dollars_whole(u128::from(atoms.unsigned_abs())))
}

/// `-$1,234.56`, to a cent toward zero.
pub fn dollars_cents(atoms: i64) -> String {
    let sign = if atoms < 0 { "-" } else { "" };
    let atoms = u128::from(atoms.unsigned_abs());
    let whole = grouped(atoms / u128::from(USD));
    format!("{sign}${whole}.{:02}", atoms / CENT % 100)
}

/// Digits in groups of three.
pub fn grouped(number: u128) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at != 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{dollars, dollars_whole, grouped};

    #[test]
    fn amounts_read_as_dollars() {
        assert_eq!(dollars(1_234_567_891_000), "$1,234,567.89");
        assert_eq!(dollars(1_000_000), "$1.00");
        assert_eq!(dollars(18_114), "$0.018114");
        assert_eq!(dollars_whole(999_999_999), "$999");
        assert_eq!(grouped(12), "12");
        assert_eq!(grouped(1_000), "1,000");
    }
}
