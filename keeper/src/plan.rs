//! From what is due to what is sent now: each subject once at a time, the most dangerous first, what fails or
//! changes nothing ever more rarely, and never more than the hour's budget.
//!
//! The plan holds no queue of its own. What is due is decided anew every time, so nothing old waits here; what
//! is kept is bounded by the keys that are due or under way.

use std::collections::{BTreeMap, VecDeque};

use crate::decide::{Action, Key, Kind};
use crate::execute::Outcome;

#[cfg(test)]
mod tests;

/// Milliseconds of the process's own monotonic clock.
pub type Millis = u64;

const HOUR: Millis = 3_600_000;
/// How long a landed transaction is waited for to show in the mirror.
const UNSEEN_MAX: Millis = 10_000;

/// Bounds of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Transactions under way at a time.
    pub in_flight: usize,
    /// Due actions that are looked at in one go, most dangerous first.
    pub queue: usize,
    /// First wait after a failure or a step without progress, doubled by each further one up to the longest.
    pub backoff_min: Millis,
    pub backoff_max: Millis,
    /// Lamports for fees in any hour.
    pub lamports_an_hour: u64,
}

/// Least time between two landed actions of a key, where its state would allow it sooner.
const fn pause_of(kind: Kind) -> Millis {
    match kind {
        Kind::Settle => 60_000,
        Kind::SweepFees => 600_000,
        Kind::ReleaseSeat | Kind::RemoveExpired => 2_000,
        _ => 0,
    }
}

/// What is kept of a key.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    in_flight: bool,
    /// Not before this time.
    until: Millis,
    /// Not before what the last landing wrote has been read, for a while at most.
    until_read: u64,
    landed_at: Millis,
    /// Failures, or landings without progress, in a row.
    failures: u32,
    /// State of the action that landed last.
    landed: Option<u64>,
    /// It waits because that landing moved nothing: for as long as the state is the same.
    idle: bool,
    /// Since when it has been due without a break, and when that was last so.
    due_since: Millis,
    due_at: Millis,
}

/// An action that is to be sent, and how long it has been due.
#[derive(Clone, Debug)]
pub struct Planned {
    pub action: Action,
    pub age: Millis,
    /// Tries before this one.
    pub attempt: u32,
}

/// What an action came to, as the executor reports it.
#[derive(Clone, Debug)]
pub struct Report {
    pub key: Key,
    pub state: u64,
    pub outcome: Outcome,
    /// Lamports paid.
    pub lamports: u64,
    /// Slot in which it landed.
    pub slot: u64,
    /// Number of the request by which what it wrote is read again.
    pub read: u64,
}

/// How many actions were held back, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeldBack {
    pub in_flight: usize,
    pub backed_off: usize,
    /// Behind the end of the queue, or without a free place.
    pub queued: usize,
    pub over_budget: usize,
}

/// The table of keys and the hour's spending.
#[derive(Debug)]
pub struct Plan {
    limits: Limits,
    entries: BTreeMap<Key, Entry>,
    in_flight: usize,
    spent: VecDeque<(Millis, u64)>,
    spent_sum: u64,
    reserved: BTreeMap<Key, u64>,
    reserved_sum: u64,
}

impl Plan {
    pub const fn new(limits: Limits) -> Self {
        Self {
            limits,
            entries: BTreeMap::new(),
            in_flight: 0,
            spent: VecDeque::new(),
            spent_sum: 0,
            reserved: BTreeMap::new(),
            reserved_sum: 0,
        }
    }

    /// Takes of what is due what may be sent now. `actions` come most dangerous first; `read` is the number up
    /// to which requests to read have been answered; `cost` says what an action may cost at most, lamports.
    pub fn select(
        &mut self,
        actions: Vec<Action>,
        now: Millis,
        read: u64,
        cost: impl Fn(&Planned) -> u64,
    ) -> (Vec<Planned>, HeldBack) {
        self.forget_spending(now);
        let (mut chosen, mut held) = (Vec::new(), HeldBack::default());
        for (place, action) in actions.into_iter().enumerate() {
            let key = action.key;
            if place >= self.limits.queue && !self.entries.contains_key(&key) {
                held.queued += 1;
                continue;
            }
            let entry = self.entries.entry(key).or_insert(Entry {
                due_since: now,
                ..Entry::default()
            });
            entry.due_at = now;
            if entry.in_flight {
                held.in_flight += 1;
                continue;
            }
            let unseen = entry.until_read > read && now < entry.landed_at + UNSEEN_MAX;
            let until = if entry.idle && entry.landed != Some(action.state) {
                entry.landed_at + pause_of(key.kind)
            } else {
                entry.until
            };
            if now < until || unseen {
                held.backed_off += 1;
                continue;
            }
            if self.in_flight >= self.limits.in_flight || place >= self.limits.queue {
                held.queued += 1;
                continue;
            }
            let planned = Planned {
                action,
                age: now.saturating_sub(entry.due_since),
                attempt: entry.failures,
            };
            let cost = cost(&planned);
            let spending = self.spent_sum.saturating_add(self.reserved_sum);
            if spending.saturating_add(cost) > self.limits.lamports_an_hour {
                held.over_budget += 1;
                continue;
            }
            entry.in_flight = true;
            self.in_flight += 1;
            self.reserved.insert(key, cost);
            self.reserved_sum = self.reserved_sum.saturating_add(cost);
            chosen.push(planned);
        }
        self.forget_keys(now);
        (chosen, held)
    }

    /// Takes note of what an action came to.
    pub fn report(&mut self, report: &Report, now: Millis) {
        let limits = self.limits;
        if let Some(cost) = self.reserved.remove(&report.key) {
            self.reserved_sum = self.reserved_sum.saturating_sub(cost);
        }
        if report.lamports != 0 {
            self.spent.push_back((now, report.lamports));
            self.spent_sum = self.spent_sum.saturating_add(report.lamports);
        }
        let Some(entry) = self.entries.get_mut(&report.key) else {
            return;
        };
        if std::mem::take(&mut entry.in_flight) {
            self.in_flight = self.in_flight.saturating_sub(1);
        }
        // A sequence may have stopped half way: what stands there now is read before the next.
        if report.key.kind.is_sequence() {
            (entry.until_read, entry.landed_at) = (report.read, now);
        }
        entry.idle = false;
        let wait = |failures: u32| {
            let doubled = limits.backoff_min.checked_shl(failures.saturating_sub(1));
            doubled.unwrap_or(Millis::MAX).min(limits.backoff_max)
        };
        match &report.outcome {
            Outcome::Landed => {
                // The same state once more: it landed and moved nothing.
                entry.failures = if entry.landed == Some(report.state) {
                    entry.failures.saturating_add(1)
                } else {
                    0
                };
                entry.landed = Some(report.state);
                (entry.until_read, entry.landed_at) = (report.read, now);
                entry.due_since = now;
                let backoff = if entry.failures == 0 {
                    0
                } else {
                    wait(entry.failures)
                };
                entry.until = now + pause_of(report.key.kind).max(backoff);
                entry.idle = entry.failures != 0;
            }
            Outcome::Expired | Outcome::Transient(_) | Outcome::OutOfCompute => {
                // The same again, at once with another blockhash, another endpoint or another limit.
                entry.failures = entry.failures.saturating_add(1);
                let first = entry.failures == 1;
                entry.until = now + if first { 0 } else { wait(entry.failures - 1) };
            }
            Outcome::LostRace(_) | Outcome::Stale(_) | Outcome::Permanent(_) => {
                entry.failures = entry.failures.saturating_add(1);
                entry.until = now + wait(entry.failures);
            }
            Outcome::Simulated => entry.until = now + limits.backoff_max,
        }
    }

    fn forget_spending(&mut self, now: Millis) {
        while let Some((at, lamports)) = self.spent.front().copied() {
            if now.saturating_sub(at) < HOUR {
                break;
            }
            self.spent.pop_front();
            self.spent_sum = self.spent_sum.saturating_sub(lamports);
        }
    }

    /// Keys that are no longer due, once what was learned of them has lost its use.
    fn forget_keys(&mut self, now: Millis) {
        let longest = self.limits.backoff_max.saturating_mul(2);
        self.entries.retain(|_, entry| {
            if entry.due_at != now && entry.due_at + 5_000 < now {
                entry.due_since = now;
            }
            entry.in_flight || entry.until > now || now.saturating_sub(entry.due_at) < longest
        });
    }

    /// Transactions under way.
    pub const fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Lamports spent within the last hour as of the last selection, reservations included.
    pub const fn spending(&self) -> u64 {
        self.spent_sum.saturating_add(self.reserved_sum)
    }

    /// Keys that were due at the selection at `now`, waiting or under way: the length of the queue.
    pub fn due_at(&self, now: Millis) -> usize {
        let due = self.entries.values().filter(|entry| entry.due_at == now);
        due.count()
    }

    /// Keys that something is kept of.
    pub fn keys(&self) -> usize {
        self.entries.len()
    }
}
