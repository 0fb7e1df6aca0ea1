//! The stretch of the tapes that is played: second by second, silent seconds included.

use std::str::FromStr;

use anyhow::{anyhow, ensure, Error, Result};
use plimsoll_tapes::{Candle, CsvTape, PricePoint};

/// Length of the window in which the index falls most, seconds.
const WORST_SECONDS: u32 = 600;
/// Longest stretch, seconds: a week.
const SECONDS_MAX: i64 = 604_800;
const DAY: i64 = 86_400;

/// A second: of Unix time, or of the day on which a tape begins (UTC).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    Unix(i64),
    OfDay(i64),
}

impl When {
    /// Unix seconds, for a tape that begins at `first`.
    fn unix(self, first: i64) -> i64 {
        match self {
            Self::Unix(seconds) => seconds,
            Self::OfDay(seconds) => first - first.rem_euclid(DAY) + seconds,
        }
    }
}

impl FromStr for When {
    type Err = Error;

    /// `21:10`, `21:10:30` or Unix seconds.
    fn from_str(text: &str) -> Result<Self> {
        let wrong = || anyhow!("{text:?} is no time: say 21:10, 21:10:30 or Unix seconds");
        if !text.contains(':') {
            return text.parse().map(Self::Unix).map_err(|_| wrong());
        }
        let parts: Result<Vec<i64>, _> = text.split(':').map(str::parse).collect();
        let parts = parts.map_err(|_| wrong())?;
        let (hours, minutes, seconds) = match parts[..] {
            [hours, minutes] => (hours, minutes, 0),
            [hours, minutes, seconds] => (hours, minutes, seconds),
            _ => return Err(wrong()),
        };
        let sound = (0..24).contains(&hours) && (0..60).contains(&minutes);
        ensure!(sound && (0..60).contains(&seconds), wrong());
        Ok(Self::OfDay(hours * 3_600 + minutes * 60 + seconds))
    }
}

/// An index and, if there is one, a perpetual, cut to the same seconds.
#[derive(Clone, Debug)]
pub struct Stretch {
    /// First second, Unix time.
    pub start: i64,
    pub seconds: u32,
    /// First and last second of the ten minutes in which the index falls most.
    pub worst: (u32, u32),
    first: Candle,
    index: Vec<Option<(Candle, PricePoint)>>,
    perp: Option<Vec<Option<Candle>>>,
    /// What makers believe in, each second.
    believed: Vec<i64>,
    /// Last close of the index, each second.
    closes: Vec<i64>,
}

impl Stretch {
    /// Cuts the tapes to `from..=until`; where one is not given, to the index's own first or last.
    ///
    /// # Errors
    /// When nothing of the index, or of a perpetual that was given, is left.
    pub fn cut(
        index: &CsvTape,
        perp: Option<&CsvTape>,
        from: Option<When>,
        until: Option<When>,
    ) -> Result<Self> {
        let candles = index.candles();
        let own_first = candles.first().map_or(0, |candle| candle.unix_seconds);
        let own_last = candles.last().map_or(0, |candle| candle.unix_seconds);
        let start = from
            .map_or(own_first, |when| when.unix(own_first))
            .max(own_first);
        let last = until
            .map_or(own_last, |when| when.unix(own_first))
            .min(own_last);
        ensure!(
            start <= last,
            "the index has no trade in this stretch: it goes from {own_first} to {own_last}"
        );
        ensure!(
            last - start < SECONDS_MAX,
            "the stretch is longer than a week"
        );
        let seconds = u32::try_from(last - start + 1)?;
        let place = |second: i64| usize::try_from(second - start).ok();
        let mut rows = vec![None; usize::try_from(seconds)?];
        let mut first = None;
        for (candle, point) in candles.iter().zip(index.points()) {
            if candle.unix_seconds <= start {
                first = Some(*candle);
            }
            if let Some(row) = place(candle.unix_seconds).and_then(|at| rows.get_mut(at)) {
                *row = Some((*candle, *point));
            }
        }
        let first = first.unwrap_or_else(|| candles[0]);
        let perp = perp.map(|tape| {
            let mut rows = vec![None; rows.len()];
            for candle in tape.candles() {
                if let Some(row) = place(candle.unix_seconds).and_then(|at| rows.get_mut(at)) {
                    *row = Some(*candle);
                }
            }
            rows
        });
        ensure!(
            !perp.as_ref().is_some_and(|rows| rows.iter().all(Option::is_none)),
            "the perpetual has no trade in this stretch, from {start} to {last}: is it of another day?"
        );
        let closes = carried(first.close_e8, rows.iter().map(|row| row.map(|(c, _)| c)));
        let believed = match &perp {
            Some(rows) => carried(first.close_e8, rows.iter().copied()),
            None => closes.clone(),
        };
        Ok(Self {
            start,
            seconds,
            worst: worst(&closes),
            first,
            index: rows,
            perp,
            believed,
            closes,
        })
    }

    /// The second by whose close everybody enters: the last one up to the start.
    pub const fn first(&self) -> Candle {
        self.first
    }

    pub fn index_at(&self, second: u32) -> Option<(Candle, PricePoint)> {
        let at = usize::try_from(second).ok()?;
        self.index.get(at).copied().flatten()
    }

    pub fn perp_at(&self, second: u32) -> Option<Candle> {
        let at = usize::try_from(second).ok()?;
        self.perp.as_ref()?.get(at).copied().flatten()
    }

    pub const fn has_perp(&self) -> bool {
        self.perp.is_some()
    }

    /// The last close that makers have seen: of the perpetual where there is one.
    pub fn believed_at(&self, second: u32) -> i64 {
        let at = usize::try_from(second).unwrap_or(usize::MAX);
        self.believed
            .get(at)
            .copied()
            .unwrap_or(self.first.close_e8)
    }

    /// Last close of the index in every second.
    pub fn closes(&self) -> &[i64] {
        &self.closes
    }
}

/// The last close of every second.
fn carried(first: i64, rows: impl Iterator<Item = Option<Candle>>) -> Vec<i64> {
    let mut last = first;
    rows.map(|row| {
        last = row.map_or(last, |candle| candle.close_e8);
        last
    })
    .collect()
}

/// The window in which the price falls most, in proportion, from its first second to its lowest.
fn worst(closes: &[i64]) -> (u32, u32) {
    let length = usize::try_from(WORST_SECONDS).unwrap_or(usize::MAX);
    let (mut deepest, mut at) = (0_i128, 0_usize);
    for (place, first) in closes.iter().enumerate() {
        let window = closes.iter().skip(place).take(length);
        let lowest = window.min().copied().unwrap_or(*first);
        let fall = i128::from(first.saturating_sub(lowest)) * 1_000_000 / i128::from(*first).max(1);
        if fall > deepest {
            (deepest, at) = (fall, place);
        }
    }
    let first = u32::try_from(at).unwrap_or(0);
    let last = u32::try_from(closes.len().saturating_sub(1)).unwrap_or(0);
    (first, first.saturating_add(WORST_SECONDS - 1).min(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tape(rows: &[(i64, i64)]) -> CsvTape {
        let mut text = "unix_seconds,open,high,low,close,volume,trades\n".to_owned();
        for (second, price) in rows {
            text += &format!("{second},{price},{price},{price},{price},1,1\n");
        }
        CsvTape::read("t.csv", text.as_bytes()).expect("a tape")
    }

    #[test]
    fn a_time_is_of_the_day_or_of_the_epoch() {
        let first = 1_760_126_407;
        let unix = |text: &str| text.parse::<When>().map(|when| when.unix(first)).ok();
        assert_eq!(unix("21:10"), Some(1_760_130_600));
        assert_eq!(unix("21:10:05"), Some(1_760_130_605));
        assert_eq!(unix("1760130600"), Some(1_760_130_600));
        for wrong in ["24:00", "21:60", "21", "x", "1:2:3:4", "-1:00"] {
            let read = wrong.parse::<When>();
            assert!(wrong == "21" || read.is_err(), "{wrong}: {read:?}");
        }
    }

    #[test]
    fn silent_seconds_are_kept_and_the_last_close_stands() {
        let index = tape(&[(100, 5), (102, 4), (110, 6)]);
        let stretch = Stretch::cut(&index, None, None, Some(When::Unix(105))).expect("a stretch");
        assert_eq!((stretch.start, stretch.seconds), (100, 6));
        assert!(stretch.index_at(1).is_none());
        assert_eq!(stretch.believed_at(1), 500_000_000);
        assert_eq!(stretch.closes()[5], 400_000_000);
        assert!(Stretch::cut(&index, None, Some(When::Unix(111)), None).is_err());
    }

    #[test]
    fn a_stretch_in_the_middle_begins_at_the_close_before_it() {
        let index = tape(&[(100, 5), (102, 4), (110, 6)]);
        let stretch = Stretch::cut(&index, None, Some(When::Unix(105)), None).expect("a stretch");
        assert_eq!(stretch.first().close_e8, 400_000_000);
        assert!(stretch.index_at(0).is_none());
    }

    #[test]
    fn makers_believe_in_the_perpetual_where_there_is_one() {
        let index = tape(&[(100, 5), (103, 5)]);
        let perp = tape(&[(101, 3)]);
        let stretch = Stretch::cut(&index, Some(&perp), None, None).expect("a stretch");
        assert_eq!(stretch.believed_at(0), 500_000_000);
        assert_eq!(stretch.believed_at(2), 300_000_000);
    }

    #[test]
    fn a_perpetual_of_another_day_is_refused() {
        let index = tape(&[(100, 5), (103, 5)]);
        let perp = tape(&[(90, 3), (104, 3)]);
        let error = Stretch::cut(&index, Some(&perp), None, None).expect_err("no overlap");
        assert!(error.to_string().contains("perpetual"), "{error}");
    }

    #[test]
    fn the_worst_window_begins_where_the_fall_does() {
        let mut rows: Vec<(i64, i64)> = (0..2_000).map(|second| (1_000 + second, 100)).collect();
        for (second, row) in rows.iter_mut().enumerate().skip(900) {
            row.1 = if second < 1_000 { 60 } else { 90 };
        }
        let stretch = Stretch::cut(&tape(&rows), None, None, None).expect("a stretch");
        assert!(
            stretch.worst.0 <= 900 && stretch.worst.1 >= 900,
            "{:?}",
            stretch.worst
        );
        assert_eq!(stretch.worst.1 - stretch.worst.0, 599);
    }
}
