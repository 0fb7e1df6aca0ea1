//! Deposits, withdrawals, settling, and the exchange's own cash.

use plimsoll::{accounts, instruction};
use plimsoll_engine::state::MarginAccount;
use solana_instruction::{AccountMeta, Instruction};
use solana_pubkey::Pubkey;

use super::{build, other_markets};
use crate::addresses::ExchangeAddresses;

/// `settle` of the markets in `settled`; the account's other legs are read.
pub fn settle(
    program: &Pubkey,
    address: Pubkey,
    account: &MarginAccount,
    settled: &[Pubkey],
) -> Instruction {
    let accounts = accounts::Settle {
        margin_account: address,
    };
    let mut built = build(program, &accounts, &instruction::Settle {});
    built.accounts.extend(account.entries().iter().map(|entry| {
        let market = Pubkey::from(entry.market);
        AccountMeta {
            pubkey: market,
            is_signer: false,
            is_writable: settled.contains(&market),
        }
    }));
    built
}

/// `deposit`.
pub fn deposit(
    addresses: &ExchangeAddresses,
    depositor: Pubkey,
    source: Pubkey,
    margin_account: Pubkey,
    shard: u8,
    amount: u64,
) -> Instruction {
    let accounts = accounts::Deposit {
        depositor,
        exchange: addresses.exchange,
        margin_account,
        source,
        custody_shard: addresses.custody_shard(shard),
        token_program: addresses.token_program,
    };
    build(
        &addresses.program,
        &accounts,
        &instruction::Deposit { shard, amount },
    )
}

/// Who withdraws what, and where to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Withdrawal {
    pub owner: Pubkey,
    pub margin_account: Pubkey,
    pub destination: Pubkey,
    pub shard: u8,
    pub amount: u64,
}

/// `withdraw`.
pub fn withdraw(
    addresses: &ExchangeAddresses,
    account: &MarginAccount,
    withdrawal: &Withdrawal,
) -> Instruction {
    let accounts = accounts::Withdraw {
        owner: withdrawal.owner,
        exchange: addresses.exchange,
        margin_account: withdrawal.margin_account,
        custody_shard: addresses.custody_shard(withdrawal.shard),
        custody_authority: addresses.custody_authority,
        destination: withdrawal.destination,
        token_program: addresses.token_program,
    };
    let data = instruction::Withdraw {
        shard: withdrawal.shard,
        amount: withdrawal.amount,
    };
    let mut built = build(&addresses.program, &accounts, &data);
    let legs = other_markets(account, None);
    built.accounts.extend(
        legs.iter()
            .map(|key| AccountMeta::new_readonly(*key, false)),
    );
    built
}

/// `sweep_fees`.
pub fn sweep_fees(addresses: &ExchangeAddresses, market: Pubkey) -> Instruction {
    let accounts = accounts::SweepFees {
        exchange: addresses.exchange,
        default_fund: addresses.default_fund,
        market,
    };
    build(&addresses.program, &accounts, &instruction::SweepFees {})
}

/// `collect_treasury`.
pub fn collect_treasury(addresses: &ExchangeAddresses, treasury: Pubkey, shard: u8) -> Instruction {
    let accounts = accounts::CollectTreasury {
        exchange: addresses.exchange,
        default_fund: addresses.default_fund,
        custody_shard: addresses.custody_shard(shard),
        custody_authority: addresses.custody_authority,
        treasury,
        token_program: addresses.token_program,
    };
    build(
        &addresses.program,
        &accounts,
        &instruction::CollectTreasury { shard },
    )
}

/// `rebalance_custody`.
pub fn rebalance_custody(
    addresses: &ExchangeAddresses,
    from: u8,
    to: u8,
    amount: u64,
) -> Instruction {
    let accounts = accounts::RebalanceCustody {
        exchange: addresses.exchange,
        from_shard: addresses.custody_shard(from),
        to_shard: addresses.custody_shard(to),
        custody_authority: addresses.custody_authority,
        token_program: addresses.token_program,
    };
    build(
        &addresses.program,
        &accounts,
        &instruction::RebalanceCustody { from, to, amount },
    )
}
