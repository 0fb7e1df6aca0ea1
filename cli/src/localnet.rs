//! A localnet that is ready to trade on: an embedded chain with the program deployed through the real
//! loader, a test mint, the markets of a cluster file and a first price in every price account.

use std::path::PathBuf;

use anyhow::{ensure, Context, Result};
use plimsoll_client::instructions::refresh_mark;
use plimsoll_client::rpc::{Connection, SendOptions};
use plimsoll_localnet::deploy::{deploy, DeployProgress, DeployRequest};
use plimsoll_localnet::faucet::Faucet;
use plimsoll_localnet::oracle::PriceFeed;
use plimsoll_localnet::prices::{PricePoint, CONF_PPM_MIN};
use plimsoll_localnet::{Localnet, LocalnetConfig};
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::artifact::find_artifact;
use crate::cluster::ClusterConfig;
use crate::keys;
use crate::setup::{self, MarketInfo, SetupReport};

/// What a localnet is started with.
#[derive(Debug)]
pub(crate) struct BootOptions {
    pub(crate) config: ClusterConfig,
    /// Ports, slot time, accounts that are funded with SOL from the first block on.
    pub(crate) validator: LocalnetConfig,
    /// Bytecode; `None` finds the committed one ([`find_artifact`]).
    pub(crate) artifact: Option<PathBuf>,
}

/// A localnet with everything set up. Dropping it ends the chain.
#[derive(Debug)]
pub(crate) struct RunningLocalnet {
    pub(crate) localnet: Localnet,
    pub(crate) connection: Connection,
    pub(crate) report: SetupReport,
    /// Authority, payer and minter; everybody has its key.
    pub(crate) authority: Keypair,
    /// Mints test USDC.
    pub(crate) faucet: Faucet,
}

impl RunningLocalnet {
    /// Stops the chain; both ports are free when this returns.
    pub(crate) fn stop(self) -> Result<()> {
        self.localnet.stop()
    }

    /// Refreshes a market's mark from its price accounts and waits for it.
    pub(crate) async fn refresh(&self, market: &MarketInfo) -> Result<()> {
        let accounts: Vec<_> = market.feeds.iter().map(|feed| feed.account).collect();
        let instruction = refresh_mark(&self.report.addresses, market.address, &accounts);
        self.connection
            .send(&[instruction], &[&self.authority], SendOptions::default())
            .await
            .with_context(|| format!("the mark of {} cannot be refreshed", market.symbol))?;
        Ok(())
    }
}

/// Starts the chain, deploys the program, sets everything up, and posts each market's start price.
/// `progress` receives one sentence before each step.
pub(crate) async fn boot(
    options: BootOptions,
    progress: &mut (dyn FnMut(&str) + Send),
) -> Result<RunningLocalnet> {
    let (localnet, authority) = start(&options, progress).await?;
    let connection = Connection::new(localnet.rpc_url());
    let config = &options.config;
    let report = setup::apply(&connection, config, &authority, &authority, progress).await?;
    finish(localnet, authority, report).await
}

/// The same without the exchange: only the program, the test mint and price accounts. What a set-up
/// finds on a cluster that nobody has set up yet.
pub(crate) async fn boot_bare(
    options: BootOptions,
    progress: &mut (dyn FnMut(&str) + Send),
) -> Result<RunningLocalnet> {
    let (localnet, authority) = start(&options, progress).await?;
    let report = setup::expected(&options.config, &authority, &authority)?;
    finish(localnet, authority, report).await
}

/// A chain with the program on it.
async fn start(
    options: &BootOptions,
    progress: &mut (dyn FnMut(&str) + Send),
) -> Result<(Localnet, Keypair)> {
    let config = &options.config;
    ensure!(
        config.published_keys,
        "cluster {} is no localnet: its keys are not published",
        config.name
    );
    let program = keys::localnet_program()?;
    ensure!(
        config.program()? == program.pubkey(),
        "[program]: `id` must be the localnet's, {}",
        program.pubkey()
    );
    let path = options.artifact.clone().map_or_else(find_artifact, Ok)?;
    let bytes = std::fs::read(&path)
        .with_context(|| format!("the program {} cannot be read", path.display()))?;
    let authority = keys::localnet_authority()?;
    let validator = options.validator.clone().funding(authority.pubkey());
    progress("starting the chain");
    let localnet = tokio::task::spawn_blocking(|| Localnet::start(validator)).await??;
    deploy_program(&localnet.rpc_url(), &authority, &program, &bytes, progress).await?;
    Ok((localnet, authority))
}

async fn finish(
    localnet: Localnet,
    authority: Keypair,
    report: SetupReport,
) -> Result<RunningLocalnet> {
    let url = localnet.rpc_url();
    let faucet = Faucet::create(&url, &authority, &keys::test_mint(&authority)).await?;
    let running = RunningLocalnet {
        localnet,
        connection: Connection::new(url),
        report,
        authority,
        faucet,
    };
    post_start_prices(&running)?;
    Ok(running)
}

async fn deploy_program(
    url: &str,
    authority: &Keypair,
    program: &Keypair,
    bytes: &[u8],
    progress: &mut (dyn FnMut(&str) + Send),
) -> Result<()> {
    progress(&format!(
        "deploying the program {} ({} bytes)",
        program.pubkey(),
        bytes.len()
    ));
    let request = DeployRequest {
        rpc_url: url,
        payer: authority,
        program,
        upgrade_authority: authority,
        program_bytes: bytes,
    };
    let on_progress = |step: DeployProgress| tracing::debug!(?step, "deploying");
    deploy(&request, on_progress).await?;
    Ok(())
}

/// Gives every price account its market's start price, published at the chain's present second.
fn post_start_prices(running: &RunningLocalnet) -> Result<()> {
    let oracle = running.localnet.oracle();
    let now = running.localnet.clock().now();
    for market in &running.report.markets {
        if market.start_price_e8 == 0 {
            continue;
        }
        let point = PricePoint {
            unix_seconds: now,
            price_e8: i64::try_from(market.start_price_e8)?,
            conf_e8: market.start_price_e8 * CONF_PPM_MIN / 1_000_000,
        };
        for mut feed in price_feeds(market) {
            let update = feed.publish(&point, now);
            oracle.post(&feed.address(), &update)?;
        }
    }
    Ok(())
}

/// The market's feeds, ready to publish from.
pub(crate) fn price_feeds(market: &MarketInfo) -> Vec<PriceFeed> {
    let feeds = market.feeds.iter();
    feeds
        .map(|feed| PriceFeed::new(feed.account, feed.id))
        .collect()
}
