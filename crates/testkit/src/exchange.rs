//! Calls that set an exchange and its markets up.

use plimsoll_client::instructions::{self, NewMarket};
use plimsoll_client::ExchangeArgs;
use solana_instruction::Instruction;
use solana_signer::Signer;

use crate::actor::Actor;
use crate::markets::MarketSpec;
use crate::send::Outcome;
use crate::world::{MarketHandle, World};

/// Every world's exchange: its authority, and who pays for it.
const AUTHORITY: &str = "authority";

impl World {
    /// The exchange's parameters in every world: defaults, and a guardian of its own.
    pub fn exchange_args() -> ExchangeArgs {
        ExchangeArgs {
            guardian: Actor::from("guardian").key(),
            timelock_seconds: 172_800,
            timelock_tightening_seconds: 3_600,
            fee_default_fund_ppm: 400_000,
            fee_keeper_pool_ppm: 200_000,
            fee_treasury_ppm: 400_000,
        }
    }

    pub fn initialize_exchange_ix(&self, args: ExchangeArgs) -> Instruction {
        let authority = Actor::from(AUTHORITY).key();
        let treasury = self.treasury();
        instructions::initialize_exchange(&self.addresses, authority, authority, treasury, args)
    }

    /// `initialize_exchange` with [`World::exchange_args`].
    pub fn initialize_exchange(&mut self) -> Outcome {
        let instruction = self.initialize_exchange_ix(Self::exchange_args());
        self.send(&[instruction], &[AUTHORITY.into()])
    }

    pub fn create_custody_shard_ix(&self, shard: u8) -> Instruction {
        let authority = Actor::from(AUTHORITY).key();
        instructions::create_custody_shard(&self.addresses, authority, authority, shard)
    }

    /// `create_custody_shard`.
    pub fn create_custody_shard(&mut self, shard: u8) -> Outcome {
        let instruction = self.create_custody_shard_ix(shard);
        self.send(&[instruction], &[AUTHORITY.into()])
    }

    /// The market's account and `create_market`.
    pub fn create_market_ix(&self, spec: &MarketSpec) -> [Instruction; 2] {
        let authority = Actor::from(AUTHORITY).key();
        let new = NewMarket {
            payer: authority,
            authority,
            market: Self::market_keypair(&spec.symbol).pubkey(),
            symbol: instructions::symbol(&spec.symbol).unwrap(),
            size: u64::try_from(spec.size()).unwrap(),
            rent_lamports: self.svm.minimum_balance_for_rent_exemption(spec.size()),
            params: spec.params,
        };
        instructions::create_market(&self.addresses, &new)
    }

    /// `create_market` one timelock ago, so that the default fund pays for it now (ADR 0022); the market is
    /// pending until its first refresh.
    pub fn create_market(&mut self, spec: &MarketSpec) -> Outcome {
        let (now, slot) = (self.now(), self.slot());
        let timelock = i64::from(Self::exchange_args().timelock_seconds);
        self.set_clock(now - timelock, slot);
        let outcome = self.create_market_now(spec);
        self.set_clock(now, slot);
        outcome
    }

    /// `create_market` at this moment.
    pub fn create_market_now(&mut self, spec: &MarketSpec) -> Outcome {
        self.fund_wallet(AUTHORITY);
        let instructions = self.create_market_ix(spec);
        let market = Self::market_keypair(&spec.symbol);
        let payer = Actor::from(AUTHORITY).keypair();
        let outcome = self.send_signed(&instructions, &[&payer, &market]);
        if outcome.is_ok() {
            let handle = MarketHandle {
                address: market.pubkey(),
                params: spec.params,
                price_ticks: spec.price_ticks,
            };
            self.markets.insert(spec.symbol.clone(), handle);
        }
        outcome
    }

    /// Creates a market and gives it its first index, at the price of the spec.
    pub fn open_market(&mut self, spec: &MarketSpec) {
        self.create_market(spec).unwrap();
        self.publish(&spec.symbol, spec.price_ticks);
        self.refresh(&spec.symbol).unwrap();
    }

    /// The rent of the new bytes, paid by `payer`, and `grow_market`.
    pub fn grow_market_ix(&self, payer: impl Into<Actor>, symbol: &str) -> [Instruction; 2] {
        let address = self.market_address(symbol);
        let size = self.svm.get_account(&address).unwrap().data.len();
        let rent = |size| self.svm.minimum_balance_for_rent_exemption(size);
        let grown = size + plimsoll_engine::state::GROWTH_SIZE_MAX;
        let added = rent(grown.min(plimsoll_engine::state::MARKET_SIZE_MAX)) - rent(size);
        let program = &self.addresses.program;
        instructions::grow_market(program, payer.into().key(), address, added)
    }

    /// `grow_market` by the largest step.
    pub fn grow_market(&mut self, payer: impl Into<Actor>, symbol: &str) -> Outcome {
        let payer = payer.into();
        let instructions = self.grow_market_ix(payer, symbol);
        self.send(&instructions, &[payer])
    }

    pub fn sweep_fees_ix(&self, symbol: &str) -> Instruction {
        instructions::sweep_fees(&self.addresses, self.market_address(symbol))
    }

    /// `sweep_fees`; anyone may.
    pub fn sweep_fees(&mut self, symbol: &str) -> Outcome {
        let instruction = self.sweep_fees_ix(symbol);
        self.send(&[instruction], &["keeper".into()])
    }

    pub fn collect_treasury_ix(&self, shard: u8) -> Instruction {
        instructions::collect_treasury(&self.addresses, self.treasury(), shard)
    }

    /// `collect_treasury` out of a shard; anyone may.
    pub fn collect_treasury(&mut self, shard: u8) -> Outcome {
        let instruction = self.collect_treasury_ix(shard);
        self.send(&[instruction], &["keeper".into()])
    }

    pub fn rebalance_custody_ix(&self, from: u8, to: u8, amount: u64) -> Instruction {
        instructions::rebalance_custody(&self.addresses, from, to, amount)
    }

    /// `rebalance_custody`; anyone may.
    pub fn rebalance_custody(&mut self, from: u8, to: u8, amount: u64) -> Outcome {
        let instruction = self.rebalance_custody_ix(from, to, amount);
        self.send(&[instruction], &["keeper".into()])
    }
}
