//! The source that every node serves: snapshots, and the clock, the prices and whatever was asked for with
//! every pulse.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use solana_pubkey::Pubkey;
use solana_sdk_ids::sysvar::clock::ID as CLOCK;
use tokio::sync::mpsc;
use tracing::{debug, warn};

use super::{Ended, Endpoints, Event, ProgramReader, Request, Source};
use crate::mirror::{AccountUpdate, ChainClock, Snapshot, Sync};

/// How often every endpoint is asked for its slot.
const PROBE: Duration = Duration::from_secs(2);
/// Requests that a pulse takes up at most; the rest waits for the next.
const READS_A_PULSE: usize = 400;
/// Requests that are open at most, and how long: whoever claims a later slot than it answers as of would hold
/// them for ever.
const READS_MAX: usize = 4_096;
const READ_MAX: Duration = Duration::from_secs(10);

/// How often what is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PollingConfig {
    pub pulse: Duration,
    /// Between two snapshots that nobody asked for.
    pub resync: Duration,
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Polling {
    pub endpoints: Arc<Endpoints>,
    pub reader: ProgramReader,
    pub feeds: Vec<Pubkey>,
    pub config: PollingConfig,
    pub requests: mpsc::Receiver<Request>,
}

/// Reads that were asked for and not yet done, by number.
type Reads = BTreeMap<u64, Asked>;

#[derive(Debug)]
struct Asked {
    at: Instant,
    /// Answered as of this slot or later.
    slot: u64,
    addresses: Vec<Pubkey>,
}

struct Poll {
    polling: Polling,
    events: mpsc::Sender<Event>,
    reads: Reads,
    /// Highest request number that was ever asked for.
    asked: u64,
    /// Slot of the last pulse, and the endpoint it came from.
    last: Option<(usize, u64)>,
    resync: Option<Sync>,
}

impl Source for Polling {
    fn name(&self) -> &'static str {
        "polling"
    }

    fn run(self: Box<Self>, events: mpsc::Sender<Event>) -> Ended {
        Box::pin(async move {
            let poll = Poll {
                polling: *self,
                events,
                reads: Reads::new(),
                asked: 0,
                last: None,
                resync: Some(Sync::Forward),
            };
            poll.run().await
        })
    }
}

impl Poll {
    async fn run(mut self) -> anyhow::Error {
        let mut pulses = tokio::time::interval(self.polling.config.pulse);
        pulses.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let (mut synced, mut probed) = (Instant::now(), None::<Instant>);
        loop {
            tokio::select! {
                _ = pulses.tick() => {}
                request = self.polling.requests.recv() => match request {
                    Some(request) => {
                        self.take(request);
                        continue;
                    }
                    None => return anyhow::anyhow!("nobody asks any more"),
                },
            }
            if self.polling.endpoints.several() && probed.is_none_or(|at| at.elapsed() > PROBE) {
                self.polling.endpoints.probe().await;
                probed = Some(Instant::now());
            }
            let due = self.resync.is_some() || synced.elapsed() > self.polling.config.resync;
            if due && self.snapshot().await {
                synced = Instant::now();
            }
            self.pulse().await;
            if self.events.is_closed() {
                return anyhow::anyhow!("nobody listens any more");
            }
        }
    }

    fn take(&mut self, request: Request) {
        match request {
            Request::Read {
                number,
                slot,
                addresses,
            } => {
                self.asked = self.asked.max(number);
                let at = Instant::now();
                let asked = Asked {
                    at,
                    slot,
                    addresses,
                };
                self.reads.insert(number, asked);
                if self.reads.len() > READS_MAX {
                    self.give_up(at);
                }
            }
            // A rollback outranks a look forward.
            Request::Resync(Sync::Replace) => self.resync = Some(Sync::Replace),
            Request::Resync(Sync::Forward) => {
                self.resync.get_or_insert(Sync::Forward);
            }
        }
    }

    /// Reads that were asked for by `until` and are still open: a snapshot takes their place.
    fn give_up(&mut self, until: Instant) {
        let before = self.reads.len();
        self.reads.retain(|_, asked| asked.at > until);
        if self.reads.len() != before {
            self.resync.get_or_insert(Sync::Forward);
        }
    }

    /// Whether a snapshot was read.
    async fn snapshot(&mut self) -> bool {
        let (index, rpc) = self.polling.endpoints.current();
        let begun = Instant::now();
        match self.polling.reader.snapshot(rpc).await {
            Ok(snapshot) if !self.polling.endpoints.observe(index, snapshot.slot) => {
                debug!(endpoint = index, slot = snapshot.slot, "snapshot too old");
                false
            }
            Ok(snapshot) => {
                let sync = self.resync.take().unwrap_or(Sync::Forward);
                debug!(
                    slot = snapshot.slot,
                    accounts = snapshot.accounts.len(),
                    ?sync,
                    elapsed = ?begun.elapsed(),
                    "snapshot"
                );
                let _ = self.events.send(Event::Snapshot(snapshot, sync)).await;
                true
            }
            Err(error) => {
                warn!(
                    endpoint = index,
                    error = format!("{error:#}"),
                    "no snapshot"
                );
                self.polling.endpoints.failed(index);
                false
            }
        }
    }

    /// Clock, prices, and what was asked for.
    async fn pulse(&mut self) {
        let feeds = &self.polling.feeds;
        let mut asked: Vec<Pubkey> = std::iter::once(CLOCK)
            .chain(feeds.iter().copied())
            .collect();
        if let Some(until) = Instant::now().checked_sub(READ_MAX) {
            self.give_up(until);
        }
        let mut extra: BTreeSet<Pubkey> = BTreeSet::new();
        for read in self.reads.values() {
            if extra.len() >= READS_A_PULSE {
                break;
            }
            extra.extend(&read.addresses);
        }
        asked.extend(&extra);
        let (index, rpc) = self.polling.endpoints.current();
        let (slot, found) = match self.polling.reader.read(rpc, &asked).await {
            Ok(read) => read,
            Err(error) => {
                debug!(endpoint = index, error = format!("{error:#}"), "no pulse");
                self.polling.endpoints.failed(index);
                return;
            }
        };
        if !self.polling.endpoints.observe(index, slot) {
            debug!(endpoint = index, slot, "too far behind to be believed");
            return;
        }
        match self.last {
            // One node that goes back has lost a fork; two that differ only differ.
            Some((before, last)) if slot < last => {
                if before == index {
                    warn!(slot, last, "the chain went back: everything is read again");
                    self.resync = Some(Sync::Replace);
                    // Slots of the branch that was left are not waited for.
                    self.reads.clear();
                    self.last = Some((index, slot));
                }
                return;
            }
            _ => self.last = Some((index, slot)),
        }
        let read = Snapshot {
            slot,
            accounts: found,
        };
        self.tell(&read, &asked).await;
        self.finish_reads(slot, &extra).await;
    }

    async fn tell(&mut self, read: &Snapshot, asked: &[Pubkey]) {
        let found: BTreeMap<&Pubkey, _> =
            read.accounts.iter().map(|(key, raw)| (key, raw)).collect();
        let clock = found
            .get(&CLOCK)
            .and_then(|raw| ChainClock::decode(&raw.data));
        for address in asked.iter().filter(|address| **address != CLOCK) {
            let update = AccountUpdate {
                address: *address,
                slot: read.slot,
                account: found.get(address).map(|raw| (*raw).clone()),
            };
            let _ = self.events.send(Event::Update(update)).await;
        }
        if let Some(clock) = clock {
            // The sysvar of a node may lag behind the state that it answers from, never the other way.
            let slot = clock.slot.max(read.slot);
            let _ = self
                .events
                .send(Event::Clock(ChainClock { slot, ..clock }))
                .await;
        }
    }

    /// Drops the requests that this pulse answered, and says up to which number all are.
    async fn finish_reads(&mut self, slot: u64, read: &BTreeSet<Pubkey>) {
        self.reads.retain(|_, asked| {
            asked.slot > slot || !asked.addresses.iter().all(|address| read.contains(address))
        });
        let done = self.reads.keys().next().map_or(self.asked, |open| open - 1);
        let _ = self.events.send(Event::Read(done)).await;
    }
}
