//! What of the outside prices is to be posted: pure, by the engine's own refresh.
//!
//! The prices are put where the chain would have them and the market is refreshed with them in a copy. That says
//! whether posting would move the index, by how much, and whether the market would trip.

use std::collections::BTreeMap;

use plimsoll_client::instructions::refresh_mark;
use plimsoll_engine::halt::{self, Cause};
use plimsoll_engine::index::{
    aggregate, decode_price_update, FeedInput, PRICE_UPDATE_DISCRIMINATOR, PRICE_UPDATE_SIZE,
    PYTH_RECEIVER,
};
use plimsoll_engine::mark::{self, BookTop};
use plimsoll_engine::math::{seconds_since, PPM};
use plimsoll_engine::state::{MarketHeader, MarketStatus};
use plimsoll_engine::EngineError;
use solana_pubkey::Pubkey;
use tracing::debug;

use super::accumulator::{Message, Price};
use super::post::{Poster, Proven, Statement};
use super::{FeedId, Observation, Signed};
use crate::decide::{state_of, Action, Danger, Key, Kind, Signer, Tier};
use crate::marks::MarketFeeds;
use crate::mirror::{ChainClock, Mirror};

/// When a price is worth its fees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posting {
    pub poster: Poster,
    /// The accounts that are written, by feed.
    pub accounts: BTreeMap<FeedId, Pubkey>,
    /// Seconds at least between the publish times of two posted prices, unless the market would trip.
    pub interval_seconds: u64,
    /// Move of the index from which a price is posted before the index is old.
    pub deviation_ppm: u64,
}

/// The newest observation of each feed.
pub type Latest = BTreeMap<FeedId, Observation>;

/// A price account's bytes, either those on chain or those that posting would make.
struct Input {
    address: Pubkey,
    owner: [u8; 32],
    data: Vec<u8>,
}

impl Input {
    fn as_feed(&self) -> FeedInput<'_> {
        FeedInput {
            owner: self.owner,
            data: &self.data,
        }
    }
}

/// The posts that are due, one a market at most.
pub fn due(
    (mirror, clock): (&Mirror, &ChainClock),
    markets: &[MarketFeeds],
    posting: &Posting,
    latest: &Latest,
) -> Vec<Action> {
    let markets = markets.iter();
    markets
        .filter_map(|market| market_due((mirror, clock), market, posting, latest))
        .collect()
}

fn market_due(
    (mirror, clock): (&Mirror, &ChainClock),
    market: &MarketFeeds,
    posting: &Posting,
    latest: &Latest,
) -> Option<Action> {
    let header = &mirror.market(&market.market)?.header;
    if header.status == MarketStatus::WoundUp.byte() {
        return None;
    }
    let newer = newer(mirror, market, posting, latest);
    let (vaa, published) = newer
        .iter()
        .max_by_key(|(seen, _)| seen.publish_time)
        .map(|(seen, signed)| (signed.vaa.clone(), seen.publish_time))?;
    // One VAA proves one post; another's prices have their turn next.
    let proven: Vec<Proven<'_>> = newer
        .iter()
        .filter(|(_, signed)| signed.vaa == vaa)
        .map(|(seen, signed)| Proven {
            feed_id: seen.feed_id,
            signed,
        })
        .collect();
    let inputs = inputs(mirror, (header, market), posting, &proven, clock);
    let moved = worth(header, clock, posting, published, &inputs)?;
    let addresses: Vec<Pubkey> = inputs.iter().map(|input| input.address).collect();
    let refresh = refresh_mark(mirror.addresses(), market.market, &addresses);
    let statement = Statement::of(&posting.poster.payer, &market.market);
    let left_over = mirror.feed(&statement.address).is_some();
    let built =
        posting
            .poster
            .instructions(&market.market, (&vaa, &proven), left_over, Some(refresh));
    Some(Action {
        key: Key {
            subject: market.market,
            kind: Kind::PostPrice,
        },
        danger: Danger {
            tier: Tier::Price,
            amount: moved,
        },
        signer: Signer::Payer,
        state: state_of(&(published, header.prices.feed_times)),
        instructions: built.ok()?,
    })
}

/// The market's signed observations that are newer than what its accounts on chain say.
fn newer<'a>(
    mirror: &Mirror,
    market: &MarketFeeds,
    posting: &Posting,
    latest: &'a Latest,
) -> Vec<(&'a Observation, &'a Signed)> {
    let ours = posting
        .accounts
        .iter()
        .filter(|(_, address)| market.feeds.contains(address));
    let newer = ours.filter_map(|(feed_id, address)| {
        let seen = latest.get(feed_id)?;
        let signed = seen.signed.as_ref()?;
        let posted = mirror
            .feed(address)
            .and_then(|account| decode_price_update(&account.data).ok());
        let is_newer = posted.is_none_or(|posted| seen.publish_time > posted.publish_time);
        is_newer.then_some((seen, signed))
    });
    newer.collect()
}

/// The market's price accounts as posting would leave them, those that a refresh would refuse left out.
fn inputs(
    mirror: &Mirror,
    (header, market): (&MarketHeader, &MarketFeeds),
    posting: &Posting,
    proven: &[Proven<'_>],
    clock: &ChainClock,
) -> Vec<Input> {
    let all = market.feeds.iter().filter_map(|address| {
        let posted = proven
            .iter()
            .find(|proven| posting.accounts.get(&proven.feed_id) == Some(address))
            .and_then(|proven| as_posted(proven.signed, clock.slot));
        let input = match (posted, mirror.feed(address)) {
            (Some(data), _) => Input {
                address: *address,
                owner: PYTH_RECEIVER,
                data,
            },
            (None, Some(account)) => Input {
                address: *address,
                owner: account.owner.to_bytes(),
                data: account.data.clone(),
            },
            (None, None) => return None,
        };
        let alone = aggregate(
            &header.params,
            &header.prices,
            &[input.as_feed()],
            clock.now,
        );
        matches!(alone, Ok(_) | Err(EngineError::FeedsDisagree)).then_some(input)
    });
    all.collect()
}

/// By how much the index would move, ppm, if that is worth posting now.
fn worth(
    header: &MarketHeader,
    clock: &ChainClock,
    posting: &Posting,
    published: i64,
    inputs: &[Input],
) -> Option<u64> {
    let mut trial = *header;
    let feeds: Vec<FeedInput<'_>> = inputs.iter().map(Input::as_feed).collect();
    let refreshed = mark::refresh(&mut trial, &feeds, BookTop::default(), &clock.env()).ok()?;
    if !refreshed.index_advanced {
        return None;
    }
    let before = &header.prices;
    let distance = u128::from(refreshed.index.abs_diff(before.index)).saturating_mul(PPM.into());
    let moved = distance.checked_div(u128::from(before.index));
    let moved = moved.map_or(u64::MAX, |moved| u64::try_from(moved).unwrap_or(u64::MAX));
    let outside = refreshed.outside_short_band.index || refreshed.outside_long_band.index;
    if outside && halt::may_trip(header, Cause::Index, clock.now) {
        debug!(moved, "the market would trip");
        return Some(moved);
    }
    let since = seconds_since(published, before.index_time);
    let age = seconds_since(clock.now, before.index_time);
    let old = age.saturating_mul(2) >= u64::from(header.params.index_age_seconds_max);
    let worth = since >= posting.interval_seconds && (moved >= posting.deviation_ppm || old);
    worth.then_some(moved)
}

/// The bytes of the account in which a message stands, fully verified, as of `slot`.
fn as_posted(signed: &Signed, slot: u64) -> Option<Vec<u8>> {
    let message = Message {
        bytes: signed.message.clone(),
        proof: Vec::new(),
    };
    let price: Price = message.price().ok()??;
    let mut data = PRICE_UPDATE_DISCRIMINATOR.to_vec();
    data.extend([0; 32]);
    data.push(1);
    data.extend(price.feed_id);
    data.extend(price.price.to_le_bytes());
    data.extend(price.confidence.to_le_bytes());
    data.extend(price.exponent.to_le_bytes());
    data.extend(price.publish_time.to_le_bytes());
    data.extend(price.previous_publish_time.to_le_bytes());
    data.extend(price.ema_price.to_le_bytes());
    data.extend(price.ema_confidence.to_le_bytes());
    data.extend(slot.to_le_bytes());
    data.resize(PRICE_UPDATE_SIZE, 0);
    Some(data)
}

#[cfg(test)]
mod tests;
