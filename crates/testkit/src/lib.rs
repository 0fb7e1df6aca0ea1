//! The SVM fixture: the program's real bytecode, named actors, clock and oracle control, short calls,
//! byte-exact snapshots and the checks of `docs/invariants.md` on account bytes.
//!
//! ```no_run
//! use plimsoll_testkit::{ask, bid, EngineError, World};
//!
//! let mut world = World::trading(&["AVAX"]); // created, refreshed, active at the preset's price
//! world.trader("ann", 1_000_000_000, &["AVAX"]); // margin account, deposit, a seat with 16 order slots
//! world.trader("bob", 1_000_000_000, &["AVAX"]);
//! world.place("ann", "AVAX", ask(20_010, 50)).unwrap();
//! let sent = world.place("bob", "AVAX", bid(20_010, 50)).unwrap();
//! assert_eq!(sent.event::<plimsoll_testkit::events::OrderPlaced>().filled_lots, 50);
//! // Refused with exactly this error, and not a byte of the program's accounts or tokens moved:
//! world.assert_rejected(EngineError::ZeroAmount, |world| world.withdraw("ann", 0));
//! world.assert_sound();
//! ```
//!
//! Every call `x` that sends a transaction has a sibling `x_ix` that builds the instruction, for tests that
//! change one before it is sent with [`World::send`]. `world.svm` is public for what has no call.
//! Actors are names: `"ann"`, or `Actor::from("ann").sub(1)` for another margin account of the same owner.
//!
//! Nothing here computes margin, prices or cash: it sends, reads and compares.
#![allow(
    clippy::unwrap_used,
    reason = "a fixture that cannot be built ends the test, at the line that shows why"
)]

mod actor;
mod audit;
mod book;
mod calls;
mod credit;
mod exchange;
mod governance;
mod liquidation;
mod markets;
mod oracle;
mod orders;
mod program;
mod read;
mod seats;
mod send;
mod snapshot;
mod world;
mod write;

pub use actor::Actor;
pub use credit::REDEMPTION_NOTICE;
pub use markets::{MarketSpec, PRESETS};
pub use oracle::{PriceMessage, Verification};
pub use orders::{ask, bid, OrderExt};
pub use program::{program_bytes, program_path};
pub use send::{EventKind, Outcome, Rejected, Sent};
pub use snapshot::Snapshot;
pub use world::{MarketHandle, World, START_TIME, WALLET_USDC};

pub use plimsoll_client::events;
pub use plimsoll_client::{ChangeArgs, OrderArgs};
pub use plimsoll_engine::EngineError;
