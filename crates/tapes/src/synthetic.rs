//! A random walk of prices from a seed: the same seed gives the same prices on every machine.
//!
//! Integers only, for that reason. The market is calm most of the time and volatile in stretches,
//! and now and then a second has no trade.

use std::{num::NonZeroU64, ops::RangeInclusive};

use anyhow::{bail, Result};

use crate::{confidence_e8, PricePoint, PriceSource};

const PPM: u64 = 1_000_000;
/// Uniform draws summed for one step: enough for a bell shape, few enough to stay bounded.
const DRAWS: u32 = 4;

/// How the market behaves for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Regime {
    /// Standard deviation of a second's move, millionths of the price.
    pub volatility_ppm: u32,
    /// Mean of a second's move, millionths of the price.
    pub drift_ppm: i32,
    /// Chance that a second ends this regime, millionths.
    pub exit_chance_ppm: u32,
}

/// A walk to be drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntheticConfig {
    /// Everything random follows from this.
    pub seed: u64,
    /// First second of the tape, Unix seconds.
    pub tape_start: i64,
    /// Price before the first second, 10^-8 US dollars.
    pub price_e8: i64,
    /// The walk stays within these, 10^-8 US dollars.
    pub price_range_e8: RangeInclusive<i64>,
    /// Behaviour to begin with.
    pub calm: Regime,
    /// Behaviour in between.
    pub volatile: Regime,
    /// Chance that a second has no trade, millionths.
    pub silence_chance_ppm: u32,
}

impl SyntheticConfig {
    /// A coin on an ordinary day: a move of 0.02 % a second, every half hour ten times that for
    /// about two minutes, one second in ten silent.
    pub fn ordinary(seed: u64, tape_start: i64, price_e8: i64) -> Self {
        Self {
            seed,
            tape_start,
            price_e8,
            price_range_e8: (price_e8 / 100).max(1)..=price_e8.saturating_mul(100),
            calm: Regime {
                volatility_ppm: 200,
                drift_ppm: 0,
                exit_chance_ppm: 555,
            },
            volatile: Regime {
                volatility_ppm: 2_000,
                drift_ppm: -50,
                exit_chance_ppm: 8_000,
            },
            silence_chance_ppm: 100_000,
        }
    }
}

/// The walk, with a place up to which it has been drawn.
#[derive(Clone, Debug)]
pub struct SyntheticWalk {
    config: SyntheticConfig,
    random: SplitMix64,
    next_second: i64,
    price_e8: i64,
    volatile: bool,
}

impl SyntheticWalk {
    /// A walk that has not begun; refuses one whose prices could leave their range or reach zero.
    pub fn new(config: SyntheticConfig) -> Result<Self> {
        let range = &config.price_range_e8;
        if *range.start() < 1 || !range.contains(&config.price_e8) {
            bail!(
                "the price {} must lie within {}..={}, above zero",
                config.price_e8,
                range.start(),
                range.end()
            );
        }
        Ok(Self {
            random: SplitMix64::new(config.seed),
            next_second: config.tape_start,
            price_e8: config.price_e8,
            volatile: false,
            config,
        })
    }

    /// Whether the walk is in its volatile regime now.
    pub fn is_volatile(&self) -> bool {
        self.volatile
    }

    /// Draws one second. A silent second moves the hidden price all the same: what the market
    /// knows next is where it then stands.
    fn step(&mut self) -> Option<PricePoint> {
        let regime = if self.volatile {
            self.config.volatile
        } else {
            self.config.calm
        };
        let move_ppm = self.random.bell(regime.volatility_ppm) + i128::from(regime.drift_ppm);
        let before = self.price_e8;
        let moved = i128::from(before) + i128::from(before) * move_ppm / i128::from(PPM);
        let range = &self.config.price_range_e8;
        let moved = moved.clamp((*range.start()).into(), (*range.end()).into());
        self.price_e8 = i64::try_from(moved).unwrap_or(before);
        if self.random.happens(regime.exit_chance_ppm) {
            self.volatile = !self.volatile;
        }
        let silent = self.random.happens(self.config.silence_chance_ppm);
        (!silent).then(|| PricePoint {
            unix_seconds: self.next_second,
            price_e8: self.price_e8,
            conf_e8: confidence_e8(self.price_e8, self.price_e8.abs_diff(before)),
        })
    }
}

impl PriceSource for SyntheticWalk {
    fn tape_start(&self) -> i64 {
        self.config.tape_start
    }

    fn tape_end(&self) -> Option<i64> {
        None
    }

    fn next_until(&mut self, tape_seconds: i64) -> Vec<PricePoint> {
        let mut points = Vec::new();
        while self.next_second <= tape_seconds {
            points.extend(self.step());
            self.next_second += 1;
        }
        points
    }
}

/// Steele, Lea and Flood's generator: tiny, well distributed, and ours to keep stable for ever.
#[derive(Clone, Debug)]
struct SplitMix64 {
    state: u64,
}

impl SplitMix64 {
    fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Uniform in `0..bound`, by the high bits of a product; the bias is below one in 2^40.
    fn below(&mut self, bound: NonZeroU64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound.get())) >> 64) as u64
    }

    fn happens(&mut self, chance_ppm: u32) -> bool {
        const WHOLE: NonZeroU64 = NonZeroU64::new(PPM).expect("not zero");
        self.below(WHOLE) < u64::from(chance_ppm)
    }

    /// Bell-shaped around zero with the given standard deviation, never beyond 3.5 of them: the
    /// sum of `DRAWS` uniform draws, each of which spans `deviation * sqrt(12 / DRAWS)`.
    fn bell(&mut self, deviation: u32) -> i128 {
        // sqrt(12 / 4) = 1.7320508, in millionths; doubled to centre without halves.
        let span = u64::from(deviation) * 3_464_101 / PPM;
        let Some(width) = NonZeroU64::new(span + 1) else {
            return 0;
        };
        let sum: u64 = (0..DRAWS).map(|_| self.below(width)).sum();
        (i128::from(sum) - i128::from(span) * i128::from(DRAWS) / 2) / 2
    }
}

#[cfg(test)]
#[path = "synthetic_tests.rs"]
mod tests;
