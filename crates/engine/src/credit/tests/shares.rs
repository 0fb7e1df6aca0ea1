//! Joining, leaving, the junior stake.

use super::*;
use crate::credit::vault::{
    asking, bid, buy, cancel_redemption, face, free_cash, pay_redemption, release_junior,
    request_redemption, worth, Redeemed,
};

#[test]
fn shares_are_bought_at_a_thousand_an_atom_first_and_rounded_down_after() {
    let (mut vault, mut ann) = (empty_vault(), stake());
    assert_eq!(buy(&mut vault, Some(&mut ann), 7, &env(NOW)), Ok(7_000));
    assert_eq!((vault.cash, vault.shares, ann.shares), (7, 7_000, 7_000));
    // Interest of 3: (7,000 + 1,000) shares on 11 atoms.
    vault.interest_receivable = 3;
    assert_eq!(buy(&mut vault, Some(&mut ann), 5, &env(NOW)), Ok(3_636));
    assert_eq!(
        buy(&mut vault, Some(&mut ann), 0, &env(NOW)),
        Err(EngineError::ZeroAmount)
    );
}

#[test]
fn a_purchase_that_buys_no_share_is_refused() {
    let mut vault = empty_vault();
    vault.cash = 5_000;
    let before = vault;
    let bought = buy(&mut vault, None, 5, &env(NOW));
    assert_eq!(bought, Err(EngineError::SharesInsufficient));
    assert_eq!(vault, before);
}

#[test]
fn who_joins_pays_for_running_interest_and_for_liens_of_all() {
    let mut bench = Bench::active(&LineTerms {
        drawn_rate_ppm: 200_000,
        undrawn_rate_ppm: 10_000,
        ..terms()
    });
    let before = asking(&bench.vault, bench.now).unwrap();
    bench.now += 31_536_000;
    assert_eq!(asking(&bench.vault, bench.now), Ok(before + 1_500));
    // Booking it changes the price of joining by nothing.
    assert_eq!(bench.accrue(), 1_500);
    assert_eq!(asking(&bench.vault, bench.now), Ok(before + 1_500));
    assert_eq!(bid(&bench.vault, bench.now), Ok(before));
    bench.vault.liens = 700;
    bench.vault.liens_junior = 300;
    assert_eq!(asking(&bench.vault, bench.now), Ok(before + 1_900));
}

#[test]
fn who_leaves_is_paid_the_conservative_value_of_drawn_lines() {
    let mut bench = Bench::active(&terms());
    bench.draw(10_000, 100_000).unwrap();
    assert_eq!(bench.account.credit_principal, 105_000);
    // Q − stress = 115,000 − 200,000: all of it counts as lost, and e at 170,000 as 75,000.
    assert_eq!(bid(&bench.vault, bench.now), Ok(895_000));
    let better = bench.risk(170_000, 100_000);
    let value = line::revalue(&bench.line, &mut bench.vault, &better, bench.now);
    assert_eq!(value, Ok(75_000));
    assert_eq!(bid(&bench.vault, bench.now), Ok(970_000));
    let best = bench.risk(900_000, 100_000);
    line::revalue(&bench.line, &mut bench.vault, &best, bench.now).unwrap();
    assert_eq!(bid(&bench.vault, bench.now), Ok(1_000_000));
    assert_eq!(face(&bench.vault), Ok(1_000_000));
}

#[test]
fn joining_and_leaving_need_valuations_of_drawn_lines_of_the_last_minute() {
    let mut bench = Bench::active(&terms());
    bench.now += 1_000;
    assert!(bid(&bench.vault, bench.now).is_ok(), "nothing is drawn");
    bench.draw(10_000, 100_000).unwrap();
    bench.now += 60;
    let mut joiner = stake();
    buy(&mut bench.vault, Some(&mut joiner), 1_000, &env(bench.now)).unwrap();
    bench.now += 1;
    let (vault, env) = (&mut bench.vault, env(bench.now));
    let stale = Some(EngineError::ValuationStale);
    assert_eq!(buy(vault, Some(&mut joiner), 1_000, &env).err(), stale);
    assert_eq!(request_redemption(vault, &mut joiner, 5, &env).err(), stale);
    assert_eq!(release_junior(vault, &mut joiner, 5, &env).err(), stale);
}

#[test]
fn a_redemption_waits_for_its_notice_and_its_turn() {
    let (mut vault, mut ann) = funded_vault();
    let mut bob = stake();
    buy(&mut vault, Some(&mut bob), 100_000, &env(NOW)).unwrap();
    let shares = ann.shares;
    let ask = |vault: &mut CreditVault, stake: &mut VaultStake, shares| {
        request_redemption(vault, stake, shares, &env(NOW))
    };
    assert_eq!(ask(&mut vault, &mut ann, 0), Err(EngineError::ZeroAmount));
    let most = Err(EngineError::SharesInsufficient);
    assert_eq!(ask(&mut vault, &mut ann, shares + 1), most);
    assert_eq!(ask(&mut vault, &mut ann, shares), Ok(800_000));
    let again = ask(&mut vault, &mut ann, 1);
    assert_eq!(again, Err(EngineError::RedemptionPending));
    let bobs = bob.shares;
    ask(&mut vault, &mut bob, bobs).unwrap();
    assert_eq!((ann.ticket, bob.ticket, vault.next_ticket), (1, 2, 3));
    let pay = |vault: &mut CreditVault, stake: &mut VaultStake, now| {
        pay_redemption(vault, stake, true, &env(now))
    };
    let early = pay(&mut vault, &mut ann, NOW + NOTICE - 1);
    assert_eq!(early, Err(EngineError::RedemptionNotDue));
    let second = pay(&mut vault, &mut bob, NOW + NOTICE);
    assert_eq!(second, Err(EngineError::NotFirstInQueue));
    let paid = pay(&mut vault, &mut ann, NOW + NOTICE).unwrap();
    assert_eq!((paid.amount, paid.shares_left), (800_000, 0));
    assert_eq!((ann.shares, ann.ticket, vault.head_ticket), (0, 0, 2));
    let twice = pay(&mut vault, &mut ann, NOW + NOTICE);
    assert_eq!(twice, Err(EngineError::NotFirstInQueue));
    assert_eq!(
        pay(&mut vault, &mut bob, NOW + NOTICE).unwrap().amount,
        100_000
    );
    assert_eq!((vault.queued_shares, vault.cash), (0, 200_000));
}

#[test]
fn a_redemption_is_paid_in_part_from_unreserved_cash() {
    let (mut vault, mut ann) = funded_vault();
    vault.reserved_cash = 900_000;
    let shares = ann.shares;
    request_redemption(&mut vault, &mut ann, shares, &env(NOW)).unwrap();
    let due = env(NOW + NOTICE);
    let paid = pay_redemption(&mut vault, &mut ann, true, &due).unwrap();
    let eighth = shares / 8;
    let expected = Redeemed {
        amount: 100_000,
        shares: eighth,
        shares_left: shares - eighth,
    };
    assert_eq!(paid, expected);
    assert_eq!(
        (ann.queued_value, ann.ticket, vault.head_ticket),
        (700_000, 1, 1)
    );
    let none = pay_redemption(&mut vault, &mut ann, true, &due);
    assert_eq!(none, Err(EngineError::VaultCashReserved));
    vault.reserved_cash = 0;
    assert_eq!(
        pay_redemption(&mut vault, &mut ann, true, &due)
            .unwrap()
            .amount,
        700_000
    );
    assert_eq!((ann.shares, vault.cash, vault.head_ticket), (0, 200_000, 2));
}

#[test]
fn a_redemption_is_paid_at_the_lower_of_request_and_payment() {
    for (change, expected) in [(-100_000_i64, 720_000), (100_000, 800_000)] {
        let (mut vault, mut ann) = funded_vault();
        let shares = ann.shares;
        request_redemption(&mut vault, &mut ann, shares, &env(NOW)).unwrap();
        vault.cash = vault.cash.checked_add_signed(change).unwrap();
        let paid = pay_redemption(&mut vault, &mut ann, true, &env(NOW + NOTICE)).unwrap();
        assert_eq!(paid.amount, expected, "{change}");
    }
}

#[test]
fn less_than_the_requests_value_is_paid_with_the_providers_consent_until_a_second_notice() {
    let (mut vault, mut ann) = funded_vault();
    let shares = ann.shares;
    request_redemption(&mut vault, &mut ann, shares, &env(NOW)).unwrap();
    vault.cash -= 1;
    let before = (vault, ann);
    for seconds in [NOTICE, 2 * NOTICE - 1] {
        let forced = pay_redemption(&mut vault, &mut ann, false, &env(NOW + seconds));
        assert_eq!(forced, Err(EngineError::RedemptionNotDue), "{seconds}");
        assert_eq!((vault, ann), before);
    }
    let (mut consents, mut by_ann) = before;
    pay_redemption(&mut consents, &mut by_ann, true, &env(NOW + NOTICE)).unwrap();
    pay_redemption(&mut vault, &mut ann, false, &env(NOW + 2 * NOTICE)).unwrap();
    assert_eq!((vault, ann), (consents, by_ann));
    // The request's value is paid to whoever asks.
    let (mut vault, mut ann) = funded_vault();
    request_redemption(&mut vault, &mut ann, shares, &env(NOW)).unwrap();
    pay_redemption(&mut vault, &mut ann, false, &env(NOW + NOTICE)).unwrap();
}

#[test]
fn a_request_that_is_taken_back_holds_up_nobody() {
    let (mut vault, mut ann) = funded_vault();
    let mut bob = stake();
    buy(&mut vault, Some(&mut bob), 100_000, &env(NOW)).unwrap();
    let (anns, bobs) = (ann.shares, bob.shares);
    let none = cancel_redemption(&mut vault, &mut ann);
    assert_eq!(none, Err(EngineError::SharesInsufficient));
    request_redemption(&mut vault, &mut ann, anns, &env(NOW)).unwrap();
    request_redemption(&mut vault, &mut bob, bobs, &env(NOW)).unwrap();
    assert_eq!(cancel_redemption(&mut vault, &mut ann), Ok(anns));
    assert_eq!(
        (vault.queued_shares, ann.shares, ann.ticket),
        (bobs, anns, 1)
    );
    let again = request_redemption(&mut vault, &mut ann, 5, &env(NOW));
    assert_eq!(again, Err(EngineError::RedemptionPending));
    // Before its time, without a valuation or cash, by anyone.
    vault.reserved_cash = vault.cash;
    let stepped = pay_redemption(&mut vault, &mut ann, false, &env(NOW));
    assert_eq!(stepped, Ok(Redeemed::default()));
    assert_eq!((ann.ticket, vault.head_ticket, ann.shares), (0, 2, anns));
    vault.reserved_cash = 0;
    let paid = pay_redemption(&mut vault, &mut bob, false, &env(NOW + NOTICE)).unwrap();
    assert_eq!(paid.amount, 100_000);
}

#[test]
fn queued_redemptions_come_before_new_credit() {
    let (mut vault, mut ann) = funded_vault();
    assert_eq!(free_cash(&vault), Ok(1_000_000));
    request_redemption(&mut vault, &mut ann, 300_000_000, &env(NOW)).unwrap();
    assert_eq!(free_cash(&vault), Ok(700_000));
    vault.reserved_cash = 650_000;
    assert_eq!(free_cash(&vault), Ok(50_000));
    vault.reserved_cash = 800_000;
    assert_eq!(free_cash(&vault), Ok(0));
}

#[test]
fn junior_shares_are_released_down_to_a_tenth_of_the_limits() {
    let mut bench = Bench::active(&terms());
    let mut own = stake();
    let junior = bench.vault.junior_shares;
    let release = |bench: &mut Bench, own: &mut VaultStake, shares| {
        let now = env(bench.now);
        release_junior(&mut bench.vault, own, shares, &now)
    };
    // Limits of 150,000 need 15,000 of the 200,000.
    let over = release(&mut bench, &mut own, junior - 14_999_000);
    assert_eq!(over, Err(EngineError::JuniorStakeTooSmall));
    let more = release(&mut bench, &mut own, junior + 1);
    assert_eq!(more, Err(EngineError::SharesInsufficient));
    let none = release(&mut bench, &mut own, 0);
    assert_eq!(none, Err(EngineError::ZeroAmount));
    release(&mut bench, &mut own, junior - 15_000_000).unwrap();
    assert_eq!(own.shares, 185_000_000);
    assert_eq!(bench.vault.junior_shares, 15_000_000);
    assert_eq!(bench.vault.shares, 1_000_000_000, "nothing was burned");
}

#[test]
fn junior_shares_that_cover_a_loss_in_sight_stay() {
    let mut bench = Bench::active(&terms());
    bench.draw(10_000, 100_000).unwrap();
    let mut own = stake();
    let now = env(bench.now);
    // At the bid 895,000 the 200 million shares are worth 179,000, of which 105,000 + 15,000 are needed.
    let most = 200_000_000 - 120_000 * 1_000_000 / 895 - 1_000;
    let too_many = release_junior(&mut bench.vault, &mut own, most + 3_000, &now);
    assert_eq!(too_many, Err(EngineError::JuniorStakeTooSmall));
    release_junior(&mut bench.vault, &mut own, most - 2_000, &now).unwrap();
}

/// Attack 28: whoever is first gains nothing by making the price of a share large.
#[test]
fn the_first_depositor_gains_nothing_from_a_later_ones_rounding() {
    let mut vault = empty_vault();
    let (mut first, mut second) = (stake(), stake());
    buy(&mut vault, Some(&mut first), 1, &env(NOW)).unwrap();
    // Cash that came another way than by a purchase would be the worst of donations.
    vault.cash += 10_000_000;
    buy(&mut vault, Some(&mut second), 9_999_999, &env(NOW)).unwrap();
    let value = face(&vault).unwrap();
    let owned = worth(&vault, first.shares, value).unwrap();
    // Half of it belongs to the virtual shares for ever; what the second's rounding gives is a trifle.
    assert!(owned < 5_010_000, "{owned} of 10,000,001 put in");
    let second_owns = worth(&vault, second.shares, value).unwrap();
    assert!(second_owns + 10_001 > 9_999_999, "{second_owns}");
}
