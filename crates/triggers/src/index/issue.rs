//! Assessing what is due, and issuing its triggers.

use super::events::recovery_of;
use super::{AccountId, Crossing, MarketId, TriggerIndex};
use crate::accounts::{Account, Accounts, NEVER, NOWHERE, WARMED};
use crate::set::Entry;
use crate::slack::{self, Triggers};
use crate::standing::Standing;

impl TriggerIndex {
    /// Assesses what is due.
    #[inline(always)]
    pub(super) fn settle(&mut self, crossings: &mut Vec<Crossing>) {
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
        self.pushed = 0;
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
                side.harm.push(Entry { key, leg }, side.key.harm);
                self.pushed += 1;
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
                side.recovery.push(Entry { key, leg }, side.key.recovery);
                self.pushed += 1;
                self.crowded |= side.recovery.len() > most;
            }
        }
    }

    /// Drops what speaks for no leg any more from the sets that have too much of it: twice as many entries are
    /// looked at as the event has pushed, and no more than an event can pay for.
    #[inline(never)]
    fn compact(&mut self) {
        let most = crowded(self.accounts.attended.len());
        let mut budget = self.pushed.saturating_mul(2).clamp(SWEEP_MIN, SWEEP_MAX);
        let accounts = &mut self.accounts;
        self.crowded = false;
        for (id, market) in (0_u16..).map(MarketId).zip(&mut self.markets) {
            for (number, side) in (0_u8..).zip(&mut market.sides) {
                if side.harm.len() > crowded(side.legs) && budget != 0 {
                    let seen = side.harm.sweep(budget, |entry| {
                        let leg = accounts.leg(entry.leg);
                        leg.is_some_and(|leg| leg.is_of(id, number) && leg.entry == entry.key)
                    });
                    budget = budget.saturating_sub(seen);
                    self.crowded |= side.harm.len() > crowded(side.legs);
                }
                if side.recovery.len() > most && budget != 0 {
                    let seen = side.recovery.sweep(budget, |entry| {
                        recovery_of(accounts, entry, id, number).is_some()
                    });
                    budget = budget.saturating_sub(seen);
                    self.crowded |= side.recovery.len() > most;
                }
            }
        }
        self.crowded |= budget == 0;
    }
}

/// Entries that one event looks at to drop some, at the least and at the most.
const SWEEP_MIN: usize = 512;
const SWEEP_MAX: usize = 8_192;

/// Entries of a set from which those that no longer speak for a leg are dropped.
const fn crowded(legs: usize) -> usize {
    legs.saturating_mul(3).saturating_add(8_192)
}
