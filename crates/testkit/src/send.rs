//! Transactions: signed, sent, and what came of them by name.

use std::fmt;

use plimsoll_client::errors::from_code;
use plimsoll_client::events::{self, Event};
use plimsoll_engine::EngineError;
use solana_compute_budget_interface::ComputeBudgetInstruction;
use solana_instruction::error::InstructionError;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_message::Message;
use solana_signer::Signer;
use solana_transaction::Transaction;
use solana_transaction_error::TransactionError;

use crate::actor::Actor;
use crate::world::World;

/// Largest transaction that the network carries, bytes.
const TRANSACTION_SIZE_MAX: usize = 1_232;

/// A transaction that went through.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Compute units of the whole transaction.
    pub units: u64,
    /// Bytes of the transaction.
    pub size: usize,
    pub events: Vec<Event>,
    pub logs: Vec<String>,
}

/// A transaction that was refused.
#[derive(Clone)]
pub struct Rejected {
    pub error: TransactionError,
    /// The program's own error, if it was one.
    pub engine: Option<EngineError>,
    pub units: u64,
    pub logs: Vec<String>,
}

/// What sending gives.
pub type Outcome = Result<Sent, Rejected>;

impl fmt::Debug for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.engine {
            Some(engine) => write!(f, "{engine:?}: {engine}")?,
            None => write!(f, "{:?}", self.error)?,
        }
        for line in &self.logs {
            write!(f, "\n    {line}")?;
        }
        Ok(())
    }
}

impl Rejected {
    /// Code of a custom error, whichever program's.
    pub const fn code(&self) -> Option<u32> {
        match &self.error {
            TransactionError::InstructionError(_, InstructionError::Custom(code)) => Some(*code),
            _ => None,
        }
    }

    /// The runtime's error of the failed instruction.
    pub const fn instruction_error(&self) -> Option<&InstructionError> {
        match &self.error {
            TransactionError::InstructionError(_, error) => Some(error),
            _ => None,
        }
    }
}

/// An event that can be taken out of [`Sent`] by its type.
pub trait EventKind: Sized + Clone {
    fn of(event: &Event) -> Option<&Self>;
}

macro_rules! event_kinds {
    ($($name:ident),* $(,)?) => {
        $(impl EventKind for events::$name {
            fn of(event: &Event) -> Option<&Self> {
                match event {
                    Event::$name(found) => Some(found),
                    _ => None,
                }
            }
        })*
    };
}

event_kinds! {
    OrderPlaced, OrderCancelled, OrdersCancelled, Deposited, Withdrawn, Settled, MarkRefreshed,
    FeesSwept, TreasuryCollected, CustodyRebalanced, SeatClaimed, SeatReleased, MarginAccountCreated,
    MarginAccountClosed, DelegateSet, MarketCreated, MarketGrown, ExchangeInitialized,
    CustodyShardCreated, Liquidated, TakenOver, DeleveragingExecuted, SeatSynced,
    VaultOpened, SharesBought, JuniorReleased, RedemptionRequested, RedemptionCancelled, RedemptionPaid,
    LineOffered, LineAccepted, LineActivated, ConsentGiven, CreditDrawn, CreditRepaid, CallExtended,
    LineRecalled, LineValued, InterestAccrued, CreditWrittenOff, LienCollected, LineClosed,
    ChangeQueued, ChangeApplied, ChangeCancelled, AuthorityOffered, AuthorityAccepted, MarketGuarded,
    MarketWoundUp,
    HaltStarted, AuctionJoined, AuctionPriceFixed, AuctionFilled, AuctionEnded, HaltEnded,
}

impl Sent {
    /// The transaction's only event, which is a `T`.
    pub fn event<T: EventKind>(&self) -> T {
        match &self.events[..] {
            [event] => T::of(event).cloned(),
            _ => None,
        }
        .unwrap_or_else(|| panic!("not that one event alone: {:?}", self.events))
    }

    /// All events that are a `T`, in order.
    pub fn events_of<T: EventKind>(&self) -> Vec<T> {
        self.events.iter().filter_map(T::of).cloned().collect()
    }
}

impl World {
    /// Signs with `signers`, the first of whom pays, and sends.
    pub fn send(&mut self, instructions: &[Instruction], signers: &[Actor]) -> Outcome {
        for signer in signers {
            self.fund_wallet(*signer);
        }
        let keypairs: Vec<Keypair> = signers.iter().map(Actor::keypair).collect();
        self.send_signed(instructions, &keypairs.iter().collect::<Vec<_>>())
    }

    /// The same with a compute limit of its own; the limit's instruction costs 150 units.
    pub fn send_within(
        &mut self,
        units: u32,
        instructions: &[Instruction],
        signers: &[Actor],
    ) -> Outcome {
        let mut all = vec![ComputeBudgetInstruction::set_compute_unit_limit(units)];
        all.extend_from_slice(instructions);
        self.send(&all, signers)
    }

    /// The same with key pairs, for signers that are no actors. A key pair that signs for nothing in the
    /// instructions but pays comes first.
    pub fn send_signed(&mut self, instructions: &[Instruction], signers: &[&Keypair]) -> Outcome {
        self.svm.expire_blockhash();
        let payer = signers.first().unwrap().pubkey();
        let message = Message::new(instructions, Some(&payer));
        let size = 1
            + 64 * usize::from(message.header.num_required_signatures)
            + message.serialize().len();
        assert!(
            size <= TRANSACTION_SIZE_MAX,
            "a transaction of {size} bytes does not fit the network"
        );
        let mut transaction = Transaction::new_unsigned(message);
        transaction
            .try_sign(&unique(signers), self.svm.latest_blockhash())
            .unwrap();
        match self.svm.send_transaction(transaction) {
            Ok(meta) => Ok(Sent {
                units: meta.compute_units_consumed,
                size,
                events: events::from_logs(&meta.logs),
                logs: meta.logs,
            }),
            Err(failed) => {
                let mut rejected = Rejected {
                    error: failed.err,
                    engine: None,
                    units: failed.meta.compute_units_consumed,
                    logs: failed.meta.logs,
                };
                rejected.engine = rejected.code().and_then(from_code);
                Err(rejected)
            }
        }
    }

    /// The attempt is refused with exactly `error`, and no byte of the program's accounts, no token and no
    /// lamport of theirs has moved.
    #[track_caller]
    pub fn assert_rejected(
        &mut self,
        error: EngineError,
        attempt: impl FnOnce(&mut Self) -> Outcome,
    ) {
        let rejected = self.assert_refused(attempt);
        assert_eq!(
            rejected.engine,
            Some(error),
            "expected {error:?}, was refused with {rejected:?}"
        );
    }

    /// The attempt is refused, by whomever, and nothing has moved; returns why.
    #[track_caller]
    pub fn assert_refused(&mut self, attempt: impl FnOnce(&mut Self) -> Outcome) -> Rejected {
        let before = self.snapshot();
        match attempt(self) {
            Ok(sent) => panic!("it went through: {:?}", sent.events),
            Err(rejected) => {
                self.assert_unchanged(&before);
                rejected
            }
        }
    }
}

fn unique<'a>(signers: &[&'a Keypair]) -> Vec<&'a Keypair> {
    let mut unique: Vec<&Keypair> = Vec::with_capacity(signers.len());
    for signer in signers {
        if unique.iter().all(|known| known.pubkey() != signer.pubkey()) {
            unique.push(signer);
        }
    }
    unique
}
