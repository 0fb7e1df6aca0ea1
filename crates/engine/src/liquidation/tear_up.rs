//! Step 5 of a liquidation: an account that is insolvent at the mark is closed against the whole opposing
//! side, leg by leg (spec §9). And remainders below a lot, which close the same way without a loss.

use super::{Leg, Legs, Standing};
use crate::adl::{self, LossEvent, Receipt};
use crate::book::arena::{self, MarketMut};
use crate::cash;
use crate::epochs;
use crate::error::{EngineError, Result};
use crate::fund;
use crate::math;
use crate::place::{self, FeesTo};
use crate::state::{DefaultFund, MarginAccount, Pubkey};
use crate::Env;

/// The leg that a tear-up closes next: as in a liquidation while there are positions, then the flat leg
/// with the largest loss (ADR 0008).
///
/// # Errors
/// `AccountSolvent` while Q > 0, or when nothing is left to close or to charge; `IndexStale` when the
/// positions that are left lie in markets without a fresh index, or halted.
pub fn leg_to_tear_up<'a>(legs: &'a Legs, standing: &Standing) -> Result<&'a Leg> {
    if standing.with_credit > 0 {
        return Err(EngineError::AccountSolvent);
    }
    match legs.next() {
        Err(EngineError::NotLiquidatable) if standing.deficit != 0 => {
            legs.largest_loss().ok_or(EngineError::AccountSolvent)
        }
        Err(EngineError::NotLiquidatable) => Err(EngineError::AccountSolvent),
        found => found,
    }
}

/// Closes the leg that comes next at the mark. Its share of the account's deficit is paid by the default
/// fund within its budget and then, uniformly, by the opposing side; what nobody can be charged is carried.
///
/// What is left of the leg's loss is settled at once: the account's cash and its losses shrink together, so
/// that each leg bears its share of the deficit whatever the order, and no settle comes between.
///
/// # Errors
/// As [`leg_to_tear_up`]; `OrdersResting` while an order of the account rests in any book; `WrongMarketAccounts` when `market` is not that leg's; `ArenaFull`.
pub fn tear_up(
    market: &mut MarketMut<'_>,
    address: &Pubkey,
    account: &mut MarginAccount,
    fund: &mut DefaultFund,
    legs: &Legs,
    standing: &Standing,
    env: &Env,
) -> Result<Receipt> {
    legs.check_no_orders()?;
    let leg = leg_to_tear_up(legs, standing)?;
    if leg.market != *address {
        return Err(EngineError::WrongMarketAccounts);
    }
    let deficit = charged_to(leg, legs, standing.deficit)?;
    let header = &*market.header;
    let allowance = fund::allowance(fund, &header.losses, &header.params, env.now)?;
    let event = LossEvent {
        price: leg.mark,
        deficit,
        from_default_fund: deficit.min(allowance),
    };
    let receipt = adl::execute(market, address, leg.seat, &event, env)?;
    let losses = &mut market.header.losses;
    fund::pay(fund, losses, event.from_default_fund, env.now)?;
    cash::pay_loss(market, account, leg.seat)?;
    account.takeover_started_at = 0;
    Ok(receipt)
}

/// The leg's share of the deficit. Of a flat account with gains that no pool has paid, each leg in turn bears
/// what is left, as far as its loss goes: shares would approach the deficit and never come to its end.
fn charged_to(leg: &Leg, legs: &Legs, deficit: u64) -> Result<u64> {
    let loss = math::signed(legs.total.loss)?;
    let gains = math::add_signed(legs.total.equity, loss)? > 0;
    if leg.held.base == 0 && gains {
        return Ok(deficit.min(leg.risk.loss));
    }
    legs.share_of(leg, deficit)
}

/// Closes a position of less than one lot, or shares of less than an atom, which ADL left, at the mark plus the taker fee: a uniform event
/// without a loss; anyone may. Rounded against the holder (spec §4).
///
/// # Errors
/// `PositionNotARemainder`, `IndexStale` also while the market is halted.
pub fn close_remainder(
    market: &mut MarketMut<'_>,
    address: &Pubkey,
    leg: &Leg,
    env: &Env,
) -> Result<Receipt> {
    let lot = market.header.params.base_atoms_per_lot;
    let seat = arena::seat(market.blocks, leg.seat)?;
    // Of a seat that is behind, what is left shows when it has been synced.
    let behind = epochs::is_behind(market.header, seat);
    let nothing = seat.shares == 0 || (behind && leg.held.base == 0);
    if nothing || leg.size() >= lot {
        return Err(EngineError::PositionNotARemainder);
    }
    if !leg.closable {
        return Err(EngineError::IndexStale);
    }
    let rate = u64::from(market.header.params.taker_fee_ppm);
    let fee = math::mul_ppm_ceil(leg.mark.value_ceil(leg.size())?, rate)?;
    let event = LossEvent {
        price: leg.mark,
        deficit: 0,
        from_default_fund: 0,
    };
    let receipt = adl::execute(market, address, leg.seat, &event, env)?;
    let seat = arena::seat_mut(market.blocks, leg.seat)?;
    seat.quote = math::sub_signed(seat.quote, math::signed(fee)?)?;
    let fees_to = FeesTo::Liquidation { contribution: 0 };
    place::book_fees(&mut market.header.cash, fee, fees_to)?;
    Ok(receipt)
}
