//! The rules that are switched, one by one.

use std::fmt;
use std::str::FromStr;

use anyhow::{bail, Error};

/// Named sets of rules. The first three are the real program's own; a baseline puts one rule of other venues in the
/// place of the program's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RuleSet {
    /// Everything as the program has it.
    Plimsoll,
    /// Nobody has a credit line.
    NoCredit,
    /// The market's budget of halts is zero.
    NoHalt,
    /// Losses fall on winners by rank: profit × leverage, one winner after another.
    BaselineQueue,
    /// The same in an order that begins anywhere.
    BaselineRandom,
    /// No deposit is accepted in the ten minutes in which the index falls most.
    BaselineSuspendedDeposits,
    /// The mark is the venue's own last price.
    BaselineVenueMark,
}

impl RuleSet {
    pub const ALL: [Self; 7] = [
        Self::Plimsoll,
        Self::NoCredit,
        Self::NoHalt,
        Self::BaselineQueue,
        Self::BaselineRandom,
        Self::BaselineSuspendedDeposits,
        Self::BaselineVenueMark,
    ];

    /// The name in files and options.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plimsoll => "plimsoll",
            Self::NoCredit => "no_credit",
            Self::NoHalt => "no_halt",
            Self::BaselineQueue => "baseline_queue",
            Self::BaselineRandom => "baseline_random",
            Self::BaselineSuspendedDeposits => "baseline_suspended_deposits",
            Self::BaselineVenueMark => "baseline_venue_mark",
        }
    }

    /// The name in the report.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Plimsoll => "Plimsoll",
            Self::NoCredit => "No credit",
            Self::NoHalt => "No halts",
            Self::BaselineQueue => "Baseline: ranked queue",
            Self::BaselineRandom => "Baseline: random start",
            Self::BaselineSuspendedDeposits => "Baseline: deposits suspended",
            Self::BaselineVenueMark => "Baseline: venue's own mark",
        }
    }

    /// Whether a model stands in for a rule that the program does not have.
    pub const fn is_baseline(self) -> bool {
        !matches!(self, Self::Plimsoll | Self::NoCredit | Self::NoHalt)
    }
}

impl fmt::Display for RuleSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for RuleSet {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut all = Self::ALL.into_iter();
        let Some(found) = all.find(|rules| rules.name() == text) else {
            let names: Vec<&str> = Self::ALL.iter().map(|rules| rules.name()).collect();
            bail!("no rules {text:?}: there are {}", names.join(", "));
        };
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back_and_an_unknown_one_is_answered_with_all() {
        for rules in RuleSet::ALL {
            assert_eq!(rules.name().parse::<RuleSet>().ok(), Some(rules));
        }
        let error = "plimsol".parse::<RuleSet>().expect_err("no such rules");
        assert!(error.to_string().contains("baseline_venue_mark"), "{error}");
    }
}
