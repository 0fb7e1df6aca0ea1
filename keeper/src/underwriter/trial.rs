//! A policy tried on past data: recorded prices over a described book of lines, second by second. Margin, draws,
//! calls, halts, takeovers, tear-ups, interest and write-offs are the engine's own transitions, and the policy is
//! judged by the same function as in the running desk. Nothing is random: equal inputs give equal results.
//!
//! Left out: the order book (what no draw cures is taken over at a fixed discount, auctions fill nothing and last
//! their longest time), trading and deposits of borrowers other than a repayment, funding on a premium (without a
//! book there is none), price impact, fees of transactions, delays between a decision and its landing, providers who
//! join or leave. What was recorded is one market's past, not what will come.

pub mod book;
mod report;
mod tally;
mod tape;
#[cfg(test)]
mod tests;
mod venue;

pub use report::{LineResult, Made, Report, RuleResult, Run};
pub use tally::Tally;
pub use venue::Worth;

use anyhow::{ensure, Context, Result};
use plimsoll_tapes::PricePoint;

use self::book::Book;
use self::venue::Venue;
use super::{judge, History, Past, Policy};

/// Recorded prices of each market of a book, in its order, and the stretch of them that is played.
#[derive(Clone, Debug)]
pub struct Tapes {
    pub points: Vec<Vec<PricePoint>>,
    /// Seconds of the tapes, Unix; absent: where all have begun, and where the last ends.
    pub from: Option<i64>,
    pub until: Option<i64>,
}

impl Tapes {
    /// First and last second.
    fn stretch(&self) -> Result<(i64, i64)> {
        let firsts = self.points.iter().filter_map(|tape| tape.first());
        let lasts = self.points.iter().filter_map(|tape| tape.last());
        let begun = firsts
            .map(|point| point.unix_seconds)
            .max()
            .context("no tape")?;
        let ended = lasts
            .map(|point| point.unix_seconds)
            .max()
            .context("no tape")?;
        let from = self.from.unwrap_or(begun);
        let until = self.until.unwrap_or(ended).min(ended);
        ensure!(
            (begun..until).contains(&from),
            "the tapes run from {begun} to {ended}: {from} to {until} is no stretch of them"
        );
        Ok((from, until))
    }

    /// The points of each market within a stretch, from the one in force at its start.
    fn cut(&self, (from, until): (i64, i64)) -> Vec<Vec<PricePoint>> {
        let cut = |tape: &Vec<PricePoint>| {
            let before = tape.partition_point(|point| point.unix_seconds <= from);
            let rest = tape.get(before.saturating_sub(1)..).unwrap_or(&[]);
            let rest = rest.iter().take_while(|point| point.unix_seconds <= until);
            rest.copied().collect()
        };
        self.points.iter().map(cut).collect()
    }
}

/// Plays the tapes over the book twice: with the policy, and with an underwriter who does nothing.
///
/// # Errors
/// What the program would refuse of the book, and tapes that do not overlap.
pub fn run(policy: &Policy, book: &Book, tapes: &Tapes) -> Result<Report> {
    let with = play(Some(policy), book, tapes)?;
    let without = play(None, book, tapes)?;
    Ok(Report { with, without })
}

fn play(policy: Option<&Policy>, book: &Book, tapes: &Tapes) -> Result<Run> {
    let (from, until) = tapes.stretch()?;
    let mut venue = Venue::open(book, tapes.cut((from, until)), from)?;
    let mut run = Run::begun(from, venue.worth()?);
    let mut history = History::default();
    let end = until.saturating_add_unsigned(book.after_seconds);
    let mut look_at = from;
    loop {
        if let Some(policy) = policy.filter(|_| venue.now() >= look_at) {
            look_at = venue.now().saturating_add_unsigned(policy.look_seconds);
            decide(policy, &mut venue, &mut history, &mut run)?;
        }
        if venue.now() >= end {
            break;
        }
        venue.advance(until);
        run.see(venue.worth()?);
    }
    run.end(&venue)?;
    Ok(run)
}

fn decide(policy: &Policy, venue: &mut Venue, history: &mut History, run: &mut Run) -> Result<()> {
    let (state, now) = (venue.state(policy.stress_ppm)?, venue.now());
    history.see(&state, now);
    for decision in judge(policy, &state, history, now) {
        let refused = venue.carry_out(&decision).err();
        if refused.is_none() {
            history.note(Past {
                at: now,
                subject: decision.subject,
                deed: decision.deed,
            });
        }
        let name = venue.name(&decision.subject);
        run.made(
            now,
            name,
            &decision,
            refused.map(|error| format!("{error:#}")),
        );
    }
    Ok(())
}
