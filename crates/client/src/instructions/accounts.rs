//! Margin accounts and their seats.

use plimsoll::{accounts, instruction};
use plimsoll_engine::seats::deposit_lamports;
use solana_instruction::Instruction;
use solana_pubkey::Pubkey;
use solana_system_interface::instruction as system;
use solana_system_interface::program::ID as SYSTEM_PROGRAM;

use super::build;
use crate::addresses::ExchangeAddresses;

/// `create_margin_account`.
pub fn create_margin_account(
    addresses: &ExchangeAddresses,
    owner: Pubkey,
    sub_account: u16,
) -> Instruction {
    let accounts = accounts::CreateMarginAccount {
        owner,
        exchange: addresses.exchange,
        margin_account: addresses.margin_account(&owner, sub_account),
        system_program: SYSTEM_PROGRAM,
    };
    build(
        &addresses.program,
        &accounts,
        &instruction::CreateMarginAccount { sub_account },
    )
}

/// `set_delegate`; the zero key removes the delegate.
pub fn set_delegate(
    program: &Pubkey,
    owner: Pubkey,
    margin_account: Pubkey,
    delegate: Pubkey,
) -> Instruction {
    let accounts = accounts::SetDelegate {
        owner,
        margin_account,
    };
    build(program, &accounts, &instruction::SetDelegate { delegate })
}

/// `close_margin_account`.
pub fn close_margin_account(
    program: &Pubkey,
    owner: Pubkey,
    margin_account: Pubkey,
) -> Instruction {
    let accounts = accounts::CloseMarginAccount {
        owner,
        margin_account,
    };
    build(program, &accounts, &instruction::CloseMarginAccount {})
}

/// The deposit of a seat and `claim_seat`, in the order in which a transaction must have them.
pub fn claim_seat(
    program: &Pubkey,
    owner: Pubkey,
    margin_account: Pubkey,
    market: Pubkey,
    order_slots: u8,
) -> [Instruction; 2] {
    let accounts = accounts::ClaimSeat {
        owner,
        margin_account,
        market,
    };
    [
        system::transfer(&owner, &market, deposit_lamports(order_slots)),
        build(program, &accounts, &instruction::ClaimSeat { order_slots }),
    ]
}

/// `release_seat`.
pub fn release_seat(
    program: &Pubkey,
    owner: Pubkey,
    margin_account: Pubkey,
    market: Pubkey,
) -> Instruction {
    let accounts = accounts::ReleaseSeat {
        owner,
        margin_account,
        market,
    };
    build(program, &accounts, &instruction::ReleaseSeat {})
}
