//! Attacks on funding: a spike before it is taken, a long silence, both sides in one hand (rows 25, 26).

use plimsoll_testkit::events::MarkRefreshed;
use plimsoll_testkit::{bid, MarketSpec, OrderExt, World};

use super::attacks_trading::{quote, trade, with_members, AVAX, INDEX, MILLION};

/// Two members with an open position of 1,000 lots each, and a third who will quote.
fn with_open_interest() -> World {
    let mut world = with_members(&["ann", "bob", "mallory"]);
    trade(&mut world, "ann", "bob", INDEX, 1_000);
    world
}

#[test]
fn attack_25_premium_spike_before_a_refresh_pays_nothing_for_the_past() {
    let mut world = with_open_interest();
    world.advance_fresh(1);
    let (long, short) = (world.holding("ann", AVAX), world.holding("bob", AVAX));
    world.advance(14);
    world.publish(AVAX, INDEX);
    // One instant before the refresh the whole book is far above the index.
    quote(&mut world, "mallory", INDEX * 11 / 10);
    let refreshed = world.refresh(AVAX).unwrap().event::<MarkRefreshed>();
    assert!(refreshed.premium > 0, "the spike was sampled");
    assert_eq!((refreshed.funding, refreshed.funding_seconds), (0, 14));
    assert_eq!(world.holding("ann", AVAX).quote, long.quote);
    assert_eq!(world.holding("bob", AVAX).quote, short.quote);

    // What follows is charged at the premium that was then known, not at the next spike.
    let premium = i128::from(refreshed.premium);
    quote(&mut world, "mallory", INDEX * 12 / 10);
    world.advance(10);
    world.publish(AVAX, INDEX);
    let refreshed = world.refresh(AVAX).unwrap().event::<MarkRefreshed>();
    assert_eq!(refreshed.funding, ((premium * 10) << 32) / 28_800);
    world.assert_sound();
}

/// The premium as it stands after ten refreshes of a book far above the index.
fn build_premium(world: &mut World) -> i64 {
    quote(world, "mallory", INDEX * 11 / 10);
    for _ in 0..10 {
        world.advance_fresh(10);
    }
    world.market(AVAX).header.prices.premium_ema
}

#[test]
fn attack_25_accrual_interval_is_capped() {
    // (age at which the index is stale, silence, seconds charged)
    for (age_max, silence, charged) in [(15, 200, 15), (300, 40, 40), (300, 200, 60)] {
        let mut world = World::new();
        let spec = MarketSpec::preset(AVAX).with(|params| params.index_age_seconds_max = age_max);
        world.open_market(&spec);
        for name in ["ann", "bob", "mallory"] {
            world.trader(name, MILLION, &[AVAX]);
        }
        trade(&mut world, "ann", "bob", INDEX, 1_000);
        let premium = build_premium(&mut world);
        assert!(premium > 0);
        let long = world.holding("ann", AVAX).quote;
        world.advance(silence);
        world.publish(AVAX, INDEX);
        let refreshed = world.refresh(AVAX).unwrap().event::<MarkRefreshed>();
        assert_eq!(refreshed.funding_seconds, charged, "after {silence} s");
        let expected = ((i128::from(premium) * i128::from(charged)) << 32) / 28_800;
        assert_eq!(refreshed.funding, expected);
        let paid = i128::from(long - world.holding("ann", AVAX).quote);
        assert_eq!(paid, (expected * 1_000 * 1_000_000).div_euclid(1 << 64) + 1);
        world.assert_sound();
    }
}

/// A pseudo-random walk whose seed stands in every message.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

#[test]
fn attack_26_long_and_short_pair_never_gains_from_funding() {
    for seed in [3, 1_117, 90_210] {
        let mut dice = Dice(seed);
        let mut world = with_members(&["ann", "bob", "cid", "eve"]);
        trade(&mut world, "ann", "bob", INDEX, 777);
        trade(&mut world, "cid", "bob", INDEX, 13);
        trade(&mut world, "ann", "eve", INDEX, 13);
        // `ann` and `bob` are of one mind, long and short of the same size.
        let pair = |world: &World| {
            let (long, short) = (world.holding("ann", AVAX), world.holding("bob", AVAX));
            assert_eq!(long.base, -short.base);
            long.quote + short.quote
        };
        let mut before = pair(&world);
        let mut charged = false;
        for step in 0..120 {
            let middle = INDEX * 95 / 100 + dice.below(INDEX / 10);
            quote(&mut world, "cid", middle);
            let seconds = 1 + dice.below(90);
            world.advance_fresh(i64::try_from(seconds).unwrap());
            charged |= world.market(AVAX).header.prices.funding_index != [0, 0];
            let now = pair(&world);
            assert!(now <= before, "seed {seed}, step {step}: {now} > {before}");
            before = now;
        }
        assert!(charged, "seed {seed}: no funding was ever charged");
        world.assert_sound();
    }
}

/// Orders that lived for a second lie in front of a book and are no quotes: they must not hide it.
#[test]
fn attack_25_expired_orders_in_front_do_not_hide_the_book() {
    let mut world = with_open_interest();
    quote(&mut world, "mallory", INDEX + 80);
    for _ in 0..20 {
        world.advance_fresh(10);
    }
    let premium = world.market(AVAX).header.prices.premium_ema;
    for name in ["mule", "mule2", "mule3"] {
        world.trader(name, MILLION, &[AVAX]);
        for _ in 0..16 {
            let order = bid(INDEX + 76, 1).expires_at(world.now() + 1);
            world.place(name, AVAX, order).unwrap();
        }
    }
    for _ in 0..20 {
        world.advance_fresh(10);
    }
    let now = world.market(AVAX).header.prices.premium_ema;
    assert!(now >= premium, "{now} < {premium}");
    world.assert_sound();
}
