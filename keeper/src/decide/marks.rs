//! `marks`: a refresh where the price accounts bring a newer index, or where funding and the EMAs have waited.

use plimsoll_client::instructions::refresh_mark;
use plimsoll_engine::index::{aggregate, FeedInput, IndexUpdate};
use plimsoll_engine::math::seconds_since;
use plimsoll_engine::risk::index_is_fresh;
use plimsoll_engine::state::{MarketHeader, MarketStatus};
use plimsoll_engine::EngineError;
use solana_pubkey::Pubkey;

use super::{state_of, Action, Danger, Key, Kind, Marks, Scene, Signer, Tier};
use crate::marks::MarketFeeds;

/// The markets whose index or mark is to be refreshed.
pub(crate) fn due(scene: Scene<'_>, marks: &Marks) -> Vec<Action> {
    let markets = marks.markets.iter();
    markets
        .filter_map(|market| market_due(scene, market, marks.seconds_max))
        .collect()
}

fn market_due(scene: Scene<'_>, market: &MarketFeeds, seconds_max: u64) -> Option<Action> {
    let header = &scene.mirror.market(&market.market)?.header;
    if header.status == MarketStatus::WoundUp.byte() {
        return None;
    }
    let now = scene.clock.now;
    let mut feeds: Vec<(Pubkey, FeedInput<'_>)> = Vec::with_capacity(market.feeds.len());
    for address in &market.feeds {
        let Some(account) = scene.mirror.feed(address) else {
            continue;
        };
        let input = FeedInput {
            owner: account.owner.to_bytes(),
            data: &account.data,
        };
        // A feed that fails a guard fails the whole refresh: it is left out.
        let alone = aggregate(&header.params, &header.prices, &[input], now);
        if matches!(alone, Ok(_) | Err(EngineError::FeedsDisagree)) {
            feeds.push((*address, input));
        }
    }
    let inputs: Vec<FeedInput<'_>> = feeds.iter().map(|(_, input)| *input).collect();
    let update = aggregate(&header.params, &header.prices, &inputs, now).ok()?;
    let waited = seconds_since(now, header.prices.mark_time) >= seconds_max.max(1);
    let kept_up = waited && index_is_fresh(header, now);
    if !update.advanced && !kept_up {
        return None;
    }
    let addresses: Vec<Pubkey> = feeds.iter().map(|(address, _)| *address).collect();
    Some(Action {
        key: Key {
            subject: market.market,
            kind: Kind::RefreshMark,
        },
        danger: Danger {
            tier: Tier::Price,
            amount: moved_ppm(header, &update),
        },
        signer: Signer::Payer,
        state: state_of(&(update.feed_times, header.prices.mark_time)),
        instructions: vec![refresh_mark(
            scene.mirror.addresses(),
            market.market,
            &addresses,
        )],
    })
}

/// By how much the index would move, ppm of the present one; a first index counts as the largest move.
fn moved_ppm(header: &MarketHeader, update: &IndexUpdate) -> u64 {
    let moved = u128::from(update.index.abs_diff(header.prices.index)).saturating_mul(1_000_000);
    let ppm = moved.checked_div(u128::from(header.prices.index));
    ppm.map_or(u64::MAX, |ppm| u64::try_from(ppm).unwrap_or(u64::MAX))
}
