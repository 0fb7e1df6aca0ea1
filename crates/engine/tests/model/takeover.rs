//! Takeovers, against the words of spec §8 and §13.

use num_bigint::BigInt;
use plimsoll_engine::cash::account_cash;
use plimsoll_engine::liquidation::{self, Taker};
use plimsoll_engine::EngineError;

use super::ledger::{big, ceil, floor, leg, unit};
use super::sizing::{lots_for, size_at, ChargeModel, Reduction};
use super::standing::{Answer, LegModel, StandingModel};
use super::steps::atoms;
use super::{address_of, World};

impl World {
    pub fn take_over(&mut self, account: usize, taker: usize, lots_max: u64) -> Answer<()> {
        self.atomically(|world| world.take_over_now(account, taker, lots_max))
    }

    fn take_over_now(&mut self, account: usize, taker: usize, lots_max: u64) -> Answer<()> {
        let (legs, standing, model) = self.agree(account)?;
        let resting = self.ordinary_orders(account) != 0;
        assert_eq!(legs.check_no_orders().is_err(), resting);
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
}
