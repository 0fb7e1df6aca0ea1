//! The `plimsoll` command: localnet, set-up, accounts, orders and what one wants to know about them.

#[cfg(any(feature = "localnet", feature = "replay"))]
mod artifact;
mod cluster;
mod commands;
#[cfg(feature = "localnet")]
mod demo;
mod fields;
mod keys;
#[cfg(feature = "localnet")]
mod localnet;
mod market_config;
mod markets;
mod output;
#[cfg(feature = "localnet")]
mod prices;
mod session;
mod setup;
mod solana_config;
mod traders;
mod transactions;
mod units;

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::Result;
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use commands::account::AccountCommand;
use commands::admin::AdminCommand;
use commands::audit::AuditCommand;
use commands::book::BookArgs;
use commands::credit::CreditCommand;
use commands::exchange::ExchangeCommand;
use commands::history::HistoryArgs;
use commands::keeper::KeeperArgs;
use commands::keygen::KeygenArgs;
use commands::liquidate::LiquidateArgs;
use commands::market::MarketCommand;
use commands::money::FaucetArgs;
use commands::order::OrderCommand;
use commands::setup::SetupArgs;
use commands::trades::TradesArgs;
use session::{GlobalArgs, Session};

/// Perpetual futures on Solana
#[derive(Parser, Debug)]
#[command(name = "plimsoll", version, propagate_version = true)]
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
    /// Play a recorded evening of the exchange on a chain of its own, and check the books at its end
    #[cfg(feature = "localnet")]
    Demo(demo::DemoArgs),
    /// Say what is missing here and on the cluster
    Doctor,
    /// Make a key pair
    Keygen(KeygenArgs),
    /// Receive test USDC and SOL, on a localnet or from a test mint of one's own
    Faucet(FaucetArgs),
    /// Write price accounts to files that a validator of one's own starts with
    #[cfg(feature = "localnet")]
    PriceFiles(commands::price_files::PriceFilesArgs),
    /// Play a recorded day through the program, with the rules switched one by one
    #[cfg(feature = "replay")]
    Replay(commands::replay::ReplayArgs),
    /// Deploy the program
    #[cfg(feature = "localnet")]
    #[command(subcommand)]
    Program(commands::program::ProgramCommand),
    /// Show how a cluster differs from its file, and bring it there
    Setup(SetupArgs),
    /// The exchange and its funds
    #[command(subcommand)]
    Exchange(ExchangeCommand),
    /// Markets
    #[command(subcommand)]
    Market(MarketCommand),
    /// Margin accounts: cash, positions, seats
    #[command(subcommand)]
    Account(AccountCommand),
    /// Orders
    #[command(subcommand)]
    Order(OrderCommand),
    /// Liquidate an account: reduce it in the book, take it over, tear it up; anyone may
    Liquidate(LiquidateArgs),
    /// Credit: vaults, lines, draws and repayments
    #[command(subcommand)]
    Credit(CreditCommand),
    /// A market's book
    Book(BookArgs),
    /// A market's last trades
    Trades(TradesArgs),
    /// An account's fills, liquidations and takeovers among them, funding and loss events
    History(HistoryArgs),
    /// The keeper: run it, look at it, what it did and what that cost
    Keeper(KeeperArgs),
    /// Changes of the exchange and its markets, authority, guardian, the end of a market
    #[command(subcommand)]
    Admin(AdminCommand),
    /// Recompute the invariants from the accounts
    #[command(subcommand)]
    Audit(AuditCommand),
}

#[tokio::main]
async fn main() -> ExitCode {
    let matches = Cli::command().get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    if let Command::Keeper(args) = &cli.command {
        return commands::keeper::run(args, cli.global.json, &said(&matches)).await;
    }
    log_to_stderr();
    let json = cli.global.json;
    match run(cli).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if json => {
            eprintln!("{}", serde_json::json!({ "error": format!("{error:#}") }));
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Those of the options for a cluster and its signer that stand on the command line.
fn said(matches: &ArgMatches) -> Vec<&'static str> {
    let options = ["url", "keypair", "cluster", "priority_fee"].into_iter();
    options
        .filter(|name| matches.value_source(name) == Some(ValueSource::CommandLine))
        .collect()
}

/// Warnings, unless `RUST_LOG` asks for more. What the localnet's own keeper could not refresh is not one:
/// a tape's silent or wild seconds are part of it.
fn log_to_stderr() {
    let usual = || EnvFilter::new("warn,plimsoll_keeper=error");
    let logger = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| usual()))
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    // A second logger would be a programming error; the first one serves.
    let _ = logger.try_init();
}

async fn run(cli: Cli) -> Result<()> {
    let global = cli.global;
    let command = match cli.command {
        #[cfg(feature = "localnet")]
        Command::Localnet(args) => return commands::localnet::run(&global, args).await,
        #[cfg(feature = "localnet")]
        Command::Demo(args) => return demo::run(args).await,
        Command::Keygen(args) => return commands::keygen::run(global.output(), &args),
        #[cfg(feature = "replay")]
        Command::Replay(args) => return commands::replay::run(global.output(), args),
        #[cfg(feature = "localnet")]
        Command::PriceFiles(args) => {
            return commands::price_files::run(&Session::open(&global)?, &args)
        }
        command => command,
    };
    on_a_cluster(&Session::open(&global)?, command).await
}

async fn on_a_cluster(session: &Session, command: Command) -> Result<()> {
    if !matches!(command, Command::Doctor) {
        session.require_answer().await?;
    }
    match command {
        #[cfg(feature = "localnet")]
        Command::Localnet(_) | Command::Demo(_) | Command::PriceFiles(_) => Ok(()),
        #[cfg(feature = "replay")]
        Command::Replay(_) => Ok(()),
        Command::Keygen(_) | Command::Keeper(_) => Ok(()),
        #[cfg(feature = "localnet")]
        Command::Program(command) => commands::program::run(session, command).await,
        Command::Doctor => commands::doctor::run(session).await,
        Command::Faucet(args) => commands::money::faucet(session, args).await,
        Command::Setup(args) => commands::setup::run(session, args).await,
        Command::Exchange(command) => commands::exchange::run(session, command).await,
        Command::Market(command) => commands::market::run(session, command).await,
        Command::Account(command) => commands::account::run(session, command).await,
        Command::Order(command) => commands::order::run(session, command).await,
        Command::Liquidate(args) => commands::liquidate::run(session, args).await,
        Command::Credit(command) => commands::credit::run(session, command).await,
        Command::Book(args) => commands::book::run(session, args).await,
        Command::Trades(args) => commands::trades::run(session, args).await,
        Command::History(args) => commands::history::run(session, args).await,
        Command::Admin(command) => commands::admin::run(session, command).await,
        Command::Audit(command) => commands::audit::run(session, command).await,
    }
}
