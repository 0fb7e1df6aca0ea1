//! The rolling windows of spec §7 by their words: for each price the bucket that it was seen in, none of them
//! ever overwritten, and what of that the last eight buckets hold.

use std::collections::BTreeMap;

use num_bigint::BigInt;

use super::ledger::big;
use super::{shares, Market};

/// Highest and lowest price, Q.32.
pub type Extremes = (u64, u64);

pub fn join(one: Option<Extremes>, other: Option<Extremes>) -> Option<Extremes> {
    match (one, other) {
        (Some(a), Some(b)) => Some((a.0.max(b.0), a.1.min(b.1))),
        (one, other) => one.or(other),
    }
}

/// Whether `price` / `unit` lies more than `ppm` over the lowest or under the highest.
pub fn outside((high, low): Extremes, price: &BigInt, unit: u64, ppm: u32) -> bool {
    let million = big(1_000_000);
    let scaled = price * &million;
    scaled > big(low) * (&million + ppm) * unit || scaled < big(high) * (million - ppm) * unit
}

fn bucket(width: u32, at: i64) -> i64 {
    at / i64::from(width)
}

#[derive(Clone, Default)]
pub struct WindowModel(BTreeMap<i64, Extremes>);

impl WindowModel {
    fn see(&mut self, width: u32, price: u64, now: i64) {
        let number = bucket(width, now);
        let seen = self.0.entry(number).or_insert((price, price));
        *seen = (seen.0.max(price), seen.1.min(price));
        self.0.retain(|at, _| *at > number - 9);
    }

    fn range(&self, width: u32, now: i64) -> Option<Extremes> {
        let recent = self.0.range(bucket(width, now) - 7..);
        recent.fold(None, |all, (_, seen)| join(all, Some(*seen)))
    }
}

#[derive(Clone, Default)]
pub struct WindowsModel {
    short: WindowModel,
    short_index: WindowModel,
    long: WindowModel,
    volume: BTreeMap<i64, u64>,
}

impl Market {
    fn widths(&self) -> (u32, u32) {
        let params = &self.header.params;
        (
            params.velocity_short_seconds.div_ceil(7),
            params.velocity_long_seconds.div_ceil(7),
        )
    }

    /// Index and mark in force; of before the last reopening only the index.
    fn standing(&self) -> Option<Extremes> {
        let prices = &self.header.prices;
        if prices.index == 0 || prices.mark == 0 {
            return None;
        }
        let index = Some((prices.index, prices.index));
        if prices.mark_time < self.halt.reopened_at {
            return index;
        }
        join(index, Some((prices.mark, prices.mark)))
    }

    /// Bands of a refresh: the short one of the index alone and the long one.
    pub fn refresh_bands(&self, now: i64) -> [Option<Extremes>; 2] {
        let (short, long) = self.widths();
        let windows = &self.halt.windows;
        [
            windows.short_index.range(short, now),
            windows.long.range(long, now),
        ]
        .map(|range| join(range, self.standing()))
    }

    fn see_index(&mut self, price: u64, now: i64) {
        let (short, long) = self.widths();
        let windows = &mut self.halt.windows;
        windows.short_index.see(short, price, now);
        windows.short.see(short, price, now);
        windows.long.see(long, price, now);
    }

    fn see_mark(&mut self, price: u64, now: i64) {
        let (short, long) = self.widths();
        self.halt.windows.short.see(short, price, now);
        self.halt.windows.long.see(long, price, now);
    }

    /// A refresh: what stood before it stood until now.
    pub fn see_refresh(&mut self, before: &Market, now: i64) {
        if let Some((high, low)) = before.standing() {
            self.see_index(before.header.prices.index, now);
            self.see_mark(high, now);
            self.see_mark(low, now);
        }
        self.see_index(self.header.prices.index, now);
        self.see_mark(self.header.prices.mark, now);
    }

    /// Both begin again at the index.
    pub fn restart_windows(&mut self, at: i64) {
        self.halt.windows = WindowsModel::default();
        self.see_index(self.header.prices.index, at);
    }

    fn volume(&self, now: i64) -> u64 {
        let (short, _) = self.widths();
        let recent = self.halt.windows.volume.range(bucket(short, now) - 7..);
        recent.map(|(_, lots)| lots).sum()
    }

    fn qualifies(&self, lots: u64, ppm: u32) -> bool {
        let params = &self.header.params;
        let base = big(lots) * params.base_atoms_per_lot * 1_000_000;
        let open = shares::larger_open_interest(&self.header);
        lots >= params.trip_volume_lots_min && base >= open * ppm
    }

    /// What an order has printed, once it is written: its lots, and its last price where the volume counts.
    pub fn see_trades(&mut self, lots: u64, last: u64, now: i64) {
        let (short, _) = self.widths();
        let number = bucket(short, now);
        let volume = &mut self.halt.windows.volume;
        *volume.entry(number).or_default() += lots;
        volume.retain(|at, _| *at > number - 9);
        if self.qualifies(self.volume(now), self.header.params.trip_volume_moved_ppm) {
            self.halt.windows.short.see(short, last, now);
        }
    }

    /// Whether a print at that many ticks, the order's lots so far with it, is one to stop before.
    pub fn stops_before(&self, ticks: u64, lots: u64, now: i64) -> bool {
        let params = &self.header.params;
        let (short, _) = self.widths();
        let windows = &self.halt.windows;
        let Some(range) = join(windows.short.range(short, now), self.standing()) else {
            return false;
        };
        let price = (big(ticks) * params.quote_atoms_per_lot_tick) << 32;
        if !outside(
            range,
            &price,
            params.base_atoms_per_lot,
            params.velocity_short_ppm,
        ) {
            return false;
        }
        let index = self.header.prices.index;
        let (high, low) =
            join(windows.short_index.range(short, now), Some((index, index))).unwrap();
        let half = big(2_000_000) + params.velocity_short_ppm;
        let moved = big(high) * 2_000_000 >= big(low) * half;
        let share = if moved {
            params.trip_volume_moved_ppm
        } else {
            params.trip_volume_alone_ppm
        };
        self.qualifies(self.volume(now) + lots, share)
    }
}
