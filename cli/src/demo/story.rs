//! What is played: which stretch of the recorded evening, at what speed, with whom.

use std::time::Duration;

use plimsoll_client::engine::cash::GAIN_INTERVAL_SECONDS;

/// A market of the demo and the recorded tapes behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarketStory {
    /// Symbol as the cluster's file names it.
    pub symbol: &'static str,
    /// The spot tape that is the index.
    pub index_tape: &'static str,
    /// The perpetual of another venue that takers watch.
    pub perpetual_tape: Option<&'static str>,
}

/// Most active first: half of the takers' orders go to the first one.
pub const MARKETS: [MarketStory; 4] = [
    MarketStory {
        symbol: "AVAX",
        index_tape: "avax_spot_coinbase_1s.csv",
        perpetual_tape: Some("avax_perp_binance_1s.csv"),
    },
    MarketStory {
        symbol: "BTC",
        index_tape: "btc_spot_gemini_1s.csv",
        perpetual_tape: None,
    },
    MarketStory {
        symbol: "ETH",
        index_tape: "eth_spot_gemini_1s.csv",
        perpetual_tape: None,
    },
    MarketStory {
        symbol: "SOL",
        index_tape: "sol_spot_gemini_1s.csv",
        perpetual_tape: None,
    },
];

/// 10 October 2025, 21:00:00 UTC.
const EVENING: i64 = 1_760_130_000;
/// A deposit is due in every stretch of this length, tape seconds.
pub const MINUTE: i64 = GAIN_INTERVAL_SECONDS;
/// Everything random follows from this.
pub const SEED: u64 = 20_251_010;

/// One telling of the story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Story {
    /// First and last second of the tape, unix seconds; whole minutes.
    pub tape_start: i64,
    pub tape_end: i64,
    /// Tape seconds for each second of the wall clock; a slower machine plays slower.
    pub speed: u32,
    /// Tape seconds from one look at the chain to the next.
    pub step_seconds: i64,
    /// Makers, each in every market.
    pub makers: u64,
    pub takers: u64,
    /// Tape seconds after which a maker replaces quotes that the index has not moved away from.
    pub requote_seconds: i64,
    /// Tape seconds between a taker's orders, on average.
    pub take_pause_seconds: u64,
    /// Tape seconds between two settlements of everybody.
    pub settle_seconds: i64,
}

impl Story {
    /// 21:00 to 21:40: the whole fall.
    pub const fn whole(speed: Option<u32>) -> Self {
        Self {
            tape_start: EVENING,
            tape_end: EVENING + 40 * 60,
            speed: match speed {
                Some(speed) => speed,
                None => 12,
            },
            step_seconds: 2,
            makers: 4,
            takers: 6,
            requote_seconds: 9,
            take_pause_seconds: 6,
            settle_seconds: 180,
        }
    }

    /// 21:10 to 21:22: two quiet minutes, in which the farmers hedge, and the fall's first ten, with fewer
    /// traders.
    pub const fn fast(speed: Option<u32>) -> Self {
        Self {
            tape_start: EVENING + 10 * 60,
            tape_end: EVENING + 22 * 60,
            speed: match speed {
                Some(speed) => speed,
                None => 15,
            },
            step_seconds: 2,
            makers: 2,
            takers: 4,
            requote_seconds: 9,
            take_pause_seconds: 5,
            settle_seconds: 120,
        }
    }

    /// Minutes of the tape that are played.
    pub fn minutes(&self) -> usize {
        usize::try_from((self.tape_end - self.tape_start) / MINUTE).unwrap_or(0)
    }

    /// Wall time of the tape on a machine that keeps up.
    pub fn wall_time(&self) -> Duration {
        let seconds = u64::try_from(self.tape_end - self.tape_start).unwrap_or(0);
        Duration::from_secs(seconds / u64::from(self.speed.max(1)))
    }

    /// When, after the start of playing, a second of the tape is due.
    pub fn due(&self, tape_seconds: i64) -> Duration {
        let ahead = u64::try_from(tape_seconds - self.tape_start).unwrap_or(0);
        Duration::from_millis(ahead * 1_000 / u64::from(self.speed.max(1)))
    }
}

/// A second of the tape as a time of day, UTC.
pub fn time_of_day(unix_seconds: i64) -> String {
    let second = unix_seconds.rem_euclid(86_400);
    format!(
        "{:02}:{:02}:{:02}",
        second / 3_600,
        second / 60 % 60,
        second % 60
    )
}

#[cfg(test)]
mod tests {
    use super::{time_of_day, Story, MINUTE};

    #[test]
    fn both_tellings_are_whole_minutes_and_contain_the_crash() {
        for story in [Story::whole(None), Story::fast(None)] {
            assert_eq!(story.tape_start % MINUTE, 0);
            assert_eq!(story.tape_end % MINUTE, 0);
            // AVAX fell fastest between 21:15 and 21:20.
            assert!(story.tape_start <= 1_760_130_900 && story.tape_end >= 1_760_131_200);
        }
        assert_eq!(Story::whole(None).minutes(), 40);
        assert_eq!(time_of_day(Story::whole(None).tape_end), "21:40:00");
    }

    #[test]
    fn a_second_of_the_tape_is_due_at_its_speed() {
        let story = Story::fast(Some(10));
        assert_eq!(story.due(story.tape_start + 60).as_secs(), 6);
        assert_eq!(story.wall_time().as_secs(), 72);
    }
}
