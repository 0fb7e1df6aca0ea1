//! What the published bound of unmatched base atoms must cover.

use num_bigint::BigInt;

use super::pit::{big, Pit};
use super::*;

#[test]
fn drift_is_zero_before_the_first_loss_event() {
    let mut pit = longs_of(&[10, 20, 30], 0, ONE);
    assert_eq!(drift(&pit.header), 0);
    ended(&mut pit, false, &[(SCALE_ONE, BOUND)]);
    pit.header.losses.receipts = 0;
    assert_eq!(drift(&pit.header), 0);
    pit.header.losses.receipts = 1;
    assert!(drift(&pit.header) > 0);
}

/// A hundred seats of 10 atoms on one side, whose positions one event leaves at 9.99 atoms each. Seat 0
/// holds the other side, but for the atom of the loser, seat 101.
fn fractions(short: bool) -> Pit {
    let mut pit = Pit::new(104, 0, ONE);
    let trade = |pit: &mut Pit, who, other, size| {
        if short {
            pit.trade(other, who, size);
        } else {
            pit.trade(who, other, size);
        }
    };
    trade(&mut pit, 1, 101, 1);
    trade(&mut pit, 1, 0, 9);
    for who in 2..=100 {
        trade(&mut pit, who, 0, 10);
    }
    let receipt = pit.lose(101, 0, 0).unwrap();
    // A's floor costs the side one atom more.
    assert_eq!(
        (receipt.open_interest_before, receipt.open_interest_after),
        (1_000, 998)
    );
    pit.check();
    pit
}

/// Every floor of a seat's base is an atom of the pool, and stays one when the seat has left.
#[test]
fn drift_covers_the_fractions_of_seats_that_have_left() {
    for short in [false, true] {
        let mut pit = fractions(short);
        let imbalance = pit.imbalance();
        assert_eq!(imbalance, big(if short { 99 } else { -99 }));
        for who in 2..=100 {
            if short {
                pit.trade(who, 1, 9);
            } else {
                pit.trade(1, who, 9);
            }
            assert_eq!(pit.seat(who).shares, 0);
            // `check` compares with the drift.
            pit.check();
        }
        assert_eq!(pit.imbalance(), imbalance);
        assert_eq!(pit.side(short).seats, 1);
        // A side that empties takes its counters with it, and the other side's atoms stay.
        if short {
            pit.trade(1, 0, 900);
        } else {
            pit.trade(0, 1, 900);
        }
        assert_eq!((pit.side(short).seats, pit.side(short).carried), (0, 0));
        pit.check();
        assert!(drift(&pit.header) < 99 + 10);
    }
}

/// The next event matches what is left to what is left, so that drift does not add up.
#[test]
fn the_next_event_closes_the_atoms_that_earlier_ones_left() {
    let mut pit = fractions(false);
    for who in 2..=100 {
        pit.trade(1, who, 9);
    }
    // Shorts are 99 atoms more than longs hold. A long loses: shorts are matched to what longs are left.
    pit.trade(102, 1, 100);
    pit.lose(102, 0, 0).unwrap();
    let left = pit.imbalance();
    assert!(left <= big(3) && left >= big(-3), "{left}");
    pit.check();
}

#[test]
fn carried_bounds_the_shares_of_nobody_over_many_ends() {
    let mut pit = longs_of(&[3, 5, 7, 11, 13, 17, 19], 12, ONE);
    let flat = pit.seats.len() - 2;
    for round in 0..12_u64 {
        for who in 1..=7 {
            pit.wake(who);
        }
        // Grow, shrink by a seventh, and end by the cash index.
        pit.trade(1 + (round % 7) as usize, flat, 101 + round);
        pit.trade(2, 0, 700);
        pit.check();
        burn(&mut pit, flat);
        pit.check();
    }
    assert!(pit.side(false).carried > 0);
}

/// Shares of nobody pay no charge. At the cap an event costs the pool what they are worth, and the next
/// one as much again: INV-3 bounds each event, not their sum.
#[test]
fn an_event_costs_the_pool_at_most_the_drift_at_its_price() {
    let mut pit = fractions(false);
    burn(&mut pit, 101);
    for who in 1..=100 {
        pit.wake(who);
    }
    // Two stay: a side that empties forgets them.
    for who in 3..=100 {
        pit.trade(1, who, 9);
    }
    pit.trade(0, 1, 881);
    let shares = join_unsigned(pit.side(false).shares);
    assert!(
        pit.held(1).base + pit.held(2).base == big(19) && shares > 100,
        "{shares}"
    );
    for _ in 0..4 {
        let (before, worth) = (pit.residue(), pit.side(false).open_interest());
        pit.lose(101, worth, 0).unwrap();
        pit.wake(1);
        pit.wake(2);
        let cost = before - pit.residue();
        assert!(
            cost > big(0) && cost <= big(drift(&pit.header)) << 32,
            "{cost}"
        );
        pit.check();
    }
    let bound: BigInt = big(drift(&pit.header)) << 32;
    assert!(pit.residue() < -bound);
}
