//! Everything but orders: cash, settling, prices, funding, fees and seats.

use num_bigint::BigInt;
use plimsoll_engine::book::arena::MarketMut;
use plimsoll_engine::cash::{self, SettledLeg, Swept};
use plimsoll_engine::risk::LegRisk;
use plimsoll_engine::seats::{self, SeatAddresses};
use plimsoll_engine::state::SCALE_ONE;
use plimsoll_engine::units::{Ticks, PRICE_Q32_MAX};
use plimsoll_engine::{funding, mark, place, position, risk, EngineError};

use super::feeds;
use super::ledger::{big, floor, unit, value, Risk, SeatModel};
use super::{address_of, Market, World};

fn atoms(value: &BigInt) -> u64 {
    u64::try_from(value).unwrap()
}

impl World {
    pub fn deposit(&mut self, account: usize) -> Result<(), EngineError> {
        // Some are rich and keep trading; the others are often short of cash.
        let most = if account < 4 { 6_000_000 } else { 500_000 };
        let amount = match self.random.below(6) {
            0 => self.random.between(1, 9),
            _ => self.random.between(1, most),
        };
        cash::deposit(&mut self.accounts[account], amount).unwrap();
        self.cash[account].collateral += amount;
        self.tokens += amount;
        Ok(())
    }

    /// Engine's own sum of legs, for what it is passed.
    pub fn engine_legs(&self, account: usize, without: &[usize]) -> LegRisk {
        let mut legs = LegRisk::default();
        for market in 0..self.markets.len() {
            if let (false, Some(index)) =
                (without.contains(&market), self.seat_index(account, market))
            {
                let state = &self.markets[market];
                let seat = state.seat(index);
                let held = position::holding(&seat, &state.header.sides).unwrap();
                let leg = risk::leg(&state.header, held, &(&seat).into(), self.env.now).unwrap();
                legs.add(&leg).unwrap();
            }
        }
        legs
    }

    pub fn withdraw(&mut self, account: usize) -> Result<(), EngineError> {
        let now = self.env.now;
        let model = &self.cash[account];
        let aged = (&model.collateral - model.unaged(now)).max(big(0));
        let risk = model.risk(&self.legs(account, &[]), now);
        let free = (&risk.equity_initial - &risk.initial).max(big(0));
        let most = atoms(&aged).min(atoms(&free));
        let amount = match self.random.below(6) {
            0 => most,
            1 => most + 1,
            2 => self.random.between(1, 3_000_000),
            _ => self.random.between(0, most / 3 + 1),
        };
        let expected = if amount == 0 {
            Err(EngineError::ZeroAmount)
        } else if big(amount) > aged {
            Err(EngineError::InsufficientCash)
        } else if big(amount) > free || risk.equity_initial < big(0) {
            Err(EngineError::BelowInitialMargin)
        } else {
            Ok(())
        };
        let legs = self.engine_legs(account, &[]);
        let state = &mut self.accounts[account];
        let found = cash::withdraw(state, &legs, false, amount, &self.env);
        assert_eq!(found, expected, "withdrawal of {amount}");
        found?;
        self.cash[account].collateral -= amount;
        self.cash[account].cut(now);
        self.tokens -= amount;
        Ok(())
    }

    /// Settles some of the account's markets, in any order.
    pub fn settle(&mut self, account: usize) -> Result<(), EngineError> {
        let mut markets: Vec<usize> = (0..self.markets.len())
            .filter(|market| self.markets[*market].seats.contains_key(&account))
            .collect();
        if self.random.one_in(2) && markets.len() > 1 {
            markets.remove(self.random.below(markets.len() as u64) as usize);
        }
        if self.random.one_in(2) {
            markets.reverse();
        }
        let foretold = self.foretell_settle(account, &markets);
        let others = self.engine_legs(account, &markets);
        let entries: Vec<usize> = markets
            .iter()
            .map(|market| {
                self.accounts[account]
                    .entry_of(&self.markets[*market].key)
                    .unwrap()
            })
            .collect();
        let mut passed: Vec<(usize, MarketMut<'_>)> = Vec::new();
        for (market, state) in self.markets.iter_mut().enumerate() {
            if let Some(at) = markets.iter().position(|asked| *asked == market) {
                passed.push((at, state.get()));
            }
        }
        passed.sort_by_key(|(at, _)| *at);
        let mut passed: Vec<MarketMut<'_>> = passed.into_iter().map(|(_, state)| state).collect();
        let (state, env) = (&mut self.accounts[account], self.env);
        let found = cash::settle(
            state,
            &address_of(account),
            &mut passed,
            &entries,
            &others,
            &env,
        );
        let legs = match (found, foretold) {
            (Ok(found), Ok(legs)) => {
                assert_eq!(found[..legs.len()], legs[..], "legs of {markets:?}");
                legs
            }
            (Err(found), Err(expected)) => {
                assert_eq!(found, expected);
                return Err(found);
            }
            (found, expected) => panic!("{found:?}, foretold {expected:?}"),
        };
        self.write_settle(account, &markets, &legs);
        Ok(())
    }

    /// The words of spec §4, "Settle".
    fn foretell_settle(
        &self,
        account: usize,
        markets: &[usize],
    ) -> Result<Vec<SettledLeg>, EngineError> {
        let now = self.env.now;
        let mut legs = vec![SettledLeg::default(); markets.len()];
        let mut claims = Vec::new();
        let mut stale_loss = false;
        for (market, leg) in markets.iter().zip(&mut legs) {
            let state = &self.markets[*market];
            let base = state.seats[&account].base;
            let claim = self.claimed(account, *market) + value(base, state.header.prices.mark);
            leg.stale = base != 0 && state.stale(now);
            stale_loss |= leg.stale && claim < big(0);
            claims.push(if leg.stale { big(0) } else { claim });
        }
        if legs.iter().all(|leg| leg.stale) {
            return Err(EngineError::NothingToSettle);
        }
        let mut all: Risk = self.legs(account, markets);
        let others_lose = all.loss > big(0);
        for market in markets {
            all.add(&self.leg(account, *market));
        }
        let risk = self.cash[account].risk(&all, now);
        let mut cash = self.cash[account].collateral.clone();
        for ((market, claim), leg) in markets.iter().zip(&claims).zip(&mut legs) {
            if *claim > big(0) {
                leg.gain_paid = atoms(claim).min(atoms(&self.markets[*market].pool));
                leg.gain_unpaid = atoms(claim) - leg.gain_paid;
                cash += leg.gain_paid;
            }
        }
        let short = !risk.meets_initial() && cash < risk.loss;
        if short && claims.iter().any(|claim| *claim < big(0)) {
            if others_lose {
                return Err(EngineError::WrongMarketAccounts);
            }
            if stale_loss {
                return Err(EngineError::IndexStale);
            }
        }
        let at_start = cash.clone();
        for (claim, leg) in claims.iter().zip(&mut legs) {
            if *claim < big(0) {
                let loss = -claim;
                let share = floor(&at_start * &loss, risk.loss.clone());
                let paid = if short {
                    share
                } else {
                    loss.clone().min(cash.clone())
                };
                cash -= &paid;
                leg.loss_paid = atoms(&paid);
                leg.loss_unpaid = atoms(&(loss - paid));
            }
        }
        Ok(legs)
    }

    fn write_settle(&mut self, account: usize, markets: &[usize], legs: &[SettledLeg]) {
        let now = self.env.now;
        let mut gained = big(0);
        for (market, leg) in markets.iter().zip(legs) {
            let state = &mut self.markets[*market];
            let moved = big(leg.loss_paid) - leg.gain_paid;
            state.pool += &moved;
            let seat = state.seats.get_mut(&account).unwrap();
            seat.quote += &moved * unit();
            if !leg.stale {
                seat.roundings += 1;
                state.roundings += 1;
            }
            if leg.gain_unpaid != 0 {
                state.claim_unpaid_at = now;
            }
            self.cash[account].collateral -= moved;
            gained += leg.gain_paid;
        }
        if gained != big(0) {
            self.cash[account].gain(gained, now);
        }
        self.cash[account].cut(now);
    }

    /// A mark out of nowhere, fresh or not.
    pub fn move_mark(&mut self, market: usize) -> Result<(), EngineError> {
        let now = self.env.now;
        let wild = self.random.one_in(8);
        let step = if wild { 150 } else { 6 };
        let state = &mut self.markets[market];
        let span = state.around * step / 1_000 + 1;
        let moved = state.around + self.random.below(2 * span + 1) - span;
        let start = [500, 2_000, 1_300][market];
        state.around = moved.clamp(start / 2, start * 2);
        let sizes = state.header.params.lot_sizes();
        let price = sizes.price_floor(Ticks(state.around)).unwrap().0;
        // Not only prices of whole ticks.
        let price = price + self.random.below(1 << 12);
        state.header.prices.mark = price;
        state.header.prices.index = price;
        if !self.random.one_in(6) {
            state.header.prices.index_time = now;
        }
        Ok(())
    }

    /// f of spec §13, Q.64 per base atom, exact: positive when longs pay.
    fn foretell_funding(state: &Market, now: i64) -> BigInt {
        let (params, prices) = (&state.header.params, &state.header.prices);
        let fresh_until = prices.index_time + i64::from(params.index_age_seconds_max);
        let seconds = (now.min(fresh_until) - prices.funding_time)
            .clamp(0, i64::from(params.accrual_seconds_max));
        let cap = floor(big(prices.index) * params.funding_cap_ppm, 1_000_000);
        let premium = big(prices.premium_ema.unsigned_abs()).min(cap);
        let f = floor((premium * seconds) << 32, params.funding_period_seconds);
        let open = state.seats.values().any(|seat| seat.base != 0);
        match (open, prices.premium_ema < 0) {
            (false, _) => big(0),
            (true, true) => -f,
            (true, false) => f,
        }
    }

    fn charge(state: &mut Market, f: &BigInt) {
        for seat in state.seats.values_mut() {
            seat.quote -= f * seat.base * 1_000_000;
        }
    }

    /// Charges a premium set by hand.
    pub fn accrue(&mut self, market: usize) -> Result<(), EngineError> {
        let now = self.env.now;
        let state = &mut self.markets[market];
        let bound = (state.header.prices.index / 60) as i64;
        let premium = self.random.below(2 * bound as u64 + 1) as i64 - bound;
        state.header.prices.premium_ema = premium;
        let f = Self::foretell_funding(state, now);
        let header = &mut state.header;
        let (sides, prices) = (&mut header.sides, &mut header.prices);
        let outcome = funding::accrue(sides, prices, &header.params, &header.halt, now)?;
        assert_eq!(big(outcome.long_pays), f);
        assert_eq!(outcome.long_pays, outcome.short_receives);
        assert!(header.sides.iter().all(|side| side.scale == SCALE_ONE));
        Self::charge(state, &f);
        Ok(())
    }

    /// A refresh from a feed made by hand.
    pub fn refresh(&mut self, market: usize) -> Result<(), EngineError> {
        let (now, env) = (self.env.now, self.env);
        let state = &mut self.markets[market];
        let top = place::book_top(&state.get().as_ref(), now).unwrap();
        let f = Self::foretell_funding(state, now);
        // Six decimals of base and of quote: a dollar is a quote atom a base atom.
        let index = u128::from(state.header.prices.index);
        let dollars = (index * 100_000_000) >> 32;
        let wobble = self.random.between(995_000, 1_005_000);
        let price = (dollars * u128::from(wobble) / 1_000_000) as i64;
        let age = self.random.below(20) as i64 - 3;
        let data = feeds::posted(price, now - age);
        let refreshed = mark::refresh(&mut state.header, &[feeds::input(&data)], top, &env);
        let outcome = refreshed?;
        assert!(outcome.mark != 0 && outcome.mark <= PRICE_Q32_MAX);
        assert_eq!(big(outcome.funding.long_pays), f);
        Self::charge(state, &f);
        let sizes = state.header.params;
        let ticks = u128::from(outcome.mark) * u128::from(sizes.base_atoms_per_lot);
        state.around = ((ticks / u128::from(sizes.quote_atoms_per_lot_tick)) >> 32) as u64;
        Ok(())
    }

    pub fn sweep(&mut self, market: usize) -> Result<(), EngineError> {
        let now = self.env.now;
        let state = &mut self.markets[market];
        let unpaid = state.claim_unpaid_at != 0 && now - state.claim_unpaid_at < 3_600;
        let fees = state.fees.clone().min(state.pool.clone());
        let dust = if state.seats.is_empty() {
            &state.pool - &fees
        } else {
            big(0)
        };
        let keeper = floor(&fees * 200_000, 1_000_000);
        let treasury = floor(&fees * 400_000, 1_000_000);
        let expected = Swept {
            to_default_fund: atoms(&(&fees - &keeper - &treasury + &dust)),
            to_keeper_pool: atoms(&keeper),
            to_treasury: atoms(&treasury),
            deficit_paid: 0,
        };
        let found = cash::sweep_fees(&mut state.header, &self.exchange, &mut self.fund, &self.env);
        if unpaid {
            assert_eq!(found, Err(EngineError::ClaimsUnpaid));
            return Err(EngineError::ClaimsUnpaid);
        }
        assert_eq!(found, Ok(expected));
        state.pool -= &fees + &dust;
        state.fees -= &fees;
        if state.seats.is_empty() {
            state.roundings = 0;
        }
        if self.random.one_in(3) {
            self.tokens -= self.fund.treasury;
            self.fund.treasury = 0;
        }
        Ok(())
    }

    pub fn claim_or_release(&mut self, account: usize, market: usize) -> Result<(), EngineError> {
        let addresses = SeatAddresses {
            market: self.markets[market].key,
            margin_account: address_of(account),
        };
        let quote = match self.markets[market].seats.contains_key(&account) {
            true => self.claimed(account, market),
            false => big(0),
        };
        let slots = self.random.below(8) as u8;
        let state = &mut self.markets[market];
        let member = &mut self.accounts[account];
        let reserved: usize = state.seats.values().map(|seat| seat.slots + 1).sum();
        if let Some(seat) = state.seats.get(&account) {
            let empty = seat.base == 0 && quote == big(0) && seat.bid_lots + seat.ask_lots == 0;
            let deposit = (seat.slots as u64 + 1) * 890_880;
            let expected = if empty {
                Ok(deposit)
            } else {
                Err(EngineError::SeatNotEmpty)
            };
            let found = seats::release(&mut state.get(), member, &addresses);
            assert_eq!(found, expected);
            found?;
            state.seats.remove(&account);
            return Ok(());
        }
        let found = seats::claim(&mut state.get(), member, &addresses, slots);
        let room = super::CAPACITY as usize - 13 - reserved;
        let expected = if slots == 0 || slots > 6 {
            Some(EngineError::SizeOutOfRange)
        } else if usize::from(slots) + 1 > room {
            Some(EngineError::ArenaFull)
        } else {
            None
        };
        assert_eq!(found.err(), expected);
        found?;
        let seat = SeatModel {
            slots: usize::from(slots),
            ..SeatModel::default()
        };
        state.seats.insert(account, seat);
        Ok(())
    }
}
