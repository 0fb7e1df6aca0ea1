//! What the keeper can be told on the command line: one set of commands, for its own binary and for
//! `plimsoll keeper`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};
use tracing::error;

use crate::config::{KeeperConfig, Overrides};
use crate::logs::{self, LogForm};
use crate::{ledger, process, secrets};

/// What every command of the keeper takes.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Configuration file
    #[arg(
        long,
        global = true,
        default_value = "keeper.toml",
        env = "PLIMSOLL_KEEPER_CONFIG",
        value_name = "FILE"
    )]
    pub config: PathBuf,
    /// Form of the logs
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "text",
        env = "PLIMSOLL_KEEPER_LOG"
    )]
    pub log: LogForm,
}

/// How a run differs from the usual one.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct RunArgs {
    /// One decision and its outcomes, then the end
    #[arg(long)]
    pub once: bool,
    /// Simulate, send nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// The keeper's commands.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Watch the chain and submit what the venue needs done
    Run(RunArgs),
    /// What was done and what it cost, from the ledger
    Report {
        /// Hours to look back
        #[arg(long, default_value_t = 24)]
        hours: u64,
    },
    /// Read the configuration and its keys, name every mistake, start nothing
    CheckConfig,
}

impl Default for Command {
    fn default() -> Self {
        Self::Run(RunArgs::default())
    }
}

/// Carries a command out. What ends it is said in the log, in the log's own form; `json` prints a report as JSON.
pub async fn run(options: &Options, command: &Command, json: bool) -> ExitCode {
    logs::start(options.log);
    match carry_out(&options.config, command, json).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            error!(reason = format!("{reason:#}"), "ended");
            ExitCode::FAILURE
        }
    }
}

async fn carry_out(path: &Path, command: &Command, json: bool) -> Result<()> {
    let config = KeeperConfig::load(path, &Overrides::from_environment())?;
    match command {
        Command::Run(args) => process::run(&config, *args).await,
        Command::Report { hours } => {
            let rows = ledger::report(&config.ledger, hours.saturating_mul(3_600))?;
            if json {
                println!("{}", serde_json::to_string_pretty(&rows)?);
            } else {
                println!("{}", ledger::table(&rows));
            }
            Ok(())
        }
        Command::CheckConfig => {
            let secrets = secrets::read(&config)?;
            println!("{}: no mistakes", path.display());
            println!("paying key: {}", secrets.payer_address());
            let webhook = secrets.webhook.as_ref().map_or("none", |_| "named");
            println!("webhook for alerts: {webhook}");
            for warning in &secrets.warnings {
                println!("warning: {warning}");
            }
            Ok(())
        }
    }
}
