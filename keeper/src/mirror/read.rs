//! The mirror as it is read: accounts by address and kind, how far it is behind, and what tells two mirrors apart.

use std::collections::BTreeMap;

use plimsoll_client::{ExchangeAddresses, MarketView};
use plimsoll_engine::book::arena::MarketRef;
use plimsoll_engine::state::{CreditLine, CreditVault, DefaultFund, Exchange, MarginAccount};
use solana_pubkey::Pubkey;

use super::{hash_of, Held, Mirror, RawAccount};

impl Mirror {
    /// Slots by which the mirror is behind the chain's `slot`; `u64::MAX` before the first snapshot.
    pub fn lag(&self, slot: u64) -> u64 {
        if self.floor == 0 {
            return u64::MAX;
        }
        slot.saturating_sub(self.certain)
    }

    /// Whether a snapshot came in and exchange and fund were among it.
    pub const fn is_filled(&self) -> bool {
        self.floor != 0 && self.exchange.is_some() && self.fund.is_some()
    }

    /// Up to which slot nothing is missing.
    pub const fn certain_slot(&self) -> u64 {
        self.certain
    }

    /// Counts changes; wraps.
    pub const fn changes(&self) -> u64 {
        self.changes
    }

    pub const fn addresses(&self) -> &ExchangeAddresses {
        &self.addresses
    }

    pub fn exchange(&self) -> Option<&Exchange> {
        self.exchange.as_ref().map(|held| &held.value)
    }

    pub fn fund(&self) -> Option<&DefaultFund> {
        self.fund.as_ref().map(|held| &held.value)
    }

    pub fn markets(&self) -> impl ExactSizeIterator<Item = (&Pubkey, &MarketView)> {
        self.markets.iter().map(|(key, held)| (key, &held.value))
    }

    pub fn market(&self, address: &Pubkey) -> Option<&MarketView> {
        self.markets.get(address).map(|held| &held.value)
    }

    /// A market as the engine reads it.
    pub fn market_ref(&self, address: &[u8; 32]) -> Option<MarketRef<'_>> {
        self.market(&Pubkey::from(*address)).map(MarketView::as_ref)
    }

    /// Slot as of which a market is known.
    pub fn market_slot(&self, address: &Pubkey) -> Option<u64> {
        self.markets.get(address).map(|held| held.slot)
    }

    pub fn accounts(&self) -> impl ExactSizeIterator<Item = (&Pubkey, &MarginAccount)> {
        self.accounts.iter().map(|(key, held)| (key, &held.value))
    }

    pub fn account(&self, address: &Pubkey) -> Option<&MarginAccount> {
        self.accounts.get(address).map(|held| &held.value)
    }

    pub fn lines(&self) -> impl ExactSizeIterator<Item = (&Pubkey, &CreditLine)> {
        self.lines.iter().map(|(key, held)| (key, &held.value))
    }

    pub fn line(&self, address: &Pubkey) -> Option<&CreditLine> {
        self.lines.get(address).map(|held| &held.value)
    }

    pub fn vaults(&self) -> impl ExactSizeIterator<Item = (&Pubkey, &CreditVault)> {
        self.vaults.iter().map(|(key, held)| (key, &held.value))
    }

    pub fn vault(&self, address: &Pubkey) -> Option<&CreditVault> {
        self.vaults.get(address).map(|held| &held.value)
    }

    /// A price account, if it is there.
    pub fn feed(&self, address: &Pubkey) -> Option<&RawAccount> {
        self.feeds.get(address)?.as_ref().map(|held| &held.value)
    }

    /// The price accounts that are followed.
    pub fn feed_addresses(&self) -> impl Iterator<Item = &Pubkey> {
        self.feeds.keys()
    }

    /// A hash of each account's bytes and owner, prices included; the same in every run of one build.
    pub fn fingerprints(&self) -> BTreeMap<Pubkey, u64> {
        fn of<T>(held: &BTreeMap<Pubkey, Held<T>>) -> impl Iterator<Item = (Pubkey, u64)> + '_ {
            held.iter().map(|(key, held)| (*key, held.hash))
        }
        let exchange = self.exchange.iter().map(|held| held.hash);
        let fund = self.fund.iter().map(|held| held.hash);
        let feeds = self.feeds.iter();
        let feeds = feeds.filter_map(|(key, held)| Some((*key, held.as_ref()?.hash)));
        let maps = of(&self.accounts).chain(of(&self.lines));
        let maps = maps.chain(of(&self.vaults));
        // Of a market no hash is kept.
        let markets = self.markets.iter().map(|(key, held)| {
            let (owner, data) = (self.addresses.program, held.value.encode());
            (*key, hash_of(&RawAccount { owner, data }))
        });
        maps.chain(markets)
            .chain(exchange.map(|hash| (self.addresses.exchange, hash)))
            .chain(fund.map(|hash| (self.addresses.default_fund, hash)))
            .chain(feeds)
            .collect()
    }

    /// Every address of the program that is held: what is read page by page where no node lists a program's
    /// accounts.
    pub fn known_addresses(&self) -> Vec<Pubkey> {
        let own = [self.addresses.exchange, self.addresses.default_fund];
        let maps = self.accounts.keys().chain(self.lines.keys());
        let maps = maps.chain(self.vaults.keys()).chain(self.markets.keys());
        own.into_iter().chain(maps.copied()).collect()
    }
}
