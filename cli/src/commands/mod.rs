//! The subcommands: each reads its arguments, calls the modules above, and prints.

#[cfg(feature = "localnet")]
pub(crate) mod localnet;
pub(crate) mod money;
pub(crate) mod setup;
