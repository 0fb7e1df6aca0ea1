//! Holders of positions: once in a few seconds each looks at its account, closes its position if it said it would, and
//! sees a margin call and answers it later with a deposit.

use std::collections::BTreeMap;

use plimsoll_client::assess::Assessed;
use plimsoll_client::instructions;
use plimsoll_engine::state::HaltPhase;

use super::{order, shifted, ASK, BID, IOC};
use crate::hands::Stagehands;
use crate::operator::Operator;
use crate::population::{Trader, LOOK_SECONDS};
use crate::scenario::part;
use crate::venue::SHARDS;

/// How far from the mark a stop trades at most, ppm.
const STOP_REACH_PPM: i64 = 50_000;
/// A refused deposit is tried again after so many seconds.
const RETRY_SECONDS: u32 = 60;

/// What holders remember.
#[derive(Clone, Debug)]
pub struct Holders {
    /// Deposits that each has left.
    left: Vec<u8>,
    /// Deposits to come: second → places.
    due: BTreeMap<u32, Vec<usize>>,
    waiting: Vec<bool>,
}

impl Holders {
    pub fn new(traders: &[Trader]) -> Self {
        let left = traders.iter().map(|trader| {
            let deposits = trader.deposit != 0;
            u8::from(deposits) * 2
        });
        Self {
            left: left.collect(),
            due: BTreeMap::new(),
            waiting: vec![false; traders.len()],
        }
    }

    /// Deposits that are due, then a fifth of all looks.
    pub fn act(&mut self, hands: &mut Stagehands<'_>, keeper: &Operator) {
        self.deposit_due(hands);
        let clock = hands.stage.chain.clock();
        let second = hands.ledger.second;
        for place in 0..self.left.len() {
            let Some(trader) = hands.stage.population.traders.get(place).cloned() else {
                continue;
            };
            if trader.looks_at != second % LOOK_SECONDS {
                continue;
            }
            let can_deposit =
                self.left.get(place).is_some_and(|left| *left != 0) && !self.is_waiting(place);
            if !can_deposit && trader.stop_equity.is_none() {
                continue;
            }
            let Some(member) = hands.stage.members.get(place).copied() else {
                continue;
            };
            let Some(seen) = keeper.look(&member.margin, &clock) else {
                continue;
            };
            if seen.legs.iter().all(|leg| leg.held.base == 0) {
                continue;
            }
            if wants_out(&trader, &seen) {
                stop(hands, place, &seen);
            } else if can_deposit && is_called(&trader, &seen) {
                let at = second.saturating_add(trader.delay_seconds.max(1));
                self.due.entry(at).or_default().push(place);
                self.wait(place, true);
            }
        }
    }

    fn is_waiting(&self, place: usize) -> bool {
        self.waiting.get(place).copied().unwrap_or(true)
    }

    fn wait(&mut self, place: usize, waits: bool) {
        if let Some(waiting) = self.waiting.get_mut(place) {
            *waiting = waits;
        }
    }

    fn deposit_due(&mut self, hands: &mut Stagehands<'_>) {
        let second = hands.ledger.second;
        let Some(places) = self.due.remove(&second) else {
            return;
        };
        for place in places {
            let seat = hands.stage.members.get(place).map(|member| member.seat);
            if seat.is_none_or(|seat| hands.base_of(seat) == 0) {
                // Too late: nobody sends money after a position that is gone.
                continue;
            }
            if deposit(hands, place) {
                self.wait(place, false);
                if let Some(left) = self.left.get_mut(place) {
                    *left = left.saturating_sub(1);
                }
            } else {
                let at = second.saturating_add(RETRY_SECONDS);
                self.due.entry(at).or_default().push(place);
            }
        }
    }
}

fn wants_out(trader: &Trader, seen: &Assessed) -> bool {
    let equity = seen.risk.equity;
    trader
        .stop_equity
        .is_some_and(|least| i128::from(equity) <= i128::from(least))
}

/// Q is under the trader's multiple of maintenance.
fn is_called(trader: &Trader, seen: &Assessed) -> bool {
    let with_credit = seen.risk.equity_with_credit().unwrap_or(i64::MIN);
    let called = part(seen.risk.maintenance_margin, trader.call_at_ppm);
    i128::from(with_credit) < i128::from(called)
}

/// Closes the position at the market, as far as the book goes.
fn stop(hands: &mut Stagehands<'_>, place: usize, seen: &Assessed) {
    let header = hands.header();
    if super::phase(&header, hands.now()) != HaltPhase::Continuous {
        return;
    }
    let Some(member) = hands.stage.members.get(place).copied() else {
        return;
    };
    let units = hands.stage.venue.units;
    let base: i64 = seen.legs.iter().map(|leg| leg.held.base).sum();
    let lots = base.unsigned_abs() / units.base_atoms_per_lot.max(1);
    if lots == 0 {
        return;
    }
    let mark = units.ticks(units.price_of_q32(header.prices.mark));
    let (side, reach) = if base > 0 {
        (ASK, -STOP_REACH_PPM)
    } else {
        (BID, STOP_REACH_PPM)
    };
    let mut args = order(member.seat, side, IOC, shifted(mark, reach), lots);
    args.reduce_only = true;
    let instruction = hands.stage.trade(&member).place_order(args);
    let _ = hands.send(&member.owner, &[instruction]);
}

/// Sends a deposit; whether it was accepted.
fn deposit(hands: &mut Stagehands<'_>, place: usize) -> bool {
    let stage = &hands.stage;
    let (Some(trader), Some(member)) = (
        stage.population.traders.get(place),
        stage.members.get(place).copied(),
    ) else {
        return true;
    };
    let amount = trader.deposit;
    let addresses = stage.chain.addresses;
    let shard = u8::try_from(place % SHARDS).unwrap_or(0);
    let instruction = instructions::deposit(
        &addresses,
        member.owner,
        member.tokens,
        member.margin,
        shard,
        amount,
    );
    let accepted = !hands.deposits_suspended() && hands.send(&member.owner, &[instruction]).is_ok();
    hands.ledger.deposit(place, amount, accepted);
    accepted
}
