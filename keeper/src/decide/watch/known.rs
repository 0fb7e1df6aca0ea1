//! What the watch keeps of an account beside the index.

use std::collections::{BTreeSet, HashMap};

use solana_pubkey::Pubkey;

use super::account::Read;

/// Never: of a time.
pub(super) const NEVER: i64 = i64::MAX;

/// An account as it was last read.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) address: Pubkey,
    /// Its own state asks for a look at every decision.
    asks: bool,
    /// From this time on a margin call asks for one; [`NEVER`]: none runs.
    call_ends: i64,
    /// It is to be read again before this time is over.
    ages: i64,
    /// Its markets, while orders of it rest in any of them.
    pub(super) making: Vec<Pubkey>,
}

impl Known {
    pub(super) fn of(address: Pubkey, read: &Read, id: u32) -> Self {
        Self {
            address,
            asks: read.asks,
            call_ends: read.call_ends,
            ages: read.ages(id),
            making: read.making.clone(),
        }
    }
}

/// All accounts, by the index's numbers, and the lists that time or state puts them on.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    known: Vec<Option<Known>>,
    numbers: HashMap<Pubkey, u32>,
    asking: BTreeSet<u32>,
    calls: BTreeSet<(i64, u32)>,
    ageing: BTreeSet<(i64, u32)>,
}

fn slot(id: u32) -> usize {
    usize::try_from(id).unwrap_or(usize::MAX)
}

impl Accounts {
    pub(super) fn number(&self, address: &Pubkey) -> Option<u32> {
        self.numbers.get(address).copied()
    }

    pub(super) fn address(&self, id: u32) -> Option<Pubkey> {
        let known = self.known.get(slot(id))?.as_ref()?;
        Some(known.address)
    }

    /// One more than the largest number.
    pub(super) fn slots(&self) -> u32 {
        u32::try_from(self.known.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn numbers(&self) -> impl Iterator<Item = u32> + '_ {
        self.numbers.values().copied()
    }

    pub(super) fn put(&mut self, id: u32, known: Known) {
        if known.asks {
            self.asking.insert(id);
        }
        if known.call_ends != NEVER {
            self.calls.insert((known.call_ends, id));
        }
        if known.ages != NEVER {
            self.ageing.insert((known.ages, id));
        }
        self.numbers.insert(known.address, id);
        if self.known.len() <= slot(id) {
            self.known.resize_with(slot(id).saturating_add(1), || None);
        }
        if let Some(room) = self.known.get_mut(slot(id)) {
            *room = Some(known);
        }
    }

    /// Takes an account off all lists.
    pub(super) fn take(&mut self, id: u32) -> Option<Known> {
        let known = self.known.get_mut(slot(id))?.take()?;
        self.numbers.remove(&known.address);
        self.asking.remove(&id);
        self.calls.remove(&(known.call_ends, id));
        self.ageing.remove(&(known.ages, id));
        Some(known)
    }

    /// Those whose state asks for a look, and those with a call past its deadline.
    pub(super) fn asking(&self, now: i64) -> impl Iterator<Item = u32> + '_ {
        let over = self.calls.range(..=(now, u32::MAX));
        self.asking.iter().copied().chain(over.map(|(_, id)| *id))
    }

    /// The next that has to be read again.
    pub(super) fn pop_aged(&mut self, now: i64) -> Option<Pubkey> {
        let (at, id) = self.ageing.first().copied()?;
        if at > now {
            return None;
        }
        self.ageing.pop_first();
        self.address(id)
    }
}
