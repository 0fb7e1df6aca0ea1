//! Attacks on the index: replays, contradictions, feeds that are not what they seem, and silence (rows 3–6).

use plimsoll_testkit::events::MarkRefreshed;
use plimsoll_testkit::{
    ask, bid, EngineError, MarketSpec, OrderExt, PriceMessage, Verification, World,
};
use solana_pubkey::Pubkey;

const AVAX: &str = "AVAX";

/// Index of the default preset at the start, and elsewhere, ticks.
const HERE: u64 = 20_000;
const THERE: u64 = 20_100;

/// A market whose index is made of `len` feeds, of which `required` must agree.
fn composite(len: u8, required: u8) -> World {
    let mut world = World::new();
    let spec = MarketSpec::preset(AVAX).with(|params| {
        params.feeds_len = len;
        params.feeds_required = required;
        for feed in 1..len {
            params.feed_ids[usize::from(feed)] = [0xB0 + feed; 32];
        }
    });
    world.open_market(&spec);
    world
}

fn index_of(world: &World) -> (u64, i64) {
    let prices = world.market(AVAX).header.prices;
    (prices.index, prices.index_time)
}

/// Writes a changed message of feed 0 and expects the refresh to be refused by that name.
#[track_caller]
fn refused(error: EngineError, change: impl FnOnce(&mut PriceMessage)) {
    let mut world = World::trading(&[AVAX]);
    world.advance(1);
    let mut message = world.message(AVAX, 0, THERE);
    change(&mut message);
    world.write_feed(AVAX, 0, &message);
    world.assert_rejected(error, |world| world.refresh(AVAX));
    // The control: the sound message goes through from this very state.
    world.publish(AVAX, THERE);
    world.refresh(AVAX).unwrap();
}

/// The same change is accepted: the refusal starts just beyond it.
#[track_caller]
fn accepted(change: impl FnOnce(&mut PriceMessage)) {
    let mut world = World::trading(&[AVAX]);
    world.advance(20);
    let mut message = world.message(AVAX, 0, THERE);
    change(&mut message);
    world.write_feed(AVAX, 0, &message);
    world.refresh(AVAX).unwrap();
}

#[test]
fn attack_03_older_publish_time_is_refused() {
    let mut world = World::trading(&[AVAX]);
    world.advance(2);
    let replayed = world.message(AVAX, 0, THERE);
    world.advance(3);
    world.publish(AVAX, HERE);
    world.refresh(AVAX).unwrap();
    for publish_time in [replayed.publish_time, world.now() - 1] {
        let older = PriceMessage {
            publish_time,
            ..replayed.clone()
        };
        world.write_feed(AVAX, 0, &older);
        world.assert_rejected(EngineError::FeedTimeNotNewer, |world| world.refresh(AVAX));
    }
}

#[test]
fn attack_03_one_fresh_feed_does_not_carry_a_replayed_one() {
    let mut world = composite(2, 2);
    let replayed = world.message(AVAX, 1, THERE);
    world.advance(4);
    world.publish(AVAX, HERE);
    world.refresh(AVAX).unwrap();
    world.advance(1);
    let newer = world.message(AVAX, 0, THERE);
    world.write_feed(AVAX, 0, &newer);
    world.write_feed(AVAX, 1, &replayed);
    world.assert_rejected(EngineError::FeedTimeNotNewer, |world| world.refresh(AVAX));
}

#[test]
fn attack_03_used_observation_keeps_company_but_moves_nothing() {
    let mut world = composite(2, 2);
    let used = world.message(AVAX, 1, HERE);
    let before = index_of(&world);
    world.advance(4);
    let newer = world.message(AVAX, 0, HERE + 10);
    world.write_feed(AVAX, 0, &newer);
    world.write_feed(AVAX, 1, &used);
    world.refresh(AVAX).unwrap();
    assert_eq!(index_of(&world), before, "one newer feed of two required");
    // Nor does it keep the index alive: its age is that of the oldest part.
    world.advance(12);
    let newer = world.message(AVAX, 0, HERE + 10);
    world.write_feed(AVAX, 0, &newer);
    world.assert_rejected(EngineError::FeedStale, |world| world.refresh(AVAX));
}

#[test]
fn attack_03_one_feed_passed_twice_is_refused() {
    let mut world = composite(3, 2);
    world.advance(1);
    world.publish(AVAX, THERE);
    let mut instruction = world.refresh_ix(AVAX);
    let first = instruction.accounts[2].clone();
    instruction.accounts[3] = first;
    instruction.accounts.truncate(4);
    world.assert_rejected(EngineError::DuplicateAccount, |world| {
        world.send(&[instruction], &["keeper".into()])
    });
}

#[test]
fn attack_04_same_publish_time_with_another_price_is_refused() {
    let mut world = World::trading(&[AVAX]);
    let used = world.message(AVAX, 0, HERE);
    let contradiction = world.message(AVAX, 0, THERE);
    world.write_feed(AVAX, 0, &contradiction);
    world.assert_rejected(EngineError::FeedTimeNotNewer, |world| world.refresh(AVAX));
    world.advance(3);
    world.assert_rejected(EngineError::FeedTimeNotNewer, |world| world.refresh(AVAX));
    // The very same observation again is no lie and no news.
    let before = index_of(&world);
    world.write_feed(AVAX, 0, &used);
    world.refresh(AVAX).unwrap();
    assert_eq!(index_of(&world), before);
}

#[test]
fn attack_05_stale_feed_is_refused() {
    accepted(|message| message.publish_time -= 15);
    for age in [16, 17, 18, 19] {
        let mut world = World::trading(&[AVAX]);
        world.advance(20);
        let mut message = world.message(AVAX, 0, THERE);
        message.publish_time -= age;
        world.write_feed(AVAX, 0, &message);
        world.assert_rejected(EngineError::FeedStale, |world| world.refresh(AVAX));
    }
    refused(EngineError::FeedStale, |message| {
        message.publish_time = i64::MIN;
    });
}

#[test]
fn attack_05_publish_time_ahead_of_the_clock_is_refused() {
    accepted(|message| message.publish_time += 5);
    refused(EngineError::FeedTimeInFuture, |message| {
        message.publish_time += 6;
    });
    refused(EngineError::FeedTimeInFuture, |message| {
        message.publish_time = i64::MAX;
    });
}

#[test]
fn attack_05_wide_confidence_is_refused() {
    let widest = |price: i64| price.unsigned_abs() * 5_000 / 1_000_000;
    accepted(|message| message.confidence = widest(message.price));
    refused(EngineError::FeedConfidenceTooWide, |message| {
        message.confidence = widest(message.price) + 1;
    });
    refused(EngineError::FeedConfidenceTooWide, |message| {
        message.confidence = u64::MAX;
    });
}

#[test]
fn attack_05_non_positive_price_is_refused() {
    for price in [0, -1, -2_000_000_000, i64::MIN] {
        refused(EngineError::FeedPriceInvalid, |message| {
            message.price = price;
        });
    }
}

#[test]
fn attack_05_wrong_exponent_is_refused() {
    for exponent in [i32::MIN, -40, -19, 4, 18, i32::MAX] {
        refused(EngineError::FeedPriceInvalid, |message| {
            message.exponent = exponent;
        });
    }
    refused(EngineError::FeedPriceInvalid, |message| {
        message.price = i64::MAX;
    });
}

#[test]
fn attack_05_wrong_owner_is_refused() {
    let program = plimsoll_client::addresses::LOCALNET_PROGRAM_ID;
    for owner in [Pubkey::default(), Pubkey::new_from_array([7; 32]), program] {
        refused(EngineError::FeedWrongOwner, |message| message.owner = owner);
    }
}

#[test]
fn attack_05_wrong_feed_id_is_refused() {
    refused(EngineError::FeedWrongId, |message| message.feed_id[31] ^= 1);
    refused(EngineError::FeedWrongId, |message| {
        message.feed_id = [0; 32]
    });
    // Another market's sound feed is no feed of this one.
    let mut world = World::trading(&[AVAX, "SOL"]);
    world.advance(1);
    world.publish(AVAX, THERE);
    let mut instruction = world.refresh_ix(AVAX);
    instruction.accounts[2].pubkey = world.feed("SOL", 0);
    world.assert_rejected(EngineError::FeedWrongId, |world| {
        world.send(&[instruction], &["keeper".into()])
    });
}

#[test]
fn attack_05_partial_verification_is_refused() {
    for signatures in [0, 1, 12, u8::MAX] {
        refused(EngineError::FeedNotFullyVerified, |message| {
            message.verification = Verification::Partial { signatures };
        });
    }
}

#[test]
fn attack_05_malformed_feed_is_refused() {
    for byte in [2, u8::MAX] {
        refused(EngineError::FeedMalformed, |message| {
            message.verification = Verification::Unknown(byte);
        });
    }
    for size in [0, 8, 133, 135, 1_024] {
        refused(EngineError::FeedMalformed, |message| message.size = size);
    }
    refused(EngineError::FeedMalformed, |message| {
        message.discriminator[0] ^= 1;
    });
}

#[test]
fn attack_05_bad_feed_is_refused_in_the_company_of_good_ones() {
    let mut world = composite(3, 2);
    world.advance(1);
    world.publish(AVAX, THERE);
    let mut bad = world.message(AVAX, 2, THERE);
    bad.price = -1;
    world.write_feed(AVAX, 2, &bad);
    world.assert_rejected(EngineError::FeedPriceInvalid, |world| world.refresh(AVAX));
    // Far from the others it is left out; two far from each other are no majority.
    let far = world.message(AVAX, 2, THERE * 2);
    world.write_feed(AVAX, 2, &far);
    world.refresh(AVAX).unwrap();
    let (index, _) = index_of(&world);
    world.advance(1);
    let (near, farther) = (THERE, THERE * 3);
    for (feed, ticks) in [near, farther, THERE * 2].into_iter().enumerate() {
        let message = world.message(AVAX, feed, ticks);
        world.write_feed(AVAX, feed, &message);
    }
    world.assert_rejected(EngineError::FeedsDisagree, |world| world.refresh(AVAX));
    assert_eq!(index_of(&world).0, index);
}

/// `ann` is long 40 lots against `bob`, each has an order in the book, and the index is then left to age.
fn silent() -> World {
    let mut world = World::trading(&[AVAX]);
    for name in ["ann", "bob", "cid"] {
        world.trader(name, 1_000_000_000, &[AVAX]);
    }
    world.place("bob", AVAX, ask(HERE, 40)).unwrap();
    world.place("ann", AVAX, bid(HERE, 40)).unwrap();
    let resting = bid(HERE - 100, 3).client_id(7);
    world.place("ann", AVAX, resting).unwrap();
    world.place("bob", AVAX, bid(HERE - 50, 60)).unwrap();
    world.advance(16);
    world
}

#[test]
fn attack_06_cancel_and_deposit_work_while_the_index_is_stale() {
    let mut world = silent();
    world.cancel_by_client_id("ann", AVAX, 7).unwrap();
    world.cancel_all("bob", AVAX, u8::MAX).unwrap();
    world.deposit("ann", 5).unwrap();
    assert_eq!(world.collateral("ann"), 1_000_000_005);
    // Cash that no position needs leaves as well: `cid` holds none.
    world.withdraw("cid", 1_000_000_000).unwrap();
    world.assert_sound();
}

#[test]
fn attack_06_reduce_only_trades_while_the_index_is_stale() {
    let mut world = silent();
    let order = ask(HERE - 50, 100).ioc().reduce_only();
    world.place("ann", AVAX, order).unwrap();
    assert_eq!(
        world.holding("ann", AVAX).base,
        0,
        "clipped to the position"
    );
    assert_eq!(world.holding("bob", AVAX).base, 0);
    // The flat leg settles whatever the index says.
    world.settle("ann", &[AVAX]).unwrap();
    world.assert_sound();
}

#[test]
fn attack_06_new_risk_is_refused_while_the_index_is_stale() {
    let mut world = silent();
    for order in [
        bid(HERE - 200, 1),
        ask(HERE - 50, 1),
        ask(HERE - 50, 100).ioc(),
    ] {
        for name in ["ann", "bob", "cid"] {
            world.assert_rejected(EngineError::IndexStale, |world| {
                world.place(name, AVAX, order)
            });
        }
    }
    // A leg with a position waits for a price.
    world.assert_rejected(EngineError::NothingToSettle, |world| {
        world.settle("ann", &[AVAX])
    });
    world.keep_fresh();
    world.place("cid", AVAX, bid(HERE - 200, 1)).unwrap();
}

#[test]
fn attack_06_refresh_with_nothing_newer_does_not_revive_a_stale_index() {
    let mut world = silent();
    let before = index_of(&world);
    let error = EngineError::FeedStale;
    world.assert_rejected(error, |world| world.refresh(AVAX));
    assert_eq!(index_of(&world), before);
    world.keep_fresh();
    let refreshed = world.refresh(AVAX).unwrap().event::<MarkRefreshed>();
    assert_eq!(refreshed.index_time, world.now());
}
