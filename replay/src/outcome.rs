//! What a replay found: the figures that the report, the summary and the sweeps are made of.
//!
//! Amounts are quote atoms (10^-6 USDC), prices 10^-8 US dollars, ratios ppm, times Unix seconds of the tape.

use serde::Serialize;

use crate::rules::RuleSet;

/// Everything that one call of `plimsoll replay` found.
#[derive(Clone, Debug)]
pub struct Study {
    pub market: String,
    pub seed: u64,
    pub inputs: Vec<Input>,
    /// Accounts that trade.
    pub accounts: u32,
    /// First second of the stretch that was played, and how many.
    pub start: i64,
    pub seconds: u32,
    /// Close of the index in each second; the last one before where there was no trade.
    pub index: Vec<i64>,
    /// The recorded perpetual, if one was given: (second of the stretch, low, high, close).
    pub perp: Vec<PerpSecond>,
    /// First and last second, of the stretch, of the ten minutes in which the index fell most.
    pub worst: (u32, u32),
    pub runs: Vec<Run>,
}

/// A file that was read.
#[derive(Clone, Debug, Serialize)]
pub struct Input {
    /// What it is for: `index`, `perp`, `scenario` or `program`.
    pub role: &'static str,
    /// Its name without folders.
    pub name: String,
    /// Hexadecimal SHA-256 of its bytes.
    pub sha256: String,
}

/// A second in which the recorded perpetual traded.
#[derive(Clone, Copy, Debug)]
pub struct PerpSecond {
    pub second: u32,
    pub low: i64,
    pub high: i64,
    pub close: i64,
}

/// The same day under one set of rules.
#[derive(Clone, Debug)]
pub struct Run {
    pub rules: RuleSet,
    pub measures: Measures,
    pub waterfall: Waterfall,
    /// One for each second of the stretch.
    pub timeline: Vec<Moment>,
    pub cohorts: Vec<Cohort>,
    pub halts: Vec<Halt>,
    /// One for each account that stood opposite to a loss event, whether it lost anything or not.
    pub haircuts: Vec<Haircut>,
    pub events: Vec<EventRow>,
    /// Why the run cannot be trusted, in plain words; none when all went as it should.
    pub flaws: Vec<String>,
    /// Wall clock; apart from everything else, which is the same in every run.
    pub timing: Timing,
}

/// The outcome measures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measures {
    /// Custody equality (INV-1) held after every second.
    pub custody_exact: bool,
    /// Deposits that were sent, each try counted; who was refused tries again a minute later.
    pub deposits_tried: u64,
    pub deposits_accepted: u64,
    /// Accounts whose position was closed for them: in the book, in an auction, by a takeover or by a tear-up.
    pub liquidated_accounts: u64,
    /// Value of what was closed for them, at the prices at which it was.
    pub liquidated_notional: u64,
    /// Accounts among them that would have been above maintenance at every price that the tape's index had in as many
    /// seconds as an index may be old, give or take the basis clip: only the venue's own prints put them there.
    pub liquidated_on_venue_only_print: u64,
    /// Hedgers among them.
    pub hedgers_stopped_out: u64,
    /// What accounts owed beyond their own cash and drawn credit.
    pub bad_debt: u64,
    pub default_fund_used: u64,
    /// Change of the vaults' face value, drawn credit counted as far as its borrower's equity covers it.
    pub underwriter_pnl: i64,
    /// Value at the mark of the winners' positions that ADL closed.
    pub adl_notional: u64,
    /// What of the bad debt was left for winners to bear.
    pub adl_needed: u64,
    /// What was taken from winners beyond it; negative: less.
    pub adl_overshoot: i64,
    /// Largest part of one winner's position that ADL closed, ppm.
    pub adl_worst_share: u64,
    /// Gini coefficient, ppm, of what winners paid per contract held when it was charged: 0 is equal.
    pub adl_gini: u64,
    /// Greatest distance of one winner's charge from its equal part, quote atoms.
    pub adl_deviation_atoms: u64,
    /// What liquidations in the book, takeovers and tear-ups paid to the venue's treasury. An auction's fills are not
    /// looked at: ordinary orders trade in it too, and pay its treasury.
    pub venue_liquidation_revenue: u64,
    pub halts: u64,
    pub halted_seconds: u64,
    /// Lowest price at which the venue traded; none: it did not.
    pub venue_low: Option<i64>,
    pub index_low: i64,
    /// Seconds that accounts spent below maintenance, added up.
    pub below_maintenance_seconds: u64,
    /// Drawn from credit lines, over the run.
    pub credit_drawn: u64,
    /// Instructions that the program refused, of everybody.
    pub refused: u64,
}

/// Who paid for the losses of those who could not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waterfall {
    /// What liquidated accounts lost of their own.
    pub own_cash: u64,
    /// Credit drawn and lost.
    pub credit: u64,
    pub default_fund: u64,
    pub winners: u64,
    /// Carried by the market for later fees.
    pub carried: u64,
}

/// A second of a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moment {
    /// Index in force and mark on chain.
    pub index: i64,
    pub mark: i64,
    /// Lowest and highest price of the venue's trades in this second; zero: there was none.
    pub low: i64,
    pub high: i64,
    /// Liquidated in this second, at the prices at which it was.
    pub liquidated: u64,
    /// Accounts below maintenance at the end of the second.
    pub below_maintenance: u32,
    pub halted: bool,
    pub open_interest: u64,
}

/// A kind of trader, summed up.
#[derive(Clone, Debug)]
pub struct Cohort {
    pub name: String,
    pub accounts: u32,
    /// Equity without credit at the start, then every [`COHORT_SECONDS`].
    pub equity: Vec<i64>,
    pub liquidated_accounts: u64,
    /// Deposited in the day, quote atoms.
    pub deposits: u64,
}

/// Distance of two samples of [`Cohort::equity`], seconds.
pub const COHORT_SECONDS: u32 = 10;

/// A halt of the market.
#[derive(Clone, Debug)]
pub struct Halt {
    /// Seconds of the stretch.
    pub began: u32,
    pub ended: u32,
    /// `index`, `mark` or `trade`.
    pub cause: &'static str,
    /// The auction's price and lots; none when nothing crossed.
    pub auction: Option<(i64, u64)>,
}

/// What ADL did to one account over the run.
#[derive(Clone, Debug)]
pub struct Haircut {
    pub cohort: String,
    /// Part of its position that was closed, ppm.
    pub closed_ppm: u64,
    /// What it was charged.
    pub charged: u64,
    /// Value of its position at the mark when a loss was charged, added up over the loss events.
    pub held: u64,
}

/// A row of `events.csv`.
#[derive(Clone, Debug, Serialize)]
pub struct EventRow {
    pub rules: &'static str,
    pub unix_seconds: i64,
    pub event: &'static str,
    /// Cohort and number of the account, empty for the market's own.
    pub account: String,
    /// Contracts' base in lots, price in dollars, amount in USDC; empty where there is none.
    pub lots: Option<u64>,
    pub price: Option<String>,
    pub amount: Option<String>,
    pub note: String,
}

/// Speed.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Timing {
    /// Wall-clock seconds of the population's set-up, and of the day.
    pub setup_seconds: f64,
    pub play_seconds: f64,
    /// Transactions that were processed in the day.
    pub transactions: u64,
}
