//! Who trades, with how much, and how they behave: one TOML file. `replay/scenario.toml` is the one that is played when none
//! is given, and shows every field.
//!
//! Amounts are whole dollars where a name says so and parts of all longs' value at the start (ppm) elsewhere, so that a
//! scenario means the same for 500 accounts and for 5,000.

mod check;

use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// The scenario that is played when none is given.
pub const DEFAULT: &str = include_str!("../scenario.toml");
/// A million millionths.
const PPM: u64 = 1_000_000;

/// The whole file.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Accounts of all cohorts together.
    pub accounts: u32,
    /// Cash of the default fund at the start, ppm of all longs' value.
    pub default_fund_ppm: u64,
    pub market: Market,
    pub makers: Makers,
    pub flow: Flow,
    pub desk: Desk,
    pub credit: Credit,
    pub keeper: Keeper,
    #[serde(rename = "cohort")]
    pub cohorts: Vec<Cohort>,
    /// The market's name on chain; set by the caller.
    #[serde(skip)]
    pub name: String,
}

/// The market's parameters that a risk committee would argue about; the others are the defaults of the specification.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Market {
    /// Maintenance is half of it.
    pub initial_margin_ppm: u32,
    pub velocity_short_ppm: u32,
    pub velocity_short_seconds: u32,
    pub velocity_long_ppm: u32,
    pub call_seconds: u32,
    pub halt_budget_ppm: u32,
    pub taker_fee_ppm: u32,
    pub maker_fee_ppm: u32,
    pub liquidation_contribution_ppm: u32,
    pub default_fund_budget_ppm: u32,
    pub confidence_ppm_max: u32,
}

/// Quotes on both sides around the price that makers believe in: the perpetual's last close where there is a tape of
/// it, and the index elsewhere, leaned by what they hold.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Makers {
    pub count: u32,
    /// Cash of all of them together, ppm of all longs' value.
    pub cash_ppm: u64,
    /// Distance from the price and size of each level in calm, both ppm: of the price, and of all longs' value, for all
    /// makers together.
    pub levels: Vec<[u64; 2]>,
    /// Volatility of a second, ppm, up to which they quote in full; beyond it sizes fall and distances grow in proportion.
    pub calm_ppm: u64,
    /// Sizes never fall below this part of themselves, ppm.
    pub size_min_ppm: u64,
    /// They quote anew when the price has moved by this much, ppm.
    pub requote_ppm: u64,
    /// Largest position of each, in multiples of its cash, ppm.
    pub inventory_max_ppm: u64,
    /// How far the price is leaned when the position is largest, ppm.
    pub lean_ppm: u64,
}

/// The rest of the market: what a tape's volume stands for.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Flow {
    /// Accounts among which it is spread, and the cash of all of them, ppm of all longs' value.
    pub count: u32,
    pub cash_ppm: u64,
    /// Worth of one contract of the perpetual's tape, dollars.
    pub contract_usd: u64,
    /// Part of a tape's volume that comes here when there are [`Self::accounts_in_full`] accounts, ppm; fewer accounts see
    /// less in proportion.
    pub share_ppm: u64,
    pub accounts_in_full: u32,
    /// Without a perpetual's tape: how far from the index an order goes at most, ppm.
    pub reach_ppm: u64,
}

/// A takeover desk that a keeper runs.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Desk {
    /// Ppm of all longs' value; zero: no desk.
    pub cash_ppm: u64,
    /// Better than the mark by this much before it takes a position over, ppm.
    pub discount_ppm: u64,
    /// How far from the mark it sells what it took over at most, ppm.
    pub reach_ppm: u64,
}

/// Underwriters.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Credit {
    pub underwriters: u32,
    /// Junior stake and other people's shares, in multiples of the lines, ppm.
    pub junior_ppm: u64,
    pub ordinary_ppm: u64,
    pub call_seconds: u32,
    pub drawn_rate_ppm: u32,
    pub undrawn_rate_ppm: u32,
}

/// The keeper.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Keeper {
    /// Transactions that reach the chain in a second at most.
    pub per_second: u32,
}

/// Which way a cohort is positioned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    Long,
    Short,
}

/// A kind of trader.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Cohort {
    pub name: String,
    pub side: Side,
    /// Weight among the cohorts' numbers of accounts.
    pub weight: u32,
    /// Least and largest value of a position, dollars; drawn so that its logarithm is uniform. Shorts are scaled until they
    /// are worth what the longs are.
    pub notional_usd: [u64; 2],
    /// Least and largest leverage, tenths; drawn uniformly.
    pub leverage_tenths: [u64; 2],
    /// Holds the position against something else that it owns or owes.
    #[serde(default)]
    pub hedger: bool,
    /// A committed credit line, ppm of the position's value; zero: none.
    #[serde(default)]
    pub line_ppm: u64,
    /// Part that closes the position itself when equity falls to `stop_at_ppm` of what it was, ppm.
    #[serde(default)]
    pub stops_ppm: u64,
    #[serde(default = "half")]
    pub stop_at_ppm: u64,
    /// Part that deposits when equity falls under `call_at_ppm` of maintenance, ppm.
    #[serde(default)]
    pub tops_up_ppm: u64,
    #[serde(default = "one_and_a_half")]
    pub call_at_ppm: u64,
    /// Seconds from that moment to the deposit, least and most.
    #[serde(default = "minutes")]
    pub delay_seconds: [u32; 2],
    /// What it can deposit over the day, ppm of the position's value, in two equal parts.
    #[serde(default)]
    pub wallet_ppm: u64,
}

const fn half() -> u64 {
    PPM / 2
}

const fn one_and_a_half() -> u64 {
    PPM * 3 / 2
}

const fn minutes() -> [u32; 2] {
    [30, 300]
}

impl Scenario {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read or parsed, or holds mistakes, each of which is named.
    pub fn load(path: &Path) -> Result<(Self, Vec<u8>)> {
        let bytes = std::fs::read(path)
            .with_context(|| format!("the scenario {} cannot be read", path.display()))?;
        let text = std::str::from_utf8(&bytes)
            .with_context(|| format!("the scenario {} is not text", path.display()))?;
        let scenario = Self::parse(text).with_context(|| path.display().to_string())?;
        Ok((scenario, bytes))
    }

    /// Reads a text.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn parse(text: &str) -> Result<Self> {
        let scenario: Self = toml::from_str(text)?;
        scenario.check()?;
        Ok(scenario)
    }

    /// The market's name on chain.
    pub fn market_name(&self) -> String {
        if self.name.is_empty() {
            "REPLAY".to_owned()
        } else {
            self.name.clone()
        }
    }
}

/// `amount` × ppm / 10^6, rounded down.
pub fn part(amount: u64, ppm: u64) -> u64 {
    let scaled = u128::from(amount) * u128::from(ppm) / u128::from(PPM);
    u64::try_from(scaled).unwrap_or(u64::MAX)
}
