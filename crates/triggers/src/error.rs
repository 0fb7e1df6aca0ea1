//! Why the index refuses an update.

use plimsoll_engine::EngineError;
use thiserror::Error;

/// An update that was refused; the index is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum IndexError {
    #[error("no such market")]
    UnknownMarket,
    #[error("no such account")]
    UnknownAccount,
    #[error("more markets or accounts than their numbers can count")]
    Full,
    #[error("more than eight legs")]
    TooManyLegs,
    #[error("two legs in one market")]
    DuplicateMarket,
    #[error("a mark, scale or cash index outside the bounds of spec §3")]
    OutOfBounds,
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Result of an update.
pub type Result<T, E = IndexError> = core::result::Result<T, E>;
