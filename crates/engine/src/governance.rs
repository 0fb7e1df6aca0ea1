//! How an exchange and its markets change (spec §11): what may change and how fast, the queue, and the
//! guardian's one power.
//!
//! A change waits in the open and then applies itself to nothing but the values it was queued against. No
//! change touches a seat, an account, cash or a claim.

use bytemuck::NoUninit;

use crate::book::arena::MarketMut;
use crate::epochs;
use crate::error::{EngineError, Result};
use crate::funding;
use crate::gate::{self, Action};
use crate::math::{self, PPM};
use crate::params::MarketParams;
use crate::state::{
    Exchange, HaltPhase, MarketHeader, MarketStatus, PendingChange, PriceState, Pubkey,
};
use crate::window::{Range, Widths};
use crate::Env;

#[cfg(test)]
mod tests;

/// How long a change that has become due may still be applied, seconds: a fortnight. Then it is void.
pub const CHANGE_LIFE_SECONDS: i64 = 1_209_600;

/// Shortest and longest timelock, seconds.
pub const TIMELOCK_BOUNDS: (u32, u32) = (172_800, 2_592_000);

/// Bounds of the timelock of changes that only tighten new risk, seconds.
pub const TIMELOCK_TIGHTENING_BOUNDS: (u32, u32) = (3_600, 172_800);

/// Longest time that a guardian may keep a market reduce-only, seconds.
pub const GUARD_SECONDS_MAX: u32 = 86_400;

/// Shortest pause between two such times, seconds; otherwise it is as long as the first of them lasted.
pub const GUARD_PAUSE_SECONDS_MIN: i64 = 3_600;

/// What a queued change sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NoUninit)]
#[repr(u8)]
pub enum ChangeKind {
    Market = 0,
    FeeSplit = 1,
    Timelocks = 2,
    Guardian = 3,
    Treasury = 4,
}

impl ChangeKind {
    /// The byte as stored.
    pub const fn byte(self) -> u8 {
        bytemuck::must_cast(self)
    }

    /// From a byte of an account.
    pub const fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            0 => Self::Market,
            1 => Self::FeeSplit,
            2 => Self::Timelocks,
            3 => Self::Guardian,
            4 => Self::Treasury,
            _ => return None,
        })
    }
}

/// Which timelock a change waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NoUninit)]
#[repr(u8)]
pub enum Pace {
    /// `timelock_seconds`.
    Slow = 0,
    /// `timelock_tightening_seconds`: it only tightens new risk.
    Tightening = 1,
}

impl Pace {
    /// The byte as stored.
    pub const fn byte(self) -> u8 {
        bytemuck::must_cast(self)
    }
}

/// How fast a market's parameters may become others: the column "change" of the spec's table. Fast is only
/// what lowers caps of new risk and touches nothing else: whatever could raise the maintenance margin of a
/// position that exists is slow, and so are the budgets of halts and of the default fund, whose lowering
/// takes a protection away.
///
/// # Errors
/// `NotChangeable` where lot, tick or decimals differ: positions and orders are counted in them;
/// `NothingToChange` when nothing differs.
pub fn pace(before: &MarketParams, after: &MarketParams) -> Result<Pace> {
    let fixed = before.base_atoms_per_lot == after.base_atoms_per_lot
        && before.quote_atoms_per_lot_tick == after.quote_atoms_per_lot_tick
        && before.base_decimals == after.base_decimals;
    if !fixed {
        return Err(EngineError::NotChangeable);
    }
    if before == after {
        return Err(EngineError::NothingToChange);
    }
    let lowered = after.open_interest_low <= before.open_interest_low
        && after.open_interest_high <= before.open_interest_high
        && after.open_interest_max <= before.open_interest_max;
    let rest = MarketParams {
        open_interest_low: before.open_interest_low,
        open_interest_high: before.open_interest_high,
        open_interest_max: before.open_interest_max,
        ..*after
    };
    Ok(if lowered && rest == *before {
        Pace::Tightening
    } else {
        Pace::Slow
    })
}

/// Shares of swept trading fees, ppm: default fund, keeper pool, treasury.
///
/// # Errors
/// `ParameterOutOfBounds` unless they add up to one million.
pub fn check_fee_split(shares: [u32; 3]) -> Result<()> {
    let sum = shares
        .iter()
        .fold(0_u64, |sum, share| sum.saturating_add(u64::from(*share)));
    if sum != PPM {
        return Err(EngineError::ParameterOutOfBounds);
    }
    Ok(())
}

/// The two timelocks, seconds.
///
/// # Errors
/// `ParameterOutOfBounds`.
pub fn check_timelocks(slow: u32, tightening: u32) -> Result<()> {
    let within = |value: u32, (low, high): (u32, u32)| value >= low && value <= high;
    if within(slow, TIMELOCK_BOUNDS) && within(tightening, TIMELOCK_TIGHTENING_BOUNDS) {
        Ok(())
    } else {
        Err(EngineError::ParameterOutOfBounds)
    }
}

impl PendingChange {
    /// What is changed.
    ///
    /// # Errors
    /// `WrongAccount` of a byte that no queue writes.
    pub fn kind(&self) -> Result<ChangeKind> {
        ChangeKind::from_byte(self.kind).ok_or(EngineError::WrongAccount)
    }

    /// Sets what waits: the parameters of a market.
    pub fn set_market(&mut self, before: &MarketParams, after: &MarketParams) -> Result<Pace> {
        after.validate()?;
        let pace = pace(before, after)?;
        self.kind = ChangeKind::Market.byte();
        self.params_before = *before;
        self.params_after = *after;
        Ok(pace)
    }

    /// Sets what waits: values or an address of the exchange. All of these are slow.
    pub fn set_exchange(
        &mut self,
        exchange: &Exchange,
        kind: ChangeKind,
        values: [u32; 3],
        address: Pubkey,
    ) -> Result<Pace> {
        self.kind = kind.byte();
        (self.values_before, self.address_before) = in_force(exchange, kind);
        (self.values_after, self.address_after) = (values, address);
        self.check_exchange()?;
        if self.values_before == values && self.address_before == address {
            return Err(EngineError::NothingToChange);
        }
        Ok(Pace::Slow)
    }

    fn check_exchange(&self) -> Result<()> {
        let [first, second, third] = self.values_after;
        let (values, address) = (self.values_after != [0; 3], self.address_after != [0; 32]);
        match self.kind()? {
            ChangeKind::FeeSplit if !address => check_fee_split(self.values_after),
            ChangeKind::Timelocks if !address && third == 0 => check_timelocks(first, second),
            ChangeKind::Guardian | ChangeKind::Treasury if address && !values => Ok(()),
            _ => Err(EngineError::ParameterOutOfBounds),
        }
    }

    /// Starts the clock with the timelocks in force, and numbers the change.
    pub fn start(&mut self, exchange: &mut Exchange, pace: Pace, env: &Env) -> Result<()> {
        let wait = match pace {
            Pace::Slow => exchange.timelock_seconds,
            Pace::Tightening => exchange.timelock_tightening_seconds,
        };
        let next = math::add(exchange.pending_changes, 1)?;
        self.version = 1;
        self.pace = pace.byte();
        self.id = exchange.pending_changes;
        self.queued_at = env.now;
        self.applies_from = env.now.saturating_add(i64::from(wait));
        self.expires_at = self.applies_from.saturating_add(CHANGE_LIFE_SECONDS);
        exchange.pending_changes = next;
        Ok(())
    }

    fn check_due(&self, now: i64) -> Result<()> {
        if now < self.applies_from {
            return Err(EngineError::ChangeNotDue);
        }
        if now >= self.expires_at {
            return Err(EngineError::ChangeExpired);
        }
        Ok(())
    }
}

/// Values and address of the exchange that a change of this kind would replace.
fn in_force(exchange: &Exchange, kind: ChangeKind) -> ([u32; 3], Pubkey) {
    match kind {
        ChangeKind::Market => ([0; 3], [0; 32]),
        ChangeKind::FeeSplit => (
            [
                exchange.fee_default_fund_ppm,
                exchange.fee_keeper_pool_ppm,
                exchange.fee_treasury_ppm,
            ],
            [0; 32],
        ),
        ChangeKind::Timelocks => (
            [
                exchange.timelock_seconds,
                exchange.timelock_tightening_seconds,
                0,
            ],
            [0; 32],
        ),
        ChangeKind::Guardian => ([0; 3], exchange.guardian),
        ChangeKind::Treasury => ([0; 3], exchange.treasury),
    }
}

/// Applies a change of the exchange that is due.
///
/// # Errors
/// `ChangeNotDue`, `ChangeExpired`; `ChangeOutdated` when the values in force are not those that it was
/// queued against; `ParameterOutOfBounds`. Nothing is written then.
pub fn apply_exchange(exchange: &mut Exchange, change: &PendingChange, env: &Env) -> Result<()> {
    change.check_due(env.now)?;
    change.check_exchange()?;
    let kind = change.kind()?;
    if in_force(exchange, kind) != (change.values_before, change.address_before) {
        return Err(EngineError::ChangeOutdated);
    }
    let [first, second, third] = change.values_after;
    match kind {
        ChangeKind::Market => return Err(EngineError::WrongAccount),
        ChangeKind::FeeSplit => {
            exchange.fee_default_fund_ppm = first;
            exchange.fee_keeper_pool_ppm = second;
            exchange.fee_treasury_ppm = third;
        }
        ChangeKind::Timelocks => {
            exchange.timelock_seconds = first;
            exchange.timelock_tightening_seconds = second;
        }
        ChangeKind::Guardian => exchange.guardian = change.address_after,
        ChangeKind::Treasury => exchange.treasury = change.address_after,
    }
    Ok(())
}

/// Applies a change of a market's parameters that is due.
///
/// The new values hold from now on only: funding up to now is charged at the old ones. A feed keeps the
/// publish time that it was last used with, wherever it now stands; windows whose length changes begin
/// again with the extremes that they had, and a budget of halts with what was used of it.
///
/// # Errors
/// `MarketWoundUp`; `MarketHalted`; `ChangeNotDue`, `ChangeExpired`; `ChangeOutdated` when the parameters in
/// force are not those that it was queued against; bounds and listing rule as at the creation. Nothing is
/// written then.
pub fn apply_market(market: &mut MarketMut<'_>, change: &PendingChange, env: &Env) -> Result<()> {
    check_open(market.header)?;
    change.check_due(env.now)?;
    if change.kind()? != ChangeKind::Market {
        return Err(EngineError::WrongAccount);
    }
    let header = &mut *market.header;
    let (before, after) = (&change.params_before, &change.params_after);
    if header.params != *before {
        return Err(EngineError::ChangeOutdated);
    }
    after.validate()?;
    pace(before, after)?;
    let (mut sides, mut prices) = (header.sides, header.prices);
    let funding = funding::accrue(&mut sides, &mut prices, before, &header.halt, env.now)?;
    carry_feeds(&mut prices, before, after);
    header.sides = sides;
    header.prices = prices;
    restart_windows(header, after, env.now);
    let halt = &mut header.halt;
    halt.budget.resize(before, after, env.now);
    header.params = *after;
    if funding.epoch_due {
        epochs::end_due(market, env)?;
    }
    Ok(())
}

/// Publish time and price last used go with their feed; a new feed has none.
fn carry_feeds(prices: &mut PriceState, before: &MarketParams, after: &MarketParams) {
    let (times, used) = (prices.feed_times, prices.feed_prices);
    let slots = prices
        .feed_times
        .iter_mut()
        .zip(prices.feed_prices.iter_mut());
    for ((time, price), id) in slots.zip(&after.feed_ids) {
        let place = before.feed_ids.iter().position(|other| other == id);
        let known = place.filter(|_| *id != [0; 32]);
        *time = known
            .and_then(|at| times.get(at).copied())
            .unwrap_or_default();
        *price = known
            .and_then(|at| used.get(at).copied())
            .unwrap_or_default();
    }
}

/// A window counts time in its own width: with another width it begins again, in its running bucket with
/// the highest and lowest price that it had, so that a change hides no move.
fn restart_windows(header: &mut MarketHeader, after: &MarketParams, now: i64) {
    let (old, new) = (Widths::of(&header.params), Widths::of(after));
    if old == new || header.prices.index == 0 {
        return;
    }
    let windows = &header.windows;
    let short = windows.short.range(old.short, now);
    let short_index = windows.short_index.range(old.short, now);
    let long = windows.long.range(old.long, now);
    let volume = windows.volume(old, now);
    let index = header.prices.index;
    let standing = Range::of(index);
    header.windows.restart(new, index, now);
    for price in both(short_index, standing) {
        header.windows.short_index.observe(new.short, price, now);
    }
    for price in both(short, standing) {
        header.windows.short.observe(new.short, price, now);
    }
    for price in both(long, standing) {
        header.windows.long.observe(new.long, price, now);
    }
    header.windows.record_volume(new, volume, now);
}

fn both(range: Option<Range>, standing: Range) -> [u64; 2] {
    let Range { high, low } = range.unwrap_or(standing);
    [high, low]
}

/// A change may be queued for a market while it is halted, not once it is wound up.
///
/// # Errors
/// `MarketWoundUp`.
pub fn check_changeable(header: &MarketHeader) -> Result<()> {
    if header.status == MarketStatus::WoundUp.byte() {
        return Err(EngineError::MarketWoundUp);
    }
    Ok(())
}

/// Nothing of a market changes while it is halted, nor once it is wound up. The caller has written down what
/// the clock has brought about (`halt::catch_up`).
fn check_open(header: &MarketHeader) -> Result<()> {
    check_changeable(header)?;
    if !gate::in_phase(HaltPhase::from_byte(header.halt.phase), Action::Change) {
        return Err(EngineError::MarketHalted);
    }
    Ok(())
}

/// Sets a market reduce-only until `seconds` from now, and returns that time. While it is, the guardian may
/// move the end, but not beyond [`GUARD_SECONDS_MAX`] from the beginning. After the end it pauses as long as
/// it lasted, and at least [`GUARD_PAUSE_SECONDS_MIN`]: a guardian cannot keep a market reduce-only for ever.
///
/// # Errors
/// `ParameterOutOfBounds`, `GuardianPausing`, `MarketHalted`, `MarketWoundUp`.
pub fn guard(header: &mut MarketHeader, seconds: u32, env: &Env) -> Result<i64> {
    check_open(header)?;
    let from = if header.guardian_until > env.now {
        header.guardian_from
    } else {
        // A guardian that never used its power has none to pause from: its end is that of 1970.
        let ended = header.guardian_until;
        let lasted = ended.saturating_sub(header.guardian_from);
        let pause = lasted.max(GUARD_PAUSE_SECONDS_MIN);
        if env.now < ended.saturating_add(pause) {
            return Err(EngineError::GuardianPausing);
        }
        env.now
    };
    let until = env.now.saturating_add(i64::from(seconds));
    let latest = from.saturating_add(i64::from(GUARD_SECONDS_MAX));
    if seconds == 0 || until > latest {
        return Err(EngineError::ParameterOutOfBounds);
    }
    header.guardian_from = from;
    header.guardian_until = until;
    Ok(until)
}

/// Ends the guardian's time now.
///
/// # Errors
/// `NothingToChange` when none runs; `MarketHalted`, `MarketWoundUp`.
pub fn lift_guard(header: &mut MarketHeader, env: &Env) -> Result<()> {
    check_open(header)?;
    if header.guardian_until <= env.now {
        return Err(EngineError::NothingToChange);
    }
    header.guardian_until = env.now;
    Ok(())
}
