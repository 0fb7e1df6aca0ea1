//! The share form with A other than one, touches against exact rationals, and opening times.
#![allow(clippy::unwrap_used)]

use bytemuck::{bytes_of, Zeroable};
use num_bigint::BigInt;
use proptest::prelude::*;

use super::*;
use crate::math::{join_signed, join_unsigned, split_signed};
use crate::seats::tests::NOW;

/// A third, as Q2.62: no base but multiples of it has whole shares.
const THIRD: u64 = SCALE_ONE / 3;
/// 1.25 quote atoms a base atom.
const MARK: PriceQ32 = PriceQ32(5 << 30);

fn sides(scale: u64) -> [Side; 2] {
    let side = Side {
        scale,
        ..Side::empty()
    };
    [side, side]
}

fn seat() -> Seat {
    Seat::zeroed()
}

fn trade(side: OrderSide, base: u64, cash: u64) -> SeatFill {
    SeatFill {
        side,
        base,
        cash,
        fee: 0,
    }
}

fn filled(seat: &mut Seat, sides: &mut [Side; 2], fill: SeatFill) {
    super::fill(seat, sides, &fill, MARK, NOW).unwrap();
}

/// ⌈size·2^62 / A⌉ in big integers.
fn shares_of(size: u64, scale: u64) -> u64 {
    let exact = (BigInt::from(size) << 62) + (scale - 1);
    u64::try_from(exact / scale).unwrap()
}

#[test]
fn a_fill_enters_with_as_many_shares_as_hold_its_base() {
    for (scale, base, shares) in [
        (SCALE_ONE, 1_000_003, 1_000_003),
        (SCALE_ONE / 2, 1_000_003, 2_000_006),
        (SCALE_ONE / 8 * 3, 1_000_003, 2_666_675),
        (1 << 48, 7, 7 << 14),
    ] {
        for (side, sign) in [(OrderSide::Bid, 1), (OrderSide::Ask, -1)] {
            let (fresh, mut seat) = (sides(scale), seat());
            let mut sides = fresh;
            filled(&mut seat, &mut sides, trade(side, base, 5));
            let held = holding(&seat, &sides).unwrap();
            assert_eq!(seat.shares, shares);
            assert_eq!((held.base, held.quote), (sign * base as i64, -5 * sign));
            let (own, other) = if sign > 0 { (0, 1) } else { (1, 0) };
            assert_eq!(join_unsigned(sides[own].shares), u128::from(shares));
            assert_eq!((sides[own].seats, sides[other].seats), (1, 0));
            assert_eq!(sides[other], fresh[other]);
        }
    }
}

#[test]
fn a_short_that_leaves_a_fraction_pays_one_atom_and_a_long_forfeits_it() {
    // Ten base atoms at a third take 31 shares, which hold a fraction over ten.
    for (open, close, owed) in [
        (OrderSide::Ask, OrderSide::Bid, -2),
        (OrderSide::Bid, OrderSide::Ask, 0),
    ] {
        let (mut sides, mut seat) = (sides(THIRD), seat());
        filled(&mut seat, &mut sides, trade(open, 10, 8));
        filled(&mut seat, &mut sides, trade(close, 10, 8));
        // ⌈1.25⌉ is two.
        assert_eq!((seat.shares, seat.quote), (0, owed));
        assert_eq!((sides[0].shares, sides[1].shares), ([0, 0], [0, 0]));
    }
}

#[test]
fn every_resizing_of_a_short_pays_for_the_fraction_it_drops() {
    let (mut sides, mut seat) = (sides(THIRD), seat());
    filled(&mut seat, &mut sides, trade(OrderSide::Ask, 10, 0));
    for (side, base) in [
        (OrderSide::Ask, 4),
        (OrderSide::Bid, 3),
        (OrderSide::Bid, 1),
    ] {
        let before = seat.quote;
        filled(&mut seat, &mut sides, trade(side, base, 0));
        assert_eq!(seat.quote, before - 2);
    }
    assert_eq!(holding(&seat, &sides).unwrap().base, -10);
}

#[test]
fn a_short_with_whole_shares_pays_for_no_fraction() {
    for scale in [SCALE_ONE, SCALE_ONE / 2, 1 << 48] {
        let (mut sides, mut seat) = (sides(scale), seat());
        filled(&mut seat, &mut sides, trade(OrderSide::Ask, 10, 8));
        filled(&mut seat, &mut sides, trade(OrderSide::Bid, 4, 3));
        filled(&mut seat, &mut sides, trade(OrderSide::Bid, 6, 5));
        assert_eq!((seat.shares, seat.quote), (0, 0), "{scale}");
    }
}

#[test]
fn shares_of_a_side_saturate_at_zero_and_end_with_its_last_seat() {
    let (mut sides, mut first, mut second) = (sides(SCALE_ONE / 2), seat(), seat());
    filled(&mut first, &mut sides, trade(OrderSide::Bid, 10, 0));
    filled(&mut second, &mut sides, trade(OrderSide::Bid, 4, 0));
    // The roll-over of an epoch rounded N down below the sum of its seats.
    sides[0].shares = [13, 0];
    filled(&mut first, &mut sides, trade(OrderSide::Ask, 10, 0));
    assert_eq!((sides[0].shares, sides[0].seats), ([0, 0], 1));
    // And one that rounded it up leaves nothing behind the last seat.
    sides[0].shares = [9, 0];
    filled(&mut second, &mut sides, trade(OrderSide::Ask, 4, 0));
    assert_eq!((sides[0].shares, sides[0].seats), ([0, 0], 0));
}

#[test]
fn a_flip_takes_the_new_sides_scale_and_index() {
    let mut sides = [sides(SCALE_ONE)[0], sides(SCALE_ONE / 2)[0]];
    sides[1].cash_index = split_signed(-77 << 64);
    let mut seat = seat();
    filled(&mut seat, &mut sides, trade(OrderSide::Bid, 10, 0));
    filled(&mut seat, &mut sides, trade(OrderSide::Ask, 14, 0));
    assert_eq!((seat.side, seat.shares), (SIDE_SHORT, 8));
    assert_eq!(seat.cash_index, sides[1].cash_index);
    assert_eq!(
        holding(&seat, &sides).unwrap(),
        Holding { base: -4, quote: 0 }
    );
    assert_eq!((sides[0].seats, sides[1].seats), (0, 1));
}

#[test]
fn a_flat_leg_keeps_its_last_side() {
    let (mut sides, mut seat) = (sides(SCALE_ONE), seat());
    filled(&mut seat, &mut sides, trade(OrderSide::Ask, 10, 7));
    filled(&mut seat, &mut sides, trade(OrderSide::Bid, 10, 9));
    assert_eq!((seat.side, seat.shares, seat.quote), (SIDE_SHORT, 0, -2));
    // Whatever the indices do, a flat leg is owed what it was.
    sides[1].cash_index = split_signed(-5 << 64);
    assert_eq!(
        touch(&mut seat, &sides).unwrap(),
        Holding { base: 0, quote: -2 }
    );
    filled(&mut seat, &mut sides, trade(OrderSide::Bid, 1, 0));
    assert_eq!(seat.side, SIDE_LONG);
}

#[test]
fn a_seat_of_an_earlier_epoch_is_behind_and_a_flat_one_is_not() {
    let (mut sides, mut seat) = (sides(SCALE_ONE), seat());
    filled(&mut seat, &mut sides, trade(OrderSide::Ask, 10, 7));
    sides[1].epoch = 1;
    assert_eq!(holding(&seat, &sides), Err(EngineError::EpochBehind));
    let before = (seat, sides);
    let again = super::fill(
        &mut seat,
        &mut sides,
        &trade(OrderSide::Bid, 1, 1),
        MARK,
        NOW,
    );
    assert_eq!(again, Err(EngineError::EpochBehind));
    assert_eq!((seat, sides), before);
    seat.shares = 0;
    assert_eq!(holding(&seat, &sides), Ok(Holding { base: 0, quote: 7 }));
}

#[test]
fn a_position_of_two_to_the_48_is_refused_and_nothing_is_written() {
    let (mut sides, mut seat) = (sides(SCALE_ONE), seat());
    filled(
        &mut seat,
        &mut sides,
        trade(OrderSide::Ask, BASE_ATOMS_BOUND - 1, 0),
    );
    sides[1].cash_index = split_signed(1 << 60);
    let before = (bytes_of(&seat).to_vec(), bytes_of(&sides).to_vec());
    let fill = trade(OrderSide::Ask, 1, 0);
    let refused = super::fill(&mut seat, &mut sides, &fill, MARK, NOW);
    assert_eq!(refused, Err(EngineError::PositionTooLarge));
    assert_eq!(
        (bytes_of(&seat).to_vec(), bytes_of(&sides).to_vec()),
        before
    );
}

#[test]
fn the_smallest_scale_holds_the_largest_position() {
    let (mut sides, mut seat) = (sides(1 << 48), seat());
    filled(
        &mut seat,
        &mut sides,
        trade(OrderSide::Ask, BASE_ATOMS_BOUND - 1, 0),
    );
    assert_eq!(seat.shares, ((1 << 48) - 1) << 14);
    let held = holding(&seat, &sides).unwrap();
    assert_eq!(held.base, -((1 << 48) - 1));
}

#[test]
fn a_position_ages_by_size() {
    let day = 86_400;
    let now = 1_760_000_000_i64;
    let at = now as u32;
    // (opened, before, after, opened then)
    let cases = [
        (0, 0, 5, at),
        (at - day, 10, 10, at - day),
        (at - day, 10, 3, at - day),
        (at - day, 10, 0, 0),
        (at - day, 10, -10, at),
        (at - day, -10, 1, at),
        (at - day, 1 << 40, 2 << 40, at - day / 2 + 1),
        (at - day, -(1 << 40), -(4 << 40), at - day / 4 + 1),
    ];
    for (opened, before, after, then) in cases {
        let found = opened_at(opened, before, after, now);
        assert!(
            found.abs_diff(then) <= 1,
            "{before} to {after}: {found} {then}"
        );
        assert!(found == 0 || found >= opened);
    }
    // Never younger than now and never older than it was, whatever the sizes.
    for size in [1, 2, 3, (1 << 31) - 1, 1 << 31, (1 << 48) - 2] {
        let grown = opened_at(at - day, size, size + 1, now);
        assert!((at - day..=at).contains(&grown));
    }
    // A clock that went back makes nobody older.
    assert_eq!(opened_at(at, 10, 20, now - 50), at);
}

#[test]
fn shares_of_a_side_are_added_and_taken_off_in_both_limbs() {
    let edges = [0, 1, 5, u64::MAX - 5, u64::MAX - 1, u64::MAX];
    for low in edges {
        for high in [0, 1, 7, u64::MAX] {
            for shares in edges {
                let before = join_unsigned([low, high]);
                let sum = before.checked_add(u128::from(shares));
                let found = more([low, high], shares).map(join_unsigned);
                assert_eq!(found, sum.ok_or(EngineError::Overflow));
                let left = join_unsigned(less([low, high], shares));
                assert_eq!(left, before.saturating_sub(u128::from(shares)));
            }
        }
    }
}

#[test]
fn bits_are_counted_at_every_length() {
    assert_eq!(bits(0), 0);
    for length in 1..=64 {
        let smallest = 1_u64 << (length - 1);
        assert_eq!(bits(smallest), length);
        assert_eq!(bits(smallest | (smallest - 1)), length);
    }
}

fn any_scale() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(SCALE_ONE),
        Just(1_u64 << 48),
        (1_u64 << 48)..=SCALE_ONE
    ]
}

/// What a touch is worth, in 2^-64 quote atoms.
fn exact(sign: i64, shares: u64, delta: i128) -> BigInt {
    BigInt::from(sign) * shares * delta
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn shares_give_back_exactly_the_base_they_were_made_of(
        scale in any_scale(),
        bits in 0_u32..48,
        low in any::<u64>(),
        short in any::<bool>(),
    ) {
        let size = (1_u64 << bits) | (low & ((1_u64 << bits) - 1));
        let (mut sides, mut seat) = (sides(scale), seat());
        let side = if short { OrderSide::Ask } else { OrderSide::Bid };
        filled(&mut seat, &mut sides, trade(side, size, 0));
        prop_assert_eq!(seat.shares, shares_of(size, scale));
        prop_assert!(seat.shares < 1 << 62 || scale == 1 << 48);
        prop_assert_eq!(holding(&seat, &sides).unwrap().base.unsigned_abs(), size);
        // Open interest is never less than what the seats hold.
        prop_assert!(sides[usize::from(short)].open_interest() >= size);
    }

    #[test]
    fn every_touch_is_at_most_the_exact_rational_value(
        shares in 0_u64..1 << 62,
        from in -(1_i128 << 63)..(1 << 63),
        to in -(1_i128 << 63)..(1 << 63),
        quote in -(1_i64 << 60)..(1 << 60),
        short in any::<bool>(),
    ) {
        let mut sides = sides(SCALE_ONE / 4);
        let side = usize::from(short);
        sides[side].cash_index = split_signed(to);
        let mut seat = Seat {
            shares,
            side: side as u8,
            cash_index: split_signed(from),
            quote,
            ..Seat::zeroed()
        };
        let held = touch(&mut seat, &sides).unwrap();
        let value = exact(if short { -1 } else { 1 }, shares, to - from);
        // The shift of a negative big integer is a floor.
        prop_assert_eq!(BigInt::from(seat.quote), (value >> 64) + quote);
        prop_assert_eq!(held.quote, seat.quote);
        if shares != 0 {
            prop_assert_eq!(join_signed(seat.cash_index), to);
        }
        let again = touch(&mut seat, &sides).unwrap();
        prop_assert_eq!(again, held);
    }

    #[test]
    fn order_of_touches_changes_nothing_but_bounded_atoms(
        shares in prop::collection::vec(1_u64..1 << 50, 2..6),
        steps in prop::collection::vec((-(1_i128 << 60)..(1 << 60), any::<u8>()), 1..12),
        short in any::<bool>(),
    ) {
        let side = usize::from(short);
        let start = |count: u64| Seat { shares: count, side: side as u8, ..Seat::zeroed() };
        let mut lazy: std::vec::Vec<Seat> = shares.iter().map(|count| start(*count)).collect();
        let mut eager = lazy.clone();
        let mut touched = std::vec![0_i64; shares.len()];
        let mut sides = sides(SCALE_ONE / 4);
        let mut index = 0_i128;
        for (delta, mask) in &steps {
            index += delta;
            sides[side].cash_index = split_signed(index);
            let before = sides;
            for (at, seat) in eager.iter_mut().enumerate() {
                if mask >> at & 1 == 1 {
                    touch(seat, &sides).unwrap();
                    touched[at] += 1;
                }
            }
            prop_assert_eq!(sides, before);
        }
        for ((seat, other), times) in lazy.iter_mut().zip(&mut eager).zip(touched) {
            touch(seat, &sides).unwrap();
            touch(other, &sides).unwrap();
            // Each touch in between loses less than an atom, and never gains one.
            let lost = seat.quote - other.quote;
            prop_assert!((0..=times).contains(&lost), "{} of {}", lost, times);
            prop_assert_eq!(seat.shares, other.shares);
        }
    }

    /// Quote against the exact value of cash and index, over fills both ways at any scale: a seat never
    /// has more, and what it has less is bounded by its touches and the atoms of its dropped fractions.
    #[test]
    fn fills_at_any_scale_gain_no_atom(
        scale in any_scale(),
        moves in prop::collection::vec((any::<bool>(), 1_u64..1 << 40, -(1_i128 << 58)..(1 << 58)), 1..20),
    ) {
        let (mut sides, mut seat) = (sides(scale), seat());
        let mut model = BigInt::from(0);
        let mut base = 0_i64;
        for (index, (buys, size, delta)) in moves.iter().enumerate() {
            let sign = if seat.side == SIDE_SHORT { -1 } else { 1 };
            for side in &mut sides {
                side.cash_index = split_signed(join_signed(side.cash_index) + delta);
            }
            model += exact(sign, seat.shares, *delta);
            let side = if *buys { OrderSide::Bid } else { OrderSide::Ask };
            filled(&mut seat, &mut sides, trade(side, *size, 3));
            base += if *buys { *size as i64 } else { -(*size as i64) };
            model += BigInt::from(if *buys { -3_i64 } else { 3 }) << 64;
            let held = holding(&seat, &sides).unwrap();
            prop_assert_eq!(held.base, base);
            let lost = &model - (BigInt::from(held.quote) << 64);
            prop_assert!(lost >= BigInt::from(0));
            prop_assert!(lost <= BigInt::from(3 * (index as u64 + 1)) << 64);
            prop_assert_eq!(sides[0].seats + sides[1].seats, u32::from(base != 0));
            let total = join_unsigned(sides[0].shares) + join_unsigned(sides[1].shares);
            prop_assert_eq!(total, u128::from(seat.shares));
        }
    }
}
