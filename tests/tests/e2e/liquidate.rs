//! `liquidate`, `take_over` and `tear_up` (spec §8, §9): the course from maintenance margin to insolvency.

use plimsoll_testkit::{ask, bid, events, EngineError, OrderExt, World};

/// Cash that the long of these tests begins with, quote atoms.
const CASH: u64 = 7_000_000;
/// Lots that it buys at 20,000 ticks: 60 USDC of notional, 6.6 of initial margin.
const LOTS: u64 = 300;

/// Ann is long on little cash, bob short on much, cat without a position.
fn long_on_little_cash() -> World {
    let mut world = World::trading(&["AVAX"]);
    world.trader("ann", CASH, &["AVAX"]);
    world.trader("bob", 100_000_000_000, &["AVAX"]);
    world.trader("cat", 100_000_000_000, &["AVAX"]);
    world.place("bob", "AVAX", ask(20_000, LOTS)).unwrap();
    world.place("ann", "AVAX", bid(20_000, LOTS)).unwrap();
    world
}

fn standing(world: &World, actor: &str) -> (i64, u64) {
    let risk = world.view(actor).risk(world.now()).unwrap();
    (risk.equity_with_credit().unwrap(), risk.maintenance_margin)
}

#[test]
fn an_account_at_maintenance_is_left_alone() {
    let mut world = long_on_little_cash();
    world.move_index("AVAX", 18_900);
    let (q, margin) = standing(&world, "ann");
    assert!(q >= i64::try_from(margin).unwrap());
    world.keeper();
    world.assert_rejected(EngineError::NotLiquidatable, |world| {
        world.liquidate("ann", "AVAX")
    });
}

#[test]
fn a_long_is_reduced_in_the_book_to_115_percent_of_its_margin_and_no_further() {
    let mut world = long_on_little_cash();
    world.move_index("AVAX", 18_700);
    let (q, margin) = standing(&world, "ann");
    assert!(q < i64::try_from(margin).unwrap());
    world.place("cat", "AVAX", bid(18_690, 1_000)).unwrap();
    let sent = world.liquidate("ann", "AVAX").unwrap();
    let [done] = &sent.events_of::<events::Liquidated>()[..] else {
        panic!("{:?}", sent.events);
    };
    assert!(
        done.filled_lots > 0 && done.filled_lots < LOTS,
        "{} lots of {LOTS}",
        done.filled_lots
    );
    let (q, margin) = standing(&world, "ann");
    assert!(
        q * 100 >= i64::try_from(margin * 115).unwrap(),
        "{q} over {margin}"
    );
    // One lot less would not have done.
    assert!(q * 100 < i64::try_from((margin + margin / 20) * 120).unwrap());
    // The treasury has no share in any of it: the fees lie apart.
    let cash = world.market("AVAX").header.cash;
    assert!(cash.liquidation_fees_accrued != 0 && cash.contributions_accrued != 0);
    world.assert_sound();
    world.assert_rejected(EngineError::NotLiquidatable, |world| {
        world.liquidate("ann", "AVAX")
    });
}

#[test]
fn nothing_trades_beyond_the_zero_price_and_a_takeover_opens() {
    let mut world = long_on_little_cash();
    world.move_index("AVAX", 18_700);
    world.place("cat", "AVAX", bid(17_000, 1_000)).unwrap();
    let done: events::Liquidated = world.liquidate("ann", "AVAX").unwrap().event();
    assert_eq!((done.filled_lots, done.reimbursed), (0, 0));
    assert!(done.limit > 17_000 && done.takeover_started_at == world.now());

    // At the mark at first, then ever better for the taker, until equity is used up.
    let quote = |world: &World, seconds: i64| {
        let mut world = world.clone();
        world.advance_fresh(seconds);
        world.liquidate("ann", "AVAX").unwrap();
        let taken: events::TakenOver = world
            .take_over("cat", "ann", "AVAX", 1_000)
            .unwrap()
            .event();
        world.assert_sound();
        taken.price
    };
    let mark = world.market("AVAX").header.prices.mark;
    assert_eq!(quote(&world, 0), mark);
    let later = quote(&world, 10);
    assert!(later < mark && quote(&world, 20) < later);
    assert_eq!(quote(&world, 20), quote(&world, 40), "no credit to walk on");
}

#[test]
fn a_takeover_needs_a_liquidation_that_tried_the_book() {
    let mut world = long_on_little_cash();
    world.move_index("AVAX", 18_700);
    world.assert_rejected(EngineError::TakeoverNotOpen, |world| {
        world.take_over("cat", "ann", "AVAX", 1_000)
    });
}

#[test]
fn an_insolvent_long_is_torn_up_and_the_whole_exchange_stays_whole() {
    let mut world = long_on_little_cash();
    world.move_index("AVAX", 17_000);
    let (q, _) = standing(&world, "ann");
    assert!(q < 0);
    let sent = world.tear_up("ann", "AVAX").unwrap();
    let receipt: events::DeleveragingExecuted = sent.event();
    assert_eq!(
        (receipt.deficit, receipt.charged, receipt.carried),
        (q.unsigned_abs(), q.unsigned_abs(), 0)
    );
    assert_eq!(receipt.quantity, LOTS * 1_000_000);
    assert_eq!(world.holding("ann", "AVAX").base, 0);
    assert_eq!(world.holding("bob", "AVAX").base, 0, "the whole short side");
    world.assert_sound();
    // The loser's cash pays the claim that is left, to the atom; the winner gets the rest of its gain.
    world.settle("ann", &["AVAX"]).unwrap();
    world.settle("bob", &["AVAX"]).unwrap();
    assert_eq!(world.collateral("ann"), 0);
    assert_eq!(world.holding("ann", "AVAX").quote, 0);
    let gain = world.collateral("bob") - 100_000_000_000;
    let move_and_fees = 300 * 3_000 * 10 - i64::try_from(q.unsigned_abs()).unwrap();
    assert!(
        (move_and_fees - gain).abs() < 100_000,
        "{gain} of {move_and_fees}"
    );
    world.assert_sound();
    world.assert_rejected(EngineError::NotLiquidatable, |world| {
        world.tear_up("ann", "AVAX")
    });
}

#[test]
fn a_solvent_account_is_not_torn_up() {
    let mut world = long_on_little_cash();
    world.move_index("AVAX", 18_700);
    world.keeper();
    world.assert_rejected(EngineError::AccountSolvent, |world| {
        world.tear_up("ann", "AVAX")
    });
}

#[test]
fn a_short_is_liquidated_like_a_long() {
    let mut world = World::trading(&["AVAX"]);
    world.trader("ann", CASH, &["AVAX"]);
    world.trader("bob", 100_000_000_000, &["AVAX"]);
    world.place("bob", "AVAX", bid(20_000, LOTS)).unwrap();
    world.place("ann", "AVAX", ask(20_000, LOTS)).unwrap();
    world.move_index("AVAX", 21_300);
    let (q, margin) = standing(&world, "ann");
    assert!(q < i64::try_from(margin).unwrap() && q > 0);
    world
        .place("bob", "AVAX", ask(21_310, 1_000).post_only())
        .unwrap();
    let sent = world.liquidate("ann", "AVAX").unwrap();
    let [done] = &sent.events_of::<events::Liquidated>()[..] else {
        panic!("{:?}", sent.events);
    };
    assert!(done.filled_lots > 0 && done.filled_lots < LOTS);
    let (q, margin) = standing(&world, "ann");
    assert!(q * 100 >= i64::try_from(margin * 115).unwrap());
    world.assert_sound();
}
