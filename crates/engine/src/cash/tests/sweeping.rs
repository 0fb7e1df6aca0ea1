//! Sweeping fees: junior, after the deficit, by the split; dust only when nobody has a seat.

use super::*;

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
    let mut fund = DefaultFund::zeroed();
    let before = header.cash.pool;
    let swept = sweep_fees(header, &exchange(), &mut fund, &Env { now, slot: 1 })?;
    // To the atom: what leaves the pool arrives.
    let arrived = fund.balance + fund.keeper_pool + fund.treasury;
    assert_eq!(before - header.cash.pool, arrived);
    assert_eq!(fund.balance, swept.to_default_fund);
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
