//! The order book of a market: blocks, seats' order lists and the two priority trees.
//!
//! Nothing here knows of money: attaching and detaching an order keeps the book and the owner's
//! resting totals in step, and that is all. Matching and margin live in [`crate::place`].

pub mod arena;
pub mod orders;
pub mod tree;

pub use arena::{MarketMut, MarketRef};
