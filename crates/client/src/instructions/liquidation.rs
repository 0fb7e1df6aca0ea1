//! Liquidation, takeover, tear-up, and what loss events leave.

use anchor_lang::InstructionData;
use plimsoll::{accounts, instruction};
use plimsoll_engine::state::MarginAccount;
use solana_instruction::{AccountMeta, Instruction};
use solana_pubkey::Pubkey;

use super::{build, other_markets};
use crate::addresses::ExchangeAddresses;

/// The credit line of an account, and where its cash lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreditKeys {
    pub line: Pubkey,
    pub vault: Pubkey,
    pub vault_cash: Pubkey,
}

/// An account to be liquidated, in the market of the leg that comes next
/// ([`crate::preview::AccountView::liquidation_leg`]).
#[derive(Clone, Copy, Debug)]
pub struct Liquidation<'a> {
    pub addresses: &'a ExchangeAddresses,
    pub margin_account: Pubkey,
    pub account: &'a MarginAccount,
    pub market: Pubkey,
    /// Margin account that is reimbursed.
    pub beneficiary: Pubkey,
    /// The account's line; needed when it has one.
    pub credit: Option<CreditKeys>,
}

impl Liquidation<'_> {
    fn with_others(&self, mut built: Instruction, writable: &[Pubkey]) -> Instruction {
        let others = other_markets(self.account, Some(&self.market));
        built
            .accounts
            .extend(others.into_iter().map(|pubkey| AccountMeta {
                pubkey,
                is_signer: false,
                is_writable: writable.contains(&pubkey),
            }));
        built
    }

    /// `liquidate`: a draw goes through custody shard `shard`; orders leave the books of the market and of
    /// those in `cancelled`.
    pub fn liquidate(&self, shard: u8, cancelled: &[Pubkey]) -> Instruction {
        let data = instruction::Liquidate { shard };
        self.with_credit(&data, shard, cancelled)
    }

    /// `join_auction` of the market, which is halted; otherwise as `liquidate`.
    pub fn join_auction(&self, shard: u8, cancelled: &[Pubkey]) -> Instruction {
        let data = instruction::JoinAuction { shard };
        self.with_credit(&data, shard, cancelled)
    }

    fn with_credit(
        &self,
        data: &impl InstructionData,
        shard: u8,
        cancelled: &[Pubkey],
    ) -> Instruction {
        let credit = self.credit.as_ref();
        let accounts = accounts::Liquidate {
            exchange: self.addresses.exchange,
            default_fund: self.addresses.default_fund,
            margin_account: self.margin_account,
            beneficiary: self.beneficiary,
            market: self.market,
            line: credit.map(|keys| keys.line),
            vault: credit.map(|keys| keys.vault),
            vault_cash: credit.map(|keys| keys.vault_cash),
            custody_shard: credit.map(|_| self.addresses.custody_shard(shard)),
            token_program: credit.map(|_| self.addresses.token_program),
        };
        self.with_others(build(&self.addresses.program, &accounts, data), cancelled)
    }

    /// `take_over` by a taker, whose owner or delegate signs.
    pub fn take_over(
        &self,
        trader: Pubkey,
        taker: (Pubkey, &MarginAccount),
        lots_max: u64,
    ) -> Instruction {
        let accounts = accounts::TakeOver {
            trader,
            margin_account: self.margin_account,
            taker: taker.0,
            market: self.market,
            line: self.credit.map(|keys| keys.line),
            vault: self.credit.map(|keys| keys.vault),
            vault_cash: self.credit.map(|keys| keys.vault_cash),
        };
        let data = instruction::TakeOver { lots_max };
        let mut built = self.with_others(build(&self.addresses.program, &accounts, &data), &[]);
        let others = other_markets(taker.1, Some(&self.market));
        built.accounts.extend(
            others
                .into_iter()
                .map(|market| AccountMeta::new_readonly(market, false)),
        );
        built
    }

    /// `tear_up`.
    pub fn tear_up(&self) -> Instruction {
        let accounts = accounts::TearUp {
            exchange: self.addresses.exchange,
            default_fund: self.addresses.default_fund,
            margin_account: self.margin_account,
            beneficiary: self.beneficiary,
            market: self.market,
            mark: self.addresses.mark(&self.market),
            line: self.credit.map(|keys| keys.line),
            vault: self.credit.map(|keys| keys.vault),
            vault_cash: self.credit.map(|keys| keys.vault_cash),
        };
        let built = build(&self.addresses.program, &accounts, &instruction::TearUp {});
        self.with_others(built, &[])
    }
}

/// `close_remainder`.
pub fn close_remainder(
    addresses: &ExchangeAddresses,
    margin_account: Pubkey,
    market: Pubkey,
) -> Instruction {
    let accounts = accounts::CloseRemainder {
        margin_account,
        market,
        mark: addresses.mark(&market),
    };
    build(
        &addresses.program,
        &accounts,
        &instruction::CloseRemainder {},
    )
}

/// `sync_seat` from the epoch end at block `end`.
pub fn sync_seat(
    program: &Pubkey,
    margin_account: Pubkey,
    market: Pubkey,
    seat: u32,
    end: u32,
) -> Instruction {
    let accounts = accounts::SyncSeat {
        margin_account,
        market,
    };
    build(program, &accounts, &instruction::SyncSeat { seat, end })
}
