//! Read-only data that refers to read-only data and to code, and constants of 64 bits: what the linker puts addresses
//! into.

use std::hint::black_box;

use crate::{digest::Digest, random::Random};

type Fold = fn(u64, u64) -> u64;

struct Row {
    name: &'static str,
    values: &'static [u64],
    fold: Fold,
    next: Option<&'static Row>,
}

fn added(sum: u64, value: u64) -> u64 {
    sum.wrapping_add(value)
}

fn multiplied(product: u64, value: u64) -> u64 {
    product.wrapping_mul(value | 1).rotate_left(7)
}

fn mixed(sum: u64, value: u64) -> u64 {
    (sum ^ 0x9E37_79B9_7F4A_7C15).wrapping_sub(value) ^ 0x8000_0000_FFFF_FFFF
}

static LAST: Row = Row {
    name: "last",
    values: &[0xFFFF_FFFF_0000_0001, 3],
    fold: mixed,
    next: None,
};
static MIDDLE: Row = Row {
    name: "middle of the chain",
    values: &[],
    fold: multiplied,
    next: Some(&LAST),
};
static ROWS: [Row; 3] = [
    Row {
        name: "first",
        values: &[1, 1 << 40, u64::MAX],
        fold: added,
        next: Some(&MIDDLE),
    },
    Row {
        name: "second",
        values: &[5, 0x7FFF_FFFF, 0x8000_0000],
        fold: multiplied,
        next: Some(&ROWS[2]),
    },
    Row {
        name: "",
        values: &[11],
        fold: mixed,
        next: Some(&LAST),
    },
];

pub fn all(digest: &mut Digest, random: &mut Random) {
    for _ in 0..8 {
        let mut row = Some(&ROWS[random.index(ROWS.len())]);
        let mut folded = random.uniform();
        // Through black_box, so that the virtual machine compares the addresses with null and not LLVM.
        while let Some(current) = black_box(row) {
            digest.add_bytes(current.name.as_bytes());
            for value in current.values {
                folded = black_box(current.fold)(folded, *value);
            }
            digest.add(folded);
            row = current.next;
        }
    }
}
