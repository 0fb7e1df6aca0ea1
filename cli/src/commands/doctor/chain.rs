//! The doctor's look at a chain's slots and clock.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Result;

use super::Health;
use crate::session::Session;

/// Longer than the slowest block of a healthy cluster.
const SLOT_WAIT: Duration = Duration::from_secs(3);
/// A chain's clock may run this far from this machine's, seconds.
const SKEW_MAX: i64 = 30;

/// Whether blocks are produced.
pub(super) async fn slot_moves(session: &Session) -> Result<(Health, String)> {
    let rpc = session.connection.rpc();
    let first = rpc.get_slot().await?;
    let begun = Instant::now();
    while begun.elapsed() < SLOT_WAIT {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let slot = rpc.get_slot().await?;
        if slot > first {
            return Ok((Health::Good, format!("slot {slot}, moving")));
        }
    }
    Ok((
        Health::Bad,
        format!("slot {first} has not moved in {} s", SLOT_WAIT.as_secs()),
    ))
}

/// How far the chain's clock is from this machine's.
pub(super) async fn clock_skew(session: &Session) -> Result<(Health, String)> {
    let chain = session.connection.chain_time().await?;
    let here = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let skew = chain.saturating_sub(i64::try_from(here)?);
    let finding = match skew {
        0 => "the chain's clock is this machine's".to_owned(),
        1.. => format!("the chain's clock is {skew} s ahead of this machine's"),
        _ => format!(
            "the chain's clock is {} s behind this machine's",
            skew.unsigned_abs()
        ),
    };
    if skew.abs() <= SKEW_MAX {
        return Ok((Health::Good, finding));
    }
    let why = if session.config.published_keys {
        "; normal when a tape is played faster than time"
    } else {
        "; check this machine's clock, expiries are the chain's"
    };
    Ok((Health::Note, format!("{finding}{why}")))
}
