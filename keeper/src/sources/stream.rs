//! Account subscriptions over a WebSocket, with a watchdog: a stream that is silent, breaks off or leaves slots
//! out is opened anew, and what may be missing is read again by a snapshot.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use solana_account_decoder_client_types::{UiAccount, UiAccountEncoding};
use solana_client::rpc_config::{RpcAccountInfoConfig, RpcProgramAccountsConfig};
use solana_commitment_config::CommitmentConfig;
use solana_pubkey::Pubkey;
use solana_pubsub_client::nonblocking::pubsub_client::PubsubClient;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::{debug, info, warn};

use super::{Ended, Endpoints, Event, Source, STREAM_OPENED};
use crate::mirror::{AccountUpdate, RawAccount};
use crate::redact;

/// Longest that opening a stream may take.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// Wait before a stream that ended is opened again.
const REOPEN: Duration = Duration::from_secs(1);

/// How a stream is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamConfig {
    /// Silence after which the stream counts as broken; a chain has slots more often than this.
    pub silent: Duration,
    /// Slots that may be missing between two notices of slots: leaders skip some.
    pub slot_gap_max: u64,
}

/// Subscription to all accounts of the program.
#[derive(Debug)]
pub struct Stream {
    pub endpoints: Arc<Endpoints>,
    pub program: Pubkey,
    pub config: StreamConfig,
}

impl Source for Stream {
    fn name(&self) -> &'static str {
        "stream"
    }

    fn run(self: Box<Self>, events: mpsc::Sender<Event>) -> Ended {
        Box::pin(async move {
            loop {
                let Some((index, url)) = self.endpoints.websocket() else {
                    debug!("no endpoint with a WebSocket is up to date");
                    tokio::time::sleep(REOPEN).await;
                    continue;
                };
                let why = match self.listen((index, &url), &events).await {
                    Ok(why) => why,
                    Err(error) => {
                        debug!(endpoint = index, error = format!("{error:#}"), "stream");
                        "the stream failed"
                    }
                };
                if events.is_closed() {
                    return anyhow::anyhow!("nobody listens any more");
                }
                warn!(
                    endpoint = index,
                    why, "stream ended: opened again, and a snapshot read"
                );
                // What does not fit now fits later: a gap is told until it is heard.
                if events.send(Event::Gap(why)).await.is_err() {
                    return anyhow::anyhow!("nobody listens any more");
                }
                tokio::time::sleep(REOPEN).await;
            }
        })
    }
}

impl Stream {
    /// Listens until something is wrong; says what.
    async fn listen(
        &self,
        (index, url): (usize, &str),
        events: &mpsc::Sender<Event>,
    ) -> anyhow::Result<&'static str> {
        let client = timeout(CONNECT_MAX, PubsubClient::new(url)).await??;
        let config = RpcProgramAccountsConfig {
            account_config: RpcAccountInfoConfig {
                encoding: Some(UiAccountEncoding::Base64),
                commitment: Some(CommitmentConfig::confirmed()),
                ..RpcAccountInfoConfig::default()
            },
            ..RpcProgramAccountsConfig::default()
        };
        let accounts = client.program_subscribe(&self.program, Some(config));
        let (mut accounts, _unsubscribe) = timeout(CONNECT_MAX, accounts).await??;
        let (mut slots, _unsubscribe) = timeout(CONNECT_MAX, client.slot_subscribe()).await??;
        info!(endpoint = index, host = redact::host(url), "stream opened");
        // What changed before the subscription stood is in no stream.
        let _ = events.send(Event::Gap(STREAM_OPENED)).await;
        let mut last_slot = None::<u64>;
        loop {
            let heard = tokio::select! {
                account = accounts.next() => account.map(|found| {
                    update(found.context.slot, &found.value.pubkey, &found.value.account)
                }),
                slot = slots.next() => slot.map(|slot| Heard::Slot(slot.slot, slot.parent)),
                () = tokio::time::sleep(self.config.silent) => return Ok("silent"),
            };
            match heard {
                None => return Ok("closed by the node"),
                Some(Heard::Slot(slot, parent)) => {
                    let last = last_slot.replace(slot).unwrap_or(parent);
                    if slot > last.saturating_add(self.config.slot_gap_max) {
                        return Ok("slots are missing");
                    }
                    // A slot that does not build on the last one: that one is on a branch that was left.
                    if (slot <= last || parent < last) && events.try_send(Event::Fork).is_err() {
                        return Ok("the mirror does not keep up");
                    }
                }
                Some(Heard::Unreadable) => return Ok("an account could not be read"),
                Some(Heard::Account(update)) if !self.endpoints.reached(update.slot) => {
                    return Ok("it claims slots that the chain has not reached");
                }
                Some(Heard::Account(update)) => {
                    if events.try_send(Event::Update(update)).is_err() {
                        return Ok("the mirror does not keep up");
                    }
                }
            }
        }
    }
}

enum Heard {
    /// A slot and the one it builds on.
    Slot(u64, u64),
    Account(AccountUpdate),
    Unreadable,
}

fn update(slot: u64, address: &str, account: &UiAccount) -> Heard {
    let parsed = (
        address.parse(),
        account.owner.parse(),
        account.data.decode(),
    );
    let (Ok(address), Ok(owner), Some(data)) = parsed else {
        return Heard::Unreadable;
    };
    Heard::Account(AccountUpdate {
        address,
        slot,
        account: Some(RawAccount { owner, data }),
    })
}
