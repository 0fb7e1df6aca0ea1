//! Brings a cluster into the state that its file describes, step by step.
//!
//! The plan is a pure comparison of what is wanted with what the chain has ([`plan`]). Applying it takes
//! the first missing step, sends one transaction, and reads the chain again; so a run that stopped
//! anywhere is resumed by running it again, two runs at once do no harm, and a second run finds nothing
//! to do. No file of state is needed: every address follows from the authority's key and the file.
//!
//! What exists and differs is reported and left alone: it may only be changed through the timelock.

mod address_book;
mod chain;
mod parameters;
mod plan;
mod steps;

use anyhow::{bail, ensure, Result};
use plimsoll_client::rpc::Connection;
use plimsoll_client::ExchangeAddresses;
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer;

use crate::cluster::ClusterConfig;
use crate::keys;
use crate::market_config::{feeds_of, Feed};
use crate::units::MarketUnits;

pub(crate) use address_book::{read_address_book, write_address_book, AddressBook};
pub(crate) use parameters::market_parameters;
pub(crate) use plan::{Action, Item, Plan, Step};

use chain::OnChain;

/// A market and how to speak of it.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "localnet"), allow(dead_code))]
pub(crate) struct MarketInfo {
    pub(crate) symbol: String,
    pub(crate) address: Pubkey,
    /// Feed ids and the price accounts that carry them.
    pub(crate) feeds: Vec<Feed>,
    /// Lots and ticks in the asset and in dollars.
    pub(crate) units: MarketUnits,
    /// Where a localnet's random walk starts, 10^-8 dollars; zero: not said.
    pub(crate) start_price_e8: u64,
}

/// What a cluster has after a set-up.
#[derive(Clone, Debug)]
pub(crate) struct SetupReport {
    pub(crate) addresses: ExchangeAddresses,
    /// In the order of the file.
    pub(crate) markets: Vec<MarketInfo>,
    /// Steps that this run took.
    pub(crate) steps_taken: usize,
    /// What exists and differs from the file.
    pub(crate) differences: Vec<Item>,
}

impl SetupReport {
    /// The market with this symbol, whatever the case of its letters.
    #[allow(dead_code, reason = "part of what the demo is written against")]
    pub(crate) fn market(&self, symbol: &str) -> Option<&MarketInfo> {
        self.markets
            .iter()
            .find(|market| market.symbol.eq_ignore_ascii_case(symbol))
    }
}

/// Everything that the steps of one set-up need.
#[derive(Debug)]
pub(crate) struct Target<'a> {
    pub(crate) config: &'a ClusterConfig,
    pub(crate) addresses: ExchangeAddresses,
    pub(crate) payer: &'a Keypair,
    pub(crate) authority: &'a Keypair,
    /// Keys of the markets in the order of the file.
    markets: Vec<Keypair>,
}

impl<'a> Target<'a> {
    /// Addresses and keys that follow from the file and the authority. An authority or a mint that the
    /// file names must be the one at hand.
    pub(crate) fn new(
        config: &'a ClusterConfig,
        payer: &'a Keypair,
        authority: &'a Keypair,
    ) -> Result<Self> {
        let signer = authority.pubkey();
        if let Some(named) = config.exchange.authority {
            ensure!(
                named == signer,
                "[exchange]: `authority` is {named}, and the key at hand is {signer}"
            );
        }
        let derived = keys::test_mint(authority).pubkey();
        let mint = match (config.mint, config.test_mint) {
            (Some(mint), true) if mint != derived => bail!(
                "[collateral]: `mint` is {mint}, and the test mint of {signer} is {derived}: write that or leave it empty"
            ),
            (Some(mint), _) => mint,
            (None, true) => derived,
            (None, false) => bail!("[collateral]: `mint` is empty; write the collateral's mint there"),
        };
        let addresses = config.addresses_with(&signer, mint)?;
        let markets = config
            .markets
            .iter()
            .map(|market| keys::market(authority, &addresses.exchange, &market.symbol))
            .collect();
        Ok(Self {
            config,
            addresses,
            payer,
            authority,
            markets,
        })
    }

    fn report(&self, steps_taken: usize, plan: &Plan) -> SetupReport {
        let markets = self
            .config
            .markets
            .iter()
            .zip(&self.markets)
            .map(|(market, key)| MarketInfo {
                symbol: market.symbol.clone(),
                address: key.pubkey(),
                feeds: feeds_of(&market.params),
                units: market.units(),
                start_price_e8: market.start_price_e8,
            });
        SetupReport {
            addresses: self.addresses,
            markets: markets.collect(),
            steps_taken,
            differences: plan.with(Action::Differs).cloned().collect(),
        }
    }
}

/// Reads the chain and says what is missing and what differs. Sends nothing.
pub(crate) async fn compare(connection: &Connection, target: &Target<'_>) -> Result<Plan> {
    let on_chain = OnChain::read(connection, target).await?;
    plan::plan(target, &on_chain)
}

/// What a cluster will have once its file is applied. Reads and sends nothing.
#[cfg(feature = "localnet")]
pub(crate) fn expected(
    config: &ClusterConfig,
    payer: &Keypair,
    authority: &Keypair,
) -> Result<SetupReport> {
    Ok(Target::new(config, payer, authority)?.report(0, &Plan::default()))
}

/// Takes every missing step and returns what the cluster then has. `progress` receives one sentence
/// before each step.
pub(crate) async fn apply(
    connection: &Connection,
    config: &ClusterConfig,
    payer: &Keypair,
    authority: &Keypair,
    progress: &mut (dyn FnMut(&str) + Send),
) -> Result<SetupReport> {
    let target = Target::new(config, payer, authority)?;
    let mut taken = 0;
    loop {
        let plan = compare(connection, &target).await?;
        let Some(item) = plan.with(Action::Create).next() else {
            return Ok(target.report(taken, &plan));
        };
        if taken == 0 {
            steps::require_funds(connection, &target, &plan).await?;
        }
        // Each step is seen on chain before the next; more rounds than steps mean that one did nothing.
        ensure!(
            taken < plan.items().len(),
            "{} was created and is still missing",
            item.subject
        );
        progress(&format!("creating {}: {}", item.subject, item.detail));
        steps::take(connection, &target, item.step).await?;
        taken += 1;
    }
}
