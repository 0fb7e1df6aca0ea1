//! Draws, what they need, and attacks on the cash behind them.

use plimsoll_engine::credit::line::LineTerms;
use plimsoll_testkit::events::{ConsentGiven, CreditDrawn};
use plimsoll_testkit::{ask, bid, Actor, EngineError, REDEMPTION_NOTICE};

use super::credit_stage::{
    assert_sound, drawn, lending, risk, target, traders, AVAX, BELOW, BTC, JUNIOR, LIMIT, ORDINARY,
    TRIGGERED,
};

const NOTICE: i64 = REDEMPTION_NOTICE as i64;

#[test]
fn a_draw_lifts_the_account_to_the_target_and_opens_a_call() {
    let mut world = lending(|_| {});
    let custody = world.shard_tokens(0);
    world.assert_rejected(EngineError::DrawNotNeeded, |world| world.draw("uma", "ann"));
    world.move_index(AVAX, TRIGGERED);
    let before = risk(&world, "ann");
    let amount = u64::try_from(target(&before) - before.equity).unwrap();
    let collateral = world.collateral("ann");
    let sent = world.draw("uma", "ann").unwrap();
    let event = sent.event::<CreditDrawn>();
    assert_eq!((event.amount, event.credit_principal), (amount, amount));
    assert_eq!(event.call_deadline, world.now() + 43_200);
    assert_eq!(event.balances.cash, JUNIOR + ORDINARY - amount);
    assert_eq!(event.balances.reserved_cash, LIMIT - amount);
    let account = world.account("ann");
    assert_eq!(
        (account.collateral, account.credit_principal),
        (collateral, amount)
    );
    assert_eq!(world.shard_tokens(0), custody + amount);
    let after = risk(&world, "ann");
    assert_eq!(after.equity_with_credit().unwrap(), target(&after));
    assert_sound(&world);
    world.assert_rejected(EngineError::DrawNotNeeded, |world| world.draw("uma", "ann"));
    world.assert_rejected(EngineError::CreditDrawn, |world| world.withdraw("ann", 1));
}

#[test]
fn liquidation_draws_the_line_and_closes_nothing() {
    let mut world = lending(|_| {});
    world.place("bob", AVAX, bid(BELOW, 1_000)).unwrap();
    world.move_index(AVAX, BELOW);
    assert!(!risk(&world, "ann").meets_maintenance().unwrap());
    world.liquidate("ann", AVAX).unwrap();
    assert_ne!(world.account("ann").credit_principal, 0);
    assert_eq!(world.seat("ann", AVAX).shares, 1_000_000_000, "INV-7");
    assert_sound(&world);
}

#[test]
fn a_draw_that_does_not_cure_is_rejected() {
    // A mandate for a tenth of the position lends 1.15 × a tenth of its margin.
    let mut world = lending(|terms| terms.mandate_notional[0] = 17_000_000);
    world.move_index(AVAX, 16_800);
    world.assert_rejected(EngineError::DrawDoesNotCure, |world| {
        world.draw("uma", "ann")
    });
    // Own equity under the floor.
    let mut world = lending(|terms| terms.equity_floor = 9_480_000);
    world.move_index(AVAX, TRIGGERED);
    world.assert_rejected(EngineError::DrawDoesNotCure, |world| {
        world.draw("uma", "ann")
    });
    // The minute's cap.
    let mut world = lending(|terms| terms.minute_cap = 1_000);
    world.move_index(AVAX, BELOW);
    world.assert_rejected(EngineError::DrawDoesNotCure, |world| {
        world.draw("uma", "ann")
    });
}

/// Ann's second leg is the mandated one, and its index grows old: it counts in her favour and mandates nothing.
#[test]
fn a_stale_index_is_nothing_to_lend_on() {
    let mut world = traders();
    for name in ["ann", "bob"] {
        world.claim_seat(name, BTC, 16).unwrap();
    }
    let terms = world.terms(LIMIT, &[BTC]);
    world.lend("uma", "ann", (JUNIOR, ORDINARY), terms);
    for (symbol, price, lots) in [(AVAX, 20_000, 1_000), (BTC, 100_000, 100)] {
        world.place("ann", symbol, bid(price, lots)).unwrap();
        world.place("bob", symbol, ask(price, lots)).unwrap();
    }
    world.advance(20);
    world.move_index(AVAX, 16_600);
    let standing = risk(&world, "ann");
    assert!(standing.favour != 0 && !standing.meets_maintenance().unwrap());
    world.assert_rejected(EngineError::DrawDoesNotCure, |world| {
        world.draw("uma", "ann")
    });
    // At the same price with a fresh index it carries the draw.
    let price = world.handle(BTC).price_ticks;
    world.move_index(BTC, price);
    world.move_index(AVAX, 17_100);
    world.draw("uma", "ann").unwrap();
    assert_sound(&world);
}

#[test]
fn a_discretionary_line_draws_with_consent_alone() {
    let mut world = lending(|terms| terms.committed = false);
    assert_eq!(world.vault("uma").reserved_cash, 0);
    world.move_index(AVAX, TRIGGERED);
    world.assert_rejected(EngineError::DrawDoesNotCure, |world| {
        world.draw("uma", "ann")
    });
    let expires_at = world.now() + 60;
    world.assert_rejected(EngineError::ExpiryInThePast, |world| {
        world.give_consent("uma", "ann", 5_000_000, expires_at - 60)
    });
    world.assert_rejected(EngineError::LineTooLarge, |world| {
        world.give_consent("uma", "ann", LIMIT + 1, expires_at)
    });
    let given = world
        .give_consent("uma", "ann", 5_000_000, expires_at)
        .unwrap();
    assert_eq!(
        given.event::<ConsentGiven>(),
        ConsentGiven {
            version: 1,
            line: world.line_keys("uma", "ann").line,
            amount: 5_000_000,
            expires_at,
        }
    );
    let mut late = world.clone();
    late.advance(60);
    late.publish(AVAX, TRIGGERED);
    late.refresh(AVAX).unwrap();
    late.assert_rejected(EngineError::DrawDoesNotCure, |world| {
        world.draw("uma", "ann")
    });
    let sent = world.draw("uma", "ann").unwrap();
    let amount = sent.event::<CreditDrawn>().amount;
    assert_eq!(world.line("uma", "ann").consent, 5_000_000 - amount);
    assert_sound(&world);
}

#[test]
fn consent_is_the_underwriters_and_for_discretionary_lines() {
    let mut world = lending(|_| {});
    let later = world.now() + 60;
    world.assert_rejected(EngineError::WrongLineState, |world| {
        world.give_consent("uma", "ann", 5, later)
    });
    let mut world = lending(|terms| terms.committed = false);
    let margin = world.margin_address("ann");
    let mut instruction = world.vault_accounts("uma").give_consent(&margin, 5, later);
    instruction.accounts[0].pubkey = Actor::from("ann").key();
    world.assert_rejected(EngineError::NotAuthorized, |world| {
        world.send(&[instruction], &["ann".into()])
    });
}

#[test]
fn nothing_is_drawn_when_a_call_has_lapsed_until_it_is_extended() {
    let mut world = drawn(|_| {});
    let deadline = world.line("uma", "ann").call_deadline;
    world.set_time(deadline - 1);
    world.move_index(AVAX, 16_800);
    world.assert_rejected(EngineError::DrawDoesNotCure, |world| {
        world.draw("uma", "ann")
    });
    world.extend_call("uma", "ann", deadline + 100).unwrap();
    world.draw("uma", "ann").unwrap();
    assert_sound(&world);
}

#[test]
fn attack_31_another_accounts_line_vault_or_cash_is_refused() {
    let mut world = lending(|_| {});
    world.open_vault("vic").unwrap();
    world.buy_junior("vic", 100_000_000).unwrap();
    let terms = world.terms(5_000_000, &[AVAX]);
    world.offer_line("vic", "bob", terms).unwrap();
    world.accept_line("vic", "bob", terms).unwrap();
    world.move_index(AVAX, TRIGGERED);
    let foreign = world.line_keys("vic", "bob");
    let swaps = [
        (1, world.margin_address("bob"), EngineError::WrongAccount),
        (2, foreign.line, EngineError::WrongAccount),
        (3, foreign.vault, EngineError::WrongAccount),
        (4, foreign.vault_cash, EngineError::WrongAccount),
        (5, foreign.vault_cash, EngineError::WrongCustodyShard),
    ];
    for (place, account, error) in swaps {
        let mut instruction = world.loan_ix("uma", "ann", |loan| loan.draw(0));
        instruction.accounts[place].pubkey = account;
        world.assert_rejected(error, |world| {
            world.send(&[instruction], &["mallory".into()])
        });
    }
    let mut hidden = world.loan_ix("uma", "ann", |loan| loan.draw(0));
    hidden.accounts.pop();
    world.assert_rejected(EngineError::WrongMarketAccounts, |world| {
        world.send(&[hidden], &["mallory".into()])
    });
}

/// Vic lends to mallory, who is of one mind with a mole and means to lose all of it to it. The loss is
/// the vault's, the junior stake's first, and nobody else's.
#[test]
fn attack_50_a_line_drawn_against_ones_own_second_account_costs_the_vault_alone() {
    let mut world = lending(|_| {});
    let others = [world.collateral("bob"), world.collateral("ann")];
    let fund = world.default_fund();
    world.trader("mallory", 30_000_000, &[AVAX]);
    world.trader("mole", 400_000_000, &[AVAX]);
    world.open_vault("vic").unwrap();
    world.buy_junior("vic", 100_000_000).unwrap();
    let mut terms = world.terms(20_000_000, &[AVAX]);
    terms.position_age_seconds_min = 600;
    world.offer_line("vic", "mallory", terms).unwrap();
    world.accept_line("vic", "mallory", terms).unwrap();
    world.advance_fresh(NOTICE);
    world.activate_line("vic", "mallory").unwrap();
    world.place("mallory", AVAX, bid(20_000, 1_000)).unwrap();
    world.place("bob", AVAX, ask(20_000, 1_000)).unwrap();
    world.move_index(AVAX, 17_950);
    // A position of this minute draws nothing.
    world.assert_rejected(EngineError::DrawDoesNotCure, |world| {
        world.draw("vic", "mallory")
    });
    world.advance_fresh(600);
    world.draw("vic", "mallory").unwrap();
    let principal = world.account("mallory").credit_principal;
    assert_ne!(principal, 0);
    // The exit to the friend at a price far off the mark: the lender's cash does not go with it.
    world.place("mole", AVAX, bid(17_000, 1_000)).unwrap();
    world.assert_rejected(EngineError::TradeWorsensRisk, |world| {
        world.place("mallory", AVAX, ask(17_000, 1_000))
    });
    world.assert_rejected(EngineError::CreditDrawn, |world| {
        world.withdraw("mallory", 1)
    });
    // Neither uma's vault nor anybody's account has paid.
    assert_eq!(world.vault("uma").cash, JUNIOR + ORDINARY);
    assert_eq!([world.collateral("bob"), world.collateral("ann")], others);
    assert_eq!(world.default_fund(), fund);
    world.assert_vault_exact("vic");
    assert_sound(&world);
}

#[test]
fn attack_50_positions_and_markets_outside_the_mandate_draw_nothing() {
    let changes: [fn(&mut LineTerms); 4] = [
        |terms| terms.sides = 2,
        |terms| terms.mandate_markets[0] = [9; 32],
        |terms| terms.mandate_notional[0] = 0,
        |terms| terms.position_age_seconds_min = 600,
    ];
    for change in changes {
        let mut world = lending(change);
        world.move_index(AVAX, TRIGGERED);
        world.assert_rejected(EngineError::DrawDoesNotCure, |world| {
            world.draw("uma", "ann")
        });
    }
}
