//! The keeper's process: its parts put together, signals, and an end with a reason.

use anyhow::{anyhow, Result};
use tokio::signal::unix::{signal, SignalKind};
use tokio::sync::{mpsc, watch};
use tracing::{info, warn};

use crate::command::RunArgs;
use crate::config::KeeperConfig;
use crate::{http, run, secrets, setup};

/// Runs until a signal or until a part of it ends; then waits for what is under way.
///
/// # Errors
/// What is wrong with keys, endpoints or ledger at start; later, which part ended and why.
pub async fn run(config: &KeeperConfig, args: RunArgs) -> Result<()> {
    let keys = secrets::read(config)?;
    for warning in &keys.warnings {
        warn!("{warning}");
    }
    let assembled = setup::assemble(config, keys, args.dry_run, args.once).await?;
    let (fatal, mut failed) = mpsc::channel::<String>(1);
    if !config.http.listen.is_empty() && !args.once {
        let (metrics, readiness) = (assembled.parts.metrics.clone(), assembled.readiness);
        let bound = http::serve(config.http.listen.parse()?, metrics, readiness, fatal)?;
        info!(%bound, "health and metrics");
    }
    let (stop, stopped) = watch::channel(false);
    let (parts, sources) = assembled.split();
    let running = run::run(parts, sources, stopped);
    tokio::pin!(running);
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        ended = &mut running => return ended,
        Some(why) = failed.recv() => return Err(anyhow!("health and metrics ended: {why}")),
        pressed = tokio::signal::ctrl_c() => pressed?,
        _ = terminate.recv() => {}
    }
    stop.send_replace(true);
    running.await
}
