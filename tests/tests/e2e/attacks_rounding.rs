//! Attacks by rounding: loops of tiny steps, and amounts that are claimed rather than measured (rows 27, 47).

use plimsoll_engine::math::join_signed;
use plimsoll_engine::state::SIDE_LONG;
use plimsoll_engine::units::PriceQ32;
use plimsoll_testkit::events::{Deposited, FeesSwept, OrderPlaced, Settled, TreasuryCollected};
use plimsoll_testkit::{ask, bid, MarketSpec, OrderExt, World};

const AVAX: &str = "AVAX";
const INDEX: u64 = 20_000;
const MILLION: u64 = 1_000_000_000_000;

/// Everything `name` owns: wallet, cash, claim, and the position at the mark, rounded as settle rounds it.
fn wealth(world: &World, name: &str) -> i128 {
    let held = world.holding(name, AVAX);
    let mark = PriceQ32(world.market(AVAX).header.prices.mark);
    let position = mark.position_value(held.base).unwrap();
    i128::from(world.usdc(name))
        + i128::from(world.collateral(name))
        + i128::from(held.quote)
        + i128::from(position)
}

/// A market without fees, which would hide what rounding gives away.
fn free_market(names: &[&str]) -> World {
    let mut world = World::new();
    world.open_market(&MarketSpec::preset(AVAX).with(|params| {
        params.maker_fee_ppm = 0;
        params.taker_fee_ppm = 0;
    }));
    for name in names {
        world.trader(*name, MILLION, &[AVAX]);
    }
    world
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

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        let at = self.below(u64::try_from(choices.len()).unwrap());
        choices[usize::try_from(at).unwrap()]
    }
}

/// One small step of one of three of one mind. What is not possible just now is refused, and costs nothing.
fn step(world: &mut World, dice: &mut Dice, names: &[&str]) {
    let (name, other) = (dice.of(names), dice.of(names));
    match dice.below(9) {
        0..=2 => {
            let price = INDEX - 3 + dice.below(7);
            let lots = 1 + dice.below(3);
            let _ = world.place(other, AVAX, ask(price, lots));
            let _ = world.place(name, AVAX, bid(price, 1 + dice.below(3)).ioc());
            world.cancel_all(other, AVAX, 1).unwrap();
        }
        3 => drop(world.deposit(name, 1 + dice.below(3))),
        4 => drop(world.withdraw(name, 1 + dice.below(3))),
        5 => drop(world.settle(name, &[AVAX])),
        6 => {
            let ticks = INDEX - 20 + dice.below(41);
            world.move_index(AVAX, ticks);
        }
        7 => {
            let seconds = 1 + dice.below(30);
            world.advance_fresh(i64::try_from(seconds).unwrap());
        }
        // A quote on both sides, away from the index: a premium, so that funding has odd fractions.
        _ => {
            let middle = INDEX + dice.below(80);
            let _ = world.place(name, AVAX, bid(middle, 1).post_only());
            let _ = world.place(name, AVAX, ask(middle + 2, 1).post_only());
            world.advance_fresh(1);
            world.cancel_all(name, AVAX, 4).unwrap();
        }
    }
}

/// What all of `names` own together, exactly, in 2^-64 of an atom: wallets, cash, claims, and the funding that
/// their seats have not been touched for. Their positions cancel, so that no price and no rounding is in it.
fn owned(world: &World, names: &[&str]) -> i128 {
    let sides = world.market(AVAX).header.sides;
    let mut base = 0;
    let mut sum = 0;
    for name in names {
        let seat = world.seat(*name, AVAX);
        let cash = i128::from(world.usdc(*name))
            + i128::from(world.collateral(*name))
            + i128::from(seat.quote);
        let side = &sides[usize::from(seat.side)];
        let step = join_signed(side.cash_index) - join_signed(seat.cash_index);
        let pending = i128::from(seat.shares) * step;
        sum += cash << 64;
        sum += if seat.side == SIDE_LONG {
            pending
        } else {
            -pending
        };
        base += world.holding(*name, AVAX).base;
    }
    assert_eq!(base, 0, "nobody else holds a position");
    sum
}

#[test]
fn attack_27_rounding_loop_never_gains_an_atom() {
    let names = ["ann", "bob", "cid"];
    for seed in [7, 4_242, 991_001] {
        let mut dice = Dice(seed);
        let mut world = free_market(&names);
        let start = owned(&world, &names);
        let mut before = start;
        for number in 0..400 {
            step(&mut world, &mut dice, &names);
            let now = owned(&world, &names);
            let gained = now - before;
            assert!(
                gained <= 0,
                "seed {seed}, step {number}: {gained} of 2^-64 gained"
            );
            before = now;
            world.assert_custody_exact();
            let residue = world.assert_claims_sum_to_zero(AVAX);
            assert!(residue >= 0, "seed {seed}, step {number}");
        }
        // Rounding did take, and nothing but roundings: what it took lies in the pool.
        let lost = (start - before) >> 64;
        assert!(
            lost > 0 && lost < 1_200,
            "seed {seed}: {lost} atoms in 400 steps"
        );
        world.assert_sound();
    }
}

/// One lot each way at the index itself, which is a little less than the price in Q.32: the long's claim is
/// the floor, the short's debt the ceiling, and the atom between them is the pool's.
#[test]
fn attack_27_claims_are_rounded_against_the_holder() {
    let mut world = free_market(&["ann", "bob"]);
    world.place("bob", AVAX, ask(INDEX, 1)).unwrap();
    world.place("ann", AVAX, bid(INDEX, 1)).unwrap();
    let mut settle = |name| world.settle(name, &[AVAX]).unwrap().event::<Settled>().legs[0];
    let (long, short) = (settle("ann"), settle("bob"));
    assert_eq!((long.gain_paid, long.loss_paid), (0, 1));
    assert_eq!(
        (short.gain_paid, short.gain_unpaid, short.loss_paid),
        (0, 0, 0)
    );
    assert_eq!(world.market(AVAX).header.cash.pool, 1);
}

#[test]
fn attack_27_split_orders_pay_no_less_in_fees() {
    let mut whole = World::trading(&[AVAX]);
    for name in ["ann", "bob"] {
        whole.trader(name, MILLION, &[AVAX]);
    }
    let mut split = whole.clone();
    // 7 lots at this price: 0.01 of an atom of fee a lot and tick would round away if it were floored.
    let (price, lots) = (20_003, 7);
    whole.place("bob", AVAX, ask(price, lots)).unwrap();
    whole.place("ann", AVAX, bid(price, lots)).unwrap();
    for _ in 0..lots {
        split.place("bob", AVAX, ask(price, 1)).unwrap();
        let placed = split
            .place("ann", AVAX, bid(price, 1))
            .unwrap()
            .event::<OrderPlaced>();
        let cash = price * 10;
        assert_eq!(placed.taker_fee, (cash * 500).div_ceil(1_000_000));
        assert_eq!(placed.fills[0].maker_fee, (cash * 100).div_ceil(1_000_000));
    }
    let fees = |world: &World| world.market(AVAX).header.cash.fees_accrued;
    assert!(fees(&split) > fees(&whole));
    for name in ["ann", "bob"] {
        assert!(wealth(&split, name) <= wealth(&whole, name), "{name}");
    }
}

#[test]
fn attack_27_repeated_settle_moves_nothing() {
    let mut world = free_market(&["ann", "bob"]);
    world.place("bob", AVAX, ask(INDEX, 7)).unwrap();
    world.place("ann", AVAX, bid(INDEX, 7)).unwrap();
    world.move_index(AVAX, INDEX + 1);
    for name in ["bob", "ann"] {
        world.settle(name, &[AVAX]).unwrap();
    }
    let before = world.snapshot();
    for _ in 0..5 {
        for name in ["ann", "bob"] {
            let settled = world.settle(name, &[AVAX]).unwrap().event::<Settled>();
            let leg = settled.legs[0];
            assert_eq!((leg.gain_paid, leg.loss_paid), (0, 0));
        }
    }
    world.assert_unchanged(&before);
}

/// A price that goes up and comes back, settled at every turn: an atom may be lost each time, none gained.
#[test]
fn attack_27_settling_at_every_turn_of_the_price_gains_nothing() {
    let mut world = free_market(&["ann", "bob"]);
    world.place("bob", AVAX, ask(INDEX, 3)).unwrap();
    world.place("ann", AVAX, bid(INDEX, 3)).unwrap();
    let start = [wealth(&world, "ann"), wealth(&world, "bob")];
    for turn in 0..60 {
        world.move_index(AVAX, INDEX + turn % 2 * 7);
        for name in ["bob", "ann", "bob"] {
            let _ = world.settle(name, &[AVAX]);
        }
    }
    world.move_index(AVAX, INDEX);
    assert!(wealth(&world, "ann") <= start[0]);
    assert!(wealth(&world, "bob") <= start[1]);
    world.assert_sound();
}

#[test]
fn attack_47_fee_is_credited_as_charged() {
    let mut world = World::trading(&[AVAX]);
    for name in ["ann", "bob"] {
        world.trader(name, MILLION, &[AVAX]);
    }
    let mut charged = 0;
    // Every price has its opposite, so that both owe their fees and nothing else.
    for (price, lots) in [(20_003, 7), (19_997, 7), (20_011, 333), (19_989, 333)] {
        let before = world.holding("ann", AVAX).quote + world.holding("bob", AVAX).quote;
        world.place("bob", AVAX, ask(price, lots)).unwrap();
        let placed = world
            .place("ann", AVAX, bid(price, lots))
            .unwrap()
            .event::<OrderPlaced>();
        let fees = placed.taker_fee + placed.fills.iter().map(|fill| fill.maker_fee).sum::<u64>();
        let after = world.holding("ann", AVAX).quote + world.holding("bob", AVAX).quote;
        assert_eq!(before - after, i64::try_from(fees).unwrap());
        charged += fees;
        assert_eq!(world.market(AVAX).header.cash.fees_accrued, charged);
    }
    // Nobody has paid yet: a sweep finds nothing to move, and says so.
    let swept = world.sweep_fees(AVAX).unwrap().event::<FeesSwept>();
    assert_eq!(moved(&swept), 0);
    // One pays after the other: each sweep moves what was paid in, and the rest stays owed.
    world.settle("bob", &[AVAX]).unwrap();
    let mut treasury = 0;
    for payer in ["ann", "bob"] {
        let held = world.market(AVAX).header.cash;
        let swept = world.sweep_fees(AVAX).unwrap().event::<FeesSwept>();
        assert_eq!(moved(&swept), held.pool.min(held.fees_accrued));
        assert_eq!(swept.to_treasury, moved(&swept) * 400_000 / 1_000_000);
        assert_eq!(swept.to_keeper_pool, moved(&swept) * 200_000 / 1_000_000);
        let left = world.market(AVAX).header.cash;
        assert_eq!(held.fees_accrued - left.fees_accrued, moved(&swept));
        assert_eq!(held.pool - left.pool, moved(&swept));
        treasury += swept.to_treasury;
        assert_eq!(world.default_fund().treasury, treasury);
        world.settle(payer, &[AVAX]).unwrap();
        world.assert_sound();
    }
    let before = world.tokens(&world.treasury());
    let collected = world
        .collect_treasury(0)
        .unwrap()
        .event::<TreasuryCollected>();
    assert_eq!(collected.amount, treasury);
    assert_eq!(world.tokens(&world.treasury()) - before, treasury);
    world.assert_sound();
}

fn moved(swept: &FeesSwept) -> u64 {
    swept.to_default_fund + swept.to_keeper_pool + swept.to_treasury
}

#[test]
fn attack_47_deposit_is_credited_as_received() {
    let mut world = World::trading(&[AVAX]);
    world.trader("ann", 1_000, &[AVAX]);
    world.trader("mallory", 0, &[AVAX]);
    // What lies in the shard already is nobody's to claim.
    world.donate("ann", 0, 77_777);
    for amount in [1, 2, 999] {
        let (shard, cash) = (world.shard_tokens(0), world.collateral("mallory"));
        let event = world
            .deposit("mallory", amount)
            .unwrap()
            .event::<Deposited>();
        let arrived = world.shard_tokens(0) - shard;
        assert_eq!((event.amount, arrived), (amount, amount));
        let credited = world.collateral("mallory") - cash;
        assert_eq!(credited, i64::try_from(arrived).unwrap());
        world.assert_custody_exact();
    }
    let error = plimsoll_testkit::EngineError::InsufficientCash;
    world.assert_rejected(error, |world| world.withdraw("mallory", 1_003));
    world.withdraw("mallory", 1_002).unwrap();
    world.assert_sound();
}
