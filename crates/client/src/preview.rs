//! What an account is worth and what an order would do, before anything is signed. Every figure comes
//! from the engine's own functions on the accounts as read: nothing is computed twice.

use plimsoll_engine::book::arena::{MarketMut, MarketRef};
use plimsoll_engine::cash::account_cash;
use plimsoll_engine::credit::draw::mandated_margin;
use plimsoll_engine::halt;
use plimsoll_engine::liquidation::{Leg, Legs};
use plimsoll_engine::place::{self, MatchPlan, OrderRequest, Placed, Trader};
use plimsoll_engine::position::{self, Holding};
use plimsoll_engine::risk::{self, AccountRisk, LegRisk, Resting};
use plimsoll_engine::seats::entry_seat;
use plimsoll_engine::state::{CreditLine, MarginAccount, MarketHeader};
use plimsoll_engine::units::PRICE_Q32_MAX;
use plimsoll_engine::{EngineError, Env, Result};
use solana_pubkey::Pubkey;

use crate::accounts::MarketView;

/// A margin account with all of its markets, in the order of its entries.
#[derive(Clone, Debug)]
pub struct AccountView {
    pub address: Pubkey,
    pub account: MarginAccount,
    pub markets: Vec<MarketView>,
}

/// One leg of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LegPreview {
    pub held: Holding,
    pub risk: LegRisk,
    /// Mark at which the account falls under maintenance, all other marks unchanged, Q.32; `None`: at no
    /// price.
    pub liquidation_price: Option<u64>,
    pub index_fresh: bool,
}

/// Risk of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountPreview {
    pub risk: AccountRisk,
    pub legs: Vec<LegPreview>,
    /// Cash that may be withdrawn now, quote atoms.
    pub withdrawable: u64,
}

/// What an order would do.
#[derive(Clone, Debug)]
pub struct OrderPreview {
    /// The chain's second that it is meant for.
    pub now: i64,
    pub placed: Placed,
    pub plan: MatchPlan,
    pub before: AccountPreview,
    pub after: AccountPreview,
}

impl AccountView {
    fn leg(&self, position: usize, header: &MarketHeader, now: i64) -> Result<(Holding, LegRisk)> {
        let market = self
            .markets
            .get(position)
            .ok_or(EngineError::WrongMarketAccounts)?;
        let owner = self.address.to_bytes();
        let seat = entry_seat(&self.account, position, &market.blocks, &owner)?;
        let held = position::held(
            &MarketRef {
                header,
                blocks: &market.blocks,
            },
            seat,
        )?;
        Ok((held, risk::leg(header, held, &Resting::from(seat), now)?))
    }

    /// Sum of the legs, without the one at `except`.
    pub fn legs_risk(&self, except: Option<usize>, now: i64) -> Result<LegRisk> {
        let mut sum = LegRisk::default();
        for (position, market) in self.markets.iter().enumerate() {
            if Some(position) != except {
                sum.add(&self.leg(position, &market.header, now)?.1)?;
            }
        }
        Ok(sum)
    }

    /// The legs as liquidation sees them; `line` is the account's, for what its mandate covers.
    pub fn liquidation_legs(&self, line: Option<&CreditLine>, now: i64) -> Result<Legs> {
        let mut legs = Legs::default();
        let owner = self.address.to_bytes();
        for (position, market) in self.markets.iter().enumerate() {
            let market = market.as_ref();
            let (leg, seat) = Leg::read(&market, &self.account, &owner, position, now)?;
            let mandated = match line {
                Some(line) if risk::index_is_fresh(market.header, now) => mandated_margin(
                    line,
                    &leg.market,
                    seat,
                    leg.held,
                    leg.mark,
                    leg.risk.maintenance_margin,
                    now,
                )?,
                _ => 0,
            };
            let reopened_at = halt::reopened_at(market.header, now);
            legs.push(&leg, mandated, reopened_at)?;
        }
        Ok(legs)
    }

    /// Market of the leg that a liquidation would close next.
    pub fn liquidation_leg(&self, now: i64) -> Result<Pubkey> {
        Ok(Pubkey::from(
            self.liquidation_legs(None, now)?.next()?.market,
        ))
    }

    /// Markets in whose books orders of the account rest: a liquidation cancels them.
    pub fn markets_with_orders(&self) -> Vec<Pubkey> {
        let rests = |position: usize| {
            let market = self.markets.get(position)?;
            let owner = self.address.to_bytes();
            let seat = entry_seat(&self.account, position, &market.blocks, &owner).ok()?;
            (seat.orders != 0).then_some(())
        };
        self.account
            .entries()
            .iter()
            .enumerate()
            .filter(|(position, _)| rests(*position).is_some())
            .map(|(_, entry)| Pubkey::from(entry.market))
            .collect()
    }

    /// Risk of the whole account.
    pub fn risk(&self, now: i64) -> Result<AccountRisk> {
        AccountRisk::of(
            &account_cash(&self.account, now),
            &self.legs_risk(None, now)?,
        )
    }

    /// Risk, liquidation prices and withdrawable cash.
    pub fn preview(&self, now: i64) -> Result<AccountPreview> {
        let risk = self.risk(now)?;
        let mut legs = Vec::with_capacity(self.markets.len());
        for (position, market) in self.markets.iter().enumerate() {
            let (held, leg) = self.leg(position, &market.header, now)?;
            legs.push(LegPreview {
                held,
                risk: leg,
                liquidation_price: self.liquidation_price(position, now)?,
                index_fresh: risk::index_is_fresh(&market.header, now),
            });
        }
        Ok(AccountPreview {
            risk,
            legs,
            withdrawable: self.withdrawable(&risk, now),
        })
    }

    fn withdrawable(&self, risk: &AccountRisk, now: i64) -> u64 {
        let cash = account_cash(&self.account, now);
        if cash.credit != 0 || cash.interest != 0 || self.account.lien != 0 {
            return 0;
        }
        let unaged = i64::try_from(cash.unaged_gain).unwrap_or(i64::MAX);
        let aged = cash.collateral.saturating_sub(unaged);
        u64::try_from(aged.min(risk.free_collateral())).unwrap_or(0)
    }

    /// The mark nearest to today's at which the account is under maintenance, found by halving: risk is
    /// monotone in the mark on either side of it.
    fn liquidation_price(&self, position: usize, now: i64) -> Result<Option<u64>> {
        let market = self
            .markets
            .get(position)
            .ok_or(EngineError::WrongMarketAccounts)?;
        let (held, _) = self.leg(position, &market.header, now)?;
        if held.base == 0 || market.header.prices.mark == 0 {
            return Ok(None);
        }
        let others = self.legs_risk(Some(position), now)?;
        let cash = account_cash(&self.account, now);
        let safe_at = |price: u64| -> Result<bool> {
            let mut header = market.header;
            header.prices.mark = price;
            let mut legs = self.leg(position, &header, now)?.1;
            legs.add(&others)?;
            AccountRisk::of(&cash, &legs)?.meets_maintenance()
        };
        let mark = market.header.prices.mark;
        if !safe_at(mark)? {
            return Ok(Some(mark));
        }
        let far = if held.base > 0 { 1 } else { PRICE_Q32_MAX };
        // Past the largest representable claim the account is as good as under water.
        if safe_at(far).unwrap_or(false) {
            return Ok(None);
        }
        let (mut safe, mut unsafe_) = (mark, far);
        while safe.abs_diff(unsafe_) > 1 {
            let middle = safe.midpoint(unsafe_);
            if safe_at(middle).unwrap_or(false) {
                safe = middle;
            } else {
                unsafe_ = middle;
            }
        }
        Ok(Some(unsafe_))
    }

    /// Places the order on a copy and compares: fills, fee, margin and liquidation price before signing.
    pub fn preview_order(
        &self,
        market: &Pubkey,
        request: &OrderRequest,
        env: &Env,
    ) -> Result<OrderPreview> {
        let position = self
            .account
            .entry_of(&market.to_bytes())
            .ok_or(EngineError::WrongSeat)?;
        let seat = self
            .account
            .entries()
            .get(position)
            .ok_or(EngineError::WrongSeat)?
            .seat;
        let before = self.preview(env.now)?;
        let trader = Trader {
            account: self.address.to_bytes(),
            cash: account_cash(&self.account, env.now),
            other_legs: self.legs_risk(Some(position), env.now)?,
        };
        let mut view = self.clone();
        let mut plan = MatchPlan::default();
        let target = view
            .markets
            .get_mut(position)
            .ok_or(EngineError::WrongMarketAccounts)?;
        // As the program does first: a reopening that nobody has written down yet.
        halt::catch_up(&mut target.header, env);
        let mut arena = MarketMut {
            header: &mut target.header,
            blocks: &mut target.blocks,
        };
        let placed = place::place(&mut arena, seat, &trader, request, env, &mut plan)?;
        let after = view.preview(env.now)?;
        Ok(OrderPreview {
            now: env.now,
            placed,
            plan,
            before,
            after,
        })
    }
}
