//! One loss event: what it does to the seat, to the other side and to the market's cash.
#![allow(clippy::unwrap_used)]

use std::vec;
use std::vec::Vec;

use num_bigint::BigInt;

use super::*;
use crate::epochs::tests::pit::{big, ceil, floor, refused, Pit, Random, MARKET};
use crate::math::{join_signed, join_unsigned, split_signed};
use crate::state::SCALE_ONE;

mod published_waves;
mod rounds;
mod uniform;

/// A quote atom a base atom.
const ONE: u64 = 1 << 32;
/// Neither a whole nor a half number of atoms.
const PRICE: u64 = ONE / 1_000 * 417;

/// Opposing seats of the given sizes are 1, 2, ...; seat 0 holds the rest of the other side and `loser`
/// has `lost` of it. The last seat has been on the loser's side and is flat.
pub(super) struct Scene {
    pub pit: Pit,
    pub loser: usize,
    pub flat: usize,
    /// Whether the opposing side is the short one.
    pub short: bool,
}

pub(super) fn scene(sizes: &[u64], lost: u64, short: bool, price: u64) -> Scene {
    let seats = sizes.len() + 3;
    let mut pit = Pit::new(seats, 0, price);
    let (loser, flat) = (seats - 2, seats - 1);
    for (who, size) in sizes.iter().enumerate() {
        against(&mut pit, who + 1, 0, *size, short);
    }
    if lost != 0 {
        against(&mut pit, 0, loser, lost, short);
    }
    against(&mut pit, 0, flat, 7, short);
    against(&mut pit, flat, 0, 7, short);
    Scene {
        pit,
        loser,
        flat,
        short,
    }
}

/// `who` takes the opposing side's part of a trade with `other`.
pub(super) fn against(pit: &mut Pit, who: usize, other: usize, size: u64, short: bool) {
    if short {
        pit.trade(other, who, size);
    } else {
        pit.trade(who, other, size);
    }
}

impl Scene {
    /// Shares and exact equity of a seat that is not behind, in 2^-94 quote atoms, its fraction of a base
    /// atom included.
    pub fn exact(&self, who: usize) -> (BigInt, BigInt) {
        let seat = self.pit.seat(who);
        let side = self.pit.side(seat.side == SIDE_SHORT);
        let sign = if seat.side == SIDE_SHORT { -1 } else { 1 };
        let delta = join_signed(side.cash_index) - join_signed(seat.cash_index);
        let held = sign * big(seat.shares);
        let base = &held * side.scale * self.pit.header.prices.mark;
        let equity = (big(seat.quote) << 94) + ((held * delta) << 30) + base;
        (big(seat.shares), equity)
    }

    /// The same after the side's epoch may have ended: floors of the recorded end included.
    pub fn walked(&self, who: usize) -> BigInt {
        let held = self.pit.held(who);
        (held.quote << 94) + ((held.base * self.pit.header.prices.mark) << 62)
    }

    pub fn opposing(&self) -> std::ops::Range<usize> {
        1..self.loser
    }

    pub fn side(&self) -> Side {
        self.pit.side(self.short)
    }
}

#[test]
fn a_loss_closes_quantity_charges_the_side_and_credits_the_loser() {
    for short in [false, true] {
        let mut scene = scene(&[600_000, 300_000, 100_000], 250_000, short, ONE);
        let before = scene.side();
        let loser = scene.pit.held(scene.loser);
        let receipt = scene.pit.lose(scene.loser, 50_000, 20_000).unwrap();
        // A quarter is closed, and three hundredths of an atom are charged a contract.
        let after = scene.side();
        assert_eq!(after.scale, SCALE_ONE / 4 * 3);
        let closed = 1_i128 << 62;
        let charge = (30_000_u128 << 64).div_ceil(1_000_000) as i128;
        let index = if short {
            closed + charge
        } else {
            closed - charge
        };
        assert_eq!(join_signed(after.cash_index), index);
        let expected = Receipt {
            version: 1,
            side: u8::from(short),
            epoch_ended: 0,
            reserved_0: [0; 5],
            market: MARKET,
            margin_account: scene.pit.seat(scene.loser).owner,
            number: 1,
            slot: scene.pit.env.slot,
            time: scene.pit.env.now,
            quantity: 250_000,
            price: ONE,
            deficit: 50_000,
            from_default_fund: 20_000,
            charged: 30_000,
            carried: 0,
            open_interest_before: 1_000_000,
            open_interest_after: 750_000,
            own_open_interest: 750_000,
            scale_before: SCALE_ONE,
            scale_after: after.scale,
            cash_index_before: [0; 2],
            cash_index_after: after.cash_index,
            shares_before: before.shares,
            shares_after: before.shares,
            epoch_before: 0,
            epoch_after: 0,
        };
        assert_eq!(receipt, expected);
        // The loser is flat, keeps its side, and its claim is what it was worth and its deficit.
        let seat = scene.pit.seat(scene.loser);
        let claim = loser.quote + loser.base + 50_000;
        assert_eq!(
            (seat.shares, seat.opened_at, big(seat.quote)),
            (0, 0, claim)
        );
        assert_eq!(seat.side, u8::from(!short));
        let cash = scene.pit.header.cash;
        assert_eq!((cash.pool, cash.deficit), (20_000, 0));
        assert_eq!(scene.pit.header.losses.receipts, 1);
        // And each of the others: 0.03 of an atom less per contract that it had.
        for (who, size, charged) in [
            (1, 600_000, 18_000),
            (2, 300_000, 9_000),
            (3, 100_000, 3_000),
        ] {
            let held = scene.pit.held(who);
            let sign = if short { -1 } else { 1 };
            assert_eq!(held.base, big(sign * size * 3 / 4));
            // Bought or sold at the mark: a claim and a position that cancel out, less the charge and
            // the atom that its ceiling drops.
            assert_eq!(held.quote + held.base, big(-charged - 1));
        }
        scene.pit.check();
    }
}

#[test]
fn a_close_without_a_loss_moves_no_wealth() {
    for short in [false, true] {
        let mut scene = scene(&[600_000, 300_000], 450_000, short, ONE / 2);
        let receipt = scene.pit.lose(scene.loser, 0, 0).unwrap();
        assert_eq!((receipt.charged, receipt.carried), (0, 0));
        assert_eq!(scene.side().scale, SCALE_ONE / 2);
        for (who, size) in [(1, 600_000), (2, 300_000)] {
            let held = scene.pit.held(who);
            let sign = if short { -1 } else { 1 };
            assert_eq!(held.base, big(sign * size / 2));
            assert_eq!(held.quote, big(-sign * size / 4));
        }
        assert_eq!(scene.pit.header.cash.pool, 0);
        assert_eq!(scene.pit.residue(), big(0));
        scene.pit.check();
    }
}

#[test]
fn a_flat_losers_deficit_is_charged_to_the_side_opposite_to_its_last_position() {
    for short in [false, true] {
        let mut scene = scene(&[600_000, 300_000], 0, short, ONE);
        let before = scene.pit.header.sides;
        let quote = scene.pit.seat(scene.flat).quote;
        let receipt = scene.pit.lose(scene.flat, 9_000, 0).unwrap();
        assert_eq!((receipt.side, receipt.quantity), (u8::from(short), 0));
        assert_eq!(
            (receipt.charged, receipt.open_interest_after),
            (9_000, 900_000)
        );
        let (own, other) = (usize::from(!short), usize::from(short));
        assert_eq!(scene.pit.header.sides[own], before[own]);
        let side = scene.side();
        assert_eq!((side.scale, side.shares), (SCALE_ONE, before[other].shares));
        assert_ne!(side.cash_index, [0; 2]);
        let seat = scene.pit.seat(scene.flat);
        assert_eq!((seat.quote, seat.side), (quote + 9_000, u8::from(!short)));
        scene.pit.check();
    }
}

#[test]
fn the_default_funds_part_is_cash_of_the_pool_and_charged_to_nobody() {
    let mut scene = scene(&[1_000_000], 0, false, ONE);
    scene.pit.header.cash.pool = 11;
    scene.pit.header.cash.deficit = 13;
    let receipt = scene.pit.lose(scene.flat, 500, 500).unwrap();
    assert_eq!((receipt.charged, receipt.carried), (0, 0));
    assert_eq!(scene.side().cash_index, [0; 2]);
    let cash = scene.pit.header.cash;
    assert_eq!((cash.pool, cash.deficit), (511, 13));
    // More than the deficit is a caller's fault.
    assert_eq!(
        refused(scene.pit.lose(scene.flat, 500, 501)),
        EngineError::Overflow
    );
}

#[test]
fn with_nobody_opposite_the_loss_is_carried() {
    for short in [false, true] {
        let mut scene = scene(&[1_000], 0, short, ONE);
        against(&mut scene.pit, 0, 1, 1_000, short);
        assert_eq!(scene.side().seats, 0);
        scene.pit.header.cash.deficit = 5;
        let receipt = scene.pit.lose(scene.flat, 800, 300).unwrap();
        assert_eq!((receipt.charged, receipt.carried), (0, 500));
        assert_eq!((receipt.epoch_ended, receipt.open_interest_before), (0, 0));
        let cash = scene.pit.header.cash;
        assert_eq!((cash.pool, cash.deficit), (300, 505));
        assert_eq!(scene.pit.residue(), big(5) << 32);
        scene.pit.check();
    }
}

#[test]
fn a_side_pays_at_most_the_price_of_its_contracts_and_the_rest_is_carried() {
    for short in [false, true] {
        for (deficit, fund, charged) in [
            (416_999, 0, 416_999),
            (417_000, 0, 417_000),
            (417_001, 0, 417_000),
            (9_000_000, 1_000_000, 417_000),
            (u64::MAX / 4, 0, 417_000),
        ] {
            let mut scene = scene(&[400_000, 600_000], 0, short, ONE / 1_000 * 417 + 1_000);
            let receipt = scene.pit.lose(scene.flat, deficit, fund).unwrap();
            let carried = deficit - fund - charged;
            assert_eq!((receipt.charged, receipt.carried), (charged, carried));
            assert_eq!(scene.pit.header.cash.deficit, carried);
            assert_eq!(scene.pit.header.cash.pool, fund);
            scene.pit.check();
        }
    }
}

#[test]
fn a_loser_as_large_as_its_side_closes_all_that_is_opposite() {
    for short in [false, true] {
        let mut scene = scene(&[600, 300, 100], 1_000, short, PRICE);
        let receipt = scene.pit.lose(scene.loser, 0, 0).unwrap();
        assert_eq!((receipt.open_interest_after, receipt.scale_after), (0, 0));
        assert_eq!((receipt.epoch_ended, receipt.epoch_after), (1, 1));
        assert_eq!(receipt.shares_after, [0; 2]);
        // New positions enter the next epoch at once, beside seats that have not yet noticed.
        let one_more = 0;
        against(&mut scene.pit, 1, one_more, 50, short);
        let side = scene.side();
        assert_eq!((side.scale, join_unsigned(side.shares)), (SCALE_ONE, 50));
        assert_eq!((side.seats, side.seats_behind), (3, 2));
        scene.pit.check();
        for who in [2, 3] {
            assert_eq!(scene.pit.held(who).base, big(0));
            scene.pit.wake(who);
            scene.pit.check();
        }
        assert_eq!((scene.side().seats, scene.side().ends), (1, 0));
        assert_eq!(scene.pit.held(1).base, big(if short { -50 } else { 50 }));
    }
}

#[test]
fn the_own_side_keeps_its_scale_and_loses_the_losers_shares_alone() {
    for short in [false, true] {
        let mut scene = scene(&[1_000_000], 400_000, short, PRICE);
        let own = scene.pit.side(!short);
        scene.pit.lose(scene.loser, 100, 0).unwrap();
        let after = scene.pit.side(!short);
        assert_eq!((after.scale, after.cash_index), (own.scale, own.cash_index));
        assert_eq!(join_unsigned(after.shares), 600_000);
        assert_eq!((after.seats, after.seats_behind), (1, 0));
    }
}

#[test]
fn a_losing_short_pays_for_the_fraction_that_it_drops() {
    for short in [false, true] {
        let mut scene = scene(&[90, 10], 50, short, PRICE);
        // The loser's own side at a third: 50 base atoms are no whole number of shares.
        scene.pit.header.sides[usize::from(!short)].scale = SCALE_ONE / 3;
        let shares = scene.pit.seat(scene.loser).shares;
        let whole = (big(shares) * (SCALE_ONE / 3)) >> 62;
        let quote = scene.pit.seat(scene.loser).quote;
        scene.pit.lose(scene.loser, 0, 0).unwrap();
        let price = big(PRICE);
        let unit = big(ONE);
        // A losing short is opposite to longs.
        let claim = if short {
            floor(&(whole * price), &unit)
        } else {
            -ceil(&(whole * price), &unit) - 1
        };
        assert_eq!(big(scene.pit.seat(scene.loser).quote), claim + quote);
    }
}

/// A position of less than an atom cannot be traded; the event takes it off its side all the same.
#[test]
fn a_seat_whose_shares_hold_less_than_an_atom_is_emptied() {
    for short in [false, true] {
        let mut scene = scene(&[1, 999], 500, short, ONE / 3);
        scene.pit.lose(scene.loser, 0, 0).unwrap();
        let seat = scene.pit.seat(1);
        assert_eq!((seat.shares, scene.pit.held(1).base), (1, big(0)));
        let side = scene.side();
        let receipt = scene.pit.lose(1, 0, 0).unwrap();
        assert_eq!((receipt.quantity, scene.pit.seat(1).shares), (0, 0));
        assert_eq!(scene.side().seats, side.seats - 1);
        // The other side is not scaled: nothing was closed.
        assert_eq!(scene.pit.side(!short).scale, SCALE_ONE);
        let paid = i64::from(short);
        assert_eq!(scene.pit.seat(1).quote, big_i64(&scene, &seat) - paid);
        scene.pit.check();
    }
}

/// The claim of a copied seat at the side's present index.
fn big_i64(scene: &Scene, seat: &crate::state::Seat) -> i64 {
    let mut copy = *seat;
    position::touch(&mut copy, &scene.pit.header.sides).unwrap();
    copy.quote
}

#[test]
fn a_loser_that_slept_through_epochs_is_caught_up_first() {
    for short in [false, true] {
        let mut scene = scene(&[600_000, 400_000], 300_000, short, ONE);
        // The loser's own side ends an epoch at three quarters of its scale.
        let own = usize::from(!short);
        scene.pit.header.sides[own].scale = SCALE_ONE / 4 * 3;
        scene.pit.header.sides[own].cash_index = split_signed(1 << 40);
        let env = scene.pit.env;
        let end = epochs::end(&mut scene.pit.market(), own as u8, PriceQ32(ONE), &env);
        end.unwrap();
        let held = scene.pit.held(scene.loser);
        assert_eq!(
            big(225_000),
            if short {
                held.base.clone()
            } else {
                -&held.base
            }
        );
        let receipt = scene.pit.lose(scene.loser, 10, 0).unwrap();
        assert_eq!(receipt.quantity, 225_000);
        let claim = held.quote + held.base + 10;
        assert_eq!(big(scene.pit.seat(scene.loser).quote), claim);
        // 750,000 were left on the own side before and 525,000 are now: the other side is matched to it.
        assert!(receipt.open_interest_after <= 525_000);
        assert!(receipt.open_interest_after >= 524_999);
    }
}

#[test]
fn an_event_of_nobody_is_refused() {
    let mut scene = scene(&[10], 0, false, ONE);
    let event = LossEvent {
        price: PriceQ32(ONE),
        deficit: 1,
        from_default_fund: 0,
    };
    let env = scene.pit.env;
    let before = scene.pit.bytes();
    for index in [0, 9_999, u32::MAX] {
        let outcome = execute(&mut scene.pit.market(), &MARKET, index, &event, &env);
        assert_eq!(refused(outcome), EngineError::WrongSeat);
    }
    assert!(scene.pit.bytes() == before);
}

/// The widest position at the highest price, at every scale and wherever its cash index stood at the last
/// touch and stands now: charge and quantity in one event fit (spec §13, Widths).
#[test]
fn the_largest_position_at_the_highest_price_fits() {
    let size = (1_u64 << 48) - 1;
    let scales = [
        SCALE_ONE,
        SCALE_ONE - 1,
        SCALE_ONE / 3,
        (1 << 55) + 12_345,
        (1 << 48) + 1,
        1 << 48,
    ];
    for short in [false, true] {
        for scale in scales {
            let edge = (i128::from(scale) << epochs::CASH_INDEX_BITS) - 1;
            for (then, now) in [(0, 0), (-edge, edge), (edge, -edge), (edge, edge)] {
                let mut scene = scene(&[size], size, short, 1 << 44);
                // At A = 2^48 a share is a 2^14th of an atom, and the position has 2^62 shares.
                let shares = (u128::from(size) << 62).div_ceil(u128::from(scale));
                let side = &mut scene.pit.header.sides[usize::from(short)];
                side.scale = scale;
                side.shares = crate::math::split_unsigned(shares);
                side.cash_index = split_signed(now);
                assert!(!epochs::due(side));
                let seat = scene.pit.seat_mut(1);
                seat.shares = u64::try_from(shares).unwrap();
                seat.cash_index = split_signed(then);
                let receipt = scene.pit.lose(scene.loser, size << 12, 0).unwrap();
                assert_eq!((receipt.charged, receipt.epoch_ended), (size << 12, 1));
                assert_eq!(receipt.recomputed().unwrap(), receipt);
                let held = scene.pit.held(1);
                scene.pit.wake(1);
                assert_eq!(big(scene.pit.seat(1).quote), held.quote);
            }
        }
    }
}
