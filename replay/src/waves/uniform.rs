//! The engine's own rule on one wave: a loss event without quantity against a side of many winners.

use anyhow::{Context, Result};
use bytemuck::Zeroable;
use plimsoll_engine::adl::Receipt;
use plimsoll_engine::math;
use plimsoll_engine::state::{SCALE_ONE, SIDE_LONG};
use serde::Serialize;

use super::fixed::Fixed;

/// Winners of a side. The file sums them up, so they are made: sizes as 1 to 2 to 3 and so on.
pub const WINNERS: u64 = 1_000;

/// A base atom is worth a quote atom, so that a position is what its holder could give.
const PRICE_Q32: u64 = 1 << 32;

/// What the rule did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Uniform {
    /// Loss that was charged to the side, and what it could not be charged; dollars in whole atoms.
    pub charged: Fixed,
    pub carried: Fixed,
    /// Taken from every winner alike: the side's cash index after the event, per dollar.
    pub fraction: Fixed,
    /// Number of winners and what they gave together: each one's charge is rounded up to an atom.
    pub winners: u64,
    pub taken: Fixed,
    /// Greatest distance of one winner's charge from its exact part of the loss, quote atoms, rounded up.
    pub deviation_atoms: u64,
}

/// Charges `needed` to winners who could give `total`.
pub fn charge(needed: Fixed, total: Fixed) -> Result<Uniform> {
    let total = total.atoms()?;
    let receipt = Receipt {
        side: SIDE_LONG,
        price: PRICE_Q32,
        deficit: needed.atoms()?,
        scale_before: SCALE_ONE,
        shares_before: [total, 0],
        ..Receipt::zeroed()
    }
    .recomputed()?;
    let (mut taken, mut deviation) = (0_u64, 0_u128);
    for size in winners(total) {
        let gave = receipt.effect_on(size)?.charged;
        // Both sides of gave / 1 = charged × size / total, times total.
        let exact = u128::from(receipt.charged) * u128::from(size);
        let apart = (u128::from(gave) * u128::from(total)).abs_diff(exact);
        deviation = deviation.max(apart.div_ceil(u128::from(total)));
        taken = taken
            .checked_add(gave)
            .context("the winners gave too much")?;
    }
    Ok(Uniform {
        charged: Fixed::of_atoms(receipt.charged),
        carried: Fixed::of_atoms(receipt.carried),
        fraction: fraction(&receipt),
        winners: WINNERS,
        taken: Fixed::of_atoms(taken),
        deviation_atoms: u64::try_from(deviation)?,
    })
}

/// Sizes that come to `total`: as 1 to 2 to 3, and the largest has the remainder.
fn winners(total: u64) -> impl Iterator<Item = u64> {
    let unit = total / (WINNERS * (WINNERS + 1) / 2);
    let rest = total - unit * (WINNERS * (WINNERS - 1) / 2);
    (1..WINNERS)
        .map(move |rank| unit * rank)
        .chain(std::iter::once(rest))
}

/// What the cash index of the side fell by, Q.64 per base atom, as a share of the atom's price.
fn fraction(receipt: &Receipt) -> Fixed {
    let before = math::join_signed(receipt.cash_index_before);
    let after = math::join_signed(receipt.cash_index_after);
    Fixed::ratio(Fixed(before - after), Fixed(1 << 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn winners_come_to_the_total_and_differ() {
        for total in [1, 500_499, 500_500, 48_764_420_238, 99_999_999_999_999_999] {
            let sizes: Vec<u64> = winners(total).collect();
            assert_eq!(sizes.iter().sum::<u64>(), total);
            assert_eq!(sizes.len(), 1_000);
            // None is over the largest position of the exchange.
            assert!(sizes.iter().all(|size| *size < 1 << 48));
        }
    }

    #[test]
    fn a_loss_over_everything_takes_everything_and_carries_the_rest() {
        let done = charge(Fixed::of_atoms(1_000_003), Fixed::of_atoms(1_000_000)).expect("charge");
        assert_eq!(done.charged, Fixed::of_atoms(1_000_000));
        assert_eq!(done.carried, Fixed::of_atoms(3));
        assert_eq!((done.fraction, done.taken), (Fixed::ONE, done.charged));
        assert_eq!(done.deviation_atoms, 0);
    }

    #[test]
    fn nothing_needed_takes_nothing() {
        let done = charge(Fixed::ZERO, Fixed::of_atoms(1_000_000)).expect("charge");
        assert_eq!(
            (done.charged, done.taken, done.fraction),
            Default::default()
        );
    }

    /// Against the loss in whole atoms and the side in whole atoms, computed apart from the engine.
    #[test]
    fn the_fraction_is_the_loss_over_the_side_and_every_winner_gives_it_to_the_atom() {
        let (needed, total) = (
            Fixed::of_atoms(8_055_871_928),
            Fixed::of_atoms(48_764_420_238),
        );
        let done = charge(needed, total).expect("charge");
        assert_eq!(
            done.fraction.rounded(18),
            Fixed::ratio(needed, total).rounded(18)
        );
        assert_eq!(done.deviation_atoms, 1);
        let over = done.taken.atoms().expect("atoms") - 8_055_871_928;
        assert!(over > 0 && over <= WINNERS, "{over}");
    }
}
