//! A margin account: one pot of collateral for positions in up to eight markets.

use bytemuck::{Pod, Zeroable};

use super::Pubkey;

/// Markets that one margin account may hold a seat in.
pub const MARGIN_ENTRIES_MAX: usize = 8;

/// A market of the account and the seat in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[cfg_attr(feature = "idl-build", derive(anchor_lang::AnchorSerialize))]
#[repr(C)]
pub struct MarginEntry {
    pub market: Pubkey,
    /// Block of the seat.
    pub seat: u32,
    /// The seat's generation when claimed.
    pub generation: u32,
    /// Room for the envelope of spec §2.
    pub reserved: [u64; 7],
}

/// Collateral, credit and the account's markets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[cfg_attr(feature = "idl-build", derive(anchor_lang::AnchorSerialize))]
#[repr(C)]
pub struct MarginAccount {
    /// Layout version: 1.
    pub version: u8,
    pub bump: u8,
    /// Custody shard that clients use by default; any other serves as well.
    pub custody_shard: u8,
    /// Entries in use, from the front.
    pub entries_len: u8,
    pub sub_account: u16,
    pub reserved_0: u16,
    pub exchange: Pubkey,
    pub owner: Pubkey,
    /// May trade, never withdraw; zero: none.
    pub delegate: Pubkey,
    /// The account's credit line; zero: none.
    pub credit_line: Pubkey,
    /// Cash, quote atoms; may be negative while credit is drawn, but collateral + D ≥ 0 (spec §4).
    pub collateral: i64,
    /// D: credit principal, quote atoms.
    pub credit_principal: u64,
    /// Interest owed, quote atoms, accrued up to the time below.
    pub credit_interest: u64,
    pub credit_interest_time: i64,
    /// Past write-offs still owed, quote atoms.
    pub lien: u64,
    /// Gains paid out in the newest interval and in the one before it (spec §4), quote atoms.
    pub gain_newest: u64,
    pub gain_previous: u64,
    /// Number of the newest interval: ⌊unix seconds / 60⌋.
    pub gain_interval: i64,
    /// Since when the account has been seen below maintenance; zero: not.
    pub flagged_at: i64,
    /// Second of the last reimbursement paid for a liquidation step.
    pub reimbursed_at: i64,
    /// Totals for history, quote atoms.
    pub deposited_total: u64,
    pub withdrawn_total: u64,
    /// Last time it was seen below maintenance; a gap of more than a minute starts the flag anew.
    pub flag_seen_at: i64,
    /// Since when a takeover is open: the book could not take what had to be closed. Zero: none is.
    pub takeover_started_at: i64,
    pub reserved: [u64; 9],
    pub entries: [MarginEntry; MARGIN_ENTRIES_MAX],
}

impl MarginAccount {
    /// The entries in use.
    #[inline(always)]
    pub fn entries(&self) -> &[MarginEntry] {
        self.entries
            .get(..usize::from(self.entries_len))
            .unwrap_or(&[])
    }

    /// Position of `market` among the entries.
    pub fn entry_of(&self, market: &Pubkey) -> Option<usize> {
        self.entries()
            .iter()
            .position(|entry| entry.market == *market)
    }
}
