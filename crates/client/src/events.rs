//! Events out of a transaction's logs.

use anchor_lang::{AnchorDeserialize, Discriminator};
use base64::prelude::{Engine, BASE64_STANDARD};
pub use plimsoll::events::*;
use solana_pubkey::Pubkey;

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

            /// Names of all events that this client knows.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($name),)*];

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
    VaultOpened, SharesBought, JuniorReleased, RedemptionRequested, RedemptionCancelled, RedemptionPaid,
    LineOffered, LineAccepted, LineActivated, ConsentGiven, CreditDrawn, CreditRepaid, CallExtended,
    LineRecalled, LineValued, InterestAccrued, CreditWrittenOff, LienCollected, LineClosed,
    HaltStarted, AuctionJoined, AuctionPriceFixed, AuctionFilled, AuctionEnded, HaltEnded,
    ChangeQueued, ChangeApplied, ChangeCancelled, AuthorityOffered, AuthorityAccepted, MarketGuarded,
    MarketWoundUp,
}

/// The program's events in the order in which the transaction emitted them.
pub fn from_logs<S: AsRef<str>>(logs: &[S]) -> Vec<Event> {
    logs.iter()
        .filter_map(|line| line.as_ref().strip_prefix("Program data: "))
        .filter_map(|text| BASE64_STANDARD.decode(text).ok())
        .filter_map(|bytes| Event::decode(&bytes))
        .collect()
}

/// What a transaction's log holds of one program.
#[derive(Clone, Debug, Default)]
pub struct ProgramLog {
    /// In the order in which they were emitted.
    pub events: Vec<Event>,
    /// The log was not cut off, and holds no event that this client does not know.
    pub complete: bool,
}

/// The events that `program` itself emitted: anybody's program may write the same bytes into a
/// transaction's log, and they are nobody's events.
pub fn of_program<S: AsRef<str>>(program: &Pubkey, logs: &[S]) -> ProgramLog {
    let program = program.to_string();
    let mut found = ProgramLog {
        events: Vec::new(),
        complete: true,
    };
    let mut running: Vec<&str> = Vec::new();
    for line in logs {
        let line = line.as_ref();
        if line == "Log truncated" {
            found.complete = false;
        } else if let Some(text) = line.strip_prefix("Program data: ") {
            if running.last() != Some(&program.as_str()) {
                continue;
            }
            let bytes = BASE64_STANDARD.decode(text).unwrap_or_default();
            match Event::decode(&bytes) {
                Some(event) => found.events.push(event),
                None => found.complete = false,
            }
        } else if let Some((id, rest)) = line
            .strip_prefix("Program ")
            .and_then(|rest| rest.split_once(' '))
        {
            if rest.starts_with("invoke [") {
                running.push(id);
            } else if rest == "success" || rest.starts_with("failed") {
                running.pop();
            }
        }
    }
    found
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

    #[test]
    fn every_event_of_the_program_is_known() {
        let sources = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../programs/plimsoll/src/events"
        );
        for file in std::fs::read_dir(sources).expect("the program's events") {
            let text = std::fs::read_to_string(file.expect("a file").path()).expect("a source");
            let after_mark = text.split("#[event]").skip(1);
            let names = after_mark.filter_map(|rest| {
                let (_, name) = rest.split_once("pub struct ")?;
                name.split([' ', '{']).next()
            });
            for name in names {
                assert!(Event::NAMES.contains(&name), "{name} is not decoded");
            }
        }
    }

    fn logged(event: &OrdersCancelled) -> String {
        let mut bytes = OrdersCancelled::DISCRIMINATOR.to_vec();
        event
            .serialize(&mut bytes)
            .expect("a vector takes all bytes");
        format!("Program data: {}", BASE64_STANDARD.encode(bytes))
    }

    #[test]
    fn an_event_is_the_programs_only_while_the_program_runs() {
        let (own, other) = (Pubkey::from([1; 32]), Pubkey::from([2; 32]));
        let event = OrdersCancelled {
            version: 1,
            market: [7; 32].into(),
            margin_account: [9; 32].into(),
            count: 3,
            lots: 11,
        };
        let forged = OrdersCancelled {
            lots: 12,
            ..event.clone()
        };
        let mut logs = vec![
            format!("Program {other} invoke [1]"),
            logged(&forged),
            format!("Program {own} invoke [2]"),
            "Program log: Program data: nothing".to_owned(),
            logged(&event),
            format!("Program {own} consumed 5 of 9 compute units"),
            format!("Program {own} success"),
            logged(&forged),
            format!("Program {other} success"),
        ];
        let found = of_program(&own, &logs);
        assert!(found.complete);
        let [Event::OrdersCancelled(only)] = &found.events[..] else {
            panic!("{found:?}");
        };
        assert_eq!(**only, event);

        logs.push("Log truncated".to_owned());
        assert!(!of_program(&own, &logs).complete);
        let unknown = [
            format!("Program {own} invoke [1]"),
            "Program data: AAAAAAAAAAAA".to_owned(),
        ];
        assert!(!of_program(&own, &unknown).complete);
    }
}
