//! Reading accounts, decoded by the client crate.

use plimsoll_client::preview::AccountView;
use plimsoll_client::{accounts, MarketView};
use plimsoll_engine::position::Holding;
use plimsoll_engine::state::{DefaultFund, Exchange, MarginAccount, MarkAccount, Seat};
use plimsoll_engine::Env;
use solana_program_pack::Pack;
use solana_pubkey::Pubkey;

use crate::actor::Actor;
use crate::world::World;

impl World {
    /// Data of an account; panics without one.
    pub fn data(&self, address: &Pubkey) -> Vec<u8> {
        self.svm
            .get_account(address)
            .unwrap_or_else(|| panic!("no account at {}", self.name_of(address)))
            .data
    }

    pub fn exchange(&self) -> Exchange {
        accounts::exchange(&self.data(&self.addresses.exchange)).unwrap()
    }

    pub fn default_fund(&self) -> DefaultFund {
        accounts::default_fund(&self.data(&self.addresses.default_fund)).unwrap()
    }

    /// An actor's margin account.
    pub fn account(&self, actor: impl Into<Actor>) -> MarginAccount {
        accounts::margin_account(&self.data(&self.margin_address(actor))).unwrap()
    }

    /// Cash of an actor's margin account, quote atoms.
    pub fn collateral(&self, actor: impl Into<Actor>) -> i64 {
        self.account(actor).collateral
    }

    /// Header and arena of a market.
    pub fn market(&self, symbol: &str) -> MarketView {
        MarketView::decode(&self.data(&self.market_address(symbol))).unwrap()
    }

    /// The `Mark` copy of a market.
    pub fn mark(&self, symbol: &str) -> MarkAccount {
        let address = self.addresses.mark(&self.market_address(symbol));
        accounts::mark(&self.data(&address)).unwrap()
    }

    /// Block of an actor's seat in a market.
    pub fn seat_index(&self, actor: impl Into<Actor>, symbol: &str) -> u32 {
        let (actor, market) = (actor.into(), self.market_address(symbol).to_bytes());
        let account = self.account(actor);
        let entry = account
            .entry_of(&market)
            .unwrap_or_else(|| panic!("{actor:?} has no seat in {symbol}"));
        account.entries()[entry].seat
    }

    /// An actor's seat in a market.
    pub fn seat(&self, actor: impl Into<Actor>, symbol: &str) -> Seat {
        let index = self.seat_index(actor, symbol);
        *self.market(symbol).seat(index).unwrap()
    }

    /// Position and claim of an actor in a market, funding included.
    pub fn holding(&self, actor: impl Into<Actor>, symbol: &str) -> Holding {
        let market = self.market(symbol);
        market.holding(&self.seat(actor, symbol)).unwrap()
    }

    /// An actor's margin account with all of its markets, for previews.
    pub fn view(&self, actor: impl Into<Actor>) -> AccountView {
        let actor = actor.into();
        let account = self.account(actor);
        let markets = account
            .entries()
            .iter()
            .map(|entry| MarketView::decode(&self.data(&Pubkey::from(entry.market))).unwrap())
            .collect();
        AccountView {
            address: self.margin_address(actor),
            account,
            markets,
        }
    }

    /// Clock and slot as the engine takes them.
    pub fn env(&self) -> Env {
        Env {
            now: self.now(),
            slot: self.slot(),
        }
    }

    /// Balance of a token account.
    pub fn tokens(&self, address: &Pubkey) -> u64 {
        spl_token_interface::state::Account::unpack(&self.data(address)[..165])
            .unwrap()
            .amount
    }

    /// Test USDC in an actor's wallet.
    pub fn usdc(&self, actor: impl Into<Actor>) -> u64 {
        self.tokens(&actor.into().token_account())
    }

    /// Test USDC in a custody shard.
    pub fn shard_tokens(&self, shard: u8) -> u64 {
        self.tokens(&self.addresses.custody_shard(shard))
    }

    /// Lamports of any account; zero without one.
    pub fn lamports(&self, address: &Pubkey) -> u64 {
        self.svm.get_balance(address).unwrap_or(0)
    }

    /// What an address is called in this world, for messages.
    pub fn name_of(&self, address: &Pubkey) -> String {
        let known = [
            (self.addresses.exchange, "the exchange"),
            (self.addresses.default_fund, "the default fund"),
            (self.treasury(), "the treasury"),
        ];
        if let Some((_, name)) = known.iter().find(|(key, _)| key == address) {
            return (*name).to_owned();
        }
        for shard in 0..16 {
            if self.addresses.custody_shard(shard) == *address {
                return format!("shard {shard}");
            }
        }
        for (symbol, market) in &self.markets {
            if market.address == *address {
                return format!("market {symbol}");
            }
            if self.addresses.mark(&market.address) == *address {
                return format!("mark of {symbol}");
            }
        }
        let margin = self
            .svm
            .get_account(address)
            .and_then(|account| accounts::margin_account(&account.data).ok());
        match margin {
            Some(margin) => format!("margin account of {}", Pubkey::from(margin.owner)),
            None => address.to_string(),
        }
    }
}
