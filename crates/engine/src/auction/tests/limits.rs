//! When an auction may begin and must end, the cap of open interest, and what a call admits.

use super::*;
use crate::place;
use crate::seats::tests::address_of;

fn kind(time_in_force: TimeInForce, request: OrderRequest) -> OrderRequest {
    OrderRequest {
        time_in_force,
        ..request
    }
}

#[test]
fn in_a_call_orders_cross_and_rest_whole() {
    let mut desk = calling(2);
    let sold = desk.place(0, 0, &ask(490, 5)).unwrap();
    let bought = desk.place(1, 0, &bid(510, 7)).unwrap();
    assert_eq!((sold.resting_lots, bought.resting_lots), (5, 7));
    assert_eq!((bought.filled_lots, bought.price), (0, 510));
    assert_eq!(desk.markets[0].header.arena.orders, 2);
}

#[test]
fn in_a_call_what_only_takes_is_refused() {
    let mut desk = calling(2);
    desk.place(0, 0, &ask(490, 5)).unwrap();
    for time_in_force in [TimeInForce::ImmediateOrCancel, TimeInForce::FillOrKill] {
        let refused = Err(EngineError::MarketHalted);
        assert_eq!(desk.place(1, 0, &kind(time_in_force, bid(510, 5))), refused);
    }
}

#[test]
fn in_a_call_a_post_only_order_crosses_nothing() {
    let mut desk = calling(2);
    desk.place(0, 0, &ask(490, 5)).unwrap();
    let refused = Err(EngineError::PostOnlyWouldCross);
    assert_eq!(
        desk.place(1, 0, &kind(TimeInForce::PostOnly, bid(490, 5))),
        refused
    );
    let slid = kind(TimeInForce::PostOnlySlide, bid(510, 5));
    assert_eq!(desk.place(1, 0, &slid).unwrap().price, 489);
}

#[test]
fn in_a_call_margin_is_asked_for_as_ever() {
    let mut desk = pit_with(&halting(), 1);
    let poor = desk.join(9, 1_000_000);
    trip(&mut desk);
    let refused = Err(EngineError::BelowInitialMargin);
    let placed = desk.place(poor, 0, &bid(500, 100));
    assert!(placed == refused || placed == Err(EngineError::TradeWorsensRisk));
    assert!(desk.place(poor, 0, &bid(500, 10)).is_ok());
}

#[test]
fn from_the_freeze_to_the_reopening_no_order_is_taken() {
    for second in 4..17 {
        let mut desk = calling(2);
        desk.env.now += second;
        desk.mark(0, MARK);
        let refused = Err(EngineError::MarketHalted);
        assert_eq!(desk.place(0, 0, &bid(500, 5)), refused, "second {second}");
    }
    let mut desk = calling(2);
    desk.env.now += 17;
    desk.mark(0, MARK);
    assert!(desk.place(0, 0, &bid(500, 5)).is_ok());
}

#[test]
fn a_call_on_a_stale_index_or_in_reduce_only_takes_reducing_orders_only() {
    let mut desk = pit_with(&halting(), 3);
    desk.trade(0, 1, 0, MARK, 10);
    trip(&mut desk);
    desk.env.now += 2;
    desk.markets[0].header.prices.index_time = desk.env.now - 16;
    assert_eq!(desk.place(2, 0, &bid(500, 5)), Err(EngineError::IndexStale));
    let reducing = OrderRequest {
        reduce_only: true,
        ..ask(500, 5)
    };
    assert!(desk.place(0, 0, &reducing).is_ok());
}

#[test]
fn the_price_waits_for_two_whole_slots_without_a_change() {
    let mut desk = calling(2);
    desk.place(0, 0, &bid(500, 5)).unwrap();
    desk.env.now += 3;
    desk.env.slot = 100;
    desk.place(1, 0, &ask(500, 5)).unwrap();
    desk.env.now = desk.markets[0].header.halt.call_ends_at;
    for (slot, fixes) in [(100, false), (101, false), (102, false), (103, true)] {
        desk.env.slot = slot;
        let mut copy = desk.clone();
        let mut auction = Auction::default();
        let done = step(&mut copy, 128, &mut auction);
        assert_eq!(done.fixed.is_some(), fixes, "slot {slot}");
        if !fixes {
            assert_eq!(done, Advanced::default());
            let same = bytemuck::bytes_of(&copy.markets[0].header)
                == bytemuck::bytes_of(&desk.markets[0].header);
            assert!(same, "nothing to do changes nothing");
        }
    }
}

#[test]
fn a_trip_itself_is_a_change_of_the_book() {
    let mut desk = calling(1);
    assert_eq!(desk.markets[0].header.halt.uncross_slot, desk.env.slot + 3);
    desk.env.now += 5;
    desk.env.slot += 2;
    assert!(!step(&mut desk, 128, &mut Auction::default()).resolved);
    desk.env.slot += 1;
    assert!(step(&mut desk, 128, &mut Auction::default()).resolved);
}

#[test]
fn before_the_end_of_the_call_and_after_the_auction_advancing_does_nothing() {
    let mut desk = calling(2);
    desk.place(0, 0, &bid(500, 5)).unwrap();
    desk.place(1, 0, &ask(500, 5)).unwrap();
    desk.env.slot += 100;
    for second in [0, 3, 4, 15, 16] {
        let mut copy = desk.clone();
        copy.env.now += second;
        let done = step(&mut copy, 128, &mut Auction::default());
        assert_eq!(done, Advanced::default(), "second {second}");
        assert_eq!(copy.markets[0].header.arena.orders, 2);
    }
    let mut desk = desk.clone();
    uncross(&mut desk);
    let after = desk.clone();
    let done = step(&mut desk, 128, &mut Auction::default());
    assert_eq!(done, Advanced::default());
    assert_eq!(desk.markets[0].blocks, after.markets[0].blocks);
}

#[test]
fn an_auction_ends_in_resolve_and_the_market_reopens_after_it() {
    let mut desk = calling(2);
    desk.place(0, 0, &bid(500, 5)).unwrap();
    desk.place(1, 0, &ask(500, 5)).unwrap();
    uncross(&mut desk);
    assert_eq!(phase(&desk), HaltPhase::Resolve);
    desk.env.now += 2;
    let done = step(&mut desk, 128, &mut Auction::default());
    let reopened = done.reopened.unwrap();
    assert_eq!(reopened.halted_seconds, 7);
    assert_eq!(phase(&desk), HaltPhase::Continuous);
}

#[test]
fn one_call_looks_at_no_more_orders_than_it_may() {
    let mut desk = calling(12);
    for account in 0..12 {
        for level in 0..8 {
            let request = if account < 6 {
                bid(500 + level, 1)
            } else {
                ask(500 - level, 1)
            };
            desk.place(account, 0, &request).unwrap();
        }
    }
    end_call(&mut desk);
    let mut auction = Auction::default();
    step(&mut desk, u16::MAX, &mut auction);
    // 96 orders are looked at twice, to find the price and to fill: 128 a call.
    assert!(auction.fixed.is_some());
    assert!(!auction.fills.is_empty() && auction.filled_lots < 48);
    run(&mut desk, u16::MAX);
    assert_eq!(desk.markets[0].header.arena.orders, 0);
}

#[test]
fn an_auction_that_runs_out_of_time_leaves_its_cross_and_trading_goes_on() {
    for calls in 0..9 {
        let mut desk = calling(6);
        let placed: Vec<Placed> = (0..4)
            .map(|account| {
                let request = if account < 2 {
                    bid(505, 5)
                } else {
                    ask(495, 4)
                };
                desk.place(account, 0, &request).unwrap()
            })
            .collect();
        end_call(&mut desk);
        let mut auction = Auction::default();
        for _ in 0..calls {
            step(&mut desk, 2, &mut auction);
        }
        audit(&desk);
        reopen(&mut desk);
        let header = &desk.markets[0].header;
        assert_eq!(header.halt.walk, bytemuck::Zeroable::zeroed());
        audit(&desk);
        assert_eq!(unbacked(&desk), 0);
        // What was not filled stays with its limits, and meets who comes.
        let filled: u64 = auction.by_order().values().sum();
        let left = 18 - filled;
        assert_eq!(resting(&desk).iter().map(|o| o.lots).sum::<u64>(), left);
        for order in &placed {
            assert!(auction.lots_of(order) <= 5);
        }
        let bids_left = desk.seat(0, 0).bid_lots + desk.seat(1, 0).bid_lots;
        let ioc = kind(TimeInForce::ImmediateOrCancel, ask(505, 20));
        let sold = desk.place(4, 0, &ioc).unwrap();
        assert_eq!(sold.filled_lots, bids_left);
        let ioc = kind(TimeInForce::ImmediateOrCancel, bid(495, 20));
        desk.place(5, 0, &ioc).unwrap();
        assert_eq!(desk.markets[0].header.arena.orders, 0);
        assert_eq!(unbacked(&desk), 0);
        audit(&desk);
    }
}

#[test]
fn the_next_halt_runs_its_auction_anew_after_one_that_ran_out_of_time() {
    let mut desk = calling(4);
    for (account, request) in [bid(505, 5), bid(504, 5), ask(495, 4), ask(496, 4)]
        .iter()
        .enumerate()
    {
        desk.place(account, 0, request).unwrap();
    }
    end_call(&mut desk);
    let mut auction = Auction::default();
    for _ in 0..3 {
        step(&mut desk, 2, &mut auction);
    }
    reopen(&mut desk);
    let left = indicative_of(&desk);
    trip(&mut desk);
    let again = uncross(&mut desk);
    assert_eq!(again.fixed.map(|f| (f.price, f.lots)), left);
    assert_eq!(indicative_of(&desk), None);
    audit(&desk);
}

/// A cap of twenty lots of which ten are open between the first two accounts.
fn capped() -> Desk {
    let params = MarketParams {
        open_interest_low: 1_000_000,
        open_interest_max: 20_000_000,
        ..halting()
    };
    let mut desk = pit_with(&params, 6);
    for account in 0..6 {
        desk.accounts[account].collateral = RICH as i64;
    }
    desk.trade(0, 1, 0, MARK, 10);
    trip(&mut desk);
    desk
}

#[test]
fn an_order_that_would_bring_open_interest_over_its_cap_leaves_the_book() {
    let mut desk = capped();
    let small = desk.place(2, 0, &bid(503, 8)).unwrap();
    let large = desk.place(3, 0, &bid(502, 8)).unwrap();
    let third = desk.place(4, 0, &bid(501, 2)).unwrap();
    let sold = desk.place(5, 0, &ask(495, 30)).unwrap();
    let auction = uncross(&mut desk);
    // The ask is the younger of the pair over the cap.
    let lots: Vec<u64> = [small, large, third, sold]
        .iter()
        .map(|p| auction.lots_of(p))
        .collect();
    assert_eq!(lots, vec![8, 0, 0, 8]);
    assert_eq!(desk.seat(5, 0).orders, 0);
    assert_eq!(desk.seat(3, 0).bid_lots, 8, "it stays with its limit");
    assert_eq!(desk.markets[0].header.open_interest(), 18_000_000);
    assert_eq!(unbacked(&desk), 0);
    audit(&desk);
}

#[test]
fn at_its_cap_what_raises_open_interest_by_nothing_still_trades() {
    let mut desk = capped();
    desk.place(5, 0, &ask(500, 10)).unwrap();
    let opened = desk.place(2, 0, &bid(503, 10)).unwrap();
    let takes_over = desk.place(3, 0, &bid(502, 10)).unwrap();
    // The long of ten sells its position.
    desk.place(0, 0, &ask(501, 10)).unwrap();
    let auction = uncross(&mut desk);
    assert_eq!(auction.lots_of(&opened), 10);
    assert_eq!(auction.lots_of(&takes_over), 10);
    assert_eq!(desk.markets[0].header.open_interest(), 20_000_000);
}

#[test]
fn over_a_cap_that_was_lowered_a_position_still_changes_hands() {
    let mut desk = capped();
    desk.markets[0].header.params.open_interest_max = 5_000_000;
    let takes_over = desk.place(2, 0, &bid(503, 10)).unwrap();
    desk.place(0, 0, &ask(501, 10)).unwrap();
    let auction = uncross(&mut desk);
    assert_eq!(auction.lots_of(&takes_over), 10);
    assert_eq!((desk.lots(0, 0), desk.lots(2, 0)), (0, 10));
}

#[test]
fn in_a_call_an_owner_cancels_and_anyone_removes_what_has_expired() {
    let mut desk = calling(2);
    let placed = desk.place(0, 0, &bid(500, 5)).unwrap();
    let soon = OrderRequest {
        expires_at: desk.env.now + 1,
        ..bid(499, 5)
    };
    let expiring = desk.place(0, 0, &soon).unwrap();
    desk.env.now += 2;
    let (seat, env) = (desk.seat_index(0, 0), desk.env);
    let mut market = desk.markets[0].get();
    let (order, sequence) = (placed.order, placed.sequence);
    assert!(place::cancel(&mut market, seat, &address_of(0), order, sequence).is_ok());
    let (order, sequence) = (expiring.order, expiring.sequence);
    assert!(place::remove_expired(&mut market, order, sequence, &env).is_ok());
    audit(&desk);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn open_interest_stays_under_its_cap_however_the_auction_is_chopped(
        book in super::book(),
        room in 0_u64..60,
    ) {
        let params = MarketParams { maker_fee_ppm: 1_000, ..halting() };
        let (mut desk, _) = called(&book, &params);
        let open = desk.markets[0].header.open_interest();
        let cap = open + room * 1_000_000;
        desk.markets[0].header.params.open_interest_max = cap;
        end_call(&mut desk);
        let mut at_once = desk.clone();
        let auction = run(&mut at_once, 128);
        prop_assert!(at_once.markets[0].header.open_interest() <= cap);
        prop_assert_eq!(unbacked(&at_once), 0);
        audit(&at_once);
        let sums = |bid: bool| -> u64 {
            let side = |fill: &&AuctionFill| (fill.side == OrderSide::Bid) == bid;
            auction.fills.iter().filter(side).map(|fill| fill.lots).sum()
        };
        prop_assert_eq!((sums(true), sums(false)), (auction.filled_lots, auction.filled_lots));
        for steps_max in [1, 2, 7] {
            let mut chopped = desk.clone();
            let same = run(&mut chopped, steps_max);
            prop_assert_eq!(same.by_order(), auction.by_order());
            prop_assert!(bytes(&chopped) == bytes(&at_once));
        }
    }
}
