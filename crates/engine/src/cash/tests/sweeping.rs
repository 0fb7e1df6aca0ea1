//! Sweeping fees: junior, after the deficit, by the split; dust only when nobody has a seat.

use super::*;
use crate::fund;
use crate::state::{DefaultFund, Exchange};

fn exchange() -> Exchange {
    Exchange {
        fee_default_fund_ppm: 400_000,
        fee_keeper_pool_ppm: 200_000,
        fee_treasury_ppm: 400_000,
        ..Exchange::zeroed()
    }
}

/// A market in which somebody has a seat.
fn market(pool: u64, fees: u64) -> MarketHeader {
    let mut header = MarketHeader::zeroed();
    header.arena.seats = 1;
    header.cash.pool = pool;
    header.cash.fees_accrued = fees;
    header
}

fn sweep_at(header: &mut MarketHeader, now: i64) -> Result<(Swept, DefaultFund)> {
    sweep_of(header, DefaultFund::zeroed(), now)
}

fn sweep_of(
    header: &mut MarketHeader,
    mut fund: DefaultFund,
    now: i64,
) -> Result<(Swept, DefaultFund)> {
    let before = header.cash.pool + fund.balance;
    let had = fund.balance;
    let swept = sweep_fees(header, &exchange(), &mut fund, &Env { now, slot: 1 })?;
    // To the atom: what leaves the pool arrives.
    let arrived = fund.balance + fund.keeper_pool + fund.treasury;
    assert_eq!(before - header.cash.pool, arrived);
    let paid = swept.deficit_paid_by_fund;
    assert_eq!(fund.balance + paid, had + swept.to_default_fund);
    assert_eq!(
        (fund.paid_total, header.losses.spending.recent(now)),
        (paid, paid)
    );
    assert_eq!(fund.keeper_pool, swept.to_keeper_pool);
    assert_eq!(
        (fund.treasury, fund.treasury_total),
        (swept.to_treasury, swept.to_treasury)
    );
    Ok((swept, fund))
}

fn sweep(header: &mut MarketHeader) -> Swept {
    sweep_at(header, NOW).unwrap().0
}

#[test]
fn fees_are_split_and_the_floors_remainder_goes_to_the_default_fund() {
    for (fees, keeper, treasury, fund) in [
        (1_000, 200, 400, 400),
        (1_004, 200, 401, 403),
        (9, 1, 3, 5),
        (1, 0, 0, 1),
        (0, 0, 0, 0),
    ] {
        let mut header = market(5_000, fees);
        let swept = sweep(&mut header);
        assert_eq!(
            (
                swept.to_keeper_pool,
                swept.to_treasury,
                swept.to_default_fund
            ),
            (keeper, treasury, fund)
        );
        assert_eq!(
            (header.cash.pool, header.cash.fees_accrued),
            (5_000 - fees, 0)
        );
    }
}

#[test]
fn a_sweep_takes_no_more_than_the_pool_and_the_rest_stays_owed() {
    let mut header = market(700, 1_000);
    let swept = sweep(&mut header);
    assert_eq!(
        swept.to_keeper_pool + swept.to_treasury + swept.to_default_fund,
        700
    );
    assert_eq!((header.cash.pool, header.cash.fees_accrued), (0, 300));
    assert_eq!(sweep(&mut header), Swept::default());
}

#[test]
fn fees_wait_an_hour_behind_an_unpaid_claim() {
    for (after, refused) in [(0, true), (3_599, true), (3_600, false), (-5, true)] {
        let mut header = market(5_000, 1_000);
        header.cash.claim_unpaid_at = NOW;
        let before = header;
        let swept = sweep_at(&mut header, NOW + after);
        assert_eq!(swept.is_err(), refused, "{after}");
        if let Err(error) = swept {
            assert_eq!((error, header), (EngineError::ClaimsUnpaid, before));
        }
    }
}

#[test]
fn a_deficit_is_paid_before_anybody() {
    // (fees, deficit, paid, swept, deficit left)
    for (fees, deficit, paid, swept, left) in [
        (1_000, 300, 300, 700, 0),
        (1_000, 1_000, 1_000, 0, 0),
        (1_000, 1_300, 1_000, 0, 300),
    ] {
        let mut header = market(5_000, fees);
        header.cash.deficit = deficit;
        let out = sweep(&mut header);
        assert_eq!(out.deficit_paid, paid);
        assert_eq!(
            out.to_keeper_pool + out.to_treasury + out.to_default_fund,
            swept
        );
        assert_eq!((header.cash.deficit, header.cash.fees_accrued), (left, 0));
        // The pool keeps what the deficit lacked.
        assert_eq!(header.cash.pool, 5_000 - swept);
    }
}

fn fund_of(balance: u64) -> DefaultFund {
    DefaultFund {
        balance,
        ..DefaultFund::zeroed()
    }
}

fn in_need(fees: u64, deficit: u64) -> MarketHeader {
    let mut header = market(5_000, fees);
    header.params.default_fund_budget_ppm = 200_000;
    header.cash.deficit = deficit;
    header
}

#[test]
fn the_default_fund_pays_what_fees_have_not_within_its_budget() {
    // (fees, deficit, by fees, by the fund, left)
    for (fees, deficit, by_fees, by_fund, left) in [
        (1_000, 300, 300, 0, 0),
        (1_000, 1_000, 1_000, 0, 0),
        (1_000, 1_700, 1_000, 700, 0),
        (1_000, 3_000, 1_000, 2_000, 0),
        (1_000, 3_300, 1_000, 2_000, 300),
        (0, 9_000, 0, 2_000, 7_000),
    ] {
        for unpaid_at in [0, NOW - 7_200, NOW] {
            let mut header = in_need(fees, deficit);
            header.cash.claim_unpaid_at = unpaid_at;
            let (swept, fund) = sweep_of(&mut header, fund_of(10_000), NOW).unwrap();
            assert_eq!(
                (swept.deficit_paid, swept.deficit_paid_by_fund),
                (by_fees, by_fund)
            );
            assert_eq!(header.cash.deficit, left);
            // Within the hour no fee leaves the pool, but none is held against the deficit either.
            let rest = fees - by_fees;
            let split = if unpaid_at == NOW { 0 } else { rest };
            let given = swept.to_default_fund + swept.to_keeper_pool + swept.to_treasury;
            assert_eq!((given, header.cash.fees_accrued), (split, rest - split));
            assert_eq!(header.cash.pool, 5_000 + by_fund - split);
            assert_eq!(fund.spending.recent(NOW), by_fund);
        }
    }
}

#[test]
fn a_deficit_draws_on_the_same_24_hours_as_loss_events() {
    let mut header = in_need(0, 9_000);
    let mut fund = fund_of(10_000);
    fund::pay(&mut fund, &mut header.losses, 1_500, NOW).unwrap();
    let mut swept = |header: &mut MarketHeader, now| {
        let env = Env { now, slot: 1 };
        sweep_fees(header, &exchange(), &mut fund, &env).map(|swept| swept.deficit_paid_by_fund)
    };
    assert_eq!(swept(&mut header, NOW), Ok(500));
    let before = header;
    assert_eq!(swept(&mut header, NOW + 3_600), Ok(0));
    assert_eq!(header, before);
    // With a claim unpaid and nothing to pay, the hour is what it was.
    header.cash.claim_unpaid_at = NOW + 3_600;
    let before = header;
    let refused = swept(&mut header, NOW + 3_601);
    assert_eq!(refused, Err(EngineError::ClaimsUnpaid));
    assert_eq!(header, before);
    assert_eq!(swept(&mut header, NOW + 2 * 86_400), Ok(1_600));
}

#[test]
fn the_default_fund_pays_nothing_where_nobody_has_a_seat() {
    let mut header = in_need(100, 300);
    header.arena.seats = 0;
    let (swept, fund) = sweep_of(&mut header, fund_of(10_000), NOW).unwrap();
    assert_eq!((swept.deficit_paid, swept.deficit_paid_by_fund), (100, 0));
    assert_eq!((fund.balance, header.cash.deficit), (10_000, 200));
}

#[test]
fn contributions_go_to_the_default_fund_whole() {
    let mut header = market(1_200, 1_000);
    header.cash.contributions_accrued = 300;
    let swept = sweep(&mut header);
    assert_eq!((swept.to_default_fund, swept.to_treasury), (400 + 200, 400));
    assert_eq!(
        (header.cash.pool, header.cash.contributions_accrued),
        (0, 100)
    );
}

#[test]
fn dust_stays_while_anyone_has_a_seat_or_a_deficit_is_carried() {
    let mut header = market(13, 0);
    assert_eq!(sweep(&mut header), Swept::default());
    header.arena.seats = 0;
    header.cash.deficit = 5;
    assert_eq!(sweep(&mut header), Swept::default());
    header.cash.deficit = 0;
    let swept = sweep(&mut header);
    assert_eq!(
        (swept.to_default_fund, swept.to_treasury, header.cash.pool),
        (13, 0, 0)
    );
}

#[test]
fn residue_of_the_last_seat_goes_to_the_default_fund() {
    let mut desk = Desk::new(1);
    let (a, b) = (desk.join(1, 10_000_000), desk.join(2, 10_000_000));
    desk.trade(a, b, 0, 500, 7);
    // Funding of 1.5 atoms: the long pays two and the short receives one.
    let index = math::split_signed(-((3_i128 << 63) / 7_000_000));
    for side in &mut desk.markets[0].header.sides {
        side.cash_index = index;
    }
    desk.markets[0].header.prices.mark = (1_u64 << 32) / 3;
    desk.settle(a, &[0]).unwrap();
    desk.settle(b, &[0]).unwrap();
    desk.mark(0, 501);
    desk.settle(b, &[0]).unwrap();
    desk.settle(a, &[0]).unwrap();
    desk.trade(b, a, 0, 500, 7);
    for account in [a, b, a, b] {
        desk.settle(account, &[0]).unwrap();
    }
    let fees = desk.markets[0].header.cash.fees_accrued;
    assert_eq!(fees, 2 * (1_750 + 350));
    desk.release(a, 0).unwrap();
    desk.release(b, 0).unwrap();
    let cash: i64 = desk.accounts.iter().map(|account| account.collateral).sum();
    let header = &mut desk.markets[0].header;
    assert_eq!(cash + header.cash.pool as i64, 20_000_000);
    let residue = header.cash.pool - fees;
    assert_eq!(residue, 1);
    let (swept, fund) = sweep_at(header, NOW + 7_200).unwrap();
    assert_eq!(header.cash.pool, 0);
    assert_eq!(swept.to_default_fund, fees * 2 / 5 + residue);
    assert_eq!(fund.contributed_total, swept.to_default_fund);
}
