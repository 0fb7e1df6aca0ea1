//! Credit vaults, credit lines and queued changes: layouts of spec §10 and §11.

use bytemuck::{Pod, Zeroable};

use super::Pubkey;
use crate::params::MarketParams;

/// Redemptions that may wait in a vault at once.
pub const REDEMPTIONS_MAX: usize = 48;

/// One queued redemption.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[cfg_attr(feature = "idl-build", derive(anchor_lang::AnchorSerialize))]
#[repr(C)]
pub struct Redemption {
    pub provider: Pubkey,
    /// Shares still to be redeemed.
    pub shares: u64,
    pub requested_at: i64,
    /// NAV per share at the request, Q.32: paid at the lower of this and the NAV at payment.
    pub nav_per_share: u64,
    pub reserved: u64,
}

/// An underwriter's own pool. Never shared between underwriters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[cfg_attr(feature = "idl-build", derive(anchor_lang::AnchorSerialize))]
#[repr(C)]
pub struct CreditVault {
    /// Layout version: 1.
    pub version: u8,
    pub bump: u8,
    pub id: u16,
    pub reserved_0: u32,
    pub exchange: Pubkey,
    pub underwriter: Pubkey,
    /// The vault's own token account; its cash is not in custody.
    pub cash_account: Pubkey,
    /// Quote atoms in the cash account that belong to the vault: donations are not counted.
    pub cash: u64,
    /// Part of `cash` promised to committed lines.
    pub reserved_cash: u64,
    /// Principal lent.
    pub drawn: u64,
    /// Sum of the limits of all lines.
    pub limits: u64,
    /// Interest earned and not yet paid.
    pub interest_receivable: u64,
    pub shares: u64,
    /// The underwriter's own locked shares: they lose first.
    pub junior_shares: u64,
    /// Conservative value of what is lent, and the oldest valuation that went into it.
    pub conservative_value: u64,
    pub valued_at: i64,
    pub lines: u32,
    /// Ring of queued redemptions.
    pub redemption_head: u16,
    pub redemptions_len: u16,
    pub redemption_notice_seconds: u32,
    pub reserved_1: u32,
    pub written_off_total: u64,
    pub interest_total: u64,
    pub reserved: [u64; 96],
    pub redemptions: [Redemption; REDEMPTIONS_MAX],
    pub reserved_tail: [u64; 5],
}

/// One trader's credit with one underwriter; terms are fixed when both have signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[cfg_attr(feature = "idl-build", derive(anchor_lang::AnchorSerialize))]
#[repr(C)]
pub struct CreditLine {
    /// Layout version: 1.
    pub version: u8,
    pub bump: u8,
    /// 0 offered, 1 accepted, 2 recalled, 3 closed.
    pub state: u8,
    /// 1 when the limit is reserved one to one in the vault.
    pub committed: u8,
    /// Mandate: bit 0 longs, bit 1 shorts.
    pub sides: u8,
    pub markets_len: u8,
    pub reserved_0: u16,
    pub vault: Pubkey,
    pub margin_account: Pubkey,
    pub trader: Pubkey,
    /// Quote atoms.
    pub limit: u64,
    pub reserved_cash: u64,
    pub drawn: u64,
    /// Per year, ppm.
    pub drawn_rate_ppm: u32,
    pub undrawn_rate_ppm: u32,
    pub call_seconds: u32,
    pub recall_notice_seconds: u32,
    /// Positions younger than this draw nothing.
    pub position_age_seconds_min: u32,
    pub reserved_1: u32,
    /// Own equity below which nothing is drawn, quote atoms.
    pub equity_floor: u64,
    /// Most that may be drawn within a minute, quote atoms, and the running minute.
    pub minute_cap: u64,
    pub minute_started_at: i64,
    pub minute_drawn: u64,
    /// Discretionary consent: amount and expiry.
    pub consent: u64,
    pub consent_expires_at: i64,
    pub offered_at: i64,
    pub active_from: i64,
    /// Running margin call; zero: none.
    pub call_opened_at: i64,
    pub call_deadline: i64,
    pub recall_at: i64,
    /// Interest accrued up to this time.
    pub accrued_at: i64,
    /// Cached conservative value and its time.
    pub value: u64,
    pub valued_at: i64,
    pub written_off: u64,
    /// Largest mandated position per market, quote atoms of notional.
    pub mandate_notional: [u64; 8],
    pub mandate_markets: [Pubkey; 8],
    pub reserved: [u64; 21],
}

/// One queued parameter change (spec §11): readable by anyone until applied or cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[cfg_attr(feature = "idl-build", derive(anchor_lang::AnchorSerialize))]
#[repr(C)]
pub struct PendingChange {
    /// Layout version: 1.
    pub version: u8,
    pub bump: u8,
    /// What is changed: 0 market parameters, 1 fee split, 2 authority, 3 guardian, 4 treasury.
    pub kind: u8,
    pub reserved_0: [u8; 5],
    pub exchange: Pubkey,
    /// The market, or zero.
    pub target: Pubkey,
    pub id: u64,
    pub queued_at: i64,
    pub applies_from: i64,
    pub expires_at: i64,
    /// A new address, for the kinds that set one.
    pub address: Pubkey,
    pub values: [u64; 8],
    pub params: MarketParams,
    pub reserved: [u64; 54],
}
