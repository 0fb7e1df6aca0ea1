//! Plays tapes on the embedded chain: moves its clock and posts the prices that are due.
//!
//! The clock moves first and the prices follow, so a price is never published in a future the
//! chain has not reached. Only a feed's newest due price is posted: an account holds one.

use std::{fmt, time::Instant};

use anyhow::{Context, Result};
use solana_pubkey::Pubkey;

use crate::{
    clock::ClockDriver,
    localnet::Localnet,
    oracle::{OracleWriter, PriceFeed},
    prices::{PricePoint, PriceSource},
    tape_time::{Pace, TapeShift, ALIGN_SECONDS_DEFAULT},
};

/// A feed and the tape that drives it.
pub struct TapeFeed {
    /// Where prices are posted.
    pub feed: PriceFeed,
    /// Where they come from.
    pub source: Box<dyn PriceSource>,
}

impl fmt::Debug for TapeFeed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("TapeFeed")
            .field("feed", &self.feed)
            .finish_non_exhaustive()
    }
}

/// A price that was posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlayedPrice {
    /// The price account.
    pub address: Pubkey,
    /// The tape's price, in tape time.
    pub point: PricePoint,
    /// The chain's second it was published as.
    pub publish_time: i64,
}

/// Several tapes played in step. While it lives, only it moves the chain's clock.
#[derive(Debug)]
pub struct TapePlayer {
    clock: ClockDriver,
    oracle: OracleWriter,
    shift: TapeShift,
    feeds: Vec<TapeFeed>,
}

impl TapePlayer {
    /// Holds the chain's clock and places `tape_start` in the chain's next minute. Tapes are
    /// skipped up to there, except that each feed's last price before it is posted at once, as a
    /// feed that existed before would show it.
    pub fn new(localnet: &Localnet, tape_start: i64, feeds: Vec<TapeFeed>) -> Result<Self> {
        let clock = localnet.clock();
        clock.hold();
        let mut player = Self {
            shift: TapeShift::after(clock.now(), tape_start, ALIGN_SECONDS_DEFAULT)?,
            clock,
            oracle: localnet.oracle(),
            feeds,
        };
        player.advance_to(tape_start)?;
        Ok(player)
    }

    /// Tape time to chain time and back.
    pub fn shift(&self) -> TapeShift {
        self.shift
    }

    /// The tape's second the chain is at.
    pub fn tape_time(&self) -> i64 {
        self.shift.to_tape(self.clock.now())
    }

    /// Moves the chain to a later second of the tape and posts what is due, feed by feed in the order given.
    pub fn advance_to(&mut self, tape_seconds: i64) -> Result<Vec<PlayedPrice>> {
        self.clock
            .set_unix_timestamp(self.shift.to_chain(tape_seconds))?;
        let mut played = Vec::with_capacity(self.feeds.len());
        for TapeFeed { feed, source } in &mut self.feeds {
            let Some(point) = source.next_until(tape_seconds).pop() else {
                continue;
            };
            let publish_time = self.shift.to_chain(point.unix_seconds);
            let update = feed.publish(&point, publish_time);
            self.oracle.post(&feed.address(), &update)?;
            played.push(PlayedPrice {
                address: feed.address(),
                point,
                publish_time,
            });
        }
        Ok(played)
    }

    /// Plays a stretch at its pace and returns at its end. `on_step` sees every step's tape second
    /// and what it posted. Dropping the future stops the playing between two steps.
    pub async fn play(
        &mut self,
        pace: Pace,
        mut on_step: impl FnMut(i64, &[PlayedPrice]) + Send,
    ) -> Result<()> {
        pace.validate()?;
        let begun = Instant::now();
        let mut steps = tokio::time::interval(pace.step);
        loop {
            steps.tick().await;
            let tape_seconds = pace.tape_time_after(begun.elapsed());
            let played = self
                .advance_to(tape_seconds)
                .with_context(|| format!("the tape stopped at {tape_seconds}"))?;
            on_step(tape_seconds, &played);
            if tape_seconds >= pace.tape_end {
                return Ok(());
            }
        }
    }
}

impl Drop for TapePlayer {
    fn drop(&mut self) {
        self.clock.release();
    }
}
