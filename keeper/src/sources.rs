//! Where the mirror's accounts come from. A source sends events until it fails and never returns otherwise;
//! another one, a Geyser stream say, joins by implementing [`Source`].
//!
//! Every queue is bounded. An event that does not fit is not waited for: it turns into a request for a
//! snapshot, so that a slow reader costs a resync and never a gap.

mod endpoints;
mod polling;
mod snapshot;
mod stream;

pub use endpoints::{Endpoint, Endpoints, Guard};
pub use polling::{Polling, PollingConfig};
pub use snapshot::ProgramReader;
pub use stream::{Stream, StreamConfig};

use std::future::Future;
use std::pin::Pin;

use solana_pubkey::Pubkey;
use tokio::sync::mpsc;

use crate::mirror::{AccountUpdate, ChainClock, Mirror, Snapshot, Sync};

/// The gap that every stream begins with.
pub const STREAM_OPENED: &str = "the stream was opened";

/// What a source tells the mirror.
#[derive(Clone, Debug)]
pub enum Event {
    Update(AccountUpdate),
    Snapshot(Snapshot, Sync),
    Clock(ChainClock),
    /// All addresses of the requests up to this number have been read.
    Read(u64),
    /// Something may be missing: a stream was silent, lagged or broke off.
    Gap(&'static str),
    /// The chain left a branch: what was told of it may never have been.
    Fork,
    /// Somebody wants the mirror as it is.
    Look(mpsc::Sender<Mirror>),
}

/// What the mirror asks of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Read these addresses, as of `slot` or later.
    Read {
        number: u64,
        slot: u64,
        addresses: Vec<Pubkey>,
    },
    Resync(Sync),
}

/// Ends with the reason for which it cannot go on.
pub type Ended = Pin<Box<dyn Future<Output = anyhow::Error> + Send>>;

/// A stream of accounts.
pub trait Source: Send {
    /// Name for logs and metrics.
    fn name(&self) -> &'static str;

    /// Runs for ever.
    fn run(self: Box<Self>, events: mpsc::Sender<Event>) -> Ended;
}
