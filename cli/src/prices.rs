//! What moves the prices of a localnet: recorded tapes at any speed, random walks for the markets that
//! have none, and walks for all of them when the tapes end.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{bail, ensure, Context, Result};
use plimsoll_localnet::oracle::PriceFeed;
use plimsoll_localnet::prices::{CsvTape, PriceSource, SyntheticConfig, SyntheticWalk};
use plimsoll_localnet::{Pace, TapeFeed, TapePlayer};

use crate::cluster::ClusterConfig;
use crate::localnet::{price_feeds, RunningLocalnet};
use crate::setup::MarketInfo;

/// Wall time between two looks at a walk, and the longest between two steps of a tape.
const STEP: Duration = Duration::from_secs(1);
/// The shortest time between two steps of a tape: a few a block.
const STEP_MIN: Duration = Duration::from_millis(100);

/// What drives the prices.
#[derive(Clone, Debug, Default)]
pub(crate) struct PriceOptions {
    /// Markets with a recorded tape.
    pub(crate) tapes: Vec<(String, PathBuf)>,
    /// Tape seconds for each second of the wall clock.
    pub(crate) speed: u32,
    /// First second of the tapes, Unix seconds; `None`: where all of them have begun.
    pub(crate) from: Option<i64>,
    /// Seed of the walks.
    pub(crate) seed: u64,
}

/// Reads `AVAX=data/avax_spot_coinbase_1s.csv`.
pub(crate) fn parse_tape(text: &str) -> Result<(String, PathBuf)> {
    match text.split_once('=') {
        Some((market, path)) if !market.is_empty() && !path.is_empty() => {
            Ok((market.to_owned(), PathBuf::from(path)))
        }
        _ => bail!("{text:?} is not MARKET=FILE"),
    }
}

/// Lets each market with a tape start at its tape's price, so that the first refresh sees no jump.
pub(crate) fn start_at_tapes(config: &mut ClusterConfig, options: &PriceOptions) -> Result<()> {
    for (symbol, path) in &options.tapes {
        let tape = CsvTape::open(path)?;
        let from = options.from.unwrap_or_else(|| tape.tape_start());
        let points = tape.points();
        let before = points.iter().rfind(|point| point.unix_seconds <= from);
        let start = before.or(points.first()).context("an empty tape")?;
        let mut markets = config.markets.iter_mut();
        let market = markets.find(|market| market.symbol.eq_ignore_ascii_case(symbol));
        let market =
            market.with_context(|| format!("there is no market {symbol:?} for the tape"))?;
        market.start_price_e8 = u64::try_from(start.price_e8)?;
    }
    Ok(())
}

/// Drives the prices until the future is dropped. `progress` is told when the tapes end.
pub(crate) async fn drive(
    running: &RunningLocalnet,
    options: &PriceOptions,
    progress: &mut (dyn FnMut(&str) + Send),
) -> Result<()> {
    let mut last = running.report.markets.iter().map(start_price).collect();
    if !options.tapes.is_empty() {
        last = play_tapes(running, options, last, progress).await?;
    }
    walk(running, options.seed, &last).await
}

fn start_price(market: &MarketInfo) -> i64 {
    i64::try_from(market.start_price_e8).unwrap_or(0)
}

/// Plays the tapes once; returns each market's last price.
async fn play_tapes(
    running: &RunningLocalnet,
    options: &PriceOptions,
    mut last: Vec<i64>,
    progress: &mut (dyn FnMut(&str) + Send),
) -> Result<Vec<i64>> {
    let markets = &running.report.markets;
    let tapes = open_tapes(markets, &options.tapes)?;
    let starts = tapes.iter().flatten().map(PriceSource::tape_start);
    let ends = tapes.iter().flatten().filter_map(PriceSource::tape_end);
    let begun = starts.max().context("no tape")?;
    let tape_end = ends.min().context("no tape")?;
    let tape_start = options.from.unwrap_or(begun);
    ensure!(
        (begun..tape_end).contains(&tape_start),
        "the tapes run from {begun} to {tape_end}, and {tape_start} is not within"
    );
    let mut feeds = Vec::new();
    for (position, (market, tape)) in markets.iter().zip(tapes).enumerate() {
        let start = last.get(position).copied().unwrap_or(0);
        for feed in price_feeds(market) {
            feeds.push(TapeFeed {
                feed,
                source: source(&tape, seed_of(options.seed, position), tape_start, start)?,
            });
        }
    }
    let addresses: Vec<_> = feeds.iter().map(|feed| feed.feed.address()).collect();
    let owner_of: Vec<usize> = markets
        .iter()
        .enumerate()
        .flat_map(|(position, market)| std::iter::repeat_n(position, market.feeds.len()))
        .collect();
    let mut player = TapePlayer::new(&running.localnet, tape_start, feeds)?;
    let pace = Pace {
        tape_start,
        tape_end,
        speed: options.speed,
        step: (STEP / options.speed.max(1)).clamp(STEP_MIN, STEP),
    };
    player
        .play(pace, |_, played| {
            for price in played {
                let feed = addresses.iter().position(|feed| *feed == price.address);
                let market = feed.and_then(|feed| owner_of.get(feed));
                if let Some(known) = market.and_then(|market| last.get_mut(*market)) {
                    *known = price.point.price_e8;
                }
            }
        })
        .await?;
    progress("the tapes have ended; prices go on as random walks");
    Ok(last)
}

/// The tape of each market, in the markets' order.
fn open_tapes(markets: &[MarketInfo], named: &[(String, PathBuf)]) -> Result<Vec<Option<CsvTape>>> {
    let mut tapes: Vec<Option<CsvTape>> = vec![None; markets.len()];
    for (symbol, path) in named {
        let position = markets
            .iter()
            .position(|market| market.symbol.eq_ignore_ascii_case(symbol));
        let place = position.and_then(|position| tapes.get_mut(position));
        *place.with_context(|| format!("there is no market {symbol:?} for the tape"))? =
            Some(CsvTape::open(path)?);
    }
    Ok(tapes)
}

fn source(
    tape: &Option<CsvTape>,
    seed: u64,
    tape_start: i64,
    price_e8: i64,
) -> Result<Box<dyn PriceSource>> {
    Ok(match tape {
        Some(tape) => Box::new(tape.clone()),
        None => Box::new(SyntheticWalk::new(SyntheticConfig::ordinary(
            seed, tape_start, price_e8,
        ))?),
    })
}

/// Different markets walk differently.
fn seed_of(seed: u64, market: usize) -> u64 {
    seed.wrapping_add(u64::try_from(market).unwrap_or(0))
}

/// One market's walk and where it is published.
struct Walk {
    feeds: Vec<PriceFeed>,
    source: SyntheticWalk,
}

/// Walks in the chain's own time, for ever.
async fn walk(running: &RunningLocalnet, seed: u64, prices: &[i64]) -> Result<()> {
    let clock = running.localnet.clock();
    let oracle = running.localnet.oracle();
    let begin = clock.now().saturating_add(1);
    let mut walks = Vec::new();
    for (position, (market, price)) in running.report.markets.iter().zip(prices).enumerate() {
        ensure!(
            *price > 0,
            "market {:?} has no `start_price` for its random walk",
            market.symbol
        );
        let config = SyntheticConfig::ordinary(seed_of(seed, position), begin, *price);
        walks.push(Walk {
            feeds: price_feeds(market),
            source: SyntheticWalk::new(config)?,
        });
    }
    let mut steps = tokio::time::interval(STEP);
    loop {
        steps.tick().await;
        let now = clock.now();
        for walk in &mut walks {
            let Some(point) = walk.source.next_until(now).pop() else {
                continue;
            };
            for feed in &mut walk.feeds {
                let update = feed.publish(&point, point.unix_seconds);
                oracle.post(&feed.address(), &update)?;
            }
        }
    }
}
