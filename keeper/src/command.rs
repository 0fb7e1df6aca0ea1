//! What the keeper can be told on the command line: one set of commands, for its own binary and for
//! `plimsoll keeper`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, Subcommand};
use tracing::error;

use crate::config::{KeeperConfig, Overrides};
use crate::logs::{self, LogForm};
use crate::top::Top;
use crate::underwriter::command::DeskCommand;
use crate::underwriter::{self, Policy};
use crate::{ledger, prices, process, secrets};

/// Columns and rows of `top --once`.
const PRINTED: (u16, u16) = (100, 30);

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

/// Which keeper `top` looks at, and how.
#[derive(Args, Clone, Debug)]
pub struct TopArgs {
    /// Address and port of its server [default: the configuration's]
    #[arg(long, value_name = "HOST:PORT")]
    pub address: Option<String>,
    /// Seconds between two looks
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub interval: u64,
    /// One look, printed as text
    #[arg(long)]
    pub once: bool,
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
    /// A running keeper in the terminal: what it does, what waits, what it spends
    Top(TopArgs),
    /// Read the configuration and its keys, name every mistake, start nothing
    CheckConfig,
    /// An underwriter's policy file: check it, try it on recorded prices
    #[command(subcommand)]
    Desk(DeskCommand),
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
    if let Command::Desk(command) = command {
        return underwriter::command::run(command, json);
    }
    let config = KeeperConfig::load(path, &Overrides::from_environment())?;
    match command {
        Command::Desk(_) => Ok(()),
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
        Command::Top(args) => top(&config, args).await,
        Command::CheckConfig => {
            let secrets = secrets::read(&config)?;
            prices::setup::check(&config.prices)?;
            println!("{}: no mistakes", path.display());
            println!("paying key: {}", secrets.payer_address());
            let webhook = secrets.webhook.as_ref().map_or("none", |_| "named");
            println!("webhook for alerts: {webhook}");
            if let Some(desk) = &config.underwriter {
                Policy::load(&desk.policy)?;
                println!("policy: {}, no mistakes", desk.policy.display());
            }
            for warning in &secrets.warnings {
                println!("warning: {warning}");
            }
            Ok(())
        }
    }
}

async fn top(config: &KeeperConfig, args: &TopArgs) -> Result<()> {
    let address = args.address.clone();
    let top = Top {
        address: address.unwrap_or_else(|| config.http.listen.clone()),
        ledger: &config.ledger,
        interval: Duration::from_secs(args.interval),
    };
    if args.once {
        println!("{}", top.once(PRINTED).await?);
        return Ok(());
    }
    top.run().await
}
