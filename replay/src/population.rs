//! Who there is: drawn from the scenario and a seed, before anything is on chain.

use anyhow::{ensure, Result};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use solana_pubkey::Pubkey;

use crate::chain::address_of;
use crate::scenario::{part, Cohort, Scenario, Side};
use crate::venue::Units;

/// A whole dollar in quote atoms.
pub const USD: u64 = 1_000_000;
const PPM: u64 = 1_000_000;

/// A trader of a cohort, as drawn.
#[derive(Clone, Debug)]
pub struct Trader {
    /// Its cohort's place in the scenario, and its number there.
    pub cohort: usize,
    pub number: u32,
    pub owner: Pubkey,
    pub side: Side,
    pub lots: u64,
    /// Quote atoms in the margin account at the start.
    pub collateral: u64,
    /// Limit of its credit line; zero: none.
    pub line: u64,
    pub hedger: bool,
    /// Closes its position itself when its equity falls to this; none: it never does.
    pub stop_equity: Option<u64>,
    /// Quote atoms of each of its two deposits; zero: it never deposits.
    pub deposit: u64,
    pub call_at_ppm: u64,
    pub delay_seconds: u32,
    /// Second of every few at which it looks at its account.
    pub looks_at: u32,
}

/// Everybody with a position.
#[derive(Clone, Debug)]
pub struct Population {
    pub traders: Vec<Trader>,
    /// Value of all longs, quote atoms.
    pub notional: u64,
    /// First price, ticks.
    pub ticks: u64,
}

impl Population {
    /// Draws everybody. Shorts are scaled until there are as many lots of them as of longs.
    ///
    /// # Errors
    /// When the accounts are too few to trade with each other.
    pub fn draw(scenario: &Scenario, units: &Units, ticks: u64, seed: u64) -> Result<Self> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut traders = Vec::new();
        for (place, count) in counts(scenario).into_iter().enumerate() {
            let Some(cohort) = scenario.cohorts.get(place) else {
                continue;
            };
            for number in 0..count {
                traders.push(draw(cohort, place, number, units, ticks, &mut random));
            }
        }
        balance(&mut traders)?;
        for trader in &mut traders {
            let Some(cohort) = scenario.cohorts.get(trader.cohort) else {
                continue;
            };
            let value = units.value(trader.lots, ticks);
            // Leverage was drawn; the cash follows from the lots.
            trader.collateral = part(value, trader.collateral);
            trader.line = part(value, cohort.line_ppm);
            trader.deposit = part(value, trader.deposit) / 2;
            trader.stop_equity = trader.stop_equity.map(|at| part(trader.collateral, at));
        }
        let longs = traders.iter().filter(|trader| trader.side == Side::Long);
        let notional = longs.map(|trader| units.value(trader.lots, ticks)).sum();
        Ok(Self {
            traders,
            notional,
            ticks,
        })
    }
}

/// Accounts of each cohort: by weight, what is left over to the first ones.
fn counts(scenario: &Scenario) -> Vec<u32> {
    let total: u64 = scenario.cohorts.iter().map(|c| u64::from(c.weight)).sum();
    let accounts = u64::from(scenario.accounts);
    let share = |cohort: &Cohort| accounts * u64::from(cohort.weight) / total.max(1);
    let mut counts: Vec<u64> = scenario.cohorts.iter().map(share).collect();
    let mut left = accounts.saturating_sub(counts.iter().sum());
    for (count, cohort) in counts.iter_mut().zip(&scenario.cohorts) {
        if left > 0 && cohort.weight != 0 {
            *count += 1;
            left -= 1;
        }
    }
    counts
        .into_iter()
        .map(|count| u32::try_from(count).unwrap_or(u32::MAX))
        .collect()
}

/// One trader; `collateral`, `deposit` and `stop_equity` still as ppm of what they are part of.
fn draw(
    cohort: &Cohort,
    place: usize,
    number: u32,
    units: &Units,
    ticks: u64,
    random: &mut ChaCha8Rng,
) -> Trader {
    let [low, high] = cohort.notional_usd;
    // Bounded Pareto with an exponent of one: many small, few large.
    let drawn = u128::from(random.random_range(0..=PPM));
    let spread = u128::from(low) * u128::from(PPM) + drawn * u128::from(high - low);
    let usd = u128::from(low) * u128::from(high) * u128::from(PPM) / spread.max(1);
    let atoms = u64::try_from(usd).unwrap_or(high).saturating_mul(USD);
    let [least, most] = cohort.leverage_tenths;
    let leverage = random.random_range(least..=most).max(1);
    let mut chance = |ppm: u64| random.random_range(0..PPM) < ppm;
    let (stops, tops_up) = (chance(cohort.stops_ppm), chance(cohort.tops_up_ppm));
    let [soonest, latest] = cohort.delay_seconds;
    Trader {
        cohort: place,
        number,
        owner: address_of(&cohort.name, number),
        side: cohort.side,
        lots: units.lots(atoms, ticks).max(1),
        collateral: PPM * 10 / leverage,
        line: 0,
        hedger: cohort.hedger,
        stop_equity: stops.then_some(cohort.stop_at_ppm),
        deposit: if tops_up { cohort.wallet_ppm } else { 0 },
        call_at_ppm: cohort.call_at_ppm,
        delay_seconds: random.random_range(soonest..=latest),
        looks_at: random.random_range(0..LOOK_SECONDS),
    }
}

/// A trader looks at its account once in so many seconds.
pub const LOOK_SECONDS: u32 = 5;

/// Scales the shorts to the longs, lot by lot; the largest takes what rounding leaves.
fn balance(traders: &mut [Trader]) -> Result<()> {
    let lots_of = |side: Side, traders: &[Trader]| -> u128 {
        let of_side = traders.iter().filter(|trader| trader.side == side);
        of_side.map(|trader| u128::from(trader.lots)).sum()
    };
    let longs = lots_of(Side::Long, traders);
    let shorts = lots_of(Side::Short, traders);
    ensure!(
        longs != 0 && shorts != 0,
        "there are too few accounts for both sides"
    );
    for trader in traders
        .iter_mut()
        .filter(|trader| trader.side == Side::Short)
    {
        let scaled = u128::from(trader.lots) * longs / shorts;
        trader.lots = u64::try_from(scaled)?.max(1);
    }
    let scaled = lots_of(Side::Short, traders);
    let mut shorts = traders
        .iter_mut()
        .filter(|trader| trader.side == Side::Short);
    let largest = shorts.by_ref().max_by_key(|trader| trader.lots);
    if let Some(trader) = largest {
        let lots = (u128::from(trader.lots) + longs).checked_sub(scaled);
        let lots = lots.filter(|lots| *lots != 0);
        let lots = lots.ok_or_else(|| anyhow::anyhow!("the shorts cannot be scaled"))?;
        trader.lots = u64::try_from(lots)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::DEFAULT;

    fn drawn(seed: u64) -> Population {
        let scenario = Scenario::parse(DEFAULT).expect("the default scenario");
        let units = Units::of(2_643_000_000).expect("units");
        Population::draw(&scenario, &units, 26_430, seed).expect("a population")
    }

    #[test]
    fn shorts_are_worth_what_longs_are_and_every_account_is_there() {
        let population = drawn(1);
        assert_eq!(population.traders.len(), 5_000);
        let lots = |side| -> u64 {
            let traders = population.traders.iter();
            let of_side = traders.filter(|trader| trader.side == side);
            of_side.map(|trader| trader.lots).sum()
        };
        assert_eq!(lots(Side::Long), lots(Side::Short));
        assert!(population
            .traders
            .iter()
            .all(|trader| trader.collateral != 0 && trader.lots != 0));
    }

    #[test]
    fn the_same_seed_draws_the_same_and_another_does_not() {
        let text = |seed| format!("{:?}", drawn(seed));
        assert_eq!(text(1), text(1));
        assert_ne!(text(1), text(2));
    }
}
