//! The replay on the program's real bytecode: what it measures is measured here once more, from outside.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod baselines;
mod examples;
mod keeper;
mod mistakes;
mod queue;
mod remainder;
mod sameness;
mod sums;
mod unseen;
mod venue_rules;
mod world;
