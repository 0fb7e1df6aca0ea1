//! Halts on a recorded evening: a spot tape of 10 October 2025 as the index, one row a second, with a band of 5%
//! over 30 seconds. A reference in plain loops over the rows says which refreshes trip, which of them halt, and
//! for how long; it shares nothing with the engine.
#![allow(clippy::unwrap_used)]

mod halts;

use halts::{params, Market};
use plimsoll_engine::params::MarketParams;

/// The repository's recorded data; its README names the source.
const TAPE: &str = include_str!("../../../data/avax_spot_coinbase_1s.csv");

/// (unix seconds, last price of the second in dollars with eight decimals)
fn rows() -> Vec<(i64, u64)> {
    let parse = |line: &str| {
        let mut fields = line.split(',');
        let second = fields.next().unwrap().parse().unwrap();
        (second, eight_decimals(fields.nth(3).unwrap()))
    };
    TAPE.lines().skip(1).map(parse).collect()
}

fn eight_decimals(text: &str) -> u64 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits: String = fraction.chars().chain("00000000".chars()).take(8).collect();
    whole.parse::<u64>().unwrap() * 100_000_000 + digits.parse::<u64>().unwrap()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Halt {
    tripped_at: i64,
    ended_at: i64,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Course {
    halts: Vec<Halt>,
    /// Trips that the budget did not allow to halt the market.
    refused: Vec<i64>,
}

/// What the rules say, price by price.
fn reference(rows: &[(i64, u64)], params: &MarketParams, advanced: bool) -> Course {
    let mut course = Course::default();
    let mut escalation = 0_u32;
    for (at, (now, price)) in rows.iter().copied().enumerate() {
        let last = course.halts.last().copied();
        let reopened_at = last.map_or(i64::MIN, |halt| halt.ended_at);
        if now < reopened_at {
            continue;
        }
        let refused_at = course.refused.last().copied().unwrap_or(i64::MIN);
        let outside = |seconds: u32, ppm: u32| {
            // Eight buckets, the running one included.
            let width = i64::from(seconds.div_ceil(7));
            let from = (now / width - 7) * width;
            // A price stood until the next row replaced it. A reopening and a refused trip begin anew.
            let stood = |before: &usize| {
                let until = rows[before + 1].0;
                until >= from && until >= reopened_at && until > refused_at
            };
            let prices: Vec<u128> = (0..at)
                .rev()
                .take_while(stood)
                .map(|before| u128::from(rows[before].1))
                .collect();
            let (Some(low), Some(high)) = (prices.iter().min(), prices.iter().max()) else {
                return false;
            };
            let scaled = u128::from(price) * 1_000_000;
            scaled > low * u128::from(1_000_000 + ppm)
                || scaled < high * u128::from(1_000_000 - ppm)
        };
        if !outside(params.velocity_short_seconds, params.velocity_short_ppm)
            && !outside(params.velocity_long_seconds, params.velocity_long_ppm)
        {
            continue;
        }
        let again = last.is_some() && now - reopened_at <= i64::from(params.retrip_seconds);
        let times = if again { escalation + 1 } else { 0 };
        let call =
            (i64::from(params.call_seconds) << times).min(i64::from(params.call_seconds_max));
        let resolve = i64::from(params.resolve_seconds);
        // A seventh of the budget's time is a bucket; seven and the running one count, by the halt's end.
        let width = i64::from(params.halt_budget_seconds.div_ceil(7));
        let spent: i64 = course
            .halts
            .iter()
            .filter(|halt| halt.ended_at / width >= now / width - 7)
            .map(|halt| halt.ended_at - halt.tripped_at)
            .sum();
        if spent + call + 10 + resolve > 150 {
            course.refused.push(now);
            continue;
        }
        escalation = times;
        let auction = if advanced { 0 } else { 10 };
        course.halts.push(Halt {
            tripped_at: now,
            ended_at: now + call + auction + resolve,
        });
    }
    course
}

/// The engine, fed with the same index; `advanced`: somebody calls every second, else nobody does.
fn engine(rows: &[(i64, u64)], params: &MarketParams, advanced: bool) -> Course {
    let start = rows[0].0;
    let end = rows[rows.len() - 1].0 + 120;
    let mut market = Market::new(params, 0, 0, start);
    let mut course = Course::default();
    let mut ended = Vec::new();
    let mut next = rows.iter().peekable();
    for now in start..=end {
        if let Some((_, price)) = next.next_if(|row| row.0 == now) {
            let (reopened, trip) = market.refresh(*price, now);
            ended.extend(reopened.map(|reopened| reopened.at));
            match trip {
                Some(trip) if trip.halted => course.halts.push(Halt {
                    tripped_at: now,
                    ended_at: trip.reopens_by,
                }),
                Some(_) => course.refused.push(now),
                None => {}
            }
        }
        if advanced || now == end {
            ended.extend(market.advance(now).reopened.map(|reopened| reopened.at));
        }
    }
    assert!(market.is_open(end), "the last halt has ended");
    assert_eq!(ended.len(), course.halts.len(), "every halt ended once");
    for (halt, ended_at) in course.halts.iter_mut().zip(ended) {
        assert!(ended_at <= halt.ended_at, "no later than it said");
        halt.ended_at = ended_at;
    }
    course
}

/// Most halted seconds in any ten minutes, second by second.
fn most_halted(course: &Course) -> i64 {
    let seconds = || course.halts.iter().flat_map(|h| h.tripped_at..h.ended_at);
    let most = seconds().map(|from| seconds().filter(|s| (from..from + 600).contains(s)).count());
    most.max().unwrap_or(0) as i64
}

/// The engine against the reference; (halts, refused, most halted seconds in ten minutes) without a keeper and
/// with one.
fn compared(params: &MarketParams) -> [(usize, usize, i64); 2] {
    let rows = rows();
    [false, true].map(|advanced| {
        let course = engine(&rows, params, advanced);
        let expected = reference(&rows, params, advanced);
        assert!(course == expected, "the engine and the rules part");
        let most = most_halted(&course);
        assert!(most <= 150);
        (course.halts.len(), course.refused.len(), most)
    })
}

#[test]
fn the_short_band_halts_the_recorded_evening_as_its_rules_say() {
    let params = MarketParams {
        velocity_long_ppm: 900_000,
        ..params()
    };
    assert_eq!(compared(&params), [(27, 26, 149), (33, 18, 138)]);
}

#[test]
fn both_bands_halt_the_recorded_evening_as_their_rules_say() {
    assert_eq!(compared(&params()), [(28, 26, 149), (34, 18, 138)]);
}

#[test]
fn a_narrow_band_spends_its_budget_and_leaves_the_market_open() {
    let params = MarketParams {
        velocity_short_ppm: 10_000,
        velocity_short_seconds: 10,
        ..params()
    };
    assert_eq!(compared(&params), [(57, 682, 149), (78, 671, 138)]);
}
