//! What a market's arithmetic is made of: multiply, then divide, in 128 bits.

use crate::{digest::Digest, random::Random};

pub fn all(digest: &mut Digest, random: &mut Random) {
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
