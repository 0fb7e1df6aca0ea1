//! What the desk has seen and done: marks, equities and its own deeds, each kept as long as a rule may ask.
//!
//! What was seen is not kept over a restart. Then a call's low is not known, and no recovery from it either:
//! extensions are withheld; highs and volatility count from the first look on. Deeds are kept in the ledger.

use std::collections::{BTreeMap, VecDeque};

use plimsoll_engine::state::{CreditLine, LineState};
use solana_pubkey::Pubkey;

use super::judge::Deed;
use super::policy::{DRAWDOWN_DAYS_MAX, VOLATILITY_SECONDS_MAX};
use super::State;

pub(super) const DAY: i64 = 86_400;
/// The month of the rules.
pub(super) const MONTH: i64 = 30 * DAY;
/// Marks of a minute, and equities of an hour, are kept as their extremes.
const MARK_BUCKET: i64 = 60;
const EQUITY_BUCKET: i64 = 3_600;

/// Extremes of what was seen within one bucket of time.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    number: i64,
    last_at: i64,
    low: i64,
    high: i64,
}

/// Extremes over time.
#[derive(Clone, Debug, Default)]
struct Extremes(VecDeque<Bucket>);

impl Extremes {
    fn see(&mut self, value: i64, now: i64, (width, keep): (i64, i64)) {
        let number = now.div_euclid(width);
        match self.0.back_mut() {
            Some(last) if last.number == number => {
                last.last_at = last.last_at.max(now);
                last.low = last.low.min(value);
                last.high = last.high.max(value);
            }
            _ => self.0.push_back(Bucket {
                number,
                last_at: now,
                low: value,
                high: value,
            }),
        }
        while self
            .0
            .front()
            .is_some_and(|first| first.last_at < now.saturating_sub(keep))
        {
            self.0.pop_front();
        }
    }

    /// (low, high) of the buckets with something seen at `from` or later.
    fn since(&self, from: i64) -> Option<(i64, i64)> {
        let seen = self.0.iter().rev();
        let seen = seen.take_while(|bucket| bucket.last_at >= from);
        seen.fold(None, |found, bucket| {
            let (low, high) = found.unwrap_or((bucket.low, bucket.high));
            Some((low.min(bucket.low), high.max(bucket.high)))
        })
    }
}

/// A borrower as it was seen.
#[derive(Clone, Debug, Default)]
struct Seen {
    equities: Extremes,
    /// Start of the call that the low is of, and the low.
    call: Option<(i64, i64)>,
}

/// Something that the desk did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Past {
    pub at: i64,
    /// Line or vault.
    pub subject: Pubkey,
    pub deed: Deed,
}

/// Everything that is remembered.
#[derive(Clone, Debug, Default)]
pub struct History {
    marks: BTreeMap<Pubkey, Extremes>,
    seen: BTreeMap<Pubkey, Seen>,
    deeds: VecDeque<Past>,
}

impl History {
    /// Takes a look into account.
    pub fn see(&mut self, state: &State, now: i64) {
        let keep = i64::try_from(VOLATILITY_SECONDS_MAX).unwrap_or(i64::MAX);
        for (market, mark) in state.marks.iter().filter(|(_, mark)| **mark != 0) {
            let mark = i64::try_from(*mark).unwrap_or(i64::MAX);
            let marks = self.marks.entry(*market).or_default();
            marks.see(mark, now, (MARK_BUCKET, keep));
        }
        let lines = state.vaults.iter().flat_map(|vault| &vault.lines);
        let mut open = Vec::new();
        for line in lines.filter(|found| found.line.state == LineState::Active.byte()) {
            open.push(line.address);
            if let Some(borrower) = line.borrower.as_ref().filter(|borrower| !borrower.stale) {
                let seen = self.seen.entry(line.address).or_default();
                seen.see(&line.line, borrower.equity, now);
            }
        }
        self.seen.retain(|line, _| open.contains(line));
        let oldest = now.saturating_sub(MONTH);
        while self.deeds.front().is_some_and(|past| past.at < oldest) {
            self.deeds.pop_front();
        }
    }

    /// Takes note of something done; in the order of time.
    pub fn note(&mut self, past: Past) {
        self.deeds.push_back(past);
    }

    /// Takes back what surely did not come about.
    pub fn forget(&mut self, past: &Past) {
        if let Some(place) = self.deeds.iter().rposition(|other| other == past) {
            self.deeds.remove(place);
        }
    }

    /// Deeds at `from` or later.
    pub fn deeds(&self, from: i64) -> impl Iterator<Item = &Past> {
        self.deeds.iter().filter(move |past| past.at >= from)
    }

    /// Range of a mark over the last `seconds`: low and high, Q.32.
    pub(super) fn marks(&self, market: &Pubkey, seconds: u64, now: i64) -> Option<(i64, i64)> {
        let from = now.saturating_sub_unsigned(seconds);
        self.marks.get(market)?.since(from)
    }

    /// Highest equity of a borrower over the last `days`, quote atoms.
    pub(super) fn high(&self, line: &Pubkey, days: u64, now: i64) -> Option<i64> {
        let seconds = days.min(DRAWDOWN_DAYS_MAX).saturating_mul(86_400);
        let from = now.saturating_sub_unsigned(seconds);
        let (_, high) = self.seen.get(line)?.equities.since(from)?;
        Some(high)
    }

    /// Lowest equity of a borrower that was seen in the line's running call, quote atoms.
    pub(super) fn call_low(&self, address: &Pubkey, line: &CreditLine) -> Option<i64> {
        let (opened_at, low) = self.seen.get(address)?.call?;
        (opened_at == line.call_opened_at).then_some(low)
    }
}

impl Seen {
    fn see(&mut self, line: &CreditLine, equity: i64, now: i64) {
        let keep = i64::try_from(DRAWDOWN_DAYS_MAX).unwrap_or(0) * DAY;
        self.equities.see(equity, now, (EQUITY_BUCKET, keep));
        let opened_at = line.call_opened_at;
        self.call = match self.call {
            _ if opened_at == 0 => None,
            Some((at, low)) if at == opened_at => Some((at, low.min(equity))),
            _ => Some((opened_at, equity)),
        };
    }
}
