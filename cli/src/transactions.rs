//! Past transactions of an account, and the program's events in them, newest or oldest first.
//!
//! An RPC node keeps transactions for a limited time; what it no longer has cannot be listed.

use anyhow::{Context, Result};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use plimsoll_client::events::{of_program, Event, ProgramLog};
use solana_client::rpc_client::GetConfirmedSignaturesForAddress2Config;
use solana_client::rpc_config::RpcTransactionConfig;
use solana_commitment_config::CommitmentConfig;
use solana_pubkey::Pubkey;
use solana_signature::Signature;
use solana_transaction_status_client_types::option_serializer::OptionSerializer;
use solana_transaction_status_client_types::UiTransactionEncoding;

use crate::session::Session;

/// Signatures that one request returns at most.
const PAGE: usize = 1_000;
/// Transactions that are asked for at the same time.
const AT_ONCE: usize = 8;
/// How often a confirmed transaction is asked for before its outcome is left unsaid.
const OUTCOME_LOOKS: u32 = 10;
const OUTCOME_WAIT: std::time::Duration = std::time::Duration::from_millis(300);

/// A transaction that succeeded, and what it did.
#[derive(Clone, Debug)]
pub(crate) struct PastTransaction {
    pub(crate) signature: String,
    pub(crate) slot: u64,
    /// The block's time, Unix seconds.
    pub(crate) time: Option<i64>,
    pub(crate) events: Vec<Event>,
    /// Every event is there: the log was not cut off and holds none that this build does not know.
    pub(crate) complete: bool,
}

/// The last transactions that name `address`, oldest first, at most `limit` of them.
pub(crate) async fn last(
    session: &Session,
    address: &Pubkey,
    limit: usize,
) -> Result<Vec<PastTransaction>> {
    let signatures = signatures(session, address, limit).await?;
    let mut transactions: Vec<PastTransaction> = stream::iter(signatures)
        .map(|signature| one(session, signature))
        .buffered(AT_ONCE)
        .try_filter_map(|found| async move { Ok(found) })
        .try_collect()
        .await?;
    transactions.reverse();
    Ok(transactions)
}

/// The transactions that name `address`, oldest first, back to the one at which `reached` says that it is
/// far enough, at most `limit` of them. One that the node no longer has is there without its events.
pub(crate) async fn back_to(
    session: &Session,
    address: &Pubkey,
    limit: usize,
    mut reached: impl FnMut(&PastTransaction) -> bool,
) -> Result<Vec<PastTransaction>> {
    let mut found: Vec<PastTransaction> = Vec::new();
    let mut before = None;
    'pages: while found.len() < limit {
        let page = page(session, address, before, PAGE).await?;
        let Some(last) = page.last() else { break };
        before = Some(last.signature);
        let full = page.len() == PAGE;
        let listed = page.into_iter().filter(|entry| entry.succeeded);
        let mut read = stream::iter(listed)
            .map(|entry| async move {
                let transaction = one(session, entry.signature).await?;
                Ok::<_, anyhow::Error>(transaction.unwrap_or_else(|| entry.without_events()))
            })
            .buffered(AT_ONCE);
        while let Some(transaction) = read.try_next().await? {
            let far_enough = reached(&transaction);
            found.push(transaction);
            if far_enough || found.len() == limit {
                break 'pages;
            }
        }
        if !full {
            break;
        }
        let sentence = format!("{} transactions of {address} read", found.len());
        session.output.progress(&sentence);
    }
    found.reverse();
    Ok(found)
}

/// A transaction as a list names it.
struct Listed {
    signature: Signature,
    slot: u64,
    time: Option<i64>,
    succeeded: bool,
}

impl Listed {
    fn without_events(&self) -> PastTransaction {
        PastTransaction {
            signature: self.signature.to_string(),
            slot: self.slot,
            time: self.time,
            events: Vec::new(),
            complete: false,
        }
    }
}

/// Up to `limit` transactions before `before`, newest first.
async fn page(
    session: &Session,
    address: &Pubkey,
    before: Option<Signature>,
    limit: usize,
) -> Result<Vec<Listed>> {
    let config = GetConfirmedSignaturesForAddress2Config {
        before,
        until: None,
        limit: Some(limit),
        commitment: Some(CommitmentConfig::confirmed()),
    };
    let page = session
        .connection
        .rpc()
        .get_signatures_for_address_with_config(address, config)
        .await
        .with_context(|| format!("{} does not list transactions of {address}", session.url))?;
    let listed = page.into_iter().map(|entry| {
        Ok(Listed {
            signature: entry.signature.parse().context("a signature")?,
            slot: entry.slot,
            time: entry.block_time,
            succeeded: entry.err.is_none(),
        })
    });
    listed.collect()
}

/// Newest first; failed transactions changed nothing and are left out.
async fn signatures(session: &Session, address: &Pubkey, limit: usize) -> Result<Vec<Signature>> {
    let mut found = Vec::new();
    let mut before = None;
    while found.len() < limit {
        let wanted = PAGE.min(limit.saturating_sub(found.len()));
        let page = page(session, address, before, wanted).await?;
        let Some(last) = page.last() else { break };
        before = Some(last.signature);
        let succeeded = page.iter().filter(|entry| entry.succeeded);
        found.extend(succeeded.map(|entry| entry.signature));
        if page.len() < wanted {
            break;
        }
    }
    Ok(found)
}

/// What the program says a confirmed transaction did; empty if the node does not come to know it. A node
/// may take a moment.
pub(crate) async fn outcome(session: &Session, signature: Signature) -> Result<Vec<Event>> {
    for _ in 0..OUTCOME_LOOKS {
        match one(session, signature).await? {
            Some(found) => return Ok(found.events),
            None => tokio::time::sleep(OUTCOME_WAIT).await,
        }
    }
    Ok(Vec::new())
}

/// One transaction; `None` if the node no longer has it.
async fn one(session: &Session, signature: Signature) -> Result<Option<PastTransaction>> {
    let config = RpcTransactionConfig {
        encoding: Some(UiTransactionEncoding::Base64),
        commitment: Some(CommitmentConfig::confirmed()),
        max_supported_transaction_version: Some(0),
    };
    let found = session
        .connection
        .rpc()
        .get_transaction_with_config(&signature, config)
        .await;
    let Ok(found) = found else {
        return Ok(None);
    };
    let log = match found.transaction.meta.map(|meta| meta.log_messages) {
        Some(OptionSerializer::Some(logs)) => of_program(&session.config.program()?, &logs),
        _ => ProgramLog::default(),
    };
    Ok(Some(PastTransaction {
        signature: signature.to_string(),
        slot: found.slot,
        time: found.block_time,
        events: log.events,
        complete: log.complete,
    }))
}
