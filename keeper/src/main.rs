//! The keeper by itself: the same commands as `plimsoll keeper`.

use std::process::ExitCode;

use clap::Parser;
use plimsoll_keeper::command::{self, Command, Options};

/// Watches the chain and submits what the venue needs done; without a command it runs.
#[derive(Debug, Parser)]
#[command(name = "plimsoll-keeper", version)]
struct Cli {
    #[command(flatten)]
    options: Options,
    /// Print reports as JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    command::run(&cli.options, &cli.command.unwrap_or_default(), cli.json).await
}
