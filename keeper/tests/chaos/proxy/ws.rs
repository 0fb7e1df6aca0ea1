//! The WebSocket: what the chain notifies of, less, more and later than it should be.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{json, Value};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{accept_async, connect_async};

use super::answers::claimed;
use super::{lock, Shared};

/// Messages on their way to one subscriber.
const QUEUE: usize = 65_536;

/// Takes connections until it is dropped, and its connections with it.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                connections.spawn(converse(stream, shared.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(stream: TcpStream, shared: Arc<Shared>) {
    let mut down = shared.down.subscribe();
    tokio::select! {
        _ = down.wait_for(|down| *down) => {}
        _ = pass(stream, &shared) => {}
    }
}

async fn pass(stream: TcpStream, shared: &Shared) -> anyhow::Result<()> {
    let (mut to_keeper, mut from_keeper) = accept_async(stream).await?.split();
    let (chain, _) = connect_async(&shared.ws).await?;
    let (mut to_chain, mut from_chain) = chain.split();
    let mut said = shared.said.subscribe();
    let (later, mut due) = mpsc::channel::<Message>(QUEUE);
    let mut delays = JoinSet::new();
    loop {
        tokio::select! {
            message = from_keeper.next() => match message {
                Some(message) => to_chain.send(message?).await?,
                None => return Ok(()),
            },
            message = from_chain.next() => match message {
                Some(message) => {
                    for (wait, message) in heard(shared, message?) {
                        if wait.is_zero() {
                            to_keeper.send(message).await?;
                            continue;
                        }
                        let later = later.clone();
                        shared.seen().waiting += 1;
                        delays.spawn(async move {
                            tokio::time::sleep(wait).await;
                            let _ = later.send(message).await;
                        });
                    }
                }
                None => return Ok(()),
            },
            Some(message) = due.recv() => {
                to_keeper.send(message).await?;
                shared.seen().waiting -= 1;
            }
            Ok(text) = said.recv() => to_keeper.send(Message::text(text)).await?,
            Some(_) = delays.join_next() => {}
        }
    }
}

/// What becomes of a message of the chain: nothing, itself, two of it, each after a wait.
fn heard(shared: &Shared, message: Message) -> Vec<(Duration, Message)> {
    let at_once = |message| vec![(Duration::ZERO, message)];
    let Ok(text) = message.to_text() else {
        return at_once(message);
    };
    let Ok(mut value) = serde_json::from_str::<Value>(text) else {
        return at_once(message);
    };
    let method = value["method"].as_str().unwrap_or_default().to_owned();
    let faults = shared.faults();
    match method.as_str() {
        _ if faults.silent && !method.is_empty() => Vec::new(),
        "slotNotification" => {
            shared.seen().slot = value["params"]["result"]["slot"].as_u64().unwrap_or(0);
            for field in ["slot", "parent", "root"] {
                let slot = &mut value["params"]["result"][field];
                *slot = json!(claimed(&faults, slot.as_u64().unwrap_or(0)));
            }
            at_once(Message::text(value.to_string()))
        }
        "programNotification" => {
            *lock(&shared.subscription) = Some(value["params"]["subscription"].clone());
            shared.seen().notices += 1;
            if faults.past.is_some() || shared.happens(faults.dropped) {
                shared.seen().notices_dropped += 1;
                return Vec::new();
            }
            let slot = &mut value["params"]["result"]["context"]["slot"];
            *slot = json!(claimed(&faults, slot.as_u64().unwrap_or(0)));
            let message = Message::text(value.to_string());
            let most = u64::try_from(faults.delay.as_millis()).unwrap_or(0);
            let later = || Duration::from_millis(lock(&shared.random).below(most) + 1);
            let mut messages = Vec::new();
            if shared.happens(faults.doubled) {
                messages.push((later(), message.clone()));
            }
            let wait = if shared.happens(faults.delayed) {
                later()
            } else {
                Duration::ZERO
            };
            messages.push((wait, message));
            messages
        }
        _ => at_once(message),
    }
}

/// A notice of an account in the chain's place, once a subscription is known.
pub(super) fn notice(shared: &Shared, keyed: Value) -> Option<String> {
    let subscription = lock(&shared.subscription).clone()?;
    let slot = shared
        .seen()
        .slot
        .saturating_add_signed(shared.faults().slot_shift);
    let result = json!({"context": {"slot": slot}, "value": keyed});
    let params = json!({"result": result, "subscription": subscription});
    let notice = json!({"jsonrpc": "2.0", "method": "programNotification", "params": params});
    Some(notice.to_string())
}
