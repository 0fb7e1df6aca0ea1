//! What the keeper knows of the chain: the exchange's accounts, decoded, each with the slot it was read at.
//!
//! An older slot never overwrites a newer one. What a stream sends out of order is not applied: its address is
//! handed back to be read again, so that a source whose slots cannot be trusted costs a read and never the
//! truth. A snapshot settles what is there and what is gone; after a rollback it replaces everything.

use std::collections::BTreeMap;

use plimsoll_client::accounts;
use plimsoll_client::{ExchangeAddresses, MarketView};
use plimsoll_engine::state::{CreditLine, CreditVault, DefaultFund, Exchange, MarginAccount};
use solana_pubkey::Pubkey;

mod changes;
mod read;
#[cfg(test)]
mod tests;
mod updates;

pub use changes::{Change, Changes};
pub use updates::{AccountUpdate, Applied, ChainClock, RawAccount, Snapshot, Sync};

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
}
