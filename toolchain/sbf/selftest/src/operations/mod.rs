//! The groups of operations. Each takes a generator and folds all it computes into the digest.

mod calls;
mod collections;
mod enums;
mod floats;
mod frames;
mod integers;
mod memory;
mod statics;
mod text;
mod wide_division;

use crate::{digest::Digest, random::Random};

type Group = (&'static str, fn(&mut Digest, &mut Random));

/// In the order in which the runner reports them.
pub const GROUPS: [Group; 14] = [
    ("integers of 8 and 16 bits", integers::narrow),
    ("integers of 32 bits, u64", integers::medium),
    ("i64 and pointer-sized integers", integers::signed_and_size),
    ("u128", integers::unsigned_wide),
    ("i128", integers::signed_wide),
    (
        "calls: many arguments, wide returns, dyn, pointers",
        calls::all,
    ),
    ("enums: nested, sorted, cloned, printed", enums::all),
    ("collections", collections::all),
    (
        "memory: copies, fills, comparisons, unaligned reads",
        memory::all,
    ),
    ("text: formatting, parsing, Unicode", text::all),
    ("floats", floats::all),
    (
        "division of 128 bits, roots, saturation",
        wide_division::all,
    ),
    (
        "statics: references, function pointers, constants",
        statics::all,
    ),
    ("frames: nested and full", frames::all),
];

/// The digest of one group for one seed.
pub fn run(group: usize, seed: u64) -> u64 {
    let mut digest = Digest::new();
    (GROUPS[group].1)(&mut digest, &mut Random::new(seed));
    digest.value()
}
