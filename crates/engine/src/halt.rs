//! The velocity halt (spec §7): when a market trips, and how far its course has come.
//!
//! Trip → CALL, its last seconds FREEZE → UNCROSS → RESOLVE → continuous. Every state ends by the clock
//! alone. What the clock has reached, [`phase`] tells without writing; [`catch_up`] writes a reopening down
//! and is the first step of whatever changes a market. The auction itself is in `auction`.

use crate::error::{EngineError, Result};
use crate::funding;
use crate::gate::{self, Action};
use crate::mark::RefreshOutcome;
use crate::math;
use crate::params::MarketParams;
use crate::state::{
    AuctionStep, AuctionWalk, HaltBudget, HaltPhase, HaltState, MarketHeader, MarketStatus,
};
use crate::window::Widths;
use crate::Env;
use bytemuck::{NoUninit, Zeroable};

#[cfg(test)]
mod tests;

/// Longest time that an auction takes, seconds: then its market goes on, filled or not.
pub const UNCROSS_SECONDS_MAX: u32 = 10;

/// Slots in which the book stands still before the auction's price is fixed, whatever the clock says.
pub const FREEZE_SLOTS: u64 = 2;

/// What a halt is tripped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NoUninit)]
#[repr(u8)]
pub enum Cause {
    Index = 1,
    Mark = 2,
    Trade = 3,
}

impl Cause {
    /// The byte as stored.
    pub const fn byte(self) -> u8 {
        bytemuck::must_cast(self)
    }
}

/// A trip: a halt that began, or one that its budget did not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trip {
    pub cause: Cause,
    /// False: the budget is spent, the market stays open, and what rests on halts does not hold.
    pub halted: bool,
    /// End of the call; zero when the market stays open.
    pub call_ends_at: i64,
    /// The latest at which trading goes on; zero when the market stays open.
    pub reopens_by: i64,
}

/// A reopening that was written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reopened {
    /// When it came about.
    pub at: i64,
    pub halted_seconds: u64,
    /// The index was stale: only reducing orders until it is refreshed.
    pub reduce_only: bool,
}

fn after(time: i64, seconds: u32) -> i64 {
    time.saturating_add(i64::from(seconds))
}

/// The latest end of a halt's course.
#[inline(always)]
fn ends_by(halt: &HaltState, params: &MarketParams) -> i64 {
    if halt.phase == HaltPhase::Resolve.byte() {
        halt.resolve_ends_at
    } else {
        after(uncross_ends_by(halt), params.resolve_seconds)
    }
}

fn uncross_ends_by(halt: &HaltState) -> i64 {
    after(halt.call_ends_at, UNCROSS_SECONDS_MAX)
}

/// The phase that the clock has reached, whatever has been written.
#[inline(always)]
pub fn phase(header: &MarketHeader, now: i64) -> HaltPhase {
    if header.halt.phase == HaltPhase::Continuous.byte() {
        HaltPhase::Continuous
    } else {
        halted_phase(&header.halt, &header.params, now)
    }
}

#[cold]
#[inline(never)]
fn halted_phase(halt: &HaltState, params: &MarketParams, now: i64) -> HaltPhase {
    if now >= ends_by(halt, params) {
        return HaltPhase::Continuous;
    }
    if halt.phase == HaltPhase::Resolve.byte() || now >= uncross_ends_by(halt) {
        return HaltPhase::Resolve;
    }
    if halt.phase == HaltPhase::Uncross.byte() || now >= halt.call_ends_at {
        return HaltPhase::Uncross;
    }
    if now
        >= halt
            .call_ends_at
            .saturating_sub(i64::from(params.freeze_seconds))
    {
        return HaltPhase::Freeze;
    }
    HaltPhase::Call
}

/// Whether the market trades continuously.
#[inline(always)]
pub fn is_open(header: &MarketHeader, now: i64) -> bool {
    phase(header, now) == HaltPhase::Continuous
}

/// Time of the last reopening, written down or not.
#[inline(always)]
pub fn reopened_at(header: &MarketHeader, now: i64) -> i64 {
    let halt = &header.halt;
    if halt.phase != HaltPhase::Continuous.byte() && is_open(header, now) {
        ends_by(halt, &header.params)
    } else {
        halt.reopened_at
    }
}

/// Writes down a reopening that the clock has brought about: the halted time, and both windows restarted at
/// the index, so that a move of before the halt trips nothing after it. The first step of every instruction
/// that changes a market.
#[inline(always)]
pub fn catch_up(header: &mut MarketHeader, env: &Env) -> Option<Reopened> {
    if header.halt.phase == HaltPhase::Continuous.byte() {
        return None;
    }
    reopen(header, env)
}

#[cold]
#[inline(never)]
fn reopen(header: &mut MarketHeader, env: &Env) -> Option<Reopened> {
    if !is_open(header, env.now) {
        return None;
    }
    let at = ends_by(&header.halt, &header.params);
    let halted_seconds = math::seconds_since(at, header.halt.tripped_at);
    let by_trade = header.halt.cause == Cause::Trade.byte();
    header
        .halt
        .budget
        .charge(&header.params, at, halted_seconds, by_trade);
    let total = header.halt.halted_seconds_total;
    header.halt.halted_seconds_total = total.saturating_add(halted_seconds);
    header.halt.phase = HaltPhase::Continuous.byte();
    header.halt.reopened_at = at;
    header.halt.walk = AuctionWalk::zeroed();
    let widths = Widths::of(&header.params);
    header.windows.restart(widths, header.prices.index, at);
    Some(Reopened {
        at,
        halted_seconds,
        reduce_only: !crate::risk::index_is_fresh(header, env.now),
    })
}

/// Whether what arrives may change the book: a cancel, an order to rest, an expired order that leaves. In a
/// call it may, and puts the auction off until the book has stood still for [`FREEZE_SLOTS`].
///
/// # Errors
/// `MarketHalted` in FREEZE and UNCROSS.
#[inline(always)]
pub fn admit_book_change(header: &mut MarketHeader, env: &Env) -> Result<()> {
    if header.halt.phase == HaltPhase::Continuous.byte() {
        return Ok(());
    }
    admit_halted_change(header, env)
}

#[cold]
#[inline(never)]
fn admit_halted_change(header: &mut MarketHeader, env: &Env) -> Result<()> {
    let phase = phase(header, env.now);
    if !gate::in_phase(phase, Action::Cancel) {
        return Err(EngineError::MarketHalted);
    }
    if phase == HaltPhase::Call {
        header.halt.uncross_slot = still_from(env);
    }
    Ok(())
}

/// First slot before which the book will have stood still long enough, if it changes no more.
const fn still_from(env: &Env) -> u64 {
    env.slot.saturating_add(FREEZE_SLOTS).saturating_add(1)
}

/// Trips in a row that a trip at `now` would make, beyond the first.
fn escalation(header: &MarketHeader, now: i64) -> u8 {
    let halt = &header.halt;
    let within = math::seconds_since(now, halt.reopened_at);
    if halt.sequence != 0 && within <= u64::from(header.params.retrip_seconds) {
        halt.escalation.saturating_add(1)
    } else {
        0
    }
}

/// Seconds of a call after that many trips in a row: doubled by each, up to its longest.
fn call_seconds(params: &MarketParams, escalation: u8) -> u32 {
    let times = 1_u32.checked_shl(u32::from(escalation)).unwrap_or(u32::MAX);
    params
        .call_seconds
        .saturating_mul(times)
        .min(params.call_seconds_max)
}

/// Whether a halt may start now: the market trades, and the longest course fits the budget (INV-10).
pub fn may_trip(header: &MarketHeader, cause: Cause, now: i64) -> bool {
    let trades = header.status == MarketStatus::Active.byte()
        || header.status == MarketStatus::ReduceOnly.byte();
    if !trades || header.halt.phase != HaltPhase::Continuous.byte() {
        return false;
    }
    let params = &header.params;
    let longest = u64::from(call_seconds(params, escalation(header, now)))
        .saturating_add(u64::from(UNCROSS_SECONDS_MAX))
        .saturating_add(u64::from(params.resolve_seconds));
    let (used, by_trades) = header.halt.budget.used(params, now);
    let fits = |used: u64, budget: u64| used.saturating_add(longest) <= budget;
    let budget = allowed_seconds(params);
    let trade_budget = math::mul_ppm_floor(budget, u64::from(params.halt_budget_trade_ppm));
    fits(used, budget) && (cause != Cause::Trade || fits(by_trades, trade_budget.unwrap_or(0)))
}

/// Halted seconds that any `halt_budget_seconds` may hold.
pub fn allowed_seconds(params: &MarketParams) -> u64 {
    let seconds = u64::from(params.halt_budget_seconds);
    math::mul_ppm_floor(seconds, u64::from(params.halt_budget_ppm)).unwrap_or(0)
}

/// Trips the market, or says that its budget is spent.
pub fn trip(header: &mut MarketHeader, cause: Cause, env: &Env) -> Trip {
    if !may_trip(header, cause, env.now) {
        return Trip {
            cause,
            halted: false,
            call_ends_at: 0,
            reopens_by: 0,
        };
    }
    let escalation = escalation(header, env.now);
    funding::pass_over_halt(&mut header.prices, &header.params, &header.halt, env.now);
    let halt = &mut header.halt;
    halt.phase = HaltPhase::Call.byte();
    halt.step = AuctionStep::Matching.byte();
    halt.escalation = escalation;
    halt.cause = cause.byte();
    halt.sequence = halt.sequence.saturating_add(1);
    halt.tripped_at = env.now;
    halt.call_ends_at = after(env.now, call_seconds(&header.params, escalation));
    halt.uncross_slot = still_from(env);
    halt.resolve_ends_at = 0;
    halt.reference = 0;
    halt.auction_price = 0;
    halt.walk = AuctionWalk::zeroed();
    Trip {
        cause,
        halted: true,
        call_ends_at: halt.call_ends_at,
        reopens_by: ends_by(halt, &header.params),
    }
}

/// Trips on what a refresh found outside the bands; `None` when nothing was, or the market is halted already.
/// Where the budget is spent both windows restart, as at a reopening: one move is told once, and a halt that
/// the budget allows again later has a move of its own.
pub fn on_refresh(header: &mut MarketHeader, outcome: &RefreshOutcome, env: &Env) -> Option<Trip> {
    if header.halt.phase != HaltPhase::Continuous.byte() {
        return None;
    }
    let (short, long) = (outcome.outside_short_band, outcome.outside_long_band);
    let cause = if short.index || long.index {
        Cause::Index
    } else if short.mark || long.mark {
        Cause::Mark
    } else {
        return None;
    };
    let trip = trip(header, cause, env);
    if !trip.halted {
        let widths = Widths::of(&header.params);
        header.windows.restart(widths, header.prices.index, env.now);
    }
    Some(trip)
}

/// Ends the auction now: RESOLVE begins.
pub(crate) fn resolve(header: &mut MarketHeader, env: &Env) {
    header.halt.phase = HaltPhase::Resolve.byte();
    header.halt.resolve_ends_at = after(env.now, header.params.resolve_seconds);
}

impl HaltBudget {
    fn width(params: &MarketParams) -> i64 {
        i64::from(params.halt_budget_seconds.div_ceil(7)).max(1)
    }

    fn number(params: &MarketParams, time: i64) -> i64 {
        time.max(0).checked_div(Self::width(params)).unwrap_or(0)
    }

    fn slot(number: i64) -> usize {
        usize::try_from(number & 7).unwrap_or(0)
    }

    /// (all, tripped by trades) halted seconds of the last `halt_budget_seconds`, and of up to a bucket more.
    pub fn used(&self, params: &MarketParams, now: i64) -> (u64, u64) {
        let oldest = Self::number(params, now).saturating_sub(7);
        let (mut all, mut trades) = (0_u64, 0_u64);
        for back in 0..8 {
            let number = self.running.saturating_sub(back);
            let slot = Self::slot(number);
            if number >= oldest {
                all = all.saturating_add(u64::from(self.seconds.get(slot).copied().unwrap_or(0)));
                let by_trades = self.trade_seconds.get(slot).copied().unwrap_or(0);
                trades = trades.saturating_add(u64::from(by_trades));
            }
        }
        (all, trades)
    }

    /// The halted seconds under another length of the budget: all as if they had just passed, so that a change
    /// frees none of them early.
    pub(crate) fn resize(&mut self, before: &MarketParams, after: &MarketParams, now: i64) {
        if Self::width(before) == Self::width(after) {
            return;
        }
        let (all, trades) = self.used(before, now);
        *self = Self::zeroed();
        self.running = Self::number(after, now);
        let slot = Self::slot(self.running);
        if let (Some(seconds), Some(by_trades)) =
            (self.seconds.get_mut(slot), self.trade_seconds.get_mut(slot))
        {
            *seconds = u16::try_from(all).unwrap_or(u16::MAX);
            *by_trades = u16::try_from(trades).unwrap_or(u16::MAX);
        }
    }

    /// Adds a halt that ended at `end`.
    fn charge(&mut self, params: &MarketParams, end: i64, seconds: u64, by_trade: bool) {
        let number = Self::number(params, end);
        let begun = number.saturating_sub(self.running).clamp(0, 8);
        for step in 1..=begun {
            // Of more than eight buckets begun since, each slot is cleared once.
            let slot = Self::slot(self.running.saturating_add(step));
            if let (Some(all), Some(trades)) =
                (self.seconds.get_mut(slot), self.trade_seconds.get_mut(slot))
            {
                (*all, *trades) = (0, 0);
            }
        }
        self.running = self.running.max(number);
        let slot = Self::slot(self.running);
        let seconds = u16::try_from(seconds).unwrap_or(u16::MAX);
        if let Some(all) = self.seconds.get_mut(slot) {
            *all = all.saturating_add(seconds);
        }
        if let (true, Some(trades)) = (by_trade, self.trade_seconds.get_mut(slot)) {
            *trades = trades.saturating_add(seconds);
        }
    }
}

const _: () = assert!(crate::state::BUDGET_BUCKETS == 8, "slot keeps three bits");
