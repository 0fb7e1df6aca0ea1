//! Who gets what at the fixed price, and that the number of calls makes no difference.

use super::*;
use crate::math::join_unsigned;

/// Lots of each order at that price: priority, until the matched lots are used up.
fn expected_fills(side: &[(Rests, u64)], bid: bool, price: u64, lots: u64) -> BTreeMap<u64, u64> {
    let mut left = lots;
    let mut fills = BTreeMap::new();
    for (order, part) in side {
        let trades = if bid {
            order.ticks >= price
        } else {
            order.ticks <= price
        };
        let lots = if trades { (*part).min(left) } else { 0 };
        left -= lots;
        if lots != 0 {
            fills.insert(order.sequence, lots);
        }
    }
    assert_eq!(left, 0, "the matched lots are there");
    fills
}

/// A maker fee of which every fill pays whole atoms, so that splitting an order loses nothing to rounding.
fn even_fees() -> MarketParams {
    MarketParams {
        maker_fee_ppm: 1_000,
        ..halting()
    }
}

fn positions(desk: &Desk) -> Vec<i64> {
    (0..desk.accounts.len())
        .map(|account| desk.lots(account, 0))
        .collect()
}

/// What must hold of an auction without a cap: its fills are the model's, at one price within every limit.
fn check_fills(before: &Desk, rests: &[Rests], book: &Book, after: &Desk, auction: &Auction) {
    let [bids, asks] = sides(before, rests, &book.positions);
    let expected = brute_force(&bids, &asks, book.reference);
    assert_eq!(auction.fixed.map(|f| (f.price, f.lots)), expected);
    let Some((price, lots)) = expected else {
        assert!(auction.fills.is_empty());
        return;
    };
    let mut model = expected_fills(&bids, true, price, lots);
    model.extend(expected_fills(&asks, false, price, lots));
    assert_eq!(auction.by_order(), model);
    assert_eq!(auction.filled_lots, lots);
    let mut moved = positions(before);
    let (mut fees, mut volume) = (0, 0_u128);
    for fill in &auction.fills {
        let order = rests.iter().find(|r| r.sequence == fill.sequence).unwrap();
        let bid = fill.side == OrderSide::Bid;
        assert_eq!((bid, fill.liquidation), (order.bid, false));
        assert!(if bid {
            order.ticks >= price
        } else {
            order.ticks <= price
        });
        assert_eq!(fill.quote, fill.lots * price * 1_000, "one price");
        let ppm = u64::from(before.markets[0].header.params.maker_fee_ppm);
        assert_eq!(fill.fee, (fill.quote * ppm).div_ceil(1_000_000));
        fees += fill.fee;
        volume += u128::from(if bid { fill.quote } else { 0 });
        moved[order.account] += if bid { 1 } else { -1 } * fill.lots as i64;
    }
    assert_eq!(positions(after), moved);
    let (was, is) = (&before.markets[0].header, &after.markets[0].header);
    assert_eq!(is.cash.fees_accrued - was.cash.fees_accrued, fees);
    assert_eq!(is.cash.fees_total - was.cash.fees_total, fees);
    let traded = join_unsigned(is.cash.volume) - join_unsigned(was.cash.volume);
    assert_eq!(traded, volume);
    assert_eq!(is.cash.liquidation_fees_accrued, 0);
    assert_eq!(is.prices.last_trade_ticks, price);
    assert_eq!(is.prices.last_trade_time, after.env.now);
}

/// What is left on the book: whatever did not trade, less what did; nothing that still could cross but one
/// side of a level.
fn check_leftovers(rests: &[Rests], after: &Desk, auction: &Auction) {
    let filled = auction.by_order();
    for order in resting(after) {
        let rested = rests.iter().find(|r| r.sequence == order.sequence).unwrap();
        let taken = filled.get(&order.sequence).copied().unwrap_or(0);
        assert_eq!(
            (order.lots, order.price),
            (rested.lots - taken, rested.ticks)
        );
    }
    audit(after);
    assert_eq!(unbacked(after), 0);
    assert_eq!(indicative_of(after), None, "the cross is gone");
}

#[test]
fn everybody_pays_the_makers_fee_and_one_price() {
    let mut desk = calling(2);
    desk.place(0, 0, &bid(510, 10)).unwrap();
    desk.place(1, 0, &ask(490, 10)).unwrap();
    let auction = uncross(&mut desk);
    let flow = 10 * 500 * 1_000;
    for (fill, side) in auction.fills.iter().zip([OrderSide::Bid, OrderSide::Ask]) {
        assert_eq!((fill.side, fill.lots, fill.quote), (side, 10, flow));
        assert_eq!(fill.fee, flow / 10_000);
    }
    assert_eq!(desk.held(0, 0).quote, -((flow + flow / 10_000) as i64));
    assert_eq!(desk.held(1, 0).quote, (flow - flow / 10_000) as i64);
    assert_eq!((desk.lots(0, 0), desk.lots(1, 0)), (10, -10));
    assert_eq!(desk.markets[0].header.cash.fills_total, 2);
}

#[test]
fn of_two_orders_at_a_price_the_older_is_filled_first() {
    let mut desk = calling(4);
    let late = |account, lots| (account, bid(500, lots));
    let placed: Vec<Placed> = [late(0, 5), late(1, 5), late(2, 5)]
        .iter()
        .map(|(account, request)| desk.place(*account, 0, request).unwrap())
        .collect();
    desk.place(3, 0, &ask(500, 7)).unwrap();
    let auction = uncross(&mut desk);
    let lots: Vec<u64> = placed.iter().map(|p| auction.lots_of(p)).collect();
    assert_eq!(lots, vec![5, 2, 0]);
}

#[test]
fn of_two_prices_the_better_is_filled_first() {
    let mut desk = calling(3);
    let worse = desk.place(0, 0, &bid(500, 5)).unwrap();
    let better = desk.place(1, 0, &bid(501, 5)).unwrap();
    desk.place(2, 0, &ask(500, 7)).unwrap();
    let auction = uncross(&mut desk);
    assert_eq!((auction.lots_of(&better), auction.lots_of(&worse)), (5, 2));
    assert_eq!(auction.fixed.unwrap().price, 500);
}

#[test]
fn a_large_order_is_filled_over_several_calls() {
    let mut desk = calling(7);
    for account in 0..6 {
        for ticks in 480..488 {
            desk.place(account, 0, &ask(ticks, 3)).unwrap();
        }
    }
    let large = desk.place(6, 0, &bid(500, 200)).unwrap();
    end_call(&mut desk);
    let auction = run(&mut desk, 7);
    assert_eq!(auction.lots_of(&large), 144);
    let parts = auction
        .fills
        .iter()
        .filter(|f| f.sequence == large.sequence);
    assert!(parts.count() > 5, "over several calls");
    assert_eq!(desk.seat(6, 0).bid_lots, 56);
    audit(&desk);
    assert_eq!(unbacked(&desk), 0);
}

#[test]
fn an_auction_in_single_steps_ends_too() {
    let mut desk = calling(2);
    desk.place(0, 0, &bid(500, 5)).unwrap();
    desk.place(1, 0, &ask(500, 5)).unwrap();
    for steps_max in [1, 0] {
        let mut desk = desk.clone();
        end_call(&mut desk);
        let auction = run(&mut desk, steps_max);
        assert_eq!(auction.filled_lots, 5);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn fills_are_those_of_priority_at_one_price(book in super::book()) {
        let (mut desk, rests) = called(&book, &halting());
        let before = desk.clone();
        let auction = uncross(&mut desk);
        check_fills(&before, &rests, &book, &desk, &auction);
        check_leftovers(&rests, &desk, &auction);
    }

    #[test]
    fn the_number_of_calls_changes_no_byte(book in super::book()) {
        let (mut desk, rests) = called(&book, &even_fees());
        end_call(&mut desk);
        let mut at_once = desk.clone();
        let auction = run(&mut at_once, 128);
        for steps_max in [1, 2, 3, 7] {
            let mut chopped = desk.clone();
            let same = run(&mut chopped, steps_max);
            prop_assert_eq!(same.by_order(), auction.by_order());
            prop_assert!(bytes(&chopped) == bytes(&at_once));
            for account in 0..=ACCOUNTS {
                let opened = |desk: &Desk| desk.seat(account, 0).opened_at;
                let younger = opened(&chopped).abs_diff(opened(&at_once));
                prop_assert!(younger as usize <= same.calls, "a second a call at most");
            }
        }
        check_leftovers(&rests, &at_once, &auction);
    }

    #[test]
    fn more_calls_cost_an_order_at_most_an_atom_each(book in super::book()) {
        let (mut desk, _) = called(&book, &halting());
        end_call(&mut desk);
        let mut at_once = desk.clone();
        run(&mut at_once, 128);
        let mut chopped = desk.clone();
        let auction = run(&mut chopped, 2);
        let fees = |desk: &Desk| desk.markets[0].header.cash.fees_accrued;
        let extra = fees(&chopped) - fees(&at_once);
        prop_assert!(extra <= auction.fills.len() as u64);
        prop_assert_eq!(unbacked(&chopped), 0);
        for account in 0..=ACCOUNTS {
            prop_assert_eq!(chopped.lots(account, 0), at_once.lots(account, 0));
        }
    }

    #[test]
    fn an_order_may_change_hands_at_any_point_of_a_random_chopping(
        book in super::book(),
        steps in prop::collection::vec(0_u16..9, 1..60),
    ) {
        let (mut desk, rests) = called(&book, &even_fees());
        end_call(&mut desk);
        let mut at_once = desk.clone();
        let expected = run(&mut at_once, 128);
        let mut auction = Auction::default();
        let mut over = false;
        for steps_max in steps {
            over = over || step(&mut desk, steps_max, &mut auction).resolved;
            audit(&desk);
            prop_assert_eq!(unbacked(&desk), 0);
        }
        if !over {
            let rest = run(&mut desk, 128);
            auction.fills.extend(rest.fills);
        }
        prop_assert_eq!(auction.by_order(), expected.by_order());
        check_leftovers(&rests, &desk, &auction);
    }
}
