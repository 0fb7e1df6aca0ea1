//! Repayments, write-offs, liens.

use super::*;
use crate::credit::repay::{
    collect_lien, due, repay, repay_from_cash, write_off, CashRepayment, Repaid,
};
use crate::credit::vault::{asking, face, worth};
use crate::risk::LegRisk;

/// 105,000 drawn for an account with 10,000 of its own cash, and 500 of interest owed.
fn drawn() -> Bench {
    let mut bench = Bench::active(&terms());
    bench.account.collateral = 10_000;
    bench.draw(10_000, 100_000).unwrap();
    bench.account.credit_interest = 500;
    bench.vault.interest_receivable = 500;
    bench
}

fn pay(bench: &mut Bench, amount: u64) -> Result<Repaid> {
    let paid = due(&bench.account, amount)?;
    let now = bench.env();
    repay(
        &mut bench.account,
        &mut bench.line,
        &mut bench.vault,
        &paid,
        &now,
    )?;
    Ok(paid)
}

#[test]
fn a_payer_pays_interest_then_principal_and_the_account_keeps_the_cash() {
    let mut bench = drawn();
    let paid = pay(&mut bench, 40_500).unwrap();
    let expected = Repaid {
        interest: 500,
        principal: 40_000,
        lien: 0,
    };
    assert_eq!(paid, expected);
    assert_eq!(bench.account.collateral, 50_000);
    assert_eq!(bench.account.credit_principal, 65_000);
    assert_eq!(bench.vault.cash, 895_000 + 40_500);
    assert_eq!(bench.vault.reserved_cash, 85_000, "reserved again");
    assert_ne!(bench.line.call_deadline, 0);
    bench.assert_sound();
    assert_eq!(pay(&mut bench, 70_000).unwrap().principal, 65_000);
    assert_eq!(
        (bench.line.call_opened_at, bench.line.call_deadline),
        (0, 0)
    );
    assert_eq!(face(&bench.vault), Ok(1_000_500));
    assert_eq!(pay(&mut bench, 1), Err(EngineError::NothingToRepay));
    assert_eq!(pay(&mut bench, 0), Err(EngineError::ZeroAmount));
    bench.assert_sound();
}

/// With own equity `equity` and 10,000 of maintenance margin.
fn from_cash(
    bench: &mut Bench,
    equity: i64,
    change: impl FnOnce(&mut CashRepayment<'_>),
) -> Result<Repaid> {
    let risk = bench.risk(equity, 10_000);
    from_cash_at(bench, &risk, change)
}

fn from_cash_at<'a>(
    bench: &mut Bench,
    risk: &'a AccountRisk,
    change: impl FnOnce(&mut CashRepayment<'a>),
) -> Result<Repaid> {
    let mut request = CashRepayment {
        amount: u64::MAX,
        by_owner: false,
        idle: false,
        stale: false,
        halted: false,
        risk,
    };
    change(&mut request);
    let now = bench.env();
    repay_from_cash(
        &mut bench.account,
        &mut bench.line,
        &mut bench.vault,
        &request,
        &now,
    )
}

#[test]
fn anyone_repays_out_of_cash_while_own_equity_is_over_the_target() {
    let mut bench = drawn();
    let small = from_cash(&mut bench, 11_499, |_| {});
    assert_eq!(small, Err(EngineError::RepaymentTooLarge));
    let paid = from_cash(&mut bench, 11_500, |request| request.amount = 1_500).unwrap();
    assert_eq!((paid.interest, paid.principal), (500, 1_000));
    assert_eq!(
        bench.account.collateral, 9_500,
        "e does not move by principal"
    );
    assert_eq!(bench.account.credit_principal, 104_000);
    bench.assert_sound();
    let paid = from_cash(&mut bench, 11_500, |_| {}).unwrap();
    assert_eq!(paid.principal, 104_000);
    bench.assert_sound();
}

#[test]
fn the_owner_repays_out_of_cash_down_to_the_target() {
    let mut bench = drawn();
    // Q = 5,000 + 105,000; the target 11,500.
    let over = from_cash(&mut bench, 5_000, |request| {
        request.by_owner = true;
        request.amount = 500 + 98_501;
    });
    assert_eq!(over, Err(EngineError::RepaymentTooLarge));
    let paid = from_cash(&mut bench, 5_000, |request| {
        request.by_owner = true;
        request.amount = 500 + 98_500;
    });
    assert_eq!(paid.unwrap().principal, 98_500);
    bench.assert_sound();
}

#[test]
fn an_idle_account_repays_what_cash_it_has_unless_a_loss_is_unsettled() {
    let mut bench = drawn();
    bench.account.collateral = -100_000;
    let mut losing = bench.risk(-100_500, 0);
    losing.loss = 1;
    let refused = from_cash_at(&mut bench, &losing, |request| request.idle = true);
    assert_eq!(refused, Err(EngineError::RepaymentTooLarge));
    let settled = bench.risk(-100_500, 0);
    let paid = from_cash_at(&mut bench, &settled, |request| request.idle = true);
    let expected = Repaid {
        interest: 500,
        principal: 4_500,
        lien: 0,
    };
    assert_eq!(paid, Ok(expected));
    assert_eq!(bench.account.collateral, -100_500);
    assert_eq!(bench.account.credit_principal, 100_500, "no cash is left");
    let empty = from_cash(&mut bench, 0, |request| request.idle = true);
    assert_eq!(empty, Err(EngineError::InsufficientCash));
    bench.assert_sound();
}

#[test]
fn unaged_gains_stale_legs_and_halts_pay_no_lender_out_of_cash() {
    let bench = drawn();
    let rich = 1_000_000;
    let mut gained = bench;
    gained.account.collateral = -95_000;
    gained.account.gain_newest = 10_000;
    gained.account.gain_interval = gained.now / 60;
    let refused = from_cash(&mut gained, rich, |_| {});
    assert_eq!(refused, Err(EngineError::InsufficientCash));
    let stale = from_cash(&mut bench.clone(), rich, |request| request.stale = true);
    assert_eq!(stale, Err(EngineError::IndexStale));
    let halted = from_cash(&mut bench.clone(), rich, |request| request.halted = true);
    assert_eq!(halted, Err(EngineError::MarketHalted));
    let zero = from_cash(&mut bench.clone(), rich, |request| request.amount = 0);
    assert_eq!(zero, Err(EngineError::ZeroAmount));
    let mut clean = Bench::active(&terms());
    let nothing = from_cash(&mut clean, rich, |_| {});
    assert_eq!(nothing, Err(EngineError::NothingToRepay));
}

#[test]
fn a_repayment_out_of_cash_lowers_the_lines_value_with_the_lenders_cover() {
    let mut bench = drawn();
    let risk = bench.risk(110_000, 100_000);
    line::revalue(&bench.line, &mut bench.vault, &risk, bench.now).unwrap();
    assert_eq!(bench.vault.slots[0].value, 15_000);
    from_cash(&mut bench, 20_000, |request| request.amount = 10_500).unwrap();
    assert_eq!(bench.vault.slots[0].value, 5_000);
}

/// All of it lost: no cash, no position.
fn lost() -> Bench {
    let mut bench = drawn();
    bench.account.collateral = -105_000;
    bench
}

fn write(bench: &mut Bench, flat: bool) -> Result<u64> {
    let now = bench.now;
    let (account, line, vault) = (&mut bench.account, &mut bench.line, &mut bench.vault);
    let written = write_off(account, line, vault, flat, now)?;
    Ok(written.junior_shares_burned)
}

#[test]
fn a_write_off_is_borne_by_the_junior_stake_first() {
    let mut bench = lost();
    let before = worth(
        &bench.vault,
        bench.provider.shares,
        face(&bench.vault).unwrap(),
    )
    .unwrap();
    let burned = write(&mut bench, true).unwrap();
    // 105,500 of 1,000,500 by the share price, rounded up.
    assert_eq!(burned, (105_500 * 1_000_001_000_u64).div_ceil(1_000_501));
    let after = worth(
        &bench.vault,
        bench.provider.shares,
        face(&bench.vault).unwrap(),
    )
    .unwrap();
    assert!(after >= before, "{before} {after}");
    assert_eq!(bench.account.lien, 105_500);
    assert_eq!(bench.account.collateral, 0);
    assert_eq!(
        bench.account.credit_principal | bench.account.credit_interest,
        0
    );
    assert_eq!((bench.vault.limits, bench.vault.reserved_cash), (0, 0));
    assert_eq!(
        (bench.vault.liens, bench.vault.liens_junior),
        (105_500, 105_500)
    );
    assert_eq!(bench.vault.cash, 895_000);
    bench.assert_sound();
    assert_eq!(write(&mut bench, true), Err(EngineError::NothingToRepay));
    assert_eq!(bench.usable(0, 100_000, 100_000), 0, "the line has ended");
}

#[test]
fn what_the_junior_stake_does_not_cover_falls_on_all() {
    let mut bench = lost();
    // Most of the junior stake was released in better times.
    bench.vault.junior_shares = 50_000_000;
    bench.provider.shares += 150_000_000;
    let value = face(&bench.vault).unwrap();
    let covered = worth(&bench.vault, 50_000_000, value).unwrap();
    assert_eq!(write(&mut bench, true), Ok(50_000_000));
    assert_eq!(bench.vault.junior_shares, 0);
    assert_eq!(bench.vault.liens_junior, covered);
    // Who joins before the lien is collected pays for what fell on all.
    let price = asking(&bench.vault, bench.now).unwrap();
    assert_eq!(price, 895_000 + 105_500 - covered);
    // Collected: first for all, then the junior stake gets shares back.
    bench.account.collateral = 105_500;
    let legs = LegRisk::default();
    let now = env(bench.now + 200);
    let own = worth(&bench.vault, bench.provider.shares, price).unwrap();
    let (account, vault) = (&mut bench.account, &mut bench.vault);
    assert_eq!(
        collect_lien(account, vault, &legs, false, &now),
        Ok(105_500)
    );
    assert_eq!((vault.liens, vault.liens_junior), (0, 0));
    let junior = worth(vault, vault.junior_shares, face(vault).unwrap()).unwrap();
    assert!(
        junior <= covered && junior + 2 > covered,
        "{junior} {covered}"
    );
    let after = worth(vault, bench.provider.shares, face(vault).unwrap()).unwrap();
    assert!(after >= own && after < own + 2, "{own} {after}");
    bench.assert_sound();
}

#[test]
fn a_write_off_needs_an_account_without_position_claim_or_cash() {
    let mut bench = lost();
    assert_eq!(write(&mut bench, false), Err(EngineError::AccountNotFlat));
    bench.account.collateral += 1;
    assert_eq!(write(&mut bench, true), Err(EngineError::AccountNotFlat));
    // Interest alone, of a line that was never used: it ends no line that still lends.
    let mut unused = Bench::active(&terms());
    unused.account.credit_interest = 3;
    unused.vault.interest_receivable = 3;
    assert_eq!(write(&mut unused, true), Err(EngineError::NothingToRepay));
    unused.line.recall_at = unused.now;
    write(&mut unused, true).unwrap();
    assert_eq!(unused.account.lien, 3);
}

#[test]
fn a_lien_is_collected_from_what_may_leave() {
    let mut bench = lost();
    write(&mut bench, true).unwrap();
    let collect = |bench: &mut Bench, legs: &LegRisk, halted| {
        let now = bench.env();
        collect_lien(&mut bench.account, &mut bench.vault, legs, halted, &now)
    };
    let legs = LegRisk {
        initial_margin: 4_000,
        ..LegRisk::default()
    };
    let none = collect(&mut bench, &legs, false);
    assert_eq!(none, Err(EngineError::InsufficientCash));
    bench.account.collateral = 10_000;
    let halted = collect(&mut bench, &legs, true);
    assert_eq!(halted, Err(EngineError::MarketHalted));
    assert_eq!(collect(&mut bench, &legs, false), Ok(6_000));
    assert_eq!(
        (bench.account.collateral, bench.account.lien),
        (4_000, 99_500)
    );
    // A repayment with a payer's tokens reaches the lien as well.
    assert_eq!(pay(&mut bench, 200_000).unwrap().lien, 99_500);
    let nothing = collect(&mut bench, &legs, false);
    assert_eq!(nothing, Err(EngineError::NothingToRepay));
    assert_eq!(bench.vault.liens_collected_total, 105_500);
    bench.assert_sound();
}
