//! `plimsoll keeper`: the keeper's own commands, by the keeper's own library.

use std::process::ExitCode;

use clap::Args;
use plimsoll_keeper::command::{self, Command, Options};

/// The keeper
#[derive(Args, Debug)]
pub(crate) struct KeeperArgs {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Command,
}

/// Carries the command out. `said` are options that speak to every other command: an operator who names a key or
/// an endpoint here would believe it used.
pub(crate) async fn run(args: &KeeperArgs, json: bool, said: &[&str]) -> ExitCode {
    if let Some(option) = said.first() {
        let option = option.replace('_', "-");
        eprintln!(
            "error: --{option} does not speak to the keeper: say it in {} or by PLIMSOLL_KEEPER_KEYPAIR, _RPC, _WS",
            args.options.config.display()
        );
        return ExitCode::FAILURE;
    }
    command::run(&args.options, &args.command, json).await
}
