use super::parse_price_e8;

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
