//! The farmer's night (spec §8, §10): the same hedge in the same fall, with a line that carries it, without
//! one, and with one that is used up; and what an underwriter's terms do in it.

use plimsoll_engine::state::CreditVault;
use plimsoll_testkit::events::{CreditRepaid, CreditWrittenOff, RedemptionRequested};
use plimsoll_testkit::{EngineError, World};
use solana_instruction::Instruction;

use super::night_stage::{
    assert_sound, hedged, hedged_with_line, held, keep_calling, night, risk, step_to, AVAX, CALLED,
    DEEP, DEEPER, DEPOSIT, FARMER, HEDGE, JUNIOR, LIMIT, ORDINARY, SLICE,
};

const YEAR: u128 = 31_536_000;
const HOURS_6: i64 = 21_600;

/// Interest of `seconds` at the farmer's rates, quote atoms, rounded up.
fn interest(drawn: u64, seconds: i64) -> u64 {
    let undrawn = u128::from(LIMIT - drawn);
    let a_year = u128::from(drawn) * 100_000 + undrawn * 10_000;
    let sum = a_year * u128::try_from(seconds).unwrap();
    u64::try_from(sum.div_ceil(1_000_000 * YEAR)).unwrap()
}

/// What a number of shares is worth at face value, rounded down.
fn worth(vault: &CreditVault, shares: u64) -> u64 {
    let face = vault.cash + vault.drawn + vault.interest_receivable;
    let value = u128::from(shares) * u128::from(face + 1);
    u64::try_from(value / u128::from(vault.shares + 1_000)).unwrap()
}

/// Everybody settles, losers first, and the fees leave the market; returns what the treasury has.
fn treasury(world: &mut World) -> u64 {
    for name in [FARMER, "cat", "bob"] {
        if let Err(refused) = world.settle(name, &[AVAX]) {
            assert_eq!(refused.engine, Some(EngineError::NothingToSettle));
        }
    }
    world.sweep_fees(AVAX).unwrap();
    let cash = world.market(AVAX).header.cash;
    let left = [
        cash.fees_accrued,
        cash.liquidation_fees_accrued,
        cash.contributions_accrued,
    ];
    assert_eq!(left, [0; 3], "all fees are swept");
    world.default_fund().treasury
}

#[test]
fn the_line_carries_the_hedge_through_the_night_and_is_paid_back_in_the_morning() {
    let mut world = hedged_with_line(|_| {});
    let treasury_before = treasury(&mut world);
    let collateral = world.collateral(FARMER);
    let fell = night(&mut world, DEEP);
    assert!(fell.draws() >= 3, "{} draws", fell.draws());
    assert_eq!(fell.closed_lots(), 0, "nothing is liquidated");
    assert_eq!(held(&world), HEDGE);
    let account = world.account(FARMER);
    let drawn = account.credit_principal;
    assert_eq!(drawn, fell.drawn());
    assert!(drawn > DEPOSIT / 4 && drawn < LIMIT, "{drawn}");
    assert_eq!(account.collateral, collateral, "own cash has not moved");
    assert_ne!(world.line("uma", FARMER).call_deadline, 0, "a call runs");
    assert_sound(&world);

    // Six hours later the bank opens.
    let owed = world.account(FARMER).credit_interest;
    let since = world.now() + HOURS_6 - world.line("uma", FARMER).accrued_at;
    world.advance_fresh(HOURS_6);
    world.assert_rejected(EngineError::RepaymentTooLarge, |world| {
        world.repay_from_cash("uma", FARMER, "mallory", u64::MAX)
    });
    world.deposit(FARMER, 10_000_000).unwrap();
    let paid: CreditRepaid = world
        .repay_from_cash("uma", FARMER, "mallory", u64::MAX)
        .unwrap()
        .event();
    assert_eq!(paid.interest, owed + interest(drawn, since));
    assert_eq!((paid.principal, paid.credit_principal), (drawn, 0));
    let line = world.line("uma", FARMER);
    assert_eq!((line.call_opened_at, line.call_deadline), (0, 0));
    assert_eq!((line.drawn, line.reserved_cash), (0, LIMIT), "ready again");
    assert_eq!(held(&world), HEDGE);
    let vault = world.vault("uma");
    assert_eq!(vault.cash, JUNIOR + ORDINARY + paid.interest);
    let stake = world.stake("uma", "provider");
    let asked: RedemptionRequested = world
        .request_redemption("uma", "provider", stake.shares)
        .unwrap()
        .event();
    assert_eq!(asked.value, worth(&vault, stake.shares));
    // Four fifths of the interest, less what 1,000 virtual shares and two floors leave.
    let gained = asked.value - ORDINARY;
    let share = paid.interest * ORDINARY / (JUNIOR + ORDINARY);
    assert!(share - gained <= 2, "{gained} of {share}");
    assert_eq!(treasury(&mut world), treasury_before);
    assert_sound(&world);
}

#[test]
fn without_the_line_the_book_stops_the_same_hedge_out() {
    let mut world = hedged();
    let treasury_before = treasury(&mut world);
    let fell = night(&mut world, DEEP);
    assert_eq!(fell.drawn(), 0);
    assert!(fell.calls.iter().all(|call| call.filled_lots != 0));
    assert_eq!(held(&world), HEDGE - fell.closed_lots());
    assert!(fell.closed_lots() > HEDGE / 3, "{}", fell.closed_lots());
    let after = risk(&world);
    assert!(after.meets_maintenance().unwrap());
    assert_eq!(treasury(&mut world), treasury_before, "INV-9");
    // The price comes back and the hedge does not.
    let reward: u64 = fell.calls.iter().map(|call| call.contribution).sum();
    let fund = world.default_fund();
    assert!(fund.balance > reward && reward != 0 && fund.keeper_pool != 0);
    world.move_index(AVAX, 20_000);
    let left = risk(&world).equity;
    assert!(left < i64::try_from(DEPOSIT * 2 / 3).unwrap(), "{left}");
    world.assert_sound();
}

#[test]
fn a_line_that_is_used_up_leaves_the_underwriter_with_the_loss_and_the_exchange_whole() {
    let mut world = hedged_with_line(|_| {});
    let treasury_before = treasury(&mut world);
    let fell = night(&mut world, DEEPER);
    // First credit alone, then, at the very call that finds it used up, the book alone.
    let draws = fell.draws();
    let (drawing, closing) = fell.calls.split_at(draws);
    assert!(drawing.iter().all(|call| call.filled_lots == 0));
    assert!(closing.iter().all(|call| call.drawn == 0));
    assert!(closing.first().is_some_and(|call| call.filled_lots != 0));
    assert_eq!(world.account(FARMER).credit_principal, LIMIT);
    assert!(held(&world) != 0 && held(&world) < HEDGE);
    assert_sound(&world);

    // Nobody pays: the call lapses, and what is left of the hedge is worked out.
    let deadline = world.line("uma", FARMER).call_deadline;
    world.set_time(deadline);
    step_to(&mut world, DEEPER);
    keep_calling(&mut world);
    assert_eq!(held(&world), 0);
    world.settle(FARMER, &[AVAX]).unwrap();
    world.assert_rejected(EngineError::AccountNotFlat, |world| {
        world.write_off("uma", FARMER)
    });
    let cash = world.collateral(FARMER) + i64::try_from(LIMIT).unwrap();
    let cash = u64::try_from(cash).unwrap();
    let paid: CreditRepaid = world
        .repay_from_cash("uma", FARMER, "mallory", u64::MAX)
        .unwrap()
        .event();
    assert_eq!(paid.interest + paid.principal, cash, "all that is left");
    let lost = LIMIT - paid.principal;
    assert!(lost != 0 && lost < JUNIOR, "{lost}");
    let before = world.vault("uma");
    assert_eq!(before.cash, JUNIOR + ORDINARY - lost + paid.interest);
    let stake = world.stake("uma", "provider");
    let of_provider = worth(&before, stake.shares);
    let written: CreditWrittenOff = world.write_off("uma", FARMER).unwrap().event();
    assert_eq!(
        (written.principal, written.interest, written.lien),
        (lost, 0, lost)
    );
    let face = u128::from(before.cash + before.drawn + before.interest_receivable + 1);
    let burned = (u128::from(lost) * u128::from(before.shares + 1_000)).div_ceil(face);
    assert_eq!(u128::from(written.junior_shares_burned), burned);
    let after = world.vault("uma");
    assert_eq!((after.cash, after.drawn), (before.cash, 0));
    assert_eq!(after.liens, lost);
    assert!(worth(&after, stake.shares) >= of_provider, "the provider");
    let account = world.account(FARMER);
    let owed = (account.credit_principal, account.collateral, account.lien);
    assert_eq!(owed, (0, 0, lost));
    // The exchange never had a part in it: no deficit, nothing out of the fund, nothing to the treasury.
    let market = world.market(AVAX).header;
    assert_eq!((market.cash.deficit, market.losses.receipts), (0, 0));
    assert_eq!(treasury(&mut world), treasury_before, "INV-9");
    assert_sound(&world);
    world.deposit(FARMER, lost + 5).unwrap();
    world.collect_lien("uma", FARMER).unwrap();
    assert_eq!(world.vault("uma").cash, JUNIOR + ORDINARY + paid.interest);
    assert_sound(&world);
}

#[test]
fn a_lapsed_call_is_worked_out_in_slices_until_own_equity_suffices() {
    let mut world = hedged_with_line(|_| {});
    night(&mut world, DEEP);
    let drawn = world.account(FARMER).credit_principal;
    let deadline = world.line("uma", FARMER).call_deadline;
    world.set_time(deadline - 11);
    step_to(&mut world, DEEP);
    let called = risk(&world);
    assert!(called.meets_maintenance().unwrap());
    assert!(called.equity < i64::try_from(called.maintenance_margin).unwrap());
    world.assert_rejected(EngineError::NotLiquidatable, |world| {
        world.liquidate(FARMER, AVAX)
    });
    world.advance(1);
    let slices = keep_calling(&mut world);
    assert!(slices.len() > 3, "{slices:?}");
    let (last, whole) = slices.split_last().unwrap();
    assert!(whole.iter().all(|lots| *lots == SLICE) && *last <= SLICE);
    let after = risk(&world);
    let target = i64::try_from(after.maintenance_margin * 115).unwrap();
    assert!(held(&world) != 0 && after.equity * 100 >= target);
    // No more than that: one slice less would not have done.
    assert!((after.equity - i64::try_from(after.maintenance_margin).unwrap()) * 100 < target);
    assert_eq!(world.account(FARMER).credit_principal, drawn);
    world.assert_rejected(EngineError::NotLiquidatable, |world| {
        world.liquidate(FARMER, AVAX)
    });
    assert_sound(&world);
}

#[test]
fn a_recalled_line_draws_through_its_notice_and_shortens_no_call() {
    let mut world = hedged_with_line(|_| {});
    world.recall_line("uma", FARMER).unwrap();
    let fell = night(&mut world, CALLED - 100);
    assert!(fell.draws() != 0 && fell.closed_lots() == 0);
    let line = world.line("uma", FARMER);
    assert!(line.recall_at > world.now() && line.call_deadline > line.recall_at);
    world.set_time(line.recall_at);
    step_to(&mut world, CALLED - 100);
    world.assert_rejected(EngineError::NotLiquidatable, |world| {
        world.liquidate(FARMER, AVAX)
    });
    let drawn = world.account(FARMER).credit_principal;
    let fell = night(&mut world, DEEP);
    assert_eq!(fell.draws(), 0, "the notice has passed");
    assert!(fell.closed_lots() != 0);
    assert_eq!(world.account(FARMER).credit_principal, drawn);
    assert_eq!(world.vault("uma").reserved_cash, 0);
    assert_sound(&world);
}

#[test]
fn a_discretionary_line_promises_nothing_and_draws_with_consent() {
    let world = hedged_with_line(|terms| terms.committed = false);
    let mut refused = world.clone();
    let fell = night(&mut refused, DEEP);
    assert!(fell.draws() == 0 && fell.closed_lots() != 0);
    assert_sound(&refused);

    let mut granted = world.clone();
    let midnight = granted.now() + 3_600;
    granted
        .give_consent("uma", FARMER, LIMIT, midnight)
        .unwrap();
    let fell = night(&mut granted, DEEP);
    assert!(fell.draws() != 0 && fell.closed_lots() == 0);
    assert_eq!(granted.line("uma", FARMER).consent, LIMIT - fell.drawn());
    assert_sound(&granted);

    let mut little = world.clone();
    little
        .give_consent("uma", FARMER, 2_000_000, midnight)
        .unwrap();
    let fell = night(&mut little, DEEP);
    assert!(fell.drawn() != 0 && fell.drawn() <= 2_000_000);
    assert!(fell.closed_lots() != 0);

    let mut late = world;
    let soon = late.now() + 60;
    late.give_consent("uma", FARMER, LIMIT, soon).unwrap();
    late.advance_fresh(60);
    let fell = night(&mut late, DEEP);
    assert!(fell.draws() == 0 && fell.closed_lots() != 0);
}

/// The instruction with the account at `at` and all after it up to `end` left out.
fn without(mut instruction: Instruction, at: usize, end: usize) -> Instruction {
    for meta in &mut instruction.accounts[at..end] {
        meta.pubkey = instruction.program_id;
        meta.is_writable = false;
    }
    instruction
}

#[test]
fn inv_7_no_call_closes_anything_with_a_usable_line_left_aside() {
    let mut world = hedged_with_line(|_| {});
    step_to(&mut world, CALLED);
    assert!(!risk(&world).meets_maintenance().unwrap());
    let calls = [
        without(world.liquidate_ix(FARMER, AVAX), 5, 10),
        without(world.take_over_ix("cat", FARMER, AVAX, HEDGE), 4, 6),
        without(world.tear_up_ix(FARMER, AVAX), 6, 8),
    ];
    for call in calls {
        world.assert_rejected(EngineError::CreditLineMissing, |world| {
            world.send(&[call], &["cat".into()])
        });
    }
    // Nor with the line of somebody else.
    world.trader("other", 50_000_000, &[AVAX]);
    let terms = world.terms(1_000_000, &[AVAX]);
    world.offer_line("uma", "other", terms).unwrap();
    let mut call = world.liquidate_ix(FARMER, AVAX);
    call.accounts[5].pubkey = world.line_keys("uma", "other").line;
    world.assert_rejected(EngineError::WrongAccount, |world| {
        world.send(&[call], &["keeper".into()])
    });
    // With it the same call draws, and closes nothing.
    world.liquidate(FARMER, AVAX).unwrap();
    assert_eq!(held(&world), HEDGE);
    assert_ne!(world.account(FARMER).credit_principal, 0);
    assert_sound(&world);
}

#[test]
fn inv_7_a_takeover_closes_again_when_the_line_becomes_usable() {
    // A million a minute: the first gap is larger than that.
    let mut world = hedged_with_line(|terms| terms.minute_cap = 1_000_000);
    world.move_index(AVAX, CALLED - 200);
    world.liquidate(FARMER, AVAX).unwrap();
    assert_eq!(
        (world.account(FARMER).credit_principal, held(&world)),
        (0, HEDGE)
    );
    assert_ne!(world.account(FARMER).takeover_started_at, 0);
    let mut open = world.clone();
    open.take_over("cat", FARMER, AVAX, 100).unwrap();
    assert_sound(&open);
    world.move_index(AVAX, CALLED - 20);
    assert!(!risk(&world).meets_maintenance().unwrap());
    world.assert_rejected(EngineError::CreditUsable, |world| {
        world.take_over("cat", FARMER, AVAX, 100)
    });
    world.liquidate(FARMER, AVAX).unwrap();
    assert_eq!(
        (world.account(FARMER).credit_principal, held(&world)),
        (1_000_000, HEDGE)
    );
    assert_sound(&world);
}

#[test]
fn inv_7_an_account_at_exactly_zero_is_not_torn_up_while_its_line_cures_it() {
    let mut world = hedged_with_line(|terms| {
        terms.limit = 12_000_000;
        terms.minute_cap = terms.limit;
    });
    world.move_index(AVAX, 17_200);
    world.accrue_interest("uma", FARMER).unwrap();
    let missing = risk(&world).equity;
    assert!(missing < 0);
    world.deposit(FARMER, missing.unsigned_abs()).unwrap();
    assert_eq!(risk(&world).equity, 0);
    world.assert_rejected(EngineError::CreditUsable, |world| {
        world.tear_up(FARMER, AVAX)
    });
    world.liquidate(FARMER, AVAX).unwrap();
    assert!(risk(&world).meets_maintenance().unwrap());
    assert_eq!(held(&world), HEDGE);
    assert_sound(&world);
}
