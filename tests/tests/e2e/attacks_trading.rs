//! Attacks by trading: a thin book, one's own orders, and a book full of far orders (rows 7, 24, 43).

use plimsoll_engine::state::{Seat, BLOCK_DEPOSIT_LAMPORTS, BLOCK_SIZE, MARKET_HEADER_SIZE};
use plimsoll_testkit::events::{OrderPlaced, SeatReleased, Settled};
use plimsoll_testkit::{ask, bid, Actor, EngineError, MarketSpec, OrderArgs, OrderExt, World};

pub const AVAX: &str = "AVAX";
/// Index of the preset at the start, ticks.
pub const INDEX: u64 = 20_000;
/// A thousand and a million dollars, quote atoms.
const THOUSAND: u64 = 1_000_000_000;
pub const MILLION: u64 = 1_000_000_000_000;

/// A market with these members, each with a million dollars.
pub fn with_members(names: &[&str]) -> World {
    let mut world = World::trading(&[AVAX]);
    for name in names {
        world.trader(*name, MILLION, &[AVAX]);
    }
    world
}

/// `buyer` buys `lots` from `seller` at `price`.
pub fn trade(world: &mut World, buyer: &str, seller: &str, price: u64, lots: u64) {
    world.place(seller, AVAX, ask(price, lots)).unwrap();
    let sent = world.place(buyer, AVAX, bid(price, lots).fok()).unwrap();
    assert_eq!(sent.event::<OrderPlaced>().filled_lots, lots);
}

/// Quotes around `middle`, which nobody else contradicts.
pub fn quote(world: &mut World, name: &str, middle: u64) {
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
    let resting = ask(price, 1_000).reduce_only();
    world.place("ann", AVAX, resting).unwrap();
    for _ in 0..3 {
        let _ = world.place("ann", AVAX, resting);
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
    world.trader("bob", THOUSAND, &[]);
    for slots in [0, 65, u8::MAX] {
        world.assert_rejected(EngineError::SizeOutOfRange, |world| {
            world.claim_seat("bob", AVAX, slots)
        });
    }
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

#[test]
fn attack_48_the_mark_follows_a_gap_of_the_index_at_once() {
    let mut world = with_members(&["ann", "bob"]);
    trade(&mut world, "ann", "bob", INDEX, 1_000);
    // A lagging price would show the loser of a gap as sound for as long as it lags.
    for ticks in [INDEX * 3 / 10, INDEX * 25 / 10, INDEX] {
        world.move_index(AVAX, ticks);
        let (prices, copy) = (world.market(AVAX).header.prices, world.mark(AVAX));
        assert_eq!((prices.mark, copy.mark), (prices.index, prices.index));
        let lost = INDEX.abs_diff(ticks) * 1_000 * 10;
        let loser = if ticks < INDEX { "ann" } else { "bob" };
        let loss = world.view(loser).risk(world.now()).unwrap().loss;
        assert!(
            loss >= lost && loss <= lost + 200_000,
            "{loser}: {loss} of {lost}"
        );
    }
}
