//! Drives the chain's clock without touching its slots.
//!
//! The validator's own time travel turns a jump in time into a jump in slots, which strands every
//! client that waits for a slot or holds a blockhash. Here only the time moves: slots, blockhashes
//! and block heights go on one by one, as clients expect of any cluster.
//!
//! Time never goes back: programs, and the stores of real validators, rely on that.

use anyhow::{bail, Result};
use solana_clock::Clock;
use surfpool_core::surfnet::svm::SurfnetSvm;

use crate::chain_state::ChainState;

const MS_PER_SECOND: u64 = 1_000;

/// Control of `Clock.unix_timestamp`; clones drive the same chain.
#[derive(Clone, Debug)]
pub struct ClockDriver {
    chain: ChainState,
    slot_ms: u64,
}

impl ClockDriver {
    pub(crate) fn new(chain: ChainState, slot_ms: u64) -> Self {
        Self { chain, slot_ms }
    }

    /// The chain's clock as programs read it, in Unix seconds.
    pub fn now(&self) -> i64 {
        self.chain.read(unix_timestamp)
    }

    /// Moves the clock to `unix_seconds`; an earlier time than the chain's is an error and changes
    /// nothing. Programs see it from the next transaction on.
    pub fn set_unix_timestamp(&self, unix_seconds: i64) -> Result<()> {
        let now = self.advance_to(unix_seconds);
        if now > unix_seconds {
            bail!(
                "the chain's clock only goes forward: it is at {now}, {} s after {unix_seconds}",
                now.saturating_sub(unix_seconds)
            );
        }
        Ok(())
    }

    /// Moves the clock to `unix_seconds` unless it is already there or later; returns where it is.
    pub fn advance_to(&self, unix_seconds: i64) -> i64 {
        self.chain.write(move |svm| {
            let now = unix_timestamp(svm);
            if unix_seconds <= now {
                return now;
            }
            set_unix_timestamp(svm, unix_seconds);
            unix_seconds
        })
    }

    /// Stops the clock while blocks go on: from now on only this driver moves time, so a replay
    /// knows the chain's second exactly. The validator's own `surfnet_timeTravel` is refused
    /// meanwhile.
    pub fn hold(&self) {
        self.set_block_ms(0);
    }

    /// Lets every block add its slot time to the clock again.
    pub fn release(&self) {
        self.set_block_ms(self.slot_ms);
    }

    fn set_block_ms(&self, block_ms: u64) {
        self.chain.write(move |svm| {
            svm.slot_time = block_ms;
            realign_block_times(svm);
        });
    }
}

pub(crate) fn unix_timestamp(svm: &SurfnetSvm) -> i64 {
    svm.inner.get_sysvar::<Clock>().unix_timestamp
}

/// `unix_seconds` must be later than the chain's clock, hence positive.
fn set_unix_timestamp(svm: &mut SurfnetSvm, unix_seconds: i64) {
    let clock = Clock {
        unix_timestamp: unix_seconds,
        ..svm.inner.get_sysvar::<Clock>()
    };
    svm.inner.set_sysvar(&clock);
    // The next block computes its time from this one: without it the jump would be undone.
    svm.updated_at = unix_seconds.unsigned_abs().saturating_mul(MS_PER_SECOND);
    realign_block_times(svm);
}

/// Blocks without transactions are not stored: their times are computed backwards from the first
/// block's. Shift that one so the newest agree with the clock; older ones move along with it.
fn realign_block_times(svm: &mut SurfnetSvm) {
    let slots = svm
        .get_latest_absolute_slot()
        .saturating_sub(svm.genesis_slot);
    svm.genesis_updated_at = svm
        .updated_at
        .saturating_sub(slots.saturating_mul(svm.slot_time));
}
