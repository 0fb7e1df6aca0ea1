//! What a borrower can hand to a friend while credit is drawn (spec §5, ADR 0015).

use super::*;
use crate::place::TimeInForce;

fn taking(request: OrderRequest) -> OrderRequest {
    OrderRequest {
        time_in_force: TimeInForce::ImmediateOrCancel,
        ..request
    }
}

fn reduce_only(request: OrderRequest) -> OrderRequest {
    OrderRequest {
        reduce_only: true,
        ..request
    }
}

/// A borrower with `lots` in each market (negative: short), own equity `equity` and a million lent; its friend.
fn lent(
    parameters: &[MarketParams],
    lots: &[i64],
    equity: i64,
    credit: u64,
) -> (Desk, usize, usize) {
    let mut desk = Desk::with(parameters, 600);
    let borrower = desk.stranger(1, 1 << 50);
    let friend = desk.join(2, 1 << 50);
    for (market, lots) in lots.iter().enumerate() {
        desk.claim(borrower, market, 64).unwrap();
        let size = lots.unsigned_abs();
        if *lots > 0 {
            desk.trade(borrower, friend, market, 500, size);
        } else {
            desk.trade(friend, borrower, market, 500, size);
        }
        desk.seat_mut(borrower, market).quote = -lots * 500_000;
    }
    desk.accounts[borrower].collateral = equity;
    desk.accounts[borrower].credit_principal = credit;
    (desk, borrower, friend)
}

fn equity(desk: &Desk, account: usize) -> i64 {
    desk.risk(account).equity
}

#[test]
fn adr_0015_ten_lots_at_375_take_none_of_the_lenders_million() {
    for (ticks, accepted) in [(375, false), (470, false), (471, true), (500, true)] {
        let (mut desk, borrower, friend) = lent(&[params()], &[10], 297_500, 1_000_000);
        desk.place(friend, 0, &bid(ticks, 10)).unwrap();
        let placed = desk.place(borrower, 0, &taking(ask(ticks, 10)));
        let expected = if accepted {
            Ok(10)
        } else {
            Err(EngineError::TradeWorsensRisk)
        };
        assert_eq!(placed.map(|p| p.filled_lots), expected, "{ticks}");
        assert!(equity(&desk, borrower) >= 0);
        // At rest it may cost what a liquidation would: one tick under the mark and no more.
        let (mut desk, borrower, _) = lent(&[params()], &[10], 297_500, 1_000_000);
        let placed = desk.place(borrower, 0, &reduce_only(ask(ticks, 10)));
        let expected = if ticks >= 499 {
            Ok(10)
        } else {
            Err(EngineError::TradeWorsensRisk)
        };
        assert_eq!(placed.map(|p| p.resting_lots), expected, "{ticks}");
        // Without credit it is the account's own: with the same Q nobody minds but initial margin.
        let (mut desk, borrower, friend) = lent(&[params()], &[10], 1_297_500, 0);
        desk.place(friend, 0, &bid(ticks, 10)).unwrap();
        assert!(desk.place(borrower, 0, &taking(ask(ticks, 10))).is_ok());
    }
}

#[test]
fn without_equity_of_its_own_a_close_costs_what_a_liquidation_would() {
    // φ of five million is 15,000; the taker fee of 500 ppm is part of it: 1.25 ticks are left for ten lots.
    for (ticks, accepted) in [(499, true), (498, false)] {
        let (mut desk, borrower, friend) = lent(&[params()], &[10], -300_000, 1_000_000);
        desk.place(friend, 0, &bid(ticks, 10)).unwrap();
        let placed = desk.place(borrower, 0, &taking(ask(ticks, 10)));
        let cost = -300_000 - equity(&desk, borrower);
        assert_eq!(placed.is_ok(), accepted, "{ticks}");
        assert!(cost <= 15_000, "{cost}");
    }
}

fn sloped(slope: u32) -> MarketParams {
    MarketParams {
        size_slope_ppm: slope,
        size_free: 1,
        size_unit: 1_000_000,
        ..params()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// However it closes, and whatever flips lie between: e falls by no more than what was its own and φ of
    /// what it closed.
    #[test]
    fn a_borrower_passes_on_its_own_equity_and_what_closing_costs(
        lots in prop::collection::vec(prop_oneof![1_i64..30, -30_i64..-1], 1..=2),
        own in -500_000_i64..1_500_000,
        credit in 0_u64..4_000_000,
        slope in prop_oneof![Just(0_u32), Just(2_000), Just(30_000)],
        trades in prop::collection::vec((0_usize..2, 1_u64..45, 1_u64..1_000, any::<bool>()), 1..40),
    ) {
        let parameters: Vec<MarketParams> = lots.iter().map(|_| sloped(slope)).collect();
        let credit = credit.max(1 + (-own).max(0) as u64);
        let (mut desk, borrower, friend) = lent(&parameters, &lots, own, credit);
        let (mut closed, mut done) = (0_u64, 0_u64);
        for (market, size, ticks, greedy) in trades {
            let market = market % lots.len();
            let before = desk.lots(borrower, market);
            if before == 0 {
                continue;
            }
            // The worst price that is accepted, found by bisection, or any.
            let sells = before > 0;
            let attempt = |desk: &mut Desk, ticks: u64| {
                let (offer, order) = if sells { (bid(ticks, size), ask(ticks, size)) } else { (ask(ticks, size), bid(ticks, size)) };
                desk.place(friend, market, &taking(offer)).unwrap();
                let mut copy = desk.clone();
                copy.place(friend, market, &offer).unwrap();
                copy.place(borrower, market, &taking(order)).ok()?;
                Some(copy)
            };
            let mut price = ticks;
            if greedy {
                let (mut good, mut bad) = (500, if sells { 0 } else { 1_500 });
                while u64::abs_diff(good, bad) > 1 {
                    let middle = (good + bad) / 2;
                    if attempt(&mut desk, middle).is_some() { good = middle } else { bad = middle }
                }
                price = good;
            }
            let Some(after) = attempt(&mut desk, price) else { continue };
            closed += before.unsigned_abs().saturating_sub(after.lots(borrower, market).unsigned_abs());
            done += 1;
            desk = after;
            let fallen = own - equity(&desk, borrower);
            let cost = closed * 500_000 * 3_000 / 1_000_000;
            prop_assert!(fallen <= own.max(0) + cost as i64 + done as i64, "{fallen} of {own}, {cost}");
        }
    }
}

#[test]
fn resting_orders_pass_on_no_more_than_one_that_takes() {
    // Twenty lots at a margin that grows from 9% to 85%: the first lot off frees twice its part of the margin.
    let own = 2_000_000;
    let (mut desk, borrower, friend) = lent(&[sloped(40_000)], &[20], own, 40_000_000);
    for _ in 0..20 {
        let worst = (1..500).find(|ticks| {
            let mut copy = desk.clone();
            copy.place(borrower, 0, &reduce_only(ask(*ticks, 1)))
                .is_ok()
        });
        desk.place(borrower, 0, &reduce_only(ask(worst.unwrap(), 1)))
            .unwrap();
    }
    desk.place(friend, 0, &taking(bid(1_000, 20))).unwrap();
    assert_eq!(desk.lots(borrower, 0), 0);
    let fallen = own - equity(&desk, borrower);
    assert!(fallen <= own + 30_000, "{fallen} of {own}");
}
