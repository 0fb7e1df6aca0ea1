//! Calls that move cash and orders.

use plimsoll_client::instructions::{self, TradeAccounts, Withdrawal};
use plimsoll_client::OrderArgs;
use solana_instruction::Instruction;
use solana_pubkey::Pubkey;

use crate::actor::Actor;
use crate::send::Outcome;
use crate::world::World;

impl World {
    pub fn deposit_ix(&self, actor: impl Into<Actor>, shard: u8, amount: u64) -> Instruction {
        let actor = actor.into();
        let margin = self.margin_address(actor);
        let (key, source) = (actor.key(), actor.token_account());
        instructions::deposit(&self.addresses, key, source, margin, shard, amount)
    }

    /// `deposit` from the actor's wallet through shard 0.
    pub fn deposit(&mut self, actor: impl Into<Actor>, amount: u64) -> Outcome {
        self.deposit_through(actor, 0, amount)
    }

    /// `deposit` from the actor's wallet through any shard.
    pub fn deposit_through(&mut self, actor: impl Into<Actor>, shard: u8, amount: u64) -> Outcome {
        let actor = actor.into();
        self.fund_wallet(actor);
        let instruction = self.deposit_ix(actor, shard, amount);
        self.send(&[instruction], &[actor])
    }

    pub fn withdraw_ix(&self, actor: impl Into<Actor>, shard: u8, amount: u64) -> Instruction {
        let actor = actor.into();
        let withdrawal = Withdrawal {
            owner: actor.key(),
            margin_account: self.margin_address(actor),
            destination: actor.token_account(),
            shard,
            amount,
        };
        instructions::withdraw(&self.addresses, &self.account(actor), &withdrawal)
    }

    /// `withdraw` to the actor's wallet out of shard 0.
    pub fn withdraw(&mut self, actor: impl Into<Actor>, amount: u64) -> Outcome {
        let actor = actor.into();
        let instruction = self.withdraw_ix(actor, 0, amount);
        self.send(&[instruction], &[actor])
    }

    /// `settle` of the named markets; the account's other legs are read.
    pub fn settle_ix(&self, actor: impl Into<Actor>, symbols: &[&str]) -> Instruction {
        let actor = actor.into();
        let settled: Vec<Pubkey> = symbols
            .iter()
            .map(|name| self.market_address(name))
            .collect();
        let (margin, account) = (self.margin_address(actor), self.account(actor));
        instructions::settle(&self.addresses.program, margin, &account, &settled)
    }

    /// `settle`, which anyone may send.
    pub fn settle(&mut self, actor: impl Into<Actor>, symbols: &[&str]) -> Outcome {
        let instruction = self.settle_ix(actor, symbols);
        self.send(&[instruction], &["keeper".into()])
    }

    pub fn refresh_ix(&self, symbol: &str) -> Instruction {
        let feeds: Vec<Pubkey> = (0..usize::from(self.handle(symbol).params.feeds_len))
            .map(|feed| self.feed(symbol, feed))
            .collect();
        instructions::refresh_mark(&self.addresses, self.market_address(symbol), &feeds)
    }

    /// An actor's place in a market, with the account's other legs as they are now.
    pub fn trade_accounts(&self, actor: impl Into<Actor>, symbol: &str) -> TradeAccounts {
        let actor = actor.into();
        let market = self.market_address(symbol);
        TradeAccounts {
            program: self.addresses.program,
            trader: actor.key(),
            margin_account: self.margin_address(actor),
            market,
            other_markets: instructions::other_markets(&self.account(actor), Some(&market)),
        }
    }

    fn with_seat(&self, actor: Actor, symbol: &str, mut order: OrderArgs) -> OrderArgs {
        if order.seat == 0 {
            order.seat = self.seat_index(actor, symbol);
        }
        order
    }

    pub fn place_ix(&self, actor: impl Into<Actor>, symbol: &str, order: OrderArgs) -> Instruction {
        let actor = actor.into();
        self.trade_accounts(actor, symbol)
            .place_order(self.with_seat(actor, symbol, order))
    }

    /// `place_order`.
    pub fn place(&mut self, actor: impl Into<Actor>, symbol: &str, order: OrderArgs) -> Outcome {
        let actor = actor.into();
        let instruction = self.place_ix(actor, symbol, order);
        self.send(&[instruction], &[actor])
    }

    /// `place_orders`.
    pub fn place_many(
        &mut self,
        actor: impl Into<Actor>,
        symbol: &str,
        orders: &[OrderArgs],
    ) -> Outcome {
        let actor = actor.into();
        let orders = orders
            .iter()
            .map(|order| self.with_seat(actor, symbol, *order))
            .collect();
        let instruction = self.trade_accounts(actor, symbol).place_orders(orders);
        self.send_within(1_400_000, &[instruction], &[actor])
    }

    /// `cancel_order` by hint and sequence.
    pub fn cancel_ix(
        &self,
        actor: impl Into<Actor>,
        symbol: &str,
        order: u32,
        sequence: u64,
    ) -> Instruction {
        let actor = actor.into();
        let seat = self.seat_index(actor, symbol);
        self.trade_accounts(actor, symbol)
            .cancel_order(seat, order, sequence)
    }

    /// `cancel_order` by hint and sequence.
    pub fn cancel(
        &mut self,
        actor: impl Into<Actor>,
        symbol: &str,
        order: u32,
        sequence: u64,
    ) -> Outcome {
        let actor = actor.into();
        let instruction = self.cancel_ix(actor, symbol, order, sequence);
        self.send(&[instruction], &[actor])
    }

    /// `cancel_order_by_client_id`.
    pub fn cancel_by_client_id(
        &mut self,
        actor: impl Into<Actor>,
        symbol: &str,
        client_id: u64,
    ) -> Outcome {
        let actor = actor.into();
        let seat = self.seat_index(actor, symbol);
        let instruction = self
            .trade_accounts(actor, symbol)
            .cancel_order_by_client_id(seat, client_id);
        self.send(&[instruction], &[actor])
    }

    /// `cancel_all_orders`, at most `limit`.
    pub fn cancel_all(&mut self, actor: impl Into<Actor>, symbol: &str, limit: u8) -> Outcome {
        let actor = actor.into();
        let seat = self.seat_index(actor, symbol);
        let instruction = self
            .trade_accounts(actor, symbol)
            .cancel_all_orders(seat, limit);
        self.send(&[instruction], &[actor])
    }

    pub fn remove_expired_ix(&self, symbol: &str, order: u32, sequence: u64) -> Instruction {
        let market = self.market_address(symbol);
        instructions::remove_expired_order(&self.addresses.program, market, order, sequence)
    }

    /// `remove_expired_order`; anyone may.
    pub fn remove_expired(&mut self, symbol: &str, order: u32, sequence: u64) -> Outcome {
        let instruction = self.remove_expired_ix(symbol, order, sequence);
        self.send(&[instruction], &["keeper".into()])
    }

    /// Sends test USDC from a wallet straight to a custody shard, outside `deposit`.
    pub fn donate(&mut self, actor: impl Into<Actor>, shard: u8, amount: u64) {
        let actor = actor.into();
        self.fund_wallet(actor);
        let instruction = spl_token_interface::instruction::transfer(
            &self.addresses.token_program,
            &actor.token_account(),
            &self.addresses.custody_shard(shard),
            &actor.key(),
            &[],
            amount,
        )
        .unwrap();
        self.send(&[instruction], &[actor]).unwrap();
        self.donated += amount;
    }
}
