//! The ordered structure of one side of a market: triggers, nearest first.
//!
//! A binary heap with lazy removal. What is pushed is never searched for again: a leg knows the key of the
//! one entry that speaks for it, and an entry that no longer does is dropped when it comes to the front or
//! when the set is compacted.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A leg's place in the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    /// In the unit of [`crate::key`].
    pub(crate) key: i64,
    pub(crate) account: u32,
    /// Position of the leg among the account's legs.
    pub(crate) slot: u8,
}

/// Entries, smallest key first.
#[derive(Debug, Default)]
pub(crate) struct TriggerSet {
    heap: BinaryHeap<Reverse<Entry>>,
}

impl TriggerSet {
    /// O(log n).
    pub(crate) fn push(&mut self, entry: Entry) {
        self.heap.push(Reverse(entry));
    }

    /// The next entry whose key is at most `reached`; O(log n), and O(1) when there is none.
    #[inline(always)]
    pub(crate) fn pop_due(&mut self, reached: i64) -> Option<Entry> {
        let Reverse(first) = self.heap.peek()?;
        if first.key > reached {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| entry)
    }

    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }

    /// Keeps what `keep` says; O(n).
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&Entry) -> bool) {
        self.heap.retain(|Reverse(entry)| keep(entry));
    }

    /// All entries, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.heap.iter().map(|Reverse(entry)| entry)
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.heap.capacity() * size_of::<Reverse<Entry>>()
    }
}
