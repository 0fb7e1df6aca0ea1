//! The loop that joins the parts: events into the mirror, decisions out of it, transactions on their way and
//! their outcomes back. One task owns mirror and plan, so nothing in them is ever seen half done.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{bail, Result};
use solana_pubkey::Pubkey;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Interval;
use tracing::{debug, error, info, warn};

use crate::decide::{self, Roles, Watch};
use crate::execute::{Executed, Executor, Outcome};
use crate::ledger::Ledger;
use crate::metrics::Metrics;
use crate::mirror::{Applied, ChainClock, Mirror, Sync};
use crate::oversight::Oversight;
use crate::plan::Plan;
use crate::prices::{Board, Prices};
use crate::shard::Shard;
use crate::sources::{Event, Request, Source};
use crate::underwriter::Desk;

/// Events that wait for the mirror; a stream that does not fit leads to a snapshot.
pub const EVENTS_MAX: usize = 16_384;
/// Requests that wait for the source.
pub const REQUESTS_MAX: usize = 1_024;
/// Events that are taken before the next decision.
const EVENTS_A_TURN: usize = 2_048;
/// Longest that transactions under way are waited for at the end.
const DRAIN: Duration = Duration::from_secs(30);

/// What the loop is made of.
#[derive(Debug)]
pub struct Parts {
    pub mirror: Mirror,
    pub roles: Roles,
    pub plan: Plan,
    pub executor: Arc<Executor>,
    pub ledger: Ledger,
    pub metrics: Arc<Metrics>,
    pub requests: mpsc::Sender<Request>,
    /// Longest time between two decisions; news are decided on at once.
    pub decide: Duration,
    pub oversight: Oversight,
    /// Prices from elsewhere than the mirror; without them only what is on chain is gone by.
    pub prices: Option<Prices>,
    /// Only what is this shard's is sent.
    pub shard: Shard,
    /// An underwriter's own desk; it is no part of any shard.
    pub underwriter: Option<Desk>,
    /// One decision, its outcomes, and the end.
    pub once: bool,
}

struct Loop {
    parts: Parts,
    watch: Watch,
    clock: Option<ChainClock>,
    running: JoinSet<Executed>,
    /// Addresses to read again with the next request.
    doubtful: BTreeSet<Pubkey>,
    /// Numbers of the last request to read, and of the last that was answered.
    asked: u64,
    answered: u64,
    resync: Option<Sync>,
    /// When the last decision was over, how long it took, and the mirror's changes that it knew.
    decided: Option<(Instant, Duration, u64)>,
    /// Whether prices have come in since.
    priced: bool,
}

/// Runs until `stop` turns true or a source ends, then waits for what is under way.
///
/// # Errors
/// When a source or the ledger ends: the process cannot go on without either.
pub async fn run(
    mut parts: Parts,
    sources: Vec<Box<dyn Source>>,
    mut stop: watch::Receiver<bool>,
) -> Result<()> {
    let (send, mut events) = mpsc::channel(EVENTS_MAX);
    let mut streams = JoinSet::new();
    for source in sources {
        let (name, events) = (source.name(), send.clone());
        streams.spawn(async move { (name, source.run(events).await) });
    }
    drop(send);
    let started = parts.prices.as_mut().and_then(Prices::start);
    let board = started.as_ref().map(|(_, board)| board.clone());
    if let Some((source, board)) = started {
        streams.spawn(async move { (source.name(), source.run(board).await) });
    }
    let mut ticks = tokio::time::interval(parts.decide);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut core = Loop {
        watch: Watch::new(&parts.roles),
        parts,
        clock: None,
        running: JoinSet::new(),
        doubtful: BTreeSet::new(),
        asked: 0,
        answered: 0,
        resync: None,
        decided: None,
        priced: false,
    };
    info!("started");
    let ended = core.work(
        (&mut events, board.as_ref()),
        &mut streams,
        &mut ticks,
        &mut stop,
    );
    let ended = ended.await;
    if let Err(reason) = &ended {
        error!(reason = format!("{reason:#}"), "a part ended");
    }
    // Whatever the reason is: what was sent is watched to its end.
    let drained = core.drain().await;
    if let (Err(_), Err(error)) = (&ended, &drained) {
        error!(error = format!("{error:#}"), "not drained");
    }
    ended.and(drained)
}

/// Returns when a price has come in; never without a board.
async fn news(board: Option<&Board>) {
    match board {
        Some(board) => board.changed().await,
        None => std::future::pending().await,
    }
}

impl Loop {
    /// Until it is told to stop, has done what it was for, or the ledger has ended.
    ///
    /// # Errors
    /// Which source ended, and why.
    async fn work(
        &mut self,
        (events, board): (&mut mpsc::Receiver<Event>, Option<&Board>),
        streams: &mut JoinSet<(&'static str, anyhow::Error)>,
        ticks: &mut Interval,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<()> {
        while !*stop.borrow() {
            tokio::select! {
                changed = stop.changed() => if changed.is_err() { break },
                Some(ended) = streams.join_next() => match ended {
                    Ok((name, error)) => bail!("the source {name} ended: {error:#}"),
                    Err(error) => bail!("a source failed: {error}"),
                },
                Some(executed) = self.running.join_next(), if !self.running.is_empty() => {
                    self.report(executed?)?;
                }
                event = events.recv() => match event {
                    Some(event) => {
                        self.take(event);
                        for _ in 0..EVENTS_A_TURN {
                            let Ok(event) = events.try_recv() else { break };
                            self.take(event);
                        }
                    }
                    None => bail!("no source is left"),
                },
                () = news(board) => {}
                _ = ticks.tick() => {}
            }
            let done = self.turn()? && self.parts.once;
            if done || self.parts.ledger.has_ended() {
                break;
            }
        }
        Ok(())
    }

    fn take(&mut self, event: Event) {
        let (metrics, mirror) = (&self.parts.metrics, &mut self.parts.mirror);
        match event {
            Event::Update(update) => {
                metrics.event("update");
                if let Some(prices) = &self.parts.prices {
                    prices.see(&update);
                }
                if mirror.apply(&update) == Applied::Older {
                    metrics.event("older");
                    self.doubtful.insert(update.address);
                }
            }
            Event::Snapshot(snapshot, sync) => {
                metrics.event("snapshot");
                mirror.sync(&snapshot, sync);
                if sync == Sync::Replace {
                    self.clock = None;
                }
            }
            Event::Clock(clock) => {
                let newer = self.clock.is_none_or(|held| clock.slot >= held.slot);
                if newer {
                    self.clock = Some(clock);
                }
            }
            Event::Read(number) => self.answered = number,
            Event::Gap(why) => {
                metrics.event("gap");
                debug!(why, "a snapshot is asked for");
                self.parts.oversight.gap(why);
                self.resync.get_or_insert(Sync::Forward);
            }
            Event::Fork => {
                metrics.event("fork");
                self.resync = Some(Sync::Replace);
            }
            Event::Look(reply) => {
                let _ = reply.try_send(mirror.clone());
            }
        }
    }

    /// Asks the source for what is in doubt; what does not fit is asked for in the next turn.
    fn ask(&mut self) {
        if let Some(sync) = self.resync {
            if self.parts.requests.try_send(Request::Resync(sync)).is_ok() {
                self.resync = None;
            }
        }
        if !self.doubtful.is_empty() {
            let addresses: Vec<Pubkey> = self.doubtful.iter().copied().collect();
            let request = Request::Read {
                number: self.asked + 1,
                slot: 0,
                addresses,
            };
            if self.parts.requests.try_send(request).is_ok() {
                self.asked += 1;
                self.doubtful.clear();
            }
        }
    }

    /// One turn: asks, decides, sends. True when a decision was made.
    ///
    /// # Errors
    /// When a decision of the desk cannot be written down.
    fn turn(&mut self) -> Result<bool> {
        self.ask();
        let Some(clock) = self.clock else {
            return Ok(false);
        };
        let parts = &mut self.parts;
        let changes = parts.mirror.changes();
        let priced = parts.prices.as_mut().is_some_and(Prices::take);
        self.priced |= priced;
        let still = !self.priced;
        let due = self.decided.is_none_or(|(at, took, known)| {
            // Half of the time at most goes into decisions, however much news there is.
            let pause = if changes == known && still {
                parts.decide
            } else {
                took.min(parts.decide)
            };
            at.elapsed() >= pause
        });
        if !due {
            return Ok(false);
        }
        parts.metrics.mirror(&parts.mirror, clock.slot);
        if let Some(prices) = &parts.prices {
            prices.measure();
        }
        if !parts.mirror.is_filled() {
            return Ok(false);
        }
        let begun = Instant::now();
        self.watch.follow(&mut parts.mirror, &clock);
        let mut actions = decide::decide_for(&parts.mirror, &clock, &parts.roles, &self.watch);
        let missed = self.watch.missed();
        self.watch.note(&actions);
        if self.watch.missed() != missed {
            parts.metrics.event("missed");
            error!(
                accounts = self.watch.missed(),
                "the patrol found what the index had missed"
            );
        }
        if let (Some(prices), Some(marks)) = (&parts.prices, &parts.roles.marks) {
            actions.extend(prices.due(&parts.mirror, &clock, &marks.markets));
            decide::rank(&mut actions);
        }
        self.priced = false;
        actions.retain(|action| parts.shard.owns(&parts.mirror, action));
        if let Some(desk) = &mut parts.underwriter {
            actions.extend(desk.due(&parts.mirror, &clock));
            decide::rank(&mut actions);
        }
        let count = actions.len();
        let elapsed = begun.elapsed();
        self.decided = Some((Instant::now(), elapsed, changes));
        let now = parts.metrics.millis();
        parts.oversight.look(&parts.mirror, &clock, &actions, now);
        let executor = parts.executor.clone();
        let (chosen, held) =
            parts
                .plan
                .select(actions, parts.metrics.millis(), self.answered, |planned| {
                    executor.cost(planned)
                });
        if held.over_budget != 0 {
            parts.oversight.over_budget(held.over_budget);
        }
        parts.metrics.decided(count, &held, elapsed);
        for planned in chosen {
            let action = &planned.action;
            if let Some(desk) = &mut parts.underwriter {
                desk.sending(action, clock.now)?;
            }
            debug!(
                kind = action.key.kind.name(),
                subject = %action.key.subject,
                attempt = planned.attempt,
                age_ms = planned.age,
                "sending"
            );
            let executor = executor.clone();
            self.running
                .spawn(async move { executor.execute(planned).await });
        }
        parts
            .metrics
            .plan(parts.plan.in_flight(), parts.plan.spending());
        Ok(true)
    }

    fn report(&mut self, mut executed: Executed) -> Result<()> {
        let report = &executed.report;
        let (kind, subject) = (report.key.kind.name(), report.key.subject);
        let (outcome, detail) = (report.outcome.name(), report.outcome.detail());
        let elapsed_ms = u64::try_from(executed.elapsed.as_millis()).unwrap_or(u64::MAX);
        match &report.outcome {
            Outcome::Landed => {
                let signature = executed.signature.unwrap_or_default();
                info!(kind, %subject, %signature, slot = report.slot, elapsed_ms, "landed");
            }
            Outcome::Simulated => info!(kind, %subject, elapsed_ms, "simulated"),
            Outcome::Permanent(_) => warn!(kind, %subject, outcome, detail, "not done"),
            _ => info!(kind, %subject, outcome, detail, elapsed_ms, "not done"),
        }
        // What it wrote, or what refused it, is read again before the same is decided anew.
        if !executed.written.is_empty() && report.outcome != Outcome::Simulated {
            let request = Request::Read {
                number: self.asked + 1,
                slot: report.slot,
                addresses: std::mem::take(&mut executed.written),
            };
            if self.parts.requests.try_send(request).is_ok() {
                self.asked += 1;
                executed.report.read = self.asked;
            } else {
                self.resync.get_or_insert(Sync::Forward);
            }
        }
        self.parts
            .plan
            .report(&executed.report, self.parts.metrics.millis());
        if let Some(desk) = &mut self.parts.underwriter {
            desk.report(&executed)?;
        }
        let recorded = self.parts.ledger.record(&executed)?;
        self.parts.metrics.executed(&executed, recorded);
        Ok(())
    }

    /// Waits for what is under way, so that nothing that was sent goes unwatched.
    async fn drain(mut self) -> Result<()> {
        info!(in_flight = self.running.len(), "stopping");
        let deadline = Instant::now() + DRAIN;
        let mut failed = Ok(());
        while !self.running.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            match tokio::time::timeout(left, self.running.join_next()).await {
                Ok(Some(Ok(executed))) => self.report(executed)?,
                Ok(Some(Err(error))) => failed = Err(error.into()),
                Ok(None) => break,
                Err(_) => {
                    warn!(in_flight = self.running.len(), "left unwatched");
                    break;
                }
            }
        }
        self.parts.ledger.close()?;
        info!("stopped");
        failed
    }
}
