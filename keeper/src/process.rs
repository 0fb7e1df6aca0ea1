//! The keeper's process: its parts put together, signals, and an end with a reason.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{anyhow, Result};
use tokio::signal::unix::{signal, SignalKind};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tracing::{error, info, warn};

use crate::alerts::{AlertKind, Alerts, Webhook, WebhookPolicy};
use crate::command::RunArgs;
use crate::config::KeeperConfig;
use crate::metrics::Metrics;
use crate::secrets::Secrets;
use crate::standing::Standing;
use crate::{http, redact, run, secrets, setup};

/// Longest that alerts are waited for at the end.
const LAST_ALERTS: Duration = Duration::from_secs(10);

/// Runs until a signal or until a part of it ends; then waits for what is under way.
///
/// # Errors
/// What is wrong with keys, endpoints or ledger at start; later, which part ended and why.
pub async fn run(config: &KeeperConfig, args: RunArgs) -> Result<()> {
    let secrets = secrets::read(config)?;
    for warning in &secrets.warnings {
        warn!("{warning}");
    }
    let metrics = Arc::new(Metrics::new()?);
    let figures = metrics.operations.clone();
    let payer = secrets.payer_address();
    let (alerts, queued) = Alerts::new(&config.alerts, &payer, figures.clone());
    let alerts = Arc::new(alerts);
    let mut webhook = match &secrets.webhook {
        Some(url) => {
            redact::hide(url);
            let webhook = Webhook::new(url, WebhookPolicy::default(), figures)?;
            Some(tokio::spawn(webhook.run(queued)))
        }
        None => {
            drop(queued);
            None
        }
    };
    let ended = keep(
        config,
        secrets,
        args,
        (metrics, alerts.clone()),
        &mut webhook,
    )
    .await;
    if let Err(reason) = &ended {
        alerts.raise(AlertKind::Ended, None, format!("ended: {reason:#}"));
    }
    alerts.close();
    if let Some(webhook) = webhook {
        let _ = tokio::time::timeout(LAST_ALERTS, webhook).await;
    }
    ended
}

async fn keep(
    config: &KeeperConfig,
    secrets: Secrets,
    args: RunArgs,
    (metrics, alerts): (Arc<Metrics>, Arc<Alerts>),
    webhook: &mut Option<JoinHandle<()>>,
) -> Result<()> {
    let shared = (metrics.clone(), alerts.clone());
    let assembled = setup::assemble(config, secrets, args, shared).await?;
    let (fatal, mut failed) = mpsc::channel::<String>(1);
    let mut watching = JoinSet::new();
    if !args.once {
        let readiness = assembled.readiness;
        if !config.http.listen.is_empty() {
            let address = config.http.listen.parse()?;
            let bound = http::serve(address, metrics.clone(), readiness, fatal)?;
            info!(%bound, "health and metrics");
        }
        let standing = Standing {
            metrics,
            readiness,
            executor: assembled.parts.executor.clone(),
            alerts,
            low_balance: config.low_balance_lamports,
            not_ready: Duration::from_secs(config.alerts.not_ready_seconds),
        };
        watching.spawn(standing.run());
    }
    let (stop, stopped) = watch::channel(false);
    let (parts, sources) = assembled.split();
    let running = run::run(parts, sources, stopped);
    tokio::pin!(running);
    let mut terminate = signal(SignalKind::terminate())?;
    let ended = tokio::select! {
        ended = &mut running => return ended,
        Some(why) = failed.recv() => Err(anyhow!("health and metrics ended: {why}")),
        Some(Err(error)) = watching.join_next() => Err(anyhow!("the watch failed: {error}")),
        ended = end_of(webhook) => Err(anyhow!("the webhook's task ended: {ended}")),
        pressed = tokio::signal::ctrl_c() => pressed.map_err(Into::into),
        _ = terminate.recv() => Ok(()),
    };
    if let Err(reason) = &ended {
        error!(reason = format!("{reason:#}"), "a part ended");
    }
    stop.send_replace(true);
    let drained = running.await;
    ended.and(drained)
}

/// Waits for the end of a task that has none; the handle is gone with it.
async fn end_of(task: &mut Option<JoinHandle<()>>) -> String {
    let ended = match task {
        Some(task) => task.await,
        None => std::future::pending().await,
    };
    *task = None;
    ended.map_or_else(
        |error| error.to_string(),
        |()| "nobody raises alerts".to_owned(),
    )
}
