//! Several RPC endpoints: the first that is up to date is read, all that are get every transaction.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use solana_client::nonblocking::rpc_client::RpcClient;
use solana_commitment_config::CommitmentConfig;
use solana_sdk_ids::sysvar::clock::ID as CLOCK;

use crate::mirror::ChainClock;
use crate::redact;

const TIMEOUT: Duration = Duration::from_secs(10);
/// How long an endpoint that failed is passed over: doubled by each further failure up to the longest.
const PENALTY_MIN_MS: u64 = 500;
const PENALTY_MAX_MS: u64 = 30_000;

/// Addresses of one endpoint; shown by its host, the rest may hold a key.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub rpc: String,
    /// WebSocket; without one the endpoint is only polled.
    pub ws: Option<String>,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(redact::host(&self.rpc))
    }
}

/// What is known of each endpoint: slots and failures. Pure.
#[derive(Clone, Debug)]
pub struct Guard {
    /// Slots by which an endpoint may be behind the best and still be read.
    slot_lag_max: u64,
    known: Vec<Known>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Known {
    slot: u64,
    failures: u32,
    /// Passed over until this time, milliseconds.
    until: u64,
}

impl Guard {
    pub fn new(endpoints: usize, slot_lag_max: u64) -> Self {
        Self {
            slot_lag_max,
            known: vec![Known::default(); endpoints],
        }
    }

    /// An endpoint answered as of `slot`. False: it is too far behind the best to be believed.
    pub fn observe(&mut self, index: usize, slot: u64) -> bool {
        let best = self.best_slot();
        if let Some(known) = self.known.get_mut(index) {
            known.slot = slot;
            known.failures = 0;
            known.until = 0;
        }
        slot.saturating_add(self.slot_lag_max) >= best
    }

    /// An endpoint did not answer.
    pub fn failed(&mut self, index: usize, now: u64) {
        if let Some(known) = self.known.get_mut(index) {
            let penalty = PENALTY_MIN_MS.checked_shl(known.failures.min(20));
            known.failures = known.failures.saturating_add(1);
            known.until = now + penalty.unwrap_or(PENALTY_MAX_MS).min(PENALTY_MAX_MS);
        }
    }

    /// The best slot of those that answer.
    pub fn best_slot(&self) -> u64 {
        let slots = self.known.iter().filter(|known| known.failures == 0);
        slots.map(|known| known.slot).max().unwrap_or(0)
    }

    /// Whether a slot that is told of can have been reached.
    pub fn reached(&self, slot: u64) -> bool {
        let best = self.best_slot();
        best == 0 || slot <= best.saturating_add(self.slot_lag_max)
    }

    /// The endpoints that may be read, in the configured order; if none may, the one that was best.
    pub fn up_to_date(&self, now: u64) -> Vec<usize> {
        let best = self.best_slot();
        let usable = self.known.iter().enumerate().filter(|(_, known)| {
            known.until <= now && known.slot.saturating_add(self.slot_lag_max) >= best
        });
        let usable: Vec<usize> = usable.map(|(index, _)| index).collect();
        if !usable.is_empty() {
            return usable;
        }
        let all = self.known.iter().enumerate();
        let least = all.min_by_key(|(_, known)| (known.until, u64::MAX - known.slot));
        least.map(|(index, _)| index).into_iter().collect()
    }
}

/// The clients, and the guard that says which of them to use.
pub struct Endpoints {
    clients: Vec<(Endpoint, RpcClient)>,
    guard: Mutex<Guard>,
    begun: Instant,
}

impl std::fmt::Debug for Endpoints {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let endpoints = self.clients.iter().map(|(endpoint, _)| endpoint);
        f.debug_list().entries(endpoints).finish()
    }
}

impl Endpoints {
    /// `endpoints` in the order of preference, at least one.
    ///
    /// # Errors
    /// Without an endpoint.
    pub fn new(endpoints: Vec<Endpoint>, slot_lag_max: u64) -> anyhow::Result<Self> {
        anyhow::ensure!(!endpoints.is_empty(), "no endpoint is configured");
        let clients = endpoints.into_iter().map(|endpoint| {
            let url = endpoint.rpc.clone();
            let confirmed = CommitmentConfig::confirmed();
            let client = RpcClient::new_with_timeout_and_commitment(url, TIMEOUT, confirmed);
            (endpoint, client)
        });
        let clients: Vec<_> = clients.collect();
        let guard = Mutex::new(Guard::new(clients.len(), slot_lag_max));
        Ok(Self {
            clients,
            guard,
            begun: Instant::now(),
        })
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn guard(&self) -> std::sync::MutexGuard<'_, Guard> {
        self.guard
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The endpoint to read from now.
    pub fn current(&self) -> (usize, &RpcClient) {
        let first = self.guard().up_to_date(self.now()).first().copied();
        let index = first.unwrap_or(0).min(self.clients.len() - 1);
        (index, &self.clients[index].1)
    }

    /// Every endpoint that is up to date.
    pub fn up_to_date(&self) -> Vec<(usize, &RpcClient)> {
        let usable = self.guard().up_to_date(self.now());
        usable
            .into_iter()
            .filter_map(|index| Some((index, &self.clients.get(index)?.1)))
            .collect()
    }

    /// Names the endpoint that a stream should listen to: the first with a WebSocket among those up to date.
    pub fn websocket(&self) -> Option<(usize, String)> {
        let usable = self.guard().up_to_date(self.now());
        usable
            .into_iter()
            .find_map(|index| Some((index, self.clients.get(index)?.0.ws.clone()?)))
    }

    /// An endpoint answered as of `slot`; false: too old to be believed.
    pub fn observe(&self, index: usize, slot: u64) -> bool {
        self.guard().observe(index, slot)
    }

    /// Whether a slot that is told of can have been reached.
    pub fn reached(&self, slot: u64) -> bool {
        self.guard().reached(slot)
    }

    /// An endpoint failed.
    pub fn failed(&self, index: usize) {
        let now = self.now();
        self.guard().failed(index, now);
    }

    /// Asks every endpoint for its slot: by the clock's account, as old as the state that it answers from.
    pub async fn probe(&self) {
        let asked = self
            .clients
            .iter()
            .enumerate()
            .map(|(index, (_, rpc))| async move {
                let clock = rpc.get_account_data(&CLOCK).await.ok();
                match clock.and_then(|data| ChainClock::decode(&data)) {
                    Some(clock) => {
                        self.observe(index, clock.slot);
                    }
                    None => self.failed(index),
                }
            });
        join_all(asked).await;
    }

    /// Whether there is anything to choose from.
    pub fn several(&self) -> bool {
        self.clients.len() > 1
    }
}

#[cfg(test)]
mod tests {
    use super::Guard;

    #[test]
    fn an_endpoint_far_behind_the_best_is_not_read() {
        let mut guard = Guard::new(2, 10);
        assert!(guard.observe(0, 100));
        assert!(guard.observe(1, 105));
        assert_eq!(guard.up_to_date(0), [0, 1]);
        assert!(guard.observe(1, 111));
        assert_eq!(guard.up_to_date(0), [1]);
        assert!(!guard.observe(0, 100));
        assert!(guard.observe(0, 101));
        assert_eq!(guard.up_to_date(0), [0, 1]);
    }

    #[test]
    fn an_endpoint_that_fails_is_passed_over_ever_longer_and_comes_back() {
        let mut guard = Guard::new(2, 10);
        guard.observe(0, 100);
        guard.observe(1, 100);
        guard.failed(0, 1_000);
        assert_eq!(guard.up_to_date(1_400), [1]);
        assert_eq!(guard.up_to_date(1_500), [0, 1]);
        guard.failed(0, 1_500);
        assert_eq!(guard.up_to_date(2_400), [1]);
        assert!(guard.observe(0, 100));
        assert_eq!(guard.up_to_date(2_400), [0, 1]);
    }

    #[test]
    fn no_slot_is_believed_that_no_endpoint_has_come_near() {
        let mut guard = Guard::new(1, 10);
        assert!(guard.reached(1_000));
        guard.observe(0, 100);
        assert!(guard.reached(110) && !guard.reached(111));
    }

    #[test]
    fn with_none_up_to_date_the_one_that_comes_back_first_is_tried() {
        let mut guard = Guard::new(2, 10);
        guard.failed(0, 0);
        guard.failed(0, 0);
        guard.failed(1, 0);
        assert_eq!(guard.up_to_date(1), [1]);
    }
}
