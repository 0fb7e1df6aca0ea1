//! Builders of every instruction. Each takes addresses and the program's own argument types, and
//! returns what a transaction needs; where a deposit in lamports comes first, it returns both.

use anchor_lang::{InstructionData, ToAccountMetas};
use plimsoll::instructions::ExchangeArgs;
use plimsoll::{accounts, instruction, MarketParams, OrderArgs};
use plimsoll_engine::seats::deposit_lamports;
use plimsoll_engine::state::MarginAccount;
use solana_instruction::{AccountMeta, Instruction};
use solana_pubkey::Pubkey;
use solana_sdk_ids::sysvar::instructions::ID as INSTRUCTIONS_SYSVAR;
use solana_system_interface::instruction as system;
use solana_system_interface::program::ID as SYSTEM_PROGRAM;

use crate::addresses::ExchangeAddresses;

fn build(
    program: &Pubkey,
    accounts: &impl ToAccountMetas,
    data: &impl InstructionData,
) -> Instruction {
    Instruction {
        program_id: *program,
        accounts: accounts.to_account_metas(None),
        data: data.data(),
    }
}

/// Markets of the account's other legs, read-only, in the order of its entries (spec §5).
pub fn other_markets(account: &MarginAccount, market: Option<&Pubkey>) -> Vec<Pubkey> {
    account
        .entries()
        .iter()
        .map(|entry| Pubkey::from(entry.market))
        .filter(|key| Some(key) != market)
        .collect()
}

/// A trader's place in one market: who signs, for which account, with which other legs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TradeAccounts {
    pub program: Pubkey,
    /// Owner or delegate.
    pub trader: Pubkey,
    pub margin_account: Pubkey,
    pub market: Pubkey,
    /// From [`other_markets`].
    pub other_markets: Vec<Pubkey>,
}

impl TradeAccounts {
    fn with_others(&self, mut built: Instruction) -> Instruction {
        let others = self
            .other_markets
            .iter()
            .map(|key| AccountMeta::new_readonly(*key, false));
        built.accounts.extend(others);
        built
    }

    fn place_accounts(&self) -> accounts::PlaceOrder {
        accounts::PlaceOrder {
            trader: self.trader,
            margin_account: self.margin_account,
            market: self.market,
        }
    }

    fn cancel_accounts(&self) -> accounts::CancelOrder {
        accounts::CancelOrder {
            trader: self.trader,
            margin_account: self.margin_account,
            market: self.market,
        }
    }

    /// `place_order`.
    pub fn place_order(&self, order: OrderArgs) -> Instruction {
        let data = instruction::PlaceOrder { order };
        self.with_others(build(&self.program, &self.place_accounts(), &data))
    }

    /// `place_orders`.
    pub fn place_orders(&self, orders: Vec<OrderArgs>) -> Instruction {
        let data = instruction::PlaceOrders { orders };
        self.with_others(build(&self.program, &self.place_accounts(), &data))
    }

    /// `cancel_order`.
    pub fn cancel_order(&self, seat: u32, order: u32, sequence: u64) -> Instruction {
        let data = instruction::CancelOrder {
            seat,
            order,
            sequence,
        };
        build(&self.program, &self.cancel_accounts(), &data)
    }

    /// `cancel_order_by_client_id`.
    pub fn cancel_order_by_client_id(&self, seat: u32, client_id: u64) -> Instruction {
        let data = instruction::CancelOrderByClientId { seat, client_id };
        build(&self.program, &self.cancel_accounts(), &data)
    }

    /// `cancel_all_orders`.
    pub fn cancel_all_orders(&self, seat: u32, limit: u8) -> Instruction {
        let data = instruction::CancelAllOrders { seat, limit };
        build(&self.program, &self.cancel_accounts(), &data)
    }
}

/// `remove_expired_order`.
pub fn remove_expired_order(
    program: &Pubkey,
    market: Pubkey,
    order: u32,
    sequence: u64,
) -> Instruction {
    let accounts = accounts::RemoveExpiredOrder { market };
    build(
        program,
        &accounts,
        &instruction::RemoveExpiredOrder { order, sequence },
    )
}

/// `refresh_mark` with one to three price accounts.
pub fn refresh_mark(
    addresses: &ExchangeAddresses,
    market: Pubkey,
    feeds: &[Pubkey],
) -> Instruction {
    let accounts = accounts::RefreshMark {
        market,
        mark: addresses.mark(&market),
    };
    let mut built = build(&addresses.program, &accounts, &instruction::RefreshMark {});
    built.accounts.extend(
        feeds
            .iter()
            .map(|feed| AccountMeta::new_readonly(*feed, false)),
    );
    built
}

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

/// `create_margin_account`.
pub fn create_margin_account(
    addresses: &ExchangeAddresses,
    owner: Pubkey,
    sub_account: u16,
) -> Instruction {
    let accounts = accounts::CreateMarginAccount {
        owner,
        exchange: addresses.exchange,
        margin_account: addresses.margin_account(&owner, sub_account),
        system_program: SYSTEM_PROGRAM,
    };
    build(
        &addresses.program,
        &accounts,
        &instruction::CreateMarginAccount { sub_account },
    )
}

/// `set_delegate`; the zero key removes the delegate.
pub fn set_delegate(
    program: &Pubkey,
    owner: Pubkey,
    margin_account: Pubkey,
    delegate: Pubkey,
) -> Instruction {
    let accounts = accounts::SetDelegate {
        owner,
        margin_account,
    };
    build(program, &accounts, &instruction::SetDelegate { delegate })
}

/// `close_margin_account`.
pub fn close_margin_account(
    program: &Pubkey,
    owner: Pubkey,
    margin_account: Pubkey,
) -> Instruction {
    let accounts = accounts::CloseMarginAccount {
        owner,
        margin_account,
    };
    build(program, &accounts, &instruction::CloseMarginAccount {})
}

/// The deposit of a seat and `claim_seat`, in the order in which a transaction must have them.
pub fn claim_seat(
    program: &Pubkey,
    owner: Pubkey,
    margin_account: Pubkey,
    market: Pubkey,
    order_slots: u8,
) -> [Instruction; 2] {
    let accounts = accounts::ClaimSeat {
        owner,
        margin_account,
        market,
    };
    [
        system::transfer(&owner, &market, deposit_lamports(order_slots)),
        build(program, &accounts, &instruction::ClaimSeat { order_slots }),
    ]
}

/// `release_seat`.
pub fn release_seat(
    program: &Pubkey,
    owner: Pubkey,
    margin_account: Pubkey,
    market: Pubkey,
) -> Instruction {
    let accounts = accounts::ReleaseSeat {
        owner,
        margin_account,
        market,
    };
    build(program, &accounts, &instruction::ReleaseSeat {})
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

/// The rent of the new bytes and `grow_market`.
pub fn grow_market(
    program: &Pubkey,
    payer: Pubkey,
    market: Pubkey,
    rent_lamports: u64,
) -> [Instruction; 2] {
    [
        system::transfer(&payer, &market, rent_lamports),
        build(
            program,
            &accounts::GrowMarket { market },
            &instruction::GrowMarket {},
        ),
    ]
}

/// `initialize_exchange`.
pub fn initialize_exchange(
    addresses: &ExchangeAddresses,
    payer: Pubkey,
    authority: Pubkey,
    treasury: Pubkey,
    args: ExchangeArgs,
) -> Instruction {
    let accounts = accounts::InitializeExchange {
        payer,
        authority,
        collateral_mint: addresses.collateral_mint,
        exchange: addresses.exchange,
        default_fund: addresses.default_fund,
        treasury,
        token_program: addresses.token_program,
        system_program: SYSTEM_PROGRAM,
        instructions: INSTRUCTIONS_SYSVAR,
    };
    build(
        &addresses.program,
        &accounts,
        &instruction::InitializeExchange { args },
    )
}

/// `create_custody_shard`.
pub fn create_custody_shard(
    addresses: &ExchangeAddresses,
    payer: Pubkey,
    authority: Pubkey,
    shard: u8,
) -> Instruction {
    let accounts = accounts::CreateCustodyShard {
        payer,
        authority,
        exchange: addresses.exchange,
        collateral_mint: addresses.collateral_mint,
        custody_shard: addresses.custody_shard(shard),
        token_program: addresses.token_program,
        system_program: SYSTEM_PROGRAM,
        instructions: INSTRUCTIONS_SYSVAR,
    };
    build(
        &addresses.program,
        &accounts,
        &instruction::CreateCustodyShard { shard },
    )
}

/// A market that is to be created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewMarket {
    pub payer: Pubkey,
    pub authority: Pubkey,
    /// Signs its own creation.
    pub market: Pubkey,
    pub symbol: [u8; 16],
    /// Size of the account, bytes.
    pub size: u64,
    /// Rent of that size, lamports.
    pub rent_lamports: u64,
    pub params: MarketParams,
}

/// Creates the market account and opens the market, in one transaction.
pub fn create_market(addresses: &ExchangeAddresses, new: &NewMarket) -> [Instruction; 2] {
    let accounts = accounts::CreateMarket {
        payer: new.payer,
        authority: new.authority,
        exchange: addresses.exchange,
        market: new.market,
        mark: addresses.mark(&new.market),
        system_program: SYSTEM_PROGRAM,
        instructions: INSTRUCTIONS_SYSVAR,
    };
    let data = instruction::CreateMarket {
        symbol: new.symbol,
        params: new.params,
    };
    [
        system::create_account(
            &new.payer,
            &new.market,
            new.rent_lamports,
            new.size,
            &addresses.program,
        ),
        build(&addresses.program, &accounts, &data),
    ]
}

/// A market's name as its account stores it; `None` when empty or longer than sixteen bytes.
pub fn symbol(name: &str) -> Option<[u8; 16]> {
    let mut symbol = [0; 16];
    if name.is_empty() {
        return None;
    }
    symbol
        .get_mut(..name.len())?
        .copy_from_slice(name.as_bytes());
    Some(symbol)
}
