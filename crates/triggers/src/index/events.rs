//! What an event makes due: the accounts whose trigger a side's key has reached, and those that are attended to.

use super::{MarketId, TriggerIndex};
use crate::accounts::{market_bit, Accounts, NEVER, WARMED};
use crate::key;
use crate::market::MarketMove;
use crate::set::Entry;

impl TriggerIndex {
    /// Takes the clock to `now`; what that makes due is noted.
    #[inline(always)]
    pub(super) fn tell_time(&mut self, now: i64) {
        if now != self.now {
            self.pass_time(now);
        }
    }

    #[inline(never)]
    pub(super) fn pass_time(&mut self, now: i64) {
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
    pub(super) fn note_attended(&mut self, markets: u64) {
        if markets == 0 {
            return;
        }
        let attended = self.accounts.attended.iter();
        let found = attended.filter(|attended| attended.markets & markets != 0);
        self.due.extend(found.map(|attended| attended.account));
    }

    /// Notes the accounts that a move of a market makes due.
    #[inline(always)]
    pub(super) fn after_move(&mut self, id: MarketId, moved: &MarketMove) {
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
        side.harm.drain_due(reached, &mut self.reached);
        if !self.reached.is_empty() {
            self.take_reached(id, number, reached);
        }
        self.note_recovered(id, number);
    }

    /// Looks at the legs whose entries have been reached.
    #[inline(never)]
    fn take_reached(&mut self, id: MarketId, number: u8, reached: i64) {
        let market = self.markets.get_mut(usize::from(id.0));
        let Some(side) = market.and_then(|market| market.sides.get_mut(usize::from(number))) else {
            return;
        };
        for batch in self.reached.chunks(WARMED) {
            self.accounts.warm_legs(batch);
            for entry in batch {
                let Some(leg) = self.accounts.leg_mut(entry.leg) else {
                    continue;
                };
                if !leg.is_of(id, number) || leg.entry != entry.key {
                    continue;
                }
                if leg.trigger > reached {
                    leg.entry = leg.trigger;
                    let key = leg.trigger;
                    side.harm.push(Entry { key, ..*entry }, reached);
                } else {
                    leg.entry = NEVER;
                    self.due.push(leg.account);
                }
            }
        }
        self.reached.clear();
    }

    /// The same for the way back.
    #[inline(always)]
    fn note_recovered(&mut self, id: MarketId, number: u8) {
        let market = self.markets.get_mut(usize::from(id.0));
        let Some(side) = market.and_then(|market| market.sides.get_mut(usize::from(number))) else {
            return;
        };
        let reached = key::reached(side.key.recovery);
        side.recovery.drain_due(reached, &mut self.reached);
        if !self.reached.is_empty() {
            self.take_recovered(id, number, reached);
        }
    }

    #[inline(never)]
    fn take_recovered(&mut self, id: MarketId, number: u8, reached: i64) {
        let market = self.markets.get_mut(usize::from(id.0));
        let Some(side) = market.and_then(|market| market.sides.get_mut(usize::from(number))) else {
            return;
        };
        for entry in self.reached.drain(..) {
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
                    side.recovery.push(Entry { key, ..entry }, reached);
                }
            }
        }
    }

    /// Notes every account of a side; `anew` empties its sets, for all triggers are issued again.
    #[inline(never)]
    pub(super) fn note_side(&mut self, id: MarketId, number: u8, anew: bool) {
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
            side.harm.clear();
            side.recovery.clear();
        }
    }
}

/// Account, trigger and entry's key of the way back that an entry speaks for.
pub(super) fn recovery_of<'a>(
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
