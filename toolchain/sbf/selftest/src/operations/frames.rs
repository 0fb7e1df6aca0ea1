//! Calls that nest, with frames that are nearly full: nothing of a caller's frame may be written by what it calls.

use std::hint::black_box;

use crate::{digest::Digest, random::Random};

const WORDS: usize = 480; // 3,840 of a frame's 4,096 bytes
const DEPTH_MAX: u64 = 12;

pub fn all(digest: &mut Digest, random: &mut Random) {
    let depth = random.below(DEPTH_MAX);
    let seed = random.uniform();
    digest.add(descend(depth, seed));
}

#[inline(never)]
fn descend(depth: u64, seed: u64) -> u64 {
    let mut frame = [0; WORDS];
    for (word, place) in frame.iter_mut().zip(0..) {
        *word = seed ^ place;
    }
    let frame = black_box(&frame);
    let below = match depth {
        0 => seed,
        _ => descend(depth - 1, seed.wrapping_mul(0x2545_F491_4F6C_DD1D)),
    };
    frame.iter().fold(below, |sum, word| {
        sum.rotate_left(5).wrapping_add(black_box(*word))
    })
}
