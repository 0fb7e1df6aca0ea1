//! What has changed in the mirror since somebody last asked: enough to follow it without looking at the rest.

use plimsoll_engine::state::{Block, Order, Seat};
use solana_pubkey::Pubkey;

/// Changes that are kept; beyond them everything counts as changed.
const CHANGES_MAX: usize = 65_536;

/// One change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A margin account, there or gone.
    Account(Pubkey),
    /// A credit line, there or gone.
    Line(Pubkey),
    Vault(Pubkey),
    Market {
        address: Pubkey,
        /// Earliest expiry of the orders that are new or different, unix seconds; `i64::MAX`: none expires.
        expires_at: i64,
    },
    /// A seat of this margin account, as it was or as it is.
    Seat(Pubkey),
}

/// All of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// More than what is listed: a first snapshot, a rollback, a market that came or went.
    pub everything: bool,
    pub list: Vec<Change>,
}

impl Changes {
    /// Whether nothing has changed.
    pub fn is_empty(&self) -> bool {
        !self.everything && self.list.is_empty()
    }

    pub(super) fn push(&mut self, change: Change) {
        if self.everything {
            return;
        }
        if self.list.len() >= CHANGES_MAX {
            self.everything();
            return;
        }
        self.list.push(change);
    }

    pub(super) fn everything(&mut self) {
        self.everything = true;
        self.list = Vec::new();
    }
}

/// The margin account of a seat.
pub(super) fn owner(block: &Block) -> Option<Pubkey> {
    block.view::<Seat>().map(|seat| Pubkey::from(seat.owner))
}

/// When an order expires; `i64::MAX` where none does.
pub(super) fn expiry(block: &Block) -> i64 {
    match block.view::<Order>() {
        Some(order) if order.expires_at != 0 => order.expires_at,
        _ => i64::MAX,
    }
}
