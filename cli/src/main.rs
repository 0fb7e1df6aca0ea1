//! The `plimsoll` command: localnet, set-up, accounts, orders and what one wants to know about them.

mod cluster;
mod commands;
mod fields;
mod keys;
#[cfg(feature = "localnet")]
mod localnet;
mod market_config;
mod output;
mod session;
mod setup;
mod solana_config;
mod units;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use commands::setup::SetupArgs;
use session::{GlobalArgs, Session};

/// Perpetual futures on Solana
#[derive(Parser, Debug)]
#[command(name = "plimsoll", version, about, propagate_version = true)]
struct Cli {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run a chain in this process, with the exchange set up and prices moving
    #[cfg(feature = "localnet")]
    Localnet(commands::localnet::LocalnetArgs),
    /// Show how a cluster differs from its file, and bring it there
    Setup(SetupArgs),
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> Result<()> {
    let global = cli.global;
    match cli.command {
        #[cfg(feature = "localnet")]
        Command::Localnet(args) => commands::localnet::run(&global, args).await,
        Command::Setup(args) => commands::setup::run(&Session::open(&global)?, args).await,
    }
}
