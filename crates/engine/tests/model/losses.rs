//! Liquidation, takeover, tear-up and what losses leave: the engine against the words of spec §8, §9 and §13.

use num_bigint::BigInt;
use plimsoll_engine::adl::Receipt;
use plimsoll_engine::cash::account_cash;
use plimsoll_engine::liquidation::{self, BookStep, Cause, Leg, Legs, Standing, Taker};
use plimsoll_engine::place::{OrderRequest, SelfTrade, TimeInForce, Which};
use plimsoll_engine::state::{MarketHeader, MarketParams, OrderSide};
use plimsoll_engine::units::{BaseLots, Ticks};
use plimsoll_engine::{epochs, fund, EngineError};

use super::book::{Outcome, Parties};
use super::ledger::{big, ceil, exact_value, floor, leg, ppm, unit, value, SeatModel};
use super::orders::fee;
use super::shares::{self, signed_wide, split, wide};
use super::steps::atoms;
use super::{address_of, World};

type Answer<T> = Result<T, EngineError>;

/// A leg as the model sees it.
#[derive(Clone, Debug)]
struct LegModel {
    market: usize,
    base: i128,
    claimed: BigInt,
    maintenance: BigInt,
    loss: BigInt,
    fresh: bool,
}

/// Why and how an account is liquidated.
#[derive(Clone, Debug)]
struct StandingModel {
    lapsed: bool,
    equity: BigInt,
    with_credit: BigInt,
    maintenance: BigInt,
    /// Part of both that stale indices give: it decides, and is never paid out.
    favour: BigInt,
}

impl StandingModel {
    fn sized_by(&self) -> &BigInt {
        if self.lapsed {
            &self.equity
        } else {
            &self.with_credit
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum ChargeModel {
    Rate(u32, u32),
    PerAtom(u64),
}

impl ChargeModel {
    /// Whole charge and the contribution in it.
    fn of(self, cash: &BigInt, base: i128) -> (BigInt, BigInt) {
        match self {
            Self::Rate(taker, contribution) => {
                let contribution = fee(cash, contribution);
                (fee(cash, taker) + &contribution, contribution)
            }
            Self::PerAtom(rate) => (ceil(big(rate) * base, big(1) << 32), big(0)),
        }
    }

    /// Without rounding, [`unit`]s.
    fn exact(self, cash: &BigInt, base: i128) -> BigInt {
        match self {
            Self::Rate(taker, contribution) => ppm(cash, taker + contribution),
            Self::PerAtom(rate) => big(rate) * base * (unit() >> 32),
        }
    }

    fn per_atom(self, price: &BigInt) -> BigInt {
        match self {
            Self::Rate(taker, contribution) => ceil(price * (taker + contribution), 1_000_000),
            Self::PerAtom(rate) => big(rate),
        }
    }
}

/// An account in the middle of a reduction.
struct Reduction {
    size: BigInt,
    leg: BigInt,
    all: BigInt,
    amount: BigInt,
}

/// Base atoms to close at `price`, spec §13 "Size".
fn size_at(
    state: &Reduction,
    sign: i128,
    mark: u64,
    price: &BigInt,
    charge: ChargeModel,
) -> BigInt {
    let missing = &state.all * 115 - &state.amount * 100;
    if missing <= big(0) {
        return big(0);
    }
    let loss = (big(mark) - price) * sign + charge.per_atom(price);
    let loss = ceil(loss * &state.size, big(1) << 32);
    let denominator = &state.leg * 115 - loss * 100;
    if denominator <= big(0) {
        return state.size.clone();
    }
    ceil(missing * &state.size, denominator).min(state.size.clone())
}

fn lots_for(params: &MarketParams, size: &BigInt, held: &BigInt, most: u64) -> u64 {
    let lot = params.base_atoms_per_lot;
    let whole = atoms(&floor(held.clone(), lot));
    let lots = atoms(&ceil(size.clone(), lot)).min(most).min(whole);
    if lots != 0 && whole - lots < params.lots_min {
        whole
    } else {
        lots
    }
}

fn maintenance(params: &MarketParams, size: &BigInt, mark: u64) -> BigInt {
    let notional = ceil(size * mark, big(1) << 32);
    let over = (size - params.size_free).max(big(0));
    let growth = ceil(over * params.size_slope_ppm, params.size_unit);
    let fraction = (growth + params.initial_margin_ppm).min(big(1_000_000));
    ceil(notional * fraction, 2_000_000)
}

impl World {
    pub fn market_of(&self, key: &[u8; 32]) -> usize {
        self.markets.iter().position(|m| m.key == *key).unwrap()
    }

    fn legs_model(&self, account: usize) -> Vec<LegModel> {
        let entries = self.accounts[account].entries().iter();
        entries
            .map(|entry| {
                let market = self.market_of(&entry.market);
                let risk = self.leg(account, market);
                let state = &self.markets[market];
                LegModel {
                    market,
                    base: state.seats[&account].base,
                    claimed: state.seats[&account].claimed.clone(),
                    maintenance: risk.maintenance,
                    loss: risk.loss,
                    fresh: !state.stale(self.env.now),
                }
            })
            .collect()
    }

    /// Q < M, or e < M after a lapsed call; never what a committed line would cure (INV-7).
    fn foretell_standing(&self, account: usize) -> Answer<StandingModel> {
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

    fn agree(&self, account: usize) -> Answer<(Legs, Standing, StandingModel)> {
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

    pub fn orders_rest(&self, account: usize) -> bool {
        self.markets.iter().any(|m| !m.book.of(account).is_empty())
    }

    /// Among the legs with a position and a fresh index the one with the largest MM, ties by key.
    fn next_leg<'a>(&self, legs: &'a [LegModel]) -> Answer<&'a LegModel> {
        let held: Vec<&LegModel> = legs.iter().filter(|leg| leg.base != 0).collect();
        if held.is_empty() {
            return Err(EngineError::NotLiquidatable);
        }
        let mut fresh: Vec<&LegModel> = held.into_iter().filter(|leg| leg.fresh).collect();
        fresh.sort_by_key(|leg| (-leg.maintenance.clone(), self.markets[leg.market].key));
        fresh.first().copied().ok_or(EngineError::IndexStale)
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

    /// One step of the engine: an error leaves every byte.
    fn unwritten<T>(&mut self, step: impl FnOnce(&mut Self) -> Answer<T>) -> Answer<T> {
        let before = self.bytes();
        let done = step(self);
        if let Err(error) = &done {
            assert!(before == self.bytes(), "{error:?} and wrote");
        }
        done
    }

    pub fn liquidate(&mut self, account: usize, beneficiary: usize) -> Answer<()> {
        self.atomically(|world| world.liquidate_now(account, beneficiary))
    }

    fn liquidate_now(&mut self, account: usize, beneficiary: usize) -> Answer<()> {
        let now = self.env.now;
        if let Some(line) = self.line_of(account) {
            self.accrue_interest(line)?;
        }
        let agreed = self.agree(account);
        let refused = agreed.as_ref().err().copied();
        if refused.is_some_and(|error| error != EngineError::CreditUsable) {
            return self.cancel_for_margin(account, agreed.map(|_| ()));
        }
        let (legs, risk) = self.read_legs(account)?;
        // Read before the cancels, like the program: maintenance does not depend on orders.
        let foretold = (self.account_risk(account), self.usable_credit(account));
        let cancelled = self.cancel_orders(account, &legs, Which::All)?;
        if self.line_of(account).is_some() && !risk.meets_maintenance()? {
            match self.draw_now(account, &legs, &risk, &foretold) {
                Ok(_) => {
                    let after = self.account_risk(account);
                    assert!(
                        after.with_credit >= after.maintenance,
                        "spec §13: drawn without a cure: {after:?}"
                    );
                    self.count("state:", "drawn in a liquidation");
                    return Ok(());
                }
                Err(
                    EngineError::LineNotActive
                    | EngineError::DrawNotNeeded
                    | EngineError::DrawDoesNotCure,
                ) => {}
                Err(error) => return Err(error),
            }
        }
        let (legs, standing, model) = agreed?;
        if model.lapsed {
            self.count("state:", "worked out after a lapsed call");
        }
        fund::flag(&mut self.accounts[account], now);
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

    /// Not below maintenance margin: orders that may do more than reduce leave if it would be with them
    /// filled, and a takeover's walk ends.
    fn cancel_for_margin(&mut self, account: usize, answer: Answer<()>) -> Answer<()> {
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

    fn cancel_orders(&mut self, account: usize, legs: &Legs, which: Which) -> Answer<usize> {
        let mut cancelled = 0;
        for leg in legs.iter() {
            let market = self.market_of(&leg.market);
            let env = self.env;
            let state = &mut self.markets[market];
            let address = address_of(account);
            let count =
                liquidation::cancel_orders(&mut state.get(), leg, &address, which, 64, &env)?;
            let mut own = state.book.of(account);
            own.retain(|order| which == Which::All || !order.reduce_only);
            assert_eq!(usize::from(count), own.len());
            cancelled += own.len();
            for order in own {
                let (bid, order) = state.book.take(order.sequence).unwrap();
                state
                    .seats
                    .get_mut(&account)
                    .unwrap()
                    .unrest(bid, order.lots);
            }
        }
        Ok(cancelled)
    }

    /// Step 3, fill by fill.
    fn reduce(
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
            // These markets have no budget for halts.
            trip: None,
        };
        assert!(!step.satisfied || (out.filled != 0 && !out.exhausted && !step.book_ended));
        drop(wanted);
        assert_eq!(step, expected);
        let sells = view.base > 0;
        let (_, maker_fees) = self.write_steps(view.market, !sells, &out);
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
    fn check_zero_price(&mut self, account: usize, view: &LegModel, model: &StandingModel) {
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
    fn resync_wealth(&mut self, account: usize, market: usize) {
        let index = self.seat_index(account, market).unwrap();
        let state = &mut self.markets[market];
        let raw = state.seat(index);
        let read = shares::read(&state.header, &state.blocks, &raw);
        state.seats.get_mut(&account).unwrap().claimed = read.claimed;
    }

    /// z of spec §13, in ticks, and the charge that goes with it.
    fn foretell_zero(&self, view: &LegModel, model: &StandingModel) -> Option<(u64, ChargeModel)> {
        let header = &self.markets[view.market].header;
        let (params, mark) = (&header.params, header.prices.mark);
        let priced = &model.with_credit - &model.favour;
        let amount = priced.min(model.maintenance.clone());
        let k = self.allowed(view, &amount, &model.maintenance);
        let (taker, contribution) = (params.taker_fee_ppm, params.liquidation_contribution_ppm);
        let million = big(1_000_000);
        let rate = taker + contribution;
        let long = view.base > 0;
        let z = if long {
            ceil((big(mark) - &k) * &million, &million - rate)
        } else {
            floor((big(mark) + &k) * &million, &million + rate)
        };
        let wrong = if long { z > big(mark) } else { z < big(mark) };
        let (z, charge) = if wrong {
            let most = floor(big(mark) * taker, million);
            (big(mark), ChargeModel::PerAtom(atoms(&most.min(k))))
        } else {
            (z, ChargeModel::Rate(taker, contribution))
        };
        let z = z.min(big(1) << 44) * params.base_atoms_per_lot;
        let tick = big(params.quote_atoms_per_lot_tick) << 32;
        let limit = if long {
            ceil(z, tick).max(big(1))
        } else {
            floor(z, tick)
        };
        let limit = atoms(&limit);
        (limit != 0 && limit < 1 << 40).then_some((limit, charge))
    }

    /// k: what the leg's share of `amount` allows per base atom, Q.32.
    fn allowed(&self, view: &LegModel, amount: &BigInt, maintenance: &BigInt) -> BigInt {
        if *amount <= big(0) {
            return big(0);
        }
        let own = floor(&view.maintenance * amount, maintenance.clone());
        let mark = self.markets[view.market].header.prices.mark;
        floor(own << 32, view.base.abs()).min(big(mark))
    }

    /// Lots that the order comes to when it has filled so much and the next price is that.
    fn wanted<'a>(
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
    fn foretell_book(
        &self,
        account: usize,
        view: &LegModel,
        model: &StandingModel,
    ) -> Option<(Outcome, u64, ChargeModel)> {
        let state = &self.markets[view.market];
        let params = &state.header.params;
        let lot = i128::from(params.base_atoms_per_lot);
        let whole = (view.base.abs() / lot) as u64;
        if model.with_credit <= big(0) || !view.fresh || whole == 0 {
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
        let parties = Parties {
            taker: account,
            owners: &self.owners,
            lots: &held_lots,
            behind: &|who: usize| state.seats[&who].behind > 5,
            now: self.env.now,
            size: Some(&size),
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
    fn reimburse(
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

    pub fn take_over(&mut self, account: usize, taker: usize, lots_max: u64) -> Answer<()> {
        self.atomically(|world| world.take_over_now(account, taker, lots_max))
    }

    fn take_over_now(&mut self, account: usize, taker: usize, lots_max: u64) -> Answer<()> {
        let (legs, standing, model) = self.agree(account)?;
        assert_eq!(legs.check_no_orders().is_err(), self.orders_rest(account));
        legs.check_no_orders()?;
        let views = self.legs_model(account);
        let view = self.next_leg(&views);
        let leg = legs.next();
        assert_eq!(leg.err(), view.as_ref().err().copied());
        let (leg, view) = (*leg?, view?.clone());
        let seat = self
            .seat_index(taker, view.market)
            .ok_or(EngineError::WrongSeat)?;
        let other_legs = self.engine_legs(taker, &[view.market])?;
        let by = Taker {
            account: address_of(taker),
            seat,
            cash: account_cash(&self.accounts[taker], self.env.now),
            other_legs,
        };
        let foretold = self.foretell_takeover(account, taker, &view, &model, lots_max);
        let mut state = self.accounts[account];
        let env = self.env;
        let found = self.unwritten(|world| {
            let mut market = world.markets[view.market].get();
            liquidation::take_over(
                &mut market,
                &mut state,
                &leg,
                &standing,
                &by,
                lots_max,
                &env,
            )
        });
        let (taken, (base, price, cash, contribution, rate)) = match (found, foretold) {
            (Ok(taken), Ok(terms)) => (taken, terms),
            (Err(found), Err(expected)) => {
                assert_eq!(found, expected);
                return Err(found);
            }
            (found, expected) => panic!("{found:?}, foretold {expected:?}"),
        };
        assert_eq!(
            (
                big(taken.base),
                big(taken.price),
                big(taken.cash),
                big(taken.contribution)
            ),
            (big(base), price, cash.clone(), contribution.clone())
        );
        self.accounts[account] = state;
        let sign = if view.base > 0 { 1 } else { -1 };
        let market = &mut self.markets[view.market];
        let mark = market.header.prices.mark;
        let moved = cash * sign * unit();
        let exact = rate * base * (unit() >> 32);
        let gives = market.seats.get_mut(&account).unwrap();
        gives.fill(-sign * base, &moved, &exact, mark);
        let takes = market.seats.get_mut(&taker).unwrap();
        takes.fill(sign * base, &-moved, &big(0), mark);
        market.contributions += contribution;
        self.count("state:", "taken over");
        Ok(())
    }

    /// Base, price, cash, contribution and its rate (Q.32).
    #[allow(clippy::type_complexity)]
    fn foretell_takeover(
        &self,
        account: usize,
        taker: usize,
        view: &LegModel,
        model: &StandingModel,
        lots_max: u64,
    ) -> Answer<(i128, BigInt, BigInt, BigInt, BigInt)> {
        let (now, state) = (self.env.now, &self.accounts[account]);
        let market = &self.markets[view.market];
        let (params, mark) = (&market.header.params, market.header.prices.mark);
        if taker == account {
            return Err(EngineError::DuplicateAccount);
        }
        if state.takeover_started_at == 0 || now - state.flag_seen_at > 60 {
            return Err(EngineError::TakeoverNotOpen);
        }
        let own = self.allowed(view, &(&model.equity - &model.favour), &model.maintenance);
        let all = (&model.with_credit - &model.favour).min(model.maintenance.clone());
        let all = self.allowed(view, &all, &model.maintenance);
        let elapsed = (now - state.takeover_started_at).max(0);
        let first = i64::from(params.takeover_seconds);
        let second = i64::from(params.takeover_credit_seconds);
        let (discount, most) = if elapsed < first {
            (floor(&own * elapsed, first), own)
        } else {
            let into = (elapsed - first).min(second);
            let more = floor((&all - &own).max(big(0)) * into, second);
            (&own + more, all)
        };
        let long = view.base > 0;
        let price = if long {
            (big(mark) - &discount).max(big(1))
        } else {
            big(mark) + &discount
        };
        let rate = floor(big(mark) * params.liquidation_contribution_ppm, 1_000_000);
        let rate = rate.min((most - discount).max(big(0)));
        let size = big(view.base.abs());
        let reduction = Reduction {
            leg: view.maintenance.clone(),
            all: model.maintenance.clone(),
            amount: model.sized_by().clone(),
            size: size.clone(),
        };
        let sign = if long { 1 } else { -1 };
        let charge = ChargeModel::PerAtom(atoms(&rate));
        let needed = size_at(&reduction, sign, mark, &price, charge);
        let lot = params.base_atoms_per_lot;
        let whole = atoms(&floor(size.clone(), lot));
        let least = (big(params.lots_min) * lot).min(size.clone());
        let asked = lots_for(params, &needed.max(least), &size, u64::MAX);
        let lots = if asked <= lots_max {
            asked
        } else {
            lots_max.min(whole.saturating_sub(params.lots_min))
        };
        let base = if big(lots) == floor(size.clone(), lot) {
            view.base.abs()
        } else if lots < params.lots_min {
            return Err(EngineError::SizeOutOfRange);
        } else {
            i128::from(lots) * i128::from(lot)
        };
        let worth = &price * base;
        let cash = if long {
            ceil(worth, big(1) << 32)
        } else {
            floor(worth, big(1) << 32)
        };
        let contribution = ceil(&rate * base, big(1) << 32);
        if self.cash[taker].credit != big(0) {
            return Err(EngineError::CreditDrawn);
        }
        let mut seat = market.seats[&taker].clone();
        if seat.behind > 5 {
            return Err(EngineError::EpochBehind);
        }
        let claimed = self.claimed(taker, view.market) - &cash * sign;
        seat.base += sign * base;
        let mut legs = leg(&market.quote(now), &seat, &claimed);
        legs.add(&self.legs(taker, &[view.market]));
        if !self.cash[taker].risk(&legs, now).meets_initial() {
            return Err(EngineError::BelowInitialMargin);
        }
        Ok((base, price, cash, contribution, rate))
    }

    pub fn tear_up(&mut self, account: usize, beneficiary: usize) -> Answer<()> {
        self.atomically(|world| world.tear_up_now(account, beneficiary))
    }

    fn tear_up_now(&mut self, account: usize, beneficiary: usize) -> Answer<()> {
        let now = self.env.now;
        let (legs, standing, model) = self.agree(account)?;
        fund::flag(&mut self.accounts[account], now);
        let views = self.legs_model(account);
        let foretold = self.foretell_tear_up(account, &views, &model);
        let market = match &foretold {
            Ok((market, _)) => *market,
            Err(_) => 0,
        };
        let before = self.markets[market].clone();
        let (mut state, mut fund) = (self.accounts[account], self.fund);
        let (env, key) = (self.env, before.key);
        let found = liquidation::tear_up(
            &mut self.markets[market].get(),
            &key,
            &mut state,
            &mut fund,
            &legs,
            &standing,
            &env,
        );
        let receipt = match (found, foretold) {
            (Ok(receipt), Ok((_, deficit))) => {
                assert_eq!(big(receipt.deficit), deficit, "deficit of {views:?}");
                receipt
            }
            (Err(EngineError::ArenaFull), Ok(_)) => {
                self.count("state:", "no room for an epoch end");
                return Err(EngineError::ArenaFull);
            }
            (Err(found), Err(expected)) => {
                assert_eq!(found, expected);
                return Err(found);
            }
            (found, expected) => panic!("{found:?}, foretold {expected:?}"),
        };
        let allowance = self.allowance(market);
        let paid = receipt.from_default_fund;
        assert_eq!(
            big(paid),
            big(receipt.deficit).min(allowance),
            "the fund's part: {:?} {:?} {} {:?}",
            self.fund.spending,
            before.header.losses.spending,
            self.fund.balance,
            self.payments
        );
        assert_eq!(fund.balance, self.fund.balance - paid);
        if paid < receipt.deficit && fund.balance > 0 {
            self.count("state:", "fund budget exhausted");
        }
        if paid != 0 {
            self.count("state:", "fund paid");
            self.payments.push((now, market, paid));
        }
        (self.accounts[account], self.fund) = (state, fund);
        self.check_receipt(account, market, &before.header, &receipt);
        self.apply_receipt(account, market, &receipt);
        self.pay_torn(account, market, &before.seats[&account], &receipt);
        self.count("state:", "torn up");
        let params = before.header.params;
        if receipt.quantity / params.base_atoms_per_lot >= (params.slice_lots_max / 16).max(1) {
            self.reimburse(account, beneficiary, &params, u64::MAX)?;
        }
        Ok(())
    }

    /// The leg and its share of the deficit.
    fn foretell_tear_up(
        &self,
        account: usize,
        views: &[LegModel],
        model: &StandingModel,
    ) -> Answer<(usize, BigInt)> {
        if self.orders_rest(account) {
            return Err(EngineError::OrdersResting);
        }
        if model.with_credit > big(0) {
            return Err(EngineError::AccountSolvent);
        }
        let covered = &model.with_credit + &self.cash[account].interest;
        let deficit = (-covered).max(big(0));
        let mut losing: Vec<&LegModel> = views.iter().filter(|leg| leg.loss > big(0)).collect();
        losing.sort_by_key(|leg| (-leg.loss.clone(), self.markets[leg.market].key));
        let view = match self.next_leg(views) {
            Err(EngineError::NotLiquidatable) => {
                let flat = losing.first().filter(|_| deficit > big(0));
                flat.ok_or(EngineError::AccountSolvent)?
            }
            found => found?,
        };
        let total: BigInt = losing.iter().map(|leg| &leg.loss).sum();
        let part = |leg: &LegModel| floor(&deficit * &leg.loss, total.clone());
        let unpaid_gains = views.iter().any(|leg| leg.claimed > big(0));
        let share = if view.base == 0 && unpaid_gains {
            deficit.min(view.loss.clone())
        } else if view.loss == big(0) {
            big(0)
        } else if losing[0].market == view.market {
            let others: BigInt = losing[1..].iter().map(|leg| part(leg)).sum();
            &deficit - others
        } else {
            part(view)
        };
        Ok((view.market, share))
    }

    /// What the fund may pay for a market now, from the log of payments: 20% for one and 35% for all of
    /// (balance + paid in the running interval of eight hours and the two before), less what was paid in
    /// these and the one before.
    pub fn allowance(&self, market: usize) -> BigInt {
        let now = self.env.now;
        let recent = |chosen: &dyn Fn(usize) -> bool, since: &dyn Fn(i64) -> bool| -> BigInt {
            let found = self.payments.iter();
            let found = found.filter(|(at, of, _)| chosen(*of) && since(*at));
            found.map(|(_, _, amount)| big(*amount)).sum()
        };
        let interval = |at: i64| at.div_euclid(28_800);
        let counted = |at: i64| interval(now) - interval(at) < 4;
        let surely = |at: i64| interval(now) - interval(at) < 3;
        let day = |at: i64| now - at < 86_400;
        let part = |base: &BigInt, ppm: u64, spent: &BigInt| {
            (floor(base * ppm, 1_000_000) - spent).max(big(0))
        };
        let of_all = recent(&|_| true, &counted);
        let of_market = recent(&|of| of == market, &counted);
        // Of what it is a share of only what surely lies in the last 24 hours.
        let base = recent(&|_| true, &surely) + self.fund.balance;
        let allowed = part(&base, 350_000, &of_all)
            .min(part(&base, 200_000, &of_market))
            .min(big(self.fund.balance));
        // Whatever 24 hours are looked at, the shares hold.
        let exact = recent(&|_| true, &day);
        let exact_market = recent(&|of| of == market, &day);
        let base = &exact + self.fund.balance;
        assert!(allowed <= part(&base, 350_000, &exact));
        assert!(allowed <= part(&base, 200_000, &exact_market));
        allowed
    }

    /// The receipt says what spec §13 says.
    fn check_receipt(
        &mut self,
        account: usize,
        market: usize,
        before: &MarketHeader,
        receipt: &Receipt,
    ) {
        let after = self.markets[market].header;
        let seat = &self.markets[market].seats[&account];
        let own = usize::from(seat.short);
        let (other, long) = (1 - own, own == 1);
        let side = &before.sides[other];
        let open = shares::open_interest(before, other);
        let price = big(before.prices.mark);
        assert_eq!(usize::from(receipt.side), other);
        assert_eq!(big(receipt.price), price);
        assert_eq!(big(receipt.quantity), big(seat.base.abs()));
        assert_eq!(
            (
                receipt.scale_before,
                receipt.cash_index_before,
                receipt.shares_before
            ),
            (side.scale, side.cash_index, side.shares)
        );
        assert_eq!(big(receipt.open_interest_before), open);
        let uncovered = big(receipt.deficit) - receipt.from_default_fund;
        let most = floor(&open * &price, big(1) << 32);
        let charged = uncovered.clone().min(most);
        assert_eq!(big(receipt.charged), charged);
        assert_eq!(big(receipt.carried), &uncovered - &charged);
        let mut index = signed_wide(side.cash_index);
        let sign = if long { -1 } else { 1 };
        if charged != big(0) {
            index += ceil(&charged << 64, wide(side.shares)) * sign;
        }
        let left = if seat.base == 0 {
            open.clone()
        } else {
            open.clone().min(shares::open_interest(&after, own))
        };
        let mut scale = big(side.scale);
        if left < open {
            scale = floor(&scale * left, open.clone());
            let paid = (big(side.scale) - &scale) * &price;
            index += if long {
                floor(paid, 1 << 30)
            } else {
                ceil(paid, 1 << 30)
            };
        }
        assert_eq!(big(receipt.scale_after), scale);
        assert_eq!(signed_wide(receipt.cash_index_after), index);
        let bound = &scale << 15;
        let due = scale < big(1) << 48 || big(index.magnitude().clone()) >= bound;
        assert_eq!(receipt.epoch_ended == 1, due && open != big(0));
        if receipt.carried != 0 {
            self.count("state:", "deficit carried");
            if receipt.charged != 0 {
                self.count("state:", "charge capped");
            }
        }
        if receipt.charged != 0 {
            self.count("state:", "side charged");
        }
        if receipt.epoch_ended == 1 {
            let why = if receipt.scale_after < 1 << 48 {
                "epoch ended by scale"
            } else {
                "epoch ended by cash index"
            };
            self.count("state:", why);
        }
    }

    /// INV-5: the receipt alone tells what became of every seat of its side; and what it exactly charged
    /// each is its share, by shares, of the charge.
    fn apply_receipt(&mut self, account: usize, market: usize, receipt: &Receipt) {
        let entries = self.entries(market);
        let state = &mut self.markets[market];
        let mark = receipt.price;
        state.pool += receipt.from_default_fund;
        state.deficit += receipt.carried;
        let moved = signed_wide(receipt.cash_index_after) - signed_wide(receipt.cash_index_before);
        let shares_of_side = wide(receipt.shares_before);
        let atom = ceil(big(mark), big(1) << 32);
        for (who, index) in entries {
            let raw = state.seat(index);
            let read = shares::read(&state.header, &state.blocks, &raw);
            let seat = state.seats.get_mut(&who).unwrap();
            let sign = if seat.short { -1 } else { 1 };
            if who == account {
                let closed = exact_value(&(big(seat.base.abs()) << 62), mark) * sign;
                if seat.short {
                    seat.quote -= exact_value(&seat.hidden, mark);
                }
                seat.hidden = big(0);
                seat.quote += closed + unit() * receipt.deficit;
                seat.base = 0;
                continue;
            }
            if u8::from(seat.short) != receipt.side || seat.shares == big(0) {
                continue;
            }
            let (base, hidden) = split(&(&seat.shares * receipt.scale_after));
            assert_eq!(big(read.base), &base * sign, "INV-5: closed");
            let paid = &read.quote - &seat.quote;
            let told = &seat.shares * &moved * sign * (unit() >> 64);
            if receipt.epoch_ended == 0 {
                assert_eq!(paid, told, "INV-5: paid");
            } else {
                let rounded = told - paid;
                let most = unit() * (&atom + 1);
                assert!(rounded >= big(0) && rounded <= most, "INV-5: paid");
            }
            // Exactly: its part of the charge, and what was closed at the mark.
            let before = seat.parts();
            let charge = floor(
                unit() * receipt.charged * &seat.shares,
                shares_of_side.clone(),
            );
            let left = (&base << 62) + &hidden;
            let closed = exact_value(&(before - left), mark) * sign;
            seat.quote += closed - charge;
            seat.base = i128::try_from(base).unwrap() * sign;
            seat.hidden = hidden;
        }
    }

    /// What is left of a torn leg's loss is settled at once, as far as the account's cash goes.
    fn pay_torn(&mut self, account: usize, market: usize, torn: &SeatModel, receipt: &Receipt) {
        let now = self.env.now;
        let mut claim = &torn.claimed + value(torn.base, receipt.price) + receipt.deficit;
        if torn.short && torn.hidden != big(0) {
            claim -= ceil(big(receipt.price), big(1) << 32);
        }
        let cash = &mut self.cash[account];
        let paid = (-claim).max(big(0)).min(&cash.collateral + &cash.credit);
        cash.collateral -= &paid;
        cash.cut(now);
        let state = &mut self.markets[market];
        state.pool += &paid;
        state.seats.get_mut(&account).unwrap().quote += paid * unit();
    }

    /// A base of less than a lot that ADL has left.
    pub fn close_remainder(&mut self, account: usize, market: usize) -> Answer<()> {
        let Some(index) = self.seat_index(account, market) else {
            return Ok(());
        };
        let (env, now) = (self.env, self.env.now);
        let before = self.markets[market].clone();
        let params = before.header.params;
        let seat = &before.seats[&account];
        let raw_shares = before.seat(index).shares;
        let mark = before.header.prices.mark;
        let expected = if seat.behind > 5 {
            Some(EngineError::EpochBehind)
        } else if raw_shares == 0
            || (seat.behind > 0 && seat.base == 0)
            || seat.base.abs() >= i128::from(params.base_atoms_per_lot)
        {
            Some(EngineError::PositionNotARemainder)
        } else if before.stale(now) {
            Some(EngineError::IndexStale)
        } else {
            None
        };
        let position = self.accounts[account].entry_of(&before.key).unwrap();
        let state = &self.accounts[account];
        let read = Leg::read(&before.read(), state, &address_of(account), position, now);
        let found = read.and_then(|(leg, _)| {
            assert_eq!(leg.seat, index);
            let mut market = self.markets[market].get();
            liquidation::close_remainder(&mut market, &before.key, &leg, &env)
        });
        if found == Err(EngineError::ArenaFull) {
            self.markets[market] = before;
            return Err(EngineError::ArenaFull);
        }
        assert_eq!(found.err(), expected);
        let receipt = found?;
        let notional = ceil(big(seat.base.abs()) * mark, big(1) << 32);
        let exact = exact_value(&(big(seat.base.abs()) << 62), mark) * params.taker_fee_ppm;
        self.check_receipt(account, market, &before.header, &receipt);
        self.apply_receipt(account, market, &receipt);
        let state = &mut self.markets[market];
        state.liquidation_fees += fee(&notional, params.taker_fee_ppm);
        state.seats.get_mut(&account).unwrap().quote -= exact / 1_000_000;
        self.count("state:", "remainder closed");
        Ok(())
    }

    /// Walks a seat that is behind, by the right hint or by any.
    pub fn sync(&mut self, account: usize, market: usize) -> Answer<()> {
        let Some(index) = self.seat_index(account, market) else {
            return Ok(());
        };
        let wrong = self.random.one_in(10);
        let any = self.random.below(60) as u32;
        let state = &mut self.markets[market];
        let seat = state.seat(index);
        let ends = shares::ends(&state.blocks, seat.side);
        let own = ends.get(&seat.epoch).map(|(index, _)| *index);
        let hint = if wrong { any } else { own.unwrap_or(any) };
        let behind = state.seats[&account].behind;
        let right = behind != 0 && Some(hint) == own;
        let found = epochs::sync(&mut state.get(), index, &address_of(account), hint);
        let expected = (!right).then_some(EngineError::EpochBehind);
        assert_eq!(found.err(), expected);
        found?;
        let after = state.seat(index);
        if after.shares != 0 {
            assert_eq!(after.epoch, seat.epoch + behind.min(5));
        }
        self.count("state:", "seat synced");
        if behind > 5 {
            self.count("state:", "more than five epochs behind");
        }
        Ok(())
    }
}
