//! Copies, fills and comparisons of constant and variable length, overlapping and unaligned: the ones that become
//! system calls and the ones that stay inline.

use crate::{digest::Digest, random::Random};

const HALF: usize = 150;

pub fn all(digest: &mut Digest, random: &mut Random) {
    let mut bytes = vec![0; 2 * HALF];
    bytes
        .iter_mut()
        .for_each(|byte| *byte = random.uniform() as u8);
    let (offset, length) = (random.index(50), random.index(200));
    bytes.copy_within(offset..offset + length, random.index(90));
    digest.add_bytes(&bytes);

    between_halves(digest, &mut bytes, length % 140);
    bytes[10..10 + length].fill(random.uniform() as u8);
    digest.add_bytes(&bytes);
    of_arrays(digest, &bytes);
    of_near_copies(digest, random, &bytes);

    let large = [random.uniform() as u8; 700];
    let copy = large;
    digest.add_bytes(&copy[..length]);
    unaligned_reads(digest, &bytes);
}

fn between_halves(digest: &mut Digest, bytes: &mut [u8], length: usize) {
    let (left, right) = bytes.split_at_mut(HALF);
    right[..length].copy_from_slice(&left[..length]);
    digest.add_flag(left[..40] == right[..40]);
    digest.add_flag(left[..length] < right[..length]);
    digest.add(left[..7].cmp(&right[1..8]) as u64);
}

fn of_arrays(digest: &mut Digest, bytes: &[u8]) {
    let (first, second): ([u8; 32], [u8; 32]) = (array(&bytes[..32]), array(&bytes[5..37]));
    digest.add_flag(first == second);
    digest.add_flag(first < second);
}

/// Two ranges that differ in one byte at most, wherever it lies.
fn of_near_copies(digest: &mut Digest, random: &mut Random, bytes: &[u8]) {
    for _ in 0..10 {
        let length = 1 + random.index(HALF);
        let (original, mut copy) = (&bytes[..length], bytes[..length].to_vec());
        copy[random.index(length)] ^= 1 << random.below(16).min(7);
        digest.add(original.cmp(&copy) as u64);
        digest.add_flag(original == copy.as_slice());
        digest.add_flag(original[..length / 2] == copy[..length / 2]);
    }
    let (first, mut second): ([u8; 32], [u8; 32]) = (array(&bytes[..32]), array(&bytes[..32]));
    second[random.index(32)] ^= random.below(2) as u8;
    digest.add_flag(first == second);
    digest.add(first.cmp(&second) as u64);
}

fn unaligned_reads(digest: &mut Digest, bytes: &[u8]) {
    for offset in 0..8 {
        digest.add(u64::from_be_bytes(array(&bytes[offset..offset + 8])));
        digest.add_wide(u128::from_le_bytes(array(&bytes[offset + 3..offset + 19])));
        digest.add(i32::from_le_bytes(array(&bytes[offset..offset + 4])) as u64);
    }
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes
        .try_into()
        .expect("the slice has the length of the array")
}
