//! The refresh as a whole: what moves the mark, what does not, and that an error writes nothing.
#![allow(clippy::unwrap_used)]

use crate::risk::index_is_fresh;
use std::boxed::Box;
use std::vec;
use std::vec::Vec;

use bytemuck::{bytes_of, Zeroable};
use num_bigint::BigInt;
use proptest::prelude::*;

use super::*;
use crate::index::tests::{params, posted, with_feeds, Posted, FEED_A, FEED_B, FEED_C, NOW};
use crate::math::join_signed;
use crate::state::HaltPhase;
use crate::state::{Side, SCALE_ONE};

/// One quote atom a base atom.
const ONE: u64 = 1 << 32;

/// A market of one feed, without a first index; longs and shorts of 7,000,000 base atoms.
fn market() -> Box<MarketHeader> {
    let mut header = Box::new(MarketHeader::zeroed());
    header.params = MarketParams {
        feeds_len: 1,
        feeds_required: 1,
        ..params()
    };
    header.sides = [Side {
        shares: [7_000_000, 0],
        ..Side::empty()
    }; 2];
    header
}

/// A market whose index and mark have been `index` for a while.
fn running(index: u64) -> Box<MarketHeader> {
    let mut header = market();
    refresh_at(&mut header, NOW - 1, index, BookTop::default()).unwrap();
    header
}

/// An update of the first feed that converts to `index` exactly.
fn update(index: u64, time: i64) -> Posted {
    // The index is ⌊price · 10^(−13 + 6 − 9) · 2^32⌋: the least price that reaches it.
    let price = (u128::from(index) * 10_u128.pow(16)).div_ceil(1 << 32);
    Posted {
        exponent: -13,
        ..posted(FEED_A, i64::try_from(price).unwrap(), time)
    }
}

fn refresh_at(
    header: &mut MarketHeader,
    now: i64,
    index: u64,
    top: BookTop,
) -> Result<RefreshOutcome> {
    refresh_with(header, &[update(index, now)], now, top)
}

fn refresh_with(
    header: &mut MarketHeader,
    posts: &[Posted],
    now: i64,
    top: BookTop,
) -> Result<RefreshOutcome> {
    let env = Env {
        now,
        slot: now.unsigned_abs() * 2,
    };
    with_feeds(posts, |feeds| refresh(header, feeds, top, &env))
}

fn quotes(bid: u64, ask: u64) -> BookTop {
    BookTop {
        best_bid: Some(bid),
        best_ask: Some(ask),
    }
}

/// `ONE` moved by so many millionths.
fn moved(ppm: i64) -> u64 {
    (i128::from(ONE) * i128::from(1_000_000 + ppm) / 1_000_000) as u64
}

#[test]
fn the_first_index_activates_the_market() {
    let mut header = market();
    assert!(!index_is_fresh(&header, NOW));
    let outcome = refresh_at(&mut header, NOW, ONE, quotes(moved(-100), moved(300))).unwrap();
    assert!(outcome.activated && outcome.index_advanced);
    assert_eq!(
        (outcome.index, outcome.mark, outcome.seconds, outcome.basis),
        (ONE, ONE, 0, None)
    );
    assert_eq!(header.status, MarketStatus::Active.byte());
    let prices = header.prices;
    assert_eq!(
        (prices.index_time, prices.index_updated_at, prices.mark_time),
        (NOW, NOW, NOW)
    );
    assert_eq!(
        (prices.ema_time, prices.funding_time, prices.index_slot),
        (NOW, NOW, NOW.unsigned_abs() * 2)
    );
    assert!(index_is_fresh(&header, NOW + 15));
    assert!(!index_is_fresh(&header, NOW + 16));
}

#[test]
fn a_reduce_only_market_stays_reduce_only() {
    let mut header = running(ONE);
    header.status = MarketStatus::ReduceOnly.byte();
    let outcome = refresh_at(&mut header, NOW, ONE, BookTop::default()).unwrap();
    assert!(!outcome.activated);
    assert_eq!(header.status, MarketStatus::ReduceOnly.byte());
}

#[test]
fn the_mark_is_the_median_of_index_basis_and_book() {
    let basis = i64::try_from(ONE / 1_000).unwrap();
    let cases = [
        (
            "book beyond the basis",
            900,
            ONE.checked_add_signed(basis).unwrap(),
        ),
        ("book in between", 400, moved(400)),
        ("book beyond the index", -900, ONE),
    ];
    for (name, book_ppm, expected) in cases {
        let mut header = running(ONE);
        header.prices.basis_ema = basis;
        // A refresh in the second of the last sample takes none, so the EMA is as set.
        header.prices.ema_time = NOW;
        let book = if book_ppm == 900 {
            moved(1_900)
        } else {
            moved(book_ppm)
        };
        let outcome = refresh_at(&mut header, NOW, ONE, quotes(book, book)).unwrap();
        assert_eq!(outcome.mark, expected, "{name}");
    }
}

#[test]
fn missing_legs_of_the_book() {
    let (bid, ask, trade) = (moved(-200), moved(100), moved(-900));
    let none = BookTop::default();
    let bid_only = BookTop {
        best_bid: Some(bid),
        ..none
    };
    let ask_only = BookTop {
        best_ask: Some(ask),
        ..none
    };
    let cases = [
        (
            "all three: the middle",
            quotes(bid, ask),
            Some((trade, 0)),
            Some(bid),
        ),
        (
            "old trade, quotes around the index: no premium",
            quotes(bid, ask),
            Some((trade, 61)),
            Some(ONE),
        ),
        (
            "trade of the last second of its age",
            quotes(bid, ask),
            Some((trade, 60)),
            Some(bid),
        ),
        ("never traded", quotes(bid, ask), None, Some(ONE)),
        (
            "both quotes over the index: the lower",
            quotes(ask, ask + 64),
            None,
            Some(ask),
        ),
        (
            "bid and trade under the index: the higher",
            bid_only,
            Some((trade, 5)),
            Some(bid),
        ),
        (
            "ask and trade around the index: no premium",
            ask_only,
            Some((trade, 5)),
            Some(ONE),
        ),
        ("a lone bid shows no price", bid_only, None, None),
        (
            "a lone ask shows no price",
            ask_only,
            Some((trade, 61)),
            None,
        ),
        ("a lone trade shows no price", none, Some((trade, 0)), None),
        ("nothing", none, None, None),
        ("a price of zero is none", quotes(0, ask), None, None),
        (
            "a bid just nearer than the ask farms nothing",
            quotes(ONE - 64, ONE + 640),
            None,
            Some(ONE),
        ),
        (
            "a price beyond the largest counts as that",
            quotes(u64::MAX, u64::MAX),
            None,
            Some(PRICE_Q32_MAX),
        ),
    ];
    for (name, top, last_trade, expected) in cases {
        let mut prices = running(ONE).prices;
        if let Some((price, age)) = last_trade {
            (prices.last_trade, prices.last_trade_time) = (price, NOW - age);
        }
        assert_eq!(book_price(&prices, &params(), top, NOW), expected, "{name}");
    }
}

#[test]
fn without_a_book_the_mark_is_the_index_and_the_averages_fade() {
    let mut header = running(ONE);
    (header.prices.basis_ema, header.prices.premium_ema) = (9_000, -8_000);
    let outcome = refresh_at(&mut header, NOW, moved(50), BookTop::default()).unwrap();
    assert_eq!((outcome.mark, outcome.basis), (moved(50), Some(0)));
    // One second towards zero of 151 and of 3,601, rounded away from zero.
    assert_eq!(
        (outcome.basis_ema, outcome.premium_ema),
        (9_000 - 60, -8_000 + 3)
    );
    assert_eq!(
        header.prices.ema_time, NOW,
        "time without a book weighs nothing later"
    );
}

#[test]
fn a_sample_is_clipped_and_weighed_by_its_time() {
    let mut header = running(ONE);
    header.prices.ema_time = NOW - 40;
    let outcome = refresh_at(&mut header, NOW, ONE, quotes(2 * ONE, 2 * ONE)).unwrap();
    let clip = i64::try_from(ONE * 5_000 / 1_000_000).unwrap();
    assert_eq!(outcome.basis, Some(clip));
    assert_eq!(outcome.basis_ema, (clip * 40 + 189) / 190);
    assert_eq!(outcome.premium_ema, (clip * 40 + 3_639) / 3_640);
    assert_eq!(
        outcome.mark,
        ONE.checked_add_signed(outcome.basis_ema).unwrap()
    );
}

#[test]
fn one_sample_after_a_silence_weighs_no_more_than_one_accrual() {
    let mut header = running(ONE);
    header.prices.ema_time = NOW - 50_000;
    let outcome = refresh_at(&mut header, NOW, ONE, quotes(2 * ONE, 2 * ONE)).unwrap();
    let clip = i64::try_from(ONE * 5_000 / 1_000_000).unwrap();
    assert_eq!(outcome.premium_ema, (clip * 60 + 3_659) / 3_660);
}

#[test]
fn an_average_reaches_a_constant_sample_and_never_passes_it() {
    for target in [77_i64, -77, 3_000_000, -3_000_000] {
        let mut value = 0;
        for _ in 0..60_000 {
            let next = ema(value, target, 1, 3_600).unwrap();
            assert!((target - next).abs() < (target - value).abs() || next == target);
            value = next;
        }
        assert_eq!(value, target);
    }
}

#[test]
fn after_a_crash_of_the_index_the_basis_is_clipped_to_the_new_one() {
    let mut header = running(ONE);
    header.prices.basis_ema = -i64::try_from(ONE * 4_000 / 1_000_000).unwrap();
    let crashed = ONE / 1_024;
    let outcome = refresh_at(&mut header, NOW, crashed, quotes(1, 1)).unwrap();
    let clip = crashed * 5_000 / 1_000_000;
    assert_eq!(outcome.basis_ema, -i64::try_from(clip).unwrap());
    assert_eq!(outcome.mark, crashed - clip);
}

#[test]
fn attack_48_the_mark_follows_a_gap_of_the_index_at_once() {
    for ppm in [-600_000, -150_000, 150_000, 9_000_000] {
        let mut header = running(ONE);
        let outcome = refresh_at(&mut header, NOW, moved(ppm), quotes(ONE, ONE)).unwrap();
        assert_eq!(outcome.index, moved(ppm));
        assert!(outcome.mark.abs_diff(outcome.index) <= outcome.index / 200);
    }
}

#[test]
fn attack_07_thin_book_moves_the_mark_no_further_than_the_clipped_basis() {
    let mut header = running(ONE);
    for second in 0..600 {
        // One quote apart from the index, at three times the price, and a trade with oneself there.
        header.prices.last_trade = 3 * ONE;
        header.prices.last_trade_time = NOW + second;
        let outcome = refresh_at(&mut header, NOW + second, ONE, quotes(3 * ONE, 4 * ONE)).unwrap();
        assert!(outcome.mark - ONE <= ONE / 200);
    }
}

#[test]
fn attack_25_premium_spike_before_a_refresh_pays_nothing_for_the_past() {
    let mut calm = running(ONE);
    let mut spiked = running(ONE);
    for second in 0..50 {
        let top = quotes(moved(-10), moved(-10));
        let calm_now = refresh_at(&mut calm, NOW + second, ONE, top).unwrap();
        // The last refresh sees a book ten percent away.
        let top = if second == 49 {
            quotes(moved(100_000), moved(100_000))
        } else {
            top
        };
        let spiked_now = refresh_at(&mut spiked, NOW + second, ONE, top).unwrap();
        assert_eq!(calm_now.funding, spiked_now.funding, "second {second}");
    }
    assert_eq!(calm.sides, spiked.sides);
    // And for the second after it pays by the weight of one second.
    let calm_next = refresh_at(&mut calm, NOW + 50, ONE, BookTop::default()).unwrap();
    let spiked_next = refresh_at(&mut spiked, NOW + 50, ONE, BookTop::default()).unwrap();
    let extra = spiked_next.funding.long_pays - calm_next.funding.long_pays;
    let clip = i128::from(ONE * 5_000 / 1_000_000) + 50_000;
    assert!(extra > 0 && extra <= ((clip / 3_601 + 1) << 32) / 28_800 + 1);
}

#[test]
fn funding_is_charged_with_the_premium_of_before() {
    let mut header = running(ONE);
    header.prices.premium_ema = 2_000_000;
    let outcome = refresh_at(
        &mut header,
        NOW + 9,
        ONE,
        quotes(moved(-4_000), moved(-4_000)),
    )
    .unwrap();
    assert_eq!(outcome.funding.seconds, 10);
    assert_eq!(
        outcome.funding.long_pays,
        (2_000_000_i128 << 32) * 10 / 28_800
    );
    assert!(outcome.premium_ema < 2_000_000);
    assert_eq!(
        join_signed(header.sides[0].cash_index),
        -outcome.funding.long_pays
    );
    assert_eq!(header.sides[0].scale, SCALE_ONE);
}

#[test]
fn the_same_observation_again_refreshes_the_mark_and_advances_nothing() {
    let mut header = market();
    refresh_at(&mut header, NOW - 3, ONE, BookTop::default()).unwrap();
    let top = quotes(moved(2_000), moved(2_000));
    let again = refresh_with(&mut header, &[update(ONE, NOW - 3)], NOW, top).unwrap();
    assert!(!again.index_advanced);
    assert_eq!(
        (again.index, again.index_time, again.seconds),
        (ONE, NOW - 3, 3)
    );
    assert!(again.mark > ONE);
    assert_eq!(header.prices.index_updated_at, NOW - 3);
    assert_eq!(header.prices.mark_time, NOW);
}

#[test]
fn a_halt_neither_samples_nor_charges_and_its_book_is_no_price() {
    let mut header = running(ONE);
    (header.prices.basis_ema, header.prices.premium_ema) = (9_000, 8_000);
    header.halt.phase = HaltPhase::Call.byte();
    header.halt.tripped_at = NOW - 1;
    header.halt.call_ends_at = NOW + 4;
    let top = quotes(moved(4_000), moved(-4_000));
    let outcome = refresh_at(&mut header, NOW + 2, moved(30), top).unwrap();
    assert_eq!((outcome.mark, outcome.basis), (moved(30), None));
    assert_eq!((outcome.basis_ema, outcome.premium_ema), (9_000, 8_000));
    assert_eq!((outcome.funding.seconds, outcome.funding.long_pays), (0, 0));
    assert_eq!(
        (header.prices.ema_time, header.prices.funding_time),
        (NOW + 2, NOW + 2)
    );
}

#[test]
fn a_sample_after_a_reopening_weighs_the_time_since() {
    let mut header = running(ONE);
    (header.halt.tripped_at, header.halt.reopened_at) = (NOW, NOW + 8);
    let outcome = refresh_at(&mut header, NOW + 11, ONE, quotes(2 * ONE, 2 * ONE)).unwrap();
    let clip = i64::try_from(ONE * 5_000 / 1_000_000).unwrap();
    assert_eq!(outcome.basis_ema, (clip * 3 + 152) / 153);
    assert_eq!(outcome.funding.seconds, 4);
}

#[test]
fn a_move_outside_the_band_is_reported_before_the_windows_see_it() {
    let mut header = running(ONE);
    let inside = refresh_at(&mut header, NOW, moved(19_900), BookTop::default()).unwrap();
    assert!(!inside.outside_short_band.any());
    // Split in two it is still one move within the window.
    let outside = refresh_at(&mut header, NOW + 2, moved(20_100), BookTop::default()).unwrap();
    assert_eq!(
        outside.outside_short_band,
        OutsideBand {
            index: true,
            mark: true
        }
    );
    assert!(!outside.outside_long_band.any());
    let far = refresh_at(&mut header, NOW + 3, moved(-90_000), BookTop::default()).unwrap();
    assert!(far.outside_short_band.any() && far.outside_long_band.any());
}

#[test]
fn a_gap_after_a_silence_longer_than_the_window_is_outside_the_band() {
    let mut header = running(ONE);
    let outcome = refresh_at(
        &mut header,
        NOW + 10_000,
        moved(-150_000),
        BookTop::default(),
    )
    .unwrap();
    assert!(outcome.outside_short_band.any() && outcome.outside_long_band.any());
    // The old price stood until then: the windows still hold it.
    assert_eq!(
        header.windows.short.range(2, NOW + 10_000).unwrap().high,
        ONE
    );
}

#[test]
fn a_mark_that_stood_through_a_silence_stays_in_the_windows() {
    let mut header = running(ONE);
    header.prices.mark = moved(4_000);
    refresh_at(&mut header, NOW + 10_000, ONE, BookTop::default()).unwrap();
    let widths = Widths::of(&header.params);
    let mixed = Range {
        high: moved(4_000),
        low: ONE,
    };
    let (short, long) = (&header.windows.short, &header.windows.long);
    assert_eq!(short.range(widths.short, NOW + 10_000), Some(mixed));
    assert_eq!(long.range(widths.long, NOW + 10_000), Some(mixed));
}

#[test]
fn of_the_prices_from_before_a_reopening_only_its_index_stands() {
    // The mark of before the halt is forgotten; the index of the reopening is not, however long nobody comes.
    for (later, ppm, trips) in [
        (41, -151_000, false),
        (41, -169_000, true),
        (900, -151_000, false),
        (900, -169_000, true),
    ] {
        let mut header = running(ONE);
        header.halt.reopened_at = NOW + 40;
        header.prices.index = moved(-150_000);
        let widths = Widths::of(&header.params);
        header.windows.restart(widths, moved(-150_000), NOW + 40);
        let outcome = refresh_at(&mut header, NOW + later, moved(ppm), BookTop::default());
        let outside = outcome.unwrap().outside_short_band;
        assert_eq!(outside.any(), trips, "{ppm} after {later} s");
        let range = header
            .windows
            .short
            .range(widths.short, NOW + later)
            .unwrap();
        assert_eq!(
            range,
            Range {
                high: moved(-150_000),
                low: header.prices.index
            }
        );
    }
}

#[test]
fn a_print_far_from_the_index_trips_no_refresh() {
    let mut header = running(ONE);
    refresh_at(&mut header, NOW + 1, ONE, BookTop::default()).unwrap();
    let widths = Widths::of(&header.params);
    // 5% up, and the index stays where it is.
    header.windows.observe_trade(widths, moved(50_000), NOW + 1);
    let outcome = refresh_at(&mut header, NOW + 2, moved(-1_000), BookTop::default()).unwrap();
    assert!(!outcome.outside_short_band.any() && !outcome.outside_long_band.any());
    let seen = trading_band(&header, NOW + 2).unwrap();
    assert_eq!(seen.high, moved(50_000));
}

#[test]
fn a_price_of_the_very_second_of_a_reopening_stands() {
    let mut header = running(ONE);
    header.halt.reopened_at = NOW;
    header.windows.restart(Widths::of(&header.params), ONE, NOW);
    refresh_at(&mut header, NOW, moved(1_000), BookTop::default()).unwrap();
    // It stood until the next one replaced it, two minutes later.
    let outcome = refresh_at(&mut header, NOW + 120, moved(21_100), BookTop::default()).unwrap();
    assert!(outcome.outside_short_band.any());
}

#[test]
fn a_mark_of_the_very_second_of_a_reopening_stands() {
    let mut header = running(ONE);
    header.halt.reopened_at = NOW;
    header.windows.restart(Widths::of(&header.params), ONE, NOW);
    header.prices.basis_ema = i64::try_from(ONE * 4_000 / 1_000_000).unwrap();
    let above = moved(4_000);
    let reopened = refresh_at(&mut header, NOW, ONE, quotes(above, above)).unwrap();
    assert!(reopened.mark > moved(3_900));
    // Two minutes later: within 2% of that index, and not of that mark.
    let outcome = refresh_at(&mut header, NOW + 120, moved(-16_900), BookTop::default()).unwrap();
    assert!(outcome.outside_short_band.index);
}

#[test]
fn a_first_index_is_outside_no_band() {
    let outcome = refresh_at(&mut market(), NOW, ONE, BookTop::default()).unwrap();
    assert!(!outcome.outside_short_band.any() && !outcome.outside_long_band.any());
}

#[test]
fn the_windows_hold_every_index_and_mark() {
    let mut header = running(ONE);
    header.prices.basis_ema = i64::try_from(ONE * 4_000 / 1_000_000).unwrap();
    let outcome = refresh_at(&mut header, NOW, moved(-3_000), quotes(ONE, ONE)).unwrap();
    assert!(outcome.mark > outcome.index);
    let widths = Widths::of(&header.params);
    let mixed = Range {
        high: ONE,
        low: outcome.index,
    };
    assert_eq!(header.windows.short.range(widths.short, NOW), Some(mixed));
    assert_eq!(header.windows.long.range(widths.long, NOW), Some(mixed));
    assert_eq!(
        header.windows.short_index.range(widths.short, NOW),
        Some(mixed)
    );
    let top = quotes(moved(9_000), moved(9_000));
    let above = refresh_at(&mut header, NOW + 1, moved(-3_000), top).unwrap();
    assert!(above.mark > ONE);
    let range = header.windows.short.range(widths.short, NOW + 1).unwrap();
    assert_eq!((range.high, range.low), (above.mark, outcome.index));
    let index_range = header
        .windows
        .short_index
        .range(widths.short, NOW + 1)
        .unwrap();
    assert_eq!((index_range.high, index_range.low), (ONE, outcome.index));
}

#[test]
fn an_error_leaves_the_header_byte_identical() {
    let good = update(ONE, NOW);
    let cases = [
        (vec![], EngineError::FeedsDisagree),
        (
            vec![Posted {
                owner: [1; 32],
                ..good
            }],
            EngineError::FeedWrongOwner,
        ),
        (
            vec![Posted {
                feed_id: FEED_B,
                ..good
            }],
            EngineError::FeedWrongId,
        ),
        (
            vec![Posted {
                signatures: Some(9),
                ..good
            }],
            EngineError::FeedNotFullyVerified,
        ),
        (
            vec![Posted { price: -1, ..good }],
            EngineError::FeedPriceInvalid,
        ),
        (
            vec![Posted {
                exponent: 9,
                ..good
            }],
            EngineError::FeedPriceInvalid,
        ),
        (
            vec![Posted {
                confidence: u64::MAX,
                ..good
            }],
            EngineError::FeedConfidenceTooWide,
        ),
        (
            vec![Posted {
                publish_time: NOW + 6,
                ..good
            }],
            EngineError::FeedTimeInFuture,
        ),
        (
            vec![Posted {
                publish_time: NOW - 16,
                ..good
            }],
            EngineError::FeedStale,
        ),
        (
            vec![Posted {
                publish_time: NOW - 2,
                ..good
            }],
            EngineError::FeedTimeNotNewer,
        ),
        (vec![good, good], EngineError::DuplicateAccount),
    ];
    for (posts, error) in cases {
        let mut header = running(ONE);
        header.prices.premium_ema = 2_000_000;
        let before = bytes_of(&*header).to_vec();
        let result = refresh_with(&mut header, &posts, NOW, quotes(ONE, ONE));
        assert_eq!(result, Err(error));
        assert!(bytes_of(&*header) == before, "{error}");
    }
}

#[test]
fn an_overflow_of_funding_leaves_the_header_byte_identical() {
    let mut header = running(ONE);
    header.prices.premium_ema = 2_000_000;
    header.sides[1].cash_index = crate::math::split_signed(i128::MIN);
    let before = bytes_of(&*header).to_vec();
    assert_eq!(
        refresh_at(&mut header, NOW, ONE, quotes(ONE, ONE)),
        Err(EngineError::Overflow)
    );
    assert!(bytes_of(&*header) == before);
}

#[test]
fn a_stale_index_that_nothing_renews_is_an_error() {
    let mut header = market();
    header.params = params();
    let posts = |a: i64, b: i64| {
        [
            update(ONE, a),
            Posted {
                feed_id: FEED_B,
                ..update(ONE, b)
            },
        ]
    };
    refresh_with(
        &mut header,
        &posts(NOW - 2, NOW - 9),
        NOW,
        BookTop::default(),
    )
    .unwrap();
    let before = bytes_of(&*header).to_vec();
    // The first feed anew, the third never used, the second too old to pass: one new leg is missing.
    let late = [
        update(ONE, NOW - 2),
        Posted {
            feed_id: FEED_C,
            ..update(ONE, NOW + 7)
        },
    ];
    let result = refresh_with(&mut header, &late, NOW + 7, BookTop::default());
    assert_eq!(result, Err(EngineError::IndexStale));
    assert!(bytes_of(&*header) == before);
}

fn ppm() -> impl Strategy<Value = i64> {
    prop_oneof![-3_000_i64..3_000, -990_000_i64..3_000_000]
}

proptest! {
    #[test]
    fn mark_lies_between_the_index_and_the_index_plus_basis(
        steps in prop::collection::vec((0_i64..9, ppm(), ppm(), ppm(), ppm(), 0_u8..8), 1..60),
    ) {
        let (mut header, mut now) = (running(ONE), NOW);
        for (step, index, bid, ask, trade, legs) in steps {
            now += step;
            header.prices.last_trade = if legs & 4 == 0 { 0 } else { moved(trade) };
            header.prices.last_trade_time = now - i64::from(legs) * 10;
            let top = BookTop {
                best_bid: (legs & 1 != 0).then_some(moved(bid)),
                best_ask: (legs & 2 != 0).then_some(moved(ask)),
            };
            // The same second brings no second publish time.
            let Ok(outcome) = refresh_at(&mut header, now, moved(index), top) else { continue };
            let fair = outcome.index.checked_add_signed(outcome.basis_ema).unwrap();
            prop_assert!(outcome.mark >= outcome.index.min(fair) && outcome.mark <= outcome.index.max(fair));
            prop_assert!(outcome.basis_ema.unsigned_abs() <= outcome.index / 200);
            prop_assert!(outcome.mark > 0 && outcome.mark <= PRICE_Q32_MAX);
            prop_assert_eq!((header.prices.index, header.prices.mark), (outcome.index, outcome.mark));
        }
    }

    #[test]
    fn one_manipulated_leg_moves_the_mark_no_further_than_the_other_two(
        index in ppm(), basis in -5_000_i64..5_000, book in ppm(), lie in any::<u64>(),
    ) {
        let (a, b, c) = (moved(index), moved(index + basis), moved(book));
        for [x, y] in [[a, b], [a, c], [b, c]] {
            for mark in [index::median(x, y, lie), index::median(x, lie, y), index::median(lie, x, y)] {
                prop_assert!(mark >= x.min(y) && mark <= x.max(y));
            }
        }
    }

    #[test]
    fn the_average_equals_exact_arithmetic(
        old in -(1_i64 << 42)..1 << 42,
        sample in -(1_i64 << 42)..1 << 42,
        seconds in 1_u64..3_600,
        tau in 1_u32..86_400,
    ) {
        let exact = BigInt::from(sample - old) * seconds;
        let weight = BigInt::from(seconds) + tau;
        let found = BigInt::from(ema(old, sample, seconds, tau).unwrap() - old) * &weight;
        // Within one unit, on the sample's side, never past it.
        let gap = if exact < BigInt::ZERO { &exact - &found } else { &found - &exact };
        prop_assert!(gap >= BigInt::ZERO && gap < weight);
        let reached = ema(old, sample, seconds, tau).unwrap();
        prop_assert!(reached >= old.min(sample) && reached <= old.max(sample));
    }

    #[test]
    fn any_header_and_any_feed_give_an_error_or_a_price_without_panic(
        noise in prop::collection::vec(any::<u64>(), 24),
        data in prop::collection::vec(any::<u8>(), 93),
        top in (any::<Option<u64>>(), any::<Option<u64>>()),
        now in any::<i64>(),
    ) {
        let mut header = running(ONE);
        // Prices, basis, times and cash indices of any value.
        let prices: &mut [u64] = bytemuck::cast_slice_mut(std::slice::from_mut(&mut header.prices));
        for (word, noise) in prices.iter_mut().zip(&noise) {
            *word = *noise;
        }
        header.sides[0].cash_index = [noise[0], noise[1]];
        let before = bytes_of(&*header).to_vec();
        let mut account = update(ONE, now.saturating_sub(1).max(i64::MIN + 1)).bytes();
        let free = account.len() - data.len();
        if noise[2] & 1 == 0 {
            account[free..].copy_from_slice(&data);
        }
        let feed = FeedInput { owner: index::PYTH_RECEIVER, data: &account };
        let top = BookTop { best_bid: top.0, best_ask: top.1 };
        match refresh(&mut header, &[feed], top, &Env { now, slot: 1 }) {
            Ok(outcome) => prop_assert!(outcome.mark > 0),
            Err(_) => prop_assert!(bytes_of(&*header) == before),
        }
    }
}

/// Keeps the list of observations of a run beside the windows.
#[test]
fn a_run_of_refreshes_keeps_its_windows_wide_enough() {
    let (mut header, mut seen) = (running(ONE), Vec::new());
    for (step, ppm) in [
        (1, 500),
        (3, 900),
        (4, -700),
        (2, 200),
        (9, 100),
        (1, -300),
        (30, 40),
    ] {
        let now = header.prices.mark_time + step;
        let outcome = refresh_at(&mut header, now, moved(ppm), BookTop::default()).unwrap();
        seen.push((now, outcome.index));
        let range = header.windows.short.range(2, now).unwrap();
        for (time, price) in &seen {
            if now - time <= 10 {
                assert!(range.low <= *price && *price <= range.high);
            }
        }
    }
}

#[test]
fn a_base_atom_worth_too_little_is_rejected() {
    let first = |index: u64| {
        let mut header = market();
        let before = header.clone();
        let refreshed = refresh_at(&mut header, NOW, index, BookTop::default()).map(|_| ());
        if refreshed.is_err() {
            assert_eq!(bytes_of(&*header), bytes_of(&*before), "nothing is written");
        }
        refreshed
    };
    assert_eq!(first(BASE_ATOM_VALUE_MIN), Ok(()));
    assert_eq!(
        first(BASE_ATOM_VALUE_MIN - 1),
        Err(EngineError::ParameterOutOfBounds)
    );
    assert_eq!(first(BASE_ATOM_VALUE_MAX), Ok(()));
    assert_eq!(
        first(BASE_ATOM_VALUE_MAX + 1),
        Err(EngineError::BaseAtomTooCoarse)
    );
    // A listed market follows its price wherever it goes.
    let mut header = running(ONE);
    assert!(refresh_at(
        &mut header,
        NOW,
        BASE_ATOM_VALUE_MIN / 2,
        BookTop::default()
    )
    .is_ok());
}
