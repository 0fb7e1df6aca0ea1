//! The recorded tapes of the demo: which one is an index, which one only a venue next door.

use std::path::{Path, PathBuf};

use anyhow::{ensure, Context, Result};
use plimsoll_localnet::prices::{CsvTape, PricePoint};

use super::bots::Pressure;
use super::story::{MarketStory, Story, MARKETS};

/// Seconds before the stretch in which a market's last price is looked for: tapes are silent for up to
/// thirteen minutes, and a market that existed before has an index, old as it may be.
const LEAD_SECONDS: i64 = 3_600;
/// Widest confidence of a price that opens a market, ppm; the program takes no wider one.
const CONFIDENCE_PPM_MAX: u128 = 5_000;
/// Seconds after the stretch in which the tapes go on if need be: until a market that is halted at its end
/// has reopened.
pub const TAIL_SECONDS: i64 = 120;
/// A price of the other venue older than this says nothing, seconds.
const PERPETUAL_AGE_MAX: i64 = 30;

/// The tapes of one market.
#[derive(Clone, Debug)]
pub struct MarketTapes {
    pub story: MarketStory,
    pub index: CsvTape,
    perpetual: Vec<PricePoint>,
}

impl MarketTapes {
    /// What the other venue's perpetual last printed, 10^-8 dollars.
    pub fn perpetual(&self, tape_seconds: i64) -> Option<i64> {
        newest(&self.perpetual, tape_seconds)
    }

    /// Where the other venue traded at a second of the tape, against the index of that second.
    pub fn pressure(&self, tape_seconds: i64) -> Pressure {
        let here = newest(self.index.points(), tape_seconds);
        let (Some(there), Some(here)) = (self.perpetual(tape_seconds), here) else {
            return Pressure::default();
        };
        let gap = (i128::from(there) - i128::from(here)) * 1_000_000 / i128::from(here.max(1));
        Pressure {
            gap_ppm: i64::try_from(gap).unwrap_or(0),
        }
    }

    /// The last second before the stretch, or its first one, with a price that opens the market.
    pub fn opening(&self, tape_start: i64) -> Option<i64> {
        let sure = |point: &&PricePoint| {
            u128::from(point.conf_e8) * 1_000_000
                <= u128::from(point.price_e8.unsigned_abs()) * CONFIDENCE_PPM_MAX
        };
        let before = self.index.points().iter();
        before
            .filter(|point| point.unix_seconds <= tape_start)
            .rfind(sure)
            .map(|point| point.unix_seconds)
    }

    /// Longest stretch without a price that reaches into the story, seconds.
    pub fn longest_silence(&self, story: &Story) -> i64 {
        let seconds = self.index.points().iter().map(|point| point.unix_seconds);
        let seconds = seconds.filter(|second| *second <= story.tape_end);
        let next = seconds.clone().skip(1).chain([story.tape_end]);
        let gaps = seconds.zip(next);
        gaps.filter(|(_, after)| *after > story.tape_start)
            .map(|(before, after)| after - before)
            .max()
            .unwrap_or(0)
    }
}

/// The newest price that is not too old.
fn newest(points: &[PricePoint], tape_seconds: i64) -> Option<i64> {
    let due = points.partition_point(|point| point.unix_seconds <= tape_seconds);
    let last = points.get(due.checked_sub(1)?)?;
    (tape_seconds - last.unix_seconds <= PERPETUAL_AGE_MAX).then_some(last.price_e8)
}

/// Where the tapes lie unless the caller says otherwise: the workspace's `data` folder.
pub fn folder_default() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../data")
}

/// Reads the tapes of every market, cut to the story's stretch.
pub fn open(folder: &Path, story: &Story) -> Result<Vec<MarketTapes>> {
    ensure!(
        folder.is_dir(),
        "{} is no folder: name the one with the recorded tapes by --data",
        folder.display()
    );
    MARKETS
        .into_iter()
        .map(|market| {
            let cut = |file: &str| -> Result<CsvTape> {
                let tape = CsvTape::open(folder.join(file))?;
                tape.between(
                    story.tape_start - LEAD_SECONDS,
                    story.tape_end + TAIL_SECONDS,
                )
                .with_context(|| format!("{file}: nothing to play"))
            };
            let index = cut(market.index_tape)?;
            let perpetual = match market.perpetual_tape {
                Some(file) => cut(file)?.points().to_vec(),
                None => Vec::new(),
            };
            Ok(MarketTapes {
                story: market,
                index,
                perpetual,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{folder_default, open, Pressure};
    use crate::demo::story::Story;

    #[test]
    fn the_recorded_evening_has_its_crash_and_its_silences() {
        let story = Story::whole(None);
        let tapes = open(&folder_default(), &story).expect("the tapes of the repository");
        let silences: Vec<i64> = tapes
            .iter()
            .map(|tape| tape.longest_silence(&story))
            .collect();
        assert!(silences[0] < 15, "AVAX is never silent: {silences:?}");
        assert!(
            silences[1..].iter().all(|silence| *silence > 60),
            "{silences:?}"
        );
        let lowest = (story.tape_start..story.tape_end)
            .map(|second| tapes[0].pressure(second).gap_ppm)
            .min();
        assert!(
            lowest < Some(-300_000),
            "the perpetual fell below spot: {lowest:?}"
        );
        assert_eq!(
            tapes[1].pressure(story.tape_start + 60),
            Pressure::default()
        );
    }

    #[test]
    fn a_missing_folder_is_named() {
        let missing = folder_default().join("nowhere");
        let error = open(&missing, &Story::fast(None)).expect_err("no folder");
        assert!(error.to_string().contains("--data"), "{error}");
    }
}
