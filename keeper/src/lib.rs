//! The keeper: watches prices and submits what the venue needs done. Every step it sends is
//! permissionless and idempotent, so two keepers are safe together and a restart needs no state.
//!
//! This is its first role, `marks`; the other roles of spec §14 join it here.

pub mod config;
pub mod marks;
