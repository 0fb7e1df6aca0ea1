//! Recorded tapes as a source, for trials: prices count as published when they are played.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use plimsoll_tapes::{CsvTape, PriceSource as _, PRICE_EXPONENT};

use super::{unix_now, Board, FeedId, Observation, PriceSource};
use crate::sources::Ended;

/// Publish times have whole seconds, so more than one price a second would be wasted.
const STEP: Duration = Duration::from_secs(1);

/// A tape and the feed that it stands for.
#[derive(Clone, Debug)]
pub struct TapeFeed {
    pub feed_id: FeedId,
    pub tape: CsvTape,
}

/// Tapes that are played side by side from the beginning of the earliest.
#[derive(Debug)]
pub struct Tape {
    feeds: Vec<TapeFeed>,
    /// Seconds of tape in a second.
    speed: u32,
    start: i64,
}

impl Tape {
    /// `feeds`: at least one; `speed`: above zero.
    ///
    /// # Errors
    /// Without a tape, or at speed zero.
    pub fn new(feeds: Vec<TapeFeed>, speed: u32) -> anyhow::Result<Self> {
        anyhow::ensure!(
            speed != 0,
            "a tape that is played at speed zero says nothing"
        );
        let starts = feeds.iter().map(|feed| feed.tape.tape_start());
        let start = starts.min().context("no tape is named")?;
        Ok(Self {
            feeds,
            speed,
            start,
        })
    }

    /// The newest price of each feed that is due `seconds` after the start and was not before, published at
    /// `now`; `None` when all tapes are over.
    fn play(&mut self, seconds: u64, now: i64) -> Option<Vec<Observation>> {
        let along = seconds.saturating_mul(self.speed.into());
        let tape_now =
            i64::try_from(along).map_or(i64::MAX, |along| self.start.saturating_add(along));
        if self.feeds.iter().all(|feed| feed.tape.is_over()) {
            return None;
        }
        let played = self.feeds.iter_mut().filter_map(|feed| {
            let point = feed.tape.next_until(tape_now).pop()?;
            Some(Observation {
                feed_id: feed.feed_id,
                price: point.price_e8,
                exponent: PRICE_EXPONENT,
                confidence: point.conf_e8,
                publish_time: now,
                received_at: now,
                signed: None,
            })
        });
        Some(played.collect())
    }
}

impl PriceSource for Tape {
    fn name(&self) -> &'static str {
        "tape"
    }

    fn run(mut self: Box<Self>, board: Board) -> Ended {
        Box::pin(async move {
            let begun = Instant::now();
            let mut steps = tokio::time::interval(STEP);
            loop {
                steps.tick().await;
                let Some(played) = self.play(begun.elapsed().as_secs(), unix_now()) else {
                    return anyhow::anyhow!("the tape is over");
                };
                for observation in played {
                    board.push(observation);
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tape(rows: &[(i64, i64)]) -> CsvTape {
        let rows = rows
            .iter()
            .map(|(second, price)| format!("{second},{price},{price},{price},{price},1,1"));
        let header = "unix_seconds,open,high,low,close,volume,trades".to_owned();
        let lines: Vec<String> = std::iter::once(header).chain(rows).collect();
        CsvTape::read("tape", lines.join("\n").as_bytes()).expect("a tape")
    }

    fn two_tapes(speed: u32) -> Tape {
        let feeds = vec![
            TapeFeed {
                feed_id: [1; 32],
                tape: tape(&[(100, 10), (101, 11), (112, 12)]),
            },
            TapeFeed {
                feed_id: [2; 32],
                tape: tape(&[(105, 20)]),
            },
        ];
        Tape::new(feeds, speed).expect("tapes")
    }

    fn played(tape: &mut Tape, seconds: u64) -> Option<Vec<(u8, i64, i64)>> {
        let now = 5_000 + i64::try_from(seconds).expect("small");
        let played = tape.play(seconds, now)?;
        let told = played.iter().map(|seen| {
            let dollars = seen.price / 100_000_000;
            (seen.feed_id[0], dollars, seen.publish_time)
        });
        Some(told.collect())
    }

    #[test]
    fn tapes_run_side_by_side_and_silence_stays_silence() {
        let mut tape = two_tapes(1);
        assert_eq!(played(&mut tape, 0), Some(vec![(1, 10, 5_000)]));
        assert_eq!(played(&mut tape, 1), Some(vec![(1, 11, 5_001)]));
        assert_eq!(played(&mut tape, 4), Some(vec![]));
        assert_eq!(played(&mut tape, 5), Some(vec![(2, 20, 5_005)]));
        assert_eq!(played(&mut tape, 12), Some(vec![(1, 12, 5_012)]));
        assert_eq!(played(&mut tape, 13), None);
    }

    #[test]
    fn at_speed_the_last_price_of_a_step_is_the_one_that_is_told() {
        let mut tape = two_tapes(6);
        assert_eq!(played(&mut tape, 0), Some(vec![(1, 10, 5_000)]));
        let step = vec![(1, 11, 5_001), (2, 20, 5_001)];
        assert_eq!(played(&mut tape, 1), Some(step));
        // A late step tells what was missed before the end.
        assert_eq!(played(&mut tape, 9), Some(vec![(1, 12, 5_009)]));
        assert_eq!(played(&mut tape, 9), None);
    }

    #[test]
    fn no_tape_and_no_speed_are_refused() {
        assert!(Tape::new(Vec::new(), 1).is_err());
        let feeds = two_tapes(1).feeds;
        assert!(Tape::new(feeds, 0).is_err());
    }
}
