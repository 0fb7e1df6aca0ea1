//! The recorded tapes of the demo: which one is an index, which one only a venue next door.

use std::path::{Path, PathBuf};

use anyhow::{ensure, Context, Result};
use plimsoll_localnet::prices::{CsvTape, PricePoint};

use super::bots::Pressure;
use super::story::{MarketStory, Story, MARKETS};

/// Seconds before the stretch from which a first price may come: an index is never older at the start.
const LEAD_SECONDS: i64 = 120;
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
    /// Where the other venue traded at a second of the tape, against the index of that second.
    pub fn pressure(&self, tape_seconds: i64) -> Pressure {
        let newest = |points: &[PricePoint]| {
            let due = points.partition_point(|point| point.unix_seconds <= tape_seconds);
            let last = points.get(due.checked_sub(1)?)?;
            (tape_seconds - last.unix_seconds <= PERPETUAL_AGE_MAX).then_some(last.price_e8)
        };
        let (Some(there), Some(here)) = (newest(&self.perpetual), newest(self.index.points()))
        else {
            return Pressure::default();
        };
        let gap = (i128::from(there) - i128::from(here)) * 1_000_000 / i128::from(here.max(1));
        Pressure {
            gap_ppm: i64::try_from(gap).unwrap_or(0),
        }
    }

    /// Longest stretch without a price, seconds.
    pub fn longest_silence(&self) -> i64 {
        let points = self.index.points();
        let gaps = points.iter().zip(points.iter().skip(1));
        gaps.map(|(before, after)| after.unix_seconds - before.unix_seconds)
            .max()
            .unwrap_or(0)
    }
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
                tape.between(story.tape_start - LEAD_SECONDS, story.tape_end)
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
        let silences: Vec<i64> = tapes.iter().map(|tape| tape.longest_silence()).collect();
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
