//! What a transaction came to, by what may be done about it.

use plimsoll_client::errors;
use plimsoll_engine::EngineError;
use solana_instruction::Instruction;
use solana_transaction_error::TransactionError;

use crate::prices::post;

/// The classes of outcomes; each has its own retry in the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Landed,
    /// A dry run.
    Simulated,
    /// Somebody else did it first, or it is no longer due: nothing to do.
    LostRace(EngineError),
    /// The keeper's view, or a price, was too old: look again.
    Stale(String),
    /// It asked for too few compute units: raise, then again.
    OutOfCompute,
    /// It did not land before its blockhash expired.
    Expired,
    /// Network or node: again, elsewhere.
    Transient(String),
    /// Trying again does not help: an operator should look.
    Permanent(String),
}

impl Outcome {
    /// The class's name, in snake case.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Landed => "landed",
            Self::Simulated => "simulated",
            Self::LostRace(_) => "lost_race",
            Self::Stale(_) => "stale",
            Self::OutOfCompute => "out_of_compute",
            Self::Expired => "expired",
            Self::Transient(_) => "transient",
            Self::Permanent(_) => "permanent",
        }
    }

    /// What the chain or the network said, if anything.
    pub fn detail(&self) -> String {
        match self {
            Self::LostRace(error) => format!("{error:?}"),
            Self::Stale(text) | Self::Transient(text) | Self::Permanent(text) => text.clone(),
            Self::Landed | Self::Simulated | Self::OutOfCompute | Self::Expired => String::new(),
        }
    }
}

/// By the program's own error.
pub fn classify_engine(error: EngineError) -> Outcome {
    use EngineError as E;
    match error {
        E::NotLiquidatable
        | E::AccountSolvent
        | E::CreditUsable
        | E::DrawNotNeeded
        | E::DrawDoesNotCure
        | E::FeedTimeNotNewer
        | E::TakeoverNotOpen
        | E::SizeOutOfRange
        | E::PositionNotARemainder
        | E::WrongOrder
        | E::OrderNotExpired
        | E::NotInCall
        | E::MarketHalted
        | E::WrongLineState
        | E::NothingToRepay
        | E::NothingToSettle
        | E::ClaimsUnpaid
        | E::SeatNotEmpty
        | E::OrdersResting => Outcome::LostRace(error),
        E::FeedStale
        | E::FeedTimeInFuture
        | E::FeedsDisagree
        | E::IndexStale
        | E::WrongMarketAccounts
        | E::CreditLineMissing
        | E::WrongSeat
        | E::EpochBehind
        | E::LineNotActive
        | E::VaultCashReserved
        | E::ValuationStale
        | E::AccountNotFlat
        | E::RepaymentTooLarge
        | E::InsufficientCash => Outcome::Stale(format!("{error:?}")),
        _ => Outcome::Permanent(format!("{error:?}: {error}")),
    }
}

/// By a failed transaction's error and its instructions: the numbers of other programs' errors are their own.
pub fn classify_in(error: &TransactionError, all: &[Instruction]) -> Outcome {
    use solana_instruction::error::InstructionError::Custom;
    if let TransactionError::InstructionError(place, Custom(code)) = error {
        let failed = all.get(usize::from(*place)).map(|failed| failed.program_id);
        if let Some(program) = failed.filter(post::is_foreign) {
            return Outcome::Permanent(format!("{program} refuses with error {code}"));
        }
    }
    classify_transaction(error)
}

/// By a failed transaction's error.
pub fn classify_transaction(error: &TransactionError) -> Outcome {
    use solana_instruction::error::InstructionError as I;
    match error {
        TransactionError::InstructionError(_, I::Custom(code)) => match errors::from_code(*code) {
            Some(error) => classify_engine(error),
            None => Outcome::Permanent(errors::describe(*code)),
        },
        TransactionError::InstructionError(
            _,
            I::ComputationalBudgetExceeded | I::ProgramFailedToComplete,
        ) => Outcome::OutOfCompute,
        TransactionError::BlockhashNotFound => Outcome::Expired,
        // The same transaction landed already: the mirror will show what it did.
        TransactionError::AlreadyProcessed => Outcome::Landed,
        TransactionError::AccountInUse | TransactionError::ClusterMaintenance => {
            Outcome::Transient(error.to_string())
        }
        other => Outcome::Permanent(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::{classify_in, classify_transaction, Outcome};
    use crate::prices::post::PUSH_ORACLE;
    use plimsoll_client::errors::ERROR_CODE_OFFSET;
    use plimsoll_engine::EngineError;
    use solana_instruction::error::InstructionError;
    use solana_transaction_error::TransactionError;

    fn of(error: EngineError) -> Outcome {
        let code = ERROR_CODE_OFFSET + error.code();
        classify_transaction(&TransactionError::InstructionError(
            1,
            InstructionError::Custom(code),
        ))
    }

    #[test]
    fn another_programs_error_is_not_taken_for_one_of_ours() {
        let code = ERROR_CODE_OFFSET + EngineError::FeedTimeNotNewer.code();
        let error = TransactionError::InstructionError(1, InstructionError::Custom(code));
        let of = |program_id| solana_instruction::Instruction {
            program_id,
            accounts: Vec::new(),
            data: Vec::new(),
        };
        let ours = [of(PUSH_ORACLE), of(Default::default())];
        // The system program is none of ours either.
        assert_eq!(classify_in(&error, &ours).name(), "permanent");
        let ours = [of(PUSH_ORACLE), of([7; 32].into())];
        assert_eq!(classify_in(&error, &ours).name(), "lost_race");
        let theirs = [of([7; 32].into()), of(PUSH_ORACLE)];
        let refused = format!("{PUSH_ORACLE} refuses with error {code}");
        assert_eq!(classify_in(&error, &theirs), Outcome::Permanent(refused));
    }

    #[test]
    fn outcomes_are_told_apart_by_what_may_be_done() {
        let lost = of(EngineError::NotLiquidatable);
        assert_eq!(lost, Outcome::LostRace(EngineError::NotLiquidatable));
        assert_eq!(of(EngineError::FeedTimeNotNewer).name(), "lost_race");
        assert_eq!(of(EngineError::IndexStale).name(), "stale");
        assert_eq!(of(EngineError::NotAuthorized).name(), "permanent");
        let exceeded =
            TransactionError::InstructionError(0, InstructionError::ComputationalBudgetExceeded);
        assert_eq!(classify_transaction(&exceeded), Outcome::OutOfCompute);
        let expired = classify_transaction(&TransactionError::BlockhashNotFound);
        assert_eq!(expired, Outcome::Expired);
    }
}
