//! Which accounts, lines and books may have something due, without looking at the others: the box index of
//! `plimsoll_triggers` behind [`super::decide_for`], led by what changes in the mirror and by the clock.
//!
//! An account is looked at
//!
//! - while it is past a threshold of the index: 1.05 × maintenance with a line, maintenance, insolvency, a lapsed
//!   call, unreadable. Mark, funding, ADL, parameters, halts and staleness move it there, and nothing else is
//!   assessed. Interest is put in an hour ahead, so that it is never short of what is owed;
//! - while its own state asks for it: a lien, an open takeover, a debt without a position, a call past its
//!   deadline, interest in a running auction;
//! - when its account, a seat of it, its line or its vault has changed; with orders resting, when one of its
//!   markets has;
//! - while the last look found something due that cannot wait.
//!
//! What can wait ([`Kind::can_wait`]) is found besides by a patrol that looks at everybody once a minute. It
//! checks the index as well: whatever else it finds due is counted as [`missed`](Watch::missed).

mod account;
mod clocks;
mod known;

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_engine::state::HaltPhase;
use plimsoll_triggers::{Crossing, IndexError, MarketId, TriggerIndex};
use solana_pubkey::Pubkey;

use super::{Action, Candidates, Roles};
use crate::mirror::{ChainClock, Change, Changes, Mirror};
use clocks::{Books, Lines};
use known::Known;

/// Seconds in which the patrol looks at everybody, where decisions come often enough.
pub const PATROL_SECONDS: u64 = 60;
/// Accounts that the patrol looks at in one decision.
const PATROL_MAX: u64 = 512;
/// Accounts that it looks at in a second, where there are so few.
const PATROL_MIN: u64 = 256;
/// Accounts that are kept for what can wait.
const PATIENT_MAX: usize = 1_024;

/// A market of the index.
#[derive(Debug)]
struct Tracked {
    id: MarketId,
    /// Accounts with orders anywhere and an entry here.
    makers: BTreeSet<u32>,
    /// Accounts with interest in its running auction.
    joined: Vec<Pubkey>,
}

/// Follows a mirror, and names what is to be looked at.
#[derive(Debug, Default)]
pub struct Watch {
    index: TriggerIndex,
    accounts: known::Accounts,
    markets: BTreeMap<Pubkey, Tracked>,
    lines: Lines,
    books: Books,
    beneficiary: Option<Pubkey>,
    now: i64,
    /// The index could not take a market in: everybody is looked at.
    blind: bool,
    /// Looked at in this turn whatever the index says, by number.
    touched: Vec<u32>,
    /// With something due at the last look: what cannot wait, and what can.
    urgent: Vec<u32>,
    patient: Vec<u32>,
    crossings: Vec<Crossing>,
    named: Vec<u32>,
    patrolled: Vec<u32>,
    patrol_at: u32,
    /// Accounts that the patrol is behind by.
    patrol_owed: u64,
    missed: u64,
}

impl Watch {
    /// A watch for these roles; it knows nothing before the first [`follow`](Self::follow).
    pub fn new(roles: &Roles) -> Self {
        Self {
            lines: Lines::new(roles.credit),
            beneficiary: roles.beneficiary,
            ..Self::default()
        }
    }

    /// Takes in what has changed in the mirror, and the time; what is named afterwards is for one decision on
    /// this mirror at this clock.
    pub fn follow(&mut self, mirror: &mut Mirror, clock: &ChainClock) {
        let changes = mirror.take_changes();
        let mirror = &*mirror;
        let seconds = u64::try_from(clock.now.saturating_sub(self.now)).unwrap_or(0);
        let quiet = changes.is_empty();
        self.touched.clear();
        let back = clock.now < self.now;
        self.now = clock.now;
        let followed = !changes.everything && !back && self.take(mirror, &changes).is_ok();
        if !followed || self.blind {
            self.rebuild(mirror);
        }
        self.index.advance(self.now, &mut self.crossings);
        self.crossings.clear();
        while let Some(id) = self.accounts.pop_aged(self.now) {
            self.read_account(mirror, &id);
        }
        self.books.pass(mirror, self.now);
        self.name(mirror);
        self.patrol(seconds, quiet);
    }

    /// What was due at the last look stays in sight, and what only the patrol has found is counted.
    pub fn note(&mut self, actions: &[Action]) {
        self.urgent.clear();
        self.patient.clear();
        for action in actions {
            let Some(id) = self.accounts.number(&action.key.subject) else {
                continue;
            };
            if !action.key.kind.can_wait() {
                self.urgent.push(id);
                if !self.blind && self.named.binary_search(&id).is_err() {
                    self.missed = self.missed.saturating_add(1);
                }
            } else if self.patient.len() < PATIENT_MAX {
                self.patient.push(id);
            }
        }
    }

    /// Due actions that cannot wait, of accounts that only the patrol had named: none, ever.
    pub const fn missed(&self) -> u64 {
        self.missed
    }

    /// Accounts that the last decision looked at, the patrol's apart.
    pub fn named(&self) -> usize {
        self.named.len()
    }

    /// Bytes of the index on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.index.heap_bytes()
    }

    fn take(&mut self, mirror: &Mirror, changes: &Changes) -> Result<(), IndexError> {
        let mut accounts = BTreeSet::new();
        for change in &changes.list {
            match change {
                Change::Account(address) => {
                    let known = self.accounts.number(address).is_some();
                    if self.beneficiary == Some(*address)
                        && known != mirror.account(address).is_some()
                    {
                        // Whoever could not be liquidated without it can now.
                        return Err(IndexError::UnknownAccount);
                    }
                    accounts.insert(*address);
                }
                Change::Seat(owner) => {
                    accounts.insert(*owner);
                }
                Change::Line(line) => accounts.extend(self.lines.read(mirror, line)),
                Change::Vault(vault) => {
                    for line in self.lines.of_vault(vault) {
                        accounts.extend(self.lines.read(mirror, &line));
                    }
                }
                Change::Market {
                    address,
                    expires_at,
                } => {
                    self.books.lower(address, *expires_at);
                    self.read_market(mirror, address)?;
                }
            }
        }
        for address in &accounts {
            self.read_account(mirror, address);
        }
        Ok(())
    }

    fn read_market(&mut self, mirror: &Mirror, address: &Pubkey) -> Result<(), IndexError> {
        let (Some(tracked), Some(market)) = (self.markets.get_mut(address), mirror.market(address))
        else {
            return Err(IndexError::UnknownMarket);
        };
        let (id, view) = (tracked.id, market.as_ref());
        self.index
            .update_market(id, &view, self.now, &mut self.crossings)?;
        self.touched.extend(tracked.makers.iter());
        tracked.joined = if market.header.halt.phase == HaltPhase::Continuous.byte() {
            Vec::new()
        } else {
            clocks::joined(market)
        };
        Ok(())
    }

    /// Brings an account up to date, and names it.
    fn read_account(&mut self, mirror: &Mirror, address: &Pubkey) {
        let read = account::read(mirror, address, self.now, |market| {
            self.markets.get(market).map(|tracked| tracked.id)
        });
        let number = self.accounts.number(address);
        let Some(read) = read else {
            if let Some(id) = number {
                self.forget(id);
            }
            return;
        };
        let (now, crossings) = (self.now, &mut self.crossings);
        let written = match number {
            Some(id) => {
                let state = read.state();
                let updated = self.index.update_account(
                    plimsoll_triggers::AccountId(id),
                    &state,
                    now,
                    crossings,
                );
                updated.map(|()| id)
            }
            None => {
                let inserted = self.index.insert_account(&read.state(), now, crossings);
                inserted.map(|id| id.0)
            }
        };
        let Ok(id) = written else {
            self.blind = true;
            return;
        };
        self.unlist(id);
        let known = Known::of(*address, &read, id);
        for market in &known.making {
            if let Some(tracked) = self.markets.get_mut(market) {
                tracked.makers.insert(id);
            }
        }
        self.accounts.put(id, known);
        self.touched.push(id);
    }

    fn unlist(&mut self, id: u32) {
        let Some(before) = self.accounts.take(id) else {
            return;
        };
        for market in &before.making {
            if let Some(tracked) = self.markets.get_mut(market) {
                tracked.makers.remove(&id);
            }
        }
    }

    fn forget(&mut self, id: u32) {
        self.unlist(id);
        // It was there: nothing can be refused.
        let removed = self.index.remove_account(plimsoll_triggers::AccountId(id));
        self.blind |= removed.is_err();
    }

    /// Starts from the mirror alone; everybody is named once.
    fn rebuild(&mut self, mirror: &Mirror) {
        let count = mirror.accounts().len();
        self.index = TriggerIndex::with_capacity(count, count);
        self.accounts = known::Accounts::default();
        self.markets.clear();
        self.blind = false;
        for numbers in [&mut self.touched, &mut self.urgent, &mut self.patient] {
            numbers.clear();
        }
        for (address, market) in mirror.markets() {
            let Ok(id) = self.index.add_market(&market.as_ref(), self.now) else {
                self.blind = true;
                continue;
            };
            let joined = clocks::joined(market);
            let makers = BTreeSet::new();
            self.markets
                .insert(*address, Tracked { id, makers, joined });
        }
        self.books.rebuild(mirror);
        self.lines.rebuild(mirror);
        for (address, _) in mirror.accounts() {
            self.read_account(mirror, address);
        }
        self.crossings.clear();
    }

    fn name(&mut self, mirror: &Mirror) {
        let mut named = std::mem::take(&mut self.named);
        named.clear();
        if self.blind {
            named.extend(self.accounts.numbers());
        }
        named.append(&mut self.touched);
        named.append(&mut self.urgent);
        named.append(&mut self.patient);
        named.extend(self.index.past_threshold().map(|(id, _)| id.0));
        named.extend(self.accounts.asking(self.now));
        for (address, tracked) in &self.markets {
            let halted = mirror.market(address);
            if halted.is_some_and(|market| market.header.halt.phase != HaltPhase::Continuous.byte())
            {
                let joined = tracked.joined.iter();
                named.extend(joined.filter_map(|owner| self.accounts.number(owner)));
            }
        }
        named.sort_unstable();
        named.dedup();
        self.named = named;
    }

    /// The next accounts in turn; none while there is news, unless it has fallen behind.
    fn patrol(&mut self, seconds: u64, quiet: bool) {
        self.patrolled.clear();
        let len = self.accounts.slots();
        let count = u64::from(len);
        let a_second = count.div_ceil(PATROL_SECONDS).max(PATROL_MIN);
        let owed = a_second.saturating_mul(seconds);
        self.patrol_owed = self.patrol_owed.saturating_add(owed).min(count);
        if !quiet && self.patrol_owed < a_second.saturating_mul(2).min(count) {
            return;
        }
        let take = self.patrol_owed.min(PATROL_MAX);
        self.patrol_owed -= take;
        for _ in 0..take {
            let id = if self.patrol_at < len {
                self.patrol_at
            } else {
                0
            };
            self.patrol_at = id.saturating_add(1);
            if self.named.binary_search(&id).is_err() {
                self.patrolled.push(id);
            }
        }
    }
}

impl Candidates for Watch {
    fn candidates<'a>(&'a self, mirror: &'a Mirror) -> Box<dyn Iterator<Item = Pubkey> + 'a> {
        if self.blind {
            return super::FullScan.candidates(mirror);
        }
        let ids = self.named.iter().chain(&self.patrolled);
        Box::new(ids.filter_map(|id| self.accounts.address(*id)))
    }

    fn lines<'a>(&'a self, _mirror: &'a Mirror) -> Box<dyn Iterator<Item = Pubkey> + 'a> {
        Box::new(self.lines.due(self.now))
    }

    fn books<'a>(&'a self, _mirror: &'a Mirror) -> Box<dyn Iterator<Item = Pubkey> + 'a> {
        Box::new(self.books.due(self.now))
    }
}
