//! `plimsoll localnet`: a chain on the usual ports, with the exchange set up, prices moving and marks
//! refreshed, until Ctrl-C.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{bail, Result};
use clap::Args;
use plimsoll_client::rpc::Connection;
use plimsoll_keeper::marks::{self, MarketFeeds, MarksConfig};
use plimsoll_localnet::{HealthState, LocalnetConfig};
use serde::Serialize;
use tokio::sync::watch;

use crate::cluster::ClusterConfig;
use crate::localnet::{boot, boot_bare, BootOptions, RunningLocalnet};
use crate::output::{pairs, Output};
use crate::prices::{drive, parse_tape, start_at_tapes, PriceOptions};
use crate::session::GlobalArgs;

/// The slowest and the fastest that marks are refreshed.
const REFRESH: Duration = Duration::from_secs(1);
const REFRESH_MIN: Duration = Duration::from_millis(200);

/// Arguments of `plimsoll localnet`.
#[derive(Args, Debug)]
pub(crate) struct LocalnetArgs {
    /// Port of JSON-RPC; 0 takes a free one
    #[arg(long, default_value_t = 8_899)]
    rpc_port: u16,
    /// Port of the WebSocket; 0 takes a free one
    #[arg(long, default_value_t = 8_900)]
    ws_port: u16,
    /// Milliseconds from one block to the next
    #[arg(long, default_value_t = 400)]
    slot_ms: u64,
    /// Bytecode to deploy [default: artifacts/plimsoll.so]
    #[arg(long, value_name = "PATH")]
    program: Option<PathBuf>,
    /// Drive a market by a recorded tape; repeat for several. The others walk at random
    #[arg(long, value_name = "MARKET=FILE", value_parser = parse_tape)]
    tape: Vec<(String, PathBuf)>,
    /// Tape seconds for each second
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    speed: u32,
    /// Second of the tapes to begin at, Unix time
    #[arg(long, value_name = "SECONDS")]
    from: Option<i64>,
    /// Seed of the random walks
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Leave the prices as they start; they go stale
    #[arg(long, conflicts_with = "tape")]
    no_prices: bool,
    /// Leave the exchange to `plimsoll setup`: only the program, the test mint and the prices
    #[arg(long)]
    no_setup: bool,
    /// Leave refreshing the marks to a keeper
    #[arg(long)]
    no_refresh: bool,
}

pub(crate) async fn run(global: &GlobalArgs, args: LocalnetArgs) -> Result<()> {
    let output = global.output();
    let cluster = global.cluster.as_deref().unwrap_or("localnet");
    let mut config = ClusterConfig::load(cluster)?;
    start_at_tapes(&mut config, &price_options(&args))?;
    let options = BootOptions {
        config,
        validator: LocalnetConfig {
            rpc_port: args.rpc_port,
            ws_port: args.ws_port,
            slot_ms: args.slot_ms,
            ..LocalnetConfig::default()
        },
        artifact: args.program.clone(),
    };
    let mut progress = |sentence: &str| output.progress(sentence);
    let booted = async {
        if args.no_setup {
            boot_bare(options, &mut progress).await
        } else {
            boot(options, &mut progress).await
        }
    };
    let running = tokio::select! {
        booted = booted => booted?,
        stopped = stop_asked() => return stopped,
    };
    let ended = serve(&running, &args, output).await;
    let stopped = running.stop();
    output.progress("stopped");
    ended.and(stopped)
}

/// Runs what moves the chain until it is asked to stop or something fails.
async fn serve(running: &RunningLocalnet, args: &LocalnetArgs, output: Output) -> Result<()> {
    if !args.no_setup {
        for market in &running.report.markets {
            running.refresh(market).await?;
        }
    }
    let ready = Ready::of(running);
    output.result(&ready, || ready.text())?;
    let (stop, stopping) = watch::channel(false);
    let refreshing = (!args.no_refresh).then(|| {
        let connection = Connection::new(running.localnet.rpc_url());
        let payer = running.authority.insecure_clone();
        let config = marks_config(running, args.speed);
        tokio::spawn(async move {
            wait_for_markets(&connection, &config).await;
            marks::run(&connection, &config, &payer, stopping).await
        })
    });
    let ended = tokio::select! {
        driven = prices(running, args, output) => driven,
        failed = watch_health(running) => failed,
        stopped = stop_asked() => stopped,
    };
    let _ = stop.send(true);
    if let Some(mut refreshing) = refreshing {
        // A refresh that is under way may end; its outcome no longer matters.
        let _ = tokio::time::timeout(REFRESH, &mut refreshing).await;
        refreshing.abort();
    }
    ended
}

/// Marks can be refreshed once the last market is there, whoever sets it up.
async fn wait_for_markets(connection: &Connection, config: &MarksConfig) {
    let Some(last) = config.markets.last() else {
        return;
    };
    while connection.market(&last.market).await.is_err() {
        tokio::time::sleep(REFRESH).await;
    }
}

fn marks_config(running: &RunningLocalnet, speed: u32) -> MarksConfig {
    let markets = running.report.markets.iter().map(|market| MarketFeeds {
        market: market.address,
        feeds: market.feeds.iter().map(|feed| feed.account).collect(),
    });
    MarksConfig {
        addresses: running.report.addresses,
        markets: markets.collect(),
        interval: (REFRESH / speed.max(1)).clamp(REFRESH_MIN, REFRESH),
        priority_fee: 0,
        dry_run: false,
    }
}

fn price_options(args: &LocalnetArgs) -> PriceOptions {
    PriceOptions {
        tapes: args.tape.clone(),
        speed: args.speed,
        from: args.from,
        seed: args.seed,
    }
}

async fn prices(running: &RunningLocalnet, args: &LocalnetArgs, output: Output) -> Result<()> {
    if args.no_prices {
        return std::future::pending().await;
    }
    drive(running, &price_options(args), &mut |sentence: &str| {
        output.progress(sentence);
    })
    .await
}

async fn watch_health(running: &RunningLocalnet) -> Result<()> {
    loop {
        tokio::time::sleep(REFRESH).await;
        if let HealthState::Failed(reason) = running.localnet.health().state {
            bail!("the chain ended: {reason}");
        }
    }
}

/// Ctrl-C, or the signal by which a supervisor ends a service.
async fn stop_asked() -> Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{signal, SignalKind};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            pressed = tokio::signal::ctrl_c() => pressed?,
            _ = terminate.recv() => {}
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await?;
    Ok(())
}

/// What one needs to know to use the chain.
#[derive(Serialize)]
struct Ready {
    rpc_url: String,
    ws_url: String,
    program: String,
    exchange: String,
    collateral_mint: String,
    markets: Vec<(String, String)>,
}

impl Ready {
    fn of(running: &RunningLocalnet) -> Self {
        let addresses = &running.report.addresses;
        let markets = running.report.markets.iter();
        Self {
            rpc_url: running.localnet.rpc_url(),
            ws_url: running.localnet.ws_url(),
            program: addresses.program.to_string(),
            exchange: addresses.exchange.to_string(),
            collateral_mint: addresses.collateral_mint.to_string(),
            markets: markets
                .map(|market| (market.symbol.clone(), market.address.to_string()))
                .collect(),
        }
    }

    fn text(&self) -> String {
        let mut rows = vec![
            ("JSON-RPC".to_owned(), self.rpc_url.clone()),
            ("WebSocket".to_owned(), self.ws_url.clone()),
            ("program".to_owned(), self.program.clone()),
            ("exchange".to_owned(), self.exchange.clone()),
            ("test USDC".to_owned(), self.collateral_mint.clone()),
        ];
        let markets = self.markets.iter();
        rows.extend(markets.map(|(symbol, address)| (format!("market {symbol}"), address.clone())));
        format!(
            "{}\nReady. In another terminal: plimsoll faucet, plimsoll account create. Ctrl-C stops.",
            pairs(rows)
        )
    }
}
