//! Liquidation in the book, fill by fill, against the words of spec §8.

use num_bigint::BigInt;
use plimsoll_engine::halt::Cause;
use plimsoll_engine::liquidation::{self, BookStep, Leg, Legs, Standing};
use plimsoll_engine::place::{OrderRequest, SelfTrade, TimeInForce, Which};
use plimsoll_engine::risk::AccountRisk;
use plimsoll_engine::state::{MarketParams, OrderSide};
use plimsoll_engine::units::{BaseLots, Ticks};
use plimsoll_engine::{fund, EngineError};

use super::book::{Outcome, Parties};
use super::halts::Deed;
use super::ledger::{big, floor, unit, value, Risk};
use super::shares;
use super::sizing::{lots_for, maintenance, size_at, ChargeModel, Reduction};
use super::standing::{Answer, LegModel, StandingModel};
use super::steps::atoms;
use super::{address_of, World};

impl World {
    pub fn liquidate(&mut self, account: usize, beneficiary: usize) -> Answer<()> {
        self.atomically(|world| world.liquidate_now(account, beneficiary))
    }

    pub fn liquidate_now(&mut self, account: usize, beneficiary: usize) -> Answer<()> {
        let now = self.env.now;
        if let Some(line) = self.line_of(account) {
            self.accrue_interest(line)?;
        }
        // The market that a caller names is the one of the leg that comes next.
        if !self.too_far(account, None) {
            let next = self
                .next_leg(&self.legs_model(account))
                .map(|leg| leg.market);
            if let Some(market) = next.ok().or(self.markets_of(account).first().copied()) {
                self.touch(market);
            }
        }
        let agreed = self.agree(account);
        let refused = agreed.as_ref().err().copied();
        if refused.is_some_and(|error| error != EngineError::CreditUsable) {
            return self.cancel_for_margin(account, agreed.map(|_| ()));
        }
        let (legs, risk) = self.read_legs(account)?;
        // Read before the cancels, like the program: maintenance does not depend on orders.
        let foretold = (self.account_risk(account), self.usable_credit(account));
        let resting = self.ordinary_orders(account);
        let cancelled = self.cancel_orders(account, &legs, Which::All)?;
        if self.line_of(account).is_some() && self.draw_for(account, &legs, &risk, &foretold)? {
            self.count("state:", "drawn in a liquidation");
            return Ok(());
        }
        let (legs, standing, model) = agreed?;
        if model.lapsed {
            self.count("state:", "worked out after a lapsed call");
        }
        fund::flag(&mut self.accounts[account], now);
        if resting > cancelled {
            self.count("state:", "liquidation waits for orders");
            return Ok(());
        }
        let views = self.legs_model(account);
        let view = self.next_leg(&views);
        let leg = legs.next();
        assert_eq!(leg.err(), view.as_ref().err().copied());
        if leg.err() == Some(EngineError::NotLiquidatable) && cancelled != 0 {
            return Ok(());
        }
        let (leg, view) = (*leg?, view?.clone());
        assert_eq!(leg.market, self.markets[view.market].key);
        let step = self.reduce(account, &leg, &view, &standing, &model)?;
        let state = &mut self.accounts[account];
        if step.satisfied {
            state.takeover_started_at = 0;
        } else if step.book_ended && state.takeover_started_at == 0 {
            state.takeover_started_at = now;
        }
        let params = self.markets[view.market].header.params;
        let most = if step.filled_lots >= (params.slice_lots_max / 16).max(1) {
            u64::MAX
        } else if step.book_ended {
            0
        } else {
            step.charge
        };
        if step.filled_lots != 0 {
            self.count("state:", "reduced in the book");
            self.reimburse(account, beneficiary, &params, most)?;
        }
        Ok(())
    }

    /// Step 2: draws the line if that cures.
    pub fn draw_for(
        &mut self,
        account: usize,
        legs: &Legs,
        risk: &AccountRisk,
        foretold: &(Risk, BigInt),
    ) -> Answer<bool> {
        if risk.meets_maintenance()? {
            return Ok(false);
        }
        match self.draw_now(account, legs, risk, foretold) {
            Ok(_) => {
                let after = self.account_risk(account);
                assert!(
                    after.with_credit >= after.maintenance,
                    "spec §13: drawn without a cure: {after:?}"
                );
                Ok(true)
            }
            Err(
                EngineError::LineNotActive
                | EngineError::DrawNotNeeded
                | EngineError::DrawDoesNotCure,
            ) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Not below maintenance margin: orders that may do more than reduce leave if it would be with them
    /// filled, and a takeover's walk ends.
    pub fn cancel_for_margin(&mut self, account: usize, answer: Answer<()>) -> Answer<()> {
        let Err(EngineError::NotLiquidatable) = answer else {
            return answer;
        };
        let (legs, risk) = self.read_legs(account)?;
        let model = self.account_risk(account);
        let outlive = model.favour == big(0) && &model.equity * 2 < model.initial;
        assert_eq!(liquidation::orders_outlive(&risk), outlive);
        let cancelled = if outlive {
            self.cancel_orders(account, &legs, Which::NotReduceOnly)?
        } else {
            0
        };
        let open = self.accounts[account].takeover_started_at != 0;
        let recovered = open && model.favour == big(0);
        let ended = liquidation::end_walk(&mut self.accounts[account], &risk);
        assert_eq!(ended, recovered);
        if ended {
            let state = &self.accounts[account];
            assert_eq!((state.takeover_started_at, state.flagged_at), (0, 0));
            self.count("state:", "walk ended by a recovery");
        }
        if cancelled != 0 {
            self.count("state:", "orders cancelled for initial margin");
        }
        if cancelled != 0 || ended {
            return Ok(());
        }
        answer
    }

    pub fn cancel_orders(&mut self, account: usize, legs: &Legs, which: Which) -> Answer<usize> {
        let mut cancelled = 0;
        for leg in legs.iter() {
            let market = self.market_of(&leg.market);
            let env = self.env;
            let ordinary = self.orders_in(account, market);
            assert_eq!(usize::from(leg.orders), ordinary, "orders of a leg");
            if ordinary == 0 {
                continue;
            }
            let state = &mut self.markets[market];
            let held = state.holds_interest();
            let admitted = state.allows(Deed::Cancel, env.now);
            let address = address_of(account);
            let count =
                liquidation::cancel_orders(&mut state.get(), leg, &address, which, 64, &env)?;
            let mut own = state.book.of(account);
            own.retain(|order| which == Which::All || !order.reduce_only);
            own.retain(|order| admitted && !(held && order.liquidation.is_some()));
            assert_eq!(usize::from(count), own.len());
            cancelled += own.len();
            if admitted {
                state.disturb(&env);
            }
            for order in own {
                self.take_off(market, order.sequence);
            }
        }
        Ok(cancelled)
    }

    /// Step 3, fill by fill.
    pub fn reduce(
        &mut self,
        account: usize,
        leg: &Leg,
        view: &LegModel,
        standing: &Standing,
        model: &StandingModel,
    ) -> Answer<BookStep> {
        let env = self.env;
        let foretold = self.foretell_book(account, view, model);
        let mut plan = std::mem::take(&mut self.plan);
        let found = self.unwritten(|world| {
            let mut market = world.markets[view.market].get();
            liquidation::reduce_in_book(&mut market, leg, standing, &env, &mut plan)
        });
        self.plan = plan;
        let step = found?;
        let Some((out, limit, charge)) = foretold else {
            let nothing = BookStep {
                book_ended: true,
                ..BookStep::default()
            };
            assert_eq!(step, nothing);
            return Ok(step);
        };
        self.compare_steps(view.market, &out);
        let params = self.markets[view.market].header.params;
        let base = i128::from(out.filled) * i128::from(params.base_atoms_per_lot);
        let cash = big(out.lot_ticks) * params.quote_atoms_per_lot_tick;
        let (whole, contribution) = charge.of(&cash, base);
        let wanted = self.wanted(account, view, model, charge, out.filled, out.lot_ticks);
        let sizes = params.lot_sizes();
        let expected = BookStep {
            filled_lots: out.filled,
            filled_quote: atoms(&cash),
            charge: if out.filled == 0 { 0 } else { atoms(&whole) },
            contribution: if out.filled == 0 {
                0
            } else {
                atoms(&contribution)
            },
            limit,
            // An order that the book filled has not come to its end.
            book_ended: out.ended
                && !step.satisfied
                && wanted(&big(sizes.price_floor(Ticks(limit)).unwrap().0)) > out.filled,
            satisfied: step.satisfied,
            trip: step.trip,
        };
        assert!(!step.satisfied || (out.filled != 0 && !out.exhausted && !step.book_ended));
        drop(wanted);
        assert_eq!(step, expected);
        let sells = view.base > 0;
        let (_, maker_fees) = self.write_steps(view.market, !sells, &out);
        self.trip_by_trade(view.market, out.band, step.trip);
        if out.band {
            self.count("state:", "tripped by a liquidation");
        }
        if out.filled == 0 {
            return Ok(step);
        }
        let sign = if sells { 1 } else { -1 };
        let state = &mut self.markets[view.market];
        state.liquidation_fees += whole - &contribution + maker_fees;
        state.contributions += contribution;
        let mark = state.header.prices.mark;
        let seat = state.seats.get_mut(&account).unwrap();
        let exact = charge.exact(&cash, base);
        seat.fill(-sign * base, &(cash * sign * unit()), &exact, mark);
        self.check_zero_price(account, view, model);
        Ok(step)
    }

    /// After fills at the zero price or better Q over M is as it was, but for under four and a half atoms
    /// (spec §13).
    pub fn check_zero_price(&mut self, account: usize, view: &LegModel, model: &StandingModel) {
        self.resync_wealth(account, view.market);
        let risk = self.cash[account].risk(&self.legs(account, &[]), self.env.now);
        // What a stale index gives the holder is not paid out; with nothing left nobody's wealth moves.
        let priced = &model.with_credit - &model.favour;
        let left = &risk.with_credit - &risk.favour;
        let shared = priced.clone().max(big(0)).min(model.maintenance.clone());
        let apart = &priced - &shared;
        let needed = shared * &risk.maintenance;
        assert!(
            ((left - apart) * 2 + 9) * &model.maintenance > needed * 2,
            "a liquidation beyond the zero price: {model:?} {risk:?}"
        );
    }

    /// The claim as the seat shows it now, for margin in the middle of a step.
    pub fn resync_wealth(&mut self, account: usize, market: usize) {
        let index = self.seat_index(account, market).unwrap();
        let state = &mut self.markets[market];
        let raw = state.seat(index);
        let read = shares::read(&state.header, &state.blocks, &raw);
        state.seats.get_mut(&account).unwrap().claimed = read.claimed;
    }

    /// Lots that the order comes to when it has filled so much and the next price is that.
    pub fn wanted<'a>(
        &'a self,
        account: usize,
        view: &'a LegModel,
        model: &'a StandingModel,
        charge: ChargeModel,
        filled: u64,
        lot_ticks: u128,
    ) -> Box<dyn Fn(&BigInt) -> u64 + 'a> {
        let header = &self.markets[view.market].header;
        let (params, mark) = (&header.params, header.prices.mark);
        let sign = if view.base > 0 { 1 } else { -1 };
        let base = i128::from(filled) * i128::from(params.base_atoms_per_lot);
        let cash = big(lot_ticks) * params.quote_atoms_per_lot_tick;
        let (whole, _) = charge.of(&cash, base);
        let left = view.base - sign * base;
        let claimed = &view.claimed + cash * sign - whole;
        let moved = claimed + value(left, mark) - &view.claimed - value(view.base, mark);
        let size = big(left.abs());
        let own = maintenance(params, &size, mark);
        let state = Reduction {
            all: &model.maintenance - &view.maintenance + &own,
            leg: own,
            amount: model.sized_by() + moved,
            size,
        };
        let _ = account;
        Box::new(move |price| {
            let size = size_at(&state, sign, mark, price, charge);
            let most = params.slice_lots_max.saturating_sub(filled);
            filled + lots_for(params, &size, &state.size, most)
        })
    }

    /// What an IOC at the zero price takes from the book, sized at every price that it meets.
    pub fn foretell_book(
        &self,
        account: usize,
        view: &LegModel,
        model: &StandingModel,
    ) -> Option<(Outcome, u64, ChargeModel)> {
        let state = &self.markets[view.market];
        let params = &state.header.params;
        let lot = i128::from(params.base_atoms_per_lot);
        let whole = (view.base.abs() / lot) as u64;
        if model.with_credit <= big(0) || !view.matching || whole == 0 {
            return None;
        }
        let (limit, charge) = self.foretell_zero(view, model)?;
        let sells = view.base > 0;
        let held_lots = |who: usize| state.seats[&who].base / lot;
        let size = |filled: u64, lot_ticks: u128, price: u64| -> u64 {
            let sizes = params.lot_sizes();
            let at = if sells {
                sizes.price_floor(Ticks(price))
            } else {
                sizes.price_ceil(Ticks(price))
            };
            let wanted = self.wanted(account, view, model, charge, filled, lot_ticks);
            wanted(&big(at.unwrap().0))
        };
        let now = self.env.now;
        let trips = |price: u64, lots: u64| state.stops_before(price, lots, now);
        let may_trip = state.may_trip(Cause::Trade, now);
        let parties = Parties {
            taker: account,
            owners: &self.owners,
            lots: &held_lots,
            behind: &|who: usize| state.seats[&who].behind > 5,
            now: self.env.now,
            size: Some(&size),
            trips: may_trip.then_some(&trips),
        };
        let request = OrderRequest {
            side: if sells {
                OrderSide::Ask
            } else {
                OrderSide::Bid
            },
            price: Ticks(limit),
            lots: BaseLots(whole),
            client_id: 0,
            expires_at: 0,
            time_in_force: TimeInForce::ImmediateOrCancel,
            self_trade: SelfTrade::CancelTaker,
            reduce_only: true,
            steps_max: 32,
        };
        let out = state.book.outcome(&request, whole, &parties).unwrap();
        Some((out, limit, charge))
    }

    /// cap × (1 + t / τ), at most eight caps, what the keeper pool holds and `most`; once a second.
    pub fn reimburse(
        &mut self,
        account: usize,
        beneficiary: usize,
        params: &MarketParams,
        most: u64,
    ) -> Answer<()> {
        let now = self.env.now;
        let state = self.accounts[account];
        let cap = big(params.reimbursement_cap);
        let waited = (now - state.flagged_at).max(0);
        let growth = floor(&cap * waited, params.reimbursement_growth_seconds);
        let amount = (&cap + growth)
            .min(&cap * 8)
            .min(big(most))
            .min(big(self.fund.keeper_pool));
        let amount = if state.reimbursed_at == now {
            0
        } else {
            atoms(&amount)
        };
        let (mut one, mut other) = (state, self.accounts[beneficiary]);
        let paid = fund::reimburse(&mut one, &mut self.fund, &mut other, params, most, now)?;
        assert_eq!(paid, amount, "reimbursement");
        self.accounts[account] = one;
        self.accounts[beneficiary] = other;
        self.cash[beneficiary].collateral += amount;
        if amount != 0 {
            self.count("state:", "caller reimbursed");
        }
        Ok(())
    }
}
