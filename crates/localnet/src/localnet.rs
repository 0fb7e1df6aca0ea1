//! Starts and stops the embedded validator, and says how it is.
//!
//! The chain lives on its own threads and its own runtime: a caller needs no runtime at all, and
//! a caller's runtime ending does not end the chain.

use std::{
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{anyhow, bail, Context, Result};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use surfpool_types::{ClockCommand, SimnetCommand};

use crate::{
    chain_life::{surfpool_config, ChainLife},
    chain_state::ChainState,
    clock::{unix_timestamp, ClockDriver},
    config::LocalnetConfig,
    events::{EventDrain, FailureSlot, Lifecycle},
    health::{Health, HealthState},
    oracle::OracleWriter,
    ports::Endpoints,
};

/// Start-up takes well under a second; a loaded machine may take longer, a broken one for ever.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// Long enough for open connections to be cut, short enough to wait for at a prompt.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// JSON-RPC and WebSocket.
const SERVERS: usize = 2;
/// A free port may be taken by somebody else before the server binds it: then take other ones.
const FREE_PORT_ATTEMPTS: usize = 3;
/// The validator's block ticker cannot be ended, only slowed: one wake-up an hour per stopped chain.
const STOPPED_TICK_MS: u64 = 3_600_000;

/// A running chain. Stopped by [`Localnet::stop`], or when dropped.
#[derive(Debug)]
pub struct Localnet {
    endpoints: Endpoints,
    slot_ms: u64,
    chain: ChainState,
    commands: Sender<SimnetCommand>,
    lifecycle: Receiver<Lifecycle>,
    failure: FailureSlot,
    drain: EventDrain,
    runtime: Option<JoinHandle<()>>,
}

impl Localnet {
    /// Starts a chain and returns when both servers answer. Blocks the calling thread meanwhile.
    pub fn start(config: LocalnetConfig) -> Result<Self> {
        if config.slot_ms == 0 {
            bail!("a slot of 0 ms has no blocks: slot_ms must be at least 1");
        }
        let chosen_by_caller = config.rpc_port != 0 && config.ws_port != 0;
        let attempts = if chosen_by_caller {
            1
        } else {
            FREE_PORT_ATTEMPTS
        };
        for _ in 1..attempts {
            if let Ok(localnet) = Self::start_once(&config) {
                return Ok(localnet);
            }
        }
        Self::start_once(&config)
    }

    fn start_once(config: &LocalnetConfig) -> Result<Self> {
        let endpoints = Endpoints::resolve(config)?;
        let failure = FailureSlot::default();
        let (commands, commands_rx) = crossbeam_channel::unbounded();
        let (lifecycle_tx, lifecycle) = crossbeam_channel::unbounded();
        let (born_tx, born) = crossbeam_channel::bounded(1);
        let life = ChainLife {
            surfpool: surfpool_config(config, &endpoints),
            commands: commands.clone(),
            commands_rx,
            lifecycle: lifecycle_tx.clone(),
            failure: failure.clone(),
        };
        let runtime = thread::Builder::new()
            .name("localnet".to_owned())
            .spawn(move || life.live(born_tx))
            .context("the localnet's thread cannot be started")?;
        let born = born
            .recv()
            .context("the localnet ended before it began")?
            .map_err(|reason| anyhow!("the localnet cannot be created: {reason}"))?;
        let localnet = Self {
            endpoints,
            slot_ms: config.slot_ms,
            chain: ChainState::new(born.locker),
            commands,
            lifecycle,
            failure: failure.clone(),
            drain: EventDrain::spawn(born.events, lifecycle_tx, failure)?,
            runtime: Some(runtime),
        };
        localnet.wait_until_started()?;
        Ok(localnet)
    }

    /// Address of JSON-RPC for clients on this machine.
    pub fn rpc_url(&self) -> String {
        self.endpoints.rpc_url()
    }

    /// Address of the WebSocket for clients on this machine.
    pub fn ws_url(&self) -> String {
        self.endpoints.ws_url()
    }

    /// Control of the chain's clock.
    pub fn clock(&self) -> ClockDriver {
        ClockDriver::new(self.chain.clone(), self.slot_ms)
    }

    /// A writer of price accounts.
    pub fn oracle(&self) -> OracleWriter {
        OracleWriter::new(self.chain.clone())
    }

    /// How the chain is, from its own memory rather than through its servers.
    pub fn health(&self) -> Health {
        let state = match self.failure.reason() {
            Some(reason) => HealthState::Failed(reason),
            None => HealthState::Running,
        };
        let (slot, unix_timestamp, transactions) = self.chain.read(|svm| {
            let transactions = svm.latest_epoch_info.transaction_count.unwrap_or(0);
            (
                svm.get_latest_absolute_slot(),
                unix_timestamp(svm),
                transactions,
            )
        });
        Health {
            state,
            slot,
            unix_timestamp,
            transactions,
        }
    }

    /// Stops the chain and returns when both ports are free again.
    pub fn stop(mut self) -> Result<()> {
        self.shut_down()
    }

    fn wait_until_started(&self) -> Result<()> {
        match self.lifecycle.recv_timeout(START_TIMEOUT) {
            Ok(Lifecycle::Started) => Ok(()),
            Ok(Lifecycle::Aborted(reason)) => bail!("the localnet did not start: {reason}"),
            Ok(Lifecycle::ServerClosed) => bail!("the localnet stopped while it was starting"),
            Err(_) => bail!(
                "the localnet did not start within {} s",
                START_TIMEOUT.as_secs()
            ),
        }
    }

    fn shut_down(&mut self) -> Result<()> {
        let Some(runtime) = self.runtime.take() else {
            return Ok(());
        };
        // A chain that failed has no two servers left to wait for.
        let running = self.failure.reason().is_none() && !runtime.is_finished();
        let slow_down = ClockCommand::UpdateSlotInterval(STOPPED_TICK_MS);
        let _ = self
            .commands
            .send(SimnetCommand::CommandClock(None, slow_down));
        let _ = self.commands.send(SimnetCommand::Terminate(None));
        let closed = if running {
            self.wait_until_closed()
        } else {
            Ok(())
        };
        if closed.is_ok() {
            let _ = runtime.join();
        }
        self.drain.stop();
        closed
    }

    fn wait_until_closed(&self) -> Result<()> {
        let deadline = Instant::now() + STOP_TIMEOUT;
        let mut servers_closed = 0;
        while servers_closed < SERVERS {
            match self.lifecycle.recv_deadline(deadline) {
                Ok(Lifecycle::ServerClosed) => servers_closed += 1,
                Ok(Lifecycle::Started | Lifecycle::Aborted(_)) => {}
                Err(RecvTimeoutError::Timeout) => bail!(
                    "the localnet did not close its ports within {} s: {} of {SERVERS} servers closed",
                    STOP_TIMEOUT.as_secs(),
                    servers_closed
                ),
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
        Ok(())
    }
}

impl Drop for Localnet {
    fn drop(&mut self) {
        if let Err(error) = self.shut_down() {
            tracing::warn!(target: "localnet", "{error:#}");
        }
    }
}
