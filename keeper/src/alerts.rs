//! What an operator must hear of: into the log, and to a webhook. Raising an alert never waits: what does not
//! fit in the queue is dropped and counted.

mod webhook;

#[cfg(test)]
mod tests;

pub use webhook::{Webhook, WebhookPolicy};

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use solana_pubkey::Pubkey;
use tokio::sync::mpsc::{self, error::TrySendError};
use tracing::warn;

use crate::config::AlertsConfig;
use crate::metrics::Operations;
use crate::redact;

/// Alerts that wait for the webhook.
pub const QUEUE: usize = 64;

/// What is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlertKind {
    LowBalance,
    SpendCap,
    NotReady,
    StreamSilent,
    Ended,
    AccountNotSafe,
    MarketHalted,
    DeadlineMissed,
}

impl AlertKind {
    pub const ALL: [Self; 8] = [
        Self::LowBalance,
        Self::SpendCap,
        Self::NotReady,
        Self::StreamSilent,
        Self::Ended,
        Self::AccountNotSafe,
        Self::MarketHalted,
        Self::DeadlineMissed,
    ];

    /// The name, in snake case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LowBalance => "low_balance",
            Self::SpendCap => "spend_cap",
            Self::NotReady => "not_ready",
            Self::StreamSilent => "stream_silent",
            Self::Ended => "ended",
            Self::AccountNotSafe => "account_not_safe",
            Self::MarketHalted => "market_halted",
            Self::DeadlineMissed => "deadline_missed",
        }
    }

    /// Whether somebody should be woken: what is due is not being done.
    pub const fn severity(self) -> &'static str {
        match self {
            Self::LowBalance | Self::StreamSilent | Self::MarketHalted => "warning",
            Self::SpendCap
            | Self::NotReady
            | Self::Ended
            | Self::AccountNotSafe
            | Self::DeadlineMissed => "critical",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// What the webhook is sent, as JSON. Fields are added, never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Alert {
    /// Always `plimsoll-keeper`.
    pub source: &'static str,
    pub kind: &'static str,
    /// `warning` or `critical`.
    pub severity: &'static str,
    /// One sentence; the field that chat services show.
    pub text: String,
    /// Account or market that it is about.
    pub subject: Option<String>,
    /// The paying key of the keeper that speaks.
    pub keeper: String,
    /// Unix seconds of this machine.
    pub at: u64,
}

/// Where alerts are raised.
#[derive(Debug)]
pub struct Alerts {
    keeper: String,
    intervals: BTreeMap<AlertKind, Duration>,
    sent_kinds: Vec<AlertKind>,
    /// When a kind was told of last; of halts, when of each market.
    told: Mutex<BTreeMap<(AlertKind, Option<Pubkey>), Instant>>,
    queue: Mutex<Option<mpsc::Sender<Alert>>>,
    figures: Operations,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Alerts {
    /// Alerts of the keeper with this paying key, and what a webhook takes them from.
    pub fn new(
        config: &AlertsConfig,
        keeper: &Pubkey,
        figures: Operations,
    ) -> (Self, mpsc::Receiver<Alert>) {
        let interval = |kind: AlertKind| {
            let own = config.intervals.get(kind.name());
            Duration::from_secs(*own.unwrap_or(&config.interval_seconds))
        };
        let (queue, received) = mpsc::channel(QUEUE);
        let named = config.kinds.iter();
        let alerts = Self {
            keeper: keeper.to_string(),
            intervals: AlertKind::ALL
                .into_iter()
                .map(|kind| (kind, interval(kind)))
                .collect(),
            sent_kinds: named.filter_map(|name| AlertKind::named(name)).collect(),
            told: Mutex::default(),
            queue: Mutex::new(Some(queue)),
            figures,
        };
        (alerts, received)
    }

    /// Tells of something, unless its kind was told of within its interval. False: it was not told.
    pub fn raise(&self, kind: AlertKind, subject: Option<Pubkey>, text: impl Into<String>) -> bool {
        if !self.due(kind, subject) {
            return false;
        }
        let (name, text) = (kind.name(), redact::text(&text.into()));
        let subject = subject.map(|subject| subject.to_string());
        warn!(alert = name, subject, "{text}");
        self.queue_up(kind, subject, text);
        true
    }

    fn queue_up(&self, kind: AlertKind, subject: Option<String>, text: String) {
        let name = kind.name();
        if !self.sent_kinds.contains(&kind) {
            return;
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let alert = Alert {
            source: "plimsoll-keeper",
            kind: name,
            severity: kind.severity(),
            text,
            subject,
            keeper: self.keeper.clone(),
            at: now.map_or(0, |since| since.as_secs()),
        };
        let Some(queue) = lock(&self.queue).clone() else {
            return;
        };
        // Without a webhook nobody takes them out, and the log has them.
        if matches!(queue.try_send(alert), Err(TrySendError::Full(_))) {
            self.figures.alert(name, "dropped");
        }
    }

    fn due(&self, kind: AlertKind, subject: Option<Pubkey>) -> bool {
        // There are few markets; every account of its own would be a flood.
        let subject = subject.filter(|_| kind == AlertKind::MarketHalted);
        let interval = self.intervals.get(&kind).copied().unwrap_or_default();
        let mut told = lock(&self.told);
        let last = told.get(&(kind, subject));
        let due = last.is_none_or(|at| at.elapsed() >= interval);
        if due {
            told.insert((kind, subject), Instant::now());
        }
        due
    }

    /// No more are queued; the webhook ends when it has sent what waits.
    pub fn close(&self) {
        lock(&self.queue).take();
    }
}
