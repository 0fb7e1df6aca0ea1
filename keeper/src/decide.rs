//! From what the keeper knows to what it should do: pure, synchronous and deterministic. Clock and slot are
//! inputs; every figure and verdict comes from the program's own functions.
//!
//! Every action is permissionless and a no-op when already done, so that deciding it twice, or in two keepers,
//! costs a fee and does no harm.

pub mod accounts;
pub mod credit;
pub mod deleverager;
pub mod janitor;
pub mod liquidator;
pub mod marks;
pub mod sentinel;
pub mod settler;
pub mod watch;

#[cfg(test)]
pub(crate) mod tests;

use solana_instruction::Instruction;
use solana_pubkey::Pubkey;

pub use accounts::{Candidates, FullScan};
pub use watch::Watch;

use crate::marks::MarketFeeds;
use crate::mirror::{ChainClock, Mirror};

/// What is done, as the ledger, the metrics and the plan name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    RefreshMark,
    PostPrice,
    AdvanceHalt,
    JoinAuction,
    Liquidate,
    TakeOver,
    TearUp,
    CloseRemainder,
    Draw,
    ValueLine,
    AccrueInterest,
    ActivateLine,
    RepayFromCash,
    WriteOff,
    CollectLien,
    Settle,
    SweepFees,
    RemoveExpired,
    ReleaseSeat,
    SyncSeat,
    // Of an underwriter's desk, which decides them; never by anyone.
    ExtendCall,
    GiveConsent,
    BuyJunior,
    RecallLine,
    CloseLine,
}

impl Kind {
    /// The name, in snake case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RefreshMark => "refresh_mark",
            Self::PostPrice => "post_price",
            Self::AdvanceHalt => "advance_halt",
            Self::JoinAuction => "join_auction",
            Self::Liquidate => "liquidate",
            Self::TakeOver => "take_over",
            Self::TearUp => "tear_up",
            Self::CloseRemainder => "close_remainder",
            Self::Draw => "draw",
            Self::ValueLine => "value_line",
            Self::AccrueInterest => "accrue_interest",
            Self::ActivateLine => "activate_line",
            Self::RepayFromCash => "repay_from_cash",
            Self::WriteOff => "write_off",
            Self::CollectLien => "collect_lien",
            Self::Settle => "settle",
            Self::SweepFees => "sweep_fees",
            Self::RemoveExpired => "remove_expired_order",
            Self::ReleaseSeat => "release_seat",
            Self::SyncSeat => "sync_seat",
            Self::ExtendCall => "extend_call",
            Self::GiveConsent => "give_consent",
            Self::BuyJunior => "buy_junior",
            Self::RecallLine => "recall_line",
            Self::CloseLine => "close_line",
        }
    }

    /// Whether its instructions are sent as several transactions, one after the other, where one does not hold them.
    /// Everything else is done whole or not at all.
    pub const fn is_sequence(self) -> bool {
        matches!(self, Self::PostPrice)
    }

    /// Whether a minute more does no harm: what tidies up, and what turns claims and fees into cash.
    pub const fn can_wait(self) -> bool {
        matches!(
            self,
            Self::Settle
                | Self::SweepFees
                | Self::RemoveExpired
                | Self::ReleaseSeat
                | Self::SyncSeat
                | Self::ValueLine
                | Self::AccrueInterest
                | Self::ActivateLine
        )
    }
}

/// Whom or what an action is about; at most one action of a key is under way at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    pub subject: Pubkey,
    pub kind: Kind,
}

/// How much harm waiting does, coarsely: prices before markets, markets before accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Nobody loses by waiting.
    Housekeeping,
    /// Cash of others waits.
    Cash,
    /// A lender's cash may be needed or is at stake.
    Credit,
    /// An account's loss may become someone else's.
    Account,
    /// A whole market waits.
    Market,
    /// Everything else is judged by it.
    Price,
}

/// What goes first: the tier, then the amount at risk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Danger {
    pub tier: Tier,
    /// Quote atoms of an account, ppm of a price.
    pub amount: u64,
}

/// Who signs beside the key that pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signer {
    Payer,
    /// The desk's trader.
    Desk,
    /// The underwriter of the credit vaults.
    Underwriter,
}

/// One transaction to send.
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    pub key: Key,
    pub danger: Danger,
    pub signer: Signer,
    /// What it means to change, as it is now: an action that lands and is due again with the same state has
    /// made no progress.
    pub state: u64,
    pub instructions: Vec<Instruction>,
}

/// A takeover desk of the operator's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Desk {
    pub margin_account: Pubkey,
    /// Its owner or delegate, who signs.
    pub trader: Pubkey,
    /// Better than the mark by this much before it takes a position over, ppm.
    pub discount_ppm: u64,
}

/// Which roles run, and what they are told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roles {
    pub marks: Option<Marks>,
    pub sentinel: bool,
    pub liquidator: bool,
    pub desk: Option<Desk>,
    pub credit: Option<Credit>,
    pub deleverager: bool,
    pub settler: Option<Settler>,
    pub janitor: bool,
    /// Key that pays fees and signs.
    pub payer: Pubkey,
    /// Margin account that is reimbursed; without one nothing is liquidated.
    pub beneficiary: Option<Pubkey>,
}

/// What the role `marks` refreshes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    pub markets: Vec<MarketFeeds>,
    /// Refreshes at least this often while the index is fresh, seconds, for funding and the EMAs.
    pub seconds_max: u64,
}

/// Intervals of the role `credit`, seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credit {
    /// Of a drawn line's valuation while somebody waits to leave its vault, and otherwise.
    pub value_queued_seconds: u64,
    pub value_seconds: u64,
    pub accrue_seconds: u64,
}

/// Least amounts of the role `settler`, quote atoms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settler {
    pub settle_min: u64,
    pub sweep_min: u64,
}

/// What a role sees.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    pub mirror: &'a Mirror,
    pub clock: &'a ChainClock,
    pub roles: &'a Roles,
}

/// Everything that is due now, most dangerous first; the order is total, so equal inputs give equal outputs.
pub fn decide(mirror: &Mirror, clock: &ChainClock, roles: &Roles) -> Vec<Action> {
    decide_for(mirror, clock, roles, &FullScan)
}

/// The same, looking only at what `candidates` names.
pub fn decide_for(
    mirror: &Mirror,
    clock: &ChainClock,
    roles: &Roles,
    candidates: &impl Candidates,
) -> Vec<Action> {
    let scene = Scene {
        mirror,
        clock,
        roles,
    };
    let mut actions = Vec::new();
    if let Some(marks) = &roles.marks {
        actions.extend(marks::due(scene, marks));
    }
    if roles.sentinel {
        actions.extend(sentinel::markets_due(scene));
    }
    accounts::due(scene, candidates, &mut actions);
    if let Some(credit) = &roles.credit {
        actions.extend(credit::lines_due(scene, credit, candidates));
    }
    if let Some(settler) = &roles.settler {
        actions.extend(settler::markets_due(scene, settler));
    }
    if roles.janitor {
        actions.extend(janitor::markets_due(scene, candidates));
    }
    rank(&mut actions);
    actions
}

/// Most dangerous first; the order is total.
pub(crate) fn rank(actions: &mut [Action]) {
    actions.sort_by(|a, b| b.danger.cmp(&a.danger).then_with(|| a.key.cmp(&b.key)));
}

/// A hash of what an action means to change; the same in every run of one build.
pub(crate) fn state_of(parts: &impl std::hash::Hash) -> u64 {
    use std::hash::{DefaultHasher, Hasher};
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}
