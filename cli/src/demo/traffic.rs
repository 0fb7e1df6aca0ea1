//! Sends signed transactions over RPC and learns what they cost.
//!
//! The first transaction of a kind and length is simulated; from then on its compute limit is known,
//! with room for a state that has moved since. Confirmation is looked up for many transactions at once.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use plimsoll_client::rpc::{Connection, SendOptions};
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;

use super::tally::{Ending, Kind, Tally};

/// The sysvar that a program reads time and slot from.
const CLOCK: Pubkey = Pubkey::from_str_const("SysvarC1ock11111111111111111111111111111111");
/// Limit of a transaction whose kind could not be simulated yet, or whose cost depends on what it meets.
const COMPUTE_UNLEARNED: u32 = 1_400_000;
/// Room on top of what a simulation used, percent and units: a crossing order may meet more orders.
const COMPUTE_ROOM_PERCENT: u32 = 250;
const COMPUTE_ROOM: u32 = 40_000;
/// Looks at a transaction's status before it counts as lost.
const STATUS_LOOKS_MAX: u32 = 400;
/// Most signatures of one status request.
const STATUS_BATCH: usize = 256;
/// Two equal transactions under one blockhash are one: a priority fee of up to this many micro-lamports
/// tells them apart.
const NONCES: u64 = 1_000;

/// A transaction to be sent; the signer pays.
#[derive(Clone, Debug)]
pub struct Outgoing {
    pub kind: Kind,
    pub instructions: Vec<Instruction>,
    pub signer: Arc<Keypair>,
}

/// The way of every transaction of a run.
#[derive(Debug)]
pub struct Traffic {
    connection: Connection,
    limits: Mutex<HashMap<(Kind, usize), u32>>,
    tally: Mutex<Tally>,
    nonce: AtomicU64,
    status_pause: Duration,
}

impl Traffic {
    pub fn new(connection: Connection, status_pause: Duration) -> Self {
        Self {
            connection,
            limits: Mutex::default(),
            tally: Mutex::default(),
            nonce: AtomicU64::new(0),
            status_pause,
        }
    }

    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    pub fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The slot that the program sees.
    pub async fn slot(&self) -> Result<u64> {
        let clock = self.connection.rpc().get_account(&CLOCK).await?.data;
        let slot = clock.get(..8).and_then(|bytes| bytes.try_into().ok());
        slot.map(u64::from_le_bytes).context("the chain's clock")
    }

    /// Submits in order. What is returned waits for the endings; every transaction's ending is counted.
    pub async fn submit(self: Arc<Self>, batch: Vec<Outgoing>) -> impl Future<Output = ()> + Send {
        let mut pending = Vec::with_capacity(batch.len());
        for outgoing in batch {
            self.tally().sent(outgoing.kind);
            let options = SendOptions {
                priority_fee: self.nonce.fetch_add(1, Ordering::Relaxed) % NONCES + 1,
                compute_units: Some(self.compute_units(&outgoing).await),
            };
            let signers = [outgoing.signer.as_ref()];
            let submitted = self
                .connection
                .submit(&outgoing.instructions, &signers, options);
            match submitted.await {
                Ok((signature, last_height)) => {
                    pending.push((signature, last_height, outgoing.kind))
                }
                Err(error) => self.tally().ended(outgoing.kind, Ending::of(&error)),
            }
        }
        async move {
            for _ in 0..STATUS_LOOKS_MAX {
                if pending.is_empty() {
                    return;
                }
                tokio::time::sleep(self.status_pause).await;
                let asked: Vec<_> = pending.iter().take(STATUS_BATCH).map(|one| one.0).collect();
                let Ok(found) = self.connection.rpc().get_signature_statuses(&asked).await else {
                    continue;
                };
                let mut statuses = found.value.into_iter();
                let mut open = Vec::new();
                for (signature, last_height, kind) in std::mem::take(&mut pending) {
                    match statuses.next().flatten() {
                        None => open.push((signature, last_height, kind)),
                        Some(status) if status.err.is_none() => {
                            self.tally().ended(kind, Ending::Confirmed);
                        }
                        Some(_) => {
                            // The client names the error; the status alone carries its number only.
                            let named = self.connection.confirm(&signature, last_height).await;
                            let ending = named.as_ref().err().map_or(Ending::Confirmed, Ending::of);
                            self.tally().ended(kind, ending);
                        }
                    }
                }
                pending = open;
            }
            for (_, _, kind) in pending {
                self.tally()
                    .ended(kind, Ending::Failed("never confirmed".to_owned()));
            }
        }
    }

    async fn compute_units(&self, outgoing: &Outgoing) -> u32 {
        if outgoing.kind.is_unsteady() {
            return COMPUTE_UNLEARNED;
        }
        let key = (outgoing.kind, shape(&outgoing.instructions));
        let known = self.limits().get(&key).copied();
        if let Some(units) = known {
            return units;
        }
        let signers = [outgoing.signer.as_ref()];
        let simulated = self.connection.simulate(&outgoing.instructions, &signers);
        // What would be refused teaches nothing: it is sent all the same, and its ending counted.
        let Ok(used) = simulated.await else {
            return COMPUTE_UNLEARNED;
        };
        let room = used / 100 * COMPUTE_ROOM_PERCENT + COMPUTE_ROOM;
        let units = room.min(COMPUTE_UNLEARNED);
        self.limits().insert(key, units);
        units
    }

    fn limits(&self) -> MutexGuard<'_, HashMap<(Kind, usize), u32>> {
        self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Instructions and their bytes: together with the kind it tells what a transaction costs.
fn shape(instructions: &[Instruction]) -> usize {
    let accounts: usize = instructions.iter().map(|one| one.accounts.len()).sum();
    let bytes: usize = instructions.iter().map(|one| one.data.len()).sum();
    accounts * 2_048 + bytes
}
