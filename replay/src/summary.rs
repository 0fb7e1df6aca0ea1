//! `summary.json` and `timing.json`: the figures for programs.
//!
//! Amounts are decimal strings of USDC and prices of US dollars, exact; parts are decimal strings of a fraction; counts
//! and seconds are numbers. Nothing in `summary.json` hangs on the clock of the machine.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::{Serialize, Serializer};

use crate::outcome::{Measures, Run, Study, Timing, Waterfall};

/// Decimals of a quote atom and of a part, and of a price.
const QUOTE_DECIMALS: u32 = 6;
const PRICE_DECIMALS: u32 = 8;

#[derive(Serialize)]
struct Summary<'a> {
    input_sha256: BTreeMap<&'static str, &'a str>,
    seed: u64,
    accounts: u32,
    seconds: u32,
    market: &'a str,
    start_unix_seconds: i64,
    worst_ten_minutes_unix_seconds: (i64, i64),
    runs: InOrder<RunFigures>,
}

/// One set of rules. The first fields are the promised ones, under their promised names.
#[derive(Serialize)]
struct RunFigures {
    custody_exact: bool,
    deposits_tried: u64,
    deposits_accepted: u64,
    liquidated_accounts: u64,
    liquidated_notional: String,
    liquidated_on_venue_only_print: u64,
    hedgers_stopped_out: u64,
    bad_debt: String,
    default_fund_used: String,
    underwriter_pnl: String,
    adl_notional: String,
    adl_needed: String,
    adl_overshoot: String,
    adl_worst_share: String,
    adl_gini: String,
    venue_liquidation_revenue: String,
    halts: u64,
    halted_seconds: u64,
    venue_low: Option<String>,
    index_low: String,
    adl_deviation_atoms: u64,
    below_maintenance_seconds: u64,
    credit_drawn: String,
    refused: u64,
    baseline: bool,
    waterfall: WaterfallFigures,
    cohorts: Vec<CohortFigures>,
    flaws: Vec<String>,
}

#[derive(Serialize)]
struct WaterfallFigures {
    own_cash: String,
    credit: String,
    default_fund: String,
    winners: String,
    carried: String,
}

#[derive(Serialize)]
struct CohortFigures {
    name: String,
    accounts: u32,
    liquidated_accounts: u64,
    equity_first: Option<String>,
    equity_last: Option<String>,
}

/// Wall clock of one run.
#[derive(Serialize)]
struct Speed {
    #[serde(flatten)]
    timing: Timing,
    /// Seconds of the market in one of the wall clock; none of a run that took no time.
    market_seconds_per_second: Option<f64>,
}

#[derive(Serialize)]
struct Timings {
    seconds: u32,
    runs: InOrder<Speed>,
}

/// A JSON object whose keys keep the order of the runs.
struct InOrder<T>(Vec<(&'static str, T)>);

impl<T: Serialize> Serialize for InOrder<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// The bytes of `summary.json`.
///
/// # Errors
/// A figure that JSON cannot hold.
pub fn json(study: &Study) -> Result<Vec<u8>> {
    let second = |second: u32| study.start.saturating_add(i64::from(second));
    let inputs = study.inputs.iter();
    let runs = study.runs.iter();
    let summary = Summary {
        input_sha256: inputs
            .map(|input| (input.role, input.sha256.as_str()))
            .collect(),
        seed: study.seed,
        accounts: study.accounts,
        seconds: study.seconds,
        market: &study.market,
        start_unix_seconds: study.start,
        worst_ten_minutes_unix_seconds: (second(study.worst.0), second(study.worst.1)),
        runs: InOrder(runs.map(|run| (run.rules.name(), figures(run))).collect()),
    };
    pretty(&summary).context("the summary cannot be written as JSON")
}

/// The bytes of `timing.json`: the only file that differs from one call to the next.
///
/// # Errors
/// A figure that JSON cannot hold.
pub fn timing_json(study: &Study) -> Result<Vec<u8>> {
    let speed = |run: &Run| {
        let took = run.timing.play_seconds;
        let speed = Speed {
            timing: run.timing,
            market_seconds_per_second: (took > 0.0).then(|| f64::from(study.seconds) / took),
        };
        (run.rules.name(), speed)
    };
    let timings = Timings {
        seconds: study.seconds,
        runs: InOrder(study.runs.iter().map(speed).collect()),
    };
    pretty(&timings).context("the timing cannot be written as JSON")
}

fn pretty(value: &impl Serialize) -> Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(value)?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn figures(run: &Run) -> RunFigures {
    let Measures {
        custody_exact,
        deposits_tried,
        deposits_accepted,
        liquidated_accounts,
        liquidated_notional,
        liquidated_on_venue_only_print,
        hedgers_stopped_out,
        bad_debt,
        default_fund_used,
        underwriter_pnl,
        adl_notional,
        adl_needed,
        adl_overshoot,
        adl_worst_share,
        adl_gini,
        adl_deviation_atoms,
        venue_liquidation_revenue,
        halts,
        halted_seconds,
        venue_low,
        index_low,
        below_maintenance_seconds,
        credit_drawn,
        refused,
    } = run.measures;
    RunFigures {
        custody_exact,
        deposits_tried,
        deposits_accepted,
        liquidated_accounts,
        liquidated_notional: usdc(liquidated_notional),
        liquidated_on_venue_only_print,
        hedgers_stopped_out,
        bad_debt: usdc(bad_debt),
        default_fund_used: usdc(default_fund_used),
        underwriter_pnl: usdc(underwriter_pnl),
        adl_notional: usdc(adl_notional),
        adl_needed: usdc(adl_needed),
        adl_overshoot: usdc(adl_overshoot),
        adl_worst_share: exact(adl_worst_share.into(), QUOTE_DECIMALS),
        adl_gini: exact(adl_gini.into(), QUOTE_DECIMALS),
        venue_liquidation_revenue: usdc(venue_liquidation_revenue),
        halts,
        halted_seconds,
        venue_low: venue_low.map(|price| exact(price.into(), PRICE_DECIMALS)),
        index_low: exact(index_low.into(), PRICE_DECIMALS),
        adl_deviation_atoms,
        below_maintenance_seconds,
        credit_drawn: usdc(credit_drawn),
        refused,
        baseline: run.rules.is_baseline(),
        waterfall: layers(&run.waterfall),
        cohorts: cohorts(run),
        flaws: run.flaws.clone(),
    }
}

fn layers(waterfall: &Waterfall) -> WaterfallFigures {
    WaterfallFigures {
        own_cash: usdc(waterfall.own_cash),
        credit: usdc(waterfall.credit),
        default_fund: usdc(waterfall.default_fund),
        winners: usdc(waterfall.winners),
        carried: usdc(waterfall.carried),
    }
}

fn cohorts(run: &Run) -> Vec<CohortFigures> {
    let figures = |cohort: &crate::outcome::Cohort| CohortFigures {
        name: cohort.name.clone(),
        accounts: cohort.accounts,
        liquidated_accounts: cohort.liquidated_accounts,
        equity_first: cohort.equity.first().map(|atoms| usdc(*atoms)),
        equity_last: cohort.equity.last().map(|atoms| usdc(*atoms)),
    };
    run.cohorts.iter().map(figures).collect()
}

fn usdc(atoms: impl Into<i128>) -> String {
    exact(atoms.into(), QUOTE_DECIMALS)
}

/// `value` / 10^`decimals`, every digit of it.
fn exact(value: i128, decimals: u32) -> String {
    let unit = 10_u128.pow(decimals);
    let (whole, rest) = (value.unsigned_abs() / unit, value.unsigned_abs() % unit);
    let sign = if value < 0 { "-" } else { "" };
    let places = usize::try_from(decimals).unwrap_or(usize::MAX);
    format!("{sign}{whole}.{rest:0places$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_keep_every_atom_and_their_sign() {
        assert_eq!(usdc(u64::MAX), "18446744073709.551615");
        assert_eq!(usdc(-1_i64), "-0.000001");
        assert_eq!(usdc(0_u64), "0.000000");
        assert_eq!(usdc(i64::MIN), "-9223372036854.775808");
        assert_eq!(exact(602_000_000, PRICE_DECIMALS), "6.02000000");
        assert_eq!(exact(13_400, QUOTE_DECIMALS), "0.013400");
    }
}
