//! Queued changes, authority, guardian, wind-up.

use plimsoll_client::{accounts, instructions, ChangeArgs};
use plimsoll_engine::params::MarketParams;
use plimsoll_engine::state::PendingChange;
use solana_instruction::Instruction;
use solana_pubkey::Pubkey;

use crate::actor::Actor;
use crate::send::Outcome;
use crate::world::World;

const AUTHORITY: &str = "authority";
const GUARDIAN: &str = "guardian";

impl World {
    /// `queue_change` as the exchange's next one, by and at the cost of the authority.
    pub fn queue_change_ix(&self, change: ChangeArgs, target: Option<Pubkey>) -> Instruction {
        let authority = Actor::from(AUTHORITY).key();
        let id = self.exchange().pending_changes;
        instructions::queue_change(&self.addresses, authority, authority, id, target, change)
    }

    /// Queues a change of the exchange.
    pub fn queue_change(&mut self, change: ChangeArgs, target: Option<Pubkey>) -> Outcome {
        let instruction = self.queue_change_ix(change, target);
        self.send(&[instruction], &[AUTHORITY.into()])
    }

    /// A change of a market's parameters from those in force.
    pub fn market_change(
        &self,
        symbol: &str,
        change: impl FnOnce(&mut MarketParams),
    ) -> (ChangeArgs, Option<Pubkey>) {
        let mut params = self.market(symbol).header.params;
        change(&mut params);
        let target = Some(self.market_address(symbol));
        (ChangeArgs::Market { params }, target)
    }

    /// Queues a change of a market's parameters.
    pub fn queue_params(
        &mut self,
        symbol: &str,
        change: impl FnOnce(&mut MarketParams),
    ) -> Outcome {
        let (change, target) = self.market_change(symbol, change);
        self.queue_change(change, target)
    }

    /// A queued change.
    pub fn pending(&self, id: u64) -> PendingChange {
        accounts::pending_change(&self.data(&self.addresses.pending_change(id))).unwrap()
    }

    pub fn apply_change_ix(&self, id: u64) -> Instruction {
        instructions::apply_change(&self.addresses, &self.pending(id))
    }

    /// `apply_change`; anyone may.
    pub fn apply_change(&mut self, id: u64) -> Outcome {
        let instruction = self.apply_change_ix(id);
        self.send(&[instruction], &["keeper".into()])
    }

    pub fn cancel_change_ix(&self, id: u64) -> Instruction {
        let authority = Actor::from(AUTHORITY).key();
        instructions::cancel_change(&self.addresses, authority, &self.pending(id))
    }

    /// `cancel_change` by the authority.
    pub fn cancel_change(&mut self, id: u64) -> Outcome {
        let instruction = self.cancel_change_ix(id);
        self.send(&[instruction], &[AUTHORITY.into()])
    }

    pub fn offer_authority_ix(&self, next: &Pubkey) -> Instruction {
        let authority = Actor::from(AUTHORITY).key();
        instructions::offer_authority(&self.addresses, authority, *next)
    }

    /// `offer_authority` by the first authority.
    pub fn offer_authority(&mut self, next: &Pubkey) -> Outcome {
        let instruction = self.offer_authority_ix(next);
        self.send(&[instruction], &[AUTHORITY.into()])
    }

    /// `accept_authority`.
    pub fn accept_authority(&mut self, next: impl Into<Actor>) -> Outcome {
        let next = next.into();
        self.fund_wallet(next);
        let instruction = instructions::accept_authority(&self.addresses, next.key());
        self.send(&[instruction], &[next])
    }

    pub fn guard_market_ix(&self, symbol: &str, seconds: u32) -> Instruction {
        let guardian = Actor::from(GUARDIAN).key();
        let market = self.market_address(symbol);
        instructions::guard_market(&self.addresses, guardian, market, seconds)
    }

    /// `guard_market` by the guardian.
    pub fn guard_market(&mut self, symbol: &str, seconds: u32) -> Outcome {
        self.fund_wallet(GUARDIAN);
        let instruction = self.guard_market_ix(symbol, seconds);
        self.send(&[instruction], &[GUARDIAN.into()])
    }

    /// `lift_guard` by anyone who tries.
    pub fn lift_guard(&mut self, signer: impl Into<Actor>, symbol: &str) -> Outcome {
        let signer = signer.into();
        self.fund_wallet(signer);
        let market = self.market_address(symbol);
        let instruction = instructions::lift_guard(&self.addresses, signer.key(), market);
        self.send(&[instruction], &[signer])
    }

    pub fn wind_up_ix(&self, symbol: &str) -> Instruction {
        instructions::wind_up_market(&self.addresses, self.market_address(symbol))
    }

    /// `wind_up_market`; anyone may.
    pub fn wind_up(&mut self, symbol: &str) -> Outcome {
        let instruction = self.wind_up_ix(symbol);
        self.send(&[instruction], &["keeper".into()])
    }
}
