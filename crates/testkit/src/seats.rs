//! Calls about margin accounts and seats.

use plimsoll_client::instructions;
use solana_instruction::Instruction;
use solana_pubkey::Pubkey;

use crate::actor::Actor;
use crate::send::Outcome;
use crate::world::World;

/// Order slots of a seat that [`World::trader`] claims.
const ORDER_SLOTS: u8 = 16;

impl World {
    /// Address of an actor's margin account.
    pub fn margin_address(&self, actor: impl Into<Actor>) -> Pubkey {
        let actor = actor.into();
        self.addresses
            .margin_account(&actor.key(), actor.sub_account())
    }

    pub fn create_margin_account_ix(&self, actor: impl Into<Actor>) -> Instruction {
        let actor = actor.into();
        instructions::create_margin_account(&self.addresses, actor.key(), actor.sub_account())
    }

    /// `create_margin_account`.
    pub fn create_margin_account(&mut self, actor: impl Into<Actor>) -> Outcome {
        let actor = actor.into();
        let instruction = self.create_margin_account_ix(actor);
        self.send(&[instruction], &[actor])
    }

    /// A margin account with a deposit and a seat of sixteen order slots in each of the markets.
    pub fn trader(&mut self, actor: impl Into<Actor>, deposit: u64, symbols: &[&str]) {
        let actor = actor.into();
        self.create_margin_account(actor).unwrap();
        if deposit != 0 {
            self.deposit(actor, deposit).unwrap();
        }
        for symbol in symbols {
            self.claim_seat(actor, symbol, ORDER_SLOTS).unwrap();
        }
    }

    pub fn set_delegate_ix(&self, actor: impl Into<Actor>, delegate: &Pubkey) -> Instruction {
        let actor = actor.into();
        let (program, margin) = (&self.addresses.program, self.margin_address(actor));
        instructions::set_delegate(program, actor.key(), margin, *delegate)
    }

    /// `set_delegate`.
    pub fn set_delegate(&mut self, actor: impl Into<Actor>, delegate: impl Into<Actor>) -> Outcome {
        let actor = actor.into();
        let instruction = self.set_delegate_ix(actor, &delegate.into().key());
        self.send(&[instruction], &[actor])
    }

    pub fn close_margin_account_ix(&self, actor: impl Into<Actor>) -> Instruction {
        let actor = actor.into();
        let (program, margin) = (&self.addresses.program, self.margin_address(actor));
        instructions::close_margin_account(program, actor.key(), margin)
    }

    /// `close_margin_account`.
    pub fn close_margin_account(&mut self, actor: impl Into<Actor>) -> Outcome {
        let actor = actor.into();
        let instruction = self.close_margin_account_ix(actor);
        self.send(&[instruction], &[actor])
    }

    /// The deposit of the blocks and `claim_seat`.
    pub fn claim_seat_ix(
        &self,
        actor: impl Into<Actor>,
        symbol: &str,
        order_slots: u8,
    ) -> [Instruction; 2] {
        let actor = actor.into();
        let (margin, market) = (self.margin_address(actor), self.market_address(symbol));
        let program = &self.addresses.program;
        instructions::claim_seat(program, actor.key(), margin, market, order_slots)
    }

    /// `claim_seat`.
    pub fn claim_seat(
        &mut self,
        actor: impl Into<Actor>,
        symbol: &str,
        order_slots: u8,
    ) -> Outcome {
        let actor = actor.into();
        let instructions = self.claim_seat_ix(actor, symbol, order_slots);
        self.send(&instructions, &[actor])
    }

    pub fn release_seat_ix(&self, actor: impl Into<Actor>, symbol: &str) -> Instruction {
        let actor = actor.into();
        let (margin, market) = (self.margin_address(actor), self.market_address(symbol));
        instructions::release_seat(&self.addresses.program, actor.key(), margin, market)
    }

    /// `release_seat`, which anyone may send.
    pub fn release_seat(&mut self, actor: impl Into<Actor>, symbol: &str) -> Outcome {
        let instruction = self.release_seat_ix(actor, symbol);
        self.send(&[instruction], &["keeper".into()])
    }
}
