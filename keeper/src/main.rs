//! The keeper's process: configuration, logs, signals, and an end with a reason.

use std::path::PathBuf;

use anyhow::{anyhow, Result};
use clap::{Parser, Subcommand, ValueEnum};
use plimsoll_keeper::config::{KeeperConfig, Overrides};
use plimsoll_keeper::{http, ledger, run, setup};
use tokio::sync::{mpsc, watch};
use tracing::info;
use tracing_subscriber::EnvFilter;

/// Watches the chain and submits what the venue needs done.
#[derive(Debug, Parser)]
#[command(name = "plimsoll-keeper", version)]
struct Args {
    /// Configuration file
    #[arg(
        long,
        global = true,
        default_value = "keeper.toml",
        env = "PLIMSOLL_KEEPER_CONFIG"
    )]
    config: PathBuf,
    /// One decision and its outcomes, then the end
    #[arg(long)]
    once: bool,
    /// Simulate, send nothing
    #[arg(long)]
    dry_run: bool,
    /// Form of the logs
    #[arg(long, value_enum, default_value = "text", env = "PLIMSOLL_KEEPER_LOG")]
    log: LogForm,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LogForm {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What was done and what it cost, from the ledger
    Report {
        /// Hours to look back
        #[arg(long, default_value_t = 24)]
        hours: u64,
    },
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match args.log {
        LogForm::Text => logs.init(),
        LogForm::Json => logs.json().init(),
    }
    let config = KeeperConfig::load(&args.config, &Overrides::from_environment())?;
    if let Some(Command::Report { hours }) = args.command {
        let rows = ledger::report(&config.ledger, hours.saturating_mul(3_600))?;
        println!("{}", ledger::table(&rows));
        return Ok(());
    }
    let assembled = setup::assemble(&config, args.dry_run, args.once).await?;
    let (fatal, mut failed) = mpsc::channel::<String>(1);
    if !config.http.listen.is_empty() && !args.once {
        let (metrics, readiness) = (assembled.parts.metrics.clone(), assembled.readiness);
        let ended = move |why| {
            let _ = fatal.blocking_send(why);
        };
        let bound = http::serve(config.http.listen.parse()?, metrics, readiness, ended)?;
        info!(%bound, "health and metrics");
    }
    let (stop, stopped) = watch::channel(false);
    let (parts, sources) = assembled.split();
    let running = run::run(parts, sources, stopped);
    tokio::pin!(running);
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        ended = &mut running => return ended,
        Some(why) = failed.recv() => return Err(anyhow!("health and metrics ended: {why}")),
        pressed = tokio::signal::ctrl_c() => pressed?,
        _ = terminate.recv() => {}
    }
    stop.send_replace(true);
    running.await
}
