//! Attacks that pass a loss on: a favour paid out as money, orders that outlive the equity that margined them,
//! one market's deficit charged to another, a book that dust makes look empty (rows 2, 23, 41, 49).

use plimsoll_testkit::{ask, bid, events, EngineError, OrderExt, World};

use super::losses_scenes::{equity, liquidated, standing, trade, AVAX, RICH, TWIN, USDC};

fn two_markets(cash: u64) -> World {
    let mut world = World::trading(&[AVAX, TWIN]);
    for name in ["bob", "cat", "dora"] {
        world.trader(name, RICH, &[AVAX, TWIN]);
    }
    world.trader("ann", cash, &[AVAX, TWIN]);
    world.keeper();
    world
}

/// A leg whose index is stale counts in the holder's favour, so that nobody is liquidated on an old price. That
/// favour is no money: it must not be paid to whoever buys the other leg.
#[test]
fn attack_23_a_stale_legs_favour_is_not_paid_out_by_the_zero_price() {
    let mut world = two_markets(665 * USDC);
    trade(&mut world, AVAX, "bob", "ann", 20_000, 20_000);
    trade(&mut world, TWIN, "bob", "ann", 20_000, 10_000);
    world.advance(20);
    world.publish(AVAX, 17_000);
    world.refresh(AVAX).unwrap();
    // What ann has at the last marks is positive, and with the stale leg's favour less than its margin.
    let at_marks = {
        let mut fresh = world.clone();
        fresh.keep_fresh();
        equity(&fresh, "ann")
    };
    let (favoured, margin) = standing(&world, "ann");
    assert!(at_marks > 0 && favoured < i64::try_from(margin).unwrap());
    let limit = liquidated(&world.clone().liquidate("ann", AVAX).unwrap()).limit;
    world.place("cat", AVAX, bid(limit, 20_000)).unwrap();
    liquidated(&world.liquidate("ann", AVAX).unwrap());
    world.keep_fresh();
    let left = equity(&world, "ann");
    assert!(
        left >= -2,
        "{at_marks} of equity paid a discount that left {left}"
    );
}

/// The same by a takeover.
#[test]
fn attack_23_a_stale_legs_favour_is_not_paid_out_by_a_takeover() {
    let mut world = two_markets(665 * USDC);
    trade(&mut world, AVAX, "bob", "ann", 20_000, 20_000);
    trade(&mut world, TWIN, "bob", "ann", 20_000, 10_000);
    world.advance(20);
    world.publish(AVAX, 17_000);
    world.refresh(AVAX).unwrap();
    liquidated(&world.liquidate("ann", AVAX).unwrap());
    world.advance(14);
    world.publish(AVAX, 17_000);
    world.refresh(AVAX).unwrap();
    world.advance(14);
    world.take_over("cat", "ann", AVAX, 20_000).unwrap();
    world.keep_fresh();
    let left = equity(&world, "ann");
    assert!(left >= -2, "the takeover left {left}");
}

/// An account that has nothing left must not leave orders in any book: whoever trades against them trades with
/// the default fund. Nobody but the owner could take them off once the account is flat.
#[test]
fn attack_49_a_broke_account_leaves_no_orders_behind() {
    let mut world = two_markets(1_000 * USDC);
    trade(&mut world, TWIN, "bob", "ann", 20_000, 20_000);
    world.place("ann", AVAX, bid(19_990, 20_000)).unwrap();
    world.move_index(TWIN, 14_500);
    assert!(equity(&world, "ann") < 0);
    if world.tear_up("ann", TWIN).is_err() {
        return;
    }
    // Flat and broke. The index moves one percent, and a friend sells to ann's bid.
    assert_eq!(world.holding("ann", TWIN).base, 0);
    assert!(world.liquidate("ann", AVAX).is_err() && world.liquidate("ann", TWIN).is_err());
    world.move_index(AVAX, 19_800);
    let friend = equity(&world, "cat");
    let sold = world.place("cat", AVAX, ask(19_990, 20_000).ioc()).unwrap();
    let filled = sold.event::<events::OrderPlaced>().filled_lots;
    let receipt: events::DeleveragingExecuted = world.tear_up("ann", AVAX).unwrap().event();
    panic!(
        "{filled} lots sold to nobody: the friend is {} richer, others pay {}",
        equity(&world, "cat") - friend,
        receipt.deficit
    );
}

/// The same by a liquidation whose caller leaves out the other book.
#[test]
fn attack_49_a_liquidation_takes_the_orders_off_every_book() {
    let mut world = two_markets(1_000 * USDC);
    trade(&mut world, TWIN, "bob", "ann", 20_000, 20_000);
    world.place("ann", AVAX, bid(19_990, 20_000)).unwrap();
    world.move_index(TWIN, 15_870);
    let (q, margin) = standing(&world, "ann");
    assert!(q > 0 && q < i64::try_from(margin).unwrap());
    world.place("cat", TWIN, bid(15_890, 20_000)).unwrap();
    if world.liquidate("ann", TWIN).is_ok() {
        assert_eq!(world.seat("ann", AVAX).orders, 0);
    }
}

/// Each market pays its own share of a deficit, whichever leg goes first, and two legs take two steps.
#[test]
fn attack_41_each_market_pays_its_own_share_of_a_deficit() {
    let mut world = two_markets(1_000 * USDC);
    trade(&mut world, AVAX, "bob", "ann", 20_000, 20_000);
    trade(&mut world, TWIN, "dora", "ann", 20_000, 18_000);
    world.move_index(AVAX, 16_000);
    world.advance(1);
    world.publish(TWIN, 16_000);
    world.refresh(TWIN).unwrap();
    let deficit = equity(&world, "ann").unsigned_abs();
    let losses: Vec<u64> = world.legs("ann").iter().map(|leg| leg.risk.loss).collect();
    let total: u64 = losses.iter().sum();
    for (symbol, loss) in [(AVAX, losses[0]), (TWIN, losses[1])] {
        let receipt: events::DeleveragingExecuted = world.tear_up("ann", symbol).unwrap().event();
        let share = deficit * loss / total;
        assert!(
            receipt.deficit.abs_diff(share) <= 2,
            "{symbol} pays {} of {deficit}, its share is {share}",
            receipt.deficit
        );
    }
    assert!(equity(&world, "ann") >= 0, "two legs, two steps");
}

/// Dust in front of a deep book is not the end of the book: no takeover opens.
#[test]
fn attack_02_dust_in_front_of_a_deep_book_opens_no_takeover() {
    let mut world = two_markets(350 * USDC);
    trade(&mut world, AVAX, "bob", "ann", 20_000, 10_000);
    world.move_index(AVAX, 17_200);
    let (q, margin) = standing(&world, "ann");
    assert!(q > 0 && q < i64::try_from(margin).unwrap(), "{q} {margin}");
    for name in ["dust-1", "dust-2"] {
        world.trader(name, RICH, &[AVAX]);
        world.place_many(name, AVAX, &[bid(17_190, 1); 16]).unwrap();
    }
    world.place("dora", AVAX, bid(17_180, 10_000)).unwrap();
    let done = liquidated(&world.liquidate("ann", AVAX).unwrap());
    assert_eq!(done.filled_lots, 32, "the dust");
    assert_eq!(done.takeover_started_at, 0, "10,000 lots rest behind it");
}

/// A caller that passes a book read-only leaves no order in it: the call is refused.
#[test]
fn attack_49_a_book_that_is_passed_read_only_keeps_no_order() {
    let mut world = two_markets(1_000 * USDC);
    trade(&mut world, TWIN, "bob", "ann", 20_000, 20_000);
    world.place("ann", AVAX, bid(19_990, 20_000)).unwrap();
    world.move_index(TWIN, 15_870);
    let mut call = world.liquidate_ix("ann", TWIN);
    call.accounts.last_mut().unwrap().is_writable = false;
    let sound = {
        let mut call = call.clone();
        call.accounts.last_mut().unwrap().is_writable = true;
        call
    };
    world.assert_rejected(EngineError::WrongMarketAccounts, |world| {
        world.send(&[call], &["keeper".into()])
    });
    world.send(&[sound], &["keeper".into()]).unwrap();
    assert_eq!(world.seat("ann", AVAX).orders, 0);
}
