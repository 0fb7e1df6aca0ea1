//! Events of credit. Each carries what its vault holds afterwards, so that a row of them is the vault's
//! statement.

use anchor_lang::prelude::*;
use plimsoll_engine::state::CreditVault;

/// A vault's balances, quote atoms and shares.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct VaultBalances {
    pub cash: u64,
    pub reserved_cash: u64,
    pub drawn: u64,
    pub interest_receivable: u64,
    pub liens: u64,
    pub shares: u64,
    pub junior_shares: u64,
    pub queued_shares: u64,
}

impl From<&CreditVault> for VaultBalances {
    fn from(vault: &CreditVault) -> Self {
        Self {
            cash: vault.cash,
            reserved_cash: vault.reserved_cash,
            drawn: vault.drawn,
            interest_receivable: vault.interest_receivable,
            liens: vault.liens,
            shares: vault.shares,
            junior_shares: vault.junior_shares,
            queued_shares: vault.queued_shares,
        }
    }
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultOpened {
    pub version: u8,
    pub vault: Pubkey,
    pub exchange: Pubkey,
    pub underwriter: Pubkey,
    pub id: u16,
    pub redemption_notice_seconds: u32,
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharesBought {
    pub version: u8,
    pub vault: Pubkey,
    pub provider: Pubkey,
    pub junior: bool,
    pub amount: u64,
    pub shares: u64,
    pub balances: VaultBalances,
}

/// Junior shares that became ordinary ones of the underwriter's stake.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JuniorReleased {
    pub version: u8,
    pub vault: Pubkey,
    pub shares: u64,
    pub balances: VaultBalances,
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedemptionRequested {
    pub version: u8,
    pub vault: Pubkey,
    pub provider: Pubkey,
    pub ticket: u64,
    pub shares: u64,
    /// Most that will be paid for them.
    pub value: u64,
    pub balances: VaultBalances,
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedemptionCancelled {
    pub version: u8,
    pub vault: Pubkey,
    pub provider: Pubkey,
    pub ticket: u64,
    pub shares: u64,
    pub balances: VaultBalances,
}

/// Of a request that was taken back nothing is paid.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedemptionPaid {
    pub version: u8,
    pub vault: Pubkey,
    pub provider: Pubkey,
    pub ticket: u64,
    pub shares: u64,
    pub amount: u64,
    /// Shares that still wait.
    pub shares_left: u64,
    pub balances: VaultBalances,
}

/// The terms are in the line's account.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineOffered {
    pub version: u8,
    pub line: Pubkey,
    pub vault: Pubkey,
    pub margin_account: Pubkey,
    pub limit: u64,
    pub committed: bool,
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineAccepted {
    pub version: u8,
    pub line: Pubkey,
    pub vault: Pubkey,
    pub margin_account: Pubkey,
    pub limit: u64,
    /// Unix seconds from which it may be activated.
    pub active_from: i64,
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineActivated {
    pub version: u8,
    pub line: Pubkey,
    pub balances: VaultBalances,
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentGiven {
    pub version: u8,
    pub line: Pubkey,
    pub amount: u64,
    pub expires_at: i64,
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreditDrawn {
    pub version: u8,
    pub line: Pubkey,
    pub margin_account: Pubkey,
    pub amount: u64,
    pub credit_principal: u64,
    pub call_deadline: i64,
    pub balances: VaultBalances,
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreditRepaid {
    pub version: u8,
    pub line: Pubkey,
    pub margin_account: Pubkey,
    /// Out of the account's own cash, not with a payer's tokens.
    pub from_cash: bool,
    pub interest: u64,
    pub principal: u64,
    pub lien: u64,
    pub credit_principal: u64,
    pub collateral: i64,
    pub balances: VaultBalances,
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallExtended {
    pub version: u8,
    pub line: Pubkey,
    pub call_deadline: i64,
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineRecalled {
    pub version: u8,
    pub line: Pubkey,
    pub recall_at: i64,
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineValued {
    pub version: u8,
    pub line: Pubkey,
    pub drawn: u64,
    pub value: u64,
    /// Interest booked on the way.
    pub interest: u64,
    pub balances: VaultBalances,
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterestAccrued {
    pub version: u8,
    pub line: Pubkey,
    pub interest: u64,
    /// All that the account owes of it.
    pub credit_interest: u64,
    pub balances: VaultBalances,
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreditWrittenOff {
    pub version: u8,
    pub line: Pubkey,
    pub margin_account: Pubkey,
    pub principal: u64,
    pub interest: u64,
    pub junior_shares_burned: u64,
    pub lien: u64,
    pub balances: VaultBalances,
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LienCollected {
    pub version: u8,
    pub line: Pubkey,
    pub margin_account: Pubkey,
    pub amount: u64,
    pub lien: u64,
    pub collateral: i64,
    pub balances: VaultBalances,
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineClosed {
    pub version: u8,
    pub line: Pubkey,
    pub margin_account: Pubkey,
    pub balances: VaultBalances,
}
