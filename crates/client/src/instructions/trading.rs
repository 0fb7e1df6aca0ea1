//! Orders, cancels and marks.

use plimsoll::{accounts, instruction, OrderArgs};
use plimsoll_engine::state::MarginAccount;
use solana_instruction::{AccountMeta, Instruction};
use solana_pubkey::Pubkey;

use super::build;
use crate::addresses::ExchangeAddresses;

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

/// `advance_halt`: at most `steps_max` orders of a halted market's auction.
pub fn advance_halt(addresses: &ExchangeAddresses, market: Pubkey, steps_max: u16) -> Instruction {
    let accounts = accounts::AdvanceHalt {
        market,
        mark: addresses.mark(&market),
    };
    let data = instruction::AdvanceHalt { steps_max };
    build(&addresses.program, &accounts, &data)
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
