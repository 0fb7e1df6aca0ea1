//! A whole chain for one process: the embedded validator, deployment through the real loader, a
//! faucet of test USDC, control of the chain's clock, and price accounts in Pyth's own layout.
//!
//! Two kinds of code live here and must not be confused. What works on *any* cluster goes through
//! JSON-RPC only: [`deploy`], [`faucet`]. What only the embedded validator can do reaches into its
//! memory: [`Localnet`], [`ClockDriver`], [`OracleWriter`] and the [`TapePlayer`] on top of them.
//! The program, the keeper and the command line may rely on the first kind alone: whatever runs
//! here must run on a stock validator and on devnet.
//!
//! Nothing here knows a market, a margin account or an instruction of the exchange.

mod chain_life;
mod chain_state;
mod clock;
mod config;
pub mod deploy;
mod events;
pub mod faucet;
mod health;
mod localnet;
pub mod oracle;
mod player;
mod ports;
mod sending;
mod tape_time;

pub use clock::ClockDriver;
pub use config::LocalnetConfig;
pub use health::{Health, HealthState};
pub use localnet::Localnet;
pub use oracle::OracleWriter;
pub use player::{PlayedPrice, TapeFeed, TapePlayer};
pub use plimsoll_tapes as prices;
pub use tape_time::{Pace, TapeShift};
