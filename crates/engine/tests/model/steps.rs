//! Cash, settling, fees and seats.

use num_bigint::BigInt;
use plimsoll_engine::book::arena::MarketMut;
use plimsoll_engine::cash::{self, SettledLeg, Swept};
use plimsoll_engine::gate::{self, Action};
use plimsoll_engine::risk::LegRisk;
use plimsoll_engine::seats::{self, SeatAddresses};
use plimsoll_engine::{halt, position, risk, EngineError};

use super::ledger::{big, ceil, floor, unit, value, Risk, SeatModel};
use super::{address_of, shares, World};

pub fn atoms(value: &BigInt) -> u64 {
    u64::try_from(value).unwrap()
}

impl World {
    pub fn deposit(&mut self, account: usize) -> Result<(), EngineError> {
        // Some are rich and keep trading; the others are often short of cash.
        let most = match (account < 4, self.shape.losses) {
            (true, _) => 6_000_000,
            (false, true) => 2_000_000,
            (false, false) => 500_000,
        };
        let amount = match self.random.below(6) {
            0 => self.random.between(1, 9),
            _ => self.random.between(1, most),
        };
        self.deposit_amount(account, amount);
        Ok(())
    }

    pub fn deposit_amount(&mut self, account: usize, amount: u64) {
        cash::deposit(&mut self.accounts[account], amount).unwrap();
        self.cash[account].collateral += amount;
        self.tokens += amount;
    }

    /// Engine's own sum of legs, for what it is passed.
    pub fn engine_legs(&self, account: usize, without: &[usize]) -> Result<LegRisk, EngineError> {
        let mut legs = LegRisk::default();
        for market in 0..self.markets.len() {
            if let (false, Some(index)) =
                (without.contains(&market), self.seat_index(account, market))
            {
                let state = &self.markets[market];
                let seat = state.seat(index);
                let held = position::held(&state.read(), &seat)?;
                let leg = risk::leg(&state.header, held, &(&seat).into(), self.env.now)?;
                legs.add(&leg)?;
            }
        }
        Ok(legs)
    }

    /// The program's own answer to whether a position or orders of the account lie in a halted market.
    pub fn engine_halted(&self, account: usize) -> bool {
        self.markets.iter().enumerate().any(|(number, market)| {
            let seat = self.seat_index(account, number).map(|at| market.seat(at));
            let held = seat.map(|seat| (position::held(&market.read(), &seat), seat.orders));
            let active = held
                .is_some_and(|(held, orders)| orders != 0 || held.is_ok_and(|held| held.base != 0));
            let phase = halt::phase(&market.header, self.env.now);
            active && !gate::in_phase(phase, Action::Withdraw)
        })
    }

    pub fn withdraw(&mut self, account: usize) -> Result<(), EngineError> {
        if self.shape.losses && self.random.one_in(2) {
            return self.deposit(account);
        }
        let now = self.env.now;
        let model = &self.cash[account];
        let aged = (&model.collateral - model.unaged(now)).max(big(0));
        let risk = model.risk(&self.legs(account, &[]), now);
        let free = (&risk.equity_initial - &risk.initial).max(big(0));
        let most = atoms(&aged).min(atoms(&free));
        // Where losses are looked for, most who withdraw leave nothing but initial margin.
        let amount = match self.random.below(6) {
            0 => most,
            3..=5 if self.shape.losses => most,
            1 => most + 1,
            2 => self.random.between(1, 3_000_000),
            _ => self.random.between(0, most / 3 + 1),
        };
        self.withdraw_amount(account, amount)
    }

    pub fn withdraw_amount(&mut self, account: usize, amount: u64) -> Result<(), EngineError> {
        let now = self.env.now;
        let model = &self.cash[account];
        let aged = (&model.collateral - model.unaged(now)).max(big(0));
        let risk = model.risk(&self.legs(account, &[]), now);
        let free = (&risk.equity_initial - &risk.initial).max(big(0));
        let expected = if self.too_far(account, None) {
            Err(EngineError::EpochBehind)
        } else if amount == 0 {
            Err(EngineError::ZeroAmount)
        } else if &model.credit + &model.interest != big(0) {
            Err(EngineError::CreditDrawn)
        } else if model.lien != big(0) {
            Err(EngineError::LienUnpaid)
        } else if self.holds_in_a_halt(account) {
            Err(EngineError::MarketHalted)
        } else if big(amount) > aged {
            Err(EngineError::InsufficientCash)
        } else if big(amount) > free || risk.equity_initial < big(0) {
            Err(EngineError::BelowInitialMargin)
        } else {
            Ok(())
        };
        let legs = self.engine_legs(account, &[]);
        let halted = self.engine_halted(account);
        let (state, env) = (&mut self.accounts[account], self.env);
        let found = legs.and_then(|legs| cash::withdraw(state, &legs, halted, amount, &env));
        assert_eq!(found, expected, "withdrawal of {amount}");
        found?;
        self.cash[account].collateral -= amount;
        self.cash[account].cut(now);
        self.tokens -= amount;
        Ok(())
    }

    pub fn markets_of(&self, account: usize) -> Vec<usize> {
        (0..self.markets.len())
            .filter(|market| self.markets[*market].seats.contains_key(&account))
            .collect()
    }

    /// Settles some of the account's markets, in any order.
    pub fn settle(&mut self, account: usize) -> Result<(), EngineError> {
        let mut markets = self.markets_of(account);
        if self.random.one_in(2) && markets.len() > 1 {
            markets.remove(self.random.below(markets.len() as u64) as usize);
        }
        if self.random.one_in(2) {
            markets.reverse();
        }
        self.settle_markets(account, &markets)
    }

    pub fn settle_markets(&mut self, account: usize, markets: &[usize]) -> Result<(), EngineError> {
        let foretold = self.foretell_settle(account, markets);
        let others = self.engine_legs(account, markets);
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
        let found = others.and_then(|others| {
            let address = address_of(account);
            cash::settle(state, &address, &mut passed, &entries, &others, &env)
        });
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
        self.write_settle(account, markets, &legs);
        Ok(())
    }

    /// The words of spec §4, "Settle".
    fn foretell_settle(
        &self,
        account: usize,
        markets: &[usize],
    ) -> Result<Vec<SettledLeg>, EngineError> {
        let now = self.env.now;
        if self.too_far(account, None) {
            return Err(EngineError::EpochBehind);
        }
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
        let mut cash = &self.cash[account].collateral + &self.cash[account].credit;
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

    pub fn sweep(&mut self, market: usize) -> Result<(), EngineError> {
        let now = self.env.now;
        let allowance = self.allowance(market);
        let state = &mut self.markets[market];
        let unpaid = state.claim_unpaid_at != 0 && now - state.claim_unpaid_at < 3_600;
        // The three kinds of accrued claims pay the deficit, then hold the drift's reserve, in this order.
        let mut owed = state.deficit.clone();
        let reserve =
            shares::drift(&state.header) * ceil(big(state.header.prices.mark), big(1) << 32);
        let mut hold = if state.seats.is_empty() {
            big(0)
        } else {
            reserve
        };
        if unpaid {
            hold = &state.fees + &state.liquidation_fees + &state.contributions;
        }
        let mut cash = state.pool.clone();
        let mut left = Vec::new();
        let mut swept = Vec::new();
        for accrued in [&state.fees, &state.liquidation_fees, &state.contributions] {
            let given = owed.clone().min(accrued.clone());
            owed -= &given;
            let open = accrued - given;
            let kept = hold.clone().min(open.clone());
            hold -= &kept;
            let moved = (&open - kept).min(cash.clone());
            cash -= &moved;
            left.push(open - &moved);
            swept.push(moved);
        }
        let by_fees = &state.deficit - &owed;
        let by_fund = if state.seats.is_empty() {
            big(0)
        } else {
            owed.clone().min(allowance)
        };
        owed -= &by_fund;
        cash += &by_fund;
        let empty = state.seats.is_empty() && owed == big(0) && !unpaid;
        let dust = if empty { cash.clone() } else { big(0) };
        cash -= &dust;
        // Of a liquidation's fees nothing is the treasury's.
        let keeper = floor(&swept[0] * 200_000, 1_000_000) + floor(&swept[1] * 200_000, 600_000);
        let treasury = floor(&swept[0] * 400_000, 1_000_000);
        let all: BigInt = swept.iter().sum();
        let expected = Swept {
            to_default_fund: atoms(&(all - &keeper - &treasury + dust)),
            to_keeper_pool: atoms(&keeper),
            to_treasury: atoms(&treasury),
            deficit_paid: atoms(&by_fees),
            deficit_paid_by_fund: atoms(&by_fund),
        };
        let found = cash::sweep_fees(&mut state.header, &self.exchange, &mut self.fund, &self.env);
        if unpaid && state.deficit == owed {
            assert_eq!(found, Err(EngineError::ClaimsUnpaid));
            return Err(EngineError::ClaimsUnpaid);
        }
        assert_eq!(found, Ok(expected));
        for (paid, by) in [(&by_fees, "fees"), (&by_fund, "the fund")] {
            if *paid != big(0) {
                let state = format!("state: deficit paid by {by}");
                *self.counts.entry(state).or_default() += 1;
            }
        }
        if by_fund != big(0) {
            self.payments.push((now, market, atoms(&by_fund)));
        }
        state.pool = cash;
        state.deficit = owed;
        state.contributions = left.pop().unwrap();
        state.liquidation_fees = left.pop().unwrap();
        state.fees = left.pop().unwrap();
        self.treasury_total += treasury;
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
            let raw = state.seat(member.entries[member.entry_of(&state.key).unwrap()].seat);
            let empty = raw.shares == 0 && quote == big(0) && seat.bid_lots + seat.ask_lots == 0;
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
        let ends: u32 = state.header.sides.iter().map(|side| side.ends).sum();
        let kept = 1 + ends.max(12) as usize + reserved;
        let room = (state.header.arena.capacity as usize).saturating_sub(kept);
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
