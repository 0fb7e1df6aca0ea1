//! `queue_change`, `apply_change`, `cancel_change`, and the attacks on them (rows 39 and 40).

use plimsoll_engine::governance::{ChangeKind, Pace};
use plimsoll_engine::state::HaltPhase;
use plimsoll_testkit::events::{ChangeApplied, ChangeCancelled, ChangeQueued, FeesSwept};
use plimsoll_testkit::{bid, Actor, ChangeArgs, EngineError, MarketSpec, World};
use solana_pubkey::Pubkey;

const AVAX: &str = "AVAX";
const SOL: &str = "SOL";
const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;
const MILLION: u64 = 1_000_000_000_000;

fn key(name: &str) -> Pubkey {
    Actor::from(name).key()
}

const SPLIT: ChangeArgs = ChangeArgs::FeeSplit {
    shares_ppm: [1_000_000, 0, 0],
};

#[test]
fn a_queued_change_shows_what_is_in_force_and_what_is_to_be() {
    let mut world = World::trading(&[AVAX]);
    let before = world.market(AVAX).header.params;
    let paid = world.lamports(&key("authority"));
    let queued = world
        .queue_params(AVAX, |params| params.taker_fee_ppm = 400)
        .unwrap()
        .event::<ChangeQueued>();
    let (now, market) = (world.now(), world.market_address(AVAX));
    assert_eq!(
        queued,
        ChangeQueued {
            version: 1,
            exchange: world.addresses.exchange,
            id: 0,
            kind: ChangeKind::Market.byte(),
            pace: Pace::Slow.byte(),
            target: market,
            applies_from: now + 2 * DAY,
            expires_at: now + 16 * DAY,
        }
    );
    let pending = world.pending(0);
    assert!(pending.params_before == before && pending.params_after != before);
    assert_eq!(pending.params_after.taker_fee_ppm, 400);
    assert_eq!(pending.target, market.to_bytes());
    // Until then nothing has changed.
    assert!(world.market(AVAX).header.params == before);
    world.advance_fresh(2 * DAY);
    let applied = world.apply_change(0).unwrap().event::<ChangeApplied>();
    assert_eq!((applied.id, applied.target), (0, market));
    assert_eq!(world.market(AVAX).header.params.taker_fee_ppm, 400);
    // The rent came back, and the account is gone.
    let rest = paid - world.lamports(&key("authority"));
    assert!(rest < 50_000, "{rest} lamports were not only fees");
    assert_eq!(world.lamports(&world.addresses.pending_change(0)), 0);
    world.assert_sound();
}

#[test]
fn a_change_is_not_applied_before_its_time_nor_a_fortnight_after() {
    let mut world = World::trading(&[AVAX]);
    world
        .queue_params(AVAX, |params| params.taker_fee_ppm = 400)
        .unwrap();
    world.queue_change(SPLIT, None).unwrap();
    for (wait, error) in [
        (0, EngineError::ChangeNotDue),
        (2 * DAY - 1, EngineError::ChangeNotDue),
        (14 * DAY + 1, EngineError::ChangeExpired),
    ] {
        world.advance_fresh(wait);
        for id in [0, 1] {
            world.assert_rejected(error, |world| world.apply_change(id));
        }
    }
    // What is void can only be taken back.
    for id in [0, 1] {
        let cancelled = world.cancel_change(id).unwrap().event::<ChangeCancelled>();
        assert_eq!(cancelled.id, id);
    }
    world.assert_sound();
}

#[test]
fn what_only_tightens_new_risk_waits_an_hour_and_a_mixed_change_two_days() {
    let mut world = World::trading(&[AVAX]);
    let tighten = |params: &mut plimsoll_engine::params::MarketParams| {
        params.open_interest_max -= 1;
        params.open_interest_low -= 1;
    };
    let fast = world.queue_params(AVAX, tighten).unwrap();
    let mixed = world
        .queue_params(AVAX, |params| {
            tighten(params);
            params.initial_margin_ppm += 1;
        })
        .unwrap();
    let [fast, mixed] = [fast, mixed].map(|sent| sent.event::<ChangeQueued>());
    assert_eq!((fast.pace, fast.applies_from - world.now()), (1, HOUR));
    assert_eq!((mixed.pace, mixed.applies_from - world.now()), (0, 2 * DAY));
    world.advance_fresh(HOUR - 1);
    world.assert_rejected(EngineError::ChangeNotDue, |world| world.apply_change(0));
    world.advance_fresh(1);
    world.apply_change(0).unwrap();
    // The mixed one was queued against other values than those that are in force now.
    world.advance_fresh(2 * DAY);
    world.assert_rejected(EngineError::ChangeOutdated, |world| world.apply_change(1));
}

#[test]
fn every_setting_of_the_exchange_changes_after_two_days() {
    let mut world = World::trading(&[AVAX]);
    let treasury = Pubkey::new_from_array([0x7E; 32]);
    world.write_tokens(treasury, &key("owner"), 0);
    let settings = [
        (SPLIT, None),
        (
            ChangeArgs::Timelocks {
                slow: 200_000,
                tightening: 7_200,
            },
            None,
        ),
        (
            ChangeArgs::Guardian {
                guardian: key("sam"),
            },
            None,
        ),
        (ChangeArgs::Treasury, Some(treasury)),
    ];
    for (change, target) in settings.clone() {
        world.queue_change(change, target).unwrap();
    }
    world.advance_fresh(2 * DAY);
    for id in 0..4 {
        world.apply_change(id).unwrap();
    }
    let exchange = world.exchange();
    assert_eq!(
        (exchange.fee_default_fund_ppm, exchange.fee_treasury_ppm),
        (1_000_000, 0)
    );
    assert_eq!(exchange.timelock_seconds, 200_000);
    assert_eq!(exchange.timelock_tightening_seconds, 7_200);
    assert_eq!(exchange.guardian, key("sam").to_bytes());
    assert_eq!(exchange.treasury, treasury.to_bytes());
    assert_eq!(exchange.pending_changes, 4);
    // The longer timelock holds for what is queued from now on.
    world
        .queue_params(AVAX, |params| params.taker_fee_ppm = 400)
        .unwrap();
    assert_eq!(world.pending(4).applies_from - world.now(), 200_000);
    // And what is in force is nothing to queue.
    for (change, target) in settings {
        world.assert_rejected(EngineError::NothingToChange, |world| {
            world.queue_change(change, target)
        });
    }
    world.assert_sound();
}

#[test]
fn settings_out_of_bounds_are_not_queued() {
    let mut world = World::trading(&[AVAX, SOL]);
    let exchange_changes = [
        ChangeArgs::FeeSplit {
            shares_ppm: [400_000, 200_000, 400_001],
        },
        ChangeArgs::Timelocks {
            slow: 172_799,
            tightening: 3_600,
        },
        ChangeArgs::Timelocks {
            slow: 172_801,
            tightening: 3_599,
        },
        ChangeArgs::Guardian {
            guardian: Pubkey::default(),
        },
    ];
    for change in exchange_changes {
        world.assert_rejected(EngineError::ParameterOutOfBounds, |world| {
            world.queue_change(change, None)
        });
    }
    type Spoil = fn(&mut plimsoll_engine::params::MarketParams);
    let spoils: [(Spoil, EngineError); 5] = [
        (
            |p| p.index_age_seconds_max = 301,
            EngineError::ParameterOutOfBounds,
        ),
        (
            |p| p.initial_margin_ppm = 20_000,
            EngineError::ListingRuleViolated,
        ),
        (|p| p.base_atoms_per_lot *= 2, EngineError::NotChangeable),
        (|p| p.base_decimals -= 1, EngineError::NotChangeable),
        (|_| (), EngineError::NothingToChange),
    ];
    for (spoil, error) in spoils {
        world.assert_rejected(error, |world| world.queue_params(AVAX, spoil));
    }
    // A treasury that is no token account of the collateral, and a change of the exchange that names another.
    let market = world.market_address(AVAX);
    for (change, target) in [(ChangeArgs::Treasury, market), (SPLIT, market)] {
        world.assert_rejected(EngineError::WrongAccount, |world| {
            world.queue_change(change, Some(target))
        });
    }
}

#[test]
fn nothing_of_a_halted_market_changes() {
    let mut world = World::trading(&[AVAX]);
    world
        .queue_params(AVAX, |params| params.taker_fee_ppm = 400)
        .unwrap();
    world.advance_fresh(2 * DAY);
    world.force_phase(AVAX, HaltPhase::Call);
    world.assert_rejected(EngineError::MarketHalted, |world| world.apply_change(0));
    world.assert_rejected(EngineError::MarketHalted, |world| {
        world.guard_market(AVAX, 60)
    });
    // To queue is no change; and the halt ends by itself.
    world
        .queue_params(AVAX, |params| params.taker_fee_ppm = 300)
        .unwrap();
    world.advance_fresh(60);
    world.apply_change(0).unwrap();
}

#[test]
fn the_treasury_that_fees_were_earned_for_can_be_paid_until_it_changes() {
    let mut world = World::trading(&[AVAX]);
    world.trader("ann", MILLION, &[AVAX]);
    world.trader("bob", MILLION, &[AVAX]);
    let next = Pubkey::new_from_array([0x7E; 32]);
    world.write_tokens(next, &key("owner"), 0);
    world
        .queue_change(ChangeArgs::Treasury, Some(next))
        .unwrap();
    world
        .place("ann", AVAX, plimsoll_testkit::ask(20_000, 500))
        .unwrap();
    world.place("bob", AVAX, bid(20_000, 500)).unwrap();
    for name in ["ann", "bob"] {
        world.settle(name, &[AVAX]).unwrap();
    }
    let swept = world.sweep_fees(AVAX).unwrap().event::<FeesSwept>();
    assert!(swept.to_treasury != 0);
    world.advance_fresh(2 * DAY);
    let old = world.treasury();
    world.clone().collect_treasury(0).unwrap();
    world.apply_change(0).unwrap();
    // The old one is paid no more.
    world.assert_rejected(EngineError::WrongAccount, |world| world.collect_treasury(0));
    assert_eq!(world.tokens(&old), 0);
    world.assert_sound();
}

/// Whatever a stolen key signs, nothing of it holds before users could leave.
#[test]
fn attack_39_a_stolen_authority_changes_nothing_for_two_days() {
    let mut world = World::trading(&[AVAX]);
    world.trader("ann", MILLION, &[AVAX]);
    let (exchange, params) = (world.exchange(), world.market(AVAX).header.params);
    let thief = Pubkey::new_from_array([0x7E; 32]);
    world.write_tokens(thief, &key("mallory"), 0);
    let (worst, market) = world.market_change(AVAX, |params| {
        params.initial_margin_ppm = 1_000_000;
        params.taker_fee_ppm = 10_000;
        params.index_age_seconds_max = 300;
    });
    let changes = [
        (worst, market),
        (ChangeArgs::Treasury, Some(thief)),
        (
            ChangeArgs::FeeSplit {
                shares_ppm: [0, 0, 1_000_000],
            },
            None,
        ),
        (
            ChangeArgs::Guardian {
                guardian: key("mallory"),
            },
            None,
        ),
    ];
    for (id, (change, target)) in (0..).zip(changes) {
        // Queued and applied in one transaction: the clock has not moved.
        let queue = world.queue_change_ix(change.clone(), target);
        world.queue_change(change, target).unwrap();
        let apply = world.apply_change_ix(id);
        let mut twin = world.clone();
        twin.cancel_change(id).unwrap();
        world.assert_rejected(EngineError::ChangeNotDue, |world| {
            world.send(&[apply], &["keeper".into()])
        });
        drop(queue);
    }
    world.advance_fresh(2 * DAY - 1);
    for id in 0..4 {
        world.assert_rejected(EngineError::ChangeNotDue, |world| world.apply_change(id));
    }
    let now = world.exchange();
    assert_eq!(now.treasury, exchange.treasury);
    assert_eq!(now.fee_treasury_ppm, exchange.fee_treasury_ppm);
    assert_eq!(now.guardian, exchange.guardian);
    assert!(world.market(AVAX).header.params == params);
    // Who has the key back takes them back, and whoever held money there had two days to go.
    for id in 0..4 {
        world.cancel_change(id).unwrap();
    }
    world.withdraw("ann", MILLION).unwrap();
    world.assert_sound();
}

#[test]
fn attack_40_a_limit_is_not_raised_and_used_in_one_transaction() {
    let mut world = World::new();
    let spec = MarketSpec::preset(AVAX).with(|params| {
        params.open_interest_max = params.base_atoms_per_lot;
        params.open_interest_low = 0;
    });
    world.open_market(&spec);
    world.trader("ann", MILLION, &[AVAX]);
    world.trader("bob", MILLION, &[AVAX]);
    world
        .place("ann", AVAX, plimsoll_testkit::ask(20_000, 500))
        .unwrap();
    let (change, target) = world.market_change(AVAX, |params| {
        params.open_interest_max *= 1_000;
    });
    let queue = world.queue_change_ix(change, target);
    let apply = {
        let mut twin = world.clone();
        twin.send(std::slice::from_ref(&queue), &["authority".into()])
            .unwrap();
        twin.apply_change_ix(0)
    };
    let order = world.place_ix("bob", AVAX, bid(20_000, 500));
    let signers = [Actor::from("authority"), Actor::from("bob")];
    world.assert_rejected(EngineError::ChangeNotDue, |world| {
        world.send(&[queue.clone(), apply, order], &signers)
    });
    world.assert_rejected(EngineError::OpenInterestCapExceeded, |world| {
        world.place("bob", AVAX, bid(20_000, 500))
    });
    world.send(&[queue], &["authority".into()]).unwrap();
    world.advance_fresh(2 * DAY);
    world.apply_change(0).unwrap();
    world.place("bob", AVAX, bid(20_000, 500)).unwrap();
}

/// The fast lane does not carry a raise: lowered in the same change or not, it waits.
#[test]
fn attack_40_the_fast_lane_raises_no_limit() {
    let mut world = World::trading(&[AVAX]);
    type Raise = fn(&mut plimsoll_engine::params::MarketParams);
    let raises: [Raise; 8] = [
        |p| p.open_interest_max += 1,
        |p| p.open_interest_high += 1,
        |p| {
            p.open_interest_low -= 1;
            p.open_interest_high += 1;
        },
        |p| {
            p.open_interest_max -= 1;
            p.slice_lots_max += 1;
        },
        |p| {
            p.open_interest_max -= 1;
            p.velocity_short_ppm -= 1;
        },
        |p| {
            p.open_interest_max -= 1;
            p.initial_margin_ppm += 1;
        },
        // A lower budget takes a protection away.
        |p| p.halt_budget_seconds -= 1,
        |p| p.default_fund_budget_ppm -= 1,
    ];
    for (id, raise) in (0..).zip(raises) {
        world.queue_params(AVAX, raise).unwrap();
        assert_eq!(world.pending(id).pace, Pace::Slow.byte(), "{id}");
    }
    world.advance_fresh(HOUR);
    for id in 0..8 {
        world.assert_rejected(EngineError::ChangeNotDue, |world| world.apply_change(id));
    }
}
