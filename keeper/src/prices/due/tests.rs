use plimsoll_testkit::{MarketSpec, World};

mod programs;

use super::*;
use crate::mirror::{AccountUpdate, RawAccount, Snapshot, Sync};
use crate::prices::accumulator::tests::{message, signed};
use crate::prices::accumulator::Update;

const MARKET: &str = "AVAX";
/// A price of twenty dollars, in units of 10^-8.
const TWENTY: i64 = 2_000_000_000;
const PAYER: Pubkey = Pubkey::new_from_array([11; 32]);

/// A market at twenty dollars, its index of this second.
fn world() -> World {
    let mut world = World::new();
    world.open_market(&MarketSpec::preset(MARKET).halting());
    world.move_index(MARKET, 20_000);
    world
}

/// The program's accounts.
fn snapshot(world: &World) -> Snapshot {
    let accounts = world.svm.get_program_accounts(&world.addresses.program);
    let accounts = accounts.into_iter().map(|(address, account)| {
        let (owner, data) = (account.owner, account.data);
        (address, RawAccount { owner, data })
    });
    Snapshot {
        slot: world.slot(),
        accounts: accounts.collect(),
    }
}

fn mirror(world: &World, more: &[Pubkey]) -> Mirror {
    let feed = world.feed(MARKET, 0);
    let statement = Statement::of(&PAYER, &world.market_address(MARKET)).address;
    let mut mirror = Mirror::new(world.addresses, [feed, statement]);
    let raw = |owner, data| RawAccount { owner, data };
    let slot = world.slot();
    mirror.sync(&snapshot(world), Sync::Forward);
    for address in more.iter().copied().chain([feed]) {
        mirror.apply(&AccountUpdate {
            address,
            slot,
            account: world
                .svm
                .get_account(&feed)
                .map(|account| raw(account.owner, account.data)),
        });
    }
    mirror
}

fn feeds(world: &World) -> MarketFeeds {
    MarketFeeds {
        market: world.market_address(MARKET),
        feeds: vec![world.feed(MARKET, 0)],
    }
}

fn feed_id(world: &World) -> FeedId {
    world.handle(MARKET).params.feed_ids[0]
}

fn posting(world: &World) -> Posting {
    Posting {
        poster: Poster {
            payer: PAYER,
            shard: 0,
        },
        accounts: BTreeMap::from([(feed_id(world), world.feed(MARKET, 0))]),
        interval_seconds: 2,
        deviation_ppm: 1_000,
    }
}

/// What Hermes says of the market's feed.
fn latest(world: &World, price: i64, publish_time: i64) -> Latest {
    let bytes = signed(3, &[message(feed_id(world), price, publish_time)]);
    let update = Update::parse(&bytes).expect("an update");
    let seen = update.observations(publish_time).expect("prices");
    seen.into_iter().map(|seen| (seen.feed_id, seen)).collect()
}

fn due_in(world: &World, latest: &Latest) -> Vec<Action> {
    let clock = ChainClock {
        now: world.now(),
        slot: world.slot(),
    };
    due(
        (&mirror(world, &[]), &clock),
        &[feeds(world)],
        &posting(world),
        latest,
    )
}

/// The amount of the post that is due, ppm.
fn moved(world: &World, price: i64, publish_time: i64) -> Option<u64> {
    let actions = due_in(world, &latest(world, price, publish_time));
    assert!(actions
        .iter()
        .all(|action| action.key.kind == Kind::PostPrice));
    actions.first().map(|action| action.danger.amount)
}

#[test]
fn a_price_is_posted_when_the_index_would_move_enough() {
    let mut world = world();
    world.advance(3);
    let now = world.now();
    // The index is rounded down, so a thousandth may look a little smaller.
    for price in [TWENTY + 2_000_100, TWENTY - 2_000_100] {
        assert_eq!(moved(&world, price, now), Some(1_000));
    }
    assert_eq!(moved(&world, TWENTY + 1_999_900, now), None);
}

#[test]
fn a_price_is_posted_when_the_index_is_half_as_old_as_it_may_be() {
    let mut world = world();
    world.advance(7);
    assert_eq!(moved(&world, TWENTY, world.now()), None);
    world.advance(1);
    assert_eq!(moved(&world, TWENTY, world.now()), Some(0));
}

#[test]
fn posts_keep_their_distance_unless_the_market_would_trip() {
    let mut world = world();
    world.advance(1);
    let now = world.now();
    let trips = i64::from(world.handle(MARKET).params.velocity_short_ppm);
    let within = TWENTY - TWENTY / 1_000_000 * (trips - 1_000);
    let beyond = TWENTY - TWENTY / 1_000_000 * (trips + 1_000);
    assert_eq!(moved(&world, within, now), None);
    assert!(moved(&world, beyond, now).is_some());
    world.advance(1);
    assert!(moved(&world, within, world.now()).is_some());
}

#[test]
fn what_the_chain_has_or_would_refuse_is_not_posted() {
    let mut world = world();
    world.advance(9);
    let now = world.now();
    let price = TWENTY + 20_000_000;
    assert!(moved(&world, price, now).is_some());
    // From further ahead than the chain's clock may run late.
    assert_eq!(moved(&world, price, now + 6), None);
    assert!(moved(&world, price, now + 5).is_some());
    // The account has a price of this second already, though nobody has refreshed the market.
    world.publish(MARKET, 20_100);
    assert_eq!(moved(&world, price, now), None);
    assert_eq!(moved(&world, price, now - 1), None);
    assert!(moved(&world, price, now + 1).is_some());
}

#[test]
fn only_what_is_signed_and_of_a_configured_account_is_posted() {
    let mut world = world();
    world.advance(9);
    let mut latest = latest(&world, TWENTY, world.now());
    assert_eq!(due_in(&world, &latest).len(), 1);
    let clock = ChainClock {
        now: world.now(),
        slot: world.slot(),
    };
    let elsewhere = MarketFeeds {
        feeds: vec![PAYER],
        ..feeds(&world)
    };
    let none = due(
        (&mirror(&world, &[]), &clock),
        &[elsewhere],
        &posting(&world),
        &latest,
    );
    assert_eq!(none, []);
    for seen in latest.values_mut() {
        seen.signed = None;
    }
    assert_eq!(due_in(&world, &latest), []);
}

#[test]
fn what_an_earlier_try_left_over_is_closed_first() {
    let mut world = world();
    world.advance(9);
    let latest = latest(&world, TWENTY, world.now());
    let statement = Statement::of(&PAYER, &world.market_address(MARKET)).address;
    let clock = ChainClock {
        now: world.now(),
        slot: world.slot(),
    };
    let posted = |mirror: &Mirror| {
        let actions = due(
            (mirror, &clock),
            &[feeds(&world)],
            &posting(&world),
            &latest,
        );
        actions[0].instructions.clone()
    };
    let clean = posted(&mirror(&world, &[]));
    let left = posted(&mirror(&world, &[statement]));
    assert_eq!(left[1..], clean);
    assert_eq!(left[0], *clean.last().expect("a close"));
}

/// The account as it is foreseen, written, makes the program find the index that was foreseen.
#[test]
fn the_program_refreshes_as_foreseen() {
    let mut world = world();
    world.advance(3);
    let latest = latest(&world, TWENTY + 30_000_000, world.now());
    let index = |world: &World| {
        let mirror = mirror(world, &[]);
        let market = mirror.market(&world.market_address(MARKET));
        market.expect("a market").header.prices.index
    };
    let before = index(&world);
    let actions = due_in(&world, &latest);
    let foreseen = actions[0].danger.amount;
    let signed = latest[&feed_id(&world)].signed.as_ref().expect("signed");
    let data = as_posted(signed, world.slot()).expect("a price");
    world.write_account(world.feed(MARKET, 0), &Pubkey::from(PYTH_RECEIVER), data);
    let instructions = &actions[0].instructions;
    let refresh = instructions[instructions.len() - 2].clone();
    assert_eq!(refresh.program_id, world.addresses.program);
    world
        .send(&[refresh], &["keeper".into()])
        .expect("refreshed");
    let moved = (index(&world) - before) * 1_000_000 / before;
    assert_eq!(moved, foreseen);
    assert_eq!(foreseen, 15_000);
    // And then it is no longer due.
    assert_eq!(due_in(&world, &latest), []);
}
