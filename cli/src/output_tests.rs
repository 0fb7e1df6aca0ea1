use super::*;

#[test]
fn times_read_as_dates() {
    for (seconds, text) in [
        (0, "1970-01-01 00:00:00"),
        (951_782_400, "2000-02-29 00:00:00"),
        (1_760_130_123, "2025-10-10 21:02:03"),
        (1_767_225_599, "2025-12-31 23:59:59"),
    ] {
        assert_eq!(time(seconds), text);
    }
}

#[test]
fn a_table_has_its_header_and_rows_without_trailing_frames() {
    let text = table(
        &["market", "price"],
        [["AVAX".to_owned(), "28.5".to_owned()]],
    );
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(
        lines[0].starts_with("market") && lines[2].starts_with("AVAX"),
        "{text}"
    );
}

#[test]
fn without_a_terminal_or_yes_nothing_is_sent() {
    // Under the test runner standard input may be a terminal; then there is nothing to test.
    if std::io::stdin().is_terminal() {
        return;
    }
    assert!(Output::new(false, false).confirm("Send it?").is_err());
    assert!(Output::new(false, true).confirm("Send it?").is_ok());
}
