//! Attacks by shape: eight markets, all order slots, stale legs, a full market, deposits in every state (rows 6,
//! 17, 18, 44, 45).

use plimsoll_testkit::{ask, bid, events, EngineError, MarketSpec, OrderExt, Outcome, World};
use solana_instruction::Instruction;

use super::losses_scenes::{
    equity, leave_with, liquidated, standing, torn_up, trade, AVAX, RICH, TWIN, USDC,
};

/// What one permissionless step may cost, compute units.
const LIMIT: u32 = 350_000;
const MARKETS: [&str; 8] = [
    "AVAX-1", "AVAX-2", "AVAX-3", "AVAX-4", "AVAX-5", "AVAX-6", "AVAX-7", "AVAX-8",
];

/// Ann holds a position in each of eight markets and rests 64 orders in each.
fn largest(lots: [u64; 8]) -> World {
    let mut world = World::trading(&MARKETS);
    for name in ["bob", "cat"] {
        world.trader(name, RICH, &MARKETS);
    }
    world.create_margin_account("ann").unwrap();
    world.deposit("ann", RICH).unwrap();
    for (symbol, lots) in MARKETS.iter().zip(lots) {
        world.claim_seat("ann", symbol, 64).unwrap();
        trade(&mut world, symbol, "bob", "ann", 20_000, lots);
    }
    world.keeper();
    world
}

fn rest_everywhere(world: &mut World) {
    for symbol in MARKETS {
        for batch in 0..4 {
            let orders: Vec<_> = (0..16).map(|n| bid(10_000 + batch * 16 + n, 1)).collect();
            world.place_many("ann", symbol, &orders).unwrap();
        }
    }
}

/// The call with the account's other markets writable too.
fn all_books(mut call: Instruction) -> Instruction {
    let len = call.accounts.len();
    for meta in &mut call.accounts[len - 7..] {
        meta.is_writable = true;
    }
    call
}

fn step(world: &mut World, call: Instruction) -> Outcome {
    let sent = world.send_within(LIMIT, &[call], &["keeper".into()]);
    if let Ok(sent) = &sent {
        println!("{} units", sent.units);
    }
    sent
}

fn liquidate_all_books(world: &mut World, symbol: &str) -> Outcome {
    let call = all_books(world.liquidate_ix("ann", symbol));
    step(world, call)
}

#[test]
fn attack_17_every_slot_of_eight_markets_full_is_liquidated_within_the_limit() {
    let mut world = largest([1_000; 8]);
    rest_everywhere(&mut world);
    // The next leg's book: thirty-two makers, each with a position of its own.
    for number in 0..32 {
        let name = format!("maker-{number}");
        world.create_margin_account(&name).unwrap();
        world.deposit(&name, RICH).unwrap();
        for symbol in MARKETS {
            world.claim_seat(&name, symbol, 1).unwrap();
        }
    }
    leave_with(&mut world, "ann", 50_000_000, "cat");
    let (q, margin) = standing(&world, "ann");
    assert!(q > 0 && q < i64::try_from(margin).unwrap());
    let next = world.view("ann").liquidation_leg(world.now()).unwrap();
    let symbol = MARKETS
        .into_iter()
        .find(|symbol| world.market_address(symbol) == next)
        .unwrap();
    for number in 0..32 {
        let name = format!("maker-{number}");
        trade(&mut world, symbol, "bob", &name, 20_000, 3);
        world
            .place(&name, symbol, bid(19_900 + number, 15))
            .unwrap();
    }
    // 512 orders leave by 64 a call; the last of them trades with all thirty-two makers in the same call.
    for call in 1..=8 {
        let done = liquidated(&liquidate_all_books(&mut world, symbol).unwrap());
        assert_eq!(done.cancelled, 64, "call {call}");
        assert_eq!(done.filled_lots, if call == 8 { 32 * 15 } else { 0 });
    }
    assert!(MARKETS
        .iter()
        .all(|symbol| world.seat("ann", symbol).orders == 0));
    world.assert_sound();
    // Broke in all eight: each leg is torn up within the limit, however many others there are.
    leave_with(&mut world, "ann", 0, "cat");
    for _ in MARKETS {
        let next = world.view("ann").liquidation_leg(world.now()).unwrap();
        let symbol = MARKETS
            .into_iter()
            .find(|symbol| world.market_address(symbol) == next)
            .unwrap();
        let call = world.tear_up_ix("ann", symbol);
        step(&mut world, call).unwrap();
    }
    let call = world.settle_ix("ann", &MARKETS);
    step(&mut world, call).unwrap();
    assert!(MARKETS
        .iter()
        .all(|symbol| world.holding("ann", symbol).base == 0));
    assert!(equity(&world, "ann") >= 0);
    world.assert_sound();
}

#[test]
fn attack_17_a_takeover_between_two_accounts_of_eight_markets_is_within_the_limit() {
    let mut world = largest([1_000; 8]);
    for symbol in MARKETS {
        trade(&mut world, symbol, "bob", "cat", 20_000, 500);
    }
    leave_with(&mut world, "ann", 50_000_000, "bob");
    let next = world.view("ann").liquidation_leg(world.now()).unwrap();
    let symbol = MARKETS
        .into_iter()
        .find(|symbol| world.market_address(symbol) == next)
        .unwrap();
    liquidate_all_books(&mut world, symbol).unwrap();
    world.advance_fresh(10);
    let taken = world.take_over_ix("cat", "ann", symbol, u64::MAX);
    let sent = world.send_within(LIMIT, &[taken], &["cat".into()]).unwrap();
    println!("{} units", sent.units);
    world.assert_sound();
}

/// Seven of eight legs are stale: the fresh one is closed, and as each comes back it is the next.
#[test]
fn attack_18_one_fresh_leg_is_progress() {
    let mut world = largest([100, 100, 100, 10_000, 100, 100, 100, 100]);
    leave_with(&mut world, "ann", 50_000_000, "cat");
    let big = MARKETS[3];
    world.place("cat", big, bid(19_990, 10_000)).unwrap();
    world.advance(20);
    world.assert_rejected(EngineError::NotLiquidatable, |world| {
        world.liquidate("ann", big)
    });
    world.publish(big, 20_000);
    world.refresh(big).unwrap();
    // A stale leg is never next, however the caller asks.
    for symbol in [MARKETS[0], MARKETS[7]] {
        world.assert_rejected(EngineError::WrongMarketAccounts, |world| {
            world.liquidate("ann", symbol)
        });
    }
    let mut broke = world.clone();
    assert!(liquidated(&world.liquidate("ann", big).unwrap()).filled_lots > 0);
    world.assert_sound();
    // Broke beyond any favour: leg by leg, in whatever order the indices come back.
    leave_with(&mut broke, "ann", 0, "cat");
    broke.move_index(big, 19_500);
    torn_up(&mut broke, "ann", big);
    for symbol in MARKETS.into_iter().filter(|symbol| *symbol != big).rev() {
        broke.assert_refused(|world| world.tear_up("ann", symbol));
        broke.publish(symbol, 19_500);
        broke.refresh(symbol).unwrap();
        let _ = broke.tear_up("ann", symbol);
    }
    broke.keep_fresh();
    for symbol in MARKETS {
        if broke.holding("ann", symbol).base != 0 {
            torn_up(&mut broke, "ann", symbol);
        }
    }
    // What is left is in flat legs: at most one step each.
    for _ in MARKETS {
        let legs = broke.legs("ann");
        let Some(leg) = legs.largest_loss().filter(|_| equity(&broke, "ann") < 0) else {
            break;
        };
        let symbol = MARKETS
            .into_iter()
            .find(|symbol| broke.market_address(symbol).to_bytes() == leg.market)
            .unwrap();
        torn_up(&mut broke, "ann", symbol);
    }
    assert!(equity(&broke, "ann") >= 0);
    broke.assert_sound();
}

/// A market without a free block and accounts without a free entry: everybody reaches flat, cash and the exit.
#[test]
fn attack_44_a_full_market_and_a_full_account_reach_the_exit() {
    let mut world = World::new();
    world.open_market(&MarketSpec::preset(AVAX).blocks(13 + 5 * 17));
    world.open_market(&MarketSpec::preset(TWIN));
    for name in ["ann", "len", "bob", "eve", "dan"] {
        world.trader(name, RICH, &[AVAX]);
    }
    world.trader("out", RICH, &[TWIN]);
    world.assert_rejected(EngineError::ArenaFull, |world| {
        world.claim_seat("out", AVAX, 1)
    });
    trade(&mut world, AVAX, "bob", "ann", 20_000, 13_000);
    trade(&mut world, AVAX, "eve", "ann", 20_000, 7_000);
    trade(&mut world, AVAX, "eve", "len", 20_000, 1);
    leave_with(&mut world, "ann", 0, "out");
    let receipt = torn_up(&mut world, "ann", AVAX);
    assert_eq!(receipt.epoch_ended, 1, "its end found a block");
    for name in ["bob", "eve", "len"] {
        if world.holding(name, AVAX).base != 0 {
            let sold = world.holding(name, AVAX).base.unsigned_abs() / 1_000_000;
            if sold != 0 {
                trade(&mut world, AVAX, "len", "dan", 20_000, sold);
                trade(&mut world, AVAX, "dan", "bob", 20_000, sold);
            }
        }
    }
    for _ in 0..3 {
        for name in ["bob", "eve", "len", "dan"] {
            let base = world.holding(name, AVAX).base;
            if base != 0 && base.unsigned_abs() < 1_000_000 {
                world.close_remainder(name, AVAX).unwrap();
            }
        }
        let open: Vec<(&str, i64)> = ["bob", "eve", "len", "dan"]
            .into_iter()
            .map(|name| (name, world.holding(name, AVAX).base / 1_000_000))
            .filter(|(_, lots)| *lots != 0)
            .collect();
        let long = open.iter().find(|(_, lots)| *lots > 0);
        let short = open.iter().find(|(_, lots)| *lots < 0);
        if let (Some((long, a)), Some((short, b))) = (long, short) {
            let lots = a.unsigned_abs().min(b.unsigned_abs());
            trade(&mut world, AVAX, long, short, 20_000, lots);
        }
        world.assert_sound();
    }
    for _ in 0..2 {
        for name in ["ann", "bob", "eve", "len", "dan"] {
            let _ = world.settle(name, &[AVAX]);
        }
    }
    for name in ["bob", "eve", "len", "dan", "ann"] {
        assert_eq!(world.holding(name, AVAX).base, 0, "{name} is not flat");
        let claim = world.holding(name, AVAX).quote;
        assert!(claim.abs() <= 2, "{name} is owed {claim}");
        if claim == 0 {
            world.release_seat(name, AVAX).unwrap();
        }
        world.advance_fresh(130);
        let cash = u64::try_from(world.collateral(name)).unwrap();
        if cash > 10 {
            world.withdraw(name, cash - 10).unwrap();
        }
    }
    world.assert_sound();
}

/// Below maintenance, flagged, in a takeover, broke, torn up, stale: a deposit always goes through.
#[test]
fn attack_45_a_deposit_works_in_every_state_of_a_liquidation() {
    let mut world = super::losses_scenes::long_with(222 * USDC, 10_000);
    let deposits = |world: &World, what: &str| {
        let mut world = world.clone();
        let before = world.collateral("ann");
        let sent = world.deposit("ann", 7);
        assert!(sent.is_ok(), "{what}: {sent:?}");
        assert_eq!(world.collateral("ann"), before + 7, "{what}");
        world.assert_custody_exact();
    };
    world.place("ann", AVAX, ask(25_000, 100)).unwrap();
    world.move_index(AVAX, 18_400);
    deposits(&world, "below maintenance with orders");
    world.liquidate("ann", AVAX).unwrap();
    deposits(&world, "flagged, a takeover open");
    // And it cures: nobody takes over what a deposit has saved.
    let mut cured = world.clone();
    cured.deposit("ann", 100 * USDC).unwrap();
    cured.advance_fresh(10);
    cured.assert_rejected(EngineError::NotLiquidatable, |world| {
        world.take_over("cat", "ann", AVAX, 10_000)
    });
    let mut stale = world.clone();
    stale.advance(1_000);
    deposits(&stale, "stale");
    world.move_index(AVAX, 15_000);
    deposits(&world, "broke");
    torn_up(&mut world, "ann", AVAX);
    deposits(&world, "torn up");
    let _ = world.settle("ann", &[AVAX]);
    deposits(&world, "settled");
}

/// An index that nobody refreshed for a while counts against the holder for new risk; it is no reason to take a
/// solvent maker's orders off other books.
#[test]
fn attack_06_a_stale_index_lets_nobody_cancel_a_makers_orders() {
    let mut world = World::trading(&[AVAX, TWIN]);
    world.trader("bob", RICH, &[AVAX, TWIN]);
    world.trader("ann", 300 * USDC, &[AVAX, TWIN]);
    trade(&mut world, AVAX, "bob", "ann", 20_000, 5_000);
    world.place("ann", TWIN, bid(19_990, 5_000)).unwrap();
    world.advance(20);
    world.publish(TWIN, 20_000);
    world.refresh(TWIN).unwrap();
    let call = |world: &World| {
        let mut call = world.liquidate_ix("ann", TWIN);
        call.accounts.last_mut().unwrap().is_writable = true;
        call
    };
    world.keeper();
    let cancels = call(&world);
    world.assert_rejected(EngineError::NotLiquidatable, |world| {
        world.send(&[cancels], &["keeper".into()])
    });
}

/// Sixty-five reduce-only orders are two calls to cancel. They do not set the walk of a takeover back to its start.
#[test]
fn attack_44_orders_do_not_restart_the_takeovers_clock() {
    let mut world = World::trading(&[AVAX, TWIN]);
    for name in ["bob", "cat"] {
        world.trader(name, RICH, &[AVAX, TWIN]);
    }
    world.create_margin_account("ann").unwrap();
    world.deposit("ann", RICH).unwrap();
    for symbol in [AVAX, TWIN] {
        world.claim_seat("ann", symbol, 64).unwrap();
        trade(&mut world, symbol, "bob", "ann", 20_000, 10_000);
    }
    leave_with(&mut world, "ann", 150_000_000, "bob");
    let next = world.view("ann").liquidation_leg(world.now()).unwrap();
    let symbol = if next == world.market_address(AVAX) {
        AVAX
    } else {
        TWIN
    };
    let call = |world: &World| {
        let mut call = world.liquidate_ix("ann", symbol);
        call.accounts.last_mut().unwrap().is_writable = true;
        call
    };
    world.keeper();
    let first = call(&world);
    world.send(&[first], &["keeper".into()]).unwrap();
    let started = world.account("ann").takeover_started_at;
    assert!(started != 0);
    world.advance_fresh(10);
    for symbol in [AVAX, TWIN] {
        for batch in 0..3 {
            let orders: Vec<_> = (0..16)
                .map(|n| ask(21_000 + batch * 16 + n, 1).reduce_only())
                .collect();
            world.place_many("ann", symbol, &orders).unwrap();
        }
    }
    let both = [call(&world), call(&world)];
    let sent = world
        .send_within(1_400_000, &both, &["keeper".into()])
        .unwrap();
    let cancelled: u8 = sent
        .events_of::<events::Liquidated>()
        .iter()
        .map(|done| done.cancelled)
        .sum();
    assert_eq!(cancelled, 96);
    assert_eq!(world.account("ann").takeover_started_at, started);
    world.take_over("cat", "ann", symbol, 10_000).unwrap();
    world.assert_sound();
}
