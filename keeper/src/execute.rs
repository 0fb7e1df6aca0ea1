//! The only place that signs and sends. One action becomes one transaction: its compute limit learned by
//! simulation, its fee by danger and age, its end told by status or by block height, its outcome named.

mod compute;
mod fees;
mod outcome;
pub mod packing;
mod signing;
mod wire;

pub use compute::{ComputeLimits, Shape, COMPUTE_MAX};
pub use fees::FeePolicy;
pub use outcome::{classify_engine, classify_in, classify_transaction, Outcome};
pub use signing::Signed;

use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use solana_client::nonblocking::rpc_client::RpcClient;
use solana_hash::Hash;
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signature::Signature;
use solana_signer::Signer as _;
use tracing::debug;

use crate::decide::{Action, Signer};
use crate::plan::{Planned, Report};
use crate::sources::Endpoints;

/// Lamports of one signature.
pub const SIGNATURE_LAMPORTS: u64 = 5_000;
/// A sender that answers later than this is not waited for.
const SENDER_TIMEOUT: Duration = Duration::from_secs(2);

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

    fn written(&self, action: &Action) -> Vec<Pubkey> {
        let metas = action.instructions.iter().flat_map(|built| &built.accounts);
        let written = metas.filter(|meta| meta.is_writable && !meta.is_signer);
        let mut written: Vec<Pubkey> = written.map(|meta| meta.pubkey).collect();
        written.sort_unstable();
        written.dedup();
        written
    }
}
