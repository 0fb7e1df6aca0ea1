//! An endpoint between the keeper and the chain, JSON-RPC over HTTP and a WebSocket, that goes wrong on
//! request. What it does at random follows from its seed.

mod answers;
mod http;
mod past;
mod random;
mod ws;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use plimsoll_keeper::config::EndpointConfig;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use past::Past;
use random::Random;

/// What goes wrong at the moment; nothing by default. Shares are percent.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Account notices that are dropped.
    pub dropped: u64,
    /// Account notices that come twice, the second time within `delay`.
    pub doubled: u64,
    /// Account notices that are held back for up to `delay`, so that later ones overtake them.
    pub delayed: u64,
    pub delay: Duration,
    /// Nothing comes over a WebSocket any more, and nothing is closed.
    pub silent: bool,
    /// Transactions that are answered with their signature and never passed on.
    pub lost: u64,
    /// Methods that are answered with an error.
    pub refused: BTreeSet<&'static str>,
    /// Requests that are answered with status 429.
    pub limited: u64,
    /// What is added to every slot that an answer or a notice claims.
    pub slot_shift: i64,
    /// Claims this slot, whatever the chain's is.
    pub slot_fixed: Option<u64>,
    /// Compute units that every simulation claims to have used.
    pub units: Option<u64>,
    /// Accounts are answered as they were then.
    pub past: Option<Arc<Past>>,
}

/// What went through.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub requests: BTreeMap<String, u64>,
    /// Signatures of the transactions handed in, each with how often it was.
    pub transactions: BTreeMap<String, u64>,
    pub lost: u64,
    pub limited: u64,
    pub notices: u64,
    pub notices_dropped: u64,
    /// Notices that are held back at the moment.
    pub waiting: u64,
    /// The chain's slot as the WebSocket said last.
    pub slot: u64,
}

impl Seen {
    pub fn of(&self, method: &str) -> u64 {
        self.requests.get(method).copied().unwrap_or(0)
    }
}

struct Shared {
    rpc: String,
    ws: String,
    client: reqwest::Client,
    faults: Mutex<Faults>,
    seen: Mutex<Seen>,
    random: Mutex<Random>,
    /// Shut: connections are cut, and new ones at once.
    down: watch::Sender<bool>,
    /// Text that every open WebSocket says next, in place of the chain.
    said: tokio::sync::broadcast::Sender<String>,
    /// Number of the subscription to accounts, as the chain gave it last.
    subscription: Mutex<Option<Value>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Shared {
    fn faults(&self) -> Faults {
        lock(&self.faults).clone()
    }

    /// Whether something of a share of `percent` happens this time.
    fn happens(&self, percent: u64) -> bool {
        percent != 0 && lock(&self.random).below(100) < percent
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        lock(&self.seen)
    }
}

/// One endpoint. Its tasks end with it.
pub struct Proxy {
    shared: Arc<Shared>,
    rpc: String,
    ws: String,
    _tasks: JoinSet<()>,
}

impl Proxy {
    /// In front of a chain's two addresses.
    pub async fn start(rpc: String, ws: String, seed: u64) -> Self {
        let shared = Arc::new(Shared {
            rpc,
            ws,
            client: reqwest::Client::new(),
            faults: Mutex::default(),
            seen: Mutex::default(),
            random: Mutex::new(Random::new(seed)),
            down: watch::Sender::new(false),
            said: tokio::sync::broadcast::Sender::new(1_024),
            subscription: Mutex::default(),
        });
        let mut tasks = JoinSet::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let rpc = format!("http://{}", listener.local_addr().expect("an address"));
        tasks.spawn(http::serve(listener, shared.clone()));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let ws = format!("ws://{}", listener.local_addr().expect("an address"));
        tasks.spawn(ws::serve(listener, shared.clone()));
        Self {
            shared,
            rpc,
            ws,
            _tasks: tasks,
        }
    }

    pub fn endpoint(&self) -> EndpointConfig {
        EndpointConfig {
            rpc: self.rpc.clone(),
            ws: Some(self.ws.clone()),
        }
    }

    /// The same without a WebSocket.
    pub fn endpoint_polled(&self) -> EndpointConfig {
        EndpointConfig {
            ws: None,
            ..self.endpoint()
        }
    }

    /// Changes what goes wrong.
    pub fn set(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut lock(&self.shared.faults));
    }

    pub fn seen(&self) -> Seen {
        self.shared.seen().clone()
    }

    /// The endpoint dies, or comes back.
    pub fn down(&self, down: bool) {
        self.shared.down.send_replace(down);
    }

    /// Tells subscribers of these accounts, as of the slot that is claimed now.
    pub fn tell(&self, accounts: &Past) {
        for notice in accounts.notices() {
            if let Some(text) = ws::notice(&self.shared, notice) {
                let _ = self.shared.said.send(text);
            }
        }
    }

    /// Goes back to accounts as they were, `slots` behind the chain, as after a lost fork: subscribers are told
    /// of every account that is different by it.
    pub fn roll_back(&self, past: Past, slots: i64) {
        self.set(|faults| {
            faults.past = Some(Arc::new(past.clone()));
            faults.slot_shift = -slots;
        });
        self.tell(&past);
    }
}
