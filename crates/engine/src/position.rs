//! A position as shares of its side (spec §9, §13): touching, reading and setting it.
//!
//! base = shares × A, cash = shares × ΔC. Touching a seat pays it and changes neither its shares nor
//! the side, so no order of touching can create dust.

use crate::book::arena::MarketRef;
use crate::epochs;
use crate::error::{EngineError, Result};
use crate::math;
use crate::state::{OrderSide, Seat, Side, SCALE_ONE, SIDE_LONG, SIDE_SHORT};
use crate::units::{PriceQ32, BASE_ATOMS_BOUND};

#[cfg(test)]
mod tests;

/// A seat's position and claim as of now, without writing them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holding {
    /// Base atoms, signed.
    pub base: i64,
    /// Claim, quote atoms, cash index included.
    pub quote: i64,
}

/// The side a signed position lies on.
#[inline(always)]
pub const fn side_of_base(base: i64) -> u8 {
    if base < 0 {
        SIDE_SHORT
    } else {
        SIDE_LONG
    }
}

#[inline(always)]
fn side_of<'a>(seat: &Seat, sides: &'a [Side; 2]) -> &'a Side {
    let [long, short] = sides;
    if seat.side == SIDE_SHORT {
        short
    } else {
        long
    }
}

/// Position and claim of a seat, whatever its epoch: at most five ends are walked (`EpochBehind` beyond).
#[inline(always)]
pub fn held(market: &MarketRef<'_>, seat: &Seat) -> Result<Holding> {
    holding_or(seat, &market.header.sides, || {
        epochs::holding_behind(market, seat)
    })
}

/// Position and claim of a seat; `EpochBehind` when its side has rolled over since.
#[inline(always)]
pub fn holding(seat: &Seat, sides: &[Side; 2]) -> Result<Holding> {
    holding_or(seat, sides, || Err(EngineError::EpochBehind))
}

#[inline(always)]
fn holding_or(
    seat: &Seat,
    sides: &[Side; 2],
    behind: impl FnOnce() -> Result<Holding>,
) -> Result<Holding> {
    if seat.shares == 0 {
        return Ok(Holding {
            base: 0,
            quote: seat.quote,
        });
    }
    let side = side_of(seat, sides);
    if seat.epoch != side.epoch {
        return behind();
    }
    let base = base_of(seat, side)?;
    if seat.cash_index == side.cash_index {
        return Ok(Holding {
            base,
            quote: seat.quote,
        });
    }
    let cash = pending_cash(seat, side)?;
    Ok(Holding {
        base,
        quote: math::add_signed(seat.quote, cash)?,
    })
}

/// |base| = (n·A) >> 62, with the side's sign.
#[inline(always)]
fn base_of(seat: &Seat, side: &Side) -> Result<i64> {
    let size = if side.scale == SCALE_ONE {
        seat.shares
    } else {
        math::narrow(math::wide(seat.shares, side.scale) >> 62)?
    };
    let size = math::signed(size)?;
    Ok(if seat.side == SIDE_SHORT {
        size.wrapping_neg()
    } else {
        size
    })
}

/// ⌊s·n·(C − C_snap) / 2^64⌋: what the cash index owes the seat, rounded against it (INV-4).
#[inline(always)]
fn pending_cash(seat: &Seat, side: &Side) -> Result<i64> {
    cash_between(seat.side, seat.shares, seat.cash_index, side.cash_index)
}

/// The same of any two cash indices of a side (R4).
///
/// By limbs: between two touches |ΔC| is nearly always under 2^64, a quote atom per share, where one product
/// is enough, and every leg of every margin check passes through here.
#[inline(always)]
pub(crate) fn cash_between(
    side: u8,
    shares: u64,
    snapshot: [u64; 2],
    cash_index: [u64; 2],
) -> Result<i64> {
    let [now_low, now_high] = cash_index;
    let [snap_low, snap_high] = snapshot;
    let (low, borrow) = now_low.overflowing_sub(snap_low);
    let high = now_high
        .wrapping_sub(snap_high)
        .wrapping_sub(u64::from(borrow));
    let (falls, magnitude) = match high {
        0 => (false, low),
        u64::MAX if low != 0 => (true, low.wrapping_neg()),
        _ => return cash_between_wide(side, shares, snapshot, cash_index),
    };
    let [fraction, whole] = math::split_unsigned(math::wide(shares, magnitude));
    owed(falls == (side == SIDE_SHORT), whole, fraction != 0)
}

/// The same for any ΔC.
#[inline(never)]
fn cash_between_wide(
    side: u8,
    shares: u64,
    snapshot: [u64; 2],
    cash_index: [u64; 2],
) -> Result<i64> {
    let now = math::join_signed(cash_index);
    let delta = now
        .checked_sub(math::join_signed(snapshot))
        .ok_or(EngineError::Overflow)?;
    let [low, high] = math::split_unsigned(delta.unsigned_abs());
    let low_product = math::wide(shares, low);
    let high_product = math::wide(shares, high);
    let whole = high_product
        .checked_add(low_product >> 64)
        .ok_or(EngineError::Overflow)?;
    let [fraction, _] = math::split_unsigned(low_product);
    owed(
        (delta < 0) == (side == SIDE_SHORT),
        math::narrow(whole)?,
        fraction != 0,
    )
}

/// A gain rounds down, a loss up: both are floors of the signed amount.
#[inline(always)]
fn owed(gains: bool, whole: u64, fraction: bool) -> Result<i64> {
    if gains {
        math::signed(whole)
    } else {
        let loss = math::add(whole, u64::from(fraction))?;
        math::signed(loss)?
            .checked_neg()
            .ok_or(EngineError::Overflow)
    }
}

/// Pays the seat what the cash index owes it.
#[inline(always)]
pub fn touch(seat: &mut Seat, sides: &[Side; 2]) -> Result<Holding> {
    let held = holding(seat, sides)?;
    seat.quote = held.quote;
    if seat.shares != 0 {
        seat.cash_index = side_of(seat, sides).cash_index;
    }
    Ok(held)
}

/// One side of a fill, as its seat sees it.
#[derive(Clone, Copy, Debug)]
pub struct SeatFill {
    pub side: OrderSide,
    /// Base atoms bought or sold.
    pub base: u64,
    /// Quote atoms paid or received.
    pub cash: u64,
    /// Fee, quote atoms.
    pub fee: u64,
}

impl SeatFill {
    /// The holding after the fill.
    #[inline(always)]
    pub fn applied_to(&self, held: Holding) -> Result<Holding> {
        let base = math::signed(self.base)?;
        let cash = math::signed(self.cash)?;
        let (base, quote) = match self.side {
            OrderSide::Bid => (
                math::add_signed(held.base, base)?,
                math::sub_signed(held.quote, cash)?,
            ),
            OrderSide::Ask => (
                math::sub_signed(held.base, base)?,
                math::add_signed(held.quote, cash)?,
            ),
        };
        Ok(Holding {
            base,
            quote: math::sub_signed(quote, math::signed(self.fee)?)?,
        })
    }
}

/// Settles a fill in a seat and moves its shares (spec §13, Fill).
#[inline(never)]
pub fn fill(
    seat: &mut Seat,
    sides: &mut [Side; 2],
    fill: &SeatFill,
    mark: PriceQ32,
    now: i64,
) -> Result<()> {
    fill_inlined(seat, sides, fill, mark, now)
}

/// The same, compiled into its caller.
#[inline(always)]
pub(crate) fn fill_inlined(
    seat: &mut Seat,
    sides: &mut [Side; 2],
    fill: &SeatFill,
    mark: PriceQ32,
    now: i64,
) -> Result<()> {
    let held = holding(seat, sides)?;
    let after = fill.applied_to(held)?;
    if after.base.unsigned_abs() >= BASE_ATOMS_BOUND {
        return Err(EngineError::PositionTooLarge);
    }
    seat.quote = after.quote;
    seat.opened_at = opened_at(seat.opened_at, held.base, after.base, now);
    leave(seat, sides, mark)?;
    enter(seat, sides, after.base)
}

/// Takes the seat's shares off its side. A short whose base is not whole has its debt rounded down by
/// less than an atom; it pays that atom.
#[inline(always)]
pub(crate) fn leave(seat: &mut Seat, sides: &mut [Side; 2], mark: PriceQ32) -> Result<()> {
    if seat.shares == 0 {
        return Ok(());
    }
    let [long, short] = sides;
    let side = if seat.side == SIDE_SHORT { short } else { long };
    if seat.side == SIDE_SHORT && side.scale != SCALE_ONE {
        let fraction = math::wide(seat.shares, side.scale) & ((1 << 62) - 1);
        if fraction != 0 {
            let atom = math::signed(mark.value_ceil(1)?)?;
            seat.quote = math::sub_signed(seat.quote, atom)?;
        }
    }
    side.shares = less(side.shares, seat.shares);
    side.seats = side.seats.saturating_sub(1);
    forget_if_empty(side);
    seat.shares = 0;
    Ok(())
}

/// N − n. N ≥ Σn, so zero is reached only where a roll-over's rounding left less (attack 15).
#[inline(always)]
fn less([low, high]: [u64; 2], shares: u64) -> [u64; 2] {
    if low >= shares {
        [low.wrapping_sub(shares), high]
    } else if high != 0 {
        [low.wrapping_sub(shares), high.wrapping_sub(1)]
    } else {
        [0; 2]
    }
}

/// N + n, or `Overflow`.
#[inline(always)]
fn more([low, high]: [u64; 2], shares: u64) -> Result<[u64; 2]> {
    let sum = low.wrapping_add(shares);
    if sum >= low {
        return Ok([sum, high]);
    }
    Ok([sum, math::add(high, 1)?])
}

/// Nobody left: what rounding added to N has no holder.
#[inline(always)]
pub(crate) fn forget_if_empty(side: &mut Side) {
    if side.seats == 0 {
        side.shares = [0; 2];
        side.carried = 0;
    }
}

/// Gives the seat ⌈|base|·2^62 / A⌉ shares of its side.
#[inline(always)]
fn enter(seat: &mut Seat, sides: &mut [Side; 2], base: i64) -> Result<()> {
    if base == 0 {
        return Ok(());
    }
    let [long, short] = sides;
    let side = if base < 0 { short } else { long };
    let size = base.unsigned_abs();
    let shares = if side.scale == SCALE_ONE {
        size
    } else {
        math::mul_div_ceil(size, SCALE_ONE, side.scale)?
    };
    side.shares = more(side.shares, shares)?;
    side.seats = side.seats.saturating_add(1);
    seat.side = side_of_base(base);
    seat.shares = shares;
    seat.cash_index = side.cash_index;
    seat.epoch = side.epoch;
    Ok(())
}

/// Size-weighted opening time: unchanged by a reduction, `now` after a flip, and rounded towards `now`
/// (younger) when a position grows, since young positions draw no credit (spec §10).
#[inline(always)]
fn opened_at(opened: u32, before: i64, after: i64, now: i64) -> u32 {
    let now = u32::try_from(now).unwrap_or(u32::MAX);
    let (size_before, size_after) = (before.unsigned_abs(), after.unsigned_abs());
    if after == 0 {
        return 0;
    }
    if before == 0 || (before < 0) != (after < 0) {
        return now;
    }
    if size_after <= size_before {
        return opened;
    }
    let age = u64::from(now.saturating_sub(opened));
    if age == 0 {
        return opened;
    }
    // Scaled to 31 bits so that the product with seconds, age·added < 2^32·(2^31 + 1), fits 64.
    let shift = bits(size_after >> 31);
    let added = (size_after.wrapping_sub(size_before) >> shift).wrapping_add(1);
    let total = (size_after >> shift).max(1);
    let younger = age.wrapping_mul(added).div_ceil(total).min(age);
    opened.saturating_add(u32::try_from(younger).unwrap_or(u32::MAX))
}

/// Length of a value in bits, by halves: there is no instruction for it on chain. Most sizes leave nothing here.
#[inline(always)]
fn bits(mut value: u64) -> u32 {
    if value == 0 {
        return 0;
    }
    let mut bits = 1_u32;
    for half in [32, 16, 8, 4, 2, 1] {
        if value >> half != 0 {
            value >>= half;
            bits = bits.wrapping_add(half);
        }
    }
    bits
}
