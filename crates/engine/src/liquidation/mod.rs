//! Liquidation (spec §8, §13): who may be liquidated, which leg, at what price and how much. The program
//! derives all of it; a caller names the account and chooses nothing.

mod book;
mod legs;
mod price;
mod takeover;
mod tear_up;

#[cfg(test)]
mod tests;

pub use book::{cancel_orders, reduce_in_book, BookStep, CANCELS_MAX};
pub use legs::{Leg, Legs};
pub use price::{auction_size, zero_price, Charge, ZeroPrice};
pub use takeover::{take_over, takeover_terms, TakenOver, TakeoverTerms, Taker};
pub use tear_up::{close_remainder, tear_up};

use crate::error::{EngineError, Result};
use crate::fund;
use crate::math;
use crate::risk::AccountRisk;
use crate::state::{MarginAccount, MarketParams};

/// Whether an account that is not below maintenance would be, on e, if its resting orders filled: 2·e < IM,
/// initial margin at their worst case being twice maintenance. Then anyone may cancel those that do more
/// than reduce (spec §8): what margined them is gone. Never judged by a stale index.
pub fn orders_outlive(risk: &AccountRisk) -> bool {
    let twice = i128::from(risk.equity).saturating_mul(2);
    risk.favour == 0 && twice < i128::from(risk.initial_margin)
}

/// Ends an open takeover's walk, and with it the flag, of an account that is not liquidatable; whether there
/// was one. What stale indices give the holder is no recovery. Without this the walk would go on through
/// a recovery of under a minute, and the next fall begin at its far end.
pub fn end_walk(account: &mut MarginAccount, risk: &AccountRisk) -> bool {
    let recovered = account.takeover_started_at != 0 && risk.favour == 0;
    if recovered {
        fund::clear_flag(account);
    }
    recovered
}

/// A step smaller than this many lots is reimbursed at most what it was charged: a sixteenth of the
/// market's slice.
pub fn slice_min(params: &MarketParams) -> u64 {
    (params.slice_lots_max >> 4).max(1)
}

/// Why positions of an account may be closed for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Q < MM.
    Maintenance,
    /// Its margin call has lapsed and e < MM: worked out, sized by e and priced by Q (spec §10).
    LapsedCall,
}

/// What the formulas of spec §13 take of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub cause: Cause,
    /// e and Q, quote atoms: they decide whether and how much.
    pub equity: i64,
    pub with_credit: i64,
    /// e and Q without what stale indices give the holder: prices are made of these, so that nobody is
    /// paid a favour.
    pub priced_equity: i64,
    pub priced_with_credit: i64,
    /// M, quote atoms.
    pub maintenance_margin: u64,
    /// S: the loss that the account cannot bear.
    pub deficit: u64,
}

impl Standing {
    /// Q < MM at any time; e < MM once a margin call has lapsed. Neither of an account in which nothing is left
    /// to close, which interest alone would hold below zero for ever.
    ///
    /// # Errors
    /// `NotLiquidatable`; `CreditUsable` when `usable` of a credit line would lift Q to MM (INV-7).
    pub fn of(risk: &AccountRisk, lapsed: bool, usable: u64) -> Result<Self> {
        let with_credit = risk.equity_with_credit()?;
        let below = |amount: i64| {
            u64::try_from(amount).map_or(true, |amount| amount < risk.maintenance_margin)
        };
        let cause = if risk.nothing_to_close()? {
            return Err(EngineError::NotLiquidatable);
        } else if below(with_credit) {
            Cause::Maintenance
        } else if lapsed && below(risk.equity) {
            Cause::LapsedCall
        } else {
            return Err(EngineError::NotLiquidatable);
        };
        let lifted = math::add_signed(with_credit, math::signed(usable)?)?;
        if cause == Cause::Maintenance && usable != 0 && !below(lifted) {
            return Err(EngineError::CreditUsable);
        }
        let favour = math::signed(risk.favour)?;
        Ok(Self {
            cause,
            equity: risk.equity,
            with_credit,
            priced_equity: math::sub_signed(risk.equity, favour)?,
            priced_with_credit: math::sub_signed(with_credit, favour)?,
            maintenance_margin: risk.maintenance_margin,
            deficit: risk.deficit()?,
        })
    }

    /// What a reduction is priced by: Q without favours, and no more than M of a work-out, which has Q ≥ M
    /// and gives up no more of the lender's cash than a liquidation would (ADR 0018).
    fn priced_by(&self) -> Result<i64> {
        Ok(self
            .priced_with_credit
            .min(math::signed(self.maintenance_margin)?))
    }

    /// What a reduction is sized by: Q, or e of a work-out.
    const fn sized_by(&self) -> i64 {
        match self.cause {
            Cause::Maintenance => self.with_credit,
            Cause::LapsedCall => self.equity,
        }
    }
}
