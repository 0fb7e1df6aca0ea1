//! `refresh_mark`: the feeds that it refuses, by name.

use anchor_lang::{AnchorDeserialize, Discriminator};
use plimsoll_testkit::{EngineError, PriceMessage, Verification, World, START_TIME};
use pyth_solana_receiver_sdk::price_update::{PriceUpdateV2, VerificationLevel};

use super::refresh_mark::{world, world_of_three_feeds, AVAX};

#[track_caller]
fn refused(error: EngineError, spoil: impl FnOnce(&World, &mut PriceMessage)) {
    let mut world = world();
    world.advance(1);
    let mut message = world.message(AVAX, 0, 20_010);
    spoil(&world, &mut message);
    world.write_feed(AVAX, 0, &message);
    world.assert_rejected(error, |world| world.refresh(AVAX));
}

#[test]
fn feed_of_another_owner_is_rejected() {
    refused(EngineError::FeedWrongOwner, |world, feed| {
        feed.owner = world.addresses.program
    });
}

#[test]
fn feed_that_does_not_decode_is_rejected() {
    refused(EngineError::FeedMalformed, |_, feed| feed.size = 133);
    refused(EngineError::FeedMalformed, |_, feed| feed.size = 135);
    refused(EngineError::FeedMalformed, |_, feed| {
        feed.discriminator[7] ^= 1
    });
    refused(EngineError::FeedMalformed, |_, feed| {
        feed.verification = Verification::Unknown(2)
    });
}

#[test]
fn feed_of_another_asset_is_rejected() {
    refused(EngineError::FeedWrongId, |_, feed| feed.feed_id[31] ^= 1);
}

#[test]
fn feed_that_is_partly_verified_is_rejected() {
    refused(EngineError::FeedNotFullyVerified, |_, feed| {
        feed.verification = Verification::Partial { signatures: 12 };
    });
}

#[test]
fn feed_without_a_representable_price_is_rejected() {
    for price in [0, -1, i64::MIN] {
        refused(EngineError::FeedPriceInvalid, |_, feed| feed.price = price);
    }
    for exponent in [-30, 12, i32::MIN, i32::MAX] {
        refused(EngineError::FeedPriceInvalid, |_, feed| {
            feed.exponent = exponent
        });
    }
}

#[test]
fn feed_with_a_wide_confidence_is_rejected_and_at_the_bound_it_is_not() {
    refused(EngineError::FeedConfidenceTooWide, |_, feed| {
        feed.confidence = feed.price.unsigned_abs() / 200 + 1;
    });
    let mut world = world();
    world.advance(1);
    let mut message = world.message(AVAX, 0, 20_000);
    message.confidence = message.price.unsigned_abs() / 200;
    world.write_feed(AVAX, 0, &message);
    world.refresh(AVAX).unwrap();
}

#[test]
fn feed_older_than_allowed_is_rejected() {
    let mut world = world();
    world.advance(100);
    let mut message = world.message(AVAX, 0, 20_010);
    message.publish_time -= 16;
    world.write_feed(AVAX, 0, &message);
    world.assert_rejected(EngineError::FeedStale, |world| world.refresh(AVAX));
    message.publish_time += 1;
    world.write_feed(AVAX, 0, &message);
    world.refresh(AVAX).unwrap();
}

#[test]
fn feed_from_the_future_is_rejected() {
    refused(EngineError::FeedTimeInFuture, |world, feed| {
        feed.publish_time = world.now() + 6;
    });
    let mut world = world();
    let mut message = world.message(AVAX, 0, 20_010);
    message.publish_time += 5;
    world.write_feed(AVAX, 0, &message);
    world.refresh(AVAX).unwrap();
}

#[test]
fn feed_that_goes_back_or_changes_its_mind_is_rejected() {
    refused(EngineError::FeedTimeNotNewer, |_, feed| {
        feed.publish_time = START_TIME
    });
    refused(EngineError::FeedTimeNotNewer, |_, feed| {
        feed.publish_time = START_TIME - 1
    });
}

#[test]
fn feeds_that_do_not_agree_are_rejected() {
    let mut world = world_of_three_feeds();
    world.advance(1);
    // Half a per cent about the middle: 20,000 alone is left.
    for (feed, ticks) in [(0, 19_800), (1, 20_000), (2, 20_200)] {
        let message = world.message(AVAX, feed, ticks);
        world.write_feed(AVAX, feed, &message);
    }
    world.assert_rejected(EngineError::FeedsDisagree, |world| world.refresh(AVAX));
}

#[test]
fn no_feed_too_few_and_too_many_are_rejected() {
    let mut world = world_of_three_feeds();
    world.advance(1);
    world.publish(AVAX, 20_000);
    let sound = world.refresh_ix(AVAX);
    let mut none = sound.clone();
    none.accounts.truncate(2);
    let mut one = sound.clone();
    one.accounts.truncate(3);
    let mut four = sound.clone();
    four.accounts.push(sound.accounts[2].clone());
    for instruction in [none, one, four] {
        world.assert_rejected(EngineError::FeedsDisagree, |world| {
            world.send(&[instruction], &["keeper".into()])
        });
    }
}

#[test]
fn same_feed_twice_is_rejected() {
    let mut world = world_of_three_feeds();
    world.advance(1);
    world.publish(AVAX, 20_000);
    let mut instruction = world.refresh_ix(AVAX);
    instruction.accounts[3] = instruction.accounts[2].clone();
    world.assert_rejected(EngineError::DuplicateAccount, |world| {
        world.send(&[instruction], &["keeper".into()])
    });
}

#[test]
fn the_fixtures_price_accounts_are_the_receivers_own_layout() {
    let world = world();
    let message = PriceMessage {
        previous_publish_time: 77,
        ema_price: -5,
        ema_confidence: 6,
        ..world.message(AVAX, 0, 20_123)
    };
    for (verification, level) in [
        (Verification::Full, VerificationLevel::Full),
        (
            Verification::Partial { signatures: 5 },
            VerificationLevel::Partial { num_signatures: 5 },
        ),
    ] {
        let message = PriceMessage {
            verification,
            ..message.clone()
        };
        let data = message.encode();
        assert_eq!(data.len(), PriceUpdateV2::LEN);
        let body = data.strip_prefix(PriceUpdateV2::DISCRIMINATOR).unwrap();
        let decoded = PriceUpdateV2::deserialize(&mut &*body).unwrap();
        assert!(decoded.verification_level == level);
        let price = decoded.price_message;
        assert_eq!(
            (price.feed_id, price.price),
            (message.feed_id, message.price)
        );
        assert_eq!((price.conf, price.exponent), (message.confidence, -8));
        assert_eq!(price.publish_time, message.publish_time);
        assert_eq!(
            (price.prev_publish_time, price.ema_price, price.ema_conf),
            (77, -5, 6)
        );
        assert_eq!(decoded.posted_slot, world.slot());
    }
}
