//! Ageing, deposits and withdrawals. Settling: `settle_tests.rs`; fees: `sweep_tests.rs`.
#![allow(clippy::unwrap_used)]

use bytemuck::Zeroable;

use super::*;
use crate::seats::tests::{bid, Desk, NOW};

mod settling;
mod sweeping;

/// An interval's first second.
const START: i64 = 29_335_521 * 60;

fn account(collateral: i64) -> MarginAccount {
    MarginAccount {
        collateral,
        ..MarginAccount::zeroed()
    }
}

#[test]
fn a_gain_ages_between_sixty_and_a_hundred_and_twenty_seconds() {
    // (paid at, last second at which it is unaged)
    for (paid, last) in [(0, 119), (1, 119), (59, 119), (60, 179), (119, 179)] {
        let mut account = account(1_000);
        add_gain(&mut account, 700, START + paid);
        for second in paid..=last {
            assert_eq!(
                unaged_gain(&account, START + second),
                700,
                "{paid} {second}"
            );
        }
        assert_eq!(unaged_gain(&account, START + last + 1), 0);
        assert_eq!(unaged_gain(&account, START + 100_000), 0);
    }
}

#[test]
fn gains_of_two_intervals_age_one_by_one() {
    let mut account = account(1_000);
    add_gain(&mut account, 100, START + 59);
    add_gain(&mut account, 20, START + 60);
    add_gain(&mut account, 3, START + 119);
    let unaged = |second: i64| unaged_gain(&account, START + second);
    assert_eq!(
        (unaged(119), unaged(120), unaged(179), unaged(180)),
        (123, 23, 23, 0)
    );
}

#[test]
fn nobodys_settle_locks_again_what_has_aged() {
    let mut account = account(10_000);
    add_gain(&mut account, 5_000, START);
    // A stranger settles one atom every ten seconds; only those of the last two intervals are locked.
    for second in (10..600).step_by(10) {
        add_gain(&mut account, 1, START + second);
        let fresh = second.rem_euclid(60) / 10 + 1;
        let expected = match second {
            ..60 => 5_000 + second / 10,
            60..120 => 5_000 + 5 + fresh,
            120..180 => 6 + fresh,
            _ => 6 + fresh,
        };
        assert_eq!(
            unaged_gain(&account, START + second),
            expected as u64,
            "{second}"
        );
    }
}

#[test]
fn a_clock_that_goes_back_frees_no_gain() {
    let mut account = account(1_000);
    add_gain(&mut account, 100, START + 60);
    add_gain(&mut account, 20, START - 600);
    assert_eq!(unaged_gain(&account, START - 600), 120);
    assert_eq!(unaged_gain(&account, START + 179), 120);
    assert_eq!(account.gain_interval, START / 60 + 1);
}

#[test]
fn aged_cash_is_used_first_and_then_the_older_bucket() {
    let mut account = account(1_000);
    add_gain(&mut account, 300, START);
    add_gain(&mut account, 200, START + 60);
    // (collateral left, newest, previous)
    for (left, newest, previous) in [
        (1_000, 200, 300),
        (500, 200, 300),
        (499, 200, 299),
        (200, 200, 0),
        (199, 199, 0),
        (0, 0, 0),
        (-5, 0, 0),
    ] {
        let mut account = account;
        account.collateral = left;
        trim_gains(&mut account);
        assert_eq!(
            (account.gain_newest, account.gain_previous),
            (newest, previous)
        );
    }
}

#[test]
fn a_deposit_is_aged_at_once_and_succeeds_in_any_state() {
    let mut account = account(-500);
    account.credit_principal = 900;
    account.lien = 7;
    account.gain_newest = 0;
    deposit(&mut account, 800).unwrap();
    assert_eq!((account.collateral, account.deposited_total), (300, 800));
    assert_eq!(unaged_gain(&account, NOW), 0);
    // More than all tokens of the world is an error, and changes nothing.
    let before = account;
    for amount in [u64::MAX, 1 << 63, i64::MAX as u64] {
        assert_eq!(deposit(&mut account, amount), Err(EngineError::Overflow));
        assert_eq!(account, before);
    }
}

#[test]
fn each_reason_to_refuse_a_withdrawal_has_its_name() {
    let refuse = |account: MarginAccount, halted, amount, legs: &LegRisk| {
        let mut after = account;
        let env = Env { now: NOW, slot: 1 };
        let outcome = withdraw(&mut after, legs, halted, amount, &env);
        assert_eq!(after, account, "a refusal writes nothing");
        outcome.unwrap_err()
    };
    let none = LegRisk::default();
    let margin = LegRisk {
        initial_margin: 901,
        ..none
    };
    let plain = account(1_000);
    let with = |set: fn(&mut MarginAccount)| {
        let mut account = plain;
        set(&mut account);
        account
    };
    let unaged = with(|a| add_gain(a, 400, NOW));
    let drawn = with(|a| a.credit_principal = 1);
    let interest = with(|a| a.credit_interest = 1);
    let lien = with(|a| a.lien = 1);
    assert_eq!(refuse(plain, false, 0, &none), EngineError::ZeroAmount);
    assert_eq!(
        refuse(plain, false, 1_001, &none),
        EngineError::InsufficientCash
    );
    assert_eq!(
        refuse(unaged, false, 601, &none),
        EngineError::InsufficientCash
    );
    assert_eq!(refuse(drawn, false, 1, &none), EngineError::CreditDrawn);
    assert_eq!(refuse(interest, false, 1, &none), EngineError::CreditDrawn);
    assert_eq!(refuse(lien, false, 1, &none), EngineError::LienUnpaid);
    assert_eq!(refuse(plain, true, 1, &none), EngineError::MarketHalted);
    assert_eq!(
        refuse(plain, false, 100, &margin),
        EngineError::BelowInitialMargin
    );
    for amount in [1 << 63, u64::MAX] {
        assert_eq!(refuse(plain, false, amount, &none), EngineError::Overflow);
    }
    let amount = i64::MAX as u64;
    assert_eq!(
        refuse(plain, false, amount, &none),
        EngineError::InsufficientCash
    );
}

#[test]
fn a_withdrawal_stops_exactly_at_initial_margin_and_at_aged_cash() {
    let env = Env { now: NOW, slot: 1 };
    let margin = LegRisk {
        initial_margin: 901,
        ..LegRisk::default()
    };
    let mut with_margin = account(1_000);
    withdraw(&mut with_margin, &margin, false, 99, &env).unwrap();
    assert_eq!(
        (with_margin.collateral, with_margin.withdrawn_total),
        (901, 99)
    );
    let mut ageing = account(1_000);
    add_gain(&mut ageing, 400, NOW);
    withdraw(&mut ageing, &LegRisk::default(), false, 600, &env).unwrap();
    assert_eq!((ageing.collateral, ageing.gain_newest), (400, 400));
    // Unaged gains carry the haircut: 400 counts 320.
    let haircut = LegRisk {
        initial_margin: 321,
        ..LegRisk::default()
    };
    let mut ageing = account(1_000);
    add_gain(&mut ageing, 400, NOW);
    let refused = withdraw(&mut ageing, &haircut, false, 600, &env);
    assert_eq!(refused, Err(EngineError::BelowInitialMargin));
    withdraw(&mut ageing, &haircut, false, 599, &env).unwrap();
}

#[test]
fn a_stale_leg_stops_no_withdrawal_but_counts_against_the_holder() {
    let mut desk = Desk::new(2);
    let (a, b) = (desk.join(1, 1_000_000), desk.join(2, 1 << 40));
    desk.trade(a, b, 1, 500, 10);
    // Claim −2,500, margin 250,000; once stale, 250,000 more are taken off.
    let free = 1_000_000 - 2_500 - 250_000;
    desk.env.now = NOW + 16;
    let refused = desk.withdraw(a, free - 250_000 + 1);
    assert_eq!(refused, Err(EngineError::BelowInitialMargin));
    desk.withdraw(a, free - 250_000).unwrap();
    desk.mark(1, 500);
    desk.withdraw(a, 250_000).unwrap();
    assert_eq!(desk.withdraw(a, 1), Err(EngineError::BelowInitialMargin));
}

#[test]
fn a_round_trip_of_deposits_and_withdrawals_gains_nothing() {
    let env = Env { now: NOW, slot: 1 };
    let mut account = account(0);
    let (mut paid_in, mut paid_out) = (0, 0);
    for amount in [1, 7, 999_999, 2, 123_456_789, 3] {
        deposit(&mut account, amount).unwrap();
        paid_in += amount;
        withdraw(
            &mut account,
            &LegRisk::default(),
            false,
            amount.div_ceil(2),
            &env,
        )
        .unwrap();
        paid_out += amount.div_ceil(2);
        assert_eq!(account.collateral as u64, paid_in - paid_out);
    }
    let rest = account.collateral as u64;
    withdraw(&mut account, &LegRisk::default(), false, rest, &env).unwrap();
    assert_eq!(
        (account.collateral, account.deposited_total),
        (0, account.withdrawn_total)
    );
    let more = withdraw(&mut account, &LegRisk::default(), false, 1, &env);
    assert_eq!(more, Err(EngineError::InsufficientCash));
}

#[test]
fn only_an_account_that_holds_and_owes_nothing_is_closed() {
    assert_eq!(check_closable(&account(0)), Ok(()));
    let sets: [fn(&mut MarginAccount); 6] = [
        |a| a.collateral = 1,
        |a| a.collateral = -1,
        |a| a.credit_principal = 1,
        |a| a.credit_interest = 1,
        |a| a.lien = 1,
        |a| a.entries_len = 1,
    ];
    for set in sets {
        let mut account = account(0);
        set(&mut account);
        assert_eq!(
            check_closable(&account),
            Err(EngineError::MarginAccountNotEmpty)
        );
    }
}

#[test]
fn a_flat_account_withdraws_everything_after_ageing() {
    let mut desk = Desk::new(1);
    let (winner, loser) = (desk.join(1, 1_000_000), desk.join(2, 1_000_000));
    desk.trade(winner, loser, 0, 500, 10);
    desk.mark(0, 520);
    desk.trade(loser, winner, 0, 520, 10);
    desk.settle(loser, &[0]).unwrap();
    desk.settle(winner, &[0]).unwrap();
    // Won 200,000; fees of a taker's 2,500 and of a maker's 520.
    let cash = 1_000_000 + 200_000 - 2_500 - 520;
    assert_eq!(desk.accounts[winner].collateral, cash);
    let gain = 200_000 - 2_500 - 520;
    assert_eq!(
        desk.withdraw(winner, 1_000_001),
        Err(EngineError::InsufficientCash)
    );
    desk.withdraw(winner, 1_000_000).unwrap();
    desk.env.now = (NOW / 60 + 2) * 60 - 1;
    assert_eq!(desk.withdraw(winner, 1), Err(EngineError::InsufficientCash));
    desk.env.now += 1;
    desk.withdraw(winner, gain).unwrap();
    desk.release(winner, 0).unwrap();
    assert_eq!(check_closable(&desk.accounts[winner]), Ok(()));
    assert!(
        desk.place(loser, 0, &bid(1, 1)).is_err(),
        "the index is stale by now"
    );
}
