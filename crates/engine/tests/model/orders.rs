//! Placing and cancelling: the engine against what the model foretells, fill by fill and error by error.

use num_bigint::BigInt;
use plimsoll_engine::cash::account_cash;
use plimsoll_engine::halt::{Cause, Trip};
use plimsoll_engine::place::{self, OrderRequest, SelfTrade, StepKind, TimeInForce, Trader};
use plimsoll_engine::state::{HaltPhase, OrderSide};
use plimsoll_engine::units::{BaseLots, Ticks};
use plimsoll_engine::EngineError;

use super::book::{OrderModel, Outcome, Parties, StepModel};
use super::halts::Deed;
use super::ledger::{big, ceil, floor, leg, ppm, unit, value, Quote, Risk};
use super::shares;
use super::{address_of, World};

pub fn fee(cash: &BigInt, ppm: u32) -> BigInt {
    ceil(cash * ppm, 1_000_000)
}

impl World {
    pub fn random_order(&mut self, market: usize) -> OrderRequest {
        let (around, lots) = (self.markets[market].around, self.markets[market].lots);
        let losses = self.shape.losses;
        let random = &mut self.random;
        let side = if random.one_in(2) {
            OrderSide::Bid
        } else {
            OrderSide::Ask
        };
        // Mostly near the price; now and then far off it, either way.
        let width = if random.one_in(12) {
            around / 5
        } else {
            around / 80
        };
        let price = around - width + random.below(2 * width + 1);
        let lots = match random.below(12) {
            0 => 1,
            1 => random.between(1, lots * 6),
            2..=5 if losses => random.between(2, lots * 2),
            _ => random.between(2, lots),
        };
        let time_in_force = match random.below(14) {
            0 => TimeInForce::PostOnly,
            1 => TimeInForce::PostOnlySlide,
            2 => TimeInForce::ImmediateOrCancel,
            3 => TimeInForce::FillOrKill,
            _ => TimeInForce::Limit,
        };
        let self_trade = match random.below(3) {
            0 => SelfTrade::CancelTaker,
            1 => SelfTrade::CancelMaker,
            _ => SelfTrade::Decrement,
        };
        let expires = random.one_in(5);
        OrderRequest {
            side,
            price: Ticks(price),
            lots: BaseLots(lots),
            client_id: random.below(4),
            expires_at: if expires {
                self.env.now + random.below(150) as i64
            } else {
                0
            },
            time_in_force,
            self_trade,
            reduce_only: random.one_in(5),
            steps_max: if random.one_in(8) {
                random.below(4) as u8
            } else {
                32
            },
        }
    }

    /// What the spec says becomes of the order.
    fn foretell(
        &self,
        account: usize,
        market: usize,
        request: &OrderRequest,
    ) -> Result<Outcome, EngineError> {
        let (state, now) = (&self.markets[market], self.env.now);
        let params = &state.header.params;
        let buys = request.side == OrderSide::Bid;
        if self.too_far(account, Some(market)) {
            return Err(EngineError::EpochBehind);
        }
        if request.expires_at != 0 && request.expires_at <= now {
            return Err(EngineError::ExpiryInThePast);
        }
        if state.wound_up {
            return Err(EngineError::MarketWoundUp);
        }
        let rests = !matches!(
            request.time_in_force,
            TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill
        );
        let calling = state.phase(now) != HaltPhase::Continuous;
        if !state.allows(if rests { Deed::Rest } else { Deed::Trade }, now) {
            return Err(EngineError::MarketHalted);
        }
        if !request.reduce_only && state.stale(now) {
            return Err(EngineError::IndexStale);
        }
        if state.seats[&account].behind > 5 {
            return Err(EngineError::EpochBehind);
        }
        let lot = i128::from(params.base_atoms_per_lot);
        let held_lots = |who: usize| state.seats[&who].base / lot;
        let held = held_lots(account);
        let closes = if buys { (-held).max(0) } else { held.max(0) } as u64;
        let lots = if request.reduce_only {
            if closes == 0 {
                return Err(EngineError::ReduceOnlyWouldNotReduce);
            }
            closes.min(request.lots.0)
        } else {
            if request.lots.0 < params.lots_min && request.lots.0 != closes {
                return Err(EngineError::SizeOutOfRange);
            }
            request.lots.0
        };
        let trips = |price: u64, lots: u64| state.stops_before(price, lots, now);
        let may_trip = state.may_trip(Cause::Trade, now);
        let parties = Parties {
            taker: account,
            owners: &self.owners,
            lots: &held_lots,
            behind: &|who: usize| state.seats[&who].behind > 5,
            now,
            size: None,
            trips: may_trip.then_some(&trips),
        };
        let post_only = matches!(
            request.time_in_force,
            TimeInForce::PostOnly | TimeInForce::PostOnlySlide
        );
        let mut out = if calling && !post_only {
            Outcome {
                rests: lots,
                price: request.price.0,
                ..Outcome::default()
            }
        } else {
            state.book.outcome(request, lots, &parties)?
        };
        // Here alone the book may come to cross, but nobody with itself.
        let crosses = || state.book.crosses_own(account, buys, out.price);
        if (calling || out.band) && out.rests != 0 && crosses() {
            if calling {
                return Err(EngineError::OwnOrdersWouldCross);
            }
            out.rests = 0;
        }
        let own = |s: &&StepModel| s.order.account == account && s.removes;
        let own_gone = out.steps.iter().filter(own).count();
        let resting = state.book.of(account).len();
        if out.rests != 0 && resting - own_gone >= state.seats[&account].slots {
            return Err(EngineError::OrderSlotsFull);
        }
        let leaves = self.foretell_open_interest(account, market, buys, &out)?;
        self.foretell_margin(account, market, request, &out, leaves)?;
        Ok(out)
    }

    fn foretell_open_interest(
        &self,
        account: usize,
        market: usize,
        buys: bool,
        out: &Outcome,
    ) -> Result<u64, EngineError> {
        let state = &self.markets[market];
        let lot = i128::from(state.header.params.base_atoms_per_lot);
        let sign = if buys { lot } else { -lot };
        let mut bases: std::collections::BTreeMap<usize, i128> = state
            .seats
            .iter()
            .map(|(who, seat)| (*who, seat.base))
            .collect();
        let longs = |bases: &std::collections::BTreeMap<usize, i128>| -> i128 {
            bases.values().map(|base| (*base).max(0)).sum()
        };
        let before = longs(&bases);
        let open = shares::larger_open_interest(&state.header);
        for step in out.steps.iter().filter(|step| step.trades) {
            *bases.get_mut(&account).unwrap() += sign * i128::from(step.lots);
            *bases.get_mut(&step.order.account).unwrap() -= sign * i128::from(step.lots);
        }
        let rise = longs(&bases) - before;
        let after = open + rise;
        if rise > 0 && after > big(state.header.params.open_interest_max) {
            return Err(EngineError::OpenInterestCapExceeded);
        }
        Ok(u64::try_from(after).unwrap())
    }

    fn foretell_margin(
        &self,
        account: usize,
        market: usize,
        request: &OrderRequest,
        out: &Outcome,
        leaves: u64,
    ) -> Result<(), EngineError> {
        let (state, now) = (&self.markets[market], self.env.now);
        let params = &state.header.params;
        let buys = request.side == OrderSide::Bid;
        let sign = if buys { 1 } else { -1 };
        let lot = i128::from(params.base_atoms_per_lot);
        let cash_of = |lots: u64, price: u64| big(lots) * price * params.quote_atoms_per_lot_tick;
        let mut seat = state.seats[&account].clone();
        let before_seat = seat.clone();
        let mut claimed = self.claimed(account, market);
        let before_claimed = claimed.clone();
        let mut cash = big(0);
        for step in &out.steps {
            if step.trades {
                cash += cash_of(step.lots, step.order.price);
                seat.base += sign * i128::from(step.lots) * lot;
            }
            if step.own {
                seat.unrest(!buys, step.lots);
            }
        }
        claimed -= &cash * sign;
        claimed -= fee(&cash, params.taker_fee_ppm);
        let older = seat.clone();
        if out.rests != 0 {
            seat.rest(buys, out.price, out.rests);
        }
        let others = self.legs(account, &[market]);
        let at = Quote {
            open_interest: leaves,
            ..state.quote(now)
        };
        let risk = |seat, claimed: &BigInt| -> Risk {
            let mut legs = leg(&at, seat, claimed);
            legs.add(&others);
            self.cash[account].risk(&legs, now)
        };
        let after = risk(&seat, &claimed);
        let credit = self.cash[account].credit > big(0);
        if (after.meets_initial() && !credit) || (out.filled == 0 && out.rests == 0) {
            return Ok(());
        }
        let before = risk(&before_seat, &before_claimed);
        // What liquidating as much would charge.
        let cost = |to: i128| {
            let closed = (before_seat.base.abs() - to.abs()).max(0);
            let notional = -value(-closed, state.header.prices.mark);
            let rate = params.taker_fee_ppm + params.liquidation_contribution_ppm;
            ceil(notional * rate, 1_000_000)
        };
        let reducing = |after: &Risk, to: i128, rests: bool| {
            if after.maintenance >= before.maintenance || after.initial > before.initial {
                return Err(EngineError::BelowInitialMargin);
            }
            let (q, then) = (&before.with_credit, &after.with_credit);
            let keeps = then * &before.maintenance >= q * &after.maintenance;
            // Orders that rest would each count on the same equity.
            let own = if rests {
                big(0)
            } else {
                before.equity.clone().max(big(0))
            };
            let cut = &before.maintenance - &after.maintenance;
            let share = floor(own * cut, before.maintenance.clone());
            let pays = &before.equity - &after.equity <= share.max(cost(to));
            if *q > big(0) && *then >= big(0) && keeps && (pays || !credit) {
                return Ok(());
            }
            Err(EngineError::TradeWorsensRisk)
        };
        if out.filled != 0 {
            reducing(&after, seat.base, false)?;
        }
        if out.rests != 0 {
            let cash = cash_of(out.rests, out.price);
            let mut filled = older;
            filled.base += sign * i128::from(out.rests) * lot;
            let left = claimed - &cash * sign - fee(&cash, params.maker_fee_ppm);
            reducing(&risk(&filled, &left), filled.base, true)?;
            if !request.reduce_only {
                return Err(EngineError::TradeWorsensRisk);
            }
        }
        Ok(())
    }

    fn trader(&self, account: usize, market: usize) -> Result<Trader, EngineError> {
        Ok(Trader {
            account: address_of(account),
            cash: account_cash(&self.accounts[account], self.env.now),
            other_legs: self.engine_legs(account, &[market])?,
        })
    }

    pub fn place(&mut self, account: usize, market: usize) -> Result<(), EngineError> {
        if self.seat_index(account, market).is_none() {
            return Ok(());
        }
        let request = self.random_order(market);
        self.place_request(account, market, request)
    }

    pub fn place_request(
        &mut self,
        account: usize,
        market: usize,
        request: OrderRequest,
    ) -> Result<(), EngineError> {
        self.with_market(market, |world| world.place_now(account, market, request))
    }

    fn place_now(
        &mut self,
        account: usize,
        market: usize,
        request: OrderRequest,
    ) -> Result<(), EngineError> {
        let index = self.seat_index(account, market).unwrap();
        let calling = self.markets[market].phase(self.env.now) != HaltPhase::Continuous;
        let foretold = self.foretell(account, market, &request);
        let env = self.env;
        let mut plan = self.plan.clone();
        let trader = self.trader(account, market);
        let mut state = self.markets[market].get();
        let placed = trader
            .and_then(|trader| place::place(&mut state, index, &trader, &request, &env, &mut plan));
        self.plan = plan;
        let (out, trip) = match (placed, foretold) {
            (Ok(placed), Ok(out)) => {
                assert_eq!(placed.filled_lots, out.filled, "{request:?}");
                assert_eq!(placed.resting_lots, out.rests, "{request:?} {out:?}");
                self.compare_steps(market, &out);
                if out.rests != 0 {
                    assert_eq!(placed.price, out.price);
                    let order = OrderModel {
                        account,
                        price: out.price,
                        sequence: placed.sequence,
                        lots: out.rests,
                        reduce_only: request.reduce_only,
                        expires_at: request.expires_at,
                        block: placed.order,
                        client_id: request.client_id,
                        liquidation: None,
                    };
                    self.markets[market]
                        .book
                        .insert(request.side == OrderSide::Bid, order);
                }
                (out, placed.trip)
            }
            (Err(found), Err(expected)) => {
                assert_eq!(found, expected, "{request:?}");
                return Err(found);
            }
            (found, expected) => panic!("{request:?}: {found:?}, foretold {expected:?}"),
        };
        self.write(account, market, &request, &out);
        if calling {
            self.markets[market].disturb(&env);
            self.count("state:", "order rests in a call");
        }
        self.trip_by_trade(market, out.band && out.rests != 0, trip);
        Ok(())
    }

    /// The halt that a trade trips.
    pub fn trip_by_trade(&mut self, market: usize, trips: bool, found: Option<Trip>) {
        let env = self.env;
        let expected = trips.then(|| self.markets[market].trip(Cause::Trade, &env));
        assert_eq!(found, expected, "a trade trips");
        if let Some(trip) = expected {
            self.count_trip(&trip);
        }
    }

    pub fn compare_steps(&self, market: usize, out: &Outcome) {
        let steps = self.plan.steps();
        assert_eq!(steps.len(), out.steps.len(), "{out:?} {steps:?}");
        for (found, step) in steps.iter().zip(&out.steps) {
            let trades = found.kind == StepKind::Fill;
            let own = found.kind == StepKind::SelfTrade;
            assert_eq!(
                (
                    found.sequence,
                    found.price,
                    found.lots,
                    trades,
                    own,
                    found.removes
                ),
                (
                    step.order.sequence,
                    step.order.price,
                    step.lots,
                    step.trades,
                    step.own,
                    step.removes
                ),
                "market {market}"
            );
        }
    }

    /// The model takes the order's fills, exactly.
    fn write(&mut self, account: usize, market: usize, request: &OrderRequest, out: &Outcome) {
        let buys = request.side == OrderSide::Bid;
        let (taken, maker_fees) = self.write_steps(market, buys, out);
        let state = &mut self.markets[market];
        let (params, mark) = (state.header.params, state.header.prices.mark);
        let lot = i128::from(params.base_atoms_per_lot);
        let sign = if buys { 1 } else { -1 };
        state.fees += maker_fees;
        let seat = state.seats.get_mut(&account).unwrap();
        if out.filled != 0 {
            seat.fill(
                sign * i128::from(out.filled) * lot,
                &(&taken * -sign * unit()),
                &ppm(&taken, params.taker_fee_ppm),
                mark,
            );
            state.fees += fee(&taken, params.taker_fee_ppm);
        }
        if out.rests != 0 {
            seat.rest(buys, out.price, out.rests);
        }
    }

    /// The resting orders' part; returns the cash of the fills and their makers' fees, quote atoms.
    pub fn write_steps(&mut self, market: usize, buys: bool, out: &Outcome) -> (BigInt, BigInt) {
        let state = &mut self.markets[market];
        let (params, mark) = (state.header.params, state.header.prices.mark);
        let lot = i128::from(params.base_atoms_per_lot);
        let sign = if buys { 1 } else { -1 };
        let (mut taken, mut fees) = (big(0), big(0));
        let now = self.env.now;
        let last = out.steps.iter().rfind(|step| step.trades);
        if let Some(last) = last {
            assert_eq!(state.phase(now), HaltPhase::Continuous, "a trade in a halt");
            let price = params.lot_sizes().price_floor(Ticks(last.order.price));
            state.see_trades(out.filled, price.unwrap().0, now);
        }
        for step in &out.steps {
            let side = state.book.side_mut(!buys);
            let at = side
                .iter()
                .position(|o| o.sequence == step.order.sequence)
                .unwrap();
            let gone = if step.removes {
                side[at].lots
            } else {
                step.lots
            };
            if step.removes {
                side.remove(at);
            } else {
                side[at].lots -= step.lots;
            }
            let maker = state.seats.get_mut(&step.order.account).unwrap();
            maker.unrest(!buys, gone);
            if !step.trades {
                continue;
            }
            state.fills += 1;
            let cash = big(step.lots) * step.order.price * params.quote_atoms_per_lot_tick;
            maker.fill(
                -sign * i128::from(step.lots) * lot,
                &(&cash * sign * unit()),
                &ppm(&cash, params.maker_fee_ppm),
                mark,
            );
            fees += fee(&cash, params.maker_fee_ppm);
            taken += cash;
        }
        (taken, fees)
    }
}
