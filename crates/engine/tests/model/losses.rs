//! Tear-up and who pays for it: the engine against the words of spec §9.

use num_bigint::BigInt;
use plimsoll_engine::adl::Receipt;
use plimsoll_engine::{fund, liquidation, EngineError};

use super::ledger::{big, ceil, floor, unit, value, SeatModel};
use super::standing::{Answer, LegModel, StandingModel};
use super::World;

impl World {
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
        if self.ordinary_orders(account) != 0 {
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
}
