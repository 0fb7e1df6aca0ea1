//! Sends one transaction to any cluster and waits until it is confirmed.
//!
//! The client crate's own helper looks every half second, which on a fast local chain is most of
//! the time a deployment takes. This one looks often, sends again on a lossy cluster, and gives up
//! when the blockhash has expired, so that a caller never waits for what cannot come.

use std::time::{Duration, Instant};

use anyhow::{anyhow, bail, Context, Result};
use solana_client::{nonblocking::rpc_client::RpcClient, rpc_config::RpcSendTransactionConfig};
use solana_commitment_config::CommitmentConfig;
use solana_hash::Hash;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer;
use solana_transaction::Transaction;

const POLL: Duration = Duration::from_millis(50);
/// A cluster under load drops packets: say it again this often.
const RESEND: Duration = Duration::from_secs(2);
/// A blockhash lives about a minute: what is not confirmed long after will not be.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(120);

/// A client that reads what at least two thirds of the stake have voted for.
pub(crate) fn confirmed_client(rpc_url: &str) -> RpcClient {
    RpcClient::new_with_commitment(rpc_url.to_owned(), CommitmentConfig::confirmed())
}

/// Signs with each key once, sends with a preflight check, and returns when confirmed. `doing`
/// names the step in errors.
pub(crate) async fn send_and_confirm(
    rpc: &RpcClient,
    doing: &str,
    instructions: &[Instruction],
    signers: &[&Keypair],
) -> Result<()> {
    let (blockhash, last_valid_block_height) = rpc
        .get_latest_blockhash_with_commitment(rpc.commitment())
        .await
        .with_context(|| format!("{doing}: no blockhash"))?;
    let transaction = sign(instructions, signers, blockhash)?;
    let signature = rpc
        .send_transaction(&transaction)
        .await
        .with_context(|| format!("{doing}: refused"))?;
    let begun = Instant::now();
    let mut sent = begun;
    while begun.elapsed() < CONFIRM_TIMEOUT {
        let status = rpc
            .get_signature_statuses(&[signature])
            .await
            .with_context(|| format!("{doing}: status of {signature} unknown"))?
            .value
            .pop()
            .flatten();
        if let Some(status) = status {
            if let Some(error) = &status.err {
                bail!("{doing}: {signature} failed: {error}");
            }
            if status.satisfies_commitment(rpc.commitment()) {
                return Ok(());
            }
        } else if sent.elapsed() > RESEND {
            if rpc.get_block_height().await? > last_valid_block_height {
                bail!("{doing}: {signature} was not included before its blockhash expired");
            }
            // What the first try reported is what counts; this one only repeats the packet.
            let _ = rpc
                .send_transaction_with_config(&transaction, without_preflight())
                .await;
            sent = Instant::now();
        }
        tokio::time::sleep(POLL).await;
    }
    bail!(
        "{doing}: {signature} was not confirmed within {} s",
        CONFIRM_TIMEOUT.as_secs()
    )
}

/// A transaction paid by the first signer. A key that is named twice signs once.
pub(crate) fn sign(
    instructions: &[Instruction],
    signers: &[&Keypair],
    blockhash: Hash,
) -> Result<Transaction> {
    let payer: Pubkey = signers
        .first()
        .map(|signer| signer.pubkey())
        .ok_or_else(|| anyhow!("a transaction needs a payer"))?;
    let mut distinct: Vec<&Keypair> = Vec::with_capacity(signers.len());
    for signer in signers {
        if !distinct
            .iter()
            .any(|known| known.pubkey() == signer.pubkey())
        {
            distinct.push(signer);
        }
    }
    let mut transaction = Transaction::new_with_payer(instructions, Some(&payer));
    transaction
        .try_sign(&distinct, blockhash)
        .context("a signer is missing or not asked for")?;
    Ok(transaction)
}

/// For transactions whose effect is checked afterwards anyway.
pub(crate) fn without_preflight() -> RpcSendTransactionConfig {
    RpcSendTransactionConfig {
        skip_preflight: true,
        ..RpcSendTransactionConfig::default()
    }
}
