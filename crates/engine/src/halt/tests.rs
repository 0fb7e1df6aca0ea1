//! The course of a halt second by second, what is written when it is over, and its budget by an independent
//! count of seconds.
#![allow(clippy::unwrap_used)]

use std::vec;
use std::vec::Vec;

use bytemuck::bytes_of;
use proptest::prelude::*;

use super::*;
use crate::index::tests::{posted, with_feeds, FEED_A};
use crate::mark::{self, BookTop, OutsideBand};
use crate::seats::tests::{params, Desk, NOW};
use crate::window::Range;

/// The desk's market with the published budget: a course of 5 + 10 + 2 s, 150 s of any 600.
fn halting() -> MarketParams {
    MarketParams {
        halt_budget_ppm: 250_000,
        ..params()
    }
}

/// The same with 900 s of any 3,600, so that a row of trips fits.
fn roomy() -> MarketParams {
    MarketParams {
        halt_budget_seconds: 3_600,
        halt_budget_trade_ppm: 1_000_000,
        ..halting()
    }
}

fn header_of(params: &MarketParams) -> MarketHeader {
    Desk::with(&[*params], 16).markets.remove(0).header
}

/// The same before its first price.
fn unpriced(params: &MarketParams) -> MarketHeader {
    MarketHeader {
        prices: bytemuck::Zeroable::zeroed(),
        ..header_of(params)
    }
}

fn at(now: i64) -> Env {
    Env {
        now,
        slot: now.unsigned_abs().saturating_mul(2),
    }
}

fn tripped(params: &MarketParams) -> MarketHeader {
    let mut header = header_of(params);
    assert!(trip(&mut header, Cause::Index, &at(NOW)).halted);
    header
}

/// Halts at `now` and writes the reopening down as soon as the clock allows; the time of it.
fn halted_once(header: &mut MarketHeader, cause: Cause, now: i64) -> i64 {
    let trip = trip(header, cause, &at(now));
    assert!(trip.halted);
    catch_up(header, &at(trip.reopens_by)).unwrap().at
}

/// An index of which 2% up and down are whole numbers of Q.32, in thousandths of a tick.
const EVEN: i64 = 781_250;

/// A price of so many thousandths of a tick, Q.32.
fn price(milliticks: i64) -> u64 {
    ((milliticks.unsigned_abs() as u128) << 32).div_euclid(1_000_000) as u64
}

/// What an instruction does that brings a new index: the reopening first, then prices, then a trip.
fn refreshed(header: &mut MarketHeader, now: i64, milliticks: i64) -> Option<Trip> {
    catch_up(header, &at(now));
    // 500 dollars are 500 ticks.
    let update = posted(FEED_A, milliticks * 100_000, now);
    let outcome = with_feeds(&[update], |feeds| {
        mark::refresh(header, feeds, BookTop::default(), &at(now))
    });
    on_refresh(header, &outcome.unwrap(), &at(now))
}

#[test]
fn the_course_is_told_by_the_clock_in_every_second() {
    let header = tripped(&halting());
    for second in -100..200 {
        let expected = match second {
            i64::MIN..=3 => HaltPhase::Call,
            4 => HaltPhase::Freeze,
            5..=14 => HaltPhase::Uncross,
            15..=16 => HaltPhase::Resolve,
            17.. => HaltPhase::Continuous,
        };
        assert_eq!(phase(&header, NOW + second), expected, "second {second}");
        assert_eq!(is_open(&header, NOW + second), second >= 17);
    }
    assert_eq!(header.halt.phase, HaltPhase::Call.byte(), "nothing written");
}

#[test]
fn a_trip_says_when_its_call_ends_and_the_latest_reopening() {
    let mut header = header_of(&halting());
    let expected = Trip {
        cause: Cause::Trade,
        halted: true,
        call_ends_at: NOW + 5,
        reopens_by: NOW + 17,
    };
    assert_eq!(trip(&mut header, Cause::Trade, &at(NOW)), expected);
    let halt = &header.halt;
    assert_eq!((halt.cause, halt.sequence, halt.escalation), (3, 1, 0));
    assert_eq!((halt.tripped_at, halt.call_ends_at), (NOW, NOW + 5));
    assert_eq!(halt.uncross_slot, at(NOW).slot + 3);
}

#[test]
fn an_auction_that_is_over_gives_way_to_resolve_at_once() {
    let mut header = tripped(&halting());
    header.halt.phase = HaltPhase::Uncross.byte();
    resolve(&mut header, &at(NOW + 7));
    for (second, expected) in [
        (7, HaltPhase::Resolve),
        (8, HaltPhase::Resolve),
        (9, HaltPhase::Continuous),
    ] {
        assert_eq!(phase(&header, NOW + second), expected, "second {second}");
    }
    let reopened = catch_up(&mut header, &at(NOW + 9)).unwrap();
    assert_eq!((reopened.at, reopened.halted_seconds), (NOW + 9, 9));
}

#[test]
fn an_auction_that_has_begun_is_no_call_again_when_the_clock_goes_back() {
    let mut header = tripped(&halting());
    header.halt.phase = HaltPhase::Uncross.byte();
    for second in [-50, 0, 3, 4, 5, 14] {
        assert_eq!(phase(&header, NOW + second), HaltPhase::Uncross);
    }
    assert_eq!(phase(&header, NOW + 15), HaltPhase::Resolve);
    resolve(&mut header, &at(NOW + 6));
    assert_eq!(phase(&header, NOW - 50), HaltPhase::Resolve);
}

#[test]
fn a_reopening_is_written_once_with_the_end_that_the_clock_had() {
    let mut header = tripped(&halting());
    let before = header;
    assert_eq!(catch_up(&mut header, &at(NOW + 16)), None);
    assert_eq!(
        bytes_of(&header),
        bytes_of(&before),
        "before its end nothing"
    );
    assert_eq!(reopened_at(&header, NOW + 16), 0);
    assert_eq!(reopened_at(&header, NOW + 900), NOW + 17);
    header.halt.walk.lots = 7;
    let expected = Reopened {
        at: NOW + 17,
        halted_seconds: 17,
        reduce_only: true,
    };
    assert_eq!(catch_up(&mut header, &at(NOW + 900)), Some(expected));
    let halt = &header.halt;
    assert_eq!(halt.phase, HaltPhase::Continuous.byte());
    assert_eq!(
        (halt.reopened_at, halt.halted_seconds_total),
        (NOW + 17, 17)
    );
    assert_eq!(halt.walk, AuctionWalk::zeroed());
    assert_eq!(reopened_at(&header, NOW + 901), NOW + 17);
    let written = header;
    assert_eq!(catch_up(&mut header, &at(NOW + 901)), None);
    assert_eq!(bytes_of(&header), bytes_of(&written));
}

#[test]
fn a_reopening_on_a_fresh_index_is_not_reduce_only() {
    for (age, reduce_only) in [(15, false), (16, true)] {
        let mut header = tripped(&halting());
        header.prices.index_time = NOW + 17 - age;
        let reopened = catch_up(&mut header, &at(NOW + 17)).unwrap();
        assert_eq!(reopened.reduce_only, reduce_only, "{age} s old");
    }
}

#[test]
fn a_clock_behind_the_last_reopening_counts_as_right_after_it() {
    let mut header = tripped(&roomy());
    catch_up(&mut header, &at(NOW + 17));
    assert_eq!(phase(&header, NOW), HaltPhase::Continuous);
    let again = trip(&mut header, Cause::Index, &at(NOW + 3));
    assert_eq!((again.halted, again.call_ends_at), (true, NOW + 13));
    assert_eq!(header.halt.escalation, 1);
}

#[test]
fn each_trip_soon_after_a_reopening_doubles_the_call_up_to_its_cap() {
    let mut header = header_of(&roomy());
    let mut now = NOW;
    for (times, call) in [5, 10, 20, 30, 30, 30].into_iter().enumerate() {
        let trip = trip(&mut header, Cause::Index, &at(now));
        assert_eq!(trip.call_ends_at - now, call);
        assert_eq!(usize::from(header.halt.escalation), times);
        // The last second that is soon.
        now = catch_up(&mut header, &at(trip.reopens_by)).unwrap().at + 60;
    }
    halted_once(&mut header, Cause::Index, now);
    let late = header.halt.reopened_at + 61;
    let trip = trip(&mut header, Cause::Index, &at(late));
    assert_eq!(header.halt.escalation, 0);
    assert_eq!(trip.call_ends_at - header.halt.tripped_at, 5);
}

#[test]
fn a_market_that_was_never_halted_does_not_escalate() {
    // A clock near zero is within the retrip time of a reopening that never was.
    let mut header = header_of(&halting());
    assert!(trip(&mut header, Cause::Index, &at(30)).halted);
    assert_eq!(header.halt.escalation, 0);
}

#[test]
fn a_hundred_thousand_trips_in_a_row_keep_the_longest_call() {
    let mut header = header_of(&roomy());
    header.halt.sequence = 100_000;
    header.halt.reopened_at = NOW;
    for escalation in [3, 31, 32, 63, 64, u8::MAX] {
        header.halt.escalation = escalation - 1;
        header.halt.phase = HaltPhase::Continuous.byte();
        let trip = trip(&mut header, Cause::Index, &at(NOW));
        assert_eq!(trip.call_ends_at - NOW, 30);
        assert_eq!(header.halt.escalation, escalation);
    }
    header.halt.phase = HaltPhase::Continuous.byte();
    trip(&mut header, Cause::Index, &at(NOW));
    assert_eq!(header.halt.escalation, u8::MAX);
}

#[test]
fn a_trip_forgets_the_auction_before_it() {
    let mut header = header_of(&roomy());
    header.halt.auction_price = 500;
    header.halt.reference = 7;
    header.halt.resolve_ends_at = NOW - 3;
    header.halt.step = AuctionStep::Filling.byte();
    header.halt.walk.lots = 9;
    assert!(trip(&mut header, Cause::Mark, &at(NOW)).halted);
    let halt = &header.halt;
    assert_eq!(halt.step, AuctionStep::Matching.byte());
    assert_eq!(
        (halt.auction_price, halt.reference, halt.resolve_ends_at),
        (0, 0, 0)
    );
    assert_eq!(halt.walk, AuctionWalk::zeroed());
}

#[test]
fn only_a_market_that_trades_may_trip() {
    let mut header = header_of(&halting());
    for (status, may) in [
        (MarketStatus::Pending, false),
        (MarketStatus::Active, true),
        (MarketStatus::ReduceOnly, true),
        (MarketStatus::WoundUp, false),
    ] {
        header.status = status.byte();
        for cause in [Cause::Index, Cause::Mark, Cause::Trade] {
            assert_eq!(may_trip(&header, cause, NOW), may, "{status:?}");
        }
    }
    header.status = MarketStatus::Active.byte();
    for phase in [HaltPhase::Call, HaltPhase::Uncross, HaltPhase::Resolve] {
        header.halt.phase = phase.byte();
        assert!(!may_trip(&header, Cause::Index, NOW), "{phase:?}");
    }
}

#[test]
fn a_halt_starts_only_if_its_longest_course_fits_the_budget() {
    for (spent, may) in [(132, true), (133, true), (134, false), (150, false)] {
        let mut header = header_of(&halting());
        header.halt.budget.charge(&halting(), NOW, spent, false);
        assert_eq!(may_trip(&header, Cause::Index, NOW), may, "{spent} s spent");
        let before = header;
        let trip = trip(&mut header, Cause::Index, &at(NOW));
        assert_eq!(trip.halted, may);
        if !may {
            assert_eq!((trip.call_ends_at, trip.reopens_by), (0, 0));
            assert_eq!(bytes_of(&header), bytes_of(&before), "a refusal writes");
        }
    }
}

#[test]
fn an_escalated_call_needs_as_much_more_budget() {
    for (spent, may) in [(128, true), (129, false)] {
        let mut header = header_of(&halting());
        header.halt.sequence = 1;
        header.halt.reopened_at = NOW - 60;
        header.halt.budget.charge(&halting(), NOW, spent, false);
        assert_eq!(may_trip(&header, Cause::Index, NOW), may, "{spent} s spent");
    }
}

#[test]
fn trades_have_their_share_of_the_budget_and_no_more() {
    // 40% of 150 s.
    for (spent, may) in [(43, true), (44, false)] {
        let mut header = header_of(&halting());
        header.halt.budget.charge(&halting(), NOW, spent, true);
        assert_eq!(may_trip(&header, Cause::Trade, NOW), may, "{spent} s spent");
        assert!(may_trip(&header, Cause::Index, NOW));
        assert!(may_trip(&header, Cause::Mark, NOW));
    }
    // What others tripped counts against the whole budget only.
    let mut header = header_of(&halting());
    header.halt.budget.charge(&halting(), NOW, 133, false);
    assert!(may_trip(&header, Cause::Trade, NOW));
    header.halt.budget.charge(&halting(), NOW, 1, false);
    assert!(!may_trip(&header, Cause::Trade, NOW));
}

#[test]
fn a_halt_by_a_trade_is_charged_to_both_budgets_and_another_to_one() {
    let mut header = header_of(&roomy());
    let end = halted_once(&mut header, Cause::Trade, NOW);
    assert_eq!(header.halt.budget.used(&roomy(), end), (17, 17));
    let end = halted_once(&mut header, Cause::Index, end + 100);
    assert_eq!(header.halt.budget.used(&roomy(), end), (34, 17));
    let end = halted_once(&mut header, Cause::Mark, end + 100);
    assert_eq!(header.halt.budget.used(&roomy(), end), (51, 17));
}

#[test]
fn halted_time_is_forgotten_after_the_window_and_not_before() {
    // Buckets of 86 s.
    let mut budget = HaltBudget::zeroed();
    let end = NOW - NOW % 86;
    budget.charge(&halting(), end, 17, true);
    assert_eq!(budget.used(&halting(), end + 600), (17, 17));
    assert_eq!(budget.used(&halting(), end + 8 * 86 - 1), (17, 17));
    assert_eq!(budget.used(&halting(), end + 8 * 86), (0, 0));
    // Its slot is used again, cleared.
    budget.charge(&halting(), end + 8 * 86, 5, false);
    assert_eq!(budget.used(&halting(), end + 8 * 86), (5, 0));
    // A clock that goes back forgets nothing.
    assert_eq!(budget.used(&halting(), end - 5_000), (5, 0));
    budget.charge(&halting(), end - 5_000, 3, false);
    assert_eq!(budget.used(&halting(), end + 8 * 86), (8, 0));
}

#[test]
fn another_length_of_the_budget_frees_no_halted_second() {
    let longer = roomy();
    for (before, after) in [(halting(), longer), (longer, halting())] {
        let mut budget = HaltBudget::zeroed();
        budget.charge(&before, NOW - 300, 30, true);
        budget.charge(&before, NOW - 100, 20, false);
        budget.resize(&before, &after, NOW);
        let seconds = i64::from(after.halt_budget_seconds);
        for later in [0, 100, seconds] {
            assert_eq!(
                budget.used(&after, NOW + later),
                (50, 30),
                "{later} s later"
            );
        }
        assert_eq!(budget.used(&after, NOW + 2 * seconds), (0, 0));
    }
    let mut budget = HaltBudget::zeroed();
    budget.charge(&halting(), NOW - 300, 30, true);
    let before = budget;
    budget.resize(&halting(), &halting(), NOW);
    assert_eq!(budget, before, "the same length changes nothing");
}

#[test]
fn a_budget_of_zero_halts_nothing() {
    let header = header_of(&params());
    assert_eq!(allowed_seconds(&header.params), 0);
    for cause in [Cause::Index, Cause::Mark, Cause::Trade] {
        assert!(!may_trip(&header, cause, NOW));
    }
}

#[test]
fn the_published_budget_is_a_quarter_of_ten_minutes() {
    assert_eq!(allowed_seconds(&halting()), 150);
}

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
fn attack_10_a_move_split_over_small_steps_within_the_window_trips() {
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

#[test]
fn the_book_changes_in_a_call_and_after_the_auction_but_not_in_between() {
    for (second, changes) in [
        (3, true),
        (4, false),
        (5, false),
        (14, false),
        (15, true),
        (17, true),
    ] {
        let mut header = tripped(&halting());
        let mut expected = header;
        let env = Env {
            now: NOW + second,
            slot: 77,
        };
        let outcome = admit_book_change(&mut header, &env);
        let refused = Err(EngineError::MarketHalted);
        assert_eq!(outcome, if changes { Ok(()) } else { refused });
        if second == 3 {
            // Two whole slots, 78 and 79, see the book as it is.
            expected.halt.uncross_slot = 80;
        }
        assert_eq!(bytes_of(&header), bytes_of(&expected), "second {second}");
    }
    let mut header = header_of(&halting());
    let before = header;
    assert_eq!(admit_book_change(&mut header, &at(NOW)), Ok(()));
    assert_eq!(bytes_of(&header), bytes_of(&before));
}

#[test]
fn slots_at_their_end_do_not_wrap() {
    let mut header = tripped(&halting());
    let env = Env {
        now: NOW,
        slot: u64::MAX,
    };
    admit_book_change(&mut header, &env).unwrap();
    assert_eq!(header.halt.uncross_slot, u64::MAX);
}

#[test]
fn extreme_clocks_neither_panic_nor_halt_for_ever() {
    for now in [i64::MIN, -1, 0, i64::MAX - 5, i64::MAX] {
        let mut header = header_of(&halting());
        if trip(&mut header, Cause::Index, &at(now)).halted {
            phase(&header, i64::MIN);
            phase(&header, i64::MAX);
            assert!(catch_up(&mut header, &at(i64::MAX)).is_some());
        }
    }
}

fn lengths() -> impl Strategy<Value = MarketParams> {
    (2_u32..=30, 0_u32..=28, 1_u32..=5, 1_u32..=10).prop_map(|(call, more, freeze, resolve)| {
        MarketParams {
            call_seconds: call,
            call_seconds_max: (call + more).min(30),
            freeze_seconds: freeze,
            resolve_seconds: resolve,
            ..roomy()
        }
    })
}

/// A market's life, second by second.
#[derive(Clone, Debug)]
struct Life {
    params: MarketParams,
    /// What happens in a second: seconds until it, what tries to trip, and whether an auction that runs ends.
    events: Vec<(u16, u8, bool)>,
}

fn life() -> impl Strategy<Value = Life> {
    let budget = (
        60_u32..=900,
        prop_oneof![Just(250_000_u32), 0_u32..=250_000],
        prop_oneof![Just(400_000_u32), 0_u32..=1_000_000],
        prop_oneof![Just(60_u32), 0_u32..=600],
    );
    let event = (
        prop_oneof![3 => 0_u16..4, 2 => 0_u16..60, 1 => 0_u16..1_500],
        0_u8..4,
        any::<bool>(),
    );
    (lengths(), budget, prop::collection::vec(event, 1..80)).prop_map(
        |(lengths, (seconds, ppm, trade_ppm, retrip), events)| Life {
            params: MarketParams {
                halt_budget_seconds: seconds,
                halt_budget_ppm: ppm,
                halt_budget_trade_ppm: trade_ppm,
                retrip_seconds: retrip,
                ..lengths
            },
            events,
        },
    )
}

/// Each second of a life: whether the market was halted in it, and whether by a trade.
fn live(life: &Life) -> Vec<(bool, bool)> {
    let mut header = header_of(&life.params);
    let mut now = NOW;
    let mut seconds = Vec::new();
    for (wait, event, ends) in &life.events {
        for _ in 0..*wait {
            let halted = !is_open(&header, now);
            seconds.push((halted, halted && header.halt.cause == Cause::Trade.byte()));
            now += 1;
        }
        if *ends && phase(&header, now) == HaltPhase::Uncross {
            resolve(&mut header, &at(now));
        }
        let cause = match event {
            0 => Cause::Index,
            1 => Cause::Mark,
            2 => Cause::Trade,
            // Nobody comes.
            _ => continue,
        };
        catch_up(&mut header, &at(now));
        trip(&mut header, cause, &at(now));
    }
    for _ in 0..60 {
        let halted = !is_open(&header, now);
        seconds.push((halted, halted && header.halt.cause == Cause::Trade.byte()));
        now += 1;
    }
    assert!(is_open(&header, now), "the last halt has ended");
    seconds
}

/// Most marked seconds in any stretch of `length`.
fn most_in(marks: &[bool], length: usize) -> u64 {
    let mut most = 0;
    for start in 0..marks.len() {
        let end = (start + length).min(marks.len());
        most = most.max(marks[start..end].iter().filter(|mark| **mark).count());
    }
    most as u64
}

#[test]
fn a_market_that_trips_whenever_it_can_uses_most_of_its_budget() {
    let life = Life {
        params: halting(),
        events: vec![(1, 0, false); 3_000],
    };
    let halted: Vec<bool> = live(&life).iter().map(|(halted, _)| *halted).collect();
    let most = most_in(&halted, 600);
    assert!((100..=150).contains(&most), "{most} s of 150");
    let trades = Life {
        events: vec![(1, 2, false); 3_000],
        ..life
    };
    let halted: Vec<bool> = live(&trades).iter().map(|(_, trade)| *trade).collect();
    let most = most_in(&halted, 600);
    assert!((30..=60).contains(&most), "{most} s of 60");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_course_is_the_sum_of_its_lengths(params in lengths(), second in -3_i64..60) {
        let header = tripped(&params);
        let call = i64::from(params.call_seconds);
        let freeze = call - i64::from(params.freeze_seconds);
        let resolve = call + 10 + i64::from(params.resolve_seconds);
        let expected = if second >= resolve {
            HaltPhase::Continuous
        } else if second >= call + 10 {
            HaltPhase::Resolve
        } else if second >= call {
            HaltPhase::Uncross
        } else if second >= freeze {
            HaltPhase::Freeze
        } else {
            HaltPhase::Call
        };
        prop_assert_eq!(phase(&header, NOW + second), expected);
    }

    #[test]
    fn no_stretch_as_long_as_the_budgets_holds_more_halted_time(life in life()) {
        let seconds = live(&life);
        let length = life.params.halt_budget_seconds as usize;
        let budget = u64::from(life.params.halt_budget_seconds)
            * u64::from(life.params.halt_budget_ppm)
            / 1_000_000;
        let share = budget * u64::from(life.params.halt_budget_trade_ppm) / 1_000_000;
        let all: Vec<bool> = seconds.iter().map(|(halted, _)| *halted).collect();
        let trades: Vec<bool> = seconds.iter().map(|(_, trade)| *trade).collect();
        prop_assert!(most_in(&all, length) <= budget);
        prop_assert!(most_in(&trades, length) <= share);
    }
}
