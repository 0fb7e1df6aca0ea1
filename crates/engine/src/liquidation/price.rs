//! Zero price and size (spec §13): the worst price at which a fill leaves Q over MM as it was, and how much
//! of a position must go at a price to bring it to 1.15 times its maintenance margin.

use super::{Leg, Standing};
use crate::error::{EngineError, Result};
use crate::math::{self, PPM};
use crate::state::MarketParams;
use crate::units::{BaseLots, PriceQ32, Ticks, PRICE_Q32_MAX, TICKS_MAX};

/// Liquidation and draw go to this share of maintenance margin, percent.
pub const TARGET_PERCENT: u64 = 115;

/// What the liquidated account is charged beside the price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charge {
    /// Taker fee and contribution, ppm of the cash flow.
    Rate { fee_ppm: u64, contribution_ppm: u64 },
    /// Where the zero price would lie on the wrong side of the mark: what is left of the taker fee, Q.32
    /// quote atoms per base atom, and no contribution.
    PerAtom(u64),
}

impl Charge {
    /// By rate, as the market's parameters have it.
    pub fn rate(params: &MarketParams) -> Self {
        Self::Rate {
            fee_ppm: u64::from(params.taker_fee_ppm),
            contribution_ppm: u64::from(params.liquidation_contribution_ppm),
        }
    }

    /// (whole charge, the contribution in it) for a cash flow and its base atoms, rounded up (R13).
    pub fn of(&self, cash: u64, base: u64) -> Result<(u64, u64)> {
        match *self {
            Self::Rate {
                fee_ppm,
                contribution_ppm,
            } => {
                let contribution = math::mul_ppm_ceil(cash, contribution_ppm)?;
                let fee = math::mul_ppm_ceil(cash, fee_ppm)?;
                Ok((math::add(fee, contribution)?, contribution))
            }
            Self::PerAtom(per_atom) => Ok((PriceQ32(per_atom).value_ceil(base)?, 0)),
        }
    }

    /// Charge of one base atom at a price, Q.32, rounded up.
    fn per_atom(&self, price: PriceQ32) -> Result<u64> {
        match *self {
            Self::Rate {
                fee_ppm,
                contribution_ppm,
            } => math::mul_ppm_ceil(price.0, fee_ppm.saturating_add(contribution_ppm)),
            Self::PerAtom(per_atom) => Ok(per_atom),
        }
    }
}

/// The worst price of a liquidating fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZeroPrice {
    pub limit: Ticks,
    pub charge: Charge,
}

/// k = ⌊⌊MM_i·X / M⌋·2^32 / |b|⌋: what the leg's share of `amount` allows per base atom, Q.32; zero for
/// nothing or less. Two floors, against the account (R19, ADR 0005); never more than the mark, beyond
/// which a price has no meaning.
pub fn allowed_per_atom(leg: &Leg, amount: i64, maintenance_margin: u64) -> Result<u64> {
    let Ok(amount) = u64::try_from(amount) else {
        return Ok(0);
    };
    let own = math::mul_div_floor(leg.risk.maintenance_margin, amount, maintenance_margin)?;
    let per_atom = (u128::from(own) << 32)
        .checked_div(u128::from(leg.size()))
        .ok_or(EngineError::Overflow)?;
    Ok(u64::try_from(per_atom).unwrap_or(u64::MAX).min(leg.mark.0))
}

/// z of spec §13 in ticks, and the charge that goes with it. `None` when no tick is as good as z.
pub fn zero_price(
    params: &MarketParams,
    leg: &Leg,
    standing: &Standing,
) -> Result<Option<ZeroPrice>> {
    let k = allowed_per_atom(leg, standing.priced_by()?, standing.maintenance_margin)?;
    let mark = leg.mark.0;
    let fee_ppm = u64::from(params.taker_fee_ppm);
    let contribution_ppm = u64::from(params.liquidation_contribution_ppm);
    let rate = fee_ppm.saturating_add(contribution_ppm);
    // Both sides rounded to the mark, against the account (R19).
    let price = if leg.is_long() {
        math::mul_div_ceil(mark.saturating_sub(k), PPM, PPM.saturating_sub(rate))?
    } else {
        math::mul_div_floor(mark.saturating_add(k), PPM, PPM.saturating_add(rate))?
    };
    let crosses_mark = if leg.is_long() {
        price > mark
    } else {
        price < mark
    };
    let (price, charge) = if crosses_mark {
        let fee = math::mul_ppm_floor(mark, fee_ppm)?;
        (mark, Charge::PerAtom(fee.min(k)))
    } else {
        (price, Charge::rate(params))
    };
    let sizes = params.lot_sizes();
    let price = PriceQ32(price.min(PRICE_Q32_MAX));
    let limit = if leg.is_long() {
        Ticks(sizes.ticks_ceil(price)?.0.max(1))
    } else {
        sizes.ticks_floor(price)?
    };
    Ok((limit.0 != 0 && limit.0 <= TICKS_MAX).then_some(ZeroPrice { limit, charge }))
}

/// An account in the middle of a reduction: the leg's size and margin, and the sums of all legs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reduction {
    pub(super) size: u64,
    pub(super) leg_margin: u64,
    pub(super) margin: u64,
    /// What the size is measured by: Q, or e of a work-out.
    pub(super) amount: i64,
}

/// Base atoms that must go at `price` with that charge, before lots and slices: |b| when no part of it
/// would do (spec §13, "Size"; rounded up, R21), zero at or above the target.
pub(super) fn size_at(
    leg: &Leg,
    state: &Reduction,
    price: PriceQ32,
    charge: &Charge,
) -> Result<u64> {
    let signed = |value: u64| i128::from(value);
    let percent = i128::from(TARGET_PERCENT);
    let missing = percent
        .checked_mul(signed(state.margin))
        .and_then(|target| target.checked_sub(i128::from(state.amount).checked_mul(100)?))
        .ok_or(EngineError::Overflow)?;
    if missing <= 0 {
        return Ok(0);
    }
    let worse = if leg.is_long() {
        signed(leg.mark.0).checked_sub(signed(price.0))
    } else {
        signed(price.0).checked_sub(signed(leg.mark.0))
    };
    let loss = worse
        .and_then(|worse| worse.checked_add(signed(charge.per_atom(price).ok()?)))
        .and_then(|per_atom| per_atom.checked_mul(signed(state.size)))
        .ok_or(EngineError::Overflow)?;
    // ⌈loss / 2^32⌉ of a signed value: the shift floors.
    let loss = (loss
        .checked_add((1 << 32) - 1)
        .ok_or(EngineError::Overflow)?)
        >> 32;
    let denominator = percent
        .checked_mul(signed(state.leg_margin))
        .and_then(|part| part.checked_sub(loss.checked_mul(100)?))
        .ok_or(EngineError::Overflow)?;
    let (Ok(missing), Ok(denominator)) = (u128::try_from(missing), u128::try_from(denominator))
    else {
        return Ok(state.size);
    };
    if denominator == 0 {
        return Ok(state.size);
    }
    let size = missing
        .checked_mul(u128::from(state.size))
        .ok_or(EngineError::Overflow)?
        .div_ceil(denominator);
    Ok(u64::try_from(size).unwrap_or(u64::MAX).min(state.size))
}

/// Lots of a leg that bring its account to the target at the mark: what it brings to an auction.
pub fn auction_size(params: &MarketParams, leg: &Leg, standing: &Standing) -> Result<u64> {
    if leg.size() == 0 {
        return Ok(0);
    }
    let state = Reduction {
        size: leg.size(),
        leg_margin: leg.risk.maintenance_margin,
        margin: standing.maintenance_margin,
        amount: standing.sized_by(),
    };
    let size = size_at(leg, &state, leg.mark, &Charge::rate(params))?;
    Ok(lots_for(params, size, leg.size(), u64::MAX))
}

/// Whole lots for `size` base atoms of `held`: rounded up, at most `most`; a remainder under the smallest
/// order goes too.
pub(super) fn lots_for(params: &MarketParams, size: u64, held: u64, most: u64) -> u64 {
    let sizes = params.lot_sizes();
    let whole = sizes.lots_floor(held).0;
    let BaseLots(floor) = sizes.lots_floor(size);
    let exact = sizes
        .base_atoms(BaseLots(floor))
        .is_ok_and(|atoms| atoms == size);
    let lots = floor.saturating_add(u64::from(!exact)).min(most).min(whole);
    if lots != 0 && whole.saturating_sub(lots) < params.lots_min {
        whole
    } else {
        lots
    }
}
