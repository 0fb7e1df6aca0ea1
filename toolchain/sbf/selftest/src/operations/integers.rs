//! Every operator on every integer type, by variables and by the constants that LLVM strength-reduces.

use crate::{digest::Digest, random::Random};

const ABSENT: u64 = 77;

macro_rules! every_operator {
    ($digest:expr, $random:expr, $($integer:ty),*) => {$({
        let (a, b) = ($random.wide() as $integer, $random.wide() as $integer);
        let amount = $random.below(200) as u32;
        let total = [
            a.wrapping_add(b), a.wrapping_sub(b), a.wrapping_mul(b),
            a.saturating_add(b), a.saturating_sub(b), a.saturating_mul(b),
            a.wrapping_shl(amount), a.wrapping_shr(amount), a.rotate_left(amount),
            a.swap_bytes(), a.reverse_bits(), a & b, a | b, a ^ b, !a, a.min(b), a.max(b),
            a.abs_diff(b) as $integer, a.leading_zeros() as $integer, a.trailing_zeros() as $integer,
            a.count_ones() as $integer, <$integer>::from(a < b), <$integer>::from(a == b), a.wrapping_pow(amount % 7),
        ];
        for value in total {
            $digest.add_wide(value as u128);
        }
        let partial = [
            a.checked_add(b), a.checked_sub(b), a.checked_mul(b), a.checked_div(b), a.checked_rem(b),
            a.checked_shl(amount), a.checked_pow(amount % 5), a.checked_div_euclid(b), a.checked_rem_euclid(b),
            a.checked_neg(),
        ];
        for value in partial {
            match value {
                Some(value) => $digest.add_wide(value as u128),
                None => $digest.add(ABSENT),
            }
        }
        let (product, overflowed) = a.overflowing_mul(b);
        $digest.add_wide(product as u128);
        $digest.add_flag(overflowed);
        if b != 0 {
            $digest.add_wide(a.wrapping_div(b) as u128);
            $digest.add_wide(a.wrapping_rem(b) as u128);
        }
        by_constant!($digest, a, $integer, 3, 7, 10, 100);
    })*};
}

macro_rules! by_constant {
    ($digest:expr, $a:expr, $integer:ty, $($constant:literal),*) => {$(
        $digest.add_wide(($a / $constant) as u128);
        $digest.add_wide(($a % $constant) as u128);
        $digest.add_wide($a.wrapping_mul($constant) as u128);
    )*};
}

/// Products of powers of two around the type's smallest and largest number, where a sign decides about overflow.
macro_rules! products_at_the_limit {
    ($digest:expr, $random:expr, $integer:ty) => {{
        for _ in 0..8 {
            let bits = <$integer>::BITS - 1;
            let exponent = $random.below(u64::from(bits)) as u32;
            let mut power = |exponent: u32| {
                let magnitude = <$integer>::from(1u8) << exponent;
                let nudged = magnitude.wrapping_sub(<$integer>::from($random.below(2) == 0));
                if $random.below(2) == 0 {
                    nudged.wrapping_neg()
                } else {
                    nudged
                }
            };
            let (a, b) = (power(exponent), power(bits - exponent));
            for (left, right) in [(a, b), (b, a), (<$integer>::MIN, a), (a, <$integer>::MAX)] {
                let (product, overflowed) = left.overflowing_mul(right);
                $digest.add_wide(product as u128);
                $digest.add_flag(overflowed);
                $digest.add_wide(left.saturating_mul(right) as u128);
                $digest.add_wide(left.checked_div(right).unwrap_or(5) as u128);
                $digest.add_wide(left.checked_rem(right).unwrap_or(6) as u128);
            }
        }
    }};
}

pub fn narrow(digest: &mut Digest, random: &mut Random) {
    every_operator!(digest, random, u8, i8, u16, i16);
}

pub fn medium(digest: &mut Digest, random: &mut Random) {
    every_operator!(digest, random, u32, i32, u64);
    guarded_division(digest, random);
}

pub fn signed_and_size(digest: &mut Digest, random: &mut Random) {
    every_operator!(digest, random, i64, usize, isize);
    products_at_the_limit!(digest, random, i64);
}

pub fn unsigned_wide(digest: &mut Digest, random: &mut Random) {
    every_operator!(digest, random, u128);
}

pub fn signed_wide(digest: &mut Digest, random: &mut Random) {
    every_operator!(digest, random, i128);
    products_at_the_limit!(digest, random, i128);
}

/// The same division in two branches, each with a guard of its own. LLVM believes that dividing by zero is harmless on
/// BPF and would compute it once, above both guards; on chain that aborts the transaction.
#[inline(never)]
fn guarded_division(digest: &mut Digest, random: &mut Random) {
    for _ in 0..8 {
        let (dividend, divisor, limit) = (random.edge(), random.edge(), random.edge());
        if divisor > limit {
            digest.add(dividend / divisor);
        } else if divisor & 1 == 1 {
            digest.add((dividend / divisor) ^ limit);
        }
        digest.add(limit);
        match (dividend.checked_div(divisor), dividend > limit) {
            (Some(quotient), true) => digest.add(quotient),
            (None, true) => digest.add(5),
            (_, false) => digest.add(dividend.checked_rem(divisor).unwrap_or(6)),
        }
    }
}
