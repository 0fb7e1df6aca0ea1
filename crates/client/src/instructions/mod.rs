//! Builders of every instruction. Each takes addresses and the program's own argument types, and
//! returns what a transaction needs; where a deposit in lamports comes first, it returns both.

mod accounts;
mod cash;
mod credit;
mod governance;
mod liquidation;
mod setup;
mod trading;

pub use accounts::*;
pub use cash::*;
pub use credit::*;
pub use governance::*;
pub use liquidation::*;
pub use setup::*;
pub use trading::*;

use anchor_lang::{InstructionData, ToAccountMetas};
use solana_instruction::Instruction;
use solana_pubkey::Pubkey;

fn build(
    program: &Pubkey,
    accounts: &impl ToAccountMetas,
    data: &impl InstructionData,
) -> Instruction {
    Instruction {
        program_id: *program,
        accounts: accounts.to_account_metas(None),
        data: data.data(),
    }
}
