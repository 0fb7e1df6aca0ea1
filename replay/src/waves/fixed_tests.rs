use super::{parse, Fixed};

fn fixed(text: &str) -> Fixed {
    parse(text).expect(text).value
}

#[test]
fn numbers_are_read_exactly_and_printed_as_they_were_written() {
    for text in [
        "0",
        "1",
        "-1852005.8496450742",
        "0.00046101476931520235",
        "0.000000000000000000000001",
        "99999999999.999999999999999999999999",
    ] {
        assert_eq!(fixed(text).to_string(), text);
    }
    for (text, plain, places) in [
        ("1.0", "1", 1),
        ("9.3e-05", "0.000093", 6),
        ("1.2345678901234567e-08", "0.000000012345678901234567", 24),
        ("1.5E+3", "1500", 0),
        ("007", "7", 0),
        ("-0.0", "0", 1),
        ("0e-40", "0", 24),
        ("0e999999999", "0", 0),
    ] {
        let written = parse(text).expect(text);
        assert_eq!(
            (written.value.to_string().as_str(), written.places),
            (plain, places),
            "{text}"
        );
    }
}

#[test]
fn what_is_not_a_number_or_does_not_fit_is_refused() {
    for text in [
        "", "-", "+1", ".5", "1,5", "nan", "inf", " 1", "1e", "1e1.5", "--1", "1.2.3",
    ] {
        let error = parse(text).expect_err(text).to_string();
        assert_eq!(error, format!("{text:?} is not a decimal number"));
    }
    for text in ["0.0000000000000000000000001", "1e-25", "1e-2147483648"] {
        let error = parse(text).expect_err(text).to_string();
        assert_eq!(error, format!("{text:?} has more than 24 decimal places"));
    }
    for text in ["100000000000", "1e11", "-1e11", "1e2147483647", "1e38"] {
        let error = parse(text).expect_err(text).to_string();
        assert_eq!(error, format!("{text:?} is too large"));
    }
}

#[test]
fn a_ratio_has_every_place() {
    let cases = [
        ("1", "3", "0.333333333333333333333333"),
        ("99999999999", "99999999999", "1"),
        ("22", "7", "3.142857142857142857142857"),
        ("0.000001", "99999999999", "0.000000000000000010000000"),
        ("0", "5", "0"),
    ];
    for (numerator, denominator, expected) in cases {
        let ratio = Fixed::ratio(fixed(numerator), fixed(denominator));
        assert_eq!(ratio, fixed(expected), "{numerator} / {denominator}");
    }
}

#[test]
fn shown_numbers_round_half_away_from_zero() {
    let cases = [
        ("939.2135369", 2, "939.21"),
        ("-74485.175", 2, "-74485.18"),
        ("0.005", 2, "0.01"),
        ("-0.004", 2, "0.00"),
        ("9.5", 0, "10"),
        ("0.4", 0, "0"),
        ("12", 2, "12.00"),
    ];
    for (text, places, expected) in cases {
        assert_eq!(fixed(text).rounded(places), expected, "{text}");
    }
    assert_eq!(fixed("0.16519978888").percent(4), "16.5200%");
    assert_eq!(fixed("1.0").percent(2), "100.00%");
}

#[test]
fn atoms_are_millionths_rounded_down() {
    assert_eq!(fixed("8055.8719289").atoms().expect("atoms"), 8_055_871_928);
    assert_eq!(Fixed::of_atoms(8_055_871_928), fixed("8055.871928"));
    assert!(fixed("-1").atoms().is_err());
}
