//! An account's fills and funding in one market, from the market's transactions in order.
//!
//! The position before the first of them is not on chain any more; it is what the account holds now
//! less the fills and losses that were read. A loss event closes a part of every position of a side; what
//! that was of this one follows from its shares, which only a position unchanged since still tells. What
//! was held before an older one is left empty, not guessed. Funding is each refresh's rate on the position at
//! that moment; it is summed exactly and shown by the hour or until the position changes, rounded down once.

use anyhow::Result;
use plimsoll_client::engine::state::Seat;
use solana_pubkey::Pubkey;

use super::entries::{Entry, FillEntry, FundingEntry, LossEntry};
use super::positions::later_positions;
use super::steps::Step;
use crate::markets::ListedMarket;
use crate::transactions::PastTransaction;
use crate::units::{usd, usd_unsigned, MarketUnits};

const FUNDING_ROW_SECONDS: i64 = 3_600;

/// Where an account stands in a market now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) seat: Option<u32>,
    /// Base atoms.
    pub(super) base: i64,
    /// The seat as it is, for what loss events did to it.
    pub(super) shares: Option<Seat>,
}

/// Funding that has not made a row yet.
struct Running {
    begun: i64,
    time: i64,
    /// Quote atoms, Q.64.
    amount: i128,
    transaction: String,
}

/// Reads one market's transactions for one account.
pub(super) struct Ledger<'a> {
    pub(super) market: &'a ListedMarket,
    pub(super) units: MarketUnits,
    pub(super) account: Pubkey,
    pub(super) standing: Standing,
}

impl<'a> Ledger<'a> {
    pub(super) fn new(market: &'a ListedMarket, account: Pubkey, standing: Standing) -> Self {
        Self {
            market,
            units: market.units(),
            account,
            standing,
        }
    }

    /// The entries, oldest first.
    pub(super) fn read(&self, past: &[PastTransaction]) -> Result<Vec<Entry>> {
        let mut steps = self.steps(past)?;
        let mut base = self.before(&mut steps);
        let mut entries = Vec::new();
        let mut running: Option<Running> = None;
        let later = later_positions(self.standing.base, &steps);
        for (step, after) in steps.into_iter().zip(later) {
            if let Step::Funding(rate, time, transaction) = step {
                let full =
                    running.take_if(|run| time.saturating_sub(run.begun) >= FUNDING_ROW_SECONDS);
                entries.extend(full.map(|run| self.funding(run, base)));
                let amount = funding_of(base.unwrap_or(0), rate);
                if amount != 0 || base.is_none() {
                    let run = running.get_or_insert(Running {
                        begun: time,
                        time,
                        amount: 0,
                        transaction: String::new(),
                    });
                    run.time = time;
                    run.amount = run.amount.saturating_add(amount);
                    run.transaction = transaction;
                }
                continue;
            }
            if let Step::Halt(halt) = step {
                entries.push(Entry::Halt(halt));
                continue;
            }
            let entry = self.changed(step, after);
            if entry.is_some() {
                entries.extend(running.take().map(|run| self.funding(run, base)));
            }
            base = after;
            entries.extend(entry);
        }
        entries.extend(running.map(|run| self.funding(run, base)));
        Ok(entries)
    }

    /// The row of a step that changed the position to `after`.
    fn changed(&self, step: Step, after: Option<i64>) -> Option<Entry> {
        match step {
            Step::Funding(..) | Step::Halt(_) => None,
            Step::Fill(change) => Some(Entry::Fill(FillEntry {
                position_after: self.position(after),
                ..change.entry
            })),
            // The position, known to be none, was on neither side.
            Step::Loss(loss) if loss.effect == Some((0, 0)) && !loss.own => None,
            Step::Loss(loss) => Some(Entry::Loss(LossEntry {
                time: loss.time,
                market: self.market.symbol(),
                what: if loss.own { "torn up" } else { "deleveraged" },
                receipt: loss.event.number,
                size: loss.effect.map(|(base, _)| self.units.position(base)),
                price: self.units.price_q32(loss.event.price),
                charged: loss
                    .effect
                    .filter(|_| !loss.own)
                    .map(|(_, charged)| usd_unsigned(charged)),
                position_after: self.position(after),
                transaction: loss.transaction,
            })),
        }
    }

    fn position(&self, base: Option<i64>) -> String {
        base.map(|base| self.units.position(base))
            .unwrap_or_default()
    }

    fn funding(&self, run: Running, base: Option<i64>) -> Entry {
        Entry::Funding(FundingEntry {
            time: run.time,
            market: self.market.symbol(),
            position: self.position(base),
            amount: base
                .map(|_| usd(atoms_down(run.amount)))
                .unwrap_or_default(),
            transaction: run.transaction,
        })
    }
}

/// What a position receives, Q.64: a long pays a positive rate, a short receives it.
fn funding_of(base: i64, rate: i128) -> i128 {
    i128::from(base).saturating_neg().saturating_mul(rate)
}

/// Whole quote atoms, rounded down once: the program, too, rounds a claim when it is touched.
fn atoms_down(amount: i128) -> i64 {
    i64::try_from(amount >> 64).unwrap_or(0)
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
