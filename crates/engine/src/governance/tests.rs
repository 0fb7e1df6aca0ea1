//! Which change is how fast, what a due change needs, and the guardian's day.
#![allow(clippy::unwrap_used)]

use bytemuck::Zeroable;
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

use super::*;
use crate::position::Holding;
use crate::risk::{self, Resting};
use crate::seats::tests::{params, Desk};

const DAY: i64 = 86_400;
const HOUR: i64 = 3_600;

/// The desk's parameters have no budget of halts.
fn budgeted() -> MarketParams {
    MarketParams {
        halt_budget_ppm: 200_000,
        ..params()
    }
}

type Set = fn(&mut MarketParams, u64);

macro_rules! fields {
    ($($field:ident),* $(,)?) => {
        [$((stringify!($field), (|p, v| p.$field = v.try_into().unwrap()) as Set,
            (|p| u64::from(p.$field)) as fn(&MarketParams) -> u64)),*]
    };
}

#[test]
fn only_lower_caps_are_fast() {
    let tightening = fields![open_interest_low, open_interest_high, open_interest_max,];
    let base = budgeted();
    let with = |set: Set, value| {
        let mut changed = base;
        set(&mut changed, value);
        pace(&base, &changed)
    };
    for (name, set, get) in tightening {
        let value = get(&base);
        assert_eq!(with(set, value - 1), Ok(Pace::Tightening), "{name} lower");
        assert_eq!(with(set, value + 1), Ok(Pace::Slow), "{name} higher");
    }
    let all_lower = |p: &mut MarketParams| {
        for (_, set, get) in tightening {
            let value = get(p);
            set(p, value - 1);
        }
    };
    let mut changed = base;
    all_lower(&mut changed);
    assert_eq!(pace(&base, &changed), Ok(Pace::Tightening));
    // A mixed change is as slow as its slowest part.
    changed.taker_fee_ppm -= 1;
    assert_eq!(pace(&base, &changed), Ok(Pace::Slow));
}

#[test]
fn what_positions_are_counted_in_never_changes() {
    let base = params();
    for (name, set, get) in fields![base_atoms_per_lot, quote_atoms_per_lot_tick, base_decimals] {
        for value in [get(&base) + 1, get(&base).wrapping_sub(1).min(9)] {
            let mut changed = base;
            set(&mut changed, value);
            changed.open_interest_max -= 1;
            assert_eq!(
                pace(&base, &changed),
                Err(EngineError::NotChangeable),
                "{name}"
            );
        }
    }
    assert_eq!(pace(&base, &base), Err(EngineError::NothingToChange));
}

/// Every other word of the parameters, whatever it means or will mean, is slow in both directions.
#[test]
fn every_field_that_is_not_named_fast_is_slow() {
    let base = budgeted();
    let words = size_of::<MarketParams>() / 4;
    let mut slow = 0;
    for word in 0..words {
        let mut paces = vec![];
        for step in [1_u32, u32::MAX] {
            let mut changed = base;
            let bytes = &mut bytemuck::bytes_of_mut(&mut changed)[word * 4..word * 4 + 4];
            let value = u32::from_le_bytes(bytes.try_into().unwrap());
            bytes.copy_from_slice(&value.wrapping_add(step).to_le_bytes());
            paces.push(pace(&base, &changed));
        }
        if paces == [Ok(Pace::Slow), Ok(Pace::Slow)] {
            slow += 1;
        } else {
            let one_fast = paces.contains(&Ok(Pace::Tightening)) && paces.contains(&Ok(Pace::Slow));
            let never = paces.contains(&Err(EngineError::NotChangeable));
            assert!(one_fast || never, "word {word}: {paces:?}");
        }
    }
    // Fast downwards: a word of each of three caps; never: two sizes of two words. Decimals share a word whose
    // lowest byte is the number of feeds.
    assert_eq!(slow, words - 3 - 4);
}

proptest! {
    #[test]
    fn a_fast_change_raises_no_maintenance_margin(
        seeds in proptest::collection::vec(any::<(u8, u64)>(), 1..6),
        base in -(1_i64 << 47)..(1_i64 << 47),
    ) {
        let before = params();
        let mut after = before;
        for (field, value) in seeds {
            match field % 10 {
                0 => after.open_interest_low = value % (1 << 52),
                1 => after.open_interest_high = value % (1 << 57),
                2 => after.open_interest_max = value % (1 << 56),
                3 => after.default_fund_budget_ppm = (value % 200_001) as u32,
                4 => after.halt_budget_ppm = (value % 250_001) as u32,
                5 => after.halt_budget_trade_ppm = (value % 1_000_001) as u32,
                6 => after.halt_budget_seconds = 60 + (value % 3_541) as u32,
                7 => after.initial_margin_ppm = before.initial_margin_ppm + (value % 3) as u32,
                8 => after.size_free = before.size_free - value % 3,
                _ => after.size_slope_ppm = before.size_slope_ppm + (value % 3) as u32,
            }
        }
        if after.validate().is_ok() && pace(&before, &after) == Ok(Pace::Tightening) {
            let margin = |params: &MarketParams| {
                let mut desk = Desk::with(&[*params], 600);
                desk.markets[0].header.prices.mark = 1 << 32;
                let held = Holding { base, quote: 0 };
                let (header, now) = (&desk.markets[0].header, desk.env.now);
                risk::leg(header, held, &Resting::default(), now).unwrap().maintenance_margin
            };
            prop_assert!(margin(&after) <= margin(&before));
        }
    }
}

fn exchange() -> Exchange {
    Exchange {
        guardian: [6; 32],
        treasury: [7; 32],
        timelock_seconds: 172_800,
        timelock_tightening_seconds: 3_600,
        fee_default_fund_ppm: 400_000,
        fee_keeper_pool_ppm: 200_000,
        fee_treasury_ppm: 400_000,
        pending_changes: 3,
        ..Exchange::zeroed()
    }
}

fn env(now: i64) -> Env {
    Env { now, slot: 9 }
}

/// Every kind of change of an exchange, sound.
fn exchange_changes() -> [(ChangeKind, [u32; 3], Pubkey); 4] {
    [
        (ChangeKind::FeeSplit, [1_000_000, 0, 0], [0; 32]),
        (ChangeKind::Timelocks, [172_801, 7_200, 0], [0; 32]),
        (ChangeKind::Guardian, [0; 3], [8; 32]),
        (ChangeKind::Treasury, [0; 3], [9; 32]),
    ]
}

#[test]
fn a_change_waits_its_timelock_and_lives_a_fortnight() {
    for (kind, values, address) in exchange_changes() {
        let mut exchange = exchange();
        let mut change = PendingChange::zeroed();
        let pace = change
            .set_exchange(&exchange, kind, values, address)
            .unwrap();
        assert_eq!(pace, Pace::Slow, "{kind:?}");
        change.start(&mut exchange, pace, &env(1_000)).unwrap();
        assert_eq!((change.id, exchange.pending_changes), (3, 4));
        let due = 1_000 + 172_800;
        assert_eq!(change.applies_from, due);
        let at = |now| {
            let mut exchange = exchange;
            let applied = apply_exchange(&mut exchange, &change, &env(now));
            (applied, exchange)
        };
        assert_eq!(at(due - 1), (Err(EngineError::ChangeNotDue), exchange));
        let void = due + 14 * DAY;
        assert_eq!(at(void), (Err(EngineError::ChangeExpired), exchange));
        for now in [due, void - 1] {
            let (applied, after) = at(now);
            assert_eq!(applied, Ok(()));
            assert_eq!(in_force(&after, kind), (values, address), "{kind:?}");
        }
        // Somebody changed the same thing in between: the difference that was published is none any more.
        let mut other = at(due).1;
        let again = apply_exchange(&mut other, &change, &env(due));
        assert_eq!(again, Err(EngineError::ChangeOutdated), "{kind:?}");
        // The values in force are nothing to queue.
        let same = change.set_exchange(&other, kind, values, address);
        assert_eq!(same, Err(EngineError::NothingToChange), "{kind:?}");
    }
}

#[test]
fn settings_of_an_exchange_out_of_their_bounds_are_refused() {
    let exchange = exchange();
    let cases = [
        (ChangeKind::FeeSplit, [400_000, 200_000, 400_001], [0; 32]),
        (
            ChangeKind::FeeSplit,
            [u32::MAX, u32::MAX, u32::MAX],
            [0; 32],
        ),
        (ChangeKind::FeeSplit, [1_000_000, 0, 0], [1; 32]),
        (ChangeKind::Timelocks, [172_799, 3_600, 0], [0; 32]),
        (ChangeKind::Timelocks, [2_592_001, 3_600, 0], [0; 32]),
        (ChangeKind::Timelocks, [172_800, 3_599, 0], [0; 32]),
        (ChangeKind::Timelocks, [172_800, 172_801, 0], [0; 32]),
        (ChangeKind::Timelocks, [172_801, 3_600, 1], [0; 32]),
        (ChangeKind::Guardian, [0; 3], [0; 32]),
        (ChangeKind::Guardian, [1, 0, 0], [1; 32]),
        (ChangeKind::Treasury, [0; 3], [0; 32]),
        (ChangeKind::Market, [0; 3], [1; 32]),
    ];
    for (kind, values, address) in cases {
        let refused = PendingChange::zeroed().set_exchange(&exchange, kind, values, address);
        let expected = Err(EngineError::ParameterOutOfBounds);
        assert_eq!(refused, expected, "{kind:?} {values:?}");
    }
}

/// A market with a fresh index whose change is due now.
fn due_market(change: impl FnOnce(&mut MarketParams)) -> (Desk, PendingChange) {
    let mut desk = Desk::new(1);
    let before = desk.markets[0].header.params;
    let mut after = before;
    change(&mut after);
    let mut pending = PendingChange::zeroed();
    let pace = pending.set_market(&before, &after).unwrap();
    pending.start(&mut exchange(), pace, &desk.env).unwrap();
    desk.env.now = pending.applies_from;
    desk.mark(0, 500);
    (desk, pending)
}

fn apply(desk: &mut Desk, change: &PendingChange) -> Result<()> {
    let env = desk.env;
    let before = desk.markets[0].header;
    let applied = apply_market(&mut desk.markets[0].get(), change, &env);
    if applied.is_err() {
        assert!(
            before == desk.markets[0].header,
            "an error changed the market"
        );
    }
    applied
}

#[test]
fn a_due_change_of_a_market_needs_it_open_and_as_it_was() {
    let (desk, change) = due_market(|p| p.taker_fee_ppm = 400);
    let refused = |spoil: fn(&mut MarketHeader)| {
        let mut desk = desk.clone();
        spoil(&mut desk.markets[0].header);
        apply(&mut desk, &change)
    };
    assert_eq!(refused(|h| h.status = 3), Err(EngineError::MarketWoundUp));
    assert_eq!(
        refused(|h| h.params.maker_fee_ppm = 99),
        Err(EngineError::ChangeOutdated)
    );
    let halted = |h: &mut MarketHeader| {
        h.halt.phase = HaltPhase::Call.byte();
    };
    assert_eq!(refused(halted), Err(EngineError::MarketHalted));
    for (now, error) in [
        (change.applies_from - 1, EngineError::ChangeNotDue),
        (change.expires_at, EngineError::ChangeExpired),
    ] {
        let mut desk = desk.clone();
        desk.env.now = now;
        assert_eq!(apply(&mut desk, &change), Err(error));
    }
    // Bounds and listing rule hold again: another version of the program may have others.
    let mut unlisted = change;
    unlisted.params_after.initial_margin_ppm = 40_000;
    let applied = apply(&mut desk.clone(), &unlisted);
    assert_eq!(applied, Err(EngineError::ListingRuleViolated));
    let mut recounted = change;
    recounted.params_after.base_decimals += 1;
    let applied = apply(&mut desk.clone(), &recounted);
    assert_eq!(applied, Err(EngineError::NotChangeable));
    let mut of_the_exchange = change;
    of_the_exchange.kind = ChangeKind::Treasury.byte();
    let applied = apply(&mut desk.clone(), &of_the_exchange);
    assert_eq!(applied, Err(EngineError::WrongAccount));
    let mut desk = desk;
    apply(&mut desk, &change).unwrap();
    assert_eq!(desk.markets[0].header.params.taker_fee_ppm, 400);
}

#[test]
fn what_a_market_may_not_be_is_not_queued() {
    let before = params();
    for (spoil, error) in [
        (
            (|p| p.lots_min = 0) as fn(&mut MarketParams),
            EngineError::ParameterOutOfBounds,
        ),
        (
            |p| p.initial_margin_ppm = 40_000,
            EngineError::ListingRuleViolated,
        ),
    ] {
        let mut after = before;
        spoil(&mut after);
        let queued = PendingChange::zeroed().set_market(&before, &after);
        assert_eq!(queued, Err(error));
    }
}

/// A change that an earlier version of the program let wait is tested by the one that applies it.
#[test]
fn settings_out_of_bounds_are_not_applied_either() {
    for (kind, values, address) in exchange_changes() {
        let mut exchange = exchange();
        let mut change = PendingChange::zeroed();
        change
            .set_exchange(&exchange, kind, values, address)
            .unwrap();
        change
            .start(&mut exchange, Pace::Slow, &env(1_000))
            .unwrap();
        change.values_after[2] += 1;
        let before = exchange;
        let applied = apply_exchange(&mut exchange, &change, &env(change.applies_from));
        assert_eq!(applied, Err(EngineError::ParameterOutOfBounds), "{kind:?}");
        assert!(exchange == before);
    }
}

#[test]
fn a_fast_change_is_due_after_the_short_timelock() {
    let (desk, change) = due_market(|p| p.open_interest_max -= 1);
    assert_eq!(change.applies_from - change.queued_at, HOUR);
    assert_eq!(desk.env.now, change.applies_from);
    let (_, slow) = due_market(|p| p.open_interest_max += 1);
    assert_eq!(slow.applies_from - slow.queued_at, 2 * DAY);
}

#[test]
fn a_window_with_another_width_keeps_its_extremes() {
    for (short, long) in [(20, 7_000), (3, 1_200)] {
        keeps_its_extremes(short, long);
    }
    // The same width leaves the windows alone.
    let (mut desk, change) = due_market(|p| p.taker_fee_ppm = 400);
    let before = desk.markets[0].header.windows;
    apply(&mut desk, &change).unwrap();
    assert!(desk.markets[0].header.windows == before);
}

fn keeps_its_extremes(short: u32, long: u32) {
    let (mut desk, change) = due_market(|p| {
        p.velocity_short_seconds = short;
        p.velocity_long_seconds = long;
    });
    let (now, widths) = (desk.env.now, Widths::of(&params()));
    let header = &mut desk.markets[0].header;
    for (price, ago) in [(90 << 24, 4), (120 << 24, 2)] {
        header.windows.observe_index(widths, price, now - ago);
    }
    header.windows.observe_mark(widths, 130 << 24, now - 1);
    header.windows.record_volume(widths, 44, now);
    let before = *header;
    apply(&mut desk, &change).unwrap();
    let header = &desk.markets[0].header;
    let new = Widths::of(&header.params);
    assert_ne!(new, widths);
    let index = Range::of(header.prices.index);
    let ranges = |header: &MarketHeader, widths: Widths| {
        let windows = &header.windows;
        [
            windows.short.range(widths.short, now),
            windows.short_index.range(widths.short, now),
            windows.long.range(widths.long, now),
        ]
        .map(|range| range.unwrap().join(index))
    };
    assert_eq!(ranges(header, new), ranges(&before, widths));
    assert_eq!(header.windows.volume(new, now), 44);
}

#[test]
fn a_feed_takes_its_publish_time_along() {
    let [a, b, c] = crate::index::tests::params().feed_ids;
    let before = MarketParams {
        feeds_len: 2,
        feeds_required: 2,
        feed_ids: [a, b, [0; 32]],
        ..params()
    };
    let mut prices = PriceState::zeroed();
    prices.feed_times = [11, 22, 0];
    prices.feed_prices = [111, 222, 0];
    for (after, times, used) in [
        ([b, a, [0; 32]], [22, 11, 0], [222, 111, 0]),
        ([c, b, a], [0, 22, 11], [0, 222, 111]),
        ([b, [0; 32], [0; 32]], [22, 0, 0], [222, 0, 0]),
    ] {
        let mut moved = prices;
        let after = MarketParams {
            feed_ids: after,
            ..before
        };
        carry_feeds(&mut moved, &before, &after);
        assert_eq!((moved.feed_times, moved.feed_prices), (times, used));
    }
}

/// The feeds change places when the change is applied, and their times with them.
#[test]
fn a_market_that_gets_another_feed_keeps_the_publish_time_of_its_old_one() {
    let (mut desk, change) = due_market(|p| {
        (p.feeds_len, p.feeds_required) = (2, 2);
        p.feed_ids = [[0xEE; 32], p.feed_ids[0], [0; 32]];
    });
    let prices = &mut desk.markets[0].header.prices;
    prices.feed_times = [77, 0, 0];
    prices.feed_prices = [700, 0, 0];
    apply(&mut desk, &change).unwrap();
    let prices = &desk.markets[0].header.prices;
    assert_eq!(prices.feed_times, [0, 77, 0]);
    assert_eq!(prices.feed_prices, [0, 700, 0]);
}

/// A long and a short whose funding has not been charged for ten seconds.
fn unfunded(change: impl FnOnce(&mut MarketParams)) -> (Desk, PendingChange) {
    let (mut desk, change) = due_market(change);
    let (a, b) = (desk.join(1, 1 << 40), desk.join(2, 1 << 40));
    desk.trade(a, b, 0, 500, 40);
    let now = desk.env.now;
    let prices = &mut desk.markets[0].header.prices;
    prices.premium_ema = (prices.index / 10) as i64;
    prices.funding_time = now - 10;
    (desk, change)
}

/// The funding of a change brings a side's cash index to its bound as that of a refresh does (ADR 0006).
#[test]
fn an_epoch_that_the_charge_makes_due_ends_with_the_change() {
    let (mut desk, change) = unfunded(|p| p.taker_fee_ppm = 400);
    let long = &mut desk.markets[0].header.sides[0];
    let bound = i128::try_from(u128::from(long.scale) << epochs::CASH_INDEX_BITS).unwrap();
    long.cash_index = math::split_signed(1 - bound);
    assert!(!epochs::due(long));
    let epochs = |desk: &Desk| desk.markets[0].header.sides.map(|side| side.epoch);
    let [long, short] = epochs(&desk);
    apply(&mut desk, &change).unwrap();
    assert_eq!(epochs(&desk), [long + 1, short]);
}

/// The cap rises a hundredfold; what ran before is charged at the old one.
#[test]
fn funding_up_to_the_change_is_charged_at_the_old_values() {
    let (mut desk, change) = unfunded(|p| {
        p.initial_margin_ppm = 100_000;
        p.funding_cap_ppm = 100_000;
    });
    let now = desk.env.now;
    let expected = {
        let mut header = desk.markets[0].header;
        let params = header.params;
        funding::accrue(
            &mut header.sides,
            &mut header.prices,
            &params,
            &header.halt,
            now,
        )
        .unwrap();
        header.sides
    };
    assert!(expected != desk.markets[0].header.sides);
    apply(&mut desk, &change).unwrap();
    let header = &desk.markets[0].header;
    assert!(header.sides == expected);
    assert_eq!(header.prices.funding_time, now);
}

#[test]
fn a_guardian_keeps_a_market_reduce_only_for_at_most_a_day_and_then_pauses() {
    let start = 1_000_000;
    let mut header = Desk::new(1).markets[0].header;
    let mut at = |now: i64, seconds: u32| guard(&mut header, seconds, &env(now));
    assert_eq!(at(start, 0), Err(EngineError::ParameterOutOfBounds));
    assert_eq!(at(start, 86_401), Err(EngineError::ParameterOutOfBounds));
    assert_eq!(at(start, 3_600), Ok(start + HOUR));
    // Longer while it runs, up to a day from the beginning; shorter as well.
    assert_eq!(at(start + 1_800, 84_600), Ok(start + DAY));
    assert_eq!(
        at(start + 1_800, 84_601),
        Err(EngineError::ParameterOutOfBounds)
    );
    assert_eq!(at(start + DAY - 1, 1), Ok(start + DAY));
    // A day's pause follows a day.
    let ended = start + DAY;
    for now in [ended, ended + DAY - 1] {
        assert_eq!(at(now, 1), Err(EngineError::GuardianPausing), "{now}");
    }
    assert_eq!(at(ended + DAY, 1), Ok(ended + DAY + 1));
    // A second is followed by an hour's.
    let again = ended + DAY + 1;
    assert_eq!(at(again + HOUR - 1, 1), Err(EngineError::GuardianPausing));
    assert_eq!(at(again + HOUR, 86_400), Ok(again + HOUR + DAY));
}

#[test]
fn lifting_ends_the_time_and_shortens_the_pause() {
    let mut header = Desk::new(1).markets[0].header;
    let start = 1_000_000;
    assert_eq!(
        lift_guard(&mut header, &env(start)),
        Err(EngineError::NothingToChange)
    );
    guard(&mut header, 86_400, &env(start)).unwrap();
    lift_guard(&mut header, &env(start + 2 * HOUR)).unwrap();
    assert_eq!(header.guardian_until, start + 2 * HOUR);
    let again = |now| guard(&mut header.clone(), 60, &env(now));
    assert_eq!(
        again(start + 4 * HOUR - 1),
        Err(EngineError::GuardianPausing)
    );
    assert_eq!(again(start + 4 * HOUR), Ok(start + 4 * HOUR + 60));
    for (spoil, error) in [
        (
            (|h| h.status = 3) as fn(&mut MarketHeader),
            EngineError::MarketWoundUp,
        ),
        (|h| h.halt.phase = 1, EngineError::MarketHalted),
    ] {
        let mut header = header;
        spoil(&mut header);
        header.halt.tripped_at = start;
        assert_eq!(guard(&mut header, 60, &env(start + 4 * HOUR)), Err(error));
        assert_eq!(lift_guard(&mut header, &env(start + HOUR)), Err(error));
    }
}

/// In no stretch of time from one reduce-only moment to another without a pause lies more than a day.
#[test]
fn no_sequence_of_guards_is_longer_than_a_day() {
    let mut header = Desk::new(1).markets[0].header;
    let (mut now, mut runs): (i64, Vec<(i64, i64)>) = (1_000_000, vec![]);
    let mut state = 7_u64;
    for _ in 0..20_000 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        now += (state >> 33) as i64 % 9_000;
        let seconds = (state >> 40) as u32 % 90_000;
        let running = header.guardian_until > now;
        if let Ok(until) = guard(&mut header, seconds, &env(now)) {
            if running {
                runs.last_mut().unwrap().1 = until;
            } else {
                runs.push((now, until));
            }
        }
    }
    assert!(runs.len() > 100);
    for (one, next) in runs.iter().zip(runs.iter().skip(1)) {
        let lasted = one.1 - one.0;
        assert!(lasted <= DAY && next.0 - one.1 >= lasted.max(HOUR));
    }
}

/// Ten minutes become a minute and an hour: what was used stays used, and is forgotten in time.
#[test]
fn a_budget_of_another_length_keeps_what_was_used() {
    for seconds in [60, 3_600] {
        let (mut desk, change) = due_market(|p| p.halt_budget_seconds = seconds);
        let now = desk.env.now;
        let header = &mut desk.markets[0].header;
        let width = i64::from(params().halt_budget_seconds.div_ceil(7));
        header.halt.budget.running = now / width;
        let slot = ((now / width) & 7) as usize;
        header.halt.budget.seconds[slot] = 40;
        header.halt.budget.seconds[(slot + 7) % 8] = 20;
        header.halt.budget.trade_seconds[slot] = 30;
        apply(&mut desk, &change).unwrap();
        let header = &desk.markets[0].header;
        let used = |now| header.halt.budget.used(&header.params, now);
        assert_eq!(used(now), (60, 30));
        assert_eq!(used(now + 2 * i64::from(seconds)), (0, 0));
    }
}
