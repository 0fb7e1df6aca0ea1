//! Orders that only reduce, and orders that meet their own owner.

use super::*;

#[test]
fn a_reduce_only_taker_is_clipped_to_its_position() {
    let (mut desk, maker, taker) = two();
    desk.trade(taker, maker, 0, 500, 3);
    desk.place(maker, 0, &bid(499, 9)).unwrap();
    let placed = desk.place(taker, 0, &reduce_only(ask(499, 8))).unwrap();
    assert_eq!((placed.filled_lots, placed.cancelled_lots), (3, 0));
    assert_eq!(desk.lots(taker, 0), 0);
}

#[test]
fn a_reduce_only_order_without_an_opposite_position_is_rejected() {
    let (mut desk, maker, taker) = two();
    let flat = desk.place(taker, 0, &reduce_only(ask(500, 1)));
    assert_eq!(flat, Err(EngineError::ReduceOnlyWouldNotReduce));
    desk.trade(taker, maker, 0, 500, 3);
    let adding = desk.place(taker, 0, &reduce_only(bid(500, 1)));
    assert_eq!(adding, Err(EngineError::ReduceOnlyWouldNotReduce));
    let adding = desk.place(maker, 0, &reduce_only(ask(500, 1)));
    assert_eq!(adding, Err(EngineError::ReduceOnlyWouldNotReduce));
}

#[test]
fn a_resting_reduce_only_order_is_clipped_to_the_position_at_the_fill() {
    let (mut desk, maker, taker) = two();
    desk.trade(maker, taker, 0, 500, 5);
    desk.place(maker, 0, &reduce_only(ask(510, 5))).unwrap();
    // The maker sells three of its five elsewhere.
    desk.place(taker, 0, &bid(500, 3)).unwrap();
    desk.place(maker, 0, &ask(500, 3)).unwrap();
    desk.place(maker, 0, &ask(511, 1)).unwrap();
    let placed = desk.place(taker, 0, &bid(511, 9)).unwrap();
    assert_eq!(fills(&desk), [(510, 2), (511, 1)]);
    assert_eq!(placed.resting_lots, 6);
    assert_eq!(desk.lots(maker, 0), -1);
    assert_eq!(
        (desk.seat(maker, 0).ask_lots, desk.seat(maker, 0).orders),
        (0, 0)
    );
}

#[test]
fn two_resting_reduce_only_orders_share_one_position() {
    let (mut desk, maker, taker) = two();
    desk.trade(maker, taker, 0, 500, 5);
    desk.place(maker, 0, &reduce_only(ask(510, 4))).unwrap();
    desk.place(maker, 0, &reduce_only(ask(511, 4))).unwrap();
    desk.place(maker, 0, &reduce_only(ask(512, 4))).unwrap();
    desk.place(taker, 0, &bid(512, 20)).unwrap();
    assert_eq!(fills(&desk), [(510, 4), (511, 1)]);
    assert_eq!(desk.plan.steps()[2].kind, StepKind::NothingToReduce);
    assert_eq!((desk.lots(maker, 0), desk.seat(maker, 0).orders), (0, 0));
}

#[test]
fn a_resting_reduce_only_order_never_opens_after_a_flip() {
    let (mut desk, maker, taker) = two();
    desk.trade(maker, taker, 0, 500, 2);
    desk.place(maker, 0, &reduce_only(ask(510, 2))).unwrap();
    desk.trade(taker, maker, 0, 500, 6);
    assert_eq!(desk.lots(maker, 0), -4);
    desk.place(taker, 0, &bid(510, 1)).unwrap();
    assert_eq!(desk.plan.fills().count(), 0);
    assert_eq!((desk.lots(maker, 0), desk.seat(maker, 0).ask_lots), (-4, 0));
}

#[test]
fn own_orders_meet_by_the_mode_asked_for() {
    // Own ask of 4 lots at 505, a stranger's of 3 at 506; the own bid takes 6 at 506.
    // (mode, filled, resting, asks left)
    type Levels = &'static [(u64, u64)];
    let cases: [(SelfTrade, u64, u64, Levels); 3] = [
        (SelfTrade::CancelTaker, 0, 0, &[(505, 4), (506, 3)]),
        (SelfTrade::CancelMaker, 3, 3, &[]),
        (SelfTrade::Decrement, 2, 0, &[(506, 1)]),
    ];
    for (self_trade, filled, resting, left) in cases {
        let (mut desk, stranger, own) = two();
        desk.place(own, 0, &ask(505, 4)).unwrap();
        desk.place(stranger, 0, &ask(506, 3)).unwrap();
        let request = OrderRequest {
            self_trade,
            ..bid(506, 6)
        };
        let placed = desk.place(own, 0, &request).unwrap();
        assert_eq!((placed.filled_lots, placed.resting_lots), (filled, resting));
        assert_eq!(book(&desk, OrderSide::Ask), left, "{self_trade:?}");
        assert_eq!(desk.lots(own, 0), filled as i64);
        let trades = desk.markets[0].header.cash.fills_total;
        assert_eq!(
            trades,
            u64::from(filled != 0),
            "nothing prints with oneself"
        );
    }
}

#[test]
fn a_decrement_of_the_smaller_leaves_the_larger_own_order() {
    let (mut desk, _, own) = two();
    desk.place(own, 0, &ask(505, 9)).unwrap();
    let request = OrderRequest {
        self_trade: SelfTrade::Decrement,
        ..bid(505, 2)
    };
    let placed = desk.place(own, 0, &request).unwrap();
    assert_eq!(
        (
            placed.filled_lots,
            placed.resting_lots,
            placed.cancelled_lots
        ),
        (0, 0, 0)
    );
    assert_eq!(book(&desk, OrderSide::Ask), [(505, 7)]);
    assert_eq!(desk.seat(own, 0).ask_lots, 7);
    assert_eq!(desk.markets[0].header.cash.fees_accrued, 0);
}

#[test]
fn an_equal_owner_tag_never_removes_another_accounts_order() {
    for self_trade in [
        SelfTrade::CancelTaker,
        SelfTrade::CancelMaker,
        SelfTrade::Decrement,
    ] {
        let (mut desk, maker, _) = two();
        // Same owner, hence same tag, another margin account.
        let sub_account = desk.join(1, RICH);
        desk.place(maker, 0, &ask(505, 4)).unwrap();
        let request = OrderRequest {
            self_trade,
            ..bid(506, 6)
        };
        let placed = desk.place(sub_account, 0, &request).unwrap();
        assert_eq!((placed.filled_lots, placed.cancelled_lots), (0, 6));
        assert_eq!(desk.plan.stop, StopReason::SelfTrade);
        assert_eq!(book(&desk, OrderSide::Ask), [(505, 4)]);
    }
}
