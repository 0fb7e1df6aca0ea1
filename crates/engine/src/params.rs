//! Parameters of a market, their bounds, and the rule by which a set of them is accepted (spec §5).

use bytemuck::{Pod, Zeroable};

use crate::error::{EngineError, Result};
use crate::math::{self, PPM};
use crate::state::{Pubkey, FEEDS_MAX};
use crate::units::{LotSizes, BASE_ATOMS_BOUND};

#[cfg(test)]
mod tests;

/// Everything about a market that its creator chooses. Spec, "Parameters", has the table of defaults
/// and bounds that [`MarketParams::validate`] enforces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[cfg_attr(
    all(feature = "borsh", not(feature = "idl-build")),
    derive(borsh::BorshSerialize, borsh::BorshDeserialize)
)]
#[cfg_attr(
    feature = "idl-build",
    derive(anchor_lang::AnchorSerialize, anchor_lang::AnchorDeserialize)
)]
#[repr(C)]
pub struct MarketParams {
    /// Base atoms in one lot; fixed for ever.
    pub base_atoms_per_lot: u64,
    /// Quote atoms that a tick is worth on one lot; fixed for ever.
    pub quote_atoms_per_lot_tick: u64,
    /// Smallest order that is not a full close, lots.
    pub lots_min: u64,
    /// Position above which margin grows, base atoms (b0).
    pub size_free: u64,
    /// Base atoms by which `size_slope_ppm` is meant.
    pub size_unit: u64,
    /// Open interest from and to which initial margin grows to 100%, base atoms.
    pub open_interest_low: u64,
    pub open_interest_high: u64,
    /// Cap of open interest, base atoms.
    pub open_interest_max: u64,
    /// Largest single liquidation step, lots.
    pub slice_lots_max: u64,
    /// Most that a caller is reimbursed for a step before it grows with time, quote atoms.
    pub reimbursement_cap: u64,

    /// Initial margin of a small position (f0), ppm of notional; maintenance is half of it.
    pub initial_margin_ppm: u32,
    /// Growth of initial margin per `size_unit` (k), ppm.
    pub size_slope_ppm: u32,
    pub taker_fee_ppm: u32,
    pub maker_fee_ppm: u32,
    /// Contribution of liquidated notional to the default fund, ppm.
    pub liquidation_contribution_ppm: u32,

    /// Age at which the index is stale, seconds.
    pub index_age_seconds_max: u32,
    /// Widest confidence interval of a feed, ppm of its price.
    pub confidence_ppm_max: u32,
    /// Widest distance of a feed from the median, ppm.
    pub feed_spread_ppm_max: u32,
    /// Age at which the last trade drops out of the book median, seconds.
    pub last_trade_age_seconds_max: u32,
    /// Clip of one basis sample, ppm of the index.
    pub basis_clip_ppm: u32,
    pub basis_ema_seconds: u32,
    pub premium_ema_seconds: u32,
    /// Most that funding charges over one period, ppm of the index.
    pub funding_cap_ppm: u32,
    /// Time over which a constant premium is paid once, seconds.
    pub funding_period_seconds: u32,
    /// Longest interval that one accrual charges, seconds.
    pub accrual_seconds_max: u32,

    /// Velocity check: threshold and window, short and long.
    pub velocity_short_ppm: u32,
    pub velocity_short_seconds: u32,
    pub velocity_long_ppm: u32,
    pub velocity_long_seconds: u32,
    /// Volumes from which a potential trade may trip, ppm of open interest: with a moved index, and alone.
    pub trip_volume_moved_ppm: u32,
    pub trip_volume_alone_ppm: u32,
    /// Lengths of the halt's phases, seconds.
    pub call_seconds: u32,
    pub call_seconds_max: u32,
    pub freeze_seconds: u32,
    pub resolve_seconds: u32,
    /// A trip within this time after a reopening doubles the call, seconds.
    pub retrip_seconds: u32,
    /// Halted share of any `halt_budget_seconds`, ppm; of it the share that trades may trip, ppm.
    pub halt_budget_ppm: u32,
    pub halt_budget_trade_ppm: u32,
    pub halt_budget_seconds: u32,

    /// Liquidation: seconds of the two takeover walks, and of the reimbursement's growth.
    pub takeover_seconds: u32,
    pub takeover_credit_seconds: u32,
    pub reimbursement_growth_seconds: u32,
    /// Share of the default fund that this market may use in 24 hours, ppm.
    pub default_fund_budget_ppm: u32,
    /// Time without a fresh index after which anyone may wind the market up, seconds (ADR 0011).
    pub index_dead_seconds: u32,

    /// Feeds named below, and how many of them must agree.
    pub feeds_len: u8,
    pub feeds_required: u8,
    /// Decimals of the base asset's atom: 8 means 1e-8 of the asset.
    pub base_decimals: u8,
    /// Largest number of order slots that a seat may claim.
    pub order_slots_max: u8,
    pub reserved_0: [u8; 4],
    /// Pyth feed ids.
    pub feed_ids: [Pubkey; FEEDS_MAX],
    /// Least volume in the short window from which a potential trade may trip, lots: else dust would trip a
    /// market that has little open interest.
    pub trip_volume_lots_min: u64,
    pub reserved: [u64; 7],
}

fn within(value: u64, low: u64, high: u64) -> Result<()> {
    if value < low || value > high {
        return Err(EngineError::ParameterOutOfBounds);
    }
    Ok(())
}

fn within_u32(value: u32, low: u32, high: u32) -> Result<()> {
    within(u64::from(value), u64::from(low), u64::from(high))
}

impl MarketParams {
    /// The two sizes that tie lots and ticks to atoms.
    #[inline(always)]
    pub const fn lot_sizes(&self) -> LotSizes {
        LotSizes {
            base_atoms_per_lot: self.base_atoms_per_lot,
            quote_atoms_per_lot_tick: self.quote_atoms_per_lot_tick,
        }
    }

    /// Every bound of the parameter table, then the listing rule.
    pub fn validate(&self) -> Result<()> {
        self.validate_sizes()?;
        self.validate_prices()?;
        self.validate_powers()?;
        self.validate_reserved()?;
        self.validate_listing_rule()
    }

    fn validate_sizes(&self) -> Result<()> {
        within(self.base_atoms_per_lot, 1, 1 << 40)?;
        within(self.quote_atoms_per_lot_tick, 1, 1 << 32)?;
        within(self.lots_min, 1, 1 << 32)?;
        within(self.size_free, 1, BASE_ATOMS_BOUND)?;
        within(self.size_unit, 1, BASE_ATOMS_BOUND)?;
        within(self.open_interest_max, 1, 1 << 56)?;
        within(self.open_interest_low, 0, self.open_interest_max)?;
        within(
            self.open_interest_high,
            math::add(self.open_interest_low, 1)?,
            1 << 57,
        )?;
        within(self.slice_lots_max, self.lots_min, 1 << 32)?;
        within(self.reimbursement_cap, 0, 10_000_000)?;
        within_u32(self.initial_margin_ppm, 10_000, 1_000_000)?;
        within_u32(self.size_slope_ppm, 0, 1_000_000)?;
        within_u32(self.taker_fee_ppm, 0, 10_000)?;
        within_u32(self.maker_fee_ppm, 0, 10_000)?;
        within_u32(self.liquidation_contribution_ppm, 0, 10_000)?;
        within(u64::from(self.base_decimals), 0, 18)?;
        within(u64::from(self.order_slots_max), 1, 64)
    }

    fn validate_prices(&self) -> Result<()> {
        within(u64::from(self.feeds_len), 1, 3)?;
        within(u64::from(self.feeds_required), 1, u64::from(self.feeds_len))?;
        // A majority, so that one feed never decides against two.
        if u64::from(self.feeds_required).saturating_mul(2) <= u64::from(self.feeds_len) {
            return Err(EngineError::ParameterOutOfBounds);
        }
        let used = self
            .feed_ids
            .get(..usize::from(self.feeds_len))
            .unwrap_or(&[]);
        for (i, id) in used.iter().enumerate() {
            let repeated = used
                .iter()
                .skip(i.saturating_add(1))
                .any(|other| other == id);
            if *id == [0; 32] || repeated {
                return Err(EngineError::ParameterOutOfBounds);
            }
        }
        within_u32(self.index_age_seconds_max, 1, 300)?;
        within_u32(self.confidence_ppm_max, 1, 100_000)?;
        within_u32(self.feed_spread_ppm_max, 1, 100_000)?;
        within_u32(self.last_trade_age_seconds_max, 1, 3_600)?;
        within_u32(self.basis_clip_ppm, 1, 100_000)?;
        within_u32(self.basis_ema_seconds, 1, 3_600)?;
        within_u32(self.premium_ema_seconds, 60, 86_400)?;
        within_u32(self.funding_cap_ppm, 0, 100_000)?;
        within_u32(self.funding_period_seconds, 3_600, 86_400)?;
        within_u32(self.accrual_seconds_max, 1, 3_600)
    }

    fn validate_powers(&self) -> Result<()> {
        within_u32(self.velocity_short_ppm, 1_000, 500_000)?;
        within_u32(self.velocity_short_seconds, 1, 600)?;
        within_u32(self.velocity_long_ppm, self.velocity_short_ppm, 900_000)?;
        within_u32(
            self.velocity_long_seconds,
            self.velocity_short_seconds,
            86_400,
        )?;
        within_u32(self.trip_volume_moved_ppm, 0, 1_000_000)?;
        within_u32(
            self.trip_volume_alone_ppm,
            self.trip_volume_moved_ppm,
            1_000_000,
        )?;
        within(self.trip_volume_lots_min, self.lots_min, 1 << 32)?;
        within_u32(self.call_seconds, 2, 30)?;
        // Some of a call is open.
        within_u32(
            self.freeze_seconds,
            1,
            self.call_seconds.saturating_sub(1).min(5),
        )?;
        within_u32(self.call_seconds_max, self.call_seconds, 30)?;
        within_u32(self.resolve_seconds, 1, 10)?;
        within_u32(self.retrip_seconds, 0, 600)?;
        within_u32(self.halt_budget_ppm, 0, 250_000)?;
        within_u32(self.halt_budget_trade_ppm, 0, 1_000_000)?;
        within_u32(self.halt_budget_seconds, 60, 3_600)?;
        within_u32(self.takeover_seconds, 1, 600)?;
        within_u32(self.takeover_credit_seconds, 1, 600)?;
        within_u32(self.reimbursement_growth_seconds, 1, 600)?;
        within_u32(self.default_fund_budget_ppm, 0, 200_000)?;
        within_u32(self.index_dead_seconds, 86_400, 2_592_000)
    }

    /// Fields without a meaning are zero, so that one they get later starts with a known value.
    fn validate_reserved(&self) -> Result<()> {
        let unused = self
            .feed_ids
            .get(usize::from(self.feeds_len)..)
            .unwrap_or(&[]);
        let blank = self.reserved == [0; 7]
            && self.reserved_0 == [0; 4]
            && unused.iter().all(|id| *id == [0; 32]);
        if !blank {
            return Err(EngineError::ParameterOutOfBounds);
        }
        Ok(())
    }

    /// MMF ≥ θ + (1 + θ)(fees + funding), θ the short threshold: inside one velocity window an account
    /// that was at maintenance cannot become insolvent without a halt (spec §5, ADR 0004: a short pays
    /// its fees at the higher price).
    fn validate_listing_rule(&self) -> Result<()> {
        let threshold = u64::from(self.velocity_short_ppm);
        let charged_seconds = u64::from(self.accrual_seconds_max)
            .saturating_add(u64::from(self.velocity_short_seconds));
        let funding = math::mul_div_ceil(
            u64::from(self.funding_cap_ppm),
            charged_seconds,
            u64::from(self.funding_period_seconds),
        )?;
        let costs = u64::from(self.taker_fee_ppm)
            .saturating_add(u64::from(self.liquidation_contribution_ppm))
            .saturating_add(funding);
        let costs_moved = math::mul_div_ceil(PPM.saturating_add(threshold), costs, PPM)?;
        // Compared doubled, so that halving f0 rounds nothing away.
        let required = threshold.saturating_add(costs_moved).saturating_mul(2);
        if u64::from(self.initial_margin_ppm) < required {
            return Err(EngineError::ListingRuleViolated);
        }
        Ok(())
    }
}
