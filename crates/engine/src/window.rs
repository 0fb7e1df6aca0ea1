//! Rolling high and low over a short and a long window, in eight sub-buckets each (spec §7).
//!
//! A bucket is ⌈W/7⌉ seconds wide and eight are kept, the running one included: every price of the last
//! W seconds is covered and none older than eight widths counts. Buckets are cleared when time reaches
//! them, so nobody has to crank a window. This module remembers prices; it decides nothing: what a price
//! outside the band does to a market is the halt's business.
//!
//! A window counts time in its own width. Whoever changes a window's length restarts it.

use bytemuck::{Pod, Zeroable};

use crate::params::MarketParams;

#[cfg(test)]
mod tests;

/// Buckets of a window, the running one included.
pub const BUCKETS: usize = 8;

/// Highest and lowest price (Q.32) of one bucket; zero: nothing was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[cfg_attr(feature = "idl-build", derive(anchor_lang::AnchorSerialize))]
#[repr(C)]
pub struct Bucket {
    pub high: u64,
    pub low: u64,
}

/// One rolling window: a bucket is ⌈W/7⌉ seconds wide, so that W is always covered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[cfg_attr(feature = "idl-build", derive(anchor_lang::AnchorSerialize))]
#[repr(C)]
pub struct Window {
    /// Number of the running bucket: ⌊unix seconds / width⌋.
    pub running: i64,
    pub buckets: [Bucket; BUCKETS],
}

/// What the velocity check reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[cfg_attr(feature = "idl-build", derive(anchor_lang::AnchorSerialize))]
#[repr(C)]
pub struct Windows {
    /// Index, mark and qualifying trades.
    pub short: Window,
    /// Index alone.
    pub short_index: Window,
    /// Index and mark.
    pub long: Window,
    /// Traded lots in each bucket of the short window.
    pub short_volume: [u64; BUCKETS],
}

/// Widths of a bucket of the short and of the long window, in seconds: ⌈W/7⌉.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Widths {
    pub short: u32,
    pub long: u32,
}

impl Widths {
    /// As the market's parameters have them.
    #[inline(always)]
    pub fn of(params: &MarketParams) -> Self {
        Self {
            short: params.velocity_short_seconds.div_ceil(7),
            long: params.velocity_long_seconds.div_ceil(7),
        }
    }
}

/// Highest and lowest price (Q.32) of a window; neither is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    pub high: u64,
    pub low: u64,
}

impl Range {
    /// The range of one price.
    #[inline(always)]
    pub const fn of(price: u64) -> Self {
        Self {
            high: price,
            low: price,
        }
    }

    /// The range of both.
    #[inline(always)]
    pub fn join(self, other: Self) -> Self {
        Self {
            high: self.high.max(other.high),
            low: self.low.min(other.low),
        }
    }
}

/// Whether `price` lies more than `threshold_ppm` above the lowest or below the highest price of the
/// window: price > low·(1 + θ) or price < high·(1 − θ), by cross-products, without rounding. A move of
/// exactly the threshold is inside, since maintenance margin covers it (spec §5, listing rule).
#[inline(always)]
pub fn outside_band(range: Range, price: u64, threshold_ppm: u32) -> bool {
    const PPM: u64 = crate::math::PPM;
    let up = PPM.saturating_add(u64::from(threshold_ppm));
    let down = PPM.saturating_sub(u64::from(threshold_ppm));
    if (range.high | range.low | price) >> 43 == 0 && up >> 21 == 0 {
        // 43 + 21 bits: every product fits.
        let scaled = price.wrapping_mul(PPM);
        scaled > range.low.wrapping_mul(up) || scaled < range.high.wrapping_mul(down)
    } else {
        use crate::math::wide;
        let scaled = wide(price, PPM);
        scaled > wide(range.low, up) || scaled < wide(range.high, down)
    }
}

/// Number of the bucket that `now` lies in. A clock before 1970 counts as 1970.
#[inline(always)]
fn number_at(width_seconds: u32, now: i64) -> i64 {
    let seconds = u64::try_from(now).unwrap_or(0);
    let number = seconds
        .checked_div(u64::from(width_seconds))
        .unwrap_or(seconds);
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Where a bucket of this number is kept.
#[inline(always)]
fn slot_of(number: i64) -> usize {
    usize::try_from(number & 7).unwrap_or(0)
}

/// Where the bucket before is kept.
#[inline(always)]
const fn slot_before(slot: usize) -> usize {
    slot.wrapping_sub(1) & 7
}

const _: () = assert!(BUCKETS == 8, "a slot has three bits");

/// Buckets begun since `running`; zero when time stands or went back: then the running one goes on.
#[inline(always)]
fn begun_since(running: i64, number: i64) -> u64 {
    u64::try_from(number.saturating_sub(running)).unwrap_or(0)
}

/// Slots of the buckets begun since `running`, each at most once.
#[inline(always)]
fn begun_slots(running: i64, begun: u64) -> impl Iterator<Item = usize> {
    let count = i64::try_from(begun).unwrap_or(i64::MAX).min(8);
    (1..=count).map(move |step| slot_of(running.saturating_add(step)))
}

impl Window {
    /// Remembers `price` (Q.32) at `now`. Zero is no price and is ignored. Cannot fail; around 30
    /// instructions while the bucket runs.
    #[inline(always)]
    pub fn observe(&mut self, width_seconds: u32, price: u64, now: i64) {
        let number = number_at(width_seconds, now);
        if number > self.running {
            self.rotate(number);
        }
        self.note(price);
    }

    /// Highest and lowest price of at least the last seven widths and at most eight; `None` when
    /// nothing was seen in them. Reads only: buckets that `now` has left behind are skipped, not
    /// cleared.
    #[inline(always)]
    pub fn range(&self, width_seconds: u32, now: i64) -> Option<Range> {
        let begun = begun_since(self.running, number_at(width_seconds, now));
        let kept = 8_i64.saturating_sub(i64::try_from(begun).unwrap_or(i64::MAX));
        let (mut high, mut low) = (0, u64::MAX);
        let mut slot = slot_of(self.running);
        for _ in 0..kept {
            if let Some(bucket) = self.buckets.get(slot) {
                if bucket.high != 0 {
                    high = high.max(bucket.high);
                    low = low.min(bucket.low);
                }
            }
            slot = slot_before(slot);
        }
        (high != 0).then_some(Range { high, low })
    }

    /// Clears the buckets begun since the running one and makes `number` the running one.
    #[inline(never)]
    fn rotate(&mut self, number: i64) {
        for slot in begun_slots(self.running, begun_since(self.running, number)) {
            if let Some(bucket) = self.buckets.get_mut(slot) {
                *bucket = Bucket { high: 0, low: 0 };
            }
        }
        self.running = number;
    }

    #[inline(always)]
    fn note(&mut self, price: u64) {
        let Some(bucket) = self.buckets.get_mut(slot_of(self.running)) else {
            return;
        };
        if price > bucket.high {
            bucket.high = price;
        }
        if price != 0 && (price < bucket.low || bucket.low == 0) {
            bucket.low = price;
        }
    }
}

impl Windows {
    /// A new index: every window.
    #[inline(always)]
    pub fn observe_index(&mut self, widths: Widths, price: u64, now: i64) {
        self.short_index.observe(widths.short, price, now);
        self.observe_mark(widths, price, now);
    }

    /// A new mark: the short mixed window and the long one.
    #[inline(always)]
    pub fn observe_mark(&mut self, widths: Widths, price: u64, now: i64) {
        self.reach(widths, now);
        self.short.note(price);
        self.long.observe(widths.long, price, now);
    }

    /// A print of qualifying volume: the short mixed window alone, which only trades are measured by. Whether
    /// it qualifies is the caller's to say.
    #[inline(always)]
    pub fn observe_trade(&mut self, widths: Widths, price: u64, now: i64) {
        self.reach(widths, now);
        self.short.note(price);
    }

    /// Adds traded lots to the running bucket of the short window; saturates, since more than 2^64 lots
    /// is beyond every threshold.
    #[inline(always)]
    pub fn record_volume(&mut self, widths: Widths, lots: u64, now: i64) {
        self.reach(widths, now);
        if let Some(volume) = self.short_volume.get_mut(slot_of(self.short.running)) {
            *volume = volume.saturating_add(lots);
        }
    }

    /// Lots traded in the short window, the running bucket included.
    #[inline(always)]
    pub fn volume(&self, widths: Widths, now: i64) -> u64 {
        let running = self.short.running;
        let begun = begun_since(running, number_at(widths.short, now));
        let kept = 8_i64.saturating_sub(i64::try_from(begun).unwrap_or(i64::MAX));
        let (mut sum, mut slot) = (0_u64, slot_of(running));
        for _ in 0..kept {
            sum = sum.saturating_add(self.short_volume.get(slot).copied().unwrap_or(0));
            slot = slot_before(slot);
        }
        sum
    }

    /// Forgets everything and begins again at `price` (spec §7: at the reopening reference; also when a
    /// window's length changes).
    pub fn restart(&mut self, widths: Widths, price: u64, now: i64) {
        *self = Self::zeroed();
        self.observe_index(widths, price, now);
    }

    /// Moves the short window to `now`, its volumes with its prices.
    #[inline(always)]
    fn reach(&mut self, widths: Widths, now: i64) {
        let number = number_at(widths.short, now);
        if number > self.short.running {
            self.reach_next(number);
        }
    }

    #[inline(never)]
    fn reach_next(&mut self, number: i64) {
        let running = self.short.running;
        for slot in begun_slots(running, begun_since(running, number)) {
            if let Some(volume) = self.short_volume.get_mut(slot) {
                *volume = 0;
            }
        }
        self.short.rotate(number);
    }
}
