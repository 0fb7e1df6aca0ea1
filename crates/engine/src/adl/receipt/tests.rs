//! A receipt recomputes itself, and says of every seat what the event did to it.
#![allow(clippy::unwrap_used)]

use std::vec::Vec;

use super::super::tests::{scene, Scene};
use super::*;
use crate::epochs::tests::pit::big;

const ONE: u64 = 1 << 32;
const PRICES: [u64; 3] = [ONE, ONE / 1_000 * 417, ONE * 3 + 11];

/// Sizes of the opposing seats, what the loser holds of it, its deficit and the fund's part.
const EVENTS: [(&[u64], u64, u64, u64); 7] = [
    (&[600_000, 300_000, 100_000], 250_000, 50_000, 20_000),
    (&[7, 5, 1], 3, 2, 0),
    (&[1_000_003, 999], 1_000_002, 1, 1),
    (&[500_000, 500_000], 1_000_000, 77_777, 0),
    (&[500_000, 500_000], 0, 1_234, 0),
    (&[123_456], 1, 900_000_000, 0),
    (&[123_456, 654_321], 77, 0, 0),
];

#[test]
fn a_receipt_recomputes_itself_and_what_each_seat_lost() {
    for (sizes, lost, deficit, fund) in EVENTS {
        for price in PRICES {
            for short in [false, true] {
                let mut scene = scene(sizes, lost, short, price);
                for _ in 0..3 {
                    check_event(&mut scene, deficit, fund);
                }
            }
        }
    }
}

fn check_event(scene: &mut Scene, deficit: u64, fund: u64) {
    let seats: Vec<_> = scene
        .opposing()
        .map(|who| (who, scene.pit.seat(who), scene.pit.held(who)))
        .collect();
    let epoch = scene.side().epoch;
    let receipt = scene.pit.lose(scene.loser, deficit, fund).unwrap();
    assert_eq!(receipt.recomputed(), Ok(receipt));
    assert!(receipt.closed().unwrap() <= receipt.open_interest_before);
    for (who, seat, before) in seats {
        if seat.shares == 0 || seat.epoch != epoch || seat.side != receipt.side {
            continue;
        }
        let effect = receipt.effect_on(seat.shares).unwrap();
        assert_eq!(before.base, big(effect.base_before));
        if receipt.epoch_ended == 1 {
            continue;
        }
        let after = scene.pit.held(who);
        assert_eq!(after.base, big(effect.base_after));
        let moved = big(effect.paid) - effect.charged;
        // A seat that was touched earlier rounds its claims together, once.
        let rounded = after.quote - before.quote - moved;
        assert!(rounded == big(0) || rounded == big(1), "{rounded}");
    }
}

#[test]
fn a_changed_figure_is_not_what_the_event_writes() {
    let mut scene = scene(&[600_000, 400_000], 250_000, true, ONE);
    let receipt = scene.pit.lose(scene.loser, 50_000, 20_000).unwrap();
    let changes: [fn(&mut Receipt); 14] = [
        |receipt| receipt.version = 2,
        |receipt| receipt.epoch_ended = 1,
        |receipt| receipt.reserved_0 = [0, 0, 1, 0, 0],
        |receipt| receipt.deficit += 1,
        |receipt| receipt.from_default_fund -= 1,
        |receipt| receipt.charged -= 1,
        |receipt| receipt.carried += 1,
        |receipt| receipt.open_interest_after += 1,
        |receipt| receipt.own_open_interest -= 1,
        |receipt| receipt.scale_after -= 1,
        |receipt| receipt.scale_after -= 1 << 50,
        |receipt| receipt.cash_index_after[0] ^= 1,
        |receipt| receipt.shares_after[0] -= 1,
        |receipt| receipt.epoch_after += 1,
    ];
    for change in changes {
        let mut changed = receipt;
        change(&mut changed);
        assert_ne!(changed.recomputed(), Ok(changed), "{changed:?}");
    }
}
