//! How epochs end, what is kept of them, and how seats that slept catch up.
#![allow(clippy::unwrap_used)]

use std::vec;
use std::vec::Vec;

use super::*;
use crate::math::{join_signed, join_unsigned, split_signed};

mod drift;
pub(crate) mod pit;
mod room;
mod storm;

use crate::adl::Receipt;
use crate::units::PRICE_Q32_MAX;
use pit::{atom, big, refused, Pit};

/// A quote atom a base atom.
pub(super) const ONE: u64 = 1 << 32;
/// |C| at which an epoch ends while A is one.
pub(super) const BOUND: i128 = 1 << 77;
/// A price whose atom is not whole: 1.25.
const UNEVEN: u64 = 5 << 30;

/// Seat 0 is short against longs of the given sizes, and the last two seats owe something and are flat:
/// the last but one was short, the last was long.
pub(super) fn longs_of(sizes: &[u64], spare: u32, mark: u64) -> Pit {
    let seats = sizes.len() + 3;
    let mut pit = Pit::new(seats, spare, mark);
    pit.trade(seats - 1, seats - 2, 5);
    pit.trade(seats - 2, seats - 1, 5);
    for (who, size) in sizes.iter().enumerate() {
        pit.trade(who + 1, 0, *size);
    }
    pit
}

/// All that a side is worth at the mark.
pub(super) fn worth(pit: &Pit, short: bool) -> u64 {
    let open = pit.side(short).open_interest();
    pit.price().value_floor(open).unwrap()
}

/// Charges a side once for all that it is worth at the highest price, on behalf of a flat seat. A second
/// charge of the amount returned, at the mark that stays, ends the epoch.
pub(super) fn to_the_brink(pit: &mut Pit, flat: usize, short: bool) -> u64 {
    pit.mark(PRICE_Q32_MAX);
    let (value, epoch) = (worth(pit, short), pit.side(short).epoch);
    pit.lose(flat, value, 0).unwrap();
    assert_eq!(pit.side(short).epoch, epoch, "one charge ends no epoch");
    value
}

/// Ends the epoch of a side by its cash index alone, at the highest price.
pub(super) fn burn_side(pit: &mut Pit, flat: usize, short: bool) -> Receipt {
    let mark = pit.header.prices.mark;
    let mut value = to_the_brink(pit, flat, short);
    // Two are enough from C = 0 at A = 1.
    for _ in 0..3 {
        let receipt = pit.lose(flat, value, 0).unwrap();
        if receipt.epoch_ended == 1 {
            pit.mark(mark);
            return receipt;
        }
        value = worth(pit, short);
    }
    panic!("four charges end no epoch");
}

/// Ends the epoch of the longs.
pub(super) fn burn(pit: &mut Pit, flat: usize) -> Receipt {
    burn_side(pit, flat, false)
}

#[test]
fn an_epoch_is_due_at_either_bound_and_not_before() {
    let side = |scale, index| Side {
        scale,
        cash_index: split_signed(index),
        ..Side::empty()
    };
    let (low, odd) = (1_i128 << 63, SCALE_ONE / 7 * 5);
    for (scale, index, expected) in [
        (SCALE_ONE, 0, false),
        (1 << 48, 0, false),
        ((1 << 48) - 1, 0, true),
        (0, 0, true),
        (SCALE_ONE, BOUND - 1, false),
        (SCALE_ONE, BOUND, true),
        (SCALE_ONE, 1 - BOUND, false),
        (SCALE_ONE, -BOUND, true),
        (SCALE_ONE, i128::MIN, true),
        (1 << 48, low - 1, false),
        (1 << 48, low, true),
        (1 << 48, 1 - low, false),
        (1 << 48, -low, true),
        (odd, (i128::from(odd) << 15) - 1, false),
        (odd, -(i128::from(odd) << 15), true),
    ] {
        assert_eq!(due(&side(scale, index)), expected, "{scale} {index}");
    }
}

#[test]
fn an_end_is_recorded_and_the_next_epoch_starts_afresh() {
    let mut pit = longs_of(&[10, 21, 32], 0, UNEVEN);
    pit.header.losses.receipts = 1;
    for (scale, index) in [(SCALE_ONE / 3, -77_i128), (SCALE_ONE / 7 * 5, 3 << 62)] {
        let side = &mut pit.header.sides[0];
        side.scale = scale;
        side.cash_index = split_signed(index);
        let before = *side;
        let env = Env { now: 99, slot: 1 };
        end(&mut pit.market(), SIDE_LONG, PriceQ32(UNEVEN + 3), &env).unwrap();
        let after = pit.side(false);
        let kept = *arena::epoch_end(&pit.blocks, after.newest_end).unwrap();
        assert_eq!(
            (
                kept.side,
                kept.epoch,
                kept.scale,
                join_signed(kept.cash_index)
            ),
            (SIDE_LONG, before.epoch, scale, index)
        );
        assert_eq!(
            (kept.price, kept.ended_at, kept.seats),
            (UNEVEN + 3, 99, before.seats - before.seats_behind)
        );
        assert_eq!((kept.older, kept.newer), (before.newest_end, NIL));
        let shares = (big(join_unsigned(before.shares)) * scale) >> 62;
        assert_eq!(big(join_unsigned(after.shares)), shares);
        assert_eq!((after.scale, after.cash_index), (SCALE_ONE, [0; 2]));
        assert_eq!(
            (after.epoch, after.seats, after.seats_behind),
            (before.epoch + 1, 3, 3)
        );
        let carried = ((big(before.carried) * scale) >> 62) + 1 + 3;
        assert_eq!(big(after.carried), carried);
        pit.check_books();
    }
}

#[test]
fn an_end_of_an_empty_side_keeps_nothing() {
    let mut pit = Pit::new(2, 0, ONE);
    let env = pit.env;
    let before = pit.blocks.clone();
    end(&mut pit.market(), SIDE_SHORT, PriceQ32(ONE), &env).unwrap();
    let side = pit.side(true);
    assert_eq!((side.epoch, side.ends, side.carried), (1, 0, 0));
    assert_eq!(pit.blocks, before);
}

/// Scale and cash index of some ends; none takes a whole number of shares from 1,000,003.
const ENDS: [(u64, i128); 6] = [
    (SCALE_ONE / 3 * 2, -(5_i128 << 60) + 1),
    (SCALE_ONE, 1_i128 << 63),
    (SCALE_ONE / 7 * 6, -(1_i128 << 63)),
    (SCALE_ONE / 5 * 3, 12_345),
    (SCALE_ONE - 1, -1),
    (SCALE_ONE / 2 + 1, 9_i128 << 61),
];

fn ended(pit: &mut Pit, short: bool, ends: &[(u64, i128)]) {
    pit.header.losses.receipts = 1;
    for (number, (scale, index)) in ends.iter().enumerate() {
        let side = &mut pit.header.sides[usize::from(short)];
        side.scale = *scale;
        side.cash_index = split_signed(*index);
        let price = PriceQ32(ONE + (number as u64) * (3 << 30));
        let env = pit.env;
        end(&mut pit.market(), u8::from(short), price, &env).unwrap();
    }
}

/// One long, seat 1, against one short, seat 0, opened when the cash indices were not zero.
fn pair(mark: u64) -> Pit {
    let mut pit = Pit::new(2, 0, mark);
    pit.header.sides[0].cash_index = split_signed(-(7 << 50));
    pit.header.sides[1].cash_index = split_signed(3 << 51);
    pit.trade(1, 0, 1_000_003);
    pit
}

#[test]
fn one_touch_passes_one_to_five_ends_exactly() {
    for count in 1..=5 {
        for short in [false, true] {
            let mut pit = pair(UNEVEN);
            ended(&mut pit, short, &ENDS[..count]);
            let who = usize::from(!short);
            let expected = pit.held(who);
            let seen = position::held(&pit.read(), &pit.seat(who)).unwrap();
            assert_eq!(
                (big(seen.base), big(seen.quote)),
                (expected.base.clone(), expected.quote.clone())
            );
            pit.catch_up(who).unwrap();
            let seat = pit.seat(who);
            assert_eq!(
                (big(seat.shares), seat.epoch),
                (expected.shares, count as u32)
            );
            assert_eq!((big(seat.quote), seat.cash_index), (expected.quote, [0; 2]));
            // Nobody waits any more: every block is free again.
            let side = pit.side(short);
            assert_eq!((side.ends, side.newest_end, side.oldest_end), (0, NIL, NIL));
            assert_eq!((side.seats, side.seats_behind), (1, 0));
            let before = pit.bytes();
            pit.catch_up(who).unwrap();
            assert!(pit.bytes() == before, "caught up twice");
        }
    }
}

#[test]
fn a_seat_that_sleeps_pays_what_a_seat_that_walks_at_every_end_pays() {
    for short in [false, true] {
        let (mut lazy, mut eager) = (pair(ONE), pair(ONE));
        let who = usize::from(!short);
        for end in &ENDS[..5] {
            ended(&mut lazy, short, &[*end]);
            ended(&mut eager, short, &[*end]);
            eager.catch_up(who).unwrap();
        }
        lazy.catch_up(who).unwrap();
        assert_eq!(lazy.seat(who), eager.seat(who));
    }
}

#[test]
fn a_short_pays_for_each_dropped_fraction_at_the_higher_of_both_prices() {
    // (scale, price at the end, mark, atoms of quote)
    for (scale, price, mark, paid) in [
        (SCALE_ONE / 2, ONE, ONE, 1),
        (SCALE_ONE / 2, UNEVEN, ONE, 2),
        (SCALE_ONE / 2, ONE, UNEVEN, 2),
        (SCALE_ONE / 2, ONE + 1, 3 * ONE, 3),
        (SCALE_ONE / 2, 3 * ONE + 1, ONE, 4),
        (SCALE_ONE, 3 * ONE, ONE, 0),
        (0, 3 * ONE, ONE, 0),
    ] {
        for short in [false, true] {
            let mut pit = pair(ONE);
            pit.header.losses.receipts = 1;
            pit.header.sides[usize::from(short)].scale = scale;
            let env = pit.env;
            end(&mut pit.market(), u8::from(short), PriceQ32(price), &env).unwrap();
            pit.mark(mark);
            let who = usize::from(!short);
            let before = pit.seat(who).quote;
            pit.catch_up(who).unwrap();
            let seat = pit.seat(who);
            let kept = (big(1_000_003_u64) * scale) >> 62;
            assert_eq!(big(seat.shares), kept);
            let paid = if short { paid } else { 0 };
            assert_eq!(seat.quote, before - paid, "{scale} {price} {mark}");
        }
    }
}

#[test]
fn a_position_that_an_end_left_nothing_of_is_flat_and_keeps_its_side() {
    for short in [false, true] {
        let mut pit = pair(ONE);
        ended(&mut pit, short, &[(0, 1_i128 << 62), ENDS[0]]);
        let who = usize::from(!short);
        pit.catch_up(who).unwrap();
        let (seat, side) = (pit.seat(who), pit.side(short));
        assert_eq!((seat.shares, seat.side), (0, u8::from(short)));
        assert_eq!((side.seats, side.seats_behind, side.ends), (0, 0, 0));
        assert_eq!((side.shares, side.carried), ([0; 2], 0));
    }
}

#[test]
fn beyond_five_ends_a_touch_is_refused_and_writes_nothing() {
    for short in [false, true] {
        let mut pit = pair(ONE);
        ended(&mut pit, short, &ENDS);
        let who = usize::from(!short);
        let (before, seat) = (pit.bytes(), pit.seat(who));
        assert_eq!(refused(pit.catch_up(who)), EngineError::EpochBehind);
        let seen = position::held(&pit.read(), &seat);
        assert_eq!(refused(seen), EngineError::EpochBehind);
        let index = pit.seats[who];
        let event = crate::adl::LossEvent {
            price: pit.price(),
            deficit: 1,
            from_default_fund: 0,
        };
        let env = pit.env;
        let lost = crate::adl::execute(&mut pit.market(), &[1; 32], index, &event, &env);
        assert_eq!(refused(lost), EngineError::EpochBehind);
        assert!(pit.bytes() == before);
    }
}

#[test]
fn sync_walks_five_ends_at_a_time_from_its_hint() {
    let mut pit = Pit::new(3, 12, UNEVEN);
    pit.trade(1, 0, 1_000_000_000_007);
    let ends: Vec<(u64, i128)> = (0..20).map(|n| ENDS[n % 6]).collect();
    ended(&mut pit, false, &ends);
    let expected = pit.held(1);
    for passed in [5, 10, 15, 20] {
        pit.sync(1).unwrap();
        let (seat, side) = (pit.seat(1), pit.side(false));
        assert_eq!((seat.epoch, side.ends), (passed, 20 - passed));
        assert_eq!(side.seats_behind, u32::from(passed != 20));
        pit.check_books();
    }
    let seat = pit.seat(1);
    assert_eq!(
        (big(seat.shares), big(seat.quote)),
        (expected.shares, expected.quote)
    );
    assert_eq!(refused(pit.sync(1)), EngineError::EpochBehind);
}

#[test]
fn sync_refuses_a_wrong_hint_and_a_wrong_seat() {
    let mut pit = pair(ONE);
    ended(&mut pit, false, &ENDS[..3]);
    ended(&mut pit, true, &ENDS[..2]);
    let own = pit.hint(1);
    let before = pit.bytes();
    let mut hints: Vec<u32> = (0..pit.blocks.len() as u32 + 2).collect();
    hints.push(u32::MAX);
    for hint in hints {
        if hint != own {
            let index = pit.seats[1];
            let synced = sync(&mut pit.market(), index, &pit::owner(1), hint);
            assert_eq!(refused(synced), EngineError::EpochBehind, "{hint}");
        }
    }
    for (index, owner) in [(pit.seats[1], 0), (own, 1), (NIL, 1), (u32::MAX, 1)] {
        let synced = sync(&mut pit.market(), index, &pit::owner(owner), own);
        assert_eq!(refused(synced), EngineError::WrongSeat);
    }
    assert!(pit.bytes() == before);
    pit.sync(1).unwrap();
    // A flat seat is behind nothing, whatever its epoch says.
    pit.trade(0, 1, pit.held(1).base.try_into().unwrap());
    pit.header.sides[0].epoch += 1;
    assert_eq!(refused(pit.sync(1)), EngineError::EpochBehind);
}

#[test]
fn an_end_is_kept_until_no_seat_of_it_or_of_an_older_one_waits() {
    let mut pit = longs_of(&[100, 200, 300], 6, ONE);
    let flat = pit.seats.len() - 2;
    burn(&mut pit, flat);
    pit.wake(2);
    burn(&mut pit, flat);
    pit.wake(3);
    burn(&mut pit, flat);
    pit.check();
    // Seats 1, 2 and 3 wait for ends 0, 1 and 2.
    assert_eq!(pit.side(false).ends, 3);
    pit.wake(3);
    assert_eq!(pit.side(false).ends, 3);
    pit.wake(2);
    assert_eq!(pit.side(false).ends, 3);
    pit.check();
    let oldest = pit.side(false).oldest_end;
    pit.wake(1);
    assert_eq!(pit.side(false).ends, 0);
    pit.check();
    // The next end takes a block that was freed.
    let fresh = pit.header.arena.fresh;
    burn(&mut pit, flat);
    assert_eq!(pit.header.arena.fresh, fresh);
    assert!(pit.side(false).newest_end <= oldest.max(fresh - 1));
}

#[test]
fn no_order_of_walking_changes_what_a_seat_holds() {
    let mut start = longs_of(&[1_000, 777, 50, 3], 12, UNEVEN);
    ended(&mut start, false, &ENDS);
    let sum = |pit: &Pit| -> Vec<(u64, i64)> {
        let held = |who| (pit.seat(who).shares, pit.seat(who).quote);
        (1..5).map(held).collect()
    };
    let mut outcomes = vec![];
    for order in [[1, 2, 3, 4], [4, 3, 2, 1], [2, 4, 1, 3]] {
        let mut pit = start.clone();
        for who in order {
            pit.wake(who);
            pit.check_books();
        }
        let side = pit.side(false);
        let counters = (side.shares, side.seats, side.seats_behind, side.carried);
        outcomes.push((sum(&pit), counters));
    }
    assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]));
}

#[test]
fn the_price_of_an_atom_is_its_ceiling() {
    assert_eq!(atom(ONE), big(1));
    assert_eq!(atom(ONE + 1), big(2));
}
