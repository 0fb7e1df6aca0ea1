//! The keeper's process: configuration, logs, and a clean stop.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{anyhow, Context, Result};
use clap::Parser;
use plimsoll_client::addresses::LOCALNET_PROGRAM_ID;
use plimsoll_client::rpc::Connection;
use plimsoll_client::ExchangeAddresses;
use plimsoll_keeper::config::KeeperConfig;
use plimsoll_keeper::marks::{self, MarketFeeds, MarksConfig, Tally};
use solana_keypair::{read_keypair_file, Keypair};
use solana_pubkey::Pubkey;
use tokio::sync::watch;

/// Watches prices and submits marks.
#[derive(Debug, Parser)]
#[command(name = "plimsoll-keeper", version)]
struct Args {
    /// Configuration file.
    #[arg(long, default_value = "keeper.toml", env = "PLIMSOLL_KEEPER_CONFIG")]
    config: PathBuf,
    /// One round, then end.
    #[arg(long)]
    once: bool,
    /// Simulate, send nothing.
    #[arg(long)]
    dry_run: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into()),
        )
        .init();
    let args = Args::parse();
    let file = KeeperConfig::load(&args.config)?;
    let payer = read_keypair_file(&file.keypair).map_err(|error| {
        anyhow!(
            "cannot read the key pair {}: {error}",
            file.keypair.display()
        )
    })?;
    let connection = Connection::new(file.rpc_url.clone());
    let config = marks_config(&connection, &file, args.dry_run).await?;
    if args.once {
        let mut tally = Tally::default();
        marks::round(&connection, &config, &payer, &mut tally).await;
        println!("{tally:?}");
        return Ok(());
    }
    run_until_stopped(&connection, &config, &payer).await
}

/// Resolves the exchange from the first market, so that the file need not name it.
async fn marks_config(
    connection: &Connection,
    file: &KeeperConfig,
    dry_run: bool,
) -> Result<MarksConfig> {
    let program = match &file.program {
        Some(key) => key.parse().context("program")?,
        None => LOCALNET_PROGRAM_ID,
    };
    let markets = file
        .markets
        .iter()
        .map(|market| {
            let feeds = market.feeds.iter().map(|feed| feed.parse().context("feed"));
            Ok(MarketFeeds {
                market: market.address.parse().context("market")?,
                feeds: feeds.collect::<Result<_>>()?,
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let first = markets.first().context("no market")?.market;
    let header = connection.market(&first).await?.header;
    let exchange = Pubkey::from(header.exchange);
    let state = connection.exchange(&exchange).await?;
    let addresses = ExchangeAddresses {
        program,
        exchange,
        default_fund: Pubkey::from(state.default_fund),
        custody_authority: Pubkey::from(state.custody_authority),
        collateral_mint: Pubkey::from(state.collateral_mint),
        token_program: Pubkey::from(state.token_program),
    };
    let interval = Duration::from_millis(file.interval_ms);
    Ok(MarksConfig {
        addresses,
        markets,
        interval,
        priority_fee: file.priority_fee,
        dry_run,
    })
}

async fn run_until_stopped(
    connection: &Connection,
    config: &MarksConfig,
    payer: &Keypair,
) -> Result<()> {
    let (stop, stopped) = watch::channel(false);
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let role = marks::run(connection, config, payer, stopped);
    tokio::pin!(role);
    tokio::select! {
        _ = &mut role => anyhow::bail!("the marks role ended by itself"),
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
    // Ends after the round in flight: nothing that was sent goes unwatched.
    stop.send_replace(true);
    role.await;
    Ok(())
}
