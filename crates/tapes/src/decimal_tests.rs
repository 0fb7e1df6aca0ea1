use super::{parse_price_e8, parse_volume_e8};

#[test]
fn decimals_are_read_exactly() {
    let cases = [
        ("116679.2", 11_667_920_000_000),
        ("3.927", 392_700_000),
        ("1", 100_000_000),
        ("0.00000001", 1),
        ("26.43", 2_643_000_000),
        ("92233720368.54775807", i64::MAX),
    ];
    for (text, expected) in cases {
        assert_eq!(parse_price_e8(text).expect(text), expected, "{text}");
    }
}

#[test]
fn what_is_not_a_price_is_refused() {
    for text in [
        "",
        ".",
        ".5",
        "-1",
        "+1",
        "1e3",
        "1,5",
        "nan",
        "1.2.3",
        " 1",
        "0",
        "0.0",
        "0.000000001",
        "92233720368.54775808",
    ] {
        assert!(parse_price_e8(text).is_err(), "{text:?} was accepted");
    }
}

#[test]
fn volumes_are_read_exactly_down_to_the_eighth_place() {
    let cases = [
        ("4", 400_000_000),
        ("28.365", 2_836_500_000),
        ("28.", 2_800_000_000),
        ("0.00089667", 89_667),
        ("6.267e-05", 6_267),
        ("1E-8", 1),
        ("9.9e-9", 0),
        ("0.123456789", 12_345_678),
        ("12345.6789012345e-3", 1_234_567_890),
        ("1.2e+06", 120_000_000_000_000),
        ("0", 0),
        ("0e2147483647", 0),
        ("7e-2147483648", 0),
        ("1000000000000000000000e-20", 1_000_000_000),
        ("184467440737.09551615", u64::MAX),
    ];
    for (text, expected) in cases {
        assert_eq!(parse_volume_e8(text).expect(text), expected, "{text}");
    }
}

#[test]
fn what_is_not_a_volume_is_refused() {
    for text in [
        "", ".", ".5", "-1", "+1", "e3", "1e", "1e1.5", "1e3e3", "1,5", "nan", "inf", " 1", "1.2.3",
    ] {
        let error = parse_volume_e8(text).expect_err(text).to_string();
        assert_eq!(error, format!("{text:?} is not a volume"));
    }
    for text in ["184467440737.09551616", "1e12", "1e13", "2e2147483647"] {
        let error = parse_volume_e8(text).expect_err(text).to_string();
        assert_eq!(error, format!("{text:?} is too large for a volume"));
    }
}
