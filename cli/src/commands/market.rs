//! `plimsoll market`: list, show, grow, and refresh the mark.

use anyhow::{bail, Result};
use clap::Subcommand;
use plimsoll_client::engine::state::{
    MarketHeader, BLOCK_SIZE, GROWTH_SIZE_MAX, MARKET_HEADER_SIZE,
};
use plimsoll_client::instructions::{grow_market, refresh_mark};
use serde::Serialize;
use solana_signer::Signer;

use crate::markets::{self, state_of, ListedMarket};
use crate::output::{pairs, table};
use crate::session::Session;
use crate::setup::market_parameters;
use crate::traders::send;
use crate::units::{sol, usd_unsigned};

/// Subcommands of `plimsoll market`.
#[derive(Subcommand, Debug)]
pub(crate) enum MarketCommand {
    /// All markets with their prices
    List,
    /// State and parameters of a market
    Show {
        /// Symbol or address
        market: String,
    },
    /// Add room for seats and orders, 10,240 bytes a step
    Grow {
        /// Symbol or address
        market: String,
        /// Steps of 80 blocks
        #[arg(long, default_value_t = 1)]
        steps: u32,
    },
    /// Bring the newest prices into index and mark; anyone may
    Refresh {
        /// Symbol or address
        market: String,
    },
}

pub(crate) async fn run(session: &Session, command: MarketCommand) -> Result<()> {
    match command {
        MarketCommand::List => list(session).await,
        MarketCommand::Show { market } => show(session, &market).await,
        MarketCommand::Grow { market, steps } => grow(session, &market, steps).await,
        MarketCommand::Refresh { market } => refresh(session, &market).await,
    }
}

/// A market's moving figures.
#[derive(Serialize)]
struct MarketShown {
    symbol: String,
    market: String,
    mark_account: String,
    state: &'static str,
    index: Option<String>,
    index_age_seconds: Option<i64>,
    mark: Option<String>,
    last_trade: Option<String>,
    open_interest: String,
    lot_size: String,
    tick_size: String,
    seats: u32,
    orders: u32,
    blocks_free: u32,
    blocks: u32,
    pool_usd: String,
    fees_accrued_usd: String,
    price_accounts: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parameters: Vec<(&'static str, String)>,
}

fn shown(market: &ListedMarket, now: i64) -> MarketShown {
    let (header, units) = (&market.header, market.units());
    let prices = &header.prices;
    let price = |value: u64| (value != 0).then(|| units.price_q32(value));
    MarketShown {
        symbol: market.symbol(),
        market: market.address.to_string(),
        mark_account: solana_pubkey::Pubkey::from(header.mark_account).to_string(),
        state: state_of(header, now),
        index: price(prices.index),
        index_age_seconds: (prices.index != 0).then(|| now.saturating_sub(prices.index_time)),
        mark: price(prices.mark),
        last_trade: (prices.last_trade_ticks != 0).then(|| units.price(prices.last_trade_ticks)),
        open_interest: units.position(i64::try_from(header.open_interest()).unwrap_or(i64::MAX)),
        lot_size: units.lot_size(),
        tick_size: units.tick_size(),
        seats: header.arena.seats,
        orders: header.arena.orders,
        blocks_free: blocks_free(header),
        blocks: header.arena.capacity,
        pool_usd: usd_unsigned(header.cash.pool),
        fees_accrued_usd: usd_unsigned(header.cash.fees_accrued),
        price_accounts: market
            .feeds()
            .iter()
            .map(|feed| feed.account.to_string())
            .collect(),
        parameters: Vec::new(),
    }
}

/// Blocks that no seat has reserved; block 0 is never given out.
fn blocks_free(header: &MarketHeader) -> u32 {
    let arena = &header.arena;
    arena
        .capacity
        .saturating_sub(1)
        .saturating_sub(arena.reserved_blocks)
}

async fn list(session: &Session) -> Result<()> {
    let now = session.connection.chain_time().await?;
    let markets = markets::list(session).await?;
    let all: Vec<MarketShown> = markets.iter().map(|market| shown(market, now)).collect();
    session.output.result(&all, || {
        let or_dash = |value: &Option<String>| value.clone().unwrap_or_else(|| "–".into());
        let rows = all.iter().map(|market| {
            [
                market.symbol.clone(),
                market.state.to_owned(),
                or_dash(&market.index),
                or_dash(&market.mark),
                or_dash(&market.last_trade),
                market.open_interest.clone(),
                market.orders.to_string(),
                market.market.clone(),
            ]
        });
        let header = [
            "market",
            "state",
            "index",
            "mark",
            "last trade",
            "open interest",
            "orders",
            "address",
        ];
        table(&header, rows)
    })
}

async fn show(session: &Session, name: &str) -> Result<()> {
    let now = session.connection.chain_time().await?;
    let market = markets::find(session, name).await?;
    let mut shown = shown(&market, now);
    shown.parameters = market_parameters(&market.header.params);
    session.output.result(&shown, || text(&shown))
}

fn text(shown: &MarketShown) -> String {
    let or_dash = |value: &Option<String>| value.clone().unwrap_or_else(|| "–".into());
    let age = shown
        .index_age_seconds
        .map_or(String::new(), |age| format!(" ({age} s old)"));
    let state = pairs([
        ("market", shown.symbol.clone()),
        ("address", shown.market.clone()),
        ("mark account", shown.mark_account.clone()),
        ("price accounts", shown.price_accounts.join(", ")),
        ("state", shown.state.to_owned()),
        ("index", format!("{}{age}", or_dash(&shown.index))),
        ("mark", or_dash(&shown.mark)),
        ("last trade", or_dash(&shown.last_trade)),
        ("open interest", shown.open_interest.clone()),
        (
            "seats, orders",
            format!("{}, {}", shown.seats, shown.orders),
        ),
        (
            "blocks",
            format!("{} of {} free", shown.blocks_free, shown.blocks),
        ),
        ("pool", format!("{} USDC", shown.pool_usd)),
        (
            "fees, not swept",
            format!("{} USDC", shown.fees_accrued_usd),
        ),
    ]);
    let parameters = shown.parameters.iter();
    let parameters = pairs(parameters.map(|(name, value)| (*name, value.clone())));
    format!("{state}\n\nparameters, as a cluster file writes them\n{parameters}")
}

#[derive(Serialize)]
struct Sent {
    market: String,
    signatures: Vec<String>,
}

async fn grow(session: &Session, name: &str, steps: u32) -> Result<()> {
    if steps == 0 {
        bail!("at least one step");
    }
    let market = markets::find(session, name).await?;
    let signer = session.signer()?;
    let rpc = session.connection.rpc();
    let blocks = usize::try_from(market.header.arena.capacity)?;
    let size = MARKET_HEADER_SIZE.saturating_add(blocks.saturating_mul(BLOCK_SIZE));
    let rent = |bytes| rpc.get_minimum_balance_for_rent_exemption(bytes);
    let step_rent = rent(size.saturating_add(GROWTH_SIZE_MAX))
        .await?
        .saturating_sub(rent(size).await?);
    session.output.confirm(&format!(
        "Add {} bytes to {} for {} SOL of rent, which does not come back?",
        u64::from(steps) * u64::try_from(GROWTH_SIZE_MAX)?,
        market.symbol(),
        sol(step_rent.saturating_mul(u64::from(steps)))
    ))?;
    let program = session.addresses()?.program;
    let mut signatures = Vec::new();
    for _ in 0..steps {
        let grow = grow_market(&program, signer.pubkey(), market.address, step_rent);
        let sent = send(session, "growing the market", &grow, &[&signer]).await?;
        signatures.push(sent.to_string());
    }
    let sent = Sent {
        market: market.symbol(),
        signatures,
    };
    session
        .output
        .result(&sent, || format!("{} grew by {steps} steps", sent.market))
}

async fn refresh(session: &Session, name: &str) -> Result<()> {
    let market = markets::find(session, name).await?;
    let signer = session.signer()?;
    let accounts: Vec<_> = market.feeds().iter().map(|feed| feed.account).collect();
    let refresh = refresh_mark(&session.addresses()?, market.address, &accounts);
    let signature = send(session, "refreshing the mark", &[refresh], &[&signer]).await?;
    let sent = Sent {
        market: market.symbol(),
        signatures: vec![signature.to_string()],
    };
    let header = session.connection.market(&market.address).await?.header;
    session.output.result(&sent, || {
        let units = market.units();
        format!(
            "{}: index {}, mark {}",
            sent.market,
            units.price_q32(header.prices.index),
            units.price_q32(header.prices.mark)
        )
    })
}
