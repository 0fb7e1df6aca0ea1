//! Addresses, instruction builders, decoders and risk preview for Plimsoll: the one way by which the
//! keeper, the CLI, the page's server and the tests speak to the program.
//!
//! Nothing here restates a layout or a formula: accounts are the engine's structs, instructions the
//! program's own types, and every risk figure comes from the engine's risk function.

pub mod accounts;
pub mod addresses;
pub mod assess;
pub mod errors;
pub mod events;
pub mod instructions;
pub mod preview;
pub mod receipts;
#[cfg(feature = "rpc")]
pub mod rpc;
pub mod underwriting;

pub use accounts::{DecodeError, MarketView};
pub use addresses::{margin_account, ExchangeAddresses};
pub use plimsoll::instructions::{ChangeArgs, ExchangeArgs, OrderArgs};
pub use plimsoll::LineTerms;
pub use plimsoll_engine as engine;
