//! Step 4 of a liquidation: any margin account may take over what the book did not, at a price that walks
//! from the mark to where e, and then Q, is used up (spec §8).

use super::price::{allowed_per_atom, lots_for, size_at, Charge, Reduction};
use super::{Leg, Standing};
use crate::book::arena::{self, MarketMut};
use crate::epochs;
use crate::error::{EngineError, Result};
use crate::fund;
use crate::math;
use crate::place::{self, FeesTo};
use crate::position::{self, SeatFill};
use crate::risk::{self, AccountCash, AccountRisk, LegRisk, Resting};
use crate::state::{MarginAccount, MarketParams, OrderSide, Pubkey};
use crate::units::{BaseLots, PriceQ32};
use crate::Env;

/// What a takeover would be done at now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TakeoverTerms {
    /// Q.32 quote atoms per base atom.
    pub price: PriceQ32,
    /// Contribution charged to the liquidated account per base atom, Q.32.
    pub contribution: u64,
    /// Base atoms that may be taken over at most.
    pub size_max: u64,
}

/// Who takes over.
#[derive(Clone, Copy, Debug)]
pub struct Taker {
    /// Address of the margin account, and block of its seat in the leg's market.
    pub account: Pubkey,
    pub seat: u32,
    pub cash: AccountCash,
    /// Risk of its legs in all other markets.
    pub other_legs: LegRisk,
}

/// What was taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TakenOver {
    /// Whether the position was a long.
    pub long: bool,
    /// Base atoms.
    pub base: u64,
    /// Q.32.
    pub price: u64,
    /// Cash flow and contribution, quote atoms.
    pub cash: u64,
    pub contribution: u64,
}

/// Price, charge and largest size of a takeover of the leg at `now`: from the mark the price walks over
/// `takeover_seconds` to where e is zero and over `takeover_credit_seconds` to where Q is (of a work-out
/// min(Q, M), ADR 0018).
///
/// # Errors
/// `TakeoverNotOpen` until a liquidation has found that the book does not suffice, or when none was tried
/// for a minute.
pub fn takeover_terms(
    account: &MarginAccount,
    params: &MarketParams,
    leg: &Leg,
    standing: &Standing,
    now: i64,
) -> Result<TakeoverTerms> {
    if account.takeover_started_at == 0 || !fund::flag_is_recent(account, now) {
        return Err(EngineError::TakeoverNotOpen);
    }
    let own = allowed_per_atom(leg, standing.priced_equity, standing.maintenance_margin)?;
    let all = allowed_per_atom(leg, standing.priced_by()?, standing.maintenance_margin)?;
    let elapsed = math::seconds_since(now, account.takeover_started_at);
    let first = u64::from(params.takeover_seconds);
    let second = u64::from(params.takeover_credit_seconds);
    let (discount, most) = if elapsed < first {
        (math::mul_div_floor(own, elapsed, first)?, own)
    } else {
        let into = elapsed.saturating_sub(first).min(second);
        let more = math::mul_div_floor(all.saturating_sub(own), into, second)?;
        (own.saturating_add(more), all)
    };
    let price = if leg.is_long() {
        leg.mark.0.saturating_sub(discount).max(1)
    } else {
        leg.mark.0.saturating_add(discount)
    };
    let rate = u64::from(params.liquidation_contribution_ppm);
    let contribution = math::mul_ppm_floor(leg.mark.0, rate)?.min(most.saturating_sub(discount));
    let state = Reduction {
        size: leg.size(),
        leg_margin: leg.risk.maintenance_margin,
        margin: standing.maintenance_margin,
        amount: standing.sized_by(),
    };
    let price = PriceQ32(price);
    let size = size_at(leg, &state, price, &Charge::PerAtom(contribution))?;
    Ok(TakeoverTerms {
        price,
        contribution,
        size_max: size,
    })
}

/// Moves up to `lots_max` lots of the leg from the liquidated account to the taker at the terms of now. A
/// takeover of all whole lots takes the remainder below a lot along. The taker pays no fee and must meet
/// initial margin afterwards; between the two the atom of rounding is the liquidated account's.
///
/// # Errors
/// `DuplicateAccount`, `TakeoverNotOpen`, `SizeOutOfRange` below the smallest order, `BelowInitialMargin`,
/// `CreditDrawn` of the taker, `PositionTooLarge`.
#[allow(clippy::too_many_arguments)]
pub fn take_over(
    market: &mut MarketMut<'_>,
    account: &mut MarginAccount,
    leg: &Leg,
    standing: &Standing,
    taker: &Taker,
    lots_max: u64,
    env: &Env,
) -> Result<TakenOver> {
    let params = market.header.params;
    if taker.seat == leg.seat {
        return Err(EngineError::DuplicateAccount);
    }
    let terms = takeover_terms(account, &params, leg, standing, env.now)?;
    let base = size_taken(&params, leg, &terms, lots_max)?;
    let cash = if leg.is_long() {
        terms.price.value_ceil(base)?
    } else {
        terms.price.value_floor(base)?
    };
    let contribution = PriceQ32(terms.contribution).value_ceil(base)?;
    let (gives, takes) = if leg.is_long() {
        (OrderSide::Ask, OrderSide::Bid)
    } else {
        (OrderSide::Bid, OrderSide::Ask)
    };
    let given = SeatFill {
        side: gives,
        base,
        cash,
        fee: contribution,
    };
    let taken = SeatFill {
        side: takes,
        base,
        cash,
        fee: 0,
    };
    check_taker(market, taker, &taken, env)?;

    epochs::catch_up(market, leg.seat)?;
    epochs::catch_up(market, taker.seat)?;
    let sides = &mut market.header.sides;
    let seat = arena::seat_mut(market.blocks, leg.seat)?;
    position::fill(seat, sides, &given, leg.mark, env.now)?;
    let seat = arena::seat_mut(market.blocks, taker.seat)?;
    position::fill(seat, sides, &taken, leg.mark, env.now)?;
    let fees_to = FeesTo::Liquidation { contribution };
    place::book_fees(&mut market.header.cash, contribution, fees_to)?;
    if base >= terms.size_max {
        // All that was to be closed: what comes next, on this leg or another, begins a walk of its own.
        account.takeover_started_at = 0;
    }
    Ok(TakenOver {
        long: leg.is_long(),
        base,
        price: terms.price.0,
        cash,
        contribution,
    })
}

/// What is to be closed, the smallest order at least, but no more than the taker wants: then what stays is
/// an order or more.
fn size_taken(
    params: &MarketParams,
    leg: &Leg,
    terms: &TakeoverTerms,
    lots_max: u64,
) -> Result<u64> {
    let sizes = params.lot_sizes();
    let whole = sizes.lots_floor(leg.size()).0;
    let least = sizes
        .base_atoms(BaseLots(params.lots_min))
        .unwrap_or(u64::MAX)
        .min(leg.size());
    let asked = lots_for(params, terms.size_max.max(least), leg.size(), u64::MAX);
    let lots = if asked <= lots_max {
        asked
    } else {
        lots_max.min(whole.saturating_sub(params.lots_min))
    };
    if lots == whole {
        return Ok(leg.size());
    }
    if lots < params.lots_min {
        return Err(EngineError::SizeOutOfRange);
    }
    sizes.base_atoms(BaseLots(lots))
}

/// The taker meets initial margin with what it takes; with credit drawn it takes nothing.
fn check_taker(market: &MarketMut<'_>, taker: &Taker, fill: &SeatFill, env: &Env) -> Result<()> {
    if taker.cash.credit != 0 {
        return Err(EngineError::CreditDrawn);
    }
    let seat = arena::seat_of(market.blocks, taker.seat, &taker.account)?;
    let held = position::held(&market.as_ref(), seat)?;
    let after = fill.applied_to(held)?;
    let resting = Resting::from(seat);
    if risk::worst_base(&market.header.params, after.base, &resting)?
        >= crate::units::BASE_ATOMS_BOUND
    {
        return Err(EngineError::PositionTooLarge);
    }
    let mut legs = risk::leg(market.header, after, &resting, env.now)?;
    legs.add(&taker.other_legs)?;
    if !AccountRisk::of(&taker.cash, &legs)?.meets_initial() {
        return Err(EngineError::BelowInitialMargin);
    }
    Ok(())
}
