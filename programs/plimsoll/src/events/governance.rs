//! Events of changes, authority, guardian and wind-up.

use anchor_lang::prelude::*;

/// The values before and after stand in the account of the change until it is applied or cancelled, and in
/// the arguments of this instruction for ever.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeQueued {
    pub version: u8,
    pub exchange: Pubkey,
    pub id: u64,
    /// 0 market parameters, 1 fee split, 2 timelocks, 3 guardian, 4 treasury.
    pub kind: u8,
    /// 0 slow, 1 only tightens new risk.
    pub pace: u8,
    pub target: Pubkey,
    pub applies_from: i64,
    pub expires_at: i64,
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeApplied {
    pub version: u8,
    pub exchange: Pubkey,
    pub id: u64,
    pub kind: u8,
    pub target: Pubkey,
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeCancelled {
    pub version: u8,
    pub exchange: Pubkey,
    pub id: u64,
}

/// `next` of zeros: an offer was withdrawn.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorityOffered {
    pub version: u8,
    pub exchange: Pubkey,
    pub authority: Pubkey,
    pub next: Pubkey,
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorityAccepted {
    pub version: u8,
    pub exchange: Pubkey,
    pub before: Pubkey,
    pub authority: Pubkey,
}

/// Reduce-only until `until`; lifted, when that is the event's own time.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketGuarded {
    pub version: u8,
    pub market: Pubkey,
    pub by: Pubkey,
    pub until: i64,
}

/// Every position was closed at `price` (Q.32). Longs first: base atoms closed, the epochs that ended, and C
/// at their ends as two words, low first.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketWoundUp {
    pub version: u8,
    pub market: Pubkey,
    pub price: u64,
    pub index_time: i64,
    pub open_interest: [u64; 2],
    pub epochs: [u32; 2],
    pub long_cash_index: [u64; 2],
    pub short_cash_index: [u64; 2],
}
