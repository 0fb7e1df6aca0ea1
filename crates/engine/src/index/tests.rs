//! Price accounts built by hand, every guard by name, and the aggregation.
#![allow(clippy::unwrap_used)]

use std::vec;
use std::vec::Vec;

use bytemuck::Zeroable;
use num_bigint::BigUint;
use proptest::prelude::*;

use super::*;

pub(crate) const NOW: i64 = 1_760_131_260;
pub(crate) const FEED_A: Pubkey = [0xA1; 32];
pub(crate) const FEED_B: Pubkey = [0xB2; 32];
pub(crate) const FEED_C: Pubkey = [0xC3; 32];

/// A price account as the receiver program would write it; fully verified unless told otherwise.
#[derive(Clone, Copy)]
pub(crate) struct Posted {
    pub feed_id: Pubkey,
    pub price: i64,
    pub confidence: u64,
    pub exponent: i32,
    pub publish_time: i64,
    /// `Some`: partially verified, with so many signatures.
    pub signatures: Option<u8>,
    pub owner: Pubkey,
}

/// Dollars and eight decimals, published now, with a confidence of 0.1%.
pub(crate) fn posted(feed_id: Pubkey, price: i64, publish_time: i64) -> Posted {
    Posted {
        feed_id,
        price,
        confidence: price.unsigned_abs() / 1_000,
        exponent: -8,
        publish_time,
        signatures: None,
        owner: PYTH_RECEIVER,
    }
}

impl Posted {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut data = vec![0x22, 0xf1, 0x23, 0x63, 0x9d, 0x7e, 0xf4, 0xcd];
        data.extend([0x77; 32]);
        match self.signatures {
            Some(count) => data.extend([0, count]),
            None => data.push(1),
        }
        data.extend(self.feed_id);
        data.extend(self.price.to_le_bytes());
        data.extend(self.confidence.to_le_bytes());
        data.extend(self.exponent.to_le_bytes());
        data.extend(self.publish_time.to_le_bytes());
        data.extend((self.publish_time - 1).to_le_bytes());
        data.extend(0x0101_0101_0101_0101_i64.to_le_bytes());
        data.extend(0x0202_0202_0202_0202_u64.to_le_bytes());
        data.extend(372_000_001_u64.to_le_bytes());
        data.resize(PRICE_UPDATE_SIZE, 0);
        data
    }
}

/// Accounts that live as long as the inputs made of them.
pub(crate) fn with_feeds<T>(posts: &[Posted], run: impl FnOnce(&[FeedInput<'_>]) -> T) -> T {
    let accounts: Vec<_> = posts
        .iter()
        .map(|post| (post.owner, post.bytes()))
        .collect();
    let inputs: Vec<_> = accounts
        .iter()
        .map(|(owner, data)| FeedInput {
            owner: *owner,
            data,
        })
        .collect();
    run(&inputs)
}

/// A market of an asset with nine decimals and three feeds of which two must agree.
pub(crate) fn params() -> MarketParams {
    MarketParams {
        base_decimals: 9,
        feeds_len: 3,
        feeds_required: 2,
        feed_ids: [FEED_A, FEED_B, FEED_C],
        index_age_seconds_max: 15,
        confidence_ppm_max: 5_000,
        feed_spread_ppm_max: 5_000,
        last_trade_age_seconds_max: 60,
        basis_clip_ppm: 5_000,
        basis_ema_seconds: 150,
        premium_ema_seconds: 3_600,
        funding_cap_ppm: 5_000,
        funding_period_seconds: 28_800,
        accrual_seconds_max: 60,
        velocity_short_ppm: 20_000,
        velocity_short_seconds: 10,
        velocity_long_ppm: 100_000,
        velocity_long_seconds: 3_600,
        ..MarketParams::zeroed()
    }
}

fn single() -> MarketParams {
    MarketParams {
        feeds_len: 1,
        feeds_required: 1,
        ..params()
    }
}

/// Dollars as an index: 10^6 quote atoms over 10^9 base atoms.
fn q32(cents: u64) -> u64 {
    (u128::from(cents) * (1 << 32) / 100_000) as u64
}

fn dollars(cents: i64) -> i64 {
    cents * 1_000_000
}

fn run(params: &MarketParams, prices: &PriceState, posts: &[Posted]) -> Result<IndexUpdate> {
    with_feeds(posts, |feeds| aggregate(params, prices, feeds, NOW))
}

fn applied(params: &MarketParams, posts: &[Posted]) -> PriceState {
    let mut prices = PriceState::zeroed();
    let env = Env { now: NOW, slot: 7 };
    run(params, &prices, posts)
        .unwrap()
        .apply(&mut prices, &env);
    prices
}

#[test]
fn a_full_update_decodes_every_field() {
    let update = decode_price_update(&posted(FEED_A, -123_456_789, NOW).bytes()).unwrap();
    let expected = PriceUpdate {
        fully_verified: true,
        feed_id: FEED_A,
        price: -123_456_789,
        confidence: 123_456,
        exponent: -8,
        publish_time: NOW,
        posted_slot: 372_000_001,
    };
    assert_eq!(update, expected);
}

#[test]
fn a_partial_update_is_one_byte_longer_and_decodes_the_same() {
    let partial = Posted {
        signatures: Some(5),
        ..posted(FEED_A, 42, NOW)
    };
    let update = decode_price_update(&partial.bytes()).unwrap();
    assert!(!update.fully_verified);
    assert_eq!(
        (update.feed_id, update.price, update.exponent),
        (FEED_A, 42, -8)
    );
    assert_eq!(
        (update.publish_time, update.posted_slot),
        (NOW, 372_000_001)
    );
}

#[test]
fn another_length_is_malformed() {
    let data = posted(FEED_A, 42, NOW).bytes();
    for length in [0, 8, 41, 133] {
        assert_eq!(
            decode_price_update(&data[..length]),
            Err(EngineError::FeedMalformed)
        );
    }
    let longer: Vec<u8> = data.iter().copied().chain([0]).collect();
    assert_eq!(
        decode_price_update(&longer),
        Err(EngineError::FeedMalformed)
    );
}

#[test]
fn another_discriminator_is_malformed() {
    for byte in 0..8 {
        let mut data = posted(FEED_A, 42, NOW).bytes();
        data[byte] ^= 1;
        assert_eq!(decode_price_update(&data), Err(EngineError::FeedMalformed));
    }
}

#[test]
fn an_unknown_verification_level_is_malformed() {
    for tag in 2..=255 {
        let mut data = posted(FEED_A, 42, NOW).bytes();
        data[40] = tag;
        assert_eq!(decode_price_update(&data), Err(EngineError::FeedMalformed));
    }
}

#[test]
fn a_price_converts_exactly() {
    // 100,000 dollars, 11 decimals: an atom is worth one quote atom.
    assert_eq!(price_q32(10_000_000_000_000, -8, 11), Ok(1 << 32));
    // 150.01 dollars, 9 decimals: 0.15001 quote atoms an atom, rounded down.
    assert_eq!(price_q32(15_001_000_000, -8, 9), Ok(644_288_044));
    // Without any fraction, and scaled up.
    assert_eq!(price_q32(4_096, -6, 0), Ok(PRICE_Q32_MAX));
    assert_eq!(price_q32(4, -3, 0), Ok(4_000 << 32));
}

#[test]
fn attack_05_non_positive_price_is_refused() {
    for price in [0, -1, i64::MIN] {
        assert_eq!(price_q32(price, -8, 9), Err(EngineError::FeedPriceInvalid));
        let post = posted(FEED_A, price, NOW);
        assert_eq!(
            run(&single(), &PriceState::zeroed(), &[post]),
            Err(EngineError::FeedPriceInvalid)
        );
    }
}

#[test]
fn attack_05_wrong_exponent_is_refused() {
    for exponent in [i32::MIN, -300, -60, 4, 30, 300, i32::MAX] {
        let post = Posted {
            exponent,
            ..posted(FEED_A, dollars(15_000), NOW)
        };
        assert_eq!(
            run(&single(), &PriceState::zeroed(), &[post]),
            Err(EngineError::FeedPriceInvalid)
        );
    }
}

#[test]
fn a_price_above_the_largest_is_refused() {
    assert_eq!(price_q32(4_097, -6, 0), Err(EngineError::FeedPriceInvalid));
    assert_eq!(price_q32(i64::MAX, -4, 18), Ok(3_961_408_125_713));
    assert_eq!(
        price_q32(i64::MAX, 0, 0),
        Err(EngineError::FeedPriceInvalid)
    );
}

#[test]
fn attack_05_wrong_owner_is_refused() {
    let post = Posted {
        owner: [1; 32],
        ..posted(FEED_A, dollars(15_000), NOW)
    };
    assert_eq!(
        run(&single(), &PriceState::zeroed(), &[post]),
        Err(EngineError::FeedWrongOwner)
    );
}

#[test]
fn attack_05_wrong_feed_id_is_refused() {
    let zero = PriceState::zeroed();
    let post = posted([9; 32], dollars(15_000), NOW);
    assert_eq!(
        run(&params(), &zero, &[post]),
        Err(EngineError::FeedWrongId)
    );
    // Named beyond the feeds in use.
    let post = posted(FEED_B, dollars(15_000), NOW);
    assert_eq!(
        run(&single(), &zero, &[post]),
        Err(EngineError::FeedWrongId)
    );
}

#[test]
fn attack_05_partial_verification_is_refused() {
    let post = Posted {
        signatures: Some(12),
        ..posted(FEED_A, dollars(15_000), NOW)
    };
    assert_eq!(
        run(&single(), &PriceState::zeroed(), &[post]),
        Err(EngineError::FeedNotFullyVerified)
    );
}

#[test]
fn attack_05_wide_confidence_is_refused() {
    let edge = Posted {
        confidence: 75_000_000,
        ..posted(FEED_A, dollars(15_000), NOW)
    };
    assert!(run(&single(), &PriceState::zeroed(), &[edge]).is_ok());
    for confidence in [75_000_001, u64::MAX] {
        let wide = Posted { confidence, ..edge };
        assert_eq!(
            run(&single(), &PriceState::zeroed(), &[wide]),
            Err(EngineError::FeedConfidenceTooWide)
        );
    }
}

#[test]
fn attack_05_stale_feed_is_refused() {
    let zero = PriceState::zeroed();
    assert!(run(
        &single(),
        &zero,
        &[posted(FEED_A, dollars(15_000), NOW - 15)]
    )
    .is_ok());
    for time in [NOW - 16, 0, i64::MIN + 1] {
        let post = posted(FEED_A, dollars(15_000), time);
        assert_eq!(run(&single(), &zero, &[post]), Err(EngineError::FeedStale));
    }
}

#[test]
fn a_publish_time_may_lead_the_clock_by_the_skew_and_no_more() {
    let zero = PriceState::zeroed();
    assert!(run(
        &single(),
        &zero,
        &[posted(FEED_A, dollars(15_000), NOW + 5)]
    )
    .is_ok());
    for time in [NOW + 6, i64::MAX] {
        let post = posted(FEED_A, dollars(15_000), time);
        assert_eq!(
            run(&single(), &zero, &[post]),
            Err(EngineError::FeedTimeInFuture)
        );
    }
}

#[test]
fn attack_03_older_publish_time_is_refused() {
    let prices = applied(&single(), &[posted(FEED_A, dollars(15_000), NOW - 4)]);
    let older = posted(FEED_A, dollars(15_000), NOW - 5);
    assert_eq!(
        run(&single(), &prices, &[older]),
        Err(EngineError::FeedTimeNotNewer)
    );
    // Newer than the index, whose other leg was older, but not newer than the feed's own last.
    let first = [
        posted(FEED_A, dollars(15_000), NOW - 2),
        posted(FEED_B, dollars(15_010), NOW - 9),
    ];
    let prices = applied(&params(), &first);
    let between = [posted(FEED_A, dollars(15_000), NOW - 5), first[1]];
    assert_eq!(
        run(&params(), &prices, &between),
        Err(EngineError::FeedTimeNotNewer)
    );
}

#[test]
fn attack_03_one_fresh_feed_does_not_carry_a_replayed_one() {
    let first = [
        posted(FEED_A, dollars(15_000), NOW - 4),
        posted(FEED_B, dollars(15_010), NOW - 4),
    ];
    let prices = applied(&params(), &first);
    // One leg anew, the other the very observation of before: nothing advances.
    let again = run(
        &params(),
        &prices,
        &[posted(FEED_A, dollars(15_020), NOW), first[1]],
    )
    .unwrap();
    assert!(!again.advanced);
    assert_eq!((again.index, again.index_time), (prices.index, NOW - 4));
    assert_eq!(
        (again.feed_times, again.feed_prices),
        (prices.feed_times, prices.feed_prices)
    );
    // The replayed leg of an earlier time is refused outright.
    let replayed = posted(FEED_B, dollars(15_010), NOW - 5);
    let replay = run(
        &params(),
        &prices,
        &[posted(FEED_A, dollars(15_020), NOW), replayed],
    );
    assert_eq!(replay, Err(EngineError::FeedTimeNotNewer));
}

#[test]
fn attack_04_same_publish_time_with_another_price_is_refused() {
    let prices = applied(&single(), &[posted(FEED_A, dollars(15_000), NOW - 4)]);
    let other = posted(FEED_A, dollars(15_001), NOW - 4);
    assert_eq!(
        run(&single(), &prices, &[other]),
        Err(EngineError::FeedTimeNotNewer)
    );
    let same = posted(FEED_A, dollars(15_000), NOW - 4);
    assert!(!run(&single(), &prices, &[same]).unwrap().advanced);
}

#[test]
fn a_leg_older_than_the_index_is_refused() {
    // The third feed was never used, so its own time would let it pass.
    let first = [
        posted(FEED_A, dollars(15_000), NOW - 4),
        posted(FEED_B, dollars(15_010), NOW - 4),
    ];
    let prices = applied(&params(), &first);
    let late = [
        posted(FEED_A, dollars(15_000), NOW),
        posted(FEED_C, dollars(15_010), NOW - 5),
    ];
    assert_eq!(
        run(&params(), &prices, &late),
        Err(EngineError::FeedTimeNotNewer)
    );
}

#[test]
fn a_feed_passed_twice_is_refused() {
    let twice = [
        posted(FEED_A, dollars(15_000), NOW),
        posted(FEED_A, dollars(15_000), NOW),
    ];
    assert_eq!(
        run(&params(), &PriceState::zeroed(), &twice),
        Err(EngineError::DuplicateAccount)
    );
}

#[test]
fn fewer_feeds_than_required_are_no_index() {
    let zero = PriceState::zeroed();
    assert_eq!(run(&params(), &zero, &[]), Err(EngineError::FeedsDisagree));
    let one = [posted(FEED_A, dollars(15_000), NOW)];
    assert_eq!(run(&params(), &zero, &one), Err(EngineError::FeedsDisagree));
}

#[test]
fn two_feeds_apart_by_more_than_the_spread_are_no_index() {
    let zero = PriceState::zeroed();
    let edge = [
        posted(FEED_A, dollars(15_000), NOW),
        posted(FEED_B, dollars(15_074), NOW),
    ];
    assert!(run(&params(), &zero, &edge).is_ok());
    let apart = [
        posted(FEED_A, dollars(15_000), NOW),
        posted(FEED_B, dollars(15_076), NOW),
    ];
    assert_eq!(
        run(&params(), &zero, &apart),
        Err(EngineError::FeedsDisagree)
    );
}

#[test]
fn of_two_feeds_the_one_nearer_to_the_last_index_counts() {
    let first = [
        posted(FEED_A, dollars(15_000), NOW - 4),
        posted(FEED_B, dollars(15_000), NOW - 4),
    ];
    let prices = applied(&params(), &first);
    let up = [
        posted(FEED_A, dollars(15_060), NOW),
        posted(FEED_B, dollars(15_010), NOW),
    ];
    assert_eq!(run(&params(), &prices, &up).unwrap().index, q32(15_010));
    let down = [
        posted(FEED_A, dollars(14_990), NOW),
        posted(FEED_B, dollars(14_940), NOW),
    ];
    assert_eq!(run(&params(), &prices, &down).unwrap().index, q32(14_990));
    let around = [
        posted(FEED_A, dollars(15_020), NOW),
        posted(FEED_B, dollars(14_970), NOW),
    ];
    assert_eq!(run(&params(), &prices, &around).unwrap().index, q32(15_020));
}

#[test]
fn of_two_first_feeds_the_lower_counts() {
    let first = [
        posted(FEED_A, dollars(15_060), NOW),
        posted(FEED_B, dollars(15_010), NOW),
    ];
    assert_eq!(
        run(&params(), &PriceState::zeroed(), &first).unwrap().index,
        q32(15_010)
    );
}

#[test]
fn an_outlier_of_three_neither_counts_nor_is_remembered() {
    let posts = [
        posted(FEED_A, dollars(15_000), NOW - 2),
        posted(FEED_B, dollars(30_000), NOW - 9),
        posted(FEED_C, dollars(15_020), NOW - 1),
    ];
    let update = run(&params(), &PriceState::zeroed(), &posts).unwrap();
    assert_eq!((update.index, update.index_time), (q32(15_000), NOW - 2));
    assert_eq!(update.feed_times, [NOW - 2, 0, NOW - 1]);
    assert_eq!(update.feed_prices, [q32(15_000), 0, q32(15_020)]);
}

#[test]
fn three_required_feeds_admit_no_outlier() {
    let strict = MarketParams {
        feeds_required: 3,
        ..params()
    };
    let posts = [
        posted(FEED_A, dollars(15_000), NOW),
        posted(FEED_B, dollars(30_000), NOW),
        posted(FEED_C, dollars(15_020), NOW),
    ];
    assert_eq!(
        run(&strict, &PriceState::zeroed(), &posts),
        Err(EngineError::FeedsDisagree)
    );
}

#[test]
fn the_index_is_as_old_as_its_oldest_leg() {
    let posts = [
        posted(FEED_A, dollars(15_000), NOW - 2),
        posted(FEED_B, dollars(15_010), NOW - 9),
        posted(FEED_C, dollars(15_020), NOW - 1),
    ];
    let update = run(&params(), &PriceState::zeroed(), &posts).unwrap();
    assert_eq!((update.index, update.index_time), (q32(15_010), NOW - 9));
}

#[test]
fn the_order_of_the_accounts_does_not_matter() {
    let posts = [
        posted(FEED_A, dollars(15_000), NOW - 2),
        posted(FEED_B, dollars(15_010), NOW - 9),
        posted(FEED_C, dollars(15_020), NOW - 1),
    ];
    let reference = run(&params(), &PriceState::zeroed(), &posts);
    for order in [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let moved = order.map(|i| posts[i]);
        assert_eq!(run(&params(), &PriceState::zeroed(), &moved), reference);
    }
}

#[test]
fn an_update_that_did_not_advance_writes_nothing() {
    let mut prices = applied(&single(), &[posted(FEED_A, dollars(15_000), NOW - 4)]);
    let before = prices;
    let same = run(
        &single(),
        &prices,
        &[posted(FEED_A, dollars(15_000), NOW - 4)],
    )
    .unwrap();
    same.apply(
        &mut prices,
        &Env {
            now: NOW + 1,
            slot: 99,
        },
    );
    assert_eq!(prices, before);
}

proptest! {
    #[test]
    fn conversion_equals_exact_arithmetic(
        (mantissa, shift) in (1..i64::MAX, 0_u32..63),
        exponent in -40_i32..12,
        decimals in 0_u8..19,
    ) {
        let price = (mantissa >> shift).max(1);
        let power = exponent + 6 - i32::from(decimals);
        let scaled = BigUint::from(price.unsigned_abs()) << 32;
        let ten = BigUint::from(10_u8).pow(power.unsigned_abs());
        let exact = if power >= 0 { scaled * ten } else { scaled / ten };
        let expected = u64::try_from(&exact).ok().filter(|q| (1..=PRICE_Q32_MAX).contains(q));
        prop_assert_eq!(price_q32(price, exponent, decimals).ok(), expected);
    }

    #[test]
    fn any_bytes_decode_or_fail_without_panic(data in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode_price_update(&data);
        let mut real = posted(FEED_A, 42, NOW).bytes();
        for (byte, noise) in real.iter_mut().skip(8).zip(&data) {
            *byte = *noise;
        }
        let _ = decode_price_update(&real);
    }

    #[test]
    fn one_manipulated_feed_of_three_moves_the_index_no_further_than_the_other_two(
        (a, b) in (14_950_i64..15_050, 14_950_i64..15_050),
        lie in 1_i64..1_000_000,
        last in 14_000_i64..16_000,
    ) {
        let prices = PriceState { index: q32(last.unsigned_abs()), ..PriceState::zeroed() };
        let posts = [posted(FEED_A, dollars(a), NOW), posted(FEED_B, dollars(b), NOW), posted(FEED_C, dollars(lie), NOW)];
        if let Ok(update) = run(&params(), &prices, &posts) {
            let honest = [q32(a.unsigned_abs()), q32(b.unsigned_abs())];
            let within = update.index >= honest[0].min(honest[1]) && update.index <= honest[0].max(honest[1]);
            // Or it is the lie itself, which then agrees with an honest feed within the spread.
            let near = honest.iter().any(|h| h.abs_diff(update.index) * 1_000_000 <= 5_026 * h);
            prop_assert!(within || near);
            prop_assert!(within || (a - b).unsigned_abs() * 1_000_000 > 5_000 * 14_950);
        }
    }

    #[test]
    fn one_manipulated_feed_of_two_moves_the_index_no_further_than_the_honest_one(
        honest in 14_950_i64..15_050,
        lie in 14_800_i64..15_200,
    ) {
        let prices = PriceState { index: q32(15_000), ..PriceState::zeroed() };
        let posts = [posted(FEED_A, dollars(honest), NOW), posted(FEED_B, dollars(lie), NOW)];
        if let Ok(update) = run(&params(), &prices, &posts) {
            let allowed = q32(honest.unsigned_abs()).abs_diff(prices.index);
            prop_assert!(update.index.abs_diff(prices.index) <= allowed);
        }
    }
}
