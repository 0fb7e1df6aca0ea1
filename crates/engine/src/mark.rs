//! The mark: index, basis and book brought together at every refresh (spec §6).
//!
//! [`refresh`] is the only writer of the market's prices. It never clamps a step of the mark: a price that
//! lags behind the truth hides losses (attack 48). It trips no halt; it reports what `halt::on_refresh` needs.

use crate::error::{EngineError, Result};
use crate::funding::{self, FundingOutcome};
use crate::gate::{self, Action};
use crate::halt;
use crate::index::{self, FeedInput};
use crate::math;
use crate::params::MarketParams;
use crate::state::{HaltState, MarketHeader, MarketStatus, PriceState};
use crate::units::PRICE_Q32_MAX;
use crate::window::{outside_band, Range, Widths};
use crate::Env;

#[cfg(test)]
mod tests;

/// Bounds of a base atom's value when a market gets its first index: one and a sixteenth of a quote atom,
/// Q.32.
pub const BASE_ATOM_VALUE_MAX: u64 = 1 << 32;
pub const BASE_ATOM_VALUE_MIN: u64 = 1 << 28;

/// Best prices of the book, Q.32; `None`: that side is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BookTop {
    pub best_bid: Option<u64>,
    pub best_ask: Option<u64>,
}

/// Which of the new prices lies outside a band.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutsideBand {
    pub index: bool,
    pub mark: bool,
}

impl OutsideBand {
    /// Whether either does.
    pub const fn any(self) -> bool {
        self.index || self.mark
    }
}

/// High and low of the market's two windows; `None`: no price yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bands {
    pub short: Option<Range>,
    pub long: Option<Range>,
}

/// What one refresh found and did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshOutcome {
    /// Q.32, with the oldest publish time that went into it.
    pub index: u64,
    pub index_time: i64,
    /// Whether the feeds brought a new index; if not, the old one was fresh enough to go on with.
    pub index_advanced: bool,
    /// Q.32.
    pub mark: u64,
    /// Seconds since the refresh before; zero for the first.
    pub seconds: u64,
    pub funding: FundingOutcome,
    /// Sample of the basis, clipped, Q.32; `None` in a halt, without a book leg, within the second of the
    /// last one and at the first refresh.
    pub basis: Option<i64>,
    /// Both EMAs after the sample, Q.32.
    pub basis_ema: i64,
    pub premium_ema: i64,
    /// Whether this was the first index and the market became active.
    pub activated: bool,
    /// New prices against the windows as they were before they saw these.
    pub outside_short_band: OutsideBand,
    pub outside_long_band: OutsideBand,
}

/// High and low over the short and the long window as of `now`. The index and mark in force belong to
/// them however old they are: a price stands until the next replaces it, so a gap after a silence longer
/// than the window is still a move. Of the prices from before the last reopening only the index that it began
/// with counts (spec §7).
///
/// Of the index and mark alone: what a refresh is measured by. A print is no reason to halt for a price that has
/// not moved, or whoever trades with himself would spend the budget that is kept for the index (ADR 0020).
pub fn bands(header: &MarketHeader, now: i64) -> Bands {
    let widths = Widths::of(&header.params);
    let standing = standing_range(&header.prices, &header.halt);
    let windows = &header.windows;
    Bands {
        short: join(windows.short_index.range(widths.short, now), standing),
        long: join(windows.long.range(widths.long, now), standing),
    }
}

/// High and low over the short window with the prints of qualifying volume: what a trade is measured by.
pub fn trading_band(header: &MarketHeader, now: i64) -> Option<Range> {
    let widths = Widths::of(&header.params);
    let standing = standing_range(&header.prices, &header.halt);
    join(header.windows.short.range(widths.short, now), standing)
}

/// Refreshes index, funding, basis and mark (spec §6), in this order: the feeds become an index; funding
/// is charged for the time since the last refresh with the premium known then; the basis is sampled;
/// mark = median(index, index + basis EMA, book). Anyone may call it, in a halt too: there the index goes
/// on and the mark is the index, because orders that cannot match prove nothing, and nothing is sampled
/// or charged.
///
/// # Errors
/// `MarketWoundUp`; `BaseAtomTooCoarse`, `ParameterOutOfBounds` at the first index; those of [`index::aggregate`]; `IndexStale` when the feeds brought nothing new and the market's index
/// is stale; `Overflow`. The header is then byte-identical.
pub fn refresh(
    header: &mut MarketHeader,
    feeds: &[FeedInput<'_>],
    top: BookTop,
    env: &Env,
) -> Result<RefreshOutcome> {
    if header.status == MarketStatus::WoundUp.byte() {
        return Err(EngineError::MarketWoundUp);
    }
    let params = &header.params;
    let (mut sides, mut prices) = (header.sides, header.prices);
    let update = index::aggregate(params, &prices, feeds, env.now)?;
    let funding = funding::accrue(&mut sides, &mut prices, params, &header.halt, env.now)?;
    update.apply(&mut prices, env);
    if !is_fresh(&prices, params, env.now) {
        return Err(EngineError::IndexStale);
    }
    if header.status == MarketStatus::Pending.byte() {
        check_base_atom(prices.index)?;
    }
    let seconds = match prices.mark_time {
        0 => 0,
        before => math::seconds_since(env.now, before),
    };
    let open = gate::in_phase(halt::phase(header, env.now), Action::Sample);
    let book = if open {
        book_price(&prices, params, top, env.now)
    } else {
        None
    };
    let sampling = Sampling {
        open,
        book,
        reopened_at: header.halt.reopened_at,
        now: env.now,
    };
    let basis = sample_basis(&mut prices, params, sampling)?;
    prices.mark = mark_price(&prices, book)?;
    prices.mark_time = env.now.max(prices.mark_time);

    let bands = bands(header, env.now);
    let outcome = RefreshOutcome {
        index: prices.index,
        index_time: prices.index_time,
        index_advanced: update.advanced,
        mark: prices.mark,
        seconds,
        funding,
        basis,
        basis_ema: prices.basis_ema,
        premium_ema: prices.premium_ema,
        activated: header.status == MarketStatus::Pending.byte(),
        outside_short_band: outside(bands.short, &prices, params.velocity_short_ppm),
        outside_long_band: outside(bands.long, &prices, params.velocity_long_ppm),
    };
    write(header, sides, prices, env.now);
    Ok(outcome)
}

/// A listing's first index: a base atom worth 1/16 to one quote atom. Above, every rounding would cost
/// more than an atom; below, the bound of a position would be worth too little (spec §3, ADR 0005).
fn check_base_atom(index: u64) -> Result<()> {
    if index > BASE_ATOM_VALUE_MAX {
        return Err(EngineError::BaseAtomTooCoarse);
    }
    if index < BASE_ATOM_VALUE_MIN {
        return Err(EngineError::ParameterOutOfBounds);
    }
    Ok(())
}

/// The writes of a refresh; none of them can fail.
fn write(header: &mut MarketHeader, sides: [crate::state::Side; 2], prices: PriceState, now: i64) {
    let widths = Widths::of(&header.params);
    // The old prices stood until now: the next seconds' windows must hold them.
    if let Some(standing) = standing_range(&header.prices, &header.halt) {
        header
            .windows
            .observe_index(widths, header.prices.index, now);
        header.windows.observe_mark(widths, standing.high, now);
        header.windows.observe_mark(widths, standing.low, now);
    }
    header.windows.observe_index(widths, prices.index, now);
    header.windows.observe_mark(widths, prices.mark, now);
    header.sides = sides;
    header.prices = prices;
    if header.status == MarketStatus::Pending.byte() {
        header.status = MarketStatus::Active.byte();
    }
}

#[inline(always)]
fn is_fresh(prices: &PriceState, params: &MarketParams, now: i64) -> bool {
    prices.index != 0
        && math::seconds_since(now, prices.index_time) <= u64::from(params.index_age_seconds_max)
}

/// The index and mark in force. Of before the last reopening only the index stands: both windows began with it.
fn standing_range(prices: &PriceState, halt: &HaltState) -> Option<Range> {
    if prices.index == 0 || prices.mark == 0 {
        return None;
    }
    let index = Range::of(prices.index);
    if prices.mark_time < halt.reopened_at {
        return Some(index);
    }
    Some(index.join(Range::of(prices.mark)))
}

fn join(a: Option<Range>, b: Option<Range>) -> Option<Range> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.join(b)),
        (one, other) => one.or(other),
    }
}

fn outside(range: Option<Range>, prices: &PriceState, threshold_ppm: u32) -> OutsideBand {
    range.map_or(OutsideBand::default(), |range| OutsideBand {
        index: outside_band(range, prices.index, threshold_ppm),
        mark: outside_band(range, prices.mark, threshold_ppm),
    })
}

/// The book leg: the median of best bid, best ask and last trade. A missing side and a trade older than
/// `last_trade_age_seconds_max` drop out; of two that are left the index is the third, so that a quote just
/// nearer to it than the other side's shows no premium while both lie around it; one alone shows no
/// price, or a lone quote far away would (ADR 0012). A price over [`PRICE_Q32_MAX`] counts as that.
fn book_price(prices: &PriceState, params: &MarketParams, top: BookTop, now: i64) -> Option<u64> {
    let trade_age = math::seconds_since(now, prices.last_trade_time);
    let traded = trade_age <= u64::from(params.last_trade_age_seconds_max);
    let last_trade = traded.then_some(prices.last_trade);
    let legs = [top.best_bid, top.best_ask, last_trade];
    let mut present = legs
        .iter()
        .flatten()
        .filter(|price| **price != 0)
        .map(|price| *price.min(&PRICE_Q32_MAX));
    match (present.next(), present.next(), present.next()) {
        (Some(a), Some(b), Some(c)) => Some(index::median(a, b, c)),
        (Some(a), Some(b), None) => Some(index::median(prices.index, a, b)),
        _ => None,
    }
}

/// median(index, index + basis EMA, book); without the book the two others are left, of which the index
/// is the one nearer to the index.
fn mark_price(prices: &PriceState, book: Option<u64>) -> Result<u64> {
    let Some(book) = book else {
        return Ok(prices.index);
    };
    let fair = prices
        .index
        .checked_add_signed(prices.basis_ema)
        .ok_or(EngineError::Overflow)?;
    Ok(index::median(
        prices.index,
        fair.clamp(1, PRICE_Q32_MAX),
        book,
    ))
}

/// When a sample is taken.
#[derive(Clone, Copy)]
struct Sampling {
    /// In a halt nothing is sampled: orders that cannot match prove nothing.
    open: bool,
    /// `None`: the book shows no price; the sample is zero, so that an old premium fades.
    book: Option<u64>,
    /// Time of the last reopening: halted time has no weight.
    reopened_at: i64,
    now: i64,
}

/// Samples the basis book − index, clipped to ± `basis_clip_ppm` of the index, into both EMAs. A sample
/// stands for the time since the refresh before, but never for more than `accrual_seconds_max`: one
/// sample after a silence must not outweigh the average (attack 25). The first refresh has no time to
/// weigh a sample with.
fn sample_basis(
    prices: &mut PriceState,
    params: &MarketParams,
    sampling: Sampling,
) -> Result<Option<i64>> {
    let clip = math::signed(math::mul_ppm_floor(
        prices.index,
        u64::from(params.basis_clip_ppm),
    )?)?;
    let first = prices.ema_time == 0;
    let since = prices.ema_time.max(sampling.reopened_at);
    let elapsed = if first {
        0
    } else {
        math::seconds_since(sampling.now, since)
    };
    let seconds = elapsed.min(u64::from(params.accrual_seconds_max));
    prices.ema_time = sampling.now.max(prices.ema_time);
    let mut sampled = None;
    if sampling.open && seconds != 0 {
        let book = sampling.book.unwrap_or(prices.index);
        let basis = math::sub_signed(math::signed(book)?, math::signed(prices.index)?)?;
        let sample = clamp_symmetric(basis, clip);
        prices.basis_ema = ema(prices.basis_ema, sample, seconds, params.basis_ema_seconds)?;
        prices.premium_ema = ema(
            prices.premium_ema,
            sample,
            seconds,
            params.premium_ema_seconds,
        )?;
        sampled = Some(sample);
    }
    // The index may have fallen since: what was inside the clip then need not be now.
    prices.basis_ema = clamp_symmetric(prices.basis_ema, clip);
    prices.premium_ema = clamp_symmetric(prices.premium_ema, clip);
    Ok(sampled)
}

/// old + (sample − old) · dt / (dt + τ), the step rounded away from zero: it never passes the sample and,
/// unlike a step rounded down, always reaches it. The error is under one unit of Q.32 a sample.
fn ema(old: i64, sample: i64, seconds: u64, tau_seconds: u32) -> Result<i64> {
    let distance = math::sub_signed(sample, old)?;
    let weighted = math::mul(distance.unsigned_abs(), seconds)?;
    let step = math::signed(weighted.div_ceil(math::add(seconds, u64::from(tau_seconds))?.max(1)))?;
    if distance < 0 {
        math::sub_signed(old, step)
    } else {
        math::add_signed(old, step)
    }
}

/// `bound` is not negative.
fn clamp_symmetric(value: i64, bound: i64) -> i64 {
    value.clamp(bound.saturating_neg(), bound.max(0))
}
