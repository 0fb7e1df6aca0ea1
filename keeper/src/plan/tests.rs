use plimsoll_engine::EngineError;
use solana_pubkey::Pubkey;

use super::*;
use crate::decide::{Danger, Signer, Tier};

const LIMITS: Limits = Limits {
    in_flight: 2,
    queue: 4,
    backoff_min: 1_000,
    backoff_max: 8_000,
    lamports_an_hour: 100_000,
};

fn action(subject: u8, amount: u64, state: u64) -> Action {
    Action {
        key: Key {
            subject: Pubkey::new_from_array([subject; 32]),
            kind: Kind::Liquidate,
        },
        danger: Danger {
            tier: Tier::Account,
            amount,
        },
        signer: Signer::Payer,
        state,
        instructions: Vec::new(),
    }
}

fn report(subject: u8, state: u64, outcome: Outcome) -> Report {
    Report {
        key: action(subject, 0, 0).key,
        state,
        outcome,
        lamports: 5_000,
        slot: 1,
        read: 0,
    }
}

/// Subjects that are sent now.
fn sent(plan: &mut Plan, actions: Vec<Action>, now: Millis) -> Vec<u8> {
    let (chosen, _) = plan.select(actions, now, u64::MAX, |_| 5_000);
    chosen
        .iter()
        .map(|planned| planned.action.key.subject.to_bytes()[0])
        .collect()
}

#[test]
fn what_is_under_way_is_not_sent_again() {
    let mut plan = Plan::new(LIMITS);
    assert_eq!(sent(&mut plan, vec![action(1, 9, 0)], 0), [1]);
    assert!(sent(&mut plan, vec![action(1, 9, 0)], 10).is_empty());
    plan.report(&report(1, 0, Outcome::Landed), 20);
    // Another state is progress: at once.
    assert_eq!(sent(&mut plan, vec![action(1, 9, 1)], 30), [1]);
}

#[test]
fn the_most_dangerous_go_first_and_places_and_queue_are_bounded() {
    let mut plan = Plan::new(LIMITS);
    let due = || (1..=9).map(|n| action(n, 100 - u64::from(n), 0)).collect();
    let (chosen, held) = plan.select(due(), 0, 0, |_| 5_000);
    let subjects: Vec<u8> = chosen
        .iter()
        .map(|p| p.action.key.subject.to_bytes()[0])
        .collect();
    assert_eq!(subjects, [1, 2]);
    assert_eq!((held.queued, plan.in_flight()), (7, 2));
    // Nothing is kept of what lies behind the queue's end.
    assert_eq!(plan.keys(), LIMITS.queue);
    plan.report(&report(1, 0, Outcome::Landed), 1);
    // The place that is free again goes to the most dangerous that may be sent, and no other is free.
    assert_eq!(sent(&mut plan, due(), 2), [1]);
    assert!(sent(&mut plan, vec![action(3, 1, 0)], 3).is_empty());
}

#[test]
fn an_account_that_can_never_be_liquidated_is_tried_ever_more_rarely() {
    let mut plan = Plan::new(LIMITS);
    let mut tries = Vec::new();
    for now in (0..60_000).step_by(100) {
        if sent(&mut plan, vec![action(1, 9, 0)], now) == [1] {
            tries.push(now);
            plan.report(&report(1, 0, Outcome::Permanent("never".into())), now);
        }
    }
    let gaps: Vec<u64> = tries.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(gaps[..5], [1_000, 2_000, 4_000, 8_000, 8_000]);
    assert!(tries.len() < 12, "{tries:?}");
}

#[test]
fn landing_without_progress_backs_off_and_progress_ends_it() {
    let mut plan = Plan::new(LIMITS);
    let mut tries = Vec::new();
    for now in (0..20_000).step_by(100) {
        if sent(&mut plan, vec![action(1, 9, 7)], now) == [1] {
            tries.push(now);
            plan.report(&report(1, 7, Outcome::Landed), now);
        }
    }
    // The first landing may have changed what is judged; from the second on it is known that none did.
    assert_eq!(tries[..5], [0, 100, 1_100, 3_100, 7_100]);
    let resumed = tries.last().copied().expect("tries") + 200;
    assert!(sent(&mut plan, vec![action(1, 9, 7)], resumed).is_empty());
    assert_eq!(sent(&mut plan, vec![action(1, 9, 8)], resumed), [1]);
    plan.report(&report(1, 8, Outcome::Landed), resumed);
    assert_eq!(sent(&mut plan, vec![action(1, 9, 9)], resumed + 100), [1]);
}

#[test]
fn another_state_ends_no_wait_after_a_refusal_and_no_pause() {
    let mut plan = Plan::new(LIMITS);
    sent(&mut plan, vec![action(1, 9, 7)], 0);
    plan.report(&report(1, 7, Outcome::Permanent("never".into())), 0);
    assert!(sent(&mut plan, vec![action(1, 9, 8)], 999).is_empty());
    let settle = |state| {
        let mut settle = action(2, 9, state);
        settle.key.kind = Kind::Settle;
        settle
    };
    for state in [7, 7] {
        let now = if plan.keys() == 1 { 0 } else { 60_000 };
        assert_eq!(sent(&mut plan, vec![settle(state)], now), [2]);
        let mut landed = report(2, state, Outcome::Landed);
        landed.key.kind = Kind::Settle;
        plan.report(&landed, now);
    }
    assert!(sent(&mut plan, vec![settle(8)], 119_999).is_empty());
    assert_eq!(sent(&mut plan, vec![settle(8)], 120_000), [2]);
}

#[test]
fn each_class_of_outcome_has_its_own_retry() {
    let again = |outcome: Outcome, after: Millis| {
        let mut plan = Plan::new(LIMITS);
        sent(&mut plan, vec![action(1, 9, 0)], 0);
        plan.report(&report(1, 0, outcome), 0);
        sent(&mut plan, vec![action(1, 9, 0)], after) == [1]
    };
    assert!(again(Outcome::Expired, 1));
    assert!(again(Outcome::OutOfCompute, 1));
    assert!(again(Outcome::Transient("refused".into()), 1));
    let lost = Outcome::LostRace(EngineError::NotLiquidatable);
    assert!(!again(lost.clone(), 999) && again(lost, 1_000));
    assert!(!again(Outcome::Stale("IndexStale".into()), 999));
    assert!(!again(Outcome::Permanent("no".into()), 999));
}

#[test]
fn what_landed_waits_until_it_has_been_read_again() {
    let mut plan = Plan::new(LIMITS);
    sent(&mut plan, vec![action(1, 9, 0)], 0);
    let mut landed = report(1, 0, Outcome::Landed);
    landed.read = 5;
    plan.report(&landed, 10);
    let select = |plan: &mut Plan, now, read| {
        plan.select(vec![action(1, 9, 1)], now, read, |_| 5_000)
            .0
            .len()
    };
    assert_eq!(select(&mut plan, 20, 4), 0);
    assert_eq!(select(&mut plan, 30, 5), 1);
    plan.report(&landed, 40);
    // A source that never answers does not stop it for ever.
    assert_eq!(select(&mut plan, 40 + UNSEEN_MAX - 1, 4), 0);
    assert_eq!(select(&mut plan, 40 + UNSEEN_MAX, 4), 1);
}

#[test]
fn no_hour_costs_more_than_its_budget() {
    let mut plan = Plan::new(Limits {
        lamports_an_hour: 12_000,
        ..LIMITS
    });
    assert_eq!(sent(&mut plan, vec![action(1, 9, 0)], 0), [1]);
    // Reserved, not spent yet: the second still fits, a third does not.
    assert_eq!(sent(&mut plan, vec![action(2, 8, 0)], 1), [2]);
    plan.report(&report(1, 0, Outcome::Landed), 2);
    plan.report(&report(2, 0, Outcome::Landed), 2);
    let (chosen, held) = plan.select(vec![action(3, 7, 0)], 3, 0, |_| 5_000);
    assert_eq!(
        (chosen.len(), held.over_budget, plan.spending()),
        (0, 1, 10_000)
    );
    assert_eq!(sent(&mut plan, vec![action(3, 7, 0)], 2 + HOUR), [3]);
    // What never landed costs nothing.
    let mut expired = report(3, 0, Outcome::Expired);
    expired.lamports = 0;
    plan.report(&expired, 3 + HOUR);
    assert_eq!(plan.spending(), 0);
}

#[test]
fn keys_that_are_no_longer_due_are_forgotten() {
    let mut plan = Plan::new(LIMITS);
    sent(&mut plan, vec![action(1, 9, 0)], 0);
    plan.report(&report(1, 0, Outcome::Landed), 1);
    assert!(sent(&mut plan, Vec::new(), 2).is_empty());
    assert_eq!(plan.keys(), 1);
    assert!(sent(&mut plan, Vec::new(), 20_000).is_empty());
    assert_eq!(plan.keys(), 0);
}

/// What it wrote before it stopped decides how the next begins, however it ended.
#[test]
fn a_sequence_that_stopped_half_way_waits_until_what_it_wrote_has_been_read() {
    for outcome in [
        Outcome::Expired,
        Outcome::OutOfCompute,
        Outcome::Permanent(String::new()),
    ] {
        let mut plan = Plan::new(LIMITS);
        let mut post = action(1, 9, 1);
        post.key.kind = Kind::PostPrice;
        let select = |plan: &mut Plan, now, read| {
            let (chosen, _) = plan.select(vec![post.clone()], now, read, |_| 5_000);
            chosen.len()
        };
        assert_eq!(select(&mut plan, 0, 0), 1);
        let mut stopped = report(1, 1, outcome);
        (stopped.key, stopped.read) = (post.key, 5);
        plan.report(&stopped, 10);
        assert_eq!(select(&mut plan, 5_000, 4), 0);
        assert_eq!(select(&mut plan, 5_000, 5), 1);
    }
}

/// Of so many that are due in the same second.
const STORM: u64 = 11_279;

fn stormed(amount: u64) -> Action {
    let mut due = action(0, amount, 0);
    let mut subject = [0; 32];
    subject[..8].copy_from_slice(&amount.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    due.key.subject = Pubkey::new_from_array(subject);
    due
}

#[test]
fn a_storm_keeps_the_queue_bounded_and_goes_from_the_most_dangerous_to_the_least() {
    let limits = Limits {
        in_flight: 64,
        queue: 1_024,
        lamports_an_hour: u64::MAX,
        ..LIMITS
    };
    let mut plan = Plan::new(limits);
    // As the accounts are found, not as they are ranked.
    let mut left: BTreeMap<Key, Action> = (1..=STORM)
        .map(|amount| (stormed(amount).key, stormed(amount)))
        .collect();
    let mut safe = Vec::new();
    let mut now = 0;
    while !left.is_empty() {
        let mut due: Vec<Action> = left.values().cloned().collect();
        crate::decide::rank(&mut due);
        let (chosen, held) = plan.select(due, now, u64::MAX, |_| 5_000);
        assert_eq!(chosen.len(), left.len().min(limits.in_flight));
        assert_eq!(held.queued, left.len() - chosen.len());
        assert_eq!(plan.due_at(now), left.len().min(limits.queue));
        for planned in chosen {
            let action = planned.action;
            left.remove(&action.key);
            safe.push(action.danger.amount);
            let landed = Report {
                key: action.key,
                state: action.state,
                outcome: Outcome::Landed,
                lamports: 5_000,
                slot: 1,
                read: 0,
            };
            plan.report(&landed, now);
        }
        now += 400;
    }
    assert!(safe.iter().copied().eq((1..=STORM).rev()));
    // What was remembered of them ends as well.
    plan.select(Vec::new(), now + 2 * limits.backoff_max, 0, |_| 5_000);
    assert_eq!(plan.keys(), 0);
}
