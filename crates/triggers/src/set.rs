//! The structure of one side of a market that holds its triggers: bins of keys, each a list in no order.
//!
//! A bin is a 256th of the price wide, or half of that. What a key has reached is taken bin by bin, and only the
//! bin in which the key lies is looked through. So nothing is sorted: whoever is reached is assessed in the order
//! of memory anyway. A push goes to the end of one list, which is spread over the bins when it is long: a push
//! straight into its bin is a miss of the cache. Before, a heap in front of a sorted run took more than half of
//! the processor time of the benchmark's crash ticks, a `BinaryHeap` alone 1.5 times and a `BTreeSet` four times
//! as much as that.
//!
//! Removal is lazy: what is pushed is never searched for again. A leg knows the key of the one entry that speaks
//! for it, and an entry that no longer does is dropped when it is reached or when the set is compacted.

/// Bins of a set, and the words of their bitmap. Half of them lie on either side of where the grid was laid.
const BINS: usize = 512;
const WORDS: usize = BINS / 64;
const HALF: i64 = 256;

/// Width of a bin: the price it was laid at, shifted by this much.
const WIDTH_SHIFT: u32 = 8;

/// Entries that are spread over the bins together.
const RECENT_MAX: usize = 4_096;

/// Room that an emptied bin keeps, entries.
const KEPT: usize = 32;

/// A leg's place in the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    /// In the unit of [`crate::key`].
    pub(crate) key: i64,
    /// Place of the leg.
    pub(crate) leg: u32,
}

/// Entries by bins.
#[derive(Debug)]
pub(crate) struct TriggerSet {
    /// Empty until the first push.
    bins: Vec<Vec<Entry>>,
    /// Bit `n` of word `w`: bin 64·w + n has entries.
    occupied: [u64; WORDS],
    /// Under the first bin.
    below: Vec<Entry>,
    /// Key at which the first bin begins, and the width of a bin as a power of two.
    low: i64,
    width: u32,
    /// What was pushed last, in no bin yet.
    recent: Vec<Entry>,
    /// No key of a recent entry, and of one in a bin or under them, is less.
    recent_nearest: i64,
    nearest: i64,
    len: usize,
    /// Bin that was swept last.
    swept: usize,
}

impl Default for TriggerSet {
    fn default() -> Self {
        Self {
            bins: Vec::new(),
            occupied: [0; WORDS],
            below: Vec::new(),
            low: 0,
            width: 20,
            recent: Vec::new(),
            recent_nearest: i64::MAX,
            nearest: i64::MAX,
            len: 0,
            swept: 0,
        }
    }
}

/// Takes out of a list what `due` says; returns the least key of the rest.
fn part(list: &mut Vec<Entry>, reached: i64, out: &mut Vec<Entry>) -> i64 {
    let mut nearest = i64::MAX;
    list.retain(|entry| {
        let due = entry.key <= reached;
        if due {
            out.push(*entry);
        } else {
            nearest = nearest.min(entry.key);
        }
        !due
    });
    nearest
}

impl TriggerSet {
    /// The bin of a key; `None`: under the first. The last takes all that lies beyond.
    #[inline(always)]
    fn bin(&self, key: i64) -> Option<usize> {
        let above = key.saturating_sub(self.low);
        if above < 0 {
            return None;
        }
        Some(usize::try_from(above >> self.width).map_or(BINS - 1, |bin| bin.min(BINS - 1)))
    }

    /// Lays the bins around a key anew. O(entries).
    #[inline(never)]
    fn lay(&mut self, around: i64) {
        let mut all = core::mem::take(&mut self.below);
        for bin in &mut self.bins {
            all.append(bin);
        }
        self.bins.resize_with(BINS, Vec::new);
        self.occupied = [0; WORDS];
        let width = (around.unsigned_abs() >> WIDTH_SHIFT).max(1);
        self.width = width.ilog2();
        // At most 2^62.
        self.low = around.saturating_sub(HALF << self.width);
        self.nearest = i64::MAX;
        for entry in all {
            self.place(entry);
        }
    }

    #[inline(always)]
    fn place(&mut self, entry: Entry) {
        self.nearest = self.nearest.min(entry.key);
        let Some(bin) = self.bin(entry.key) else {
            self.below.push(entry);
            return;
        };
        if let (Some(list), Some(word)) = (self.bins.get_mut(bin), self.occupied.get_mut(bin / 64))
        {
            list.push(entry);
            *word |= 1 << (bin % 64);
        }
    }

    /// Adds an entry; `at` is where the side's key is now, for the bins to be laid around. O(1) amortised.
    #[inline(always)]
    pub(crate) fn push(&mut self, entry: Entry, at: i64) {
        self.len += 1;
        self.recent_nearest = self.recent_nearest.min(entry.key);
        self.recent.push(entry);
        if self.recent.len() >= RECENT_MAX {
            self.spread(at);
        }
    }

    #[inline(never)]
    fn spread(&mut self, at: i64) {
        if self.bins.is_empty() {
            self.lay(at);
        }
        let mut recent = core::mem::take(&mut self.recent);
        for entry in recent.drain(..) {
            self.place(entry);
        }
        self.recent = recent;
        self.recent_nearest = i64::MAX;
    }

    /// Moves all entries whose key is at most `reached` to `out`, in no order. O(1) when there is none; else
    /// O(those, the recent ones and the entries of the bin that the key is in).
    #[inline(always)]
    pub(crate) fn drain_due(&mut self, reached: i64, out: &mut Vec<Entry>) {
        if reached >= self.recent_nearest {
            let before = out.len();
            self.recent_nearest = part(&mut self.recent, reached, out);
            self.len -= out.len() - before;
        }
        if reached >= self.nearest {
            self.drain(reached, out);
        }
    }

    #[inline(never)]
    fn drain(&mut self, reached: i64, out: &mut Vec<Entry>) {
        // A key that has left the bins behind: they follow it.
        if !matches!(self.bin(reached), Some(bin) if bin < BINS - 1) && reached < i64::MAX {
            self.lay(reached);
        }
        let before = out.len();
        let mut nearest = part(&mut self.below, reached, out);
        let last = self.bin(reached);
        'words: for (number, word) in self.occupied.iter_mut().enumerate() {
            while *word != 0 {
                let bit = word.trailing_zeros();
                let bin = number * 64 + usize::try_from(bit).unwrap_or(0);
                let Some(list) = self.bins.get_mut(bin) else {
                    break 'words;
                };
                if last.is_none_or(|last| bin >= last) {
                    // The first bin that is not taken whole has the nearest of the rest, unless it empties.
                    nearest = nearest.min(part(list, reached, out));
                    if !list.is_empty() {
                        break 'words;
                    }
                } else {
                    out.append(list);
                }
                list.shrink_to(KEPT);
                *word &= !(1 << bit);
            }
        }
        self.nearest = nearest;
        self.len -= out.len() - before;
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Keeps what `keep` says of the next entries in turn, about `budget` of them; the number that was looked at.
    /// O(budget, and a bin's length). What was pushed last has its turn once it is in a bin.
    pub(crate) fn sweep(&mut self, budget: usize, mut keep: impl FnMut(&Entry) -> bool) -> usize {
        let mut seen = 0;
        for _ in 0..BINS {
            if seen >= budget {
                break;
            }
            self.swept = self.swept.wrapping_add(1) % BINS;
            let Some(list) = self.bins.get_mut(self.swept) else {
                break;
            };
            let before = list.len();
            if before == 0 {
                continue;
            }
            list.retain(&mut keep);
            seen += before;
            self.len -= before - list.len();
            list.shrink_to(list.len() * 2 + KEPT);
            if let (true, Some(word)) = (list.is_empty(), self.occupied.get_mut(self.swept / 64)) {
                *word &= !(1 << (self.swept % 64));
            }
        }
        seen
    }

    /// Drops all entries, and the bins with them.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// All entries, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        let unbinned = self.recent.iter().chain(&self.below);
        unbinned.chain(self.bins.iter().flatten())
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        let bins = self.bins.iter().map(Vec::capacity).sum::<usize>();
        (bins + self.below.capacity() + self.recent.capacity()) * size_of::<Entry>()
            + self.bins.capacity() * size_of::<Vec<Entry>>()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn what_is_reached_comes_out_whatever_is_pushed_in_between() {
        let mut random = 7_u64;
        let mut next = |bound: u64| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (random >> 33) % bound
        };
        let (mut set, mut model) = (TriggerSet::default(), BTreeSet::new());
        // A key that wanders, and jumps over both ends of the bins.
        let (mut at, mut swept) = (1_i64 << 40, 0);
        for round in 0..2_000_u32 {
            at = match next(50) {
                0 => at * 4,
                1 => -at / 3 - 7,
                2 => at / 5 + 1_000,
                _ => at + (next(2_001) as i64 - 1_000) * (at.abs() >> 12),
            }
            .clamp(-(1 << 60), 1 << 60);
            for number in 0..next(90) as u32 {
                let key = match next(40) {
                    0 => i64::MIN,
                    1 => i64::MAX - 1,
                    _ => at.saturating_add((next(4_000) as i64 - 500) * (at.abs() >> 11)),
                };
                let leg = round * 100 + number;
                set.push(Entry { key, leg }, at);
                model.insert(Entry { key, leg });
            }
            let mut out = Vec::new();
            set.drain_due(at, &mut out);
            let rest = model.split_off(&Entry {
                key: at + 1,
                leg: 0,
            });
            out.sort_unstable();
            assert!(out.iter().eq(&model), "round {round}");
            model = rest;
            assert_eq!(set.len(), model.len());
            if round % 50 == 49 {
                let mut dropped = BTreeSet::new();
                let seen = set.sweep(200, |entry| {
                    let keeps = entry.leg % 3 != 0;
                    if !keeps {
                        dropped.insert(*entry);
                    }
                    keeps
                });
                swept += dropped.len();
                assert!(
                    seen <= 200 + model.len() && dropped.iter().all(|entry| entry.leg % 3 == 0)
                );
                model.retain(|entry| !dropped.contains(entry));
                let mut all: Vec<_> = set.iter().copied().collect();
                all.sort_unstable();
                assert!(all.iter().eq(&model));
            }
        }
        assert!(swept != 0);
        set.clear();
        assert_eq!((set.len(), set.iter().count()), (0, 0));
    }
}
