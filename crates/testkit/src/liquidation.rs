//! Calls of liquidation and losses. The keeper is an actor of its own, with a margin account.

use plimsoll_client::instructions::{self, CreditKeys, Liquidation};
use plimsoll_engine::liquidation::Legs;
use solana_instruction::Instruction;
use solana_pubkey::Pubkey;

use crate::actor::Actor;
use crate::send::Outcome;
use crate::world::World;

impl World {
    /// Who liquidates in tests, and whose margin account is reimbursed; made at the first call.
    pub fn keeper(&mut self) -> Actor {
        let keeper = Actor::from("keeper");
        let address = self.margin_address(keeper);
        if self.svm.get_account(&address).is_none() {
            self.create_margin_account(keeper).unwrap();
        }
        keeper
    }

    /// The account's legs as liquidation sees them; panics when it cannot be read.
    pub fn legs(&self, actor: impl Into<Actor>) -> Legs {
        self.view(actor).liquidation_legs(None, self.now()).unwrap()
    }

    /// Line, vault and cash account of an actor's credit line.
    pub fn credit_keys(&self, actor: impl Into<Actor>) -> Option<CreditKeys> {
        let line = Pubkey::from(self.account(actor).credit_line);
        (line != Pubkey::default()).then(|| {
            let vault = plimsoll_client::accounts::credit_line(&self.data(&line))
                .unwrap()
                .vault
                .into();
            CreditKeys {
                line,
                vault,
                vault_cash: plimsoll_client::addresses::vault_cash(&self.addresses.program, &vault),
            }
        })
    }

    fn with_liquidation<T>(
        &self,
        actor: Actor,
        symbol: &str,
        build: impl FnOnce(&Liquidation<'_>) -> T,
    ) -> T {
        build(&Liquidation {
            addresses: &self.addresses,
            margin_account: self.margin_address(actor),
            account: &self.account(actor),
            market: self.market_address(symbol),
            beneficiary: self.margin_address("keeper"),
            credit: self.credit_keys(actor),
        })
    }

    pub fn liquidate_ix(&self, actor: impl Into<Actor>, symbol: &str) -> Instruction {
        let actor = actor.into();
        let rests = self.view(actor).markets_with_orders();
        self.with_liquidation(actor, symbol, |call| call.liquidate(0, &rests))
    }

    /// `liquidate` of the leg in `symbol`, by the keeper.
    pub fn liquidate(&mut self, actor: impl Into<Actor>, symbol: &str) -> Outcome {
        let keeper = self.keeper();
        let instruction = self.liquidate_ix(actor, symbol);
        self.send(&[instruction], &[keeper])
    }

    pub fn join_auction_ix(&self, actor: impl Into<Actor>, symbol: &str) -> Instruction {
        let actor = actor.into();
        let rests = self.view(actor).markets_with_orders();
        self.with_liquidation(actor, symbol, |call| call.join_auction(0, &rests))
    }

    /// `join_auction` of the leg in `symbol`, by the keeper.
    pub fn join_auction(&mut self, actor: impl Into<Actor>, symbol: &str) -> Outcome {
        let keeper = self.keeper();
        let instruction = self.join_auction_ix(actor, symbol);
        self.send(&[instruction], &[keeper])
    }

    pub fn take_over_ix(
        &self,
        taker: impl Into<Actor>,
        actor: impl Into<Actor>,
        symbol: &str,
        lots_max: u64,
    ) -> Instruction {
        let taker = taker.into();
        let account = self.account(taker);
        let named = (self.margin_address(taker), &account);
        self.with_liquidation(actor.into(), symbol, |call| {
            call.take_over(taker.key(), named, lots_max)
        })
    }

    /// `take_over` by `taker` of the leg in `symbol`.
    pub fn take_over(
        &mut self,
        taker: impl Into<Actor>,
        actor: impl Into<Actor>,
        symbol: &str,
        lots_max: u64,
    ) -> Outcome {
        let taker = taker.into();
        let instruction = self.take_over_ix(taker, actor, symbol, lots_max);
        self.send(&[instruction], &[taker])
    }

    pub fn tear_up_ix(&self, actor: impl Into<Actor>, symbol: &str) -> Instruction {
        self.with_liquidation(actor.into(), symbol, |call| call.tear_up())
    }

    /// `tear_up` of the leg in `symbol`, by the keeper.
    pub fn tear_up(&mut self, actor: impl Into<Actor>, symbol: &str) -> Outcome {
        let keeper = self.keeper();
        let instruction = self.tear_up_ix(actor, symbol);
        self.send(&[instruction], &[keeper])
    }

    /// `close_remainder`, by the keeper.
    pub fn close_remainder(&mut self, actor: impl Into<Actor>, symbol: &str) -> Outcome {
        let keeper = self.keeper();
        let margin = self.margin_address(actor);
        let market = self.market_address(symbol);
        let instruction = instructions::close_remainder(&self.addresses, margin, market);
        self.send(&[instruction], &[keeper])
    }

    /// `sync_seat` from the end at block `end`, by the keeper.
    pub fn sync_seat(&mut self, actor: impl Into<Actor>, symbol: &str, end: u32) -> Outcome {
        let (keeper, actor) = (self.keeper(), actor.into());
        let seat = self.seat_index(actor, symbol);
        let instruction = instructions::sync_seat(
            &self.addresses.program,
            self.margin_address(actor),
            self.market_address(symbol),
            seat,
            end,
        );
        self.send(&[instruction], &[keeper])
    }
}
