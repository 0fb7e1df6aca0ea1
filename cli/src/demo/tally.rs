//! Counts what was sent and what became of it, by kind of transaction and by name of error.

use std::collections::BTreeMap;

use plimsoll_client::rpc::RpcError;

/// Codes under this are errors of the request or of the token side: the demo's own bugs.
const REQUEST_CODES: u32 = 30;

/// What a transaction is for. Transactions of one kind and length cost about the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Opens a trader's account and claims its seats.
    Open,
    Refresh,
    Quote,
    Take,
    /// A taking order that may only reduce.
    Reduce,
    /// The same while the index is stale: it goes on.
    StaleReduce,
    /// An order that adds risk on an index known to be stale: it must be refused.
    StaleProbe,
    Deposit,
    Withdraw,
    /// Orders for the auction that ends a call.
    Call,
    Settle,
    Sweep,
    /// Vault, lines and repayments.
    Credit,
    Liquidate,
    /// A liquidation's interest in an auction.
    Join,
    TakeOver,
    TearUp,
    /// Takes a halt as far as the clock allows.
    Advance,
}

impl Kind {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open account",
            Self::Refresh => "refresh mark",
            Self::Quote => "replace quotes",
            Self::Take => "take",
            Self::Reduce => "reduce",
            Self::StaleReduce => "reduce while stale",
            Self::StaleProbe => "new risk while stale",
            Self::Deposit => "deposit",
            Self::Withdraw => "withdraw",
            Self::Call => "order into a call",
            Self::Settle => "settle",
            Self::Sweep => "sweep fees",
            Self::Credit => "credit",
            Self::Liquidate => "liquidate",
            Self::Join => "join an auction",
            Self::TakeOver => "take over",
            Self::TearUp => "tear up",
            Self::Advance => "advance a halt",
        }
    }

    /// What it costs depends on the state it meets and not on its length.
    pub const fn is_unsteady(self) -> bool {
        matches!(
            self,
            Self::Credit
                | Self::Liquidate
                | Self::Join
                | Self::TakeOver
                | Self::TearUp
                | Self::Advance
                | Self::Call
        )
    }
}

/// How one transaction ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    Confirmed,
    /// Refused by the program, under the name of the violated condition.
    Refused(String),
    /// Neither: a request that was wrong, a transaction that expired, a connection that failed.
    Failed(String),
}

impl Ending {
    /// Tells a refusal from a failure.
    pub fn of(error: &RpcError) -> Self {
        match error.engine_error() {
            Some(engine) if engine.code() >= REQUEST_CODES => Self::Refused(format!("{engine:?}")),
            Some(engine) => Self::Failed(format!("{engine:?}")),
            None => Self::Failed(error.to_string()),
        }
    }
}

/// Endings of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub sent: u64,
    pub confirmed: u64,
    pub refused: u64,
    pub failed: u64,
}

impl Counts {
    /// Transactions whose ending is not known yet.
    pub const fn open(&self) -> u64 {
        let ended = self.confirmed + self.refused + self.failed;
        self.sent.saturating_sub(ended)
    }
}

/// All counts of a run.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    kinds: BTreeMap<Kind, Counts>,
    refusals: BTreeMap<(String, Kind), u64>,
    failures: BTreeMap<String, u64>,
}

impl Tally {
    pub fn sent(&mut self, kind: Kind) {
        self.kinds.entry(kind).or_default().sent += 1;
    }

    pub fn ended(&mut self, kind: Kind, ending: Ending) {
        let counts = self.kinds.entry(kind).or_default();
        match ending {
            Ending::Confirmed => counts.confirmed += 1,
            Ending::Refused(name) => {
                counts.refused += 1;
                *self.refusals.entry((name, kind)).or_default() += 1;
            }
            Ending::Failed(reason) => {
                counts.failed += 1;
                *self
                    .failures
                    .entry(format!("{}: {reason}", kind.name()))
                    .or_default() += 1;
            }
        }
    }

    pub fn of(&self, kind: Kind) -> Counts {
        self.kinds.get(&kind).copied().unwrap_or_default()
    }

    pub fn total(&self) -> Counts {
        self.kinds
            .values()
            .fold(Counts::default(), |sum, counts| Counts {
                sent: sum.sent + counts.sent,
                confirmed: sum.confirmed + counts.confirmed,
                refused: sum.refused + counts.refused,
                failed: sum.failed + counts.failed,
            })
    }

    /// Counts of every kind that was sent.
    pub fn kinds(&self) -> impl Iterator<Item = (Kind, Counts)> + '_ {
        self.kinds.iter().map(|(kind, counts)| (*kind, *counts))
    }

    /// Refusals by name of the error, most frequent first.
    pub fn refusals(&self) -> Vec<(String, u64)> {
        let mut names: BTreeMap<&str, u64> = BTreeMap::new();
        for ((name, _), count) in &self.refusals {
            *names.entry(name).or_default() += count;
        }
        let mut sorted: Vec<_> = names
            .into_iter()
            .map(|(name, count)| (name.to_owned(), count))
            .collect();
        sorted.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        sorted
    }

    /// Refusals of one kind under one name.
    pub fn refused_as(&self, kind: Kind, name: &str) -> u64 {
        self.refusals
            .get(&(name.to_owned(), kind))
            .copied()
            .unwrap_or(0)
    }

    /// What failed, and how often.
    pub fn failures(&self) -> &BTreeMap<String, u64> {
        &self.failures
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_client::rpc::RpcError;

    use super::{Ending, Kind, Tally};

    fn refused(code: u32) -> Ending {
        Ending::of(&RpcError::Program {
            code,
            name: String::new(),
            logs: Vec::new(),
        })
    }

    #[test]
    fn a_violated_condition_is_a_refusal_and_a_wrong_request_a_failure() {
        assert!(matches!(
            refused(6_050),
            Ending::Refused(_) | Ending::Failed(_)
        ));
        assert!(matches!(refused(6_000), Ending::Failed(_)));
        assert!(matches!(refused(101), Ending::Failed(_)));
    }

    #[test]
    fn every_transaction_is_counted_once() {
        let mut tally = Tally::default();
        for _ in 0..4 {
            tally.sent(Kind::Take);
        }
        tally.ended(Kind::Take, Ending::Confirmed);
        tally.ended(Kind::Take, Ending::Refused("IndexStale".into()));
        tally.ended(Kind::Take, Ending::Failed("expired".into()));
        assert_eq!(tally.total().open(), 1);
        assert_eq!(tally.refused_as(Kind::Take, "IndexStale"), 1);
        assert_eq!(tally.refusals(), [("IndexStale".to_owned(), 1)]);
        assert_eq!(tally.failures()["take: expired"], 1);
    }
}
