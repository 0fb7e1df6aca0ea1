//! The index: markets, accounts, and what an event makes of them.

mod events;
mod issue;

use std::collections::BTreeSet;

use plimsoll_engine::book::arena::MarketRef;
use plimsoll_engine::risk::AccountRisk;
use plimsoll_engine::state::MARGIN_ENTRIES_MAX;
use plimsoll_engine::units::{PriceQ32, PRICE_Q32_MAX};

use crate::accounts::{Account, AccountState, Accounts, Credit, NEVER};
use crate::error::{IndexError, Result};
use crate::market::Market;
use crate::set::Entry;
use crate::standing::{assess, Assessment, Standing};

/// A market of the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MarketId(pub u16);

/// An account of the index. The number of a removed account is given out again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(pub u32);

/// An account that has crossed a threshold, in either direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crossing {
    pub account: AccountId,
    pub before: Standing,
    pub after: Standing,
}

/// A new mark, as a refresh leaves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarkUpdate {
    pub market: MarketId,
    pub mark: PriceQ32,
    /// Time of the index it is made of, unix seconds.
    pub index_time: i64,
}

/// What the index has done since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Accounts assessed, account updates included.
    pub assessments: u64,
    /// Of them those that had crossed a threshold.
    pub crossings: u64,
}

/// The box index. See the crate's documentation.
#[derive(Debug, Default)]
pub struct TriggerIndex {
    markets: Vec<Market>,
    accounts: Accounts,
    /// Accounts to be assessed before the event in hand is over.
    due: Vec<u32>,
    /// Entries that a side's key has reached, on the way to `due`.
    reached: Vec<Entry>,
    timers: BTreeSet<(i64, u32)>,
    /// A set has more entries than it should.
    crowded: bool,
    /// Entries pushed by the event in hand.
    pushed: usize,
    now: i64,
    counters: Counters,
}

impl TriggerIndex {
    /// An empty index.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty index with room for so many accounts and legs.
    pub fn with_capacity(accounts: usize, legs: usize) -> Self {
        let mut index = Self::default();
        index.accounts.reserve(accounts, legs);
        index
    }

    /// Accounts in the index.
    pub fn accounts(&self) -> usize {
        self.accounts.len()
    }

    /// Markets in the index.
    pub fn markets(&self) -> usize {
        self.markets.len()
    }

    /// What it has done so far.
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// Bytes that it holds on the heap, unused capacity included.
    pub fn heap_bytes(&self) -> usize {
        let markets = self.markets.iter().map(Market::heap_bytes).sum::<usize>();
        // A node of the timers' tree is counted as full.
        let timers = self.timers.len() * size_of::<(i64, u32)>();
        let lists = self.due.capacity() * size_of::<u32>();
        markets
            + self.markets.capacity() * size_of::<Market>()
            + self.accounts.heap_bytes()
            + timers
            + lists
    }

    /// Adds a market. Of its arena only the ends of epochs are read, and kept.
    ///
    /// # Errors
    /// `Full`; `OutOfBounds`; `Engine` when an end is not where the header says.
    pub fn add_market(&mut self, view: &MarketRef<'_>, now: i64) -> Result<MarketId> {
        let id = u16::try_from(self.markets.len()).map_err(|_| IndexError::Full)?;
        self.markets.push(Market::new(view, now)?);
        Ok(MarketId(id))
    }

    /// Adds an account, and reports it where it is past a threshold already. O(legs).
    ///
    /// # Errors
    /// `UnknownMarket`, `DuplicateMarket`, `TooManyLegs`, `Full`.
    pub fn insert_account(
        &mut self,
        state: &AccountState<'_>,
        now: i64,
        crossings: &mut Vec<Crossing>,
    ) -> Result<AccountId> {
        Accounts::check(state, self.markets.len())?;
        let id = self.accounts.open()?;
        self.write_account(id, state)?;
        self.tell_time(now);
        self.due.push(id);
        self.settle(crossings);
        Ok(AccountId(id))
    }

    /// A change of an account: its cash, credit, line or seats. O(legs).
    ///
    /// # Errors
    /// `UnknownAccount`, `UnknownMarket`, `DuplicateMarket`, `TooManyLegs`, `Full`.
    pub fn update_account(
        &mut self,
        account: AccountId,
        state: &AccountState<'_>,
        now: i64,
        crossings: &mut Vec<Crossing>,
    ) -> Result<()> {
        Accounts::check(state, self.markets.len())?;
        self.write_account(account.0, state)?;
        self.tell_time(now);
        self.due.push(account.0);
        self.settle(crossings);
        Ok(())
    }

    /// Forgets an account. O(legs).
    ///
    /// # Errors
    /// `UnknownAccount`.
    pub fn remove_account(&mut self, account: AccountId) -> Result<()> {
        let found = *self.account(account)?;
        self.count_legs(&found, false);
        if let Some(credit) = self.accounts.credit(&found) {
            self.timers.remove(&(credit.timer, account.0));
        }
        self.accounts.close(account.0);
        Ok(())
    }

    /// A tick: the new mark of one market. O(1) when it reaches no trigger; else O(a bin of the side's set)
    /// and an assessment for each account whose trigger it reaches.
    ///
    /// # Errors
    /// `UnknownMarket`, `OutOfBounds`.
    #[inline]
    pub fn update_mark(
        &mut self,
        update: MarkUpdate,
        now: i64,
        crossings: &mut Vec<Crossing>,
    ) -> Result<()> {
        self.update_marks(core::slice::from_ref(&update), now, crossings)
    }

    /// Marks of several markets that arrive together: an account whose triggers several of them reach is
    /// assessed once.
    ///
    /// # Errors
    /// `UnknownMarket`, `OutOfBounds`; then none of the marks is taken.
    pub fn update_marks(
        &mut self,
        updates: &[MarkUpdate],
        now: i64,
        crossings: &mut Vec<Crossing>,
    ) -> Result<()> {
        for update in updates {
            if usize::from(update.market.0) >= self.markets.len() {
                return Err(IndexError::UnknownMarket);
            }
            if update.mark.0 == 0 || update.mark.0 > PRICE_Q32_MAX {
                return Err(IndexError::OutOfBounds);
            }
        }
        self.tell_time(now);
        for update in updates {
            let market = market_mut(&mut self.markets, update.market)?;
            let moved = market.set_mark(update.mark.0, update.index_time, now)?;
            self.after_move(update.market, &moved);
        }
        self.settle(crossings);
        Ok(())
    }

    /// A new header of a market: mark, funding, ADL, parameters, halts, whatever has changed. As a tick; where
    /// parameters change or a side is laid anew (an epoch's end, a scale that has fallen 64-fold), every account
    /// of it is assessed.
    ///
    /// # Errors
    /// `UnknownMarket`, `OutOfBounds`; `Engine` when an epoch's end is not where the header says.
    pub fn update_market(
        &mut self,
        id: MarketId,
        view: &MarketRef<'_>,
        now: i64,
        crossings: &mut Vec<Crossing>,
    ) -> Result<()> {
        let moved = market_mut(&mut self.markets, id)?.set(view, now)?;
        self.tell_time(now);
        self.after_move(id, &moved);
        self.settle(crossings);
        Ok(())
    }

    /// Time alone: indices grow stale, margin calls lapse, halts end. O(markets) when `now` has changed.
    pub fn advance(&mut self, now: i64, crossings: &mut Vec<Crossing>) {
        self.tell_time(now);
        self.settle(crossings);
    }

    /// Where an account stood when it was last assessed, which is where it stands.
    ///
    /// # Errors
    /// `UnknownAccount`.
    pub fn standing(&self, account: AccountId) -> Result<Standing> {
        Ok(Standing::from_bits(self.account(account)?.standing))
    }

    /// The accounts that are past a threshold, in no order. O(accounts attended to).
    pub fn past_threshold(&self) -> impl Iterator<Item = (AccountId, Standing)> + '_ {
        self.accounts.attended.iter().filter_map(|attended| {
            let account = self.accounts.get(attended.account)?;
            let standing = Standing::from_bits(account.standing);
            (!standing.is_clear()).then_some((AccountId(attended.account), standing))
        })
    }

    /// Risk of an account as the engine computes it now; unaged gains are left out, so that initial margin is
    /// not to be judged by it.
    ///
    /// # Errors
    /// `UnknownAccount`; `Engine` for an unreadable one.
    pub fn risk(&self, account: AccountId) -> Result<AccountRisk> {
        let found = self.account(account)?;
        Ok(self.assess(found)?.risk)
    }

    /// Assesses every account, triggers aside, and returns those that stand elsewhere than the index says:
    /// none, ever. O(legs of all accounts); for checks and for comparison.
    pub fn rescan(&self) -> Vec<Crossing> {
        let mut wrong = Vec::new();
        for id in self.accounts.ids() {
            let Some(account) = self.accounts.get(id) else {
                continue;
            };
            let after = match self.assess(account) {
                Ok(found) => found.standing,
                Err(_) => Standing::from_bits(Standing::UNREADABLE),
            };
            let before = Standing::from_bits(account.standing);
            if after != before {
                wrong.push(Crossing {
                    account: AccountId(id),
                    before,
                    after,
                });
            }
        }
        wrong
    }

    fn account(&self, account: AccountId) -> Result<&Account> {
        self.accounts
            .get(account.0)
            .ok_or(IndexError::UnknownAccount)
    }

    #[inline(always)]
    fn assess(&self, account: &Account) -> Result<Assessment> {
        let credit = self.accounts.credit(account);
        let legs = self.accounts.legs(account);
        Ok(assess(
            &self.markets,
            account.collateral,
            credit,
            legs,
            self.now,
        )?)
    }

    /// Adds the account's legs to their sides' counts, or takes them off.
    fn count_legs(&mut self, account: &Account, add: bool) {
        for leg in self.accounts.legs(account) {
            let market = self.markets.get_mut(usize::from(leg.market));
            let side = market.and_then(|market| market.sides.get_mut(leg.place()));
            let Some(side) = side.filter(|_| leg.shares() != 0) else {
                continue;
            };
            side.legs = if add {
                side.legs.saturating_add(1)
            } else {
                side.legs.saturating_sub(1)
            };
        }
    }

    fn write_account(&mut self, id: u32, state: &AccountState<'_>) -> Result<()> {
        let found = *self.account(AccountId(id))?;
        self.count_legs(&found, false);
        if let Some(attended) = self.accounts.attended_of(&found) {
            attended.trigger = [NEVER; MARGIN_ENTRIES_MAX];
            attended.entry = [NEVER; MARGIN_ENTRIES_MAX];
        }
        if let Some(credit) = self.accounts.credit(&found) {
            self.timers.remove(&(credit.timer, id));
        }
        let written = self.accounts.set_legs(id, state.legs);
        let found = *self.account(AccountId(id))?;
        self.count_legs(&found, true);
        written?;
        let cash = &state.cash;
        let credit = (cash.credit | cash.interest | state.lendable != 0).then_some(Credit {
            principal: cash.credit,
            interest: cash.interest,
            lendable: state.lendable,
            call_deadline: state.call_deadline,
            timer: NEVER,
        });
        self.accounts.set_credit(id, credit)?;
        if let Some(account) = self.accounts.get_mut(id) {
            account.collateral = cash.collateral;
        }
        Ok(())
    }
}

fn market_mut(markets: &mut [Market], id: MarketId) -> Result<&mut Market> {
    markets
        .get_mut(usize::from(id.0))
        .ok_or(IndexError::UnknownMarket)
}
