//! Fills the buffer account a program is deployed from.
//!
//! What is missing is always decided by the bytes on the chain, never by what was sent: a lost
//! packet, a refused request and an interrupted run are all the same case, chunks that differ.

use std::time::{Duration, Instant};

use anyhow::{bail, Context, Result};
use futures_util::{stream, StreamExt};
use sha2::{Digest, Sha256};
use solana_client::nonblocking::rpc_client::RpcClient;
use solana_hash::Hash;
use solana_loader_v3_interface::{instruction as loader, state::UpgradeableLoaderState};
use solana_pubkey::Pubkey;
use solana_sdk_ids::bpf_loader_upgradeable;
use solana_signature::Signature;
use solana_signer::Signer;
use solana_system_interface::instruction as system;
use solana_transaction::Transaction;

use crate::{
    deploy::{loader_state::read_buffer, DeployProgress, DeployRequest},
    sending::{send_and_confirm, sign, without_preflight},
};

/// Largest transaction a cluster accepts, in bytes.
const TRANSACTION_BYTES_MAX: usize = 1_232;
/// Requests under way at once: enough to keep a local chain busy, few enough for a public one.
const IN_FLIGHT_MAX: usize = 32;
/// Transactions of a pass, the last ones, whose confirmation is waited for before the bytes are
/// looked at. Not all of them: a status is dear to answer, the bytes say the same for all at once,
/// and a chunk that is still under way then is merely written twice.
const AWAITED_MAX: usize = 16;
/// Passes over the buffer that may bring nothing new. A public cluster that limits requests lets
/// some through in each pass: slow is not the same as stuck.
const IDLE_PASSES_MAX: usize = 5;
/// A pass waits this long for the last of its transactions before it looks at the bytes.
const PASS_TIMEOUT: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(50);
const SEED_BYTES: usize = 16;

/// The buffer of one payer for one program's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Buffer {
    address: Pubkey,
    seed: String,
}

impl Buffer {
    /// The address is derived, not a key of its own: from the payer, the authority and the bytes.
    pub fn of(request: &DeployRequest<'_>) -> Self {
        let digest = Sha256::new()
            .chain_update(request.upgrade_authority.pubkey())
            .chain_update(request.program_bytes)
            .finalize();
        let seed: String = digest[..SEED_BYTES]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let address = derived_address(&request.payer.pubkey(), &seed);
        Self { address, seed }
    }

    pub fn address(&self) -> Pubkey {
        self.address
    }

    /// Creates the buffer if need be and writes until it holds the program; returns how many
    /// chunks were written, those written twice counted twice.
    pub async fn fill(
        &self,
        rpc: &RpcClient,
        request: &DeployRequest<'_>,
        on_progress: &mut (impl FnMut(DeployProgress) + Send),
    ) -> Result<usize> {
        let program = request.program_bytes;
        let chunk_bytes = chunk_bytes(request)?;
        if self.read(rpc, request).await?.is_none() {
            self.create(rpc, request).await?;
        }
        let mut written = 0;
        let mut idle_passes = 0;
        let mut missing_before = usize::MAX;
        let mut last_error = None;
        while idle_passes < IDLE_PASSES_MAX {
            let on_chain = self.read(rpc, request).await?.unwrap_or_default();
            let missing = missing_chunks(&on_chain, program, chunk_bytes);
            on_progress(DeployProgress::Written {
                bytes: program.len() - missing.iter().map(Chunk::len).sum::<usize>(),
                total: program.len(),
            });
            if missing.is_empty() {
                return Ok(written);
            }
            idle_passes += usize::from(missing.len() >= missing_before);
            missing_before = missing_before.min(missing.len());
            written += missing.len();
            last_error = self.write(rpc, request, &missing).await?.or(last_error);
        }
        let reason = last_error.unwrap_or_else(|| "transactions were lost".to_owned());
        bail!(
            "{missing_before} chunks of the program do not arrive: {reason}; run again to go on with buffer {}",
            self.address
        )
    }

    /// The buffer's program bytes; `None` if there is no such account.
    async fn read(&self, rpc: &RpcClient, request: &DeployRequest<'_>) -> Result<Option<Vec<u8>>> {
        let account = rpc
            .get_account_with_commitment(&self.address, rpc.commitment())
            .await
            .with_context(|| format!("buffer {} cannot be read", self.address))?
            .value;
        let Some(account) = account else {
            return Ok(None);
        };
        let state = read_buffer(&account).with_context(|| format!("account {}", self.address))?;
        let authority = request.upgrade_authority.pubkey();
        if state.authority != Some(authority) {
            bail!("buffer {} does not belong to {authority}", self.address);
        }
        Ok(Some(state.bytes.to_vec()))
    }

    async fn create(&self, rpc: &RpcClient, request: &DeployRequest<'_>) -> Result<()> {
        let payer = request.payer.pubkey();
        let authority = request.upgrade_authority.pubkey();
        let length = request.program_bytes.len();
        let space = UpgradeableLoaderState::size_of_buffer(length);
        let rent = rpc.get_minimum_balance_for_rent_exemption(space).await?;
        let allocate = system::create_account_with_seed(
            &payer,
            &self.address,
            &payer,
            &self.seed,
            rent,
            space as u64,
            &bpf_loader_upgradeable::ID,
        );
        // The loader's own builder allocates at a key of its own; only its second half is wanted.
        let initialize = loader::create_buffer(&payer, &self.address, &authority, rent, length)
            .context("creating the buffer")?
            .pop()
            .context("creating the buffer")?;
        let instructions = [allocate, initialize];
        send_and_confirm(rpc, "creating the buffer", &instructions, &[request.payer]).await
    }

    /// Sends every chunk once and waits until the last few are confirmed or time is up. What the
    /// cluster refused is returned as words: only the bytes decide whether it mattered.
    async fn write(
        &self,
        rpc: &RpcClient,
        request: &DeployRequest<'_>,
        chunks: &[Chunk],
    ) -> Result<Option<String>> {
        let blockhash = rpc.get_latest_blockhash().await?;
        let sends = chunks.iter().map(|chunk| async move {
            let transaction = self.write_transaction(request, chunk, blockhash)?;
            rpc.send_transaction_with_config(&transaction, without_preflight())
                .await
                .context("writing a chunk")
        });
        let results: Vec<_> = stream::iter(sends)
            .buffer_unordered(IN_FLIGHT_MAX)
            .collect()
            .await;
        let mut sent = Vec::with_capacity(chunks.len());
        let mut last_error = None;
        for result in results {
            match result {
                Ok(signature) => sent.push(signature),
                Err(error) => last_error = Some(format!("{error:#}")),
            }
        }
        let awaited = &sent[sent.len().saturating_sub(AWAITED_MAX)..];
        Ok(wait_until_settled(rpc, awaited).await?.or(last_error))
    }

    fn write_transaction(
        &self,
        request: &DeployRequest<'_>,
        chunk: &Chunk,
        blockhash: Hash,
    ) -> Result<Transaction> {
        let offset = u32::try_from(chunk.start).context("the program is too large")?;
        let bytes = request.program_bytes[chunk.start..chunk.end].to_vec();
        let authority = request.upgrade_authority;
        let instruction = loader::write(&self.address, &authority.pubkey(), offset, bytes);
        sign(&[instruction], &[request.payer, authority], blockhash)
    }
}

/// Waits until each transaction is confirmed or has failed, or time is up; returns the last failure.
async fn wait_until_settled(rpc: &RpcClient, sent: &[Signature]) -> Result<Option<String>> {
    let deadline = Instant::now() + PASS_TIMEOUT;
    let mut last_error = None;
    let mut pending = sent.to_vec();
    while !pending.is_empty() && Instant::now() < deadline {
        let statuses = rpc.get_signature_statuses(&pending).await?.value;
        let mut unsettled = Vec::with_capacity(pending.len());
        for (signature, status) in pending.iter().zip(statuses) {
            match status {
                Some(status) if status.err.is_some() => {
                    last_error = status.err.map(|error| error.to_string());
                }
                Some(status) if status.satisfies_commitment(rpc.commitment()) => {}
                _ => unsettled.push(*signature),
            }
        }
        pending = unsettled;
        if !pending.is_empty() {
            tokio::time::sleep(POLL).await;
        }
    }
    Ok(last_error)
}

fn derived_address(payer: &Pubkey, seed: &str) -> Pubkey {
    let digest = Sha256::new()
        .chain_update(payer)
        .chain_update(seed)
        .chain_update(bpf_loader_upgradeable::ID)
        .finalize();
    Pubkey::new_from_array(digest.into())
}

/// A piece of the program that fits one transaction: bytes `start..end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    pub start: usize,
    pub end: usize,
}

impl Chunk {
    pub fn len(&self) -> usize {
        self.end - self.start
    }
}

/// The chunks of `program` that `on_chain` does not hold.
pub(super) fn missing_chunks(on_chain: &[u8], program: &[u8], chunk_bytes: usize) -> Vec<Chunk> {
    (0..program.len())
        .step_by(chunk_bytes)
        .map(|start| Chunk {
            start,
            end: program.len().min(start + chunk_bytes),
        })
        .filter(|chunk| on_chain.get(chunk.start..chunk.end) != program.get(chunk.start..chunk.end))
        .collect()
}

/// Bytes of the program that fit one transaction, found by building an empty one: it depends on
/// whether the payer is also the authority.
fn chunk_bytes(request: &DeployRequest<'_>) -> Result<usize> {
    let empty = Buffer::of(request).write_transaction(
        request,
        &Chunk { start: 0, end: 0 },
        Hash::default(),
    )?;
    // The length of the instruction's data takes one byte in an empty transaction, two in a full.
    let overhead = transaction_bytes(&empty) + 1;
    TRANSACTION_BYTES_MAX
        .checked_sub(overhead)
        .context("a write transaction leaves no room for bytes")
}

/// Signatures with their count, then the message.
fn transaction_bytes(transaction: &Transaction) -> usize {
    1 + transaction.signatures.len() * 64 + transaction.message_data().len()
}

#[cfg(test)]
#[path = "buffer_tests.rs"]
mod tests;
