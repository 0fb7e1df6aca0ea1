//! Settling claims: pools, gains before losses, stale legs, and the shortfall rule of ADR 0003.

use super::*;
use crate::seats::tests::address_of;
use crate::units::PriceQ32;

/// One account with a flat claim in each market, and the pools.
fn claims(cash: u64, legs: &[(i64, u64)]) -> (Desk, usize) {
    let mut desk = Desk::new(legs.len());
    let account = desk.join(1, cash);
    for (market, (quote, pool)) in legs.iter().enumerate() {
        desk.seat_mut(account, market).quote = *quote;
        desk.markets[market].header.cash.pool = *pool;
    }
    (desk, account)
}

fn quotes(desk: &Desk, account: usize) -> std::vec::Vec<i64> {
    (0..desk.markets.len())
        .map(|market| desk.seat(account, market).quote)
        .collect()
}

fn pools(desk: &Desk) -> std::vec::Vec<u64> {
    desk.markets.iter().map(|m| m.header.cash.pool).collect()
}

#[test]
fn a_gain_takes_what_the_pool_holds_and_the_rest_stays_a_claim() {
    let (mut desk, a) = claims(10, &[(1_000, 400)]);
    let [leg, ..] = desk.settle(a, &[0]).unwrap();
    assert_eq!((leg.gain_paid, leg.gain_unpaid), (400, 600));
    assert_eq!(
        (
            desk.accounts[a].collateral,
            quotes(&desk, a)[0],
            pools(&desk)[0]
        ),
        (410, 600, 0)
    );
    assert_eq!(desk.markets[0].header.cash.claim_unpaid_at, NOW);
    assert_eq!(unaged_gain(&desk.accounts[a], NOW), 400);
    // Paid in full later: the time of the last unpaid claim stays.
    desk.markets[0].header.cash.pool = 601;
    desk.env.now += 1;
    desk.settle(a, &[0]).unwrap();
    assert_eq!((desk.accounts[a].collateral, pools(&desk)[0]), (1_010, 1));
    assert_eq!(desk.markets[0].header.cash.claim_unpaid_at, NOW);
}

#[test]
fn a_loss_moves_from_the_account_to_the_pool() {
    let (mut desk, a) = claims(1_000, &[(-300, 7)]);
    let [leg, ..] = desk.settle(a, &[0]).unwrap();
    assert_eq!((leg.loss_paid, leg.loss_unpaid), (300, 0));
    assert_eq!(
        (
            desk.accounts[a].collateral,
            quotes(&desk, a)[0],
            pools(&desk)[0]
        ),
        (700, 0, 307)
    );
}

#[test]
fn a_gain_pays_a_loss_in_another_market_whatever_the_order() {
    for order in [[0, 1], [1, 0]] {
        let (mut desk, a) = claims(0, &[(-300, 0), (300, 300)]);
        desk.settle(a, &order).unwrap();
        assert_eq!(
            (desk.accounts[a].collateral, quotes(&desk, a)),
            (0, std::vec![0, 0])
        );
        assert_eq!(pools(&desk), [300, 0]);
        assert_eq!(
            unaged_gain(&desk.accounts[a], NOW),
            0,
            "nothing is left to age"
        );
    }
}

#[test]
fn a_claim_is_settled_at_the_mark_and_the_position_stays() {
    let mut desk = Desk::new(1);
    let (a, b) = (desk.join(1, 1_000_000), desk.join(2, 1_000_000));
    desk.trade(a, b, 0, 500, 10);
    desk.mark(0, 510);
    desk.markets[0].header.cash.pool = 0;
    let [leg, ..] = desk.settle(b, &[0]).unwrap();
    // Maker's fee 500, and the debt rounded up.
    assert_eq!(leg.loss_paid, 100_500);
    let [leg, ..] = desk.settle(a, &[0]).unwrap();
    assert_eq!((leg.gain_paid, leg.gain_unpaid), (100_000 - 2_500 - 1, 0));
    assert_eq!((desk.lots(a, 0), desk.lots(b, 0)), (10, -10));
    let mark = PriceQ32(desk.markets[0].header.prices.mark);
    for account in [a, b] {
        let held = desk.held(account, 0);
        assert_eq!(held.quote + mark.position_value(held.base).unwrap(), 0);
    }
}

#[test]
fn losing_legs_share_a_shortfall_in_proportion() {
    let (mut desk, a) = claims(50, &[(-100, 0), (-200, 0), (-60, 0)]);
    let settled = desk.settle(a, &[0, 1, 2]).unwrap();
    let paid: std::vec::Vec<u64> = settled.iter().take(3).map(|leg| leg.loss_paid).collect();
    // ⌊50 · L / 360⌋; the remainder stays the account's.
    assert_eq!(paid, [13, 27, 8]);
    assert_eq!(
        (desk.accounts[a].collateral, pools(&desk)),
        (2, std::vec![13, 27, 8])
    );
    assert_eq!(quotes(&desk, a), [-87, -173, -52]);
}

#[test]
fn gains_of_the_same_settle_enter_the_shortfalls_cash() {
    let (mut desk, a) = claims(50, &[(-100, 0), (40, 30), (-200, 0)]);
    let settled = desk.settle(a, &[0, 1, 2]).unwrap();
    assert_eq!((settled[0].loss_paid, settled[2].loss_paid), (26, 53));
    assert_eq!((settled[1].gain_paid, settled[1].gain_unpaid), (30, 10));
}

#[test]
fn settling_one_losing_leg_again_and_again_takes_no_more_than_its_share() {
    let (mut desk, a) = claims(50, &[(-100, 0), (-100, 0)]);
    for _ in 0..200 {
        for legs in [&[0_usize][..], &[1]] {
            assert_eq!(desk.settle(a, legs), Err(EngineError::WrongMarketAccounts));
        }
        desk.settle(a, &[0, 1]).unwrap();
    }
    assert_eq!(pools(&desk), [25, 25]);
}

#[test]
fn repeating_a_shortfall_settle_moves_no_more_than_atoms() {
    let (mut desk, a) = claims(1_000_003, &[(-3_333_337, 0), (-1_000_001, 0), (-7, 0)]);
    desk.settle(a, &[0, 1, 2]).unwrap();
    let first = pools(&desk);
    assert!((0..=3).contains(&desk.accounts[a].collateral));
    for _ in 0..50 {
        desk.settle(a, &[0, 1, 2]).unwrap();
    }
    for (now, first) in pools(&desk).iter().zip(&first) {
        assert!(now - first <= 3);
    }
}

#[test]
fn a_shortfall_settle_without_every_losing_leg_is_rejected() {
    let (mut desk, a) = claims(50, &[(-100, 0), (-100, 0), (20, 0)]);
    for legs in [&[0_usize][..], &[1], &[0, 2], &[2, 1]] {
        assert_eq!(desk.settle(a, legs), Err(EngineError::WrongMarketAccounts));
    }
    // Winning legs need not be passed, and alone they settle as always.
    desk.settle(a, &[2]).unwrap();
    desk.settle(a, &[1, 0]).unwrap();
    assert_eq!(pools(&desk), [25, 25, 0]);
}

#[test]
fn a_stale_losing_leg_stops_a_shortfall_settle_and_no_other() {
    let mut desk = Desk::new(2);
    let (a, b) = (desk.join(1, 300_000), desk.join(2, 1 << 40));
    desk.trade(a, b, 0, 500, 1);
    desk.mark(0, 400);
    desk.seat_mut(a, 1).quote = -250_000;
    desk.env.now = NOW + 16;
    desk.mark(1, 500);
    // 100,250 lost in the stale market and 250,000 here; cash is 300,000.
    assert_eq!(desk.settle(a, &[0, 1]), Err(EngineError::IndexStale));
    assert_eq!(desk.settle(a, &[1]), Err(EngineError::WrongMarketAccounts));
    // With cash for all losses each settles alone.
    deposit(&mut desk.accounts[a], 1_000_000).unwrap();
    let [stale, fresh, ..] = desk.settle(a, &[0, 1]).unwrap();
    assert!(stale.stale && stale.loss_paid == 0);
    assert_eq!(fresh.loss_paid, 250_000);
    assert_eq!(desk.held(a, 0).quote, -500_250);
}

#[test]
fn with_every_leg_stale_nothing_is_settled() {
    let mut desk = Desk::new(2);
    let (a, b) = (desk.join(1, 1_000_000), desk.join(2, 1 << 40));
    desk.trade(a, b, 0, 500, 1);
    desk.trade(a, b, 1, 500, 1);
    desk.env.now = NOW + 16;
    assert_eq!(desk.settle(a, &[0, 1]), Err(EngineError::NothingToSettle));
    assert_eq!(desk.settle(a, &[]), Err(EngineError::NothingToSettle));
    desk.mark(1, 500);
    assert!(desk.settle(a, &[0, 1]).is_ok());
}

#[test]
fn a_flat_leg_settles_whatever_the_state_of_its_market() {
    let (mut desk, a) = claims(1_000, &[(-300, 0)]);
    let header = &mut desk.markets[0].header;
    header.prices.index_time = 0;
    header.halt.phase = 1;
    header.status = 2;
    assert_eq!(desk.settle(a, &[0]).unwrap()[0].loss_paid, 300);
}

#[test]
fn above_initial_margin_or_with_cash_for_all_any_subset_is_settled() {
    // Below initial margin but with cash for all losses.
    let (mut desk, a) = claims(300, &[(-100, 0), (-200, 0)]);
    assert_eq!(desk.settle(a, &[0]).unwrap()[0].loss_paid, 100);
    // Less cash than losses, which a gain covers: each takes what there is.
    let (mut desk, a) = claims(50, &[(-100, 0), (1_000, 0)]);
    let [leg, ..] = desk.settle(a, &[0]).unwrap();
    assert_eq!((leg.loss_paid, leg.loss_unpaid), (50, 50));
    assert_eq!(desk.accounts[a].collateral, 0);
}

#[test]
fn drawn_credit_pays_losses_and_collateral_may_go_down_to_minus_d() {
    let (mut desk, a) = claims(50, &[(-1_000, 0)]);
    desk.accounts[a].credit_principal = 100;
    let [leg, ..] = desk.settle(a, &[0]).unwrap();
    assert_eq!((leg.loss_paid, leg.loss_unpaid), (150, 850));
    assert_eq!(desk.accounts[a].collateral, -100);
    assert_eq!(desk.settle(a, &[0]).unwrap()[0].loss_paid, 0);
}

#[test]
fn a_loss_leaves_unaged_gains_unaged() {
    let (mut desk, a) = claims(100, &[(60, 60), (-120, 0)]);
    desk.settle(a, &[0]).unwrap();
    desk.settle(a, &[1]).unwrap();
    assert_eq!(desk.accounts[a].collateral, 40);
    assert_eq!(unaged_gain(&desk.accounts[a], NOW), 40);
    assert_eq!(desk.withdraw(a, 1), Err(EngineError::InsufficientCash));
}

#[test]
fn legs_that_do_not_fit_the_account_are_rejected() {
    let (mut desk, a) = claims(100, &[(60, 60)]);
    let env = desk.env;
    let legs = LegRisk::default();
    let before = desk.accounts[a];
    let mut settle_with = |address: [u8; 32], entries: &[usize], passed: usize| {
        let mut markets: std::vec::Vec<MarketMut<'_>> = desk
            .markets
            .iter_mut()
            .take(passed)
            .map(|m| m.get())
            .collect();
        let account = &mut desk.accounts[a];
        settle(account, &address, &mut markets, entries, &legs, &env).map(|_| ())
    };
    let own = address_of(a);
    assert_eq!(settle_with(own, &[1], 1), Err(EngineError::WrongSeat));
    assert_eq!(
        settle_with(own, &[0, 0], 1),
        Err(EngineError::WrongMarketAccounts)
    );
    assert_eq!(
        settle_with(address_of(9), &[0], 1),
        Err(EngineError::WrongSeat)
    );
    assert_eq!(desk.accounts[a], before);
}
