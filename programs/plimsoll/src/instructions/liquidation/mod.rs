//! Liquidation, takeover, tear-up and what losses leave behind (spec §8, §9). Anyone may call any of
//! these; the program derives leg, price and size.

mod join_auction;
mod liquidate;
mod reading;
mod remainder;
mod take_over;
mod tear_up;

pub(crate) use join_auction::join_auction;
pub use liquidate::*;
pub use remainder::*;
pub use take_over::*;
pub use tear_up::*;
