//! Changes of an exchange and its markets, authority, guardian, wind-up.

use plimsoll::instructions::ChangeArgs;
use plimsoll::{accounts, instruction};
use plimsoll_engine::state::PendingChange;
use solana_instruction::Instruction;
use solana_pubkey::Pubkey;
use solana_sdk_ids::sysvar::instructions::ID as INSTRUCTIONS_SYSVAR;
use solana_system_interface::program::ID as SYSTEM_PROGRAM;

use super::build;
use crate::addresses::ExchangeAddresses;

/// `queue_change` as number `id`, the exchange's count of changes so far. `target` is the market or the new
/// treasury; of every other change, none.
pub fn queue_change(
    addresses: &ExchangeAddresses,
    payer: Pubkey,
    authority: Pubkey,
    id: u64,
    target: Option<Pubkey>,
    change: ChangeArgs,
) -> Instruction {
    let accounts = accounts::QueueChange {
        payer,
        authority,
        exchange: addresses.exchange,
        target: target.unwrap_or(addresses.exchange),
        pending_change: addresses.pending_change(id),
        system_program: SYSTEM_PROGRAM,
        instructions: INSTRUCTIONS_SYSVAR,
    };
    build(
        &addresses.program,
        &accounts,
        &instruction::QueueChange { change },
    )
}

/// `apply_change` of a queued change; anyone may.
pub fn apply_change(addresses: &ExchangeAddresses, change: &PendingChange) -> Instruction {
    let accounts = accounts::ApplyChange {
        rent_payer: change.rent_payer.into(),
        exchange: addresses.exchange,
        target: change.target.into(),
        pending_change: addresses.pending_change(change.id),
    };
    build(&addresses.program, &accounts, &instruction::ApplyChange {})
}

/// `cancel_change`.
pub fn cancel_change(
    addresses: &ExchangeAddresses,
    authority: Pubkey,
    change: &PendingChange,
) -> Instruction {
    let accounts = accounts::CancelChange {
        authority,
        rent_payer: change.rent_payer.into(),
        exchange: addresses.exchange,
        pending_change: addresses.pending_change(change.id),
        instructions: INSTRUCTIONS_SYSVAR,
    };
    build(&addresses.program, &accounts, &instruction::CancelChange {})
}

/// `offer_authority`; the zero key withdraws an offer.
pub fn offer_authority(
    addresses: &ExchangeAddresses,
    authority: Pubkey,
    next: Pubkey,
) -> Instruction {
    let accounts = accounts::OfferAuthority {
        authority,
        exchange: addresses.exchange,
        instructions: INSTRUCTIONS_SYSVAR,
    };
    build(
        &addresses.program,
        &accounts,
        &instruction::OfferAuthority { next },
    )
}

/// `accept_authority` by the key that it was offered to.
pub fn accept_authority(addresses: &ExchangeAddresses, next: Pubkey) -> Instruction {
    let accounts = accounts::AcceptAuthority {
        authority: next,
        exchange: addresses.exchange,
        instructions: INSTRUCTIONS_SYSVAR,
    };
    build(
        &addresses.program,
        &accounts,
        &instruction::AcceptAuthority {},
    )
}

fn guard_accounts(
    addresses: &ExchangeAddresses,
    guardian: Pubkey,
    market: Pubkey,
) -> accounts::GuardMarket {
    accounts::GuardMarket {
        guardian,
        exchange: addresses.exchange,
        market,
        instructions: INSTRUCTIONS_SYSVAR,
    }
}

/// `guard_market`: reduce-only for `seconds` from now.
pub fn guard_market(
    addresses: &ExchangeAddresses,
    guardian: Pubkey,
    market: Pubkey,
    seconds: u32,
) -> Instruction {
    build(
        &addresses.program,
        &guard_accounts(addresses, guardian, market),
        &instruction::GuardMarket { seconds },
    )
}

/// `lift_guard` by the guardian or the authority.
pub fn lift_guard(addresses: &ExchangeAddresses, signer: Pubkey, market: Pubkey) -> Instruction {
    build(
        &addresses.program,
        &guard_accounts(addresses, signer, market),
        &instruction::LiftGuard {},
    )
}

/// `wind_up_market`; anyone may, when the index is dead.
pub fn wind_up_market(addresses: &ExchangeAddresses, market: Pubkey) -> Instruction {
    let accounts = accounts::WindUpMarket {
        market,
        mark: addresses.mark(&market),
    };
    build(&addresses.program, &accounts, &instruction::WindUpMarket {})
}
