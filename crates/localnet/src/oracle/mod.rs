//! Price accounts byte for byte as Pyth's receiver program writes them.
//!
//! The encoder is our own and pure; its tests decode with the receiver's published crate, so an
//! account written here is one the real oracle could have written. Prices come from tapes and not
//! from guardians, which is why only the embedded validator can hold such accounts.

mod encode;
mod feed;
mod writer;

pub use encode::{
    encode_price_update, PriceUpdate, VerificationLevel, PRICE_UPDATE_LEN, RECEIVER_PROGRAM_ID,
};
pub use feed::{push_feed_address, PriceFeed, PUSH_ORACLE_PROGRAM_ID};
pub use writer::OracleWriter;
