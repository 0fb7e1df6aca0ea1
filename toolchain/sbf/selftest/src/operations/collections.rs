//! std's collections. The hash map's order is not read: natively it is seeded, on chain it is fixed.

use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};

use crate::{digest::Digest, random::Random};

const KEYS: u64 = 40;

pub fn all(digest: &mut Digest, random: &mut Random) {
    let mut sums = BTreeMap::new();
    let mut counts = HashMap::new();
    let mut recent = VecDeque::new();
    for _ in 0..60 {
        let key = random.below(KEYS);
        *sums.entry(key).or_insert(0) += random.below(9);
        *counts.entry(key).or_insert(0) += 1;
        recent.push_front(key);
        recent.truncate(9);
        if random.below(5) == 0 {
            sums.remove(&random.below(KEYS));
        }
    }
    for (key, sum) in &sums {
        digest.add(*key);
        digest.add(*sum);
    }
    for key in 0..KEYS {
        digest.add(counts.get(&key).copied().unwrap_or(99));
    }
    digest.add_bytes(format!("{recent:?}").as_bytes());

    let mut heap: BinaryHeap<u64> = (0..20).map(|_| random.uniform()).collect();
    while let Some(largest) = heap.pop() {
        digest.add(largest);
    }
}
