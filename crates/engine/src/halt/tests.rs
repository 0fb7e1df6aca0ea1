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

mod bands;
mod budget;

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

#[test]
fn a_trip_by_a_trade_leaves_no_second_of_the_halt_before_to_funding() {
    // (funding was charged up to, first trip, reopened, second trip, now, index stale from, seconds to charge).
    let cases = [
        ("within the first halt", [0, -6, 11, 32, 33], 60, 21),
        ("before both", [0, 5, 22, 30, 40], 60, 13),
        ("after the first", [0, -40, -23, 12, 20], 60, 12),
        ("stale before the reopening", [0, 5, 22, 30, 40], 15, 5),
        ("stale between them", [0, 5, 22, 30, 40], 25, 8),
        ("no halt before", [0, -1_000, -1_000, 12, 20], 60, 12),
    ];
    for (name, [charged, first, reopened, second, now], fresh, expected) in cases {
        let mut header = header_of(&roomy());
        let age = i64::from(header.params.index_age_seconds_max);
        header.prices.funding_time = NOW + charged;
        header.prices.index_time = NOW + fresh - age;
        header.halt.tripped_at = NOW + first;
        header.halt.reopened_at = NOW + reopened;
        assert!(trip(&mut header, Cause::Trade, &at(NOW + second)).halted);
        let (sides, prices) = (&mut header.sides, &mut header.prices);
        let outcome =
            crate::funding::accrue(sides, prices, &header.params, &header.halt, NOW + now);
        assert_eq!(outcome.unwrap().seconds, expected, "{name}");
    }
}
