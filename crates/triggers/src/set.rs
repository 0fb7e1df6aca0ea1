//! The ordered structure of one side of a market: triggers, nearest first.
//!
//! A sorted run, nearest last, with a heap in front of it that takes what is pushed and is merged into the run
//! when it has grown to a quarter of it. Taking what a tick has reached is then a walk over contiguous memory,
//! where a heap or a tree of the same size misses the cache at every level: in the benchmark's crash ticks a
//! `BinaryHeap` in its place took 1.5 times and a `BTreeSet` four times the processor time, on a busy machine.
//!
//! Removal is lazy: what is pushed is never searched for again. A leg knows the key of the one entry that speaks
//! for it, and an entry that no longer does is dropped when it comes to the front or when the set is compacted.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Entries that the heap may hold whatever the run's length.
const RECENT_MIN: usize = 1_024;

/// A leg's place in the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    /// In the unit of [`crate::key`].
    pub(crate) key: i64,
    /// Place of the leg.
    pub(crate) leg: u32,
}

/// Entries, smallest key first.
#[derive(Debug, Default)]
pub(crate) struct TriggerSet {
    /// Falling: the nearest is the last.
    run: Vec<Entry>,
    recent: BinaryHeap<Reverse<Entry>>,
}

impl TriggerSet {
    /// Amortised O(log n): O(1) on average into the heap, and a few moves at merges.
    pub(crate) fn push(&mut self, entry: Entry) {
        self.recent.push(Reverse(entry));
        if self.recent.len() > RECENT_MIN.max(self.run.len() >> 2) {
            self.merge();
        }
    }

    /// The next entry whose key is at most `reached`. O(1) when there is none or it is in the run, else
    /// logarithmic in the heap.
    #[inline(always)]
    pub(crate) fn pop_due(&mut self, reached: i64) -> Option<Entry> {
        let of_run = self.run.last().filter(|entry| entry.key <= reached);
        let of_recent = self.recent.peek().map(|Reverse(entry)| entry);
        match (of_run, of_recent.filter(|entry| entry.key <= reached)) {
            (None, None) => None,
            (Some(run), Some(recent)) if recent < run => self.pop_recent(),
            (Some(_), _) => self.run.pop(),
            (None, Some(_)) => self.pop_recent(),
        }
    }

    fn pop_recent(&mut self) -> Option<Entry> {
        self.recent.pop().map(|Reverse(entry)| entry)
    }

    /// Merges the heap into the run, from the end: O(n) moves of contiguous memory.
    #[inline(never)]
    fn merge(&mut self) {
        // Rising in `Reverse`, so falling in the entry, as the run is.
        let recent = core::mem::take(&mut self.recent).into_sorted_vec();
        let Some(Reverse(filler)) = recent.first().copied() else {
            return;
        };
        let (mut left, mut at) = (self.run.len(), self.run.len() + recent.len());
        self.run.resize(at, filler);
        for Reverse(entry) in recent.iter().rev() {
            while let Some(before) = left.checked_sub(1) {
                let Some(older) = self.run.get(before).copied() else {
                    break;
                };
                if older > *entry {
                    break;
                }
                at -= 1;
                left = before;
                if let Some(room) = self.run.get_mut(at) {
                    *room = older;
                }
            }
            at -= 1;
            if let Some(room) = self.run.get_mut(at) {
                *room = *entry;
            }
        }
        let mut buffer = recent;
        buffer.clear();
        self.recent = BinaryHeap::from(buffer);
    }

    pub(crate) fn len(&self) -> usize {
        self.run.len() + self.recent.len()
    }

    /// Keeps what `keep` says; O(n).
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&Entry) -> bool) {
        self.run.retain(&mut keep);
        self.recent.retain(|Reverse(entry)| keep(entry));
    }

    /// All entries, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        let recent = self.recent.iter().map(|Reverse(entry)| entry);
        self.run.iter().chain(recent)
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        (self.run.capacity() + self.recent.capacity()) * size_of::<Entry>()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn what_is_reached_comes_in_order_whatever_is_pushed_in_between() {
        let mut random = 7_u64;
        let mut next = |bound: u64| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (random >> 33) % bound
        };
        let (mut set, mut model) = (TriggerSet::default(), BTreeSet::new());
        for round in 0..400 {
            for _ in 0..next(200) {
                let entry = Entry {
                    key: next(10_000) as i64,
                    leg: (model.len() + round * 1_000) as u32,
                };
                set.push(entry);
                model.insert(entry);
            }
            let reached = next(3_000) as i64;
            while let Some(entry) = set.pop_due(reached) {
                assert_eq!(model.pop_first(), Some(entry));
            }
            assert!(model.first().is_none_or(|entry| entry.key > reached));
            assert_eq!(set.len(), model.len());
            if round % 50 == 49 {
                set.retain(|entry| entry.leg % 3 != 0);
                model.retain(|entry| entry.leg % 3 != 0);
            }
        }
        assert!(set.run.len() > RECENT_MIN);
    }
}
