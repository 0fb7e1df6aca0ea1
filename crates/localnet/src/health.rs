//! The words in which the embedded validator says how it is.

use std::fmt;

/// Whether the chain produces blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HealthState {
    /// Blocks are produced and both servers answer.
    Running,
    /// The chain or one of its servers ended; the reason in its own words.
    Failed(String),
}

/// A look at the chain at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Whether it lives.
    pub state: HealthState,
    /// Newest slot.
    pub slot: u64,
    /// The chain's own clock, in Unix seconds.
    pub unix_timestamp: i64,
    /// Transactions in blocks since the start.
    pub transactions: u64,
}

impl fmt::Display for Health {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.state {
            HealthState::Running => formatter.write_str("running")?,
            HealthState::Failed(reason) => write!(formatter, "failed ({reason})")?,
        }
        write!(
            formatter,
            ", slot {}, clock {}, {} transactions",
            self.slot, self.unix_timestamp, self.transactions
        )
    }
}
