//! What has been due for too long, and which markets stand still: looked at about once a second, from what was
//! decided.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use plimsoll_engine::halt;
use plimsoll_engine::math::seconds_since;
use plimsoll_engine::state::{HaltPhase, MarketStatus};
use solana_pubkey::Pubkey;

use crate::alerts::{AlertKind, Alerts};
use crate::decide::{Action, Key, Tier};
use crate::metrics::{MarketFigures, Operations};
use crate::mirror::{ChainClock, Mirror};
use crate::plan::Millis;
use crate::sources::STREAM_OPENED;

#[cfg(test)]
mod tests;

/// Between two looks.
const LOOK: Millis = 1_000;

/// What counts as too long, seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OversightLimits {
    /// A step of rescue due of the same account.
    pub not_safe: u64,
    /// The same step of a market or a loan due, and nothing changed.
    pub deadline: u64,
    /// Age of a mark.
    pub mark_age: u64,
}

/// What was seen so far.
#[derive(Debug)]
pub struct Oversight {
    limits: OversightLimits,
    alerts: Arc<Alerts>,
    figures: Operations,
    looked: Option<Millis>,
    /// Since when an account has had a step of rescue due without a break.
    not_safe: BTreeMap<Pubkey, Millis>,
    /// Since when the very same step has been due.
    steps: BTreeMap<(Key, u64), Millis>,
    /// Markets whose running halt was told of.
    halted: BTreeSet<Pubkey>,
}

/// Carries the time of what is still there over to the next look.
fn carried<K: Ord>(
    held: &BTreeMap<K, Millis>,
    now: Millis,
    seen: impl Iterator<Item = K>,
) -> BTreeMap<K, Millis> {
    seen.map(|key| {
        let since = held.get(&key).copied().unwrap_or(now);
        (key, since)
    })
    .collect()
}

impl Oversight {
    pub const fn new(limits: OversightLimits, alerts: Arc<Alerts>, figures: Operations) -> Self {
        Self {
            limits,
            alerts,
            figures,
            looked: None,
            not_safe: BTreeMap::new(),
            steps: BTreeMap::new(),
            halted: BTreeSet::new(),
        }
    }

    /// Takes note of what is due. `now` is the process's own clock.
    pub fn look(&mut self, mirror: &Mirror, clock: &ChainClock, due: &[Action], now: Millis) {
        if self.looked.is_some_and(|at| now < at + LOOK) {
            return;
        }
        self.looked = Some(now);
        self.accounts(due, now);
        self.deadlines(due, now);
        self.markets(mirror, clock);
    }

    fn accounts(&mut self, due: &[Action], now: Millis) {
        let rescued = due
            .iter()
            .filter(|action| action.danger.tier == Tier::Account);
        let subjects = rescued.map(|action| action.key.subject);
        self.not_safe = carried(&self.not_safe, now, subjects);
        let longest = self.not_safe.iter().min_by_key(|(_, since)| **since);
        let waited = longest.map_or(0, |(_, since)| now.saturating_sub(*since) / 1_000);
        let count = self.not_safe.len();
        self.figures.accounts_not_safe.set(shown(count as u64));
        self.figures.not_safe_seconds.set(shown(waited));
        if let Some((subject, _)) = longest.filter(|_| waited >= self.limits.not_safe) {
            let text = format!(
                "account {subject} has been due for rescue for {waited} s; {count} accounts are"
            );
            self.alerts
                .raise(AlertKind::AccountNotSafe, Some(*subject), text);
        }
    }

    fn deadlines(&mut self, due: &[Action], now: Millis) {
        let urgent = |tier: Tier| matches!(tier, Tier::Credit | Tier::Market);
        let steps = due.iter().filter(|action| urgent(action.danger.tier));
        let steps = steps.map(|action| (action.key, action.state));
        self.steps = carried(&self.steps, now, steps);
        let limit = self.limits.deadline.saturating_mul(1_000);
        let late = |since: Millis| now.saturating_sub(since) >= limit;
        let overdue = self.steps.iter().filter(|(_, since)| late(**since));
        self.figures.overdue.set(shown(overdue.count() as u64));
        let oldest = self.steps.iter().min_by_key(|(_, since)| **since);
        if let Some(((key, _), since)) = oldest.filter(|(_, since)| late(**since)) {
            let waited = now.saturating_sub(*since) / 1_000;
            let (kind, subject) = (key.kind.name(), key.subject);
            let text = format!("{kind} of {subject} has been due for {waited} s");
            self.alerts
                .raise(AlertKind::DeadlineMissed, Some(subject), text);
        }
    }

    fn markets(&mut self, mirror: &Mirror, clock: &ChainClock) {
        let mut halted = BTreeSet::new();
        for (address, market) in mirror.markets() {
            let header = &market.header;
            let phase = halt::phase(header, clock.now);
            let age = seconds_since(clock.now, header.prices.mark_time);
            let (name, symbol) = (address.to_string(), market.symbol());
            let figures = MarketFigures {
                phase: phase.byte(),
                mark_age_seconds: age,
            };
            self.figures.market(&name, &symbol, figures);
            let trades = header.status == MarketStatus::Active.byte()
                || header.status == MarketStatus::ReduceOnly.byte();
            if trades && age >= self.limits.mark_age {
                let text = format!("the mark of {symbol} is {age} s old");
                self.alerts
                    .raise(AlertKind::DeadlineMissed, Some(*address), text);
            }
            if phase == HaltPhase::Continuous {
                continue;
            }
            let text = || format!("{symbol} is halted ({phase:?})");
            let (alerts, subject) = (&self.alerts, Some(*address));
            if self.halted.contains(address)
                || alerts.raise(AlertKind::MarketHalted, subject, text())
            {
                halted.insert(*address);
            }
        }
        self.halted = halted;
    }

    /// A source says that something may be missing.
    pub fn gap(&self, why: &str) {
        if why != STREAM_OPENED {
            let text = format!("the account stream: {why}; polling goes on");
            self.alerts.raise(AlertKind::StreamSilent, None, text);
        }
    }

    /// The hour's budget kept actions back.
    pub fn over_budget(&self, actions: usize) {
        let text = format!("the hour's budget is spent, {actions} actions wait");
        self.alerts.raise(AlertKind::SpendCap, None, text);
    }
}

fn shown(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
