//! The index: the median of up to three Pyth feeds (spec §6).
//!
//! Decodes `PriceUpdateV2` accounts, guards each feed with an error of its own, and aggregates. Nothing
//! here writes to a market: [`aggregate`] is pure and [`IndexUpdate::apply`] writes its result. This
//! module must never repair an input: a feed that fails a guard fails the instruction, and callers choose
//! which feeds they pass.

use crate::error::{EngineError, Result};
use crate::math::{self, PPM};
use crate::params::MarketParams;
use crate::state::{PriceState, Pubkey, FEEDS_MAX};
use crate::units::PRICE_Q32_MAX;
use crate::Env;

#[cfg(test)]
pub(crate) mod tests;

/// `rec5EKMGg6MxZYaMdyBfgwp4d5rB9T1VQH5pJv5LtFJ`: the program that owns every price account.
pub const PYTH_RECEIVER: Pubkey = [
    0x0c, 0xb7, 0xfa, 0xbb, 0x52, 0xf7, 0xa6, 0x48, 0xbb, 0x5b, 0x31, 0x7d, 0x9a, 0x01, 0x8b, 0x90,
    0x57, 0xcb, 0x02, 0x47, 0x74, 0xfa, 0xfe, 0x01, 0xe6, 0xc4, 0xdf, 0x98, 0xcc, 0x38, 0x58, 0x81,
];

/// First eight bytes of sha256("account:PriceUpdateV2").
pub const PRICE_UPDATE_DISCRIMINATOR: [u8; 8] = [34, 241, 35, 99, 157, 126, 244, 205];

/// Bytes of a price account. One is left over at the end when the update is fully verified.
pub const PRICE_UPDATE_SIZE: usize = 134;

/// How far a publish time may lie ahead of the chain's clock, which is a median of validators' clocks in
/// whole seconds and runs a little late. It lengthens the life of a price by at most as much.
pub const CLOCK_SKEW_SECONDS_MAX: i64 = 5;

/// Decimals of the quote atom.
const QUOTE_DECIMALS: i64 = 6;

/// What an index takes from a price account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceUpdate {
    /// The guardians' full quorum signed; a partial verification is not used.
    pub fully_verified: bool,
    pub feed_id: Pubkey,
    /// USD per whole base asset, times 10^−exponent.
    pub price: i64,
    /// Confidence interval, in the unit of the price.
    pub confidence: u64,
    pub exponent: i32,
    /// Unix seconds.
    pub publish_time: i64,
    pub posted_slot: u64,
}

/// A price account as the program passes it on.
#[derive(Clone, Copy, Debug)]
pub struct FeedInput<'a> {
    pub owner: Pubkey,
    pub data: &'a [u8],
}

/// What an aggregation found: the index and the observations it used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexUpdate {
    /// Q.32; the market's old index when nothing advanced.
    pub index: u64,
    /// Oldest publish time that went into it.
    pub index_time: i64,
    /// Whether enough agreeing feeds were newer than those of the last update. If not, nothing changes.
    pub advanced: bool,
    /// As `PriceState` stores them.
    pub feed_times: [i64; FEEDS_MAX],
    pub feed_prices: [u64; FEEDS_MAX],
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    #[inline(always)]
    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (head, tail) = self
            .0
            .split_first_chunk()
            .ok_or(EngineError::FeedMalformed)?;
        self.0 = tail;
        Ok(*head)
    }
}

/// Decodes a Pyth `PriceUpdateV2` account, which is Borsh: the verification level is one byte when full
/// and two when partial, so nothing after it has a fixed offset.
///
/// # Errors
/// `FeedMalformed` for another length, discriminator or an unknown verification level.
pub fn decode_price_update(data: &[u8]) -> Result<PriceUpdate> {
    if data.len() != PRICE_UPDATE_SIZE {
        return Err(EngineError::FeedMalformed);
    }
    let mut reader = Reader(data);
    if reader.take::<8>()? != PRICE_UPDATE_DISCRIMINATOR {
        return Err(EngineError::FeedMalformed);
    }
    let _write_authority = reader.take::<32>()?;
    let fully_verified = match reader.take::<1>()? {
        [0] => {
            let _signatures = reader.take::<1>()?;
            false
        }
        [1] => true,
        _ => return Err(EngineError::FeedMalformed),
    };
    let feed_id = reader.take()?;
    let price = i64::from_le_bytes(reader.take()?);
    let confidence = u64::from_le_bytes(reader.take()?);
    let exponent = i32::from_le_bytes(reader.take()?);
    let publish_time = i64::from_le_bytes(reader.take()?);
    let _previous_publish_time = reader.take::<8>()?;
    let _ema_price_and_confidence = reader.take::<16>()?;
    let posted_slot = u64::from_le_bytes(reader.take()?);
    Ok(PriceUpdate {
        fully_verified,
        feed_id,
        price,
        confidence,
        exponent,
        publish_time,
        posted_slot,
    })
}

/// ⌊price · 10^exponent · 10^6 · 2^32 / 10^base_decimals⌋: USD per whole base asset as Q.32 quote atoms
/// per base atom. Rounded down for everybody alike: an index is no claim, and the error is under 2^−32
/// quote atoms a base atom.
///
/// # Errors
/// `FeedPriceInvalid` when the price is not positive or the result is not in (0, [`PRICE_Q32_MAX`]].
pub fn price_q32(price: i64, exponent: i32, base_decimals: u8) -> Result<u64> {
    const INVALID: EngineError = EngineError::FeedPriceInvalid;
    let price = u64::try_from(price).map_err(|_| INVALID)?;
    let power = i64::from(exponent)
        .saturating_add(QUOTE_DECIMALS)
        .saturating_sub(i64::from(base_decimals));
    // A power beyond 32 bits leaves no representable price; so does every one beyond ±40.
    let digits = u32::try_from(power.unsigned_abs()).map_err(|_| INVALID)?;
    let scaled = if power >= 0 {
        let whole = 10_u64
            .checked_pow(digits)
            .and_then(|ten| ten.checked_mul(price))
            .ok_or(INVALID)?;
        whole.checked_mul(1 << 32).ok_or(INVALID)?
    } else {
        divide_q32(price, digits)?
    };
    if scaled == 0 || scaled > PRICE_Q32_MAX {
        return Err(INVALID);
    }
    Ok(scaled)
}

/// ⌊price · 2^32 / 10^digits⌋.
fn divide_q32(price: u64, digits: u32) -> Result<u64> {
    const INVALID: EngineError = EngineError::FeedPriceInvalid;
    let ten = 10_u64.checked_pow(digits).unwrap_or(u64::MAX);
    if ten >> 48 != 0 {
        let ten = 10_u128.checked_pow(digits).ok_or(INVALID)?;
        let quotient = math::wide(price, 1 << 32).checked_div(ten).ok_or(INVALID)?;
        return math::narrow(quotient).map_err(|_| INVALID);
    }
    // Long division by 16 bits at a time: exact, and no 128-bit division.
    let digit = |rest: u64| Some((rest.checked_div(ten)?, rest.checked_rem(ten)?));
    let (whole, rest) = digit(price).ok_or(INVALID)?;
    let (high, rest) = digit(rest << 16).ok_or(INVALID)?;
    let (low, _) = digit(rest << 16).ok_or(INVALID)?;
    if whole >> 32 != 0 {
        return Err(INVALID);
    }
    Ok(whole << 32 | high << 16 | low)
}

/// The middle of three.
#[inline(always)]
pub(crate) fn median(a: u64, b: u64, c: u64) -> u64 {
    a.min(b).max(a.max(b).min(c))
}

/// Of two, the one nearer to `reference`; the lower when both are as near.
#[inline(always)]
pub(crate) fn nearer(reference: u64, a: u64, b: u64) -> u64 {
    let (low, high) = (a.min(b), a.max(b));
    if high.abs_diff(reference) < low.abs_diff(reference) {
        high
    } else {
        low
    }
}

/// One feed's observation, guarded.
#[derive(Clone, Copy)]
struct Leg {
    /// Q.32.
    price: u64,
    time: i64,
    /// Whether it is newer than the feed's last used one, or that very observation again.
    newer: bool,
}

/// Aggregates the passed feeds into an index (spec §6). Pure.
///
/// Legs within `feed_spread_ppm_max` of the median of all are counted, and the index is the median of
/// those: the only one, the middle of three, or of two the one nearer to the market's last index. A mean
/// would let one manipulated feed of two move the index by half its lie; the nearer one moves only as far
/// as both have moved.
///
/// It advances when at least `feeds_required` counted feeds are strictly newer than the last one used of
/// the same feed. An observation that was used before is a leg as long as it is within its age, but
/// advances nothing: then the update leaves the market's index as it is. No leg may be older than the
/// index it would replace, so that the index's own time never goes back.
///
/// # Errors
/// The `Feed…` error of the first guard that a feed fails; `DuplicateAccount` for a feed passed twice;
/// `FeedsDisagree` when fewer than the required number agree or were passed.
pub fn aggregate(
    params: &MarketParams,
    prices: &PriceState,
    feeds: &[FeedInput<'_>],
    now: i64,
) -> Result<IndexUpdate> {
    let mut legs = read_legs(params, prices, feeds, now)?;
    let middle = middle_of(&legs, prices.index)?;
    let unchanged = IndexUpdate {
        index: prices.index,
        index_time: prices.index_time,
        advanced: false,
        feed_times: prices.feed_times,
        feed_prices: prices.feed_prices,
    };
    let mut update = IndexUpdate {
        index_time: i64::MAX,
        advanced: true,
        ..unchanged
    };
    let (mut agreeing, mut newer) = (0_u8, 0_u8);
    let slots = update
        .feed_times
        .iter_mut()
        .zip(update.feed_prices.iter_mut());
    for (entry, (time, price)) in legs.iter_mut().zip(slots) {
        let Some(leg) = *entry else { continue };
        if !agrees(leg.price, middle, params.feed_spread_ppm_max)? {
            *entry = None;
            continue;
        }
        agreeing = agreeing.saturating_add(1);
        newer = newer.saturating_add(u8::from(leg.newer));
        (*time, *price) = (leg.time, leg.price);
        update.index_time = update.index_time.min(leg.time);
    }
    if agreeing < params.feeds_required {
        return Err(EngineError::FeedsDisagree);
    }
    if newer < params.feeds_required {
        return Ok(unchanged);
    }
    update.index = middle_of(&legs, prices.index)?;
    Ok(update)
}

impl IndexUpdate {
    /// Writes an update that advanced; one that did not changes nothing.
    pub fn apply(&self, prices: &mut PriceState, env: &Env) {
        if !self.advanced {
            return;
        }
        prices.index = self.index;
        prices.index_time = self.index_time;
        prices.index_updated_at = env.now;
        prices.index_slot = env.slot;
        prices.feed_times = self.feed_times;
        prices.feed_prices = self.feed_prices;
    }
}

/// The passed feeds, each in its place among the market's.
fn read_legs(
    params: &MarketParams,
    prices: &PriceState,
    feeds: &[FeedInput<'_>],
    now: i64,
) -> Result<[Option<Leg>; FEEDS_MAX]> {
    let mut legs = [None; FEEDS_MAX];
    for feed in feeds {
        let update = read_feed(feed)?;
        let (place, _) = params
            .feed_ids
            .iter()
            .take(usize::from(params.feeds_len))
            .enumerate()
            .find(|(_, id)| **id == update.feed_id)
            .ok_or(EngineError::FeedWrongId)?;
        let last = LastUsed {
            time: prices.feed_times.get(place).copied().unwrap_or(i64::MAX),
            price: prices.feed_prices.get(place).copied().unwrap_or(0),
            index_time: prices.index_time,
        };
        let leg = guard(params, &update, last, now)?;
        let slot = legs.get_mut(place).ok_or(EngineError::FeedWrongId)?;
        if slot.replace(leg).is_some() {
            return Err(EngineError::DuplicateAccount);
        }
    }
    Ok(legs)
}

/// What a new observation must not lie before.
#[derive(Clone, Copy)]
struct LastUsed {
    /// Of the same feed.
    time: i64,
    price: u64,
    /// Of the index.
    index_time: i64,
}

/// Whose account it is and what it says.
fn read_feed(feed: &FeedInput<'_>) -> Result<PriceUpdate> {
    if feed.owner != PYTH_RECEIVER {
        return Err(EngineError::FeedWrongOwner);
    }
    decode_price_update(feed.data)
}

/// Every guard of an observation of one of the market's feeds: who signed, what it says, when.
fn guard(params: &MarketParams, update: &PriceUpdate, last: LastUsed, now: i64) -> Result<Leg> {
    if !update.fully_verified {
        return Err(EngineError::FeedNotFullyVerified);
    }
    let price = price_q32(update.price, update.exponent, params.base_decimals)?;
    let widest = math::wide(
        update.price.unsigned_abs(),
        u64::from(params.confidence_ppm_max),
    );
    if math::wide(update.confidence, PPM) > widest {
        return Err(EngineError::FeedConfidenceTooWide);
    }
    let time = update.publish_time;
    if time > now.saturating_add(CLOCK_SKEW_SECONDS_MAX) {
        return Err(EngineError::FeedTimeInFuture);
    }
    if math::seconds_since(now, time) > u64::from(params.index_age_seconds_max) {
        return Err(EngineError::FeedStale);
    }
    let same = time == last.time && price == last.price;
    if time < last.index_time || (time <= last.time && !same) {
        return Err(EngineError::FeedTimeNotNewer);
    }
    Ok(Leg {
        price,
        time,
        newer: time > last.time,
    })
}

/// The price that stands for the legs; without a last index, of two the lower.
fn middle_of(legs: &[Option<Leg>; FEEDS_MAX], last_index: u64) -> Result<u64> {
    let mut passed = legs.iter().flatten().map(|leg| leg.price);
    match (passed.next(), passed.next(), passed.next()) {
        (Some(a), Some(b), Some(c)) => Ok(median(a, b, c)),
        (Some(a), Some(b), None) => Ok(nearer(last_index, a, b)),
        (Some(a), None, None) => Ok(a),
        _ => Err(EngineError::FeedsDisagree),
    }
}

/// |price − middle| ≤ spread · middle, by cross-products: prices stay under 2^44, so both fit.
#[inline(always)]
fn agrees(price: u64, middle: u64, spread_ppm: u32) -> Result<bool> {
    let distance = math::mul(price.abs_diff(middle), PPM)?;
    Ok(distance <= math::mul(middle, u64::from(spread_ppm))?)
}
