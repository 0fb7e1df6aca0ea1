//! Where the program's accounts lie. Every function takes the program id: clusters have their own.

use plimsoll::instructions::{
    CUSTODY_AUTHORITY_SEED, CUSTODY_SEED, DEFAULT_FUND_SEED, EXCHANGE_SEED, LINE_SEED, MARGIN_SEED,
    MARK_SEED, PENDING_SEED, STAKE_SEED, VAULT_CASH_SEED, VAULT_SEED,
};
use solana_pubkey::Pubkey;

/// The id of the localnet's program, whose key pair is published in `migrations/keys`.
pub const LOCALNET_PROGRAM_ID: Pubkey = plimsoll::ID;

fn find(program: &Pubkey, seeds: &[&[u8]]) -> Pubkey {
    Pubkey::find_program_address(seeds, program).0
}

/// What belongs to one exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExchangeAddresses {
    pub program: Pubkey,
    pub exchange: Pubkey,
    pub default_fund: Pubkey,
    pub custody_authority: Pubkey,
    pub collateral_mint: Pubkey,
    pub token_program: Pubkey,
}

impl ExchangeAddresses {
    /// The exchange that `authority` created for `collateral_mint`.
    pub fn new(
        program: Pubkey,
        collateral_mint: Pubkey,
        token_program: Pubkey,
        authority: &Pubkey,
    ) -> Self {
        let exchange = find(
            &program,
            &[EXCHANGE_SEED, collateral_mint.as_ref(), authority.as_ref()],
        );
        Self {
            program,
            exchange,
            default_fund: find(&program, &[DEFAULT_FUND_SEED, exchange.as_ref()]),
            custody_authority: find(&program, &[CUSTODY_AUTHORITY_SEED, exchange.as_ref()]),
            collateral_mint,
            token_program,
        }
    }

    /// Custody shard number `shard`.
    pub fn custody_shard(&self, shard: u8) -> Pubkey {
        find(
            &self.program,
            &[CUSTODY_SEED, self.exchange.as_ref(), &[shard]],
        )
    }

    /// Margin account `sub_account` of `owner`.
    pub fn margin_account(&self, owner: &Pubkey, sub_account: u16) -> Pubkey {
        margin_account(&self.program, &self.exchange, owner, sub_account)
    }

    /// The queued change number `id`.
    pub fn pending_change(&self, id: u64) -> Pubkey {
        let number = id.to_le_bytes();
        find(
            &self.program,
            &[PENDING_SEED, self.exchange.as_ref(), &number],
        )
    }

    /// The `Mark` account of a market.
    pub fn mark(&self, market: &Pubkey) -> Pubkey {
        mark(&self.program, market)
    }
}

/// Margin account `sub_account` of `owner` in `exchange`.
pub fn margin_account(
    program: &Pubkey,
    exchange: &Pubkey,
    owner: &Pubkey,
    sub_account: u16,
) -> Pubkey {
    let number = sub_account.to_le_bytes();
    find(
        program,
        &[MARGIN_SEED, exchange.as_ref(), owner.as_ref(), &number],
    )
}

/// The `Mark` account of a market.
pub fn mark(program: &Pubkey, market: &Pubkey) -> Pubkey {
    find(program, &[MARK_SEED, market.as_ref()])
}

/// The token account of a credit vault's cash.
pub fn vault_cash(program: &Pubkey, vault: &Pubkey) -> Pubkey {
    find(program, &[VAULT_CASH_SEED, vault.as_ref()])
}

/// Credit vault number `id` of an underwriter.
pub fn vault(program: &Pubkey, underwriter: &Pubkey, id: u16) -> Pubkey {
    find(
        program,
        &[VAULT_SEED, underwriter.as_ref(), &id.to_le_bytes()],
    )
}

/// A provider's stake in a credit vault.
pub fn vault_stake(program: &Pubkey, vault: &Pubkey, provider: &Pubkey) -> Pubkey {
    find(program, &[STAKE_SEED, vault.as_ref(), provider.as_ref()])
}

/// The line between a credit vault and a margin account.
pub fn credit_line(program: &Pubkey, vault: &Pubkey, margin_account: &Pubkey) -> Pubkey {
    find(
        program,
        &[LINE_SEED, vault.as_ref(), margin_account.as_ref()],
    )
}
