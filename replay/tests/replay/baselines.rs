//! The baseline models: each does what it stands for, and nothing else changes.

use plimsoll_replay::outcome::Study;
use plimsoll_replay::rules::RuleSet;

use crate::venue_rules::count;
use crate::world::{avax, play, run};

#[test]
fn the_venues_own_mark_liquidates_on_its_own_prints() {
    let (theirs, ours) = (run(RuleSet::BaselineVenueMark), run(RuleSet::Plimsoll));
    assert!(theirs.measures.liquidated_on_venue_only_print > 0);
    assert!(theirs.measures.liquidated_on_venue_only_print <= theirs.measures.liquidated_accounts);
    // Their index on chain follows the venue's trades, ours the tape.
    let lowest = |run: &plimsoll_replay::outcome::Run| {
        run.timeline
            .iter()
            .map(|moment| moment.index)
            .min()
            .unwrap()
    };
    assert!(lowest(theirs) < lowest(ours) * 9 / 10);
    assert_eq!(
        theirs.measures.index_low, ours.measures.index_low,
        "the tape's"
    );
}

#[test]
fn a_list_takes_all_of_some_and_no_more_in_sum() {
    let ours = run(RuleSet::Plimsoll);
    for rules in [RuleSet::BaselineQueue, RuleSet::BaselineRandom] {
        let theirs = run(rules);
        let found = &theirs.measures;
        let closed = count(theirs, "closed_by_queue");
        assert!(closed > 10, "{rules}");
        assert_eq!(
            found.adl_worst_share, 1_000_000,
            "{rules}: someone is closed whole"
        );
        assert!(
            found.adl_gini > ours.measures.adl_gini + 100_000,
            "{rules}: {found:?}"
        );
        let most = u64::try_from(closed * theirs.haircuts.len()).unwrap();
        assert!(
            found.adl_overshoot.unsigned_abs() <= most,
            "{rules}: {found:?}"
        );
        // Someone on the same side is spared: that is what a list is.
        let spared = theirs.haircuts.iter().filter(|cut| cut.charged == 0);
        assert!(spared.count() > 0, "{rules}");
        assert!(ours
            .haircuts
            .iter()
            .filter(|cut| cut.held > 1_000_000)
            .all(|cut| cut.charged > 0));
    }
}

#[test]
fn the_two_lists_are_not_the_same_list() {
    let charged =
        |rules| -> Vec<u64> { run(rules).haircuts.iter().map(|cut| cut.charged).collect() };
    assert_ne!(
        charged(RuleSet::BaselineQueue),
        charged(RuleSet::BaselineRandom)
    );
}

#[test]
fn no_deposit_is_taken_in_the_worst_ten_minutes_and_every_one_outside() {
    let mut request = avax(&[RuleSet::BaselineSuspendedDeposits]);
    request.until = Some("21:25".parse().unwrap());
    let study: Study = play(&request);
    let second = |at: u32| study.start + i64::from(at);
    let window = second(study.worst.0)..=second(study.worst.1);
    let (mut refused, mut taken) = (0_u64, 0_u64);
    for row in &study.runs[0].events {
        match row.event {
            "deposit_refused" => {
                refused += 1;
                assert!(window.contains(&row.unix_seconds), "{row:?} {window:?}");
            }
            "deposited" => {
                taken += 1;
                assert!(!window.contains(&row.unix_seconds), "{row:?} {window:?}");
            }
            _ => {}
        }
    }
    assert!(refused > 0 && taken > 0, "{refused} {taken} {window:?}");
    let found = &study.runs[0].measures;
    assert_eq!(found.deposits_accepted, taken);
    assert_eq!(found.deposits_tried, taken + refused);
}
