use plimsoll_client::engine::state::MarketHeader;
use plimsoll_client::engine::Env;

use super::*;
use crate::cluster::ClusterConfig;

/// AVAX at 28.50, open.
fn market() -> MarketView {
    let config = ClusterConfig::load("localnet").expect("localnet");
    let mut header: MarketHeader = bytemuck::Zeroable::zeroed();
    header.params = config.markets[0].params;
    header.symbol[..4].copy_from_slice(b"AVAX");
    header.status = plimsoll_client::engine::state::MarketStatus::Active.byte();
    header.prices.index = (28_500 << 32) / 100_000;
    header.prices.mark = header.prices.index;
    (header.prices.index_time, header.prices.mark_time) = (1_000, 1_000);
    let widths = plimsoll_client::engine::window::Widths::of(&header.params);
    let index = header.prices.index;
    header.windows.restart(widths, index, 1_000);
    MarketView {
        header,
        blocks: Vec::new(),
    }
}

fn env(now: i64) -> Env {
    Env { now, slot: 10 }
}

fn row(text: &str, name: &str) -> String {
    let line = text.lines().find(|line| line.trim().starts_with(name));
    let line = line.unwrap_or_else(|| panic!("no {name} in\n{text}"));
    line.trim().trim_start_matches(name).trim().to_owned()
}

#[test]
fn an_open_market_shows_its_band_and_its_budget() {
    let shown = StatusShown::of(&market(), 1_001).expect("shown");
    assert_eq!((shown.phase, shown.next_phase), ("open", None));
    let text = text(&shown);
    assert_eq!(row(&text, "halts so far"), "none");
    // 5% up and down, at ticks inside.
    assert_eq!(row(&text, "short band"), "27.075 to 29.924");
    let budget = "0 s of 150 s allowed in 600 s; by trades 0 s of 60 s";
    assert_eq!(row(&text, "halted "), budget);
}

#[test]
fn a_call_counts_down_to_the_freeze_and_to_the_latest_reopening() {
    let mut view = market();
    let trip = halt::trip(&mut view.header, Cause::Trade, &env(1_010));
    assert!(trip.halted);
    let shown = StatusShown::of(&view, 1_011).expect("shown");
    assert_eq!(shown.phase, "call");
    // A call of 5 s, the last of it frozen; 10 s of auction and 2 s of resolve at most.
    assert_eq!(
        (shown.next_phase, shown.seconds_to_next_phase),
        (Some("freeze"), Some(3))
    );
    assert_eq!(shown.seconds_to_reopening, Some(16));
    let text = text(&shown);
    assert_eq!(row(&text, "next"), "freeze in 3 s");
    assert_eq!(row(&text, "auction"), "nothing crosses");
    assert!(row(&text, "last halt").starts_with("number 1, tripped by trade at"));
    assert!(line(&shown).contains("halted: call  then freeze in 3 s"));
}

#[test]
fn each_phase_names_the_next_one_by_the_clock() {
    let mut view = market();
    halt::trip(&mut view.header, Cause::Index, &env(1_010));
    let phases: Vec<_> = [1_014, 1_015, 1_025]
        .into_iter()
        .map(|now| {
            let shown = StatusShown::of(&view, now).expect("shown");
            (shown.phase, shown.next_phase, shown.seconds_to_next_phase)
        })
        .collect();
    assert_eq!(
        phases,
        [
            ("freeze", Some("uncross"), Some(1)),
            ("uncross", Some("resolve"), Some(10)),
            ("resolve", Some("open"), Some(2)),
        ]
    );
}

#[test]
fn a_reopening_that_nobody_has_written_down_is_told_as_one() {
    let mut view = market();
    halt::trip(&mut view.header, Cause::Mark, &env(1_010));
    let shown = StatusShown::of(&view, 1_030).expect("shown");
    assert!(shown.not_written && shown.phase == "open" && shown.band.is_some());
    let last = shown.last.as_ref().expect("a halt");
    assert_eq!((last.cause, last.reopened_at), ("mark", Some(1_027)));
    halt::catch_up(&mut view.header, &env(1_030));
    let after = StatusShown::of(&view, 1_030).expect("shown");
    assert!(!after.not_written);
    assert_eq!(after.budget.used_seconds, 17);
    assert_eq!(after.band, shown.band);
}
