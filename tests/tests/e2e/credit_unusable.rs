//! Lines that lend nothing at the moment, and liquidations that do not wait for them: a vault whose cash the
//! mint's issuer has frozen, and a floor that interest which nobody has booked is already under (spec §8, §10).

use plimsoll_testkit::events::{CreditDrawn, Liquidated};
use plimsoll_testkit::{bid, Actor, EngineError, World};
use solana_instruction::{AccountMeta, Instruction};

use super::night_stage::{
    assert_sound, hedged_with_line, held, risk, AVAX, CALLED, FARMER, HEDGE, LIMIT,
};

const FREEZE: u8 = 10;
const THAW: u8 = 11;

/// The issuer freezes or thaws the cash of uma's vault.
fn issuer(world: &mut World, what: u8) {
    let vault_cash = world.line_keys("uma", FARMER).vault_cash;
    let issuer = Actor::from("issuer");
    let instruction = Instruction {
        program_id: world.addresses.token_program,
        accounts: vec![
            AccountMeta::new(vault_cash, false),
            AccountMeta::new_readonly(world.addresses.collateral_mint, false),
            AccountMeta::new_readonly(issuer.key(), true),
        ],
        data: vec![what],
    };
    world.send(&[instruction], &[issuer]).unwrap();
}

/// Under maintenance by a little, which the line would cure.
fn called() -> World {
    let mut world = hedged_with_line(|_| {});
    world.move_index(AVAX, CALLED - 20);
    assert!(!risk(&world).meets_maintenance().unwrap());
    world
}

#[test]
fn attack_36_a_frozen_vault_does_not_keep_its_borrower_from_liquidation() {
    let mut world = called();
    issuer(&mut world, FREEZE);
    world.place("cat", AVAX, bid(CALLED - 30, HEDGE)).unwrap();
    world.assert_refused(|world| world.draw("uma", FARMER));
    let mut thawed = world.clone();
    let sent = world.liquidate(FARMER, AVAX).unwrap();
    let [done] = &sent.events_of::<Liquidated>()[..] else {
        panic!("{:?}", sent.events);
    };
    assert!(done.filled_lots > 0 && done.drawn == 0);
    assert!(held(&world) < HEDGE);
    assert_eq!(world.account(FARMER).credit_principal, 0);
    assert_eq!(world.line("uma", FARMER).reserved_cash, LIMIT);
    assert_sound(&world);
    // When it can leave again it is drawn as ever, and the draw is told with the vault's balances.
    issuer(&mut thawed, THAW);
    let sent = thawed.liquidate(FARMER, AVAX).unwrap();
    let drawn = &sent.events_of::<CreditDrawn>()[0];
    assert_eq!(sent.events_of::<Liquidated>()[0].drawn, drawn.amount);
    let vault = thawed.vault("uma");
    assert_eq!(
        (drawn.balances.cash, drawn.balances.drawn),
        (vault.cash, drawn.amount)
    );
    assert_eq!(held(&thawed), HEDGE);
    assert_sound(&thawed);
}

#[test]
fn attack_36_a_frozen_vault_does_not_keep_its_borrower_from_a_takeover() {
    let mut world = called();
    issuer(&mut world, FREEZE);
    world.liquidate(FARMER, AVAX).unwrap();
    assert_ne!(world.account(FARMER).takeover_started_at, 0);
    let mut thawed = world.clone();
    world.take_over("cat", FARMER, AVAX, 100).unwrap();
    assert!(held(&world) < HEDGE);
    assert_sound(&world);
    issuer(&mut thawed, THAW);
    thawed.assert_rejected(EngineError::CreditUsable, |world| {
        world.take_over("cat", FARMER, AVAX, 100)
    });
}

/// Own equity exactly zero as it is booked: at a floor of zero the line cures it.
fn at_zero() -> World {
    let mut world = hedged_with_line(|terms| {
        terms.limit = 12_000_000;
        terms.minute_cap = terms.limit;
    });
    world.move_index(AVAX, 17_200);
    world.accrue_interest("uma", FARMER).unwrap();
    let missing = risk(&world).equity;
    world.deposit(FARMER, missing.unsigned_abs()).unwrap();
    assert_eq!(risk(&world).equity, 0);
    world.assert_rejected(EngineError::CreditUsable, |world| {
        world.tear_up(FARMER, AVAX)
    });
    world
}

#[test]
fn attack_36_a_frozen_vault_does_not_keep_its_borrower_from_a_tear_up() {
    let mut world = at_zero();
    issuer(&mut world, FREEZE);
    world.tear_up(FARMER, AVAX).unwrap();
    assert_eq!(held(&world), 0);
    assert_sound(&world);
}

/// The line and its vault are read-only in a takeover and a tear-up; what `liquidate` would book first counts.
#[test]
fn interest_that_nobody_has_booked_counts_where_a_line_is_tested() {
    let mut world = at_zero();
    world.advance_fresh(2);
    // A draw would book an atom of interest and find e under its floor.
    let mut asked = world.clone();
    let sent = asked.liquidate(FARMER, AVAX).unwrap();
    assert_eq!(sent.events_of::<Liquidated>()[0].drawn, 0);
    assert!(risk(&asked).equity < 0);
    world.tear_up(FARMER, AVAX).unwrap();
    assert_eq!(held(&world), 0);
    assert_sound(&world);
}

/// Nobody names another token account for the vault's: a frozen one of its own, say, to keep a line undrawn.
#[test]
fn attack_31_the_cash_account_of_a_liquidated_line_is_its_vaults() {
    let mut world = called();
    let cash = world.line_keys("uma", FARMER).vault_cash;
    let other = Actor::from("mallory").token_account();
    world.fund_wallet("mallory");
    for mut instruction in [
        world.liquidate_ix(FARMER, AVAX),
        world.take_over_ix("cat", FARMER, AVAX, 100),
        world.tear_up_ix(FARMER, AVAX),
    ] {
        let named = instruction
            .accounts
            .iter()
            .position(|meta| meta.pubkey == cash);
        let place = named.expect("it is passed");
        instruction.accounts[place].pubkey = other;
        let signer = if instruction.accounts[0].is_signer {
            "cat"
        } else {
            "mallory"
        };
        world.assert_rejected(EngineError::WrongAccount, |world| {
            world.send(&[instruction], &[signer.into()])
        });
    }
}
