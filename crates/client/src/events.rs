//! Events out of a transaction's logs.

use anchor_lang::{AnchorDeserialize, Discriminator};
use base64::prelude::{Engine, BASE64_STANDARD};
pub use plimsoll::events::*;

macro_rules! events {
    ($($name:ident),* $(,)?) => {
        /// Any event of the program.
        #[derive(Clone, Debug)]
        pub enum Event { $($name(Box<$name>),)* }

        impl Event {
            /// Decodes the bytes that one `Program data:` line carries.
            pub fn decode(data: &[u8]) -> Option<Self> {
                $(
                    if let Some(body) = data.strip_prefix($name::DISCRIMINATOR) {
                        return Some(Self::$name(Box::new($name::deserialize(&mut &*body).ok()?)));
                    }
                )*
                None
            }

            /// The event's name.
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$name(_) => stringify!($name),)* }
            }
        }
    };
}

events! {
    OrderPlaced, OrderCancelled, OrdersCancelled, Deposited, Withdrawn, Settled, MarkRefreshed,
    FeesSwept, TreasuryCollected, CustodyRebalanced, SeatClaimed, SeatReleased, MarginAccountCreated,
    MarginAccountClosed, DelegateSet, MarketCreated, MarketGrown, ExchangeInitialized,
    CustodyShardCreated,
}

/// The program's events in the order in which the transaction emitted them.
pub fn from_logs<S: AsRef<str>>(logs: &[S]) -> Vec<Event> {
    logs.iter()
        .filter_map(|line| line.as_ref().strip_prefix("Program data: "))
        .filter_map(|text| BASE64_STANDARD.decode(text).ok())
        .filter_map(|bytes| Event::decode(&bytes))
        .collect()
}
