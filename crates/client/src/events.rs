//! Events out of a transaction's logs.

use anchor_lang::{AnchorDeserialize, Discriminator};
use base64::prelude::{Engine, BASE64_STANDARD};
pub use plimsoll::events::*;

/// An older program's event ends before the fields that were appended since: read as zeros, an appended
/// number is zero and an appended vector empty.
const APPENDED_FIELDS: [u8; 64] = [0; 64];

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
                        let padded = [body, &APPENDED_FIELDS].concat();
                        return $name::deserialize(&mut &padded[..]).ok().map(|event| Self::$name(Box::new(event)));
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
    CustodyShardCreated, Liquidated, TakenOver, DeleveragingExecuted, SeatSynced,
    VaultOpened, SharesBought, JuniorReleased, RedemptionRequested, RedemptionPaid, LineOffered, LineAccepted,
    LineActivated, ConsentGiven, CreditDrawn, CreditRepaid, CallExtended, LineRecalled, LineValued,
    InterestAccrued, CreditWrittenOff, LienCollected, LineClosed,
}

/// The program's events in the order in which the transaction emitted them.
pub fn from_logs<S: AsRef<str>>(logs: &[S]) -> Vec<Event> {
    logs.iter()
        .filter_map(|line| line.as_ref().strip_prefix("Program data: "))
        .filter_map(|text| BASE64_STANDARD.decode(text).ok())
        .filter_map(|bytes| Event::decode(&bytes))
        .collect()
}

#[cfg(test)]
mod tests {
    use anchor_lang::AnchorSerialize;

    use super::*;

    #[test]
    fn an_event_of_an_older_program_is_read_without_what_was_appended_since() {
        let event = OrdersCancelled {
            version: 1,
            market: [7; 32].into(),
            margin_account: [9; 32].into(),
            count: 3,
            lots: 11,
        };
        let mut bytes = OrdersCancelled::DISCRIMINATOR.to_vec();
        event
            .serialize(&mut bytes)
            .expect("a vector takes all bytes");
        let Some(Event::OrdersCancelled(whole)) = Event::decode(&bytes) else {
            panic!("the event is not known");
        };
        assert_eq!(*whole, event);
        bytes.truncate(bytes.len() - 8);
        let Some(Event::OrdersCancelled(older)) = Event::decode(&bytes) else {
            panic!("the older event is dropped");
        };
        assert_eq!((older.count, older.lots), (3, 0));
    }
}
