//! Who may be liquidated and which leg comes next: the engine against the words of spec §8.

use num_bigint::BigInt;
use plimsoll_engine::liquidation::{Cause, Legs, Standing};
use plimsoll_engine::state::HaltPhase;
use plimsoll_engine::EngineError;

use super::book::OrderModel;
use super::halts::Deed;
use super::ledger::big;
use super::World;

pub type Answer<T> = Result<T, EngineError>;

/// A leg as the model sees it.
#[derive(Clone, Debug)]
pub struct LegModel {
    pub market: usize,
    pub base: i128,
    pub claimed: BigInt,
    pub maintenance: BigInt,
    pub loss: BigInt,
    /// May be closed; and its book trades.
    pub closable: bool,
    pub matching: bool,
}

/// Why and how an account is liquidated.
#[derive(Clone, Debug)]
pub struct StandingModel {
    pub lapsed: bool,
    pub equity: BigInt,
    pub with_credit: BigInt,
    pub maintenance: BigInt,
    /// Part of both that stale indices give: it decides, and is never paid out.
    pub favour: BigInt,
}

impl StandingModel {
    pub fn sized_by(&self) -> &BigInt {
        if self.lapsed {
            &self.equity
        } else {
            &self.with_credit
        }
    }
}

impl World {
    pub fn market_of(&self, key: &[u8; 32]) -> usize {
        self.markets.iter().position(|m| m.key == *key).unwrap()
    }

    pub fn legs_model(&self, account: usize) -> Vec<LegModel> {
        let entries = self.accounts[account].entries().iter();
        entries
            .map(|entry| {
                let market = self.market_of(&entry.market);
                let risk = self.leg(account, market);
                let (now, state) = (self.env.now, &self.markets[market]);
                let fresh = !state.stale(now);
                LegModel {
                    market,
                    base: state.seats[&account].base,
                    claimed: state.seats[&account].claimed.clone(),
                    maintenance: risk.maintenance,
                    loss: risk.loss,
                    closable: fresh && state.allows(Deed::Close, now),
                    matching: fresh && state.allows(Deed::Trade, now),
                }
            })
            .collect()
    }

    /// Q < M, or e < M after a lapsed call; never what a committed line would cure (INV-7).
    pub fn foretell_standing(&self, account: usize) -> Answer<StandingModel> {
        if self.too_far(account, None) {
            return Err(EngineError::EpochBehind);
        }
        let risk = self.cash[account].risk(&self.legs(account, &[]), self.env.now);
        let below = |amount: &BigInt| *amount < big(0) || *amount < risk.maintenance;
        let starved = below(&risk.with_credit);
        let worked_out = self.call_lapsed(account) && below(&risk.equity);
        // Interest alone, and a claim that no pool pays yet, are nothing to close.
        let covered = &risk.with_credit + &self.cash[account].interest;
        let held = |market: &usize| self.markets[*market].seats[&account].base != 0;
        let open = self.markets_of(account).iter().any(held) || self.orders_rest(account);
        if (!starved && !worked_out) || (!open && covered >= big(0)) {
            return Err(EngineError::NotLiquidatable);
        }
        let usable = self.usable_credit(account);
        if starved && usable != big(0) && &risk.with_credit + &usable >= risk.maintenance {
            return Err(EngineError::CreditUsable);
        }
        Ok(StandingModel {
            lapsed: !starved,
            equity: risk.equity,
            with_credit: risk.with_credit,
            maintenance: risk.maintenance,
            favour: risk.favour,
        })
    }

    /// Whether the model holds the account below maintenance.
    pub fn liquidatable(&self, account: usize) -> bool {
        let standing = self.foretell_standing(account);
        standing.is_ok() || standing.err() == Some(EngineError::CreditUsable)
    }

    pub fn insolvent(&self, account: usize) -> bool {
        let risk = self.cash[account].risk(&self.legs(account, &[]), self.env.now);
        risk.with_credit <= big(0)
    }

    pub fn agree(&self, account: usize) -> Answer<(Legs, Standing, StandingModel)> {
        let found = self.read_legs(account).and_then(|(legs, risk)| {
            let (usable, lapsed) = self.engine_credit(account, &legs, &risk);
            Ok((legs, Standing::of(&risk, lapsed, usable)?))
        });
        match (found, self.foretell_standing(account)) {
            (Ok((legs, standing)), Ok(model)) => {
                let same = (
                    big(standing.equity),
                    big(standing.with_credit),
                    big(standing.maintenance_margin),
                    standing.cause == Cause::LapsedCall,
                );
                let expected = (
                    model.equity.clone(),
                    model.with_credit.clone(),
                    model.maintenance.clone(),
                    model.lapsed,
                );
                assert_eq!(same, expected);
                let usable = self.usable_credit(account);
                let uncured = &model.with_credit + usable < model.maintenance;
                let nothing = self.usable_credit(account) == big(0);
                assert!(
                    model.lapsed || uncured || nothing,
                    "INV-7: credit would cure"
                );
                Ok((legs, standing, model))
            }
            (Err(found), Err(expected)) => {
                assert_eq!(found, expected);
                Err(found)
            }
            (found, expected) => panic!("{found:?}, foretold {expected:?}"),
        }
    }

    /// Any order at all.
    pub fn orders_rest(&self, account: usize) -> bool {
        self.markets.iter().any(|m| !m.book.of(account).is_empty())
    }

    /// Its orders, in a halted market without its interest in the auction.
    pub fn orders_in(&self, account: usize, market: usize) -> usize {
        let state = &self.markets[market];
        let open = state.phase(self.env.now) == HaltPhase::Continuous;
        let own = state.book.of(account);
        let counts = |order: &&OrderModel| open || order.liquidation.is_none();
        own.iter().filter(counts).count()
    }

    pub fn ordinary_orders(&self, account: usize) -> usize {
        let markets = 0..self.markets.len();
        markets.map(|market| self.orders_in(account, market)).sum()
    }

    /// Among the legs with a position that may be closed the one with the largest MM, ties by key.
    pub fn next_leg<'a>(&self, legs: &'a [LegModel]) -> Answer<&'a LegModel> {
        let held: Vec<&LegModel> = legs.iter().filter(|leg| leg.base != 0).collect();
        if held.is_empty() {
            return Err(EngineError::NotLiquidatable);
        }
        let mut next: Vec<&LegModel> = held.into_iter().filter(|leg| leg.closable).collect();
        next.sort_by_key(|leg| (-leg.maintenance.clone(), self.markets[leg.market].key));
        next.first().copied().ok_or(EngineError::IndexStale)
    }

    /// Does it or, as the runtime would, takes all of it back; no part of it that fails writes.
    pub fn atomically(&mut self, what: impl FnOnce(&mut Self) -> Answer<()>) -> Answer<()> {
        let saved = self.clone();
        let done = what(self);
        if done.is_err() {
            let random = self.random.clone();
            *self = saved;
            self.random = random;
        }
        done
    }

    /// An instruction on a market: first what the clock has brought about is written down; an error takes that
    /// back as well.
    pub fn with_market(
        &mut self,
        market: usize,
        what: impl FnOnce(&mut Self) -> Answer<()>,
    ) -> Answer<()> {
        if self.markets[market].halt.running.is_none() {
            return what(self);
        }
        self.atomically(|world| {
            world.touch(market);
            what(world)
        })
    }

    /// One step of the engine: an error leaves every byte.
    pub fn unwritten<T>(&mut self, step: impl FnOnce(&mut Self) -> Answer<T>) -> Answer<T> {
        let before = self.bytes();
        let done = step(self);
        if let Err(error) = &done {
            assert!(before == self.bytes(), "{error:?} and wrote");
        }
        done
    }
}
