//! Reading accounts and sending transactions over RPC.
//!
//! Every transaction is simulated first: the simulation names the error before a fee is spent and
//! teaches the compute limit, so that none is guessed. Confirmation is by signature status, expiry by
//! block height.

use std::time::Duration;

use plimsoll_engine::state::{
    CreditLine, CreditVault, DefaultFund, Exchange, MarginAccount, MarkAccount, PendingChange,
    VaultStake,
};
use solana_client::nonblocking::rpc_client::RpcClient;
use solana_client::rpc_config::RpcSimulateTransactionConfig;
use solana_commitment_config::CommitmentConfig;
use solana_compute_budget_interface::ComputeBudgetInstruction;
use solana_instruction::error::InstructionError;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_message::{v0, VersionedMessage};
use solana_pubkey::Pubkey;
use solana_signature::Signature;
use solana_signer::Signer;
use solana_transaction::versioned::VersionedTransaction;
use solana_transaction_error::TransactionError;
use thiserror::Error;

use crate::accounts::{self, DecodeError, MarketView};
use crate::errors;
use crate::preview::AccountView;

/// Compute units beyond what the simulation used: state may move between the two.
const COMPUTE_HEADROOM: u32 = 20_000;
/// Waits between two looks at a signature's status.
const STATUS_POLL: Duration = Duration::from_millis(50);
/// Looks at a signature's status before asking whether its blockhash has expired.
const POLLS_PER_EXPIRY_CHECK: u32 = 40;

/// What can go wrong between a client and the chain.
#[derive(Debug, Error)]
pub enum RpcError {
    #[error("{name}")]
    Program {
        code: u32,
        name: String,
        logs: Vec<String>,
    },
    #[error("the transaction was refused: {error}")]
    Transaction {
        error: TransactionError,
        logs: Vec<String>,
    },
    #[error("the transaction expired unconfirmed: {0}")]
    Expired(Signature),
    #[error("no account at {0}")]
    Missing(Pubkey),
    #[error("account {address}: {error}")]
    Decode { address: Pubkey, error: DecodeError },
    #[error("could not build the transaction: {0}")]
    Build(String),
    #[error("RPC: {0}")]
    Rpc(#[from] Box<solana_client::client_error::ClientError>),
}

impl From<solana_client::client_error::ClientError> for RpcError {
    fn from(error: solana_client::client_error::ClientError) -> Self {
        Self::Rpc(Box::new(error))
    }
}

impl RpcError {
    /// The engine's error behind a refused transaction, if it was one.
    pub fn engine_error(&self) -> Option<plimsoll_engine::EngineError> {
        match self {
            Self::Program { code, .. } => errors::from_code(*code),
            _ => None,
        }
    }

    fn of(error: TransactionError, logs: Vec<String>) -> Self {
        match error {
            TransactionError::InstructionError(_, InstructionError::Custom(code)) => {
                Self::Program {
                    code,
                    name: errors::describe(code),
                    logs,
                }
            }
            error => Self::Transaction { error, logs },
        }
    }
}

/// What a transaction is sent with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SendOptions {
    /// Micro-lamports per compute unit.
    pub priority_fee: u64,
    /// A known compute limit saves the simulation; `None` simulates first.
    pub compute_units: Option<u32>,
}

/// A connection to one cluster.
pub struct Connection {
    rpc: RpcClient,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("url", &self.rpc.url())
            .finish()
    }
}

impl Connection {
    /// Connects at `confirmed`, which every read and every confirmation names.
    pub fn new(url: impl Into<String>) -> Self {
        let commitment = CommitmentConfig::confirmed();
        Self {
            rpc: RpcClient::new_with_commitment(url.into(), commitment),
        }
    }

    /// The client underneath, for calls that this type does not wrap.
    pub fn rpc(&self) -> &RpcClient {
        &self.rpc
    }

    /// Signs with `signers` (the first pays), simulates, sends, and waits until it is confirmed.
    pub async fn send(
        &self,
        instructions: &[Instruction],
        signers: &[&Keypair],
        options: SendOptions,
    ) -> Result<Signature, RpcError> {
        let signature = self.submit(instructions, signers, options).await?;
        self.confirm(&signature.0, signature.1).await?;
        Ok(signature.0)
    }

    /// The same without waiting: returns the signature and the last block height at which it may land.
    pub async fn submit(
        &self,
        instructions: &[Instruction],
        signers: &[&Keypair],
        options: SendOptions,
    ) -> Result<(Signature, u64), RpcError> {
        let units = match options.compute_units {
            Some(units) => units,
            None => self
                .simulate(instructions, signers)
                .await?
                .saturating_add(COMPUTE_HEADROOM),
        };
        let mut all = vec![ComputeBudgetInstruction::set_compute_unit_limit(units)];
        if options.priority_fee != 0 {
            all.push(ComputeBudgetInstruction::set_compute_unit_price(
                options.priority_fee,
            ));
        }
        all.extend_from_slice(instructions);
        let (blockhash, last_height) = self
            .rpc
            .get_latest_blockhash_with_commitment(CommitmentConfig::confirmed())
            .await?;
        let transaction = signed(&all, signers, blockhash)?;
        let config = solana_client::rpc_config::RpcSendTransactionConfig {
            skip_preflight: true,
            ..Default::default()
        };
        let signature = self
            .rpc
            .send_transaction_with_config(&transaction, config)
            .await?;
        Ok((signature, last_height))
    }

    /// Compute units that the instructions use; an error names why they would fail.
    pub async fn simulate(
        &self,
        instructions: &[Instruction],
        signers: &[&Keypair],
    ) -> Result<u32, RpcError> {
        let mut all = vec![ComputeBudgetInstruction::set_compute_unit_limit(1_400_000)];
        all.extend_from_slice(instructions);
        let blockhash = self.rpc.get_latest_blockhash().await?;
        let transaction = signed(&all, signers, blockhash)?;
        let config = RpcSimulateTransactionConfig {
            commitment: Some(CommitmentConfig::confirmed()),
            ..Default::default()
        };
        let value = self
            .rpc
            .simulate_transaction_with_config(&transaction, config)
            .await?
            .value;
        let logs = value.logs.unwrap_or_default();
        if let Some(error) = value.err {
            return Err(RpcError::of(error.into(), logs));
        }
        Ok(u32::try_from(value.units_consumed.unwrap_or(0)).unwrap_or(u32::MAX))
    }

    /// Waits until the signature is confirmed, failed, or can no longer land.
    pub async fn confirm(&self, signature: &Signature, last_height: u64) -> Result<(), RpcError> {
        loop {
            for _ in 0..POLLS_PER_EXPIRY_CHECK {
                let statuses = self.rpc.get_signature_statuses(&[*signature]).await?;
                if let Some(Some(status)) = statuses.value.into_iter().next() {
                    if let Some(error) = status.err.clone() {
                        return Err(RpcError::of(error, Vec::new()));
                    }
                    if status.satisfies_commitment(CommitmentConfig::confirmed()) {
                        return Ok(());
                    }
                }
                tokio::time::sleep(STATUS_POLL).await;
            }
            if self.rpc.get_block_height().await? > last_height {
                return Err(RpcError::Expired(*signature));
            }
        }
    }

    async fn account<T>(
        &self,
        address: &Pubkey,
        decode: impl Fn(&[u8]) -> Result<T, DecodeError>,
    ) -> Result<T, RpcError> {
        let found = self
            .rpc
            .get_account_with_commitment(address, CommitmentConfig::confirmed())
            .await?
            .value
            .ok_or(RpcError::Missing(*address))?;
        decode(&found.data).map_err(|error| RpcError::Decode {
            address: *address,
            error,
        })
    }

    /// An exchange.
    pub async fn exchange(&self, address: &Pubkey) -> Result<Exchange, RpcError> {
        self.account(address, accounts::exchange).await
    }

    /// A default fund.
    pub async fn default_fund(&self, address: &Pubkey) -> Result<DefaultFund, RpcError> {
        self.account(address, accounts::default_fund).await
    }

    /// A queued change.
    pub async fn pending_change(&self, address: &Pubkey) -> Result<PendingChange, RpcError> {
        self.account(address, accounts::pending_change).await
    }

    /// A margin account.
    pub async fn margin_account(&self, address: &Pubkey) -> Result<MarginAccount, RpcError> {
        self.account(address, accounts::margin_account).await
    }

    /// A credit line.
    pub async fn credit_line(&self, address: &Pubkey) -> Result<CreditLine, RpcError> {
        self.account(address, accounts::credit_line).await
    }

    /// A credit vault.
    pub async fn credit_vault(&self, address: &Pubkey) -> Result<CreditVault, RpcError> {
        self.account(address, accounts::credit_vault).await
    }

    /// A provider's stake in a credit vault.
    pub async fn vault_stake(&self, address: &Pubkey) -> Result<VaultStake, RpcError> {
        self.account(address, accounts::vault_stake).await
    }

    /// A market with its arena.
    pub async fn market(&self, address: &Pubkey) -> Result<MarketView, RpcError> {
        self.account(address, MarketView::decode).await
    }

    /// A market's `Mark` copy.
    pub async fn mark(&self, address: &Pubkey) -> Result<MarkAccount, RpcError> {
        self.account(address, accounts::mark).await
    }

    /// A margin account with all of its markets, for previews.
    pub async fn account_view(&self, address: &Pubkey) -> Result<AccountView, RpcError> {
        let account = self.margin_account(address).await?;
        let mut markets = Vec::with_capacity(account.entries().len());
        for entry in account.entries() {
            markets.push(self.market(&Pubkey::from(entry.market)).await?);
        }
        Ok(AccountView {
            address: *address,
            account,
            markets,
        })
    }

    /// The chain's clock, unix seconds: what the program compares prices and expiries with.
    pub async fn chain_time(&self) -> Result<i64, RpcError> {
        let address = solana_sdk_ids::sysvar::clock::ID;
        let data = self.rpc.get_account(&address).await?.data;
        let time = data
            .get(32..40)
            .and_then(|bytes| bytes.try_into().ok())
            .map(i64::from_le_bytes);
        time.ok_or(RpcError::Missing(address))
    }
}

fn signed(
    instructions: &[Instruction],
    signers: &[&Keypair],
    blockhash: solana_hash::Hash,
) -> Result<VersionedTransaction, RpcError> {
    let payer = signers
        .first()
        .ok_or_else(|| RpcError::Build("no signer".into()))?
        .pubkey();
    let message = v0::Message::try_compile(&payer, instructions, &[], blockhash)
        .map_err(|error| RpcError::Build(error.to_string()))?;
    let mut unique: Vec<&Keypair> = Vec::with_capacity(signers.len());
    for signer in signers {
        if unique.iter().all(|known| known.pubkey() != signer.pubkey()) {
            unique.push(signer);
        }
    }
    VersionedTransaction::try_new(VersionedMessage::V0(message), &unique)
        .map_err(|error| RpcError::Build(error.to_string()))
}
