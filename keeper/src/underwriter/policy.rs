//! The policy file: read once, checked whole, every mistake named.
//!
//! Amounts are quote atoms (millionths of a USDC), ratios ppm, times seconds or days. A ratio that must be reached
//! ends in `_min`, one that must not be passed in `_max`; both bounds themselves still pass. What recalls or stops
//! does so at its bound.

mod bounds;
pub(super) use bounds::{DRAWDOWN_DAYS_MAX, VOLATILITY_SECONDS_MAX};
#[cfg(test)]
mod tests;

use std::path::Path;

use anyhow::{bail, Context, Result};
use plimsoll_engine::state::CreditLine;
use solana_pubkey::Pubkey;

use crate::config::table::{table, Field};

table! {
    /// The file as written.
    Policy {
        /// Between two looks at the lines, seconds.
        look_seconds: u64 = 5,
        /// By how much every mark moves in the stress, down and up, ppm.
        stress_ppm: u64 = 200_000,
        caps: Caps = Caps::default(),
        stop: Stop = Stop::default(),
        top_up: Option<TopUp> = None,
        classes @ "class": Vec<Class> = Vec::new(),
    }
}

table! {
    /// Most that the desk does within any 24 hours, for all lines of all its vaults together. Zero: nothing.
    Caps {
        /// Margin calls extended.
        extensions_a_day: u64 = 0,
        /// Lines recalled.
        recalls_a_day: u64 = 0,
        /// Consents given, each counted whole, quote atoms.
        consented_a_day: u64 = 0,
        /// Paid into junior stakes, quote atoms.
        topped_up_a_day: u64 = 0,
    }
}

table! {
    /// When nothing new is lent: no consent is given, and what is offered or consented to is withdrawn.
    Stop {
        /// Principal lent over the vault's face value, from which on, ppm.
        lent_ppm: Option<u64> = None,
        /// Free cash of the vault under which, quote atoms.
        free_below: Option<u64> = None,
        /// What the stress would leave uncovered over the vault's face value, from which on, ppm.
        stress_loss_ppm: Option<u64> = None,
        /// Range of a mandated market's mark over the seconds below, from which on, ppm of its low.
        volatility_ppm: Option<u64> = None,
        volatility_seconds: u64 = 3_600,
        /// Offers that nobody has accepted are closed.
        withdraw_offers: bool = true,
        /// Standing consents are set to zero.
        withdraw_consents: bool = true,
    }
}

table! {
    /// Payments into a vault's junior stake out of the underwriter's token account.
    TopUp {
        /// Free cash of the vault under which one is made, quote atoms.
        free_below: u64 = 0,
        /// Amount of one payment, quote atoms.
        amount: u64 = 0,
        /// Principal lent over the vault's face value, at most, ppm.
        lent_ppm_max: u64 = 500_000,
    }
}

table! {
    /// Borrowers who are treated alike.
    Class {
        /// As logs and trials name it.
        name: String = String::new(),
        /// Addresses of lines, margin accounts or traders; none: everyone whom no other class names. Of a line of no
        /// class only what `stop` says is done.
        members: Vec<String> = Vec::new(),
        /// A line whose recall has come into force and that owes nothing is closed.
        close_recalled: bool = true,
        extend: Option<Extend> = None,
        consent: Option<Consent> = None,
        recall: Recall = Recall::default(),
    }
}

table! {
    /// Extensions of a margin call. All conditions must hold.
    Extend {
        /// At most this long before the deadline, seconds.
        before_seconds: u64 = 1_800,
        /// By which the deadline moves, seconds.
        seconds: u64 = 14_400,
        /// Extensions of one call, at most.
        times_a_call: u64 = 1,
        /// Extensions of one line within any 30 days, at most.
        times_a_month: u64 = 3,
        /// Beyond the line's own call window, all extensions of a call together, at most, seconds.
        total_seconds_max: u64 = 14_400,
        /// Rise of the borrower's own equity over its low of this call, at least, ppm of maintenance margin.
        recovered_ppm_min: u64 = 100_000,
        /// The borrower's own equity, at least, ppm of maintenance margin.
        equity_ppm_min: u64 = 500_000,
        /// Principal over the line's limit, at most, ppm.
        drawn_ppm_max: u64 = 800_000,
        /// The line's principal over the vault's face value, at most, ppm.
        concentration_ppm_max: u64 = 150_000,
    }
}

table! {
    /// Consents to draws of a discretionary line. All conditions must hold.
    Consent {
        /// What may still be drawn, under which a consent is given, quote atoms.
        below: u64 = 0,
        /// What may be drawn then in its place, quote atoms; no more than the limit leaves.
        amount: u64 = 0,
        /// For which it holds, seconds.
        seconds: u64 = 3_600,
        /// The borrower's own equity, at least, ppm of maintenance margin.
        equity_ppm_min: u64 = 1_000_000,
        /// Principal over the line's limit, at most, ppm.
        drawn_ppm_max: u64 = 500_000,
        /// Principal and the consent over the vault's face value, at most, ppm.
        concentration_ppm_max: u64 = 150_000,
    }
}

table! {
    /// Recalls. Any one that is named and reached is enough; what is not named recalls nothing.
    Recall {
        /// Fall of the borrower's own equity from its high of the days below, ppm of the high.
        drawdown_ppm: Option<u64> = None,
        drawdown_days: u64 = 7,
        /// Range of a held market's mark over the seconds below, ppm of its low.
        volatility_ppm: Option<u64> = None,
        volatility_seconds: u64 = 3_600,
        /// Days without principal since the start and the last draw.
        idle_days: Option<u64> = None,
        /// The line's principal over the vault's face value, ppm.
        concentration_ppm: Option<u64> = None,
        /// What the stress would leave uncovered over the vault's face value, ppm.
        stress_loss_ppm: Option<u64> = None,
        /// The stress would need more principal than the limit allows.
        stress_over_limit: bool = false,
    }
}

impl Policy {
    /// Reads the file and names every mistake in it at once, one a line.
    ///
    /// # Errors
    /// When the file cannot be read, is no TOML, or holds mistakes.
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let (policy, mistakes) =
            Self::parse(&text).with_context(|| format!("{}", path.display()))?;
        if !mistakes.is_empty() {
            let (count, listed) = (mistakes.len(), mistakes.join("\n  "));
            bail!("{}: {count} mistakes\n  {listed}", path.display());
        }
        Ok(policy)
    }

    /// The policy as far as it could be read, and every mistake.
    ///
    /// # Errors
    /// When the text is no TOML.
    pub fn parse(text: &str) -> Result<(Self, Vec<String>)> {
        let rows: toml::Table = text.parse()?;
        let mut mistakes = Vec::new();
        let policy = Self::read(toml::Value::Table(rows), "", &mut mistakes).unwrap_or_default();
        mistakes.extend(bounds::mistakes(&policy));
        Ok((policy, mistakes))
    }

    /// The class of a line: one that names it, its margin account or its trader, else the one for everybody.
    pub fn class(&self, address: &Pubkey, line: &CreditLine) -> Option<&Class> {
        let names = [
            address.to_string(),
            Pubkey::from(line.margin_account).to_string(),
            Pubkey::from(line.trader).to_string(),
        ];
        let named = |class: &&Class| class.members.iter().any(|member| names.contains(member));
        let all = |class: &&Class| class.members.is_empty();
        let mut classes = self.classes.iter();
        let found = classes.clone().find(named);
        found.or_else(|| classes.find(all))
    }
}
