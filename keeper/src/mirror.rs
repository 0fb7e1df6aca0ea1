//! What the keeper knows of the chain: the exchange's accounts, decoded, each with the slot it was read at.
//!
//! An older slot never overwrites a newer one. What a stream sends out of order is not applied: its address is
//! handed back to be read again, so that a source whose slots cannot be trusted costs a read and never the
//! truth. A snapshot settles what is there and what is gone; after a rollback it replaces everything.

use std::collections::BTreeMap;

use plimsoll_client::accounts;
use plimsoll_client::{ExchangeAddresses, MarketView};
use plimsoll_engine::book::arena::MarketRef;
use plimsoll_engine::state::{CreditLine, CreditVault, DefaultFund, Exchange, MarginAccount};
use plimsoll_engine::Env;
use solana_pubkey::Pubkey;

mod changes;
#[cfg(test)]
mod tests;

pub use changes::{Change, Changes};

/// An account's bytes and owner, as a source read them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawAccount {
    pub owner: Pubkey,
    pub data: Vec<u8>,
}

/// One account as of a slot; `None`: there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountUpdate {
    pub address: Pubkey,
    pub slot: u64,
    pub account: Option<RawAccount>,
}

/// All accounts of the program as of a slot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    pub slot: u64,
    pub accounts: Vec<(Pubkey, RawAccount)>,
}

/// How a snapshot meets what is held already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// What is held as of a later slot stays.
    Forward,
    /// A rollback: everything that is held goes, whatever its slot.
    Replace,
}

/// What became of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    Changed,
    /// The bytes that are held already, or a later look at them.
    Same,
    /// From before what is held, and different from it: not applied, to be read again.
    Older,
    /// Nothing that the keeper follows.
    Foreign,
}

/// The chain's clock as its sysvar says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChainClock {
    /// Unix seconds.
    pub now: i64,
    pub slot: u64,
}

impl ChainClock {
    /// From the bytes of the clock's sysvar account.
    pub fn decode(data: &[u8]) -> Option<Self> {
        let slot = data.get(..8)?.try_into().ok()?;
        let now = data.get(32..40)?.try_into().ok()?;
        Some(Self {
            now: i64::from_le_bytes(now),
            slot: u64::from_le_bytes(slot),
        })
    }

    /// As the engine takes it.
    pub const fn env(&self) -> Env {
        Env {
            now: self.now,
            slot: self.slot,
        }
    }
}

/// A decoded account and the slot as of which it is known.
#[derive(Clone, Debug)]
pub struct Held<T> {
    pub slot: u64,
    pub value: T,
    hash: u64,
}

/// The program's accounts of one exchange, and the price accounts that the keeper was told of.
#[derive(Clone, Debug)]
pub struct Mirror {
    addresses: ExchangeAddresses,
    exchange: Option<Held<Exchange>>,
    fund: Option<Held<DefaultFund>>,
    markets: BTreeMap<Pubkey, Held<MarketView>>,
    accounts: BTreeMap<Pubkey, Held<MarginAccount>>,
    lines: BTreeMap<Pubkey, Held<CreditLine>>,
    vaults: BTreeMap<Pubkey, Held<CreditVault>>,
    feeds: BTreeMap<Pubkey, Option<Held<RawAccount>>>,
    /// Slot of the last snapshot: an account that is not held and an update from before it are both settled.
    floor: u64,
    /// Slot of the newest snapshot: up to it nothing is missing.
    certain: u64,
    changes: u64,
    journal: Changes,
}

fn hash_of(account: &RawAccount) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    account.owner.hash(&mut hasher);
    account.data.hash(&mut hasher);
    hasher.finish()
}

/// Puts a value in place by the rule of slots.
fn put<T>(
    held: Option<&mut Held<T>>,
    (slot, hash, floor): (u64, u64, u64),
    decode: impl FnOnce() -> Option<T>,
) -> (Applied, Option<Held<T>>) {
    match held {
        Some(held) if held.hash == hash => {
            held.slot = held.slot.max(slot);
            (Applied::Same, None)
        }
        Some(held) if held.slot > slot => (Applied::Older, None),
        None if slot < floor => (Applied::Older, None),
        _ => match decode() {
            Some(value) => (Applied::Changed, Some(Held { slot, value, hash })),
            None => (Applied::Foreign, None),
        },
    }
}

impl Mirror {
    /// An empty mirror of an exchange; `feeds` are the price accounts to follow.
    pub fn new(addresses: ExchangeAddresses, feeds: impl IntoIterator<Item = Pubkey>) -> Self {
        Self {
            addresses,
            exchange: None,
            fund: None,
            markets: BTreeMap::new(),
            accounts: BTreeMap::new(),
            lines: BTreeMap::new(),
            vaults: BTreeMap::new(),
            feeds: feeds.into_iter().map(|feed| (feed, None)).collect(),
            floor: 0,
            certain: 0,
            changes: 0,
            journal: Changes {
                everything: true,
                ..Changes::default()
            },
        }
    }

    /// Brings one account in.
    pub fn apply(&mut self, update: &AccountUpdate) -> Applied {
        let applied = match &update.account {
            None => self.remove(&update.address, update.slot),
            Some(account) => self.place(&update.address, update.slot, account),
        };
        if applied == Applied::Changed {
            self.changes = self.changes.wrapping_add(1);
        }
        applied
    }

    fn place(&mut self, address: &Pubkey, slot: u64, account: &RawAccount) -> Applied {
        if let Some(held) = self.feeds.get_mut(address) {
            let rule = (slot, hash_of(account), 0);
            let (applied, new) = put(held.as_mut(), rule, || Some(account.clone()));
            if new.is_some() {
                *held = new;
            }
            return applied;
        }
        if account.owner != self.addresses.program {
            // Whatever the program had there is gone.
            return self.remove(address, slot);
        }
        let exchange = self.addresses.exchange.to_bytes();
        let data = &account.data;
        if data.starts_with(&accounts::market_discriminator()) {
            return self.place_market(address, slot, data);
        }
        let rule = (slot, hash_of(account), self.floor);
        macro_rules! into_map {
            ($map:ident, $decode:expr, $of:expr, $change:ident) => {
                if let Ok(value) = $decode(data) {
                    if !$of(&value) {
                        return Applied::Foreign;
                    }
                    let (applied, new) = put(self.$map.get_mut(address), rule, || Some(value));
                    if let Some(new) = new {
                        self.$map.insert(*address, new);
                        self.journal.push(Change::$change(*address));
                    }
                    return applied;
                }
            };
        }
        macro_rules! into_slot {
            ($slot:ident, $decode:expr, $address:expr) => {
                if *address == $address {
                    let (applied, new) = put(self.$slot.as_mut(), rule, || $decode(data).ok());
                    if new.is_some() {
                        self.$slot = new;
                    }
                    return applied;
                }
            };
        }
        into_slot!(exchange, accounts::exchange, self.addresses.exchange);
        into_slot!(fund, accounts::default_fund, self.addresses.default_fund);
        into_map!(
            accounts,
            accounts::margin_account,
            |found: &MarginAccount| { found.exchange == exchange },
            Account
        );
        into_map!(lines, accounts::credit_line, |_: &CreditLine| true, Line);
        into_map!(
            vaults,
            accounts::credit_vault,
            |found: &CreditVault| { found.exchange == exchange },
            Vault
        );
        Applied::Foreign
    }

    /// A market is large: what is held is compared with the bytes instead of a hash, and changed in place.
    fn place_market(&mut self, address: &Pubkey, slot: u64, data: &[u8]) -> Applied {
        let Some(held) = self.markets.get_mut(address) else {
            let Ok(value) = MarketView::decode(data) else {
                return Applied::Foreign;
            };
            if value.header.exchange != self.addresses.exchange.to_bytes() {
                return Applied::Foreign;
            }
            if slot < self.floor {
                return Applied::Older;
            }
            let hash = 0;
            self.markets.insert(*address, Held { slot, value, hash });
            self.journal.everything();
            return Applied::Changed;
        };
        if held.value.matches(data) {
            held.slot = held.slot.max(slot);
            return Applied::Same;
        }
        if held.slot > slot {
            return Applied::Older;
        }
        let journal = &mut self.journal;
        let mut expires_at = i64::MAX;
        let updated = held.value.update(data, |before, after| {
            let blocks = [before, Some(after)].into_iter().flatten();
            for owner in blocks.filter_map(changes::owner) {
                journal.push(Change::Seat(owner));
            }
            expires_at = expires_at.min(changes::expiry(after));
        });
        if updated.is_err() {
            return Applied::Foreign;
        }
        held.slot = slot;
        self.journal.push(Change::Market {
            address: *address,
            expires_at,
        });
        Applied::Changed
    }

    /// What has changed since the last call.
    pub fn take_changes(&mut self) -> Changes {
        std::mem::take(&mut self.journal)
    }

    fn remove(&mut self, address: &Pubkey, slot: u64) -> Applied {
        fn gone<T>(map: &mut BTreeMap<Pubkey, Held<T>>, address: &Pubkey, slot: u64) -> Applied {
            match map.get(address) {
                None => Applied::Foreign,
                Some(held) if held.slot > slot => Applied::Older,
                Some(_) => {
                    map.remove(address);
                    Applied::Changed
                }
            }
        }
        let of_maps = [
            gone(&mut self.accounts, address, slot),
            gone(&mut self.lines, address, slot),
            gone(&mut self.vaults, address, slot),
            gone(&mut self.markets, address, slot),
        ];
        let [of_accounts, of_lines, of_vaults, of_markets] =
            of_maps.map(|applied| applied == Applied::Changed);
        if of_accounts {
            self.journal.push(Change::Account(*address));
        } else if of_lines {
            self.journal.push(Change::Line(*address));
        } else if of_vaults || of_markets {
            self.journal.everything();
        }
        if let Some(Some(feed)) = self.feeds.get(address) {
            if feed.slot <= slot {
                self.feeds.insert(*address, None);
                return Applied::Changed;
            }
        }
        let mut found = of_maps.into_iter();
        found
            .find(|applied| *applied != Applied::Foreign)
            .unwrap_or(Applied::Foreign)
    }

    /// Brings a whole snapshot in: what it does not list and is not held as of a later slot is gone.
    pub fn sync(&mut self, snapshot: &Snapshot, sync: Sync) {
        let slot = snapshot.slot;
        if sync == Sync::Replace {
            let feeds: Vec<Pubkey> = self.feeds.keys().copied().collect();
            let changes = self.changes;
            *self = Self::new(self.addresses, feeds);
            self.changes = changes.wrapping_add(1);
        }
        let listed: std::collections::BTreeSet<&Pubkey> = snapshot
            .accounts
            .iter()
            .map(|(address, _)| address)
            .collect();
        let held = self.accounts.keys().chain(self.lines.keys());
        let held = held.chain(self.vaults.keys()).chain(self.markets.keys());
        let unlisted: Vec<Pubkey> = held
            .filter(|address| !listed.contains(address))
            .copied()
            .collect();
        for address in unlisted {
            self.apply(&AccountUpdate {
                address,
                slot,
                account: None,
            });
        }
        let floor = std::mem::take(&mut self.floor);
        for (address, account) in &snapshot.accounts {
            if self.place(address, slot, account) == Applied::Changed {
                self.changes = self.changes.wrapping_add(1);
            }
        }
        self.floor = if sync == Sync::Replace {
            slot
        } else {
            floor.max(slot)
        };
        self.certain = if sync == Sync::Replace {
            slot
        } else {
            self.certain.max(slot)
        };
    }

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
