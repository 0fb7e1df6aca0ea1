//! The mirror of accounts: cash, credit and legs, packed.

mod leg;

use plimsoll_engine::risk::AccountCash;
use plimsoll_engine::state::{Seat, MARGIN_ENTRIES_MAX};

use crate::error::{IndexError, Result};
use crate::set::Entry;
use crate::MarketId;

pub(crate) use leg::Leg;

/// Accounts whose memory is read together.
pub(crate) const WARMED: usize = 16;

/// "None" of a 32-bit place.
pub(crate) const NOWHERE: u32 = u32::MAX;

/// A trigger that is never reached; of an entry: that there is none.
pub(crate) const NEVER: i64 = i64::MAX;

/// What few accounts have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Credit {
    pub(crate) principal: u64,
    pub(crate) interest: u64,
    pub(crate) lendable: u64,
    pub(crate) call_deadline: i64,
    /// Time at which the account is to be assessed.
    pub(crate) timer: i64,
}

/// An account that every event of certain kinds in one of its markets assesses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attended {
    pub(crate) account: u32,
    /// Bit `market mod 64` of each of its markets.
    pub(crate) markets: u64,
    /// By leg, as [`Leg::trigger`] and [`Leg::entry`], of the way back.
    pub(crate) trigger: [i64; MARGIN_ENTRIES_MAX],
    pub(crate) entry: [i64; MARGIN_ENTRIES_MAX],
}

/// An account.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account {
    pub(crate) collateral: i64,
    /// Place of its legs.
    start: u32,
    /// Place of its credit.
    pub(crate) credit: u32,
    /// Place among the attended.
    pub(crate) attended: u32,
    len: u8,
    pub(crate) standing: u8,
    live: bool,
}

/// An account's state as the caller mirrors it.
#[derive(Clone, Copy, Debug)]
pub struct AccountState<'a> {
    /// As `cash::account_cash` gives it; unaged gains do not matter here. Interest is what is owed as of this
    /// update: whoever wants it to the second accrues the line (`credit::line::accrue`) and updates the account.
    pub cash: AccountCash,
    /// What the account's line would lend: limit − D, the cash behind it and the minute's rest, whichever is
    /// least; zero: no usable line. Quote atoms.
    pub lendable: u64,
    /// Deadline of the running margin call, unix seconds; read while something is drawn.
    pub call_deadline: i64,
    /// Its seats, at most eight, one a market. Of orders only matters whether there are any.
    pub legs: &'a [(MarketId, Seat)],
}

/// All accounts.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    accounts: Vec<Account>,
    legs: Vec<Leg>,
    credits: Vec<Credit>,
    pub(crate) attended: Vec<Attended>,
    free_accounts: Vec<u32>,
    free_credits: Vec<u32>,
    /// Freed places of runs of legs, by length less one.
    free_legs: [Vec<u32>; MARGIN_ENTRIES_MAX],
    live: usize,
}

impl Accounts {
    pub(crate) fn reserve(&mut self, accounts: usize, legs: usize) {
        self.accounts.reserve_exact(accounts);
        self.legs.reserve_exact(legs);
    }

    pub(crate) fn len(&self) -> usize {
        self.live
    }

    pub(crate) fn get(&self, id: u32) -> Option<&Account> {
        let account = self.accounts.get(usize::try_from(id).ok()?)?;
        account.live.then_some(account)
    }

    pub(crate) fn get_mut(&mut self, id: u32) -> Option<&mut Account> {
        let account = self.accounts.get_mut(usize::try_from(id).ok()?)?;
        account.live.then_some(account)
    }

    /// Numbers of the accounts that exist.
    pub(crate) fn ids(&self) -> impl Iterator<Item = u32> + '_ {
        let numbered = (0..NOWHERE).zip(&self.accounts);
        numbered.filter_map(|(id, account)| account.live.then_some(id))
    }

    pub(crate) fn credit(&self, account: &Account) -> Option<&Credit> {
        self.credits.get(usize::try_from(account.credit).ok()?)
    }

    pub(crate) fn credit_mut(&mut self, place: u32) -> Option<&mut Credit> {
        self.credits.get_mut(usize::try_from(place).ok()?)
    }

    pub(crate) fn legs(&self, account: &Account) -> &[Leg] {
        range(account.start, account.len)
            .and_then(|range| self.legs.get(range))
            .unwrap_or(&[])
    }

    pub(crate) fn legs_mut(&mut self, account: &Account) -> &mut [Leg] {
        range(account.start, account.len)
            .and_then(|range| self.legs.get_mut(range))
            .unwrap_or(&mut [])
    }

    pub(crate) fn leg(&self, place: u32) -> Option<&Leg> {
        self.legs.get(usize::try_from(place).ok()?)
    }

    pub(crate) fn leg_mut(&mut self, place: u32) -> Option<&mut Leg> {
        self.legs.get_mut(usize::try_from(place).ok()?)
    }

    /// Place of the leg in a slot of an account.
    pub(crate) const fn place_of(account: &Account, slot: u8) -> u32 {
        account.start.saturating_add(slot as u32)
    }

    /// Reads accounts and their legs, so that the cache misses of many overlap.
    #[inline(always)]
    pub(crate) fn warm(&self, ids: &[u32; WARMED]) {
        let mut read = 0;
        let accounts = ids.map(|id| self.get(id).copied());
        for account in accounts.iter().flatten() {
            for leg in self.legs(account) {
                read ^= leg.shares;
            }
        }
        core::hint::black_box(read);
    }

    /// The same for legs that entries speak for.
    #[inline(always)]
    pub(crate) fn warm_legs(&self, entries: &[Entry]) {
        let legs = entries.iter().filter_map(|entry| self.leg(entry.leg));
        core::hint::black_box(legs.fold(0, |read, leg| read ^ leg.entry));
    }

    /// Refuses what is no account's.
    pub(crate) fn check(state: &AccountState<'_>, markets: usize) -> Result<()> {
        if state.legs.len() > MARGIN_ENTRIES_MAX {
            return Err(IndexError::TooManyLegs);
        }
        for (position, (market, _)) in state.legs.iter().enumerate() {
            if usize::from(market.0) >= markets {
                return Err(IndexError::UnknownMarket);
            }
            let before = state.legs.iter().take(position);
            if before.into_iter().any(|(other, _)| other == market) {
                return Err(IndexError::DuplicateMarket);
            }
        }
        Ok(())
    }

    /// Room for a new account, without cash and legs.
    pub(crate) fn open(&mut self) -> Result<u32> {
        let blank = Account {
            collateral: 0,
            start: 0,
            credit: NOWHERE,
            attended: NOWHERE,
            len: 0,
            standing: 0,
            live: true,
        };
        let id = if let Some(id) = self.free_accounts.pop() {
            let place = usize::try_from(id).map_err(|_| IndexError::Full)?;
            *self.accounts.get_mut(place).ok_or(IndexError::Full)? = blank;
            id
        } else {
            let id = place(self.accounts.len())?;
            self.accounts.push(blank);
            id
        };
        self.live += 1;
        Ok(id)
    }

    /// Forgets an account.
    pub(crate) fn close(&mut self, id: u32) {
        self.set_legs(id, &[]).ok();
        self.set_credit(id, None).ok();
        self.stop_attending(id);
        if let Some(account) = self.get_mut(id) {
            account.live = false;
            self.free_accounts.push(id);
            self.live -= 1;
        }
    }

    /// Writes the legs. Where their number stays, a leg that stays in its slot, market and side keeps its entry.
    pub(crate) fn set_legs(&mut self, id: u32, legs: &[(MarketId, Seat)]) -> Result<()> {
        let account = *self.get(id).ok_or(IndexError::UnknownAccount)?;
        let mut new = [Leg::default(); MARGIN_ENTRIES_MAX];
        for (slot, (leg, (market, seat))) in (0..).zip(new.iter_mut().zip(legs)) {
            *leg = Leg::new(id, slot, *market, seat);
        }
        let new = new.get_mut(..legs.len()).ok_or(IndexError::TooManyLegs)?;
        let start = if new.len() == usize::from(account.len) {
            for (leg, old) in new.iter_mut().zip(self.legs(&account)) {
                if old.is_of(MarketId(leg.market), leg.side) && leg.shares != 0 {
                    (leg.trigger, leg.entry) = (old.trigger, old.entry);
                }
            }
            account.start
        } else {
            let start = self.allot(new.len())?;
            self.give_back(&account);
            start
        };
        let len = u8::try_from(new.len()).map_err(|_| IndexError::TooManyLegs)?;
        if let Some(room) = range(start, len).and_then(|range| self.legs.get_mut(range)) {
            room.copy_from_slice(new);
        }
        let account = self.get_mut(id).ok_or(IndexError::UnknownAccount)?;
        (account.start, account.len) = (start, len);
        Ok(())
    }

    /// A run of `len` legs.
    fn allot(&mut self, len: usize) -> Result<u32> {
        let Some(class) = len.checked_sub(1) else {
            return Ok(0);
        };
        if let Some(start) = self.free_legs.get_mut(class).and_then(Vec::pop) {
            return Ok(start);
        }
        let start = place(self.legs.len())?;
        place(self.legs.len() + len)?;
        let filled = self.legs.len() + len;
        self.legs.resize(filled, Leg::default());
        Ok(start)
    }

    /// Frees an account's run, so that no entry speaks for a leg of it any more.
    fn give_back(&mut self, account: &Account) {
        self.legs_mut(account).fill(Leg::default());
        let class = usize::from(account.len).checked_sub(1);
        if let Some(free) = class.and_then(|class| self.free_legs.get_mut(class)) {
            free.push(account.start);
        }
    }

    pub(crate) fn set_credit(&mut self, id: u32, credit: Option<Credit>) -> Result<()> {
        let account = *self.get(id).ok_or(IndexError::UnknownAccount)?;
        let place = match (credit, account.credit) {
            (None, NOWHERE) => NOWHERE,
            (None, old) => {
                self.free_credits.push(old);
                NOWHERE
            }
            (Some(credit), NOWHERE) => {
                if let Some(free) = self.free_credits.pop() {
                    if let Some(room) = self.credit_mut(free) {
                        *room = credit;
                    }
                    free
                } else {
                    let new = place(self.credits.len())?;
                    self.credits.push(credit);
                    new
                }
            }
            (Some(credit), old) => {
                if let Some(room) = self.credit_mut(old) {
                    *room = credit;
                }
                old
            }
        };
        let account = self.get_mut(id).ok_or(IndexError::UnknownAccount)?;
        account.credit = place;
        Ok(())
    }

    pub(crate) fn attended_of(&mut self, account: &Account) -> Option<&mut Attended> {
        self.attended
            .get_mut(usize::try_from(account.attended).ok()?)
    }

    /// Puts an account among the attended, or leaves it there.
    pub(crate) fn attend(&mut self, id: u32) -> Result<()> {
        let account = *self.get(id).ok_or(IndexError::UnknownAccount)?;
        let mut markets = 0;
        for leg in self.legs(&account) {
            markets |= market_bit(leg.market);
        }
        if let Some(attended) = self.attended_of(&account) {
            attended.markets = markets;
            return Ok(());
        }
        let at = place(self.attended.len())?;
        self.attended.push(Attended {
            account: id,
            markets,
            trigger: [NEVER; MARGIN_ENTRIES_MAX],
            entry: [NEVER; MARGIN_ENTRIES_MAX],
        });
        let account = self.get_mut(id).ok_or(IndexError::UnknownAccount)?;
        account.attended = at;
        Ok(())
    }

    pub(crate) fn stop_attending(&mut self, id: u32) {
        let Some(account) = self.get_mut(id) else {
            return;
        };
        let at = core::mem::replace(&mut account.attended, NOWHERE);
        let Ok(position) = usize::try_from(at) else {
            return;
        };
        if position >= self.attended.len() {
            return;
        }
        self.attended.swap_remove(position);
        let moved = self.attended.get(position).map(|moved| moved.account);
        if let Some(moved) = moved.and_then(|moved| self.get_mut(moved)) {
            moved.attended = at;
        }
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        let free = self.free_legs.iter().map(Vec::capacity).sum::<usize>()
            + self.free_accounts.capacity()
            + self.free_credits.capacity();
        self.accounts.capacity() * size_of::<Account>()
            + self.legs.capacity() * size_of::<Leg>()
            + self.credits.capacity() * size_of::<Credit>()
            + self.attended.capacity() * size_of::<Attended>()
            + free * size_of::<u32>()
    }
}

/// Bit of a market in [`Attended::markets`].
pub(crate) const fn market_bit(market: u16) -> u64 {
    1 << (market & 63)
}

fn place(len: usize) -> Result<u32> {
    let place = u32::try_from(len).map_err(|_| IndexError::Full)?;
    if place == NOWHERE {
        return Err(IndexError::Full);
    }
    Ok(place)
}

fn range(start: u32, len: u8) -> Option<core::ops::Range<usize>> {
    let start = usize::try_from(start).ok()?;
    Some(start..start.checked_add(usize::from(len))?)
}
