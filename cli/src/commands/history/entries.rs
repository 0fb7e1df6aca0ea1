//! The rows of a history, in words: amounts in dollars, sizes in the asset. How they come about stands in `ledger`.

use serde::Serialize;

/// One line of a history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Entry {
    Fill(FillEntry),
    Funding(FundingEntry),
    Loss(LossEntry),
    Halt(HaltEntry),
}

impl Entry {
    pub(super) fn time(&self) -> i64 {
        match self {
            Self::Fill(fill) => fill.time,
            Self::Funding(funding) => funding.time,
            Self::Loss(loss) => loss.time,
            Self::Halt(halt) => halt.time,
        }
    }
}

/// A fill. Amounts are dollars, sizes in the asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct FillEntry {
    pub(super) time: i64,
    pub(super) market: String,
    pub(super) side: &'static str,
    pub(super) role: &'static str,
    pub(super) size: String,
    pub(super) price: String,
    pub(super) fee: String,
    pub(super) position_after: String,
    /// The maker's resting order.
    pub(super) order: Option<u64>,
    pub(super) client_id: Option<u64>,
    pub(super) transaction: String,
}

/// Funding over a stretch with one position.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct FundingEntry {
    /// The last refresh of the stretch.
    pub(super) time: i64,
    pub(super) market: String,
    pub(super) position: String,
    /// Received, or paid if negative; dollars.
    pub(super) amount: String,
    pub(super) transaction: String,
}

/// What a loss event did to the account. What its shares no longer tell is `None`, or empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct LossEntry {
    pub(super) time: i64,
    pub(super) market: String,
    /// `torn up` for the account's own loss, `deleveraged` as a part of the other side.
    pub(super) what: &'static str,
    pub(super) receipt: u64,
    /// Closed, at the price.
    pub(super) size: Option<String>,
    pub(super) price: String,
    /// Of somebody else's loss; dollars.
    pub(super) charged: Option<String>,
    pub(super) position_after: String,
    pub(super) transaction: String,
}

/// A halt of the market, or its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct HaltEntry {
    pub(super) time: i64,
    pub(super) market: String,
    /// `halted`, `not halted` where the budget was spent, `reopened`.
    pub(super) what: &'static str,
    pub(super) number: u64,
    /// Of a trip: index, mark or trade.
    pub(super) cause: Option<&'static str>,
    /// Index at the trip.
    pub(super) price: Option<String>,
    /// Of a reopening.
    pub(super) halted_seconds: Option<u64>,
    pub(super) transaction: String,
}
