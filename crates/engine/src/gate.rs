//! What a market's state lets through: the table of spec §7, and the only place that knows it.
//!
//! A state is a column: the phase of a halt, or open; and besides, where it is so, a stale index and
//! reduce-only. Each column that applies must let an action through. A test compares this table with the
//! spec's, cell by cell.

use crate::state::HaltPhase;

#[cfg(test)]
mod tests;

/// A column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    Open,
    StaleIndex,
    ReduceOnly,
    Call,
    Freeze,
    Uncross,
    Resolve,
}

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Deposits and repayments: they depend on no market at all.
    Deposit,
    /// Cancels, and expired orders that leave.
    Cancel,
    /// An order that may come to rest.
    Rest,
    /// An order that may only take: IOC, FOK.
    Take,
    /// Continuous matching.
    Match,
    /// Settling a leg that holds a position.
    Settle,
    /// A withdrawal by who holds a position or an order there.
    Withdraw,
    /// A draw of credit for the leg.
    Draw,
    /// Liquidation in the book.
    Liquidate,
    /// Liquidation interest for the auction.
    Join,
    /// Takeover, tear-up, the close of a remainder.
    Close,
    /// A refresh of index and mark.
    Refresh,
    /// Funding, and samples of the basis.
    Sample,
    /// A change of parameters.
    Change,
}

/// A cell of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    No,
    /// Only what reduces a position.
    ReduceOnly,
    Yes,
}

impl Column {
    /// The column of a phase.
    #[inline(always)]
    pub const fn of(phase: HaltPhase) -> Self {
        match phase {
            HaltPhase::Continuous => Self::Open,
            HaltPhase::Call => Self::Call,
            HaltPhase::Freeze => Self::Freeze,
            HaltPhase::Uncross => Self::Uncross,
            HaltPhase::Resolve => Self::Resolve,
        }
    }
}

/// The cell.
#[inline(always)]
pub const fn admits(column: Column, action: Action) -> Verdict {
    use Column::{Call, Freeze, Open, ReduceOnly, Resolve, StaleIndex, Uncross};
    let yes = match action {
        Action::Deposit | Action::Refresh => true,
        Action::Cancel => !matches!(column, Freeze | Uncross),
        Action::Rest => {
            return match column {
                Open | Call => Verdict::Yes,
                StaleIndex | ReduceOnly => Verdict::ReduceOnly,
                Freeze | Uncross | Resolve => Verdict::No,
            }
        }
        Action::Take => {
            return match column {
                Open => Verdict::Yes,
                StaleIndex | ReduceOnly => Verdict::ReduceOnly,
                Call | Freeze | Uncross | Resolve => Verdict::No,
            }
        }
        Action::Match => matches!(column, Open | StaleIndex | ReduceOnly),
        Action::Settle => !matches!(column, StaleIndex),
        Action::Withdraw => matches!(column, Open | StaleIndex | ReduceOnly),
        Action::Draw => !matches!(column, StaleIndex | Uncross),
        Action::Liquidate => matches!(column, Open | ReduceOnly),
        // Reduce-only by itself forbids no liquidation.
        Action::Join => matches!(column, ReduceOnly | Call | Freeze),
        Action::Close => matches!(column, Open | ReduceOnly | Resolve),
        Action::Sample => matches!(column, Open | StaleIndex | ReduceOnly),
        Action::Change => matches!(column, Open | StaleIndex | ReduceOnly),
    };
    if yes {
        Verdict::Yes
    } else {
        Verdict::No
    }
}

/// Whether a phase lets an action through whole.
#[inline(always)]
pub const fn in_phase(phase: HaltPhase, action: Action) -> bool {
    matches!(admits(Column::of(phase), action), Verdict::Yes)
}
