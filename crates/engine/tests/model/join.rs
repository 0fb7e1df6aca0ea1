//! Accounts below maintenance join the auction of a halt, as the program has it, against the words of spec §7.

use plimsoll_engine::auction::{self, Joined};
use plimsoll_engine::liquidation::{Leg, Standing};
use plimsoll_engine::place::Which;
use plimsoll_engine::state::{HaltPhase, OrderSide};
use plimsoll_engine::{fund, EngineError};

use super::book::OrderModel;
use super::halts::Deed;
use super::ledger::big;
use super::sizing::{lots_for, size_at, ChargeModel, Reduction};
use super::standing::{Answer, LegModel, StandingModel};
use super::World;

impl World {
    /// Anyone brings an account's interest into the auction of a market, or takes it out again.
    pub fn join_auction(&mut self, account: usize, market: usize) -> Answer<()> {
        if self.seat_index(account, market).is_none() {
            return Ok(());
        }
        self.atomically(|world| world.join_now(account, market))
    }

    fn join_now(&mut self, account: usize, market: usize) -> Answer<()> {
        let now = self.env.now;
        if let Some(line) = self.line_of(account) {
            self.accrue_interest(line)?;
        }
        self.touch(market);
        if self.too_far(account, None) {
            return Err(EngineError::EpochBehind);
        }
        let (legs, risk) = self.read_legs(account)?;
        let key = self.markets[market].key;
        let leg = *legs.iter().find(|leg| leg.market == key).unwrap();
        let state = &self.markets[market];
        let calling = state.allows(Deed::Join, now) && !state.stale(now);
        assert_eq!(leg.calling, calling);
        if !calling {
            // The program's NotInCall.
            return Err(EngineError::MarketHalted);
        }
        let agreed = self.agree(account);
        let refused = agreed.as_ref().err().copied();
        if refused == Some(EngineError::NotLiquidatable) {
            return self.leave_auction(account, market, &leg);
        }
        if refused.is_some_and(|error| error != EngineError::CreditUsable) {
            return refused.map_or(Ok(()), Err);
        }
        let foretold = (self.account_risk(account), self.usable_credit(account));
        let resting = self.ordinary_orders(account);
        let cancelled = self.cancel_orders(account, &legs, Which::All)?;
        if self.line_of(account).is_some() && self.draw_for(account, &legs, &risk, &foretold)? {
            self.withdraw_interest(account, market, leg.seat)?;
            fund::clear_flag(&mut self.accounts[account]);
            self.count("state:", "drawn into an auction");
            return Ok(());
        }
        let (_, standing, model) = agreed?;
        fund::flag(&mut self.accounts[account], now);
        if resting > cancelled {
            self.count("state:", "interest waits for orders");
            return Ok(());
        }
        self.rest_interest(account, market, &leg, &standing, &model)
    }

    /// What had joined is healthy again.
    fn leave_auction(&mut self, account: usize, market: usize, leg: &Leg) -> Answer<()> {
        if self.withdraw_interest(account, market, leg.seat)? == 0 {
            return Err(EngineError::NotLiquidatable);
        }
        self.count("state:", "interest withdrawn");
        Ok(())
    }

    fn interest_of(&self, account: usize, market: usize) -> Option<OrderModel> {
        let own = self.markets[market].book.of(account);
        own.into_iter().find(|order| order.liquidation.is_some())
    }

    fn withdraw_interest(&mut self, account: usize, market: usize, seat: u32) -> Answer<u64> {
        let env = self.env;
        let interest = self.interest_of(account, market);
        let state = &mut self.markets[market];
        let found = auction::withdraw_interest(&mut state.get(), seat, &env);
        let uncross = state.phase(env.now) == HaltPhase::Uncross;
        let Some(order) = interest else {
            assert_eq!(found, Ok(0));
            return found;
        };
        if uncross {
            assert_eq!(found, Err(EngineError::MarketHalted));
            return found;
        }
        assert_eq!(found, Ok(order.lots));
        self.take_off(market, order.sequence);
        found
    }

    /// An order leaves the model's book and its seat.
    pub fn take_off(&mut self, market: usize, sequence: u64) {
        let state = &mut self.markets[market];
        let (bid, order) = state.book.take(sequence).unwrap();
        let seat = state.seats.get_mut(&order.account).unwrap();
        seat.unrest(bid, order.lots);
    }

    /// As much of the leg as brings the account to 1.15 M at the mark, at its zero price.
    fn rest_interest(
        &mut self,
        account: usize,
        market: usize,
        leg: &Leg,
        standing: &Standing,
        model: &StandingModel,
    ) -> Answer<()> {
        let env = self.env;
        let views = self.legs_model(account);
        let view = views
            .into_iter()
            .find(|view| view.market == market)
            .unwrap();
        let expected = self.foretell_interest(&view, model);
        let before = self.interest_of(account, market);
        let state = &mut self.markets[market];
        let found = auction::join(&mut state.get(), leg, standing, &env);
        let joined = found.expect("nothing is in the way of interest");
        if let Some(order) = before {
            self.take_off(market, order.sequence);
        }
        let Some((price, lots, charge)) = expected else {
            assert_eq!(joined, None);
            return Ok(());
        };
        let joined = joined.expect("interest that does not rest");
        let bid = view.base < 0;
        let side = if bid { OrderSide::Bid } else { OrderSide::Ask };
        let state = &mut self.markets[market];
        let expected = Joined {
            order: joined.order,
            side: side.byte(),
            price,
            lots,
        };
        assert_eq!(joined, expected, "interest of {view:?}");
        let end = state.halt.running.as_ref().unwrap().call_ends_at;
        let order = OrderModel {
            account,
            price,
            sequence: state.header.sequence,
            lots,
            reduce_only: true,
            expires_at: end + 1,
            block: joined.order,
            client_id: 0,
            liquidation: Some(charge),
        };
        state.book.insert(bid, order);
        state
            .seats
            .get_mut(&account)
            .unwrap()
            .rest(bid, price, lots);
        state.disturb(&env);
        self.count("state:", "joined an auction");
        if matches!(charge, ChargeModel::PerAtom(_)) {
            self.count("state:", "joined an auction, charged per atom");
        }
        Ok(())
    }

    fn foretell_interest(
        &self,
        view: &LegModel,
        model: &StandingModel,
    ) -> Option<(u64, u64, ChargeModel)> {
        let header = &self.markets[view.market].header;
        let (params, mark) = (&header.params, header.prices.mark);
        if view.base == 0 || model.with_credit <= big(0) {
            return None;
        }
        let size = big(view.base.abs());
        let state = Reduction {
            leg: view.maintenance.clone(),
            all: model.maintenance.clone(),
            amount: model.sized_by().clone(),
            size: size.clone(),
        };
        let sign = if view.base > 0 { 1 } else { -1 };
        let rate = ChargeModel::Rate(params.taker_fee_ppm, params.liquidation_contribution_ppm);
        let needed = size_at(&state, sign, mark, &big(mark), rate);
        let lots = lots_for(params, &needed, &size, u64::MAX);
        if lots == 0 {
            return None;
        }
        let (price, charge) = self.foretell_zero(view, model)?;
        Some((price, lots, charge))
    }
}
