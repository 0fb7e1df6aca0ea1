//! Coins that nobody has seen: from a cent to a house, with silent minutes, and no perpetual.

use std::fmt::Write as _;
use std::io::Write as _;

use plimsoll_replay::outcome::Study;
use plimsoll_replay::rules::RuleSet;

use crate::world::{avax, play};

const START: i64 = 1_800_000_000;

/// Calm for a minute, then 40% down in five, a silent minute in the fall and one after it, a price each second else.
fn tape(price: f64, decimals: usize) -> String {
    let mut text = "unix_seconds,open,high,low,close,volume,trades\n".to_owned();
    let mut last = price;
    for second in 0..480_i64 {
        if (180..240).contains(&second) || (400..460).contains(&second) {
            continue;
        }
        let fallen = (second.clamp(60, 360) - 60) as f64 / 300.0 * 0.4;
        let close = price * (1.0 - fallen);
        let (high, low) = (last.max(close), last.min(close));
        let volume = 20_000.0 / close;
        let unix = START + second;
        writeln!(
            text,
            "{unix},{last:.decimals$},{high:.decimals$},{low:.decimals$},{close:.decimals$},{volume:.8},5"
        )
        .unwrap();
        last = close;
    }
    text
}

fn played(price: f64, decimals: usize) -> Study {
    let mut file = tempfile::Builder::new()
        .prefix("newcoin_")
        .suffix(".csv")
        .tempfile()
        .unwrap();
    file.write_all(tape(price, decimals).as_bytes()).unwrap();
    let mut request = avax(&[RuleSet::Plimsoll, RuleSet::BaselineQueue]);
    request.index = file.path().to_path_buf();
    request.perp = None;
    request.from = None;
    request.until = None;
    play(&request)
}

fn check(study: &Study, first: i64) {
    assert_eq!(study.market, "NEWCOIN");
    assert_eq!((study.start, study.seconds), (START, 480));
    assert_eq!(study.index.len(), 480);
    assert_eq!(
        study.index[180], study.index[239],
        "silence keeps the last close"
    );
    for run in &study.runs {
        let found = &run.measures;
        assert!(
            found.custody_exact && run.flaws.is_empty(),
            "{:?}",
            run.flaws
        );
        assert_eq!(found.index_low, first * 6 / 10);
        assert!(found.liquidated_accounts > 10, "{found:?}");
        assert_eq!(found.liquidated_on_venue_only_print, 0);
        assert_eq!(found.deposits_accepted, found.deposits_tried);
        assert!(found.halts > 0);
        // The book has makers round the index: it trades near it.
        let low = found.venue_low.expect("trades");
        assert!(low > first / 4, "{found:?}");
        // A stale index liquidates nobody: fifteen seconds into a silent minute all is quiet until it ends.
        for second in 200..239 {
            assert_eq!(run.timeline[second].liquidated, 0, "{second}");
        }
    }
}

#[test]
fn a_coin_of_a_cent() {
    check(&played(0.0125, 8), 1_250_000);
}

#[test]
fn a_coin_of_a_house() {
    check(&played(87_655.0, 2), 8_765_500_000_000);
}
