//! Repayment, interest, write-off, liens.

use plimsoll_engine::state::HaltPhase;
use plimsoll_testkit::events::{
    CreditRepaid, CreditWrittenOff, InterestAccrued, LienCollected, RedemptionPaid,
};
use plimsoll_testkit::{bid, Actor, EngineError, World, REDEMPTION_NOTICE, WALLET_USDC};

use super::credit_stage::{
    assert_sound, closed, drawn, lending, lost, risk, target, ANNS, AVAX, JUNIOR, ORDINARY,
    TRIGGERED,
};

const YEAR: i64 = 31_536_000;

#[test]
fn a_payers_tokens_go_to_the_vault_and_the_principal_becomes_the_accounts_own() {
    let mut world = drawn(|terms| terms.drawn_rate_ppm = 100_000);
    let principal = world.account("ann").credit_principal;
    let before = risk(&world, "ann");
    let custody = world.shard_tokens(0);
    world.advance(86_400);
    let interest = (u128::from(principal) * 86_400 * 100_000).div_ceil(31_536_000_000_000);
    let interest = u64::try_from(interest).unwrap();
    let sent = world
        .repay("uma", "ann", "friend", interest + 500_000)
        .unwrap();
    let event = sent.event::<CreditRepaid>();
    assert_eq!(
        (event.interest, event.principal, event.lien),
        (interest, 500_000, 0)
    );
    assert!(!event.from_cash);
    assert_eq!(
        event.balances.cash,
        JUNIOR + ORDINARY - principal + interest + 500_000
    );
    let account = world.account("ann");
    assert_eq!(account.credit_principal, principal - 500_000);
    assert_eq!(account.collateral, i64::try_from(ANNS).unwrap() + 500_000);
    assert_eq!(world.shard_tokens(0), custody, "custody holds what it held");
    assert_eq!(world.usdc("friend"), WALLET_USDC - interest - 500_000);
    world.keep_fresh();
    let after = risk(&world, "ann");
    assert_eq!(after.equity, before.equity + 500_000);
    assert_eq!(after.equity_with_credit(), before.equity_with_credit());
    assert_sound(&world);
    // The rest: no more than is owed is taken.
    world.repay("uma", "ann", "friend", u64::MAX).unwrap();
    assert_eq!(world.usdc("friend"), WALLET_USDC - interest - principal);
    assert_eq!(world.line("uma", "ann").call_deadline, 0);
    assert_eq!(world.vault("uma").cash, JUNIOR + ORDINARY + interest);
    assert_sound(&world);
    world.assert_rejected(EngineError::NothingToRepay, |world| {
        world.repay("uma", "ann", "friend", 5)
    });
}

#[test]
fn repayment_of_nothing_is_rejected() {
    drawn(|_| {}).assert_rejected(EngineError::ZeroAmount, |world| {
        world.repay("uma", "ann", "friend", 0)
    });
    drawn(|_| {}).assert_rejected(EngineError::ZeroAmount, |world| {
        world.repay_from_cash("uma", "ann", "ann", 0)
    });
    lending(|_| {}).assert_rejected(EngineError::NothingToRepay, |world| {
        world.repay_from_cash("uma", "ann", "ann", 5)
    });
}

#[test]
fn a_repayment_works_with_a_stale_index_and_in_a_halt() {
    let mut world = drawn(|_| {});
    world.advance(10_000);
    world.force_phase(AVAX, HaltPhase::Freeze);
    world.repay("uma", "ann", "friend", 5_000).unwrap();
    assert_sound(&world);
}

#[test]
fn the_owner_repays_out_of_cash_down_to_the_target() {
    let mut world = drawn(|_| {});
    world.deposit("ann", 700_000).unwrap();
    let standing = risk(&world, "ann");
    let spare = standing.equity_with_credit().unwrap() - target(&standing);
    let spare = u64::try_from(spare).unwrap();
    world.assert_rejected(EngineError::RepaymentTooLarge, |world| {
        world.repay_from_cash("uma", "ann", "ann", spare + 1)
    });
    // Nobody else decides about the cash of an account that lives on credit.
    world.assert_rejected(EngineError::RepaymentTooLarge, |world| {
        world.repay_from_cash("uma", "ann", "uma", spare)
    });
    let (custody, collateral) = (world.shard_tokens(0), world.collateral("ann"));
    let sent = world.repay_from_cash("uma", "ann", "ann", spare).unwrap();
    let event = sent.event::<CreditRepaid>();
    assert!(event.from_cash);
    assert_eq!((event.interest, event.principal), (0, spare));
    assert_eq!(world.shard_tokens(0), custody - spare);
    assert_eq!(world.collateral("ann"), collateral, "e does not move");
    assert_eq!(risk(&world, "ann").equity, standing.equity);
    assert_sound(&world);
}

#[test]
fn anyone_has_the_lender_repaid_when_own_equity_suffices() {
    let mut world = drawn(|_| {});
    let principal = world.account("ann").credit_principal;
    world.move_index(AVAX, 18_000);
    assert!(risk(&world, "ann").equity >= target(&risk(&world, "ann")));
    let sent = world
        .repay_from_cash("uma", "ann", "keeper", u64::MAX)
        .unwrap();
    assert_eq!(sent.event::<CreditRepaid>().principal, principal);
    assert_eq!(world.account("ann").credit_principal, 0);
    assert_eq!(world.vault("uma").cash, JUNIOR + ORDINARY);
    assert_sound(&world);
}

#[test]
fn cash_pays_no_lender_on_a_stale_index_in_a_halt_or_out_of_unaged_gains() {
    let mut world = drawn(|_| {});
    world.move_index(AVAX, 18_000);
    let mut stale = world.clone();
    stale.advance(16);
    stale.assert_rejected(EngineError::IndexStale, |world| {
        world.repay_from_cash("uma", "ann", "ann", 5)
    });
    let mut halted = world.clone();
    halted.force_phase(AVAX, HaltPhase::Call);
    halted.assert_rejected(EngineError::MarketHalted, |world| {
        world.repay_from_cash("uma", "ann", "ann", 5)
    });
    let now = world.now();
    let principal = i64::try_from(world.account("ann").credit_principal).unwrap();
    world.change_margin("ann", |account| {
        account.gain_newest = (account.collateral + principal).unsigned_abs();
        account.gain_interval = now.div_euclid(60);
    });
    world.assert_rejected(EngineError::InsufficientCash, |world| {
        world.repay_from_cash("uma", "ann", "ann", 5)
    });
}

#[test]
fn attack_41_the_lender_is_not_repaid_before_the_market_that_the_account_owes() {
    let mut world = closed(|_| {});
    // Flat, with a loss that is not settled: the cash is the market's.
    assert!(world.holding("ann", AVAX).quote < 0);
    for signer in ["uma", "ann"] {
        world.assert_rejected(EngineError::RepaymentTooLarge, |world| {
            world.repay_from_cash("uma", "ann", signer, u64::MAX)
        });
    }
    world.settle("ann", &[AVAX]).unwrap();
    world
        .repay_from_cash("uma", "ann", "uma", u64::MAX)
        .unwrap();
    assert_sound(&world);
}

#[test]
fn interest_runs_on_drawn_and_undrawn_principal() {
    let mut world = lending(|terms| {
        terms.drawn_rate_ppm = 200_000;
        terms.undrawn_rate_ppm = 10_000;
    });
    let start = world.line("uma", "ann").accrued_at;
    world.set_time(start + YEAR);
    let sent = world.accrue_interest("uma", "ann").unwrap();
    let event = sent.event::<InterestAccrued>();
    assert_eq!((event.interest, event.credit_interest), (150_000, 150_000));
    assert_eq!(event.balances.interest_receivable, 150_000);
    assert_eq!(world.account("ann").credit_interest, 150_000);
    let again = world.accrue_interest("uma", "ann").unwrap();
    assert_eq!(again.event::<InterestAccrued>().interest, 0);
    world.assert_rejected(EngineError::CreditDrawn, |world| world.withdraw("ann", 1));
    world.assert_rejected(EngineError::LineInUse, |world| {
        world.close_line("uma", "ann", "ann")
    });
    world.keep_fresh();
    world
        .repay_from_cash("uma", "ann", "ann", u64::MAX)
        .unwrap();
    assert_eq!(
        world.collateral("ann"),
        i64::try_from(ANNS).unwrap() - 150_000
    );
    world.close_line("uma", "ann", "ann").unwrap();
    assert_sound(&world);
}

#[test]
fn what_cannot_be_repaid_becomes_a_lien_and_the_junior_stakes_loss() {
    let mut world = lost(|_| {});
    world.assert_rejected(EngineError::AccountNotFlat, |world| {
        world.write_off("uma", "ann")
    });
    world
        .repay_from_cash("uma", "ann", "keeper", u64::MAX)
        .unwrap();
    let principal = world.account("ann").credit_principal;
    assert_ne!(principal, 0);
    let custody = world.shard_tokens(0);
    let sent = world.write_off("uma", "ann").unwrap();
    let event = sent.event::<CreditWrittenOff>();
    assert_eq!(
        (event.principal, event.interest, event.lien),
        (principal, 0, principal)
    );
    assert_eq!(event.junior_shares_burned, principal * 1_000);
    assert_eq!(event.balances.drawn, 0);
    assert_eq!(event.balances.reserved_cash, 0, "the line has ended");
    let account = world.account("ann");
    assert_eq!((account.collateral, account.credit_principal), (0, 0));
    assert_eq!(world.shard_tokens(0), custody);
    assert_sound(&world);
    // The provider's shares are worth what they were.
    world
        .request_redemption("uma", "provider", 8_000_000_000)
        .unwrap();
    world.advance_fresh(i64::from(REDEMPTION_NOTICE));
    let paid = world.pay_redemption("uma", "provider").unwrap();
    assert_eq!(paid.event::<RedemptionPaid>().amount, 8_000_000);
    world.assert_rejected(EngineError::NothingToRepay, |world| {
        world.write_off("uma", "ann")
    });
}

/// A world after the write-off, and the lien.
fn written_off() -> (World, u64) {
    let mut world = lost(|_| {});
    world
        .repay_from_cash("uma", "ann", "keeper", u64::MAX)
        .unwrap();
    world.write_off("uma", "ann").unwrap();
    let lien = world.account("ann").lien;
    (world, lien)
}

#[test]
fn a_lien_is_collected_by_anyone_before_a_withdrawal() {
    let (mut world, lien) = written_off();
    world.assert_rejected(EngineError::InsufficientCash, |world| {
        world.collect_lien("uma", "ann")
    });
    world.deposit("ann", lien + 9_000).unwrap();
    world.assert_rejected(EngineError::LienUnpaid, |world| world.withdraw("ann", 1));
    world.assert_rejected(EngineError::LineInUse, |world| {
        world.close_line("uma", "ann", "ann")
    });
    let sent = world.collect_lien("uma", "ann").unwrap();
    let event = sent.event::<LienCollected>();
    assert_eq!(
        (event.amount, event.lien, event.collateral),
        (lien, 0, 9_000)
    );
    let vault = world.vault("uma");
    assert_eq!((vault.liens, vault.liens_junior), (0, 0));
    // The junior stake bore it, and has it back.
    assert_eq!(vault.junior_shares, JUNIOR * 1_000);
    assert_sound(&world);
    world.assert_rejected(EngineError::NothingToRepay, |world| {
        world.collect_lien("uma", "ann")
    });
    world.close_line("uma", "ann", "ann").unwrap();
    world.withdraw("ann", 9_000).unwrap();
    assert_sound(&world);
}

#[test]
fn a_lien_leaves_initial_margin_in_the_account_and_waits_in_a_halt() {
    let (mut world, lien) = written_off();
    world.deposit("ann", lien + 1_000_000).unwrap();
    world.place("ann", AVAX, bid(15_000, 100)).unwrap();
    let free = risk(&world, "ann").free_collateral();
    let mut halted = world.clone();
    halted.force_phase(AVAX, HaltPhase::Call);
    halted.assert_rejected(EngineError::MarketHalted, |world| {
        world.collect_lien("uma", "ann")
    });
    let sent = world.collect_lien("uma", "ann").unwrap();
    let taken = u64::try_from(free).unwrap().min(lien);
    assert_eq!(sent.event::<LienCollected>().amount, taken);
    assert!(risk(&world, "ann").meets_initial());
    assert_sound(&world);
}

#[test]
fn a_lien_is_repaid_with_a_payers_tokens() {
    let (mut world, lien) = written_off();
    let sent = world.repay("uma", "ann", "friend", lien - 7).unwrap();
    assert_eq!(sent.event::<CreditRepaid>().lien, lien - 7);
    assert_eq!(world.account("ann").lien, 7);
    assert_sound(&world);
}

#[test]
fn a_written_off_borrower_gets_no_other_line_before_it_has_paid() {
    let (mut world, _) = written_off();
    let terms = world.terms(5_000_000, &[AVAX]);
    world.assert_rejected(EngineError::WrongLineState, |world| {
        world.offer_line("uma", "ann", terms)
    });
    world.open_vault("vic").unwrap();
    world.buy_junior("vic", 100_000_000).unwrap();
    world.offer_line("vic", "ann", terms).unwrap();
    world.assert_rejected(EngineError::AccountHasLine, |world| {
        world.accept_line("vic", "ann", terms)
    });
}

#[test]
fn attack_29_a_write_off_just_before_the_borrower_pays_moves_nothing_from_the_junior_stake() {
    let mut world = lost(|_| {});
    world
        .repay_from_cash("uma", "ann", "keeper", u64::MAX)
        .unwrap();
    let mut paid = world.clone();
    let owed = world.account("ann").credit_principal;
    paid.repay("uma", "ann", "ann", owed).unwrap();
    // A provider sees the payment and has the loan written off before it.
    world.write_off("uma", "ann").unwrap();
    world.repay("uma", "ann", "ann", owed).unwrap();
    let (honest, attacked) = (paid.vault("uma"), world.vault("uma"));
    assert_eq!(honest.cash, attacked.cash);
    assert_eq!(honest.shares, attacked.shares);
    assert_eq!(honest.junior_shares, attacked.junior_shares);
    assert_sound(&world);
}

#[test]
fn attack_30_repaying_with_the_vaults_own_tokens_is_refused() {
    let mut world = drawn(|_| {});
    let keys = world.line_keys("uma", "ann");
    let uma = Actor::from("uma").key();
    let instruction = world.loan_ix("uma", "ann", |loan| loan.repay(uma, keys.vault_cash, 5_000));
    let refused = world.assert_refused(|world| world.send(&[instruction], &["uma".into()]));
    assert_eq!(refused.code(), Some(4), "token: OwnerMismatch");
    let shard = world.addresses.custody_shard(0);
    let instruction = world.loan_ix("uma", "ann", |loan| loan.repay(uma, shard, 5_000));
    let refused = world.assert_refused(|world| world.send(&[instruction], &["uma".into()]));
    assert_eq!(refused.code(), Some(4), "token: OwnerMismatch");
}

#[test]
fn a_repayment_lowers_no_leavers_value_of_the_line() {
    let mut world = drawn(|_| {});
    world.deposit("ann", 100_000_000).unwrap();
    world.value_line("uma", "ann").unwrap();
    let principal = world.account("ann").credit_principal;
    world.repay("uma", "ann", "friend", principal / 2).unwrap();
    let slot = world.vault("uma").slots[0];
    assert_eq!(
        (slot.drawn, slot.value),
        (principal - principal / 2, slot.drawn)
    );
    world.move_index(AVAX, TRIGGERED);
    assert_sound(&world);
}
