//! Leaving a vault, and attacks by leaving early and joining late.

use plimsoll_engine::credit::vault::{bid, face, worth};
use plimsoll_testkit::events::{RedemptionCancelled, RedemptionPaid, RedemptionRequested};
use plimsoll_testkit::{Actor, EngineError, World, REDEMPTION_NOTICE, WALLET_USDC};
use solana_pubkey::Pubkey;

use super::credit_stage::{
    assert_sound, drawn, leave, lending, lost, vault, AVAX, JUNIOR, LIMIT, ORDINARY, TRIGGERED,
};

const NOTICE: i64 = REDEMPTION_NOTICE as i64;

#[test]
fn a_redemption_is_paid_to_the_provider_after_the_notice_by_anyone() {
    let mut world = vault();
    let shares = 30_000_000_000;
    let requested = world.request_redemption("uma", "provider", shares).unwrap();
    let event = requested.event::<RedemptionRequested>();
    assert_eq!(
        (event.ticket, event.shares, event.value),
        (1, shares, 30_000_000)
    );
    assert_eq!(event.balances.queued_shares, shares);
    world.assert_rejected(EngineError::RedemptionPending, |world| {
        world.request_redemption("uma", "provider", 1)
    });
    world.advance(NOTICE - 1);
    world.assert_rejected(EngineError::RedemptionNotDue, |world| {
        world.pay_redemption("uma", "provider")
    });
    world.advance(1);
    let paid = world.pay_redemption("uma", "provider").unwrap();
    let event = paid.event::<RedemptionPaid>();
    assert_eq!(
        (event.ticket, event.amount, event.shares_left),
        (1, 30_000_000, 0)
    );
    assert_eq!(world.usdc("provider"), WALLET_USDC - ORDINARY + 30_000_000);
    assert_eq!(world.stake("uma", "provider").paid_out_total, 30_000_000);
    world.assert_rejected(EngineError::NotFirstInQueue, |world| {
        world.pay_redemption("uma", "provider")
    });
    assert_sound(&world);
}

#[test]
fn requests_of_nothing_and_of_too_much_are_rejected() {
    let mut world = vault();
    world.assert_rejected(EngineError::ZeroAmount, |world| {
        world.request_redemption("uma", "provider", 0)
    });
    world.assert_rejected(EngineError::SharesInsufficient, |world| {
        world.request_redemption("uma", "provider", ORDINARY * 1_000 + 1)
    });
}

#[test]
fn redemptions_are_paid_in_the_order_of_their_requests() {
    let mut world = vault();
    world.buy_shares("uma", "mallory", 9_000_000).unwrap();
    world.request_redemption("uma", "provider", 5_000).unwrap();
    world.request_redemption("uma", "mallory", 5_000).unwrap();
    world.advance(NOTICE);
    world.assert_rejected(EngineError::NotFirstInQueue, |world| {
        world.pay_redemption("uma", "mallory")
    });
    world.pay_redemption("uma", "provider").unwrap();
    world.pay_redemption("uma", "mallory").unwrap();
    assert_sound(&world);
}

#[test]
fn a_request_that_is_taken_back_is_stepped_over() {
    let mut world = vault();
    world.buy_shares("uma", "mallory", 9_000_000).unwrap();
    world.assert_rejected(EngineError::SharesInsufficient, |world| {
        world.cancel_redemption("uma", "provider")
    });
    world.request_redemption("uma", "provider", 5_000).unwrap();
    world.request_redemption("uma", "mallory", 5_000).unwrap();
    let sent = world.cancel_redemption("uma", "provider").unwrap();
    let event = sent.event::<RedemptionCancelled>();
    assert_eq!((event.ticket, event.shares), (1, 5_000));
    assert_eq!(event.balances.queued_shares, 5_000);
    world.advance(NOTICE);
    let stepped = world.pay_redemption("uma", "provider").unwrap();
    assert_eq!(stepped.event::<RedemptionPaid>().amount, 0);
    world.pay_redemption("uma", "mallory").unwrap();
    world.request_redemption("uma", "provider", 5_000).unwrap();
    assert_sound(&world);
}

#[test]
fn a_redemption_goes_to_an_account_of_the_providers_alone() {
    let mut world = vault();
    world
        .request_redemption("uma", "provider", 5_000_000)
        .unwrap();
    world.advance(NOTICE);
    let wrong = [
        Actor::from("mallory").token_account(),
        Pubkey::from(world.vault("uma").cash_account),
        world.addresses.custody_shard(0),
        world.addresses.exchange,
    ];
    for destination in wrong {
        let mut instruction = world.pay_redemption_ix("uma", "provider");
        instruction.accounts[5].pubkey = destination;
        world.assert_rejected(EngineError::WrongAccount, |world| {
            world.send(&[instruction], &["mallory".into()])
        });
    }
}

#[test]
fn attack_42_reserved_cash_leaves_neither_through_the_queue_nor_with_the_underwriter() {
    let mut world = lending(|_| {});
    // Everybody wants out; the junior stake as far as it may.
    let junior = world.vault("uma").junior_shares;
    world.assert_rejected(EngineError::JuniorStakeTooSmall, |world| {
        world.release_junior("uma", junior)
    });
    world.release_junior("uma", junior - LIMIT * 100).unwrap();
    let shares = world.stake("uma", "provider").shares;
    world.request_redemption("uma", "provider", shares).unwrap();
    let own = world.stake("uma", "uma").shares;
    world.request_redemption("uma", "uma", own).unwrap();
    world.advance_fresh(NOTICE);
    world.pay_redemption("uma", "provider").unwrap();
    let last = world.pay_redemption("uma", "uma").unwrap();
    let event = last.event::<RedemptionPaid>();
    assert_eq!(event.amount, JUNIOR - LIMIT, "in part");
    assert_eq!(event.balances.cash, LIMIT);
    assert_eq!(event.balances.reserved_cash, LIMIT);
    world.assert_rejected(EngineError::VaultCashReserved, |world| {
        world.pay_redemption("uma", "uma")
    });
    // The promise holds.
    world.move_index(AVAX, TRIGGERED);
    world.draw("uma", "ann").unwrap();
    assert_sound(&world);
}

#[test]
fn attack_42_queued_redemptions_come_before_a_new_line() {
    let mut world = vault();
    let terms = world.terms(LIMIT, &[AVAX]);
    world.offer_line("uma", "ann", terms).unwrap();
    world.accept_line("uma", "ann", terms).unwrap();
    // Whoever does not like the line asks in its notice, and is not paid yet when the line would start.
    world
        .request_redemption("uma", "provider", 20_000_000_000)
        .unwrap();
    world.release_junior("uma", 18_000_000_000).unwrap();
    world
        .request_redemption("uma", "uma", 18_000_000_000)
        .unwrap();
    world.buy_shares("uma", "mallory", 1_000_000).unwrap();
    world
        .request_redemption("uma", "mallory", 1_000_000_000)
        .unwrap();
    world.advance_fresh(NOTICE);
    // 62,000,000 stay and 15,000,000 are a fifth of 75,000,000 and more.
    world.activate_line("uma", "ann").unwrap();
    let free = world.vault("uma");
    assert_eq!(free.reserved_cash, LIMIT);
    for name in ["provider", "uma", "mallory"] {
        world.pay_redemption("uma", name).unwrap();
    }
    assert_sound(&world);
}

#[test]
fn a_line_does_not_start_with_cash_that_leavers_wait_for() {
    let mut world = vault();
    let terms = world.terms(LIMIT, &[AVAX]);
    world.offer_line("uma", "ann", terms).unwrap();
    world.accept_line("uma", "ann", terms).unwrap();
    let shares = world.stake("uma", "provider").shares;
    world.request_redemption("uma", "provider", shares).unwrap();
    world.release_junior("uma", 10_000_000_000).unwrap();
    world
        .request_redemption("uma", "uma", 10_000_000_000)
        .unwrap();
    world.advance_fresh(NOTICE);
    world.assert_rejected(EngineError::VaultCashReserved, |world| {
        world.activate_line("uma", "ann")
    });
    // And once they have left, it is more than a fifth of what remains.
    world.pay_redemption("uma", "provider").unwrap();
    world.assert_rejected(EngineError::LineTooLarge, |world| {
        world.activate_line("uma", "ann")
    });
}

#[test]
fn joining_and_leaving_need_a_valuation_of_the_last_minute() {
    let mut world = drawn(|_| {});
    world.request_redemption("uma", "provider", 5_000).unwrap();
    world.advance_fresh(NOTICE);
    let stale = EngineError::ValuationStale;
    world.assert_rejected(stale, |world| world.buy_shares("uma", "provider", 5_000));
    world.assert_rejected(stale, |world| world.pay_redemption("uma", "provider"));
    world.assert_rejected(stale, |world| world.release_junior("uma", 5_000));
    world.buy_shares("uma", "mallory", 5_000).unwrap_err();
    world.value_line("uma", "ann").unwrap();
    world.advance(60);
    world.pay_redemption("uma", "provider").unwrap();
    world.advance(1);
    world.assert_rejected(stale, |world| {
        world.request_redemption("uma", "provider", 5_000)
    });
}

/// What a provider's shares are worth at a value of the vault.
fn worth_at(world: &World, name: &str, value: u64) -> u64 {
    worth(&world.vault("uma"), world.stake("uma", name).shares, value).unwrap()
}

#[test]
fn attack_29_who_leaves_before_a_loss_is_paid_less_than_who_stays_and_bears_it() {
    let mut world = drawn(|_| {});
    let principal = world.account("ann").credit_principal;
    let vault = world.vault("uma");
    // The drawn line counts for nothing: Q after the draw is far under the stress.
    assert_eq!(bid(&vault, world.now()), Ok(JUNIOR + ORDINARY - principal));
    assert_eq!(face(&vault), Ok(JUNIOR + ORDINARY));
    let leavers = worth_at(&world, "provider", bid(&vault, world.now()).unwrap());
    let requested = world
        .request_redemption("uma", "provider", vault.shares - vault.junior_shares)
        .unwrap();
    assert_eq!(requested.event::<RedemptionRequested>().value, leavers);
    // The loss comes: the junior stake bears it.
    let mut lost = lost(|_| {});
    lost.repay_from_cash("uma", "ann", "keeper", u64::MAX)
        .unwrap();
    lost.write_off("uma", "ann").unwrap();
    let vault = lost.vault("uma");
    let stayer = worth_at(&lost, "provider", face(&vault).unwrap());
    assert!(stayer >= ORDINARY, "{stayer}");
    assert!(leavers < stayer);
}

#[test]
fn attack_29_a_redemption_does_not_keep_the_value_it_had_before_a_loss() {
    let mut world = lending(|_| {});
    let shares = world.stake("uma", "provider").shares;
    let requested = world.request_redemption("uma", "provider", shares).unwrap();
    assert_eq!(requested.event::<RedemptionRequested>().value, ORDINARY);
    world.advance_fresh(NOTICE);
    world.move_index(AVAX, TRIGGERED);
    world.draw("uma", "ann").unwrap();
    let vault = world.vault("uma");
    let now = worth_at(&world, "provider", bid(&vault, world.now()).unwrap());
    // Not against the provider's will: a draw may be a friend's, and repaid in a minute.
    world.assert_rejected(EngineError::RedemptionNotDue, |world| {
        world.pay_redemption("uma", "provider")
    });
    let mut later = world.clone();
    later.advance_fresh(NOTICE);
    later.value_line("uma", "ann").unwrap();
    later.pay_redemption("uma", "provider").unwrap();
    let paid = world.take_redemption("uma", "provider").unwrap();
    assert_eq!(paid.event::<RedemptionPaid>().amount, now);
    assert!(now < ORDINARY);
    assert_sound(&world);
}

#[test]
fn attack_29_who_joins_before_a_lien_is_collected_buys_no_part_of_it_cheap() {
    let mut world = lost(|_| {});
    world
        .repay_from_cash("uma", "ann", "keeper", u64::MAX)
        .unwrap();
    world.write_off("uma", "ann").unwrap();
    let lien = world.account("ann").lien;
    world.deposit("ann", lien + 5_000).unwrap();
    // Mallory sees the deposit and comes first.
    world.buy_shares("uma", "mallory", 50_000_000).unwrap();
    world.collect_lien("uma", "ann").unwrap();
    assert_eq!(world.account("ann").lien, 0);
    assert!(leave(&mut world, "mallory") <= 50_000_000);
    world.assert_vault_exact("uma");
}

/// Interest runs for weeks before anybody books it: who joins just before pays for all of it.
#[test]
fn attack_29_who_joins_pays_for_the_interest_that_runs() {
    let mut world = lending(|terms| terms.undrawn_rate_ppm = 1_000_000);
    world.advance_fresh(2_000_000);
    assert_eq!(world.vault("uma").interest_receivable, 0);
    world.buy_shares("uma", "mallory", 50_000_000).unwrap();
    world.repay("uma", "ann", "ann", u64::MAX).unwrap();
    assert_eq!(world.vault("uma").interest_total, 951_294);
    assert!(leave(&mut world, "mallory") <= 50_000_000);
    assert_sound(&world);
}
