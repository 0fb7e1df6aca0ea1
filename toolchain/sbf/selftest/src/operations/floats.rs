//! Soft floats. The program uses none, but dependencies may: Anchor's and std's formatting compile them in.

use crate::{digest::Digest, random::Random};

pub fn all(digest: &mut Digest, random: &mut Random) {
    for _ in 0..20 {
        let sign = if random.below(2) == 0 { -1.0 } else { 1.0 };
        let exponent = random.below(200) + 923; // around 1.0, far from infinities and subnormals
        let a = f64::from_bits(random.uniform() >> 12 | exponent << 52) * sign;
        let b = random.edge() as i64 as f64 + 0.5;
        for value in [a + b, a - b, a * b, a / b, -a, a.abs()] {
            digest.add(value.to_bits());
        }
        for (left, right) in [
            (a, b),
            (b, a),
            (a, a),
            (a, f64::NAN),
            (f64::NAN, b),
            (0.0, -0.0),
        ] {
            compare(digest, left, right);
        }
        for integer in [
            a as i64 as u64,
            b as u64,
            u64::from(a as u8),
            a as i32 as u64,
        ] {
            digest.add(integer);
        }
        digest.add(u64::from((a as f32).to_bits()));
        digest.add(u64::from((random.edge() as f32 * 1.5).to_bits()));
    }
}

fn compare(digest: &mut Digest, a: f64, b: f64) {
    for flag in [a < b, a <= b, a > b, a >= b, a == b, a != b] {
        digest.add_flag(flag);
    }
    digest.add(a.partial_cmp(&b).map_or(9, |order| order as u64));
    let (a, b) = (a as f32, b as f32);
    for flag in [a < b, a <= b, a > b, a >= b, a == b, a != b] {
        digest.add_flag(flag);
    }
}
