//! From an action to a signed transaction: the compute budget in front, and the keys that it needs.

use std::sync::atomic::Ordering;

use solana_compute_budget_interface::ComputeBudgetInstruction;
use solana_hash::Hash;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_message::{v0, VersionedMessage};
use solana_signer::Signer as _;
use solana_transaction::versioned::VersionedTransaction;

use super::{Executor, Outcome, COMPUTE_MAX};
use crate::decide::{Action, Signer};

/// Different compute limits that like transactions are sent with, in turn.
const SALTS: u32 = 4_096;

/// A transaction that is ready to be sent.
#[derive(Clone, Debug)]
pub struct Signed {
    pub transaction: VersionedTransaction,
    /// Compute units that it asks for.
    pub limit: u32,
}

/// An action's instructions behind those of the compute budget, as they are sent.
pub(super) fn budgeted(limit: u32, price: u64, instructions: &[Instruction]) -> Vec<Instruction> {
    let mut all = vec![ComputeBudgetInstruction::set_compute_unit_limit(limit)];
    if price != 0 {
        all.push(ComputeBudgetInstruction::set_compute_unit_price(price));
    }
    all.extend_from_slice(instructions);
    all
}

impl Executor {
    pub(super) fn transaction(
        &self,
        signer: Signer,
        instructions: &[Instruction],
        blockhash: Hash,
    ) -> Result<VersionedTransaction, Outcome> {
        let permanent = |error: &dyn std::fmt::Display| Outcome::Permanent(error.to_string());
        let payer = self.payer.pubkey();
        let message = v0::Message::try_compile(&payer, instructions, &[], blockhash)
            .map_err(|error| permanent(&error))?;
        let mut signers: Vec<&Keypair> = vec![&self.payer];
        let second = match signer {
            Signer::Payer => None,
            Signer::Desk => Some((&self.desk, "no key of the desk")),
            Signer::Underwriter => Some((&self.underwriter, "no key of the underwriter")),
        };
        if let Some((key, missing)) = second {
            let key = key.as_ref().ok_or_else(|| permanent(&missing))?;
            if key.pubkey() != payer {
                signers.push(key);
            }
        }
        VersionedTransaction::try_new(VersionedMessage::V0(message), &signers)
            .map_err(|error| permanent(&error))
    }

    /// Builds and signs an action's transaction: everything between a plan and the wire. `limit` is about its
    /// compute limit, `price` micro-lamports per compute unit.
    ///
    /// # Errors
    /// `Permanent` for what fits no transaction, or without the key that has to sign.
    pub fn sign(
        &self,
        action: &Action,
        limit: u32,
        price: u64,
        blockhash: Hash,
    ) -> Result<Signed, Outcome> {
        let salt = self.salt.fetch_add(1, Ordering::Relaxed) % SALTS;
        let limit = limit.min(COMPUTE_MAX - SALTS) + salt;
        let all = budgeted(limit, price, &action.instructions);
        let transaction = self.transaction(action.signer, &all, blockhash)?;
        Ok(Signed { transaction, limit })
    }
}
