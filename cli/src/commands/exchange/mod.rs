//! `plimsoll exchange`: what the exchange is and what it holds, and moving its own money where it belongs.

mod custody;

use anyhow::{Context, Result};
use clap::Subcommand;
use plimsoll_client::engine::state::{DefaultFund, Exchange};
use serde::Serialize;
use solana_pubkey::Pubkey;

use super::setup::SetupArgs;
use crate::output::pairs;
use crate::session::Session;
use crate::units::{percent, usd_unsigned};

/// Subcommands of `plimsoll exchange`.
#[derive(Subcommand, Debug)]
pub(crate) enum ExchangeCommand {
    /// Addresses, timelocks, fee split and funds
    Show,
    /// The same as `plimsoll setup`
    Setup(SetupArgs),
    /// Pay the treasury's swept fees, USDC, to its token account; anyone may
    CollectTreasury(custody::CollectArgs),
    /// Move USDC from a fuller custody shard to an emptier one; anyone may
    Rebalance(custody::RebalanceArgs),
}

pub(crate) async fn run(session: &Session, command: ExchangeCommand) -> Result<()> {
    match command {
        ExchangeCommand::Show => show(session).await,
        ExchangeCommand::Setup(args) => super::setup::run(session, args).await,
        ExchangeCommand::CollectTreasury(args) => custody::collect(session, &args).await,
        ExchangeCommand::Rebalance(args) => custody::rebalance(session, &args).await,
    }
}

#[derive(Serialize)]
struct ExchangeShown {
    cluster: String,
    url: String,
    program: String,
    exchange: String,
    collateral_mint: String,
    authority: String,
    /// To whom the authority is offered.
    authority_offered_to: Option<String>,
    guardian: String,
    treasury: String,
    default_fund: String,
    custody_authority: String,
    custody_shards: Vec<String>,
    /// What each of them holds.
    custody_shards_usd: Vec<String>,
    markets: u32,
    timelock_seconds: u32,
    timelock_tightening_seconds: u32,
    fee_split: String,
    default_fund_usd: String,
    keeper_pool_usd: String,
    treasury_usd: String,
}

async fn show(session: &Session) -> Result<()> {
    let addresses = session.addresses()?;
    let exchange = read(session).await?;
    let fund = session
        .connection
        .default_fund(&addresses.default_fund)
        .await?;
    let held: Vec<u64> = custody::shards(session, &exchange)
        .await?
        .iter()
        .map(|shard| shard.held)
        .collect();
    let shown = shown(session, &addresses.exchange, &exchange, &fund, &held);
    session.output.result(&shown, || text(&shown))
}

/// The exchange, or what to do if there is none.
async fn read(session: &Session) -> Result<Exchange> {
    let address = session.addresses()?.exchange;
    let found = session.connection.exchange(&address).await;
    found.with_context(|| {
        format!(
            "the exchange is not on {}: `plimsoll setup` creates it",
            session.url
        )
    })
}

fn shown(
    session: &Session,
    address: &Pubkey,
    exchange: &Exchange,
    fund: &DefaultFund,
    held: &[u64],
) -> ExchangeShown {
    let key = |bytes: &[u8; 32]| Pubkey::from(*bytes).to_string();
    let ppm = |value: u32| percent(u64::from(value));
    let shards = exchange
        .custody_shards
        .iter()
        .take(usize::from(exchange.custody_shards_len));
    ExchangeShown {
        cluster: session.config.name.clone(),
        url: session.url.clone(),
        program: session
            .config
            .program
            .map(|program| program.to_string())
            .unwrap_or_default(),
        exchange: address.to_string(),
        collateral_mint: key(&exchange.collateral_mint),
        authority: key(&exchange.authority),
        authority_offered_to: (exchange.pending_authority != [0; 32])
            .then(|| key(&exchange.pending_authority)),
        guardian: key(&exchange.guardian),
        treasury: key(&exchange.treasury),
        default_fund: key(&exchange.default_fund),
        custody_authority: key(&exchange.custody_authority),
        custody_shards: shards.map(key).collect(),
        custody_shards_usd: held.iter().map(|held| usd_unsigned(*held)).collect(),
        markets: exchange.markets,
        timelock_seconds: exchange.timelock_seconds,
        timelock_tightening_seconds: exchange.timelock_tightening_seconds,
        fee_split: format!(
            "default fund {}, keeper pool {}, treasury {}",
            ppm(exchange.fee_default_fund_ppm),
            ppm(exchange.fee_keeper_pool_ppm),
            ppm(exchange.fee_treasury_ppm)
        ),
        default_fund_usd: usd_unsigned(fund.balance),
        keeper_pool_usd: usd_unsigned(fund.keeper_pool),
        treasury_usd: usd_unsigned(fund.treasury),
    }
}

fn text(shown: &ExchangeShown) -> String {
    let offered = shown.authority_offered_to.as_ref();
    let offered = offered.map_or(String::new(), |next| format!(", offered to {next}"));
    pairs([
        ("cluster", format!("{} at {}", shown.cluster, shown.url)),
        ("program", shown.program.clone()),
        ("exchange", shown.exchange.clone()),
        ("collateral mint", shown.collateral_mint.clone()),
        ("authority", format!("{}{offered}", shown.authority)),
        ("guardian", shown.guardian.clone()),
        ("treasury account", shown.treasury.clone()),
        (
            "custody shards",
            format!(
                "{}, holding {} USDC",
                shown.custody_shards.len(),
                shown.custody_shards_usd.join(", ")
            ),
        ),
        ("markets", shown.markets.to_string()),
        (
            "timelock",
            format!(
                "{} s, {} s for what only tightens new risk",
                shown.timelock_seconds, shown.timelock_tightening_seconds
            ),
        ),
        ("trading fees go to", shown.fee_split.clone()),
        ("default fund", format!("{} USDC", shown.default_fund_usd)),
        ("keeper pool", format!("{} USDC", shown.keeper_pool_usd)),
        (
            "treasury, not collected",
            format!("{} USDC", shown.treasury_usd),
        ),
    ])
}
