//! The budget of halted time: what it admits, what it remembers, and by an independent count of seconds.

use super::*;

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

fn lengths() -> impl Strategy<Value = MarketParams> {
    (2_u32..=30, 0_u32..=28, 1_u32..=5, 1_u32..=10).prop_map(|(call, more, freeze, resolve)| {
        MarketParams {
            call_seconds: call,
            call_seconds_max: (call + more).min(30),
            freeze_seconds: freeze.min(call - 1),
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
