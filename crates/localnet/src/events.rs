//! Drains the validator's event channel on a thread of its own.
//!
//! The channel is bounded. When it is full most events are lost, but those that say a server has
//! closed wait for room: a localnet whose events nobody reads cannot be stopped. This thread reads
//! them all, keeps the few that say whether the chain lives, and hands the words to the log.

use std::{
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
};

use anyhow::{Context, Result};
use crossbeam_channel::{select, Receiver, Sender};
use surfpool_types::SimnetEvent;

/// What the outside must know about the chain's life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lifecycle {
    /// Both servers answer.
    Started,
    /// The chain or a server ended on its own.
    Aborted(String),
    /// One of the two servers has closed its port.
    ServerClosed,
}

/// Why the chain no longer runs, if so; shared with the health report.
#[derive(Clone, Debug, Default)]
pub(crate) struct FailureSlot(Arc<Mutex<Option<String>>>);

impl FailureSlot {
    /// Keeps the first reason: later ones are its consequences.
    pub fn record(&self, reason: &str) {
        let mut slot = self
            .0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        slot.get_or_insert_with(|| reason.to_owned());
    }

    pub fn reason(&self) -> Option<String> {
        self.0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .clone()
    }
}

/// The draining thread and the way to end it.
#[derive(Debug)]
pub(crate) struct EventDrain {
    stop: Sender<()>,
    thread: Option<JoinHandle<()>>,
}

impl EventDrain {
    /// Drains `events` until stopped or until the last sender is gone.
    pub fn spawn(
        events: Receiver<SimnetEvent>,
        lifecycle: Sender<Lifecycle>,
        failure: FailureSlot,
    ) -> Result<Self> {
        let (stop, stopped) = crossbeam_channel::bounded(1);
        let thread = thread::Builder::new()
            .name("localnet-events".to_owned())
            .spawn(move || loop {
                select! {
                    recv(events) -> event => match event {
                        Ok(event) => pass_on(event, &lifecycle, &failure),
                        Err(_) => return,
                    },
                    recv(stopped) -> _ => return,
                }
            })
            .context("the localnet's event thread cannot be started")?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }

    /// Ends the thread and waits for it.
    pub fn stop(&mut self) {
        let Some(thread) = self.thread.take() else {
            return;
        };
        // A full or closed channel means the thread is already on its way out.
        let _ = self.stop.try_send(());
        let _ = thread.join();
    }
}

/// Sorts one event: life and death to the caller, words to the log, the rest nowhere.
fn pass_on(event: SimnetEvent, lifecycle: &Sender<Lifecycle>, failure: &FailureSlot) {
    // The receiver outlives this thread; after it is gone nobody asks any more.
    let tell = |message: Lifecycle| {
        let _ = lifecycle.send(message);
    };
    match event {
        SimnetEvent::CoreStarted(_) => tell(Lifecycle::Started),
        SimnetEvent::Aborted(reason) => {
            failure.record(&reason);
            tell(Lifecycle::Aborted(reason));
        }
        SimnetEvent::Shutdown => tell(Lifecycle::ServerClosed),
        // A refused transaction is its sender's business, who hears of it by name.
        SimnetEvent::ErrorLog(_, message)
            if message.starts_with("Transaction execution failed") =>
        {
            tracing::debug!(target: "localnet", "{message}");
        }
        SimnetEvent::ErrorLog(_, message) => tracing::warn!(target: "localnet", "{message}"),
        SimnetEvent::WarnLog(_, message) => tracing::debug!(target: "localnet", "{message}"),
        SimnetEvent::InfoLog(_, message) => tracing::trace!(target: "localnet", "{message}"),
        _ => {}
    }
}
