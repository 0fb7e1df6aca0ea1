use std::path::Path;

use plimsoll_tapes::{CsvTape, PricePoint};

use super::book::Book;
use super::{run, Report, Tapes};
use crate::underwriter::Policy;

const POLICY: &str = include_str!("../../../policy.example.toml");
const BOOK: &str = include_str!("../../../book.example.toml");

fn policy(text: &str) -> Policy {
    let (policy, mistakes) = Policy::parse(text).expect("TOML");
    assert!(mistakes.is_empty(), "{mistakes:?}");
    policy
}

/// A price every second: `(seconds, dollars × 10^8)` are where it bends, straight lines between them.
fn bends(bends: &[(i64, u64)]) -> Tapes {
    let mut points = Vec::new();
    for pair in bends.windows(2) {
        let [(from, first), (until, last)] = pair else {
            continue;
        };
        for at in *from..*until {
            let share = i128::from(at - from) * (i128::from(*last) - i128::from(*first));
            let price = i128::from(*first) + share / i128::from(until - from);
            points.push(PricePoint {
                unix_seconds: 1_760_000_000 + at,
                price_e8: i64::try_from(price).expect("a price"),
                conf_e8: 10_000,
            });
        }
    }
    Tapes {
        points: vec![points],
        from: None,
        until: None,
    }
}

/// The example's policy, whose recalls and stops by volatility and drawdown are out of reach.
fn patient() -> Policy {
    let text = POLICY.replace("drawdown_ppm = 900000", "drawdown_ppm = 9000000");
    let text = text.replace("volatility_ppm = 100000", "volatility_ppm = 9000000");
    assert_ne!(text, POLICY);
    policy(&text)
}

const DOLLAR: u64 = 100_000_000;

fn book(changes: &[(&str, &str)]) -> Book {
    let text = changes.iter().fold(BOOK.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    });
    Book::parse(&text).expect("a book")
}

/// The recorded evening under the example's policy and book.
#[test]
fn the_recorded_evening_is_the_same_twice_and_its_books_add_up() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/avax_spot_coinbase_1s.csv");
    // The hour of the fall.
    let tapes = Tapes {
        points: vec![CsvTape::open(data)
            .expect("the tape of the repository")
            .points()
            .to_vec()],
        from: Some(1_760_130_000),
        until: Some(1_760_133_600),
    };
    let book = book(&[("after_seconds = 50000", "after_seconds = 0")]);
    let first = run(&policy(POLICY), &book, &tapes).expect("a trial");
    let second = run(&policy(POLICY), &book, &tapes).expect("a trial");
    assert_eq!(first, second);
    assert!(first.without.decisions.is_empty());
    for played in [&first.with, &first.without] {
        let of_lines: i64 = played.lines.iter().map(|line| line.pnl).sum();
        assert_eq!(played.pnl, of_lines, "{played:#?}");
        assert!(played.halts > 0);
    }
    let calls: u64 = first.with.lines.iter().map(|line| line.tally.calls).sum();
    assert!(
        calls > 0 && !first.with.decisions.is_empty(),
        "{}",
        first.text()
    );
    assert!(first
        .with
        .decisions
        .iter()
        .all(|made| made.refused.is_none()));
    let text = first.text();
    assert!(
        text.contains("farmer") && text.contains("with policy"),
        "{text}"
    );
}

/// One long of the example, in a fall that needs its line, and the recovery after it.
fn fall_and_recovery(policy: &Policy, back: u64) -> Report {
    let changes = [
        ("after_seconds = 50000", "after_seconds = 0"),
        ("call_seconds = 43200", "call_seconds = 3600"),
        ("pays_after_seconds = 7200", "pays_after_seconds = 4000"),
    ];
    // Slowly, so that no halt stands in between: 26 to 19.6 dollars, and back.
    let tapes = bends(&[
        (0, 26 * DOLLAR),
        (6_000, 20 * DOLLAR),
        (9_000, back),
        (16_000, back),
    ]);
    let mut book = book(&changes);
    book.lines.truncate(1);
    run(policy, &book, &tapes).expect("a trial")
}

#[test]
fn a_call_is_extended_once_it_has_recovered_and_the_borrower_cures_it() {
    let report = fall_and_recovery(&patient(), 23 * DOLLAR);
    let line = &report.with.lines[0];
    assert_eq!(line.tally.calls, 1, "{}", report.text());
    assert!(line.tally.extensions >= 1, "{}", report.text());
    assert_eq!((line.tally.cured, line.tally.lapsed), (1, 0));
    assert_eq!(line.tally.written_off, 0);
    assert!(line.pnl > 0, "interest");
    let without = &report.without.lines[0];
    assert_eq!(without.tally.extensions, 0);
    assert_eq!(report.with.rules["extend"].fired, line.tally.extensions);
}

#[test]
fn without_a_recovery_the_call_runs_out_and_the_account_is_worked_out() {
    let report = fall_and_recovery(&patient(), 20 * DOLLAR);
    for played in [&report.with, &report.without] {
        let line = &played.lines[0];
        assert_eq!(line.tally.extensions, 0, "{}", report.text());
        assert_eq!(line.tally.lapsed, 1, "{}", report.text());
        assert!(line.tally.taken_over > 0, "{}", report.text());
    }
}

#[test]
fn a_discretionary_line_draws_only_under_a_consent_of_the_policy() {
    let tapes = bends(&[(0, 26 * DOLLAR), (6_000, 22 * DOLLAR), (9_000, 22 * DOLLAR)]);
    let mut book = book(&[("after_seconds = 50000", "after_seconds = 0")]);
    book.lines.retain(|line| !line.committed);
    let given = run(&patient(), &book, &tapes).expect("a trial");
    let (with, without) = (&given.with.lines[0], &given.without.lines[0]);
    assert!(
        with.tally.consents > 0 && with.tally.draws > 0,
        "{}",
        given.text()
    );
    assert_eq!(without.tally.draws, 0);
    assert!(without.tally.taken_over > 0);
}

#[test]
fn a_loss_of_the_vault_is_written_off_and_borne_by_the_junior_stake() {
    // A line that lends in a crash too deep for it, and nobody who pays the default.
    let tapes = bends(&[
        (0, 26 * DOLLAR),
        (3_000, 21 * DOLLAR),
        (3_200, 12 * DOLLAR),
        (5_000, 12 * DOLLAR),
    ]);
    let mut book = book(&[("after_seconds = 50000", "after_seconds = 0")]);
    book.lines.truncate(1);
    let report = run(&policy(POLICY), &book, &tapes).expect("a trial");
    let line = &report.without.lines[0];
    assert!(line.tally.written_off > 0, "{}", report.text());
    let run = &report.without;
    assert_eq!(run.pnl, line.pnl);
    assert!(
        run.pnl_underwriter < 0 && run.end.ordinary >= run.start.ordinary,
        "{run:?}"
    );
    assert!(run.end.liens > 0);
}

#[test]
fn what_the_program_refuses_of_a_book_is_named_with_its_line() {
    let tapes = bends(&[(0, 26 * DOLLAR), (100, 26 * DOLLAR)]);
    let of = |changes: &[(&str, &str)]| {
        let error = run(&policy(POLICY), &book(changes), &tapes).expect_err("refused");
        format!("{error:#}")
    };
    let large = of(&[("limit = 8000000000", "limit = 11000000000")]);
    assert!(large.starts_with("line farmer:"), "{large}");
    let poor = of(&[("collateral = 15000000000", "collateral = 1000000")]);
    assert!(poor.contains("initial margin"), "{poor}");
}
