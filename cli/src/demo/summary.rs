//! The end of the story: what happened, and every check with OK or FAILED.

use std::fmt;

use anyhow::{bail, Result};
use plimsoll_client::engine::math;

use super::audit::Audit;
use super::checks::{self, usd_wide, Check};
use super::play::Played;
use super::story::Story;
use super::tally::{Kind, Tally};
use super::venue::Venue;
use crate::output;

/// Tables and checks, ready to be printed.
#[derive(Debug)]
pub struct Summary {
    markets: String,
    traffic: String,
    refusals: String,
    first_trade: String,
    checks: Vec<Check>,
}

impl Summary {
    pub fn of(story: &Story, venue: &Venue, audit: &Audit, played: &Played, tally: &Tally) -> Self {
        let mut checks = checks::of(audit, played.chain_start, story.minutes());
        checks.extend(of_traffic(tally));
        Self {
            markets: markets(venue, audit, played),
            traffic: traffic(tally),
            refusals: refusals(tally),
            first_trade: played.first_trade.map_or_else(
                || "no trade was seen".to_owned(),
                |after| format!("first trade {:.1} s after the start", after.as_secs_f32()),
            ),
            checks,
        }
    }

    /// An error when a check failed, for the exit status.
    pub fn verdict(&self) -> Result<()> {
        let failed = self.checks.iter().filter(|check| !check.holds).count();
        if failed != 0 {
            bail!("{failed} of {} checks failed", self.checks.len());
        }
        Ok(())
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{}\n{}", self.markets, self.traffic)?;
        writeln!(f, "{}\n{}\n", self.refusals, self.first_trade)?;
        for check in &self.checks {
            let verdict = if check.holds { "    OK" } else { "FAILED" };
            writeln!(f, "{verdict}  {}: {}", check.claim, check.figures)?;
        }
        Ok(())
    }
}

fn markets(venue: &Venue, audit: &Audit, played: &Played) -> String {
    let header = [
        "market",
        "fills",
        "volume",
        "open interest",
        "fees",
        "funding paid",
        "index was stale",
    ];
    let rows = venue.markets.iter().enumerate().filter_map(|(at, listed)| {
        let found = audit
            .markets
            .iter()
            .find(|(address, _)| *address == listed.address);
        let header = &found?.1.header;
        let silence = played.silences.get(at).copied().unwrap_or_default();
        let stale = match silence.times {
            0 => "never".to_owned(),
            times => format!("{times}×, up to {} s old", silence.longest_seconds),
        };
        let open = i64::try_from(header.open_interest()).unwrap_or(i64::MAX);
        Some(vec![
            listed.symbol.clone(),
            header.cash.fills_total.to_string(),
            usd_wide(math::join_unsigned(header.cash.volume)),
            listed.units.position(open),
            usd_wide(u128::from(header.cash.fees_total)),
            usd_wide(played.funding_paid.get(at).copied().unwrap_or(0)),
            stale,
        ])
    });
    output::table(&header, rows.collect::<Vec<_>>())
}

fn traffic(tally: &Tally) -> String {
    let row = |name: &str, counts: super::tally::Counts| {
        let numbers = [counts.sent, counts.confirmed, counts.refused, counts.failed];
        let mut row = vec![name.to_owned()];
        row.extend(numbers.map(|number| number.to_string()));
        row
    };
    let mut rows: Vec<_> = tally
        .kinds()
        .map(|(kind, counts)| row(kind.name(), counts))
        .collect();
    rows.push(row("all", tally.total()));
    output::table(
        &["transactions", "sent", "confirmed", "refused", "failed"],
        rows,
    )
}

fn refusals(tally: &Tally) -> String {
    let list: Vec<String> = tally
        .refusals()
        .into_iter()
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    if list.is_empty() {
        return "the program refused nothing".to_owned();
    }
    format!("refused by the program, as it should: {}", list.join(", "))
}

/// What must hold of the transactions themselves.
fn of_traffic(tally: &Tally) -> Vec<Check> {
    let total = tally.total();
    let failures: Vec<String> = tally
        .failures()
        .iter()
        .map(|(reason, count)| format!("{reason} ({count})"))
        .collect();
    let figures = if failures.is_empty() {
        format!(
            "{} confirmed, {} refused by name",
            total.confirmed, total.refused
        )
    } else {
        failures.join(", ")
    };
    let deposits = tally.of(Kind::Deposit);
    let probes = tally.of(Kind::StaleProbe);
    let refused_stale = tally.refused_as(Kind::StaleProbe, "IndexStale");
    let reduced = tally.of(Kind::StaleReduce);
    vec![
        Check::new(
            "every transaction was confirmed or refused by name",
            total.failed == 0 && total.open() == 0,
            figures,
        ),
        Check::new(
            "no deposit was refused",
            deposits.confirmed == deposits.sent && deposits.sent != 0,
            format!("{} deposits", deposits.confirmed),
        ),
        Check::new(
            "no new risk on a stale index, reducing went on",
            refused_stale == probes.sent && reduced.confirmed + reduced.refused == reduced.sent,
            format!(
                "{refused_stale} of {} attempts refused with IndexStale, {} of {} reducing orders accepted",
                probes.sent, reduced.confirmed, reduced.sent
            ),
        ),
    ]
}
