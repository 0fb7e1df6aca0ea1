//! The one function that computes risk (spec §5): the program, the keeper, the CLI and the replay call
//! this and nothing else.

use crate::error::{EngineError, Result};
use crate::math::{self, PPM};
use crate::position::Holding;
use crate::state::{MarketHeader, MarketParams, Seat};
use crate::units::{BaseLots, PriceQ32, Ticks};

#[cfg(test)]
mod tests;

/// Share of an unrealised or unaged gain that counts for initial margin: 4/5.
const HAIRCUT_DIVISOR: i64 = 5;

/// Sums over the legs of an account; also one leg's part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LegRisk {
    /// quote + base × mark, quote atoms, rounded against the holder.
    pub equity: i64,
    /// The same with gains at four fifths and a stale leg against the holder.
    pub equity_initial: i64,
    /// Initial margin with resting orders at worst case, quote atoms, rounded up.
    pub initial_margin: u64,
    /// Maintenance margin of the position alone, quote atoms, rounded up.
    pub maintenance_margin: u64,
    /// Sum of the negative claims at the mark, as a positive amount: what settling would take.
    pub loss: u64,
    /// Part of `equity` that a stale index gives the holder: it decides whether to liquidate, and is never
    /// paid out.
    pub favour: u64,
}

impl LegRisk {
    /// Adds another leg.
    #[inline(always)]
    pub fn add(&mut self, leg: &Self) -> Result<()> {
        self.equity = math::add_signed(self.equity, leg.equity)?;
        self.equity_initial = math::add_signed(self.equity_initial, leg.equity_initial)?;
        self.initial_margin = math::add(self.initial_margin, leg.initial_margin)?;
        self.maintenance_margin = math::add(self.maintenance_margin, leg.maintenance_margin)?;
        self.loss = math::add(self.loss, leg.loss)?;
        self.favour = math::add(self.favour, leg.favour)?;
        Ok(())
    }
}

/// What an account has beside its legs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountCash {
    /// Collateral, quote atoms.
    pub collateral: i64,
    /// Interest owed, quote atoms.
    pub interest: u64,
    /// D, quote atoms.
    pub credit: u64,
    /// Gains paid out and not yet aged, quote atoms.
    pub unaged_gain: u64,
}

/// Risk of a whole account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountRisk {
    /// e: collateral − interest + claims at the mark.
    pub equity: i64,
    /// e as initial margin sees it: gains at four fifths, D at zero.
    pub equity_initial: i64,
    /// D.
    pub credit: u64,
    /// Interest owed, which `equity` is without.
    pub interest: u64,
    pub initial_margin: u64,
    pub maintenance_margin: u64,
    pub loss: u64,
    /// Part of `equity` that stale indices give the holder.
    pub favour: u64,
}

impl AccountRisk {
    /// Joins cash and legs.
    pub fn of(cash: &AccountCash, legs: &LegRisk) -> Result<Self> {
        let own = math::sub_signed(cash.collateral, math::signed(cash.interest)?)?;
        let unaged = math::signed(cash.unaged_gain.div_ceil(5))?;
        Ok(Self {
            equity: math::add_signed(own, legs.equity)?,
            equity_initial: math::add_signed(math::sub_signed(own, unaged)?, legs.equity_initial)?,
            credit: cash.credit,
            interest: cash.interest,
            initial_margin: legs.initial_margin,
            maintenance_margin: legs.maintenance_margin,
            loss: legs.loss,
            favour: legs.favour,
        })
    }

    /// Q = e + D.
    pub fn equity_with_credit(&self) -> Result<i64> {
        math::add_signed(self.equity, math::signed(self.credit)?)
    }

    /// Initial margin is met (new risk, withdrawal): D counts for nothing.
    #[inline(always)]
    pub fn meets_initial(&self) -> bool {
        covers(self.equity_initial, self.initial_margin)
    }

    /// S = max(0, −(collateral + D + Σ claims)): the loss that the account cannot bear. Interest is no part of
    /// it: neither the fund nor the other side pays a lender's interest (ADR 0016).
    pub fn deficit(&self) -> Result<u64> {
        let covered = math::add_signed(self.equity_with_credit()?, math::signed(self.interest)?)?;
        Ok(u64::try_from(covered.saturating_neg()).unwrap_or(0))
    }

    /// No position, no order (either has initial margin) and no loss beyond its cash and gains: no step of a
    /// liquidation could do anything, whatever interest is owed or gains are still unpaid.
    pub fn nothing_to_close(&self) -> Result<bool> {
        Ok(self.initial_margin == 0 && self.deficit()? == 0)
    }

    /// Maintenance margin is met: Q ≥ MM, or there is nothing to close.
    pub fn meets_maintenance(&self) -> Result<bool> {
        Ok(covers(self.equity_with_credit()?, self.maintenance_margin)
            || self.nothing_to_close()?)
    }

    /// What may still be withdrawn or put at risk: equity for initial margin less what it must cover.
    pub fn free_collateral(&self) -> i64 {
        let required = i64::try_from(self.initial_margin).unwrap_or(i64::MAX);
        self.equity_initial.saturating_sub(required)
    }
}

#[inline(always)]
fn covers(amount: i64, required: u64) -> bool {
    u64::try_from(amount).is_ok_and(|amount| amount >= required)
}

/// Whether the index is young enough to liquidate, to settle and to take new risk on.
#[inline(always)]
pub fn index_is_fresh(header: &MarketHeader, now: i64) -> bool {
    let age_max = u64::from(header.params.index_age_seconds_max);
    header.prices.mark != 0 && math::seconds_since(now, header.prices.index_time) <= age_max
}

/// Resting orders of a seat, as risk sees them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resting {
    pub bid_lots: u64,
    pub ask_lots: u64,
    pub bid_high: u64,
    pub ask_low: u64,
}

impl From<&Seat> for Resting {
    #[inline(always)]
    fn from(seat: &Seat) -> Self {
        Self {
            bid_lots: seat.bid_lots,
            ask_lots: seat.ask_lots,
            bid_high: seat.bid_high,
            ask_low: seat.ask_low,
        }
    }
}

/// Size-scaled initial margin fraction: min(10^6, f0 + ⌈k·max(0, |b| − b0) / unit⌉), ppm.
#[inline(always)]
fn size_fraction(params: &MarketParams, size: u64) -> Result<u64> {
    let base = u64::from(params.initial_margin_ppm);
    if size <= params.size_free {
        return Ok(base);
    }
    let over = size.saturating_sub(params.size_free);
    let slope = u64::from(params.size_slope_ppm);
    let growth = match over.checked_mul(slope) {
        Some(product) if params.size_unit != 0 => product.div_ceil(params.size_unit),
        _ => math::mul_div_ceil(over, slope, params.size_unit).unwrap_or(PPM),
    };
    Ok(base.saturating_add(growth).min(PPM))
}

/// Open-interest-scaled initial margin fraction:
/// f0 + ⌈(10^6 − f0)·clamp(OI − lo, 0, hi − lo) / (hi − lo)⌉, ppm.
#[inline(always)]
fn open_interest_fraction(params: &MarketParams, open_interest: u64) -> Result<u64> {
    let base = u64::from(params.initial_margin_ppm);
    if open_interest <= params.open_interest_low {
        return Ok(base);
    }
    if open_interest >= params.open_interest_high {
        return Ok(PPM);
    }
    let over = open_interest.saturating_sub(params.open_interest_low);
    let span = params
        .open_interest_high
        .saturating_sub(params.open_interest_low);
    let room = PPM.saturating_sub(base);
    let growth = match over.checked_mul(room) {
        Some(product) if span != 0 => product.div_ceil(span),
        _ => math::mul_div_ceil(over, room, span)?,
    };
    Ok(base.saturating_add(growth).min(PPM))
}

/// ⌈lots worth of |price − mark|⌉ where the order would lose, else zero.
#[inline(never)]
fn resting_loss(params: &MarketParams, mark: PriceQ32, resting: &Resting) -> Result<u64> {
    let sizes = params.lot_sizes();
    let mut loss = 0;
    if resting.bid_lots != 0 {
        let high = sizes.price_ceil(Ticks(resting.bid_high))?;
        if high > mark {
            let base = sizes.base_atoms(BaseLots(resting.bid_lots))?;
            loss = PriceQ32(high.0.saturating_sub(mark.0)).value_ceil(base)?;
        }
    }
    if resting.ask_lots != 0 {
        let low = sizes.price_floor(Ticks(resting.ask_low))?;
        if low < mark {
            let base = sizes.base_atoms(BaseLots(resting.ask_lots))?;
            loss = math::add(
                loss,
                PriceQ32(mark.0.saturating_sub(low.0)).value_ceil(base)?,
            )?;
        }
    }
    Ok(loss)
}

/// Largest |base| that the seat could come to hold if its resting orders on one side filled.
#[inline(always)]
pub fn worst_base(params: &MarketParams, base: i64, resting: &Resting) -> Result<u64> {
    if resting.bid_lots | resting.ask_lots == 0 {
        return Ok(base.unsigned_abs());
    }
    let sizes = params.lot_sizes();
    let bids = math::signed(sizes.base_atoms(BaseLots(resting.bid_lots))?)?;
    let asks = math::signed(sizes.base_atoms(BaseLots(resting.ask_lots))?)?;
    let up = math::add_signed(base, bids)?.unsigned_abs();
    let down = math::sub_signed(base, asks)?.unsigned_abs();
    Ok(up.max(down))
}

/// Maintenance margin of a position: ⌈notional·f_size / (2·10^6)⌉, of its own size alone.
#[inline(always)]
pub fn maintenance_margin(params: &MarketParams, size: u64, mark: PriceQ32) -> Result<u64> {
    maintenance_of(params, size, mark.value_ceil(size)?)
}

#[inline(always)]
fn maintenance_of(params: &MarketParams, size: u64, notional: u64) -> Result<u64> {
    Ok(math::mul_ppm_ceil(notional, size_fraction(params, size)?)?.div_ceil(2))
}

/// Risk of one leg at the market's mark.
///
/// Every rounding is against the holder: assets floor, debts and margins ceil. With a stale index the
/// leg counts at its last mark moved by its initial margin fraction: in the holder's favour for
/// maintenance (nobody is liquidated on an old price), against the holder for initial margin (the old
/// price hides no loss). The favour's fraction is that of the actual base, so that maintenance does not
/// depend on resting orders; the other side's is that of the worst-case base.
#[inline(always)]
pub fn leg(header: &MarketHeader, held: Holding, resting: &Resting, now: i64) -> Result<LegRisk> {
    leg_at(header, held, resting, header.open_interest(), now)
}

/// The same at another open interest: the one that an order would leave.
#[inline(always)]
pub fn leg_at(
    header: &MarketHeader,
    held: Holding,
    resting: &Resting,
    open_interest: u64,
    now: i64,
) -> Result<LegRisk> {
    if held.base == 0 && resting.bid_lots | resting.ask_lots == 0 {
        return Ok(flat_leg(held.quote));
    }
    let params = &header.params;
    let mark = PriceQ32(header.prices.mark);
    let size = held.base.unsigned_abs();
    let worst = worst_base(params, held.base, resting)?;
    let fraction =
        size_fraction(params, worst)?.max(open_interest_fraction(params, open_interest)?);
    let notional = mark.value_ceil(size)?;
    let worst_notional = if worst == size {
        notional
    } else {
        mark.value_ceil(worst)?
    };
    let mut initial_margin = math::mul_ppm_ceil(worst_notional, fraction)?;
    if resting.bid_lots | resting.ask_lots != 0 {
        initial_margin = math::add(initial_margin, resting_loss(params, mark, resting)?)?;
    }
    let maintenance_margin = maintenance_of(params, size, notional)?;
    let value = if held.base >= 0 {
        math::signed(mark.value_floor(size)?)?
    } else {
        math::signed(notional)?.wrapping_neg()
    };
    let claim = math::add_signed(held.quote, value)?;
    let (favour, before_haircut) = if index_is_fresh(header, now) {
        (0, claim)
    } else {
        moved(header, size, notional, fraction, open_interest, claim)?
    };
    let equity = math::add_signed(claim, math::signed(favour)?)?;
    Ok(LegRisk {
        equity,
        equity_initial: haircut(before_haircut),
        initial_margin,
        maintenance_margin,
        loss: loss_of(claim),
        favour,
    })
}

/// (favour, claim for initial margin) of a leg whose index is stale: its last mark moved by its fraction,
/// for the holder and against. The favour's fraction is the position's alone: orders, which a liquidation
/// cancels first, give none.
#[cold]
#[inline(never)]
fn moved(
    header: &MarketHeader,
    size: u64,
    notional: u64,
    worst_fraction: u64,
    open_interest: u64,
    claim: i64,
) -> Result<(u64, i64)> {
    let params = &header.params;
    let against = math::signed(math::mul_ppm_ceil(notional, worst_fraction)?)?;
    let own = size_fraction(params, size)?.max(open_interest_fraction(params, open_interest)?);
    let favour = math::mul_ppm_floor(notional, own)?;
    Ok((favour, math::sub_signed(claim, against)?))
}

#[inline(always)]
fn flat_leg(quote: i64) -> LegRisk {
    LegRisk {
        equity: quote,
        equity_initial: haircut(quote),
        loss: loss_of(quote),
        ..LegRisk::default()
    }
}

#[inline(always)]
fn loss_of(claim: i64) -> u64 {
    if claim < 0 {
        claim.unsigned_abs()
    } else {
        0
    }
}

/// Four fifths of a gain, rounded down; a loss counts whole.
#[inline(always)]
fn haircut(claim: i64) -> i64 {
    if claim > 0 {
        // ⌈x/5⌉ is at most x for positive x.
        let cut = claim
            .saturating_add(HAIRCUT_DIVISOR - 1)
            .checked_div(HAIRCUT_DIVISOR);
        claim.saturating_sub(cut.unwrap_or(claim))
    } else {
        claim
    }
}

/// The rule for a trade below initial margin or on credit (spec §5): it must cut maintenance margin and
/// leave Q over MM no worse, Q′·M ≥ Q·M′ with Q > 0. On credit that alone would let a borrower hand the
/// lender's cash to a friend (ADR 0015): there e may fall by no more than its own share of the margin that
/// goes, ⌊e⁺·(M − M′)/M⌋, or by `closing_cost`, what a liquidation would charge for it, if that is more.
/// What is only to rest has no `own_share`: many such orders would each count on the same equity.
///
/// # Errors
/// `BelowInitialMargin` when a margin does not fall, `TradeWorsensRisk`.
pub fn check_reducing(
    before: &AccountRisk,
    after: &AccountRisk,
    closing_cost: u64,
    own_share: bool,
) -> Result<()> {
    // Older orders may not grow in their worst case by what the fill takes off the position either.
    if after.maintenance_margin >= before.maintenance_margin
        || after.initial_margin > before.initial_margin
    {
        return Err(EngineError::BelowInitialMargin);
    }
    let (q_before, q_after) = (before.equity_with_credit()?, after.equity_with_credit()?);
    if q_before <= 0 {
        return Err(EngineError::TradeWorsensRisk);
    }
    let q_after = u64::try_from(q_after).map_err(|_| EngineError::TradeWorsensRisk)?;
    let left = math::wide(q_after, before.maintenance_margin);
    let right = math::wide(q_before.unsigned_abs(), after.maintenance_margin);
    if left < right {
        return Err(EngineError::TradeWorsensRisk);
    }
    if before.credit != 0 {
        check_own_equity(before, after, closing_cost, own_share)?;
    }
    Ok(())
}

/// What the trade costs is the borrower's own, or what a liquidation would cost.
#[inline(never)]
fn check_own_equity(
    before: &AccountRisk,
    after: &AccountRisk,
    closing_cost: u64,
    own_share: bool,
) -> Result<()> {
    let own = if own_share {
        u64::try_from(before.equity).unwrap_or(0)
    } else {
        0
    };
    let cut = before
        .maintenance_margin
        .saturating_sub(after.maintenance_margin);
    let share = math::mul_div_floor(own, cut, before.maintenance_margin)?;
    let fall = math::sub_signed(before.equity, after.equity)?;
    if fall > math::signed(share.max(closing_cost))? {
        return Err(EngineError::TradeWorsensRisk);
    }
    Ok(())
}
