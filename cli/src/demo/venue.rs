//! The exchange as the demo uses it: markets with their feeds, and one read of all of them.

use anyhow::{Context, Result};
use plimsoll_client::engine::state::{BLOCK_SIZE, MARKET_HEADER_SIZE};
use plimsoll_client::rpc::Connection;
use plimsoll_client::{ExchangeAddresses, MarketView};
use plimsoll_localnet::oracle::PriceFeed;
use solana_account_decoder_client_types::{UiAccountEncoding, UiDataSliceConfig};
use solana_client::rpc_config::RpcAccountInfoConfig;
use solana_commitment_config::CommitmentConfig;
use solana_pubkey::Pubkey;

use super::story::MARKETS;
use crate::localnet::price_feeds;
use crate::setup::SetupReport;
use crate::units::MarketUnits;

/// Blocks of an arena in the demo: a seat and its orders for every trader, many times over.
pub const ARENA_BLOCKS: u32 = 256;

/// One market.
#[derive(Clone, Debug)]
pub struct Listed {
    pub symbol: String,
    pub address: Pubkey,
    pub feed: PriceFeed,
    pub units: MarketUnits,
}

/// The exchange and its markets in the story's order.
#[derive(Clone, Debug)]
pub struct Venue {
    pub addresses: ExchangeAddresses,
    pub markets: Vec<Listed>,
}

impl Venue {
    pub fn of(report: &SetupReport) -> Result<Self> {
        let markets = MARKETS.into_iter().map(|story| {
            let symbol = story.symbol;
            let market = report.market(symbol);
            let market =
                market.with_context(|| format!("the cluster file has no market {symbol}"))?;
            let feed = price_feeds(market).into_iter().next();
            Ok(Listed {
                symbol: market.symbol.clone(),
                address: market.address,
                feed: feed.with_context(|| format!("market {symbol} has no feed"))?,
                units: market.units,
            })
        });
        Ok(Self {
            addresses: report.addresses,
            markets: markets.collect::<Result<_>>()?,
        })
    }

    /// All markets with what can be in use of their arenas, in one request.
    pub async fn read(&self, connection: &Connection) -> Result<Vec<MarketView>> {
        let keys: Vec<Pubkey> = self.markets.iter().map(|market| market.address).collect();
        let blocks = usize::try_from(ARENA_BLOCKS).unwrap_or(0);
        let config = RpcAccountInfoConfig {
            encoding: Some(UiAccountEncoding::Base64),
            data_slice: Some(UiDataSliceConfig {
                offset: 0,
                length: MARKET_HEADER_SIZE + blocks * BLOCK_SIZE,
            }),
            commitment: Some(CommitmentConfig::confirmed()),
            min_context_slot: None,
        };
        let found = connection
            .rpc()
            .get_multiple_ui_accounts_with_config(&keys, config)
            .await
            .context("the markets cannot be read")?;
        let decoded = found.value.into_iter().map(|account| {
            let data = account.and_then(|account| account.data.decode());
            let data = data.context("a market is missing")?;
            Ok(MarketView::decode(&data)?)
        });
        decoded.collect()
    }
}
