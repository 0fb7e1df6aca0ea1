//! Scenes of liquidation, loss events and credit.

use plimsoll_testkit::events::{DeleveragingExecuted, Liquidated, OrderPlaced, TakenOver};
use plimsoll_testkit::{ask, bid, OrderExt, World};

use super::scenes::{CASH, MARKETS, ORDERS_A_SEAT, PREMIUM};
use super::Report;

/// Makers that one order may meet (spec, "Orders").
const MAKERS_MAX: usize = 32;

/// What a vault of these scenes is funded with, quote atoms: junior stake and providers.
const VAULT: (u64, u64) = (100_000_000_000, 900_000_000_000);

/// Measures on worlds that begin as `world`: eight markets, the first with a deep book.
pub(super) fn measure(world: &World, report: &mut Report) {
    vaults(&mut world.clone(), report);
    draws(&mut world.clone(), report);
    worst_shape(&mut world.clone(), report);
    takeover(&mut world.clone(), report);
    tear_ups(&mut world.clone(), report);
    longest_chain(report);
}

/// Somebody who bought `lots` in the first market and 100 in the others from "other", with full order slots
/// and no more cash than initial margin asks for. `line` is what a vault lends it.
fn on_the_edge(world: &mut World, who: &str, lots: u64, line: u64) {
    world.create_margin_account(who).unwrap();
    world.deposit(who, CASH).unwrap();
    for symbol in MARKETS {
        world.claim_seat(who, symbol, ORDERS_A_SEAT).unwrap();
        // Between the best quotes of the book.
        let price = world.handle(symbol).price_ticks + PREMIUM;
        let wanted = if symbol == MARKETS[0] { lots } else { 100 };
        world.place("other", symbol, ask(price, wanted)).unwrap();
        let taken = world.place(who, symbol, bid(price, wanted).ioc()).unwrap();
        assert_eq!(taken.event::<OrderPlaced>().filled_lots, wanted);
    }
    let terms = world.terms(line, &MARKETS);
    world.lend("bank", who, VAULT, terms);
}

/// Leaves the account with what initial margin asks for.
fn withdraw_rest(world: &mut World, who: &str) {
    world.settle(who, &MARKETS).unwrap();
    world.advance_fresh(120);
    let free = world.view(who).preview(world.now()).unwrap().withdrawable;
    world.withdraw(who, free).unwrap();
}

/// All prices fall by half a percent at a time until the account is below maintenance.
fn fall_below_maintenance(world: &mut World, who: &str) {
    for step in 1_u64.. {
        world.advance(1);
        for symbol in MARKETS {
            let price = world.handle(symbol).price_ticks;
            world.publish(symbol, price - price / 200);
            world.refresh(symbol).unwrap();
        }
        if !world
            .view(who)
            .risk(world.now())
            .unwrap()
            .meets_maintenance()
            .unwrap()
        {
            break;
        }
        assert!(step < 100, "it stays above maintenance");
    }
}

/// Symbol of the market whose leg comes next.
fn next_leg(world: &World, who: &str) -> &'static str {
    let market = world.view(who).liquidation_leg(world.now()).unwrap();
    MARKETS
        .into_iter()
        .find(|symbol| world.market_address(symbol) == market)
        .unwrap()
}

fn vaults(world: &mut World, report: &mut Report) {
    world.open_vault("bank").unwrap();
    world.buy_junior("bank", VAULT.0).unwrap();
    let bought: Vec<u64> = (1..=8)
        .map(|part| {
            world
                .buy_shares("bank", "provider", VAULT.1 / 100 * part)
                .unwrap()
                .units
        })
        .collect();
    report.add("vault_deposit", &bought[1..]);
    let stake = world.stake("bank", "provider");
    world
        .request_redemption("bank", "provider", stake.shares / 2)
        .unwrap();
    world.advance_fresh(3_600);
    report.add(
        "redeem",
        &[world.pay_redemption("bank", "provider").unwrap().units],
    );
}

fn draws(world: &mut World, report: &mut Report) {
    on_the_edge(world, "pawn", 100, VAULT.1 / 10);
    withdraw_rest(world, "pawn");
    fall_below_maintenance(world, "pawn");
    let mut alone = world.clone();
    report.add("draw", &[alone.draw("bank", "pawn").unwrap().units]);
    let leg = next_leg(world, "pawn");
    let sent = world.liquidate("pawn", leg).unwrap();
    let [liquidated] = &sent.events_of::<Liquidated>()[..] else {
        panic!("one call of liquidate");
    };
    assert_ne!(liquidated.drawn, 0, "the line cures");
    report.add("liquidate_8_positions_with_draw", &[sent.units]);
}

/// Eight positions, a line that cannot cure, all but one of the order slots taken, and a slice that meets as
/// many makers as one order may.
fn worst_shape(world: &mut World, report: &mut Report) {
    on_the_edge(world, "wreck", 100_000, 1_000);
    let symbol = MARKETS[0];
    for price in 1..u64::from(ORDERS_A_SEAT) {
        world
            .place("wreck", symbol, bid(price, 1).post_only())
            .unwrap();
    }
    withdraw_rest(world, "wreck");
    fall_below_maintenance(world, "wreck");
    assert_eq!(next_leg(world, "wreck"), symbol);
    let sent = world.liquidate("wreck", symbol).unwrap();
    let done = &sent.events_of::<Liquidated>()[0];
    assert_eq!((done.drawn, done.cancelled), (0, ORDERS_A_SEAT - 1));
    let fills: usize = sent
        .events_of::<OrderPlaced>()
        .iter()
        .map(|placed| placed.fills.len())
        .sum();
    assert_eq!(fills, MAKERS_MAX, "as many makers as one order may meet");
    report.add("liquidate_worst_shape", &[sent.units]);
}

fn takeover(world: &mut World, report: &mut Report) {
    on_the_edge(world, "given", 100, 1_000);
    withdraw_rest(world, "given");
    fall_below_maintenance(world, "given");
    for step in 0.. {
        assert!(step < 8, "the book takes all");
        world.advance_fresh(1);
        let sent = world.liquidate("given", next_leg(world, "given")).unwrap();
        if sent.events_of::<Liquidated>()[0].takeover_started_at != 0 {
            break;
        }
    }
    let leg = next_leg(world, "given");
    let sent = world.take_over("eight", "given", leg, 1_000_000).unwrap();
    assert_ne!(sent.event::<TakenOver>().base, 0);
    report.add("absorb", &[sent.units]);
}

/// A loss event in a market with a deep book, and what it adds to a winner's next settle.
fn tear_ups(world: &mut World, report: &mut Report) {
    let symbol = MARKETS[0];
    let price = world.handle(symbol).price_ticks;
    for (who, cash) in [("gone", 300_000_000), ("winner", CASH)] {
        world.trader(who, cash, &[symbol]);
    }
    let agreed = price + PREMIUM;
    world.place("winner", symbol, ask(agreed, 10_000)).unwrap();
    world
        .place("gone", symbol, bid(agreed, 10_000).ioc())
        .unwrap();
    world.move_index(symbol, price / 2);
    world.settle("winner", &[symbol]).unwrap();
    world.advance_fresh(5);
    let before = world.settle("winner", &[symbol]).unwrap().units;
    let sent = world.tear_up("gone", symbol).unwrap();
    let receipt = sent.event::<DeleveragingExecuted>();
    assert!(receipt.charged != 0 && receipt.scale_after < receipt.scale_before);
    report.add("tear_up", &[sent.units]);
    world.advance_fresh(5);
    let after = world.settle("winner", &[symbol]).unwrap().units;
    report.add("adl_settle_per_position", &[after.saturating_sub(before)]);
}

/// A winner that slept through as many epochs as one touch may pass.
fn longest_chain(report: &mut Report) {
    let mut world = World::trading(&["AVAX"]);
    world.trader("sleeper", CASH, &["AVAX"]);
    let fresh = {
        let mut world = world.clone();
        open_and_close(&mut world, "sleeper", 0, false);
        world.settle("sleeper", &["AVAX"]).unwrap().units
    };
    open_and_close(&mut world, "sleeper", 0, true);
    for round in 1..5 {
        let winner = format!("winner-{round}");
        world.trader(&winner, CASH, &["AVAX"]);
        open_and_close(&mut world, &winner, round, true);
    }
    let sides = world.market("AVAX").header.sides;
    assert_eq!(sides[1].epoch - world.seat("sleeper", "AVAX").epoch, 5);
    let chain = world.settle("sleeper", &["AVAX"]).unwrap().units;
    report.add("adl_settle_longest_chain", &[chain.saturating_sub(fresh)]);
}

/// `winner` sells to somebody without the cash for the fall that follows, who is torn up.
fn open_and_close(world: &mut World, winner: &str, round: u64, tear_up: bool) {
    let loser = format!("loser-{round}");
    let price = world.handle("AVAX").price_ticks;
    world.trader(&loser, price * 1_000, &["AVAX"]);
    world.place(winner, "AVAX", ask(price, 300)).unwrap();
    world.place(&loser, "AVAX", bid(price, 300)).unwrap();
    world.advance(1);
    world.move_index("AVAX", price - price / 3);
    if tear_up {
        world.tear_up(&loser, "AVAX").unwrap();
    }
}
