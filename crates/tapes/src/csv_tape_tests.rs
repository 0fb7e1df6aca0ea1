use super::*;

const HEADER: &str = "unix_seconds,open,high,low,close,volume,trades";

fn tape(rows: &[&str]) -> Result<CsvTape> {
    let text = format!("{HEADER}\n{}\n", rows.join("\n"));
    CsvTape::read("sol.csv", text.as_bytes())
}

fn error_of(rows: &[&str]) -> String {
    format!("{:#}", tape(rows).expect_err("a bad tape"))
}

const GOOD: &str = "1760126403,205.298,205.4,205.2,205.31,4,2";

#[test]
fn a_row_becomes_its_close_with_half_its_range_as_confidence() {
    let tape = tape(&["1760126403,200,210,190,205.5,4,2"]).expect("tape");
    assert_eq!(
        tape.points(),
        [PricePoint {
            unix_seconds: 1_760_126_403,
            price_e8: 20_550_000_000,
            conf_e8: 1_000_000_000,
        }]
    );
}

#[test]
fn a_second_without_movement_still_has_the_least_confidence() {
    let tape = tape(&["1760126403,200,200,200,200,4,2"]).expect("tape");
    assert_eq!(tape.points()[0].conf_e8, 10_000_000);
}

#[test]
fn a_close_outside_rounded_extremes_widens_the_range() {
    let tape = tape(&["1760126405,116705.99,116706,116706,100000,0.01,1"]).expect("tape");
    assert_eq!(tape.points()[0].conf_e8, 1_670_600_000_000 / 2);
}

#[test]
fn a_row_is_kept_whole() {
    let tape = tape(&["1760126403,200,210,190,205.5,6.267e-05,2"]).expect("tape");
    assert_eq!(
        tape.candles(),
        [Candle {
            unix_seconds: 1_760_126_403,
            open_e8: 20_000_000_000,
            high_e8: 21_000_000_000,
            low_e8: 19_000_000_000,
            close_e8: 20_550_000_000,
            volume_e8: 6_267,
            trades: 2,
        }]
    );
}

#[test]
fn high_and_low_hold_open_and_close() {
    let rows = ["100,5,3,2,1,1,1", "101,1,3,2,5,1,1"];
    let tape = tape(&rows).expect("tape");
    for candle in tape.candles() {
        let extremes = (candle.high_e8, candle.low_e8);
        assert_eq!(extremes, (500_000_000, 100_000_000));
    }
}

#[test]
fn every_bad_row_is_an_error_that_names_file_and_line() {
    let cases = [
        (
            "x,1,1,1,1,1,1",
            "sol.csv:3: column unix_seconds: \"x\" is not a time",
        ),
        (
            "0,1,1,1,1,1,1",
            "sol.csv:3: column unix_seconds: \"0\" is not a time",
        ),
        (
            "1760126404,1,1,1,-1,1,1",
            "sol.csv:3: column close: \"-1\" is not a decimal number",
        ),
        (
            "1760126404,1,1,0,1,1,1",
            "sol.csv:3: column low: \"0\" is not a price: it must be above zero",
        ),
        (
            "1760126404,1,1,2,1,1,1",
            "sol.csv:3: the high 1 is below the low 2",
        ),
        (
            "1760126404,1,1,1,1,inf,1",
            "sol.csv:3: column volume: \"inf\" is not a volume",
        ),
        (
            "1760126404,1,1,1,1,1e30,1",
            "sol.csv:3: column volume: \"1e30\" is too large for a volume",
        ),
        (
            "1760126404,1,1,1,1,1,1.5",
            "sol.csv:3: column trades: \"1.5\" is not a count",
        ),
        (
            "1760126404,1,1,1,1,1",
            "sol.csv:3: a row has 6 columns, not 7",
        ),
        (
            "1760126403,1,1,1,1,1,1",
            "sol.csv:3: second 1760126403 does not come after 1760126403",
        ),
    ];
    for (row, expected) in cases {
        assert_eq!(error_of(&[GOOD, row]), expected, "{row}");
    }
}

#[test]
fn a_bad_row_far_down_is_named_by_its_own_line() {
    let mut rows: Vec<String> = (0..500)
        .map(|second| format!("{},1,1,1,1,1,1", 1_760_126_403 + second))
        .collect();
    rows.push("1760199999,1,1,1,oops,1,1".to_owned());
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    assert!(error_of(&rows).starts_with("sol.csv:502: column close"));
}

#[test]
fn lines_count_as_an_editor_counts_them() {
    let text = format!("{HEADER}\n{GOOD}\n1760126404,1,1,1,oops,1,1\n");
    for (text, line) in [
        (text.replace('\n', "\r\n"), 3),
        (text.replace("\n1760126404", "\n\n\n1760126404"), 5),
        (format!("\u{feff}{text}"), 3),
    ] {
        let error = CsvTape::read("sol.csv", text.as_bytes()).expect_err("a bad tape");
        let error = format!("{error:#}");
        assert!(
            error.starts_with(&format!("sol.csv:{line}: column close")),
            "{error}"
        );
    }
}

#[test]
fn a_tape_with_other_columns_is_refused_at_line_one() {
    let error = CsvTape::read("x.csv", "time,price\n1,2\n".as_bytes()).expect_err("columns");
    assert!(format!("{error:#}").starts_with("x.csv:1: the columns must be unix_seconds,open"));
}

#[test]
fn an_empty_tape_and_a_missing_file_are_errors() {
    assert_eq!(error_of(&[]), "sol.csv: the tape has no rows");
    let error = CsvTape::open("no/such/tape.csv").expect_err("missing");
    assert_eq!(
        error.to_string(),
        "the tape no/such/tape.csv cannot be opened"
    );
}

#[test]
fn a_second_without_a_trade_yields_nothing() {
    let mut tape = tape(&["100,1,1,1,1,1,1", "103,2,2,2,2,1,1"]).expect("tape");
    let taken = |points: Vec<PricePoint>| -> Vec<i64> {
        points.iter().map(|point| point.unix_seconds).collect()
    };
    assert_eq!(taken(tape.next_until(99)), [0i64; 0]);
    assert_eq!(taken(tape.next_until(100)), [100]);
    assert_eq!(taken(tape.next_until(102)), [0i64; 0]);
    assert_eq!(taken(tape.next_until(1_000)), [103]);
    assert_eq!(taken(tape.next_until(1_000)), [0i64; 0]);
}

#[test]
fn a_stretch_of_a_tape_starts_unplayed_and_is_never_empty() {
    let mut whole = tape(&["100,1,1,1,1,1,1", "103,2,2,2,2,1,1", "109,3,3,3,3,1,1"]).expect("tape");
    whole.next_until(1_000);
    let mut stretch = whole.between(101, 108).expect("stretch");
    assert_eq!((stretch.tape_start(), stretch.tape_end()), (103, Some(103)));
    assert_eq!(stretch.next_until(1_000).len(), 1);
    assert_eq!(stretch.candles(), &whole.candles()[1..2]);
    assert!(whole.between(104, 108).is_err());
}

/// The real tapes must load: a file cut short or edited by hand fails here first.
#[test]
fn every_recorded_tape_loads_and_lies_within_its_day() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data");
    let mut tapes = 0;
    for entry in std::fs::read_dir(data).expect("data folder") {
        let path = entry.expect("entry").path();
        if !path.to_string_lossy().ends_with("_1s.csv") {
            continue;
        }
        let tape = CsvTape::open(&path).expect("tape");
        assert!(tape.tape_start() >= 1_760_126_400, "{}", path.display());
        assert!(tape.tape_end() < Some(1_760_137_200), "{}", path.display());
        for candle in tape.candles() {
            assert!(candle.volume_e8 > 0 && candle.trades > 0, "{candle:?}");
        }
        assert_eq!(tape.candles().len(), tape.points().len());
        tapes += 1;
    }
    assert_eq!(tapes, 8);
}
