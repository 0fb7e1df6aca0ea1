//! Arithmetic between three clocks: the tape's, the chain's, and the wall's.
//!
//! A tape is a day in the past and a chain's clock never goes back, so a tape is played in the
//! chain's near future: a constant is added to every second of it. Pure; all times are seconds.

use std::time::Duration;

use anyhow::{bail, Result};

/// Intervals of the exchange begin at whole minutes; a shift by whole minutes keeps the tape's
/// events where they were within them.
pub const ALIGN_SECONDS_DEFAULT: i64 = 60;

/// A constant shift from tape time to chain time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TapeShift {
    /// First second of the tape, Unix seconds.
    pub tape_start: i64,
    /// The chain's second at which it is played, Unix seconds.
    pub chain_start: i64,
}

impl TapeShift {
    /// The earliest shift that starts strictly after `chain_now` and is a multiple of
    /// `align_seconds` (at least 1).
    pub fn after(chain_now: i64, tape_start: i64, align_seconds: i64) -> Result<Self> {
        if align_seconds < 1 {
            bail!("a tape cannot be aligned to {align_seconds} s: at least 1");
        }
        let Some(behind) = chain_now.checked_sub(tape_start) else {
            bail!("tape start {tape_start} and chain time {chain_now} are too far apart");
        };
        let shift = behind.div_euclid(align_seconds).checked_add(1);
        let chain_start = shift
            .and_then(|steps| steps.checked_mul(align_seconds))
            .and_then(|shift| tape_start.checked_add(shift));
        match chain_start {
            Some(chain_start) => Ok(Self {
                tape_start,
                chain_start,
            }),
            None => bail!("tape start {tape_start} and chain time {chain_now} are too far apart"),
        }
    }

    /// Seconds added to a tape time to get a chain time.
    pub fn seconds(&self) -> i64 {
        self.chain_start.saturating_sub(self.tape_start)
    }

    /// The chain's second for a second of the tape.
    pub fn to_chain(&self, tape_seconds: i64) -> i64 {
        tape_seconds.saturating_add(self.seconds())
    }

    /// The tape's second for a second of the chain.
    pub fn to_tape(&self, chain_seconds: i64) -> i64 {
        chain_seconds.saturating_sub(self.seconds())
    }
}

/// How fast a stretch of tape is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// First second of the stretch, tape time.
    pub tape_start: i64,
    /// Last second of the stretch, tape time; playing ends there.
    pub tape_end: i64,
    /// Tape seconds for each second of the wall clock.
    pub speed: u32,
    /// Wall time from one step to the next.
    pub step: Duration,
}

impl Pace {
    /// Refuses a stretch that would never end or never begin.
    pub fn validate(&self) -> Result<()> {
        if self.speed == 0 {
            bail!("a tape at speed 0 never ends");
        }
        if self.tape_end < self.tape_start {
            bail!(
                "the tape's end {} is before its start {}",
                self.tape_end,
                self.tape_start
            );
        }
        Ok(())
    }

    /// The tape's second after `elapsed` of wall time, rounded down, never past the end.
    pub fn tape_time_after(&self, elapsed: Duration) -> i64 {
        let tape_ms = elapsed.as_millis().saturating_mul(u128::from(self.speed));
        let seconds = i64::try_from(tape_ms / 1_000).unwrap_or(i64::MAX);
        self.tape_start.saturating_add(seconds).min(self.tape_end)
    }
}

#[cfg(test)]
#[path = "tape_time_tests.rs"]
mod tests;
