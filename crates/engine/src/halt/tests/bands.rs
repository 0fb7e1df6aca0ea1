//! Which refreshes trip, and with what the windows begin after a halt.

use super::*;

#[test]
fn a_refresh_trips_by_index_before_mark_and_by_either_band() {
    let cases = [
        ((true, false), (false, false), Some(Cause::Index)),
        ((false, false), (true, true), Some(Cause::Index)),
        ((true, true), (false, false), Some(Cause::Index)),
        ((false, true), (false, false), Some(Cause::Mark)),
        ((false, false), (false, true), Some(Cause::Mark)),
        ((false, false), (false, false), None),
    ];
    let mut quiet = header_of(&halting());
    let outcome = with_feeds(&[posted(FEED_A, 50_000_000_000, NOW)], |feeds| {
        mark::refresh(&mut quiet, feeds, BookTop::default(), &at(NOW))
    })
    .unwrap();
    for (short, long, cause) in cases {
        let band = |(index, mark)| OutsideBand { index, mark };
        let outcome = RefreshOutcome {
            outside_short_band: band(short),
            outside_long_band: band(long),
            ..outcome
        };
        let mut header = header_of(&halting());
        let trip = on_refresh(&mut header, &outcome, &at(NOW));
        assert_eq!(trip.map(|trip| trip.cause), cause);
        assert_eq!(
            header.halt.cause,
            cause.map_or(0, Cause::byte),
            "{short:?} {long:?}"
        );
        header.halt.phase = HaltPhase::Resolve.byte();
        assert_eq!(on_refresh(&mut header, &outcome, &at(NOW)), None);
    }
}

#[test]
fn a_move_of_exactly_the_threshold_trips_nothing_and_one_beyond_it_does() {
    for (milliticks, trips) in [
        (796_875, false),
        (796_876, true),
        (765_625, false),
        (765_624, true),
    ] {
        let mut header = unpriced(&halting());
        assert_eq!(refreshed(&mut header, NOW + 1, EVEN), None);
        let trip = refreshed(&mut header, NOW + 2, milliticks);
        assert_eq!(trip.is_some(), trips, "to {milliticks}");
        assert_eq!(is_open(&header, NOW + 2), !trips);
    }
}

#[test]
fn a_refused_trip_is_told_once_and_the_next_move_is_measured_from_it() {
    // No budget at all: 2% of ten seconds, a move of 3% and then a calm price.
    let mut header = unpriced(&params());
    assert_eq!(refreshed(&mut header, NOW, 500_000), None);
    let refused = refreshed(&mut header, NOW + 2, 515_000).unwrap();
    assert_eq!((refused.cause, refused.halted), (Cause::Index, false));
    for second in 3..9 {
        assert_eq!(refreshed(&mut header, NOW + second, 515_000), None);
    }
    // 2% of the price that was refused, not of the one before it.
    assert_eq!(refreshed(&mut header, NOW + 9, 505_000), None);
    let again = refreshed(&mut header, NOW + 10, 526_000).unwrap();
    assert!(!again.halted);
}

#[test]
fn what_was_refused_halts_nothing_when_the_budget_comes_back() {
    let mut header = unpriced(&halting());
    refreshed(&mut header, NOW, 500_000);
    header.halt.budget.charge(&halting(), NOW, 134, false);
    assert!(!refreshed(&mut header, NOW + 2, 515_000).unwrap().halted);
    header.halt.budget = HaltBudget::zeroed();
    assert_eq!(refreshed(&mut header, NOW + 3, 515_000), None);
    assert!(refreshed(&mut header, NOW + 4, 526_000).unwrap().halted);
}

#[test]
fn a_move_split_over_small_steps_within_the_window_trips() {
    let mut header = header_of(&halting());
    // Each step is a third of the threshold: the fourth within ten seconds lies outside.
    let steps = [500_000, 503_300, 506_600, 509_900, 513_200];
    let trips: Vec<bool> = steps
        .iter()
        .zip([1, 3, 5, 7, 9])
        .map(|(milliticks, second)| refreshed(&mut header, NOW + second, *milliticks).is_some())
        .collect();
    assert_eq!(trips, vec![false, false, false, false, true]);
    // The same move over half a minute is no velocity.
    let mut header = header_of(&halting());
    for (milliticks, second) in steps.iter().zip([1, 9, 17, 25, 33]) {
        assert_eq!(refreshed(&mut header, NOW + second, *milliticks), None);
    }
}

#[test]
fn attack_10_a_slow_move_trips_the_long_window() {
    let mut header = header_of(&halting());
    let mut trips = Vec::new();
    // 1% every twenty seconds: outside 10% of the hour's low at the eleventh step.
    for step in 0..12 {
        let trip = refreshed(&mut header, NOW + 20 * step, 500_000 + 5_000 * step);
        trips.push(trip.is_some());
    }
    assert_eq!(trips.iter().position(|trip| *trip), Some(11));
}

#[test]
fn both_windows_restart_at_the_index_of_the_reopening() {
    let mut header = unpriced(&halting());
    refreshed(&mut header, NOW, 750_000);
    assert!(refreshed(&mut header, NOW + 1, 770_000).unwrap().halted);
    refreshed(&mut header, NOW + 2, EVEN);
    let widths = Widths::of(&header.params);
    header.windows.record_volume(widths, 1_000, NOW + 3);
    // The move of before the halt trips nothing after it, and its volume counts no more.
    assert_eq!(refreshed(&mut header, NOW + 19, EVEN), None);
    assert_eq!(header.halt.reopened_at, NOW + 18);
    for window in [header.windows.short, header.windows.short_index] {
        let range = window.range(widths.short, NOW + 19);
        assert_eq!(range, Some(Range::of(price(EVEN))));
    }
    let long = header.windows.long.range(widths.long, NOW + 19);
    assert_eq!(long, Some(Range::of(price(EVEN))));
    assert_eq!(header.windows.volume(widths, NOW + 19), 0);
    // From here on a move counts against that index.
    assert_eq!(refreshed(&mut header, NOW + 20, 796_875), None);
    assert!(refreshed(&mut header, NOW + 21, 796_876).is_some());
}

#[test]
fn a_market_without_a_new_index_in_its_halt_reopens_at_the_old_one_and_a_gap_still_trips() {
    let mut header = header_of(&halting());
    refreshed(&mut header, NOW, 500_000);
    assert!(refreshed(&mut header, NOW + 1, 520_000).is_some());
    let trip = refreshed(&mut header, NOW + 20, 540_000).unwrap();
    assert_eq!((trip.halted, header.halt.escalation), (true, 1));
    assert_eq!(trip.call_ends_at, NOW + 30);
}
