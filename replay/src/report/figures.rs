//! How figures are written for people. Rounded to what is worth reading; the exact ones are in `summary.json`.

/// A proper minus.
const MINUS: &str = "\u{2212}";
const USDC: u128 = 1_000_000;
const DAY_SECONDS: i64 = 86_400;
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// `value` / 10^`scale` with `places` decimals, half away from zero, thousands set apart.
pub(crate) fn decimal(value: i128, scale: u32, places: u32) -> String {
    let dropped = 10_u128.pow(scale.saturating_sub(places));
    let digits = value.unsigned_abs().saturating_add(dropped / 2) / dropped;
    let places = places.min(scale);
    let unit = 10_u128.pow(places);
    let sign = if value < 0 && digits > 0 { MINUS } else { "" };
    let whole = grouped(digits / unit);
    if places == 0 {
        return format!("{sign}{whole}");
    }
    let width = usize::try_from(places).unwrap_or(0);
    format!("{sign}{whole}.{:0width$}", digits % unit)
}

pub(crate) fn count(value: i128) -> String {
    decimal(value, 0, 0)
}

/// Quote atoms as USDC: whole ones from a thousand on, cents below, every atom of less than a cent.
pub(crate) fn amount(atoms: i128) -> String {
    let size = atoms.unsigned_abs();
    let places = match size {
        0 => 0,
        _ if size >= 1_000 * USDC => 0,
        _ if size >= USDC / 100 => 2,
        _ => 6,
    };
    decimal(atoms, 6, places)
}

/// Quote atoms as USDC, short: 1.23m, 45.6k.
pub(crate) fn compact(atoms: i128) -> String {
    // The limits are where rounding would reach the next unit.
    let steps = [(15, "bn"), (12, "m"), (9, "k")];
    let size = atoms.unsigned_abs();
    for (scale, letter) in steps {
        let unit = 10_u128.pow(scale);
        if size < unit - unit / 2_000 {
            continue;
        }
        let places = match size / unit {
            0..=9 => 2,
            10..=99 => 1,
            _ => 0,
        };
        return format!("{}{letter}", decimal(atoms, scale, places));
    }
    amount(atoms)
}

/// 10^-8 dollars as dollars: at least cents, more where there are more.
pub(crate) fn price(e8: i64) -> String {
    let places = match e8.unsigned_abs() / 100_000_000 {
        0 => 6,
        1..=999 => 4,
        _ => 2,
    };
    at_least_cents(&decimal(e8.into(), 8, places))
}

/// Without the zeros that follow cents.
fn at_least_cents(text: &str) -> String {
    let Some((whole, fraction)) = text.split_once('.') else {
        return text.to_owned();
    };
    let kept = fraction.trim_end_matches('0');
    format!("{whole}.{kept:0<2}")
}

/// The same with the digits that a glance can use.
pub(crate) fn price_short(e8: i64) -> String {
    let places = match e8.unsigned_abs() / 100_000_000 {
        0 => 5,
        1..=9 => 3,
        10..=9_999 => 2,
        _ => 0,
    };
    at_least_cents(&decimal(e8.into(), 8, places))
}

/// Quote atoms as USDC on an axis: short and without trailing zeros.
pub(crate) fn axis(atoms: i128) -> String {
    let text = compact(atoms);
    let digits = text.trim_end_matches(char::is_alphabetic);
    let unit = &text[digits.len()..];
    let kept = if digits.contains('.') {
        digits.trim_end_matches('0').trim_end_matches('.')
    } else {
        digits
    };
    format!("{kept}{unit}")
}

/// Ppm as percent.
pub(crate) fn percent(ppm: i128) -> String {
    let places = match ppm.unsigned_abs() {
        size if size % 10_000 == 0 => 0,
        1..=999 => 4,
        1_000..=99_999 => 2,
        _ => 1,
    };
    format!("{}%", decimal(ppm, 4, places))
}

/// (`a` − `b`) / |`b`|, ppm; none where `b` is nothing.
pub(crate) fn relative_ppm(a: i128, b: i128) -> Option<i128> {
    a.checked_sub(b)?
        .checked_mul(1_000_000)?
        .checked_div(b.checked_abs()?)
}

/// With its sign, also a plus.
pub(crate) fn signed(text: String) -> String {
    if text.starts_with(MINUS) {
        text
    } else {
        format!("+{text}")
    }
}

/// UTC time of day; seconds only where they say something.
pub(crate) fn clock(unix_seconds: i64) -> String {
    let second = unix_seconds.rem_euclid(DAY_SECONDS);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    if second == 0 {
        format!("{hour:02}:{minute:02}")
    } else {
        format!("{hour:02}:{minute:02}:{second:02}")
    }
}

/// UTC time of day of a second of the stretch.
pub(crate) fn clock_at(start: i64, second: u32) -> String {
    clock(start.saturating_add(second.into()))
}

/// UTC date, as in 10 October 2025.
pub(crate) fn date(unix_seconds: i64) -> String {
    // Days are counted from 1 March of year 0, so that the leap day is a year's last.
    let day = unix_seconds.div_euclid(DAY_SECONDS) + 719_468;
    let (era, day) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let late = i64::from(month >= 10);
    let name = usize::try_from(month + 2).map_or("", |month| MONTHS[month % 12]);
    format!("{day} {name} {}", year + era * 400 + late)
}

pub(crate) fn duration(seconds: i64) -> String {
    match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
        (0, 0, second) => format!("{second} s"),
        (0, minute, 0) => format!("{minute} min"),
        (0, minute, second) => format!("{minute} min {second} s"),
        (hour, 0, 0) => format!("{hour} h"),
        (hour, minute, 0) => format!("{} h {minute} min", count(hour.into())),
        (hour, minute, second) => format!("{} h {minute} min {second} s", count(hour.into())),
    }
}

/// `one` or `many`, after the number.
pub(crate) fn plural(number: u64, one: &str, many: &str) -> String {
    let word = if number == 1 { one } else { many };
    format!("{} {word}", count(number.into()))
}

fn grouped(number: u128) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_rounded_to_what_is_worth_reading() {
        assert_eq!(amount(1_234_567_899_999), "1,234,568");
        assert_eq!(amount(-12_345_678), "\u{2212}12.35");
        assert_eq!(amount(3), "0.000003");
        assert_eq!(amount(0), "0");
        assert_eq!(compact(999_999_000_000), "1.00m");
        assert_eq!(compact(999_000_000), "999.00");
        assert_eq!(compact(-45_600_000_000), "\u{2212}45.6k");
        assert_eq!(axis(50_000_000_000_000), "50m");
        assert_eq!(axis(1_250_000_000), "1.25k");
        assert_eq!(axis(200_000), "0.2");
        assert_eq!(axis(0), "0");
        assert_eq!(price_short(2_092_490_000), "20.92");
        assert_eq!(price_short(392_780_000), "3.928");
        assert_eq!(price(602_000_000), "6.02");
        assert_eq!(price(392_780_000), "3.9278");
        assert_eq!(price(1_234_567), "0.012346");
        assert_eq!(price_short(602_000_000), "6.02");
        assert_eq!(percent(1_000_000), "100%");
        assert_eq!(percent(345_678), "34.6%");
        assert_eq!(percent(-13_400), "\u{2212}1.34%");
        assert_eq!(percent(7), "0.0007%");
    }

    #[test]
    fn seconds_are_dates_and_times_of_utc() {
        assert_eq!(date(1_760_126_400), "10 October 2025");
        assert_eq!(date(951_782_400), "29 February 2000");
        assert_eq!(date(0), "1 January 1970");
        assert_eq!(date(1_735_603_200), "31 December 2024");
        assert_eq!(clock(1_760_126_400), "20:00");
        assert_eq!(clock(1_760_130_431), "21:07:11");
        assert_eq!(duration(10_800), "3 h");
        assert_eq!(duration(90), "1 min 30 s");
    }
}
