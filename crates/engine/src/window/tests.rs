//! Windows against a list of everything that was ever observed.
#![allow(clippy::unwrap_used)]

use std::vec::Vec;

use num_bigint::BigUint;
use proptest::prelude::*;

use super::*;

const START: i64 = 1_760_079_000;

fn empty() -> Window {
    Window::zeroed()
}

fn widths(short_seconds: u32, long_seconds: u32) -> Widths {
    let params = MarketParams {
        velocity_short_seconds: short_seconds,
        velocity_long_seconds: long_seconds,
        ..MarketParams::zeroed()
    };
    Widths::of(&params)
}

fn extremes(prices: impl Iterator<Item = u64>) -> Option<Range> {
    prices.map(Range::of).reduce(Range::join)
}

#[test]
fn a_bucket_is_a_seventh_of_the_window_rounded_up() {
    assert_eq!(
        widths(10, 3_600),
        Widths {
            short: 2,
            long: 515
        }
    );
    assert_eq!(widths(7, 30), Widths { short: 1, long: 5 });
    assert_eq!(widths(1, 1), Widths { short: 1, long: 1 });
}

#[test]
fn an_empty_window_has_no_range() {
    assert_eq!(empty().range(2, START), None);
    let mut window = empty();
    window.observe(2, 0, START);
    assert_eq!(window.range(2, START), None, "zero is no price");
}

#[test]
fn zero_does_not_become_the_low_of_a_running_bucket() {
    let mut window = empty();
    window.observe(2, 700, START);
    window.observe(2, 0, START);
    assert_eq!(window.range(2, START), Some(Range::of(700)));
}

#[test]
fn a_price_is_forgotten_after_eight_widths_and_not_before_seven() {
    let mut window = empty();
    let begin = START - START % 2;
    window.observe(2, 700, begin);
    assert_eq!(window.range(2, begin + 15), Some(Range::of(700)));
    assert_eq!(window.range(2, begin + 16), None);
    window.observe(2, 710, begin + 16);
    assert_eq!(
        window.range(2, begin + 16),
        Some(Range::of(710)),
        "its slot is used again, cleared"
    );
}

#[test]
fn a_silence_of_years_clears_every_bucket() {
    let mut window = empty();
    for second in 0..16 {
        window.observe(2, 700 + second, START + second as i64);
    }
    window.observe(2, 900, START + 100_000_000);
    assert_eq!(window.range(2, START + 100_000_000), Some(Range::of(900)));
    assert_eq!(
        window
            .buckets
            .iter()
            .filter(|bucket| bucket.high != 0)
            .count(),
        1
    );
}

#[test]
fn a_clock_that_goes_back_keeps_the_running_bucket() {
    let mut window = empty();
    window.observe(2, 700, START);
    window.observe(2, 650, START - 1_000);
    assert_eq!(
        window.range(2, START - 1_000),
        Some(Range {
            high: 700,
            low: 650
        })
    );
    assert_eq!(
        window.range(2, START),
        Some(Range {
            high: 700,
            low: 650
        })
    );
}

#[test]
fn extreme_times_and_widths_do_not_panic() {
    for now in [i64::MIN, -1, 0, 1, i64::MAX] {
        for width in [0, 1, u32::MAX] {
            let mut window = empty();
            window.observe(width, u64::MAX, now);
            window.observe(width, 1, now);
            assert_eq!(
                window.range(width, now),
                Some(Range {
                    high: u64::MAX,
                    low: 1
                })
            );
            window.observe(width, 5, START);
        }
    }
}

#[test]
fn the_index_window_sees_the_index_alone_and_the_long_one_no_trade() {
    let widths = widths(10, 3_600);
    let mut windows = Windows::zeroed();
    windows.observe_index(widths, 700, START);
    windows.observe_mark(widths, 650, START);
    windows.observe_trade(widths, 800, START);
    let mixed = Some(Range {
        high: 800,
        low: 650,
    });
    assert_eq!(windows.short.range(widths.short, START), mixed);
    let untraded = Some(Range {
        high: 700,
        low: 650,
    });
    assert_eq!(windows.long.range(widths.long, START), untraded);
    assert_eq!(
        windows.short_index.range(widths.short, START),
        Some(Range::of(700))
    );
}

#[test]
fn a_restart_forgets_prices_and_volumes() {
    let widths = widths(10, 3_600);
    let mut windows = Windows::zeroed();
    windows.observe_index(widths, 700, START);
    windows.record_volume(widths, 41, START);
    windows.restart(widths, 900, START + 3);
    for (window, width) in [
        (windows.short, widths.short),
        (windows.short_index, widths.short),
        (windows.long, widths.long),
    ] {
        assert_eq!(window.range(width, START + 3), Some(Range::of(900)));
    }
    assert_eq!(windows.volume(widths, START + 3), 0);
}

#[test]
fn volume_saturates() {
    let widths = widths(10, 3_600);
    let mut windows = Windows::zeroed();
    windows.record_volume(widths, u64::MAX, START);
    windows.record_volume(widths, 9, START);
    windows.record_volume(widths, 9, START + 4);
    assert_eq!(windows.volume(widths, START + 4), u64::MAX);
}

#[test]
fn a_move_of_exactly_the_threshold_is_inside() {
    let range = Range {
        high: 1_000_000,
        low: 990_000,
    };
    assert!(!outside_band(range, 1_009_800, 20_000), "2% over the low");
    assert!(outside_band(range, 1_009_801, 20_000));
    assert!(!outside_band(range, 980_000, 20_000), "2% under the high");
    assert!(outside_band(range, 979_999, 20_000));
}

fn walk() -> impl Strategy<Value = Vec<(i64, u64)>> {
    // Steps of zero, of a few seconds, and now and then longer than any window.
    let step = prop_oneof![4 => 0_i64..3, 2 => 0_i64..40, 1 => 0_i64..5_000];
    prop::collection::vec((step, 1_u64..1 << 44), 1..120)
}

proptest! {
    #[test]
    fn rolling_window_always_covers_its_length(walk in walk(), seconds in 1_u32..600, late in 0_i64..5_000) {
        let width = seconds.div_ceil(7);
        let mut window = empty();
        let mut seen: Vec<(i64, u64)> = Vec::new();
        let mut now = START;
        for (step, price) in walk {
            now += step;
            window.observe(width, price, now);
            seen.push((now, price));
            for at in [now, now + late] {
                let range = window.range(width, at);
                let since = |age: i64| seen.iter().filter(move |(time, _)| at - time <= age).map(|(_, p)| *p);
                // All of the last W seconds, and nothing as old as eight widths.
                if let Some(covered) = extremes(since(i64::from(seconds))) {
                    let range = range.unwrap();
                    prop_assert!(range.high >= covered.high && range.low <= covered.low);
                }
                match (range, extremes(since(i64::from(width) * 8 - 1))) {
                    (Some(range), Some(most)) => {
                        prop_assert!(range.high <= most.high && range.low >= most.low);
                    }
                    (found, most) => prop_assert!(found.is_none() || most.is_some()),
                }
                // Exactly the observations of the last eight buckets.
                let number = at / i64::from(width);
                let exact = extremes(
                    seen.iter().filter(|(time, _)| number - time / i64::from(width) < 8).map(|(_, p)| *p),
                );
                prop_assert_eq!(range, exact);
            }
        }
    }

    #[test]
    fn volume_is_that_of_the_last_eight_buckets(
        walk in walk(),
        seconds in 1_u32..600,
        late in 0_i64..5_000,
        mixed in any::<u64>(),
    ) {
        let widths = widths(seconds, seconds.saturating_mul(3));
        let mut windows = Windows::zeroed();
        let mut seen: Vec<(i64, u64)> = Vec::new();
        let mut now = START;
        for (i, (step, lots)) in walk.into_iter().enumerate() {
            now += step;
            // Prices and volumes share the buckets: either may be what moves them on.
            if mixed >> (i % 64) & 1 == 0 {
                windows.record_volume(widths, lots, now);
                seen.push((now, lots));
            } else {
                windows.observe_trade(widths, lots, now);
            }
            for at in [now, now + late] {
                let number = at / i64::from(widths.short);
                let exact: u64 = seen
                    .iter()
                    .filter(|(time, _)| number - time / i64::from(widths.short) < 8)
                    .map(|(_, lots)| *lots)
                    .sum();
                prop_assert_eq!(windows.volume(widths, at), exact);
            }
        }
    }

    #[test]
    fn the_band_is_exact_for_any_price(
        (a, b) in (1..u64::MAX, 1..u64::MAX),
        (shift_a, shift_b) in (0_u32..50, 0_u32..50),
        (price, shift) in (1..u64::MAX, 0_u32..50),
        threshold in prop_oneof![Just(20_000_u32), 1_000_u32..900_000, any::<u32>()],
    ) {
        let range = Range::of((a >> shift_a).max(1)).join(Range::of((b >> shift_b).max(1)));
        let price = price >> shift;
        let (ppm, theta) = (BigUint::from(1_000_000_u32), BigUint::from(threshold));
        let up = BigUint::from(range.low) * (&ppm + &theta);
        let down = if theta > ppm { BigUint::ZERO } else { BigUint::from(range.high) * (&ppm - &theta) };
        let scaled = BigUint::from(price) * &ppm;
        prop_assert_eq!(outside_band(range, price, threshold), scaled > up || scaled < down);
    }
}
