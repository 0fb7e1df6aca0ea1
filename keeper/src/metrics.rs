//! Figures for Prometheus, and what health and readiness are judged by.

mod operations;

pub use operations::{MarketFigures, Operations};

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use prometheus::{
    Encoder, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
};

use crate::execute::Executed;
use crate::plan::HeldBack;
use crate::prices::PriceFigures;

/// All figures of one keeper.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    begun: Instant,
    outcomes: IntCounterVec,
    lamports: IntCounter,
    due: IntGauge,
    held: IntGaugeVec,
    in_flight: IntGauge,
    spending: IntGauge,
    /// Readiness, alerts, money, markets.
    pub operations: Operations,
    pub prices: PriceFigures,
    slot: IntGauge,
    lag: IntGauge,
    mirrored: IntGaugeVec,
    events: IntCounterVec,
    decide_seconds: Histogram,
    confirm_seconds: Histogram,
    ledger_lost: IntCounter,
    changes: AtomicU64,
    /// Milliseconds since the start at which the mirror changed last, and at which the loop ran last.
    changed_at: AtomicU64,
    looped_at: AtomicU64,
    lag_slots: AtomicU64,
}

/// When the keeper counts as ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readiness {
    pub lag_slots_max: u64,
    pub unchanged_max: Duration,
}

fn gauge(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

impl Metrics {
    /// # Errors
    /// When two figures have one name.
    pub fn new() -> Result<Self> {
        let registry = Registry::new_custom(Some("plimsoll_keeper".to_owned()), None)?;
        macro_rules! registered {
            ($figure:expr) => {{
                let figure = $figure?;
                registry.register(Box::new(figure.clone()))?;
                figure
            }};
        }
        let opts = |name: &str, help: &str| Opts::new(name, help);
        let seconds = |name: &str, help: &str, buckets: &[f64]| {
            HistogramOpts::new(name, help).buckets(buckets.to_vec())
        };
        Ok(Self {
            outcomes: registered!(IntCounterVec::new(
                opts("actions_total", "Actions by kind and outcome"),
                &["kind", "outcome"]
            )),
            lamports: registered!(IntCounter::new("spent_lamports_total", "Fees paid")),
            due: registered!(IntGauge::new(
                "due_actions",
                "Actions due at the last decision"
            )),
            held: registered!(IntGaugeVec::new(
                opts(
                    "held_back_actions",
                    "Due actions that were not sent, by reason"
                ),
                &["reason"]
            )),
            in_flight: registered!(IntGauge::new("in_flight", "Transactions under way")),
            spending: registered!(IntGauge::new(
                "spending_lamports",
                "Fees of the last hour, reservations included"
            )),
            operations: Operations::register(&registry)?,
            prices: PriceFigures::register(&registry)?,
            slot: registered!(IntGauge::new("slot", "Newest slot of the chain's clock")),
            lag: registered!(IntGauge::new(
                "mirror_lag_slots",
                "Slots the mirror is behind"
            )),
            mirrored: registered!(IntGaugeVec::new(
                opts("mirrored_accounts", "Accounts in the mirror, by kind"),
                &["kind"]
            )),
            events: registered!(IntCounterVec::new(
                opts("source_events_total", "Events of the sources, by kind"),
                &["kind"]
            )),
            decide_seconds: registered!(Histogram::with_opts(seconds(
                "decide_seconds",
                "Time of one decision",
                &[0.0005, 0.002, 0.005, 0.02, 0.1, 0.5, 2.0]
            ))),
            confirm_seconds: registered!(Histogram::with_opts(seconds(
                "confirm_seconds",
                "Time from an action's signing to its outcome",
                &[0.2, 0.5, 1.0, 2.0, 5.0, 20.0, 60.0]
            ))),
            ledger_lost: registered!(IntCounter::new(
                "ledger_lost_total",
                "Entries that the ledger's writer did not keep up with"
            )),
            registry,
            begun: Instant::now(),
            changes: AtomicU64::new(0),
            changed_at: AtomicU64::new(0),
            looped_at: AtomicU64::new(0),
            lag_slots: AtomicU64::new(u64::MAX),
        })
    }

    /// Milliseconds since the start.
    pub fn millis(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub fn event(&self, kind: &str) {
        self.events.with_label_values(&[kind]).inc();
    }

    /// What one decision found.
    pub fn decided(&self, due: usize, held: &HeldBack, elapsed: Duration) {
        self.due.set(gauge(due as u64));
        for (reason, count) in [
            ("in_flight", held.in_flight),
            ("backed_off", held.backed_off),
            ("queued", held.queued),
            ("over_budget", held.over_budget),
        ] {
            let figure = self.held.with_label_values(&[reason]);
            figure.set(gauge(count as u64));
        }
        self.decide_seconds.observe(elapsed.as_secs_f64());
    }

    pub fn plan(&self, in_flight: usize, spending: u64) {
        self.in_flight.set(gauge(in_flight as u64));
        self.spending.set(gauge(spending));
    }

    pub fn executed(&self, executed: &Executed, recorded: bool) {
        let report = &executed.report;
        let labels = [report.key.kind.name(), report.outcome.name()];
        self.outcomes.with_label_values(&labels).inc();
        self.lamports.inc_by(report.lamports);
        self.confirm_seconds.observe(executed.elapsed.as_secs_f64());
        if !recorded {
            self.ledger_lost.inc();
        }
    }

    /// The mirror as it is after a turn of the loop.
    pub fn mirror(&self, mirror: &crate::mirror::Mirror, slot: u64) {
        let now = self.millis();
        self.looped_at.store(now, Ordering::Relaxed);
        let lag = mirror.lag(slot);
        self.lag_slots.store(lag, Ordering::Relaxed);
        self.lag.set(gauge(lag));
        self.slot.set(gauge(slot));
        // The slot is a part of what must not stand still.
        let changes = mirror.changes().wrapping_add(slot);
        if self.changes.swap(changes, Ordering::Relaxed) != changes {
            self.changed_at.store(now, Ordering::Relaxed);
        }
        for (kind, count) in [
            ("market", mirror.markets().len()),
            ("margin_account", mirror.accounts().len()),
            ("credit_line", mirror.lines().len()),
        ] {
            self.mirrored(kind, count);
        }
    }

    /// Accounts of a kind in the mirror.
    pub fn mirrored(&self, kind: &str, count: usize) {
        let figure = self.mirrored.with_label_values(&[kind]);
        figure.set(gauge(count as u64));
    }

    /// Why the keeper is not ready, if so.
    pub fn not_ready(&self, readiness: &Readiness) -> Option<String> {
        let lag = self.lag_slots.load(Ordering::Relaxed);
        if lag == u64::MAX {
            return Some("no snapshot yet".to_owned());
        }
        if lag > readiness.lag_slots_max {
            return Some(format!("the mirror is {lag} slots behind"));
        }
        let now = self.millis();
        let unchanged = now.saturating_sub(self.changed_at.load(Ordering::Relaxed));
        if Duration::from_millis(unchanged) > readiness.unchanged_max {
            return Some(format!("nothing has changed for {unchanged} ms"));
        }
        None
    }

    /// Why the keeper is not alive, if so: its loop stands still.
    pub fn not_alive(&self, readiness: &Readiness) -> Option<String> {
        let still = self
            .millis()
            .saturating_sub(self.looped_at.load(Ordering::Relaxed));
        let stuck = Duration::from_millis(still) > readiness.unchanged_max.saturating_mul(3);
        stuck.then(|| format!("the loop has stood still for {still} ms"))
    }

    /// All figures in Prometheus' text format.
    ///
    /// # Errors
    /// When a figure cannot be written.
    pub fn text(&self) -> Result<String> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(String::from_utf8(text)?)
    }
}
