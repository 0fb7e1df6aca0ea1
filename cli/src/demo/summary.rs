//! The end of the story: what happened, and every check with OK or FAILED.

use std::fmt;

use anyhow::{bail, Result};
use plimsoll_client::engine::{math, EngineError};

use super::audit::Audit;
use super::board::price_e8;
use super::cast::{Role, Trader};
use super::checks::{self, Beside, Check};
use super::credit_checks;
use super::halt_checks;
use super::halt_tables;
use super::ledger::Ledger;
use super::money::{dollars, dollars_whole, grouped};
use super::night_tables;
use super::play::Played;
use super::story::Story;
use super::tally::{Counts, Kind, Tally};
use super::tapes::MarketTapes;
use super::venue::Venue;
use crate::output;

/// Everything that a summary is made of.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    pub venue: &'a Venue,
    pub tapes: &'a [MarketTapes],
    pub traders: &'a [Trader],
    pub audit: &'a Audit,
    pub ledger: &'a Ledger,
    pub played: &'a Played,
    pub tally: &'a Tally,
}

/// Tables and checks, ready to be printed.
#[derive(Debug)]
pub struct Summary {
    markets: String,
    halts: String,
    farmers: String,
    liquidated: String,
    receipts: String,
    statement: String,
    traffic: String,
    refusals: String,
    fall: String,
    first_trade: String,
    checks: Vec<Check>,
}

impl Summary {
    pub fn of(story: &Story, told: &Told<'_>) -> Self {
        let Told {
            venue,
            tapes,
            audit,
            played,
            tally,
            ..
        } = *told;
        let mut checks = checks::of(audit, &beside(told), played.chain_start, story.minutes());
        let needs = &played.night.needs;
        let of_credit = credit_checks::of(audit, told.ledger, told.traders, needs);
        checks.extend(of_credit);
        checks.extend(halt_checks::of(audit, told.ledger));
        checks.extend(of_traffic(tally));
        Self {
            markets: markets(venue, audit, played),
            halts: halt_tables::halts(told),
            farmers: night_tables::farmers(told),
            liquidated: night_tables::liquidated(told),
            receipts: night_tables::receipts(told),
            statement: night_tables::statement(told),
            traffic: traffic(tally),
            refusals: refusals(tally),
            fall: fall(story, venue, tapes, played),
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
        for table in [&self.markets, &self.halts, &self.traffic] {
            writeln!(f, "\n{}", table.trim_end())?;
        }
        writeln!(f, "\n{}", night_tables::ABOUT)?;
        for table in [&self.farmers, &self.liquidated] {
            writeln!(f, "\n{}", table.trim_end())?;
        }
        writeln!(f, "\n{}\n\n{}\n", self.receipts, self.statement)?;
        writeln!(
            f,
            "{}\n{}\n{}\n",
            self.refusals, self.fall, self.first_trade
        )?;
        for check in &self.checks {
            let verdict = if check.holds { "    OK" } else { "FAILED" };
            writeln!(f, "{verdict}  {}: {}", check.claim, check.figures)?;
        }
        Ok(())
    }
}

/// What the markets' totals of fees do not show.
fn beside(told: &Told<'_>) -> Beside {
    let mut traders = told.traders.iter();
    let liquidator = traders.find(|one| one.role == Role::Liquidator);
    let address = liquidator.map_or_else(Default::default, |trader| trader.account);
    let (reimbursed, contributions) =
        credit_checks::beside_the_totals(told.audit, told.ledger, &address);
    Beside {
        reimbursed,
        contributions,
        carried: told.ledger.receipts().map(|event| event.carried).sum(),
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
        "depth, most to least",
        "index was stale",
    ];
    let rows = venue.markets.iter().zip(&played.witnesses);
    let rows = rows.filter_map(|(listed, seen)| {
        let own = |(address, _): &&(_, _)| *address == listed.address;
        let market = &audit.markets.iter().find(own)?.1.header;
        let stale = match seen.silences {
            0 => "never".to_owned(),
            times => format!("{times}×, up to {} s", seen.index_age_most),
        };
        let open = i64::try_from(market.open_interest()).unwrap_or(i64::MAX);
        Some(vec![
            listed.symbol.clone(),
            grouped(u128::from(market.cash.fills_total)),
            dollars_whole(math::join_unsigned(market.cash.volume)),
            listed.units.position(open),
            dollars(u128::from(market.cash.fees_total)),
            dollars(seen.funding_paid),
            format!(
                "{} to {}",
                dollars_whole(seen.depth_most),
                dollars_whole(seen.depth_least.unwrap_or(0))
            ),
            stale,
        ])
    });
    output::table(&header, rows.collect::<Vec<_>>())
}

/// Where another venue's perpetual was recorded: how far it fell there, and how far the mark here.
fn fall(story: &Story, venue: &Venue, tapes: &[MarketTapes], played: &Played) -> String {
    let markets = venue.markets.iter().zip(tapes).zip(&played.witnesses);
    let lines = markets.filter_map(|((listed, tape), seen)| {
        let prints = (story.tape_start..=story.tape_end).filter_map(|at| tape.perpetual(at));
        Some(format!(
            "{}: the perpetual elsewhere fell to {}; the mark here never went under {}",
            listed.symbol,
            price_e8(prints.min()?),
            listed.units.price(seen.mark_lowest?)
        ))
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn traffic(tally: &Tally) -> String {
    let row = |name: &str, counts: Counts| {
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

/// Every refusal with the program's own sentence for it.
fn refusals(tally: &Tally) -> String {
    let lines: Vec<String> = tally
        .refusals()
        .into_iter()
        .map(|(name, count)| {
            let known = EngineError::ALL.iter();
            let mut named = known.filter(|error| format!("{error:?}") == name);
            let sentence = named.next().map_or_else(String::new, ToString::to_string);
            format!("{count:>7}  {name}: {sentence}")
        })
        .collect();
    if lines.is_empty() {
        return "the program refused nothing".to_owned();
    }
    format!(
        "refused by the program, as it should:\n{}\n",
        lines.join("\n")
    )
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
    let refused_halted = tally.refused_as(Kind::StaleProbe, "MarketHalted");
    let reduced = tally.of(Kind::StaleReduce);
    let reducing_refused = tally.refused_as(Kind::StaleReduce, "IndexStale");
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
            // An order before it may have tripped the market in the same second.
            refused_stale + refused_halted == probes.sent && reducing_refused == 0,
            format!(
                "{refused_stale} of {} attempts refused with IndexStale, {} of {} reducing orders accepted",
                probes.sent, reduced.confirmed, reduced.sent
            ),
        ),
    ]
}
