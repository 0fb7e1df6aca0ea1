//! What a market's arithmetic is made of: multiply, then divide, in 128 bits.

use crate::{digest::Digest, random::Random};

pub fn all(digest: &mut Digest, random: &mut Random) {
    of_awkward_digits(digest, random);
    for _ in 0..30 {
        let (a, b, divisor) = (random.wide(), random.wide(), random.wide() | 1);
        digest.add_wide(a / divisor);
        digest.add_wide(a % divisor);
        digest.add_wide((a as i128).wrapping_rem(divisor as i128) as u128);
        digest.add_wide(u128::from(random.uniform()) * u128::from(random.uniform()) / divisor);
        let product = u128::from(random.edge()) * u128::from(random.edge());
        digest.add((product / (u128::from(random.edge()) | 1)) as u64);
        digest.add_wide(a.isqrt());
        digest.add_wide(a.checked_mul(b).unwrap_or(3));
        digest.add_wide((a as i128).saturating_mul(b as i128) as u128);
        digest.add(random.edge().isqrt());
        digest.add((u128::from(random.edge()) * 7_919 % 1_000_003) as u64);
    }
}

fn of_awkward_digits(digest: &mut Digest, random: &mut Random) {
    for _ in 0..20 {
        let (dividend, length) = (random.digits(), random.below(127) as u32);
        let divisor = (random.digits() >> length).max(1);
        digest.add_wide(dividend / divisor);
        digest.add_wide(dividend % divisor);
        digest.add_wide((dividend as i128).wrapping_div(divisor as i128) as u128);
        // A dividend just below a multiple: the quotient's last digit is where a correction goes missing.
        let multiple = (dividend / divisor) * divisor;
        digest.add_wide(multiple / divisor);
        digest.add_wide(multiple.wrapping_sub(1) / divisor);
        digest.add_wide(multiple.wrapping_sub(1) % divisor);
    }
}
