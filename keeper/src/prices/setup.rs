//! From the configuration and the markets to a source, and to what is posted where.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{bail, Context, Result};
use plimsoll_client::MarketView;
use plimsoll_tapes::CsvTape;
use solana_pubkey::Pubkey;
use tokio::sync::mpsc;
use tracing::{info, warn};

use super::due::Posting;
use super::intake::{Prices, ACCOUNTS_MAX};
use super::post::{feed_address, Poster, Statement};
use super::{
    ApiKey, Board, Chain, FeedId, Hermes, HermesConfig, PriceFigures, PriceSource, Tape, TapeFeed,
};
use crate::config::{PricesConfig, TapeConfig};
use crate::marks::MarketFeeds;
use crate::mirror::Snapshot;

/// What the prices are set up for.
#[derive(Debug)]
pub struct Setting<'a> {
    pub config: &'a PricesConfig,
    pub markets: &'a [MarketFeeds],
    /// The markets' accounts, as the chain has them.
    pub accounts: &'a Snapshot,
    pub payer: Pubkey,
    pub figures: PriceFigures,
}

/// The feeds that the markets' parameters name.
fn feeds_of(market: &MarketFeeds, accounts: &Snapshot) -> Result<Vec<FeedId>> {
    let found = accounts
        .accounts
        .iter()
        .find(|(address, _)| *address == market.market);
    let Some((_, account)) = found else {
        warn!(market = %market.market, "there is no such market: its prices are not followed");
        return Ok(Vec::new());
    };
    let view =
        MarketView::decode(&account.data).with_context(|| format!("market {}", market.market))?;
    let params = &view.header.params;
    let feeds = params.feed_ids.iter().take(params.feeds_len.into());
    Ok(feeds.copied().collect())
}

/// The accounts in which statements are verified, for these markets.
pub fn statements<'a>(
    payer: &'a Pubkey,
    markets: &'a [MarketFeeds],
) -> impl Iterator<Item = Pubkey> + 'a {
    markets
        .iter()
        .map(|market| Statement::of(payer, &market.market).address)
}

impl Setting<'_> {
    /// The source that is configured, and what is posted of it.
    ///
    /// # Errors
    /// In a sentence: a key is missing, a tape cannot be read, a market's account is none.
    pub fn prices(&self) -> Result<Prices> {
        let mut feeds = BTreeSet::new();
        for market in self.markets {
            feeds.extend(feeds_of(market, self.accounts)?);
        }
        let board = Board::new(feeds.iter().copied(), self.figures.clone());
        let posting = self.config.post.then(|| self.posting(&feeds));
        let source: Box<dyn PriceSource> = match self.config.source.as_str() {
            "hermes" => Box::new(hermes(self.config)?),
            "tape" => Box::new(tape(self.config)?),
            _ => {
                let (send, accounts) = mpsc::channel(ACCOUNTS_MAX);
                let addresses = self
                    .markets
                    .iter()
                    .flat_map(|market| market.feeds.iter().copied());
                let prices = Prices::new(board, Box::new(Chain { accounts }), posting);
                return Ok(prices.seeing(addresses.collect(), send));
            }
        };
        info!(
            source = source.name(),
            feeds = feeds.len(),
            post = self.config.post,
            "prices"
        );
        Ok(Prices::new(board, source, posting))
    }

    /// Only accounts that a market is configured with are written: others would move no index.
    fn posting(&self, feeds: &BTreeSet<FeedId>) -> Posting {
        let shard = u16::try_from(self.config.shard).unwrap_or(u16::MAX);
        let accounts = feeds.iter().map(|feed| (*feed, feed_address(shard, feed)));
        let accounts: BTreeMap<FeedId, Pubkey> = accounts.collect();
        for (market, address) in self.markets.iter().flat_map(|market| {
            market
                .feeds
                .iter()
                .map(move |address| (market.market, address))
        }) {
            if !accounts.values().any(|posted| posted == address) {
                warn!(
                    %market, feed = %address, shard,
                    "not a feed's account of this shard: nothing is posted to it"
                );
            }
        }
        Posting {
            poster: Poster {
                payer: self.payer,
                shard,
            },
            accounts,
            interval_seconds: self.config.post_seconds_min,
            deviation_ppm: self.config.post_deviation_ppm,
        }
    }
}

/// What the configured source needs besides the configuration: a key, files.
///
/// # Errors
/// In a sentence, what is missing.
pub fn check(config: &PricesConfig) -> Result<()> {
    match config.source.as_str() {
        "hermes" => hermes(config).map(drop),
        "tape" => tape(config).map(drop),
        _ => Ok(()),
    }
}

fn hermes(config: &PricesConfig) -> Result<Hermes> {
    let key = ApiKey::from_environment()?;
    let mut hermes = HermesConfig::new(config.endpoint.clone(), key);
    hermes.silent = Duration::from_secs(config.silent_seconds);
    Hermes::new(hermes)
}

fn tape(config: &PricesConfig) -> Result<Tape> {
    let feeds = config.tapes.iter().map(tape_feed);
    let speed = u32::try_from(config.tape_speed).context("prices.tape_speed")?;
    Tape::new(feeds.collect::<Result<_>>()?, speed)
}

fn tape_feed(config: &TapeConfig) -> Result<TapeFeed> {
    let feed_id =
        parse_feed(&config.feed).with_context(|| format!("prices.tape: {}", config.feed))?;
    Ok(TapeFeed {
        feed_id,
        tape: CsvTape::open(&config.file)?,
    })
}

/// A feed's id as Pyth writes it: 64 hexadecimal digits, with or without `0x`.
///
/// # Errors
/// When it is anything else.
pub fn parse_feed(text: &str) -> Result<FeedId> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        bail!("no feed id: 64 hexadecimal digits are");
    }
    let mut feed_id = FeedId::default();
    for (place, byte) in feed_id.iter_mut().enumerate() {
        let from = place.saturating_mul(2);
        let pair = digits.get(from..from.saturating_add(2)).unwrap_or_default();
        *byte = u8::from_str_radix(pair, 16)?;
    }
    Ok(feed_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feed_ids_are_read_as_pyth_writes_them() {
        let text = "e62df6c8b4a85fe1a67db44dc12de5db330f7ac66b72dc658afedf0f4a415b43";
        let feed = parse_feed(text).expect("a feed");
        assert_eq!((feed[0], feed[31]), (0xe6, 0x43));
        assert_eq!(parse_feed(&format!("0x{text}")).ok(), Some(feed));
        assert_eq!(crate::prices::board::hex(&feed), text);
        for bad in [
            "",
            "0x",
            "e62d",
            &"g".repeat(64),
            &"+".repeat(64),
            &"é".repeat(32),
        ] {
            assert!(parse_feed(bad).is_err(), "{bad}");
        }
    }
}
