//! Lines: offer, acceptance, activation, call, recall, value, close.

use plimsoll_engine::credit::line::LineTerms;
use plimsoll_engine::state::LineState;
use plimsoll_testkit::events::{
    CallExtended, CreditDrawn, LineAccepted, LineActivated, LineClosed, LineOffered, LineRecalled,
    LineValued,
};
use plimsoll_testkit::{Actor, EngineError, World, REDEMPTION_NOTICE};
use solana_pubkey::Pubkey;

use super::credit_stage::{
    assert_sound, drawn, lending, risk, vault, AVAX, BTC, JUNIOR, LIMIT, ORDINARY, TRIGGERED,
};

const NOTICE: i64 = REDEMPTION_NOTICE as i64;

#[test]
fn a_line_is_offered_accepted_and_started() {
    let mut world = vault();
    let terms = world.terms(LIMIT, &[AVAX, BTC]);
    let keys = world.line_keys("uma", "ann");
    let offered = world.offer_line("uma", "ann", terms).unwrap();
    assert_eq!(
        offered.event::<LineOffered>(),
        LineOffered {
            version: 1,
            line: keys.line,
            vault: keys.vault,
            margin_account: world.margin_address("ann"),
            limit: LIMIT,
            committed: true,
        }
    );
    let accepted = world.accept_line("uma", "ann", terms).unwrap();
    let active_from = world.now() + NOTICE;
    assert_eq!(accepted.event::<LineAccepted>().active_from, active_from);
    assert_eq!(world.account("ann").credit_line, keys.line.to_bytes());
    assert_eq!(
        (world.vault("uma").limits, world.vault("uma").lines),
        (LIMIT, 1)
    );
    world.advance(NOTICE - 1);
    world.assert_rejected(EngineError::LineNotActive, |world| {
        world.activate_line("uma", "ann")
    });
    world.advance(1);
    let started = world.activate_line("uma", "ann").unwrap();
    assert_eq!(
        started.event::<LineActivated>().balances.reserved_cash,
        LIMIT
    );
    assert_eq!(world.line("uma", "ann").state, LineState::Active.byte());
    world.assert_rejected(EngineError::WrongLineState, |world| {
        world.activate_line("uma", "ann")
    });
    assert_sound(&world);
}

#[test]
fn an_offer_is_the_underwriters_alone_and_within_bounds() {
    let mut world = vault();
    let terms = world.terms(LIMIT, &[AVAX]);
    let margin = world.margin_address("ann");
    let mut instruction = world.vault_accounts("uma").offer_line(margin, terms);
    instruction.accounts[0].pubkey = Actor::from("mallory").key();
    world.assert_rejected(EngineError::NotAuthorized, |world| {
        world.send(&[instruction], &["mallory".into()])
    });
    let changes: [fn(&mut LineTerms); 6] = [
        |terms| terms.drawn_rate_ppm = 1_000_001,
        |terms| terms.call_seconds = 3_599,
        |terms| terms.recall_notice_seconds = 3_599,
        |terms| terms.sides = 0,
        |terms| terms.markets_len = 0,
        |terms| terms.limit = 0,
    ];
    for change in changes {
        let mut changed = terms;
        change(&mut changed);
        world.assert_rejected(EngineError::ParameterOutOfBounds, |world| {
            world.offer_line("uma", "ann", changed)
        });
    }
}

#[test]
fn another_offer_does_not_slip_under_the_traders_signature() {
    let mut world = vault();
    let terms = world.terms(LIMIT, &[AVAX]);
    world.offer_line("uma", "ann", terms).unwrap();
    let mut worse = terms;
    worse.drawn_rate_ppm = 900_000;
    world.offer_line("uma", "ann", worse).unwrap();
    world.assert_rejected(EngineError::WrongLineState, |world| {
        world.accept_line("uma", "ann", terms)
    });
    world.accept_line("uma", "ann", worse).unwrap();
    world.assert_rejected(EngineError::WrongLineState, |world| {
        world.offer_line("uma", "ann", terms)
    });
}

#[test]
fn an_acceptance_is_the_owners_alone() {
    let mut world = vault();
    let terms = world.terms(LIMIT, &[AVAX]);
    world.offer_line("uma", "ann", terms).unwrap();
    world.set_delegate("ann", "dee").unwrap();
    for thief in ["dee", "uma"] {
        let mut instruction = world.loan_ix("uma", "ann", |loan| loan.accept_line(terms));
        instruction.accounts[0].pubkey = Actor::from(thief).key();
        world.assert_rejected(EngineError::NotAuthorized, |world| {
            world.send(&[instruction], &[thief.into()])
        });
    }
}

#[test]
fn an_account_has_one_line_at_most() {
    let mut world = lending(|_| {});
    world.open_vault("vic").unwrap();
    world.buy_junior("vic", 100_000_000).unwrap();
    let terms = world.terms(5_000_000, &[AVAX]);
    world.offer_line("vic", "ann", terms).unwrap();
    world.assert_rejected(EngineError::AccountHasLine, |world| {
        world.accept_line("vic", "ann", terms)
    });
}

#[test]
fn limits_are_bounded_by_the_vault_and_by_its_junior_stake() {
    let mut world = vault();
    let fifth = (JUNIOR + ORDINARY) / 5;
    let terms = world.terms(fifth + 1, &[AVAX]);
    world.offer_line("uma", "ann", terms).unwrap();
    world.assert_rejected(EngineError::LineTooLarge, |world| {
        world.accept_line("uma", "ann", terms)
    });
    world
        .release_junior("uma", (JUNIOR - fifth / 10 + 1) * 1_000)
        .unwrap();
    let terms = world.terms(fifth, &[AVAX]);
    world.offer_line("uma", "ann", terms).unwrap();
    world.assert_rejected(EngineError::JuniorStakeTooSmall, |world| {
        world.accept_line("uma", "ann", terms)
    });
    world.buy_junior("uma", 1).unwrap();
    world.accept_line("uma", "ann", terms).unwrap();
}

#[test]
fn a_call_is_extended_by_the_underwriter_and_later_only() {
    let mut world = lending(|_| {});
    let now = world.now();
    world.assert_rejected(EngineError::WrongLineState, |world| {
        world.extend_call("uma", "ann", now + 50_000)
    });
    let mut world = drawn(|_| {});
    let deadline = world.line("uma", "ann").call_deadline;
    for refused in [deadline, deadline - 1, world.now() + 259_201] {
        world.assert_rejected(EngineError::ParameterOutOfBounds, |world| {
            world.extend_call("uma", "ann", refused)
        });
    }
    let sent = world.extend_call("uma", "ann", deadline + 7).unwrap();
    assert_eq!(sent.event::<CallExtended>().call_deadline, deadline + 7);
    assert_eq!(world.line("uma", "ann").call_deadline, deadline + 7);
}

#[test]
fn a_recalled_line_lends_through_its_notice_and_not_after() {
    let mut world = lending(|_| {});
    let sent = world.recall_line("uma", "ann").unwrap();
    let recall_at = world.now() + 3_600;
    assert_eq!(sent.event::<LineRecalled>().recall_at, recall_at);
    world.assert_rejected(EngineError::WrongLineState, |world| {
        world.recall_line("uma", "ann")
    });
    world.set_time(recall_at - 2);
    world.move_index(AVAX, TRIGGERED);
    let deadline = world.draw("uma", "ann").unwrap().event::<CreditDrawn>();
    world.move_index(AVAX, 16_800);
    world.assert_rejected(EngineError::LineNotActive, |world| world.draw("uma", "ann"));
    // A running call keeps its time.
    assert_eq!(
        world.line("uma", "ann").call_deadline,
        deadline.call_deadline
    );
    // The reservation ends with the next touch.
    world.accrue_interest("uma", "ann").unwrap();
    assert_eq!(world.vault("uma").reserved_cash, 0);
    assert_sound(&world);
}

#[test]
fn a_line_ends_by_its_trader_or_by_its_underwriter_after_a_recall() {
    let mut world = lending(|_| {});
    world.assert_rejected(EngineError::NotAuthorized, |world| {
        world.close_line("uma", "ann", "mallory")
    });
    world.assert_rejected(EngineError::WrongLineState, |world| {
        world.close_line("uma", "ann", "uma")
    });
    let mut recalled = world.clone();
    recalled.recall_line("uma", "ann").unwrap();
    recalled.advance(3_600);
    recalled.close_line("uma", "ann", "uma").unwrap();
    assert_sound(&recalled);
    let sent = world.close_line("uma", "ann", "ann").unwrap();
    let event = sent.event::<LineClosed>();
    assert_eq!(
        (event.balances.reserved_cash, event.balances.cash),
        (0, JUNIOR + ORDINARY)
    );
    assert_eq!(world.account("ann").credit_line, [0; 32]);
    assert_eq!(
        (world.vault("uma").limits, world.vault("uma").lines),
        (0, 0)
    );
    world.assert_rejected(EngineError::WrongLineState, |world| {
        world.close_line("uma", "ann", "ann")
    });
    assert_sound(&world);
    // A new offer in the place of the old line, for the same account.
    let terms = world.terms(5_000_000, &[AVAX]);
    world.offer_line("uma", "ann", terms).unwrap();
    world.accept_line("uma", "ann", terms).unwrap();
    assert_eq!(world.line("uma", "ann").slot, 0);
}

#[test]
fn a_line_in_use_is_not_closed() {
    let mut world = drawn(|_| {});
    world.assert_rejected(EngineError::LineInUse, |world| {
        world.close_line("uma", "ann", "ann")
    });
}

#[test]
fn an_offer_is_taken_back() {
    let mut world = vault();
    let terms = world.terms(LIMIT, &[AVAX]);
    world.offer_line("uma", "ann", terms).unwrap();
    world.close_line("uma", "ann", "uma").unwrap();
    world.assert_rejected(EngineError::WrongLineState, |world| {
        world.accept_line("uma", "ann", terms)
    });
}

#[test]
fn a_line_is_valued_at_what_a_stress_would_leave() {
    let mut world = drawn(|_| {});
    let principal = world.account("ann").credit_principal;
    let value = |world: &mut World| {
        let sent = world.value_line("uma", "ann").unwrap();
        sent.event::<LineValued>().value
    };
    assert_eq!(value(&mut world), 0);
    // Deposits cover it little by little: e − initial margin + D.
    let free = risk(&world, "ann").free_collateral();
    let lacking = free.unsigned_abs() - principal;
    world.deposit("ann", lacking + 400_000).unwrap();
    assert_eq!(value(&mut world), 400_000);
    world.deposit("ann", 100_000_000).unwrap();
    assert_eq!(value(&mut world), principal);
    world.recall_line("uma", "ann").unwrap();
    assert_eq!(value(&mut world), principal);
    assert_sound(&world);
}

#[test]
fn a_line_of_another_exchange_cannot_be_offered() {
    let mut world = vault();
    let terms = world.terms(LIMIT, &[AVAX]);
    let foreign = Pubkey::new_unique();
    world.change_margin("ann", |account| account.exchange = foreign.to_bytes());
    let margin = world.margin_address("ann");
    let instruction = world.vault_accounts("uma").offer_line(margin, terms);
    world.assert_rejected(EngineError::WrongAccount, |world| {
        world.send(&[instruction], &["uma".into()])
    });
}
