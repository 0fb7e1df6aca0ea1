//! Integer arithmetic with named rounding. Every function says who benefits from the atom it drops;
//! callers choose the direction that favours the pool (spec §3, INV-4).
//!
//! The u64 paths exist because a 128-bit product costs a hundred times a 64-bit one on chain; each is
//! exact wherever it is taken.

use crate::error::{EngineError, Result};

#[cfg(test)]
mod tests;

/// One million: the unit of every ratio.
pub const PPM: u64 = 1_000_000;

const LOW_32: u64 = 0xffff_ffff;

/// ⌊a·b / 2^32⌋: a value in quote atoms of `a` base atoms at the Q.32 price `b`, rounded down.
#[inline(always)]
pub fn mul_q32_floor(a: u64, b: u64) -> Result<u64> {
    if b <= LOW_32 {
        // (a_hi·2^32 + a_lo)·b / 2^32 = a_hi·b + a_lo·b / 2^32; both products fit 64 bits.
        Ok((a >> 32)
            .wrapping_mul(b)
            .wrapping_add((a & LOW_32).wrapping_mul(b) >> 32))
    } else {
        narrow(wide(a, b) >> 32)
    }
}

/// ⌈a·b / 2^32⌉: the same, rounded up.
#[inline(always)]
pub fn mul_q32_ceil(a: u64, b: u64) -> Result<u64> {
    if b <= LOW_32 {
        let low = (a & LOW_32).wrapping_mul(b);
        let floor = (a >> 32).wrapping_mul(b).wrapping_add(low >> 32);
        floor
            .checked_add(u64::from(low & LOW_32 != 0))
            .ok_or(EngineError::Overflow)
    } else {
        let product = wide(a, b);
        let up = u128::from(product & u128::from(LOW_32) != 0);
        narrow(
            (product >> 32)
                .checked_add(up)
                .ok_or(EngineError::Overflow)?,
        )
    }
}

/// ⌈a·ppm / 10^6⌉. `ppm` may exceed one million (a move of more than 100%).
#[inline(always)]
pub fn mul_ppm_ceil(a: u64, ppm: u64) -> Result<u64> {
    if a >> 43 == 0 && ppm >> 21 == 0 {
        Ok(a.wrapping_mul(ppm)
            .wrapping_add(PPM.wrapping_sub(1))
            .checked_div(PPM)
            .unwrap_or(0))
    } else {
        mul_div_ceil(a, ppm, PPM)
    }
}

/// ⌊a·ppm / 10^6⌋.
#[inline(always)]
pub fn mul_ppm_floor(a: u64, ppm: u64) -> Result<u64> {
    if a >> 43 == 0 && ppm >> 21 == 0 {
        Ok(a.wrapping_mul(ppm).checked_div(PPM).unwrap_or(0))
    } else {
        mul_div_floor(a, ppm, PPM)
    }
}

/// ⌊a·b / d⌋ through 128 bits; `d` zero is an overflow.
#[inline(never)]
pub fn mul_div_floor(a: u64, b: u64, d: u64) -> Result<u64> {
    narrow(
        wide(a, b)
            .checked_div(u128::from(d))
            .ok_or(EngineError::Overflow)?,
    )
}

/// ⌈a·b / d⌉ through 128 bits; `d` zero is an overflow.
#[inline(never)]
pub fn mul_div_ceil(a: u64, b: u64, d: u64) -> Result<u64> {
    if d == 0 {
        return Err(EngineError::Overflow);
    }
    narrow(wide(a, b).div_ceil(u128::from(d)))
}

/// a·b in 128 bits; cannot overflow.
#[inline(always)]
pub const fn wide(a: u64, b: u64) -> u128 {
    widen(a).wrapping_mul(widen(b))
}

#[inline(always)]
#[allow(clippy::as_conversions)]
const fn widen(a: u64) -> u128 {
    a as u128
}

/// A 128-bit value that must fit 64.
#[inline(always)]
pub fn narrow(a: u128) -> Result<u64> {
    u64::try_from(a).map_err(|_| EngineError::Overflow)
}

/// An unsigned amount that must fit a signed one.
#[inline(always)]
pub fn signed(a: u64) -> Result<i64> {
    i64::try_from(a).map_err(|_| EngineError::Overflow)
}

/// a + b, or `Overflow`.
///
/// Operands are compared, here and below, because a checked operation's flag comes to be a value on chain, which is
/// tested once more: twice the units, in what every leg and every fill does a dozen times.
#[inline(always)]
pub const fn add(a: u64, b: u64) -> Result<u64> {
    // !a is what is left to the largest value.
    if !a < b {
        return Err(EngineError::Overflow);
    }
    Ok(a.wrapping_add(b))
}

/// a − b, or `Overflow`.
#[inline(always)]
pub const fn sub(a: u64, b: u64) -> Result<u64> {
    if a < b {
        return Err(EngineError::Overflow);
    }
    Ok(a.wrapping_sub(b))
}

/// a·b, or `Overflow`.
#[inline(always)]
pub fn mul(a: u64, b: u64) -> Result<u64> {
    // Halves of a word: the check divides.
    if (a | b) >> 32 == 0 {
        return Ok(a.wrapping_mul(b));
    }
    a.checked_mul(b).ok_or(EngineError::Overflow)
}

/// a + b of signed claims, or `Overflow`: the sum's sign then differs from that of both.
#[inline(always)]
pub const fn add_signed(a: i64, b: i64) -> Result<i64> {
    let sum = a.wrapping_add(b);
    if (a ^ sum) & (b ^ sum) < 0 {
        return Err(EngineError::Overflow);
    }
    Ok(sum)
}

/// a − b of signed claims, or `Overflow`: the signs of a and b differ then, and so do those of a and the difference.
#[inline(always)]
pub const fn sub_signed(a: i64, b: i64) -> Result<i64> {
    let difference = a.wrapping_sub(b);
    if (a ^ b) & (a ^ difference) < 0 {
        return Err(EngineError::Overflow);
    }
    Ok(difference)
}

/// Seconds from `earlier` to `now`, zero when the clock stands or went back, at most `i64::MAX`.
#[inline(always)]
pub fn seconds_since(now: i64, earlier: i64) -> u64 {
    if now <= earlier {
        return 0;
    }
    now.abs_diff(earlier).min(i64::MAX.unsigned_abs())
}

/// A 128-bit unsigned value stored as (low, high): accounts hold no 128-bit fields, whose alignment
/// differs between toolchains.
#[inline(always)]
pub fn join_unsigned(parts: [u64; 2]) -> u128 {
    let [low, high] = parts;
    u128::from(high) << 64 | u128::from(low)
}

/// The inverse of [`join_unsigned`].
#[inline(always)]
#[allow(clippy::as_conversions)]
pub const fn split_unsigned(value: u128) -> [u64; 2] {
    [value as u64, (value >> 64) as u64]
}

/// A signed 128-bit value stored as (low, high) in two's complement.
#[inline(always)]
#[allow(clippy::as_conversions)]
pub fn join_signed(parts: [u64; 2]) -> i128 {
    join_unsigned(parts) as i128
}

/// The inverse of [`join_signed`].
#[inline(always)]
#[allow(clippy::as_conversions)]
pub const fn split_signed(value: i128) -> [u64; 2] {
    split_unsigned(value as u128)
}
