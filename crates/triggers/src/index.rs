//! The index: markets, accounts, and what an event makes of them.

use std::collections::BTreeSet;

use plimsoll_engine::book::arena::MarketRef;
use plimsoll_engine::risk::AccountRisk;
use plimsoll_engine::state::MARGIN_ENTRIES_MAX;
use plimsoll_engine::units::{PriceQ32, PRICE_Q32_MAX};

use crate::accounts::{
    market_bit, Account, AccountState, Accounts, Credit, NEVER, NOWHERE, WARMED,
};
use crate::error::{IndexError, Result};
use crate::key;
use crate::market::{Market, MarketMove};
use crate::set::Entry;
use crate::slack::{self, Triggers};
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

    /// Adds an account, and reports it where it is past a threshold already. O(legs · log legs of a side).
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

    /// A change of an account: its cash, credit, line or seats. O(legs · log legs of a side).
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

    /// A tick: the new mark of one market. O(1) when it reaches no trigger; else O(log legs of a side) and an
    /// assessment for each account whose trigger it reaches.
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

    /// Takes the clock to `now`; what that makes due is noted.
    #[inline(always)]
    fn tell_time(&mut self, now: i64) {
        if now != self.now {
            self.pass_time(now);
        }
    }

    #[inline(never)]
    fn pass_time(&mut self, now: i64) {
        self.now = now;
        let mut turned = 0_u64;
        for (number, market) in (0_u16..).zip(&mut self.markets) {
            if market.tell_time(now) {
                turned |= market_bit(number);
            }
        }
        self.note_attended(turned);
        while let Some(&(at, account)) = self.timers.first() {
            if at > now {
                break;
            }
            self.timers.pop_first();
            self.due.push(account);
        }
    }

    /// Notes the attended accounts of the markets.
    fn note_attended(&mut self, markets: u64) {
        if markets == 0 {
            return;
        }
        let attended = self.accounts.attended.iter();
        let found = attended.filter(|attended| attended.markets & markets != 0);
        self.due.extend(found.map(|attended| attended.account));
    }

    /// Notes the accounts that a move of a market makes due.
    #[inline(always)]
    fn after_move(&mut self, id: MarketId, moved: &MarketMove) {
        if moved.attended {
            self.note_attended(market_bit(id.0));
        }
        for (side, of_side) in (0_u8..).zip(moved.sides) {
            if of_side.laid {
                self.note_side(id, side, true);
            } else if moved.all {
                self.note_side(id, side, false);
            }
            self.note_reached(id, side);
        }
    }

    /// Notes the accounts of a side whose trigger its keys have reached.
    #[inline(always)]
    fn note_reached(&mut self, id: MarketId, number: u8) {
        let market = self.markets.get_mut(usize::from(id.0));
        let Some(side) = market.and_then(|market| market.sides.get_mut(usize::from(number))) else {
            return;
        };
        let reached = key::reached(side.key.harm);
        while let Some(entry) = side.harm.pop_due(reached) {
            self.reached.push(entry);
        }
        for entry in self.reached.drain(..) {
            let Some(leg) = self.accounts.leg_mut(entry.leg) else {
                continue;
            };
            if !leg.is_of(id, number) || leg.entry != entry.key {
                continue;
            }
            if leg.trigger > reached {
                leg.entry = leg.trigger;
                let key = leg.trigger;
                side.harm.push(Entry { key, ..entry });
            } else {
                leg.entry = NEVER;
                self.due.push(leg.account);
            }
        }
        let reached = key::reached(side.key.recovery);
        while let Some(entry) = side.recovery.pop_due(reached) {
            let spoken = recovery_of(&mut self.accounts, &entry, id, number);
            let Some((account, trigger, spoken)) = spoken else {
                continue;
            };
            if trigger <= reached {
                *spoken = NEVER;
                self.due.push(account);
            } else {
                *spoken = trigger;
                if trigger != NEVER {
                    let key = trigger;
                    side.recovery.push(Entry { key, ..entry });
                }
            }
        }
    }

    /// Notes every account of a side; `anew` empties its sets, for all triggers are issued again.
    #[inline(never)]
    fn note_side(&mut self, id: MarketId, number: u8, anew: bool) {
        let market = self.markets.get_mut(usize::from(id.0));
        let Some(side) = market.and_then(|market| market.sides.get_mut(usize::from(number))) else {
            return;
        };
        for entry in side.harm.iter() {
            let leg = self.accounts.leg_mut(entry.leg);
            if let Some(leg) = leg.filter(|leg| leg.is_of(id, number)) {
                if anew {
                    leg.entry = NEVER;
                }
                self.due.push(leg.account);
            }
        }
        if anew {
            for entry in side.recovery.iter() {
                if let Some((_, _, spoken)) = recovery_of(&mut self.accounts, entry, id, number) {
                    *spoken = NEVER;
                }
            }
            side.harm.retain(|_| false);
            side.recovery.retain(|_| false);
        }
    }

    /// Assesses what is due.
    #[inline(always)]
    fn settle(&mut self, crossings: &mut Vec<Crossing>) {
        if !self.due.is_empty() {
            self.settle_due(crossings);
        }
    }

    #[inline(never)]
    fn settle_due(&mut self, crossings: &mut Vec<Crossing>) {
        let mut due = core::mem::take(&mut self.due);
        // In the order of memory, and each once.
        due.sort_unstable();
        due.dedup();
        for batch in due.chunks(WARMED) {
            if let Ok(batch) = batch.try_into() {
                self.accounts.warm(batch);
            }
            for account in batch {
                crossings.extend(self.reassess(*account));
            }
        }
        due.clear();
        self.due = due;
        if self.crowded {
            self.compact();
        }
    }

    /// Assesses an account and issues its triggers.
    fn reassess(&mut self, id: u32) -> Option<Crossing> {
        let account = *self.accounts.get(id)?;
        self.counters.assessments += 1;
        let drawn = self.accounts.credit(&account);
        let drawn = drawn.is_some_and(|credit| credit.principal != 0);
        let (after, lapsed, triggers) = match self.assess(&account) {
            Ok(found) => {
                let legs = self.accounts.legs(&account);
                let triggers = slack::triggers(&self.markets, legs, &found);
                (found.standing, found.lapsed, triggers)
            }
            Err(_) => {
                let unreadable = Standing::from_bits(Standing::UNREADABLE);
                (unreadable, false, Triggers::ALWAYS)
            }
        };
        if triggers.attended {
            // Fails only for an account that does not exist, or the 2^32nd.
            self.accounts.attend(id).ok()?;
        } else if account.attended != NOWHERE {
            self.accounts.stop_attending(id);
        }
        self.set_timer(id, &account, drawn && !lapsed);
        self.issue_harm(&account, &triggers);
        if triggers.attended {
            self.issue_recovery(id, &triggers);
        }
        let before = Standing::from_bits(account.standing);
        if before == after {
            return None;
        }
        self.accounts.get_mut(id)?.standing = after.bits();
        self.counters.crossings += 1;
        Some(Crossing {
            account: AccountId(id),
            before,
            after,
        })
    }

    /// A call that runs is looked at when it may have lapsed: at its deadline, and each second after it while
    /// a held market has not been open for long enough.
    fn set_timer(&mut self, id: u32, account: &Account, running: bool) {
        let now = self.now;
        let Some(credit) = self.accounts.credit_mut(account.credit) else {
            return;
        };
        let timer = if running {
            credit.call_deadline.max(now.saturating_add(1))
        } else {
            NEVER
        };
        if timer == credit.timer {
            if running {
                self.timers.insert((timer, id));
            }
            return;
        }
        let before = core::mem::replace(&mut credit.timer, timer);
        self.timers.remove(&(before, id));
        if timer != NEVER {
            self.timers.insert((timer, id));
        }
    }

    #[inline(always)]
    fn issue_harm(&mut self, account: &Account, triggers: &Triggers) {
        let markets = &mut self.markets;
        let legs = self.accounts.legs_mut(account).iter_mut();
        for (slot, (leg, trigger)) in (0_u8..).zip(legs.zip(triggers.harm)) {
            let market = markets.get_mut(usize::from(leg.market));
            let side = market.and_then(|market| market.sides.get_mut(leg.place()));
            let Some(side) = side.filter(|_| leg.shares() != 0) else {
                continue;
            };
            leg.trigger = trigger;
            // An entry that lies nearer stands for the leg until it is reached, and is then laid farther.
            if trigger < leg.entry {
                leg.entry = trigger;
                let key = trigger;
                let leg = Accounts::place_of(account, slot);
                side.harm.push(Entry { key, leg });
                self.crowded |= side.harm.len() > crowded(side.legs);
            }
        }
    }

    fn issue_recovery(&mut self, id: u32, triggers: &Triggers) {
        let Some(account) = self.accounts.get(id).copied() else {
            return;
        };
        let most = crowded(self.accounts.attended.len());
        for slot in 0..self.accounts.legs(&account).len() {
            let leg = self.accounts.legs(&account).get(slot).copied();
            let attended = self.accounts.attended_of(&account);
            let (Some(leg), Some(attended)) = (leg, attended) else {
                return;
            };
            let trigger = triggers.recovery.get(slot).copied().unwrap_or(NEVER);
            let held = attended.trigger.get_mut(slot);
            let (Some(held), Some(entry)) = (held, attended.entry.get_mut(slot)) else {
                return;
            };
            *held = trigger;
            let market = self.markets.get_mut(usize::from(leg.market));
            let side = market.and_then(|market| market.sides.get_mut(leg.place()));
            if let (Some(side), Ok(slot), true) = (side, u8::try_from(slot), trigger < *entry) {
                *entry = trigger;
                let leg = Accounts::place_of(&account, slot);
                let key = trigger;
                side.recovery.push(Entry { key, leg });
                self.crowded |= side.recovery.len() > most;
            }
        }
    }

    /// Drops what speaks for no leg any more from the sets that have too much of it. O(entries), after as many
    /// pushes.
    #[inline(never)]
    fn compact(&mut self) {
        let most = crowded(self.accounts.attended.len());
        let accounts = &mut self.accounts;
        for (id, market) in (0_u16..).map(MarketId).zip(&mut self.markets) {
            for (number, side) in (0_u8..).zip(&mut market.sides) {
                if side.harm.len() > crowded(side.legs) {
                    side.harm.retain(|entry| {
                        let leg = accounts.leg(entry.leg);
                        leg.is_some_and(|leg| leg.is_of(id, number) && leg.entry == entry.key)
                    });
                }
                if side.recovery.len() > most {
                    side.recovery
                        .retain(|entry| recovery_of(accounts, entry, id, number).is_some());
                }
            }
        }
        self.crowded = false;
    }
}

/// Entries of a set from which those that no longer speak for a leg are dropped.
const fn crowded(legs: usize) -> usize {
    legs.saturating_mul(3).saturating_add(1_024)
}

fn market_mut(markets: &mut [Market], id: MarketId) -> Result<&mut Market> {
    markets
        .get_mut(usize::from(id.0))
        .ok_or(IndexError::UnknownMarket)
}

/// Account, trigger and entry's key of the way back that an entry speaks for.
fn recovery_of<'a>(
    accounts: &'a mut Accounts,
    entry: &Entry,
    market: MarketId,
    side: u8,
) -> Option<(u32, i64, &'a mut i64)> {
    let leg = accounts.leg(entry.leg)?;
    if !leg.is_of(market, side) {
        return None;
    }
    let (id, slot) = (leg.account, usize::from(leg.slot));
    let account = *accounts.get(id)?;
    let attended = accounts.attended_of(&account)?;
    let trigger = *attended.trigger.get(slot)?;
    let spoken = attended.entry.get_mut(slot)?;
    (*spoken == entry.key).then_some((id, trigger, spoken))
}
