//! The keeper: watches the chain and submits what the venue needs done. Every step it sends is permissionless
//! and a no-op when already done, so two keepers are safe together and a restart needs no state; an underwriter's
//! desk ([`underwriter`]) is apart from this: it signs with a key of its own and counts its deeds in the ledger.
//!
//! [`sources`] → [`mirror`] → [`decide`] → [`plan`] → [`execute`]. Deciding is pure; the executor alone signs and sends.

pub mod alerts;
pub mod command;
pub mod config;
pub mod decide;
pub mod execute;
pub mod http;
pub mod ledger;
pub mod logs;
pub mod marks;
pub mod metrics;
pub mod mirror;
pub mod oversight;
pub mod plan;
pub mod prices;
pub mod process;
pub mod redact;
pub mod run;
pub mod secrets;
pub mod setup;
pub mod shard;
pub mod sources;
pub mod standing;
pub mod top;
pub mod underwriter;
