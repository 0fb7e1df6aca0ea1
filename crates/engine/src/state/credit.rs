//! Credit vaults, stakes in them and credit lines: layouts of spec §10.

use bytemuck::{NoUninit, Pod, Zeroable};

use super::Pubkey;

/// Lines that one vault may have at once.
pub const VAULT_LINES_MAX: usize = 32;

/// Markets that a mandate may name.
pub const MANDATE_MARKETS_MAX: usize = 8;

/// What a vault knows of one of its lines without reading it: enough to value the vault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[cfg_attr(feature = "idl-build", derive(anchor_lang::AnchorSerialize))]
#[repr(C)]
pub struct LineSlot {
    /// Limit of the line, quote atoms; zero: the slot is free.
    pub limit: u64,
    /// Principal lent on the line, quote atoms.
    pub drawn: u64,
    /// Conservative value of that principal, at most `drawn`, and when it was taken.
    pub value: u64,
    pub valued_at: i64,
    /// Interest is accrued up to this time; zero: the line is not active, and none runs.
    pub accrued_at: i64,
    /// Per year, ppm, of the drawn and of the undrawn part.
    pub drawn_rate_ppm: u32,
    pub undrawn_rate_ppm: u32,
}

/// An underwriter's own pool. Never shared between underwriters (spec §10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[cfg_attr(feature = "idl-build", derive(anchor_lang::AnchorSerialize))]
#[repr(C)]
pub struct CreditVault {
    /// Layout version: 1.
    pub version: u8,
    pub bump: u8,
    pub id: u16,
    /// Slots in use, at most [`VAULT_LINES_MAX`].
    pub lines: u32,
    pub exchange: Pubkey,
    pub underwriter: Pubkey,
    /// The vault's own token account; its cash is not in custody.
    pub cash_account: Pubkey,
    /// Quote atoms in the cash account that belong to the vault: donations are not counted.
    pub cash: u64,
    /// Part of `cash` promised to committed lines, quote atoms; at most `cash`.
    pub reserved_cash: u64,
    /// Principal lent, quote atoms: the sum over the slots.
    pub drawn: u64,
    /// Sum of the limits of the lines in the slots, quote atoms.
    pub limits: u64,
    /// Interest accrued and not yet paid, quote atoms.
    pub interest_receivable: u64,
    /// Liens of past write-offs that may still be collected, quote atoms: worth nothing to who leaves.
    pub liens: u64,
    /// Part of `liens` that burned junior shares paid for, quote atoms: it is collected last, and gives
    /// the junior stake its shares back.
    pub liens_junior: u64,
    /// All shares, the junior and the queued ones included.
    pub shares: u64,
    /// The underwriter's own locked shares: they lose first.
    pub junior_shares: u64,
    /// Shares that wait to be redeemed.
    pub queued_shares: u64,
    /// Ticket of the next redemption, and of the first that waits; equal when none does. Begin at 1.
    pub next_ticket: u64,
    pub head_ticket: u64,
    /// Time between the request of a redemption and its payment, and between the acceptance of a line
    /// and its start, seconds.
    pub redemption_notice_seconds: u32,
    /// Bump of the cash account.
    pub cash_bump: u8,
    pub reserved_0: [u8; 3],
    pub created_at: i64,
    /// Totals for history, quote atoms.
    pub interest_total: u64,
    pub written_off_total: u64,
    pub liens_collected_total: u64,
    pub slots: [LineSlot; VAULT_LINES_MAX],
    pub reserved: [u64; 289],
}

/// One provider's shares of a vault, and its place in the queue of those who leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[cfg_attr(feature = "idl-build", derive(anchor_lang::AnchorSerialize))]
#[repr(C)]
pub struct VaultStake {
    /// Layout version: 1.
    pub version: u8,
    pub bump: u8,
    pub reserved_0: [u8; 6],
    pub vault: Pubkey,
    pub provider: Pubkey,
    /// Shares owned, the queued ones included.
    pub shares: u64,
    /// Shares that wait to be redeemed; at most `shares`.
    pub queued_shares: u64,
    /// What they were worth when requested, quote atoms: never more than this is paid for them.
    pub queued_value: u64,
    /// Place in the queue; zero: none.
    pub ticket: u64,
    pub requested_at: i64,
    /// Totals for history, quote atoms.
    pub paid_in_total: u64,
    pub paid_out_total: u64,
    pub reserved: [u64; 7],
}

/// Where a line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NoUninit)]
#[repr(u8)]
pub enum LineState {
    /// Signed by the underwriter alone.
    Offered = 0,
    /// Signed by both; it starts when the redemption notice has passed.
    Accepted = 1,
    Active = 2,
    /// Given back, or written off.
    Closed = 3,
}

impl LineState {
    /// The byte as stored.
    pub const fn byte(self) -> u8 {
        bytemuck::must_cast(self)
    }
}

/// One trader's credit with one underwriter; terms are fixed when both have signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[cfg_attr(feature = "idl-build", derive(anchor_lang::AnchorSerialize))]
#[repr(C)]
pub struct CreditLine {
    /// Layout version: 1.
    pub version: u8,
    pub bump: u8,
    /// [`LineState`].
    pub state: u8,
    /// 1 when the limit is reserved one to one in the vault.
    pub committed: u8,
    /// Mandate: bit 0 longs, bit 1 shorts.
    pub sides: u8,
    pub markets_len: u8,
    /// The line's place among the vault's slots, from acceptance to the close.
    pub slot: u16,
    pub vault: Pubkey,
    pub margin_account: Pubkey,
    /// Owner of the margin account.
    pub trader: Pubkey,
    /// Quote atoms.
    pub limit: u64,
    /// Part of the vault's reserved cash that is this line's, quote atoms.
    pub reserved_cash: u64,
    /// D as the vault sees it, quote atoms; at most `limit`.
    pub drawn: u64,
    /// Per year, ppm.
    pub drawn_rate_ppm: u32,
    pub undrawn_rate_ppm: u32,
    pub call_seconds: u32,
    pub recall_notice_seconds: u32,
    /// Positions younger than this draw nothing, seconds.
    pub position_age_seconds_min: u32,
    pub reserved_1: u32,
    /// Own equity below which nothing is drawn, quote atoms.
    pub equity_floor: u64,
    /// Most that may be drawn within a minute, quote atoms.
    pub minute_cap: u64,
    /// Last draw, and what was drawn without a pause of a minute up to it, quote atoms.
    pub last_draw_at: i64,
    pub minute_drawn: u64,
    /// Discretionary consent: quote atoms still allowed, and until when.
    pub consent: u64,
    pub consent_expires_at: i64,
    pub offered_at: i64,
    /// From when an accepted line may be activated.
    pub active_from: i64,
    /// Running margin call; zero: none.
    pub call_opened_at: i64,
    pub call_deadline: i64,
    /// From when nothing may be drawn any more; zero: not recalled.
    pub recall_at: i64,
    /// Interest accrued up to this time.
    pub accrued_at: i64,
    /// Quote atoms of principal and interest that became a lien.
    pub written_off: u64,
    /// Largest mandated position per market, quote atoms of notional.
    pub mandate_notional: [u64; MANDATE_MARKETS_MAX],
    pub mandate_markets: [Pubkey; MANDATE_MARKETS_MAX],
    pub reserved: [u64; 23],
}
