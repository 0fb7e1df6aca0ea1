//! Attacks by trading: a thin book, one's own orders, funding, and a book full of far orders (rows 7, 24–26, 43).

use plimsoll_engine::state::{Seat, BLOCK_DEPOSIT_LAMPORTS, BLOCK_SIZE, MARKET_HEADER_SIZE};
use plimsoll_testkit::events::{MarkRefreshed, OrderPlaced, SeatReleased, Settled};
use plimsoll_testkit::{ask, bid, Actor, EngineError, MarketSpec, OrderArgs, OrderExt, World};

const AVAX: &str = "AVAX";
/// Index of the preset at the start, ticks.
const INDEX: u64 = 20_000;
/// A thousand and a million dollars, quote atoms.
const THOUSAND: u64 = 1_000_000_000;
const MILLION: u64 = 1_000_000_000_000;

/// A market with these members, each with a million dollars.
fn with_members(names: &[&str]) -> World {
    let mut world = World::trading(&[AVAX]);
    for name in names {
        world.trader(*name, MILLION, &[AVAX]);
    }
    world
}

/// `buyer` buys `lots` from `seller` at `price`.
fn trade(world: &mut World, buyer: &str, seller: &str, price: u64, lots: u64) {
    world.place(seller, AVAX, ask(price, lots)).unwrap();
    let sent = world.place(buyer, AVAX, bid(price, lots).fok()).unwrap();
    assert_eq!(sent.event::<OrderPlaced>().filled_lots, lots);
}

/// Quotes around `middle`, which nobody else contradicts.
fn quote(world: &mut World, name: &str, middle: u64) {
    world.cancel_all(name, AVAX, u8::MAX).unwrap();
    world.place(name, AVAX, bid(middle - 5, 1)).unwrap();
    world.place(name, AVAX, ask(middle + 5, 1)).unwrap();
}

#[test]
fn attack_07_thin_book_moves_the_mark_no_further_than_the_clipped_basis() {
    let mut world = with_members(&["mallory", "mule"]);
    let pumped = INDEX + INDEX / 20;
    quote(&mut world, "mallory", pumped);
    let mut ema_bound = 0;
    for second in 1..=400 {
        if second % 30 == 1 {
            trade(&mut world, "mule", "mallory", pumped - 1, 1);
        }
        world.advance_fresh(1);
        let prices = world.market(AVAX).header.prices;
        let clip = prices.index * 5_000 / 1_000_000;
        ema_bound += (clip - ema_bound).div_ceil(151);
        let moved = prices.mark - prices.index;
        assert!(moved <= ema_bound, "second {second}: {moved} > {ema_bound}");
        assert!(moved <= clip);
    }
    // The pump went as far as it can: the bound above was not idle.
    let prices = world.market(AVAX).header.prices;
    let clip = prices.index * 5_000 / 1_000_000;
    assert!(prices.mark - prices.index > clip * 9 / 10);
    world.assert_sound();
}

#[test]
fn attack_07_unrealised_gain_is_not_withdrawable() {
    let mut world = with_members(&["ann", "bob"]);
    trade(&mut world, "ann", "bob", INDEX, 1_000);
    world.move_index(AVAX, INDEX * 3 / 2);
    let gain = 1_000 * (INDEX / 2) * 10;
    for amount in [MILLION + 1, MILLION + gain / 2] {
        world.assert_rejected(EngineError::InsufficientCash, |world| {
            world.withdraw("ann", amount)
        });
    }
    // Nor does settling help while no loser has paid: the pool is empty.
    let settled = world.settle("ann", &[AVAX]).unwrap().event::<Settled>();
    assert_eq!(settled.legs[0].gain_paid, 0);
    assert!(settled.legs[0].gain_unpaid > gain * 99 / 100);
    world.assert_rejected(EngineError::InsufficientCash, |world| {
        world.withdraw("ann", MILLION + 1)
    });
    world.assert_sound();
}

#[test]
fn attack_07_paid_gain_is_not_withdrawable_before_it_has_aged() {
    let mut world = with_members(&["ann", "bob"]);
    let interval = world.now() / 60;
    trade(&mut world, "ann", "bob", INDEX, 1_000);
    world.move_index(AVAX, INDEX * 11 / 10);
    trade(&mut world, "bob", "ann", INDEX * 11 / 10, 1_000);
    world.settle("bob", &[AVAX]).unwrap();
    let settled = world.settle("ann", &[AVAX]).unwrap().event::<Settled>();
    let gain = settled.legs[0].gain_paid;
    assert!(gain > 19_000_000, "the pool paid {gain}");
    assert_eq!(world.now() / 60, interval, "the gain is of this interval");
    let all = u64::try_from(world.collateral("ann")).unwrap();
    assert_eq!(all, MILLION + gain);

    let matures = (interval + 2) * 60;
    for second in [world.now(), interval * 60 + 60, matures - 1] {
        world.set_time(second);
        for amount in [all, MILLION + 1] {
            world.assert_rejected(EngineError::InsufficientCash, |world| {
                world.withdraw("ann", amount)
            });
        }
    }
    world.clone().withdraw("ann", MILLION).unwrap();
    world.set_time(matures);
    world.withdraw("ann", all).unwrap();
    world.assert_sound();
}

#[test]
fn attack_07_resting_orders_below_initial_margin_cannot_stack_past_the_position() {
    let mut world = with_members(&["bob", "mule"]);
    world.trader("ann", 24_000_000, &[AVAX]);
    trade(&mut world, "ann", "bob", INDEX, 1_000);
    // Two per cent against `ann`: under initial margin, over maintenance.
    world.move_index(AVAX, INDEX * 98 / 100);
    let price = INDEX * 98 / 100 + 10;
    for lots in [1, 1_000, 1_999] {
        world.assert_rejected(EngineError::TradeWorsensRisk, |world| {
            world.place("ann", AVAX, ask(price, lots))
        });
    }
    // What may rest only ever reduces, however much of it is met.
    for _ in 0..4 {
        world.place("ann", AVAX, ask(price, 1_000).reduce_only()).unwrap();
    }
    world.place("mule", AVAX, bid(price, 10_000)).unwrap();
    assert_eq!(world.holding("ann", AVAX).base, 0);
    world.assert_sound();
}

/// What a fill would have left behind.
fn prints(world: &World) -> (u64, i64, [u64; 2], u64, u64) {
    let header = world.market(AVAX).header;
    let (prices, cash) = (header.prices, header.cash);
    let (price, time) = (prices.last_trade, prices.last_trade_time);
    (price, time, cash.volume, cash.fees_total, cash.fills_total)
}

fn self_trade_modes(order: OrderArgs) -> [OrderArgs; 3] {
    [order, order.cancel_maker(), order.decrement()]
}

#[test]
fn attack_24_self_trade_never_prints() {
    let world = with_members(&["ann"]);
    let before = prints(&world);
    for own in [ask(INDEX + 10, 10), bid(INDEX + 10, 10)] {
        let opposite = own.with(|order| order.side = 1 - order.side);
        for lots in [4, 10, 25] {
            let arriving = opposite.with(|order| order.lots = lots);
            for order in self_trade_modes(arriving) {
                for order in [order, order.ioc()] {
                    let mut world = world.clone();
                    world.place("ann", AVAX, own).unwrap();
                    let sent = world.place("ann", AVAX, order).unwrap();
                    let placed = sent.event::<OrderPlaced>();
                    assert_eq!((placed.filled_lots, placed.taker_fee), (0, 0));
                    assert!(placed.fills.is_empty());
                    assert_eq!(prints(&world), before);
                    let held = world.holding("ann", AVAX);
                    assert_eq!((held.base, held.quote), (0, 0));
                    world.assert_sound();
                }
            }
        }
    }
}

/// Whatever the mode, `taker` neither trades with the order of `maker` nor moves it.
#[track_caller]
fn assert_untouched(world: &World, maker: Actor, taker: Actor) {
    let before = prints(world);
    for order in self_trade_modes(bid(INDEX + 10, 7).ioc()) {
        let mut world = world.clone();
        let resting = world.seat(maker, AVAX);
        let sent = world.place(taker, AVAX, order).unwrap();
        assert_eq!(sent.event::<OrderPlaced>().filled_lots, 0);
        assert_eq!(world.seat(maker, AVAX), resting);
        assert_eq!(prints(&world), before);
        world.assert_book_consistent(AVAX);
    }
}

#[test]
fn attack_24_sub_accounts_of_one_owner_do_not_trade() {
    let mut world = with_members(&["ann"]);
    let (first, second) = (Actor::from("ann"), Actor::from("ann").sub(1));
    world.trader(second, MILLION, &[AVAX]);
    world.place(first, AVAX, ask(INDEX + 10, 10)).unwrap();
    assert_untouched(&world, first, second);
}

/// Eight bytes of a key can be ground; the seat's tag is written to what a grinder would have found.
#[test]
fn attack_24_equal_tag_does_not_remove_a_strangers_order() {
    let mut world = with_members(&["ann", "mallory"]);
    let (victim, grinder) = (world.seat("ann", AVAX), world.seat_index("mallory", AVAX));
    let block = MARKET_HEADER_SIZE + usize::try_from(grinder).unwrap() * BLOCK_SIZE;
    let at = block + std::mem::offset_of!(Seat, owner_tag);
    let market = world.market_address(AVAX);
    world.change_account(&market, |account| {
        account.data[at..at + 8].copy_from_slice(&victim.owner_tag.to_le_bytes());
    });
    world.place("ann", AVAX, ask(INDEX + 10, 10)).unwrap();
    assert_untouched(&world, "ann".into(), "mallory".into());
}

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

#[test]
fn attack_43_order_beyond_the_seats_slots_is_refused() {
    let mut world = World::trading(&[AVAX]);
    world.trader("ann", THOUSAND, &[]);
    world.claim_seat("ann", AVAX, 3).unwrap();
    for far in 1..=3 {
        world.place("ann", AVAX, bid(far, 1)).unwrap();
    }
    world.assert_rejected(EngineError::OrderSlotsFull, |world| {
        world.place("ann", AVAX, bid(4, 1))
    });
    // An order that does not rest needs no slot.
    world.place("ann", AVAX, bid(4, 1).ioc()).unwrap();
    world.assert_rejected(EngineError::ParameterOutOfBounds, |world| {
        world.trader("bob", THOUSAND, &[]);
        world.claim_seat("bob", AVAX, 65)
    });
}

#[test]
fn attack_43_full_arena_still_takes_a_members_order() {
    let mut world = World::new();
    // The sentinel, twelve blocks of epoch ends, and twenty-seven for members.
    world.open_market(&MarketSpec::preset(AVAX).blocks(40));
    for (name, slots) in [("ann", 16), ("bob", 9)] {
        world.trader(name, THOUSAND, &[]);
        world.claim_seat(name, AVAX, slots).unwrap();
    }
    world.trader("cid", THOUSAND, &[]);
    world.assert_rejected(EngineError::ArenaFull, |world| {
        world.claim_seat("cid", AVAX, 1)
    });
    for far in 1..=16 {
        world.place("ann", AVAX, bid(far, 1)).unwrap();
    }
    for far in 1..=9 {
        world.place("bob", AVAX, ask(INDEX + far, 1)).unwrap();
    }
    assert_eq!(world.market(AVAX).header.arena.orders, 25);
    world.assert_sound();
    // Room is a matter of money, not of anyone's leave.
    world.grow_market("cid", AVAX).unwrap();
    world.claim_seat("cid", AVAX, 1).unwrap();
    world.assert_sound();
}

#[test]
fn attack_43_idle_seat_is_released_by_anyone() {
    let mut world = with_members(&["ann", "bob", "eve"]);
    trade(&mut world, "ann", "bob", INDEX, 10);
    world.place("eve", AVAX, bid(1, 1)).unwrap();
    for busy in ["ann", "bob", "eve"] {
        world.assert_rejected(EngineError::SeatNotEmpty, |world| {
            world.release_seat(busy, AVAX)
        });
    }
    world.cancel_all("eve", AVAX, 1).unwrap();
    let owner = Actor::from("eve").key();
    let before = world.lamports(&owner);
    let released = world.release_seat("eve", AVAX).unwrap();
    let refund = 17 * BLOCK_DEPOSIT_LAMPORTS;
    assert_eq!(released.event::<SeatReleased>().refund_lamports, refund);
    assert_eq!(world.lamports(&owner), before + refund);
    world.assert_sound();
}
