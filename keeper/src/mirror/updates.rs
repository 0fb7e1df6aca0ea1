//! What sources hand to the mirror, and what becomes of it. How it is decoded and which of two looks at an account
//! stays is the mirror's own.

use plimsoll_engine::Env;
use solana_pubkey::Pubkey;

/// An account's bytes and owner, as a source read them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawAccount {
    pub owner: Pubkey,
    pub data: Vec<u8>,
}

/// One account as of a slot; `None`: there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountUpdate {
    pub address: Pubkey,
    pub slot: u64,
    pub account: Option<RawAccount>,
}

/// All accounts of the program as of a slot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    pub slot: u64,
    pub accounts: Vec<(Pubkey, RawAccount)>,
}

/// How a snapshot meets what is held already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// What is held as of a later slot stays.
    Forward,
    /// A rollback: everything that is held goes, whatever its slot.
    Replace,
}

/// What became of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    Changed,
    /// The bytes that are held already, or a later look at them.
    Same,
    /// From before what is held, and different from it: not applied, to be read again.
    Older,
    /// Nothing that the keeper follows.
    Foreign,
}

/// The chain's clock as its sysvar says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChainClock {
    /// Unix seconds.
    pub now: i64,
    pub slot: u64,
}

impl ChainClock {
    /// From the bytes of the clock's sysvar account.
    pub fn decode(data: &[u8]) -> Option<Self> {
        let slot = data.get(..8)?.try_into().ok()?;
        let now = data.get(32..40)?.try_into().ok()?;
        Some(Self {
            now: i64::from_le_bytes(now),
            slot: u64::from_le_bytes(slot),
        })
    }

    /// As the engine takes it.
    pub const fn env(&self) -> Env {
        Env {
            now: self.now,
            slot: self.slot,
        }
    }
}
