//! The market mechanism of Plimsoll: margin, matching, funding and losses as pure state transitions.
//!
//! This crate is the only home of market math and of the layout of every account. It has no I/O, no
//! clock, no allocation and no float: time and slot arrive as [`Env`], accounts as references to the
//! Pod structs of [`state`], and each transition has the shape
//! `fn apply(&mut State, Params, &Env) -> Result<Outcome>`: validate, compute into locals, write. An
//! error leaves the state byte-identical. `docs/spec.md` is normative; comments cite its sections.
// Only the generator of the IDL needs more than core.
#![cfg_attr(not(feature = "idl-build"), no_std)]
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::float_arithmetic
    )
)]

#[cfg(test)]
extern crate std;

pub mod adl;
pub mod auction;
pub mod book;
pub mod cash;
pub mod credit;
pub mod epochs;
pub mod error;
pub mod fund;
pub mod funding;
pub mod gate;
pub mod governance;
pub mod halt;
pub mod index;
pub mod liquidation;
pub mod mark;
pub mod math;
pub mod params;
pub mod place;
pub mod position;
pub mod risk;
pub mod seats;
pub mod state;
pub mod units;
pub mod velocity;
pub mod wind_up;
pub mod window;

pub use error::{EngineError, Result};

/// What a transition may know of the world: the chain's clock, and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Env {
    /// `unix_timestamp` of the chain, whole seconds (spec §3: the only measure of time).
    pub now: i64,
    /// Slot; it orders things and never measures time.
    pub slot: u64,
}
