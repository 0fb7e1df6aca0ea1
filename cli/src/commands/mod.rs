//! The subcommands: each reads its arguments, calls the modules above, and prints.

pub(crate) mod account;
pub(crate) mod admin;
pub(crate) mod audit;
pub(crate) mod book;
pub(crate) mod credit;
pub(crate) mod doctor;
pub(crate) mod exchange;
pub(crate) mod history;
pub(crate) mod keeper;
pub(crate) mod keygen;
pub(crate) mod liquidate;
#[cfg(feature = "localnet")]
pub(crate) mod localnet;
pub(crate) mod market;
pub(crate) mod money;
pub(crate) mod order;
#[cfg(feature = "localnet")]
pub(crate) mod price_files;
pub(crate) mod program;
#[cfg(feature = "replay")]
pub(crate) mod replay;
pub(crate) mod setup;
pub(crate) mod trades;
