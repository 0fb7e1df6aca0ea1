//! What a trial came to, as a table and for programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::Result;
use serde::Serialize;

use super::tally::Tally;
use super::venue::{Venue, Worth};
use crate::underwriter::Decision;

/// The same stretch with the policy and without.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    pub with: Run,
    pub without: Run,
}

/// One play of the tapes. Amounts are quote atoms.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Run {
    pub from: i64,
    pub until: i64,
    pub halts: u64,
    pub start: Worth,
    pub end: Worth,
    pub topped_up: u64,
    /// Face value at the end less that at the start and what was paid in; of it the underwriter's junior part.
    pub pnl: i64,
    pub pnl_underwriter: i64,
    /// Largest principal lent over the face value, ppm.
    pub peak_lent_ppm: u64,
    pub rules: BTreeMap<String, RuleResult>,
    pub lines: Vec<LineResult>,
    pub decisions: Vec<Made>,
}

/// How often a rule fired, and how often the program would have refused what it decided.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RuleResult {
    pub fired: u64,
    pub refused: u64,
    pub amount: u64,
}

/// A line at the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LineResult {
    pub name: String,
    pub pnl: i64,
    /// Principal that is still out.
    pub principal: u64,
    #[serde(flatten)]
    pub tally: Tally,
}

/// One decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Made {
    pub at: i64,
    pub rule: String,
    pub class: String,
    /// Line, or vault.
    pub subject: String,
    pub deed: String,
    pub amount: u64,
    pub why: String,
    pub refused: Option<String>,
}

fn signed(amount: u64) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX)
}

fn gain(end: u64, start: u64, paid_in: u64) -> i64 {
    signed(end)
        .saturating_sub(signed(start))
        .saturating_sub(signed(paid_in))
}

impl Run {
    pub(super) fn begun(from: i64, start: Worth) -> Self {
        Self {
            from,
            start,
            ..Self::default()
        }
    }

    pub(super) fn see(&mut self, worth: Worth) {
        let lent = u128::from(worth.drawn).saturating_mul(1_000_000);
        let lent = lent.checked_div(worth.face.into()).unwrap_or(0);
        let lent = u64::try_from(lent).unwrap_or(u64::MAX);
        self.peak_lent_ppm = self.peak_lent_ppm.max(lent);
    }

    pub(super) fn made(
        &mut self,
        at: i64,
        subject: String,
        decision: &Decision,
        refused: Option<String>,
    ) {
        let rule = self.rules.entry(decision.rule.to_owned()).or_default();
        rule.fired = rule.fired.saturating_add(1);
        let amount = decision.deed.amount();
        if refused.is_some() {
            rule.refused = rule.refused.saturating_add(1);
        } else {
            rule.amount = rule.amount.saturating_add(amount);
        }
        self.decisions.push(Made {
            at,
            rule: decision.rule.to_owned(),
            class: decision.class.clone(),
            subject,
            deed: decision.deed.name().to_owned(),
            amount,
            why: decision.reasons(),
            refused,
        });
    }

    pub(super) fn end(&mut self, venue: &Venue) -> Result<()> {
        (self.until, self.end) = (venue.now(), venue.worth()?);
        (self.halts, self.topped_up) = (venue.halts, venue.topped_up);
        let (start, end) = (&self.start, &self.end);
        self.pnl = gain(end.face, start.face, self.topped_up);
        self.pnl_underwriter = gain(end.junior, start.junior, self.topped_up);
        let lines = venue.borrowers.iter();
        let lines = lines.map(|borrower| LineResult {
            name: borrower.row.name.clone(),
            pnl: borrower.tally.pnl(),
            principal: borrower.principal(),
            tally: borrower.tally,
        });
        self.lines = lines.collect();
        Ok(())
    }
}

/// Dollars and cents; cents rounded towards zero.
fn usd(amount: i64) -> String {
    let (whole, cents) = (
        amount.unsigned_abs() / 1_000_000,
        amount.unsigned_abs() % 1_000_000 / 10_000,
    );
    let sign = if amount < 0 { "-" } else { "" };
    format!("{sign}{whole}.{cents:02}")
}

fn percent(ppm: u64) -> String {
    format!("{}.{:02}%", ppm / 10_000, ppm % 10_000 / 100)
}

impl Report {
    /// The report as text, amounts in USDC.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let run = &self.with;
        let seconds = run.until.saturating_sub(run.from);
        let _ = writeln!(
            text,
            "{} to {}: {seconds} s, {} halts\n",
            run.from, run.until, run.halts
        );
        self.decisions(&mut text);
        self.rules(&mut text);
        self.lines(&mut text);
        self.vault(&mut text);
        text
    }

    fn decisions(&self, text: &mut String) {
        for made in &self.with.decisions {
            let Made {
                at,
                rule,
                subject,
                deed,
                why,
                ..
            } = made;
            let _ = write!(text, "{at} {subject}: {rule} -> {deed} ({why})");
            if let Some(refused) = &made.refused {
                let _ = write!(text, " REFUSED: {refused}");
            }
            text.push('\n');
        }
        text.push('\n');
    }

    fn rules(&self, text: &mut String) {
        let _ = writeln!(
            text,
            "{:<26} {:>7} {:>8} {:>14}",
            "rule", "fired", "refused", "USDC"
        );
        for (rule, result) in &self.with.rules {
            let _ = writeln!(
                text,
                "{rule:<26} {:>7} {:>8} {:>14}",
                result.fired,
                result.refused,
                usd(signed(result.amount))
            );
        }
        text.push('\n');
    }

    fn lines(&self, text: &mut String) {
        let _ = writeln!(
            text,
            "{:<16} {:>5} {:>5} {:>11} {:>6} {:>6} {:>6} {:>6} {:>6} {:>11} {:>11} {:>11} {:>11} {:>8}",
            "line", "calls", "draws", "drawn", "extend", "cured", "lapsed", "taken", "torn", "written off",
            "still out", "PnL", "without", "peak"
        );
        for (line, without) in self.with.lines.iter().zip(&self.without.lines) {
            let tally = &line.tally;
            let _ = writeln!(
                text,
                "{:<16} {:>5} {:>5} {:>11} {:>6} {:>6} {:>6} {:>6} {:>6} {:>11} {:>11} {:>11} {:>11} {:>8}",
                line.name,
                tally.calls,
                tally.draws,
                usd(signed(tally.drawn)),
                tally.extensions,
                tally.cured,
                tally.lapsed,
                tally.taken_over,
                tally.torn_up,
                usd(signed(tally.written_off)),
                usd(signed(line.principal)),
                usd(line.pnl),
                usd(without.pnl),
                percent(tally.peak_concentration_ppm),
            );
        }
        text.push('\n');
    }

    fn vault(&self, text: &mut String) {
        let row = |text: &mut String, name: &str, with: String, without: String| {
            let _ = writeln!(text, "{name:<30} {with:>14} {without:>14}");
        };
        let (with, without) = (&self.with, &self.without);
        row(text, "vault", "with policy".into(), "without".into());
        let money = |text: &mut String, name: &str, of: fn(&Run) -> i64| {
            row(text, name, usd(of(with)), usd(of(without)));
        };
        money(text, "face value at the start", |run| {
            signed(run.start.face)
        });
        money(text, "paid into the junior stake", |run| {
            signed(run.topped_up)
        });
        money(text, "face value at the end", |run| signed(run.end.face));
        money(text, "liens, not in it", |run| signed(run.end.liens));
        money(text, "PnL", |run| run.pnl);
        money(text, "of it the underwriter's", |run| run.pnl_underwriter);
        row(
            text,
            "most lent over face value",
            percent(with.peak_lent_ppm),
            percent(without.peak_lent_ppm),
        );
        text.pop();
    }
}
