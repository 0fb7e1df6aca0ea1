//! The only place that signs and sends. One action becomes one transaction: its compute limit learned by
//! simulation, its fee by danger and age, its end told by status or by block height, its outcome named.

mod compute;
mod fees;
mod outcome;
pub mod packing;

pub use compute::{ComputeLimits, Shape, COMPUTE_MAX};
pub use fees::FeePolicy;
pub use outcome::{classify_engine, classify_in, classify_transaction, Outcome};

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use solana_client::nonblocking::rpc_client::RpcClient;
use solana_client::rpc_config::{RpcSendTransactionConfig, RpcSimulateTransactionConfig};
use solana_commitment_config::CommitmentConfig;
use solana_compute_budget_interface::ComputeBudgetInstruction;
use solana_hash::Hash;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_message::{v0, VersionedMessage};
use solana_pubkey::Pubkey;
use solana_signature::Signature;
use solana_signer::Signer as _;
use solana_transaction::versioned::VersionedTransaction;
use tracing::debug;

use crate::decide::{Action, Signer};
use crate::plan::{Planned, Report};
use crate::sources::Endpoints;

/// Lamports of one signature.
pub const SIGNATURE_LAMPORTS: u64 = 5_000;
/// Waits between two looks at a signature's status.
const STATUS_POLL: Duration = Duration::from_millis(150);
/// Looks at the status before the transaction is sent again and its expiry is asked for.
const POLLS_PER_RESEND: u32 = 10;
/// Age from which a blockhash is not used for another transaction.
const BLOCKHASH_AGE: Duration = Duration::from_secs(5);
/// Different compute limits that like transactions are sent with, in turn.
const SALTS: u32 = 4_096;
/// A sender that answers later than this is not waited for.
const SENDER_TIMEOUT: Duration = Duration::from_secs(2);
/// No transaction is waited for longer than this: a blockhash lives about a minute.
const CONFIRM_MAX: Duration = Duration::from_secs(120);

/// What one try came to, for plan and ledger.
#[derive(Clone, Debug)]
pub struct Executed {
    pub report: Report,
    pub signature: Option<Signature>,
    /// Accounts that it names writable, the paying key's apart.
    pub written: Vec<Pubkey>,
    pub compute_limit: u32,
    /// Micro-lamports per compute unit.
    pub unit_price: u64,
    /// Ppm or quote atoms, as the action's danger says.
    pub danger: u64,
    pub elapsed: Duration,
}

/// A transaction that is ready to be sent.
#[derive(Clone, Debug)]
pub struct Signed {
    pub transaction: VersionedTransaction,
    /// Compute units that it asks for.
    pub limit: u32,
}

/// Signs and sends for one operator.
pub struct Executor {
    endpoints: Arc<Endpoints>,
    /// Where transactions go besides; nothing is read from them.
    senders: Vec<RpcClient>,
    payer: Keypair,
    desk: Option<Keypair>,
    underwriter: Option<Keypair>,
    fees: FeePolicy,
    limits: Mutex<ComputeLimits>,
    blockhash: Mutex<Option<(Hash, u64, Instant)>>,
    /// Added to the compute limit: two like transactions of one blockhash would be one to the chain.
    salt: AtomicU32,
    dry_run: bool,
}

impl std::fmt::Debug for Executor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Executor")
            .field("payer", &self.payer.pubkey())
            .field("dry_run", &self.dry_run)
            .finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// An action's instructions behind those of the compute budget, as they are sent.
fn budgeted(limit: u32, price: u64, instructions: &[Instruction]) -> Vec<Instruction> {
    let mut all = vec![ComputeBudgetInstruction::set_compute_unit_limit(limit)];
    if price != 0 {
        all.push(ComputeBudgetInstruction::set_compute_unit_price(price));
    }
    all.extend_from_slice(instructions);
    all
}

impl Executor {
    pub fn new(
        endpoints: Arc<Endpoints>,
        payer: Keypair,
        desk: Option<Keypair>,
        fees: FeePolicy,
        dry_run: bool,
    ) -> Self {
        Self {
            endpoints,
            senders: Vec::new(),
            payer,
            desk,
            underwriter: None,
            fees,
            limits: Mutex::default(),
            blockhash: Mutex::default(),
            salt: AtomicU32::new(std::process::id()),
            dry_run,
        }
    }

    /// Sends every transaction to these addresses as well.
    #[must_use]
    pub fn with_senders(mut self, urls: impl Iterator<Item = String>) -> Self {
        let clients = urls.map(|url| RpcClient::new_with_timeout(url, SENDER_TIMEOUT));
        self.senders = clients.collect();
        self
    }

    /// Signs what an underwriter's desk decides with this key.
    #[must_use]
    pub fn with_underwriter(mut self, underwriter: Option<Keypair>) -> Self {
        self.underwriter = underwriter;
        self
    }

    /// What an action costs at most, lamports.
    pub fn cost(&self, planned: &Planned) -> u64 {
        let price = self.fees.unit_price(planned);
        let steps = self.steps(&planned.action);
        let costs = steps.iter().map(|step| {
            let limit = lock(&self.limits).get(&Shape::of(step));
            self.lamports(step.signer, limit.unwrap_or(COMPUTE_MAX), price)
        });
        costs.fold(0, u64::saturating_add)
    }

    /// An action as the transactions that it is sent as.
    fn steps(&self, action: &Action) -> Vec<Action> {
        if !action.key.kind.is_sequence() {
            return vec![action.clone()];
        }
        let packed = packing::transactions(&self.payer.pubkey(), &action.instructions);
        let steps = packed.into_iter().map(|instructions| Action {
            instructions,
            ..action.clone()
        });
        steps.collect()
    }

    fn lamports(&self, signer: Signer, limit: u32, price: u64) -> u64 {
        let fee = u128::from(limit)
            .saturating_mul(price.into())
            .div_ceil(1_000_000);
        let fee = u64::try_from(fee).unwrap_or(u64::MAX);
        let signatures = if signer == Signer::Payer { 1 } else { 2 };
        fee.saturating_add(SIGNATURE_LAMPORTS.saturating_mul(signatures))
    }

    /// Sends one action and waits for what becomes of it.
    pub async fn execute(&self, planned: Planned) -> Executed {
        let begun = Instant::now();
        let action = &planned.action;
        let mut done = Executed {
            report: Report {
                key: action.key,
                state: action.state,
                outcome: Outcome::Simulated,
                lamports: 0,
                slot: 0,
                read: 0,
            },
            signature: None,
            written: self.written(action),
            compute_limit: 0,
            unit_price: 0,
            danger: action.danger.amount,
            elapsed: Duration::ZERO,
        };
        done.report.outcome = self.run_steps(&planned, &mut done).await;
        done.elapsed = begun.elapsed();
        done
    }

    /// One transaction after the other, each once the one before has landed.
    async fn run_steps(&self, planned: &Planned, done: &mut Executed) -> Outcome {
        let mut outcome = Outcome::Landed;
        for action in self.steps(&planned.action) {
            let step = Planned {
                action,
                ..planned.clone()
            };
            let paid = std::mem::take(&mut done.report.lamports);
            outcome = self.run(&step, done).await;
            done.report.lamports = done.report.lamports.saturating_add(paid);
            // What follows cannot be simulated before this is on chain.
            if outcome != Outcome::Landed {
                break;
            }
        }
        outcome
    }

    async fn run(&self, planned: &Planned, done: &mut Executed) -> Outcome {
        let action = &planned.action;
        let shape = Shape::of(action);
        let known = lock(&self.limits).get(&shape);
        let limit = match known {
            Some(limit) if !self.dry_run => limit,
            _ => match self.simulate(action.signer, &action.instructions).await {
                Ok(units) => lock(&self.limits).learn(shape, units),
                Err(Outcome::OutOfCompute) => COMPUTE_MAX,
                Err(outcome) => return outcome,
            },
        };
        done.compute_limit = limit;
        if self.dry_run {
            return Outcome::Simulated;
        }
        done.unit_price = self.fees.unit_price(planned);
        let outcome = self.send(planned, done).await;
        if outcome == Outcome::OutOfCompute {
            let raised = lock(&self.limits).raise(shape, limit);
            debug!(
                kind = action.key.kind.name(),
                limit, raised, "compute limit raised"
            );
        }
        outcome
    }

    fn transaction(
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

    fn written(&self, action: &Action) -> Vec<Pubkey> {
        let metas = action.instructions.iter().flat_map(|built| &built.accounts);
        let written = metas.filter(|meta| meta.is_writable && !meta.is_signer);
        let mut written: Vec<Pubkey> = written.map(|meta| meta.pubkey).collect();
        written.sort_unstable();
        written.dedup();
        written
    }

    /// Compute units that the instructions use.
    async fn simulate(&self, signer: Signer, built: &[Instruction]) -> Result<u32, Outcome> {
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

    async fn send(&self, planned: &Planned, done: &mut Executed) -> Outcome {
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
