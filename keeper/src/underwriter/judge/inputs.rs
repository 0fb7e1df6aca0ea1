//! Figures with their bounds, and the ratios that they are made of.

use std::fmt;

/// How a figure must stand to its bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    AtLeast,
    AtMost,
    Under,
    Over,
}

/// One figure that a rule looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Input {
    pub name: &'static str,
    pub value: i128,
    pub sign: Sign,
    pub bound: i128,
}

impl Input {
    pub(super) fn new(
        name: &'static str,
        value: impl Into<i128>,
        sign: Sign,
        bound: impl Into<i128>,
    ) -> Self {
        Self {
            name,
            value: value.into(),
            sign,
            bound: bound.into(),
        }
    }

    /// Whether the figure stands to its bound as the rule asks.
    pub const fn holds(&self) -> bool {
        match self.sign {
            Sign::AtLeast => self.value >= self.bound,
            Sign::AtMost => self.value <= self.bound,
            Sign::Under => self.value < self.bound,
            Sign::Over => self.value > self.bound,
        }
    }
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.sign {
            Sign::AtLeast => ">=",
            Sign::AtMost => "<=",
            Sign::Under => "<",
            Sign::Over => ">",
        };
        write!(f, "{} {} {sign} {}", self.name, self.value, self.bound)
    }
}

const PPM: i128 = 1_000_000;

/// ⌊part × 10^6 / whole⌋: for what must be reached. Of nothing: as much as one likes, or nothing of nothing.
pub(super) fn ppm_floor(part: impl Into<i128>, whole: u64) -> i128 {
    let (part, whole) = (part.into(), i128::from(whole));
    if whole == 0 {
        return part.signum().saturating_mul(i128::from(u64::MAX));
    }
    part.saturating_mul(PPM).div_euclid(whole)
}

/// The same, rounded up: for what must not be passed.
pub(super) fn ppm_ceil(part: impl Into<i128>, whole: u64) -> i128 {
    let part: i128 = part.into();
    ppm_floor(part.saturating_neg(), whole).saturating_neg()
}
