//! What goes over the wire for a transaction: its simulation, its blockhash, its sending, again until its end is known.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use solana_client::rpc_config::{RpcSendTransactionConfig, RpcSimulateTransactionConfig};
use solana_commitment_config::CommitmentConfig;
use solana_compute_budget_interface::ComputeBudgetInstruction;
use solana_hash::Hash;
use solana_instruction::Instruction;
use solana_signature::Signature;
use solana_signer::Signer as _;
use solana_transaction::versioned::VersionedTransaction;
use tracing::debug;

use super::signing::budgeted;
use super::{classify_in, lock, Executed, Executor, Outcome, Signed, COMPUTE_MAX};
use crate::decide::Signer;
use crate::plan::Planned;

/// Waits between two looks at a signature's status.
const STATUS_POLL: Duration = Duration::from_millis(150);
/// Looks at the status before the transaction is sent again and its expiry is asked for.
const POLLS_PER_RESEND: u32 = 10;
/// Age from which a blockhash is not used for another transaction.
const BLOCKHASH_AGE: Duration = Duration::from_secs(5);
/// No transaction is waited for longer than this: a blockhash lives about a minute.
const CONFIRM_MAX: Duration = Duration::from_secs(120);

impl Executor {
    /// Compute units that the instructions use.
    pub(super) async fn simulate(
        &self,
        signer: Signer,
        built: &[Instruction],
    ) -> Result<u32, Outcome> {
        let mut all = vec![ComputeBudgetInstruction::set_compute_unit_limit(
            COMPUTE_MAX,
        )];
        all.extend_from_slice(built);
        let (blockhash, _) = self.blockhash().await?;
        let transaction = self.transaction(signer, &all, blockhash)?;
        let config = RpcSimulateTransactionConfig {
            commitment: Some(CommitmentConfig::confirmed()),
            ..Default::default()
        };
        let (index, rpc) = self.endpoints.current();
        let answered = rpc.simulate_transaction_with_config(&transaction, config);
        let value = match answered.await {
            Ok(answered) => answered.value,
            Err(error) => {
                self.endpoints.failed(index);
                return Err(Outcome::Transient(error.to_string()));
            }
        };
        if let Some(error) = value.err {
            return Err(classify_in(&error.into(), &all));
        }
        Ok(u32::try_from(value.units_consumed.unwrap_or(0)).unwrap_or(COMPUTE_MAX))
    }

    /// A blockhash and the last block height at which it is good.
    async fn blockhash(&self) -> Result<(Hash, u64), Outcome> {
        let cached = *lock(&self.blockhash);
        if let Some((hash, height, at)) = cached {
            if at.elapsed() < BLOCKHASH_AGE {
                return Ok((hash, height));
            }
        }
        let (index, rpc) = self.endpoints.current();
        match rpc
            .get_latest_blockhash_with_commitment(CommitmentConfig::confirmed())
            .await
        {
            Ok((hash, height)) => {
                *lock(&self.blockhash) = Some((hash, height, Instant::now()));
                Ok((hash, height))
            }
            Err(error) => {
                self.endpoints.failed(index);
                Err(Outcome::Transient(error.to_string()))
            }
        }
    }

    pub(super) async fn send(&self, planned: &Planned, done: &mut Executed) -> Outcome {
        let action = &planned.action;
        let (blockhash, last_height) = match self.blockhash().await {
            Ok(found) => found,
            Err(outcome) => return outcome,
        };
        let price = done.unit_price;
        let Signed { transaction, limit } =
            match self.sign(action, done.compute_limit, price, blockhash) {
                Ok(signed) => signed,
                Err(outcome) => return outcome,
            };
        let all = budgeted(limit, price, &action.instructions);
        let signature = transaction.signatures.first().copied().unwrap_or_default();
        done.signature = Some(signature);
        let begun = Instant::now();
        let mut sent = self.broadcast(&transaction).await;
        loop {
            for _ in 0..POLLS_PER_RESEND {
                if let Some((slot, outcome)) = self.status(&signature, &all).await {
                    done.report.slot = slot;
                    done.report.lamports = self.lamports(action.signer, limit, price);
                    return outcome;
                }
                tokio::time::sleep(STATUS_POLL).await;
            }
            let (index, rpc) = self.endpoints.current();
            match rpc.get_block_height().await {
                Ok(height) if height > last_height => break,
                Ok(_) => {}
                Err(_) => self.endpoints.failed(index),
            }
            if begun.elapsed() > CONFIRM_MAX {
                break;
            }
            sent = self.broadcast(&transaction).await.or(sent);
        }
        // Once more: it may have landed in the last block that took it.
        if let Some((slot, outcome)) = self.status(&signature, &all).await {
            done.report.slot = slot;
            done.report.lamports = self.lamports(action.signer, limit, price);
            return outcome;
        }
        *lock(&self.blockhash) = None;
        match sent {
            Ok(()) => Outcome::Expired,
            Err(error) => Outcome::Transient(error),
        }
    }

    /// Hands the transaction to every endpoint that is up to date and to every sender, at the same time; one
    /// that takes it is enough.
    async fn broadcast(&self, transaction: &VersionedTransaction) -> Result<(), String> {
        let config = RpcSendTransactionConfig {
            skip_preflight: true,
            max_retries: Some(0),
            ..Default::default()
        };
        let endpoints = self.endpoints.up_to_date().into_iter();
        let clients = endpoints.map(|(_, rpc)| rpc).chain(&self.senders);
        let sent = clients.map(|rpc| rpc.send_transaction_with_config(transaction, config));
        let mut last = Err("no endpoint is up to date".to_owned());
        for (place, answer) in join_all(sent).await.into_iter().enumerate() {
            match answer {
                Ok(_) => last = Ok(()),
                Err(error) => {
                    debug!(place, %error, "not taken");
                    if last.is_err() {
                        last = Err(error.to_string());
                    }
                }
            }
        }
        last
    }

    /// Slot and outcome of a transaction that landed, confirmed.
    async fn status(&self, signature: &Signature, all: &[Instruction]) -> Option<(u64, Outcome)> {
        let (index, rpc) = self.endpoints.current();
        let statuses = match rpc.get_signature_statuses(&[*signature]).await {
            Ok(statuses) => statuses,
            Err(_) => {
                self.endpoints.failed(index);
                return None;
            }
        };
        let status = statuses.value.into_iter().next()??;
        if !status.satisfies_commitment(CommitmentConfig::confirmed()) {
            return None;
        }
        let outcome = match &status.err {
            None => Outcome::Landed,
            Some(error) => classify_in(error, all),
        };
        Some((status.slot, outcome))
    }

    /// Lamports of the key that pays.
    pub async fn balance(&self) -> Option<u64> {
        let (_, rpc) = self.endpoints.current();
        rpc.get_balance(&self.payer.pubkey()).await.ok()
    }
}
